"""The real window on sites that no server holds, for the benchmarks; works with earlier builds too."""

import asyncio
import os
import statistics
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from tests.bench.measuring import Meter
from xsmigui.app import Options, Program
from xsmigui.core.changes import Event
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan, Thing, VmMove
from xsmigui.core.ports import Address
from xsmigui.core.refs import PoolId
from xsmigui.ui import style

try:
    from xsmigui.core.outline_nodes import Link
    from xsmigui.services.server_states import Server
    from xsmigui.ui.loop import EventLoop
except ImportError:  # a build before these had files of their own
    from qasync import QEventLoop as EventLoop

    from xsmigui.core.outline import Link  # type: ignore[attr-defined,no-redef]
    from xsmigui.services.connections import Server  # type: ignore[attr-defined,no-redef]

NOW = datetime(2026, 11, 28, tzinfo=UTC)


class Desk:
    """A window, and what happens in it."""

    def __init__(self, app: QApplication) -> None:
        self.program: Any = Program(app, Options(), Path(os.environ["XSMIGUI_HOME"]))
        self.window = self.program.window
        self.store = self.program.store
        self.meter = Meter()
        self.window.show()

    def connect(self, inventory: Inventory) -> None:
        """A pool has been loaded."""
        url = f"https://{inventory.name}"
        self.store.put(inventory)
        self.program.connections._set(Server(Address(url, "root"), inventory.name, Link.connected, pool=inventory.id))

    def change(self, pool: PoolId, changes: list[tuple[str, str, Any]]) -> None:
        self.store.apply(pool, [Event(*change) for change in changes])

    async def shown(self, inventory: Inventory) -> None:
        """The tree has the lines of a pool, which a thread makes."""
        key = inventory.object_id("VM", next(reversed(inventory.VM)))
        while not self.window.tree.resources.index_of(key).isValid():  # noqa: ASYNC110 – nobody tells of it
            await asyncio.sleep(0.02)
        await self.meter_quiet()

    async def measured(self, work: Callable[[], object], until: Callable[[], bool] = lambda: True) -> float:
        """Milliseconds of the interface's thread until there is nothing more to do."""
        await self.meter_quiet()
        self.meter.start()
        work()
        while not until():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await self.meter.quiet()
        self.meter.stop()
        return self.meter.cpu

    async def meter_quiet(self) -> None:
        self.meter.start()
        await self.meter.quiet()
        self.meter.stop()
        self.meter.idle = statistics.median(self.meter.ticks)

    async def events(self, change: Callable[[int], object], seconds: float, rate: float = 20.0) -> int:
        """Let something happen so many times a second; the meter holds what it cost. The answer counts them."""
        await self.meter_quiet()
        loop = asyncio.get_running_loop()
        begun, turn = loop.time(), 0
        self.meter.start()
        while loop.time() - begun < seconds:
            change(turn)
            turn += 1
            await asyncio.sleep(max(0.0, begun + turn / rate - loop.time()))
        await self.meter.quiet(10)
        self.meter.stop()
        return turn


def run(case: Callable[[Desk], Coroutine[Any, Any, dict[str, float]]]) -> dict[str, float]:
    """A case in a window of its own."""
    app = QApplication(["bench"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = EventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        return loop.run_until_complete(case(Desk(app)))  # type: ignore[no-any-return]


def move_of(number: int, *, kind: Kind = Kind.live, ref: str = "", uuid: str = "") -> VmMove:
    """A VM's part of a plan that nobody carries out."""
    thing = Thing("h", "host-1", "OpaqueRef:h")
    return VmMove(
        vm=Thing(uuid or f"u{number}", f"vm-{number}", ref or f"OpaqueRef:{number}"), kind=kind, power_state="Running",
        source_host=None, host=thing, disks=(), vifs=(), storage_network=None, calls=(),
    )  # fmt: skip


def job_of(name: str, moves: list[VmMove], state: State, pool: str = "p") -> Job:
    """A job as it stands; in the queue only if somebody puts it there."""
    source, target = Thing(pool, "Madrid", "OpaqueRef:p"), Thing("q", "Lisboa", "OpaqueRef:q")
    ended = NOW if state.has_ended else None
    vms = tuple(VmJob(move=move, state=state, started=NOW, ended=ended, verified=True) for move in moves)
    return Job(id=name, plan=Plan(source=source, target=target, moves=tuple(moves)), created=NOW, vms=vms)
