"""The table's model: rows come, change and go without disturbing what is selected."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QTableView

from xsmigui.ui.models.table import Column, RowsModel

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@dataclass(frozen=True)
class Disk:
    key: int
    name: str = "disk"
    size: int = 0


COLUMNS: list[Column[Disk]] = [
    Column("Name", lambda d: d.name),
    Column("Size", lambda d: f"{d.size} GiB", lambda d: d.size, right=True, tip=lambda d: f"tip {d.size}"),
    Column("Sign", lambda d: "", icon=lambda _d: QIcon()),
]


def model() -> RowsModel[Disk]:
    return RowsModel(COLUMNS, lambda d: d.key)


def keys(rows: RowsModel[Disk]) -> list[int]:
    return [rows.row(n).key for n in range(rows.rowCount())]


disks = st.lists(
    st.builds(Disk, st.integers(0, 9), st.sampled_from(["a", "b", "disk 2", "disk 10"]), st.integers(0, 3)),
    unique_by=lambda d: d.key,
    max_size=8,
)
orders = st.one_of(st.none(), st.tuples(st.integers(-1, 1), st.sampled_from([UP, DOWN])))


@settings(max_examples=150)
@given(st.lists(st.tuples(disks, orders), min_size=1, max_size=5))
def test_a_model_that_goes_on_equals_a_new_one(way: list[tuple[list[Disk], tuple[int, Qt.SortOrder] | None]]) -> None:
    rows = model()
    tester = QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Warning)
    order: tuple[int, Qt.SortOrder] | None = None
    for some, sort in way:
        if sort is not None:
            order = sort
            rows.sort(*sort)
        rows.show(some)
        new = model()
        if order is not None:
            new.sort(*order)
        new.show(some)
        assert [rows.row(n) for n in range(rows.rowCount())] == [new.row(n) for n in range(new.rowCount())]
    tester.deleteLater()


def test_selection_survives(qapp: QApplication) -> None:
    rows = model()
    view = QTableView()
    view.setModel(rows)
    rows.show([Disk(1), Disk(2), Disk(3)])
    view.selectRow(1)
    rows.show([Disk(0), Disk(2, "renamed"), Disk(3), Disk(4)])
    assert [rows.row(i.row()).key for i in view.selectionModel().selectedRows()] == [2]
    rows.sort(1, DOWN)
    rows.show([Disk(0, size=1), Disk(2, size=2), Disk(3, size=3), Disk(4, size=4)])
    rows.sort(1, UP)
    assert [rows.row(i.row()).key for i in view.selectionModel().selectedRows()] == [2]
    view.deleteLater()


def test_a_changed_order_keeps_what_is_selected(qapp: QApplication) -> None:
    """Sorted by a figure that changes, rows change places; that must not let the selection go."""
    rows = model()
    view = QTableView()
    view.setModel(rows)
    rows.sort(1, UP)
    rows.show([Disk(1, size=1), Disk(2, size=2), Disk(3, size=3)])
    view.selectRow(0)
    rows.show([Disk(1, size=9), Disk(2, size=2), Disk(3, size=3)])
    assert keys(rows) == [2, 3, 1]
    assert [rows.row(i.row()).key for i in view.selectionModel().selectedRows()] == [1]
    rows.show([Disk(4, size=4), Disk(1, size=0), Disk(3, size=3)])
    assert keys(rows) == [1, 3, 4]
    assert [rows.row(i.row()).key for i in view.selectionModel().selectedRows()] == [1]
    view.deleteLater()


def test_natural_order_and_figures() -> None:
    rows = model()
    rows.show([Disk(1, "disk 10", 5), Disk(2, "disk 2", 7)])
    assert keys(rows) == [1, 2]
    rows.sort(0, UP)
    assert keys(rows) == [2, 1]
    rows.sort(1, UP)
    assert keys(rows) == [1, 2]
    rows.sort(-1)
    assert keys(rows) == [1, 2]


def test_what_a_view_asks() -> None:
    rows = model()
    rows.show([Disk(1, "system", 40)])
    roles = Qt.ItemDataRole
    assert rows.data(rows.index(0, 1)) == "40 GiB"
    assert rows.data(rows.index(0, 1), roles.ToolTipRole) == "tip 40"
    assert rows.data(rows.index(0, 0), roles.ToolTipRole) == "system"
    assert rows.data(rows.index(0, 1), roles.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight
    assert rows.data(rows.index(0, 2), roles.DecorationRole) is not None
    assert rows.data(rows.index(0, 0), roles.DecorationRole) is None
    assert rows.headerData(1, Qt.Orientation.Horizontal) == "Size"
    assert rows.headerData(1, Qt.Orientation.Horizontal, roles.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight
    assert rows.headerData(1, Qt.Orientation.Horizontal, roles.DecorationRole) is None
    assert rows.headerData(0, Qt.Orientation.Vertical) is None
    assert rows.rowCount(rows.index(0, 0)) == rows.columnCount(rows.index(0, 0)) == 0


def test_one_change_is_told_as_one(qapp: QApplication) -> None:
    rows = model()
    rows.show([Disk(1), Disk(2)])
    told: list[int] = []
    rows.dataChanged.connect(lambda first, _last, _roles=None: told.append(first.row()))
    kept = QPersistentModelIndex(rows.index(1, 0))
    rows.show([Disk(1), replace(Disk(2), size=9)])
    assert told == [1]
    assert kept.row() == 1
    assert QModelIndex() != rows.index(0, 0)


@settings(max_examples=150)
@given(
    disks, orders, st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["a", "b"]), st.integers(0, 3)), max_size=4)
)
def test_rows_that_are_replaced_one_by_one_are_as_if_all_were_shown(
    first: list[Disk], order: tuple[int, Qt.SortOrder] | None, changes: list[tuple[int, str, int]]
) -> None:
    rows = model()
    tester = QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Warning)
    if order is not None:
        rows.sort(*order)
    rows.show(first)
    now = list(first)
    for place, name, size in changes:
        if place < len(now):
            now[place] = replace(now[place], name=name, size=size)
            rows.replace([now[place]])
    new = model()
    if order is not None:
        new.sort(*order)
    new.show(now)
    assert [rows.row(n) for n in range(rows.rowCount())] == [new.row(n) for n in range(new.rowCount())]
    del tester


def test_a_replaced_row_is_told_alone() -> None:
    rows = model()
    rows.show([Disk(n) for n in range(1000)])
    told: list[tuple[int, int]] = []
    rows.dataChanged.connect(lambda first, last: told.append((first.row(), last.row())))
    rows.replace([Disk(500, size=3), Disk(7)])
    assert told == [(500, 500)]
