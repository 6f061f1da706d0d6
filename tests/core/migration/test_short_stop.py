"""Move with a short stop, the pure function: at each of its calls somebody may come between, the program may end, the
operator may cancel; the VM has the newest of its disks, exactly once, and runs."""

import contextlib
import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from tests.simulator.inside import watching
from tests.stopping import Hand, Stopping
from xsmigui.core.migration.exchange import JOB, kept_note, running
from xsmigui.simulator.failures import Failure

STEPS = 34
"""At least as many calls as the move of one disk makes (`test_all_steps`)."""


@pytest.fixture(autouse=True)
async def judged() -> AsyncIterator[None]:
    yield
    found = [complaint for witness in watching for complaint in witness.complaints()]
    watching.clear()
    assert not found, found


def left(job: Stopping) -> list[str]:
    """What the job has put on the server and should be gone."""
    db = job.pool.db
    rows = [*db.table("VM").values(), *db.table("VDI").values()]
    return [r["name_label"] for r in rows if JOB in r["other_config"] or "[incomplete" in r["name_label"]]


def assert_moved(job: Stopping) -> None:
    db = job.pool.db
    for it in job.spec.replacements:
        (vbd,) = [v for v in db.get("VM", job.vm, "VBDs") if db.get("VBD", v, "userdevice") == it.vbd["userdevice"]]
        assert db.get("VBD", vbd, "VDI") == it.new
        assert db.get("VDI", it.new, "SR") == it.sr
    assert job.power() == "Running"
    assert left(job) == []
    assert db.get("VM", job.vm, "blocked_operations") == {}


def assert_put_back(job: Stopping) -> None:
    db = job.pool.db
    for it in job.spec.replacements:
        (vbd,) = [v for v in db.get("VM", job.vm, "VBDs") if db.get("VBD", v, "userdevice") == it.vbd["userdevice"]]
        assert db.get("VBD", vbd, "VDI") == it.old
        assert not db.has("VDI", it.new)
    assert job.power() == "Running"
    assert left(job) == []
    assert db.get("VM", job.vm, "blocked_operations") == {}


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("minutes", [1, 60])
@pytest.mark.parametrize("vm", ["backup-cbt", "mail"])
async def test_moves(vm: str, minutes: float, keeps: bool) -> None:
    job = await Stopping.of(vm, minutes=minutes, keeps=keeps)
    snapshots = len([v for v in job.pool.db.table("VDI").values() if v["is_a_snapshot"]])
    assert await job.run() == "done"
    assert_moved(job)
    assert all(it.is_proven for it in job.spec.replacements)
    assert all(job.pool.db.has("VDI", it.old) is keeps for it in job.spec.replacements)
    assert len([v for v in job.pool.db.table("VDI").values() if v["is_a_snapshot"]]) == snapshots
    assert job.stop.proves_after is (minutes == 1)


async def test_all_steps() -> None:
    job = await Stopping.of()
    assert await job.run() == "done"
    assert len(job.calls) <= STEPS, job.calls


# The program ends at each call.


@pytest.mark.parametrize(
    ("step", "answer", "minutes"),
    [
        *((step, answer, 1) for step in range(1, STEPS + 1) for answer in ("lost", "never")),
        *((step, "lost", 60) for step in range(10, 20)),
    ],
)
async def test_the_program_ends_at_each_call(step: int, answer: str, minutes: float) -> None:
    job = await Stopping.of(minutes=minutes)
    assert await job.run(step, answer=answer) == "done"
    assert_moved(job)
    assert all(it.is_proven for it in job.spec.replacements)


@pytest.mark.parametrize(
    ("step", "answer"),
    [(step, ("", "lost", "never")[step % 3]) for step in range(1, STEPS + 1)],
)
async def test_cancelled(step: int, answer: str) -> None:
    """Put back as long as the VM has not run on its new disk."""

    async def cancel(job: Stopping) -> None:
        job.note(-1, {"rolling_back": not job.spec.settled})

    job = await Stopping.of()
    end = await job.run(step, cancel, answer=answer)
    assert end in ("put back", "done")
    (assert_put_back if end == "put back" else assert_moved)(job)


