"""What a page of many rows has above its table: which rows are shown, and one choice for all of them."""

from collections.abc import Mapping
from enum import StrEnum

from PySide6.QtWidgets import QHBoxLayout, QWidget

from xsmigui.core.migration.evaluation import Evaluation, to_choose
from xsmigui.core.problems import Problem
from xsmigui.core.refs import VmRef
from xsmigui.core.text import _
from xsmigui.ui.fields import Combo
from xsmigui.ui.style import STEP
from xsmigui.ui.wizard.choice import ChoiceCombo
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.words import caption


class Rows(StrEnum):
    """Which rows are shown."""

    all = "all"
    blocked = "blocked"
    open = "open"


class RowFilter(Combo):
    """All rows, those of VMs that something blocks, or those that wait for a choice."""

    def __init__(self, object_name: str, table: Table) -> None:
        super().__init__(object_name, _("Rows that are shown"))
        self._table = table
        self._evaluation: Evaluation | None = None
        self._vms: Mapping[str, VmRef] = {}
        for rows, words in (
            (Rows.all, _("All rows")),
            (Rows.blocked, _("What cannot move")),
            (Rows.open, _("What is still to be chosen")),
        ):
            self.add_entry(words, str(rows))
        self.currentIndexChanged.connect(lambda _index: self._apply())

    def judge(self, evaluation: Evaluation, vms: Mapping[str, VmRef]) -> None:
        """Judge the rows anew; `vms` has the VM of each."""
        self._evaluation, self._vms = evaluation, dict(vms)
        self._apply()

    def _apply(self) -> None:
        evaluation = self._evaluation
        wanted = Rows(self.currentData())
        if evaluation is None or wanted is Rows.all:
            self._table.show_only(None)
            return
        if wanted is Rows.blocked:
            stuck = set(evaluation.stuck)
            self._table.show_only([key for key, vm in self._vms.items() if vm in stuck])
            return
        waiting = {p.about.ref for p in evaluation.problems if to_choose(p) and p.about is not None}
        by_vm = {vm for vm, problem in evaluation.worst.items() if to_choose(problem)}
        direct = [key for key in self._vms if key in waiting]
        self._table.show_only(direct or [key for key, vm in self._vms.items() if vm in by_vm])


class Bulk(QWidget):
    """The filter, and a choice for all rows that it shows."""

    def __init__(self, rows: RowFilter, words: str, choice: ChoiceCombo) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(STEP)
        line.addWidget(rows)
        line.addStretch(1)
        line.addWidget(caption(words, choice))
        line.addWidget(choice, 2)


def row_of(problem: Problem, evaluation: Evaluation | None) -> str:
    """The VM that a problem is about, as the key of a row; empty where there is none."""
    if problem.about is not None and problem.about.cls == "VM":
        return problem.about.ref
    for move in evaluation.resolved.of_vms if evaluation is not None else ():
        if problem.subject.cls == "VM" and problem.subject.uuid == move.vm.uuid:
            return move.ref
    return ""
