"""Who holds a disk: everybody who would lose it, or whose work would be disturbed, if it went away.

The server stops a migration or a removal only for connections that are in use at that moment (xapi 24.10,
xapi_vdi.ml check_operation_error: `VDI_IN_USE` looks at VBDs that are attached or reserved). A VM that is shut down, a
snapshot or a template keeps its connection all the same, and has lost its disk when it starts next. So whoever moves,
exchanges, removes or puts back a disk asks here first.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.exchange import job_on, kept_note
from xsmigui.core.records import VM
from xsmigui.core.refs import NULL, VbdRef, VdiRef, VmRef
from xsmigui.core.units import natural

NO_VM: Final = VmRef(NULL)
NO_VBD: Final = VbdRef(NULL)


class Hold(StrEnum):
    """In what way a disk is held."""

    vm = "VM"
    """A VM or a template has it in one of its positions."""
    snapshot = "snapshot"
    """A snapshot of a VM has it: one shared with its VM (read-only disks), or one that was made for it."""
    control_domain = "control domain"
    """A control domain has it: a backup, an import or a copy that runs, or that left it there."""
    memory = "memory"
    """It is the suspend image of a VM or of a snapshot."""
    kept = "kept source"
    """A job of this program has kept it, so that its move can be reverted."""
    job = "job"
    """A job of this program works on it, here or on another computer, or has left its mark there."""
    unknown = "unknown"
    """The disk names a connection that is not known (yet): it might be anybody's."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One that holds a disk. `vm` and `vbd` are null where there is none; `name` is that of the VM, of the job's VM, or
    of the job that works on it. `active` says that the connection is in use now, `is_cd` that the disk is in a CD
    drive."""

    hold: Hold
    vm: VmRef = NO_VM
    name: str = ""
    vbd: VbdRef = NO_VBD
    active: bool = False
    read_only: bool = False
    is_cd: bool = False


def holders(inventory: Inventory, disk: VdiRef) -> tuple[Holder, ...]:
    """Everybody who holds a disk, by name. Connections are found from both sides, since a client may have heard of a
    VBD and not yet of the disk's change, or the other way round."""
    vdi = inventory.VDI.get(disk)
    listed = dict.fromkeys([*inventory.vbds_by_vdi.get(disk, ()), *(vdi.VBDs if vdi else ())])
    found = [_connection(inventory, ref) for ref in listed]
    found += [
        Holder(Hold.memory, vm, inventory.name_of("VM", vm)) for vm in inventory.vms_by_suspend_image.get(disk, ())
    ]
    note = kept_note(vdi.other_config, vdi.uuid) if vdi is not None else None
    if note is not None:
        vms = inventory.find("VM", note.vm) if note.vm else []
        vm = VmRef(vms[0]) if vms else NO_VM
        found.append(Holder(Hold.kept, vm, inventory.name_of("VM", vm) if vms else note.name))
    job = job_on(vdi.other_config, vdi.uuid) if vdi is not None else ""
    if job:
        found.append(Holder(Hold.job, name=job))
    return tuple(sorted(found, key=lambda holder: (natural(holder.name), holder.hold, holder.vbd)))


def other_holders(inventory: Inventory, disk: VdiRef, vm: VmRef, *, with_snapshots: bool = True) -> tuple[Holder, ...]:
    """Those that would lose a disk which goes away with a VM: everybody but the VM itself, and its snapshots where they
    go along (`with_snapshots`). A note of a kept source or the mark of a job does not count on a disk that the VM uses:
    those of earlier versions do not name their disk, and copies of a disk inherit them."""
    family = {vm, *(inventory.snapshots(vm) if with_snapshots else ())}
    return tuple(
        holder
        for holder in holders(inventory, disk)
        if holder.hold not in (Hold.kept, Hold.job) and holder.vm not in family
    )


def _connection(inventory: Inventory, ref: VbdRef) -> Holder:
    vbd = inventory.VBD.get(ref)
    vm = inventory.VM.get(vbd.VM) if vbd is not None else None
    if vbd is None or vm is None:
        return Holder(Hold.unknown, vbd=ref, active=vbd is not None and vbd.currently_attached)
    name, active = inventory.name_of("VM", vbd.VM), vbd.currently_attached
    return Holder(_hold(vm), vbd.VM, name, ref, active, vbd.mode == "RO", vbd.type == "CD")


def _hold(vm: VM) -> Hold:
    if vm.is_control_domain:
        return Hold.control_domain
    return Hold.snapshot if vm.is_a_snapshot else Hold.vm
