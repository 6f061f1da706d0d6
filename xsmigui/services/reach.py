"""Which pools can be reached at present, since when not, and who waits for one."""

import asyncio
from datetime import datetime

from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.refs import PoolId
from xsmigui.services.server_states import Server, Trouble


class Reach:
    """The ways to the pools."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gateways: dict[PoolId, Gateway] = {}
        self._awaited: dict[PoolId, list[asyncio.Future[Gateway]]] = {}
        self._lost_since: dict[PoolId, datetime] = {}
        self._reasons: dict[PoolId, tuple[str, Exception]] = {}

    def gateway(self, pool: PoolId) -> Gateway | None:
        """The way to a pool; None while it is not connected."""
        return self._gateways.get(pool)

    async def wait_for(self, pool: PoolId) -> Gateway:
        """The way to a pool, once it is connected (again)."""
        if pool in self._gateways:
            return self._gateways[pool]
        future: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(pool, []).append(future)
        return await future

    def opened(self, pool: PoolId, gateway: Gateway) -> None:
        """A pool is connected; whoever waits for it goes on at the next `wake`."""
        self._gateways[pool] = gateway
        self._lost_since.pop(pool, None)
        self._reasons.pop(pool, None)

    def wake(self) -> None:
        """Whoever waited for a pool goes on."""
        for pool in [pool for pool in self._awaited if pool in self._gateways]:
            for future in self._awaited.pop(pool):
                if not future.done():
                    future.set_result(self._gateways[pool])

    def lost(self, pool: PoolId) -> None:
        """A pool is connected no longer."""
        self._gateways.pop(pool, None)
        self._lost_since.setdefault(pool, self._clock.now())

    def because(self, pool: PoolId, reason: str, failure: Exception) -> None:
        """Why it is not: as a sentence, and what was answered."""
        self._reasons[pool] = reason, failure

    def trouble(self, pool: PoolId, server: Server | None) -> Trouble | None:
        """Why a pool is not connected at present; None if it is, or was never. `server` is the one that led to it, if
        it is still one of the operator's."""
        if pool not in self._lost_since or pool in self._gateways:
            return None
        given_up = server is None or server.link in (Link.failed, Link.closed)
        seconds = (self._clock.now() - self._lost_since[pool]).total_seconds()
        members = server.members if server is not None else {}
        hosts = {url: shown for url, shown in members.items() if server is None or url != server.address.url}
        reason, failure = self._reasons.get(pool, ("", None))
        return Trouble(reason, seconds, given_up, hosts, failure)
