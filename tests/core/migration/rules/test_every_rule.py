"""Every rule from both sides, and beside the server: what it foresees the simulator refuses with the code that belongs
to it, unless it is one that the server does not check."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from tests.core.migration.rules.cases import (
    ACCEPTED,
    CASES,
    SOURCE,
    TARGET,
    WELL,
    Case,
    Edit,
    Scene,
    both,
    closed,
    each_host,
    release,
)
from tests.judged import Judge, Way
from tests.simulator.inside import Client
from tests.spanish import in_spanish
from xsmigui.core.catalogue import entry_for
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.plan import make_plan
from xsmigui.core.migration.rules import BATCH_RULES, RULES
from xsmigui.core.problems import Severity
from xsmigui.core.refs import SrRef, VmRef
from xsmigui.simulator.command import Options, build
from xsmigui.simulator.profiles import PROFILES

TABLE = Path(__file__).parents[5] / "shared" / "rules.md"
ELSEWHERE = {"R08": "test_r08_rights_of_a_reader", "R75": "test_r75_ipv6_and_old_kernels", "R77": "test_stopping"}
"""Rules whose three tests are functions of their own."""

ORDINARY = sorted(set(CASES) - set(ELSEWHERE))


async def scene(case: Case) -> Scene:
    site = build(Options(scenario="blockers", speed=0, seed=1))
    made = Scene(await Judge.of(site), case.vm)
    if case.edit is not None:
        case.edit(made)
        made.refresh()
    return made


async def evaluation(case: Case) -> tuple[Scene, Evaluation]:
    made = await scene(case)
    site = made.judge.site()
    return made, evaluate(site, made.draft(case, site))


@pytest.mark.parametrize("name", ORDINARY)
async def test_it_fires(name: str) -> None:
    """And nothing else is as bad."""
    case, rule = CASES[name], name[:3]
    _scene, found = await evaluation(case)
    fired = [p for p in found.problems if p.rule == rule]
    assert fired, [p.rule for p in found.problems]
    assert max(p.severity for p in fired) is case.severity
    if case.alone and case.severity.name != "info":
        assert {p.rule for p in found.problems if p.severity >= case.severity} == {rule}


@pytest.mark.parametrize("name", ORDINARY)
async def test_it_is_silent(name: str) -> None:
    _scene, found = await evaluation(CASES[name].quiet or Case())
    assert name[:3] not in {p.rule for p in found.problems}


@pytest.mark.parametrize("name", ORDINARY)
async def test_its_findings_are_facts(name: str) -> None:
    """The same evaluation is read in English and then in Spanish; one made under Spanish is the same."""
    case = CASES[name]
    made, found = await evaluation(case)
    site = made.judge.site()
    english = [p.sentence() for p in found.problems]
    with in_spanish():
        spanish = [p.sentence() for p in found.problems]
        again = evaluate(site, made.draft(case, site))
    assert again.problems == found.problems
    assert not set(english) & set(spanish)
    assert [p.sentence() for p in again.problems] == english
    assert not [p for p in found.problems if isinstance(p.finding, str) or (isinstance(p.advice, str) and p.advice)]


@pytest.mark.parametrize("name", ORDINARY)
async def test_the_server_refuses_what_it_foresees(name: str) -> None:
    """The plan is carried out all the same."""
    case, rule = CASES[name], name[:3]
    made, found = await evaluation(case)
    gate = [move for move in found.resolved.moves if move.operation not in move.vm.allowed_operations]
    plan = make_plan(found.draft, found.resolved.moves)
    codes = (case.code,) if isinstance(case.code, str) else case.code
    work = made.judge.carry_out(plan)
    if rule == "R06":  # the call itself would wait for two hours
        work.close()
        work = made.judge.ways[found.draft.source].call("VM.assert_operation_valid", gate[0].ref, gate[0].operation)
    if codes == (ACCEPTED,):
        await work
        return
    with pytest.raises(ServerFailure) as refusal:
        await work
    assert refusal.value.code in codes, refusal.value
    entry = entry_for(refusal.value)
    assert entry is not None
    assert entry.rule == (case.belongs or rule)


INSIDE = {
    "R22 kept apart": CASES["R22"],
    "R10 suspended": Case(to=SOURCE, host="block-2"),
    "R57 halted": CASES["R57"],
    "R58 local disk": CASES["R58"],
    "R81 network of one host": CASES["R81"],
}
"""Objects of the scenario whose trouble shows in their own pool."""


async def named_objects(cls: str) -> list[str]:
    made = await scene(Case())
    rows = made.pool(SOURCE).db.table(cls).values()
    return sorted(r["name_label"] for r in rows if re.match(r"R\d\d ", r["name_label"]) and not r.get("is_a_snapshot"))


def worst_rules(found: Evaluation) -> set[str]:
    """The rules that say the worst of what is said, except for what is said of every move."""
    said = [p for p in found.problems if p.rule not in ("R19", "R20", "R59", "R84")]
    worst = max((p.severity for p in said), default=None)
    return {p.rule for p in said if p.severity is worst}


async def test_every_vm_of_the_scenario_is_stopped_by_the_rule_it_is_named_after() -> None:
    names = await named_objects("VM")
    assert len(names) > 40
    wrong = {}
    for name in names:
        case = replace(INSIDE.get(name, Case()), vm=name)
        made = await scene(case)
        site = made.judge.site()
        found = worst_rules(await made.judge.judged(made.draft(case, site), site))
        if found != ({name[:3]} - {"R00"}):
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize(
    ("sr", "to", "host"),
    [
        ("R50 nearly full", SOURCE, "block-1"),
        ("R52 cannot mirror", SOURCE, "block-2"),
        ("R52 cannot receive", TARGET, "target-1"),
        ("R68 unplugged", SOURCE, "block-2"),
    ],
)
async def test_every_sr_of_the_scenario_is_refused_by_the_rule_it_is_named_after(sr: str, to: str, host: str) -> None:
    vm = "R50 large disk" if sr.startswith("R50") else WELL
    _scene, found = await evaluation(Case(vm, to, host, sr))
    assert {p.rule for p in found.problems if p.blocks} == {sr[:3]}


RELEASES = {
    "7.1": True, "7.1-cu2": True, "8.0": True, "8.2-cu1": True, "8.2-cu1-1033": False, "8.4": False, "25.33": False,
    "26.17": False,
}  # fmt: skip
"""By the source's release whether it needs port 80 at the destination."""