# Somebody else at the same pool, before each call.


async def start(job: Stopping) -> None:
    """Our blocks go and the VM is started, if it is down."""
    await job.client("VM.set_blocked_operations", job.vm, {})
    if job.power() == "Halted":
        await job.client("VM.start", job.vm, False, False)


async def work(job: Stopping) -> None:
    """It is started, works, and is shut down again; our blocks stand as before."""
    if job.power() == "Halted":
        blocks = dict(job.pool.db.get("VM", job.vm, "blocked_operations"))
        await start(job)
        job.pool.contents.guest_writes(job.pool, job.pool.db.row("VM", job.vm))
        await job.client("VM.hard_shutdown", job.vm)
        await job.client("VM.set_blocked_operations", job.vm, blocks)


async def shut_down(job: Stopping) -> None:
    if job.power() == "Running":
        await job.client("VM.hard_shutdown", job.vm)


async def write(job: Stopping) -> None:
    """Whoever has the disk writes to it: the guest, or somebody who has it connected meanwhile and lets go."""
    job.pool.contents.write(job.pool, job.disk)
    job.watch += 1


async def drop_snapshots(job: Stopping) -> None:
    for snapshot in [s.ref for s in (await job.state()).snapshots.values()]:
        await job.client("VM.destroy", snapshot)
    for vdi in job.stop.litter:
        if job.pool.db.has("VDI", vdi):
            await job.client("VDI.destroy", vdi)


async def take_snapshot(job: Stopping) -> None:
    await job.client("VM.snapshot", job.vm, "somebody's")


async def drop_copy(job: Stopping) -> None:
    copy = job.pool.db.find("VDI", job.copy)
    if copy is not None and not copy["VBDs"]:
        await job.client("VDI.destroy", job.copy)


async def extend(job: Stopping) -> None:
    if job.power() == "Halted" and not job.spec.replacements[0].placed:
        size = job.pool.db.get("VDI", job.disk, "virtual_size")
        await job.client("VDI.resize", job.disk, size + (1 << 30))


async def rename(job: Stopping) -> None:
    await job.client("VDI.set_name_label", job.disk, "somebody's name")


