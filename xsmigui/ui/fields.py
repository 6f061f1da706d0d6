"""Fields that hold a choice: the mouse wheel scrolls what they stand in and never changes what was chosen."""

from typing import Final

from PySide6.QtCore import QItemSelection, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QDateTimeEdit,
    QRadioButton,
    QSpinBox,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from xsmigui.core.text import language, printable
from xsmigui.core.units import SPEAKS_WITH_COMMAS
from xsmigui.ui.style import edge, named
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
        self.view().selectionModel().selectionChanged.connect(self._selected_in_list)

    def _selected_in_list(self, chosen: QItemSelection) -> None:
        """A screen reader chooses by selecting in the list, which need not be open for that."""
        rows = [index.row() for index in chosen.indexes()]
        if rows and not self.view().isVisible():
            self.setCurrentIndex(rows[0])

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """What is chosen, its end left out where there is no room, which Qt would cut through a letter."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        if self.currentIndex() < 0 and self.placeholderText():
            option.currentText = self.placeholderText()
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        sign = option.iconSize.width() + 4 if not option.currentIcon.isNull() else 0
        room = field.width() - sign - 2
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

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


class When(QDateTimeEdit):
    """A day and a time, as they are written where the operator lives."""

    def __init__(self, object_name: str, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, object_name, accessible)
        self.setCalendarPopup(True)
        self.setDisplayFormat("dd/MM/yyyy HH:mm" if language() in SPEAKS_WITH_COMMAS else "yyyy-MM-dd HH:mm")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class Check(QCheckBox):
    """A box to tick, with an outline that can be seen in every theme."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _outline(self, QStyle.SubElement.SE_CheckBoxIndicator, round_=False)


class Radio(QRadioButton):
    """One choice of several, with an outline that can be seen in every theme."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _outline(self, QStyle.SubElement.SE_RadioButtonIndicator, round_=True)


def _outline(button: QAbstractButton, element: QStyle.SubElement, round_: bool) -> None:
    """Draw the edge of a box that is not ticked: Fusion works it out from the window's colour, which in a dark theme
    leaves a contrast of less than 1.5."""
    if button.isChecked() or button.style().name() != "fusion":
        return
    option = QStyleOptionButton()
    option.initFrom(button)
    box = QRectF(button.style().subElementRect(element, option, button)).adjusted(1, 1, -1, -1)
    painter = QPainter(button)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, round_)
    painter.setPen(QPen(edge(button.palette()), 1.5 if round_ else 1.0))
    if round_:
        painter.drawEllipse(box)
    else:
        painter.drawRect(box.adjusted(-0.5, -0.5, -0.5, -0.5))
    painter.end()
