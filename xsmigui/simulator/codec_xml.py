"""XML-RPC as xapi writes it: integers untagged, void as an empty string, never a fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from xsmigui.simulator.codec_json import Malformed
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.records import EventBatch, Records
from xsmigui.simulator.schema import Schema
from xsmigui.simulator.types import Date, Map, Record, Set, Type, Value

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class XmlCall:
    method: str
    params: list[Value]


def decode(body: bytes) -> XmlCall:
    """Reads a methodCall; `Malformed` for anything else."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except ParseError as error:
        line, column = error.position
        raise Malformed(f'Xmlm.Error({line}:{column + 1}, "{_reason(error)}")') from None
    except DefusedXmlException:
        raise Malformed('Xmlm.Error(1:1, "document type definitions are refused")') from None
    name = root.findtext("methodName")
    if root.tag != "methodCall" or name is None:
        raise Malformed('Xmlrpc.Parse_error("", "methodCall expected", "")')
    try:
        return XmlCall(name.strip(), [_value(param.find("value")) for param in root.iterfind("params/param")])
    except ValueError as error:
        raise Malformed(f'Failure("{error}")') from None


def _reason(error: ParseError) -> str:
    at_end = ("no element found", "unclosed token", "unclosed CDATA section")
    return "unexpected end of input" if any(text in str(error) for text in at_end) else str(error).split(":")[0]


def _value(element: Element | None) -> Value:
    if element is None:
        raise ValueError("value expected")
    if len(element) == 0:
        return element.text or ""
    inner = element[0]
    text = inner.text or ""
    match inner.tag:
        case "int" | "i4" | "i8":
            return int(text)
        case "boolean":
            return text.strip() == "1"
        case "double":
            return float(text)
        case "array":
            return [_value(v) for v in inner.iterfind("data/value")]
        case "struct":
            return {m.findtext("name") or "": _value(m.find("value")) for m in inner.iterfind("member")}
        case "nil":
            return None
        case _:  # string, dateTime.iso8601, base64: their text
            return text


def success(value: Value, kind: Type, schema: Schema) -> bytes:
    return _response(f"<value>{_struct([('Status', 'Success'), ('Value', _inner(value, kind, schema))])}</value>")


def failure(error: Failure) -> bytes:
    described = "".join(f"<value>{escape(text)}</value>" for text in error.description)
    members = [("Status", "Failure"), ("ErrorDescription", f"<array><data>{described}</data></array>")]
    return _response(f"<value>{_struct(members)}</value>")


def bare(names: list[str]) -> bytes:
    """`system.listMethods` alone answers without the envelope of status and value."""
    listed = "".join(f"<value>{escape(name)}</value>" for name in names)
    return _response(f"<value><array><data>{listed}</data></array></value>")


def _response(value: str) -> bytes:
    head = '<?xml version="1.0"?><methodResponse><params><param>'
    return f"{head}{value}</param></params></methodResponse>".encode()


def escape(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return _CONTROL.sub("", text)


def encode(value: Value, kind: Type, schema: Schema) -> str:
    """`<value>…</value>`: also the form of `task.result`."""
    return f"<value>{_inner(value, kind, schema)}</value>"


def _inner(value: Any, kind: Type, schema: Schema) -> str:
    if isinstance(value, str):
        return f"<dateTime.iso8601>{value}</dateTime.iso8601>" if isinstance(kind, Date) else escape(value)
    if isinstance(value, bool):
        return f"<boolean>{int(value)}</boolean>"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"<double>{value:.16g}</double>"
    if isinstance(value, EventBatch):
        return _batch(value, schema)
    if isinstance(value, Records):
        return _struct([(ref, _record(row, value.table.name, schema)) for ref, row in value.as_dict().items()])
    if isinstance(value, dict):
        if isinstance(kind, Record):
            return _record(value, kind.cls, schema)
        item = kind.item if isinstance(kind, Map) else kind
        return _struct([(key, _inner(v, item, schema)) for key, v in value.items()])
    if isinstance(value, list):
        item = kind.item if isinstance(kind, Set) else kind
        return f"<array><data>{''.join(encode(v, item, schema) for v in value)}</data></array>"
    raise TypeError(f"no XML-RPC value: {type(value).__name__}")


def _struct(members: list[tuple[str, str]]) -> str:
    inner = "".join(f"<member><name>{escape(k)}</name><value>{v}</value></member>" for k, v in members)
    return f"<struct>{inner}</struct>"


def _record(row: dict[str, Value], cls: str, schema: Schema) -> str:
    fields = schema.classes[cls].fields if cls in schema.classes else {}
    return _struct([(k, _inner(v, fields[k].type if k in fields else Type("string"), schema)) for k, v in row.items()])


def _batch(batch: EventBatch, schema: Schema) -> str:
    plain = Type("string")
    events = []
    for generation, cls, operation, ref, table in batch.left():
        head = {"id": str(generation), "timestamp": "0.0", "class": cls, "operation": operation, "ref": ref}
        members = [(k, escape(v)) for k, v in head.items()]
        if ref in batch.messages:
            members.append(("snapshot", _record(batch.messages[ref], "message", schema)))
        elif table is not None:
            members.append(("snapshot", _record(table.shown(ref), table.name, schema)))
        events.append(f"<value>{_struct(members)}</value>")
    # The counts are the only numbers that xapi tags (int32).
    counts = _struct([(cls, f"<i4>{count}</i4>") for cls, count in batch.counts.items()])
    listed = f"<array><data>{''.join(events)}</data></array>"
    return _struct([("events", listed), ("valid_ref_counts", counts), ("token", _inner(batch.token, plain, schema))])
