"""A builder of small sites for tests: say what there is, get inventories.

    madrid = PoolBuilder("Madrid")
    m1, m2 = madrid.host("m1"), madrid.host("m2")
    lan = madrid.network("LAN")
    nfs = madrid.sr("nfs", default=True)
    web = madrid.vm("web", on=m1, disks=[nfs], networks=[lan])
    madrid.snapshot(web, "before the update")
    inventory = madrid.inventory()

Every method answers the reference of what it made; `set` changes any record afterwards, `get` reads it. Networks and
SRs are on all hosts made so far unless `hosts` says otherwise. The many-sided fields (`VM.VBDs`, `SR.VDIs`,
`host.resident_VMs` …) are computed when the inventory is made, as xapi does when it loads its database. References and
uuids depend on names only, so the same calls make equal inventories.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5
from zlib import crc32

from msgspec.structs import replace

from xsmigui.core import records
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.records import CLASSES, Record
from xsmigui.core.refs import (
    NULL,
    HostRef,
    NetworkRef,
    PbdRef,
    PifMetricsRef,
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
from xsmigui.core.units import GiB, TiB

MIGRATES: Final = ("VDI_SNAPSHOT", "VDI_MIRROR", "VDI_MIRROR_IN", "VDI_CREATE", "VDI_CLONE")
FEATURES: Final = {
    "nfs": (*MIGRATES, "THIN_PROVISIONING"),
    "ext": (*MIGRATES, "THIN_PROVISIONING"),
    "lvm": MIGRATES,
    "lvmoiscsi": MIGRATES,
    "lvmohba": MIGRATES,
    "iso": (),
    "udev": (),
}
"""What the drivers of common SR types can do, where a test does not say."""

ALLOWED: Final = {
    "Running": ["pool_migrate", "migrate_send", "suspend", "clean_shutdown", "hard_shutdown", "snapshot"],
    "Suspended": ["migrate_send", "resume", "resume_on", "hard_shutdown", "snapshot"],
    "Halted": ["migrate_send", "start", "start_on", "snapshot", "copy", "clone", "export", "destroy"],
    "Paused": ["unpause", "hard_shutdown"],
}

REVERSED: Final = (
    ("VBD", "VM", "VM", "VBDs"),
    ("VBD", "VDI", "VDI", "VBDs"),
    ("VIF", "VM", "VM", "VIFs"),
    ("VGPU", "VM", "VM", "VGPUs"),
    ("VIF", "network", "network", "VIFs"),
    ("VDI", "SR", "SR", "VDIs"),
    ("VDI", "snapshot_of", "VDI", "snapshots"),
    ("VM", "snapshot_of", "VM", "snapshots"),
    ("VM", "resident_on", "host", "resident_VMs"),
    ("PBD", "SR", "SR", "PBDs"),
    ("PBD", "host", "host", "PBDs"),
    ("PIF", "network", "network", "PIFs"),
    ("PIF", "host", "host", "PIFs"),
)
"""The many-sided fields: rows of the first class, by their field, are listed in the other class's field."""

SOFTWARE: Final = {"platform_version": "3.4.0", "xapi_build": "25.33.0", "xen": "4.17.5-20", "product_version": "8.4.0"}


