"""A table in a tab."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView, QVBoxLayout, QWidget

from xsmigui.ui.columns import Columns
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.style import STEP, named, plain_table
from xsmigui.ui.words import hint


class RowsTab(QWidget):
    """A table in a tab, with a sentence where there are no rows."""

    def __init__(
        self, object_name: str, table_name: str, title: str, empty: str, columns: list[Column[Any]], key: Any
    ) -> None:
        super().__init__()
        named(self, object_name, title)
        self.rows: RowsModel[Any] = RowsModel(columns, key, self)
        self.table = QTableView()
        named(self.table, table_name, title)
        plain_table(self.table)
        self.table.setModel(self.rows)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        Columns(self.table)
        self.empty = hint(empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(STEP, STEP, STEP, STEP)
        layout.addWidget(self.empty)
        layout.addWidget(self.table, 1)

    def selected(self) -> list[Any]:
        """The selected rows."""
        return [self.rows.row(index.row()) for index in self.table.selectionModel().selectedRows()]

    def show_rows(self, rows: tuple[Any, ...]) -> None:
        self.rows.show(rows)
        self.empty.setVisible(not rows)
        self.table.setVisible(bool(rows))
