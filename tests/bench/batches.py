"""Batches on the command line: `python -m tests.bench.batches [--against COMMIT] [--sizes 20 200]`.

Printed are, for a live and a storage batch and for `preflight`: CPU of the client for each VM, calls to servers for
each VM (of methods, without loading and events), how often the batch was judged, and the time between the end of a
storage migration and the start of the next one.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench import measuring

GOALS = {
    "live 200: calls for each VM": "≤ 7",
    "storage 60: calls for each VM": "≤ 11",
    "storage 60: idle between two, p90 ms": "≤ one round trip + 20 ms",
    "preflight 60: CPU ms": "≤ 0.3 ×",
}


def child(kind: str, number: int, pools: list[dict[str, Any]]) -> dict[str, float]:
    """One run of the command line in this process."""
    from xsmigui import cli
    from xsmigui.core.migration import evaluation
    from xsmigui.xapi import connection

    calls: Counter[str] = Counter()
    begun: list[float] = []
    ended: list[float] = []
    judged = [0]
    inner = connection.Connection.call
    follow = connection.Connection.wait_for_task
    judge = evaluation.evaluate

    async def call(self: Any, method: str, *params: Any, **options: Any) -> Any:
        calls[method] += 1
        if method == "Async.VM.migrate_send":
            begun.append(time.monotonic())
        return await inner(self, method, *params, **options)

    async def wait_for_task(self: Any, ref: str, on_progress: Any = None) -> Any:
        record = await follow(self, ref, on_progress)
        if record.status == "success":
            ended.append(time.monotonic())
        return record

    def evaluate(*arguments: Any, **options: Any) -> Any:
        judged[0] += 1
        return judge(*arguments, **options)

    connection.Connection.call = call  # type: ignore[method-assign]
    connection.Connection.wait_for_task = wait_for_task  # type: ignore[method-assign]
    from xsmigui.services import drafting

    drafting.evaluate = evaluate  # type: ignore[attr-defined]
    first, second = pools
    # Every fourth VM of the scenario is halted; the names of the first tenth are those of the second pool too.
    least = max(400, 3 * number) // 10
    networks = 1 + max(2, max(400, 3 * number) // 100)  # of which the second pool has three
    fits = [n for n in range(least, least + 4 * number) if n % 4 != 3 and (kind == "live" or n % networks < 3)]
    names = [f"vm-{n:05d}" for n in fits[:number]]
    servers = [part for pool in pools for part in ("--server", pool["url"], "--fingerprint", pool["fingerprint"])]
    target = first["pool"] if kind == "live" else second["pool"]
    command = "preflight" if kind == "preflight" else "migrate"
    arguments = [command, *servers, "--password-stdin", *(p for name in names for p in ("--vm", name)), "--to", target]
    if command == "migrate":
        arguments.append("--yes")
    arguments.append("--json")
    sys.stdin = io.StringIO(first["password"] + "\n")
    begun_at = time.process_time()
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out), open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        status = cli.main(arguments)
    cpu = (time.process_time() - begun_at) * 1000
    if status not in ((0, 1) if kind == "preflight" else (0,)):
        print(status, file=sys.stderr)
        return {}
    name = f"{kind} {number}"
    found = {f"{name}: judged": float(judged[0])}
    if kind == "preflight":
        return {f"{name}: CPU ms": cpu, **found, f"{name}: calls": float(sum(calls.values()))}
    found |= {
        f"{name}: CPU for each VM, ms": cpu / number,
        f"{name}: calls for each VM": sum(calls.values()) / number,
    }
    print(dict(calls.most_common(30)), file=sys.stderr)
    if kind == "storage":
        gaps = []
        for end in ended:
            later = [start for start in begun if start >= end]
            if later:
                gaps.append((min(later) - end) * 1000)
        gaps.sort()
        found[f"{name}: idle between two, p50 ms"] = statistics.median(gaps)
        found[f"{name}: idle between two, p90 ms"] = gaps[int(len(gaps) * 0.9)]
    return found


def served(vms: int, speed: str) -> tuple[subprocess.Popen[bytes], list[dict[str, Any]]]:
    """A simulated site in a process of its own, always that of the present build."""
    site = subprocess.Popen(
        [sys.executable, "-m", "xsmigui", "simulate", "--scenario", "scale", "--vms", str(vms), "--speed", speed],
        stdout=subprocess.PIPE, cwd=measuring.ROOT,
    )  # fmt: skip
    assert site.stdout is not None
    pools = []
    while (line := site.stdout.readline().strip()) and line != b"READY":
        pools.append(json.loads(line))
    return site, pools


def figures(tree: Path, kind: str, number: int, speed: str) -> dict[str, float]:
    site, pools = served(max(400, 3 * number), speed)
    try:
        return measuring.run(tree, "tests.bench.batches", "--child", kind, str(number), json.dumps(pools))
    finally:
        site.terminate()
        site.wait()


def main() -> None:
    if "--child" in sys.argv:
        kind, number, pools = sys.argv[sys.argv.index("--child") + 1 :][:3]
        print(json.dumps(child(kind, int(number), json.loads(pools))))
        sys.stdout.flush()
        os._exit(0)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="")
    parser.add_argument("--kinds", nargs="*", default=["live", "storage", "preflight"])
    parser.add_argument("--sizes", nargs="*", type=int, default=[20, 200])
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        trees = [measuring.ROOT]
        if options.against:
            trees.append(stack.enter_context(measuring.build(options.against)))
        for kind in options.kinds:
            for number in options.sizes:
                number = number if kind == "live" else min(number, 60)
                found = [{k: [v] for k, v in figures(tree, kind, number, "100").items()} for tree in trees]
                for line in measuring.table(found, GOALS):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
