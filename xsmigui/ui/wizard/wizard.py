"""The wizard's frame: the list of steps, the page, the problems below it, and the buttons."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.migration import leaving_out, sheets
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.migration.plan import Plan
from xsmigui.core.problems import Page, Problem, Severity
from xsmigui.core.text import _, n_
from xsmigui.services.desk import Desk
from xsmigui.services.drafting import Drafting, Edit, Preparation
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store
from xsmigui.ui.asking_help import ask_help, asks_help
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.dialogs.fixing import carry_out
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Presenter, Scope
from xsmigui.ui.screens import sized
from xsmigui.ui.style import STEP, named, primary
from xsmigui.ui.wizard.mapping import NetworksPage
from xsmigui.ui.wizard.pages import (
    DestinationPage,
    HomeServerPage,
    StorageNetworkPage,
    WizardPage,
)
from xsmigui.ui.wizard.placement import StoragePage
from xsmigui.ui.wizard.problems import ProblemPanel, on_a_page
from xsmigui.ui.wizard.steps import Steps
from xsmigui.ui.wizard.summary import SummaryPage, plan_bytes
from xsmigui.ui.words import Label, explain
from xsmigui.ui.words import title as window_title

log = logging.getLogger(__name__)


class MigrateWizard(QDialog):
    """One selection of VMs on its way to a plan: renders the drafting's evaluations and sends edits, nothing else."""

    planned = Signal(object)
    """The `Plan` that the operator has started."""

    add_server = Signal()

    def __init__(
        self,
        parent: QWidget | None,
        drafting: Drafting,
        store: Store,
        jobs: Jobs,
        desk: Desk,
        icons: Icons,
        present: Presenter,
    ) -> None:
        super().__init__(parent)
        self._drafting = drafting
        self._store = store
        self._jobs = jobs
        self._desk = desk
        self._icons = icons
        self._scope = Scope(self, present)
        self._page = Page.destination
        self._left: tuple[LeftOut, ...] = ()
        self._chose = False
        self._visited = {Page.destination}
        self._resumed: Page | None = None  # the page to be shown as soon as the draft has it
        self._title(drafting.evaluation)
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
        sized(self, 860, 620)
        self._build()
        drafting.preparing = self._preparing
        drafting.subscribe(self.show_evaluation)
        self.show_evaluation(drafting.evaluation)

    def _title(self, evaluation: Evaluation) -> None:
        draft = self._drafting.draft
        source = self._store.inventory(draft.source)
        vms = [source.VM[ref] for ref in draft.vms if source is not None and ref in source.VM]
        names = vms[0].name_label if len(vms) == 1 else n_("{n} VM", "{n} VMs", len(draft.vms))
        halted = bool(vms) and all(vm.power_state == "Halted" for vm in vms)
        if draft.copy:
            title, self._verb = _("Copy VM: {names}", names=names), _("Copy")
        elif halted:
            title, self._verb = _("Move VM: {names}", names=names), _("Move")
        else:
            title, self._verb = _("Migrate VM: {names}", names=names), _("Migrate")
        self.setWindowTitle(window_title(title))
        named(self, "migrateWizard", title)

    def _build(self) -> None:
        self.steps = Steps(self._icons)
        self.steps.itemClicked.connect(self._step_clicked)
        self.steps.itemActivated.connect(self._step_clicked)
        self.pages: dict[Page, WizardPage] = {
            page.page: page
            for page in (
                DestinationPage(self.choose),
                HomeServerPage(self.choose),
                StoragePage(self.choose),
                NetworksPage(self.choose),
                StorageNetworkPage(self.choose),
                SummaryPage(self.choose, self._save_plan, self._jobs),
            )
        }
        destination = self.pages[Page.destination]
        assert isinstance(destination, DestinationPage)
        destination.add_server.connect(self.add_server)
        self.stack = QStackedWidget()
        for page in self.pages.values():
            page.aside = self._aside
            self.stack.addWidget(page)
            page.row_clicked.connect(lambda ref: self.panel.reveal(ref))
        self.panel: ProblemPanel = ProblemPanel(self._icons, self._fix)
        self.panel.leads = on_a_page
        self.panel.chosen.connect(self.reveal)
        self.can_go = Label()
        self.can_go.setObjectName("canGoLabel")
        self.leave_out = QPushButton(_("&Leave out what cannot move"))
        named(self.leave_out, "leaveOutButton", _("Leave out what cannot move"))
        self.leave_out.setAutoDefault(False)
        self.leave_out.clicked.connect(self._leave_out)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.stack)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setSizes([430, 130])
        split.setChildrenCollapsible(False)
        self.back = QPushButton(_("‹ &Previous"))
        named(self.back, "backButton", _("Previous"))
        self.back.clicked.connect(lambda: self._go(-1))
        self.next = primary(QPushButton(_("&Next ›")))
        named(self.next, "nextButton", _("Next"))
        self.next.clicked.connect(lambda: self._go(1))
        self.finish = primary(QPushButton(self._verb))
        named(self.finish, "finishButton", self._verb)
        self.finish.clicked.connect(self._finish)
        self.cancel = QPushButton(_("Cancel"))
        named(self.cancel, "cancelButton", _("Cancel"))
        self.cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(2 * STEP, STEP, 2 * STEP, 2 * STEP)
        buttons.setSpacing(STEP)
        buttons.addWidget(self.can_go, 1)
        buttons.addWidget(self.leave_out)
        for button in (self.cancel, self.back, self.next, self.finish):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.steps)
        middle.addWidget(split, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(middle, 1)
        outer.addLayout(buttons)

    @property
    def page(self) -> Page:
        """The page in front."""
        return self._page

    @property
    def is_busy(self) -> bool:
        """An answer or a judgement is still due."""
        return self._drafting.busy

    def take_over(self, other: object) -> None:
        """Go on where another wizard on the same draft was left, which closes then."""
        if isinstance(other, MigrateWizard):
            self._left, self._chose, self._visited = other._left, other._chose, set(other._visited)
            self._resumed = other._resumed or other._page
            self.show_evaluation(self._drafting.evaluation)

    # The data's way.

    def _preparing(self) -> Preparation:
        """What is made with the evaluation: the rows in sight, and their boxes' lists if a screen reader listens."""
        asked = frozenset(key for page in self.pages.values() for key in page.asked)
        return partial(sheets.prepare, asked=asked, lists=QAccessible.isActive())

    def _aside(self, work: Callable[[], Sequence[Candidate]], then: Callable[[Sequence[Candidate]], None]) -> None:
        self._scope.spawn(self._in_a_thread(work, then), "list")

    async def _in_a_thread(
        self, work: Callable[[], Sequence[Candidate]], then: Callable[[Sequence[Candidate]], None]
    ) -> None:
        then(await asyncio.to_thread(work))

    def choose(self, edit: Edit) -> None:
        """An edit of the draft, from a page."""
        before = self._drafting.draft
        self._drafting.choose(edit)
        self._chose = self._chose or self._drafting.draft != before

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show an evaluation: the steps, the page in front, the problems, what may be done next."""
        if self._resumed in evaluation.pages:
            self._page, self._resumed = self._resumed, None
        if self._page not in evaluation.pages:
            earlier = [p for p in Page if p in evaluation.pages and list(Page).index(p) < list(Page).index(self._page)]
            self._page = earlier[-1] if earlier else evaluation.pages[0]
        reachable = {page for page in evaluation.pages if self._reachable(evaluation, page)}
        self.steps.show_evaluation(evaluation, self._page, self._visited, reachable)
        page = self.pages[self._page]
        page.show_evaluation(evaluation)
        self.stack.setCurrentWidget(page)
        shown = tuple(p for p in evaluation.problems if self._belongs_on_panel(p))
        self.panel.show_problems(shown, self._page, self._pending(evaluation))
        self._render_buttons(evaluation)
        self._render_batch(evaluation)

    def _render_batch(self, evaluation: Evaluation) -> None:
        """How many of a batch can go, and the way to go without the others."""
        moves = evaluation.resolved.moves
        stuck = sheets.stuck(evaluation) if len(moves) > 1 else {}
        parts = []
        if len(moves) > 1:
            parts.append(_("{can} of {n} can move", can=len(moves) - len(stuck), n=len(moves)))
        if self._left:
            parts.append(n_("{n} is left out", "{n} are left out", len(self._left)))
        self.can_go.setText(" · ".join(parts))
        self.can_go.explain("\n".join(f"{left.name}: {left.problem.message}" for left in self._left))
        self.leave_out.setVisible(0 < len(stuck) < len(moves))

    def _leave_out(self) -> None:
        """Go on without the VMs that cannot go; they are named at the foot."""
        evaluation = self._drafting.evaluation
        stuck = sheets.stuck(evaluation)
        self._left = (*self._left, *leaving_out.left_out(evaluation, stuck))
        self._drafting.choose(lambda draft: leaving_out.without(draft, stuck))
        self._title(self._drafting.evaluation)

    def reveal(self, problem: Problem) -> None:
        """Lead from a sentence to the row that it is about."""
        self.go_to(problem.page)
        if self._page is problem.page:
            self.pages[problem.page].reveal(problem)

    def _belongs_on_panel(self, problem: Problem) -> bool:
        """What is to be known beforehand is said on Summary itself."""
        return problem.page is not Page.summary or problem.severity is not Severity.info

    def _pending(self, evaluation: Evaluation) -> str:
        if evaluation.needed:
            vms = {vm for question in evaluation.needed if (vm := getattr(question, "vm", ""))}
            about = n_("Asking the servers about {n} VM…", "Asking the servers about {n} VMs…", len(vms))
            return about if vms else _("Asking the servers…")
        return _("Checking…") if self._drafting.busy else ""

    def _reachable(self, evaluation: Evaluation, page: Page) -> bool:
        """A page may be gone to if nothing on the pages before it blocks."""
        before = evaluation.pages[: evaluation.pages.index(page)]
        return page in self._visited or all(evaluation.blocked(p) is None for p in before)

    def _render_buttons(self, evaluation: Evaluation) -> None:
        pages = evaluation.pages
        place = pages.index(self._page)
        last = place == len(pages) - 1
        self.back.setEnabled(place > 0)
        self.next.setVisible(not last)
        self.finish.setVisible(last)
        (self.finish if last else self.next).setDefault(True)
        block = evaluation.blocked(self._page)
        self.next.setEnabled(block is None and bool(evaluation.resolved.moves))
        explain(self.next, block.sentence() if block is not None else "")
        self.finish.setEnabled(evaluation.plan is not None and not self._drafting.busy)
        any_block = next((p for p in evaluation.problems if p.blocks), None)
        reason = any_block.sentence() if any_block is not None else self._pending(evaluation)
        explain(self.finish, reason)

    # What the operator does.

    def go_to(self, page: Page) -> None:
        """Show a page, if it may be gone to."""
        evaluation = self._drafting.evaluation
        if page in evaluation.pages and self._reachable(evaluation, page):
            self._page, self._resumed = page, None
            self._visited.add(page)
            self.show_evaluation(evaluation)

    def _go(self, by: int) -> None:
        pages = self._drafting.evaluation.pages
        place = pages.index(self._page) + by
        if 0 <= place < len(pages):
            self.go_to(pages[place])
            self.pages[self._page].focus_first()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape asks where choices would be lost by it; F1 opens the guide at what it says of the page."""
        if asks_help(event):
            ask_help(self, str(self.page))
            return
        if event.key() == Qt.Key.Key_Escape and self._chose:
            self._scope.spawn(self._leave(), "leave")
        else:
            super().keyPressEvent(event)

    async def _leave(self) -> None:
        question = _("What you have chosen in this wizard will be forgotten. Nothing has been changed on a server.")
        if await ask(self, _("Leave the wizard"), question, _("Leave"), _("Keep choosing")):
            self.reject()

    def _step_clicked(self, item: QListWidgetItem) -> None:
        self.go_to(Page(item.data(Qt.ItemDataRole.UserRole)))

    def _finish(self) -> None:
        plan = self._drafting.evaluation.plan
        if plan is not None and not self._drafting.busy:
            self.planned.emit(plan)
            self.accept()

    def _save_plan(self, plan: Plan, path: Path) -> None:
        try:
            path.write_bytes(plan_bytes(plan))
        except OSError as error:
            text = _("The plan was not saved: {reason}", reason=error.strerror or str(error))
            self._scope.spawn(tell(self, _("Save plan"), text))

    def _fix(self, fix: Fix) -> None:
        self._scope.spawn(carry_out(self, fix, self._desk, self._drafting), "fix")

    def done(self, result: int) -> None:
        self._drafting.close()
        self._scope.cancel()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._drafting.close()
        self._scope.cancel()
        super().closeEvent(event)