class PoolBuilder:
    """One pool in the making. A pool of one host with `name=""` is a standalone host."""

    def __init__(self, name: str = "Madrid", **fields: Any) -> None:
        self.key = fields.pop("key", name or "alone")
        self.tables: dict[str, dict[str, Record]] = {cls: {} for cls in CLASSES}
        self.ref = PoolRef(self._add(records.Pool, "pool", "pool", name_label=name, **fields))

    # What every method stands on.

    def _add(self, kind: type[Record], cls: str, name: str, /, **fields: Any) -> str:
        ref = f"OpaqueRef:{self.key}/{cls}/{name}"
        number = 2
        while ref in self.tables[cls]:
            ref = f"OpaqueRef:{self.key}/{cls}/{name}~{number}"
            number += 1
        fields.setdefault("uuid", str(uuid5(NAMESPACE_URL, ref)))
        self.tables[cls][ref] = kind(**fields)
        return ref

    def _table(self, ref: str) -> dict[str, Record]:
        for table in self.tables.values():
            if ref in table:
                return table
        raise KeyError(ref)

    def get(self, ref: str) -> Any:
        """The record as it stands (many-sided fields may still be empty)."""
        return self._table(ref)[ref]

    def set(self, ref: str, **fields: Any) -> None:
        """Change some fields of any record."""
        table = self._table(ref)
        table[ref] = replace(table[ref], **fields)

    def remove(self, ref: str) -> None:
        """Take a record away; what points to it keeps pointing."""
        del self._table(ref)[ref]

    def get_all(self, cls: str, **fields: Any) -> list[Any]:
        """The references of all records of a class whose fields have these values."""
        return [
            ref for ref, record in self.tables[cls].items() if all(getattr(record, f) == v for f, v in fields.items())
        ]

    def uuid(self, ref: str) -> str:
        return str(self.get(ref).uuid)

    @property
    def id(self) -> PoolId:
        return PoolId(self.uuid(self.ref))

    @property
    def hosts(self) -> tuple[HostRef, ...]:
        return tuple(HostRef(ref) for ref in self.tables["host"])

    # Hosts, networks, storage.

    def host(
        self,
        name: str,
        *,
        memory: int = 64 * GiB,
        cpus: int = 16,
        live: bool = True,
        vendor: str = "GenuineIntel",
        features: str = "ffffffff-ffffffff",
        software: dict[str, str] | None = None,
        **fields: Any,
    ) -> HostRef:
        """A host that takes VMs; the first one is the coordinator. It is on no network or SR made before it."""
        metrics = self._add(records.HostMetrics, "host_metrics", name, memory_total=memory, live=live)
        cpu = {"cpu_count": str(cpus), "vendor": vendor, "features_hvm": features, "features_pv": features}
        fields = {
            "enabled": True,
            "metrics": metrics,
            "cpu_info": cpu,
            "software_version": SOFTWARE | (software or {}),
            "virtual_hardware_platform_versions": [0, 1, 2],
            "capabilities": ["xen-3.0-x86_64", "hvm-3.0-x86_64"],
            "address": f"10.0.0.{len(self.hosts) + 1}",
            "name_label": name,
            **fields,
        }
        ref = HostRef(self._add(records.Host, "host", name, **fields))
        if len(self.hosts) == 1:
            self.set(self.ref, master=ref)
        return ref

    def dom0(self, host: HostRef, memory: int = 2 * GiB) -> VmRef:
        """The host's control domain."""
        name = f"dom0 on {self.get(host).name_label}"
        fields = {"power_state": "Running", "resident_on": host, "is_control_domain": True, "name_label": name}
        return VmRef(self._add(records.VM, "VM", name, memory_dynamic_min=memory, memory_dynamic_max=memory, **fields))

    def network(
        self,
        name: str,
        *,
        hosts: Iterable[HostRef] | None = None,
        vlan: int = -1,
        management: bool = False,
        address: bool = False,
        carrier: bool = True,
        **fields: Any,
    ) -> NetworkRef:
        """A network with a plugged PIF on each host; with IP addresses if asked, or if it is the management's. With
        `hosts=[]` it is an internal one."""
        ref = NetworkRef(self._add(records.Network, "network", name, name_label=name, **fields))
        for host in self.hosts if hosts is None else hosts:
            self.pif(host, ref, vlan=vlan, management=management, address=address or management, carrier=carrier)
        return ref

    def pif(
        self,
        host: HostRef,
        network: NetworkRef,
        *,
        vlan: int = -1,
        management: bool = False,
        address: bool = False,
        carrier: bool = True,
        **fields: Any,
    ) -> PifRef:
        name = f"{self.get(network).name_label} of {self.get(host).name_label}"
        number = len(self.tables["PIF"])
        metrics = PifMetricsRef(self._add(records.PifMetrics, "PIF_metrics", name, carrier=carrier, speed=10_000))
        fields = {
            "device": f"eth{len([p for p in self.tables['PIF'].values() if getattr(p, 'host', '') == host])}",
            "MAC": f"00:16:3e:00:00:{number:02x}",
            "VLAN": vlan,
            "management": management,
            "currently_attached": True,
            "ip_configuration_mode": "Static" if address else "None",
            "IP": f"10.0.{number // 250}.{number % 250 + 1}" if address else "",
            "physical": vlan < 0,
            "metrics": metrics,
            **fields,
        }
        return PifRef(self._add(records.PIF, "PIF", name, network=network, host=host, **fields))

    def sr(
        self,
        name: str,
        type: str = "nfs",
        *,
        shared: bool | None = None,
        hosts: Iterable[HostRef] | None = None,
        size: int = 10 * TiB,
        used: int = 0,
        default: bool = False,
        features: Sequence[str] | None = None,
        **fields: Any,
    ) -> SrRef:
        """An SR attached to the hosts; one of a single host is local unless `shared` says otherwise. `features` are
        those of the driver, so of every SR of this type."""
        on = list(self.hosts if hosts is None else hosts)
        fields = {
            "name_label": name,
            "type": type,
            "shared": len(on) > 1 or hosts is None if shared is None else shared,
            "content_type": "iso" if type == "iso" else "user",
            "physical_size": size,
            "physical_utilisation": used,
            **fields,
        }
        ref = SrRef(self._add(records.SR, "SR", name, **fields))
        for host in on:
            self.pbd(host, ref)
        if default:
            self.set(self.ref, default_SR=ref)
        self.driver(type, features)
        return ref

    def driver(self, type: str, features: Sequence[str] | None = None) -> None:
        """The SM record of an SR type; without `features` the usual ones, unless there is one already."""
        known = [ref for ref, sm in self.tables["SM"].items() if getattr(sm, "type", "") == type]
        if known and features is not None:
            self.set(known[0], features=dict.fromkeys(features, 1))
        elif not known:
            able = FEATURES.get(type, MIGRATES) if features is None else features
            self._add(records.SM, "SM", type, type=type, name_label=type, features=dict.fromkeys(able, 1))

    def pbd(self, host: HostRef, sr: SrRef, attached: bool = True) -> PbdRef:
        name = f"{self.get(sr).name_label} of {self.get(host).name_label}"
        return PbdRef(self._add(records.PBD, "PBD", name, host=host, SR=sr, currently_attached=attached))

    def disk(self, sr: SrRef, size: int = 10 * GiB, name: str = "disk", **fields: Any) -> VdiRef:
        """A virtual disk that belongs to nobody yet; half of it is written unless told otherwise."""
        fields = {"name_label": name, "virtual_size": size, "physical_utilisation": size // 2, **fields}
        return VdiRef(self._add(records.VDI, "VDI", name, SR=sr, **fields))

    # VMs and what belongs to them.

    def vm(
        self,
        name: str,
        *,
        on: HostRef | None = None,
        state: str | None = None,
        memory: int = 2 * GiB,
        disks: Iterable[SrRef | VdiRef | tuple[SrRef, int]] = (),
        networks: Iterable[NetworkRef] = (),
        tools: bool = True,
        **fields: Any,
    ) -> VmRef:
        """A VM: running where `on` says, otherwise halted. A disk is an SR (10 GiB there), an SR with a size, or a
        disk made before."""
        power = state or ("Running" if on else "Halted")
        metrics = {"current_domain_type": "hvm" if power != "Halted" else "unspecified", "memory_actual": memory}
        guest = {"major": "9", "minor": "4", "micro": "0", "build": "1"}
        fields = {
            "name_label": name,
            "power_state": power,
            "resident_on": on if on is not None and power in ("Running", "Paused") else NULL,
            "allowed_operations": list(ALLOWED[power]),
            "memory_static_max": memory,
            "memory_dynamic_max": memory,
            "memory_dynamic_min": memory,
            "VCPUs_max": 2,
            "VCPUs_at_startup": 2,
            "domain_type": "hvm",
            "HVM_boot_policy": "BIOS order",
            "metrics": self._add(records.VmMetrics, "VM_metrics", name, **metrics),
            **fields,
        }
        if tools and power != "Halted":
            made = {"PV_drivers_version": guest, "PV_drivers_up_to_date": True, "PV_drivers_detected": True}
            made["other"] = {"feature-suspend": "1"}
            fields.setdefault("guest_metrics", self._add(records.GuestMetrics, "VM_guest_metrics", name, **made))
        ref = VmRef(self._add(records.VM, "VM", name, **fields))
        for place, disk in enumerate(disks):
            sr, size = disk if isinstance(disk, tuple) else (disk, 10 * GiB)
            vdi = self.disk(SrRef(sr), size, f"{name} {place}") if sr in self.tables["SR"] else VdiRef(sr)
            self.attach(ref, vdi)
        for network in networks:
            self.vif(ref, network)
        return ref

    def template(self, name: str, **fields: Any) -> VmRef:
        """A custom template."""
        return self.vm(name, is_a_template=True, **fields)

    def attach(self, vm: VmRef, vdi: VdiRef | str = NULL, *, type: str = "Disk", **fields: Any) -> VbdRef:
        """A disk (or a CD drive, empty without a disk) in the VM's next position."""
        place = sum(1 for vbd in self.tables["VBD"].values() if getattr(vbd, "VM", "") == vm)
        running = self.get(vm).power_state == "Running"
        fields = {
            "userdevice": str(place),
            "type": type,
            "empty": is_null(vdi),
            "currently_attached": running,
            **fields,
        }
        return VbdRef(self._add(records.VBD, "VBD", f"{self.get(vm).name_label} {place}", VM=vm, VDI=vdi, **fields))

    def insert(self, vm: VmRef, sr: SrRef, name: str = "tools.iso") -> VdiRef:
        """Put a CD of this SR into a drive of the VM."""
        cd = self.disk(sr, GiB, name, read_only=True)
        self.attach(vm, cd, type="CD", mode="RO")
        return cd

    def vif(self, vm: VmRef, network: NetworkRef, mac: str = "", **fields: Any) -> VifRef:
        place = sum(1 for vif in self.tables["VIF"].values() if getattr(vif, "VM", "") == vm)
        number = len(self.tables["VIF"])
        pool = crc32(self.key.encode()) % 256  # addresses of two pools differ
        mac = mac or f"c2:00:00:{pool:02x}:{number // 256:02x}:{number % 256:02x}"
        fields = {"MAC": mac, "device": str(place), **fields}
        return VifRef(
            self._add(records.VIF, "VIF", f"{self.get(vm).name_label} {place}", VM=vm, network=network, **fields)
        )

    def vgpu(self, vm: VmRef, implementation: str = "nvidia", *, metadata: bool = True, memory: int = GiB) -> str:
        """A virtual GPU of the VM, on a GPU of its host."""
        name = f"{self.get(vm).name_label} vGPU"
        kind = self._add(
            records.VgpuType,
            "VGPU_type",
            name,
            implementation=implementation,
            framebuffer_size=memory,
            model_name="GRID",
        )
        known = {"host_driver": "1"} if metadata else {}
        gpu = self._add(records.PGPU, "PGPU", name, host=self.get(vm).resident_on, compatibility_metadata=known)
        return self._add(records.VGPU, "VGPU", name, VM=vm, type=kind, resident_on=gpu, PCI=f"OpaqueRef:{name}/PCI")

    def suspend(self, vm: VmRef, sr: SrRef, size: int = 2 * GiB) -> VdiRef:
        """Suspend the VM to an image on this SR."""
        image = self.disk(sr, size, f"suspend image of {self.get(vm).name_label}", type="suspend")
        fields = {"power_state": "Suspended", "resident_on": HostRef(NULL), "suspend_VDI": image, "suspend_SR": sr}
        self.set(vm, allowed_operations=list(ALLOWED["Suspended"]), **fields)
        return image

    def snapshot(self, vm: VmRef, name: str = "snapshot", *, memory_on: SrRef | None = None) -> VmRef:
        """A snapshot of the VM with its disks and VIFs; with its memory too if an SR for that is given."""
        of = self.get(vm)
        fields = {"is_a_snapshot": True, "is_a_template": True, "snapshot_of": vm, "power_state": "Halted"}
        fields |= {"snapshot_time": f"202608{len(self.tables['VM']) % 28 + 1:02d}T02:00:00Z", "name_label": name}
        kept = ("memory_static_max", "memory_dynamic_max", "memory_dynamic_min", "VCPUs_max", "VCPUs_at_startup")
        kept += ("domain_type", "HVM_boot_policy", "hardware_platform_version", "other_config")
        fields |= {field: getattr(of, field) for field in kept}
        ref = VmRef(self._add(records.VM, "VM", name, **fields))
        for vbd in [v for v in self.tables["VBD"].values() if isinstance(v, records.VBD) and vm == v.VM]:
            if vbd.type != "CD" and vbd.VDI in self.tables["VDI"]:
                disk = self.get(vbd.VDI)
                label = f"{disk.name_label} at {name}"
                fields = {
                    "is_a_snapshot": True,
                    "snapshot_of": vbd.VDI,
                    "physical_utilisation": disk.virtual_size // 10,
                }
                copy = self.disk(disk.SR, disk.virtual_size, label, **fields)
                self.attach(ref, copy, userdevice=vbd.userdevice)
        for vif in [v for v in self.tables["VIF"].values() if isinstance(v, records.VIF) and vm == v.VM]:
            self.vif(ref, vif.network, vif.MAC, device=vif.device)
        if memory_on is not None:
            image = self.disk(memory_on, of.memory_static_max, f"memory at {name}", type="suspend")
            flags = of.last_boot_CPU_flags
            self.set(ref, power_state="Suspended", suspend_VDI=image, suspend_SR=memory_on, last_boot_CPU_flags=flags)
        return ref

    def update(self, name: str, hosts: Iterable[HostRef]) -> str:
        """An update of the pool that is applied to these hosts."""
        return self._add(records.PoolUpdate, "pool_update", name, name_label=name, hosts=list(hosts))

    def task(self, name: str, **fields: Any) -> TaskRef:
        return TaskRef(self._add(records.Task, "task", name, name_label=name, **fields))

    # The outcome.

    def inventory(self) -> Inventory:
        """What has been said so far, with the many-sided fields filled in. May be asked for again and again."""
        tables: dict[str, dict[str, Any]] = {cls: dict(table) for cls, table in self.tables.items()}
        for cls, field, other, many in REVERSED:
            lists: dict[str, list[str]] = {}
            for ref, record in self.tables[cls].items():
                lists.setdefault(getattr(record, field), []).append(ref)
            for ref, refs in lists.items():
                if ref in tables[other]:
                    tables[other][ref] = replace(tables[other][ref], **{many: refs})
        return Inventory(tables)

    def move(self, *vms: VmRef, **fields: Any) -> Draft:
        """A draft that moves these VMs of this pool."""
        return Draft(self.id, vms, **fields)


def site_of(*pools: PoolBuilder, connected: Iterable[PoolBuilder] | None = None) -> Site:
    """The site of these pools; all are connected unless told otherwise."""
    inventories = {pool.id: pool.inventory() for pool in pools}
    return Site(inventories, frozenset(pool.id for pool in (pools if connected is None else connected)))


class TwoPools:
    """A usual site: Madrid with three hosts, Lisboa with two; shared and local storage, a management, a storage and a
    guest network in each; in Madrid a running, a suspended and a halted VM, a snapshot and a CD."""

    def __init__(self) -> None:
        self.madrid = a = PoolBuilder("Madrid")
        self.m1, self.m2, self.m3 = (a.host(f"m{n}") for n in (1, 2, 3))
        for host in a.hosts:
            a.dom0(host)
        self.m_management = a.network("Management", management=True)
        self.m_storage_net = a.network("Storage", address=True)
        self.m_lan = a.network("LAN", vlan=20)
        self.m_nfs = a.sr("m-nfs", default=True)
        self.m_iscsi = a.sr("m-iscsi", "lvmoiscsi")
        self.m1_local = a.sr("m1 local", "ext", hosts=[self.m1], size=500 * GiB)
        self.m2_local = a.sr("m2 local", "ext", hosts=[self.m2], size=500 * GiB)
        self.m_iso = a.sr("m-iso", "iso")
        self.web = a.vm("web", on=self.m1, disks=[self.m_nfs, (self.m_nfs, 40 * GiB)], networks=[self.m_lan])
        self.db = a.vm("db", on=self.m2, memory=16 * GiB, disks=[(self.m_iscsi, 100 * GiB)], networks=[self.m_lan])
        self.files = a.vm("files", disks=[(self.m_nfs, 20 * GiB)], networks=[self.m_lan])
        self.sleeper = a.vm("sleeper", disks=[self.m_nfs], networks=[self.m_lan])
        self.image = a.suspend(self.sleeper, self.m_nfs)
        self.db_snapshot = a.snapshot(self.db, "before the update")
        self.cd = a.insert(self.web, self.m_iso, "debian.iso")

        self.lisboa = b = PoolBuilder("Lisboa")
        self.l1, self.l2 = (b.host(f"l{n}") for n in (1, 2))
        for host in b.hosts:
            b.dom0(host)
        self.l_management = b.network("Management", management=True)
        self.l_storage_net = b.network("Storage", address=True)
        self.l_lan = b.network("LAN", vlan=20)
        self.l_nfs = b.sr("l-nfs", default=True)
        self.l1_local = b.sr("l1 local", "lvm", hosts=[self.l1], size=2 * TiB)
        self.l_vm = b.vm("lisboa-web", on=self.l1, disks=[self.l_nfs], networks=[self.l_lan])

    @property
    def site(self) -> Site:
        return site_of(self.madrid, self.lisboa)
