"""The progress of whole jobs: by bytes, never backwards, with an estimate for the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.core.site import TwoPools
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.facts import Answer
from xsmigui.core.migration.moves import Kind
from xsmigui.core.progress import Meter, Pace, Work, share_done, work_of
from xsmigui.core.units import GiB

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def job(*names: str, crosses: bool = True) -> Job:
    site = TwoPools()
    refs = [getattr(site, name) for name in names or ("web",)]
    draft = site.madrid.move(*refs, destination=site.lisboa.id if crosses else site.madrid.id)
    facts: dict[object, Answer] = {}
    evaluation = evaluate(site.site, draft, facts)  # type: ignore[arg-type]
    while evaluation.questions:
        facts.update(dict.fromkeys(evaluation.questions, Answer()))
        evaluation = evaluate(site.site, draft, facts)  # type: ignore[arg-type]
    assert evaluation.plan is not None, evaluation.problems
    plan = evaluation.plan
    return Job(id="one", plan=plan, created=NOW, vms=tuple(VmJob(move=move) for move in plan.moves))


def at(job: Job, index: int = 0, **fields: object) -> Job:
    vm = replace(job.vms[index], **fields)  # type: ignore[arg-type]
    return replace(job, vms=(*job.vms[:index], vm, *job.vms[index + 1 :]))


def test_what_a_vm_has_to_carry() -> None:
    web = job().vms[0].move
    assert work_of(web, 4 * GiB) == Work(web.travelling, 4 * GiB)
    live = job(crosses=False).vms[0].move
    assert work_of(live, 4 * GiB) == Work(0, 4 * GiB)
    assert work_of(live, 0).total == 1
    copied = replace(live, kind=Kind.disk, disks=web.disks)
    assert work_of(copied, 4 * GiB, proves=True) == Work(web.travelling, 0, web.travelling)
    halted = job("files").vms[0].move
    assert work_of(halted, 4 * GiB).memory == 0


def test_the_memory_comes_after_the_disks_not_before_them() -> None:
    """93 % of the disks, then 2 % of the memory: that is forward."""
    one = job()
    work = Work(90 * GiB, 10 * GiB)
    disks = share_done(at(one, state=State.running, step=Step.disks, progress=0.93).vms[0], work)
    memory = share_done(at(one, state=State.running, step=Step.memory, progress=0.02).vms[0], work)
    assert disks == pytest.approx(0.837)
    assert memory == pytest.approx(0.902)
    assert share_done(at(one, state=State.running, step=Step.verifying).vms[0], work) == 0.99
    assert share_done(at(one, state=State.done, step=Step.ended).vms[0], work) == 1


def test_a_comparison_is_a_part_of_the_whole() -> None:
    one = at(job(), state=State.running)
    work = Work(10 * GiB, 0, 10 * GiB)
    steps = ((Step.disks, 1.0), (Step.proving, 0.5), (Step.exchanging, None))
    shares = [share_done(at(one, step=step, progress=progress).vms[0], work) for step, progress in steps]
    assert shares == [0.5, 0.75, 0.99]


def test_the_estimate_is_of_the_whole() -> None:
    one = job()
    meter = Meter()
    total = work_of(one.vms[0].move, 10 * GiB).total
    for second in range(0, 31, 3):
        seen = at(one, state=State.running, step=Step.disks, progress=second / 60)
        whole, (vm,) = meter.look(seen, NOW + timedelta(seconds=second), [10 * GiB])
    speed = one.vms[0].move.travelling / 60
    assert whole.speed == pytest.approx(speed)
    assert vm.left == whole.left == pytest.approx((total - speed * 30) / speed)


def test_there_is_no_estimate_while_the_connection_is_lost() -> None:
    one = at(job(), state=State.running, step=Step.disks, progress=0.1)
    meter = Meter()
    meter.look(one, NOW)
    running, _vms = meter.look(at(one, progress=0.5), NOW + timedelta(seconds=30))
    assert running.left is not None
    lost, (vm,) = meter.look(at(one, progress=0.5, state=State.lost), NOW + timedelta(seconds=31))
    assert lost.left is vm.left is None
    assert lost.speed is vm.speed is None
    assert lost.share == running.share


def test_what_failed_is_not_waited_for() -> None:
    two = job("web", "db")
    meter = Meter()
    whole, vms = meter.look(at(two, state=State.failed, step=Step.ended), NOW)
    assert whole.share is not None
    assert 0 < whole.share < 1
    assert vms[0].share is None
    ended = at(at(two, state=State.failed), 1, state=State.done)
    assert meter.look(ended, NOW)[0].share is None


def test_nothing_is_estimated_from_nothing() -> None:
    assert Pace().remaining(100) is None
    pace = Pace().seen(NOW, 0).seen(NOW + timedelta(seconds=1), 50)
    assert pace.remaining(100) is None
    assert pace.seen(NOW + timedelta(seconds=10), 50).remaining(100) == pytest.approx(10)
    still = Pace().seen(NOW, 50).seen(NOW + timedelta(seconds=10), 50)
    assert still.remaining(100) is None


def test_the_present_pace_counts() -> None:
    pace = Pace()
    for second in range(0, 300, 2):
        pace = pace.seen(NOW + timedelta(seconds=second), second * 10)
    for second in range(300, 400, 2):
        pace = pace.seen(NOW + timedelta(seconds=second), 3000 + (second - 300))
    assert pace.speed() == pytest.approx(1, rel=0.2)
    for second in range(400, 4000, 2):
        pace = pace.seen(NOW + timedelta(seconds=second), 3100 + (second - 400))
    assert len(pace.samples) <= 240


STEPS = [Step.checking, Step.preparing, Step.disks, Step.memory, Step.finishing, Step.verifying]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.one_of(st.none(), st.floats(-0.5, 1.5)), st.booleans())))
def test_it_never_goes_backwards(seen: list[tuple[Step, float | None, bool]]) -> None:
    one, meter, shares = WEB, Meter(), [0.0]
    for second, (step, progress, lost) in enumerate(seen):
        state = State.lost if lost else State.running
        whole, (vm,) = meter.look(
            at(one, state=state, step=step, progress=progress), NOW + timedelta(seconds=second), [GiB]
        )
        assert whole.share == vm.share
        assert whole.share is not None
        shares.append(whole.share)
    assert shares == sorted(shares)
    assert shares[-1] <= 0.99


WEB = job()


def test_throughput_is_shared_out_over_the_time() -> None:
    """300 bytes in the first half of twenty seconds, 100 in the other; the looks are not evenly spaced."""
    pace = Pace()
    for seconds, done in ((0, 0), (4, 120), (10, 300), (20, 400)):
        pace = pace.seen(NOW + timedelta(seconds=seconds), done)
    assert pace.throughput(2) == pytest.approx((30, 10))
    assert pace.throughput(4) == pytest.approx((30, 30, 10, 10))
    assert sum(pace.throughput(7)) * 20 / 7 == pytest.approx(400)


def test_there_is_no_throughput_of_a_moment() -> None:
    pace = Pace().seen(NOW, 0).seen(NOW + timedelta(seconds=1), 500)
    assert pace.throughput() == ()
    assert Pace().throughput() == ()
