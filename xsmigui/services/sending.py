"""One VM that the server moves: checked, sent, followed to its end, read back, as `core.migration.sending` says.

When the connection breaks while the server works, the server goes on by itself: the loop waits for the connection,
finds the task again, and where even the task is gone it looks where the VM is. What cannot be known is said.
"""

import logging
import re
from asyncio import CancelledError, ensure_future, gather
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from xsmigui.core.catalogue import stated
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure, Unreachable
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.messages import Text, m_, sentences
from xsmigui.core.migration.calls import MIGRATE_SEND, MOTIONS
from xsmigui.core.migration.exchange import CHECKSUM
from xsmigui.core.migration.facts import PASSING, CanMigrate
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.portrait import Portrait, compared_contents, grown
from xsmigui.core.migration.sending import (
    RECEIVE,
    START,
    Lost,
    SendingSpec,
    SendingState,
    next_step,
    sent_params,
)
from xsmigui.core.migration.steps import Done, Pending, Request, Step
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId, VmRef
from xsmigui.core.text import _
from xsmigui.core.verified import Outcome, What, are_verified, summary, unknown
from xsmigui.services.asking import receive, without_secrets
from xsmigui.services.carrier import BUSY_TRIES, RETRY_DELAY_S, Carrier
from xsmigui.services.carrying import Context, Ended, passes
from xsmigui.services.checking import check_again
from xsmigui.services.store import Change
from xsmigui.services.verification import (
    GONE,
    Found,
    Known,
    disks_there,
    find_vm,
    look,
    portrait_before,
    problems,
    read_back,
    read_portrait,
    whereabouts,
)

log = logging.getLogger(__name__)

MEMORY_BEGINS: Final = 0.3
"""A fall of the progress by more than this is the change from the disks to the memory (xapi 24.10)."""

ADDRESSES_WITHIN_S: Final = 60.0
"""How long a guest may take to report its addresses at its new place."""

ADDRESSES_LOOK_S: Final = 5.0

SOURCE_LOOK_S: Final = 5.0
"""Between two looks at a VM whose disks the server moves: what somebody adds to it, or to a disk, in the last seconds
before it leaves is gone with it, and no client can see that afterwards."""

_REFERENCE: Final = re.compile(r"OpaqueRef:[0-9a-fA-F-]+")


class TooManyMigrations(Exception):
    """The host runs as many storage migrations as it allows (those of other clients included)."""


