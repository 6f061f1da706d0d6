"""The database of one pool: tables of rows, with generations and references kept true on both sides.

Every write of a field gives the database a new generation and the row a new `mtime`; deletions go to a bounded list.
`event.from` is answered from these numbers alone (xapi database/db_cache_types.ml).
"""

from __future__ import annotations

import asyncio
import random
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from xsmigui.simulator.failures import NULL, Failure, handle_invalid, internal
from xsmigui.simulator.schema import MANY_TO_MANY, ONE_TO_MANY, Schema
from xsmigui.simulator.types import Value

Row = dict[str, Value]

DELETED_LIMIT: Final = 512  # then cut to the newest half: older deletions are never reported (db_cache_types.ml)
Deletion = tuple[int, int, str]  # created, deleted, reference


class Table:
    """Rows of one class by reference. `touched` holds every row's mtime, in the order of the last write."""

    __slots__ = ("created", "deleted", "encoded", "hidden", "name", "rows", "touched")

    def __init__(self, name: str, hidden: frozenset[str] = frozenset()) -> None:
        self.name = name
        self.hidden = hidden
        self.rows: dict[str, Row] = {}
        self.created: dict[str, int] = {}
        self.touched: dict[str, int] = {}
        self.deleted: list[Deletion] = []
        self.encoded: dict[str, bytes] = {}  # the row as JSON, until it changes

    def shown(self, ref: str) -> Row:
        """The row as clients see it: without fields that their release does not have."""
        row = self.rows[ref]
        return {k: v for k, v in row.items() if k not in self.hidden} if self.hidden else row

    def changed_since(self, generation: int) -> Iterator[str]:
        """References of rows written after `generation`, the latest first; costs only what changed."""
        for ref in reversed(self.touched):
            if self.touched[ref] <= generation:
                return
            yield ref

    def deleted_since(self, generation: int) -> Iterator[Deletion]:
        for deletion in reversed(self.deleted):
            if deletion[1] <= generation:
                return
            yield deletion


# (class, field with one reference) → (class, field with the set), and both ways for sets on both sides
_FORWARD: Final = {(one, field): (many, back) for one, field, many, back in ONE_TO_MANY}
_BACKWARD: Final = {(many, back): (one, field) for one, field, many, back in ONE_TO_MANY}
_BOTH: Final = {(a, x): (b, y) for a, x, b, y in MANY_TO_MANY} | {(b, y): (a, x) for a, x, b, y in MANY_TO_MANY}


