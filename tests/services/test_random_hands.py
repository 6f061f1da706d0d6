"""A program that ends anywhere in an exchange, somebody's hand between, and the next program: nothing newest is lost.

`XSMIGUI_SEEDS` runs more than the usual seeds.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.foreign import Somebody
from tests.holding import until
from tests.services.engine import engine
from tests.services.test_exchange import VM, Watch, own_plan, quiet
from tests.services.test_same_copy import sums
from tests.simulated import Simulated
from xsmigui.core.jobs import State, VmJob
from xsmigui.simulator.failures import Failure

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

SEEDS = int(os.environ.get("XSMIGUI_SEEDS", "30"))


def disk_of(other: Somebody) -> str:
    return sorted(other.disks(other.vm(VM)).items())[0][1]


def borrowed(other: Somebody) -> None:
    """Another VM has the disk for a while and writes to it."""
    disk = disk_of(other)
    vbd = other.connect(disk, other.vm("intranet-old"))
    other.write(disk)
    other.disconnect(vbd)


def worked(other: Somebody) -> None:
    other.lift_blocks(other.vm(VM))
    other.work(other.vm(VM))


def worked_in_secret(other: Somebody) -> None:
    """The VM ran, and the blocks stand as before."""
    blocks = other.call("VM.get_blocked_operations", other.vm(VM))
    worked(other)
    other.call("VM.set_blocked_operations", other.vm(VM), blocks)


def copies(other: Somebody) -> list[str]:
    found = other.call("VDI.get_all_records")
    return [ref for ref, vdi in found.items() if vdi["name_label"].startswith("[incomplete copy]")]


HANDS: dict[str, Callable[[Somebody], object]] = {
    "nothing": lambda other: None,
    "worked": worked,
    "worked in secret": worked_in_secret,
    "wrote": lambda other: other.write(disk_of(other)),
    "borrowed": borrowed,
    "lifted the blocks": lambda other: other.lift_blocks(other.vm(VM)),
    "renamed": lambda other: other.rename(disk_of(other), "somebody's name"),
    "took a snapshot": lambda other: [other.lift_blocks(other.vm(VM)), other.snapshot(other.vm(VM))],
    "deleted the copies": lambda other: [other.destroy(copy) for copy in copies(other)],
    "extended": lambda other: other.extend(disk_of(other), 1 << 30),
}


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_hand_between_kill_and_restart(site: Simulated, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    other = Somebody.at(site, "Madrid")
    step, keep_days = chance.randrange(1, 34), chance.choice([0, 7])
    hand = chance.choice(sorted(HANDS))
    async with engine(site, "Madrid", home=tmp_path) as first:
        plan = await own_plan(first, keep_days)
        watch = Watch(first)
        job = first.jobs.start(plan)
        await until(lambda: len(watch.calls) >= step or first.jobs.get(job.id).has_ended)
    with contextlib.suppress(Failure, IndexError):
        HANDS[hand](other)
    newest = sums(other)
    site.lets_go_of(VM)  # a copy that is connected beside the disks for a time is none of the VM's disks
    ending: VmJob | None = None
    for _attempt in range(3):
        async with engine(site, "Madrid", home=tmp_path) as again:
            left = await again.jobs.take_up(job.id if chance.random() < 0.5 else "")
            if not left:
                break
            if chance.random() < 0.3:
                again.jobs.undo(job.id)
            else:
                again.jobs.proceed(job.id)
            (ending,) = (await asyncio.wait_for(again.jobs.wait(job.id), 60)).vms
    told = f"seed {seed}, step {step}, {hand}: {ending.message if ending is not None else 'it had ended'}"
    vbds = rows_of(site)
    positions = [vbd["userdevice"] for vbd in vbds]
    assert len(positions) == len(set(positions)), told
    assert sums(other) == newest, told
    if ending is not None and ending.state is State.done and ending.verified:
        assert {"0", "1"} <= set(positions), told


def rows_of(site: Simulated) -> list[dict[str, object]]:
    db = site["Madrid"].pool.db

    def look() -> list[dict[str, object]]:
        vm = next(v for v in db.table("VM").values() if v["name_label"] == VM and not v["is_a_snapshot"])
        return [dict(db.row("VBD", ref)) for ref in vm["VBDs"]]

    return site.run(look)
