"""Fixes at the spot: what they ask, and that they are done to what they name and to nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.job_texts import title
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    EjectCd,
    Fix,
    SetCompression,
    SetDefaultSr,
    ShutDown,
    Unblock,
)
from xsmigui.core.migration.fixing import fix_plan
from xsmigui.core.migration.rules.general import OUR_BLOCK
from xsmigui.core.progress import Standing
from xsmigui.core.refs import SrRef, VbdRef, VdiRef, VmRef
from xsmigui.core.report import html_report
from xsmigui.core.triage import Do, step_sentence, triage
from xsmigui.simulator.failures import Failure
from xsmigui.ui.activity.lines import vm_line


async def done(two: Engine, fix: Fix) -> VmJob:
    """Asked as the window does, and carried out as a job."""
    asked = offer(fix)
    assert all((asked.button, asked.title, asked.question))
    assert asked.go != asked.leave
    vm = await two.run(fix_plan(fix, two.store.site().pools[fix.pool]))
    assert vm.state is State.done, vm.message
    assert vm.verified
    return vm


def vm_of(two: Engine, name: str) -> VmRef:
    return VmRef(two.site.vm(two.served("Madrid"), name))


async def call(two: Engine, method: str, *params: Any) -> Any:
    return await asyncio.to_thread(two.site.call, two.served("Madrid"), method, *params)


# CDs: the drive that is named, whatever the VMs and CDs are called.


def drives(two: Engine, vm: VmRef) -> list[tuple[VbdRef, VdiRef]]:
    return [(ref, vbd.VDI) for ref, vbd, _cd in two.inventory("Madrid").cds(vm)]


def eject(two: Engine, vm: VmRef, name: str = "") -> EjectCd:
    ((vbd, cd),) = drives(two, vm)
    inventory = two.inventory("Madrid")
    vm_name = name or inventory.VM[vm].name_label
    return EjectCd(pool=inventory.id, vm=vm, vbd=vbd, vdi=cd, vm_name=vm_name, cd=inventory.VDI[cd].name_label)


@pytest.mark.parametrize("names", [("same", "same"), ("Windows Server 2022", "Windows Server 2022 Eval"), ("db", "d")])
async def test_a_cd_is_ejected_from_the_drive_that_is_named(two: Engine, names: tuple[str, str]) -> None:
    owner, other = vm_of(two, "dc-windows"), vm_of(two, "install-in-progress")
    for vm, name in zip((owner, other), names, strict=True):
        await call(two, "VM.set_name_label", vm, name)
    await until(lambda: {two.inventory("Madrid").VM[vm].name_label for vm in (owner, other)} == set(names))
    ((_vbd, cd),) = drives(two, owner)
    if drives(two, other) != [(drives(two, other)[0][0], cd)]:
        await call(two, "VBD.eject", drives(two, other)[0][0])
        await until(lambda: not drives(two, other))
        drive = next(r for r, v in two.inventory("Madrid").vbds(other) if v.type == "CD")
        await call(two, "VBD.insert", drive, cd)
        await until(lambda: [c for _v, c in drives(two, other)] == [cd])
    fix = eject(two, owner)
    assert fix.cd in offer(fix).question
    assert fix.vm_name in offer(fix).question
    await done(two, fix)
    await until(lambda: not drives(two, owner))
    assert [c for _v, c in drives(two, other)] == [cd]


async def test_another_cd_in_the_drive_meanwhile_stays(two: Engine) -> None:
    vm = vm_of(two, "dc-windows")
    fix = eject(two, vm)
    wrong = EjectCd(
        pool=fix.pool, vm=fix.vm, vbd=fix.vbd, vdi=VdiRef("OpaqueRef:earlier"), vm_name=fix.vm_name, cd=fix.cd
    )
    await done(two, wrong)
    assert len(two.site.run(lambda: two.served("Madrid").pool.db.row("VBD", fix.vbd)["VDI"])) > 0
    assert drives(two, vm) == [(fix.vbd, fix.vdi)]


async def test_disabling_changed_block_tracking(two: Engine) -> None:
    evaluation = await two.evaluation("backup-cbt", to="Lisboa")
    fixes = [p.remedy for p in evaluation.problems if isinstance(p.remedy, DisableCbt)]
    assert fixes
    assert fixes[0].disk in offer(fixes[0]).question
    assert "full" in offer(fixes[0]).question
    for fix in fixes:
        await done(two, fix)
    disks = two.served("Madrid").pool.db.table("VDI")
    assert two.site.run(lambda: [disks[fix.vdi]["cbt_enabled"] for fix in fixes]) == [False] * len(fixes)


async def test_not_connected(two: Engine) -> None:
    """It waits for its pool, and can be cancelled before anything was changed."""
    inventory = two.inventory("Madrid")
    fix = ShutDown(pool=inventory.id, vm=vm_of(two, "web-01"), vm_name="web-01")
    await two.connections.close(two.address("Madrid").url)
    job = two.jobs.start(fix_plan(fix, inventory))
    await until(lambda: two.vm(job).state is State.lost)
    two.jobs.cancel(job.id)
    ended = await two.jobs.wait(job.id)
    assert ended.state is State.cancelled
    assert two.row("Madrid", "VM", "web-01")["power_state"] == "Running"


async def test_it_leaves_a_trace(two: Engine) -> None:
    """In the journal before the call leaves, in Activity and in the report."""
    inventory = two.inventory("Madrid")
    fix = ShutDown(pool=inventory.id, vm=vm_of(two, "web-01"), vm_name="web-01")
    vm = await done(two, fix)
    job = two.jobs.all()[0]
    assert await two.journal.all() == [job]
    history = [entry.message for entry in await two.journal.history(job.id)]
    assert history.index("Shut web-01 down.") < history.index("web-01 is halted.")
    assert title(vm) == "web-01 · Shut down and move"
    line = vm_line((job.id, "0"), vm, Standing(), job.created, job.plan)
    assert (line.message, line.retry, line.find) == ("web-01 is halted.", False, False)
    report = html_report([job], job.created)
    assert "web-01 · Shut down and move" in report
    assert "web-01 is halted." in report
    assert two.jobs.claims() == ()


async def test_what_the_server_refuses_is_told_and_tried_once(two: Engine) -> None:
    pool = two.served("Madrid").pool
    failure = Failure("VM_LACKS_FEATURE_SHUTDOWN", vm_of(two, "web-01"))
    two.site.run(lambda: pool.faults.add("VM.clean_shutdown", nth=1, failure=failure))
    fix = ShutDown(pool=two.inventory("Madrid").id, vm=vm_of(two, "web-01"), vm_name="web-01")
    vm = await two.run(fix_plan(fix, two.inventory("Madrid")))
    assert vm.state is State.failed
    assert "web-01" in vm.message
    assert [p.raw[:25] for p in vm.problems] == ["VM_LACKS_FEATURE_SHUTDOWN"]
    assert two.row("Madrid", "VM", "web-01")["power_state"] == "Running"


async def test_after_a_restart_nothing_goes_on_by_itself(site: Simulated, tmp_path: Path) -> None:
    async with engine(site, home=tmp_path) as first:
        hold = Hold(site, 0)
        fix = ShutDown(pool=first.inventory("Madrid").id, vm=vm_of(first, "web-01"), vm_name="web-01")
        first.jobs.start(fix_plan(fix, first.inventory("Madrid")))
        await hold.until_held()
    async with engine(site, home=tmp_path) as second:
        (job,) = await second.jobs.take_up()
        assert second.vm(job).held
        hold.release()
        second.jobs.proceed(job.id)
        ended = await second.jobs.wait(job.id)
        assert ended.state is State.done
        assert second.row("Madrid", "VM", "web-01")["power_state"] == "Halted"


async def test_the_default_sr(two: Engine) -> None:
    inventory = two.inventory("Madrid")
    sr = SrRef(inventory.find("SR", "iSCSI Madrid")[0])
    fix = SetDefaultSr(
        pool=inventory.id, pool_ref=inventory.pool_ref, sr=sr, pool_name="Madrid", sr_name="iSCSI Madrid"
    )
    await done(two, fix)
    await until(lambda: two.inventory("Madrid").pool.default_SR == sr)


def delete(two: Engine, vm: VmRef) -> DeleteSnapshots:
    inventory = two.inventory("Madrid")
    snapshots = tuple(inventory.snapshots(vm))
    return DeleteSnapshots(pool=inventory.id, vm=vm, snapshots=snapshots, vm_name=inventory.VM[vm].name_label)


async def test_deleting_snapshots_leaves_the_vm_and_its_disks(two: Engine) -> None:
    db = two.served("Madrid").pool.db

    def disks(snapshots: bool) -> list[str]:
        rows = [v for v in db.table("VDI").values() if v["is_a_snapshot"] is snapshots]
        return [v["name_label"] for v in rows if v["name_label"].startswith("db-postgres")]

    before = two.site.run(lambda: disks(False))
    assert two.site.run(lambda: disks(True))
    two.site.lets_go_of("nightly")
    two.site.lets_go_of("before upgrade to 16")
    await done(two, delete(two, vm_of(two, "db-postgres")))
    assert two.row("Madrid", "VM", "db-postgres")["snapshots"] == []
    assert two.row("Madrid", "VM", "db-postgres")["power_state"] == "Running"
    assert two.site.run(lambda: disks(True)) == []
    assert two.site.run(lambda: disks(False)) == before


async def test_snapshots_with_memory_go_with_it_and_later_ones_stay(two: Engine) -> None:
    vm = vm_of(two, "web-01")
    for method in ("VM.snapshot", "VM.checkpoint"):
        await call(two, method, vm, "before")
    await until(lambda: len(two.inventory("Madrid").snapshots(vm)) >= 2)
    fix = delete(two, vm)
    later = await call(two, "VM.snapshot", vm, "made after the question")
    await until(lambda: later in two.inventory("Madrid").snapshots(vm))
    disks = two.site.run(lambda: {r for r, v in two.served("Madrid").pool.db.table("VDI").items()})
    await done(two, fix)
    await until(lambda: two.inventory("Madrid").snapshots(vm) == [later])
    left = two.site.run(lambda: {r for r, v in two.served("Madrid").pool.db.table("VDI").items()})
    assert left < disks


async def test_a_disk_that_the_vm_shares_with_its_snapshot_is_kept(two: Engine) -> None:
    """Else the only copy of it would go with the snapshot."""
    madrid = two.served("Madrid")
    vm = vm_of(two, "intranet-old")

    def share() -> str:
        db = madrid.pool.db
        snapshot = db.get("VM", vm, "snapshots")[0]
        own = next(
            v for b in db.get("VM", vm, "VBDs") if db.get("VBD", b, "type") == "Disk" for v in [db.get("VBD", b, "VDI")]
        )
        db.create("VBD", {"VM": snapshot, "VDI": own, "type": "Disk", "mode": "RO", "userdevice": "9", "empty": False})
        return str(own)

    own = two.site.run(share)
    two.site.lets_go_of("last known good")
    await until(lambda: len(two.inventory("Madrid").VDI[VdiRef(own)].VBDs) == 2)
    await done(two, delete(two, vm))
    assert two.site.run(lambda: madrid.pool.db.has("VDI", own))
    await until(lambda: two.inventory("Madrid").snapshots(vm) == [])


async def test_only_blocks_of_our_own_are_removed(two: Engine) -> None:
    vm = vm_of(two, "locked-by-backup")
    blocks = {"migrate_send": "Backup is running", "pool_migrate": f"{OUR_BLOCK} job", "start": f"{OUR_BLOCK} later"}
    await call(two, "VM.set_blocked_operations", vm, blocks)
    await until(lambda: two.inventory("Madrid").VM[vm].blocked_operations == blocks)
    both = ("migrate_send", "pool_migrate")
    fix = Unblock(pool=two.inventory("Madrid").id, vm=vm, operations=both, vm_name="locked-by-backup")
    await done(two, fix)
    left = two.row("Madrid", "VM", "locked-by-backup")["blocked_operations"]
    assert left == {"migrate_send": "Backup is running", "start": f"{OUR_BLOCK} later"}


async def test_shutting_down(two: Engine) -> None:
    fix = ShutDown(pool=two.inventory("Madrid").id, vm=vm_of(two, "web-01"), vm_name="web-01")
    await done(two, fix)
    assert two.row("Madrid", "VM", "web-01")["power_state"] == "Halted"


async def test_what_is_gone_meanwhile_needs_no_fix(two: Engine) -> None:
    pool, gone = two.inventory("Madrid").id, VmRef("OpaqueRef:gone")
    for fix in (
        Unblock(pool=pool, vm=gone, operations=("migrate_send",), vm_name="gone"),
        DeleteSnapshots(pool=pool, vm=gone, snapshots=(gone,), vm_name="gone"),
        EjectCd(pool=pool, vm=gone, vbd=VbdRef("OpaqueRef:gone"), vdi=VdiRef("x"), vm_name="gone", cd="x"),
    ):
        await done(two, fix)


# What was done is undone.


async def undone(two: Engine) -> VmJob:
    """The latest job is undone, as window and command line do it."""
    job = two.jobs.all()[0]
    found = triage(job, 0, two.store.site())
    assert found is not None
    assert Do.revert in found.steps
    assert step_sentence(Do.revert, found.undo)
    back = two.desk.way_back(job.id, job)
    assert back is not None
    return await two.run(back.plan)


async def test_a_cd_is_put_back(two: Engine) -> None:
    vm = vm_of(two, "dc-windows")
    ((vbd, cd),) = drives(two, vm)
    await done(two, eject(two, vm))
    await until(lambda: not drives(two, vm))
    assert (await undone(two)).state is State.done
    await until(lambda: drives(two, vm) == [(vbd, cd)])


async def test_a_cd_is_not_put_into_a_drive_that_holds_another_by_now(two: Engine) -> None:
    vm = vm_of(two, "dc-windows")
    ((vbd, _cd),) = drives(two, vm)
    fix = eject(two, vm)
    await done(two, fix)
    job = two.jobs.all()[0]
    isos = [
        ref for ref, vdi in two.inventory("Madrid").VDI.items() if vdi.SR == two.inventory("Madrid").VDI[fix.vdi].SR
    ]
    other = next(ref for ref in isos if ref != fix.vdi)
    await call(two, "VBD.insert", vbd, other)
    back = two.desk.way_back(job.id, job)
    assert back is not None
    await two.run(back.plan)
    await until(lambda: drives(two, vm) == [(vbd, other)])


async def test_the_former_default_sr_comes_back(two: Engine) -> None:
    inventory = two.inventory("Madrid")
    former = inventory.pool.default_SR
    sr = SrRef(inventory.find("SR", "iSCSI Madrid")[0])
    fix = SetDefaultSr(
        pool=inventory.id,
        pool_ref=inventory.pool_ref,
        sr=sr,
        pool_name="Madrid",
        sr_name="iSCSI Madrid",
        instead_of=former,
    )
    await done(two, fix)
    await until(lambda: two.inventory("Madrid").pool.default_SR == sr)
    assert (await undone(two)).state is State.done
    await until(lambda: two.inventory("Madrid").pool.default_SR == former)


async def test_tracking_is_enabled_again(two: Engine) -> None:
    evaluation = await two.evaluation("backup-cbt", to="Lisboa")
    fix = next(p.remedy for p in evaluation.problems if isinstance(p.remedy, DisableCbt))
    await done(two, fix)
    assert (await undone(two)).state is State.done
    disks = two.served("Madrid").pool.db.table("VDI")
    assert two.site.run(lambda: disks[fix.vdi]["cbt_enabled"]) is True


async def test_a_vm_that_was_shut_down_is_started(two: Engine) -> None:
    await done(two, ShutDown(pool=two.inventory("Madrid").id, vm=vm_of(two, "web-01"), vm_name="web-01"))
    assert (await undone(two)).state is State.done
    assert two.row("Madrid", "VM", "web-01")["power_state"] == "Running"


async def test_compression_is_set_and_set_back(two: Engine) -> None:
    inventory = two.inventory("Madrid")
    before = inventory.pool.migration_compression
    fix = SetCompression(pool=inventory.id, pool_ref=inventory.pool_ref, pool_name="Madrid", on=not before)
    await done(two, fix)
    await until(lambda: two.inventory("Madrid").pool.migration_compression is not before)
    assert (await undone(two)).state is State.done
    await until(lambda: two.inventory("Madrid").pool.migration_compression is before)


async def test_what_needed_no_call_is_nothing_to_undo(two: Engine) -> None:
    """Somebody else had done it already: that is theirs."""
    vm = vm_of(two, "web-01")
    await call(two, "VM.hard_shutdown", vm)
    await done(two, ShutDown(pool=two.inventory("Madrid").id, vm=vm, vm_name="web-01"))
    job = two.jobs.all()[0]
    assert triage(job, 0, two.store.site()) is None
    assert two.desk.way_back(job.id, job) is None
