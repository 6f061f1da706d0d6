"""The door through which every text for a reader goes.

``_("…")`` and ``n_("…", "…", n)`` look the sentence up in the catalogue in use and fill in its named fields. Messages
use ``{name}`` fields, so that translators may reorder them. The catalogue is put in once at start by `app` or `cli`
(`use`); until then texts are English. It is the program's only process-wide setting: a language belongs to a process.
"""

from gettext import NullTranslations
from typing import Final


class _Door:
    catalogue: NullTranslations = NullTranslations()


_door: Final = _Door()


def use(catalogue: NullTranslations) -> None:
    """Speak this language from now on."""
    _door.catalogue = catalogue


def _(message: str, /, **fields: object) -> str:
    """The message in the reader's language, its fields filled in."""
    text = _door.catalogue.gettext(message)
    return text.format(**fields) if fields else text


def n_(one: str, many: str, number: int, /, **fields: object) -> str:
    """The form of the message for `number` things; the field ``{n}`` is the number."""
    return _door.catalogue.ngettext(one, many, number).format(n=number, **fields)


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
