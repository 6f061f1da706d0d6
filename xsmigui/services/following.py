"""Jobs that other processes of this program carry out: shown here, and taken over when the operator wants that."""

import asyncio
import logging
from typing import Final

from xsmigui.core.jobs import Job
from xsmigui.core.journal import Elsewhere
from xsmigui.core.ports import Clock, Journal
from xsmigui.services.jobs import Jobs

log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 1.0
"""Seconds between two looks into the journal."""

TAKE_OVER_WITHIN_S: Final = 60.0
"""Seconds that the other process has to stop and to let go. It only ends its own looks; nothing in a server."""


class NotHandedOver(Exception):
    """The other process did not let go of its jobs."""


class Following:
    """Follows the journal for what others carry out, as long as `run` runs."""

    def __init__(self, jobs: Jobs, journal: Journal, clock: Clock) -> None:
        self._jobs = jobs
        self._journal = journal
        self._clock = clock
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.look()
            except OSError as error:  # busy, or full: the next look may see more
                log.warning("%s", error)
            await self._clock.sleep(LOOK_INTERVAL_S)

    async def look(self) -> None:
        """See what others carry out now. What one of them has brought to its end stays in the list as it ended; what it
        has left is taken up. Raises `OSError`."""
        async with self._lock:
            found = await self._journal.elsewhere()
            if found is None:
                return
            await self._show({each.job.id: each for each in found})

    async def _show(self, now: dict[str, Elsewhere]) -> None:
        """Show what others carry out. What is no longer among it stays in the list all the time: first as it was, then
        as it ended, or as it was taken up."""
        gone = {name: each for name, each in self._jobs.elsewhere.items() if name not in now}
        if gone:
            self._jobs.show_ended(job for job in await self._journal.all() if job.id in gone)
            self._jobs.show_elsewhere(now | gone)
            await self._jobs.take_up()
        self._jobs.show_elsewhere(now)

    async def take_over(self) -> list[Job]:
        """Carry out here what others carry out and would give away; what has ended meanwhile is among the answer.

        Raises:
            NotHandedOver: one of them did not let go.
            OSError: the journal cannot be read or written.
        """
        async with self._lock:
            wanted = [each.job.id for each in self._jobs.elsewhere.values() if each.gives]
            for name in wanted:
                await self._journal.ask_for(name)
            waited = 0.0
            while any(name in self._jobs.elsewhere for name in wanted):
                if waited >= TAKE_OVER_WITHIN_S:
                    raise NotHandedOver
                found = await self._journal.elsewhere()
                if found is not None:
                    await self._show({each.job.id: each for each in found})
                await self._clock.sleep(LOOK_INTERVAL_S / 4)
                waited += LOOK_INTERVAL_S / 4
            return [self._jobs.get(name) for name in wanted]
