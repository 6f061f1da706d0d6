"""Jobs: plans that were started, in their order, never more storage migrations at once than a pool allows.

The vendor allows three out of a pool, those of other clients counted; what is more waits here, because the server would
refuse it (TOO_MANY_STORAGE_MIGRATES).
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from xsmigui.core.capacity import AT_ONCE
from xsmigui.core.jobs import Job, State, Step, VmJob, claims
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan
from xsmigui.core.ports import Clock
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _
from xsmigui.services.asking import Asker
from xsmigui.services.executor import Crowded, Gateways, Run
from xsmigui.services.store import Change, Store

log = logging.getLogger(__name__)

CROWDED: Final = 10.0
"""Seconds until a host is tried again that runs as many as it allows."""

Listener = Callable[[Job], None]


@dataclass(slots=True)
class _Place:
    """A VM of a job in the queue."""

    job: str
    index: int
    pool: PoolId
    storage: bool
    run: Run | None = None
    task: "asyncio.Task[None] | None" = None
    resting: bool = False


class Jobs:
    """All jobs of this run of the program."""

    def __init__(self, store: Store, gateways: Gateways, asker: Asker, clock: Clock) -> None:
        self._store = store
        self._gateways = gateways
        self._asker = asker
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._queue: list[_Place] = []
        self._listeners: list[Listener] = []
        self._ended: dict[str, asyncio.Event] = {}
        self._cancelling: set[asyncio.Task[None]] = set()
        store.subscribe(self._site_changed)
        store.claims = self.claims

    def all(self) -> list[Job]:
        """The latest first."""
        return list(reversed(self._jobs.values()))

    def get(self, job: str) -> Job:
        return self._jobs[job]

    def claims(self) -> tuple[Claim, ...]:
        """What the jobs that have not ended will still take at their destinations."""
        return claims(self._jobs.values(), self._store.inventory)

    def subscribe(self, listener: Listener) -> None:
        """Hear of every change of a job."""
        self._listeners.append(listener)

    @property
    def running(self) -> list[Job]:
        return [job for job in self._jobs.values() if not job.has_ended]

    def is_ours(self, task: str) -> bool:
        """A task of the server that one of our jobs follows."""
        return any(place.run is not None and place.run.task == task for place in self._queue)

    def start(self, plan: Plan) -> Job:
        """Put a plan into the queue; it starts at once where there is room."""
        now = self._clock.now()
        name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        job = Job(id=name, plan=plan, created=now, vms=tuple(VmJob(move=move) for move in plan.moves))
        self._jobs[name] = job
        self._ended[name] = asyncio.Event()
        for index, move in enumerate(plan.moves):
            self._queue.append(_Place(name, index, PoolId(plan.source.uuid), move.kind is not Kind.live))
        self._tell(job)
        self._pump()
        return self._jobs[name]

    async def wait(self, job: str) -> Job:
        """The job when it has ended."""
        await self._ended[job].wait()
        return self._jobs[job]

    def cancel(self, job: str, index: int | None = None) -> None:
        """Cancel one VM of a job, or all that have not ended."""
        for place in list(self._queue):
            if place.job != job or index not in (None, place.index):
                continue
            if place.run is None:
                self._queue.remove(place)
                if place.task is not None:
                    place.task.cancel()  # it rests
                vm = self._jobs[job].vms[place.index]
                message = _("Cancelled before anything was changed.")
                ended = self._clock.now()
                self._set(place, replace(vm, state=State.cancelled, step=Step.ended, message=message, ended=ended))
            else:
                task = asyncio.create_task(place.run.cancel(), name="cancel")
                self._cancelling.add(task)
                task.add_done_callback(self._cancelling.discard)
        self._pump()

    def clear_ended(self) -> None:
        """Let the jobs go that have ended."""
        for name in [name for name, job in self._jobs.items() if job.has_ended]:
            del self._jobs[name], self._ended[name]

    async def shut_down(self) -> None:
        """Stop following. What runs in servers goes on there."""
        tasks = [place.task for place in self._queue if place.task is not None] + list(self._cancelling)
        self._queue.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # How it is done.

    def _site_changed(self, change: Change) -> None:
        if any(place.run is None for place in self._queue) and change.delta.touched("VM"):
            self._pump()

    def _pump(self) -> None:
        """Start what may start, in the order of the queue."""
        for place in self._queue:
            if place.run is None and not place.resting and self._has_room(place):
                self._begin(place)

    def _has_room(self, place: _Place) -> bool:
        if not place.storage:
            return True
        ours = sum(1 for p in self._queue if p.run is not None and p.storage and p.pool == place.pool)
        return ours + self._of_others(place.pool) < AT_ONCE

    def _of_others(self, pool: PoolId) -> int:
        """Storage migrations that other clients run out of a pool."""
        inventory = self._store.inventory(pool)
        if inventory is None:
            return 0
        ours = {self._jobs[p.job].vms[p.index].move.vm.uuid for p in self._queue if p.run is not None}
        return sum(
            1
            for vm in inventory.VM.values()
            if vm.current_operations and vm.uuid not in ours and "migrate_send" in vm.current_operations.values()
        )

    def _begin(self, place: _Place) -> None:
        job = self._jobs[place.job]
        vm = job.vms[place.index]
        place.run = Run(
            job.plan,
            vm.move,
            vm,
            self._store,
            self._gateways,
            self._asker,
            self._clock,
            lambda changed: self._set(place, changed),
        )
        place.task = asyncio.create_task(self._carry_out(place), name=f"job {place.job}")

    async def _carry_out(self, place: _Place) -> None:
        assert place.run is not None
        try:
            await place.run.run()
        except Crowded:
            place.run = None
            place.resting = True
            await self._clock.sleep(CROWDED)
            place.resting = False
            self._pump()
            return
        except Exception as error:
            log.exception("job %s", place.job)
            message = _("An error in this program: {error}. Look where the VM is.", error=type(error).__name__)
            ended = {"state": State.interrupted, "step": Step.ended, "message": message, "ended": self._clock.now()}
            self._set(place, replace(place.run.job, progress=None, cancelling=False, **ended))
        self._queue.remove(place)
        self._pump()

    def _set(self, place: _Place, vm: VmJob) -> None:
        job = self._jobs[place.job]
        vms = (*job.vms[: place.index], vm, *job.vms[place.index + 1 :])
        self._tell(replace(job, vms=vms))

    def _tell(self, job: Job) -> None:
        self._jobs[job.id] = job
        for listener in tuple(self._listeners):
            listener(job)
        if job.has_ended:
            self._ended[job.id].set()
