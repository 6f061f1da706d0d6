"""The rows of the tabs. Sizes are bytes; a `key` is the object that the row is about and leads to."""

from dataclasses import dataclass

from xsmigui.core.refs import ObjectId


@dataclass(frozen=True, slots=True)
class Use:
    """How much is taken of a whole; both in the same unit."""

    taken: int
    whole: int

    @property
    def share(self) -> float | None:
        """The fraction that is taken, more than 1 if more was promised than there is; None if the whole is not
        known."""
        return max(0, self.taken) / self.whole if self.whole > 0 else None

    @property
    def left(self) -> int:
        return max(0, self.whole - self.taken)


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host of a pool. `state` is empty for one that stands as it should; `memory` is bytes that VMs and the host
    itself take; `cpus` the vCPUs of the VMs that run, beside the host's CPUs; `level` says how its processor features
    stand beside those of the others, `features` which ones only some hosts have."""

    key: ObjectId
    icon: str
    name: str
    state: str
    memory: Use
    cpus: Use
    vms: int
    version: str
    level: str
    features: str
    processor: str


@dataclass(frozen=True, slots=True)
class SrRow:
    """An SR of a pool or of a host. `seen_by` are the hosts on which it is attached, of those that it is defined on."""

    key: ObjectId
    icon: str
    name: str
    type: str
    shared: bool
    state: str
    space: Use
    allocated: int
    seen_by: Use
    disks: int


@dataclass(frozen=True, slots=True)
class PoolNetworkRow:
    """A network of a pool: how many hosts are on it, of all, and the VMs' interfaces. `note` says what else an operator
    should know of it."""

    ref: str
    name: str
    vlan: str
    hosts: Use
    interfaces: int
    mtu: int
    note: str


@dataclass(frozen=True, slots=True)
class VmRow:
    """A VM. `standing` is the state without its progress, which VMs are counted by; `disks` and `size` count its
    virtual disks; `reason` says why it cannot be moved at all (`stuck`) or to no other host of its pool, in the words
    of its own page; empty where it can."""

    key: ObjectId
    name: str
    icon: str
    state: str
    standing: str
    host: str
    memory: int
    vcpus: int
    disks: int
    size: int
    reason: str
    stuck: bool


@dataclass(frozen=True, slots=True)
class UserRow:
    """A VM, template or snapshot that has disks on an SR."""

    key: ObjectId
    icon: str
    name: str
    state: str
    host: str
    disks: int
    size: int
    used: int
    snapshots: int


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot of a VM. `time` is the server's text for when it was `taken`; `disks` names its virtual disks
    with their sizes, a line each."""

    key: ObjectId
    name: str
    description: str
    taken: str
    time: str
    count: int
    disks: str
    srs: str
    size: int
    used: int
    memory: int


@dataclass(frozen=True, slots=True)
class MoveRow:
    """Whether a host can take a VM: `reasons` is a line for each reason against it, empty where it can."""

    key: ObjectId
    name: str
    is_home: bool
    usable: bool
    detail: str
    reasons: str


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that stands badly, or would when a host fails: `severity` is block, warn or info."""

    key: ObjectId
    subject: str
    severity: str
    sentence: str
