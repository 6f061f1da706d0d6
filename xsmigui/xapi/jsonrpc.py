"""JSON-RPC 2.0: the protocol of every server that has `/jsonrpc` (XenServer 7.3 and later)."""

import itertools
from typing import Any

import msgspec

from xsmigui.core.changes import Event
from xsmigui.core.records import CLASSES, EVENT_CLASSES, Record
from xsmigui.xapi import envelope
from xsmigui.xapi.channel import Body
from xsmigui.xapi.shapes import completed, shape_of
from xsmigui.xapi.transport import EventBatch


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


class JsonCodec:
    """The `Codec` of JSON-RPC."""

    path = "/jsonrpc"
    kind = "application/json"

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def request(self, method: str, params: list[Any]) -> bytes:
        return envelope.request(method, params, next(self._numbers))

    def answer(self, body: Body, method: str) -> Any:
        return completed(envelope.typed(envelope.opened(body, method), shape_of(method)), method)

    def records(self, body: Body, cls: str, method: str) -> dict[str, Record]:
        return envelope.decode_records(body, CLASSES[cls], method)

    def events(self, body: Body) -> EventBatch:
        raw: RawBatch = envelope.typed(envelope.opened(body, "event.from"), RawBatch)
        events = []
        for event in raw.events:
            cls = EVENT_CLASSES.get(event.cls)
            if cls is None:
                continue
            if event.operation == "del":
                events.append(Event(cls, event.ref, None))
            elif not isinstance(event.snapshot, msgspec.UnsetType):
                events.append(Event(cls, event.ref, envelope.typed(event.snapshot, CLASSES[cls])))
        return EventBatch(events, raw.token, raw.valid_ref_counts)
