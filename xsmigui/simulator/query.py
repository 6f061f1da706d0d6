"""Expressions of get_all_records_where: `field "name__label" = "x" and not (…)` (xapi database/db_filter)."""

from __future__ import annotations

import re
from typing import TypeAlias

from xsmigui.simulator.failures import internal
from xsmigui.simulator.tables import Row
from xsmigui.simulator.types import Value

Query: TypeAlias = "tuple[str, Query, Query] | tuple[str, Query] | tuple[str, str, bool, str, bool] | bool"
_TOKEN = re.compile(r"\s*(?:(\(|\)|=)|\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|(\w+))")


def parse_query(text: str) -> Query:
    """Precedence: not, and, or. A text that is no expression fails as xapi's parser does."""
    words: list[tuple[str, str]] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _error(text)
        symbol, double, single, word = match.groups()
        if symbol:
            words.append(("symbol", symbol))
        elif word:
            words.append(("word", word))
        else:
            words.append(("text", double if double is not None else single))
        position = match.end()
    parser = _Parser(words, text)
    query = parser.either()
    if parser.rest:
        raise _error(text)
    return query


def _error(text: str) -> Exception:
    return internal(f'Db_filter.Expression_error("{text}", Parsing.Parse_error)')


class _Parser:
    def __init__(self, words: list[tuple[str, str]], text: str) -> None:
        self.rest = words
        self._text = text

    def _take(self, kind: str, value: str | None = None) -> str | None:
        if self.rest and self.rest[0][0] == kind and value in (None, self.rest[0][1]):
            return self.rest.pop(0)[1]
        return None

    def either(self) -> Query:
        left = self._both()
        while self._take("word", "or") is not None:
            left = ("or", left, self._both())
        return left

    def _both(self) -> Query:
        left = self._single()
        while self._take("word", "and") is not None:
            left = ("and", left, self._single())
        return left

    def _single(self) -> Query:
        if self._take("word", "not") is not None:
            return ("not", self._single())
        if self._take("symbol", "(") is not None:
            inner = self.either()
            if self._take("symbol", ")") is None:
                raise _error(self._text)
            return inner
        for word, value in (("true", True), ("false", False)):
            if self._take("word", word) is not None:
                return value
        left = self._operand()
        if self._take("symbol", "=") is None:
            raise _error(self._text)
        right = self._operand()
        return ("eq", left[0], left[1], right[0], right[1])

    def _operand(self) -> tuple[str, bool]:
        is_field = self._take("word", "field") is not None
        text = self._take("text")
        if text is None:
            raise _error(self._text)
        return text, is_field


def matches(query: Query, row: Row) -> bool:
    """An unknown field matches nothing."""
    if isinstance(query, bool):
        return query
    match query:
        case ("or", a, b):
            return matches(a, row) or matches(b, row)
        case ("and", a, b):
            return matches(a, row) and matches(b, row)
        case ("not", a):
            return not matches(a, row)
        case ("eq", a, a_is_field, b, b_is_field):
            left = _operand(str(a), bool(a_is_field), row)
            return left is not None and left == _operand(str(b), bool(b_is_field), row)
    return False


def _operand(text: str, is_field: bool, row: Row) -> str | None:
    if not is_field:
        return text
    value = row.get(text.replace("__", "_"))
    return None if value is None else stored(value)


def stored(value: Value) -> str:
    """The text that xapi's database holds for a scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.18g}" if isinstance(value, float) else str(value)
