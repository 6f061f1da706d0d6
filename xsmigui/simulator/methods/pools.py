"""host and pool: enable, disable, free memory, the reception of migrations, settings."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import host as gate
from xsmigui.simulator.tables import Row


@method("host.enable")
def enable(call: Call, host: str) -> None:
    call.db.row("host", host)
    call.pool.reach(host)
    call.db.set("host", host, enabled=True)


@method("host.disable")
def disable(call: Call, host: str) -> None:
    call.db.row("host", host)
    call.pool.reach(host)
    call.db.set("host", host, enabled=False)


@method("host.compute_free_memory")
def compute_free_memory(call: Call, host: str) -> int:
    return gate.free_memory(call.pool, host)


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


@method("pool.enable_ha")
def enable_ha(call: Call, srs: list[str], configuration: dict[str, str]) -> None:
    for sr in srs:
        call.db.row("SR", sr)
    call.db.set("pool", call.pool.ref, ha_enabled=True, ha_configuration=configuration, ha_plan_exists_for=1)


@method("pool.disable_ha")
def disable_ha(call: Call) -> None:
    call.db.set("pool", call.pool.ref, ha_enabled=False, ha_plan_exists_for=0)


@method("pool.set_ha_host_failures_to_tolerate")
def set_failures(call: Call, pool: str, value: int) -> None:
    call.db.set("pool", pool, ha_host_failures_to_tolerate=value)


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
        call.db.set("host", host, enabled=True)
