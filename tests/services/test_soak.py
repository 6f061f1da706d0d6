"""Nothing accumulates: migrations there and back, with lost connections between, leave what there was before."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import psutil

from tests.holding import until
from tests.services.engine import Engine
from xsmigui.core.jobs import State
from xsmigui.xapi.connection import Connection

ROUNDS = 6


def standing(two: Engine) -> dict[str, Any]:
    """What could grow with every job."""
    gc.collect()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "descriptors": psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0,
        "sessions": two.sessions("Madrid") + two.sessions("Lisboa"),
        "tasks of the servers": len(two.tasks("Madrid")) + len(two.tasks("Lisboa")),
        "listeners": len(two.store._listeners),
        "watches": len(two.jobs._watches._open),
        "queue": len(two.jobs._queue),
        "connections": sum(isinstance(one, Connection) for one in gc.get_objects()),
        "jobs": len(two.jobs.all()),
    }


async def there_and_back(two: Engine) -> None:
    for to, sr in (("Lisboa", "NFS Lisboa"), ("Madrid", "NFS Madrid")):
        plan = await two.plan("web-01", to=to, sr=sr)
        job = two.jobs.start(plan)
        ended = await asyncio.wait_for(two.jobs.wait(job.id), 100)
        assert [vm.state for vm in ended.vms] == [State.done]
        await until(lambda name=to: bool(two.inventory(name).find("VM", "web-01")))  # type: ignore[misc]
        other = "Madrid" if to == "Lisboa" else "Lisboa"
        await until(lambda name=other: not two.inventory(name).find("VM", "web-01"))  # type: ignore[misc]
    two.jobs.clear_ended()


async def reconnected(two: Engine) -> None:
    for name in ("Madrid", "Lisboa"):
        two.proxies[name].down()
        await until(lambda name=name: not two.is_connected(name))  # type: ignore[misc]
        two.proxies[name].up()
        await until(lambda name=name: two.is_connected(name))  # type: ignore[misc]


async def test_many_jobs_and_lost_connections_leave_nothing_behind(two: Engine) -> None:
    await there_and_back(two)
    await reconnected(two)
    before = standing(two)
    for _round in range(ROUNDS):
        await there_and_back(two)
        await reconnected(two)

    def grown() -> dict[str, tuple[int, int]]:
        """What has grown with every round; one more or less of a kind is the moment's."""
        after = standing(two)
        after["sessions"] -= (
            2 * ROUNDS
        )  # nobody can log out over a connection that is lost: servers let them go in time
        return {name: (was, after[name]) for name, was in before.items() if after[name] - was >= ROUNDS}

    await until(lambda: grown() == {})
