"""Sets and maps as xapi's database writes them: `('a' 'b')`, `(('k' 'v') …)` (string_marshall_helper.ml)."""

from __future__ import annotations

import re
from typing import TypeAlias

Tree: TypeAlias = "str | list[Tree]"

_TOKEN = re.compile(r"\(|\)|;[^\n]*|'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|[^\s()'\";]+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse(text: str) -> list[Tree]:
    """The tree of an expression; text that is no list gives an empty one."""
    top: list[Tree] = []
    stack = [top]
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word == "(":
            inner: list[Tree] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif word == ")":
            if len(stack) > 1:
                stack.pop()
        elif word[0] in "'\"":
            stack[-1].append(_ESCAPE.sub(r"\1", word[1:-1]))
        elif word[0] != ";":
            stack[-1].append(word)
    return top[0] if top and isinstance(top[0], list) else []


def parse_list(text: str) -> list[str]:
    return [item for item in parse(text) if isinstance(item, str)]


def pairs(text: str) -> dict[str, str]:
    """A map; of a key that is there twice the first value counts, as in xapi's lookups."""
    result: dict[str, str] = {}
    for item in parse(text):
        if isinstance(item, list) and item and isinstance(item[0], str):
            value = item[1] if len(item) > 1 else ""
            result.setdefault(item[0], value if isinstance(value, str) else "")
    return result
