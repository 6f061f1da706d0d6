"""Maintenance mode of a host: which VMs leave it and where to, what prevents that, and the way back."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation, leaving_out, sheets
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.migration.moves import Copied, Kind, Sent
from xsmigui.core.migration.summary import total
from xsmigui.core.problems import Page, Problem
from xsmigui.core.refs import HostRef, NetworkRef, VmRef
from xsmigui.core.text import _, joined, n_, printable
from xsmigui.core.units import size
from xsmigui.services.desk import Desk
from xsmigui.services.drafting import Drafting
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store
from xsmigui.ui.dialogs.fixing import carry_out
from xsmigui.ui.dialogs.schedule import ScheduleButton
from xsmigui.ui.fields import Spin
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Presenter, Scope
from xsmigui.ui.screens import sized
from xsmigui.ui.style import STEP, named, primary, spaced
from xsmigui.ui.wizard.bulk import RowFilter, row_of
from xsmigui.ui.wizard.choice import ChoiceCombo, Offer
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.wizard.problems import ProblemPanel
from xsmigui.ui.words import Label, explain, heading, hint
from xsmigui.ui.words import title as window_title

MOST_AT_ONCE: Final = 100


class MaintenanceDialog(QDialog):
    """The VMs of a host on their way to a plan: renders the drafting's evaluations and sends edits, like the wizard.
    A VM that was shut down meanwhile, by a fix or by anybody, leaves the list; one that was started joins it."""

    entered = Signal(object)
    """The `Plan` that the operator has started; None if there is nothing to move."""

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
        self._scope = Scope(self, present)
        self._left: tuple[LeftOut, ...] = ()
        self.setObjectName("maintenanceDialog")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sized(self, 1000, 600)
        self._build(icons)
        drafting.subscribe(self.show_evaluation)
        self.show_evaluation(drafting.evaluation)

    @property
    def host(self) -> HostRef:
        """The host that is to be emptied."""
        host = self._drafting.draft.leaves
        assert host is not None
        return host

    def _build(self, icons: Icons) -> None:
        inventory = self._store.inventory(self._drafting.draft.source)
        name = inventory.name_of("host", self.host) if inventory is not None else ""
        title = _("Maintenance mode: {host}", host=name)
        self.setWindowTitle(window_title(title))
        self.setAccessibleName(printable(title))
        self.manner = hint()
        self.manner.setObjectName("maintenanceManner")
        heads = [_("VM"), _("State"), _("Disks that move"), _("Possible"), _("To")]
        self.table = Table("evacuationTable", _("VMs that leave the host"), heads, 4, (2,), self._combo, (3,))
        self.table.row_clicked.connect(lambda vm: self.panel.reveal(vm))
        self.filter = RowFilter("evacuationFilter", self.table)
        self.network = ChoiceCombo("evacuationNetworkCombo", _("Network"))
        self.network.chosen.connect(self._over)
        self.at_once = Spin("atOnceSpin", _("VMs at once"), 1, MOST_AT_ONCE)
        self.at_once.setValue(self._drafting.draft.at_once)
        self.at_once.valueChanged.connect(self._batch)
        self.at_once.setMaximumWidth(12 * STEP)
        form = QFormLayout()
        form.addRow(_("&Network:"), self.network)
        form.addRow(_("VMs at &once:"), self.at_once)
        self._form = form
        self.panel: ProblemPanel = ProblemPanel(icons, self._fix)
        self.panel.leads = lambda problem: bool(row_of(problem, self._drafting.evaluation))
        self.panel.chosen.connect(self.reveal)
        self.panel.setMinimumHeight(13 * STEP)
        self.total = hint()
        self.total.setObjectName("maintenanceTotal")
        self.can_go = Label()
        self.can_go.setObjectName("canGoLabel")
        self.leave_out = QPushButton(_("&Leave out what cannot move"))
        named(self.leave_out, "leaveOutButton", _("Leave out what cannot move"))
        self.leave_out.setAutoDefault(False)
        self.leave_out.clicked.connect(self._leave_out)
        self.cancel = QPushButton(_("Cancel"))
        named(self.cancel, "cancelButton", _("Cancel"))
        self.cancel.clicked.connect(self.reject)
        self.enter_button = primary(QPushButton(_("Enter maintenance mode")))
        named(self.enter_button, "enterMaintenanceButton", _("Enter maintenance mode"))
        self.enter_button.clicked.connect(self._start)
        buttons = QHBoxLayout()
        buttons.setSpacing(STEP)
        buttons.addWidget(self.can_go)
        buttons.addWidget(self.total, 1)
        self.schedule = ScheduleButton(self._drafting.choose, self._jobs)
        buttons.addWidget(self.schedule)
        buttons.addWidget(self.leave_out)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.enter_button)
        outer = QVBoxLayout(self)
        spaced(outer, 2, 1)
        outer.addWidget(heading(title))
        outer.addWidget(self.manner)
        shown = QHBoxLayout()
        shown.addWidget(self.filter)
        shown.addStretch(1)
        outer.addLayout(shown)
        outer.addWidget(self.table, 3)
        outer.addLayout(form)
        outer.addWidget(self.panel, 1)
        outer.addLayout(buttons)

    @property
    def is_busy(self) -> bool:
        """An answer or a judgement is still due."""
        return self._drafting.busy

    def take_over(self, other: object) -> None:
        """Go on where another dialog on the same host was left, which closes then."""
        if isinstance(other, MaintenanceDialog):
            self._left = other._left
            self._drafting.choose(lambda _draft: other._drafting.draft)
            self.at_once.setValue(self._drafting.draft.at_once)

    # The data's way.

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show an evaluation: who goes where, the problems, and whether it can start."""
        draft = evaluation.draft
        inventory = evaluation.site.pools.get(draft.source)
        if inventory is not None and self.host in inventory.host:
            staying = {left.vm for left in self._left}
            fresh = evacuation.following(draft, inventory, staying)
            if fresh.vms != draft.vms:
                self._drafting.choose(lambda now: evacuation.following(now, inventory, staying))
                return
            self._show_vms(evaluation, inventory)
            self._show_manner(evaluation, inventory)
            by_itself = Candidate("", _("Chosen automatically"))
            offered = [by_itself, *evaluation.offers.storage_networks]
            self.network.fill(offered, draft.storage_network or "")
        self.schedule.show_evaluation(evaluation)
        there_are = bool(draft.vms)
        self._form.setRowVisible(self.network, there_are)
        self._form.setRowVisible(self.at_once, len(draft.vms) > 1)
        pending = _("Asking the servers…") if self._drafting.busy else ""
        self.panel.show_problems(evaluation.problems, Page.home_server, pending)
        blocks = [p for p in evaluation.problems if p.blocks]
        ready = (evaluation.plan is not None or not there_are) and not blocks and not self._drafting.busy
        self.enter_button.setEnabled(ready)
        explain(self.enter_button, blocks[0].sentence() if blocks else pending)
        self.total.setText(total(evaluation.plan) if evaluation.plan is not None else "")

        moves, stuck = evaluation.resolved.of_vms, evaluation.stuck
        parts = [_("{can} of {n} can move", can=len(moves) - len(stuck), n=len(moves))] if len(moves) > 1 else []
        if self._left:
            parts.append(n_("{n} is left out", "{n} are left out", len(self._left)))
        self.can_go.setText(" · ".join(parts))
        self.can_go.explain("\n".join(f"{left.name}: {left.problem.message}" for left in self._left))
        self.leave_out.setVisible(0 < len(stuck) < len(moves))

    def _leave_out(self) -> None:
        """Let the VMs stay that cannot go: the host is not empty then, which is said."""
        evaluation = self._drafting.evaluation
        stuck = {vm: evaluation.worst[vm] for vm in evaluation.stuck}
        self._left = (*self._left, *leaving_out.left_out(evaluation, stuck))
        self._drafting.choose(lambda draft: leaving_out.without(draft, stuck))

    def _show_vms(self, evaluation: Evaluation, inventory: Inventory) -> None:
        moves = {move.ref: move for move in evaluation.resolved.of_vms}
        self.table.setVisible(bool(moves))
        rows = []
        for vm, move in moves.items():
            record = inventory.VM[vm]
            travelling = sum(inventory.VDI[disk].virtual_size for disk in move.moving)
            state = _("paused") if record.power_state == "Paused" else _("running")
            moved = size(travelling) if travelling else "–"
            rows.append((vm, (record.name_label, state, moved, sheets.possible(evaluation, vm))))
        self.table.show_rows(sheets.rows_of(rows))
        offers = evaluation.offers

        def offer(key: str) -> Offer:
            vm = VmRef(key)
            return Offer(
                offers.host(vm),
                lambda: [c for c in offers.hosts(vm) if c.ref != self.host],
                _("No host can take it"),
                _("Host for {vm}", vm=inventory.VM[vm].name_label),
            )

        self.table.offer(offer)
        self.filter.judge(evaluation, {vm: vm for vm in moves})
        self.filter.setVisible(len(moves) > 1)

    def _combo(self, vm: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"evacuationHost-{vm}", _("Host"))
        combo.chosen.connect(lambda host: self._drafting.choose(lambda draft: draft.on(VmRef(vm), HostRef(host))))
        return combo

    def _show_manner(self, evaluation: Evaluation, inventory: Inventory) -> None:
        said = [_("No VM will be started on the host until maintenance mode is left.")]
        moves = evaluation.resolved.of_vms
        if not moves:
            said.append(_("No VM runs on it."))
        if any(_takes_disks(move) for move in moves):
            said.append(_("Disks on the host's local SRs move too, and do not come back automatically."))
        if self._left:
            names = joined([left.name for left in self._left])
            said.append(_("These stay on it, and need attention before it goes down: {vms}.", vms=names))
        said += evacuation.notes(inventory, self.host)
        self.manner.setText(" ".join(said))

    # What the operator does.

    def reveal(self, problem: Problem) -> None:
        """Lead from a sentence to the row that it is about."""
        self.table.reveal(row_of(problem, self._drafting.evaluation))

    def _over(self, network: str) -> None:
        self._drafting.choose(lambda draft: draft.over(NetworkRef(network) if network else None))

    def _batch(self, number: int) -> None:
        self._drafting.choose(lambda draft: draft.batched(number))

    def _start(self) -> None:
        evaluation = self._drafting.evaluation
        if not self._drafting.busy and (evaluation.plan is not None or not evaluation.draft.vms):
            self.entered.emit(evaluation.plan)
            self.accept()

    def _fix(self, fix: Fix) -> None:
        self._scope.spawn(carry_out(self, fix, self._desk, self._drafting), "fix")

    def done(self, result: int) -> None:
        self._drafting.close()
        self._scope.cancel()
        super().done(result)


def _takes_disks(move: Sent | Copied) -> bool:
    return move.kind is Kind.storage
