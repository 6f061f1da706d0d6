"""What stands in front of physical interfaces, VLANs, bonds, tunnels and SR-IOV: which may be built on which.

Source: xapi 26.17 (24.10 has the same, without trunks): xapi_pif.ml, xapi_pif_helpers.ml, xapi_network_helpers.ml,
xapi_network_attach_helpers.ml.
"""

from __future__ import annotations

import ipaddress

from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row


def kinds(pool: Pool, pif: Row) -> list[str]:
    """What a PIF is, and what is below it, down to the physical interface or bond: `vlan`, `sriov`, `tunnel`, `bond`,
    `physical` (get_pif_topo)."""
    found = []
    while True:
        if pif["tunnel_access_PIF_of"]:
            found.append("tunnel")
            pif = pool.db.row("PIF", pool.db.get("tunnel", pif["tunnel_access_PIF_of"][0], "transport_PIF"))
        elif pif["VLAN_master_of"] != NULL:
            found.append("vlan")
            pif = pool.db.row("PIF", pool.db.get("VLAN", pif["VLAN_master_of"], "tagged_PIF"))
        elif pif["sriov_logical_PIF_of"]:
            found.append("sriov")
            pif = pool.db.row("PIF", pool.db.get("network_sriov", pif["sriov_logical_PIF_of"][0], "physical_PIF"))
        elif pif["bond_master_of"]:
            return [*found, "bond"]
        elif pif["physical"]:
            return [*found, "physical"]
        else:
            raise internal(f"Cannot calculate PIF type of {pif['uuid']}")


def is_bond_member(pool: Pool, pif: Row) -> bool:
    """A physical interface that a bond has taken."""
    return kinds(pool, pif)[0] == "physical" and pif["bond_slave_of"] != NULL


# -- networks ----------------------------------------------------------------------------------------------------------


def assert_network_managed(pool: Pool, network: str) -> None:
    if not pool.db.get("network", network, "managed"):
        raise Failure("NETWORK_UNMANAGED", network)


def assert_not_connected(pool: Pool, network: str, host: str) -> None:
    """A host has one PIF on a network at most."""
    for pif in pool.db.get("network", network, "PIFs"):
        if pool.db.get("PIF", pif, "host") == host:
            raise Failure("NETWORK_ALREADY_CONNECTED", host, pif)


def _is_of_functions(pool: Pool, network: str) -> bool:
    """A network of SR-IOV functions, or of a VLAN above them."""
    pifs = pool.db.get("network", network, "PIFs")
    found = kinds(pool, pool.db.row("PIF", pifs[0])) if pifs else []
    return found[:1] == ["sriov"] or found[:2] == ["vlan", "sriov"]


def assert_takes(pool: Pool, network: str, what: str) -> None:
    """`tunnel`, `bond` and `vlan_on_bridge` are not for networks of SR-IOV functions."""
    if _is_of_functions(pool, network):
        raise Failure(f"NETWORK_INCOMPATIBLE_WITH_{what.upper()}", network)


def assert_vlan_network(pool: Pool, network: str, tagged: str) -> None:
    """A VLAN above SR-IOV functions goes on a network of its own or of such VLANs of the same card."""
    below = pool.db.row("PIF", tagged)
    if kinds(pool, below)[0] != "sriov":
        assert_takes(pool, network, "vlan_on_bridge")
        return
    pifs = pool.db.get("network", network, "PIFs")
    if not pifs:
        return
    other = pool.db.row("PIF", pifs[0])
    if kinds(pool, other)[:2] != ["vlan", "sriov"]:
        raise Failure("NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV", network)
    beside = pool.db.row("PIF", pool.db.get("VLAN", other["VLAN_master_of"], "tagged_PIF"))
    if _card(pool, _physical(pool, beside)) != _card(pool, _physical(pool, below)):
        raise Failure("NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS", tagged, network)


def assert_function_network(pool: Pool, network: str, pif: str) -> None:
    """SR-IOV functions go on a network of their own, or of functions of the same card."""
    pifs = pool.db.get("network", network, "PIFs")
    if not pifs:
        return
    other = pool.db.row("PIF", pifs[0])
    if not other["sriov_logical_PIF_of"]:
        raise Failure("NETWORK_INCOMPATIBLE_WITH_SRIOV", network)
    if _card(pool, _physical(pool, other)) != _card(pool, pif):
        raise Failure("NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS", pif, network)


def _physical(pool: Pool, logical: Row) -> str:
    return str(pool.db.get("network_sriov", logical["sriov_logical_PIF_of"][0], "physical_PIF"))


def _card(pool: Pool, pif: str) -> tuple[str, str]:
    pci = pool.db.row("PCI", pool.db.get("PIF", pif, "PCI"))
    return pci["vendor_name"], pci["device_name"]


def assert_no_trunks(pool: Pool, network: str) -> None:
    """VIFs that tag by themselves are not on a network of a VLAN (since 26.10)."""
    if any(pool.db.get("VIF", vif, "trunks") for vif in pool.db.get("network", network, "VIFs")) and (
        "trunks" in pool.schema.classes["VIF"].fields
    ):
        raise Failure("NETWORK_INCOMPATIBLE_WITH_TRUNKS", network)


# -- what is built on a PIF --------------------------------------------------------------------------------------------


