"""One VM's part of a plan, carried out: check, prepare, move, finish, read back.

The order is fixed, and each step says what it does before it does it. When the connection breaks while the server
works, the server goes on by itself: we wait for the connection, find the task again, and where even the task is gone we
look where the VM is. What cannot be known is said.
"""

import logging
import re
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from msgspec.structs import replace

from xsmigui.core.catalogue import problem, sentence
from xsmigui.core.failures import WIRE_ERRORS, NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.calls import MIGRATED, MOTIONS, MOVING, RECEIVED, Call
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer, Question
from xsmigui.core.migration.leftovers import seen_before
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan, PlanRefused, VmMove, draft_of, same_intent
from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId, TaskRef, VmRef
from xsmigui.core.text import _
from xsmigui.services.asking import Asker, receive, without_secrets
from xsmigui.services.reporting import Reporting
from xsmigui.services.store import Store
from xsmigui.services.verification import GONE, Found, find_vm, look, read_back, whereabouts

log = logging.getLogger(__name__)

START_DEADLINE: Final = 60.0
"""Seconds for a call that only starts a task."""

BREATH: Final = 1.0
"""Seconds before a connection that failed is tried again, and between two looks at a server."""

LOOKS: Final = 5
"""Looks for a migration whose start was not answered: the server may still be about to begin."""

PASSING: Final = ("HOST_STILL_BOOTING", "HOST_IS_SLAVE", "HOST_OFFLINE", "CANNOT_CONTACT_HOST")
"""What servers answer while they start up or change their roles: asked again."""


T = TypeVar("T")

FALL: Final = 0.3
"""A fall of the progress by more than this is the change from the disks to the memory (xapi 24.10)."""

_REFERENCE: Final = re.compile(r"OpaqueRef:[0-9a-fA-F-]+")


class Gateways(Protocol):
    """The ways to the pools, as `services.connections` keeps them."""

    def gateway(self, pool: PoolId) -> Gateway | None: ...

    async def wait_for_gateway(self, pool: PoolId) -> Gateway: ...


class Refused(Exception):
    """The check before the run found what forbids it; nothing was changed. The arguments are the problems."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(*problems)
        self.problems = problems


def passes(failure: Exception) -> bool:
    """The failure is the connection's or that of a server in between, and says nothing about what was asked."""
    return not isinstance(failure, ServerFailure) or failure.code in PASSING


class Stopped(Exception):
    """The operator cancelled before the server had begun."""


class Crowded(Exception):
    """The host runs as many storage migrations as it allows (those of other clients included)."""


async def judge_afresh(store: Store, asker: Asker, plan: Plan) -> Evaluation:
    """A plan judged with the records and the servers' answers of this moment. Raises `PlanRefused`."""
    site = store.site()
    draft = draft_of(plan, site)
    facts: dict[Question, Answer] = {}
    while True:
        evaluation = evaluate(site, draft, facts)
        if not evaluation.needed:
            return evaluation
        for question in evaluation.needed:
            facts[question] = await asker.ask(question)


