"""Names that lead to the object they name."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QIcon, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from xsmigui.core.text import printable
from xsmigui.ui.style import STEP, named, readable
from xsmigui.ui.words import entry, explain

SIGN = 16
"""Pixels of the picture before the name."""

WISHES = 40
"""Letters for which a link asks room; of a longer name the middle is left out."""


def link_colour(palette: QPalette) -> QColor:
    """The palette's own, as far as it can be read on windows and lists."""
    group = QPalette.ColorGroup.Active
    grounds = [palette.color(group, r) for r in (QPalette.ColorRole.Window, QPalette.ColorRole.Base)]
    return readable(palette.color(group, QPalette.ColorRole.Link), *grounds)


class Link(QAbstractButton):
    """A name to click on, perhaps with a picture before it; it is reached with Tab, and Space or Enter follow it."""

    def __init__(self, object_name: str, text: str, follow: Callable[[], object], icon: QIcon | None = None) -> None:
        super().__init__()
        self._whole = printable(text)
        self._hovered = False
        named(self, object_name, text)
        self.setText(entry(text))
        if icon is not None:
            self.setIcon(icon)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda _checked=False: follow())
        explain(self, text)

    def _before(self) -> int:
        return 0 if self.icon().isNull() else SIGN + STEP // 2

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = min(metrics.horizontalAdvance(self._whole[: 4 * WISHES]), metrics.averageCharWidth() * WISHES)
        return QSize(self._before() + width + 2, max(metrics.height() + 2, SIGN if self._before() else 0))

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(hint.width(), self._before() + self.fontMetrics().averageCharWidth() * 8), hint.height())

    def keyPressEvent(self, event: object) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):  # type: ignore[attr-defined]
            self.click()
        else:
            super().keyPressEvent(event)  # type: ignore[arg-type]

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hovered = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if before := self._before():
            self.icon().paint(painter, 0, (self.height() - SIGN) // 2, SIGN, SIGN)
        font = self.font()
        font.setUnderline(self._hovered or self.hasFocus())
        painter.setFont(font)
        painter.setPen(link_colour(self.palette()))
        place = self.rect().adjusted(before, 0, 0, 0)
        text = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.end()


def clear(widget: QWidget) -> None:
    """Take the widgets out of a widget's layout."""
    layout = widget.layout()
    while layout is not None and (item := layout.takeAt(0)) is not None:
        if (inside := item.widget()) is not None:
            inside.hide()
            inside.deleteLater()
