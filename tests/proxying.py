"""A real HTTP proxy (proxy.py) on the loopback, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

PATIENCE = 30.0


class HttpProxy:
    """Use as a context manager; `connected` are the targets that it was asked to connect to."""

    def __init__(self, credentials: str = "") -> None:
        self._credentials = credentials
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def __enter__(self) -> HttpProxy:
        file = Path(self._folder.name) / "port"
        command = [
            sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", str(file),
            "--num-workers", "1", "--num-acceptors", "1", "--threaded", "--log-file", str(self._log),
        ]  # fmt: skip
        if self._credentials:
            command += ["--basic-auth", self._credentials]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not (file.exists() and file.read_text().strip()):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, "the proxy does not start"
            time.sleep(0.05)
        self.port = int(file.read_text().split()[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()
