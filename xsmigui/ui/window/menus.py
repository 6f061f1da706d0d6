"""The menu bar and its actions, and the context menus that are made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from xsmigui.core.preferences import Preferences
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _
from xsmigui.ui.icons import Icons
from xsmigui.ui.window.disks import DiskCommands
from xsmigui.ui.window.pools import PoolCommands
from xsmigui.ui.window.servers import ServerCommands
from xsmigui.ui.window.vms import VmCommands
from xsmigui.ui.window.work import WorkCommands
from xsmigui.ui.words import explain

SHORTCUTS: Final[dict[str, QKeySequence.StandardKey | str]] = {
    "actionPreferences": "Ctrl+,",
    "actionQuit": QKeySequence.StandardKey.Quit,
    "actionByType": "Ctrl+T",
    "actionSearch": QKeySequence.StandardKey.Find,
    "actionPalette": "Ctrl+K",
    "actionAddServer": "Ctrl+N",
    "actionConnect": "Ctrl+Shift+N",
    "actionMaintenanceMode": "Ctrl+Shift+H",
    "actionMigrateVm": "Ctrl+M",
    "actionMoveVm": "Ctrl+Shift+M",
    "actionCopyVm": "Ctrl+Shift+C",
    "actionMoveDisk": "Ctrl+D",
    "actionEmptySr": "Ctrl+Shift+D",
    "actionKeptSources": "Ctrl+Shift+K",
    "actionSaveReport": "Ctrl+S",
    "actionGuide": QKeySequence.StandardKey.HelpContents,
}
"""The keys of actions, by their object names."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What the menus carry out."""

    servers: ServerCommands
    pools: PoolCommands
    vms: VmCommands
    disks: DiskCommands
    work: WorkCommands


@dataclass(frozen=True, slots=True)
class WindowActions:
    """What only the window itself can do."""

    preferences: Callable[[], object]
    quit: Callable[[], object]
    search: Callable[[], object]
    palette: Callable[[], object]
    toggle: Callable[[str], object]
    guide: Callable[[], object]
    about: Callable[[], object]


