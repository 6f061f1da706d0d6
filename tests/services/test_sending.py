"""Moves carried out: every kind ends verified, and whatever breaks on the way ends in what is true."""

import asyncio
import logging
from collections import Counter
from typing import Any
from unittest.mock import AsyncMock

import pytest

from tests.holding import PATIENCE, Hold, until
from tests.services.engine import Engine
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.plan import Plan
from xsmigui.services import verification
from xsmigui.simulator.dispatch import METHODS
from xsmigui.xapi.connection import Connection

MOVING = ("pool_migrate", "migrate_send")


def disks(engine: Engine, pool: str, vm: str) -> dict[str, str]:
    """SR names by disk name."""
    db = engine.served(pool).pool.db

    def look() -> dict[str, str]:
        row = next(r for r in db.table("VM").values() if r["name_label"] == vm)
        vbds = [db.row("VBD", v) for v in row["VBDs"]]
        vdis = [db.row("VDI", v["VDI"]) for v in vbds if v["type"] == "Disk"]
        return {v["name_label"]: db.row("SR", v["SR"])["name_label"] for v in vdis}

    return engine.site.run(look)


def quiet(engine: Engine, *, tasks: int = 0) -> None:
    """Nothing goes on in the pools any more, and nothing of ours is left in them."""
    for pool in engine.site.pools:
        assert engine.sessions(pool.name) == (1 if pool.name in engine.proxies else 0), pool.name
        assert len(engine.tasks(pool.name)) <= tasks, engine.tasks(pool.name)
        db = pool.pool.db
        assert engine.site.run(lambda db=db: [r for r in db.table("VM").values() if r["current_operations"]]) == []


def watch(engine: Engine) -> list[tuple[State, Step]]:
    """The states and steps that the first VM goes through."""
    seen: list[tuple[State, Step]] = []

    def heard(job: Job) -> None:
        now = (job.vms[0].state, job.vms[0].step)
        if not seen or seen[-1] != now:
            seen.append(now)

    engine.jobs.subscribe(heard)
    return seen


def assert_done(vm: VmJob) -> None:
    assert (vm.state, vm.verified, vm.step) == (State.done, True, Step.ended), (vm.message, vm.problems)
    assert vm.ended is not None
    assert vm.started is not None
    assert vm.progress is None


# Every kind.


async def test_live_in_the_pool(two: Engine) -> None:
    seen = watch(two)
    vm = await two.run(await two.plan("web-01", to="Madrid", host="madrid-02"))
    assert_done(vm)
    assert vm.host == "madrid-02"
    steps = [step for state, step in seen if state is State.running]
    assert steps == [Step.checking, Step.memory, Step.finishing, Step.verifying]
    row = two.row("Madrid", "VM", "web-01")
    host = two.row("Madrid", "host", "madrid-02")
    assert two.served("Madrid").pool.db.row("host", row["resident_on"])["uuid"] == host["uuid"]
    assert row["affinity"] == row["resident_on"]
    quiet(two)


async def test_storage_in_the_pool(two: Engine) -> None:
    plan = await two.plan("monitoring", to="Madrid", host="madrid-01", sr="NFS Madrid")
    seen = watch(two)
    vm = await two.run(plan)
    assert_done(vm)
    assert set(disks(two, "Madrid", "monitoring").values()) == {"NFS Madrid"}
    (disk,) = vm.disks
    assert disk.old == plan.moves[0].disks[0].disk.uuid
    assert disk.new != disk.old
    assert disk.sr == "NFS Madrid"
    assert Step.preparing in [step for _state, step in seen]
    assert [s for _, s in seen].index(Step.disks) < [s for _, s in seen].index(Step.verifying)
    quiet(two)


@pytest.mark.parametrize("name", ["web-01", "db-postgres", "dc-windows"])
async def test_running_to_another_pool(two: Engine, name: str) -> None:
    """With one disk, with several and snapshots, with a CD."""
    plan = await two.plan(name, to="Lisboa", sr="NFS Lisboa")
    vm = await two.run(plan)
    assert_done(vm)
    assert not two.has("Madrid", name)
    assert two.row("Lisboa", "VM", name)["power_state"] == "Running"
    assert set(disks(two, "Lisboa", name).values()) == {"NFS Lisboa"}
    assert len(vm.disks) == len([d for d in plan.moves[0].disks if not d.follows])
    quiet(two)


