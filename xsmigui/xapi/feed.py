"""The way in: everything once, then every change.

The token is taken before the first fetch, so that no change is lost between; changes made during the load arrive as
events and are applied again, which does no harm. `event.from` does not report deletions that are too old for its list,
so the numbers of rows that it sends with every answer are compared with ours, and a class that differs is fetched again
(xapi 24.10). The feed never logs in again: when it fails, its owner decides.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from typing import Final

from xsmigui.core.changes import Event
from xsmigui.core.failures import WIRE_ERRORS, NotSpeaking, ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.ports import FeedListener
from xsmigui.core.records import CLASSES, Record
from xsmigui.xapi import limits
from xsmigui.xapi.transport import EventBatch, Transport

log = logging.getLogger(__name__)

FETCH_DEADLINE_S: Final = 120.0
POLL_S: Final = 30.0
"""Seconds that one `event.from` waits for something to happen."""

DISAGREEMENTS_BEFORE_FETCH: Final = 2
"""Answers in a row that must disagree about a class before it is fetched again: rows of short tasks come and go while
an answer is put together. Twice as many each time that fetching did not help."""

BURST: Final = 20
"""Answers that may follow one another at once: a migration and its tasks are heard of without delay."""

SPACING: Final = 0.05
"""Seconds between two questions in the long run, so that a server where much happens sends its events in batches."""

IDLE_SPACING: Final = 5.0
"""Seconds at most between two questions where a server answers at once that nothing has happened."""


class Pace:
    """When `event.from` may be asked again. Time is in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._allowance = float(BURST)
        self._at = 0.0
        self._idle = 0

    def pause(self, now: float, empty: bool) -> float:
        """Seconds to wait before the next question; `empty` says that the last answer had nothing in it."""
        self._idle = self._idle + 1 if empty and now - self._at < POLL_S / 2 else 0
        self._allowance = min(self._allowance + (now - self._at) / SPACING, float(BURST)) - 1
        waiting = max(0.0, -self._allowance) * SPACING
        if self._idle > 1:
            waiting = max(waiting, min(SPACING * 2 ** min(self._idle, 10), IDLE_SPACING))
        self._at = now
        return waiting


def generation(token: str) -> int:
    """The generation of the database in a token of events, before its comma (xapi 24.10 xapi_event.ml, `Token`); -1 if
    there is none."""
    number = token.partition(",")[0]
    return int(number) if number.isascii() and number.isdecimal() else -1


class Feed:
    """Follows one pool on one session."""

    def __init__(
        self, transport: Transport, session: str, listener: FeedListener, on_task: Callable[[Event], None]
    ) -> None:
        self._transport = transport
        self._session = session
        self._listener = listener
        self._on_task = on_task
        self._refs: dict[str, set[str]] = {}
        self._doubts: dict[str, int] = {}
        self._patience: dict[str, int] = {}
        self._pool = ""
        self._reached = -1
        self._answers = 0
        self._next = asyncio.Event()

    async def run(self) -> None:
        """Load, then follow. Ends only by a failure or by being cancelled."""
        token = await self._token()
        self._listener.loaded(await self._load())
        pace = Pace()
        while True:
            batch = await self._transport.events(self._session, token, POLL_S)
            token = batch.token
            await self._deliver(batch)
            self._reached = generation(token)
            self._answers += 1
            self._next.set()
            self._next = asyncio.Event()
            if pause := pace.pause(time.monotonic(), not batch.events):
                await asyncio.sleep(pause)

    async def _token(self) -> str:
        """Where the events stand now: `event.inject` answers a token just before its own event."""
        pools = await self._transport.call("pool.get_all", [self._session], FETCH_DEADLINE_S)
        if not pools:
            raise NotSpeaking(self._transport.url, 200, "pool.get_all: no pool")
        self._pool = pools[0]
        return await self._inject(FETCH_DEADLINE_S)

    async def _inject(self, deadline: float) -> str:
        """A token that stands behind everything that the server has done, and before the event that this makes."""
        return str(await self._transport.call("event.inject", [self._session, "pool", self._pool], deadline))

    async def catch_up(self, within: float) -> bool:
        """Wait until all that the server had done when this was called has been delivered; False if that is not so
        within so many seconds, or cannot be seen. The event that is injected is later than all of it, and
        `event.from` leaves none out that is earlier than one it tells (xapi 24.10 xapi_event.ml, `inject` and
        `from_inner`). An answer from before does not count, however far it goes: a server that was restarted meanwhile
        may count anew."""
        answers = self._answers
        try:
            async with asyncio.timeout(within):
                now = generation(await self._inject(within))
                while self._answers == answers or self._reached <= now:
                    await self._next.wait()
        except (TimeoutError, *WIRE_ERRORS) as failure:
            log.info("%s: the events are late: %s", self._transport.url, type(failure).__name__)
            return False
        return now >= 0

    async def _load(self) -> Inventory:
        """All classes, one after the other, with the cyclic collector off: it would scan tens of thousands of new
        records again and again (measured: 1.3 to 2 times the time). What was loaded is then frozen."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            tables: dict[str, dict[str, Record]] = {}
            for cls in CLASSES:
                try:
                    tables[cls] = await self._transport.records(self._session, cls, FETCH_DEADLINE_S)
                except ServerFailure as failure:
                    if failure.code != "MESSAGE_METHOD_UNKNOWN":
                        raise
                    tables[cls] = {}  # a class that this release does not have
                self._refs[cls] = set(tables[cls])
            if [bool(row.uuid) for row in tables["pool"].values()] != [True]:
                raise NotSpeaking(self._transport.url, 200, "pool.get_all_records: not one pool with a uuid")
            return Inventory(tables)
        finally:
            gc.freeze()
            if collecting:
                gc.enable()

    async def _deliver(self, batch: EventBatch) -> None:
        self._count(batch.events)
        events = batch.events + await self._corrections(batch.counts)
        for event in events:
            if event.cls == "task":
                self._on_task(event)
        if events:
            self._listener.changed(events)

    def _count(self, events: list[Event]) -> None:
        for event in events:
            if event.record is None:
                self._refs[event.cls].discard(event.ref)
            else:
                self._refs[event.cls].add(event.ref)
        for cls in {event.cls for event in events}:
            if len(self._refs[cls]) > limits.ROWS:
                raise NotSpeaking(self._transport.url, 200, f"event.from: more than {limits.ROWS:,} rows of {cls}")

    async def _corrections(self, counts: dict[str, int]) -> list[Event]:
        """Events for what the server never told: classes whose number of rows differs from ours, fetched again."""
        corrections: list[Event] = []
        for cls, refs in self._refs.items():
            count = counts.get(cls.lower())
            if count is None or count == len(refs):
                self._doubts.pop(cls, None)
                self._patience.pop(cls, None)
                continue
            self._doubts[cls] = self._doubts.get(cls, 0) + 1
            patience = self._patience.get(cls, DISAGREEMENTS_BEFORE_FETCH)
            if self._doubts[cls] < patience:
                continue
            log.info(
                "%s: %d rows of %s where the server has %d; fetching them again",
                self._transport.url,
                len(refs),
                cls,
                count,
            )
            del self._doubts[cls]
            self._patience[cls] = 2 * patience
            rows = await self._transport.records(self._session, cls, FETCH_DEADLINE_S)
            corrections += [Event(cls, ref, None) for ref in refs - rows.keys()]
            corrections += [Event(cls, ref, record) for ref, record in rows.items()]
            self._refs[cls] = set(rows)
        return corrections
