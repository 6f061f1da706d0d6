"""Work that costs something rests in proportion; what came meanwhile is done once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject

from tests.holding import until
from tests.ui.driving import driven
from xsmigui.ui import pace
from xsmigui.ui.pace import Pace


@driven
async def test_what_costs_nothing_is_done_at_once() -> None:
    done: list[int] = []
    parent = QObject()
    cheap = Pace(parent, lambda: done.append(1))
    for _time in range(5):
        cheap.go()
    assert len(done) == 5


async def _dear(done: list[int]) -> None:
    parent = QObject()
    dear = Pace(parent, lambda: done.append(1))
    dear.go()
    for _time in range(5):
        dear.go()
    assert len(done) == 1
    await until(lambda: len(done) == 2)
    assert not dear._rest.isActive() or not dear._wanted


def test_what_costs_something_rests(drive: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "UNNOTICED_S", -1.0)
    monkeypatch.setattr(pace, "REST", 1e9)
    monkeypatch.setattr(pace, "LONGEST_REST_S", 0.05)
    drive(_dear([]))  # type: ignore[operator]
