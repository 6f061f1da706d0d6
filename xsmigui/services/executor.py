"""One VM's part of a plan, carried out: check, prepare, move, finish, read back.

The order is fixed, and each step says what it does before it does it. When the connection breaks while the server
works, the server goes on by itself: we wait for the connection, find the task again, and where even the task is gone we
look where the VM is. What cannot be known is said.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

from msgspec.structs import replace

from xsmigui.core.catalogue import problem, sentence
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure, SessionLost, Unreachable
from xsmigui.core.jobs import State, Step, VmJob
from xsmigui.core.migration.calls import MIGRATED, RECEIVED, Call
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer, Question
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan, PlanRefused, VmMove, draft_of, same_intent
from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId, TaskRef, VmRef
from xsmigui.core.text import _
from xsmigui.services.asking import Asker
from xsmigui.services.store import Store
from xsmigui.services.verification import find_vm, read_back, whereabouts

log = logging.getLogger(__name__)

START_DEADLINE: Final = 60.0
"""Seconds for a call that only starts a task."""

RECEIVE_DEADLINE: Final = 120.0
BREATH: Final = 1.0
"""Seconds before a connection that failed is tried again."""

FALL: Final = 0.3
"""A fall of the progress by more than this is the change from the disks to the memory (research/xapi 3.3)."""

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
        if not evaluation.questions:
            return evaluation
        for question in evaluation.questions:
            facts[question] = await asker.ask(question)


class Run:
    """One VM on its way. `report` hears of every change; `job` is the present state."""

    def __init__(
        self,
        plan: Plan,
        move: VmMove,
        job: VmJob,
        store: Store,
        gateways: Gateways,
        asker: Asker,
        clock: Clock,
        report: Callable[[VmJob], None],
    ) -> None:
        self._plan = plan
        self._move = move
        self.job = job
        self._store = store
        self._gateways = gateways
        self._asker = asker
        self._clock = clock
        self._report = report
        self._source = PoolId(plan.source.uuid)
        self._target = PoolId(plan.target.uuid)
        self._task: TaskRef | None = None
        self._peak = 0.0
        self._wants_stop = False

    # What others do.

    @property
    def task(self) -> str | None:
        """The server's task, while there is one."""
        return self._task

    async def run(self) -> None:
        """Carry it out. Every outcome ends in the job; only `Crowded` and cancellation of the task itself come out."""
        self._tell(state=State.running, step=Step.checking, started=self._clock.now(), message="")
        try:
            await self._check()
            arrived = await self._motion()
            await self._read_back(arrived)
        except Refused as refusal:
            message = _("Not started: {reason}", reason=refusal.problems[0].message)
            self._end(State.failed, message, refusal.problems)
        except Stopped:
            self._end(State.cancelled, _("Cancelled before anything was changed."))
        except Crowded:
            self._tell(state=State.waiting, step=Step.queued, progress=None)
            raise
        except _Failed as end:
            self._end(end.state, end.message, end.problems)
        except WIRE_ERRORS as failure:
            text = " ".join(part for part in (*sentence(failure, *self._inventories()), self._whereabouts()) if part)
            self._end(State.failed, text, (self._problem(failure),))

    async def cancel(self) -> None:
        """Ask for the end: at once where nothing has begun, by `task.cancel` where the server works."""
        self._wants_stop = True
        self._tell(cancelling=True)
        if self._task is not None:
            gateway = self._gateways.gateway(self._source)
            if gateway is None:
                return  # asked for again as soon as the connection is back
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
        received: dict[str, Any] | None = None
        arrived = VmRef(self._move.vm.ref)
        try:
            for call in self._move.calls:
                if call.method == "host.migrate_receive":
                    self._tell(step=Step.preparing)
                    received = await self._gateway(self._target).call(
                        call.method, *call.params, deadline=RECEIVE_DEADLINE
                    )
                    self._stop_if_wanted()
                elif call.method in ("VM.pool_migrate", "VM.migrate_send"):
                    arrived = await self._send(call, received)
                else:
                    await self._finish(call, arrived)
        finally:
            if received is not None and self._task is None:
                await self._let_go(received)
        return arrived

    async def _send(self, call: Call, received: dict[str, Any] | None) -> VmRef:
        """Start the migration and wait for its end."""
        first = Step.memory if self._move.kind is Kind.live else Step.disks
        self._tell(step=first, progress=0.0, step_started=self._clock.now())
        try:
            params = [received if p == RECEIVED else p for p in call.params]
            task = await self._gateway(self._source).call(f"Async.{call.method}", *params, deadline=START_DEADLINE)
            self._task = TaskRef(task)
        except (Unreachable, SessionLost) as failure:
            # The call may or may not have reached the server.
            log.warning("starting %s: %s", call.method, failure)
            self._lost()
            self._task = await self._find_task(call.method)
        task_record = await self._follow() if self._task is not None else None
        self._task = None
        if task_record is None:
            return await self._reconstruct()
        return self._outcome(task_record)

    async def _follow(self) -> Task | None:
        """The task's last record; None where the server no longer knows it. Survives lost connections."""
        assert self._task is not None
        while True:
            gateway = await self._gateways.wait_for_gateway(self._source)
            try:
                if self._wants_stop:
                    await gateway.call("task.cancel", self._task)
                record = await gateway.wait_for_task(self._task, self._progressed)
                await self._destroy_task(gateway)
                return record
            except ServerFailure as failure:
                if failure.code == "HANDLE_INVALID":
                    return None
                raise
            except (Unreachable, SessionLost) as failure:
                log.warning("following a migration: %s", failure)
                self._lost()
                await self._clock.sleep(BREATH)

    async def _destroy_task(self, gateway: Gateway) -> None:
        """Finished tasks are ours to tidy up (research/xapi 3.2)."""
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
            raise _Failed(State.cancelled, _("Cancelled. {where}", where=self._whereabouts()))
        code, *params = task.error_info or ["INTERNAL_ERROR"]
        failure = ServerFailure(code, tuple(params), task.name_label)
        if code == "TOO_MANY_STORAGE_MIGRATES":
            raise Crowded
        message, hint = sentence(failure, *self._inventories())
        text = " ".join(part for part in (message, hint, self._whereabouts()) if part)
        raise _Failed(State.failed, text, (self._problem(failure),))

    async def _find_task(self, method: str) -> TaskRef | None:
        """The task that a call started whose answer was lost, by the VM's current operations."""
        gateway = await self._gateways.wait_for_gateway(self._source)
        operation = method.removeprefix("VM.")
        vm = await find_vm(gateway, self._move.vm.uuid)
        if vm is None:
            return None
        found = [t for t, op in vm[1]["current_operations"].items() if op == operation]
        return TaskRef(found[0]) if found else None

    async def _reconstruct(self) -> VmRef:
        """Neither answer nor task: what the two pools show decides. Either the VM arrived, or it is where it was, or
        nobody can tell."""
        source = await self._gateways.wait_for_gateway(self._source)
        here = await find_vm(source, self._move.vm.uuid)
        if not self._plan.crosses:
            if here is not None and await self._has_arrived(source, here[1]):
                return here[0]
        else:
            target = await self._gateways.wait_for_gateway(self._target)
            there = await find_vm(target, self._move.vm.uuid)
            if here is None and there is not None:
                return there[0]
        lost = _("The server no longer knows of this migration; it was probably restarted meanwhile.")
        if here is not None and not set(here[1]["current_operations"].values()) & {"migrate_send", "pool_migrate"}:
            state = _("{vm} is still in {pool}: {state}.")
            state = state.format(vm=self._move.vm.name, pool=self._plan.source.name, state=here[1]["power_state"])
            hint = _("Not known: whether disks were left behind at the destination. Look there before you start again.")
            raise _Failed(State.failed, f"{lost} {state} {hint}")
        raise _Failed(State.interrupted, f"{lost} {self._whereabouts()}")

    async def _has_arrived(self, source: Gateway, record: dict[str, Any]) -> bool:
        """A VM inside its pool is where the plan wants it."""
        if record["power_state"] == "Running" and record["resident_on"] != self._move.host.ref:
            return False
        found = await read_back(self._plan, self._move, source, source, VmRef(self._move.vm.ref))
        return not found.differences

    async def _finish(self, call: Call, arrived: VmRef) -> None:
        """What follows a migration. Its failure is told and does not undo the migration."""
        self._tell(step=Step.finishing, progress=None, cancellable=False)
        params = [arrived if p == MIGRATED else p for p in call.params]
        try:
            gateway = await self._gateways.wait_for_gateway(self._target)
            await gateway.call(call.method, *params, deadline=300.0)
        except WIRE_ERRORS as failure:
            found = self._problem(failure)
            what = {
                "VM.set_affinity": _("Its home server was not set."),
                "VM.start_on": _("It was not started."),
            }.get(call.method, call.method)
            warning = replace(found, severity=Severity.warn, message=f"{what} {found.message}")
            self._tell(problems=(*self.job.problems, warning))

    async def _read_back(self, arrived: VmRef) -> None:
        self._tell(step=Step.verifying, progress=None, cancellable=False)
        while True:
            source = await self._gateways.wait_for_gateway(self._source)
            target = await self._gateways.wait_for_gateway(self._target)
            try:
                found = await read_back(self._plan, self._move, source, target, arrived)
                break
            except (Unreachable, SessionLost) as failure:
                log.warning("reading back: %s", failure)
                self._lost()
                await self._clock.sleep(BREATH)
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

    async def _let_go(self, received: dict[str, Any]) -> None:
        """End the session that `host.migrate_receive` left behind."""
        gateway = self._gateways.gateway(self._target)
        if gateway is not None:
            await gateway.end_session(received["session_id"])

    def _stop_if_wanted(self) -> None:
        if self._wants_stop:
            raise Stopped

    def _lost(self) -> None:
        text = _("The connection was lost. The server goes on by itself; what it does is not known at present.")
        self._tell(state=State.lost, message=text)

    def _inventories(self) -> list[Any]:
        pools = dict.fromkeys((self._source, self._target))
        return [found for pool in pools if (found := self._store.inventory(pool)) is not None]

    def _whereabouts(self) -> str:
        target = self._store.inventory(self._target) if self._plan.crosses else None
        return whereabouts(self._plan, self._move, self._store.inventory(self._source), target)

    def _problem(self, failure: Exception) -> Problem:
        subject = Subject("VM", self._move.vm.uuid, self._move.vm.name)
        return problem(failure, subject, *self._inventories())

    def _block(self, message: str, hint: str = "") -> Problem:
        subject = Subject("VM", self._move.vm.uuid, self._move.vm.name)
        return Problem(rule="R05", severity=Severity.block, subject=subject, message=message, hint=hint)

    def _end(self, state: State, message: str, problems: tuple[Problem, ...] = ()) -> None:
        now: datetime = self._clock.now()
        self._tell(
            state=state, step=Step.ended, message=message, problems=problems, ended=now, progress=None, cancelling=False
        )

    def _tell(self, **changes: Any) -> None:
        job = replace(self.job, **changes)
        if job != self.job:
            self.job = job
            self._report(job)


class _Failed(Exception):
    """The migration ended otherwise than by success."""

    def __init__(self, state: State, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.state = state
        self.message = message
        self.problems = problems
