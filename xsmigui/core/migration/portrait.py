"""What a VM is to its operator, as a value that is taken before a move and again after it.

Verified is a list: for every item that a move promises, what was found, or that it could not be read. The items are
facts; `core.verified` makes sentences of them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from xsmigui.core.messages import m_
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.records import VM, GuestMetrics, Record
from xsmigui.core.refs import is_null
from xsmigui.core.verified import Item, What, differs, same, unknown

OUR_REASON: Final = "xsmigui: "
"""How the reason begins that stands beside what this program blocks for a time: no setting of the VM."""

Get = Callable[[str, str], Any]
"""The record of an object, by class and reference; None if it is not known."""


class DiskPortrait(msgspec.Struct, frozen=True):
    """A disk in one of a VM's positions: uuid, reference of its SR, virtual size in bytes."""

    uuid: str
    name: str
    sr: str
    size: int


class VifPortrait(msgspec.Struct, frozen=True):
    """An interface: its MAC, and the network by reference and name."""

    mac: str
    network: str
    network_name: str


class SnapshotPortrait(msgspec.Struct, frozen=True):
    """A snapshot: its name, and the SRs (by reference) of its disks."""

    name: str
    srs: tuple[str, ...]


class Portrait(msgspec.Struct, frozen=True, kw_only=True):
    """A VM with everything that moves with it. `host` and `home` are references (null ones are empty); `disks` and
    `cds` by position, `vifs` by device number, `snapshots` by uuid, `suspend_sr` the SR of its suspend image (empty:
    none); `addresses` are those that the guest reports."""

    uuid: str
    name: str
    power_state: str
    host: str
    home: str
    tags: tuple[str, ...]
    ha_priority: str
    order: int
    start_delay: int
    shutdown_delay: int
    blocked: tuple[str, ...]
    disks: dict[str, DiskPortrait]
    cds: dict[str, str]
    vifs: dict[str, VifPortrait]
    snapshots: dict[str, SnapshotPortrait]
    suspend_sr: str
    addresses: tuple[str, ...]


def needs(cls: str, record: Record) -> Iterator[tuple[str, str]]:
    """The objects that a portrait is made of besides this one, as far as this one names them."""
    if isinstance(record, VM):
        yield from (("VBD", ref) for ref in record.VBDs)
        if record.is_a_snapshot:
            return
        yield from (("VIF", ref) for ref in record.VIFs)
        yield from (("VM", ref) for ref in record.snapshots)
        yield from (("VDI", record.suspend_VDI), ("VM_guest_metrics", record.guest_metrics))
    elif cls == "VBD":
        yield "VDI", record.VDI  # type: ignore[attr-defined]
    elif cls == "VIF":
        yield "network", record.network  # type: ignore[attr-defined]


def portrait(vm: VM, get: Get) -> Portrait:
    """The portrait of a VM, of records that are at hand."""
    vbds = [vbd for ref in vm.VBDs if (vbd := get("VBD", ref)) is not None]
    disks = {}
    for vbd in vbds:
        vdi = get("VDI", vbd.VDI) if vbd.type != "CD" and not vbd.empty else None
        if vdi is not None:
            disks[vbd.userdevice] = DiskPortrait(vdi.uuid, vdi.name_label, vdi.SR, vdi.virtual_size)
    cds = {}
    for vbd in vbds:
        if vbd.type == "CD":
            cd = get("VDI", vbd.VDI) if not vbd.empty else None
            cds[vbd.userdevice] = cd.uuid if cd is not None else ""
    vifs = {}
    for vif in (get("VIF", ref) for ref in vm.VIFs):
        if vif is not None:
            network = get("network", vif.network)
            vifs[vif.device] = VifPortrait(vif.MAC.lower(), vif.network, network.name_label if network else "")
    snapshots = {}
    for snapshot in (get("VM", ref) for ref in vm.snapshots):
        if snapshot is not None:
            snapshots[snapshot.uuid] = SnapshotPortrait(snapshot.name_label, tuple(sorted(_srs(snapshot, get))))
    image = get("VDI", vm.suspend_VDI) if not is_null(vm.suspend_VDI) else None
    metrics = get("VM_guest_metrics", vm.guest_metrics)
    return Portrait(
        uuid=vm.uuid,
        name=vm.name_label,
        power_state=vm.power_state,
        host="" if is_null(vm.resident_on) else vm.resident_on,
        home="" if is_null(vm.affinity) else vm.affinity,
        tags=tuple(sorted(vm.tags)),
        ha_priority=vm.ha_restart_priority,
        order=vm.order,
        start_delay=vm.start_delay,
        shutdown_delay=vm.shutdown_delay,
        blocked=tuple(sorted(op for op, reason in vm.blocked_operations.items() if not reason.startswith(OUR_REASON))),
        disks=disks,
        cds=cds,
        vifs=vifs,
        snapshots=snapshots,
        suspend_sr=image.SR if image is not None else "",
        addresses=_addresses(metrics),
    )


