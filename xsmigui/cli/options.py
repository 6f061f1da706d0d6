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
        self.add_argument("-h", "--help", action="help", help=_("show this text and end"))

    def error(self, message: str) -> NoReturn:
        """What is wrong with the arguments, on stderr; status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {_translated(message)}\n")


WRONG: Final = (
    (re.compile(r"argument (?P<option>\S+): (?P<rest>.*)", re.DOTALL), N_("{option}: {rest}")),
    (re.compile(r"the following arguments are required: (?P<names>.*)"), N_("these options are missing: {names}")),
    (re.compile(r"unrecognized arguments: (?P<words>.*)", re.DOTALL), N_("this is not understood: {words}")),
    (re.compile(r"expected one argument"), N_("a value is missing")),
    (re.compile(r"invalid choice: (?P<value>.*?) \(choose from (?P<values>.*)\)"), N_("{value} is none of {values}")),
    (re.compile(r"not allowed with argument (?P<other>.*)"), N_("it does not go together with {other}")),
    (re.compile(r"invalid (?:int|float) value: (?P<value>.*)"), N_("{value} is no number")),
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
        epilog=_("xsmigui COMMAND --help says more."),
    )
    top.add_argument("--version", action="version", version=f"xsmigui {__version__}", help=_("say the version and end"))
    top.add_argument(
        "--demo", action="store_true", help=_("open the window on a simulated site; nothing done there is real")
    )
    top.add_argument(
        "--lang",
        default="",
        choices=["", *languages.LANGUAGES],
        metavar="en|es",
        help=_("the language of this run: en or es; otherwise the system's. Example: --lang es"),
    )
    top.add_argument("--self-test", action="store_true", help=_("check this installation, and say what was found"))
    text = _(
        "gather settings, journal and log for whoever looks for a fault, without passwords; FILE is made."
        " Example: --support-bundle fault.zip"
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
        "Moves virtual disks to another SR of their pool: live where the VM runs, copied, compared and exchanged where"
        " it does not."
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
        "how many days the sources of halted VMs' disks are kept, {days} if left out; 0 removes them at once. Example:"
        " --keep-source 14"
    )
    group.add_argument("--keep-source", type=int, metavar="DAYS", help=text.format(days=KEEP_DAYS))
    group.add_argument("--prove", action="store_true", help=_proof())
    _short_stop(group)
    _run(disks)


def _short_stop(group: Any) -> None:
    text = _(
        "move the disks of running VMs inside their pool with a short stop: they are copied while the VM runs, it is"
        " shut down while the difference is copied, and starts again. MINUTES is how long it may be down, {minutes} if"
        " left out; if that would not do, everything is put back. Example: --short-stop 5"
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
        "compare the contents of halted VMs' disks, before and after, by sums of the servers; takes as long as reading"
        " them twice, and is done anyway where sources of copies are removed at once"
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
        "--network", metavar="NAME|UUID", help=_("the network over which they leave. Example: --network Migration")
    )
    text = _("how many leave at once, {number} if left out. Example: --at-once 3")
    group.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help=text.format(number=AT_ONCE))
    group.add_argument("--leave", action="store_true", help=_("end the maintenance, and bring the VMs back"))
    text = _("move the others where some cannot leave; the host stays in maintenance mode with those on it")
    group.add_argument("--leave-out-blocked", action="store_true", help=text)
    _run(empty)


WITH_SERVERS: Final = ("resume", "revert", "retry", "leftovers", "allow_start")
"""The selections of `jobs` that need a connection."""


def _jobs(command: Any) -> None:
    text = _(
        "Shows the journal of this computer; takes a job up that was left unfinished, or puts back what it copied."
    )
    jobs = command("jobs", _("show the journal; take up what was left unfinished"), text)
    which = jobs.add_argument_group(_("selection")).add_mutually_exclusive_group()
    which.add_argument(
        "--show", metavar="ID", help=_("everything that is known of one job. Example: --show 20260302-081500-9c1f")
    )
    which.add_argument(
        "--resume",
        metavar="ID",
        help=_(
            "take up an unfinished job and bring it to its end, on the servers of that time or those of --server."
            " Example: --resume 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--revert",
        metavar="ID",
        help=_(
            "put back what a job has copied, on the servers of that time or those of --server. Example: --revert"
            " 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--retry",
        metavar="ID",
        help=_(
            "plan again what of a job did not succeed, and start it, on the servers of that time or those of --server."
            " Example: --retry 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--leftovers",
        metavar="ID",
        help=_(
            "remove the disks that a failed job has left, on the servers of that time or those of --server."
            " Example: --leftovers 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--allow-start",
        metavar="ID",
        help=_(
            "take away the blocks and marks of a job that stopped, so that its VMs can be started, on the servers of"
            " that time or those of --server."
            " Example: --allow-start 20260302-081500-9c1f"
        ),
    )
    which.add_argument(
        "--forget",
        metavar="ID",
        help=_("take a job out of the journal, readable or not. Example: --forget 20260302-081500-9c1f"),
    )
    jobs.add_argument("--yes", action="store_true", help=_("agree to it; without a terminal nothing is done otherwise"))
    jobs.add_argument(
        "--same-pool",
        action="store_true",
        help=_(
            "go on though a coordinator shows another certificate than when the job was left: it is no copy of its pool"
        ),
    )
    connection(jobs, required=False)
    _report(jobs)
    _json(jobs)


def _simulate(command: Any) -> None:
    text = _(
        "Serves simulated pools on this computer, for training and tests: a line of JSON for each, then READY. Ends at"
        " SIGTERM or Ctrl+C."
    )
    simulate = command("simulate", _("serve simulated pools on this computer"), text)
    source = simulate.add_mutually_exclusive_group()
    text = _("what is simulated: {names}. Example: --scenario blockers")
    source.add_argument("--scenario", default="two-pools", metavar="NAME", help=text.format(names=", ".join(SCENARIOS)))
    source.add_argument(
        "--database",
        action="append",
        default=[],
        metavar="FILE.xml",
        help=_("the database of a real pool to be served instead; once for each pool. Example: --database pool.xml"),
    )
    simulate.add_argument(
        "--vms", type=int, default=1000, metavar="N", help=_("how many VMs the scenario scale has. Example: --vms 5000")
    )
    simulate.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="127.0.0.1:PORT",
        help=_("the first port; 0 takes any that is free. Example: --listen 127.0.0.1:8443"),
    )
    simulate.add_argument("--http", action="store_true", help=_("without TLS"))
    simulate.add_argument(
        "--user",
        default="root",
        metavar="U",
        help=_("the user that may log in, root if left out. Example: --user admin"),
    )
    simulate.add_argument(
        "--password", default="", metavar="PW", help=_("its password; made up if left out. Example: --password secret")
    )
    simulate.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="X",
        help=_("how fast simulated time runs: 1 is real time, 0 as fast as it can. Example: --speed 10"),
    )
    simulate.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help=_("makes every uuid and certificate the same each time. Example: --seed 7"),
    )


def _minutes(text: str) -> float:
    """A number of minutes, more than 0. Raises `argparse.ArgumentTypeError`, in words."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(_("“{text}” is no number of minutes.", text=text))
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
        help=_("who logs in to all of them, root if left out. Example: --user admin"),
    )
    group.add_argument(
        "--password-stdin",
        action="store_true",
        help=_(
            "read the passwords from stdin: a line for each server, in their order, or one for all; otherwise the"
            " keyring has them, or they are asked for. Example: --password-stdin < passwords"
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
        help=_("trust the certificate of a server that was never connected before, and remember it"),
    )
    group.add_argument(
        "--proxy",
        default="",
        metavar="URL",
        help=_(
            "the HTTP proxy through which the servers are reached, or “direct” for none; otherwise what is set in the"
            " window, or in HTTPS_PROXY and NO_PROXY. Example: --proxy http://proxy:3128"
        ),
    )
    group.add_argument(
        "--no-proxy",
        default="",
        metavar="HOST,…",
        help=_("servers that are reached without it. Example: --no-proxy 10.0.0.0/8,.example.com"),
    )
    text = _(
        "how many minutes a job is waited for whose servers stay silent, {minutes} if left out; what runs in them goes"
        " on, and the line that takes it up again is printed. Example: --patience 30"
    )
    minutes = round(PATIENCE / 60)
    group.add_argument(
        "--patience", type=_minutes, default=minutes, metavar="MINUTES", help=text.format(minutes=minutes)
    )


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help=_("print one JSON document, and nothing else, on stdout"))


