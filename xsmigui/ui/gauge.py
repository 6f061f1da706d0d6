"""Small bars that show how full something is."""

from typing import Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPalette

from xsmigui.ui.style import accent, alarm, edge, trough

TIGHT: Final = 0.9
"""What is fuller than this is shown in red."""

HEIGHT: Final = 6
"""Pixels."""


def draw_gauge(painter: QPainter, rect: QRect, share: float, palette: QPalette, selected: bool = False) -> None:
    """Outline and filling; on the accent of a selected line both are white."""
    white = palette.highlightedText().color()
    full = alarm(palette) if share > TIGHT else accent(palette)
    painter.setPen(white if selected else edge(palette))
    painter.setBrush(Qt.BrushStyle.NoBrush if selected else trough(palette))
    painter.drawRect(rect.adjusted(0, 0, -1, -1))
    filled = QRect(rect.left(), rect.top(), round(rect.width() * max(0.0, min(1.0, share))), rect.height())
    painter.fillRect(filled, white if selected else full)
