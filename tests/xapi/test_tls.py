"""Servers as each release listens, odd certificates, handshakes that fail: what is offered when, and what is said."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.simulated import Simulated
from tests.xapi.front import Front
from tests.xapi.odd_certificates import der, odd_certificate
from tests.xapi.servers import Odd, saying
from xsmigui.core.changes import Event
from xsmigui.core.failures import Certificate as Certificates
from xsmigui.core.failures import (
    CertificateChanged,
    CertificateUnknown,
    NoCommonEncryption,
    NotSpeaking,
    ServerFailure,
    Unreachable,
)
from xsmigui.core.inventory import Inventory
from xsmigui.core.ports import Address
from xsmigui.simulator.certificates import Certificate, certificate
from xsmigui.simulator.encryption import RELEASES, RSA_ONLY, Encryption
from xsmigui.xapi import tls
from xsmigui.xapi.connection import XapiWire

OTHER = ":".join(["ab"] * 32)
OLD = ("7.0", "7.1", "7.6")


class Loaded:
    """A listener that waits for the first load."""

    def __init__(self) -> None:
        self.inventory: asyncio.Future[Inventory] = asyncio.get_running_loop().create_future()

    def loaded(self, inventory: Inventory) -> None:
        self.inventory.set_result(inventory)

    def changed(self, events: list[Event]) -> None:
        pass


@pytest.fixture(scope="module")
def plain_site() -> Iterator[Simulated]:
    with Simulated.start("standalone", http=True) as site:
        yield site


@pytest.mark.parametrize("release", RELEASES)
async def test_every_release_as_it_listens(wire: XapiWire, release: str, plain_site: Simulated) -> None:
    """From the look at the certificate to the first load, over either transport; old encryption where nothing else
    goes, and nowhere else."""
    shown = certificate("front", "1" if release in OLD else None, RELEASES[release])
    with Front(shown, plain_site.pools[0].url) as front:
        with pytest.raises(CertificateUnknown) as unknown:
            await wire.login(Address(front.url), "secret", lambda _url, _shown: None)
        assert unknown.value == CertificateUnknown(front.url, shown.fingerprint, is_old=release in OLD)
        assert front.refused == (1 if release in OLD else 0)
        connection = await wire.login(Address(front.url), "secret", lambda _url, _shown: shown.fingerprint)
        assert connection.is_old is (release in OLD)
        listener = Loaded()
        following = asyncio.ensure_future(connection.follow(listener))
        try:
            assert (await asyncio.wait_for(listener.inventory, 100)).host
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await connection.logout()
        assert set(front.suites) == {"AES128-SHA256"} if release in OLD else "AES128-SHA256" not in front.suites


async def test_the_simulated_7_1_listens_as_the_old_server_does() -> None:
    with Simulated.start("mixed-versions") as site:
        old, *others = site.pools
        assert old.name == "Old 7.1"
        for pool in (old, *others):
            shown = await tls.look_at(pool.url)
            assert shown == tls.Shown(pool.fingerprint, is_old=pool is old)
        modern = tls.unverified_context()
        modern.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((OSError, ssl.SSLError)):
            await asyncio.open_connection(*address(old.url), ssl=modern)
        modern.set_ciphers("AES128-SHA256@SECLEVEL=0")
        _reader, writer = await asyncio.open_connection(*address(old.url), ssl=modern)
        assert writer.get_extra_info("cipher")[:2] == ("AES128-SHA256", "TLSv1.2")
        writer.close()
        await writer.wait_closed()


def address(url: str) -> tuple[str, int]:
    host, _colon, port = url.removeprefix("https://").rpartition(":")
    return host, int(port)


@asynccontextmanager
async def hearing(shown: Certificate) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that keeps the first bytes of each connection, and lets the handshake go on."""
    heard: list[bytes] = []
    async with Odd(saying("404 Not Found", b""), shown=shown) as server:
        to = address(server.url)

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            except OSError:
                pass
            finally:
                writer.close()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await reader.read(65536)
            heard.append(first)
            back, forth = await asyncio.open_connection(*to)
            forth.write(first)
            await asyncio.gather(pump(reader, forth), pump(back, writer))

        front = await asyncio.start_server(accept, "127.0.0.1", 0)
        try:
            yield f"https://127.0.0.1:{front.sockets[0].getsockname()[1]}", heard
        finally:
            front.close()


AES128_SHA256 = b"\x00\x3c"


