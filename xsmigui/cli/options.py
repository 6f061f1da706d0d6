"""Every command of the command line and its options: what each takes, whether it may be repeated, an example."""

import argparse
import re
import sys
import textwrap
from typing import Any, Final, NoReturn

from xsmigui import __version__
from xsmigui.core.migration.draft import KEEP_DAYS, SHORT_STOP
from xsmigui.core.migration.evacuation import AT_ONCE
from xsmigui.core.text import N_, _
from xsmigui.local import languages
from xsmigui.services.patience import PATIENCE

SCENARIOS: Final = ("two-pools", "standalone", "mixed-versions", "blockers", "scale")


class Parser(argparse.ArgumentParser):
    """A parser that speaks the language in use, its own words too."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(add_help=False, formatter_class=_Formatter, **arguments)
        self._optionals.title = _("options")
        self.add_argument("-h", "--help", action="help", help=_("show this help and exit"))

    def error(self, message: str) -> NoReturn:
        """What is wrong with the arguments, on stderr; status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {_translated(message)}\n")


WRONG: Final = (
    (re.compile(r"argument (?P<option>\S+): (?P<rest>.*)", re.DOTALL), N_("{option}: {rest}")),
    (re.compile(r"the following arguments are required: (?P<names>.*)"), N_("these options are missing: {names}")),
    (re.compile(r"unrecognized arguments: (?P<words>.*)", re.DOTALL), N_("not recognised: {words}")),
    (re.compile(r"expected one argument"), N_("a value is missing")),
    (
        re.compile(r"invalid choice: (?P<value>.*?) \(choose from (?P<values>.*)\)"),
        N_("{value} is not one of {values}"),
    ),
    (re.compile(r"not allowed with argument (?P<other>.*)"), N_("it cannot be combined with {other}")),
    (re.compile(r"invalid (?:int|float) value: (?P<value>.*)"), N_("{value} is not a number")),
    (re.compile(r"ignored explicit argument (?P<value>.*)"), N_("it takes no value ({value})")),
    (
        re.compile(r"ambiguous option: (?P<option>.*) could match (?P<names>.*)"),
        N_("{option} could mean {names}"),
    ),
)
"""What the parser of the standard library says in English (Python 3.11 to 3.13), and how we say it."""


def _translated(message: str) -> str:
    for pattern, text in WRONG:
        found = pattern.fullmatch(message)
        if found is not None:
            fields = {
                name: _translated(value) if name == "rest" else value for name, value in found.groupdict().items()
            }
            return _(text, **fields)
    return message