def assert_managed(pool: Pool, pif: str) -> None:
    if not pool.db.get("PIF", pif, "managed"):
        raise Failure("PIF_UNMANAGED", pif)


def assert_carries_vlan(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if is_bond_member(pool, row):
        raise Failure("CANNOT_ADD_VLAN_TO_BOND_SLAVE", pif)
    match kinds(pool, row)[0]:
        case "vlan":
            raise Failure("PIF_IS_VLAN", pif)
        case "tunnel":
            raise Failure("IS_TUNNEL_ACCESS_PIF", pif)


def assert_carries_tunnel(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if is_bond_member(pool, row):
        raise Failure("CANNOT_ADD_TUNNEL_TO_BOND_SLAVE", pif)
    match kinds(pool, row)[:2]:
        case ["tunnel", *_]:
            raise Failure("IS_TUNNEL_ACCESS_PIF", pif)
        case ["sriov", *_]:
            raise Failure("CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL", pif)
        case ["vlan", "sriov"]:
            raise Failure("CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL", pif)


def assert_can_be_bonded(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if is_bond_member(pool, row):
        if pool.db.has("Bond", row["bond_slave_of"]):
            raise Failure("PIF_ALREADY_BONDED", pif)
        return
    match kinds(pool, row)[0]:
        case "vlan":
            raise Failure("PIF_VLAN_EXISTS", row["device"])
        case "tunnel":
            raise Failure("IS_TUNNEL_ACCESS_PIF", pif)
        case "sriov":
            raise Failure("PIF_IS_SRIOV_LOGICAL", pif)


def assert_gives_functions(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if kinds(pool, row)[0] != "physical":
        raise Failure("PIF_IS_NOT_PHYSICAL", pif)
    if row["sriov_physical_PIF_of"]:
        raise Failure("NETWORK_SRIOV_ALREADY_ENABLED", pif)
    if "sriov" not in row["capabilities"]:
        raise Failure("PIF_IS_NOT_SRIOV_CAPABLE", pif)


# -- what is done to a PIF ---------------------------------------------------------------------------------------------


def assert_not_in_bond(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if pool.db.has("Bond", row["bond_slave_of"]) or row["bond_master_of"]:
        raise Failure("PIF_ALREADY_BONDED", pif)


def assert_not_management(pool: Pool, pif: str, *, of_members: bool = False) -> None:
    """The management interface; `of_members`: only of hosts that do not coordinate."""
    row = pool.db.row("PIF", pif)
    if row["management"] and not (of_members and (row["host"] == pool.master or not row["currently_attached"])):
        raise Failure("PIF_IS_MANAGEMENT_INTERFACE", pif)


def assert_no_vlans(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if row["VLAN_slave_of"] or row["VLAN"] != -1:
        raise Failure("PIF_VLAN_STILL_EXISTS", pif)


def assert_no_tunnels(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    if row["tunnel_transport_PIF_of"] or row["tunnel_access_PIF_of"]:
        raise Failure("PIF_TUNNEL_STILL_EXISTS", pif)


def assert_no_functions(pool: Pool, pif: str) -> None:
    row = pool.db.row("PIF", pif)
    kind = kinds(pool, row)[0]
    if kind == "sriov":
        raise Failure("CANNOT_FORGET_SRIOV_LOGICAL", pif)
    if kind == "physical" and row["sriov_physical_PIF_of"]:
        raise Failure("PIF_SRIOV_STILL_EXISTS", pif)


def assert_unprotected(pool: Pool, pif: str) -> None:
    """An interface in use stays as it is under high availability and while the redo log is written."""
    if not pool.db.get("PIF", pif, "currently_attached"):
        return
    if pool.row["ha_enabled"]:
        raise Failure("HA_IS_ENABLED")
    if pool.row["redo_log_enabled"]:
        raise Failure("REDO_LOG_IS_ENABLED")


def assert_no_clustering(pool: Pool, pif: str) -> None:
    for ref, row in pool.db.table("Cluster_host").items():
        if row["PIF"] == pif and row["enabled"]:
            raise Failure("CLUSTERING_ENABLED", ref)


def assert_nobody_uses(pool: Pool, network: str, host: str) -> None:
    """No VM that runs on the host has an interface connected to the network."""
    for vif in pool.db.get("network", network, "VIFs"):
        row = pool.db.row("VIF", vif)
        vm = pool.db.row("VM", row["VM"])
        coming = "attach" in row["current_operations"].values()
        if (coming and host in {vm["resident_on"], vm["scheduled_to_be_resident_on"]}) or (
            row["currently_attached"] and vm["resident_on"] == host and vm["power_state"] in {"Running", "Paused"}
        ):
            raise Failure("VIF_IN_USE", network, vif)


# -- addresses ---------------------------------------------------------------------------------------------------------


def is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def is_prefix(text: str, version: int) -> bool:
    try:
        return "/" in text and ipaddress.ip_interface(text).version == version
    except ValueError:
        return False


def assert_address(field: str, text: str, version: int) -> None:
    if not is_address(text, version):
        raise Failure("INVALID_IP_ADDRESS_SPECIFIED", field)


def assert_prefix(field: str, text: str, version: int) -> None:
    if not is_prefix(text, version):
        raise Failure("INVALID_CIDR_ADDRESS_SPECIFIED", field)
