"""The right side: the selected object, what it does, and its tabs."""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core import description
from xsmigui.core.description import DiskRow, NetworkRow, Section
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import candidates
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.text import _, joined, n_
from xsmigui.core.units import size
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.style import STEP, dim, heading, hint, named, plain_table, primary


def can_move(site: Site, key: ObjectId) -> tuple[str, str]:
    """``Yes, to 3 of 4 hosts`` and the reasons of the others: as far as the records tell, without asking a server."""
    inventory = site.pools.get(key.pool)
    if inventory is None or key.cls != "VM" or key.ref not in inventory.VM:
        return "", ""
    vm = inventory.VM[VmRef(key.ref)]
    if vm.is_a_template or vm.is_a_snapshot or vm.power_state == "Halted":
        return "", ""
    draft = Draft(key.pool, (VmRef(key.ref),), key.pool)
    home = inventory.home(VmRef(key.ref))
    offered = [c for c in candidates.hosts(site, draft, VmRef(key.ref)) if c.ref != home]
    if not offered:
        return _("No other host in this pool; another pool may take it."), ""
    usable = [c for c in offered if c.usable]
    reasons = "\n".join(f"{c.name}: {c.reason}" for c in offered if not c.usable)
    total = len(offered)
    if not usable:
        return _("Not inside this pool: no other host can take it. Point here for the reasons."), reasons
    if len(usable) == 1:
        return _("Inside this pool: yes, to {host}.", host=usable[0].name), reasons
    text = n_(
        "Inside this pool: yes, to {usable} of {n} other host.",
        "Inside this pool: yes, to {usable} of {n} other hosts.",
        total,
        usable=len(usable),
    )
    return text, reasons


