"""Jobs that outlive their process: whatever the moment at which it ended, the next one finds out how they stand."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_jobs import NAMES, moving, states
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.plan import Plan
from xsmigui.xapi.connection import Connection

WHERE = {"Madrid": {"host": "madrid-01", "sr": "NFS Madrid"}, "Lisboa": {"sr": "NFS Lisboa"}}
VM = {"Madrid": "monitoring", "Lisboa": "web-01"}


@asynccontextmanager
async def process(site: Simulated, home: Path) -> AsyncIterator[Engine]:
    """A run of the program. It ends without a word to anybody: what runs is dropped where it stands."""
    async with engine(site, home=home) as made:
        yield made


async def taken_up(two: Engine) -> Job:
    found = await two.jobs.take_up()
    assert len(found) == 1
    return found[0]


async def ended(two: Engine, job: Job) -> Job:
    return await asyncio.wait_for(two.jobs.wait(job.id), 100)


async def plan_of(two: Engine, to: str) -> Plan:
    return await two.plan(VM[to], to=to, **WHERE[to])


@pytest.mark.parametrize("to", WHERE)
@pytest.mark.parametrize("over", [False, True], ids=["under-way", "over-meanwhile"])
@pytest.mark.parametrize("free", [0, 1, 3, 6])
async def test_ended_while_the_server_works(site: Simulated, tmp_path: Path, to: str, over: bool, free: int) -> None:
    async with process(site, tmp_path) as first:
        hold = Hold(site, free)
        job = first.jobs.start(await plan_of(first, to))
        await hold.until_held()
        await until(lambda: first.vm(job).task or first.vm(job).has_begun)
    if over:
        hold.release()
        await until(lambda: not site.run(lambda: site["Madrid"].pool.tasks.running))
    async with process(site, tmp_path) as second:
        job = await taken_up(second)
        assert second.vm(job).has_begun
        hold.release()
        (vm,) = (await ended(second, job)).vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert vm.disks[0].old == job.vms[0].move.disks[0].disk.uuid
        home = second.row(to, "VM", VM[to])["affinity"]
        assert home == job.vms[0].move.host.ref
        assert await second.journal.adopt() == []
    async with process(site, tmp_path) as third:
        assert await third.jobs.take_up() == []
        (kept,) = await third.journal.all()
        assert kept.vms[0].state is State.done
        assert "ended" in [e.step for e in await third.journal.history(job.id)]


async def test_ended_before_the_call_arrived(site: Simulated, tmp_path: Path) -> None:
    """The journal says that it was begun; the server never heard of it. Nothing is started behind anybody's back."""
    async with process(site, tmp_path) as first:
        fault = site.run(lambda: site["Madrid"].pool.faults.add("VM.migrate_send", drop=True, delay=0.2))
        first.jobs.start(await plan_of(first, "Lisboa"))
        await until(lambda: fault.seen)
    async with process(site, tmp_path) as second:
        job = await taken_up(second)
        await until(lambda: "It may still start" in second.vm(job).message)
        second.jobs.cancel(job.id)
        (vm,) = (await ended(second, job)).vms
        assert vm.state is State.interrupted
        assert vm.message.startswith("This program ended while the migration was being started")
        assert "It may still start" in vm.message
        assert second.has("Madrid", "web-01")
        assert not second.has("Lisboa", "web-01")


async def test_ended_between_the_migration_and_what_follows_it(site: Simulated, tmp_path: Path) -> None:
    async with process(site, tmp_path) as first:
        site.run(lambda: site["Lisboa"].pool.faults.add("VM.set_affinity", drop=True, times=0))
        job = first.jobs.start(await plan_of(first, "Lisboa"))
        await until(lambda: first.vm(job).arrived is not None and first.vm(job).begun == 3)
    site.run(lambda: site["Lisboa"].pool.faults.clear())
    async with process(site, tmp_path) as second:
        (vm,) = (await ended(second, await taken_up(second))).vms
        assert (vm.state, vm.verified) == (State.done, True)
        assert second.row("Lisboa", "VM", "web-01")["affinity"] == vm.move.host.ref


async def test_what_had_not_begun_waits_for_the_operator(site: Simulated, tmp_path: Path) -> None:
    async with process(site, tmp_path) as first:
        hold = Hold(site, free=3)
        first.jobs.start(await first.plan(*NAMES, to="Lisboa", sr="NFS Lisboa"))
        await until(lambda: len(moving(first)) == 3)
    hold.release()
    async with process(site, tmp_path) as second:
        job = await taken_up(second)
        await until(lambda: states(second.jobs.get(job.id))[:3] == [State.done] * 3)
        waiting = second.jobs.get(job.id).vms[3:]
        assert [(vm.state, vm.held) for vm in waiting] == [(State.waiting, True)] * 2
        assert moving(second) == []
        second.jobs.proceed(job.id)
        assert states(await ended(second, job)) == [State.done] * 5


async def test_given_up(site: Simulated, tmp_path: Path) -> None:
    async with process(site, tmp_path) as first:
        first.jobs.start(await plan_of(first, "Lisboa"))
        # ended in the same breath: nothing of it has begun, and it is in the journal all the same
    async with process(site, tmp_path) as second:
        job = await taken_up(second)
        second.jobs.cancel(job.id)
        assert states(await ended(second, job)) == [State.cancelled]
    async with process(site, tmp_path) as third:
        assert await third.jobs.take_up() == []


