"""Copy and exchange, the values: what a job does to the disks of one VM, how far it has come, what the server shows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from xsmigui.core.messages import Text
from xsmigui.core.migration.exchange.marks import block_reason, job_of_record
from xsmigui.core.migration.sameness import OtherConnection, Record, Signs, signs_of
from xsmigui.core.migration.steps import Pending
from xsmigui.core.records import Task
from xsmigui.core.refs import is_null

BLOCKED: Final = (
    "start",
    "start_on",
    "migrate_send",
    "snapshot",
    "checkpoint",
    "clone",
    "copy",
    "export",
    "revert",
    "destroy",
    "make_into_template",
    "provision",
)
"""What nobody may do with the VM meanwhile."""


OWN_SNAPSHOT: Final = "[for a move with a short stop] xsmigui"
"""How the names of the snapshots begin that a job makes of its VM (`ExchangeSpec.snapshot_name`)."""


INCOMPLETE: Final = re.compile(r"^\[incomplete copy\] .* \(xsmigui \S+ ([0-9a-f]{8})\)$", re.DOTALL)
"""The name of a copy while it is made (`ExchangeSpec.incomplete_name`); the group is the beginning of its source's
uuid."""


CREATE: Final = "VDI.create"


COPY: Final = "VDI.copy"


CHECKSUM: Final = "VDI.checksum"


BLOCK: Final = "VM.set_blocked_operations"


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """A disk and what takes its place, as far as it has come.

    `old` and `new` are references; `vdi`, `vbd` and `spare` the records of the disk, its connection (empty if it has
    none) and the disk that takes its place, as they were at first. `spare` is empty if a copy is made on `sr`.

    `signs` and `watch` are what the disk showed, and the time of watching in which it was noted, before its copy
    began; `copied` and `scanned` that the server has made the copy and its SR was asked for it, `complete` that the
    copy was checked, `placed` that it was seen in the disk's place with all signs standing. `void` says that the copy
    must be thrown away, `copies` how many were; `astray` that the answer of a `VDI.create` was lost, so that an empty
    disk of ours may lie there that nobody knows (also where an earlier version has not noted it). `unwatched` says
    that the job had stopped and that the operator has resumed it since; `written` that the VM may have run on the new
    disk before that was seen in place. `sum_old` and `sum_new` are the server's sums of disk and copy, both made in
    the time of watching `summed`; `proven` is that time if they were equal, and `unprovable` the reason why there are
    none.

    Where the VM runs at first (`ShortStop`), `base` is the snapshot's disk whose content the copy holds (empty: none
    yet), `base_sum_old` and `base_sum_new` are the sums of the two, and `after` is the snapshot of the new disk that is
    compared with the source once the VM runs again.

    `sum_last` is the sum of the source once more, made in the time of watching `summed_last`, where it is to be removed
    and nobody has watched it all the time since it was compared.
    """

    old: str
    sr: str
    vdi: dict[str, Any]
    vbd: dict[str, Any] = {}
    spare: dict[str, Any] = {}
    new: str = ""
    complete: bool = False
    signs: Signs | None = None
    watch: str = ""
    copied: bool = False
    scanned: bool = False
    placed: bool = False
    void: bool = False
    unwatched: bool = False
    written: bool = False
    copies: int = 0
    astray: bool = True
    sum_old: str = ""
    sum_new: str = ""
    summed: str = ""
    proven: str = ""
    unprovable: Text = ""
    base: str = ""
    base_sum_old: str = ""
    base_sum_new: str = ""
    after: str = ""
    sum_last: str = ""
    summed_last: str = ""

    @property
    def name(self) -> str:
        return str(self.vdi["name_label"] or self.vdi["uuid"])

    @property
    def is_copied(self) -> bool:
        return not self.spare

    @property
    def has_other_content(self) -> bool:
        """The sums of source and copy were made, and are not equal."""
        return bool(self.sum_old and self.sum_new and self.sum_old != self.sum_new)

    @property
    def is_proven(self) -> bool:
        """The sums of source and copy were equal when the copy took the disk's place."""
        return bool(self.proven and self.sum_old and self.sum_old == self.sum_new)


class ShortStop(msgspec.Struct, frozen=True, kw_only=True):
    """How far a move with a short stop has come: the VM's disks are copied of a snapshot while it runs, and it is down
    only while the difference is copied and the copies are put in place. Times are the server's, in seconds.

    `allowed` is for how many seconds the VM may be down, `host` the host it runs on and starts on again (empty: any).
    `number` counts the snapshots that are copied, `snapshot` is the present one, `earlier` the one before, still to
    be removed, `taken` when the present one was made, `copied_at` when its copies were complete. `litter` are the disks
    of our snapshots. `pace` is how many bytes a second were copied, `summing` and `proof` when the comparison with the
    first snapshot began and how many seconds it took. `stopping` is when the VM was asked to shut down (0: not yet),
    `was_started` when it had been started last before that; `shut` says that the server has carried this out, and that
    nobody has looked at the VM since. `proves_after` says whether contents are compared after the VM runs again (None:
    not decided yet), `after` the snapshot for it, `up` when the VM was seen running again, and `down` for how many
    seconds it was not. `accepted` says that the operator keeps the new disks though a comparison after the start has
    shown another content than the sources'.
    """

    allowed: float
    host: str
    number: int = 1
    snapshot: str = ""
    earlier: str = ""
    taken: float = 0.0
    copied_at: float = 0.0
    litter: tuple[str, ...] = ()
    pace: float = 0.0
    summing: float = 0.0
    proof: float = 0.0
    stopping: float = 0.0
    was_started: str = ""
    shut: bool = False
    proves_after: bool | None = None
    after: str = ""
    up: float = 0.0
    down: float = 0.0
    accepted: bool = False

    @property
    def is_under_way(self) -> bool:
        """The VM may be down because of us."""
        return bool(self.stopping) and not self.up


