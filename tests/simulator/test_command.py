"""`xsmigui simulate` as a process: its lines, its end, and its sentences."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.holding import PATIENCE

COMMAND = [sys.executable, "-m", "xsmigui", "simulate"]


def test_it_says_where_the_pools_are_and_ends_with_status_0() -> None:
    with subprocess.Popen([*COMMAND, "--speed", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        while (line := process.stdout.readline().strip()) != "READY":
            assert line
            lines.append(json.loads(line))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert [line["pool"] for line in lines] == ["Madrid", "Lisboa"]
    for line in lines:
        assert list(line) == ["pool", "url", "user", "password", "fingerprint", "pid"]
        assert line["url"].startswith("https://127.0.0.1:")
        assert len(line["fingerprint"].split(":")) == 32
        assert line["pid"] == process.pid
        assert line["password"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scenario", "nowhere"], "no scenario named 'nowhere'"),
        (["--database", "/nonexistent.xml"], "cannot be read"),
        (["--listen", "192.0.2.1:1"], "loopback"),
        (["--listen", "127.0.0.1:x"], "no address"),
    ],
)
def test_bad_arguments(arguments: list[str], sentence: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stdout == ""