class SendingCarrier(Carrier):
    """One VM on its way."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._plan = context.job.plan
        self._target = PoolId(self._plan.target.uuid)
        self._received: dict[str, Any] | None = None
        self._started = ""
        self._peak = self.job.progress or 0.0
        self._taken_up = self.job.has_begun
        self._keeps_session = False
        self._new_disks: dict[str, str] = {}
        self._there: tuple[str, ...] | None = None
        self._sent_under: tuple[str, str] | None = None
        self._is_answered = self.job.arrived is not None

    async def run(self) -> None:
        leave = self._store.subscribe(self._source_changed)
        try:
            if self._taken_up:
                self._note_what_was_added()
                text = m_("Started before this program; its state is being checked.")
                self._tell(state=State.lost, held=False, status=text)
            await super().run()
        except CancelledError:
            self._keeps_session = self.job.has_begun and self.job.arrived is None  # the server still needs it
            raise
        finally:
            leave()
            if not self._keeps_session:
                await self._end_session()

    def _source_changed(self, change: Change) -> None:
        """Others may add to the VM while it moves."""
        if change.pool != self.pool:
            return
        mine = {disk.disk.ref for disk in self._move.disks}
        if self._move.vm.ref in change.delta.refs("VM") or not mine.isdisjoint(change.delta.refs("VDI")):
            self._note_what_was_added()

    def _note_what_was_added(self) -> None:
        source = self._store.inventory(self.pool)
        now = portrait_before(source, VmRef(self._move.vm.ref)) if source is not None else None
        if now is not None:
            self._note_what(now)

    def _note_what(self, now: Portrait) -> None:
        before = self.job.portrait
        if before is None or now.uuid != before.uuid or self.job.state.has_ended:
            return
        if (after := grown(before, now)) != before:
            self._tell(portrait=after)

    async def _follow(self, task: str, seconds: float | None = None) -> None:
        """Where the server moves disks the VM is looked at meanwhile."""
        if self._motion != MIGRATE_SEND or self.job.begun != self._spec().motion or self.job.arrived is not None:
            await super()._follow(task, seconds)
            return
        looking = ensure_future(self._keep_looking())
        try:
            await super()._follow(task, seconds)
        finally:
            looking.cancel()
            await gather(looking, return_exceptions=True)
        if not looking.cancelled():
            looking.result()

    async def _keep_looking(self) -> None:
        """What others have added to the VM up to this moment, again and again: told by the events if they come so far,
        asked for otherwise. A look that fails changes nothing about the migration."""
        while True:
            source = self._gateways.gateway(self.pool)
            try:
                if source is not None and await self._known(self.pool, source).inventory() is None:
                    self._note_what(await read_portrait(source, VmRef(self._move.vm.ref)))
            except WIRE_ERRORS as failure:
                log.info("%s at its source: %s", self._move.vm.uuid, failure)
            await self._clock.sleep(SOURCE_LOOK_S)

    def _known(self, pool: PoolId, gateway: Gateway) -> Known:
        return Known(self._store, pool, gateway)

    async def _begin(self) -> None:
        await self._end_session()  # of an earlier attempt, whose connection broke
        looking, ahead = ensure_future(self._disks_there()), self._context.ahead()
        try:
            await check_again(self._store, self._context.asker, self._plan, self._move, self._keep, ahead)
            self._there = await looking
        finally:
            looking.cancel()
            await gather(looking, return_exceptions=True)
        self._stop_if_cancelled()

    async def _disks_there(self) -> tuple[str, ...] | None:
        """The disks that could be taken for those to come; None if they cannot be looked at, or none is to come."""
        gateway = self._gateways.gateway(self._target)
        if gateway is None or self._motion != MIGRATE_SEND:
            return None
        return await disks_there(self._move, gateway, self._known(self._target, gateway))

    @property
    def _motion(self) -> str:
        return self._move.calls[self._spec().motion - 1].method

    def _keep(self, question: CanMigrate, received: dict[str, Any]) -> bool:
        """The destination was prepared for the check exactly as the migration wants it: that one is used."""
        first = self._move.calls[0]
        if first.method != RECEIVE or first.params != (question.host, question.network, {}):
            return False
        self._received = received
        self._tell(step=Phase.preparing)
        return True

    def _stop_if_cancelled(self) -> None:
        if self.job.cancelling:
            raise Ended(State.cancelled, m_("Cancelled before anything was changed."))

    # The rounds.

    async def _look(self) -> Step:
        spec = self._spec()
        if spec.arrived is None and spec.begun < spec.motion:
            self._stop_if_cancelled()
        if spec.arrived is not None and spec.proves and not spec.new:
            await self._find_new_disks(VmRef(spec.arrived))
            spec = self._spec()
        found = next_step(spec, await self._read_state(spec))
        if isinstance(found, Lost):
            await self._explain(found)
            return Done()
        return found

    def _spec(self) -> SendingSpec:
        pending = self.job.pending
        now = self._clock.now()
        sent = datetime.fromisoformat(pending.sent) if pending is not None and pending.sent else now
        return SendingSpec(
            plan=self._plan,
            move=self._move,
            begun=self.job.begun,
            arrived=self.job.arrived,
            pending=pending,
            received=self._received is not None,
            cancelling=self.job.cancelling,
            since_sent=(now - sent).total_seconds(),
            followed=self.job.followed,
            sums=self.job.sums,
            new=self._new_disks,
        )

    async def _read_state(self, spec: SendingSpec) -> SendingState:
        """Nothing is asked that the next step does not depend on."""
        nothing = SendingState(None, None, False, None)
        if spec.arrived is not None or spec.begun < spec.motion:
            return nothing
        source = await self._way(self.pool)
        if spec.pending is not None and spec.pending.task and spec.pending.task == self._started:
            self._started = ""  # this moment: whoever follows it looks at it
            return SendingState(None, None, False, Task(status="pending"))
        if spec.pending is not None and spec.pending.task:
            task = await self._task_record(source, spec.pending)
            if task is not None:
                return SendingState(None, None, False, task)
        here = await find_vm(source, self._move.vm.uuid)
        there, in_place = None, False
        if self._plan.crosses:
            there = await find_vm(await self._way(self._target), self._move.vm.uuid)
            if here is None and there is not None and self._has_missed_it:
                self._is_answered = await self._is_reported(source, there[0])
        elif here is not None and not set(here[1]["current_operations"].values()) - {PASSING}:
            vm = VmRef(self._move.vm.ref)
            in_place = (await read_back(self._plan, self._move, self.job.portrait, source, source, vm)).is_in_place
        return SendingState(here, there, in_place, None)

    async def _task_record(self, source: Gateway, pending: Pending) -> Task | None:
        """The task's record; where the server no longer knows it, that is noted."""
        try:
            record = await source.call("task.get_record", pending.task)
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
            await self._note(-1, {"pending": replace(pending, task="", gone=True), "task": ""})
            return None
        names = ("status", "progress", "result", "error_info", "current_operations", "allowed_operations", "name_label")
        return Task(**{name: record[name] for name in names})

    async def _find_new_disks(self, vm: VmRef) -> None:
        """The disks at the destination, whose contents are compared with those of the source."""
        gateway = await self._way(self._target)
        for ref in await gateway.call("VM.get_VBDs", vm):
            vbd = await gateway.call("VBD.get_record", ref)
            if vbd["type"] != "CD" and not vbd["empty"]:
                self._new_disks[vbd["userdevice"]] = vbd["VDI"]

    def _gateway_of(self, request: Request) -> PoolId:
        if request.method in MOTIONS or (request.method == CHECKSUM and self.job.arrived is None):
            return self.pool
        return self._target

    def _phase(self, request: Request) -> Phase:
        if request.method == CHECKSUM:
            return Phase.proving
        if request.method in MOTIONS:
            return Phase.memory if self._move.kind is Kind.live else Phase.disks
        return Phase.preparing if request.method == RECEIVE else Phase.finishing

    def _params(self, request: Request) -> tuple[Any, ...]:
        return sent_params(request.params, self._received)

    async def _request(self, request: Request) -> None:
        if request.method == RECEIVE:
            self._tell(state=State.running, step=Phase.preparing)
            self._received = await self._prepare(request)
            self._stop_if_cancelled()
            return
        if request.method in MOTIONS:
            number = self._spec().motion
            self._tell(begun=number, step_started=self._clock.now(), cancellable=True)
        elif request.method not in ("task.cancel", CHECKSUM):
            self._tell(begun=request.disk, cancellable=False)
        try:
            await super()._request(request)
            if request.method in MOTIONS and not self.job.cancelling:
                self._started = self.job.task
        except ServerFailure as failure:
            if passes(failure) and request.method not in MOTIONS:
                raise
            if request.method in MOTIONS:
                raise await self._refused(failure) from None
            if request.method == CHECKSUM:
                await self._note(-1, {str(request.params[0]): ""})
                return
            await self._did_not_follow(request, failure)

    async def _prepare(self, request: Request) -> dict[str, Any]:
        gateway = self._gateways.gateway(self._target)
        try:
            if gateway is None:
                raise Unreachable(self._plan.target.name, _("not connected"))
            return await receive(gateway, *request.params)
        except WIRE_ERRORS as failure:
            raise await self._refused(failure) from None

    async def _refused(self, failure: Exception) -> Ended:
        """Nothing was begun: the server refused it, or never heard of it."""
        parts = (await self._where(), *stated(failure, *self._inventories()))  # first what is true of the VM now
        return Ended(State.failed, sentences(*parts), (*self.job.problems, self._problem(failure)))

    async def _commit(self, request: Request) -> None:
        """That a migration is about to begin is on disk before the call leaves; where that cannot be done nothing is
        started."""
        if request.method not in MOTIONS:
            await super()._commit(request)
            return
        source = self._store.inventory(self.pool)
        self._tell(
            progress=0.0,
            before=self._there,
            portrait=portrait_before(source, VmRef(self._move.vm.ref)) if source is not None else None,
        )
        self._sent_under = self._watched()
        try:
            await self._write_first()
        except BaseException:
            self._tell(begun=0, pending=None)
            raise
        if self.job.cancelling:
            self._tell(begun=0, pending=None)
            self._stop_if_cancelled()

    def _harmless(self, failure: ServerFailure) -> ServerFailure:
        return without_secrets(failure, self._received) if self._received is not None else failure

    def _noted(self, disk: int, changes: Mapping[str, Any]) -> VmJob:
        fields = dict(changes)
        fields.pop("received", None)
        summed = {ref: fields.pop(ref) for ref in list(fields) if ref.startswith("OpaqueRef:")}
        if summed:
            fields["sums"] = {**self.job.sums, **summed}
        if "task_found" in fields:
            task = fields.pop("task_found")
            pending = self.job.pending or Pending(method=self._move.calls[self._spec().motion - 1].method)
            fields |= {"pending": replace(pending, task=task), "task": task}
        if fields.pop("unknown", ""):
            fields |= {"problems": (*self.job.problems, self._unknown_start())}
        if "arrived" in fields:
            fields |= {"pending": None, "task": ""}
            if self._plan.crosses and self._has_missed_it:
                fields |= {"items": (unknown(What.identity, "", m_("Its server's answer was lost meanwhile.")),)}
        return replace(self.job, **fields)

    @property
    def _has_missed_it(self) -> bool:
        """The VM may have arrived while nobody watched, and nothing says so but its uuid."""
        return not self._is_answered and self._sent_under != self._watched()

    async def _is_reported(self, source: Gateway, arrived: VmRef) -> bool:
        """A task of the source that was not followed names the VM at its destination: the server has sent it there."""
        tasks = await source.call("task.get_all_records")
        return any(task["status"] == "success" and arrived in task["result"] for task in tasks.values())

    def _watched(self) -> tuple[str, str]:
        """Names the time in which nothing of both pools was missed. A VM that is found at its destination by its uuid,
        with neither answer nor task, may have been imported there by somebody; who has watched would have seen how its
        old one went."""
        return self._store.watch(self.pool), self._store.watch(self._target)

    def _unknown_start(self) -> Problem:
        return replace(self._block(m_("It is not known whether it was started.")), severity=Severity.warn)

    async def _answered(self, pending: Pending, answer: object) -> None:
        if pending.method in MOTIONS:
            answer = self._arrived_at(str(answer))
            self._is_answered = True
            pending = replace(pending, then={"arrived": answer})
        await super()._answered(pending, answer)

    def _arrived_at(self, result: str) -> str:
        if not self._plan.crosses:
            return self._move.vm.ref
        found = _REFERENCE.search(result)
        if found is None:
            raise Ended(State.interrupted, m_("The server gave no reference of the migrated VM."), self.job.problems)
        return found.group()

    async def _task_failed(self, pending: Pending, failure: ServerFailure) -> None:
        if pending.method == CHECKSUM:
            log.info("%s: %s", CHECKSUM, failure)
            await self._note(-1, {str(pending.params[0]): ""})
            return
        if failure.code == "TASK_CANCELLED":
            text = sentences(m_("Cancelled."), await self._where())
            raise Ended(State.cancelled, text, self.job.problems)
        if failure.code == "TOO_MANY_STORAGE_MIGRATES":
            if self.job.cancelling:
                raise Ended(State.cancelled, m_("Cancelled before anything was changed."))
            self._tell(state=State.waiting, step=Phase.queued, progress=None, begun=0, status="")
            raise TooManyMigrations
        raise await self._refused(failure)

    async def _failed(self, failure: Exception) -> None:
        """Whatever a look is answered, it is not about the migration, which goes on."""
        log.warning("%s: %s", self.job.step, failure)
        if not passes(failure):
            self._refusals += 1
        if self._refusals >= BUSY_TRIES:
            await self._give_up(self._problem(failure))
        self._lost(failure)
        await self._pause(RETRY_DELAY_S)

    def _lost_text(self) -> Text:
        return m_("The connection was lost. The server carries on by itself; its progress is unknown for now.")

    async def _give_up(self, why: Problem) -> None:
        text = m_("How it ended cannot be seen: {reason}", reason=why.finding)
        hint = m_("Resume it once that is resolved: xsmigui jobs --resume {job}", job=self._whole.id)
        raise Ended(State.interrupted, sentences(text, hint), (*self.job.problems, why))

    async def _did_not_follow(self, request: Request, failure: ServerFailure) -> None:
        """What follows a migration was refused: that is said, and undoes nothing."""
        found = self._problem(failure)
        what = m_("It was not started.") if request.method == START else m_("Its home server was not set.")
        warning = replace(found, severity=Severity.warn, finding=sentences(what, found.finding))
        problems = (*self.job.problems, warning)
        await self._note(-1, {"followed": request.disk, "problems": problems, "pending": None})

    def _progressed(self, task: Task) -> None:
        """Progress runs to 1 for the disks, falls back, and runs again for the memory."""
        step, since = self.job.step, self.job.step_started
        if step not in (Phase.disks, Phase.memory):
            step = Phase.disks
        falls = self._peak - task.progress > MEMORY_BEGINS
        if step is Phase.disks and falls and self._move.power_state == "Running":
            step, since, self._peak = Phase.memory, self._clock.now(), task.progress
        self._peak = max(self._peak, task.progress)
        changes: dict[str, Any] = {"progress": self._peak, "step": step, "step_started": since}
        cancellable = "cancel" in task.allowed_operations or not task.allowed_operations
        self._tell(state=State.running, status="", cancellable=cancellable, **changes)

    # The end.

    async def _explain(self, lost: Lost) -> None:
        """Neither answer nor task, and the VM has not arrived: say what is known. Raises `Ended`."""
        names = {"vm": self._move.vm.name, "pool": self._plan.source.name}
        here = await self._persist(lambda: self._find(self.pool))
        there = await self._persist(lambda: self._find(self._target)) if self._plan.crosses else None
        if lost.was_begun:
            text = m_("The server no longer knows of this migration; it was probably restarted meanwhile.")
        elif self._taken_up:
            text = m_(
                "This program ended while the migration was being started, and there is no sign of it on the server."
            )
        else:
            text = m_(
                "The connection broke while the migration was being started, and there is no sign of it on the server."
            )
        where = await self._where()
        if self._plan.copy and here is not None:
            there_too = {"vm": self._move.vm.name, "pool": self._plan.target.name}
            hint = m_("Not known: whether {pool} has a copy of {vm}. Look there before you start again.", **there_too)
            raise self._unclear(sentences(text, hint))
        if here is not None and there is not None:
            both = m_("{vm} still exists in {pool} too.", **names)
            hint = m_("Don't start it there: both use the same identity. Compare them, then remove the older one.")
            raise self._unclear(sentences(text, both, hint))
        if here is None:
            raise self._unclear(sentences(text, where))
        if lost.may_begin:
            state = State.interrupted
            if self._received is not None:
                state = State.cancelled if self.job.cancelling else State.failed
            raise Ended(state, sentences(text, where, await self._made_impossible()), self.job.problems)
        hint = m_(
            "Disks may have been left behind at the destination: Storage › Leftovers of failed migrations… lists them."
        )
        raise Ended(State.failed, sentences(text, where, hint), self.job.problems)

    def _unclear(self, text: Text) -> Ended:
        return Ended(State.interrupted, text, self.job.problems)

    async def _made_impossible(self) -> Text:
        """A migration to another pool cannot begin without the session that was opened for it."""
        if self._received is None:
            return m_("It may still start: look at both pools before you try again.")
        await self._end_session()
        return m_("The session that it needs at the destination was ended, so it can no longer complete.")

    async def _let_go(self) -> None:
        await self._end_session()
        if self.job.has_begun and self.job.before is not None:
            self._tell(after=await self._disks_there())

    async def _finish(self) -> None:
        await self._end_session()
        self._tell(step=Phase.verifying, progress=None, cancellable=False)
        assert self.job.arrived is not None
        arrived = self.job.arrived

        async def look_at_both() -> Found:
            source = await self._way(self.pool)
            target = await self._way(self._target)
            events = self._known(self.pool, source), self._known(self._target, target)
            if self._motion == MIGRATE_SEND:
                await events[0].inventory()  # what was added before it left belongs to it too
            return await read_back(self._plan, self._move, self.job.portrait, source, target, arrived, events)

        try:
            found = await self._read_back(look_at_both)
            waited = 0.0
            while any(i.what is What.addresses and i.outcome is Outcome.unknown for i in found.items):
                if waited >= ADDRESSES_WITHIN_S:
                    break
                await self._pause(ADDRESSES_LOOK_S)
                waited += ADDRESSES_LOOK_S
                found = await self._read_back(look_at_both)
        except ServerFailure as failure:
            names = {"vm": self._move.vm.name, "pool": self._plan.target.name}
            text: Text = m_("The server says that {vm} has moved, but it cannot be read in {pool}.", **names)
            text = sentences(text, await self._where())
            raise Ended(State.failed, text, (*self.job.problems, self._problem(failure))) from None
        noted = (item for item in self.job.items if item.what is What.identity)
        contents = (
            compared_contents(self._move, self.job.sums, self._new_disks, found.sizes) if self._plan.prove else ()
        )
        items = (*noted, *found.items, *contents)
        self._tell(arrived=found.arrived, host=found.host, disks=found.disks, items=items, state=State.running)
        different = problems(self._move, items, answered=self._is_answered)
        if any(p.blocks for p in different):
            text = sentences(m_("Moved, but not as planned."), *(p.statement for p in different), await self._where())
            raise Ended(State.failed, text, (*self.job.problems, *different))
        warnings = (*self.job.problems, *different)
        message = m_("{vm} is on {host}.", vm=self._move.vm.name, host=found.host)
        status = sentences(message, *(p.statement for p in warnings), summary(items))
        self._tell(verified=are_verified(items))
        await self._end(State.done, status, warnings)

    async def _end_session(self) -> None:
        """End the session that `host.migrate_receive` left behind."""
        gateway = self._gateways.gateway(self._target)
        if self._received is not None and gateway is not None:
            await gateway.end_session(self._received["session_id"])
        self._received = None

    async def _find(self, pool: PoolId) -> tuple[VmRef, dict[str, Any]] | None:
        return await find_vm(await self._way(pool), self._move.vm.uuid)

    async def _where(self) -> Text:
        """Where the VM is: asked of the servers if they answer, else as far as we know."""
        pools = (self.pool, self._target) if self._plan.crosses else (self.pool,)
        gateways = [self._gateways.gateway(pool) for pool in pools]
        try:
            found = await look(self._plan, self._move, *gateways)
        except WIRE_ERRORS as failure:
            log.info("%s: %s", self._move.vm.uuid, failure)
            found = ""
        if found:
            return found
        target = self._store.inventory(self._target) if self._plan.crosses else None
        return whereabouts(self._plan, self._move, self._store.inventory(self.pool), target)
