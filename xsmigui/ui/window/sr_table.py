"""The disks of the selected SR on the Storage tab: made in a thread where there are many, and changed one by one."""

import asyncio
from typing import Final

from xsmigui.core import description
from xsmigui.core.changes import Delta, merged
from xsmigui.core.description import DiskRow
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import SrRef, VdiRef
from xsmigui.core.sr_disks import SrDisks
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.storage import StorageTab

MANY: Final = 400
"""Disks from which on the rows are made in a thread."""


class SrTable:
    """Fills the tab. What changes while a thread makes the rows is made again afterwards."""

    def __init__(self, tab: StorageTab, scope: Scope) -> None:
        self._tab = tab
        self._scope = scope
        self._inventory: Inventory | None = None
        self._sr: SrRef | None = None
        self._disks: SrDisks | None = None
        self._making: asyncio.Task[None] | None = None
        self._missed = Delta()
        self._touched: set[VdiRef] | None = None

    @property
    def is_busy(self) -> bool:
        """A thread makes the rows."""
        return self._making is not None

    def show(self, inventory: Inventory, sr: SrRef, is_another: bool, delta: Delta) -> None:
        """Show the SR as it is now; `delta` is what has changed since the last time."""
        self._inventory = inventory
        if is_another or sr != self._sr:
            self._begin(inventory, sr)
            return
        if self._making is not None:
            self._missed = merged(self._missed, delta)
            return
        changed = self._disks.changed(inventory, delta) if self._disks is not None else None
        if changed is None:
            self._begin(inventory, sr)
            return
        if self._touched is not None:
            self._touched |= changed.keys()
        self._tab.change_disks(changed, description.sr_space(inventory, sr))

    def touched(self) -> set[VdiRef] | None:
        """The disks that have changed since this was last asked for; None if all may have."""
        found, self._touched = self._touched, set()
        return found

    def _begin(self, inventory: Inventory, sr: SrRef) -> None:
        is_another, self._sr = sr != self._sr, sr
        self._disks, self._touched = None, None
        if self._making is not None:
            self._making.cancel()
            self._making = None
        record = inventory.SR.get(sr)
        if record is None or len(record.VDIs) < MANY:
            rows, self._disks = made(inventory, sr)
            self._tab.show_sr(rows, description.sr_space(inventory, sr), is_another)
            return
        if is_another:
            self._tab.await_sr(description.sr_space(inventory, sr))
        self._missed = Delta()
        self._making = self._scope.spawn(self._make(inventory, sr), "disks")

    async def _make(self, inventory: Inventory, sr: SrRef) -> None:
        rows, disks = await asyncio.to_thread(made, inventory, sr)
        self._making, self._disks = None, disks
        self._tab.show_sr(rows, description.sr_space(inventory, sr), False)
        if self._inventory is not None and self._inventory is not inventory:
            self.show(self._inventory, sr, False, self._missed)


def made(inventory: Inventory, sr: SrRef) -> tuple[tuple[DiskRow, ...], SrDisks]:
    """The rows of an SR's disks, and what is needed to change them one by one."""
    return description.sr_disks(inventory, sr), SrDisks(inventory, sr)