def grown(before: Portrait, now: Portrait) -> Portrait:
    """The portrait with what others have added to the VM since it was taken: disks, interfaces and snapshots that were
    not there, and a larger size of a disk. A move that brings less than that has lost something."""
    disks = dict(before.disks)
    for position, disk in now.disks.items():
        known = before.disks.get(position)
        if known is None or (known.uuid == disk.uuid and known.size < disk.size):
            disks[position] = disk
    vifs, snapshots = now.vifs | before.vifs, now.snapshots | before.snapshots
    return msgspec.structs.replace(before, disks=disks, vifs=vifs, snapshots=snapshots)


def with_sizes(before: Portrait, sizes: Mapping[str, int]) -> Portrait:
    """The portrait with these sizes of disks, by uuid, in bytes."""
    disks = {
        position: msgspec.structs.replace(disk, size=sizes.get(disk.uuid, disk.size))
        for position, disk in before.disks.items()
    }
    return msgspec.structs.replace(before, disks=disks)


def _srs(snapshot: VM, get: Get) -> Iterator[str]:
    for vbd in (get("VBD", ref) for ref in snapshot.VBDs):
        vdi = get("VDI", vbd.VDI) if vbd is not None and vbd.type != "CD" and not vbd.empty else None
        if vdi is not None:
            yield vdi.SR


def _addresses(metrics: GuestMetrics | None) -> tuple[str, ...]:
    return tuple(sorted({a for a in metrics.networks.values() if a})) if metrics is not None else ()


def compared(plan: Plan, move: VmMove, before: Portrait | None, after: Portrait) -> tuple[Item, ...]:
    """Every item that the move promises, with what was found. `before` is None for jobs of earlier versions: then only
    what the plan names is compared."""
    return tuple(_compared(plan, move, before, after))


def _compared(plan: Plan, move: VmMove, before: Portrait | None, after: Portrait) -> Iterator[Item]:
    starts = plan.start_after and move.power_state == "Halted"
    expected = "Running" if starts else move.power_state
    yield _item(What.power_state, "", expected, after.power_state)
    if expected in ("Running", "Paused"):
        yield _item(What.host, "", move.host.ref, after.host, move.host.name)
    yield from _disks(move, before, after)
    if before is None:
        yield from _planned_vifs(move, after)
        return
    if plan.crosses and not plan.copy:
        yield from _added_disks(move, before, after)
    yield from _vifs(plan, move, before, after)
    yield from _cds(plan, before, after)
    if not plan.copy:
        yield from _snapshots(move, before, after)
    yield from _settings(plan, move, before, after, starts=starts)


def _item(what: What, subject: str, expected: str, found: str, told: str = "") -> Item:
    """`told` is the name of what is expected, where that is a reference."""
    if expected == found:
        return same(what, subject, told or found)
    return differs(what, subject, told or expected, found)


def _disks(move: VmMove, before: Portrait | None, after: Portrait) -> Iterator[Item]:
    sizes = {disk.uuid: disk.size for disk in before.disks.values()} if before is not None else {}
    for disk in move.disks:
        if disk.follows:
            continue
        found = after.disks.get(disk.position)
        if found is None:
            yield differs(What.disk, disk.disk.name, disk.target.name, "")
            continue
        yield _item(What.disk, disk.disk.name, disk.target.ref, found.sr, disk.target.name)
        size = max(disk.size, sizes.get(disk.disk.uuid, 0))
        if found.size < size:
            yield differs(What.size, disk.disk.name, str(size), str(found.size))
        else:
            yield same(What.size, disk.disk.name, str(found.size))


def _added_disks(move: VmMove, before: Portrait, after: Portrait) -> Iterator[Item]:
    """A disk that somebody has attached since the plan was made belongs to the VM too."""
    planned = {disk.position for disk in move.disks if not disk.follows}
    for position, disk in before.disks.items():
        if position not in planned and position not in after.disks:
            yield differs(What.disk, disk.name or disk.uuid, m_("position {position}", position=position), "")


