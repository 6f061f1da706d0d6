"""How long a move will take and how long its VM pauses, as ranges: from disk sizes, memory and the speed of the link.

Estimates, and labelled so wherever they are shown. The lower end takes what is written and most of the link, the upper
end whole disks, a third of the link and the pace of a slow SR.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from xsmigui.core.capacity import load
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.moves import Copied, Kind, LooseDisk, Move, Sent
from xsmigui.core.refs import HostRef, NetworkRef

MB: Final = 1_000_000
MBIT: Final = MB // 8
GUESSED: Final = (1_000, 10_000)
"""Mbit/s between which a link is guessed to be whose speed nobody tells."""

FASTEST, SLOWEST = 400 * MB, 60 * MB
"""Bytes a second at which disks are copied at best and at worst, whatever the link can carry."""

BEST, WORST = 0.9, 0.3
"""Parts of the link that a move gets."""

ROUNDS: Final = 2
"""How often memory is sent at worst, since the guest goes on writing."""

REST: Final = 0.05
"""The part of memory that is left for the pause at worst."""


LEFT: Final = 0.2
"""The part of a copy's pace that is left at worst beside what the guest writes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds, from and to; `pause` is nothing for VMs that do not run. `speed` is the link's in Mbit/s, 0 where it is
    not known."""

    low: float
    high: float
    pause_low: float
    pause_high: float
    disks: int
    memory: int
    speed: int


def link_speed(inventory: Inventory, host: HostRef, network: NetworkRef) -> int:
    """The speed of a host's interface on a network, in Mbit/s; 0 where it is not known."""
    pif = inventory.pif(host, network)
    metrics = inventory.PIF_metrics.get(pif.metrics) if pif else None
    return max(0, metrics.speed) if metrics else 0


def _carrier(move: Sent | Copied) -> NetworkRef | None:
    if move.kind is not Kind.live and move.storage_network is not None:
        return move.storage_network
    on = move.target.pifs_by_host.get(move.host or HostRef(""), {})
    return next((network for network, pif in on.items() if pif.management), None)


def estimate(move: Move, writes: float = 0.0) -> Estimate:
    """What one move may take. `writes` is how fast the guest writes, in bytes a second: what it writes meanwhile has to
    be copied too."""
    speed = 0 if isinstance(move, LooseDisk) else _speed(move)
    slow, fast = (speed, speed) if speed else GUESSED
    best, worst = BEST * fast * MBIT, WORST * slow * MBIT
    disks = {ref: move.source.VDI[ref] for ref in move.moving}
    least, most = load(move.source, disks, thin=True), sum(vdi.virtual_size for vdi in disks.values())
    travels, frames = (0, 0) if isinstance(move, LooseDisk) else _memory(move)
    low = least / _pace(min(best, FASTEST), writes) + travels / best
    high = most / _pace(min(worst, SLOWEST), writes) + ROUNDS * travels / worst
    pause_low = frames / best if travels else 0.0
    pause_high = 1.0 + (REST * travels + frames) / worst if travels else 0.0
    return Estimate(low, high, pause_low, pause_high, most, travels, speed)


def _speed(move: Sent | Copied) -> int:
    """Mbit/s of the link that a VM crosses; 0 where it is not known."""
    network = _carrier(move)
    return link_speed(move.target, move.host, network) if move.host is not None and network is not None else 0


def _memory(move: Sent | Copied) -> tuple[int, int]:
    """Bytes of memory that travel, and of frame buffers of virtual GPUs."""
    memory = move.vm.memory_dynamic_max or move.memory
    travels = memory if move.is_running and not move.stops and not (move.runs_on and not move.moving) else 0
    kinds = (move.source.VGPU_type.get(gpu.type) for gpu in move.source.vgpus(move.ref))
    return travels, sum(kind.framebuffer_size for kind in kinds if kind is not None)


def _pace(copied: float, writes: float) -> float:
    """Bytes a second by which a copy comes nearer to its end, while the guest writes; a fifth of its pace is left even
    where the guest writes as fast as it is copied."""
    return max(copied - writes, copied * LEFT)


def total(estimates: Iterable[Estimate]) -> Estimate:
    """Of a batch: its parts share the link, so their times add up; the longest pause counts."""
    parts = list(estimates)
    return Estimate(
        sum(e.low for e in parts),
        sum(e.high for e in parts),
        max((e.pause_low for e in parts), default=0.0),
        max((e.pause_high for e in parts), default=0.0),
        sum(e.disks for e in parts),
        sum(e.memory for e in parts),
        min((e.speed for e in parts), default=0),
    )


def proof_seconds(sizes: Iterable[int]) -> tuple[float, float]:
    """Seconds, from and to, in which a server sums up disks of these virtual sizes twice, before and after: it reads
    each from end to end (xapi 24.10, xapi_vdi.ml `checksum`)."""
    total = 2 * sum(sizes)
    return total / FASTEST, total / SLOWEST


@dataclass(frozen=True, slots=True)
class StopEstimate:
    """Of a move with a short stop: seconds for which the VM is down, from and to, without a comparison of contents; and
    the seconds that such a comparison takes."""

    low: float
    high: float
    proof: float


GUESSED_WRITES: Final = (100_000, 5 * MB)
"""Bytes a second between which a guest is guessed to write of which nothing is known."""

QUICK_STOP, SLOW_STOP = 10.0, 90.0
"""Seconds for a shutdown and a start of a guest, at best and at worst."""


def stop_estimate(move: Copied, writes: float | None = None) -> StopEstimate:
    """How long a VM is down that is moved with a short stop. `writes` is how many bytes a second its guest writes
    (None: not known). What it writes while its disks are copied and compared is copied while it is down; where that is
    much, it is copied in passes before, so that what is left is what is written during the last of them."""
    sizes = [move.source.VDI[ref].virtual_size for ref in move.moving]
    whole = sum(sizes)
    shortest, longest = proof_seconds(sizes)
    few, many = (writes, writes) if writes is not None else GUESSED_WRITES
    quick = few * (whole / FASTEST + shortest)
    slow = min(float(whole), many * (whole / SLOWEST + longest))
    return StopEstimate(QUICK_STOP + quick / FASTEST, SLOW_STOP + slow / SLOWEST, longest / 2)
