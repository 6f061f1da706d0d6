"""Man page and completions: made from the parser, up to date, and understood by those that read them."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import usage
from making import linux


@pytest.fixture(autouse=True)
def _as_wide_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # and again afterwards: the man page sets it


def options() -> dict[str, set[str]]:
    """The long options of every command that people are meant to give."""
    top = usage.parser()
    every = {"": top, **usage.commands(top)}
    shown = {name: [a for a in command._actions if a.help != argparse.SUPPRESS] for name, command in every.items()}
    return {
        name: {word for action in actions for word in action.option_strings if word.startswith("--")}
        for name, actions in shown.items()
    }


def test_what_lies_here_is_made_from_the_parser_of_today() -> None:
    late = [path.name for path, text in usage.made() if path.read_text(encoding="utf-8") != text]
    assert late == [], "run: python packaging/usage.py update"


def test_another_option_makes_them_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    made = usage.parser

    def more() -> argparse.ArgumentParser:
        top = made()
        usage.commands(top)["migrate"].add_argument("--sideways", help="new")
        return top

    monkeypatch.setattr(usage, "parser", more)
    assert all(path.read_text(encoding="utf-8") != text for path, text in usage.made())


def test_the_man_page_names_every_option_and_status() -> None:
    page = usage.MAN.read_text(encoding="utf-8")
    named = set(re.findall(r"--?[a-z][a-z-]*", page.replace("\\-", "-")))
    assert set().union(*options().values()) - {"--help"} <= named
    statuses = page.partition(".SH EXIT STATUS")[2].partition(".SH ")[0]
    assert re.findall(r"^\d+$", statuses, re.MULTILINE) == ["0", "1", "2", "3", "4", "5", "69", "74", "130"]
    assert page.isascii()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no man pages")
def test_the_man_page_is_proper_troff() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", str(usage.MAN)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


@pytest.mark.parametrize("shell", usage.COMPLETIONS)
def test_every_completion_knows_every_option(shell: str) -> None:
    text = usage.COMPLETIONS[shell].read_text(encoding="utf-8")
    for name, words in options().items():
        assert name in text
        for word in words:
            assert word in text or f"-l {word.removeprefix('--')}" in text, (name, word)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_offers_what_may_follow(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("")

    def offered(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        script = (
            f". {usage.COMPLETIONS['bash']}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1};"
            ' _shtab_xsmigui; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
        return [word.strip() for word in done.stdout.split()]

    assert "migrate" in offered("xsmigui", "")
    assert offered("xsmigui", "--self") == ["--self-test"]
    assert offered("xsmigui", "--lang", "e") == ["en", "es"]
    assert "--storage-network" in offered("xsmigui", "migrate", "--st")
    assert offered("xsmigui", "inventory", "--storage") == []
    assert offered("xsmigui", "simulate", "--scenario", "b") == ["blockers"]
    assert offered("xsmigui", "migrate", "--plan", "pl") == ["plan.json"]


def test_the_other_shells_can_read_theirs() -> None:
    """Those that this machine has."""
    for shell, command in {"zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}.items():
        if shutil.which(command[0]) is not None:
            subprocess.run([*command, str(usage.COMPLETIONS[shell])], check=True)


def test_powershell_completes_the_program_of_the_command_line_too() -> None:
    text = usage.COMPLETIONS["powershell"].read_text(encoding="utf-8")
    assert "-CommandName xsmigui, xsmigui-cli " in text


def test_the_packages_install_all_of_them() -> None:
    laid = set(linux.COMPLETIONS.values())
    assert {path.name for path in usage.COMPLETIONS.values()} == laid | {"xsmigui.ps1"}


@pytest.mark.parametrize(
    ("packager", "zsh"), [("deb", "zsh/vendor-completions/_xsmigui"), ("rpm", "zsh/site-functions/_xsmigui")]
)
def test_each_package_lays_a_completion_once_for_each_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packager: str, zsh: str
) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    folder.mkdir()
    for place in linux.COMPLETIONS:
        path = root / "usr" / "share" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    monkeypatch.setattr(linux, "ROOT", root)
    monkeypatch.setattr(linux, "FOLDER", folder)
    laid = {entry["dst"] for entry in linux._contents(packager) if entry["dst"].startswith("/usr/share/")}
    assert {place.removeprefix("/usr/share/") for place in laid} - {"doc/xsmigui"} == {
        "bash-completion/completions/xsmigui",
        "fish/vendor_completions.d/xsmigui.fish",
        zsh,
    }
