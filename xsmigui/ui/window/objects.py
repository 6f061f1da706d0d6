"""The right side: the selected object, what it does, and its tabs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from xsmigui.core import description
from xsmigui.core.changes import Delta
from xsmigui.core.description import NetworkRow
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import arriving, mobility
from xsmigui.core.migration.draft import Site
from xsmigui.core.pages.headers import header
from xsmigui.core.pages.rows import VmRow
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.text import _
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.activity.lines import Line
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column
from xsmigui.ui.scope import Scope
from xsmigui.ui.style import STEP, named
from xsmigui.ui.window.activity_tab import ActivityTab
from xsmigui.ui.window.general import GeneralTab
from xsmigui.ui.window.header import Header
from xsmigui.ui.window.pages import ListTabs, kind
from xsmigui.ui.window.several import SeveralVms, stuck, sums, title
from xsmigui.ui.window.sr_table import SrTable
from xsmigui.ui.window.storage import StorageTab
from xsmigui.ui.window.tables import RowsTab
from xsmigui.ui.window.welcome import WelcomePage

FIRST: Final = {"pool": "hostsTab", "host": "vmsTab", "snapshot": "storageTab"}
"""The tab of a kind of object that is shown until another one was chosen; elsewhere General."""

WITH_ACTIVITY: Final = ("pool", "host", "SR", "VM")
"""Kinds of objects that have an Activity tab."""


def networking_tab() -> RowsTab:
    columns: list[Column[NetworkRow]] = [
        Column(_("Interface"), lambda r: r.device),
        Column(_("Network"), lambda r: r.network),
        Column(_("MAC"), lambda r: r.mac, uncut=True),
        Column(_("Addresses"), lambda r: r.addresses),
        Column(_("State"), lambda r: r.state),
    ]
    empty = _("There are no network interfaces here.")
    return RowsTab("networkingTab", "networkTable", _("Network interfaces"), empty, columns, lambda r: r.device + r.mac)


@dataclass(frozen=True, slots=True)
class PaneActions:
    """What the right side leaves to others: `main` is the main action of what is shown, `follow` goes to an object."""

    main: Callable[[], None]
    add_server: Callable[[], None]
    connect: Callable[[], None]
    fill_menu: Callable[[QMenu], None]
    move_disks: Callable[[], object]
    rescan: Callable[[], object]
    eject: Callable[[], object]
    demo: Callable[[], object] | None
    guide: Callable[[], object]
    follow: Callable[[ObjectId], object]
    do: Callable[[Act, Line], object]
    """With a line of Activity."""


class ObjectPane(QWidget):
    """Header and tabs of the selected object; a table of several; a word of welcome where there is none."""

    disks_selected = Signal()
    """Other virtual disks are selected on the Storage tab."""

    def __init__(self, icons: Icons, scope: Scope, actions: PaneActions, tabs: Mapping[str, str]) -> None:
        """`tabs` has for each kind of object the name of the tab to begin with."""
        super().__init__()
        self._icons = icons
        self._key: ObjectId | None = None
        self._kind = ""
        self._stuck = ""
        self._site = Site({}, frozenset())
        self.last_tabs = dict(tabs)
        self.header = Header(icons, actions.main, actions.connect, actions.fill_menu, actions.follow)
        self.icon, self.name, self.place = self.header.icon, self.header.name, self.header.place
        self.migrate, self.move_line = self.header.migrate, self.header.move_line
        self.general = GeneralTab()
        self.general.followed.connect(actions.follow)
        self.storage = StorageTab(actions.move_disks, actions.rescan, actions.eject)
        self.storage.changed.connect(self.disks_selected)
        self.sr_table = SrTable(self.storage, scope)
        self.networking = networking_tab()
        self.selected = SeveralVms(icons, scope, self._show_sums)
        self.several = self.selected.tab
        self.several.followed.connect(actions.follow)
        self.lists = ListTabs(icons, scope, lambda line: self.header.say_whether_it_moves(line, ""))
        self.tabs = QTabWidget()
        named(self.tabs, "objectTabs", _("Tabs"))
        self.tabs.setDocumentMode(True)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.addTab(self.general, _("General"))
        lists = {each.tab: each for each in self.lists.all}
        for tab in (self.lists.hosts, self.lists.vms):
            self.tabs.addTab(tab, lists.pop(tab).title)
        self.tabs.addTab(self.storage, _("Storage"))
        self.tabs.addTab(self.lists.repositories, lists.pop(self.lists.repositories).title)
        self.tabs.addTab(self.networking, _("Networking"))
        for tab, each in lists.items():
            self.tabs.addTab(tab, each.title)
        self.activity = ActivityTab(icons, actions.do)
        self.tabs.addTab(self.activity, _("Activity"))
        for each in self.lists.all:
            each.tab.followed.connect(actions.follow)
        self.tabs.currentChanged.connect(lambda _number: self._tab_chosen())
        self.below = QStackedWidget()
        self.below.addWidget(self.tabs)
        self.below.addWidget(self.several)
        object_side = QWidget()
        layout = QVBoxLayout(object_side)
        layout.setContentsMargins(2 * STEP, STEP, STEP, 0)
        layout.setSpacing(STEP)
        layout.addWidget(self.header)
        layout.addWidget(self.below, 1)
        self.stack = QStackedWidget()
        self.welcome_page = WelcomePage(actions.add_server, actions.connect, actions.demo, actions.guide)
        self.add, self.connect_now = self.welcome_page.add, self.welcome_page.connect_now
        self.welcome, self.welcome_text = self.welcome_page.title, self.welcome_page.words
        self.stack.addWidget(self.welcome_page)
        self.stack.addWidget(object_side)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)

    def topic(self) -> str:
        """What the guide is asked about where the operator looks: the tab in sight, or the first steps."""
        if self.stack.currentIndex() == 0:
            return "start"
        return self.tabs.currentWidget().objectName() if self.below.currentWidget() is self.tabs else "severalTab"

    def shows(self, tab: QWidget) -> bool:
        """A tab stands on the page of what is selected."""
        return self.tabs.isTabVisible(self.tabs.indexOf(tab))

    def _shows_disks(self) -> bool:
        return self._key is not None and self.below.currentWidget() is self.tabs and self.shows(self.storage)

    def selected_drives(self) -> tuple[PoolId | None, tuple[str, ...]]:
        """The drives selected on the Storage tab that hold a CD, and their pool."""
        if self._key is None or not self._shows_disks():
            return None, ()
        return self._key.pool, tuple(row.drive for row in self.storage.selected() if row.drive)

    def selected_disks(self) -> tuple[PoolId | None, tuple[VdiRef, ...]]:
        """The virtual disks selected on the Storage tab, and their pool."""
        if self._key is None or not self._shows_disks():
            return None, ()
        return self._key.pool, self.storage.selected_disks()

    def touched_disks(self) -> set[VdiRef] | None:
        """The disks of the SR that is shown that have changed since this was last asked for; None if all may have."""
        return self.sr_table.touched() if self._key is not None and self._key.cls == "SR" else None

    def show_nothing(self, has_servers: bool) -> None:
        """Nothing is selected."""
        self._leave()
        self.welcome_page.show_nothing(has_servers)
        self.stack.setCurrentIndex(0)

    def show_waiting(self, title: str, detail: str, can_try: bool) -> None:
        """A server that is not connected is selected."""
        self._leave()
        self.welcome_page.show_waiting(title, detail, can_try)
        self.stack.setCurrentIndex(0)

    def show_several(self, site: Site, keys: list[ObjectId], migrate: tuple[str, str], lost: tuple[str, bool]) -> None:
        """Several objects are selected; the arguments are those of `show_object`."""
        if self.below.currentWidget() is not self.several or self.stack.currentIndex() != 1:
            self._leave()
            self.header.say_whether_it_moves("", "")
        self.header.show_object(self._icons("vm-running"), title(keys), self._stuck)
        self.header.offer(*migrate)
        self.header.notice.show_words(*lost)
        self.selected.show(site, keys)
        self.below.setCurrentWidget(self.several)
        self.stack.setCurrentIndex(1)

    def _show_sums(self, rows: tuple[VmRow, ...]) -> None:
        """The selected VMs have been looked at."""
        self._stuck = stuck(rows)
        self.header.place.setText(self._stuck)
        self.header.say_whether_it_moves(sums(rows) if rows else "", "")

    def _leave(self) -> None:
        self._key = None
        self._stuck = ""
        self.selected.leave()
        self.lists.show(Site({}, frozenset()), None, None)

    def show_object(
        self,
        site: Site,
        key: ObjectId,
        main: tuple[str, str],
        lost: tuple[str, bool],
        delta: Delta = Delta(),  # noqa: B008 – it is frozen
    ) -> None:
        """Show an object; `delta` is what has changed of its pool since the last time. `main` is the button's text,
        empty where there is none, and why it cannot be pressed; `lost` how the connection stands where it is lost, and
        whether it can be tried again now."""
        inventory: Inventory | None = site.pools.get(key.pool)
        if inventory is None or inventory.record(key.cls, key.ref) is None:
            self.show_nothing(True)
            return
        self.selected.leave()
        head = header(inventory, key)
        source = arriving.coming_from(site, key.pool, VmRef(key.ref)) if key.cls == "VM" else ""
        state = _("arriving from {pool}", pool=source) if source else head.state
        old = "" if key.pool in site.connected else _("not connected: last known state")
        self.header.show_object(
            self._icons("vm-moving" if source else head.icon),
            head.name,
            " · ".join(part for part in (state, old) if part),
            head.trail,
            not old,
        )
        self.header.offer(*(("", "") if source else main))
        found = mobility.mobility(site, key.pool, VmRef(key.ref)) if key.cls == "VM" else None
        if key != self._key or key.cls == "VM":
            self.header.say_whether_it_moves(found.sentence() if found else "", found.reasons() if found else "")
        self.header.notice.show_words(*lost)
        if key != self._key or self.tabs.currentWidget() is self.general:
            self.general.show_sections(description.general(inventory, key))
        self._show_tables(inventory, key, delta)
        self.activity.show_object(inventory, key)
        self._site = site
        self._show_tabs(kind(site, key), key)
        self.below.setCurrentWidget(self.tabs)
        self.stack.setCurrentIndex(1)

    def _show_tabs(self, of: str, key: ObjectId) -> None:
        """The tabs of this kind of object; where another kind was shown, the one that was last in sight for this."""
        wanted: set[QWidget] = {each.tab for each in self.lists.all if of in each.of} | {self.general}
        wanted |= {self.activity} if of in WITH_ACTIVITY else set()
        wanted |= {self.storage} if key.cls in ("VM", "SR") else set()
        wanted |= {self.networking} if key.cls in ("VM", "host") else set()
        is_other = of != self._kind
        self._key, self._kind = key, ""  # while tabs come and go, the one in sight is nobody's choice
        if is_other:
            last = self.last_tabs.get(of, FIRST.get(of, ""))
            tab = next((one for one in wanted if one.objectName() == last), self.general)
            self.tabs.setTabVisible(self.tabs.indexOf(tab), True)
            self.tabs.setCurrentWidget(tab)  # first, so that no other comes into sight when its neighbours go
            for number in range(self.tabs.count()):
                self.tabs.setTabVisible(number, self.tabs.widget(number) in wanted)
        self._kind = of
        self._show_list()

    def _tab_chosen(self) -> None:
        if self._kind and self._key is not None:
            self.last_tabs[self._kind] = self.tabs.currentWidget().objectName()
            inventory = self._site.pools.get(self._key.pool)
            if inventory is not None and self.tabs.currentWidget() is self.general:  # out of sight it was not kept up
                self.general.show_sections(description.general(inventory, self._key))
            self._show_list()

    def _show_list(self) -> None:
        current = self.tabs.currentWidget()
        listing = next((each.tab for each in self.lists.all if each.tab is current), None)
        self.lists.show(self._site, self._key, listing)

    def changed(self, site: Site, delta: Delta) -> None:
        """Records of the shown object's pool have changed."""
        self._site = site
        self.lists.changed(site, delta)

    def _show_tables(self, inventory: Inventory, key: ObjectId, delta: Delta) -> None:
        if key.cls == "VM":
            self.storage.show_vm(description.vm_disks(inventory, VmRef(key.ref)))
            self.networking.show_rows(description.vm_networks(inventory, VmRef(key.ref)))
        elif key.cls == "SR":
            self.sr_table.show(inventory, SrRef(key.ref), key != self._key, delta)
        elif key.cls == "host":
            self.networking.show_rows(description.host_networks(inventory, HostRef(key.ref)))
