"""Envelopes in all their forms, and decoding in slices."""

import json
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsmigui.core.failures import NotSpeaking, ServerFailure
from xsmigui.core.records import VM, Record, Task
from xsmigui.xapi import envelope
from xsmigui.xapi.decoding import decoding

URL = "https://x"
R = TypeVar("R", bound=Record)


def opened(body: bytes, method: str = "m") -> msgspec.Raw:
    with decoding(URL, method):
        return envelope.opened(body, method)


def rows_of(body: bytes, record: type[R]) -> dict[str, R]:
    with decoding(URL, "m"):
        return envelope.decode_records(body, record, "m")


def answer(result: Any) -> bytes:
    """As xapi writes it: compact, jsonrpc first, id last."""
    return json.dumps({"jsonrpc": "2.0", "result": result, "id": 7}, separators=(",", ":")).encode()


def test_results() -> None:
    assert msgspec.json.decode(opened(answer({"a": 1}))) == {"a": 1}
    assert msgspec.json.decode(opened(b'{"result":"x","error":null,"id":1}')) == "x"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": 1, "message": "HANDLE_INVALID", "data": ["VM", "x"]}, ("HANDLE_INVALID", ("VM", "x"))),
        ({"code": 1, "message": "X", "data": []}, ("X", ())),
        ({"code": 1, "message": "X"}, ("X", ())),
        ({"code": 1, "message": "X", "data": "text"}, ("X", ("text",))),
        (["HOST_STILL_BOOTING"], ("HOST_STILL_BOOTING", ())),
        (["A", "b", 3], ("A", ("b", "3"))),
        ([], ("INTERNAL_ERROR", ("[]",))),
        ("odd", ("INTERNAL_ERROR", ("odd",))),
    ],
)
def test_errors(error: Any, expected: tuple[str, tuple[str, ...]]) -> None:
    body = json.dumps({"jsonrpc": "2.0", "error": error, "id": 0}).encode()
    with pytest.raises(ServerFailure) as caught:
        opened(body, "VM.start")
    assert (caught.value.code, caught.value.params) == expected
    assert caught.value.call == "VM.start"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"[1,", b"1", b'"x"', b"\xff", b"null", b"{"])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotSpeaking) as caught:
        opened(body)
    assert caught.value.status == 200


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_json_cannot_say(word: bytes) -> None:
    body = b'{"jsonrpc":"2.0","result":{"a":' + word + b',"b":[' + word + b',1.5],"c":"x"},"id":1}'
    assert msgspec.json.decode(opened(body)) == {"a": None, "b": [None, 1.5], "c": "x"}


def test_an_error_beside_such_numbers_is_still_an_error() -> None:
    with pytest.raises(ServerFailure):
        opened(b'{"result":NaN,"error":["X"],"id":1}')


def test_numbers_as_text_are_taken_leniently() -> None:
    rows = rows_of(answer({"OpaqueRef:1": {"progress": "0.5", "status": "pending"}}), Task)
    assert rows["OpaqueRef:1"].progress == 0.5


def test_rows_that_cannot_be_read_are_no_answer() -> None:
    with pytest.raises(NotSpeaking, match="status"):
        rows_of(answer({"OpaqueRef:1": {"status": 5}}), Task)


NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(
    ['},"OpaqueRef:', '},"id":1}', '{"jsonrpc":"2.0","result":{', '"', "\\", '\\"},\\"OpaqueRef:', "}}}}"]
)
MAPS = st.dictionaries(NAMES, NAMES, max_size=3)
ROWS = st.fixed_dictionaries({"uuid": NAMES, "name_label": NAMES, "other_config": MAPS, "current_operations": MAPS})
TABLES = st.dictionaries(st.uuids().map(lambda u: f"OpaqueRef:{u}"), ROWS, max_size=30)


@settings(max_examples=150, deadline=None)
@given(TABLES, st.integers(1, 3000))
def test_slices_hold_everything_once(table: dict[str, Any], size: int) -> None:
    """Whatever stands in the strings, and wherever the cuts fall: the slices together are the whole."""
    body = answer(table)
    before = envelope.SLICE
    envelope.SLICE = size  # type: ignore[misc]
    try:
        pieces = list(envelope.slices(body) or ())
        whole: dict[str, Any] = {}
        for piece in pieces:
            part = json.loads(piece)
            assert not whole.keys() & part.keys()
            whole |= part
        if table:
            assert whole == table
        decoded = rows_of(body, VM)
        assert decoded.keys() == table.keys()
        assert all(decoded[ref].other_config == row["other_config"] for ref, row in table.items())
        assert all(decoded[ref].name_label == row["name_label"] for ref, row in table.items())
    finally:
        envelope.SLICE = before  # type: ignore[misc]


