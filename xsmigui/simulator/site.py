"""Pools with the xapi that serves them, and the site: all pools of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from xsmigui.simulator import guests, operations
from xsmigui.simulator.certificates import Certificate
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.content import Contents
from xsmigui.simulator.events import Events, Messages
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import host as gate
from xsmigui.simulator.gates.memory import free_memory
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.profiles import Profile
from xsmigui.simulator.sessions import Account, Sessions
from xsmigui.simulator.tasks import Tasks

COLLECT_EVERY_S: Final = 30.0  # between two passes of the garbage collector (xapi_globs.ml)
LOCK_TIMEOUT_S: Final = 7200.0  # how long a conflicting operation is waited for (helpers.ml, Helpers.retry)


class XapiPool(Pool):
    """A pool and the xapi that serves it."""

    def __init__(self, profile: Profile, clock: Clock, seed: int | str = 0) -> None:
        super().__init__(profile, clock, seed)
        self.db.before_read = self.refresh
        self.tasks = Tasks(self)
        self.sessions = Sessions(self, self.tasks)
        self.messages = Messages()
        self.events = Events(self, self.sessions, self.messages)
        self.site: Site | None = None
        self.lock_timeout_s = LOCK_TIMEOUT_S
        self.endpoints: dict[str, str] = {}  # host → URL at which it is served
        self.certificates: dict[str, Certificate] = {}  # host → what it shows there
        self.background: set[asyncio.Task[object]] = set()
        self.while_served: list[Callable[[], Coroutine[Any, Any, None]]] = []  # run from the first served moment on

    def account(self, user: str, password: str, *roles: str) -> None:
        """A user who may log in; without roles it is a local superuser like root."""
        self.sessions.accounts[user] = Account(password, frozenset(roles or {"pool-admin"}), not roles)

    def refresh(self) -> None:
        """Recomputes allowed_operations of everything that recent writes may have affected."""
        if self.db.dirty:
            operations.refresh(self)

    def message(self, name: str, priority: int, cls: str, obj_uuid: str, body: str = "") -> str:
        ref = self.db.new_ref()
        self.messages.add(ref, {
            "uuid": self.db.new_uuid(), "name": name, "priority": priority, "cls": cls, "obj_uuid": obj_uuid,
            "timestamp": self.clock.date(), "body": body,
        })  # fmt: skip
        self.db.poke()
        return ref

    # -- xapi itself -----------------------------------------------------------------------------------------------

    async def restart(self) -> None:
        """xapi starts anew: what it was doing ends unfinished, sessions and tasks are forgotten, the database stays."""
        for moving in list(self.faults.moving):
            moving.call.abandoned |= moving.source is self
            if moving.source is not self:
                moving.abort(Failure("CANNOT_CONTACT_HOST", moving.host))
        works = [w for w in self.background if w is not asyncio.current_task()]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        for session in list(self.sessions.live):
            self.sessions.end(session)
        self.tasks.forget()
        self.storage_motions.clear()
        for vm in list(self.scheduled):
            if self.db.has("VM", vm):
                self.db.set("VM", vm, scheduled_to_be_resident_on=NULL)
        self.scheduled.clear()
        for cls in ("VM", "VDI", "SR", "host", "VBD", "VIF", "pool"):
            for ref, row in list(self.db.table(cls).items()):
                if row["current_operations"]:
                    self.db.set(cls, ref, current_operations={})
        self.refresh()

    def lose_host(self, host: str) -> None:
        """A host dies: nothing but host_metrics.live tells, its VMs still count as running there (seen on 24.10). Where
        high availability is on, it resets them and starts the protected ones elsewhere."""
        self.db.set("host_metrics", self.db.get("host", host, "metrics"), live=False)
        for moving in list(self.faults.moving):
            if moving.source is self and moving.sender == host:
                moving.abort(Failure("CANNOT_CONTACT_HOST", host), abandon=True)
            elif moving.target is self and moving.host == host:
                moving.abort(Failure("CANNOT_CONTACT_HOST", host))
        if self.row["ha_enabled"]:
            self._fail_over(host)

    def _fail_over(self, host: str) -> None:
        """What high availability does for a dead host's VMs: their state is reset; those that it restarts come first,
        by their order, then the others that it tries to, as far as hosts have room (xapi_ha_vm_failover.ml)."""
        dead = [v for v in self.db.get("host", host, "resident_VMs") if not self.db.get("VM", v, "is_control_domain")]
        for vm in dead:
            guests.halt(self, vm)
        rows = {vm: self.db.row("VM", vm) for vm in dead}
        wanted = [vm for vm in dead if rows[vm]["ha_restart_priority"] or rows[vm]["ha_always_run"]]
        for vm in sorted(wanted, key=lambda v: (rows[v]["ha_restart_priority"] != "restart", rows[v]["order"], v)):
            able = gate.possible(self, vm)
            if able:
                guests.boot(self, vm, max(able, key=lambda h: (free_memory(self, h), h)))

    def find_host(self, host: str) -> None:
        """A lost host is back, with nothing running on it but its control domain."""
        for vm in list(self.db.get("host", host, "resident_VMs")):
            if not self.db.get("VM", vm, "is_control_domain"):
                guests.halt(self, vm)
        self.db.set("host_metrics", self.db.get("host", host, "metrics"), live=True)
        self.db.set("host", host, enabled=host not in self.disabled_for_good)

    def designate(self, host: str) -> None:
        """Another host coordinates the pool from now on; the old one sends its clients there."""
        self.db.row("host", host)
        self.db.set("pool", self.ref, master=host)

    async def collect_forever(self) -> None:
        """xapi's garbage collector on the coordinator."""
        while True:
            await asyncio.sleep(COLLECT_EVERY_S / self.clock.speed if self.clock.speed else COLLECT_EVERY_S)
            self.collect()

    def collect(self) -> None:
        self.sessions.expire()
        self.tasks.collect()

    def spawn(self, work: asyncio.Task[object]) -> None:
        """Keeps a background task alive until it ends."""
        self.background.add(work)
        work.add_done_callback(self.background.discard)


class Site:
    """All pools of one process. They share a clock and can reach each other, so VMs can move between them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pools: list[XapiPool] = []
        self.contents = Contents()

    def add(self, pool: XapiPool) -> XapiPool:
        pool.site = self
        pool.contents = self.contents
        self.pools.append(pool)
        return pool

    def by_session(self, session: str) -> XapiPool:
        """The pool that a receive map's session belongs to; SESSION_INVALID where no pool knows it."""
        for pool in self.pools:
            if session in pool.sessions.live:
                return pool
        raise Failure("SESSION_INVALID", session)
