"""Everything that a job leaves on a server, inherited in every way that there is: what each of those who look makes of
it. A mark names what it was put on; what came along to something else blocks nothing and is nobody's."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from msgspec.structs import replace as noted

from tests.core.migration.helpers import answered, problem, rules
from tests.core.migration.test_exchange import NAME, SPEC, state, vdi, vm, with_disk
from tests.core.site import TwoPools
from xsmigui.core.migration.diskdraft import DisksRefused, draft_of_disks
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.exchange import (
    JOB,
    KEPT,
    TAG,
    ExchangeSpec,
    blocking_job,
    has_inherited_mark,
    is_kept,
    job_on,
    kept_note,
    mark_of,
    next_step,
)
from xsmigui.core.migration.exchange.marks import block_reason
from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import Unblock
from xsmigui.core.migration.fixing import looked_at, subject
from xsmigui.core.migration.fixing import next_step as next_of_fix
from xsmigui.core.migration.holders import Hold, holders
from xsmigui.core.migration.kept import kept_sources
from xsmigui.core.migration.other_programs import copies_of_others
from xsmigui.core.migration.steps import Request, RollBack
from xsmigui.core.refs import VdiRef

THEIRS: Final = "20260101-000000-ffff"
"""Another job, of which nothing is known here."""

SOURCE: Final = "uuid of what was marked"

DISKS: Final[dict[str, tuple[Callable[[str], dict[str, str]], str, bool]]] = {
    "marked itself": (lambda uuid: {JOB: mark_of(THEIRS, uuid)}, THEIRS, False),
    "marked by an earlier version": (lambda _uuid: {JOB: THEIRS}, THEIRS, False),
    "copy of a marked one": (lambda _uuid: {JOB: mark_of(THEIRS, SOURCE)}, "", False),
    "a kept source": (lambda uuid: {KEPT: note(uuid)}, "", True),
    "kept by an earlier version": (lambda _uuid: {KEPT: note("")}, "", True),
    "kept, its note spoiled": (lambda _uuid: {KEPT: "{}"}, "", True),
    "copy of a kept source": (lambda _uuid: {KEPT: note(SOURCE)}, "", False),
    "copy of one that was being put back": (
        lambda _uuid: {KEPT: note(SOURCE), JOB: mark_of(THEIRS, SOURCE)}, "", False,
    ),
    "nothing": (lambda _uuid: {}, "", False),
}  # fmt: skip
"""What stands on a disk, the job that works on it, and whether it is a kept source."""


def note(uuid: str) -> str:
    fields = {"job": THEIRS, "vm": "", "position": "", "by": "x", "name": "data", "until": "2026-01-08", "uuid": uuid}
    return json.dumps(fields)


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


@pytest.fixture(params=DISKS)
def what(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loose(site: TwoPools, what: str) -> VdiRef:
    """A disk of no VM on which this stands."""
    config = DISKS[what][0]
    disk = site.madrid.disk(site.m_nfs, name="rescue")
    site.madrid.set(disk, other_config=config(site.madrid.uuid(disk)), tags=[TAG])
    return VdiRef(disk)


def test_what_stands_on_a_disk(what: str) -> None:
    config, job, kept = DISKS[what]
    assert job_on(config("own"), "own") == job
    assert is_kept(config("own"), "own") is kept
    assert has_inherited_mark(config("own"), "own") is (JOB in config("own") and not job)
    assert kept_note(config("own"), "own") is None or kept


def test_who_holds_a_disk(site: TwoPools, what: str) -> None:
    disk = loose(site, what)
    _config, job, kept = DISKS[what]
    found = {holder.hold: holder.name for holder in holders(site.madrid.inventory(), disk)}
    readable = kept and what != "kept, its note spoiled"
    assert found == ({Hold.job: job} if job else {}) | ({Hold.kept: "data"} if readable else {})
    listed = [kept.ref for kept in kept_sources(site.madrid.inventory())]
    assert listed == ([disk] if readable else [])


def test_a_plan_for_a_disk_of_no_vm(site: TwoPools, what: str) -> None:
    """A copy that somebody has made moves like any other disk; a mark of a job is named, and can be removed."""
    disk = loose(site, what)
    _config, job, kept = DISKS[what]
    if kept:
        with pytest.raises(DisksRefused, match="kept source"):
            draft_of_disks(site.site, site.madrid.id, [disk], site.m_iscsi)
        return
    found = answered(site.site, draft_of_disks(site.site, site.madrid.id, [disk], site.m_iscsi).copying(True, 7))
    assert (found.plan is None) is bool(job), [p.sentence() for p in found.problems]
    if job:
        told = problem(found, "R07")
        assert job in told.message
        assert isinstance(told.remedy, Unblock)
        assert subject(told.remedy) == ("VDI", disk, "rescue")
        assert looked_at(told.remedy) == (("VDI", disk),)
        config = site.madrid.inventory().VDI[disk].other_config
        step = next_of_fix(told.remedy, (), {disk: {"other_config": config}})
        assert isinstance(step, Request)
        assert (step.method, step.params) == ("VDI.remove_from_other_config", (disk, JOB))
        assert not isinstance(next_of_fix(told.remedy, (), {disk: {"other_config": {JOB: "later"}}}), Request)


def test_room_that_copies_of_others_will_take(site: TwoPools) -> None:
    """A rescue copy of a copy in the making bears its name and its mark for ever, and takes no more."""
    inventory = site.madrid.inventory()
    source = next(vdi for _vbd, _ref, vdi in inventory.disks(site.web))
    thin = site.madrid.sr("thin", "nfs")
    name = f"[incomplete copy] web 0 (xsmigui {THEIRS} {source.uuid[:8]})"
    copy = site.madrid.disk(thin, source.virtual_size, name)
    for of, counts in ((site.madrid.uuid(copy), True), ("another", False)):
        site.madrid.set(copy, other_config={JOB: mark_of(THEIRS, of)}, physical_utilisation=0)
        assert bool(copies_of_others(site.madrid.inventory(), [thin], [])) is counts


# A VM.

BLOCKS: Final = {"migrate_send": block_reason(THEIRS), "start": block_reason(THEIRS)}

VMS: Final[dict[str, tuple[Callable[[str], str], dict[str, str], str]]] = {
    "worked on": (lambda uuid: mark_of(THEIRS, uuid), BLOCKS, "block"),
    "worked on by an earlier version": (lambda _uuid: THEIRS, BLOCKS, "block"),
    "marked and not blocked": (lambda uuid: mark_of(THEIRS, uuid), {}, "block"),
    "cloned or copied meanwhile": (lambda _uuid: mark_of(THEIRS, SOURCE), {}, ""),
    "imported with the keys": (lambda _uuid: mark_of(THEIRS, SOURCE), BLOCKS, "inherited"),
    "imported, and worked on by another": (lambda uuid: mark_of("another", uuid), BLOCKS, "block"),
    "blocked alone": (lambda _uuid: "", BLOCKS, "block"),
}
"""The mark of a VM, its blocks, and what the rule finds."""


@pytest.mark.parametrize("copied", [True, False], ids=["this program copies", "the server moves"])
@pytest.mark.parametrize("case", VMS)
def test_a_plan_for_a_vm(site: TwoPools, case: str, copied: bool) -> None:
    """Whatever is blocked is named with the fix that lifts it."""
    mark, blocks, told = VMS[case]
    config = {JOB: mark(site.madrid.uuid(site.files))} if mark("x") else {}
    site.madrid.set(site.files, other_config=config, blocked_operations=blocks)
    disk = VdiRef("OpaqueRef:Madrid/VDI/files 0")
    draft = draft_of_disks(site.site, site.madrid.id, [disk], site.m_iscsi).copying(copied, 7)
    found = answered(site.site, draft)
    if not told or (not copied and not blocks):
        assert "R07" not in rules(found), [p.sentence() for p in found.problems]
        return
    said = problem(found, "R07")
    assert ("has inherited its blocks" in said.message) is (told == "inherited")
    assert THEIRS in said.message or "another" in said.message
    fix = said.remedy
    assert isinstance(fix, Unblock)
    assert fix.inherited is (told == "inherited")
    assert ("Those of the other VM stay." in offer(fix).question) is fix.inherited
    record: dict[str, Any] = {"other_config": dict(config), "blocked_operations": dict(blocks)}
    for _call in range(5):
        step = next_of_fix(fix, (), {site.files: record})
        if isinstance(step, Request) and step.method == "VM.remove_from_other_config":
            record["other_config"].pop(step.params[1])
        elif isinstance(step, Request):
            record["blocked_operations"].pop(step.params[1])
    assert (record["blocked_operations"], record["other_config"]) == ({}, {})
    mine = Claim(
        vm=site.madrid.uuid(site.files), source=site.madrid.id, pool=site.madrid.id, host=site.m1, memory=0, space=(),
        storage=True, job=THEIRS,
    )  # fmt: skip
    waits = answered(replace(site.site, claims=(mine,)), draft)
    assert problem(waits, "R07").remedy is None


def test_who_has_blocked() -> None:
    assert blocking_job(block_reason(THEIRS)) == THEIRS
    assert blocking_job(f"nightly backup (job {THEIRS})") == ""
    assert blocking_job("xsmigui: something else") == ""


# A job that comes across them.

IT: Final = SPEC.replacements[0]
BEGINS: Final = replace(SPEC, blocks=None)


def first_calls(spec: ExchangeSpec, found: Any) -> list[tuple[str, ...]]:
    """The calls with which a job marks what it works on, as long as it does."""
    made: list[tuple[str, ...]] = []
    while isinstance(step := next_step(spec, found), Request) and "other_config" in step.method:
        made.append((step.method, *(str(p) for p in step.params)))
        ref, *rest = step.params
        record = dict(found.vm if step.method.startswith("VM.") else found.vdis[ref])
        config = {k: v for k, v in record["other_config"].items() if k != rest[0]}
        record["other_config"] = config | ({rest[0]: rest[1]} if "add_to" in step.method else {})
        found = replace(found, vm=record) if step.method.startswith("VM.") else with_disk(found, ref, **record)
        assert len(made) < 9
    return made


def test_a_job_takes_the_place_of_inherited_marks() -> None:
    config = {JOB: mark_of(THEIRS, SOURCE)}
    found = state(
        vm=vm(other_config=config, blocked_operations={}),
        vdis={
            "old": vdi("old", VBDs=["v0"], other_config=config),
            "new": vdi("new", other_config={JOB: mark_of(NAME, "new")}),
        },
    )
    assert first_calls(BEGINS, found) == [
        ("VM.remove_from_other_config", "vm", JOB),
        ("VM.add_to_other_config", "vm", JOB, mark_of(NAME, "vm-uuid")),
        ("VDI.remove_from_other_config", "old", JOB),
        ("VDI.add_to_other_config", "old", JOB, mark_of(NAME, "old")),
    ]


@pytest.mark.parametrize("mark", [THEIRS, mark_of(THEIRS, "old")])
@pytest.mark.parametrize("on", ["vm", "old"])
def test_a_job_leaves_marks_of_others_alone(mark: str, on: str) -> None:
    mark = mark.replace(" old", " vm-uuid") if on == "vm" else mark
    config = {JOB: mark}
    found = with_disk(state(), "old", other_config=config) if on == "old" else state(vm=vm(other_config=config))
    step = next_step(BEGINS, found)
    assert isinstance(step, RollBack)
    assert THEIRS in str(step)


def test_an_inherited_mark_of_its_own_is_not_its_own() -> None:
    """A rescue copy of the disk, put in its place by hand, and what a revert has made of it."""
    found = with_disk(state(), "new", other_config={JOB: mark_of(NAME, "old")})
    back = next_step(replace(SPEC, rolling_back=True), found)
    assert not (isinstance(back, Request) and back.method == "VDI.destroy" and back.params == ("new",))
    own = with_disk(state(), "new", other_config={JOB: mark_of(NAME, "new")})
    assert isinstance(back := next_step(replace(SPEC, rolling_back=True), own), Request)
    assert (back.method, back.params) == ("VDI.destroy", ("new",))


def test_the_copy_is_named_in_its_mark_before_it_holds_anything() -> None:
    it = noted(IT, complete=False, copied=False, scanned=False)
    step = next_step(replace(SPEC, replacements=(it,)), state())
    assert isinstance(step, Request)
    assert (step.method, step.params) == ("VDI.set_other_config", ("new", {JOB: mark_of(NAME, "new")}))
    marked_new = with_disk(state(), "new", other_config={JOB: mark_of(NAME, "new")})
    step = next_step(replace(SPEC, replacements=(it,)), marked_new)
    assert isinstance(step, Request)
    assert step.method == "VDI.copy"


def test_a_source_with_an_inherited_note_is_kept_with_its_own() -> None:
    """A copy of a kept source is the VM's disk, and moves: its successor is none, and it is one of its own."""
    it = noted(IT, vdi=vdi("old", other_config={KEPT: note(SOURCE)}, tags=[TAG]), placed=True)
    spec = replace(SPEC, replacements=(it,), settled=True, keeps=True)
    theirs = {JOB: mark_of(NAME, "old"), KEPT: note(SOURCE)}
    kept_name = spec.kept_name(it)
    disks = {
        "old": vdi("old", name_label=kept_name, tags=[TAG], other_config=theirs),
        "new": vdi("new", VBDs=["v1"], other_config={JOB: mark_of(NAME, "new")}),
    }
    vbds = {"v1": {**it.vbd, "VDI": "new"}}
    step = next_step(spec, state(vdis=disks, vbds=vbds))
    assert isinstance(step, Request)
    assert (step.method, step.params) == ("VDI.remove_from_other_config", ("old", KEPT))
    disks["old"] = vdi("old", name_label=kept_name, tags=[TAG], other_config={JOB: mark_of(NAME, "old")})
    step = next_step(spec, state(vdis=disks, vbds=vbds))
    assert isinstance(step, Request)
    assert step.method == "VDI.add_to_other_config"
    assert json.loads(step.params[2])["uuid"] == "old"
