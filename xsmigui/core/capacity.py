"""The ledger of memory and space over a batch of moves: what is free now, what comes in, what will be left.

All figures are bytes. Needs are counted as the destination stores them: a thick SR takes a disk's virtual size, a thin
one what is written of it, which for a disk with snapshots lies mostly in the hidden disks below it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, ObjectId, SrRef, VdiRef


@dataclass(frozen=True, slots=True)
class Account:
    """One host's memory or one SR's space. `total` and `free` are of now; `incoming` is what the batch brings."""

    subject: ObjectId
    name: str
    total: int
    free: int
    incoming: int

    @property
    def after(self) -> int:
        """Free when all is done; negative where it does not fit."""
        return self.free - self.incoming


@dataclass(frozen=True, slots=True)
class Ledger:
    """The accounts that a batch touches."""

    memory: Mapping[HostRef, Account]
    space: Mapping[SrRef, Account]

    def as_json(self) -> dict[str, object]:
        def rows(accounts: Iterable[Account], cls: str) -> list[dict[str, object]]:
            return [
                {cls: a.name, "total": a.total, "free": a.free, "incoming": a.incoming, "after": a.after}
                for a in accounts
            ]

        return {"memory": rows(self.memory.values(), "host"), "space": rows(self.space.values(), "sr")}


def written(vdi: VDI) -> int:
    """What a disk itself has written; all of it where the driver does not tell (a negative number)."""
    known = vdi.physical_utilisation >= 0
    return min(vdi.virtual_size, vdi.physical_utilisation) if known else vdi.virtual_size


def load(source: Inventory, disks: Mapping[VdiRef, VDI], thin: bool) -> int:
    """Bytes that disks of one pool take together on a thin or thick SR: their virtual sizes where it is thick; where it
    is thin what they, and the hidden disks that they rest on, have written, but never more than their sizes."""
    whole = sum(vdi.virtual_size for vdi in disks.values())
    if not thin:
        return whole
    parts = dict(disks)
    for vdi in disks.values():
        parts.update(source.ancestors(vdi))
    return min(whole, sum(written(vdi) for vdi in parts.values()))


def ledger(inventory: Inventory, memory: Iterable[tuple[HostRef, int]], space: Iterable[tuple[SrRef, int]]) -> Ledger:
    """The ledger of what comes to hosts and SRs of one pool, in bytes."""
    incoming_memory: dict[HostRef, int] = {}
    for host, amount in memory:
        incoming_memory[host] = incoming_memory.get(host, 0) + amount
    incoming_space: dict[SrRef, int] = {}
    for sr, amount in space:
        incoming_space[sr] = incoming_space.get(sr, 0) + amount
    return Ledger(
        {
            host: Account(
                inventory.object_id("host", host),
                inventory.name_of("host", host),
                inventory.total_memory(host),
                inventory.free_memory(host),
                amount,
            )
            for host, amount in incoming_memory.items()
        },
        {
            sr: Account(
                inventory.object_id("SR", sr),
                inventory.name_of("SR", sr),
                inventory.SR[sr].physical_size if sr in inventory.SR else 0,
                inventory.free_space(sr),
                amount,
            )
            for sr, amount in incoming_space.items()
        },
    )
