"""How figures grow with the size of a pool: `python -m tests.bench.growth [--most 20000]`.

Printed are CPU, peak memory and their exponents of `inventory --json` (loading included), of the tree, of an evaluation
of 200 VMs and of a batch of events, for pools of 500 VMs and more; an exponent of 1 is linear.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.bench import measuring

SIZES = (500, 2000, 8000, 20000)


def client(vms: int) -> tuple[float, float]:
    """CPU in ms and peak memory in MB of `inventory --json` on a pool of so many VMs."""
    simulate = [sys.executable, "-m", "xsmigui", "simulate", "--http", "--scenario", "scale", "--vms", str(vms)]
    site = subprocess.Popen([*simulate, "--speed", "0"], stdout=subprocess.PIPE)
    try:
        assert site.stdout is not None
        pool: dict[str, Any] = json.loads(site.stdout.readline())
        while site.stdout.readline().strip() not in (b"READY", b""):
            pass
        command = [sys.executable, "-m", "xsmigui", "inventory", "--server", pool["url"], "--password-stdin", "--json"]
        with tempfile.TemporaryDirectory() as home:
            asking = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, "XSMIGUI_HOME": home}
            )
            assert asking.stdin is not None
            asking.stdin.write(pool["password"].encode() + b"\n")
            asking.stdin.close()
            _pid, status, used = os.wait4(asking.pid, 0)
            asking.returncode = os.waitstatus_to_exitcode(status)
            assert asking.returncode == 0
        return (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss / 1024
    finally:
        site.terminate()
        site.wait()


def best(work: Callable[[], object], rounds: int = 3) -> float:
    """Milliseconds of CPU, the least of some rounds."""
    took = []
    for _round in range(rounds):
        begun = time.process_time()
        work()
        took.append((time.process_time() - begun) * 1000)
    return min(took)


def pure(vms: int) -> dict[str, float]:
    from tests.bench.sites import Busy, large_pool
    from tests.core.site import site_of
    from xsmigui.core.changes import Event, apply
    from xsmigui.core.migration.evaluation import evaluate
    from xsmigui.core.outline import build
    from xsmigui.core.outline_nodes import Link, ServerView, View

    pool = large_pool("pool", hosts=32, srs=20, vms=vms)
    site = site_of(pool)
    inventory = site.pools[pool.id]
    vms_moved = list(inventory.VM)[:200]
    hosts = list(inventory.host)
    away = {vm: hosts[(hosts.index(inventory.VM[vm].resident_on) + 1) % len(hosts)] for vm in vms_moved}  # type: ignore[index]
    draft = replace(pool.move(*vms_moved, destination=pool.id), hosts=away)  # type: ignore[arg-type]
    evaluate(site, draft)
    view = ServerView("https://pool", "pool", Link.connected, "", inventory)
    busy = Busy(inventory)
    events = [Event(*change) for change in busy.changes(inventory, 25)]
    return {
        "the tree": best(lambda: build([view], View())),
        "200 VMs judged": best(lambda: evaluate(site, draft)),
        "a batch of 25 events": best(lambda: apply(inventory, events), 20),
    }


def figures(sizes: tuple[int, ...]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for vms in sizes:
        cpu, memory = client(vms)
        row = {"inventory --json, CPU ms": cpu, "inventory --json, peak memory MB": memory, **pure(vms)}
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1])
    sizes = tuple(size for size in SIZES if size <= parser.parse_args().most)
    print("  " + "VMs".ljust(40) + "".join(f"{size:>12,}" for size in sizes) + "    exponent (goal ≤ 1.1)")
    for name, values in figures(sizes).items():
        exponent = measuring.exponent(sizes, values)
        print("  " + name.ljust(40) + "".join(f"{value:12.1f}" for value in values) + f"    {exponent:5.2f}")


if __name__ == "__main__":
    main()
