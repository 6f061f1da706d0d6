"""What a job does before it changes anything outlasts a broken connection: it is done again from its beginning."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.refs import PoolId

LOOK_INTERVAL_S: Final = 1.0
"""Seconds between two looks whether a pool is connected."""


class Ways(Protocol):
    """The ways to the pools, as `services.connections` keeps them."""

    def gateway(self, pool: PoolId) -> Gateway | None: ...


async def begun_afresh(
    work: Callable[[], Awaitable[None]],
    ways: Ways,
    pools: Sequence[PoolId],
    clock: Clock,
    *,
    refusal: type[Exception],
    waits: Callable[[], None],
) -> None:
    """Do the work over connections that hold: a `refusal` counts only if none of them broke meanwhile. `waits` is
    called while one is waited for, and may raise."""
    while True:
        before = [await _connected(ways, pool, clock, waits) for pool in pools]
        try:
            return await work()
        except refusal:
            if before == [ways.gateway(pool) for pool in pools]:
                raise


async def _connected(ways: Ways, pool: PoolId, clock: Clock, waits: Callable[[], None]) -> Gateway:
    while (gateway := ways.gateway(pool)) is None:
        waits()
        await clock.sleep(LOOK_INTERVAL_S)
    return gateway