class _Formatter(argparse.HelpFormatter):
    """Help in the language in use."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)  # options stay whole


def parser() -> Parser:
    """Every command and its options."""
    top = Parser(
        prog="xsmigui",
        description=_(
            "Move virtual machines and disks of XenServer, Citrix Hypervisor and XCP-ng. Without a command the window"
            " opens."
        ),
        epilog=_("See xsmigui COMMAND --help for more."),
    )
    top.add_argument(
        "--version", action="version", version=f"xsmigui {__version__}", help=_("show the version and exit")
    )
    top.add_argument(
        "--demo", action="store_true", help=_("open the window on a simulated site; nothing done there is real")
    )
    top.add_argument(
        "--lang",
        default="",
        choices=["", *languages.LANGUAGES],
        metavar="en|es",
        help=_("the language of this run: en or es; by default the system's. Example: --lang es"),
    )
    top.add_argument("--self-test", action="store_true", help=_("check this installation and print the result"))
    text = _(
        "collect settings, journal and log, without passwords, for whoever analyses a fault; writes FILE. "
        "Example: --support-bundle fault.zip"
    )
    top.add_argument("--support-bundle", metavar="FILE", help=text)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title=_("commands"), parser_class=Parser)

    def command(name: str, help: str, description: str) -> Parser:
        added = commands.add_parser(name, help=help, description=description)
        assert isinstance(added, Parser)
        return added

    _inventory(command)
    _preflight(command)
    _migrate(command)
    _move_disk(command)
    _evacuate(command)
    _jobs(command)
    _simulate(command)
    return top


def _inventory(command: Any) -> None:
    text = _("Lists the pools, hosts, VMs, disks and SRs of the servers. Nothing is changed.")
    inventory = command("inventory", _("list pools, hosts, VMs and SRs"), text)
    connection(inventory)
    _json(inventory)


def _preflight(command: Any) -> None:
    text = _("Checks a migration as the wizard does, and asks the servers. Nothing is changed.")
    preflight = command("preflight", _("check a migration and change nothing"), text)
    connection(preflight)
    _selection(preflight)
    _json(preflight)


def _migrate(command: Any) -> None:
    text = _("Checks a migration, shows what will happen, asks, carries it out and reads it back from the servers.")
    migrate = command("migrate", _("migrate VMs"), text)
    connection(migrate)
    _selection(migrate)
    _run(migrate)


def _move_disk(command: Any) -> None:
    text = _(
        "Moves virtual disks to another SR of their pool: live if the VM is running; otherwise they are copied,"
        " compared and exchanged."
    )
    disks = command("move-disk", _("move virtual disks of VMs to another SR of their pool"), text)
    connection(disks)
    group = disks.add_argument_group(_("selection"))
    group.add_argument(
        "--vdi",
        action="append",
        required=True,
        metavar="UUID",
        help=_("a disk, by uuid (or by name, where it is the only one of it); may be repeated. Example: --vdi 5f0e…"),
    )
    group.add_argument(
        "--sr", required=True, metavar="NAME|UUID", help=_('the SR that the disks go to. Example: --sr "NFS Madrid"')
    )
    group.add_argument("--storage-network", metavar="NAME|UUID", help=_storage_network())
    text = _(
        "number of days to keep the sources of halted VMs' disks, {days} by default; 0 removes them at once. "
        "Example: --keep-source 14"
    )
    group.add_argument("--keep-source", type=int, metavar="DAYS", help=text.format(days=KEEP_DAYS))
    group.add_argument("--prove", action="store_true", help=_proof())
    _short_stop(group)
    _run(disks)


def _short_stop(group: Any) -> None:
    text = _(
        "move the disks of running VMs inside their pool with a short stop: they are copied while the VM is "
        "running, the VM is shut down while the difference is copied, and starts again. MINUTES is the longest "
        "time that it may be down, {minutes} by default; if that is not enough, everything is rolled back. "
        "Example: --short-stop 5"
    )
    group.add_argument(
        "--short-stop",
        type=int,
        nargs="?",
        const=SHORT_STOP,
        metavar="MINUTES",
        help=text.format(minutes=SHORT_STOP),
    )


def _proof() -> str:
    return _(
        "compare the contents of halted VMs' disks before and after by checksums that the servers compute; "
        "takes as long as reading the disks twice, and is always done if the sources of copies are removed at "
        "once"
    )


def _evacuate(command: Any) -> None:
    text = _(
        "Puts a host into maintenance mode and moves all its VMs to other hosts; or ends that and brings them back."
    )
    empty = command("evacuate", _("move all VMs off a host, for its maintenance"), text)
    connection(empty)
    group = empty.add_argument_group(_("selection"))
    group.add_argument(
        "--host",
        required=True,
        metavar="NAME|UUID",
        help=_("the host, by name, uuid or address. Example: --host madrid-02"),
    )
    group.add_argument(
        "--network", metavar="NAME|UUID", help=_("the network to send them over. Example: --network Migration")
    )
    text = _("number of VMs that move at once, {number} by default. Example: --at-once 3")
    group.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help=text.format(number=AT_ONCE))
    group.add_argument("--leave", action="store_true", help=_("leave maintenance mode, and bring the VMs back"))
    text = _("if some VMs cannot leave, move the others; the host stays in maintenance mode with the rest on it")
    group.add_argument("--leave-out-blocked", action="store_true", help=text)
    _run(empty)


WITH_SERVERS: Final = ("resume", "revert", "retry", "leftovers", "allow_start")
"""The selections of `jobs` that need a connection."""


def _jobs(command: Any) -> None:
    text = _(
        "Shows the journal of this computer; resumes a job that was left unfinished, or rolls back what it copied."
    )
    jobs = command("jobs", _("show the journal; resume unfinished jobs"), text)
    which = jobs.add_argument_group(_("selection")).add_mutually_exclusive_group()
    which.add_argument(
        "--show", metavar="ID", help=_("show everything about one job. Example: --show 20260302-081500-9c1f")
    )
    which.add_argument(
        "--resume",
        metavar="ID",
        help=_(
            "resume an unfinished job and finish it, on its servers or those of --server. Example: --resume "
            "20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--revert",
        metavar="ID",
        help=_(
            "roll back what a job has copied, on its servers or those of --server. Example: --revert "
            "20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--retry",
        metavar="ID",
        help=_(
            "plan and start again what failed in a job, on its servers or those of --server. Example: --retry "
            "20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--leftovers",
        metavar="ID",
        help=_(
            "remove the disks that a failed job has left behind, on its servers or those of --server. Example: "
            "--leftovers 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--allow-start",
        metavar="ID",
        help=_(
            "remove the blocks and marks of a job that stopped, so that its VMs can be started, on its servers "
            "or those of --server. Example: --allow-start 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--forget",
        metavar="ID",
        help=_("remove a job from the journal, readable or not. Example: --forget 20260302-081500-9c1f"),
    )
    jobs.add_argument("--yes", action="store_true", help=_("agree without being asked; needed if there is no terminal"))
    jobs.add_argument(
        "--same-pool",
        action="store_true",
        help=_(
            "resume even though a coordinator shows another certificate than when the job was left; confirms "
            "that it is not a copy of its pool"
        ),
    )
    connection(jobs, required=False)
    _report(jobs)
    _json(jobs)


def _simulate(command: Any) -> None:
    text = _(
        "Serves simulated pools on this computer, for training and tests: prints a line of JSON for each, then "
        "READY. Stop it with SIGTERM or Ctrl+C."
    )
    simulate = command("simulate", _("serve simulated pools on this computer"), text)
    source = simulate.add_mutually_exclusive_group()
    text = _("the site to simulate: {names}. Example: --scenario blockers")
    source.add_argument("--scenario", default="two-pools", metavar="NAME", help=text.format(names=", ".join(SCENARIOS)))
    source.add_argument(
        "--database",
        action="append",
        default=[],
        metavar="FILE.xml",
        help=_("serve the database of a real pool instead; once for each pool. Example: --database pool.xml"),
    )
    simulate.add_argument(
        "--vms", type=int, default=1000, metavar="N", help=_("number of VMs in the scenario scale. Example: --vms 5000")
    )
    simulate.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="127.0.0.1:PORT",
        help=_("the first address and port; port 0 takes any free one. Example: --listen 127.0.0.1:8443"),
    )
    simulate.add_argument("--http", action="store_true", help=_("without TLS"))
    simulate.add_argument(
        "--user",
        default="root",
        metavar="U",
        help=_("the user who can log in, root by default. Example: --user admin"),
    )
    simulate.add_argument(
        "--password",
        default="",
        metavar="PW",
        help=_("the user's password; a random one by default. Example: --password secret"),
    )
    simulate.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="X",
        help=_("speed of simulated time: 1 is real time, 0 as fast as possible. Example: --speed 10"),
    )
    simulate.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help=_("use the same uuids and certificates each time. Example: --seed 7"),
    )


def _minutes(text: str) -> float:
    """A number of minutes, more than 0. Raises `argparse.ArgumentTypeError`, in words."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(_("“{text}” is not a number of minutes.", text=text))
    return minutes


