"""Move virtual disk: where selected disks may go, why not elsewhere, and every problem."""

from functools import partial
from typing import Final

from PySide6.QtCore import QItemSelection, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import m_
from xsmigui.core.migration.diskdraft import SrTarget, Staying, draft_of_disks, how_moved, owner, places, way
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.migration.moves import is_copied
from xsmigui.core.migration.sheets import disk_targets, prepare_disks, rows_of
from xsmigui.core.migration.summary import total
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import MoverRef, NetworkRef, SrRef, VdiRef, VmRef
from xsmigui.core.text import _, n_, printable
from xsmigui.core.units import size
from xsmigui.services.desk import Desk
from xsmigui.services.drafting import Drafting
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store
from xsmigui.ui.columns import Columns
from xsmigui.ui.dialogs.fixing import carry_out
from xsmigui.ui.dialogs.schedule import ScheduleButton
from xsmigui.ui.fields import Check
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.scope import Presenter, Scope
from xsmigui.ui.screens import sized
from xsmigui.ui.style import STEP, named, plain_table, primary, spaced
from xsmigui.ui.wizard.choice import ChoiceCombo, Offer
from xsmigui.ui.wizard.copying import CopyChoice
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.wizard.problems import ProblemPanel
from xsmigui.ui.wizard.stopping import StopChoice
from xsmigui.ui.words import explain, heading, hint
from xsmigui.ui.words import title as window_title

MOST: Final = 60
"""Disks for which an SR each is offered; a table of more would help nobody."""

MINE: Final = (Page.storage, Page.storage_network)


def _kind(row: SrTarget) -> str:
    return _("shared") if row.shared else _("local")


def _after(row: SrTarget) -> str:
    return size(row.after) if row.usable else "–"


class _Targets(RowsModel[SrTarget]):
    """SRs; those that cannot be chosen are greyed, with the reason in the same line."""

    def flags(self, index: object) -> Qt.ItemFlag:
        usable = self.row(index.row()).usable  # type: ignore[attr-defined]
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable if usable else Qt.ItemFlag.NoItemFlags


