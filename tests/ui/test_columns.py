"""The columns of every table: as wide as their content, within bounds, and as the operator left them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QTableView, QTabWidget, QWidget

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import driven, settled
from tests.ui.programs import connected, ready, running, select
from tests.ui.test_every_window import everything, named
from xsmigui.core.migration.sheets import rows_of
from xsmigui.local.settings import SettingsFile
from xsmigui.ui import style
from xsmigui.ui.columns import Columns, remember_tables, shared_out
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.style import PADDING, plain_table
from xsmigui.ui.style import named as with_name
from xsmigui.ui.wizard.grid import Table


@pytest.mark.parametrize(
    ("wanted", "room", "expected"),
    [
        ([100, 60, 80], 400, [100, 60, 240]),  # what is left goes to the stretching column
        ([100, 60, 80], 240, [100, 60, 80]),
        ([100, 60, 300], 240, [100, 60, 80]),  # it gives way first
    ],
)
def test_room_is_shared_out(wanted: list[int], room: int, expected: list[int]) -> None:
    assert shared_out(wanted, room, 2, 80, 40) == expected


def test_the_widest_gives_way_and_nothing_vanishes() -> None:
    widths = shared_out([900, 60, 80], 400, 2, 80, 40)
    assert widths[1:] == [60, 80]
    assert sum(widths) <= 400
    assert min(shared_out([500] * 8, 100, 7, 80, 40)) >= 40


def full(view: QTableView) -> bool:
    """The sum of what the columns have fills the view, or more."""
    return sum(view.columnWidth(n) for n in range(view.model().columnCount())) >= view.viewport().width() - 1


def cut(table: QWidget) -> list[str]:
    """The short texts of a table that are elided although they would have room."""
    found = []
    if isinstance(table, Table):
        for made in table._rows.values():
            for column, cell in made.cells.items():
                if len(cell.text()) <= 32 and cell._elided() != cell.text():
                    found.append(f"{column}: {cell.text()} {table._widths}")
    elif isinstance(table, QTableView):
        metrics, model = table.fontMetrics(), table.model()
        for row in range(min(20, model.rowCount())):
            for column in (n for n in range(model.columnCount()) if not table.isColumnHidden(n)):
                text = str(model.index(row, column).data() or "")
                if len(text) <= 32 and metrics.horizontalAdvance(text) + 8 > table.columnWidth(column):
                    found.append(f"{column}: {text} {[table.columnWidth(n) for n in range(model.columnCount())]}")
    return found


@driven
async def test_every_table_fits_its_content(qapp: QApplication, home: Path) -> None:
    seen: set[str] = set()
    wrong: list[str] = []

    def check(top: QWidget) -> None:
        QApplication.sendPostedEvents()
        for table in (*top.findChildren(QTableView), *top.findChildren(Table)):
            if not table.isVisible() or table.width() < 600:
                continue
            for columns in table.findChildren(Columns):
                columns.fit()
            if isinstance(table, Table):
                table._lay_out()
            seen.add(table.objectName())
            wrong.extend(f"{table.objectName()} {text}" for text in cut(table))
            if isinstance(table, QTableView) and not full(table):
                wrong.append(f"{table.objectName()} leaves room")
            if isinstance(table, QTableView):
                assert table.findChildren(Columns), table.objectName()

    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            program.window.resize(1280, 800)
            await connected(program, site)
            async with everything(program, check):
                pass
    assert not wrong, "\n".join(wrong[:20])
    assert seen >= {"diskTable", "networkTable", "evacuationTable", "diskPlacementTable", "homeServerTable", "srTable"}


@driven
async def test_the_first_rows_are_not_seen_cut(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            window, lists = program.window, program.window.object.lists
            window.resize(1280, 800)
            await select(program, named(program, "VM", "db-postgres"))
            window.object.tabs.setCurrentWidget(lists.moves)
            await until(lambda: not lists.is_busy)
            for name in ("web-01", "mail"):
                await select(program, named(program, "VM", name))
                await until(lambda: not lists.is_busy)
                await settled(10)
                assert lists.moves.rows.rowCount()
                assert not cut(lists.moves.table)


@driven
async def test_titles_of_narrow_columns_can_be_read(qapp: QApplication, home: Path) -> None:
    """A column of numbers of one digit has room for the beginning of its title, which is whole in the tooltip; one in
    which no row has anything to tell is not there."""
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            window, lists = program.window, program.window.object.lists
            window.resize(1024, 640)
            for cls, name, tab in (
                ("VM", "db-postgres", lists.snapshots),
                ("SR", "NFS Madrid", lists.users),
                ("SR", "Local storage on madrid-01", lists.users),
                ("pool", "Madrid", lists.hosts),
            ):
                await select(program, named(program, cls, name))
                window.object.tabs.setCurrentWidget(tab)
                await until(lambda: not lists.is_busy)
                table, header = tab.table, tab.table.horizontalHeader()
                for columns in table.findChildren(Columns):
                    columns.fit()
                letter = table.fontMetrics().averageCharWidth()
                for column in range(tab.rows.columnCount()):
                    title = str(tab.rows.headerData(column, Qt.Orientation.Horizontal))
                    assert tab.rows.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == title
                    idle = title in ("Memory", "Disks of snapshots") and not any(
                        str(tab.rows.index(row, column).data()) != "–" for row in range(tab.rows.rowCount())
                    )
                    assert table.isColumnHidden(column) is idle, title
                    needed = min(table.fontMetrics().horizontalAdvance(title), 6 * letter)
                    assert idle or header.sectionSize(column) >= needed + PADDING, title


@driven
async def test_disks_of_a_batch_are_named_whole(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            await select(program, named(program, "VM", "db-postgres"))
            wizard = program.window.vms.open_wizard()
            assert wizard is not None
            wizard.resize(1024, 640)
            await ready(wizard)
            target = next(i.id for i in program.store.site().pools.values() if i.name == "Lisboa")
            wizard.choose(lambda draft: draft.to(target))
            await ready(wizard)
            page = next(page for page in wizard.pages.values() if page.findChild(Table, "diskPlacementTable"))
            page.show_evaluation(wizard._drafting.evaluation)
            wizard.stack.setCurrentWidget(page)
            await settled()
            (table,) = page.findChildren(Table, "diskPlacementTable")
            _first, *others = table._content.texts
            longer = (("accounting-2019 · database system", "8.0 GiB", "iSCSI Madrid"), *others)
            table.show_rows(rows_of(zip(table._content.keys, longer, strict=True)))
            table._lay_out()
            assert cut(table) == []
            assert not [c.text() for row in table._rows.values() for c in row.cells.values() if "…" in c._elided()]
            wizard.reject()


def view_of(texts: list[tuple[str, str]]) -> QTableView:
    model: RowsModel[tuple[str, str]] = RowsModel(
        [Column("Name", lambda r: r[0]), Column("State", lambda r: r[1]), Column("Reason", lambda r: "–")], lambda r: r
    )
    view = QTableView()
    model.setParent(view)
    with_name(view, "someTable", "Some")
    plain_table(view)
    view.setModel(model)
    view.setSortingEnabled(True)
    view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    Columns(view)
    model.show(texts)
    view.resize(700, 200)
    view.show()
    return view


@driven
async def test_a_longer_text_widens_its_column(qapp: QApplication) -> None:
    view = view_of([("web-01", "running")])
    view.model().show([("web-01", "moving 100 % slowly")])  # type: ignore[attr-defined]
    view.findChildren(Columns)[0].fit()
    assert cut(view) == []
    wide = view.columnWidth(1)
    view.model().show([("web-01", "running")])  # type: ignore[attr-defined]
    view.findChildren(Columns)[0].fit()
    assert view.columnWidth(1) <= wide
    view.close()
    view.deleteLater()


@driven
async def test_what_the_operator_made_of_a_table_is_kept(qapp: QApplication, tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    view = view_of([("b", "running"), ("a", "halted")])
    remember_tables(view, settings)
    view.setColumnWidth(0, 333)
    view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    view.horizontalHeader().moveSection(1, 0)
    view.close()
    view.deleteLater()
    again = view_of([("b", "running"), ("a", "halted")])
    remember_tables(again, SettingsFile(tmp_path))
    assert again.columnWidth(0) == 333
    assert again.horizontalHeader().visualIndex(1) == 0
    assert again.model().index(0, 0).data() == "a"
    again.close()
    again.deleteLater()


@driven
async def test_a_table_follows_the_theme(qapp: QApplication) -> None:
    """A style sheet of its own would keep a table in the colours that it was made in."""
    before = qapp.palette()
    view = view_of([("web-01", "running")])
    tabs = QTabWidget()
    tabs.addTab(view, "Storage")
    tabs.resize(700, 300)
    tabs.show()
    await settled()
    try:
        for theme in ("light", "dark", "light"):
            style.apply(qapp, theme)
            await settled()
            ground = view.grab().toImage().pixelColor(300, 150)
            assert ground == view.palette().color(QPalette.ColorRole.Base)
            assert (ground.lightness() < 128) is (theme == "dark")
    finally:
        qapp.setPalette(before)
        tabs.close()
        tabs.deleteLater()
