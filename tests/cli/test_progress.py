"""The display at a terminal, drawn from jobs as values; plain lines everywhere else."""

import io
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TextIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.core.migration.helpers import answered, away
from tests.core.site import TwoPools
from xsmigui.cli.progress import Display, Lines, picture, watching
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.local.clock import SystemClock

NOW = datetime(2026, 8, 21, 12, tzinfo=UTC)
STARTED = NOW - timedelta(seconds=100)


@pytest.fixture
def job() -> Job:
    site = TwoPools()
    plan = answered(site.site, away(site, site.web)).plan
    assert plan is not None
    return Job(id="job", plan=plan, created=STARTED, vms=(VmJob(move=plan.moves[0]),))


def under_way(job: Job, **fields: object) -> Job:
    running = {"state": State.running, "step": Step.disks, "started": STARTED, "step_started": STARTED, **fields}
    return replace(job, vms=(replace(job.vms[0], **running),))


def many(job: Job, *states: State) -> Job:
    vms = []
    for number, state in enumerate(states):
        move = replace(job.vms[0].move, vm=replace(job.vms[0].move.vm, name=f"vm-{number}"))
        vms.append(replace(job.vms[0], move=move, state=state, started=STARTED, ended=NOW))
    return replace(job, vms=tuple(vms))


def terminal(file: TextIO, width: int = 120, height: int = 20) -> Console:
    return Console(file=file, width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False)


def drawn(job: Job, width: int = 120, height: int = 20) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = terminal(file, width, height)
    console.print(picture(job, NOW, width, height))
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode().rstrip("\n").split("\n")


def test_a_vm_has_a_line_with_bar_rate_and_estimate(job: Job) -> None:
    size = job.vms[0].move.travelling
    (line,) = drawn(under_way(job, progress=0.25))
    assert "web → l1" in line
    assert "25 %" in line
    assert f"≈ {size * 0.25 / 100 / 2**20:.0f} MiB/s" in line
    assert "≈ 5 min left" in line
    assert "copying disks" in line
    assert re.search("[━╸]{5,}", line)


def test_a_narrow_terminal_goes_without_the_rate(job: Job) -> None:
    (line,) = drawn(under_way(job, progress=0.25), width=80)
    assert "25 %" in line
    assert "left" in line
    assert "/s" not in line
    assert len(line) <= 80


def test_nothing_is_estimated_at_the_beginning(job: Job) -> None:
    (line,) = drawn(under_way(job, progress=0.0, step_started=NOW))
    assert "left" not in line
    assert "/s" not in line


def test_memory_has_no_rate_that_anybody_could_know(job: Job) -> None:
    (line,) = drawn(under_way(job, progress=0.5, step=Step.memory))
    assert "/s" not in line
    assert "copying memory" in line


def test_all_are_counted(job: Job) -> None:
    *lines, last = drawn(many(job, State.done, State.done, State.running, State.waiting, State.failed))
    assert [line.split()[0] for line in lines] == [f"vm-{number}" for number in range(5)]
    assert last == "2 of 5 done, 1 moving, 1 waiting, 1 not moved · 2 min"


def test_what_does_not_fit_is_counted_and_what_moves_is_shown(job: Job) -> None:
    states = [State.done] * 50 + [State.running] * 2 + [State.failed] + [State.waiting] * 100
    *lines, last = drawn(many(job, *states), height=5)
    assert [line.split()[0] for line in lines] == ["vm-50", "vm-51", "vm-52", "vm-53"]
    assert last.startswith("50 of 153 done, 2 moving, 100 waiting, 1 not moved")


def test_a_name_is_no_markup(job: Job) -> None:
    vm = replace(job.vms[0], move=replace(job.vms[0].move, vm=replace(job.vms[0].move.vm, name="[bold]x[/] :smile:")))
    (line,) = drawn(replace(job, vms=(vm,)))
    assert "[bold]x[/] :smile:" in line


async def test_the_display_is_drawn_at_each_change_and_stays_at_the_end(job: Job) -> None:
    file = io.StringIO()
    display = Display(terminal(file), SystemClock())
    display(under_way(job, progress=0.5))
    assert "50 %" in file.getvalue()
    display(many(job, State.done))
    await display.close()
    display(many(job, State.failed))  # nobody looks any more
    assert "done" in file.getvalue().rpartition("━")[2]
    assert "failed" not in file.getvalue()


async def test_lines_are_said_once_for_each_step_and_tenth(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    watcher = watching(SystemClock())
    assert isinstance(watcher, Lines)  # stderr is no terminal here
    for number in range(101):
        watcher(under_way(job, progress=number / 100))
    watcher(replace(job, vms=(replace(job.vms[0], state=State.done, verified=True),)))
    await watcher.close()
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "web → l1: copying disks 0 %"
    assert err[-1] == "web → l1: done, and verified"
    assert len(err) == 12
    assert "\x1b" not in "".join(err)


async def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(watching(SystemClock()), Lines)
