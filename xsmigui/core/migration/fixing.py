"""How a fix is carried out: what comes next, of what the server shows. Each fix is a job of its own, so that it is in
the journal before its call leaves, in Activity and in the report, and what a lost answer has left open is looked at.

What a fix names is looked at as the server has it now, before each of its calls, since a night may lie between two of
them. What is as the fix wants it, or gone, needs no call; what is no longer what the fix was offered for is left alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Message, Text, listed, m_
from xsmigui.core.migration.exchange import JOB, OUR_BLOCK, OWN_SNAPSHOT, job_on
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    Doomed,
    EjectCd,
    EnableCbt,
    EnterMaintenance,
    Fix,
    InsertCd,
    LeaveMaintenance,
    SetCompression,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    StartVm,
    StrikeOff,
    Unblock,
)
from xsmigui.core.migration.holders import Holder, holders
from xsmigui.core.migration.host_fixes import back_of_host, next_of_host, next_of_list
from xsmigui.core.migration.moves import Kind, own_disks
from xsmigui.core.migration.plan import Plan, Thing, VmMove
from xsmigui.core.migration.steps import Done, Request, RollBack, Step, Wait
from xsmigui.core.refs import VdiRef, VmRef, is_null

Records = Mapping[str, Mapping[str, Any]]
"""Records as the API gives them, by reference; one that is missing is gone."""

SHUT_DOWN = "VM.clean_shutdown"


def fix_plan(fix: Fix, inventory: Inventory) -> Plan:
    """The plan whose only part is this fix."""
    return fixes_plan((fix,), inventory)


def fixes_plan(fixes: Iterable[Fix], inventory: Inventory) -> Plan:
    """The plan whose parts are these fixes of one pool, done one after the other."""
    pool = Thing(inventory.id, inventory.name, inventory.pool_ref)
    moves = tuple(_part(fix, inventory) for fix in fixes)
    return Plan(source=pool, target=pool, moves=moves, set_home=False, at_once=1 if len(moves) > 1 else 0)


def _part(fix: Fix, inventory: Inventory) -> VmMove:
    cls, ref, name = subject(fix)
    record = inventory.record(cls, ref)
    return VmMove(
        vm=Thing(record.uuid if record is not None else "", name, ref),
        kind=Kind.fix,
        power_state="",
        source_host=None,
        host=Thing("", "", ""),
        disks=(),
        vifs=(),
        storage_network=None,
        calls=(),
        fix=fix,
    )


def subject(fix: Fix) -> tuple[str, str, str]:
    """Class, reference and name of what a fix is done to."""
    match fix:
        case DisableCbt() | EnableCbt():
            return "VDI", fix.vdi, str(fix.disk)
        case SetDefaultSr() | SetCompression():
            return "pool", fix.pool_ref, fix.pool_name
        case EnterMaintenance() | LeaveMaintenance() | StrikeOff():
            return "host", fix.host, fix.host_name
        case Unblock() if is_null(fix.vm):
            return "VDI", fix.disks[0][0] if fix.disks else str(fix.vm), fix.vm_name
        case _:
            return "VM", fix.vm, fix.vm_name


def looked_at(fix: Fix, doomed: tuple[Doomed | str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """Classes and references of what has to be known before the next step."""
    match fix:
        case EjectCd() | InsertCd():
            return (("VBD", fix.vbd),)
        case ShutDownHere():
            return ("VM", fix.vm), ("host", fix.host)
        case Unblock():
            vm = () if is_null(fix.vm) else (("VM", fix.vm),)
            return (*vm, *(("VDI", ref) for ref, _mark in fix.disks))
        case DeleteSnapshots():
            snapshots = (("VM", ref) for ref in (fix.vm, *fix.snapshots))
            return (*snapshots, *(("VDI", each.ref) for each in doomed if isinstance(each, Doomed)))
        case _:
            return (subject(fix)[:2],)


def doomed_disks(fix: Fix, inventory: Inventory) -> tuple[VdiRef, ...]:
    """The disks and memory images that go with the snapshots that are deleted: the server keeps the disks of a VM that
    it destroys. A disk that is no snapshot, or that anybody else holds, is never touched: a VM may share one
    with its snapshots, for example a read-only one."""
    if not isinstance(fix, DeleteSnapshots):
        return ()
    found: list[VdiRef] = []
    for snapshot in fix.snapshots:
        vm = inventory.VM.get(snapshot)
        if vm is None or vm.snapshot_of != fix.vm:
            continue
        own = own_disks(inventory, snapshot)
        found += [ref for ref, vdi in own.items() if vdi.is_a_snapshot and _is_alone(inventory, ref, snapshot)]
        if vm.suspend_VDI in inventory.VDI and _is_alone(inventory, vm.suspend_VDI, snapshot):
            found.append(vm.suspend_VDI)
    return tuple(dict.fromkeys(found))


def _is_alone(inventory: Inventory, disk: VdiRef, vm: VmRef) -> bool:
    """Nobody but this VM holds the disk; a connection that is not known, and has no VM, might be anybody's."""
    return all(holder.vm == vm for holder in holders(inventory, disk))


