from tests.core.migration.helpers import away, blocks, inside
from tests.core.site import PoolBuilder, TwoPools, site_of
from xsmigui.core.migration.candidates import (
    Candidate,
    all_disks,
    destinations,
    disk_srs,
    hosts,
    network_candidates,
    same_srs,
    storage_networks,
)
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.refs import HostRef, PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.units import GiB

DISK = VdiRef("OpaqueRef:Madrid/VDI/web 0")


def told(candidates: tuple[Candidate, ...]) -> dict[str, str]:
    """Names with what stands against them."""
    return {c.name: c.reason for c in candidates}


def test_destinations() -> None:
    site = TwoPools()
    porto = PoolBuilder("Porto")
    porto.host("p1", enabled=False)
    whole = site_of(site.madrid, site.lisboa, porto, connected=[site.madrid, porto])
    draft = site.madrid.move(site.web)
    assert told(destinations(whole, draft)) == {
        "Madrid": "",
        "Lisboa": "not connected",
        "Porto": "no host takes VMs at present",
    }
    assert destinations(whole, draft)[0].detail == "this pool"
    copy = Draft(site.madrid.id, (site.web,), copy=True)
    assert told(destinations(whole, copy))["Madrid"] == "the VMs are here already"


def test_a_host_alone_is_a_destination_if_it_has_two_srs() -> None:
    pool = PoolBuilder("")
    alone = pool.host("alone")
    pool.sr("one", "ext")
    pool.sr("iso", "iso")
    vm = pool.vm("vm", on=alone)
    assert told(destinations(site_of(pool), pool.move(vm))) == {"alone": "the VMs are here already"}
    pool.sr("two", "ext")
    assert told(destinations(site_of(pool), pool.move(vm))) == {"alone": ""}


def test_hosts_with_their_reasons() -> None:
    site = TwoPools()
    site.madrid.set(site.m2, enabled=False)
    found = hosts(site.site, inside(site, site.web), site.web)
    assert told(found) == {"m1": "", "m2": "m2 is in maintenance mode.", "m3": ""}
    assert [c.note for c in found] == ["current server", "", ""]
    assert found[0].detail == "60.0 GiB of free memory"
    assert [c.note for c in hosts(site.site, away(site, site.web), site.web)] == ["", ""]
    assert hosts(site.site, site.madrid.move(site.web), site.web) == ()
    assert hosts(site.site, inside(site, site.web), VmRef("gone")) == ()
    assert hosts(site.site, Draft(PoolId("gone"), ()), site.web) == ()


def test_srs_for_all_disks() -> None:
    site = TwoPools()
    at = {site.web: site.l1, site.db: site.l2}
    draft = away(site, site.web, site.db)
    assert told(same_srs(site.site, draft, at)) == {"l-nfs": "", "l1 local": "l2 cannot see l1 local."}
    assert told(same_srs(site.site, draft, {site.web: site.l1})) == {"l-nfs": "", "l1 local": ""}
    assert told(same_srs(site.site, draft, {site.web: None})) == {"l-nfs": "", "l1 local": ""}
    assert same_srs(site.site, site.madrid.move(site.web), at) == ()
    details = [c.detail for c in same_srs(site.site, draft, at)]
    assert details == ["shared · 10.0 TiB free", "local · 2.0 TiB free"]


def test_the_disks_of_vms_that_are_gone_need_no_place() -> None:
    site = TwoPools()
    assert all_disks(site.madrid.inventory(), [VmRef("gone"), site.files]).keys() == {"OpaqueRef:Madrid/VDI/files 0"}


def test_srs_for_one_disk() -> None:
    site = TwoPools()
    draft = inside(site, site.web)
    found = disk_srs(site.site, draft, site.web, site.m3, DISK)
    assert told(found) == {
        "m-iscsi": "",
        "m-nfs": "",
        "m1 local": "m3 cannot see m1 local.",
        "m2 local": "m3 cannot see m2 local.",
    }
    assert [c.name for c in found if c.note == "current SR"] == ["m-nfs"]
    assert disk_srs(site.site, draft, site.web, site.m3, VdiRef("gone")) == ()
    assert disk_srs(site.site, site.madrid.move(site.web), site.web, None, DISK) == ()
    assert told(disk_srs(site.site, away(site, site.web), site.web, None, DISK)) == {"l-nfs": "", "l1 local": ""}


