"""Disks of halted VMs, and of none, copied and exchanged: whatever breaks, the VM has its disk, whole and in place."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.holding import PATIENCE, Hold, until
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State, Step
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.draft import KEEP_DAYS, Draft
from xsmigui.core.migration.exchange import BLOCKED, JOB, KEPT, TAG, kept_note
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import SrRef
from xsmigui.services.drafting import Drafting
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.guests import add_vdi

VM, SR = "erp-test", "iSCSI Madrid"
CHANGES = (
    "VM.add_to_other_config",
    "VM.set_blocked_operations",
    "VM.remove_from_other_config",
    "VDI.add_to_other_config",
    "VDI.remove_from_other_config",
    "VDI.create",
    "VDI.copy",
    "SR.scan",
    "VBD.create",
    "VBD.destroy",
    "VBD.set_userdevice",
    "VDI.set_name_label",
    "VDI.add_tags",
)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="xsmigui")


def rows(two: Engine, cls: str) -> dict[str, dict[str, Any]]:
    """Copies of the simulator's rows of Madrid."""
    table = two.served("Madrid").pool.db.table(cls)
    return two.site.run(lambda: {ref: dict(row) for ref, row in table.items()})


def vm_of(two: Engine, name: str = VM) -> dict[str, Any]:
    return next(v for v in rows(two, "VM").values() if v["name_label"] == name and not v["is_a_snapshot"])


def disks_of(two: Engine, name: str = VM) -> dict[str, dict[str, Any]]:
    """The disks of a VM by position."""
    vdis, vbds = rows(two, "VDI"), rows(two, "VBD")
    mine = [vbds[ref] for ref in vm_of(two, name)["VBDs"]]
    return {v["userdevice"]: vdis[v["VDI"]] for v in mine if v["type"] != "CD" and v["VDI"] in vdis}


def marked(two: Engine) -> list[str]:
    """Everything in the pool that we have set and that is still there."""
    found = [
        v["name_label"]
        for v in rows(two, "VDI").values()
        if JOB in v["other_config"] or "[incomplete" in v["name_label"]
    ]
    found += [
        v["name_label"]
        for v in rows(two, "VM").values()
        if any("xsmigui" in r for r in v["blocked_operations"].values())
    ]
    return found


async def plan_of(two: Engine, *names: str, keep_days: int = KEEP_DAYS, sr: str = SR) -> Plan:
    inventory = two.inventory("Madrid")
    disks = [ref for ref, vdi in inventory.VDI.items() if vdi.name_label in names and not vdi.is_a_snapshot]
    return await settled(
        two, draft_of_disks(two.store.site(), inventory.id, disks, sr_of(two, sr)).copying(True, keep_days)
    )


def sr_of(two: Engine, name: str) -> SrRef:
    return next(ref for ref, sr in two.inventory("Madrid").SR.items() if sr.name_label == name)


async def settled(two: Engine, draft: Draft) -> Plan:
    drafting = Drafting(two.store, two.asker, two.clock, draft)
    try:
        evaluation = await drafting.settled()
    finally:
        drafting.close()
    assert evaluation.plan is not None, [p.sentence() for p in evaluation.problems]
    return evaluation.plan


async def own_plan(two: Engine, keep_days: int = KEEP_DAYS) -> Plan:
    return await plan_of(two, *(d["name_label"] for d in disks_of(two).values()), keep_days=keep_days)


def target(two: Engine) -> str:
    return str(sr_of(two, SR))


Before = dict[str, dict[str, Any]]
SAME = ("name_label", "name_description", "virtual_size", "tags", "type")