async def test_without_a_journal_nothing_is_started(
    site: Simulated, tmp_path: Path, expected_errors: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    expected_errors.append("journal")
    caplog.set_level(logging.CRITICAL)
    async with process(site, tmp_path) as two:
        plan = await plan_of(two, "Lisboa")
        (tmp_path / "journal.sqlite3").mkdir()
        vm = await two.run(plan)
        assert vm.state is State.failed
        assert "journal" in vm.message
        assert moving(two) == []
        assert two.has("Madrid", "web-01")


async def test_the_operator_rules_the_queue(two: Engine) -> None:
    hold = Hold(two.site)
    two.jobs.limit = 1
    job = two.jobs.start(await two.plan("web-01", "web-02", "web-03", "mail", to="Lisboa", sr="NFS Lisboa"))
    await until(lambda: moving(two) == ["web-01"])
    two.jobs.hold(job.id, 1)
    two.jobs.put_first(job.id, 3)
    two.jobs.hold(job.id, 0)  # it runs: nothing to hold
    assert [vm.held for vm in two.jobs.get(job.id).vms] == [False, True, False, False]
    hold.release()
    await until(lambda: states(two.jobs.get(job.id)) == [State.done, State.waiting, State.done, State.done])
    begun = {vm.move.vm.name: vm.started for vm in two.jobs.get(job.id).vms if vm.started}
    assert sorted(begun, key=lambda name: begun[name]) == ["web-01", "mail", "web-03"]
    two.jobs.proceed(job.id, 1)
    assert (await ended(two, job)).state is State.done
    with pytest.raises(ValueError, match="4"):
        two.jobs.limit = 4


@pytest.mark.parametrize("vouched", [False, True])
async def test_a_job_is_not_gone_on_with_in_a_copy_of_its_pool(
    site: Simulated, tmp_path: Path, vouched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All uuids and references of a copy are those of the pool. It is held until somebody knows better."""
    async with process(site, tmp_path) as first:
        hold = Hold(site, 3)
        job = first.jobs.start(await plan_of(first, "Lisboa"))
        await hold.until_held()
        await until(lambda: first.vm(job).task)
    monkeypatch.setattr(Connection, "fingerprint", property(lambda _self: "cd:" * 31 + "cd"))
    async with process(site, tmp_path) as second:
        job = await taken_up(second)
        await until(lambda: second.vm(job).held)
        vm = second.vm(job)
        assert vm.state is State.waiting
        assert "may be a copy of" in vm.message
        assert second.jobs.doubt(job.id) == vm.message
        assert vm.task == job.vms[0].task
        hold.release()
        if vouched:
            second.jobs.proceed(job.id)
            assert (await ended(second, job)).vms[0].state is State.done
        else:
            await until(lambda: not site.run(lambda: site["Madrid"].pool.tasks.running))
            assert second.vm(job).held
    monkeypatch.undo()
    async with process(site, tmp_path) as third:
        left = await third.jobs.take_up()
        assert [j.id for j in left] == ([] if vouched else [job.id])
        if not vouched:
            await until(lambda: third.vm(job).held)
            third.jobs.proceed(job.id)
            assert (await ended(third, job)).vms[0].state is State.done


async def test_an_error_of_our_own_after_it_began_leaves_it_to_be_taken_up(
    site: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_errors: list[str]
) -> None:
    """What the server moves still counts among the three, and the next process brings it to its end."""
    expected_errors.append("job")
    wait, failing = Connection.wait_for_task, 1

    async def fail_once(connection: Connection, *args: Any) -> Any:
        nonlocal failing
        failing -= 1
        if failing == 0:
            raise ZeroDivisionError("nobody foresaw this")
        return await wait(connection, *args)

    monkeypatch.setattr(Connection, "wait_for_task", fail_once)
    async with process(site, tmp_path) as first:
        hold = Hold(site, free=3)
        job = first.jobs.start(await first.plan(*NAMES, to="Lisboa", sr="NFS Lisboa"))
        await until(lambda: State.interrupted in states(first.jobs.get(job.id)))
        await until(lambda: len(moving(first)) == 3)
        cut = next(vm for vm in first.jobs.get(job.id).vms if vm.state is State.interrupted)
        assert "ZeroDivisionError" in cut.message
        assert job.id in cut.message
        assert not cut.is_over
        first.jobs.put_first(job.id, 4)  # whatever makes the queue look again
        first.jobs.cancel(job.id, first.jobs.get(job.id).vms.index(cut))
        first.jobs.clear_ended()
        assert len(moving(first)) == 3
        assert states(first.jobs.get(job.id)).count(State.waiting) == 2
        hold.release()
        await ended(first, job)
        assert sorted(states(first.jobs.get(job.id))) == sorted([State.done] * 4 + [State.interrupted])
    async with process(site, tmp_path) as second:
        job = await taken_up(second)
        second.jobs.proceed(job.id)
        (vm,) = [vm for vm in (await ended(second, job)).vms if vm.move == cut.move]
        assert (vm.state, vm.verified) == (State.done, True), vm.message
