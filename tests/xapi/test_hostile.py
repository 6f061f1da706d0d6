"""Servers that do not play fair, over both protocols: what they send ends in an error of the wire, soon, and in little
memory."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.holding import until
from tests.xapi.hostile import HOST, METHODS, POOL, SESSION, Answers, Bytes, Error, Raw, in_json, in_xml
from tests.xapi.servers import Odd
from tests.xapi.test_feed import Listener
from xsmigui.core.failures import WIRE_ERRORS, NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.ports import Address
from xsmigui.xapi import feed, limits
from xsmigui.xapi.connection import Connection, XapiWire

WITHIN = 20.0
"""Seconds until a test gives up: hanging is what it is about."""


async def logged_in(wire: XapiWire, server: Odd) -> Connection:
    connection = await wire.login(Address(server.url), "secret", lambda _url, _shown: server.fingerprint)
    assert isinstance(connection, Connection)
    return connection


async def outcome(wire: XapiWire, answers: Answers, deadline: float = 60.0) -> BaseException | None:
    """Log in, load and follow until it ends or is fed well; what ended it."""
    async with Odd(answers.handler(), tls=False) as server, asyncio.timeout(WITHIN):
        try:
            connection = await logged_in(wire, server)
        except WIRE_ERRORS as error:
            return error
        listener = Listener()
        following = asyncio.create_task(connection.follow(listener))
        try:
            await until(lambda: following.done() or answers.asked.count("event.from") > 1)
            return following.exception() if following.done() else None
        finally:
            following.cancel()
            await asyncio.wait([following])
            await connection.logout()


def both(json: bytes, xml: bytes) -> Callable[[bool], bytes]:
    return lambda is_xml: xml if is_xml else json


DEEP = 200_000
TOO_LONG = "x" * ((1 << 20) + 1)

BODIES: dict[str, Callable[[bool], bytes]] = {
    "nothing": both(b"", b""),
    "no text": both(b"\xff\xfe\x00\x80", b"\xff\xfe\x00\x80"),
    "half a character": both(b'{"jsonrpc":"2.0","result":"\xc3","id":1}', b"<methodResponse>\xc3</methodResponse>"),
    "lone surrogate": both(b'{"jsonrpc":"2.0","result":"\\ud800","id":1}', in_xml("x").replace(b">x<", b">&#xD800;<")),
    "lone surrogate, loosely": both(b'{"jsonrpc":"2.0","result":["\\ud800",NaN],"id":1}', in_xml([b"\xff" * 9])),
    "deep": both(b'{"jsonrpc":"2.0","result":' + b"[" * DEEP + b"]" * DEEP + b',"id":1}', b"<value>" * DEEP),
    "deep without an end": both(b'{"a":' * DEEP, b"<struct><member><value>" * DEEP),
    "deep, loosely": both(b'{"jsonrpc":"2.0","result":[NaN,' + b"[" * DEEP + b"]" * DEEP + b'],"id":1}', b"<a>" * DEEP),
    "a number with many digits": both(
        b'{"jsonrpc":"2.0","result":' + b"9" * 100_000 + b',"id":1}',
        in_xml("x").replace(b"<string>x</string>", b"<int>" + b"9" * 100_000 + b"</int>"),
    ),
    "an array": both(b"[1,2,3]", b"<methodResponse><params></params></methodResponse>"),
    "no result": both(b'{"jsonrpc":"2.0","id":1}', in_xml("x").replace(b"Status", b"status")),
    "a date that is none": both(in_json({"dateTime": "x"}), in_xml("x").replace(b"string>", b"dateTime.iso8601>")),
    "bytes that are none": both(in_json(7), in_xml("x").replace(b"<string>x</string>", b"<base64>!</base64>")),
    "two answers": both(in_json("x") + in_json("x"), in_xml("x") + in_xml("x")),
    "a fault": both(b'{"error":{"message":{},"data":{"a":1}}}', b"<methodResponse><fault><value/></fault>"),
    "errors without a code": both(b'{"error":[]}', in_xml(Error("X")).replace(b"<string>X</string>", b"")),
    "entities": both(
        in_json("&lol;"),
        b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><methodResponse>&b;</methodResponse>',
    ),
    "an entity from outside": both(in_json(None), b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>'),
    "another coding": both("{}".encode("utf-16"), b'<?xml version="1.0" encoding="ebcdic-xx"?><methodResponse/>'),
    "null": both(in_json(None), in_xml(None)),
    "a number": both(in_json(5), in_xml(5)),
    "a text": both(in_json("text"), in_xml("text")),
    "numbers by number": both(in_json([1, [2], {"3": 4}]), in_xml([1, [2], {"3": 4}])),
    "a long text": both(in_json({"OpaqueRef:1": {"uuid": TOO_LONG}}), in_xml({"OpaqueRef:1": {"uuid": TOO_LONG}})),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_that_are_no_answer(wire: XapiWire, name: str) -> None:
    """Whatever decoding raises is an error of the wire; nothing else comes out of it."""
    body = BODIES[name](wire._prefer_xml)
    for method in ("session.login_with_password", "pool.get_all", "VM.get_all_records", "event.from"):
        ended = await outcome(wire, Answers(**{method.replace(".", "__"): Raw(body)}))
        plain_text = name in ("a text", "entities", "a number") and method == "session.login_with_password"
        assert isinstance(ended, NotSpeaking | ServerFailure) or plain_text, (method, ended)


SHAPES: tuple[Any, ...] = (None, 5, True, "", "x", [], [None], [5], {}, {"x": None}, {"x": {}}, {"x": [1]}, [[[]]])


@pytest.mark.parametrize("method", METHODS)
async def test_answers_of_another_shape(wire: XapiWire, method: str) -> None:
    for shape in SHAPES:
        ended = await outcome(wire, Answers(**{method.replace(".", "__"): shape}))
        assert ended is None or isinstance(ended, NotSpeaking | ServerFailure), (shape, ended)


RECORDS: tuple[Any, ...] = (
    {"uuid": None},
    {"name_label": 5},
    {"name_label": ["x"]},
    {"VBDs": "OpaqueRef:1"},
    {"VBDs": {"a": "b"}},
    {"VBDs": [None]},
    {"other_config": ["a"]},
    {"other_config": {"a": {"b": "c"}}},
    {"memory_overhead": "many"},
    {"memory_overhead": "9" * 400},
    {"is_a_template": "maybe"},
    {"name_label": TOO_LONG},
    None,
    [],
    "x",
)


@pytest.mark.parametrize("way", ["records", "events"])
async def test_records_of_another_shape(wire: XapiWire, way: str) -> None:
    for record in RECORDS:
        rows = Answers(VM__get_all_records={"OpaqueRef:1": record})
        event = {"class": "vm", "operation": "mod", "ref": "OpaqueRef:1", "snapshot": record, "id": "1"}
        events = Answers(event__from={"events": [event], "token": "2", "valid_ref_counts": {}})
        ended = await outcome(wire, rows if way == "records" else events)
        if record is None and way == "events" and wire._prefer_xml:
            assert ended is None  # as an event without a record
        else:
            assert isinstance(ended, NotSpeaking), (str(record)[:99], ended)


@pytest.mark.parametrize(
    "value", ["OpaqueRef:1", None, [], {"power_state": 5}, {"VBDs": "x"}, {"current_operations": []}]
)
async def test_a_single_record_of_another_shape(wire: XapiWire, value: Any) -> None:
    async with Odd(Answers(VM__get_record=value).handler(), tls=False) as server:
        connection = await logged_in(wire, server)
        with pytest.raises(NotSpeaking):
            await connection.call("VM.get_record", "OpaqueRef:1")
        await connection.logout()


async def test_fields_that_a_server_lacks_have_their_defaults(wire: XapiWire) -> None:
    answers = Answers(VM__get_record={"uuid": "u", "vendor_field": "kept"})
    async with Odd(answers.handler()) as server:
        connection = await logged_in(wire, server)
        record = await connection.call("VM.get_record", "OpaqueRef:1")
        assert (record["uuid"], record["vendor_field"]) == ("u", "kept")
        assert record["current_operations"] == {}
        assert record["VBDs"] == []
        await connection.logout()


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("host.migrate_receive", "x"),
        ("host.migrate_receive", {"session_id": 5}),
        ("Async.VM.migrate_send", None),
        ("Async.VM.migrate_send", ["OpaqueRef:1"]),
        ("VM.get_by_uuid", None),
        ("VDI.get_by_name_label", "OpaqueRef:1"),
        ("VDI.create", {}),
        ("host.get_name_label", 5),
        ("host.get_name_label", None),
        ("VM.get_VBDs", "OpaqueRef:1"),
        ("session.get_rbac_permissions", 7),
    ],
)
async def test_calls_that_answer_another_shape(wire: XapiWire, method: str, value: Any) -> None:
    if method == "host.get_name_label" and wire._prefer_xml and value == 5:
        pytest.skip("numbers are text in XML-RPC")
    async with Odd(Answers(**{method.replace(".", "__"): value}).handler(), tls=False) as server:
        connection = await logged_in(wire, server)
        with pytest.raises(NotSpeaking):
            await connection.call(method, "OpaqueRef:1")
        await connection.logout()


# HTTP.

FINE = b"HTTP/1.1 200 OK\r\n"
LOGIN = in_json("OpaqueRef:1"), in_xml("OpaqueRef:1")
MANY = b"".join(b"X-%d: y\r\n" % n for n in range(100_000))

TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "no HTTP": lambda body: b"hello\r\n\r\n" + body,
    "binary": lambda body: bytes(range(256)) * 20,
    "no head at all": lambda body: body,
    "a length that is too great": lambda body: FINE + b"Content-Length: %d\r\n\r\n" % (len(body) + 10) + body,
    "a length that is too small": lambda body: FINE + b"Content-Length: %d\r\n\r\n" % (len(body) - 5) + body,
    "two lengths": lambda body: FINE + b"Content-Length: 3\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
    "a negative length": lambda body: FINE + b"Content-Length: -1\r\n\r\n" + body,
    "a length without end": lambda body: FINE + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + body,
    "length and chunks": lambda body: FINE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks of a wrong size": lambda body: FINE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
    "a chunk of great size": lambda body: FINE + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + body,
    "chunks that break off": lambda body: FINE + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + body[:5],
    "a chunk's long remark": lambda body: FINE + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000,
    "many heads": lambda body: FINE + MANY + b"\r\n" + body,
    "a long head": lambda body: FINE + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n" + body,
    "a head without a name": lambda body: FINE + b": y\r\n\r\n" + body,
    "controls in a head": lambda body: FINE + b"X: \x00\x1b[31m\r\n\r\n" + body,
    "a long reason": lambda body: b"HTTP/1.1 500 " + b"\x1b[31mx" * 900 + b"\r\nContent-Length: 0\r\n\r\n",
    "a redirect": lambda body: b"HTTP/1.1 307 Go\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no content": lambda body: b"HTTP/1.1 204 No Content\r\n\r\n",
    "an upgrade": lambda body: b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + body,
    "an unknown version": lambda body: b"HTTP/9.9 200 OK\r\n\r\n" + body,
    "an unknown coding": lambda body: FINE + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
    "gzip that is none": lambda body: FINE + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "gzip that breaks off": lambda body: (
        FINE + b"Content-Encoding: gzip\r\nContent-Length: 15\r\n\r\n" + gzip.compress(body)[:15]
    ),
}


@pytest.mark.parametrize("name", TRICKS)
async def test_tricks_with_http(wire: XapiWire, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xsmigui.xapi.connection.LOGIN_DEADLINE", 0.5)
    answers = Answers(session__login_with_password=Bytes(TRICKS[name](LOGIN[wire._prefer_xml])))
    async with Odd(once(answers)) as server, asyncio.timeout(WITHIN):
        with pytest.raises((NotSpeaking, Unreachable)) as caught:
            await logged_in(wire, server)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 1000


def once(answers: Answers) -> Callable[[bytes], Any]:
    """Answers, and closes the connection after `Bytes`."""
    ended = False

    async def answer(request: bytes) -> bytes | None:
        nonlocal ended
        if ended:
            return None
        ended = isinstance(answers["session.login_with_password"], Bytes)
        return answers.answer(request)

    return answer


async def test_ordinary_gzip_is_read(wire: XapiWire) -> None:
    body = gzip.compress(LOGIN[wire._prefer_xml])
    answers = Answers(session__login_with_password=Raw(body, "Content-Encoding: gzip\r\n"))
    async with Odd(answers.handler()) as server:
        connection = await logged_in(wire, server)
        await connection.logout()


@pytest.mark.parametrize(
    ("method", "most"), [("session.login_with_password", limits.CALL), ("VM.get_all_records", limits.LOAD)]
)
async def test_a_bomb_is_not_inflated_beyond_the_limit(
    wire: XapiWire, method: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte that would become a gigabyte; the limits are lowered, since memory is watched at a price."""
    monkeypatch.setattr(limits, "CALL", 4 << 20)
    monkeypatch.setattr(limits, "LOAD", 8 << 20)
    body = gzip.compress(b"[" * (1 << 29), 1)
    assert len(body) < 4 << 20
    answers = Answers(**{method.replace(".", "__"): Raw(body, "Content-Encoding: gzip\r\n")})
    tracemalloc.start()
    try:
        ended = await outcome(wire, answers)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(ended, NotSpeaking)
    assert peak < 64 << 20
    assert most >= 1 << 24


