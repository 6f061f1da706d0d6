"""Cancelled timers on the window's loop beside qasync's own: `python -m tests.bench.timers [NUMBER]`.

Each call to a server has a deadline of a minute and is over after a moment. Printed is what is left of so many of them,
and the CPU of making and cancelling one.
"""

import os
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
import qasync
from PySide6.QtWidgets import QApplication

from xsmigui.ui.loop import EventLoop


def measured(loop: qasync.QEventLoop, number: int) -> tuple[float, float]:
    """Bytes that are left and CPU seconds, for each timer."""
    process = psutil.Process()
    before, begun = process.memory_info().rss, time.process_time()
    for _n in range(number):
        loop.call_later(60, print, "never").cancel()
    return (process.memory_info().rss - before) / number, (time.process_time() - begun) / number


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    app = QApplication([])
    with EventLoop(app) as ours:
        mine = measured(ours, number)
    with qasync.QEventLoop(app) as theirs:
        other = measured(theirs, number)
    print(f"{number} timers of 60 s, cancelled at once    ours    qasync    ratio")
    for name, a, b, unit in (
        ("left of each", mine[0], other[0], "bytes"),
        ("CPU", mine[1] * 1e6, other[1] * 1e6, "µs"),
    ):
        print(f"{name:20} {a:12.1f} {b:9.1f} {unit:6} {a / b if b else 0:6.2f}")


if __name__ == "__main__":
    main()
