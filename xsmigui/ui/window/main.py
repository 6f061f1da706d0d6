"""The main window: tree at the left, the selected object at the right, work in progress at the bottom."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QPoint, Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QSplitter

from xsmigui import __version__
from xsmigui.core.catalogue import sentence
from xsmigui.core.changes import Delta
from xsmigui.core.jobs import Job, State, leaving
from xsmigui.core.migration import arriving, candidates
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.diskdraft import draft_of_disks, off, why_not
from xsmigui.core.migration.draft import Draft, StorageMode
from xsmigui.core.migration.plan import Plan
from xsmigui.core.outline import Outline, View
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VdiRef
from xsmigui.core.text import _
from xsmigui.core.units import percent
from xsmigui.services.drafting import Drafting
from xsmigui.ui.activity.lines import headline
from xsmigui.ui.activity.view import ActivityView, Source
from xsmigui.ui.bridge import Bridge
from xsmigui.ui.columns import remember_tables
from xsmigui.ui.dialogs.base import ask, opened, tell
from xsmigui.ui.dialogs.disks import MoveDiskDialog
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.dialogs.guide import GuideDialog
from xsmigui.ui.dialogs.kept import KeptSourcesDialog
from xsmigui.ui.dialogs.leftovers import LeftoversDialog
from xsmigui.ui.dialogs.preferences import edit_preferences
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Scope
from xsmigui.ui.style import apply, keep_readable
from xsmigui.ui.window.given import Services
from xsmigui.ui.window.notices import Notices
from xsmigui.ui.window.objects import ObjectPane
from xsmigui.ui.window.pools import PoolCommands, call_server
from xsmigui.ui.window.selection import Selection, selection
from xsmigui.ui.window.servers import ServerCommands, can_try, link_text
from xsmigui.ui.window.tree import TreePane
from xsmigui.ui.window.work import WorkCommands
from xsmigui.ui.wizard.wizard import MigrateWizard
from xsmigui.ui.words import entry, explain

log = logging.getLogger(__name__)

Planning = MigrateWizard | MoveDiskDialog | MaintenanceDialog
"""What makes a plan of what the operator chooses."""


class MainWindow(QMainWindow):
    """The program's window. `on_quit` is called when it has been closed for good."""

    def __init__(self, services: Services, icons: Icons, on_quit: Callable[[], None]) -> None:
        super().__init__()
        self._services = services
        self._icons = icons
        self._on_quit = on_quit
        self._scope = Scope(self, self.present)
        self._wizards: list[Planning] = []
        self._actions: dict[str, QAction] = {}
        self._selection = Selection()
        self._quitting = False
        self._shown: ObjectId | None = None
        self.setObjectName("mainWindow")
        self.setWindowTitle("xsmigui")
        self.setAccessibleName("xsmigui")
        self.setWindowIcon(icons("xsmigui"))
        self.resize(1280, 800)
        self.bridge = Bridge(services.store, services.connections, self)
        self.bridge.view = self._view("")
        self._build()
        self._build_menus()
        self.bridge.outline_changed.connect(self._show_outline)
        self.bridge.pools_changed.connect(self._pools_changed)
        self.bridge.servers_changed.connect(self._selected)
        services.jobs.subscribe(self._job_changed)
        services.connections.subscribe(self.servers.remember)
        self._restore()
        self._selected()

    # How it is made.

    def _build(self) -> None:
        self.tree_pane = TreePane(self._icons)
        self.tree = self.tree_pane.tree
        self.search = self.tree_pane.search
        self.tree_pane.search_changed.connect(lambda text: self.bridge.look(self._view(text)))
        self.tree_pane.menu_wanted.connect(self._context_menu)
        # Queued: while something is dragged Qt runs a loop of its own, in which nothing of ours shall begin.
        self.tree.resources.dropped.connect(self._dropped, Qt.ConnectionType.QueuedConnection)
        self.tree.selectionModel().selectionChanged.connect(lambda *_changes: self._selected())
        self.servers: ServerCommands = ServerCommands(self, self._services, self._scope, self.tree)
        self.pools = PoolCommands(self, self._services, self._scope, self.tree, self._icons)
        self.tree.activated.connect(lambda _index: self._activate())
        self.object = ObjectPane(
            self._icons,
            self._migrate_or_move,
            self.servers.add,
            self.servers.connect,
            self._fill_more,
            self.move_disks,
            self._rescan,
            self._eject,
        )
        self.object.disks_selected.connect(self._enable_disks)
        self.work = WorkCommands(
            self,
            self._services,
            self._scope,
            self._open_wizard,
            self.tree.select,
            self._leftovers,
            lambda: self.activity.refresh(),
        )
        source = Source(
            self.work.groups,
            lambda: headline(self._services.jobs.all()),
            self.work.do,
            self._clear_activity,
            self.work.limit_storage,
        )
        self.activity = ActivityView(self._icons, source, self._services.jobs.limit)
        self._base_title = ""
        self.activity.advanced.connect(self._show_advance)
        self._notices = Notices(self, self._icons)
        right = QSplitter(Qt.Orientation.Vertical)
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

    def _action(
        self,
        name: str,
        text: str,
        do: Callable[[], Any],
        shortcut: QKeySequence.StandardKey | str | None = None,
        icon: str = "",
    ) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        action.triggered.connect(lambda _checked=False: do())
        if shortcut is not None:
            action.setShortcut(shortcut)
        if icon:
            action.setIcon(self._icons(icon))
        self._actions[name] = action
        self.addAction(action)
        return action

    def _build_menus(self) -> None:
        file = self._menu(_("&File"))
        file.addAction(self._action("actionPreferences", _("&Preferences…"), self.preferences))
        file.addSeparator()
        file.addAction(self._action("actionQuit", _("&Quit"), self.close, QKeySequence.StandardKey.Quit))
        view = self._menu(_("&View"))
        self._toggles: dict[str, QAction] = {}
        for field, name, text in (
            ("show_local_srs", "actionShowLocalSrs", _("&Local SRs")),
            ("show_templates", "actionShowTemplates", _("&Templates")),
            ("show_snapshots", "actionShowSnapshots", _("&Snapshots")),
        ):
            toggle = self._action(name, text, lambda field=field: self._toggle(field))  # type: ignore[misc]
            toggle.setCheckable(True)
            toggle.setChecked(bool(getattr(self._services.preferences.now, field)))
            self._toggles[field] = toggle
            view.addAction(toggle)
        view.addSeparator()
        view.addAction(self._action("actionSearch", _("S&earch"), self.search.setFocus, QKeySequence.StandardKey.Find))
        server = self._menu(_("&Server"))
        server.addAction(
            self._action("actionAddServer", _("&Add a server…"), self.servers.add, "Ctrl+N", icon="add-server")
        )
        server.addSeparator()
        server.addAction(self._action("actionConnect", _("&Connect"), self.servers.connect))
        server.addAction(self._action("actionDisconnect", _("&Disconnect"), self.servers.disconnect))
        server.addAction(self._action("actionRemoveServer", _("&Remove…"), self.servers.remove))
        server.addSeparator()
        compress = self._action(
            "actionPoolCompression", _("Com&press live migrations of the pool"), self.pools.compress
        )
        compress.setCheckable(True)
        server.addAction(compress)
        server.addAction(self._action("actionMaintenanceMode", "", lambda: self.pools.enter_or_leave()))
        server.addAction(self._action("actionBringBack", _("Bring its VMs &back…"), lambda: self.pools.bring_back()))
        vm = self._menu(_("&VM"))
        self.to_server = QMenu(_("Migrate to &Server"), self)
        self.to_server.setObjectName("menuMigrateToServer")
        self.to_server.setToolTipsVisible(True)
        self.to_server.aboutToShow.connect(self._fill_to_server)
        vm.addMenu(self.to_server)
        vm.addAction(
            self._action(
                "actionMigrateVm", _("Mi&grate VM wizard…"), lambda: self.open_wizard(), "Ctrl+M", icon="migrate"
            )
        )
        vm.addAction(self._action("actionMoveVm", _("M&ove VM…"), lambda: self.open_wizard()))
        vm.addAction(self._action("actionCopyVm", _("&Copy VM…"), lambda: self.open_wizard(copy=True)))
        storage = self._menu(_("S&torage"))
        storage.addAction(self._action("actionMoveDisk", _("Move &virtual disk…"), self.move_disks, icon="disk"))
        storage.addAction(self._action("actionEmptySr", _("Move &all disks off this SR…"), self.empty_sr))
        storage.addSeparator()
        storage.addAction(self._action("actionKeptSources", _("&Kept sources of moved disks…"), self.kept_sources))
        storage.addAction(self._action("actionLeftovers", _("&Leftovers of failed migrations…"), self._leftovers))
        activity = self._menu(_("&Activity"))
        activity.addAction(self._action("actionClearActivity", _("&Clear finished"), self._clear_activity))
        activity.addAction(self._action("actionSaveReport", _("&Save a report…"), self.work.save_report))
        activity.addAction(self._action("actionExportActivity", _("&Export as a table…"), self.work.export))
        about = self._menu(_("&Help"))
        about.addAction(
            self._action("actionGuide", _("Operators' &guide"), self._guide, QKeySequence.StandardKey.HelpContents)
        )
        about.addAction(
            self._action("actionSupportBundle", _("Save a s&upport bundle…"), self.work.save_support_bundle)
        )
        about.addAction(self._action("actionAbout", _("&About xsmigui"), self._about))

    def _menu(self, title: str) -> QMenu:
        menu = self.menuBar().addMenu(title)
        menu.setToolTipsVisible(True)
        return menu

    def _view(self, search: str) -> View:
        now = self._services.preferences.now
        return replace(
            self.bridge.view,
            search=search,
            templates=now.show_templates,
            snapshots=now.show_snapshots,
            local_srs=now.show_local_srs,
        )

    def _toggle(self, field: str) -> None:
        self._services.preferences.change(**{field: self._toggles[field].isChecked()})
        self.bridge.look(self._view(self.bridge.view.search))

    def _restore(self) -> None:
        now = self._services.preferences.now
        remember_tables(self, self._services.preferences)
        if now.window:
            self.restoreGeometry(QByteArray.fromBase64(now.window.encode()))
        if now.splitter:
            self.splitter.restoreState(QByteArray.fromBase64(now.splitter.encode()))

    # The data's way in.

    def _show_outline(self, outline: Outline) -> None:
        self.tree.show_outline(outline, bool(self.bridge.view.search))
        if not self.tree.selected() and outline.nodes and self.object.stack.currentIndex() == 0:
            self._selected()

    def _pools_changed(self, deltas: dict[PoolId, Delta]) -> None:
        keys = self.tree.selected()
        if any(key.pool in deltas for key in keys):
            self._selected()
        if any(delta.touched("VM") for delta in deltas.values()):
            self.bridge.mark_arriving(arriving.arriving(self._services.store.site()))
        if any(delta.touched("task", "VM") for delta in deltas.values()):
            self.activity.refresh_soon()

    def _job_changed(self, job: Job) -> None:
        """Show it; where the selected VM has just arrived in another pool, it is selected there."""
        self.activity.refresh_soon()
        self._notices.job_changed(job)
        for vm in job.vms:
            if vm.state is State.done and vm.arrived is not None and job.plan.crosses and not job.plan.copy:
                self._follow(
                    ObjectId(PoolId(job.plan.source.uuid), "VM", vm.move.vm.ref),
                    ObjectId(PoolId(job.plan.target.uuid), "VM", vm.arrived),
                )

    def _show_advance(self, share: float | None) -> None:
        """The progress of what is under way, in the title, where it is seen while the window is behind others."""
        title = self.windowTitle()
        if not self._base_title or not title.endswith(self._base_title):
            self._base_title = title
        wanted = f"{percent(share)} · {self._base_title}" if share is not None else self._base_title
        if wanted != title:
            self.setWindowTitle(wanted)

    def _follow(self, old: ObjectId, new: ObjectId) -> None:
        if self._shown == old:
            self._shown = None
            if not self.tree.selected() or self.tree.selected()[0] == old:
                self.bridge.flush()
                self.tree.select(new)

    def _selected(self) -> None:
        """Show the selected object and what may be done with it."""
        site = self._services.store.site()
        keys = self.tree.selected()
        if keys:
            self._shown = keys[0]
        self._selection = chosen = selection(site, keys)
        self.enable()
        if not keys:
            self.object.show_nothing(bool(self._services.connections.servers()))
        elif len(keys) > 1:
            self.object.show_several(site, keys, chosen.button)
        elif keys[0].cls == "server":
            server = self.servers.of(keys[0])
            if server is not None:
                self.object.show_waiting(server.name, link_text(server), can_try(server))
        else:
            self.object.show_object(site, keys[0], chosen.button, self.servers.lost(keys[0]))
        self._enable_disks()

    def enable(self) -> None:
        emptied = self._sr_disks()
        reasons = {
            "actionEmptySr": emptied if isinstance(emptied, str) else "",
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
        for name, reason in reasons.items():
            action = self._actions[name]
            action.setEnabled(not reason)
            explain(action, reason or action.text().replace("&", ""))
        self.to_server.setEnabled(not self._selection.to_server)
        explain(self.to_server.menuAction(), self._selection.to_server)

    def _enable_disks(self) -> None:
        """Offer to move the selected virtual disks, or say why not."""
        reason = why_not(self._services.store.site(), *self.object.selected_disks())
        self.object.storage.offer_move(reason)
        action = self._actions["actionMoveDisk"]
        action.setEnabled(not reason)
        explain(action, reason or action.text().replace("&", ""))

    # Virtual disks.

    def move_disks(self) -> MoveDiskDialog | None:
        """Open the dialog on the selected virtual disks."""
        pool, disks = self.object.selected_disks()
        if pool is None or why_not(self._services.store.site(), pool, disks):
            return None
        return self._open_disks(pool, disks)

    def _rescan(self) -> None:
        keys = self.tree.selected()
        if len(keys) == 1 and keys[0].cls == "SR":
            self._scope.spawn(
                call_server(self, self._services, keys[0].pool, _("Rescan"), "SR.scan", keys[0].ref), "rescan"
            )

    def _eject(self) -> None:
        pool, drives = self.object.selected_drives()
        if pool is not None:
            for drive in drives:
                self._scope.spawn(call_server(self, self._services, pool, _("Eject"), "VBD.eject", drive), "eject")

    def _sr_disks(self) -> tuple[PoolId, tuple[VdiRef, ...], tuple[str, ...]] | str:
        """The disks of the selected SR that can move and those that cannot; or why there is nothing to move."""
        site = self._services.store.site()
        keys = self.tree.selected()
        if len(keys) != 1 or keys[0].cls != "SR":
            return _("Select an SR first.")
        pool, ref = keys[0].pool, SrRef(keys[0].ref)
        if pool not in site.connected or ref not in site.pools[pool].SR:
            return _("The SR is not connected.")
        going, staying = off(site.pools[pool], ref)
        return (pool, going, staying) if going else _("There is no virtual disk of a VM on it.")

    def empty_sr(self) -> MoveDiskDialog | None:
        """Open the dialog on all virtual disks of the selected SR."""
        found = self._sr_disks()
        return None if isinstance(found, str) else self._open_disks(*found, copies=False)

    def kept_sources(self) -> KeptSourcesDialog:
        """Open the list of sources that were kept."""
        services = self._services
        dialog = KeptSourcesDialog(self, services.store, services.connections, self._icons, self.present)
        remember_tables(dialog, services.preferences)
        dialog.planned.connect(self.start)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        return dialog

    def say(self, title: str, text: str) -> None:
        """Show something that has to be read, whatever else is going on."""
        self._scope.spawn(tell(self, title, text), "say")

    def _leftovers(self) -> None:
        self._scope.spawn(self._show_leftovers(), "leftovers")

    async def _show_leftovers(self) -> None:
        """Open the list of what failed migrations have left; which ones there were is in the journal."""
        services = self._services
        try:
            jobs = await services.jobs.past_and_present()
        except OSError as error:
            reason = _("The journal cannot be read: {reason}", reason=str(error))
            await tell(self, _("Leftovers of failed migrations"), reason)
            return
        dialog = LeftoversDialog(self, jobs, services.store, services.connections, self._icons, self.present)
        remember_tables(dialog, services.preferences)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def _open_disks(
        self, pool: PoolId, disks: tuple[VdiRef, ...], left: tuple[str, ...] = (), copies: bool = True
    ) -> MoveDiskDialog:
        """Whoever empties an SR wants the snapshots to leave it too, which only the server's own move does."""
        services = self._services
        draft = draft_of_disks(services.store.site(), pool, disks, None).copying(copies)
        drafting = Drafting(services.store, services.asker, services.clock, draft)
        moving = MoveDiskDialog(self, drafting, disks, services.store, services.jobs, self._icons, self.present, left)
        moving.planned.connect(self.start)
        remember_tables(moving, services.preferences)
        self.keep(moving)
        moving.show()
        return moving

    # VMs.

    def _migrate_or_move(self) -> None:
        if self._selection.vms:
            self.open_wizard()

    def _activate(self) -> None:
        """Enter, or a double click: the wizard of a VM; a server is connected."""
        if self._selection.vms and not self._selection.button[1]:
            self.open_wizard()
        else:
            self.servers.activate()

    def open_wizard(self, copy: bool = False) -> MigrateWizard | None:
        """Open the wizard on the selected VMs."""
        chosen = self._selection
        if chosen.pool is None or not chosen.vms:
            return None
        return self._open_wizard(Draft(chosen.pool, chosen.vms, copy=copy, copies=not copy))

    def _dropped(self, keys: list[ObjectId], target: ObjectId) -> None:
        """VMs were dropped on a host or a pool: the wizard opens with that chosen, and nothing has begun."""
        chosen = selection(self._services.store.site(), keys)
        if chosen.pool is None or not chosen.vms:
            self._scope.spawn(tell(self, _("Migrate"), chosen.migrate))
            return
        hosts = dict.fromkeys(chosen.vms, HostRef(target.ref)) if target.cls == "host" else {}
        self._open_wizard(Draft(chosen.pool, chosen.vms, target.pool, hosts, copies=True))

    def _open_wizard(self, draft: Draft) -> MigrateWizard:
        services = self._services
        drafting = Drafting(services.store, services.asker, services.clock, draft)
        wizard = MigrateWizard(self, drafting, services.store, services.jobs, self._icons, self.present)
        wizard.planned.connect(self.start)
        wizard.add_server.connect(self.servers.add)
        self.keep(wizard)
        wizard.show()
        return wizard

    def keep(self, dialog: Planning) -> None:
        """A dialog that makes a plan is known until it ends, so that it is closed with the window."""
        dialog.finished.connect(lambda _result: self._wizards.remove(dialog) if dialog in self._wizards else None)
        self._wizards.append(dialog)

    def start(self, plan: Plan) -> None:
        """Start a plan."""
        self._services.jobs.start(plan)
        self.activity.refresh()

    def _fill_to_server(self) -> None:
        """One entry for each host, each unusable one with its reason, the wizard last."""
        self.to_server.clear()
        pool = self._selection.pool
        if pool is not None:
            for candidate in self._hosts_for_all(pool):
                action = self.to_server.addAction(self._icons("host"), entry(candidate.name, 50))
                explain(action, candidate.reason or candidate.name)
                if not candidate.usable:
                    action.setText(f"{entry(candidate.name, 50)} · {entry(candidate.reason)}")
                    action.setEnabled(False)
                host = HostRef(candidate.ref)
                action.triggered.connect(lambda _checked=False, host=host: self._migrate_to(host))
            self.to_server.addSeparator()
        self.to_server.addAction(self._actions["actionMigrateVm"])

    def _hosts_for_all(self, pool: PoolId) -> list[Candidate]:
        """The hosts, each with the first reason why one of the selected VMs cannot go there."""
        site = self._services.store.site()
        draft = Draft(pool, self._selection.vms, pool, storage=StorageMode.keep)
        home = {vm: site.pools[pool].home(vm) for vm in draft.vms}
        found: dict[str, Candidate] = {}
        for vm in draft.vms:
            for candidate in candidates.hosts(site, draft, vm):
                if candidate.ref == home[vm]:
                    candidate = replace(candidate, bar=_("current server"))
                if candidate.ref not in found or not candidate.usable:
                    found[candidate.ref] = candidate
        return list(found.values())

    def _migrate_to(self, host: HostRef) -> None:
        chosen = self._selection
        if chosen.pool is not None:
            draft = Draft(chosen.pool, chosen.vms, chosen.pool, dict.fromkeys(chosen.vms, host), StorageMode.keep)
            self._scope.spawn(self.migrate_at_once(draft))

    async def migrate_at_once(self, draft: Draft) -> None:
        """Judge a draft without a wizard, and start it or say why not."""
        services = self._services
        drafting = Drafting(services.store, services.asker, services.clock, draft)
        try:
            evaluation = await drafting.settled()
        finally:
            drafting.close()
        if evaluation.plan is not None:
            self.start(evaluation.plan)
            return
        blocks = [problem for problem in evaluation.problems if problem.blocks]
        raw = "\n".join(problem.raw for problem in blocks if problem.raw)
        await tell(self, _("Not started"), "\n\n".join(problem.sentence() for problem in blocks), raw)

    def _context_menu(self, point: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._fill_actions(menu)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(point)

    def _fill_more(self, menu: QMenu) -> None:
        menu.clear()
        self._fill_actions(menu)

    def _fill_actions(self, menu: QMenu) -> None:
        """What may be done with the selected objects, and why not."""
        keys = self.tree.selected()
        if keys and all(key.cls == "VM" for key in keys):
            menu.addMenu(self.to_server)
            for name in ("actionMigrateVm", "actionMoveVm", "actionCopyVm"):
                menu.addAction(self._actions[name])
        elif len(keys) == 1 and keys[0].cls == "SR":
            menu.addAction(self._actions["actionEmptySr"])
        elif len(keys) == 1 and keys[0].cls == "host":
            menu.addAction(self._actions["actionMaintenanceMode"])
            menu.addAction(self._actions["actionBringBack"])
        elif keys and self.servers.of(keys[0]) is not None:
            for name in ("actionConnect", "actionDisconnect", "actionRemoveServer"):
                menu.addAction(self._actions[name])
        if not menu.isEmpty():
            menu.addSeparator()
        menu.addAction(self._actions["actionAddServer"])

    def _clear_activity(self) -> None:
        self._services.jobs.clear_ended()
        self.activity.refresh()

    # The rest.

    def preferences(self) -> None:
        self._scope.spawn(self._preferences(), "preferences")

    async def _preferences(self) -> None:
        if await edit_preferences(self, self._services.preferences, self._services.languages):
            for field, toggle in self._toggles.items():
                toggle.setChecked(bool(getattr(self._services.preferences.now, field)))
            app = QApplication.instance()
            if isinstance(app, QApplication):
                apply(app, self._services.preferences.now.theme)
            self.bridge.look(self._view(self.bridge.view.search))

    def _guide(self) -> None:
        """The guide is a small file of the program's own."""
        self._scope.spawn(self._show_guide(), "guide")

    async def _show_guide(self) -> None:
        text = await asyncio.to_thread(self._services.guide)
        guide = GuideDialog(self, text)
        guide.setModal(False)
        await opened(guide)

    def _about(self) -> None:
        text = _(
            "xsmigui {version} moves virtual machines and virtual disks of XenServer, Citrix Hypervisor and XCP-ng"
            " pools. Apache License 2.0.",
            version=__version__,
        )
        self._scope.spawn(tell(self, _("About xsmigui"), text))

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
        text = leaving(self._services.jobs.running)
        if text and not await ask(self, _("Quit xsmigui"), text, _("Quit"), _("Stay")):
            return
        self.end()
        await asyncio.sleep(0)

    def end(self) -> None:
        """Close without a question, as at the end of a session: what is under way goes on in the servers, and the next
        start takes it up."""
        if self._quitting:
            return
        self._quitting = True
        for wizard in list(self._wizards):
            wizard.close()
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        state = bytes(self.splitter.saveState().toBase64().data()).decode()
        self._services.preferences.change(window=geometry, splitter=state)
        self.close()
        self._on_quit()
