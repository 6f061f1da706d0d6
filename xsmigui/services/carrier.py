"""One loop for every kind of motion: look at the server, ask what is next, write it down, do it, look again.

What is next is a pure function of `core.migration.exchange` (disks that this program copies) or of
`core.migration.sending` (VMs that the server moves). So a broken connection, a lost answer, a crash, a wish to cancel
or a foreign hand only means that the next look shows something else. A journal that cannot be written holds the job; it
never undoes work.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from xsmigui.core.catalogue import problem, stated
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.messages import Sentence, Text, m_, sentences
from xsmigui.core.migration.plan import VmMove
from xsmigui.core.migration.steps import ANSWER, Done, Note, Pending, Request, RollBack, Step, Stop, Wait
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId
from xsmigui.services.beginning import begun_afresh
from xsmigui.services.carrying import Context, Ended, passes, result_of
from xsmigui.services.checking import NoRoomYet, Refused
from xsmigui.services.reporting import Reporting
from xsmigui.services.verification import GONE

log = logging.getLogger(__name__)


START_DEADLINE_S: Final = 60.0
"""For a call that only starts a task."""


CALL_DEADLINE_S: Final = 300.0
"""For a call that works on an SR."""


RETRY_DELAY_S: Final = 1.0
"""Before a connection that failed is tried again, and between two looks at a server."""


LONGEST_DELAY_S: Final = 15.0
"""Looks at something that takes long become rarer, up to this."""


CANCEL_RETRY_S: Final = 5.0
"""Before a server that has not taken up `task.cancel` is asked again."""


TRIES: Final = 3
"""How often a call that the server refuses is made before the job gives up."""


BUSY_TRIES: Final = 60
"""The same if something else must end first, and for looks, which change nothing."""


BUSY: Final = ("VDI_IN_USE", "OTHER_OPERATION_IN_PROGRESS")


CANCEL: Final = "task.cancel"


T = TypeVar("T")


class Carrier(Reporting, ABC):
    """One VM's part of a job on its way. `job` is the present state."""

    pool: PoolId
    """The pool whose tasks are followed."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.job.vms[context.place], context.clock, context.report)
        self._context = context
        self._whole = context.job
        self._store = context.store
        self._gateways = context.gateways
        self._stirred = asyncio.Event()
        self._refusals = 0
        self._failed_tasks: Counter[str] = Counter()
        self._is_looking = False
        self._delay = RETRY_DELAY_S
        self._last: tuple[str, tuple[Any, ...]] | None = None
        self.pool = PoolId(context.job.plan.source.uuid)

    @property
    def _move(self) -> VmMove:
        return self.job.move

    @property
    def task(self) -> str | None:
        """The server's task, while there is one."""
        return self.job.pending.task or None if self.job.pending is not None else None

    async def run(self) -> None:
        """Carry it out; every outcome ends in the job. Only cancellation of the asyncio task itself comes out, and
        what makes it wait in the queue again: `NoRoomYet` and, of storage migrations, `TooManyMigrations`."""
        try:
            if not self.job.has_begun:
                plan = self._whole.plan
                await begun_afresh(
                    self._check_and_begin,
                    self._gateways,
                    list(dict.fromkeys(PoolId(pool.uuid) for pool in (plan.source, plan.target))),
                    self._clock,
                    refusal=Refused,
                    waits=self._not_begun,
                )
            else:
                self._tell(held=False)
            while await self._round():
                pass
            await self._finish()
        except NoRoomYet as refusal:
            await self._let_go()
            if self.job.cancelling:
                await self._end(State.cancelled, m_("Cancelled before anything was changed."))
                return
            message = m_("Waiting for room: {reason}", reason=refusal.problems[0].finding)
            self._tell(state=State.waiting, step=Phase.queued, progress=None, begun=0, status=message)
            raise
        except Refused as refusal:
            await self._let_go()
            message = m_("Not started: {reason}", reason=refusal.problems[0].finding)
            await self._end(State.failed, message, refusal.problems)
        except Ended as end:
            await self._let_go()
            await self._end(end.state, end.status, end.problems)

    async def _check_and_begin(self) -> None:
        self._tell(state=State.running, step=Phase.checking, started=self._clock.now(), status="", begun=0)
        await self._begin()

    def _not_begun(self) -> None:
        """There is no connection to begin over. Raises `Ended` where that is no longer wanted."""
        if self.job.cancelling:
            raise Ended(State.cancelled, m_("Cancelled before anything was changed."))
        self._tell(state=State.lost, step=Phase.checking, status=m_("It starts when the connection is back."))

    async def cancel(self) -> None:
        """The operator wants it to end: what was begun is cancelled or put back, as far as the server lets it."""
        self._tell(cancelling=True)
        self._stirred.set()

    # What each kind of motion does its own way.

    @abstractmethod
    async def _begin(self) -> None:
        """Check the plan once more, and note what the way back needs. Raises `Refused`."""

    async def _let_go(self) -> None:
        """Nothing more is done: give back what was taken for it, before anybody hears of the end."""

    @abstractmethod
    async def _look(self) -> Step:
        """What the server shows, and what is next."""

    def _gateway_of(self, request: Request) -> PoolId:
        """The pool that a request goes to."""
        return self.pool

    def _params(self, request: Request) -> tuple[Any, ...]:
        """The parameters that are sent: what must not be written down is put in here."""
        return request.params

    @abstractmethod
    def _phase(self, request: Request) -> Phase:
        """Under which heading a request is shown."""

    def _noted(self, disk: int, changes: Mapping[str, Any]) -> VmJob:
        """The job with facts noted."""
        return replace(self.job, **changes)

    @abstractmethod
    def _progressed(self, task: Task) -> None:
        """A task that is followed has gone on."""

    async def _task_failed(self, pending: Pending, failure: ServerFailure) -> None:
        """A task ended without success."""
        raise failure

    @abstractmethod
    async def _give_up(self, why: Problem) -> None:
        """What was to be done was refused for good."""

    @abstractmethod
    async def _finish(self) -> None:
        """Everything is done: read it back and say so."""

    # One round.

    async def _round(self) -> bool:
        """Look, and do the next thing; False when there is none."""
        self._is_looking = True
        self._stirred.clear()
        try:
            step = await self._look()
            self._is_looking = False
            match step:
                case Done():
                    return False
                case Note(changes, disk):
                    await self._note(disk, changes)
                case Request():
                    await self._request(step)
                    self._refusals, self._delay = 0, RETRY_DELAY_S
                case Wait():
                    await self._wait(step)
                case RollBack(reason):
                    await self._give_up(self._block(reason))
                case Stop(reason):
                    raise self._stopped(reason)
        except WIRE_ERRORS as failure:
            await self._failed(failure)
        return True

    async def _failed(self, failure: Exception) -> None:
        if passes(failure):
            log.warning("%s: %s", self.job.step, failure)
            self._lost(failure)
            await self._pause(RETRY_DELAY_S)
            return
        log.info("%s: %s", self.job.step, failure)
        self._refusals += 1
        busy = isinstance(failure, ServerFailure) and failure.code in BUSY
        if self._refusals < (BUSY_TRIES if busy or self._is_looking else TRIES):
            await self._pause(RETRY_DELAY_S)
            return
        self._refusals = 0
        self._failed_tasks.clear()
        await self._give_up(self._problem(failure))

    async def _way(self, pool: PoolId) -> Gateway:
        """The way to a pool; while there is none, that is shown. Raises `Ended` if the operator has disconnected the
        server and wants no more of the job."""
        if (gateway := self._gateways.gateway(pool)) is not None:
            return gateway
        self._lost()
        waiting = asyncio.ensure_future(self._gateways.wait_for_gateway(pool))
        is_stirred = False
        try:
            while not waiting.done():
                if self.job.cancelling:
                    trouble = self._gateways.trouble(pool)
                    if trouble is not None and trouble.given_up:
                        raise self._left_alone()
                stirred = asyncio.ensure_future(self._stirred.wait())
                await asyncio.wait([waiting, stirred], return_when=asyncio.FIRST_COMPLETED)
                stirred.cancel()
                await asyncio.gather(stirred, return_exceptions=True)
                is_stirred = is_stirred or self._stirred.is_set()
                self._stirred.clear()
            return waiting.result()
        finally:
            if is_stirred:  # whoever asked for the way may have looked at the job's wishes before
                self._stirred.set()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def _left_alone(self) -> Ended:
        """Nothing can be cancelled on a server that is not connected: what it does it goes on with."""
        text = m_(
            "Its server is not connected, so nothing could be cancelled there: what was started continues, and "
            "what was set stays. Connect it and resume the job to finish it: xsmigui jobs --resume {job}",
            job=self._whole.id,
        )
        return Ended(State.interrupted, text, self.job.problems)

    def _lost(self, failure: Exception | None = None) -> None:
        text = self._lost_text()
        why = stated(failure)[0] if failure is not None else ""
        self._tell(state=State.lost, status=sentences(text, why))

    def _lost_text(self) -> Text:
        return m_("The connection was lost. The job continues from where it was when the connection is back.")

    def _stopped(self, reason: Text) -> Ended:
        hint = m_("Resume it once that is resolved: xsmigui jobs --resume {job}", job=self._whole.id)
        return Ended(State.interrupted, sentences(reason, hint), self.job.problems)

    async def _note(self, disk: int, changes: Mapping[str, Any]) -> None:
        """Write facts into the journal; on disk when this returns."""
        noted = self._noted(disk, changes)
        if noted != self.job:
            self.job = noted
            self._report(noted)
            await self._write()

    async def _end(self, state: State, status: Text, problems: tuple[Problem, ...] = ()) -> None:
        """The end of what was begun is on disk before anybody hears of it."""
        ended = self._ended(state, status, problems)
        if self.job.has_begun:
            await self._write(ended)
        self._tell_of(ended)

    async def _write(self, job: VmJob | None = None) -> None:
        """The present state (or this one) is on disk when this returns. As long as the journal cannot be written
        nothing else is done, and nothing is undone."""
        while True:
            try:
                await self._context.keep(job if job is not None else self.job)
            except OSError as error:
                log.error("%s", error)
                text = m_(
                    "The journal of this program cannot be written ({reason}). The job waits until it can be.",
                    reason=str(error),
                )
                self._tell(status=text)
                await self._pause(RETRY_DELAY_S)
            else:
                return

    async def _commit(self, _request: Request) -> None:
        """A request is on disk before it leaves."""
        await self._write()

    async def _write_first(self) -> None:
        """The first state on disk; where that cannot be done nothing is started. Raises `Refused`."""
        try:
            await self._context.keep(self.job)
        except OSError as error:
            log.error("%s", error)
            hint = m_("Free some space on this computer's disk, then start it again.")
            message = m_("The journal of this program cannot be written ({reason}).", reason=str(error))
            raise Refused((self._block(message, hint),)) from None

    async def _request(self, request: Request) -> None:
        """Make a call: in the journal before it leaves, its answer noted after it has come."""
        if request.method == CANCEL:
            await self._cancel_task(request)
            return
        if self._last == (request.method, request.params):
            text = m_("Something keeps undoing what this job does ({what}).", what=request.does)
            await self._give_up(self._block(text))
            return
        pending = Pending(
            method=request.method,
            disk=request.disk,
            params=request.params,
            pool=self._gateway_of(request),
            sent=self._clock.now().isoformat(),
            then=dict(request.then),
        )
        phase = self._phase(request)
        self._tell(
            state=State.running,
            step=phase,
            status=Sentence(request.does),
            progress=self.job.progress if phase is self.job.step else None,
            pending=pending,
            task="",
        )
        await self._commit(request)
        gateway = await self._way(self._gateway_of(request))
        method = f"Async.{request.method}" if request.is_task else request.method
        deadline = START_DEADLINE_S if request.is_task else CALL_DEADLINE_S
        try:
            answer = await gateway.call(method, *self._params(request), deadline=deadline)
        except ServerFailure as failure:
            if not passes(failure):
                await self._note(-1, {"pending": None})
            raise self._harmless(failure) from None
        if request.is_task:
            self._last = None
            await self._note(-1, {"pending": replace(pending, task=str(answer)), "task": str(answer)})
        else:
            self._last = (request.method, request.params)
            await self._answered(pending, answer)

    def _harmless(self, failure: ServerFailure) -> ServerFailure:
        """The failure without what must not be written down."""
        return failure

    async def _answered(self, pending: Pending, answer: object) -> None:
        """Note what a call has brought, and that it is over."""
        changes = {key: answer if value == ANSWER else value for key, value in pending.then.items()}
        self.job = self._noted(pending.disk, changes)
        self.job = replace(self.job, pending=None, task="")
        self._report(self.job)
        await self._write()

    async def _cancel_task(self, request: Request) -> None:
        """Ask for the end of a task, again and again until the server shows that it has heard it: an answer may be
        lost, and so may the question."""
        gateway = await self._way(self._pool_of_task())
        try:
            await gateway.call(CANCEL, *request.params)
        except ServerFailure as failure:
            log.info("%s: %s", CANCEL, failure)
            if failure.code not in GONE:
                self._tell(status=m_("The server does not let it be cancelled: {reason}", reason=failure.raw))
        await self._follow(str(request.params[0]), CANCEL_RETRY_S)

    async def _wait(self, wait: Wait) -> None:
        if wait.task:
            await self._follow(wait.task, wait.seconds or None)
            return
        if wait.patience and self._refusals >= wait.patience:
            self._refusals = 0
            await self._give_up(self._block(wait.reason))
            return
        self._refusals += bool(wait.patience)
        self._tell(state=State.running, status=wait.reason)
        await self._pause(self._delay)
        self._delay = min(self._delay * 1.5, LONGEST_DELAY_S)

    async def _pause(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _follow(self, task: str, seconds: float | None = None) -> None:
        """Follow a task to its end, or until the operator wants something else (or for so many seconds)."""
        gateway = await self._way(self._pool_of_task())
        following = asyncio.ensure_future(gateway.wait_for_task(task, self._heard))
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._stirred.wait())]
        if seconds is not None:
            waiting.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait([following, *waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
            if not following.done():
                following.cancel()
            await asyncio.gather(following, *waiting, return_exceptions=True)
        if following.cancelled():
            return
        pending = self.job.pending
        try:
            record = following.result()
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
            if pending is not None and pending.task == task:
                await self._note(-1, {"pending": replace(pending, task="", gone=True), "task": ""})
            return
        if pending is None or pending.task != task:
            return
        await self._ended_task(gateway, pending, record)

    def _pool_of_task(self) -> PoolId:
        pending = self.job.pending
        return PoolId(pending.pool) if pending is not None and pending.pool else self.pool

    def _heard(self, task: Task) -> None:
        if task.status in ("pending", "cancelling"):
            self._progressed(task)

    async def _ended_task(self, gateway: Gateway, pending: Pending, record: Task) -> None:
        what = f"{pending.method} {pending.params}"
        if record.status == "success":
            self._failed_tasks.pop(what, None)
            await self._answered(pending, result_of(record))
            await self._destroy(gateway, pending.task)
            return
        await self._note(-1, {"pending": None, "task": ""})
        await self._destroy(gateway, pending.task)
        code, *params = record.error_info or ["TASK_CANCELLED"]
        if record.status == "cancelled":
            code, params = "TASK_CANCELLED", [pending.task]
        failure = self._harmless(ServerFailure(code, tuple(params), pending.method))
        self._refusals = self._failed_tasks[what]  # the server took each of them up before it failed
        self._failed_tasks[what] += 1
        await self._task_failed(pending, failure)

    async def _destroy(self, gateway: Gateway, task: str) -> None:
        """Finished tasks are ours to tidy up (xapi keeps them for 65 minutes otherwise)."""
        try:
            await gateway.call("task.destroy", task)
        except WIRE_ERRORS as failure:
            log.info("task.destroy: %s", failure)

    async def _persist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, once more each time that the connection fails meanwhile."""
        while True:
            try:
                return await work()
            except WIRE_ERRORS as failure:
                if not passes(failure):
                    raise
                log.warning("%s: %s", self.job.step, failure)
                self._lost(failure)
                await self._pause(RETRY_DELAY_S)

    async def _read_back(self, work: Callable[[], Awaitable[T]]) -> T:
        """Read a result: what the server refuses is asked again, since a look changes nothing. Raises its last
        refusal, and at once what says that something is not there."""
        for _again in range(TRIES - 1):
            try:
                return await self._persist(work)
            except ServerFailure as failure:
                if failure.code in GONE:
                    raise
                log.info("%s: %s", self.job.step, failure)
                await self._pause(RETRY_DELAY_S)
        return await self._persist(work)

    # Findings.

    def _subject(self) -> Subject:
        if self._move.vm.uuid:
            return Subject("VM", self._move.vm.uuid, self._move.vm.name)
        disk = self._move.disks[0].disk
        return Subject("VDI", disk.uuid, disk.name)

    def _inventories(self) -> list[Any]:
        pools = dict.fromkeys((PoolId(self._whole.plan.source.uuid), PoolId(self._whole.plan.target.uuid)))
        return [found for pool in pools if (found := self._store.inventory(pool)) is not None]

    def _problem(self, failure: Exception) -> Problem:
        found = problem(failure, self._subject(), *self._inventories())
        text = sentences(*stated(failure, *self._inventories()))
        return replace(found, finding=text or found.finding, advice="")

    def _block(self, finding: Text, advice: Text = "") -> Problem:
        return Problem(rule="R05", severity=Severity.block, subject=self._subject(), finding=finding, advice=advice)

    def _warn(self, finding: Text) -> None:
        warning = replace(self._block(finding), severity=Severity.warn)
        self._tell(problems=(*self.job.problems, warning))
