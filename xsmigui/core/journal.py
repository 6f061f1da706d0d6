"""What is to be said of the journal itself: rows that cannot be read, a damaged file that was put aside."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from xsmigui.core.jobs import Job
from xsmigui.core.text import _, joined, n_
from xsmigui.core.units import moment


class Waiting(msgspec.Struct, frozen=True):
    """A process that carries out jobs waits for servers, by name, that do not answer; until when at most."""

    servers: tuple[str, ...]
    until: datetime

    def sentence(self) -> str:
        """``waits for Madrid, which does not answer, until 2026-12-05 12:00 at most``"""
        return n_(
            "waits for {servers}, which does not answer, until {time} at most",
            "waits for {servers}, which do not answer, until {time} at most",
            len(self.servers),
            servers=joined(self.servers),
            time=moment(self.until.isoformat()),
        )


class Elsewhere(msgspec.Struct, frozen=True):
    """A job that another process of this program carries out; `gives` if that one hands it over when it is asked.
    `waits` is what that process waits for, if servers of its jobs do not answer."""

    job: Job
    gives: bool
    waits: Waiting | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """A job of the journal, or one VM's part of it, that cannot be read. `created` is None if even that is damaged;
    `vms` are names, as far as they are known; `ended` that nothing of it was left to be done."""

    id: str
    created: datetime | None
    vms: tuple[str, ...]
    reason: str
    ended: bool

    def sentence(self) -> str:
        return _("{job} ({vms}): {reason}", job=self.id, vms=joined(self.vms) or "?", reason=self.reason)

    def as_json(self) -> dict[str, object]:
        """The form that the command line promises."""
        created = self.created.isoformat() if self.created is not None else None
        return {
            "job": self.id,
            "created": created,
            "vms": list(self.vms),
            "state": "unreadable",
            "finished": self.ended,
            "reason": self.reason,
        }


class SetAside(msgspec.Struct, frozen=True):
    """A damaged journal that was put aside as `path`; `jobs` is how many of its jobs the new one has."""

    path: str
    reason: str
    jobs: int

    def sentence(self) -> str:
        text = _("The journal was damaged ({reason}). It is kept as {path}.", reason=self.reason, path=self.path)
        if not self.jobs:
            return f"{text} " + _("No job could be recovered; look on the servers to see where the VMs are.")
        rest = n_("{n} job was recovered.", "{n} jobs were recovered.", self.jobs)
        return f"{text} {rest}"


def unreadable_text(unreadable: Iterable[Unreadable]) -> str:
    """What the operator must know of jobs that had not ended and cannot be read; empty if there are none."""
    left = [each.sentence() for each in unreadable if not each.ended]
    if not left:
        return ""
    text = _(
        "These jobs had not ended, and their journal entries cannot be read. They are not continued; everything"
        " is left as it is. Look on the servers to see where their VMs are."
    )
    return "\n".join([text, *left])
