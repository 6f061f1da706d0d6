"""What jobs that have not ended will still take at their destinations: memory of hosts and space of SRs."""

from collections.abc import Callable, Iterable

from xsmigui.core.capacity import load
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, Step, VmJob
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.moves import Kind
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, PoolId, SrRef, VdiRef, VmRef

BEFORE_DISKS = (Step.queued, Step.checking, Step.preparing, Step.disks)


BEFORE_MEMORY = (*BEFORE_DISKS, Step.memory)


def claims(jobs: Iterable[Job], inventory: Callable[[PoolId], Inventory | None]) -> tuple[Claim, ...]:
    """What the jobs that have not ended will still take at their destinations."""
    found = []
    for job in jobs:
        here, there = PoolId(job.plan.source.uuid), PoolId(job.plan.target.uuid)
        source, target = inventory(here), inventory(there)
        if source is None or target is None:
            continue
        due = [vm for vm in job.vms if not (vm.state.has_ended or vm.move.fix)]
        found += [_claim(job.id, vm, here, there, source, target) for vm in due]
    return tuple(found)


def _claim(job: str, vm: VmJob, here: PoolId, there: PoolId, source: Inventory, target: Inventory) -> Claim:
    move = vm.move
    host = HostRef(move.host.ref)
    record = source.VM.get(VmRef(move.vm.ref))
    memory = 0
    # A VM that the server has scheduled for the host, or that is there, is in the host's free memory already.
    if record is not None and move.power_state == "Running" and vm.step in BEFORE_MEMORY:
        memory = record.memory_dynamic_min + record.memory_overhead
        if here == there and host in (record.resident_on, record.scheduled_to_be_resident_on):
            memory = 0
    space: dict[SrRef, int] = {}
    if vm.step in BEFORE_DISKS:
        left = 1 - (vm.progress or 0.0) if vm.step is Step.disks else 1.0
        by_sr: dict[SrRef, dict[VdiRef, VDI]] = {}
        for disk in move.disks:
            ref, sr = VdiRef(disk.disk.ref), SrRef(disk.target.ref)
            if not disk.stays and ref in source.VDI:
                by_sr.setdefault(sr, {})[ref] = source.VDI[ref]
        space = {sr: int(load(source, disks, target.is_thin(sr)) * left) for sr, disks in by_sr.items()}
    return Claim(
        vm=move.vm.uuid,
        source=here,
        pool=there,
        host=host,
        memory=memory,
        space=tuple(space.items()),
        storage=move.kind is not Kind.live,
        job=job,
        disks=tuple(disk.disk.uuid for disk in move.disks if not disk.stays),
    )