async def test_halted_to_another_pool_started_there(two: Engine) -> None:
    vm = await two.run(await two.plan("intranet-old", to="Lisboa", start_after=True))
    assert_done(vm)
    assert two.row("Lisboa", "VM", "intranet-old")["power_state"] == "Running"
    quiet(two)


async def test_halted_in_its_pool(two: Engine) -> None:
    vm = await two.run(await two.plan("intranet-old", to="Madrid", sr="NFS Madrid"))
    assert_done(vm)
    assert set(disks(two, "Madrid", "intranet-old").values()) == {"NFS Madrid"}
    quiet(two)


async def test_suspended_to_another_pool(two: Engine) -> None:
    vm = await two.run(await two.plan("test-suspended", to="Lisboa"))
    assert_done(vm)
    assert two.row("Lisboa", "VM", "test-suspended")["power_state"] == "Suspended"
    quiet(two)


async def test_copy_to_another_pool(two: Engine) -> None:
    vm = await two.run(await two.plan("intranet-old", to="Lisboa", copy=True))
    assert_done(vm)
    assert two.has("Madrid", "intranet-old")
    assert two.row("Lisboa", "VM", "intranet-old")["power_state"] == "Halted"
    quiet(two)


# The check before the run.


async def test_what_changed_since_the_plan_is_refused(two: Engine) -> None:
    plan = await two.plan("web-01", to="Madrid", host="madrid-02")
    ref = two.site.vm(two.served("Madrid"), "web-01")
    blocked = {"pool_migrate": "No"}
    await asyncio.to_thread(two.site.call, two.served("Madrid"), "VM.set_blocked_operations", ref, blocked)
    await until(lambda: two.inventory("Madrid").VM[ref].blocked_operations)
    vm = await two.run(plan)
    assert vm.state is State.failed
    assert vm.message.startswith("Not started: ")
    assert vm.problems
    assert not vm.verified
    quiet(two)


async def test_another_power_state_is_another_plan(two: Engine) -> None:
    plan = await two.plan("monitoring", to="Lisboa")
    ref = two.site.vm(two.served("Madrid"), "monitoring")
    snapshot = await asyncio.to_thread(two.site.call, two.served("Madrid"), "VM.snapshot", ref, "meanwhile")
    await until(lambda: snapshot in two.inventory("Madrid").VM)
    vm = await two.run(plan)
    assert (vm.state, vm.message) == (
        State.failed,
        "Not started: monitoring has changed since the plan was made.",
    )
    assert two.has("Madrid", "monitoring")
    quiet(two)


async def test_a_vm_that_is_gone(two: Engine) -> None:
    plan = await two.plan("intranet-old", to="Lisboa")
    ref = two.site.vm(two.served("Madrid"), "intranet-old")
    await asyncio.to_thread(two.site.call, two.served("Madrid"), "VM.destroy", ref)
    await until(lambda: ref not in two.inventory("Madrid").VM)
    vm = await two.run(plan)
    assert vm.state is State.failed
    assert "no longer there" in vm.message
    quiet(two)


# The server refuses or fails.


@pytest.mark.parametrize("method", ["host.migrate_receive", "VM.migrate_send"])
async def test_a_refusal_on_the_way(two: Engine, method: str) -> None:
    from xsmigui.simulator.failures import Failure

    plan = await two.plan("web-01", to="Lisboa")
    at_the_check = method.startswith("host")  # which prepares the destination for the migration
    pool = two.served("Lisboa" if at_the_check else "Madrid").pool
    two.site.run(lambda: pool.faults.add(method, failure=Failure("INTERNAL_ERROR", "no mood")))
    vm = await two.run(plan)
    assert vm.state is State.failed
    assert ("Not started: " if at_the_check else "web-01 is in Madrid, running on madrid-01.") in vm.message
    assert "no mood" in vm.problems[0].raw
    assert two.has("Madrid", "web-01")
    assert not two.has("Lisboa", "web-01")
    quiet(two)


