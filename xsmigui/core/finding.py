"""What is meant by a few typed letters: the best of many names."""

import heapq
from collections.abc import Iterable, Sequence
from typing import TypeVar

from xsmigui.core.units import natural

T = TypeVar("T")


def best(entries: Iterable[tuple[str, T]], typed: str, most: int) -> list[T]:
    """Of entries with their names (case folded) those that have every typed word, `most` at most: names that begin with
    what was typed first, then names of which a word begins with it, then the others; each by name."""
    words = typed.casefold().split()
    if not words:
        return []
    found: list[tuple[int, str, T]] = []
    for name, entry in entries:
        if all(word in name for word in words):
            found.append((_rank(name, words), name, entry))
    firsts = heapq.nsmallest(most, range(len(found)), key=lambda n: (found[n][0], natural(found[n][1]), n))
    return [found[n][2] for n in firsts]


def _rank(name: str, words: Sequence[str]) -> int:
    if name.startswith(words[0]):
        return 0
    return 1 if any(part.startswith(words[0]) for part in name.replace("-", " ").split()) else 2
