"""The queue: order, three storage migrations at once, cancelling, a crowded host."""

import asyncio

import pytest

from tests.holding import PATIENCE, Hold, until
from tests.services.engine import Engine
from tests.services.test_exchange import settled, sr_of
from xsmigui.core.capacity import full
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import VdiRef, VmRef
from xsmigui.core.units import GiB
from xsmigui.services.jobs import TOO_MANY_RETRY_S

NAMES = ("web-01", "web-02", "web-03", "mail", "files-windows")


def states(job: Job) -> list[State]:
    return [vm.state for vm in job.vms]


def moving(engine: Engine, pool: str = "Madrid") -> list[str]:
    """Names of the VMs that the simulator moves at present."""
    table = engine.served(pool).pool.db.table("VM")
    return engine.site.run(
        lambda: [r["name_label"] for r in table.values() if "migrate_send" in r["current_operations"].values()]
    )


async def test_three_at_once_in_their_order(two: Engine) -> None:
    plan = await two.plan(*NAMES, to="Lisboa", sr="NFS Lisboa")
    most = 0

    def watch(job: Job) -> None:
        nonlocal most  # one that has arrived is compared while the next one moves
        most = max(most, sum(vm.state is State.running and vm.arrived is None for vm in job.vms))

    two.jobs.subscribe(watch)
    hold = Hold(two.site, free=3)
    job = two.jobs.start(plan)
    await until(lambda: len(moving(two)) == 3)
    assert states(two.jobs.get(job.id)) == [State.running] * 3 + [State.waiting] * 2
    assert two.jobs.running == [two.jobs.get(job.id)]
    assert two.jobs.get(job.id).state is State.running
    hold.release()
    ended = await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
    assert states(ended) == [State.done] * 5
    assert most == 3
    begun = [vm.started for vm in ended.vms]
    assert begun == sorted(t for t in begun if t)
    assert ended.state is State.done
    assert two.jobs.all() == [ended]
    assert two.jobs.running == []
    two.jobs.clear_ended()
    assert two.jobs.all() == []


async def test_live_migrations_do_not_wait_for_storage(two: Engine) -> None:
    storage = await two.plan("web-01", "web-02", "web-03", "mail", to="Lisboa", sr="NFS Lisboa")
    live = await two.plan("files-windows", to="Madrid", host="madrid-01")
    hold = Hold(two.site, free=3)
    first = two.jobs.start(storage)
    await until(lambda: len(moving(two)) == 3)
    second = two.jobs.start(live)
    await until(lambda: states(two.jobs.get(second.id)) == [State.running])
    assert states(two.jobs.get(first.id))[3] is State.waiting
    hold.release()
    for job in (first, second):
        assert (await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)).state is State.done


async def test_those_of_other_clients_count(two: Engine) -> None:
    madrid = two.served("Madrid")
    ours = await two.plan("web-01", "web-02", to="Lisboa", sr="NFS Lisboa")
    hold = Hold(two.site)

    def others() -> None:
        host, network, sr = (
            two.site.call(two.served("Lisboa"), f"{cls}.get_by_name_label", name)[0]
            for cls, name in (("host", "lisboa-01"), ("network", "Storage"), ("SR", "NFS Lisboa"))
        )
        db = madrid.pool.db
        guests = two.site.call(two.served("Lisboa"), "network.get_by_name_label", "Guests")[0]
        for name in ("web-03", "files-windows"):
            ref = two.site.vm(madrid, name)
            received = two.site.call(two.served("Lisboa"), "host.migrate_receive", host, network, {})
            row = two.site.run(lambda ref=ref: dict(db.row("VM", ref)))
            disks = two.site.run(lambda row=row: [db.row("VBD", v)["VDI"] for v in row["VBDs"]])
            two.site.call(
                madrid, "Async.VM.migrate_send", ref, received, True,
                dict.fromkeys([d for d in disks if d != "OpaqueRef:NULL"], sr), dict.fromkeys(row["VIFs"], guests), {},
            )  # fmt: skip

    await asyncio.to_thread(others)
    await until(lambda: len(moving(two)) == 2)
    await until(lambda: sum(bool(vm.current_operations) for vm in two.inventory("Madrid").VM.values()) == 2)
    pool = two.inventory("Madrid").id
    assert two.jobs.ahead(pool) == 2
    job = two.jobs.start(ours)
    await until(lambda: len(moving(two)) == 3)
    assert states(two.jobs.get(job.id)) == [State.running, State.waiting]
    assert two.jobs.ahead(pool) == 4
    two.jobs.hold(job.id, 1)
    assert two.jobs.ahead(pool) == 3
    two.jobs.proceed(job.id)
    assert two.jobs.ahead(two.inventory("Lisboa").id) == 0
    hold.release()
    assert (await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)).state is State.done


