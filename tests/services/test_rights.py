"""What a session must be allowed (R08) is every call that a job makes and that not everybody may make."""

import pytest

from tests.services.engine import engine
from tests.services.motions import MOTIONS, Calls, Motion, end
from tests.services.test_short_stop import ONE, plan_of
from tests.simulated import Simulated
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.facts import MayCall
from xsmigui.core.migration.plan import draft_of
from xsmigui.core.refs import HostRef
from xsmigui.simulator.permissions import permissions_of
from xsmigui.simulator.schema import schema

EVERYBODY = "read-only"


JOBS = {
    **MOTIONS,
    "short stop": Motion(("Madrid",), ONE, plan_of),
    "away, started after": Motion(
        ("Madrid", "Lisboa"), "intranet-old", lambda e: e.plan("intranet-old", to="Lisboa", start_after=True)
    ),
}


@pytest.mark.parametrize("name", JOBS)
async def test_every_call_of_a_job_is_asked_for(site: Simulated, name: str) -> None:
    motion = JOBS[name]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        found = evaluate(made.store.site(), draft_of(plan, made.store.site()))
        wanted = {(q.pool, method) for q in found.questions if isinstance(q, MayCall) for method in q.methods}
        calls = Calls(site)
        vms = await end(made, made.jobs.start(plan))
        assert [vm.state for vm in vms] == ["done"] * len(vms), [vm.message for vm in vms]
        pools = {pool: made.pool(pool) for pool in motion.pools}
        roles = permissions_of(schema())
        needed = {(pools[pool], method) for pool, method, _n in calls.made if EVERYBODY not in roles[method]}
        assert needed
        assert needed <= wanted, sorted(method for _pool, method in needed - wanted)


async def test_every_call_that_empties_a_host_is_asked_for(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        inventory = made.inventory("Lisboa")
        host = HostRef(inventory.find("host", "lisboa-02")[0])
        draft = evacuation.evacuation(made.store.site(), inventory.id, host)
        found = evaluate(made.store.site(), draft)
        wanted = {method for q in found.questions if isinstance(q, MayCall) for method in q.methods}
        calls = Calls(site)
        await made.desk.enter_maintenance(inventory.id, host, draft.vms)
        roles = permissions_of(schema())
        needed = {method for _pool, method, _n in calls.made if EVERYBODY not in roles[method]}
        assert "host.disable" in needed
        assert needed <= wanted
