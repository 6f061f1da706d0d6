"""What the Help menu opens."""

import asyncio

from PySide6.QtWidgets import QWidget

from xsmigui.ui.dialogs.about import AboutDialog
from xsmigui.ui.dialogs.base import opened
from xsmigui.ui.dialogs.guide import GuideDialog
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.services import Services


class HelpCommands:
    """The commands of the Help menu."""

    def __init__(self, window: QWidget, services: Services, scope: Scope) -> None:
        self._window = window
        self._services = services
        self._scope = scope

    def guide(self) -> None:
        """The guide is a small file of the program's own."""
        self._scope.spawn(self._show_guide(), "guide")

    async def _show_guide(self) -> None:
        text = await asyncio.to_thread(self._services.guide)
        guide = GuideDialog(self._window, text)
        guide.setModal(False)
        await opened(guide)

    def about(self) -> None:
        self._scope.spawn(self._show_about(), "about")

    async def _show_about(self) -> None:
        versions = await asyncio.to_thread(self._services.versions)
        await opened(AboutDialog(self._window, versions))
