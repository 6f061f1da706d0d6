"""The last page: what will happen, as sentences first, then tables; the same as xe commands; what to know."""

from collections.abc import Callable, Collection
from html import escape as marked
from pathlib import Path

import msgspec
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QTextBrowser

from xsmigui.core.migration import sheets
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.sheets import Summary
from xsmigui.core.migration.summary import VmSummary, xe_script
from xsmigui.core.problems import Page
from xsmigui.core.text import _, n_, printable
from xsmigui.services.jobs import Jobs
from xsmigui.ui.dialogs.schedule import ScheduleButton
from xsmigui.ui.style import named
from xsmigui.ui.wizard.copying import CopyChoice
from xsmigui.ui.wizard.pages import Choose, WizardPage, options


class SummaryPage(WizardPage):
    page = Page.summary

    def __init__(self, choose: Choose, save: Callable[[Plan, Path], None], jobs: Jobs) -> None:
        super().__init__("summaryPage", _("Review what will happen. Nothing has been changed so far."), choose)
        self._save = save
        self._plan: Plan | None = None
        self._shown = ""
        self._open: set[str] = set()
        self.view = QTextBrowser()
        named(self.view, "summaryView", _("Summary"))
        self.view.setOpenLinks(False)
        self.view.anchorClicked.connect(lambda url: self._toggle(url.path()))
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
        self.all = QPushButton(_("Show all details"))
        self.all.setObjectName("allDetailsButton")
        self.all.setCheckable(True)
        self.all.toggled.connect(lambda _on: self._unfold_all())
        self.save = QPushButton(_("Save plan…"))
        self.save.setObjectName("savePlanButton")
        self.save.clicked.connect(self._ask_where)
        line = QHBoxLayout()
        line.addWidget(self.all)
        line.addWidget(self.script)
        line.addWidget(self.save)
        self.schedule = ScheduleButton(choose, jobs)
        line.addWidget(self.schedule)
        line.addStretch(1)
        self.body.addLayout(line)
        self._evaluation: Evaluation | None = None

    def show_evaluation(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._plan = evaluation.plan
        self.schedule.show_evaluation(evaluation)
        draft = evaluation.draft
        self.options["set_home"].setChecked(draft.set_home)
        self.options["set_home"].setVisible(not draft.copy)
        self.options["start_after"].setChecked(draft.start_after)
        halted = any(move.vm.power_state == "Halted" for move in evaluation.resolved.of_vms)
        self.options["start_after"].setVisible(halted)
        running = any(move.is_running for move in evaluation.resolved.of_vms)
        self.options["compress"].setChecked(draft.compress is True)
        self.options["compress"].setVisible(running)
        self.copying.show_evaluation(evaluation)
        ready = self._plan is not None
        self.all.setVisible(self._plan is not None and len(self._plan.moves) > 1)
        for button in (self.script, self.save):
            button.setEnabled(ready)
            button.setToolTip("" if ready else _("There is no plan yet: there are still problems."))
        self._show()

    def _show(self) -> None:
        if self._evaluation is None:
            return
        if self._plan is not None and self.script.isChecked():
            html = f"<pre style='white-space: pre-wrap'>{escape(xe_script(self._plan))}</pre>"
        elif (shown := sheets.summary(self._evaluation)) is not None:
            html = plan_html(shown, self._open)
        else:
            html = f"<p>{escape(_not_yet(self._evaluation))}</p>"
        if html != self._shown:
            self._shown = html
            bar = self.view.verticalScrollBar()
            place = bar.value()
            self.view.setHtml(html)
            bar.setValue(place)

    def _toggle(self, place: str) -> None:
        """Unfold the details of the VM at this place of the plan, or fold them."""
        if self._plan is not None and place.isdecimal() and int(place) < len(self._plan.moves):
            self._open ^= {self._plan.moves[int(place)].vm.uuid}
            self._show()

    def _unfold_all(self) -> None:
        """Unfold the details of all VMs, or fold them."""
        moves = self._plan.moves if self._plan is not None and self.all.isChecked() else ()
        self._open = {move.vm.uuid for move in moves}
        self._show()

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


def plan_html(shown: Summary, unfolded: Collection[str]) -> str:
    """The plan as a page: a paragraph on all of it, then a line for each VM, which unfolds its details. The details of
    a VM that moves alone are always shown."""
    several = len(shown.lines) > 1
    parts = [f"<p>{escape(shown.opening)}</p>"]
    for place, line in enumerate(shown.lines):
        if not several:
            parts += [f"<h3>{escape(line.summary.sentence)}</h3>", _details(line.summary)]
            continue
        is_open = line.vm in unfolded
        sign = "▾" if is_open else "▸"
        name, rest = line.summary.name, line.summary.sentence
        if rest.startswith(name):
            rest = rest[len(name) :]
        link = f"<a href='{place}' style='text-decoration: none'>{sign} {escape(name)}</a>"
        parts.append(f"<p style='margin: 4px 0'>{link} {escape(rest)} {escape(line.data)}</p>")
        if is_open:
            parts.append(_details(line.summary))
    if shown.beforehand:
        title = escape(_("Before you start"))
        parts.append(f"<h4>{title}</h4>")
    for sentence, more in shown.beforehand:
        rest = " " + n_("{n} more of this kind.", "{n} more of this kind.", more) if more else ""
        parts.append(f"<p>{escape(sentence + rest)}</p>")
    return "".join(parts)


def _details(vm: VmSummary) -> str:
    rows = "".join(
        f"<tr><td>{escape(label)}&nbsp;&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>" for label, value in vm.rows
    )
    return f"<table cellspacing='2' style='margin-left: 16px'>{rows}</table>"


def plan_bytes(plan: Plan) -> bytes:
    """The plan's written form, as `--plan` reads it."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2)
