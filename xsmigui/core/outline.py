"""The resource tree: inventories and a search in, a tree of frozen nodes out.

An `Outline` is immutable; `updated` makes the next one from a delta at the cost of what changed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from xsmigui.core import records
from xsmigui.core.changes import Delta
from xsmigui.core.inventory import Inventory
from xsmigui.core.outline_nodes import Link, Node, ServerView, View, node_of, server_node
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef

"""The `current_operations` of a VM that is under way to another place."""


Children = Mapping[ObjectId | None, tuple[ObjectId, ...]]


@dataclass(frozen=True, slots=True)
class Outline:
    """A tree: nodes by identity, and for each parent its children in order (None: the top). `storage` remembers the
    hosts that unshared SRs belonged to when it was made: a change there may move any VM."""

    nodes: Mapping[ObjectId, Node] = field(default_factory=dict)
    children: Children = field(default_factory=dict)
    storage: Mapping[PoolId, Mapping[SrRef, HostRef]] = field(default_factory=dict, compare=False)

    @property
    def hits(self) -> int:
        """The lines that the search has found; the others hold one of them."""
        return sum(1 for node in self.nodes.values() if node.hit)

    def first_hit(self) -> ObjectId | None:
        """The uppermost line that the search has found."""
        return next((node.id for node in self.walk() if node.hit), None)

    def walk(self, parent: ObjectId | None = None) -> Iterator[Node]:
        """Every node, parents before children, siblings in order."""
        for key in self.children.get(parent, ()):
            yield self.nodes[key]
            yield from self.walk(key)


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
        if not view.search:
            return nodes
        return {top.id: replace(top, hit=True)} if view.matches(top.label) else {}
    for cls in SHOWN:
        for ref in inventory.tables[cls]:
            node = node_of(inventory, cls, ref, view)
            if node is not None:
                nodes[node.id] = node
    if view.search:
        keep = {n.id for n in nodes.values() if n.id.cls in ("VM", "SR") or view.matches(n.label)}
        nodes |= {key: replace(nodes[key], hit=True) for key in keep}
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
    fresh = _pool_nodes(server, view)
    storage = {pool: hosts for pool, hosts in outline.storage.items() if pool not in pools}
    return _exchanged(outline, lambda key: _is_of(key, pools, keys), fresh, storage | _storage(server))


def _is_of(key: ObjectId, pools: set[PoolId], servers: set[str]) -> bool:
    return key.pool in pools or (key.cls == "server" and key.ref in servers)


def _exchanged(
    outline: Outline,
    goes: Callable[[ObjectId], bool],
    fresh: dict[ObjectId, Node],
    storage: Mapping[PoolId, Mapping[SrRef, HostRef]],
) -> Outline:
    """The tree with the lines of one server exchanged; those of the others are not sorted again."""
    going = {key for key in outline.nodes if goes(key)}
    nodes = {key: node for key, node in outline.nodes.items() if key not in going}
    nodes.update(fresh)
    children = {parent: keys for parent, keys in outline.children.items() if parent not in going}
    arranged = dict(_arranged(fresh, {}).children)
    tops = [key for key in outline.children.get(None, ()) if key not in going] + list(arranged.pop(None, ()))
    children.update(arranged)
    children.pop(None, None)
    if tops:
        children[None] = tuple(sorted(tops, key=lambda key: nodes[key].order))
    return Outline(nodes, children, storage)


def without(outline: Outline, server: ServerView) -> Outline:
    """The tree without a server."""
    pool = server.inventory.id if server.inventory is not None else None
    servers = {server.key}
    storage = {key: hosts for key, hosts in outline.storage.items() if key != pool}
    return _exchanged(outline, lambda key: key.pool == pool or _is_of(key, set(), servers), {}, storage)
