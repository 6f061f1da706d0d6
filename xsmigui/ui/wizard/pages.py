"""The wizard's pages. A page sends edits and renders an evaluation; it asks neither the server nor another page."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from xsmigui.core.migration import sheets
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.problems import Page, Problem
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, VmRef
from xsmigui.core.text import N_, _
from xsmigui.services.drafting import Edit
from xsmigui.ui.fields import Check, Combo
from xsmigui.ui.style import STEP, named
from xsmigui.ui.wizard.bars import Bars
from xsmigui.ui.wizard.bulk import Bulk, RowFilter, row_of
from xsmigui.ui.wizard.choice import Aside, ChoiceCombo, Offer
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.words import heading, hint

ADD_SERVER: Final = "add-server"
"""Stands among the destinations for adding a new one."""

MANY_PAIRS: Final = 200
"""Pairs of VM and host that are judged while the window waits; more are judged in a thread."""

Choose = Callable[[Edit], None]

TITLES: Final = {
    Page.destination: N_("Destination"),
    Page.home_server: N_("Home server"),
    Page.storage: N_("Storage"),
    Page.networks: N_("Networks"),
    Page.storage_network: N_("Storage network"),
    Page.summary: N_("Summary"),
}


class WizardPage(QWidget):
    """A page: a heading, a question, and what answers it."""

    page: Page
    row_clicked = Signal(str)
    """The reference of what a row that was clicked is about."""

    def __init__(self, object_name: str, question: str, choose: Choose) -> None:
        super().__init__()
        title = _(TITLES[self.page])
        named(self, object_name, title)
        self._choose = choose
        self.aside: Aside | None = None
        """Makes lists that take long in a thread."""
        self.evaluation: Evaluation | None = None
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(2 * STEP, 2 * STEP, 2 * STEP, STEP)
        self.body.setSpacing(STEP)
        self.body.addWidget(heading(title))
        self.question = hint(question)
        self.body.addWidget(self.question)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show this evaluation."""
        raise NotImplementedError

    @property
    def asked(self) -> tuple[str, ...]:
        """The keys of the rows that are in sight here."""
        return ()

    def focus_first(self) -> None:
        """Put the keyboard on the first thing that is to be chosen, where there is one."""
        for widget in self.findChildren(QWidget):
            takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            if isinstance(widget, Combo | QAbstractButton) and takes and widget.isVisible() and widget.isEnabled():
                widget.setFocus()
                return

    def reveal(self, problem: Problem) -> bool:
        """Bring the row that a problem is about into sight; False where this page has none."""
        return False


class DestinationPage(WizardPage):
    page = Page.destination
    add_server = Signal()

    def __init__(self, choose: Choose) -> None:
        super().__init__("destinationPage", _("Where should the selected VMs go?"), choose)
        self.combo = ChoiceCombo("destinationCombo", _("Destination"))
        self.combo.chosen.connect(self._chosen)
        self.body.addWidget(self.combo)
        self.vms = Table(
            "destinationVms", _("Selected VMs"), [_("VM"), _("State"), _("Now on"), _("Possible")], 3, sentences=(3,)
        )
        self.body.addWidget(self.vms, 1)

    def _chosen(self, ref: str) -> None:
        if ref == ADD_SERVER:
            self.add_server.emit()
            self._choose(lambda draft: draft)
        else:
            self._choose(lambda draft: draft.to(PoolId(ref)))

    def show_evaluation(self, evaluation: Evaluation) -> None:
        more = Candidate(ADD_SERVER, _("Add a pool or standalone server…"))
        chosen = evaluation.draft.destination
        self.combo.fill([*evaluation.offers.destinations, more], chosen, _("Choose a pool or a standalone host"))
        self.vms.show_rows(sheets.vm_rows(evaluation))


