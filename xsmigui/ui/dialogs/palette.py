"""Go to any object, or do anything that a menu has, by typing a few letters of its name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QAction, QIcon, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QDialog, QLineEdit, QTableView, QVBoxLayout, QWidget

from xsmigui.core.finding import best
from xsmigui.core.outline_nodes import Node
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _
from xsmigui.ui.columns import Columns
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.screens import sized
from xsmigui.ui.style import STEP, named, plain_table
from xsmigui.ui.words import hint

MOST: Final = 40
"""Entries that are shown at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to go to or to do; `note` is where it is, its shortcut, or why it cannot be done."""

    key: str
    name: str
    note: str
    icon: QIcon
    run: Callable[[], object] | None


class PaletteDialog(QDialog):
    """A line to type into, and what is meant by it below."""

    def __init__(
        self,
        parent: QWidget | None,
        icons: Icons,
        nodes: Iterable[Node],
        actions: Iterable[QAction],
        go_to: Callable[[ObjectId], object],
    ) -> None:
        super().__init__(parent)
        named(self, "paletteDialog", _("Go to or do"))
        self.setWindowTitle(_("Go to or do"))
        sized(self, 560, 420)
        self._icons = icons
        self._go_to = go_to
        self._nodes = [(f"{node.label} ".casefold(), node) for node in nodes if node.id.cls != "type"]
        self._actions = [(_plain(action).casefold(), action) for action in actions if _plain(action)]
        self.edit = QLineEdit()
        named(self.edit, "paletteEdit", _("Name of an object or an action"))
        self.edit.setPlaceholderText(_("Name of a VM, host, SR or pool, or of an action…"))
        self.edit.textChanged.connect(lambda _text: self._show())
        columns: list[Column[Entry]] = [
            Column(_("Name"), lambda e: e.name, icon=lambda e: e.icon),
            Column(_("Note"), lambda e: e.note),
        ]
        self.rows: RowsModel[Entry] = RowsModel(columns, lambda e: e.key, self)
        self.table = QTableView()
        named(self.table, "paletteTable", _("What is meant"))
        plain_table(self.table)
        self.table.setModel(self.rows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.horizontalHeader().hide()
        self.table.activated.connect(self._run)
        self.table.clicked.connect(self._run)
        Columns(self.table)
        self.nothing = hint(_("Nothing has this in its name."))
        self.nothing.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * STEP, 2 * STEP, 2 * STEP, 2 * STEP)
        layout.setSpacing(STEP)
        layout.addWidget(self.edit)
        layout.addWidget(self.nothing)
        layout.addWidget(self.table, 1)
        self._show()

    def _show(self) -> None:
        typed = self.edit.text()
        if typed.strip():
            actions = [self._action(action) for action in best(self._actions, typed, MOST // 4)]
            objects = [self._object(node) for node in best(self._nodes, typed, MOST - len(actions))]
            self.rows.show(objects + actions)
        else:
            self.rows.show([self._action(action) for _name, action in self._actions if action.isEnabled()][:MOST])
        self.nothing.setVisible(not self.rows.rowCount())
        self.table.setVisible(bool(self.rows.rowCount()))
        if self.rows.rowCount():
            self.table.selectRow(0)

    def _object(self, node: Node) -> Entry:
        return Entry(node.id.text, node.label, node.state, self._icons(node.icon), lambda: self._go_to(node.id))

    def _action(self, action: QAction) -> Entry:
        can = action.isEnabled()
        note = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText) if can else action.toolTip()
        return Entry(action.objectName(), _plain(action), note, action.icon(), action.trigger if can else None)

    def _run(self, index: QModelIndex) -> None:
        entry = self.rows.row(index.row()) if index.isValid() else None
        if entry is not None and entry.run is not None:
            self.accept()
            entry.run()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The arrows move in the list while the letters go into the line."""
        row = self.table.currentIndex().row()
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
        if (step := steps.get(Qt.Key(event.key()))) is not None and self.rows.rowCount():
            self.table.selectRow(max(0, min(self.rows.rowCount() - 1, row + step)))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self.table.currentIndex())
        else:
            super().keyPressEvent(event)


def _plain(action: QAction) -> str:
    """What an action is called, without the mark of its letter."""
    return action.text().replace("&", "")
