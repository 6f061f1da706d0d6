"""Migrations caught in the middle: simulated time that stands still where a test wants it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tests.simulated import Simulated

PATIENCE = 100.0
"""Seconds after which something will not happen any more, on a computer that does much else too. It only ends a test
that hangs: longer than any wait of the program itself (30 s for an event), several times over."""


class Hold:
    """After `free` pauses of the simulator (steps of disks, memory, clean-up) everything waits until `release`.

    `stopped` is the moment when the first one waits: await `until_held`.
    """

    def __init__(self, simulated: Simulated, free: int = 0) -> None:
        self._simulated = simulated
        self._clock = simulated.site.clock
        self._free = free
        self._sleep = self._clock.sleep
        self._stopped = threading.Event()
        self._go: asyncio.Event | None = None
        simulated.run(self._begin)

    def _begin(self) -> None:
        self._go = asyncio.Event()
        self._clock.sleep = self._held  # type: ignore[method-assign]

    async def _held(self, seconds: float) -> None:
        assert self._go is not None
        if self._free > 0:
            self._free -= 1
        elif not self._go.is_set():
            self._stopped.set()
            await self._go.wait()
        await self._sleep(seconds)

    @property
    def is_held(self) -> bool:
        """Something waits."""
        return self._stopped.is_set()

    async def until_held(self) -> None:
        await until(self._stopped.is_set)

    def step(self, free: int) -> None:
        """Let it go on for some pauses, and hold it again."""

        def forth() -> None:
            assert self._go is not None
            self._stopped.clear()
            self._free = free - 1
            self._go.set()
            self._go = asyncio.Event()

        self._simulated.run(forth)

    def let_others_pass(self) -> None:
        """What waits by now waits on; what begins from now on is not held."""
        self._simulated.run(self._pass)

    def _pass(self) -> None:
        self._clock.sleep = self._sleep  # type: ignore[method-assign]

    def release(self) -> None:
        def end() -> None:
            assert self._go is not None
            self._clock.sleep = self._sleep  # type: ignore[method-assign]
            self._go.set()

        self._simulated.run(end)


class LateEvents:
    """Pools whose `event.from` reports nothing until `release`. What happens meanwhile is reported then; what came and
    went meanwhile never is. Other calls are answered as usual."""

    def __init__(self, simulated: Simulated, *pools: str) -> None:
        self._simulated = simulated
        self._pools = [simulated[name].pool for name in pools]
        simulated.run(self._hold)

    def _hold(self) -> None:
        for pool in self._pools:
            pool.events._collect = _nothing  # type: ignore[method-assign]

    def release(self) -> None:
        def go_on() -> None:
            for pool in self._pools:
                del pool.events._collect  # the class has it still
                pool.db.touch("pool", pool.ref)

        self._simulated.run(go_on)


def _nothing(_wanted: object, since: int, since_message: int) -> tuple[list[Any], dict[str, Any], int, int]:
    return [], {}, since, since_message


async def until(condition: Callable[[], object], patience: float | None = None) -> None:
    """Wait for a condition that other threads or tasks bring about; fails after `patience` seconds."""
    loop = asyncio.get_running_loop()
    patience = PATIENCE if patience is None else patience
    deadline = loop.time() + patience
    while not condition():
        assert loop.time() < deadline, f"it did not happen within {patience} s"
        await asyncio.sleep(0.005)
