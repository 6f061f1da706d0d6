"""When each VM of a batch is to move, and why not earlier."""

import pytest

from tests.core.migration.helpers import inside
from tests.core.site import GiB, TwoPools
from xsmigui.core.migration.defaults import resolve
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.moves import Move
from xsmigui.core.migration.waves import Turn, moved, turns
from xsmigui.core.refs import VmRef


def batch(*sizes: int, storage: bool = True) -> tuple[Move, ...]:
    """VMs a, b, c … with a disk each of so many GiB."""
    site = TwoPools()
    vms = []
    for name, size in zip("abcdefgh", sizes, strict=False):
        vms.append(site.madrid.vm(name, on=site.m1, disks=[(site.m_nfs, size * GiB)]))
    draft = Draft(source=site.madrid.id, vms=tuple(vms), destination=site.madrid.id).all_on(vms, site.m3)
    draft = draft.on_same_sr(site.m_iscsi) if storage else draft.keeping_disks()
    return resolve(site.site, draft).moves


def told(found: tuple[Turn, ...]) -> list[tuple[str, int, str]]:
    return [(turn.name, turn.wave, turn.waits_for) for turn in found]


def test_three_storage_migrations_and_then_whoever_ends_first_makes_room() -> None:
    found = turns(batch(300, 100, 200, 50, 50))
    assert told(found) == [("a", 1, ""), ("b", 1, ""), ("c", 1, ""), ("d", 2, "b"), ("e", 3, "d")]
    assert str(found[3].reason) == "after b: 3 storage migrations leave the pool at once"
    assert [turn.begins for turn in found[:3]] == [0.0, 0.0, 0.0]
    assert found[3].begins == found[1].ends < found[4].begins == found[3].ends


def test_live_migrations_wait_for_nobody() -> None:
    assert {turn.wave for turn in turns(batch(1, 1, 1, 1, 1, storage=False))} == {1}


def test_the_operators_limits() -> None:
    found = turns(batch(300, 100, 200), limit=1)
    assert told(found) == [("a", 1, ""), ("b", 2, "a"), ("c", 3, "b")]
    assert str(found[1].reason) == "after a: 1 storage migration leaves the pool at once"
    found = turns(batch(3, 1, 2, storage=False), at_once=2)
    assert [turn.wave for turn in found] == [1, 1, 2]
    assert str(found[2].reason).endswith("2 VMs move at once")


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (0, [("a", ""), ("b", ""), ("c", ""), ("d", "b")]),
        (1, [("a", ""), ("b", ""), ("c", "b"), ("d", "a")]),
        (2, [("a", ""), ("b", "a"), ("c", "b"), ("d", "c")]),
    ],
)
def test_what_leaves_the_pool_already_takes_a_place(ahead: int, expected: list[tuple[str, str]]) -> None:
    found = turns(batch(300, 100, 200, 50), ahead=ahead)
    assert [(turn.name, turn.waits_for) for turn in found] == expected
    assert not any(turn.after_others for turn in found)


@pytest.mark.parametrize("ahead", [3, 5])
def test_where_others_take_every_place_nobody_knows_when_it_begins(ahead: int) -> None:
    first, second = turns(batch(300, 100), ahead=ahead)
    assert first.after_others
    assert second.after_others
    assert str(first.reason) == "after migrations that leave the pool already, or come first"
    (live,) = turns(batch(1, storage=False), ahead=ahead)
    assert (live.after_others, live.begins) == (False, 0.0)


def test_an_empty_batch() -> None:
    assert turns(()) == ()


@pytest.mark.parametrize(
    ("chosen", "steps", "order"),
    [
        ("c", -1, "acbd"),
        ("c", -9, "cabd"),
        ("a", 1, "bacd"),
        ("a", 9, "bcda"),
        ("bd", -1, "bdac"),
        ("ac", 1, "bacd"),
        ("", 1, "abcd"),
        ("x", 1, "abcd"),
    ],
)
def test_the_order_is_changed_by_hand(chosen: str, steps: int, order: str) -> None:
    assert "".join(moved([VmRef(v) for v in "abcd"], [VmRef(v) for v in chosen], steps)) == order


def test_a_draft_in_another_order() -> None:
    site = TwoPools()
    draft = inside(site, site.web)
    both = Draft(source=draft.source, vms=(site.web, site.files, site.sleeper))
    assert both.ordered((site.sleeper, VmRef("gone"), site.web)).vms == (site.sleeper, site.web, site.files)
