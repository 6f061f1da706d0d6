"""Which lines of Activity are shown: by how they stand, by server, by date, by the object that they concern."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from xsmigui.core.text import _
from xsmigui.core.units import natural
from xsmigui.ui.activity.lines import Group, Kind


class Period(StrEnum):
    """What has ended since."""

    today = "today"
    week = "week"
    month = "month"


def begin(period: Period, now: datetime) -> datetime:
    """The midnight with which a period begins, in the zone of `now`."""
    days = {Period.today: 0, Period.week: 6, Period.month: 29}[period]
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def servers_of(groups: Iterable[Group]) -> tuple[str, ...]:
    """The names of all that have a part in these, in their natural order."""
    return tuple(sorted({server for group in groups for server in group.servers}, key=natural))


def filtered(groups: list[Group], kind: Kind | None, server: str = "") -> list[Group]:
    """The groups with lines of one kind in which a server has a part; None and an empty name leave all."""
    if server:
        groups = [group for group in groups if server in group.servers]
    if kind is None:
        return groups
    found = []
    for group in groups:
        below = tuple(line for line in group.below if line.kind is kind)
        if below or group.line.kind is kind:
            found.append(replace(group, below=below))
    return found


def since(groups: list[Group], time: datetime) -> list[Group]:
    """What has ended since a time."""
    return [group for group in groups if group.ended is not None and group.ended >= time]


def concerning(groups: list[Group], wanted: frozenset[str]) -> list[Group]:
    """What concerns an object, which is known by these uuids and references; of a job the VMs' parts that do."""
    found = []
    for group in groups:
        if group.line.about & wanted:
            below = tuple(line for line in group.below if line.about & wanted)
            found.append(group if len(below) == len(group.below) else replace(group, below=below))
    return found


def as_csv(groups: list[Group]) -> list[list[str]]:
    """Every line as a row of a table, with its heads."""
    rows = [[_("Job"), _("What"), _("State"), _("Started"), _("Time"), _("Result")]]
    for group in groups:
        for line in group.below or (group.line,):
            started = line.started.isoformat(timespec="seconds") if line.started is not None else ""
            rows.append([line.key[0], line.title, line.state, started, line.times, line.message])
    return rows
