"""What a command answers under `--json`: one document on stdout, however it ends."""

import argparse
from collections.abc import Mapping
from typing import Final

from xsmigui.console import (
    BAD_ARGUMENTS,
    DONE,
    FAILED,
    INTERRUPTED,
    NO_CONNECTION,
    NOT_AGREED,
    REFUSED,
    print_document,
    say,
)

STATES: Final = {
    DONE: ("done", "nothing-to-move"),
    REFUSED: ("failed", "refused"),
    BAD_ARGUMENTS: ("failed", "bad-arguments"),
    NO_CONNECTION: ("failed", "no-connection"),
    FAILED: ("failed", "error"),
    NOT_AGREED: ("cancelled", "not-agreed"),
    INTERRUPTED: ("cancelled", "interrupted"),
}
"""By exit status the `state` of a command that has started no job, and its `reason`."""


def answer(options: argparse.Namespace, document: Mapping[str, object]) -> None:
    """The document of a command; without `--json` nothing is printed here. Its `code` says why it did not end well in a
    word: where the document itself names none it is the `reason`."""
    if "reason" in document:
        document = {"code": document["reason"]} | dict(document)
    if getattr(options, "json", False):
        print_document(document, True)
        options.is_answered = True


def no_job(options: argparse.Namespace, status: int, error: str = "", more: dict[str, object] | None = None) -> int:
    """Nothing was started, or nothing is left to be: the document says why, with the sentence that a person reads as
    `error` and what the command has `more` to say. The answer is the status. Where the command has answered already
    nothing is added."""
    if not getattr(options, "is_answered", False):
        state, reason = STATES[status]
        told = {"error": error} if error else {}
        document: dict[str, object] = {"job": None, "state": state, "reason": reason, "vms": [], "problems": []}
        answer(options, document | told | (more or {}))
    return status


def refused(options: argparse.Namespace, status: int, error: str) -> int:
    """The same, said to a person as well."""
    say(error)
    return no_job(options, status, error)
