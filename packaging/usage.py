"""Man page and completions, made from the program's own parser: `python packaging/usage.py update` after options have
changed, `check` to see whether that was done. The packages install what lies here."""

import argparse
import os
import sys
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path
from typing import Final

import shtab
from argparse_manpage.manpage import Manpage

HERE: Final = Path(__file__).resolve().parent
END: Final = HERE / "linux" / "xsmigui.1.end"
"""What no parser knows: statuses, files, examples."""

MAN: Final = HERE / "linux" / "xsmigui.1"
"""With `@VERSION@` and `@DATE@`, which are filled in where packages are made."""

COMPLETIONS: Final = {
    "bash": HERE / "completions" / "xsmigui.bash",
    "zsh": HERE / "completions" / "_xsmigui",
    "fish": HERE / "completions" / "xsmigui.fish",
    "powershell": HERE / "completions" / "xsmigui.ps1",
}

FILES: Final = {"support_bundle": shtab.FILE, "plan": shtab.FILE, "database": shtab.FILE, "report": shtab.DIRECTORY}
"""Options whose values are paths, by their names in the parser."""


def parser() -> argparse.ArgumentParser:
    """The program's own, in English, with what shells may offer for the values of options."""
    sys.path.insert(0, str(HERE.parent))
    from xsmigui.cli import options
    from xsmigui.core import text
    from xsmigui.local import languages

    text.use(NullTranslations())
    top = options.parser()
    values = {"scenario": options.SCENARIOS, "lang": languages.LANGUAGES}
    for command in (top, *commands(top).values()):
        for action in command._actions:
            if action.dest in FILES:
                action.complete = FILES[action.dest]  # type: ignore[attr-defined]
            if action.dest in values:
                action.choices = tuple(values[action.dest])
    return top


def commands(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def man() -> str:
    """The page in troff."""
    os.environ["COLUMNS"] = "10000"  # troff fills the lines, and breaks no option in two
    top = parser()
    top.epilog = None
    data = {
        "project_name": "xsmigui",
        "version": "@VERSION@",
        "date": "@DATE@",
        "manual_title": "System administration",
        "description": "@SUMMARY@",
    }
    page = str(Manpage(top, _data=data, format="single-commands-section"))
    return _troff(page.rstrip() + "\n" + END.read_text(encoding="utf-8"))


def _troff(text: str) -> str:
    """Characters that are no ASCII, by their numbers: `groff` takes none otherwise."""
    return "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)


def completion(shell: str) -> str:
    """What a shell loads to complete the arguments of `xsmigui`."""
    text = str(shtab.complete(parser(), shell)).rstrip() + "\n"
    if shell == "powershell":  # on Windows the command line has a program of its own
        text = text.replace("-CommandName xsmigui ", "-CommandName xsmigui, xsmigui-cli ")
    return text


def made() -> Iterator[tuple[Path, str]]:
    """Every file with what it is to hold."""
    yield MAN, man()
    for shell, path in COMPLETIONS.items():
        yield path, completion(shell)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Keep man page and completions in step with the parser.")
    arguments.add_argument("what", choices=["update", "check"])
    what = arguments.parse_args().what
    late = [(p, t) for p, t in made() if not p.exists() or p.read_text(encoding="utf-8") != t]
    for path, text in late:
        if what == "update":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path.relative_to(HERE.parent)}: {'updated' if what == 'update' else 'out of date'}\n")
    return int(bool(late) and what == "check")


if __name__ == "__main__":
    sys.exit(main())
