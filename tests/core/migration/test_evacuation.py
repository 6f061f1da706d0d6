"""Emptying a host: who leaves, where to, what stands against it, and the way back."""

from dataclasses import replace

import pytest

from tests.core.migration.helpers import answered, blocks, problem
from tests.core.site import GiB, TwoPools, site_of
from xsmigui.core.migration import evacuation, leaving_out
from xsmigui.core.migration.candidates import hosts
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evacuation import HALTED, MODE, MOVED, SUSPENDED
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.facts import MayCall
from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import ShutDownHere
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


@pytest.mark.parametrize(("enabled", "config", "ready", "finished"), [
    (True, {}, False, True),
    (False, {}, False, False),
    (True, {MODE: "true"}, False, False),
    (False, {MODE: "true"}, True, False),
    (False, {MODE: "false"}, False, False),
    (True, {MOVED: "a"}, False, False),
    (True, {HALTED: "a"}, False, False),
    (True, {SUSPENDED: ""}, False, True),
])  # fmt: skip
def test_nothing_is_left_to_do_before_or_after_a_maintenance(
    site: TwoPools, enabled: bool, config: dict[str, str], ready: bool, finished: bool
) -> None:
    site.madrid.set(site.m3, enabled=enabled, other_config=config)  # nobody runs there
    inventory = site.madrid.inventory()
    assert evacuation.is_ready(inventory, site.m3) is ready
    assert evacuation.is_finished(inventory, site.m3) is finished
    site.madrid.set(site.web, resident_on=site.m3)
    assert not evacuation.is_ready(site.madrid.inventory(), site.m3)


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
    assert found.remedy == ShutDownHere(pool=site.madrid.id, host=site.m1, vm=big, vm_name="big")
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
    assert after.vms == (other, new)  # who comes later comes last; an order chosen by hand stays
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
    slept = a.vm("slept", disks=[site.m_nfs])
    a.suspend(slept, site.m_nfs)
    uuids = ", ".join([a.uuid(gone), a.uuid(halted), a.uuid(site.web), "unknown"])
    off = ",".join([a.uuid(halted), a.uuid(gone)])  # gone was started again by somebody
    a.set(site.m1, enabled=False, other_config={MODE: "true", MOVED: uuids, HALTED: off, SUSPENDED: a.uuid(slept)})
    inventory = a.inventory()
    assert not evacuation.accepts_vms(inventory, site.m1)
    waiting = evacuation.returning(inventory, site.m1)
    assert waiting.run == (gone,)  # web is on it, halted does not run
    assert waiting.halted == (halted,)
    assert waiting.suspended == (slept,)
    a.set(site.m1, enabled=True)
    plan = answered(site.site, evacuation.back(site.site, a.id, site.m1, (gone,))).plan
    assert plan is not None
    assert [(move.vm.name, move.host.name, move.kind) for move in plan.moves] == [("gone", "m1", Kind.live)]
    assert plan.evacuates is None


@pytest.mark.parametrize(
    ("enabled", "config", "expected"),
    [
        (True, {}, False),
        (False, {}, True),
        (False, {MODE: "true"}, True),
        (True, {MODE: "true"}, True),  # it was restarted, and came back enabled
        (True, {MODE: "false"}, False),
        (True, {MOVED: "somebody"}, False),
    ],
)
def test_maintenance_is_what_the_host_is_marked_with(
    site: TwoPools, enabled: bool, config: dict[str, str], expected: bool
) -> None:
    site.madrid.set(site.m1, enabled=enabled, other_config=config)
    assert evacuation.in_maintenance(site.madrid.inventory(), site.m1) is expected


def test_nothing_known_is_in_maintenance(site: TwoPools) -> None:
    inventory = site.madrid.inventory()
    assert not evacuation.in_maintenance(None, site.m1)
    assert not evacuation.in_maintenance(inventory, None)
    assert not evacuation.in_maintenance(inventory, site.l1)


