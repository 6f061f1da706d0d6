"""`--not-before`: a time of this computer's clock, and waiting for it."""

import argparse
import re
from datetime import datetime, timedelta
from typing import Final

from xsmigui.console import BadArguments
from xsmigui.core.text import _
from xsmigui.local.clock import SystemClock

LOOK_INTERVAL_S: Final = 30.0
"""Seconds after which the clock is looked at again: it may have been set, or the computer may have slept."""

CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")


def moment(text: str, now: datetime) -> datetime:
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
            _("--not-before takes a time such as 22:00 or 2026-03-02T22:00, not “{text}”.", text=text)
        ) from None
    found = found.astimezone()
    if found < now:
        passed = f"{found:%Y-%m-%d %H:%M}"
        raise BadArguments(_("--not-before: {time} has passed.", time=passed))
    return found


def moment_in(options: argparse.Namespace, clock: SystemClock) -> datetime | None:
    """The time that the options name; None if they name none. Raises `BadArguments`."""
    return moment(options.not_before, clock.now()) if getattr(options, "not_before", None) else None


async def until(time: datetime, clock: SystemClock) -> None:
    """Return when it is `time`."""
    while (left := (time - clock.now()).total_seconds()) > 0:
        await clock.sleep(min(left, LOOK_INTERVAL_S))
