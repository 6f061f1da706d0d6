"""The journal's file: what is written is there again, whoever died meanwhile; nobody takes what another carries out."""

import asyncio
import logging
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import answered, away
from tests.core.site import TwoPools
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.local.journal import FILE, JournalFile


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
    running = at(job, state=State.running, step=Step.disks, begun=2, task="OpaqueRef:1", message="under way")
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


async def test_the_latest_first(journal: JournalFile) -> None:
    early, late = a_job("a"), replace(a_job("b"), created=datetime(2026, 11, 27, tzinfo=UTC))
    for job in (late, early):
        await journal.write(job, 0)
    assert [job.id for job in await journal.all()] == ["b", "a"]


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
    assert names(tmp_path) == [FILE]


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
    assert len([name for name in names(tmp_path) if name.endswith(".lock")]) == 1  # ours; the dead one's is gone


async def test_a_spoiled_file_is_put_aside(tmp_path: Path, journal: JournalFile) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all, and longer than a header" * 10)
    await journal.write(a_job(), 0)
    assert len(await journal.all()) == 1
    assert (tmp_path / "journal.spoiled").read_bytes().startswith(b"not a database")


async def test_a_later_versions_file_is_left_alone(tmp_path: Path, journal: JournalFile) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(OSError, match="later version"):
        await journal.write(a_job(), 0)


async def test_a_row_that_cannot_be_read(tmp_path: Path, journal: JournalFile) -> None:
    await journal.write(a_job(), 0)
    db = sqlite3.connect(tmp_path / FILE)
    with db:
        db.execute("update vm set document = '{}'")
    db.close()
    with pytest.raises(OSError, match="journal"):
        await journal.all()


async def test_no_place_for_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    journal = JournalFile(tmp_path / "missing")
    with pytest.raises(OSError):
        await journal.write(a_job(), 0)
    await journal.close()
