"""Lines in groups: a tree of two levels, moved on by insertions, removals and changes."""

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from xsmigui.core.text import printable
from xsmigui.ui.models.table import LEFT, RIGHT, SENTENCE, TITLE_ROLES, UNCUT, Column
from xsmigui.ui.models.tree import ranges
from xsmigui.ui.words import tip

Index = QModelIndex | QPersistentModelIndex
Row = TypeVar("Row")

ROW = Qt.ItemDataRole.UserRole
"""The role that gives an item's row."""


@dataclass(slots=True)
class _Level(Generic[Row]):
    """Rows that stand below one another, with their keys."""

    rows: list[Row]
    keys: list[Hashable]
    number: int = 0
    given: Sequence[Row] = ()
    """As they were last handed in."""


class GroupsModel(QAbstractItemModel, Generic[Row]):
    """Rows by key; some have rows below them. `said` is what screen readers hear of a row."""

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        said: Callable[[Row], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._key = key
        self._said = said
        self._numbers = itertools.count(1)
        self._top: _Level[Row] = _Level([], [])
        self._below: dict[Hashable, _Level[Row]] = {}
        self._by_number: dict[int, Hashable] = {}

    def row(self, index: Index) -> Row | None:
        if not index.isValid():
            return None
        level = self._level(index)
        return level.rows[index.row()] if level is not None and index.row() < len(level.rows) else None

    def index_of(self, key: Hashable) -> QModelIndex:
        """The index of a row; an invalid one where it is not there."""
        if key in self._top.keys:
            return self.createIndex(self._top.keys.index(key), 0, 0)
        for level in self._below.values():
            if key in level.keys:
                return self.createIndex(level.keys.index(key), 0, level.number)
        return QModelIndex()

    def show(self, groups: Sequence[tuple[Row, Sequence[Row]]]) -> None:
        """Go on to these rows, each with those below it."""
        self._advance(self._top, [row for row, _below in groups])
        for row, below in groups:
            key = self._key(row)
            level = self._below.get(key)
            if level is None:
                if not below:
                    continue
                level = self._below[key] = _Level([], [], next(self._numbers))
                self._by_number[level.number] = key
            if below is not level.given:
                level.given = below
                self._advance(level, below)

    def _parent_of(self, level: _Level[Row]) -> QModelIndex:
        if level.number == 0:
            return QModelIndex()
        return self.createIndex(self._top.keys.index(self._by_number[level.number]), 0, 0)

    def _advance(self, level: _Level[Row], new: Sequence[Row]) -> None:
        keys = [self._key(row) for row in new]
        if keys != level.keys:
            self._rearrange(level, list(new), keys)
        last = len(self._columns) - 1
        for number, row in enumerate(new):
            old = level.rows[number]
            if row is not old and row != old:
                level.rows[number] = row
                self.dataChanged.emit(
                    self.createIndex(number, 0, level.number), self.createIndex(number, last, level.number)
                )

    def _rearrange(self, level: _Level[Row], new: list[Row], keys: list[Hashable]) -> None:
        wanted = set(keys)
        for first, last in reversed(ranges([n for n, key in enumerate(level.keys) if key not in wanted])):
            self.beginRemoveRows(self._parent_of(level), first, last)
            gone = level.keys[first : last + 1]
            del level.rows[first : last + 1], level.keys[first : last + 1]
            for key in gone if level is self._top else ():
                left = self._below.pop(key, None)
                if left is not None:
                    del self._by_number[left.number]
            self.endRemoveRows()
        known = set(level.keys)
        if [key for key in keys if key in known] != level.keys:
            self._reorder(level, {key: place for place, key in enumerate(keys)})
        for first, last in ranges([n for n, key in enumerate(keys) if key not in known]):
            self.beginInsertRows(self._parent_of(level), first, last)
            level.rows[first:first] = new[first : last + 1]
            level.keys[first:first] = keys[first : last + 1]
            self.endInsertRows()

    def _reorder(self, level: _Level[Row], places: dict[Hashable, int]) -> None:
        """The same rows in another order; what is selected and open goes with its row."""
        self.layoutAboutToBeChanged.emit()
        before = [index for index in self.persistentIndexList() if index.internalId() == level.number]
        keys = [level.keys[index.row()] for index in before]
        order = sorted(range(len(level.keys)), key=lambda number: places[level.keys[number]])
        level.rows = [level.rows[number] for number in order]
        level.keys = [level.keys[number] for number in order]
        now = {key: row for row, key in enumerate(level.keys)}
        after = [self.createIndex(now[k], i.column(), level.number) for k, i in zip(keys, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _level(self, index: Index) -> _Level[Row] | None:
        """The level that an index stands on."""
        number = index.internalId()
        return self._top if number == 0 else self._below.get(self._by_number.get(number))

    def _level_below(self, parent: Index) -> _Level[Row] | None:
        if not parent.isValid():
            return self._top
        if parent.internalId() != 0 or parent.column() != 0:
            return None
        return self._below.get(self._top.keys[parent.row()])

    # What Qt asks.

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        level = self._level_below(parent)
        if level is None or not (0 <= row < len(level.rows) and 0 <= column < len(self._columns)):
            return QModelIndex()
        return self.createIndex(row, column, level.number)

    def parent(self, index: Index = QModelIndex()) -> Any:  # noqa: B008
        if not index.isValid() or index.internalId() == 0:
            return QModelIndex()
        key = self._by_number.get(index.internalId())
        return self.createIndex(self._top.keys.index(key), 0, 0) if key in self._top.keys else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        level = self._level_below(parent)
        return len(level.rows) if level is not None else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is None:
            return None
        column = self._columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return printable(column.text(row))
            case Qt.ItemDataRole.AccessibleTextRole:
                return printable(self._said(row) if index.column() == 0 else column.text(row))
            case Qt.ItemDataRole.TextAlignmentRole:
                return RIGHT if column.right else LEFT
            case Qt.ItemDataRole.DecorationRole if column.icon is not None:
                return column.icon(row)
            case Qt.ItemDataRole.ToolTipRole:
                return tip(column.tip(row) if column.tip is not None else column.text(row))
            case Qt.ItemDataRole.UserRole:
                return row
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role in TITLE_ROLES:
            return self._columns[section].title
        if orientation is Qt.Orientation.Horizontal and role == UNCUT:
            return self._columns[section].right or self._columns[section].uncut
        if orientation is Qt.Orientation.Horizontal and role == SENTENCE:
            return self._columns[section].sentence
        return None