async def test_old_suites_are_offered_only_after_a_refusal() -> None:
    """By neither context: the look at the certificate, and the one that carries the password."""
    async with hearing(certificate("modern")) as (url, heard):
        shown = await tls.look_at(url)
        with pytest.raises(NotSpeaking):
            await XapiWire().login(Address(url), "secret", lambda _url, _shown: shown.fingerprint)
        assert len(heard) >= 3
        assert not any(AES128_SHA256 in hello[:300] for hello in heard)
    async with hearing(certificate("old", None, RSA_ONLY)) as (url, heard):
        shown = await tls.look_at(url)
        assert shown.is_old
        assert [AES128_SHA256 in hello[:300] for hello in heard] == [False, True]


def test_old_suites_are_not_offered_where_the_system_s_python_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's takes OpenSSL's list."""

    class Debian(ssl.SSLContext):
        def __init__(self, _protocol: int) -> None:
            super().__init__()
            self.set_ciphers("DEFAULT")

    def without_forward_secrecy(context: ssl.SSLContext) -> list[str]:
        return [suite["name"] for suite in context.get_ciphers() if suite["kea"] == "kx-rsa"]

    assert without_forward_secrecy(Debian(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.setattr(tls, "ssl", SimpleNamespace(**vars(ssl) | {"SSLContext": Debian}))
    context = tls.unverified_context()
    assert isinstance(context, Debian)
    assert not without_forward_secrecy(context)
    assert without_forward_secrecy(tls.unverified_context(is_old=True))


@pytest.mark.parametrize("trusted", [None, OTHER], ids=["unknown", "changed"])
async def test_over_old_encryption_too_nothing_is_sent_before_the_certificate_is_decided_on(
    wire: XapiWire, trusted: str | None
) -> None:
    shown = certificate("old", None, RSA_ONLY)
    async with Odd(saying("200 OK", b""), shown=shown) as server:
        with pytest.raises((CertificateUnknown, CertificateChanged)):
            await wire.login(Address(server.url), "hunter2", lambda _url, _shown: trusted)
        assert server.received == b""


async def test_over_old_encryption_too_the_password_has_the_pinned_certificate(
    wire: XapiWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def looked(_url: str, _proxy: object) -> tls.Shown:
        return tls.Shown(OTHER, is_old=True)

    monkeypatch.setattr(tls, "look_at", looked)
    async with Odd(saying("200 OK", b""), shown=certificate("old", None, RSA_ONLY)) as server:
        with pytest.raises(CertificateChanged):
            await wire.login(Address(server.url), "hunter2", lambda _url, _shown: OTHER)
        assert server.received == b""


KEY = rsa.generate_private_key(65537, 1024)
ODD = {
    "1024 bits": odd_certificate(KEY),
    "sha-1": odd_certificate(KEY, signature="sha1"),
    "md5": odd_certificate(KEY, signature="md5"),
    "negative serial": odd_certificate(KEY, serial=-(2**80)),
    "serial 0": odd_certificate(KEY, serial=0),
    "expired": odd_certificate(KEY, until="120101000000Z"),
    "version 1": odd_certificate(KEY, version=1),
    "everything": odd_certificate(KEY, version=1, signature="sha1", serial=-1, until="120101000000Z", wildcard=True),
    "wildcard": odd_certificate(KEY, wildcard=True),
    "not yet valid": odd_certificate(KEY, since="400101000000Z", until="450101000000Z"),
    "4096 bits": odd_certificate(rsa.generate_private_key(65537, 4096)),
    "with its authority": odd_certificate(KEY, followed_by=odd_certificate(ec.generate_private_key(ec.SECP256R1()))),
    "p-256": odd_certificate(ec.generate_private_key(ec.SECP256R1())),
    "p-521": odd_certificate(ec.generate_private_key(ec.SECP521R1())),
}


@pytest.mark.parametrize("kind", ODD)
async def test_odd_certificates_are_usable_once_trusted(wire: XapiWire, kind: str) -> None:
    refusal = b'{"jsonrpc":"2.0","error":{"code":1,"message":"SESSION_AUTHENTICATION_FAILED","data":["root"]},"id":1}'
    xml = (
        b"<methodResponse><params><param><value><struct><member><name>Status</name><value>Failure</value></member>"
        b"<member><name>ErrorDescription</name><value><array><data><value>SESSION_AUTHENTICATION_FAILED</value></data>"
        b"</array></value></member></struct></value></param></params></methodResponse>"
    )

    async def answer(request: bytes) -> bytes | None:
        is_json = request.startswith(b"POST /jsonrpc")
        return await saying("200 OK", refusal if is_json else xml, "application/json" if is_json else "text/xml")(b"")

    shown = ODD[kind]
    async with Odd(answer, shown=shown) as server:
        with pytest.raises(ServerFailure, match="SESSION_AUTHENTICATION_FAILED"):
            await wire.login(Address(server.url), "secret", lambda _url, _shown: shown.fingerprint)


def only(suites: str, *versions: ssl.TLSVersion) -> Certificate:
    made = certificate("strange", None, Encryption("AES128-SHA256", 1024))
    if versions:
        made.context.minimum_version, made.context.maximum_version = versions[0], versions[-1]
    made.context.set_ciphers(f"{suites}@SECLEVEL=0")
    return made


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(
    ("suites", "versions"),
    [
        ("AES128-SHA", (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1)),
        ("AES128-SHA", (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)),
        ("ARIA128-GCM-SHA256", ()),
        ("CAMELLIA128-SHA256", ()),
    ],
)
async def test_nothing_in_common_is_said_to_be_that(
    wire: XapiWire, suites: str, versions: tuple[ssl.TLSVersion, ...]
) -> None:
    with Front(only(suites, *versions)) as front, pytest.raises(NoCommonEncryption) as caught:
        await wire.login(Address(front.url), "secret", lambda _url, _shown: OTHER)
    assert caught.value.url == front.url
    assert "protocol" in caught.value.detail or "handshake" in caught.value.detail


@pytest.mark.parametrize(
    ("suites", "is_old"),
    [("AES256-SHA", True), ("AES128-GCM-SHA256", True), ("ECDHE-RSA-AES128-SHA", True), ("DHE-RSA-AES128-SHA256", True),
     ("ECDHE-RSA-AES128-SHA256", False)],
)  # fmt: skip
async def test_suites_that_operators_leave(suites: str, is_old: bool, tmp_path: Path) -> None:
    """A host whose list somebody has changed."""
    shown = only(suites, ssl.TLSVersion.TLSv1_2)
    if suites.startswith("DHE"):
        (tmp_path / "dh.pem").write_bytes(_short_group())
        shown.context.load_dh_params(str(tmp_path / "dh.pem"))
    with Front(shown) as front:
        assert await tls.look_at(front.url) == tls.Shown(shown.fingerprint, is_old)
    async with Odd(saying("200 OK", b""), shown=shown) as silent:  # refuses without an alert
        assert await tls.look_at(silent.url) == tls.Shown(shown.fingerprint, is_old)


def test_every_part_of_the_list_of_old_suites_is_understood() -> None:
    """OpenSSL skips an item with a name that it does not know, and what is attached to it, without a word."""
    context = tls.unverified_context(is_old=True)
    assert context.security_level == 0
    assert not [suite["name"] for suite in context.get_ciphers() if "CCM" in suite["name"]]


def _short_group() -> bytes:
    """A Diffie-Hellman group of 1024 bits (RFC 2409, Oakley group 2), as hosts of that time have it."""
    prime = bytes.fromhex(
        "00FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD"
        "3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F"
        "24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
    )
    text = base64.encodebytes(der(0x30, der(0x02, prime) + der(0x02, b"\2"))).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n".encode()


async def test_a_handshake_that_breaks_off_is_no_refusal() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        with pytest.raises(Unreachable) as caught:
            await tls.look_at(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert not isinstance(caught.value, NoCommonEncryption)


async def test_what_is_no_tls_is_said_to_be_that() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with pytest.raises(NotSpeaking) as caught:
            await tls.look_at(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert caught.value.status == 0


@pytest.mark.parametrize("fields", [{}, {"serial": -5}, {"wildcard": True}, {"until": "110101000000Z"}])
def test_what_a_certificate_says_of_itself(fields: dict[str, Any]) -> None:
    """Odd ones say it too, or nothing, and never with an error."""
    found = tls.read(odd_certificate(ec.generate_private_key(ec.SECP256R1()), **fields).der)
    name = "CN=*" if "wildcard" in fields else "CN=x"
    until = "2011-01-01" if "until" in fields else "2035-01-01"
    assert found in (Certificates(name, name, "2010-01-01", until), Certificates())
    if "serial" not in fields:
        assert found.subject == name
    assert tls.read(b"no certificate") == Certificates()
