"""Why selected disks cannot be moved: judged once for a selection, and again for those that have changed."""

import pytest

from tests.core.site import TwoPools, site_of
from xsmigui.core.migration import disk_reasons
from xsmigui.core.migration.disk_reasons import SHOWN, DiskReasons
from xsmigui.core.migration.diskdraft import DisksRefused, draft_of_disks, has_movable_disks, movable_disks, owner
from xsmigui.core.refs import VdiRef


def disks_of(two: TwoPools) -> tuple[VdiRef, ...]:
    return tuple(VdiRef(ref) for ref in two.madrid.tables["VDI"])


def test_they_are_those_of_the_draft() -> None:
    two = TwoPools()
    site, reasons = two.site, DiskReasons()
    for disk in disks_of(two):
        try:
            draft_of_disks(site, two.madrid.id, (disk,), None)
            expected = ""
        except DisksRefused as refused:
            expected = str(refused)
        assert reasons.why_not(site, two.madrid.id, (disk,)) == expected


def test_only_what_changed_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    two = TwoPools()
    reasons = DiskReasons()
    disks = tuple(two.madrid.disk(two.m_nfs, name=f"d{n}") for n in range(20))
    judged: list[VdiRef] = []
    monkeypatch.setattr(disk_reasons, "owner", lambda inventory, disk: judged.append(disk) or owner(inventory, disk))
    assert reasons.why_not(two.site, two.madrid.id, disks) == ""
    assert judged == list(disks)
    judged.clear()
    for disk in disks[:8]:
        two.madrid.set(disk, is_a_snapshot=True)
    text = reasons.why_not(two.site, two.madrid.id, disks, set(disks[:8]))
    assert set(judged) == set(disks[:8])
    assert text.count("snapshot") == SHOWN
    assert text.startswith("d0: ")
    two.madrid.set(disks[0], is_a_snapshot=False)
    two.madrid.remove(disks[1])
    text = reasons.why_not(two.site, two.madrid.id, disks, {disks[0], disks[1]})
    assert text.startswith("A selected disk no longer exists. d2: ")
    assert reasons.why_not(two.site, two.madrid.id, disks[9:], set()) == "", "another selection is judged whole"
    assert reasons.why_not(two.site, two.madrid.id, (), set()) == "Select a virtual disk first."
    gone = site_of(two.madrid, connected=[])
    assert reasons.why_not(gone, two.madrid.id, disks, set()) == "Madrid is not connected."


def test_an_sr_has_something_to_move_or_not() -> None:
    two = TwoPools()
    inventory = two.madrid.inventory()
    for sr in inventory.SR:
        assert has_movable_disks(inventory, sr) == bool(movable_disks(inventory, sr)[0]), sr