def noted(ref: VdiRef, record: Mapping[str, Any]) -> Doomed:
    """A disk that is to go, with what it shows before anything is deleted."""
    return Doomed(
        ref=ref,
        uuid=record["uuid"],
        name=record["name_label"],
        is_memory=not record["is_a_snapshot"],
        used=int(record["physical_utilisation"]),
    )


def why_left(each: Doomed, record: Mapping[str, Any], held: tuple[Holder, ...]) -> Text:
    """Why a disk of a deleted snapshot is not deleted with it, as a sentence; empty where it may go."""
    if held:
        names = listed(sorted({holder.name or str(holder.hold) for holder in held}))
        return m_("{disk} is used by {holders}.", disk=each.name, holders=names)
    if record["uuid"] != each.uuid or bool(record["is_a_snapshot"]) is each.is_memory:
        return m_("{disk} is another disk now.", disk=each.name)
    if int(record["physical_utilisation"]) != each.used:
        return m_("{disk} may have been written to since.", disk=each.name)
    return ""


def next_step(
    fix: Fix,
    doomed: tuple[Doomed | str, ...],
    records: Records,
    calls: int = 0,
    held: Mapping[str, tuple[Holder, ...]] | None = None,
) -> Step:
    """The next call of a fix. `doomed` are the disks that go with deleted snapshots, `held` who holds those of them
    that were asked about in this look: a call to delete one may be made only if it is among them. `calls` is how many
    of its tasks the server has brought to an end. A shutdown is asked for once: a VM may be set to start again by
    itself."""
    match fix:
        case DisableCbt():
            if records.get(fix.vdi, {}).get("cbt_enabled"):
                does = m_("disable changed block tracking of {disk}", disk=fix.disk)
                return Request("VDI.disable_cbt", (fix.vdi,), does)
        case EjectCd():
            drive = records.get(fix.vbd, {})
            if drive and (drive["VM"], drive["VDI"], drive["type"]) == (fix.vm, fix.vdi, "CD"):
                return Request("VBD.eject", (fix.vbd,), m_("eject {cd} from {vm}", cd=fix.cd, vm=fix.vm_name))
        case SetDefaultSr():
            return _set_default(fix, records.get(fix.pool_ref, {}))
        case DeleteSnapshots():
            return _delete(fix, doomed, records, held or {})
        case Unblock():
            return _unblock(fix, records)
        case ShutDownHere():
            noting = None if calls else next_of_list(fix, records.get(fix.host, {}))
            return noting or _shut_down(fix, {} if calls else records.get(fix.vm, {}))
        case ShutDown():
            return _shut_down(fix, {} if calls else records.get(fix.vm, {}))
        case StartVm():
            return _start(fix, {} if calls else records.get(fix.vm, {}))
        case EnableCbt():
            if records.get(fix.vdi, {}).get("cbt_enabled") is False:
                does = m_("enable changed block tracking of {disk}", disk=fix.disk)
                return Request("VDI.enable_cbt", (fix.vdi,), does)
        case InsertCd():
            drive = records.get(fix.vbd, {})
            if drive and drive["empty"] and (drive["VM"], drive["type"]) == (fix.vm, "CD"):
                does = m_("insert {cd} into the drive of {vm}", cd=fix.cd, vm=fix.vm_name)
                return Request("VBD.insert", (fix.vbd, fix.vdi), does)
        case SetCompression():
            if records.get(fix.pool_ref, {}).get("migration_compression") is (not fix.on):
                does = m_("compress live migrations") if fix.on else m_("stop compressing live migrations")
                return Request("pool.set_migration_compression", (fix.pool_ref, fix.on), does)
        case EnterMaintenance() | LeaveMaintenance() | StrikeOff():
            return next_of_host(fix, records.get(fix.host, {}))
    return Done()


