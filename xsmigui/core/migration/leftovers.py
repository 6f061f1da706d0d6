"""Disks that failed migrations have left at their destination, each with what speaks for its origin.

A server that fails or is restarted in the middle may not clear up. What it leaves looks like any other disk; so the
journal keeps which disks of the same names the destination's SRs held before a migration began, and which when it
ended. A disk counts as left over if a migration of ours did not succeed, and the disk came in between, has the name and
the size of one that was to come, and is held by nobody (`core.migration.holders`). Nobody can be sure of more from a
client: it is shown with this evidence, and removed on request only.

What is at the destination may be the only copy unless the VM is seen with a whole disk elsewhere: with the one that was
to be moved, at its source, or with another one in its position where a later attempt has brought it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.calls import MOVING
from xsmigui.core.migration.draft import Site
from xsmigui.core.migration.exchange import is_kept
from xsmigui.core.migration.holders import holders
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import DiskMove, VmMove
from xsmigui.core.records import VDI
from xsmigui.core.refs import PoolId, VdiRef, VmRef
from xsmigui.core.text import _
from xsmigui.core.units import natural

DISKS = ("user", "system")
"""The types of disks that VMs are connected to. Memory images, state files and the like are in use without that."""

ROUNDED_UP = 64 << 20
"""SRs round sizes up to their own units (images in VHD to 2 MiB, volumes to their extents): a copy may be that much
longer than its source, in bytes."""

FAILED = (State.failed, State.cancelled, State.interrupted)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A disk and the migration that has probably left it. `like` is the uuid of the VM's whole disk, which is in the
    pool `source`; sizes in bytes."""

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
            "Created while job {job} was running; has the name and size of a disk of {vm}, which has its own "
            "complete copy elsewhere; not attached to any VM.",
            job=self.job,
            vm=self.vm,
        )


def seen_before(move: VmMove, target: Inventory) -> tuple[str, ...]:
    """The uuids of the disks that could be taken for what a migration is about to bring: same SR, same name."""
    return could_be_taken(move, ((vdi.uuid, vdi.SR, vdi.name_label) for vdi in target.VDI.values()))


def could_be_taken(move: VmMove, disks: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Of disks at the destination (uuid, reference of the SR, name) the uuids of those that could be taken for what a
    migration is about to bring."""
    coming = {(disk.target.ref, disk.disk.name) for disk in _coming(move)}
    return tuple(sorted(uuid for uuid, sr, name in disks if (sr, name) in coming))


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
            if vm.state in FAILED and vm.after is not None and vm.move.vm.uuid not in under_way:
                for left in _left_by(job, vm, inventory, source):
                    if left.name not in names:
                        found.setdefault(left.uuid, left)
    return tuple(sorted(found.values(), key=lambda left: (natural(left.vm), natural(left.name), left.uuid)))


def _left_by(job: Job, vm: VmJob, inventory: Inventory, source: Inventory) -> Iterable[Leftover]:
    came = set(vm.after or ()) - {*(vm.before or ()), *(disk.disk.uuid for disk in vm.move.disks)}
    for disk in _coming(vm.move) if came else ():
        good = _good_copy(vm.move, disk, source, inventory)
        if good is None:
            continue
        pool, like = good
        for ref, vdi in inventory.VDI.items():
            if vdi.uuid not in came or not _is_copy(vdi, disk) or holders(inventory, ref):
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
                like=like,
                source=pool,
            )


def _good_copy(move: VmMove, disk: DiskMove, source: Inventory, target: Inventory) -> tuple[PoolId, str] | None:
    """Where the VM has the disk whole: the pool and the disk's uuid; None if that is seen nowhere."""
    if source.find("VM", move.vm.uuid) and any(
        vdi.uuid == disk.disk.uuid and vdi.managed and not vdi.missing for vdi in source.VDI.values()
    ):
        return source.id, disk.disk.uuid
    for ref in target.find("VM", move.vm.uuid):
        for vbd, _vdi, vdi in target.disks(VmRef(ref)):
            if disk.position and vbd.userdevice == disk.position and vdi.managed and not vdi.missing:
                return target.id, vdi.uuid
    return None


def _is_copy(vdi: VDI, disk: DiskMove) -> bool:
    """A disk at the destination that looks like this one, and in which nothing is under way."""
    return (
        disk.target.ref == vdi.SR
        and vdi.name_label == disk.disk.name
        and disk.size <= vdi.virtual_size < disk.size + ROUNDED_UP
        and vdi.type in DISKS
        and not vdi.current_operations
        and not is_kept(vdi.other_config, vdi.uuid)
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
