"""`--not-before` and `--pause-at`: times of this computer's clock, and waiting for the first."""

import argparse
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from xsmigui.console import BadArguments
from xsmigui.core.text import _
from xsmigui.local.clock import SystemClock

LOOK_INTERVAL_S: Final = 30.0
"""Seconds after which the clock is looked at again: it may have been set, or the computer may have slept."""

CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")


def moment(text: str, now: datetime, option: str = "--not-before") -> datetime:
    """The time that `text` names, seen from `now` (aware): ``22:00`` is the next time that it is ten in the evening,
    ``2026-03-02T22:00`` that day, in the computer's own zone where none is given. Raises `BadArguments`."""
    clock = CLOCK.fullmatch(text.strip())
    try:
        if clock is not None:
            today = now.astimezone().replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            if today > now:
                return today
            # Tomorrow by the calendar, not after 24 hours: summer time may begin tonight.
            return (today.replace(tzinfo=None) + timedelta(days=1)).astimezone()
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadArguments(
            _("{option} takes a time such as 22:00 or 2026-03-02T22:00, not “{text}”.", option=option, text=text)
        ) from None
    found = found.astimezone()
    if found < now:
        passed = f"{found:%Y-%m-%d %H:%M}"
        raise BadArguments(_("{option}: {time} has passed.", option=option, time=passed))
    return found


@dataclass(frozen=True, slots=True)
class Times:
    """When to start, and from when on to start nothing more; None: at once, and to the end."""

    not_before: datetime | None = None
    pause_at: datetime | None = None


def times_in(options: argparse.Namespace, clock: SystemClock) -> Times:
    """The times that the options name. Raises `BadArguments`."""
    start, pause = getattr(options, "not_before", None), getattr(options, "pause_at", None)
    begins = moment(start, clock.now()) if start else None
    # A time of day is the next one after the start, so that 22:00 to 06:00 is a night whenever it is said.
    pauses = moment(pause, begins or clock.now(), "--pause-at") if pause else None
    if begins is not None and pauses is not None and pauses <= begins:
        raise BadArguments(_("--pause-at must be later than --not-before."))
    return Times(begins, pauses)


async def until(time: datetime, clock: SystemClock) -> None:
    """Return when it is `time`."""
    while (left := (time - clock.now()).total_seconds()) > 0:
        await clock.sleep(min(left, LOOK_INTERVAL_S))
