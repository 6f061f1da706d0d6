"""XML-RPC through the official `XenAPI` package: for servers without `/jsonrpc`. Slower, and otherwise the same.

The package blocks, so its calls run in threads: one proxy for calls behind a lock, one for `event.from`.
"""

import asyncio
import http.client
import socket
import ssl
import threading
import xmlrpc.client
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar
from xml.parsers.expat import ExpatError

import msgspec
import XenAPI
from defusedxml import xmlrpc as defused

from xsmigui.core.changes import Event
from xsmigui.core.failures import CertificateChanged, NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.records import CLASSES, EVENT_CLASSES, Record
from xsmigui.xapi import tls
from xsmigui.xapi.transport import EventBatch

T = TypeVar("T")

defused.monkey_patch()  # entity bombs and external entities are refused in every answer


CONNECT_DEADLINE: Final = 15.0


class _PinnedConnection(http.client.HTTPSConnection):
    """Compares the certificate's fingerprint before the first byte of a request is sent."""

    def __init__(self, host: str, fingerprint: str, url: str, timeout: float) -> None:
        super().__init__(host, context=tls.unverified_context(), timeout=timeout)
        self._pinned = fingerprint
        self._url = url

    def connect(self) -> None:
        deadline, self.timeout = self.timeout, min(self.timeout or CONNECT_DEADLINE, CONNECT_DEADLINE)
        super().connect()
        self.timeout = deadline
        assert isinstance(self.sock, ssl.SSLSocket)
        self.sock.settimeout(deadline)
        shown = tls.of_certificate(self.sock.getpeercert(binary_form=True) or b"")
        if shown != tls.normal(self._pinned):
            self.close()
            raise CertificateChanged(self._url, shown, tls.normal(self._pinned))


def _has_ended(sock: socket.socket) -> bool:
    """The server closed the socket while nothing was asked. What else may wait there are TLS session tickets."""
    deadline = sock.gettimeout()
    sock.settimeout(0)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        sock.settimeout(deadline)
        return False
    except OSError:
        pass
    return True


class _Transport(xmlrpc.client.Transport):
    """A transport with a deadline for each call and a pinned certificate. The package's own repeats a request whose
    answer was lost; what the server may have done already must not be done twice, so this one does not."""

    def __init__(self, url: str, fingerprint: str) -> None:
        super().__init__(use_builtin_types=False)
        self._url = url
        self._pinned = fingerprint
        self.deadline = 60.0
        self.closed = False

    def request(self, host: Any, handler: str, request_body: Any, verbose: bool = False) -> Any:
        return self.single_request(host, handler, request_body, verbose)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self.closed:
            raise ConnectionAbortedError("the connection was closed")
        kept = self._connection[1] if self._connection and self._connection[0] == host else None
        if kept is not None and kept.sock is not None and _has_ended(kept.sock):
            kept.close()  # and opened again
        if kept is None:
            if self._pinned:
                kept = _PinnedConnection(host, self._pinned, self._url, self.deadline)
            else:
                kept = http.client.HTTPConnection(host, timeout=self.deadline)
            self._connection = host, kept
        kept.timeout = self.deadline
        if kept.sock is not None:
            kept.sock.settimeout(self.deadline)
        return kept

    def interrupt(self) -> None:
        """Wake whoever waits for an answer: closing alone would let them wait for the deadline."""
        self.closed = True
        kept = self._connection[1] if self._connection else None
        if kept is not None and kept.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(kept.sock, socket.SHUT_RDWR)


