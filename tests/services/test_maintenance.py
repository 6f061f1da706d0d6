"""Maintenance mode against a real connection: entered, left, and what happens when a call of it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.holding import until
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.jobs import State
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evacuation import MODE, MOVED
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.refs import HostRef
from xsmigui.services import maintenance
from xsmigui.services.drafting import Drafting


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def host_of(made: Engine, pool: str, name: str) -> HostRef:
    return HostRef(made.inventory(pool).find("host", name)[0])


async def judged(made: Engine, draft: Draft) -> Evaluation:
    drafting = Drafting(made.store, made.asker, made.clock, draft)
    try:
        return await drafting.settled()
    finally:
        drafting.close()


async def test_a_host_is_emptied_and_filled_again(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        draft = evacuation.evacuation(made.store.site(), pool, host)
        names = {made.inventory("Lisboa").VM[vm].name_label for vm in draft.vms}
        assert {"web-lx-02", "dns-lx"} <= names
        plan = (await judged(made, draft)).plan
        assert plan is not None
        await maintenance.enter(gateway, made.inventory("Lisboa"), host, draft.vms)
        row = made.row("Lisboa", "host", "lisboa-02")
        assert row["enabled"] is False
        assert row["other_config"][MODE] == "true"
        assert len(row["other_config"][MOVED].split(",")) == len(names)
        job = made.jobs.start(plan)
        done = await asyncio.wait_for(made.jobs.wait(job.id), 60)
        assert {vm.state for vm in done.vms} == {State.done}
        assert all(vm.verified for vm in done.vms)
        inventory = made.inventory("Lisboa")
        assert evacuation.residents(inventory, host) == ()
        assert set(evacuation.evacuated(inventory, host)) == set(draft.vms)

        # Entered once more, what left before is not forgotten.
        await maintenance.enter(gateway, inventory, host, ())
        assert len(made.row("Lisboa", "host", "lisboa-02")["other_config"][MOVED].split(",")) == len(names)

        returning = evacuation.evacuated(inventory, host)
        await maintenance.leave(gateway, host)
        assert await made.store.until(lambda: evacuation.takes(made.store.inventory(pool), host))
        assert not {MODE, MOVED} & set(made.row("Lisboa", "host", "lisboa-02")["other_config"])
        back = (await judged(made, evacuation.back(made.store.site(), pool, host, returning))).plan
        assert back is not None
        job = made.jobs.start(back)
        done = await asyncio.wait_for(made.jobs.wait(job.id), 60)
        assert {vm.state for vm in done.vms} == {State.done}
        assert set(evacuation.residents(made.inventory("Lisboa"), host)) == set(returning)


@pytest.mark.parametrize("number", [1, 2])
async def test_no_more_leave_at_once_than_the_operator_wants(site: Simulated, number: int) -> None:
    lisboa = site["Lisboa"]

    def moving() -> int:
        rows = lisboa.pool.db.table("VM").values()
        return sum(1 for vm in rows if {"pool_migrate", "migrate_send"} & set(vm["current_operations"].values()))

    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        draft = evacuation.evacuation(made.store.site(), pool, host)
        assert len(draft.vms) == 2
        plan = (await judged(made, draft.batched(number))).plan
        assert plan is not None
        for method in ("VM.pool_migrate", "VM.migrate_send"):
            site.fault(lisboa, "stick", method=method)
        job = made.jobs.start(plan)
        await until(lambda: site.run(moving) == number)  # and there they stand
        waiting = [vm for vm in made.jobs.get(job.id).vms if vm.state is State.waiting]
        assert len(waiting) == 2 - number

        def let_go() -> bool:
            """The one that has waited stands still in its turn."""
            site.fault(lisboa, "release")
            return made.jobs.get(job.id).has_ended

        await until(let_go)
        done = made.jobs.get(job.id)
        assert {vm.state for vm in done.vms} == {State.done}


async def test_what_cannot_be_written_down_leaves_the_host_as_it_was(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        failure = ["RBAC_PERMISSION_DENIED", "host.add_to_other_config", "no"]
        site.fault(site["Lisboa"], "refuse", method="host.add_to_other_config", failure=failure)
        with pytest.raises(ServerFailure):
            await maintenance.enter(gateway, made.inventory("Lisboa"), host, ())
        assert made.row("Lisboa", "host", "lisboa-02")["enabled"] is True


async def test_the_list_of_an_earlier_maintenance_is_not_taken_over(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        await gateway.call("host.add_to_other_config", host, MOVED, "left-behind-by-a-lost-answer")
        await until(lambda: MOVED in made.inventory("Lisboa").host[host].other_config)
        vms = evacuation.residents(made.inventory("Lisboa"), host)
        await maintenance.enter(gateway, made.inventory("Lisboa"), host, vms)
        written = made.row("Lisboa", "host", "lisboa-02")["other_config"][MOVED].split(",")
        assert set(written) == {made.inventory("Lisboa").VM[vm].uuid for vm in vms}


@pytest.mark.parametrize("method", ["host.disable", "host.add_to_other_config"])
async def test_a_lost_answer_leaves_it_uncertain_and_that_is_said(site: Simulated, method: str) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        site.fault(site["Lisboa"], "cut", method=method, bytes=0)
        with pytest.raises(WIRE_ERRORS) as lost:
            await maintenance.enter(gateway, made.inventory("Lisboa"), host, ())
        assert "lisboa-02" in maintenance.uncertain(lost.value, made.inventory("Lisboa"), host)
        refused = ServerFailure("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", ())
        assert maintenance.uncertain(refused, made.inventory("Lisboa"), host) == ""
        if method == "host.disable":  # it was carried out, and nobody heard of it
            assert made.row("Lisboa", "host", "lisboa-02")["enabled"] is False


async def test_high_availability_that_would_lose_its_plan_refuses(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        site.fault(site["Lisboa"], "refuse", method="host.disable", failure=["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"])
        with pytest.raises(ServerFailure):
            await maintenance.enter(gateway, made.inventory("Lisboa"), host, ())
        row = made.row("Lisboa", "host", "lisboa-02")
        assert row["enabled"] is True
        assert MODE not in row["other_config"]


async def test_waiting_for_what_does_not_come(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        assert await made.store.until(lambda: True)
        assert not await made.store.until(lambda: False, 0.01)
        await until(lambda: made.is_connected("Lisboa"))
