"""Bond, VLAN, tunnel and network_sriov: interfaces that are built on others (xapi 24.10 and 26.17: xapi_bond.ml,
xapi_vlan.ml, xapi_tunnel.ml, xapi_network_sriov.ml; forwarded to the host of the PIF below)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import pifs as gate
from xsmigui.simulator.methods.interfaces import TAGS, generated_mac, is_mac
from xsmigui.simulator.methods.pifs import at_host, bring_down, bring_up, remove
from xsmigui.simulator.tables import Row

NO_ADDRESS: Final = "fe:ff:ff:ff:ff:ff"
"""The MAC of VLANs and of SR-IOV: they have none of their own."""


def _built_on(call: Call, below: Row, network: str, **values: object) -> str:
    """A PIF without addresses above another one of the same host."""
    return call.db.create("PIF", {
        "device": below["device"], "network": network, "host": below["host"], "MAC": NO_ADDRESS, "MTU": below["MTU"],
        "VLAN": -1, "physical": False, "currently_attached": False, "ip_configuration_mode": "None", "managed": True,
        "metrics": below["metrics"], "primary_address_type": below["primary_address_type"], "IPv6": [""], **values,
    })  # fmt: skip


def _next_name(call: Call, host: str, stem: str, field: str) -> str:
    taken = {row["device"] for row in call.db.table("PIF").values() if row["host"] == host and row[field]}
    return next(name for n in range(len(taken) + 1) if (name := f"{stem}{n}") not in taken)


# -- VLANs -------------------------------------------------------------------------------------------------------------


@method("VLAN.create")
def vlan_create(call: Call, tagged: str, tag: int, network: str) -> str:
    db, pool = call.db, call.pool
    below = at_host(call, tagged)
    gate.assert_network_managed(pool, network)
    gate.assert_not_connected(pool, network, below["host"])
    gate.assert_managed(pool, tagged)
    gate.assert_carries_vlan(pool, tagged)
    gate.assert_vlan_network(pool, network, tagged)
    if tag not in TAGS:
        raise Failure("VLAN_TAG_INVALID", tag)
    if any(db.get("VLAN", vlan, "tag") == tag for vlan in below["VLAN_slave_of"]):
        raise Failure("PIF_VLAN_EXISTS", below["device"])
    gate.assert_no_trunks(pool, network)
    vlan = _vlan(call, below, tagged, tag, network)
    bring_up(call, db.get("VLAN", vlan, "untagged_PIF"))
    return vlan


def _vlan(call: Call, below: Row, tagged: str, tag: int, network: str) -> str:
    vlan = call.db.create("VLAN", {"tag": tag, "tagged_PIF": tagged})
    pif = _built_on(call, below, network, VLAN=tag, VLAN_master_of=vlan)
    call.db.set("VLAN", vlan, untagged_PIF=pif)
    return vlan


@method("VLAN.destroy")
def vlan_destroy(call: Call, vlan: str) -> None:
    db, pool = call.db, call.pool
    at_host(call, db.get("VLAN", vlan, "tagged_PIF"))
    pif = db.get("VLAN", vlan, "untagged_PIF")
    if db.has("PIF", pif):
        gate.assert_not_in_bond(pool, pif)
        gate.assert_not_management(pool, pif, of_members=True)
        gate.assert_unprotected(pool, pif)
        if db.get("PIF", pif, "VLAN") < 0:
            raise Failure("PIF_IS_PHYSICAL")
        bring_down(call, pif)
        db.delete("PIF", pif)
    db.delete("VLAN", vlan)


@method("PIF.create_VLAN")
def pif_create_vlan(call: Call, device: str, network: str, host: str, tag: int) -> str:
    call.pool.reach(host)
    for ref in call.db.get("host", host, "PIFs"):
        row = call.db.row("PIF", ref)
        if row["device"] == device and row["VLAN"] == -1:
            return str(call.db.get("VLAN", vlan_create(call, ref, tag, network), "untagged_PIF"))
    raise Failure("INVALID_VALUE", "device", device)


@method("PIF.destroy")
def pif_destroy(call: Call, pif: str) -> None:
    """Of VLANs alone."""
    row = at_host(call, pif)
    if row["VLAN"] < 0:
        raise Failure("PIF_IS_PHYSICAL")
    vlan_destroy(call, row["VLAN_master_of"])


def _everywhere(call: Call, makers: list[Callable[[], str]]) -> list[str]:
    """The PIFs of VLANs on all hosts, or on none."""
    made: list[str] = []
    try:
        made.extend(make() for make in makers)
    except Failure:
        for pif in made:
            pif_destroy(call, pif)
        raise
    return made


@method("pool.create_VLAN")
def pool_create_vlan(call: Call, device: str, network: str, tag: int) -> list[str]:
    """Above the PIF of that device on every host."""
    hosts = list(call.db.table("host"))
    return _everywhere(call, [lambda host=host: pif_create_vlan(call, device, network, host, tag) for host in hosts])  # type: ignore[misc]


@method("pool.create_VLAN_from_PIF")
def pool_create_vlan_from_pif(call: Call, pif: str, network: str, tag: int) -> list[str]:
    """On all hosts that are there, above the PIFs of the same network."""
    db = call.db
    below = db.get("network", db.get("PIF", pif, "network"), "PIFs")
    there = [p for p in below if call.pool.live(db.get("PIF", p, "host"))]

    def make(tagged: str) -> str:
        return str(db.get("VLAN", vlan_create(call, tagged, tag, network), "untagged_PIF"))

    return _everywhere(call, [lambda p=p: make(p) for p in there])  # type: ignore[misc]


# -- tunnels -----------------------------------------------------------------------------------------------------------


@method("tunnel.create")
def tunnel_create(call: Call, transport: str, network: str, protocol: str = "gre") -> str:
    db, pool = call.db, call.pool
    below = at_host(call, transport)
    gate.assert_network_managed(pool, network)
    gate.assert_not_connected(pool, network, below["host"])
    gate.assert_managed(pool, transport)
    gate.assert_carries_tunnel(pool, transport)
    gate.assert_takes(pool, network, "tunnel")
    if any(row["software_version"].get("network_backend") != "openvswitch" for row in db.table("host").values()):
        raise Failure("OPENVSWITCH_NOT_ACTIVE")
    tunnel = _tunnel(call, below, transport, network, protocol)
    bring_up(call, db.get("tunnel", tunnel, "access_PIF"))
    db.set("tunnel", tunnel, status={"active": "true"})
    return tunnel


def _tunnel(call: Call, below: Row, transport: str, network: str, protocol: str) -> str:
    device = _next_name(call, below["host"], "tunnel", "tunnel_access_PIF_of")
    access = _built_on(
        call, below, network, device=device, MAC=generated_mac(0, call.db.new_uuid()), MTU=-1
    )  # fmt: skip
    return call.db.create("tunnel", {
        "access_PIF": access, "transport_PIF": transport, "status": {"active": "false"}, "protocol": protocol,
    })  # fmt: skip


@method("tunnel.destroy")
def tunnel_destroy(call: Call, tunnel: str) -> None:
    at_host(call, call.db.get("tunnel", tunnel, "transport_PIF"))
    access = call.db.get("tunnel", tunnel, "access_PIF")
    bring_down(call, access)
    call.db.delete("PIF", access)
    call.db.delete("tunnel", tunnel)


# -- SR-IOV ------------------------------------------------------------------------------------------------------------


@method("network_sriov.create")
def sriov_create(call: Call, pif: str, network: str) -> str:
    db, pool = call.db, call.pool
    below = at_host(call, pif)
    features.assert_enabled(pool, "Network_sriov")
    gate.assert_network_managed(pool, network)
    gate.assert_managed(pool, pif)
    gate.assert_gives_functions(pool, pif)
    gate.assert_not_connected(pool, network, below["host"])
    gate.assert_function_network(pool, network, pif)
    logical = _built_on(call, below, network, IPv6=[])
    values = {"physical_PIF": pif, "logical_PIF": logical, "requires_reboot": False, "configuration_mode": "sysfs"}
    sriov = db.create("network_sriov", values)
    bring_up(call, logical)
    return sriov


@method("network_sriov.destroy")
def sriov_destroy(call: Call, sriov: str) -> None:
    row = call.db.row("network_sriov", sriov)
    at_host(call, row["physical_PIF"])
    logical = row["logical_PIF"]
    if call.db.get("PIF", logical, "VLAN_slave_of"):
        raise Failure("PIF_VLAN_STILL_EXISTS", logical)
    bring_down(call, logical)
    call.db.delete("PIF", logical)
    call.db.delete("network_sriov", sriov)


# -- bonds -------------------------------------------------------------------------------------------------------------


def _whole_number(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True


# Key, what is set unless the caller says otherwise, what is allowed
_OF_LACP: Final[dict[str, tuple[str | None, Callable[[str], bool]]]] = {
    "hashing_algorithm": ("tcpudp_ports", frozenset({"src_mac", "tcpudp_ports"}).__contains__),
    "lacp-time": ("slow", frozenset({"fast", "slow"}).__contains__),
    "lacp-aggregation-key": (None, _whole_number),
    "lacp-fallback-ab": ("true", frozenset({"true", "false"}).__contains__),
}
_IP_FIELDS: Final = {"ip_configuration_mode": "None", "IP": "", "netmask": "", "gateway": "", "DNS": ""}


def _valid(mode: str, key: str, value: str) -> bool:
    return mode == "lacp" and key in _OF_LACP and _OF_LACP[key][1](value)


def _assert_property(mode: str, key: str, value: str) -> None:
    if not _valid(mode, key, value):
        raise Failure("INVALID_VALUE", "properties", f"{key} = {value}")


def _completed(mode: str, properties: dict[str, str]) -> dict[str, str]:
    if mode != "lacp":
        return properties
    return {key: value for key, (value, _) in _OF_LACP.items() if value is not None} | properties


@method("Bond.create")
def bond_create(
    call: Call, network: str, members: list[str], address: str, mode: str = "balance-slb",
    properties: dict[str, str] | None = None,
) -> str:  # fmt: skip
    db, pool = call.db, call.pool
    if not members:
        raise Failure("PIF_BOND_NEEDS_MORE_MEMBERS")
    host = at_host(call, members[0])["host"]
    gate.assert_network_managed(pool, network)
    gate.assert_not_connected(pool, network, host)
    gate.assert_takes(pool, network, "bond")
    if address and not is_mac(address):
        raise Failure("MAC_INVALID", address)
    for key, value in (properties or {}).items():
        _assert_property(mode, key, value)
    members = list(dict.fromkeys(members))
    rows = {member: db.row("PIF", member) for member in members}
    primary = _primary(rows)
    kind = rows[primary]["primary_address_type"]
    for member, row in rows.items():
        if row["primary_address_type"] != kind:
            raise Failure("PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", member)
    for member, row in rows.items():
        gate.assert_managed(pool, member)
        gate.assert_can_be_bonded(pool, member)
        if pool.row["ha_enabled"] and row["management"]:
            raise Failure("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
    if len({row["host"] for row in rows.values()}) > 1:
        raise Failure("PIF_CANNOT_BOND_CROSS_HOST")
    if any(row["properties"] != rows[members[0]]["properties"] for row in rows.values()):
        raise Failure("INCOMPATIBLE_PIF_PROPERTIES")
    if len(_configured(rows)) > 1:
        raise Failure("PIF_BOND_MORE_THAN_ONE_IP")
    vifs = _local_vifs(call, host, [row["network"] for row in rows.values()])
    master = _built_on(
        call, rows[primary], network, device=_next_name(call, host, "bond", "bond_master_of"), MTU=-1,
        MAC=address or rows[primary]["MAC"], metrics=db.create("PIF_metrics", {}),
        properties=dict(rows[members[0]]["properties"]),
        disallow_unplug=any(row["disallow_unplug"] for row in rows.values()),
    )  # fmt: skip
    bond = db.create("Bond", {
        "master": master, "primary_slave": primary, "mode": mode, "properties": _completed(mode, properties or {}),
        "auto_update_mac": not address,
    })  # fmt: skip
    for member in members:
        db.set("PIF", member, bond_slave_of=bond, disallow_unplug=False, currently_attached=False)
    _move_addresses(call, primary, master)
    _move_management(call, next((m for m, row in rows.items() if row["management"]), None), master)
    for member in members:
        _move_above(call, member, master)
    bring_up(call, master)
    for vif in vifs:
        db.set("VIF", vif, network=network)
    return bond


def _configured(rows: dict[str, Row]) -> list[str]:
    field = {"IPv4": "ip_configuration_mode", "IPv6": "ipv6_configuration_mode"}
    return [member for member, row in rows.items() if row[field[row["primary_address_type"]]] != "None"]


def _primary(rows: dict[str, Row]) -> str:
    """The management interface, else the first with an address, else the first."""
    return [*(m for m, row in rows.items() if row["management"]), *_configured(rows), *rows][0]


def _local_vifs(call: Call, host: str, networks: list[str]) -> list[str]:
    """Interfaces on these networks of VMs that run here, or can start nowhere else."""
    db = call.db
    found = []
    for vif in (v for network in networks if db.has("network", network) for v in db.get("network", network, "VIFs")):
        vm = db.get("VIF", vif, "VM")
        home = db.get("VM", vm, "resident_on")
        if home == host or (home == NULL and set(host_gate.possible(call.pool, vm)) <= {host}):
            found.append(vif)
    return found


def _move_addresses(call: Call, source: str, target: str) -> None:
    row = call.db.row("PIF", source)
    call.db.set("PIF", target, **{field: row[field] for field in _IP_FIELDS})
    call.db.set("PIF", source, **_IP_FIELDS)


def _move_management(call: Call, source: str | None, target: str) -> None:
    if source is not None:
        call.db.set("PIF", source, management=False)
        call.db.set("PIF", target, management=True, currently_attached=True)


def _move_above(call: Call, source: str, target: str) -> None:
    """VLANs and tunnels are built anew on another PIF, with their networks; a VLAN that is there already takes over."""
    db = call.db
    below = db.row("PIF", target)
    for old in list(db.get("PIF", source, "VLAN_slave_of")):
        vlan = db.row("VLAN", old)
        present = db.row("PIF", vlan["untagged_PIF"])
        same = [v for v in below["VLAN_slave_of"] if db.get("VLAN", v, "tag") == vlan["tag"]]
        new = same[0] if same else _vlan(call, below, target, vlan["tag"], present["network"])
        above = db.get("VLAN", new, "untagged_PIF")
        if same:
            for vif in _local_vifs(call, present["host"], [present["network"]]):
                db.set("VIF", vif, network=db.get("PIF", above, "network"))
        _move_addresses(call, vlan["untagged_PIF"], above)
        _move_management(call, vlan["untagged_PIF"] if present["management"] else None, above)
        db.set("PIF", above, currently_attached=present["currently_attached"])
        db.delete("PIF", vlan["untagged_PIF"])
        db.delete("VLAN", old)
    for old in list(db.get("PIF", source, "tunnel_transport_PIF_of")):
        tunnel = db.row("tunnel", old)
        access = db.row("PIF", tunnel["access_PIF"])
        made = _tunnel(call, below, target, access["network"], tunnel["protocol"])
        db.set("PIF", db.get("tunnel", made, "access_PIF"), currently_attached=access["currently_attached"])
        db.delete("PIF", tunnel["access_PIF"])
        db.delete("tunnel", old)


@method("Bond.destroy")
def bond_destroy(call: Call, bond: str) -> None:
    db, pool = call.db, call.pool
    row = db.row("Bond", bond)
    master = at_host(call, row["master"])
    members = list(row["slaves"])
    primary = row["primary_slave"]
    if not db.has("PIF", primary):
        raise internal("No primary slave")
    vifs = _local_vifs(call, master["host"], [master["network"]])
    if pool.row["ha_enabled"] and master["management"]:
        raise Failure("HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE")
    up, disallow = master["currently_attached"], master["disallow_unplug"]
    _move_addresses(call, row["master"], primary)
    _move_management(call, row["master"] if master["management"] else None, primary)
    _move_above(call, row["master"], primary)
    for vif in vifs:
        db.set("VIF", vif, network=db.get("PIF", primary, "network"))
    if disallow:
        db.set("PIF", primary, disallow_unplug=True)
    for member in members:
        db.set("PIF", member, bond_slave_of=NULL, currently_attached=up or db.get("PIF", member, "management"))
    db.delete("Bond", bond)
    remove(call, row["master"])


@method("Bond.set_mode")
def set_mode(call: Call, bond: str, mode: str) -> None:
    """Properties that the new mode does not know go, and it brings its own."""
    at_host(call, call.db.get("Bond", bond, "master"))
    kept = {k: v for k, v in call.db.get("Bond", bond, "properties").items() if _valid(mode, k, v)}
    call.db.set("Bond", bond, mode=mode, properties=_completed(mode, kept))


@method("Bond.set_property")
def set_property(call: Call, bond: str, name: str, value: str) -> None:
    at_host(call, call.db.get("Bond", bond, "master"))
    row = call.db.row("Bond", bond)
    _assert_property(row["mode"], name, value)
    call.db.set("Bond", bond, properties={**row["properties"], name: value})