def assert_moved(two: Engine, before: Before, keeps: bool = True) -> None:
    now = disks_of(two)
    assert set(now) == set(before)
    for position, old in before.items():
        new = now[position]
        assert new["SR"] == target(two)
        assert new["uuid"] != old["uuid"]
        assert [new[f] for f in SAME] == [old[f] for f in SAME]
        assert new["other_config"] == old["other_config"]
        left = [v for v in rows(two, "VDI").values() if v["uuid"] == old["uuid"]]
        assert len(left) == keeps
        if keeps:
            note = kept_note(left[0]["other_config"], left[0]["uuid"])
            assert note is not None
            assert (note.by, note.position, note.vm) == (new["uuid"], position, vm_of(two)["uuid"])
            assert TAG in left[0]["tags"]
            assert left[0]["VBDs"] == []
    assert marked(two) == []


def assert_as_before(two: Engine, before: Before) -> None:
    now = disks_of(two)
    assert {p: d["uuid"] for p, d in now.items()} == {p: d["uuid"] for p, d in before.items()}
    for position, old in before.items():
        assert [now[position][f] for f in SAME] == [old[f] for f in SAME]
        assert now[position]["other_config"] == old["other_config"]
    assert marked(two) == []
    names = [d["name_label"] for d in before.values()]
    assert len([v for v in rows(two, "VDI").values() if v["name_label"] in names and v["SR"] == target(two)]) == 0


async def ended(two: Engine, job: Job) -> Job:
    return await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "removed"])
async def test_moves(two: Engine, keeps: bool) -> None:
    before = disks_of(two)
    plan = await own_plan(two, KEEP_DAYS if keeps else 0)
    assert [move.kind for move in plan.moves] == [Kind.disk]
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert_moved(two, before, keeps)
    assert {d.old for d in vm.disks} == {d["uuid"] for d in before.values()}
    assert {d.new for d in vm.disks} == {d["uuid"] for d in disks_of(two).values()}
    assert two.tasks("Madrid") == []


class Watch:
    """Looks at the simulator before each of its calls: is there a complete disk at the VM at any moment?"""

    def __init__(self, two: Engine) -> None:
        self.pool = two.served("Madrid").pool
        self.sizes = {p: d["virtual_size"] for p, d in disks_of(two).items()}
        self.calls: list[str] = []
        self.bare: list[str] = []
        strike = self.pool.faults.strike

        async def watched(call: Any) -> None:
            if call.message.full in CHANGES:
                self.calls.append(call.message.full)
            self._look(call.message.full)
            await strike(call)

        self.pool.faults.strike = watched  # type: ignore[method-assign]

    def _look(self, at: str) -> None:
        db = self.pool.db
        vm = next(v for v in db.table("VM").values() if v["name_label"] == VM and not v["is_a_snapshot"])
        disks = [db.row("VDI", db.get("VBD", ref, "VDI")) for ref in vm["VBDs"] if db.get("VBD", ref, "type") != "CD"]
        whole = [d for d in disks if not d["name_label"].startswith("[incomplete")]
        if len(whole) < len(self.sizes) or sorted(d["virtual_size"] for d in whole)[0] < min(self.sizes.values()):
            self.bare.append(at)


def refuse(two: Engine, method: str, nth: int, times: int = 1, **how: Any) -> None:
    faults = two.served("Madrid").pool.faults
    two.site.run(lambda: faults.add(method, nth=nth, times=times, **how))


