"""The wizard's pages. A page sends edits and renders an evaluation; it asks neither the server nor another page."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import candidates
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.defaults import can_keep
from xsmigui.core.migration.draft import StorageMode
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.moves import Move, chosen_vifs, following_disks, own_disks
from xsmigui.core.migration.summary import verdict
from xsmigui.core.problems import Page
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef
from xsmigui.core.text import N_, _, n_
from xsmigui.core.units import size
from xsmigui.services.drafting import Edit
from xsmigui.ui.style import STEP, named
from xsmigui.ui.wizard.bars import Bars
from xsmigui.ui.wizard.choice import ChoiceCombo
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.words import heading, hint

ADD_SERVER: Final = "add-server"
"""Stands among the destinations for adding a new one."""

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

    def __init__(self, object_name: str, question: str, choose: Choose) -> None:
        super().__init__()
        title = _(TITLES[self.page])
        named(self, object_name, title)
        self._choose = choose
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(2 * STEP, 2 * STEP, 2 * STEP, STEP)
        self.body.setSpacing(STEP)
        self.body.addWidget(heading(title))
        self.question = hint(question)
        self.body.addWidget(self.question)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show this evaluation."""
        raise NotImplementedError


class DestinationPage(WizardPage):
    page = Page.destination
    add_server = Signal()

    def __init__(self, choose: Choose) -> None:
        super().__init__("destinationPage", _("Where shall the selected VMs go?"), choose)
        self.combo = ChoiceCombo("destinationCombo", _("Destination"))
        self.combo.chosen.connect(self._chosen)
        self.body.addWidget(self.combo)
        self.vms = Table("destinationVms", _("Selected VMs"), [_("VM"), _("State"), _("Now on"), _("Possible")])
        self.body.addWidget(self.vms, 1)

    def _chosen(self, ref: str) -> None:
        if ref == ADD_SERVER:
            self.add_server.emit()
            self._choose(lambda draft: draft)
        else:
            self._choose(lambda draft: draft.to(PoolId(ref)))

    def show_evaluation(self, evaluation: Evaluation) -> None:
        site, draft = evaluation.site, evaluation.draft
        offered = candidates.destinations(site, draft)
        more = Candidate(ADD_SERVER, _("Add a pool or standalone server…"))
        self.combo.fill([*offered, more], draft.destination, _("Choose a pool or a standalone host"))
        source = site.pools.get(draft.source)
        self.vms.setRowCount(len(draft.vms))
        for row, ref in enumerate(draft.vms):
            vm = source.VM.get(ref) if source is not None else None
            home = source.home(ref) if source is not None and vm is not None else None
            self.vms.put(row, 0, vm.name_label if vm else _("(gone)"))
            self.vms.put(row, 1, _state(vm.power_state) if vm else "")
            self.vms.put(row, 2, source.name_of("host", home) if source is not None and home is not None else "–")
            self.vms.put(row, 3, verdict(evaluation, ref) if vm else "")


def _state(power_state: str) -> str:
    words = {
        "Running": _("running"),
        "Halted": _("halted"),
        "Suspended": _("suspended"),
        "Paused": _("paused"),
    }
    return words.get(power_state, power_state)


class HomeServerPage(WizardPage):
    page = Page.home_server

    def __init__(self, choose: Choose) -> None:
        super().__init__("homeServerPage", _("On which server shall each VM run?"), choose)
        columns = [_("VM"), _("Memory"), _("Server")]
        self.table = Table("homeServerTable", _("Home servers"), columns, 2)
        self.body.addWidget(self.table, 1)
        self.bars = Bars("memoryBars")
        self.body.addWidget(self.bars)

    def _combo(self, vm: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"homeServerCombo-{vm}", _("Server"))
        combo.chosen.connect(lambda host: self._choose(lambda draft: draft.on(VmRef(vm), HostRef(host))))
        return combo

    def show_evaluation(self, evaluation: Evaluation) -> None:
        moves = evaluation.resolved.moves
        self.table.rows(tuple(move.ref for move in moves), self._combo, 2)
        for row, move in enumerate(moves):
            self.table.put(row, 0, move.vm.name_label)
            self.table.put(row, 1, size(move.memory), right=True)
            offered = candidates.hosts(evaluation.site, evaluation.draft, move.ref)
            combo = self.table.combo(move.ref)
            combo.setAccessibleName(_("Server for {vm}", vm=move.vm.name_label))
            combo.fill(offered, move.host, _("No server can take it"))
        self.bars.show_accounts(tuple(evaluation.ledger.memory.values()))


