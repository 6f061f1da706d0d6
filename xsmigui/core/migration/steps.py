"""What a job does next, as values. The pure functions of `exchange` and `sending` answer with one of them, the loop in
`services.carrier` carries it out, writes it into the journal, and looks at the server again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from xsmigui.core.messages import Text

ANSWER: Final = "<answer>"
"""Stands in `Request.then` for what the server answers."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was sent and whose end is not known yet; in the journal before the call leaves this computer.

    `task` is the server's task, empty as long as the server has not named one: the call may be under way, may lie
    unread in the server, or may never have reached it. `gone` says that there was a task which the server no longer
    knows. `pool` is the uuid of the pool that it was sent to. `then` as in `Request`. `sent` is an ISO time in UTC.
    """

    method: str
    disk: int = -1
    params: tuple[Any, ...] = ()
    task: str = ""
    gone: bool = False
    pool: str = ""
    sent: str = ""
    then: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """The next call. `does` tells it to a person, as the beginning of a sentence. `disk` is the number of the disk that
    it is about (-1: none). `is_task`: it runs as a task of the server, which is followed to its end. `then` is noted
    of the disk (or of the job) when the server has answered, `ANSWER` replaced by the answer."""

    method: str
    params: tuple[Any, ...]
    does: Text
    disk: int = -1
    is_task: bool = False
    then: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Facts to be written into the journal before anything else is done: of one disk, or (-1) of the job."""

    changes: Mapping[str, Any]
    disk: int = -1


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that the server does must end first. `reason` is a sentence; `task` is to be followed where it is not
    empty, else the server is looked at again after a while. `patience` is how often, 0 for as long as it takes;
    `seconds` after how many there is another look though the task goes on, 0 for not before its end."""

    reason: Text
    task: str = ""
    patience: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RollBack:
    """What was begun cannot be finished and is put back; the reason is a sentence."""

    reason: Text


@dataclass(frozen=True, slots=True)
class Stop:
    """Neither finishing nor rolling back is safe; the reason says why and which disk holds what. The job can be
    resumed."""

    reason: Text


@dataclass(frozen=True, slots=True)
class Done:
    """Everything is in its place, or was put back."""


Step = Request | Note | Wait | RollBack | Stop | Done