class MoveDiskDialog(QDialog):
    """Selected disks on their way to a plan: renders the drafting's evaluations and sends edits, like the wizard."""

    planned = Signal(object)
    """The `Plan` that the operator has started."""

    def __init__(
        self,
        parent: QWidget | None,
        drafting: Drafting,
        disks: tuple[VdiRef, ...],
        store: Store,
        jobs: Jobs,
        desk: Desk,
        icons: Icons,
        present: Presenter,
        left: tuple[Staying, ...] = (),
    ) -> None:
        """`left` says what of an SR that is being emptied cannot come along."""
        super().__init__(parent)
        self._drafting = drafting
        self._disks = disks
        self._store = store
        self._jobs = jobs
        self._desk = desk
        self._scope = Scope(self, present)
        self._chosen: SrRef | None = None
        self._left = left
        self._filling = False
        self.setObjectName("moveDiskDialog")
        self._heading = heading("")
        self._entitle()
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sized(self, 1000, 600)
        self._build(icons)
        drafting.preparing = lambda: partial(prepare_disks, disks=self._disks)
        drafting.subscribe(self.show_evaluation)
        self.show_evaluation(drafting.evaluation)

    def _entitle(self) -> None:
        """Say what moves: the disk's name, or how many there are."""
        inventory = self._store.inventory(self._drafting.draft.source)
        known = [inventory.VDI[d].name_label for d in self._disks if inventory is not None and d in inventory.VDI]
        name = known[0] if len(known) == 1 else n_("{n} virtual disk", "{n} virtual disks", len(self._disks))
        title = _("Move virtual disk: {name}", name=name)
        self.setWindowTitle(window_title(title))
        self.setAccessibleName(printable(title))
        self._heading.setText(title)

    def _build(self, icons: Icons) -> None:
        columns: list[Column[SrTarget]] = [
            Column(_("SR"), lambda r: r.name, icon=lambda r: icons("sr" if r.shared else "sr-local")),
            Column(_("Type"), lambda r: f"{r.type} · {_kind(r)}"),
            Column(_("Size"), lambda r: size(r.total), lambda r: r.total, right=True),
            Column(_("Free"), lambda r: size(r.free), lambda r: r.free, right=True),
            Column(_("Free after"), _after, lambda r: r.after, right=True),
            Column(_("Not possible because"), lambda r: r.reason, sentence=True),
        ]
        self.rows = _Targets(columns, lambda r: r.ref, self)
        self.table = QTableView()
        named(self.table, "srTable", _("Storage repositories"))
        plain_table(self.table)
        self.table.setModel(self.rows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        Columns(self.table)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.each = Check(_("Choose an SR for each virtual disk"))
        named(self.each, "eachDiskCheck", self.each.text())
        self.each.setVisible(1 < len(self._disks) <= MOST)
        self.each.toggled.connect(lambda _on: self.show_evaluation(self._drafting.evaluation))
        heads = [_("Virtual disk"), _("Size"), _("VM"), _("From"), _("How"), _("To")]
        self.each_table = Table("eachDiskTable", _("Placement of the virtual disks"), heads, 5, (1,), self._combo)
        self.each_table.hide()
        self.manner = hint()
        self.manner.setObjectName("moveManner")
        self.network = ChoiceCombo("diskNetworkCombo", _("Storage network"))
        self.network.chosen.connect(self._over)
        self.copying = CopyChoice(self._drafting.choose)
        self.stopping = StopChoice(self._drafting.choose)
        form = QFormLayout()
        form.addRow(_("Storage &network:"), self.network)
        self._form = form
        self.total = hint()
        self.total.setObjectName("moveTotal")
        self.panel = ProblemPanel(icons, self._fix)
        self.panel.setMinimumHeight(13 * STEP)
        self.leave_out = QPushButton(_("Leave out what cannot move"))
        named(self.leave_out, "leaveOutButton", _("Leave out what cannot move"))
        self.leave_out.setAutoDefault(False)
        self.leave_out.clicked.connect(self._leave_out)
        self.cancel = QPushButton(_("Cancel"))
        named(self.cancel, "cancelButton", _("Cancel"))
        self.cancel.clicked.connect(self.reject)
        self.move_button = primary(QPushButton(_("Move")))
        named(self.move_button, "moveButton", _("Move"))
        self.move_button.clicked.connect(self._start)
        buttons = QHBoxLayout()
        buttons.setSpacing(STEP)
        buttons.addWidget(self.total, 1)
        self.schedule = ScheduleButton(self._drafting.choose, self._jobs)
        for button in (self.schedule, self.leave_out, self.cancel, self.move_button):
            buttons.addWidget(button)
        outer = QVBoxLayout(self)
        spaced(outer, 2, 1)
        outer.addWidget(self._heading)
        outer.addWidget(self.manner)
        self.staying = QPlainTextEdit()
        named(self.staying, "stayingDisks", _("What stays behind"))
        self.staying.setReadOnly(True)
        self.staying.setMaximumHeight(11 * STEP)
        outer.addWidget(self.staying)
        self._tell_staying()
        outer.addWidget(self.each)
        outer.addWidget(self.table, 3)
        outer.addWidget(self.each_table, 3)
        outer.addLayout(form)
        outer.addWidget(self.stopping)
        outer.addWidget(self.copying)
        outer.addWidget(self.panel, 1)
        outer.addLayout(buttons)

    @property
    def is_busy(self) -> bool:
        """An answer or a judgement is still due."""
        return self._drafting.busy

    def take_over(self, other: object) -> None:
        """Go on where another dialog on the same disks was left, which closes then."""
        if isinstance(other, MoveDiskDialog):
            self._disks, self._left, self._chosen = other._disks, other._left, other._chosen
            self._entitle()
            self._tell_staying()
            self.each.setChecked(other.each.isChecked())
            self.show_evaluation(self._drafting.evaluation)

    # The data's way.

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show an evaluation: the SRs, the problems, and whether it can start."""
        draft, site = evaluation.draft, evaluation.site
        inventory = site.pools.get(draft.source)
        each = self.each.isChecked()
        self.table.setVisible(not each)
        self.each_table.setVisible(each)
        if inventory is not None and each:
            self._show_each(evaluation, inventory)
        if inventory is not None:
            self.manner.setText(how_moved(inventory, draft))
            self._filling = True
            try:
                self.rows.show(disk_targets(evaluation, self._disks))
                self._mark()
            finally:
                self._filling = False
            self.network.fill(
                evaluation.offers.storage_networks, evaluation.resolved.storage_network, _("Choose a network")
            )
        self.copying.show_evaluation(evaluation)
        self.schedule.show_evaluation(evaluation)
        self.stopping.show_evaluation(evaluation)
        carried = any(not is_copied(draft, move.vm) for move in evaluation.resolved.of_vms)
        self._form.setRowVisible(self.network, carried)
        blocks = [p for p in evaluation.problems if p.blocks]
        if not self._has_chosen:
            self.panel.show_problems((), Page.storage, _("Choose the SR for the disks."))
            reason = _("Choose an SR first.")
        else:
            told = tuple(p for p in evaluation.problems if p.page in MINE or p.severity is not Severity.info)
            pending = _("Asking the servers…") if self._drafting.busy else ""
            self.panel.show_problems(told, Page.storage, pending)
            reason = blocks[0].sentence() if blocks else pending
        ready = evaluation.plan is not None and self._has_chosen and not self._drafting.busy
        self.move_button.setEnabled(ready)
        explain(self.move_button, reason)
        stuck = self._stuck(evaluation)
        chosen = self._has_chosen and not self._drafting.busy
        movers = len(evaluation.draft.vms) + len(evaluation.draft.loose)
        self.leave_out.setVisible(chosen and 0 < len(stuck) < movers)
        self.total.setText(total(evaluation.plan) if ready and evaluation.plan is not None else "")

    @property
    def _has_chosen(self) -> bool:
        """The operator has chosen where the disks go, or where one of them goes."""
        return self._chosen is not None or bool(self._drafting.draft.disks)

    def _show_each(self, evaluation: Evaluation, inventory: Inventory) -> None:
        """One row for each disk, with how it will be moved and its own SR."""
        draft = evaluation.draft
        disks = [disk for disk in self._disks if disk in inventory.VDI]
        rows = []
        for disk in disks:
            vdi = inventory.VDI[disk]
            vm = owner(inventory, disk).vm
            name, owner_name = vdi.name_label or _("(no name)"), inventory.VM[vm].name_label if vm is not None else "–"
            place = inventory.name_of("SR", vdi.SR)
            rows.append((disk, (name, size(vdi.virtual_size), owner_name, place, way(inventory, draft, disk))))
        self.each_table.show_rows(rows_of(rows))

        def offer(key: str) -> Offer:
            disk = VdiRef(key)
            choices = places(evaluation.site, draft, disk)
            chosen = draft.disks.get(disk, inventory.VDI[disk].SR)
            name = _("SR for {disk}", disk=inventory.name_of("VDI", disk) or _("(no name)"))
            return Offer(next((c for c in choices if c.ref == chosen), None), lambda: choices, _("Choose an SR"), name)

        self.each_table.offer(offer)

    def _combo(self, disk: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"diskCombo-{disk}", _("SR"))
        combo.chosen.connect(lambda sr: self._drafting.choose(lambda draft: draft.placing(VdiRef(disk), SrRef(sr))))
        return combo

    def _tell_staying(self) -> None:
        count = n_("{n} virtual disk stays behind:", "{n} virtual disks stay behind:", len(self._left))
        self.staying.setPlainText("\n".join(printable(str(line)) for line in (count, *self._left)))
        self.staying.setVisible(bool(self._left))

    def _stuck(self, evaluation: Evaluation) -> set[MoverRef]:
        """The VMs against which something stands, and the disks of no VM."""
        return {vm for vm, worst in evaluation.verdicts.items() if worst is Severity.block}

    def _mark(self) -> None:
        """The chosen SR stays the selected row, wherever it is now."""
        for number in range(self.rows.rowCount()):
            if self.rows.row(number).ref == self._chosen:
                if not self.table.selectionModel().isRowSelected(number, self.table.rootIndex()):
                    self.table.selectRow(number)
                return

    # What the operator does.

    def _selected(self, chosen: QItemSelection) -> None:
        rows = [index.row() for index in chosen.indexes()]
        if rows and not self._filling:
            self.choose(self.rows.row(rows[0]).ref)

    def choose(self, sr: SrRef) -> None:
        """Place all selected disks on this SR."""
        self._chosen = sr
        disks = dict.fromkeys(self._disks, sr)
        self._drafting.choose(lambda draft: draft.placing_all(disks))

    def _leave_out(self) -> None:
        """Go on without the disks of the VMs that something blocks; they are named as staying behind."""
        evaluation, sr = self._drafting.evaluation, self._chosen
        site, pool = evaluation.site, evaluation.draft.source
        inventory, stuck = site.pools[pool], self._stuck(evaluation)
        carriers = {d: owner(inventory, d).vm for d in self._disks if d in inventory.VDI}
        staying = [d for d, vm in carriers.items() if (vm or VmRef(d)) in stuck]
        reasons = {p.about.ref: p.finding for p in reversed(evaluation.problems) if p.blocks and p.about is not None}
        for disk in staying:
            vdi = inventory.VDI[disk]
            reason = reasons.get(disk) or reasons.get(carriers[disk] or "") or m_("There is a problem with its VM.")
            self._left = (*self._left, Staying(vdi.name_label, vdi.virtual_size, reason))
        self._disks = tuple(d for d in carriers if d not in staying)
        self._entitle()
        self._tell_staying()
        kept = evaluation.draft
        placed = {disk: kept.disks[disk] for disk in self._disks if disk in kept.disks}
        fresh = draft_of_disks(site, pool, self._disks, sr).copying(kept.copies, kept.keep_days).placing_all(placed)
        fresh = fresh.proving(kept.prove).with_short_stop(kept.short_stop)
        fresh = fresh.timed(kept.not_before, kept.pause_at).ordered(kept.vms)
        carrier = evaluation.draft.storage_network
        self._drafting.choose(lambda _draft: fresh if carrier is None else fresh.over(carrier))

    def _over(self, network: str) -> None:
        self._drafting.choose(lambda draft: draft.over(NetworkRef(network)))

    def _start(self) -> None:
        plan = self._drafting.evaluation.plan
        if plan is not None and self._has_chosen and not self._drafting.busy:
            self.planned.emit(plan)
            self.accept()

    def _fix(self, fix: Fix) -> None:
        self._scope.spawn(carry_out(self, fix, self._desk, self._drafting), "fix")

    def done(self, result: int) -> None:
        self._drafting.close()
        self._scope.cancel()
        super().done(result)
