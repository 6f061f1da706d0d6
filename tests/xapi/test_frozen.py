"""What lives while a pool is loaded is out of sight of the cyclic collector, and is freed all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from xsmigui.xapi.frozen import Frozen


class Cycle:
    """As jobs and windows are."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def ended(frozen: Frozen, pool: str) -> weakref.ref[Cycle]:
    """Something that lives while a pool is loaded, and ends afterwards, with much else."""
    work = [Cycle() for _ in range(gc.get_freeze_count() + 10_000)]
    first = weakref.ref(work[0])
    frozen.freeze(pool)
    return first


def test_what_ended_is_freed_when_a_pool_is_loaded_again() -> None:
    frozen = Frozen()
    frozen.freeze("Madrid")
    work = ended(frozen, "Madrid")
    gc.collect()
    assert work() is not None  # frozen
    frozen.freeze("Madrid")
    assert work() is None


def test_nothing_is_looked_through_where_pools_come_for_the_first_time() -> None:
    frozen = Frozen()
    frozen.freeze("Madrid")
    work = ended(frozen, "Lisboa")
    frozen.freeze("Porto")
    assert work() is not None


def test_nothing_is_looked_through_where_little_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = Frozen()
    frozen.freeze("Madrid")
    monkeypatch.setattr(gc, "collect", lambda: pytest.fail("looked through"))
    for _ in range(3):
        frozen.freeze("Madrid")