def connection(command: argparse.ArgumentParser, required: bool = True) -> None:
    """Which servers, as whom, and how they are trusted."""
    group = command.add_argument_group(_("connection"))
    group.add_argument(
        "--server",
        action="append",
        required=required,
        default=[],
        metavar="URL",
        help=_(
            "a pool's coordinator, a member or a standalone host: name, address or URL; once for each pool. Example:"
            " --server https://madrid-01 --server 10.0.0.9"
        ),
    )
    group.add_argument(
        "--user",
        default="root",
        metavar="U",
        help=_("the user to log in as on all servers, root by default. Example: --user admin"),
    )
    group.add_argument(
        "--password-stdin",
        action="store_true",
        help=_(
            "read the passwords from stdin: one line per server, in their order, or one line for all; by "
            "default they come from the keyring or are asked for. Example: --password-stdin < passwords"
        ),
    )
    trust = group.add_mutually_exclusive_group()
    trust.add_argument(
        "--fingerprint",
        action="append",
        default=[],
        metavar="SHA256",
        help=_(
            "the SHA-256 fingerprint that a server's certificate must have; may be repeated, in any order. Example:"
            " --fingerprint 3b:5c:…:9f"
        ),
    )
    trust.add_argument(
        "--trust-on-first-use",
        action="store_true",
        help=_("trust and remember the certificate of a server that has never been connected before"),
    )
    group.add_argument(
        "--proxy",
        default="",
        metavar="URL",
        help=_(
            "the HTTP proxy to reach the servers through, or “direct” for none; by default what is set in the "
            "window, or in HTTPS_PROXY and NO_PROXY. Example: --proxy http://proxy:3128"
        ),
    )
    group.add_argument(
        "--no-proxy",
        default="",
        metavar="HOST,…",
        help=_("servers to reach without the proxy. Example: --no-proxy 10.0.0.0/8,.example.com"),
    )
    text = _(
        "minutes to wait for a job whose servers do not answer, {minutes} by default; what is running there "
        "continues, and the command that resumes the job is printed. Example: --patience 30"
    )
    minutes = round(PATIENCE / 60)
    group.add_argument(
        "--patience", type=_minutes, default=minutes, metavar="MINUTES", help=text.format(minutes=minutes)
    )


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help=_("print one JSON document, and nothing else, on stdout"))


