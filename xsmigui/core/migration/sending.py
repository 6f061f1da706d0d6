"""VMs that the server moves: what is next, as a pure function of what the job has noted and what both pools show.

The calls of a move are made in their order: `host.migrate_receive`, the motion itself, and what follows it. The motion
is sent once and never repeated. If its answer is lost, or its task is gone, the two pools decide where the VM is; as
long as an unread request may still lie in the server, the migration may still begin, and nobody says that it failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from xsmigui.core.messages import m_
from xsmigui.core.migration.calls import MIGRATED, MOTIONS, MOVING, RECEIVED, Call
from xsmigui.core.migration.exchange import CHECKSUM
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.migration.steps import ANSWER, Done, Note, Pending, Request, Step, Wait
from xsmigui.core.records import Task

Record = Mapping[str, Any]

RECEIVE: Final = "host.migrate_receive"
START: Final = "VM.start_on"

REQUEST_LIFETIME_S: Final = 900.0
"""How long a request whose answer was lost may lie in a server and still be begun. xapi reads what a broken connection
has left in its queue whenever a thread is free; nobody promises a limit, so the operator may decide earlier."""


@dataclass(frozen=True, slots=True)
class SendingSpec:
    """What a job does with one VM, and how far it has come. `begun` is how many of the move's calls were begun,
    `arrived` the VM's reference at its destination once the motion has succeeded, `received` that this run of the
    program has the answer of `host.migrate_receive`, `since_sent` the seconds since the motion was sent, and `followed`
    the number of the last call that is over. `sums` are the sums of contents made so far, by the disk's reference
    (empty: the server could not make one), `new` the references of the disks at the destination by position."""

    plan: Plan
    move: VmMove
    begun: int
    arrived: str | None
    pending: Pending | None
    received: bool
    cancelling: bool
    since_sent: float
    followed: int = 0
    sums: Mapping[str, str] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)

    @property
    def proves(self) -> bool:
        """Contents are to be compared, and can be: nobody writes to a VM that is halted."""
        return self.plan.prove and self.move.power_state == "Halted"

    @property
    def motion(self) -> int:
        """The number of the call that moves the VM, counted from 1."""
        return next(n for n, call in enumerate(self.move.calls, 1) if call.method in MOTIONS)


@dataclass(frozen=True, slots=True)
class SendingState:
    """What the pools show: the VM in its source and in its destination (None if it is not there; inside a pool it is
    looked for in the source only), whether it is where the plan wants it (inside a pool), and the record of the
    motion's task."""

    here: tuple[str, Record] | None
    there: tuple[str, Record] | None
    is_in_place: bool
    task: Task | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The motion was begun or may have been, and there is neither answer nor task. `was_begun` says that the server had
    accepted it; `may_begin` that it may still begin."""

    was_begun: bool
    may_begin: bool


def next_step(spec: SendingSpec, state: SendingState) -> Step | Lost:
    """The next thing to do."""
    if spec.arrived is None:
        return _before_motion(spec) if spec.begun < spec.motion else _in_motion(spec, state)
    return _afterwards(spec)


def _before_motion(spec: SendingSpec) -> Step:
    if spec.pending is not None and spec.pending.task:
        return Wait("", spec.pending.task)
    for disk in spec.move.disks if spec.proves else ():
        if not disk.follows and disk.disk.ref not in spec.sums:
            return _sum(disk.disk.ref, disk.disk.name)
    motion = spec.move.calls[spec.motion - 1]
    receive = spec.move.calls[0]
    if receive.method == RECEIVE and not spec.received:
        return Request(RECEIVE, receive.params, m_("prepare the destination"), then={"received": ANSWER})
    return Request(motion.method, motion.params, m_("begin the migration"), is_task=True)


def _in_motion(spec: SendingSpec, state: SendingState) -> Step | Lost:
    pending = spec.pending
    if pending is not None and pending.task and state.task is not None:
        wants_cancel = spec.cancelling and "cancel" not in state.task.current_operations.values()
        if wants_cancel and state.task.status == "pending":
            return Request("task.cancel", (pending.task,), m_("cancel the migration"))
        return Wait("", pending.task)
    was_begun = pending is not None and pending.gone
    operations: Mapping[str, str] = state.here[1]["current_operations"] if state.here is not None else {}
    running = [task for task, what in operations.items() if what in MOVING]
    if running and not was_begun:
        return Note({"task_found": running[0]})
    if running:
        text = m_("The server's task is gone, and {vm} is still on its way.", vm=spec.move.vm.name)
        return Wait(text)
    if spec.plan.crosses and not spec.plan.copy:
        if state.here is None and state.there is not None:
            return Note({"arrived": state.there[0]})
    elif not spec.plan.crosses and state.here is not None and state.is_in_place:
        return Note({"arrived": state.here[0]})
    may_begin = not was_begun
    if may_begin and not spec.cancelling and spec.since_sent < REQUEST_LIFETIME_S:
        return Wait(
            m_(
                "The connection broke while the migration was being started, and there is no sign of it on the "
                "server. It may still start: xsmigui keeps checking. Cancel to stop waiting."
            )
        )
    return Lost(was_begun, may_begin)


def _afterwards(spec: SendingSpec) -> Step:
    """What follows the motion, each call once. A start whose answer was lost is not repeated: somebody may have halted
    the VM meanwhile."""
    assert spec.arrived is not None
    if spec.pending is not None and spec.pending.task:
        return Wait("", spec.pending.task)
    for disk in spec.move.disks if spec.proves else ():
        there = spec.new.get(disk.position, "") if spec.sums.get(disk.disk.ref) else ""
        if there and there not in spec.sums:
            return _sum(there, disk.disk.name)
    for number, call in enumerate(spec.move.calls, 1):
        if number <= spec.motion or number <= spec.followed:
            continue
        if spec.begun == number and call.method == START:
            return Note({"followed": number, "unknown": call.method})
        return _following(number, call, spec.arrived)
    return Done()


def _sum(ref: str, name: str) -> Request:
    """The server's sum of a disk's content (`VDI.checksum`, in every release, hidden from the API's reference)."""
    return Request(CHECKSUM, (ref,), m_("compute a checksum of {disk}", disk=name), is_task=True, then={ref: ANSWER})


def _following(number: int, call: Call, arrived: str) -> Request:
    does = m_("start the VM") if call.method == START else m_("set the home server")
    params = tuple(arrived if p == MIGRATED else p for p in call.params)
    return Request(call.method, params, does, disk=number, then={"followed": number})


def sent_params(params: tuple[Any, ...], received: object) -> tuple[Any, ...]:
    """The parameters that are sent: the answer of `host.migrate_receive`, which is a secret, in its place."""
    return tuple(received if p == RECEIVED else p for p in params)
