"""The command line: the engine without a window.

What is printed on stdout under `--json` is one document and nothing else; everything said to a person goes to stderr.
The exit statuses are those of docs/architecture.md, "Command line".
"""

import argparse
import asyncio
import getpass
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from xsmigui import __version__
from xsmigui.console import (
    BAD_ARGUMENTS,
    DONE,
    FAILED,
    INTERRUPTED,
    NO_CONNECTION,
    REFUSED,
    BadArguments,
    Progress,
    agreed,
    confirmed,
    job_document,
    print_document,
    print_problems,
    print_table,
    say,
    show_evaluation,
    show_job,
    state_word,
    write_report,
)
from xsmigui.core.addresses import normal_url
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS, CertificateChanged, CertificateUnknown
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, State, step_text, title
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.draft import KEEP_DAYS, Draft
from xsmigui.core.migration.evacuation import AT_ONCE
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.kept import kept_sources, revert_plan
from xsmigui.core.migration.plan import FORMAT, Plan, PlanRefused
from xsmigui.core.migration.selection import Asked, SelectionRefused, disks_from, draft_from, host_from, network_from
from xsmigui.core.ports import Address
from xsmigui.core.refs import HostRef, PoolId
from xsmigui.core.survey import survey
from xsmigui.core.text import _, joined, use
from xsmigui.local import languages, logs, paths
from xsmigui.local.clock import SystemClock
from xsmigui.local.journal import JournalFile
from xsmigui.local.keyring import Keyring
from xsmigui.local.trust import GivenTrust, TrustFile
from xsmigui.services import maintenance
from xsmigui.services.asking import Asker
from xsmigui.services.connections import AlreadyConnected, Connections, Declined
from xsmigui.services.drafting import Drafting
from xsmigui.services.executor import judge_afresh
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store

log = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(
        prog="xsmigui", description=_("Move virtual machines and disks of XenServer, Citrix Hypervisor and XCP-ng.")
    )
    top.add_argument("--version", action="version", version=f"xsmigui {__version__}")
    top.add_argument("--demo", action="store_true", help=_("open the window on a simulated site"))
    top.add_argument("--lang", default="", choices=["", *languages.LANGUAGES], metavar="en|es", help=_("the language"))
    top.add_argument("--self-test", action="store_true", help=_("check this installation, and say what was found"))
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _simulate(commands.add_parser("simulate", help=_("serve simulated pools on this computer")))
    inventory = commands.add_parser("inventory", help=_("list pools, hosts, VMs and SRs"))
    _connection(inventory)
    preflight = commands.add_parser("preflight", help=_("check a migration and change nothing"))
    migrate = commands.add_parser("migrate", help=_("migrate VMs"))
    for command in (preflight, migrate):
        _connection(command)
        _selection(command)
    migrate.add_argument("--yes", action="store_true", help=_("start without asking"))
    migrate.add_argument("--report", metavar="DIR", help=_("write what became of it into this folder"))
    disks = commands.add_parser("move-disk", help=_("move virtual disks of VMs to another SR of their pool"))
    _connection(disks)
    disks.add_argument("--vdi", action="append", required=True, metavar="UUID")
    disks.add_argument("--sr", required=True, metavar="NAME|UUID")
    disks.add_argument("--storage-network", metavar="NAME|UUID")
    text = _("how long the sources of halted VMs' disks are kept; 0 removes them at once ({days} if left out)")
    disks.add_argument("--keep-source", type=int, metavar="DAYS", help=text.format(days=KEEP_DAYS))
    disks.add_argument("--yes", action="store_true", help=_("start without asking"))
    empty = commands.add_parser("evacuate", help=_("move all VMs off a host, for its maintenance"))
    _connection(empty)
    empty.add_argument("--host", required=True, metavar="NAME|UUID")
    empty.add_argument("--network", metavar="NAME|UUID", help=_("the network over which they leave"))
    text = _("how many leave at once ({number} if left out)")
    empty.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help=text.format(number=AT_ONCE))
    empty.add_argument("--leave", action="store_true", help=_("end the maintenance, and bring the VMs back"))
    empty.add_argument("--yes", action="store_true", help=_("start without asking"))
    empty.add_argument("--report", metavar="DIR", help=_("write what became of it into this folder"))
    jobs = commands.add_parser("jobs", help=_("show the journal; take up what was left unfinished"))
    which = jobs.add_mutually_exclusive_group()
    which.add_argument("--show", metavar="ID", help=_("everything that is known of one job"))
    which.add_argument("--resume", metavar="ID", help=_("take up an unfinished job and bring it to its end"))
    which.add_argument("--revert", metavar="ID", help=_("put back what a job has copied"))
    _connection(jobs, required=False)
    return top


