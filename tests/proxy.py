"""A TCP proxy that can be cut: between a client and a simulated server, so that connections break as networks do."""

from __future__ import annotations

import asyncio
from types import TracebackType
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on, both ways, until it is told otherwise. Use it as an asynchronous context manager.

    `cut` breaks what is open; `down` keeps new connections from being made too, until `up`. `mute` lets nothing back,
    as if the answers were lost: the connections stay open. `received` counts connections.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._to = (parts.hostname, parts.port)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.muted = False
        self.is_down = False
        self.received = 0
        self._cuts = 0

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._port}"

    @property
    def open(self) -> int:
        """Connections that are open."""
        return len(self._pumps) // 2

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._pumps:
            await asyncio.wait(self._pumps)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Every connection ends at once (RST)."""
        self._cuts += 1
        for writer in list(self._writers):
            writer.transport.abort()

    def down(self) -> None:
        self.is_down = True
        self.cut()

    def up(self) -> None:
        self.is_down = self.muted = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += 1
        if self.is_down:
            writer.transport.abort()
            return
        cuts = self._cuts
        try:
            back, forth = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        if cuts != self._cuts:
            writer.transport.abort()
            forth.transport.abort()
            return
        self._writers |= {writer, forth}
        for source, sink, answers in ((reader, forth, False), (back, writer, True)):
            task = asyncio.create_task(self._pump(source, sink, answers), name="proxy")
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await reader.read(65536):
                if answers and self.muted:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort() if answers else writer.close()
            self._writers.discard(writer)
