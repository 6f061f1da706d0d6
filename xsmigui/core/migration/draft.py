"""Site and draft: what there is, and what the operator has chosen so far.

A `Draft` holds only explicit choices; what is not chosen is filled in by `core.migration.moves` from the site as it is
at that moment. Both are immutable: an edit makes the next draft.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import HostRef, MoverRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef


@dataclass(frozen=True, slots=True)
class Claim:
    """What a VM of a job that has not ended will still take at its destination, in bytes. `vm` is its uuid (empty: a
    disk of no VM), `job` the job's name, `disks` the uuids of the disks that change their SR."""

    vm: str
    source: PoolId
    pool: PoolId
    host: HostRef
    memory: int
    space: tuple[tuple[SrRef, int], ...]
    storage: bool
    job: str = ""
    disks: tuple[str, ...] = ()

    def is_about(self, vm: str, disks: frozenset[str]) -> bool:
        """It is the claim of this very move. Two jobs may move different disks of one VM, and disks of no VM."""
        return not disks.isdisjoint(self.disks) if self.disks else bool(vm) and vm == self.vm


@dataclass(frozen=True, slots=True)
class Site:
    """All pools we know. `connected` names those that answer at present, `claims` is what our own jobs will take."""

    pools: Mapping[PoolId, Inventory]
    connected: frozenset[PoolId]
    claims: tuple[Claim, ...] = ()


KEEP_DAYS: Final = 7
"""Days for which the sources of copied disks are kept unless the operator says otherwise."""


SHORT_STOP: Final = 15
"""Minutes for which a VM may be down in a move with a short stop, unless the operator says otherwise: enough for a
guest that takes minutes to shut down and to start, and less than what is announced as a maintenance window."""


LONGEST_STOP: Final = 240
"""Minutes that may be asked for: who can do without the VM for longer shuts it down and moves it."""


class StorageMode(StrEnum):
    """How the disks are placed."""

    keep = "keep"
    same = "same"
    each = "each"


