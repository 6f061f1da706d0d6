"""The engine of the program without a window: store, connections, asking, jobs, over real sockets to simulated pools.

Between the engine and each pool stands a proxy, so that connections can be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.holding import PATIENCE, until
from tests.proxy import Proxy
from tests.simulated import ServedPool, Simulated
from xsmigui.core.failures import CertificateChanged, CertificateUnknown
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, VmJob
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.selection import Asked, draft_from
from xsmigui.core.ports import Address
from xsmigui.core.refs import PoolId
from xsmigui.local.journal import JournalFile
from xsmigui.services.asking import Asker
from xsmigui.services.connections import Connections
from xsmigui.services.desk import Desk
from xsmigui.services.drafting import Drafting
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store
from xsmigui.xapi.connection import XapiWire


class QuickClock:
    """A clock whose seconds are short; what was slept is kept."""

    def __init__(self, factor: float = 0.01) -> None:
        self.factor = factor
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds * self.factor)


class Pins:
    """A `TrustStore` in memory."""

    def __init__(self) -> None:
        self.pins: dict[str, str] = {}

    def trusted(self, url: str, shown: str = "") -> str | None:
        return self.pins.get(url)

    def trust(self, url: str, fingerprint: str) -> None:
        self.pins[url] = fingerprint


class Secrets:
    """A `SecretStore` in memory."""

    def __init__(self) -> None:
        self.kept: dict[Address, str] = {}

    async def get(self, address: Address) -> str | None:
        return self.kept.get(address)

    async def put(self, address: Address, password: str) -> bool:
        self.kept[address] = password
        return True

    async def forget(self, address: Address) -> None:
        self.kept.pop(address, None)


class Person:
    """Decides as told: `passwords` are given one after the other, then none; `trusting` accepts certificates."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        self.trusting = True
        self.asked: list[object] = []

    async def password(self, address: Address, message: str) -> str | None:
        self.asked.append((address.url, message))
        return self.passwords.pop(0) if self.passwords else None

    async def trust(self, failure: CertificateUnknown | CertificateChanged) -> bool:
        self.asked.append(failure)
        return self.trusting


class Engine:
    """Use `engine(...)`."""

    def __init__(self, site: Simulated, proxies: dict[str, Proxy], home: Path) -> None:
        self.site = site
        self.proxies = proxies
        self.clock = QuickClock()
        self.pins, self.secrets, self.person = Pins(), Secrets(), Person()
        self.store = Store()
        self.connections = Connections(
            self.store, XapiWire(), self.pins, self.secrets, self.person, self.clock
        )  # fmt: skip
        self.asker = Asker(self.connections.gateway)
        self.journal = JournalFile(home)
        self.jobs = Jobs(self.store, self.connections, self.asker, self.clock, self.journal)
        self.desk = Desk(self.store, self.connections, self.asker, self.clock, self.jobs)

    def served(self, name: str) -> ServedPool:
        return self.site[name]

    def address(self, name: str) -> Address:
        return Address(self.proxies[name].url, "root")

    def inventory(self, name: str) -> Inventory:
        return next(i for i in self.store.site().pools.values() if i.name == name)

    def pool(self, name: str) -> PoolId:
        return self.inventory(name).id

    def is_connected(self, name: str) -> bool:
        return any(i.name == name and self.store.is_connected(i.id) for i in self.store.site().pools.values())

    def row(self, pool: str, cls: str, name: str) -> dict[str, Any]:
        """A copy of the simulator's own row, by the object's name."""
        table = self.served(pool).pool.db.table(cls)
        return self.site.run(lambda: next(dict(r) for r in table.values() if r["name_label"] == name))

    def has(self, pool: str, vm: str) -> bool:
        table = self.served(pool).pool.db.table("VM")
        return self.site.run(lambda: any(r["name_label"] == vm for r in table.values()))

    def sessions(self, pool: str) -> int:
        return self.site.run(lambda: len(self.served(pool).pool.sessions.live))

    def tasks(self, pool: str) -> list[str]:
        """Names of the tasks in the simulator."""
        table = self.served(pool).pool.db.table("task")
        return self.site.run(lambda: [r["name_label"] for r in table.values()])

    async def evaluation(self, *vms: str, to: str, **asked: Any) -> Evaluation:
        draft = draft_from(self.store.site(), Asked(vms=vms, to=to, **asked))
        drafting = Drafting(self.store, self.asker, self.clock, draft)
        try:
            return await drafting.settled()
        finally:
            drafting.close()

    async def plan(self, *vms: str, to: str, **asked: Any) -> Plan:
        evaluation = await self.evaluation(*vms, to=to, **asked)
        assert evaluation.plan is not None, [p.sentence() for p in evaluation.problems]
        return evaluation.plan

    async def run(self, plan: Plan, patience: float = PATIENCE) -> VmJob:
        """Carry out a plan of one VM to its end."""
        job = self.jobs.start(plan)
        return (await asyncio.wait_for(self.jobs.wait(job.id), patience)).vms[0]

    def vm(self, job: Job) -> VmJob:
        return self.jobs.get(job.id).vms[0]


def _hide_hosts(site: Simulated, served: ServedPool) -> None:
    """Nobody listens at the addresses that the pool says its hosts have."""
    db = served.pool.db
    site.run(lambda: [db.set("host", host, address="127.0.0.1:1") for host in db.table("host")] and None)


@contextlib.asynccontextmanager
async def engine(
    site: Simulated, *names: str, connect: bool = True, home: Path | None = None, members: bool = False
) -> AsyncIterator[Engine]:
    """An engine for these pools of a site (all, where none is named), connected to them; its journal in `home`. The way
    leads through the proxies alone, unless `members` lets the hosts' own addresses be known."""
    async with contextlib.AsyncExitStack() as stack:
        home = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        proxies = {}
        for served in site.pools:
            if not names or served.name in names:
                proxies[served.name] = await stack.enter_async_context(Proxy(served.url))
                if not members:
                    _hide_hosts(site, served)
        made = Engine(site, proxies, home)
        try:
            if connect:
                for name in proxies:
                    await made.connections.add(made.address(name), "secret", keep=False)
                await until(lambda: all(made.is_connected(name) for name in proxies))
            yield made
        finally:
            await made.jobs.shut_down()
            await made.journal.close()
            await made.connections.shut_down()
