"""Never the wrong copy: what is exchanged, removed or put back is still what it was, whatever others did meanwhile."""

import asyncio
import contextlib
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import (
    VM,
    Watch,
    assert_as_before,
    assert_moved,
    disks_of,
    ended,
    marked,
    own_plan,
    quiet,
    refuse,
    rows,
    target,
)
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE
from xsmigui.simulator.failures import Failure

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(autouse=True)
def judged_here(site: Simulated) -> Iterator[None]:
    """The tests compare contents themselves: what the witness takes for a disk of the VM may be a copy beside it."""
    yield
    site.lets_go_of(VM)


@pytest.fixture
def other(site: Simulated) -> Somebody:
    return Somebody.at(site, "Madrid")


def sums(other: Somebody) -> dict[str, str]:
    """The content of each of the VM's two disks, by position. A copy may be connected beside them for a time,
    and is what the VM has where the disk itself was released."""
    disks = other.disks(other.vm(VM))
    beside = [disk for position, disk in disks.items() if position not in ("0", "1")]
    return {p: other.sum(disks[p] if p in disks else beside[0]) for p in ("0", "1")}


def one_disk_at_each_position(two: Engine) -> None:
    vbds = rows(two, "VBD")
    vm = next(v for v in rows(two, "VM").values() if v["name_label"] == VM and not v["is_a_snapshot"])
    positions = [vbds[ref]["userdevice"] for ref in vm["VBDs"]]
    assert len(positions) == len(set(positions)), positions


async def to_the_end(two: Engine, job: Job) -> VmJob:
    (vm,) = (await ended(two, job)).vms
    return vm


# Case 1: the VM ran meanwhile.


@pytest.mark.parametrize("call", ["VBD.create", "VBD.destroy", "VBD.set_userdevice"])
@pytest.mark.parametrize("keep_days", [0, 7])
@pytest.mark.parametrize("lifts", ["set", "remove", "restores"])
async def test_the_vm_ran_after_the_copies_were_complete(
    site: Simulated, other: Somebody, tmp_path: Path, call: str, keep_days: int, lifts: str
) -> None:
    """Case 1. The program ends when the copies are complete, somebody lifts our blocks, works in the VM and shuts it
    down (and perhaps puts the blocks back); the program is started again."""
    if lifts == "restores" and call != "VBD.create":
        pytest.skip("with a disk released the VM does not start")
    async with engine(site, home=tmp_path) as first:
        plan = await own_plan(first, keep_days)
        watch = Watch(first)
        first.jobs.start(plan)
        await until(lambda: watch.calls.count(call) == 1)
    vm = other.vm(VM)
    blocks = other.call("VM.get_blocked_operations", vm)
    if lifts == "remove":
        for operation in blocks:
            other.call("VM.remove_from_blocked_operations", vm, operation)
    else:
        other.lift_blocks(vm)
    other.work(vm)
    if lifts == "restores":
        other.call("VM.set_blocked_operations", vm, blocks)
    newest = sums(other)
    async with engine(site, home=tmp_path) as second:
        (found,) = await second.jobs.take_up()
        job = await to_the_end(second, found)
        assert sums(other) == newest
        one_disk_at_each_position(second)
        assert job.state in (State.failed, State.interrupted), job.message
        assert not job.verified
        if job.state is State.interrupted:
            second.jobs.undo(job_id(found))
    async with engine(site, home=tmp_path) as third:
        left = await third.jobs.take_up(job_id(found))
        if left:
            third.jobs.proceed(job_id(found))
            job = await to_the_end(third, left[0])
            assert job.state is State.done, job.message
        assert sums(other) == newest
        assert marked(third) == []


def job_id(job: Job) -> str:
    return job.id


async def test_the_vm_ran_while_the_connection_was_away(two: Engine, other: Somebody) -> None:
    plan = await own_plan(two)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    two.proxies["Madrid"].down()
    await until(lambda: two.vm(job).state is State.lost)
    hold.release()
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: not running))
    other.lift_blocks(other.vm(VM))
    await asyncio.to_thread(other.work, other.vm(VM))
    newest = sums(other)
    two.proxies["Madrid"].up()
    vm = await to_the_end(two, job)
    assert vm.state is State.failed, vm.message
    assert sums(other) == newest


