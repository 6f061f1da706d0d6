"""The journal: every job on disk, so that a crash of this program loses nothing of what it began.

One SQLite file in the folder of settings, in WAL mode and synced at each write; a write that has returned survives a
power cut. A job belongs to the process that carries it out. Each process holds a lock of its own, by an open
transaction on a small file, which the system lets go when the process ends however that is: so a window and a command
line can share the journal, and neither takes the other's jobs.

A row that cannot be read stands alone: it is listed, stays as it is, and stops nothing else. A file that is damaged is
put aside with all that belongs to it, under a name of its own; what can still be read of it goes into the new one.

What is written has no secrets: plans name the answer of `host.migrate_receive` by a placeholder.
"""

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from xsmigui.core.jobs import Entry, Job, VmJob
from xsmigui.core.journal import SetAside, Unreadable
from xsmigui.core.messages import Text
from xsmigui.core.text import _
from xsmigui.local.documents import (
    VERSION,
    Undecodable,
    decode_part,
    decode_plan,
    decode_text,
    encode,
    encode_text,
    folded_part,
    folded_plan,
    moment,
    unreadable_part,
)
from xsmigui.local.journalfile import FILE, Damaged, hold, is_damage, opening, prepared, put_aside, transaction

log = logging.getLogger(__name__)

FOLDED_AFTER: Final = timedelta(days=365)
"""Jobs that ended longer ago than this are folded into what a report tells of them."""

SWITCHES: Final = 3
"""How often in succession the file may be found replaced by another process."""

T = TypeVar("T")

_FORGET_LINES: Final = (
    "delete from entry where job = ? and number not in (select max(number) from entry where job = ? group by place)"
)
"""All lines of a job but the last of each VM."""


