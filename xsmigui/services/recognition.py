"""Whether the pools that are connected are those in which a job was started, and not copies of their databases."""

from xsmigui.core.jobs import VmJob
from xsmigui.core.messages import Text, m_
from xsmigui.core.migration.plan import Plan
from xsmigui.core.pool_marks import PoolMark, is_same, mark_of
from xsmigui.core.refs import PoolId
from xsmigui.services.carrying import Gateways
from xsmigui.services.store import Store


class Recognition:
    """Notes what pools are known by, and looks whether they still are."""

    def __init__(self, store: Store, gateways: Gateways) -> None:
        self._store = store
        self._gateways = gateways

    def marks(self, plan: Plan) -> tuple[PoolMark, ...]:
        """What the pools of a plan are known by at this moment."""
        found = []
        for pool in dict.fromkeys(PoolId(thing.uuid) for thing in (plan.source, plan.target)):
            gateway, inventory = self._gateways.gateway(pool), self._store.inventory(pool)
            if gateway is not None and inventory is not None:
                found.append(mark_of(gateway.url, gateway.fingerprint, inventory))
        return tuple(found)

    def is_connected(self, vm: VmJob) -> bool:
        """Every pool of this part of a job is."""
        return all(self._gateways.gateway(mark.pool) is not None for mark in vm.pools)

    async def connected(self, vm: VmJob) -> None:
        """Wait until it is so."""
        for mark in vm.pools:
            await self._gateways.wait_for_gateway(mark.pool)

    def doubt(self, vm: VmJob) -> Text:
        """Why a pool may be another one than this part was started in; empty where all are known."""
        for mark in vm.pools:
            gateway = self._gateways.gateway(mark.pool)
            if gateway is not None and not is_same(mark, gateway.url, gateway.fingerprint):
                inventory = self._store.inventory(mark.pool)
                return m_(
                    "{url} presents a different certificate from the coordinator on which this job was left: it"
                    " may be a copy of {pool}. Continue only if you know that it is the pool itself.",
                    url=gateway.url,
                    pool=inventory.name if inventory is not None else mark.pool,
                )
        return ""
