"""Loading a pool, beside other clients: `python -m tests.bench.clients [--vms 5000] [--rounds 3]`.

All read the same records of the same simulated pool, through plain HTTP: `inventory --json` and the window, the
official `XenAPI` package, Xen Orchestra's `xen-api` from npm (left out where Node or the registry is missing), and a
bare client that only receives and decodes into our records. Of each the median CPU and wall time are printed: of whole
processes for the three in Python without a window, from the login on for the window (until the tree is painted) and for
npm's client (until it has all objects).
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import measuring

NPM = "xen-api@4.7.6"

OFFICIAL = """
import json, sys, XenAPI
pool, classes = json.loads(sys.argv[1]), json.loads(sys.argv[2])
session = XenAPI.Session(pool["url"])
session.login_with_password(pool["user"], pool["password"])
for cls in classes:
    try:
        getattr(session.xenapi, cls).get_all_records()
    except XenAPI.Failure as failure:  # a class that this release does not have
        assert failure.details[0] == "MESSAGE_METHOD_UNKNOWN"
session.logout()
"""

BARE = """
import asyncio, json, sys
import aiohttp, msgspec
from xsmigui.core.records import CLASSES
pool = json.loads(sys.argv[1])
async def run():
    async with aiohttp.ClientSession() as web:
        async def call(kind, method, *params):
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            async with web.post(pool["url"] + "/jsonrpc", data=msgspec.json.encode(body)) as answer:
                return msgspec.json.decode(await answer.read(), type=kind).result
        answer = lambda kind: msgspec.defstruct("Answer", [("result", kind | None, None)])
        login = "session.login_with_password"
        session = await call(answer(str), login, pool["user"], pool["password"], "2.21", "bench")
        for cls, record in CLASSES.items():
            await call(answer(dict[str, record]), cls + ".get_all_records", session)
asyncio.run(run())
"""

NODE = """
import { createClient } from 'xen-api'
const pool = JSON.parse(process.env.POOL)
const before = process.cpuUsage(), began = process.hrtime.bigint()
const xapi = createClient({ url: pool.url, auth: { user: pool.user, password: pool.password }, watchEvents: true })
await xapi.connect()
await xapi.objectsFetched
const used = process.cpuUsage(before)
console.log(JSON.stringify([(used.user + used.system) / 1000, Number(process.hrtime.bigint() - began) / 1e6]))
process.exit(0)
"""

GOALS = {
    "the window beside npm's client: CPU": "≤ 0.28",
    "the window beside npm's client: wall": "≤ 0.35",
    "inventory --json beside the bare client: CPU": "≤ 1.25",
}

Took = tuple[float, float]
"""CPU and wall time in milliseconds."""


@contextmanager
def simulated(vms: int) -> Iterator[dict[str, Any]]:
    """Where a pool of so many VMs is served, as `xsmigui simulate` prints it."""
    command = [sys.executable, "-m", "xsmigui", "simulate", "--http", "--scenario", "scale", "--vms", str(vms)]
    site = subprocess.Popen([*command, "--speed", "0"], stdout=subprocess.PIPE, cwd=measuring.ROOT)
    try:
        assert site.stdout is not None
        pool: dict[str, Any] = json.loads(site.stdout.readline())
        while site.stdout.readline().strip() not in (b"READY", b""):
            pass
        yield pool
    finally:
        site.terminate()
        site.wait()


def whole(command: list[str], given: str = "") -> Took:
    """What a process takes from its start to its end."""
    with tempfile.TemporaryDirectory() as home:
        began = time.monotonic()
        asking = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, "XSMIGUI_HOME": home}
        )
        assert asking.stdin is not None
        asking.stdin.write(given.encode())
        asking.stdin.close()
        _pid, status, used = os.wait4(asking.pid, 0)
        asking.returncode = os.waitstatus_to_exitcode(status)
        assert asking.returncode == 0, command
    return (used.ru_utime + used.ru_stime) * 1000, (time.monotonic() - began) * 1000


def inventory(pool: dict[str, Any]) -> Took:
    command = [sys.executable, "-m", "xsmigui", "inventory", "--server", pool["url"], "--password-stdin", "--json"]
    return whole(command, pool["password"] + "\n")


def window(pool: dict[str, Any]) -> Took:
    found = measuring.run(measuring.ROOT, "tests.bench.clients", "--child", json.dumps(pool))
    return found["CPU"], found["wall"]


def child(pool: dict[str, Any]) -> dict[str, float]:
    """From the login until the tree has been painted with everything in it."""
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    from tests.bench.desk import EventLoop
    from xsmigui.app import Options, Program
    from xsmigui.core.ports import Address
    from xsmigui.ui import style

    class Painted(QObject):
        """Says when a widget has been asked to paint."""

        def __init__(self, parent: QObject) -> None:
            super().__init__(parent)
            self.again = asyncio.Event()

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint:
                self.again.set()
            return False

    app = QApplication(["bench"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = EventLoop(app)
    asyncio.set_event_loop(loop)

    async def run() -> dict[str, float]:
        program = Program(app, Options(), Path(os.environ["XSMIGUI_HOME"]))
        program.window.show()
        await asyncio.to_thread(__import__, "xsmigui.xapi.connection")
        await asyncio.sleep(1)  # the start is measured elsewhere
        viewport = program.window.tree.viewport()
        viewport.installEventFilter(painted := Painted(program.window))
        cpu, began = time.process_time(), time.monotonic()
        await program.connections.add(Address(pool["url"], pool["user"]), pool["password"], keep=False)
        while len(program.window.bridge.outline.nodes) < 100:
            painted.again.clear()
            await painted.again.wait()
        return {"CPU": (time.process_time() - cpu) * 1000, "wall": (time.monotonic() - began) * 1000}

    with loop:
        return loop.run_until_complete(run())  # type: ignore[no-any-return]


@contextmanager
def npm() -> Iterator[list[str] | None]:
    """The command that runs npm's client; None where it cannot be had."""
    node, manager = shutil.which("node"), shutil.which("npm")
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "package.json").write_text('{"name": "bench", "private": true, "type": "module"}')
        (Path(place) / "load.js").write_text(NODE)
        install = [manager or "", "install", "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts", NPM]
        if not node or not manager or subprocess.run(install, cwd=place, capture_output=True).returncode:
            yield None
        else:
            yield [node, str(Path(place) / "load.js")]