class JournalFile:
    """The `Journal` of `core.ports`. Everything of SQLite happens in one thread; writes keep their order."""

    def __init__(self, folder: Path, heard: Callable[[SetAside], None] | None = None) -> None:
        """`heard` is called, on the loop's thread, when a damaged file was put aside."""
        self._folder = folder
        self._path = folder / FILE
        self._heard = heard
        self._thread = ThreadPoolExecutor(1, "journal")
        self._owner = secrets.token_hex(8)
        self._told: dict[tuple[str, int], tuple[Text, ...]] = {}
        self._open: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._lock: sqlite3.Connection | None = None
        self._aside: list[SetAside] = []

    async def write(self, job: Job, place: int) -> None:
        """Keep how a VM of a job stands; on disk when this returns. Raises `OSError` where that cannot be done."""
        now = datetime.now(UTC)
        vm = job.vms[place]
        await self._do(lambda db: self._write(db, job, place, vm, now))

    async def all(self) -> list[Job]:
        """Every job that can be read, the latest first. Raises `OSError`."""
        return await self._do(lambda db: _all(db)[0])

    async def unreadable(self) -> list[Unreadable]:
        """What cannot be read of the journal, the latest first. Raises `OSError`."""
        return await self._do(lambda db: _all(db)[1])

    async def history(self, job: str) -> list[Entry]:
        """What was written of a job, in its order. Raises `OSError`."""
        return await self._do(lambda db: _history(db, job))

    async def adopt(self, job: str = "") -> list[Job]:
        """Take over the jobs that have not ended and whose process has (or this one of them), the oldest first. They
        are ours from then on. Raises `OSError`."""
        return await self._do(lambda db: self._adopt(db, job))

    async def forget(self, job: str) -> bool:
        """Take a job out with all that is written of it, whether it can be read or not. False where there is none, or
        where another process carries it out. Raises `OSError`."""
        return await self._do(lambda db: self._forget(db, job))

    async def fold(self) -> int:
        """Fold the jobs that ended more than a year ago into what a report tells of them: how each VM ended, and the
        uuids. Returns how many there were. Raises `OSError`."""
        now = datetime.now(UTC)
        return await self._do(lambda db: _fold(db, now))

    async def close(self) -> None:
        """Close the file and let the lock go; what has not ended can be taken over."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)
        finally:
            while self._aside:
                aside = self._aside.pop(0)
                if self._heard is not None:
                    self._heard(aside)

    def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            for _attempt in range(SWITCHES):
                result = self._repaired(work)
                if self._is_current():
                    return result
                self._drop()  # another process has put the file aside, or somebody has removed it
        except sqlite3.Error as error:
            self._drop()
            raise OSError(f"{self._path.name}: {error}") from error
        raise OSError(_("{file} keeps being replaced", file=self._path.name))

    def _repaired(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work; where the file turns out to be damaged, put it aside and do it in a new one."""
        try:
            return work(self._connection())
        except (sqlite3.DatabaseError, Damaged) as error:
            if not is_damage(error):
                raise
            self._drop()
            aside = put_aside(self._path, str(error))
            if aside is not None:
                log.warning("%s was damaged (%s); it is kept as %s", self._path, error, aside.path)
                self._aside.append(aside)
            return work(self._connection())

    def _connection(self) -> sqlite3.Connection:
        if self._open is None or not self._is_current():
            self._drop()
            with opening(self._path):
                self._open = prepared(self._path)
                self._inode = _inode(self._path)
        return self._open

    def _is_current(self) -> bool:
        """The file that is open still lies where the journal is looked for."""
        return _inode(self._path) == self._inode

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._inode = None

    def _write(self, db: sqlite3.Connection, job: Job, place: int, vm: VmJob, now: datetime) -> None:
        if self._lock is None:
            self._lock = hold(self._lock_of(self._owner))
        told = (vm.state, vm.step, vm.task, vm.status)
        with transaction(db):
            if db.execute("select 1 from job where id = ?", (job.id,)).fetchone() is None:
                row = (job.id, job.created.isoformat(), self._owner, encode(job.plan), VERSION)
                db.execute("insert into job (id, created, owner, plan, version) values (?, ?, ?, ?, ?)", row)
            written = db.execute("select count(*) from vm where job = ?", (job.id,)).fetchone()[0]
            # A new job with all its parts; one whose rows were lost in part gets them back.
            parts = range(len(job.vms)) if not written else [place]
            db.executemany(
                "insert into vm (job, place, ended, document, version) values (?, ?, ?, ?, ?) on conflict (job, place)"
                " do update set ended = excluded.ended, document = excluded.document, version = excluded.version",
                [(job.id, i, job.vms[i].is_over, encode(job.vms[i]), VERSION) for i in parts],
            )
            if self._told.get((job.id, place)) == told:
                return  # what a reader would see twice
            db.execute(
                "insert into entry (job, place, at, vm, state, step, task, message) values (?, ?, ?, ?, ?, ?, ?, ?)",
                (job.id, place, now.isoformat(), vm.move.vm.name, vm.state, vm.step, vm.task, encode_text(vm.status)),
            )
        self._told[job.id, place] = told

    def _adopt(self, db: sqlite3.Connection, wanted: str) -> list[Job]:
        if not db.execute("select 1 from vm where not ended limit 1").fetchone():
            return []
        if self._lock is None:
            self._lock = hold(self._lock_of(self._owner))
        found = []
        with transaction(db):
            left = "where id in (select job from vm where not ended) order by created, id"
            alive = {self._owner: True}
            for row in db.execute(f"{_JOB} {left}").fetchall():
                name, owner = str(row[0]), str(row[2])
                if wanted and name != wanted:
                    continue
                if owner not in alive:
                    alive[owner] = self._is_alive(owner)
                if alive[owner]:
                    continue
                job, _unreadable = _read(db, row)
                if job is None or all(vm.is_over for vm in job.vms):
                    continue  # what is left of it cannot be read
                db.execute("update job set owner = ? where id = ?", (self._owner, row[0]))
                found.append(job)
        return found

    def _forget(self, db: sqlite3.Connection, job: str) -> bool:
        with transaction(db):
            row = db.execute("select owner from job where id = ?", (job,)).fetchone()
            left = db.execute("select count(*), sum(not ended) from vm where job = ?", (job,)).fetchone()
            if row is None and not left[0]:
                return False
            if row is not None and left[1] and row[0] != self._owner and self._is_alive(str(row[0])):
                return False
            for table, column in (("entry", "job"), ("vm", "job"), ("job", "id")):
                db.execute(f"delete from {table} where {column} = ?", (job,))  # noqa: S608 - names of our own
        self._told = {key: told for key, told in self._told.items() if key[0] != job}
        return True

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f"journal-{owner}.lock"

    def _is_alive(self, owner: str) -> bool:
        """The process of this owner still holds its lock; the file of one that has ended is removed."""
        path = self._lock_of(owner)
        if not owner.isalnum() or not path.exists():
            return False
        try:
            hold(path).close()
        except sqlite3.OperationalError:
            return True
        except sqlite3.DatabaseError:
            return False  # no lock of ours
        path.unlink(missing_ok=True)
        return False

    def _close(self) -> None:
        self._drop()
        if self._lock is not None:
            self._lock.close()
            self._lock_of(self._owner).unlink(missing_ok=True)
        self._lock = None