def test_what_is_there_already_needs_no_space() -> None:
    site = TwoPools()
    site.madrid.set(site.m_nfs, physical_utilisation=site.madrid.get(site.m_nfs).physical_size)
    draft = inside(site, site.web)
    assert told(disk_srs(site.site, draft, site.web, site.m3, DISK))["m-nfs"] == ""
    site.madrid.attach(site.web, site.madrid.disk(site.m_iscsi, 30 * GiB))
    reason = told(same_srs(site.site, draft, {site.web: site.m3}))["m-nfs"]
    assert reason == "m-nfs has 0.0 GiB free; the disks need 15.0 GiB."


def test_networks_for_a_vif() -> None:
    site = TwoPools()
    b = site.lisboa
    only = b.network("only on l2", hosts=[site.l2])
    b.network("internal", hosts=[])
    found = network_candidates(b.inventory(), site.l1)
    assert told(found) == {
        "internal": "",
        "LAN": "",
        "Management": "",
        "Storage": "",
        "only on l2": "the host is not on it",
    }
    assert {c.name: c.detail for c in found}["LAN"] == "VLAN 20"
    assert {c.name: c.detail for c in found}["internal"] == "internal"
    assert {c.ref: c.reason for c in network_candidates(b.inventory(), None)}[only] == ""


def test_storage_networks() -> None:
    site = TwoPools()
    found = storage_networks(site.lisboa.inventory(), [site.l1, site.l2])
    assert [(c.name, c.note) for c in found] == [
        ("Storage", ""),
        ("Management", "management, not recommended for performance"),
    ]
    assert found[0].detail.count(",") == 1
    (pif,) = site.lisboa.get_all("PIF", network=site.l_storage_net, host=site.l2)
    site.lisboa.set(pif, IP="")
    assert told(storage_networks(site.lisboa.inventory(), [site.l1, site.l2])) == {
        "Management": "",
        "Storage": "l2 has no IP address on Storage.",
    }


def test_a_chosen_candidate_that_is_unusable_is_a_block() -> None:
    """The page's reason is among the evaluation's problems, for every host, SR and network."""
    site = TwoPools()
    site.lisboa.set(site.l2, enabled=False)
    site.lisboa.set(site.l_nfs, physical_size=GiB)
    draft = away(site, site.web)
    for host in hosts(site.site, draft, site.web):
        found = evaluate(site.site, draft.on(site.web, HostRef(host.ref)))
        assert host.usable or host.reason in [p.message for p in found.problems if p.blocks]
    at = {site.web: site.l2}
    for sr in same_srs(site.site, draft, at):
        found = evaluate(site.site, draft.on(site.web, site.l2).on_same_sr(SrRef(sr.ref)))
        assert sr.usable or sr.reason in [p.message for p in found.problems if p.blocks]
    usable = [c for c in same_srs(site.site, draft, {site.web: site.l1}) if c.usable]
    assert [c.name for c in usable] == ["l1 local"]
    assert blocks(evaluate(site.site, draft.on_same_sr(SrRef(usable[0].ref)))) == []


def test_a_chosen_destination_that_is_unusable_is_a_block() -> None:
    site = TwoPools()
    porto = PoolBuilder("Porto")
    porto.host("p1", enabled=False)
    whole = site_of(site.madrid, site.lisboa, porto, connected=[site.madrid, porto])
    for candidate in destinations(whole, site.madrid.move(site.web)):
        draft = site.madrid.move(site.web, destination=PoolId(candidate.ref))
        assert candidate.usable == (not blocks(evaluate(whole, draft)))
