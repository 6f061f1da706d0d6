"""A table of plain rows: keyed, sortable, moved on by insertions, removals and changes."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from xsmigui.core.refs import ObjectId
from xsmigui.core.text import printable
from xsmigui.core.units import natural
from xsmigui.ui.models.tree import ranges
from xsmigui.ui.words import tip

Index = QModelIndex | QPersistentModelIndex
Row = TypeVar("Row")

SHARE: Final = Qt.ItemDataRole.UserRole + 1
"""How full the thing is that the cell is about, for a bar beside its text; None without one."""

LINK: Final = Qt.ItemDataRole.UserRole + 2
"""The object that the cell leads to."""

UNCUT: Final = Qt.ItemDataRole.UserRole + 3
"""Of a column's title: its texts lose their sense when something is cut off them (dates, words of state)."""

SENTENCE: Final = Qt.ItemDataRole.UserRole + 4
"""Of a column's title: its texts are sentences, whose beginning says most."""

TITLE_ROLES: Final = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
"""A column's title may be cut: its tooltip has it whole."""

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its title, a row's text, and what it is sorted by (the text in natural order if nothing else). `share`
    adds a bar, `link` an object to go to. Texts of an `uncut` column (dates, states) lose their sense with a part of
    them; numbers, at the `right`, do in any case. What is too long of a `sentence` is cut off at its end; names lose
    their middle. A `spare` column is there only while a row has something to tell in it."""

    title: str
    text: Callable[[Row], str]
    sort: Callable[[Row], Any] | None = None
    right: bool = False
    icon: Callable[[Row], QIcon] | None = None
    tip: Callable[[Row], str] | None = None
    share: Callable[[Row], float | None] | None = None
    link: Callable[[Row], ObjectId | None] | None = None
    uncut: bool = False
    sentence: bool = False
    spare: bool = False

    def key(self, row: Row) -> Any:
        return self.sort(row) if self.sort is not None else natural(self.text(row))


class RowsModel(QAbstractTableModel, Generic[Row]):
    """Rows with a key each; the order is the given one until a column is chosen to sort by."""

    def __init__(
        self, columns: Sequence[Column[Row]], key: Callable[[Row], Hashable], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._key = key
        self._given: list[Row] = []
        self._rows: list[Row] = []
        self._places: dict[Hashable, int] | None = None
        self._given_places: dict[Hashable, int] | None = None
        self._sorted: tuple[int, Qt.SortOrder] | None = None

    def row(self, number: int) -> Row:
        return self._rows[number]

    def replace(self, rows: Iterable[Row]) -> None:
        """Put these in the places of the rows with their keys, at the cost of what is replaced."""
        if self._places is None:
            self._places = {self._key(row): number for number, row in enumerate(self._rows)}
        if self._given_places is None:
            self._given_places = {self._key(row): number for number, row in enumerate(self._given)}
        is_moved = False
        column = self._columns[self._sorted[0]] if self._sorted is not None else None
        for row in rows:
            key = self._key(row)
            number, before = self._places[key], self._rows[self._places[key]]
            self._given[self._given_places[key]] = row
            if row == before:
                continue
            if column is not None and column.key(row) != column.key(before):
                is_moved = True
                continue
            self._rows[number] = row
            self.dataChanged.emit(self.index(number, 0), self.index(number, len(self._columns) - 1))
        if is_moved:
            self.show(self._given)

    def show(self, rows: Sequence[Row]) -> None:
        """Go on to these rows."""
        self._given = list(rows)
        self._places = self._given_places = None
        new = self._arranged(self._given)
        keys = [self._key(row) for row in new]
        old = [self._key(row) for row in self._rows]
        if keys == old:
            self._change(new)
            return
        wanted = set(keys)
        for first, last in reversed(ranges([n for n, key in enumerate(old) if key not in wanted])):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._rows[first : last + 1]
            self.endRemoveRows()
        stays = [self._key(row) for row in self._rows]
        known = set(stays)
        if [key for key in keys if key in known] != stays:
            places = {key: number for number, key in enumerate(keys)}
            self._put_in_order(sorted(self._rows, key=lambda row: places[self._key(row)]))
        for first, last in ranges([n for n, key in enumerate(keys) if key not in known]):
            self.beginInsertRows(QModelIndex(), first, last)
            self._rows[first:first] = new[first : last + 1]
            self.endInsertRows()
        self._change(new)

    def _change(self, new: list[Row]) -> None:
        for number, row in enumerate(new):
            if row is not self._rows[number] and row != self._rows[number]:
                self._rows[number] = row
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(self._columns) - 1))

    def _arranged(self, rows: list[Row]) -> list[Row]:
        if self._sorted is None:
            return list(rows)
        column, order = self._sorted
        return sorted(rows, key=self._columns[column].key, reverse=order == Qt.SortOrder.DescendingOrder)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted = (column, order) if 0 <= column < len(self._columns) else None
        self._put_in_order(self._arranged(self._given))

    def _put_in_order(self, rows: list[Row]) -> None:
        """The same rows in another order; what is selected goes with its row."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        keys = [self._key(self._rows[index.row()]) for index in before]
        self._rows = rows
        self._places = None
        places = {self._key(row): number for number, row in enumerate(rows)}
        after = [self.index(places[k], i.column()) for k, i in zip(keys, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    # What Qt asks.

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column, row = self._columns[index.column()], self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return printable(column.text(row))
            case Qt.ItemDataRole.TextAlignmentRole:
                return RIGHT if column.right else LEFT
            case Qt.ItemDataRole.DecorationRole if column.icon is not None:
                return column.icon(row)
            case Qt.ItemDataRole.ToolTipRole:
                return tip(column.tip(row) if column.tip is not None else column.text(row))
            case _ if role == SHARE and column.share is not None:
                return column.share(row)
            case _ if role == LINK and column.link is not None:
                return column.link(row)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role in TITLE_ROLES:
            return self._columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if self._columns[section].right else LEFT
        if role == UNCUT:
            return self._columns[section].right or self._columns[section].uncut
        if role == SENTENCE:
            return self._columns[section].sentence
        return None
