"""Jobs: plans being carried out, as values. What the services write, the window shows and the command line prints."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Text, facts, render
from xsmigui.core.migration.calls import MOTIONS, MOVING
from xsmigui.core.migration.exchange import COPY, Replacement, ShortStop
from xsmigui.core.migration.fixes import Doomed
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.migration.portrait import Portrait
from xsmigui.core.migration.steps import ANSWER, Pending
from xsmigui.core.pool_marks import PoolMark
from xsmigui.core.problems import Problem
from xsmigui.core.refs import TaskRef, VmRef
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


CHECKED: Final = 1
"""`VmJob.begun` of a fix that was checked: its first call may have left."""

CHANGED: Final = 2
"""`VmJob.begun` of a fix that has changed something: a call of it was answered."""


class DiskResult(msgspec.Struct, frozen=True):
    """A disk after the move: its uuids before and after, and the name of the SR that it lies on."""

    old: str
    new: str
    sr: str


class VmJob(msgspec.Struct, frozen=True, kw_only=True):
    """One VM's part of a job. `progress` is of the present step, 0 to 1, None if nothing can be said. Times are UTC.

    `status` states how it stands; `task` the server's task while there is one; `begun` how many of the move's calls
    were begun (of a fix `CHECKED` or `CHANGED`), so that a job which was cut off can be taken up where it stood; `held`
    that it waits for the operator; `before` has the uuids of the disks that were at the destination under the names of
    those to come (None: it was not looked), `after` those that were there when it ended. Of disks that this program
    copies itself `replacements` says how far they have come, `undoing` that everything is being put back, `keeps` that
    their sources stay, `blocks` what `blocked_operations` of the VM said when ours were set, and `settled` that all
    were seen in place. `pending` is the call whose end is not known yet, `followed` the number of the last of the
    move's calls that is over. `pools` is what the pools were known by at the start. `portrait` is the VM before it
    moved, `sums` the server's sums of its disks' contents by reference, before and after, `items` what was compared
    afterwards; `verified` is said only if all of it was as it should be. `stop` is how far a move with a short stop has
    come. `doomed` are the disks that go with snapshots which a fix deletes (mere references in earlier versions).
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
    doomed: tuple[Doomed | str, ...] = ()

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
        """Seconds that the present step will still take, at the pace so far; None if nothing can be said."""
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
        """Its text, in the reader's language of this moment."""
        return render(self.status)


def says_more(new: VmJob, old: VmJob) -> bool:
    """Something else than the progress has changed: what the journal keeps."""
    return replace(new, **_FLEETING) != replace(old, **_FLEETING)


_FLEETING: Final[dict[str, Any]] = {"progress": None, "cancellable": True, "step_started": None}


def differs_afterwards(vm: VmJob) -> bool:
    """A move with a short stop has stopped because the VM's new disks, on which it runs by now, were found to have
    another content than their sources."""
    return vm.stop is not None and bool(vm.stop.up) and any(it.has_other_content for it in vm.replacements)


def accepted(vm: VmJob) -> VmJob:
    """The operator keeps the new disks all the same; the sources are kept too, as the way back."""
    if vm.stop is None or not differs_afterwards(vm):
        return vm
    return replace(vm, keeps=True, stop=replace(vm.stop, accepted=True))


def resumed(vm: VmJob) -> VmJob:
    """A part that had stopped, taken up because the operator wants it: nobody knows what happened to its disks
    meanwhile, and the VM is blocked anew. What was found to differ is compared once more."""
    is_accepted = vm.stop is not None and vm.stop.accepted
    parts = tuple(_unwatched(it, is_accepted) for it in vm.replacements)
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


def _unwatched(it: Replacement, is_accepted: bool) -> Replacement:
    if not it.placed:
        return replace(it, unwatched=True)
    return replace(it, sum_old="", sum_new="") if it.has_other_content and not is_accepted else it


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
