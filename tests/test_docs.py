"""What README and docs say can be done: links lead somewhere, commands are understood, pictures are of this program."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from xsmigui.cli.options import parser
from xsmigui.local.languages import LANGUAGES, guide

ROOT = Path(__file__).parent.parent
GUIDES = sorted((ROOT / "resources" / "guide").glob("*/*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md")), *GUIDES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def test_every_picture_is_shown_somewhere() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert not [path.name for path in (ROOT / "docs" / "images").iterdir() if path.name not in text]


def test_the_guide_in_docs_is_that_of_the_program() -> None:
    answer = subprocess.run([sys.executable, "packaging/guide.py", "check"], cwd=ROOT, check=False)
    assert answer.returncode == 0, "run python packaging/guide.py"


def test_the_guide_has_the_same_places_in_every_language() -> None:
    books = [guide(language, ROOT / "resources") for language in LANGUAGES]
    places = [[(c.file, [(p.name, p.level) for p in c.places]) for c in book.chapters] for book in books]
    assert places[0] == places[1]
    names = [name for _file, some in places[0] for name, _level in some]
    assert len(names) == len(set(names))
    for language, book in zip(LANGUAGES, books, strict=True):
        for chapter in book.chapters:
            assert len(re.findall(r"^#+ ", chapter.text, re.MULTILINE)) == len(chapter.places), chapter.file
            pictures = re.findall(r"!\[.+?\]\((.+?)\)", chapter.text)
            assert all(f"/images/{language}/" in name for name in pictures)
            for name in pictures:
                picture = Path(book.folder) / name
                assert picture.is_file(), name
                assert picture.with_stem(f"{picture.stem}-dark").is_file(), name


def commands(page: Path) -> list[str]:
    """The calls of the program in a page's blocks of code, without their comments."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("xsmigui ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in commands(page):
        if "[" in line or "…]" in line:
            continue  # a synopsis
        try:
            parser().parse_args(shlex.split(line, comments=True)[1:])
        except SystemExit:
            pytest.fail(f"{line}: {capsys.readouterr().err}")


def test_readme_has_commands_at_all() -> None:
    assert len(commands(ROOT / "README.md")) > 5


def test_the_files_of_readme_s_commands_can_be_started() -> None:
    """`bash packaging/demo`, `bash packaging/test`, `packaging/build`."""
    named = re.findall(r"packaging/[a-z]+", (ROOT / "README.md").read_text("utf-8"))
    assert {"packaging/demo", "packaging/test"} <= set(named)
    for name in named:
        assert (ROOT / name).stat().st_mode & 0o111, name