def figures(vms: int, rounds: int) -> dict[str, list[float]]:
    """CPU and wall time of each client, and the ratios of the goals; all clients in turn, round by round."""
    from xsmigui.core.records import CLASSES

    took: dict[str, list[Took]] = {}
    with simulated(vms) as pool, npm() as node:
        said = json.dumps(pool)
        for _round in range(rounds):
            took.setdefault("inventory --json", []).append(inventory(pool))
            took.setdefault("the window", []).append(window(pool))
            took.setdefault("bare client", []).append(whole([sys.executable, "-c", BARE, said]))
            official = [sys.executable, "-c", OFFICIAL, said, json.dumps(list(CLASSES))]
            took.setdefault("XenAPI", []).append(whole(official))
            if node is not None:
                done = subprocess.run(node, env={**os.environ, "POOL": said}, capture_output=True, check=True)
                cpu, wall = json.loads(done.stdout)
                took.setdefault("npm xen-api", []).append((cpu, wall))
    middle = {name: [statistics.median(each) for each in zip(*values, strict=True)] for name, values in took.items()}
    found = {f"{name}: CPU ms": [cpu for cpu, _wall in values] for name, values in took.items()}
    found |= {f"{name}: wall ms": [wall for _cpu, wall in values] for name, values in took.items()}
    found["inventory --json beside the bare client: CPU"] = [middle["inventory --json"][0] / middle["bare client"][0]]
    found["inventory --json beside XenAPI: CPU"] = [middle["inventory --json"][0] / middle["XenAPI"][0]]
    if "npm xen-api" in middle:
        for number, name in enumerate(("CPU", "wall")):
            ratio = middle["the window"][number] / middle["npm xen-api"][number]
            found[f"the window beside npm's client: {name}"] = [ratio]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(json.loads(options.child))))
        sys.stdout.flush()
        os._exit(0)
    for line in measuring.table([figures(options.vms, options.rounds)], GOALS):
        print(line)


if __name__ == "__main__":
    main()
