"""Several objects that are selected together: their sums, and a table of the VMs among them."""

import asyncio
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QTimer

from xsmigui.core.migration.draft import Site
from xsmigui.core.pages import vms
from xsmigui.core.pages.rows import VmRow
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _, n_
from xsmigui.core.units import size
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.pages import AGAIN, vms_tab


def sums(rows: tuple[VmRow, ...]) -> str:
    """``2 running · 1 halted · 12.0 GiB of memory · 5 disks with 310.0 GiB``"""
    states: dict[str, int] = {}
    for row in rows:
        states[row.standing] = states.get(row.standing, 0) + 1
    parts = [f"{number} {standing}" for standing, number in sorted(states.items(), key=lambda item: -item[1])]
    parts.append(_("{size} of memory", size=size(sum(row.memory for row in rows))))
    disks = sum(row.disks for row in rows)
    bytes_ = size(sum(row.size for row in rows))
    parts.append(
        n_("{n} disk with {size}", "{n} disks with {size}", disks, size=bytes_) if disks else _("no virtual disk")
    )
    return " · ".join(parts)


def title(keys: list[ObjectId]) -> str:
    """``3 VMs selected``"""
    if all(key.cls == "VM" for key in keys):
        return n_("{n} VM selected", "{n} VMs selected", len(keys))
    return n_("{n} object selected", "{n} objects selected", len(keys))


def stuck(rows: tuple[VmRow, ...]) -> str:
    """How many cannot be moved; empty where all can."""
    number = sum(row.stuck for row in rows)
    return n_("{n} cannot be moved", "{n} cannot be moved", number) if number else ""


class SeveralVms:
    """The table of the selected VMs. It is computed in a thread: each of thousands is judged like one that is selected
    alone. `on_rows` hears of the rows that are shown."""

    def __init__(self, icons: Icons, scope: Scope, on_rows: Callable[[tuple[VmRow, ...]], object]) -> None:
        self.tab: Final = vms_tab(icons, "severalTab", "severalTable", _("Selected VMs"))
        self._scope = scope
        self._on_rows = on_rows
        self._site: Site | None = None
        self._keys: list[ObjectId] = []
        self._task: asyncio.Task[None] | None = None
        self._again = QTimer(self.tab)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN)
        self._again.timeout.connect(self._renew)

    @property
    def is_busy(self) -> bool:
        """The rows are being computed, or are about to be."""
        return self._again.isActive() or (self._task is not None and not self._task.done())

    def show(self, site: Site, keys: list[ObjectId]) -> None:
        """Other objects are selected, or something has changed of those that are shown."""
        self._site = site
        if set(keys) != set(self._keys):
            self._keys = list(keys)
            self._compute()
        elif keys and not self._again.isActive():
            self._again.start()

    def leave(self) -> None:
        """Something else is shown."""
        if self._keys:
            self._keys = []
            self._again.stop()
            self.tab.forget()

    def _renew(self) -> None:
        """Compute the rows once more; what runs is let end, or there would never be any while much changes."""
        if self._task is not None and not self._task.done():
            self._again.start()
        else:
            self._compute()

    def _compute(self) -> None:
        if self._site is not None and self._keys:
            self._task = self._scope.spawn(self._work(self._site, self._keys), "several")

    async def _work(self, site: Site, keys: list[ObjectId]) -> None:
        rows = await asyncio.to_thread(vms.selected, site, keys)
        if keys is self._keys:
            self.tab.show_rows(rows)
            self._on_rows(rows)
