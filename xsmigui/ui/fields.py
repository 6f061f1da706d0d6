"""Fields that hold a choice: the mouse wheel scrolls what they stand in and never changes what was chosen."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QSpinBox, QWidget

from xsmigui.core.text import printable
from xsmigui.ui.style import named
from xsmigui.ui.words import tip

NARROWEST: Final = 12
"""Letters that a combo box has room for at least."""


class Combo(QComboBox):
    """A combo box as wide as it is given, whatever its entries are called."""

    def __init__(self, object_name: str, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, object_name, accessible)
        named(self.view(), f"{object_name}-list", accessible)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(NARROWEST)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def add_entry(self, text: str, data: object) -> None:
        """Add an entry."""
        self.addItem(printable(text), data)
        self.setItemData(self.count() - 1, tip(text), Qt.ItemDataRole.ToolTipRole)


class Spin(QSpinBox):
    """A number between two others."""

    def __init__(self, object_name: str, accessible: str, low: int, high: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, object_name, accessible)
        self.setRange(low, high)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
