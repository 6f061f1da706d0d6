"""The disks of a large SR: made in a thread, changed one by one, filtered, and selected all together."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from tests.core.site import PoolBuilder
from tests.holding import until
from tests.ui.driving import driven
from xsmigui.core.changes import Delta, Event, apply
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import SrRef
from xsmigui.ui.scope import Scope
from xsmigui.ui.window import sr_table
from xsmigui.ui.window.sr_table import SrTable
from xsmigui.ui.window.storage import StorageTab


class Bench:
    """A tab on an SR of so many disks."""

    def __init__(self, disks: int) -> None:
        self.pool = PoolBuilder("Madrid")
        self.pool.host("m1")
        self.sr: SrRef = self.pool.sr("nfs")
        self.disks = [self.pool.disk(self.sr, name=f"disk {n}") for n in range(disks)]
        self.inventory: Inventory = self.pool.inventory()
        self.heard: list[BaseException] = []
        self.parent = QWidget()
        self.scope = Scope(self.parent, self.heard.append)
        self.tab = StorageTab(lambda: None, lambda: None, lambda: None)
        self.table = SrTable(self.tab, self.scope)

    def show(self) -> None:
        self.table.show(self.inventory, self.sr, True, Delta())

    def change(self, ref: str, **fields: Any) -> None:
        """The server tells of a disk that changes; without fields of one that is gone."""
        if fields:
            self.pool.set(ref, **fields)
        else:
            self.pool.remove(ref)
        now = self.pool.inventory()
        events = [Event("VDI", ref, now.VDI.get(ref)), Event("SR", self.sr, now.SR[self.sr])]  # type: ignore[call-overload]
        self.inventory, delta = apply(self.inventory, events)
        self.table.show(self.inventory, self.sr, False, delta)

    def shown(self) -> dict[str, Any]:
        rows = self.tab.rows
        return {rows.row(n).ref: rows.row(n) for n in range(rows.rowCount())}

    async def close(self) -> None:
        assert not self.heard
        self.scope.cancel()
        await self.scope.finished()
        self.tab.deleteLater()


@driven
async def test_many_are_made_in_a_thread_and_what_changes_meanwhile_is_not_lost() -> None:
    bench = Bench(sr_table.MANY + 10)
    bench.show()
    assert bench.table.is_busy
    assert bench.shown() == {}
    bench.change(bench.disks[3], name_label="disk of today")
    bench.change(bench.disks[4])
    await until(lambda: not bench.table.is_busy)
    shown = bench.shown()
    assert len(shown) == sr_table.MANY + 9
    assert shown[bench.disks[3]].name == "disk of today"
    bench.change(bench.disks[5], physical_utilisation=77)
    assert bench.shown()[bench.disks[5]].used == 77
    assert bench.table.touched() is None, "all of them are new"
    bench.change(bench.disks[6], physical_utilisation=78)
    assert bench.table.touched() == {bench.disks[6]}
    bench.change(bench.disks[7])
    assert bench.disks[7] not in bench.shown()
    await bench.close()


@driven
async def test_few_are_shown_at_once_and_another_sr_takes_their_place() -> None:
    bench = Bench(5)
    bench.show()
    assert not bench.table.is_busy
    assert len(bench.shown()) == 5
    other = bench.pool.sr("iscsi")
    disk = bench.pool.disk(other, name="elsewhere")
    bench.table.show(bench.pool.inventory(), other, True, Delta())
    assert list(bench.shown()) == [disk]
    await bench.close()


@driven
async def test_what_no_longer_matches_the_filter_goes_and_what_does_comes() -> None:
    bench = Bench(6)
    bench.show()
    bench.tab.filter.setText("disk 1")
    assert list(bench.shown()) == [bench.disks[1]]
    bench.change(bench.disks[1], physical_utilisation=5)
    assert bench.shown()[bench.disks[1]].used == 5
    bench.change(bench.disks[1], name_description="disk 1", name_label="another")
    assert list(bench.shown()) == [bench.disks[1]]
    bench.change(bench.disks[2], name_description="like disk 1")
    assert set(bench.shown()) == {bench.disks[1], bench.disks[2]}
    bench.change(bench.disks[2], name_description="")
    assert list(bench.shown()) == [bench.disks[1]]
    bench.tab.filter.clear()
    assert len(bench.shown()) == 6
    await bench.close()


@driven
async def test_the_selected_disks_are_one_tuple_as_long_as_the_selection_stays() -> None:
    bench = Bench(50)
    bench.show()
    bench.tab.table.selectAll()
    chosen = bench.tab.selected_disks()
    assert set(chosen) == set(bench.disks)
    bench.change(bench.disks[3], physical_utilisation=9)
    assert bench.tab.selected_disks() is chosen
    bench.tab.table.selectRow(2)
    assert bench.tab.selected_disks() == (bench.tab.rows.row(2).ref,)
    await bench.close()
