"""A fix on its way: a job of one part, carried by the same loop as motions (`core.migration.fixing` says what is next).

It is tried once: what the server refuses is for the operator, who sees it. Nothing is repeated after a restart of the
program unless the operator continues it.
"""

from collections.abc import Mapping
from typing import Any

from xsmigui.core.failures import ServerFailure
from xsmigui.core.jobs import State
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.messages import m_
from xsmigui.core.migration.fixes import Fix, ShutDownHere
from xsmigui.core.migration.fixing import doomed_disks, looked_at, next_step, outcome
from xsmigui.core.migration.steps import Pending, Request, Step, Wait
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem
from xsmigui.core.records import Task
from xsmigui.services.carrier import CANCEL, Carrier
from xsmigui.services.carrying import Ended, passes
from xsmigui.services.checking import Refused
from xsmigui.services.maintenance import note_halted
from xsmigui.services.verification import GONE


class FixCarrier(Carrier):
    """One fix."""

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
        self._tell(doomed=doomed_disks(fix, inventory))
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
        gateway = await self._way(self.pool)
        seen = {ref: await _record(gateway, cls, ref) for cls, ref in looked_at(self._fix, self.job.doomed)}
        records = {ref: record for ref, record in seen.items() if record is not None}
        return next_step(self._fix, self.job.doomed, records, self.job.followed)

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
        self._tell(verified=True)
        self._end(State.done, outcome(self._fix))


async def _record(gateway: Gateway, cls: str, ref: str) -> Mapping[str, Any] | None:
    """A record as the server has it now; None if it is gone."""
    try:
        record: Mapping[str, Any] = await gateway.call(f"{cls}.get_record", ref)
    except ServerFailure as failure:
        if failure.code in GONE:
            return None
        raise
    return record
