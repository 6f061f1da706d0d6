"""Names and uuids, as a command line gives them, to the objects of the connected pools; and what to say where a name
stands for none, for several, or for something of another pool."""

from collections.abc import Iterable
from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Site
from xsmigui.core.records import Record
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef, is_null
from xsmigui.core.text import _, joined


class SelectionRefused(ValueError):
    """A name that stands for nothing, or for several things; the text says so."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that a name stands for."""

    pool: PoolId
    ref: str


def found(site: Site, cls: str, name: str) -> list[Hit]:
    """Every object of the class with this uuid, in any pool; failing that with this name (a host's address too).
    Snapshots are found by their uuid alone."""
    pools = site.pools.items()
    by_uuid = [
        Hit(pool, ref)
        for pool, inventory in pools
        for ref, record in _table(inventory, cls)
        if is_uuid(name, record.uuid)
    ]
    return by_uuid or [
        Hit(pool, ref) for pool, inventory in pools for ref, record in _table(inventory, cls) if name in _names(record)
    ]


def is_uuid(name: str, uuid: str) -> bool:
    """Does the name mean this uuid? Other programs show them in capitals too."""
    return uuid in (name, name.strip().lower())


def _table(inventory: Inventory, cls: str) -> Iterable[tuple[str, Record]]:
    return inventory.tables[cls].items()


def _names(record: Record) -> tuple[str, ...]:
    if getattr(record, "is_a_snapshot", False):
        return ()
    return tuple(text for text in (getattr(record, "name_label", ""), getattr(record, "address", "")) if text)


def one(site: Site, pool: PoolId, cls: str, name: str) -> str:
    """The one object of a pool that a name stands for. Raises `SelectionRefused`."""
    hits = found(site, cls, name)
    here = [hit for hit in hits if hit.pool == pool]
    if hits and not here:
        owners = joined(list(dict.fromkeys(site.pools[hit.pool].name for hit in hits)))
        raise SelectionRefused(
            _(
                "{name} ({kind}) belongs to {pool}, not to {wanted}.",
                name=name,
                kind=kind(cls),
                pool=owners,
                wanted=site.pools[pool].name,
            )
        )
    return only(site, here, cls, name).ref


def only(site: Site, hits: list[Hit], cls: str, name: str) -> Hit:
    """The one hit. Raises `SelectionRefused`, which lists them where there are several."""
    if not hits:
        raise SelectionRefused(_("There is no {kind} named {name}.", kind=kind(cls), name=name.strip() or "“”"))
    if len(hits) > 1:
        text = _("There are several of the kind {kind} named {name}: give a uuid.", kind=kind(cls), name=name)
        raise several(site, [(cls, hit) for hit in hits], text)
    return hits[0]


def several(site: Site, hits: Iterable[tuple[str, Hit]], message: str) -> SelectionRefused:
    """A name that stands for several things: the message, then each with its uuid and where it is."""
    lines = [message]
    lines += [f"  {described(site.pools[hit.pool], cls, hit.ref)}" for cls, hit in hits]
    return SelectionRefused("\n".join(lines))


def kind(cls: str) -> str:
    """What a reader calls the objects of a class."""
    return {
        "VM": _("VM"),
        "host": _("host"),
        "SR": _("SR"),
        "VDI": _("virtual disk"),
        "network": _("network"),
        "VIF": _("network interface of the selected VMs"),
        "pool": _("pool"),
    }[cls]


def described(inventory: Inventory, cls: str, ref: str) -> str:
    """``uuid  name, in Madrid, running on madrid-02``: what tells an object from others of its name."""
    record = inventory.record(cls, ref)
    assert record is not None
    uuid = record.uuid
    where = {"uuid": uuid, "name": inventory.name_of(cls, ref), "pool": inventory.name}
    match cls:
        case "VM":
            return _("{uuid}  {name}, in {pool}, {state}", state=_state(inventory, VmRef(ref)), **where)
        case "host":
            return _("{uuid}  {name}, in {pool}, at {address}", address=inventory.host[HostRef(ref)].address, **where)
        case "SR":
            return _("{uuid}  {name}, in {pool}, {hosts}", hosts=_hosts_of(inventory, SrRef(ref)), **where)
        case "VDI":
            sr = inventory.name_of("SR", inventory.VDI[VdiRef(ref)].SR)
            vms = [inventory.VBD[vbd].VM for vbd in inventory.vbds_by_vdi.get(VdiRef(ref), ())]
            names = joined([inventory.name_of("VM", vm) for vm in vms])
            if names:
                return _("{uuid}  {name}, in {pool}, on {sr}, of {vms}", sr=sr, vms=names, **where)
            return _("{uuid}  {name}, in {pool}, on {sr}", sr=sr, **where)
        case "network":
            bridge = inventory.network[NetworkRef(ref)].bridge
            return _("{uuid}  {name}, in {pool}, bridge {bridge}", bridge=bridge, **where)
        case "VIF":
            vif = inventory.VIF[VifRef(ref)]
            vm = inventory.name_of("VM", vif.VM)
            return _("{uuid}  device {device} of {vm}, {mac}", uuid=uuid, device=vif.device, vm=vm, mac=vif.MAC)
        case _:
            master = inventory.host.get(inventory.pool.master)
            return _("{uuid}  {name}, coordinator at {address}", address=master.address if master else "–", **where)


def _state(inventory: Inventory, ref: VmRef) -> str:
    vm = inventory.VM[ref]
    if vm.is_a_snapshot:
        return _("a snapshot")
    if vm.is_a_template:
        return _("a template")
    if not is_null(vm.resident_on) and vm.power_state == "Running":
        return _("running on {host}", host=inventory.name_of("host", vm.resident_on))
    return {"Halted": _("halted"), "Suspended": _("suspended"), "Paused": _("paused")}.get(
        vm.power_state, vm.power_state
    )


def _hosts_of(inventory: Inventory, sr: SrRef) -> str:
    if inventory.SR[sr].shared:
        return _("shared")
    names = [inventory.name_of("host", host) for host in inventory.sr_hosts.get(sr, ())]
    return _("on {host}", host=joined(names)) if names else _("attached to no host")
