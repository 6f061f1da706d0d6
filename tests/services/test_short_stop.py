"""Move with a short stop: whatever breaks, is cancelled or comes between, the VM runs on the newest of its disks."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import Somebody, spoil_finished_copies
from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import (
    SR,
    disks_of,
    ended,
    marked,
    quiet,
    refuse,
    rows,
    settled,
    sr_of,
    target,
    vm_of,
)
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.exchange import kept_note
from xsmigui.core.migration.kept import kept_sources, revert_plan
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import VdiRef, VmRef
from xsmigui.core.triage import Do, triage
from xsmigui.core.verified import Outcome, What
from xsmigui.simulator.dispatch import METHODS
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.faults import Dropped

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

ONE, TWO = "backup-cbt", "mail"
"""Running VMs of one and of two disks; those of the first cannot be mirrored."""

Before = dict[str, dict[str, Any]]


@pytest.fixture
def other(site: Simulated) -> Somebody:
    return Somebody.at(site, "Madrid")


async def plan_of(two: Engine, vm: str = ONE, minutes: int = 15, keep_days: int = 7) -> Plan:
    mine = {disk["uuid"] for disk in disks_of(two, vm).values()}
    inventory = two.inventory("Madrid")
    disks = [VdiRef(ref) for ref, vdi in inventory.VDI.items() if vdi.uuid in mine]
    draft = draft_of_disks(two.store.site(), inventory.id, disks, sr_of(two, SR))
    return await settled(two, draft.copying(True, keep_days).with_short_stop(minutes))


async def run(two: Engine, plan: Plan) -> VmJob:
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    return vm


def power(two: Engine, vm: str = ONE) -> str:
    return str(vm_of(two, vm)["power_state"])


def left(two: Engine) -> list[str]:
    """What the job has put on the server and should be gone."""
    vms = [v["name_label"] for v in rows(two, "VM").values() if "short stop" in v["name_label"]]
    blocked = [v["name_label"] for v in rows(two, "VM").values() if "xsmigui-job" in v["other_config"]]
    return [*vms, *blocked, *marked(two)]


def snapshots(two: Engine) -> int:
    """Disks of snapshots in the pool."""
    return sum(1 for vdi in rows(two, "VDI").values() if vdi["is_a_snapshot"])


def assert_moved(two: Engine, before: Before, vm: str = ONE, keeps: bool = True) -> None:
    now = disks_of(two, vm)
    assert set(now) == set(before)
    for position, old in before.items():
        assert now[position]["SR"] == target(two)
        assert now[position]["name_label"] == old["name_label"]
        kept = [v for v in rows(two, "VDI").values() if v["uuid"] == old["uuid"]]
        assert len(kept) == keeps
        if keeps:
            note = kept_note(kept[0]["other_config"], kept[0]["uuid"])
            assert note is not None
            assert note.by == now[position]["uuid"]
    assert power(two, vm) == "Running"
    assert left(two) == []


def assert_put_back(two: Engine, before: Before, count: int, vm: str = ONE) -> None:
    """The VM runs on its own disks, and nothing of the job is left."""
    assert {p: d["uuid"] for p, d in disks_of(two, vm).items()} == {p: d["uuid"] for p, d in before.items()}
    assert power(two, vm) == "Running"
    assert left(two) == []
    assert snapshots(two) == count
    names = {d["name_label"] for d in before.values()}
    on_target = [v for v in rows(two, "VDI").values() if v["SR"] == target(two) and v["name_label"] in names]
    assert on_target == []


CHANGES = (
    "VM.add_to_other_config",
    "VDI.add_to_other_config",
    "VDI.create",
    "VM.snapshot",
    "VDI.copy",
    "SR.scan",
    "VDI.checksum",
    "VM.set_blocked_operations",
    "VM.clean_shutdown",
    "VBD.create",
    "VDI.set_name_label",
    "VBD.destroy",
    "VBD.set_userdevice",
    "VM.start_on",
    "VM.destroy",
    "VDI.destroy",
    "VDI.add_tags",
    "VDI.remove_from_other_config",
    "VM.remove_from_other_config",
)


class Gate:
    """Holds the n-th call that changes something at the server's door until `open`; counts all of them."""

    def __init__(self, two: Engine, nth: int = 0) -> None:
        self.made: list[str] = []
        self.lost = False
        self._site = two.site
        self._reached = threading.Event()
        self._go: asyncio.Event | None = None
        faults = two.served("Madrid").pool.faults
        strike = faults.strike

        async def watched(call: Any) -> None:
            name = call.message.full.removeprefix("Async.")
            if name in CHANGES:
                self.made.append(name)
                if len(self.made) == nth:
                    self._go = asyncio.Event()
                    self._reached.set()
                    await self._go.wait()
                    if self.lost:
                        raise Dropped(name)
            await strike(call)

        faults.strike = watched  # type: ignore[method-assign]

    @property
    def is_reached(self) -> bool:
        return self._reached.is_set()

    def open(self, lost: bool = False) -> None:
        """Let the call pass, or get lost before the server has it."""
        self.lost = lost
        if self._go is not None:
            self._site.run(self._go.set)


