"""The rows of an SR's disks go on with each change, and are then what they would be if they were made anew."""

from msgspec.structs import replace

from tests.core.site import TwoPools
from xsmigui.core.changes import Event, apply
from xsmigui.core.description import DiskRow, sr_disks
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import VdiRef
from xsmigui.core.sr_disks import SrDisks


class Table:
    """The rows by reference, as a table would keep them."""

    def __init__(self, two: TwoPools) -> None:
        self.two = two
        self.inventory = two.madrid.inventory()
        self.disks = SrDisks(self.inventory, two.m_nfs)
        self.rows: dict[str, DiskRow] = {row.ref: row for row in sr_disks(self.inventory, two.m_nfs)}

    def go_on(self, *refs: str) -> set[VdiRef] | None:
        """The records of these objects are now as the builder has them."""
        now = self.two.madrid.inventory()
        events = [Event(cls, ref, now.tables[cls].get(ref)) for ref in refs for cls in [ref.split("/")[1]]]
        self.inventory, delta = apply(self.inventory, events)
        changed = self.disks.changed(self.inventory, delta)
        if changed is None:
            return None
        for ref, row in changed.items():
            self.rows.pop(ref, None)
            if row is not None:
                self.rows[ref] = row
        assert self.rows == {row.ref: row for row in sr_disks(self.inventory, self.two.m_nfs)}
        return set(changed)


def disk_of(inventory: Inventory, vm: str) -> VdiRef:
    return next(vbd.VDI for vbd in inventory.VBD.values() if vm == vbd.VM)


def test_each_kind_of_change_alters_its_rows_alone() -> None:
    two = TwoPools()
    table = Table(two)
    disk = disk_of(table.inventory, two.web)
    two.madrid.set(disk, physical_utilisation=12345)
    assert table.go_on(disk) == {disk}
    two.madrid.set(two.web, name_label="web of today")
    assert disk in (table.go_on(two.web) or ())
    assert "web of today" in table.rows[disk].vms
    vbd = next(ref for ref, record in table.inventory.VBD.items() if disk == record.VDI)
    two.madrid.set(vbd, currently_attached=False)
    assert table.go_on(vbd) == {disk}
    two.madrid.remove(vbd)
    assert disk in (table.go_on(vbd, disk) or ())
    assert table.rows[disk].vms == ""
    new = two.madrid.disk(two.m_nfs, name="fresh")
    assert table.go_on(new, two.m_nfs) == {new}
    two.madrid.set(new, managed=False)
    assert table.go_on(new) == {new}
    assert new not in table.rows
    two.madrid.remove(disk)
    assert table.go_on(disk, two.m_nfs) == {disk}
    assert disk not in table.rows


def test_a_connection_that_is_gone_before_its_disk_says_so_alters_the_row() -> None:
    two = TwoPools()
    table = Table(two)
    disk = disk_of(table.inventory, two.web)
    vbd = next(ref for ref, record in table.inventory.VBD.items() if disk == record.VDI)
    two.madrid.remove(vbd)
    assert table.go_on(vbd) == {disk}
    assert table.rows[disk].state == ""


def test_the_disks_of_other_srs_are_no_rows_here() -> None:
    two = TwoPools()
    table = Table(two)
    other = two.madrid.disk(two.m_iscsi, name="elsewhere")
    table.go_on(other, two.m_iscsi)
    assert other not in table.rows


def test_all_are_made_anew_where_the_sr_has_another_name_or_is_gone() -> None:
    two = TwoPools()
    table = Table(two)
    two.madrid.set(two.m_nfs, physical_utilisation=7)
    assert table.go_on(two.m_nfs) == set()
    record = two.madrid.get(two.m_nfs)
    two.madrid.tables["SR"][two.m_nfs] = replace(record, name_label="renamed")
    assert table.go_on(two.m_nfs) is None
