"""`--self-test`: what it finds, and what it says where something is missing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from xsmigui import __main__, __version__, selftest
from xsmigui.core.text import use
from xsmigui.local import languages, paths


@pytest.fixture(autouse=True)
def without_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The checks run in this process: no screen, English, and pytest's signals and language come back afterwards."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    use(languages.catalogue("en", paths.resources()))


@pytest.fixture
def report(home: Path) -> selftest.Report:
    return selftest.Report(home)


def test_finds_everything(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.run("en") == 0
    first, *_rest, last = lines = capsys.readouterr().out.splitlines()
    assert first == f"xsmigui {__version__}"
    assert last == "Everything is fine."
    for name in ("Modules", "Translations", "Keyring", "Icons", "Window", "Migration"):
        assert any(line.startswith(f"{name}: fine. ") for line in lines), name
    assert list(home.iterdir()) == []
    assert os.environ["XSMIGUI_HOME"] == str(home)


def test_the_program_says_it_on_its_stdout(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xsmigui", "--lang", "es", "--self-test"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Todo está bien."


def test_the_argument_leads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(selftest, "run", lambda language: asked.append(language) or 1)
    monkeypatch.setattr(sys, "argv", ["xsmigui", "--self-test", "--lang", "es"])
    assert __main__.main() == 1
    assert asked == ["es"]


def test_a_failed_check_is_said_and_the_others_go_on(
    report: selftest.Report, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd() -> str:
        raise OSError("no such thing")

    def refused() -> str:
        raise selftest.Failed("It is not there.")

    report.check("First", odd)
    report.check("Second", refused)
    report.check("Third", lambda: "all of it")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("First: FAILED. OSError: no such thing (")
    assert second.startswith("Second: FAILED. It is not there. (")
    assert third.startswith("Third: fine. all of it (")
    assert not report.fine


def test_one_failure_is_the_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("translations", "keyring", "icons"):
        monkeypatch.setattr(selftest, name, lambda: "")
    monkeypatch.setattr(selftest, "window", lambda language: "")
    monkeypatch.setattr(selftest, "MODULES", ("json", "no_such_module"))

    async def nothing(home: Path) -> str:
        return ""

    monkeypatch.setattr(selftest, "migration", nothing)
    assert selftest.run() == 1
    said = capsys.readouterr().out
    assert "Modules: FAILED. These cannot be imported: no_such_module (" in said
    assert said.endswith("Something is missing.\n")


def test_without_a_console_it_is_kept_in_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "self-test.txt").write_text("of the last time\n")
    monkeypatch.setattr(sys, "stdout", None)
    report = selftest.Report(home)
    report.say("one")
    report.say("two")
    assert (home / "self-test.txt").read_text() == "one\ntwo\n"


def test_a_missing_catalogue_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    with pytest.raises(selftest.Failed, match="Español"):
        selftest.translations()


@pytest.mark.usefixtures("qapp")
def test_missing_and_empty_icons_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    with pytest.raises(selftest.Failed, match="There are no icons"):
        selftest.icons()
    (tmp_path / "icons").mkdir()
    (tmp_path / "icons" / "void.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
    with pytest.raises(selftest.Failed, match=r"empty: void\."):
        selftest.icons()


def test_a_migration_that_takes_too_long_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "WITHIN", 0.01)
    with pytest.raises(selftest.Failed, match=r"more than 0\.01 s"):
        asyncio.run(selftest.migration(tmp_path))


def test_a_support_bundle_holds_what_it_says(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "fault.zip"
    command = [sys.executable, "-m", "xsmigui", "--lang", "en", "--support-bundle", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert str(file) in done.stderr
    with zipfile.ZipFile(file) as bundle:
        assert bundle.read("xsmigui-support/self-test.txt").decode() == done.stdout
    before = file.read_bytes()
    again = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (again.returncode, again.stdout) == (2, "")
    assert str(file) in again.stderr
    assert file.read_bytes() == before
