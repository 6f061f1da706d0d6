"""The lines of the resource tree: what is shown of a pool, a host, a VM and an SR, and under what it stands.

Placement follows XenCenter: pool → host → VM and local SR; VMs without a home and shared SRs stand directly under the
pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from xsmigui.core import records
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.calls import MOVING
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VmRef, is_null
from xsmigui.core.text import _
from xsmigui.core.units import moment, natural, percent


class Link(StrEnum):
    """How we stand with a server."""

    connecting = "connecting"
    loading = "loading"
    connected = "connected"
    waiting = "waiting"
    asking = "asking"
    failed = "failed"
    closed = "closed"


@dataclass(frozen=True, slots=True)
class ServerView:
    """A connection as the tree shows it: its name, how it stands, and the inventory where one is known."""

    key: str
    name: str
    link: Link
    detail: str = ""
    inventory: Inventory | None = None
    short: str = ""
    """How it stands in a word or two, for a narrow tree."""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of the tree. `icon` names a picture, `state` says the same in words, `order` sorts among siblings;
    `hit` marks what a search has found."""

    id: ObjectId
    parent: ObjectId | None
    icon: str
    label: str
    state: str = ""
    order: tuple[object, ...] = ()
    dimmed: bool = False
    used: float | None = None
    hit: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What the operator wants to see beside pools, hosts, VMs and SRs."""

    search: str = ""
    templates: bool = False
    snapshots: bool = False
    local_srs: bool = True
    by_type: bool = False
    arriving: Mapping[ObjectId, str] = field(default_factory=dict, hash=False)
    """VMs that are just arriving from another pool, with that pool's name."""

    def matches(self, *texts: str) -> bool:
        """Every word of the search occurs in one of the texts."""
        words = self.search.casefold().split()
        haystack = "\n".join(texts).casefold()
        return all(word in haystack for word in words)


def server_node(view: ServerView) -> Node:
    """The top line of a connection: its pool, or its host if it stands alone, or just its address."""
    inventory = view.inventory
    if inventory is None:
        icon = "pool-connecting" if view.link in (Link.connecting, Link.loading) else "pool-disconnected"
        key = ObjectId(PoolId(""), "server", view.key)
        state = view.short or view.detail
        return Node(key, None, icon, view.name, state, (natural(view.name), view.key), dimmed=True)
    if inventory.is_standalone:
        host = next(iter(inventory.host), HostRef(""))
        node = host_node(inventory, host)
        return replace(
            node,
            parent=None,
            order=(natural(node.label), view.key),
            state=view.short or view.detail or ", ".join(filter(None, (node.state, _encryption(inventory)))),
            icon=node.icon if view.link is Link.connected else "host-unreachable",
            dimmed=view.link is not Link.connected,
        )
    key = inventory.object_id("pool", inventory.pool_ref)
    connected = view.link is Link.connected
    icon = "pool" if connected else "pool-disconnected"
    name = inventory.name
    state = view.short or view.detail or _encryption(inventory)
    return Node(key, None, icon, name, state, (natural(name), view.key), dimmed=not connected)


def _encryption(inventory: Inventory) -> str:
    return _("old encryption") if inventory.old_encryption else ""


def host_node(inventory: Inventory, ref: HostRef) -> Node:
    host = inventory.host[ref]
    if not inventory.is_live(ref):
        icon, state = "host-unreachable", _("unreachable")
    elif not host.enabled:
        icon, state = "host-disabled", _("maintenance mode")
    else:
        icon, state = "host", ""
    order = (0, ref != inventory.pool.master, natural(host.name_label), ref)
    key = inventory.object_id("host", ref)
    return Node(key, _top(inventory), icon, host.name_label, state, order, dimmed=icon == "host-unreachable")


def vm_node(inventory: Inventory, ref: VmRef, view: View) -> Node | None:
    """The line of a VM, template or snapshot; None if the view leaves it out."""
    vm = inventory.VM[ref]
    if vm.is_control_domain or vm.comes_with_server or vm.other_config.get("HideFromXenCenter") == "true":
        return None
    key = inventory.object_id("VM", ref)
    parent = _top(inventory)
    if vm.is_a_snapshot:
        if not view.snapshots or vm.snapshot_of not in inventory.VM:
            return None
        parent = inventory.object_id("VM", vm.snapshot_of)
        return Node(
            key, parent, "snapshot", vm.name_label, moment(vm.snapshot_time), (5, natural(vm.snapshot_time), ref)
        )
    if vm.is_a_template:
        if not view.templates:
            return None
        return Node(key, parent, "template", vm.name_label, "", (3, natural(vm.name_label), ref))
    home = inventory.home(ref)
    if home is not None and home in inventory.host and not inventory.is_standalone:
        parent = inventory.object_id("host", home)
    icon, state = vm_state(inventory, vm)
    order = (1, natural(vm.name_label), ref)
    if key in view.arriving:
        state = _("arriving from {pool}", pool=view.arriving[key])
        return Node(key, parent, "vm-moving", vm.name_label, state, order, dimmed=True)
    return Node(key, parent, icon, vm.name_label, state, order)