@dataclass(frozen=True, slots=True)
class Draft:
    """The operator's choices for moving some VMs of one pool. References belong to the pool that the field speaks of:
    VMs, disks and VIFs to the source; hosts, SRs and networks to the destination.

    `loose` are disks of no VM. `copies` lets this program copy the disks of halted VMs that stay in their pool and put
    the copies in their place, instead of leaving it to the server; the sources are kept for `keep_days` days, and
    removed at once where that is 0. Loose disks move in no other way. `leaves` is a host that all its VMs leave, over
    the `storage_network` where one is chosen, `at_once` of them at a time (0: as many as there are). `image_format` is
    that of the disks at the destination (empty: the SR decides).
    """

    source: PoolId
    vms: tuple[VmRef, ...]
    destination: PoolId | None = None
    hosts: Mapping[VmRef, HostRef] = field(default_factory=dict)
    storage: StorageMode | None = None
    same_sr: SrRef | None = None
    disks: Mapping[VdiRef, SrRef] = field(default_factory=dict)
    networks: Mapping[VifRef, NetworkRef] = field(default_factory=dict)
    storage_network: NetworkRef | None = None
    copy: bool = False
    compress: bool | None = None
    set_home: bool = True
    start_after: bool = False
    loose: tuple[VdiRef, ...] = ()
    copies: bool = False
    keep_days: int = KEEP_DAYS
    leaves: HostRef | None = None
    at_once: int = 0
    prove: bool = False
    image_format: str = ""
    short_stop: int = 0
    """Minutes for which a running VM may be down while its disks are exchanged; 0: they are not moved so."""
    not_before: datetime | None = None
    """Nothing starts before this time."""
    pause_at: datetime | None = None
    """What has not started by this time waits until the operator continues it."""

    @property
    def proves(self) -> bool:
        """Contents are compared by sums of the server: on request, and wherever sources are removed at once."""
        return self.prove or (self.copies and not self.keep_days)

    @property
    def crosses(self) -> bool:
        """The VMs go to another pool."""
        return self.destination is not None and self.destination != self.source

    @property
    def target(self) -> PoolId:
        """The destination, and the source until one is chosen. A pool's uuid may be empty, in a database that is
        damaged."""
        return self.source if self.destination is None else self.destination

    def to(self, destination: PoolId) -> "Draft":
        """Go to this pool; whatever was chosen in another one is let go."""
        if destination == self.destination:
            return self
        fresh: Draft = replace(
            self, destination=destination, hosts={}, storage=None, same_sr=None, disks={}, networks={}
        )
        return replace(fresh, storage_network=None, image_format="", short_stop=0)

    def on(self, vm: VmRef, host: HostRef) -> "Draft":
        """Run this VM on this host."""
        return replace(self, hosts={**self.hosts, vm: host})

    def all_on(self, vms: Iterable[VmRef], host: HostRef) -> "Draft":
        """Run these VMs on this host."""
        return replace(self, hosts={**self.hosts, **dict.fromkeys(vms, host)})

    def keeping_disks(self) -> "Draft":
        return replace(self, storage=StorageMode.keep)

    def on_same_sr(self, sr: SrRef | None) -> "Draft":
        """Place all disks on one SR; None leaves the choice of it to the defaults."""
        return replace(self, storage=StorageMode.same, same_sr=sr)

    def each_disk(self) -> "Draft":
        return replace(self, storage=StorageMode.each)

    def placing(self, disk: VdiRef, sr: SrRef) -> "Draft":
        """Place this disk on this SR."""
        return replace(self, storage=StorageMode.each, disks={**self.disks, disk: sr})

    def placing_all(self, disks: Mapping[VdiRef, SrRef]) -> "Draft":
        """Place these disks."""
        return replace(self, storage=StorageMode.each, disks={**self.disks, **disks})

    def connecting(self, vif: VifRef, network: NetworkRef) -> "Draft":
        """Put this VIF on this network."""
        return replace(self, networks={**self.networks, vif: network})

    def connecting_all(self, vifs: Iterable[VifRef], network: NetworkRef) -> "Draft":
        """Put these VIFs on this network."""
        return replace(self, networks={**self.networks, **dict.fromkeys(vifs, network)})

    def over(self, network: NetworkRef | None) -> "Draft":
        """Carry the disks over this network; None leaves the choice of it to the defaults."""
        return replace(self, storage_network=network)

    def batched(self, number: int) -> "Draft":
        """Let so many VMs leave the host at once."""
        return replace(self, at_once=number)

    def stored_as(self, form: str) -> "Draft":
        """Store the disks' images in this format; an empty one leaves it to their SRs."""
        return replace(self, image_format=form)

    def homing(self, yes: bool) -> "Draft":
        """Make the chosen host the VM's home server afterwards."""
        return replace(self, set_home=yes)

    def starting(self, yes: bool) -> "Draft":
        """Start halted VMs when they have arrived."""
        return replace(self, start_after=yes)

    def copying(self, yes: bool, keep_days: int = KEEP_DAYS) -> "Draft":
        """Copy disks of halted VMs and keep their sources for some days, or leave it to the server."""
        return replace(self, copies=yes, keep_days=keep_days)

    def proving(self, yes: bool) -> "Draft":
        """Compare contents afterwards."""
        return replace(self, prove=yes)

    def with_short_stop(self, minutes: int) -> "Draft":
        """Move the disks of running VMs with a stop of so many minutes at most; 0: as the server moves them."""
        return replace(self, short_stop=minutes)

    def ordered(self, movers: tuple[MoverRef, ...]) -> "Draft":
        """Start the VMs in this order; who is not named comes last, as before."""
        rank = {mover: number for number, mover in enumerate(movers)}
        return replace(self, vms=tuple(sorted(self.vms, key=lambda vm: rank.get(vm, len(rank)))))

    def timed(self, not_before: datetime | None, pause_at: datetime | None) -> "Draft":
        """Start nothing before a time, and nothing more from another time on; None: at once, and to the end."""
        return replace(self, not_before=not_before, pause_at=pause_at)

    def compressing(self, yes: bool | None) -> "Draft":
        """Compress the memory stream; None leaves it to the pool's setting."""
        return replace(self, compress=yes)
