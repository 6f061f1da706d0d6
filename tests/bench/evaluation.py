"""Prints how long evaluations take: one VM and a batch against 64 hosts and 100 SRs (goals: 2 ms and 200 ms).

python -m tests.bench.evaluation [--profile]
"""

import cProfile
import pstats
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, process_time

from tests.core.site import PoolBuilder, site_of
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.units import GiB, TiB


def large_pool(name: str, hosts: int, srs: int, vms: int) -> PoolBuilder:
    """A pool whose SRs are half shared and half local, each VM with two disks, a VIF and a snapshot."""
    pool = PoolBuilder(name)
    members = [pool.host(f"{name}-{n}", memory=512 * GiB, cpus=64) for n in range(hosts)]
    pool.network("Management", management=True)
    pool.network("Storage", address=True)
    lans = [pool.network(f"LAN {vlan}", vlan=vlan) for vlan in range(10, 20)]
    shared = [pool.sr(f"{name}-shared-{n}", size=50 * TiB, default=n == 0) for n in range(srs // 2)]
    for n in range(srs - srs // 2):
        pool.sr(f"{name}-local-{n}", "ext", hosts=[members[n % hosts]], size=2 * TiB)
    for n in range(vms):
        place = shared[n % len(shared)]
        vm = pool.vm(f"vm-{n}", on=members[n % hosts], disks=[place, (place, 40 * GiB)], networks=[lans[n % 10]])
        pool.snapshot(vm, f"snapshot of vm-{n}")
    return pool


def measure(title: str, site: Site, draft: Draft, rounds: int) -> None:
    taken = []
    found: Evaluation | None = None
    for _round in range(rounds):
        start = perf_counter()
        found = evaluate(site, draft)
        taken.append((perf_counter() - start) * 1000)
    assert found is not None
    blocks = sum(p.blocks for p in found.problems)
    print(f"{title:<52} {statistics.median(taken):8.2f} ms median, {min(taken):8.2f} ms best, {blocks} blocks")


def growth(internal: bool, batch: int = 200, vms: int = 1200) -> None:
    """The same batch in a large pool beside a small one; with every VM on an internal network too."""
    took = []
    for size in (batch, vms):
        pool = large_pool("pool", 16, 20, size)
        refs = [ref for ref, vm in pool.inventory().VM.items() if not vm.is_a_snapshot]
        if internal:
            inside = pool.network("Internal", hosts=[])
            for ref in refs:
                pool.vif(ref, inside)
        site = site_of(pool)
        inventory = site.pools[pool.id]
        hosts = list(inventory.host)
        away = {ref: hosts[(hosts.index(inventory.VM[ref].resident_on) + 1) % len(hosts)] for ref in refs[:batch]}
        draft = replace(pool.move(*refs[:batch], destination=pool.id), hosts=away)
        evaluate(site, draft)
        best = []
        for _round in range(3):
            start = process_time()
            evaluate(site, draft)
            best.append(process_time() - start)
        took.append(min(best))
    kind, goal = ("with an internal network", 1.7) if internal else ("", 1.5)
    print(
        f"{batch} VMs in a pool of {vms} beside one of {batch} {kind}: {took[1] * 1000:.0f} and {took[0] * 1000:.0f} ms"
        f" of CPU, ratio {took[1] / took[0]:.2f} (goal {goal})"
    )


def profiled(run: Callable[[], object]) -> None:
    profile = cProfile.Profile()
    profile.runcall(run)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def main() -> None:
    madrid, lisboa = large_pool("madrid", 64, 100, 200), large_pool("lisboa", 64, 100, 0)
    site = site_of(madrid, lisboa)
    vms = tuple(site.pools[madrid.id].VM)
    vms = tuple(ref for ref in vms if not site.pools[madrid.id].VM[ref].is_a_snapshot)
    for title, destination in (("in its pool", madrid.id), ("to another pool", lisboa.id)):
        measure(f"one VM {title}", site, madrid.move(vms[0], destination=destination), 200)
        measure(f"200 VMs {title}", site, madrid.move(*vms, destination=destination), 7)
        measure(
            f"200 VMs {title}, a place for each disk", site, madrid.move(*vms, destination=destination).each_disk(), 7
        )
    for kind in (False, True):
        growth(kind)
    if "--profile" in sys.argv:
        profiled(lambda: evaluate(site, madrid.move(*vms, destination=lisboa.id).each_disk()))
        profiled(lambda: evaluate(site, madrid.move(*vms, destination=lisboa.id)))


if __name__ == "__main__":
    main()
