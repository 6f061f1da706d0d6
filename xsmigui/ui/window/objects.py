"""The right side: the selected object, what it does, and its tabs."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core import description
from xsmigui.core.description import NetworkRow, Section
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import candidates
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.text import _, joined, n_, printable
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column
from xsmigui.ui.style import STEP, named, primary
from xsmigui.ui.window.storage import StorageTab
from xsmigui.ui.window.tables import RowsTab
from xsmigui.ui.words import Label, Paragraph, Picture, explain, heading, hint


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
        self._values: dict[tuple[str, str], Paragraph] = {}

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
                    shown = self._values[section.title, label]
                    if shown.text() != printable(value):
                        self._say(shown, label, value)
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
                name = Label(label, is_dim=True)
                text = self._values[section.title, label] = Paragraph(selectable=True)
                self._say(text, label, value)
                grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(text, row, 1, Qt.AlignmentFlag.AlignTop)
                row += 1
        grid.setRowStretch(row, 1)
        return inside

    def _say(self, text: Paragraph, label: str, value: str) -> None:
        """Show a value: all of it in one paragraph, whatever it contains."""
        text.setText(printable(value))
        text.setAccessibleName(printable(f"{label}: {value}"))


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
        on_eject: Callable[[], object],
    ) -> None:
        super().__init__()
        self._icons = icons
        self._key: ObjectId | None = None
        self.icon = Picture()
        self.name = heading("", 4)
        self.name.setObjectName("objectName")
        self.place = Label(is_dim=True)
        self.place.setObjectName("objectState")
        self.migrate = primary(QPushButton(_("Migrate…")))
        self.migrate.setDefault(False)
        self.migrate.setObjectName("migrateButton")
        self.migrate.clicked.connect(on_migrate)
        self.move_line = Label()
        self.move_line.setObjectName("canMoveLine")
        top = QHBoxLayout()
        top.setSpacing(STEP)
        top.addWidget(self.icon)
        top.addWidget(self.name, 2)
        top.addWidget(self.place, 1)
        top.addStretch(0)
        top.addWidget(self.migrate)
        self.general = GeneralTab()
        self.storage = StorageTab(on_move_disks, on_rescan, on_eject)
        self.storage.changed.connect(self.disks_selected)
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

    def selected_drives(self) -> tuple[PoolId | None, tuple[str, ...]]:
        """The drives selected on the Storage tab that hold a CD, and their pool."""
        if self._key is None or not self.tabs.isTabVisible(1):
            return None, ()
        return self._key.pool, tuple(row.drive for row in self.storage.selected() if row.drive)

    def selected_disks(self) -> tuple[PoolId | None, tuple[VdiRef, ...]]:
        """The virtual disks selected on the Storage tab, and their pool."""
        if self._key is None or not self.tabs.isTabVisible(1):
            return None, ()
        refs = dict.fromkeys(VdiRef(row.ref) for row in self.storage.selected() if row.ref)
        return self._key.pool, tuple(refs)

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
        explain(self.migrate, why)
        line, reasons = can_move(site, key)
        self.move_line.setText(line)
        self.move_line.explain(reasons)
        self.move_line.setVisible(bool(line))
        self.general.show_sections(description.general(inventory, key))
        self._show_tables(inventory, key)
        self._key = key
        self.stack.setCurrentIndex(1)

    def _show_tables(self, inventory: Inventory, key: ObjectId) -> None:
        storage = networking = True
        if key.cls == "VM":
            self.storage.show_vm(description.vm_disks(inventory, VmRef(key.ref)))
            self.networking.show_rows(description.vm_networks(inventory, VmRef(key.ref)))
        elif key.cls == "SR":
            sr = SrRef(key.ref)
            rows, space = description.sr_disks(inventory, sr), description.sr_space(inventory, sr)
            self.storage.show_sr(rows, space, key != self._key)
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
