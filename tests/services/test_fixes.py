"""Fixes at the spot: what they ask, and what they do."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tests.holding import until
from tests.services.engine import Engine
from xsmigui.core.failures import Unreachable
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.services.fixes import apply, offer


def mend(two: Engine, problem: Problem) -> Any:
    return apply(problem, two.store.inventory, two.connections.gateway)


async def test_disabling_changed_block_tracking(two: Engine) -> None:
    evaluation = await two.evaluation("backup-cbt", to="Lisboa")
    problems = [p for p in evaluation.problems if p.fix == "disable-cbt"]
    assert problems
    asked = offer(problems[0])
    assert asked is not None
    assert problems[0].subject.name in asked.question
    assert "full" in asked.question
    for problem in problems:
        await mend(two, problem)
    disks = two.served("Madrid").pool.db.table("VDI")
    about = [p.about.ref for p in problems if p.about is not None]
    assert two.site.run(lambda: [disks[ref]["cbt_enabled"] for ref in about]) == [False] * len(about)


async def test_ejecting_a_cd_ejects_it_from_that_vm_only(two: Engine) -> None:
    """A CD is in several drives, and the name of one VM is a part of another's."""
    madrid = two.served("Madrid")
    owner = two.site.vm(madrid, "dc-windows")
    other = two.site.vm(madrid, "install-in-progress")
    call = two.site.call
    await asyncio.to_thread(call, madrid, "VM.set_name_label", other, "dc")
    await until(lambda: two.inventory("Madrid").VM[other].name_label == "dc")  # type: ignore[index]
    inventory = two.inventory("Madrid")
    ((_drive, _vbd, cd),) = [(r, b, v) for r, b, v in inventory.cds(owner)]  # type: ignore[arg-type]
    ref = next(r for r, v in inventory.VDI.items() if v is cd)
    problem = Problem(
        rule="R63", severity=Severity.block, subject=Subject("VDI", cd.uuid, cd.name_label), fix="eject-cd",
        message=f"dc-windows has the CD {cd.name_label} in its drive, which the host cannot see.",
        about=inventory.object_id("VDI", ref),
    )  # fmt: skip
    asked = offer(problem)
    assert asked is not None
    await mend(two, problem)
    db = madrid.pool.db

    def inserted(vm: str) -> list[bool]:
        rows = [db.row("VBD", v) for v in db.row("VM", vm)["VBDs"]]
        return [not r["empty"] for r in rows if r["type"] == "CD"]

    assert two.site.run(lambda: inserted(owner)) == [False]
    assert two.site.run(lambda: inserted(other)) == [True]
    await mend(two, replace(problem, message="dc has the CD in its drive."))
    assert two.site.run(lambda: inserted(other)) == [False]
    await mend(two, replace(problem, message="web-01 has the CD in its drive."))


async def test_nothing_to_do(two: Engine) -> None:
    bare = Problem(rule="R01", severity=Severity.warn, subject=Subject("VM", "", "x"), message="x")
    assert offer(bare) is None
    await mend(two, bare)


async def test_not_connected(two: Engine) -> None:
    evaluation = await two.evaluation("backup-cbt", to="Lisboa")
    problem = next(p for p in evaluation.problems if p.fix)
    await two.connections.close(two.address("Madrid").url)
    with pytest.raises(Unreachable):
        await mend(two, problem)


def about(two: Engine, pool: str, cls: str, name: str, fix: str) -> Problem:
    inventory = two.inventory(pool)
    found = inventory.object_id(cls, inventory.find(cls, name)[0])
    subject = Subject(cls, "", name)
    return Problem(rule="R00", severity=Severity.warn, subject=subject, message=name, fix=fix, mends=found)


async def test_the_default_sr(two: Engine) -> None:
    problem = about(two, "Madrid", "SR", "iSCSI Madrid", "set-default-sr")
    assert offer(problem) is not None
    await mend(two, problem)
    pool = two.served("Madrid").pool
    assert two.site.run(lambda: pool.db.row("SR", pool.row["default_SR"])["name_label"]) == "iSCSI Madrid"


async def test_deleting_snapshots_leaves_the_vm_and_its_disks(two: Engine) -> None:
    problem = about(two, "Madrid", "VM", "db-postgres", "delete-snapshots")
    assert offer(problem) is not None
    db = two.served("Madrid").pool.db

    def disks(snapshots: bool) -> list[str]:
        rows = [v for v in db.table("VDI").values() if v["is_a_snapshot"] is snapshots]
        return [v["name_label"] for v in rows if v["name_label"].startswith("db-postgres")]

    before = two.site.run(lambda: disks(False))
    assert two.site.run(lambda: disks(True))
    await mend(two, problem)
    assert two.row("Madrid", "VM", "db-postgres")["snapshots"] == []
    assert two.row("Madrid", "VM", "db-postgres")["power_state"] == "Running"
    assert two.site.run(lambda: disks(True)) == []
    assert two.site.run(lambda: disks(False)) == before


async def test_only_blocks_of_our_own_are_removed(two: Engine) -> None:
    from xsmigui.services.fixes import OUR_BLOCK

    madrid = two.served("Madrid")
    ref = two.site.vm(madrid, "locked-by-backup")
    blocks = {"migrate_send": "Backup is running", "pool_migrate": f"{OUR_BLOCK} job"}
    await asyncio.to_thread(two.site.call, madrid, "VM.set_blocked_operations", ref, blocks)
    await until(lambda: two.inventory("Madrid").VM[ref].blocked_operations == blocks)  # type: ignore[index]
    problem = about(two, "Madrid", "VM", "locked-by-backup", "clear-block")
    assert offer(problem) is not None
    await mend(two, problem)
    assert two.row("Madrid", "VM", "locked-by-backup")["blocked_operations"] == {"migrate_send": "Backup is running"}


async def test_shutting_down(two: Engine) -> None:
    problem = about(two, "Madrid", "VM", "web-01", "shut-down")
    assert offer(problem) is not None
    await mend(two, problem)
    assert two.row("Madrid", "VM", "web-01")["power_state"] == "Halted"


@pytest.mark.parametrize("fix", ["clear-block", "delete-snapshots", "eject-cd"])
async def test_what_is_gone_meanwhile_needs_no_mending(two: Engine, fix: str) -> None:
    problem = about(two, "Madrid", "VM", "intranet-old", fix)
    assert problem.mends is not None
    gone = problem.mends._replace(ref="OpaqueRef:gone")
    await mend(two, replace(problem, mends=gone, about=gone))
