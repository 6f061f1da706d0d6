"""How a job goes on, for whoever watches: at a terminal a line for each VM with a bar, into a file plain lines."""

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

from xsmigui.console import say
from xsmigui.core.job_texts import step_text, title
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.ports import Clock
from xsmigui.core.text import _, n_, printable
from xsmigui.core.units import duration, percent, rate
from xsmigui.local.streams import Drawing

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.progress_bar import ProgressBar

TICK: Final = 0.5
"""Seconds between two pictures while nothing happens: times go on."""

BAR: Final = 20

WIDE: Final = 100
"""Columns from which the rate is shown too."""

SETTLED: Final = 2.0
"""Seconds of a step after which its pace says something."""

COLOURS: Final = {
    State.done: "green",
    State.failed: "red",
    State.interrupted: "red",
    State.cancelled: "yellow",
    State.lost: "yellow",
    State.waiting: "dim",
}


class Watching(Protocol):
    """Hears of every change of a job while it is open."""

    def __call__(self, job: Job) -> None: ...

    async def close(self) -> None:
        """Nothing more is shown."""


def watching(clock: Clock) -> Watching:
    """What suits stderr: a display for a person at a terminal, else lines."""
    if sys.stderr.isatty():
        from rich.console import Console

        drawing = cast("IO[str]", Drawing(sys.stderr))
        console = Console(file=drawing, highlight=False, markup=False, emoji=False)
        if not console.is_dumb_terminal:
            return Display(console, clock)
    return Lines()


class Lines:
    """Says what each VM is doing, at each change of step and each tenth."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, int], str] = {}

    def __call__(self, job: Job) -> None:
        for index, vm in enumerate(job.vms):
            text = f"{title(vm)}: {step_text(vm)}"
            if vm.progress is not None and not vm.state.has_ended:
                text += f" {percent(int(vm.progress * 10) / 10)}"
            if self._said.get((job.id, index)) != text:
                self._said[job.id, index] = text
                say(text)

    async def close(self) -> None:
        """There is nothing to take back."""


class Display:
    """One line for each VM, drawn again at every change and twice a second; it stays when the job has ended. What else
    is said meanwhile appears above it."""

    def __init__(self, console: "Console", clock: Clock) -> None:
        from rich.live import Live

        self._console = console
        self._clock = clock
        self._job: Job | None = None
        self._live = Live(
            console=console, auto_refresh=False, redirect_stdout=False, get_renderable=self._picture, transient=False
        )
        self._live.start()
        self._ticking = asyncio.create_task(self._tick(), name="progress display")

    def __call__(self, job: Job) -> None:
        self._job = job
        self._live.refresh()

    async def close(self) -> None:
        self._ticking.cancel()
        with suppress(asyncio.CancelledError):
            await self._ticking
        self._live.stop()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._live.refresh()

    def _picture(self) -> "Group":
        from rich.console import Group

        if self._job is None:
            return Group()
        width, height = self._console.size
        return picture(self._job, self._clock.now(), width, height - 2)


def picture(job: Job, now: datetime, width: int, height: int) -> "Group":
    """The display at a moment: as many VMs as fit, those that move first, and a line that counts all."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=width // 3)
    table.add_column(width=BAR)
    table.add_column(no_wrap=True, justify="right", min_width=5)
    if width >= WIDE:
        table.add_column(no_wrap=True, justify="right", min_width=11)
    table.add_column(no_wrap=True, justify="right", min_width=12)
    table.add_column(no_wrap=True, overflow="ellipsis")
    room = max(1, height - 1)
    shown = set(sorted(range(len(job.vms)), key=lambda index: (_rank(job.vms[index]), index))[:room])
    for index, vm in enumerate(job.vms):
        if index in shown:
            done = percent(vm.progress) if vm.progress is not None and not vm.state.has_ended else ""
            figures = [done, _rate(vm, now), _left(vm, now)] if width >= WIDE else [done, _left(vm, now)]
            step = Text(step_text(vm), style=COLOURS.get(vm.state, ""))
            table.add_row(Text(printable(title(vm))), _bar(vm), *(Text(figure) for figure in figures), step)
    if len(job.vms) == 1:
        return Group(table)
    return Group(table, Text(_summary(job, now), style="dim", no_wrap=True, overflow="ellipsis"))


def _rank(vm: VmJob) -> int:
    """What moves is shown first, then what went wrong, what waits, and what is done."""
    if vm.state in (State.running, State.lost):
        return 0
    if vm.state is State.waiting:
        return 2
    return 3 if vm.state is State.done else 1


def _bar(vm: VmJob) -> "ProgressBar":
    from rich.progress_bar import ProgressBar

    if vm.state is State.waiting:
        return ProgressBar(total=1.0, completed=0.0, width=BAR)
    if vm.state.has_ended:
        colour = COLOURS[vm.state]
        return ProgressBar(total=1.0, completed=1.0, width=BAR, complete_style=colour, finished_style=colour)
    if vm.progress is None:
        return ProgressBar(total=None, width=BAR, pulse=True)
    return ProgressBar(total=1.0, completed=vm.progress, width=BAR)


def _rate(vm: VmJob, now: datetime) -> str:
    """``≈ 85 MiB/s``: what the disks' progress amounts to; the server tells a fraction, no bytes."""
    if vm.step is not Step.disks or vm.state is not State.running or not vm.progress or vm.step_started is None:
        return ""
    passed = (now - vm.step_started).total_seconds()
    if passed < SETTLED or not vm.move.travelling:
        return ""
    return f"≈ {rate(vm.move.travelling * vm.progress / passed)}"


def _left(vm: VmJob, now: datetime) -> str:
    """``≈ 6 min left`` of the present step, else for how long it has been going on."""
    if vm.state.has_ended:
        if vm.started is None or vm.ended is None:
            return ""
        return duration((vm.ended - vm.started).total_seconds())
    remaining = vm.remaining(now)
    if remaining is not None:
        return _("≈ {time} left", time=duration(remaining))
    if vm.state is State.running and vm.started is not None:
        return duration((now - vm.started).total_seconds())
    return ""


def _summary(job: Job, now: datetime) -> str:
    """``3 of 12 done, 2 moving, 7 waiting · 4 min``"""
    states = [vm.state for vm in job.vms]
    done, waiting = states.count(State.done), states.count(State.waiting)
    moving = states.count(State.running) + states.count(State.lost)
    wrong = len(states) - done - waiting - moving
    parts = [_("{done} of {all} done", done=done, all=len(states))]
    if moving:
        parts.append(n_("{n} moving", "{n} moving", moving))
    if waiting:
        parts.append(n_("{n} waiting", "{n} waiting", waiting))
    if wrong:
        parts.append(n_("{n} not moved", "{n} not moved", wrong))
    return f"{', '.join(parts)} · {duration((now - job.created).total_seconds())}"
