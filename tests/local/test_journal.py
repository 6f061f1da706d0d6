"""The journal's file: what is written is there again, whoever died meanwhile; nobody takes what another carries out."""

import asyncio
import logging
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import answered, away
from tests.core.site import TwoPools
from tests.spanish import in_spanish
from xsmigui.core.jobs import DiskResult, Job, State, Step, VmJob
from xsmigui.core.journal import unreadable_text
from xsmigui.core.messages import m_
from xsmigui.core.report import html_report
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE, FORMAT, LOCK
from xsmigui.ui.activity.lines import Lines


def a_job(name: str = "20261126-1") -> Job:
    site = TwoPools()
    plan = answered(site.site, away(site, site.web)).plan
    assert plan is not None
    created = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
    return Job(id=name, plan=plan, created=created, vms=tuple(VmJob(move=move) for move in plan.moves))


def at(job: Job, **changes: object) -> Job:
    return replace(job, vms=(replace(job.vms[0], **changes), *job.vms[1:]))


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[JournalFile]:
    made = JournalFile(tmp_path)
    yield made
    await made.close()


async def test_what_is_written_is_there_again(journal: JournalFile, tmp_path: Path) -> None:
    job = a_job()
    await journal.write(job, 0)
    running = at(job, state=State.running, step=Step.disks, begun=2, task="OpaqueRef:1", status="under way")
    await journal.write(running, 0)
    assert await journal.all() == [running]
    history = await journal.history(job.id)
    assert [(e.state, e.step, e.task, e.message) for e in history] == [
        ("waiting", "queued", "", ""),
        ("running", "disks", "OpaqueRef:1", "under way"),
    ]
    assert await journal.history("another") == []
    if os.name == "posix":
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


async def test_a_job_reads_in_the_language_of_now(tmp_path: Path) -> None:
    """Written by a program that speaks Spanish, read by one that speaks English; Activity follows a switch."""
    status = m_("{vm} is on {host}.", vm="web", host="l1")
    job = at(a_job(), state=State.done, step=Step.ended, status=status)
    with in_spanish():
        first = JournalFile(tmp_path)
        await first.write(job, 0)
        spanish = job.vms[0].message
        await first.close()
    second = JournalFile(tmp_path)
    (found,) = await second.all()
    assert found == job
    assert found.vms[0].message == "web is on l1." != spanish
    (entry,) = await second.history(job.id)
    assert (entry.status, entry.message) == (status, "web is on l1.")
    assert found.vms[0].as_json()["facts"] == {"pattern": "{vm} is on {host}.", "fields": {"vm": "web", "host": "l1"}}
    await second.close()
    lines = Lines()
    (group,) = lines.groups([found], job.created)
    assert group.line.message == "web is on l1."
    with in_spanish():
        (group,) = lines.groups([found], job.created)
        assert group.line.message == spanish
    (group,) = lines.groups([found], job.created)
    assert group.line.message == "web is on l1."


async def test_words_that_look_like_a_message_stay_words(journal: JournalFile) -> None:
    """A server may send anything; lines of earlier versions are plain."""
    for words in ('{"kind":"message"}', '{"kind":[[[', "Moved."):
        job = at(a_job(words), status=words)
        await journal.write(job, 0)
        (entry,) = await journal.history(words)
        assert (entry.status, entry.message) == (words, words)


async def test_the_latest_first(journal: JournalFile) -> None:
    early, late = a_job("a"), replace(a_job("b"), created=datetime(2026, 11, 27, tzinfo=UTC))
    for job in (late, early):
        await journal.write(job, 0)
    assert [job.id for job in await journal.all()] == ["b", "a"]


async def test_the_latest_that_have_ended(journal: JournalFile, tmp_path: Path) -> None:
    """So many jobs, so many VMs; what has not ended and what cannot be read is left out."""
    for number in range(5):
        job = replace(a_job(str(number)), created=datetime(2026, 11, 20 + number, tzinfo=UTC))
        if number != 3:
            job = replace(job, vms=tuple(replace(vm, state=State.done, step=Step.ended) for vm in job.vms))
        await journal.write(job, 0)
    assert len(a_job().vms) > 0
    each = len(a_job().vms)

    async def listed(jobs: int, vms: int) -> list[str]:
        return [job.id for job in await journal.ended(jobs, vms)]

    assert await listed(9, 9 * each) == ["4", "2", "1", "0"]
    assert await listed(2, 9 * each) == ["4", "2"]
    assert await listed(9, 3 * each) == ["4", "2", "1"]
    assert await listed(9, 0) == ["4"]
    change(tmp_path, "update job set plan = ? where id = ?", "{", "2")
    assert await listed(9, 9 * each) == ["4", "1", "0"]


