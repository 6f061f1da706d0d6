"""The Storage tab: the virtual disks of a VM or of an SR, and what may be done with them."""

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.description import DiskRow, Space, row_order
from xsmigui.core.refs import VdiRef
from xsmigui.core.text import _
from xsmigui.core.units import size
from xsmigui.ui.models.table import Column
from xsmigui.ui.style import STEP, accent, alarm, edge, named, trough
from xsmigui.ui.window.tables import RowsTab
from xsmigui.ui.words import explain, hint

TIGHT: Final = 0.9
"""An SR of which more than this is used is shown in red."""

SR, VM, BOTH = "SR", "VM", "SR VM"


def _columns() -> list[tuple[str, Column[DiskRow]]]:
    """The columns with whose tab they stand on."""

    def bytes_of(row: DiskRow, number: int) -> str:
        return size(number) if row.virtual_size else "–"

    return [
        (VM, Column(_("Position"), lambda r: " · ".join(filter(None, (r.position, r.device))))),
        (BOTH, Column(_("Name"), lambda r: r.name or _("(no name)"), tip=lambda r: r.description or r.name)),
        (VM, Column(_("SR"), lambda r: r.sr)),
        (BOTH, Column(_("Size"), lambda r: bytes_of(r, r.virtual_size), lambda r: r.virtual_size, right=True)),
        (BOTH, Column(_("Used"), lambda r: bytes_of(r, r.used), lambda r: r.used, right=True)),
        (SR, Column(_("VMs"), lambda r: r.vms)),
        (BOTH, Column(_("State"), _state, uncut=True)),
        (SR, Column(_("Snapshot of"), lambda r: r.snapshot_of)),
        (BOTH, Column(_("CBT"), lambda r: _("on") if r.cbt else "–")),
    ]


def _state(row: DiskRow) -> str:
    """``attached, read-only``; what is as usual (a disk of users, writable) needs no word."""
    state = _("snapshot") if row.of_snapshot and not row.state else row.state
    kind = row.type if row.type not in ("", "user") else ""
    return ", ".join(filter(None, (state, _("read-only") if row.read_only else "", kind)))


def _has(row: DiskRow, sought: list[str]) -> bool:
    """The disk's name, description or VMs have all these words."""
    if not sought:
        return True
    text = " ".join((row.name, row.description, row.vms)).casefold()
    return all(word in text for word in sought)