class StoragePage(WizardPage):
    page = Page.storage

    def __init__(self, choose: Choose) -> None:
        super().__init__("storagePage", _("Where shall the virtual disks be placed?"), choose)
        self.keep = QRadioButton(_("Leave all virtual disks where they are"))
        named(self.keep, "keepDisksRadio", _("Leave all virtual disks where they are"))
        self.same = QRadioButton(_("Place all migrated virtual disks on the same SR"))
        named(self.same, "sameSrRadio", _("Place all migrated virtual disks on the same SR"))
        self.each = QRadioButton(_("Choose an SR for each virtual disk"))
        named(self.each, "perDiskRadio", _("Choose an SR for each virtual disk"))
        self.combo = ChoiceCombo("sameSrCombo", _("SR for all virtual disks"))
        self.keep.clicked.connect(lambda: choose(lambda draft: draft.keeping_disks()))
        self.same.clicked.connect(lambda: choose(lambda draft: draft.on_same_sr(draft.same_sr)))
        self.each.clicked.connect(lambda: choose(lambda draft: draft.each_disk()))
        self.combo.chosen.connect(lambda sr: choose(lambda draft: draft.on_same_sr(SrRef(sr))))
        line = QHBoxLayout()
        line.addWidget(self.same)
        line.addWidget(self.combo, 1)
        columns = [_("Virtual disk"), _("Size"), _("From"), _("To")]
        self.table = Table("diskPlacementTable", _("Placement of the virtual disks"), columns, 3)
        self.following = hint()
        self.bars = Bars("spaceBars")
        self.body.addWidget(self.keep)
        self.body.addLayout(line)
        self.body.addWidget(self.each)
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.following)
        self.body.addWidget(self.bars)

    def _combo(self, disk: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"diskCombo-{disk}", _("SR"))
        combo.chosen.connect(lambda sr: self._choose(lambda draft: draft.placing(VdiRef(disk), SrRef(sr))))
        return combo

    def show_evaluation(self, evaluation: Evaluation) -> None:
        site, draft, resolved = evaluation.site, evaluation.draft, evaluation.resolved
        at = {move.ref: move.host for move in resolved.moves}
        known = draft.source in site.pools and draft.destination in site.pools
        self.keep.setVisible(known and can_keep(site, draft, at))
        for radio, mode in (
            (self.keep, StorageMode.keep),
            (self.same, StorageMode.same),
            (self.each, StorageMode.each),
        ):
            radio.setChecked(resolved.mode is mode)
        self.combo.setEnabled(resolved.mode is StorageMode.same)
        if known:
            offered = candidates.same_srs(site, draft, at)
            none = _("No SR can hold all of them") if resolved.mode is StorageMode.same else ""
            self.combo.fill(offered, resolved.same_sr, none)
        self._render_disks(evaluation)
        self.bars.show_accounts(tuple(evaluation.ledger.space.values()))

    def _render_disks(self, evaluation: Evaluation) -> None:
        moves = evaluation.resolved.moves
        disks = [(move, ref) for move in moves for ref in own_disks(move.source, move.ref)]
        self.table.rows(tuple(ref for _move, ref in disks), self._combo, 3)
        several = len(moves) > 1
        for row, (move, ref) in enumerate(disks):
            vdi = move.source.VDI[ref]
            name = vdi.name_label or _("(no name)")
            self.table.put(row, 0, f"{move.vm.name_label} · {name}" if several else name)
            self.table.put(row, 1, size(vdi.virtual_size), right=True)
            self.table.put(row, 2, move.source.name_of("SR", vdi.SR))
            offered: tuple[Candidate, ...] = ()
            if evaluation.draft.destination in evaluation.site.pools:
                offered = candidates.disk_srs(evaluation.site, evaluation.draft, move.ref, move.host, ref)
            combo = self.table.combo(ref)
            combo.setAccessibleName(_("SR for {disk}", disk=name))
            combo.setEnabled(evaluation.resolved.mode is StorageMode.each)
            combo.fill(offered, move.placement.get(ref), _("Choose an SR"))
        self.following.setText(_following(moves))
        self.following.setVisible(bool(self.following.text()))


