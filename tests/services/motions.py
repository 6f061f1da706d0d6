"""Every kind of motion that the program carries out, and the calls that each makes: to be stopped or broken at any."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.holding import PATIENCE, until
from tests.services.engine import Engine
from tests.services.test_exchange import settled, sr_of
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, VmJob
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import HostRef, VdiRef, VmRef
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.faults import Dropped


@dataclass(frozen=True, slots=True)
class Motion:
    """`plan` makes it ready in an engine that is connected to `pools`; `vm` is the VM, or one of those, that moves out
    of the first pool."""

    pools: tuple[str, ...]
    vm: str
    plan: Callable[[Engine], Awaitable[Plan]]

    @property
    def crosses(self) -> bool:
        return len(self.pools) > 1


async def _disks(made: Engine, vm: str, sr: str, **copying: Any) -> Plan:
    inventory = made.inventory("Madrid")
    ref = VmRef(made.site.vm(made.served("Madrid"), vm))
    disks = [VdiRef(disk) for _vbd, disk, _vdi in inventory.disks(ref)]
    draft = draft_of_disks(made.store.site(), inventory.id, disks, sr_of(made, sr))
    return await settled(made, draft.copying(True, **copying) if copying else draft)


async def _evacuation(made: Engine) -> Plan:
    pool, host = made.pool("Lisboa"), HostRef(made.inventory("Lisboa").find("host", "lisboa-02")[0])
    draft = evacuation.evacuation(made.store.site(), pool, host)
    plan = await settled(made, draft)
    await made.desk.enter_maintenance(pool, host, draft.vms)
    return plan


async def _return(made: Engine) -> Plan:
    job = made.jobs.start(await _evacuation(made))
    await asyncio.wait_for(made.jobs.wait(job.id), PATIENCE)
    pool, host = made.pool("Lisboa"), HostRef(made.inventory("Lisboa").find("host", "lisboa-02")[0])
    vms = evacuation.returning(made.inventory("Lisboa"), host).run
    await made.desk.leave_maintenance(pool, host)
    assert await made.store.until(lambda: evacuation.accepts_vms(made.store.inventory(pool), host))
    return await settled(made, evacuation.back(made.store.site(), pool, host, vms))


MOTIONS: Final[dict[str, Motion]] = {
    "copied, kept": Motion(("Madrid",), "erp-test", lambda e: _disks(e, "erp-test", "iSCSI Madrid", keep_days=7)),
    "copied, removed": Motion(("Madrid",), "erp-test", lambda e: _disks(e, "erp-test", "iSCSI Madrid", keep_days=0)),
    "live": Motion(("Madrid",), "web-01", lambda e: e.plan("web-01", to="Madrid", host="madrid-02")),
    "with its disks": Motion(
        ("Madrid",), "monitoring", lambda e: e.plan("monitoring", to="Madrid", host="madrid-01", sr="NFS Madrid")
    ),
    "its disks alone": Motion(("Madrid",), "monitoring", lambda e: _disks(e, "monitoring", "NFS Madrid")),
    "away, running": Motion(("Madrid", "Lisboa"), "web-01", lambda e: e.plan("web-01", to="Lisboa")),
    "away, halted": Motion(
        ("Madrid", "Lisboa"), "intranet-old", lambda e: e.plan("intranet-old", to="Lisboa", prove=True)
    ),
    "away, suspended": Motion(("Madrid", "Lisboa"), "test-suspended", lambda e: e.plan("test-suspended", to="Lisboa")),
    "copy": Motion(
        ("Madrid", "Lisboa"), "intranet-old", lambda e: e.plan("intranet-old", to="Lisboa", copy=True, prove=True)
    ),
    "evacuation": Motion(("Lisboa",), "dns-lx", _evacuation),
    "return": Motion(("Lisboa",), "dns-lx", _return),
}

Called = tuple[str, str, int]
"""A call: the pool, the method, and which call of this method it is, from 1."""


def changes(method: str) -> bool:
    """A call that is no mere look."""
    return ".get_" not in method and ".assert_" not in method


_OF_CONNECTIONS = ("event.", "session.", "pool.get_all")
"""What connections ask by themselves."""


class Calls:
    """Hears of every call that the pools get from now on. Where `at` is given the site stands still at the call of this
    number (of those that change something, where `changes` is true): `before` it is carried out, `after` it was carried
    out and before it is answered, or `late`: it is carried out when the site is released, though nobody waits any
    more."""

    def __init__(self, site: Simulated, at: int = 0, how: str = "", *, changes: bool = False) -> None:
        self.made: list[Called] = []
        self.reached = threading.Event()
        self._at, self._how, self._changes = at, how, changes
        self._broken: tuple[Called, str] | None = None
        self._heard = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._go: asyncio.Event | None = None
        self._site = site
        site.run(self._begin)

    def _begin(self) -> None:
        self._go = asyncio.Event()
        for served in self._site.pools:
            self._listen(served.name, served.pool.faults)

    def _listen(self, pool: str, faults: Any) -> None:
        strike = faults.strike

        async def heard(call: Any) -> None:
            method = call.message.full
            if call.live is not None and not method.startswith(_OF_CONNECTIONS) and not self._is_foreign(call):
                self._counts[pool, method] += 1
                self.made.append((pool, method, self._counts[pool, method]))
                self._heard += not self._changes or changes(method)
                if self._broken is not None:
                    await self._break(call, pool, method)
                # A job that ended before it made so many calls was never stopped: what comes later is let be.
                if self._heard == self._at and not self.reached.is_set() and not self._is_released:
                    await self._stand_still(call)
            await strike(call)

        faults.strike = heard

    def _is_foreign(self, call: Any) -> bool:
        return bool(call.pool.db.get("session", call.session, "originator") == "test")

    def break_at(self, called: Called, how: str) -> None:
        """From now on this call is `refused once`, `refused for good` (and all of its kind after it), its answer is
        `lost`, or it is carried out `late`, when the site is released and nobody waits for it any more."""
        self._site.run(self._counts.clear)
        self._broken = called, how

    async def _break(self, call: Any, pool: str, method: str) -> None:
        assert self._broken is not None
        assert self._go is not None
        (where, what, nth), how = self._broken
        now = self._counts[pool, method]
        if (pool, method) != (where, what) or now < nth or (now > nth and how != "refused for good"):
            return
        self.reached.set()
        if how.startswith("refused"):
            raise Failure("INTERNAL_ERROR", how)
        if how == "lost":
            call.cut = 0
        else:
            await self._go.wait()

    async def _stand_still(self, call: Any) -> None:
        assert self._go is not None
        self.reached.set()
        if self._how == "after":
            call.cut = 0
            return
        await self._go.wait()
        if self._how == "before":
            raise Dropped(call.message.full)

    @property
    def _is_released(self) -> bool:
        return self._go is not None and self._go.is_set()

    def release(self) -> None:
        assert self._go is not None
        self._site.run(self._go.set)


async def end(made: Engine, job: Job) -> tuple[VmJob, ...]:
    """How it ends. Where a request may still start, nobody waits for a quarter of an hour: the operator decides."""

    def may_begin() -> bool:
        return any("It may still start" in vm.message for vm in made.jobs.get(job.id).vms)

    waiting = asyncio.ensure_future(made.jobs.wait(job.id))
    await until(lambda: waiting.done() or may_begin())
    if not waiting.done():
        made.jobs.cancel(job.id)
    await until(waiting.done)
    return waiting.result().vms


def drives_of(site: Simulated, motion: Motion) -> list[tuple[str, str]]:
    """The VM's drives: their pools and positions."""
    found = []
    for name in motion.pools:
        db = site[name].pool.db

        def look(db: Any = db) -> list[str]:
            vms = [v for v in db.table("VM").values() if v["name_label"] == motion.vm and not v["is_a_snapshot"]]
            return [db.get("VBD", ref, "userdevice") for vm in vms[:1] for ref in vm["VBDs"]]

        found += [(name, position) for position in site.run(look)]
    return found