async def test_a_failure_in_the_middle(two: Engine) -> None:
    pool = two.served("Madrid").pool
    disk = two.site.run(
        lambda: next(r for r, v in pool.db.table("VDI").items() if v["name_label"].startswith("web-01"))
    )
    two.site.run(lambda: pool.faults.broken_mirrors.add(disk))
    vm = await two.run(await two.plan("web-01", to="Lisboa"))
    assert vm.state is State.failed
    assert vm.problems[0].raw.startswith("MIRROR_FAILED")
    assert "web-01 is in Madrid, running on madrid-01." in vm.message
    assert not two.has("Lisboa", "web-01")
    quiet(two)


async def test_the_sessions_reference_in_an_error_is_not_shown(two: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Servers put the address that migrate_receive answered, session and all, into their texts."""
    from xsmigui.simulator.failures import Failure

    plan = await two.plan("web-01", to="Lisboa")
    lisboa, madrid = two.served("Lisboa").pool, two.served("Madrid").pool
    hold = Hold(two.site, free=3)
    job = two.jobs.start(plan)
    await hold.until_held()
    other = two.site.run(lambda: list(lisboa.sessions.live))
    (moving,) = two.site.run(lambda: list(madrid.faults.moving))
    texts = [f"http://10.0.0.1/services/SM?session_id={ref}" for ref in other]
    two.site.run(lambda: moving.abort(Failure("INTERNAL_ERROR", *texts)))
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is State.failed
    received = [ref for ref in other if ref not in two.site.run(lambda: list(lisboa.sessions.live))]
    assert len(received) == 1
    shown = f"{vm} {vm.as_json()} {caplog.text}"
    assert received[0] not in shown
    assert "…" in vm.problems[0].raw


async def test_a_disk_that_fills_up_is_told_with_the_servers_words(two: Engine) -> None:
    plan = await two.plan("web-01", to="Lisboa", sr="NFS Lisboa")
    two.site.fault(two.served("Lisboa"), "fill_sr", sr="NFS Lisboa", at=0.5)
    vm = await two.run(plan)
    assert vm.state is State.failed
    assert vm.problems[0].raw
    assert two.has("Madrid", "web-01")
    quiet(two)


async def test_a_vm_that_ends_halted_is_said_to_be_halted(two: Engine) -> None:
    """Where the VM is comes from the server, not from what was known before."""
    plan = await two.plan("web-01", to="Lisboa")
    two.site.fault(two.served("Madrid"), "end_as", vm="web-01", state="Halted")
    vm = await two.run(plan)
    assert vm.state is State.failed
    state = "Madrid" if two.has("Madrid", "web-01") else "Lisboa"
    assert f"web-01 is in {state}, halted." in vm.message


@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_a_migration_that_succeeds_and_leaves_the_vm_halted(two: Engine, to: str) -> None:
    """The server reports success; the VM was running and is not any more, and the job says so."""
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    plan = await two.plan("web-01", to=to, **options)
    two.site.fault(two.served("Madrid"), "stop_arriving", vm="web-01")
    vm = await two.run(plan)
    assert two.row(to, "VM", "web-01")["power_state"] == "Halted"
    assert (vm.state, vm.verified) == (State.failed, False)
    assert "Moved, but not as planned. power state: Halted, not Running." in vm.message
    assert f"web-01 is in {to}, halted." in vm.message
    assert [p.rule for p in vm.problems] == ["verify", "verify"]  # of the state and of the host
    quiet(two)


# Cancelling.


@pytest.mark.parametrize("free", [0, 5, 30, 50])
async def test_cancelled_by_the_operator(two: Engine, free: int) -> None:
    """While disks are copied and while memory is."""
    plan = await two.plan("web-01", to="Lisboa")
    hold = Hold(two.site, free=free)
    job = two.jobs.start(plan)
    await hold.until_held()
    await until(lambda: two.jobs.is_ours(next(iter(two.served("Madrid").pool.tasks.running), "")))
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).cancelling)
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: any(w.cancel.is_set() for w in running.values())))
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    if vm.state is State.cancelled:
        assert vm.message == "Cancelled. web-01 is in Madrid, running on madrid-01."
        assert two.has("Madrid", "web-01")
        assert not two.has("Lisboa", "web-01")
    else:  # too late: the server was past the point
        assert_done(vm)
    assert not vm.cancelling
    quiet(two)


async def test_cancelled_while_it_is_checked(two: Engine) -> None:
    plan = await two.plan("web-01", to="Lisboa")
    fault = two.site.run(lambda: two.served("Madrid").pool.faults.add("VM.assert_can_migrate", delay=0.3))
    job = two.jobs.start(plan)
    await until(lambda: fault.seen)
    two.jobs.cancel(job.id)
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert (vm.state, vm.message) == (State.cancelled, "Cancelled before anything was changed.")
    quiet(two)


async def test_cancelled_while_the_destination_is_prepared(two: Engine) -> None:
    plan = await two.plan("web-01", to="Lisboa")
    faults = two.served("Lisboa").pool.faults
    fault = two.site.run(lambda: faults.add("host.migrate_receive", delay=0.3))
    job = two.jobs.start(plan)
    await until(lambda: fault.seen == 1)
    two.jobs.cancel(job.id)
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert (vm.state, vm.message) == (State.cancelled, "Cancelled before anything was changed.")
    quiet(two)


# The connection breaks.


async def started(engine: Engine, plan: Plan, free: int) -> tuple[Hold, Job]:
    """A job whose migration stands still after `free` pauses, its task known."""
    hold = Hold(engine.site, free=free)
    job = engine.jobs.start(plan)
    await hold.until_held()
    tasks = engine.served("Madrid").pool.tasks.running
    await until(lambda: any(engine.jobs.is_ours(ref) for ref in list(tasks)))
    return hold, job


@pytest.mark.parametrize("sides", [("Madrid",), ("Lisboa",), ("Madrid", "Lisboa")], ids="+".join)
@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_cut_in_the_middle_and_back_again(two: Engine, to: str, sides: tuple[str, ...]) -> None:
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    hold, job = await started(two, await two.plan("web-01", to=to, **options), 5)
    seen = watch(two)
    for side in sides:
        two.proxies[side].down()
    if "Madrid" in sides:
        await until(lambda: two.vm(job).state is State.lost)
        assert "its progress is unknown" in two.vm(job).message
    hold.release()
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: not running))
    assert two.vm(job).state is not State.done
    for side in sides:
        two.proxies[side].up()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert_done(vm)
    assert (State.running, Step.verifying) in seen or (State.lost, Step.verifying) in seen
    await until(lambda: two.is_connected("Madrid") and two.is_connected("Lisboa"))


async def test_cancelled_while_the_connection_is_lost(two: Engine) -> None:
    hold, job = await started(two, await two.plan("web-01", to="Lisboa"), 5)
    two.proxies["Madrid"].down()
    await until(lambda: two.connections._reach._awaited)  # the job has been looked at, and waits for the server
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).cancelling)
    two.proxies["Madrid"].up()
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: any(w.cancel.is_set() for w in running.values())))
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is State.cancelled
    assert two.has("Madrid", "web-01")


@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_the_answer_to_the_start_is_lost(two: Engine, to: str) -> None:
    """The server works, and we don't know the task: it is found by the VM's operations."""
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    plan = await two.plan("web-01", to=to, **options)
    method = plan.moves[0].calls[0 if to == "Madrid" else 1].method
    hold = Hold(two.site, free=5)
    two.site.run(lambda: two.served("Madrid").pool.faults.add(method, cut=0))
    job = two.jobs.start(plan)
    await hold.until_held()
    tasks = two.served("Madrid").pool.tasks.running
    await until(lambda: any(two.jobs.is_ours(ref) for ref in list(tasks)))
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert_done(vm)
    quiet(two, tasks=1)


@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_the_answer_is_lost_and_it_was_over_before_we_could_look(two: Engine, to: str) -> None:
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    plan = await two.plan("web-01", to=to, **options)
    method = plan.moves[0].calls[0 if to == "Madrid" else 1].method
    two.clock.factor = 0.2
    two.site.run(lambda: two.served("Madrid").pool.faults.add(method, cut=0))
    vm = await two.run(plan)
    assert_done(vm)
    quiet(two, tasks=1)


async def test_it_has_arrived_though_somebody_reads_its_metadata(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """`metadata_export` says nothing about where the VM is."""
    plan = await two.plan("web-01", to="Madrid", host="madrid-02")
    pool = two.served("Madrid").pool
    carry_out = METHODS["VM.pool_migrate"]

    async def and_export(call: Any, vm: str, *values: Any) -> None:
        await carry_out(call, vm, *values)
        call.db.set("VM", vm, current_operations={"OpaqueRef:somebody": "metadata_export"})

    monkeypatch.setitem(METHODS, "VM.pool_migrate", and_export)
    two.clock.factor = 0.2
    two.site.run(lambda: pool.faults.add(plan.moves[0].calls[0].method, cut=0))
    vm = await asyncio.wait_for(two.run(plan), 100)
    assert_done(vm)


@pytest.mark.parametrize("decides", ["operator", "time"])
async def test_the_call_never_arrived(two: Engine, monkeypatch: pytest.MonkeyPatch, decides: str) -> None:
    """It may still lie in the server. The session that it needs is kept as long as it may begin, and ended before the
    job is: nothing begins behind anybody's back."""
    plan = await two.plan("web-01", to="Lisboa")
    two.site.run(lambda: two.served("Madrid").pool.faults.add("VM.migrate_send", drop=True))
    if decides == "time":
        monkeypatch.setattr("xsmigui.core.migration.sending.REQUEST_LIFETIME_S", 0.5)
    job = two.jobs.start(plan)
    await until(lambda: "It may still start" in two.vm(job).message)
    assert two.sessions("Lisboa") == 2
    if decides == "operator":
        two.jobs.cancel(job.id)
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is (State.cancelled if decides == "operator" else State.failed)
    assert vm.message == (
        "The connection broke while the migration was being started, and there is no sign of it on the server. "
        "web-01 is in Madrid, running on madrid-01. "
        "The session that it needs at the destination was ended, so it can no longer complete."
    )
    quiet(two)


@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_a_request_that_is_carried_out_after_our_deadline(
    two: Engine, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """The server begins what it had queued when nobody waits for the answer any more: it is found and followed."""
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    plan = await two.plan("web-01", to=to, **options)
    method = plan.moves[0].calls[0 if to == "Madrid" else 1].method
    monkeypatch.setattr("xsmigui.services.carrier.START_DEADLINE_S", 0.3)
    two.site.run(lambda: two.served("Madrid").pool.faults.add(method, delay=1.2))
    job = two.jobs.start(plan)
    await until(lambda: "It may still start" in two.vm(job).message)
    assert not two.vm(job).state.has_ended
    assert_done((await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0])


async def test_a_copy_whose_start_was_not_answered_may_exist(two: Engine) -> None:
    plan = await two.plan("intranet-old", to="Lisboa", copy=True)
    two.site.run(lambda: two.served("Madrid").pool.faults.add("VM.migrate_send", drop=True))
    job = two.jobs.start(plan)
    await until(lambda: "It may still start" in two.vm(job).message)
    two.jobs.cancel(job.id)
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is State.interrupted
    assert "whether Lisboa has a copy of intranet-old" in vm.message
    quiet(two)


async def test_a_cancel_whose_answer_is_lost_is_sent_again(two: Engine) -> None:
    plan = await two.plan("web-01", to="Lisboa")
    hold = Hold(two.site, free=5)
    fault = two.site.run(lambda: two.served("Madrid").pool.faults.add("task.cancel", drop=True, times=2))
    job = two.jobs.start(plan)
    await hold.until_held()
    await until(lambda: two.vm(job).task)
    two.jobs.cancel(job.id)
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: any(w.cancel.is_set() for w in running.values())))
    assert fault.seen >= 3
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is State.cancelled, vm.message
    assert two.has("Madrid", "web-01")
    quiet(two)


