"""Expressions of get_all_where and get_all_records_where: `field "name__label" = "x" and not (…)`.

Source: xapi database/db_filter.ml, db_filter_lex.mll, db_filter_parse.mly (the same in 24.10 and 26.17). `and` and `or`
bind equally and from the left, `not` takes all that follows it. Fields have their database names, in which groups of
fields have two underscores: `name__label`, but `power_state`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from xsmigui.simulator.failures import Failure
from xsmigui.simulator.tables import Row
from xsmigui.simulator.types import Value

Operand: TypeAlias = "tuple[bool, str]"  # whether it names a field, and the text
Query: TypeAlias = "bool | _Not | _Both | _Same"
_TOKEN: Final = re.compile(r'[ \t\n]*(?:(=|\(|\)|true|false|field|and|or|not)|"([^"]*)"|\Z)')
# Groups of fields (idl/datamodel*.ml, `namespace`); pools and what SR plug-ins say have plain names
_GROUPS: Final = {
    "VM": ("name", "memory", "VCPUs", "actions", "PV", "HVM"), "VM_metrics": ("memory", "VCPUs"),
    "host": ("name", "memory", "API_version"), "host_metrics": ("memory",), "VIF": ("qos",), "VBD": ("qos",),
    "PIF_metrics": ("io",), "VIF_metrics": ("io",), "VBD_metrics": ("io",), "pool": (), "sr_stat": (),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Not:
    inner: Query


@dataclass(frozen=True, slots=True)
class _Both:
    word: str  # and, or
    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class _Same:
    left: Operand
    right: Operand


def parse_query(text: str, syntax_error: str) -> Query:
    """INVALID_VALUE [expression, exception] where it cannot be read; `syntax_error` is what the parser throws."""
    return _Parser(text, syntax_error).whole()


class _Parser:
    """Looks at one word at a time: whichever fails first, the division into words or the grammar, says why."""

    def __init__(self, text: str, syntax_error: str) -> None:
        self._text = text
        self._syntax_error = syntax_error
        self._words = self._split()
        self._next: tuple[str, str] | None = None

    def _split(self) -> Iterator[tuple[str, str]]:
        position = 0
        while True:
            match = _TOKEN.match(self._text, position)
            if match is None:
                raise Failure("INVALID_VALUE", self._text, 'Failure("lexing: empty token")')
            position = match.end()
            if match[2] is not None:
                yield "text", match[2]
            else:
                yield match[1] or "end", ""

    def _peek(self) -> str:
        if self._next is None:
            self._next = next(self._words)
        return self._next[0]

    def _take(self, *kinds: str) -> str:
        if self._peek() not in kinds:
            raise Failure("INVALID_VALUE", self._text, self._syntax_error)
        assert self._next is not None
        text, self._next = self._next[1], None
        return text

    def whole(self) -> Query:
        query = self._expression()
        self._take("end")
        return query

    def _expression(self) -> Query:
        left = self._single()
        while (word := self._peek()) in {"and", "or"}:
            self._take(word)
            left = _Both(word, left, self._single())
        return left

    def _single(self) -> Query:
        word = self._peek()
        if word == "not":
            self._take(word)
            return _Not(self._expression())
        if word == "(":
            self._take(word)
            inner = self._expression()
            self._take(")")
            return inner
        if word in {"true", "false"}:
            self._take(word)
            return word == "true"
        left = self._operand()
        self._take("=")
        return _Same(left, self._operand())

    def _operand(self) -> Operand:
        if self._peek() == "field":
            self._take("field")
            return (True, self._take("text"))
        return (False, self._take("text"))


def matches(query: Query, cls: str, ref: str, row: Row) -> bool:
    """INTERNAL_ERROR [missing field, name, ] where it asks for a field that is not there (db_cache_types.ml, Row.find);
    the right side of a comparison is looked at first."""
    match query:
        case _Not(inner):
            return not matches(inner, cls, ref, row)
        case _Both("or", a, b):
            return matches(a, cls, ref, row) or matches(b, cls, ref, row)
        case _Both(_, a, b):
            return matches(a, cls, ref, row) and matches(b, cls, ref, row)
        case _Same(left, right):
            value = _value(right, cls, ref, row)
            return _value(left, cls, ref, row) == value
    return query


def _value(operand: Operand, cls: str, ref: str, row: Row) -> str:
    is_field, text = operand
    if not is_field:
        return text
    if text in {"ref", "_ref"}:
        return ref
    name = _field(cls, text)
    if name is None or name not in row:
        raise Failure("INTERNAL_ERROR", "missing field", text, "")
    return stored(row[name])


def _field(cls: str, column: str) -> str | None:
    """The field that a column of the database holds."""
    groups = _GROUPS.get(cls, ("name",))
    group, separator, rest = column.partition("__")
    if separator:
        return f"{group}_{rest}" if group in groups else None
    return None if any(column.startswith(f"{g}_") for g in groups) else column


def stored(value: Value) -> str:
    """The text that xapi's database holds."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.18g}"
    if isinstance(value, list):
        return f"({' '.join(_quoted(stored(v)) for v in value)})"
    if isinstance(value, dict):
        return f"({' '.join(f'({_quoted(k)} {_quoted(stored(v))})' for k, v in value.items())})"
    return str(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
