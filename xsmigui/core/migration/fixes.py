"""Fixes: what can be done at the spot about a problem, as values.

A fix names by reference exactly what it is done to: the drive, the disk, the VM, the snapshots that there were when it
was offered. Nothing is looked up by a name or read out of a sentence, since two VMs may have like names. Each has its
question, with what it costs; none is done without it.
"""

from dataclasses import dataclass

import msgspec

from xsmigui.core.messages import Text
from xsmigui.core.refs import HostRef, PoolId, PoolRef, SrRef, VbdRef, VdiRef, VmRef
from xsmigui.core.text import _


class _Fix(msgspec.Struct, frozen=True, kw_only=True, tag_field="fix"):
    """What all have: the pool in which it is done. The tag is the name that `--json` and the window use."""

    pool: PoolId

    @property
    def name(self) -> str:
        return str(self.__struct_config__.tag)


class DisableCbt(_Fix, frozen=True, kw_only=True, tag="disable-cbt"):
    """Disable changed block tracking of a disk."""

    vdi: VdiRef
    disk: Text


class EjectCd(_Fix, frozen=True, kw_only=True, tag="eject-cd"):
    """Eject a CD from one drive of one VM; it may be in the drives of others too."""

    vm: VmRef
    vbd: VbdRef
    vdi: VdiRef
    vm_name: str
    cd: str


class SetDefaultSr(_Fix, frozen=True, kw_only=True, tag="set-default-sr"):
    """Make an SR the pool's default. `instead_of` is the one that it was when this was offered (None: not noted)."""

    pool_ref: PoolRef
    sr: SrRef
    pool_name: str
    sr_name: str
    instead_of: SrRef | None = None


class DeleteSnapshots(_Fix, frozen=True, kw_only=True, tag="delete-snapshots"):
    """Delete these snapshots of a VM, with their disks and memory. Those that are made later stay."""

    vm: VmRef
    snapshots: tuple[VmRef, ...]
    vm_name: str


class Unblock(_Fix, frozen=True, kw_only=True, tag="clear-block"):
    """Remove the blocks that this program has set on a VM, with the reasons that stood there when this was offered
    (empty: not noted): another job may have set its own since."""

    vm: VmRef
    operations: tuple[str, ...]
    vm_name: str
    reasons: tuple[str, ...] = ()


class ShutDown(_Fix, frozen=True, kw_only=True, tag="shut-down"):
    """Ask the guest of a VM to shut down; it moves halted then."""

    vm: VmRef
    vm_name: str


class ShutDownHere(_Fix, frozen=True, kw_only=True, tag="shut-down-here"):
    """Ask the guest of a VM to shut down; it stays halted, so that its host can be emptied. The host remembers it, to
    start it again after its maintenance."""

    host: HostRef
    vm: VmRef
    vm_name: str


class Doomed(msgspec.Struct, frozen=True, kw_only=True):
    """A disk or a memory image that goes with a snapshot which is deleted, as it was when that began: its reference,
    its uuid and name, whether it was a disk of a snapshot or a memory image, and what it occupied, in bytes."""

    ref: VdiRef
    uuid: str
    name: str
    is_memory: bool
    used: int


Fix = DisableCbt | EjectCd | SetDefaultSr | DeleteSnapshots | Unblock | ShutDown | ShutDownHere


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
            return Offer(
                _("Remove block…"),
                _("Remove the block"),
                _(
                    "The block on migrating {vm}, which this program has set, will be removed. Do this only if "
                    "the operation that set it is no longer running, in another window or on another computer.",
                    vm=fix.vm_name,
                ),
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
