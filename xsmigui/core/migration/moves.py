"""From a draft to moves: for each VM where it goes, what happens to each disk, and by which operation.

A `Move` is one of three: of a VM that the server moves (`Sent`), of a VM whose disks this program copies (`Copied`), of
a disk that belongs to no VM (`LooseDisk`). It is complete for the rules: what the operator did not choose is filled in
by the defaults of `core.migration.defaults`. Snapshots' disks follow their disk; suspend images follow the first disk;
an inserted CD keeps its place inside the pool (xapi 24.10; XenCenter does the same).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.records import VDI, VM
from xsmigui.core.refs import HostRef, NetworkRef, SrRef, VdiRef, VifRef, VmRef, is_null
from xsmigui.core.releases import Since, knows, pool_knows
from xsmigui.core.units import MiB

PAGES_PER_VCPU: Final = 38
PAGES_PER_MIB: Final = 256


class Kind(StrEnum):
    """What kind of move it is, by the letters of docs/rules.md."""

    live = "L"
    storage = "S"
    halted = "H"
    disk = "D"
    fix = "F"
    """No move at all: a fix at the spot, carried out as a job. No rule looks at it."""


@dataclass(frozen=True)
class _Moving:
    """What all moves have. `placement` has every disk that must have a place: the VM's own, its snapshots' and its
    suspend image; None if it has none yet."""

    site: Site
    draft: Draft
    source: Inventory
    target: Inventory
    placement: Mapping[VdiRef, SrRef | None]

    @property
    def crosses(self) -> bool:
        """It goes to another pool, and that is known."""
        return self.draft.crosses and self.target is not self.source

    @cached_property
    def moving(self) -> dict[VdiRef, SrRef | None]:
        """The disks that change their SR."""
        if self.crosses:
            return dict(self.placement)
        return {vdi: sr for vdi, sr in self.placement.items() if sr != self.source.VDI[vdi].SR}

    @property
    def carries_disks(self) -> bool:
        return bool(self.moving)

    @cached_property
    def formats(self) -> dict[VdiRef, str]:
        """The image formats that were chosen for the disks that move; of the others the destination decides."""
        return dict.fromkeys(self.moving, self.draft.image_format) if self.draft.image_format else {}


@dataclass(frozen=True)
class OfVm(_Moving):
    """A VM under way, whoever moves it. `cds` maps the CDs that stay in their drives to the SR they are on."""

    ref: VmRef
    vm: VM
    host: HostRef | None = None
    cds: Mapping[VdiRef, SrRef] = field(default_factory=dict)
    networks: Mapping[VifRef, NetworkRef | None] = field(default_factory=dict)
    storage_network: NetworkRef | None = None

    @property
    def name(self) -> str:
        """What moves, for a person."""
        return self.vm.name_label

    @property
    def is_running(self) -> bool:
        return self.vm.power_state in ("Running", "Paused")

    @property
    def memory(self) -> int:
        """Bytes that the VM needs on its host: `memory_dynamic_min + memory_overhead` (xapi memory_check.ml)."""
        return self.vm.memory_dynamic_min + self.vm.memory_overhead

    @cached_property
    def memory_there(self) -> int:
        """Bytes that the VM needs on the host that it goes to: since 26.3 a server counts 38 pages for each vCPU, in
        whole MiB, which the record of a VM that comes from an older one does not hold (xapi memory.ml, overhead_mib).
        """
        host = self.target.host.get(self.host) if self.host is not None else None
        newer = host is not None and knows(host.software_version, Since.MEMORY_PER_VCPU)
        if not newer or pool_knows(self.source, Since.MEMORY_PER_VCPU):
            return self.memory
        return self.memory + -(-PAGES_PER_VCPU * self.vm.VCPUs_max // PAGES_PER_MIB) * MiB

    @cached_property
    def stays_on_host(self) -> bool:
        """The host is the one on which the VM runs (or, if it does not run, the one it belongs to)."""
        return not self.crosses and self.host is not None and self.host == self.source.home(self.ref)

    @property
    def starts(self) -> bool:
        """The VM is halted and will be started when it has arrived."""
        return self.draft.start_after and self.vm.power_state == "Halted"

    @property
    def runs_on(self) -> bool:
        """The VM is running on this very host already, so that it has all it needs there."""
        return self.is_running and self.stays_on_host


@dataclass(frozen=True)
class Sent(OfVm):
    """A VM that the server moves."""

    stops: ClassVar = False

    @cached_property
    def kind(self) -> Kind:
        """Live where no disk changes its SR and the pool is the same; else storage motion, or a halted move."""
        if self.vm.power_state == "Halted":
            return Kind.halted
        return Kind.storage if self.moving or self.crosses else Kind.live

    @property
    def operation(self) -> str:
        """The API's name of the operation that the server's gate is asked for."""
        return "pool_migrate" if self.kind is Kind.live else "migrate_send"

    @property
    def memory_network(self) -> NetworkRef | None:
        """The network over which the memory of a VM travels whose disks stay; None if the server decides."""
        return self.draft.storage_network if self.kind is Kind.live and self.draft.leaves is not None else None


@dataclass(frozen=True)
class Copied(OfVm):
    """A VM that stays in its pool, and whose disks this program copies and exchanges."""

    kind: ClassVar = Kind.disk

    @property
    def stops(self) -> bool:
        """It runs, and is stopped for a short time while its disks are exchanged."""
        return stops(self.draft, self.vm)


@dataclass(frozen=True)
class LooseDisk(_Moving):
    """A disk that belongs to no VM, which this program copies."""

    ref: VdiRef

    kind: ClassVar = Kind.disk
    stops: ClassVar = False

    @property
    def name(self) -> str:
        """What moves, for a person."""
        return self.source.name_of("VDI", self.ref)


Move = Sent | Copied | LooseDisk


def move_of(
    site: Site,
    draft: Draft,
    source: Inventory,
    target: Inventory,
    vm: VmRef,
    host: HostRef | None,
    *,
    placement: Mapping[VdiRef, SrRef | None],
    cds: Mapping[VdiRef, SrRef],
    networks: Mapping[VifRef, NetworkRef | None],
    storage_network: NetworkRef | None,
) -> Sent | Copied:
    """The move of a VM: by this program where it copies the disks and any of them moves, else by the server."""
    sent = Sent(site, draft, source, target, placement, vm, source.VM[vm], host, cds, networks, storage_network)
    if not (is_copied(draft, sent.vm) and sent.moving):
        return sent
    return Copied(site, draft, source, target, placement, vm, sent.vm, host, cds, networks, storage_network)


def image_formats(source: Inventory, target: Inventory, sr: SrRef) -> tuple[str, ...]:
    """The image formats that may be chosen for a disk that goes to this SR: those that its driver names, where both
    servers let one choose and there is a choice."""
    if not (pool_knows(source, Since.CHOOSES_FORMATS) and pool_knows(target, Since.CHOOSES_FORMATS)):
        return ()
    record = target.SR.get(sr)
    driver = target.sm_by_type.get(record.type) if record is not None else None
    known = driver.supported_image_formats if driver is not None else None
    return tuple(known) if known and len(known) > 1 else ()


def is_copied(draft: Draft, vm: VM) -> bool:
    """This program copies the VM's disks itself if any of them moves."""
    if stops(draft, vm):
        return True
    return draft.copies and not draft.crosses and not draft.copy and vm.power_state == "Halted"


