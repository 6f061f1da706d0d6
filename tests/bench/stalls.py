"""What the interface's thread spends on large things: `python -m tests.bench.stalls [CASE…] [--against COMMIT]`.

Printed are milliseconds of CPU of that thread: for one action all that it costs until the window has nothing more to
do, and of what goes on by itself the longest and the 99th percentile of what lies between two ticks of 5 ms.
"""

import argparse
import asyncio
import contextlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from tests.bench import measuring

GOALS = {
    "wizard: Home server, first": "≤ 0.1 ×",
    "wizard: Home server, again": "≤ 0.03 ×",
    "wizard: Storage, first": "≤ 0.1 ×",
    "wizard: Storage, again": "≤ 0.03 ×",
    "wizard: a host is chosen": "≤ 0.05 ×",
    "wizard: each disk its SR": "≤ 0.05 ×",
    "wizard: an SR for one disk": "≤ 0.05 ×",
    "wizard: all on the same SR": "≤ 0.05 ×",
    "Activity: 5,000 rows shown": "≤ 0.01 ×",
    "Activity: clear finished": "≤ 0.01 ×",
    "Activity: memory, MB": "≤ 20 MB",
    "SR of 4,000: select it": "≤ 50 ms",
    "SR of 4,000: Ctrl+A": "≤ 50 ms",
    "SR of 10,000 selected: p99 beside nothing selected": "≤ 1.2",
    "SR of 10,000 selected: CPU of an event beside nothing selected": "≤ 1.2",
    "16 pools: longest stall": "≤ 0.15 ×",
    "40 of 2,000 migrating: p99": "≤ 16 ms",
}


def wizard_of(desk: Any, drafting: Any) -> Any:
    from xsmigui.ui.wizard.wizard import MigrateWizard

    known = {
        "parent": desk.window,
        "drafting": drafting,
        "store": desk.store,
        "jobs": desk.program.jobs,
        "desk": desk.window._services.desk,
        "connections": desk.program.connections,
        "icons": desk.window._icons,
        "present": desk.window.present,
    }
    names = list(inspect.signature(MigrateWizard.__init__).parameters)[1:]
    wizard = MigrateWizard(*(known[name] for name in names))
    wizard.show()
    return wizard


class Silent:
    """Servers that never answer a question: what is measured is the window alone."""

    async def ask(self, _question: object) -> Any:
        await asyncio.Event().wait()


async def wizard(desk: Any) -> dict[str, float]:
    """200 VMs with 1,000 disks to a pool of 64 hosts and 100 SRs."""
    from tests.bench.sites import large_pool
    from xsmigui.core.problems import Page
    from xsmigui.local.clock import SystemClock
    from xsmigui.services.drafting import Drafting

    source = large_pool("Madrid", hosts=64, srs=100, vms=200, disks=5)
    target = large_pool("Lisboa", hosts=64, srs=100, vms=0)
    for pool in (source, target):
        desk.connect(pool.inventory())
    vms = list(source.tables["VM"])
    found: dict[str, float] = {}
    drafting: Any = Drafting(desk.store, Silent(), SystemClock(), source.move(*vms, destination=target.id))  # type: ignore[arg-type]

    def settled() -> bool:
        return drafting._judging is None

    while not settled():  # noqa: ASYNC110 – earlier builds have nothing to wait for
        await asyncio.sleep(0.05)
    made: list[Any] = []
    found["wizard: open"] = await desk.measured(lambda: made.append(wizard_of(desk, drafting)), settled)
    (window,) = made

    async def step(name: str, work: Callable[[], object]) -> None:
        found[f"wizard: {name}"] = await desk.measured(work, settled)

    edit, host, disk, sr = (
        window.choose,
        target.hosts[7],
        next(iter(source.tables["VDI"])),
        list(target.tables["SR"])[3],
    )
    for name, page in (("Home server", Page.home_server), ("Networks", Page.networks), ("Storage", Page.storage)):
        await step(f"{name}, first", lambda page=page: window.go_to(page))
        if page is Page.home_server:
            await step("a host is chosen", lambda: edit(lambda draft: draft.on(vms[0], host)))
        if page is Page.storage:
            await step("each disk its SR", lambda: edit(lambda draft: draft.each_disk()))
            await step("an SR for one disk", lambda: edit(lambda draft: draft.placing(disk, sr)))
            await step("all on the same SR", lambda: edit(lambda draft: draft.on_same_sr(sr)))
        window.go_to(Page.destination)
        await step(f"{name}, again", lambda page=page: window.go_to(page))
    window.go_to(Page.destination)
    await step("judged again", lambda: edit(lambda draft: draft))
    await step("closed", window.reject)
    return found


