"""pool.join: what a standalone host must be to become a member of a pool (xapi 24.10 and 26.17: xapi_pool.ml,
pre_join_checks). The joining itself is not simulated: a host that passes all of them gets NOT_IMPLEMENTED."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.tables import Row

RESTRICTED_POOL: Final = 3  # hosts, where the edition knows no larger pools
Check = Callable[[XapiPool, XapiPool], Failure | None]


@method("pool.join")
@method("pool.join_force")
def join(call: Call, address: str, user: str, password: str) -> None:
    """`address` is that of the other pool's coordinator."""
    features.assert_enabled(call.pool, "Pooling")
    there = _pool_at(call, address)
    there.sessions.end(there.sessions.login(user, password, "", there.master))
    force = call.message.name == "join_force"
    for check in CHECKS:
        failure = None if force and check is _homogeneous else check(call.pool, there)
        if failure is not None:
            raise failure
    raise Failure("NOT_IMPLEMENTED", call.message.full)


def _pool_at(call: Call, address: str) -> XapiPool:
    assert call.pool.site is not None
    for pool in call.pool.site.pools:
        served = pool.endpoints.get(pool.master, "").partition("://")[2]
        if address and address in {served, pool.db.get("host", pool.master, "address")}:
            return pool
    raise Failure("JOINING_HOST_CONNECTION_FAILED")


def _own(pool: XapiPool) -> Row:
    return pool.db.row("host", pool.master)


def _size(here: XapiPool, there: XapiPool) -> Failure | None:
    full = len(there.db.table("host")) >= RESTRICTED_POOL
    return Failure("LICENCE_RESTRICTION", "Pool_size") if full and not features.enabled(here, "Pool_size") else None


def _managed(here: XapiPool, there: XapiPool) -> Failure | None:
    return None if _management(here) else Failure("HOST_STILL_BOOTING")


def _without_ha(here: XapiPool, there: XapiPool) -> Failure | None:
    return Failure("HA_IS_ENABLED") if here.row["ha_enabled"] or there.row["ha_enabled"] else None


def _without_cluster(here: XapiPool, there: XapiPool) -> Failure | None:
    enabled = [ref for ref, row in here.db.table("Cluster_host").items() if row["enabled"]]
    return Failure("CLUSTERING_ENABLED", enabled[0]) if enabled else None


def _another(here: XapiPool, there: XapiPool) -> Failure | None:
    if _own(here)["uuid"] != _own(there)["uuid"]:
        return None
    alone = len(here.db.table("host")) == 1
    text = "Host cannot become slave of itself" if alone else "Host is already part of a pool"
    return Failure("OPERATION_NOT_ALLOWED", text)


def _alone(here: XapiPool, there: XapiPool) -> Failure | None:
    others = len(here.db.table("host")) > 1
    return Failure("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS") if others else None


def _idle(here: XapiPool, there: XapiPool) -> Failure | None:
    """No VM runs, and nothing is done to one."""
    rows = here.db.table("VM")
    domain = _own(here)["control_domain"]
    if any(row["power_state"] == "Running" and ref != domain for ref, row in rows.items()):
        return Failure("JOINING_HOST_CANNOT_HAVE_RUNNING_VMS")
    busy = any(row["current_operations"] for row in rows.values())
    return Failure("JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS") if busy else None


def _up_to_date(here: XapiPool, there: XapiPool) -> Failure | None:
    for pool in (here, there):
        if _own(pool)["pending_guidances"]:
            return Failure("HOST_PENDING_MANDATORY_GUIDANCES_NOT_EMPTY", pool.master)
    return None


def _product(row: Row) -> str | None:
    version: dict[str, str] = row["software_version"]
    return version.get("product_brand") or version.get("platform_name")


def _compatible(here: XapiPool, there: XapiPool) -> Failure | None:
    ours, theirs = _own(here), _own(there)
    same = ours["software_version"].get("platform_version") == theirs["software_version"].get("platform_version")
    return None if same and _product(ours) == _product(theirs) else Failure("HOSTS_NOT_COMPATIBLE")


def _homogeneous(here: XapiPool, there: XapiPool) -> Failure | None:
    """The same software and the same vendor of processors; `join_force` does not mind."""

    def software(row: Row) -> tuple[object, ...]:
        version = row["software_version"]
        return version.get("xapi", ""), _product(row), version.get("git_id", ""), "xs:linux" in version

    if software(_own(here)) != software(_own(there)):
        return Failure("HOSTS_NOT_HOMOGENEOUS", "Software version differs")
    ours, theirs = _own(here)["cpu_info"], there.row["cpu_info"] or _own(there)["cpu_info"]
    return None if ours.get("vendor") == theirs.get("vendor") else Failure("HOSTS_NOT_HOMOGENEOUS", "CPUs differ")


def _nothing_shared(here: XapiPool, there: XapiPool) -> Failure | None:
    shared = any(row["shared"] and not row["is_tools_sr"] for row in here.db.table("SR").values())
    return Failure("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS") if shared else None


def _plain_networks(here: XapiPool, there: XapiPool) -> Failure | None:
    """No bonds, tunnels, SR-IOV, or VLANs but that of management, which is the pool's."""
    for cls, word in (("Bond", "BONDS"), ("tunnel", "TUNNELS"), ("network_sriov", "NETWORK_SRIOVS")):
        if here.db.table(cls):
            return Failure(f"POOL_JOINING_HOST_HAS_{word}")
    for row in here.db.table("VLAN").values():
        if not here.db.get("PIF", row["untagged_PIF"], "management"):
            return Failure("POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS")
    tags = [pif["VLAN"] for pif in _management(here, there)]
    return None if len(set(tags)) == 1 else Failure("POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", *tags)


