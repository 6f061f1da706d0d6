"""Somebody makes something of a VM or a disk while a job works on it: the server copies the job's marks along. What was
made moves like anything else, at once and afterwards, and the job leaves it alone."""

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

from tests.foreign import Somebody
from tests.holding import PATIENCE, until
from tests.services.engine import Engine
from tests.services.motions import MOTIONS
from tests.services.test_exchange import settled, sr_of
from tests.services.test_hands_at_copies import Gate
from xsmigui.core.jobs import State
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.exchange import JOB, mark_of
from xsmigui.core.migration.exchange.marks import block_reason
from xsmigui.core.refs import VdiRef, VmRef

VM: Final = "erp-test"


def copies(other: Somebody, vm: str, disk: str) -> str:
    return other.copy(disk, other.call("VDI.get_SR", disk))


def clones_a_snapshot(other: Somebody, vm: str, disk: str) -> str:
    return str(other.call("VDI.clone", other.call("VDI.snapshot", disk, {}), {}))


def clones_the_vm(other: Somebody, vm: str, disk: str) -> str:
    blocks = other.call("VM.get_blocked_operations", vm)
    other.call("VM.set_blocked_operations", vm, {k: v for k, v in blocks.items() if k != "clone"})
    new = str(other.call("VM.clone", vm, "the clone"))
    other.call("VM.set_blocked_operations", vm, blocks)
    return other.disks(new)["0"]


def imports_an_export(other: Somebody, vm: str, disk: str) -> str:
    """What an import makes of an export: keys and blocks come along, the uuids are new."""
    made = clones_the_vm(other, vm, disk)
    other.call("VM.set_blocked_operations", other.vm("the clone"), other.call("VM.get_blocked_operations", vm))
    return made


WAYS: Final[dict[str, Callable[[Somebody, str, str], str]]] = {
    each.__name__: each for each in (copies, clones_a_snapshot, clones_the_vm, imports_an_export)
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_made_of_it_meanwhile(two: Engine, way: str) -> None:
    other = Somebody.at(two.site, "Madrid")
    vm = other.vm(VM)
    disk = other.disks(vm)["0"]
    plan = await MOTIONS["copied, kept"].plan(two)
    gate = Gate(two.site, "SR.scan")
    job = two.jobs.start(plan)
    await gate.until_reached()
    assert other.call("VDI.get_other_config", disk)[JOB] == mark_of(job.id, other.call("VDI.get_uuid", disk))
    # The coming copy is named as soon as it is there.
    new = two.vm(job).replacements[0].new
    assert other.call("VDI.get_other_config", new)[JOB] == mark_of(job.id, other.call("VDI.get_uuid", new))
    made = await asyncio.to_thread(WAYS[way], other, vm, disk)
    assert other.call("VDI.get_other_config", made)[JOB].startswith(job.id)
    gate.open()
    ended = await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)
    assert ended.vms[0].state is State.done, ended.vms[0].message
    assert made in other.call("VDI.get_all")
    await until(lambda: made in two.inventory("Madrid").VDI)
    inventory = two.inventory("Madrid")
    if way == "imports_an_export":
        await _is_freed(two, other, other.vm("the clone"), job.id)
    draft = draft_of_disks(two.store.site(), inventory.id, [VdiRef(made)], sr_of(two, "iSCSI Madrid"))
    there = other.call("VDI.get_SR", made) == sr_of(two, "iSCSI Madrid")
    if there:
        draft = draft_of_disks(two.store.site(), inventory.id, [VdiRef(made)], sr_of(two, "NFS Madrid"))
    moved = two.jobs.start(await settled(two, draft.copying(True, keep_days=0)))
    (vm_job,) = (await asyncio.wait_for(two.jobs.wait(moved.id), PATIENCE)).vms
    assert (vm_job.state, vm_job.verified) == (State.done, True), vm_job.message
    left = [v["name_label"] for v in other.call("VDI.get_all_records").values() if JOB in v["other_config"]]
    assert [name for name in left if not name.startswith("erp-test")] == [] or way == "clones_a_snapshot"


async def _is_freed(two: Engine, other: Somebody, clone: str, job: str) -> None:
    """It is named whose blocks they are, and the fix takes them away; those of nobody else."""
    await until(lambda: clone in two.inventory("Madrid").VM)
    assert other.call("VM.get_blocked_operations", clone)["start"] == block_reason(job)
    found = await two.evaluation("the clone", to="Lisboa")
    (problem,) = [p for p in found.problems if p.rule == "R07"]
    assert "has inherited its blocks" in problem.message
    assert problem.remedy is not None
    ended = await asyncio.wait_for(two.jobs.wait(two.desk.apply(problem.remedy).id), PATIENCE)
    assert ended.vms[0].state is State.done, ended.vms[0].message
    assert other.call("VM.get_blocked_operations", clone) == {}
    assert JOB not in other.call("VM.get_other_config", clone)
    await until(lambda: not two.inventory("Madrid").VM[VmRef(clone)].blocked_operations)
