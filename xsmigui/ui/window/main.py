"""The main window: tree at the left, the selected object at the right, work in progress at the bottom."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QCloseEvent, QWhatsThisClickedEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QSplitter

from xsmigui.core.catalogue import sentence
from xsmigui.core.changes import Delta
from xsmigui.core.jobs import Job
from xsmigui.core.migration import arriving
from xsmigui.core.outline import Outline
from xsmigui.core.outline_nodes import View
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.core.text import _
from xsmigui.ui.activity.view import ActivityView
from xsmigui.ui.bridge import Bridge
from xsmigui.ui.columns import remember_tables
from xsmigui.ui.dialogs.base import opened, tell
from xsmigui.ui.dialogs.palette import PaletteDialog
from xsmigui.ui.icons import Icons
from xsmigui.ui.pace import PacedChanges
from xsmigui.ui.scope import Scope
from xsmigui.ui.screens import sized
from xsmigui.ui.style import keep_readable
from xsmigui.ui.window.changing import change_preferences
from xsmigui.ui.window.disks import DiskCommands
from xsmigui.ui.window.geometry import geometry, restore
from xsmigui.ui.window.help import HelpCommands
from xsmigui.ui.window.menus import Commands, Menus, WindowActions
from xsmigui.ui.window.navigation import Navigator, arrivals
from xsmigui.ui.window.notices import Notices
from xsmigui.ui.window.objects import ObjectPane, PaneActions
from xsmigui.ui.window.planning import Planner
from xsmigui.ui.window.pools import PoolCommands
from xsmigui.ui.window.quitting import may_quit
from xsmigui.ui.window.selection import Selection, selection
from xsmigui.ui.window.servers import ServerCommands, can_try, link_text
from xsmigui.ui.window.services import Services
from xsmigui.ui.window.title import TitleProgress
from xsmigui.ui.window.tree import TreePane
from xsmigui.ui.window.vms import VmCommands
from xsmigui.ui.window.work import WorkCommands
from xsmigui.ui.words import explain

log = logging.getLogger(__name__)

MAIN_ACTIONS: Final = {"host": "actionMaintenanceMode", "SR": "actionEmptySr"}
"""By class of the selected object the action that the header offers as a button; of VMs it depends on their state."""


class MainWindow(QMainWindow):
    """The program's window. `on_quit` is called when it has been closed for good."""

    def __init__(self, services: Services, icons: Icons, on_quit: Callable[[], None]) -> None:
        super().__init__()
        self._services = services
        self._icons = icons
        self._on_quit = on_quit
        self._scope = Scope(self, self.present)
        self._selection = Selection()
        self._quitting = False
        self._shown: ObjectId | None = None
        self._changes = PacedChanges(self, self._show_changes)
        self.setObjectName("mainWindow")
        self.setWindowTitle("xsmigui")
        self.setAccessibleName("xsmigui")
        self.setWindowIcon(icons("xsmigui"))
        sized(self, 1280, 800)
        self.bridge = Bridge(services.store, services.connections, self)
        self.bridge.view = self._view("")
        self._build()
        self.bridge.outline_changed.connect(self._show_outline)
        self.bridge.pools_changed.connect(self._pools_changed)
        self.bridge.servers_changed.connect(self._selected)
        self._ends = [
            services.jobs.subscribe(self._job_changed),
            services.connections.subscribe(self.servers.remember),
        ]
        now = services.preferences.now
        remember_tables(self, services.preferences)
        restore(self, self.splitter, now)
        self.tree.take_up(now.selected, now.opened, now.closed)
        self._selected()

    def _build(self) -> None:
        self.planner = Planner(
            self,
            self._services,
            self._scope,
            self._icons,
            self.present,
            lambda: self.activity.refresh(),
            lambda: self.servers.add(),
        )
        self.vms = VmCommands(self.planner, lambda: self._selection)
        self.tree_pane = TreePane(self._icons)
        self.tree = self.tree_pane.tree
        self.search = self.tree_pane.search
        self.tree_pane.search_changed.connect(lambda text: self.bridge.look(self._view(text)))
        self.tree_pane.menu_wanted.connect(self._context_menu)
        # Queued: while something is dragged Qt runs a loop of its own, in which nothing of ours shall begin.
        self.tree.resources.dropped.connect(self.vms.dropped, Qt.ConnectionType.QueuedConnection)
        self.tree.selectionModel().selectionChanged.connect(lambda *_changes: self._selected())
        self.navigator = Navigator(
            self._services.store, self.tree_pane, lambda: self.bridge.look(self._view("")), self._show_kind
        )
        self.servers: ServerCommands = ServerCommands(self, self._services, self._scope, self.tree)
        self.pools = PoolCommands(self.planner, self.tree, self.enable)
        self.tree.activated.connect(lambda _index: self._activate())
        pane = PaneActions(
            self._main_action,
            self.servers.add,
            self.servers.connect,
            self._fill_more,
            lambda: self.disks.move_disks(),
            lambda: self.disks.rescan(),
            lambda: self.disks.eject(),
            self._services.demo,
            lambda: self.help.guide(),
            lambda key: self.navigator.go_to(key),
            lambda act, line: self.work.do(act, line),
        )
        self.object = ObjectPane(self._icons, self._scope, pane, self._services.preferences.now.tabs)
        self.disks = DiskCommands(self.planner, self.tree, self.object)
        self.object.disks_selected.connect(self._enable_disks)
        self.work = WorkCommands(
            self,
            self._services,
            self._scope,
            self.planner.open_wizard,
            self.tree.select,
            self.disks.leftovers,
            lambda: self.activity.refresh(),
        )
        self.activity = ActivityView(self._icons, self.work.source(), self._services.jobs.limit)
        self.activity.advanced.connect(TitleProgress(self).show)
        self.activity.refreshed.connect(self.object.activity.show_groups)
        self.notices = Notices(self, self._icons, self._scope, self._services.notify, self.activity.reveal)
        self.right = right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.object)
        right.addWidget(self.activity)
        right.setStretchFactor(0, 4)
        right.setStretchFactor(1, 1)
        right.setSizes([590, 170])
        right.setChildrenCollapsible(False)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.tree_pane)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([320, 960])
        self.splitter.setChildrenCollapsible(False)
        self.setCentralWidget(self.splitter)
        self.help = HelpCommands(self, self._services, self._scope)
        own = WindowActions(
            self.preferences,
            self.close,
            self.search.setFocus,
            self._palette,
            self._toggle,
            lambda: self.help.guide(self.object.topic()),
            self.help.about,
        )
        commands = Commands(self.servers, self.pools, self.vms, self.disks, self.work)
        self.menus = Menus(self, self._icons, commands, own, self._services.preferences)
        self.to_server = self.menus.to_server
        self._actions = self.menus.actions

    def _view(self, search: str) -> View:
        now = self._services.preferences.now
        return replace(
            self.bridge.view,
            search=search,
            templates=now.show_templates,
            snapshots=now.show_snapshots,
            local_srs=now.show_local_srs,
            by_type=now.by_type,
        )

    def _look(self) -> None:
        """Show the tree as the settings say."""
        self.bridge.look(self._view(self.bridge.view.search))

    def _toggle(self, field: str) -> None:
        self._services.preferences.change(**{field: self.menus.toggles[field].isChecked()})
        self._look()

    def _show_outline(self, outline: Outline) -> None:
        self.tree_pane.show_outline(outline, self.bridge.shown.search)
        if not self.tree.selected() and outline.nodes and self.object.stack.currentIndex() == 0:
            self._selected()

    def _pools_changed(self, deltas: dict[PoolId, Delta]) -> None:
        if any(key.pool in deltas for key in self.tree.selected()):
            self._changes.hear(deltas)
        site = self._services.store.site()
        if self.bridge.view.arriving or any(arriving.may_tell(site, pool, delta) for pool, delta in deltas.items()):
            self.bridge.mark_arriving(arriving.arriving(site))
        if any(delta.touched("task", "VM") for delta in deltas.values()):
            self.activity.refresh_soon()

    def _show_changes(self, deltas: dict[PoolId, Delta]) -> None:
        if keys := self.tree.selected():
            self._selected(delta := deltas.get(keys[0].pool, Delta()))
            self.object.changed(self._services.store.site(), delta)

    def _job_changed(self, job: Job) -> None:
        """Show it; where the selected VM has just arrived in another pool, it is selected there."""
        self.activity.refresh_soon()
        self.notices.job_changed(job)
        for old, new in arrivals(job):
            self._follow(old, new)

    def _follow(self, old: ObjectId, new: ObjectId) -> None:
        if self._shown == old:
            self._shown = None
            if not self.tree.selected() or self.tree.selected()[0] == old:
                self.bridge.flush()
                self.tree.select(new)

    def _selected(self, delta: Delta = Delta()) -> None:  # noqa: B008 – it is frozen
        """Show the selected object and what may be done with it; `delta` is what has changed of its pool."""
        site = self._services.store.site()
        keys = self.tree.selected()
        if keys:
            self._shown = keys[0]
        self._selection = chosen = selection(site, keys)
        self.enable()
        if not keys:
            self.object.show_nothing(bool(self._services.connections.servers()))
        elif len(keys) > 1:
            self.object.show_several(site, keys, chosen.button, self.servers.lost_of(keys))
        elif keys[0].cls == "server":
            server = self.servers.of(keys[0])
            if server is not None:
                self.object.show_waiting(server.name, link_text(server), can_try(server))
        else:
            self.object.show_object(site, keys[0], self._main_button(keys[0]), self.servers.lost(keys[0]), delta)
        self._enable_disks()

    def enable(self) -> None:
        reasons = {
            "actionEmptySr": self.disks.why_not_empty(),
            "actionMaintenanceMode": self.pools.why_not(),
            "actionBringBack": self.pools.why_nobody_comes_back(),
            "actionPoolCompression": self.pools.why_no_pool(),
            "actionMigrateVm": self._selection.migrate,
            "actionMoveVm": self._selection.move,
            "actionCopyVm": self._selection.copy,
            **self.servers.reasons(),
        }
        self._actions["actionMaintenanceMode"].setText(self.pools.text())
        self._actions["actionPoolCompression"].setChecked(self.pools.compresses())
        self.menus.enable(reasons, self._selection.to_server)

    def _enable_disks(self) -> None:
        """Offer to move the selected virtual disks, or say why not."""
        reason = self.disks.why_not_move()
        self.object.storage.offer_move(reason)
        action = self._actions["actionMoveDisk"]
        action.setEnabled(not reason)
        explain(action, reason or action.text().replace("&", ""))

    def say(self, title: str, text: str) -> None:
        """Show something that has to be read, whatever else is going on."""
        self._scope.spawn(tell(self, title, text), "say")

    def _main_button(self, key: ObjectId) -> tuple[str, str]:
        """What most people want to do with an object, and why it cannot be done; empty where there is nothing."""
        if key.cls == "VM":
            return self._selection.button
        name = MAIN_ACTIONS.get(key.cls)
        if name is None:
            return "", ""
        action = self._actions[name]
        return action.text().replace("&", ""), "" if action.isEnabled() else action.toolTip()

    def _main_action(self) -> None:
        """The button of the header."""
        keys = self.tree.selected()
        if self._selection.vms:
            self.vms.open_wizard()
        elif keys and keys[0].cls in MAIN_ACTIONS:
            self._actions[MAIN_ACTIONS[keys[0].cls]].trigger()

    def _show_kind(self, field: str) -> None:
        """Show a kind of objects in the tree."""
        if not self.menus.toggles[field].isChecked():
            self.menus.toggles[field].setChecked(True)
            self._toggle(field)

    def _activate(self) -> None:
        """Enter or a double click."""
        if self._selection.vms and not self._selection.button[1]:
            self.vms.open_wizard()
        else:
            self.servers.activate()

    def _context_menu(self, point: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.menus.fill(menu, self.tree.selected())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(point)

    def _palette(self) -> None:
        nodes, actions = self.bridge.outline.nodes.values(), self.menus.menu_actions()
        self._scope.spawn(opened(PaletteDialog(self, self._icons, nodes, actions, self.navigator.go_to)), "palette")

    def _fill_more(self, menu: QMenu) -> None:
        menu.clear()
        self.menus.fill(menu, self.tree.selected())

    def preferences(self) -> None:
        self._scope.spawn(
            change_preferences(self, self._services, self.menus, self.activity, self._look), "preferences"
        )

    def present(self, error: BaseException) -> None:
        """The one place where an unforeseen error of the window's work ends."""
        log.error("unforeseen", exc_info=error)
        message, next_step = sentence(error) if isinstance(error, Exception) else (str(error), "")
        text = " ".join(part for part in (message, next_step) if part)
        if not self._quitting:
            self._scope.spawn(tell(self, _("This did not work"), text, repr(error)))

    def changeEvent(self, event: QEvent) -> None:
        """The system has changed its theme."""
        super().changeEvent(event)
        app = QApplication.instance()
        if event.type() == QEvent.Type.ApplicationPaletteChange and isinstance(app, QApplication):
            keep_readable(app)

    def event(self, event: QEvent) -> bool:
        """Help is wanted in a dialog."""
        if isinstance(event, QWhatsThisClickedEvent):
            self.help.guide(event.href())
            return True
        return super().event(event)

    async def stop(self) -> None:
        """End the window's work, and with it the dialogs that still wait for an answer."""
        self._scope.cancel()
        await self._scope.finished()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._quitting:
            event.accept()
            return
        event.ignore()
        self._scope.spawn(self._quit(), "quit")

    async def _quit(self) -> None:
        if not await may_quit(self, self._services):
            return
        self.end()
        await asyncio.sleep(0)

    def end(self) -> None:
        """Close without a question, as at the end of a session; the next start takes up what goes on in the servers."""
        if self._quitting:
            return
        self._quitting = True
        self.planner.close()
        self.keep()
        self.close()
        self._on_quit()

    def keep(self) -> None:
        """Keep how the window stands, for the next one."""
        kept = {**self.tree.kept(), **geometry(self, self.splitter), "tabs": self.object.last_tabs}
        self._services.preferences.change(**kept)

    def succeed(self, old: "MainWindow") -> None:
        """Begin as a window in another language looks, which gives way to this one."""
        self.tree.take_over(old.tree)
        self.search.setText(old.search.text())
        self.bridge.view = replace(self._view(old.bridge.view.search), arriving=old.bridge.view.arriving)
        self.right.setSizes(old.right.sizes())
        self.activity.take_over(old.activity)

    async def retire(self, successor: "MainWindow") -> None:
        """Give way to a window in another language: what is open in this one opens there too."""
        self._quitting = True
        for leave in self._ends:
            leave()
        self.bridge.stop()
        successor.planner.take_over(self.planner, successor.pools.empty)
        successor.help.take_over(self.help)
        successor.disks.take_over(self)
        self.close()
        await self.stop()
        self.deleteLater()
