"""What the Help menu opens."""

import asyncio
from typing import Final

from PySide6.QtWidgets import QWidget

from xsmigui.core.problems import Page
from xsmigui.ui.dialogs.about import AboutDialog
from xsmigui.ui.dialogs.base import opened
from xsmigui.ui.dialogs.guide import GuideDialog
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.services import Services

TOPICS: Final = {
    "generalTab": "pages",
    "hostsTab": "pages",
    "vmsTab": "pages",
    "srsTab": "pages",
    "networkingTab": "pages",
    "networksTab": "pages",
    "usersTab": "pages",
    "snapshotsTab": "pages",
    "movesTab": "can-it-move",
    "risksTab": "what-would-break",
    "storageTab": "move-disks",
    "activityTab": "activity",
    "severalTab": "batches",
    "addServerDialog": "connect",
    "certificateDialog": "certificates",
    "passwordDialog": "connect",
    "preferencesDialog": "preferences",
    "moveDiskDialog": "move-disks",
    "maintenanceDialog": "maintenance",
    "leaveMaintenanceDialog": "maintenance",
    "keptSourcesDialog": "kept-sources",
    "leftoversDialog": "leftovers",
    "triageDialog": "failures",
    "aboutDialog": "report",
    "supportDialog": "report",
    "reportDialog": "activity",
    "exportDialog": "activity",
    "paletteDialog": "window",
    "guideDialog": "start",
    "messageDialog": "failures",
    "questionDialog": "start",
    **{str(page): str(page) for page in Page},
}
"""By the name of a tab, a dialog or a page of the wizard the place in the guide."""


class HelpCommands:
    """The commands of the Help menu."""

    def __init__(self, window: QWidget, services: Services, scope: Scope) -> None:
        self._window = window
        self._services = services
        self._scope = scope
        self._guide: GuideDialog | None = None

    def guide(self, topic: str = "start") -> None:
        """Open the guide where it speaks of a topic, or turn to that place in the one that is open."""
        anchor = TOPICS.get(topic, topic)
        if self._guide is not None and self._guide.isVisible():
            self._guide.turn_to(anchor)
            self._guide.raise_()
            self._guide.activateWindow()
            return
        self._scope.spawn(self._show_guide(anchor), "guide")

    async def _show_guide(self, anchor: str) -> None:
        book = await asyncio.to_thread(self._services.guide)
        self._guide = guide = GuideDialog(self._window, book, anchor)
        try:
            await opened(guide, beside=True)
        finally:
            self._guide = None

    def take_over(self, other: "HelpCommands") -> None:
        """Open the guide where it is open in another window."""
        if other._guide is not None and other._guide.isVisible():
            self.guide(other._guide.shown)

    def about(self) -> None:
        self._scope.spawn(self._show_about(), "about")

    async def _show_about(self) -> None:
        versions = await asyncio.to_thread(self._services.versions)
        await opened(AboutDialog(self._window, versions))