NTH = [
    (m, n)
    for m in CHANGES
    for n in ((1, 2) if "blocked" in m or "VDI.add_to" in m or "VDI.remove" in m or "name" in m else (1,))
]
BROKEN: dict[str, dict[str, Any]] = {
    "refused": {"failure": Failure("INTERNAL_ERROR", "once")},
    "cut-before": {"drop": True},
    "cut-after": {"cut": 0},
}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("method", "nth"), NTH)
async def test_each_call_broken_once(two: Engine, method: str, nth: int, broken: str) -> None:
    before, plan = disks_of(two), await own_plan(two)
    watch = Watch(two)
    refuse(two, method, nth, **BROKEN[broken])
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert watch.bare == []
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert_moved(two, before)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("method", CHANGES)
async def test_each_call_refused_for_good(two: Engine, method: str) -> None:
    before, plan = disks_of(two), await own_plan(two)
    watch = Watch(two)
    refuse(two, method, 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed, vm.message
    assert "INTERNAL_ERROR" in vm.problems[0].raw
    assert watch.bare == []
    assert_as_before(two, before)


BACK = ("VBD.set_userdevice", "VBD.create", "VBD.destroy", "VDI.destroy", "VDI.remove_from_other_config")


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("method", BACK)
async def test_the_way_back_broken_once(two: Engine, method: str, broken: str) -> None:
    before, plan = disks_of(two), await own_plan(two)
    watch = Watch(two)
    refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
    nth = 1 if method == "VDI.destroy" else 2
    refuse(two, method, nth, **BROKEN[broken])
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed, vm.message
    assert watch.bare == []
    assert_as_before(two, before)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("step", [1, 6, *range(11, 40), 48])
@pytest.mark.parametrize("way", ["finish", "undo"])
async def test_ended_before_each_call(site: Simulated, tmp_path: Path, step: int, way: str) -> None:
    """The process ends before its n-th change of the server; another one finishes the job, or puts everything back."""
    async with engine(site, home=tmp_path) as first:
        before, plan = disks_of(first), await own_plan(first)
        watch = Watch(first)
        job = first.jobs.start(plan)
        await until(lambda: len(watch.calls) >= step or first.jobs.get(job.id).has_ended)
    async with engine(site, home=tmp_path) as second:
        found = await second.jobs.take_up()
        if not found:
            assert_moved(second, before)
            return
        was_undone = way == "undo"
        if was_undone:
            second.jobs.undo(job.id)
        elif found[0].vms[0].held:
            second.jobs.proceed(job.id)
        (vm,) = (await ended(second, found[0])).vms
        assert watch.bare == []
        if was_undone:
            assert vm.state in (State.cancelled, State.done), vm.message
        else:
            assert vm.state is State.done, vm.message
        (assert_as_before if vm.state is State.cancelled else assert_moved)(second, before)


async def test_cancelled_while_it_copies(two: Engine) -> None:
    before, plan = disks_of(two), await own_plan(two)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).cancelling)
    hold.release()
    (vm,) = (await ended(two, job)).vms
    assert vm.state is State.cancelled, vm.message
    assert_as_before(two, before)


async def test_the_sr_fills_up(two: Engine) -> None:
    before, plan = disks_of(two), await own_plan(two)
    sr, faults = target(two), two.served("Madrid").pool.faults
    two.site.run(lambda: faults.filling.update({sr: 0.5}))
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed
    assert "SR_BACKEND_FAILURE_44" in vm.problems[0].raw
    assert_as_before(two, before)


async def test_a_disk_of_no_vm(two: Engine) -> None:
    db = two.served("Madrid").pool.db
    source = next(iter(disks_of(two).values()))["SR"]

    def make() -> None:
        add_vdi(
            two.served("Madrid").pool,
            {
                "name_label": "archive",
                "SR": source,
                "virtual_size": 2 << 30,
                "physical_utilisation": 1 << 30,
                "type": "user",
                "other_config": {"owner": "ops"},
            },
        )

    two.site.run(make)
    await until(lambda: any(v.name_label == "archive" for v in two.inventory("Madrid").VDI.values()))
    plan = await plan_of(two, "archive")
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    now = [v for v in rows(two, "VDI").values() if v["name_label"] == "archive"]
    assert [v["SR"] for v in now] == [target(two)]
    assert now[0]["other_config"] == {"owner": "ops"}
    left = [v for v in rows(two, "VDI").values() if KEPT in v["other_config"]]
    assert len(left) == 1
    assert db.has("VDI", next(ref for ref, v in db.table("VDI").items() if v["uuid"] == left[0]["uuid"]))
    assert marked(two) == []


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("free", range(0, 30, 3))
async def test_the_server_restarts(two: Engine, free: int) -> None:
    """Its tasks are gone with it; what it had copied of a disk nobody knows, so that it is copied anew."""
    before, plan = disks_of(two), await own_plan(two)
    watch = Watch(two)
    hold = Hold(two.site, free)
    job = two.jobs.start(plan)
    await until(lambda: hold.is_held or two.jobs.get(job.id).has_ended)
    if not two.jobs.get(job.id).has_ended:
        await asyncio.to_thread(two.site.fault, two.served("Madrid"), "restart", seconds=0.1)
    hold.release()
    (vm,) = (await ended(two, job)).vms
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert watch.bare == []
    assert_moved(two, before)


