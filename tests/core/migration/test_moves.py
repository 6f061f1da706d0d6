import pytest

from tests.core.migration.helpers import away, inside
from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.migration.defaults import resolve
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.moves import (
    Copied,
    Kind,
    LooseDisk,
    Move,
    Sent,
    chosen_vifs,
    following_disks,
    own_disks,
    travelling_vifs,
)
from xsmigui.core.refs import VdiRef


def move(site: TwoPools, draft: Draft) -> Move:
    (found,) = resolve(site.site, draft).moves
    return found


def test_kinds() -> None:
    site = TwoPools()
    live = move(site, inside(site, site.web))
    assert (live.kind, live.operation, live.carries_disks) == (Kind.live, "pool_migrate", False)
    storage = move(site, inside(site, site.web).on_same_sr(site.m_iscsi))
    assert (storage.kind, storage.operation, storage.carries_disks) == (Kind.storage, "migrate_send", True)
    assert move(site, away(site, site.web)).kind is Kind.storage
    assert move(site, away(site, site.sleeper)).kind is Kind.storage
    assert move(site, away(site, site.files)).kind is Kind.halted
    diskless = site.madrid.vm("diskless", on=site.m1)
    assert move(site, away(site, diskless)).kind is Kind.storage


def test_who_moves_what() -> None:
    """The server a VM, this program a VM's disks, or a disk that belongs to none."""
    site = TwoPools()
    assert type(move(site, inside(site, site.web))) is Sent
    files = inside(site, site.files).on_same_sr(site.m_iscsi)
    assert type(move(site, files)) is Sent
    assert type(move(site, files.copying(True))) is Copied
    assert type(move(site, inside(site, site.files).copying(True).keeping_disks())) is Sent  # none of them moves
    disk = site.madrid.disk(site.m_nfs, name="archive")
    found = move(site, draft_of_disks(site.site, site.madrid.id, (disk,), site.m_iscsi))
    assert isinstance(found, LooseDisk)
    assert (found.ref, found.name, found.kind, found.stops) == (disk, "archive", Kind.disk, False)


def test_what_goes_to_a_pool_that_is_not_known_does_not_cross_yet() -> None:
    site = TwoPools()
    alone = Site({site.madrid.id: site.madrid.inventory()}, frozenset({site.madrid.id}))
    (found,) = resolve(alone, away(site, site.web)).moves
    assert found.draft.crosses
    assert not found.crosses
    assert move(site, away(site, site.web)).crosses


def test_where_a_vm_is() -> None:
    site = TwoPools()
    stays = move(site, site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m1))
    assert (stays.stays_on_host, stays.runs_on) == (True, True)
    goes = move(site, inside(site, site.web))
    assert (goes.stays_on_host, goes.runs_on) == (False, False)
    site.madrid.set(site.sleeper, affinity=site.m1)
    belongs = move(site, site.madrid.move(site.sleeper, destination=site.madrid.id).on(site.sleeper, site.m1))
    assert (belongs.stays_on_host, belongs.runs_on) == (True, False)
    assert not move(site, away(site, site.web)).stays_on_host


def test_memory_is_the_minimum_with_the_overhead() -> None:
    site = TwoPools()
    site.madrid.set(site.web, memory_dynamic_min=5, memory_overhead=2)
    assert move(site, inside(site, site.web)).memory == 7


@pytest.fixture
def pool() -> PoolBuilder:
    pool = PoolBuilder()
    pool.host("m1")
    return pool


def test_disks_that_follow(pool: PoolBuilder) -> None:
    nfs = pool.sr("nfs")
    vm = pool.vm("vm", disks=[nfs, nfs])
    one = pool.snapshot(vm, "one", memory_on=nfs)
    pool.snapshot(vm, "two")
    image = pool.suspend(vm, nfs)
    gone = next(ref for ref, vbd in pool.tables["VBD"].items() if vm == vbd.VM and vbd.userdevice == "1")  # type: ignore[attr-defined]
    lost = pool.get(gone).VDI
    pool.remove(gone)
    inventory = pool.inventory()
    (own,) = own_disks(inventory, vm)
    found = {ref: leader for ref, _vdi, leader in following_disks(inventory, vm)}
    assert len(found) == 6
    assert lost not in found
    assert list(found.values()).count(own) == 2
    assert found[image] is None
    assert found[VdiRef(inventory.VM[one].suspend_VDI)] is None
    assert own not in found


def test_a_disk_of_the_vm_itself_does_not_follow(pool: PoolBuilder) -> None:
    """A snapshot that shares a disk with its VM (read-only, attached twice) and a lost suspend image."""
    nfs = pool.sr("nfs")
    vm = pool.vm("vm", disks=[nfs])
    snapshot = pool.snapshot(vm)
    (own,) = own_disks(pool.inventory(), vm)
    pool.attach(snapshot, own)
    pool.set(vm, suspend_VDI="OpaqueRef:lost")
    pool.set(snapshot, suspend_VDI=own)
    assert [leader for _ref, _vdi, leader in following_disks(pool.inventory(), vm)] == [own]


def test_vifs_of_snapshots_go_by_mac(pool: PoolBuilder) -> None:
    lan = pool.network("lan")
    vm = pool.vm("vm", networks=[lan])
    snapshot = pool.snapshot(vm)
    other = pool.vif(snapshot, lan, mac="AA:BB:CC:00:00:01")
    inventory = pool.inventory()
    ((own, _vif),) = inventory.vifs(vm)
    (same, _other) = (ref for ref, _vif in inventory.vifs(snapshot))
    assert travelling_vifs(inventory, vm) == {own: None, same: own, other: None}
    assert chosen_vifs(inventory, vm) == [own, other]