# All goes well.


@pytest.mark.parametrize(("vm", "minutes", "keep_days"), [(ONE, 15, 0), (TWO, 1, 7)])
async def test_moves(two: Engine, vm: str, minutes: int, keep_days: int) -> None:
    """With time enough contents are compared before the exchange, else after the start; sources go only then."""
    before, count = disks_of(two, vm), snapshots(two)
    gate = Gate(two)
    job = await run(two, await plan_of(two, vm, minutes, keep_days))
    assert (job.state, job.verified) == (State.done, True), job.message
    assert_moved(two, before, vm, keeps=bool(keep_days))
    assert snapshots(two) == count
    assert job.stop is not None
    assert job.stop.proves_after is (minutes == 1)
    assert [i.outcome for i in job.items if i.what is What.content] == [Outcome.same] * len(before)
    told = "after it had started again" if minutes == 1 else "before the exchange"
    assert told in job.message
    assert f"{vm} was down for" in job.message
    last = max(n for n, name in enumerate(gate.made) if name == "VDI.checksum")
    assert (last < gate.made.index("VBD.create")) is (minutes == 15)
    assert two.tasks("Madrid") == []


# The program ends. Every call is in tests/core/migration/test_short_stop.py; here some of them.

STEPS = (
    "VM.snapshot",
    "VDI.checksum",
    "VM.clean_shutdown",
    "VDI.copy 2",
    "VBD.destroy",
    "VM.snapshot 2",
    "VM.start_on",
)


@pytest.fixture
def steps() -> dict[str, int]:
    """The numbers of calls of a move of one disk that is proved afterwards (`test_the_steps_are_where_they_were`)."""
    return {
        "VM.snapshot": 4, "VDI.copy": 5, "VDI.checksum": 7, "VM.clean_shutdown": 10, "VDI.copy 2": 11,
        "VBD.destroy": 14, "VM.snapshot 2": 16, "VM.start_on": 18,
    }  # fmt: skip


async def test_the_steps_are_where_they_were(two: Engine, steps: dict[str, int]) -> None:
    gate = Gate(two)
    await run(two, await plan_of(two, ONE, 1))
    for name, number in steps.items():
        assert gate.made[number - 1] == name.split()[0], gate.made


@pytest.mark.parametrize(("name", "lost"), [(n, at % 2 == 0) for at, n in enumerate(STEPS)])
async def test_the_program_ends(site: Simulated, tmp_path: Path, steps: dict[str, int], name: str, lost: bool) -> None:
    """It ends while the server has the call, or before it got it; the next program goes on at once."""
    async with engine(site, "Madrid", home=tmp_path) as first:
        before, plan = disks_of(first, ONE), await plan_of(first, ONE, 1)
        gate = Gate(first, steps[name])
        first.jobs.start(plan)
        await until(lambda: gate.is_reached)
    gate.open(lost)
    async with engine(site, "Madrid", home=tmp_path) as second:
        (found,) = await second.jobs.take_up()
        assert not found.vms[0].held
        (vm,) = (await ended(second, found)).vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert_moved(second, before)


