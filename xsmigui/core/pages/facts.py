"""The one line of the header beside the trail: what most people want to know of a pool, a host or an SR."""

from collections.abc import Iterable

from xsmigui.core.description import sr_space
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Claim
from xsmigui.core.refs import HostRef, ObjectId, SrRef, VmRef
from xsmigui.core.text import _, n_
from xsmigui.core.units import size


def facts(inventory: Inventory, key: ObjectId, claims: Iterable[Claim] = ()) -> str:
    """Empty for VMs, whose line says where they can move, and for objects that are gone. `claims` are what our own jobs
    will still take."""
    if key.cls == "pool":
        return _pool(inventory)
    if key.cls == "host" and key.ref in inventory.host:
        return _host(inventory, HostRef(key.ref))
    if key.cls == "SR":
        return _sr(inventory, SrRef(key.ref), claims)
    snapshot = inventory.VM.get(VmRef(key.ref)) if key.cls == "VM" else None
    if snapshot is not None and snapshot.is_a_snapshot:
        return _("It moves with its VM.")
    return ""


def _sr(inventory: Inventory, ref: SrRef, claims: Iterable[Claim]) -> str:
    space = sr_space(inventory, ref)
    if space is None:
        return _("It has no space of its own.")
    mine = (claim for claim in claims if claim.pool == inventory.id)
    incoming = sum(number for claim in mine for sr, number in claim.space if sr == ref)
    more = _("{size} are still to come.", size=size(incoming)) if incoming else ""
    return " ".join(filter(None, (space.sentence(), more)))


def _pool(inventory: Inventory) -> str:
    vms = [vm for _ref, vm in inventory.user_vms()]
    running = sum(1 for vm in vms if vm.power_state == "Running")
    parts = [
        n_("{n} host", "{n} hosts", len(inventory.host)),
        n_("{n} VM", "{n} VMs", len(vms)),
        n_("{n} runs", "{n} run", running) if running else _("none runs"),
    ]
    return " · ".join(parts)


def _host(inventory: Inventory, ref: HostRef) -> str:
    vms = sum(1 for vm in map(inventory.VM.get, inventory.host[ref].resident_VMs) if vm and not vm.is_control_domain)
    free, total = size(inventory.free_memory(ref)), size(inventory.total_memory(ref))
    return " · ".join((n_("{n} VM", "{n} VMs", vms), _("{free} of {total} of memory are free", free=free, total=total)))
