"""The demo's simulator, as a process of its own."""

import asyncio
import os
import subprocess
from typing import Final

import msgspec

from xsmigui.core.ports import Address
from xsmigui.core.text import _
from xsmigui.local.processes import program

READY_WITHIN: Final = 30.0
"""Seconds that the demo's simulator may take to start."""


class NoKeyring:
    """The demo's passwords are of no use to anybody; they are not kept."""

    async def available(self) -> bool:
        return False

    async def get(self, address: Address) -> str | None:
        return None

    async def put(self, address: Address, password: str) -> bool:
        return False

    async def forget(self, address: Address) -> None:
        return None


class Served(msgspec.Struct):
    """A pool of the demo, as the simulator announces it."""

    pool: str
    url: str
    user: str
    password: str
    fingerprint: str


class DemoSite:
    """The simulator as a process of its own, spoken to through HTTPS like any server."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> list[Served]:
        """Start it and wait until it is ready."""
        # Its input is a pipe of ours: when we end, however that is, it ends too.
        self._process = await asyncio.create_subprocess_exec(
            *program(),
            "simulate",
            *self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "XSMIGUI_SIMULATOR_FOLLOWS_STDIN": "1"},
            start_new_session=True,  # Ctrl+C is for us: we log out before it ends
        )
        assert self._process.stdout is not None
        served: list[Served] = []
        async with asyncio.timeout(READY_WITHIN):
            while line := (await self._process.stdout.readline()).strip():
                if line == b"READY":
                    return served
                served.append(msgspec.json.decode(line, type=Served))
        raise OSError(_("the simulator ended by itself"))

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
