"""This program as a process of its own."""

import subprocess
import sys


def program() -> list[str]:
    """The command that starts this program."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "xsmigui"]


def open_demo() -> None:
    """Open the demo in another window; nobody waits for it."""
    subprocess.Popen([*program(), "--demo"], start_new_session=True, stdin=subprocess.DEVNULL)  # noqa: S603
