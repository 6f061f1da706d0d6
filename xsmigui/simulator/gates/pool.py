"""The gates in front of the pool and of its cluster: what goes on there only one at a time.

Source: xapi 24.10 and 26.17, xapi_pool_helpers.ml (compute_valid_operations), xapi_cluster_helpers.ml,
xapi_cluster_host_helpers.ml.
"""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.pool import Pool

# Each refuses all the others by a code of its own, in the order in which they are looked for
_BLOCKING: Final = (
    "ha_enable", "ha_disable", "cluster_create", "designate_new_master", "tls_verification_enable",
    "configure_repositories", "sync_updates", "sync_bundle", "apply_updates",
)  # fmt: skip
# These wait for one another, and for those above
_WAITING: Final = (
    "cert_refresh", "exchange_certificates_on_join", "exchange_ca_certificates_on_join", "copy_primary_host_certs",
    "eject", "get_updates", "exchange_crls_on_join",
)  # fmt: skip
_NOT_IN_UPGRADE: Final = frozenset({"cluster_create", "tls_verification_enable"})


def error(pool: Pool, op: str, *, ignore: str = NULL) -> Failure | None:
    row = pool.row
    current = {task: running for task, running in row["current_operations"].items() if task != ignore}
    waiting = {task: running for task, running in current.items() if running in _WAITING}
    for running in _BLOCKING:
        if running in current.values():
            if op in _BLOCKING:
                return Failure(f"{running.upper()}_IN_PROGRESS")
            return other_operation(pool.profile, "pool", pool.ref, waiting) if waiting else _unnamed(pool)
    if waiting:
        return other_operation(pool.profile, "pool", pool.ref, waiting)
    if row["ha_enabled"]:
        if op in {"ha_enable", "tls_verification_enable"}:
            return Failure("HA_IS_ENABLED")
    elif op == "ha_disable":
        return Failure("HA_NOT_ENABLED")
    if op in _NOT_IN_UPGRADE and pool.rolling_upgrade():
        return Failure("NOT_SUPPORTED_DURING_UPGRADE")
    if op == "cluster_create":
        if pool.db.table("Cluster"):
            return Failure("CLUSTER_ALREADY_EXISTS")
        if row["ha_enabled"]:
            return Failure("INCOMPATIBLE_CLUSTER_STACK_ACTIVE", row["ha_cluster_stack"])
    return None


def _unnamed(pool: Pool) -> Failure:
    """Beside one that blocks, no operation is named where none waits."""
    return Failure("OTHER_OPERATION_IN_PROGRESS", "pool", pool.ref)


def assert_valid(pool: Pool, op: str, *, ignore: str = NULL) -> None:
    """Nothing begins while the pool's secret is to be changed."""
    if pool.row["is_psr_pending"]:
        raise Failure("POOL_SECRET_ROTATION_PENDING")
    failure = error(pool, op, ignore=ignore)
    if failure is not None:
        raise failure


def allowed(pool: Pool) -> list[str]:
    known = pool.schema.enums["pool_allowed_operations"]
    return [op for op in (*_BLOCKING, *_WAITING) if op in known and error(pool, op) is None]


# -- clusters ----------------------------------------------------------------------------------------------------------

_OF_CLUSTERS: Final = ("add", "remove", "enable", "disable", "destroy")


def cluster_error(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> Failure | None:
    """One after the other; in a rolling upgrade nobody comes or goes."""
    row = pool.db.row("Cluster", ref)
    current = {task: running for task, running in row["current_operations"].items() if task != ignore}
    if current:
        return other_operation(pool.profile, "Cluster", ref, current)
    if op in {"add", "remove", "destroy"} and pool.rolling_upgrade():
        return Failure("NOT_SUPPORTED_DURING_UPGRADE")
    return None


def assert_cluster(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> None:
    failure = cluster_error(pool, ref, op, ignore=ignore)
    if failure is not None:
        raise failure


def cluster_allowed(pool: Pool, ref: str) -> list[str]:
    return [op for op in _OF_CLUSTERS if cluster_error(pool, ref, op) is None]


def member_error(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> Failure | None:
    row = pool.db.row("Cluster_host", ref)
    current = {task: running for task, running in row["current_operations"].items() if task != ignore}
    if current:
        return other_operation(pool.profile, "Cluster_host", ref, current)
    return None if row["joined"] else Failure("CLUSTER_HOST_NOT_JOINED", ref)


def assert_member(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> None:
    failure = member_error(pool, ref, op, ignore=ignore)
    if failure is not None:
        raise failure


def member_allowed(pool: Pool, ref: str) -> list[str]:
    return [op for op in ("enable", "disable") if member_error(pool, ref, op) is None]
