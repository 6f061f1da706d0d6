"""From names and uuids, as a command line gives them, to a draft."""

from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.diskdraft import DisksRefused, draft_of_disks, movable_disks
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.lookup import Hit, SelectionRefused, found, is_uuid, one, only, several
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef
from xsmigui.core.text import _


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, by names or uuids; empty where nothing was said."""

    vms: tuple[str, ...]
    to: str
    host: str = ""
    sr: str = ""
    disks: tuple[tuple[str, str], ...] = ()
    networks: tuple[tuple[str, str], ...] = ()
    storage_network: str = ""
    copy: bool = False
    compress: bool = False
    start_after: bool = False
    prove: bool = False
    short_stop: int = 0


def draft_from(site: Site, asked: Asked) -> Draft:
    """The draft that was asked for. Raises `SelectionRefused`."""
    target, host = _destination(site, asked.to)
    source, vms = _vms(site, asked.vms, target)
    if asked.host:
        chosen = HostRef(one(site, target, "host", asked.host))
        if host is not None and chosen != host:
            names = {"to": asked.to, "host": asked.host}
            raise SelectionRefused(_("--to names the host {to}, and --host another one, {host}.", **names))
        host = chosen
    here = site.pools[source]
    draft = Draft(
        source=source,
        vms=vms,
        destination=target,
        hosts=dict.fromkeys(vms, host) if host is not None else {},
        copy=asked.copy,
        compress=True if asked.compress else None,
        start_after=asked.start_after,
        prove=asked.prove,
        short_stop=asked.short_stop,
    )
    if asked.sr:
        draft = draft.on_same_sr(SrRef(one(site, target, "SR", asked.sr)))
    if asked.disks:
        draft = _with_disks(draft, site, here, target, asked)
    for name, network in asked.networks:
        vif = _vif(site, source, vms, name)
        draft = draft.connecting(vif, NetworkRef(one(site, target, "network", network)))
    if asked.storage_network:
        draft = draft.over(network_from(site, target, asked.storage_network))
    return draft


def host_from(site: Site, name: str) -> tuple[PoolId, HostRef]:
    """A host by its name, uuid or address, and its pool. Raises `SelectionRefused`."""
    hit = only(site, found(site, "host", name), "host", name)
    return hit.pool, HostRef(hit.ref)


def network_from(site: Site, pool: PoolId, name: str) -> NetworkRef:
    """A network of a pool by its name or uuid. Raises `SelectionRefused`."""
    return NetworkRef(one(site, pool, "network", name))


def disks_from(site: Site, names: tuple[str, ...], sr: str) -> Draft:
    """The draft that moves these disks (by uuid, or a name that is the only one) to an SR of their pool. Raises
    `SelectionRefused`."""
    hits = [found(site, "VDI", name) for name in names]
    decided = {each[0].pool for each in hits if len(each) == 1}
    goals = {hit.pool for hit in found(site, "SR", sr)}
    chosen = [
        only(site, _narrowed(each, "VDI", site, decided, goals), "VDI", name)
        for name, each in zip(names, hits, strict=True)
    ]
    if len({hit.pool for hit in chosen}) > 1:
        raise SelectionRefused(_("The disks belong to several pools: move them pool by pool."))
    pool = chosen[0].pool
    place = SrRef(one(site, pool, "SR", sr))
    try:
        return draft_of_disks(site, pool, dict.fromkeys(VdiRef(hit.ref) for hit in chosen), place)
    except DisksRefused as refused:
        raise SelectionRefused(str(refused)) from None


def emptying_from(site: Site, name: str, sr: str) -> tuple[Draft, tuple[str, ...]]:
    """The draft that moves all virtual disks of an SR to another one of its pool, and what stays on it, each with its
    reason. Raises `SelectionRefused`."""
    goals = {hit.pool for hit in found(site, "SR", sr)}
    hits = found(site, "SR", name)
    hit = only(site, _narrowed(hits, "SR", site, set(), goals), "SR", name)
    place = SrRef(one(site, hit.pool, "SR", sr))
    going, staying = movable_disks(site.pools[hit.pool], SrRef(hit.ref))
    if not going:
        raise SelectionRefused(_("There is no virtual disk on {sr} that could move.", sr=name))
    return draft_of_disks(site, hit.pool, going, place), tuple(map(str, staying))


def _with_disks(draft: Draft, site: Site, here: Inventory, target: PoolId, asked: Asked) -> Draft:
    """Single disks on SRs of their own; the others on the SR asked for, if there is one."""
    own = {ref: vdi for vm in draft.vms for ref, vdi in own_disks(here, vm).items()}
    placed: dict[VdiRef, SrRef] = {}
    if draft.same_sr is not None:
        placed = dict.fromkeys(own, draft.same_sr)
    for name, sr in asked.disks:
        hits = [Hit(draft.source, ref) for ref, vdi in own.items() if is_uuid(name, vdi.uuid)]
        hits = hits or [Hit(draft.source, ref) for ref, vdi in own.items() if name == vdi.name_label]
        if not hits and found(site, "VDI", name):
            raise SelectionRefused(_("{name} is not a disk of the selected VMs.", name=name))
        placed[VdiRef(only(site, hits, "VDI", name).ref)] = SrRef(one(site, target, "SR", sr))
    draft = draft.each_disk()
    for disk, place in placed.items():
        draft = draft.placing(disk, place)
    return draft


def _vms(site: Site, names: tuple[str, ...], target: PoolId) -> tuple[PoolId, tuple[VmRef, ...]]:
    """The VMs and their pool. A uuid that several pools have means the VM of the others' pool, else the one that is
    not at the destination yet; a name is not guessed at."""
    hits = [found(site, "VM", name) for name in names]
    decided = {each[0].pool for each in hits if len(each) == 1}
    away = set(site.pools) - {target}
    chosen = [
        only(site, _narrowed(each, "VM", site, decided, away), "VM", name)
        for name, each in zip(names, hits, strict=True)
    ]
    if len({hit.pool for hit in chosen}) > 1:
        raise SelectionRefused(_("The VMs belong to several pools: move them pool by pool."))
    return chosen[0].pool, tuple(dict.fromkeys(VmRef(hit.ref) for hit in chosen))


def _narrowed(hits: list[Hit], cls: str, site: Site, *wanted: set[PoolId]) -> list[Hit]:
    """Of the hits of one uuid those in the wanted pools, first wishes first, where that leaves one."""
    records = [site.pools[hit.pool].record(cls, hit.ref) for hit in hits]
    if len({record.uuid for record in records if record is not None}) == 1:
        for pools in wanted:
            left = [hit for hit in hits if hit.pool in pools]
            if len(left) == 1:
                return left
    return hits


def _destination(site: Site, name: str) -> tuple[PoolId, HostRef | None]:
    """A pool by name or uuid, else a host by name, uuid or address and its pool."""
    pools = [pool for pool, inventory in site.pools.items() if name == inventory.name or is_uuid(name, pool)]
    if len(pools) == 1:
        return pools[0], None
    hosts = found(site, "host", name)
    if pools or len(hosts) > 1:
        hits = [("pool", Hit(pool, site.pools[pool].pool_ref)) for pool in pools]
        hits = hits or [("host", hit) for hit in hosts]
        raise several(site, hits, _("There are several pools or hosts named {name}: give a uuid.", name=name))
    if not hosts:
        raise SelectionRefused(_("There is no pool or host named {name}.", name=name))
    return hosts[0].pool, HostRef(hosts[0].ref)


def _vif(site: Site, source: PoolId, vms: tuple[VmRef, ...], name: str) -> VifRef:
    hits = [
        Hit(source, ref)
        for vm in vms
        for ref, vif in site.pools[source].vifs(vm)
        if is_uuid(name, vif.uuid) or name.casefold() == vif.MAC.casefold() or (len(vms) == 1 and name == vif.device)
    ]
    return VifRef(only(site, hits, "VIF", name).ref)
