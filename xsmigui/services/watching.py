"""Watching disks without a gap: what the events of a pool show that no single look at the server would.

The server tells of objects as they are when it is asked (`event.from`). Something that came and went between two
answers is reported as gone only, or not at all; but its disk is reported as changed, and is as it was. Then somebody
may have had the disk connected and written to it. The server's own copies and sums do the same (a VBD of the control
domain for each disk that they read or write), so those that a request of ours brings about are known in advance: by
disk, and until the request is over and the events have told what happened until then.
"""

from collections.abc import Callable, Mapping
from typing import Final

from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.exchange import COPY
from xsmigui.core.migration.steps import Request
from xsmigui.core.records import VBD
from xsmigui.core.refs import NULL, PoolId, VbdRef, VmRef
from xsmigui.services.store import Change, Store

BROKEN_OFF: Final = ("TASK_CANCELLED", "VDI_IO_ERROR", "INTERNAL_ERROR", "VDI_COPY_FAILED", "HOST_OFFLINE")
"""Ends of a copy or sum that was already under way."""


class Watches:
    """All watches of this run of the program."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: list[Watch] = []
        store.subscribe(self._changed)

    def begin(self, pool: PoolId, vm: str, disks: Callable[[], frozenset[str]]) -> "Watch":
        """Watch the disks of one job; `vm` is the VM that they belong to."""
        watch = Watch(self._store, pool, vm, disks, self._open.remove)
        self._open.append(watch)
        return watch

    def _changed(self, change: Change) -> None:
        if change.after is not None:
            for watch in self._open:
                if watch.pool == change.pool:
                    watch.look_at(change, change.after)


class Watch:
    """Watches the disks of one job. `token` names the time during which nothing was missed and nobody else had the
    disks connected for writing: it is another one after a lost connection, in another run of the program, when a
    connection of another VM was seen, when the VM itself ran, or when something came and went unseen."""

    def __init__(
        self,
        store: Store,
        pool: PoolId,
        vm: str,
        disks: Callable[[], frozenset[str]],
        leave: "Callable[[Watch], None]",
    ) -> None:
        self.pool = pool
        self.disks = disks
        self._store = store
        self._vm = VmRef(vm)
        self._disturbed = 0
        self._leave = leave
        self._expected: dict[str, str] = {}
        self._has_come = False
        self.vm_may_run = False
        """The VM has its new disks for good: what it does no longer concerns the old ones."""

    @property
    def token(self) -> str:
        return f"{self._store.watch(self.pool)}.{self._disturbed}"

    def close(self) -> None:
        self._leave(self)

    def disturb(self) -> None:
        """Something was missed: what was noted under the present token is doubtful."""
        self._disturbed += 1

    # The server's own connections.

    def expect(self, disks: Mapping[str, str]) -> None:
        """A request of ours lets a control domain connect each of these disks once, in this mode ("RO" or "RW")."""
        self._expected, self._has_come = dict(disks), False

    @property
    def is_expecting(self) -> bool:
        """Some of the connections of the last request have not been reported."""
        return bool(self._expected)

    def expect_no_more(self) -> None:
        """The request is over, and everything that it brought about has been reported."""
        self._expected = {}

    def retract(self) -> None:
        """The request was refused before it connected anything: what was taken for its connection was another's."""
        self._expected = {}
        if self._has_come:
            self.disturb()

    def _is_ours(self, disk: str, mode: str = "") -> bool:
        """The control domain connected a disk (empty mode: unseen, so that nobody knows for what)."""
        if disk not in self._expected or mode not in ("", self._expected[disk]):
            return False
        del self._expected[disk]
        self._has_come = True
        return True

    def look_at(self, change: Change, inventory: Inventory) -> None:
        """A change of the pool."""
        disks = self.disks()
        for ref in change.delta.refs("VBD"):
            vbd = inventory.VBD.get(VbdRef(ref))
            if vbd is None or vbd.VDI not in disks or self._vm == vbd.VM:
                continue
            if _is_control_domain(inventory, vbd):
                is_known = ref not in change.delta.added.get("VBD", ()) or self._is_ours(vbd.VDI, vbd.mode)
            else:
                is_known = False
            if not is_known and vbd.mode != "RO":
                self.disturb()
        for disk in change.touched & disks:
            if not self._is_ours(disk):
                self.disturb()
        if self._vm in change.delta.refs("VM") and not self.vm_may_run:
            record = inventory.VM.get(self._vm)
            if record is None or record.power_state != "Halted":
                self.disturb()


def _is_control_domain(inventory: Inventory, vbd: VBD) -> bool:
    holder = inventory.VM.get(vbd.VM)
    return holder is not None and holder.is_control_domain


def connections_of(request: Request) -> dict[str, str]:
    """The disks that a control domain connects to carry out a VDI.copy or VDI.checksum, each once, and for what (xapi
    26.17 `sm_fs_ops.ml`, copy_vdi; `xapi_vdi.ml`, checksum)."""
    source, *rest = request.params
    base, into = rest[1:3] if request.method == COPY else (NULL, NULL)
    return {source: "RO"} | {ref: mode for ref, mode in ((base, "RO"), (into, "RW")) if ref != NULL}


def has_begun(failure: ServerFailure) -> bool:
    """Disks may have been connected before a VDI.copy or VDI.checksum failed so: it was broken off, or the storage
    failed it. Whatever else refuses it (somebody has the disk, no host sees it, no right) comes before."""
    return failure.code.startswith("SR_BACKEND_FAILURE") or failure.code in BROKEN_OFF
