"""The ledger of memory and space over a batch of moves: what is free now, what comes in, what will be left.

All figures are bytes. Needs are counted as the destination stores them: a thick SR takes a disk's virtual size, a thin
one what is written of it, which for a disk with snapshots lies mostly in the hidden disks below it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, ObjectId, SrRef, VdiRef
from xsmigui.core.units import MiB

MOST_STORAGE_MIGRATIONS: Final = 3
"""Storage migrations out of one pool at the same time: the vendor's limit, which the queue keeps."""


@dataclass(frozen=True, slots=True)
class Account:
    """One host's memory or one SR's space. `total` and `free` are of now; `running` is what our jobs under way will
    still take, `incoming` what the batch brings, `outgoing` what it frees, `peak` the most that will be taken at once
    beyond now."""

    subject: ObjectId
    name: str
    total: int
    free: int
    incoming: int
    running: int = 0
    outgoing: int = 0
    peak: int = 0

    @property
    def after(self) -> int:
        """Free when all is done; negative where it does not fit."""
        return self.free - self.running - self.incoming + self.outgoing

    @property
    def room(self) -> int:
        """Free for the batch; negative where the jobs under way will take more than there is."""
        return self.free - self.running

    @property
    def used(self) -> int:
        return max(0, self.total - self.free)

    @property
    def used_at_peak(self) -> int:
        return self.used + self.peak


@dataclass(frozen=True, slots=True)
class Ledger:
    """The accounts that a batch touches."""

    memory: Mapping[HostRef, Account]
    space: Mapping[SrRef, Account]

    def as_json(self) -> dict[str, object]:
        def rows(accounts: Iterable[Account], cls: str) -> list[dict[str, object]]:
            return [
                {
                    cls: a.name,
                    "total": a.total,
                    "free": a.free,
                    "incoming": a.incoming,
                    "after": a.after,
                    "used": a.used,
                    "running": a.running,
                    "outgoing": a.outgoing,
                    "peak": a.used_at_peak,
                }
                for a in accounts
            ]

        return {"memory": rows(self.memory.values(), "host"), "space": rows(self.space.values(), "sr")}


@dataclass(frozen=True, slots=True)
class Flow:
    """What one VM of a batch takes and frees: memory of hosts and space of SRs, in bytes. `passing` is taken only
    while it moves: memory a second time, temporary snapshots. `storage` moves wait in the queue for each other."""

    storage: bool = False
    memory: Mapping[HostRef, int] = field(default_factory=dict)
    passing_memory: Mapping[HostRef, int] = field(default_factory=dict)
    leaving_memory: Mapping[HostRef, int] = field(default_factory=dict)
    space: Mapping[SrRef, int] = field(default_factory=dict)
    passing_space: Mapping[SrRef, int] = field(default_factory=dict)
    leaving_space: Mapping[SrRef, int] = field(default_factory=dict)


MAPPED: Final = 256
LABEL: Final = 8 * MiB
"""An image holds tables of its own besides the data: a part of its size, and some extents."""


def full(vdi: VDI) -> int:
    """What a disk takes when all of it is written: its size and the image's tables."""
    return vdi.virtual_size + vdi.virtual_size // MAPPED + LABEL


def written(vdi: VDI) -> int:
    """What a disk itself has written; all of it where the driver does not tell (a negative number)."""
    known = vdi.physical_utilisation >= 0
    return min(full(vdi), vdi.physical_utilisation) if known else full(vdi)


def load(source: Inventory, disks: Mapping[VdiRef, VDI], thin: bool) -> int:
    """Bytes that disks of one pool take together on a thin or thick SR: their full sizes where it is thick; where it is
    thin what they, and the hidden disks that they rest on, have written, but never more than their full sizes."""
    whole = sum(full(vdi) for vdi in disks.values())
    if not thin:
        return whole
    parts = dict(disks)
    for vdi in disks.values():
        parts.update(source.ancestors(vdi))
    return min(whole, sum(written(vdi) for vdi in parts.values()))


@dataclass(slots=True)
class _Tally:
    """One host or SR over the batch: what is taken at this moment, and the most so far."""

    running: int = 0
    incoming: int = 0
    outgoing: int = 0
    now: int = 0
    peak: int = 0

    def take(self, amount: int, stays: bool) -> None:
        self.now += amount
        self.incoming += amount if stays else 0
        self.peak = max(self.peak, self.now)

    def free(self, amount: int, stayed: bool) -> None:
        self.now -= amount
        self.outgoing += amount if stayed else 0


def ledger(
    inventory: Inventory,
    flows: Iterable[Flow],
    claims: Iterable[tuple[HostRef, int, Iterable[tuple[SrRef, int]]]] = (),
) -> Ledger:
    """The ledger of what comes to hosts and SRs of one pool, in the order of the queue: at most
    `MOST_STORAGE_MIGRATIONS` storage moves together, each freeing what it frees when it has ended; live moves all at
    once. `claims` are the memory and the space that jobs under way will take."""
    memory: dict[HostRef, _Tally] = {}
    space: dict[SrRef, _Tally] = {}
    for host, amount, srs in claims:
        if amount:
            memory.setdefault(host, _Tally()).running += amount
        for sr, needed in srs:
            space.setdefault(sr, _Tally()).running += needed
    for tally in (*memory.values(), *space.values()):
        tally.now = tally.peak = tally.running
    under_way: list[Flow] = []
    for flow in flows:
        while flow.storage and sum(f.storage for f in under_way) >= MOST_STORAGE_MIGRATIONS:
            _end(under_way.pop(next(i for i, f in enumerate(under_way) if f.storage)), memory, space)
        _begin(flow, memory, space)
        under_way.append(flow)
    for flow in under_way:
        _end(flow, memory, space)
    return Ledger(
        {host: _account(inventory, "host", host, tally) for host, tally in memory.items() if host in inventory.host},
        {sr: _account(inventory, "SR", sr, tally) for sr, tally in space.items() if sr in inventory.SR},
    )


def _begin(flow: Flow, memory: dict[HostRef, _Tally], space: dict[SrRef, _Tally]) -> None:
    for host, amount in flow.memory.items():
        memory.setdefault(host, _Tally()).take(amount, True)
    for host, amount in flow.passing_memory.items():
        memory.setdefault(host, _Tally()).take(amount, False)
    for sr, amount in flow.space.items():
        space.setdefault(sr, _Tally()).take(amount, True)
    for sr, amount in flow.passing_space.items():
        space.setdefault(sr, _Tally()).take(amount, False)


def _end(flow: Flow, memory: dict[HostRef, _Tally], space: dict[SrRef, _Tally]) -> None:
    for host, amount in flow.passing_memory.items():
        memory[host].free(amount, False)
    for host, amount in flow.leaving_memory.items():
        memory.setdefault(host, _Tally()).free(amount, True)
    for sr, amount in flow.passing_space.items():
        space[sr].free(amount, False)
    for sr, amount in flow.leaving_space.items():
        space.setdefault(sr, _Tally()).free(amount, True)


def _account(inventory: Inventory, cls: str, ref: str, tally: _Tally) -> Account:
    if cls == "host":
        total, free = inventory.total_memory(HostRef(ref)), inventory.free_memory(HostRef(ref))
    else:
        total, free = inventory.SR[SrRef(ref)].physical_size, inventory.free_space(SrRef(ref))
    return Account(
        subject=inventory.object_id(cls, ref),
        name=inventory.name_of(cls, ref),
        total=total,
        free=free,
        incoming=tally.incoming,
        running=tally.running,
        outgoing=tally.outgoing,
        peak=tally.peak,
    )
