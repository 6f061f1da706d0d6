"""A fix on its way: a job of one part, carried by the same loop as motions (`core.migration.fixing` says what is next).

It is tried once: what the server refuses is for the operator, who sees it. Nothing is repeated after a restart of the
program unless the operator continues it, and then everything is looked at anew.
"""

from collections.abc import Mapping
from typing import Any

from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import State
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.messages import Text, m_, sentences
from xsmigui.core.migration.fixes import Doomed, Fix, ShutDownHere, Unblock
from xsmigui.core.migration.fixing import doomed_disks, left_alone, looked_at, next_step, noted, outcome
from xsmigui.core.migration.holders import Holder
from xsmigui.core.migration.steps import Pending, Request, Step, Wait
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem
from xsmigui.core.records import Task
from xsmigui.core.refs import VdiRef
from xsmigui.services.carrier import CANCEL, Carrier
from xsmigui.services.carrying import Ended, passes
from xsmigui.services.checking import Refused
from xsmigui.services.holding import DESTROY, read_disk
from xsmigui.services.maintenance import note_halted
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
        except ServerFailure as failure:
            raise Refused((self._problem(failure),)) from None
        self._tell(doomed=doomed)
        await self._write_first()
        if isinstance(fix, ShutDownHere) and fix.vm in inventory.VM and fix.host in inventory.host:
            known, host, vm = inventory, fix.host, fix.vm

            async def note() -> None:
                await note_halted(await self._way(self.pool), known, host, vm)

            try:
                await self._persist(note)
            except ServerFailure as failure:
                raise Refused((self._problem(failure),)) from None
        self._tell(begun=1)

    async def _noted_disks(self, refs: tuple[VdiRef, ...]) -> tuple[Doomed, ...]:
        """The disks that are to go, as the server shows them now."""
        gateway = await self._way(self.pool)
        found = []
        for ref in refs:
            disk = await fresh_record(gateway, "VDI", ref)
            if disk is not None:
                found.append(noted(ref, disk))
        return tuple(found)

    def _refuse_under_way(self, fix: Fix, inventory: Inventory) -> None:
        """The blocks of a job that goes on are not taken away."""
        if not isinstance(fix, Unblock) or fix.vm not in inventory.VM:
            return
        if any(claim.vm == inventory.VM[fix.vm].uuid for claim in self._store.booked().claims):
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
        elif self.job.cancelling:
            raise Ended(State.cancelled, m_("Cancelled; completed steps are kept."))
        return await self._next(await self._way(self.pool))

    async def _next(self, gateway: Gateway) -> Step:
        """What comes next, as the server shows it now. Who holds a disk is asked at the last moment."""
        fix, doomed, held = self._fix, self.job.doomed, dict[str, tuple[Holder, ...]]()
        records: dict[str, Mapping[str, Any]] = {}
        for cls, ref in looked_at(fix, doomed):
            record = await fresh_record(gateway, cls, ref)
            if record is not None:
                records[ref] = record
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
        return Phase.fixing

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
        raise Ended(State.failed, why.statement, (why,))

    async def _finish(self) -> None:
        self._tell(verified=not self._left)
        kept = m_("Left alone:") if self._left else ""
        await self._end(State.done, sentences(outcome(self._fix), kept, *self._left))
