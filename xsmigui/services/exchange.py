"""The disks of one VM (or a disk of none) copied and exchanged, as `core.migration.exchange` says.

What the server refuses is tried again, and then everything is put back; only when sources have begun to be removed
there is no way back, and then the rest of them is kept.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace as replace_state
from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.jobs import DiskResult, State, VmJob
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.messages import Text, listed, m_, sentences
from xsmigui.core.migration.exchange import (
    CHECKSUM,
    COPY,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    ShortStop,
    can_roll_back,
    is_connected_to,
    is_kept,
    job_on,
    next_step,
)
from xsmigui.core.migration.portrait import Portrait
from xsmigui.core.migration.steps import Note, Pending, Request, Step
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.records import Task
from xsmigui.core.refs import VmRef
from xsmigui.core.triage import Place, place_text
from xsmigui.core.verified import Item, are_verified, summary
from xsmigui.services.carrier import CALL_DEADLINE_S, TRIES, Carrier
from xsmigui.services.carrying import Context, Ended, passes
from xsmigui.services.checking import Refused, check_again
from xsmigui.services.exchange_results import read_results, told_of_sources, told_of_stop
from xsmigui.services.exchange_state import ExchangeReader, asked_who_holds, noted, read_connections
from xsmigui.services.holding import DESTROY
from xsmigui.services.store import SEEN_WITHIN_S
from xsmigui.services.verification import Known, fresh_record, problems, read_portrait
from xsmigui.services.watching import connections_of, has_begun

log = logging.getLogger(__name__)

NO_SUM: Final = ("MESSAGE_METHOD_UNKNOWN", "MESSAGE_REMOVED", "RBAC_PERMISSION_DENIED", "NOT_IMPLEMENTED")
"""Refusals of `VDI.checksum` that asking again does not change."""


class ExchangeCarrier(Carrier):
    """One VM's disks on their way."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._why: tuple[Problem, ...] = self.job.problems
        self._watch = context.watches.begin(self.pool, self._move.vm.ref, self._disks)
        self._caught_up: tuple[str, str] | None = None
        self._used: dict[str, str] = {}
        self._state: ExchangeState | None = None

    def _disks(self) -> frozenset[str]:
        return frozenset(ref for it in self.job.replacements for ref in (it.old, it.new, it.base, it.after) if ref)

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self._watch.close()

    # Before anything is changed.

    async def _begin(self) -> None:
        """Check the plan again, and note how everything is, for the way back; on disk before the first change."""
        if not any(disk.ready for disk in self._move.disks):
            await check_again(
                self._store, self._context.asker, self._whole.plan, self._move, claims=self._context.ahead()
            )
        try:
            noted = await self._persist(self._noted_disks)
            keeps = self._whole.plan.keep_days > 0 or any(disk.ready for disk in self._move.disks)
            before = await self._persist(self._portrait)
            self._tell(replacements=noted, step=Phase.preparing, keeps=keeps, portrait=before, stop=self._stop())
            await self._write_first()
        except ServerFailure as failure:
            self._tell(replacements=())
            raise Refused((self._problem(failure),)) from None
        except Refused:
            self._tell(replacements=())
            raise

    async def _portrait(self) -> Portrait | None:
        gateway, vm = await self._way(self.pool), VmRef(self._move.vm.ref)
        return await read_portrait(gateway, vm, Known(self._store, self.pool, gateway)) if vm else None

    def _stop(self) -> ShortStop | None:
        stops = self._whole.plan.stops(self._move)
        return ShortStop(allowed=self._whole.plan.short_stop * 60.0, host=self._move.host.ref) if stops else None

    async def _noted_disks(self) -> tuple[Replacement, ...]:
        gateway = await self._way(self.pool)
        vbds = await read_connections(gateway, self._move.vm.ref) if self._move.vm.uuid else {}
        found = []
        for disk in self._move.disks:
            if disk.stays and not disk.ready:
                continue
            vdi = await gateway.call("VDI.get_record", disk.disk.ref)
            self._refuse_taken(vdi)
            spare: dict[str, Any] = {}
            new = ""
            if disk.ready:
                new = await gateway.call("VDI.get_by_uuid", disk.ready)
                spare = await gateway.call("VDI.get_record", new)
                self._refuse_taken(spare, kept=True)
            vbd = next((dict(v) for v in vbds.values() if v["VDI"] == disk.disk.ref), {})
            if self._move.vm.uuid and vbd.get("userdevice", "") != disk.position:
                names = {"disk": disk.disk.name, "vm": self._move.vm.name, "position": disk.position}
                message = m_("{disk} is no longer connected to {vm} at position {position}.", **names)
                raise Refused((self._block(message, m_("Make a new plan.")),))
            sr = disk.target.ref
            found.append(Replacement(old=disk.disk.ref, sr=sr, vdi=vdi, vbd=vbd, spare=spare, new=new, astray=False))
        return tuple(found)

    def _refuse_taken(self, vdi: Mapping[str, Any], *, kept: bool = False) -> None:
        """A disk that another job works on, or has kept since the plan was made, is left alone."""
        job = job_on(vdi["other_config"], vdi["uuid"])
        if job:
            message = m_("Another job of xsmigui is working on {disk}: {job}.", disk=vdi["name_label"], job=job)
            raise Refused((self._block(message, m_("Wait for that job to end, or revert it first.")),))
        if is_kept(vdi["other_config"], vdi["uuid"]) and not kept and not is_connected_to(vdi):
            message = m_("{disk} is the kept source of a disk that was moved meanwhile.", disk=vdi["name_label"])
            raise Refused((self._block(message, m_("Make a new plan.")),))

    # The rounds.

    def _spec(self) -> ExchangeSpec:
        plan, on = self._whole.plan, self._whole.created.date()
        return ExchangeSpec(
            job=self._whole.id,
            vm=self._move.vm.ref,
            vm_uuid=self._move.vm.uuid,
            replacements=self.job.replacements,
            keeps=self.job.keeps,
            on=on.isoformat(),
            until=(on + timedelta(days=plan.keep_days)).isoformat(),
            blocks=self.job.blocks,
            rolling_back=self.job.undoing,
            prove=plan.proves or self.job.stop is not None,
            settled=self.job.settled,
            pending=self.job.pending,
            stop=self.job.stop,
        )

    async def _look(self) -> Step:
        if self._watch.is_expecting and self.job.pending is None:
            await (await self._way(self.pool)).catch_up(SEEN_WITHIN_S)
            self._watch.expect_no_more()  # whatever is reported later than this is taken for another's
        state = self._state = await self._read_state()
        if self.job.cancelling and not self.job.undoing and can_roll_back(self._spec(), state):
            return Note({"undoing": True})
        self._watch.vm_may_run = self.job.settled
        step = next_step(self._spec(), state)
        self._state, step = await asked_who_holds(await self._way(self.pool), self._spec(), state, step)
        relied = self._relied_on(step)
        if relied and self._caught_up != (relied, state.watch):
            await self._catch_up(relied)
            return await self._look()
        return step

    def _relied_on(self, step: Step) -> str:
        """What a step does because nobody was at a disk meanwhile, as far as this program has watched: the old disk is
        released, counts as succeeded, or is removed. Empty if it does nothing of the kind."""
        if self.job.undoing:
            return ""
        if isinstance(step, Note):
            return f"placed {step.disk}" if "placed" in step.changes else ""
        if self._state is None or not isinstance(step, Request) or step.disk < 0:
            return ""
        old = self.job.replacements[step.disk].old
        disks = {"VBD.destroy": self._state.connections(old), DESTROY: [old]}.get(step.method, [])
        return f"{step.method} {step.disk}" if step.params[0] in disks else ""

    async def _catch_up(self, what: str) -> None:
        """Wait until the events have told everything up to now, so that whoever was at the disk before is known too. If
        they are late, the watch is not to be relied upon."""
        gateway = await self._way(self.pool)
        if not await gateway.catch_up(SEEN_WITHIN_S) or not self._store.is_connected(self.pool):
            self._watch.disturb()
        self._caught_up = (what, self._watch.token)

    async def _read_state(self) -> ExchangeState:
        gateway = await self._way(self.pool)
        reader = ExchangeReader(
            gateway,
            self.pool,
            self.job,
            self._spec(),
            self._disks(),
            self._store,
            self._context.asker,
            self._watch,
            lambda: self._pending_task(gateway),
        )
        state = await reader.read()
        if not self._is_copy_touched(state):
            return state
        self._watch.disturb()
        return replace_state(state, watch=self._watch.token)

    def _is_copy_touched(self, state: ExchangeState) -> bool:
        """What a finished copy occupies is no longer what it was at the last look: somebody may have written to it."""
        if self.job.stop is not None:
            return False
        before, parts = self._used, [it for it in self.job.replacements if it.is_copied and it.complete]
        self._used = {it.new: str(state.vdis[it.new]["physical_utilisation"]) for it in parts if it.new in state.vdis}
        return any(before.get(ref, used) != used for ref, used in self._used.items())

    async def _pending_task(self, gateway: Gateway) -> Task | None:
        """The record of the task that is followed. One that the server no longer knows was lost with its answer."""
        pending = self.job.pending
        if pending is None or not pending.task:
            return None
        record = await fresh_record(gateway, "task", pending.task)
        if record is None:
            await self._note(-1, {"pending": replace(pending, task="", gone=True), "task": ""})
            return None
        names = ("status", "progress", "result", "error_info", "current_operations", "allowed_operations", "name_label")
        return Task(**{name: record[name] for name in names})

    def _noted(self, disk: int, changes: Mapping[str, Any]) -> VmJob:
        return noted(self.job, disk, changes)

    async def _request(self, request: Request) -> None:
        connects = request.method in (COPY, CHECKSUM)
        if connects:
            self._watch.expect(connections_of(request))
        try:
            await super()._request(request)
        except ServerFailure as failure:
            if connects and not passes(failure):
                self._watch.retract()
            raise

    def _phase(self, request: Request) -> Phase:
        """What follows the exchange (names, marks, blocks) still belongs to it."""
        if self.job.undoing:
            return Phase.undoing
        stop = self.job.stop
        if stop is not None and stop.is_under_way:
            return Phase.stopping
        if request.method == COPY:
            return Phase.disks
        if request.method == CHECKSUM:
            return Phase.proving
        if request.method.startswith("VBD.") or self.job.step is Phase.exchanging:
            return Phase.exchanging
        return Phase.preparing

    def _progressed(self, task: Task) -> None:
        pending = self.job.pending
        if pending is None or pending.method != COPY or self.job.undoing:
            return
        if self.job.stop is not None and (self.job.stop.stopping or self.job.stop.number > 1):
            return  # what is copied now is a small part of the whole
        sizes = [int(it.vdi["virtual_size"]) for it in self.job.replacements]
        done = (sum(sizes[: pending.disk]) + sizes[pending.disk] * task.progress) / max(1, sum(sizes))
        since = self.job.step_started or self._clock.now()
        shown = max(done, self.job.progress or 0.0)  # a copy that is made once more begins at 0
        self._tell(state=State.running, progress=shown, step_started=since)

    async def _task_failed(self, pending: Pending, failure: ServerFailure) -> None:
        if pending.method in (COPY, CHECKSUM) and not has_begun(failure):
            self._watch.retract()
        if pending.method == CHECKSUM:
            if failure.code in NO_SUM or self._refusals >= 2:
                reason = m_("The server cannot compute a checksum: {reason}", reason=failure.raw)
                await self._note(pending.disk, {"unprovable": reason})
                return
            raise failure
        if pending.disk < 0:
            await self._vm_task_failed(pending, failure)
            return
        if self.job.stop is None:
            await self._note(pending.disk, {"void": True})
        if not self.job.undoing:
            self._refusals = 1000  # an SR that has filled up does not become empty by trying again
            raise failure

    async def _vm_task_failed(self, pending: Pending, failure: ServerFailure) -> None:
        """Of a move with a short stop: the VM could not be snapshot, shut down or started."""
        if failure.code == "VM_BAD_POWER_STATE":
            return  # somebody has done it before; the next look shows what to do
        if pending.method == "VM.start_on":
            log.info("%s", failure)
            await self._note(-1, {"host": ""})  # any other host will do
            return
        if pending.method == "VM.clean_shutdown" and not self.job.undoing:
            self._refusals = 1000  # a guest that does not want to is not asked again and again
        if self.job.undoing and failure.code == "TASK_CANCELLED":
            return
        raise failure

    async def _failed(self, failure: Exception) -> None:
        pending = self.job.pending
        summing = isinstance(failure, ServerFailure) and failure.call.endswith(CHECKSUM)
        is_final = isinstance(failure, ServerFailure) and (failure.code in NO_SUM or self._refusals >= TRIES - 1)
        if isinstance(failure, ServerFailure) and summing and is_final and pending is None:
            at = next((n for n, it in enumerate(self.job.replacements) if not it.placed and not it.unprovable), -1)
            if at >= 0:
                reason = m_("The server cannot compute a checksum: {reason}", reason=failure.raw)
                self._refusals = 0
                await self._note(at, {"unprovable": reason})
                return
        await super()._failed(failure)

    async def _give_up(self, why: Problem) -> None:
        """Take the other way; if there is none, stop and say how it stands."""
        self._why = (*self._why, why)
        if self.job.undoing:
            raise self._stopped(m_("The change could not be rolled back: {reason}", reason=why.finding))
        if self._state is not None and can_roll_back(self._spec(), self._state):
            self._tell(problems=self._why)
            await self._note(-1, {"undoing": True})
        elif self.job.keeps:
            raise self._stopped(why.finding)
        else:
            self._tell(problems=self._why)
            await self._note(-1, {"keeps": True})  # part of the sources is removed: the rest is kept

    # The end.

    def _where(self) -> Text:
        """Where the VM is and whether it runs, as the last look has shown."""
        vm = self._state.vm if self._state is not None else None
        if vm is None:
            return ""
        return place_text(self._move.vm.name, Place(self._whole.plan.source.name, vm["power_state"]))

    def _stopped(self, reason: Text) -> Ended:
        return super()._stopped(sentences(self._where(), reason))

    async def _finish(self) -> None:
        """Everything is in its place, or was put back."""
        if self.job.undoing:
            state = State.failed if self._why else State.cancelled
            text = m_("Everything was rolled back; the disks are where they were.")
            stopped = self.job.stop is not None and self.job.stop.stopping
            again = m_("{vm} was started again.", vm=self._move.vm.name) if stopped else ""
            raise Ended(state, sentences(self._where(), text, again, *(p.statement for p in self._why)), self._why)
        self._tell(step=Phase.finishing, progress=None, cancellable=False)
        for number, call in enumerate(self._move.calls, 1):
            is_due = call.method == "VM.set_affinity" or (call.method == "VM.start_on" and self.job.stop is None)
            if is_due and number > self.job.followed:
                await self._note(-1, {"followed": number})
                await self._follow_up(call.method, call.params)
        self._tell(step=Phase.verifying)
        try:
            disks, items = await self._read_back(self._results)
        except ServerFailure as failure:
            text = m_("The disks were exchanged, but the result cannot be read back: {reason}", reason=failure.raw)
            raise self._stopped(text) from None
        different = problems(self._move, items, accepted=self.job.stop is not None and self.job.stop.accepted)
        self._tell(disks=disks, items=items, host=self._move.host.name)
        if any(p.blocks for p in different):
            moved = sentences(self._where(), m_("Moved, but not as planned."), *(p.statement for p in different))
            raise Ended(State.failed, moved, (*self.job.problems, *different))
        message = m_("The disks are on {sr}.", sr=listed(sorted({disk.sr for disk in disks})))
        kept: Text = ""
        if self.job.keeps:
            kept = m_("Their sources are kept until {date}.", date=self._spec().until)
        warnings = (*self.job.problems, *different)
        told = (message, kept, told_of_stop(self.job), told_of_sources(self.job), *(p.statement for p in warnings))
        self._tell(verified=are_verified(items))
        await self._end(State.done, sentences(*told, summary(items)), warnings)

    async def _follow_up(self, method: str, params: tuple[Any, ...]) -> None:
        """What follows the exchange; its failure is reported and undoes nothing."""

        async def send() -> None:
            gateway = await self._way(self.pool)
            await gateway.call(method, *params, deadline=CALL_DEADLINE_S)

        try:
            if method == "VM.start_on":
                await send()  # not repeated: somebody may have halted it meanwhile
            else:
                await self._persist(send)
        except WIRE_ERRORS as failure:
            what = m_("It was not started.") if method == "VM.start_on" else m_("Its home server was not set.")
            found = self._problem(failure)
            warning = replace(found, severity=Severity.warn, finding=sentences(what, found.finding))
            self._tell(problems=(*self.job.problems, warning))

    async def _results(self) -> tuple[tuple[DiskResult, ...], tuple[Item, ...]]:
        return await read_results(await self._way(self.pool), self._whole.plan, self.job)
