from dataclasses import replace
from typing import Any

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
    OfVm,
    Sent,
    chosen_vifs,
    following_disks,
    image_formats,
    is_copied,
    own_disks,
    stops,
    travelling_vifs,
)
from xsmigui.core.refs import HostRef, PoolId, SrRef, VdiRef


def move(site: TwoPools, draft: Draft) -> Move:
    (found,) = resolve(site.site, draft).moves
    return found


def of_vm(site: TwoPools, draft: Draft) -> OfVm:
    found = move(site, draft)
    assert isinstance(found, OfVm)
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


def test_hosts_of_one_reference_in_two_pools_are_two() -> None:
    """Two pools that were restored from one backup."""
    site = TwoPools()
    assert not replace(of_vm(site, away(site, site.web)), host=site.m1).stays_on_host
    assert replace(of_vm(site, inside(site, site.web)), host=site.m1).stays_on_host


def test_a_vm_that_belongs_to_no_host_stays_on_none() -> None:
    site = TwoPools()
    found = of_vm(site, inside(site, site.files))
    assert site.madrid.inventory().home(site.files) is None
    assert not replace(found, host=None).stays_on_host


def test_memory_is_the_minimum_with_the_overhead() -> None:
    site = TwoPools()
    site.madrid.set(site.web, memory_dynamic_min=5, memory_overhead=2)
    assert of_vm(site, inside(site, site.web)).memory == 7


@pytest.mark.parametrize("host", [None, HostRef("OpaqueRef:gone")])
def test_of_a_host_that_is_not_known_the_memory_of_the_record_counts(host: HostRef | None) -> None:
    site = TwoPools()
    found = replace(of_vm(site, away(site, site.web)), host=host)
    assert found.memory_there == found.memory


def test_only_memory_of_a_vm_that_leaves_its_host_without_disks_has_a_network_of_its_own() -> None:
    site = TwoPools()
    leaving = replace(inside(site, site.web), leaves=site.m1, storage_network=site.m_lan)
    live, storage = move(site, leaving), move(site, leaving.on_same_sr(site.m_iscsi))
    assert isinstance(live, Sent)
    assert isinstance(storage, Sent)
    assert (live.memory_network, storage.memory_network) == (site.m_lan, None)
    without = move(site, replace(leaving, leaves=None))
    assert isinstance(without, Sent)
    assert without.memory_network is None


@pytest.mark.parametrize(("draft", "state", "stopped", "copied"), [
    ({"short_stop": 5}, "Running", True, True),
    ({"short_stop": 5}, "Paused", False, False),
    ({"short_stop": 5}, "Halted", False, False),
    ({"short_stop": 5, "copy": True}, "Running", False, False),
    ({"short_stop": 5, "destination": PoolId("another")}, "Running", False, False),
    ({"copies": True}, "Halted", False, True),
    ({"copies": True}, "Running", False, False),
    ({"copies": True}, "Suspended", False, False),
    ({"copies": True, "copy": True}, "Halted", False, False),
    ({"copies": True, "destination": PoolId("another")}, "Halted", False, False),
    ({}, "Running", False, False),
    ({}, "Halted", False, False),
])  # fmt: skip
def test_whose_disks_this_program_copies(draft: dict[str, Any], state: str, stopped: bool, copied: bool) -> None:
    site = TwoPools()
    site.madrid.set(site.web, power_state=state)
    vm = site.madrid.inventory().VM[site.web]
    chosen = replace(Draft(site.madrid.id, (site.web,), site.madrid.id), **draft)
    assert (stops(chosen, vm), is_copied(chosen, vm)) == (stopped, copied)


@pytest.mark.parametrize(("known", "offered"), [
    (["vhd", "qcow2"], ("vhd", "qcow2")), (["vhd"], ()), ([], ()), (None, ()),
])  # fmt: skip
def test_image_formats_are_offered_where_there_is_a_choice(known: list[str] | None, offered: tuple[str, ...]) -> None:
    site = TwoPools()
    for pool in (site.madrid, site.lisboa):
        for host in pool.hosts:
            pool.set(host, software_version={**pool.get(host).software_version, "xapi_build": "26.15.0"})
    (driver,) = site.lisboa.get_all("SM", type="nfs")
    site.lisboa.set(driver, supported_image_formats=known)
    source, target = site.madrid.inventory(), site.lisboa.inventory()
    assert image_formats(source, target, site.l_nfs) == offered
    assert image_formats(source, target, SrRef("OpaqueRef:gone")) == ()
    site.lisboa.remove(driver)
    assert image_formats(source, site.lisboa.inventory(), site.l_nfs) == ()


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