def can_roll_back(fix: Fix) -> bool:
    """What it has done is put back by itself if the rest is refused."""
    return isinstance(fix, EnterMaintenance)


def next_step_back(fix: Fix, records: Records) -> Step:
    """The next call of the way back of a fix that `can_roll_back`."""
    return back_of_host(fix, records.get(fix.host, {})) if isinstance(fix, EnterMaintenance) else Done()


def _start(fix: StartVm, vm: Mapping[str, Any]) -> Step:
    """Asked for once: a VM may shut itself down again."""
    state = vm.get("power_state")
    if state not in ("Halted", "Suspended"):
        return Done()
    here = "_on" if fix.host is not None else ""
    method = f"VM.start{here}" if state == "Halted" else f"VM.resume{here}"
    params = (fix.vm, *([fix.host] if fix.host is not None else []), False, False)
    does = m_("start {vm}", vm=fix.vm_name) if state == "Halted" else m_("resume {vm}", vm=fix.vm_name)
    return Request(method, params, does, is_task=True, then={"followed": 1})


def _set_default(fix: SetDefaultSr, pool: Mapping[str, Any]) -> Step:
    if not pool or pool["default_SR"] == fix.sr:
        return Done()
    if fix.instead_of is not None and pool["default_SR"] != fix.instead_of:
        return RollBack(m_("Somebody has set another default SR of {pool} meanwhile.", pool=fix.pool_name))
    does = m_("make {sr} the default SR of {pool}", sr=fix.sr_name, pool=fix.pool_name)
    return Request("pool.set_default_SR", (fix.pool_ref, fix.sr), does)


def _unblock(fix: Unblock, records: Records) -> Step:
    """What lets the VM run comes last."""
    for cls, ref, mark in (*(("VDI", ref, mark) for ref, mark in fix.disks), ("VM", fix.vm, fix.mark)):
        if mark and records.get(ref, {}).get("other_config", {}).get(JOB) == mark:
            does = m_("remove the mark “{key}”", key=JOB)
            return Request(f"{cls}.remove_from_other_config", (ref, JOB), does)
    for operation, reason in records.get(fix.vm, {}).get("blocked_operations", {}).items():
        is_meant = reason in fix.reasons if fix.reasons else reason.startswith(OUR_BLOCK)
        if operation in fix.operations and is_meant:
            does = m_("remove the block of {operation} from {vm}", operation=operation, vm=fix.vm_name)
            return Request("VM.remove_from_blocked_operations", (fix.vm, operation), does)
    return Done()


def _shut_down(fix: ShutDown | ShutDownHere, vm: Mapping[str, Any]) -> Step:
    if not vm:
        return Done()
    if "clean_shutdown" in vm["current_operations"].values():
        return Wait(m_("{vm} is being shut down.", vm=fix.vm_name))
    if vm["power_state"] == "Halted":
        return Done()
    if isinstance(fix, ShutDownHere) and vm["resident_on"] != fix.host:
        return RollBack(m_("{vm} is no longer on the host that is to be emptied.", vm=fix.vm_name))
    return Request(SHUT_DOWN, (fix.vm,), m_("shut {vm} down", vm=fix.vm_name), is_task=True, then={"followed": 1})


def _delete(
    fix: DeleteSnapshots, doomed: tuple[Doomed | str, ...], records: Records, held: Mapping[str, tuple[Holder, ...]]
) -> Step:
    """The snapshots first, then what they leave. Without their VM snapshots may be all that is left of its disks."""
    if fix.vm not in records and any(snapshot in records for snapshot in fix.snapshots):
        text = m_("{vm} no longer exists: its snapshots may be the only copies of its disks.", vm=fix.vm_name)
        return RollBack(text)
    for snapshot in fix.snapshots:
        record = records.get(snapshot, {})
        if not record or not _is_snapshot(fix, record) or _job_of(record, records[fix.vm]):
            continue
        does = m_("delete the snapshot {name} of {vm}", name=record["name_label"], vm=fix.vm_name)
        return Request("VM.destroy", (snapshot,), does)
    for each in doomed:
        record = records.get(each.ref, {}) if isinstance(each, Doomed) else {}
        if isinstance(each, Doomed) and record and not why_left(each, record, held.get(each.ref, ())):
            return Request("VDI.destroy", (each.ref,), m_("delete the disk {disk} of a snapshot", disk=each.name))
    return Done()


