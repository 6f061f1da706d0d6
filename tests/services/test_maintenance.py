"""Maintenance mode against a real connection: entered, left, and what happens when a call of it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.holding import PATIENCE, until
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.evacuation import HALTED, MODE, MOVED, Returning
from xsmigui.core.migration.fixes import EnterMaintenance, ShutDownHere
from xsmigui.core.migration.fixing import fix_plan
from xsmigui.core.migration.leaving_out import cannot_come_back
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.report import html_report
from xsmigui.services.desk import NotDone
from xsmigui.simulator.failures import Failure


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def host_of(made: Engine, pool: str, name: str) -> HostRef:
    return HostRef(made.inventory(pool).find("host", name)[0])


async def entered(made: Engine, vms: tuple[VmRef, ...] = (), name: str = "lisboa-02") -> None:
    await made.desk.enter_maintenance(made.pool("Lisboa"), host_of(made, "Lisboa", name), vms)


async def left(made: Engine) -> None:
    host = host_of(made, "Lisboa", "lisboa-02")
    assert await made.desk.leave_maintenance(made.pool("Lisboa"), host)


async def struck_off(made: Engine) -> None:
    """Nobody is to be started; whoever is back is taken off the lists."""
    await made.desk.start_again(made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02"), Returning())


async def test_a_host_is_emptied_and_filled_again(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        draft = evacuation.evacuation(made.store.site(), pool, host)
        names = {made.inventory("Lisboa").VM[vm].name_label for vm in draft.vms}
        assert {"web-lx-02", "dns-lx"} <= names
        plan = (await made.desk.settled(draft)).plan
        assert plan is not None
        await entered(made, draft.vms)
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
        await entered(made)
        assert len(made.row("Lisboa", "host", "lisboa-02")["other_config"][MOVED].split(",")) == len(names)

        returning = evacuation.returning(inventory, host).run
        await left(made)
        config = made.row("Lisboa", "host", "lisboa-02")["other_config"]
        assert MODE not in config
        assert len(config[MOVED].split(",")) == len(names)  # until they are back
        back = (await made.desk.settled(evacuation.back(made.store.site(), pool, host, returning))).plan
        assert back is not None
        job = made.jobs.start(back)
        done = await asyncio.wait_for(made.jobs.wait(job.id), PATIENCE)
        assert {vm.state for vm in done.vms} == {State.done}
        assert set(evacuation.residents(made.inventory("Lisboa"), host)) == set(returning)
        await struck_off(made)
        assert MOVED not in made.row("Lisboa", "host", "lisboa-02")["other_config"]


async def emptied(made: Engine) -> tuple[PoolId, HostRef, set[str]]:
    """lisboa-02 in maintenance, with nothing on it; the uuids of those that were."""
    pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
    draft = evacuation.evacuation(made.store.site(), pool, host)
    plan = (await made.desk.settled(draft)).plan
    assert plan is not None
    await entered(made, draft.vms)
    done = await asyncio.wait_for(made.jobs.wait(made.jobs.start(plan).id), PATIENCE)
    assert {vm.state for vm in done.vms} == {State.done}
    return pool, host, {made.inventory("Lisboa").VM[vm].uuid for vm in draft.vms}


def listed(made: Engine, key: str = MOVED) -> set[str]:
    text = made.row("Lisboa", "host", "lisboa-02")["other_config"].get(key, "")
    return set(text.split(",")) - {""}


async def test_the_list_survives_the_reboot_that_it_is_made_for(site: Simulated) -> None:
    """The host comes back enabled; it is in maintenance all the same, and a second maintenance forgets nobody."""
    async with engine(site, "Lisboa") as made:
        pool, host, uuids = await emptied(made)
        await asyncio.to_thread(site.call, site["Lisboa"], "host.reboot", host)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        assert evacuation.in_maintenance(made.inventory("Lisboa"), host)
        assert listed(made) == uuids
        await entered(made)
        assert listed(made) == uuids
        await until(lambda: not evacuation.accepts_vms(made.inventory("Lisboa"), host))
        await left(made)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        waiting = evacuation.returning(made.inventory("Lisboa"), host)
        back = (await made.desk.settled(evacuation.back(made.store.site(), pool, host, waiting.run))).plan
        assert back is not None
        await asyncio.wait_for(made.jobs.wait(made.jobs.start(back).id), PATIENCE)
        await struck_off(made)
        assert not {MODE, MOVED} & set(made.row("Lisboa", "host", "lisboa-02")["other_config"])


async def test_what_fits_comes_back_and_the_rest_stays_listed(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host, uuids = await emptied(made)
        inventory = made.inventory("Lisboa")
        waiting = evacuation.returning(inventory, host)
        small = min(waiting.run, key=lambda vm: inventory.VM[vm].memory_dynamic_min)
        room = inventory.VM[small].memory_dynamic_min + inventory.VM[small].memory_overhead
        metrics = inventory.host[host].metrics
        total = inventory.total_memory(host) - inventory.free_memory(host) + room
        site.run(lambda: site["Lisboa"].pool.db.set("host_metrics", metrics, memory_total=total))
        await until(lambda: made.inventory("Lisboa").free_memory(host) == room)

        stuck = cannot_come_back(made.store.site(), pool, host)  # before anything is changed
        assert {vm.problem.rule for vm in stuck} == {"R40"}
        assert listed(made) == uuids
        assert made.row("Lisboa", "host", "lisboa-02")["other_config"][MODE] == "true"

        await left(made)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        evaluation, out = await made.desk.coming_back(pool, host, waiting.run)
        assert evaluation.plan is not None
        assert [move.vm.ref for move in evaluation.plan.moves] == [small]
        assert {vm.uuid for vm in out} == {inventory.VM[vm].uuid for vm in waiting.run if vm != small}
        await asyncio.wait_for(made.jobs.wait(made.jobs.start(evaluation.plan).id), PATIENCE)
        await struck_off(made)
        assert listed(made) == {vm.uuid for vm in out}
        assert "memory" in out[0].reason


async def test_what_was_shut_down_for_it_is_started_again(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        vm = VmRef(site.vm(site["Lisboa"], "dns-lx"))
        fix = ShutDownHere(pool=pool, host=host, vm=vm, vm_name="dns-lx")
        assert (await made.run(fix_plan(fix, made.inventory("Lisboa")))).state is State.done
        await until(lambda: made.inventory("Lisboa").VM[vm].power_state == "Halted")
        uuid = made.inventory("Lisboa").VM[vm].uuid
        assert listed(made, HALTED) == {uuid}
        _pool, _host, uuids = await emptied(made)
        assert uuid not in uuids
        assert listed(made, HALTED) == {uuid}
        waiting = evacuation.returning(made.inventory("Lisboa"), host)
        assert waiting.halted == (vm,)
        await left(made)
        await until(lambda: evacuation.accepts_vms(made.inventory("Lisboa"), host))
        assert await made.desk.start_again(pool, host, waiting) == (("dns-lx",), ())
        assert made.row("Lisboa", "VM", "dns-lx")["resident_on"] == host
        assert listed(made, HALTED) == set()
        assert listed(made) == uuids  # the others have not been brought back


async def test_what_is_refused_to_start_stays_listed_with_the_reason(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host = made.pool("Lisboa"), host_of(made, "Lisboa", "lisboa-02")
        vm = VmRef(site.vm(site["Lisboa"], "dns-lx"))
        fix = ShutDownHere(pool=pool, host=host, vm=vm, vm_name="dns-lx")
        assert (await made.run(fix_plan(fix, made.inventory("Lisboa")))).state is State.done
        await until(lambda: made.inventory("Lisboa").VM[vm].power_state == "Halted")
        failure = ["HOST_NOT_ENOUGH_FREE_MEMORY", "1", "0"]
        site.fault(site["Lisboa"], "refuse", method="VM.start_on", failure=failure)
        inventory = made.inventory("Lisboa")
        waiting = evacuation.returning(inventory, host)
        started, refused = await made.desk.start_again(pool, host, waiting)
        assert (started, [vm.name for vm in refused]) == ((), ["dns-lx"])
        assert listed(made, HALTED) == {refused[0].uuid}


async def test_the_list_is_forgotten_where_the_operator_says_so(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        pool, host, uuids = await emptied(made)
        await until(lambda: MOVED in made.inventory("Lisboa").host[host].other_config)
        assert listed(made) == uuids
        await made.desk.discard_list(pool, host)
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
            await made.desk.enter_maintenance(made.pool(name), host, ())
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
        plan = (await made.desk.settled(draft.batched(number))).plan
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


FORBIDDEN = ["RBAC_PERMISSION_DENIED", "host.add_to_other_config", "no"]


@pytest.mark.parametrize("nth", [1, 2])
async def test_what_cannot_be_written_down_leaves_the_host_as_it_was(site: Simulated, nth: int) -> None:
    """The mark, or after it the list of those that are to leave."""
    async with engine(site, "Lisboa") as made:
        host = host_of(made, "Lisboa", "lisboa-02")
        vms = evacuation.residents(made.inventory("Lisboa"), host)
        faults = site["Lisboa"].pool.faults
        site.run(lambda: faults.add("host.add_to_other_config", nth=nth, failure=Failure(*FORBIDDEN)))
        with pytest.raises(NotDone) as failed:
            await entered(made, vms)
        assert "rolled back" in str(failed.value)
        assert failed.value.raw.startswith("RBAC_PERMISSION_DENIED")
        row = made.row("Lisboa", "host", "lisboa-02")
        assert row["enabled"] is True
        assert not {MODE, MOVED} & set(row["other_config"])
        (job,) = made.jobs.all()
        assert [entry.step for entry in await made.journal.history(job.id)].count("undoing")


async def test_the_list_of_an_earlier_maintenance_is_not_taken_over(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        host = host_of(made, "Lisboa", "lisboa-02")
        site.call(site["Lisboa"], "host.add_to_other_config", host, MOVED, "left-behind-by-a-lost-answer")
        await until(lambda: MOVED in made.inventory("Lisboa").host[host].other_config)
        vms = evacuation.residents(made.inventory("Lisboa"), host)
        await entered(made, vms)
        written = made.row("Lisboa", "host", "lisboa-02")["other_config"][MOVED].split(",")
        assert set(written) == {made.inventory("Lisboa").VM[vm].uuid for vm in vms}


@pytest.mark.parametrize(
    "method", ["host.disable", "host.add_to_other_config", "host.remove_from_other_config", "host.enable"]
)
async def test_a_lost_answer_is_looked_at(site: Simulated, method: str) -> None:
    """Whether it was carried out is seen when the server is connected again, and the rest follows."""
    async with engine(site, "Lisboa") as made:
        site.fault(site["Lisboa"], "cut", method=method, bytes=0)
        await entered(made)
        row = made.row("Lisboa", "host", "lisboa-02")
        assert (row["enabled"], row["other_config"][MODE]) == (False, "true")
        await left(made)
        row = made.row("Lisboa", "host", "lisboa-02")
        assert (row["enabled"], row["other_config"].get(MODE)) == (True, None)


async def test_a_list_outlives_the_end_of_the_program_between_its_two_calls(
    site: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is removed before it is added again: what it was to hold is in the journal by then."""
    async with engine(site, "Lisboa", home=tmp_path) as first:
        pool, host = first.pool("Lisboa"), host_of(first, "Lisboa", "lisboa-02")
        vms = first.inventory("Lisboa").VM
        leaving = evacuation.residents(first.inventory("Lisboa"), host)
        elsewhere = [vm for vm in vms.values() if vm.power_state == "Running" and not vm.is_control_domain]
        waits = next(vm.uuid for vm in elsewhere if vm.resident_on != host)
        site.call(site["Lisboa"], "host.add_to_other_config", host, MOVED, waits)
        await until(lambda: MOVED in first.inventory("Lisboa").host[host].other_config)
        gateway = first.connections.gateway(pool)
        assert gateway is not None
        call, is_removed = gateway.call, asyncio.Event()

        async def held(method: str, *params: object, **options: float) -> object:
            if method == "host.add_to_other_config" and MOVED in params:
                is_removed.set()
                await asyncio.Event().wait()
            return await call(method, *params, **options)

        monkeypatch.setattr(gateway, "call", held)
        first.desk.apply(EnterMaintenance(pool=pool, host=host, host_name="lisboa-02", leaving=leaving))
        await asyncio.wait_for(is_removed.wait(), PATIENCE)
        assert listed(first) == set()
        uuids = {vms[vm].uuid for vm in leaving}
    async with engine(site, "Lisboa", home=tmp_path) as second:
        (job,) = await second.jobs.take_up()
        assert second.vm(job).held  # nothing goes on by itself
        second.jobs.proceed(job.id)
        ended = await asyncio.wait_for(second.jobs.wait(job.id), PATIENCE)
        assert ended.state is State.done
        assert listed(second) == uuids | {waits}
        assert second.row("Lisboa", "host", "lisboa-02")["other_config"][MODE] == "true"


async def test_it_is_in_the_journal_and_in_the_report(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        await entered(made)
        await left(made)
        leaving, entering = made.jobs.all()
        assert await made.journal.all() == [leaving, entering]
        said = [entry.message for entry in await made.journal.history(entering.id)]
        assert said.index("Disable lisboa-02.") < said.index("lisboa-02 is in maintenance mode.")
        report = html_report([leaving, entering], leaving.created)
        assert "lisboa-02 · Enter maintenance mode" in report
        assert "lisboa-02 accepts VMs again." in report


async def test_high_availability_that_would_lose_its_plan_refuses(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        site.fault(site["Lisboa"], "refuse", method="host.disable", failure=["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"])
        with pytest.raises(NotDone):
            await entered(made)
        row = made.row("Lisboa", "host", "lisboa-02")
        assert row["enabled"] is True
        assert MODE not in row["other_config"]


async def test_waiting_for_what_does_not_come(site: Simulated) -> None:
    async with engine(site, "Lisboa") as made:
        assert await made.store.until(lambda: True)
        assert not await made.store.until(lambda: False, 0.01)
        await until(lambda: made.is_connected("Lisboa"))
