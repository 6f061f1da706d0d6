"""A site without a network: calls go straight to the dispatcher, in the test's own loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from xsmigui.simulator.command import Options, build
from xsmigui.simulator.dispatch import dispatch
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.records import EventBatch, Records
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.witness import Witness

SHARED = Path(__file__).parents[3] / "shared"


watching: list[Witness] = []
"""Of the sites of this test: at its end they say what has become of the VMs' disks."""


class Client:
    """A client of one pool, logged in as root."""

    def __init__(self, pool: XapiPool) -> None:
        self.pool = pool
        self.session = ""
        self.host = pool.master

    async def login(self) -> Client:
        self.pool.account("root", "secret")
        self.session = await self.raw("session.login_with_password", "root", "secret", "1.1", "test")
        return self

    async def raw(self, method: str, *params: Any) -> Any:
        value, _ = await dispatch(self.pool, method, list(params), self.host)
        return value.as_dict() if isinstance(value, Records | EventBatch) else value

    async def __call__(self, method: str, *params: Any) -> Any:
        for witness in watching:
            witness.allow(self.pool, method, *params)
        return await self.raw(method, self.session, *params)

    async def named(self, cls: str, name: str) -> str:
        return str((await self(f"{cls}.get_by_name_label", name))[0])

    async def disks(self, vm: str) -> list[str]:
        vbds = [self.pool.db.row("VBD", v) for v in await self("VM.get_VBDs", vm)]
        return [v["VDI"] for v in vbds if v["type"] == "Disk"]

    async def finished(self, task: str) -> dict[str, Any]:
        """The task's record once it has ended."""
        while (row := self.pool.db.row("task", task))["status"] == "pending":
            await self.pool.db.changed(10)
        return dict(row)

    async def refused(self, method: str, *params: Any) -> list[str]:
        with pytest.raises(Failure) as caught:
            await self(method, *params)
        return caught.value.description


async def clients(scenario: str = "two-pools", **options: Any) -> list[Client]:
    site = build(Options(scenario=scenario, **{"speed": 0, "seed": 1, **options}))
    watching.append(Witness(site))
    return [await Client(pool).login() for pool in site.pools]


async def migration(source: Client, target: Client, name: str, sr: str, network: str = "Guests") -> list[Any]:
    """The parameters of a migration of `name` to the first host of `target`, all disks to `sr`."""
    vm = await source.named("VM", name)
    storage = await target.named("network", "Storage")
    dest = await target("host.migrate_receive", target.pool.master, storage, {})
    place, guests = await target.named("SR", sr), await target.named("network", network)
    row = source.pool.db.row("VM", vm)
    vdi_map = dict.fromkeys(await source.disks(vm), place)
    return [vm, dest, True, vdi_map, dict.fromkeys(row["VIFs"], guests), {}]


async def until(condition: Any, pool: XapiPool) -> None:
    """Waits for a write that makes the condition true."""
    while not condition():
        assert await pool.db.changed(10), "nothing happened for ten seconds"


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
