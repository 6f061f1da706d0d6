"""Ctrl+C and SIGTERM, while the program waits for a person or for a pipe that brings nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulated import Simulated

if sys.platform == "win32":
    pytest.skip("terminals differ", allow_module_level=True)

import pty
import termios

PATIENCE = 60


@dataclass
class Terminal:
    """What a person sits at: `theirs` is the program's end."""

    ours: int
    theirs: int

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    yield Terminal(ours, theirs)
    os.close(ours)
    os.close(theirs)


def start(stdin: int, *arguments: str) -> subprocess.Popen[bytes]:
    """A session of its own, whose terminal stdin is where it is one."""
    script = (
        "import os, sys; sys.stdin.isatty() and os.open(os.ttyname(0), os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, sys.executable, "-m", "xsmigui", *arguments]
    return subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "LANGUAGE": "en"},
    )  # fmt: skip


def said_until(process: subprocess.Popen[bytes], end: bytes) -> bytes:
    assert process.stderr is not None
    said = b""
    while not said.endswith(end):
        byte = process.stderr.read(1)
        assert byte, said
        said += byte
    return said


def connection(site: Simulated) -> list[str]:
    arguments = []
    for pool in site.pools:
        arguments += ["--server", pool.url, "--fingerprint", pool.fingerprint]
    return arguments


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form", [[], ["--password-stdin"]])
def test_at_the_password(
    number: signal.Signals, form: list[str], shared_site: Simulated, terminal: Terminal, home: Path
) -> None:
    with start(terminal.theirs, "inventory", *connection(shared_site), *form) as process:
        said_until(process, b": ")
        if number == signal.SIGINT:
            os.write(terminal.ours, b"\x03")
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert terminal.echoes


def test_at_the_question_before_a_run(shared_site: Simulated, terminal: Terminal, home: Path) -> None:
    arguments = ["migrate", *connection(shared_site), "--password-stdin", "--vm", "mail", "--to", "Lisboa", "--json"]
    with start(terminal.theirs, *arguments) as process:
        for _pool in shared_site.pools:
            said_until(process, b": ")
            os.write(terminal.ours, b"secret\n")
        said_until(process, "“yes”: ".encode())
        os.write(terminal.ours, b"\x03")
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"Nothing was started." in err
    document = json.loads(out)
    assert (document["job"], document["state"], document["reason"]) == (None, "cancelled", "interrupted")


def test_while_a_pipe_brings_no_password(shared_site: Simulated, home: Path) -> None:
    read, write = os.pipe()
    try:
        with start(read, "inventory", *connection(shared_site), "--password-stdin") as process:
            os.write(write, b"sec")  # no end of the line yet
            wait_for_signals(process)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
    finally:
        os.close(read)
        os.close(write)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def wait_for_signals(process: subprocess.Popen[bytes]) -> None:
    """Until it has a second thread: what is done with signals was arranged before."""
    import psutil

    told = psutil.Process(process.pid)
    while len(told.threads()) < 2:
        assert process.poll() is None


SILENT = """
import socket, threading
def getaddrinfo(host, *more, **fields):
    print("asked", host, file=__import__("sys").stderr, flush=True)
    threading.Event().wait()
socket.getaddrinfo = getaddrinfo
import runpy
runpy.run_module("xsmigui", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_no_name_server_answers(number: signal.Signals, home: Path) -> None:
    command = [sys.executable, "-c", SILENT, "inventory", "--server", "xen.example", "--password-stdin", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "LANGUAGE": "en"},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b"secret\n")
        process.stdin.close()
        process.stdin = None
        said_until(process, b"asked xen.example\n")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, json.loads(out)["reason"]) == (130, "interrupted")
    assert b"Traceback" not in err


def test_while_a_plan_comes_through_a_pipe(
    shared_site: Simulated, terminal: Terminal, home: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    os.mkfifo(plan)
    arguments = ["preflight", *connection(shared_site), "--password-stdin", "--plan", str(plan)]
    with start(terminal.theirs, *arguments) as process:
        for _pool in shared_site.pools:
            said_until(process, b": ")
            os.write(terminal.ours, b"secret\n")
        with plan.open("wb"):  # opened on both sides: it is being read
            os.write(terminal.ours, b"\x03")
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
