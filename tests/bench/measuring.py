"""What the benchmarks share: the CPU of the interface's thread, growth exponents, and runs of another build.

"Stall" is the CPU that the interface's thread spends between two ticks of a 5 ms timer: what a person waits for,
whatever else the computer does.
"""

import asyncio
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

QUIET_TICKS = 12
"""Ticks without work after which something counts as done."""


class Meter:
    """Notes what the interface's thread spends. Needs a running Qt loop."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._tick)
        self.ticks: list[float] = []
        self.idle = 0.0
        """Milliseconds that a tick without work takes: the measuring itself."""
        self._last = 0.0

    def start(self) -> None:
        self.ticks = []
        self._last = time.thread_time()
        self._timer.start()

    def _tick(self) -> None:
        now = time.thread_time()
        self.ticks.append((now - self._last) * 1000)
        self._last = now

    def stop(self) -> None:
        self._tick()
        self._timer.stop()

    async def quiet(self, most: float = 120.0) -> None:
        """Wait until the thread has nothing more to do."""
        deadline = time.monotonic() + most
        while time.monotonic() < deadline:
            await asyncio.sleep(0.02)
            if len(self.ticks) > QUIET_TICKS and max(self.ticks[-QUIET_TICKS:]) < 1.0:
                return

    @property
    def cpu(self) -> float:
        """Milliseconds since the start, without those of measuring."""
        return sum(max(0.0, tick - self.idle) for tick in self.ticks)

    @property
    def longest(self) -> float:
        return max(self.ticks, default=0.0)

    @property
    def p99(self) -> float:
        ordered = sorted(self.ticks)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0


def memory() -> float:
    """MB in use by this process at present."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6


def exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """The power of the size with which a figure grows: the slope of a line through the logarithms."""
    x, y = [math.log(size) for size in sizes], [math.log(max(figure, 1e-9)) for figure in figures]
    mean_x, mean_y = statistics.mean(x), statistics.mean(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)


def run(tree: Path, module: str, *arguments: str) -> dict[str, float]:
    """The figures of a benchmark in a process of its own, with the program that lies in `tree`. What a case cannot do
    with an earlier build is left out."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "XSMIGUI_HOME": home, "PYTHONPATH": str(tree)}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=tree, env=environment, stdout=subprocess.PIPE, text=True
        )
    if done.returncode:
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def build(commit: str) -> Iterator[Path]:
    """An earlier build in a worktree of its own, with the present benchmarks."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "build"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            shutil.rmtree(tree / "tests" / "bench", ignore_errors=True)
            shutil.copytree(ROOT / "tests" / "bench", tree / "tests" / "bench")
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)


def several(trees: Sequence[Path], module: str, rounds: int, *arguments: str) -> list[dict[str, list[float]]]:
    """The figures of some rounds for each build, taken in turn, so that what else goes on meets all of them."""
    found: list[dict[str, list[float]]] = [{} for _tree in trees]
    for _round in range(rounds):
        for tree, figures in zip(trees, found, strict=True):
            for name, value in run(tree, module, *arguments).items():
                figures.setdefault(name, []).append(value)
    return found


def table(found: Sequence[dict[str, list[float]]], goals: dict[str, Any]) -> Iterator[str]:
    """Lines: the median of the present build with its spread, that of the other, the ratio, and the goal."""
    now, *others = found
    for name, values in now.items():
        middle = statistics.median(values)
        line = f"  {name:58} {middle:10.2f}  ({min(values):.2f}–{max(values):.2f})"
        for other in others:
            if name in other:
                was = statistics.median(other[name])
                line += f"   before {was:10.1f}   ratio {middle / was if was else math.nan:6.3f}"
        if name in goals:
            line += f"   goal {goals[name]}"
        yield line
