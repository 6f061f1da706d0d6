"""High availability: for how many failures there is a plan, and what would break it (xapi_ha_vm_failover.ml,
update_pool_status and assert_configuration_change_preserves_ha_plan)."""

from __future__ import annotations

import pytest

from tests.simulator.inside import Client
from tests.simulator.test_setters import told
from tests.simulator.test_sheet_gates import _big_pool
from xsmigui.simulator.failures import EPOCH

BREAKS = ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]


def _status(one: Client) -> tuple[int, bool]:
    return one.pool.row["ha_plan_exists_for"], one.pool.row["ha_overcommitted"]


async def test_a_plan_counts_no_further_than_what_is_wished_for() -> None:
    one, _, add = await _big_pool(2)
    pool = one.pool.ref
    for host in range(2):
        await add(50, host)
    for wished, status in ((0, (0, False)), (2, (1, True)), (1, (1, False)), (0, (0, False))):
        await one("pool.set_ha_host_failures_to_tolerate", pool, wished)
        assert (wished, _status(one)) == (wished, status)
    await one("pool.disable_ha")
    assert _status(one) == (0, False)


async def test_what_would_break_a_plan() -> None:
    """More failures than it stands, a host less: refused while there is a plan, though for fewer than wished for."""
    one, hosts, add = await _big_pool(2)
    pool = one.pool.ref
    for host in range(2):
        await add(50, host)
    await one("pool.set_ha_host_failures_to_tolerate", pool, 1)
    assert await told(one, "pool.set_ha_host_failures_to_tolerate", pool, 2) == BREAKS
    assert await told(one, "host.disable", hosts[1]) == BREAKS
    one.pool.db.set("pool", pool, ha_allow_overcommit=True)
    assert await told(one, "pool.set_ha_host_failures_to_tolerate", pool, 2) == []
    one.pool.db.set("pool", pool, ha_allow_overcommit=False)
    assert _status(one) == (1, True)
    assert await told(one, "host.disable", hosts[1]) == BREAKS  # there is one for a single failure still
    assert await one("host.get_enabled", hosts[1])


@pytest.mark.parametrize("wished", [0, 1])
async def test_a_coordinator_that_is_named_forgets_when_updates_were_looked_for(wished: int) -> None:
    one, hosts, _ = await _big_pool(2)
    one.pool.db.set("pool", one.pool.ref, last_update_sync="20250101T00:00:00Z", ha_enabled=bool(wished))
    other = next(h for h in hosts if h != one.pool.master)
    answer = await told(one, "pool.designate_new_master", other)
    assert answer == (["HA_IS_ENABLED"] if wished else [])
    assert one.pool.row["last_update_sync"] == ("20250101T00:00:00Z" if wished else EPOCH)
