"""What Activity shows, as plain values: a line for each job, below it one for each of its VMs, and others' tasks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.job_texts import job_text, step_text, title
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.journal import Unreadable, Waiting
from xsmigui.core.migration.plan import Plan
from xsmigui.core.progress import Meter, Standing
from xsmigui.core.refs import TaskRef
from xsmigui.core.text import _, in_use, joined, n_
from xsmigui.core.units import duration, moment, percent, size

ICONS: Final = {
    State.waiting: "pending",
    State.running: "vm-moving",
    State.lost: "warn",
    State.done: "done",
    State.failed: "block",
    State.cancelled: "cancel",
    State.interrupted: "warn",
}

FOREIGN: Final = ("pool_migrate", "migrate_send", "evacuate", "VDI.copy", "VM.copy")
"""Marks of tasks of other clients that are worth a line."""


class Kind(StrEnum):
    """How a line stands, in the order in which lines are shown."""

    running = "running"
    waiting = "waiting"
    failed = "failed"
    done = "done"


KINDS: Final = {
    State.running: Kind.running,
    State.lost: Kind.running,
    State.waiting: Kind.waiting,
    State.failed: Kind.failed,
    State.interrupted: Kind.failed,
    State.cancelled: Kind.done,
    State.done: Kind.done,
}

ORDER: Final = {kind: place for place, kind in enumerate(Kind)}

Key = tuple[str, str]
"""A job's id and the place of a VM in it; the place is empty for the job as a whole, `UNREADABLE` where the journal
cannot be read. ``task`` and a reference for what others do."""

UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `progress` is a share, None if there is nothing to draw. What may be done with it: `cancel`,
    `order` (it waits and can be held or put first), `proceed` (it is held), `details`, `retry`, `find` (there is a VM
    to go to), `forget` (the journal cannot be read there), `leftovers` (its copies may have stayed at the
    destination), `report` (it has ended), `take_over` (another process carries it out and would give it away).

    `speed` is in bytes a second, `speeds` are those of equal parts of the time so far, the latest last. `about` has the
    uuids of all objects that it concerns: VMs, hosts, SRs, pools; and the reference of a VM that has arrived."""

    key: Key
    kind: Kind
    icon: str
    title: str
    state: str
    times: str = ""
    progress: float | None = None
    message: str = ""
    cancel: bool = False
    order: bool = False
    proceed: bool = False
    details: bool = False
    retry: bool = False
    find: bool = False
    forget: bool = False
    leftovers: bool = False
    report: bool = False
    take_over: bool = False
    started: datetime | None = None
    ended: datetime | None = None
    where: str = ""
    speed: float | None = None
    speeds: tuple[float, ...] = ()
    about: frozenset[str] = frozenset()

    @property
    def has_ended(self) -> bool:
        return self.kind in (Kind.failed, Kind.done)

    def sentence(self) -> str:
        """All of it in one text, for whoever hears or copies it."""
        what = f"{self.title}: {self.state}"
        if self.progress is not None:
            what += f" {percent(self.progress)}"
        return " · ".join(part for part in (what, self.times, self.throughput, self.message) if part)

    @property
    def throughput(self) -> str:
        """``85.2 MiB/s``"""
        return _("{size}/s", size=size(int(self.speed))) if self.speed else ""


@dataclass(frozen=True, slots=True)
class Group:
    """A line with those below it; a job of one VM has none below."""

    line: Line
    below: tuple[Line, ...] = ()
    servers: tuple[str, ...] = ()
    """The names of the pools and hosts that have a part in it."""

    @property
    def ended(self) -> datetime | None:
        """When it ended; None if it has not."""
        return self.line.ended if self.line.has_ended else None


def elsewhere(group: Group, gives: bool, waits: Waiting | None = None) -> Group:
    """The lines of a job that another process carries out: it is seen here, and if it is given it can be taken over,
    and cancelled with that.
    `waits` is what that process waits for."""
    text = _("continues without a window") if gives else _("carried out by another xsmigui")
    if waits is not None:
        text += " · " + waits.sentence()

    def seen(line: Line) -> Line:
        message = " · ".join(part for part in (text, line.message) if part)
        return replace(
            line,
            message=message,
            take_over=gives,
            cancel=gives and line.cancel,
            order=False,
            proceed=False,
            retry=False,
            details=False,
            leftovers=False,
        )

    return replace(group, line=seen(group.line), below=tuple(map(seen, group.below)))