async def test_somebody_starts_the_vm_all_the_same(two: Engine) -> None:
    """Nothing is exchanged under a running VM; what was copied is thrown away."""
    before, plan = disks_of(two), await own_plan(two)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    madrid = two.served("Madrid")
    ref = two.site.vm(madrid, VM)
    two.site.run(lambda: madrid.pool.db.set("VM", ref, power_state="Running"))
    hold.release()
    (vm,) = (await ended(two, job)).vms
    assert vm.state is State.failed, vm.message
    assert "no longer halted" in vm.message
    assert "Everything was rolled back" in vm.message
    assert_as_before(two, before)


@pytest.mark.usefixtures("quiet")
async def test_a_copy_of_somebody_else_is_not_taken_for_ours(site: Simulated, tmp_path: Path) -> None:
    """The process ends while the answer to the start of the copy is due, and meanwhile another client copies the same
    disk. Its end says nothing of our copy, which is made anew."""
    async with engine(site, home=tmp_path) as first:
        before, plan = disks_of(first), await own_plan(first)
        refuse(first, "VDI.copy", 1, drop=True)
        watch = Watch(first)
        job = first.jobs.start(plan)
        await until(lambda: watch.calls.count("VDI.copy") == 1)
    madrid = site["Madrid"]
    hold = Hold(site, 0)
    source = plan.moves[0].disks[0].disk.ref
    task = site.call(madrid, "Async.VDI.copy", source, sr_ref(site, "Local storage on madrid-01"))
    async with engine(site, home=tmp_path) as second:
        await second.jobs.take_up()
        await until(lambda: second.vm(job).message.startswith("The server may still be copying"))
        assert not second.vm(job).replacements[0].complete
        assert second.vm(job).task != task
        hold.release()
        (vm,) = (await ended(second, job)).vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert watch.calls.count("VDI.copy") >= 1 + 1 + len(before)
        theirs = next(
            r
            for r, v in rows(second, "VDI").items()
            if v["SR"] == sr_ref(site, "Local storage on madrid-01")
            and v["name_label"] in [d["name_label"] for d in before.values()]
        )
        site.call(madrid, "VDI.destroy", theirs)  # a copy takes other_config along, our mark too
        assert_moved(second, before)


def sr_ref(site: Simulated, name: str) -> str:
    table = site["Madrid"].pool.db.table("SR")
    return site.run(lambda: next(ref for ref, row in table.items() if row["name_label"] == name))


