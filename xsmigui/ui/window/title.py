"""The progress of what is under way, in the title, where it is seen while the window is behind others."""

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from xsmigui.core.units import percent


class TitleProgress(QObject):
    """Puts it before the window's title, whatever that is."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._base = ""

    def show(self, share: float | None) -> None:
        """The share that is done; None if nothing is under way."""
        title = self._window.windowTitle()
        if not self._base or not title.endswith(self._base):
            self._base = title
        wanted = f"{percent(share)} · {self._base}" if share is not None else self._base
        if wanted != title:
            self._window.setWindowTitle(wanted)
