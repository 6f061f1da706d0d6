"""A program that ends anywhere in a motion, somebody's hand between, and the next program: nothing newest is lost, and
nothing is called verified that is not.

`XSMIGUI_SEEDS` runs more than the usual seeds.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.motions import MOTIONS, Calls, Motion, drives_of, end, wrong
from tests.services.test_exchange import quiet
from tests.services.test_same_copy import sums
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan
from xsmigui.simulator.failures import Failure

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

SEEDS = int(os.environ.get("XSMIGUI_SEEDS", "30"))

GUEST = {"Madrid": "node-a", "Lisboa": "web-lx-01"}
"""A VM of each pool that runs and takes other disks for a while."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody at both pools who meddles with one VM."""

    site: Simulated
    pools: dict[str, Somebody]
    motion: Motion

    @classmethod
    def of(cls, site: Simulated, motion: Motion) -> "Hand":
        return cls(site, {name: Somebody.at(site, name) for name in motion.pools}, motion)

    def found(self) -> Iterator[tuple[str, Somebody, str]]:
        """The VM in each pool that has it: the pool, the operator there, and its reference."""
        for pool, other in self.pools.items():
            for vm in other.call("VM.get_by_name_label", self.motion.vm):
                yield pool, other, vm

    def its(self) -> tuple[str, Somebody, str]:
        """The VM where it is, or is still."""
        return next(self.found())

    def its_disk(self) -> tuple[Somebody, str]:
        _pool, other, vm = self.its()
        return other, sorted(other.disks(vm).items())[0][1]

    def work(self) -> None:
        """A halted VM runs for a while, one that runs is shut down."""
        _pool, other, vm = self.its()
        if other.call("VM.get_power_state", vm) == "Running":
            other.stop(vm)
        else:
            other.lift_blocks(vm)
            other.work(vm)

    def work_in_secret(self) -> None:
        """It ran, and what is blocked is as before."""
        _pool, other, vm = self.its()
        blocks = other.call("VM.get_blocked_operations", vm)
        self.work()
        other.call("VM.set_blocked_operations", vm, blocks)

    def reboot(self) -> None:
        _pool, other, vm = self.its()
        other.call("VM.hard_reboot", vm)

    def write(self) -> None:
        other, disk = self.its_disk()
        other.write(disk)

    def borrow(self) -> None:
        """Another VM has the disk for a while and writes to it."""
        other, disk = self.its_disk()
        guest = GUEST[self.its()[0]]
        self.site.lets_go_of(guest)  # the server takes a disk away with a VM, whoever has borrowed it
        vbd = other.connect(disk, other.vm(guest))
        other.write(disk)
        other.disconnect(vbd)

    def lift_blocks(self) -> None:
        _pool, other, vm = self.its()
        other.lift_blocks(vm)

    def rename(self) -> None:
        other, disk = self.its_disk()
        other.rename(disk, "somebody's name")

    def snapshot(self) -> None:
        _pool, other, vm = self.its()
        other.lift_blocks(vm)
        other.snapshot(vm)

    def delete_copies(self) -> None:
        """Whatever lies about under the name of a disk in the making, and is connected to nothing."""
        for _pool, other, vm in self.found():
            names = {other.call("VDI.get_name_label", disk) for disk in other.disks(vm).values()}
            for ref, vdi in other.call("VDI.get_all_records").items():
                is_copy = vdi["name_label"] in names and not vdi["VBDs"]
                if is_copy or vdi["name_label"].startswith("[incomplete copy]"):
                    with contextlib.suppress(Failure):
                        other.destroy(ref)

    def delete_arrival(self) -> None:
        """The VM that has arrived in another pool, or is about to, is deleted with its disks."""
        for _pool, other, vm in (each for each in self.found() if each[0] != self.motion.pools[0]):
            disks = other.disks(vm).values()
            other.call("VM.destroy", vm)
            for disk in disks:
                other.destroy(disk)

    def extend(self) -> None:
        """Not while the server moves it: what it does with such a disk then is its own affair."""
        _pool, other, vm = self.its()
        if not other.call("VM.get_current_operations", vm):
            other.extend(self.its_disk()[1], 1 << 30)