@dataclass(frozen=True, slots=True)
class OwnSnapshot:
    """A snapshot that a job has made of its VM: its disks by the disk that each is of."""

    ref: str
    name: str
    disks: Mapping[str, str]
    taken: float


@dataclass(frozen=True, slots=True)
class ExchangeSpec:
    """What a job does to the disks of one VM (`vm` is empty if they have none), and how far it has come. `keeps` says
    that the sources stay, to be kept until the day `until`; `on` is the day of the job; both are ISO dates. `blocks` is
    what `blocked_operations` said of the operations that we need blocked, noted when we had set our own."""

    job: str
    vm: str
    vm_uuid: str
    replacements: tuple[Replacement, ...]
    keeps: bool
    on: str
    until: str
    blocks: Mapping[str, str] | None = None
    rolling_back: bool = False
    prove: bool = False
    settled: bool = False
    pending: Pending | None = None
    stop: ShortStop | None = None

    @property
    def reason(self) -> str:
        """Stands beside every operation that is blocked."""
        return block_reason(self.job)

    def snapshot_name(self, number: int) -> str:
        """The name of a snapshot that the job makes: unique, so that it is found again."""
        return f"{OWN_SNAPSHOT} {self.job} {number}"

    def incomplete_name(self, replacement: Replacement) -> str:
        """The name of a copy while it is made: unique, so that it is found again."""
        return f"[incomplete copy] {replacement.name} (xsmigui {self.job} {replacement.vdi['uuid'][:8]})"

    def kept_name(self, replacement: Replacement) -> str:
        return f"{replacement.name} [moved on {self.on}, kept]"


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """What the server shows: the VM, when it was started last, the disks by reference (those that are gone are not in
    it), the VM's connections of disks by reference, who else has each disk connected, the positions that are free, the
    disks that bear the name of a copy in the making (by the number of the disk that it is of), and the record of the
    pending call's task. `watch` names the time during which this program has watched the pool without a gap.

    Of a move with a short stop also: `now` by the server's clock, in seconds; the job's snapshots by reference; the SRs
    of the disks by reference; and how many bytes a second the guest writes (None: not known).

    `held` is by reference who else holds a disk that is about to be removed (`core.migration.holders`), by name; asked
    when it comes to that, and not at every look."""

    vm: Record | None
    vdis: Mapping[str, Record]
    vbds: Mapping[str, Record]
    free: tuple[str, ...]
    started: str = ""
    holders: Mapping[str, tuple[OtherConnection, ...]] = field(default_factory=dict)
    named: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    task: Task | None = None
    watch: str = ""
    now: float = 0.0
    snapshots: Mapping[str, OwnSnapshot] = field(default_factory=dict)
    srs: Mapping[str, Record] = field(default_factory=dict)
    writes: float | None = None
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def connections(self, vdi: str) -> list[str]:
        """The VM's connections to a disk."""
        return [ref for ref, vbd in self.vbds.items() if vdi and vbd["VDI"] == vdi and vbd["type"] != "CD"]

    def connection(self, vdi: str) -> str:
        """The VM's connection to a disk; empty if there is none."""
        return next(iter(self.connections(vdi)), "")

    def at(self, position: str) -> list[str]:
        """The VM's connections at a position."""
        return [ref for ref, vbd in self.vbds.items() if vbd["userdevice"] == position]

    @property
    def free_position(self) -> str:
        """A position that is free, and whose device no disk still has: after the VM has run, a disk that was put in
        another position keeps its device until the next start, and the server refuses a second one of it
        (DEVICE_ALREADY_EXISTS). Empty if there is none."""
        taken = {_number_of(str(vbd.get("device", ""))) for vbd in self.vbds.values()}
        return next((position for position in self.free if position not in taken), "")

    def signs(self, it: Replacement) -> Signs:
        return signs_of(self.vdis[it.old], self.started)


def _number_of(device: str) -> str:
    """The position that a device stands for: 2 for ``xvdc``, ``hdc`` and ``sdc``."""
    found = _DEVICE.fullmatch(device)
    if found is None:
        return ""
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - ord("a") + 1
    return str(number - 1)


_DEVICE: Final = re.compile(r"(?:xvd|hd|sd)([a-z]+)")


def is_of_job(spec: ExchangeSpec, record: Record) -> bool:
    """The VM or the disk bears the mark of this job."""
    return job_of_record(record) == spec.job


def connected(vbds: Iterable[tuple[str, Record]]) -> dict[str, Record]:
    """The connections of disks among a VM's VBDs."""
    return {ref: vbd for ref, vbd in vbds if vbd["type"] != "CD" and not vbd["empty"]}


def is_connected_to(vdi: Record) -> list[str]:
    """The references of what is connected to a disk."""
    return [vbd for vbd in vdi["VBDs"] if not is_null(vbd)]
