"""The operators' guide as a book: chapters of Markdown, with places that can be asked for.

A line ``<!-- name -->`` before a heading gives the place its name, which is the same in every language.
"""

import re
from dataclasses import dataclass
from typing import Final

MARK: Final = re.compile(r"^<!-- ([a-z0-9-]+) -->\n+(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A heading: the name by which it can be asked for, its level (1 is the chapter's own) and its text."""

    name: str
    level: int
    heading: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter: `text` is its Markdown without the marks."""

    file: str
    text: str
    places: tuple[Place, ...]

    @property
    def title(self) -> str:
        return self.places[0].heading


@dataclass(frozen=True, slots=True)
class Book:
    """The chapters in their order; `folder` is where their pictures are looked for."""

    chapters: tuple[Chapter, ...]
    folder: str = ""

    def find(self, name: str) -> tuple[int, Place]:
        """The chapter and the place of this name; the beginning if there is none."""
        for number, chapter in enumerate(self.chapters):
            for place in chapter.places:
                if place.name == name:
                    return number, place
        return 0, self.chapters[0].places[0]


def chapter(file: str, source: str) -> Chapter:
    """A chapter from its file. Raises `ValueError` where its first heading has no name."""
    places = tuple(Place(name, len(marks), heading.strip()) for name, marks, heading in MARK.findall(source))
    if not places or places[0].level != 1:
        raise ValueError(f"{file}: its first heading has no name")
    return Chapter(file, MARK.sub(r"\2 \3", source), places)
