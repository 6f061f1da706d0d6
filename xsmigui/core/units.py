"""Sizes, durations and names as people read them."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from xsmigui.core.text import _, language, n_, zone

KiB: Final = 1 << 10
MiB: Final = 1 << 20
GiB: Final = 1 << 30
TiB: Final = 1 << 40

MOST_DIGITS: Final = 30

_DIGITS: Final = re.compile(r"([0-9]+)")
_MOMENT: Final = re.compile(r"^(\d{4})-?(\d\d)-?(\d\d)T(\d\d):(\d\d)")


SPEAKS_WITH_COMMAS: Final = ("es",)
"""Languages in which a comma sets off decimals, and a point thousands."""

_SWAPPED: Final = str.maketrans(".,", ",.")


def _written(text: str) -> str:
    """A number as the reader's language writes it."""
    return text.translate(_SWAPPED) if language() in SPEAKS_WITH_COMMAS else text


def size(number: int) -> str:
    """Bytes as GiB or TiB with one decimal; what is smaller than a tenth of a GiB in MiB or KiB."""
    if abs(number) >= TiB:
        return _written(f"{number / TiB:.1f} TiB")
    if abs(number) >= GiB // 10 or number == 0:
        return _written(f"{number / GiB:.1f} GiB")
    if abs(number) < MiB:
        return f"{number / KiB:.0f} KiB"
    return f"{number / MiB:.0f} MiB"


def count(number: int) -> str:
    """A number with its thousands set off: ``2,228``."""
    return _written(f"{number:,}")


def rate(number: float) -> str:
    """Bytes a second as MiB/s: what people compare with the speed of a link."""
    return _written(f"{number / MiB:.0f} MiB/s" if number >= 10 * MiB else f"{number / MiB:.1f} MiB/s")


def duration(seconds: float) -> str:
    """A time span as people say it: ``40 s``, ``6 min``, ``2 h 10 min``."""
    if seconds < 90:
        return _("{n} s", n=max(0, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("{n} min", n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("{h} h {m} min", h=hours, m=minutes) if minutes else _("{h} h", h=hours)
    return n_("{n} day", "{n} days", hours // 24)


def percent(fraction: float) -> str:
    """A fraction as whole percents, the sign set off by a space."""
    return f"{max(0.0, min(1.0, fraction)) * 100:.0f} %"


def whole(text: str) -> int | None:
    """A number that a server wrote as text; None if it is none, or longer than any that means something."""
    return int(text) if len(text) <= MOST_DIGITS and text.isascii() and text.isdigit() else None


@lru_cache(maxsize=1 << 15)
def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which ``host-2`` comes before ``host-10`` and case does not matter."""
    return tuple(
        (1, 0, part) if (number := whole(part)) is None else (0, number, "")
        for part in _DIGITS.split(name.casefold())
        if part
    )


def day(text: str) -> str:
    """A date as ISO 8601 writes it (``2036-01-02``) in the reader's language: ``02/01/2036`` in Spanish; other texts as
    they are."""
    try:
        at = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{at:%d/%m/%Y}" if language() in SPEAKS_WITH_COMMAS else text


def moment(text: str) -> str:
    """A time of the server's (``20260821T02:00:23Z``) in the reader's zone and language: ``2026-08-21 04:00``, in UTC
    ``2026-08-21 02:00 UTC``; other texts as they are."""
    found = _MOMENT.match(text)
    if not found:
        return text
    year, month, day, hour, minute = (int(part) for part in found.groups())
    local = zone()
    try:
        at = datetime(year, month, day, hour, minute, tzinfo=UTC)
        at = local(at) if local is not None else at
    except (ValueError, OverflowError, OSError):  # no such day, or one that this computer cannot reckon with
        return text
    shown = f"{at:%d/%m/%Y %H:%M}" if language() in SPEAKS_WITH_COMMAS else f"{at:%Y-%m-%d %H:%M}"
    return shown if local is not None else f"{shown} UTC"
