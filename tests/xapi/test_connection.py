"""Login, calls and errors over both transports, against simulated pools and odd servers, over sockets and TLS."""

import asyncio
import logging
import socket
import threading

import pytest

from tests.holding import until
from tests.proxy import Proxy
from tests.simulated import Simulated
from tests.xapi.conftest import Login
from tests.xapi.servers import Odd, saying, silent
from xsmigui.core.failures import (
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ServerFailure,
    SessionLost,
    Unreachable,
)
from xsmigui.core.ports import Address
from xsmigui.xapi import tls
from xsmigui.xapi.connection import XapiWire
from xsmigui.xapi.transport import CONNECTIONS

OTHER = ":".join(["ab"] * 32)


async def test_login_and_calls(shared_site: Simulated, login: Login) -> None:
    pool = shared_site["Madrid"]
    connection = await login(pool)
    assert connection.url == pool.url
    assert connection.fingerprint == pool.fingerprint
    (ref,) = await connection.call("pool.get_all")
    assert await connection.call("pool.get_name_label", ref) == "Madrid"
    record = await connection.call("pool.get_record", ref)
    assert record["name_label"] == "Madrid"
    assert record["ha_enabled"] is False


async def test_values_of_every_kind_go_there_and_come_back(site: Simulated, login: Login) -> None:
    connection = await login(site["Madrid"])
    vm = (await connection.call("VM.get_by_name_label", "intranet-old"))[0]  # halted: its memory may be changed
    text = 'líneas "y" <más> & 漢字'
    await connection.call("VM.set_name_description", vm, text)
    await connection.call("VM.set_other_config", vm, {"a": "1", "b": text})
    await connection.call("VM.set_tags", vm, ("x", "y"))
    await connection.call("VM.set_memory_limits", vm, 1 << 30, 1 << 30, 1 << 30, 1 << 30)
    record = await connection.call("VM.get_record", vm)
    assert record["name_description"] == text
    assert record["other_config"]["b"] == text
    assert sorted(record["tags"]) == ["x", "y"]
    assert int(record["memory_static_max"]) == 1 << 30