def _report(command: argparse.ArgumentParser) -> None:
    text = _("write a report into this folder, as an HTML page and as JSON. Example: --report reports")
    command.add_argument("--report", metavar="DIR", help=text)


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help=_("start without asking"))
    _report(command)
    _json(command)


def _storage_network() -> str:
    return _("the network at the destination that carries disks and memory. Example: --storage-network Storage")


def _selection(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(_("selection"))
    group.add_argument(
        "--plan",
        metavar="PLAN.json",
        help=_("a plan as preflight --json prints it, instead of VMs and a destination. Example: --plan plan.json"),
    )
    group.add_argument(
        "--vm",
        action="append",
        default=[],
        metavar="NAME|UUID",
        help=_("a VM, by name or uuid; may be repeated, for VMs of one pool. Example: --vm web-01 --vm mail"),
    )
    group.add_argument(
        "--to",
        metavar="POOL|HOST",
        help=_("the destination: a pool by name or uuid, or a host by name, uuid or address. Example: --to Lisboa"),
    )
    group.add_argument(
        "--host",
        metavar="NAME|UUID",
        help=_("the host at the destination for all VMs; by default the best one for each. Example: --host lisboa-02"),
    )
    group.add_argument(
        "--sr",
        metavar="NAME|UUID",
        help=_('the SR at the destination for all disks; by default its default SR. Example: --sr "NFS Lisboa"'),
    )
    group.add_argument(
        "--disk",
        action="append",
        default=[],
        metavar="VDI=SR",
        help=_('an SR of its own for one disk, each by name or uuid; may be repeated. Example: --disk "data=Fast SSD"'),
    )
    group.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="VIF|MAC=NETWORK",
        help=_(
            "the network at the destination for one interface, given by uuid, MAC or (for a single VM) device "
            "number; may be repeated. Example: --network 0=Guests"
        ),
    )
    group.add_argument("--storage-network", metavar="NAME|UUID", help=_storage_network())
    group.add_argument("--copy", action="store_true", help=_("copy the VMs; the originals stay as they are"))
    group.add_argument(
        "--compress", action="store_true", help=_("compress the memory stream; by default as the pool is configured")
    )
    group.add_argument("--start-after", action="store_true", help=_("start the halted VMs after the move"))
    group.add_argument("--prove", action="store_true", help=_proof())
    _short_stop(group)
    group.add_argument(
        "--leave-out-blocked",
        action="store_true",
        help=_("move those that can be moved and list the others; by default nothing moves unless everything can"),
    )
    group.add_argument(
        "--not-before",
        metavar="TIME",
        help=_(
            "do not start before this time (local): the next such time, or with a date. Example: --not-before "
            "22:00, --not-before 2026-03-02T22:00"
        ),
    )