async def test_a_cut_while_the_task_is_looked_for(two: Engine) -> None:
    """The call is lost, and the look at the VM too."""
    plan = await two.plan("web-01", to="Lisboa")
    pool = two.served("Madrid").pool
    hold = Hold(two.site, free=5)

    def plant() -> None:
        pool.faults.add("VM.migrate_send", cut=0)
        pool.faults.add("VM.get_by_uuid", drop=True, times=2)

    two.site.run(plant)
    job = two.jobs.start(plan)
    await hold.until_held()
    await until(lambda: any(two.jobs.is_ours(ref) for ref in list(pool.tasks.running)))
    hold.release()
    assert_done((await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0])


@pytest.mark.parametrize("method", ["VM.set_affinity", "VM.get_record", "VBD.get_record", "VIF.get_record"])
async def test_a_cut_after_the_migration(two: Engine, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Home server and reading back are done again, where records are read one by one too."""
    if method != "VM.set_affinity":
        monkeypatch.setattr(verification.Known, "portrait", AsyncMock(return_value=None))
    plan = await two.plan("web-01", to="Lisboa")
    fault = two.site.run(lambda: two.served("Lisboa").pool.faults.add(method, drop=True, times=2))
    vm = await two.run(plan)
    assert fault.seen > 2
    assert_done(vm)
    row = two.row("Lisboa", "VM", "web-01")
    assert row["affinity"] == row["resident_on"]
    quiet(two)


async def test_a_batch_asks_little(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The destination is prepared once, what the events tell is not asked for, rights are asked once a session."""
    calls: Counter[str] = Counter()
    inner = Connection.call

    async def counted(self: Connection, method: str, *params: Any, **options: Any) -> Any:
        calls[method] += 1
        return await inner(self, method, *params, **options)

    plan = await two.plan("web-01", "monitoring", to="Lisboa")
    monkeypatch.setattr(Connection, "call", counted)
    job = two.jobs.start(plan)
    assert all(vm.state is State.done for vm in (await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)).vms)
    assert calls["host.migrate_receive"] == calls["VM.assert_can_migrate"] == 2
    assert calls["task.get_record"] == calls["VM.get_record"] == 2
    assert not [method for method in calls if method.split(".")[0] in ("VBD", "VDI", "VIF", "network", "session")]
    assert sum(calls.values()) <= 2 * 8
    quiet(two)


