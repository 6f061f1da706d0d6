"""Every call and every look of every motion, broken in every way: nothing is lost, and nothing is said that is not so.

The calls are those that a run makes in which all goes well. The ordinary run takes a sample of them; `XSMIGUI_SHARE=1`
takes all (hours), `XSMIGUI_SHARE=0.1` a tenth, `XSMIGUI_MOTION` only those of one motion, `XSMIGUI_PART=2/3` the second
third of them, for several processes beside each other. Calls that change something come first.
"""

import asyncio
import os
import random
from functools import cache
from pathlib import Path

import pytest

from tests.foreign import Somebody
from tests.holding import PATIENCE, until
from tests.services.engine import engine
from tests.services.motions import MOTIONS, Called, Calls, changes, drives_of, end, wrong
from tests.services.test_exchange import marked, quiet
from tests.services.test_same_copy import sums
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

WAYS = ("refused once", "refused for good", "lost", "late")

SHARE = float(os.environ.get("XSMIGUI_SHARE", "0"))
CHOSEN = os.environ.get("XSMIGUI_MOTION", "")
PART, PARTS = map(int, os.environ.get("XSMIGUI_PART", "1/1").split("/"))

SAMPLE = 28
"""How many runs the ordinary run makes."""


async def calls_of(name: str) -> list[Called]:
    """What a motion calls when all goes well."""
    with Simulated.start("two-pools") as site:
        motion = MOTIONS[name]
        async with engine(site, *motion.pools) as made:
            plan = await motion.plan(made)
            calls = Calls(site)
            job = await asyncio.wait_for(made.jobs.wait(made.jobs.start(plan).id), PATIENCE)
            assert job.state is State.done, [vm.message for vm in job.vms]
            return list(calls.made)


@cache
def recorded() -> dict[str, list[Called]]:
    """By motion, made once in the life of the tests' process."""
    return {}


async def broken(name: str, chance: random.Random) -> tuple[Called, str]:
    """One of the calls of a motion, and how it is broken. Looks are many, so that half of all are changes."""
    if name not in recorded():
        recorded()[name] = await calls_of(name)
    found = recorded()[name]
    those = [called for called in found if changes(called[1])] if chance.random() < 0.5 else found
    return chance.choice(those), chance.choice(WAYS)


@pytest.mark.parametrize("number", range(SAMPLE))
async def test_a_sample(site: Simulated, tmp_path: Path, number: int) -> None:
    name = list(MOTIONS)[number % len(MOTIONS)]
    called, how = await broken(name, random.Random(number))
    await run(site, tmp_path, name, called, how)


if SHARE:

    @pytest.mark.timeout(0)
    @pytest.mark.parametrize("name", [name for name in MOTIONS if name == (CHOSEN or name)])
    async def test_all(tmp_path: Path, name: str) -> None:
        found = [(called, how) for called in await calls_of(name) for how in WAYS]
        chosen = random.Random(1).sample(found, max(1, int(len(found) * SHARE)))
        chosen = sorted(chosen, key=lambda each: not changes(each[0][1]))[PART - 1 :: PARTS]
        failed = []
        for number, (called, how) in enumerate(chosen):
            home = tmp_path / str(number)
            home.mkdir()
            try:
                with Simulated.start("two-pools") as site:
                    await run(site, home, name, called, how)
            except Exception as error:
                failed.append(f"{called}, {how}: {type(error).__name__} {error}"[:600])
                print(name, failed[-1], flush=True)
            print(f"{name}: {number + 1} of {len(chosen)}, {len(failed)} failed", flush=True)
        assert failed == []


async def run(site: Simulated, home: Path, name: str, called: Called, how: str) -> None:
    motion = MOTIONS[name]
    async with engine(site, *motion.pools, home=home) as made:
        plan = await motion.plan(made)
        is_copied = plan.moves[0].kind is Kind.disk
        before = sums(Somebody.at(site, "Madrid")) if is_copied else {}
        if is_copied:
            site.lets_go_of(motion.vm)  # a copy that is connected beside the disks for a time is none of the VM's
        calls = Calls(site)
        calls.break_at(called, how)
        job = made.jobs.start(plan)
        if how == "late":
            await until(lambda: calls.reached.is_set() or made.jobs.get(job.id).has_ended)
            count = len(calls.made)
            made.proxies[called[0]].cut()
            await until(lambda: len(calls.made) > count + 2 or made.jobs.get(job.id).has_ended)
            calls.release()
        endings = await end(made, job)
        told = f"{name}, {called}, {how}: {[(vm.state, vm.verified, vm.message) for vm in endings]}"
        judged(site, plan, endings, told)
        if is_copied and all(vm.state is not State.interrupted for vm in endings):
            assert marked(made) == [], told
    if any(not vm.is_over for vm in endings):
        calls.break_at(("", "", 0), "")
        endings = await resumed(site, home, motion.pools, job)
        told += f" then {[(vm.state, vm.verified, vm.message) for vm in endings]}"
        judged(site, plan, endings, told)
    drives = drives_of(site, motion)
    assert len(drives) == len(set(drives)), told
    if is_copied:
        assert sums(Somebody.at(site, "Madrid")) == before, told


async def resumed(site: Simulated, home: Path, pools: tuple[str, ...], job: Job) -> tuple[VmJob, ...]:
    """What had stopped goes on when all is well again."""
    async with engine(site, *pools, home=home) as again:
        assert await again.jobs.take_up(job.id)
        again.jobs.proceed(job.id)
        return await end(again, job)


def judged(site: Simulated, plan: Plan, endings: tuple[VmJob, ...], told: str) -> None:
    for vm in endings:
        assert "internal error" not in vm.message, told
        assert vm.message, told
        if vm.verified:
            assert vm.state is State.done, told
            assert wrong(site, plan, vm) == [], told
