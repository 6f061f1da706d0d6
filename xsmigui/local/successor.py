"""A process of this program that goes on when this one ends."""

import asyncio
import os
import subprocess
from contextlib import suppress
from typing import Final

from xsmigui.local.processes import program

READY_WITHIN_S: Final = 90.0
"""Seconds until the new process must have said something: its start, and its connections."""


class Successor:
    """Starts `xsmigui ARGUMENTS` so that it outlives this process and its terminal.

    Not by asyncio: that one kills the processes that it has started when its loop is closed (CPython 3.11 to 3.13,
    asyncio/base_subprocess.py, `BaseSubprocessTransport.close`).
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, given: bytes) -> bytes:
        """Start it, hand it a line, and return the line that it answers; empty where it has ended without one.
        Raises `OSError`, `TimeoutError`; then it is gone again."""
        process = self._process = await asyncio.to_thread(
            subprocess.Popen,
            [*program(), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # neither Ctrl+C nor the end of a terminal is for it
            creationflags=_apart(),
        )
        asking = asyncio.create_task(asyncio.to_thread(_asked, process, given), name="successor")
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                return await asyncio.shield(asking)
        except BaseException:
            await self.stop()  # which ends the wait for its answer, too
            await asyncio.gather(asking, return_exceptions=True)
            raise

    async def stop(self) -> None:
        """End it; it has taken nothing over yet."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.to_thread(process.wait)
            _close(process)

    def leave(self) -> None:
        """Let it go on by itself."""
        process, self._process = self._process, None
        if process is not None:
            _close(process)
            process.returncode = 0  # nobody waits for it; Python would warn of that


def _asked(process: "subprocess.Popen[bytes]", given: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # it has ended; what it said before tells more
        process.stdin.write(given)
        process.stdin.flush()
    return process.stdout.readline()


def _close(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _apart() -> int:
    """On Windows the new process belongs to no console, and to no job that ends with us."""
    if os.name != "nt":
        return 0
    flags = ("DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP", "CREATE_BREAKAWAY_FROM_JOB")
    return sum(int(getattr(subprocess, flag, 0)) for flag in flags)
