"""The window's speed against the simulator: `python -m tests.bench.window [--vms 1000]`.

Prints, for one run in a process of its own: start to first window, login sent to painted tree, the longest stall of the
interface thread meanwhile, peak memory, and the wizard from the click to its first paint with everything judged. The
goals stand beside the figures; machines are noisy, so compare figures of one run.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STARTED = "XSMIGUI_BENCH_STARTED"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vms", type=int, default=1000)
    arguments.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.child:
        child()
        return
    simulator = subprocess.Popen(
        [sys.executable, "-m", "xsmigui", "simulate", "--scenario", "scale", "--vms", str(options.vms)],
        stdout=subprocess.PIPE,
    )
    try:
        assert simulator.stdout is not None
        pools = []
        while (line := simulator.stdout.readline().strip()) and line != b"READY":
            pools.append(json.loads(line))
        for _run in ("cold", "warm"):  # the first run fills the caches of files and compiled modules
            result = measure(pools[0])
        result["plain fetch of the same records"] = asyncio.run(fetch(pools[0]))
    finally:
        simulator.terminate()
        simulator.wait()
    goals = GOALS_1000 if options.vms <= 1000 else GOALS_5000
    print(f"{options.vms} VMs")
    for name, value in result.items():
        goal = goals.get(name)
        said = f"   goal ≤ {goal:g}, {value / goal:.2f} of it" if goal else ""
        print(f"  {name:44} {value:9.1f}{said}")


GOALS_1000 = {
    "start to first window, ms": 400,
    "login sent to painted tree, ms": 500,
    "longest stall of the interface, ms": 50,
    "peak memory, MB": 150,
    "wizard open to usable, ms": 100,
}
GOALS_5000 = {**GOALS_1000, "login sent to painted tree, ms": 1500, "peak memory, MB": 250}


def measure(pool: dict[str, Any]) -> dict[str, float]:
    """One run of the window in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "XSMIGUI_HOME": home, STARTED: repr(time.time())}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.window", "--child"],
            input=json.dumps(pool).encode(),
            stdout=subprocess.PIPE,
            env=environment,
            check=True,
        )
    return dict(json.loads(done.stdout))


def child() -> None:
    """The window itself, as `xsmigui` starts it."""
    started = float(os.environ[STARTED])
    from PySide6.QtCore import QElapsedTimer, QEvent, QObject, Qt, QTimer
    from PySide6.QtWidgets import QApplication, QWidget

    from xsmigui.app import Options, Program
    from xsmigui.core.ports import Address
    from xsmigui.ui import style
    from xsmigui.ui.loop import EventLoop

    class Painted(QObject):
        """Notes when a widget was painted."""

        def __init__(self, widget: QWidget) -> None:
            super().__init__(widget)
            self.at = 0.0
            self.again = asyncio.Event()
            widget.installEventFilter(self)

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint:
                self.at = time.time()
                self.again.set()
            return False

    app = QApplication(["bench"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = EventLoop(app)
    asyncio.set_event_loop(loop)
    result: dict[str, float] = {}

    class Stalls:
        """How late a timer of 5 ms comes."""

        def __init__(self) -> None:
            self.worst = 0.0
            self._watch = QElapsedTimer()
            self._timer = QTimer()
            self._timer.setTimerType(Qt.TimerType.PreciseTimer)
            self._timer.setInterval(5)
            self._timer.timeout.connect(self._tick)

        def start(self) -> None:
            self._watch.start()
            self._timer.start()

        def stop(self) -> float:
            self._timer.stop()
            return self.worst

        def _tick(self) -> None:
            self.worst = max(self.worst, self._watch.nsecsElapsed() / 1e6 - 5)
            self._watch.restart()

    async def run() -> None:
        pool = json.loads(sys.stdin.read())
        program = Program(app, Options(), Path(os.environ["XSMIGUI_HOME"]))
        window = program.window
        first = Painted(window)
        window.show()
        await first.again.wait()
        result["start to first window, ms"] = (first.at - started) * 1000
        program.trust.trust(pool["url"], pool["fingerprint"])
        await asyncio.to_thread(__import__, "xsmigui.xapi.connection")
        running = asyncio.create_task(program.run())
        tree = Painted(window.tree.viewport())
        stalls = Stalls()
        stalls.start()
        begun = time.time()
        await program.connections.add(Address(pool["url"], pool["user"]), pool["password"], keep=False)
        while True:  # the first paint that shows the whole tree
            await tree.again.wait()
            tree.again.clear()
            if len(window.bridge.outline.nodes) >= 100:
                break
        result["login sent to painted tree, ms"] = (tree.at - begun) * 1000
        await asyncio.sleep(1.0)
        result["longest stall of the interface, ms"] = stalls.stop()
        inventory = next(iter(program.store.site().pools.values()))
        vm = next(ref for ref, record in inventory.user_vms() if record.power_state == "Running")
        window.tree.select(inventory.object_id("VM", vm))
        await asyncio.sleep(0.5)
        for _once in range(2):  # the second time nothing is imported any more
            begun = time.time()
            wizard = window.vms.open_wizard()
            assert wizard is not None
            painted = Painted(wizard)
            await painted.again.wait()
            result["wizard open to usable, ms"] = (time.time() - begun) * 1000
            wizard.reject()
            await asyncio.sleep(0.2)
        result["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        window.close()
        await running

    with loop:
        loop.run_until_complete(run())
    print(json.dumps(result))


async def fetch(pool: dict[str, Any]) -> float:
    """Milliseconds to fetch the same records and drop them: the server's and the link's share."""
    import aiohttp

    from xsmigui.core.records import CLASSES

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:

        async def call(method: str, *params: str) -> bytes:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            async with session.post(f"{pool['url']}/jsonrpc", json=body) as answer:
                return await answer.read()

        token = json.loads(await call("session.login_with_password", pool["user"], pool["password"]))["result"]
        begun = time.perf_counter()
        for cls in CLASSES:
            await call(f"{cls}.get_all_records", token)
        return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    main()