@pytest.mark.usefixtures("quiet")
async def test_what_may_have_been_written_to_is_not_thrown_away(site: Simulated, tmp_path: Path) -> None:
    """The process ends in the middle of the exchange, somebody lifts our block and starts the VM on the new disks. An
    undo must not destroy them; when the VM is halted again the job comes to its end."""
    madrid = site["Madrid"]
    async with engine(site, home=tmp_path) as first:
        before, plan = disks_of(first), await own_plan(first)
        watch = Watch(first)
        job = first.jobs.start(plan)
        await until(lambda: watch.calls.count("VBD.set_userdevice") == 2)
    ref = site.vm(madrid, VM)

    def start() -> None:
        madrid.pool.db.set("VM", ref, blocked_operations={}, power_state="Running")

    site.run(start)
    async with engine(site, home=tmp_path) as second:
        (found,) = await second.jobs.take_up()
        second.jobs.undo(job.id)
        (vm,) = (await ended(second, found)).vms
        assert vm.state is State.interrupted, vm.message
        assert "no longer halted" in vm.message or "may have been written to" in vm.message
        assert job.id in vm.message
        assert all(d["SR"] == target(second) for d in disks_of(second).values())
    site.run(lambda: madrid.pool.db.set("VM", ref, power_state="Halted"))
    async with engine(site, home=tmp_path) as third:
        (found,) = await third.jobs.take_up()
        assert third.vm(found).held
        third.jobs.proceed(job.id)
        (vm,) = (await ended(third, found)).vms
        assert (vm.state, vm.verified) == (State.done, False), vm.message
        assert "Could not read: content of the disk" in vm.message, "the VM has run on it: nobody can compare it"
        assert_moved(third, before)


async def test_start_is_allowed_last(two: Engine) -> None:
    plan = await own_plan(two)
    lifted: list[str] = []
    pool = two.served("Madrid").pool
    ref = two.site.vm(two.served("Madrid"), VM)
    remove = pool.db.set

    def watched(cls: str, row: str, **fields: Any) -> None:
        if row == ref and "blocked_operations" in fields:
            lifted.append(" ".join(fields["blocked_operations"]))
        remove(cls, row, **fields)

    two.site.run(lambda: setattr(pool.db, "set", watched))
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.done, vm.message
    assert lifted == [" ".join(BLOCKED), ""]
    assert marked(two) == []


@pytest.mark.usefixtures("quiet")
async def test_a_source_that_somebody_connects_meanwhile(two: Engine) -> None:
    """What another VM writes to it is not on the copy: nothing is exchanged, and the source stays."""
    before, plan = disks_of(two), await own_plan(two, keep_days=0)
    madrid = two.served("Madrid")
    other = two.site.vm(madrid, "intranet-old")
    source = plan.moves[0].disks[0].disk.ref
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    record = {"VM": other, "VDI": source, "userdevice": "9", "type": "Disk", "mode": "RW"}
    two.site.run(lambda: madrid.pool.db.create("VBD", record))
    hold.release()
    (vm,) = (await ended(two, job)).vms
    assert vm.state is State.failed, vm.message
    assert "is connected to another VM" in vm.message
    assert_as_before(two, before)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("times", [1, 2, 20])
async def test_the_result_cannot_be_read_back(two: Engine, times: int) -> None:
    """A look that is refused is asked again; where that does not help the job can be resumed, and is done then."""
    before, plan = disks_of(two), await own_plan(two)
    failure = Failure("INTERNAL_ERROR", "no look")

    def at_the_end(job: Job) -> None:
        if job.vms[0].step is Step.verifying and not planted:
            planted.append(job.id)
            refuse(two, "VDI.get_record", 1, times, failure=failure)

    planted: list[str] = []
    two.jobs.subscribe(at_the_end)
    job = two.jobs.start(plan)
    (vm,) = (await ended(two, job)).vms
    if times == 20:
        assert (vm.state, vm.is_over) == (State.interrupted, False), vm.message
        assert vm.message.startswith(f"{VM} is in Madrid, halted. The disks were exchanged")
        two.site.run(two.served("Madrid").pool.faults.clear)
        two.jobs.resume(job.id)
        (vm,) = (await ended(two, job)).vms
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert_moved(two, before)


async def test_what_failed_says_first_where_the_vm_is(two: Engine) -> None:
    plan = await own_plan(two)
    refuse(two, "VDI.add_tags", 1, 3, failure=Failure("INTERNAL_ERROR", "no"))
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed
    assert vm.message.startswith(
        f"{VM} is in Madrid, halted. Everything was rolled back; the disks are where they were."
    )
