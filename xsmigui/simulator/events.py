"""event.from, event.next, event.inject: answers computed from generations (xapi_event.ml)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from xsmigui.simulator.failures import Failure, handle_invalid
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.records import EventBatch
from xsmigui.simulator.schema import EVENTLESS
from xsmigui.simulator.sessions import Sessions
from xsmigui.simulator.tables import Row, Table
from xsmigui.simulator.types import int64

TASK_DELAY: Final = 0.0  # seconds before the first look, if only tasks are asked for (since 25.5)
DELAY: Final = 0.05
LONGEST_WAIT_S: Final = 86400.0

Change = tuple[int, str, str, str, Table | None]


class Subscription:
    """`*`, `vm` or `vm/<reference>`, several of them."""

    def __init__(self, classes: list[str]) -> None:
        self.all = False
        self.classes: set[str] = set()
        self.objects: dict[str, set[str]] = {}
        for word in classes:
            cls, slash, ref = word.partition("/")
            if word == "*":
                self.all = True
            elif slash:
                self.objects.setdefault(cls.lower(), set()).add(ref)
            else:
                self.classes.add(cls.lower())

    def whole(self, cls: str) -> bool:
        return self.all or cls in self.classes

    def wants(self, cls: str, ref: str) -> bool:
        return self.whole(cls) or ref in self.objects.get(cls, ())

    def touches(self, cls: str) -> bool:
        return self.whole(cls) or cls in self.objects

    @property
    def only_tasks(self) -> bool:
        names = self.classes | set(self.objects)
        return not self.all and bool(names) and names <= {"task"}


class Messages:
    """xapi's message objects: no rows, but with a generation of their own."""

    def __init__(self) -> None:
        self.generation = 0
        self.rows: dict[str, Row] = {}
        self.created: dict[str, int] = {}
        self.deleted: list[tuple[int, int, str]] = []

    def add(self, ref: str, row: Row) -> None:
        self.generation += 1
        self.rows[ref] = row
        self.created[ref] = self.generation

    def remove(self, ref: str) -> None:
        if ref not in self.rows:
            raise handle_invalid("message", ref)
        self.generation += 1
        del self.rows[ref]
        self.deleted.append((self.created.pop(ref), self.generation, ref))


def parse_token(token: str) -> tuple[int, int]:
    """Database generation and message generation, of 64 bits each; `""` is the beginning (xapi_event.ml, Token)."""
    if token == "":
        return 0, 0
    generation, comma, messages = token.partition(",")
    try:
        if not comma:
            raise ValueError(token)
        return int64(generation), int64(messages)
    except ValueError:
        raise Failure("EVENT_FROM_TOKEN_PARSE_FAILURE", token) from None


def token(generation: int, messages: int) -> str:
    return f"{generation:020d},{messages:020d}"