class Database:
    """All tables of a pool. Writes go through `set`, `create` and `delete` only."""

    def __init__(self, schema: Schema, seed: int | str = 0) -> None:
        self.schema = schema
        self.generation = 1
        self.tables = {name: Table(name, schema.hidden.get(name, frozenset())) for name in schema.classes}
        self.random = random.Random(seed)
        self.before_read: Callable[[], None] = lambda: None  # derived fields are brought up to date here
        self.dirty: set[tuple[str, str]] = set()
        self._owners: dict[str, str] = {}  # reference → class
        self._waiting: list[asyncio.Future[None]] = []
        self._relations = {
            name: [f for f in cls.fields if (name, f) in _FORWARD and _known(schema, *_FORWARD[name, f])]
            for name, cls in schema.classes.items()
        }

    # -- reading ---------------------------------------------------------------------------------------------------

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_ref(self) -> str:
        return f"OpaqueRef:{self.new_uuid()}"

    def table(self, cls: str) -> dict[str, Row]:
        return self.tables[cls].rows

    def has(self, cls: str, ref: str) -> bool:
        return ref in self.tables[cls].rows

    def row(self, cls: str, ref: str) -> Row:
        """The live row, not a copy; HANDLE_INVALID for a reference of no or another class."""
        try:
            return self.tables[cls].rows[ref]
        except KeyError:
            raise handle_invalid(cls, ref) from None

    def find(self, cls: str, ref: str) -> Row | None:
        return self.tables[cls].rows.get(ref)

    def get(self, cls: str, ref: str, field: str) -> Value:
        return self.row(cls, ref)[field]

    def by_uuid(self, cls: str, wanted: str) -> str:
        for ref, row in self.tables[cls].rows.items():
            if row["uuid"] == wanted:
                return ref
        raise Failure("UUID_INVALID", cls, wanted)

    def class_of(self, ref: str) -> str | None:
        return self._owners.get(ref)

    # -- writing ---------------------------------------------------------------------------------------------------

    def create(self, cls: str, values: Mapping[str, Any], ref: str | None = None) -> str:
        """Adds a row; what `values` leaves out gets the schema's default. References in it appear on the other side."""
        described = self.schema.classes[cls]
        ref = ref or self.new_ref()
        row: Row = {}
        for name, field in described.fields.items():
            if name in values:
                row[name] = values[name]
            elif name == "uuid":
                row[name] = self.new_uuid()
            else:
                default = field.default
                row[name] = default.copy() if isinstance(default, list | dict) else default
        row = {name: as_stored(value) for name, value in row.items()}
        self._insert(cls, ref, row)
        for name in self._relations[cls]:
            self._link(cls, ref, name, row[name])
        for name in row:
            if (cls, name) in _BOTH:
                for other in row[name]:
                    self._join(*_BOTH[cls, name], other, ref)
        self._wake()
        return ref

    def _insert(self, cls: str, ref: str, row: Row) -> None:
        table = self.tables[cls]
        self.generation += 1
        table.rows[ref] = row
        table.created[ref] = self.generation
        table.touched[ref] = self.generation
        self._owners[ref] = cls
        self.dirty.add((cls, ref))

    def set(self, cls: str, ref: str, **fields: Value) -> None:
        """Writes fields one by one; writing what is there already changes nothing and sends no event.

        A text that XML cannot hold is an INTERNAL_ERROR, in sets and maps since 25.31 (db_cache_impl.ml, write_field).
        """
        row = self.row(cls, ref)
        for name, value in fields.items():
            if row[name] == value and type(row[name]) is type(value):
                continue
            if (isinstance(value, str) or self.schema.release >= (25, 31)) and as_stored(value) != value:
                raise internal("Xapi_database.Db_exn.Invalid_value")
            old = row[name]
            row[name] = value
            self.touch(cls, ref)
            if (cls, name) in _FORWARD:
                self._unlink(cls, ref, name, old)
                self._link(cls, ref, name, value)
            elif (cls, name) in _BOTH:
                for gone in set(old) - set(value):
                    self._part(*_BOTH[cls, name], gone, ref)
                for new in set(value) - set(old):
                    self._join(*_BOTH[cls, name], new, ref)

    def touch(self, cls: str, ref: str) -> None:
        """A new generation for a row, changed or not (event.inject does no more)."""
        table = self.tables[cls]
        self.generation += 1
        del table.touched[ref]
        table.touched[ref] = self.generation
        table.encoded.pop(ref, None)
        self.dirty.add((cls, ref))
        self._wake()

    def add_to(self, cls: str, ref: str, field: str, key: str, value: Value) -> None:
        """A text that XML cannot hold ends before its first such character (process_structured_field)."""
        mapping = self.get(cls, ref, field)
        key, value = storable(key), as_stored(value)
        if not key:
            raise internal("Xapi_database.Db_exn.Empty_key_in_map")
        if key in mapping:
            raise Failure("MAP_DUPLICATE_KEY", cls, field, ref, key)
        self.set(cls, ref, **{field: {**mapping, key: value}})

    def remove_from(self, cls: str, ref: str, field: str, key: str) -> None:
        mapping, key = self.get(cls, ref, field), storable(key)
        self.set(cls, ref, **{field: {k: v for k, v in mapping.items() if k != key}})

    def add_member(self, cls: str, ref: str, field: str, item: Value) -> None:
        """To a set, at its head; one that is in it stays where it is (db_cache_types.ml, add_to_set)."""
        present, item = self.get(cls, ref, field), as_stored(item)
        if item not in present:
            self.set(cls, ref, **{field: [item, *present]})

    def remove_member(self, cls: str, ref: str, field: str, item: Value) -> None:
        present, item = self.get(cls, ref, field), as_stored(item)
        self.set(cls, ref, **{field: [other for other in present if other != item]})

    def delete(self, cls: str, ref: str) -> None:
        """Removes a row and its mark on the other side of its relations.

        References *to* the row stay as they are in other rows, as in xapi; the methods clean up what they own.
        """
        row = self.row(cls, ref)
        for name in self._relations[cls]:
            self._unlink(cls, ref, name, row[name])
        for name in row:
            if (cls, name) in _BOTH:
                for other in row[name]:
                    self._part(*_BOTH[cls, name], other, ref)
        table = self.tables[cls]
        self.generation += 1
        table.deleted.append((table.created.pop(ref), self.generation, ref))
        if len(table.deleted) > DELETED_LIMIT:
            del table.deleted[: -DELETED_LIMIT // 2]
        del table.rows[ref], table.touched[ref], self._owners[ref]
        table.encoded.pop(ref, None)
        self.dirty.discard((cls, ref))
        self._wake()

    # -- relations -------------------------------------------------------------------------------------------------

    def _link(self, cls: str, ref: str, field: str, target: str) -> None:
        if target != NULL and (cls, field) in _FORWARD:
            self._join(*_FORWARD[cls, field], target, ref)

    def _unlink(self, cls: str, ref: str, field: str, target: str) -> None:
        if target != NULL and (cls, field) in _FORWARD:
            self._part(*_FORWARD[cls, field], target, ref)

    def _join(self, cls: str, field: str, owner: str, member: str) -> None:
        row = self.find(cls, owner)
        if row is not None and field in row and member not in row[field]:
            row[field] = [*row[field], member]
            self.touch(cls, owner)

    def _part(self, cls: str, field: str, owner: str, member: str) -> None:
        row = self.find(cls, owner)
        if row is not None and field in row and member in row[field]:
            row[field] = [m for m in row[field] if m != member]
            self.touch(cls, owner)

    def relink(self) -> None:
        """Recomputes every set that is the far end of a relation, as xapi does after loading (no events)."""
        for (cls, field), (one, back) in _BACKWARD.items():
            if not (_known(self.schema, cls, field) and _known(self.schema, one, back)):
                continue
            members: dict[str, list[str]] = {}
            for ref, row in self.table(one).items():
                members.setdefault(row[back], []).append(ref)
            for ref, row in self.table(cls).items():
                row[field] = members.get(ref, [])

    def load(self, rows: Iterable[tuple[str, str, Row, int, int]], generation: int) -> None:
        """Fills an empty database with (class, reference, row, ctime, mtime); writes no events of its own."""
        for cls, ref, row, _, _ in rows:
            table = self.tables[cls]
            table.rows[ref] = row
            self._owners[ref] = cls
        by_table: dict[str, list[tuple[int, int, str]]] = {}
        for cls, ref, _, ctime, mtime in rows:
            by_table.setdefault(cls, []).append((mtime, ctime, ref))
        for cls, stamps in by_table.items():
            table = self.tables[cls]
            for mtime, ctime, ref in sorted(stamps):
                table.created[ref] = max(ctime, 1)
                table.touched[ref] = max(mtime, 1)
        self.generation = max(generation, 1)
        self.relink()

    # -- waiting ---------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._waiting:
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)
            self._waiting.clear()

    async def changed(self, timeout: float | None = None) -> bool:
        """Waits for the next write; False if `timeout` (seconds) passed first."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        done, _ = await asyncio.wait({future}, timeout=timeout)
        if not done:
            future.cancel()
            if future in self._waiting:
                self._waiting.remove(future)
        return bool(done)

    def poke(self) -> None:
        """Wakes everyone who waits, without a change (a session has ended, a token has been asked for)."""
        self._wake()


_NOT_IN_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def storable(text: str) -> str:
    """The text up to its first character that XML cannot hold (utf8.ml, longest_valid_prefix)."""
    if text.isprintable():
        return text
    found = _NOT_IN_XML.search(text)
    return text[: found.start()] if found else text


def as_stored(value: Value) -> Value:
    """A value with its texts as they can be kept, those in sets and maps too."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [as_stored(item) for item in value]
    if isinstance(value, dict):
        return {as_stored(k): as_stored(v) for k, v in value.items()}
    return value


def _known(schema: Schema, cls: str, field: str) -> bool:
    return cls in schema.classes and field in schema.classes[cls].fields
