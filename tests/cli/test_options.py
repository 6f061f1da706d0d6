"""Every option says what it takes, whether it may be repeated, and gives an example, in both languages."""

import argparse
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path

import pytest

import xsmigui
from xsmigui.cli.options import SCENARIOS, parser
from xsmigui.core import text
from xsmigui.local import languages
from xsmigui.simulator import scenarios

RESOURCES = Path(xsmigui.__file__).parent.parent / "resources"
EXAMPLE = {"en": "Example: ", "es": "Ejemplo: "}
REPEATED = {"en": ("may be repeated", "once for each"), "es": ("se puede repetir", "una vez por cada")}


@pytest.fixture(params=["en", "es"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    text.use(languages.catalogue(request.param, RESOURCES))
    yield request.param
    text.use(NullTranslations())


def commands() -> dict[str, argparse.ArgumentParser]:
    top = parser()
    found = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    return {"": top, **found.choices}


def options(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """Those of a person; what the program says to itself is not described."""
    return [action for action in command._actions if action.option_strings and action.help is not argparse.SUPPRESS]


def test_every_option_is_described(language: str) -> None:
    for name, command in commands().items():
        assert command.description, name
        for action in options(command):
            where = f"{name} {action.option_strings[-1]}"
            assert action.help, where
            if action.nargs == 0:
                continue
            assert action.metavar, where
            assert f"{EXAMPLE[language]}{action.option_strings[-1]} " in action.help.replace("\u00a0", " "), where
            repeated = any(phrase in action.help for phrase in REPEATED[language])
            assert repeated == isinstance(action, argparse._AppendAction), where


def test_the_two_languages_differ_in_every_help() -> None:
    english = {(n, a.dest): a.help for n, c in commands().items() for a in options(c)}
    text.use(languages.catalogue("es", RESOURCES))
    spanish = {(n, a.dest): a.help for n, c in commands().items() for a in options(c)}
    text.use(NullTranslations())
    assert [key for key in english if english[key] == spanish[key]] == []


def test_help_speaks_one_language(language: str) -> None:
    """The parser's own words too."""
    for command in commands().values():
        shown = command.format_help()
        assert ("show this help message" in shown) is False
        assert (language == "es") == ("opciones:" in shown)
        assert shown.startswith("uso: " if language == "es" else "usage: ")


def test_examples_can_be_typed() -> None:
    """What an example shows is understood by the command that it stands in."""
    import shlex

    for name, command in commands().items():
        for action in options(command):
            for shown in (action.help or "").partition("Example: ")[2].split(", "):
                words = shlex.split(shown.partition(" < ")[0])
                if words and not any(a.required for a in command._actions if a is not action):
                    assert getattr(command.parse_args(words), action.dest), (name, shown)


@pytest.mark.parametrize(
    ("arguments", "english", "spanish"),
    [
        (["fly"], "'fly' is not one of ", "'fly' no es ninguno de "),
        (["migrate"], "these options are missing: --server", "faltan estas opciones: --server"),
        (["--lang"], "--lang: a value is missing", "--lang: falta un valor"),
        (["simulate", "--vms", "x"], "--vms: 'x' is not a number", "--vms: 'x' no es un número"),
        (["inventory", "--server", "x", "--sideways"], "not recognised: --sideways", "argumentos no reconocidos: "),
        (
            ["inventory", "--server", "x", "--fingerprint", "a", "--trust-on-first-use"],
            "it cannot be combined with",
            "no se puede combinar con",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_same_language(
    language: str, capsys: pytest.CaptureFixture[str], arguments: list[str], english: str, spanish: str
) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args(arguments)
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert (spanish if language == "es" else english) in err
    assert err.startswith("uso: " if language == "es" else "usage: ")


def test_help_names_the_scenarios() -> None:
    assert set(SCENARIOS) <= set(scenarios.SCENARIOS)


def test_options_stay_whole_in_narrow_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = commands()["migrate"].format_help()
    assert not [line for line in shown.splitlines() if line.endswith("-")]
