"""From names and uuids, as a command line gives them, to a draft."""

from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.diskdraft import DisksRefused, draft_of_disks
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef
from xsmigui.core.text import _


class SelectionRefused(ValueError):
    """A name that stands for nothing, or for several things; the text says so."""


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


def draft_from(site: Site, asked: Asked) -> Draft:
    """The draft that was asked for. Raises `SelectionRefused`."""
    source, vms = _vms(site, asked)
    target, host = _destination(site, asked.to)
    if asked.host:
        host = HostRef(_one(site.pools[target], "host", asked.host, _("host")))
    here, there = site.pools[source], site.pools[target]
    draft = Draft(
        source=source,
        vms=vms,
        destination=target,
        hosts=dict.fromkeys(vms, host) if host is not None else {},
        copy=asked.copy,
        compress=True if asked.compress else None,
        start_after=asked.start_after,
    )
    if asked.sr:
        draft = draft.on_same_sr(SrRef(_one(there, "SR", asked.sr, _("SR"))))
    if asked.disks:
        draft = _with_disks(draft, here, there, asked)
    for name, network in asked.networks:
        vif = _vif(here, vms, name)
        draft = draft.connecting(vif, NetworkRef(_one(there, "network", network, _("network"))))
    if asked.storage_network:
        draft = draft.over(network_from(there, asked.storage_network))
    return draft


def host_from(site: Site, name: str) -> tuple[PoolId, HostRef]:
    """A host by its name, uuid or address, and its pool. Raises `SelectionRefused`."""
    found = _hosts(site, name)
    if len(found) > 1:
        raise SelectionRefused(
            _("There are several of the kind {kind} named {name}: give a uuid.", kind=_("host"), name=name)
        )
    if not found:
        raise SelectionRefused(_("There is no {kind} named {name}.", kind=_("host"), name=name))
    return found[0]


def _hosts(site: Site, name: str) -> list[tuple[PoolId, HostRef]]:
    return [
        (pool, ref)
        for pool, inventory in site.pools.items()
        for ref, host in inventory.host.items()
        if name in (host.uuid, host.name_label, host.address)
    ]


def network_from(inventory: Inventory, name: str) -> NetworkRef:
    """A network by its name or uuid. Raises `SelectionRefused`."""
    return NetworkRef(_one(inventory, "network", name, _("network")))


def disks_from(site: Site, names: tuple[str, ...], sr: str) -> Draft:
    """The draft that moves these disks (by uuid, or a name that is the only one) to an SR of their pool. Raises
    `SelectionRefused`."""
    found: dict[VdiRef, PoolId] = {}
    for name in names:
        hits = {VdiRef(ref): pool for pool, inventory in site.pools.items() for ref in inventory.find("VDI", name)}
        ref = VdiRef(_only(list(hits), _("virtual disk"), name))
        found[ref] = hits[ref]
    if len(set(found.values())) > 1:
        raise SelectionRefused(_("The disks belong to several pools: move them pool by pool."))
    pool = next(iter(found.values()))
    place = SrRef(_one(site.pools[pool], "SR", sr, _("SR")))
    try:
        return draft_of_disks(site, pool, found, place)
    except DisksRefused as refused:
        raise SelectionRefused(str(refused)) from None


def _with_disks(draft: Draft, here: Inventory, there: Inventory, asked: Asked) -> Draft:
    """Single disks on SRs of their own; the others on the SR asked for, if there is one."""
    own = {ref: vdi for vm in draft.vms for ref, vdi in own_disks(here, vm).items()}
    placed: dict[VdiRef, SrRef] = {}
    if draft.same_sr is not None:
        placed = dict.fromkeys(own, draft.same_sr)
    for name, sr in asked.disks:
        found = [ref for ref, vdi in own.items() if name == vdi.uuid]
        found = found or [ref for ref, vdi in own.items() if name == vdi.name_label]
        placed[VdiRef(_only(found, _("disk of the selected VMs"), name))] = SrRef(_one(there, "SR", sr, _("SR")))
    draft = draft.each_disk()
    for disk, place in placed.items():
        draft = draft.placing(disk, place)
    return draft


def _vms(site: Site, asked: Asked) -> tuple[PoolId, tuple[VmRef, ...]]:
    found: dict[VmRef, PoolId] = {}
    for name in asked.vms:
        hits = [
            (pool, VmRef(ref))
            for pool, inventory in site.pools.items()
            for ref in inventory.find("VM", name)
            if not inventory.VM[VmRef(ref)].is_a_snapshot or inventory.VM[VmRef(ref)].uuid == name
        ]
        refs = [ref for _pool, ref in hits]
        ref = VmRef(_only(refs, _("VM"), name))
        found[ref] = next(pool for pool, hit in hits if hit == ref)
    if len(set(found.values())) > 1:
        raise SelectionRefused(_("The VMs belong to several pools: move them pool by pool."))
    return next(iter(found.values())), tuple(found)


def _destination(site: Site, name: str) -> tuple[PoolId, HostRef | None]:
    """A pool by name or uuid, else a host by name, uuid or address and its pool."""
    pools = [pool for pool, inventory in site.pools.items() if name in (pool, inventory.name)]
    if len(pools) == 1:
        return pools[0], None
    hosts = _hosts(site, name)
    if pools or len(hosts) > 1:
        raise SelectionRefused(_("There are several pools or hosts named {name}: give a uuid.", name=name))
    if not hosts:
        raise SelectionRefused(_("There is no pool or host named {name}.", name=name))
    return hosts[0]


def _vif(here: Inventory, vms: tuple[VmRef, ...], name: str) -> VifRef:
    found = [
        ref
        for vm in vms
        for ref, vif in here.vifs(vm)
        if name == vif.uuid or name.casefold() == vif.MAC.casefold() or (len(vms) == 1 and name == vif.device)
    ]
    return VifRef(_only(found, _("network interface of the selected VMs"), name))


def _one(inventory: Inventory, cls: str, name: str, kind: str) -> str:
    return _only(inventory.find(cls, name), kind, name)


def _only(found: "list[str] | list[VmRef] | list[VifRef] | list[VdiRef]", kind: str, name: str) -> str:
    if not found:
        raise SelectionRefused(_("There is no {kind} named {name}.", kind=kind, name=name))
    if len(found) > 1:
        raise SelectionRefused(
            _("There are several of the kind {kind} named {name}: give a uuid.", kind=kind, name=name)
        )
    return found[0]
