"""Physical interfaces, bonds, VLANs, tunnels and SR-IOV: each refusal of xapi, in its order, and what is built
(xapi 26.17: xapi_pif.ml, xapi_pif_helpers.ml, xapi_network_helpers.ml, xapi_bond.ml, xapi_vlan.ml, xapi_tunnel.ml,
xapi_network_sriov.ml)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client
from tests.simulator.test_schema_walk import newest
from xsmigui.simulator.failures import NULL


@pytest.fixture
async def one() -> Client:
    return await newest()


async def pif(one: Client, device: str, host: str = "") -> str:
    """The physical interface with that name."""
    host = host or one.pool.master
    rows = one.pool.db.table("PIF").items()
    return next(r for r, row in rows if row["host"] == host and row["device"] == device and row["physical"])


async def empty(one: Client, name: str = "empty") -> str:
    return str(await one("network.create", {"name_label": name, "other_config": {}}))


async def spare(one: Client, device: str = "eth7", **values: Any) -> str:
    """An interface of the coordinator without an address, on a network of its own."""
    db = one.pool.db
    return db.create("PIF", {
        "device": device, "network": await empty(one, device), "host": one.pool.master, "MAC": "a0:36:9f:0f:00:07",
        "MTU": 1500, "VLAN": -1, "physical": True, "ip_configuration_mode": "None", "managed": True,
        "primary_address_type": "IPv4", "metrics": db.create("PIF_metrics", {}), **values,
    })  # fmt: skip


def running(one: Client) -> str:
    return next(ref for ref, row in one.pool.db.table("VM").items() if row["power_state"] == "Running" and row["VIFs"])


def other_host(one: Client) -> str:
    return next(host for host in one.pool.db.table("host") if host != one.pool.master)


async def test_an_interface_is_forgotten_and_found_again(one: Client) -> None:
    host, taken = one.pool.master, await spare(one)
    mac = one.pool.db.get("PIF", taken, "MAC")
    assert await one.refused("PIF.introduce", host, "no", "eth9", True) == ["MAC_INVALID", "no"]
    assert await one.refused("PIF.introduce", host, "", "eth9", True) == ["MAC_INVALID", ""]
    assert await one.refused("PIF.introduce", host, mac, "eth7", True) == ["DUPLICATE_PIF_DEVICE_NAME", "eth7"]
    assert await one.refused("PIF.introduce", host, mac.upper(), "eth9", True) == [
        "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS", "eth9", mac,
    ]  # fmt: skip
    await one("PIF.forget", taken)
    assert not one.pool.db.has("PIF", taken)
    again = await one("PIF.introduce", host, "", "eth7", True)
    assert await one("PIF.get_MAC", again) == mac
    await one("PIF.forget", again)
    await one("PIF.scan", host)
    assert await one("PIF.get_MAC", await pif(one, "eth7")) == mac


async def test_what_may_not_be_forgotten(one: Client) -> None:
    management = await one("host.get_management_interface", one.pool.master)
    assert await one.refused("PIF.forget", management) == ["PIF_IS_MANAGEMENT_INTERFACE", management]
    below = await spare(one)
    vlan = await one("VLAN.create", below, 99, await empty(one))
    assert await one.refused("PIF.forget", below) == ["PIF_VLAN_STILL_EXISTS", below]
    tagged = await one("VLAN.get_untagged_PIF", vlan)
    assert await one.refused("PIF.forget", tagged) == ["PIF_VLAN_STILL_EXISTS", tagged]
    await one("VLAN.destroy", vlan)
    assert not one.pool.db.has("PIF", tagged)
    one.pool.db.set("PIF", below, ip_configuration_mode="DHCP")
    tunnel = await one("tunnel.create", below, await empty(one, "t"), "gre")
    assert await one.refused("PIF.forget", below) == ["PIF_TUNNEL_STILL_EXISTS", below]
    await one("tunnel.destroy", tunnel)
    one.pool.db.set("PIF", below, currently_attached=True)
    for field, code in (("ha_enabled", "HA_IS_ENABLED"), ("redo_log_enabled", "REDO_LOG_IS_ENABLED")):
        one.pool.db.set("pool", one.pool.ref, **{field: True})
        for method, *more in (
            ("PIF.forget",), ("PIF.unplug",), ("PIF.set_primary_address_type", "IPv6"),
            ("PIF.reconfigure_ip", "None", "", "", "", ""),
        ):  # fmt: skip
            assert await one.refused(method, below, *more) == [code]
        one.pool.db.set("pool", one.pool.ref, **{field: False})
    member = one.pool.db.create("Cluster_host", {"PIF": below, "enabled": True, "host": one.pool.master})
    assert await one.refused("PIF.forget", below) == ["CLUSTERING_ENABLED", member]
    one.pool.db.set("PIF", below, disallow_unplug=True)
    assert await one.refused("PIF.set_disallow_unplug", below, False) == ["CLUSTERING_ENABLED", member]
    one.pool.db.set("Cluster_host", member, enabled=False)
    cluster = one.pool.db.create("Cluster", {"current_operations": {"OpaqueRef:t": "add"}})
    assert await one.refused("PIF.set_disallow_unplug", below, False) == [
        "OTHER_OPERATION_IN_PROGRESS", "Cluster", cluster, "add", "OpaqueRef:t",
    ]  # fmt: skip


async def test_plug_and_unplug(one: Client) -> None:
    management = await one("host.get_management_interface", one.pool.master)
    assert await one.refused("PIF.unplug", management) == ["PIF_IS_MANAGEMENT_INTERFACE", management]
    below = await spare(one)
    one.pool.db.set("PIF", below, managed=False)
    for method, *more in (
        ("PIF.plug",), ("PIF.unplug",), ("PIF.reconfigure_ip", "DHCP", "", "", "", ""),
        ("PIF.reconfigure_ipv6", "DHCP", "", "", ""),
    ):  # fmt: skip
        assert await one.refused(method, below, *more) == ["PIF_UNMANAGED", below]
    one.pool.db.set("PIF", below, managed=True, disallow_unplug=True)
    assert await one.refused("PIF.unplug", below) == ["PIF_DOES_NOT_ALLOW_UNPLUG", below]
    vm = running(one)
    here = one.pool.db.get("VM", vm, "resident_on")
    vif = (await one("VM.get_VIFs", vm))[0]
    network = await one("VIF.get_network", vif)
    under = next(p for p in await one("network.get_PIFs", network) if one.pool.db.get("PIF", p, "host") == here)
    if not one.pool.db.get("PIF", under, "management"):
        assert await one.refused("PIF.unplug", under) == ["VIF_IN_USE", network, vif]
    offline = other_host(one)
    there = await pif(one, "eth1", offline)
    one.pool.lose_host(offline)
    for method, *more in (("PIF.plug",), ("PIF.unplug",), ("PIF.forget",), ("VLAN.create", 7, network)):
        assert await one.refused(method, there, *more) == ["HOST_OFFLINE", offline]


@pytest.mark.parametrize(("arguments", "refusal"), [
    (("Static", "", "", "", ""), ["INVALID_IP_ADDRESS_SPECIFIED", "IP"]),
    (("Static", "10.0.0.1", "", "", ""), ["INVALID_IP_ADDRESS_SPECIFIED", "netmask"]),
    (("Static", "10.0.0.1", "255.255.255.0", "x", ""), ["INVALID_IP_ADDRESS_SPECIFIED", "gateway"]),
    (("DHCP", "x", "", "", ""), ["INVALID_IP_ADDRESS_SPECIFIED", "IP"]),
    (("None", "", "fe80::1", "", ""), ["INVALID_IP_ADDRESS_SPECIFIED", "netmask"]),
])  # fmt: skip
async def test_addresses_are_checked(one: Client, arguments: tuple[str, ...], refusal: list[str]) -> None:
    assert await one.refused("PIF.reconfigure_ip", await spare(one), *arguments) == refusal


async def test_addresses(one: Client) -> None:
    below = await spare(one)
    for mode, ip, gateway, refusal in (
        ("Static", "10.0.0.1", "", ["INVALID_CIDR_ADDRESS_SPECIFIED", "IPv6"]),
        ("Static", "fd00::1", "", ["INVALID_CIDR_ADDRESS_SPECIFIED", "IPv6"]),
        ("Static", "fd00::1/64", "10.0.0.1", ["INVALID_IP_ADDRESS_SPECIFIED", "gateway"]),
    ):
        assert await one.refused("PIF.reconfigure_ipv6", below, mode, ip, gateway, "") == refusal
    await one("PIF.reconfigure_ip", below, "Static", "10.9.0.1", "255.0.0.0", "", "10.9.0.9,fd00::9,no")
    await one("PIF.reconfigure_ipv6", below, "Static", "fd00::1/64", "", "fd00::8,10.9.0.7")
    assert await one("PIF.get_DNS", below) == "fd00::8,10.9.0.9"  # each call keeps the other family's servers
    assert await one("PIF.get_IPv6", below) == ["fd00::1/64"]
    management = await one("host.get_management_interface", one.pool.master)
    refusal = ["PIF_IS_MANAGEMENT_INTERFACE", management]
    assert await one.refused("PIF.reconfigure_ip", management, "None", "", "", "", "") == refusal
    assert await one.refused("PIF.set_primary_address_type", management, "IPv6") == refusal
    for name, value in (("gro", "maybe"), ("mtu", "on")):
        told = await one.refused("PIF.set_property", below, name, value)
        assert told == ["INVALID_VALUE", "properties", f"{name} = {value}"]
    vlan = await one("VLAN.create", below, 5, await empty(one))
    tagged = await one("VLAN.get_untagged_PIF", vlan)
    assert await one.refused("PIF.set_property", tagged, "gro", "on") == ["CANNOT_CHANGE_PIF_PROPERTIES", tagged]


async def test_vlans(one: Client) -> None:
    below, network = await spare(one), await empty(one)
    for tag in (-1, 4095):
        assert await one.refused("VLAN.create", below, tag, network) == ["VLAN_TAG_INVALID", str(tag)]
    one.pool.db.set("network", network, managed=False)
    assert await one.refused("VLAN.create", below, 9, network) == ["NETWORK_UNMANAGED", network]
    one.pool.db.set("network", network, managed=True)
    vlan = await one("VLAN.create", below, 9, network)
    tagged = await one("VLAN.get_untagged_PIF", vlan)
    row = await one("PIF.get_record", tagged)
    assert (row["MAC"], row["physical"], row["currently_attached"], row["device"]) == (
        "fe:ff:ff:ff:ff:ff", False, True, "eth7",
    )  # fmt: skip
    refusal = ["NETWORK_ALREADY_CONNECTED", one.pool.master, tagged]
    assert await one.refused("VLAN.create", below, 10, network) == refusal
    other = await empty(one, "other")
    assert await one.refused("VLAN.create", below, 9, other) == ["PIF_VLAN_EXISTS", "eth7"]
    assert await one.refused("VLAN.create", tagged, 10, other) == ["PIF_IS_VLAN", tagged]
    assert await one.refused("PIF.destroy", below) == ["PIF_IS_PHYSICAL"]
    host = one.pool.master
    assert await one.refused("PIF.create_VLAN", "eth99", other, host, 3) == ["INVALID_VALUE", "device", "eth99"]
    above = await one("PIF.create_VLAN", "eth7", other, host, 3)
    await one("PIF.destroy", above)
    vm = running(one)
    vif = (await one("VM.get_VIFs", vm))[0]
    one.pool.db.set("VIF", vif, network=other, trunks=[1])
    assert await one.refused("VLAN.create", below, 11, other) == ["NETWORK_INCOMPATIBLE_WITH_TRUNKS", other]


async def test_vlans_of_the_whole_pool_are_made_everywhere_or_nowhere(one: Client) -> None:
    network = await empty(one)
    hosts = await one("host.get_all")
    assert len(await one("pool.create_VLAN", "eth0", network, 77)) == len(hosts)
    offline = other_host(one)
    one.pool.lose_host(offline)
    before, other = set(one.pool.db.table("PIF")), await empty(one, "other")
    assert await one.refused("pool.create_VLAN", "eth0", other, 78) == ["HOST_OFFLINE", offline]
    assert set(one.pool.db.table("PIF")) == before
    made = await one("pool.create_VLAN_from_PIF", await pif(one, "eth0"), other, 78)  # of the hosts that are there
    assert len(made) == len(hosts) - 1


async def test_tunnels(one: Client) -> None:
    below, network = await spare(one), await empty(one)
    refusal = ["TRANSPORT_PIF_NOT_CONFIGURED", below]
    assert await one.refused("tunnel.create", below, network, "gre") == refusal
    one.pool.db.set("PIF", below, ip_configuration_mode="DHCP")
    other = await empty(one, "other")
    tunnel = await one("tunnel.create", below, other, "vxlan")
    access = await one("tunnel.get_access_PIF", tunnel)
    assert await one("PIF.get_device", access) in {
        "tunnel0",
        "tunnel1",
    }  # the refused one has left its PIF, as xapi does
    third = await empty(one, "third")
    assert await one.refused("tunnel.create", access, third, "gre") == ["IS_TUNNEL_ACCESS_PIF", access]
    assert await one.refused("VLAN.create", access, 4, third) == ["IS_TUNNEL_ACCESS_PIF", access]
    host = one.pool.db.row("host", one.pool.master)
    one.pool.db.set("host", one.pool.master, software_version={**host["software_version"], "network_backend": "bridge"})
    assert await one.refused("tunnel.create", below, third, "gre") == ["OPENVSWITCH_NOT_ACTIVE"]


async def test_sriov(one: Client) -> None:
    below, network = await spare(one), await empty(one)
    assert await one.refused("network_sriov.create", below, network) == ["PIF_IS_NOT_SRIOV_CAPABLE", below]
    one.pool.db.set("PIF", below, capabilities=["sriov"])
    sriov = await one("network_sriov.create", below, network)
    logical = await one("network_sriov.get_logical_PIF", sriov)
    other = await empty(one, "other")
    assert await one.refused("network_sriov.create", below, other) == ["NETWORK_SRIOV_ALREADY_ENABLED", below]
    assert await one.refused("network_sriov.create", logical, other) == ["PIF_IS_NOT_PHYSICAL", logical]
    assert await one.refused("PIF.forget", logical) == ["CANNOT_FORGET_SRIOV_LOGICAL", logical]
    assert await one.refused("PIF.forget", below) == ["PIF_SRIOV_STILL_EXISTS", below]
    assert await one.refused("tunnel.create", logical, other, "gre") == ["CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL", logical]
    eighth = await spare(one, "eth8")
    members = [eighth, logical]
    assert await one.refused("Bond.create", other, members, "", "balance-slb", {}) == ["PIF_IS_SRIOV_LOGICAL", logical]
    vlan = await one("VLAN.create", logical, 6, other)
    assert await one.refused("network_sriov.destroy", sriov) == ["PIF_VLAN_STILL_EXISTS", logical]
    await one("VLAN.destroy", vlan)
    one.pool.db.set("pool", one.pool.ref, restrictions={"restrict_network_sriov": "true"})
    assert await one.refused("network_sriov.create", eighth, other) == ["LICENCE_RESTRICTION", "Network_sriov"]
    await one("network_sriov.destroy", sriov)
    assert not one.pool.db.has("PIF", logical)


async def test_a_bond_takes_what_its_members_had_and_gives_it_back(one: Client) -> None:
    first, second, network = await spare(one), await spare(one, "eth8"), await empty(one)
    one.pool.db.set("PIF", second, ip_configuration_mode="Static", IP="10.7.0.1", netmask="255.0.0.0")
    vlan = await one("VLAN.create", first, 31, tagged_network := await empty(one, "tagged"))
    bond = await one("Bond.create", network, [first, second, first], "", "lacp", {"lacp-time": "fast"})
    row = await one("Bond.get_record", bond)
    assert (row["primary_slave"], row["mode"], row["auto_update_mac"]) == (second, "lacp", True)
    assert row["properties"] == {"hashing_algorithm": "tcpudp_ports", "lacp-time": "fast", "lacp-fallback-ab": "true"}
    assert set(row["slaves"]) == {first, second}
    master = await one("PIF.get_record", row["master"])
    assert (master["device"], master["IP"], master["currently_attached"]) == ("bond0", "10.7.0.1", True)
    assert not one.pool.db.has("VLAN", vlan)
    moved = master["VLAN_slave_of"][0]
    assert (await one("PIF.get_network", await one("VLAN.get_untagged_PIF", moved))) == tagged_network
    assert await one.refused("VLAN.create", first, 4, await empty(one, "x")) == ["CANNOT_ADD_VLAN_TO_BOND_SLAVE", first]
    assert await one.refused("PIF.plug", first) == ["CANNOT_PLUG_BOND_SLAVE", first]
    assert await one.refused("PIF.forget", first) == ["PIF_ALREADY_BONDED", first]
    refusal = ["INVALID_VALUE", "properties", "lacp-time = never"]
    assert await one.refused("Bond.set_property", bond, "lacp-time", "never") == refusal
    await one("Bond.set_mode", bond, "balance-slb")
    assert await one("Bond.get_properties", bond) == {}
    await one("Bond.destroy", bond)
    assert not one.pool.db.has("PIF", row["master"])
    assert await one("PIF.get_IP", second) == "10.7.0.1"
    assert await one("PIF.get_bond_slave_of", first) == NULL
    assert one.pool.db.row("PIF", second)["VLAN_slave_of"]


async def test_what_may_not_be_bonded(one: Client) -> None:
    first, second, network = await spare(one), await spare(one, "eth8"), await empty(one)

    async def refused(members: list[str], mac: str = "", mode: str = "balance-slb", **properties: str) -> list[str]:
        return await one.refused("Bond.create", network, members, mac, mode, properties)

    assert await refused([]) == ["PIF_BOND_NEEDS_MORE_MEMBERS"]
    assert await refused([first], "no") == ["MAC_INVALID", "no"]
    assert await refused([first], "", gro="on") == ["INVALID_VALUE", "properties", "gro = on"]
    one.pool.db.set("PIF", second, primary_address_type="IPv6")
    assert await refused([first, second]) == ["PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", second]
    one.pool.db.set("PIF", second, primary_address_type="IPv4", managed=False)
    assert await refused([first, second]) == ["PIF_UNMANAGED", second]
    one.pool.db.set("PIF", second, managed=True, properties={"gro": "off"})
    assert await refused([first, second]) == ["INCOMPATIBLE_PIF_PROPERTIES"]
    for member in (first, second):
        one.pool.db.set("PIF", member, properties={}, ip_configuration_mode="DHCP")
    assert await refused([first, second]) == ["PIF_BOND_MORE_THAN_ONE_IP"]
    far = await pif(one, "eth1", other_host(one))
    assert await refused([first, far]) == ["PIF_CANNOT_BOND_CROSS_HOST"]
    management = await one("host.get_management_interface", one.pool.master)
    one.pool.db.set("pool", one.pool.ref, ha_enabled=True)
    assert await refused([management, first]) == ["HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE"]
    vlan = await one("VLAN.create", first, 12, await empty(one, "tagged"))
    tagged = await one("VLAN.get_untagged_PIF", vlan)
    assert await refused([second, tagged]) == ["PIF_VLAN_EXISTS", "eth7"]