class Events:
    def __init__(self, pool: Pool, sessions: Sessions, messages: Messages) -> None:
        self._pool = pool
        self._sessions = sessions
        self._messages = messages
        self.delay_factor = 1.0  # on event.from's gathering pauses; 0 in the fastest tests
        self._tables = {
            name.lower(): table
            for name, table in pool.db.tables.items()
            if name not in EVENTLESS and name not in pool.schema.absent
        }  # fmt: skip
        self.losing = False  # a fault: deletions are no longer told

    async def wait(self, session: str, classes: list[str], since: str, timeout: float) -> EventBatch:
        """event.from: the next batch, or an empty one when `timeout` (seconds of real time) is over."""
        generation, messages = parse_token(since)
        wanted = Subscription(classes)
        if timeout < 0 or timeout > 104 * 86400:
            timeout = LONGEST_WAIT_S
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        db = self._pool.db
        delay = TASK_DELAY if wanted.only_tasks else DELAY * self.delay_factor
        await asyncio.sleep(min(delay, timeout) if since else 0)
        while True:
            if session not in self._sessions.live:
                raise Failure("SESSION_INVALID", session)
            db.before_read()
            changes, records, reached, told = self._collect(wanted, generation, messages)
            left = deadline - loop.time()
            if changes and self._pool.faults.lose_batch():
                generation, messages = reached, told
                continue
            if changes or left <= 0:
                return EventBatch(changes, records, self.counts(), token(reached, told))
            if await db.changed(left) and not wanted.only_tasks:
                # Gather what comes with it: xapi looks again only after a pause.
                await asyncio.sleep(min(DELAY * self.delay_factor, max(0.0, deadline - loop.time())))

    def _collect(
        self, wanted: Subscription, since: int, since_message: int
    ) -> tuple[list[Change], dict[str, Row], int, int]:
        added: list[Change] = []
        modified: list[Change] = []
        deleted: list[Change] = []
        reached = since
        for cls, table in self._tables.items():
            if not wanted.touches(cls):
                continue
            for ref in table.changed_since(since):
                if wanted.wants(cls, ref):
                    stamp = table.touched[ref]
                    reached = max(reached, stamp)
                    if table.created[ref] > since:
                        added.append((stamp, cls, "add", ref, table))
                    else:
                        modified.append((stamp, cls, "mod", ref, table))
            if since == 0 or self.losing:
                continue
            for created, stamp, ref in table.deleted_since(since):
                if wanted.wants(cls, ref):
                    reached = max(reached, stamp)
                    if created <= since:
                        deleted.append((stamp, cls, "del", ref, None))
        told, records, heads = self._collect_messages(wanted, since_message)
        return [*heads, *added, *modified, *deleted], records, reached, told

    def _collect_messages(self, wanted: Subscription, since: int) -> tuple[int, dict[str, Row], list[Change]]:
        if not wanted.touches("message"):
            return 0, {}, []
        messages = self._messages
        records = {
            ref: messages.rows[ref]
            for ref, stamp in messages.created.items()
            if stamp > since and wanted.wants("message", ref)
        }
        changes: list[Change] = [(0, "message", "add", ref, None) for ref in records]
        if since:
            gone = [ref for made, stamp, ref in messages.deleted if stamp > since >= made]
            changes += [(0, "message", "del", ref, None) for ref in gone if wanted.wants("message", ref)]
        return messages.generation, records, changes

    def counts(self) -> dict[str, int]:
        """Rows of every table: what a client compares with its own to find lost deletions."""
        absent = self._pool.schema.absent
        tables = self._pool.db.tables.items()
        counts = {name.lower(): len(table.rows) for name, table in tables if name not in absent}
        return {**counts, "diagnostics": 0}

    def inject(self, cls: str, ref: str) -> str:
        """Touches a row; the token lies just before that change. `cls` is the exact name of the reference's table."""
        db = self._pool.db
        if db.class_of(ref) != cls:
            raise handle_invalid(cls, ref)
        db.touch(cls, ref)
        return token(db.generation - 1, 0)

    # -- the older calls -------------------------------------------------------------------------------------------

    def register(self, session: str, classes: list[str]) -> None:
        live = self._sessions.check(session)
        if not live.subscriptions:
            live.seen = self._pool.db.generation
        live.subscriptions |= set(classes)

    def unregister(self, session: str, classes: list[str]) -> None:
        self._sessions.check(session).subscriptions -= set(classes)

    async def next(self, session: str) -> list[Row]:
        """event.next: blocks until something registered for has changed."""
        live = self._sessions.check(session)
        if not live.subscriptions:
            digest = hashlib.md5(session.encode(), usedforsecurity=False).hexdigest()
            raise Failure("SESSION_NOT_REGISTERED", f"trackid={digest}")
        while True:
            if session not in self._sessions.live:
                raise Failure("SESSION_INVALID", session)
            self._pool.db.before_read()
            wanted = Subscription(sorted(live.subscriptions))
            changes, _, reached, _ = self._collect(wanted, live.seen, 0)
            if changes:
                live.seen = reached
                batch = EventBatch(changes, {}, {}, "").as_dict()["events"]
                stamp = f"{self._pool.clock.unix():.6f}"
                return [{**event, "timestamp": stamp} for event in batch if event["class"] != "message"]
            await self._pool.db.changed()
