"""One pool as an immutable snapshot: its records by class and reference, and what can be derived from them.

An `Inventory` is never edited: `core.changes.apply` makes the next one, sharing every table that did not change.
Derived indexes are computed when first asked for and carried over to the next inventory while the classes they were
made from stay the same, so that an event costs what it changes and not what the pool holds.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar, cast

from xsmigui.core import records
from xsmigui.core.records import CLASSES, Record
from xsmigui.core.refs import (
    HostRef,
    NetworkRef,
    ObjectId,
    PifRef,
    PoolId,
    PoolRef,
    SrRef,
    TaskRef,
    VbdRef,
    VdiRef,
    VifRef,
    VmRef,
    is_null,
)
from xsmigui.core.units import natural

Tables = Mapping[str, Mapping[str, Record]]
T = TypeVar("T")

THIN_TYPES: Final = frozenset(
    {"ext", "nfs", "file", "smb", "cifs", "gfs2", "xfs", "zfs", "linstor", "cephfs", "glusterfs", "moosefs"}
)
"""SR types whose disks take only what is written. All others (lvm, lvmoiscsi, lvmohba, …) take the virtual size."""


class Derived(Generic[T]):
    """A property computed once, and shared by the inventories in which the classes it was made from are the same."""

    def __init__(self, compute: "Callable[[Inventory], T]", classes: frozenset[str]) -> None:
        self.compute = compute
        self.classes = classes
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        DERIVED[name] = self.classes

    def __get__(self, inventory: "Inventory", owner: type) -> T:
        made = inventory._made
        if self.name not in made:
            made[self.name] = self.compute(inventory)
        return cast(T, made[self.name])


def derived(*classes: str) -> "Callable[[Callable[[Inventory], T]], Derived[T]]":
    """Make a `Derived` property of a method that reads only these classes."""
    return lambda compute: Derived(compute, frozenset(classes))


DERIVED: Final[dict[str, frozenset[str]]] = {}


class Inventory:
    """All records of one pool. Tables are named as the API names its classes."""

    __slots__ = ("_made", "tables")

    def __init__(self, tables: Tables, made: dict[str, Any] | None = None) -> None:
        self.tables: Final = {cls: tables.get(cls, {}) for cls in CLASSES}
        self._made: Final[dict[str, Any]] = made or {}

    def replaced(self, tables: Tables) -> "Inventory":
        """The inventory with these tables in place of its own; what was derived from the others stays."""
        kept = {n: v for n, v in self._made.items() if DERIVED[n].isdisjoint(tables)}
        return Inventory({**self.tables, **tables}, kept)

    # The tables, typed.

    @property
    def host(self) -> Mapping[HostRef, records.Host]:
        return cast(Mapping[HostRef, records.Host], self.tables["host"])

    @property
    def host_metrics(self) -> Mapping[str, records.HostMetrics]:
        return cast(Mapping[str, records.HostMetrics], self.tables["host_metrics"])

    @property
    def VM(self) -> Mapping[VmRef, records.VM]:
        return cast(Mapping[VmRef, records.VM], self.tables["VM"])

    @property
    def VM_metrics(self) -> Mapping[str, records.VmMetrics]:
        return cast(Mapping[str, records.VmMetrics], self.tables["VM_metrics"])

    @property
    def VM_guest_metrics(self) -> Mapping[str, records.GuestMetrics]:
        return cast(Mapping[str, records.GuestMetrics], self.tables["VM_guest_metrics"])

    @property
    def VBD(self) -> Mapping[VbdRef, records.VBD]:
        return cast(Mapping[VbdRef, records.VBD], self.tables["VBD"])

    @property
    def VDI(self) -> Mapping[VdiRef, records.VDI]:
        return cast(Mapping[VdiRef, records.VDI], self.tables["VDI"])

    @property
    def SR(self) -> Mapping[SrRef, records.SR]:
        return cast(Mapping[SrRef, records.SR], self.tables["SR"])

    @property
    def PBD(self) -> Mapping[str, records.PBD]:
        return cast(Mapping[str, records.PBD], self.tables["PBD"])

    @property
    def VIF(self) -> Mapping[VifRef, records.VIF]:
        return cast(Mapping[VifRef, records.VIF], self.tables["VIF"])

    @property
    def network(self) -> Mapping[NetworkRef, records.Network]:
        return cast(Mapping[NetworkRef, records.Network], self.tables["network"])

    @property
    def PIF(self) -> Mapping[PifRef, records.PIF]:
        return cast(Mapping[PifRef, records.PIF], self.tables["PIF"])

    @property
    def PIF_metrics(self) -> Mapping[str, records.PifMetrics]:
        return cast(Mapping[str, records.PifMetrics], self.tables["PIF_metrics"])

    @property
    def task(self) -> Mapping[TaskRef, records.Task]:
        return cast(Mapping[TaskRef, records.Task], self.tables["task"])

    # The pool itself.

    @property
    def pool_ref(self) -> PoolRef:
        return cast(PoolRef, next(iter(self.tables["pool"]), ""))

    @property
    def pool(self) -> records.Pool:
        """The one pool record that every server has; an empty one before it is known."""
        return cast(records.Pool, next(iter(self.tables["pool"].values()), records.Pool()))

    @property
    def id(self) -> PoolId:
        return PoolId(self.pool.uuid)

    @property
    def is_standalone(self) -> bool:
        """A single host whose pool has no name shows as a host (XenCenter: `visible pool`)."""
        return not self.pool.name_label and len(self.host) <= 1

    @property
    def name(self) -> str:
        """The pool's name; that of its only or coordinating host where it has none."""
        if self.pool.name_label:
            return self.pool.name_label
        coordinator = self.host.get(self.pool.master)
        return coordinator.name_label if coordinator else ""

    def object_id(self, cls: str, ref: str) -> ObjectId:
        return ObjectId(self.id, cls, ref)

    def record(self, cls: str, ref: str) -> Record | None:
        """The record of any class, or None where it is not (or no longer) known."""
        return self.tables.get(cls, {}).get(ref)

    def name_of(self, cls: str, ref: str) -> str:
        """The object's name for a sentence; its uuid or reference where it has none."""
        record = self.record(cls, ref)
        return getattr(record, "name_label", "") or (record.uuid if record else "") or ref

    def find(self, cls: str, name_or_uuid: str) -> list[str]:
        """References of the objects with this uuid or, failing that, with this name."""
        table = self.tables[cls]
        by_uuid = [ref for ref, record in table.items() if record.uuid == name_or_uuid]
        return by_uuid or [r for r, record in table.items() if getattr(record, "name_label", None) == name_or_uuid]

    # Hosts.

    def is_live(self, host: HostRef) -> bool:
        """The host answers its coordinator (`host_metrics.live`)."""
        record = self.host.get(host)
        metrics = self.host_metrics.get(record.metrics) if record else None
        return bool(metrics and metrics.live)

    @derived("host", "pool")
    def hosts_in_order(self) -> tuple[HostRef, ...]:
        """Hosts as people expect them: the coordinator first, then by name."""
        master = self.pool.master
        return tuple(sorted(self.host, key=lambda ref: (ref != master, natural(self.host[ref].name_label), ref)))

    @derived("VM")
    def committed_memory(self) -> Mapping[HostRef, int]:
        """Bytes spoken for on each host: `memory_dynamic_min + memory_overhead` of every VM that runs there or is
        about to (xapi memory_check.ml; dom0 is one of them)."""
        sums: dict[HostRef, int] = {}
        for vm in self.VM.values():
            need = vm.memory_dynamic_min + vm.memory_overhead
            if not is_null(vm.resident_on):
                sums[vm.resident_on] = sums.get(vm.resident_on, 0) + need
            if not is_null(vm.scheduled_to_be_resident_on) and vm.scheduled_to_be_resident_on != vm.resident_on:
                sums[vm.scheduled_to_be_resident_on] = sums.get(vm.scheduled_to_be_resident_on, 0) + need
        return sums

    def total_memory(self, host: HostRef) -> int:
        record = self.host.get(host)
        metrics = self.host_metrics.get(record.metrics) if record else None
        return metrics.memory_total if metrics else 0

    def free_memory(self, host: HostRef) -> int:
        """What `host.compute_free_memory` answers, in bytes (xapi memory_check.ml; `memory_free` is not used)."""
        record = self.host.get(host)
        if record is None:
            return 0
        return max(0, self.total_memory(host) - record.memory_overhead - self.committed_memory.get(host, 0))

    # Storage.

    @derived("PBD")
    def visible_srs(self) -> Mapping[HostRef, frozenset[SrRef]]:
        """The SRs that each host sees: those with an attached PBD on it."""
        seen: dict[HostRef, set[SrRef]] = {}
        for pbd in self.PBD.values():
            if pbd.currently_attached:
                seen.setdefault(pbd.host, set()).add(pbd.SR)
        return {host: frozenset(srs) for host, srs in seen.items()}

    @derived("PBD")
    def sr_hosts(self) -> Mapping[SrRef, tuple[HostRef, ...]]:
        """The hosts on which each SR is attached."""
        seen: dict[SrRef, list[HostRef]] = {}
        for pbd in self.PBD.values():
            if pbd.currently_attached:
                seen.setdefault(pbd.SR, []).append(pbd.host)
        return {sr: tuple(hosts) for sr, hosts in seen.items()}

    def sees(self, host: HostRef, sr: SrRef) -> bool:
        return sr in self.visible_srs.get(host, frozenset())

    @derived("SM")
    def sm_by_type(self) -> Mapping[str, records.SM]:
        return {sm.type: sm for sm in cast(Mapping[str, records.SM], self.tables["SM"]).values()}

    def sr_features(self, sr: SrRef) -> frozenset[str]:
        """What the SR's driver can do (`SM.features`; `SM.capabilities` on servers before 6.2)."""
        record = self.SR.get(sr)
        sm = self.sm_by_type.get(record.type) if record else None
        return frozenset(sm.features or sm.capabilities) if sm else frozenset()

    def is_thin(self, sr: SrRef) -> bool:
        """Disks on it take only what is written, as the driver says or the SR's type tells."""
        record = self.SR.get(sr)
        return "THIN_PROVISIONING" in self.sr_features(sr) or bool(record and record.type in THIN_TYPES)

    def free_space(self, sr: SrRef) -> int:
        record = self.SR.get(sr)
        return max(0, record.physical_size - record.physical_utilisation) if record else 0

    def storage_host(self, sr: SrRef) -> HostRef | None:
        """The host that an SR belongs to: the only one of an unshared SR (XenCenter: `sr.home`)."""
        record = self.SR.get(sr)
        if record is None or record.shared or len(record.PBDs) != 1:
            return None
        pbd = self.PBD.get(record.PBDs[0])
        return pbd.host if pbd and pbd.host in self.host else None

    # VMs.

    def vbds(self, vm: VmRef) -> Iterator[tuple[VbdRef, records.VBD]]:
        """The VM's VBDs in the order of their positions; those that the database lost are left out."""
        record = self.VM.get(vm)
        found = [(ref, vbd) for ref in (record.VBDs if record else ()) if (vbd := self.VBD.get(ref))]
        return iter(sorted(found, key=lambda item: (natural(item[1].userdevice), item[0])))

    def disks(self, vm: VmRef) -> list[tuple[records.VBD, VdiRef, records.VDI]]:
        """The VM's virtual disks (CD drives left out), by position."""
        return [
            (vbd, vbd.VDI, vdi)
            for _, vbd in self.vbds(vm)
            if vbd.type != "CD" and not vbd.empty and (vdi := self.VDI.get(vbd.VDI))
        ]

    def cds(self, vm: VmRef) -> list[tuple[VbdRef, records.VBD, records.VDI]]:
        """The CDs that are in the VM's drives."""
        return [
            (ref, vbd, vdi)
            for ref, vbd in self.vbds(vm)
            if vbd.type == "CD" and not vbd.empty and (vdi := self.VDI.get(vbd.VDI))
        ]

    def vifs(self, vm: VmRef) -> list[tuple[VifRef, records.VIF]]:
        record = self.VM.get(vm)
        found = [(ref, vif) for ref in (record.VIFs if record else ()) if (vif := self.VIF.get(ref))]
        return sorted(found, key=lambda item: natural(item[1].device))

    def snapshots(self, vm: VmRef) -> list[VmRef]:
        record = self.VM.get(vm)
        return [ref for ref in (record.snapshots if record else ()) if ref in self.VM]

    def home(self, vm: VmRef) -> HostRef | None:
        """Where the VM belongs in the tree: where it runs; else the host of its local storage; else its home server
        if that is live; else nowhere (XenCenter 0.2; paused VMs count as running ones)."""
        record = self.VM.get(vm)
        if record is None:
            return None
        if record.is_a_snapshot:
            return self.home(record.snapshot_of) if record.snapshot_of in self.VM else None
        if record.is_a_template:
            return None
        if record.power_state in ("Running", "Paused"):
            return record.resident_on if record.resident_on in self.host else None
        for _, vbd in self.vbds(vm):
            vdi = self.VDI.get(vbd.VDI)
            if vdi and (host := self.storage_host(vdi.SR)):
                return host
        return record.affinity if self.is_live(record.affinity) else None

    def user_vms(self) -> Iterator[tuple[VmRef, records.VM]]:
        """VMs proper: no templates, snapshots or control domains."""
        for ref, vm in self.VM.items():
            if not (vm.is_a_template or vm.is_a_snapshot or vm.is_control_domain):
                yield ref, vm

    # Networks.

    @derived("PIF")
    def pifs_by_host(self) -> Mapping[HostRef, Mapping[NetworkRef, records.PIF]]:
        """For each host the PIF by which it is on each network."""
        found: dict[HostRef, dict[NetworkRef, records.PIF]] = {}
        for pif in self.PIF.values():
            found.setdefault(pif.host, {})[pif.network] = pif
        return found

    def pif(self, host: HostRef, network: NetworkRef) -> records.PIF | None:
        return self.pifs_by_host.get(host, {}).get(network)

    def is_management(self, network: NetworkRef) -> bool:
        return any(self.PIF[p].management for p in self.network[network].PIFs if p in self.PIF)
