"""The time of day of this computer."""

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` of `core.ports`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
