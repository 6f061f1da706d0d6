"""The tree beside XenCenter's own rules, written a second time: where each VM and SR stands, what is hidden, in which
order. Of simulated pools, of dumps as years leave them, and of the databases of real pools where those are at hand.

The rules are XenCenter's `VM.Home` and `SR.Home`, its grouping by pool and host, what it hides, and its comparisons. We
differ on purpose twice: a paused VM stands where it is (`VM.Home` looks at running ones only), and VMs and SRs of a
host that is not live stay in sight, since that is when an operator looks for them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judged import Judge
from tests.odd_dumps import dumps
from xsmigui.core.inventory import Inventory
from xsmigui.core.outline import build as build_outline
from xsmigui.core.outline_nodes import Link, ServerView, View
from xsmigui.core.records import SR, VM
from xsmigui.core.refs import NULL
from xsmigui.simulator.command import Options, build

POOLS = Path(__file__).parents[3] / "shared" / "data" / "pools"
EVERYTHING = View(templates=True, snapshots=True)


def inventories(options: Options) -> list[Inventory]:
    judge = asyncio.run(Judge.of(build(options)))
    return list(judge.site().pools.values())


# XenCenter's rules, on the records alone.


def sr_home(pool: Inventory, sr: SR) -> str | None:
    """`SR.Home`: none for a shared one, or one with any other number of PBDs than one."""
    if sr.shared or len(sr.PBDs) != 1:
        return None
    pbd = pool.PBD.get(sr.PBDs[0])
    return pbd.host if pbd is not None and pbd.host in pool.host else None


def vm_home(pool: Inventory, vm: VM) -> str | None:
    """`VM.Home`."""
    if vm.is_a_snapshot:
        owner = pool.VM.get(vm.snapshot_of)
        return vm_home(pool, owner) if owner is not None else None
    if vm.is_a_template:
        return None
    if vm.power_state in ("Running", "Paused"):
        return vm.resident_on if vm.resident_on in pool.host else None
    vbds = [pool.VBD[ref] for ref in vm.VBDs if ref in pool.VBD]
    for vbd in sorted(vbds, key=lambda vbd: natural(vbd.userdevice)):
        vdi = pool.VDI.get(vbd.VDI)
        sr = pool.SR.get(vdi.SR) if vdi is not None else None
        if sr is not None and (home := sr_home(pool, sr)) is not None:
            return home
    host = pool.host.get(vm.affinity)
    metrics = pool.host_metrics.get(host.metrics) if host is not None else None
    return vm.affinity if metrics is not None and metrics.live else None


def natural(name: str) -> list[tuple[int, int, str]]:
    """`StringUtility.NaturalCompare`: digits by their number, letters whatever their case."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]


def is_hidden(vm: VM) -> bool:
    marks = vm.other_config
    is_default = vm.is_a_template and (vm.is_default_template or marks.get("default_template") == "true")
    return vm.is_control_domain or is_default or marks.get("HideFromXenCenter") == "true"


def lines(pool: Inventory) -> Iterator[tuple[str, str | None, tuple[object, ...]]]:
    """Each line's reference, the reference of what it stands under (None: the top), and what it is sorted by."""
    alone = not pool.pool.name_label and len(pool.host) == 1
    top = next(iter(pool.host)) if alone else pool.pool_ref
    yield top, None, ()
    for ref, host in pool.host.items():
        if not alone:
            yield ref, top, (0, ref != pool.pool.master, natural(host.name_label), ref)
    for ref, vm in pool.VM.items():
        if is_hidden(vm):
            continue
        if vm.is_a_snapshot:
            owner = pool.VM.get(vm.snapshot_of)
            if owner is not None and not is_hidden(owner):
                yield ref, vm.snapshot_of, (5, natural(vm.snapshot_time), ref)
        else:
            home = vm_home(pool, vm)
            rank = 3 if vm.is_a_template else 1
            yield ref, top if home is None or alone else home, (rank, natural(vm.name_label), ref)
    for ref, sr in pool.SR.items():
        hidden = sr.is_tools_sr or sr.type in ("tmpfs", "local") or sr.other_config.get("HideFromXenCenter") == "true"
        if not hidden and sr.introduced_by in ("", NULL):
            home = sr_home(pool, sr)
            yield ref, top if home is None or alone else home, (2, natural(sr.name_label), ref)


def expected(pool: Inventory) -> dict[str | None, list[str]]:
    """By what holds them, the lines in order."""
    below: dict[str | None, list[tuple[tuple[object, ...], str]]] = {}
    for ref, parent, order in lines(pool):
        below.setdefault(parent, []).append((order, ref))
    return {parent: [ref for _order, ref in sorted(some)] for parent, some in below.items()}


def ours(pool: Inventory) -> dict[str | None, list[str]]:
    outline = build_outline([ServerView("https://pool", "pool", Link.connected, "", pool)], EVERYTHING)
    return {
        parent.ref if parent is not None else None: [key.ref for key in keys]
        for parent, keys in outline.children.items()
    }


def check(pool: Inventory) -> None:
    found, wanted = ours(pool), expected(pool)
    assert found == wanted
    assert sum(map(len, found.values())) > 2


@pytest.mark.parametrize("scenario", ["two-pools", "standalone", "mixed-versions", "blockers", "scale"])
def test_simulated_pools(scenario: str) -> None:
    vms = 60 if scenario == "scale" else None
    options = (
        Options(scenario=scenario, speed=0, seed=1) if vms is None else Options(scenario, vms=vms, speed=0, seed=1)
    )
    for pool in inventories(options):
        check(pool)


def test_dumps_as_years_leave_them(tmp_path: Path) -> None:
    for file in dumps(tmp_path):
        for pool in inventories(Options(databases=(str(file),), speed=0, seed=1)):
            check(pool)


@pytest.mark.shared
@pytest.mark.skipif(not POOLS.exists(), reason="lie beside the checkout")
@pytest.mark.parametrize("file", sorted(POOLS.glob("*.xml")), ids=lambda file: file.stem)
def test_databases_of_real_pools(file: Path) -> None:
    for pool in inventories(Options(databases=(str(file),), speed=0, seed=1)):
        check(pool)
