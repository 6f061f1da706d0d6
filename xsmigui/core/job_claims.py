"""What jobs that have not ended will still take at their destinations: memory of hosts and space of SRs."""

from collections.abc import Callable, Iterable

from xsmigui.core.capacity import load
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, Step, VmJob
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import VmMove
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, PoolId, SrRef, VdiRef, VmRef

BEFORE_DISKS = (Step.queued, Step.checking, Step.preparing, Step.disks)


BEFORE_MEMORY = (*BEFORE_DISKS, Step.memory)


def claims(jobs: Iterable[Job], inventory: Callable[[PoolId], Inventory | None]) -> tuple[Claim, ...]:
    """What the jobs that have not ended will still take at their destinations, also of those that come from a pool that
    is not known here: their plans say how large their disks are."""
    found = []
    for job in jobs:
        here, there = PoolId(job.plan.source.uuid), PoolId(job.plan.target.uuid)
        source, target = inventory(here), inventory(there)
        if target is None:
            continue
        due = [vm for vm in job.vms if not (vm.state.has_ended or vm.move.fix)]
        found += [_claim(job.id, vm, here, there, source, target) for vm in due]
    return tuple(found)


def _memory(vm: VmJob, host: HostRef, source: Inventory | None, target: Inventory) -> int:
    """What the VM will take of its host, in bytes; what the server has scheduled for the host, or runs there, is in the
    host's free memory already."""
    move = vm.move
    starts = move.power_state == "Halted" and any(call.method == "VM.start_on" for call in move.calls)
    if not starts and (move.power_state != "Running" or vm.step not in BEFORE_MEMORY):
        return 0
    arrived = next((target.VM[VmRef(ref)] for ref in target.find("VM", move.vm.uuid)), None) if move.vm.uuid else None
    record = source.VM.get(VmRef(move.vm.ref), arrived) if source is not None else arrived
    if record is None:
        return 0
    is_there = arrived is not None and host in (arrived.resident_on, arrived.scheduled_to_be_resident_on)
    return 0 if is_there else record.memory_dynamic_min + record.memory_overhead


def _claim(job: str, vm: VmJob, here: PoolId, there: PoolId, source: Inventory | None, target: Inventory) -> Claim:
    move = vm.move
    host = HostRef(move.host.ref)
    left = 1 - (vm.progress or 0.0) if vm.step is Step.disks else 1.0
    space = _space(move, source, target) if vm.step in BEFORE_DISKS else {}
    return Claim(
        vm=move.vm.uuid,
        source=here,
        pool=there,
        host=host,
        memory=_memory(vm, host, source, target),
        space=tuple((sr, int(amount * left)) for sr, amount in space.items()),
        storage=move.kind is not Kind.live,
        job=job,
        disks=tuple(disk.disk.uuid for disk in move.disks if not disk.stays),
    )


def _space(move: VmMove, source: Inventory | None, target: Inventory) -> dict[SrRef, int]:
    """What the disks of a move take of each SR, in bytes."""
    coming = [disk for disk in move.disks if not disk.stays]
    space: dict[SrRef, int] = {}
    if source is None:
        for disk in coming:
            sr = SrRef(disk.target.ref)
            space[sr] = space.get(sr, 0) + disk.size
        return space
    by_sr: dict[SrRef, dict[VdiRef, VDI]] = {}
    for disk in coming:
        ref = VdiRef(disk.disk.ref)
        if ref in source.VDI:
            by_sr.setdefault(SrRef(disk.target.ref), {})[ref] = source.VDI[ref]
    return {sr: load(source, disks, target.is_thin(sr)) for sr, disks in by_sr.items()}
