"""The line that is printed is understood by the parser, and says again how the servers were reached."""

import shlex
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from xsmigui.cli.options import parser
from xsmigui.cli.resuming import resume_line

JOB: Any = SimpleNamespace(id="20260302-081500-9c1f", vms=())
SERVERS = ["--server", "https://madrid-01", "--server", "fd00::1"]


def pasted(*arguments: str) -> list[str]:
    options = parser().parse_args(["migrate", *arguments, "--vm", "x", "--to", "y"])
    return shlex.split(resume_line(options, JOB))


@pytest.mark.skipif(sys.platform == "win32", reason="quoted for sh")
@pytest.mark.parametrize(
    "connection",
    [
        SERVERS,
        [*SERVERS, "--password-stdin", "--user", "operator of $HOME 'x'"],
        [*SERVERS, "--fingerprint", "3b:5c", "--fingerprint", "9f:00"],
        [*SERVERS, "--trust-on-first-use", "--user=-strange"],
    ],
)
def test_the_whole_connection_is_in_it(connection: list[str]) -> None:
    given = parser().parse_args(["migrate", *connection])
    words = pasted(*connection)
    assert words[0] == "xsmigui"
    again = parser().parse_args(words[1:])
    assert (again.command, again.resume) == ("jobs", "20260302-081500-9c1f")
    for field in ("server", "user", "password_stdin", "fingerprint", "trust_on_first_use"):
        assert getattr(again, field) == getattr(given, field)


def test_nothing_of_the_selection_is_in_it() -> None:
    assert "--vm" not in pasted(*SERVERS)
    assert "--user" not in pasted(*SERVERS)


@pytest.mark.parametrize(
    ("started", "program"),
    [
        ("/srv/checkout/xsmigui/__main__.py", [sys.executable, "-m", "xsmigui"]),
        ("/opt/x y/bin/xsmigui", ["/opt/x y/bin/xsmigui"]),
        ("xsmigui", ["xsmigui"]),
        ("/usr/bin/pytest", ["xsmigui"]),
    ],
)
def test_it_begins_as_this_process_was_started(
    monkeypatch: pytest.MonkeyPatch, started: str, program: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "migrate"])
    words = pasted(*SERVERS)
    assert words[: len(program) + 1] == [*program, "jobs"]


def test_an_installed_program_is_named_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "argv", ["xsmigui", "migrate"])
    assert pasted(*SERVERS)[0] == "xsmigui"
    monkeypatch.setattr(sys, "argv", ["/usr/lib/xsmigui/xsmigui", "migrate"])
    assert pasted(*SERVERS)[0] == "/usr/lib/xsmigui/xsmigui"
    monkeypatch.setenv("APPIMAGE", "/home/ana/xsmigui 1.AppImage")
    assert pasted(*SERVERS)[0] == "/home/ana/xsmigui 1.AppImage"


@pytest.mark.skipif(sys.platform == "win32", reason="quoted for sh")
def test_a_way_back_is_taken_up_as_one() -> None:
    for action in ("--resume", "--revert"):
        options = parser().parse_args(["jobs", action, "x", "--same-pool", *SERVERS])
        words = shlex.split(resume_line(options, JOB))
        assert words[:5] == ["xsmigui", "jobs", action, JOB.id, "--same-pool"]