async def test_cancel_what_waits_and_what_runs(two: Engine) -> None:
    plan = await two.plan(*NAMES, to="Lisboa", sr="NFS Lisboa")
    hold = Hold(two.site, free=3)
    job = two.jobs.start(plan)
    await until(lambda: len(moving(two)) == 3)
    two.jobs.cancel(job.id, 4)
    vm = two.jobs.get(job.id).vms[4]
    assert (vm.state, vm.step, vm.message) == (
        State.cancelled,
        Step.ended,
        "Cancelled before anything was changed.",
    )
    assert states(two.jobs.get(job.id))[3] is State.waiting
    two.jobs.cancel(job.id)
    tasks = two.served("Madrid").pool.tasks.running
    ours = lambda: [w.cancel.is_set() for ref, w in tasks.items() if two.jobs.is_ours(ref)]  # noqa: E731
    await until(lambda: two.site.run(ours) == [True] * 3)
    hold.release()
    ended = await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
    assert states(ended) == [State.cancelled] * 5
    assert ended.state is State.cancelled
    assert all(two.has("Madrid", name) for name in NAMES)
    assert two.sessions("Lisboa") == 1


def crowd(engine: Engine, number: int) -> None:
    pool = engine.served("Madrid").pool
    host = next(r for r, row in pool.db.table("host").items() if row["name_label"] == "madrid-01")
    engine.site.run(lambda: pool.storage_motions.update({host: number}))


async def test_a_crowded_host_is_tried_again(two: Engine) -> None:
    plan = await two.plan("web-01", to="Lisboa")
    crowd(two, 3)
    job = two.jobs.start(plan)
    await until(lambda: TOO_MANY_RETRY_S in two.clock.slept)
    vm: VmJob = two.vm(job)
    assert (vm.state, vm.step) == (State.waiting, Step.queued)
    crowd(two, -3)
    ended = await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
    assert ended.state is State.done
    assert two.sessions("Lisboa") == 1


async def test_cancelled_while_it_rests(two: Engine) -> None:
    two.clock.factor = 100.0
    plan = await two.plan("web-01", to="Lisboa")
    crowd(two, 3)
    job = two.jobs.start(plan)
    await until(lambda: TOO_MANY_RETRY_S in two.clock.slept)
    two.jobs.cancel(job.id)
    assert (await asyncio.wait_for(two.jobs.wait(job.id), 100)).state is State.cancelled


async def test_cancelled_while_the_host_says_that_it_is_crowded(two: Engine) -> None:
    """The wish is not forgotten with the refusal."""
    from xsmigui.simulator.failures import Failure

    plan = await two.plan("web-01", to="Lisboa")
    hold = Hold(two.site, free=3)
    job = two.jobs.start(plan)
    await hold.until_held()
    tasks = two.served("Madrid").pool.tasks.running
    await until(lambda: any(two.jobs.is_ours(ref) for ref in list(tasks)))
    (move,) = two.site.run(lambda: list(two.served("Madrid").pool.faults.moving))
    two.site.run(lambda: move.abort(Failure("TOO_MANY_STORAGE_MIGRATES", "3")))
    two.proxies["Madrid"].cut()  # task.cancel does not arrive in time
    two.jobs.cancel(job.id)
    hold.release()
    ended = await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
    assert ended.state is State.cancelled


async def test_the_next_begins_when_one_has_arrived(two: Engine) -> None:
    """It does not wait until that one is compared."""
    plan = await two.plan("web-01", "web-02", "web-03", "mail", to="Lisboa", sr="NFS Lisboa")
    arrived: list[int] = []

    def watch(job: Job) -> None:
        if job.vms[3].started is not None and not arrived:
            arrived.append(sum(vm.arrived is not None for vm in job.vms))

    two.jobs.subscribe(watch)
    job = two.jobs.start(plan)
    await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
    assert arrived[0] >= 1


