from dataclasses import replace

from msgspec import structs

from tests.core.migration.helpers import away, inside
from tests.core.site import PoolBuilder, TwoPools, site_of
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.defaults import (
    can_keep,
    default_destination,
    default_host,
    default_network,
    default_storage_network,
    resolve,
)
from xsmigui.core.migration.draft import Draft, Site, StorageMode
from xsmigui.core.migration.moves import Move
from xsmigui.core.refs import HostRef, NetworkRef, SrRef, VdiRef, VmRef
from xsmigui.core.units import GiB, TiB

DISK = VdiRef("OpaqueRef:Madrid/VDI/web 0")


def only(site: TwoPools, draft: Draft) -> Move:
    return only_of(site.site, draft)


def only_of(site: Site, draft: Draft) -> Move:
    (found,) = resolve(site, draft).moves
    return found


def test_destination() -> None:
    site = TwoPools()
    assert default_destination(site.site, site.madrid.move(site.web)) == site.madrid.id
    copy = Draft(site.madrid.id, (site.files,), copy=True)
    assert default_destination(site.site, copy) == site.lisboa.id
    porto = PoolBuilder("Porto")
    porto.host("p1")
    assert default_destination(site_of(site.madrid, site.lisboa, porto), copy) is None


def test_a_pool_without_a_uuid_is_a_destination_too() -> None:
    """A damaged database may have none (found by a fuzzer): the host that was chosen there still counts."""
    site = TwoPools()
    made = site.madrid.inventory()
    pool_ref, pool = next(iter(made.tables["pool"].items()))
    nameless = Inventory({**made.tables, "pool": {pool_ref: structs.replace(pool, uuid="")}})
    at = Site({nameless.id: nameless}, frozenset([nameless.id]))
    draft = Draft(nameless.id, (site.web,), nameless.id).on(site.web, site.m2)
    assert nameless.id == ""
    assert only_of(at, draft).host == site.m2
    assert only_of(at, Draft(nameless.id, (site.web,), nameless.id)).host is not None


def test_host_is_another_one_with_the_most_memory() -> None:
    site = TwoPools()
    draft = site.madrid.move(site.web, destination=site.madrid.id)
    assert default_host(site.site, draft, site.web, {}) == site.m3
    assert default_host(site.site, draft, site.web, {site.m3: 60 * GiB}) == site.m2
    assert default_host(site.site, site.madrid.move(site.web), site.web, {}) is None


def test_host_is_the_home_server_if_it_suits() -> None:
    site = TwoPools()
    draft = site.madrid.move(site.web, destination=site.madrid.id)
    site.madrid.set(site.web, affinity=site.m2)
    assert default_host(site.site, draft, site.web, {}) == site.m2
    site.madrid.set(site.m2, enabled=False)
    assert default_host(site.site, draft, site.web, {}) == site.m3
    site.madrid.set(site.m3, enabled=False)
    assert default_host(site.site, draft, site.web, {}) == site.m1
    site.madrid.set(site.madrid.get(site.m1).metrics, live=False)
    assert default_host(site.site, draft, site.web, {}) is None


def test_hosts_of_a_batch_are_spread() -> None:
    site = TwoPools()
    for host in (site.l1, site.l2):
        site.lisboa.set(site.lisboa.get(host).metrics, memory_total=22 * GiB)
    other = site.madrid.vm("other", on=site.m1, memory=16 * GiB, disks=[site.m_nfs])
    draft = site.madrid.move(site.db, other, VmRef("gone"), destination=site.lisboa.id)
    found = resolve(site.site, draft).moves
    assert {m.ref: m.host for m in found} == {site.db: site.l2, other: site.l1}


def test_a_chosen_host_that_is_gone() -> None:
    site = TwoPools()
    assert only(site, inside(site, site.web).on(site.web, HostRef("gone"))).host is None


def test_disks_stay_where_they_can() -> None:
    site = TwoPools()
    resolved = resolve(site.site, inside(site, site.web))
    assert resolved.mode is StorageMode.keep
    assert set(resolved.moves[0].placement.values()) == {site.m_nfs}
    assert resolved.moves[0].cds == {site.cd: site.m_iso}
    assert resolve(site.site, inside(site, site.files)).mode is StorageMode.each


def test_a_disk_on_local_storage_goes_to_the_default_sr() -> None:
    site = TwoPools()
    site.madrid.attach(site.web, site.madrid.disk(site.m1_local, name="local"))
    draft = inside(site, site.web)
    assert not can_keep(site.site, draft, {site.web: site.m3})
    assert not can_keep(site.site, draft, {site.web: None})
    assert resolve(site.site, draft.keeping_disks()).mode is StorageMode.same
    each = only(site, draft.each_disk())
    assert each.placement == {
        DISK: site.m_nfs,
        "OpaqueRef:Madrid/VDI/web 1": site.m_nfs,
        "OpaqueRef:Madrid/VDI/local": site.m_nfs,
    }
    assert list(each.moving) == ["OpaqueRef:Madrid/VDI/local"]
    assert resolve(site.site, draft).mode is StorageMode.same


def test_the_default_sr_if_it_is_shared_else_the_one_with_most_space() -> None:
    site = TwoPools()
    assert resolve(site.site, away(site, site.web)).same_sr == site.l_nfs
    site.lisboa.set(site.lisboa.ref, default_SR=site.l1_local)
    big = site.lisboa.sr("big", size=50 * TiB)
    assert resolve(site.site, away(site, site.web)).same_sr == big
    assert only(site, away(site, site.web).each_disk()).placement[DISK] == big


