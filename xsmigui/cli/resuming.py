"""The line that takes a job up again: what is printed works when it is pasted into the same shell."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from xsmigui.cli.options import connection


def resume_line(options: argparse.Namespace, job: str) -> str:
    """`xsmigui jobs --resume ID` with the connection that `options` hold, quoted for this system's shell. Passwords are
    in none of them."""
    words = [*_program(), "jobs", "--resume", job, *_connection(options)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _program() -> list[str]:
    """How this process was started, in words that start it again."""
    start = Path(sys.argv[0])
    if getattr(sys, "frozen", False):
        image = os.environ.get("APPIMAGE")  # the file itself; what runs lies in a folder that goes with it
        return [image or start.name if image or start.name == sys.argv[0] else str(start)]
    if start.name == "__main__.py" and start.parent.name == "xsmigui":
        return [sys.executable, "-m", "xsmigui"]
    if start.stem in ("xsmigui", "xsmigui-cli"):
        return [sys.argv[0]]
    return ["xsmigui"]


def _connection(options: argparse.Namespace) -> list[str]:
    """The connection as it was given, option by option."""
    known = argparse.ArgumentParser(add_help=False)
    connection(known, required=False)
    words: list[str] = []
    for action in known._actions:
        given, name = getattr(options, action.dest), action.option_strings[0]
        if given == action.default:
            continue
        if action.nargs == 0:
            words.append(name)
            continue
        for value in given if isinstance(given, list) else [given]:
            words += [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]
    return words