async def test_the_journal_has_each_state_in_its_order(two: Engine) -> None:
    """What waits to be written must not come to lie over what was written at once, before a call or at the end."""
    plan = await two.plan("web-01", "web-02", to="Lisboa", sr="NFS Lisboa")
    job = await asyncio.wait_for(two.jobs.wait(two.jobs.start(plan).id), PATIENCE)
    assert states(job) == [State.done] * 2
    await until(lambda: not two.jobs._writing)
    lines = await two.journal.history(job.id)
    steps = list(Step)
    for name in ("web-01", "web-02"):
        own = [line for line in lines if line.vm == name]
        assert own[-1].state == "done"
        order = [steps.index(Step(line.step)) for line in own]
        begun = next(at for at, line in enumerate(own) if "Begin the migration" in line.message)
        assert order[begun:] == sorted(order[begun:]), [f"{line.state}, {line.step}: {line.message}" for line in own]


async def plan_for(two: Engine, disk: VdiRef) -> Plan:
    draft = draft_of_disks(two.store.site(), two.inventory("Madrid").id, [disk], sr_of(two, "iSCSI Madrid"))
    return await settled(two, draft)


def disk_of(two: Engine, vm: str) -> VdiRef:
    ref = two.site.vm(two.served("Madrid"), vm)
    return next(disk for _vbd, disk, _vdi in two.inventory("Madrid").disks(VmRef(ref)))


async def room_for(two: Engine, sr: str, *disks: VdiRef) -> None:
    """Leave room on a thick SR for these disks and 1 GiB more."""
    pool = two.served("Madrid").pool
    inventory = two.inventory("Madrid")
    needed = sum(full(inventory.VDI[disk]) for disk in disks) + GiB
    ref = sr_of(two, sr)
    taken = inventory.SR[ref].physical_size - needed
    two.site.run(lambda: pool.db.set("SR", ref, physical_utilisation=taken, virtual_allocation=taken))
    await until(lambda: two.inventory("Madrid").free_space(ref) == needed)


@pytest.mark.parametrize("ends", ["done", "cancelled"])
async def test_room_that_is_counted_twice_is_waited_for(two: Engine, ends: str) -> None:
    """A disk that is being made takes its room on the server already, and its job claims it still: the next one in the
    queue waits for the truth. One whose room is really gone by then is refused."""
    one, other = disk_of(two, "web-01"), disk_of(two, "web-02")
    first_plan, second_plan = [await plan_for(two, disk) for disk in (one, other)]
    await room_for(two, "iSCSI Madrid", one, other)
    sr = sr_of(two, "iSCSI Madrid")
    free = two.inventory("Madrid").free_space(sr)
    hold = Hold(two.site, free=1)
    first = two.jobs.start(first_plan)
    await hold.until_held()
    pool = two.served("Madrid").pool
    while two.inventory("Madrid").free_space(sr) == free:
        hold.step(1)
        await hold.until_held()
        taken = two.site.run(lambda: pool.db.table("SR")[sr]["physical_utilisation"])
        await until(lambda taken=taken: two.inventory("Madrid").SR[sr].physical_utilisation == taken)
    second = two.jobs.start(second_plan)
    await until(lambda: "Waiting for room" in two.jobs.get(second.id).vms[0].message)
    assert states(two.jobs.get(second.id)) == [State.waiting]
    assert "of which running jobs will use" in two.jobs.get(second.id).vms[0].message
    if ends == "cancelled":
        two.jobs.cancel(second.id)
        await until(lambda: two.jobs.get(second.id).has_ended)
    hold.release()
    for job, wanted in ((first, State.done), (second, State(ends))):
        ended = await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
        assert states(ended) == [wanted], ended.vms[0].message


async def test_those_behind_take_nothing_from_those_before(two: Engine) -> None:
    """Whoever is first in the queue has the room; the one that does not fit is refused when nothing moves any more."""
    one, other = disk_of(two, "web-01"), disk_of(two, "web-02")
    plans = [await plan_for(two, disk) for disk in (one, other)]
    await room_for(two, "iSCSI Madrid", one)
    two.jobs.limit = 1
    jobs = [two.jobs.start(plan) for plan in plans]
    first, second = [await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE) for job in jobs]
    assert states(first) == [State.done], first.vms[0].message
    assert states(second) == [State.failed]
    assert "Not started" in second.vms[0].message
    assert "of which running jobs" not in second.vms[0].message
