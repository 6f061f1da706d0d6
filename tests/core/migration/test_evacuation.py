"""Emptying a host: who leaves, where to, what stands against it, and the way back."""

from dataclasses import replace

import pytest

from tests.core.migration.helpers import answered, blocks, problem
from tests.core.site import GiB, TwoPools, site_of
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.candidates import hosts
from xsmigui.core.migration.evacuation import MODE, MOVED
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.facts import MayCall
from xsmigui.core.migration.fixes import ShutDownHere, offer
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import draft_of, same_intent
from xsmigui.core.migration.summary import xe_script
from xsmigui.core.refs import NetworkRef


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def leaving(site: TwoPools) -> Evaluation:
    """m1 is emptied, and the servers say yes to everything."""
    return answered(site.site, evacuation.evacuation(site.site, site.madrid.id, site.m1))


def test_what_runs_on_the_host_leaves_it(site: TwoPools) -> None:
    paused = site.madrid.vm("paused", on=site.m1, disks=[site.m_nfs], power_state="Paused")
    site.madrid.vm("halted", disks=[site.m_nfs], affinity=site.m1)
    inventory = site.madrid.inventory()
    assert evacuation.residents(inventory, site.m1) == (paused, site.web)  # no control domain, nothing halted
    assert evacuation.residents(inventory, site.m3) == ()


def test_disks_stay_where_the_new_host_sees_them(site: TwoPools) -> None:
    evaluation = leaving(site)
    assert evaluation.plan is not None, [p.sentence() for p in evaluation.problems]
    (move,) = evaluation.plan.moves
    assert move.kind is Kind.live
    assert move.host.ref in (site.m2, site.m3)
    (call,) = move.calls  # the home server stays as it is
    assert call.method == "VM.pool_migrate"
    assert call.params[2] == {"live": "true"}
    assert evaluation.plan.evacuates is not None
    assert evaluation.plan.evacuates.name == "m1"
    assert evaluation.plan.at_once == 10


def test_disks_on_the_hosts_own_srs_move_along(site: TwoPools) -> None:
    local = site.madrid.vm("local", on=site.m1, disks=[site.m1_local], networks=[site.m_lan])
    plan = leaving(site).plan
    assert plan is not None
    moves = {move.vm.name: move for move in plan.moves}
    assert moves["web"].kind is Kind.live
    assert moves["local"].kind is Kind.storage
    assert moves["local"].host.ref != site.m1
    (disk,) = moves["local"].disks
    assert not disk.stays
    assert disk.target.name in ("m-nfs", "m-iscsi", "m2 local")
    assert local


def test_over_a_network_of_the_operators_choice(site: TwoPools) -> None:
    draft = evacuation.evacuation(site.site, site.madrid.id, site.m1).over(site.m_storage_net)
    plan = answered(site.site, draft).plan
    assert plan is not None
    assert plan.moves[0].calls[0].params[2] == {"live": "true", "network": site.m_storage_net}
    assert plan.moves[0].storage_network is not None
    again = draft_of(plan, site.site)
    assert again.storage_network == site.m_storage_net
    bare = site.madrid.network("bare")
    refused = answered(site.site, draft.over(NetworkRef(bare)))
    assert blocks(refused) == ["R82"]
    # Elsewhere a storage network says nothing of the memory.
    usual = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m2).over(site.m_storage_net)
    plain = answered(site.site, usual).plan
    assert plain is not None
    assert "network" not in plain.moves[0].calls[0].params[2]  # type: ignore[operator]


def test_nobody_is_sent_to_the_host_that_is_emptied(site: TwoPools) -> None:
    draft = evacuation.evacuation(site.site, site.madrid.id, site.m1)
    offered = {c.ref: c for c in hosts(site.site, draft, site.web)}
    assert offered[site.m1].reason == "m1 is the host that is to be emptied."
    assert offered[site.m2].usable
    assert blocks(answered(site.site, draft.on(site.web, site.m1))) == ["R12", "R05"]


def test_a_vm_that_no_other_host_can_take_may_be_shut_down(site: TwoPools) -> None:
    big = site.madrid.vm("big", on=site.m1, memory=60 * GiB, disks=[site.m_nfs])
    site.madrid.set(big, allowed_operations=["clean_shutdown", "pool_migrate"])
    for host in (site.m2, site.m3):
        site.madrid.vm(f"full {host}", on=host, memory=50 * GiB, disks=[site.m_nfs])
    evaluation = leaving(site)
    assert evaluation.plan is None
    found = next(p for p in evaluation.problems if p.blocks and p.subject.name == "big")
    assert found.remedy == ShutDownHere(pool=site.madrid.id, vm=big, vm_name="big")
    assert "shut big down" in found.hint
    assert "m1" not in found.message  # that it leaves m1 is no reason
    assert "big" in offer(found.remedy).question
    site.madrid.set(big, allowed_operations=[])
    found = next(p for p in leaving(site).problems if p.blocks and p.subject.name == "big")
    assert found.fix == ""


