"""What both transports offer, and the events of one answer in a form that is the same for both."""

from dataclasses import dataclass
from typing import Any, Protocol

from xsmigui.core.changes import Event
from xsmigui.core.records import Record


@dataclass(frozen=True, slots=True)
class EventBatch:
    """One answer of `event.from`. `counts` are the server's numbers of rows by lower-case class."""

    events: list[Event]
    token: str
    counts: dict[str, int]


class Transport(Protocol):
    """One way to speak to a server. Raises the types of `core.failures`; every call has a deadline in seconds."""

    url: str

    async def call(self, method: str, params: list[Any], deadline: float) -> Any:
        """The plain result of a call."""

    async def records(self, session: str, cls: str, deadline: float) -> dict[str, Record]:
        """All records of a class, decoded off the loop's thread."""

    async def events(self, session: str, token: str, timeout: float) -> EventBatch:
        """One `event.from` over our classes, on a connection of its own."""

    async def close(self) -> None: ...
