"""The pages of pools, hosts, SRs, VMs and snapshots: what they list, where names lead, a header that does not jump."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import driven
from tests.ui.programs import connected, running, select, vm_key
from xsmigui.app import Program
from xsmigui.core.refs import ObjectId
from xsmigui.ui.links import Link
from xsmigui.ui.window.tables import RowsTab


def key_of(program: Program, cls: str, name: str) -> ObjectId:
    for inventory in program.store.site().pools.values():
        for ref in inventory.find(cls, name):
            return inventory.object_id(cls, ref)
    raise AssertionError(name)


async def listed(program: Program, tab: RowsTab) -> list[str]:
    """The first column of a tab's table, once it is there."""
    pane = program.window.object
    assert pane.shows(tab)
    pane.tabs.setCurrentWidget(tab)
    await until(lambda: not pane.lists.is_busy)
    return [str(tab.rows.index(row, 0).data()) for row in range(tab.rows.rowCount())]


@driven
async def test_pages(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            pane, window = program.window.object, program.window
            lists = pane.lists
            await select(program, key_of(program, "pool", "Madrid"))
            assert pane.tabs.currentWidget() is lists.hosts
            assert await listed(program, lists.hosts) == ["madrid-01 · coordinator", "madrid-02", "madrid-03"]
            await until(lambda: pane.move_line.text().startswith("3 hosts"))
            height = pane.header.height()
            assert "NFS Madrid" in await listed(program, lists.repositories)
            assert await listed(program, lists.networks)
            assert await listed(program, lists.risks)

            # A name in a table leads to its object; the tab chosen for a kind is remembered.
            await listed(program, lists.hosts)
            lists.hosts.table.setCurrentIndex(lists.hosts.rows.index(1, 0))
            QTest.keyClick(lists.hosts.table, Qt.Key.Key_Return)
            await until(lambda: pane.name.text() == "madrid-02")
            assert pane.migrate.text() == "Enter maintenance mode…"
            assert pane.tabs.currentWidget() is lists.vms
            assert pane.header.height() == height
            names = await listed(program, lists.vms)
            assert names
            assert "Local storage on madrid-02" in await listed(program, lists.repositories)
            (pool,) = pane.header.trail.findChildren(Link)
            pool.click()
            await until(lambda: pane.name.text() == "Madrid")
            assert pane.tabs.currentWidget() is lists.hosts
            assert len(await listed(program, lists.hosts)) == 3
            QTest.mouseClick(
                lists.hosts.table.viewport(),
                Qt.MouseButton.LeftButton,
                pos=lists.hosts.table.visualRect(lists.hosts.rows.index(2, 0)).topLeft() + QPoint(40, 8),
            )
            await until(lambda: pane.name.text() == "madrid-03")
            assert pane.tabs.currentWidget() is lists.repositories

            await select(program, key_of(program, "SR", "NFS Madrid"))
            assert pane.header.height() == height
            assert "web-01" in await listed(program, lists.users)
            await until(lambda: pane.move_line.text().startswith("Used "))

            await select(program, vm_key(program, "db-postgres"))
            assert pane.header.height() == height
            assert await listed(program, lists.moves) == ["madrid-01", "madrid-02", "madrid-03"]
            rows = [lists.moves.rows.row(number) for number in range(3)]
            assert [row.is_home for row in rows] == [True, False, False]
            assert await listed(program, lists.snapshots) == ["nightly", "before upgrade to 16"]

            # A snapshot is not in the tree until a name leads to it.
            assert not window.menus.toggles["show_snapshots"].isChecked()
            lists.snapshots.table.setCurrentIndex(lists.snapshots.rows.index(0, 0))
            QTest.keyClick(lists.snapshots.table, Qt.Key.Key_Return)
            await until(lambda: pane.name.text() == "nightly")
            assert window.menus.toggles["show_snapshots"].isChecked()
            assert pane.tabs.currentWidget() is pane.storage
            assert not pane.shows(lists.snapshots)
            await until(lambda: pane.move_line.text() == "It moves with its VM.")

            # What changes on the server is seen.
            await select(program, vm_key(program, "db-postgres"))
            await listed(program, lists.snapshots)
            pool_site = site["Madrid"]
            site.call(pool_site, "VM.set_name_label", site.vm(pool_site, "nightly"), "weekly")
            await until(lambda: lists.snapshots.rows.index(0, 0).data() == "weekly")
    assert program.settings.now.tabs["host"] == "srsTab"