async def test_a_job_belongs_to_one_process(tmp_path: Path) -> None:
    first, second, third = JournalFile(tmp_path), JournalFile(tmp_path), JournalFile(tmp_path)
    job = a_job()
    await first.write(job, 0)
    assert await first.adopt() == []  # its own
    assert await second.adopt() == []
    await first.close()
    assert await second.adopt("another") == []
    assert await second.adopt(job.id) == [job]
    assert await third.adopt() == []
    await second.write(at(job, state=State.done), 0)
    await second.close()
    assert await third.adopt() == []  # ended
    assert len(await third.all()) == 1
    await third.close()
    assert names(tmp_path) == [LOCK, FILE]


async def test_the_jobs_of_living_processes_are_elsewhere_and_those_of_ended_ones_are_not(tmp_path: Path) -> None:
    ended, living, asks = JournalFile(tmp_path), JournalFile(tmp_path), JournalFile(tmp_path)
    left, carried, own = a_job("20261126-1"), a_job("20261126-2"), a_job("20261126-3")
    for journal, job in ((ended, left), (living, carried), (asks, own)):
        await journal.write(job, 0)
    assert await asks.others() == [carried, left]
    await ended.close()
    assert await asks.others() == [carried]
    found = await asks.elsewhere()
    assert found is not None
    assert [each.job for each in found] == [carried]
    await living.close()
    assert await asks.others() == []
    await asks.close()


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.local.test_journal import a_job
from xsmigui.local.journal import JournalFile

async def main():
    await JournalFile(Path(sys.argv[1])).write(a_job(), 0)
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
async def test_a_process_that_is_killed_leaves_its_jobs(tmp_path: Path, journal: JournalFile) -> None:
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"written\n"
    assert await journal.adopt() == []
    other.kill()
    await other.wait()
    assert await journal.adopt() == [a_job()]
    locks = [name for name in names(tmp_path) if name.startswith("journal-") and name.endswith(".lock")]
    assert len(locks) == 1  # ours; the dead one's is gone


async def test_a_later_versions_file_is_left_alone(tmp_path: Path, journal: JournalFile) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute(f"pragma user_version = {FORMAT + 1}")
    db.close()
    with pytest.raises(OSError, match="later version"):
        await journal.write(a_job(), 0)


def change(folder: Path, sql: str, *values: object) -> None:
    """Somebody's hand in the file."""
    db = sqlite3.connect(folder / FILE)
    with db:
        db.execute(sql, values)
    db.close()


SPOILED = {
    "plan": "update job set plan = '{}' where id = 'bad'",
    "plan-no-json": "update job set plan = x'00ff' where id = 'bad'",
    "plan-later": "update job set version = version + 1 where id = 'bad'",
    "plan-format-later": "update job set plan = replace(plan, '\"format\":1', '\"format\":99') where id = 'bad'",
    "version": "update job set version = 'x' where id = 'bad'",
    "date": "update job set created = 'yesterday' where id = 'bad'",
    "part": "update vm set document = '{}' where job = 'bad'",
    "part-number": "update vm set document = 7 where job = 'bad'",
    "part-later": "update vm set version = version + 1 where job = 'bad'",
    "part-missing": "delete from vm where job = 'bad'",
    "job-missing": "delete from job where id = 'bad'",
}


@pytest.mark.parametrize("how", SPOILED)
async def test_a_row_that_cannot_be_read_stops_no_other(tmp_path: Path, how: str) -> None:
    first, second = JournalFile(tmp_path), JournalFile(tmp_path)
    for name in ("before", "bad", "later"):
        await first.write(a_job(name), 0)
    change(tmp_path, SPOILED[how])
    rows = raw(tmp_path)
    found = {job.id: job for job in await first.all()}
    assert {"before", "later"} <= set(found) <= {"before", "bad", "later"}
    (bad,) = await first.unreadable()
    assert (bad.id, bad.ended) == ("bad", False)
    assert bad.reason
    assert bad.vms == ("web",)
    assert (bad.created is None) == (how in ("date", "job-missing"))
    assert "bad (web): " in unreadable_text([bad])
    if "bad" in found:
        (vm,) = found["bad"].vms
        assert (vm.state, vm.is_over) == (State.interrupted, True)
        assert bad.reason in vm.message
    assert len(await first.history("bad")) == 1
    await first.close()
    assert [job.id for job in await second.adopt()] == ["before", "later"]
    assert await second.adopt("bad") == []
    await second.close()
    assert [row for row in raw(tmp_path) if "bad" in row] == [row for row in rows if "bad" in row]


@pytest.mark.parametrize("how", [*SPOILED, "readable"])
async def test_a_job_is_forgotten_whether_it_can_be_read_or_not(tmp_path: Path, how: str) -> None:
    first, second = JournalFile(tmp_path), JournalFile(tmp_path)
    for name in ("before", "bad"):
        await first.write(a_job(name), 0)
    assert not await second.forget("bad")  # somebody carries it out
    if how in SPOILED:
        change(tmp_path, SPOILED[how])
    await first.close()
    assert await second.forget("bad")
    assert not await second.forget("bad")
    assert not await second.forget("another")
    assert [job.id for job in await second.all()] == ["before"]
    assert await second.unreadable() == []
    assert await second.history("bad") == []
    await second.close()
    assert not [row for row in raw(tmp_path) if "bad" in row]


