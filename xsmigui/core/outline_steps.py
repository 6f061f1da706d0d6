"""From one resource tree to the next: the fewest removals, changes and insertions for a view."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from xsmigui.core.outline import Outline
from xsmigui.core.outline_nodes import Node
from xsmigui.core.refs import ObjectId


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
    for parent, children in new.children.items():
        earlier = old.children.get(parent)
        if earlier is not None and earlier is not children and earlier != children:
            stays = [key for key in earlier if key in new.nodes and new.nodes[key].parent == parent]
            moved |= _out_of_order(stays, new)
    known = new.nodes
    gone = {k for k, n in old.nodes.items() if (now := known.get(k)) is not n and _has_left(n, now)} | moved
    roots = tuple(key for key in gone if old.nodes[key].parent not in gone)
    inserted: list[tuple[ObjectId | None, int, ObjectId]] = []
    fresh: set[ObjectId] = set()
    dropped = _subtrees(old, roots)
    changed_parents = [
        parent
        for parent, children in new.children.items()
        if ((earlier := old.children.get(parent)) is not children and earlier != children) or parent in dropped
    ]
    for parent in sorted(changed_parents, key=lambda p: _depth(new, p)):
        for place, key in enumerate(new.children[parent]):
            if key not in old.nodes or key in dropped or parent in fresh:
                inserted.append((parent, place, key))
                fresh.add(key)
    before = old.nodes
    changed = tuple(
        k
        for k, n in new.nodes.items()
        if (was := before.get(k)) is not n and was is not None and was != n and k not in fresh
    )
    return Steps(roots, tuple(inserted), changed)


def _has_left(before: Node, now: Node | None) -> bool:
    """The line is gone, or stands under another one."""
    return now is None or now.parent != before.parent


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