def _is_snapshot(fix: DeleteSnapshots, record: Mapping[str, Any]) -> bool:
    return bool(record["is_a_snapshot"] and record["snapshot_of"] == fix.vm)


def _job_of(snapshot: Mapping[str, Any], vm: Mapping[str, Any]) -> str:
    """The job under way that has made a snapshot for itself and needs it; empty if there is none. Other snapshots that
    are made meanwhile bear its mark too, which the server copies from the VM."""
    job = job_on(vm["other_config"], vm["uuid"])
    is_named = snapshot["name_label"].startswith(f"{OWN_SNAPSHOT} {job} ")
    return job if job and is_named and job_on(snapshot["other_config"], vm["uuid"]) == job else ""


def left_alone(
    fix: Fix, doomed: tuple[Doomed | str, ...], records: Records, held: Mapping[str, tuple[Holder, ...]]
) -> tuple[Text, ...]:
    """The snapshots that are none any more and the disks of deleted ones that stay, with the reasons, a sentence each.
    Only what the last look before the end has shown counts."""
    if not isinstance(fix, DeleteSnapshots):
        return ()
    others = [
        m_("{name} is no snapshot of {vm} any more.", name=records[ref]["name_label"], vm=fix.vm_name)
        for ref in fix.snapshots
        if ref in records and not _is_snapshot(fix, records[ref])
    ]
    ours = [records[ref] for ref in fix.snapshots if ref in records and fix.vm in records]
    jobs = {record["name_label"]: _job_of(record, records[fix.vm]) for record in ours}
    others += [m_("{name} is needed by job {job}.", name=name, job=job) for name, job in jobs.items() if job]
    there = [each for each in doomed if isinstance(each, Doomed) and each.ref in records]
    found = [why_left(each, records[each.ref], held.get(each.ref, ())) for each in there]
    return (*others, *(reason for reason in found if reason))


def outcome(fix: Fix) -> Message:
    """What is true when a fix is done."""
    match fix:
        case DisableCbt():
            return m_("Changed block tracking of {disk} is disabled.", disk=fix.disk)
        case EjectCd():
            return m_("{cd} is no longer in the drive of {vm}.", cd=fix.cd, vm=fix.vm_name)
        case SetDefaultSr():
            return m_("{sr} is the default SR of {pool}.", sr=fix.sr_name, pool=fix.pool_name)
        case DeleteSnapshots():
            return m_("The snapshots of {vm} are deleted.", vm=fix.vm_name)
        case Unblock() if fix.mark or fix.disks:
            return m_("What a job has left on {vm} is removed.", vm=fix.vm_name)
        case Unblock():
            return m_("The block of {vm} is removed.", vm=fix.vm_name)
        case ShutDown() | ShutDownHere():
            return m_("{vm} is halted.", vm=fix.vm_name)
        case EnableCbt():
            return m_("Changed block tracking of {disk} is enabled.", disk=fix.disk)
        case InsertCd():
            return m_("{cd} is in the drive of {vm}.", cd=fix.cd, vm=fix.vm_name)
        case StartVm():
            return m_("{vm} is running.", vm=fix.vm_name)
        case SetCompression(on=True):
            return m_("Live migrations in {pool} are compressed.", pool=fix.pool_name)
        case SetCompression():
            return m_("Live migrations in {pool} are not compressed.", pool=fix.pool_name)
        case EnterMaintenance():
            return m_("{host} is in maintenance mode.", host=fix.host_name)
        case LeaveMaintenance():
            return m_("{host} accepts VMs again.", host=fix.host_name)
        case StrikeOff(everybody=True):
            return m_("No VM is on the list of {host} any more.", host=fix.host_name)
        case StrikeOff():
            return m_("The list of {host} has only VMs that wait to come back.", host=fix.host_name)
