"""The journal: looked at, taken up, put back."""

import argparse
import asyncio
from datetime import datetime
from pathlib import Path

from xsmigui.cli.aftermath import agreed_to
from xsmigui.cli.answering import answer, no_job
from xsmigui.cli.resuming import step_line
from xsmigui.cli.starting import to_the_end
from xsmigui.console import (
    BAD_ARGUMENTS,
    DONE,
    NOT_AGREED,
    BadArguments,
    job_document,
    print_table,
    say,
    show_job,
    state_word,
    write_report,
)
from xsmigui.core.jobs import Job, differs_afterwards
from xsmigui.core.journal import SetAside, Unreadable, Waiting
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.kept import doubtful_question
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _, joined
from xsmigui.core.triage import accept_question
from xsmigui.local import paths
from xsmigui.local.journal import JournalFile
from xsmigui.services.desk import Desk, WayBack
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store


async def show_jobs(options: argparse.Namespace) -> int:
    """Show the journal, or one job of it; no server is asked."""
    if options.report and not options.show:
        raise BadArguments(_("--report belongs to --show, --resume or --revert."))
    journal = JournalFile(paths.home(), tell_set_aside)
    try:
        found = await journal.all()
        waits = {each.job.id: each.waits for each in await journal.elsewhere() or [] if each.waits is not None}
        unreadable = await journal.unreadable()
        if options.show and options.show not in {job.id for job in found}:
            refuse_unreadable(unreadable, options.show)
        job = _named(found, options.show) if options.show else None
        history = await journal.history(job.id) if job is not None else []
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    finally:
        await journal.close()
    if job is not None:
        if options.report and not await asyncio.to_thread(write_report, job, Path(options.report)):
            return no_job(options, BAD_ARGUMENTS)
        show_job(job, history, options.json, lambda do: step_line(job, do))
    elif options.json:
        document: dict[str, object] = {"jobs": [job_document(job) | _waits(waits.get(job.id)) for job in found]}
        if unreadable:
            document["unreadable"] = [bad.as_json() for bad in unreadable]
        answer(options, document)
    else:
        rows: list[tuple[str, ...]] = [(_("Job"), _("Started"), _("State"), _("VMs"))]
        for each in found:
            names = joined([vm.move.vm.name for vm in each.vms])
            rows.append((each.id, _day(each.created), state_word(each), names))
        for bad in unreadable:
            started = _day(bad.created) if bad.created is not None else "?"
            rows.append((bad.id, started, _("cannot be read"), joined(bad.vms)))
        print_table(rows)
        for bad in unreadable:
            say(_("The journal cannot be read here: {what}", what=bad.sentence()))
        for name, each_waits in waits.items():
            say(_("{job} continues without a window and {waits}.", job=name, waits=each_waits.sentence()))
    return DONE


def _waits(waits: Waiting | None) -> dict[str, object]:
    """What a job waits for, in the form that the command line promises."""
    return {"waits": {"servers": list(waits.servers), "until": waits.until.isoformat()}} if waits is not None else {}


def tell_set_aside(aside: SetAside) -> None:
    """A damaged journal was put aside: where it lies."""
    say(aside.sentence())


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def refuse_unreadable(unreadable: list[Unreadable], name: str) -> None:
    for bad in unreadable:
        if bad.id == name:
            raise BadArguments(_("The journal cannot be read here: {what}", what=bad.sentence()))


def _named(found: list[Job], name: str) -> Job:
    job = next((job for job in found if job.id == name), None)
    if job is None:
        raise BadArguments(_("The journal has no job {job}.", job=name))
    return job


async def take_up(options: argparse.Namespace, jobs: Jobs, store: Store, desk: Desk) -> int:
    """Bring an unfinished job to its end, or put back what a job has copied, whether it has ended or not."""
    wanted = options.resume or options.revert or options.accept
    try:
        if options.accept and not await _accepted(options, jobs):
            return no_job(options, NOT_AGREED)
        found = await jobs.take_up(wanted, accept=bool(options.accept))
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    if not found and options.revert:
        back = await _way_back(jobs, desk, wanted)
        if back is not None:
            is_sure = options.yes or not back.doubtful
            if not is_sure and not await agreed_to(doubtful_question(back.doubtful)):
                return no_job(options, NOT_AGREED)
            return await to_the_end(options, jobs, lambda: desk.start(back.plan))
    if not found:
        refuse_unreadable(await jobs.unreadable(), wanted)
        text = _("There is no unfinished job {job}, or another xsmigui is carrying it out.", job=wanted)
        raise BadArguments(text)
    (job,) = found
    if not options.same_pool and (doubt := jobs.doubt(job.id)):
        raise BadArguments(f"{doubt} " + _("Add --same-pool to resume it anyway."))
    missing = [p.name for p in (job.plan.source, job.plan.target) if not store.is_connected(PoolId(p.uuid))]
    if missing:
        names = joined(list(dict.fromkeys(missing)))
        raise BadArguments(_("The job needs a connection to {pools} as well.", pools=names))

    def begin() -> Job:
        if options.same_pool:
            jobs.vouch(job.id)
        if options.revert:
            jobs.undo(job.id)
        else:
            jobs.proceed(job.id)
        return job

    return await to_the_end(options, jobs, begin)


async def _accepted(options: argparse.Namespace, jobs: Jobs) -> bool:
    """Whether the operator keeps new disks whose content was found to differ. Raises `BadArguments` where there are
    none, `OSError`."""
    known = {job.id: job for job in await jobs.past_and_present()}
    job = known.get(options.accept)
    names = [vm.move.vm.name for vm in job.vms if differs_afterwards(vm)] if job is not None else []
    if job is not None and not names:
        raise BadArguments(_("Nothing of {job} is to be accepted: no content was found to differ.", job=job.id))
    question = accept_question(names)
    return job is None or options.yes or await agreed_to(question)


async def _way_back(jobs: Jobs, desk: Desk, wanted: str) -> WayBack | None:
    """What undoes a job that has ended; None if there is nothing to put back. Raises `OSError`."""
    known = {job.id: job for job in await jobs.past_and_present()}
    try:
        return desk.way_back(wanted, known.get(wanted))
    except DisksRefused as refused:
        raise BadArguments(str(refused)) from None
