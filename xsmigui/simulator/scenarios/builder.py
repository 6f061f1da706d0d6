"""Builds a pool from words: hosts, networks, SRs, VMs. All rows are loaded at once, so thousands are quick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from xsmigui.simulator.content import image_config
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.gates.memory import memory_overhead
from xsmigui.simulator.guests import device_name, thick
from xsmigui.simulator.operations import COMPUTED
from xsmigui.simulator.profiles import DEFAULT, Profile
from xsmigui.simulator.site import Site, XapiPool
from xsmigui.simulator.tables import Row

MIB: Final = 1 << 20
GIB: Final = 1 << 30
SECOND_FEATURES: Final = "1fcbfbff-f7fa3223-2d93fbff-00000523-00000001-001c0fbb-00000000-00000000-00001000-00000000"
_COMMON: Final = (
    "SR_PROBE", "SR_UPDATE", "SR_SUPPORTS_LOCAL_CACHING", "VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH",
    "VDI_MIRROR", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE", "VDI_UPDATE", "VDI_CONFIG_CBT", "VDI_ACTIVATE",
    "VDI_DEACTIVATE", "VDI_INTRODUCE",
)  # fmt: skip
PLUGINS: Final[dict[str, tuple[str, ...]]] = {
    "nfs": (*_COMMON, "THIN_PROVISIONING", "VDI_GENERATE_CONFIG"),
    "ext": (*_COMMON, "THIN_PROVISIONING"),
    "smb": (*_COMMON, "THIN_PROVISIONING"),
    "lvm": (*_COMMON, "VDI_RESIZE_ONLINE", "VDI_RESET_ON_BOOT"),
    "lvmoiscsi": (*_COMMON, "VDI_RESIZE_ONLINE", "VDI_RESET_ON_BOOT", "VDI_GENERATE_CONFIG"),
    "lvmohba": (*_COMMON, "VDI_RESIZE_ONLINE", "VDI_RESET_ON_BOOT"),
    "iso": ("SR_PROBE", "SR_UPDATE", "VDI_ATTACH", "VDI_DETACH", "VDI_UPDATE", "VDI_DELETE", "VDI_CREATE"),
    "udev": ("SR_UPDATE", "VDI_INTRODUCE", "VDI_ATTACH", "VDI_DETACH", "VDI_UPDATE"),
}
LINUX: Final = {"name": "Debian GNU/Linux 12 (bookworm)", "distro": "debian", "major": "12", "uname": "6.1.0-18-amd64"}
WINDOWS: Final = {"name": "Microsoft Windows Server 2022 Standard|C:\\Windows|\\Device\\Harddisk0\\Partition3",
                  "distro": "windows", "major": "10", "minor": "0"}  # fmt: skip
_TOOLS: Final = {
    "feature-suspend": "1", "feature-shutdown": "1", "feature-reboot": "1", "feature-vcpu-hotplug": "1",
    "feature-balloon": "1", "platform-feature-multiprocessor-suspend": "1",
}  # fmt: skip


class Disk:
    """A disk to be made: where, how large, how much of it written."""

    def __init__(self, sr: str, size: float, used: float | None = None, **fields: Any) -> None:
        self.sr = sr
        self.size = int(size * GIB)
        self.used = int((size if used is None else used) * GIB)
        self.fields = fields


class Builder:
    def __init__(
        self, site: Site, name: str, *, seed: int | str = 0, profile: Profile = DEFAULT, description: str = ""
    ) -> None:
        self.pool = XapiPool(profile, site.clock, f"{seed}/{name}")
        site.add(self.pool)
        self.rows: dict[str, dict[str, Row]] = {}
        self._defaults = {n: dict(c.defaults) for n, c in self.pool.schema.classes.items()}
        self._vlans = 0
        self._dom0: dict[str, str] = {}
        self._domids: dict[str, int] = {}
        self.ref = self.add("pool", name_label=name, name_description=description)
        newest = "supported_image_formats" in self._defaults["SM"]
        for kind, features in PLUGINS.items():
            formats = {"supported_image_formats": ["vhd", "raw"] if thick(kind) else ["vhd", "qcow2"]} if newest else {}
            self.add(
                "SM", name_label=kind, type=kind, vendor="Simulated", version="3.0", required_api_version="1.1",
                features=dict.fromkeys(features, 1), capabilities=list(features),
                driver_filename=f"/opt/xensource/sm/{kind}SR", **formats,
            )  # fmt: skip

    def add(self, cls: str, **values: Any) -> str:
        db = self.pool.db
        ref = db.new_ref()
        row = {**self._defaults[cls], **values}
        if "uuid" not in values:
            row["uuid"] = db.new_uuid()
        self.rows.setdefault(cls, {})[ref] = row
        return ref

    def row(self, cls: str, ref: str) -> Row:
        return self.rows[cls][ref]

    # -- hosts and networks ----------------------------------------------------------------------------------------

    def host(
        self, name: str, *, memory: float, cpus: int = 16, profile: Profile | None = None, features: str | None = None,
        vendor: str = "GenuineIntel",
    ) -> str:  # fmt: skip
        """The first host is the coordinator. `memory` in GiB."""
        profile = profile or self.pool.profile
        policy = features or profile.features
        keys = ("features_pv", "features_hvm", "features_pv_host", "features_hvm_host")
        metrics = self.add("host_metrics", memory_total=int(memory * GIB), live=True, last_updated=self._now())
        host = self.add(
            "host", name_label=name, hostname=name, address=name, enabled=True, metrics=metrics,
            memory_overhead=512 * MIB, API_version_major=2, API_version_minor=21, API_version_vendor="XenSource",
            software_version={**profile.software_version, "hostname": name}, edition="premium-per-socket",
            capabilities=["xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_64"], sched_policy="credit",
            virtual_hardware_platform_versions=[0, 1, 2],
            cpu_info={"cpu_count": str(cpus), "socket_count": "2", "vendor": vendor, "threads_per_core": "2",
                      "modelname": "Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz" if vendor == "GenuineIntel"
                      else "AMD EPYC 7313 16-Core Processor", "speed": "2400.000", "family": "6", "model": "106",
                      "stepping": "6", "flags": "fpu de tsc msr pae vmx sse4_2 avx2", "features": policy,
                      **dict.fromkeys(keys, policy)},
            license_params={"sku_type": "premium", "restrict_storage_xen_motion": "false"},
            other_config={"boot_time": "1767225600.", "agent_start_time": "1767225660."},
        )  # fmt: skip
        dom0 = self.add(
            "VM", name_label=f"Control domain on host: {name}", is_control_domain=True, power_state="Running",
            resident_on=host, affinity=host, domid=0, domain_type="pv", VCPUs_max=8, VCPUs_at_startup=8,
            memory_static_min=2 * GIB, memory_static_max=2 * GIB, memory_dynamic_min=2 * GIB,
            memory_dynamic_max=2 * GIB, memory_target=2 * GIB, memory_overhead=20 * MIB,
            metrics=self.add("VM_metrics", current_domain_type="pv", memory_actual=2 * GIB, VCPUs_number=8),
        )  # fmt: skip
        self.row("host", host)["control_domain"] = dom0
        self._domids[host] = 0
        if self.row("pool", self.ref)["master"] == NULL:
            self.row("pool", self.ref)["master"] = host
        return host

    @property
    def hosts(self) -> list[str]:
        return list(self.rows.get("host", {}))

    def network(self, name: str, *, bridge: str, description: str = "", **fields: Any) -> str:
        values = {"MTU": 1500, "managed": True, **fields}
        return self.add("network", name_label=name, name_description=description, bridge=bridge, **values)

    def nic(self, network: str, device: str, addresses: Sequence[str | None], *, management: bool = False) -> list[str]:
        """A physical interface on each host, with its address (None: no IP)."""
        pifs = []
        for number, (host, ip) in enumerate(zip(self.hosts, addresses, strict=True)):
            metrics = self.add(
                "PIF_metrics", carrier=True, speed=1000, duplex=True, vendor_name="Intel Corporation",
                device_name="I350 Gigabit Network Connection", last_updated=self._now(),
            )  # fmt: skip
            pifs.append(self.add(
                "PIF", device=device, network=network, host=host, MAC=f"a0:36:9f:{number:02x}:00:{int(device[3:]):02x}",
                MTU=1500, VLAN=-1, physical=True, currently_attached=True, IP=ip or "", management=management,
                netmask="255.255.255.0" if ip else "", ip_configuration_mode="Static" if ip else "None",
                gateway=ip.rsplit(".", 1)[0] + ".1" if ip and management else "", managed=True, metrics=metrics,
                primary_address_type="IPv4",
            ))  # fmt: skip
        return pifs

    def vlan(self, network: str, tag: int, under: list[str]) -> None:
        for tagged in under:
            below = self.row("PIF", tagged)
            vlan = self.add("VLAN", tag=tag, tagged_PIF=tagged)
            pif = self.add(
                "PIF", device=below["device"], network=network, host=below["host"], MAC=below["MAC"], MTU=1500,
                VLAN=tag, currently_attached=True, ip_configuration_mode="None", managed=True, VLAN_master_of=vlan,
                metrics=below["metrics"], primary_address_type="IPv4",
            )  # fmt: skip
            self.row("VLAN", vlan)["untagged_PIF"] = pif

    # -- storage ---------------------------------------------------------------------------------------------------

    def sr(
        self, name: str, kind: str, size: float, *, hosts: Sequence[str] | None = None, content: str = "user",
        description: str = "", unplugged: Sequence[str] = (), **fields: Any,
    ) -> str:  # fmt: skip
        """`size` in GiB; seen by `hosts` (all of them unless told)."""
        seen = list(self.hosts if hosts is None else hosts)
        values = {
            "shared": len(seen) > 1 or kind in {"nfs", "lvmoiscsi", "lvmohba", "smb"},
            "sm_config": {"allocation": "thick", "use_vhd": "true"} if thick(kind) else {}, **fields,
        }  # fmt: skip
        sr = self.add(
            "SR", name_label=name, name_description=description, type=kind, content_type=content,
            physical_size=int(size * GIB), **values,
        )  # fmt: skip
        for host in seen:
            self.add(
                "PBD", host=host, SR=sr, currently_attached=host not in unplugged, device_config={"location": name}
            )
        return sr

    def vdi(self, name: str, disk: Disk, **fields: Any) -> str:
        kind = self.row("SR", disk.sr)["type"]
        used = disk.size + disk.size // 256 + 8 * MIB if thick(kind) else disk.used
        uuid = self.pool.db.new_uuid()
        values = {"type": "user", "read_only": kind == "iso", "sm_config": image_config(kind), **disk.fields, **fields}
        return self.add(
            "VDI", uuid=uuid, location=uuid, managed=True, name_label=name, SR=disk.sr, virtual_size=disk.size,
            physical_utilisation=used, **values,
        )  # fmt: skip

    # -- VMs -------------------------------------------------------------------------------------------------------

    def vm(
        self, name: str, *, host: str = NULL, state: str = "", memory: float = 1.0, vcpus: int = 2,
        disks: Sequence[Disk] = (), networks: Sequence[str] = (), os: dict[str, str] | None = None,
        tools: bool = True, ip: str = "", cd: str | None = None, cd_drive: bool = True, affinity: str = NULL,
        kind: str = "hvm", image_sr: str = NULL, **fields: Any,
    ) -> str:  # fmt: skip
        """`host` is where it runs; without one it is Halted. `memory` in GiB, `cd` a VDI on an ISO SR."""
        state = state or ("Running" if host != NULL else "Halted")
        live = state in {"Running", "Paused"}
        size = int(memory * GIB)
        os = os if os is not None else LINUX
        uuid = str(fields.pop("uuid", "")) or self.pool.db.new_uuid()
        values: Row = {
            "uuid": uuid, "name_label": name, "power_state": state, "domain_type": kind, "domid": -1,
            "memory_static_min": min(size, 256 * MIB), "memory_static_max": size, "memory_dynamic_min": size,
            "memory_dynamic_max": size, "memory_target": size, "VCPUs_max": vcpus, "VCPUs_at_startup": vcpus,
            "HVM_boot_policy": "BIOS order" if kind == "hvm" else "", "HVM_shadow_multiplier": 1.0,
            "HVM_boot_params": {"order": "cdn", "firmware": "bios"} if kind == "hvm" else {},
            "platform": {"nx": "true", "acpi": "1", "apic": "true", "pae": "true", "viridian": "false"},
            "actions_after_shutdown": "destroy", "actions_after_reboot": "restart", "actions_after_crash": "restart",
            "other_config": {"mac_seed": self.pool.db.new_uuid()}, "affinity": affinity, **fields,
        }  # fmt: skip
        values["memory_overhead"] = memory_overhead(self.pool.profile, values)
        metrics = self.add(
            "VM_metrics", current_domain_type=kind if live else "unspecified", hvm=live and kind == "hvm",
            memory_actual=size if live else 0, VCPUs_number=vcpus if live else 0,
            start_time=self._now(-86400 * 3) if live else "19700101T00:00:00Z", last_updated=self._now(),
            nomigrate=live and values["platform"].get("nomigrate") == "true",
            nested_virt=live and values["platform"].get("nested-virt") == "true",
        )  # fmt: skip
        values["metrics"] = metrics
        if tools:
            told: Row = {
                "os_version": os, "PV_drivers_version": {"major": "8", "minor": "4", "micro": "0", "build": "12"},
                "PV_drivers_up_to_date": True, "PV_drivers_detected": True, "other": dict(_TOOLS), "live": True,
                "networks": {"0/ip": ip, "0/ipv4/0": ip} if ip else {}, "last_updated": self._now(),
            }  # fmt: skip
            if live:
                values["guest_metrics"] = self.add("VM_guest_metrics", **told)
            else:
                self.pool.tools[uuid] = told
        if live:
            self._domids[host] += 1
            info = self.row("host", host)["cpu_info"]
            values |= {
                "resident_on": host, "domid": self._domids[host],
                "last_boot_CPU_flags": {"vendor": info["vendor"], "features": info["features_hvm_host"]},
            }  # fmt: skip
        if state == "Suspended":
            info = self.row("host", self.hosts[0])["cpu_info"]
            values["last_boot_CPU_flags"] = {"vendor": info["vendor"], "features": info["features_hvm_host"]}
            image = Disk(image_sr, (size + values["memory_overhead"]) / GIB, memory, type="suspend")
            values["suspend_VDI"] = self.vdi("Suspend image", image)
        vm = self.add("VM", **values)
        for number, disk in enumerate(disks):
            label = disk.fields.pop("name_label", f"{name} disk {number}")
            self.vbd(vm, self.vdi(label, disk), str(number), attached=live, bootable=number == 0)
        if cd_drive:
            position = "3" if len(disks) < 4 else str(len(disks))
            self.vbd(vm, cd or NULL, position, attached=live, kind="CD")
        for number, network in enumerate(networks):
            self.add(
                "VIF", device=str(number), network=network, VM=vm, MAC=self._mac(), MTU=1500, MAC_autogenerated=True,
                currently_attached=live, locking_mode="network_default",
            )  # fmt: skip
        return vm

    def vbd(
        self, vm: str, vdi: str, device: str, *, attached: bool = False, kind: str = "Disk", bootable: bool = False
    ) -> str:
        cd = kind == "CD"
        return self.add(
            "VBD", VM=vm, VDI=vdi, userdevice=device, device=device_name(device) if attached else "", bootable=bootable,
            mode="RO" if cd else "RW", type=kind, unpluggable=not cd, empty=vdi == NULL, currently_attached=attached,
            other_config={} if cd else {"owner": ""},
        )  # fmt: skip

    def snapshot(self, vm: str, name: str, *, hours_ago: float = 24) -> str:
        """A snapshot with one disk of its own for each of the VM's disks."""
        row = self.row("VM", vm)
        when = self._now(-3600 * hours_ago)
        kept = {k: v for k, v in row.items() if k not in {"uuid", "guest_metrics", "metrics", "suspend_VDI"}}
        snap = self.add("VM", **{
            **kept, "name_label": name, "power_state": "Halted", "resident_on": NULL, "domid": -1,
            "is_a_snapshot": True, "is_a_template": True, "snapshot_of": vm, "snapshot_time": when,
            "metrics": self.add("VM_metrics"), "affinity": NULL,
        })  # fmt: skip
        for vbd in [v for v in self.rows["VBD"].values() if v["VM"] == vm and v["type"] != "CD"]:
            origin = self.row("VDI", vbd["VDI"])
            disk = Disk(origin["SR"], origin["virtual_size"] / GIB, origin["physical_utilisation"] / GIB / 4)
            vdi = self.vdi(origin["name_label"], disk, is_a_snapshot=True, snapshot_of=vbd["VDI"], snapshot_time=when)
            self.row("VDI", vdi)["physical_utilisation"] = min(disk.used, 256 * MIB)
            self.vbd(snap, vdi, vbd["userdevice"], bootable=vbd["bootable"])
        for vif in [v for v in self.rows.get("VIF", {}).values() if v["VM"] == vm]:
            self.add(
                "VIF", **{**{k: v for k, v in vif.items() if k != "uuid"}, "VM": snap, "currently_attached": False}
            )
        return snap

    def template(self, name: str, *, default: bool = False, **fields: Any) -> str:
        config = {"mac_seed": self.pool.db.new_uuid(), **({"default_template": "true"} if default else {})}
        return self.vm(
            name,
            is_a_template=True,
            is_default_template=default,
            tools=False,
            cd_drive=False,
            other_config=config,
            **fields,
        )

    # -- the end ---------------------------------------------------------------------------------------------------

    def _mac(self) -> str:
        return "02:" + ":".join(f"{b:02x}" for b in self.pool.db.random.randbytes(5))

    def _now(self, offset: float = 0.0) -> str:
        return self.pool.clock.date(offset)

    def finish(self, *, default_sr: str = NULL) -> XapiPool:
        """Counts the space in use, loads everything and works out what is allowed."""
        row = self.row("pool", self.ref)
        row |= {
            "default_SR": default_sr, "suspend_image_SR": default_sr, "crash_dump_SR": default_sr,
            "coordinator_bias": True,
            "restrictions": {"restrict_storage_xen_motion": "false", "restrict_xen_motion": "false",
                             "restrict_vlan": "false", "restrict_pooling": "false", "restrict_wlb": "false",
                             "restrict_vtpm": "false"},
        }  # fmt: skip
        hosts = list(self.rows["host"].values())
        info = hosts[0]["cpu_info"]
        row["cpu_info"] = {
            "vendor": info["vendor"], "features_hvm_host": info["features_hvm_host"],
            "features_pv_host": info["features_pv_host"],
            "cpu_count": str(sum(int(h["cpu_info"]["cpu_count"]) for h in hosts)),
            "socket_count": str(2 * len(hosts)),
        }  # fmt: skip
        for disk in self.rows.get("VDI", {}).values():
            sr = self.row("SR", disk["SR"])
            sr["physical_utilisation"] += disk["physical_utilisation"]
            sr["virtual_allocation"] += disk["virtual_size"]
        db = self.pool.db
        rows = []
        generation = 1
        for cls, table in self.rows.items():
            for ref, values in table.items():
                generation += 1
                rows.append((cls, ref, values, generation, generation))
        db.load(rows, generation)
        self._free_memory()
        db.dirty = {(cls, ref) for cls in COMPUTED for ref in db.table(cls)}
        self.pool.refresh()
        return self.pool

    def _free_memory(self) -> None:
        for host in self.rows["host"].values():
            guests = [self.row("VM", v) for v in host["resident_VMs"]]
            used = host["memory_overhead"] + sum(g["memory_dynamic_min"] + g["memory_overhead"] for g in guests)
            metrics = self.row("host_metrics", host["metrics"])
            metrics["memory_free"] = max(0, metrics["memory_total"] - used)


__all__ = ["GIB", "LINUX", "MIB", "SECOND_FEATURES", "WINDOWS", "Builder", "Disk"]
