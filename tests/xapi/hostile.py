"""A server that speaks the API well until a test wants otherwise: both protocols, answers made by the test.

`Answers` decides by the method what comes back: a plain value, a `Raw` body, or `Bytes` of the whole HTTP answer.
"""

from __future__ import annotations

import json
import re
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.xapi.servers import Handler
from xsmigui.core.records import CLASSES

POOL: Final = "OpaqueRef:00000000-0000-0000-0000-00000000000a"
HOST: Final = "OpaqueRef:00000000-0000-0000-0000-00000000000b"
SESSION: Final = "OpaqueRef:5e551011-0000-0000-0000-00000000000c"


@dataclass(frozen=True)
class Raw:
    """A body as it is, in a proper HTTP answer; `head` are more lines of its head."""

    body: bytes
    head: str = ""


@dataclass(frozen=True)
class Bytes:
    """Everything that is sent, head included; the connection ends after it."""

    all: bytes


@dataclass(frozen=True)
class Error:
    """An error of the API."""

    code: str
    params: tuple[str, ...] = ()


Answer = Callable[[list[Any]], Any]

ROWS: Final[dict[str, dict[str, Any]]] = {
    "pool": {POOL: {"uuid": "pool-uuid", "name_label": "Evil", "master": HOST}},
    "host": {HOST: {"uuid": "host-uuid", "name_label": "evil-01", "address": "10.0.0.1", "enabled": True}},
}


class Answers:
    """What the server answers by method; the usual where a test says nothing."""

    def __init__(self, **special: Any) -> None:
        self.special: dict[str, Any] = {name.replace("__", "."): value for name, value in special.items()}
        self.asked: list[str] = []

    def __getitem__(self, method: str) -> Any:
        return self.special.get(method, self._usual(method))

    def _usual(self, method: str) -> Any:
        if method == "event.from":
            return {"events": [], "token": "1", "valid_ref_counts": {}}
        if method.endswith(".get_all_records"):
            return ROWS.get(method.split(".")[0], {})
        usual: dict[str, Any] = {
            "session.login_with_password": SESSION,
            "session.logout": "",
            "session.get_is_local_superuser": True,
            "pool.get_all": [POOL],
            "event.inject": "1",
        }
        return usual.get(method, Error("MESSAGE_METHOD_UNKNOWN", (method,)))

    def handler(self) -> Handler:
        async def answer(request: bytes) -> bytes:
            return self.answer(request)

        return answer

    def answer(self, request: bytes) -> bytes:
        """The HTTP answer to a request of either protocol."""
        is_json = request.startswith(b"POST /jsonrpc")
        found = re.search(rb'"method":"([^"]+)"' if is_json else rb"<methodName>([^<]+)<", request)
        assert found is not None
        method = found.group(1).decode()
        self.asked.append(method)
        value = self[method]
        if callable(value):
            value = value()
        if isinstance(value, Bytes):
            return value.all
        if not isinstance(value, Raw):
            value = Raw(in_json(value) if is_json else in_xml(value))
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(value.body), value.head.encode(), value.body)


def in_json(value: Any) -> bytes:
    if isinstance(value, Error):
        error = {"code": 1, "message": value.code, "data": list(value.params)}
        return json.dumps({"jsonrpc": "2.0", "error": error, "id": 1}, separators=(",", ":")).encode()
    return json.dumps({"jsonrpc": "2.0", "result": value, "id": 1}, separators=(",", ":")).encode()


def in_xml(value: Any) -> bytes:
    answer: dict[str, Any] = {"Status": "Success", "Value": value}
    if isinstance(value, Error):
        answer = {"Status": "Failure", "ErrorDescription": [value.code, *value.params]}
    return xmlrpc.client.dumps((answer,), methodresponse=True, allow_none=True).encode()


METHODS: Final = (
    "pool.get_all",
    "event.inject",
    "event.from",
    *(f"{cls}.get_all_records" for cls in CLASSES),
)
"""What is asked while a pool is loaded and followed."""
