"""Every command of the command line and its own options."""

import argparse
from typing import Any, Final

from xsmigui import __version__
from xsmigui.cli.option_groups import (
    connection,
    json_output,
    prove_help,
    report,
    run,
    selection,
    short_stop,
    storage_network_help,
    times,
)
from xsmigui.cli.parsing import Parser
from xsmigui.core.migration.draft import KEEP_DAYS
from xsmigui.core.migration.evacuation import DEFAULT_BATCH_SIZE
from xsmigui.core.text import _
from xsmigui.local import languages

SCENARIOS: Final = ("two-pools", "standalone", "mixed-versions", "blockers", "scale")


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
    json_output(inventory)


def _preflight(command: Any) -> None:
    text = _("Checks a migration as the wizard does, and asks the servers. Nothing is changed.")
    preflight = command("preflight", _("check a migration and change nothing"), text)
    connection(preflight)
    selection(preflight)
    json_output(preflight)


def _migrate(command: Any) -> None:
    text = _("Checks a migration, shows what will happen, asks, carries it out and reads it back from the servers.")
    migrate = command("migrate", _("migrate VMs"), text)
    connection(migrate)
    selection(migrate)
    run(migrate)


def _move_disk(command: Any) -> None:
    text = _(
        "Moves virtual disks to another SR of their pool: live if the VM is running; otherwise they are copied,"
        " compared and exchanged."
    )
    disks = command("move-disk", _("move virtual disks of VMs to another SR of their pool"), text)
    connection(disks)
    group = disks.add_argument_group(_("selection"))
    which = group.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--from",
        dest="from_sr",
        metavar="NAME|UUID",
        help=_('all disks of this SR, to empty it; what cannot move is named, and stays. Example: --from "iSCSI old"'),
    )
    which.add_argument(
        "--vdi",
        action="append",
        default=[],
        metavar="UUID",
        help=_("a disk, by uuid (or by name, where it is the only one of it); may be repeated. Example: --vdi 5f0e…"),
    )
    group.add_argument(
        "--sr", required=True, metavar="NAME|UUID", help=_('the SR that the disks go to. Example: --sr "NFS Madrid"')
    )
    group.add_argument("--storage-network", metavar="NAME|UUID", help=storage_network_help())
    text = _(
        "number of days to keep the sources of halted VMs' disks, {days} by default; 0 removes them at once. "
        "Example: --keep-source 14"
    )
    group.add_argument("--keep-source", type=int, metavar="DAYS", help=text.format(days=KEEP_DAYS))
    group.add_argument("--prove", action="store_true", help=prove_help())
    short_stop(group)
    text = _("if some disks cannot move, move the others; those that stay are named")
    group.add_argument("--leave-out-blocked", action="store_true", help=text)
    times(group)
    run(disks)


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
    group.add_argument(
        "--at-once", type=int, default=DEFAULT_BATCH_SIZE, metavar="N", help=text.format(number=DEFAULT_BATCH_SIZE)
    )
    group.add_argument("--leave", action="store_true", help=_("leave maintenance mode, and bring the VMs back"))
    text = _("if some VMs cannot leave, move the others; the host stays in maintenance mode with the rest on it")
    group.add_argument("--leave-out-blocked", action="store_true", help=text)
    times(group)
    run(empty)


WITH_SERVERS: Final = ("resume", "revert", "accept", "retry", "leftovers", "allow_start")
"""The selections of `jobs` that name a job and need a connection."""


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
        "--accept",
        metavar="ID",
        help=_(
            "keep the new disks of a VM moved with a short stop, though their content was found to differ, on its "
            "servers or those of --server. Example: --accept 20260302-081500-9c1f"
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
    text = _(
        "carry out everything that is unfinished, on hold or not, until nothing is left that can go on; on the jobs' "
        "servers or those of --server. A window that is opened meanwhile can take it over"
    )
    which.add_argument("--carry-on", action="store_true", help=text)
    # For the window: servers, passwords and jobs come as one line on stdin, and a line answers (services.succession).
    jobs.add_argument("--handed-over", action="store_true", help=argparse.SUPPRESS)
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
    report(jobs)
    json_output(jobs)


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
