"""Nothing before a time, and nothing more from another time on."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_jobs import NAMES, moving, states
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.core.migration.plan import Plan

NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)


@pytest.fixture
def today(two: Engine, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time of this computer's clock, which a test sets."""
    time = [NOW]
    monkeypatch.setattr(two.clock, "now", lambda: time[0])
    return time


async def plan_of(two: Engine, start: int | None = None, pause: int | None = None) -> Plan:
    """Five VMs; the times in minutes from now."""
    plan = await two.plan(*NAMES, to="Lisboa", sr="NFS Lisboa")
    times = [None if at is None else NOW + timedelta(minutes=at) for at in (start, pause)]
    return replace(plan, not_before=times[0], pause_at=times[1])


async def test_nothing_starts_before_its_time(two: Engine, today: list[datetime]) -> None:
    job = two.jobs.start(await plan_of(two, start=120))
    other = two.jobs.start(await two.plan("monitoring", to="Madrid", host="madrid-01", sr="NFS Madrid"))
    await asyncio.wait_for(two.jobs.wait(other.id), 100)  # what has no time passes it
    assert states(two.jobs.get(job.id)) == [State.waiting] * 5
    assert "Starts at 2026-11-28" in two.vm(job).message
    today[0] = NOW + timedelta(minutes=121)
    assert states(await asyncio.wait_for(two.jobs.wait(job.id), 100)) == [State.done] * 5


async def test_nothing_more_starts_from_its_time_on(two: Engine, today: list[datetime]) -> None:
    two.jobs.limit = 1
    hold = Hold(two.site)
    job = two.jobs.start(await plan_of(two, pause=60))
    await hold.until_held()
    today[0] = NOW + timedelta(minutes=61)
    hold.release()
    await until(lambda: two.vm(job).state is State.done)
    assert [vm.held for vm in two.jobs.get(job.id).vms] == [False, True, True, True, True]
    assert "Paused at 2026-11-28" in two.jobs.get(job.id).vms[1].message
    assert moving(two) == []
    two.jobs.proceed(job.id)  # the operator's word; it is not paused once more
    assert states(await asyncio.wait_for(two.jobs.wait(job.id), 100)) == [State.done] * 5


async def test_the_pause_comes_while_nothing_ends(two: Engine, today: list[datetime]) -> None:
    two.jobs.limit = 1
    hold = Hold(two.site)
    job = two.jobs.start(await plan_of(two, pause=60))
    await hold.until_held()
    today[0] = NOW + timedelta(minutes=61)
    await until(lambda: two.jobs.get(job.id).vms[4].held)
    hold.release()
    await until(lambda: two.vm(job).state is State.done)
    two.jobs.cancel(job.id)
    await asyncio.wait_for(two.jobs.wait(job.id), 100)


async def test_a_plan_whose_times_have_passed_starts(two: Engine, today: list[datetime]) -> None:
    job = two.jobs.start(await plan_of(two, start=-10, pause=-5))
    assert states(await asyncio.wait_for(two.jobs.wait(job.id), 100)) == [State.done] * 5


async def test_times_survive_a_handover(site: Simulated, tmp_path: Path) -> None:
    time = datetime.now(UTC) + timedelta(hours=2)
    async with engine(site, home=tmp_path) as first:
        plan = replace(await first.plan("web-01", to="Lisboa", sr="NFS Lisboa"), not_before=time)
        first.jobs.start(plan)
        await first.jobs.hand_over()
    async with engine(site, home=tmp_path) as second:
        (job,) = await second.jobs.take_up()
        assert job.plan.not_before == time
        assert second.vm(job).state is State.waiting
        assert not second.vm(job).held
        second.clock.now = lambda: time + timedelta(seconds=1)  # type: ignore[method-assign]
        assert states(await asyncio.wait_for(second.jobs.wait(job.id), 100)) == [State.done]
