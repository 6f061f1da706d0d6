"""Where a window stands and how its parts are divided, as the toolkit's own texts."""

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QSplitter, QWidget

from xsmigui.core.preferences import Settings
from xsmigui.ui.screens import keep_on_screen


def geometry(window: QWidget, splitter: QSplitter) -> dict[str, str]:
    """The fields of the settings."""
    kept = {"window": window.saveGeometry(), "splitter": splitter.saveState()}
    return {field: bytes(state.toBase64().data()).decode() for field, state in kept.items()}


def restore(window: QWidget, splitter: QSplitter, settings: Settings) -> None:
    """Put them back. Qt keeps the window on a screen that is there, but not within one of another scale."""
    if settings.window:
        window.restoreGeometry(QByteArray.fromBase64(settings.window.encode()))
    keep_on_screen(window)
    if settings.splitter:
        splitter.restoreState(QByteArray.fromBase64(settings.splitter.encode()))
