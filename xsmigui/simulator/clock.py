"""Simulated time: a link of a gigabit, a disk of 2 TB and a day of idling take as long as the operator wishes."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Seconds that pass `speed` times as fast as real ones; 0 jumps from one awaited moment to the next.

    With speed 0 sleepers wake in the order of their deadlines, whatever the machine does: runs are repeatable.
    """

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        self.speed = speed
        self._base = start or datetime.now(UTC)
        self._elapsed = 0.0
        self._origin = time.monotonic()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._pumping = False

    def now(self) -> float:
        """Simulated seconds since the start."""
        if self.speed:
            return self._elapsed + (time.monotonic() - self._origin) * self.speed
        return self._elapsed

    def date(self, offset: float = 0.0) -> str:
        """The moment `offset` seconds from now in xapi's form, without dashes."""
        moment = self._base + timedelta(seconds=self.now() + offset)
        return moment.strftime("%Y%m%dT%H:%M:%SZ")

    def unix(self) -> float:
        return self._base.timestamp() + self.now()

    def advance(self, seconds: float) -> None:
        """Lets time pass at once (tests of expiry)."""
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        if self.speed:
            await asyncio.sleep(seconds / self.speed)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), future))
        self._pump_soon()
        await future

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            # Two turns of the loop: whoever else is about to sleep comes first, and sockets are served in between.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._pump)

    def _pump(self) -> None:
        self._pumping = False
        while self._sleepers:
            deadline, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._elapsed = max(self._elapsed, deadline)
                future.set_result(None)
                break
        if self._sleepers:
            self._pump_soon()


class PoolClock:
    """The site's clock as one pool reads it: `skew` is by how many seconds its dates are wrong (a fault)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew = 0.0

    @property
    def speed(self) -> float:
        return self._clock.speed

    def now(self) -> float:
        return self._clock.now()

    def date(self, offset: float = 0.0) -> str:
        return self._clock.date(self.skew + offset)

    def unix(self) -> float:
        return self._clock.unix() + self.skew

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
