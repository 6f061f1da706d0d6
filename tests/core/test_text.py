from collections.abc import Iterator
from gettext import NullTranslations

import pytest

from xsmigui.core import text
from xsmigui.core.text import N_, _, joined, n_


class Shouting(NullTranslations):
    """A catalogue that one can see at work."""

    def gettext(self, message: str) -> str:
        return message.upper().replace("{NAME}", "{name}")

    def ngettext(self, one: str, many: str, number: int) -> str:
        return f"{number} of {{n}}"


@pytest.fixture
def shouting() -> Iterator[None]:
    text.use(Shouting())
    yield
    text.use(NullTranslations())


def test_english_is_what_stands_in_the_code() -> None:
    assert _("{name} moves.", name="web") == "web moves."
    assert _("braces {} stay where nothing is filled in") == "braces {} stay where nothing is filled in"
    assert n_("{n} disk", "{n} disks", 1) == "1 disk"
    assert n_("{n} disk", "{n} disks", 2) == "2 disks"
    assert N_("later") == "later"


@pytest.mark.usefixtures("shouting")
def test_the_catalogue_in_use_speaks() -> None:
    assert _("{name} moves.", name="web") == "web MOVES."
    assert n_("{n} disk", "{n} disks", 3) == "3 of 3"
    assert N_("later") == "later"


def test_joined() -> None:
    assert joined([]) == ""
    assert joined(["a"]) == "a"
    assert joined(("a", "b", "c")) == "a, b and c"
    assert joined(["a", "b", "c", "d"]) == "a, b, c and d"
    assert joined(list("abcdefg")) == "a, b, c and 4 more"
