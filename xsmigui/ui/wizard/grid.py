"""A table of labels and combo boxes, one row for each thing to be chosen for.

Not a `QTableWidget`: a screen reader does not find the widgets that stand in an item view's cells.
"""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from xsmigui.ui.style import STEP, named
from xsmigui.ui.wizard.choice import ChoiceCombo
from xsmigui.ui.words import Label

WIDEST: Final = 30
"""Letters for which a text asks room beside a column of combo boxes."""


class Table(QScrollArea):
    """Rows under a line of titles. The stretching column takes what the others leave."""

    def __init__(self, object_name: str, accessible: str, columns: Sequence[str], stretching: int = 0) -> None:
        super().__init__()
        named(self, object_name, accessible)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._stretching = stretching
        self._keys: tuple[str, ...] = ()
        self._combos: dict[str, ChoiceCombo] = {}
        self._cells: dict[tuple[int, int], Label] = {}
        self._texts: dict[tuple[int, int], str] = {}
        self._count = 0
        inside = QWidget()
        inside.setBackgroundRole(QPalette.ColorRole.Base)
        inside.setAutoFillBackground(True)
        self._grid = QGridLayout(inside)
        self._grid.setContentsMargins(STEP, STEP, STEP, STEP)
        self._grid.setHorizontalSpacing(2 * STEP)
        self._grid.setVerticalSpacing(STEP // 2)
        self._grid.setColumnStretch(stretching, 1)
        for column, title in enumerate(columns):
            head = Label(title, is_dim=True)
            self._grid.addWidget(head, 0, column)
        self.setWidget(inside)
        self._push_up()

    def rowCount(self) -> int:
        return self._count

    def rows(self, keys: tuple[str, ...], combo: Callable[[str], ChoiceCombo], column: int) -> bool:
        """Make a row for each key, with a combo box in `column`. True where the rows are new."""
        if keys == self._keys:
            return False
        self._keys = keys
        self._combos.clear()
        self.setRowCount(0)
        self.setRowCount(len(keys))
        for row, key in enumerate(keys):
            widget = self._combos[key] = combo(key)
            self._grid.addWidget(widget, row + 1, column)
        return True

    def combo(self, key: str) -> ChoiceCombo:
        return self._combos[key]

    def setRowCount(self, count: int) -> None:
        """Let go of the rows from here on."""
        if count < self._count:
            for place in reversed(range(self._grid.count())):
                item = self._grid.itemAt(place)
                row = self._grid.getItemPosition(place)[0]  # type: ignore[index]
                widget = item.widget() if item is not None else None
                if row > count and widget is not None:
                    self._grid.removeWidget(widget)
                    widget.hide()
                    widget.deleteLater()
            self._cells = {place: cell for place, cell in self._cells.items() if place[0] < count}
            self._texts = {place: text for place, text in self._texts.items() if place[0] < count}
        self._grid.setRowStretch(self._count + 1, 0)
        self._count = count
        self._push_up()

    def _push_up(self) -> None:
        self._grid.setRowStretch(self._count + 1, 1)

    def put(self, row: int, column: int, text: str, right: bool = False) -> None:
        """Set a cell's text, if it is another."""
        if self._texts.get((row, column)) == text:
            return
        self._texts[row, column] = text
        cell = self._cells.get((row, column))
        if cell is None:
            cell = self._cells[row, column] = Label(wishes=WIDEST)
            across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            cell.setAlignment(across | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(cell, row + 1, column)
        cell.setText(text)

    def text(self, row: int, column: int) -> str:
        """What stands in a cell."""
        return self._texts.get((row, column), "")
