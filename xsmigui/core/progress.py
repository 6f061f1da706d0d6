"""How far a whole job is, and how long it will still take: weighted by bytes, never backwards.

The tasks of a server tell of one part at a time (xapi 24.10: the disks from 0 to 1, then the memory from 0 again), and
not even that rises all the time. Here each part weighs as much as it has bytes.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import VmMove
from xsmigui.core.units import GiB

GUESSED_MEMORY: Final = 2 * GiB
"""Bytes of a VM's memory where its record is not known."""

NEARLY: Final = 0.99
"""How far a VM is whose bytes have all arrived, while the rest is done and read back."""

LEAST: Final = 0.01
"""The part that must have passed before anything is estimated."""

SETTLING: Final = 3.0
"""Seconds for which a pace must have been seen before anything is estimated."""

RECENT: Final = 60.0
"""Seconds of the past whose pace counts as the present one."""

PARTS: Final = 32
"""Parts of a job's time that its chart shows."""

SAMPLES: Final = 240
"""Points that are kept of a job's past."""


@dataclass(frozen=True, slots=True)
class Work:
    """Bytes that a VM's part of a job has to carry: disks, their comparison (`proof`) and memory. Work without any
    counts a little."""

    disks: int
    memory: int
    proof: int = 0

    @property
    def total(self) -> int:
        return self.disks + self.proof + self.memory


def work_of(move: VmMove, memory: int | None = None, proves: bool = False) -> Work:
    """What there is to do for a VM. `memory` is the VM's, in bytes (None: not known); `proves` that copies of disks are
    compared with what they were copied from."""
    stays = move.source_host is not None and move.source_host.uuid == move.host.uuid
    runs = move.power_state == "Running" and move.kind in (Kind.live, Kind.storage)
    travels = (GUESSED_MEMORY if memory is None else memory) if runs and not stays else 0
    disks = move.travelling if move.kind is not Kind.live else 0
    proof = disks if proves and move.kind is Kind.disk else 0
    return Work(disks, travels if disks or travels else 1, proof)


def share_done(vm: VmJob, work: Work) -> float:
    """The share of a VM's whole work that is done, 0 to 1, as its present step and progress tell."""
    if vm.state is State.done:
        return 1.0
    progress = min(1.0, max(0.0, vm.progress or 0.0))
    done = 0.0
    if vm.step is Step.disks:
        done = progress * work.disks
    elif vm.step is Step.proving:
        done = work.disks + progress * work.proof
    elif vm.step is Step.memory:
        done = work.disks + progress * work.memory
    elif vm.step in (Step.stopping, Step.exchanging):
        done = float(work.disks + work.proof)
    elif vm.step in (Step.finishing, Step.verifying):
        done = float(work.total)
    return min(NEARLY, done / max(1, work.total))


