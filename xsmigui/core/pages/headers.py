"""What stands above the tabs: what an object is, what it does, and what holds it."""

from dataclasses import dataclass

from xsmigui.core import records
from xsmigui.core.inventory import Inventory
from xsmigui.core.outline_nodes import vm_state
from xsmigui.core.pages.pools import host_standing
from xsmigui.core.refs import HostRef, ObjectId, SrRef, VmRef
from xsmigui.core.text import _
from xsmigui.core.units import moment


@dataclass(frozen=True, slots=True)
class Place:
    """An object that holds another one."""

    key: ObjectId
    icon: str
    name: str


@dataclass(frozen=True, slots=True)
class Header:
    """`state` says what the object does; `trail` leads to it, the outermost first."""

    icon: str
    name: str
    state: str
    trail: tuple[Place, ...] = ()


def header(inventory: Inventory, key: ObjectId) -> Header:
    """The header of an object that the inventory has."""
    record = inventory.record(key.cls, key.ref)
    name = getattr(record, "name_label", "") or inventory.name
    if isinstance(record, records.VM):
        return _vm(inventory, VmRef(key.ref), record)
    if isinstance(record, records.Host):
        icon, state = host_standing(inventory, HostRef(key.ref))
        return Header(icon, name, state, () if inventory.is_standalone else (_pool(inventory),))
    if isinstance(record, records.SR):
        shared = _("shared") if record.shared else _("local")
        return Header(
            "sr", name, f"{record.type} · {shared}", _trail(inventory, inventory.storage_host(SrRef(key.ref)))
        )
    return Header("pool", name, _("pool"))


def _vm(inventory: Inventory, ref: VmRef, vm: records.VM) -> Header:
    icon, state = vm_state(inventory, vm)
    trail = _trail(inventory, inventory.home(ref))
    if vm.is_a_snapshot:
        icon, state = "snapshot", _("snapshot of {time}", time=moment(vm.snapshot_time))
        if vm.snapshot_of in inventory.VM:
            of = inventory.VM[vm.snapshot_of]
            trail += (Place(inventory.object_id("VM", vm.snapshot_of), vm_state(inventory, of)[0], of.name_label),)
    elif vm.is_a_template:
        icon, state = "template", _("template")
    return Header(icon, vm.name_label, state, trail)


def _pool(inventory: Inventory) -> Place:
    return Place(inventory.object_id("pool", inventory.pool_ref), "pool", inventory.name)


def _trail(inventory: Inventory, host: HostRef | None) -> tuple[Place, ...]:
    """The pool, and a host in it."""
    trail = () if inventory.is_standalone else (_pool(inventory),)
    if host is None or host not in inventory.host:
        return trail
    icon = host_standing(inventory, host)[0]
    return (*trail, Place(inventory.object_id("host", host), icon, inventory.host[host].name_label))