def vm_state(inventory: Inventory, vm: records.VM) -> tuple[str, str]:
    """The picture and the words for what a VM is doing."""
    moving = [task for task, operation in vm.current_operations.items() if operation in MOVING]
    task = inventory.task.get(moving[0]) if moving else None  # type: ignore[call-overload]
    icon, state = vm_standing(vm)
    return icon, _("moving {percent}", percent=percent(task.progress)) if task is not None else state


def vm_standing(vm: records.VM) -> tuple[str, str]:
    """The picture and the words without the progress: what VMs are counted by."""
    if any(operation in MOVING for operation in vm.current_operations.values()):
        return "vm-moving", _("moving")
    return {
        "Running": ("vm-running", _("running")),
        "Suspended": ("vm-suspended", _("suspended")),
        "Paused": ("vm-paused", _("paused")),
    }.get(vm.power_state, ("vm-halted", _("halted")))


def sr_node(inventory: Inventory, ref: SrRef, view: View) -> Node | None:
    sr = inventory.SR[ref]
    hidden = sr.is_tools_sr or sr.type in ("tmpfs", "local") or sr.other_config.get("HideFromXenCenter") == "true"
    if hidden or not is_null(sr.introduced_by):
        return None
    home = inventory.storage_host(ref)
    if home is not None and not view.local_srs:
        return None
    parent = _top(inventory)
    if home is not None and not inventory.is_standalone:
        parent = inventory.object_id("host", home)
    detached = not inventory.sr_hosts.get(ref)
    icon = "sr-detached" if detached else "sr-default" if inventory.pool.default_SR == ref else "sr"
    if icon == "sr" and home is not None:
        icon = "sr-local"
    used = sr.physical_utilisation / sr.physical_size if sr.physical_size > 0 and sr.content_type != "iso" else None
    state = _("detached") if detached else percent(used) if used is not None else ""
    key = inventory.object_id("SR", ref)
    return Node(key, parent, icon, sr.name_label, state, (2, natural(sr.name_label), ref), detached, used)


def node_of(inventory: Inventory, cls: str, ref: str, view: View) -> Node | None:
    """The line of an object; None if it is unknown or not shown. A search leaves out what does not match."""
    if ref not in inventory.tables.get(cls, {}):
        return None
    if cls == "host":
        return None if inventory.is_standalone else host_node(inventory, HostRef(ref))
    node = vm_node(inventory, VmRef(ref), view) if cls == "VM" else sr_node(inventory, SrRef(ref), view)
    if node is None or not view.search:
        return node
    return node if view.matches(*_searched(inventory, cls, ref)) else None


def hidden_by(inventory: Inventory, key: ObjectId) -> str:
    """The setting (`show_snapshots` …) that an object needs to have a line; empty where it needs none."""
    vm = inventory.VM.get(VmRef(key.ref)) if key.cls == "VM" else None
    if vm is not None and vm.is_a_snapshot:
        return "show_snapshots"
    if vm is not None and vm.is_a_template:
        return "show_templates"
    is_local = key.cls == "SR" and inventory.storage_host(SrRef(key.ref)) is not None
    return "show_local_srs" if is_local else ""


def _searched(inventory: Inventory, cls: str, ref: str) -> tuple[str, ...]:
    record = inventory.record(cls, ref)
    texts = [getattr(record, "name_label", ""), getattr(record, "name_description", ""), record.uuid if record else ""]
    if isinstance(record, records.VM):
        guest = inventory.VM_guest_metrics.get(record.guest_metrics)
        texts += guest.networks.values() if guest else ()
        texts += record.tags
    return tuple(texts)


def _top(inventory: Inventory) -> ObjectId:
    """The identity of the pool's top line."""
    if inventory.is_standalone:
        return inventory.object_id("host", next(iter(inventory.host), ""))
    return inventory.object_id("pool", inventory.pool_ref)
