"""XML-RPC through the official `XenAPI` package: for servers without `/jsonrpc`. Slower, and otherwise the same.

The package blocks, so its calls run in threads: one proxy for calls behind a lock, one for `event.from`.
"""

import asyncio
import http.client
import ssl
import threading
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.parsers.expat import ExpatError

import msgspec
import XenAPI
from defusedxml import xmlrpc as defused

from xsmigui.core.changes import Event
from xsmigui.core.failures import CertificateChanged, NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.records import CLASSES, EVENT_CLASSES, Record
from xsmigui.xapi import tls
from xsmigui.xapi.transport import EventBatch

defused.monkey_patch()  # entity bombs and external entities are refused in every answer


class _PinnedConnection(http.client.HTTPSConnection):
    """Compares the certificate's fingerprint before the first byte of a request is sent."""

    def __init__(self, host: str, fingerprint: str, url: str, timeout: float) -> None:
        super().__init__(host, context=tls.unverified_context(), timeout=timeout)
        self._pinned = fingerprint
        self._url = url

    def connect(self) -> None:
        super().connect()
        assert isinstance(self.sock, ssl.SSLSocket)
        shown = tls.of_certificate(self.sock.getpeercert(binary_form=True) or b"")
        if shown != tls.normal(self._pinned):
            self.close()
            raise CertificateChanged(self._url, shown, tls.normal(self._pinned))


class _Transport(xmlrpc.client.Transport):
    """A transport with a deadline for each call and a pinned certificate."""

    def __init__(self, url: str, fingerprint: str) -> None:
        super().__init__(use_builtin_types=False)
        self._url = url
        self._pinned = fingerprint
        self.deadline = 60.0

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        kept = self._connection[1] if self._connection and self._connection[0] == host else None
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
            except (xmlrpc.client.Error, ExpatError) as error:
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

    def close(self) -> None:
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


class XmlTransport:
    """The same interface as `JsonTransport`, over two blocking proxies."""

    def __init__(self, url: str, fingerprint: str) -> None:
        self.url = url
        self._calls = _Proxy(url, fingerprint)
        self._feed = _Proxy(url, fingerprint)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="xmlrpc")

    async def _run(self, proxy: _Proxy, method: str, params: list[Any], deadline: float) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, proxy.call, method, encodable(params), deadline)

    async def call(self, method: str, params: list[Any], deadline: float) -> Any:
        return await self._run(self._calls, method, params, deadline)

    async def records(self, session: str, cls: str, deadline: float) -> dict[str, Record]:
        def fetch() -> dict[str, Record]:
            rows = self._calls.call(f"{cls}.get_all_records", [session], deadline)
            return {ref: msgspec.convert(row, CLASSES[cls], strict=False) for ref, row in rows.items()}

        return await asyncio.get_running_loop().run_in_executor(self._threads, fetch)

    async def events(self, session: str, token: str, timeout: float) -> EventBatch:
        params = [session, list(EVENT_CLASSES), token, float(timeout)]
        answer = await self._run(self._feed, "event.from", params, timeout + 30.0)
        events = []
        for event in answer["events"]:
            cls = EVENT_CLASSES.get(event["class"])
            if cls is not None and event["operation"] == "del":
                events.append(Event(cls, event["ref"], None))
            elif cls is not None and "snapshot" in event:
                events.append(Event(cls, event["ref"], msgspec.convert(event["snapshot"], CLASSES[cls], strict=False)))
        counts = {name: int(count) for name, count in answer.get("valid_ref_counts", {}).items()}
        return EventBatch(events, answer["token"], counts)

    async def close(self) -> None:
        self._calls.close()
        self._feed.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
