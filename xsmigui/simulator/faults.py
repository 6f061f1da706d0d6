"""Faults: calls that are refused, delayed or never answered, and disks that fail while they are copied."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xsmigui.simulator.failures import Failure

if TYPE_CHECKING:
    from xsmigui.simulator.dispatch import Call
    from xsmigui.simulator.pool import Pool


class Dropped(Exception):
    """The connection ends without an answer."""


@dataclass(slots=True)
class Fault:
    """What happens at a call: first the delay (seconds of real time), then the failure or the lost connection."""

    method: str  # "VM.start", or "*"
    nth: int = 1  # counted from the moment the fault was added
    times: int = 1  # 0: for ever
    delay: float = 0.0
    failure: Failure | None = None
    drop: bool = False
    seen: int = field(default=0, init=False)

    def due(self, method: str) -> bool:
        if self.method not in {"*", method}:
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


class Faults:
    """The faults of one pool. `add` plants one; `broken_mirrors` holds VDIs whose copy breaks half-way."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.planted: list[Fault] = []
        self.broken_mirrors: set[str] = set()
        self.unresponsive: set[str] = set()  # VMs that don't answer the request to suspend

    def add(
        self,
        method: str,
        *,
        nth: int = 1,
        times: int = 1,
        delay: float = 0.0,
        failure: Failure | None = None,
        drop: bool = False,
    ) -> Fault:
        fault = Fault(method, nth, times, delay, failure, drop)
        self.planted.append(fault)
        return fault

    def clear(self) -> None:
        self.planted.clear()
        self.broken_mirrors.clear()
        self.unresponsive.clear()

    async def strike(self, call: Call) -> None:
        for fault in [f for f in self.planted if f.due(call.message.full)]:
            if fault.delay:
                await asyncio.sleep(fault.delay)
            if fault.drop:
                raise Dropped(call.message.full)
            if fault.failure is not None:
                raise fault.failure
