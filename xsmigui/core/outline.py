"""The resource tree as plain nodes: inventories and a search in, a tree of frozen nodes out.

Placement follows XenCenter: pool → host → VM and local SR; VMs without a home and shared
SRs stand directly under the pool. An `Outline` is immutable; `updated` makes the next one from a delta at the cost of
what changed, and `steps` turns two outlines into the fewest removals, changes and insertions for a view.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from xsmigui.core import records
from xsmigui.core.changes import Delta
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.calls import MOVING
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VmRef, is_null
from xsmigui.core.text import _
from xsmigui.core.units import natural, percent

"""The `current_operations` of a VM that is under way to another place."""


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
    """One line of the tree. `icon` names a picture, `state` says the same in words, `order` sorts among siblings."""

    id: ObjectId
    parent: ObjectId | None
    icon: str
    label: str
    state: str = ""
    order: tuple[object, ...] = ()
    dimmed: bool = False
    used: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What the operator wants to see beside pools, hosts, VMs and SRs."""

    search: str = ""
    templates: bool = False
    snapshots: bool = False
    local_srs: bool = True
    arriving: Mapping[ObjectId, str] = field(default_factory=dict, hash=False)
    """VMs that are just arriving from another pool, with that pool's name."""

    def matches(self, *texts: str) -> bool:
        """Every word of the search occurs in one of the texts."""
        words = self.search.casefold().split()
        haystack = "\n".join(texts).casefold()
        return all(word in haystack for word in words)


Children = Mapping[ObjectId | None, tuple[ObjectId, ...]]


@dataclass(frozen=True, slots=True)
class Outline:
    """A tree: nodes by identity, and for each parent its children in order (None: the top). `storage` remembers the
    hosts that unshared SRs belonged to when it was made: a change there may move any VM."""

    nodes: Mapping[ObjectId, Node] = field(default_factory=dict)
    children: Children = field(default_factory=dict)
    storage: Mapping[PoolId, Mapping[SrRef, HostRef]] = field(default_factory=dict, compare=False)

    def walk(self, parent: ObjectId | None = None) -> Iterator[Node]:
        """Every node, parents before children, siblings in order."""
        for key in self.children.get(parent, ()):
            yield self.nodes[key]
            yield from self.walk(key)


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
    """The line of a VM, template or snapshot; None where the view leaves it out."""
    vm = inventory.VM[ref]
    if vm.is_control_domain or vm.is_default_template or vm.other_config.get("HideFromXenCenter") == "true":
        return None
    key = inventory.object_id("VM", ref)
    parent = _top(inventory)
    if vm.is_a_snapshot:
        if not view.snapshots or vm.snapshot_of not in inventory.VM:
            return None
        parent = inventory.object_id("VM", vm.snapshot_of)
        return Node(key, parent, "snapshot", vm.name_label, vm.snapshot_time, (5, natural(vm.snapshot_time), ref))
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
    """The line of an object; None where it is unknown or not shown. A search leaves out what does not match."""
    if ref not in inventory.tables.get(cls, {}):
        return None
    if cls == "host":
        return None if inventory.is_standalone else host_node(inventory, HostRef(ref))
    node = vm_node(inventory, VmRef(ref), view) if cls == "VM" else sr_node(inventory, SrRef(ref), view)
    if node is None or not view.search:
        return node
    return node if view.matches(*_searched(inventory, cls, ref)) else None


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


SHOWN: Final = ("host", "VM", "SR")
"""The classes that have lines of their own, below the server's."""

STRUCTURAL: Final = ("pool", "host_metrics", "PBD")
"""A change in one of these may move any line of the pool; they change seldom."""


def build(views: Iterable[ServerView], view: View) -> Outline:
    """The whole tree. With a search, hosts stay where they match or hold a match."""
    nodes: dict[ObjectId, Node] = {}
    storage: dict[PoolId, Mapping[SrRef, HostRef]] = {}
    for server in views:
        nodes.update(_pool_nodes(server, view))
        storage |= _storage(server)
    return _arranged(nodes, storage)


def _storage(server: ServerView) -> dict[PoolId, Mapping[SrRef, HostRef]]:
    return {server.inventory.id: server.inventory.storage_hosts} if server.inventory else {}


