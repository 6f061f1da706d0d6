"""A pool that never rests: 500 changes a second, or as many as the environment variable XSMIGUI_SIMULATOR_RATE says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from xsmigui.simulator.scenarios.scale import fill
from xsmigui.simulator.site import Site, XapiPool
from xsmigui.simulator.tables import Row

RATE: Final = 500.0  # changes a second of real time
RATE_VARIABLE: Final = "XSMIGUI_SIMULATOR_RATE"
TICK: Final = 0.02


def events(site: Site, seed: int, vms: int) -> None:
    """One pool of `vms` VMs whose rows change: measurements mostly, then names, hosts, and tasks that come and go."""
    fill(site, "Events", seed, max(1, vms), "10.60")
    pool = site.pools[-1]
    pool.while_served.append(Changes(pool, float(os.environ.get(RATE_VARIABLE, RATE))).run)


class Changes:
    """Makes changes at a rate; `made` counts them."""

    def __init__(self, pool: XapiPool, rate: float) -> None:
        self._pool = pool
        self.rate = rate
        self.made = 0
        self._running = [r for r, v in pool.db.table("VM").items() if v["power_state"] == "Running"]
        self._guests = list(pool.db.table("VM_guest_metrics"))
        self._hosts = list(pool.db.table("host_metrics"))
        self._tasks: list[str] = []
        self._kinds: list[Callable[[], None]] = [
            *[self._measure] * 6, *[self._guest] * 2, self._rename, self._host, self._task,
        ]  # fmt: skip

    async def run(self) -> None:
        """Until it is cancelled: as many changes as the rate asks for, in ticks."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(TICK)
            due = int((loop.time() - began) * self.rate)
            for _ in range(min(due - self.made, 10 * int(self.rate * TICK + 1))):
                self.change()
            self.made = due

    def change(self) -> None:
        self.made += 1
        self._kinds[self.made % len(self._kinds)]()

    def _pick(self, refs: list[str]) -> str:
        return refs[self._pool.db.random.randrange(len(refs))]

    def _measure(self) -> None:
        row = self._pool.db.row("VM", self._pick(self._running))
        used = {"0": round(self._pool.db.random.random(), 4)}
        self._set("VM_metrics", row["metrics"], {"VCPUs_utilisation": used, "last_updated": self._pool.clock.date()})

    def _guest(self) -> None:
        ref = self._pick(self._guests)
        memory = {"free": str(self._pool.db.random.randrange(1 << 30))}
        self._set("VM_guest_metrics", ref, {"memory": memory, "last_updated": self._pool.clock.date()})

    def _rename(self) -> None:
        self._set("VM", self._pick(self._running), {"name_description": f"change {self.made}"})

    def _host(self) -> None:
        now = {"last_updated": self._pool.clock.date(), "memory_free": self.made}
        self._set("host_metrics", self._pick(self._hosts), now)

    def _task(self) -> None:
        if len(self._tasks) > 20:
            self._pool.tasks.remove(self._tasks.pop(0))
        self._tasks.append(self._pool.tasks.create("VM.snapshot", "").ref)

    def _set(self, cls: str, ref: str, fields: Row) -> None:
        if self._pool.db.has(cls, ref):
            self._pool.db.set(cls, ref, **fields)
