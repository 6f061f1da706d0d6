"""A table in a tab."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

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
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.horizontalHeader().setResizeContentsPrecision(100)  # rows that are looked at for the widths
        self.empty = hint(empty)
        self._sized = False
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
        if rows and not self._sized:
            self._sized = True
            self.table.resizeColumnsToContents()
            for column in range(self.rows.columnCount()):
                self.table.setColumnWidth(column, min(self.table.columnWidth(column) + 2 * STEP, 32 * STEP))
