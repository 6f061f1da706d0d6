"""Sessions: login, expiry, roles (xapi_session.ml, session_check.ml, db_gc_util.ml)."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.permissions import ANY_TASK, KEYS, ROLES, at_least, guarded, permissions_of
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.schema import Message
from xsmigui.simulator.tables import Row
from xsmigui.simulator.tasks import Tasks

INACTIVE: Final = 86400.0  # seconds until an idle session is dropped
FRESH: Final = 600.0  # last_active is only rewritten when it is older
PER_ORIGINATOR: Final = 500
PER_USER: Final = 500
ANONYMOUS: Final = 400
POOL_ADMIN: Final = "pool-admin"


@dataclass(slots=True)
class Account:
    password: str
    roles: frozenset[str] = frozenset({POOL_ADMIN})
    superuser: bool = True


@dataclass(slots=True)
class Live:
    """What the row of a session does not hold."""

    user: str
    roles: frozenset[str]
    superuser: bool
    active: float
    subscriptions: set[str] = field(default_factory=set)  # event.register
    seen: int = 0  # generation up to which event.next has answered


class Sessions:
    def __init__(self, pool: Pool, tasks: Tasks) -> None:
        self._pool = pool
        self._tasks = tasks
        self.accounts: dict[str, Account] = {}
        self.live: dict[str, Live] = {}

    def login(self, user: str, password: str, originator: str, host: str) -> str:
        """A new session of `user` at `host`; SESSION_AUTHENTICATION_FAILED [user, PAM's message]."""
        account = self.accounts.get(user)
        if account is None:
            text = "User not known to the underlying authentication module"
            raise Failure("SESSION_AUTHENTICATION_FAILED", user, text)
        if account.password != password:
            raise Failure("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
        return self.open(user, account.roles, account.superuser, originator, host)

    def open(self, user: str, roles: frozenset[str], superuser: bool, originator: str, host: str) -> str:
        pool = self._pool
        self._make_room(originator, user)
        moment = pool.clock.date()
        ref = pool.db.create("session", {
            "this_host": host, "this_user": NULL, "last_active": moment, "validation_time": moment,
            "is_local_superuser": superuser, "auth_user_name": user, "auth_user_sid": "" if superuser else user,
            "originator": originator, "client_certificate": False,
            "rbac_permissions": [] if superuser else self._permissions(roles),
        }, f"OpaqueRef:{uuid.uuid4()}")  # never the same again: a session of before a restart is none  # fmt: skip
        self.live[ref] = Live(user, roles, superuser, pool.clock.now())
        return ref

    def _permissions(self, roles: frozenset[str]) -> list[str]:
        known = permissions_of(self._pool.schema).items()
        return sorted({name.lower() for name, able in known if not roles.isdisjoint(able)})

    def _make_room(self, originator: str, user: str) -> None:
        """The oldest sessions go where one originator or user has too many; root without an originator has fewer."""
        rows = self._pool.db.table("session")
        mine = [r for r in self.live if rows[r]["originator"] == originator]
        self._drop(mine, PER_ORIGINATOR if originator else ANONYMOUS)
        self._drop([r for r, live in self.live.items() if live.user == user], PER_USER)

    def _drop(self, refs: list[str], most: int) -> None:
        for ref in sorted(refs, key=lambda r: self.live[r].active)[: max(0, len(refs) - most + 1)]:
            self.end(ref)

    def end(self, ref: str) -> None:
        """Drops a session; whoever waits in event.from with it wakes with SESSION_INVALID."""
        if self.live.pop(ref, None) is not None:
            self._pool.db.delete("session", ref)
            self._pool.db.poke()

    def check(self, ref: str) -> Live:
        """The live session, or SESSION_INVALID with the reference that was sent."""
        live = self.live.get(ref)
        if live is None:
            raise Failure("SESSION_INVALID", ref)
        now = self._pool.clock.now()
        if now - live.active > FRESH:
            live.active = now
            self._pool.db.set("session", ref, last_active=self._pool.clock.date())
        return live

    def expire(self) -> None:
        """The garbage collector's pass: idle sessions without unfinished tasks end."""
        now = self._pool.clock.now()
        busy = {work.session for work in self._tasks.running.values()}
        for ref, live in list(self.live.items()):
            if now - live.active > INACTIVE and ref not in busy:
                self.end(ref)

    def authorise_key(self, live: Live, message: Message, key: str) -> None:
        """Some keys want another role than the call: XenCenter keeps folders and fields in other_config."""
        field = message.name.partition("_to_" if message.name.startswith("add_to_") else "_from_")[2]
        least = guarded(message.cls, field, key)
        if least is None:
            self.authorise(live, message)
        elif not (live.superuser or live.roles & set(at_least(least))):
            raise _denied(f"{message.full.lower()}/key:{key}", at_least(least))

    def authorise_map(self, live: Live, message: Message, ref: str, value: Row) -> None:
        """Whoever sets a whole map needs, for each key that it changes or drops, what the key wants (helpers.ml,
        set_map_with_rbac)."""
        field = message.name.removeprefix("set_")
        row = self._pool.db.find(message.cls, ref)
        if live.superuser or row is None or (message.cls, field) not in KEYS:
            return
        before = row[field]
        changed = [("add_to", key) for key, new in sorted(value.items()) if before.get(key) != new]
        for verb, key in changed + [("remove_from", key) for key in sorted(before) if key not in value]:
            least = guarded(message.cls, field, key)
            if least is not None and not live.roles & set(at_least(least)):
                pattern = next(p for p in KEYS[message.cls, field] if key == p or p[:-1] == key[: len(p) - 1])
                permission = f"{message.cls}.{verb}_{field}/key:{pattern}".lower()
                raise _denied(permission, at_least(least))

    def authorise_task(self, ref: str, live: Live, task: str) -> None:
        """Who has begun a task may end and change it, else whoever may do so with any (taskHelper.ml,
        assert_op_valid)."""
        owner = self._tasks.owners.get(task)
        if live.superuser or live.roles & set(at_least("pool-operator")) or not self._pool.db.has("task", task):
            return
        if owner is None or owner != self._pool.db.get("session", ref, "auth_user_sid"):
            raise _denied(ANY_TASK, at_least("pool-operator"))

    def authorise(self, live: Live, message: Message, key: str | None = None) -> None:
        """RBAC_PERMISSION_DENIED [permission, text naming the roles that would do]; root passes everything."""
        if live.superuser or live.roles & message.roles:
            return
        raise _denied(message.full.lower() + (f"/key:{key}" if key else ""), message.roles)


def _denied(permission: str, roles: Collection[str]) -> Failure:
    able = ", ".join(role for role in ROLES if role in roles)
    text = f"No permission in user session. (Roles with this permission: {able})"
    return Failure("RBAC_PERMISSION_DENIED", permission, text)
