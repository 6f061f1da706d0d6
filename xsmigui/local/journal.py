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
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from xsmigui.core.jobs import Entry, Job, VmJob
from xsmigui.core.journal import Elsewhere, SetAside, Unreadable, Waiting
from xsmigui.core.messages import Text
from xsmigui.core.text import _
from xsmigui.local import handover
from xsmigui.local.documents import VERSION, encode, encode_text
from xsmigui.local.journalfile import FILE, Damaged, hold, is_damage, opening, prepared, put_aside, transaction
from xsmigui.local.journalrows import JOB, all_jobs, ended_jobs, fold, history, owner_of, read_job

log = logging.getLogger(__name__)

SWITCHES: Final = 3
"""How often in succession the file may be found replaced by another process."""

T = TypeVar("T")


_OF_OTHERS: Final = "id in (select job from vm where not ended) and owner != ?"
"""Jobs that have not ended and belong to another process than this one."""


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
        self._queues: dict[tuple[str, int], int] = {}
        self._checked: dict[str, tuple[int, int]] = {}
        self._seen: object = None
        self._closed = False

    async def write(self, job: Job, place: int) -> None:
        """Keep how a VM of a job stands; on disk when this returns. Raises `OSError` where that cannot be done."""
        now = datetime.now(UTC)
        vm = job.vms[place]
        await self._do(lambda db: self._write(db, job, place, vm, now))

    async def all(self) -> list[Job]:
        """Every job that can be read, the latest first. Raises `OSError`."""
        return await self._do(lambda db: all_jobs(db)[0])

    async def ended(self, jobs: int, vms: int) -> list[Job]:
        """The latest jobs that have ended and can be read, so many at most, and of so many VMs (the latest one in any
        case); the latest first. Raises `OSError`."""
        return await self._do(lambda db: ended_jobs(db, jobs, vms))

    async def unreadable(self) -> list[Unreadable]:
        """What cannot be read of the journal, the latest first. Raises `OSError`."""
        return await self._do(lambda db: all_jobs(db)[1])

    async def history(self, job: str) -> list[Entry]:
        """What was written of a job, in its order. Raises `OSError`."""
        return await self._do(lambda db: history(db, job))

    async def adopt(self, job: str = "") -> list[Job]:
        """Take over the jobs that have not ended and whose process has (or this one of them), the oldest first. They
        are ours from then on. Raises `OSError`."""
        return await self._do(lambda db: self._adopt(db, job))

    def queued(self, job: str, place: int) -> int | None:
        """Where a VM of an adopted job stood in the queue of the process that handed the job over; None if none did."""
        return self._queues.get((job, place))

    async def elsewhere(self) -> list[Elsewhere] | None:
        """The jobs that have not ended and that another living process carries out; None if nothing has changed since
        this was asked last. Raises `OSError`."""
        return await self._do(self._elsewhere)

    async def others(self) -> list[Job]:
        """The jobs that have not ended and that another living process carries out, as they stand in this moment.
        Raises `OSError`."""
        return await self._do(lambda db: [each.job for each in self._carried_out(db, self._alive(db))])

    async def ask_for(self, job: str) -> None:
        """Ask the process that carries out this job to hand over all of its own. Raises `OSError`."""
        owner = await self._do(lambda db: owner_of(db, job))
        if owner and owner != self._owner:
            handover.put(self._folder, owner, handover.ASKED)

    def give_on_request(self) -> None:
        """Others may ask this process for its jobs. Raises `OSError`."""
        handover.put(self._folder, self._owner, handover.GIVES)

    def wait_for(self, waits: Waiting | None) -> None:
        """Tell others what this process waits for; None if for nothing. Raises `OSError`."""
        handover.put_waiting(self._folder, self._owner, waits)

    def is_asked_for(self) -> bool:
        """Another process wants the jobs of this one."""
        return handover.is_put(self._folder, self._owner, handover.ASKED)

    async def hand_over(self, queue: list[tuple[str, int]]) -> None:
        """Leave the jobs of this process, in this order (job, place), to the one that adopts them once this journal is
        closed. Raises `OSError`."""
        now = datetime.now(UTC)
        await self._do(lambda _db: handover.put_queue(self._folder, self._owner, queue, now))

    async def forget(self, job: str) -> bool:
        """Take a job out with all that is written of it, whether it can be read or not. False where there is none, or
        where another process carries it out. Raises `OSError`."""
        return await self._do(lambda db: self._forget(db, job))

    async def fold(self) -> int:
        """Fold the jobs that ended more than a year ago into what a report tells of them: how each VM ended, and the
        uuids. Returns how many there were. Raises `OSError`."""
        now = datetime.now(UTC)
        return await self._do(lambda db: fold(db, now))

    async def close(self) -> None:
        """Close the file and let the lock go; what has not ended can be taken over. Closing again does nothing."""
        if self._closed:
            return
        self._closed = True
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
            (changes,) = db.execute("pragma data_version").fetchone()
            if self._checked.get(job.id) != (id(db), changes):
                self._put(db, job)
                self._checked[job.id] = id(db), changes
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

    def _put(self, db: sqlite3.Connection, job: Job) -> None:
        """The row of a job that is carried out here, as it should be: it is new, or somebody else has written to the
        journal since, and perhaps spoiled it."""
        row = (job.id, job.created.isoformat(), self._owner, encode(job.plan), VERSION)
        db.execute(
            "insert into job (id, created, owner, plan, version) values (?, ?, ?, ?, ?) on conflict (id) do update set"
            " created = excluded.created, owner = excluded.owner, plan = excluded.plan, version = excluded.version"
            " where (created, owner, plan, version) != (excluded.created, excluded.owner, excluded.plan,"
            " excluded.version)",
            row,
        )

    def _adopt(self, db: sqlite3.Connection, wanted: str) -> list[Job]:
        if not db.execute("select 1 from vm where not ended limit 1").fetchone():
            return []
        if self._lock is None:
            self._lock = hold(self._lock_of(self._owner))
        found = []
        with transaction(db):
            left = "where id in (select job from vm where not ended) order by created, id"
            alive = {self._owner: True}
            for row in db.execute(f"{JOB} {left}").fetchall():
                name, owner = str(row[0]), str(row[2])
                if wanted and name != wanted:
                    continue
                if owner not in alive:
                    alive[owner] = self._is_alive(owner)
                if alive[owner]:
                    continue
                job, _bad = read_job(db, row)
                if job is None or all(vm.is_over for vm in job.vms):
                    continue  # what is left of it cannot be read
                db.execute("update job set owner = ? where id = ?", (self._owner, row[0]))
                found.append(job)
                order = handover.queue(self._folder, owner, datetime.now(UTC))
                if order is not None:
                    ranks = {place: rank for rank, (of, place) in enumerate(order) if of == name}
                    # What is not in the order had ended, or had stopped for the operator.
                    self._queues |= {(name, place): ranks.get(place, len(order)) for place in range(len(job.vms))}
        for owner in alive if not wanted else ():
            if not alive[owner]:
                handover.clear(self._folder, owner)
        return found

    def _elsewhere(self, db: sqlite3.Connection) -> list[Elsewhere] | None:
        alive = self._alive(db)
        seen = db.execute("pragma data_version").fetchone(), alive, id(db)
        if seen == self._seen:
            return None
        self._seen = seen
        return self._carried_out(db, alive)

    def _alive(self, db: sqlite3.Connection) -> dict[str, tuple[bool, Waiting | None]]:
        """The other living processes that have jobs: whether each gives them away, and what it waits for."""
        owners = db.execute(f"select distinct owner from job where {_OF_OTHERS}", (self._owner,)).fetchall()  # noqa: S608
        living = [str(owner) for (owner,) in owners if self._is_alive(str(owner))]
        return {
            owner: (handover.is_put(self._folder, owner, handover.GIVES), handover.waiting(self._folder, owner))
            for owner in living
        }

    def _carried_out(self, db: sqlite3.Connection, alive: dict[str, tuple[bool, Waiting | None]]) -> list[Elsewhere]:
        found = []
        if alive:
            rows = db.execute(f"{JOB} where {_OF_OTHERS} order by created desc, id desc", (self._owner,)).fetchall()
            for row in rows:
                job, _bad = read_job(db, row) if row[2] in alive else (None, [])
                if job is not None:
                    found.append(Elsewhere(job, *alive[row[2]]))
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
        handover.clear(self._folder, self._owner, queue=False)
        self._lock = None


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
