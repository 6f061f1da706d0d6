"""The tree by type: the same lines, under a heading for each type of object instead of under their pools and hosts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from xsmigui.core.outline import Outline
from xsmigui.core.outline_nodes import Node
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.core.text import _
from xsmigui.core.units import natural

HEADINGS: Final = ("pool", "host", "VM", "template", "snapshot", "SR")
"""The types in the order of their headings."""


def heading(kind: str) -> ObjectId:
    """The identity of a type's heading."""
    return ObjectId(PoolId(""), "type", kind)


@dataclass(frozen=True, slots=True)
class Typed:
    """A tree by type, and the tree by server that it was made from; `is_search` leaves out what only holds something
    that was found; `pools` are the names that lines say whose they are with."""

    of: Outline
    is_search: bool
    outline: Outline
    pools: Mapping[PoolId, str]


def by_type(base: Outline, is_search: bool = False, before: Typed | None = None) -> Typed:
    """The tree by type. Lines that are the same as in `before` are taken over, and their order where none of a type has
    come, gone or moved."""
    if before is not None and before.is_search != is_search:
        before = None
    if before is not None and before.of is base:
        return before
    pools = _pools(base)
    if before is not None and before.pools != pools:
        before = None
    known = before.of.nodes if before is not None else {}
    made = before.outline.nodes if before is not None else {}
    nodes: dict[ObjectId, Node] = {}
    members: dict[ObjectId, list[ObjectId]] = {}
    for key, node in base.nodes.items():
        if is_search and not node.hit:
            continue
        same = known.get(key) is node and key in made
        placed = made[key] if same else _placed(node, base.nodes, pools)
        nodes[key] = placed
        if placed.parent is not None:
            members.setdefault(placed.parent, []).append(key)
    children: dict[ObjectId | None, tuple[ObjectId, ...]] = {}
    for parent, keys in members.items():
        children[parent] = _in_order(parent, keys, nodes, before)
    tops = tuple(heading(kind) for kind in HEADINGS if heading(kind) in children)
    for number, top in enumerate(tops):
        nodes[top] = _heading(top, len(children[top]), number)
    loose = tuple(key for key in base.children.get(None, ()) if key in nodes and nodes[key].parent is None)
    children[None] = tops + loose
    return Typed(base, is_search, Outline(nodes, children, base.storage), pools)


def _pools(base: Outline) -> dict[PoolId, str]:
    """The names of pools and standalone hosts, of which lines say whose they are; empty where there is only one."""
    tops = [base.nodes[key] for key in base.children.get(None, ()) if key in base.nodes]
    found = {node.id.pool: node.label for node in tops if node.id.cls in ("pool", "host")}
    return found if len(found) > 1 else {}


def _placed(node: Node, nodes: Mapping[ObjectId, Node], pools: Mapping[PoolId, str]) -> Node:
    """The line where it stands by type, sorted by name, with its pool; servers that are not loaded follow the
    headings."""
    parent = _parent(node, nodes)
    if parent is None:
        return replace(node, parent=None, order=(1, *node.order))
    if parent == node.parent:
        return node
    whose = pools.get(node.id.pool, "") if node.parent is not None else ""
    state = " · ".join(filter(None, (node.state, whose)))
    return replace(node, parent=parent, state=state, order=(natural(node.label), node.id.pool, node.id.ref))


def _parent(node: Node, nodes: Mapping[ObjectId, Node]) -> ObjectId | None:
    """Servers that are not loaded stay on top, snapshots with their VMs."""
    if node.id.cls == "server":
        return None
    if node.icon == "snapshot" and node.parent is not None and (owner := nodes.get(node.parent)) is not None:
        if owner.hit or not node.hit:
            return node.parent
        return heading("snapshot")
    return heading("template" if node.icon == "template" else node.id.cls)


def _in_order(
    parent: ObjectId, keys: list[ObjectId], nodes: Mapping[ObjectId, Node], before: Typed | None
) -> tuple[ObjectId, ...]:
    old = before.outline.children.get(parent, ()) if before is not None else ()
    if before is not None and len(old) == len(keys):
        made = before.outline.nodes
        if all(key in made and (made[key] is nodes[key] or _place(made[key]) == _place(nodes[key])) for key in keys):
            return old
    return tuple(sorted(keys, key=lambda key: nodes[key].order))


def _place(node: Node) -> tuple[object, ...]:
    return node.parent, node.order


def _heading(key: ObjectId, count: int, number: int) -> Node:
    texts = {
        "pool": (_("Pools"), "pool"),
        "host": (_("Hosts"), "host"),
        "VM": (_("VMs"), "vm-running"),
        "template": (_("Templates"), "template"),
        "snapshot": (_("Snapshots"), "snapshot"),
        "SR": (_("SRs"), "sr"),
    }
    label, icon = texts[key.ref]
    return Node(key, None, icon, label, str(count), (0, number))