class HomeServerPage(WizardPage):
    page = Page.home_server

    def __init__(self, choose: Choose) -> None:
        super().__init__("homeServerPage", _("Which server should each VM run on?"), choose)
        columns = [_("VM"), _("Memory"), _("Possible"), _("Server")]
        self.table = Table("homeServerTable", _("Home servers"), columns, 3, (1,), self._combo, (2,))
        self.table.row_clicked.connect(self.row_clicked)
        self.filter = RowFilter("homeServerFilter", self.table)
        self.all = ChoiceCombo("allServersCombo", _("Server for all shown"))
        self.all.chosen.connect(self._all_chosen)
        self.bulk = Bulk(self.filter, _("Server for all s&hown:"), self.all)
        self.body.addWidget(self.table, 1)
        self.body.insertWidget(self.body.indexOf(self.table), self.bulk)  # after the rows for who goes by order
        self.bars = Bars("memoryBars")
        self.body.addWidget(self.bars)

    def _combo(self, vm: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"homeServerCombo-{vm}", _("Server"))
        combo.chosen.connect(lambda host: self._choose(lambda draft: draft.on(VmRef(vm), HostRef(host))))
        return combo

    def _all_chosen(self, host: str) -> None:
        vms = self._shown()
        self._choose(lambda draft: draft.all_on(vms, HostRef(host)))

    def reveal(self, problem: Problem) -> bool:
        return self.table.reveal(row_of(problem, self.evaluation))

    @property
    def asked(self) -> tuple[str, ...]:
        return self.table.asked

    def show_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        offers, moves = evaluation.offers, evaluation.resolved.of_vms
        self.table.show_rows(sheets.host_rows(evaluation))
        names = {move.ref: move.vm.name_label for move in moves}

        def offer(key: str) -> Offer:
            vm = VmRef(key)
            name = _("Server for {vm}", vm=names[vm])
            return Offer(offers.host(vm), lambda: offers.hosts(vm), _("No server can take it"), name)

        self.table.offer(offer)
        self.filter.judge(evaluation, {move.ref: move.ref for move in moves})
        self.bulk.setVisible(len(moves) > 1)
        target = evaluation.site.pools.get(evaluation.draft.destination or PoolId(""))
        pairs = len(moves) * len(target.host) if target is not None else 0
        shown = self._shown()
        aside = self.aside if pairs > MANY_PAIRS else None
        self.all.offer(Offer(None, lambda: offers.hosts_for_all(shown), _("Choose"), aside=aside))
        self.bars.show_accounts(tuple(evaluation.ledger.memory.values()))

    def _shown(self) -> tuple[VmRef, ...]:
        return tuple(VmRef(key) for key in self.table.shown_keys)


class StorageNetworkPage(WizardPage):
    page = Page.storage_network

    def __init__(self, choose: Choose) -> None:
        question = _("Which network of the destination should carry the disks?")
        super().__init__("storageNetworkPage", question, choose)
        self.combo = ChoiceCombo("storageNetworkCombo", _("Storage network"))
        self.combo.chosen.connect(lambda network: choose(lambda draft: draft.over(NetworkRef(network))))
        self.body.addWidget(self.combo)
        self.note = hint(
            _(
                "A dedicated network keeps the traffic off the management network, which the pool needs for "
                "control while the disks are copied."
            )
        )
        self.body.addWidget(self.note)
        self.body.addStretch(1)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        offered, chosen = evaluation.offers.storage_networks, evaluation.resolved.storage_network
        if evaluation.draft.destination in evaluation.site.pools:
            self.combo.fill(offered, chosen, _("No network can carry the disks"))


def options(choose: Choose) -> dict[str, Check]:
    """The choices that Summary offers: home server afterwards, start after a halted move."""
    home = Check(_("Make the chosen server the VM's home server"))
    named(home, "setHomeCheck", home.text())
    home.clicked.connect(lambda yes: choose(lambda draft: draft.homing(bool(yes))))
    start = Check(_("Start halted VMs after the move"))
    named(start, "startAfterCheck", start.text())
    start.clicked.connect(lambda yes: choose(lambda draft: draft.starting(bool(yes))))
    compress = Check(_("Compress the memory stream, whatever the pool's setting is"))
    named(compress, "compressCheck", compress.text())
    compress.clicked.connect(lambda yes: choose(lambda draft: draft.compressing(True if yes else None)))
    return {"set_home": home, "start_after": start, "compress": compress}