def raw(folder: Path) -> list[tuple[object, ...]]:
    db = sqlite3.connect(folder / FILE)
    found = db.execute("select * from job").fetchall() + db.execute("select * from vm").fetchall()
    db.close()
    return found


async def test_of_a_job_the_parts_that_can_be_read_go_on(tmp_path: Path) -> None:
    one = a_job("two parts")
    moves = (*one.plan.moves, replace(one.plan.moves[0], vm=replace(one.plan.moves[0].vm, name="mail")))
    job = replace(one, plan=replace(one.plan, moves=moves), vms=tuple(VmJob(move=move) for move in moves))
    first, second = JournalFile(tmp_path), JournalFile(tmp_path)
    await first.write(job, 0)
    await first.close()
    change(tmp_path, "update vm set document = 'nothing' where place = 0")
    (left,) = await second.adopt()
    assert [vm.state for vm in left.vms] == [State.interrupted, State.waiting]
    assert left.vms[1] == job.vms[1]
    await second.write(replace(left, vms=(left.vms[0], replace(left.vms[1], state=State.done))), 1)
    (kept,) = await second.all()
    assert kept.vms[1].state is State.done
    assert [row[3] for row in raw(tmp_path) if row[1] == 0] == ["nothing"]  # as it was
    await second.close()


async def test_a_line_whose_time_cannot_be_read(tmp_path: Path, journal: JournalFile) -> None:
    for state in (State.waiting, State.running, State.done):
        await journal.write(at(a_job(), state=state), 0)
    change(tmp_path, "update entry set at = ?, message = ? where number = 2", b"\xff", b"\xfe")
    assert [line.state for line in await journal.history(a_job().id)] == ["waiting", "running", "done"]


async def test_every_connection_syncs_each_write(tmp_path: Path, journal: JournalFile) -> None:
    """2 is FULL: the write-ahead log is synced at each commit, so that what has returned survives a power cut."""

    async def settings() -> tuple[str, int]:
        def ask(db: sqlite3.Connection) -> tuple[str, int]:
            return db.execute("pragma journal_mode").fetchone()[0], db.execute("pragma synchronous").fetchone()[0]

        return await journal._do(ask)

    assert await settings() == ("wal", 2)
    await journal.write(a_job(), 0)
    (tmp_path / FILE).rename(tmp_path / "elsewhere")
    await journal.write(a_job("another"), 0)
    assert await settings() == ("wal", 2)


async def test_jobs_that_ended_long_ago_are_folded_into_their_report(tmp_path: Path, journal: JournalFile) -> None:
    now = datetime.now(UTC)

    def ended(name: str, days: int, state: State = State.done) -> Job:
        then = now - timedelta(days=days)
        disks = (DiskResult("old", "new", "NFS"),)
        vm = {"state": state, "step": Step.ended, "ended": then, "disks": disks, "status": f"{name} ended", "begun": 2}
        return replace(at(a_job(name), **vm), created=then)

    old, new, cut = ended("old", 400), ended("new", 300), ended("cut", 500, State.interrupted)
    for job in (old, new, cut):
        await journal.write(at(job, status="before"), 0)
        await journal.write(job, 0)
    unread = replace(ended("unread", 500), id="unread")
    await journal.write(unread, 0)
    change(tmp_path, "update vm set document = '{}' where job = 'unread'")
    size = len(str(raw(tmp_path)))
    before = {job.id: job for job in await journal.all()}
    assert await journal.fold() == 1
    assert await journal.fold() == 0
    assert len(str(raw(tmp_path))) < size
    after = {job.id: job for job in await journal.all()}
    assert [after[name] == before[name] for name in ("old", "new", "cut")] == [False, True, True]
    assert after["old"].as_json() == before["old"].as_json()
    assert html_report([after["old"]], now) == html_report([before["old"]], now)
    assert [entry.message for entry in await journal.history("old")] == ["old ended"]
    assert len(await journal.history("new")) == 2
    assert [job.id for job in await journal.adopt()] == []
    assert ("unread", "{}") in [(row[0], row[3]) for row in raw(tmp_path)]


async def test_many_rows(tmp_path: Path) -> None:
    """Nothing is looked at once for each job that is there."""
    first, second = JournalFile(tmp_path), JournalFile(tmp_path)
    await first.write(a_job("a"), 0)
    await first.close()
    change(
        tmp_path,
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)"
        " insert into job select 'job' || i, created, owner, plan, version, folded from job, n",
    )
    change(tmp_path, "insert into vm select job.id, 0, job.id != 'job5', document, 2 from job, vm where job.id != 'a'")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    await second._do(lambda db: db.set_progress_handler(count, 100))
    assert [job.id for job in await second.adopt()] == ["a", "job5"]
    adopting, steps = steps, 0
    assert len(await second.all()) == 3001
    assert adopting < 20
    assert steps < 3001 * 10
    await second.close()


async def test_no_place_for_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    journal = JournalFile(tmp_path / "missing")
    with pytest.raises(OSError):
        await journal.write(a_job(), 0)
    await journal.close()
