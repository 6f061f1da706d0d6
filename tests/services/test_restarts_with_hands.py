"""xapi is restarted in the middle of a motion and somebody's hand is in it before the program is connected again:
nothing newest is lost, and nothing is called verified that is not.

`XSMIGUI_SEEDS` runs more than the usual seeds.
"""

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import Engine, engine
from tests.services.motions import MOTIONS, Calls, Motion, drives_of, end, wrong
from tests.services.test_exchange import quiet
from tests.services.test_random_hands import HANDS, Hand, at_last, meddle
from tests.services.test_short_stop import ONE
from tests.services.test_short_stop import plan_of as short_stop
from tests.simulated import Simulated
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.migration.moves import Kind

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

SEEDS = int(os.environ.get("XSMIGUI_SEEDS", "12"))

ALL = MOTIONS | {
    "short stop": Motion(("Madrid",), ONE, short_stop),
    "short stop, removed": Motion(("Madrid",), ONE, lambda made: short_stop(made, keep_days=0)),
}


def reset_power_state(hand: Hand) -> None:
    _pool, other, vm = hand.its()
    other.lift_blocks(vm)
    other.call("VM.power_state_reset", vm)


def revert(hand: Hand) -> None:
    """The VM goes back to a snapshot, and has other disks then."""
    _pool, other, vm = hand.its()
    other.lift_blocks(vm)
    snapshot = other.snapshot(vm)
    other.write(hand.its_disk()[1])
    other.call("VM.revert", snapshot)


def change_positions(hand: Hand) -> None:
    _pool, other, vm = hand.its()
    vbds = [v for v in other.call("VM.get_VBDs", vm) if other.call("VBD.get_type", v) == "Disk"]
    other.call("VBD.set_userdevice", vbds[0], "9")


def detach(hand: Hand) -> None:
    _pool, other, vm = hand.its()
    vbds = [v for v in other.call("VM.get_VBDs", vm) if other.call("VBD.get_type", v) == "Disk"]
    other.disconnect(vbds[0])


def make_a_template(hand: Hand) -> None:
    _pool, other, vm = hand.its()
    other.lift_blocks(vm)
    other.call("VM.set_is_a_template", vm, True)


def clone(hand: Hand) -> None:
    """With its marks, and what is blocked."""
    _pool, other, vm = hand.its()
    other.lift_blocks(vm)
    other.call("VM.clone", vm, "a clone")


def set_the_clock_back(hand: Hand) -> None:
    _pool, other, _vm = hand.its()
    other.order("skew_clock", seconds=-7200)


BY_HAND = HANDS | {
    "reset its power state": reset_power_state,
    "reverted to a snapshot": revert,
    "changed positions": change_positions,
    "detached a disk": detach,
    "made a template": make_a_template,
    "cloned": clone,
    "set the clock back": set_the_clock_back,
}


def newest(site: Simulated, motion: Motion) -> dict[str, str]:
    """The sums of the VM's disks by position. While its disks are exchanged one may be connected twice, or released:
    then its copy is what the VM has."""
    other = Somebody.at(site, motion.pools[0])
    disks = other.disks(other.vm(motion.vm))
    return {position: other.sum(disk) for position, disk in disks.items()}


async def stand_still(made: Engine, chance: random.Random, is_copied: bool) -> tuple[str, "Hold | Calls"]:
    """Where the motion that starts next stops."""
    if chance.random() < 0.4:
        free = chance.randrange(0, 60)
        return f"pause {free}", Hold(made.site, free)
    how, step = chance.choice(["before", "after", "late"]), chance.randrange(1, 40 if is_copied else 12)
    return f"{how} change {step}", Calls(made.site, step, how, changes=True)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_hand_while_the_server_restarts(site: Simulated, tmp_path: Path, seed: int) -> None:
    chance = random.Random(f"restart {seed}")
    kind = list(ALL)[seed % len(ALL)]
    motion, name = ALL[kind], chance.choice(sorted(BY_HAND))
    hand = Hand.of(site, motion)
    site.lets_go_of(motion.vm)  # judged here
    endings: tuple[VmJob, ...] = ()
    async with engine(site, *motion.pools, home=tmp_path) as made:
        plan = await motion.plan(made)
        is_copied = plan.moves[0].kind is Kind.disk
        where, stop = await stand_still(made, chance, is_copied)
        job = made.jobs.start(plan)
        at_it = (lambda: stop.is_held) if isinstance(stop, Hold) else stop.reached.is_set
        await until(lambda: at_it() or made.jobs.get(job.id).has_ended)
        if made.jobs.get(job.id).has_ended:
            stop.release()
            return  # it made fewer calls than that
        if isinstance(stop, Hold):
            stop.let_others_pass()
        pool = site[chance.choice(motion.pools)]
        is_before = chance.random() < 0.3
        if is_before:
            await at_last(asyncio.to_thread(meddle, BY_HAND[name], hand), stop.release)
        restart = asyncio.ensure_future(asyncio.to_thread(site.fault, pool, "restart", seconds=0.3))
        if not is_before:
            await at_last(asyncio.to_thread(meddle, BY_HAND[name], hand), stop.release)
        stop.release()
        await restart
        sums = newest(site, motion) if is_copied and made.jobs.get(job.id).vms[0].arrived is None else {}
        endings = await end(made, job)
        for _attempt in range(3):
            if all(vm.state is not State.interrupted or vm.is_over for vm in endings):
                break
            made.jobs.resume(job.id, undo=chance.random() < 0.5)
            endings = await end(made, job)
    told = (
        f"seed {seed}, {kind}, {where}, {pool.name}, {name}: {[(vm.state, vm.verified, vm.message) for vm in endings]}"
    )
    drives = drives_of(site, motion)
    assert len(drives) == len(set(drives)), told
    if is_copied:
        now = newest(site, motion)
        whole = {at: it for at, it in sums.items() if at in now}
        if "short" not in kind:
            assert {at: now[at] for at in whole} == whole, told
    for vm in endings:
        if vm.verified:
            assert vm.state is State.done, told
            assert wrong(site, plan, vm) == [], told
