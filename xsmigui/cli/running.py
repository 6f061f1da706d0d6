"""One command with its connections: made, used, and ended."""

import argparse
import asyncio
import logging

from xsmigui.cli.aftermath import look_after
from xsmigui.cli.answering import answer, refused
from xsmigui.cli.carrying_on import carry_on, nothing_left
from xsmigui.cli.connecting import Refusing, chosen_proxy, connect
from xsmigui.cli.evacuating import evacuate
from xsmigui.cli.journal import refuse_unreadable, take_up, tell_set_aside
from xsmigui.cli.later import times_in
from xsmigui.cli.options import WITH_SERVERS
from xsmigui.cli.resuming import members_of, servers_of
from xsmigui.cli.selecting import evaluate, evaluate_disks, leaving_out_blocked
from xsmigui.cli.starting import follow, left_json, start
from xsmigui.console import DONE, NO_CONNECTION, REFUSED, BadArguments, print_document, say, show_evaluation
from xsmigui.core.jobs import Job
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.outline_nodes import Link
from xsmigui.core.survey import survey
from xsmigui.core.text import _
from xsmigui.local import paths
from xsmigui.local.clock import SystemClock
from xsmigui.local.journal import JournalFile
from xsmigui.local.keyring import Keyring
from xsmigui.local.settings import SettingsFile
from xsmigui.local.trust import GivenTrust, TrustFile
from xsmigui.services.asking import Asker
from xsmigui.services.connections import Connections
from xsmigui.services.desk import Desk
from xsmigui.services.jobs import Jobs
from xsmigui.services.members import Members
from xsmigui.services.server_states import Server
from xsmigui.services.store import Store

log = logging.getLogger(__name__)


async def run(options: argparse.Namespace) -> int:
    """Connect, do it, and log out."""
    trust = GivenTrust(TrustFile(paths.home()), options.fingerprint, options.trust_on_first_use)
    store = Store()
    clock = SystemClock()
    times = times_in(options, clock)  # what is no time is said at once
    from xsmigui.xapi.connection import XapiWire

    proxy_of = chosen_proxy(options)
    connections = Connections(store, XapiWire(proxy_of=proxy_of), trust, Keyring(), Refusing(trust), clock)
    asker = Asker(connections.gateway)
    journal = JournalFile(paths.home(), tell_set_aside)
    jobs = Jobs(store, connections, asker, clock, journal)
    desk = Desk(store, connections, asker, clock, jobs, lambda job: follow(options, jobs, lambda: job))
    try:
        known = await _known_jobs(options, journal)
        if not options.server:
            options.server = list(dict.fromkeys(url for job in known for url in servers_of(job)))
        if not known and options.command == "jobs" and options.carry_on:
            return nothing_left(options)
        if not options.server:
            raise BadArguments(_("Specify which servers to connect to: --server."))
        if wrong := await connect(options, connections, lambda url: _members(options, known, journal, url)):
            return refused(options, NO_CONNECTION, "\n".join(wrong))
        _end_with_a_server(connections, jobs)
        match options.command:
            case "inventory":
                document = survey(store.site(), {s.pool: s.address.url for s in connections.servers() if s.pool})
                answer(options, document)
                if not options.json:
                    print_document(document, False)
                return DONE
            case "preflight":
                await _see_others(jobs, journal)
                return _report_preflight(options, *await _evaluate(options, store, asker, desk))
            case "jobs" if options.retry or options.leftovers or options.allow_start:
                return await look_after(options, jobs, store, desk)
            case "jobs" if options.carry_on:
                return await carry_on(options, jobs, journal)
            case "jobs":
                return await take_up(options, jobs, store, desk)
            case "evacuate":
                return await evacuate(options, store, jobs, desk, times)
            case "move-disk":
                evaluation, left = await evaluate_disks(options, store, desk)
                return await start(options, evaluation, jobs, left_out=left, times=times)
            case _:
                evaluation, left = await _evaluate(options, store, asker, desk)
                return await start(options, evaluation, jobs, left_out=left, times=times)
    finally:
        await jobs.shut_down()
        await journal.close()
        await connections.shut_down()


async def _see_others(jobs: Jobs, journal: JournalFile) -> None:
    """What other processes carry out counts in what is free, as it does in the check before a run."""
    try:
        jobs.show_elsewhere({each.job.id: each for each in await journal.elsewhere() or []})
    except OSError as error:  # nothing is started, so that no journal is needed
        log.warning("%s", error)


async def _known_jobs(options: argparse.Namespace, journal: JournalFile) -> list[Job]:
    """The jobs that the command is about, if they are in this computer's journal: they know their servers."""
    if options.command != "jobs":
        return []
    try:
        found, unreadable = await journal.all(), await journal.unreadable()
        if options.carry_on:
            elsewhere = {each.job.id for each in await journal.elsewhere() or []}
            return [job for job in found if job.id not in elsewhere and any(not vm.is_over for vm in job.vms)]
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    wanted = next((name for each in WITH_SERVERS if (name := getattr(options, each))), "")
    known = [job for job in found if job.id == wanted]
    if not known and not options.server and not options.revert:  # what was copied can be put back without one
        refuse_unreadable(unreadable, wanted)
        raise BadArguments(_("The journal has no job {job}.", job=wanted))
    return known


async def _members(options: argparse.Namespace, known: list[Job], journal: JournalFile, url: str) -> Members:
    """The hosts of a server's pool, as the window remembers them, else as the latest job that knows it has noted them.
    Where fingerprints are given those of the window's memory do not count."""
    for server in SettingsFile(paths.home()).now.servers:
        if server.members and url in (server.url, *server.members):
            return dict.fromkeys(server.members, "") if options.fingerprint else dict(server.members)
    try:
        jobs = known or await journal.all()
    except OSError:
        return {}
    return next((found for job in jobs if (found := members_of(job, url))), {})


async def _evaluate(
    options: argparse.Namespace, store: Store, asker: Asker, desk: Desk
) -> tuple[Evaluation, tuple[LeftOut, ...]]:
    """What was selected, without what cannot move if so asked for, and who was left out."""
    evaluation = await evaluate(options, store, asker, desk)
    if not options.leave_out_blocked:
        return evaluation, ()
    return await leaving_out_blocked(evaluation, desk)


def _report_preflight(options: argparse.Namespace, evaluation: Evaluation, left: tuple[LeftOut, ...]) -> int:
    answer(options, evaluation.as_json() | left_json(options, left))
    if not options.json:
        show_evaluation(evaluation, left_out=left)
    return DONE if evaluation.plan is not None else REFUSED


def _end_with_a_server(connections: Connections, jobs: Jobs) -> None:
    """Interrupt the command where a server is given up (its certificate has changed, say): nobody is there to connect
    it again, and what needs it would wait without end. A job under way sees to that itself (`services.patience`)."""
    command = asyncio.current_task()
    assert command is not None

    def heard(server: Server) -> None:
        if server.link is Link.failed and not jobs.running:
            say(f"{server.name}: {server.detail}")
            command.cancel()

    connections.subscribe(heard)
