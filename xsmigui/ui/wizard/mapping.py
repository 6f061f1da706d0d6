"""The Networks page: which network of the destination each interface is connected to, chosen once for each source."""

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtWidgets import QHBoxLayout

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import candidates
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.moves import Move, chosen_vifs
from xsmigui.core.problems import Page, Problem
from xsmigui.core.refs import HostRef, NetworkRef, VifRef
from xsmigui.core.text import _
from xsmigui.ui.wizard.bulk import RowFilter
from xsmigui.ui.wizard.choice import ChoiceCombo, Offer
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.wizard.pages import Choose, WizardPage
from xsmigui.ui.words import Label

ROWS = 5
"""Source networks that are in sight at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """A network of the source with the interfaces on it that are to be connected elsewhere."""

    network: NetworkRef
    name: str
    vifs: tuple[VifRef, ...]
    targets: frozenset[NetworkRef | None]
    target: Inventory
    hosts: tuple[HostRef | None, ...]

    @property
    def chosen(self) -> NetworkRef | None:
        """The network for all of them, where it is one."""
        return next(iter(self.targets)) if len(self.targets) == 1 else None


def sources(vifs: Iterable[tuple[Move, VifRef]]) -> tuple[Source, ...]:
    """The source networks of interfaces, in the order in which they come."""
    groups: dict[NetworkRef, list[tuple[Move, VifRef]]] = {}
    for move, ref in vifs:
        groups.setdefault(move.source.VIF[ref].network, []).append((move, ref))
    found = []
    for network, some in groups.items():
        first = some[0][0]
        name = first.source.name_of("network", network)
        if vlans := sorted(first.source.vlans.get(network, ())):
            name = _("{network} · VLAN {id}", network=name, id=vlans[0])
        targets = frozenset(move.networks.get(ref) for move, ref in some)
        hosts = tuple(dict.fromkeys(move.host for move, _ref in some))
        found.append(Source(network, name, tuple(ref for _move, ref in some), targets, first.target, hosts))
    return tuple(found)


def offered(source: Source) -> tuple[Candidate, ...]:
    """The networks for all interfaces of a source: greyed where one of the hosts is not on it."""
    found: dict[str, Candidate] = {}
    for host in source.hosts:
        for candidate in candidates.network_candidates(source.target, host):
            if candidate.ref not in found or not candidate.usable:
                found[candidate.ref] = candidate
    return tuple(found.values())


class NetworksPage(WizardPage):
    page = Page.networks

    def __init__(self, choose: Choose) -> None:
        question = _("Which network of the destination should each network interface be connected to?")
        super().__init__("networksPage", question, choose)
        self.sources = Table("sourceNetworkTable", _("Networks"), [_("Now on"), _("Interfaces"), _("Network there")], 2)
        self.exceptions = Label(_("Exceptions, interface by interface:"), is_dim=True)
        columns = [_("VM"), _("Interface"), _("Now on"), _("Network there")]
        self.table = Table("vifTable", _("Network interfaces"), columns, 3)
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

    def show_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        moves = evaluation.resolved.moves if evaluation.draft.crosses else ()
        vifs = [(move, ref) for move in moves for ref in chosen_vifs(move.source, move.ref)]
        self._show_sources(sources(vifs), len(vifs))
        self.table.rows(tuple(ref for _move, ref in vifs), self._combo, 3)
        by_vif = {ref: move for move, ref in vifs}
        for row, (move, ref) in enumerate(vifs):
            vif = move.source.VIF[ref]
            self.table.put(row, 0, move.vm.name_label)
            self.table.put(row, 1, f"{vif.device} · {vif.MAC}")
            self.table.put(row, 2, move.source.name_of("network", vif.network))

        def offer(key: str) -> Offer:
            ref = VifRef(key)
            move = by_vif[ref]
            return Offer(
                candidates.network(move.target, move.host, move.networks.get(ref)),
                lambda: candidates.network_candidates(move.target, move.host),
                _("Choose a network"),
                _("Network for {mac} of {vm}", mac=move.source.VIF[ref].MAC, vm=move.vm.name_label),
            )

        self.table.offer(offer)
        self.filter.judge(evaluation, {ref: move.ref for move, ref in vifs})

    def _show_sources(self, found: tuple[Source, ...], interfaces: int) -> None:
        """One row for each network of the source: mapped once, for all that is on it."""
        several = interfaces > len(found)
        for widget in (self.sources, self.exceptions, self.filter):
            widget.setVisible(several)
        self._vifs = {source.network: source.vifs for source in found}
        self.sources.rows(tuple(source.network for source in found), self._source_combo, 2)
        for row, source in enumerate(found):
            self.sources.put(row, 0, source.name)
            self.sources.put(row, 1, str(len(source.vifs)), right=True)
        by_network = {source.network: source for source in found}

        def offer(key: str) -> Offer:
            source = by_network[NetworkRef(key)]
            choices = offered(source)
            chosen = next((c for c in choices if c.ref == source.chosen), None)
            various = _("Various networks") if len(source.targets) > 1 else _("Choose a network")
            name = _("Network for all interfaces on {network}", network=source.name)
            return Offer(chosen, lambda: choices, various, name)

        self.sources.offer(offer)
        self.sources.setFixedHeight(self.sources.height_of(min(ROWS, len(found))))
