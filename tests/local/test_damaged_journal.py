"""A journal that is damaged anywhere: nothing of it is thrown away, what can be read goes on, and somebody is told."""

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.test_journal import a_job, at, names
from xsmigui.core.jobs import State
from xsmigui.core.journal import SetAside
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE, FORMAT, LOCK

NOBODY = 65534
PAGE = 4096
JOBS = 30


@pytest.fixture
def told() -> list[SetAside]:
    return []


@pytest.fixture
async def journal(tmp_path: Path, told: list[SetAside], expected_errors: list[str]) -> AsyncIterator[JournalFile]:
    expected_errors.append("was damaged")
    made = JournalFile(tmp_path, told.append)
    yield made
    await made.close()


@pytest.fixture
async def checkpointed(tmp_path: Path) -> Path:
    """A journal of many jobs, all in its main file."""
    made = JournalFile(tmp_path)
    for number in range(JOBS):
        job = a_job(f"job-{number:03}")
        await made.write(job, 0)
        await made.write(at(job, state=State.running, status="x" * 300), 0)
    await made.close()
    assert names(tmp_path) == [LOCK, FILE]
    return tmp_path / FILE


@pytest.fixture
async def logged(tmp_path: Path) -> Path:
    """The same, as a process that was killed has left it: nearly everything is in the write-ahead log."""
    folder = tmp_path / "alive"
    folder.mkdir()
    made = JournalFile(folder)
    for number in range(JOBS):
        await made.write(a_job(f"job-{number:03}"), 0)
    for suffix in ("", "-wal"):
        shutil.copy(folder / f"{FILE}{suffix}", tmp_path / f"{FILE}{suffix}")
    await made.close()
    shutil.rmtree(folder)
    assert (tmp_path / f"{FILE}-wal").stat().st_size > 20 * PAGE
    return tmp_path / FILE


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def content_of(path: Path | str) -> bytes:
    return Path(path).read_bytes()


def aside(folder: Path) -> list[str]:
    return [name for name in names(folder) if "-damaged-" in name and name.endswith(".sqlite3")]


async def usable(journal: JournalFile) -> None:
    """It takes a job and gives it back."""
    await journal.write(a_job("new"), 0)
    assert "new" in [job.id for job in await journal.all()]


async def test_no_journal_at_all_is_put_aside_and_never_overwritten(
    tmp_path: Path, told: list[SetAside], expected_errors: list[str]
) -> None:
    expected_errors.append("was damaged")
    contents = [b"not a database at all, and longer than a header" * 10, b"another one" * 1000]
    for content in contents:
        (tmp_path / FILE).write_bytes(content)
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"{FILE}{suffix}").write_bytes(content[::-1])
        journal = JournalFile(tmp_path, told.append)
        await usable(journal)
        await journal.close()
    assert len(told) == 2
    for content, one in zip(contents, told, strict=True):
        assert content_of(one.path) == content
        assert content_of(f"{one.path}-wal") == content[::-1]
        assert f"{one.path}-shm".endswith(tuple(names(tmp_path)))
        assert one.path in one.sentence()
        assert "look on the servers" in one.sentence()
    assert len(aside(tmp_path)) == 2


async def test_the_first_page_destroyed(checkpointed: Path, journal: JournalFile, told: list[SetAside]) -> None:
    overwrite(checkpointed, 0, os.urandom(PAGE))
    found = await journal.all()
    assert {job.id for job in found} == {f"job-{number:03}" for number in range(JOBS)}
    assert {job.state for job in found} == {State.running}
    assert len(await journal.history("job-007")) == 2
    assert told[0].jobs == JOBS
    assert await journal.unreadable() == []
    await usable(journal)
    assert len(await journal.adopt()) == JOBS


@pytest.mark.parametrize("page", range(2, 30, 3))
async def test_a_later_page_destroyed(
    checkpointed: Path, journal: JournalFile, told: list[SetAside], page: int
) -> None:
    before = content_of(checkpointed)
    overwrite(checkpointed, (page - 1) * PAGE, b"\xa5" * PAGE)
    spoiled = content_of(checkpointed)
    assert spoiled != before
    found = {job.id for job in await journal.all()}
    bad = {each.id for each in await journal.unreadable()}
    await journal.history("job-001")
    await usable(journal)
    assert len(found | bad) >= JOBS // 2
    if told:
        assert content_of(told[0].path) == spoiled
        assert told[0].jobs <= JOBS
    else:  # what lies on it belongs to one document
        assert found | bad >= {f"job-{number:03}" for number in range(JOBS)}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
async def test_cut_off(checkpointed: Path, journal: JournalFile, told: list[SetAside], share: float) -> None:
    size = len(content_of(checkpointed))
    os.truncate(checkpointed, int(size * share))
    await journal.all()
    await usable(journal)
    assert [one.path for one in told] == [str(checkpointed.parent / name) for name in aside(checkpointed.parent)]
    assert len(told) == 1


@pytest.mark.parametrize(
    "destroy",
    [
        lambda path: overwrite(path, 0, os.urandom(path.stat().st_size)),
        lambda path: overwrite(path, 0, bytes(path.stat().st_size)),
        lambda path: os.truncate(path, 0),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"nothing that was here before"),
    ],
    ids=["random", "zeros", "empty", "gone", "foreign"],
)
async def test_the_main_file_destroyed_beside_its_log(
    logged: Path, journal: JournalFile, destroy: Callable[[Path], None]
) -> None:
    """All is in the log, so all is read; what is written is there again afterwards."""
    destroy(logged)
    assert len(await journal.all()) == JOBS
    await usable(journal)
    again = JournalFile(logged.parent)
    assert len(await again.all()) == JOBS + 1
    assert len(await again.adopt()) == JOBS
    await again.close()


