"""Headers: what an object is, what it does, what holds it, and the line of facts."""

from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Claim
from xsmigui.core.pages.facts import facts
from xsmigui.core.pages.headers import header
from xsmigui.core.refs import VmRef
from xsmigui.core.units import GiB


def head(inventory: Inventory, cls: str, ref: str) -> tuple[str, str, str, str]:
    found = header(inventory, inventory.object_id(cls, ref))
    return found.icon, found.name, found.state, " › ".join(place.name for place in found.trail)


def test_headers() -> None:
    site = TwoPools()
    site.madrid.set(site.m2, enabled=False)
    site.madrid.set(site.madrid.get(site.m3).metrics, live=False)
    template = site.madrid.template("template")
    inventory = site.madrid.inventory()
    for cls, ref, expected in (
        ("VM", site.web, ("vm-running", "web", "running", "Madrid › m1")),
        ("VM", site.files, ("vm-halted", "files", "halted", "Madrid")),
        ("VM", template, ("template", "template", "template", "Madrid")),
        ("VM", site.db_snapshot, ("snapshot", "before the update", "", "Madrid › m2 › db")),
        ("host", site.m1, ("host", "m1", "coordinator", "Madrid")),
        ("host", site.m2, ("host-disabled", "m2", "maintenance mode", "Madrid")),
        ("host", site.m3, ("host-unreachable", "m3", "unreachable", "Madrid")),
        ("SR", site.m_nfs, ("sr", "m-nfs", "nfs · shared", "Madrid")),
        ("SR", site.m1_local, ("sr", "m1 local", "ext · local", "Madrid › m1")),
        ("pool", inventory.pool_ref, ("pool", "Madrid", "pool", "")),
    ):
        icon, name, state, trail = head(inventory, cls, ref)
        assert (icon, name, trail) == (expected[0], expected[1], expected[3])
        assert state == expected[2] or state.startswith("snapshot of 2026-08-")
    assert [place.key for place in header(inventory, inventory.object_id("VM", site.web)).trail] == [
        inventory.object_id("pool", inventory.pool_ref),
        inventory.object_id("host", site.m1),
    ]


def test_headers_of_a_standalone_host() -> None:
    pool = PoolBuilder("")
    alone = pool.host("alone")
    vm = pool.vm("vm", on=alone)
    inventory = pool.inventory()
    assert head(inventory, "host", alone) == ("host", "alone", "enabled", "")
    assert head(inventory, "VM", vm) == ("vm-running", "vm", "running", "alone")
    assert head(inventory, "pool", "gone")[1] == "alone"


def test_snapshots_without_their_vm() -> None:
    site = TwoPools()
    site.madrid.set(site.db_snapshot, snapshot_of=VmRef("gone"))
    assert head(site.madrid.inventory(), "VM", site.db_snapshot)[3] == "Madrid"


def test_what_is_still_to_come_to_an_sr() -> None:
    site = TwoPools()
    site.madrid.set(site.m_nfs, physical_size=10 * GiB, physical_utilisation=GiB)
    inventory = site.madrid.inventory()
    key = inventory.object_id("SR", site.m_nfs)
    claim = Claim("vm", site.lisboa.id, inventory.id, site.m1, 0, ((site.m_nfs, GiB), (site.m_iscsi, GiB)), True)
    elsewhere = Claim("vm", inventory.id, site.lisboa.id, site.l1, 0, ((site.m_nfs, GiB),), True)
    assert facts(inventory, key, (claim, claim, elsewhere)).endswith("(10 %). 2.0 GiB are still to come.")
    assert facts(inventory, key, (elsewhere,)).endswith("(10 %).")


def test_facts() -> None:
    site = TwoPools()
    site.madrid.set(site.m_nfs, physical_size=10 * GiB, physical_utilisation=GiB)
    site.madrid.set(site.m_iso, physical_size=0)
    inventory = site.madrid.inventory()
    for cls, ref, words in (
        ("pool", inventory.pool_ref, "3 hosts · 4 VMs · 2 run"),
        ("host", site.m1, "1 VM · 60.0 GiB of 64.0 GiB of memory are free"),
        ("SR", site.m_nfs, "Used 1.0 GiB of 10.0 GiB (10 %)."),
        ("SR", site.m_iso, "It has no space of its own."),
        ("VM", site.db_snapshot, "It moves with its VM."),
        ("VM", site.web, ""),
        ("host", "gone", ""),
    ):
        assert facts(inventory, inventory.object_id(cls, ref)) == words
