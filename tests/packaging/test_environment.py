"""The virtual environment that README's commands make: whole or not there, made once, and anew where it must be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import environment
import pytest

from tests.holding import PATIENCE

posix = pytest.mark.skipif(sys.platform == "win32", reason="Linux's set-up")


class Installer:
    """Stands for `install`: an environment with an interpreter that works, and how often it was made."""

    def __init__(self) -> None:
        self.made: list[bool] = []
        self.failure: BaseException | None = None
        self.works = True

    def __call__(self, fresh: Path, tests: bool) -> None:
        self.made.append(tests)
        (fresh / "bin").mkdir(parents=True)
        (fresh / "bin" / "python").write_text(f"#!/bin/sh\nexit {0 if self.works else 1}\n")
        (fresh / "bin" / "python").chmod(0o755)
        (fresh / "bin" / "tool").write_text(f"#!{fresh.absolute()}/bin/python\n")
        (fresh / "bin" / "binary").write_bytes(b"\0" + os.fsencode(fresh.absolute()))
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "a checkout"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.delenv("XSMIGUI_VENV", raising=False)
    return root


@pytest.fixture
def installer(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    made = Installer()
    monkeypatch.setattr(environment, "install", made)
    return made


@posix
def test_it_is_made_once(checkout: Path, installer: Installer, capsys: pytest.CaptureFixture[str]) -> None:
    assert environment.prepare("window") == checkout / ".venv" / "bin" / "python"
    assert "once" in capsys.readouterr().err
    for kind in ("window", "screen"):
        environment.prepare(kind)
    assert installer.made == [False]
    assert capsys.readouterr().err == ""
    assert sorted(path.name for path in checkout.iterdir()) == [".venv", "pyproject.toml"]


@posix
def test_scripts_name_the_place_where_it_lies(checkout: Path, installer: Installer) -> None:
    environment.prepare("window")
    assert (checkout / ".venv" / "bin" / "tool").read_text() == f"#!{checkout}/.venv/bin/python\n"
    assert b".venv.new" in (checkout / ".venv" / "bin" / "binary").read_bytes()


@posix
def test_the_tests_need_more_and_the_window_is_content_with_that(checkout: Path, installer: Installer) -> None:
    environment.prepare("window")
    environment.prepare("tests")
    environment.prepare("window")
    assert installer.made == [False, True]


@posix
@pytest.mark.parametrize("change", ["libraries", "place", "python", "broken", "gone", "half made"])
def test_it_is_made_anew_where_it_must_be(
    change: str, checkout: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.prepare("window")
    venv = checkout / ".venv"
    if change == "libraries":
        (checkout / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    elif change == "place":
        checkout = checkout.rename(checkout.with_name("moved"))
        monkeypatch.setattr(environment, "ROOT", checkout)
    elif change == "python":
        monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    elif change == "broken":
        (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    elif change == "gone":
        (venv / "bin" / "python").unlink()
    else:
        (venv / environment.STAMP).write_text('{"tests": fal')
    environment.prepare("window")
    environment.prepare("window")
    assert installer.made == [False, False]
    assert sorted(path.name for path in checkout.iterdir()) == [".venv", "pyproject.toml"]


@posix
def test_what_a_run_without_pip_has_left_is_replaced(checkout: Path, installer: Installer) -> None:
    """``python3 -m venv`` without python3-venv leaves an interpreter without pip."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    environment.prepare("window")
    assert installer.made == [False]
    assert (checkout / ".venv" / "bin" / "tool").exists()