@pytest.mark.parametrize("name", ["VDI.copy", "VDI.copy 2", "VBD.destroy"])
async def test_undone_by_the_next_program(site: Simulated, tmp_path: Path, steps: dict[str, int], name: str) -> None:
    async with engine(site, "Madrid", home=tmp_path) as first:
        before, plan, count = disks_of(first, ONE), await plan_of(first, ONE, 1), snapshots(first)
        gate = Gate(first, steps[name])
        job = first.jobs.start(plan)
        await until(lambda: gate.is_reached)
    gate.open()
    async with engine(site, "Madrid", home=tmp_path) as second:
        (found,) = await second.jobs.take_up()
        second.jobs.undo(job.id)
        (vm,) = (await ended(second, found)).vms
        assert vm.state is State.cancelled, vm.message
        assert_put_back(second, before, count)


async def test_taken_up_a_day_later_while_the_vm_is_down(
    site: Simulated, tmp_path: Path, steps: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked while a VM is down because of us: it starts at once, on its own disks."""
    async with engine(site, "Madrid", home=tmp_path) as first:
        before, plan, count = disks_of(first, ONE), await plan_of(first, ONE, 1), snapshots(first)
        gate = Gate(first, steps["VDI.copy 2"])
        job = first.jobs.start(plan)
        await until(lambda: gate.is_reached)
        assert power(first) == "Halted"
    gate.open(lost=True)
    site.run(lambda: site.site.clock.advance(86400))
    async with engine(site, "Madrid", home=tmp_path) as second:
        now = second.clock.now
        monkeypatch.setattr(second.clock, "now", lambda: now() + timedelta(days=1))
        (found,) = await second.jobs.take_up()
        assert not found.vms[0].held
        (vm,) = (await ended(second, found)).vms
        assert vm.state is State.failed, vm.message
        assert "The stop took longer than the 60 s allowed." in vm.message
        assert f"{ONE} was started again." in vm.message
        assert_put_back(second, before, count)
        assert job.id == found.id


# The operator cancels.


@pytest.mark.parametrize("name", ["VM.snapshot", "VM.clean_shutdown", "VDI.copy 2", "VBD.destroy", "VM.start_on"])
async def test_cancelled(two: Engine, steps: dict[str, int], name: str) -> None:
    before, count, plan = disks_of(two, ONE), snapshots(two), await plan_of(two, ONE, 1)
    gate = Gate(two, steps[name])
    job = two.jobs.start(plan)
    await until(lambda: gate.is_reached)
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).cancelling)
    gate.open()
    (vm,) = (await ended(two, job)).vms
    if name == "VM.start_on":  # it starts on its new disk by then
        assert vm.state is State.done, vm.message
        assert_moved(two, before)
        return
    assert vm.state is State.cancelled, vm.message
    assert_put_back(two, before, count)


async def test_cancelled_while_the_difference_is_copied(two: Engine) -> None:
    """The copy is cancelled, and the VM starts before anything is tidied up."""
    before, count, plan = disks_of(two, ONE), snapshots(two), await plan_of(two, ONE, 1)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).stop is not None and two.vm(job).stop.stopping)  # type: ignore[union-attr]
    hold = Hold(two.site, 3)
    await until(lambda: hold.is_held)
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).cancelling)
    hold.release()
    (vm,) = (await ended(two, job)).vms
    assert vm.state in (State.cancelled, State.done), vm.message
    if vm.state is State.cancelled:
        assert_put_back(two, before, count)


async def test_a_guest_that_refuses_to_shut_down(two: Engine) -> None:
    before, count, plan = disks_of(two, ONE), snapshots(two), await plan_of(two, ONE, 1)
    refuse(two, "VM.clean_shutdown", 1, 0, failure=Failure("VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", "x"))
    refuse(two, "Async.VM.clean_shutdown", 1, 0, failure=Failure("VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", "x"))
    vm = await run(two, plan)
    assert vm.state is State.failed, vm.message
    assert_put_back(two, before, count)


@pytest.mark.parametrize(("methods", "state"), [
    ("VM.snapshot", State.failed), ("VM.clean_shutdown", State.failed), ("VDI.checksum", State.failed),
    ("VM.start_on", State.done), ("VM.start_on VM.start", State.interrupted),
])  # fmt: skip
async def test_a_task_that_fails_whenever_it_is_begun(
    two: Engine, methods: str, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, count, plan = disks_of(two, ONE), snapshots(two), await plan_of(two, ONE, 1)

    def fail(*_: object) -> None:
        raise Failure("SR_BACKEND_FAILURE_46", "", "The VDI is not available", "")

    for method in methods.split():
        monkeypatch.setitem(METHODS, method, fail)
    vm = await run(two, plan)
    assert (vm.state, vm.verified) == (state, state is State.done), vm.message
    if state is State.failed:
        assert_put_back(two, before, count)


# Somebody else.


@pytest.mark.parametrize("does", ["starts it", "writes", "borrows"])
async def test_somebody_while_it_is_down(two: Engine, other: Somebody, steps: dict[str, int], does: str) -> None:
    before, plan = disks_of(two, ONE), await plan_of(two, ONE, 1)
    gate = Gate(two, steps["VDI.copy 2"])
    job = two.jobs.start(plan)
    await until(lambda: gate.is_reached)
    vm, disk = other.vm(ONE), other.disks(other.vm(ONE))["0"]
    if does == "starts it":
        other.lift_blocks(vm)
        await asyncio.to_thread(other.start, vm)
    elif does == "writes":
        holder = other.connect(disk, other.vm("intranet-old"))
        other.write(disk)
        other.disconnect(holder)
    else:
        other.connect(disk, other.vm("intranet-old"))
    gate.open()
    (ending,) = (await ended(two, job)).vms
    if does == "writes":
        assert ending.state is State.done, ending.message
        assert_moved(two, before)
        return
    assert ending.state is State.failed, ending.message
    assert {p: d["uuid"] for p, d in disks_of(two, ONE).items()} == {p: d["uuid"] for p, d in before.items()}
    assert power(two) == "Running"
    assert left(two) == []
    if does == "borrows":
        two.site.lets_go_of("intranet-old")


async def differing(two: Engine, keep_days: int = 0) -> Job:
    """A move that has stopped because the new disk, on which the VM runs by now, has another content."""
    plan = await plan_of(two, ONE, 1, keep_days)
    spoil_finished_copies(two.site, "Madrid")
    job = two.jobs.start(plan)
    (vm,) = (await ended(two, job)).vms
    assert vm.state is State.interrupted, vm.message
    assert "Nothing was removed." in vm.message
    assert power(two) == "Running"
    return job


@pytest.mark.parametrize("keep_days", [0, 7])
async def test_a_difference_found_after_the_start_can_be_accepted_and_is_not_called_verified(
    two: Engine, other: Somebody, keep_days: int
) -> None:
    before = disks_of(two, ONE)
    job = await differing(two, keep_days)
    found = triage(two.jobs.get(job.id), 0, two.store.site())
    assert found is not None
    assert found.steps == (Do.resume, Do.accept, Do.forget)
    two.jobs.resume(job.id, accept=True)
    (vm,) = (await ended(two, job)).vms
    assert (vm.state, vm.verified) == (State.done, False), vm.message
    assert "content" in vm.message
    assert_moved(two, before)
    (content,) = [item for item in vm.items if item.what is What.content]
    assert content.outcome is Outcome.differs
    kept = kept_sources(two.inventory("Madrid"))
    assert [each.uuid for each in kept] == [before["0"]["uuid"]]
    other.stop(other.vm(ONE))
    await until(lambda: two.inventory("Madrid").VM[VmRef(other.vm(ONE))].power_state == "Halted")
    back = await run(two, revert_plan(two.inventory("Madrid"), [kept[0].ref]))
    assert back.state is State.done, back.message
    assert disks_of(two, ONE)["0"]["uuid"] == before["0"]["uuid"]
    two.site.fault(two.served("Madrid"), "watch_disks")  # what the guest had on the spoilt disk was lost on purpose


async def test_a_difference_found_after_the_start_is_compared_once_more_when_resumed(two: Engine) -> None:
    job = await differing(two)
    watch = Gate(two)
    two.jobs.resume(job.id)
    (vm,) = (await ended(two, job)).vms
    assert vm.state is State.interrupted, vm.message
    assert watch.made.count("VDI.checksum") == 2
    two.site.fault(two.served("Madrid"), "watch_disks")  # what the guest had on the spoilt disk was lost on purpose


# How short it is.


async def test_it_is_down_twenty_times_shorter(two: Engine, other: Somebody) -> None:
    """A disk of 100 GiB, all of it written, to which the guest writes 1 GiB meanwhile: in simulated seconds, beside
    shutting it down and moving it."""
    await big(two)
    pool = two.served("Madrid").pool
    vm = await run(two, await plan_of(two, ONE, 1))
    assert vm.state is State.done, vm.message
    assert vm.stop is not None
    short = vm.stop.down

    await big(two)
    began = two.site.run(pool.clock.now)
    await asyncio.to_thread(other.call, "VM.clean_shutdown", other.vm(ONE))
    await until(lambda: two.inventory("Madrid").VM[VmRef(other.vm(ONE))].power_state == "Halted")
    mine = [d["uuid"] for d in disks_of(two, ONE).values()]
    inventory = two.inventory("Madrid")
    disks = [VdiRef(ref) for ref, vdi in inventory.VDI.items() if vdi.uuid in mine]
    draft = draft_of_disks(two.store.site(), inventory.id, disks, sr_of(two, "NFS Madrid"))
    job = await run(two, await settled(two, replace(draft.copying(True, 7), start_after=True)))
    assert job.state is State.done, job.message
    assert power(two) == "Running"
    long = two.site.run(pool.clock.now) - began
    assert long > 20 * short, (long, short)
    print(f"down for {short:.0f} s with a short stop, {long:.0f} s shut down and moved")


async def big(two: Engine) -> None:
    """The VM has a disk of 100 GiB, and writes 1 GiB in the time that copying and comparing it takes."""
    pool = two.served("Madrid").pool
    gib = 1 << 30

    def change() -> None:
        db = pool.db
        vm = next(v for v in db.table("VM").values() if v["name_label"] == ONE and not v["is_a_snapshot"])
        disk = next(db.get("VBD", v, "VDI") for v in vm["VBDs"] if db.get("VBD", v, "type") == "Disk")
        db.set("VDI", disk, virtual_size=100 * gib, physical_utilisation=100 * gib)
        ref = next(ref for ref, row in db.table("VM").items() if row is vm)
        pool.faults.writing[ref] = gib / 1600

    two.site.run(change)
    await until(lambda: any(v.virtual_size == 100 * gib for v in two.inventory("Madrid").VDI.values()))


@pytest.mark.parametrize(("step", "lifted"), [
    ("VDI.copy", False), ("VM.snapshot", False), ("VDI.checksum", False), ("VM.clean_shutdown", False),
    ("VM.clean_shutdown", True),
])  # fmt: skip
async def test_its_host_dies_and_it_is_started_elsewhere(
    two: Engine, other: Somebody, steps: dict[str, int], step: str, lifted: bool
) -> None:
    """As high availability does it, in the middle of what the job has begun; the guest writes on."""
    vm, master = other.vm(ONE), two.served("Madrid").pool.master
    host, there = [h for h in other.call("host.get_all") if h != master and other.call("host.get_enabled", h)][:2]
    await asyncio.to_thread(other.call, "VM.pool_migrate", vm, host, {"live": "true"})
    await until(lambda: two.inventory("Madrid").VM[VmRef(vm)].resident_on == host)
    await until(lambda: not two.inventory("Madrid").VM[VmRef(vm)].current_operations)
    before, plan = disks_of(two, ONE), await plan_of(two, ONE, 1)
    gate = Gate(two, steps[step])
    job = two.jobs.start(plan)
    await until(lambda: gate.is_reached)
    two.site.fault(two.served("Madrid"), "lose_host", host=host)
    other.call("VM.power_state_reset", vm)
    blocks = other.call("VM.get_blocked_operations", vm)
    other.lift_blocks(vm)
    await asyncio.to_thread(other.start, vm, there)
    if not lifted:
        other.call("VM.set_blocked_operations", vm, blocks)
    other.write(other.disks(vm)["0"])
    gate.open()
    (ending,) = (await ended(two, job)).vms
    assert power(two) == "Running"
    assert ending.state is State.failed
    assert not ending.verified
    if lifted:
        assert "lifted the blocks" in ending.message
        assert {p: d["uuid"] for p, d in disks_of(two, ONE).items()} == {p: d["uuid"] for p, d in before.items()}
    else:
        assert "Moved, but not as planned. host:" in ending.message
        assert_moved(two, before)
