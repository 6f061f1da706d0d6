"""From a server's feed to those who keep what it tells."""

import asyncio
from typing import Protocol

from xsmigui.core.changes import Event
from xsmigui.core.inventory import Inventory
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import PoolId


class Keeper(Protocol):
    """Who keeps the inventories, as `services.connections` does."""

    def expect_alone(self, url: str, inventory: Inventory, gateway: Gateway) -> None:
        """Raises `AlreadyConnected` and `OtherPool`."""

    def loaded(self, url: str, inventory: Inventory, gateway: Gateway) -> None: ...

    def changed(self, url: str, pool: PoolId, events: list[Event]) -> None: ...

    def wake(self) -> None:
        """Whoever waited for the pool goes on."""


class Follower:
    """Hears the feed of one server. `pool` is None until it has loaded."""

    def __init__(self, keeper: Keeper, url: str) -> None:
        self._keeper = keeper
        self.url = url
        self.pool: PoolId | None = None

    def loaded(self, inventory: Inventory, gateway: Gateway) -> None:
        self._keeper.expect_alone(self.url, inventory, gateway)
        self.pool = inventory.id  # first: whoever hears of it may fail, and then it is taken away again
        self._keeper.loaded(self.url, inventory, gateway)

    def changed(self, events: list[Event]) -> None:
        if self.pool is not None:
            self._keeper.changed(self.url, self.pool, events)

    def wake(self) -> None:
        self._keeper.wake()


class Announcing:
    """Passes the feed on, and tells at the first load that the server can be used."""

    def __init__(self, follower: Follower, gateway: Gateway, ready: "asyncio.Future[None] | None") -> None:
        self._follower = follower
        self._gateway = gateway
        self._ready = ready

    def loaded(self, inventory: Inventory) -> None:
        self._follower.loaded(inventory, self._gateway)
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self._follower.wake()

    def changed(self, events: list[Event]) -> None:
        self._follower.changed(events)
