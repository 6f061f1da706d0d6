"""The last page: what will happen, as sentences first, then tables; the same as xe commands; what to know."""

from collections.abc import Callable
from html import escape as marked
from pathlib import Path

import msgspec
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QTextBrowser

from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.summary import summarize, total, xe_script
from xsmigui.core.problems import Page, Severity
from xsmigui.core.text import _, printable
from xsmigui.ui.style import named
from xsmigui.ui.wizard.copying import CopyChoice
from xsmigui.ui.wizard.pages import Choose, WizardPage, options


class SummaryPage(WizardPage):
    page = Page.summary

    def __init__(self, choose: Choose, save: Callable[[Plan, Path], None]) -> None:
        super().__init__("summaryPage", _("Review what will happen. Nothing has been changed so far."), choose)
        self._save = save
        self._plan: Plan | None = None
        self._shown = ""
        self.view = QTextBrowser()
        named(self.view, "summaryView", _("Summary"))
        self.view.setOpenLinks(False)
        self.body.addWidget(self.view, 1)
        self.options = options(choose)
        for box in self.options.values():
            self.body.addWidget(box)
        self.copying = CopyChoice(choose)
        self.body.addWidget(self.copying)
        self.script = QPushButton(_("Show as xe commands"))
        self.script.setObjectName("scriptButton")
        self.script.setCheckable(True)
        self.script.toggled.connect(lambda _on: self._show())
        self.save = QPushButton(_("Save plan…"))
        self.save.setObjectName("savePlanButton")
        self.save.clicked.connect(self._ask_where)
        line = QHBoxLayout()
        line.addWidget(self.script)
        line.addWidget(self.save)
        line.addStretch(1)
        self.body.addLayout(line)
        self._evaluation: Evaluation | None = None

    def show_evaluation(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._plan = evaluation.plan
        draft = evaluation.draft
        self.options["set_home"].setChecked(draft.set_home)
        self.options["set_home"].setVisible(not draft.copy)
        self.options["start_after"].setChecked(draft.start_after)
        halted = any(move.vm.power_state == "Halted" for move in evaluation.resolved.moves)
        self.options["start_after"].setVisible(halted)
        running = any(move.is_running for move in evaluation.resolved.moves)
        self.options["compress"].setChecked(draft.compress is True)
        self.options["compress"].setVisible(running)
        self.copying.show_evaluation(evaluation)
        ready = self._plan is not None
        for button in (self.script, self.save):
            button.setEnabled(ready)
            button.setToolTip("" if ready else _("There is no plan yet: there are still problems."))
        self._show()

    def _show(self) -> None:
        if self._evaluation is None:
            return
        if self._plan is not None and self.script.isChecked():
            html = f"<pre style='white-space: pre-wrap'>{escape(xe_script(self._plan))}</pre>"
        elif self._plan is not None:
            html = plan_html(self._plan, self._evaluation)
        else:
            html = f"<p>{escape(_not_yet(self._evaluation))}</p>"
        if html != self._shown:
            self._shown = html
            bar = self.view.verticalScrollBar()
            place = bar.value()
            self.view.setHtml(html)
            bar.setValue(place)

    def _ask_where(self) -> None:
        if self._plan is None:
            return
        plan = self._plan
        dialog = QFileDialog(self, _("Save plan"), "", _("Plans (*.json)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.fileSelected.connect(lambda path: self._save(plan, Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def escape(text: str) -> str:
    """Text of servers as text of the page, control characters as symbols."""
    return marked(printable(text, "\n"))


def _not_yet(evaluation: Evaluation) -> str:
    if evaluation.pending:
        return _("Asking the servers whether they would accept this…")
    return _("There is no plan yet: there are still problems. See below.")


def plan_html(plan: Plan, evaluation: Evaluation) -> str:
    """The plan as a page."""
    several = len(plan.moves) > 1
    parts = [f"<p>{escape(total(plan))}</p>"] if several else []
    for vm in summarize(plan):
        parts.append(f"<h3>{escape(vm.sentence)}</h3>")
        rows = "".join(
            f"<tr><td>{escape(label)}&nbsp;&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>" for label, value in vm.rows
        )
        parts.append(f"<table cellspacing='2'>{rows}</table>")
    if not several:
        parts.append(f"<p>{escape(total(plan))}</p>")
    unchecked = [p for p in evaluation.problems if p.page is Page.summary and p.severity is Severity.info]
    if unchecked:
        title = escape(_("Before you start"))
        parts.append(f"<h4>{title}</h4>")
        parts += [f"<p>{escape(problem.sentence())}</p>" for problem in unchecked]
    return "".join(parts)


def plan_bytes(plan: Plan) -> bytes:
    """The plan's written form, as `--plan` reads it."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2)
