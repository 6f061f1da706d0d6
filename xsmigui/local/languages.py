"""The catalogues of the interface's languages."""

import gettext
import io
import locale
import os
from pathlib import Path
from typing import Final

from xsmigui.core.guide import Book, chapter

LANGUAGES: Final = {"en": "English", "es": "Español"}

WINDOWS_NAMES: Final = {"english": "en", "spanish": "es"}
"""Windows writes `Spanish_Mexico` where others write `es_MX`."""


def preferred(*wishes: str) -> str:
    """The first wish that we speak; else what the environment asks for; else English.

    As in gettext, `LC_ALL` hides `LC_MESSAGES` and that hides `LANG`; `C` is English whatever `LANGUAGE` says.
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    place = next((os.environ[name] for name in names if os.environ.get(name)), "")
    plain = place.split(".")[0] in ("C", "POSIX")
    asked = ["en"] if plain else [os.environ.get("LANGUAGE", ""), place or _system()]
    for wish in [*wishes, *asked]:
        for one in wish.split(":"):
            code = one.replace("-", "_").split("_")[0].split(".")[0].lower()
            code = WINDOWS_NAMES.get(code, code)
            if code in LANGUAGES:
                return code
    return "en"


def _system() -> str:
    """The language of the desktop, where the environment says nothing (Windows)."""
    try:
        return locale.getlocale()[0] or ""
    except ValueError:
        return ""


def catalogue(language: str, resources: Path) -> gettext.NullTranslations:
    """The catalogue of a language; English needs none. A language without a catalogue reads as English.

    The catalogue was compiled when the program was installed. In a checkout its source may be newer than that: then
    it is compiled here, where Babel is at hand.
    """
    if language == "en":
        return gettext.NullTranslations()
    source = resources / "locale" / language / "LC_MESSAGES" / "xsmigui.po"
    compiled = source.with_suffix(".mo")
    if _written(source) > _written(compiled):
        fresh = _compile(source)
        if fresh is not None:
            return gettext.GNUTranslations(fresh)
    try:
        with compiled.open("rb") as file:
            return gettext.GNUTranslations(file)
    except OSError:
        return gettext.NullTranslations()


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _compile(source: Path) -> io.BytesIO | None:
    try:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po
    except ImportError:
        return None
    buffer = io.BytesIO()
    with source.open("rb") as file:
        write_mo(buffer, read_po(file))
    buffer.seek(0)
    return buffer


def guide(language: str, resources: Path) -> Book:
    """The operators' guide in a language. Raises `OSError` where it is missing."""
    folder = resources / "guide" / language
    files = sorted(folder.glob("*.md"))
    if not files:
        raise FileNotFoundError(folder)
    return Book(tuple(chapter(file.name, file.read_text(encoding="utf-8")) for file in files), str(folder))
