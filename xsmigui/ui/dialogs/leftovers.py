"""Leftovers of failed migrations: disks at their destination with what speaks for their origin; removed on request."""

from PySide6.QtWidgets import QAbstractItemView, QPushButton, QTableView, QWidget

from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.jobs import Job
from xsmigui.core.migration.leftovers import Leftover
from xsmigui.core.text import _, n_
from xsmigui.core.units import size
from xsmigui.services.desk import Desk
from xsmigui.services.store import Change, Store
from xsmigui.ui.columns import Columns
from xsmigui.ui.dialogs.base import Sheet, ask, tell, tell_failure
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.scope import Presenter, Scope
from xsmigui.ui.screens import sized
from xsmigui.ui.style import named, plain_table, primary
from xsmigui.ui.words import explain, hint


class LeftoversDialog(Sheet):
    """What the failed migrations of the journal have left in the connected pools. Follows the servers."""

    def __init__(
        self,
        parent: QWidget | None,
        jobs: list[Job],
        store: Store,
        desk: Desk,
        icons: Icons,
        present: Presenter,
    ) -> None:
        super().__init__(parent, _("Leftovers of failed migrations"), "leftoversDialog")
        self.setModal(False)
        sized(self, 900, 440)
        self._jobs = jobs
        self._store = store
        self._desk = desk
        self._scope = Scope(self, present)
        text = _(
            "Disks that failed migrations of this program have probably left at their destination. Select one "
            "to see the evidence. Only migrations in this computer's journal are known."
        )
        self.text(text)
        columns: list[Column[Leftover]] = [
            Column(_("Disk"), lambda r: r.name, icon=lambda _r: icons("disk")),
            Column(_("VM"), lambda r: r.vm),
            Column(_("SR"), lambda r: r.sr),
            Column(_("Pool"), lambda r: r.pool_name),
            Column(_("Size"), lambda r: size(r.size), lambda r: r.size, right=True),
            Column(_("Used"), lambda r: size(r.written), lambda r: r.written, right=True),
            Column(_("UUID"), lambda r: r.uuid),
        ]
        self.rows: RowsModel[Leftover] = RowsModel(columns, lambda r: (r.pool, r.ref), self)
        self.table = QTableView()
        named(self.table, "leftoversTable", _("Leftovers"))
        plain_table(self.table)
        self.table.setModel(self.rows)
        Columns(self.table, 0)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.selectionModel().selectionChanged.connect(lambda *_args: self._enable())
        self.body.addWidget(self.table, 1)
        self.proof = hint()
        self.proof.setObjectName("leftoversProof")
        self.body.addWidget(self.proof)
        self.total = hint()
        self.total.setObjectName("leftoversTotal")
        self.body.addWidget(self.total)
        roles = self.buttons.ButtonRole
        self.remove_button: QPushButton = self.buttons.addButton(_("Remove…"), roles.ActionRole)
        named(self.remove_button, "removeLeftoversButton", _("Remove"))
        self.remove_button.clicked.connect(lambda: self._scope.spawn(self._remove(), "remove"))
        close = self.buttons.addButton(_("Close"), roles.RejectRole)
        close.setObjectName("closeButton")
        primary(close)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)
        self._unsubscribe = store.subscribe(self._changed)
        self._show()

    def _changed(self, change: Change) -> None:
        if change.delta.touched("VDI") or change.delta.touched("VM") or change.delta.touched("VBD"):
            self._show()

    def _show(self) -> None:
        found = self._desk.leftovers(self._jobs)
        self.rows.show(list(found))
        taken = size(sum(left.written for left in found))
        count = n_("{n} disk takes {size}.", "{n} disks take {size}.", len(found), size=taken)
        self.total.setText(count if found else _("There are none."))
        self._enable()

    def _selected(self) -> list[Leftover]:
        return [self.rows.row(index.row()) for index in self.table.selectionModel().selectedRows()]

    def _enable(self) -> None:
        rows = self._selected()
        reason = "" if rows else _("Select a disk first.")
        proofs = dict.fromkeys(row.proof for row in rows)
        self.proof.setText(next(iter(proofs), "") if len(proofs) < 2 else "\n".join(proofs))
        self.proof.setVisible(bool(rows))
        self.remove_button.setEnabled(not reason)
        explain(self.remove_button, reason)

    async def _remove(self) -> None:
        chosen = self._selected()
        if not chosen:
            return
        question = n_(
            "{n} virtual disk ({size}) is removed for good. Be sure that no other program is copying a disk of that"
            " name at this moment.",
            "{n} virtual disks ({size}) are removed for good. Be sure that no other program is copying disks of those"
            " names at this moment.",
            len(chosen),
            size=size(sum(left.size for left in chosen)),
        )
        title = _("Remove leftovers")
        if not await ask(self, title, question, _("Remove"), _("Keep them")):
            return
        present = {left.uuid for left in self._desk.leftovers(self._jobs)}  # it may have changed meanwhile
        try:
            removed = await self._desk.remove_leftovers([left for left in chosen if left.uuid in present])
        except WIRE_ERRORS as failure:
            await tell_failure(self, title, failure, self._store.inventory(chosen[0].pool))
            return
        if removed < len(chosen):
            await tell(
                self,
                title,
                _("Some were kept: they are in use, or their VM is being moved or was not found complete."),
            )

    def done(self, result: int) -> None:
        self._unsubscribe()
        self._scope.cancel()
        super().done(result)
