"""Cluster and Cluster_host: hosts that share storage by corosync (xapi 24.10 and 26.17: xapi_cluster.ml,
xapi_cluster_host.ml, xapi_clustering.ml). The daemon behind them always does what it is asked to."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import Failure, float_text, internal
from xsmigui.simulator.gates import pool as gate
from xsmigui.simulator.methods.locking import operation

STACK: Final = "corosync"
SHORTEST_TIMEOUT: Final = 1.0  # seconds
LEAST_COEFFICIENT: Final = 0.65  # seconds


def _assert_timeouts(timeout: float, coefficient: float) -> None:
    for name, value, least in (
        ("token_timeout", timeout, SHORTEST_TIMEOUT), ("token_timeout_coefficient", coefficient, LEAST_COEFFICIENT),
    ):  # fmt: skip
        if value < least:
            raise Failure("INVALID_VALUE", name, float_text(value))


def _assert_interface(call: Call, pif: str) -> None:
    """One that has an address and stays plugged."""
    row = call.db.row("PIF", pif)
    if not row["disallow_unplug"]:
        raise Failure("PIF_ALLOWS_UNPLUG", pif)
    if not row["currently_attached"]:
        raise Failure("REQUIRED_PIF_IS_UNPLUGGED", pif)
    if not row["IP"]:
        raise Failure("PIF_HAS_NO_NETWORK_CONFIGURATION", pif)


def pif_of(call: Call, network: str, host: str) -> str:
    pifs = [ref for ref, row in call.db.table("PIF").items() if (row["host"], row["network"]) == (host, network)]
    if len(pifs) != 1:
        raise internal(f"No PIF found for host:{host} and network:{network}")
    return pifs[0]


def _count(call: Call, cluster: str) -> None:
    """How many are there, and how many must be."""
    if call.db.has("Cluster", cluster):
        members = [call.db.row("Cluster_host", ref) for ref in call.db.get("Cluster", cluster, "cluster_hosts")]
        live = sum(bool(row["enabled"]) for row in members)
        quorum = len(members) // 2 + 1 if members else 0
        counted = {
            "quorum": quorum, "live_hosts": live, "expected_hosts": len(members),
            "is_quorate": bool(members) and live >= quorum,
        }  # fmt: skip
        known = call.db.schema.classes["Cluster"].fields  # counted since 24.13
        call.db.set("Cluster", cluster, **{name: value for name, value in counted.items() if name in known})


@method("Cluster.create")
async def create(
    call: Call, pif: str, stack: str, auto_join: bool, timeout: float = 20.0, coefficient: float = 1.0
) -> str:
    """With the coordinator as its first member."""
    pool, db = call.pool, call.db

    def check() -> None:
        gate.assert_valid(pool, "cluster_create", ignore=call.task)

    async with operation(call, "pool", pool.ref, "cluster_create", check):
        if stack != STACK:
            raise Failure("INVALID_CLUSTER_STACK", stack)
        features.assert_enabled(pool, "Corosync")
        _assert_timeouts(timeout, coefficient)
        _assert_interface(call, pif)
        newer = pool.row["restrictions"].get("restrict_corosync3") == "false"
        cluster = db.create("Cluster", {
            "cluster_stack": stack, "cluster_stack_version": 3 if newer else 2, "pool_auto_join": auto_join,
            "token_timeout": timeout, "token_timeout_coefficient": coefficient, "cluster_token": db.new_uuid(),
        })  # fmt: skip
        values = {"cluster": cluster, "host": pool.master, "PIF": pif}
        db.create("Cluster_host", {**values, "enabled": True, "joined": True, "live": True})
        db.set("pool", pool.ref, ha_cluster_stack=stack)
        _count(call, cluster)
        return cluster


@method("Cluster.destroy")
async def destroy(call: Call, cluster: str) -> None:
    def check() -> None:
        gate.assert_cluster(call.pool, cluster, "destroy", ignore=call.task)

    async with operation(call, "Cluster", cluster, "destroy", check):
        members = list(call.db.get("Cluster", cluster, "cluster_hosts"))
        if len(members) > 1:
            raise Failure("CLUSTER_DOES_NOT_HAVE_ONE_NODE", len(members))
        for member in members:
            _assert_unused(call, member)
            call.db.delete("Cluster_host", member)
    call.db.delete("Cluster", cluster)
    call.db.set("pool", call.pool.ref, ha_cluster_stack="xhad")


@method("Cluster.get_network")
def network_of(call: Call, cluster: str) -> str:
    members = call.db.get("Cluster", cluster, "cluster_hosts")
    if not members:
        raise internal(f'Failure("No cluster_hosts found for cluster {cluster}")')
    networks = {call.db.get("PIF", call.db.get("Cluster_host", m, "PIF"), "network") for m in members}
    if len(networks) > 1:
        raise internal(f'Failure("No common network found for cluster {cluster}")')
    return str(networks.pop())


@method("Cluster.pool_create")
async def pool_create(call: Call, network: str, stack: str, timeout: float = 20.0, coefficient: float = 1.0) -> str:
    """With all hosts, or none."""
    _assert_timeouts(timeout, coefficient)
    master = call.pool.master
    cluster = str(
        await child(call, "Cluster.create", [pif_of(call, network, master), stack, True, timeout, coefficient])
    )
    try:
        for host in [host for host in call.db.table("host") if host != master]:
            await child(call, "Cluster_host.create", [cluster, host, pif_of(call, network, host)])
    except Failure:
        await pool_force_destroy(call, cluster)
        raise
    return cluster


async def _leave(call: Call, cluster: str, *, force: bool) -> None:
    """The members without the coordinator."""
    call.db.set("Cluster", cluster, pool_auto_join=False)
    for member in list(call.db.get("Cluster", cluster, "cluster_hosts")):
        if call.db.get("Cluster_host", member, "host") == call.pool.master:
            continue
        try:
            await child(call, "Cluster_host.destroy", [member])
        except Failure:
            if not force:
                raise


@method("Cluster.pool_destroy")
async def pool_destroy(call: Call, cluster: str) -> None:
    await _leave(call, cluster, force=False)
    await child(call, "Cluster.destroy", [cluster])


@method("Cluster.pool_force_destroy")
async def pool_force_destroy(call: Call, cluster: str) -> None:
    """Whoever cannot leave is declared dead."""
    await _leave(call, cluster, force=True)
    for member in list(call.db.get("Cluster", cluster, "cluster_hosts")):
        call.db.delete("Cluster_host", member)
    await child(call, "Cluster.destroy", [cluster])


@method("Cluster.pool_resync")
async def pool_resync(call: Call, cluster: str) -> None:
    """Hosts that are missing join where that is wished for; all must be enabled in the end."""
    db = call.db
    for host in [call.pool.master, *(h for h in db.table("host") if h != call.pool.master)]:
        call.pool.reach(host)
        member = _member(call, host)
        if member is None and db.get("Cluster", cluster, "pool_auto_join"):
            member = _join(call, cluster, host, pif_of(call, network_of(call, cluster), host))
        if member is None or not db.get("Cluster_host", member, "enabled"):
            raise Failure("NO_COMPATIBLE_CLUSTER_HOST", host)


# -- members -----------------------------------------------------------------------------------------------------------


def _member(call: Call, host: str) -> str | None:
    return next((ref for ref, row in call.db.table("Cluster_host").items() if row["host"] == host), None)


def _join(call: Call, cluster: str, host: str, pif: str) -> str:
    _assert_interface(call, pif)
    values = {"cluster": cluster, "host": host, "PIF": pif, "enabled": True, "joined": True, "live": True}
    member = call.db.create("Cluster_host", values)
    _count(call, cluster)
    return member


@method("Cluster_host.create")
async def join(call: Call, cluster: str, host: str, pif: str) -> str:
    def check() -> None:
        gate.assert_cluster(call.pool, cluster, "add", ignore=call.task)

    async with operation(call, "Cluster", cluster, "add", check):
        call.pool.reach(host)
        if pif not in call.db.get("host", host, "PIFs"):
            raise Failure("PIF_NOT_ATTACHED_TO_HOST", pif, host)
        if _member(call, host) is not None:
            raise internal("Cluster host cannot be created because it already exists")
        return _join(call, cluster, host, pif)


def _assert_unused(call: Call, member: str) -> None:
    """No SR that needs the cluster is attached to the host."""
    db = call.db
    row = db.row("Cluster_host", member)
    stack = db.get("Cluster", row["cluster"], "cluster_stack")
    pbds = [db.row("PBD", ref) for ref in db.get("host", row["host"], "PBDs")]
    kinds = {db.get("SR", pbd["SR"], "type") for pbd in pbds if pbd["currently_attached"]}
    if any(sm["type"] in kinds and stack in sm["required_cluster_stack"] for sm in db.table("SM").values()):
        raise Failure("CLUSTER_STACK_IN_USE", stack)


@method("Cluster_host.destroy")
@method("Cluster_host.force_destroy")
async def leave(call: Call, member: str) -> None:
    db = call.db
    row = db.row("Cluster_host", member)
    cluster = row["cluster"]

    def check() -> None:
        gate.assert_cluster(call.pool, cluster, "remove", ignore=call.task)

    async with operation(call, "Cluster", cluster, "remove", check):
        call.pool.reach(row["host"])
        if call.message.name == "destroy":
            if not row["enabled"]:
                raise Failure("CLUSTERING_DISABLED", member)
            if len(db.get("Cluster", cluster, "cluster_hosts")) == 1:
                raise Failure("CLUSTER_HOST_IS_LAST", member)
        _assert_unused(call, member)
        db.delete("Cluster_host", member)
        _count(call, cluster)


@method("Cluster_host.enable")
@method("Cluster_host.disable")
async def switch(call: Call, member: str) -> None:
    db, name = call.db, call.message.name
    row = db.row("Cluster_host", member)
    cluster = row["cluster"]
    async with (
        operation(
            call, "Cluster", cluster, name, lambda: gate.assert_cluster(call.pool, cluster, name, ignore=call.task)
        ),
        operation(
            call, "Cluster_host", member, name, lambda: gate.assert_member(call.pool, member, name, ignore=call.task)
        ),
    ):
        call.pool.reach(row["host"])
        if name == "enable":
            _assert_interface(call, row["PIF"])
        else:
            _assert_unused(call, member)
        db.set("Cluster_host", member, enabled=name == "enable", live=name == "enable")
        _count(call, cluster)


def assert_in_cluster(call: Call, host: str, kind: str) -> None:
    """Some SRs want their host in a cluster (assert_cluster_host_is_enabled_for_matching_sms)."""
    wanted = {
        stack for sm in call.db.table("SM").values() if sm["type"] == kind for stack in sm["required_cluster_stack"]
    }
    if not wanted:
        return
    member = _member(call, host)
    row = call.db.row("Cluster_host", member) if member else None
    if row is None or call.db.get("Cluster", row["cluster"], "cluster_stack") not in wanted:
        raise Failure("NO_COMPATIBLE_CLUSTER_HOST", host)
    if not row["enabled"]:
        raise Failure("CLUSTERING_DISABLED", member)
