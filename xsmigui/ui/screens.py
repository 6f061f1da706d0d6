"""Windows fit the screen that they open on, whatever its scale is."""

from typing import Final

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

UNSEEN: Final = ("offscreen", "minimal")
"""Platforms whose screen nobody sees: its size limits nothing."""

FRAME: Final = QSize(16, 48)
"""Pixels for what the desktop draws around a window, where that is not known yet."""


def sized(window: QWidget, width: int, height: int) -> None:
    """Give a window this size, or as much of it as its screen has."""
    window.resize(bounded(QSize(width, height), room(window)))


def keep_on_screen(window: QWidget) -> None:
    """Make a window smaller that has become larger than its screen, as when it was closed on another one."""
    window.resize(bounded(window.size(), room(window)))


def room(window: QWidget) -> QSize | None:
    """What a screen has room for; None if nothing limits it."""
    return None if QGuiApplication.platformName() in UNSEEN else window.screen().availableSize()


def bounded(size: QSize, room: QSize | None) -> QSize:
    """The size, or what is left of the room beside a frame."""
    return size if room is None else size.boundedTo(room - FRAME)
