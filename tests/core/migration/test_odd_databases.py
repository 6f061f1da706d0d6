"""Pools that have got old: nothing that real databases hold makes an error of ours, and what is planned succeeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judged import Judge
from tests.odd_dumps import NOWHERE, dumps
from xsmigui.core.migration.draft import Draft
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.command import Options, build
from xsmigui.simulator.loader import load

CARRIED_OUT = 3


async def judge_of(files: list[Path]) -> Judge:
    return await Judge.of(build(Options(databases=tuple(str(f) for f in files), speed=0, seed=1)))


async def test_every_vm_of_an_old_pool(tmp_path: Path) -> None:
    files = dumps(tmp_path)
    judge = await judge_of(files)
    site = judge.site()
    source, target = site.pools
    planned = []
    for vm, record in site.pools[source].VM.items():
        if record.is_control_domain:
            continue
        for host in site.pools[target].host:
            found = await judge.judged(Draft(source, (vm,), target).on(vm, host), site)
            assert (found.plan is None) == any(p.blocks for p in found.problems)
            if found.plan is not None:
                planned.append(found)
    assert len(planned) > CARRIED_OUT
    for found in planned[:: len(planned) // CARRIED_OUT]:
        assert found.plan is not None
        fresh = await judge_of(files)
        await fresh.carry_out(found.plan)
        (move,) = found.plan.moves
        assert fresh.site().pools[target].find("VM", move.vm.uuid)


@pytest.mark.parametrize("packed", [False, True])
def test_what_hangs_in_the_air_stays_so(tmp_path: Path, packed: bool) -> None:
    pool = load(str(dumps(tmp_path, packed=packed)[0]), Clock(0))
    vms = pool.db.table("VM").values()
    assert any(vm["affinity"] == NOWHERE for vm in vms)
    assert any(vm["suspend_VDI"] == NOWHERE for vm in vms)
    disks = pool.db.table("VDI").values()
    assert all(d["physical_utilisation"] > d["virtual_size"] for d in disks)
    assert {"-" in str(d["snapshot_time"]) for d in disks} == {False, True}
