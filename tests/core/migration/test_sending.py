"""VMs that the server moves, as a table: what was begun, what both pools show, and what is next."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.migration.helpers import answered, away, inside
from tests.core.site import TwoPools
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.portrait import compared_contents
from xsmigui.core.migration.sending import REQUEST_LIFETIME_S, Lost, SendingSpec, SendingState, next_step
from xsmigui.core.migration.steps import Done, Note, Pending, Request, Wait
from xsmigui.core.records import Task
from xsmigui.core.verified import Outcome

HERE: tuple[str, dict[str, Any]] = ("OpaqueRef:here", {"current_operations": {}})
THERE: tuple[str, dict[str, Any]] = ("OpaqueRef:there", {"current_operations": {}})
MOTION = Pending(method="VM.migrate_send")
NOTHING = SendingState(None, None, False, None)


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def spec_of(plan: Plan | None, **fields: Any) -> SendingSpec:
    """The motion was sent, and neither its answer nor its task is known."""
    assert plan is not None
    known: dict[str, Any] = {
        "begun": 2, "arrived": None, "pending": MOTION, "received": True, "cancelling": False, "since_sent": 1.0,
    }  # fmt: skip
    return SendingSpec(plan, plan.moves[0], **(known | fields))


@pytest.fixture
def spec(site: TwoPools) -> SendingSpec:
    return spec_of(answered(site.site, away(site, site.web)).plan)


def pools(here: object = None, there: object = None) -> SendingState:
    return SendingState(here, there, False, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("here", "there", "arrived"), [
    (None, THERE, True), (HERE, THERE, False), (HERE, None, False), (None, None, False),
])  # fmt: skip
def test_it_has_arrived_if_it_is_there_and_nowhere_else(
    spec: SendingSpec, here: object, there: object, arrived: bool
) -> None:
    found = next_step(spec, pools(here, there))
    assert (found == Note({"arrived": THERE[0]})) is arrived
    if not arrived:
        assert isinstance(found, Wait)


def test_a_copy_never_counts_as_arrived_without_an_answer(site: TwoPools) -> None:
    draft = replace(away(site, site.files), copy=True)
    spec = spec_of(answered(site.site, draft).plan)
    assert isinstance(next_step(spec, pools(None, THERE)), Wait)


@pytest.mark.parametrize("in_place", [True, False])
def test_inside_a_pool_it_has_arrived_where_the_plan_wants_it(site: TwoPools, in_place: bool) -> None:
    spec = spec_of(answered(site.site, inside(site, site.web)).plan, begun=1)
    found = next_step(spec, SendingState(HERE, None, in_place, None))
    assert (found == Note({"arrived": HERE[0]})) is in_place


def test_the_motion_is_sent_once(spec: SendingSpec) -> None:
    """Whatever the pools show, and however often they are asked."""
    for here in (HERE, None):
        for there in (THERE, None):
            for pending in (MOTION, replace_task(""), None):
                for cancelling in (False, True):
                    for since in (0.0, REQUEST_LIFETIME_S * 2):
                        sent = replace(spec, pending=pending, cancelling=cancelling, since_sent=since)
                        found = next_step(sent, pools(here, there))
                        assert not isinstance(found, Request), found
                        assert found != Done()


def replace_task(task: str) -> Pending:
    return Pending(method="VM.migrate_send", task=task, gone=True)


@pytest.mark.parametrize(("since", "cancelling", "gone", "found"), [
    (0.0, False, False, Wait), (REQUEST_LIFETIME_S - 1, False, False, Wait), (REQUEST_LIFETIME_S, False, False, Lost),
    (0.0, True, False, Lost), (0.0, False, True, Lost),
])  # fmt: skip
def test_as_long_as_it_may_begin_nobody_says_that_it_failed(
    spec: SendingSpec, since: float, cancelling: bool, gone: bool, found: type
) -> None:
    pending = Pending(method="VM.migrate_send", gone=gone)
    sent = replace(spec, since_sent=since, cancelling=cancelling, pending=pending)
    step = next_step(sent, pools(HERE))
    assert isinstance(step, found)
    if isinstance(step, Lost):
        assert (step.was_begun, step.may_begin) == (gone, not gone)


@pytest.mark.parametrize("gone", [True, False])
def test_a_vm_that_is_on_its_way_is_waited_for(spec: SendingSpec, gone: bool) -> None:
    moving = ("OpaqueRef:here", {"current_operations": {"OpaqueRef:task": "migrate_send"}})
    found = next_step(replace(spec, pending=Pending(method="VM.migrate_send", gone=gone)), pools(moving, THERE))
    assert isinstance(found, Wait) if gone else found == Note({"task_found": "OpaqueRef:task"})


def task(status: str, heard: bool = False) -> SendingState:
    record = Task(status=status, current_operations={"x": "cancel"} if heard else {})
    return SendingState(None, None, False, record)


@pytest.mark.parametrize(("status", "heard", "asks"), [
    ("pending", False, True), ("pending", True, False), ("cancelling", False, False), ("success", False, False),
])  # fmt: skip
def test_a_cancel_is_sent_until_the_task_shows_that_it_was_heard(
    spec: SendingSpec, status: str, heard: bool, asks: bool
) -> None:
    wanted = replace(spec, cancelling=True, pending=Pending(method="VM.migrate_send", task="OpaqueRef:task"))
    found = next_step(wanted, task(status, heard))
    assert (isinstance(found, Request) and found.method == "task.cancel") is asks


def test_a_start_is_not_repeated(site: TwoPools) -> None:
    draft = replace(away(site, site.files), start_after=True)
    spec = spec_of(answered(site.site, draft).plan, arrived="OpaqueRef:there", pending=None, followed=3)
    start = next_step(spec, NOTHING)
    assert isinstance(start, Request)
    assert (start.method, start.params[0]) == ("VM.start_on", "OpaqueRef:there")
    again = next_step(replace(spec, begun=start.disk), NOTHING)
    assert again == Note({"followed": start.disk, "unknown": "VM.start_on"})
    assert next_step(replace(spec, followed=start.disk), NOTHING) == Done()


def test_contents_are_summed_up_before_and_after(site: TwoPools) -> None:
    draft = replace(away(site, site.files), prove=True)
    plan = answered(site.site, draft).plan
    spec = spec_of(plan, begun=0, pending=None, received=False)
    disks = [disk for disk in spec.move.disks if not disk.follows]
    first = next_step(spec, NOTHING)
    assert isinstance(first, Request)
    assert (first.method, first.params) == ("VDI.checksum", (disks[0].disk.ref,))
    summed = replace(spec, sums={disk.disk.ref: "sum" for disk in disks})
    prepared = next_step(summed, NOTHING)
    assert isinstance(prepared, Request)
    assert prepared.method == "host.migrate_receive"
    new = {disk.position: f"OpaqueRef:new {disk.position}" for disk in disks}
    arrived = replace(summed, begun=2, arrived="OpaqueRef:there", received=True, new=new)
    after = next_step(arrived, NOTHING)
    assert isinstance(after, Request)
    assert (after.method, after.params) == ("VDI.checksum", (new[disks[0].position],))


@pytest.mark.parametrize(("before", "after", "size", "outcome"), [
    ("a", "a", 0, Outcome.same),
    ("a", "b", 0, Outcome.differs),
    ("a", "b", 1 << 21, Outcome.unknown),  # an SR has rounded it up: the sums tell nothing
    ("a", "a", 1 << 21, Outcome.same),
    ("", "a", 0, Outcome.unknown),
    ("a", "", 0, Outcome.unknown),
    ("", "", 0, Outcome.unknown),  # two sums that were never made are not equal
])  # fmt: skip
def test_sums_of_contents_are_compared(site: TwoPools, before: str, after: str, size: int, outcome: Outcome) -> None:
    plan = answered(site.site, replace(away(site, site.files), prove=True)).plan
    assert plan is not None
    (disk, *_others) = (d for d in plan.moves[0].disks if not d.follows)
    sums = {disk.disk.ref: before, "new": after}
    found = compared_contents(plan.moves[0], sums, {disk.position: "new"}, {disk.position: disk.size + size})
    assert (found[0].subject, found[0].outcome) == (disk.disk.name, outcome)
