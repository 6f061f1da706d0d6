"""The look: the platform's own style, an accent for the primary action alone, an 8-pixel rhythm."""

import sys
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QLayout, QPushButton, QTableView, QWidget

STEP: Final = 8
"""Pixels of the grid on which everything stands."""

ACCENT: Final = QColor("#1f6feb")


def apply(app: QApplication) -> None:
    """Fusion on Linux, the native style elsewhere; light or dark as the system is."""
    if sys.platform not in ("win32", "darwin"):
        app.setStyle("Fusion")
    palette = app.palette()
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        palette.setColor(group, QPalette.ColorRole.Highlight, ACCENT)
        palette.setColor(group, QPalette.ColorRole.HighlightedText, QColor("white"))
    app.setPalette(palette)


def dim(palette: QPalette) -> QColor:
    """The colour of what matters less: between text and background, at least 4.5:1 on both schemes."""
    text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
    return QColor(
        (text.red() * 7 + base.red() * 3) // 10,
        (text.green() * 7 + base.green() * 3) // 10,
        (text.blue() * 7 + base.blue() * 3) // 10,
    )


def primary(button: QPushButton) -> QPushButton:
    """Make a button the one that goes on."""
    button.setDefault(True)
    button.setStyleSheet(
        f"QPushButton {{ background: {ACCENT.name()}; color: white; border: none; border-radius: 4px;"
        f" padding: 6px 16px; }} QPushButton:hover {{ background: {ACCENT.lighter(110).name()}; }}"
        " QPushButton:disabled { background: palette(midlight); color: palette(placeholder-text); }"
        " QPushButton:focus { outline: none; border: 2px solid palette(text); padding: 4px 14px; }"
    )
    return button


def heading(text: str, points: int = 3) -> QLabel:
    """A line in larger type; `points` is how much larger than the text."""
    label = QLabel(text)
    font = QFont(label.font())
    font.setPointSizeF(font.pointSizeF() + points)
    font.setBold(True)
    label.setFont(font)
    return label


def hint(text: str = "") -> QLabel:
    """A sentence in the colour of what matters less, wrapped."""
    label = QLabel(text)
    label.setWordWrap(True)
    palette = label.palette()
    palette.setColor(QPalette.ColorRole.WindowText, dim(palette))
    label.setPalette(palette)
    return label


def spaced(layout: QLayout, margin: int = 2, spacing: int = 1) -> None:
    """Set a layout's distances, in steps of the grid."""
    layout.setContentsMargins(margin * STEP, margin * STEP, margin * STEP, margin * STEP)
    layout.setSpacing(spacing * STEP)


def plain_table(table: QTableView) -> None:
    """A table without grid: whole rows are chosen, rows are as high as their text."""
    table.setShowGrid(False)
    table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    table.setAlternatingRowColors(True)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + STEP)
    table.horizontalHeader().setHighlightSections(False)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    table.horizontalHeader().setStretchLastSection(True)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)


def named(widget: QWidget, object_name: str, accessible: str) -> None:
    """Give a widget the names by which tests and screen readers know it."""
    widget.setObjectName(object_name)
    widget.setAccessibleName(accessible)
