"""Jobs: plans being carried out, as values. What the services write, the window shows and the command line prints."""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from xsmigui.core.capacity import load
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Text, facts, render
from xsmigui.core.migration.calls import MOTIONS, MOVING
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.exchange import COPY, Replacement, ShortStop
from xsmigui.core.migration.fixes import offer
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.migration.portrait import Portrait
from xsmigui.core.migration.steps import ANSWER, Pending
from xsmigui.core.pool_marks import PoolMark
from xsmigui.core.problems import Problem
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, PoolId, SrRef, TaskRef, VdiRef, VmRef
from xsmigui.core.text import N_, _, joined, n_
from xsmigui.core.verified import Item


class State(StrEnum):
    """How a VM's part of a job stands. `lost` is a migration that goes on in a server that does not answer at present;
    `interrupted` one whose end nobody can tell any more."""

    waiting = "waiting"
    running = "running"
    lost = "lost"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"
    interrupted = "interrupted"

    @property
    def has_ended(self) -> bool:
        return self in (State.done, State.failed, State.cancelled, State.interrupted)


class Step(StrEnum):
    """What is being done for a VM, in this order."""

    queued = "queued"
    checking = "checking"
    preparing = "preparing"
    disks = "disks"
    proving = "proving"
    stopping = "stopping"
    exchanging = "exchanging"
    undoing = "undoing"
    memory = "memory"
    fixing = "fixing"
    finishing = "finishing"
    verifying = "verifying"
    ended = "ended"


STEP_TEXTS = {
    Step.queued: N_("waiting for its turn"),
    Step.checking: N_("checking again"),
    Step.preparing: N_("preparing the destination"),
    Step.disks: N_("copying disks"),
    Step.proving: N_("comparing contents"),
    Step.stopping: N_("stopped while the difference is copied"),
    Step.exchanging: N_("putting the copies in place"),
    Step.undoing: N_("rolling back"),
    Step.memory: N_("copying memory"),
    Step.fixing: N_("carrying out the fix"),
    Step.finishing: N_("finishing"),
    Step.verifying: N_("verifying the result"),
    Step.ended: "",
}


class DiskResult(msgspec.Struct, frozen=True):
    """A disk after the move: its uuids before and after, and the name of the SR that it lies on."""

    old: str
    new: str
    sr: str