class GeneralTab(QScrollArea):
    """Sections of labels and values."""

    def __init__(self) -> None:
        super().__init__()
        named(self, "generalTab", _("General"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._shown: tuple[Section, ...] | None = None
        self._values: dict[tuple[str, str], QLabel] = {}

    def show_sections(self, sections: tuple[Section, ...]) -> None:
        """Show these. Where only values changed, only they are set: selections and scroll stay."""
        if sections == self._shown:
            return
        old = [(s.title, label) for s in self._shown or () for label, _value in s.rows]
        new = [(s.title, label) for s in sections for label, _value in s.rows]
        self._shown = sections
        if old == new:
            for section in sections:
                for label, value in section.rows:
                    if self._values[section.title, label].text() != value:
                        self._values[section.title, label].setText(value)
            return
        place = self.verticalScrollBar().value()
        self.setWidget(self._made(sections))
        self.verticalScrollBar().setValue(place)

    def _made(self, sections: tuple[Section, ...]) -> QWidget:
        self._values.clear()
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(STEP, STEP, STEP, STEP)
        grid.setHorizontalSpacing(2 * STEP)
        grid.setVerticalSpacing(STEP // 2)
        grid.setColumnStretch(1, 1)
        row = 0
        for section in sections:
            if not section.rows:
                continue
            title = heading(section.title, 1)
            title.setContentsMargins(0, STEP if row else 0, 0, 0)
            grid.addWidget(title, row, 0, 1, 2)
            row += 1
            for label, value in section.rows:
                name = hint(label)
                name.setWordWrap(False)
                text = QLabel(value)
                text.setWordWrap(True)
                text.setTextFormat(Qt.TextFormat.PlainText)
                text.setTextInteractionFlags(
                    Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
                )
                text.setAccessibleName(f"{label}: {value}")
                self._values[section.title, label] = text
                grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(text, row, 1, Qt.AlignmentFlag.AlignTop)
                row += 1
        grid.setRowStretch(row, 1)
        return inside


class RowsTab(QWidget):
    """A table in a tab, with a sentence where there are no rows."""

    def __init__(
        self, object_name: str, table_name: str, title: str, empty: str, columns: list[Column[Any]], key: Any
    ) -> None:
        super().__init__()
        named(self, object_name, title)
        self.rows: RowsModel[Any] = RowsModel(columns, key, self)
        self.table = QTableView()
        named(self.table, table_name, title)
        plain_table(self.table)
        self.table.setModel(self.rows)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.horizontalHeader().setResizeContentsPrecision(100)  # rows that are looked at for the widths
        self.empty = hint(empty)
        self._sized = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(STEP, STEP, STEP, STEP)
        layout.addWidget(self.empty)
        layout.addWidget(self.table, 1)

    def selected(self) -> list[Any]:
        """The selected rows."""
        return [self.rows.row(index.row()) for index in self.table.selectionModel().selectedRows()]

    def show_rows(self, rows: tuple[Any, ...]) -> None:
        self.rows.show(rows)
        self.empty.setVisible(not rows)
        self.table.setVisible(bool(rows))
        if rows and not self._sized:
            self._sized = True
            self.table.resizeColumnsToContents()
            for column in range(self.rows.columnCount()):
                self.table.setColumnWidth(column, min(self.table.columnWidth(column) + 2 * STEP, 32 * STEP))


POSITION: Final = 0
PLACE: Final = 2
"""Columns of the Storage tab that say nothing on an SR's own."""


def storage_tab() -> RowsTab:
    columns: list[Column[DiskRow]] = [
        Column(_("Position"), lambda r: r.position),
        Column(_("Name"), lambda r: r.name or _("(no name)"), tip=lambda r: r.description or r.name),
        Column(_("SR"), lambda r: r.sr),
        Column(
            _("Size"), lambda r: size(r.virtual_size) if r.virtual_size else "–", lambda r: r.virtual_size, right=True
        ),
        Column(_("Used"), lambda r: size(r.used) if r.virtual_size else "–", lambda r: r.used, right=True),
        Column(_("CBT"), lambda r: _("on") if r.cbt else "–"),
        Column(_("VMs"), lambda r: r.vms),
        Column(_("State"), lambda r: _("snapshot") if r.of_snapshot and not r.state else r.state),
    ]
    empty = _("There are no virtual disks here.")
    return RowsTab("storageTab", "diskTable", _("Virtual disks"), empty, columns, lambda r: (r.ref, r.position))


def networking_tab() -> RowsTab:
    columns: list[Column[NetworkRow]] = [
        Column(_("Interface"), lambda r: r.device),
        Column(_("Network"), lambda r: r.network),
        Column(_("MAC"), lambda r: r.mac),
        Column(_("Addresses"), lambda r: r.addresses),
        Column(_("State"), lambda r: r.state),
    ]
    empty = _("There are no network interfaces here.")
    return RowsTab("networkingTab", "networkTable", _("Network interfaces"), empty, columns, lambda r: r.device + r.mac)


class ObjectPane(QWidget):
    """Header and tabs of the selected object; a word of welcome where there is none."""

    disks_selected = Signal()
    """Other virtual disks are selected on the Storage tab."""

    def __init__(
        self,
        icons: Icons,
        on_migrate: Callable[[], None],
        on_add: Callable[[], None],
        on_move_disks: Callable[[], object],
        on_rescan: Callable[[], object],
    ) -> None:
        super().__init__()
        self._icons = icons
        self._key: ObjectId | None = None
        self.icon = QLabel()
        self.name = heading("", 4)
        self.name.setObjectName("objectName")
        self.place = QLabel()
        self.place.setObjectName("objectState")
        palette = self.place.palette()
        palette.setColor(palette.ColorRole.WindowText, dim(palette))
        self.place.setPalette(palette)
        self.migrate = primary(QPushButton(_("Migrate…")))
        self.migrate.setDefault(False)
        self.migrate.setObjectName("migrateButton")
        self.migrate.clicked.connect(on_migrate)
        self.move_line = QLabel()
        self.move_line.setObjectName("canMoveLine")
        top = QHBoxLayout()
        top.setSpacing(STEP)
        top.addWidget(self.icon)
        top.addWidget(self.name)
        top.addWidget(self.place)
        top.addStretch(1)
        top.addWidget(self.migrate)
        self.general = GeneralTab()
        self.storage = storage_tab()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(_("Filter virtual disks…"))
        named(self.filter, "diskFilter", _("Filter virtual disks"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(lambda _text: self._filter_disks())
        self._disks: tuple[DiskRow, ...] = ()
        self.rescan = QPushButton(_("Rescan"))
        named(self.rescan, "rescanButton", _("Rescan"))
        self.rescan.setToolTip(_("Let the server look again what is on this SR"))
        self.rescan.clicked.connect(on_rescan)
        self.storage.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.storage.table.selectionModel().selectionChanged.connect(lambda *_changes: self.disks_selected.emit())
        self.move_disks = QPushButton(_("Move…"))
        named(self.move_disks, "moveDiskButton", _("Move the selected virtual disks"))
        self.move_disks.clicked.connect(on_move_disks)
        foot = QHBoxLayout()
        foot.setSpacing(STEP)
        foot.addWidget(self.filter, 1)
        foot.addStretch(1)
        foot.addWidget(self.rescan)
        foot.addWidget(self.move_disks)
        below = self.storage.layout()
        assert isinstance(below, QVBoxLayout)
        below.addLayout(foot)
        self.networking = networking_tab()
        self.tabs = QTabWidget()
        named(self.tabs, "objectTabs", _("Tabs"))
        self.tabs.setDocumentMode(True)
        for tab, title in (
            (self.general, _("General")),
            (self.storage, _("Storage")),
            (self.networking, _("Networking")),
        ):
            self.tabs.addTab(tab, title)
        object_side = QWidget()
        layout = QVBoxLayout(object_side)
        layout.setContentsMargins(2 * STEP, STEP, STEP, 0)
        layout.setSpacing(STEP)
        layout.addLayout(top)
        layout.addWidget(self.move_line)
        layout.addWidget(self.tabs, 1)
        self.stack = QStackedWidget()
        self.stack.addWidget(self._welcome(on_add))
        self.stack.addWidget(object_side)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)

    def selected_disks(self) -> tuple[PoolId | None, tuple[VdiRef, ...]]:
        """The virtual disks selected on the Storage tab, and their pool."""
        if self._key is None or not self.tabs.isTabVisible(1):
            return None, ()
        refs = dict.fromkeys(VdiRef(row.ref) for row in self.storage.selected() if row.ref)
        return self._key.pool, tuple(refs)

    def _show_disks(self, rows: tuple[DiskRow, ...]) -> None:
        self._disks = rows
        self._filter_disks()

    def _filter_disks(self) -> None:
        """Show the disks whose name, description or VMs have what was typed."""
        sought = self.filter.text().casefold().split()
        texts = ((row, " ".join((row.name, row.description, row.vms)).casefold()) for row in self._disks)
        self.storage.show_rows(tuple(row for row, text in texts if all(word in text for word in sought)))
        self.storage.empty.setText(
            _("Nothing matches the filter.") if self._disks else _("There are no virtual disks here.")
        )

    def offer_move(self, why_not: str) -> None:
        """Offer to move the selected disks, or say why they cannot be moved."""
        self.move_disks.setEnabled(not why_not)
        self.move_disks.setToolTip(why_not)

    def _welcome(self, on_add: Callable[[], None]) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addStretch(1)
        self.welcome = heading(_("Add a server to begin"))
        self.welcome.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.welcome_text = hint(
            _("Enter the coordinator of a pool, or a standalone host. All its VMs and SRs then appear at the left.")
        )
        self.welcome_text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.add = primary(QPushButton(_("Add a server…")))
        self.add.setObjectName("welcomeAddButton")
        self.add.clicked.connect(on_add)
        layout.addWidget(self.welcome)
        layout.addWidget(self.welcome_text)
        layout.addWidget(self.add, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        return page

    def show_nothing(self, has_servers: bool) -> None:
        """Nothing is selected."""
        self._key = None
        self.welcome.setText(_("Select something at the left") if has_servers else _("Add a server to begin"))
        self.welcome_text.setVisible(not has_servers)
        self.add.setVisible(not has_servers)
        self.stack.setCurrentIndex(0)

    def show_waiting(self, title: str, detail: str) -> None:
        """A server that is not connected is selected."""
        self._key = None
        self.welcome.setText(title)
        self.welcome_text.setText(detail)
        self.welcome_text.setVisible(bool(detail))
        self.add.hide()
        self.stack.setCurrentIndex(0)

    def show_object(self, site: Site, key: ObjectId, migrate: tuple[str, str]) -> None:
        """Show an object. `migrate` is the button's text, empty where there is none, and why it cannot be pressed."""
        inventory: Inventory | None = site.pools.get(key.pool)
        if inventory is None or inventory.record(key.cls, key.ref) is None:
            self.show_nothing(True)
            return
        head = description.header(inventory, key)
        self.icon.setPixmap(self._icons(head.icon).pixmap(24, 24))
        self.name.setText(head.name)
        old = "" if key.pool in site.connected else _("not connected: as known last")
        self.place.setText(" · ".join(part for part in (head.place, old) if part))
        text, why = migrate
        self.migrate.setVisible(bool(text))
        self.migrate.setText(text)
        self.migrate.setEnabled(not why)
        self.migrate.setToolTip(why)
        line, reasons = can_move(site, key)
        self.move_line.setText(line)
        self.move_line.setToolTip(reasons)
        self.move_line.setVisible(bool(line))
        self.general.show_sections(description.general(inventory, key))
        self._show_tables(inventory, key)
        self._key = key
        self.stack.setCurrentIndex(1)

    def _show_tables(self, inventory: Inventory, key: ObjectId) -> None:
        storage = networking = True
        of_sr = key.cls == "SR"
        for column in (POSITION, PLACE):
            self.storage.table.setColumnHidden(column, of_sr)
        self.filter.setVisible(of_sr)
        self.rescan.setVisible(of_sr)
        if not of_sr or key != self._key:
            self.filter.clear()
        if key.cls == "VM":
            self._show_disks(description.vm_disks(inventory, VmRef(key.ref)))
            self.networking.show_rows(description.vm_networks(inventory, VmRef(key.ref)))
        elif key.cls == "SR":
            self._show_disks(description.sr_disks(inventory, SrRef(key.ref)))
            networking = False
        elif key.cls == "host":
            storage = False
            self.networking.show_rows(description.host_networks(inventory, HostRef(key.ref)))
        else:
            storage = networking = False
        self.tabs.setTabVisible(1, storage)
        self.tabs.setTabVisible(2, networking)


def names_of(inventory: Inventory, keys: list[ObjectId]) -> str:
    """The selected objects in a sentence."""
    return joined([inventory.name_of(key.cls, key.ref) for key in keys])