def test_the_coordinator_of_a_pool_with_high_availability_stays(site: TwoPools) -> None:
    site.madrid.set(site.madrid.ref, ha_enabled=True)
    evaluation = leaving(site)
    assert "R05" in blocks(evaluation)
    assert "coordinates" in next(p.message for p in evaluation.problems if p.blocks and p.subject.name == "m1")
    draft = evacuation.evacuation(site.site, site.madrid.id, site.m2)
    assert "R05" not in blocks(answered(site.site, draft))


def test_what_has_stopped_meanwhile_is_left_out_and_what_has_started_joins(site: TwoPools) -> None:
    other = site.madrid.vm("other", on=site.m1, disks=[site.m_nfs])
    draft = evacuation.evacuation(site.site, site.madrid.id, site.m1).on(site.web, site.m3).on(other, site.m2)
    inventory = site.madrid.inventory()
    assert evacuation.following(draft, inventory) is draft
    site.madrid.set(site.web, power_state="Halted", resident_on="OpaqueRef:NULL")
    new = site.madrid.vm("new", on=site.m1, disks=[site.m_nfs])
    after = evacuation.following(draft, site.madrid.inventory())
    assert after.vms == (new, other)
    assert after.hosts == {other: site.m2}


def test_the_plan_is_read_back_as_it_was(site: TwoPools) -> None:
    evaluation = leaving(site)
    assert evaluation.plan is not None
    draft = draft_of(evaluation.plan, site.site)
    assert draft.leaves == site.m1
    assert draft.at_once == 10
    again = answered(site.site, draft).plan
    assert again is not None
    assert same_intent(again, evaluation.plan)
    script = xe_script(evaluation.plan)
    assert script.index("xe host-disable uuid=") < script.index("xe vm-migrate uuid=")


def test_the_session_must_be_allowed_to_disable_the_host(site: TwoPools) -> None:
    from xsmigui.core.migration.evaluation import evaluate

    draft = evacuation.evacuation(site.site, site.madrid.id, site.m1)
    (asked,) = [q for q in evaluate(site.site, draft).questions if isinstance(q, MayCall)]
    assert {"host.disable", "VM.pool_migrate"} <= set(asked.methods)


def test_the_vms_that_left_come_back(site: TwoPools) -> None:
    a = site.madrid
    gone, halted = a.vm("gone", on=site.m2, disks=[site.m_nfs]), a.vm("halted", disks=[site.m_nfs])
    uuids = ", ".join([a.uuid(gone), a.uuid(halted), a.uuid(site.web), "unknown"])
    a.set(site.m1, enabled=False, other_config={MODE: "true", MOVED: uuids})
    inventory = a.inventory()
    assert not evacuation.takes(inventory, site.m1)
    assert not evacuation.takes(inventory, site.m1)
    assert evacuation.evacuated(inventory, site.m1) == (gone,)  # web is on it, halted does not run
    a.set(site.m1, enabled=True)
    plan = answered(site.site, evacuation.back(site.site, a.id, site.m1, (gone,))).plan
    assert plan is not None
    assert [(move.vm.name, move.host.name, move.kind) for move in plan.moves] == [("gone", "m1", Kind.live)]
    assert plan.evacuates is None


def test_why_it_can_be_neither_entered_nor_left(site: TwoPools) -> None:
    everything, pool = site.site, site.madrid.id
    assert evacuation.why_not(everything, None, None) == "Select a host first."
    assert evacuation.why_not(everything, pool, site.m1) == ""
    alone = site_of(site.madrid, connected=[])
    assert "not connected" in evacuation.why_not(alone, pool, site.m1)
    metrics = site.madrid.get(site.m2).metrics
    site.madrid.set(metrics, live=False)
    assert "cannot be reached" in evacuation.why_not(site.site, pool, site.m2)


def test_what_is_said_of_the_coordinator(site: TwoPools) -> None:
    inventory = site.madrid.inventory()
    (note,) = evacuation.notes(inventory, site.m1)
    assert "coordinates Madrid" in note
    assert list(evacuation.notes(inventory, site.m2)) == []


def test_a_paused_vm_keeps_the_host_from_being_emptied(site: TwoPools) -> None:
    site.madrid.vm("paused", on=site.m1, disks=[site.m_nfs], power_state="Paused")
    found = problem(leaving(site), "R10")
    assert found.blocks
    draft = replace(evacuation.evacuation(site.site, site.madrid.id, site.m1), vms=())
    assert answered(site.site, draft).plan is None  # nothing to move, and nothing against it
    assert blocks(answered(site.site, draft)) == []
