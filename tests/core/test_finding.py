"""What is meant by a few typed letters."""

import pytest

from xsmigui.core.finding import best

NAMES = ["web-10", "web-2", "db-web", "Old web", "mail", "cobweb"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("web", ["web-2", "web-10", "db-web", "Old web", "cobweb"]),
        ("WEB 2", ["web-2"]),
        ("mail web", []),
        ("  ", []),
        ("ob", ["cobweb"]),
    ],
)
def test_the_best_come_first(typed: str, expected: list[str]) -> None:
    assert best([(name.casefold(), name) for name in NAMES], typed, 10) == expected


def test_no_more_than_asked_for() -> None:
    assert best([(f"vm {n}", n) for n in range(1000)], "vm", 3) == [0, 1, 2]
