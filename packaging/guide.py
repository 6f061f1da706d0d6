"""The operators' guide for the web: `python packaging/guide.py` joins its chapters to a page for each language,
docs/guide/LANG.md; `check` says whether they are up to date."""

import re
import sys
from pathlib import Path
from typing import Final

from xsmigui.core.guide import Book
from xsmigui.local.languages import LANGUAGES, guide

ROOT: Final = Path(__file__).parent.parent
NOTE: Final = "<!-- Made of resources/guide by packaging/guide.py. -->"


def page(book: Book, language: str) -> str:
    """All chapters with their contents before them; links between chapters lead to places of the page."""
    contents = [f"{'  ' * (p.level - 1)}* [{p.heading}](#{p.name})" for c in book.chapters for p in c.places]
    files = {chapter.file: chapter.places[0].name for chapter in book.chapters}
    parts = [NOTE, f"# {TITLES[language]}", "\n".join(contents)]
    for chapter in book.chapters:
        text = chapter.text
        for place in chapter.places:
            mark = f"{'#' * place.level} {place.heading}"
            text = text.replace(mark, f'<a id="{place.name}"></a>\n\n#{mark}', 1)
        for file, name in files.items():
            text = text.replace(f"]({file})", f"](#{name})")
        parts.append(text.replace("](../images/", "](../../resources/guide/images/").strip())
    return "\n\n".join(parts) + "\n"


TITLES: Final = {"en": "Operators' guide", "es": "Guía para operadores"}


def pages() -> dict[Path, str]:
    """By file what is to stand in it."""
    made = {}
    for language in LANGUAGES:
        text = page(guide(language, ROOT / "resources"), language)
        made[ROOT / "docs" / "guide" / f"{language}.md"] = re.sub(r"\n{3,}", "\n\n", text)
    return made


def main() -> int:
    stale = 0
    for file, text in pages().items():
        if "check" in sys.argv[1:]:
            stale += not file.exists() or file.read_text("utf-8") != text
            continue
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
