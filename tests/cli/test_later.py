from datetime import UTC, datetime, timedelta

import pytest

from xsmigui.cli.later import moment, until
from xsmigui.console import BadArguments
from xsmigui.local.clock import SystemClock

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC).astimezone()


def test_a_time_of_day_is_the_next_one() -> None:
    later, earlier = NOW + timedelta(minutes=10), NOW - timedelta(minutes=10)
    assert moment(f"{later:%H:%M}", NOW) == later
    assert moment(f"{earlier:%H:%M}", NOW) == earlier + timedelta(days=1)
    assert moment(f"{NOW:%H:%M}", NOW) == NOW + timedelta(days=1)


def test_a_date_is_meant_as_it_is_written() -> None:
    local = moment("2026-03-02T22:00", NOW)
    assert (local.hour, local.minute, local.utcoffset()) == (22, 0, NOW.utcoffset())
    assert moment("2026-03-02 22:00", NOW) == local
    assert moment("2026-03-03T06:00:00+00:00", NOW) == datetime(2026, 3, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12:60", "22", "22.00", "2026-02-30T10:00", "10:00pm"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BadArguments, match="--not-before"):
        moment(text, NOW)


def test_a_date_that_has_passed() -> None:
    with pytest.raises(BadArguments, match="has passed"):
        moment("2026-03-02T08:00+00:00", NOW)


class Clock(SystemClock):
    def __init__(self) -> None:
        self.time, self.slept = NOW, [0.0]

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


async def test_the_clock_is_looked_at_again_while_waiting() -> None:
    """The computer may sleep meanwhile, or its clock may be set."""
    clock = Clock()
    await until(NOW + timedelta(seconds=100), clock)
    assert clock.time == NOW + timedelta(seconds=100)
    assert max(clock.slept) <= 30
    await until(NOW, clock)
    assert sum(clock.slept) == 100