def _planned_vifs(move: VmMove, after: Portrait) -> Iterator[Item]:
    seen = set()
    for wish in move.vifs:
        if wish.vif.name in seen:
            continue  # those of the VM come before those of its snapshots
        seen.add(wish.vif.name)
        yield _vif(wish.vif.name, wish.mac, wish.target.ref, wish.target.name, after)


def _vifs(plan: Plan, move: VmMove, before: Portrait, after: Portrait) -> Iterator[Item]:
    wanted = {wish.mac.lower(): wish.target for wish in move.vifs}
    for device, vif in before.vifs.items():
        target = wanted.get(vif.mac)
        network, name = (target.ref, target.name) if target is not None else (vif.network, vif.network_name)
        if plan.crosses and target is None:
            yield unknown(What.vif, vif.mac, vif.network_name)
            continue
        yield _vif(device, vif.mac, network, name, after)
        found = after.vifs.get(device)
        if found is not None and not plan.copy:  # a copy has MAC addresses of its own
            yield _item(What.mac, device, vif.mac, found.mac)


def _vif(device: str, mac: str, network: str, name: str, after: Portrait) -> Item:
    found = after.vifs.get(device)
    if found is None:
        return differs(What.vif, mac, name, "")
    if found.network != network:
        return differs(What.vif, mac, name, found.network_name or found.network)
    return same(What.vif, mac, name)


def _cds(plan: Plan, before: Portrait, after: Portrait) -> Iterator[Item]:
    for position, cd in before.cds.items():
        if cd and not plan.crosses:
            yield _item(What.cd, position, cd, after.cds.get(position, ""))


def _snapshots(move: VmMove, before: Portrait, after: Portrait) -> Iterator[Item]:
    for uuid, snapshot in before.snapshots.items():
        found = after.snapshots.get(uuid) or _by_name(after, snapshot.name)
        if found is None:
            yield differs(What.snapshot, snapshot.name, str(len(snapshot.srs)), "")
        else:
            yield _item(What.snapshot, snapshot.name, str(len(snapshot.srs)), str(len(found.srs)))
    if before.suspend_sr:
        yield _item(What.suspend_image, "", "1", "1" if after.suspend_sr else "")


def _by_name(after: Portrait, name: str) -> SnapshotPortrait | None:
    return next((found for found in after.snapshots.values() if found.name == name), None)


def compared_contents(
    move: VmMove, sums: Mapping[str, str], new: Mapping[str, str], sizes: Mapping[str, int]
) -> tuple[Item, ...]:
    """Whether the contents of the disks are the same as before: `sums` by reference (empty: none could be made), `new`
    the references and `sizes` the sizes in bytes of those at the destination, by position. Sums of disks of different
    sizes tell nothing: an SR has rounded one up, or somebody has extended it in between."""
    found = []
    for disk in (d for d in move.disks if not d.follows):
        before = sums.get(disk.disk.ref, "")
        after = sums.get(new.get(disk.position, ""), "")
        is_longer = sizes.get(disk.position, disk.size) != disk.size
        if not before or not after or (before != after and is_longer):
            found.append(unknown(What.content, disk.disk.name, "same"))
        elif before == after:
            found.append(same(What.content, disk.disk.name, "same"))
        else:
            found.append(differs(What.content, disk.disk.name, "same", "other"))
    return tuple(found)


_KEPT: Final = (What.tags, What.order, What.start_delay, What.shutdown_delay, What.blocked)


def _settings(plan: Plan, move: VmMove, before: Portrait, after: Portrait, *, starts: bool) -> Iterator[Item]:
    if plan.set_home and not plan.copy:
        yield _item(What.home, "", move.host.ref, after.home, move.host.name)
    for what in _KEPT:
        yield _item(what, "", _text(getattr(before, what)), _text(getattr(after, what)))
    if not plan.crosses:
        yield _item(What.ha_priority, "", before.ha_priority, after.ha_priority)
    if before.addresses and after.power_state == "Running" and not starts:
        lacking = [address for address in before.addresses if address not in after.addresses]
        if lacking:
            yield unknown(What.addresses, "", ", ".join(before.addresses))
        else:
            yield same(What.addresses, "", ", ".join(before.addresses))


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