@pytest.mark.parametrize("does", ["write", "extend", "connect", "rename", "nothing"])
async def test_something_happened_while_no_program_ran(
    site: Simulated, other: Somebody, tmp_path: Path, does: str
) -> None:
    """Nobody has watched: contents are compared, and a copy that is no longer one is made anew."""
    async with engine(site, home=tmp_path) as first:
        plan = await own_plan(first)
        watch = Watch(first)
        job = first.jobs.start(plan)
        await until(lambda: watch.calls.count("VBD.create") == 1)
    disk = other.disks(other.vm(VM))["0"]
    if does == "write":
        other.write(disk)
    elif does == "extend":
        other.extend(disk, 1 << 30)
    elif does == "rename":
        other.rename(disk, "renamed meanwhile")
    elif does == "connect":
        holder = other.connect(disk, other.vm("intranet-old"))
        other.write(disk)
        other.disconnect(holder)
    newest = sums(other)
    async with engine(site, home=tmp_path) as second:
        watch = Watch(second)
        await second.jobs.take_up()
        vm = await to_the_end(second, job)
        assert vm.state is State.done, vm.message
        assert sums(other) == newest
        copied_anew = watch.calls.count("VDI.copy")
        assert copied_anew == (0 if does in ("nothing", "rename") else 1)
        assert all(d["SR"] == target(second) for d in disks_of(second).values())


# Case 2: somebody else had the disk.


@pytest.mark.parametrize("seen", [True, False], ids=["slowly", "at once"])
async def test_another_vm_writes_to_the_source_while_it_is_copied(two: Engine, other: Somebody, seen: bool) -> None:
    plan = await own_plan(two)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    disk = other.disks(other.vm(VM))["0"]
    holder = other.connect(disk, other.vm("intranet-old"))
    if seen:
        await until(lambda: holder in two.inventory("Madrid").VBD)
    other.write(disk)
    other.disconnect(holder)
    newest = sums(other)
    hold.release()
    vm = await to_the_end(two, job)
    assert sums(other) == newest, vm.message
    assert vm.state in (State.done, State.failed)


async def test_a_disk_of_no_vm_is_written_to_while_it_is_copied(two: Engine, other: Somebody) -> None:
    from tests.services.test_exchange import plan_of

    sr = disks_of(two)["0"]["SR"]
    disk = other.call("VDI.create", {
        "name_label": "archive", "name_description": "", "SR": sr, "virtual_size": 2 << 30, "type": "user",
        "sharable": False, "read_only": False, "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
    })  # fmt: skip
    await until(lambda: any(v.name_label == "archive" for v in two.inventory("Madrid").VDI.values()))
    plan = await plan_of(two, "archive", keep_days=0)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    holder = other.connect(disk, other.vm("intranet-old"))
    newest = other.write(disk)
    other.disconnect(holder)
    hold.release()
    vm = await to_the_end(two, job)
    (now,) = [ref for ref, v in rows(two, "VDI").items() if v["name_label"] == "archive"]
    assert other.sum(now) == newest, vm.message


# Case 6: an undo stops the copy that runs.


async def test_an_undo_cancels_the_copy_that_still_runs(site: Simulated, tmp_path: Path) -> None:
    async with engine(site, home=tmp_path) as first:
        before, plan = disks_of(first), await own_plan(first)
        hold = Hold(site, 4)
        job = first.jobs.start(plan)
        await until(lambda: first.vm(job).task)
    async with engine(site, home=tmp_path) as second:
        await second.jobs.take_up()
        second.jobs.undo(job.id)
        running = site["Madrid"].pool.tasks.running
        await until(lambda: site.run(lambda: any(work.cancel.is_set() for work in running.values())))
        hold.release()
        vm = await to_the_end(second, job)
        assert vm.state is State.cancelled, vm.message
        assert_as_before(second, before)


