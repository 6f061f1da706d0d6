"""Databases of real pools: every VM to every host of another pool gives problems or a plan, and every plan succeeds."""

from itertools import permutations
from pathlib import Path

import pytest

from tests.judged import Judge
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.simulator.command import Options, build

POOLS = Path(__file__).parents[4] / "shared" / "data" / "pools"
FILES = sorted(POOLS.glob("*.xml"))

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FILES, reason="lie beside the checkout")]


async def judge_of(*files: Path) -> Judge:
    return await Judge.of(build(Options(databases=tuple(str(file) for file in files), speed=0, seed=1)))


def drafts(judge: Judge) -> list[Draft]:
    """Every VM of the first pool, templates and snapshots too, to every host of the second."""
    site = judge.site()
    source, target = site.pools
    return [
        Draft(source, (vm,), target).on(vm, host)
        for vm, record in site.pools[source].VM.items()
        if not record.is_control_domain
        for host in site.pools[target].host
    ]


@pytest.mark.parametrize(("source", "target"), list(permutations(FILES, 2)), ids=lambda file: file.stem)
async def test_problems_or_a_plan_and_every_plan_succeeds(source: Path, target: Path) -> None:
    judge = await judge_of(source, target)
    if len(judge.ways) < 2:
        return  # the same pool at two times: a program connects it once
    site = judge.site()
    planned: list[tuple[Draft, Evaluation]] = []
    for draft in drafts(judge):
        found = await judge.judged(draft, site)
        assert (found.plan is None) == any(p.blocks for p in found.problems)
        if found.plan is not None:
            planned.append((draft, found))
    for _draft, found in planned:
        assert found.plan is not None
        fresh = await judge_of(source, target)
        await fresh.carry_out(found.plan)
        (move,) = found.plan.moves
        arrived = fresh.site().pools[found.resolved.moves[0].target.id]
        assert arrived.find("VM", move.vm.uuid)
