"""Facts of xapi name what a reader can look up: a release, a file, a function, never a sheet that is not here."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from xsmigui.core.migration.rules import BATCH_RULES, RULES

ROOT = Path(__file__).parents[1]
SHEET = re.compile(
    r"xapi \d{1,2}(?:\.\d)?(?: #|[,:)])|#\d+[a-z]?\)|\bsheet,? (?:sections? )?\d|research", re.IGNORECASE
)
"""A section of a sheet: “(xapi 6.2 #5i)”, “sheet 5.1”. Releases have two numbers, the second of two digits."""


def pages() -> Iterator[Path]:
    yield from sorted((ROOT / "xsmigui").rglob("*.py"))
    yield from sorted((ROOT / "docs").glob("*.md"))
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md")


def cited(text: str) -> list[str]:
    plain = re.sub(r"\s+", " ", text)
    return [plain[max(0, found.start() - 40) : found.end() + 20] for found in SHEET.finditer(plain)]


@pytest.mark.parametrize(
    "text", ["as the server does (xapi 6.2 #5i).", "(xapi 7.4)", "(xapi 4 #4, #5)", "tells (xapi 15)"]
)
def test_a_sheet_is_recognised(text: str) -> None:
    assert cited(text)


@pytest.mark.parametrize("text", ["(xapi 24.10, xapi_vdi.ml `checksum`)", "xapi 1.14 until", "xapi 26.17.0 answers"])
def test_a_release_is_none(text: str) -> None:
    assert not cited(text)


def test_no_sheet_is_cited() -> None:
    found = {path: bad for path in pages() if (bad := cited(path.read_text("utf-8")))}
    assert found == {}


def test_the_page_on_xapi_names_rules_that_there_are() -> None:
    text = (ROOT / "docs" / "xapi.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bR\d\d\b", text))
    assert len(named) > 30
    assert named <= {rule.id for rule in (*RULES, *BATCH_RULES)}


def test_every_file_that_a_rule_cites_is_on_the_page() -> None:
    page = (ROOT / "docs" / "xapi.md").read_text(encoding="utf-8")
    cited = {
        found
        for path in (ROOT / "xsmigui" / "core" / "migration" / "rules").glob("*.py")
        for found in re.findall(r"\b[a-z_]+\.ml\b", path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 5
    assert sorted(name for name in cited if name not in page) == []
