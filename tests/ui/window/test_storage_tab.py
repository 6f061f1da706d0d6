"""The Storage tab: its tables stand whole in a window of 1024 pixels, in every language."""

import pytest
from PySide6.QtWidgets import QApplication

from tests.core.site import TwoPools
from xsmigui.core.description import sr_disks, vm_disks
from xsmigui.core.text import in_use, use
from xsmigui.local import languages, paths
from xsmigui.ui.columns import Columns
from xsmigui.ui.window.storage import StorageTab

BESIDE_THE_TREE = 660
"""Pixels that the tabs of an object have in a window of 1024."""


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("of", ["VM", "SR"])
def test_nothing_stands_out_of_sight(qapp: QApplication, of: str, language: str) -> None:
    site = TwoPools()
    _first, (_ref, second), *_cds = site.madrid.inventory().vbds(site.web)
    site.madrid.set(second.VDI, name_label="accounting-2019 database system")
    inventory = site.madrid.inventory()
    before = in_use()
    use(languages.catalogue(language, paths.resources()))
    try:
        tab = StorageTab(lambda: None, lambda: None, lambda: None)
        tab.resize(BESIDE_THE_TREE, 300)
        tab.show()
        if of == "VM":
            tab.show_vm(vm_disks(inventory, site.web))
        else:
            sr = next(ref for ref, record in inventory.SR.items() if record.name_label == "m-nfs")
            tab.show_sr(sr_disks(inventory, sr), None, True)
        (columns,) = tab.table.findChildren(Columns)
        columns.fit()
        shown = [n for n in range(tab.rows.columnCount()) if not tab.table.isColumnHidden(n)]
        assert sum(map(tab.table.columnWidth, shown)) <= tab.table.viewport().width()
        assert min(map(tab.table.columnWidth, shown)) > 4 * tab.fontMetrics().averageCharWidth()
        tab.close()
        tab.deleteLater()
    finally:
        use(before)


def test_a_disk_that_is_attached_read_only_says_so() -> None:
    site = TwoPools()
    (first, _vbd), *_others = site.madrid.inventory().vbds(site.web)
    site.madrid.set(first, mode="RO")
    rows = vm_disks(site.madrid.inventory(), site.web)
    assert [row.read_only for row in rows[:2]] == [True, False]
