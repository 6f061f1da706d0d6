"""host and pool: enable, disable, free memory, the reception of migrations, settings."""

from __future__ import annotations

from xsmigui.simulator import guests
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import availability
from xsmigui.simulator.gates import host as gate
from xsmigui.simulator.gates.memory import free_memory
from xsmigui.simulator.tables import Row


@method("host.enable")
def enable(call: Call, host: str) -> None:
    call.db.row("host", host)
    call.pool.reach(host)
    call.pool.disabled_for_good.discard(host)
    call.db.set("host", host, enabled=True)


@method("host.disable")
def disable(call: Call, host: str, auto_enable: bool = True) -> None:
    """`auto_enable` came with 25.31: without it the host stays disabled after its reboot (xapi_host.ml, disable)."""
    enabled = call.db.get("host", host, "enabled")
    call.pool.reach(host)
    availability.assert_plan_without(call.pool, host)
    if enabled and not auto_enable:
        call.pool.disabled_for_good.add(host)
    call.db.set("host", host, enabled=False)


@method("host.compute_free_memory")
def compute_free_memory(call: Call, host: str) -> int:
    return free_memory(call.pool, host)


@method("host.compute_memory_overhead")
def compute_memory_overhead(call: Call, host: str) -> int:
    return int(call.db.get("host", host, "memory_overhead"))


@method("host.get_management_interface")
def management_interface(call: Call, host: str) -> str:
    pif = management_pif(call, host)
    if pif is None:
        raise Failure("HOST_HAS_NO_MANAGEMENT_IP")
    return pif


def management_pif(call: Call, host: str) -> str | None:
    return next((p for p in call.db.get("host", host, "PIFs") if call.db.get("PIF", p, "management")), None)


@method("host.migrate_receive")
def migrate_receive(call: Call, host: str, network: str, options: dict[str, str]) -> dict[str, str]:
    """The map that lets another pool send a VM here; it leaves a session behind, even where the checks fail."""
    pool, db = call.pool, call.db
    if pool.row["restrictions"].get("restrict_storage_xen_motion") == "true":
        raise Failure("LICENCE_RESTRICTION", "Storage_motion")
    assert call.live is not None
    live = call.live
    session = pool.sessions.open(live.user, live.roles, live.superuser, "", host)
    pif_ref = gate.pif_on(pool, network, host)
    if pif_ref is None:
        raise Failure("HOST_CANNOT_ATTACH_NETWORK", host, network)
    address = pif_address(db.row("PIF", pif_ref), pif_ref)
    master = management_pif(call, pool.master)
    home = pif_address(db.row("PIF", master), master) if master else address
    return {
        "SM": f"http://{address}/services/SM?session_id={session}", "host": host,
        "xenops": f"http://{address}/services/xenops?session_id={session}", "session_id": session,
        "master": f"http://{home}",
    }  # fmt: skip


def pif_address(pif: Row, ref: str) -> str:
    if pif["primary_address_type"] == "IPv6":
        mode = pif["ipv6_configuration_mode"]
        usable = [a.split("/")[0] for a in pif["IPv6"] if not a.lower().startswith("fe80")]
        address = usable[0] if usable else ""
    else:
        mode, address = pif["ip_configuration_mode"], pif["IP"]
    if mode == "None":
        raise Failure("PIF_HAS_NO_NETWORK_CONFIGURATION", ref)
    if not address:
        raise Failure("INTERFACE_HAS_NO_IP", ref)
    return str(address)


@method("pool.get_license_state")
def license_state(call: Call, pool: str) -> dict[str, str]:
    call.db.row("pool", pool)
    return {"edition": "premium-per-socket", "expiry": "never"}


@method("pool.has_extension")
@method("host.has_extension")
def has_extension(call: Call, ref: str, name: str) -> bool:
    return False


@method("pool.sync_database")
def sync_database(call: Call) -> None:
    return None


@method("host.shutdown")
@method("host.reboot")
async def power(call: Call, host: str) -> None:
    row = call.db.row("host", host)
    if row["enabled"]:
        raise Failure("HOST_NOT_DISABLED")
    running = [v for v in row["resident_VMs"] if not call.db.get("VM", v, "is_control_domain")]
    if running:
        raise Failure("HOST_IN_USE", host, "VM", running[0])
    call.db.set("host_metrics", row["metrics"], live=False)
    if call.message.name == "reboot":
        await call.pause(60, cancellable=False)
        call.db.set("host_metrics", row["metrics"], live=True)
        call.db.set("host", host, enabled=host not in call.pool.disabled_for_good)


@method("host.power_on")
async def power_on(call: Call, host: str) -> None:
    call.db.row("host", host)
    await call.pause(60)
    call.pool.find_host(host)


@method("host.declare_dead")
def declare_dead(call: Call, host: str) -> None:
    """Whoever says so is believed: what ran there counts as halted."""
    for vm in list(call.db.get("host", host, "resident_VMs")):
        if not call.db.get("VM", vm, "is_control_domain"):
            guests.halt(call.pool, vm)


@method("host.destroy")
def destroy(call: Call, host: str) -> None:
    if host == call.pool.master or call.pool.live(host):
        raise Failure("HOST_IS_LIVE", host)
    _remove(call, host)


def _remove(call: Call, host: str) -> None:
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


@method("pool.eject")
def eject(call: Call, host: str) -> None:
    row = call.db.row("host", host)
    if host == call.pool.master:
        raise Failure("OPERATION_NOT_ALLOWED", "The pool coordinator cannot be ejected")
    running = [v for v in row["resident_VMs"] if not call.db.get("VM", v, "is_control_domain")]
    if running:
        raise Failure("HOST_IN_USE", host, "VM", running[0])
    _remove(call, host)


@method("pool.designate_new_master")
@method("pool.emergency_transition_to_master")
async def designate(call: Call, host: str = "") -> None:
    """The pool's xapis start anew a moment later, the named one as coordinator."""
    host = host or call.host
    call.db.row("host", host)
    call.pool.reach(host)
    if host == call.pool.master:
        return
    await call.pause(1)
    call.pool.designate(host)


@method("host.set_hostname_live")
def set_hostname(call: Call, host: str, name: str) -> None:
    call.db.set("host", host, hostname=name)


@method("host.restart_agent")
@method("host.sync_data")
@method("host.backup_rrds")
@method("host.refresh_pack_info")
def nothing_to_do(call: Call, host: str, *more: object) -> None:
    call.db.row("host", host)
    call.pool.reach(host)


@method("host.get_log")
@method("host.dmesg")
@method("host.dmesg_clear")
def log_of(call: Call, host: str) -> str:
    call.db.row("host", host)
    return ""


@method("pool.recover_slaves")
def recover_slaves(call: Call) -> list[str]:
    return [h for h in call.db.table("host") if h != call.pool.master]


@method("pool.set_https_only")
def set_https_only(call: Call, pool: str, value: bool) -> None:
    call.db.row("pool", pool)
    for host in call.db.table("host"):
        call.db.set("host", host, https_only=value)


@method("VM.retrieve_wlb_recommendations")
@method("host.retrieve_wlb_evacuate_recommendations")
@method("pool.retrieve_wlb_recommendations")
@method("pool.retrieve_wlb_configuration")
@method("pool.send_wlb_configuration")
@method("pool.deconfigure_wlb")
def no_wlb(call: Call, *params: object) -> None:
    """There is no Workload Balancing."""
    raise Failure("WLB_NOT_INITIALIZED")
