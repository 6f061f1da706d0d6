"""What can still be read of a damaged journal, row by row.

SQLite gives up a whole file for one damaged page. Here its pages are put together anew, those of the write-ahead log
over those of the file, and the rows are asked for one at a time, so that only those are lost that lie on the damaged
pages. Formats of files: https://www.sqlite.org/fileformat2.html, sections 1.3 (database) and 4 (write-ahead log).
"""

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MAGIC: Final = b"SQLite format 3\x00"
PAGE: Final = 4096
"""Bytes of a page of the journal: SQLite's own default since 3.12.0."""

MISSES: Final = 5_000
"""After so many rows that lie on damaged pages nothing more is looked for in a table."""

Row = tuple[Any, ...]


@dataclass(slots=True)
class Salvaged:
    """Rows as they are in the tables `job` (id, created, owner, plan, version, folded), `vm` (job, place, ended,
    document, version) and `entry` (job, place, at, vm, state, step, task, message)."""

    jobs: dict[str, Row] = field(default_factory=dict)
    parts: dict[tuple[str, int], Row] = field(default_factory=dict)
    entries: list[Row] = field(default_factory=list)


def salvage(path: Path, scratch: Path, create: Callable[[sqlite3.Connection], None]) -> Salvaged:
    """The rows of the damaged journal at `path`. `scratch` is a file that may be written; `create` makes the tables of
    a new journal, in the order in which they are made in every journal. Raises `OSError`."""
    pages = _pages(path)
    if pages.get(1, b"").startswith(MAGIC):
        found = _rows_of(pages, scratch)
        if found is not None:
            return found
    return _rows_of(pages | {1: _first_page(create, max(pages, default=1))}, scratch) or Salvaged()


def _pages(path: Path) -> dict[int, bytes]:
    """The pages by their number, as the last complete transaction has left them."""
    pages: dict[int, bytes] = {}
    if path.is_file():
        content = path.read_bytes()
        for start in range(0, len(content), PAGE):
            pages[start // PAGE + 1] = content[start : start + PAGE].ljust(PAGE, b"\0")
    log = path.with_name(path.name + "-wal")
    if log.is_file():
        pages.update(_committed(log.read_bytes()))
    return pages


def _committed(log: bytes) -> dict[int, bytes]:
    """The pages of all complete transactions in a write-ahead log."""
    if len(log) < 32:
        return {}
    magic, _version, size = struct.unpack(">III", log[:12])
    if magic not in (0x377F0682, 0x377F0683) or size != PAGE:
        return {}
    order = ">" if magic & 1 else "<"
    sums = _summed(log[:24], order, (0, 0))
    if sums != struct.unpack(">II", log[24:32]):
        return {}
    committed: dict[int, bytes] = {}
    open_: dict[int, bytes] = {}
    for start in range(32, len(log) - PAGE - 23, PAGE + 24):
        head, page = log[start : start + 24], log[start + 24 : start + 24 + PAGE]
        sums = _summed(page, order, _summed(head[:8], order, sums))
        if head[8:16] != log[16:24] or sums != struct.unpack(">II", head[16:24]):
            break
        number, pages = struct.unpack(">II", head[:8])
        open_[number] = page
        if pages:
            committed |= open_
            open_ = {}
    return committed


def _summed(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """The checksum of the log, carried on."""
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return one, two


def _first_page(create: Callable[[sqlite3.Connection], None], count: int) -> bytes:
    """The first page of a new journal with so many pages: where a journal's own is damaged it takes its place, since
    the tables begin at the same pages in each."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        create(db)
        page = db.serialize()[:PAGE]
    return page[:28] + struct.pack(">III", count, 0, 0) + page[40:]


def _rows_of(pages: dict[int, bytes], scratch: Path) -> Salvaged | None:
    """The rows that these pages hold; None if the first page does not even tell which tables there are."""
    first = pages[1]
    with scratch.open("wb") as file:
        file.write(first[:18] + b"\x01\x01" + first[20:])  # no write-ahead log
        for number in range(2, max(pages) + 1):
            file.write(pages.get(number, bytes(PAGE)))
    try:
        with closing(sqlite3.connect(f"{scratch.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            db.text_factory = lambda raw: raw.decode(errors="replace")
            return _read(db)
    except sqlite3.Error:
        return None
    finally:
        scratch.unlink(missing_ok=True)


def _read(db: sqlite3.Connection) -> Salvaged:
    found = Salvaged()
    versions = {name: _columns(db, name) for name in ("job", "vm")}
    version = "version" if "version" in versions["job"] else "1"
    folded = "folded" if "folded" in versions["job"] else "0"
    whole = f"select id, created, owner, plan, {version}, {folded} from job where rowid = ?"  # noqa: S608
    bare = f"select id, created, owner, '', {version}, {folded} from job where rowid = ?"  # noqa: S608
    for row in _each(db, "job", whole, bare, "select id, created, owner, '', 1, 0 from job where rowid = ?"):
        found.jobs[str(row[0])] = row
    for row in _each(db, "entry", "select job, place, at, vm, state, step, task, message from entry where rowid = ?"):
        found.entries.append(row)
    names = {*found.jobs, *(str(row[0]) for row in found.entries)}
    part = "select job, place, ended, document, " + ("version" if "version" in versions["vm"] else "1") + " from vm"  # noqa: S608
    rows = [*_until_damage(db, f"{part} order by job, place"), *_until_damage(db, f"{part} order by job desc")]
    for name in names:
        rows += _until_damage(db, f"{part} where job = ? order by place", name)
        rows += _until_damage(db, f"{part} where job = ? order by place desc", name)
    for row in rows:
        if isinstance(row[1], int):
            found.parts[str(row[0]), row[1]] = row
    return found


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in db.execute(f"pragma table_info({table})")}


def _each(db: sqlite3.Connection, table: str, *ways: str) -> Iterator[Row]:
    """The rows of a table, each in the first of these ways in which it can be read."""
    number = missed = 0
    while missed < MISSES:
        next_one = f"select min(rowid) from {table} where rowid > ?"  # noqa: S608 - a name of ours
        found = next(_until_damage(db, next_one, number), (number,))[0]
        if found is None:
            return
        if found <= number:  # a damaged page
            number, missed = number + 1, missed + 1
            continue
        number = found
        row = next((row for way in ways for row in _until_damage(db, way, number)), None)
        if row is not None:
            yield row


def _until_damage(db: sqlite3.Connection, sql: str, *values: object) -> Iterator[Row]:
    """The rows of a query up to the first that cannot be read."""
    try:
        yield from db.execute(sql, values)
    except (sqlite3.Error, UnicodeDecodeError, OverflowError):
        return
