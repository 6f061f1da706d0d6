"""XML-RPC: the protocol of servers without `/jsonrpc`. Slower, and otherwise the same.

Values are written and read by the standard library, behind a parser that refuses entities and document types.
"""

import xmlrpc.client
from typing import Any, Final

import msgspec
from defusedxml.xmlrpc import DefusedExpatParser

from xsmigui.core.changes import Event
from xsmigui.core.records import CLASSES, EVENT_CLASSES, TEXT_LIMIT, Record
from xsmigui.xapi import decoding, limits
from xsmigui.xapi.channel import Body
from xsmigui.xapi.decoding import converted
from xsmigui.xapi.shapes import completed, shape_of
from xsmigui.xapi.transport import EventBatch

PIECE: Final = 64 * 1024
"""Bytes that are given to the parser at once: between two of them its limits are looked at."""


class _Event(msgspec.Struct, rename={"cls": "class"}):
    cls: str
    operation: str
    ref: str
    snapshot: dict[str, Any] | None = None


class _Batch(msgspec.Struct):
    events: list[_Event]
    token: str
    valid_ref_counts: dict[str, int] = {}


class _Answer(msgspec.Struct):
    Status: str
    Value: Any = ""
    ErrorDescription: list[Any] = []


class XmlCodec:
    """The `Codec` of XML-RPC."""

    path = "/RPC2"
    kind = "text/xml"

    def request(self, method: str, params: list[Any]) -> bytes:
        text = xmlrpc.client.dumps(tuple(encodable(params)), method, encoding="utf-8", allow_none=True)
        return text.encode("utf-8")

    def answer(self, body: Body, method: str) -> Any:
        return completed(converted(opened(body, method), shape_of(method)), method)

    def records(self, body: Body, cls: str, method: str) -> dict[str, Record]:
        record = CLASSES[cls]
        rows = opened(body, method)
        decoding.counted(rows)
        found: dict[str, Record] = converted(rows, dict[str, record])  # type: ignore[valid-type]
        return found

    def events(self, body: Body) -> EventBatch:
        answer: _Batch = converted(opened(body, "event.from"), _Batch)
        events = []
        for event in answer.events:
            cls = EVENT_CLASSES.get(event.cls)
            if cls is not None and event.operation == "del":
                events.append(Event(cls, event.ref, None))
            elif cls is not None and event.snapshot is not None:
                events.append(Event(cls, event.ref, converted(event.snapshot, CLASSES[cls])))
        return EventBatch(events, answer.token, answer.valid_ref_counts)


class _Unmarshaller(xmlrpc.client.Unmarshaller):
    """Builds the values of an answer, with a limit on how deep they nest and how long a text is."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._length = 0

    def start(self, tag: str, attrs: dict[str, str]) -> None:
        self._length = 0
        self._depth += 1
        if self._depth > limits.NESTING:
            raise ValueError(f"more than {limits.NESTING} elements inside one another")
        super().start(tag, attrs)

    def data(self, text: str) -> None:
        self._length += len(text)
        if self._length > TEXT_LIMIT:
            raise ValueError(f"a text of more than {TEXT_LIMIT:,} characters")
        super().data(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        super().end(tag)


def opened(body: Body, method: str) -> Any:
    """The plain result of an answer. Raises `ServerFailure` for an error, any other for what is no answer."""
    values = _Unmarshaller()
    parser = DefusedExpatParser(values, forbid_dtd=True)
    for start in range(0, len(body), PIECE):
        parser.feed(bytes(body[start : start + PIECE]))
    parser.close()
    (answer,) = msgspec.convert(values.close(), tuple[_Answer])
    if answer.Status != "Success":
        code, *params = answer.ErrorDescription or ["INTERNAL_ERROR"]
        raise decoding.failure(code, params, method)
    return plain(answer.Value)


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
