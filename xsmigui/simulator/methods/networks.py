"""PIF, VLAN, VIF and management: what an operator does to a pool's networks."""

from __future__ import annotations

import itertools
from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.tables import Row


@method("PIF.plug")
async def plug(call: Call, pif: str) -> None:
    call.pool.reach(call.db.get("PIF", pif, "host"))
    await call.pause(0.5)
    call.db.set("PIF", pif, currently_attached=True)


@method("PIF.unplug")
async def unplug(call: Call, pif: str) -> None:
    row = call.db.row("PIF", pif)
    call.pool.reach(row["host"])
    if row["management"]:
        raise Failure("PIF_IS_MANAGEMENT_INTERFACE", pif)
    if row["disallow_unplug"]:
        raise Failure("PIF_DOES_NOT_ALLOW_UNPLUG", pif)
    await call.pause(0.5)
    call.db.set("PIF", pif, currently_attached=False)


@method("PIF.scan")
def scan(call: Call, host: str) -> None:
    call.db.row("host", host)
    call.pool.reach(host)


@method("PIF.reconfigure_ip")
def reconfigure_ip(call: Call, pif: str, mode: str, ip: str, netmask: str, gateway: str, dns: str) -> None:
    row = call.db.row("PIF", pif)
    call.pool.reach(row["host"])
    if mode == "Static" and not ip:
        raise Failure("INVALID_IP_ADDRESS_SPECIFIED", "IP")
    if mode == "None":
        ip = netmask = gateway = ""
    call.db.set(
        "PIF", pif, ip_configuration_mode=mode, IP=ip if mode != "DHCP" else row["IP"], netmask=netmask,
        gateway=gateway, DNS=dns,
    )  # fmt: skip


@method("PIF.reconfigure_ipv6")
def reconfigure_ipv6(call: Call, pif: str, mode: str, ip: str, gateway: str, dns: str) -> None:
    call.db.set("PIF", pif, ipv6_configuration_mode=mode, IPv6=[ip] if ip else [], ipv6_gateway=gateway, DNS=dns)


@method("PIF.set_property")
def set_property(call: Call, pif: str, name: str, value: str) -> None:
    call.db.set("PIF", pif, properties={**call.db.get("PIF", pif, "properties"), name: value})


@method("VLAN.create")
def vlan_create(call: Call, tagged: str, tag: int, network: str) -> str:
    return _vlan(call, tagged, network, tag)[0]


def _vlan(call: Call, tagged: str, network: str, tag: int) -> tuple[str, str]:
    """The VLAN and its untagged PIF."""
    db = call.db
    below = db.row("PIF", tagged)
    if not 0 <= tag <= 4094:
        raise Failure("VLAN_TAG_INVALID", tag)
    for ref, other in db.table("PIF").items():
        if other["host"] != below["host"]:
            continue
        if other["VLAN"] == tag and other["device"] == below["device"]:
            raise Failure("PIF_VLAN_EXISTS", tagged)
        if other["network"] == network:
            raise Failure("NETWORK_ALREADY_CONNECTED", below["host"], ref)
    db.row("network", network)
    vlan = db.create("VLAN", {"tag": tag, "tagged_PIF": tagged})
    pif = db.create("PIF", {
        "device": below["device"], "network": network, "host": below["host"], "MAC": below["MAC"], "MTU": below["MTU"],
        "VLAN": tag, "currently_attached": True, "ip_configuration_mode": "None", "managed": True,
        "VLAN_master_of": vlan, "metrics": below["metrics"], "primary_address_type": "IPv4",
    })  # fmt: skip
    db.set("VLAN", vlan, untagged_PIF=pif)
    return vlan, pif


@method("PIF.create_VLAN")
def create_vlan(call: Call, device: str, network: str, host: str, tag: int) -> str:
    for ref, row in call.db.table("PIF").items():
        if row["host"] == host and row["device"] == device and row["VLAN"] < 0:
            return _vlan(call, ref, network, tag)[1]
    raise Failure("INVALID_VALUE", "device", device)


