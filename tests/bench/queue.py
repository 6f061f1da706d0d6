"""What an event costs while jobs wait, beside none waiting: `python -m tests.bench.queue [VMS] [WAITING]`.

Prints the CPU of a batch of 25 events (of VMs that do not move) from the store to the queue, the growth from a tenth of
the VMs, and the ratio to an empty queue. Nothing starts meanwhile: three VMs of another client move.
"""

import asyncio
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any, cast

from msgspec.structs import replace

from xsmigui.core.changes import Event
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan, Thing, VmMove
from xsmigui.core.records import VM, Pool, Record
from xsmigui.core.refs import PoolId
from xsmigui.services.asking import Asker
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store

BATCH = 25
ROUNDS = 60


class Nothing:
    """Gateways, journal and clock of jobs that never start."""

    def gateway(self, _pool: PoolId) -> None:
        return None

    async def wait_for_gateway(self, _pool: PoolId) -> Any:
        await asyncio.Event().wait()

    async def write(self, _job: Job, _place: int) -> None:
        return None

    async def all(self) -> list[Job]:
        return []

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, _seconds: float) -> None:
        return None


def pool(vms: int) -> Inventory:
    rows: dict[str, Record] = {f"OpaqueRef:{n}": VM(uuid=f"u{n}", name_label=f"vm-{n}") for n in range(vms)}
    for n in range(3):
        rows[f"OpaqueRef:{n}"] = VM(uuid=f"u{n}", current_operations={f"OpaqueRef:t{n}": "migrate_send"})
    return Inventory({"pool": {"OpaqueRef:p": Pool(uuid="p", name_label="pool")}, "VM": rows})


def plan(waiting: int) -> Plan:
    thing = Thing("p", "pool", "OpaqueRef:p")
    moves = tuple(
        VmMove(
            vm=Thing(f"u{n + 10}", f"vm-{n + 10}", f"OpaqueRef:{n + 10}"), kind=Kind.storage, power_state="Running",
            source_host=None, host=thing, disks=(), vifs=(), storage_network=None, calls=(),
        )
        for n in range(waiting)
    )  # fmt: skip
    return Plan(source=thing, target=Thing("q", "other", "OpaqueRef:q"), moves=moves)


async def measured(vms: int, waiting: int) -> float:
    """CPU seconds of a batch, the median of many."""
    store, nothing = Store(), Nothing()
    jobs = Jobs(store, cast(Any, nothing), Asker(nothing.gateway), cast(Any, nothing), cast(Any, nothing))
    store.put(pool(vms))
    if waiting:
        jobs.start(plan(waiting))
        await asyncio.sleep(0)
    took = []
    for round_ in range(ROUNDS):
        inventory = store.inventory(PoolId("p"))
        assert inventory is not None
        refs = list(inventory.VM)[1000 % vms : 1000 % vms + BATCH]
        events = [Event("VM", ref, replace(inventory.VM[ref], memory_overhead=round_ + 1)) for ref in refs]
        begun = time.process_time()
        store.apply(PoolId("p"), events)
        took.append(time.process_time() - begun)
    await jobs.shut_down()
    return statistics.median(took)


def main() -> None:
    vms = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    waiting = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    for size in (vms // 10, vms):
        none, some = (asyncio.run(measured(size, number)) for number in (0, waiting))
        print(
            f"{size:6} VMs: a batch of {BATCH} events {none * 1000:8.3f} ms, with {waiting} waiting"
            f" {some * 1000:8.3f} ms, ratio {some / none:6.2f} (goal 1.2)"
        )


if __name__ == "__main__":
    main()
