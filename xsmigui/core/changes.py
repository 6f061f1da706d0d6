"""Events in, the next inventory and a delta out.

The events of one `event.from` answer are applied as one batch. An event whose record equals the one already held is no
change (the coordinator's heartbeat touches the pool, scans touch SRs), so nothing downstream hears of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xsmigui.core.inventory import Inventory
from xsmigui.core.records import Record

Refs = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object: `record` is its present state, or None if it was deleted."""

    cls: str
    ref: str
    record: Record | None


@dataclass(frozen=True, slots=True)
class Delta:
    """References by class of what came, changed and went. `whole` says that everything is new (a first load)."""

    added: Refs = field(default_factory=dict)
    changed: Refs = field(default_factory=dict)
    removed: Refs = field(default_factory=dict)
    whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.whole or self.added or self.changed or self.removed)

    def touched(self, *classes: str) -> bool:
        """Something of these classes came, changed or went."""
        return self.whole or any(c in part for c in classes for part in (self.added, self.changed, self.removed))

    def refs(self, cls: str) -> frozenset[str]:
        """Everything of this class that came, changed or went."""
        none: frozenset[str] = frozenset()
        return self.added.get(cls, none) | self.changed.get(cls, none) | self.removed.get(cls, none)


def apply(inventory: Inventory, events: Iterable[Event]) -> tuple[Inventory, Delta]:
    """The inventory after these events, and what they changed. The last event of each object counts; the order does
    not matter otherwise, and applying a batch twice changes nothing."""
    last: dict[str, dict[str, Record | None]] = {}
    for event in events:
        if event.cls in inventory.tables:
            last.setdefault(event.cls, {})[event.ref] = event.record
    tables: dict[str, dict[str, Record]] = {}
    added: dict[str, set[str]] = {}
    changed: dict[str, set[str]] = {}
    removed: dict[str, set[str]] = {}
    for cls, records in last.items():
        before = inventory.tables[cls]
        for ref, record in records.items():
            old = before.get(ref)
            if record == old:
                continue
            if cls not in tables:
                tables[cls] = dict(before)
            if record is None:
                del tables[cls][ref]
                removed.setdefault(cls, set()).add(ref)
            else:
                tables[cls][ref] = record
                (added if old is None else changed).setdefault(cls, set()).add(ref)
    if not tables:
        return inventory, Delta()
    return inventory.replaced(tables), Delta(_frozen(added), _frozen(changed), _frozen(removed))


def difference(old: Inventory, new: Inventory) -> Delta:
    """What changed between two inventories of one pool: after a resynchronisation, so that views move only what did."""
    added: dict[str, set[str]] = {}
    changed: dict[str, set[str]] = {}
    removed: dict[str, set[str]] = {}
    for cls, after in new.tables.items():
        before = old.tables[cls]
        added[cls] = after.keys() - before.keys()
        removed[cls] = before.keys() - after.keys()
        changed[cls] = {ref for ref, record in after.items() if ref in before and before[ref] != record}
    return Delta(_frozen(added), _frozen(changed), _frozen(removed))


def merged(one: Delta, other: Delta) -> Delta:
    """Two deltas of a pool as one. What came and went meanwhile is in both parts: readers look at what is there now."""

    def union(a: Refs, b: Refs) -> dict[str, frozenset[str]]:
        return {cls: a.get(cls, frozenset()) | b.get(cls, frozenset()) for cls in {*a, *b}}

    return Delta(
        union(one.added, other.added),
        union(one.changed, other.changed),
        union(one.removed, other.removed),
        one.whole or other.whole,
    )


def _frozen(refs: Mapping[str, set[str]]) -> Refs:
    return {cls: frozenset(some) for cls, some in refs.items() if some}