class _Proxy:
    """One `XenAPI.Session` used as a plain proxy: it is never logged in, the session reference is a parameter."""

    def __init__(self, url: str, fingerprint: str) -> None:
        self.url = url
        self._transport = _Transport(url, fingerprint)
        self._server = XenAPI.Session(url, transport=self._transport)
        self._lock = threading.Lock()

    def call(self, method: str, params: list[Any], deadline: float) -> Any:
        with self._lock:
            self._transport.deadline = deadline
            try:
                answer = getattr(xmlrpc.client.ServerProxy, "__getattr__")(self._server, method)(*params)  # noqa: B009
            except xmlrpc.client.ProtocolError as error:
                raise NotSpeaking(self.url, error.errcode, error.errmsg) from None
            except (xmlrpc.client.Error, ExpatError, ValueError, LookupError, TypeError) as error:
                # What is no answer at all; forbidden XML (defusedxml) is a ValueError.
                raise NotSpeaking(self.url, 200, str(error)) from None
            except TimeoutError:
                raise Unreachable(self.url, f"no answer within {deadline:.0f} s", method) from None
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(self.url, tls.reason(error), method) from None
        if not isinstance(answer, dict) or "Status" not in answer:
            raise NotSpeaking(self.url, 200, "no XenAPI answer")
        if answer["Status"] != "Success":
            code, *rest = answer.get("ErrorDescription") or ["INTERNAL_ERROR"]
            raise ServerFailure(str(code), tuple(map(str, rest)), method)
        return plain(answer.get("Value", ""))

    def interrupt(self) -> None:
        self._transport.interrupt()

    def close(self) -> None:
        with self._lock:
            self._transport.close()


def plain(value: Any) -> Any:
    """Values as JSON-RPC would have them: times as text. Integers stay text, as the server sends them."""
    if isinstance(value, xmlrpc.client.DateTime):
        return value.value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def encodable(value: Any) -> Any:
    """Parameters as the server takes them: integers as text, since xapi's are wider than XML-RPC's."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {k: encodable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encodable(v) for v in value]
    return value


class _Event(msgspec.Struct, rename={"cls": "class"}):
    cls: str
    operation: str
    ref: str
    snapshot: dict[str, Any] | None = None


class _Batch(msgspec.Struct):
    events: list[_Event]
    token: str
    valid_ref_counts: dict[str, int] = {}


class XmlTransport:
    """The same interface as `JsonTransport`, over two blocking proxies."""

    def __init__(self, url: str, fingerprint: str) -> None:
        self.url = url
        self._calls = _Proxy(url, fingerprint)
        self._feed = _Proxy(url, fingerprint)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="xmlrpc")
        self._closed = False

    async def _aside(self, work: Callable[..., T], *args: Any) -> T:
        if self._closed:
            raise Unreachable(self.url, "the connection was closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def _run(self, proxy: _Proxy, method: str, params: list[Any], deadline: float) -> Any:
        return await self._aside(proxy.call, method, encodable(params), deadline)

    async def call(self, method: str, params: list[Any], deadline: float) -> Any:
        return await self._run(self._calls, method, params, deadline)

    async def records(self, session: str, cls: str, deadline: float) -> dict[str, Record]:
        record = CLASSES[cls]

        def fetch() -> dict[str, Record]:
            rows = self._calls.call(f"{cls}.get_all_records", [session], deadline)
            found: dict[str, Record] = self._converted(rows, dict[str, record])  # type: ignore[valid-type]
            return found

        return await self._aside(fetch)

    def _converted(self, value: Any, type_: Any) -> Any:
        try:
            return msgspec.convert(value, type_, strict=False)
        except msgspec.ValidationError as error:
            raise NotSpeaking(self.url, 200, str(error)) from None

    async def events(self, session: str, token: str, timeout: float) -> EventBatch:
        params = [session, list(EVENT_CLASSES), token, float(timeout)]
        answer = self._converted(await self._run(self._feed, "event.from", params, timeout + 30.0), _Batch)
        events = []
        for event in answer.events:
            cls = EVENT_CLASSES.get(event.cls)
            if cls is not None and event.operation == "del":
                events.append(Event(cls, event.ref, None))
            elif cls is not None and event.snapshot is not None:
                events.append(Event(cls, event.ref, self._converted(event.snapshot, CLASSES[cls])))
        return EventBatch(events, answer.token, answer.valid_ref_counts)

    async def close(self) -> None:
        self._closed = True
        self._calls.interrupt()
        self._feed.interrupt()
        # Whoever waits in a thread is woken by that and fails; then the threads end.
        await asyncio.to_thread(self._threads.shutdown)
        self._calls.close()
        self._feed.close()
