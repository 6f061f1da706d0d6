"""The Networks page: which network of the destination each interface is connected to, chosen once for each source."""

from PySide6.QtWidgets import QHBoxLayout

from xsmigui.core.migration import sheets
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.problems import Page, Problem
from xsmigui.core.refs import NetworkRef, VifRef
from xsmigui.core.text import _
from xsmigui.ui.wizard.bulk import RowFilter
from xsmigui.ui.wizard.choice import ChoiceCombo, Offer
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.wizard.pages import Choose, WizardPage
from xsmigui.ui.words import Label

ROWS = 5
"""Source networks that are in sight at once."""


class NetworksPage(WizardPage):
    page = Page.networks

    def __init__(self, choose: Choose) -> None:
        question = _("Which network of the destination should each network interface be connected to?")
        super().__init__("networksPage", question, choose)
        heads = [_("Now on"), _("Interfaces"), _("Network there")]
        self.sources = Table("sourceNetworkTable", _("Networks"), heads, 2, (1,), self._source_combo)
        self.exceptions = Label(_("Exceptions, interface by interface:"), is_dim=True)
        columns = [_("VM"), _("Interface"), _("Now on"), _("Network there")]
        self.table = Table("vifTable", _("Network interfaces"), columns, 3, (), self._combo)
        self.table.row_clicked.connect(self.row_clicked)
        self.filter = RowFilter("vifFilter", self.table)
        self.body.addWidget(self.table, 1)
        place = self.body.indexOf(self.table)
        line = QHBoxLayout()
        line.addWidget(self.exceptions, 1)
        line.addWidget(self.filter)
        self.body.insertWidget(place, self.sources)
        self.body.insertLayout(place + 1, line)
        self._vifs: dict[str, tuple[VifRef, ...]] = {}

    def _combo(self, vif: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"networkCombo-{vif}", _("Network"))
        combo.chosen.connect(lambda net: self._choose(lambda draft: draft.connecting(VifRef(vif), NetworkRef(net))))
        return combo

    def _source_combo(self, network: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"sourceNetworkCombo-{network}", _("Network"))
        combo.chosen.connect(lambda net: self._map(network, NetworkRef(net)))
        return combo

    def _map(self, source: str, network: NetworkRef) -> None:
        vifs = self._vifs.get(source, ())
        self._choose(lambda draft: draft.connecting_all(vifs, network))

    def reveal(self, problem: Problem) -> bool:
        return self.table.reveal(problem.about.ref if problem.about is not None else "")

    @property
    def asked(self) -> tuple[str, ...]:
        return self.table.asked

    def show_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        offers = evaluation.offers
        self._show_sources(evaluation)
        self.table.show_rows(sheets.vif_rows(evaluation))
        movers = {vif: move for move, vif in offers.vifs}

        def offer(key: str) -> Offer:
            vif = VifRef(key)
            move = movers[vif]
            name = _("Network for {mac} of {vm}", mac=move.source.VIF[vif].MAC, vm=move.vm.name_label)
            return Offer(offers.network(vif), lambda: offers.networks(vif), _("Choose a network"), name)

        self.table.offer(offer)
        self.filter.judge(evaluation, {vif: move.ref for move, vif in offers.vifs})

    def _show_sources(self, evaluation: Evaluation) -> None:
        """One row for each network of the source: mapped once, for all that is on it."""
        offers = evaluation.offers
        found = offers.sources
        several = len(offers.vifs) > len(found)
        for widget in (self.sources, self.exceptions, self.filter):
            widget.setVisible(several)
        self._vifs = {source.network: source.vifs for source in found}
        self.sources.show_rows(sheets.source_rows(evaluation))
        by_network = {source.network: source for source in found}

        def offer(key: str) -> Offer:
            source = by_network[NetworkRef(key)]
            choices = offers.networks_for(source)
            chosen = next((c for c in choices if c.ref == source.chosen), None)
            various = _("Various networks") if len(source.targets) > 1 else _("Choose a network")
            name = _("Network for all interfaces on {network}", network=source.name)
            return Offer(chosen, lambda: choices, various, name)

        self.sources.offer(offer)
        self.sources.setFixedHeight(self.sources.height_of(min(ROWS, len(found))))
