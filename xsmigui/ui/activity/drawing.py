"""Bars of progress and charts of throughput in Activity's cells."""

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from xsmigui.ui.models.groups import ROW
from xsmigui.ui.style import PADDING, STEP, accent, edge, trough

Index = QModelIndex | QPersistentModelIndex

CHART: Final = 10 * STEP
"""Pixels of a chart's width."""


class _Drawn(QStyledItemDelegate):
    """A cell whose text stands at the right, beside what `draw` paints."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = QStyleOptionViewItem(option)
        self.initStyleOption(line, index)
        text, line.text = line.text, ""
        style = line.widget.style() if line.widget is not None else None
        if style is not None:
            style.drawControl(QStyle.ControlElement.CE_ItemViewItem, line, painter, line.widget)
        row = index.data(ROW)
        if row is None or not text:
            return
        selected = bool(line.state & QStyle.StateFlag.State_Selected)
        rect = line.rect.adjusted(PADDING, 0, -PADDING, 0)
        rect.setWidth(min(rect.width(), self.widest(line)))
        painter.save()
        self.draw(painter, QRectF(rect), line, row, selected)
        painter.setPen(line.palette.highlightedText().color() if selected else line.palette.text().color())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def widest(self, line: QStyleOptionViewItem) -> int:
        """Pixels beyond which the text would stand far from what is drawn."""
        return line.rect.width()

    def draw(
        self, painter: QPainter, rect: QRectF, line: QStyleOptionViewItem, row: object, selected: bool
    ) -> None: ...


class ProgressBars(_Drawn):
    """The share that is done, as a bar."""

    def draw(self, painter: QPainter, rect: QRectF, line: QStyleOptionViewItem, row: object, selected: bool) -> None:
        share = getattr(row, "progress", None)
        words = line.fontMetrics.horizontalAdvance("100 %") + STEP
        bar = QRectF(rect.left() + 0.5, rect.center().y() - 3.5, max(0.0, rect.width() - words), 7)
        if share is None or bar.width() < STEP:
            return
        palette, white = line.palette, line.palette.highlightedText().color()
        painter.setPen(white if selected else edge(palette))
        painter.setBrush(Qt.BrushStyle.NoBrush if selected else trough(palette))
        painter.drawRect(bar)
        filled = QRectF(bar.left(), bar.top(), bar.width() * share, bar.height())
        painter.fillRect(filled, white if selected else accent(palette))


class ThroughputCharts(_Drawn):
    """The throughput so far as a small area, the highest at full height."""

    def widest(self, line: QStyleOptionViewItem) -> int:
        return CHART + STEP + line.fontMetrics.horizontalAdvance("1023.9 MiB/s")

    def draw(self, painter: QPainter, rect: QRectF, line: QStyleOptionViewItem, row: object, selected: bool) -> None:
        speeds: tuple[float, ...] = getattr(row, "speeds", ())
        words = line.fontMetrics.horizontalAdvance(getattr(row, "throughput", "")) + STEP
        if speeds and rect.width() >= CHART + words:
            palette = line.palette
            colour = palette.highlightedText().color() if selected else accent(palette)
            place = QRectF(rect.left(), rect.top() + 3, CHART, rect.height() - 6)
            draw_chart(painter, place, speeds, colour, None if selected else palette)


def draw_chart(
    painter: QPainter, rect: QRectF, speeds: tuple[float, ...], colour: QColor, palette: QPalette | None
) -> None:
    """An area below the values, from the left to the right; `palette` gives the ground, None leaves it as it is."""
    most = max(speeds, default=0.0)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    if palette is not None:
        painter.fillRect(rect, trough(palette))
    painter.setPen(colour)
    painter.drawLine(rect.bottomLeft(), rect.bottomRight())
    if most <= 0:
        return
    step = rect.width() / len(speeds)
    area = QPolygonF([rect.bottomLeft()])
    for number, speed in enumerate(speeds):
        top = rect.bottom() - rect.height() * speed / most
        area.append(QPointF(rect.left() + number * step, top))
        area.append(QPointF(rect.left() + (number + 1) * step, top))
    area.append(rect.bottomRight())
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(area)
