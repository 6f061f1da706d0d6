"""A fix on its way: a job of one part, carried by the same loop as motions (`core.migration.fixing` says what is next).

It is tried once: what the server refuses is for the operator, who sees it. A host that cannot enter maintenance mode
stands afterwards as it did before. Nothing is repeated after a restart of the
program unless the operator continues it, and then everything is looked at anew.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import CHANGED, CHECKED, State
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.messages import Text, m_, sentences
from xsmigui.core.migration.fixes import Doomed, Fix, Unblock
from xsmigui.core.migration.fixing import (
    can_roll_back,
    doomed_disks,
    left_alone,
    looked_at,
    next_step,
    next_step_back,
    noted,
    outcome,
    subject,
)
from xsmigui.core.migration.holders import Holder
from xsmigui.core.migration.host_fixes import host_of, settled
from xsmigui.core.migration.steps import Pending, Request, Step, Wait
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem, Subject
from xsmigui.core.records import Task
from xsmigui.core.refs import VdiRef
from xsmigui.services.carrier import CANCEL, Carrier
from xsmigui.services.carrying import Ended, passes
from xsmigui.services.checking import Refused
from xsmigui.services.holding import DESTROY, read_disk
from xsmigui.services.verification import fresh_record


class FixCarrier(Carrier):
    """One fix."""

    _left: tuple[Text, ...] = ()
    """What was left alone in the last look, and why."""

    @property
    def _fix(self) -> Fix:
        fix = self._move.fix
        assert fix is not None
        return fix

    async def _begin(self) -> None:
        self._stop_if_cancelled()
        fix, inventory = self._fix, self._store.inventory(self.pool)
        if inventory is None:
            raise Refused((self._block(m_("Its pool is not connected.")),))
        self._refuse_under_way(fix, inventory)
        try:
            doomed = await self._persist(lambda: self._noted_disks(doomed_disks(fix, inventory)))
            fix = await self._persist(lambda: self._settled(fix, inventory))
        except ServerFailure as failure:
            raise Refused((self._problem(failure),)) from None
        self._tell(doomed=doomed, move=replace(self._move, fix=fix))
        await self._write_first()
        self._tell(begun=CHECKED)

    async def _noted_disks(self, refs: tuple[VdiRef, ...]) -> tuple[Doomed, ...]:
        """The disks that are to go, as the server shows them now."""
        gateway = await self._way(self.pool)
        found = []
        for ref in refs:
            disk = await fresh_record(gateway, "VDI", ref)
            if disk is not None:
                found.append(noted(ref, disk))
        return tuple(found)

    async def _settled(self, fix: Fix, inventory: Inventory) -> Fix:
        """The fix with what it has to know of its host, as the server has it now."""
        host = host_of(fix)
        if host is None:
            return fix
        record = await fresh_record(await self._way(self.pool), "host", host)
        return settled(fix, record, inventory) if record is not None else fix

    def _refuse_under_way(self, fix: Fix, inventory: Inventory) -> None:
        """The blocks of a job that goes on are not taken away."""
        if not isinstance(fix, Unblock):
            return
        vm = inventory.VM.get(fix.vm)
        disks = {inventory.VDI[ref].uuid for ref, _mark in fix.disks if ref in inventory.VDI}
        claims = self._store.booked().claims
        if any((vm is not None and claim.vm == vm.uuid) or not disks.isdisjoint(claim.disks) for claim in claims):
            hint = m_("Wait for that job to end, or revert it.")
            raise Refused((self._block(m_("The job that has set the block is still under way."), hint),))

    def _stop_if_cancelled(self) -> None:
        if self.job.cancelling:
            raise Ended(State.cancelled, m_("Cancelled before anything was changed."))

    async def _look(self) -> Step:
        pending = self.job.pending
        if pending is not None and pending.task:
            if self.job.cancelling:
                return Request(CANCEL, (pending.task,), m_("cancel it"))
            return Wait(m_("The server is working on it."), task=pending.task)
        if pending is not None:
            await self._note(-1, {"pending": None})  # its answer was lost: what it has done is seen now
        elif self.job.cancelling and not self.job.undoing:
            if not can_roll_back(self._fix):
                raise Ended(State.cancelled, m_("Cancelled; completed steps are kept."))
            await self._note(-1, {"undoing": True})
        step = await self._next(await self._way(self.pool))
        return _counted(step) if isinstance(step, Request) else step

    async def _next(self, gateway: Gateway) -> Step:
        """What comes next, as the server shows it now. Who holds a disk is asked at the last moment."""
        fix, doomed, held = self._fix, self.job.doomed, dict[str, tuple[Holder, ...]]()
        records: dict[str, Mapping[str, Any]] = {}
        for cls, ref in looked_at(fix, doomed):
            record = await fresh_record(gateway, cls, ref)
            if record is not None:
                records[ref] = record
        if self.job.undoing:
            return next_step_back(fix, records)
        while True:
            step = next_step(fix, doomed, records, self.job.followed, held)
            self._left = left_alone(fix, doomed, records, held)
            ref = str(step.params[0]) if isinstance(step, Request) and step.method == DESTROY else ""
            if not ref or ref in held:
                return step
            disk = await read_disk(gateway, ref)
            records.pop(ref)
            if disk is not None:
                records[ref], held[ref] = disk.record, disk.holders

    def _phase(self, request: Request) -> Phase:
        return Phase.undoing if self.job.undoing else Phase.fixing

    def _subject(self) -> Subject:
        return Subject(subject(self._fix)[0], self._move.vm.uuid, self._move.vm.name)

    def _progressed(self, task: Task) -> None:
        self._tell(state=State.running, progress=task.progress)

    async def _task_failed(self, pending: Pending, failure: ServerFailure) -> None:
        if failure.code == "TASK_CANCELLED":
            raise Ended(State.cancelled, m_("Cancelled; completed steps are kept."))
        raise failure

    async def _failed(self, failure: Exception) -> None:
        if passes(failure):
            await super()._failed(failure)
        else:
            await self._give_up(self._problem(failure))

    async def _give_up(self, why: Problem) -> None:
        if self.job.undoing or not can_roll_back(self._fix):
            problems = (*self.job.problems, why)
            raise Ended(State.failed, sentences(*(problem.statement for problem in problems)), problems)
        self._tell(problems=(why,))
        await self._note(-1, {"undoing": True})

    async def _finish(self) -> None:
        if self.job.undoing:
            problems = self.job.problems
            state, text = (State.failed, problems[0].statement) if problems else (State.cancelled, "")
            await self._end(state, sentences(text, m_("Everything was rolled back.")), problems)
            return
        self._tell(verified=not self._left)
        kept = m_("Left alone:") if self._left else ""
        await self._end(State.done, sentences(outcome(self._fix), kept, *self._left))


def _counted(request: Request) -> Request:
    """A request whose answer is the sign that the fix has changed something, and can be undone."""
    return dataclasses.replace(request, then={**request.then, "begun": CHANGED})
