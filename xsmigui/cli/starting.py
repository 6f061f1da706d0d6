"""A job of the command line, from the question before it to the exit status."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from xsmigui.console import (
    DONE,
    FAILED,
    REFUSED,
    Progress,
    confirmed,
    print_document,
    print_problems,
    say,
    show_outcome,
    write_report,
)
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.text import _, joined
from xsmigui.services.jobs import Jobs

After = Callable[[], Awaitable[dict[str, object]]]
"""What is done when a job has ended; what it answers joins the JSON document."""


async def start(
    options: argparse.Namespace,
    evaluation: Evaluation,
    jobs: Jobs,
    before: Callable[[], Awaitable[None]] | None = None,
    after: After | None = None,
) -> int:
    """Carry out what was selected, if nothing stands against it and it is agreed to; `before` is done first then."""
    if evaluation.plan is None:
        if options.json:
            problems = [problem.as_json() for problem in evaluation.problems]
            print_document({"job": None, "state": "failed", "vms": [], "problems": problems}, True)
        print_problems([p for p in evaluation.problems if p.blocks], sys.stderr)
        return REFUSED
    if not options.yes and not await confirmed(evaluation):
        return not_agreed(options)
    if before is not None:
        await before()
    jobs.subscribe(Progress())
    return await to_the_end(options, jobs, jobs.start(evaluation.plan), after)


async def to_the_end(options: argparse.Namespace, jobs: Jobs, job: Job, after: After | None = None) -> int:
    """Wait for a job and say what became of it."""
    try:
        job = await jobs.wait(job.id)
    except asyncio.CancelledError:
        job = jobs.get(job.id)
        going = [vm.move.vm.name for vm in job.vms if vm.state in (State.running, State.lost)]
        waiting = [vm.move.vm.name for vm in job.vms if vm.state is State.waiting]
        if going:
            say(_("Interrupted. This goes on in the servers: {names}.", names=joined(going)))
        if waiting:
            say(_("This was not started: {names}.", names=joined(waiting)))
        say(_("The journal keeps it: xsmigui jobs --resume {job}", job=job.id))
        if options.json:
            print_document(job.as_json() | {"state": "interrupted"}, True)
        raise
    if getattr(options, "report", None):
        await asyncio.to_thread(write_report, job, Path(options.report))
    more = await after() if after is not None else {}
    if options.json:
        print_document(job.as_json() | more, True)
    else:
        show_outcome(job)
    return DONE if job.state is State.done else FAILED


def not_begun(options: argparse.Namespace, reason: str) -> int:
    """Nothing was begun, for a reason that is no problem of a VM."""
    say(reason)
    if options.json:
        print_document({"job": None, "state": "failed", "vms": [], "problems": []}, True)
    return REFUSED


def not_agreed(options: argparse.Namespace) -> int:
    """Nobody has agreed to it."""
    if options.json:
        print_document({"job": None, "state": "cancelled", "vms": [], "problems": []}, True)
    return REFUSED
