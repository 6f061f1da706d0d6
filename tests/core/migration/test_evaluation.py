import json

import pytest

from tests.core.migration.helpers import answered, away, blocks, inside, problem, rules
from tests.core.site import PoolBuilder, TwoPools, site_of
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import PAGES, evaluate, flow
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import HostRef, PoolId, VmRef


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_pages_follow_the_draft(site: TwoPools) -> None:
    first = (Page.destination, Page.home_server, Page.storage)
    assert evaluate(site.site, inside(site, site.web)).pages == (*first, Page.summary)
    moving = evaluate(site.site, inside(site, site.web).on_same_sr(site.m_iscsi))
    assert moving.pages == (*first, Page.storage_network, Page.summary)
    there = (*first, Page.networks, Page.storage_network, Page.summary)
    assert evaluate(site.site, away(site, site.web)).pages == there
    assert flow(site.madrid.move(site.web), ()) == (*first, Page.summary)


def test_the_destination_is_filled_in(site: TwoPools) -> None:
    assert evaluate(site.site, site.madrid.move(site.web)).draft.destination == site.madrid.id
    porto = PoolBuilder("Porto")
    porto.host("p1")
    copy = Draft(site.madrid.id, (site.files,), copy=True)
    found = evaluate(site_of(site.madrid, site.lisboa, porto), copy)
    assert found.draft.destination is None
    assert problem(found, "R05").sentence() == "No destination is chosen yet. Choose where the VMs should go."


def test_problems_come_by_page_and_severity(site: TwoPools) -> None:
    site.madrid.set("OpaqueRef:Madrid/VDI/db 0", cbt_enabled=True)
    found = evaluate(site.site, away(site, site.db).over(site.l_management))
    assert rules(found) == ["R53", "R60", "R83", "R84"]
    assert [p.rule for p in found.on(Page.storage)] == ["R53", "R59", "R60"]
    blocking = found.blocked(Page.storage)
    assert blocking is not None
    assert blocking.rule == "R53"
    assert found.blocked(Page.storage_network) is None


def test_the_same_finding_is_told_once(site: TwoPools) -> None:
    site.lisboa.driver("nfs", [])
    found = evaluate(site.site, away(site, site.web, site.files).on_same_sr(site.l_nfs))
    assert rules(found, Severity.block) == ["R52"]


def test_gone_pools_vms_and_hosts_are_said_clearly(site: TwoPools) -> None:
    lost = evaluate(Site({}, frozenset()), site.madrid.move(site.web))
    assert problem(lost, "R05").message == "The pool of the selected VMs is no longer connected."
    assert lost.plan is None
    found = evaluate(site.site, site.madrid.move(site.web, VmRef("OpaqueRef:gone"), destination=site.madrid.id))
    assert problem(found, "R05").message == "A selected VM no longer exists: it was removed, or moved by somebody else."
    found = evaluate(site.site, site.madrid.move(VmRef("OpaqueRef:gone"), destination=site.madrid.id))
    assert (blocks(found), found.plan) == (["R05"], None)
    found = evaluate(site.site, site.madrid.move(site.web, destination=PoolId("gone")))
    assert problem(found, "R05").message == "The destination is no longer connected."
    found = evaluate(site.site, inside(site, site.web).on(site.web, HostRef("OpaqueRef:gone")))
    assert blocks(found) == ["R05"]
    assert problem(found, "R05").sentence() == "The host chosen for web no longer exists. Choose another host."
    assert "OpaqueRef" not in " ".join(p.sentence() for p in found.problems)


def test_no_vm_no_plan(site: TwoPools) -> None:
    assert evaluate(site.site, site.madrid.move(destination=site.lisboa.id)).plan is None


@pytest.mark.parametrize("which", ["Madrid", "Lisboa"])
def test_a_pool_that_is_disconnected(site: TwoPools, which: str) -> None:
    left = [pool for pool in (site.madrid, site.lisboa) if pool.key != which]
    found = evaluate(site_of(site.madrid, site.lisboa, connected=left), away(site, site.web))
    assert problem(found, "R05").message.startswith(f"The connection to {which} is lost")
    assert problem(found, "R05").subject.name == which
    assert found.plan is None


def test_a_host_that_goes_down(site: TwoPools) -> None:
    site.madrid.set(site.madrid.get(site.m3).metrics, live=False)
    assert blocks(evaluate(site.site, inside(site, site.web))) == ["R05"]


def test_where_no_host_takes_a_vm_each_reason_is_told(site: TwoPools) -> None:
    site.lisboa.set(site.l1, enabled=False)
    site.lisboa.set(site.l2, cpu_info={"vendor": "AuthenticAMD", "cpu_count": "16"})
    site.madrid.set(site.web, last_boot_CPU_flags={"vendor": "GenuineIntel"})
    found = evaluate(site.site, site.madrid.move(site.web, destination=site.lisboa.id))
    told = next(p for p in found.problems if p.message.startswith("No host of Lisboa can take web."))
    assert "l1 is in maintenance mode." in told.message
    assert "l2 has one of AuthenticAMD" in told.message
    assert (told.page, told.rule) == (Page.home_server, "R05")


def test_of_many_hosts_some_reasons_are_told(site: TwoPools) -> None:
    for number in range(3, 9):
        site.lisboa.host(f"l{number}")
    for host in site.lisboa.hosts:
        site.lisboa.set(host, enabled=False)
    found = evaluate(site.site, site.madrid.move(site.web, destination=site.lisboa.id))
    told = next(p for p in found.problems if p.message.startswith("No host"))
    assert told.message.endswith("l4 is in maintenance mode. 4 more hosts cannot either.")


def test_a_pool_without_hosts(site: TwoPools) -> None:
    for host in (site.l1, site.l2):
        site.lisboa.remove(host)
    found = evaluate(site.site, site.madrid.move(site.web, destination=site.lisboa.id))
    assert next(p for p in found.problems if p.page is Page.home_server).message == "No host of Lisboa can take web."


def test_the_ledger_counts_running_vms_and_moving_disks(site: TwoPools) -> None:
    books = evaluate(site.site, away(site, site.web, site.files)).ledger
    assert books.memory[site.l1].incoming == site.madrid.get(site.web).memory_dynamic_min
    assert list(books.space) == [site.l_nfs]
    assert evaluate(site.site, inside(site, site.web)).ledger.space == {}


def test_json_of_the_command_line(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.web)).as_json()
    assert (found["possible"], found["plan"]) == (False, None)
    done = answered(site.site, away(site, site.web)).as_json()
    assert done["possible"] is True
    assert {"possible", "problems", "plan", "capacity"} == json.loads(json.dumps(done)).keys()


def test_every_page_stands_in_the_table_in_its_order() -> None:
    assert list(PAGES) == list(Page)
