"""Jobs: plans that were started, in their order, never more storage migrations at once than a pool allows.

The vendor allows three out of a pool, those of other clients counted; what is more waits here, because the server would
refuse it (TOO_MANY_STORAGE_MIGRATES). The operator may lower the number, hold what waits, and change its order.

Every job is in the journal before it changes anything, and each step of it. What an earlier process left unfinished is
taken up: a migration that goes on in a server is followed to its end; what had not begun waits until the operator
continues it, since nobody watched meanwhile.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.job_claims import claims
from xsmigui.core.jobs import Job, State, Step, VmJob, accepted, differs_afterwards, is_moving, resumed, says_more
from xsmigui.core.journal import Elsewhere, Unreadable
from xsmigui.core.messages import Moment, Text, m_, render, sentences
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan
from xsmigui.core.ports import Clock, Journal
from xsmigui.core.refs import PoolId
from xsmigui.services.asking import Asker
from xsmigui.services.carrier import Carrier
from xsmigui.services.carrying import Context, Gateways
from xsmigui.services.checking import NoRoomYet
from xsmigui.services.exchange import ExchangeCarrier
from xsmigui.services.fixing import FixCarrier
from xsmigui.services.movers import Movers
from xsmigui.services.recognition import Recognition
from xsmigui.services.restarting import as_left
from xsmigui.services.sending import SendingCarrier, TooManyMigrations
from xsmigui.services.server_states import Trouble
from xsmigui.services.store import SEEN_WITHIN_S, Change, Store
from xsmigui.services.watching import Watches

log = logging.getLogger(__name__)


TOO_MANY_RETRY_S: Final = 10.0
"""Seconds until a host is tried again that runs as many as it allows."""


FOLLOW_AT_MOST_S: Final = 7 * 86400.0
"""Seconds that a migration nobody follows may take until its place is given to the next one."""


CLOCK_INTERVAL_S: Final = 30.0
"""Seconds after which the clock is looked at again where a time is waited for: the computer may have slept."""


Listener = Callable[[Job], None]


@dataclass(slots=True)
class _Place:
    """A VM of a job in the queue."""

    job: str
    index: int
    pool: PoolId
    storage: bool
    run: Carrier | None = None
    task: "asyncio.Task[None] | None" = None
    resting: bool = False
    is_doubted: bool = False
    """The pool may be another one than the job has left; it is held until the operator says otherwise."""
    is_vouched: bool = False


class Jobs:
    """All jobs of this run of the program, and those it took up.

    `limit` is how many storage migrations may leave a pool at once, 1 to 3.
    """

    def __init__(self, store: Store, gateways: Gateways, asker: Asker, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._gateways = gateways
        self._asker = asker
        self._clock = clock
        self._journal = journal
        self._watches = Watches(store)
        self._movers = Movers(store)
        self._recognition = Recognition(store, gateways)
        self._writing: dict[asyncio.Task[None], tuple[str, int]] = {}
        self._limit = MOST_STORAGE_MIGRATIONS
        self._jobs: dict[str, Job] = {}
        self._queue: list[_Place] = []
        self._listeners: list[Listener] = []
        self._ended: dict[str, asyncio.Event] = {}
        self._pauses: dict[str, datetime] = {}
        self._alarm: asyncio.Task[None] | None = None
        self._cancelling: set[asyncio.Task[None]] = set()
        self.spoiled: list[Unreadable] = []
        """What could not be read when the journal was last asked for it."""
        self._others: list[Job] = []
        """What other processes carried out when a part of a job was about to begin."""
        self.elsewhere: dict[str, Elsewhere] = {}
        """What other processes carry out, by job (`services.following`)."""
        store.subscribe(self._site_changed)
        store.claims = self.claims

    def all(self) -> list[Job]:
        """The latest first, those of other processes too."""
        found = list(reversed(self._jobs.values()))
        if self.elsewhere:
            found += [each.job for each in self.elsewhere.values()]
            found.sort(key=lambda job: job.created, reverse=True)
        return found

    async def past_and_present(self) -> list[Job]:
        """All jobs of the journal, those of this run as they stand now. Raises `OSError` where it cannot be read."""
        known = {job.id: job for job in await self._journal.all()}
        return list((known | self._jobs).values())

    async def unreadable(self) -> list[Unreadable]:
        """What cannot be read of the journal; it stops nothing else. Raises `OSError`."""
        self.spoiled = await self._journal.unreadable()
        return self.spoiled

    def has(self, job: str) -> bool:
        """It is one of this run, or of another process at present."""
        return job in self._jobs or job in self.elsewhere

    def get(self, job: str) -> Job:
        return self._jobs[job] if job in self._jobs else self.elsewhere[job].job

    def claims(self) -> tuple[Claim, ...]:
        """What the jobs that have not ended will still take at their destinations, those of other processes too."""
        others = [each.job for each in self.elsewhere.values()]
        return claims([*self._jobs.values(), *others], self._store.inventory)

    def under_way(self, pool: PoolId) -> list[Job]:
        """The jobs that have begun something in a pool and have not ended."""
        found = [job for job in self.running if pool in (job.plan.source.uuid, job.plan.target.uuid)]
        return [job for job in found if any(vm.has_begun and not vm.state.has_ended for vm in job.vms)]

    def trouble(self, job: str) -> Trouble | None:
        """Why the pools of a job are not connected; None if they are."""
        plan = self._jobs[job].plan
        found = [self._gateways.trouble(PoolId(pool.uuid)) for pool in (plan.source, plan.target)]
        known = [trouble for trouble in found if trouble is not None]
        return max(known, key=lambda trouble: (trouble.given_up, trouble.seconds), default=None)

    def out_of_reach(self, job: str) -> tuple[str, ...]:
        """The names of the pools of a job that are not connected."""
        plan = self._jobs[job].plan
        pools = {pool.uuid: pool.name for pool in (plan.source, plan.target)}
        return tuple(name for uuid, name in pools.items() if self._gateways.trouble(PoolId(uuid)) is not None)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every change of a job; the answer ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def show_elsewhere(self, found: dict[str, Elsewhere]) -> None:
        """What other processes carry out now."""
        self.elsewhere = {name: each for name, each in found.items() if name not in self._jobs}
        for each in self.elsewhere.values():
            self._hear(each.job)

    def show_ended(self, found: Iterable[Job]) -> None:
        """Jobs that ended in another process, as they ended."""
        for job in found:
            if job.has_ended and job.id not in self._jobs:
                self._ended[job.id] = asyncio.Event()
                self._tell(job)

    @property
    def running(self) -> list[Job]:
        return [job for job in self._jobs.values() if not job.has_ended]

    def is_ours(self, task: str) -> bool:
        """A task of the server that one of our jobs follows, here or in another process."""
        others = (vm.task for each in self.elsewhere.values() for vm in each.job.vms)
        return any(place.run is not None and place.run.task == task for place in self._queue) or task in others

    def start(self, plan: Plan) -> Job:
        """Put a plan into the queue; it starts at once where there is room."""
        now = self._clock.now()
        name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        marks = self._recognition.marks(plan)
        status: Text = ""
        if plan.not_before is not None and plan.not_before > now:
            status = m_("Starts at {time}.", time=Moment(plan.not_before.isoformat()))
        vms = tuple(VmJob(move=move, pools=marks, status=status) for move in plan.moves)
        job = Job(id=name, plan=plan, created=now, vms=vms)
        self._put(job)
        self._write_soon(job, 0)
        self._pump()
        return self._jobs[name]

    def doubt(self, job: str) -> str:
        """Why a job that was left cannot be gone on with as it is: a server may be a copy of the pool. Empty if nothing
        prevents it."""
        left = (vm for vm in self._jobs[job].vms if not vm.state.has_ended)
        return next((render(doubt) for vm in left if (doubt := self._recognition.doubt(vm))), "")

    def vouch(self, job: str) -> None:
        """The operator's word that the pools are those that the job has left."""
        for place in self._queue:
            place.is_vouched = place.is_vouched or place.job == job

    async def take_up(self, wanted: str = "", *, accept: bool = False) -> list[Job]:
        """Take up what earlier processes left unfinished (or this job of it, which the operator has chosen). What the
        servers move is followed at once; copies that nobody has watched for longer than `RESUME_UNASKED_WITHIN` wait
        until the operator continues or undoes them. `accept` as in `resume`. Raises `OSError` if the journal cannot be
        read."""
        found = []
        for left in await self._journal.adopt(wanted):
            lines = await self._journal.history(left.id)
            now = self._clock.now()
            away = now - lines[-1].at if lines else timedelta()
            handed = self._journal.queued(left.id, 0) is not None
            parts = tuple(accepted(vm) for vm in left.vms) if accept else left.vms
            job = replace(left, vms=tuple(as_left(vm, now, away, bool(wanted), handed) for vm in parts))
            self.elsewhere.pop(job.id, None)
            self._put(job)
            for index, vm in enumerate(job.vms):
                if vm != left.vms[index]:
                    self._write_soon(job, index)
            found.append(job)
        self._queue.sort(key=lambda place: self._journal.queued(place.job, place.index) or 0)
        self._pump()
        if not wanted:
            await self._fold()
        return found

    async def _fold(self) -> None:
        try:
            await self._journal.fold()
        except OSError as error:  # it only saves room, and is tried again at the next start
            log.warning("%s", error)

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, number: int) -> None:
        if not 1 <= number <= MOST_STORAGE_MIGRATIONS:
            raise ValueError(number)
        self._limit = number
        self._pump()

    def ahead(self, pool: PoolId) -> int:
        """How many storage migrations leave a pool already, or come before a new one: ours, and other clients'."""
        vms = [self._jobs[place.job].vms[place.index] for place in self._queue if place.pool == pool and place.storage]
        ours = [vm for vm in vms if vm.arrived is None and not vm.held]
        return len(ours) + self._movers.others(pool, {vm.move.vm.uuid for vm in ours})

    def others_leave(self, job: str) -> bool:
        """Storage migrations of other clients are under way out of the pool of a job."""
        plan = self._jobs[job].plan
        return self._movers.others(PoolId(plan.source.uuid), {vm.move.vm.uuid for vm in self._jobs[job].vms}) > 0

    def hold(self, job: str, index: int) -> None:
        """Let a VM that waits wait on, until it is continued; what runs is not held."""
        for place in self._queue:
            if (place.job, place.index) == (job, index):
                self._hold(place, True)

    def proceed(self, job: str, index: int | None = None) -> None:
        """Continue what is held: one VM of a job, or all of them. Where it was held because of a doubt about the pool,
        this is the operator's word that it is the right one."""
        for place in self._queue:
            if place.job == job and index in (None, place.index) and place.is_doubted:
                place.is_vouched = True
        for place in self._queue:
            if place.job == job and index in (None, place.index):
                self._hold(place, False)
        self._pump()

    def undo(self, job: str) -> None:
        """Put back what this job has copied and exchanged so far; what had not begun is cancelled."""
        for place in list(self._queue):
            vm = self._jobs[job].vms[place.index] if place.job == job else None
            if vm is not None and vm.replacements and place.run is None:
                self._set(place, replace(vm, undoing=True, cancelling=True, held=False))
            elif vm is not None:
                self.cancel(job, place.index)
        self._pump()

    def resume(self, job: str, *, undo: bool = False, accept: bool = False) -> None:
        """Go on with what has stopped of a job, or (`undo`) put it back, or (`accept`) keep the new disks though their
        content was found to differ. What has ended for good is left alone."""
        for index, vm in enumerate(self._jobs[job].vms):
            if vm.state is not State.interrupted or vm.is_over or (accept and not differs_afterwards(vm)):
                continue
            again = accepted(vm) if accept else vm
            again = resumed(again)
            if undo and vm.replacements:
                again = replace(again, undoing=True, cancelling=True)
            elif undo:
                again = replace(again, cancelling=True)
            self._ended[job] = asyncio.Event()
            place = _Place(job, index, PoolId(self._jobs[job].plan.source.uuid), vm.move.kind is not Kind.live)
            self._queue.append(place)
            self._set(place, replace(again, status=""))
        self._pump()

    async def forget(self, job: str) -> bool:
        """Take a job out of the journal that has ended, or that cannot be read; False where it is still carried out.
        On the servers nothing is changed. Raises `OSError`."""
        known = self._jobs.get(job)
        if known is not None and not known.has_ended:
            return False
        if not await self._journal.forget(job):
            return False
        self._jobs.pop(job, None)
        self._ended.pop(job, None)
        self.spoiled = [bad for bad in self.spoiled if bad.id != job]
        return True

    def put_first(self, job: str, index: int) -> None:
        """Let a VM that waits be the next of all that wait."""
        place = next((p for p in self._queue if (p.job, p.index) == (job, index) and p.run is None), None)
        if place is not None:
            self._queue.remove(place)
            first = next((i for i, p in enumerate(self._queue) if p.run is None), len(self._queue))
            self._queue.insert(first, place)
            self._pump()

    async def wait(self, job: str) -> Job:
        """The job when it has ended."""
        await self._ended[job].wait()
        return self._jobs[job]

    def cancel(self, job: str, index: int | None = None) -> None:
        """Cancel one VM of a job, or all that have not ended."""
        for place in list(self._queue):
            is_over = self._jobs[place.job].vms[place.index].state.has_ended
            if is_over or place.job != job or index not in (None, place.index):
                continue
            if place.run is None:
                self._queue.remove(place)
                if place.task is not None:
                    place.task.cancel()  # it rests
                vm = self._jobs[job].vms[place.index]
                message = m_("Cancelled before anything was changed.")
                ended = self._clock.now()
                self._set(
                    place,
                    replace(vm, state=State.cancelled, step=Step.ended, status=message, ended=ended, held=False),
                )
            else:
                task = asyncio.create_task(place.run.cancel(), name="cancel")
                self._cancelling.add(task)
                task.add_done_callback(self._cancelling.discard)
        self._pump()

    def clear_ended(self) -> None:
        """Let the jobs go that have ended."""
        left = {place.job for place in self._queue}
        for name in [name for name, job in self._jobs.items() if job.has_ended and name not in left]:
            del self._jobs[name], self._ended[name]

    async def hand_over(self) -> None:
        """Stop, and leave everything to the process that takes the jobs over, in the present order. Raises `OSError`;
        then that one takes it for the end of this process, and holds what had not begun."""
        queue = [(place.job, place.index) for place in self._queue]
        await self.shut_down()
        if queue:
            await self._journal.hand_over(queue)

    async def shut_down(self) -> None:
        """Stop following. What runs in servers goes on there."""
        tasks = [place.task for place in self._queue if place.task is not None] + list(self._cancelling)
        tasks += [self._alarm] if self._alarm is not None else []
        self._queue.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        while self._writing:
            await asyncio.wait(self._writing)

    # How it is done.

    def _site_changed(self, change: Change) -> None:
        if self._movers.heard(change) and any(place.run is None for place in self._queue):
            self._pump()

    def _pump(self) -> None:
        """Start what may start, in the order of the queue."""
        self._keep_times()
        now = self._clock.now()
        running = [place for place in self._queue if place.run is not None]
        taken = {what for place in running for what in self._touched(place)}
        of_job = Counter(place.job for place in running)
        leaving = self._leaving(running)
        for place in self._queue:
            job = self._jobs[place.job]
            vm = job.vms[place.index]
            if place.run is not None or place.resting or vm.held or taken & self._touched(place):
                continue
            is_full = bool(job.plan.at_once) and of_job[place.job] >= job.plan.at_once
            is_full |= job.plan.not_before is not None and now < job.plan.not_before
            is_full |= place.storage and leaving[place.pool] >= self._limit
            if vm.has_begun or not is_full:
                self._begin(place)
                taken |= self._touched(place)
                of_job[place.job] += 1
                leaving[place.pool] += place.storage and not self._movers.moves(place.pool, vm.move.vm.uuid)

    def _keep_times(self) -> None:
        """Hold what was to start by a time that has come, and be there when the next time comes."""
        now = self._clock.now()
        for job, time in list(self._pauses.items()):
            if time > now:
                continue
            del self._pauses[job]
            text = m_("Paused at {time}, as planned.", time=Moment(time.isoformat()))
            for place in [place for place in self._queue if place.job == job and place.run is None]:
                vm = self._jobs[job].vms[place.index]
                if not vm.has_begun and not vm.held:
                    self._set(place, replace(vm, held=True, status=text))
        waiting = {place.job for place in self._queue if place.run is None}
        times = [time for job, time in self._pauses.items() if job in waiting]
        starts = (self._jobs[job].plan.not_before for job in waiting)
        times += [time for time in starts if time is not None and time > now]
        if times and (self._alarm is None or self._alarm.done()):
            self._alarm = asyncio.create_task(self._wait_until(min(times)), name="times of jobs")

    async def _wait_until(self, time: datetime) -> None:
        left = (time - self._clock.now()).total_seconds()
        await self._clock.sleep(min(max(left, 0.0), CLOCK_INTERVAL_S))
        asyncio.get_running_loop().call_soon(self._pump)  # this task has ended by then

    def _leaving(self, running: list[_Place]) -> Counter[PoolId]:
        """Storage migrations out of each pool: ours, and those of other clients. One that has arrived is over, whatever
        is still compared; while its server shows it as under way all the same, it counts like those of others."""
        under_way = [place for place in running if self._jobs[place.job].vms[place.index].arrived is None]
        ours = {self._jobs[place.job].vms[place.index].move.vm.uuid for place in under_way}
        found = Counter(place.pool for place in under_way if place.storage)
        for pool in {place.pool for place in self._queue}:
            found[pool] += self._movers.others(pool, ours)
        return found

    def _touched(self, place: _Place) -> frozenset[tuple[PoolId, str]]:
        """The VM, or the disks of none, that a part of a job changes, by pool and uuid: only one may at a time."""
        move = self._jobs[place.job].vms[place.index].move
        uuids = [move.vm.uuid] if move.vm.uuid else [disk.disk.uuid for disk in move.disks]
        return frozenset((place.pool, uuid) for uuid in uuids)

    def _ahead(self, place: _Place) -> tuple[Claim, ...]:
        """What is still taken by those that are under way, here or in other processes, and by those that wait before
        this one. Those after it are checked when their turn comes."""
        at = self._queue.index(place)
        taking = set()
        for rank, other in enumerate(self._queue):
            vm = self._jobs[other.job].vms[other.index]
            if rank != at and (other.run is not None or vm.has_begun or (rank < at and not vm.held)):
                taking.add((other.job, other.index))
        found = [
            replace(job, vms=tuple(vm for index, vm in enumerate(job.vms) if (name, index) in taking))
            for name, job in self._jobs.items()
        ]
        found += [replace(job, vms=tuple(vm for vm in job.vms if vm.has_begun)) for job in self._others]
        return claims(found, self._store.inventory)

    async def _look_at_others(self) -> None:
        """What other processes carry out at this moment: the check before a run counts it, on the command line too."""
        try:
            self._others = [job for job in await self._journal.others() if job.id not in self._jobs]
        except OSError as error:  # the first write of the job says what is wrong with the journal
            log.warning("%s", error)

    def _begin(self, place: _Place) -> None:
        job = self._jobs[place.job]
        vm = job.vms[place.index]
        context = Context(
            job=job,
            place=place.index,
            store=self._store,
            gateways=self._gateways,
            asker=self._asker,
            clock=self._clock,
            watches=self._watches,
            report=lambda changed: self._set(place, changed),
            keep=lambda changed: self._keep(place, changed),
            ahead=lambda: self._ahead(place),
        )
        carriers = {Kind.disk: ExchangeCarrier, Kind.fix: FixCarrier}
        place.run = carriers.get(vm.move.kind, SendingCarrier)(context)
        place.task = asyncio.create_task(self._carry_out(place), name=f"job {place.job}")

    async def _carry_out(self, place: _Place) -> None:
        run = place.run
        assert run is not None
        try:
            if reason := await self._doubt(place):
                place.run, place.is_doubted = None, True
                vm = self._jobs[place.job].vms[place.index]
                self._set(place, replace(vm, state=State.waiting, held=True, status=reason))
                return
            if not run.job.has_begun:
                await self._look_at_others()
            await run.run()
        except (TooManyMigrations, NoRoomYet):
            place.run = None
            place.resting = True
            await self._clock.sleep(TOO_MANY_RETRY_S)
            place.resting = False
            self._pump()
            return
        except Exception as error:
            log.exception("job %s", place.job)
            message: Text = m_(
                "An internal error occurred: {error}. Check where the VM is.", error=type(error).__name__
            )
            if run.job.has_begun:
                hint = m_("Resume it once that is resolved: xsmigui jobs --resume {job}", job=place.job)
                message = sentences(message, hint)
            ended = {"state": State.interrupted, "step": Step.ended, "status": message, "ended": self._clock.now()}
            self._set(place, replace(run.job, progress=None, cancelling=False, **ended))
            await self._until_still(place)
        self._queue.remove(place)
        self._pump()

    async def _doubt(self, place: _Place) -> Text:
        """Why this part is not gone on with; what has begun waits for its pools."""
        vm = self._jobs[place.job].vms[place.index]
        if place.is_vouched:
            return ""
        if vm.has_begun and not self._recognition.is_connected(vm):
            text = m_("Started before this program; its state is being checked.")
            self._set(place, replace(vm, state=State.lost, status=text))
            await self._recognition.connected(vm)
        return self._recognition.doubt(vm)

    async def _until_still(self, place: _Place) -> None:
        """Wait until the server no longer moves a VM that nobody follows: as long it is one of those that may leave at
        once. What a server has just been asked shows after a moment."""
        if place.storage and self._jobs[place.job].vms[place.index].has_begun:
            await self._store.until(lambda: self._is_moving(place), SEEN_WITHIN_S)
            await self._store.until(lambda: not self._is_moving(place), FOLLOW_AT_MOST_S)

    def _is_moving(self, place: _Place) -> bool:
        inventory = self._store.inventory(place.pool)
        return inventory is not None and is_moving(self._jobs[place.job].vms[place.index], inventory)

    def _put(self, job: Job) -> None:
        """Into the queue with what has not ended of it."""
        self._jobs[job.id] = job
        self._ended[job.id] = asyncio.Event()
        if job.plan.pause_at is not None and job.plan.pause_at > self._clock.now():
            self._pauses[job.id] = job.plan.pause_at
        for index, vm in enumerate(job.vms):
            if not vm.state.has_ended:
                storage = vm.move.kind not in (Kind.live, Kind.fix)
                self._queue.append(_Place(job.id, index, PoolId(job.plan.source.uuid), storage))
        self._tell(job)

    def _hold(self, place: _Place, held: bool) -> None:
        vm = self._jobs[place.job].vms[place.index]
        if place.run is None and vm.held is not held:
            self._set(place, replace(vm, held=held, status=""))

    def _set(self, place: _Place, vm: VmJob) -> None:
        before = self._jobs[place.job].vms[place.index]
        job = self._with(place, vm)
        self._tell(job)
        if vm.arrived is not None and before.arrived is None:
            asyncio.get_running_loop().call_soon(self._pump)
        if says_more(vm, before):
            self._write_soon(job, place.index)

    def _with(self, place: _Place, vm: VmJob) -> Job:
        job = self._jobs[place.job]
        return replace(job, vms=(*job.vms[: place.index], vm, *job.vms[place.index + 1 :]))

    def _write_soon(self, job: Job, index: int) -> None:
        """Into the journal, in the order of the changes; nobody waits for it."""
        task = asyncio.create_task(self._write(job, index), name="journal")
        self._writing[task] = (job.id, index)
        task.add_done_callback(self._writing.pop)

    async def _keep(self, place: _Place, vm: VmJob) -> None:
        """On disk when this returns: after what is still to be written of the same part, since an older state must not
        come to lie over this one."""
        earlier = [task for task, whose in self._writing.items() if whose == (place.job, place.index)]
        if earlier:
            await asyncio.wait(earlier)
        await self._journal.write(self._with(place, vm), place.index)

    async def _write(self, job: Job, index: int) -> None:
        try:
            await self._journal.write(job, index)
        except OSError as error:
            log.error("%s", error)

    def _tell(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._hear(job)
        if job.has_ended:
            self._ended[job.id].set()

    def _hear(self, job: Job) -> None:
        for listener in tuple(self._listeners):
            listener(job)
