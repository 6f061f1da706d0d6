"""The operator's verbs, for window and command line alike: what is asked and shown around them is theirs alone.

Whatever changes a server is a job, so that it is in the journal before its call leaves, in Activity and in the report.
What is done with the queue itself (hold, continue, start next, cancel, resume, forget) are verbs of `services.jobs`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from xsmigui.core.failures import Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration import evacuation, leaving_out
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evacuation import DEFAULT_BATCH_SIZE, Returning
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.fixes import EnterMaintenance, Fix, LeaveMaintenance, StartVm, StrikeOff
from xsmigui.core.migration.fixing import fix_plan, fixes_plan
from xsmigui.core.migration.kept import kept_sources, may_have_changed, revert_plan
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.migration.leftovers import Leftover, leftovers
from xsmigui.core.migration.plan import Plan, draft_of
from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.refs import HostRef, PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.text import _
from xsmigui.core.triage import undoing_of
from xsmigui.services.asking import Asker
from xsmigui.services.carrying import Gateways
from xsmigui.services.drafting import Drafting
from xsmigui.services.jobs import Jobs
from xsmigui.services.kept import Purged, purge
from xsmigui.services.leftovers import remove
from xsmigui.services.releasing import release
from xsmigui.services.store import Store

SCAN_DEADLINE_S: Final = 600.0

Follow = Callable[[Job], Awaitable[Job]]
"""Waits for the end of a job; may raise where whoever has started it gives up."""


class NotDone(Exception):
    """A job did not succeed that the rest depends on: `vm` is the part that did not."""

    def __init__(self, vm: VmJob) -> None:
        super().__init__(vm.message)
        self.vm = vm

    @property
    def raw(self) -> str:
        """The servers' own words, a line each."""
        return "\n".join(problem.raw for problem in self.vm.problems if problem.raw)


@dataclass(frozen=True, slots=True)
class WayBack:
    """What puts back what a job has done: the plan, and the names of the kept sources that may have been written to
    since."""

    plan: Plan
    doubtful: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotBack:
    """A VM that did not leave its host or did not come back to it, and why, as a sentence."""

    uuid: str
    name: str
    reason: str


def not_back(out: Iterable[LeftOut]) -> tuple[NotBack, ...]:
    """Those that were left out, with the reasons."""
    return tuple(NotBack(vm.uuid, vm.name, vm.problem.sentence()) for vm in out)


