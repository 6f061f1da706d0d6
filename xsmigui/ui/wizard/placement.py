"""The Storage page: where the disks go, all together or one by one."""

from PySide6.QtWidgets import QFormLayout, QHBoxLayout

from xsmigui.core.migration import sheets
from xsmigui.core.migration.draft import StorageMode
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.problems import Page, Problem
from xsmigui.core.refs import SrRef, VdiRef
from xsmigui.core.text import _
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
        self.table = Table("diskPlacementTable", _("Placement of the virtual disks"), columns, 3, (1,), self._combo)
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

    @property
    def asked(self) -> tuple[str, ...]:
        return self.table.asked

    def show_evaluation(self, evaluation: Evaluation) -> None:
        draft, resolved, offers = evaluation.draft, evaluation.resolved, evaluation.offers
        self.keep.setVisible(offers.can_keep)
        for radio, mode in (
            (self.keep, StorageMode.keep),
            (self.same, StorageMode.same),
            (self.each, StorageMode.each),
        ):
            radio.setChecked(resolved.mode is mode)
        if draft.destination in evaluation.site.pools:
            is_same = resolved.mode is StorageMode.same
            none = _("No SR can hold all of them") if is_same else ""
            self.combo.offer(Offer(offers.same_sr, lambda: offers.same_srs, none, enabled=is_same))
        self._render_disks(evaluation)
        self._formats.setRowVisible(self.format, bool(offers.formats))
        self.format.fill(offers.formats, draft.image_format)
        self.stopping.show_evaluation(evaluation)
        self.bars.show_accounts(tuple(evaluation.ledger.space.values()))

    def _render_disks(self, evaluation: Evaluation) -> None:
        offers = evaluation.offers
        self.table.show_rows(sheets.disk_rows(evaluation))
        movers = {disk: move for move, disk in offers.disks}
        each = evaluation.resolved.mode is StorageMode.each

        def offer(key: str) -> Offer:
            disk = VdiRef(key)
            name = _("SR for {disk}", disk=movers[disk].source.name_of("VDI", disk) or _("(no name)"))
            return Offer(offers.disk_sr(disk), lambda: offers.disk_srs(disk), _("Choose an SR"), name, each)

        self.table.offer(offer)
        self.filter.judge(evaluation, {disk: move.ref for move, disk in offers.disks})
        self.bulk.setVisible(each and len(movers) > 1)
        self.all.offer(Offer(None, lambda: offers.same_srs, _("Choose")))
        following = sheets.following(evaluation)
        self.following.setText(following)
        self.following.setVisible(bool(following))
