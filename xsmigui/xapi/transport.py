"""One server, spoken to by HTTP: what both protocols share. A `Codec` writes the requests and reads the answers."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from msgspec.structs import replace

from xsmigui.core.changes import Event
from xsmigui.core.failures import NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.proxies import Proxy
from xsmigui.core.records import CLASSES, EVENT_CLASSES, Record, Task
from xsmigui.xapi import limits, tls
from xsmigui.xapi.channel import Body, Channel
from xsmigui.xapi.decoding import decoding

T = TypeVar("T")

CONNECTIONS: Final = 4
"""As many sockets for calls; each more costs a TLS handshake on the loop's thread (measured)."""

THREAD_FROM: Final = 64 * 1024
"""Bodies from this size on are decoded in the worker thread."""

LOGIN: Final = "session.login_with_password"

SHORTEST_SECRET: Final = 3
"""Characters: a password of one letter cannot be told from the words of an error."""

GRACE: Final = 30.0
"""Seconds that `event.from` may take longer than it was asked to wait."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """One answer of `event.from`. `counts` are the server's numbers of rows by lower-case class."""

    events: list[Event]
    token: str
    counts: dict[str, int]


class Codec(Protocol):
    """A protocol: how requests are written and answers read. What it raises is an error of decoding, or the wire's."""

    path: str
    kind: str
    """The content type of requests."""

    def request(self, method: str, params: list[Any]) -> bytes: ...

    def answer(self, body: Body, method: str) -> Any:
        """The result of a call, of the shape that `shapes` gives it."""

    def records(self, body: Body, cls: str, method: str) -> dict[str, Record]:
        """The answer of `get_all_records`."""

    def events(self, body: Body) -> EventBatch:
        """The answer of `event.from`."""


class Transport:
    """Calls on up to four kept-alive sockets, `event.from` on one of its own: xapi answers the requests of one socket
    one after the other, so a waiting `event.from` would hold up everything behind it.

    Raises the types of `core.failures`; every call has a deadline in seconds.
    """

    def __init__(self, url: str, shown: tls.Shown, worker: Executor, codec: Codec, proxy: Proxy | None = None) -> None:
        self.url = url
        self._worker = worker
        self._codec = codec
        self._closed = False
        self._secrets: tuple[str, ...] = ()
        self._calls = Channel(url, shown, CONNECTIONS, proxy)
        self._feed = Channel(url, shown, 1, proxy)

    async def call(self, method: str, params: list[Any], deadline: float) -> Any:
        """The plain result of a call."""
        is_login = method == LOGIN
        if is_login:
            self._secrets = (str(params[1]),)
        body = await self._ask(self._calls, method, params, deadline, limits.CALL)
        answer = await self._read(body, method, self._codec.answer, body, method)
        if is_login:
            self._secrets += (str(answer),)
        return answer

    async def records(self, session: str, cls: str, deadline: float) -> dict[str, Record]:
        """All records of a class, decoded off the loop's thread."""
        assert cls in CLASSES
        method = f"{cls}.get_all_records"
        body = await self._ask(self._calls, method, [session], deadline, limits.LOAD)
        found = await self._read(body, method, self._codec.records, body, cls, method)
        return {ref: self._harmless(row) for ref, row in found.items()} if cls == "task" else found

    async def events(self, session: str, token: str, timeout: float) -> EventBatch:
        """One `event.from` over our classes, on a connection of its own."""
        params = [session, list(EVENT_CLASSES), token, float(timeout)]
        body = await self._ask(self._feed, "event.from", params, timeout + GRACE, limits.LOAD)
        batch = await self._read(body, "event.from", self._codec.events, body)
        events = [
            Event(e.cls, e.ref, self._harmless(e.record)) if e.cls == "task" and e.record is not None else e
            for e in batch.events
        ]
        return EventBatch(events, batch.token, batch.counts)

    def _harmless(self, task: Record) -> Record:
        """A task whose error does not repeat what this connection was opened with."""
        if not isinstance(task, Task) or not any(s in text for text in task.error_info for s in self._hidden()):
            return task
        failure = ServerFailure("", tuple(task.error_info)).without(*self._hidden())
        return replace(task, error_info=list(failure.params))

    @contextmanager
    def _discreet(self) -> Iterator[None]:
        """Errors that come out do not repeat it either."""
        try:
            yield
        except ServerFailure as failure:
            if failure.code == "SESSION_INVALID":  # which session it means is compared, and then forgotten
                raise
            raise failure.without(*self._hidden()) from None
        except NotSpeaking as failure:
            detail = ServerFailure("", (failure.detail,)).without(*self._hidden()).params[0]
            raise NotSpeaking(failure.url, failure.status, detail) from None

    def _hidden(self) -> tuple[str, ...]:
        return tuple(secret for secret in self._secrets if len(secret) >= SHORTEST_SECRET)

    async def _ask(self, channel: Channel, method: str, params: list[Any], deadline: float, most: int) -> Body:
        if self._closed:
            raise Unreachable(self.url, "the connection was closed", method)
        try:
            data = self._codec.request(method, params)
        except ValueError as error:  # half a character, as a terminal may give it: no server could read that
            raise Unreachable(self.url, f"the request cannot be written: {type(error).__name__}", method) from None
        with self._discreet():
            return await channel.post(self._codec.path, self._codec.kind, data, method, deadline, most)

    async def _read(self, body: Body, method: str, decode: Callable[..., T], *args: Any) -> T:
        """Decode in the worker thread what is large enough to be felt on the loop's."""

        def read() -> T:
            with self._discreet(), decoding(self.url, method):
                return decode(*args)

        if len(body) < THREAD_FROM:
            return read()
        if self._closed:
            raise Unreachable(self.url, "the connection was closed", method)
        return await asyncio.get_running_loop().run_in_executor(self._worker, read)

    async def close(self) -> None:
        """Close the sockets; whoever waits for an answer fails at once."""
        self._closed = True
        try:
            await self._calls.close()
        finally:  # whoever is cancelled meanwhile leaves no socket behind
            await self._feed.close()
