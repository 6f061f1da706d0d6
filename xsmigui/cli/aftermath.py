"""What may be done about a job that did not succeed: plan it again, remove what it left, let its VMs be started, forget
it. Each is one line that `xsmigui jobs --show` prints."""

import argparse
import sys
from collections.abc import Iterable

from xsmigui.cli.answering import answer, no_job, refused
from xsmigui.cli.starting import start
from xsmigui.console import DONE, FAILED, NO_CONNECTION, NOT_AGREED, BadArguments, agreed, print_table, say
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.leftovers import Leftover
from xsmigui.core.migration.plan import PlanRefused
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _, joined, n_
from xsmigui.core.units import size
from xsmigui.local import paths
from xsmigui.local.journal import JournalFile
from xsmigui.services.desk import Desk
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store


async def forget(options: argparse.Namespace) -> int:
    """Take a job out of the journal; no server is asked."""
    journal = JournalFile(paths.home())
    try:
        if not options.yes and not await agreed_to(_("{job} will be removed from the journal.", job=options.forget)):
            return no_job(options, NOT_AGREED)
        if not await journal.forget(options.forget):
            text = _("The journal has no job {job}, or another xsmigui is carrying it out.", job=options.forget)
            raise BadArguments(text)
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    finally:
        await journal.close()
    say(_("{job} was removed from the journal. Nothing was changed on the servers.", job=options.forget))
    answer(options, {"job": options.forget, "forgotten": True})
    return DONE


async def look_after(options: argparse.Namespace, jobs: Jobs, store: Store, desk: Desk) -> int:
    """Retry, leftovers or allow-start, of the job that was named."""
    name = options.retry or options.leftovers or options.allow_start
    try:
        known = {job.id: job for job in await jobs.past_and_present()}
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    if name not in known:
        raise BadArguments(_("The journal has no job {job}.", job=name))
    job = known[name]
    if options.retry:
        return await _retry(options, job, jobs, desk)
    missing = [p.name for p in (job.plan.source, job.plan.target) if not store.is_connected(PoolId(p.uuid))]
    if missing:
        raise BadArguments(
            _("The job needs a connection to {pools} as well.", pools=joined(list(dict.fromkeys(missing))))
        )
    try:
        if options.leftovers:
            return await _remove_leftovers(options, list(known.values()), job, desk)
        return await _allow_start(options, job, desk)
    except WIRE_ERRORS as failure:
        text = " ".join(part for part in sentence(failure) if part)
        return refused(options, FAILED if isinstance(failure, ServerFailure) else NO_CONNECTION, text)


async def _retry(options: argparse.Namespace, job: Job, jobs: Jobs, desk: Desk) -> int:
    """The plan of what did not succeed, judged as everything stands now."""
    if all(vm.state is State.done for vm in job.vms):
        raise BadArguments(_("Everything in {job} has succeeded.", job=job.id))
    try:
        draft = desk.again(job)
    except PlanRefused as gone:
        raise BadArguments(_("{name} is no longer there.", name=str(gone))) from None
    return await start(options, await desk.settled(draft), jobs)


async def _remove_leftovers(options: argparse.Namespace, jobs: Iterable[Job], job: Job, desk: Desk) -> int:
    found = [left for left in desk.leftovers(jobs) if left.job == job.id]
    _show(found)
    removed = 0
    if found:
        question = n_("{n} virtual disk is removed for good.", "{n} virtual disks are removed for good.", len(found))
        if not options.yes and not await agreed_to(question):
            return no_job(options, NOT_AGREED)
        removed = await desk.remove_leftovers(found)
    answer(options, {"job": job.id, "found": [left.uuid for left in found], "removed": removed})
    if removed < len(found):
        say(_("Some were kept: they are in use, or their VM is being moved or was not found complete."))
        return FAILED
    return DONE


def _show(found: list[Leftover]) -> None:
    if not found:
        say(_("It has left nothing there."))
        return
    rows: list[tuple[str, ...]] = [(_("Disk"), _("VM"), _("SR"), _("Size"), _("UUID"))]
    rows += [(left.name, left.vm, left.sr, size(left.size), left.uuid) for left in found]
    print_table(rows, sys.stderr)
    for proof in dict.fromkeys(left.proof for left in found):
        say(proof)


async def _allow_start(options: argparse.Namespace, job: Job, desk: Desk) -> int:
    if any(not vm.state.has_ended for vm in job.vms):
        raise BadArguments(_("{job} has not ended: resume it, or roll it back.", job=job.id))
    question = _("Its blocks and marks are removed. The VMs keep the disks that are attached now.")
    if not options.yes and not await agreed_to(question):
        return no_job(options, NOT_AGREED)
    released = await desk.allow_start(job)
    if released:
        say(_("{vms} can be started and changed again.", vms=joined(released)))
    else:
        say(_("Nothing of this job was found there."))
    answer(options, {"job": job.id, "released": released})
    return DONE


async def agreed_to(what: str) -> bool:
    say(what)
    return await agreed()