def test_a_large_body_is_cut_into_pieces_of_some_size() -> None:
    table = {f"OpaqueRef:{n:08}": {"uuid": str(n), "name_label": "n" * 400} for n in range(5000)}
    body = answer(table)
    pieces = list(envelope.slices(body) or ())
    assert len(pieces) == pytest.approx(len(body) / envelope.SLICE, abs=2)
    assert max(map(len, pieces)) < envelope.SLICE + 1000
    assert len(rows_of(body, VM)) == 5000


def large(**more: Any) -> dict[str, Any]:
    return {f"OpaqueRef:{n:08}": {"uuid": str(n), "name_label": "n" * 400, **more} for n in range(1000)}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"jsonrpc": "2.0", "result": large(), "id": 7}).encode(),  # with blanks
        json.dumps({"result": large(), "error": None, "id": 7}, separators=(",", ":")).encode(),  # version 1.0
        json.dumps({"jsonrpc": "2.0", "id": 7, "result": large()}, separators=(",", ":")).encode(),  # id before it
        answer(large(memory_target="5")),  # numbers as text
        answer(large(odd={"OpaqueRef:1": {}, "OpaqueRef:2": {}})),  # objects by references: the cut falls inside
    ],
    ids=["blanks", "version 1", "id first", "text", "nested"],
)
def test_odd_forms_are_decoded_in_one_piece(body: bytes) -> None:
    assert len(body) > envelope.SLICE
    rows = rows_of(body, VM)
    assert len(rows) == 1000
    assert rows["OpaqueRef:00000999"].name_label == "n" * 400


def test_nan_in_a_large_body() -> None:
    body = answer(large(progress=0.5)).replace(b"0.5", b"NaN", 1)
    rows = rows_of(body, VM)
    assert len(rows) == 1000


def test_an_error_in_a_large_body() -> None:
    body = json.dumps({"jsonrpc": "2.0", "error": {"message": "X", "data": ["y" * 300_000]}, "id": 1}).encode()
    with pytest.raises(ServerFailure):
        rows_of(body, VM)


SPECS = {
    "rpc_error_09": ({"jsonrpc": "2.0", "id": 7, "error": {"code": "x", "message": 5, "data": None}}, ServerFailure),
    "xapi_error_13": ({"jsonrpc": "2.0", "id": 7, "error": {"code": 1, "message": "X", "data": "text"}}, ServerFailure),
    "session_login_01": ({"jsonrpc": "2.0", "id": 7, "result": "OpaqueRef:x"}, "OpaqueRef:x"),
    "vm_migrate_send_05": ({"jsonrpc": "2.0", "id": 7, "result": "OpaqueRef:vm"}, "OpaqueRef:vm"),
    "vm_get_snapshot_time_07": ({"jsonrpc": "2.0", "id": 7, "result": "20240420T12:00:00Z"}, "20240420T12:00:00Z"),
    "vm_query_data_source_08": ({"jsonrpc": "2.0", "id": 7, "result": "NaN"}, "NaN"),
    "async_vm_import_12": ({"jsonrpc": "2.0", "id": 7, "result": "OpaqueRef:task"}, "OpaqueRef:task"),
}  # fmt: skip
"""Answers of the servers that the vendor's client libraries are tested with (sdk-gen/component-test)."""


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"10.9-{s}")
def test_answers_of_the_vendors_component_tests(spec: str) -> None:
    answered, expected = SPECS[spec]
    body = json.dumps(answered).encode()
    if expected is ServerFailure:
        with pytest.raises(ServerFailure) as caught:
            opened(body)
        assert caught.value.code
        return
    assert msgspec.json.decode(opened(body)) == expected


def test_10_9_http_error_10() -> None:
    with pytest.raises(NotSpeaking) as caught:
        opened(b"Internal Server Error")
    assert caught.value.url == URL


@pytest.mark.parametrize("date", ["20240420T12:00:00", "20240420T12:00:00Z", "2024-04-20T12:00:00Z", "1627478400."])
def test_10_9_vm_special_value_13(date: str) -> None:
    """Dates in all their forms, and floats that are words, do not keep a VM from being read."""
    body = answer({"OpaqueRef:1": {"name_label": "a", "snapshot_time": date}})
    body = body.replace(b'"name_label":"a"', b'"name_label":"a","memory_target":Infinity')
    rows = rows_of(body, VM)
    assert rows["OpaqueRef:1"].name_label == "a"
