"""pool and VM: high availability (xapi_ha.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import availability as plans
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.guests import room
from xsmigui.simulator.methods.pool_settings import on_pool


@method("pool.enable_ha")
async def enable_ha(call: Call, srs: list[str], configuration: dict[str, str]) -> None:
    """The first SR that will do carries the state file; all hosts must answer."""
    pool, db = call.pool, call.db
    async with on_pool(call, "ha_enable"):
        features.assert_enabled(pool, "HA")
        unplugged = [r for r, p in db.table("PIF").items() if p["disallow_unplug"] and not p["currently_attached"]]
        if unplugged:
            raise Failure("REQUIRED_PIF_IS_UNPLUGGED", *unplugged)
        for host in db.table("host"):
            pool.reach(host)
        if srs:
            can_host_statefile(call, srs[0])
        elif not any(_fit(call, sr) for sr in db.table("SR")):
            raise Failure("CANNOT_CREATE_STATE_FILE")
        db.set("pool", pool.ref, ha_enabled=True, ha_configuration=configuration)
    plans.refresh_plan(pool)


def _fit(call: Call, sr: str) -> bool:
    try:
        can_host_statefile(call, sr)
    except Failure:
        return False
    return True


@method("pool.disable_ha")
async def disable_ha(call: Call) -> None:
    async with on_pool(call, "ha_disable"):
        call.db.set("pool", call.pool.ref, ha_enabled=False)
    plans.refresh_plan(call.pool)


@method("pool.set_ha_host_failures_to_tolerate")
def set_failures(call: Call, pool: str, value: int) -> None:
    call.db.row("pool", pool)
    if value < 0:
        raise Failure("INVALID_VALUE", "ha_host_failures_to_tolerate", value)
    plans.assert_failures(call.pool, value)
    call.db.set("pool", pool, ha_host_failures_to_tolerate=value)
    plans.refresh_plan(call.pool)


@method("pool.ha_failover_plan_exists")
def plan_exists(call: Call, failures: int) -> bool:
    return plans.plan_exists(call.pool, failures)


@method("pool.ha_compute_max_host_failures_to_tolerate")
def most_failures(call: Call) -> int:
    return plans.most_failures(call.pool)


@method("pool.ha_compute_hypothetical_max_host_failures_to_tolerate")
def hypothetical(call: Call, configuration: dict[str, str]) -> int:
    for priority in configuration.values():
        _assert_priority(priority)
    db = call.db
    places = {v: db.get("VM", v, "resident_on") for v, priority in configuration.items() if priority == "restart"}
    return plans.most_failures(call.pool, {v: h for v, h in places.items() if h != NULL})


@method("pool.ha_compute_vm_failover_plan")
def failover_plan(call: Call, hosts: list[str], vms: list[str]) -> dict[str, dict[str, str]]:
    """Where each VM would start again, or the code of the reason why not."""
    pool = call.pool
    free = {h: free_memory(pool, h) for h in plans.usable(pool) if h not in hosts}
    plan: dict[str, dict[str, str]] = {}
    for vm in sorted(vms, key=lambda v: -needed_memory(call.pool, call.db.row("VM", v))):
        needed = needed_memory(call.pool, call.db.row("VM", vm))
        best = max(free, key=lambda h: free[h], default=None)
        if best is None or free[best] < needed:
            plan[vm] = {"error_code": "HOST_NOT_ENOUGH_FREE_MEMORY"}
            continue
        free[best] -= needed
        plan[vm] = {"host": best}
    return plan


@method("pool.ha_prevent_restarts_for")
def prevent_restarts(call: Call, seconds: int) -> None:
    return None


def _assert_priority(value: str) -> None:
    if value not in {"restart", "best-effort", ""}:
        raise Failure("INVALID_VALUE", "ha_restart_priority", value)


@method("VM.set_ha_restart_priority")
def set_priority(call: Call, vm: str, value: str) -> None:
    """What runs is protected, or not any more, from now on."""
    _assert_priority(value)
    row = call.db.row("VM", vm)
    present = row["ha_restart_priority"]
    if value == "restart" != present and call.pool.row["ha_enabled"] and row["power_state"] != "Halted":
        host_gate.assert_agile(call.pool, vm)
        plans.assert_plan(call.pool, {vm: row["resident_on"]})
    if value != present:
        call.db.set("VM", vm, ha_restart_priority=value)
        if row["power_state"] == "Running":
            call.db.set("VM", vm, ha_always_run=value == "restart")
    plans.refresh_plan(call.pool)


@method("VM.set_ha_always_run")
def set_always_run(call: Call, vm: str, value: bool) -> None:
    """Long deprecated: it sets the priority."""
    set_priority(call, vm, "restart" if value else "")


STATEFILE: Final = 8 << 20  # bytes, with the redo log (xha_statefile.ml, minimum_sr_size)


@method("SR.assert_can_host_ha_statefile")
def can_host_statefile(call: Call, sr: str) -> None:
    """All hosts see it, and its plug-in can attach disks without xapi (xha_statefile.ml)."""
    _assert_on_all_hosts(call, sr)
    if not {"VDI_GENERATE_CONFIG", "VDI_ATTACH_OFFLINE"} & set(vdi_gate.features(call.pool, sr)):
        raise Failure("SR_OPERATION_NOT_SUPPORTED", sr)
    if room(call.pool, sr) < STATEFILE:
        raise Failure("SR_SOURCE_SPACE_INSUFFICIENT", sr)


@method("SR.assert_supports_database_replication")
def can_replicate(call: Call, sr: str) -> None:
    """All hosts see it, and disks can be made on it (xapi_sr.ml)."""
    _assert_on_all_hosts(call, sr)
    if "SR_METADATA" not in vdi_gate.features(call.pool, sr):
        raise Failure("SR_OPERATION_NOT_SUPPORTED", sr)


def _assert_on_all_hosts(call: Call, sr: str) -> None:
    pbds = [call.db.row("PBD", p) for p in call.db.get("SR", sr, "PBDs")]
    if {p["host"] for p in pbds} != set(call.db.table("host")) or not all(p["currently_attached"] for p in pbds):
        raise Failure("SR_HAS_NO_PBDS", sr)
