"""Databases of real pools: every VM to every host of another pool gives problems or a plan, and every plan succeeds."""

from itertools import permutations
from pathlib import Path

import pytest

from tests.judged import Judge
from xsmigui.core.migration.diskdraft import DisksRefused, draft_of_disks, movable_disks, owner
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.exchange import kept_note
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import PoolId
from xsmigui.simulator.command import Options, build
from xsmigui.simulator.tables import Database

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


LOOKED_AT = ("name_label", "other_config", "tags", "VDI", "userdevice", "mode", "bootable", "blocked_operations", "SR")


async def undone_at_every_step(file: Path, plan: Plan) -> None:
    """Copied and exchanged as far as the n-th call, and put back: nothing that one could see differs from before."""
    (move,) = plan.moves
    calls = await (await judge_of(file)).exchange(plan, move)
    for step in range(1, calls, 5):
        fresh = await judge_of(file)
        db = fresh.ways[PoolId(plan.source.uuid)].pool.db

        def seen(db: Database = db) -> list[object]:
            return sorted(
                repr([(f, row[f]) for f in LOOKED_AT if f in row])
                for cls in ("VM", "VBD", "VDI")
                for row in db.table(cls).values()
            )

        before = seen()
        await fresh.exchange(plan, move, undo_after=step)
        assert seen() == before, step


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_every_disk_to_every_sr(file: Path) -> None:
    """Each virtual disk of the pool to each other SR: a reason, problems or a plan; a plan moves this disk and what
    follows it, and nothing else of its VM changes."""
    judge = await judge_of(file)
    site = judge.site()
    (pool,) = site.pools
    inventory = site.pools[pool]
    for sr in inventory.SR:
        movable_disks(inventory, sr)
    tried: set[tuple[str, str]] = set()
    for disk, vdi in inventory.VDI.items():
        for sr in inventory.SR:
            if sr == vdi.SR:
                continue
            if owner(inventory, disk).reason:
                with pytest.raises(DisksRefused, match=r"\w"):
                    draft_of_disks(site, pool, [disk], sr)
                continue
            draft = draft_of_disks(site, pool, [disk], sr)
            found = await judge.judged(draft, site)
            assert (found.plan is None) == any(p.blocks for p in found.problems)
            if found.plan is None:
                continue
            (move,) = found.plan.moves
            kind = (move.vm.uuid or vdi.SR, inventory.SR[sr].type)
            if kind in tried:  # one of a kind is carried out: each needs a pool of its own
                continue
            tried.add(kind)
            fresh = await judge_of(file)
            await fresh.carry_out(found.plan)
            after = fresh.site().pools[pool]
            if move.is_loose:
                (new,) = [r for r in after.VDI.values() if r.name_label == vdi.name_label and sr == r.SR]
                assert (new.virtual_size, new.type, new.tags) == (vdi.virtual_size, vdi.type, vdi.tags)
                assert kept_note(after.VDI[disk].other_config, after.VDI[disk].uuid) is not None
                continue
            if move.kind is Kind.disk:
                await undone_at_every_step(file, found.plan)
            (vm,) = after.find("VM", move.vm.uuid)
            before = {v.userdevice: (v.VDI, v.mode, v.bootable) for _r, v in inventory.vbds(draft.vms[0])}
            now = {v.userdevice: (v.VDI, v.mode, v.bootable) for _r, v in after.vbds(vm)}  # type: ignore[arg-type]
            assert now.keys() == before.keys()
            for position, (was, *rest) in before.items():
                there, *kept = now[position]
                assert kept == rest
                if was == disk:
                    record = after.VDI[there]
                    assert (record.name_label, record.virtual_size) == (vdi.name_label, vdi.virtual_size)
                    assert after.SR[record.SR].uuid == inventory.SR[sr].uuid
                elif was in inventory.VDI:
                    assert after.VDI[there].SR == inventory.VDI[was].SR
            assert after.VM[vm].power_state == inventory.VM[draft.vms[0]].power_state  # type: ignore[index]
            assert after.VM[vm].affinity == inventory.VM[draft.vms[0]].affinity  # type: ignore[index]
