"""Servers that are no XenAPI servers, or bad ones."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType

from xsmigui.simulator.certificates import Certificate, certificate

Handler = Callable[[bytes], Awaitable[bytes | None]]


async def silent(_request: bytes) -> bytes | None:
    """Accepts everything and never answers."""
    await asyncio.Event().wait()
    return None


def saying(status: str, body: bytes, kind: str = "text/html") -> Handler:
    async def answer(_request: bytes) -> bytes:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return head.encode() + body

    return answer


class Odd:
    """Answers each request by `handler`, over TLS unless told otherwise, and keeps every byte that it received."""

    def __init__(self, handler: Handler, tls: bool = True, shown: Certificate | None = None) -> None:
        self._handler = handler
        self._certificate = shown or (certificate("odd") if tls else None)
        self.fingerprint = self._certificate.fingerprint if self._certificate else ""
        self.received = b""
        self.handshakes = 0
        self.url = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Odd:
        context: ssl.SSLContext | None = self._certificate.context if self._certificate else None
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        scheme = "https" if self._certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.handshakes += 1
        try:
            while request := await self._request(reader):
                answer = await self._handler(request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = await reader.read(1)
            self.received += byte
            if not byte:
                return b""
            head += byte
        length = next((int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
        body = await reader.readexactly(length)
        self.received += body
        return head + body
