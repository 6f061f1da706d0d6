"""The choice whether this program copies the disks of halted VMs, and how long it keeps their sources."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.estimates import proof_seconds
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.moves import LooseDisk
from xsmigui.core.text import _
from xsmigui.core.units import duration
from xsmigui.ui.fields import Check, Spin
from xsmigui.ui.style import STEP, named
from xsmigui.ui.wizard.pages import Choose
from xsmigui.ui.words import caption

LONGEST = 365
"""Days for which a source may be kept."""


class CopyChoice(QWidget):
    """Shown only where a draft has disks that can be copied. For disks of no VM there is no other way."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self._choose = choose
        self._draft: Draft | None = None
        self.check = Check(_("Copy the disks of halted VMs, and put the copies in place"))
        named(self.check, "copyDisksCheck", self.check.text())
        tip = _(
            "Every step can be undone, and the source is kept. Otherwise the server moves the disks with their"
            " snapshots, and removes the source."
        )
        self.check.setToolTip(tip)
        self.check.clicked.connect(self._changed)
        self.days = Spin("keepDaysSpin", _("Days for which the sources are kept"), 0, LONGEST)
        self.days.setSpecialValueText(_("remove at once"))
        self.days.setSuffix(_(" days"))
        self.days.valueChanged.connect(self._changed)
        label = self._label = caption(_("&Keep the sources:"), self.days)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(STEP // 2)
        line = QHBoxLayout()
        line.setSpacing(STEP)
        self.prove = Check(_("Compare &contents afterwards"))
        named(self.prove, "proveCheck", self.prove.text())
        self.prove.clicked.connect(self._proving)
        line.addWidget(self.prove)
        line.addStretch(1)
        line.addWidget(label)
        line.addWidget(self.days)
        lines.addWidget(self.check)
        lines.addLayout(line)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        draft, resolved = evaluation.draft, evaluation.resolved
        self._draft = draft
        halted = any(move.vm.power_state == "Halted" and not move.crosses for move in resolved.of_vms)
        copied = bool(draft.loose) or (halted and draft.copies) or any(move.stops for move in resolved.of_vms)
        self.check.setVisible(halted and not draft.copy)
        for widget in (self._label, self.days):
            widget.setVisible(copied)
        proved = [
            move
            for move in resolved.moves
            if move.carries_disks and (isinstance(move, LooseDisk) or move.vm.power_state == "Halted")
        ]
        self.prove.setVisible(bool(proved))
        self.prove.setChecked(draft.proves)
        self.prove.setEnabled(draft.prove or not draft.proves)
        low, high = proof_seconds(move.source.VDI[disk].virtual_size for move in proved for disk in move.moving)
        tip = _(
            "The servers compute a checksum of each disk before and after, ≈ {low} to {high}. Only then are "
            "contents called identical. Always done if sources are removed at once.",
            low=duration(low),
            high=duration(high),
        )
        self.prove.setToolTip(tip)
        self.setVisible((halted and not draft.copy) or copied or bool(proved))
        self.check.setChecked(draft.copies)
        if self.days.value() != draft.keep_days:
            self.days.blockSignals(True)
            self.days.setValue(draft.keep_days)
            self.days.blockSignals(False)

    def _proving(self) -> None:
        yes = self.prove.isChecked()
        self._choose(lambda draft: draft.proving(yes))

    def _changed(self) -> None:
        yes, days = self.check.isChecked(), self.days.value()
        if self._draft is not None and (yes, days) != (self._draft.copies, self._draft.keep_days):
            self._choose(lambda draft: draft.copying(yes, days))