def _simulate(command: argparse.ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group()
    source.add_argument("--scenario", default="two-pools", metavar="NAME")
    source.add_argument("--database", action="append", default=[], metavar="FILE.xml")
    command.add_argument("--vms", type=int, default=1000, metavar="N")
    command.add_argument("--listen", default="127.0.0.1:0", metavar="127.0.0.1:PORT")
    command.add_argument("--http", action="store_true")
    command.add_argument("--user", default="root")
    command.add_argument("--password", default="", metavar="PW")
    command.add_argument("--speed", type=float, default=1.0, metavar="X")
    command.add_argument("--seed", type=int, metavar="N")


def _connection(command: argparse.ArgumentParser, required: bool = True) -> None:
    group = command.add_argument_group(_("connection"))
    group.add_argument("--server", action="append", required=required, default=[], metavar="URL")
    group.add_argument("--user", default="root", metavar="U")
    group.add_argument("--password-stdin", action="store_true", help=_("read a line per server, or one for all"))
    trust = group.add_mutually_exclusive_group()
    trust.add_argument("--fingerprint", action="append", default=[], metavar="SHA256")
    trust.add_argument("--trust-on-first-use", action="store_true")
    group.add_argument("--json", action="store_true", help=_("print one JSON document"))


def _selection(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(_("selection"))
    group.add_argument("--plan", metavar="PLAN.json")
    group.add_argument("--vm", action="append", default=[], metavar="NAME|UUID")
    group.add_argument("--to", metavar="POOL|HOST")
    group.add_argument("--host", metavar="NAME|UUID")
    group.add_argument("--sr", metavar="NAME|UUID")
    group.add_argument("--disk", action="append", default=[], metavar="VDI=SR")
    group.add_argument("--network", action="append", default=[], metavar="VIF|MAC=NETWORK")
    group.add_argument("--storage-network", metavar="NAME|UUID")
    group.add_argument("--copy", action="store_true")
    group.add_argument("--compress", action="store_true")
    group.add_argument("--start-after", action="store_true")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments, in the language that they ask for. Raises `SystemExit` as argparse does."""
    language = _asked_language(arguments)
    use(languages.catalogue(languages.preferred(language), paths.resources()))
    return parser().parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Carry out a command; the answer is the exit status."""
    try:
        options = parse(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return carry_out(options)


def carry_out(options: argparse.Namespace) -> int:
    """Carry out a command that has been parsed; without one there is nothing to do."""
    if options.command is None:
        parser().print_usage(sys.stderr)
        return BAD_ARGUMENTS
    if options.command == "simulate":
        from xsmigui.simulator import command

        names = set(command.Options.__slots__) - {"databases", "seed", "same_identity"}
        fields = {name: getattr(options, name) for name in names}
        fields |= {"seed": options.seed or 0, "same_identity": options.seed is not None}
        return command.run(command.Options(databases=tuple(options.database), **fields))
    logs.start(paths.home())
    try:
        reads = options.command == "jobs" and not (options.resume or options.revert)
        if reads:
            with suppress(BrokenPipeError):  # whoever reads it has seen enough
                return asyncio.run(_until_interrupted(_jobs(options)))
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest goes nowhere, at the end too
            return DONE
        return asyncio.run(_until_interrupted(_run(options)))
    except BadArguments as error:
        say(str(error))
        return BAD_ARGUMENTS


def _asked_language(arguments: list[str]) -> str:
    """The language is needed before the arguments can be read: their help is in it."""
    for name, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if name == "--lang":
            return value
        if name.startswith("--lang="):
            return name.removeprefix("--lang=")
    return ""


async def _until_interrupted(work: Awaitable[int]) -> int:
    """Run; SIGINT and SIGTERM cancel the work, which then says what goes on."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: KeyboardInterrupt instead
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED


async def _run(options: argparse.Namespace) -> int:
    """Connect, do it, and log out."""
    if not options.server:
        raise BadArguments(_("Say which servers to connect to: --server."))
    trust = GivenTrust(TrustFile(paths.home()), options.fingerprint, options.trust_on_first_use)
    store = Store()
    clock = SystemClock()
    from xsmigui.xapi.connection import XapiWire

    connections = Connections(store, XapiWire(), trust, Keyring(), _Refusing(trust), clock)
    asker = Asker(connections.gateway)
    journal = JournalFile(paths.home())
    jobs = Jobs(store, connections, asker, clock, journal)
    try:
        if not await _connect(options, connections):
            return NO_CONNECTION
        match options.command:
            case "inventory":
                document = survey(store.site(), {s.pool: s.address.url for s in connections.servers() if s.pool})
                print_document(document, options.json)
                return DONE
            case "preflight":
                return _report_preflight(await _evaluate(options, store, asker, clock), options.json)
            case "jobs":
                return await _take_up(options, jobs, store)
            case "evacuate":
                return await _evacuate(options, store, asker, clock, jobs, connections)
            case "move-disk":
                evaluation = await _evaluate_disks(options, store, asker, clock)
                return await _start(options, evaluation, jobs)
            case _:
                return await _migrate(options, store, asker, clock, jobs)
    finally:
        await jobs.shut_down()
        await journal.close()
        await connections.shut_down()


class _Refusing:
    """The `Decisions` of the command line: nobody is asked; what the options don't allow is refused."""

    def __init__(self, trust: GivenTrust) -> None:
        self._trust = trust

    async def password(self, address: Address, message: str) -> str | None:
        return None

    async def trust(self, failure: CertificateUnknown | CertificateChanged) -> bool:
        if self._trust.accepts(failure.fingerprint):
            return True
        return isinstance(failure, CertificateUnknown) and self._trust.first_use


async def _connect(options: argparse.Namespace, connections: Connections) -> bool:
    """Connect every server; False, with a sentence each, where one fails."""
    addresses = [_address(server, options.user) for server in options.server]
    passwords = await _passwords(options, addresses)
    results = await asyncio.gather(
        *(connections.add(a, p, keep=False) for a, p in zip(addresses, passwords, strict=True)),
        return_exceptions=True,
    )
    fine = True
    for address, result in zip(addresses, results, strict=True):
        match result:
            case Declined():
                fine = False
                say(
                    _(
                        "The certificate of {url} is not trusted. Give its fingerprint with --fingerprint, or trust it"
                        " with --trust-on-first-use.",
                        url=address.url,
                    )
                )
            case AlreadyConnected():
                pass  # two members of one pool were named
            case BaseException() if isinstance(result, WIRE_ERRORS):
                fine = False
                say(" ".join(part for part in sentence(result) if part))
            case BaseException():
                raise result
    return fine


def _address(server: str, user: str) -> Address:
    try:
        url = normal_url(server)
    except ValueError:
        url = ""
    if not urlsplit(url).hostname or urlsplit(url).scheme not in ("https", "http"):
        raise BadArguments(_("{server} is no address of a server.", server=server))
    return Address(url, user)


async def _passwords(options: argparse.Namespace, addresses: list[Address]) -> list[str]:
    """One for each server: from stdin, else from the keyring, else asked for where somebody sits at the terminal."""
    if options.password_stdin:
        lines = [line.rstrip("\r\n") for line in await asyncio.to_thread(sys.stdin.readlines)]
        if len(lines) == 1:
            return lines * len(addresses)
        if len(lines) < len(addresses):
            raise BadArguments(_("There are fewer passwords on stdin than servers."))
        return lines[: len(addresses)]
    keyring = Keyring()
    found = []
    for address in addresses:
        password = await keyring.get(address)
        if password is None:
            if not sys.stdin.isatty():
                text = _("There is no password for {url}: use --password-stdin.", url=address.url)
                raise BadArguments(text)
            prompt = _("Password of {user} for {url}: ", user=address.user, url=address.url)
            password = await asyncio.to_thread(getpass.getpass, prompt, sys.stderr)
        found.append(password)
    return found


async def _evaluate(options: argparse.Namespace, store: Store, asker: Asker, clock: SystemClock) -> Evaluation:
    """The evaluation of what was selected, with the servers' answers."""
    if options.plan:
        if options.vm or options.to:
            raise BadArguments(_("Give either a plan or VMs and a destination, not both."))
        try:
            plan = _plan_in(await asyncio.to_thread(Path(options.plan).read_bytes))
            if plan.format != FORMAT:
                raise BadArguments(_("{path} was written by another version of this program.", path=options.plan))
            return await judge_afresh(store, asker, plan)
        except OSError as error:
            text = _("The plan {path} cannot be read: {reason}", path=options.plan, reason=error.strerror or error)
            raise BadArguments(text) from None
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise BadArguments(_("{path} is no plan: {reason}", path=options.plan, reason=error)) from None
        except PlanRefused as gone:
            raise BadArguments(_("The plan speaks of {name}, which is not there.", name=gone)) from None
    if not options.vm or not options.to:
        raise BadArguments(_("Say which VMs (--vm) go where (--to), or give a plan (--plan)."))
    asked = Asked(
        vms=tuple(options.vm),
        to=options.to,
        host=options.host or "",
        sr=options.sr or "",
        disks=_pairs(options.disk, "--disk"),
        networks=_pairs(options.network, "--network"),
        storage_network=options.storage_network or "",
        copy=options.copy,
        compress=options.compress,
        start_after=options.start_after,
    )
    try:
        draft = draft_from(store.site(), asked)
    except SelectionRefused as refused:
        raise BadArguments(str(refused)) from None
    return await _settled(store, asker, clock, draft)


async def _evaluate_disks(options: argparse.Namespace, store: Store, asker: Asker, clock: SystemClock) -> Evaluation:
    """The evaluation of moving single disks."""
    days = options.keep_source
    if days is not None and days < 0:
        raise BadArguments(_("--keep-source wants a number of days, 0 or more."))
    site = store.site()
    try:
        draft = disks_from(site, tuple(options.vdi), options.sr)
        if days is not None:
            vms = site.pools[draft.source].VM
            running = [vms[vm].name_label for vm in draft.vms if vms[vm].power_state != "Halted"]
            if running:
                names = joined(running)
                text = _("--keep-source is for halted VMs; the server removes the source where it moves: {names}.")
                raise BadArguments(text.format(names=names))
            draft = draft.copying(True, days)
        if options.storage_network:
            draft = draft.over(network_from(site.pools[draft.source], options.storage_network))
    except SelectionRefused as refused:
        raise BadArguments(str(refused)) from None
    return await _settled(store, asker, clock, draft)


async def _settled(store: Store, asker: Asker, clock: SystemClock, draft: Draft) -> Evaluation:
    drafting = Drafting(store, asker, clock, draft)
    try:
        return await drafting.settled()
    finally:
        drafting.close()


def _plan_in(data: bytes) -> Plan:
    """A plan, by itself or as `preflight --json` prints it."""
    parts = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(parts.get("plan", data), type=Plan)


def _pairs(texts: list[str], option: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        left, equals, right = text.partition("=")
        if not (left and equals and right):
            raise BadArguments(_("{option} wants NAME=NAME, not “{text}”.", option=option, text=text))
        pairs.append((left, right))
    return tuple(pairs)


def _report_preflight(evaluation: Evaluation, as_json: bool) -> int:
    if as_json:
        print_document(evaluation.as_json(), True)
    else:
        show_evaluation(evaluation)
    return DONE if evaluation.plan is not None else REFUSED


async def _migrate(options: argparse.Namespace, store: Store, asker: Asker, clock: SystemClock, jobs: Jobs) -> int:
    return await _start(options, await _evaluate(options, store, asker, clock), jobs)


async def _evacuate(
    options: argparse.Namespace,
    store: Store,
    asker: Asker,
    clock: SystemClock,
    jobs: Jobs,
    connections: Connections,
) -> int:
    """Empty a host and leave it in maintenance mode; or end that, and bring the VMs back."""
    site = store.site()
    try:
        pool, host = host_from(site, options.host)
        network = network_from(site.pools[pool], options.network) if options.network else None
    except SelectionRefused as refused:
        raise BadArguments(str(refused)) from None
    if options.at_once < 1:
        raise BadArguments(_("--at-once wants a number, 1 or more."))
    gateway = connections.gateway(pool)
    reason = evacuation.why_not(site, pool, host)
    if reason or gateway is None:
        return _refused(options, reason)
    inventory = site.pools[pool]
    if options.leave:
        draft = evacuation.back(site, pool, host, evacuation.evacuated(inventory, host))
    else:
        draft = evacuation.evacuation(site, pool, host).over(network)
        for note in evacuation.notes(inventory, host):
            say(note)
    draft = draft.batched(options.at_once)

    touched = False

    async def change() -> None:
        nonlocal touched
        touched = True
        if options.leave:
            await maintenance.leave(gateway, host)
        else:
            await maintenance.enter(gateway, inventory, host, draft.vms)

    if not options.yes and (options.leave or not draft.vms):  # the others are shown their plan first
        say(_intention(inventory, host, draft, options.leave))
        if not await agreed():
            return _cancelled(options)
        options.yes = True
    try:
        if options.leave:
            await change()  # VMs can come back only to a host that takes them
            await store.until(lambda: evacuation.takes(store.inventory(pool), host))
        if draft.vms:
            evaluation = await _settled(store, asker, clock, draft)
            status = await _start(options, evaluation, jobs, None if options.leave else change)
        else:
            status = await _without_vms(options, None if options.leave else change)
    except WIRE_ERRORS as failure:
        unsure = maintenance.uncertain(failure, inventory, host) if touched else ""
        return _refused(options, " ".join(part for part in (*sentence(failure, inventory), unsure) if part))
    if options.leave or status not in (DONE, FAILED):
        return status
    left = evacuation.residents(store.site().pools[pool], host)
    if left:
        names = joined([store.site().pools[pool].VM[vm].name_label for vm in left])
        say(_("{host} is not empty: {vms}.", host=inventory.name_of("host", host), vms=names))
        return FAILED
    say(_("{host} is empty and in maintenance mode.", host=inventory.name_of("host", host)))
    return status


def _intention(inventory: Inventory, host: HostRef, draft: Draft, leave: bool) -> str:
    """What is about to be changed where there is no plan to be shown."""
    name = inventory.name_of("host", host)
    if not leave:
        return _("{host} enters maintenance mode.", host=name)
    if not draft.vms:
        return _("{host} leaves maintenance mode.", host=name)
    names = joined([inventory.VM[vm].name_label for vm in draft.vms])
    return _("{host} leaves maintenance mode, and these come back: {vms}.", host=name, vms=names)


def _refused(options: argparse.Namespace, reason: str) -> int:
    """Nothing was begun, for a reason that is no problem of a VM."""
    say(reason)
    if options.json:
        print_document({"job": None, "state": "failed", "vms": [], "problems": []}, True)
    return REFUSED


def _cancelled(options: argparse.Namespace) -> int:
    """Nobody has agreed to it."""
    if options.json:
        print_document({"job": None, "state": "cancelled", "vms": [], "problems": []}, True)
    return REFUSED


async def _without_vms(options: argparse.Namespace, change: Callable[[], Awaitable[None]] | None) -> int:
    """There is nothing to move: the host is ready at once."""
    if change is not None:
        await change()
    if options.json:
        print_document({"job": None, "state": "done", "vms": []}, True)
    return DONE


async def _start(
    options: argparse.Namespace,
    evaluation: Evaluation,
    jobs: Jobs,
    before: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Carry out what was selected, if nothing stands against it and it is agreed to; `before` is done first then."""
    if evaluation.plan is None:
        if options.json:
            problems = [problem.as_json() for problem in evaluation.problems]
            print_document({"job": None, "state": "failed", "vms": [], "problems": problems}, True)
        print_problems([p for p in evaluation.problems if p.blocks], sys.stderr)
        return REFUSED
    if not options.yes and not await confirmed(evaluation):
        return _cancelled(options)
    if before is not None:
        await before()
    jobs.subscribe(Progress())
    return await _to_the_end(options, jobs, jobs.start(evaluation.plan))


async def _to_the_end(options: argparse.Namespace, jobs: Jobs, job: Job) -> int:
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
    if options.json:
        print_document(job.as_json(), True)
    else:
        for vm in job.vms:
            print(f"{title(vm)}: {step_text(vm)}. {vm.message}")
    return DONE if job.state is State.done else FAILED


async def _jobs(options: argparse.Namespace) -> int:
    """Show the journal, or one job of it; no server is asked."""
    journal = JournalFile(paths.home())
    try:
        found = await journal.all()
        job = _named(found, options.show) if options.show else None
        history = await journal.history(job.id) if job is not None else []
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    finally:
        await journal.close()
    if job is not None:
        show_job(job, history, options.json)
    elif options.json:
        print_document({"jobs": [job_document(job) for job in found]}, True)
    else:
        rows: list[tuple[str, ...]] = [(_("Job"), _("Started"), _("State"), _("VMs"))]
        for each in found:
            names = joined([vm.move.vm.name for vm in each.vms])
            rows.append((each.id, f"{each.created.astimezone():%Y-%m-%d %H:%M}", state_word(each), names))
        print_table(rows)
    return DONE


def _named(found: list[Job], name: str) -> Job:
    job = next((job for job in found if job.id == name), None)
    if job is None:
        raise BadArguments(_("The journal has no job {job}.", job=name))
    return job


async def _take_up(options: argparse.Namespace, jobs: Jobs, store: Store) -> int:
    """Bring an unfinished job to its end, or put back what a job has copied, whether it has ended or not."""
    wanted = options.resume or options.revert
    try:
        found = await jobs.take_up(wanted)
    except OSError as error:
        raise BadArguments(_("The journal cannot be read: {reason}", reason=str(error))) from None
    if not found and options.revert:
        plan = _reverting(store, wanted)
        if plan is not None:
            jobs.subscribe(Progress())
            return await _to_the_end(options, jobs, jobs.start(plan))
    if not found:
        text = _("There is no unfinished job {job}, or another xsmigui is carrying it out.", job=wanted)
        raise BadArguments(text)
    (job,) = found
    missing = [p.name for p in (job.plan.source, job.plan.target) if not store.is_connected(PoolId(p.uuid))]
    if missing:
        names = joined(list(dict.fromkeys(missing)))
        raise BadArguments(_("The job needs a connection to {pools} as well.", pools=names))
    jobs.subscribe(Progress())
    if options.revert:
        jobs.undo(job.id)
    else:
        jobs.proceed(job.id)
    return await _to_the_end(options, jobs, job)


def _reverting(store: Store, job: str) -> Plan | None:
    """The plan that puts the kept sources of a job back that has ended; None where there are none."""
    for inventory in store.site().pools.values():
        sources = [kept.ref for kept in kept_sources(inventory) if kept.note.job == job]
        if sources:
            try:
                return revert_plan(inventory, sources)
            except DisksRefused as refused:
                raise BadArguments(str(refused)) from None
    return None
