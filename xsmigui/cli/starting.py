"""A job of the command line, from the question before it to the exit status."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from xsmigui.cli.answering import answer, no_job
from xsmigui.cli.later import Times, until
from xsmigui.cli.progress import watching
from xsmigui.cli.resuming import resume_line
from xsmigui.console import (
    DONE,
    FAILED,
    INTERRUPTED,
    NO_CONNECTION,
    NOT_AGREED,
    REFUSED,
    agreed,
    print_problems,
    say,
    show_evaluation,
    show_outcome,
    write_report,
)
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS, CertificateChanged, ServerFailure
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.text import _, joined, n_
from xsmigui.local.clock import SystemClock
from xsmigui.services.desk import NotDone
from xsmigui.services.jobs import Jobs
from xsmigui.services.patience import Hopeless, until_hopeless
from xsmigui.services.server_states import Trouble

After = Callable[[], Awaitable[dict[str, object]]]
"""What is done when a job has ended; what it answers joins the JSON document. With the `state` “failed” in it the
command has failed."""

NOW: Final = Times()
"""At once, and to the end."""


async def start(
    options: argparse.Namespace,
    evaluation: Evaluation,
    jobs: Jobs,
    before: Callable[[], Awaitable[None]] | None = None,
    after: After | None = None,
    left_out: Sequence[LeftOut] = (),
    times: Times = NOW,
) -> int:
    """Carry out what was selected, if nothing blocks it and it is agreed to; `before` is done first then, nothing
    before the one of the `times`, and nothing more is started from the other on."""
    if evaluation.plan is None:
        print_problems([p for p in evaluation.problems if p.blocks], sys.stderr)
        problems = [problem.as_json() for problem in evaluation.problems]
        return no_job(options, REFUSED, more={"problems": problems} | left_json(options, left_out))
    if not options.yes:
        show_evaluation(evaluation, sys.stderr, left_out)
        if not await agreed():
            return no_job(options, NOT_AGREED)
    if options.yes and left_out:
        say(_("Left out: {names}.", names=joined([vm.name for vm in left_out])))
    if times.not_before is not None:
        await _wait(times.not_before)
    if before is not None:
        await before()
    plan = replace(evaluation.plan, pause_at=times.pause_at)
    more = left_json(options, left_out)

    async def ended() -> dict[str, object]:
        return more | (await after() if after is not None else {})

    return await to_the_end(options, jobs, lambda: jobs.start(plan), ended)


async def _wait(time: datetime) -> None:
    """Until it is time. Whoever interrupts this has started nothing."""
    shown = f"{time.astimezone():%Y-%m-%d %H:%M}"
    say(_("Waiting until {time}; nothing starts before then. Press Ctrl+C to abandon it.", time=shown))
    try:
        await until(time, SystemClock())
    except asyncio.CancelledError:
        say(_("Nothing was started."))
        raise


class LeftUnfinished(Exception):
    """A job is no longer followed, and the reason was said: `status` is the exit status, `document` the answer."""

    def __init__(self, status: int, document: dict[str, object]) -> None:
        super().__init__(str(document["reason"]))
        self.status = status
        self.document = document


async def follow(options: argparse.Namespace, jobs: Jobs, begin: Callable[[], Job], answers: bool = False) -> Job:
    """Begin a job and show how it goes on until it has ended. Raises `LeftUnfinished` where there is no hope of that
    without a person. If it is interrupted that is the command's answer only where it `answers`."""
    watcher = watching(SystemClock())
    unsubscribe = jobs.subscribe(watcher)
    try:
        job = begin()
        try:
            hopeless = await _wait_for(jobs, job.id, options.patience * 60)
        finally:
            await watcher.close()
            unsubscribe()
    except asyncio.CancelledError:
        document = _left_unfinished(options, jobs.get(job.id), _("Interrupted."), "interrupted")
        if answers:
            answer(options, document)
        raise
    if hopeless is not None:
        job = jobs.get(job.id)
        document = _left_unfinished(options, job, hopeless.reason, hopeless.code, hopeless.trouble)
        raise LeftUnfinished(NO_CONNECTION if hopeless.refused else INTERRUPTED, document)
    return jobs.get(job.id)


async def to_the_end(
    options: argparse.Namespace, jobs: Jobs, begin: Callable[[], Job], after: After | None = None
) -> int:
    """Begin a job, show how it goes on until it has ended, and say what became of it."""
    try:
        job = await follow(options, jobs, begin, answers=True)
    except LeftUnfinished as left:
        answer(options, left.document)
        return left.status
    if getattr(options, "report", None):
        await asyncio.to_thread(write_report, job, Path(options.report))
    more = await _afterwards(options, job, after) if after is not None else {}
    unclear = [vm for vm in job.vms if not vm.is_over]
    more |= {"code": "unclear", "resume": resume_line(options, job)} if unclear else {}
    status = INTERRUPTED if unclear else _status(job, getattr(options, "revert", None), more)
    answer(options, job.as_json() | {"state": _state(job, status)} | more)
    if not options.json:
        show_outcome(job)
    if unclear:  # nobody can tell yet how it ends: that is no failure
        say(_("This can be resumed: {names}.", names=joined([vm.move.vm.name for vm in unclear])))
        say(f"  {more['resume']}")
    return status


