"""The defaults: a draft filled up with the best choices, as the moves that the rules judge.

No default destroys or guesses: a disk stays where it is if it can, a network is found by name or VLAN or not at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.candidates import (
    all_disks,
    bare_move,
    destinations,
    disk_load,
    host_problems,
    migration_network,
    storage_networks,
    whole_load,
)
from xsmigui.core.migration.draft import Draft, Site, StorageMode
from xsmigui.core.migration.moves import (
    Copied,
    LooseDisk,
    Move,
    Sent,
    following_disks,
    is_copied,
    move_of,
    own_disks,
    stops,
    travelling_vifs,
)
from xsmigui.core.migration.rules.networks import host_attaches
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef, is_null


def default_destination(site: Site, draft: Draft) -> PoolId | None:
    """The own pool where it offers anything, else the only other one that does; else the operator must say."""
    usable = [PoolId(c.ref) for c in destinations(site, draft) if c.usable]
    if draft.source in usable:
        return draft.source
    return usable[0] if len(usable) == 1 else None


def default_host(site: Site, draft: Draft, vm: VmRef, taken: Mapping[HostRef, int]) -> HostRef | None:
    """The best host that passes every check: the VM's home server if it is another than the present one, else the one
    with the most memory left after what the batch has `taken`; the present host only where there is no other."""
    source, target = (
        site.pools[draft.source],
        site.pools.get(draft.destination) if draft.destination is not None else None,
    )
    if target is None:
        return None
    current = source.home(vm) if not draft.crosses else None
    affinity = source.VM[vm].affinity
    need = source.VM[vm].memory_dynamic_min + source.VM[vm].memory_overhead

    def rank(host: HostRef) -> tuple[bool, bool, bool, int]:
        left = target.free_memory(host) - taken.get(host, 0)
        return (host != current, left >= need, host == affinity, left)

    for host in sorted(target.hosts_in_order, key=rank, reverse=True):
        trial = bare_move(site, draft, source, target, vm, host)
        if not any(problem.blocks for problem in host_problems(trial)):
            return host
    return None


def resolve_hosts(site: Site, draft: Draft) -> dict[VmRef, HostRef | None]:
    """Every VM's host: the chosen one, else the best one left."""
    source, target = (
        site.pools[draft.source],
        site.pools.get(draft.destination) if draft.destination is not None else None,
    )
    taken: dict[HostRef, int] = {}
    resolved: dict[VmRef, HostRef | None] = {}
    for vm in draft.vms:
        if vm not in source.VM:
            continue
        chosen = draft.hosts.get(vm)
        if chosen is None and stops(draft, source.VM[vm]):
            resolved[vm] = source.home(vm)
            continue
        if chosen is None and is_copied(draft, source.VM[vm]) and not (draft.set_home or draft.start_after):
            resolved[vm] = None  # its disks move, and it belongs to no host
            continue
        host = chosen if chosen is not None else default_host(site, draft, vm, taken)
        if target is not None and host not in target.host:
            host = None  # gone since it was chosen; the evaluation says so
        resolved[vm] = host
        if host is not None and source.VM[vm].power_state != "Halted":
            need = source.VM[vm].memory_dynamic_min + source.VM[vm].memory_overhead
            taken[host] = taken.get(host, 0) + need
    return resolved


def can_keep(site: Site, draft: Draft, at: Mapping[VmRef, HostRef | None]) -> bool:
    """Every disk can stay on its SR: the pool stays the same and each VM's host sees all of them."""
    source = site.pools[draft.source]
    if draft.destination != draft.source:
        return False
    return all(
        host is not None and source.sees(host, vdi.SR)
        for vm, host in at.items()
        for vdi in all_disks(source, (vm,)).values()
    )


def storage_mode(site: Site, draft: Draft, at: Mapping[VmRef, HostRef | None]) -> StorageMode:
    """How disks are placed unless the operator said: kept where they are if every one can stay; else on one SR if one
    serves all; else one by one."""
    if draft.storage is StorageMode.keep and not can_keep(site, draft, at):
        return StorageMode.same
    if draft.storage is not None:
        return draft.storage
    if can_keep(site, draft, at):
        halted = all(site.pools[draft.source].VM[vm].power_state == "Halted" for vm in at)
        return StorageMode.each if halted else StorageMode.keep
    load = whole_load(site, draft, at)
    return StorageMode.same if load and load.best() is not None else StorageMode.each


def _placement(
    site: Site, draft: Draft, vm: VmRef, host: HostRef | None, mode: StorageMode, same: SrRef | None
) -> dict[VdiRef, SrRef | None]:
    source, target = (
        site.pools[draft.source],
        site.pools[draft.target],
    )
    placement: dict[VdiRef, SrRef | None] = {}
    copied = is_copied(draft, source.VM[vm])
    for ref, vdi in own_disks(source, vm).items():
        if mode is StorageMode.same:
            placement[ref] = same
        elif ref in draft.disks and mode is StorageMode.each:
            placement[ref] = draft.disks[ref]
        elif not draft.crosses and (copied if host is None else source.sees(host, vdi.SR)):
            placement[ref] = vdi.SR
        else:
            load = disk_load(site, draft, vm, host, ref)
            placement[ref] = load.best() if load else None
    if copied:
        return placement  # what follows stays where it is
    first = next((sr for sr in placement.values() if sr is not None), None)
    for ref, vdi, leader in following_disks(source, vm):
        if ref in draft.disks and mode is StorageMode.each:
            placement[ref] = draft.disks[ref]
            continue
        stays = not draft.crosses and host is not None and source.sees(host, vdi.SR)
        if leader is not None:
            leader_moves = draft.crosses or placement[leader] != source.VDI[leader].SR
            placement[ref] = placement[leader] if leader_moves or not stays else vdi.SR
        elif stays and mode is not StorageMode.same:
            placement[ref] = vdi.SR
        else:
            placement[ref] = same or first or _fallback_sr(target, host)
    return placement


