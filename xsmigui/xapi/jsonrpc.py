"""JSON-RPC 2.0 over aiohttp: the transport for every server that has `/jsonrpc` (XenServer 7.3 and later)."""

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from xsmigui.core.changes import Event
from xsmigui.core.failures import CertificateChanged, NotSpeaking, Unreachable
from xsmigui.core.records import CLASSES, EVENT_CLASSES, Record
from xsmigui.xapi import envelope, tls
from xsmigui.xapi.transport import EventBatch

T = TypeVar("T")

CONNECTIONS: Final = 4
"""As many sockets for calls; each more costs a TLS handshake on the loop's thread (measured)."""

THREAD_FROM: Final = 64 * 1024
"""Bodies from this size on are decoded in the worker thread."""


class RawEvent(msgspec.Struct, rename={"cls": "class"}):
    """An event with its record still undecoded: its class says what it is."""

    cls: str
    operation: str
    ref: str
    snapshot: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class RawBatch(msgspec.Struct):
    events: list[RawEvent]
    token: str
    valid_ref_counts: dict[str, int] = {}


class JsonTransport:
    """Calls on up to four kept-alive sockets, `event.from` on one of its own: xapi answers the requests of one socket
    one after the other, so a waiting `event.from` would hold up everything behind it."""

    def __init__(self, url: str, fingerprint: str, worker: Executor) -> None:
        self.url = url
        self._fingerprint = fingerprint
        self._worker = worker
        self._numbers = itertools.count(1)
        self._closed = False
        self._calls = self._open(CONNECTIONS)
        self._feed = self._open(1)

    def _open(self, connections: int) -> aiohttp.ClientSession:
        pinned: Any = aiohttp.Fingerprint(tls.digest(self._fingerprint)) if self._fingerprint else False
        connector = aiohttp.TCPConnector(limit=connections, ssl=pinned, keepalive_timeout=60)
        # No proxies, no cookies, no redirects: a XenServer is spoken to directly.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    async def call(self, method: str, params: list[Any], deadline: float) -> Any:
        body = await self._post(self._calls, method, params, deadline)
        return envelope.typed(envelope.opened(body, self.url, method), Any, self.url)

    async def records(self, session: str, cls: str, deadline: float) -> dict[str, Record]:
        method = f"{cls}.get_all_records"
        body = await self._post(self._calls, method, [session], deadline)
        return await self._aside(body, envelope.decode_records, body, CLASSES[cls], self.url, method)

    async def events(self, session: str, token: str, timeout: float) -> EventBatch:
        params = [session, list(EVENT_CLASSES), token, timeout]
        body = await self._post(self._feed, "event.from", params, timeout + 30.0)
        return await self._aside(body, self._batch, body)

    async def _aside(self, body: bytes, decode: Callable[..., T], *args: Any) -> T:
        """Decode in the worker thread what is large enough to be felt on the loop's."""
        if len(body) < THREAD_FROM:
            return decode(*args)
        if self._closed:
            raise Unreachable(self.url, "the connection was closed")
        return await asyncio.get_running_loop().run_in_executor(self._worker, decode, *args)

    def _batch(self, body: bytes) -> EventBatch:
        raw: RawBatch = envelope.typed(envelope.opened(body, self.url, "event.from"), RawBatch, self.url)
        events = []
        for event in raw.events:
            cls = EVENT_CLASSES.get(event.cls)
            if cls is None:
                continue
            if event.operation == "del":
                events.append(Event(cls, event.ref, None))
            elif not isinstance(event.snapshot, msgspec.UnsetType):
                events.append(Event(cls, event.ref, envelope.typed(event.snapshot, CLASSES[cls], self.url)))
        return EventBatch(events, raw.token, raw.valid_ref_counts)

    async def _post(self, session: aiohttp.ClientSession, method: str, params: list[Any], deadline: float) -> bytes:
        """One request. Nothing is repeated here: what the server may have done already must not be done twice."""
        if self._closed:
            raise Unreachable(self.url, "the connection was closed", method)
        data = envelope.request(method, params, next(self._numbers))
        headers = {"Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=deadline, connect=min(deadline, 15.0))
        try:
            async with session.post(
                f"{self.url}/jsonrpc", data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise NotSpeaking(self.url, answer.status, answer.reason or "")
                return await answer.read()
        except aiohttp.ServerFingerprintMismatch as error:
            raise CertificateChanged(self.url, tls.normal(error.got.hex()), tls.normal(self._fingerprint)) from None
        except TimeoutError:
            raise Unreachable(self.url, f"no answer within {deadline:.0f} s", method) from None
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(self.url, tls.reason(error.os_error), method) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(self.url, tls.reason(error), method) from None

    async def close(self) -> None:
        self._closed = True
        await self._calls.close()
        await self._feed.close()
