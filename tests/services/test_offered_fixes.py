"""Fixes that are offered with their costs, each carried out on a simulated pool."""

import asyncio
from typing import Any

from msgspec.structs import replace

from tests.holding import until
from tests.services.engine import Engine
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.services.fixes import apply, offer


def problem(two: Engine, pool: str, fix: str, cls: str, ref: str) -> Problem:
    """A problem about a VM or an SR of a pool, with a fix."""
    inventory = two.inventory(pool)
    record: Any = inventory.record(cls, ref)
    subject = Subject(cls, record.uuid, record.name_label)
    about = inventory.object_id(cls, ref)
    return Problem(rule="R00", severity=Severity.block, subject=subject, message="It is so.", fix=fix, about=about)


async def mend(two: Engine, found: Problem) -> None:
    asked = offer(found)
    assert asked is not None
    assert (found.mends_name or found.subject.name) in asked.question
    assert asked.go != asked.leave
    await apply(found, two.store.inventory, two.connections.gateway)


async def test_shutting_a_vm_down(two: Engine) -> None:
    vm = two.site.vm(two.served("Madrid"), "web-01")
    await mend(two, problem(two, "Madrid", "shut-down", "VM", vm))
    await until(lambda: two.inventory("Madrid").VM[vm].power_state == "Halted")  # type: ignore[index]


async def test_deleting_all_snapshots_with_their_disks_and_memory(two: Engine) -> None:
    madrid = two.served("Madrid")
    vm = two.site.vm(madrid, "web-01")
    for method in ("VM.snapshot", "VM.checkpoint"):
        await asyncio.to_thread(two.site.call, madrid, method, vm, "before")
    await until(lambda: len(two.inventory("Madrid").snapshots(vm)) >= 2)  # type: ignore[arg-type]
    disks = two.site.run(lambda: {r for r, v in madrid.pool.db.table("VDI").items() if not v["is_a_snapshot"]})
    await mend(two, problem(two, "Madrid", "delete-snapshots", "VM", vm))
    await until(lambda: two.inventory("Madrid").snapshots(vm) == [])  # type: ignore[arg-type]
    left = two.site.run(lambda: {r for r, v in madrid.pool.db.table("VDI").items() if not v["is_a_snapshot"]})
    assert left <= disks


async def test_a_disk_that_the_vm_shares_with_its_snapshot_is_kept(two: Engine) -> None:
    """Else the only copy of it would go with the snapshot."""
    madrid = two.served("Madrid")
    vm = two.site.vm(madrid, "intranet-old")

    def share() -> str:
        db = madrid.pool.db
        snapshot = db.get("VM", vm, "snapshots")[0]
        own = next(
            v for b in db.get("VM", vm, "VBDs") if db.get("VBD", b, "type") == "Disk" for v in [db.get("VBD", b, "VDI")]
        )
        db.create("VBD", {"VM": snapshot, "VDI": own, "type": "Disk", "mode": "RO", "userdevice": "9", "empty": False})
        return str(own)

    own = two.site.run(share)
    await until(lambda: len(two.inventory("Madrid").VDI[own].VBDs) == 2)  # type: ignore[index]
    await mend(two, problem(two, "Madrid", "delete-snapshots", "VM", vm))
    assert two.site.run(lambda: madrid.pool.db.has("VDI", own))
    await until(lambda: two.inventory("Madrid").snapshots(vm) == [])  # type: ignore[arg-type]


async def test_only_the_blocks_that_this_program_set_are_cleared(two: Engine) -> None:
    madrid = two.served("Madrid")
    vm = two.site.vm(madrid, "web-01")
    call = two.site.call
    await asyncio.to_thread(call, madrid, "VM.add_to_blocked_operations", vm, "migrate_send", "xsmigui: a job")
    await asyncio.to_thread(call, madrid, "VM.add_to_blocked_operations", vm, "destroy", "somebody's")
    await until(lambda: len(two.inventory("Madrid").VM[vm].blocked_operations) == 2)  # type: ignore[index]
    await mend(two, problem(two, "Madrid", "clear-block", "VM", vm))
    await until(lambda: two.inventory("Madrid").VM[vm].blocked_operations == {"destroy": "somebody's"})  # type: ignore[index]


async def test_setting_the_default_sr(two: Engine) -> None:
    inventory = two.inventory("Lisboa")
    found = problem(two, "Lisboa", "set-default-sr", "pool", inventory.pool_ref)
    other = next(ref for ref, sr in inventory.SR.items() if sr.shared and ref != inventory.pool.default_SR)
    name = inventory.name_of("SR", other)
    await mend(two, replace(found, mends=inventory.object_id("SR", other), mends_name=name))
    await until(lambda: two.inventory("Lisboa").pool.default_SR == other)


async def test_without_a_fix_nothing_is_offered(two: Engine) -> None:
    vm = two.site.vm(two.served("Madrid"), "web-01")
    assert offer(problem(two, "Madrid", "", "VM", vm)) is None
