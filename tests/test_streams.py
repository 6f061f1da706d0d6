"""Every command, where its standard streams are closed, read no further, full, or know few characters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.simulated import Simulated

if sys.platform == "win32":
    pytest.skip("pipes differ", allow_module_level=True)

import fcntl

PATIENCE = 90
UNREAD_OUT, UNREAD_ERR, UNREAD, CLOSED = "stdout unread", "stderr unread", "both unread", "both closed"


@pytest.fixture(scope="module")
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as own:
        yield own


def connection(site: Simulated) -> list[str]:
    arguments = ["--password-stdin"]
    for pool in site.pools:
        arguments += ["--server", pool.url, "--fingerprint", pool.fingerprint]
    return arguments


def start(home: Path, *arguments: str, unbuffered: bool = False, **more: str) -> tuple[list[str], dict[str, str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"XSMIGUI_HOME": str(home), "LANGUAGE": "en", "QT_QPA_PLATFORM": "offscreen"}
    environment |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", **more}
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    return [sys.executable, "-m", "xsmigui", *arguments], environment


def unread(stack: ExitStack) -> int:
    """The end of a pipe whose reader has left."""
    read, write = os.pipe()
    os.close(read)
    stack.callback(os.close, write)
    return write


def status(home: Path, streams: str, *arguments: str, unbuffered: bool = False) -> tuple[int, str]:
    """The exit status with these streams, and what was said on the one that is still read."""
    command, environment = start(home, *arguments, unbuffered=unbuffered)
    with ExitStack() as stack:
        out: int = subprocess.PIPE
        err: int = subprocess.PIPE
        if streams in (UNREAD_OUT, UNREAD):
            out = unread(stack)
        if streams in (UNREAD_ERR, UNREAD):
            err = unread(stack)
        if streams == CLOSED:
            command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
        done = subprocess.run(
            command, env=environment, stdout=out, stderr=err, input=b"secret\n", timeout=PATIENCE, check=False
        )
    return done.returncode, ((done.stdout or b"") + (done.stderr or b"")).decode()


READING = {
    "--version": (0, ["--version"]),
    "--help": (0, ["--help"]),
    "wrong arguments": (2, ["--nothing"]),
    "--self-test": (0, ["--self-test"]),
    "simulate --help": (0, ["simulate", "--help"]),
    "simulate, wrong": (2, ["simulate", "--scenario", "none"]),
    "jobs": (0, ["jobs"]),
    "jobs --json": (0, ["jobs", "--json"]),
    "jobs --show": (2, ["jobs", "--show", "none"]),
    "no server": (3, ["inventory", "--server", "https://127.0.0.1:1", "--password-stdin", "--trust-on-first-use"]),
}


@pytest.mark.parametrize("streams", [UNREAD_OUT, UNREAD_ERR, CLOSED])
@pytest.mark.parametrize("command", READING)
def test_without_a_server(command: str, streams: str, home: Path) -> None:
    expected, arguments = READING[command]
    found, said = status(home, streams, *arguments)
    assert found == expected, said
    assert "Traceback" not in said
    assert "Broken" not in said


@pytest.mark.parametrize("command", ["--help", "jobs", "no server"])
def test_without_a_server_and_unbuffered(command: str, home: Path) -> None:
    expected, arguments = READING[command]
    found, said = status(home, UNREAD_OUT, *arguments, unbuffered=True)
    assert (found, "Traceback" in said) == (expected, False), said
    assert status(home, UNREAD, *arguments, unbuffered=True)[0] == expected


@pytest.mark.parametrize("streams", [UNREAD_OUT, UNREAD_ERR, UNREAD, CLOSED])
@pytest.mark.parametrize("arguments", [["inventory"], ["inventory", "--json"]], ids=str)
def test_inventory(site: Simulated, streams: str, arguments: list[str], home: Path) -> None:
    found, said = status(home, streams, *arguments, *connection(site))
    assert (found, "Traceback" in said) == (0, False), said


@pytest.mark.parametrize("streams", [UNREAD_OUT, UNREAD_ERR])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=str)
def test_preflight_that_refuses(site: Simulated, streams: str, form: list[str], home: Path) -> None:
    arguments = ["preflight", *connection(site), "--vm", "backup-cbt", "--to", "Lisboa", *form]
    found, said = status(home, streams, *arguments)
    assert (found, "Traceback" in said) == (1, False), said


def test_what_is_closed_from_the_start_is_not_mixed_up(site: Simulated, home: Path) -> None:
    """``2>&-``: what is meant for stderr does not land on stdout, nor in a file that is opened later."""
    command, environment = start(home, "inventory", "--json", *connection(site))
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    done = subprocess.run(shell, env=environment, capture_output=True, input=b"secret\n", timeout=PATIENCE, check=False)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["pools"]) == 2


@pytest.mark.parametrize("form", [[], ["--json"]], ids=str)
def test_a_migration_goes_on_when_nobody_reads(form: list[str], home: Path) -> None:
    with Simulated.start("two-pools") as own:
        madrid, lisboa = own["Madrid"], own["Lisboa"]
        arguments = ["migrate", *connection(own), "--vm", "web-01", "--to", "Lisboa", "--yes", *form]
        assert status(home, UNREAD, *arguments)[0] == 0
        assert own.call(lisboa, "VM.get_by_name_label", "web-01")
        assert not own.call(madrid, "VM.get_by_name_label", "web-01")


def test_the_simulator_ends_when_nobody_reads_where_it_is(home: Path) -> None:
    found, said = status(home, UNREAD_OUT, "simulate")
    assert (found, said) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", [["--help"], ["jobs"], ["jobs", "--json"]], ids=str)
def test_output_that_is_lost_is_said(arguments: list[str], unbuffered: bool, home: Path) -> None:
    command, environment = start(home, *arguments, unbuffered=unbuffered)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
        )
    assert done.returncode == 74
    assert done.stderr.decode().splitlines() == ["The output could not be written: No space left on device."]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_characters_that_the_terminal_does_not_know(encoding: str, site: Simulated, home: Path) -> None:
    command, environment = start(home, "--lang", "es", "--help", PYTHONIOENCODING=encoding)
    done = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    arguments = ["preflight", *connection(site), "--vm", "backup-cbt", "--to", "Lisboa"]
    command, environment = start(home, "--lang", "es", *arguments, PYTHONIOENCODING=encoding)
    done = subprocess.run(
        command, env=environment, capture_output=True, input=b"secret\n", timeout=PATIENCE, check=False
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False), done.stderr
    done = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, input=b"secret\n", timeout=PATIENCE, check=False
    )
    assert not json.loads(done.stdout.decode("utf-8"))["problems"][0]["message"].isascii()


def test_a_reader_that_is_slow_on_a_pipe_that_does_not_block(site: Simulated, home: Path) -> None:
    """Whoever shares a pipe or a terminal with us may have made it non-blocking."""
    read, write = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write, False)
    command, environment = start(home, "inventory", "--json", *connection(site))
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=write) as started:
        os.close(write)
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        with open(read, "rb") as pipe:
            printed = pipe.read()
        assert started.wait(PATIENCE) == 0
    assert len(printed) > 4096
    assert len(json.loads(printed)["pools"]) == 2
