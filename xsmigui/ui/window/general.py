"""The General tab: sections of labels and values."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from xsmigui.core.description import Section
from xsmigui.core.text import _, printable
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Label, Paragraph, heading


class GeneralTab(QScrollArea):
    """Sections of labels and values."""

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
        old = [(s.title, label) for s in self._shown or () for label, _value in s.rows]
        new = [(s.title, label) for s in sections for label, _value in s.rows]
        self._shown = sections
        if old == new:
            for section in sections:
                for label, value in section.rows:
                    shown = self._values[section.title, label]
                    if shown.text() != printable(value):
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
            for label, value in section.rows:
                name = Label(label, is_dim=True)
                text = self._values[section.title, label] = Paragraph(selectable=True)
                self._say(text, label, value)
                grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
                grid.addWidget(text, row, 1, Qt.AlignmentFlag.AlignTop)
                row += 1
        grid.setRowStretch(row, 1)
        return inside

    def _say(self, text: Paragraph, label: str, value: str) -> None:
        """Show a value: all of it in one paragraph, whatever it contains."""
        text.setText(printable(value))
        text.setAccessibleName(printable(f"{label}: {value}"))
