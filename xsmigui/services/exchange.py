"""The disks of one VM (or a disk of none) copied and exchanged, as `core.migration.exchange` says.

Each round looks at the server, takes the first thing that lacks, writes it into the journal, and does it. A broken
connection, a lost answer or a crash only means one more look. What the server refuses is tried again, and then
everything is put back; only when sources have begun to be removed there is no way back, and then the rest of them is
kept.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from xsmigui.core.catalogue import problem, sentence
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.jobs import DiskResult, Job, State, Step, VmJob
from xsmigui.core.migration.exchange import (
    COPY,
    Act,
    CannotGoOn,
    Deed,
    NotYet,
    Replacement,
    Sight,
    back,
    can_go_back,
    connected,
    forward,
)
from xsmigui.core.migration.plan import PlanRefused, VmMove, same_intent
from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId, is_null
from xsmigui.core.text import _, joined
from xsmigui.services.asking import Asker
from xsmigui.services.executor import BREATH, START_DEADLINE, Gateways, Refused, judge_afresh, passes
from xsmigui.services.reporting import Reporting
from xsmigui.services.store import Store
from xsmigui.services.verification import GONE

log = logging.getLogger(__name__)

TRIES: Final = 3
"""How often a call that the server refuses is made before the other way is taken."""

PATIENCE: Final = 60
"""How often where something else must end first."""

BUSY: Final = ("VDI_IN_USE", "OTHER_OPERATION_IN_PROGRESS")

SLOW: Final = 300.0
"""Seconds for a call that works on an SR."""


class Exchange(Reporting):
    """One VM's disks on their way. `report` hears of every change; `job` is the present state; `keep` returns when it
    is on disk."""

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
        self._whole = whole
        self._move = move
        self._store = store
        self._gateways = gateways
        self._asker = asker
        self._keep = keep
        self._pool = PoolId(whole.plan.source.uuid)
        self._fresh = ""
        self._wants_stop = job.undoing
        self._why: tuple[Problem, ...] = job.problems
        self._refusals = 0

    @property
    def task(self) -> str | None:
        """The server's task, while there is one."""
        return self.job.task or None

    async def cancel(self) -> None:
        """Put everything back, as soon as what runs has ended; the copy is cancelled."""
        self._wants_stop = True
        self._tell(cancelling=True)
        gateway = self._gateways.gateway(self._pool)
        if self.job.task and gateway is not None:
            try:
                await gateway.call("task.cancel", self.job.task)
            except WIRE_ERRORS as failure:
                log.info("cancel: %s", failure)

    async def run(self) -> None:
        """Carry it out; every outcome ends in the job."""
        try:
            if self.job.has_begun:
                self._tell(state=State.running, held=False)
            else:
                self._tell(state=State.running, step=Step.checking, started=self._clock.now(), message="")
                await self._check()
                await self._begin()
            while await self._round():
                pass
            await self._finish()
        except Refused as refusal:
            message = _("Not started: {reason}", reason=refusal.problems[0].message)
            self._end(State.failed, message, refusal.problems)
        except _Stuck as stuck:
            hint = _(
                "It is tried again when xsmigui is started, or by: xsmigui jobs --resume {job}", job=self._whole.id
            )
            self._end(State.interrupted, f"{stuck} {hint}", self._why)

    # Before anything is changed.

    async def _check(self) -> None:
        """Judge the plan again with fresh records and fresh answers; go on only if it still means the same."""
        if any(disk.ready for disk in self._move.disks):
            return  # it puts back what a job of ours has kept: the first look says whether that is there
        single = replace(self._whole.plan, moves=(self._move,))
        try:
            evaluation = await judge_afresh(self._store, self._asker, single)
        except PlanRefused as gone:
            raise Refused((self._block(_("{name} is no longer there.", name=str(gone))),)) from None
        if evaluation.plan is None:
            raise Refused(tuple(p for p in evaluation.problems if p.blocks))
        if not same_intent(evaluation.plan, single):
            message = _("{vm} is not what it was when this was planned.", vm=self._move.vm.name)
            raise Refused((self._block(message, _("Plan it anew.")),))

    async def _begin(self) -> None:
        """Note how everything is, for the way back; on disk before the first change."""
        try:
            noted = await self._persist(self._noted)
            keeps = self._whole.plan.keep_days > 0 or any(disk.ready for disk in self._move.disks)
            self._tell(replacements=noted, step=Step.preparing, keeps=keeps)
            await self._keep(self.job)
        except ServerFailure as failure:
            self._tell(replacements=())
            raise Refused((self._problem(failure),)) from None
        except OSError as error:
            log.error("%s", error)
            self._tell(replacements=())
            hint = _("Make room on this computer's disk, then start it again.")
            message = _("The journal of this program cannot be written ({reason}).", reason=str(error))
            raise Refused((self._block(message, hint),)) from None

    async def _noted(self) -> tuple[Replacement, ...]:
        gateway = await self._gateways.wait_for_gateway(self._pool)
        vbds = await self._connections(gateway)
        found = []
        for disk in self._move.disks:
            if disk.stays and not disk.ready:
                continue
            vdi = await gateway.call("VDI.get_record", disk.disk.ref)
            spare: dict[str, Any] = {}
            new = ""
            if disk.ready:
                new = await gateway.call("VDI.get_by_uuid", disk.ready)
                spare = await gateway.call("VDI.get_record", new)
            vbd = next((dict(v) for v in vbds.values() if v["VDI"] == disk.disk.ref), {})
            sr = disk.target.ref
            found.append(Replacement(old=disk.disk.ref, sr=sr, vdi=vdi, vbd=vbd, spare=spare, new=new))
        return tuple(found)

    # The rounds.

    def _deed(self) -> Deed:
        days = self._whole.plan.keep_days
        on = self._whole.created.date()
        return Deed(
            job=self._whole.id,
            vm=self._move.vm.ref,
            vm_uuid=self._move.vm.uuid,
            replacements=self.job.replacements,
            keeps=self.job.keeps,
            on=on.isoformat(),
            until=(on + timedelta(days=days)).isoformat(),
        )

    async def _round(self) -> bool:
        """Look, and do the next thing; False when there is none."""
        try:
            sight = await self._look()
            if self._wants_stop or self.job.undoing:
                self._tell(undoing=can_go_back(self._deed(), sight))
            deed = self._deed()
            act = back(deed, sight) if self.job.undoing else forward(deed, sight)
            if act is None:
                return False
            await self._do(act)
            self._refusals = 0
        except CannotGoOn as obstacle:
            await self._turn_back(self._block(str(obstacle)), 1)
        except NotYet as obstacle:
            await self._turn_back(self._block(str(obstacle)), PATIENCE)
        except OSError as error:
            # Nothing is done that the journal does not know; on the way back that would leave more behind.
            log.error("%s", error)
            message = _("The journal of this program cannot be written ({reason}).", reason=str(error))
            await self._turn_back(self._block(message), 1)
        except WIRE_ERRORS as failure:
            if passes(failure):
                log.warning("%s: %s", self.job.step, failure)
                text = _("The connection was lost. It goes on where it stood when the connection is back.")
                self._tell(state=State.lost, message=text)
                await self._clock.sleep(BREATH)
            else:
                log.info("%s: %s", self.job.step, failure)
                busy = isinstance(failure, ServerFailure) and failure.code in BUSY
                await self._turn_back(self._problem(failure), PATIENCE if busy else TRIES)
        return True

    async def _turn_back(self, why: Problem, tries: int) -> None:
        """What was to be done did not work: after so many tries take the other way. Raises `_Stuck` where there is
        none."""
        self._refusals += 1
        if self._refusals < tries:
            await self._clock.sleep(BREATH)
            return
        self._refusals = 0
        self._why = (*self._why, why)
        if self.job.undoing:
            raise _Stuck(_("It could not be put back: {reason}", reason=why.message))
        if can_go_back(self._deed(), await self._persist(self._look)):
            self._tell(undoing=True, problems=self._why)
        elif self.job.keeps:
            raise _Stuck(why.message)
        else:
            self._tell(keeps=True, problems=self._why)  # part of the sources is removed: the rest is kept

    async def _look(self) -> Sight:
        gateway = await self._gateways.wait_for_gateway(self._pool)
        deed = self._deed()
        for at, it in enumerate(deed.replacements):
            if it.is_copied and not it.new:
                found = await gateway.call("VDI.get_by_name_label", deed.incomplete_name(it))
                if found:
                    await self._note(at, new=found[0])
        vm = None
        vbds: dict[str, Any] = {}
        free: list[str] = []
        if self._move.vm.uuid:
            vm = await _record(gateway, "VM", self._move.vm.ref)
            if vm is not None:
                vbds = await self._connections(gateway)
                free = await gateway.call("VM.get_allowed_VBD_devices", self._move.vm.ref)
        vdis = {}
        for it in self.job.replacements:
            for ref in (it.old, it.new):
                record = await _record(gateway, "VDI", ref) if ref else None
                if record is not None:
                    vdis[ref] = record
        return Sight(vm, vdis, vbds, tuple(free))

    async def _connections(self, gateway: Gateway) -> dict[str, Any]:
        if not self._move.vm.uuid:
            return {}
        refs = await gateway.call("VM.get_VBDs", self._move.vm.ref)
        return dict(connected([(ref, await gateway.call("VBD.get_record", ref)) for ref in refs]))

    async def _do(self, act: Act) -> None:
        step = Step.undoing if self.job.undoing else _step(act, self.job.step)
        self._tell(state=State.running, step=step, message=f"{act.says[:1].upper()}{act.says[1:]}.", progress=None)
        await self._keep(self.job)
        gateway = await self._gateways.wait_for_gateway(self._pool)
        if act.method == COPY:
            await self._copy(gateway, act)
            return
        answer = await gateway.call(act.method, *act.params, deadline=SLOW)
        if act.method == "VDI.create":
            self._fresh = answer
            await self._note(act.at, new=answer)
        elif act.method == "VDI.destroy" and act.params[0] == self.job.replacements[act.at].new:
            await self._note(act.at, new="", complete=False)

    async def _copy(self, gateway: Gateway, act: Act) -> None:
        """Copy a disk into what was made for it, and see whether the copy is whole. A copy of which nobody knows how
        far it came is thrown away and begun anew."""
        it = self.job.replacements[act.at]
        task = self.job.task
        if not task:
            if it.new != self._fresh:
                if await self._is_read(gateway, it):
                    await self._clock.sleep(BREATH)
                    return
                await gateway.call("VDI.destroy", it.new, deadline=SLOW)
                await self._note(act.at, new="")
                return
            self._fresh = ""
            try:
                task = await gateway.call(f"Async.{COPY}", *act.params, deadline=START_DEADLINE)
            except ServerFailure:
                self._fresh = it.new  # nothing was begun
                raise
        self._tell(task=task, step_started=self._clock.now())
        await self._keep(self.job)
        try:
            if self._wants_stop:
                await gateway.call("task.cancel", task)
            record = await gateway.wait_for_task(task, lambda told: self._progressed(act.at, told))
        except ServerFailure as failure:
            if failure.code in GONE:
                self._tell(task="")
                return
            raise
        if record.status == "success":
            await self._whole_copy(gateway, it)
            await self._note(act.at, complete=True, task="", progress=None)
        else:
            self._tell(task="", progress=None)
        await self._tidy(gateway, task)
        if record.status != "success" and not self._wants_stop:
            code, *params = record.error_info or ["TASK_CANCELLED"]
            self._refusals = TRIES  # an SR that has filled up does not become empty by trying again
            raise ServerFailure(code, tuple(params), COPY)

    async def _is_read(self, gateway: Gateway, it: Replacement) -> bool:
        """Some copy of the disk is under way: it may be ours, whose start was not answered, and still write; it may be
        another client's, whose end says nothing of ours. Either way its end is waited for."""
        source = await gateway.call("VDI.get_record", it.old)
        return "copy" in source["current_operations"].values()

    async def _whole_copy(self, gateway: Gateway, it: Replacement) -> None:
        """Raises `CannotGoOn` where the SR does not show the copy as it should be."""
        await gateway.call("SR.scan", it.sr, deadline=SLOW)
        made = await _record(gateway, "VDI", it.new)
        if made is None or made["missing"] or not made["managed"]:
            raise CannotGoOn(_("The SR does not show the copy of {disk}.", disk=it.name))
        if int(made["virtual_size"]) < int(it.vdi["virtual_size"]):
            raise CannotGoOn(_("The copy of {disk} is smaller than the disk.", disk=it.name))

    async def _tidy(self, gateway: Gateway, task: str) -> None:
        try:
            await gateway.call("task.destroy", task)
        except WIRE_ERRORS as failure:
            log.info("task.destroy: %s", failure)

    def _progressed(self, at: int, task: Task) -> None:
        sizes = [int(it.vdi["virtual_size"]) for it in self.job.replacements]
        done = sum(sizes[:at]) + sizes[at] * task.progress
        if task.status in ("pending", "cancelling"):
            self._tell(state=State.running, progress=done / max(1, sum(sizes)))

    async def _note(self, at: int, *, task: str | None = None, progress: float | None = None, **changes: Any) -> None:
        """Change what is known of one disk; on disk when this returns."""
        it = replace(self.job.replacements[at], **changes)
        rest = {} if task is None else {"task": task}
        after = self.job.replacements[at + 1 :]
        self._tell(replacements=(*self.job.replacements[:at], it, *after), progress=progress, **rest)
        await self._keep(self.job)

    # The end.

    async def _finish(self) -> None:
        """Everything is in its place, or was put back."""
        if self.job.undoing:
            state = State.failed if self._why else State.cancelled
            text = _("Everything was put back; the disks are where they were.")
            reasons = [p.sentence() for p in self._why]
            self._end(state, " ".join([*reasons, text]), self._why)
            return
        self._tell(step=Step.finishing, progress=None, cancellable=False)
        for call in self._move.calls:
            if call.method in ("VM.set_affinity", "VM.start_on"):
                await self._follow_up(call.method, call.params)
        self._tell(step=Step.verifying)
        disks = await self._persist(self._results)
        keeps = self.job.keeps
        names = joined(sorted({disk.sr for disk in disks}))
        message = _("The disks are on {sr}.", sr=names)
        if keeps:
            until = self._deed().until
            message += " " + _("Their sources are kept until {date}.", date=until)
        message = " ".join([message, *(p.sentence() for p in self.job.problems)])
        self._tell(disks=disks, verified=True, host=self._move.host.name)
        self._end(State.done, message, self.job.problems)

    async def _follow_up(self, method: str, params: tuple[Any, ...]) -> None:
        """What follows the exchange; its failure is told and undoes nothing."""

        async def send() -> None:
            gateway = await self._gateways.wait_for_gateway(self._pool)
            await gateway.call(method, *params, deadline=SLOW)

        try:
            if method == "VM.start_on":
                await send()  # not repeated: somebody may have halted it meanwhile
            else:
                await self._persist(send)
        except WIRE_ERRORS as failure:
            what = _("It was not started.") if method == "VM.start_on" else _("Its home server was not set.")
            told = self._problem(failure)
            warning = replace(told, severity=Severity.warn, message=f"{what} {told.message}")
            self._tell(problems=(*self.job.problems, warning))

    async def _results(self) -> tuple[DiskResult, ...]:
        gateway = await self._gateways.wait_for_gateway(self._pool)
        found = []
        for it in self.job.replacements:
            new = await gateway.call("VDI.get_record", it.new)
            sr = await gateway.call("SR.get_name_label", new["SR"])
            found.append(DiskResult(it.vdi["uuid"], new["uuid"], sr))
        return tuple(found)

    # Small things.

    async def _persist(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do it, once more each time that the connection fails meanwhile."""
        while True:
            try:
                return await work()
            except WIRE_ERRORS as failure:
                if not passes(failure):
                    raise
                log.warning("%s: %s", self.job.step, failure)
                await self._clock.sleep(BREATH)

    def _subject(self) -> Subject:
        if self._move.vm.uuid:
            return Subject("VM", self._move.vm.uuid, self._move.vm.name)
        disk = self._move.disks[0].disk
        return Subject("VDI", disk.uuid, disk.name)

    def _problem(self, failure: Exception) -> Problem:
        inventory = self._store.inventory(self._pool)
        inventories = [inventory] if inventory is not None else []
        found = problem(failure, self._subject(), *inventories)
        text = " ".join(part for part in sentence(failure, *inventories) if part)
        return replace(found, message=text or found.message, hint="")

    def _block(self, message: str, hint: str = "") -> Problem:
        return Problem(rule="R05", severity=Severity.block, subject=self._subject(), message=message, hint=hint)


class _Stuck(Exception):
    """Neither way can be gone; the text says why."""


def _step(act: Act, now: Step) -> Step:
    """Under which step a call is shown: what follows the exchange (names, marks, blocks) still belongs to it."""
    if act.method == COPY:
        return Step.disks
    if act.method.startswith("VBD.") or now is Step.exchanging:
        return Step.exchanging
    return Step.preparing


async def _record(gateway: Gateway, cls: str, ref: str) -> Any:
    """A fresh record; None where the object is gone."""
    if is_null(ref):
        return None
    try:
        return await gateway.call(f"{cls}.get_record", ref)
    except ServerFailure as failure:
        if failure.code in GONE:
            return None
        raise
