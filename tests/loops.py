"""A fixture for rooms that work with asyncio: no task and no socket of a test outlives it."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest


def _sockets() -> set[object]:
    found = psutil.Process().net_connections(kind="tcp")
    return {(c.fd, c.laddr, c.raddr) for c in found if c.status not in ("TIME_WAIT", "LISTEN")}


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Tasks and sockets end with the test (a moment is given to what ends by itself)."""
    mine = asyncio.all_tasks()
    sockets = _sockets()
    yield

    def left() -> list[object]:
        tasks: list[object] = [t for t in asyncio.all_tasks() - mine if t is not asyncio.current_task()]
        return tasks + list(_sockets() - sockets)

    for _turn in range(400):
        if not left():
            break
        await asyncio.sleep(0.01)
    assert not left()
