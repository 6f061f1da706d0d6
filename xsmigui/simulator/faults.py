"""Faults on order: calls that are refused, delayed, cut or never answered, and everything that breaks in data centres.

What is planted here is looked at where it bites: by the dispatcher, by the server, and by the methods that move disks
and memory. `control` gives these faults to whoever trains with the simulator.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from xsmigui.simulator.failures import Failure
from xsmigui.simulator.schema import Message
from xsmigui.simulator.tables import Database
from xsmigui.simulator.types import Type, Value


class Breakable(Protocol):
    """What can go wrong with a call under way: the fields of `dispatch.Call` that faults set."""

    message: Message
    cut: int | None
    stuck: bool
    slow: float
    abandoned: bool

    def fail_with(self, failure: Failure) -> None: ...


class Dropped(Exception):
    """The connection ends without an answer; the call was not carried out."""


class Cut(Exception):
    """The call was carried out, but only the first `at` bytes of the answer arrive."""

    def __init__(self, at: int, value: Value = "", kind: Type | None = None, failure: Failure | None = None) -> None:
        super().__init__(at)
        self.at = at
        self.value = value
        self.kind = kind
        self.failure = failure


@dataclass(slots=True)
class Fault:
    """What happens at a call: first the delay (seconds of real time), then the failure or the lost connection."""

    method: str  # "VM.start", or "*"
    nth: int = 1  # counted from the moment the fault was added
    times: int = 1  # 0: for ever
    delay: float = 0.0
    failure: Failure | None = None
    drop: bool = False
    cut: int | None = None  # bytes of the answer's body that still arrive; 0: none, not even the head
    stuck: bool = False  # never reaches its next check-point, and no cancellation helps
    slow: float = 1.0  # factor on the simulated time that the call takes
    seen: int = field(default=0, init=False)

    def due(self, method: str) -> bool:
        if self.method not in {"*", method}:
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


@dataclass(eq=False, slots=True)
class Moving:
    """A migration under way, for those who can break it. `source` and `target` are pools, compared by identity."""

    call: Breakable
    vm: str
    source: object
    sender: str
    target: object
    host: str

    def abort(self, failure: Failure, *, abandon: bool = False) -> None:
        """It fails at its next step with `failure`; `abandon`: and nobody clears up."""
        self.call.abandoned |= abandon
        self.call.fail_with(failure)


class Faults:
    """The faults of one pool: planted ones, and what is broken now."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._thawed = asyncio.Event()
        self.planted: list[Fault] = []
        self.moving: set[Moving] = set()
        self.lost_batches = 0  # answers of event.from whose events get lost
        self.clear()

    def clear(self) -> None:
        """Everything works again; what has been destroyed stays so."""
        self.planted.clear()
        self.broken_mirrors: set[str] = set()  # VDIs whose copy breaks half-way
        self.spoiling: set[str] = set()  # VDIs whose copies are not what they should be, without an error
        self.unresponsive: set[str] = set()  # VMs that don't answer the request to suspend
        self.ending: dict[str, str] = {}  # VMs that end a failing migration Halted or Suspended
        self.stopping: set[str] = set()  # VMs whose next live migration succeeds and leaves them halted
        self.forgotten: set[str] = set()  # SRs that no host has open, though their PBDs count as attached
        self.filling: dict[str, float] = {}  # SRs that are full when this share of the next disk has been copied
        self.writing: dict[str, float] = {}  # bytes a second that VMs write to each of their disks
        self.rebooting: dict[str, int] = {}  # VMs whose guest reboots that often while their memory moves
        self.memory: dict[str, Failure] = {}  # what xenopsd answers when the memory of a VM moves
        self.lost_disks: set[str] = set()  # SRs on which the next disk that arrives is not found
        self.messy: set[str] = set()  # VMs ("*": all) after whose failed migration nobody clears up
        self.lost_batches = 0
        self.thaw()

    def add(
        self,
        method: str,
        *,
        nth: int = 1,
        times: int = 1,
        delay: float = 0.0,
        failure: Failure | None = None,
        drop: bool = False,
        cut: int | None = None,
        stuck: bool = False,
        slow: float = 1.0,
    ) -> Fault:
        fault = Fault(method, nth, times, delay, failure, drop, cut, stuck, slow)
        self.planted.append(fault)
        return fault

    async def strike(self, call: Breakable) -> None:
        for fault in [f for f in self.planted if f.due(call.message.full)]:
            if fault.delay:
                await asyncio.sleep(fault.delay)
            if fault.drop:
                raise Dropped(call.message.full)
            if fault.failure is not None:
                raise fault.failure
            if fault.cut is not None:
                call.cut = fault.cut
            call.stuck |= fault.stuck
            call.slow *= fault.slow

    # -- the whole server ------------------------------------------------------------------------------------------

    @property
    def frozen(self) -> bool:
        return not self._thawed.is_set()

    def freeze(self) -> None:
        """Connections stay open, and nothing is answered until `thaw`."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    async def thawed(self) -> None:
        await self._thawed.wait()

    def lose_batch(self) -> bool:
        """True where the batch of events at hand gets lost."""
        if self.lost_batches:
            self.lost_batches -= 1
            return True
        return False

    # -- migrations ------------------------------------------------------------------------------------------------

    def tidies(self, vm: str) -> bool:
        return not self.messy & {vm, "*"}

    def fills(self, sr: str, share: float) -> bool:
        """True once, when `share` of a disk has arrived on an SR that was to fill up."""
        if share < self.filling.get(sr, 2.0):
            return False
        del self.filling[sr]
        row = self._db.row("SR", sr)
        self._db.set("SR", sr, physical_utilisation=row["physical_size"])
        return True
