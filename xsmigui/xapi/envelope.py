"""JSON-RPC envelopes and typed decoding in slices.

The interpreter holds its lock while a body is decoded, so one big body would freeze the window (measured: 1.4 s
for a pool of 5,000 VMs). Bodies are therefore cut between records into pieces of some 256 KB. The cut is safe:
an unescaped quote cannot stand inside a JSON string, no field of the schema is a map from references to objects, and
xapi writes compact JSON (seen on 24.10). Where the pattern is missing the body is decoded in one piece.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from xsmigui.core.failures import ServerFailure
from xsmigui.core.records import Record
from xsmigui.xapi import decoding, limits
from xsmigui.xapi.channel import Body

SLICE: Final = 256 * 1024
BOUNDARY: Final = b'},"OpaqueRef:'
HEAD: Final = b'{"jsonrpc":"2.0","result":{'

R = TypeVar("R", bound=Record)


class Envelope(msgspec.Struct):
    """An answer; `error` is an object in version 2.0 and a bare array where xapi fails before dispatch."""

    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Any = None


_envelope: Final = msgspec.json.Decoder(Envelope)


def request(method: str, params: list[Any], number: int) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params, "id": number})


def opened(body: Body, method: str) -> msgspec.Raw:
    """The raw result of an answer. Raises `ServerFailure` for an error, any other for what is no answer."""
    if len(body) > limits.ONE_PIECE:
        raise ValueError(f"more than {limits.ONE_PIECE >> 20} MB in a form that is not xapi's")
    try:
        envelope = _envelope.decode(body)
    except msgspec.DecodeError:  # xapi writes NaN and Infinity as bare words, which are no JSON
        loose = json.loads(body)
        envelope = Envelope(msgspec.Raw(msgspec.json.encode(_finite(loose["result"]))), loose.get("error"))
    if envelope.error is not None:
        raise failure(envelope.error, method)
    if isinstance(envelope.result, msgspec.UnsetType):
        raise ValueError("neither a result nor an error")
    return envelope.result


def _finite(value: Any) -> Any:
    """The value with numbers that JSON cannot say replaced by null."""
    if isinstance(value, float) and value - value != 0.0:
        return None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value


def failure(error: Any, method: str) -> ServerFailure:
    """The error of either envelope as a value."""
    if isinstance(error, dict):
        data = error.get("data")
        params = data if isinstance(data, list) else [] if data is None else [data]
        return decoding.failure(error.get("message", ""), params, method)
    if isinstance(error, list) and error:
        return decoding.failure(error[0], error[1:], method)
    return decoding.failure("INTERNAL_ERROR", [error], method)


def slices(body: Body) -> Iterator[bytes] | None:
    """The answer of `get_all_records` as JSON objects of some 256 KB each; None if it has not the usual form."""
    end = body.rfind(b'},"id":')
    if not body.startswith(HEAD) or end < 0:
        return None
    return _cut(body, len(HEAD), end)


def _cut(body: Body, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        cut = body.find(BOUNDARY, start + SLICE, end)
        stop = end if cut < 0 else cut + 1
        yield b"".join((b"{", body[start:stop], b"}"))
        start = stop + 1


def decode_records(body: Body, record: type[R], method: str) -> dict[str, R]:
    """The records of one class by reference, from the answer of `get_all_records`. Made for a worker thread.

    A piece with an odd record in it (numbers as text, NaN) is decoded leniently, the others are not.
    """
    found: dict[str, R] = {}
    if len(body) > SLICE and (pieces := slices(body)) is not None:
        decoder = msgspec.json.Decoder(dict[str, record])  # type: ignore[valid-type]
        try:
            for piece in pieces:
                try:
                    found.update(decoder.decode(piece))
                except msgspec.DecodeError:
                    found.update(typed(_loose(piece), dict[str, record]))  # type: ignore[valid-type]
                decoding.counted(found)
            return found
        except (msgspec.DecodeError, ValueError):
            if len(body) > limits.ONE_PIECE:
                raise
    found = typed(opened(body, method), dict[str, record])  # type: ignore[valid-type]
    decoding.counted(found)
    return found


def _loose(piece: bytes) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(_finite(json.loads(piece))))


def typed(raw: msgspec.Raw, type_: Any) -> Any:
    """Decode strictly; where numbers come as text (as in XML-RPC), leniently. Raises `DecodeError` where that fails
    too."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError:
        return msgspec.json.decode(raw, type=type_, strict=False)
