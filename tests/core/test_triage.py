"""What may be done about a job that did not succeed: facts first, the safest step first."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import answered, away
from tests.core.site import TwoPools
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.messages import render
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.exchange import JOB, Replacement
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.refs import VdiRef
from xsmigui.core.triage import Do, Place, counting_text, counts, step_sentence, triage, where_text

NAME = "20260101-000000-abcd"
COPIED = Replacement(old="old", sr="sr", vdi={"uuid": "u", "name_label": "d"}, new="new")


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def sent(site: TwoPools, **fields: Any) -> Job:
    plan = answered(site.site, away(site, site.web)).plan
    assert plan is not None
    return Job(id=NAME, plan=plan, created=datetime(2026, 1, 1, tzinfo=UTC), vms=(VmJob(move=plan.moves[0], **fields),))


def copied(site: TwoPools, **fields: Any) -> Job:
    disk = VdiRef("OpaqueRef:Madrid/VDI/files 0")
    draft = draft_of_disks(site.site, site.madrid.id, [disk], site.m_iscsi).copying(True, 7)
    plan = answered(site.site, draft).plan
    assert plan is not None
    vm = VmJob(move=plan.moves[0], replacements=(COPIED,), **fields)
    return Job(id=NAME, plan=plan, created=datetime(2026, 1, 1, tzinfo=UTC), vms=(vm,))


def steps(job: Job, site: TwoPools | None = None) -> tuple[Do, ...]:
    found = triage(job, 0, site.site if site is not None else None)
    assert found is not None
    return found.steps


def test_what_goes_well_needs_nothing(site: TwoPools) -> None:
    for state in (State.waiting, State.running, State.lost):
        assert triage(sent(site, state=state), 0, site.site) is None
    assert triage(sent(site, state=State.done, verified=True), 0, site.site) is None
    assert triage(sent(site, state=State.done), 0, site.site) is not None


def test_what_has_stopped_is_resumed_first(site: TwoPools) -> None:
    assert steps(sent(site, state=State.interrupted, begun=2)) == (Do.resume, Do.forget)
    found = copied(site, state=State.interrupted)
    assert steps(found) == (Do.resume, Do.revert, Do.allow_start, Do.forget)
    assert steps(found, site) == (Do.resume, Do.revert, Do.allow_start, Do.forget)


def test_what_cannot_be_read_can_only_be_planned_again_or_forgotten(site: TwoPools) -> None:
    assert steps(sent(site, state=State.interrupted)) == (Do.retry, Do.forget)


@pytest.mark.parametrize("state", [State.failed, State.cancelled])
def test_what_has_failed(site: TwoPools, state: State) -> None:
    assert steps(sent(site, state=state)) == (Do.retry, Do.forget)
    assert steps(sent(site, state=state), site) == (Do.retry, Do.forget)


def test_what_it_has_left(site: TwoPools) -> None:
    disk = site.madrid.get(VdiRef("OpaqueRef:Madrid/VDI/web 0"))
    job = sent(site, state=State.failed, before=(), after=("come",))
    assert steps(job) == (Do.leftovers, Do.retry, Do.forget)
    assert steps(job, site) == (Do.retry, Do.forget)  # it is gone again
    target = next(d.target.ref for d in job.vms[0].move.disks if d.disk.uuid == disk.uuid)
    left = site.lisboa.disk(target, disk.virtual_size, disk.name_label)  # type: ignore[arg-type]
    came = replace(job, vms=(replace(job.vms[0], after=(site.lisboa.uuid(left),)),))
    assert steps(came, site) == (Do.leftovers, Do.retry, Do.forget)


@pytest.mark.parametrize(("fields", "offered"), [
    ({"other_config": {JOB: NAME}}, True),
    ({"other_config": {JOB: "another"}}, False),
    ({"blocked_operations": {"start": f"xsmigui: its virtual disks are being moved (job {NAME})"}}, True),
    ({"blocked_operations": {"start": "xsmigui: its virtual disks are being moved (job another)"}}, False),
    ({"blocked_operations": {"start": f"mine (job {NAME})"}}, False),
])  # fmt: skip
def test_a_vm_that_still_bears_its_marks(site: TwoPools, fields: dict[str, Any], offered: bool) -> None:
    job = copied(site, state=State.failed)
    site.madrid.set(site.files, **fields)
    assert (Do.allow_start in steps(job, site)) is offered


def test_a_vm_in_both_pools_is_not_planned_again(site: TwoPools) -> None:
    job, uuid = sent(site, state=State.failed), site.madrid.uuid(site.web)
    there = site.lisboa.vm("web")
    site.lisboa.set(there, uuid=uuid)
    found = triage(job, 0, site.site)
    assert found is not None
    assert found.steps == (Do.forget,)
    assert found.places == (Place("Madrid", "Running", "m1"), Place("Lisboa", "Halted"))
    assert where_text(found) == (
        "web is in Madrid, running on m1. web is in Lisboa, halted. The one in Madrid counts; the one in Lisboa is what"
        " the migration has left. The server removes the source last, so the disks there are complete. Don't start it"
        " there: both use the same identity. Compare them, then remove it with its disks."
    )


@pytest.mark.parametrize(("here", "there", "which"), [
    ("Running", "Halted", 0), ("Halted", "Halted", 0), ("Halted", "Running", 1), ("Running", "Running", 0),
    ("Suspended", "Running", 1),
])  # fmt: skip
def test_which_of_two_counts(here: str, there: str, which: int) -> None:
    places = (Place("A", here), Place("B", there))
    assert counts(places) == which
    assert render(counting_text(places)[0]).startswith(f"The one in {'AB'[which]} counts")
    assert counts(places[:1]) is None
    assert counting_text(()) == []


def test_the_servers_words_once_each(site: TwoPools) -> None:
    subject = Subject("VM", "", "web")
    said = [
        Problem(rule="R05", severity=Severity.block, subject=subject, finding="m", raw=raw)
        for raw in ("A(1)", "", "A(1)", "B(2)")
    ]
    found = triage(sent(site, state=State.failed, problems=tuple(said)), 0)
    assert found is not None
    assert found.words == ("A(1)", "B(2)")
    assert found.places == ()
    assert where_text(found) == ""


def test_every_step_has_a_sentence() -> None:
    assert len({step_sentence(do) for do in Do}) == len(Do)


def test_a_source_that_was_kept_can_be_put_back(site: TwoPools) -> None:
    assert steps(copied(site, state=State.done))[0] is Do.revert
    assert Do.revert not in steps(copied(site, state=State.done, keeps=False))
