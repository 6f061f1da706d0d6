"""One simulated pool: its database, sessions, tasks, events and the state that xapi keeps outside its database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from xsmigui.simulator import operations
from xsmigui.simulator.clock import Clock, PoolClock
from xsmigui.simulator.content import Contents
from xsmigui.simulator.events import Events, Messages
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.faults import Faults
from xsmigui.simulator.profiles import Profile
from xsmigui.simulator.schema import Schema, schema
from xsmigui.simulator.sessions import Account, Sessions
from xsmigui.simulator.tables import Database, Row
from xsmigui.simulator.tasks import Tasks

if TYPE_CHECKING:
    from xsmigui.simulator.certificates import Certificate
    from xsmigui.simulator.site import Site

COLLECT_EVERY = 30.0  # seconds between two passes of the garbage collector (xapi_globs.ml)
LOCK_PATIENCE = 7200.0  # seconds that a conflicting operation is waited for (helpers.ml, Helpers.retry)


class Pool:
    """`db` is public on purpose: tests look into the tables, scenarios fill them."""

    def __init__(self, profile: Profile, clock: Clock, seed: int | str = 0) -> None:
        self.profile = profile
        self.clock = PoolClock(clock)
        self.schema: Schema = schema(profile.release)
        self.db = Database(self.schema, seed)
        self.db.before_read = self.refresh
        self.sessions = Sessions(self)
        self.tasks = Tasks(self)
        self.messages = Messages()
        self.events = Events(self)
        self.faults = Faults(self)
        self.site: Site | None = None
        self.contents = Contents()  # the site's, once the pool belongs to one
        self.patience = 1.0  # factor on event.from's gathering pauses; 0 in the fastest tests
        self.lock_patience = LOCK_PATIENCE
        self.storage_motions: Counter[str] = Counter()  # per sending host's xapi
        self.endpoints: dict[str, str] = {}  # host → URL at which it is served
        self.certificates: dict[str, Certificate] = {}  # host → what it shows there
        self.background: set[asyncio.Task[object]] = set()
        self.disabled_for_good: set[str] = set()  # hosts that stay disabled after a reboot
        self.scheduled: set[str] = set()  # VMs that are on their way to a host
        self.tools: dict[str, Row] = {}  # what a guest's tools will say once it runs again, by the VM's uuid
        self.sriov_functions: dict[str, int] = {}  # virtual functions of an SR-IOV card, by its network_sriov
        self._rules: tuple[object, ...] = (False, None, False)  # as allowed_operations were last computed
        self.while_served: list[Callable[[], Coroutine[Any, Any, None]]] = []  # run from the first served moment on
        self.stale: set[str] = set()  # VMs whose allowed_operations are as at the start until something is done to them
        self.keeps_addresses = False  # host.address says what the database says, not where the host is served
        self.management_known = True  # xapi's own inventory names a bridge of this database as management interface
        self._plugins: dict[str, list[dict[str, int]]] | None = None
        self._owners: dict[tuple[str, str], str] = {}

    def account(self, user: str, password: str, *roles: str) -> None:
        """A user who may log in; without roles it is a local superuser like root."""
        self.sessions.accounts[user] = Account(password, frozenset(roles or {"pool-admin"}), not roles)

    # -- what everybody asks ---------------------------------------------------------------------------------------

    @property
    def ref(self) -> str:
        return next(iter(self.db.table("pool")))

    @property
    def row(self) -> Row:
        return self.db.row("pool", self.ref)

    @property
    def master(self) -> str:
        rows = self.db.table("pool")
        return str(next(iter(rows.values()))["master"]) if rows else NULL

    @property
    def name(self) -> str:
        """The pool's name, or its only host's where it has none (a standalone host)."""
        return str(self.row["name_label"] or self.db.get("host", self.master, "name_label"))

    def rolling_upgrade(self) -> bool:
        return "rolling_upgrade_in_progress" in self.row["other_config"]

    def rules_changed(self) -> bool:
        """Whether the pool's row now makes other operations possible than when this was asked last."""
        row = self.row
        rules = self.rolling_upgrade(), row["other_config"].get("allow_clone_suspended_vm"), row["ha_enabled"]
        changed = rules != self._rules
        self._rules = rules
        return changed

    def live(self, host: str) -> bool:
        row = self.db.find("host", host)
        metrics = self.db.find("host_metrics", row["metrics"]) if row else None
        return bool(metrics and metrics["live"])

    def reach(self, host: str) -> None:
        """Forwarding a call: HOST_OFFLINE for a host that is not live (message_forwarding.ml)."""
        if not self.live(host):
            raise Failure("HOST_OFFLINE", host)

    # -- keeping derived fields true -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Recomputes allowed_operations of everything that recent writes may have affected."""
        if self.db.dirty:
            operations.refresh(self)

    def plugins(self) -> dict[str, list[dict[str, int]]]:
        """Capabilities of the SM plug-ins by type."""
        if self._plugins is None:
            self._plugins = {}
            for row in self.db.table("SM").values():
                self._plugins.setdefault(row["type"], []).append(row["features"])
        return self._plugins

    def forget_plugins(self) -> None:
        self._plugins = None

    def owner_of(self, field: str, metrics: str) -> str | None:
        """The VM whose `field` names these metrics; the index is rebuilt when it has grown old."""
        vms = self.db.table("VM")
        owner = self._owners.get((field, metrics))
        if owner is None or owner not in vms or vms[owner][field] != metrics:
            self._owners = {(f, row[f]): ref for ref, row in vms.items() for f in ("metrics", "guest_metrics")}
            owner = self._owners.get((field, metrics))
        return owner

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
        from xsmigui.simulator import guests  # they need this module's types
        from xsmigui.simulator.gates import host as gate
        from xsmigui.simulator.gates.memory import free_memory

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
        from xsmigui.simulator import guests  # it needs the gates, which need this module's types

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
            await asyncio.sleep(COLLECT_EVERY / self.clock.speed if self.clock.speed else COLLECT_EVERY)
            self.collect()

    def collect(self) -> None:
        self.sessions.expire()
        self.tasks.collect()

    def spawn(self, work: asyncio.Task[object]) -> None:
        """Keeps a background task alive until it ends."""
        self.background.add(work)
        work.add_done_callback(self.background.discard)
