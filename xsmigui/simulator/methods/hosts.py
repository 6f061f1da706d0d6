"""host: what takes it out of service and back (xapi 24.10 and 26.17: xapi_host.ml, forwarded by message_forwarding.ml
under the locks of xapi_host_helpers.ml)."""

from __future__ import annotations

from xsmigui.simulator import guests
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import availability
from xsmigui.simulator.gates import host as gate
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.tables import Row

REBOOT: int = 60  # seconds


@method("host.enable")
async def enable(call: Call, host: str) -> None:
    row = call.db.row("host", host)
    async with operation(call, "host", host, "enable", lambda: gate.assert_host_operation(call.pool, host, "enable")):
        call.pool.reach(host)
        if not row["enabled"]:
            _assert_safe(call, host, row)
        call.pool.disabled_for_good.discard(host)
        call.db.set("host", host, enabled=True)


def _assert_safe(call: Call, host: str, row: Row) -> None:
    """With high availability what is not plugged there must be needed by no protected VM (assert_safe_to_reenable)."""
    if row["pending_guidances"]:
        raise Failure("HOST_PENDING_MANDATORY_GUIDANCES_NOT_EMPTY", host)
    for pbd in (call.db.row("PBD", ref) for ref in row["PBDs"]):
        if not pbd["currently_attached"]:
            availability.assert_no_protected_disks(call.pool, pbd["SR"])
    for pif in (call.db.row("PIF", ref) for ref in row["PIFs"]):
        if pif["physical"] and pif["bond_slave_of"] != NULL:
            availability.assert_no_protected_interfaces(call.pool, pif["network"])


@method("host.disable")
def disable(call: Call, host: str, auto_enable: bool = True) -> None:
    """`auto_enable` came with 25.31: without it the host stays disabled after its reboot (xapi_host.ml, disable)."""
    enabled = call.db.get("host", host, "enabled")
    availability.assert_plan_without(call.pool, host)
    call.pool.reach(host)
    if enabled and not auto_enable:
        call.pool.disabled_for_good.add(host)
    call.db.set("host", host, enabled=False)


def _guests(call: Call, host: str) -> list[str]:
    return [vm for vm in call.db.get("host", host, "resident_VMs") if not call.db.get("VM", vm, "is_control_domain")]


@method("host.shutdown")
@method("host.reboot")
async def power(call: Call, host: str) -> None:
    """VMs that are still there go down with it."""
    row, name = call.db.row("host", host), call.message.name
    async with operation(call, "host", host, name, lambda: gate.assert_host_operation(call.pool, host, name)):
        call.pool.reach(host)
        for vm in _guests(call, host):
            guests.halt(call.pool, vm)
        call.db.set("host_metrics", row["metrics"], live=False)
        if name == "reboot":
            await call.pause(REBOOT, cancellable=False)
            call.db.set("host_metrics", row["metrics"], live=True)
            call.db.set("host", host, enabled=host not in call.pool.disabled_for_good)


@method("host.power_on")
async def power_on(call: Call, host: str) -> None:
    call.db.row("host", host)
    async with operation(
        call, "host", host, "power_on", lambda: gate.assert_host_operation(call.pool, host, "power_on")
    ):
        await call.pause(REBOOT)
        call.pool.find_host(host)


def _assert_dead(call: Call, host: str) -> None:
    if call.pool.live(host) or host == call.pool.master:
        raise Failure("HOST_IS_LIVE", host)


@method("host.declare_dead")
def declare_dead(call: Call, host: str) -> None:
    """Whoever says so of one that does not answer is believed: what ran there counts as halted."""
    call.db.row("host", host)
    _assert_dead(call, host)
    for vm in _guests(call, host):
        guests.halt(call.pool, vm)
    call.db.set("host", host, enabled=False)


@method("host.destroy")
def destroy(call: Call, host: str) -> None:
    """One that does not answer, and where nothing runs."""
    call.db.row("host", host)
    _assert_dead(call, host)
    if call.pool.row["ha_enabled"]:
        raise Failure("HA_IS_ENABLED")
    if _guests(call, host):
        raise Failure("HOST_HAS_RESIDENT_VMS", host)
    remove(call, host)