_JOB: Final = "select id, created, owner, plan, version, folded from job"


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _all(db: sqlite3.Connection) -> tuple[list[Job], list[Unreadable]]:
    jobs, unreadable = [], []
    for row in db.execute(f"{_JOB} order by created desc, id desc").fetchall():
        job, bad = _read(db, row)
        if job is not None:
            jobs.append(job)
        unreadable += bad
    orphans = "select job, min(ended) from vm where job not in (select id from job) group by job order by job desc"
    for name, ended in db.execute(orphans).fetchall():
        unreadable.append(_unreadable(db, name, None, _("the row of the job is missing"), bool(ended)))
    return jobs, unreadable


def _read(db: sqlite3.Connection, row: tuple[object, ...]) -> tuple[Job | None, list[Unreadable]]:
    """A job, None if it cannot be read, and what cannot be read of it. Of a job whose plan can be read, parts that
    cannot are stood in for."""
    name, at, _owner, raw, version, folded = row
    created = moment(at)
    rows = db.execute("select place, ended, document, version from vm where job = ? order by place", (name,)).fetchall()
    over = bool(rows) and all(ended for _place, ended, _document, _version in rows)
    try:
        plan = decode_plan(raw, version)
        if created is None:
            raise Undecodable(_("its date is damaged"))
    except Undecodable as error:
        return None, [_unreadable(db, name, created, str(error), over)]
    parts: dict[int, VmJob] = {}
    problems: dict[int, tuple[str, bool]] = {}
    for place, ended, document, written in rows:
        if not isinstance(place, int):
            continue
        try:
            parts[place] = decode_part(document, written)
        except Undecodable as error:
            problems[place] = str(error), bool(ended)
    if folded:
        vms = tuple(parts[place] for place in sorted(parts))
    else:
        for place in range(len(plan.moves)):
            if place not in parts:
                reason, _over = problems.setdefault(place, (_("the row is missing"), False))
                parts[place] = unreadable_part(plan.moves[place], reason)
        vms = tuple(parts[place] for place in range(len(plan.moves)))
    names = {place: move.vm.name for place, move in enumerate(plan.moves)}
    unreadable = [
        Unreadable(str(name), created, (names.get(place, ""),), reason, ended)
        for place, (reason, ended) in sorted(problems.items())
    ]
    return Job(id=str(name), plan=plan, created=created, vms=vms), unreadable


def _unreadable(db: sqlite3.Connection, name: object, created: datetime | None, reason: str, ended: bool) -> Unreadable:
    """A job that cannot be read; the names of its VMs are in its history."""
    vms = db.execute("select distinct vm from entry where job = ? order by place", (name,)).fetchall()
    return Unreadable(str(name), created, tuple(str(vm) for (vm,) in vms), reason, ended)


def _history(db: sqlite3.Connection, job: str) -> list[Entry]:
    rows = db.execute("select at, vm, state, step, task, message from entry where job = ? order by number", (job,))
    found: list[Entry] = []
    for at, vm, state, step, task, text in rows:
        known = moment(at)
        if known is None:
            known = found[-1].at if found else datetime.fromtimestamp(0, UTC)
        found.append(Entry(known, str(vm), str(state), str(step), str(task), decode_text(str(text))))
    return found


def _fold(db: sqlite3.Connection, now: datetime) -> int:
    before = now - FOLDED_AFTER
    old = "where not folded and created < ? and not exists (select 1 from vm where job = id and not ended)"
    if not db.execute(f"select 1 from job {old} limit 1", (before.isoformat(),)).fetchone():  # noqa: S608
        return 0
    count = 0
    with transaction(db):
        for row in db.execute(f"{_JOB} {old}", (before.isoformat(),)).fetchall():
            job, unreadable = _read(db, row)
            if job is None or unreadable or any(vm.ended is None or vm.ended > before for vm in job.vms):
                continue
            plan = encode(folded_plan(job.plan))
            db.execute("update job set plan = ?, version = ?, folded = 1 where id = ?", (plan, VERSION, job.id))
            for place, vm in enumerate(job.vms):
                values = (encode(folded_part(vm)), VERSION, job.id, place)
                db.execute("update vm set document = ?, version = ? where job = ? and place = ?", values)
            db.execute(_FORGET_LINES, (job.id, job.id))
            count += 1
    return count