class Run(Reporting):
    """One VM on its way. `report` hears of every change; `job` is the present state; `keep` returns when it is on disk.

    A job whose migration was begun by a process that has ended is taken up where it stood.
    """

    def __init__(
        self,
        whole: Job,
        move: VmMove,
        job: VmJob,
        store: Store,
        gateways: Gateways,
        asker: Asker,
        clock: Clock,
        report: Callable[[VmJob], None],
        keep: Callable[[VmJob], Awaitable[None]],
    ) -> None:
        super().__init__(job, clock, report)
        self._plan = plan = whole.plan
        self._move = move
        self._store = store
        self._gateways = gateways
        self._asker = asker
        self._keep = keep
        self._source = PoolId(plan.source.uuid)
        self._target = PoolId(plan.target.uuid)
        self._task = TaskRef(job.task) if job.task else None
        self._taken_up = job.has_begun
        self._received: dict[str, Any] | None = None
        self._sent = False
        self._peak = 0.0
        self._wants_stop = False

    # What others do.

    @property
    def task(self) -> str | None:
        """The server's task, while there is one."""
        return self._task

    async def run(self) -> None:
        """Carry it out. Every outcome ends in the job; only `Crowded` and cancellation of the task itself come out."""
        try:
            if self._taken_up:
                text = _("Begun before this program was started; how it stands is being asked.")
                self._tell(state=State.lost, held=False, message=text)
                arrived = await self._take_up()
            else:
                self._tell(state=State.running, step=Step.checking, started=self._clock.now(), message="", begun=0)
                await self._check()
                arrived = await self._motion()
            await self._read_back(arrived)
        except Refused as refusal:
            message = _("Not started: {reason}", reason=refusal.problems[0].message)
            self._end(State.failed, message, refusal.problems)
        except Stopped:
            self._end(State.cancelled, _("Cancelled before anything was changed."))
        except Crowded:
            if self._wants_stop:
                self._end(State.cancelled, _("Cancelled before anything was changed."))
                return
            self._tell(state=State.waiting, step=Step.queued, progress=None, begun=0, task="")
            raise
        except _Failed as end:
            text = end.message if end.told else f"{end.message} {await self._where()}"
            self._end(end.state, text, (*self.job.problems, *end.problems))
        except WIRE_ERRORS as failure:
            text = " ".join(part for part in (*sentence(failure, *self._inventories()), await self._where()) if part)
            self._end(State.failed, text, (*self.job.problems, self._problem(failure)))

    async def cancel(self) -> None:
        """Ask for the end: at once where nothing has begun, by `task.cancel` where the server works."""
        self._wants_stop = True
        self._tell(cancelling=True)
        if self._task is not None:
            gateway = self._gateways.gateway(self._source)
            if gateway is not None:  # else asked for again as soon as the connection is back
                await self._cancel_task(gateway)

    async def _cancel_task(self, gateway: Gateway) -> None:
        try:
            await gateway.call("task.cancel", self._task)
        except WIRE_ERRORS as failure:
            log.info("cancel: %s", failure)

    # The steps.

    async def _check(self) -> None:
        """Judge the plan again with fresh records and fresh answers; go on only if it still means the same."""
        single = replace(self._plan, moves=(self._move,))
        try:
            evaluation = await judge_afresh(self._store, self._asker, single)
        except PlanRefused as gone:
            raise Refused((self._block(_("{name} is no longer there.", name=str(gone))),)) from None
        fresh = evaluation.plan
        if fresh is None:
            raise Refused(tuple(p for p in evaluation.problems if p.blocks))
        if not same_intent(fresh, single):
            message = _("{vm} is not what it was when this was planned.", vm=self._move.vm.name)
            raise Refused((self._block(message, _("Plan it anew.")),))
        self._stop_if_wanted()

    async def _motion(self) -> VmRef:
        """Carry out the calls. The answer is the VM's reference at its destination."""
        arrived = VmRef(self._move.vm.ref)
        try:
            for number, call in enumerate(self._move.calls, 1):
                if call.method == "host.migrate_receive":
                    self._tell(step=Step.preparing)
                    self._received = await receive(self._gateway(self._target), *call.params)
                    self._stop_if_wanted()
                elif call.method in MOTIONS:
                    await self._begin(number)
                    arrived = await self._send(call)
                    self._tell(arrived=arrived, task="")
                else:
                    await self._mark(number)
                    await self._finish(call, arrived)
        except CancelledError:
            if not self._sent:  # else the server still needs the session
                await self._let_go()
            raise
        except BaseException:
            await self._let_go()
            raise
        await self._let_go()
        return arrived

    async def _take_up(self) -> VmRef:
        """Go on where an earlier process was cut off: find the migration, and do what is still to follow it."""
        motion = next(n for n, call in enumerate(self._move.calls, 1) if call.method in MOTIONS)
        begun = self.job.begun
        if self.job.arrived is not None:
            arrived = self.job.arrived
        else:
            if self._task is None:
                self._task = await self._find_task(self._move.calls[motion - 1].method)
            arrived = await self._end_of_motion(self._task is not None or bool(self.job.task))
            self._tell(arrived=arrived, task="")
        for number, call in enumerate(self._move.calls, 1):
            if number <= motion or number < begun:
                continue
            if number == begun and call.method == "VM.start_on":  # not repeated: somebody may have halted it meanwhile
                if await self._is_halted():
                    self._warn(_("It is not known whether it was started."))
                continue
            await self._mark(number)
            await self._finish(call, arrived)
        return arrived

    async def _is_halted(self) -> bool:
        found = await self._persist(lambda: self._find(self._target))
        return found is not None and found[1]["power_state"] == "Halted"

    async def _begin(self, number: int) -> None:
        """What the journal must know before the migration starts. Where it cannot be written nothing is started."""
        target = self._store.inventory(self._target)
        self._tell(begun=number, before=seen_before(self._move, target) if target is not None else None)
        try:
            await self._keep(self.job)
        except OSError as error:
            log.error("%s", error)
            hint = _("Make room on this computer's disk, then start it again.")
            message = _("The journal of this program cannot be written ({reason}).", reason=str(error))
            self._tell(begun=0)
            raise Refused((self._block(message, hint),)) from None
        self._stop_if_wanted()

    async def _mark(self, number: int) -> None:
        """A call that follows the migration: it is made even where the journal fails, since nothing is lost by it."""
        self._tell(begun=number)
        try:
            await self._keep(self.job)
        except OSError as error:
            log.error("%s", error)

    async def _send(self, call: Call) -> VmRef:
        """Start the migration and wait for its end."""
        gateway = self._gateway(self._source)
        first = Step.memory if self._move.kind is Kind.live else Step.disks
        self._tell(step=first, progress=0.0, step_started=self._clock.now())
        params = [self._received if p == RECEIVED else p for p in call.params]
        known = True
        self._sent = True
        try:
            self._task = TaskRef(await gateway.call(f"Async.{call.method}", *params, deadline=START_DEADLINE))
        except ServerFailure as failure:
            raise self._harmless(failure) from None
        except (Unreachable, NotSpeaking) as failure:
            # The call may or may not have reached the server.
            log.warning("starting %s: %s", call.method, failure)
            self._lost()
            self._task = await self._find_task(call.method)
            known = self._task is not None
        return await self._end_of_motion(known)

    async def _end_of_motion(self, known: bool) -> VmRef:
        """Follow the task to its end where there is one, else see what became of the migration."""
        if self._task is not None:
            self._tell(task=str(self._task))
        record = await self._follow() if self._task is not None else None
        self._task = None
        return self._outcome(record) if record is not None else await self._reconstruct(known)

    async def _persist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, once more each time that the connection fails meanwhile."""
        while True:
            try:
                return await work()
            except WIRE_ERRORS as failure:
                if not passes(failure):
                    raise
                log.warning("%s: %s", self.job.step, failure)
                self._lost()
                await self._clock.sleep(BREATH)

    async def _follow(self) -> Task | None:
        """The task's last record; None where the server no longer knows it. Survives lost connections."""
        assert self._task is not None
        while True:
            gateway = await self._gateways.wait_for_gateway(self._source)
            try:
                if self._wants_stop:
                    await self._cancel_task(gateway)
                record = await gateway.wait_for_task(self._task, self._progressed)
                await self._destroy_task(gateway)
                return record
            except WIRE_ERRORS as failure:
                if isinstance(failure, ServerFailure) and failure.code == "HANDLE_INVALID":
                    return None
                # Whatever else is said, it is not about the migration, which goes on.
                log.warning("following a migration: %s", failure)
                self._lost()
                await self._clock.sleep(BREATH)

    async def _destroy_task(self, gateway: Gateway) -> None:
        """Finished tasks are ours to tidy up (xapi keeps them for 65 minutes otherwise)."""
        try:
            await gateway.call("task.destroy", self._task)
        except WIRE_ERRORS as failure:
            log.info("task.destroy: %s", failure)

    def _progressed(self, task: Task) -> None:
        """Progress runs to 1 for the disks, falls back, and runs again for the memory."""
        if task.status not in ("pending", "cancelling"):
            return
        step, since = self.job.step, self.job.step_started
        if step not in (Step.disks, Step.memory):
            step = Step.disks
        if step is Step.disks and self._peak - task.progress > FALL and self._move.power_state == "Running":
            step, since, self._peak = Step.memory, self._clock.now(), task.progress
        self._peak = max(self._peak, task.progress)
        changes: dict[str, Any] = {"progress": self._peak, "step": step, "step_started": since}
        cancellable = "cancel" in task.allowed_operations or not task.allowed_operations
        self._tell(state=State.running, message="", cancellable=cancellable, **changes)

    def _outcome(self, task: Task) -> VmRef:
        """Where the VM is now, from the end of the task."""
        if task.status == "success":
            if not self._plan.crosses:
                return VmRef(self._move.vm.ref)
            found = _REFERENCE.search(task.result)
            if found is None:
                raise _Failed(State.interrupted, _("The server gave no reference of the migrated VM."))
            return VmRef(found.group())
        if task.status == "cancelled":
            raise _Failed(State.cancelled, _("Cancelled."))
        code, *params = task.error_info or ["INTERNAL_ERROR"]
        failure = self._harmless(ServerFailure(code, tuple(params), task.name_label))
        if code == "TOO_MANY_STORAGE_MIGRATES":
            raise Crowded
        text = " ".join(part for part in sentence(failure, *self._inventories()) if part)
        raise _Failed(State.failed, text, (self._problem(failure),))

    def _harmless(self, failure: ServerFailure) -> ServerFailure:
        return without_secrets(failure, self._received) if self._received is not None else failure

    async def _find_task(self, method: str) -> TaskRef | None:
        """The task that a call started whose answer was lost, by the VM's current operations."""
        operation = method.removeprefix("VM.")
        for _look in range(LOOKS):
            vm = await self._persist(lambda: self._find(self._source))
            if vm is None:
                return None
            found = [t for t, op in vm[1]["current_operations"].items() if op == operation]
            if found:
                return TaskRef(found[0])
            await self._clock.sleep(BREATH)
        return None

    async def _find(self, pool: PoolId) -> tuple[VmRef, dict[str, Any]] | None:
        return await find_vm(await self._gateways.wait_for_gateway(pool), self._move.vm.uuid)

    async def _reconstruct(self, known: bool) -> VmRef:
        """Neither answer nor task: what the two pools show decides. Either the VM arrived, or it is where it was, or
        nobody can tell. `known` says that the migration had begun."""
        names = {"vm": self._move.vm.name, "pool": self._plan.source.name}
        here = await self._persist(lambda: self._find(self._source))
        while here is not None and MOVING & set(here[1]["current_operations"].values()):
            text = _("The server's task is gone, and {vm} is still on its way.", **names)
            self._tell(state=State.running, message=text, progress=None, cancellable=False)
            await self._clock.sleep(BREATH)
            here = await self._persist(lambda: self._find(self._source))
        there = await self._persist(lambda: self._find(self._target)) if self._plan.crosses else None
        if self._plan.crosses:
            if here is None and there is not None:
                return there[0]
        elif here is not None and await self._persist(self._has_arrived):
            return here[0]
        if known:
            lost = _("The server no longer knows of this migration; it was probably restarted meanwhile.")
        elif self._taken_up:
            lost = _("This program ended while the migration was being started, and the server shows no sign of it.")
        else:
            lost = _("The connection broke while the migration was being started, and the server shows no sign of it.")
        if self._plan.copy and here is not None:
            hint = _("Not known: whether {pool} has a copy of {vm}. Look there before you start again.")
            hint = hint.format(vm=self._move.vm.name, pool=self._plan.target.name)
            raise _Failed(State.interrupted, f"{lost} {hint}")
        if here is not None and there is None:
            hint = _(
                "Disks may be left behind at the destination: Storage › Leftovers of failed migrations… finds them."
            )
            raise _Failed(State.failed, f"{lost} {await self._where()}" + (f" {hint}" if known else ""), told=True)
        if here is not None:
            both = _("{pool} still has {vm} as well.", **names)
            hint = _("Don't start it there: both use the same identity. Compare them, then remove the older one.")
            raise _Failed(State.interrupted, f"{lost} {both} {hint}", told=True)
        raise _Failed(State.interrupted, lost)

    async def _has_arrived(self) -> bool:
        """A VM inside its pool is where the plan wants it."""
        source = await self._gateways.wait_for_gateway(self._source)
        found = await read_back(self._plan, self._move, source, source, VmRef(self._move.vm.ref))
        return not found.differences

    async def _finish(self, call: Call, arrived: VmRef) -> None:
        """What follows a migration. Its failure is told and does not undo the migration."""
        self._tell(step=Step.finishing, progress=None, cancellable=False)
        params = [arrived if p == MIGRATED else p for p in call.params]

        async def send() -> None:
            gateway = await self._gateways.wait_for_gateway(self._target)
            await gateway.call(call.method, *params, deadline=300.0)

        try:
            if call.method == "VM.set_affinity":
                await self._persist(send)  # as often as one likes
            else:
                await send()
        except WIRE_ERRORS as failure:
            found = self._problem(failure)
            if call.method == "VM.set_affinity":
                what = _("Its home server was not set.")
            elif passes(failure):
                what = _("It is not known whether it was started.")
            else:
                what = _("It was not started.")
            warning = replace(found, severity=Severity.warn, message=f"{what} {found.message}")
            self._tell(problems=(*self.job.problems, warning))

    async def _read_back(self, arrived: VmRef) -> None:
        self._tell(step=Step.verifying, progress=None, cancellable=False)

        async def look_at_both() -> Found:
            source = await self._gateways.wait_for_gateway(self._source)
            target = await self._gateways.wait_for_gateway(self._target)
            return await read_back(self._plan, self._move, source, target, arrived)

        try:
            found = await self._persist(look_at_both)
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
            names = {"vm": self._move.vm.name, "pool": self._plan.target.name}
            text = _("The server says that {vm} has moved, but it cannot be read in {pool}.", **names)
            raise _Failed(State.failed, text, (self._problem(failure),)) from None
        self._tell(arrived=found.arrived, host=found.host, disks=found.disks, state=State.running)
        if found.differences:
            text = " ".join([_("Moved, but not as planned."), *(p.sentence() for p in found.differences)])
            self._end(State.failed, text, (*self.job.problems, *found.differences))
            return
        warnings = self.job.problems
        message = _("{vm} is on {host}.", vm=self._move.vm.name, host=found.host)
        message = " ".join([message, *(p.sentence() for p in warnings)])
        self._tell(verified=True)
        self._end(State.done, message, warnings)

    # Small things.

    def _gateway(self, pool: PoolId) -> Gateway:
        gateway = self._gateways.gateway(pool)
        if gateway is None:
            name = self._plan.source.name if pool == self._source else self._plan.target.name
            raise Unreachable(name, _("not connected"))
        return gateway

    async def _let_go(self) -> None:
        """End the session that `host.migrate_receive` left behind."""
        gateway = self._gateways.gateway(self._target)
        if self._received is not None and gateway is not None:
            await gateway.end_session(self._received["session_id"])
        self._received = None

    def _stop_if_wanted(self) -> None:
        if self._wants_stop:
            raise Stopped

    def _lost(self) -> None:
        text = _("The connection was lost. The server goes on by itself; what it does is not known at present.")
        self._tell(state=State.lost, message=text)

    def _inventories(self) -> list[Any]:
        pools = dict.fromkeys((self._source, self._target))
        return [found for pool in pools if (found := self._store.inventory(pool)) is not None]

    async def _where(self) -> str:
        """Where the VM is: asked of the servers if they answer, else as far as we know."""
        pools = (self._source, self._target) if self._plan.crosses else (self._source,)
        gateways = [self._gateways.gateway(pool) for pool in pools]
        try:
            found = await look(self._plan, self._move, *gateways)
        except WIRE_ERRORS as failure:
            log.info("%s: %s", self._move.vm.uuid, failure)
            found = ""
        if found:
            return found
        target = self._store.inventory(self._target) if self._plan.crosses else None
        return whereabouts(self._plan, self._move, self._store.inventory(self._source), target)

    def _problem(self, failure: Exception) -> Problem:
        subject = Subject("VM", self._move.vm.uuid, self._move.vm.name)
        return problem(failure, subject, *self._inventories())

    def _warn(self, message: str) -> None:
        warning = replace(self._block(message), severity=Severity.warn)
        self._tell(problems=(*self.job.problems, warning))

    def _block(self, message: str, hint: str = "") -> Problem:
        subject = Subject("VM", self._move.vm.uuid, self._move.vm.name)
        return Problem(rule="R05", severity=Severity.block, subject=subject, message=message, hint=hint)


class _Failed(Exception):
    """The migration ended otherwise than by success. `told` says that the message tells already where the VM is."""

    def __init__(self, state: State, message: str, problems: tuple[Problem, ...] = (), told: bool = False) -> None:
        super().__init__(message)
        self.told = told
        self.state = state
        self.message = message
        self.problems = problems
