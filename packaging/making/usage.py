"""Man page and shell completion, from the program's own parser: they name exactly what it understands."""

import argparse
import sys
from pathlib import Path
from typing import Any

from making.common import PACKAGING, filled


def _parser(program: Path) -> argparse.ArgumentParser:
    sys.path.insert(0, str(program))
    from xsmigui import cli

    return cli.parser()


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def man(program: Path) -> str:
    """The page in troff."""
    parser = _parser(program)
    lines = [".SH OPTIONS", *_described(parser)]
    helps = {action.dest: action.help for action in _subactions(parser)}
    lines.append(".SH COMMANDS")
    for name, command in _commands(parser).items():
        lines += [f".SS {_troff(name)}", _troff(f"{helps.get(name) or name}."), *_described(command)]
    return filled(PACKAGING / "linux" / "xsmigui.1", USAGE="\n".join(lines))


def _subactions(parser: argparse.ArgumentParser) -> list[Any]:
    found = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return list(found._choices_actions)


def _described(parser: argparse.ArgumentParser) -> list[str]:
    lines = []
    for action in _options(parser):
        value = "" if action.nargs == 0 else f" \\fI{_troff(str(action.metavar or action.dest.upper()))}\\fR"
        lines += [".TP", ", ".join(f"\\fB{_troff(name)}\\fR{value}" for name in action.option_strings)]
        lines.append(_troff(action.help or "") if action.help and action.help != argparse.SUPPRESS else "\\&")
    return lines


def _troff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("%%", "%")
    return "\\&" + text if text.startswith((".", "'")) else text


def completion(program: Path) -> str:
    """The function for bash."""
    parser = _parser(program)
    commands = _commands(parser)
    cases = [f"    {name}) words='{' '.join(_words(command))}' ;;" for name, command in commands.items()]
    return filled(
        PACKAGING / "linux" / "completion.bash",
        WORDS=" ".join([*_words(parser), *commands]),
        NAMES="|".join(commands),
        CASES="\n".join(cases),
    )


def _words(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in _options(parser) for name in action.option_strings if name.startswith("--")]