def _pool_nodes(server: ServerView, view: View) -> dict[ObjectId, Node]:
    top = server_node(server)
    nodes = {top.id: top}
    inventory = server.inventory
    if inventory is None:
        return nodes if not view.search or view.matches(top.label) else {}
    for cls in SHOWN:
        for ref in inventory.tables[cls]:
            node = node_of(inventory, cls, ref, view)
            if node is not None:
                nodes[node.id] = node
    if view.search:
        keep = {n.id for n in nodes.values() if n.id.cls in ("VM", "SR") or view.matches(n.label)}
        for key in list(keep):
            parent = nodes[key].parent
            while parent is not None and parent not in keep:
                if parent not in nodes:
                    added = node_of(inventory, parent.cls, parent.ref, replace(view, search=""))
                    if added is None:
                        break
                    nodes[parent] = added
                keep.add(parent)
                parent = nodes[parent].parent
        nodes = {key: node for key, node in nodes.items() if key in keep}
    shown = {key: n for key, n in nodes.items() if n.parent is None or n.parent in nodes}
    if server.link is not Link.connected:  # what is known of it is old
        shown = {key: node if node.dimmed else replace(node, dimmed=True) for key, node in shown.items()}
    return shown


def _arranged(nodes: dict[ObjectId, Node], storage: Mapping[PoolId, Mapping[SrRef, HostRef]]) -> Outline:
    below: dict[ObjectId | None, list[Node]] = {}
    for node in nodes.values():
        below.setdefault(node.parent, []).append(node)
    children = {
        parent: tuple(n.id for n in sorted(some, key=lambda node: node.order)) for parent, some in below.items()
    }
    return Outline(nodes, children, storage)


def updated(outline: Outline, server: ServerView, delta: Delta, view: View) -> Outline:
    """The tree after a delta of one pool. Only the lines that it touches are made again; structural changes and
    searches make the pool's part anew."""
    inventory = server.inventory
    if inventory is None or view.search or server.link is not Link.connected or _reshapes(outline, inventory, delta):
        return replaced(outline, server, view)
    stale = _stale(outline, inventory, delta)
    if not stale:
        return outline
    nodes = dict(outline.nodes)
    parents: set[ObjectId | None] = set()
    altered = False
    for cls, ref in stale:
        key = inventory.object_id(cls, ref)
        old, new = nodes.get(key), node_of(inventory, cls, ref, view)
        if new is not None and new.parent not in nodes:
            new = None
        if old == new:
            continue
        altered = True
        if new is None:
            nodes.pop(key, None)
        else:
            nodes[key] = new
        if old is None or new is None or (old.parent, old.order) != (new.parent, new.order):
            parents |= {old.parent} if old else set()
            parents |= {new.parent} if new else set()
    if not altered:
        return outline
    if not parents:
        return Outline(nodes, outline.children, outline.storage)
    return _with_children(outline, nodes, parents)


def _with_children(outline: Outline, nodes: dict[ObjectId, Node], parents: set[ObjectId | None]) -> Outline:
    children = dict(outline.children)
    members: dict[ObjectId | None, list[Node]] = {parent: [] for parent in parents}
    for node in nodes.values():
        if node.parent in members:
            members[node.parent].append(node)
    for parent, some in members.items():
        if some and (parent is None or parent in nodes):
            children[parent] = tuple(n.id for n in sorted(some, key=lambda node: node.order))
        else:
            children.pop(parent, None)
    return Outline(nodes, children, outline.storage)


def _reshapes(outline: Outline, inventory: Inventory, delta: Delta) -> bool:
    """A delta may move any line of its pool. Hosts and SRs change all the time; what decides is whether hosts come or
    go, whether one of them stands for the whole pool, and where unshared SRs belong."""
    if delta.touched(*STRUCTURAL) or "host" in delta.added or "host" in delta.removed:
        return True
    if delta.touched("host") and not inventory.pool.name_label:
        return True
    return delta.touched("SR") and outline.storage.get(inventory.id) != inventory.storage_hosts


def _stale(outline: Outline, inventory: Inventory, delta: Delta) -> list[tuple[str, str]]:
    """The lines that a delta which does not reshape the pool may alter; snapshots after the VMs that they belong to."""
    stale: set[tuple[str, str]] = {(cls, ref) for cls in SHOWN for ref in delta.refs(cls)}
    for ref in delta.refs("VBD"):
        vbd = inventory.tables["VBD"].get(ref)
        if isinstance(vbd, records.VBD):
            stale.add(("VM", vbd.VM))
    for ref in delta.refs("VDI"):
        vdi = inventory.tables["VDI"].get(ref)
        for vbd_ref in vdi.VBDs if isinstance(vdi, records.VDI) else ():
            if vbd_ref in inventory.VBD:
                stale.add(("VM", inventory.VBD[vbd_ref].VM))
    gone = delta.removed.get("VDI", frozenset())
    stale |= {("VM", vbd.VM) for vbd in inventory.VBD.values() if vbd.VDI in gone} if gone else set()
    if delta.touched("task"):
        tasks = delta.refs("task")
        for ref, vm in inventory.VM.items():
            if vm.current_operations and not tasks.isdisjoint(vm.current_operations):
                stale.add(("VM", ref))
    snapshots: set[tuple[str, str]] = set()
    for cls, ref in stale:
        if cls == "VM":
            owner = inventory.tables["VM"].get(ref)
            below = outline.children.get(inventory.object_id(cls, ref), ())
            snapshots |= {(cls, key.ref) for key in below}
            snapshots |= {(cls, snapshot) for snapshot in owner.snapshots} if isinstance(owner, records.VM) else set()
    return [*sorted(stale - snapshots), *sorted(snapshots)]


