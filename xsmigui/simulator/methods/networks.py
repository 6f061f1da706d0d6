"""PIF, VLAN, VIF and management: what an operator does to a pool's networks."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure


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


@method("network.destroy")
def network_destroy(call: Call, network: str) -> None:
    row = call.db.row("network", network)
    if row["PIFs"]:
        raise Failure("NETWORK_CONTAINS_PIF", row["PIFs"][0])
    if row["VIFs"]:
        raise Failure("NETWORK_CONTAINS_VIF", row["VIFs"][0])
    call.db.delete("network", network)


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