class VmJob(msgspec.Struct, frozen=True, kw_only=True):
    """One VM's part of a job. `progress` is of the present step, 0 to 1, None where nothing can be said. Times are UTC.

    `status` states how it stands; `task` the server's task while there is one; `begun` how many of the
    move's calls were begun, so that a job which was cut off can be taken up where it stood; `held` that it waits for
    the operator; `before` has the uuids of the disks that were at the destination under the names of those to come
    (None: it was not looked), `after` those that were there when it ended. Of disks that this program copies itself
    `replacements` says how far they have come, `undoing` that everything is being put back, `keeps` that their sources
    stay, `blocks` what `blocked_operations` of the VM said when ours were set, and `settled` that all were seen in
    place. `pending` is the call whose end is not known yet, `followed` the number of the last of the move's calls that
    is over. `pools` is what the pools were known by at the start. `portrait` is the VM before it moved, `sums` the
    server's sums of its disks' contents by reference, before and after, `items` what was compared afterwards;
    `verified` is said only if all of it was as it should be. `stop` is how far a move with a short stop has come.
    `doomed` are the disks that go with snapshots which a fix deletes.
    """

    move: VmMove
    state: State = State.waiting
    step: Step = Step.queued
    progress: float | None = None
    status: Text = msgspec.field(name="message", default="")
    cancellable: bool = True
    cancelling: bool = False
    started: datetime | None = None
    ended: datetime | None = None
    step_started: datetime | None = None
    task: str = ""
    begun: int = 0
    held: bool = False
    arrived: VmRef | None = None
    host: str = ""
    disks: tuple[DiskResult, ...] = ()
    verified: bool = False
    problems: tuple[Problem, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    undoing: bool = False
    keeps: bool = True
    blocks: dict[str, str] | None = None
    settled: bool = False
    pending: Pending | None = None
    followed: int = 0
    pools: tuple[PoolMark, ...] = ()
    portrait: Portrait | None = None
    sums: dict[str, str] = {}
    items: tuple[Item, ...] = ()
    stop: ShortStop | None = None
    doomed: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """How it stands, in the reader's language of this moment."""
        return render(self.status)

    @property
    def is_over(self) -> bool:
        """It has ended, and nothing of it is left on the server that a later process should bring to an end."""
        return self.state.has_ended and not (self.state is State.interrupted and self.has_begun)

    @property
    def has_begun(self) -> bool:
        """The migration itself was begun, or may have been: what came before it changes nothing on a server."""
        if self.move.fix is not None:
            return self.begun > 0
        return bool(self.replacements) or any(call.method in MOTIONS for call in self.move.calls[: self.begun])

    def remaining(self, now: datetime) -> float | None:
        """Seconds that the present step will still take, at the pace so far; None where nothing can be said."""
        if self.progress is None or self.progress < 0.03 or self.step_started is None:
            return None
        passed = (now - self.step_started).total_seconds()
        return passed * (1 - self.progress) / self.progress if passed > 2 else None

    def as_json(self) -> dict[str, object]:
        """The form that the command line promises."""
        return {
            "uuid": self.move.vm.uuid,
            "name": self.move.vm.name,
            "state": str(self.state),
            "host": self.host,
            "disks": [{"old": d.old, "new": d.new, "sr": d.sr} for d in self.disks],
            "verified": self.verified,
            "items": [item.as_json() for item in self.items],
            "problems": [p.as_json() for p in self.problems],
            "message": self.message,
            "facts": facts(self.status),
        }


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A plan being carried out."""

    id: str
    plan: Plan
    created: datetime
    vms: tuple[VmJob, ...]

    @property
    def state(self) -> State:
        """Running while any VM is; afterwards the worst of its VMs' ends."""
        states = [vm.state for vm in self.vms]
        for state in (State.running, State.lost):
            if state in states:
                return state
        if State.waiting in states:
            return State.waiting if all(s is State.waiting for s in states) else State.running
        for state in (State.interrupted, State.failed, State.cancelled):
            if state in states:
                return state
        return State.done

    @property
    def has_ended(self) -> bool:
        return all(vm.state.has_ended for vm in self.vms)

    @property
    def old_encryption(self) -> list[str]:
        """The names of its pools that were reached over old encryption."""
        old = {str(mark.pool) for vm in self.vms for mark in vm.pools if mark.old_encryption}
        return list(dict.fromkeys(pool.name for pool in (self.plan.source, self.plan.target) if pool.uuid in old))

    def as_json(self) -> dict[str, object]:
        vms = [vm.as_json() for vm in self.vms]
        return {"job": self.id, "state": str(self.state), "old_encryption": self.old_encryption, "vms": vms}


class Entry(msgspec.Struct, frozen=True):
    """A line of the journal: when, how which VM stood, and the server's task where there was one."""

    at: datetime
    vm: str
    state: str
    step: str
    task: str
    status: Text

    @property
    def message(self) -> str:
        """What is told of it, in the reader's language of this moment."""
        return render(self.status)


def says_more(new: VmJob, old: VmJob) -> bool:
    """Something else than the progress has changed: what the journal keeps."""
    return replace(new, **_FLEETING) != replace(old, **_FLEETING)


_FLEETING: Final[dict[str, Any]] = {"progress": None, "cancellable": True, "step_started": None}

BEFORE_DISKS = (Step.queued, Step.checking, Step.preparing, Step.disks)
BEFORE_MEMORY = (*BEFORE_DISKS, Step.memory)


def claims(jobs: Iterable[Job], inventory: Callable[[PoolId], Inventory | None]) -> tuple[Claim, ...]:
    """What the jobs that have not ended will still take at their destinations."""
    found = []
    for job in jobs:
        here, there = PoolId(job.plan.source.uuid), PoolId(job.plan.target.uuid)
        source, target = inventory(here), inventory(there)
        if source is None or target is None:
            continue
        found += [_claim(vm, here, there, source, target) for vm in job.vms if not (vm.state.has_ended or vm.move.fix)]
    return tuple(found)


def _claim(vm: VmJob, here: PoolId, there: PoolId, source: Inventory, target: Inventory) -> Claim:
    move = vm.move
    host = HostRef(move.host.ref)
    record = source.VM.get(VmRef(move.vm.ref))
    memory = 0
    # A VM that the server has scheduled for the host, or that is there, is in the host's free memory already.
    if record is not None and move.power_state == "Running" and vm.step in BEFORE_MEMORY:
        memory = record.memory_dynamic_min + record.memory_overhead
        if here == there and host in (record.resident_on, record.scheduled_to_be_resident_on):
            memory = 0
    space: dict[SrRef, int] = {}
    if vm.step in BEFORE_DISKS:
        left = 1 - (vm.progress or 0.0) if vm.step is Step.disks else 1.0
        by_sr: dict[SrRef, dict[VdiRef, VDI]] = {}
        for disk in move.disks:
            ref, sr = VdiRef(disk.disk.ref), SrRef(disk.target.ref)
            if not disk.stays and ref in source.VDI:
                by_sr.setdefault(sr, {})[ref] = source.VDI[ref]
        space = {sr: int(load(source, disks, target.is_thin(sr)) * left) for sr, disks in by_sr.items()}
    return Claim(
        vm=move.vm.uuid,
        source=here,
        pool=there,
        host=host,
        memory=memory,
        space=tuple(space.items()),
        storage=move.kind is not Kind.live,
    )


def resumed(vm: VmJob) -> VmJob:
    """A part that had stopped, taken up because the operator wants it: nobody knows what happened to its disks
    meanwhile, and the VM is blocked anew."""
    parts = tuple(it if it.placed else replace(it, unwatched=True) for it in vm.replacements)
    return replace(
        vm,
        state=State.waiting,
        step=Step.queued,
        ended=None,
        problems=(),
        replacements=parts,
        blocks=None,
        undoing=False,
        cancelling=False,
        pending=vm.pending if not vm.replacements else None,
    )


def upgraded(vm: VmJob, now: datetime) -> VmJob:
    """A part as an earlier version of this program has left it, with what the present one notes besides."""
    if vm.pending is not None or vm.arrived is not None or not vm.has_begun or vm.move.fix is not None:
        return vm
    if vm.replacements:
        at = next((n for n, it in enumerate(vm.replacements) if it.is_copied and it.new and not it.complete), -1)
        if at < 0 or vm.replacements[at].signs is not None:
            return vm
        if vm.task:
            return replace(vm, pending=Pending(method=COPY, disk=at, task=vm.task, then={"copied": True}))
        void = replace(vm.replacements[at], void=True)
        return replace(vm, replacements=(*vm.replacements[:at], void, *vm.replacements[at + 1 :]))
    motion = next(call for call in vm.move.calls if call.method in MOTIONS)
    pending = Pending(method=motion.method, task=vm.task, sent=now.isoformat(), then={"arrived": ANSWER})
    return replace(vm, pending=pending)


def is_moving(vm: VmJob, inventory: Inventory) -> bool:
    """The server still works on this part: on its task, or on the VM."""
    reference = vm.task or (vm.pending.task if vm.pending is not None else "")
    task = inventory.task.get(TaskRef(reference))
    record = inventory.VM.get(VmRef(vm.move.vm.ref))
    return (task is not None and task.status == "pending") or (
        record is not None and bool(MOVING & set(record.current_operations.values()))
    )


def title(vm: VmJob) -> str:
    """``mail → host-02``; where the VM stays on its host, the SRs that its disks go to."""
    move = vm.move
    if move.fix is not None:
        return f"{move.vm.name} · {offer(move.fix).title}"
    goals = [move.host.name]
    if move.kind is Kind.disk or (move.source_host is not None and move.source_host.uuid == move.host.uuid):
        goals = list(dict.fromkeys(disk.target.name for disk in move.disks if not disk.stays)) or goals
    return f"{move.vm.name} → {', '.join(goals)}"


def leaving(jobs: Iterable[Job]) -> str:
    """What closing the program means for the jobs that have not ended; empty where there are none."""
    left = [vm for job in jobs for vm in job.vms if not vm.state.has_ended]
    under_way = [vm for vm in left if vm.state is not State.waiting]
    waiting = len(left) - len(under_way)
    copied = [vm.move.vm.name for vm in under_way if vm.move.kind is Kind.disk]
    carried = [vm.move.vm.name for vm in under_way if vm.move.kind is not Kind.disk]
    parts = []
    if carried:
        text = _(
            "These are still running: {names}. The servers carry on by themselves; xsmigui no longer watches them."
        )
        parts.append(text.format(names=joined(carried)))
    if copied:
        text = _(
            "Disks of these VMs are being copied: {names}. The job stops where it is and continues when xsmigui"
            " is started again; until then the VMs keep their disks and cannot be started."
        )
        parts.append(text.format(names=joined(copied)))
    stopped = [vm.move.vm.name for vm in under_way if vm.stop is not None and vm.stop.is_under_way]
    if stopped:
        text = _("These are down for the exchange of their disks until xsmigui is started again: {names}.")
        parts.append(text.format(names=joined(stopped)))
    if waiting:
        text = n_(
            "{n} waiting VM is on hold until you continue it.",
            "{n} waiting VMs are on hold until you continue them.",
            waiting,
        )
        parts.append(text)
    return " ".join(parts)


def disconnecting(jobs: Iterable[Job], server: str) -> str:
    """What disconnecting a server means for the jobs that are under way there; empty if there are none."""
    under_way = [vm for job in jobs for vm in job.vms if vm.has_begun and not vm.state.has_ended]
    if not under_way:
        return ""
    text = _(
        "These are running: {names}. The servers carry on by themselves, but copies made by xsmigui stop where "
        "they are; nothing is watched or can be cancelled until {server} is connected again.",
        names=joined([vm.move.vm.name for vm in under_way]),
        server=server,
    )
    return text


def step_text(vm: VmJob) -> str:
    """What is being done, or how it ended, in a few words."""
    if vm.state is State.lost:
        return _("connection lost; continues on the server")
    if vm.held and not vm.state.has_ended:
        return _("on hold until you continue it")
    if vm.cancelling and not vm.state.has_ended:
        return _("cancelling")
    if vm.state is State.done and vm.verified:
        return _("done, and verified")
    return job_text(vm.state) or _(STEP_TEXTS[vm.step])


def job_text(state: State) -> str:
    """How something ended, in a word; empty for what has not."""
    return {
        State.done: _("done"),
        State.failed: _("failed"),
        State.cancelled: _("cancelled"),
        State.interrupted: _("interrupted"),
    }.get(state, "")
