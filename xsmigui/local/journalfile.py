"""The journal as a file of SQLite: made, brought to the present form, locked, and put aside where it is damaged."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from xsmigui.core.journal import SetAside
from xsmigui.core.text import _
from xsmigui.local.salvage import MAGIC, PAGE, Salvaged, salvage

FILE: Final = "journal.sqlite3"
LOCK: Final = "journal.lock"
"""Held while the journal is opened, made or replaced."""

FORMAT: Final = 2
"""The version of the tables. A journal of a later version is left alone."""

PATIENCE: Final = 10.0
"""Seconds to wait while another process writes."""

SUFFIXES: Final = ("", "-wal", "-shm")
"""The files that SQLite keeps of one database."""

_UPGRADES: Final = {
    1: """
create table job (id text primary key, created text not null, owner text not null, plan blob not null);
create table vm (job text not null references job, place integer not null, ended integer not null,
    document blob not null, primary key (job, place)) without rowid;
create table entry (number integer primary key, job text not null, place integer not null, at text not null,
    vm text not null, state text not null, step text not null, task text not null, message text not null);
create index entry_job on entry (job);
""",
    2: """
alter table job add column version integer not null default 1;
alter table job add column folded integer not null default 0;
alter table vm add column version integer not null default 1;
create index vm_left on vm (job) where not ended;
""",
}
"""What makes the tables of each version from those of the one before. A new journal goes through all of them, so that
its tables begin at the same pages as those of any other (`local.salvage`)."""

_COLUMNS: Final = {
    "job": {"id", "created", "owner", "plan"},
    "vm": {"job", "place", "ended", "document"},
    "entry": {"number", "job", "place", "at", "vm", "state", "step", "task", "message"},
}


class Damaged(OSError):
    """The file is no journal, or one that is damaged; the text says how."""


def is_damage(error: Exception) -> bool:
    """The file itself is damaged, as opposed to busy, full or out of reach."""
    if isinstance(error, Damaged):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def prepared(path: Path) -> sqlite3.Connection:
    """The journal, open, whole, and of the present form; a new one where there is none.

    Call it inside `opening`. Raises:
        Damaged, DatabaseError: `is_damage` tells damage from the rest.
        OSError: a later version wrote it.
    """
    _refuse_stump(path)
    if path.exists():
        # A connection that may write clears the write-ahead log away when it is closed, damaged or not.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=PATIENCE, uri=True)) as looked:
            _check(looked, path)
    path.touch(0o600)
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        db.text_factory = lambda raw: raw.decode(errors="replace")
        _set_up(db)
        (version,) = db.execute("pragma user_version").fetchone()
        if version < FORMAT:
            with transaction(db):
                _upgrade(db, version)
    except BaseException:
        db.close()
        raise
    return db


def opening(path: Path) -> closing[sqlite3.Connection]:
    """Nobody else opens or replaces the journal meanwhile. Raises `OperationalError`."""
    return closing(hold(path.with_name(LOCK), PATIENCE))


def _set_up(db: sqlite3.Connection) -> None:
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("pragma foreign_keys = on")


def _refuse_stump(path: Path) -> None:
    """SQLite throws a write-ahead log away, and with it what it holds, if its main file is empty, not there, or shorter
    than a page."""
    log = path.with_name(path.name + "-wal")
    size = path.stat().st_size if path.is_file() else 0
    if not size and not path.is_dir() and log.is_file() and log.stat().st_size:
        raise Damaged(_("only its write-ahead log is left"))
    if size:
        with path.open("rb") as file:
            if not file.read(len(MAGIC)) == MAGIC or size < PAGE:
                raise Damaged(_("it is not a journal of this program"))


def _check(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("pragma user_version").fetchone()
    if version > FORMAT:
        raise OSError(_("{file}: a later version of this program wrote it", file=path.name))
    tables = {str(name) for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
    if version == 0 and not tables:
        return
    for table, columns in _COLUMNS.items():
        if not columns <= {str(row[1]) for row in db.execute(f"pragma table_info({table})")}:
            raise Damaged(_("it is not a journal of this program"))
    if version < 1:
        raise Damaged(_("it is not a journal of this program"))
    (verdict,) = db.execute("pragma quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(verdict.splitlines()[-1])


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    for step in range(version + 1, FORMAT + 1):
        for statement in filter(str.strip, _UPGRADES[step].split(";")):
            db.execute(statement)
    db.execute(f"pragma user_version = {FORMAT}")


def put_aside(path: Path, reason: str) -> SetAside | None:
    """Give the damaged journal, with all files that belong to it, a name of its own, and put a new one in its place
    that holds what could still be read. None if another process has done so meanwhile. Raises `OSError`,
    `sqlite3.Error`; everything is as it was then."""
    with opening(path):
        try:
            prepared(path).close()
        except (sqlite3.DatabaseError, Damaged) as error:
            if not is_damage(error):
                raise
        else:
            if not _is_damaged_still(path):
                return None
        fresh = path.with_name(f"journal-{secrets.token_hex(4)}.new")
        try:
            rows = salvage(path, fresh.with_suffix(".pages"), lambda db: _upgrade(db, 0))
            _fill(fresh, rows)
            aside = _free_name(path)
            for suffix in reversed(SUFFIXES):  # the main file last: as long as it lies there it can be tried again
                with suppress(FileNotFoundError):
                    os.replace(f"{path}{suffix}", f"{aside}{suffix}")
            os.replace(fresh, path)
            _sync_folder(path.parent)
        finally:
            for suffix in SUFFIXES:
                Path(f"{fresh}{suffix}").unlink(missing_ok=True)
    return SetAside(str(aside), reason, len(rows.jobs))


def _is_damaged_still(path: Path) -> bool:
    """What a look at every row says, where a quick one found nothing."""
    with closing(prepared(path)) as db:
        try:
            (verdict,) = db.execute("pragma integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            return is_damage(error)
    return bool(verdict != "ok")


def _free_name(path: Path) -> Path:
    """A name in the same folder that nothing has: not the file, and not what would belong to it."""
    while True:
        now = datetime.now(UTC)
        name = f"{path.stem}-damaged-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}{path.suffix}"
        aside = path.with_name(name)
        if not any(os.path.lexists(f"{aside}{suffix}") for suffix in SUFFIXES):
            return aside


def _fill(path: Path, rows: Salvaged) -> None:
    path.touch(0o600)
    with closing(prepared(path)) as db, transaction(db):
        for job in {name for name, _place in rows.parts} - rows.jobs.keys():
            row = (job, "", "", b"", 1, 0)  # its parts are kept beside a job that cannot be read
            db.execute("insert into job (id, created, owner, plan, version, folded) values (?, ?, ?, ?, ?, ?)", row)
        jobs = "insert or replace into job (id, created, owner, plan, version, folded) values (?, ?, ?, ?, ?, ?)"
        for row in rows.jobs.values():
            _insert(db, jobs, row)
        for row in rows.parts.values():
            _insert(db, "insert or replace into vm (job, place, ended, document, version) values (?, ?, ?, ?, ?)", row)
        entries = "insert into entry (job, place, at, vm, state, step, task, message) values (?, ?, ?, ?, ?, ?, ?, ?)"
        for row in rows.entries:
            _insert(db, entries, row)


def _insert(db: sqlite3.Connection, sql: str, row: tuple[object, ...]) -> None:
    """A row that breaks the rules of the tables is one of those that were lost."""
    with suppress(sqlite3.IntegrityError):
        db.execute(sql, row)


def _sync_folder(folder: Path) -> None:
    """New names survive a power cut once their folder is on disk. Windows cannot and need not."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def hold(path: Path, patience: float = 0) -> sqlite3.Connection:
    """Take a lock that lasts until the connection is closed or the process ends. Raises `OperationalError`."""
    lock = sqlite3.connect(path, timeout=patience, isolation_level=None)
    try:
        lock.execute("begin exclusive")
    except BaseException:
        lock.close()
        raise
    return lock


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and nobody else writes meanwhile."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
