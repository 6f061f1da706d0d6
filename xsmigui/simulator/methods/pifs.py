"""PIF: a host's interfaces, their addresses and properties (xapi 24.10 and 26.17: xapi_pif.ml; forwarded to the PIF's
host)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import pifs as gate
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.methods.interfaces import is_mac
from xsmigui.simulator.tables import Row

_PROPERTIES: Final = {"gro": ("on", "off")}
_NOT_FOUND: Final = "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS"


def at_host(call: Call, pif: str) -> Row:
    """The row, once its host is reached."""
    row = call.db.row("PIF", pif)
    call.pool.reach(row["host"])
    return row


# -- up and down -------------------------------------------------------------------------------------------------------


@method("PIF.plug")
async def plug(call: Call, pif: str) -> None:
    at_host(call, pif)
    bring_up(call, pif)
    await call.pause(0.5)


def bring_up(call: Call, pif: str) -> None:
    """What is below comes up first."""
    db = call.db
    gate.assert_managed(call.pool, pif)
    row = db.row("PIF", pif)
    match gate.kinds(call.pool, row)[0]:
        case "tunnel":
            transport = db.get("tunnel", row["tunnel_access_PIF_of"][0], "transport_PIF")
            if db.get("PIF", transport, "ip_configuration_mode") == "None":
                raise Failure("TRANSPORT_PIF_NOT_CONFIGURED", transport)
            bring_up(call, transport)
        case "vlan":
            tagged = db.get("VLAN", row["VLAN_master_of"], "tagged_PIF")
            if db.get("PIF", tagged, "sriov_logical_PIF_of"):
                bring_up(call, tagged)
        case "sriov":
            bring_up(call, db.get("network_sriov", row["sriov_logical_PIF_of"][0], "physical_PIF"))
        case "physical" if row["bond_slave_of"] != NULL:
            if not row["sriov_physical_PIF_of"]:
                raise Failure("CANNOT_PLUG_BOND_SLAVE", pif)
            bring_up(call, db.get("Bond", row["bond_slave_of"], "master"))
            return
    db.set("PIF", pif, currently_attached=True)


@method("PIF.unplug")
async def unplug(call: Call, pif: str) -> None:
    at_host(call, pif)
    bring_down(call, pif)
    await call.pause(0.5)


def bring_down(call: Call, pif: str) -> None:
    """What is built on it goes down first."""
    db, pool = call.db, call.pool
    gate.assert_managed(pool, pif)
    gate.assert_unprotected(pool, pif)
    gate.assert_not_management(pool, pif)
    row = db.row("PIF", pif)
    gate.assert_nobody_uses(pool, row["network"], row["host"])
    if row["disallow_unplug"]:
        raise Failure("PIF_DOES_NOT_ALLOW_UNPLUG", pif)
    for tunnel in row["tunnel_transport_PIF_of"]:
        bring_down(call, db.get("tunnel", tunnel, "access_PIF"))
    match gate.kinds(pool, row)[0]:
        case "bond":
            for member in db.get("Bond", row["bond_master_of"][0], "slaves"):
                if db.get("PIF", member, "sriov_physical_PIF_of"):
                    bring_down(call, member)
        case "sriov":
            for vlan in row["VLAN_slave_of"]:
                bring_down(call, db.get("VLAN", vlan, "untagged_PIF"))
        case "physical":
            for sriov in row["sriov_physical_PIF_of"]:
                bring_down(call, db.get("network_sriov", sriov, "logical_PIF"))
    if row["bond_slave_of"] == NULL:
        db.set("PIF", pif, currently_attached=False)


@method("PIF.set_disallow_unplug")
def set_disallow_unplug(call: Call, pif: str, value: bool) -> None:
    """Not taken away while a cluster uses the interface, or is about to."""
    if call.db.get("PIF", pif, "disallow_unplug") == value:
        return
    if not value:
        gate.assert_no_clustering(call.pool, pif)
        for ref, row in call.db.table("Cluster").items():
            joining = {task: op for task, op in row["current_operations"].items() if op in {"enable", "add"}}
            if joining:
                raise other_operation(call.pool.profile, "Cluster", ref, joining)
    call.db.set("PIF", pif, disallow_unplug=value)


# -- addresses ---------------------------------------------------------------------------------------------------------


def _servers(text: str, version: int) -> list[str]:
    return [address for address in text.split(",") if gate.is_address(address, version)]


def _assert_may_change(call: Call, pif: str) -> None:
    """Other addresses may fence the host where it is protected or in a cluster."""
    gate.assert_unprotected(call.pool, pif)
    gate.assert_no_clustering(call.pool, pif)


def _assert_management_has_one(row: Row, pif: str, mode: str, kind: str) -> None:
    if row["management"] and mode == "None" and row["primary_address_type"] == kind:
        raise Failure("PIF_IS_MANAGEMENT_INTERFACE", pif)


@method("PIF.reconfigure_ip")
def reconfigure_ip(call: Call, pif: str, mode: str, ip: str, netmask: str, gateway: str, dns: str) -> None:
    row = at_host(call, pif)
    gate.assert_managed(call.pool, pif)
    present = (row["ip_configuration_mode"], row["IP"], row["netmask"], row["gateway"])
    if mode != "Static" or present != (mode, ip, netmask, gateway):
        _assert_may_change(call, pif)
    given = {"IP": ip, "netmask": netmask, "gateway": gateway}
    for field, text in given.items():
        if text or (mode == "Static" and field != "gateway"):
            gate.assert_address(field, text, 4)
    _assert_management_has_one(row, pif, mode, "IPv4")
    if mode == "DHCP":  # whatever the server gives: here what was there
        given["IP"] = given["IP"] or row["IP"]
    servers = [*_servers(dns, 4), *_servers(row["DNS"], 6)]
    call.db.set("PIF", pif, ip_configuration_mode=mode, **given, DNS=",".join(servers))


@method("PIF.reconfigure_ipv6")
def reconfigure_ipv6(call: Call, pif: str, mode: str, ip: str, gateway: str, dns: str) -> None:
    row = at_host(call, pif)
    gate.assert_managed(call.pool, pif)
    present = (row["ipv6_configuration_mode"], row["IPv6"], row["ipv6_gateway"])
    if mode != "Static" or present != (mode, [ip], gateway):
        _assert_may_change(call, pif)
    if gateway:
        gate.assert_address("gateway", gateway, 6)
    if ip:
        gate.assert_prefix("IPv6", ip, 6)
    _assert_management_has_one(row, pif, mode, "IPv6")
    servers = [*_servers(dns, 6), *_servers(row["DNS"], 4)]
    call.db.set("PIF", pif, ipv6_configuration_mode=mode, IPv6=[ip], ipv6_gateway=gateway, DNS=",".join(servers))


@method("PIF.set_primary_address_type")
def set_primary_address_type(call: Call, pif: str, value: str) -> None:
    at_host(call, pif)
    gate.assert_unprotected(call.pool, pif)
    gate.assert_not_management(call.pool, pif)
    call.db.set("PIF", pif, primary_address_type=value)


@method("PIF.set_property")
def set_property(call: Call, pif: str, name: str, value: str) -> None:
    """Of bonds and of physical interfaces in none; a bond's members get the same."""
    row = at_host(call, pif)
    if value not in _PROPERTIES.get(name, ()):
        raise Failure("INVALID_VALUE", "properties", f"{name} = {value}")
    if not (row["bond_master_of"] or row["physical"]) or row["bond_slave_of"] != NULL:
        raise Failure("CANNOT_CHANGE_PIF_PROPERTIES", pif)
    properties = {name: value, **{k: v for k, v in row["properties"].items() if k != name}}
    members = [m for bond in row["bond_master_of"] for m in call.db.get("Bond", bond, "slaves")]
    for ref in (pif, *members):
        call.db.set("PIF", ref, properties=properties)