class SpaceBar(QWidget):
    """How full an SR is, as a bar; the words stand below it."""

    def __init__(self) -> None:
        super().__init__()
        named(self, "spaceBar", "")
        self._share = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_space(self, space: Space) -> None:
        self._share = min(1.0, space.used / space.total)
        self.setAccessibleName(space.sentence())
        explain(self, space.sentence())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(30 * STEP, STEP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        painter.setPen(edge(palette))
        painter.setBrush(trough(palette))
        painter.drawRoundedRect(QRectF(0.5, 0.5, self.width() - 1, STEP - 1), 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(alarm(palette) if self._share > TIGHT else accent(palette))
        painter.drawRoundedRect(QRectF(0, 0, self.width() * self._share, STEP), 3, 3)


class StorageTab(RowsTab):
    """A table of virtual disks. Of an SR it has a filter, the space and Rescan; of a VM it ejects CDs."""

    changed = Signal()
    """Other rows are selected."""

    def __init__(
        self, on_move: Callable[[], object], on_rescan: Callable[[], object], on_eject: Callable[[], object]
    ) -> None:
        columns = _columns()
        self._of = [of for of, _column in columns]
        shown: list[Column[DiskRow]] = [column for _of, column in columns]
        empty = _("There are no virtual disks here.")
        super().__init__("storageTab", "diskTable", _("Virtual disks"), empty, shown, lambda r: (r.ref, r.position))
        self._rows: tuple[DiskRow, ...] = ()
        self._by_ref: dict[str, DiskRow] = {}
        self._shown_of = ""
        self.bar = SpaceBar()
        self.space = hint()
        self.space.setObjectName("spaceLine")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(_("Filter virtual disks…"))
        named(self.filter, "diskFilter", _("Filter virtual disks"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(lambda _text: self._search())
        self.rescan = QPushButton(_("Rescan"))
        named(self.rescan, "rescanButton", _("Rescan"))
        self.rescan.setToolTip(_("Have the server look again at what is on this SR"))
        self.rescan.clicked.connect(on_rescan)
        self.eject = QPushButton(_("Eject"))
        named(self.eject, "ejectButton", _("Eject the selected CDs"))
        self.eject.clicked.connect(on_eject)
        self.move_disks = QPushButton(_("Move…"))
        named(self.move_disks, "moveDiskButton", _("Move the selected virtual disks"))
        self.move_disks.clicked.connect(on_move)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._chosen: tuple[VdiRef, ...] | None = None
        self.table.selectionModel().selectionChanged.connect(lambda *_changes: self._selected())
        foot = QHBoxLayout()
        foot.setSpacing(STEP)
        foot.addWidget(self.filter, 1)
        foot.addStretch(1)
        for button in (self.eject, self.rescan, self.move_disks):
            foot.addWidget(button)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(0, self.bar)
        layout.insertWidget(1, self.space)
        layout.addLayout(foot)

    def show_vm(self, rows: tuple[DiskRow, ...]) -> None:
        """The disks and drives of a VM."""
        self._arrange(VM)
        self.filter.clear()
        self._rows = rows
        self._show()

    def show_sr(self, rows: tuple[DiskRow, ...], space: Space | None, is_another: bool) -> None:
        """The disks of an SR; `is_another` lets go of what was typed for the one before."""
        self._arrange(SR)
        if is_another:
            self.filter.clear()
        for widget in (self.bar, self.space):
            widget.setVisible(space is not None)
        if space is not None:
            self.bar.show_space(space)
            self.space.setText(space.sentence())
        self._rows = rows
        self._by_ref = {row.ref: row for row in rows}
        self._show()

    def await_sr(self, space: Space | None) -> None:
        """The disks of another SR are being looked for."""
        self.show_sr((), space, True)
        self.empty.hide()
        self.table.show()

    def change_disks(self, changed: Mapping[VdiRef, DiskRow | None], space: Space | None) -> None:
        """Some disks of the SR that is shown have changed; None for those that are gone. It costs what has changed
        unless disks come, go, or have other names."""
        if space is not None:
            self.bar.show_space(space)
            self.space.setText(space.sentence())
        sought = self._sought()
        stays = True
        others = []
        for ref, row in changed.items():
            before = self._by_ref.get(ref)
            if row == before:
                continue
            if row is None or before is None:
                stays = False
            else:
                stays = stays and row.name == before.name and _has(row, sought) == _has(before, sought)
                others.append(row)
            if row is None:
                del self._by_ref[ref]
            else:
                self._by_ref[ref] = row
        if stays:
            self.rows.replace(row for row in others if _has(row, sought))
            return
        self._rows = tuple(sorted(self._by_ref.values(), key=row_order))
        self._show()

    def _sought(self) -> list[str]:
        """The words that are typed into the filter."""
        return self.filter.text().casefold().split()

    def _arrange(self, of: str) -> None:
        """Show what belongs to this kind of tab."""
        if of == self._shown_of:
            return
        self._shown_of = of
        for number, wanted in enumerate(self._of):
            self.table.setColumnHidden(number, of not in wanted)
        self.filter.setVisible(of == SR)
        self.rescan.setVisible(of == SR)
        self.eject.setVisible(of == VM)
        if of == VM:
            self.bar.hide()
            self.space.hide()
        self._sized = False

    def _show(self) -> None:
        """Show the disks whose name, description or VMs have what was typed."""
        sought = self._sought()
        self.show_rows(tuple(row for row in self._rows if _has(row, sought)) if sought else self._rows)
        self.empty.setText(_("Nothing matches the filter.") if self._rows else _("There are no virtual disks here."))
        self._offer_eject()

    def _search(self) -> None:
        if self._shown_of == SR:
            self._rows = tuple(self._by_ref[row.ref] for row in self._rows)
        self._show()

    def selected_disks(self) -> tuple[VdiRef, ...]:
        """The virtual disks that are selected: the same tuple as long as the selection stays."""
        if self._chosen is None:
            self._chosen = tuple(dict.fromkeys(VdiRef(row.ref) for row in self.selected() if row.ref))
        return self._chosen

    def _selected(self) -> None:
        self._chosen = None
        self._offer_eject()
        self.changed.emit()

    def _offer_eject(self) -> None:
        drives = self._shown_of == VM and any(row.drive for row in self.selected())
        self.eject.setEnabled(drives)
        explain(self.eject, "" if drives else _("Select a drive with a CD first."))

    def offer_move(self, why_not: str) -> None:
        """Offer to move the selected disks, or say why they cannot be moved."""
        self.move_disks.setEnabled(not why_not)
        explain(self.move_disks, why_not)