def remove(call: Call, host: str) -> None:
    db = call.db
    row = db.row("host", host)
    for vm in list(row["resident_VMs"]):
        if db.get("VM", vm, "is_control_domain"):
            db.delete("VM", vm)
        else:
            guests.halt(call.pool, vm)
    for cls, field in (("PBD", "PBDs"), ("PIF", "PIFs"), ("host_cpu", "host_CPUs")):
        for ref in list(row[field]):
            db.delete(cls, ref)
    if db.has("host_metrics", row["metrics"]):
        db.delete("host_metrics", row["metrics"])
    db.delete("host", host)


@method("host.dmesg")
def console_log(call: Call, host: str) -> str:
    call.pool.reach(host)
    return ""


@method("host.get_log")
@method("host.dmesg_clear")
def without_log(call: Call, host: str) -> None:
    """xapi itself has not implemented them."""
    call.pool.reach(host)
    raise Failure("NOT_IMPLEMENTED", call.message.name)


# -- IntelliCache: disks kept on an SR of the host's own ---------------------------------------------------------------


def can_cache(call: Call, sr: str) -> bool:
    row = call.db.find("SR", sr)
    plugins = call.pool.plugins().get(row["type"], [{}]) if row else [{}]
    return row is not None and not row["shared"] and len(row["PBDs"]) == 1 and "SR_SUPPORTS_LOCAL_CACHING" in plugins[0]


def _assert_idle(call: Call, host: str) -> None:
    """Disabled, nothing runs there, and its own domain has no disk attached (assert_bacon_mode)."""
    db = call.db
    if db.get("host", host, "enabled"):
        raise Failure("HOST_NOT_DISABLED")
    running = [vm for vm in _guests(call, host) if db.get("VM", vm, "power_state") == "Running"]
    if running:
        raise Failure("HOST_IN_USE", host, "vm", running[0])
    for vm in db.get("host", host, "resident_VMs"):
        for vbd in db.get("VM", vm, "VBDs"):
            if db.get("VBD", vbd, "currently_attached"):
                raise Failure("HOST_IN_USE", host, "vbd", vbd)


@method("host.enable_local_storage_caching")
def enable_caching(call: Call, host: str, sr: str) -> None:
    call.pool.reach(host)
    _assert_idle(call, host)
    row = call.db.row("SR", sr)
    if not can_cache(call, sr):
        raise Failure("SR_OPERATION_NOT_SUPPORTED")
    if call.db.get("PBD", row["PBDs"][0], "host") != host:
        raise Failure("HOST_CANNOT_SEE_SR", host, sr)
    _forget_cache(call, host)
    call.db.set("host", host, local_cache_sr=sr)
    call.db.set("SR", sr, local_cache_enabled=True)


def _forget_cache(call: Call, host: str) -> None:
    old = call.db.get("host", host, "local_cache_sr")
    call.db.set("host", host, local_cache_sr=NULL)
    if call.db.has("SR", old):
        call.db.set("SR", old, local_cache_enabled=False)


@method("host.disable_local_storage_caching")
def disable_caching(call: Call, host: str) -> None:
    call.pool.reach(host)
    _assert_idle(call, host)
    _forget_cache(call, host)


@method("pool.enable_local_storage_caching")
def enable_caching_everywhere(call: Call, pool: str) -> None:
    """Hosts that have no SR for it, or could not, are named."""
    failed = []
    for host in call.db.table("host"):
        srs = [call.db.get("PBD", pbd, "SR") for pbd in call.db.get("host", host, "PBDs")]
        fit = [sr for sr in srs if can_cache(call, sr)]
        try:
            enable_caching(call, host, fit[0])
        except (Failure, IndexError):
            failed.append(host)
    if failed:
        raise Failure("HOSTS_FAILED_TO_ENABLE_CACHING", *failed)


@method("pool.disable_local_storage_caching")
def disable_caching_everywhere(call: Call, pool: str) -> None:
    failed = []
    for host in call.db.table("host"):
        try:
            disable_caching(call, host)
        except Failure:
            failed.append(host)
    if failed:
        raise Failure("HOSTS_FAILED_TO_DISABLE_CACHING", *failed)