async def test_an_undo_waits_as_long_as_a_copy_runs_that_cannot_be_cancelled(site: Simulated, tmp_path: Path) -> None:
    """However long that is: giving up would leave the copy to run into a disk of nobody."""
    async with engine(site, home=tmp_path) as first:
        before, plan = disks_of(first), await own_plan(first)
        refuse(first, "VDI.copy", 1, cut=0)
        hold = Hold(site, 4)
        job = first.jobs.start(plan)
        await hold.until_held()
    async with engine(site, home=tmp_path) as second:
        refuse(second, "task.cancel", 1, 0, failure=Failure("RBAC_PERMISSION_DENIED", "task.cancel", ""))
        second.clock.factor = 0.001
        await second.jobs.take_up()
        second.jobs.undo(job.id)
        await until(lambda: sum(second.clock.slept) > 100)
        assert not second.vm(job).state.has_ended
        hold.release()
        vm = await to_the_end(second, job)
        assert vm.state is State.cancelled, vm.message
        assert_as_before(second, before)


# Case 7: the journal.


@pytest.mark.parametrize("after", ["VDI.copy", "SR.scan", "VBD.create", "VBD.destroy"])
async def test_a_journal_that_cannot_be_written_holds_the_job(
    two: Engine, monkeypatch: pytest.MonkeyPatch, after: str, expected_errors: list[str]
) -> None:
    expected_errors.append("no room")
    plan = await own_plan(two)
    watch = Watch(two)
    write, failed = two.journal.write, 0

    async def failing(job: Job, place: int) -> None:
        nonlocal failed
        if after in watch.calls and failed < 70:
            failed += 1
            raise OSError("no room")
        await write(job, place)

    monkeypatch.setattr(two.journal, "write", failing)
    vm = await to_the_end(two, two.jobs.start(plan))
    assert failed == 70
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert watch.calls.count("VDI.copy") == len(vm.replacements)


RECORDS = ("VDI.copy", "VBD.create", "VBD.destroy", "VBD.set_userdevice", "VDI.add_tags")
"""Calls whose request is in the journal before it leaves."""


@pytest.mark.parametrize("call", RECORDS)
async def test_a_call_does_not_leave_before_its_record_is_written(
    two: Engine, monkeypatch: pytest.MonkeyPatch, call: str, expected_errors: list[str]
) -> None:
    """Exactly the record that precedes a call cannot be written, for several looks."""
    expected_errors.append("no room")
    before, plan = disks_of(two), await own_plan(two)
    watch = Watch(two)
    write, failed = two.journal.write, 0

    async def failing(job: Job, place: int) -> None:
        nonlocal failed
        pending = job.vms[place].pending
        if pending is not None and pending.method == call and not pending.task and failed < 5:
            failed += 1
            assert call not in watch.calls
            raise OSError("no room")
        await write(job, place)

    monkeypatch.setattr(two.journal, "write", failing)
    vm = await to_the_end(two, two.jobs.start(plan))
    assert failed == 5
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert watch.calls.count("VDI.copy") == len(before)
    assert watch.bare == []
    assert_moved(two, before)