async def test_a_log_that_is_damaged_at_its_end(logged: Path, journal: JournalFile) -> None:
    log = logged.with_name(f"{FILE}-wal")
    overwrite(log, log.stat().st_size // 2, b"\x5a" * 50)
    assert 0 < len(await journal.all()) < JOBS
    await usable(journal)


@pytest.mark.parametrize("version", [0, 1, FORMAT, -3])
async def test_another_programs_database(
    tmp_path: Path, journal: JournalFile, told: list[SetAside], version: int
) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("create table job (id text, name text)")
    db.execute("insert into job values ('somebody', 'is employed')")
    db.execute(f"pragma user_version = {version}")
    db.commit()
    db.close()
    await usable(journal)
    assert [job.id for job in await journal.all()] == ["new"]
    db = sqlite3.connect(told[0].path)
    assert db.execute("select * from job").fetchall() == [("somebody", "is employed")]
    db.close()


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_a_folder_in_its_place(tmp_path: Path, journal: JournalFile, suffix: str) -> None:
    (tmp_path / f"{FILE}{suffix}").mkdir()
    with pytest.raises(OSError, match="journal"):
        await journal.write(a_job(), 0)
    with pytest.raises(OSError, match="journal"):
        await journal.all()
    (tmp_path / f"{FILE}{suffix}").rmdir()
    await usable(journal)


async def test_damage_that_comes_while_it_is_open(
    checkpointed: Path, journal: JournalFile, told: list[SetAside]
) -> None:
    assert len(await journal.all()) == JOBS
    mine = at(a_job("mine"), status="y" * 200_000)
    await journal.write(mine, 0)
    other = sqlite3.connect(checkpointed)
    other.execute("pragma wal_checkpoint(truncate)")
    other.close()
    overwrite(checkpointed, 0, os.urandom(len(content_of(checkpointed))))
    await journal.write(at(mine, state=State.running), 0)
    assert len(told) == 1
    (job,) = await journal.all()
    assert job.state is State.running


async def test_another_process_puts_it_aside(checkpointed: Path, journal: JournalFile) -> None:
    """Whoever has it open writes into the new one, and its jobs stay its own."""
    first = JournalFile(checkpointed.parent)
    job = a_job("first")
    await first.write(job, 0)
    overwrite(checkpointed, 2 * PAGE, b"\xa5" * PAGE * 3)
    await usable(journal)
    await first.write(at(job, state=State.running), 0)
    written = {found.id: found for found in await journal.all()}
    assert written["first"].state is State.running
    assert "first" not in [found.id for found in await journal.adopt()]
    await first.close()


async def test_a_file_that_somebody_has_removed(tmp_path: Path, journal: JournalFile) -> None:
    await journal.write(a_job(), 0)
    for name in names(tmp_path):
        if name.startswith(FILE):
            os.unlink(tmp_path / name)
    await journal.write(at(a_job(), state=State.running), 0)
    assert [job.state for job in await journal.all()] == [State.running]


async def test_busy_is_no_damage(
    tmp_path: Path, journal: JournalFile, told: list[SetAside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xsmigui.local.journalfile.PATIENCE", 0.05)
    await journal.write(a_job(), 0)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(OSError, match="locked"):
        await journal.write(at(a_job(), state=State.running), 0)
    other.execute("rollback")
    other.close()
    await journal.write(at(a_job(), state=State.running), 0)
    assert told == []


async def test_a_full_disk_loses_nothing(tmp_path: Path, journal: JournalFile, told: list[SetAside]) -> None:
    await journal.write(a_job(), 0)

    def full(db: sqlite3.Connection) -> None:
        (pages,) = db.execute("pragma page_count").fetchone()
        db.execute(f"pragma max_page_count = {pages}")

    await journal._do(full)
    with pytest.raises(OSError, match="full"):
        await journal.write(at(a_job(), status="z" * 100_000), 0)
    await journal.write(at(a_job(), state=State.running), 0)  # there is room again
    assert [job.state for job in await journal.all()] == [State.running]
    assert told == []


@pytest.mark.skipif(sys.platform == "win32", reason="rights are of another kind there")
async def test_a_folder_that_cannot_be_written() -> None:
    with ordinary_user_folder() as folder:
        journal = JournalFile(folder)
        os.chmod(folder, 0o500)
        with pytest.raises(OSError):
            await journal.write(a_job(), 0)
        os.chmod(folder, 0o700)
        await usable(journal)
        await journal.close()


@contextmanager
def ordinary_user_folder() -> Iterator[Path]:
    """A folder of an ordinary user, and this process as that user: the administrator may write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(name, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if is_root:
                os.seteuid(0)


async def test_what_cannot_be_replaced_stays(
    checkpointed: Path, journal: JournalFile, told: list[SetAside], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new journal is complete before the damaged one is touched."""
    overwrite(checkpointed, 0, os.urandom(PAGE))
    spoiled = content_of(checkpointed)

    def refused(*_paths: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("xsmigui.local.journalfile._fill", refused)
        with pytest.raises(OSError, match="No space"):
            await journal.write(a_job(), 0)
    assert content_of(checkpointed) == spoiled
    assert names(checkpointed.parent) == [LOCK, FILE]
    await usable(journal)
    assert told[0].jobs == JOBS