class Menus:
    """`actions` holds every action by its object name."""

    def __init__(
        self, window: QMainWindow, icons: Icons, commands: Commands, own: WindowActions, preferences: Preferences
    ) -> None:
        self._window = window
        self._icons = icons
        self._commands = commands
        self.actions: dict[str, QAction] = {}
        self.toggles: dict[str, QAction] = {}
        self._build(own, preferences)

    def _build(self, own: WindowActions, preferences: Preferences) -> None:
        file = self._menu(_("&File"))
        file.addAction(self._action("actionPreferences", _("&Preferences…"), own.preferences))
        file.addSeparator()
        file.addAction(self._action("actionQuit", _("&Quit"), own.quit))
        view = self._menu(_("&View"))
        for field, name, text in (
            ("show_local_srs", "actionShowLocalSrs", _("&Local SRs")),
            ("show_templates", "actionShowTemplates", _("&Templates")),
            ("show_snapshots", "actionShowSnapshots", _("&Snapshots")),
            ("by_type", "actionByType", _("Resources b&y type")),
        ):
            toggle = self._action(name, text, lambda field=field: own.toggle(field))  # type: ignore[misc]
            toggle.setCheckable(True)
            toggle.setChecked(bool(getattr(preferences.now, field)))
            self.toggles[field] = toggle
            view.addAction(toggle)
        view.addSeparator()
        view.addAction(self._action("actionSearch", _("S&earch"), own.search))
        view.addAction(self._action("actionPalette", _("&Go to or do…"), own.palette))
        server = self._menu(_("&Server"))
        server.addAction(
            self._action("actionAddServer", _("&Add a server…"), self._commands.servers.add, icon="add-server")
        )
        server.addSeparator()
        server.addAction(self._action("actionConnect", _("&Connect"), self._commands.servers.connect))
        server.addAction(self._action("actionDisconnect", _("&Disconnect"), self._commands.servers.disconnect))
        server.addAction(self._action("actionRemoveServer", _("&Remove…"), self._commands.servers.remove))
        server.addSeparator()
        compress = self._action(
            "actionPoolCompression", _("Com&press live migrations of the pool"), self._commands.pools.compress
        )
        compress.setCheckable(True)
        server.addAction(compress)
        server.addAction(self._action("actionMaintenanceMode", "", lambda: self._commands.pools.enter_or_leave()))
        server.addAction(
            self._action("actionBringBack", _("Bring its VMs &back…"), lambda: self._commands.pools.bring_back())
        )
        vm = self._menu(_("V&M"))
        self.to_server = QMenu(_("Migrate to &Server"), self._window)
        self.to_server.setObjectName("menuMigrateToServer")
        self.to_server.setToolTipsVisible(True)
        self.to_server.aboutToShow.connect(self._fill_to_server)
        vm.addMenu(self.to_server)
        vm.addAction(
            self._action(
                "actionMigrateVm",
                _("Mi&grate VM wizard…"),
                lambda: self._commands.vms.open_wizard(),
                icon="migrate",
            )
        )
        vm.addAction(self._action("actionMoveVm", _("M&ove VM…"), lambda: self._commands.vms.open_wizard()))
        vm.addAction(self._action("actionCopyVm", _("&Copy VM…"), lambda: self._commands.vms.open_wizard(copy=True)))
        storage = self._menu(_("S&torage"))
        storage.addAction(
            self._action("actionMoveDisk", _("Move &virtual disk…"), self._commands.disks.move_disks, icon="disk")
        )
        storage.addAction(
            self._action("actionEmptySr", _("Move &all disks off this SR…"), self._commands.disks.empty_sr)
        )
        storage.addSeparator()
        storage.addAction(
            self._action(
                "actionKeptSources",
                _("&Kept sources of moved disks…"),
                self._commands.disks.kept_sources,
            )
        )
        storage.addAction(
            self._action("actionLeftovers", _("&Leftovers of failed migrations…"), self._commands.disks.leftovers)
        )
        activity = self._menu(_("&Activity"))
        activity.addAction(self._action("actionClearActivity", _("&Clear finished"), self._commands.work.clear))
        activity.addAction(
            self._action("actionShowCleared", _("Show c&leared again"), self._commands.work.show_cleared)
        )
        activity.addAction(self._action("actionSaveReport", _("&Save a report…"), self._commands.work.save_report))
        activity.addAction(self._action("actionExportActivity", _("&Export as a table…"), self._commands.work.export))
        about = self._menu(_("&Help"))
        about.addAction(self._action("actionGuide", _("Operators' &guide"), own.guide))
        about.addAction(
            self._action("actionSupportBundle", _("Save a s&upport bundle…"), self._commands.work.save_support_bundle)
        )
        about.addAction(self._action("actionAbout", _("&About xsmigui"), own.about))

    def _action(
        self,
        name: str,
        text: str,
        do: Callable[[], Any],
        icon: str = "",
    ) -> QAction:
        action = QAction(text, self._window)
        action.setObjectName(name)
        action.triggered.connect(lambda _checked=False: do())
        if name in SHORTCUTS:
            action.setShortcut(SHORTCUTS[name])
        if icon:
            action.setIcon(self._icons(icon))
        self.actions[name] = action
        self._window.addAction(action)
        return action

    def _menu(self, title: str) -> QMenu:
        menu = self._window.menuBar().addMenu(title)
        menu.setToolTipsVisible(True)
        return menu

    def menu_actions(self) -> list[QAction]:
        """Every action of the menus but the one that shows them all."""
        return [action for name, action in self.actions.items() if name != "actionPalette"]

    def _fill_to_server(self) -> None:
        """One entry for each host, each unusable one with its reason, the wizard last."""
        self.to_server.clear()
        self._commands.vms.fill_to_server(self.to_server)
        self.to_server.addAction(self.actions["actionMigrateVm"])

    def enable(self, reasons: dict[str, str], to_server: str) -> None:
        """Disable the actions that have a reason, here by their object names, and show it; enable the others.
        `to_server` is the reason of the submenu."""
        for name, reason in reasons.items():
            action = self.actions[name]
            action.setEnabled(not reason)
            explain(action, reason or action.text().replace("&", ""))
        self.to_server.setEnabled(not to_server)
        explain(self.to_server.menuAction(), to_server)

    def fill(self, menu: QMenu, keys: list[ObjectId]) -> None:
        """What may be done with the selected objects, and why not."""
        if keys and all(key.cls == "VM" for key in keys):
            menu.addMenu(self.to_server)
            for name in ("actionMigrateVm", "actionMoveVm", "actionCopyVm"):
                menu.addAction(self.actions[name])
        elif len(keys) == 1 and keys[0].cls == "SR":
            menu.addAction(self.actions["actionEmptySr"])
        elif len(keys) == 1 and keys[0].cls == "host":
            menu.addAction(self.actions["actionMaintenanceMode"])
            menu.addAction(self.actions["actionBringBack"])
        elif keys and self._commands.servers.of(keys[0]) is not None:
            for name in ("actionConnect", "actionDisconnect", "actionRemoveServer"):
                menu.addAction(self.actions[name])
        if not menu.isEmpty():
            menu.addSeparator()
        menu.addAction(self.actions["actionAddServer"])
