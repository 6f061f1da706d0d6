"""How a fix is carried out: what comes next, of what the server shows. Each fix is a job of its own, so that it is in
the journal before its call leaves, in Activity and in the report, and what a lost answer has left open is looked at.

What a fix names is looked at as the server has it now. What is as the fix wants it, or gone, needs no call.
"""

from collections.abc import Mapping
from typing import Any

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Message, m_
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    EjectCd,
    Fix,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    Unblock,
)
from xsmigui.core.migration.holders import Hold, holders
from xsmigui.core.migration.moves import Kind, own_disks
from xsmigui.core.migration.plan import Plan, Thing, VmMove
from xsmigui.core.migration.rules.general import OUR_BLOCK
from xsmigui.core.migration.steps import Done, Request, Step, Wait
from xsmigui.core.refs import VdiRef, VmRef

Records = Mapping[str, Mapping[str, Any]]
"""Records as the API gives them, by reference; one that is missing is gone."""

SHUT_DOWN = "VM.clean_shutdown"


def fix_plan(fix: Fix, inventory: Inventory) -> Plan:
    """The plan whose only part is this fix."""
    pool = Thing(inventory.id, inventory.name, inventory.pool_ref)
    cls, ref, name = _subject(fix)
    record = inventory.record(cls, ref)
    move = VmMove(
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
    return Plan(source=pool, target=pool, moves=(move,), set_home=False)


def _subject(fix: Fix) -> tuple[str, str, str]:
    """Class, reference and name of what a fix is done to."""
    match fix:
        case DisableCbt():
            return "VDI", fix.vdi, str(fix.disk)
        case SetDefaultSr():
            return "pool", fix.pool_ref, fix.pool_name
        case _:
            return "VM", fix.vm, fix.vm_name


def looked_at(fix: Fix, doomed: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """Classes and references of what has to be known before the next step."""
    match fix:
        case EjectCd():
            return (("VBD", fix.vbd),)
        case DeleteSnapshots():
            return (*(("VM", ref) for ref in fix.snapshots), *(("VDI", ref) for ref in doomed))
        case _:
            return (_subject(fix)[:2],)


def doomed_disks(fix: Fix, inventory: Inventory) -> tuple[str, ...]:
    """The disks and memory images that go with the snapshots that are deleted: the server keeps the disks of a VM that
    it destroys. A disk that is no snapshot, or that anybody else holds, is never touched: a VM may share one
    with its snapshots, for example a read-only one."""
    if not isinstance(fix, DeleteSnapshots):
        return ()
    found: list[str] = []
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
    """Nobody but this VM holds the disk; a connection that is not known might be anybody's."""
    return all(holder.vm == vm and holder.hold is not Hold.unknown for holder in holders(inventory, disk))


def next_step(fix: Fix, doomed: tuple[str, ...], records: Records, calls: int = 0) -> Step:
    """The next call of a fix. `doomed` are the disks that go with deleted snapshots; `calls` is how many of its tasks
    the server has brought to an end. A shutdown is asked for once: a VM may be set to start again by itself."""
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
            pool = records.get(fix.pool_ref, {})
            if pool and pool["default_SR"] != fix.sr:
                does = m_("make {sr} the default SR of {pool}", sr=fix.sr_name, pool=fix.pool_name)
                return Request("pool.set_default_SR", (fix.pool_ref, fix.sr), does)
        case DeleteSnapshots():
            return _delete(fix, doomed, records)
        case Unblock():
            blocks = records.get(fix.vm, {}).get("blocked_operations", {})
            for operation, reason in blocks.items():
                if operation in fix.operations and reason.startswith(OUR_BLOCK):
                    does = m_("remove the block of {operation} from {vm}", operation=operation, vm=fix.vm_name)
                    return Request("VM.remove_from_blocked_operations", (fix.vm, operation), does)
        case ShutDown() | ShutDownHere():
            vm = {} if calls else records.get(fix.vm, {})
            if vm and "clean_shutdown" in vm["current_operations"].values():
                return Wait(m_("{vm} is being shut down.", vm=fix.vm_name))
            if vm and vm["power_state"] != "Halted":
                return Request(
                    SHUT_DOWN, (fix.vm,), m_("shut {vm} down", vm=fix.vm_name), is_task=True, then={"followed": 1}
                )
    return Done()


def _delete(fix: DeleteSnapshots, doomed: tuple[str, ...], records: Records) -> Step:
    """The snapshots first, then what they leave."""
    for snapshot in fix.snapshots:
        record = records.get(snapshot, {})
        if record and record["snapshot_of"] == fix.vm:
            does = m_("delete the snapshot {name} of {vm}", name=record["name_label"], vm=fix.vm_name)
            return Request("VM.destroy", (snapshot,), does)
    for disk in doomed:
        record = records.get(disk, {})
        if record and not record["VBDs"]:
            does = m_("delete the disk {disk} of a snapshot", disk=record["name_label"])
            return Request("VDI.destroy", (disk,), does)
    return Done()


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
        case Unblock():
            return m_("The block of {vm} is removed.", vm=fix.vm_name)
        case ShutDown() | ShutDownHere():
            return m_("{vm} is halted.", vm=fix.vm_name)
