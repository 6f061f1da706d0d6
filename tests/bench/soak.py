"""Eight days at speed: `python -m tests.bench.soak [--days 8] [--vms 2000] [--migrations 500] [--speed 2000]`.

The engine without a window on three pools that change all the time, over TLS: batches of live, storage and cross-pool
migrations, with connections that break, coordinators that change and a journal that is cleared as an operator would.
Printed are, for what could accumulate, the values after the first and the last round, and the slope in a day. The
simulated servers are a process of their own, so that memory is the engine's.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.bench import measuring

NAMES = ("Norte", "Centro", "Sur")
BATCH = 20
DAY = 86400.0


def serve(vms: int, speed: float, rate: float) -> None:
    """The site, in a process of its own: prints its pools, then carries out a command of docs/simulator.md a line."""
    from tests.simulated import Simulated
    from xsmigui.simulator.clock import Clock
    from xsmigui.simulator.scenarios.events import Changes
    from xsmigui.simulator.scenarios.scale import fill
    from xsmigui.simulator.site import Site

    site = Site(Clock(speed))
    for number, name in enumerate(NAMES):
        fill(site, name, number + 1, vms // len(NAMES), f"10.7{number}")
        pool = site.pools[-1]
        pool.while_served.append(Changes(pool, rate / len(NAMES)).run)
        pool.refresh()
    with Simulated.start(site=site, speed=speed) as served:
        said = [
            {"name": p.name, "url": p.url, "password": p.password, "fingerprint": p.fingerprint} for p in served.pools
        ]
        print(json.dumps(said), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            if command:
                pool = served[command.pop("pool")]
                hosts = served.run(lambda pool=pool: list(pool.pool.db.table("host")))
                command.setdefault("host", hosts[(hosts.index(pool.pool.master) + 1) % len(hosts)])
                served.fault(pool, command.pop("do"), **command)
            tables = served.run(lambda: [[str(t) for t in p.pool.db.table("task").values()] for p in served.pools])
            answer = {
                "days": served.run(site.clock.now) / DAY,
                "sessions": sum(served.run(lambda: [len(p.pool.sessions.live) for p in served.pools])),
                "tasks in the servers": sum("VM.snapshot" not in task for table in tables for task in table),
            }
            print(json.dumps(answer), flush=True)


class Site:
    """The servers' process, from the other side."""

    def __init__(self, vms: int, speed: float, rate: float) -> None:
        command = [sys.executable, "-m", "tests.bench.soak", "--serve", str(vms), str(speed), str(rate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=measuring.ROOT)
        self.pools: list[dict[str, str]] = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def do(self, **command: str) -> dict[str, float]:
        """Carry out a command, none for a look alone; the answer tells how the servers stand."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, float] = self._answer()
        return answer

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def size(folder: Path) -> float:
    """Megabytes of all files in it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


async def soak(site: Site, home: Path, days: float, migrations: int) -> list[dict[str, float]]:
    """What stands after each round, from when the first has warmed everything up."""
    from tests.holding import until
    from tests.services.engine import Person, Pins, Secrets
    from xsmigui.core.jobs import State
    from xsmigui.core.migration.selection import Asked, draft_from
    from xsmigui.core.ports import Address
    from xsmigui.local.clock import SystemClock
    from xsmigui.local.journal import JournalFile
    from xsmigui.services.asking import Asker
    from xsmigui.services.connections import Connections
    from xsmigui.services.drafting import Drafting
    from xsmigui.services.jobs import Jobs
    from xsmigui.services.store import Store
    from xsmigui.xapi.connection import XapiWire

    store, clock, journal = Store(), SystemClock(), JournalFile(home)
    connections = Connections(store, XapiWire(), Pins(), Secrets(), Person(), clock)
    asker = Asker(connections.gateway)
    jobs = Jobs(store, connections, asker, clock, journal)

    def are_connected() -> bool:
        return len(store.site().connected) == len(site.pools)

    for pool in site.pools:
        await connections.add(Address(pool["url"], "root"), pool["password"], keep=False)
    await until(are_connected)
    measured, done, failed = [], 0, 0
    while True:
        turn = len(measured)
        pool = next(each for each in store.site().pools.values() if each.name == NAMES[turn % len(NAMES)])
        there = list(pool.host)[turn % len(pool.host)]
        running = [row for _ref, row in pool.user_vms() if row.power_state == "Running" and row.resident_on != there]
        chosen = [row.uuid for row in running[turn % 7 :][:BATCH]]
        asked = Asked(vms=tuple(chosen), to=pool.host[there].uuid)
        if turn % 4 == 3:
            asked = Asked(vms=tuple(chosen[: BATCH // 4]), to=NAMES[(turn + 1) % len(NAMES)], sr="Shared 00")
        drafting = Drafting(store, asker, clock, draft_from(store.site(), asked))
        try:
            evaluation = await drafting.settled()
        finally:
            drafting.close()
        assert evaluation.plan is not None, [problem.sentence() for problem in evaluation.problems]
        job = jobs.start(evaluation.plan)
        if turn % 3 == 1:
            site.do(do="hang_up", pool=pool.name)
        if turn % 6 == 5:
            site.do(do="move_coordinator", pool=pool.name)
        ended = await jobs.wait(job.id)
        done += sum(vm.state is State.done for vm in ended.vms)
        failed += sum(vm.state is not State.done for vm in ended.vms)
        jobs.clear_ended()
        await until(are_connected)
        gc.collect()
        servers = await asyncio.to_thread(site.do)
        measured.append({
            "migrations": done,
            "not done": failed,
            **servers,
            "memory, MB": measuring.memory(),
            "descriptors": float(len(os.listdir("/proc/self/fd"))),
            "threads": float(threading.active_count()),
            "tasks": float(len(asyncio.all_tasks())),
            "journal, MB": size(home),
        })  # fmt: skip
        print(f"  day {servers['days']:.2f}: {done} migrations, {failed} not done", file=sys.stderr, flush=True)
        if servers["days"] >= days and done >= migrations:
            break
    await jobs.shut_down()
    await journal.close()
    await connections.shut_down()
    return measured


def slope(x: list[float], y: list[float]) -> float:
    mean_x, mean_y = statistics.mean(x), statistics.mean(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread if spread else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=8)
    parser.add_argument("--vms", type=int, default=2000)
    parser.add_argument("--migrations", type=int, default=500)
    parser.add_argument("--speed", type=float, default=2000)
    parser.add_argument("--rate", type=float, default=100, help="changes in a second of real time")
    parser.add_argument("--serve", nargs=3, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(int(options.serve[0]), *options.serve[1:])
        return
    site = Site(options.vms, options.speed, options.rate)
    try:
        with tempfile.TemporaryDirectory() as home:
            measured = asyncio.run(soak(site, Path(home), options.days, options.migrations))
    finally:
        site.end()
    settled = measured[len(measured) // 4 :]  # what the first rounds import and fill stays
    passed = [row["days"] for row in settled]
    print(f"  {'':24} {'first':>10} {'settled':>10} {'last':>10}   slope in a day")
    for name in measured[0]:
        values = [row[name] for row in settled]
        print(
            f"  {name:24} {measured[0][name]:10.1f} {values[0]:10.1f} {values[-1]:10.1f}   {slope(passed, values):+.3f}"
        )


if __name__ == "__main__":
    main()