class Desk:
    """What the operator can do. `follow` waits for jobs that the rest of a verb depends on (by default to their end,
    however long that takes)."""

    def __init__(
        self,
        store: Store,
        gateways: Gateways,
        asker: Asker,
        clock: Clock,
        jobs: Jobs,
        follow: Follow | None = None,
    ) -> None:
        self._store = store
        self._gateways = gateways
        self._asker = asker
        self._clock = clock
        self._jobs = jobs
        self._follow = follow or (lambda job: jobs.wait(job.id))

    # Planning.

    def drafting(self, draft: Draft) -> Drafting:
        """The session in which a draft is edited; to be closed."""
        return Drafting(self._store, self._asker, self._clock, draft)

    async def settled(self, draft: Draft) -> Evaluation:
        """The evaluation of a draft once every answer of the servers is there."""
        drafting = self.drafting(draft)
        try:
            return await drafting.settled()
        finally:
            drafting.close()

    async def settled_without_blocked(self, draft: Draft) -> tuple[Evaluation, tuple[LeftOut, ...]]:
        """The evaluation of those VMs of a draft that can go, and the others each with the reasons against it. Where
        the draft is blocked by something that no VM has a part in, nobody is left out."""
        out: tuple[LeftOut, ...] = ()
        while True:
            evaluation = await self.settled(draft)
            stuck = leaving_out.blocked(evaluation) if evaluation.plan is None else {}
            if not stuck:
                return evaluation, out
            out += leaving_out.left_out(evaluation, stuck)
            draft = leaving_out.without(draft, stuck)
            if not draft.vms and not draft.loose:
                return await self.settled(draft), out

    def start(self, plan: Plan) -> Job:
        """Put a plan into the queue."""
        return self._jobs.start(plan)

    def again(self, job: Job, places: Sequence[int] | None = None) -> Draft:
        """The draft of the parts of a job (None: of all that did not succeed) with the same choices, as everything
        stands now. Raises `PlanRefused` where something of it is gone."""
        if places is None:
            places = [at for at, vm in enumerate(job.vms) if vm.state is not State.done]
        return draft_of(replace(job.plan, moves=tuple(job.vms[at].move for at in places)), self._store.site())

    # Single changes.

    def apply(self, fix: Fix) -> Job:
        """Start a fix. Raises `Unreachable` where its pool is not connected."""
        return self._jobs.start(fix_plan(fix, self._connected(fix.pool)))

    async def done(self, fix: Fix) -> VmJob:
        """Do a fix, and wait for its end. Raises `NotDone` where it did not succeed, `Unreachable`."""
        return await self._carried_out(self.apply(fix))

    async def _carried_out(self, job: Job) -> VmJob:
        (vm,) = (await self._follow(job)).vms
        if vm.state is not State.done:
            raise NotDone(vm)
        return vm

    async def rescan(self, pool: PoolId, sr: SrRef) -> None:
        """Have an SR looked through once more, which changes nothing on it. Raises the wire's errors."""
        await self._gateway(pool).call("SR.scan", sr, deadline=SCAN_DEADLINE_S)

    # A host's maintenance.

    async def enter_maintenance(self, pool: PoolId, host: HostRef, vms: Iterable[VmRef]) -> None:
        """Disable a host and write on it which VMs are to leave it, beside those that it has not got back from an
        earlier maintenance. Where that cannot be done it stands as before. Raises `NotDone`, `Unreachable`."""
        name = self._connected(pool).name_of("host", host)
        await self.done(EnterMaintenance(pool=pool, host=host, host_name=name, leaving=tuple(vms)))

    async def leave_maintenance(self, pool: PoolId, host: HostRef) -> bool:
        """Enable a host and take the mark away; its lists stay. True once the pool shows that it takes VMs. Raises
        `NotDone`, `Unreachable`."""
        name = self._connected(pool).name_of("host", host)
        await self.done(LeaveMaintenance(pool=pool, host=host, host_name=name))
        return await self._store.until(lambda: evacuation.accepts_vms(self._store.inventory(pool), host))

    async def coming_back(
        self, pool: PoolId, host: HostRef, vms: tuple[VmRef, ...], at_once: int = DEFAULT_BATCH_SIZE
    ) -> tuple[Evaluation, tuple[NotBack, ...]]:
        """The evaluation of the return of those VMs that can come back to a host now, and who cannot."""
        draft = evacuation.back(self._store.site(), pool, host, vms)
        evaluation, out = await self.settled_without_blocked(draft.batched(at_once))
        refused = not_back(out)
        if evaluation.plan is None and evaluation.draft.vms:  # something blocks them all
            reason = " ".join(problem.sentence() for problem in evaluation.problems if problem.blocks)
            vms = evaluation.draft.vms
            records = evaluation.site.pools[pool].VM
            refused += tuple(NotBack(records[vm].uuid, records[vm].name_label, reason) for vm in vms if vm in records)
        return evaluation, refused

    async def start_again(
        self, pool: PoolId, host: HostRef, waiting: Returning
    ) -> tuple[tuple[str, ...], tuple[NotBack, ...]]:
        """Resume and start on a host what was suspended and shut down for its maintenance, one after the other, and
        take off its lists whoever is back or waits no longer; a lost connection is waited for. The names of those that
        were, and who was refused. Raises `NotDone` where the lists could not be written."""
        inventory = self._known(pool)
        name = inventory.name_of("host", host)
        vms = (*waiting.suspended, *waiting.halted)
        fixes = [
            StartVm(pool=pool, vm=vm, vm_name=inventory.name_of("VM", vm), host=host, host_name=name) for vm in vms
        ]
        parts = (await self._follow(self._jobs.start(fixes_plan(fixes, inventory)))).vms if fixes else ()
        refused = tuple(
            NotBack(vm.move.vm.uuid, vm.move.vm.name, vm.message) for vm in parts if vm.state is not State.done
        )
        started = tuple(VmRef(vm.move.vm.ref) for vm in parts if vm.state is State.done)
        await self._store.until(lambda: self._are_on(pool, host, started))
        inventory = self._known(pool)
        if evacuation.lists_of_waiting(inventory, host) != evacuation.listed(inventory, host):
            fix = StrikeOff(pool=pool, host=host, host_name=name)
            await self._carried_out(self._jobs.start(fix_plan(fix, inventory)))
        return tuple(vm.move.vm.name for vm in parts if vm.state is State.done), refused

    def _are_on(self, pool: PoolId, host: HostRef, vms: Iterable[VmRef]) -> bool:
        records = self._known(pool).VM
        return all(vm not in records or records[vm].resident_on == host for vm in vms)

    async def discard_list(self, pool: PoolId, host: HostRef) -> None:
        """Nobody is to be brought back to a host. Raises `NotDone`, `Unreachable`."""
        name = self._connected(pool).name_of("host", host)
        await self.done(StrikeOff(pool=pool, host=host, host_name=name, everybody=True))

    # After a job.

    def way_back(self, name: str, job: Job | None) -> WayBack | None:
        """What undoes a job that has ended: its kept sources take their places again, its fix is undone; None if there
        is nothing to put back. A `job` that is not in this computer's journal (None) may have left kept sources too.
        Raises `DisksRefused` with the reason where it cannot be done."""
        site = self._store.site()
        for vm in job.vms if job is not None else ():
            if (undo := undoing_of(vm, site)) is not None:
                return WayBack(fix_plan(undo, self._connected(undo.pool)))
        return next((back for pool in site.pools if (back := self._kept_of(name, pool)) is not None), None)

    def _kept_of(self, job: str, pool: PoolId) -> WayBack | None:
        inventory = self._store.inventory(pool)
        sources = [kept.ref for kept in kept_sources(inventory) if kept.note.job == job] if inventory else []
        if inventory is None or not sources:
            return None
        return WayBack(revert_plan(inventory, sources, doubtful_too=True), may_have_changed(inventory, sources))

    def reverting(self, pool: PoolId, sources: Sequence[VdiRef]) -> WayBack:
        """What puts these kept sources back. Raises `DisksRefused` with the reason where that cannot be done."""
        inventory = self._store.inventory(pool)
        if inventory is None:
            raise DisksRefused(_("The pool is not connected."))
        return WayBack(revert_plan(inventory, sources, doubtful_too=True), may_have_changed(inventory, sources))

    async def purge(self, pool: PoolId, sources: Iterable[VdiRef], *, doubtful_too: bool = False) -> Purged:
        """Remove kept sources, each looked at once more. Raises the wire's errors."""
        return await purge(self._gateway(pool), sources, doubtful_too=doubtful_too)

    def leftovers(self, jobs: Iterable[Job]) -> tuple[Leftover, ...]:
        """What failed migrations have left in the connected pools."""
        return leftovers(jobs, self._store.site())

    async def remove_leftovers(self, found: Iterable[Leftover]) -> int:
        """Remove leftovers, each looked at once more; how many were. Raises the wire's errors."""
        ways = {pool: self._gateways.gateway(pool) for pool in self._store.site().connected}
        return await remove(found, {pool: way for pool, way in ways.items() if way is not None})

    async def allow_start(self, job: Job, places: Sequence[int] | None = None) -> list[str]:
        """Take a job's marks and blocks off its VMs (None: off all of them); the names of those that had some. Raises
        the wire's errors."""
        gateway = self._gateway(PoolId(job.plan.source.uuid), job.plan.source.name)
        vms = [vm for at, vm in enumerate(job.vms) if places is None or at in places]
        return [vm.move.vm.name for vm in vms if await release(gateway, job.id, vm)]

    def _known(self, pool: PoolId) -> Inventory:
        """The pool as it is, or as it was when it was last connected."""
        inventory = self._store.inventory(pool)
        if inventory is None:
            raise Unreachable(_("the pool"), _("not connected"))
        return inventory

    def _connected(self, pool: PoolId) -> Inventory:
        inventory = self._known(pool)
        if not self._store.is_connected(pool):
            raise Unreachable(inventory.name, _("not connected"))
        return inventory

    def _gateway(self, pool: PoolId, name: str = "") -> Gateway:
        gateway = self._gateways.gateway(pool)
        if gateway is None:
            raise Unreachable(name or self._connected(pool).name, _("not connected"))
        return gateway
