"""A job of the command line, from the question before it to the exit status."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

from xsmigui.cli.later import until
from xsmigui.cli.progress import watching
from xsmigui.cli.resuming import resume_line
from xsmigui.console import (
    DONE,
    FAILED,
    NO_CONNECTION,
    NOT_AGREED,
    REFUSED,
    confirmed,
    print_document,
    print_problems,
    say,
    show_outcome,
    write_report,
)
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.text import _, joined
from xsmigui.local.clock import SystemClock
from xsmigui.services.jobs import Jobs

After = Callable[[], Awaitable[dict[str, object]]]
"""What is done when a job has ended; what it answers joins the JSON document."""


async def start(
    options: argparse.Namespace,
    evaluation: Evaluation,
    jobs: Jobs,
    before: Callable[[], Awaitable[None]] | None = None,
    after: After | None = None,
    left_out: Sequence[LeftOut] = (),
    not_before: datetime | None = None,
) -> int:
    """Carry out what was selected, if nothing stands against it and it is agreed to; `before` is done first then, and
    nothing before the time `not_before`."""
    if evaluation.plan is None:
        if options.json:
            problems = [problem.as_json() for problem in evaluation.problems]
            print_document(nothing("failed", "refused", problems) | left_json(options, left_out), True)
        print_problems([p for p in evaluation.problems if p.blocks], sys.stderr)
        return REFUSED
    if not options.yes and not await confirmed(evaluation, left_out):
        return not_agreed(options)
    if options.yes and left_out:
        say(_("Left out: {names}.", names=joined([vm.name for vm in left_out])))
    if not_before is not None:
        await _wait(options, not_before)
    if before is not None:
        await before()
    plan, more = evaluation.plan, left_json(options, left_out)

    async def ended() -> dict[str, object]:
        return more | (await after() if after is not None else {})

    return await to_the_end(options, jobs, lambda: jobs.start(plan), ended)


async def _wait(options: argparse.Namespace, time: datetime) -> None:
    """Until it is time. Whoever interrupts this has started nothing."""
    shown = f"{time.astimezone():%Y-%m-%d %H:%M}"
    say(_("Waiting until {time}; nothing is started before. Ctrl+C gives it up.", time=shown))
    try:
        await until(time, SystemClock())
    except asyncio.CancelledError:
        say(_("Nothing was started."))
        if options.json:
            print_document(nothing("cancelled", "interrupted"), True)
        raise


async def to_the_end(
    options: argparse.Namespace, jobs: Jobs, begin: Callable[[], Job], after: After | None = None
) -> int:
    """Begin a job, show how it goes on until it has ended, and say what became of it."""
    watcher = watching(SystemClock())
    jobs.subscribe(watcher)
    try:
        job = begin()
        try:
            job = await jobs.wait(job.id)
        finally:
            await watcher.close()
    except asyncio.CancelledError:
        job = jobs.get(job.id)
        going = [vm.move.vm.name for vm in job.vms if vm.state in (State.running, State.lost)]
        waiting = [vm.move.vm.name for vm in job.vms if vm.state is State.waiting]
        if going:
            say(_("Interrupted. This goes on in the servers: {names}.", names=joined(going)))
        if waiting:
            say(_("This was not started: {names}.", names=joined(waiting)))
        resume = resume_line(options, job.id)
        say(_("The journal keeps it. Take it up with:"))
        say(f"  {resume}")
        if options.json:
            print_document(job.as_json() | {"state": "interrupted", "resume": resume}, True)
        raise
    if getattr(options, "report", None):
        await asyncio.to_thread(write_report, job, Path(options.report))
    more = await after() if after is not None else {}
    if options.json:
        print_document(job.as_json() | more, True)
    else:
        show_outcome(job)
    return DONE if job.state is State.done else FAILED


def not_begun(options: argparse.Namespace, reason: str, lost: bool = False) -> int:
    """Nothing was begun, for a reason that is no problem of a VM; `lost` where that is a connection."""
    say(reason)
    if options.json:
        print_document(nothing("failed", "no-connection" if lost else "refused"), True)
    return NO_CONNECTION if lost else REFUSED


def not_agreed(options: argparse.Namespace) -> int:
    """Nobody has agreed to it."""
    if options.json:
        print_document(nothing("cancelled", "not-agreed"), True)
    return NOT_AGREED


def left_json(options: argparse.Namespace, left_out: Sequence[LeftOut]) -> dict[str, object]:
    """Who was left out, for the document of a migration that was asked to leave out what is blocked."""
    if options.command not in ("migrate", "preflight") or not options.leave_out_blocked:
        return {}
    left = [
        {"uuid": vm.uuid, "name": vm.name, "reason": vm.problem.sentence(), "problems": [vm.problem.as_json()]}
        for vm in left_out
    ]
    return {"left": left}


def nothing(state: str, reason: str, problems: Sequence[dict[str, object]] = ()) -> dict[str, object]:
    """The document of a command that has started no job: refused by the checks, not agreed to, no connection,
    interrupted before its time, or nothing to move."""
    return {"job": None, "state": state, "reason": reason, "vms": [], "problems": list(problems)}
