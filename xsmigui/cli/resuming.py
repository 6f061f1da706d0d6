"""The line that takes a job up again: what is printed works when it is pasted into the same shell."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from xsmigui.cli.option_groups import connection
from xsmigui.core.addresses import BadAddress, beside, normal_url
from xsmigui.core.failures import CertificateChanged
from xsmigui.core.jobs import Job
from xsmigui.core.pool_marks import PoolMark
from xsmigui.core.triage import Do
from xsmigui.local import paths
from xsmigui.local.trust import TrustFile, same_fingerprint
from xsmigui.services.members import Members
from xsmigui.services.server_states import Trouble


def resume_line(options: argparse.Namespace, job: Job, trouble: Trouble | None = None) -> str:
    """`xsmigui jobs --resume ID` (or `--revert`, where that was under way) with the connection that `options` hold,
    quoted for this system's shell. Passwords are in none of them.

    Where a certificate has changed the new one is named, so that whoever pastes the line trusts it; where a pool was
    silent its other hosts' certificates are, since one of them may answer in its place."""
    reverting = bool(getattr(options, "revert", None))
    words = [*_program(), "jobs", "--revert" if reverting else "--resume", job.id]
    given = argparse.Namespace(**vars(options))
    renewed = trouble.failure if trouble is not None and isinstance(trouble.failure, CertificateChanged) else None
    if renewed is not None:
        given.fingerprint, given.trust_on_first_use = _renewed(given, _marks(job), renewed), False
    elif trouble is not None and given.fingerprint:
        given.fingerprint = _with_more(given.fingerprint, trouble.hosts.values())
    if renewed is not None or getattr(options, "same_pool", False):
        words.append("--same-pool")
    words += _connection(given)
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def step_line(job: Job, do: Do) -> str:
    """The line that does this next step of a job, on the servers that it was started with. The password is in the
    keyring, or `--password-stdin` is added."""
    words = [*_program(), "jobs", f"--{do}", job.id]
    if do is not Do.forget:
        for url in servers_of(job):
            words += ["--server", url]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def servers_of(job: Job) -> list[str]:
    """Where a job was started: its pools' coordinators of that time."""
    return [mark.url for mark in _marks(job)]


def members_of(job: Job, url: str) -> Members:
    """The hosts of the pool, as this job has noted them, to which a server belongs; which certificates they show is in
    no journal."""
    for mark in _marks(job):
        hosts = [mark.url, *_urls(mark)]
        if url in hosts:
            return dict.fromkeys(hosts, "")
    return {}


def _marks(job: Job) -> list[PoolMark]:
    return list({mark.pool: mark for vm in job.vms for mark in vm.pools}.values())


def _urls(mark: PoolMark) -> list[str]:
    found = []
    for address in mark.members:
        try:
            found.append(beside(mark.url, address))
        except BadAddress:
            continue
    return found


def _renewed(options: argparse.Namespace, marks: list[PoolMark], changed: CertificateChanged) -> list[str]:
    """The fingerprints that the servers show now. As soon as one is given each server's must be."""
    known: list[str] = list(options.fingerprint)
    if not known:
        file = TrustFile(paths.home())
        urls = [normal_url(server) for server in options.server]
        trusted = [file.trusted(url) for url in urls]
        known = [*filter(None, trusted), *(mark.fingerprint for mark in marks)]
    others = [each for each in known if not same_fingerprint(each, changed.trusted)]
    return _with_more([changed.fingerprint], others)


def _with_more(fingerprints: list[str], more: Iterable[str]) -> list[str]:
    found = list(fingerprints)
    for each in more:
        if each and not any(same_fingerprint(each, known) for known in found):
            found.append(each)
    return found


def _program() -> list[str]:
    """How this process was started, in words that start it again."""
    start = Path(sys.argv[0])
    if getattr(sys, "frozen", False):
        image = os.environ.get("APPIMAGE")  # the file itself; what runs lies in a folder that goes with it
        return [image or start.name if image or start.name == sys.argv[0] else str(start)]
    if start.name == "__main__.py" and start.parent.name == "xsmigui":
        return [sys.executable, "-m", "xsmigui"]
    if start.stem in ("xsmigui", "xsmigui-cli"):
        return [sys.argv[0]]
    return ["xsmigui"]


def _connection(options: argparse.Namespace) -> list[str]:
    """The connection as it was given, option by option."""
    known = argparse.ArgumentParser(add_help=False)
    connection(known, required=False)
    words: list[str] = []
    for action in known._actions:
        given, name = getattr(options, action.dest), action.option_strings[0]
        if given == action.default:
            continue
        if action.nargs == 0:
            words.append(name)
            continue
        for value in given if isinstance(given, list) else [given]:
            words += [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]
    return words
