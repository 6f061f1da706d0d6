"""The store: the present inventory of every pool, and who wants to hear of changes.

One thread owns it (the loop's). Events come in by `put` and `apply`, deltas go out to the listeners in the order in
which they subscribed.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xsmigui.core.changes import Delta, Event, apply, difference
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Claim, Site
from xsmigui.core.refs import PoolId, VdiRef


@dataclass(frozen=True, slots=True)
class Change:
    """What a listener hears: a pool's inventory before and after, and the difference. `after` is None when it left.
    `touched` are the disks that were changed and are as they were: a VBD that came and went between two answers of the
    server leaves no other sign (xapi 24.10 `xapi_event.ml` tells nothing of it; `db_cache_types.ml`,
    `update_one_to_many` writes the VDI's row)."""

    pool: PoolId
    before: Inventory | None
    after: Inventory | None
    delta: Delta
    touched: frozenset[str] = frozenset()


Listener = Callable[[Change], None]

SEEN_WITHIN_S: Final = 30.0
"""Seconds for the events of a change that a server has confirmed."""


class Store:
    """All inventories, and which pools answer at present."""

    def __init__(self) -> None:
        self._pools: dict[PoolId, Inventory] = {}
        self._connected: set[PoolId] = set()
        self._run = secrets.token_hex(4)
        self._gaps: dict[PoolId, int] = {}
        self._listeners: Final[list[Listener]] = []
        self.claims: Callable[[], tuple[Claim, ...]] = tuple
        """What jobs under way will still take; `Jobs` puts itself here."""

    def site(self) -> Site:
        """Everything that is known, as a value."""
        return Site(dict(self._pools), frozenset(self._connected))

    def booked(self, claims: tuple[Claim, ...] | None = None) -> Site:
        """The site with what jobs under way will still take; with these claims alone where they are given."""
        return Site(dict(self._pools), frozenset(self._connected), self.claims() if claims is None else claims)

    def inventory(self, pool: PoolId) -> Inventory | None:
        return self._pools.get(pool)

    def is_connected(self, pool: PoolId) -> bool:
        return pool in self._connected

    def watch(self, pool: PoolId) -> str:
        """Names the time since which no event of this pool can have been missed; another one in each run of the
        program."""
        return f"{self._run}-{self._gaps.get(pool, 0)}"

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every change; the answer ends it."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    async def until(self, condition: Callable[[], bool], within: float = SEEN_WITHIN_S) -> bool:
        """Wait for a change that makes a condition true; False where none does in so many seconds."""
        seen = asyncio.Event()

        def look(_change: Change | None = None) -> None:
            if condition():
                seen.set()

        leave = self.subscribe(look)
        look()
        try:
            await asyncio.wait_for(seen.wait(), within)
        except TimeoutError:
            return False
        finally:
            leave()
        return True

    def put(self, inventory: Inventory) -> None:
        """A pool was loaded, at first or again. What stayed the same is not reported."""
        pool = inventory.id
        before = self._pools.get(pool)
        delta = Delta(whole=True) if before is None else difference(before, inventory)
        self._pools[pool] = inventory
        self._connected.add(pool)
        self._missed(pool)
        self._tell(Change(pool, before, inventory, delta))

    def apply(self, pool: PoolId, events: list[Event]) -> None:
        """Events of a pool, in one batch."""
        before = self._pools[pool]
        touched = frozenset(
            e.ref
            for e in events
            if e.cls == "VDI" and e.record is not None and e.record == before.VDI.get(VdiRef(e.ref))
        )
        after, delta = apply(before, events)
        if delta or touched:
            self._pools[pool] = after
            self._tell(Change(pool, before, after, delta, touched))

    def disconnected(self, pool: PoolId) -> None:
        """The pool no longer answers. What was known last stays, and is known to be old."""
        if pool in self._connected:
            self._connected.discard(pool)
            self._missed(pool)
            inventory = self._pools[pool]
            self._tell(Change(pool, inventory, inventory, Delta(whole=True)))

    def remove(self, pool: PoolId) -> None:
        """The operator let the pool go."""
        self._connected.discard(pool)
        before = self._pools.pop(pool, None)
        if before is not None:
            self._tell(Change(pool, before, None, Delta(whole=True)))

    def _missed(self, pool: PoolId) -> None:
        self._gaps[pool] = self._gaps.get(pool, 0) + 1

    def _tell(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)
