"""A host dies in the middle of a migration, and high availability starts its VMs elsewhere, or nobody does."""

import asyncio
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.motions import MOTIONS, drives_of, end
from tests.services.test_exchange import quiet
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.core.refs import VmRef

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")


async def ready(made: Engine, other: Somebody, vm: str) -> tuple[str, str]:
    """The VM runs on a host that coordinates nothing: that one, and another of the kind."""
    master = made.served("Madrid").pool.master
    hosts = [h for h in other.call("host.get_all") if h != master and other.call("host.get_enabled", h)]
    now = other.call("VM.get_resident_on", vm)
    if now == master:
        await asyncio.to_thread(other.call, "VM.pool_migrate", vm, hosts[0], {"live": "true"})
        now = hosts[0]

    def is_seen() -> bool:
        seen = made.inventory("Madrid").VM[VmRef(vm)]
        return seen.resident_on == now and not seen.current_operations

    await until(is_seen)
    return now, next(h for h in hosts if h != now)


@pytest.mark.parametrize("by", ["high availability", "nobody"])
@pytest.mark.parametrize("name", ["live", "with its disks", "its disks alone", "away, running"])
async def test_the_host_it_comes_from_dies(site: Simulated, name: str, by: str) -> None:
    motion, other = MOTIONS[name], Somebody.at(site, "Madrid")
    vm = other.vm(motion.vm)
    async with engine(site, *motion.pools) as made:
        host, there = await ready(made, other, vm)
        if name == "live":
            plan = await made.plan(motion.vm, to="Madrid", host=str(other.call("host.get_name_label", there)))
        else:
            plan = await motion.plan(made)
        before = drives_of(site, motion)
        hold = Hold(site, 1)
        job = made.jobs.start(plan)
        await hold.until_held()
        if by == "high availability":
            pool: Any = made.served("Madrid").pool
            site.run(lambda: pool.db.set("pool", pool.ref, ha_enabled=True))
            site.run(lambda: pool.db.set("VM", vm, ha_restart_priority="restart", ha_always_run=True))
        site.fault(made.served("Madrid"), "lose_host", host=host)
        hold.release()
        (ending,) = await end(made, job)
        assert (ending.state, ending.verified) == (State.failed, False), ending.message
        assert f"{motion.vm} is in Madrid" in ending.message
        assert "cannot be reached" in ending.message
        assert drives_of(site, motion) == before
