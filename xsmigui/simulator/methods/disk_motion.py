"""VDI.pool_migrate: one disk of a VM moves to another SR of its pool."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.methods import motion_checks as checks
from xsmigui.simulator.methods.guests import gate
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.methods.migration import send
from xsmigui.simulator.methods.motion_checks import Destination, Options
from xsmigui.simulator.methods.pools import management_pif


@method("VDI.pool_migrate")
async def vdi_pool_migrate(call: Call, vdi: str, sr: str, options: Options) -> str:
    db, pool = call.db, call.pool
    row = db.row("VDI", vdi)
    if not row["VBDs"]:
        raise Failure("VDI_NEEDS_VM_FOR_MIGRATE", vdi)
    vm = db.get("VBD", row["VBDs"][0], "VM")
    async with operation(call, "VM", vm, "migrate_send", lambda: gate(call, vm, "migrate_send")):
        live = db.get("VM", vm, "power_state") in {"Running", "Paused"}
        sender = db.get("VM", vm, "resident_on") if live else _host_for_disk(call, vm, sr)
        host_gate.assert_can_boot_here(pool, vm, sender, cpu=False)

        def disk_gate() -> None:
            vdi_gate.assert_valid(pool, vdi, "mirror", ignore=call.task)

        async with operation(call, "VDI", vdi, "mirror", disk_gate):
            pool.reach(sender)
            if row["type"] == "cbt_metadata":
                raise Failure("VDI_INCOMPATIBLE_TYPE", vdi, "cbt_metadata")
            if row["cbt_enabled"]:
                raise Failure("VDI_CBT_ENABLED", vdi)
            vbd = next((v for v in row["VBDs"] if db.get("VBD", v, "VM") == vm), None)
            if vbd is None:
                raise Failure("VBD_MISSING")
            host = sender if _sees(call, vm, sr, sender) else _host_for_disk(call, vm, sr)
            if management_pif(call, host) is None or not pool.management_known:
                raise Failure("HOST_HAS_NO_MANAGEMENT_IP")
            vdi_map = {d: db.get("VDI", d, "SR") for d in vm_gate.disk_refs(pool, db.row("VM", vm), cds=True)}
            vdi_map[vdi] = sr
            target = Destination(pool, host, False)
            dest = {"host": host, "SM": "", "xenops": "", "master": "", "session_id": call.session}
            checks.assert_can_migrate(call, vm, dest, vdi_map, {}, {})
            formats = {vdi: options.get("dest-img-format", "")}
            await send(call, vm, target, vdi_map, {}, {}, formats, {})
        return str(db.get("VBD", vbd, "VDI"))


def _sees(call: Call, vm: str, sr: str, host: str) -> bool:
    return host_gate.sees_all(call.pool, host, call.db.row("VM", vm)) and host_gate.sees(call.pool, host, sr)


def _host_for_disk(call: Call, vm: str, sr: str) -> str:
    """A host that sees all the SRs of the VM and the new one; for a VM that is off, one that could start it."""
    pool, row = call.pool, call.db.row("VM", vm)
    live = row["power_state"] in {"Running", "Paused"}
    for host in call.db.table("host"):
        if pool.live(host) and _sees(call, vm, sr, host) and (live or host_gate.fits(pool, vm, host)):
            return host
    raise Failure("NO_HOSTS_AVAILABLE")