class FullDisk:
    """The disk of the journal is full from now on, as SQLite says it, until there is `room`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failed, self.room = 0, threading.Event()
        write = JournalFile._write

        def full(journal: JournalFile, *written: Any) -> None:
            if not self.room.is_set():
                self.failed += 1
                raise sqlite3.OperationalError("database or disk is full")
            write(journal, *written)

        monkeypatch.setattr(JournalFile, "_write", full)

    async def for_some_looks(self) -> None:
        seen = self.failed
        await until(lambda: self.failed > seen + 5)


@pytest.mark.parametrize("wants", ["goes on", "cancelled", "rolled back"])
async def test_the_disk_of_the_journal_is_full_for_several_looks(
    two: Engine, monkeypatch: pytest.MonkeyPatch, wants: str, expected_errors: list[str]
) -> None:
    """It fills up during the copy (or on the way back); the operator may cancel meanwhile. The job waits, says why,
    and nothing is done on the server before there is room again."""
    expected_errors.append("disk is full")
    before, plan = disks_of(two), await own_plan(two)
    watch = Watch(two)
    hold = Hold(two.site, 4)
    if wants == "rolled back":
        refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
        hold.release()
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).undoing if wants == "rolled back" else two.vm(job).task)
    full = FullDisk(monkeypatch)
    if wants == "cancelled":
        two.jobs.cancel(job.id)
    hold.release()
    await full.for_some_looks()
    waiting, calls = two.vm(job), list(watch.calls)
    assert not waiting.state.has_ended
    assert "cannot be written" in waiting.message
    await full.for_some_looks()
    assert watch.calls == calls
    full.room.set()
    vm = await to_the_end(two, job)
    if wants == "goes on":
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert watch.calls.count("VDI.copy") == len(before)
        assert_moved(two, before)
    else:
        assert vm.state is (State.cancelled if wants == "cancelled" else State.failed), vm.message
        assert_as_before(two, before)


@pytest.mark.parametrize("cancels", [False, True])
async def test_the_end_is_not_told_before_it_is_written(
    two: Engine, monkeypatch: pytest.MonkeyPatch, cancels: bool, expected_errors: list[str]
) -> None:
    expected_errors.append("no room")
    plan = await own_plan(two)
    hold = Hold(two.site, 4)
    write, failed = two.journal.write, 0
    written, told_too_early = False, False

    async def failing(job: Job, place: int) -> None:
        nonlocal failed, written, told_too_early
        if job.vms[place].state.has_ended:
            told_too_early |= two.jobs.get(job.id).has_ended and not written
            if failed < 5:
                failed += 1
                raise OSError("no room")
            written = True
        await write(job, place)

    monkeypatch.setattr(two.journal, "write", failing)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    if cancels:
        two.jobs.cancel(job.id)
    hold.release()
    vm = await to_the_end(two, job)
    assert vm.state is (State.cancelled if cancels else State.done), vm.message
    assert failed == 5
    assert not told_too_early
    (kept,) = await two.journal.all()
    assert kept.vms[0].state is vm.state


# Case 14: two jobs at one disk.


@pytest.mark.parametrize("number", [2, 3, 5])
@pytest.mark.parametrize("seed", range(int(os.environ.get("XSMIGUI_SEEDS", "3"))))
async def test_several_programs_at_the_same_disks(site: Simulated, tmp_path: Path, number: int, seed: int) -> None:
    """One does it, the others say so; and none of them fights for ever."""
    chance = random.Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        programs = []
        for n in range(number):
            home = tmp_path / (str(n) if chance.random() < 0.5 else "shared")
            home.mkdir(exist_ok=True)
            programs.append(await stack.enter_async_context(engine(site, "Madrid", home=home)))
        before = sums(Somebody.at(site, "Madrid"))
        plans = [await own_plan(program, chance.choice([0, 7])) for program in programs]
        jobs = []
        for program, plan in zip(programs, plans, strict=True):
            jobs.append(program.jobs.start(plan))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        ends = [await to_the_end(program, job) for program, job in zip(programs, jobs, strict=True)]
        states = [vm.state for vm in ends]
        assert states.count(State.done) <= 1, [vm.message for vm in ends]
        assert all(s in (State.done, State.failed) for s in states), [vm.message for vm in ends]
        one_disk_at_each_position(programs[0])
        assert sums(Somebody.at(site, "Madrid")) == before
        assert marked(programs[0]) == []
        for vm in ends:
            if vm.state is State.failed:
                assert "job" in vm.message.lower() or "meanwhile" in vm.message or "no longer" in vm.message, vm.message


async def test_two_jobs_of_one_program_wait_for_each_other(two: Engine) -> None:
    plan = await own_plan(two)
    first, second = two.jobs.start(plan), two.jobs.start(plan)
    assert (await to_the_end(two, first)).state is State.done
    vm = await to_the_end(two, second)
    assert vm.state is State.failed
    one_disk_at_each_position(two)
    assert marked(two) == []


async def test_the_mark_of_another_job_is_left_alone(two: Engine, other: Somebody) -> None:
    plan = await own_plan(two)
    disk = plan.moves[0].disks[0].disk.ref
    other.call("VDI.add_to_other_config", disk, "xsmigui-job", "20260101-000000-abcd")
    vm = await to_the_end(two, two.jobs.start(plan))
    assert vm.state is State.failed
    assert "20260101-000000-abcd" in vm.message
    assert other.call("VDI.get_other_config", disk)["xsmigui-job"] == "20260101-000000-abcd"


async def test_the_blocks_of_another_job_are_left_alone(two: Engine, other: Somebody) -> None:
    plan = await own_plan(two)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    theirs = "xsmigui: its virtual disks are being moved (job 20260101-000000-abcd)"
    vm = other.vm(VM)
    other.call("VM.set_blocked_operations", vm, {"start": theirs})
    hold.release()
    ending = await to_the_end(two, job)
    assert ending.state is State.failed
    assert "20260101-000000-abcd" in ending.message
    assert other.call("VM.get_blocked_operations", vm) == {"start": theirs}


async def test_somebody_undoes_what_a_job_does(two: Engine, other: Somebody) -> None:
    """A mark that is taken away at once is not set again for ever."""
    plan = await own_plan(two)
    pool = two.served("Madrid").pool
    ref = plan.moves[0].vm.ref
    set_row = pool.db.set

    def undoing(cls: str, row: str, **fields: Any) -> None:
        if row == ref and "blocked_operations" in fields:
            return
        set_row(cls, row, **fields)

    two.site.run(lambda: setattr(pool.db, "set", undoing))
    vm = await to_the_end(two, two.jobs.start(plan))
    assert vm.state is State.failed
    assert "Something keeps undoing" in vm.message


# Case 16: a look that is refused.


@pytest.mark.parametrize("method", ["VM.get_record", "VDI.get_record", "VM.get_VBDs", "VBD.get_record"])
@pytest.mark.parametrize("times", [1, 3, 200])
async def test_a_look_that_is_refused_on_the_way_back(two: Engine, method: str, times: int) -> None:
    before, plan = disks_of(two), await own_plan(two)
    refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).undoing)
    refuse(two, method, 1, times, failure=Failure("INTERNAL_ERROR", "no look"))
    vm = await to_the_end(two, job)
    assert "internal error" not in vm.message
    if vm.state is State.interrupted:
        assert times == 200
        assert job.id in vm.message
        return
    assert_as_before(two, before)


CLASSES = ("VM.get_record", "VDI.get_record", "VBD.get_record")


async def test_looks_refused_by_one_class_after_the_other_on_the_way_back(two: Engine) -> None:
    """No class alone is refused for long; together they are for many looks."""
    before, plan = disks_of(two), await own_plan(two)
    refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).undoing)
    for number, method in enumerate(CLASSES):
        refuse(two, method, 1 + number, 3 + number, failure=Failure("INTERNAL_ERROR", f"no {method}"))
    vm = await to_the_end(two, job)
    assert vm.state is State.failed, vm.message
    assert "internal error" not in vm.message
    assert_as_before(two, before)


@pytest.mark.parametrize(("method", "undo"), [*((method, True) for method in CLASSES), ("VDI.get_record", False)])
async def test_looks_refused_until_it_stops_and_then_resumed(two: Engine, method: str, undo: bool) -> None:
    """Sixty refusals stop it; then the operator rolls it back, or lets it go on."""
    before, plan = disks_of(two), await own_plan(two)
    refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).undoing)
    refuse(two, method, 1, 0, failure=Failure("INTERNAL_ERROR", "no look"))
    vm = await to_the_end(two, job)
    assert vm.state is State.interrupted, vm.message
    assert "internal error" not in vm.message
    assert job.id in vm.message
    two.site.run(two.served("Madrid").pool.faults.clear)
    two.jobs.resume(job.id, undo=undo)
    vm = await to_the_end(two, job)
    if undo:
        assert vm.state is State.cancelled, vm.message
        assert_as_before(two, before)
    else:
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert_moved(two, before)


def put_aside(folder: Path) -> list[bytes]:
    """The content of the journals that were put aside."""
    return [path.read_bytes() for path in folder.iterdir() if "-damaged-" in path.name and path.suffix == ".sqlite3"]


async def test_the_journal_is_damaged_before_a_way_back_is_taken_up(
    site: Simulated, tmp_path: Path, expected_errors: list[str]
) -> None:
    """It is put aside with its content; what is read of it is enough to go the rest of the way back."""
    expected_errors.append("was damaged")
    async with engine(site, home=tmp_path) as two:
        before, plan = disks_of(two), await own_plan(two)
        refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
        refuse(two, "VDI.destroy", 1, 0, failure=Failure("INTERNAL_ERROR", "no"))
        job = two.jobs.start(plan)
        await until(lambda: two.vm(job).undoing)
    two.site.run(two.served("Madrid").pool.faults.clear)
    path = tmp_path / FILE
    spoilt = b"?" * 100 + path.read_bytes()[100:]
    path.write_bytes(spoilt)
    async with engine(site, home=tmp_path) as two:
        (found,) = await two.jobs.take_up()
        assert found.id == job.id
        vm = await to_the_end(two, job)
        assert vm.state in (State.failed, State.cancelled), vm.message
        assert_as_before(two, before)
        assert put_aside(tmp_path) == [spoilt]
        (kept,) = await two.journal.all()
        assert kept.vms[0].state is vm.state


# Deleted, detached and other surprises between two looks.


SURPRISES: dict[str, Callable[[Somebody, str], object]] = {
    "copy deleted": lambda other, copy: other.destroy(copy),
    "disk detached": lambda other, copy: [
        other.call("VBD.destroy", v)
        for v in other.call("VM.get_VBDs", other.vm(VM))
        if other.call("VBD.get_userdevice", v) == "0"
    ],
    "copy written to": lambda other, copy: other.write(copy),
}


@pytest.mark.parametrize("what", SURPRISES)
async def test_surprises_while_no_program_ran(site: Simulated, other: Somebody, tmp_path: Path, what: str) -> None:
    async with engine(site, home=tmp_path) as first:
        plan = await own_plan(first)
        watch = Watch(first)
        job = first.jobs.start(plan)
        await until(lambda: watch.calls.count("VBD.create") == 1)
        copy = first.vm(job).replacements[0].new
    with contextlib.suppress(Failure):
        SURPRISES[what](other, copy)
    newest = sums(other)
    async with engine(site, home=tmp_path) as second:
        await second.jobs.take_up()
        vm = await to_the_end(second, job)
        assert sums(other) == newest, vm.message
        assert vm.state in (State.failed, State.done, State.interrupted)
        one_disk_at_each_position(second)


# Case 13: the operator disconnects the server.


@pytest.mark.parametrize("motion", ["copied", "sent"])
async def test_cancelled_on_a_server_that_was_disconnected(two: Engine, motion: str) -> None:
    """It ends and says what goes on where; connected again, it can be resumed."""
    plan = await own_plan(two) if motion == "copied" else await two.plan("web-01", to="Madrid", host="madrid-02")
    hold = Hold(two.site, 4 if motion == "copied" else 2)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    assert [found.id for found in two.jobs.under_way(two.pool("Madrid"))] == [job.id]
    server = two.connections.server_of(two.pool("Madrid"))
    assert server is not None
    await two.connections.close(server.address.url)
    await until(lambda: two.vm(job).state is State.lost)
    two.jobs.cancel(job.id)
    vm = await to_the_end(two, job)
    assert vm.state is State.interrupted
    assert "is not connected" in vm.message
    assert job.id in vm.message
    hold.release()
    two.connections.open(server.address.url)
    await until(lambda: two.is_connected("Madrid"))
