"""Reading the text of INTERNAL_ERROR: a code or an exception, however deep it is wrapped and however it is printed.

The same exception comes in several spellings: as rpclib prints values (``Xenopsd_error([S(Failed_to_suspend);[S(…);
F(1200)]])``), as OCaml does (``Xenops_interface.Failed_to_suspend("…", 1200.)``, before 2019 ``Failed_to_suspend(_)``),
as S-expressions (``(Failure "…")``), as JSON (``["Does_not_exist", ["mirror", "…"]]``), with quotation marks escaped
once for each layer.
"""

import re
from typing import Final, NamedTuple

from xsmigui.core.errors import ENTRIES, backend
from xsmigui.core.errors.entry import Entry
from xsmigui.core.errors.exceptions import KNOWN, UNTOLD, Known

UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NUMBER: Final = re.compile(r"\d+(?:\.\d*)?")
CODE: Final = re.compile(r"\b(?:SR_BACKEND_FAILURE(?:_\d+)?|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b")
ATOM: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|\b[SIFB]\(([^()]*)\)|([^\s;,()\[\]{}"]+)')
"""A string, a value of rpclib, or a bare word."""

DEEPEST: Final = 3
"""Exceptions inside each other that are shown: what is deeper says no more to a reader."""

MOST: Final = 8
"""Parameters that are read."""


class Reading(NamedTuple):
    """What a text says: an entry, and the parameters for its sentence. `code` is the API's own code that was found in
    it, empty where it was an exception. `inner` is what the last parameter says in its turn."""

    entry: Entry
    params: tuple[str, ...]
    code: str = ""
    inner: "Reading | None" = None


def read(text: str, depth: int = 0) -> Reading | None:
    """What is known of a text of INTERNAL_ERROR; None if nothing is. `depth` counts the texts that it is inside."""
    text = plain(text)
    if (found := _code_in(text)) is not None:
        return found
    if re.search(r"No space left on device|\bENOSPC\b", text):
        return Reading(ENTRIES["SR_BACKEND_FAILURE_44"], (), "SR_BACKEND_FAILURE_44")
    for known in KNOWN:
        match = re.search(rf"(?i)(?<![A-Za-z])(?:{known.words})", text)
        if match is not None:
            return _reading(known, match, text[match.end() :], depth)
    return None


def plain(text: str) -> str:
    """The text without the escapes of its layers."""
    before = ""
    while before != text:
        before, text = text, text.replace('\\"', '"').replace("\\\\", "\\").replace("\\n", " ")
    return " ".join(text.split())


def _code_in(text: str) -> Reading | None:
    """The first of the API's own codes in the text, with its parameters."""
    for match in CODE.finditer(text):
        code = match.group()
        if code == "INTERNAL_ERROR":
            continue
        entry = ENTRIES.get(code)
        if entry is None and code.startswith("SR_BACKEND_FAILURE"):
            entry = backend.entry(code)
        if entry is not None:
            return Reading(entry, _parameters(text[match.end() :]), code)
    return None


def _parameters(rest: str) -> tuple[str, ...]:
    """What follows a code: ``[ a; b ]``, ``;[S(a);S(b)]``, ``("a", "b")``, ``: a``."""
    begin = re.match(r"[\s\"';:,)]*(?:[\[(]|(?=[^\s]))", rest)
    if begin is None:
        return ()
    inner = rest[begin.end() :]
    if begin.group().endswith(("[", "(")):
        inner = _balanced(inner)
    if "S(" not in inner and '"' not in inner and ";" in inner:
        return tuple(part.strip() for part in inner.split(";"))[:MOST]  # `Server_error` prints whole texts between them
    return tuple(_atoms(inner))[:MOST]


def _balanced(text: str) -> str:
    """The text up to the bracket that closes what was open before it."""
    depth = 1
    for index, char in enumerate(text):
        depth += (char in "[(") - (char in ")]")
        if depth == 0:
            return text[:index]
    return text


def _atoms(text: str) -> list[str]:
    """Every value in the text, whatever notation it is in; ``_`` stands for one that was not printed."""
    found = []
    for match in ATOM.finditer(text):
        atom = next(part for part in match.groups() if part is not None)
        if atom not in ("_", "S", "I", "F", "B", "N"):
            found.append(atom)
    return found


def _reading(known: Known, match: re.Match[str], rest: str, depth: int) -> Reading:
    """The entry of an exception with what follows its name, or without where that is not told."""
    params = [group.strip() for group in match.groups() if group]
    if re.compile(known.words).groups and not params and known.bare is not None:
        return Reading(known.bare, ())
    for kind in known.takes:
        value, rest = _taken(kind, rest)
        if not value and known.bare is not None:
            return Reading(known.bare, ())
        if not value:
            untold = Entry(UNTOLD, known.entry.hint, known.entry.rule, known.entry.page)
            return Reading(untold, (match.group(),))
        params.append(value)
    inner = read(params[-1], depth + 1) if known.takes[-1:] == ("text",) and depth < DEEPEST else None
    return Reading(known.entry, tuple(params), inner=inner)


def _taken(kind: str, rest: str) -> tuple[str, str]:
    """The next parameter of a kind, and what follows it; empty where there is none."""
    if kind == "uuids":
        return ", ".join(dict.fromkeys(UUID.findall(rest))), ""
    pattern = {"uuid": UUID, "number": NUMBER, "bytes": NUMBER}.get(kind)
    if pattern is not None:
        found = pattern.search(rest)
        return (found.group().rstrip("."), rest[found.end() :]) if found else ("", rest)
    begin = re.match(r"[\s\"';:,.)\]]*(?:[SIFB]?[\[(]+)?(?:[SIFB]\()?", rest)
    inner = rest[begin.end() :] if begin else rest
    if kind == "word":
        atoms = _atoms(inner)
        return (atoms[0], inner[inner.find(atoms[0]) + len(atoms[0]) :]) if atoms else ("", rest)
    return _words(_balanced(inner)), ""


def _words(text: str) -> str:
    """What a person could read in an exception that nobody knows: its longest text, else all of it."""
    told = [atom for atom in _atoms(text) if " " in atom.strip()]
    if re.search(r"[\[(]", text) and told:
        return max(told, key=len).strip()
    return text.strip(' "_;')