HANDS: dict[str, Callable[[Hand], object]] = {
    "nothing": lambda hand: None,
    "worked": Hand.work,
    "worked in secret": Hand.work_in_secret,
    "rebooted": Hand.reboot,
    "wrote": Hand.write,
    "borrowed": Hand.borrow,
    "lifted the blocks": Hand.lift_blocks,
    "renamed": Hand.rename,
    "took a snapshot": Hand.snapshot,
    "deleted the copies": Hand.delete_copies,
    "deleted what arrived": Hand.delete_arrival,
    "extended": Hand.extend,
}


async def at_last(work: Coroutine[Any, Any, None], release: Callable[[], None]) -> None:
    """Do it while the site stands still, if that lets it."""
    doing = asyncio.ensure_future(work)
    await asyncio.wait([doing], timeout=1.0)
    if not doing.done():
        release()
    await doing


def meddle(does: Callable[[Hand], object], hand: Hand) -> None:
    with contextlib.suppress(Failure, IndexError, StopIteration):
        does(hand)


async def cut_off(made: Engine, plan: Plan, chance: random.Random) -> tuple[Job, str, Callable[[], None]]:
    """Begin a job, until it stands somewhere: at a call, or while the server works. The program ends there. Where that
    was, and what lets the site go on."""
    is_copied = plan.moves[0].kind is Kind.disk
    if chance.random() < 0.3:
        free = chance.randrange(0, 60)
        hold = Hold(made.site, free)
        job = made.jobs.start(plan)
        await until(lambda: hold.is_held or made.jobs.get(job.id).has_ended)
        hold.let_others_pass()
        return job, f"pause {free}", hold.release
    how, step = chance.choice(["before", "after", "late"]), chance.randrange(1, 36 if is_copied else 12)
    changes = chance.random() < 0.7
    calls = Calls(made.site, step, how, changes=changes)
    job = made.jobs.start(plan)
    await until(lambda: calls.reached.is_set() or made.jobs.get(job.id).has_ended)
    return job, f"{how} {'change' if changes else 'call'} {step}", calls.release


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_hand_between_kill_and_restart(site: Simulated, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    kind = list(MOTIONS)[seed % len(MOTIONS)]
    motion, name = MOTIONS[kind], chance.choice(sorted(HANDS))
    hand = Hand.of(site, motion)
    async with contextlib.AsyncExitStack() as process:
        first = await process.enter_async_context(engine(site, *motion.pools, home=tmp_path))
        plan = await motion.plan(first)
        job, where, release = await cut_off(first, plan, chance)
        if chance.random() < 0.5:
            release()  # the server works on already while the program still ends
        await at_last(process.aclose(), release)
    await at_last(asyncio.to_thread(meddle, HANDS[name], hand), release)
    release()
    is_copied = plan.moves[0].kind is Kind.disk
    newest = sums(hand.pools["Madrid"]) if is_copied else {}
    if is_copied:
        site.lets_go_of(motion.vm)  # a copy that is connected beside the disks for a time is none of the VM's disks
    endings: tuple[VmJob, ...] = ()
    for _attempt in range(3):
        async with engine(site, *motion.pools, home=tmp_path) as again:
            left = await again.jobs.take_up(job.id if chance.random() < 0.5 else "")
            if not left:
                break
            if chance.random() < 0.3:
                again.jobs.undo(job.id)
            else:
                again.jobs.proceed(job.id)
            endings = await end(again, job)
    told = f"seed {seed}, {kind}, {where}, {name}: {[(vm.state, vm.message) for vm in endings] or 'it had ended'}"
    drives = drives_of(site, motion)
    assert len(drives) == len(set(drives)), told
    if is_copied:
        assert sums(hand.pools["Madrid"]) == newest, told
    for vm in endings:
        if vm.verified:
            assert vm.state is State.done, told
            assert wrong(site, plan, vm) == [], told
