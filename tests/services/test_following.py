"""Jobs change hands: one process follows what another carries out, and takes it over in good order."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_jobs import NAMES, moving, states
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State
from xsmigui.local import handover
from xsmigui.services import following as module
from xsmigui.services.following import Following, NotHandedOver


async def ended(two: Engine, job: Job) -> Job:
    return await asyncio.wait_for(two.jobs.wait(job.id), 100)


@asynccontextmanager
async def following(two: Engine) -> AsyncIterator[Following]:
    """The jobs of others are followed."""
    followed = Following(two.jobs, two.journal, two.clock)
    task = asyncio.create_task(followed.run())
    try:
        yield followed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def gives(two: Engine) -> None:
    """Hand the jobs over once they are asked for, as the process without a window does."""
    two.journal.give_on_request()
    await until(two.journal.is_asked_for)
    await two.jobs.hand_over()
    await two.journal.close()


async def batch(two: Engine) -> tuple[Job, Hold]:
    """Five VMs of which one moves, one is on hold, and the last is to be the next."""
    two.jobs.limit = 1
    hold = Hold(two.site)
    job = two.jobs.start(await two.plan(*NAMES, to="Lisboa", sr="NFS Lisboa"))
    await hold.until_held()
    await until(lambda: two.jobs.get(job.id).vms[0].task)
    two.jobs.hold(job.id, 2)
    two.jobs.put_first(job.id, 4)
    return two.jobs.get(job.id), hold


async def test_what_is_handed_over_goes_on_as_it_was(site: Simulated, tmp_path: Path) -> None:
    async with engine(site, home=tmp_path) as first:
        _job, hold = await batch(first)
        await first.jobs.hand_over()
    async with engine(site, home=tmp_path) as second:
        second.jobs.limit = 1
        begun: list[int] = []

        def watch(job: Job) -> None:
            begun.extend(i for i, vm in enumerate(job.vms) if vm.has_begun and i not in begun)

        second.jobs.subscribe(watch)
        (job,) = await second.jobs.take_up()
        assert [vm.held for vm in second.jobs.get(job.id).vms] == [False, False, True, False, False]
        hold.release()
        await until(lambda: states(second.jobs.get(job.id)).count(State.done) == 4)
        assert begun == [0, 4, 1, 3]
        second.jobs.proceed(job.id, 2)
        assert all(vm.verified for vm in (await ended(second, job)).vms)
    assert not [name for name in os.listdir(tmp_path) if name.startswith("journal-")]


async def test_what_simply_ended_is_held(site: Simulated, tmp_path: Path) -> None:
    async with engine(site, home=tmp_path) as first:
        _job, hold = await batch(first)
    async with engine(site, home=tmp_path) as second:
        (job,) = await second.jobs.take_up()
        assert [vm.held for vm in second.jobs.get(job.id).vms] == [False, True, True, True, True]
        hold.release()
        await until(lambda: second.vm(job).state is State.done)


async def test_what_was_handed_over_long_ago_is_held(
    site: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody came to take it over; a night has passed."""
    async with engine(site, home=tmp_path) as first:
        _job, hold = await batch(first)
        await first.jobs.hand_over()
    monkeypatch.setattr(handover, "GOES_ON_WITHIN", timedelta(microseconds=1))
    async with engine(site, home=tmp_path) as second:
        (job,) = await second.jobs.take_up()
        assert [vm.held for vm in second.jobs.get(job.id).vms] == [False, True, True, True, True]
        hold.release()
        await until(lambda: second.vm(job).state is State.done)


async def test_another_process_is_followed(site: Simulated, tmp_path: Path) -> None:
    async with (
        engine(site, home=tmp_path) as first,
        engine(site, home=tmp_path) as second,
        following(second) as follower,
    ):
        hold = Hold(site)
        job = first.jobs.start(await first.plan("web-01", to="Lisboa", sr="NFS Lisboa"))
        await until(lambda: job.id in second.jobs.elsewhere)
        await hold.until_held()
        await until(lambda: first.vm(job).task)
        await until(lambda: second.jobs.is_ours(first.vm(job).task))
        assert second.jobs.all() == [second.jobs.get(job.id)]
        assert second.jobs.running == []  # closing this window changes nothing for it
        assert second.jobs.claims() != ()
        assert [each.gives for each in second.jobs.elsewhere.values()] == [False]
        assert await follower.take_over() == []  # nobody was asked who would not give
        second.jobs.cancel(job.id)
        hold.release()
        await ended(first, job)
        await until(lambda: not second.jobs.elsewhere)
        await until(lambda: second.jobs.all() != [])
        assert [one.state for one in second.jobs.all()] == [State.done]
        second.jobs.clear_ended()
        assert second.jobs.all() == []


async def test_taken_over_in_the_middle(site: Simulated, tmp_path: Path) -> None:
    async with engine(site, home=tmp_path) as first, engine(site, home=tmp_path) as second:
        second.jobs.limit = 1
        _job, hold = await batch(first)
        giving = asyncio.create_task(gives(first))
        async with following(second) as follower:
            await until(lambda: any(each.gives for each in second.jobs.elsewhere.values()))
            (job,) = await follower.take_over()
            await giving
            assert not second.jobs.elsewhere
            assert [vm.held for vm in second.jobs.get(job.id).vms] == [False, False, True, False, False]
            assert moving(second) == ["web-01"]
            second.jobs.proceed(job.id)
            hold.release()
            assert states(await ended(second, job)) == [State.done] * 5


async def test_who_does_not_let_go(site: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAKE_OVER_WITHIN_S", 1.0)
    async with engine(site, home=tmp_path) as first, engine(site, home=tmp_path) as second:
        hold = Hold(site)
        job = first.jobs.start(await first.plan("web-01", to="Lisboa", sr="NFS Lisboa"))
        first.journal.give_on_request()
        async with following(second) as follower:
            await until(lambda: job.id in second.jobs.elsewhere)
            with pytest.raises(NotHandedOver):
                await follower.take_over()
            assert job.id in second.jobs.elsewhere
            hold.release()
            await ended(first, job)
            await until(lambda: not second.jobs.elsewhere)


async def test_another_process_dies(site: Simulated, tmp_path: Path) -> None:
    """What it was carrying out is taken up at once; what had not begun waits for the operator, as after a start."""
    async with engine(site, home=tmp_path) as second, following(second):
        async with engine(site, home=tmp_path) as first:
            job, hold = await batch(first)
            await until(lambda: job.id in second.jobs.elsewhere)
        await until(lambda: job.id not in second.jobs.elsewhere)
        await until(lambda: second.jobs.running != [])
        assert [vm.held for vm in second.jobs.get(job.id).vms] == [False, True, True, True, True]
        hold.release()
        await until(lambda: second.vm(job).state is State.done)