class Lines:
    """Makes the lines. What has not changed is not made again, so that a look costs what is under way."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}
        self._groups: dict[str, tuple[Job, Group]] = {}
        self._made: dict[Key, tuple[VmJob, Line]] = {}
        self._abouts: dict[str, tuple[int, frozenset[str]]] = {}
        self._language = in_use()

    def groups(
        self, jobs: list[Job], now: datetime, memory: Callable[[Job], Iterable[int | None]] = lambda _job: ()
    ) -> list[Group]:
        """The groups of these jobs (the latest first), what runs before what waits, what failed before what is done."""
        if self._language is not in_use():
            self._language = in_use()
            self._groups.clear()
            self._made.clear()
        found = []
        for job in jobs:
            known = self._groups.get(job.id)
            if known is not None and known[0] is job and known[1].line.kind is not Kind.running:
                found.append(known[1])
                continue
            group = self._group(job, now, memory(job) if known is None or job.id not in self._meters else ())
            self._groups[job.id] = (job, group)
            found.append(group)
        self._forget({job.id for job in jobs})
        return sorted(found, key=lambda group: ORDER[group.line.kind])

    def meter(self, job: str) -> Meter | None:
        """How a job has advanced so far."""
        return self._meters.get(job)

    def _forget(self, known: set[str]) -> None:
        if len(self._groups) > len(known):
            self._groups = {job: group for job, group in self._groups.items() if job in known}
            self._meters = {job: meter for job, meter in self._meters.items() if job in known}
            self._abouts = {job: about for job, about in self._abouts.items() if job in known}
            self._made = {key: made for key, made in self._made.items() if key[0] in known}

    def _group(self, job: Job, now: datetime, memory: Iterable[int | None]) -> Group:
        whole, vms = self._meters.setdefault(job.id, Meter()).look(job, now, memory)
        servers = tuple(dict.fromkeys((job.plan.source.name, job.plan.target.name)))
        lines = []
        for index, (vm, standing) in enumerate(zip(job.vms, vms, strict=True)):
            key = (job.id, str(index))
            made = self._made.get(key)
            if made is None or made[0] is not vm or standing.share is not None:
                made = self._made[key] = (vm, vm_line(key, vm, standing, now, job.plan))
            lines.append(made[1])
        speeds = self._meters[job.id].past.throughput() if whole.share is not None else ()
        if len(lines) == 1:
            return Group(replace(lines[0], speeds=speeds) if speeds else lines[0], (), servers)
        line = replace(job_line(job, whole, now), speeds=speeds, about=self._about(job, lines))
        return Group(line, tuple(sorted(lines, key=lambda line: ORDER[line.kind])), servers)

    def _about(self, job: Job, lines: list[Line]) -> frozenset[str]:
        """What a job concerns with all its VMs; it grows only when one arrives."""
        arrived = sum(vm.arrived is not None for vm in job.vms)
        known = self._abouts.get(job.id)
        if known is None or known[0] != arrived:
            known = self._abouts[job.id] = arrived, frozenset().union(*(line.about for line in lines))
        return known[1]


def concerned(plan: Plan, vm: VmJob) -> frozenset[str]:
    """The uuids of all objects that a VM's part of a job concerns, and the reference of the VM that has arrived."""
    move = vm.move
    things = [plan.source, plan.target, move.vm, move.host, *([move.source_host] if move.source_host else [])]
    for disk in (*move.disks, *move.cds):
        things += [disk.source, disk.target]
    return frozenset([*(thing.uuid for thing in things if thing.uuid), *([vm.arrived] if vm.arrived else [])])


def vm_line(key: Key, vm: VmJob, standing: Standing, now: datetime, plan: Plan) -> Line:
    """One VM's part of a job."""
    waiting = vm.state is State.waiting
    return Line(
        key,
        KINDS[vm.state],
        ICONS[vm.state],
        title(vm),
        step_text(vm),
        _times(vm.started, vm.ended, standing, now),
        standing.share,
        vm.message,
        cancel=not vm.state.has_ended and vm.cancellable and not vm.cancelling,
        order=waiting and not vm.held,
        proceed=waiting and vm.held,
        details=bool(vm.problems) or (vm.state.has_ended and (not vm.verified or vm.move.fix is not None)),
        retry=vm.move.fix is None and (KINDS[vm.state] is Kind.failed or vm.state is State.cancelled),
        find=not vm.move.is_loose and vm.move.fix is None,
        leftovers=vm.move.fix is None and KINDS[vm.state] is Kind.failed,
        report=vm.state.has_ended,
        started=vm.started,
        ended=vm.ended,
        where=vm.move.host.name,
        speed=standing.speed,
        about=concerned(plan, vm),
    )