def hotfixed(name: str) -> Edit:
    """The source's hosts have the hotfixes of a release."""

    def edit(scene: Scene) -> None:
        db = scene.pool(SOURCE).db
        for hotfix in PROFILES[name].hotfixes:
            db.create("pool_update", {"name_label": hotfix, "version": "1.0", "hosts": list(db.table("host"))})

    return edit


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("brand", ["", "XCP-ng"])
async def test_r17_every_release_with_and_without_port_80(name: str, is_closed: bool, brand: str) -> None:
    """What is foreseen is what the server does. Of XCP-ng 8.2 nobody knows; for want of a hotfix that tells, the
    simulator refuses."""
    edits = [release(name, "26.17"), hotfixed(name), *([closed] if is_closed else [])]
    edits += [each_host(SOURCE, product_brand=brand)] if brand else []
    made, found = await evaluation(Case(edit=both(*edits)))
    fails = RELEASES[name] and is_closed
    unknown = bool(brand) and name.startswith("8.2")
    severities = [p.severity for p in found.problems if p.rule == "R17"]
    assert severities == ([Severity.warn if unknown else Severity.block] if fails else [])
    work = made.judge.carry_out(make_plan(found.draft, found.resolved.moves))
    if not fails:
        await work
        return
    with pytest.raises(ServerFailure) as refusal:
        await work
    entry = entry_for(refusal.value)
    assert (refusal.value.code, entry and entry.rule) == ("INTERNAL_ERROR", "R17")


async def test_r08_rights_of_a_reader() -> None:
    """It fires for a session without the rights, is silent for an administrator's, and the server refuses."""
    case = Case()
    made = await scene(case)
    site = made.judge.site()
    draft = made.draft(case, site)
    assert "R08" not in {p.rule for p in (await made.judge.judged(draft, site)).problems}
    readers = []
    for way in made.judge.ways.values():
        client = Client(way.pool)
        way.pool.account("reader", "secret", "read-only")
        client.session = await client.raw("session.login_with_password", "reader", "secret", "1.1", "test")
        readers.append(Way(client))
    judge = Judge(readers)
    found = await judge.judged(draft, site)
    assert {p.rule for p in found.problems if p.blocks} == {"R08"}
    assert found.plan is None
    with pytest.raises(ServerFailure) as caught:
        await judge.carry_out(make_plan(draft, found.resolved.moves))
    assert caught.value.code == "RBAC_PERMISSION_DENIED"


def test_no_rule_of_the_list_lacks_its_tests() -> None:
    assert {rule.id for rule in (*RULES, *BATCH_RULES)} - set(CASES) == set()


@pytest.mark.shared
@pytest.mark.skipif(not TABLE.exists(), reason="lies beside the checkout")
def test_no_row_of_the_table_lacks_its_rule_or_its_tests() -> None:
    rows = set(re.findall(r"(?m)^\| (R\d\d) ", TABLE.read_text(encoding="utf-8")))
    assert len(rows) >= 60
    assert rows - set(CASES) == set()
    assert rows - {rule.id for rule in (*RULES, *BATCH_RULES)} == {"R08"}  # a fact, asked of the server


async def test_r04_the_server_refuses_the_fourth() -> None:
    """Four VMs of one host at the same time: foreseen as a wait in the queue, and without it refused."""
    site = build(Options(scenario="two-pools", speed=0, seed=1))
    judge = await Judge.of(site)
    here = judge.site()
    madrid, lisboa = here.pools
    names = ("web-01", "db-postgres", "web-02", "web-03")
    to = here.pools[madrid].find("host", "madrid-01")[0]
    for name in names[2:]:
        await judge.ways[madrid].call("VM.pool_migrate", here.pools[madrid].find("VM", name)[0], to, {})
    before = judge.site()
    vms = tuple(VmRef(before.pools[madrid].find("VM", name)[0]) for name in names)
    sr = before.pools[lisboa].find("SR", "NFS Lisboa")[0]
    found = await judge.judged(Draft(madrid, vms, lisboa).on_same_sr(SrRef(sr)))
    assert found.plan is not None
    assert "R04" in {p.rule for p in found.problems}
    runs = [judge.carry_out(replace_struct(found.plan, moves=(move,))) for move in found.plan.moves]
    ended = await asyncio.gather(*runs, return_exceptions=True)
    refused = [end for end in ended if end is not None]
    assert [getattr(end, "code", end) for end in refused] == ["TOO_MANY_STORAGE_MIGRATES"]
    entry = entry_for(refused[0])
    assert entry is not None
    assert entry.rule == "R04"