def wrong(site: Simulated, plan: Plan, vm: VmJob) -> list[str]:
    """What is not as a verified move says, looked at in the simulator itself."""
    db = site[plan.target.name].pool.db

    def look() -> list[str]:
        name = vm.move.vm.name
        found = [(ref, v) for ref, v in db.table("VM").items() if v["name_label"] == name and not v["is_a_snapshot"]]
        if len(found) != 1:
            return [f"{len(found)} of {name}"]
        row = found[0][1]
        there = {}
        for ref in row["VBDs"]:
            vbd = db.row("VBD", ref)
            if vbd["type"] == "Disk":
                there[vbd["userdevice"]] = db.find("VDI", vbd["VDI"])
        said = {disk.old: disk for disk in vm.disks}
        told = []
        for disk in (d for d in vm.move.disks if not d.follows):
            vdi = there.get(disk.position)
            if vdi is None or vdi["SR"] != disk.target.ref:
                told.append(f"{disk.disk.name} is not where it is said to be")
            elif said[disk.disk.uuid].new != vdi["uuid"]:
                told.append(f"{disk.disk.name} is another disk")
        return told

    told = site.run(look)
    if plan.crosses and not plan.copy:
        source = site[plan.source.name].pool.db
        rows = site.run(lambda: [v["uuid"] for v in source.table("VM").values()])
        told += [f"{vm.move.vm.name} is still in {plan.source.name}"] if vm.move.vm.uuid in rows else []
    return told
