"""A table in a tab."""

from typing import Any, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.refs import ObjectId
from xsmigui.ui.columns import NARROW, Columns
from xsmigui.ui.gauge import HEIGHT, draw_gauge
from xsmigui.ui.links import link_colour
from xsmigui.ui.models.table import LINK, SHARE, Column, RowsModel
from xsmigui.ui.style import PADDING, STEP, named, plain_table
from xsmigui.ui.words import hint

Index = QModelIndex | QPersistentModelIndex

GAUGE: Final = 6 * STEP
"""Pixels of the bar in a cell."""


class CellDelegate(QStyledItemDelegate):
    """Draws the bar of a share before its text, and names that lead somewhere in the colour of links."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        if index.data(LINK) is not None:
            for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
                option.palette.setColor(group, QPalette.ColorRole.Text, link_colour(option.palette))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        share = index.data(SHARE)
        if share is None:
            return
        rect = option.rect
        place = QRect(rect.left() + PADDING, rect.center().y() - HEIGHT // 2, GAUGE, HEIGHT)
        if place.right() < rect.right():
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            draw_gauge(painter, place, share, option.palette, selected)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        hint = super().sizeHint(option, index)
        return hint if index.data(SHARE) is None else QSize(hint.width() + GAUGE + PADDING, hint.height())


class RowsTab(QWidget):
    """A table in a tab, with a sentence where there are no rows. Names that lead somewhere are followed with a click,
    those of a row with Enter or a double click."""

    followed = Signal(object)
    """The `ObjectId` to go to."""

    def __init__(
        self,
        object_name: str,
        table_name: str,
        title: str,
        empty: str,
        columns: list[Column[Any]],
        key: Any,
        whole: int = NARROW,
    ) -> None:
        """`whole` are the letters of a column that are not cut for want of room."""
        super().__init__()
        named(self, object_name, title)
        self.rows: RowsModel[Any] = RowsModel(columns, key, self)
        self.table = QTableView()
        named(self.table, table_name, title)
        plain_table(self.table)
        self.table.setModel(self.rows)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._spare = {number: column for number, column in enumerate(columns) if column.spare}
        gauges = [number for number, column in enumerate(columns) if column.share is not None]
        self._links = [number for number, column in enumerate(columns) if column.link is not None]
        if gauges or self._links:
            self.table.setItemDelegate(CellDelegate(self.table))
        Columns(self.table, beside=dict.fromkeys(gauges, GAUGE + PADDING), whole=whole)
        if self._links:
            self.table.setMouseTracking(True)
            self.table.viewport().installEventFilter(self)
            self.table.activated.connect(lambda index: self._follow(index.siblingAtColumn(self._links[0])))
        self.empty = hint(empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(STEP, STEP, STEP, STEP)
        layout.addWidget(self.empty)
        layout.addWidget(self.table, 1)

    def selected(self) -> list[Any]:
        """The selected rows, from the ranges of the selection: asked for rows, Qt looks at every cell of each."""
        ranges: Any = self.table.selectionModel().selection()  # a list, which PySide's types do not know
        places = {row for part in ranges for row in range(part.top(), part.bottom() + 1)}
        return [self.rows.row(place) for place in sorted(places)]

    def forget(self) -> None:
        """Show nothing, not even that there is nothing: the rows of another object are being looked for."""
        self.rows.show(())
        self.empty.hide()
        self.table.show()

    def show_rows(self, rows: tuple[Any, ...]) -> None:
        self.rows.show(rows)
        for number, column in self._spare.items():
            idle = all(column.text(row) in ("", "–") for row in rows)
            if self.table.isColumnHidden(number) is not idle:
                self.table.setColumnHidden(number, idle)
        self.empty.setVisible(not rows)
        self.table.setVisible(bool(rows))

    def _follow(self, index: Index) -> None:
        key = index.data(LINK)
        if isinstance(key, ObjectId):
            self.followed.emit(key)

    def _link_at(self, event: QMouseEvent) -> QModelIndex | None:
        """The cell below the pointer, where its text leads somewhere and the pointer is on it."""
        point = event.position().toPoint()
        index = self.table.indexAt(point)
        if not index.isValid() or index.data(LINK) is None:
            return None
        rect = self.table.visualRect(index)
        width = self.table.fontMetrics().horizontalAdvance(str(index.data() or "")) + 2 * PADDING + 2 * STEP
        return index if point.x() <= rect.left() + width else None

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        """A click on a name follows it; the pointer shows that it would."""
        if isinstance(event, QMouseEvent):
            if event.type() is QEvent.Type.MouseMove:
                shape = (
                    Qt.CursorShape.ArrowCursor if self._link_at(event) is None else Qt.CursorShape.PointingHandCursor
                )
                self.table.viewport().setCursor(shape)
            elif (
                event.type() is QEvent.Type.MouseButtonRelease
                and event.button() is Qt.MouseButton.LeftButton
                and event.modifiers() == Qt.KeyboardModifier.NoModifier
                and (index := self._link_at(event)) is not None
            ):
                self._follow(index)
        return super().eventFilter(watched, event)