@posix
@pytest.mark.parametrize("failure", [environment.Failed("No."), KeyboardInterrupt(), SystemExit(143)], ids=repr)
def test_nothing_half_made_is_left(failure: BaseException, checkout: Path, installer: Installer) -> None:
    installer.failure = failure
    with pytest.raises(type(failure)):
        environment.prepare("window")
    assert [path.name for path in checkout.iterdir()] == ["pyproject.toml"]
    installer.failure = None
    environment.prepare("window")
    (checkout / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    installer.failure = failure
    with pytest.raises(type(failure)):
        environment.prepare("window")
    assert (checkout / ".venv" / "bin" / "tool").exists()  # the old one stays until the new one is complete


@posix
def test_what_a_killed_run_has_left_is_removed(checkout: Path, installer: Installer) -> None:
    (checkout / ".venv.new" / "bin").mkdir(parents=True)
    environment.prepare("window")
    assert sorted(path.name for path in checkout.iterdir()) == [".venv", "pyproject.toml"]


@posix
def test_two_at_once_make_one(checkout: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()
    monkeypatch.setattr(environment, "say", lambda text: waiting.set() if "waiting" in text else None)
    with environment.alone(checkout):
        other = threading.Thread(target=environment.prepare, args=("window",))
        other.start()
        assert waiting.wait(PATIENCE)
        environment.make(checkout / ".venv", tests=False)
    other.join(PATIENCE)
    assert not other.is_alive()
    assert installer.made == [False]


@posix
def test_a_checkout_that_may_not_be_written_to(
    checkout: Path, installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.os, "access", lambda path, _mode: Path(path) != checkout)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    interpreter = environment.prepare("window")
    assert interpreter.is_relative_to(tmp_path / "cache" / "xsmigui")
    assert [path.name for path in checkout.iterdir()] == ["pyproject.toml"]


@posix
def test_another_place(checkout: Path, installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSMIGUI_VENV", str(tmp_path / "deep" / "er" / "venv"))
    assert environment.prepare("window") == tmp_path / "deep" / "er" / "venv" / "bin" / "python"


@posix
def test_a_place_that_cannot_be(checkout: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSMIGUI_VENV", str(checkout / "pyproject.toml" / "venv"))
    with pytest.raises(environment.Failed, match="cannot be made"):
        environment.prepare("window")


@posix
def test_uv_is_used_and_pip_where_it_fails(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []

    def fake(*command: str | Path) -> None:
        run.append(" ".join(Path(part).name if i == 0 else str(part) for i, part in enumerate(command)))
        if run[-1].startswith("uv pip") and fails:
            raise environment.Failed("no")

    monkeypatch.setattr(environment, "run", fake)
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/opt/{name}")
    fails = False
    environment.install(tmp_path / "fresh", tests=True)
    assert [line.split(" ")[:2] for line in run] == [["uv", "venv"], ["uv", "pip"]]
    assert f"{checkout}[dev]" in run[-1]
    fails = True
    environment.install(tmp_path / "fresh", tests=False)
    assert any("-m venv" in line for line in run)
    assert "-m pip install" in run[-1]


# prepare.sh, with commands of its own on its PATH


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A PATH with the few tools that the script needs, and nothing of this computer's."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("bash", "dirname", "find", "id", "env", "cat"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!{shutil.which('bash')}\n{script}\n")
    (folder / name).chmod(0o755)


def source(folder: Path, kind: str, **more: str) -> subprocess.CompletedProcess[str]:
    script = f'source packaging/prepare.sh; PATH={folder}; prepare {kind}; echo "python: $python"'
    return subprocess.run(
        [str(shutil.which("bash")), "-c", script], cwd=Path(__file__).parent.parent.parent, text=True,
        capture_output=True, check=False, env={"PATH": str(folder), "HOME": "/nonexistent", **more},
    )  # fmt: skip


COMPLETE = 'case "$*" in *environment.py*--check) exit 0 ;; *environment.py*) echo /venv/python ;; *) exit 0 ;; esac'
"""A Python that suits, with a complete environment."""

LIBRARIES = "libEGL libGL libglib-2.0 libdbus-1 libfontconfig libfreetype libxkbcommon libX11-xcb libxkbcommon-x11"
LIBRARIES += " libxcb-cursor libxcb-icccm libxcb-image libxcb-keysyms libxcb-randr libxcb-render-util libxcb-shape"
LIBRARIES += " libxcb-shm libxcb-sync libxcb-xfixes libxcb-xkb"


def everything(folder: Path) -> None:
    """All that the script looks for."""
    tool(folder, "python3", COMPLETE)
    lines = "".join(f"\t{name}.so.{n} (libc6) => /x\\n" for name in LIBRARIES.split() for n in (0, 1, 2, 3, 4, 6))
    tool(folder, "ldconfig", f"printf '{lines}'")
    tool(folder, "find", "echo a.ttf")
    for name in ("Xvfb", "dbus-daemon"):
        tool(folder, name, "exit 0")


@posix
@pytest.mark.parametrize("kind", ["window", "screen"])
def test_a_system_that_has_everything_is_left_alone(kind: str, shell: Path) -> None:
    everything(shell)
    tool(shell, "apt-get", "echo apt-get was called >&2; exit 1")
    done = source(shell, kind)
    assert (done.returncode, done.stdout, done.stderr) == (0, "python: /venv/python\n", "")


@posix
def test_root_installs_what_is_missing_and_only_that(shell: Path) -> None:
    everything(shell)
    tool(shell, "id", "echo 0")
    tool(shell, "ldconfig", f"{(shell / 'ldconfig').read_text().splitlines()[1]} | {shutil.which('grep')} -v cursor")
    (shell / "Xvfb").unlink()
    tool(shell, "apt-get", 'echo "apt-get $*" >&2')
    done = source(shell, "screen")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "Installing packages of the system, once: libxcb-cursor0 xvfb",
        "apt-get update -qq",
        "apt-get install -qq --yes --no-install-recommends -o DPkg::Lock::Timeout=120 libxcb-cursor0 xvfb",
    ]


@posix
def test_an_ordinary_user_is_given_the_line(shell: Path) -> None:
    everything(shell)
    tool(shell, "id", "echo 1000")
    tool(shell, "find", "exit 0")
    tool(shell, "apt-get", "echo apt-get was called; exit 1")
    done = source(shell, "window")
    assert (done.returncode, done.stdout) == (1, "")
    line = done.stderr.splitlines()[-1]
    assert line == "  apt-get update && apt-get install --yes --no-install-recommends fonts-dejavu-core"
    tool(shell, "sudo", "exit 1")
    assert source(shell, "window").stderr.splitlines()[-1] == line.replace("apt-get", "sudo apt-get")


@posix
def test_an_installation_that_fails_is_said(shell: Path) -> None:
    everything(shell)
    tool(shell, "id", "echo 0")
    tool(shell, "find", "exit 0")
    tool(shell, "apt-get", "exit 100")
    done = source(shell, "window")
    assert (done.returncode, done.stdout) == (1, "")
    assert "could not be installed" in done.stderr


@posix
def test_venv_is_asked_for_only_where_it_is_needed(shell: Path) -> None:
    everything(shell)
    tool(shell, "id", "echo 1000")
    tool(shell, "apt-get", "exit 1")
    tool(shell, "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac\n' + COMPLETE)
    assert source(shell, "window").returncode == 0
    tool(shell, "python3", 'case "$*" in *ensurepip*|*--check) exit 1 ;; esac\n' + COMPLETE)
    assert "python3-venv" in source(shell, "window").stderr
    tool(shell, "uv", "exit 0")
    assert source(shell, "window").returncode == 0


@posix
def test_a_python_that_is_too_old(shell: Path) -> None:
    everything(shell)
    tool(shell, "python3", "exit 1")
    done = source(shell, "window")
    assert (done.returncode, done.stdout) == (1, "")
    assert "3.11" in done.stderr
    assert "python3" in done.stderr
    tool(shell, "python3.12", COMPLETE)
    assert source(shell, "window").returncode == 0
    (shell / "python3.12").unlink()
    own = shell / "own python"
    tool(shell, "own python", COMPLETE)
    assert source(shell, "window", XSMIGUI_PYTHON=str(own)).returncode == 0


@posix
def test_a_system_without_python_gets_it(shell: Path) -> None:
    everything(shell)
    (shell / "python3").unlink()
    tool(shell, "id", "echo 0")
    tool(shell, "later", COMPLETE)
    (shell / "mv").symlink_to(str(shutil.which("mv")))
    tool(shell, "apt-get", f'[ "$1" = update ] || mv "{shell}/later" "{shell}/python3"')
    done = source(shell, "window")
    assert (done.returncode, done.stdout) == (0, "python: /venv/python\n"), done.stderr
    assert "python3 python3-venv" in done.stderr
