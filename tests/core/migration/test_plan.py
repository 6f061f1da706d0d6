import msgspec
import pytest

from tests.core.migration.helpers import answered, away, inside
from tests.core.site import TwoPools, site_of
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.plan import Plan, PlanRefused, draft_of, same_intent
from xsmigui.core.refs import VdiRef


def plan_of(site: Site, draft: Draft) -> Plan:
    plan = answered(site, draft).plan
    assert plan is not None
    return plan


def drafts(site: TwoPools) -> list[Draft]:
    sleeping = inside(site, site.sleeper)
    return [
        inside(site, site.web),
        inside(site, site.web).on_same_sr(site.m_iscsi),
        inside(site, site.db).on_same_sr(site.m_nfs),
        sleeping.on_same_sr(site.m_iscsi),
        sleeping.placing(VdiRef("OpaqueRef:Madrid/VDI/sleeper 0"), site.m_iscsi),
        inside(site, site.files).on_same_sr(site.m_iscsi),
        away(site, site.web, site.db, site.files, site.sleeper),
        away(site, site.files).over(site.l_management),
        Draft(
            site.madrid.id, (site.files,), site.lisboa.id, copy=True, start_after=True, compress=True, set_home=False
        ),
    ]


def test_a_plan_survives_being_written_down() -> None:
    site = TwoPools()
    for draft in drafts(site):
        plan = plan_of(site.site, draft)
        assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_the_draft_of_a_plan_means_the_same() -> None:
    site = TwoPools()
    for draft in drafts(site):
        plan = plan_of(site.site, draft)
        again = plan_of(site.site, draft_of(plan, site.site))
        assert same_intent(again, plan)
        assert again == plan


def test_each_vm_alone_means_the_same() -> None:
    """As the executor judges it again before its turn."""
    site = TwoPools()
    whole = plan_of(site.site, drafts(site)[6])
    for move in whole.moves:
        single = msgspec.structs.replace(whole, moves=(move,))
        assert same_intent(plan_of(site.site, draft_of(single, site.site)), single)


def test_objects_are_found_again_by_uuid() -> None:
    """After the coordinator restored its database every reference is another."""
    site, other = TwoPools(), TwoPools()
    plan = plan_of(site.site, away(site, site.web))
    old = plan.moves[0].vm
    stale = msgspec.structs.replace(old, ref="OpaqueRef:of another life")
    moves = (msgspec.structs.replace(plan.moves[0], vm=stale),)
    found = draft_of(msgspec.structs.replace(plan, moves=moves), other.site)
    assert found.vms == (site.web,)


def test_what_is_gone_is_named() -> None:
    site = TwoPools()
    plan = plan_of(site.site, away(site, site.web))
    with pytest.raises(PlanRefused, match="Lisboa"):
        draft_of(plan, site_of(site.madrid))
    site.lisboa.remove(site.l1)
    with pytest.raises(PlanRefused, match="l1"):
        draft_of(plan, site.site)
    nameless = msgspec.structs.replace(plan.moves[0].vm, uuid="", ref="gone", name="web")
    moves = (msgspec.structs.replace(plan.moves[0], vm=nameless),)
    with pytest.raises(PlanRefused, match="web"):
        draft_of(msgspec.structs.replace(plan, moves=moves), site.site)


def test_what_a_plan_says() -> None:
    site = TwoPools()
    (move,) = plan_of(site.site, inside(site, site.db).on_same_sr(site.m_nfs)).moves
    disk, follows = move.disks
    assert (disk.position, disk.follows, disk.stays) == ("0", False, False)
    assert (follows.position, follows.follows) == ("", True)
    assert move.travelling == disk.size + follows.size
    assert move.source_host is not None
    assert (move.source_host.name, move.host.name) == ("m2", "m3")
    assert move.storage_network is not None
    (live,) = plan_of(site.site, inside(site, site.web)).moves
    assert (live.travelling, live.storage_network) == (0, None)
    assert [(cd.disk.name, cd.stays) for cd in live.cds] == [("debian.iso", True)]
    (nowhere,) = plan_of(site.site, away(site, site.files)).moves
    assert nowhere.source_host is None


def test_other_intents() -> None:
    site = TwoPools()
    one = plan_of(site.site, inside(site, site.web))
    other = plan_of(site.site, inside(site, site.web).on(site.web, site.m2))
    assert not same_intent(one, other)
    assert (one.crosses, plan_of(site.site, away(site, site.web)).crosses) == (False, True)
