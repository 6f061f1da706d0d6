"""Somebody's hand in the journal while a job is under way, and programs of other versions beside it."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.foreign import Somebody
from tests.holding import until
from tests.local.test_damaged_journal import overwrite
from tests.local.test_journal import SPOILED, change
from tests.services.engine import engine
from tests.services.motions import MOTIONS, end
from tests.services.test_exchange import quiet
from tests.services.test_hands_at_copies import Gate
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.local import documents
from xsmigui.local import journal as module
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

MOTION = MOTIONS["copied, kept"]


def spoil(home: Path, how: str, job: str) -> None:
    if how == "pages":
        with closing(sqlite3.connect(home / FILE)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        size = (home / FILE).stat().st_size
        overwrite(home / FILE, 4096, os.urandom(size - 4096))
    elif how == "file":
        (home / FILE).unlink()
    elif how == "owner":
        change(home, "update job set owner = 'nobody' where id = ?", job)
    else:
        change(home, SPOILED[how].replace("'bad'", f"'{job}'"))


@pytest.mark.parametrize("how", [*SPOILED, "owner", "pages", "file"])
async def test_what_is_spoiled_in_mid_run_is_whole_again_afterwards(site: Simulated, tmp_path: Path, how: str) -> None:
    """The job ends as ever, and a program that looks into the journal then can read it."""
    other = Somebody.at(site, "Madrid")
    before = {at: other.sum(disk) for at, disk in other.disks(other.vm(MOTION.vm)).items()}
    async with engine(site, *MOTION.pools, home=tmp_path) as made:
        plan = await MOTION.plan(made)
        gate = Gate(site, "SR.scan")
        job = made.jobs.start(plan)
        await gate.until_reached()
        await asyncio.to_thread(spoil, tmp_path, how, job.id)
        gate.open()
        (vm,) = await end(made, job)
        assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert {at: other.sum(disk) for at, disk in other.disks(other.vm(MOTION.vm)).items()} == before
    later = JournalFile(tmp_path)
    (found,) = await later.all()
    assert found.state is State.done
    assert found.plan == plan
    assert await later.unreadable() == []
    assert await later.adopt() == []
    await later.close()


@pytest.mark.parametrize("how", ["plan", "owner", "job-missing", "pages", "file"])
async def test_what_was_spoiled_and_written_once_more_is_taken_up(site: Simulated, tmp_path: Path, how: str) -> None:
    async with engine(site, *MOTION.pools, home=tmp_path) as made:
        plan = await MOTION.plan(made)
        first, second = Gate(site, "SR.scan"), Gate(site, "VBD.create")
        job = made.jobs.start(plan)
        await first.until_reached()
        await asyncio.to_thread(spoil, tmp_path, how, job.id)
        rival = JournalFile(tmp_path)
        assert await rival.adopt() == [] or how == "owner"
        first.open()
        await second.until_reached()
    await rival.close()
    second.open()
    async with engine(site, *MOTION.pools, home=tmp_path) as again:
        (left,) = await again.jobs.take_up()
        assert left.id == job.id
        again.jobs.proceed(job.id)
        (vm,) = await end(again, left)
        assert (vm.state, vm.verified) == (State.done, True), vm.message


async def test_an_earlier_version_at_the_same_journal(
    site: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows our rows by their version, and leaves them alone; what it writes we read, and take over once it has
    ended."""
    async with engine(site, *MOTION.pools, home=tmp_path) as made:
        plan = await MOTION.plan(made)
        gate = Gate(site, "SR.scan")
        job = made.jobs.start(plan)
        await gate.until_reached()
        await until(lambda: made.jobs.get(job.id).vms[0].has_begun)
        earlier = JournalFile(tmp_path)
        with monkeypatch.context() as past:
            past.setattr(documents, "VERSION", documents.VERSION - 1)
            past.setattr(module, "VERSION", documents.VERSION)
            assert await earlier.adopt() == []
            assert await earlier.all() == []
            assert len(await earlier.unreadable()) > 0
            theirs = made.jobs.get(job.id)
            theirs = type(theirs)(id="theirs", plan=plan, created=theirs.created, vms=theirs.vms)
            await earlier.write(theirs, 0)
            assert not await earlier.forget(job.id), "somebody carries it out"
        assert await made.journal.adopt() == [], "they live"
        gate.open()
        (vm,) = await end(made, job)
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert {found.id: found.state for found in await made.journal.all()}[job.id] is State.done
        await earlier.close()
        assert [found.id for found in await made.journal.adopt()] == ["theirs"]
