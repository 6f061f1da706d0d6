"""F1 in a window of its own: the main window is asked to open the guide at the right place."""

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QKeyEvent, QWhatsThisClickedEvent
from PySide6.QtWidgets import QWidget


def asks_help(event: QKeyEvent) -> bool:
    """The key is the one for help."""
    return event.key() == Qt.Key.Key_F1 and event.modifiers() == Qt.KeyboardModifier.NoModifier


def ask_help(window: QWidget, topic: str) -> None:
    """Ask the window that this one belongs to, with Qt's own event for that; `topic` is a page of the wizard, or the
    object name of a dialog."""
    top = window.parentWidget()
    while top is not None and top.parentWidget() is not None:
        top = top.parentWidget()
    if top is not None:
        QCoreApplication.postEvent(top, QWhatsThisClickedEvent(topic))
