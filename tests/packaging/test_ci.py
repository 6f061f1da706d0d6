"""`.ci/run`: every part runs and counts, in the environment of somebody who has just logged in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PREPARE = """
steady="--reruns 1"
announce() { printf '%s\\n' "$*" >&2; }
prepare() { python=$PWD/tools/python workers=3; }
"""
PYTHON = """#!/bin/sh
case "$*" in *version_info*) echo 3.11; exit ;; esac
{ env | cut -d= -f1 | tr '\\n' ' '; echo; } >>tools/environment
echo "python $*"
case "$*" in *"$(cat tools/fails)"*) exit 3 ;; esac
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI runs on Linux")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose tools only say how they were called; ``tools/fails`` names what fails."""

    def tool(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tool("packaging/prepare.sh", PREPARE)
    tool("tools/python", PYTHON)
    tool("tools/lint-imports", "#!/bin/sh\necho layers\n")
    tool("tools/fails", "nothing at all")
    tool("packaging/build", "#!/bin/sh\necho build $*\n")
    tool("packaging/trial/all", "#!/bin/sh\necho trial $*\n")
    return tmp_path


def run(checkout: Path, **more: str) -> tuple[int, list[str]]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), **more}
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=checkout, env=environment, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


PARTS = ["ruff check", "ruff format", "mypy", "layers", "translations.py", "build", "trial", "pytest"]
TESTS = "python -m pytest --reruns 1 -n 3 --dist worksteal"


def test_every_part_in_its_order_and_the_tests_last(checkout: Path) -> None:
    status, lines = run(checkout)
    assert status == 0
    places = [next(n for n, line in enumerate(lines) if part in line) for part in PARTS]
    assert places == sorted(places)
    assert lines[-1] == TESTS


@pytest.mark.parametrize("part", ["ruff check", "mypy", "translations.py", "-n 3"])
def test_a_part_that_fails_fails_the_whole_and_the_others_run(part: str, checkout: Path) -> None:
    (checkout / "tools" / "fails").write_text(part)
    status, lines = run(checkout)
    assert status == 3
    assert lines[-1] == TESTS


def test_the_tests_see_what_a_newcomer_has(checkout: Path) -> None:
    workshop = ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_INPUT", "DISPLAY", "XSMIGUI_HOME", "LC_ALL"]
    assert run(checkout, PIP_CERT="/cert", **dict.fromkeys(workshop, "1"))[0] == 0
    calls = [set(line.split()) for line in (checkout / "tools" / "environment").read_text().splitlines()]
    assert not set(workshop) & set.union(*calls)
    assert "PIP_CERT" in calls[0]  # the set-up needs the network
    assert calls[-1] <= {"HOME", "PATH", "USER", "LOGNAME", "LANG", "TERM", "TMPDIR", "PWD", "SHLVL", "_", "OLDPWD"}