async def test_a_start_whose_answer_is_lost_is_not_repeated(two: Engine) -> None:
    plan = await two.plan("intranet-old", to="Lisboa", start_after=True)
    fault = two.site.run(lambda: two.served("Lisboa").pool.faults.add("VM.start_on", cut=0, times=0))
    vm = await two.run(plan)
    assert fault.seen == 1
    assert_done(vm)
    assert "not known whether it was started" in vm.message


async def test_what_follows_may_fail_and_the_move_stands(two: Engine) -> None:
    from xsmigui.simulator.failures import Failure

    plan = await two.plan("web-01", to="Lisboa")
    refused = Failure("RBAC_PERMISSION_DENIED", "vm.set_affinity", "No permission")
    two.site.run(lambda: two.served("Lisboa").pool.faults.add("VM.set_affinity", failure=refused))
    vm = await two.run(plan)
    assert vm.state is State.done
    assert not vm.verified
    assert "Its home server was not set." in vm.message
    assert [p.blocks for p in vm.problems] == [False, False]


async def test_odd_answers_while_it_runs_do_not_end_it(two: Engine) -> None:
    """A server that starts up, that refuses to cancel, that answers nonsense: the migration goes on all the same."""
    from xsmigui.simulator.failures import Failure

    pool = two.served("Madrid").pool
    hold, job = await started(two, await two.plan("web-01", to="Lisboa"), 5)

    def plant() -> None:
        pool.faults.add("task.cancel", failure=Failure("RBAC_PERMISSION_DENIED", "task.cancel", ""), times=0)
        pool.faults.add("task.get_record", failure=Failure("HOST_STILL_BOOTING"), times=3)

    two.site.run(plant)
    two.proxies["Madrid"].cut()
    await until(lambda: two.vm(job).state is State.lost)
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).state is State.running)
    hold.release()
    assert_done((await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0])