def job_line(job: Job, standing: Standing, now: datetime) -> Line:
    """A job of several VMs as a whole: ``40 VMs → Lisboa``, ``36 of 40 done``."""
    states = [vm.state for vm in job.vms]
    kind = KINDS[job.state]
    if kind is Kind.running and not any(KINDS[state] is Kind.running for state in states):
        kind = Kind.waiting
    ended = sum(1 for state in states if state.has_ended)
    failed = sum(1 for state in states if KINDS[state] is Kind.failed)
    state = job_text(job.state) if job.has_ended else _("{done} of {n}", done=ended, n=len(states))
    if all(vm.state is State.done and vm.verified for vm in job.vms):
        state = step_text(job.vms[0])
    if failed and not (job.has_ended and failed == len(states)):
        state += " · " + n_("{n} failed", "{n} failed", failed)
    begun = [vm.started for vm in job.vms if vm.started is not None]
    ends = [vm.ended for vm in job.vms if vm.ended is not None]
    last = max(ends, default=None) if job.has_ended else None
    return Line(
        (job.id, ""),
        kind,
        ICONS[job.state],
        n_("{n} VM → {goal}", "{n} VMs → {goal}", len(states), goal=job.plan.target.name),
        state,
        _times(min(begun, default=None), last, standing, now),
        standing.share if any(KINDS[state] is Kind.running for state in states) else None,
        cancel=any(not vm.state.has_ended and vm.cancellable and not vm.cancelling for vm in job.vms),
        retry=job.has_ended and any(KINDS[s] is Kind.failed or s is State.cancelled for s in states),
        report=job.has_ended,
        started=min(begun, default=None),
        ended=last,
        where=job.plan.target.name,
        speed=standing.speed,
    )


def _times(started: datetime | None, ended: datetime | None, standing: Standing, now: datetime) -> str:
    """How long it has taken, when it ended or how long it will still take, as far as that can be told."""
    parts = [duration(((ended or now) - started).total_seconds())] if started is not None else []
    if ended is not None:
        parts.insert(0, moment(ended.isoformat()))
    elif started is not None and standing.left is not None:
        parts.append(_("≈ {time} left", time=duration(standing.left)))
    return " · ".join(parts)


def foreign_groups(inventory: Inventory, is_ours: Callable[[str], bool]) -> list[Group]:
    """What other clients move on a pool, in words."""
    found = []
    for ref, task in inventory.task.items():
        mark = next((mark for mark in FOREIGN if mark in task.name_label), "")
        if not mark or task.status != "pending" or is_ours(ref) or task.subtask_of in inventory.task:
            continue
        names = [inventory.VM[vm].name_label for vm in inventory.moving_by_task.get(ref, ())]
        words = {
            "pool_migrate": _("migration"),
            "migrate_send": _("migration with disks"),
            "evacuate": _("evacuation of a host"),
            "VDI.copy": _("copy of a disk"),
            "VM.copy": _("copy of a VM"),
        }[mark]
        name = ": ".join(part for part in (", ".join(names), words) if part)
        state = _("another client · {pool}", pool=inventory.name)
        about = frozenset([inventory.id, *_uuids(inventory, ref)])
        line = Line(
            ("task", ref), Kind.running, "pending", name, state, "", task.progress, where=inventory.name, about=about
        )
        found.append(Group(line, (), (inventory.name,)))
    return found


def _uuids(inventory: Inventory, task: TaskRef) -> Iterator[str]:
    """The VMs that a task works on, and their hosts."""
    for ref in inventory.moving_by_task.get(task, ()):
        vm = inventory.VM[ref]
        yield vm.uuid
        if vm.resident_on in inventory.host:
            yield inventory.host[vm.resident_on].uuid


def unreadable_groups(unreadable: Iterable[Unreadable]) -> list[Group]:
    """What cannot be read of the journal, until it is forgotten."""
    found = []
    for bad in unreadable:
        names = joined(bad.vms) or "?"
        line = Line(
            (bad.id, UNREADABLE),
            Kind.failed,
            "warn",
            names,
            _("cannot be read"),
            message=_("{job}: {reason}", job=bad.id, reason=bad.reason),
            forget=True,
            started=bad.created,
        )
        found.append(Group(line))
    return found


def headline(jobs: Iterable[Job]) -> str:
    """All of it in one line: ``2 running · 3 waiting``."""
    kinds = dict.fromkeys(Kind, 0)
    cancelled = 0
    for job in jobs:
        for vm in job.vms:
            kinds[KINDS[vm.state]] += 1
            cancelled += vm.state is State.cancelled
    done = kinds[Kind.done] - cancelled
    parts = []
    if kinds[Kind.running]:
        parts.append(n_("{n} running", "{n} running", kinds[Kind.running]))
    if kinds[Kind.waiting]:
        parts.append(n_("{n} waiting", "{n} waiting", kinds[Kind.waiting]))
    if not parts:
        parts += [n_("{n} done", "{n} done", done)] if done else []
        parts += [n_("{n} cancelled", "{n} cancelled", cancelled)] if cancelled else []
    if kinds[Kind.failed]:
        parts.append(n_("{n} failed", "{n} failed", kinds[Kind.failed]))
    return " · ".join(parts)
