"""Watching disks without a gap: what the events of a pool show that no single look at the server would."""

from collections.abc import Callable

from xsmigui.core.refs import PoolId, VbdRef, VmRef
from xsmigui.services.store import Change, Store


class Watch:
    """Watches the disks of one job. `token` names the time during which nothing was missed and nobody else had the
    disks connected for writing: it is another one after a lost connection, in another run of the program, when a
    connection of another VM was seen, when the VM itself ran, or when something came and went unseen."""

    def __init__(self, store: Store, pool: PoolId, vm: str, disks: Callable[[], frozenset[str]]) -> None:
        self._store = store
        self._pool = pool
        self._vm = vm
        self._disks = disks
        self._disturbed = 0
        self._leave = store.subscribe(self._changed)

    @property
    def token(self) -> str:
        return f"{self._store.watch(self._pool)}.{self._disturbed}"

    def close(self) -> None:
        self._leave()

    def disturb(self) -> None:
        """Something was missed: what was noted under the present token is doubtful."""
        self._disturbed += 1

    def _changed(self, change: Change) -> None:
        inventory = change.after
        if change.pool != self._pool or inventory is None:
            return
        for ref in change.delta.refs("VBD"):
            vbd = inventory.VBD.get(VbdRef(ref))
            if vbd is None or vbd.VDI not in self._disks() or vbd.VM == self._vm or vbd.mode == "RO":
                continue
            holder = inventory.VM.get(vbd.VM)
            if holder is None or not holder.is_control_domain:
                self._disturbed += 1
        if self._vm in change.delta.refs("VM"):
            record = inventory.VM.get(VmRef(self._vm))
            if record is None or record.power_state != "Halted":
                self._disturbed += 1
