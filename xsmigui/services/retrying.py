"""The time between two attempts to connect: longer each time, and cut short by whoever does not want to wait."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from xsmigui.core.ports import Clock

RETRY_DELAYS_S: Final = (1, 2, 4, 8, 15, 30)


async def count_down(clock: Clock, hurry: asyncio.Event, attempt: int, show: Callable[[int], None]) -> None:
    """Wait until it is time for the next attempt, or `hurry` is set; `show` gets the seconds that are left."""
    for left in range(RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S) - 1)], 0, -1):
        show(left)
        await _first_of(asyncio.ensure_future(hurry.wait()), asyncio.ensure_future(clock.sleep(1.0)))
        if hurry.is_set():
            return


async def _first_of(*futures: "asyncio.Future[Any]") -> None:
    """Wait for one of them and cancel the others."""
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in futures:
            future.cancel()
        await asyncio.gather(*futures, return_exceptions=True)