@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_the_server_restarts_in_the_middle(two: Engine, to: str) -> None:
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    hold, job = await started(two, await two.plan("web-01", to=to, **options), 5)
    await asyncio.to_thread(two.site.fault, two.served("Madrid"), "restart", seconds=0.2)
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is State.failed
    assert "no longer knows of this migration" in vm.message
    assert "web-01 is in Madrid, running on madrid-01." in vm.message
    assert not vm.verified
    assert two.has("Madrid", "web-01")
    await until(lambda: two.is_connected("Madrid"))


@pytest.mark.parametrize("to", ["Lisboa", "Madrid"])
async def test_somebody_destroys_the_task(two: Engine, to: str) -> None:
    options: dict[str, Any] = {"host": "madrid-02"} if to == "Madrid" else {}
    hold, job = await started(two, await two.plan("web-01", to=to, **options), 5)
    pool = two.served("Madrid")
    task = two.site.run(lambda: next(r for r in pool.pool.tasks.running if two.jobs.is_ours(r)))
    two.site.run(lambda: pool.pool.tasks.remove(task))  # at once, with the migration still under way
    await until(lambda: two.vm(job).message.startswith("The server's task is gone"))
    assert two.vm(job).state is State.running
    hold.release()
    assert_done((await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0])
    quiet(two, tasks=1)