async def borrow(job: Stopping) -> None:
    """The disk becomes one of another VM too."""
    other = (await job.client("VM.get_by_name_label", "intranet-old"))[0]
    await job.client("VBD.create", {
        "VM": other, "VDI": job.disk, "userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk",
        "empty": False, "unpluggable": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip


HANDS = (start, work, shut_down, write, drop_snapshots, take_snapshot, drop_copy, extend, rename, borrow)


@pytest.mark.parametrize("hand", HANDS, ids=lambda hand: hand.__name__)
@pytest.mark.parametrize("step", [3, 8, 11, 12, 14, 17, 18, 22])
async def test_somebody_comes_between(step: int, hand: Hand) -> None:
    """It never ends with anything but the newest content, whatever it ends with."""
    job = await Stopping.of()
    end = await job.run(step, hand)
    for witness in watching:  # a copy is connected beside the disk for a time
        witness.forget_place(job.spec.vm_uuid, "1")
    newest = [disk for disk in positions(job) if disk in (job.disk, job.copy)]
    assert len(newest) == 1 or end == "stopped", (end, job.why)
    if end == "done":
        assert job.power() == "Running" or hand in (shut_down, work)
        assert all(it.is_proven or it.unprovable for it in job.spec.replacements)
    if end == "stopped":
        assert job.disk in (await job.state()).vdis, "nothing was let go"
        for witness in watching:
            witness.forget_vm(job.spec.vm_uuid)


SEEDS = int(os.environ.get("XSMIGUI_SEEDS", "8"))


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_hand_between_two_programs(seed: int) -> None:
    """The program ends at some call, somebody does something, and the next program goes on, or undoes it."""
    chance = random.Random(seed)
    hand, undo = chance.choice(HANDS), chance.random() < 0.3
    job = await Stopping.of(minutes=chance.choice([1, 60]), keeps=chance.random() < 0.5)

    async def between(job: Stopping) -> None:
        with contextlib.suppress(Failure):  # the disk may be removed by then
            await hand(job)
        if undo:
            job.note(-1, {"rolling_back": not job.spec.settled})

    end = await job.run(chance.randrange(1, STEPS), between, answer=chance.choice(["lost", "never"]))
    told = f"seed {seed}, {hand.__name__}, {end}: {job.why}"
    for witness in watching:
        witness.forget_place(job.spec.vm_uuid, "1")
    assert len([disk for disk in positions(job) if disk in (job.disk, job.copy)]) == 1 or end == "stopped", told
    if end == "stopped":
        assert job.disk in (await job.state()).vdis, told
        for witness in watching:
            witness.forget_vm(job.spec.vm_uuid)


def positions(job: Stopping) -> list[str]:
    db = job.pool.db
    return [db.get("VBD", v, "VDI") for v in db.get("VM", job.vm, "VBDs") if db.get("VBD", v, "type") == "Disk"]


# What does not go as it should.


async def test_a_stop_that_would_be_too_long_is_not_begun() -> None:
    """The guest writes so fast that no pass helps: nothing is stopped."""
    job = await Stopping.of()
    job.pool.faults.writing[job.vm] = 300e6
    assert await job.run() == "put back"
    assert "longer than the 60 s" in job.why
    assert "VM.clean_shutdown" not in job.calls
    assert_put_back(job)


async def test_a_large_difference_is_copied_in_passes_before_the_stop() -> None:
    job = await Stopping.of(minutes=2)
    job.pool.faults.writing[job.vm] = 50e6
    assert await job.run() == "done"
    assert job.calls.count("VM.snapshot") == job.stop.number + 1 > 2
    assert job.calls[: job.calls.index("VM.clean_shutdown")].count("VDI.copy") == job.stop.number
    assert_moved(job)


async def test_a_stop_that_gets_too_long_is_ended() -> None:
    """Putting back is quicker than going on, as long as no copy is connected."""
    job = await Stopping.of()

    async def dawdle(job: Stopping) -> None:
        job.pool.clock.advance(61)

    assert await job.run((await calls()).index("VM.clean_shutdown") + 1, dawdle) == "put back"
    assert "took longer than the 60 s" in job.why
    assert_put_back(job)


async def calls() -> list[str]:
    job = await Stopping.of()
    await job.run()
    watching.pop()
    return job.calls


@pytest.mark.parametrize("minutes", [1, 60])
async def test_a_copy_that_differs_stops_everything(minutes: float) -> None:
    """Spoilt in the first pass: the comparison with the snapshot shows it, and nothing is stopped. Spoilt later: the
    comparison with the disk."""
    job = await Stopping.of(minutes=minutes)
    at = (await calls()).index("VDI.checksum") + 1

    async def spoil(job: Stopping) -> None:
        job.pool.contents.spoil(job.pool, job.copy)

    assert await job.run(at, spoil) == "put back"
    assert "does not have the content of the disk" in job.why
    assert "VM.clean_shutdown" not in job.calls
    assert_put_back(job)


@pytest.mark.parametrize("minutes", [1, 60])
@pytest.mark.parametrize("keeps", [True, False])
async def test_a_difference_that_was_copied_wrongly(minutes: float, keeps: bool) -> None:
    job = await Stopping.of(minutes=minutes, keeps=keeps)
    at = (await calls()).index("VBD.create") + (1 if minutes == 1 else 0)

    async def spoil(job: Stopping) -> None:
        job.pool.contents.spoil(job.pool, job.copy)

    if minutes == 60:
        assert await job.run(at + 1, spoil) == "put back"
        assert_put_back(job)
        return
    assert await job.run(at, spoil) == "stopped"
    assert "Nothing was removed." in job.why
    old, new = (job.pool.db.get("VDI", ref, "uuid") for ref in (job.disk, job.copy))
    assert f"the VM has the new disk {new}; the old one, {old}, holds the content from before" in job.why
    assert job.power() == "Running"
    for witness in watching:
        witness.forget_vm(job.spec.vm_uuid)


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_was_copied_wrongly_can_be_accepted(keeps: bool) -> None:
    """The operator goes on with the new disks; the old ones stay whatever was planned, as the way back."""
    job = await Stopping.of(minutes=1, keeps=keeps)
    at = (await calls()).index("VBD.create")

    async def spoil(job: Stopping) -> None:
        job.pool.contents.spoil(job.pool, job.copy)

    assert await job.run(at, spoil) == "stopped"
    assert await job.run() == "stopped"  # it does not go on by itself
    job.spec = replace(job.spec, keeps=True, stop=msgspec.structs.replace(job.stop, accepted=True))
    assert await job.run() == "done"
    assert not any(it.is_proven for it in job.spec.replacements)
    assert left(job) == []
    old = job.pool.db.row("VDI", job.disk)
    note = kept_note(old["other_config"], old["uuid"])
    assert note is not None
    assert note.sum == job.spec.replacements[0].sum_old != ""
    for witness in watching:
        witness.forget_vm(job.spec.vm_uuid)


async def test_a_guest_that_does_not_shut_down() -> None:
    job = await Stopping.of()
    job.pool.faults.add("VM.clean_shutdown", times=0, failure=Failure("VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT", job.vm))
    assert await job.run() == "put back"
    assert_put_back(job)


async def test_its_host_cannot_take_it_any_more() -> None:
    """Then it starts on another one."""
    job = await Stopping.of()
    job.pool.faults.add("VM.start_on", times=0, failure=Failure("HOST_NOT_ENOUGH_FREE_MEMORY", "1", "0"))
    assert await job.run() == "done"
    assert_moved(job)


@pytest.mark.parametrize("method", ["VM.snapshot", "VDI.create", "VDI.copy", "VDI.checksum", "VBD.create"])
async def test_refused_for_good(method: str) -> None:
    job = await Stopping.of()
    job.pool.faults.add(method, times=0, failure=Failure("INTERNAL_ERROR", "no"))
    assert await job.run() == "put back"
    assert_put_back(job)


# The trap: a difference that the server does not compute.


async def on_gfs2(job: Stopping) -> None:
    db = job.pool.db
    nfs = next(row for row in db.table("SM").values() if row["type"] == "nfs")
    db.create("SM", {**{k: v for k, v in nfs.items() if k != "uuid"}, "name_label": "gfs2", "type": "gfs2"})
    db.set("SR", db.get("VDI", job.disk, "SR"), type="gfs2")


async def test_a_difference_on_gfs2_would_have_corrupted_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that the guest has zeroed since the first pass keeps its old content in the copy."""
    monkeypatch.setattr(running, "why_no_difference", lambda *_config: "")
    job = await Stopping.of(minutes=60)
    await on_gfs2(job)
    at = (await calls()).index("VM.clean_shutdown") + 1

    async def zero(job: Stopping) -> None:
        for _ in range(8):
            job.pool.contents.write(job.pool, job.disk)

    assert await job.run(at, zero) == "put back"
    assert "does not have the content of the disk" in job.why
    assert_put_back(job)


async def test_no_difference_is_asked_for_on_gfs2() -> None:
    job = await Stopping.of()
    await on_gfs2(job)
    assert await job.run() == "put back"
    assert "may not be in VHD format" in job.why
    assert "VDI.copy" not in job.calls
    assert "VM.snapshot" not in job.calls
    assert_put_back(job)
