"""The panel of problems: visible at all times below the page, those of this page first."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.problems import Page, Problem, Severity
from xsmigui.core.text import N_, _, n_, printable
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Paragraph, Picture, explain

LEADS: Final = (Page.home_server, Page.storage, Page.networks)
"""The pages that have rows to be shown."""

FOLDED: Final = 3
"""Problems of one rule that are shown one by one; of more the first stands for all until they are unfolded."""

ICONS: Final = {Severity.block: "block", Severity.warn: "warn", Severity.info: "info"}
WORDS: Final = {Severity.block: N_("Prevents the move"), Severity.warn: N_("Warning"), Severity.info: N_("Note")}
OnFix = Callable[[Fix], None]


def on_a_page(problem: Problem) -> bool:
    """One of the wizard's pages has a row for what a problem is about."""
    has_row = problem.about is not None and problem.about.cls in ("VM", "VDI", "VIF")
    return problem.page in LEADS and has_row


class ProblemPanel(QScrollArea):
    """Problems as rows: a sign, a sentence, and the fix where there is one."""

    chosen = Signal(object)
    """The `Problem` whose row on a page the operator wants to see."""

    def __init__(self, icons: Icons, on_fix: OnFix, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "problemPanel", _("Problems"))
        self._icons = icons
        self._on_fix = on_fix
        self._shown: tuple[object, ...] | None = None
        self._unfolded: set[tuple[str, Severity]] = set()
        self._by_ref: dict[str, QWidget] = {}
        self.leads: Callable[[Problem], bool] = lambda _problem: False
        """Whether a sentence can lead to the row that it is about."""
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
        self._render(ordered, pending)

    def reveal(self, ref: str) -> None:
        """Bring the first sentence on an object into sight."""
        row = self._by_ref.get(ref)
        if row is not None:
            self.ensureWidgetVisible(row)

    def _render(self, ordered: tuple[Problem, ...], pending: str) -> None:
        place = self.verticalScrollBar().value()
        self._by_ref.clear()
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        alike: dict[tuple[str, Severity], list[Problem]] = {}
        for problem in ordered:
            alike.setdefault((problem.rule, problem.severity), []).append(problem)
        for kind, some in alike.items():
            folded = len(some) > FOLDED and kind not in self._unfolded
            for problem in some[:1] if folded else some:
                self._rows.addWidget(self._problem(problem))
            if folded:
                self._rows.addWidget(self._fold(kind, len(some) - 1))
        if pending:  # last, so that no row jumps when the answer comes
            self._rows.addWidget(self._row("pending", pending))
        if not ordered and not pending:
            self._rows.addWidget(self._row("done", _("No problems found so far.")))
        self._rows.addStretch(1)
        self.verticalScrollBar().setValue(place)

    def _fold(self, kind: tuple[str, Severity], more: int) -> QWidget:
        """Stands for further problems of one rule."""
        row = self._row(ICONS[kind[1]], n_("{n} more of this kind.", "{n} more of this kind.", more))
        button = QPushButton(_("Show them"))
        named(button, f"unfold-{kind[0]}", _("Show all problems of this kind"))
        button.clicked.connect(lambda: self._unfold(kind))
        layout = row.layout()
        assert layout is not None
        layout.addWidget(button)
        return row

    def _unfold(self, kind: tuple[str, Severity]) -> None:
        self._unfolded.add(kind)
        if self._shown is not None:
            ordered, _page, pending = self._shown
            self._render(ordered, pending)  # type: ignore[arg-type]

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
        layout = row.layout()
        assert layout is not None
        if problem.about is not None:
            self._by_ref.setdefault(problem.about.ref, row)
        if self.leads(problem):
            button = QPushButton(_("Show"))
            named(button, "showRowButton", _("Show the row: {name}", name=problem.subject.name))
            button.clicked.connect(lambda: self.chosen.emit(problem))
            layout.addWidget(button)
        fix = problem.remedy
        if fix is not None:
            button = QPushButton(offer(fix).button)
            button.setObjectName(f"fix-{fix.name}")
            button.clicked.connect(lambda: self._on_fix(fix))
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
