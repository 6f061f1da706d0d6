"""Text of servers in widgets: never markup, never wider than there is room for, whole in the tooltip.

Every label of the window is one of the three here. Tooltips, titles and entries of menus, which Qt would take for
markup, shortcuts or marks of its own, go through `tip`, `title` and `entry`.
"""

import re
import textwrap
from html import escape
from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyle, QWidget

from xsmigui.core.text import middle, printable
from xsmigui.ui.style import STEP, dim, larger, repaints_on

WIDEST_TIP: Final = 160
"""Letters in a line of a tooltip that is left as it is."""

WRAPPED_TIP: Final = 100
"""Letters in the lines that a longer one is wrapped into."""

TIP_LINES: Final = 25
"""Lines of a tooltip, which must find room on a screen."""

LONGEST: Final = 1200
"""Letters of a paragraph; of a longer one the middle is left out."""

WORD: Final = 30
"""Letters after which a word may be broken."""

WISHES: Final = 70
"""Letters for which a label asks room."""

_LONG_WORD: Final = re.compile(rf"\S{{{WORD},}}")


def tip(text: str) -> str:
    """A tooltip: lines of bounded width, and plain text even where Qt would take it for markup."""
    lines: list[str] = []
    for line in printable(text, "\n").split("\n"):
        lines += [line] if len(line) <= WIDEST_TIP else textwrap.wrap(line, WRAPPED_TIP) or [""]
    if len(lines) > TIP_LINES:
        half = TIP_LINES // 2
        lines = [*lines[:half], "…", *lines[-half:]]
    plain = "\n".join(lines)
    if "<" not in plain and "&lt;" not in plain:  # Qt takes nothing else for markup (Qt 6, Qt::mightBeRichText)
        return plain
    return f"<p style='white-space:pre'>{escape(plain).replace(chr(10), '<br>')}</p>"


def explain(widget: QWidget | QAction, text: str) -> None:
    """Give a widget a tooltip; screen readers read the whole text."""
    shown = tip(text)
    if widget.toolTip() != shown:
        widget.setToolTip(shown)
    if isinstance(widget, QWidget):
        widget.setAccessibleDescription(printable(text))


def title(text: str) -> str:
    """A window's title: ``[*]`` is Qt's own mark there."""
    return middle(printable(text), 120).replace("[*]", "[*][*]")


def entry(text: str, most: int = 90) -> str:
    """An entry of a menu: ``&`` would mark a letter for the keyboard there, and a tab what stands at the right."""
    return middle(printable(text), most).replace("&", "&&")


class Label(QLabel):
    """Plain text in one line. What finds no room loses its middle, and is whole in the tooltip; `text` is the whole.

    It asks for room for `WISHES` letters at most, and can be pressed together to a few. A `sentence` loses its end.
    """

    def __init__(self, text: str = "", *, is_dim: bool = False, points: int = 0, wishes: int = WISHES) -> None:
        super().__init__()
        self._is_dim = is_dim
        self.is_sentence = False
        self._wishes = wishes
        self._tip = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        if points:
            larger(self, points)
        if is_dim:
            _dimmed(self)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(printable(text))
        self.updateGeometry()
        self._explain()

    def explain(self, text: str) -> None:
        """A tooltip of its own, instead of the text that found no room."""
        self._tip = text
        self._explain()

    def _explain(self) -> None:
        cut = self._elided() != self.text()
        text = "\n".join(part for part in (self.text() if cut else "", self._tip) if part)
        explain(self, text)

    def _elided(self) -> str:
        mode = Qt.TextElideMode.ElideRight if self.is_sentence else Qt.TextElideMode.ElideMiddle
        return self.fontMetrics().elidedText(self.text(), mode, max(0, self.contentsRect().width()))

    def sizeHint(self) -> QSize:
        metrics, margins = self.fontMetrics(), self.contentsMargins()
        wanted = metrics.horizontalAdvance(self.text()[: 4 * self._wishes]) + 2
        width = min(wanted, metrics.averageCharWidth() * self._wishes)
        return QSize(width + margins.left() + margins.right(), metrics.height() + margins.top() + margins.bottom())

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(hint.width(), self.fontMetrics().averageCharWidth() * 8), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._explain()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if self._is_dim and repaints_on(event):
            _dimmed(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self.style().drawItemText(
            painter,
            self.contentsRect(),
            int(QStyle.visualAlignment(self.layoutDirection(), self.alignment())),
            self.palette(),
            self.isEnabled(),
            self._elided(),
            self.foregroundRole(),
        )


class Paragraph(QLabel):
    """Sentences, wrapped; words of any length are broken, and of an endless text the middle is left out."""

    def __init__(self, text: str = "", *, is_dim: bool = False, selectable: bool = False) -> None:
        super().__init__()
        self._is_dim = is_dim
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        if is_dim:
            _dimmed(self)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._whole = printable(text, "\n")
        shown = middle(self._whole, LONGEST)
        cut = shown != self._whole
        broken = _LONG_WORD.sub(lambda word: "\u200b".join(textwrap.wrap(word.group(), WORD)), shown)
        super().setText(broken)
        if cut or broken != shown:
            self.setAccessibleName(self._whole)
        if cut or self.toolTip():
            self.setToolTip(tip(self._whole) if cut else "")

    def text(self) -> str:
        """The whole text, without the places where words are broken."""
        return self._whole

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        width = min(hint.width(), 70 * STEP)
        return hint if width == hint.width() else QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), 12 * STEP), hint.height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if self._is_dim and repaints_on(event):
            _dimmed(self)


def _dimmed(label: QLabel) -> None:
    colour = dim(label.palette())
    if label.palette().color(QPalette.ColorRole.WindowText) != colour:
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.WindowText, colour)
        label.setPalette(palette)


def heading(text: str, points: int = 3) -> Label:
    """A line in larger type; `points` is how much larger than the text."""
    return Label(text, points=points)


def hint(text: str = "") -> Paragraph:
    """A sentence in the colour of what matters less, wrapped."""
    return Paragraph(text, is_dim=True)


def caption(text: str, buddy: QWidget) -> QLabel:
    """The name of a field beside it, with the letter that goes to it."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setBuddy(buddy)
    return label


class Picture(QLabel):
    """A small picture; it says nothing that does not stand beside it in words."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
