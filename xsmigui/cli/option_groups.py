"""Options that several commands share: the connection, the selection of VMs, how a job is carried out and reported."""

import argparse
from typing import Any

from xsmigui.core.migration.draft import SHORT_STOP
from xsmigui.core.text import _
from xsmigui.services.patience import GIVE_UP_AFTER_S


def short_stop(group: Any) -> None:
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


def prove_help() -> str:
    return _(
        "compare the contents of halted VMs' disks before and after by checksums that the servers compute; "
        "takes as long as reading the disks twice, and is always done if the sources of copies are removed at "
        "once"
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
        "minutes to wait for a job whose servers do not answer, or of which nothing moves while it waits for room or "
        "its turn, {minutes} by default; what is running there continues, and the command that resumes the job is "
        "printed. Example: --patience 30"
    )
    minutes = round(GIVE_UP_AFTER_S / 60)
    group.add_argument(
        "--patience", type=_minutes, default=minutes, metavar="MINUTES", help=text.format(minutes=minutes)
    )


def json_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help=_("print one JSON document, and nothing else, on stdout"))


def report(command: argparse.ArgumentParser) -> None:
    text = _("write a report into this folder, as an HTML page and as JSON. Example: --report reports")
    command.add_argument("--report", metavar="DIR", help=text)


def run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help=_("start without asking"))
    report(command)
    json_output(command)


def storage_network_help() -> str:
    return _("the network at the destination that carries disks and memory. Example: --storage-network Storage")


def selection(command: argparse.ArgumentParser) -> None:
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
    group.add_argument("--storage-network", metavar="NAME|UUID", help=storage_network_help())
    group.add_argument("--copy", action="store_true", help=_("copy the VMs; the originals stay as they are"))
    group.add_argument(
        "--compress", action="store_true", help=_("compress the memory stream; by default as the pool is configured")
    )
    group.add_argument("--start-after", action="store_true", help=_("start the halted VMs after the move"))
    group.add_argument("--prove", action="store_true", help=prove_help())
    short_stop(group)
    group.add_argument(
        "--leave-out-blocked",
        action="store_true",
        help=_("move those that can be moved and list the others; by default nothing moves unless everything can"),
    )
    times(group)


def times(group: Any) -> None:
    """When to start, and when to start nothing more."""
    group.add_argument(
        "--not-before",
        metavar="TIME",
        help=_(
            "do not start before this time (local): the next such time, or with a date. Example: --not-before "
            "22:00, --not-before 2026-03-02T22:00"
        ),
    )
    text = _(
        "start nothing more from this time on; what is running then is brought to its end, the rest is put on hold, "
        "and the command that resumes it is printed. Example: --pause-at 06:00"
    )
    group.add_argument("--pause-at", metavar="TIME", help=text)
