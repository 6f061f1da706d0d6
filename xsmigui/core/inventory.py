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
    """All records of one pool. Tables are named as the API names its classes. `old_encryption` says that the server
    they come from allows nothing better (`core.connecting`)."""

    __slots__ = (
        "PBD",
        "PGPU",
        "PIF",
        "PIF_metrics",
        "SM",
        "SR",
        "VBD",
        "VDI",
        "VGPU",
        "VGPU_type",
        "VIF",
        "VM",
        "VM_group",
        "VM_guest_metrics",
        "VM_metrics",
        "_made",
        "host",
        "host_metrics",
        "network",
        "old_encryption",
        "pool_update",
        "tables",
        "task",
    )

    def __init__(self, tables: Tables, made: dict[str, Any] | None = None, old_encryption: bool = False) -> None:
        self.old_encryption: Final = old_encryption
        self.tables: Final = {cls: tables.get(cls, {}) for cls in CLASSES}
        self._made: Final[dict[str, Any]] = made or {}
        typed = cast(dict[str, Any], self.tables)
        self.host: Final[Mapping[HostRef, records.Host]] = typed["host"]
        self.host_metrics: Final[Mapping[str, records.HostMetrics]] = typed["host_metrics"]
        self.VM: Final[Mapping[VmRef, records.VM]] = typed["VM"]
        self.VM_metrics: Final[Mapping[str, records.VmMetrics]] = typed["VM_metrics"]
        self.VM_guest_metrics: Final[Mapping[str, records.GuestMetrics]] = typed["VM_guest_metrics"]
        self.VBD: Final[Mapping[VbdRef, records.VBD]] = typed["VBD"]
        self.VDI: Final[Mapping[VdiRef, records.VDI]] = typed["VDI"]
        self.SR: Final[Mapping[SrRef, records.SR]] = typed["SR"]
        self.SM: Final[Mapping[str, records.SM]] = typed["SM"]
        self.PBD: Final[Mapping[str, records.PBD]] = typed["PBD"]
        self.VIF: Final[Mapping[VifRef, records.VIF]] = typed["VIF"]
        self.network: Final[Mapping[NetworkRef, records.Network]] = typed["network"]
        self.PIF: Final[Mapping[PifRef, records.PIF]] = typed["PIF"]
        self.PIF_metrics: Final[Mapping[str, records.PifMetrics]] = typed["PIF_metrics"]
        self.VGPU: Final[Mapping[str, records.VGPU]] = typed["VGPU"]
        self.VGPU_type: Final[Mapping[str, records.VgpuType]] = typed["VGPU_type"]
        self.PGPU: Final[Mapping[str, records.PGPU]] = typed["PGPU"]
        self.VM_group: Final[Mapping[str, records.VmGroup]] = typed["VM_group"]
        self.pool_update: Final[Mapping[str, records.PoolUpdate]] = typed["pool_update"]
        self.task: Final[Mapping[TaskRef, records.Task]] = typed["task"]

    def replaced(self, tables: Tables) -> "Inventory":
        """The inventory with these tables in place of its own; what was derived from the others stays."""
        kept = {n: v for n, v in self._made.items() if DERIVED[n].isdisjoint(tables)}
        return Inventory({**self.tables, **tables}, kept, self.old_encryption)

    def over_old_encryption(self) -> "Inventory":
        """The same, from a server that allows old encryption only."""
        return Inventory(self.tables, self._made, old_encryption=True)

    def with_record(self, cls: str, ref: str, record: Record) -> "Inventory":
        """The inventory as it would be with this record."""
        return self.replaced({cls: {**self.tables[cls], ref: record}})

    # The pool itself.

    @property
    def pool_ref(self) -> PoolRef:
        return cast(PoolRef, next(iter(self.tables["pool"]), ""))

    @derived("pool")
    def pool(self) -> records.Pool:
        """The one pool record that every server has; an empty one before it is known."""
        found = next(iter(self.tables["pool"].values()), None)
        return records.Pool() if found is None else cast(records.Pool, found)

    @derived("pool")
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
        """The record of any class, or None if it is not (or no longer) known."""
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

    @derived("host")
    def feature_sets(self) -> frozenset[str]:
        """The different sets of processor features that hosts offer to VMs."""
        return frozenset(host.cpu_info.get("features_hvm_host", "") for host in self.host.values() if host.cpu_info)

    @derived("host", "host_metrics", "VM")
    def memory_left(self) -> Mapping[HostRef, int]:
        """What `host.compute_free_memory` answers for each host (xapi memory_check.ml; `memory_free` is not used)."""
        taken = self.committed_memory
        return {
            ref: max(0, self.total_memory(ref) - host.memory_overhead - taken.get(ref, 0))
            for ref, host in self.host.items()
        }

    def free_memory(self, host: HostRef) -> int:
        """Bytes of memory that a host has left for VMs."""
        return self.memory_left.get(host, 0)

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
        return {sr: tuple(sorted(hosts)) for sr, hosts in seen.items()}

    def sees(self, host: HostRef, sr: SrRef) -> bool:
        return sr in self.visible_srs.get(host, frozenset())

    @derived("SM")
    def sm_by_type(self) -> Mapping[str, records.SM]:
        return {sm.type: sm for sm in self.SM.values()}

    @derived("SR", "SM")
    def features_by_sr(self) -> Mapping[SrRef, frozenset[str]]:
        """What each SR's driver can do (`SM.features`; `SM.capabilities` on servers before 6.2)."""
        drivers = self.sm_by_type
        found = {ref: drivers.get(sr.type) for ref, sr in self.SR.items()}
        return {ref: frozenset(sm.features or sm.capabilities) if sm else frozenset() for ref, sm in found.items()}

    def sr_features(self, sr: SrRef) -> frozenset[str]:
        return self.features_by_sr.get(sr, frozenset())

    @derived("SR", "SM")
    def thin_srs(self) -> frozenset[SrRef]:
        """The SRs whose disks take only what is written, as the driver says or the SR's type tells."""
        able = self.features_by_sr
        return frozenset(r for r, sr in self.SR.items() if "THIN_PROVISIONING" in able[r] or sr.type in THIN_TYPES)

    def is_thin(self, sr: SrRef) -> bool:
        return sr in self.thin_srs

    @derived("VDI")
    def vdi_by_uuid(self) -> Mapping[str, VdiRef]:
        return {vdi.uuid: ref for ref, vdi in self.VDI.items()}

    @derived("VBD")
    def vbds_by_vdi(self) -> Mapping[VdiRef, tuple[VbdRef, ...]]:
        """The connections of each disk, whosever they are."""
        found: dict[VdiRef, list[VbdRef]] = {}
        for ref, vbd in self.VBD.items():
            if not is_null(vbd.VDI):
                found.setdefault(vbd.VDI, []).append(ref)
        return {vdi: tuple(refs) for vdi, refs in found.items()}

    @derived("VM")
    def vms_by_suspend_image(self) -> Mapping[VdiRef, tuple[VmRef, ...]]:
        """The VMs and snapshots whose memory each suspend image holds."""
        found: dict[VdiRef, list[VmRef]] = {}
        for ref, vm in self.VM.items():
            if not is_null(vm.suspend_VDI):
                found.setdefault(vm.suspend_VDI, []).append(ref)
        return {vdi: tuple(refs) for vdi, refs in found.items()}

    def ancestors(self, vdi: records.VDI) -> Iterator[tuple[VdiRef, records.VDI]]:
        """The hidden disks that a disk's content rests on (VHD chains: ``sm_config["vhd-parent"]``), nearest first."""
        seen = {vdi.uuid}
        while (parent := vdi.sm_config.get("vhd-parent", "")) not in seen and parent in self.vdi_by_uuid:
            seen.add(parent)
            ref = self.vdi_by_uuid[parent]
            vdi = self.VDI[ref]
            yield ref, vdi

    @derived("VDI")
    def children(self) -> Mapping[str, tuple[VdiRef, ...]]:
        """By the uuid of a disk, those that rest directly on it (``sm_config["vhd-parent"]``)."""
        found: dict[str, list[VdiRef]] = {}
        for ref, vdi in self.VDI.items():
            if parent := vdi.sm_config.get("vhd-parent"):
                found.setdefault(parent, []).append(ref)
        return {parent: tuple(refs) for parent, refs in found.items()}

    @derived("VDI")
    def coalescing(self) -> Mapping[SrRef, tuple[VdiRef, ...]]:
        """The hidden disks of each SR that will be coalesced: with a single disk that rests on them, or none."""
        found: dict[SrRef, list[VdiRef]] = {}
        for ref, vdi in self.VDI.items():
            hidden = not vdi.managed and not vdi.is_a_snapshot and vdi.type == "user"
            if hidden and len(self.children.get(vdi.uuid, ())) < 2:
                found.setdefault(vdi.SR, []).append(ref)
        return {sr: tuple(sorted(refs)) for sr, refs in found.items()}

    def vgpus(self, vm: VmRef) -> list[records.VGPU]:
        record = self.VM.get(vm)
        return [vgpu for ref in (record.VGPUs if record else ()) if (vgpu := self.VGPU.get(ref))]

    def free_space(self, sr: SrRef) -> int:
        record = self.SR.get(sr)
        return max(0, record.physical_size - record.physical_utilisation) if record else 0

    @derived("SR")
    def srs_by_space(self) -> tuple[SrRef, ...]:
        """The SRs, those with the most free space first; hidden ones last of all."""
        return tuple(
            sorted(
                self.SR,
                key=lambda ref: (
                    self.is_hidden(ref),
                    -self.free_space(ref),
                    natural(self.SR[ref].name_label),
                    ref,
                ),
            )
        )

    def is_hidden(self, sr: SrRef) -> bool:
        """The SR is marked as not to be shown, or was made for a recovery (XenCenter: `sr.shown`)."""
        record = self.SR.get(sr)
        if record is None:
            return False
        return record.other_config.get("HideFromXenCenter") == "true" or not is_null(record.introduced_by)

    @derived("SR", "PBD", "host")
    def storage_hosts(self) -> Mapping[SrRef, HostRef]:
        """The host that each unshared SR belongs to: its only one (XenCenter: `sr.home`)."""
        single = {ref: self.PBD.get(sr.PBDs[0]) for ref, sr in self.SR.items() if not sr.shared and len(sr.PBDs) == 1}
        return {ref: pbd.host for ref, pbd in single.items() if pbd and pbd.host in self.host}

    def storage_host(self, sr: SrRef) -> HostRef | None:
        return self.storage_hosts.get(sr)

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
        record, seen = self.VM.get(vm), {vm}
        while record is not None and record.is_a_snapshot:
            if record.snapshot_of in seen:
                return None  # snapshots of one another
            vm = record.snapshot_of
            seen.add(vm)
            record = self.VM.get(vm)
        if record is None or record.is_a_template:
            return None
        if record.power_state in ("Running", "Paused"):
            return record.resident_on if record.resident_on in self.host else None
        for _, vbd in self.vbds(vm):
            vdi = self.VDI.get(vbd.VDI)
            if vdi and (host := self.storage_hosts.get(vdi.SR)):
                return host
        return record.affinity if self.is_live(record.affinity) else None

    def user_vms(self) -> Iterator[tuple[VmRef, records.VM]]:
        """VMs proper: no templates, snapshots or control domains."""
        for ref, vm in self.VM.items():
            if not (vm.is_a_template or vm.is_a_snapshot or vm.is_control_domain):
                yield ref, vm

    @derived("VM")
    def moving_vms(self) -> tuple[VmRef, ...]:
        """The VMs that are under way by a storage migration."""
        return tuple(
            ref
            for ref, vm in self.VM.items()
            if vm.current_operations and "migrate_send" in vm.current_operations.values()
        )

    @derived("VM")
    def moving_by_task(self) -> Mapping[str, tuple[VmRef, ...]]:
        """The VMs on which each task works."""
        found: dict[str, list[VmRef]] = {}
        for ref, vm in self.VM.items():
            for task in vm.current_operations:
                found.setdefault(task, []).append(ref)
        return {task: tuple(refs) for task, refs in found.items()}

    @derived("VM")
    def vms_by_identity(self) -> Mapping[str, tuple[VmRef, ...]]:
        """VMs by what another one must not share with them: their uuid, and ``mac_seed=…`` (snapshots left out)."""
        found: dict[str, list[VmRef]] = {}
        for ref, vm in self.VM.items():
            found.setdefault(vm.uuid, []).append(ref)
            if "mac_seed" in vm.other_config and not vm.is_a_snapshot:
                found.setdefault(f"mac_seed={vm.other_config['mac_seed']}", []).append(ref)
        return {identity: tuple(refs) for identity, refs in found.items()}

    # Networks.

    @derived("network", "PIF")
    def vlans(self) -> Mapping[NetworkRef, frozenset[int]]:
        """The VLAN numbers by which each network is reached; those without a VLAN are left out."""
        found = {
            ref: frozenset(pif.VLAN for p in net.PIFs if (pif := self.PIF.get(p)) and pif.VLAN >= 0)
            for ref, net in self.network.items()
        }
        return {ref: vlans for ref, vlans in found.items() if vlans}

    @derived("network", "PIF")
    def guest_networks(self) -> tuple[NetworkRef, ...]:
        """The networks that VMs may be put on: those hidden by the server's own mark, the guest installer's and the
        members of bonds are left out, as XenCenter does."""
        bonded = {pif.network for pif in self.PIF.values() if not is_null(pif.bond_slave_of)}
        hidden = ("HideFromXenCenter", "is_guest_installer_network")
        return tuple(
            ref
            for ref, net in self.network.items()
            if ref not in bonded and not any(net.other_config.get(mark) == "true" for mark in hidden)
        )

    @derived("network")
    def networks_by_name(self) -> Mapping[str, tuple[NetworkRef, ...]]:
        found: dict[str, list[NetworkRef]] = {}
        for ref, network in self.network.items():
            found.setdefault(network.name_label, []).append(ref)
        return {name: tuple(refs) for name, refs in found.items()}

    @derived("VIF", "VM")
    def vifs_by_mac(self) -> Mapping[str, tuple[VifRef, ...]]:
        """The VIFs of VMs proper by their MAC in lower case."""
        vms = {ref for ref, _vm in self.user_vms()}
        found: dict[str, list[VifRef]] = {}
        for ref, vif in self.VIF.items():
            if vif.VM in vms:
                found.setdefault(vif.MAC.lower(), []).append(ref)
        return {mac: tuple(refs) for mac, refs in found.items()}

    @derived("network", "VIF", "VM")
    def pinned_networks(self) -> Mapping[NetworkRef, frozenset[HostRef]]:
        """The internal networks on which VMs run, each with the hosts of these VMs: it exists on them alone
        (xapi_vm_helpers.ml, assert_can_see_networks)."""
        found: dict[NetworkRef, frozenset[HostRef]] = {}
        for ref, net in self.network.items():
            if net.PIFs or not net.managed or net.other_config.get("assume_network_is_shared") == "true":
                continue
            vms = (self.VM.get(vif.VM) for vif_ref in net.VIFs if (vif := self.VIF.get(vif_ref)))
            if hosts := frozenset(vm.resident_on for vm in vms if vm and vm.power_state == "Running"):
                found[ref] = hosts
        return found

    @derived("PIF")
    def management_networks(self) -> frozenset[NetworkRef]:
        return frozenset(pif.network for pif in self.PIF.values() if pif.management)

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
        return network in self.management_networks
