"""Everything that is unfinished, carried out without a window until nothing is left that can go on."""

import argparse
import asyncio
import logging
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from xsmigui.cli.answering import answer
from xsmigui.cli.connecting import Refusing
from xsmigui.cli.journal import tell_set_aside
from xsmigui.cli.resuming import resume_line
from xsmigui.console import DONE, FAILED, INTERRUPTED, NO_CONNECTION, BadArguments, say, show_outcome
from xsmigui.core.jobs import Job, State
from xsmigui.core.journal import Waiting
from xsmigui.core.text import _, joined, n_
from xsmigui.local import paths
from xsmigui.local.clock import SystemClock
from xsmigui.local.journal import JournalFile
from xsmigui.local.keyring import Keyring
from xsmigui.local.proxies import proxies
from xsmigui.local.settings import SettingsFile
from xsmigui.local.trust import GivenTrust, TrustFile
from xsmigui.services.asking import Asker
from xsmigui.services.connections import Connections
from xsmigui.services.jobs import FOLLOW_AT_MOST_S, Jobs
from xsmigui.services.patience import LOOK_INTERVAL_S, Hopeless, until_hopeless
from xsmigui.services.store import Store
from xsmigui.services.succession import Answer, Inheritance, NotConnected, connect, decode

log = logging.getLogger(__name__)

LET_GO_WITHIN_S: Final = 600.0
"""Seconds that the window has to end after it has been told that we are ready; it may wait for a full disk."""


@dataclass(slots=True)
class _Ends:
    """How it went on: with a request for the jobs, or until they have ended or stand still."""

    asked: bool = False
    hopeless: dict[str, Hopeless] = field(default_factory=dict)
    """Why those are left that stand still, by job."""

    @property
    def refused(self) -> bool:
        return any(why.refused for why in self.hopeless.values())


async def carry_on(options: argparse.Namespace, jobs: Jobs, journal: JournalFile) -> int:
    """Take up all that is unfinished and nobody carries out, continue what is on hold, and bring it to its end."""
    try:
        taken = await jobs.take_up()
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    if not taken:
        return nothing_left(options)
    doubts = [doubt for job in taken if (doubt := jobs.doubt(job.id))]
    if doubts and not options.same_pool:
        raise BadArguments(f"{doubts[0]} " + _("Add --same-pool to resume it anyway."))
    for job in taken:
        if doubts:
            jobs.vouch(job.id)
        jobs.proceed(job.id)
    count = sum(1 for job in taken for vm in job.vms if not vm.is_over)
    say(n_("{n} VM is carried on.", "{n} VMs are carried on.", count))
    try:
        ends = await _until_the_end(jobs, journal, [job.id for job in taken], options.patience * 60)
    except asyncio.CancelledError:
        interrupted = Hopeless(_("Interrupted."), "interrupted")
        found = [jobs.get(job.id) for job in taken]
        _report(options, found, _Ends(hopeless={job.id: interrupted for job in found if not job.has_ended}))
        raise
    if ends.asked:
        say(_("Another xsmigui has taken the jobs over."))
        answer(options, {"jobs": [], "taken_over": [job.id for job in taken]})
        return DONE
    return _report(options, [jobs.get(job.id) for job in taken], ends)


def nothing_left(options: argparse.Namespace) -> int:
    """There was nothing to carry on."""
    say(_("Nothing is unfinished."))
    answer(options, {"jobs": []})
    return DONE


async def take_over(options: argparse.Namespace) -> int:
    """Go on where a window ends: it hands over its servers and jobs as a line on stdin, reads a line on stdout
    when everything is connected, and ends. Returns when nothing is left that can go on."""
    del options
    line = await asyncio.to_thread(sys.stdin.buffer.readline)
    try:
        given = decode(line)
    except ValueError:
        raise BadArguments(_("--handed-over is for the program itself.")) from None
    home = paths.home()
    trust, store, clock = GivenTrust(TrustFile(home), [], False), Store(), SystemClock()
    from xsmigui.xapi.connection import XapiWire

    wire = XapiWire(proxy_of=proxies(SettingsFile(home).now))
    connections = Connections(store, wire, trust, Keyring(), Refusing(trust), clock)
    journal = JournalFile(home, tell_set_aside)
    jobs = Jobs(store, connections, Asker(connections.gateway), clock, journal)
    jobs.limit = given.limit
    try:
        try:
            await connect(connections, given.servers, clock)
        except NotConnected as failure:
            _answer(Answer(False, str(failure)))
            return NO_CONNECTION
        _answer(Answer(True))
        if not await _until_left(journal, given):
            log.info("the window has kept its jobs")
            return DONE
        taken = await jobs.take_up()
        log.info("goes on without a window: %s", [job.id for job in taken])
        await _until_the_end(jobs, journal, [job.id for job in taken], FOLLOW_AT_MOST_S)
        log.info("nothing is left that goes on without a window")
        return DONE
    finally:
        await jobs.shut_down()
        await journal.close()
        await connections.shut_down()