def _fallback_sr(target: Inventory, host: HostRef | None) -> SrRef | None:
    """For images of a VM without disks: the pool's SR for them, else its default SR, where the host sees it."""
    for sr in (target.pool.suspend_image_SR, target.pool.default_SR):
        if not is_null(sr) and host is not None and target.sees(host, sr):
            return sr
    return None


def default_network(
    source: Inventory, target: Inventory, host: HostRef | None, network: NetworkRef
) -> NetworkRef | None:
    """The one network of the same name at the destination, else the one of the same VLAN. Never a guess: where two
    would do, none is chosen."""
    name = source.network[network].name_label if network in source.network else ""
    vlans = source.vlans.get(network)
    same_name = [ref for ref in target.guest_networks if name and target.network[ref].name_label == name]
    same_vlan = [ref for ref in target.guest_networks if vlans and target.vlans.get(ref) == vlans]
    for found in (same_name, same_vlan):
        attached = [ref for ref in found if host is None or host_attaches(target, host, ref)]
        if attached:
            return attached[0] if len(attached) == 1 else None
    return None


def _vif_networks(
    draft: Draft, source: Inventory, target: Inventory, vm: VmRef, host: HostRef | None
) -> dict[VifRef, NetworkRef | None]:
    if not draft.crosses:
        return {}
    found: dict[VifRef, NetworkRef | None] = {}
    for ref, leader in travelling_vifs(source, vm).items():
        if leader is not None:
            found[ref] = found[leader]
        else:
            chosen = draft.networks.get(ref)
            found[ref] = chosen or default_network(source, target, host, source.VIF[ref].network)
    return found


def default_storage_network(target: Inventory, at: Iterable[HostRef]) -> NetworkRef | None:
    """The network that the pool itself names for migrations; else the first usable one that is not the management
    network and has link; else the management network."""
    at = tuple(dict.fromkeys(at))
    usable = [NetworkRef(c.ref) for c in storage_networks(target, at) if c.usable]
    if (named := migration_network(target)) in usable:
        return named

    def linked(network: NetworkRef) -> bool:
        pifs = [target.pif(host, network) for host in at]
        metrics = [target.PIF_metrics.get(pif.metrics) for pif in pifs if pif]
        return all(m is None or m.carrier for m in metrics)

    return next((ref for ref in usable if linked(ref)), usable[0] if usable else None)


@dataclass(frozen=True)
class Resolved:
    """A draft with everything filled in: what the pages show as chosen and what the rules judge."""

    moves: tuple[Move, ...]
    mode: StorageMode
    same_sr: SrRef | None
    storage_network: NetworkRef | None

    @cached_property
    def of_vms(self) -> tuple[Sent | Copied, ...]:
        """The moves of VMs, without disks that belong to none."""
        return tuple(move for move in self.moves if not isinstance(move, LooseDisk))


def resolve(site: Site, draft: Draft) -> Resolved:
    """Fill the draft up with defaults. Without a destination there are moves without hosts, so that what is wrong with
    the VMs themselves is known from the first page on."""
    source = site.pools[draft.source]
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    if target is None:
        bare = tuple(bare_move(site, draft, source, source, vm, None) for vm in draft.vms if vm in source.VM)
        return Resolved(bare, StorageMode.same, None, None)
    at = resolve_hosts(site, draft)
    mode = storage_mode(site, draft, at)
    same = draft.same_sr
    if mode is StorageMode.same and same is None:
        load = whole_load(site, draft, at)
        same = load.best() if load else None
    network = draft.storage_network or default_storage_network(target, [h for h in at.values() if h is not None])
    moves: list[Move] = []
    for vm, host in at.items():
        cds = {}
        if not draft.crosses and host is not None:
            cds = {vbd.VDI: vdi.SR for _ref, vbd, vdi in source.cds(vm) if source.sees(host, vdi.SR)}
        move = move_of(
            site,
            draft,
            source,
            target,
            vm,
            host,
            placement=_placement(site, draft, vm, host, mode, same if mode is StorageMode.same else None),
            cds=cds,
            networks=_vif_networks(draft, source, target, vm, host),
            storage_network=network,
        )
        moves.append(move)
    for disk in draft.loose:
        if disk in source.VDI:
            places = {disk: draft.disks.get(disk) or (same if mode is StorageMode.same else None)}
            moves.append(LooseDisk(site, draft, source, target, places, disk))
    return Resolved(tuple(moves), mode, same, network)