def _management(*pools: XapiPool) -> list[Row]:
    """The interfaces that carry the management of the coordinators."""
    rows = [pool.db.row("PIF", ref) for pool in pools for ref in _own(pool)["PIFs"]]
    return [row for row in rows if row["management"]]


def _same_users(here: XapiPool, there: XapiPool) -> Failure | None:
    ours, theirs = (
        (row["external_auth_type"], row["external_auth_service_name"].lower()) for row in (_own(here), _own(there))
    )
    return None if ours == theirs else Failure("POOL_JOINING_EXTERNAL_AUTH_MISMATCH")


def _same_edition(here: XapiPool, there: XapiPool) -> Failure | None:
    """Other editions would have to be weighed by the licence daemon, of which there is none."""
    editions = [row["edition"] for row in there.db.table("host").values()]
    if all(edition == _own(here)["edition"] for edition in editions):
        return None
    return Failure("V6D_FAILURE", f"The pool uses v6d. Pool edition list = [{'; '.join(editions)}]")


def _same_switch(here: XapiPool, there: XapiPool) -> Failure | None:
    backends = [_own(pool)["software_version"].get("network_backend", "bridge") for pool in (here, there)]
    if backends[0] != backends[1]:
        return Failure("OPERATION_NOT_ALLOWED", "Network backends differ")
    fields = ("protocol", "address", "port")
    ours, theirs = (
        [tuple(row[f] for f in fields) for row in pool.db.table("SDN_controller").values()] for pool in (here, there)
    )
    if backends[0] == "openvswitch" and ours and ours != theirs:
        return Failure("OPERATION_NOT_ALLOWED", "SDN controller differs")
    return None


def _same_api(here: XapiPool, there: XapiPool) -> Failure | None:
    versions = [f"{r['API_version_major']}.{r['API_version_minor']}" for r in (_own(here), _own(there))]
    if versions[0] != versions[1]:
        return Failure("POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", *versions)
    schemas = [row["software_version"].get("db_schema", "") for row in (_own(here), _own(there))]
    if schemas[0] != schemas[1] or not schemas[0]:
        return Failure("POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", *schemas)
    return None


def _same_updates(here: XapiPool, there: XapiPool) -> Failure | None:
    def installed(pool: XapiPool) -> set[str]:
        rows = (pool.db.row("pool_update", ref) for ref in _own(pool)["updates"])
        return {row["uuid"] for row in rows if row["enforce_homogeneity"]}

    if installed(here) == installed(there):
        return None
    names = [_own(pool)["name_label"] for pool in (here, there)]
    return Failure("HOSTS_NOT_HOMOGENEOUS", f"Updates on local host {names[0]} and pool host {names[1]} differ")


def _same_addresses(here: XapiPool, there: XapiPool) -> Failure | None:
    kinds = [pif["primary_address_type"] for pif in _management(here, there)]
    return None if len(set(kinds)) == 1 else Failure("OPERATION_NOT_ALLOWED", "Primary address type differs")


def _same_purpose(here: XapiPool, there: XapiPool) -> Failure | None:
    first = [
        next((p for row in pool.db.table("network").values() for p in row["purpose"] if p.endswith("nbd")), None)
        for pool in (here, there)
    ]
    if None in first or first[0] == first[1]:
        return None
    return Failure("OPERATION_NOT_ALLOWED", "Incompatible network purposes: nbd and insecure_nbd")


def _same_trust(here: XapiPool, there: XapiPool) -> Failure | None:
    same = here.row["tls_verification_enabled"] == there.row["tls_verification_enabled"]
    return None if same else Failure("POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH")


def _not_updating(here: XapiPool, there: XapiPool) -> Failure | None:
    updating = any("apply_updates" in pool.row["current_operations"].values() for pool in (here, there))
    return Failure("NOT_SUPPORTED_DURING_UPGRADE") if updating else None


def _same_storage(here: XapiPool, there: XapiPool) -> Failure | None:
    """Each plug-in of the pool is here as well, and can do as much."""
    for ref, row in there.db.table("SM").items():
        ours = [r for r, other in here.db.table("SM").items() if other["type"] == row["type"]]
        if len(ours) != 1:
            return Failure("POOL_JOINING_SM_FEATURES_INCOMPATIBLE", ref, "")
        able = here.db.get("SM", ours[0], "features")
        if any(able.get(name, 0) < version for name, version in row["features"].items()):
            return Failure("POOL_JOINING_SM_FEATURES_INCOMPATIBLE", ref, ours[0])
    return None


CHECKS: Final[tuple[Check, ...]] = (
    _size, _managed, _without_cluster, _without_ha, _another, _alone, _idle, _up_to_date, _compatible, _homogeneous,
    _nothing_shared, _plain_networks, _same_users, _same_edition, _same_switch, _same_api, _same_updates,
    _same_addresses, _same_purpose, _same_trust, _not_updating, _same_storage,
)  # fmt: skip
"""In xapi's order; the first that fails names the error. Clusters that new members join by themselves are left out."""
