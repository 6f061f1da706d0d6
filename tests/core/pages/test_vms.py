"""The VMs of hosts and SRs, the snapshots of a VM, and the hosts that can take it."""

from tests.core.site import TwoPools, site_of
from xsmigui.core.migration import mobility
from xsmigui.core.pages.vms import moves, of_host, selected, snapshots, users
from xsmigui.core.refs import VmRef
from xsmigui.core.units import GiB


def test_vms_of_a_host() -> None:
    site = TwoPools()
    pool = site.madrid
    pool.vm("archive", disks=[site.m1_local])
    pool.set(site.web, current_operations={"task": "pool_migrate"})
    found = of_host(site.site, pool.id, site.m1)
    assert [(row.name, row.state, row.disks, row.size) for row in found] == [
        ("archive", "halted", 1, 10 * GiB),
        ("web", "moving", 2, 50 * GiB),
    ]
    assert found[0].reason == ""
    assert "already being moved" in found[1].reason
    assert (found[1].memory, found[1].vcpus, found[1].host) == (2 * GiB, 2, "m1")
    assert selected(site.site, [pool.inventory().object_id("VM", "gone")]) == ()


def test_each_selected_vm_is_judged_as_on_its_own_page() -> None:
    """The reason stands in the row of every VM that cannot be moved, in the words of its header."""
    site = TwoPools()
    pool = site.madrid
    pool.set(site.web, blocked_operations={"migrate_send": "nightly run", "pool_migrate": "nightly run"})
    pool.set(site.files, blocked_operations={"migrate_send": "nightly run"})
    pool.set(site.db, power_state="Paused")
    for host in (site.m1, site.m2, site.m3):
        pool.set(host, enabled=False)
    keys = [pool.inventory().object_id("VM", ref) for ref, vm in pool.inventory().user_vms()]
    rows = selected(site.site, keys)
    for row in rows:
        judged = mobility.mobility(site.site, pool.id, VmRef(row.key.ref))
        if judged is None or judged.usable:
            assert (row.reason, row.stuck) == ("", False), row.name
        else:
            assert row.reason == judged.sentence()
            assert row.stuck is bool(judged.reason)
    reasons = {row.name: (row.reason, row.stuck) for row in rows}
    assert "nightly run" in reasons["web"][0]
    assert reasons["web"][1]
    assert "nightly run" in reasons["files"][0]
    assert "is paused" in reasons["db"][0]
    assert reasons["sleeper"][0].startswith("Not inside this pool: ")
    assert not reasons["sleeper"][1]


def test_users_of_an_sr() -> None:
    site = TwoPools()
    pool = site.madrid
    found = users(pool.inventory(), site.m_iscsi)
    assert [(r.name, r.state, r.host, r.disks, r.size, r.used, r.snapshots) for r in found] == [
        ("db", "running", "m2", 1, 100 * GiB, 60 * GiB, 1)
    ]
    found = users(pool.inventory(), site.m_nfs)
    assert [(row.name, row.disks) for row in found] == [("files", 1), ("sleeper", 2), ("web", 2)]
    pool.set(site.db_snapshot, snapshot_of=VmRef("gone"))
    found = users(pool.inventory(), site.m_iscsi)
    assert [(row.name, row.icon, row.snapshots) for row in found] == [
        ("before the update", "template", 0),
        ("db", "vm-running", 0),
    ]
    pool.remove(site.m_iscsi)
    assert users(pool.inventory(), site.m_iscsi) == ()


def test_snapshots_of_a_vm() -> None:
    site = TwoPools()
    pool = site.madrid
    pool.snapshot(site.db, "with memory", memory_on=site.m_nfs)
    early, late = sorted(snapshots(pool.inventory(), site.db), key=lambda row: row.name)
    assert [row.taken for row in snapshots(pool.inventory(), site.db)] == sorted(
        [early.taken, late.taken], reverse=True
    )
    assert (early.name, early.count, early.size, early.used) == ("before the update", 1, 100 * GiB, 10 * GiB)
    assert early.disks == "db 0 at before the update: 100.0 GiB, m-iscsi"
    assert (early.srs, early.memory) == ("m-iscsi", 0)
    assert (late.memory, late.used) == (16 * GiB, 10 * GiB + 8 * GiB)
    assert snapshots(pool.inventory(), site.web) == ()


def test_hosts_that_can_take_a_vm() -> None:
    site = TwoPools()
    site.madrid.set(site.m3, enabled=False)
    site.madrid.vm("big", on=site.m2, memory=45 * GiB)
    found = {row.name: row for row in moves(site.site, site.madrid.id, site.web)}
    assert (found["m1"].is_home, found["m1"].usable, found["m1"].reasons) == (True, False, "")
    assert found["m2"].usable is False
    assert "memory" in found["m2"].reasons
    assert "m3" in found["m3"].reasons
    found = {row.name: row for row in moves(TwoPools().site, site.madrid.id, site.web)}
    assert found["m2"].usable
    alone = site_of(site.madrid, connected=[])
    assert all("is not connected" in row.reasons for row in moves(alone, site.madrid.id, site.web) if not row.is_home)
    assert moves(site.site, site.madrid.id, VmRef("gone")) == ()