def test_one_by_one_where_no_sr_serves_all() -> None:
    site = TwoPools()
    for pbd in site.lisboa.get_all("PBD", SR=site.l_nfs):
        site.lisboa.set(pbd, currently_attached=False)
    l2_local = site.lisboa.sr("l2 local", "ext", hosts=[site.l2])
    draft = site.madrid.move(site.web, site.db, destination=site.lisboa.id).on(site.web, site.l1).on(site.db, site.l2)
    resolved = resolve(site.site, draft)
    assert resolved.mode is StorageMode.each
    assert [set(m.placement.values()) for m in resolved.moves] == [{site.l1_local}, {l2_local}]


def test_choices_stand() -> None:
    site = TwoPools()
    draft = inside(site, site.web).placing(DISK, site.m_iscsi)
    assert only(site, draft).placement[DISK] == site.m_iscsi
    assert only(site, draft.keeping_disks()).placement[DISK] == site.m_nfs
    same = only(site, draft.on_same_sr(site.m_iscsi))
    assert set(same.placement.values()) == {site.m_iscsi}


def test_snapshots_follow_their_disk() -> None:
    site = TwoPools()
    disk, of_snapshot = VdiRef("OpaqueRef:Madrid/VDI/db 0"), VdiRef("OpaqueRef:Madrid/VDI/db 0 at before the update")
    assert set(only(site, inside(site, site.db)).placement.values()) == {site.m_iscsi}
    moved = only(site, inside(site, site.db).placing(disk, site.m_nfs))
    assert moved.placement == {disk: site.m_nfs, of_snapshot: site.m_nfs}
    apart = only(site, inside(site, site.db).placing(of_snapshot, site.m_nfs))
    assert apart.placement == {disk: site.m_iscsi, of_snapshot: site.m_nfs}
    # a snapshot's disk elsewhere stays there while its disk stays
    site.madrid.set(of_snapshot, SR=site.m_nfs)
    assert only(site, inside(site, site.db)).placement == {disk: site.m_iscsi, of_snapshot: site.m_nfs}


def test_suspend_images_follow_the_first_disk() -> None:
    site = TwoPools()
    found = only(site, away(site, site.sleeper))
    assert found.placement[site.image] == site.l_nfs
    disk = VdiRef("OpaqueRef:Madrid/VDI/sleeper 0")
    moved = only(site, inside(site, site.sleeper).placing(disk, site.m_iscsi))
    assert (moved.placement[disk], moved.placement[site.image]) == (site.m_iscsi, site.m_nfs)


def test_images_of_a_vm_without_disks() -> None:
    site = TwoPools()
    bare = site.madrid.vm("bare")
    image = site.madrid.suspend(bare, site.m_nfs)
    draft = away(site, bare).each_disk()
    assert only(site, draft).placement == {image: site.l_nfs}
    site.lisboa.set(site.lisboa.ref, suspend_image_SR=site.l1_local)
    assert only(site, draft).placement == {image: site.l1_local}
    assert only(site, draft.on(bare, HostRef("gone"))).placement == {image: None}
    site.lisboa.set(site.lisboa.ref, suspend_image_SR=SrRef("OpaqueRef:NULL"), default_SR=SrRef("gone"))
    assert only(site, draft).placement == {image: None}


def test_networks_by_name_then_vlan_and_never_guessed() -> None:
    site = TwoPools()
    b = site.lisboa

    def found() -> NetworkRef | None:
        return default_network(site.madrid.inventory(), b.inventory(), site.l1, site.m_lan)

    assert found() == site.l_lan
    second = b.network("LAN", vlan=21)
    assert found() is None
    b.set(site.l_lan, name_label="guests")
    assert found() == second
    b.set(second, name_label="others")
    assert found() == site.l_lan
    for pif in b.get_all("PIF", network=site.l_lan):
        b.set(pif, VLAN=-1)
    assert found() is None
    assert default_network(site.madrid.inventory(), b.inventory(), None, site.m_storage_net) == site.l_storage_net
    assert default_network(site.madrid.inventory(), b.inventory(), None, NetworkRef("gone")) is None


def test_networks_of_snapshots_follow() -> None:
    site = TwoPools()
    found = only(site, away(site, site.db)).networks
    assert set(found.values()) == {site.l_lan}
    assert len(found) == 2
    assert only(site, inside(site, site.db)).networks == {}


def test_storage_network() -> None:
    site = TwoPools()
    at = [site.l1, site.l2]
    assert default_storage_network(site.lisboa.inventory(), at) == site.l_storage_net
    (pif,) = site.lisboa.get_all("PIF", network=site.l_storage_net, host=site.l1)
    site.lisboa.set(site.lisboa.get(pif).metrics, carrier=False)
    assert default_storage_network(site.lisboa.inventory(), at) == site.l_management
    for other in site.lisboa.get_all("PIF", network=site.l_management):
        site.lisboa.set(other, currently_attached=False)
    assert default_storage_network(site.lisboa.inventory(), at) == site.l_storage_net
    site.lisboa.set(pif, IP="")
    assert default_storage_network(site.lisboa.inventory(), at) is None


def test_without_a_destination_there_are_bare_moves() -> None:
    site = TwoPools()
    resolved = resolve(site.site, site.madrid.move(site.web, VmRef("gone")))
    assert [(m.ref, m.host) for m in resolved.moves] == [(site.web, None)]
    lost = replace(site.site, pools={site.madrid.id: site.madrid.inventory()})
    assert resolve(lost, away(site, site.web)).moves[0].host is None
