"""Words that a native reader stumbles over are in no message, document or docstring."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]

ODD = re.compile(
    r"\b(?:shall|mend(?:s|ed|ing)?|(?:is|are) told|what is said|whereupon|stands? against|for ever|None where)\b",
    re.IGNORECASE,
)


def odd(text: str) -> list[str]:
    """The odd words of a text, each with what is around it."""
    plain = re.sub(r"\s+", " ", text)
    return [plain[max(0, found.start() - 60) : found.end() + 30] for found in ODD.finditer(plain)]


def docstrings(source: str) -> Iterator[str]:
    """Every string that stands as a statement of its own: of modules, classes, functions and constants."""
    for node in ast.walk(ast.parse(source)):
        statements = getattr(node, "body", None)
        for statement in statements if isinstance(statements, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


@pytest.mark.parametrize(
    "text", ["You shall\nmend it.", "Whoever is told", "None where there is none", "Stands against"]
)
def test_odd_words_are_found(text: str) -> None:
    assert odd(text)
    assert [odd(found) for found in docstrings(f'x = 1\n"""{text}"""')] == [odd(text)]


@pytest.mark.parametrize("text", ["We recommend this.", "It was amended.", "for every VM"])
def test_words_that_only_look_alike_are_not(text: str) -> None:
    assert not odd(text)


def test_no_message_has_odd_words() -> None:
    with (ROOT / "resources" / "locale" / "xsmigui.pot").open("rb") as file:
        catalogue = read_po(file)
    texts = [text for message in catalogue for text in ([message.id] if isinstance(message.id, str) else message.id)]
    assert len(texts) > 500
    assert [found for text in texts for found in odd(text)] == []


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/guide/en.md",
        *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    ],
)
def test_no_document_has_odd_words(path: str) -> None:
    assert odd((ROOT / path).read_text(encoding="utf-8")) == []


def test_the_next_release_s_notes_have_no_odd_words() -> None:
    notes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = notes.partition("## Unreleased")[2].partition("\n## ")[0]
    assert unreleased.strip()
    assert odd(unreleased) == []


def test_no_docstring_has_odd_words() -> None:
    found = {
        str(path.relative_to(ROOT)): bad
        for path in sorted((ROOT / "xsmigui").rglob("*.py"))
        if (bad := [odd_one for text in docstrings(path.read_text(encoding="utf-8")) for odd_one in odd(text)])
    }
    assert found == {}