def _answer(answer: Answer) -> None:
    sys.stdout.buffer.write(answer.encode())
    sys.stdout.buffer.flush()


async def _until_left(journal: JournalFile, given: Inheritance) -> bool:
    """Until the window no longer carries out the jobs; False where it has kept them."""
    waited = 0.0
    while waited < LET_GO_WITHIN_S:
        found = await journal.elsewhere()
        if found is not None and not {each.job.id for each in found} & set(given.jobs):
            return True
        await asyncio.sleep(LOOK_INTERVAL_S / 5)
        waited += LOOK_INTERVAL_S / 5
    return False


async def _until_the_end(jobs: Jobs, journal: JournalFile, names: list[str], patience: float) -> _Ends:
    """Until the jobs have ended, stand still, or are asked for by another process, which then has them."""
    journal.give_on_request()
    ends = _Ends()
    waits = [asyncio.ensure_future(_until_at_rest(jobs, name, patience)) for name in names]
    asked = asyncio.ensure_future(_until_asked(journal))
    telling = asyncio.ensure_future(_tell_waits(jobs, journal, names, patience))
    rest = asyncio.gather(*waits)
    try:
        await asyncio.wait((rest, asked), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            await jobs.hand_over()
            ends.asked = True
        else:
            results = zip(names, rest.result(), strict=True)
            ends.hopeless = {name: why for name, why in results if why is not None}
    finally:
        for future in (*waits, asked, telling):
            future.cancel()
        await asyncio.gather(*waits, asked, telling, rest, return_exceptions=True)
    return ends


async def _tell_waits(jobs: Jobs, journal: JournalFile, names: list[str], patience: float) -> None:
    """Tell whoever looks into the journal which servers are waited for, and until when; without end."""
    clock = SystemClock()
    told: Waiting | None = None
    while True:
        waits = waiting_for(jobs, names, clock.now(), patience, told)
        if waits != told:
            try:
                journal.wait_for(waits)
                told = waits
            except OSError as error:
                log.warning("%s", error)
        await clock.sleep(LOOK_INTERVAL_S)


def waiting_for(
    jobs: Jobs, names: list[str], now: datetime, patience: float, before: Waiting | None = None
) -> Waiting | None:
    """Which servers these jobs wait for; None if for none. The end of their patience stays as it was `before`, as long
    as it is for the same ones."""
    left = [name for name in names if not jobs.get(name).has_ended]
    servers = tuple(dict.fromkeys(server for name in left for server in jobs.out_of_reach(name)))
    if not servers:
        return None
    if before is not None and before.servers == servers:
        return before
    troubles = [trouble for name in left if (trouble := jobs.trouble(name)) is not None]
    passed = max((trouble.seconds for trouble in troubles), default=0.0)
    return Waiting(servers, now + timedelta(seconds=max(0.0, patience - passed)))


async def _until_asked(journal: JournalFile) -> None:
    clock = SystemClock()
    while not journal.is_asked_for():
        await clock.sleep(LOOK_INTERVAL_S / 2)


async def _until_at_rest(jobs: Jobs, name: str, patience: float) -> Hopeless | None:
    """Until a job has ended, or what is left of it waits for the operator, and why."""
    hopeless = asyncio.ensure_future(until_hopeless(jobs, name, SystemClock(), patience))
    ended = asyncio.ensure_future(jobs.wait(name))
    try:
        await asyncio.wait((ended, hopeless), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return None
        why = hopeless.result()
        log.warning("%s: %s", name, why.reason)
        return why
    finally:
        for future in (ended, hopeless):
            future.cancel()
        await asyncio.gather(ended, hopeless, return_exceptions=True)


def _report(options: argparse.Namespace, ended: list[Job], ends: _Ends) -> int:
    """Say what became of the jobs; the exit status."""
    left = [job for job in ended if any(not vm.is_over for vm in job.vms)]
    documents = [job.as_json() | (_left_over(options, job, ends) if job in left else {}) for job in ended]
    answer(options, {"jobs": documents})
    if not options.json:
        for job in ended:
            show_outcome(job)
    for job in left:
        names = joined([vm.move.vm.name for vm in job.vms if not vm.is_over])
        if job.id in ends.hopeless:
            say(ends.hopeless[job.id].reason)
        say(_("This can be resumed: {names}.", names=names))
        say(f"  {resume_line(options, job)}")
    if left:
        return NO_CONNECTION if ends.refused else INTERRUPTED
    return DONE if all(job.state in (State.done, State.cancelled) for job in ended) else FAILED


def _left_over(options: argparse.Namespace, job: Job, ends: _Ends) -> dict[str, object]:
    """Why a job has not come to its end, and the line that takes it up, for `--json`."""
    why = ends.hopeless.get(job.id)
    told: dict[str, object] = {"code": "unclear"} if why is None else {"reason": why.reason, "code": why.code}
    return told | {"resume": resume_line(options, job)}
