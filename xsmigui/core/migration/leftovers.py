"""Disks that failed migrations have left at their destination, each with what speaks for its origin.

A server that fails or is restarted in the middle may not clear up. What it leaves looks like any other disk; so
before a migration begins the journal keeps which disks of the same names its SRs hold already. A disk counts as left
over where a migration of ours did not succeed, and at its destination there is a disk that was not there before, has
the name and the size of one that was to come, and is connected to nothing. Nobody can be sure of more from a client:
it is shown with this proof, and removed on request only.

Where the source is not seen whole, what is at the destination may be the only copy: it is never named then.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.calls import MOVING
from xsmigui.core.migration.draft import Site
from xsmigui.core.migration.exchange import KEPT
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import DiskMove, VmMove
from xsmigui.core.records import VDI
from xsmigui.core.refs import PoolId, VdiRef
from xsmigui.core.text import _
from xsmigui.core.units import natural

DISKS = ("user", "system")
"""The types of disks that VMs are connected to. Memory images, state files and the like are in use without that."""

FAILED = (State.failed, State.cancelled, State.interrupted)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A disk and the migration that has probably left it. `like` is the uuid of the disk that it is a copy of; sizes in
    bytes."""

    pool: PoolId
    pool_name: str
    ref: VdiRef
    uuid: str
    name: str
    sr: str
    size: int
    written: int
    vm: str
    vm_uuid: str
    job: str
    like: str
    source: PoolId

    @property
    def proof(self) -> str:
        return _(
            "Was not there before job {job}; has name and size of a disk of {vm}, which is still whole at its source;"
            " belongs to nothing.",
            job=self.job,
            vm=self.vm,
        )


def seen_before(move: VmMove, target: Inventory) -> tuple[str, ...]:
    """The uuids of the disks that could be taken for what a migration is about to bring: same SR, same name."""
    coming = {(disk.target.ref, disk.disk.name) for disk in _coming(move)}
    return tuple(sorted(vdi.uuid for vdi in target.VDI.values() if (vdi.SR, vdi.name_label) in coming))


def _coming(move: VmMove) -> list[DiskMove]:
    return [disk for disk in move.disks if not disk.stays] if move.kind is not Kind.disk else []


def leftovers(jobs: Iterable[Job], site: Site) -> tuple[Leftover, ...]:
    """What the failed migrations of these jobs have left in pools that are connected, by name. While anything of a VM's
    identity is on its way none of its disks is named: they may be what is just being copied."""
    found: dict[str, Leftover] = {}
    jobs = list(jobs)
    under_way = _under_way(site) | {vm.move.vm.uuid for job in jobs for vm in job.vms if not vm.state.has_ended}
    names = _names_under_way(site, under_way)
    for job in jobs:
        pool = PoolId(job.plan.target.uuid)
        inventory, source = site.pools.get(pool), site.pools.get(PoolId(job.plan.source.uuid))
        if inventory is None or source is None or not {pool, source.id} <= site.connected:
            continue
        for vm in job.vms:
            if vm.state in FAILED and vm.before is not None and vm.move.vm.uuid not in under_way:
                for left in _left_by(job, vm, inventory, source):
                    if left.name not in names:
                        found.setdefault(left.uuid, left)
    return tuple(sorted(found.values(), key=lambda left: (natural(left.vm), natural(left.name), left.uuid)))


def _left_by(job: Job, vm: VmJob, inventory: Inventory, source: Inventory) -> Iterable[Leftover]:
    before = {*(vm.before or ()), *(disk.disk.uuid for disk in vm.move.disks)}
    whole = {vdi.uuid for vdi in source.VDI.values() if vdi.managed and not vdi.missing}
    if not source.find("VM", vm.move.vm.uuid):
        return
    for disk in _coming(vm.move):
        if disk.disk.uuid not in whole:
            continue
        for ref, vdi in inventory.VDI.items():
            if vdi.uuid in before or not _is_copy(vdi, disk):
                continue
            yield Leftover(
                pool=inventory.id,
                pool_name=inventory.name,
                ref=ref,
                uuid=vdi.uuid,
                name=vdi.name_label,
                sr=inventory.name_of("SR", vdi.SR),
                size=vdi.virtual_size,
                written=max(0, vdi.physical_utilisation),
                vm=vm.move.vm.name,
                vm_uuid=vm.move.vm.uuid,
                job=job.id,
                like=disk.disk.uuid,
                source=source.id,
            )


def _is_copy(vdi: VDI, disk: DiskMove) -> bool:
    """A disk at the destination that looks like this one and is connected to nothing."""
    return (
        disk.target.ref == vdi.SR
        and vdi.name_label == disk.disk.name
        and vdi.virtual_size == disk.size
        and vdi.type in DISKS
        and not vdi.VBDs
        and not vdi.current_operations
        and KEPT not in vdi.other_config
    )


def _under_way(site: Site) -> set[str]:
    """The uuids of the VMs that any client is moving in the pools that we see."""
    return {
        vm.uuid
        for inventory in site.pools.values()
        for vm in inventory.VM.values()
        if MOVING & set(vm.current_operations.values())
    }


def _names_under_way(site: Site, vms: set[str]) -> set[str]:
    """The names of the disks of these VMs: another VM's disk of the same name may be arriving."""
    return {
        vdi.name_label
        for inventory in site.pools.values()
        for ref, vm in inventory.VM.items()
        if vm.uuid in vms
        for _vbd, _vdi, vdi in inventory.disks(ref)
    }
