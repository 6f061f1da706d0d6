"""The General tab: sections of labels and values."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from xsmigui.core.description import Section
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _, printable
from xsmigui.ui.links import Link
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Label, Paragraph, heading

TOP_LEFT: Final = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft


class GeneralTab(QScrollArea):
    """Sections of labels and values; values that name an object lead to it."""

    followed = Signal(object)
    """The `ObjectId` to go to."""

    def __init__(self) -> None:
        super().__init__()
        named(self, "generalTab", _("General"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._shown: tuple[Section, ...] | None = None
        self._values: dict[tuple[str, str], Paragraph] = {}

    def show_sections(self, sections: tuple[Section, ...]) -> None:
        """Show these. Where only values changed, only they are set: selections and scroll stay."""
        if sections == self._shown:
            return
        old, new = _shape(self._shown or ()), _shape(sections)
        self._shown = sections
        if old == new:
            for section in sections:
                for label, value in section.rows:
                    shown = self._values.get((section.title, label))
                    if shown is not None and shown.text() != printable(value):
                        self._say(shown, label, value)
            return
        place = self.verticalScrollBar().value()
        self.setWidget(self._made(sections))
        self.verticalScrollBar().setValue(place)

    def _made(self, sections: tuple[Section, ...]) -> QWidget:
        self._values.clear()
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(STEP, STEP, STEP, STEP)
        grid.setHorizontalSpacing(2 * STEP)
        grid.setVerticalSpacing(STEP // 2)
        grid.setColumnStretch(1, 1)
        row = 0
        for section in sections:
            if not section.rows:
                continue
            title = heading(section.title, 1)
            title.setContentsMargins(0, STEP if row else 0, 0, 0)
            grid.addWidget(title, row, 0, 1, 2)
            row += 1
            links = dict(section.links)
            for label, value in section.rows:
                key = links.get(label)
                name: QWidget = Label(label, is_dim=True)
                shown: QWidget = Paragraph(selectable=True)
                if key is not None and section.by_label:
                    name = self._link(label, label, key)
                elif key is not None:
                    shown = self._link(label, value, key)
                if isinstance(shown, Paragraph):
                    self._values[section.title, label] = shown
                    self._say(shown, label, value)
                grid.addWidget(name, row, 0, TOP_LEFT if isinstance(name, Link) else Qt.AlignmentFlag.AlignTop)
                grid.addWidget(shown, row, 1, TOP_LEFT if isinstance(shown, Link) else Qt.AlignmentFlag.AlignTop)
                row += 1
        grid.setRowStretch(row, 1)
        return inside

    def _link(self, label: str, name: str, key: ObjectId) -> Link:
        link = Link("generalLink", name, lambda: self.followed.emit(key))
        link.setAccessibleName(printable(name if name == label else f"{label}: {name}"))
        return link

    def _say(self, text: Paragraph, label: str, value: str) -> None:
        """Show a value: all of it in one paragraph, whatever it contains."""
        text.setText(printable(value))
        text.setAccessibleName(printable(f"{label}: {value}"))


def _shape(sections: tuple[Section, ...]) -> list[tuple[object, ...]]:
    """What widgets were made for: with links their values too, since what they lead to is theirs."""
    return [
        (s.title, label, value if label in dict(s.links) and not s.by_label else "", dict(s.links).get(label))
        for s in sections
        for label, value in s.rows
    ]
