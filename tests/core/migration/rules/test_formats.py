"""The format of a disk's image at the destination: offered where there is a choice, refused where there is none."""

import pytest

from tests.core.migration.helpers import answered, away, blocks, problem, rules
from tests.core.site import TwoPools
from tests.judged import Judge
from xsmigui.core.catalogue import entry_for
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.candidates import formats
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.plan import draft_of, make_plan, same_intent
from xsmigui.core.refs import HostRef, SrRef, VmRef
from xsmigui.simulator.command import Options, build


@pytest.fixture
def site() -> TwoPools:
    made = TwoPools()
    for pool in (made.madrid, made.lisboa):
        for host in pool.hosts:
            pool.set(host, software_version={**pool.get(host).software_version, "xapi_build": "26.15.0"})
    for sm in made.lisboa.get_all("SM"):
        several = ["vhd", "qcow2"] if made.lisboa.get(sm).type == "nfs" else ["raw"]
        made.lisboa.set(sm, supported_image_formats=several)
    return made


def offered(site: TwoPools) -> list[str]:
    return [c.ref for c in formats(evaluate(site.site, away(site, site.web)).resolved.moves)]


def test_the_formats_of_the_driver_are_offered(site: TwoPools) -> None:
    assert offered(site) == ["", "vhd", "qcow2"]
    alone = evaluate(site.site, away(site, site.web).on_same_sr(site.l1_local)).resolved.moves
    assert formats(alone) == ()
    assert formats(evaluate(site.site, away(site, site.web).to(site.madrid.id)).resolved.moves) == ()


@pytest.mark.parametrize("old", ["madrid", "lisboa"])
def test_older_servers_offer_nothing(site: TwoPools, old: str) -> None:
    pool = getattr(site, old)
    for host in pool.hosts:
        pool.set(host, software_version={**pool.get(host).software_version, "xapi_build": "26.14.0"})
    assert offered(site) == []
    found = evaluate(site.site, away(site, site.web).stored_as("qcow2"))
    assert set(blocks(found)) >= {"R62"}


def test_the_choice_is_sent_with_every_disk_that_moves(site: TwoPools) -> None:
    draft = away(site, site.web).stored_as("qcow2")
    evaluation = answered(site.site, draft)
    assert evaluation.plan is not None, [p.message for p in evaluation.problems if p.blocks]
    send = evaluation.plan.moves[0].calls[1]
    assert send.method == "VM.migrate_send"
    vdi_map, formats_map = send.params[3], send.params[7]
    assert formats_map == dict.fromkeys(vdi_map, "qcow2")  # type: ignore[call-overload]
    again = draft_of(evaluation.plan, site.site)
    assert again.image_format == "qcow2"
    fresh = answered(site.site, again).plan
    assert fresh is not None
    assert same_intent(fresh, evaluation.plan)
    plain = answered(site.site, away(site, site.web)).plan
    assert plain is not None
    assert len(plain.moves[0].calls[1].params) == 6  # servers of old know no more


def test_r62_a_format_that_the_sr_does_not_know(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.web).stored_as("raw"))
    assert blocks(found)[0] == "R62"
    refused = next(p for p in found.problems if p.rule == "R62" and p.blocks)
    assert "cannot be stored as raw on l-nfs" in refused.message
    assert "vhd and qcow2" in refused.hint
    assert "R62" not in rules(evaluate(site.site, away(site, site.web).stored_as("vhd")))


def test_r62_a_choice_takes_the_place_of_the_warning(site: TwoPools) -> None:
    site.lisboa.set(site.lisboa.get_all("SM", type="nfs")[0], supported_image_formats=["vhd", "raw"])
    site.madrid.set("OpaqueRef:Madrid/VDI/web 0", sm_config={"image-format": "qcow2"})
    assert "stored in another format" in problem(evaluate(site.site, away(site, site.web)), "R62").message
    assert "R62" not in rules(evaluate(site.site, away(site, site.web).stored_as("vhd")))


def test_another_destination_forgets_the_choice(site: TwoPools) -> None:
    assert away(site, site.web).stored_as("qcow2").to(site.madrid.id).image_format == ""


@pytest.mark.parametrize(("form", "code"), [("qcow2", ""), ("raw", "VDI_INCOMPATIBLE_TYPE")])
async def test_r62_the_server_refuses_what_the_rule_does(form: str, code: str) -> None:
    site = build(Options(scenario="mixed-versions", speed=0, seed=1))
    judge = await Judge.of(site)
    here = judge.site()
    pool = next(p for p, inventory in here.pools.items() if inventory.name == "New 9")
    inventory = here.pools[pool]
    vm, host = VmRef(inventory.find("VM", "new-vm-1")[0]), HostRef(inventory.find("host", "new-1")[0])
    local = SrRef(inventory.find("SR", "Local storage")[0])
    draft = Draft(pool, (vm,), pool, {vm: host}).on_same_sr(local).stored_as(form)
    found = await judge.judged(draft)
    assert ("R62" in blocks(found)) is bool(code)
    plan = make_plan(found.draft, found.resolved.moves)
    if not code:
        await judge.carry_out(plan)
        return
    with pytest.raises(ServerFailure) as refused:
        await judge.carry_out(plan)
    assert refused.value.code == code
    entry = entry_for(refused.value)
    assert entry is not None
    assert entry.rule == "R62"