async def test_wrong_password(shared_site: Simulated, wire: XapiWire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pool = shared_site["Madrid"]
    with pytest.raises(ServerFailure) as caught:
        await wire.login(Address(pool.url), "hunter2", lambda _url, _shown: pool.fingerprint)
    assert caught.value.code == "SESSION_AUTHENTICATION_FAILED"
    assert caught.value.params[0] == "root"
    assert caught.value.call == "session.login_with_password"
    assert "hunter2" not in caplog.text + repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("trusted", [None, OTHER], ids=["unknown", "changed"])
async def test_no_byte_of_http_leaves_before_the_certificate_is_decided_on(wire: XapiWire, trusted: str | None) -> None:
    async with Odd(saying("200 OK", b"")) as server:
        with pytest.raises((CertificateUnknown, CertificateChanged)) as caught:
            await wire.login(Address(server.url), "hunter2", lambda _url, _shown: trusted)
        assert server.received == b""
        assert server.handshakes >= 1
    assert caught.value.fingerprint == server.fingerprint
    if trusted:
        assert isinstance(caught.value, CertificateChanged)
        assert caught.value.trusted == OTHER


async def test_a_certificate_that_changes_after_the_look_at_it_gets_no_password(
    wire: XapiWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that carries the password has the pinned certificate itself."""

    async def looked(_url: str, _proxy: object) -> tls.Shown:
        return tls.Shown(OTHER)

    monkeypatch.setattr(tls, "look_at", looked)
    async with Odd(saying("200 OK", b"")) as server:
        with pytest.raises(CertificateChanged) as caught:
            await wire.login(Address(server.url), "hunter2", lambda _url, _shown: OTHER)
        assert server.received == b""
    assert caught.value.fingerprint == server.fingerprint
    assert caught.value.trusted == OTHER


async def test_a_member_leads_to_its_coordinator_whose_certificate_is_looked_at_too(
    shared_site: Simulated, wire: XapiWire
) -> None:
    pool = shared_site["Madrid"]
    member = pool.member_urls[0]
    asked: list[str] = []

    def trusted(url: str, shown: str) -> str | None:
        asked.append(url)
        return shown if url == member else None

    with pytest.raises(CertificateUnknown) as caught:
        await wire.login(Address(member), pool.password, trusted)
    assert caught.value == CertificateUnknown(pool.url, pool.fingerprint, via=member)
    assert asked == [member, pool.url]
    connection = await wire.login(Address(member), pool.password, lambda _url, shown: shown)
    assert connection.url == pool.url
    await connection.logout()


async def test_a_server_that_never_answers(wire: XapiWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xsmigui.xapi.connection.LOGIN_DEADLINE", 0.3)
    async with Odd(silent) as server:
        with pytest.raises(Unreachable, match="no answer within 0 s"):
            await asyncio.wait_for(
                wire.login(Address(server.url), "secret", lambda _url, _shown: server.fingerprint), 5
            )


async def test_a_port_that_accepts_and_says_nothing(wire: XapiWire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a TLS handshake."""
    deadline = tls.look_at.__defaults__
    monkeypatch.setattr(tls.look_at, "__defaults__", (None, 0.2))
    assert deadline == (None, tls.HANDSHAKE_DEADLINE)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(Unreachable, match="no answer"):
            await wire.login(Address(url), "secret", lambda _url, _shown: OTHER)


async def test_a_call_has_a_deadline_and_the_connection_lives_on(site: Simulated, login: Login) -> None:
    connection = await login(site["Madrid"])
    site.run(lambda: site["Madrid"].pool.faults.add("host.get_all", delay=1.5))
    with pytest.raises(Unreachable, match="no answer within 0 s") as caught:
        await connection.call("host.get_all", deadline=0.2)
    assert caught.value.call == "host.get_all"
    assert len(await connection.call("host.get_all")) == 3


async def test_refused(wire: XapiWire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(Unreachable, match=r"(?i)refused|connect call failed"):
        await wire.login(Address(f"https://127.0.0.1:{port}"), "secret", lambda _url, _shown: OTHER)
    with pytest.raises(Unreachable, match=r"(?i)refused|connect call failed"):
        await wire.login(Address(f"http://127.0.0.1:{port}"), "secret", lambda _url, _shown: None)


async def test_a_name_that_does_not_exist(wire: XapiWire) -> None:
    with pytest.raises(Unreachable):
        await wire.login(Address("https://host.invalid"), "secret", lambda _url, _shown: OTHER)


async def test_a_port_without_tls(wire: XapiWire) -> None:
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(complain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotSpeaking, match="wrong version number"):
            await wire.login(Address(f"https://127.0.0.1:{port}"), "secret", lambda _url, _shown: OTHER)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("404 Not Found", b"<html>nothing</html>"),
        ("200 OK", b"<html>welcome</html>"),
        ("200 OK", b"[1, 2"),
        ("200 OK", b"[]"),
        ("200 OK", b"\xff\xfe\x00"),
        ("200 OK", b""),
        ("302 Found", b""),
        ("500 Internal Server Error", b"oops"),
        ("200 OK", b"<?xml version='1.0'?><methodResponse><params><param><value><int>1</int></value></param></params>"
                   b"</methodResponse>"),
        ("200 OK", b"<?xml version='1.0'?><methodResponse><fault><value><struct><member><name>faultCode</name><value>"
                   b"<int>1</int></value></member><member><name>faultString</name><value>x</value></member></struct>"
                   b"</value></fault></methodResponse>"),
        ("200 OK", b"<!DOCTYPE a [<!ENTITY b 'c'>]><methodResponse><params><param><value>&b;</value></param></params>"
                   b"</methodResponse>"),
    ],
)  # fmt: skip
async def test_something_that_is_no_xenapi_server(wire: XapiWire, status: str, body: bytes) -> None:
    async with Odd(saying(status, body)) as server:
        with pytest.raises(NotSpeaking) as caught:
            await wire.login(Address(server.url), "secret", lambda _url, _shown: server.fingerprint)
    assert caught.value.url == server.url
    assert caught.value.status == int(status[:3])


async def test_without_json_rpc_it_falls_back_to_xml() -> None:
    async def old(request: bytes) -> bytes:
        if request.startswith(b"POST /jsonrpc"):
            return await saying("404 Not Found", b"")(request) or b""
        value = b"OpaqueRef:old" if b"login" in request else b""
        body = (
            b"<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member>"
            b"<member><name>Value</name><value>" + value + b"</value></member></struct></value></param></params>"
            b"</methodResponse>"
        )
        return await saying("200 OK", body, "text/xml")(request) or b""

    async with Odd(old) as server:
        connection = await XapiWire().login(Address(server.url), "secret", lambda _url, _shown: server.fingerprint)
        assert await connection.call("VM.get_name_label", "OpaqueRef:x") == ""
        await connection.logout()


async def test_errors_are_values(shared_site: Simulated, login: Login) -> None:
    connection = await login(shared_site["Madrid"])
    with pytest.raises(ServerFailure) as caught:
        await connection.call("VM.get_record", "OpaqueRef:nothing")
    assert caught.value == ServerFailure("HANDLE_INVALID", ("VM", "OpaqueRef:nothing"), "VM.get_record")
    assert caught.value.raw == "HANDLE_INVALID(VM, OpaqueRef:nothing)"
    with pytest.raises(ServerFailure) as caught:
        await connection.call("VM.fly")
    assert caught.value == ServerFailure("MESSAGE_METHOD_UNKNOWN", ("VM.fly",), "VM.fly")
    with pytest.raises(ServerFailure) as caught:
        await connection.call("VM.get_record")
    assert caught.value.params == ("VM.get_record", "1", "0")


async def test_a_lost_session_is_a_type_of_its_own_and_its_reference_in_no_text(
    site: Simulated, login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pool = site["Madrid"]
    connection = await login(pool)
    reference = connection._session
    site.run(lambda: pool.pool.sessions.end(reference))
    with pytest.raises(SessionLost) as caught:
        await connection.call("host.get_all")
    assert caught.value.call == "host.get_all"
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert reference not in shown
    other = await login(pool)
    with pytest.raises(ServerFailure) as failed:
        await other._transport.call("session.get_uuid", [reference, reference], 5)
    assert reference in failed.value.params  # as the transport has it; the connection tells less:
    told = other._told(failed.value)
    assert isinstance(told, ServerFailure)
    assert told.params == ()


async def test_a_cut_socket(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    async with Proxy(pool.url) as proxy:
        connection = await login(pool, proxy.url)
        fault = site.run(lambda: pool.pool.faults.add("host.get_all", delay=5))
        asked = asyncio.ensure_future(connection.call("host.get_all"))
        await until(lambda: fault.seen)
        proxy.cut()
        with pytest.raises(Unreachable) as caught:
            await asked
        assert caught.value.call == "host.get_all"
        assert caught.value.url == proxy.url
        assert len(await connection.call("host.get_all")) == 3  # a new socket


async def test_nothing_is_sent_twice(site: Simulated, login: Login) -> None:
    """What the server may have done must not be repeated, though its answer was lost."""
    pool = site["Madrid"]
    connection = await login(pool)
    assert await connection.call("pool.get_all")  # the socket is kept alive
    fault = site.run(lambda: pool.pool.faults.add("VM.start", drop=True, times=0))
    with pytest.raises(Unreachable):
        await connection.call("Async.VM.start", site.vm(pool, "intranet-old"), False, False)
    assert fault.seen == 1


async def test_a_socket_that_the_server_has_closed_is_not_used_again(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    async with Proxy(pool.url) as proxy:
        connection = await login(pool, proxy.url)
        assert await connection.call("pool.get_all")
        proxy.cut()
        await until(lambda: not proxy.open)
        assert await connection.call("pool.get_all")


async def test_logout_ends_the_session_and_leaves_nothing_behind(site: Simulated, wire: XapiWire) -> None:
    pool = site["Madrid"]
    async with Proxy(pool.url) as proxy:
        connection = await wire.login(Address(proxy.url), pool.password, lambda _url, _shown: pool.fingerprint)
        assert await connection.call("pool.get_all")
        assert site.run(lambda: len(pool.pool.sessions.live)) == 1
        await connection.logout()
        assert site.run(lambda: len(pool.pool.sessions.live)) == 0
        await until(lambda: not proxy.open)
    await until(lambda: not [t for t in threading.enumerate() if t.name.startswith(("xmlrpc", "decode"))])


async def test_drop_closes_at_once_and_later_calls_say_so(site: Simulated, wire: XapiWire) -> None:
    pool = site["Madrid"]
    async with Proxy(pool.url) as proxy:
        connection = await wire.login(Address(proxy.url), pool.password, lambda _url, _shown: pool.fingerprint)
        fault = site.run(lambda: pool.pool.faults.add("host.get_all", delay=30))
        asked = asyncio.ensure_future(connection.call("host.get_all"))
        await until(lambda: fault.seen)
        await asyncio.wait_for(connection.drop(), 2)
        with pytest.raises(Unreachable):
            await asked
        with pytest.raises(Unreachable, match="closed"):
            await connection.call("host.get_all")
        await connection.end_session("OpaqueRef:whatever")
        await connection.logout()
        await until(lambda: not proxy.open)


async def test_end_session(site: Simulated, login: Login) -> None:
    pool = site["Lisboa"]
    connection = await login(pool)
    network = (await connection.call("network.get_by_name_label", "Storage"))[0]
    host = (await connection.call("host.get_all"))[0]
    received = await connection.call("host.migrate_receive", host, network, {})
    assert site.run(lambda: len(pool.pool.sessions.live)) == 2
    await connection.end_session(received["session_id"])
    await connection.end_session(received["session_id"])  # gone already: no matter
    assert site.run(lambda: len(pool.pool.sessions.live)) == 1


async def test_plain_http(login: Login) -> None:
    with Simulated.start("standalone", http=True) as site:
        connection = await login(site.pools[0])
        assert connection.fingerprint == ""
        assert len(await connection.call("host.get_all")) == 1
        await connection.logout()


async def test_whoever_waits_for_a_free_socket_fails_when_the_connection_is_closed(
    site: Simulated, wire: XapiWire
) -> None:
    """More calls than sockets: those that have none yet must not wait on, nor end as if somebody had cancelled them."""
    pool = site["Madrid"]
    connection = await wire.login(Address(pool.url), pool.password, lambda _url, _shown: pool.fingerprint)
    fault = site.run(lambda: pool.pool.faults.add("host.get_all", times=0, delay=30))
    asked = [asyncio.ensure_future(connection.call("host.get_all")) for _ in range(CONNECTIONS + 3)]
    await until(lambda: fault.seen == CONNECTIONS)
    await connection.drop()
    results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 100)
    assert [type(result) for result in results] == [Unreachable] * len(asked)
    given_up = asyncio.ensure_future(connection.call("host.get_all"))
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