def _following(moves: tuple[Move, ...]) -> str:
    """``2 disks of snapshots and suspend images, 61 GiB, follow.``"""
    disks = [vdi for move in moves for _ref, vdi, _leader in following_disks(move.source, move.ref)]
    if not disks:
        return ""
    total = size(sum(vdi.virtual_size for vdi in disks))
    return n_(
        "{n} disk of snapshots and suspend images, {size}, follows.",
        "{n} disks of snapshots and suspend images, {size}, follow.",
        len(disks),
        size=total,
    )


class NetworksPage(WizardPage):
    page = Page.networks

    def __init__(self, choose: Choose) -> None:
        question = _("To which network of the destination shall each network interface be connected?")
        super().__init__("networksPage", question, choose)
        columns = [_("VM"), _("Interface"), _("Now on"), _("Network there")]
        self.table = Table("vifTable", _("Network interfaces"), columns, 3)
        self.body.addWidget(self.table, 1)

    def _combo(self, vif: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"networkCombo-{vif}", _("Network"))
        combo.chosen.connect(lambda net: self._choose(lambda draft: draft.connecting(VifRef(vif), NetworkRef(net))))
        return combo

    def show_evaluation(self, evaluation: Evaluation) -> None:
        moves = evaluation.resolved.moves if evaluation.draft.crosses else ()
        vifs = [(move, ref) for move in moves for ref in chosen_vifs(move.source, move.ref)]
        self.table.rows(tuple(ref for _move, ref in vifs), self._combo, 3)
        for row, (move, ref) in enumerate(vifs):
            vif = move.source.VIF[ref]
            self.table.put(row, 0, move.vm.name_label)
            self.table.put(row, 1, f"{vif.device} · {vif.MAC}")
            self.table.put(row, 2, move.source.name_of("network", vif.network))
            combo = self.table.combo(ref)
            combo.setAccessibleName(_("Network for {mac} of {vm}", mac=vif.MAC, vm=move.vm.name_label))
            offered = candidates.network_candidates(move.target, move.host)
            combo.fill(offered, move.networks.get(ref), _("Choose a network"))


class StorageNetworkPage(WizardPage):
    page = Page.storage_network

    def __init__(self, choose: Choose) -> None:
        question = _("Which network of the destination shall carry the disks?")
        super().__init__("storageNetworkPage", question, choose)
        self.combo = ChoiceCombo("storageNetworkCombo", _("Storage network"))
        self.combo.chosen.connect(lambda network: choose(lambda draft: draft.over(NetworkRef(network))))
        self.body.addWidget(self.combo)
        self.note = hint(
            _(
                "A network of its own keeps the load away from the management network, over which the pool is"
                " governed while the disks travel."
            )
        )
        self.body.addWidget(self.note)
        self.body.addStretch(1)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        target: Inventory | None = evaluation.site.pools.get(evaluation.draft.destination or PoolId(""))
        if target is None:
            return
        at = [move.host for move in evaluation.resolved.moves if move.host is not None]
        offered = candidates.storage_networks(target, at)
        self.combo.fill(offered, evaluation.resolved.storage_network, _("No network can carry the disks"))


def options(choose: Choose) -> dict[str, QCheckBox]:
    """The choices that Summary offers: home server afterwards, start after a halted move."""
    home = QCheckBox(_("Make the chosen server the VM's home server"))
    named(home, "setHomeCheck", home.text())
    home.clicked.connect(lambda yes: choose(lambda draft: draft.homing(bool(yes))))
    start = QCheckBox(_("Start halted VMs when they have arrived"))
    named(start, "startAfterCheck", start.text())
    start.clicked.connect(lambda yes: choose(lambda draft: draft.starting(bool(yes))))
    compress = QCheckBox(_("Compress the memory stream, whatever the pool's setting is"))
    named(compress, "compressCheck", compress.text())
    compress.clicked.connect(lambda yes: choose(lambda draft: draft.compressing(True if yes else None)))
    return {"set_home": home, "start_after": start, "compress": compress}
