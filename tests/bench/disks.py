"""Prints how long the Storage tab and the move dialog take with an SR of many disks (2,000; half as many snapshots).

python -m tests.bench.disks [--disks N]
"""

import argparse
import os
import statistics
from collections.abc import Callable
from time import perf_counter

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from tests.core.site import PoolBuilder, site_of
from xsmigui.core import description
from xsmigui.core.migration.diskdraft import draft_of_disks, movable_disks, targets
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.units import GiB, TiB
from xsmigui.ui import style
from xsmigui.ui.window.storage import StorageTab


def measure(title: str, work: Callable[[], object], rounds: int = 7) -> None:
    taken = []
    for _round in range(rounds):
        start = perf_counter()
        work()
        taken.append((perf_counter() - start) * 1000)
    print(f"{title:<60} {statistics.median(taken):8.2f} ms median, {max(taken):8.2f} ms worst")


def nothing() -> None:
    """The tab's buttons do nothing here."""


def new_tab() -> StorageTab:
    return StorageTab(nothing, nothing, nothing)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--disks", type=int, default=2000)
    disks = arguments.parse_args().disks
    pool = PoolBuilder("bench")
    hosts = [pool.host(f"host-{n}", memory=512 * GiB, cpus=64) for n in range(16)]
    pool.network("Storage", address=True)
    full, empty = pool.sr("full", size=500 * TiB, default=True), pool.sr("empty", size=500 * TiB)
    for n in range(disks // 4):
        vm = pool.vm(f"vm-{n}", on=hosts[n % 16], disks=[full, (full, 40 * GiB), (full, 8 * GiB)][: 2 + n % 2])
        pool.snapshot(vm, f"snapshot of vm-{n}")
    site = site_of(pool)
    inventory = site.pools[pool.id]
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    style.apply(app)
    rows, space = description.sr_disks(inventory, full), description.sr_space(inventory, full)
    print(f"{len(rows)} rows")
    measure("rows of the SR", lambda: description.sr_disks(inventory, full))
    tab = new_tab()
    tab.resize(900, 500)
    tab.show()
    measure("shown in a new tab", lambda: new_tab().show_sr(rows, space, True))
    tab.show_sr(rows, space, True)
    tab.grab()
    orders = [Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder] * 4

    def sort(column: int) -> None:
        tab.table.sortByColumn(column, orders.pop())
        tab.grab()

    measure("sorted by name, and painted", lambda: sort(1), 4)
    measure("sorted by size, and painted", lambda: sort(3), 4)
    bar = tab.table.verticalScrollBar()

    def scroll() -> None:
        bar.setValue((bar.value() + 300) % max(bar.maximum(), 1))
        tab.grab()

    measure("scrolled, and painted", scroll, 20)
    measure("an event that changes nothing here", lambda: tab.show_sr(rows, space, True))
    measure("what can leave the SR", lambda: movable_disks(inventory, full))
    going, _staying = movable_disks(inventory, full)
    draft = draft_of_disks(site, pool.id, going[:40], empty)
    measure("40 disks: SRs offered", lambda: targets(site, draft, going[:40]))
    measure("40 disks: evaluation", lambda: evaluate(site, draft))
    whole = draft_of_disks(site, pool.id, going, empty)
    measure(f"{len(going)} disks: evaluation (in a thread)", lambda: evaluate(site, whole), 3)
    measure(f"{len(going)} disks: SRs offered", lambda: targets(site, whole, going), 3)


if __name__ == "__main__":
    main()
