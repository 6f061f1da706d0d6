"""HTTP to one server: sockets kept alive with a pinned certificate, one deadline for a whole request, limits on what is
read and on what it is inflated to.

No cookies, no redirects, and a proxy only where the operator has set one.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp

from xsmigui.core.failures import CertificateChanged, NotSpeaking, ProxyFailed, Unreachable
from xsmigui.core.proxies import Proxy
from xsmigui.core.text import one_line
from xsmigui.xapi import limits, tls
from xsmigui.xapi.decoding import SHOWN
from xsmigui.xapi.reasons import reason
from xsmigui.xapi.tunnel import authorization

Body = bytes | bytearray

INFLATED_AT_ONCE: Final = 1 << 20
"""Bytes that are inflated before others have their turn on the loop's thread."""


class Channel:
    """POST requests over at most so many sockets."""

    def __init__(self, url: str, shown: tls.Shown, connections: int, proxy: Proxy | None = None) -> None:
        self._url = url
        self._fingerprint = shown.fingerprint
        self._proxy = proxy
        # A request's own context decides on the suites, the connector's fingerprint on the certificate.
        self._context: Any = tls.unverified_context(shown.is_old) if shown.fingerprint else False
        pinned: Any = aiohttp.Fingerprint(tls.digest(shown.fingerprint)) if shown.fingerprint else False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=pinned, keepalive_timeout=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # it would inflate without a limit
            headers={"Accept-Encoding": "gzip"},
        )

    async def post(self, path: str, kind: str, data: bytes, method: str, deadline: float, most: int) -> Body:
        """The body of the answer, at most so many bytes. Nothing is repeated here: what the server may have done must
        not be done twice.

        The deadline is for everything: waiting for a free socket, connecting, and the last byte of an answer that comes
        in drops.
        """
        try:
            async with asyncio.timeout(deadline):
                return await self._post(path, kind, data, most)
        except aiohttp.ServerFingerprintMismatch as error:
            shown, trusted = tls.normal(error.got.hex()), tls.normal(self._fingerprint)
            raise CertificateChanged(self._url, shown, trusted) from None
        except asyncio.CancelledError:
            # aiohttp cancels those who wait for a free socket of a session that is closed: nobody has cancelled them.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise Unreachable(self._url, "the connection was closed", method) from None
        except TimeoutError as error:
            if isinstance(error, aiohttp.ServerTimeoutError):
                deadline = min(deadline, limits.CONNECT)
            raise Unreachable(self._url, f"no answer within {deadline:.0f} s", method) from None
        except aiohttp.ClientHttpProxyError as error:
            raise self._proxy_failed(one_line(f"{error.status} {error.message}", SHOWN), error.status) from None
        except aiohttp.ClientProxyConnectionError as error:
            raise self._proxy_failed(reason(error.os_error)) from None
        except aiohttp.ClientConnectorError as error:
            raise tls.failure(self._url, error.os_error, method) from None
        except aiohttp.ClientResponseError as error:  # it answers, but that is no HTTP
            raise NotSpeaking(self._url, error.status or 200, one_line(error.message, SHOWN)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise tls.failure(self._url, error, method) from None

    def _proxy_failed(self, detail: str, status: int = 0) -> ProxyFailed:
        knows_user = self._proxy is not None and bool(self._proxy.user)
        return ProxyFailed(self._url, detail, proxy=str(self._proxy), status=status, knows_user=knows_user)

    async def _post(self, path: str, kind: str, data: bytes, most: int) -> Body:
        async with self._session.post(
            self._url + path,
            data=data,
            headers={"Content-Type": kind},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.CONNECT),
            allow_redirects=False,
            ssl=self._context,
            proxy=self._proxy.url if self._proxy else None,
            proxy_headers=authorization(self._proxy) if self._proxy else None,
        ) as answer:
            if answer.status != 200:
                raise NotSpeaking(self._url, answer.status, one_line(answer.reason or "", SHOWN))
            if (answer.content_length or 0) > most:
                raise NotSpeaking(self._url, 200, f"an answer of more than {most >> 20} MB")
            encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
            chunks: AsyncIterator[bytes] = answer.content.iter_any()
            if encoding in ("gzip", "x-gzip"):
                chunks = self._inflated(chunks)
            elif encoding not in ("", "identity"):
                raise NotSpeaking(self._url, 200, one_line(f"an answer encoded as {encoding}", SHOWN))
            body = bytearray()
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    raise NotSpeaking(self._url, 200, f"an answer of more than {most >> 20} MB")
            return body

    async def _inflated(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks of a gzip body inflated, a little at a time."""
        gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            async for chunk in chunks:
                left = chunk
                while left and not gzip.eof:
                    yield gzip.decompress(left, INFLATED_AT_ONCE)
                    left = gzip.unconsumed_tail
                    await asyncio.sleep(0)
            while not gzip.eof and (rest := gzip.decompress(b"", INFLATED_AT_ONCE)):
                yield rest
        except zlib.error as error:
            raise NotSpeaking(self._url, 200, one_line(str(error))) from None
        if not gzip.eof:
            raise NotSpeaking(self._url, 200, "a compressed answer that breaks off")

    async def close(self) -> None:
        await self._session.close()
