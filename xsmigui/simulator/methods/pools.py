"""host and pool: free memory, the reception of migrations, who belongs to the pool and who coordinates it."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import EPOCH, Failure, internal
from xsmigui.simulator.gates import host as gate
from xsmigui.simulator.gates.memory import free_memory
from xsmigui.simulator.methods.hosts import remove
from xsmigui.simulator.methods.pool_settings import on_pool
from xsmigui.simulator.tables import Row


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


@method("pool.eject")
async def eject(call: Call, host: str) -> None:
    """A host leaves: not the one that coordinates, and nothing may run there beside its own domain."""
    call.db.row("host", host)
    async with on_pool(call, "eject"):
        call.pool.reach(host)
        if call.pool.row["ha_enabled"]:
            raise Failure("HA_IS_ENABLED")
        if host == call.pool.master:
            raise internal("Xapi_pool.Cannot_eject_master")
        dom0 = call.db.get("host", host, "control_domain")
        for vm in call.db.get("host", host, "resident_VMs"):
            if vm != dom0 and call.db.get("VM", vm, "power_state") != "Halted":
                raise Failure("OPERATION_NOT_ALLOWED", "VM resident on host")
        remove(call, host)


@method("pool.designate_new_master")
async def designate(call: Call, host: str) -> None:
    """The pool's xapis start anew a moment later, the named one as coordinator."""
    call.db.row("host", host)
    async with on_pool(call, "designate_new_master"):
        call.pool.reach(host)
        if host == call.pool.master:
            return
        if call.pool.row["ha_enabled"]:
            raise Failure("HA_IS_ENABLED")
        call.db.set("pool", call.pool.ref, last_update_sync=EPOCH)
        await call.pause(1)
    call.pool.designate(host)


@method("pool.emergency_transition_to_master")
async def take_over(call: Call) -> None:
    """Asked of the host that is to coordinate."""
    if call.host != call.pool.master:
        await call.pause(1)
        call.pool.designate(call.host)


@method("host.restart_agent")
@method("host.sync_data")
@method("host.backup_rrds")
@method("host.refresh_pack_info")
def nothing_to_do(call: Call, host: str, *more: object) -> None:
    call.db.row("host", host)
    call.pool.reach(host)


@method("pool.set_https_only")
def set_https_only(call: Call, pool: str, value: bool) -> None:
    for host in call.db.table("host"):
        call.pool.reach(host)
        call.db.set("host", host, https_only=value)


@method("pool.recover_slaves")
def recover_slaves(call: Call) -> list[str]:
    return [h for h in call.db.table("host") if h != call.pool.master]


@method("VM.retrieve_wlb_recommendations")
@method("host.retrieve_wlb_evacuate_recommendations")
@method("pool.retrieve_wlb_recommendations")
@method("pool.retrieve_wlb_configuration")
@method("pool.send_wlb_configuration")
@method("pool.deconfigure_wlb")
def no_wlb(call: Call, *params: object) -> None:
    """There is no Workload Balancing."""
    raise Failure("WLB_NOT_INITIALIZED")
