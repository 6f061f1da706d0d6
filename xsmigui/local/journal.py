"""The journal: every job on disk, so that a crash of this program loses nothing of what it began.

One SQLite file in the folder of settings, in WAL mode and synced at each write; a write that has returned survives a
power cut. A job belongs to the process that carries it out. Each process holds a lock of its own, by an open
transaction on a small file, which the system lets go when the process ends however that is: so a window and a command
line can share the journal, and neither takes the other's jobs.

What is written has no secrets: plans name the answer of `host.migrate_receive` by a placeholder.
"""

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from xsmigui.core.jobs import Entry, Job, VmJob
from xsmigui.core.migration.plan import Plan

log = logging.getLogger(__name__)

FILE: Final = "journal.sqlite3"
FORMAT: Final = 1
"""The version of the tables. A journal of a later version is left alone."""

PATIENCE: Final = 10.0
"""Seconds to wait while another process writes."""

_TABLES: Final = """
create table job (id text primary key, created text not null, owner text not null, plan blob not null);
create table vm (job text not null references job, place integer not null, ended integer not null,
    document blob not null, primary key (job, place)) without rowid;
create table entry (number integer primary key, job text not null, place integer not null, at text not null,
    vm text not null, state text not null, step text not null, task text not null, message text not null);
create index entry_job on entry (job);
"""

T = TypeVar("T")


class JournalFile:
    """The `Journal` of `core.ports`. Everything of SQLite happens in one thread; writes keep their order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._thread = ThreadPoolExecutor(1, "journal")
        self._owner = secrets.token_hex(8)
        self._told: dict[tuple[str, int], tuple[str, ...]] = {}
        self._open: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None

    async def write(self, job: Job, place: int) -> None:
        """Keep how a VM of a job stands; on disk when this returns. Raises `OSError` where that cannot be done."""
        now = datetime.now(UTC)
        vm = job.vms[place]
        await self._do(lambda db: self._write(db, job, place, vm, now))

    async def all(self) -> list[Job]:
        """Every job, the latest first. Raises `OSError`."""
        return await self._do(lambda db: [_read(db, *row) for row in db.execute(_JOBS)])

    async def history(self, job: str) -> list[Entry]:
        """What was written of a job, in its order. Raises `OSError`."""
        return await self._do(lambda db: _history(db, job))

    async def adopt(self, job: str = "") -> list[Job]:
        """Take over the jobs that have not ended and whose process has (or this one of them), the oldest first. They
        are ours from then on. Raises `OSError`."""
        return await self._do(lambda db: self._adopt(db, job))

    async def close(self) -> None:
        """Close the file and let the lock go; what has not ended can be taken over."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._open is None:
                self._open = self._opened()
            return work(self._open)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise OSError(f"{self._path.name}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._prepared()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            spoiled = self._path.with_suffix(".spoiled")
            log.warning("%s cannot be read (%s); it is kept as %s", self._path, error, spoiled.name)
            self._path.replace(spoiled)
            return self._prepared()

    def _prepared(self) -> sqlite3.Connection:
        self._path.touch(0o600)
        db = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None)
        try:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
            db.execute("pragma foreign_keys = on")
            with _transaction(db):
                (version,) = db.execute("pragma user_version").fetchone()
                if version > FORMAT:
                    raise OSError(f"{self._path.name}: a later version of this program wrote it")
                if version == 0:
                    for statement in filter(str.strip, _TABLES.split(";")):
                        db.execute(statement)
                    db.execute(f"pragma user_version = {FORMAT}")
        except BaseException:
            db.close()
            raise
        return db

    def _write(self, db: sqlite3.Connection, job: Job, place: int, vm: VmJob, now: datetime) -> None:
        if self._lock is None:
            self._lock = _hold(self._lock_of(self._owner))
        with _transaction(db):
            if db.execute("select 1 from job where id = ?", (job.id,)).fetchone() is None:
                plan = msgspec.json.encode(job.plan)
                db.execute("insert into job values (?, ?, ?, ?)", (job.id, job.created.isoformat(), self._owner, plan))
                rows = [(job.id, i, v.is_over, msgspec.json.encode(v)) for i, v in enumerate(job.vms)]
                db.executemany("insert into vm values (?, ?, ?, ?)", rows)
            else:
                db.execute(
                    "update vm set ended = ?, document = ? where job = ? and place = ?",
                    (vm.is_over, msgspec.json.encode(vm), job.id, place),
                )
            told = (vm.state, vm.step, vm.task, vm.message)
            if self._told.get((job.id, place)) == told:
                return  # what a reader would see twice
            db.execute(
                "insert into entry (job, place, at, vm, state, step, task, message) values (?, ?, ?, ?, ?, ?, ?, ?)",
                (job.id, place, now.isoformat(), vm.move.vm.name, vm.state, vm.step, vm.task, vm.message),
            )
        self._told[job.id, place] = told

    def _adopt(self, db: sqlite3.Connection, wanted: str) -> list[Job]:
        left = "select id, created, owner, plan from job where exists (select 1 from vm where job = id and not ended)"
        if not db.execute(left).fetchone():
            return []
        if self._lock is None:
            self._lock = _hold(self._lock_of(self._owner))
        found = []
        with _transaction(db):
            for name, created, owner, plan in db.execute(f"{left} order by created, id").fetchall():
                if (wanted and name != wanted) or owner == self._owner or self._is_alive(owner):
                    continue
                db.execute("update job set owner = ? where id = ?", (self._owner, name))
                found.append(_read(db, name, created, plan))
        return found

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f"journal-{owner}.lock"

    def _is_alive(self, owner: str) -> bool:
        """The process of this owner still holds its lock; the file of one that has ended is removed."""
        path = self._lock_of(owner)
        if not path.exists():
            return False
        try:
            _hold(path).close()
        except sqlite3.OperationalError:
            return True
        path.unlink(missing_ok=True)
        return False

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
        if self._lock is not None:
            self._lock.close()
            self._lock_of(self._owner).unlink(missing_ok=True)
        self._open = self._lock = None


_JOBS: Final = "select id, created, plan from job order by created desc, id desc"


def _read(db: sqlite3.Connection, name: str, created: str, plan: bytes) -> Job:
    rows = db.execute("select document from vm where job = ? order by place", (name,))
    vms = tuple(msgspec.json.decode(document, type=VmJob) for (document,) in rows)
    made = datetime.fromisoformat(created)
    return Job(id=name, plan=msgspec.json.decode(plan, type=Plan), created=made, vms=vms)


def _history(db: sqlite3.Connection, job: str) -> list[Entry]:
    rows = db.execute("select at, vm, state, step, task, message from entry where job = ? order by number", (job,))
    return [Entry(datetime.fromisoformat(at), *rest) for at, *rest in rows]


def _hold(path: Path) -> sqlite3.Connection:
    """Take a lock that lasts until the connection is closed or the process ends. Raises `OperationalError`."""
    lock = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        lock.execute("begin exclusive")
    except BaseException:
        lock.close()
        raise
    return lock


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and nobody else writes meanwhile."""
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")