def _report(command: argparse.ArgumentParser) -> None:
    text = _("write what became of it into this folder, as a page and as JSON. Example: --report reports")
    command.add_argument("--report", metavar="DIR", help=text)


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help=_("start without asking"))
    _report(command)
    _json(command)


def _storage_network() -> str:
    return _("the network that carries disks and memory, at the destination. Example: --storage-network Storage")


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
        help=_(
            "the host of the destination that takes all of them; otherwise the best for each. Example: --host lisboa-02"
        ),
    )
    group.add_argument(
        "--sr",
        metavar="NAME|UUID",
        help=_('the SR of the destination for all disks; otherwise its default. Example: --sr "NFS Lisboa"'),
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
            "the network of the destination for one interface, which is named by uuid, MAC or (of a single VM) device"
            " number; may be repeated. Example: --network 0=Guests"
        ),
    )
    group.add_argument("--storage-network", metavar="NAME|UUID", help=_storage_network())
    group.add_argument("--copy", action="store_true", help=_("copy the VMs; the originals stay as they are"))
    group.add_argument(
        "--compress", action="store_true", help=_("compress the memory on its way; otherwise as the pool is set")
    )
    group.add_argument(
        "--start-after", action="store_true", help=_("start the VMs that were halted, once they are there")
    )
    group.add_argument("--prove", action="store_true", help=_proof())
    _short_stop(group)
    group.add_argument(
        "--leave-out-blocked",
        action="store_true",
        help=_("move those that can be moved, and say which cannot; otherwise nothing moves unless all can"),
    )
    group.add_argument(
        "--not-before",
        metavar="TIME",
        help=_(
            "begin no earlier: a time of this computer, the next such time or with its date. Example:"
            " --not-before 22:00, --not-before 2026-03-02T22:00"
        ),
    )
