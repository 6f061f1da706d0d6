"""A pool that changes all the time: `python -m tests.bench.day [--vms 5000] [--rate 500] [--seconds 60]`.

The real window on a simulated pool, through the network. Printed are the share of one core that the whole program takes
while so many changes come in a second, and its memory afterwards beside that after connecting.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.bench import measuring

GOALS = {
    "events: share of one core, %": "≤ 10",
    "events: memory afterwards beside after connecting": "≤ 1.15",
}


def child(pool: dict[str, Any], seconds: float) -> dict[str, float]:
    from PySide6.QtWidgets import QApplication

    from tests.bench.desk import EventLoop
    from xsmigui.app import Options, Program
    from xsmigui.core.ports import Address
    from xsmigui.ui import style

    app = QApplication(["bench"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = EventLoop(app)
    asyncio.set_event_loop(loop)

    async def run() -> dict[str, float]:
        program = Program(app, Options(), Path(os.environ["XSMIGUI_HOME"]))
        program.window.show()
        program.trust.trust(pool["url"], pool["fingerprint"])
        await program.connections.add(Address(pool["url"], pool["user"]), pool["password"], keep=False)
        await asyncio.sleep(8)
        before, began, cpu = measuring.memory(), time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        share = (time.process_time() - cpu) / (time.monotonic() - began) * 100
        after = measuring.memory()
        return {
            "events: share of one core, %": share,
            "events: memory after connecting, MB": before,
            "events: memory afterwards beside after connecting": after / before,
        }

    with loop:
        return loop.run_until_complete(run())  # type: ignore[no-any-return]


def figures(tree: Path, vms: int, rate: int, seconds: int) -> dict[str, float]:
    site = subprocess.Popen(
        [sys.executable, "-m", "xsmigui", "simulate", "--scenario", "events", "--vms", str(vms), "--speed", "0"],
        stdout=subprocess.PIPE, cwd=measuring.ROOT, env={**os.environ, "XSMIGUI_SIMULATOR_RATE": str(rate)},
    )  # fmt: skip
    try:
        assert site.stdout is not None
        pool = site.stdout.readline().decode()
        while site.stdout.readline().strip() not in (b"READY", b""):
            pass
        return measuring.run(tree, "tests.bench.day", "--child", pool, "--seconds", str(seconds))
    finally:
        site.terminate()
        site.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(json.loads(options.child), options.seconds)))
        sys.stdout.flush()
        os._exit(0)
    found = figures(measuring.ROOT, options.vms, options.rate, options.seconds)
    for line in measuring.table([{name: [value] for name, value in found.items()}], GOALS):
        print(line)


if __name__ == "__main__":
    main()
