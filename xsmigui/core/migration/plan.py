"""The plan: a complete, frozen intent. One plan object drives the preview, the command line, the run and the report.

A plan names objects by uuid and name beside their references, so that it can be written to a file, read again later
and compared with what is there then.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.calls import Call, calls
from xsmigui.core.migration.draft import KEEP_DAYS, Draft, Site, StorageMode
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.migration.moves import Kind, LooseDisk, Move, Sent
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef

FORMAT: Final = 1
"""The version of the plan's written form."""


class Thing(msgspec.Struct, frozen=True):
    """An object of a plan."""

    uuid: str
    name: str
    ref: str


class DiskMove(msgspec.Struct, frozen=True):
    """A disk and where it goes. `position` is its device number in the VM (empty for what follows: snapshots' disks and
    suspend images); `stays` where the SR remains the same; sizes in bytes."""

    disk: Thing
    position: str
    size: int
    source: Thing
    target: Thing
    stays: bool
    ready: str = ""
    """The uuid of a disk that is there already to take this one's place, where a move is reverted."""

    @property
    def follows(self) -> bool:
        return not self.position


class VifMove(msgspec.Struct, frozen=True):
    """A network interface and the network it will be on."""

    vif: Thing
    mac: str
    source: Thing
    target: Thing


class VmMove(msgspec.Struct, frozen=True, kw_only=True):
    """One VM's part of a plan: what it is, where it goes, and the calls that bring it there. `cds` stay in their
    drives and on their SR."""

    vm: Thing
    kind: Kind
    power_state: str
    source_host: Thing | None
    host: Thing
    disks: tuple[DiskMove, ...]
    cds: tuple[DiskMove, ...] = ()
    vifs: tuple[VifMove, ...]
    storage_network: Thing | None
    calls: tuple[Call, ...]
    fix: Fix | None = None
    """What is done instead of a move; `vm` is then what it is done to, a disk or a pool say."""

    @property
    def is_loose(self) -> bool:
        """It is a disk that belongs to no VM; `vm` then has its name, and no uuid."""
        return self.kind is Kind.disk and not self.vm.uuid

    @property
    def travelling(self) -> int:
        """Bytes of virtual size that change their SR."""
        return sum(d.size for d in self.disks if not d.stays)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All moves of one draft, in the order in which they start."""

    format: int = FORMAT
    source: Thing
    target: Thing
    moves: tuple[VmMove, ...]
    copy: bool = False
    set_home: bool = True
    start_after: bool = False
    compress: bool | None = None
    keep_days: int = KEEP_DAYS
    prove: bool = False
    """Contents are to be compared by sums of the servers."""
    image_format: str = ""
    """Of the disks that move; empty: their SRs decide."""
    evacuates: Thing | None = None
    """The host that all these VMs leave."""
    short_stop: int = 0
    """Minutes for which a running VM whose disks this program copies may be down; 0 where there is none."""
    at_once: int = 0
    """How many of them may move at the same time; 0: no more than the pool allows."""
    not_before: datetime | None = None
    """Nothing starts before this time."""
    pause_at: datetime | None = None
    """What has not started by this time waits until the operator continues it."""

    @property
    def crosses(self) -> bool:
        return self.source.uuid != self.target.uuid

    @property
    def proves(self) -> bool:
        """Contents are compared: because the operator wants it, or because the sources are removed at once."""
        return self.prove or not self.keep_days

    def stops(self, move: VmMove) -> bool:
        """The VM runs, and is stopped for a short time while its disks are exchanged."""
        return bool(self.short_stop) and move.kind is Kind.disk and move.power_state == "Running"


def make_plan(draft: Draft, moves: tuple[Move, ...]) -> Plan:
    """The plan of these moves, which the rules have accepted (every choice is made)."""
    source, target = moves[0].source, moves[0].target
    return Plan(
        source=Thing(source.id, source.name, source.pool_ref),
        target=Thing(target.id, target.name, target.pool_ref),
        moves=tuple(_vm_move(move) for move in moves),
        copy=draft.copy,
        set_home=draft.set_home,
        start_after=draft.start_after,
        compress=draft.compress,
        keep_days=draft.keep_days,
        prove=draft.prove,
        image_format=draft.image_format,
        short_stop=draft.short_stop if any(move.stops for move in moves) else 0,
        evacuates=_host(source, draft.leaves) if draft.leaves is not None else None,
        at_once=draft.at_once,
        not_before=draft.not_before,
        pause_at=draft.pause_at,
    )


def _host(inventory: Inventory, host: HostRef) -> Thing:
    return Thing(inventory.host[host].uuid, inventory.name_of("host", host), host)


def _vm_move(move: Move) -> VmMove:
    if isinstance(move, LooseDisk):
        nowhere, disks = Thing("", "", ""), _disk_moves(move, {})
        return VmMove(
            vm=Thing("", move.name, ""),
            kind=move.kind,
            power_state="Halted",
            source_host=None,
            host=nowhere,
            disks=disks,
            vifs=(),
            storage_network=None,
            calls=calls(move),
        )
    here, there = _thing(move.source), _thing(move.target)
    positions = {vbd.VDI: vbd.userdevice for _ref, vbd in move.source.vbds(move.ref)}
    home = move.source.home(move.ref)
    cds = []
    for ref, sr in move.cds.items():
        disk, place = here("VDI", ref), here("SR", sr)
        cds.append(DiskMove(disk, positions.get(ref, ""), move.source.VDI[ref].virtual_size, place, place, True))
    vifs = [
        VifMove(
            Thing(move.source.VIF[ref].uuid, move.source.VIF[ref].device, ref),
            move.source.VIF[ref].MAC,
            here("network", move.source.VIF[ref].network),
            there("network", network),
        )
        for ref, network in move.networks.items()
        if network is not None
    ]
    network = None
    if isinstance(move, Sent):
        network = move.memory_network if move.kind is Kind.live else move.storage_network
    return VmMove(
        vm=here("VM", move.ref),
        kind=move.kind,
        power_state=move.vm.power_state,
        source_host=here("host", home) if home is not None else None,
        host=there("host", move.host or ""),
        disks=_disk_moves(move, positions),
        cds=tuple(cds),
        vifs=tuple(vifs),
        storage_network=there("network", network) if network is not None else None,
        calls=calls(move),
    )


def _thing(inventory: Inventory) -> Callable[[str, str], Thing]:
    """Names an object of a pool by its class and reference."""

    def thing(cls: str, ref: str) -> Thing:
        record = inventory.record(cls, ref)
        return Thing(record.uuid if record else "", inventory.name_of(cls, ref), ref)

    return thing


def _disk_moves(move: Move, positions: Mapping[VdiRef, str]) -> tuple[DiskMove, ...]:
    here, there = _thing(move.source), _thing(move.target)
    found = []
    for ref, sr in move.placement.items():
        if sr is not None:
            vdi = move.source.VDI[ref]
            stays = not move.crosses and sr == vdi.SR
            place = here("SR", vdi.SR)
            position = positions.get(ref, "")
            found.append(DiskMove(here("VDI", ref), position, vdi.virtual_size, place, there("SR", sr), stays))
    return tuple(found)


class PlanRefused(ValueError):
    """The plan speaks of something that is not there; the text says of what."""


def draft_of(plan: Plan, site: Site) -> Draft:
    """The draft that a plan stands for, every choice explicit: to be evaluated again with fresh records before a run.

    Objects are found again by their uuids. Raises `PlanRefused` where one is gone.
    """
    source, target = PoolId(plan.source.uuid), PoolId(plan.target.uuid)
    for pool, name in ((source, plan.source.name), (target, plan.target.name)):
        if pool not in site.pools:
            raise PlanRefused(name)
    here, there = site.pools[source], site.pools[target]

    def find(cls: str, thing: Thing, inventory: object = None) -> str:
        pool = there if inventory is there else here
        if thing.ref in pool.tables[cls] and pool.tables[cls][thing.ref].uuid == thing.uuid:
            return thing.ref
        found = pool.find(cls, thing.uuid) if thing.uuid else []
        if not found:
            raise PlanRefused(thing.name or thing.uuid)
        return found[0]

    carried = [move for move in plan.moves if not move.is_loose]
    vms = tuple(VmRef(find("VM", move.vm)) for move in carried)
    loose = tuple(VdiRef(find("VDI", d.disk)) for move in plan.moves if move.is_loose for d in move.disks)
    disks: dict[VdiRef, SrRef] = {}
    networks: dict[VifRef, NetworkRef] = {}
    carrier: NetworkRef | None = None
    for move in plan.moves:
        disks.update({VdiRef(find("VDI", d.disk)): SrRef(find("SR", d.target, there)) for d in move.disks})
        networks.update({VifRef(find("VIF", v.vif)): NetworkRef(find("network", v.target, there)) for v in move.vifs})
        if move.storage_network is not None:
            carrier = NetworkRef(find("network", move.storage_network, there))
    return Draft(
        source=source,
        vms=vms,
        destination=target,
        hosts={vm: HostRef(find("host", m.host, there)) for vm, m in zip(vms, carried, strict=True) if m.host.uuid},
        storage=StorageMode.each,
        disks=disks,
        networks=networks,
        storage_network=carrier,
        copy=plan.copy,
        compress=plan.compress,
        set_home=plan.set_home,
        start_after=plan.start_after,
        loose=loose,
        copies=any(move.kind is Kind.disk for move in plan.moves),
        keep_days=plan.keep_days,
        prove=plan.prove,
        image_format=plan.image_format,
        short_stop=plan.short_stop,
        not_before=plan.not_before,
        pause_at=plan.pause_at,
        leaves=HostRef(find("host", plan.evacuates)) if plan.evacuates is not None else None,
        at_once=plan.at_once,
    )


def same_intent(one: Plan, other: Plan) -> bool:
    """Both do the same to the same objects (the present hosts of the VMs do not count)."""
    return one.short_stop == other.short_stop and [(m.vm.uuid, m.calls) for m in one.moves] == [
        (m.vm.uuid, m.calls) for m in other.moves
    ]