async def test_the_session_ends_in_the_middle(two: Engine) -> None:
    hold, job = await started(two, await two.plan("web-01", to="Lisboa"), 5)
    pool = two.served("Madrid").pool
    two.site.run(lambda: [pool.sessions.end(ref) for ref in list(pool.sessions.live)])
    await until(lambda: two.vm(job).state is State.lost)
    hold.release()
    assert_done((await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0])


# What is said to be done but is not.


async def test_nothing_at_the_destination_is_no_success(two: Engine) -> None:
    from xsmigui.simulator.failures import Failure

    plan = await two.plan("web-01", to="Lisboa")
    gone = Failure("HANDLE_INVALID", "VM", "OpaqueRef:x")
    two.site.run(lambda: two.served("Lisboa").pool.faults.add("VM.get_record", failure=gone, times=1))
    vm = await two.run(plan)
    assert vm.state is State.failed
    assert vm.message.startswith("The server says that web-01 has moved, but it cannot be read in Lisboa.")
    assert not vm.verified


async def test_interrupted_by_the_end_of_the_program_the_server_keeps_its_session(two: Engine) -> None:
    hold, job = await started(two, await two.plan("web-01", to="Lisboa"), 5)
    await two.jobs.shut_down()
    assert two.sessions("Lisboa") == 2  # ours, and the one that the migration works with
    assert two.vm(job).state is State.running
    hold.release()
    await until(lambda: two.has("Lisboa", "web-01") and not two.has("Madrid", "web-01"))


async def test_interrupted_before_it_began_no_session_is_left(two: Engine) -> None:
    plan = await two.plan("web-01", to="Lisboa")
    faults = two.served("Lisboa").pool.faults
    fault = two.site.run(lambda: faults.add("host.migrate_receive", delay=0.2))
    two.jobs.start(plan)
    await until(lambda: fault.seen == 1)
    await two.jobs.shut_down()
    assert two.sessions("Lisboa") == 1


async def test_an_error_of_our_own_ends_the_job_too(
    two: Engine, expected_errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected_errors.append("job ")

    def broken(*_arguments: Any) -> Any:
        raise KeyError("x")

    plan = await two.plan("web-01", to="Lisboa")
    monkeypatch.setattr("xsmigui.services.checking.same_intent", broken)
    vm = await two.run(plan)
    assert vm.state is State.interrupted
    assert "KeyError" in vm.message


async def test_what_the_log_says(two: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """No reference of a session in anything that a job leaves behind."""
    caplog.set_level(logging.DEBUG)
    madrid, lisboa = two.served("Madrid").pool, two.served("Lisboa").pool
    seen: set[str] = set()
    hold, job = await started(two, await two.plan("web-01", to="Lisboa"), 5)
    seen |= set(two.site.run(lambda: [*madrid.sessions.live, *lisboa.sessions.live]))
    two.proxies["Madrid"].cut()
    await until(lambda: two.vm(job).state is State.lost)
    hold.release()
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    seen |= set(two.site.run(lambda: [*madrid.sessions.live, *lisboa.sessions.live]))
    shown = f"{vm} {vm.as_json()} " + "".join(r.getMessage() for r in caplog.records if r.name.startswith("xsmigui."))
    assert len(seen) >= 3
    assert not [ref for ref in seen if ref in shown]