async def _afterwards(options: argparse.Namespace, job: Job, after: After) -> dict[str, object]:
    """What is done after the job, and what that answers: the job is in the document whatever becomes of it."""
    try:
        return await after()
    except (*WIRE_ERRORS, NotDone, LeftUnfinished) as failure:
        is_lost = not isinstance(failure, ServerFailure | NotDone)
        text = (
            " ".join(part for part in sentence(failure) if part) if isinstance(failure, WIRE_ERRORS) else str(failure)
        )
        text = " ".join((text, _("Run this command again to finish what was to be done after the job.")))
        say(text)
        return {"state": "failed", "reason": "no-connection" if is_lost else "error", "error": text}
    except asyncio.CancelledError:
        text = _("Interrupted after the job. Run this command again to finish what was to be done then.")
        say(text)
        answer(options, job.as_json() | {"state": "interrupted", "reason": text, "code": "interrupted"})
        raise


def _status(job: Job, reverting: str | None, more: Mapping[str, object]) -> int:
    """The exit status of a job that has ended. Whoever has asked for the way back is served when everything is back;
    what was done after the job may have failed though the job did not."""
    if job.state is State.cancelled:
        return DONE if reverting else INTERRUPTED
    if more.get("reason") == "no-connection":
        return NO_CONNECTION
    return DONE if job.state is State.done and more.get("state") != "failed" else FAILED


def _state(job: Job, status: int) -> str:
    """The `state` of the document: of the whole command, as its exit status has it."""
    if status == INTERRUPTED:
        return str(job.state if job.state is State.cancelled else State.interrupted)
    return "done" if status == DONE else "failed"


async def _wait_for(jobs: Jobs, job: str, patience: float) -> Hopeless | None:
    """Until the job has ended, or has no hope of going on without a person."""
    ended = asyncio.ensure_future(jobs.wait(job))
    hopeless = asyncio.ensure_future(until_hopeless(jobs, job, SystemClock(), patience))
    try:
        await asyncio.wait((ended, hopeless), return_when=asyncio.FIRST_COMPLETED)
        return None if ended.done() else hopeless.result()
    finally:
        for future in (ended, hopeless):
            future.cancel()
        await asyncio.gather(ended, hopeless, return_exceptions=True)


def _left_unfinished(
    options: argparse.Namespace, job: Job, reason: str, code: str, trouble: Trouble | None = None
) -> dict[str, object]:
    """Say why a job is no longer followed, what goes on where, and how it is taken up again; the answer of a command
    that ends with that."""
    say(reason)
    plan = job.plan
    going = [vm for vm in job.vms if vm.state in (State.running, State.lost) and vm.has_begun]
    waiting = [vm for vm in job.vms if not vm.state.has_ended and vm not in going]
    if going:
        names = joined([vm.move.vm.name for vm in going])
        where = " → ".join(dict.fromkeys((plan.source.name, plan.target.name)))
        say(_("These continue on the servers ({pools}): {names}.", pools=where, names=names))
    if waiting:
        say(_("This was not started: {names}.", names=joined([vm.move.vm.name for vm in waiting])))
    ended = sum(1 for vm in job.vms if vm.state.has_ended)
    if ended:
        say(n_("{n} VM has ended.", "{n} VMs have ended.", ended))
    resume = resume_line(options, job, trouble)
    if trouble is not None and isinstance(trouble.failure, CertificateChanged):
        say(_("The journal keeps it. If the new certificate is right, this line trusts it and takes the job up:"))
    else:
        say(_("The journal keeps it. Resume it with:"))
    say(f"  {resume}")
    if trouble is not None and trouble.hosts:
        say(_("Other hosts of the pool, which are asked as well: {hosts}.", hosts=joined(list(trouble.hosts))))
    return job.as_json() | {"state": "interrupted", "reason": reason, "code": code, "resume": resume}


def left_json(options: argparse.Namespace, left_out: Sequence[LeftOut]) -> dict[str, object]:
    """Who was left out, for the document of a migration that was asked to leave out what is blocked; and what stays on
    an SR that is emptied, as `evaluate_disks` has found it."""
    staying = getattr(options, "staying", ())
    more: dict[str, object] = {"staying": list(staying)} if staying else {}
    if options.command not in ("migrate", "preflight", "move-disk") or not options.leave_out_blocked:
        return more
    left = [
        {"uuid": vm.uuid, "name": vm.name, "reason": vm.problem.sentence(), "problems": [vm.problem.as_json()]}
        for vm in left_out
    ]
    return more | {"left": left}
