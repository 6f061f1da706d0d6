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
