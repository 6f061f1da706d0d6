"""Watching disks without a gap: what the events of a pool show that no single look at the server would.

The server tells of objects as they are when it is asked (`event.from`). Something that came and went between two
answers is reported as gone only, or not at all; but its disk is reported as changed, and is as it was. Then somebody
may have had the disk connected and written to it. The server's own copies and sums do the same (a VBD of the control
domain for each disk that they read or write), so those that our requests bring about are counted in advance.
"""

from collections.abc import Callable

from xsmigui.core.inventory import Inventory
from xsmigui.core.records import VBD
from xsmigui.core.refs import PoolId, VbdRef, VmRef
from xsmigui.services.store import Change, Store


class Watches:
    """All watches of this run of the program."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: list[Watch] = []
        self._due: dict[PoolId, int] = {}
        """VBDs of control domains that our requests will still bring about, seen or not."""
        store.subscribe(self._changed)

    def begin(self, pool: PoolId, vm: str, disks: Callable[[], frozenset[str]]) -> "Watch":
        """Watch the disks of one job; `vm` is the VM that they belong to."""
        watch = Watch(self._store, pool, vm, disks, self._open.remove)
        self._open.append(watch)
        return watch

    def expect(self, pool: PoolId, connections: int) -> None:
        """A request of ours lets the control domain connect so many disks."""
        self._due[pool] = self._due.get(pool, 0) + connections

    def _changed(self, change: Change) -> None:
        watches = [watch for watch in self._open if watch.pool == change.pool]
        if not watches or change.after is None:
            return
        disks = frozenset().union(*(watch.disks() for watch in watches))
        added = (change.after.VBD.get(VbdRef(ref)) for ref in change.delta.added.get("VBD", ()))
        told = sum(1 for vbd in added if vbd and vbd.VDI in disks and _is_control_domain(change.after, vbd))
        touched = change.touched & disks
        left = self._due.get(change.pool, 0) - told - change.unseen - len(touched)
        self._due[change.pool] = max(0, left)
        for watch in watches:
            if left < 0 and (change.unseen or touched & watch.disks()):
                watch.disturb()
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

    def look_at(self, change: Change, inventory: Inventory) -> None:
        """A change of the pool."""
        for ref in change.delta.refs("VBD"):
            vbd = inventory.VBD.get(VbdRef(ref))
            if vbd is None or vbd.VDI not in self.disks() or self._vm == vbd.VM or vbd.mode == "RO":
                continue
            if not _is_control_domain(inventory, vbd):
                self.disturb()
        if self._vm in change.delta.refs("VM") and not self.vm_may_run:
            record = inventory.VM.get(self._vm)
            if record is None or record.power_state != "Halted":
                self.disturb()


def _is_control_domain(inventory: Inventory, vbd: VBD) -> bool:
    holder = inventory.VM.get(vbd.VM)
    return holder is not None and holder.is_control_domain
