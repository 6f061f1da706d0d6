"""The simulator's own speed: start, a first full answer, and 500 events a second for a minute.

python -m tests.bench.simulator [--vms 5000] [--rate 500] [--seconds 60]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any


class Site:
    """A simulator in a process of its own, and a plain JSON-RPC client on one connection."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "xsmigui", "simulate", "--http", "--speed", "0", "--password", "x", *arguments],
            stdout=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = ""
        while (line := self.process.stdout.readline().strip()) != "READY":
            self.url = self.url or json.loads(line)["url"]
        self.start = time.monotonic() - began
        self._connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=120)
        self.session = self.call("session.login_with_password", "root", "x", session=False)

    def call(self, method: str, *params: Any, session: bool = True) -> Any:
        return json.loads(self.raw(method, *params, session=session))["result"]

    def raw(self, method: str, *params: Any, session: bool = True) -> bytes:
        whole = [self.session, *params] if session else list(params)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": whole})
        self._connection.request("POST", "/jsonrpc", body, {"Content-Type": "application/json"})
        return self._connection.getresponse().read()

    def end(self) -> None:
        self._connection.close()
        self.process.terminate()
        self.process.wait(30)


def scale(vms: int) -> None:
    site = Site("--scenario", "scale", "--vms", str(vms))
    print(f"scale --vms {vms}: ready after {site.start:.2f} s")
    for attempt in ("first", "second"):
        began = time.monotonic()
        size = len(site.raw("VM.get_all_records"))
        print(f"VM.get_all_records, {attempt}: {time.monotonic() - began:.2f} s, {size / 1e6:.1f} MB")
    site.end()


def events(vms: int, rate: int, seconds: int) -> None:
    site = Site("--scenario", "events", "--vms", str(vms), XSMIGUI_SIMULATOR_RATE=str(rate))
    token = site.call("event.from", ["*"], "", 30.0)["token"]
    began = time.monotonic()
    took: list[float] = []
    told = 0
    while time.monotonic() - began < seconds:
        asked = time.monotonic()
        batch = site.call("event.from", ["*"], token, 30.0)
        took.append(time.monotonic() - asked)
        told += len(batch["events"])
        token = batch["token"]
    generations = site.call("event.get_current_id")
    site.end()
    took.sort()
    print(
        f"{rate} changes/s for {seconds} s on {vms} VMs: {told / seconds:.0f} events/s told in {len(took)} answers; "
        f"an answer takes {1e3 * statistics.median(took):.0f} ms, p99 {1e3 * took[int(len(took) * 0.99)]:.0f} ms, "
        f"worst {1e3 * took[-1]:.0f} ms (generation {generations})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    scale(options.vms)
    events(options.vms, options.rate, options.seconds)


if __name__ == "__main__":
    main()