# -- rows --------------------------------------------------------------------------------------------------------------


@method("PIF.scan")
def scan(call: Call, host: str) -> None:
    """Interfaces that were forgotten are there again."""
    call.pool.reach(host)
    for device, address in sorted(call.pool.unknown_interfaces.get(host, {}).items()):
        _introduce(call, host, address, device, managed=True)


@method("PIF.introduce")
def introduce(call: Call, host: str, address: str, device: str, managed: bool = True) -> str:
    """An interface that the host has and no row tells of."""
    call.pool.reach(host)
    there = call.pool.unknown_interfaces.get(host, {})
    address = address.lower() or there.get(device, "")
    if not is_mac(address):
        raise Failure("MAC_INVALID", address)
    rows = call.db.table("PIF").values()
    if any(row["host"] == host and row["physical"] and row["device"] == device for row in rows):
        raise Failure("DUPLICATE_PIF_DEVICE_NAME", device)
    if there.get(device) != address:
        raise Failure(_NOT_FOUND, device, address)
    return _introduce(call, host, address, device, managed=managed)


def _introduce(call: Call, host: str, address: str, device: str, *, managed: bool) -> str:
    db = call.db
    del call.pool.unknown_interfaces[host][device]
    bridge = f"xenbr{device[3:]}" if device.startswith("eth") else f"br{device}"
    network = next((ref for ref, row in db.table("network").items() if managed and row["bridge"] == bridge), None)
    network = network or db.create("network", {
        "name_label": f"Pool-wide network associated with {device}", "bridge": bridge if managed else "", "MTU": 1500,
        "managed": managed,
    })  # fmt: skip
    return db.create("PIF", {
        "host": host, "MAC": address, "device": device, "network": network, "managed": managed, "physical": True,
        "MTU": 1500, "VLAN": -1, "ip_configuration_mode": "None", "primary_address_type": "IPv4",
        "properties": {"gro": "on"}, "metrics": db.create("PIF_metrics", {}),
    })  # fmt: skip


