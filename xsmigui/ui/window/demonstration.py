"""The demo's window says that it is one."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow

from xsmigui.core.text import _
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Label


def mark(window: QMainWindow) -> None:
    """In the title and beside the menus."""
    window.setWindowTitle(_("xsmigui: demo"))
    label = Label(_("Demo: the servers are simulated, nothing here is real."))
    named(label, "demoLabel", label.text())
    label.setContentsMargins(STEP, STEP // 4, STEP, 0)
    label.setParent(window.menuBar())  # which keeps it; a corner alone does not
    window.menuBar().setCornerWidget(label, Qt.Corner.TopRightCorner)