class Dripping:
    """Sends something small again and again, for ever, as an answer to one method."""

    def __init__(self, method: str, first: bytes, drop: bytes, pause: float = 0.02) -> None:
        self.method, self.first, self.drop, self.pause = method, first, drop, pause
        self.answers = Answers()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:"))
                request = head + await reader.readexactly(length)
                if self.method.encode() not in request:
                    writer.write(self.answers.answer(request))
                    await writer.drain()
                    continue
                writer.write(self.first)
                while True:
                    writer.write(self.drop)
                    await writer.drain()
                    await asyncio.sleep(self.pause)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


@pytest.mark.parametrize(
    ("first", "drop", "pause"),
    [
        (FINE + b"Content-Length: 1000000\r\n\r\n", b" ", 0.02),
        (FINE + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.02),
        (FINE, b"X-More: yes\r\n", 0.02),
        (b"", b"H", 0.02),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1000, 0.0),
    ],
    ids=["length", "chunks", "heads", "status line", "continue", "storm of hints"],
)
async def test_the_deadline_is_for_the_whole_call_and_others_go_on(
    wire: XapiWire, first: bytes, drop: bytes, pause: float
) -> None:
    dripping = Dripping("VM.get_record", first, drop, pause)
    server = await asyncio.start_server(dripping.accept, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connection = await wire.login(Address(url), "secret", lambda _url, _shown: None)
        async with asyncio.timeout(WITHIN):
            slow = [asyncio.ensure_future(connection.call("VM.get_record", "x", deadline=1.5)) for _n in range(3)]
            while len(dripping.answers.asked) < 5:
                assert await connection.call("pool.get_all") == [POOL]  # meanwhile
            for ended in await asyncio.gather(*slow, return_exceptions=True):
                # Heads without an end meet the library's own limit first.
                assert isinstance(ended, Unreachable | NotSpeaking), ended
        await connection.logout()


# Events.


async def test_a_server_that_answers_at_once_is_not_asked_at_once(wire: XapiWire) -> None:
    """Empty answers: a few, then less and less often."""
    answers = Answers()
    async with Odd(answers.handler()) as server:
        connection = await logged_in(wire, server)
        following = asyncio.create_task(connection.follow(Listener()))
        await until(lambda: answers.asked.count("event.from") > 4)
        await asyncio.sleep(1.0)
        assert answers.asked.count("event.from") < 12
        following.cancel()
        await asyncio.wait([following])
        await connection.logout()


def test_the_pace_of_questions() -> None:
    """A burst at once, then at most twenty a second; a server that says nothing at once is asked every five seconds."""
    pace, now, asked = feed.Pace(), 1000.0, 0
    while now < 1010.0:
        asked += 1
        now += 0.001 + pace.pause(now, empty=False)
    assert feed.BURST <= asked <= feed.BURST + 10 / feed.SPACING + 1
    quiet, now, asked = feed.Pace(), 1000.0, 0
    while now < 1060.0:
        asked += 1
        now += 0.001 + quiet.pause(now, empty=True)
    assert asked < 25
    honest, now = feed.Pace(), 1000.0
    for _question in range(100):
        assert honest.pause(now, empty=True) == 0
        now += feed.POLL_S


async def test_a_flood_of_objects_ends(wire: XapiWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROWS", 1000)
    number = 0

    def flood() -> Any:
        nonlocal number
        number += 1
        rows = [
            {"class": "vm", "operation": "add", "ref": f"OpaqueRef:{number}-{n}", "snapshot": {"uuid": "u"}, "id": "1"}
            for n in range(300)
        ]
        return {"events": rows, "token": "1", "valid_ref_counts": {}}

    async with Odd(Answers(event__from=flood).handler()) as server, asyncio.timeout(WITHIN):
        connection = await logged_in(wire, server)
        with pytest.raises(NotSpeaking, match="rows of VM"):
            await connection.follow(Listener())
        await connection.logout()


async def test_too_many_objects_of_a_class(wire: XapiWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROWS", 1000)
    rows = {f"OpaqueRef:{n}": {} for n in range(1001)}
    assert isinstance(await outcome(wire, Answers(VDI__get_all_records=rows)), NotSpeaking)


async def test_counts_that_never_agree_do_not_load_the_pool_again_and_again(wire: XapiWire) -> None:
    event = {"class": "host", "operation": "mod", "ref": HOST, "snapshot": {"uuid": "host-uuid"}, "id": "1"}
    answers = Answers(event__from={"events": [event], "token": "1", "valid_ref_counts": {"vm": 7, "host": 10**9}})
    async with Odd(answers.handler()) as server, asyncio.timeout(WITHIN):
        connection = await logged_in(wire, server)
        following = asyncio.create_task(connection.follow(Listener()))
        await until(lambda: answers.asked.count("event.from") > 35)
        assert answers.asked.count("VM.get_all_records") < 7
        following.cancel()
        await asyncio.wait([following])
        await connection.logout()


async def test_an_error_of_any_length_is_cut(wire: XapiWire) -> None:
    answers = Answers(pool__get_all=Error("X" * 100_000, tuple("y" * 100_000 for _n in range(100))))
    ended = await outcome(wire, answers)
    assert isinstance(ended, ServerFailure)
    assert len(ended.code) == limits.PARAMETER
    assert len(ended.params) == limits.PARAMETERS
    assert max(map(len, ended.params)) == limits.PARAMETER


# Secrets that come back.


@pytest.mark.parametrize("way", ["call", "task event", "task record", "reason", "number"])
async def test_a_server_that_repeats_what_it_was_sent(wire: XapiWire, way: str) -> None:
    """The password and the session are in no error, however they come back."""
    said = ("hunter2", f"your password hunter2 and session {SESSION}", SESSION)
    task = {"uuid": "u", "status": "failure", "error_info": ["INTERNAL_ERROR", *said]}
    event = {"class": "task", "operation": "mod", "ref": "OpaqueRef:1", "snapshot": task, "id": "1"}
    answers = Answers(
        VM__start=Error("INTERNAL_ERROR", said),
        task__get_record=task,
        VM__get_uuid=Bytes(b"HTTP/1.1 500 hunter2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        VM__get_VCPUs_max=Raw(
            in_xml("x").replace(b"<string>x</string>", b"<int>hunter2</int>") if wire._prefer_xml else b"hunter2"
        ),
        event__from={"events": [event], "token": "1", "valid_ref_counts": {}},
        task__get_all_records={"OpaqueRef:1": task},
    )
    async with Odd(answers.handler(), tls=False) as server, asyncio.timeout(WITHIN):
        connection = await wire.login(Address(server.url), "hunter2", lambda _url, _shown: None)
        assert isinstance(connection, Connection)
        if way in ("task event", "task record"):
            if way == "task event":
                answers.special["task.get_all_records"] = {}
            listener = Listener()
            following = asyncio.create_task(connection.follow(listener))
            await until(lambda: listener.inventory and listener.inventory.task)
            assert listener.inventory is not None
            shown = " ".join(listener.inventory.task["OpaqueRef:1"].error_info)  # type: ignore[index]
            following.cancel()
            await asyncio.wait([following])
        else:
            method = {"call": "VM.start", "reason": "VM.get_uuid", "number": "VM.get_VCPUs_max"}[way]
            with pytest.raises(WIRE_ERRORS) as caught:
                await connection.call(method, "OpaqueRef:1")
            shown = f"{caught.value!r} {caught.value}"
        assert "hunter2" not in shown
        assert "5e551011" not in shown
        await connection.logout()