@method("PIF.db_introduce")
def introduce_row(
    call: Call, device: str, network: str, host: str, address: str, mtu: int, vlan: int, physical: bool, mode: str,
    ip: str, netmask: str, gateway: str, dns: str, bond: str, vlan_master: str, management: bool,
    other_config: dict[str, str], disallow_unplug: bool, mode6: str, ip6: list[str], gateway6: str, primary: str,
    managed: bool, properties: dict[str, str],
) -> str:  # fmt: skip
    """A row, and no interface behind it; it is in no bond whatever the caller says."""
    db = call.db
    if vlan != -1:
        gate.assert_no_trunks(call.pool, network)
    return db.create("PIF", {
        "device": device, "network": network, "host": host, "MAC": address, "MTU": mtu, "VLAN": vlan,
        "physical": physical, "ip_configuration_mode": mode, "IP": ip, "netmask": netmask, "gateway": gateway,
        "DNS": dns, "VLAN_master_of": vlan_master, "management": management, "other_config": other_config,
        "disallow_unplug": disallow_unplug, "ipv6_configuration_mode": mode6, "IPv6": ip6, "ipv6_gateway": gateway6,
        "primary_address_type": primary, "managed": managed, "properties": properties,
        "metrics": db.create("PIF_metrics", {}),
    })  # fmt: skip


@method("PIF.forget")
def forget(call: Call, pif: str) -> None:
    row = at_host(call, pif)
    for check in (
        gate.assert_not_management, gate.assert_not_in_bond, gate.assert_no_vlans, gate.assert_no_tunnels,
        gate.assert_unprotected, gate.assert_no_functions, gate.assert_no_clustering,
    ):  # fmt: skip
        check(call.pool, pif)
    call.pool.unknown_interfaces.setdefault(row["host"], {})[row["device"]] = row["MAC"].lower()
    remove(call, pif)


def remove(call: Call, pif: str) -> None:
    """With its metrics, where they are its own."""
    row = call.db.row("PIF", pif)
    metrics = row["metrics"]
    call.db.delete("PIF", pif)
    shared = any(other["metrics"] == metrics for other in call.db.table("PIF").values())
    if call.db.has("PIF_metrics", metrics) and not shared:
        call.db.delete("PIF_metrics", metrics)


@method("PIF.db_forget")
def forget_row(call: Call, pif: str) -> None:
    call.db.delete("PIF", pif)
