"""JSON-RPC 1.0 and 2.0 as xapi writes them: compact, members in the schema's order."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from xsmigui.simulator.failures import Failure
from xsmigui.simulator.records import EventBatch, Records
from xsmigui.simulator.types import Value, readable


def _raw(value: Any) -> msgspec.Raw:
    if isinstance(value, Records | EventBatch):
        return msgspec.Raw(value.as_json())
    raise TypeError(f"no JSON value: {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_raw)


class Malformed(Exception):
    """A body that is no call: HTTP 500 with this text (xapi: Yojson.Json_error, Jsonrpc.Malformed_method_request)."""


@dataclass(frozen=True, slots=True)
class JsonCall:
    method: str
    params: list[Value]
    id: int | str
    version: str  # "1.0" or "2.0"


def decode(body: bytes) -> JsonCall:
    """Reads a call; raises `Malformed` for batches, notifications and anything else that is none."""
    try:
        request = json.loads(body.decode("utf-8", "surrogateescape"))  # Yojson lets bytes through as they are
    except ValueError as error:
        raise Malformed(_yojson(error, body)) from None
    if not isinstance(request, dict):
        raise Malformed('Jsonrpc.Malformed_method_request("Invalid request body")')
    version = request.get("jsonrpc", "1.0")
    if "jsonrpc" in request and version != "2.0":
        raise _invalid("jsonrpc")
    method = request.get("method")
    if not isinstance(method, str):
        raise _invalid("method")
    identity = request.get("id")
    if isinstance(identity, bool) or not isinstance(identity, int | str):
        raise _invalid("id")
    params = request.get("params")
    if isinstance(params, dict):
        params = [params]
    if params is None and version == "2.0":
        params = []
    if not isinstance(params, list):
        raise _invalid("params")
    return JsonCall(readable(method), params, readable(identity) if isinstance(identity, str) else identity, version)


def _invalid(field: str) -> Malformed:
    return Malformed(f"Jsonrpc.Malformed_method_request(\"Invalid field '{field}' in request body\")")


def _yojson(error: ValueError, body: bytes) -> str:
    if isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip()):
        size = len(body)
        return f'Yojson.Json_error("Line 1, bytes {size}-{size + 1}:\\nUnexpected end of input")'
    position = error.pos if isinstance(error, json.JSONDecodeError) else 0
    return f'Yojson.Json_error("Line 1, bytes {position}-{position + 1}:\\nInvalid token")'


def success(call: JsonCall, value: Value) -> bytes:
    if call.version == "2.0":
        return encode({"jsonrpc": "2.0", "result": value, "id": call.id})
    return encode({"result": value, "error": None, "id": call.id})


def failure(call: JsonCall, error: Failure) -> bytes:
    if call.version == "2.0":
        described = {"code": 1, "message": error.code, "data": error.params}
        return encode({"jsonrpc": "2.0", "error": described, "id": call.id})
    return encode({"result": None, "error": error.description, "id": call.id})


def encode(value: Any) -> bytes:
    """Compact UTF-8; infinities and NaN as the bare words that Yojson writes."""
    if _has_odd_float(value):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()
    return _encoder.encode(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Records | EventBatch):
        return value.as_dict()
    raise TypeError(type(value))


def _has_odd_float(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(_has_odd_float(v) for v in value.values())
    if isinstance(value, list):
        return any(_has_odd_float(v) for v in value)
    return False
