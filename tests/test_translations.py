"""The catalogues hold every message of the sources, translated, with the same fields, and nothing else."""

import ast
import importlib.util
import re
import string
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
SPANISH = ROOT / "resources" / "locale" / "es" / "LC_MESSAGES" / "xsmigui.po"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """`packaging/translations.py`."""
    spec = importlib.util.spec_from_file_location("translations", ROOT / "packaging" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def messages(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return [message for message in read_po(file) if message.id]


def identity(message: Message) -> tuple[str, ...]:
    return message.id if isinstance(message.id, tuple) else (message.id,)


def forms(message: Message) -> tuple[str, ...]:
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_message_of_the_sources_is_in_the_catalogue_and_nothing_else(tool: ModuleType) -> None:
    in_sources = {identity(m) for m in tool.extracted() if m.id}
    in_catalogue = {identity(m) for m in messages(SPANISH)}
    assert in_sources - in_catalogue == set(), "run: python packaging/translations.py update"
    assert in_catalogue - in_sources == set(), "run: python packaging/translations.py update"


def test_no_message_hides_in_an_f_string() -> None:
    """The tool that extracts them does not see it there (Babel 2.18 on Python 3.11)."""
    hidden = []
    for path in sorted((ROOT / "xsmigui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for call in ast.walk(node) if isinstance(node, ast.JoinedStr) else ():
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args:
                    marks = call.func.id in {"_", "n_", "m_", "mn_", "N_"}
                    if marks and isinstance(call.args[0], ast.Constant):
                        hidden.append(f"{path.name}: {call.args[0].value}")
    assert hidden == []


def test_the_files_are_as_the_tool_writes_them(tool: ModuleType) -> None:
    assert [str(path.relative_to(ROOT)) for path, _ in tool.outdated()] == []


def test_there_is_nothing_obsolete_in_the_file() -> None:
    assert "#~" not in SPANISH.read_text(encoding="utf-8")


def test_everything_is_translated_and_sure() -> None:
    wanting = [identity(m) for m in messages(SPANISH) if m.fuzzy or not all(forms(m))]
    assert wanting == []


def test_plural_messages_have_both_forms() -> None:
    assert [identity(m) for m in messages(SPANISH) if isinstance(m.id, tuple) and len(forms(m)) != 2] == []


def test_translations_have_the_same_fields() -> None:
    """Each form has the fields of the form that it stands for (the singular may spell out its number)."""

    def differences() -> Iterator[tuple[str, str]]:
        for message in messages(SPANISH):
            for source, translated in zip(identity(message), forms(message), strict=True):
                if translated and fields(source) != fields(translated):
                    yield source, translated

    assert list(differences()) == []


def test_translations_end_and_wrap_as_their_messages() -> None:
    """Full stops, colons, ellipses, shortcuts and blanks at the ends are the message's."""

    def last(text: str) -> str:
        end = text.rstrip()[-1:]
        return end if end in (".", ":", "…", "?") else ""

    def differences() -> Iterator[tuple[str, str]]:
        for message in messages(SPANISH):
            for source, translated in zip(identity(message), forms(message), strict=True):
                wrong = last(source) != last(translated) or source.count("&") != translated.count("&")
                wrong |= [source[:1] == " ", source[-1:] == " "] != [translated[:1] == " ", translated[-1:] == " "]
                if translated and wrong:
                    yield source, translated

    assert list(differences()) == []


DISCARDED = re.compile(
    r"\bMVs?\b|\b(?:las?|sus?|de) VMs?\b(?! Tools)|\bSR predeterminado|\brevert\w* el movimiento", re.IGNORECASE
)
"""What other wordings of the same things looked like: the vendor writes «máquina virtual» in full, and so do we."""


def test_one_thing_has_one_name_in_spanish() -> None:
    """A catalogue that was merged may bring back what was discarded."""
    odd = [form for message in messages(SPANISH) for form in forms(message) if form and DISCARDED.search(form)]
    assert odd == []


def test_update_keeps_translations_drops_stale_ones_and_guesses_none(tool: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "es" / "LC_MESSAGES" / "xsmigui.po"
    path.parent.mkdir(parents=True)
    path.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Cancel"\nmsgstr "Cancelar"\n\nmsgid "Of yesterday"\nmsgstr "De ayer"\n',
        encoding="utf-8",
    )
    template = tool.Catalog()
    for message in ("Cancel", "Cancel it"):
        template.add(message)
    path.write_bytes(tool.written(tool.merged(path, template)))
    assert {m.id: m.string for m in messages(path)} == {"Cancel": "Cancelar", "Cancel it": ""}
    assert not any(m.fuzzy for m in messages(path))
    text = path.read_text(encoding="utf-8")
    assert "De ayer" not in text
    assert "#:" not in text
