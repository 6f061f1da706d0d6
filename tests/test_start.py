"""The program as people start it: from a menu, from a shell, with nothing after its name, in an empty home."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from configparser import RawConfigParser
from pathlib import Path

import pytest

from xsmigui import __version__
from xsmigui.local import screen

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
MODULE = [sys.executable, "-m", "xsmigui"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM, and rights are of another kind there")


def without_arguments() -> list[list[str]]:
    """Every way in which a person starts the window: the module, what the packages begin with (Linux, Windows), the
    command, and what the desktop's entry runs."""
    ways = [MODULE]
    ways += [
        [sys.executable, "-X", "utf8", f"packaging/{place}"] for place in ("linux/start.py", "windows/xsmigui_start.py")
    ]
    command = Path(sys.executable).with_name("xsmigui")
    if command.exists():
        desktop = RawConfigParser(strict=True, interpolation=None)
        desktop.read(ROOT / "resources" / "xsmigui.desktop", encoding="utf-8")
        name, *arguments = shlex.split(desktop["Desktop Entry"]["Exec"])
        assert name == "xsmigui"
        ways += [[str(command)], [str(command), *arguments]]
    return ways


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """What a login gives a person, on a computer that the program was never started on; without a screen."""
    given = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    given |= {"HOME": str(tmp_path / "home"), "QT_QPA_PLATFORM": "offscreen", "LANG": "C.UTF-8"}
    given |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "COVERAGE_FILE": str(tmp_path / "coverage")}
    (tmp_path / "home").mkdir()
    return given


def log_of(environment: dict[str, str]) -> Path:
    return Path(environment["HOME"]) / ".config" / "xsmigui" / "xsmigui.log"


