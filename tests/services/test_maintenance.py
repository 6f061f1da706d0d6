"""Maintenance mode against a real connection: entered, left, and what happens when a call of it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.holding import PATIENCE, until
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.jobs import State
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evacuation import HALTED, MODE, MOVED
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.fixes import ShutDownHere
from xsmigui.core.migration.fixing import fix_plan
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import HostRef, PoolId, VmRef
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
        done = await asyncio.wait_for(made.jobs.wait(job.id), PATIENCE)
        assert {vm.state for vm in done.vms} == {State.done}
        assert all(vm.verified for vm in done.vms)
        inventory = made.inventory("Lisboa")
        assert evacuation.residents(inventory, host) == ()
        assert set(evacuation.returning(inventory, host).run) == set(draft.vms)

        # Entered once more, what left before is not forgotten.
        await maintenance.enter(gateway, inventory, host, ())
        assert len(made.row("Lisboa", "host", "lisboa-02")["other_config"][MOVED].split(",")) == len(names)

        returning = evacuation.returning(inventory, host).run
        await maintenance.leave(gateway, host)
        assert await made.store.until(lambda: evacuation.accepts_vms(made.store.inventory(pool), host))
        config = made.row("Lisboa", "host", "lisboa-02")["other_config"]
        assert MODE not in config
        assert len(config[MOVED].split(",")) == len(names)  # until they are back
        back = (await judged(made, evacuation.back(made.store.site(), pool, host, returning))).plan
        assert back is not None
        job = made.jobs.start(back)
        done = await asyncio.wait_for(made.jobs.wait(job.id), PATIENCE)
        assert {vm.state for vm in done.vms} == {State.done}
        assert set(evacuation.residents(made.inventory("Lisboa"), host)) == set(returning)
        await maintenance.strike_off(made.store, gateway, pool, host, ())
        assert MOVED not in made.row("Lisboa", "host", "lisboa-02")["other_config"]


async def emptied(made: Engine) -> tuple[PoolId, HostRef, Gateway, set[str]]:
    """lisboa-02 in maintenance, with nothing on it; the uuids of those that were."""
    pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
    gateway = made.connections.gateway(pool)
    assert gateway is not None
    draft = evacuation.evacuation(made.store.site(), pool, host)
    plan = (await judged(made, draft)).plan
    assert plan is not None
    await maintenance.enter(gateway, made.inventory("Lisboa"), host, draft.vms)
    done = await asyncio.wait_for(made.jobs.wait(made.jobs.start(plan).id), PATIENCE)
    assert {vm.state for vm in done.vms} == {State.done}
    return pool, host, gateway, {made.inventory("Lisboa").VM[vm].uuid for vm in draft.vms}


def listed(made: Engine, key: str = MOVED) -> set[str]:
    text = made.row("Lisboa", "host", "lisboa-02")["other_config"].get(key, "")
    return set(text.split(",")) - {""}


async def test_the_list_survives_the_reboot_that_it_is_made_for(site: Simulated) -> None:
    """The host comes back enabled; it is in maintenance all the same, and a second maintenance forgets nobody."""
    async with engine(site, "Lisboa") as made:
        pool, host, gateway, uuids = await emptied(made)
        await gateway.call("host.reboot", host)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        assert evacuation.in_maintenance(made.inventory("Lisboa"), host)
        assert listed(made) == uuids
        await maintenance.enter(gateway, made.inventory("Lisboa"), host, ())
        assert listed(made) == uuids
        await until(lambda: not evacuation.accepts_vms(made.inventory("Lisboa"), host))
        await maintenance.leave(gateway, host)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        waiting = evacuation.returning(made.inventory("Lisboa"), host)
        back = (await judged(made, evacuation.back(made.store.site(), pool, host, waiting.run))).plan
        assert back is not None
        await asyncio.wait_for(made.jobs.wait(made.jobs.start(back).id), PATIENCE)
        await maintenance.strike_off(made.store, gateway, pool, host, ())
        assert not {MODE, MOVED} & set(made.row("Lisboa", "host", "lisboa-02")["other_config"])


async def test_what_fits_comes_back_and_the_rest_stays_listed(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host, gateway, uuids = await emptied(made)
        inventory = made.inventory("Lisboa")
        waiting = evacuation.returning(inventory, host)
        small = min(waiting.run, key=lambda vm: inventory.VM[vm].memory_dynamic_min)
        room = inventory.VM[small].memory_dynamic_min + inventory.VM[small].memory_overhead
        metrics = inventory.host[host].metrics
        total = inventory.total_memory(host) - inventory.free_memory(host) + room
        site.run(lambda: site["Lisboa"].pool.db.set("host_metrics", metrics, memory_total=total))
        await until(lambda: made.inventory("Lisboa").free_memory(host) == room)

        stuck = maintenance.foreseen(made.store.site(), pool, host)  # before anything is changed
        assert {vm.problem.rule for vm in stuck} == {"R40"}
        assert listed(made) == uuids
        assert made.row("Lisboa", "host", "lisboa-02")["other_config"][MODE] == "true"

        await maintenance.leave(gateway, host)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        draft = evacuation.back(made.store.site(), pool, host, waiting.run)
        evaluation, out = await maintenance.settle_without_blocked(lambda d: judged(made, d), draft)
        assert evaluation.plan is not None
        assert [move.vm.ref for move in evaluation.plan.moves] == [small]
        assert {vm.vm for vm in out} == set(waiting.run) - {small}
        await asyncio.wait_for(made.jobs.wait(made.jobs.start(evaluation.plan).id), PATIENCE)
        await maintenance.strike_off(made.store, gateway, pool, host, ())
        assert listed(made) == {vm.uuid for vm in out}
        assert "memory" in maintenance.not_back(out)[0].reason


async def test_what_was_shut_down_for_it_is_started_again(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        vm = VmRef(site.vm(site["Lisboa"], "dns-lx"))
        fix = ShutDownHere(pool=pool, host=host, vm=vm, vm_name="dns-lx")
        assert (await made.run(fix_plan(fix, made.inventory("Lisboa")))).state is State.done
        await until(lambda: made.inventory("Lisboa").VM[vm].power_state == "Halted")
        uuid = made.inventory("Lisboa").VM[vm].uuid
        assert listed(made, HALTED) == {uuid}
        _pool, _host, gateway, uuids = await emptied(made)
        assert uuid not in uuids
        assert listed(made, HALTED) == {uuid}
        waiting = evacuation.returning(made.inventory("Lisboa"), host)
        assert waiting.halted == (vm,)
        await maintenance.leave(gateway, host)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        started, refused = await maintenance.start_again(gateway, made.inventory("Lisboa"), host, waiting)
        assert (started, refused) == ((vm,), ())
        await maintenance.strike_off(made.store, gateway, pool, host, started)
        assert made.row("Lisboa", "VM", "dns-lx")["resident_on"] == host
        assert listed(made, HALTED) == set()
        assert listed(made) == uuids  # the others have not been brought back


async def test_what_is_refused_to_start_stays_listed_with_the_reason(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        vm = VmRef(site.vm(site["Lisboa"], "dns-lx"))
        fix = ShutDownHere(pool=pool, host=host, vm=vm, vm_name="dns-lx")
        assert (await made.run(fix_plan(fix, made.inventory("Lisboa")))).state is State.done
        await until(lambda: made.inventory("Lisboa").VM[vm].power_state == "Halted")
        failure = ["HOST_NOT_ENOUGH_FREE_MEMORY", "1", "0"]
        site.fault(site["Lisboa"], "refuse", method="VM.start_on", failure=failure)
        inventory = made.inventory("Lisboa")
        waiting = evacuation.returning(inventory, host)
        started, refused = await maintenance.start_again(gateway, inventory, host, waiting)
        assert (started, [vm.name for vm in refused]) == ((), ["dns-lx"])
        await maintenance.strike_off(made.store, gateway, pool, host, started)
        assert listed(made, HALTED) == {refused[0].uuid}


async def test_the_list_is_forgotten_where_the_operator_says_so(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        _pool, host, gateway, uuids = await emptied(made)
        await until(lambda: MOVED in made.inventory("Lisboa").host[host].other_config)
        assert listed(made) == uuids
        await maintenance.forget(gateway, made.inventory("Lisboa"), host)
        assert listed(made) == set()


@pytest.mark.parametrize(("name", "stays"), [("New 9", True), ("Current 8.4", False)])
async def test_servers_that_can_keep_the_host_disabled_over_its_reboot_do(name: str, stays: bool) -> None:
    """`auto_enable` is known since 25.31."""
    with Simulated.start("mixed-versions") as mixed:
        async with engine(mixed, name) as made:
            inventory = made.inventory(name)
            host = next(ref for ref in inventory.host if ref != inventory.pool.master)
            gateway = made.connections.gateway(made.pool(name))
            assert gateway is not None
            for vm in evacuation.residents(inventory, host):
                await gateway.call("VM.hard_shutdown", vm)
            await maintenance.enter(gateway, inventory, host, ())
            await gateway.call("host.reboot", host)
            db = mixed[name].pool.db
            assert mixed.run(lambda: db.get("host", host, "enabled")) is not stays
            await gateway.call("host.enable", host)
            await gateway.call("host.disable", host)
            await gateway.call("host.reboot", host)
            assert mixed.run(lambda: db.get("host", host, "enabled"))


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


async def test_a_list_that_cannot_be_written_leaves_no_mark_either(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        gateway = made.connections.gateway(pool)
        assert gateway is not None
        failure = ["RBAC_PERMISSION_DENIED", "host.add_to_other_config", "no"]
        vms = evacuation.residents(made.inventory("Lisboa"), host)

        class Second:
            """The first key is written, the second is not."""

            asked = 0

            async def call(self, method: str, *params: object, deadline: float = 60.0) -> object:
                if method == "host.add_to_other_config":
                    self.asked += 1
                    if self.asked == 2:
                        raise ServerFailure(failure[0], tuple(failure[1:]), method)
                assert gateway is not None
                return await gateway.call(method, *params, deadline=deadline)

        with pytest.raises(ServerFailure):
            await maintenance.enter(Second(), made.inventory("Lisboa"), host, vms)  # type: ignore[arg-type]
        row = made.row("Lisboa", "host", "lisboa-02")
        assert row["enabled"] is True
        assert not {MODE, MOVED} & set(row["other_config"])


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
