"""Every command of the command line and its options."""

import argparse

from xsmigui import __version__
from xsmigui.core.migration.draft import KEEP_DAYS
from xsmigui.core.migration.evacuation import AT_ONCE
from xsmigui.core.text import _
from xsmigui.local import languages


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
    text = _("move the others where some cannot leave; the host stays in maintenance mode with those on it")
    empty.add_argument("--leave-out-blocked", action="store_true", help=text)
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
