"""The time of day."""

from datetime import UTC, timedelta

from xsmigui.local.clock import SystemClock


async def test_the_clock_speaks_utc_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0)
    assert before.tzinfo is UTC
    assert timedelta(0) <= clock.now() - before < timedelta(minutes=1)
