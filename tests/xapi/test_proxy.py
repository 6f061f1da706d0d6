"""Through a real HTTP proxy, and what is said where it does not help."""

import asyncio
import errno
import os
from collections.abc import Iterator

import pytest

from tests.holding import until
from tests.proxying import HttpProxy
from tests.simulated import Simulated
from tests.xapi.front import Front
from tests.xapi.test_tls import Loaded
from xsmigui.core.addresses import BadAddress
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import CertificateChanged, ProxyFailed, Unreachable
from xsmigui.core.ports import Address
from xsmigui.core.proxies import Proxy
from xsmigui.simulator.certificates import certificate
from xsmigui.simulator.encryption import RSA_ONLY
from xsmigui.xapi.connection import XapiWire

OTHER = ":".join(["ab"] * 32)


@pytest.fixture(scope="module")
def proxy() -> Iterator[HttpProxy]:
    with HttpProxy() as made:
        yield made


@pytest.fixture(params=["json", "xml"])
def is_xml(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "xml")


def through(proxy: Proxy, is_xml: bool) -> XapiWire:
    return XapiWire(prefer_xml=is_xml, proxy_of=lambda _url: proxy)


async def test_everything_goes_through_it(shared_site: Simulated, proxy: HttpProxy, is_xml: bool) -> None:
    pool = shared_site["Madrid"]
    wire = through(Proxy("127.0.0.1", proxy.port), is_xml)
    connection = await wire.login(Address(pool.url), pool.password, lambda _url, _shown: pool.fingerprint)
    listener = Loaded()
    following = asyncio.ensure_future(connection.follow(listener))
    try:
        assert (await asyncio.wait_for(listener.inventory, 100)).host
        assert await connection.call("pool.get_all")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await connection.logout()
    await until(lambda: pool.url.removeprefix("https://") in proxy.log)


async def test_old_encryption_through_it(proxy: HttpProxy, is_xml: bool) -> None:
    with Simulated.start("standalone", http=True) as plain:
        shown = certificate("old", "1", RSA_ONLY)
        with Front(shown, plain.pools[0].url) as front:
            wire = through(Proxy("127.0.0.1", proxy.port), is_xml)
            connection = await wire.login(Address(front.url), "secret", lambda _url, _shown: shown.fingerprint)
            assert connection.is_old
            assert await connection.call("pool.get_all")
            await connection.logout()


async def test_the_certificate_is_pinned_behind_it_too(shared_site: Simulated, proxy: HttpProxy, is_xml: bool) -> None:
    with pytest.raises(CertificateChanged):
        await through(Proxy("127.0.0.1", proxy.port), is_xml).login(
            Address(shared_site["Madrid"].url), "secret", lambda _url, _shown: OTHER
        )


async def test_credentials(shared_site: Simulated, is_xml: bool) -> None:
    pool = shared_site["Madrid"]
    with HttpProxy("ada:s@cret") as proxy:
        wire = through(Proxy("127.0.0.1", proxy.port, "ada", "s@cret"), is_xml)
        connection = await wire.login(Address(pool.url), pool.password, lambda _url, _shown: pool.fingerprint)
        assert await connection.call("pool.get_all")
        await connection.logout()
        for wrong in (Proxy("127.0.0.1", proxy.port), Proxy("127.0.0.1", proxy.port, "ada", "hunter2")):
            with pytest.raises(ProxyFailed) as caught:
                await through(wrong, is_xml).login(Address(pool.url), "secret", lambda _url, shown: shown)
            assert caught.value.status == 407
            assert caught.value.url == pool.url
            assert "hunter2" not in f"{caught.value!r} {caught.value} {sentence(caught.value)}"
            assert "password" in sentence(caught.value)[0]


async def test_a_proxy_that_refuses(proxy: HttpProxy, is_xml: bool) -> None:
    """It cannot reach the server."""
    with pytest.raises(Unreachable) as caught:
        await through(Proxy("127.0.0.1", proxy.port), is_xml).login(
            Address("https://127.0.0.1:1"), "secret", lambda _url, shown: shown
        )
    assert isinstance(caught.value, ProxyFailed)
    assert proxy.url in " ".join(sentence(caught.value))


async def test_nobody_at_the_proxys_address(shared_site: Simulated, is_xml: bool) -> None:
    with pytest.raises(ProxyFailed) as caught:
        await through(Proxy("127.0.0.1", 1), is_xml).login(
            Address(shared_site["Madrid"].url), "secret", lambda _url, shown: shown
        )
    assert caught.value.status == 0
    assert "http://127.0.0.1:1" in sentence(caught.value)[0]
    assert caught.value.detail == os.strerror(errno.ECONNREFUSED)


LONG_REASON = b"HTTP/1.1 503 " + b"\x1b[31mx" * 900 + b"\r\n\r\n"


@pytest.mark.parametrize(
    "answer", [b"hello\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"", b"HTTP/1.1 503 No\r\n\r\n", LONG_REASON]
)
async def test_what_is_no_proxy(answer: bytes) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(odd, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProxyFailed) as caught:
            await through(Proxy("127.0.0.1", port), False).login(
                Address("https://127.0.0.1:1"), "secret", lambda _url, shown: shown
            )
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 1000


async def test_a_setting_that_is_no_address_is_told(shared_site: Simulated) -> None:
    def broken(_url: str) -> Proxy | None:
        raise BadAddress("socks is no HTTP")

    with pytest.raises(ProxyFailed, match="socks"):
        await XapiWire(proxy_of=broken).login(Address(shared_site["Madrid"].url), "secret", lambda _url, shown: shown)


async def test_servers_that_are_excepted_are_reached_directly(shared_site: Simulated) -> None:
    pool = shared_site["Madrid"]
    wire = XapiWire(proxy_of=lambda url: None if url == pool.url else Proxy("127.0.0.1", 1))
    connection = await wire.login(Address(pool.url), pool.password, lambda _url, _shown: pool.fingerprint)
    await connection.logout()