def stops(draft: Draft, vm: VM) -> bool:
    """The VM runs, and is stopped for a short time while its disks are exchanged, if any of them moves."""
    return bool(draft.short_stop) and not draft.crosses and not draft.copy and vm.power_state == "Running"


def own_disks(inventory: Inventory, vm: VmRef) -> dict[VdiRef, VDI]:
    """The VM's own virtual disks in the order of their positions, each once."""
    return {ref: vdi for _, ref, vdi in inventory.disks(vm)} if vm in inventory.VM else {}


def following_disks(inventory: Inventory, vm: VmRef) -> Iterator[tuple[VdiRef, VDI, VdiRef | None]]:
    """The disks that have to come along: those of the snapshots and every suspend image, each with the disk it follows
    (None: a suspend image, or a snapshot of a disk that the VM no longer has)."""
    own = own_disks(inventory, vm)
    seen = set(own)
    for snapshot in inventory.snapshots(vm):
        for ref, vdi in own_disks(inventory, snapshot).items():
            if ref not in seen:
                seen.add(ref)
                yield ref, vdi, vdi.snapshot_of if vdi.snapshot_of in own else None
    for holder in (vm, *inventory.snapshots(vm)):
        image = inventory.VM[holder].suspend_VDI
        if not is_null(image) and image in inventory.VDI and image not in seen:
            seen.add(image)
            yield image, inventory.VDI[image], None


def travelling_vifs(inventory: Inventory, vm: VmRef) -> dict[VifRef, VifRef | None]:
    """Every VIF that needs a network in another pool: the VM's own, and its snapshots' each with the VM's VIF of the
    same MAC whose network it shares (None: a MAC that only the snapshot has)."""
    own = {vif.MAC.lower(): ref for ref, vif in inventory.vifs(vm)}
    found: dict[VifRef, VifRef | None] = dict.fromkeys(own.values())
    for snapshot in inventory.snapshots(vm):
        for ref, vif in inventory.vifs(snapshot):
            found[ref] = own.get(vif.MAC.lower())
    return found


def chosen_vifs(inventory: Inventory, vm: VmRef) -> list[VifRef]:
    """The VIFs that the operator chooses a network for: the others follow one of these by their MAC."""
    return [ref for ref, leader in travelling_vifs(inventory, vm).items() if leader is None]
