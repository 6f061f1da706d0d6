"""The panel of problems: visible at all times below the page, those of this page first."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from xsmigui.core.migration.fixes import Fix, offer
from xsmigui.core.problems import Page, Problem, Severity
from xsmigui.core.text import N_, _, printable
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Paragraph, Picture, explain

ICONS: Final = {Severity.block: "block", Severity.warn: "warn", Severity.info: "info"}
WORDS: Final = {Severity.block: N_("Prevents it"), Severity.warn: N_("Warning"), Severity.info: N_("Note")}
OnFix = Callable[[Fix], None]


class ProblemPanel(QScrollArea):
    """Problems as rows: a sign, a sentence, and the fix where there is one."""

    def __init__(self, icons: Icons, on_fix: OnFix, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "problemPanel", _("Problems"))
        self._icons = icons
        self._on_fix = on_fix
        self._shown: tuple[object, ...] | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._inside = QWidget()
        self._rows = QVBoxLayout(self._inside)
        self._rows.setContentsMargins(STEP, STEP, STEP, STEP)
        self._rows.setSpacing(STEP)
        self.setWidget(self._inside)

    def show_problems(self, problems: tuple[Problem, ...], page: Page, pending: str) -> None:
        """Show these, the page's own first; `pending` says what is still being asked."""
        ordered = tuple(sorted(problems, key=lambda p: (p.severity is Severity.info, p.page is not page, -p.severity)))
        shown = (ordered, page, pending)
        if shown == self._shown:
            return
        self._shown = shown
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for problem in ordered:
            self._rows.addWidget(self._problem(problem))
        if pending:  # last, so that no row jumps when the answer comes
            self._rows.addWidget(self._row("pending", pending))
        if not ordered and not pending:
            self._rows.addWidget(self._row("done", _("Nothing stands against it so far.")))
        self._rows.addStretch(1)

    def sentences(self) -> list[str]:
        """What is shown, as text."""
        items = [self._rows.itemAt(place) for place in range(self._rows.count())]
        rows = [item.widget() for item in items if item is not None]
        labels = [row.findChild(Paragraph, "problemText") for row in rows if row is not None]
        return [label.text() for label in labels if isinstance(label, Paragraph)]

    def _problem(self, problem: Problem) -> QWidget:
        row = self._row(ICONS[problem.severity], problem.sentence())
        row.setAccessibleName(printable(f"{_(WORDS[problem.severity])}: {problem.sentence()}"))
        tip = f"{problem.rule} · {problem.raw}" if problem.raw else problem.rule
        explain(row, tip)
        fix = problem.remedy
        if fix is not None:
            button = QPushButton(offer(fix).button)
            button.setObjectName(f"fix-{fix.name}")
            button.clicked.connect(lambda: self._on_fix(fix))
            layout = row.layout()
            assert layout is not None
            layout.addWidget(button)
        return row

    def _row(self, icon: str, text: str) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(STEP)
        sign = Picture()
        sign.setPixmap(self._icons(icon).pixmap(16, 16))
        sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        label = Paragraph(text, selectable=True)
        label.setObjectName("problemText")
        layout.addWidget(sign)
        layout.addWidget(label, 1)
        row.setAccessibleName(printable(text))
        return row
