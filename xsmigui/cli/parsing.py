"""The standard library's parser of arguments, in the language in use."""

import argparse
import re
import sys
import textwrap
from typing import Any, Final, NoReturn

from xsmigui.console import say
from xsmigui.core.text import N_, _


class WrongArguments(SystemExit):
    """What is wrong with the arguments, as a sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(2)
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser that speaks the language in use, its own words too."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(add_help=False, formatter_class=_Formatter, **arguments)
        self._optionals.title = _("options")
        self.add_argument("-h", "--help", action="help", help=_("show this help and exit"))

    def error(self, message: str) -> NoReturn:
        """What is wrong with the arguments, on stderr; status 2."""
        self.print_usage(sys.stderr)
        text = f"{self.prog}: {_translated(message)}"
        say(text)
        raise WrongArguments(text)


WRONG: Final = (
    (re.compile(r"argument (?P<option>\S+): (?P<rest>.*)", re.DOTALL), N_("{option}: {rest}")),
    (re.compile(r"the following arguments are required: (?P<names>.*)"), N_("these options are missing: {names}")),
    (re.compile(r"unrecognized arguments: (?P<words>.*)", re.DOTALL), N_("not recognised: {words}")),
    (re.compile(r"expected one argument"), N_("a value is missing")),
    (
        re.compile(r"invalid choice: (?P<value>.*?) \(choose from (?P<values>.*)\)"),
        N_("{value} is not one of {values}"),
    ),
    (re.compile(r"not allowed with argument (?P<other>.*)"), N_("it cannot be combined with {other}")),
    (re.compile(r"invalid (?:int|float) value: (?P<value>.*)"), N_("{value} is not a number")),
    (re.compile(r"ignored explicit argument (?P<value>.*)"), N_("it takes no value ({value})")),
    (
        re.compile(r"ambiguous option: (?P<option>.*) could match (?P<names>.*)"),
        N_("{option} could mean {names}"),
    ),
)
"""What the parser of the standard library says in English (Python 3.11 to 3.13), and how we say it."""


def _translated(message: str) -> str:
    for pattern, text in WRONG:
        found = pattern.fullmatch(message)
        if found is not None:
            fields = {
                name: _translated(value) if name == "rest" else value for name, value in found.groupdict().items()
            }
            return _(text, **fields)
    return message


class _Formatter(argparse.HelpFormatter):
    """Help in the language in use."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)  # options stay whole
