"""`xsmigui simulate` as a process of its own, which may be killed and started again.

When it ends in order it is asked whether every VM still has the newest content of each of its disks.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from types import TracebackType
from typing import Any

PASSWORD = "simulated"
TOKEN = "let the tests in"


@dataclass(frozen=True)
class Pool:
    """A pool as the simulator announces it."""

    name: str
    url: str
    user: str
    password: str
    fingerprint: str


class Simulator:
    """A simulated site in another process. With a seed and a port, it is the same one after a restart."""

    def __init__(self, *arguments: str, seed: int = 7) -> None:
        self.port = free_ports(2)
        self._arguments = [*arguments, "--seed", str(seed), "--password", PASSWORD]
        self._process: subprocess.Popen[str] | None = None
        self.pools: list[Pool] = []
        self.start()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        program = [sys.executable, "-m", "xsmigui", "simulate", "--listen", f"127.0.0.1:{self.port}"]
        process = self._process = subprocess.Popen(
            [*program, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XSMIGUI_SIMULATOR_FOLLOWS_STDIN": "1", "XSMIGUI_SIMULATOR_CONTROL": TOKEN},
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self.pools.clear()
        while (line := process.stdout.readline().strip()) != "READY":
            assert line, "the simulator ended by itself"
            said = json.loads(line)
            self.pools.append(Pool(said["pool"], said["url"], said["user"], said["password"], said["fingerprint"]))
        self._control = json.loads(process.stderr.readline())["control"]
        self.order("watch_disks")

    def __getitem__(self, name: str) -> Pool:
        return next(pool for pool in self.pools if pool.name == name)

    def order(self, do: str, **arguments: Any) -> dict[str, Any]:
        """A command of the control interface (docs/simulator.md)."""
        body = json.dumps({"do": do, **arguments}).encode()
        request = urllib.request.Request(self._control, body, {"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            said: dict[str, Any] = json.load(answer)
        return said

    def kill(self) -> None:
        """End it as a power failure does."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """End it in order; fails where a VM has lost something."""
        wrong = self.order("check_disks")["wrong"] if self._process is not None else []
        self._end(subprocess.Popen.terminate)
        assert not wrong, wrong

    def _end(self, how: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert callable(how)
            how(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            process.wait(20)

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self._end(subprocess.Popen.terminate)


def free_ports(number: int) -> int:
    """The first of some neighbouring ports that nobody listens on, below those that systems give away."""
    for first in random.sample(range(20000, 30000), 200):
        try:
            for port in range(first, first + number):
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")
