"""Fixes: what can be done at the spot about a problem, as values.

A fix names by reference exactly what it is done to: the drive, the disk, the VM, the snapshots that there were when it
was offered. Nothing is looked up by a name or read out of a sentence, since two VMs may have like names. Each has its
question, with what it costs (`core.migration.fix_offers`); none is done without it.
"""

import msgspec

from xsmigui.core.messages import Text
from xsmigui.core.refs import HostRef, PoolId, PoolRef, SrRef, VbdRef, VdiRef, VmRef


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
    (empty: not noted): another job may have set its own since. With them go the VM's `mark` and those of `disks`
    (each with its mark), as long as they read as they did. Of a disk of no VM `vm` is null, and `vm_name` its name.
    `inherited`: the VM was made from another one that a job worked on."""

    vm: VmRef
    operations: tuple[str, ...]
    vm_name: str
    reasons: tuple[str, ...] = ()
    mark: str = ""
    disks: tuple[tuple[VdiRef, str], ...] = ()
    inherited: bool = False


class ShutDown(_Fix, frozen=True, kw_only=True, tag="shut-down"):
    """Ask the guest of a VM to shut down; it moves halted then."""

    vm: VmRef
    vm_name: str


class ShutDownHere(_Fix, frozen=True, kw_only=True, tag="shut-down-here"):
    """Ask the guest of a VM to shut down; it stays halted, so that its host can be emptied. The host remembers it, to
    start it again after its maintenance; `lists` as in `EnterMaintenance`."""

    host: HostRef
    vm: VmRef
    vm_name: str
    host_name: str = ""
    lists: dict[str, str] | None = None


class EnableCbt(_Fix, frozen=True, kw_only=True, tag="enable-cbt"):
    """Enable changed block tracking of a disk again. It begins anew: the next backup of the disk is a full one."""

    vdi: VdiRef
    disk: Text


class InsertCd(_Fix, frozen=True, kw_only=True, tag="insert-cd"):
    """Put a CD into one drive of one VM, if that is empty."""

    vm: VmRef
    vbd: VbdRef
    vdi: VdiRef
    vm_name: str
    cd: str


class StartVm(_Fix, frozen=True, kw_only=True, tag="start-vm"):
    """Start a halted VM, or resume a suspended one: on this `host`, or (None) wherever the pool wants it."""

    vm: VmRef
    vm_name: str
    host: HostRef | None = None
    host_name: str = ""


class SetCompression(_Fix, frozen=True, kw_only=True, tag="set-compression"):
    """Compress the memory of all live migrations in a pool from now on, or no longer."""

    pool_ref: PoolRef
    pool_name: str
    on: bool


class EnterMaintenance(_Fix, frozen=True, kw_only=True, tag="enter-maintenance"):
    """Disable a host, mark it as in maintenance, and write on it which VMs are `leaving`.

    The rest is noted when it begins: `lists` are the values of the host's keys as they are to be (empty: no key),
    `was_enabled` and `was_marked` how it stood before, to which it is rolled back. `for_good`: its release keeps a host
    disabled over a reboot if it is asked to.
    """

    host: HostRef
    host_name: str
    leaving: tuple[VmRef, ...] = ()
    lists: dict[str, str] | None = None
    was_enabled: bool = False
    was_marked: bool = False
    for_good: bool = False


class LeaveMaintenance(_Fix, frozen=True, kw_only=True, tag="leave-maintenance"):
    """Enable a host (which a reboot may have done already) and take the mark away; its lists of VMs stay."""

    host: HostRef
    host_name: str


class StrikeOff(_Fix, frozen=True, kw_only=True, tag="strike-off"):
    """Take off a host's lists the VMs that wait no longer, or (`everybody`) all of them. `lists` as in
    `EnterMaintenance`."""

    host: HostRef
    host_name: str
    everybody: bool = False
    lists: dict[str, str] | None = None


class Doomed(msgspec.Struct, frozen=True, kw_only=True):
    """A disk or a memory image that goes with a snapshot which is deleted, as it was when that began: its reference,
    its uuid and name, whether it was a disk of a snapshot or a memory image, and what it occupied, in bytes."""

    ref: VdiRef
    uuid: str
    name: str
    is_memory: bool
    used: int


Fix = (
    DisableCbt
    | EjectCd
    | SetDefaultSr
    | DeleteSnapshots
    | Unblock
    | ShutDown
    | ShutDownHere
    | EnableCbt
    | InsertCd
    | StartVm
    | SetCompression
    | EnterMaintenance
    | LeaveMaintenance
    | StrikeOff
)
"""Everything that is done on a server by itself: what rules offer, what undoes that, and a host's maintenance."""

OfHost = EnterMaintenance | LeaveMaintenance | StrikeOff
"""What is done to a host."""
