"""The Storage page: where the disks go, all together or one by one."""

from PySide6.QtWidgets import QFormLayout, QHBoxLayout

from xsmigui.core.migration import candidates
from xsmigui.core.migration.defaults import can_keep
from xsmigui.core.migration.draft import StorageMode
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.moves import Move, following_disks, own_disks
from xsmigui.core.problems import Page, Problem
from xsmigui.core.refs import SrRef, VdiRef
from xsmigui.core.text import _, n_
from xsmigui.core.units import size
from xsmigui.ui.fields import Radio
from xsmigui.ui.style import named
from xsmigui.ui.wizard.bars import Bars
from xsmigui.ui.wizard.bulk import Bulk, RowFilter
from xsmigui.ui.wizard.choice import ChoiceCombo, Offer
from xsmigui.ui.wizard.grid import Table
from xsmigui.ui.wizard.pages import Choose, WizardPage
from xsmigui.ui.wizard.stopping import StopChoice
from xsmigui.ui.words import hint


class StoragePage(WizardPage):
    page = Page.storage

    def __init__(self, choose: Choose) -> None:
        super().__init__("storagePage", _("Where should the virtual disks be placed?"), choose)
        self.keep = Radio(_("Leave all virtual disks where they are"))
        named(self.keep, "keepDisksRadio", _("Leave all virtual disks where they are"))
        self.same = Radio(_("Place all migrated virtual disks on the same SR"))
        named(self.same, "sameSrRadio", _("Place all migrated virtual disks on the same SR"))
        self.each = Radio(_("Choose an SR for each virtual disk"))
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
        self.table.row_clicked.connect(self.row_clicked)
        self.filter = RowFilter("diskRowFilter", self.table)
        self.all = ChoiceCombo("allDisksCombo", _("SR for all shown"))
        self.all.chosen.connect(self._all_chosen)
        self.bulk = Bulk(self.filter, _("SR for all s&hown:"), self.all)
        self.format = ChoiceCombo("imageFormatCombo", _("Image format at the destination"))
        self.format.chosen.connect(lambda form: choose(lambda draft: draft.stored_as(form)))
        self._formats = QFormLayout()
        self._formats.addRow(_("Image &format:"), self.format)
        self.stopping = StopChoice(choose)
        self.following = hint()
        self.bars = Bars("spaceBars")
        self.body.addWidget(self.keep)
        self.body.addLayout(line)
        self.body.addWidget(self.each)
        self.body.addWidget(self.table, 1)
        self.body.insertWidget(self.body.indexOf(self.table), self.bulk)
        self.body.addLayout(self._formats)
        self.body.addWidget(self.stopping)
        self.body.addWidget(self.following)
        self.body.addWidget(self.bars)

    def _combo(self, disk: str) -> ChoiceCombo:
        combo = ChoiceCombo(f"diskCombo-{disk}", _("SR"))
        combo.chosen.connect(lambda sr: self._choose(lambda draft: draft.placing(VdiRef(disk), SrRef(sr))))
        return combo

    def _all_chosen(self, sr: str) -> None:
        disks = {VdiRef(key): SrRef(sr) for key in self.table.shown_keys}
        self._choose(lambda draft: draft.placing_all(disks))

    def reveal(self, problem: Problem) -> bool:
        return self.table.reveal(problem.about.ref if problem.about is not None else "")

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
        if known:
            none = _("No SR can hold all of them") if resolved.mode is StorageMode.same else ""
            chosen = candidates.same_sr(site, draft, at, resolved.same_sr)
            self.combo.offer(
                Offer(
                    chosen,
                    lambda: candidates.same_srs(site, draft, at),
                    none,
                    enabled=resolved.mode is StorageMode.same,
                )
            )
        self._render_disks(evaluation)
        formats = candidates.formats(resolved.moves, draft.image_format) if known else ()
        self._formats.setRowVisible(self.format, bool(formats))
        self.format.fill(formats, draft.image_format)
        self.stopping.show_evaluation(evaluation)
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
        by_disk = {ref: move for move, ref in disks}
        site, draft = evaluation.site, evaluation.draft
        each = evaluation.resolved.mode is StorageMode.each
        known = draft.destination in site.pools

        def offer(key: str) -> Offer:
            disk = VdiRef(key)
            move = by_disk[disk]
            place = move.placement.get(disk)
            return Offer(
                candidates.disk_sr(site, draft, move.ref, move.host, disk, place) if known else None,
                lambda: candidates.disk_srs(site, draft, move.ref, move.host, disk) if known else (),
                _("Choose an SR"),
                _("SR for {disk}", disk=move.source.name_of("VDI", disk) or _("(no name)")),
                each,
            )

        self.table.offer(offer)
        self.filter.judge(evaluation, {ref: move.ref for move, ref in disks})
        self.bulk.setVisible(each and len(disks) > 1)
        at = {move.ref: move.host for move in moves}
        self.all.offer(Offer(None, lambda: candidates.same_srs(site, draft, at) if known else (), _("Choose")))
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
