"""The door through which every text for a reader goes.

``_("…")`` and ``n_("…", "…", n)`` look the sentence up in the catalogue in use and fill in its named fields. Messages
use ``{name}`` fields, so that translators may reorder them. The catalogue is put in once at start by `app` or `cli`
(`use`); until then texts are English. It is the program's only process-wide setting: a language belongs to a process.

What comes from a server may hold anything. Control characters are shown as symbols, never obeyed: in the fields of
messages here, elsewhere by `printable` at the place where a text is shown.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from gettext import NullTranslations
from typing import Final

JOINERS: Final = "\u200c\u200d"
"""Formatting characters that belong to words and emoji: they stay."""

_PICTURES: Final = {**{code: 0x2400 + code for code in range(0x20)}, 0x7F: 0x2421}
"""Unicode's own pictures of the control characters of ASCII."""

LINE: Final = 2000
"""Characters of a server's or a library's text within a sentence; of a longer one the middle is left out."""

PIECE: Final = 4096
"""Characters that are looked at together: most have nothing to be escaped."""

_BREAKS: Final = re.compile("\\s*[\t\n\x0b\x0c\r\x85\u2028\u2029]\\s*")


Local = Callable[[datetime], datetime]
"""From a moment in UTC to the same one in the reader's time zone."""


class _Door:
    catalogue: NullTranslations = NullTranslations()
    local: Local | None = None


_door: Final = _Door()


def use(catalogue: NullTranslations) -> None:
    """Speak this language from now on."""
    _door.catalogue = catalogue


def use_zone(local: Local | None) -> None:
    """Show times in this zone from now on; None: in UTC."""
    _door.local = local


def zone() -> Local | None:
    """The zone of this moment; None if it is UTC."""
    return _door.local


def language() -> str:
    """The language of this moment by its code, ``en`` where there is no catalogue."""
    info = getattr(_door.catalogue, "_info", None) or {}
    return str(info.get("language", "") or "en").split("_")[0]


def in_use() -> NullTranslations:
    """The catalogue of this moment: whoever keeps rendered texts compares it with that of then."""
    return _door.catalogue


def printable(text: str, keep: str = "") -> str:
    """The text with every control and formatting character as a visible symbol: ``␊`` for a line feed, ``⟨U+202E⟩`` for
    a change of the writing direction. Those in `keep` stay as they are."""
    if text.isprintable():
        return text
    return "".join(char if char in keep else _symbol(char) for char in text)


def one_line(text: str, most: int = LINE) -> str:
    """A text of a library or a server as part of a sentence: its line breaks are blanks, and its length is bounded."""
    return printable(_BREAKS.sub(" ", middle(text, most)).strip())


def middle(text: str, most: int) -> str:
    """The text with at most so many characters; what is too much is left out of its middle."""
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def escaped(document: str) -> str:
    """A JSON document with such characters as escapes: the same values, and nothing that a terminal obeys."""
    pieces = (document[start : start + PIECE] for start in range(0, len(document), PIECE))
    return "".join(
        piece
        if piece.isprintable()
        else "".join(_escape(char) if char != "\n" and _symbol(char) != char else char for char in piece)
        for piece in pieces
    )


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


def _symbol(char: str) -> str:
    code = ord(char)
    if code in _PICTURES:
        return chr(_PICTURES[code])
    if char in JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    return f"⟨U+{code:04X}⟩"


def _shown(fields: dict[str, object]) -> dict[str, object]:
    """The fields of a message; names that came from a server are among them, and errors of libraries."""
    return {name: _field(value) for name, value in fields.items()}


def _field(value: object) -> object:
    if isinstance(value, str):
        return printable(middle(value, LINE))
    return value if isinstance(value, int | float) else one_line(str(value))


def _(message: str, /, **fields: object) -> str:
    """The message in the reader's language, its fields filled in."""
    text = _door.catalogue.gettext(message)
    return text.format(**_shown(fields)) if fields else text


def n_(one: str, many: str, number: int, /, **fields: object) -> str:
    """The form of the message for `number` things; the field ``{n}`` is the number."""
    return _door.catalogue.ngettext(one, many, number).format(n=number, **_shown(fields))


def N_(message: str) -> str:
    """Mark a text for the catalogue that is looked up later."""
    return message


def joined(items: "list[str] | tuple[str, ...]", most: int = 4) -> str:
    """Names in a sentence: ``a, b and c``; more than `most` are counted: ``a, b, c and 7 more``."""
    if len(items) > most:
        return n_(
            "{names} and {n} more", "{names} and {n} more", len(items) - most + 1, names=", ".join(items[: most - 1])
        )
    if len(items) > 1:
        return _("{names} and {last}", names=", ".join(items[:-1]), last=items[-1])
    return items[0] if items else ""