@method("pool.create_VLAN_from_PIF")
def create_vlans(call: Call, pif: str, network: str, tag: int) -> list[str]:
    """On all hosts, above the PIFs of the same network."""
    below = call.db.get("PIF", pif, "network")
    return [_vlan(call, p, network, tag)[1] for p in call.db.get("network", below, "PIFs")]


@method("VLAN.destroy")
def vlan_destroy(call: Call, vlan: str) -> None:
    pif = call.db.get("VLAN", vlan, "untagged_PIF")
    call.db.delete("VLAN", vlan)
    if call.db.has("PIF", pif):
        call.db.delete("PIF", pif)


_RESERVED: Final = ("xen", "xapi", "vif", "tap", "eth")
LONGEST_BRIDGE: Final = 15
_INTERNAL: Final = "is_host_internal_management_network"


@method("network.create")
def network_create(call: Call, struct: Row) -> str:
    db = call.db
    values = constructor_values(db, "network", struct)
    bridges = {row["bridge"] for row in db.table("network").values()}
    bridge = values.get("bridge", "")
    if not bridge:
        bridge = next(name for n in itertools.count() if (name := f"xapi{n}") not in bridges)
    elif len(bridge) > LONGEST_BRIDGE or bridge.startswith(_RESERVED):
        raise Failure("INVALID_VALUE", "bridge", bridge)
    elif bridge in bridges:
        raise Failure("BRIDGE_NAME_EXISTS", bridge)
    mtu = values.get("MTU", 0)
    return db.create("network", {**values, "bridge": bridge, "MTU": mtu if mtu > 0 else 1500})


@method("network.destroy")
def network_destroy(call: Call, network: str) -> None:
    """VIFs that are not connected go with it."""
    row = call.db.row("network", network)
    connected = [v for v in row["VIFs"] if call.db.get("VIF", v, "currently_attached")]
    if connected:
        raise Failure("NETWORK_CONTAINS_VIF", *connected)
    if row["PIFs"]:
        raise Failure("NETWORK_CONTAINS_PIF", *row["PIFs"])
    if row["other_config"].get(_INTERNAL) == "true":
        raise Failure("CANNOT_DESTROY_SYSTEM_NETWORK", network)
    for vif in list(row["VIFs"]):
        call.db.delete("VIF", vif)
    call.db.delete("network", network)


@method("network.set_default_locking_mode")
def network_locking(call: Call, network: str, value: str) -> None:
    for vif in call.db.get("network", network, "VIFs"):
        if call.db.get("VIF", vif, "currently_attached"):
            raise Failure("VIF_IN_USE", network, vif)
    call.db.set("network", network, default_locking_mode=value)


@method("network.add_purpose")
def network_purpose(call: Call, network: str, value: str) -> None:
    """NBD with and without encryption exclude one another in the whole pool."""
    row = call.db.row("network", network)
    if not row["managed"]:
        raise Failure("NETWORK_UNMANAGED", network)
    if value in row["purpose"]:
        return
    other = {"nbd": "insecure_nbd", "insecure_nbd": "nbd"}.get(value)
    if any(other in one["purpose"] for one in call.db.table("network").values()):
        raise Failure("NETWORK_INCOMPATIBLE_PURPOSES", value, other)
    call.db.set("network", network, purpose=[value, *row["purpose"]])


@method("network.remove_purpose")
def network_no_purpose(call: Call, network: str, value: str) -> None:
    present = call.db.get("network", network, "purpose")
    call.db.set("network", network, purpose=[p for p in present if p != value])


@method("host.management_reconfigure")
@method("pool.management_reconfigure")
def management(call: Call, target: str) -> None:
    """The PIF (or all PIFs of a network) that carries management from now on."""
    db = call.db
    pifs = [target] if call.message.cls == "host" else list(db.get("network", target, "PIFs"))
    for pif in pifs:
        row = db.row("PIF", pif)
        if not row["IP"]:
            raise Failure("INTERFACE_HAS_NO_IP", pif)
        for other in db.get("host", row["host"], "PIFs"):
            db.set("PIF", other, management=other == pif)