async def summary(desk: Any) -> dict[str, float]:
    """The last page of 200 VMs, everything answered."""
    from tests.bench.sites import large_pool
    from xsmigui.core.migration.facts import Answer
    from xsmigui.core.problems import Page
    from xsmigui.local.clock import SystemClock
    from xsmigui.services.drafting import Drafting

    class Kind:
        async def ask(self, _question: object) -> Any:
            await asyncio.sleep(0.02)
            return Answer()

    source = large_pool("Madrid", hosts=16, srs=20, vms=200, disks=5)
    target = large_pool("Lisboa", hosts=16, srs=20, vms=0)
    for pool in (source, target):
        desk.connect(pool.inventory())
    vms = list(source.tables["VM"])
    drafting: Any = Drafting(desk.store, Kind(), SystemClock(), source.move(*vms, destination=target.id))  # type: ignore[arg-type]
    window = wizard_of(desk, drafting)
    found = {"summary: all answers, page Destination": await desk.measured(lambda: None, lambda: not drafting.busy)}
    assert drafting.evaluation.plan is not None
    found["summary: first"] = await desk.measured(lambda: window.go_to(Page.summary))
    window.go_to(Page.destination)
    found["summary: again"] = await desk.measured(lambda: window.go_to(Page.summary))
    found["summary: judged again"] = await desk.measured(
        lambda: window.choose(lambda draft: draft.homing(False)), lambda: not drafting.busy
    )
    return found


async def busy_pool(desk: Any) -> dict[str, float]:
    """How long it takes until 800 VMs are judged while a host's record changes every 0.1 s (seconds of the clock)."""
    from msgspec.structs import replace

    from tests.bench.sites import large_pool
    from xsmigui.local.clock import SystemClock
    from xsmigui.services.drafting import Drafting

    pool = large_pool("Madrid", hosts=32, srs=20, vms=800, disks=1)
    desk.connect(pool.inventory())
    vms = list(pool.tables["VM"])
    loop = asyncio.get_running_loop()
    took = []
    for changing in (False, True):
        drafting: Any = Drafting(desk.store, Silent(), SystemClock(), pool.move(*vms, destination=pool.id))  # type: ignore[arg-type]
        first, begun, turn = drafting.evaluation, loop.time(), 0
        while drafting.evaluation is first and loop.time() - begun < 60:
            if changing:
                turn += 1
                host = pool.hosts[turn % 32]
                record = desk.store.inventory(pool.id).host[host]
                desk.change(pool.id, [("host", host, replace(record, memory_overhead=turn))])
            await asyncio.sleep(0.1)
        took.append(loop.time() - begun)
        drafting.close()
    return {"800 VMs judged in a busy pool beside a quiet one": took[1] / took[0]}


def _clearing(window: Any) -> Any:
    """*Clear finished*, in this build and in earlier ones."""
    return getattr(window, "_clear_activity", None) or window.work.clear


async def activity(desk: Any) -> dict[str, float]:
    """5,000 lines: 1,500 jobs of one VM, 35 of a hundred."""
    from tests.bench.desk import job_of, move_of
    from xsmigui.core.jobs import State

    jobs = desk.program.jobs
    for n in range(1500):
        job = job_of(f"a{n}", [move_of(n)], State.failed if n % 50 == 0 else State.done)
        jobs._jobs[job.id], jobs._ended[job.id] = job, asyncio.Event()
    for n in range(35):
        job = job_of(f"b{n}", [move_of(100 * n + m) for m in range(100)], State.done)
        jobs._jobs[job.id], jobs._ended[job.id] = job, asyncio.Event()
    before = measuring.memory()
    found = {"Activity: 5,000 rows shown": await desk.measured(desk.window.activity.refresh)}
    found["Activity: memory, MB"] = measuring.memory() - before
    found["Activity: nothing new"] = await desk.measured(desk.window.activity.refresh)
    name = "b3"
    with contextlib.suppress(AttributeError):  # the lines of an earlier build do not fold
        desk.window.activity.tree.expandAll()
        found["Activity: all unfolded, nothing new"] = await desk.measured(desk.window.activity.refresh)
    from msgspec.structs import replace

    whole = jobs._jobs[name]
    jobs._jobs[name] = replace(whole, vms=(replace(whole.vms[0], state=State.running, progress=0.3), *whole.vms[1:]))
    found["Activity: one VM has advanced"] = await desk.measured(desk.window.activity.refresh)
    jobs._jobs[name] = whole
    desk.window.activity.refresh()
    found["Activity: clear finished"] = await desk.measured(_clearing(desk.window))
    return found


