"""A TLS front before a server that speaks plain HTTP, as stunnel stands before xapi: it refuses with an alert, which
asyncio's own servers do not send."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from urllib.parse import urlsplit

from xsmigui.simulator.certificates import Certificate


class Front:
    """Use as a context manager; `url` is where it listens. `refused` counts handshakes that failed, `suites` are those
    that were agreed on."""

    def __init__(self, shown: Certificate, to: str = "") -> None:
        self._shown = shown
        self._to = urlsplit(to)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = False
        self.refused = 0
        self.suites: list[str] = []
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Front:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()

    def _spawn(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="front", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _peer = self._listening.accept()
            except OSError:
                return
            self._spawn(self._serve, raw)

    def _serve(self, raw: socket.socket) -> None:
        self._sockets.append(raw)
        try:
            client = self._shown.context.wrap_socket(raw, server_side=True)
        except (OSError, ssl.SSLError):
            self.refused += 1
            raw.close()
            return
        self._sockets.append(client)
        cipher = client.cipher()
        self.suites.append(cipher[0] if cipher else "")
        if not self._to.port:
            return
        server = socket.create_connection((self._to.hostname, self._to.port))
        self._sockets.append(server)
        self._spawn(self._pump, server, client)
        self._pump(client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := source.recv(65536):
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
