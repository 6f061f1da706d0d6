"""Disks that move while their VM runs: what may happen on the way, read back and said correctly; and many at once."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from tests.holding import PATIENCE, Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import settled, sr_of
from tests.services.test_jobs import moving, states
from tests.services.test_sending import started
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State, Step
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import VdiRef
from xsmigui.simulator.guests import add_vdi, halt

VM = "monitoring"


async def plan_of(two: Engine, *disks: VdiRef, sr: str = "NFS Madrid") -> Plan:
    inventory = two.inventory("Madrid")
    return await settled(two, draft_of_disks(two.store.site(), inventory.id, disks, sr_of(two, sr)))


def disk_of(two: Engine, vm: str = VM) -> VdiRef:
    inventory = two.inventory("Madrid")
    ref = two.site.vm(two.served("Madrid"), vm)
    return next(disk for _vbd, disk, _vdi in inventory.disks(ref))  # type: ignore[arg-type]


def assert_where_it_was(two: Engine, disk: VdiRef) -> None:
    """The VM has the same disk, on the same SR, and no other disk has its name."""
    table = two.served("Madrid").pool.db.table("VDI")
    rows = two.site.run(lambda: {ref: dict(row) for ref, row in table.items()})
    assert disk in rows
    assert len([r for r in rows.values() if r["name_label"] == rows[disk]["name_label"]]) == 1
    assert two.inventory("Madrid").SR[rows[disk]["SR"]].name_label == "Local storage on madrid-03"


async def end(two: Engine, job: Job) -> Job:
    return await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE * 1.8)  # forty disks are some six hundred calls


async def test_phases_and_progress(two: Engine) -> None:
    plan = await plan_of(two, disk_of(two))
    seen: list[tuple[Step, float]] = []
    two.jobs.subscribe(lambda job: seen.append((job.vms[0].step, job.vms[0].progress or 0.0)))
    hold = Hold(two.site, 1)
    job = two.jobs.start(plan)
    while not two.jobs.get(job.id).has_ended:
        count = len(seen)
        await until(lambda: hold.is_held or two.jobs.get(job.id).has_ended)
        if two.vm(job).task:
            with suppress(AssertionError):  # not every step is one that is told
                await until(lambda n=count: len(seen) > n, 0.2)  # type: ignore[misc]
        hold.step(1)
    (vm,) = (await end(two, job)).vms
    hold.release()
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    steps = list(dict.fromkeys(step for step, _p in seen))
    assert steps.index(Step.disks) < steps.index(Step.memory) < steps.index(Step.verifying)
    for step in (Step.disks, Step.memory):
        run = [p for s, p in seen if s is step]
        assert run == sorted(run)
        assert max(run) > 0.5
    (disk,) = [d for d in vm.disks if d.old != d.new]
    assert disk.sr == "NFS Madrid"


@pytest.mark.parametrize("free", [0, 5, 15, 25, 35, 45])
async def test_cancelled_until_it_cannot_be(two: Engine, free: int) -> None:
    disk = disk_of(two)
    hold, job = await started(two, await plan_of(two, disk), free)
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).cancelling)
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: any(w.cancel.is_set() for w in running.values())))
    hold.release()
    (vm,) = (await end(two, job)).vms
    if vm.state is State.cancelled:
        assert vm.message == f"Cancelled. {VM} is in Madrid, running on madrid-03."
        assert_where_it_was(two, disk)
    else:
        assert (vm.state, vm.verified) == (State.done, True), vm.message


async def test_the_mirror_fails(two: Engine) -> None:
    disk = disk_of(two)
    plan = await plan_of(two, disk)
    two.site.run(lambda: two.served("Madrid").pool.faults.broken_mirrors.add(disk))
    (vm,) = (await end(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed
    assert vm.problems[0].raw.startswith("MIRROR_FAILED")
    assert f"{VM} is in Madrid, running on madrid-03." in vm.message
    assert_where_it_was(two, disk)


async def test_the_sr_fills_up(two: Engine) -> None:
    disk = disk_of(two)
    plan = await plan_of(two, disk)
    two.site.fault(two.served("Madrid"), "fill_sr", sr="NFS Madrid", at=0.5)
    (vm,) = (await end(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed
    assert vm.problems[0].raw
    assert_where_it_was(two, disk)


async def test_the_guest_shuts_itself_down_in_the_middle(two: Engine) -> None:
    """Whatever the server makes of it, what is said agrees with what is there."""
    disk = disk_of(two)
    hold, job = await started(two, await plan_of(two, disk), 5)
    pool = two.served("Madrid").pool
    ref = two.site.vm(two.served("Madrid"), VM)

    two.site.run(lambda: halt(pool, ref))
    hold.release()
    (vm,) = (await end(two, job)).vms
    assert vm.state in (State.failed, State.done)
    row = two.row("Madrid", "VM", VM)
    assert row["power_state"] == "Halted"
    assert "halted" in vm.message.casefold()
    assert not vm.verified


# Many at once.


class AtOnce:
    """Counts in the simulator, at each step of its clock, the VMs of Madrid with disks under way; `most` so far."""

    def __init__(self, site: Simulated) -> None:
        self.most = 0
        self._db = site["Madrid"].pool.db
        self._sleep = site.site.clock.sleep
        site.run(lambda: setattr(site.site.clock, "sleep", self._counted))

    async def _counted(self, seconds: float) -> None:
        db = self._db
        copied = [v for v in db.table("VDI").values() if "copy" in v["current_operations"].values()]
        vms = {db.get("VBD", vbd, "VM") for vdi in copied for vbd in vdi["VBDs"]}
        busy = {vm for vm in vms if not db.get("VM", vm, "is_control_domain")}
        busy |= {r for r, v in db.table("VM").items() if "migrate_send" in v["current_operations"].values()}
        self.most = max(self.most, len(busy))
        await self._sleep(seconds)


def twelve(site: Simulated) -> list[str]:
    """Twelve VMs in Madrid with forty disks on its NFS storage."""
    pool = site["Madrid"].pool
    made: list[str] = []

    def make() -> None:
        db = pool.db
        sr = next(r for r, s in db.table("SR").items() if s["name_label"] == "NFS Madrid")
        host = next(r for r, h in db.table("host").items() if h["name_label"] == "madrid-01")
        like = next(v for v in db.table("VM").values() if v["name_label"] == "erp-test")
        for number in range(12):
            fields: dict[str, Any] = {
                f: like[f] for f in ("VCPUs_max", "VCPUs_at_startup", "memory_static_max", "memory_dynamic_max",
                                     "memory_dynamic_min", "memory_static_min", "HVM_boot_policy", "domain_type")
            }  # fmt: skip
            vm = db.create(
                "VM", {**fields, "name_label": f"app-{number:02}", "power_state": "Halted", "affinity": host}
            )
            for disk in range(4 if number < 4 else 3):
                name = f"app-{number:02} disk {disk}"
                values = {
                    "name_label": name,
                    "SR": sr,
                    "virtual_size": 1 << 30,
                    "physical_utilisation": 1 << 28,
                    "type": "user",
                }
                vdi = add_vdi(pool, values)
                made.append(vdi)
                db.create("VBD", {"VM": vm, "VDI": vdi, "userdevice": str(disk), "type": "Disk", "mode": "RW"})

    site.run(make)
    return made


@pytest.mark.parametrize("copies", [True, False], ids=["copied", "by-the-server"])
async def test_forty_disks_of_twelve_vms(site: Simulated, copies: bool) -> None:
    """At most three VMs at a time, seen from the server; one that fails does not stop the others; each end is told."""
    disks = twelve(site)
    assert len(disks) == 40
    async with engine(site, "Madrid") as one:
        inventory = one.inventory("Madrid")
        draft = draft_of_disks(one.store.site(), inventory.id, map(VdiRef, disks), sr_of(one, "iSCSI Madrid"))
        plan = await settled(one, draft.copying(copies))
        assert len(plan.moves) == 12
        pool = site["Madrid"].pool
        watch = AtOnce(site)
        bad = disks[5]
        site.run(lambda: pool.faults.broken_mirrors.add(bad))
        running = 0

        def count(job: Job) -> None:
            nonlocal running
            # One that has arrived makes room for the next, while it is still compared.
            running = max(running, sum(vm.state is State.running and vm.arrived is None for vm in job.vms))

        one.jobs.subscribe(count)
        ended = await end(one, one.jobs.start(plan))
        others = [vm for vm in ended.vms if vm.state is not State.done]
        (failed,) = others if len(others) == 1 else [(vm.move.vm.name, vm.message, vm.problems) for vm in others]
        assert failed.state is State.failed
        assert failed.move.vm.name == "app-01"
        assert failed.problems[0].raw
        assert all(vm.verified for vm in ended.vms if vm is not failed)
        assert all(vm.message for vm in ended.vms)
        begun = [vm.started for vm in ended.vms if vm.started]
        assert begun == sorted(begun)
        assert 1 <= watch.most <= 3
        assert running == 3


async def test_ten_vms_in_one_wizard_to_another_pool(site: Simulated) -> None:
    twelve(site)
    names = [f"app-{number:02}" for number in range(10)]
    async with engine(site) as two:
        plan = await two.plan(*names, to="Lisboa", sr="NFS Lisboa")
        watch = AtOnce(site)
        disk = next(d for d in plan.moves[3].disks).disk.ref
        site.run(lambda: site["Madrid"].pool.faults.broken_mirrors.add(disk))
        hold = Hold(site, free=3)
        job = two.jobs.start(plan)
        await until(lambda: len(moving(two)) == 3)
        assert states(two.jobs.get(job.id)) == [State.running] * 3 + [State.waiting] * 7
        hold.release()
        ended = await end(two, job)
        assert states(ended) == [State.done] * 3 + [State.failed] + [State.done] * 6
        assert watch.most == 3
        assert [vm.move.vm.name for vm in ended.vms if two.has("Madrid", vm.move.vm.name)] == ["app-03"]
        assert all(vm.message for vm in ended.vms)