async def storage(desk: Any) -> dict[str, float]:
    """SRs of 4,000 and of 10,000 disks, with 200 jobs waiting and 500 events a second."""
    found: dict[str, float] = {}
    for disks in (4000, 10000):
        found |= await _storage(desk, disks)
    return found


async def _storage(desk: Any, disks: int) -> dict[str, float]:
    from tests.bench.desk import job_of, move_of
    from tests.bench.sites import Busy, large_pool
    from xsmigui.core.jobs import State
    from xsmigui.core.migration.moves import Kind
    from xsmigui.services.jobs import Jobs

    name = f"SR of {disks:,}"
    pool = large_pool(f"Madrid {disks}", hosts=16, srs=8, vms=disks // 2, only_sr=True)
    inventory = pool.inventory()
    desk.connect(inventory)
    jobs: Jobs = desk.program.jobs
    moves = [move_of(n, kind=Kind.storage) for n in range(200)]
    waiting = job_of(f"waiting {disks}", moves, State.waiting, pool.id)
    waiting = type(waiting)(**{**_fields(waiting), "vms": tuple(_held(vm) for vm in waiting.vms)})
    jobs._put(waiting)
    await desk.shown(inventory)
    tree, sr = desk.window.tree, next(iter(inventory.SR))
    busy = Busy(inventory)

    def change(_turn: int) -> None:
        desk.change(pool.id, busy.changes(desk.store.inventory(pool.id), 25))

    tree.setCurrentIndex(tree.model().index(-1, -1))
    tree.clearSelection()
    found: dict[str, float] = {}
    batches = await desk.events(change, 6)
    idle_p99, idle = desk.meter.p99, desk.meter.cpu / batches
    key = inventory.object_id("SR", sr)
    found[f"{name}: select it"] = await desk.measured(lambda: tree.select(key))
    desk.window.object.tabs.setCurrentIndex(1)
    await desk.meter_quiet()
    host = inventory.object_id("host", next(iter(inventory.host)))
    await desk.measured(lambda: tree.select(host))
    found[f"{name}: select it, its disks in front"] = await desk.measured(
        lambda: (tree.select(key), desk.window.object.tabs.setCurrentIndex(1))
    )
    batches = await desk.events(change, 6)
    found[f"{name} selected: p99"] = desk.meter.p99
    found[f"{name} selected: longest"] = desk.meter.longest
    found[f"{name} selected: p99 beside nothing selected"] = desk.meter.p99 / idle_p99
    found[f"{name} selected: CPU of an event beside nothing selected"] = desk.meter.cpu / batches / idle
    found[f"{name} selected: CPU for 25 events"] = desk.meter.cpu / batches
    found[f"{name}: nothing selected, CPU for 25 events"] = idle
    found[f"{name}: Ctrl+A"] = await desk.measured(desk.window.object.storage.table.selectAll)
    batches = await desk.events(change, 4)
    found[f"{name}, all selected: p99"] = desk.meter.p99
    jobs.cancel(waiting.id)
    desk.store.remove(pool.id)
    desk.program.connections._servers.clear()
    return found


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _held(vm: Any) -> Any:
    from msgspec.structs import replace

    return replace(vm, held=True)


async def selecting(desk: Any) -> dict[str, float]:
    """200 of 5,000 VMs are selected, and 500 events a second come."""
    from PySide6.QtCore import QItemSelection, QItemSelectionModel

    from tests.bench.sites import Busy, large_pool

    pool = large_pool("Madrid", hosts=16, srs=8, vms=5000)
    inventory = pool.inventory()
    desk.connect(inventory)
    await desk.shown(inventory)
    tree = desk.window.tree
    for ref in inventory.host:
        tree.expand(tree.resources.index_of(inventory.object_id("host", ref)))
    vms = list(inventory.VM)[:200]
    chosen = QItemSelection()
    for ref in vms:
        index = tree.resources.index_of(inventory.object_id("VM", ref))
        chosen.select(index, index)
    flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
    assert len(chosen) == 200
    found = {"200 VMs selected": await desk.measured(lambda: tree.selectionModel().select(chosen, flags))}
    busy = Busy(inventory)

    def change(_turn: int) -> None:
        desk.change(pool.id, busy.changes(desk.store.inventory(pool.id), 25))

    batches = await desk.events(change, 6)
    found["200 VMs selected: p99"] = desk.meter.p99
    found["200 VMs selected: CPU for 25 events"] = desk.meter.cpu / batches
    tree.clearSelection()
    batches = await desk.events(change, 6)
    found["nothing selected: CPU for 25 events"] = desk.meter.cpu / batches
    found["nothing selected: p99"] = desk.meter.p99
    return found


async def pools(desk: Any) -> dict[str, float]:
    """2, 4, 8 and 16 pools of 500 VMs that connect at once."""
    from tests.bench.sites import large_pool

    found: dict[str, float] = {}
    for number in (2, 4, 8, 16):
        made = [large_pool(f"Pool {number} {n}", hosts=8, srs=6, vms=500).inventory() for n in range(number)]
        await desk.meter_quiet()

        async def arrive(made: list[Any] = made) -> None:
            for inventory in made:
                desk.connect(inventory)
                await asyncio.sleep(0.08)

        desk.meter.start()
        await arrive()
        await desk.meter.quiet()
        desk.meter.stop()
        found[f"{number} pools: longest stall"] = desk.meter.longest
        found[f"{number} pools: CPU"] = desk.meter.cpu
        for inventory in made:
            desk.store.remove(inventory.id)
            desk.program.connections._drop(f"https://{inventory.name}")
        await desk.meter_quiet()
    return found


async def migrating(desk: Any) -> dict[str, float]:
    """40 VMs that migrate among 2,000: their tasks advance twice a second, their jobs too."""
    from msgspec.structs import replace

    from tests.bench.desk import job_of, move_of
    from tests.bench.sites import Busy, large_pool
    from xsmigui.core.jobs import State
    from xsmigui.core.records import Task

    pool = large_pool("Madrid", hosts=16, srs=8, vms=2000)
    inventory = pool.inventory()
    desk.connect(inventory)
    await desk.shown(inventory)
    vms = list(inventory.VM)[:40]
    moves = [move_of(n, ref=ref, uuid=inventory.VM[ref].uuid) for n, ref in enumerate(vms)]
    jobs = desk.program.jobs
    job = job_of("moving", moves, State.running, pool.id)
    jobs._jobs[job.id], jobs._ended[job.id] = job, asyncio.Event()
    busy = Busy(inventory)
    tasks = [f"OpaqueRef:task {n}" for n in range(40)]
    desk.change(
        pool.id,
        [("task", task, Task(uuid=task, name_label="Async.VM.pool_migrate", status="pending")) for task in tasks]
        + [
            ("VM", ref, replace(inventory.VM[ref], current_operations={task: "pool_migrate"}))
            for ref, task in zip(vms, tasks, strict=True)
        ],
    )

    def change(turn: int) -> None:
        share = turn / 400
        n = turn % 10
        records = desk.store.inventory(pool.id)
        mine = range(4 * n, 4 * n + 4)
        desk.change(
            pool.id,
            [("task", tasks[m], replace(records.task[tasks[m]], progress=share)) for m in mine]
            + busy.changes(records, 5),
        )
        now = jobs._jobs["moving"]
        changed = [replace(vm, progress=share) if m in mine else vm for m, vm in enumerate(now.vms)]
        jobs._tell(replace(now, vms=tuple(changed)))

    batches = await desk.events(change, 10)
    return {
        "40 of 2,000 migrating: p99": desk.meter.p99,
        "40 of 2,000 migrating: longest": desk.meter.longest,
        "40 of 2,000 migrating: CPU of a batch": desk.meter.cpu / batches,
    }


CASES = {case.__name__: case for case in (wizard, summary, busy_pool, activity, storage, selecting, pools, migrating)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []])
    parser.add_argument("--against", default="", help="a commit whose build is measured in the same run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        from tests.bench.desk import run

        figures = run(CASES[options.cases[0]])
        print(json.dumps(figures))
        sys.stdout.flush()
        os._exit(0)  # nothing is left to be put in order
    with contextlib.ExitStack() as stack:
        trees = [measuring.ROOT]
        if options.against:
            trees.append(stack.enter_context(measuring.build(options.against)))
        for case in options.cases or CASES:
            print(f"{case}: {CASES[case].__doc__}")
            found = measuring.several(trees, "tests.bench.stalls", options.rounds, "--child", case)
            for line in measuring.table(found, GOALS):
                print(line, flush=True)


if __name__ == "__main__":
    main()