def test_a_second_maintenance_forgets_nobody(site: TwoPools) -> None:
    a = site.madrid
    first, second = a.vm("first", on=site.m2, disks=[site.m_nfs]), a.vm("second", on=site.m3, disks=[site.m_nfs])
    halted = a.vm("halted", disks=[site.m_nfs])
    uuids = ",".join([a.uuid(first), a.uuid(site.web), "gone-for-good"])
    a.set(site.m1, other_config={MODE: "true", MOVED: uuids, HALTED: a.uuid(halted)})
    lists = evacuation.lists_of_leaving(a.inventory(), site.m1, (site.web,))
    assert lists == {MOVED: (a.uuid(first), a.uuid(site.web)), SUSPENDED: (), HALTED: (a.uuid(halted),)}
    assert a.uuid(second) not in lists[MOVED]


def test_a_vm_that_is_to_be_shut_down_is_listed_before_it_is(site: TwoPools) -> None:
    a = site.madrid
    halted = a.vm("halted", disks=[site.m_nfs])
    a.set(site.m1, other_config={HALTED: a.uuid(halted)})
    lists = evacuation.with_halted(a.inventory(), site.m1, site.web)
    assert lists[HALTED] == (a.uuid(halted), a.uuid(site.web))
    a.set(site.web, power_state="Halted", resident_on="OpaqueRef:NULL")
    a.set(site.m1, other_config={HALTED: ",".join(lists[HALTED])})
    assert evacuation.lists_of_leaving(a.inventory(), site.m1, ())[HALTED] == lists[HALTED]


def test_what_may_come_back_is_judged_as_if_the_host_took_vms(site: TwoPools) -> None:
    a = site.madrid
    gone = a.vm("gone", on=site.m2, disks=[site.m_nfs])
    a.set(site.m1, enabled=False)
    draft = evacuation.back(site.site, a.id, site.m1, (gone,))
    assert blocks(answered(site.site, draft)) == ["R05"]
    assert blocks(answered(evacuation.as_enabled(site.site, a.id, site.m1), draft)) == []
    assert not site.site.pools[a.id].host[site.m1].enabled  # nothing was changed


# Those that can go, without those that cannot.


def going(site: TwoPools, draft: Draft) -> tuple[list[str], dict[str, str]]:
    """Who goes, and who is left out with the rule that speaks against them."""
    out: dict[str, str] = {}
    while True:
        evaluation = answered(site.site, draft)
        stuck = leaving_out.blocked(evaluation)
        if not stuck:
            moves = evaluation.plan.moves if evaluation.plan is not None else ()
            return [move.vm.name for move in moves], out
        out |= {vm.name: vm.problem.rule for vm in leaving_out.left_out(evaluation, stuck)}
        draft = leaving_out.without(draft, stuck)


def test_two_of_five_do_not_fit_and_three_come_back(site: TwoPools) -> None:
    """m1 has 62 GiB, 2 of them web's; as many come back as can."""
    a = site.madrid
    sizes = {"a": 10, "b": 30, "c": 12, "d": 25, "e": 14}
    vms = tuple(a.vm(name, on=site.m2, memory=gib * GiB, disks=[site.m_nfs]) for name, gib in sizes.items())
    draft = evacuation.back(site.site, a.id, site.m1, vms)
    assert blocks(answered(site.site, draft)) == ["R40"]
    assert going(site, draft) == (["a", "c", "e"], {"b": "R40", "d": "R40"})


def test_who_is_stuck_by_itself_is_left_out(site: TwoPools) -> None:
    a = site.madrid
    a.vm("paused", on=site.m1, disks=[site.m_nfs], power_state="Paused")
    a.vm("pinned", on=site.m1, disks=[site.m_nfs], attached_PCIs=["OpaqueRef:pci"])
    draft = evacuation.evacuation(site.site, a.id, site.m1)
    assert going(site, draft) == (["web"], {"paused": "R10", "pinned": "R70"})


def test_what_no_vm_has_a_part_in_leaves_nobody_out(site: TwoPools) -> None:
    site.madrid.set(site.madrid.ref, ha_enabled=True)
    evaluation = leaving(site)
    assert evaluation.plan is None
    assert leaving_out.blocked(evaluation) == {}


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