def shown_and_ended(command: list[str], environment: dict[str, str], **streams: object) -> tuple[int, str]:
    """Start the window, wait until it shows, and end it as a logout does; the status and what was said on stderr."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    with subprocess.Popen(command, env=environment, text=True, cwd=ROOT, **given) as started:  # type: ignore[call-overload]
        log, deadline = log_of(environment), time.monotonic() + PATIENCE
        while not (log.exists() and f"xsmigui {__version__} shows its window" in log.read_text("utf-8")):
            if started.poll() is not None or time.monotonic() > deadline:
                started.kill()
                pytest.fail(f"no window: status {started.wait()}, {started.communicate()}")
            time.sleep(0.02)
        started.send_signal(signal.SIGTERM)
        _out, err = started.communicate(timeout=PATIENCE)
        return started.returncode, err or ""


@posix
@pytest.mark.parametrize("command", without_arguments(), ids=str)
def test_the_window_without_arguments(command: list[str], environment: dict[str, str]) -> None:
    status, said = shown_and_ended(command, environment)
    assert status == 0, said
    assert "Traceback" not in said
    assert "ERROR" not in log_of(environment).read_text("utf-8")


@posix
@pytest.mark.parametrize("arguments", [["--lang="], ["--lang=es"], ["--lang", "es"], ["--lang", ""]], ids=str)
def test_the_window_in_a_language(arguments: list[str], environment: dict[str, str]) -> None:
    status, said = shown_and_ended([*MODULE, *arguments], environment)
    assert status == 0, said
    assert "Traceback" not in said


@posix
def test_the_window_without_standard_streams(environment: dict[str, str]) -> None:
    """As ``pythonw`` and some desktops start it."""
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *MODULE]
    assert shown_and_ended(shell, environment, stdin=None, stdout=None, stderr=None)[0] == 0


@posix
def test_an_empty_name_of_the_home(environment: dict[str, str], tmp_path: Path) -> None:
    """``HOME=`` counts as none."""
    environment |= {"HOME": "", "XSMIGUI_HOME": str(tmp_path / "own")}
    done = subprocess.run([*MODULE, "jobs"], env=environment, text=True, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


def ended(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*MODULE, *arguments], env=environment, text=True, capture_output=True, timeout=PATIENCE, cwd=ROOT,
        stdin=subprocess.DEVNULL, encoding="utf-8",
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--lang"],
        ["--demo", "--lang"],
        ["--lang", "--demo"],
        ["--lang=fr"],
        ["jobs", "--lang"],
        ["--"],
        [""],
        ["--demo="],
    ],
    ids=str,
)
def test_wrong_arguments_are_said_and_nothing_starts(arguments: list[str], environment: dict[str, str]) -> None:
    status, out, err = ended(environment, *arguments)
    assert (status, out) == (2, "")
    assert "usage: xsmigui" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["--lang", "es", "--help"], ["--lang=es", "--help"]], ids=str)
def test_the_help_in_a_language(arguments: list[str], environment: dict[str, str]) -> None:
    status, out, _err = ended(environment, *arguments)
    assert status == 0
    assert "abre la ventana" in out or "abrir la ventana" in out, out


@posix
@pytest.mark.parametrize("arguments", [[], ["jobs"], ["inventory", "--server", "https://127.0.0.1"]], ids=str)
def test_a_home_that_cannot_be_made_is_said_in_a_sentence(arguments: list[str], environment: dict[str, str]) -> None:
    file = Path(environment["HOME"]) / "file"
    file.touch()
    environment["HOME"] = str(file)
    status, _out, err = ended(environment, *arguments)
    assert status == 2
    assert str(file) in err
    assert "XSMIGUI_HOME" in err
    assert "Traceback" not in err


@posix
def test_what_needs_no_home_works_without_one(environment: dict[str, str]) -> None:
    file = Path(environment["HOME"]) / "file"
    file.touch()
    environment["HOME"] = str(file)
    assert ended(environment, "--version") == (0, f"xsmigui {__version__}\n", "")
    assert ended(environment, "--help")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's screens")
@pytest.mark.parametrize("arguments", [[], ["--demo"]], ids=str)
@pytest.mark.parametrize(
    "given",
    [{}, {"DISPLAY": ":4711"}, {"WAYLAND_DISPLAY": "wayland-none"}, {"WAYLAND_DISPLAY": "none", "DISPLAY": ":4711"}],
    ids=str,
)
def test_without_a_screen_it_says_so(given: dict[str, str], arguments: list[str], environment: dict[str, str]) -> None:
    """Qt would abort, with a core dump."""
    del environment["QT_QPA_PLATFORM"]
    status, out, err = ended(environment | given, *arguments)
    assert (status, out) == (69, "")
    (line,) = err.splitlines()
    assert "screen" in line
    assert "xsmigui --help" in line
    assert all(name in line for name in given.values() if name.startswith(":"))


def test_a_library_that_is_missing_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """As the wheels of Qt are on a system without its libraries."""
    (tmp_path / "qasync.py").write_text('raise ImportError("libEGL.so.1: cannot open shared object file")')
    status, _out, err = ended(environment | {"PYTHONPATH": str(tmp_path)})
    assert status == 69
    (line,) = err.splitlines()
    assert "libEGL.so.1" in line


@posix
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_demo_ends_by_a_signal(number: signal.Signals, expected: int, environment: dict[str, str]) -> None:
    """To the whole group of processes, as Ctrl+C sends it."""
    environment["XSMIGUI_PICTURE"] = picture = str(Path(environment["HOME"]) / "window.png")
    with subprocess.Popen(
        [*MODULE, "--demo"], env=environment, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    ) as started:  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not Path(picture).exists() and started.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert Path(picture).exists()
        os.killpg(started.pid, number)
        out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, out) == (expected, "")
    lines = [line for line in err.splitlines() if "propagateSizeHints" not in line]
    assert lines == [f"A picture of the window: {picture}"]


@posix
@pytest.mark.parametrize("arguments", [[], ["--demo"], ["jobs"], ["simulate"]], ids=str)
def test_ctrl_c_at_the_very_beginning(arguments: list[str], environment: dict[str, str]) -> None:
    """While it imports, there is no traceback either."""
    interrupting = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    site = Path(environment["HOME"]) / "platformdirs.py"  # everything imports it early
    site.write_text(interrupting)
    status, out, err = ended(environment | {"PYTHONPATH": str(site.parent)}, *arguments)
    assert (status, out, err) == (130, "", "")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's screens")
def test_a_screen_that_comes_in_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual one turns everybody away while it resets."""
    answers = [1, 0]

    class Xcb:
        xcb_connect = type("Connect", (), {"__call__": lambda *_: 1})()
        xcb_disconnect = staticmethod(lambda *_: None)
        xcb_connection_has_error = staticmethod(lambda *_: answers.pop(0))

    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.setattr(screen.ctypes, "CDLL", lambda _name: Xcb())
    assert screen.why_no_window() == ""
    answers[:] = [1, 1, 1]
    assert ":4711" in screen.why_no_window()


@pytest.mark.parametrize(
    "code",
    [
        "import sys; from xsmigui.__main__ import main; sys.argv[1:] = ['jobs']; main()",
        "import sys; from xsmigui.__main__ import main; sys.argv[1:] = ['--self-test']; main()",
        "gc.disable(); from xsmigui import app; app.run(app.Options(self_test=True))",
    ],
    ids=["a command", "the self-test", "the window"],
)
def test_rubbish_is_collected_after_the_start_alone(code: str, environment: dict[str, str]) -> None:
    code = f"import gc; {code}; assert gc.isenabled() and gc.get_freeze_count() > 10_000, gc.get_freeze_count()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
