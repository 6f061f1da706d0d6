"""How fixes are offered: a button, and the question behind it with what the fix costs."""

from dataclasses import dataclass

from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
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
from xsmigui.core.text import _


@dataclass(frozen=True, slots=True)
class Offer:
    """A fix as a button and the question behind it: what it does, what it costs, and the words on the answers."""

    button: str
    title: str
    question: str
    go: str
    leave: str


def offer(fix: Fix) -> Offer:
    """How a fix is offered, in the reader's language."""
    match fix:
        case DisableCbt():
            return Offer(
                _("Disable CBT…"),
                _("Disable changed block tracking"),
                _(
                    "Changed block tracking of {disk} will be disabled. The next backup of this disk will be a full"
                    " one.",
                    disk=fix.disk,
                ),
                _("Disable tracking"),
                _("Keep it"),
            )
        case EjectCd():
            return Offer(
                _("Eject the CD…"),
                _("Eject the CD"),
                _("{cd} will be ejected from the drive of {vm}.", cd=fix.cd, vm=fix.vm_name),
                _("Eject"),
                _("Leave it"),
            )
        case SetDefaultSr():
            return Offer(
                _("Set default SR…"),
                _("Set the default SR"),
                _(
                    "{sr} becomes the default SR of {pool}, for every client: new disks, suspend images and "
                    "crash dumps go there unless another SR is chosen.",
                    sr=fix.sr_name,
                    pool=fix.pool_name,
                ),
                _("Set default SR"),
                _("Leave it"),
            )
        case DeleteSnapshots():
            return Offer(
                _("Delete snapshots…"),
                _("Delete snapshots"),
                _(
                    "All snapshots of {vm} will be deleted with their disks and their memory. This cannot be undone."
                    " The SR frees the space only some time later.",
                    vm=fix.vm_name,
                ),
                _("Delete snapshots"),
                _("Keep them"),
            )
        case Unblock():
            question = _(
                "The blocks and marks that a job of this program has left on {vm} will be removed. Do this only if "
                "that job is no longer running, in another window or on another computer.",
                vm=fix.vm_name,
            )
            if fix.inherited:
                question = _(
                    "The blocks and the mark of {vm}, which it has inherited from the VM it was made from, will be "
                    "removed. Those of the other VM stay.",
                    vm=fix.vm_name,
                )
            return Offer(
                _("Remove block…"),
                _("Remove the block"),
                question,
                _("Remove block"),
                _("Leave it"),
            )
        case ShutDown():
            return Offer(
                _("Shut down and move…"),
                _("Shut down and move"),
                _(
                    "The guest of {vm} is asked to shut down, and its services stop. The VM then moves halted; "
                    "the last page offers to start it afterwards.",
                    vm=fix.vm_name,
                ),
                _("Shut down"),
                _("Leave it running"),
            )
        case ShutDownHere():
            return Offer(
                _("Shut down…"),
                _("Shut down"),
                _(
                    "The guest of {vm} is asked to shut down, and its services stop. It stays halted so that "
                    "the host can be emptied, and can be started again after the maintenance.",
                    vm=fix.vm_name,
                ),
                _("Shut down"),
                _("Leave it running"),
            )
        case EnableCbt():
            return Offer(
                _("Enable CBT…"),
                _("Enable changed block tracking"),
                _(
                    "Changed block tracking of {disk} will be enabled again. It begins anew, so the next backup of this"
                    " disk will be a full one.",
                    disk=fix.disk,
                ),
                _("Enable tracking"),
                _("Leave it"),
            )
        case InsertCd():
            return Offer(
                _("Insert the CD…"),
                _("Insert the CD"),
                _("{cd} will be inserted into the drive of {vm}, if that is empty.", cd=fix.cd, vm=fix.vm_name),
                _("Insert"),
                _("Leave it"),
            )
        case StartVm():
            return Offer(
                _("Start…"),
                _("Start on {host}", host=fix.host_name) if fix.host is not None else _("Start"),
                _("{vm} will be started.", vm=fix.vm_name),
                _("Start"),
                _("Leave it"),
            )
        case SetCompression(on=True):
            return Offer(
                _("Compress live migrations…"),
                _("Compress live migrations"),
                _(
                    "Memory of every live migration in {pool} will be compressed, whoever starts it.",
                    pool=fix.pool_name,
                ),
                _("Compress"),
                _("Leave it uncompressed"),
            )
        case SetCompression():
            return Offer(
                _("Do not compress live migrations…"),
                _("Do not compress live migrations"),
                _("Memory of live migrations in {pool} will no longer be compressed.", pool=fix.pool_name),
                _("Do not compress"),
                _("Leave it compressed"),
            )
        case EnterMaintenance():
            return Offer(
                _("Enter maintenance mode…"),
                _("Enter maintenance mode"),
                _("No VM will be started on {host} until maintenance mode is left.", host=fix.host_name),
                _("Enter maintenance mode"),
                _("Leave it"),
            )
        case LeaveMaintenance():
            return Offer(
                _("Leave maintenance mode…"),
                _("Leave maintenance mode"),
                _(
                    "{host} will accept VMs again. Those that have left it stay on its list, to be brought back.",
                    host=fix.host_name,
                ),
                _("Leave maintenance mode"),
                _("Stay in it"),
            )
        case StrikeOff():
            return Offer(
                _("Update the list…"),
                _("Update the list of VMs to bring back"),
                _("VMs that no longer wait to return to {host} will be taken off its list.", host=fix.host_name),
                _("Update"),
                _("Leave it"),
            )
