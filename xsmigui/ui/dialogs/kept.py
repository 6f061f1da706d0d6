"""The sources of moved disks that were kept: put back with one click, or removed on request."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QAbstractItemView, QPushButton, QTableView, QWidget

from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.kept import KeptSource, doubtful_question, kept_sources, revert_plan
from xsmigui.core.refs import PoolId, VdiRef
from xsmigui.core.text import _, joined, n_
from xsmigui.core.units import size
from xsmigui.services.desk import Desk
from xsmigui.services.store import Change, Store
from xsmigui.ui.columns import Columns
from xsmigui.ui.dialogs.base import Sheet, ask, tell
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.scope import Presenter, Scope
from xsmigui.ui.screens import sized
from xsmigui.ui.style import named, plain_table, primary
from xsmigui.ui.words import explain, hint

Row = tuple[PoolId, str, KeptSource]


class KeptSourcesDialog(Sheet):
    """All kept sources of the connected pools. Stays open beside the work and follows the servers."""

    planned = Signal(object)
    """The `Plan` that puts the selected sources back."""

    def __init__(self, parent: QWidget | None, store: Store, desk: Desk, icons: Icons, present: Presenter) -> None:
        super().__init__(parent, _("Kept sources of moved disks"), "keptSourcesDialog")
        self.setModal(False)
        sized(self, 900, 440)
        self._store = store
        self._desk = desk
        self._scope = Scope(self, present)
        self._today = date.today()
        text = _(
            "Disks of halted VMs were copied and replaced by their copies. The original disks are kept until "
            "you remove them."
        )
        self.text(text)
        columns: list[Column[Row]] = [
            Column(_("Disk"), lambda r: r[2].note.name, icon=lambda _r: icons("disk")),
            Column(_("VM"), lambda r: r[2].vm or "–"),
            Column(_("SR"), lambda r: r[2].sr),
            Column(_("Pool"), lambda r: r[1]),
            Column(_("Size"), lambda r: size(r[2].size), lambda r: r[2].size, right=True),
            Column(_("Used"), lambda r: size(r[2].written), lambda r: r[2].written, right=True),
            Column(_("Kept until"), self._until, lambda r: r[2].note.until),
        ]
        self.rows: RowsModel[Row] = RowsModel(columns, lambda r: (r[0], r[2].ref), self)
        self.table = QTableView()
        named(self.table, "keptTable", _("Kept sources"))
        plain_table(self.table)
        self.table.setModel(self.rows)
        Columns(self.table, 0)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.selectionModel().selectionChanged.connect(lambda *_args: self._enable())
        self.body.addWidget(self.table, 1)
        self.total = hint()
        self.total.setObjectName("keptTotal")
        self.body.addWidget(self.total)
        roles = self.buttons.ButtonRole
        self.revert_button = self.buttons.addButton(_("Revert"), roles.ActionRole)
        named(self.revert_button, "revertButton", _("Revert"))
        self.revert_button.clicked.connect(lambda: self._scope.spawn(self._revert(), "revert"))
        self.purge_button: QPushButton = self.buttons.addButton(_("Remove…"), roles.ActionRole)
        named(self.purge_button, "purgeButton", _("Remove"))
        self.purge_button.clicked.connect(lambda: self._scope.spawn(self._purge(), "purge"))
        close = self.buttons.addButton(_("Close"), roles.RejectRole)
        close.setObjectName("closeButton")
        primary(close)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)
        self._unsubscribe = store.subscribe(self._changed)
        self._show()

    def _until(self, row: Row) -> str:
        until = row[2].note.until
        return _("{date}, over", date=until) if row[2].is_due(self._today) else until

    def _changed(self, change: Change) -> None:
        if change.delta.touched("VDI") or change.delta.touched("VM"):
            self._show()

    def _show(self) -> None:
        site = self._store.site()
        found: list[Row] = [
            (pool, inventory.name, kept)
            for pool, inventory in site.pools.items()
            if pool in site.connected
            for kept in kept_sources(inventory)
        ]
        self.rows.show(found)
        taken = size(sum(row[2].written for row in found))
        count = n_("{n} kept source takes {size}.", "{n} kept sources take {size}.", len(found), size=taken)
        self.total.setText(count if found else _("There are none."))
        self._enable()

    def _selected(self) -> list[Row]:
        return [self.rows.row(index.row()) for index in self.table.selectionModel().selectedRows()]

    def _pool(self) -> tuple[Inventory | None, tuple[VdiRef, ...], str]:
        """The pool of the selected sources, and they; or why nothing can be done with them."""
        rows = self._selected()
        if not rows:
            return None, (), _("Select a kept source first.")
        if len({row[0] for row in rows}) > 1:
            return None, (), _("Select sources of one pool.")
        return self._store.inventory(rows[0][0]), tuple(row[2].ref for row in rows), ""

    def _enable(self) -> None:
        inventory, sources, reason = self._pool()
        self.purge_button.setEnabled(not reason)
        explain(self.purge_button, reason)
        if inventory is not None:
            try:
                revert_plan(inventory, sources, doubtful_too=True)
            except DisksRefused as refused:
                reason = str(refused)
        self.revert_button.setEnabled(not reason)
        explain(self.revert_button, reason)

    async def _revert(self) -> None:
        inventory, sources, _reason = self._pool()
        if inventory is None:
            return
        question = _(
            "Data written since the move is not on the kept sources. The disks in use now are kept in turn, so "
            "this can be undone too."
        )
        unseen = [row[2].note.name for row in self._selected() if not row[2].note.sum]
        if unseen:
            text = _(
                "No checksum was made of {disks}, so it cannot be seen whether somebody has written to it.",
                disks=joined(unseen),
            )
            question = f"{question}\n\n{text}"
        if not await ask(self, _("Revert the move"), question, _("Revert"), _("Leave as it is")):
            return
        try:
            back = self._desk.reverting(inventory.id, sources)
            if not back.doubtful or await wants_doubtful(self, back.doubtful):
                self.planned.emit(back.plan)
        except DisksRefused as refused:  # changed while it was asked
            await tell(self, _("Revert the move"), str(refused))

    async def _purge(self) -> None:
        inventory, sources, _reason = self._pool()
        if inventory is None:
            return
        bytes_ = size(sum(inventory.VDI[ref].virtual_size for ref in sources if ref in inventory.VDI))
        question = n_(
            "{n} virtual disk ({size}) is removed for good. The move cannot be reverted afterwards.",
            "{n} virtual disks ({size}) are removed for good. The moves cannot be reverted afterwards.",
            len(sources),
            size=bytes_,
        )
        title = _("Remove kept sources")
        if not await ask(self, title, question, _("Remove"), _("Keep them")):
            return
        try:
            gone = await self._desk.purge(inventory.id, sources)
            if gone.doubtful and await self._wants_doubtful(gone.doubtful, inventory):
                again = await self._desk.purge(inventory.id, gone.doubtful, doubtful_too=True)
                gone = replace(again, left=(*gone.left, *again.left))
        except WIRE_ERRORS as failure:
            text = " ".join(part for part in sentence(failure, inventory) if part)
            await tell(self, title, text, str(failure))
            return
        if gone.left:
            await tell(self, title, "\n".join([_("Some were kept:"), *gone.left]))

    async def _wants_doubtful(self, sources: Iterable[VdiRef], inventory: Inventory) -> bool:
        names = joined([inventory.name_of("VDI", ref) for ref in sources])
        question = _(
            "These may have been written to since they were kept, so they may hold the newest content: {names}."
            " Remove them anyway?",
            names=names,
        )
        return await ask(self, _("Remove kept sources"), question, _("Remove"), _("Keep them"))

    def done(self, result: int) -> None:
        self._unsubscribe()
        self._scope.cancel()
        super().done(result)


async def wants_doubtful(parent: QWidget | None, names: Iterable[str]) -> bool:
    """Whether kept sources are to be put back that may have been written to since."""
    return await ask(parent, _("Revert the move"), doubtful_question(names), _("Revert anyway"), _("Leave as it is"))