@dataclass(frozen=True, slots=True)
class Pace:
    """What has been seen of a VM's or a job's advance: moments with the bytes done by then, each at least as many as
    before. An empty one has seen nothing."""

    samples: tuple[tuple[datetime, float], ...] = ()

    @property
    def done(self) -> float:
        """Bytes done, as last seen."""
        return self.samples[-1][1] if self.samples else 0.0

    def seen(self, at: datetime, done: float) -> "Pace":
        """The pace with a look more. What would lead backwards counts as standing still."""
        done = max(done, self.done)
        if self.samples and (at - self.samples[-1][0]).total_seconds() < 0.5:
            return replace(self, samples=(*self.samples[:-1], (self.samples[-1][0], done)))
        samples = (*self.samples, (at, done))
        if len(samples) > SAMPLES:  # every other one of the older half goes
            half = SAMPLES // 2
            samples = (*samples[:half:2], *samples[half:])
        return Pace(samples)

    def speed(self) -> float | None:
        """Bytes a second at present: of the last minute, and of all the time where that is shorter. None if too
        little has been seen."""
        if len(self.samples) < 2:
            return None
        end, done = self.samples[-1]
        start = next(
            (one for one in reversed(self.samples) if (end - one[0]).total_seconds() >= RECENT), self.samples[0]
        )
        passed = (end - start[0]).total_seconds()
        return (done - start[1]) / passed if passed >= SETTLING else None

    def throughput(self, parts: int = PARTS) -> tuple[float, ...]:
        """Bytes a second in each of so many equal parts of all the time, the latest last; empty if too little has been
        seen. Between two looks the bytes are taken to come evenly."""
        if len(self.samples) < 2:
            return ()
        start, end = self.samples[0][0], self.samples[-1][0]
        passed = (end - start).total_seconds()
        if passed < SETTLING:
            return ()
        width = passed / parts
        carried = [0.0] * parts
        for (since, before), (until, after) in itertools.pairwise(self.samples):
            left, right = (since - start).total_seconds() / width, (until - start).total_seconds() / width
            for part in range(int(left), min(parts, int(right) + 1)):
                inside = min(right, part + 1) - max(left, part)
                carried[part] += (after - before) * max(0.0, inside) / (right - left)
        return tuple(number / width for number in carried)

    def remaining(self, total: float) -> float | None:
        """Seconds until `total` bytes are done, at the present pace; None if nothing can be said."""
        speed = self.speed()
        if not speed or total <= 0 or self.done < LEAST * total:
            return None
        return max(0.0, (total - self.done) / speed)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a VM or a whole job stands: the share that is done (None if nothing is under way), the seconds that are
    left and the bytes a second, as far as that can be said."""

    share: float | None = None
    left: float | None = None
    speed: float | None = None


def is_lost(vms: Iterable[VmJob]) -> bool:
    """What is under way goes on where nobody sees it: no estimate is worth anything."""
    states = [vm.state for vm in vms if vm.state in (State.running, State.lost)]
    return bool(states) and all(state is State.lost for state in states)


class Meter:
    """Watches one job. `look` is given the job as it stands at a moment, and answers how it stands as a whole and VM by
    VM; no share is ever smaller than it was."""

    def __init__(self) -> None:
        self._works: dict[int, Work] = {}
        self._paces: dict[int, Pace] = {}
        self._whole = Pace()

    def look(self, job: Job, at: datetime, memory: Iterable[int | None] = ()) -> tuple[Standing, tuple[Standing, ...]]:
        """`memory` is each VM's, in bytes, in the order of the job; what was known once stays known."""
        known = list(memory) or [None] * len(job.vms)
        total = done = 0.0
        for index, vm in enumerate(job.vms):
            if index not in self._works or known[index] is not None:
                self._works.setdefault(index, work_of(vm.move, known[index], job.plan.proves))
            work = self._works[index]
            total += work.total
            if vm.state.has_ended and vm.state is not State.done:
                done += work.total  # nothing of it is left to be waited for
                continue
            pace = self._paces.get(index, Pace())
            if vm.state is not State.waiting:
                pace = self._paces[index] = pace.seen(at, share_done(vm, work) * work.total)
            done += pace.done
        vms = tuple(self._standing(index, vm) for index, vm in enumerate(job.vms))
        if job.has_ended:
            return Standing(), vms
        self._whole = self._whole.seen(at, done)
        moving = any(vm.state in (State.running, State.lost) for vm in job.vms)
        sure = moving and not is_lost(job.vms)
        share = self._whole.done / max(1.0, total)
        left = self._whole.remaining(total) if sure else None
        return Standing(share, left, self._whole.speed() if sure else None), vms

    def _standing(self, index: int, vm: VmJob) -> Standing:
        if vm.state not in (State.running, State.lost):
            return Standing()
        pace, total = self._paces[index], self._works[index].total
        if vm.state is State.lost:
            return Standing(pace.done / max(1, total))
        return Standing(pace.done / max(1, total), pace.remaining(total), pace.speed())

    @property
    def past(self) -> Pace:
        """The whole job's past, for a chart."""
        return self._whole
