"""The choice to move the disks of running VMs with a short stop, and how long that may be."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from xsmigui.core.migration.draft import LONGEST_STOP, SHORT_STOP, Draft, StorageMode
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.text import _
from xsmigui.ui.fields import Check, Spin
from xsmigui.ui.style import STEP, named
from xsmigui.ui.wizard.pages import Choose
from xsmigui.ui.words import caption, explain


class StopChoice(QWidget):
    """Shown only where disks of running VMs move inside their pool; greyed with the reason where none could so."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self._choose = choose
        self._draft: Draft | None = None
        self.check = Check(_("Move running VMs with a short sto&p"))
        named(self.check, "shortStopCheck", _("Move running VMs with a short stop"))
        self.check.clicked.connect(self._changed)
        self.minutes = Spin("stopMinutesSpin", _("Longest time that a VM may be down, in minutes"), 1, LONGEST_STOP)
        self.minutes.setValue(SHORT_STOP)
        self.minutes.setSuffix(_(" min"))
        self.minutes.valueChanged.connect(self._changed)
        self._label = caption(_("down for at &most:"), self.minutes)
        line = QHBoxLayout()
        line.setSpacing(STEP)
        line.addSpacing(3 * STEP)
        line.addWidget(self._label)
        line.addWidget(self.minutes)
        line.addStretch(1)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(STEP // 2)
        lines.addWidget(self.check)
        lines.addLayout(line)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        draft = self._draft = evaluation.draft
        moves = [m for m in evaluation.resolved.of_vms if m.is_running]
        stays = evaluation.resolved.mode is StorageMode.keep
        self.setVisible(bool(moves) and not stays and not draft.crosses and not draft.copy)
        chosen = bool(draft.short_stop)
        reason = "" if chosen else evaluation.offers.why_no_short_stop
        self.check.setChecked(chosen)
        self.check.setEnabled(chosen or not reason)
        tip = _(
            "For disks that the server cannot mirror: they are copied while the VM is running. The VM is then "
            "shut down, only the data written meanwhile is copied, and it starts on the copies. If the stop "
            "would take longer than you allow, everything is rolled back."
        )
        explain(self.check, reason or tip)
        for widget in (self._label, self.minutes):
            widget.setVisible(chosen)
        if chosen and self.minutes.value() != draft.short_stop:
            self.minutes.blockSignals(True)
            self.minutes.setValue(draft.short_stop)
            self.minutes.blockSignals(False)

    def _changed(self) -> None:
        minutes = self.minutes.value() if self.check.isChecked() else 0
        if self._draft is not None and minutes != self._draft.short_stop:
            self._choose(lambda draft: draft.with_short_stop(minutes))
