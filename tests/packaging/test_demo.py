"""`packaging/demo`: on the screen that is there, else on a virtual one, which ends with it however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.holding import PATIENCE

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it starts the program on Linux")

PREPARE = """
announce() { printf '%s\\n' "$*" >&2; }
prepare() { announce "prepared: $1"; python=tools/python; }
"""
PROGRAM = """#!/bin/bash
trap 'echo ended; exit 7' TERM
trap 'echo interrupted' INT
echo "started on $DISPLAY with $*; picture: $XSMIGUI_PICTURE"
while :; do read -t 0.05 <>tools/nothing || true; done
"""
SCREEN = """#!/bin/bash
echo $$ >tools/screen.pid
echo 7 >&3
exec cat <>tools/nothing
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a program and a screen that only say what becomes of them."""
    for name in ("packaging", "tools", "temporary"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "packaging" / "demo", tmp_path / "packaging" / "demo")
    (tmp_path / "packaging" / "prepare.sh").write_text(PREPARE)
    os.mkfifo(tmp_path / "tools" / "nothing")
    for name, text in (("python", PROGRAM), ("Xvfb", SCREEN)):
        (tmp_path / "tools" / name).write_text(text)
        (tmp_path / "tools" / name).chmod(0o755)
    return tmp_path


@contextmanager
def demo(checkout: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Started as from a terminal: in a group of processes of its own, to which Ctrl+C goes."""
    environment = {"PATH": f"{checkout / 'tools'}:{os.environ['PATH']}", "TMPDIR": str(checkout / "temporary"), **more}
    with subprocess.Popen(
        ["bash", "packaging/demo", *arguments], cwd=checkout, env=environment, text=True, process_group=0,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    ) as started:  # fmt: skip
        try:
            yield started
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)


def to_all(started: subprocess.Popen[str]) -> None:
    os.killpg(started.pid, signal.SIGINT)


def to_the_script(started: subprocess.Popen[str]) -> None:
    started.terminate()


@pytest.mark.parametrize(("end", "status"), [(to_all, 130), (to_the_script, 7)])
def test_without_a_screen(checkout: Path, end: Callable[[subprocess.Popen[str]], None], status: int) -> None:
    """The program ends before its screen does, and nothing is left of either."""
    with demo(checkout, "--lang", "es") as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        assert line.startswith("started on :7 with -m xsmigui --demo --lang es; picture: ")
        assert Path(line.partition("picture: ")[2].strip()).parent.parent == checkout / "temporary"
        end(started)
        out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, out.splitlines()[-1]) == (status, "ended")
    assert err.splitlines() == [
        "prepared: screen",
        "There is no screen here: the demo runs on a virtual one. End it with Ctrl+C.",
    ]
    screen = int((checkout / "tools" / "screen.pid").read_text())
    with suppress(psutil.NoSuchProcess):
        psutil.Process(screen).wait(PATIENCE)
    assert not list((checkout / "temporary").glob("*/display"))


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
def test_the_screen_that_is_there_is_taken(checkout: Path, name: str) -> None:
    with demo(checkout, **{name: "x"}) as started:
        assert started.stdout is not None
        assert "with -m xsmigui --demo;" in started.stdout.readline()
        to_the_script(started)
        _out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, err) == (7, "prepared: window\n")
    assert not (checkout / "tools" / "screen.pid").exists()


def test_a_virtual_screen_that_does_not_start(checkout: Path) -> None:
    (checkout / "tools" / "Xvfb").write_text("#!/bin/bash\nexit 1\n")
    with demo(checkout) as started:
        out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, out) == (1, "")
    assert err.endswith("The virtual screen (Xvfb) did not start.\n")