def replaced(outline: Outline, server: ServerView, view: View, gone: ServerView | None = None) -> Outline:
    """The tree with everything of one server made anew; `gone` is the server as it was shown before, if different."""
    pools = {s.inventory.id for s in (server, gone) if s and s.inventory is not None}
    keys = {server.key} | ({gone.key} if gone else set())
    nodes = {
        key: node
        for key, node in outline.nodes.items()
        if not (key.pool in pools or (key.cls == "server" and key.ref in keys))
    }
    nodes.update(_pool_nodes(server, view))
    storage = {pool: hosts for pool, hosts in outline.storage.items() if pool not in pools}
    return _arranged(nodes, storage | _storage(server))


def without(outline: Outline, server: ServerView) -> Outline:
    """The tree without a server."""
    pool = server.inventory.id if server.inventory is not None else None
    nodes = {
        k: n for k, n in outline.nodes.items() if k.pool != pool and not (k.cls == "server" and k.ref == server.key)
    }
    return _arranged(nodes, {key: hosts for key, hosts in outline.storage.items() if key != pool})


@dataclass(frozen=True, slots=True)
class Steps:
    """What a view does to come from one tree to the next, in this order. Removals name subtrees' roots; insertions
    come parents first, each with its place among its siblings in the new tree."""

    removed: tuple[ObjectId, ...]
    inserted: tuple[tuple[ObjectId | None, int, ObjectId], ...]
    changed: tuple[ObjectId, ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.inserted or self.changed)


def steps(old: Outline, new: Outline) -> Steps:
    """The way from one tree to another. A line that changed its parent or its place is removed and inserted."""
    moved: set[ObjectId] = set()
    for parent, now in new.children.items():
        before = old.children.get(parent, ())
        if before is not now and before != now:
            stays = [key for key in before if key in new.nodes and new.nodes[key].parent == parent]
            moved |= _out_of_order(stays, new)
    gone = {k for k, n in old.nodes.items() if k not in new.nodes or new.nodes[k].parent != n.parent} | moved
    roots = tuple(key for key in gone if old.nodes[key].parent not in gone)
    inserted: list[tuple[ObjectId | None, int, ObjectId]] = []
    fresh: set[ObjectId] = set()
    dropped = _subtrees(old, roots)
    changed_parents = [p for p, now in new.children.items() if old.children.get(p) != now or p in dropped]
    for parent in sorted(changed_parents, key=lambda p: _depth(new, p)):
        for place, key in enumerate(new.children[parent]):
            if key not in old.nodes or key in dropped or parent in fresh:
                inserted.append((parent, place, key))
                fresh.add(key)
    changed = tuple(k for k, n in new.nodes.items() if k not in fresh and k in old.nodes and old.nodes[k] != n)
    return Steps(roots, tuple(inserted), changed)


def _out_of_order(stays: list[ObjectId], new: Outline) -> set[ObjectId]:
    """The fewest of the siblings that stay which must move so that the others are in order: all but one longest
    ascending run (patience sorting)."""
    ends: list[tuple[object, ...]] = []
    piles: list[int] = []
    before: list[int] = []
    for index, key in enumerate(stays):
        order = new.nodes[key].order
        pile = bisect_left(ends, order)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(piles):
            ends.append(order)
            piles.append(index)
        else:
            ends[pile], piles[pile] = order, index
    kept: set[ObjectId] = set()
    index = piles[-1] if piles else -1
    while index >= 0:
        kept.add(stays[index])
        index = before[index]
    return set(stays) - kept


def _subtrees(outline: Outline, roots: Iterable[ObjectId]) -> set[ObjectId]:
    found: set[ObjectId] = set()
    for root in roots:
        found.add(root)
        found.update(node.id for node in outline.walk(root))
    return found


def _depth(outline: Outline, key: ObjectId | None) -> int:
    depth = 0
    while key is not None:
        depth += 1
        key = outline.nodes[key].parent if key in outline.nodes else None
    return depth
