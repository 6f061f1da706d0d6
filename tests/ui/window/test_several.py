"""The page of several selected objects: its sums."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QStyleOptionViewItem

from tests.spanish import in_spanish
from xsmigui.core.pages.rows import VmRow
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.local.paths import resources
from xsmigui.ui.columns import Columns, Sentences
from xsmigui.ui.icons import Icons
from xsmigui.ui.window.pages import vms_tab
from xsmigui.ui.window.several import sums


def row(name: str, state: str, standing: str) -> VmRow:
    return VmRow(ObjectId(PoolId("p"), "VM", name), name, "vm", state, standing, "h", 2**30, 2, 1, 2**30, "", False)


def test_vms_are_counted_by_what_they_do_not_by_how_far_they_are() -> None:
    rows = (row("a", "moving 0 %", "moving"), row("b", "moving 8 %", "moving"), row("c", "running", "running"))
    assert sums(rows).startswith("2 moving · 1 running · 3.0 GiB")


def test_vms_without_disks_have_none() -> None:
    assert sums((replace(row("a", "running", "running"), disks=0, size=0),)).endswith(" · no virtual disk")


def test_the_table_fits_a_window_of_1024_pixels_in_spanish(qapp: QApplication) -> None:
    """What is left beside the tree; the reason keeps its beginning."""
    with in_spanish():
        tab = vms_tab(Icons(resources() / "icons"), "severalTab", "severalTable", "x")
    reason = "db-postgres ya se está moviendo y no puede hacerlo dos veces."
    found = [
        replace(row(name, "moviéndose 32 %", "x"), host="madrid-01", reason=reason) for name in ("db-postgres", "b")
    ]
    tab.resize(645, 300)
    tab.show()
    tab.show_rows(tuple(found))
    for columns in tab.table.findChildren(Columns):
        columns.fit()
    widths = [tab.table.columnWidth(number) for number in range(tab.rows.columnCount())]
    assert sum(widths) <= tab.table.viewport().width(), widths
    assert widths[1] >= tab.table.fontMetrics().horizontalAdvance("moviéndose 32 %")
    option = QStyleOptionViewItem()
    index = tab.rows.index(0, len(widths) - 1)
    delegate = tab.table.itemDelegateForIndex(index)
    assert isinstance(delegate, Sentences)
    delegate.initStyleOption(option, index)
    assert option.textElideMode is Qt.TextElideMode.ElideRight
    tab.deleteLater()
