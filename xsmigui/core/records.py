"""Records: what the server says exists.

One frozen struct for each API class that the program uses, with the API's own field names and only the fields that
something reads (a VM record of the wire has some 90 fields, 3.4 KB). Every field has a default, since old servers lack
some. Sizes are bytes, times are the server's text (``20260821T02:00:23Z``), maps and sets are the API's.

Decoding skips unknown fields in C, so a record costs microseconds (research: 0.32 s for a pool of 5,000 VMs).
"""

from typing import Final

import msgspec

from xsmigui.core.refs import (
    NULL,
    GuestMetricsRef,
    HostMetricsRef,
    HostRef,
    NetworkRef,
    PbdRef,
    PifMetricsRef,
    PifRef,
    SrRef,
    TaskRef,
    VbdRef,
    VdiRef,
    VifRef,
    VmMetricsRef,
    VmRef,
)

Map = dict[str, str]


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=False):
    """A row of the server's database, as of the event that brought it. Never edited, only replaced."""

    uuid: str = ""


class Pool(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    master: HostRef = HostRef(NULL)
    default_SR: SrRef = SrRef(NULL)
    suspend_image_SR: SrRef = SrRef(NULL)
    other_config: Map = {}
    restrictions: Map = {}
    ha_enabled: bool = False
    ha_allow_overcommit: bool = False
    ha_plan_exists_for: int = 0
    ha_host_failures_to_tolerate: int = 0
    migration_compression: bool = False
    wlb_enabled: bool = False
    tags: list[str] = []
    cpu_info: Map = {}


class Host(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    address: str = ""
    hostname: str = ""
    enabled: bool = False
    metrics: HostMetricsRef = HostMetricsRef(NULL)
    memory_overhead: int = 0
    resident_VMs: list[VmRef] = []
    PBDs: list[PbdRef] = []
    PIFs: list[PifRef] = []
    allowed_operations: list[str] = []
    current_operations: Map = {}
    software_version: Map = {}
    API_version_major: int = 0
    API_version_minor: int = 0
    other_config: Map = {}
    capabilities: list[str] = []
    cpu_info: Map = {}
    license_params: Map = {}
    edition: str = ""
    suspend_image_sr: SrRef = SrRef(NULL)
    virtual_hardware_platform_versions: list[int] = []
    https_only: bool = False
    multipathing: bool = False
    iscsi_iqn: str = ""
    tags: list[str] = []


class HostMetrics(Record, frozen=True, gc=False, kw_only=True):
    memory_total: int = 0
    live: bool = False


class VM(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    power_state: str = "Halted"
    is_a_template: bool = False
    is_default_template: bool = False
    is_a_snapshot: bool = False
    is_control_domain: bool = False
    snapshot_of: VmRef = VmRef(NULL)
    snapshots: list[VmRef] = []
    snapshot_time: str = ""
    resident_on: HostRef = HostRef(NULL)
    scheduled_to_be_resident_on: HostRef = HostRef(NULL)
    affinity: HostRef = HostRef(NULL)
    allowed_operations: list[str] = []
    current_operations: Map = {}
    blocked_operations: Map = {}
    memory_overhead: int = 0
    memory_static_max: int = 0
    memory_static_min: int = 0
    memory_dynamic_max: int = 0
    memory_dynamic_min: int = 0
    VCPUs_max: int = 0
    VCPUs_at_startup: int = 0
    VBDs: list[VbdRef] = []
    VIFs: list[VifRef] = []
    VUSBs: list[str] = []
    VGPUs: list[str] = []
    VTPMs: list[str] = []
    attached_PCIs: list[str] = []
    suspend_VDI: VdiRef = VdiRef(NULL)
    suspend_SR: SrRef = SrRef(NULL)
    metrics: VmMetricsRef = VmMetricsRef(NULL)
    guest_metrics: GuestMetricsRef = GuestMetricsRef(NULL)
    other_config: Map = {}
    platform: Map = {}
    last_boot_CPU_flags: Map = {}
    HVM_boot_policy: str = ""
    domain_type: str = "unspecified"
    hardware_platform_version: int = 0
    ha_always_run: bool = False
    ha_restart_priority: str = ""
    version: int = 0
    tags: list[str] = []


class VmMetrics(Record, frozen=True, gc=False, kw_only=True):
    memory_actual: int = 0
    start_time: str = ""
    nested_virt: bool = False
    nomigrate: bool = False
    current_domain_type: str = "unspecified"


class GuestMetrics(Record, frozen=True, gc=False, kw_only=True):
    os_version: Map = {}
    PV_drivers_version: Map = {}
    PV_drivers_up_to_date: bool = False
    PV_drivers_detected: bool = False
    networks: Map = {}
    other: Map = {}


class VBD(Record, frozen=True, gc=False, kw_only=True):
    VM: VmRef = VmRef(NULL)
    VDI: VdiRef = VdiRef(NULL)
    userdevice: str = ""
    device: str = ""
    bootable: bool = False
    mode: str = "RW"
    type: str = "Disk"
    empty: bool = False
    currently_attached: bool = False
    current_operations: Map = {}
    allowed_operations: list[str] = []
    other_config: Map = {}


class VDI(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    SR: SrRef = SrRef(NULL)
    VBDs: list[VbdRef] = []
    virtual_size: int = 0
    physical_utilisation: int = 0
    type: str = "user"
    sharable: bool = False
    read_only: bool = False
    managed: bool = True
    missing: bool = False
    is_a_snapshot: bool = False
    is_tools_iso: bool = False
    snapshot_of: VdiRef = VdiRef(NULL)
    snapshots: list[VdiRef] = []
    on_boot: str = "persist"
    cbt_enabled: bool = False
    sm_config: Map = {}
    other_config: Map = {}
    allowed_operations: list[str] = []
    current_operations: Map = {}
    tags: list[str] = []


class SR(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    type: str = ""
    content_type: str = ""
    shared: bool = False
    physical_size: int = 0
    physical_utilisation: int = 0
    virtual_allocation: int = 0
    PBDs: list[PbdRef] = []
    VDIs: list[VdiRef] = []
    is_tools_sr: bool = False
    introduced_by: str = NULL
    other_config: Map = {}
    sm_config: Map = {}
    allowed_operations: list[str] = []
    current_operations: Map = {}
    tags: list[str] = []


class SM(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    type: str = ""
    capabilities: list[str] = []
    features: dict[str, int] = {}
    supported_image_formats: list[str] | None = None


class PBD(Record, frozen=True, gc=False, kw_only=True):
    host: HostRef = HostRef(NULL)
    SR: SrRef = SrRef(NULL)
    currently_attached: bool = False
    device_config: Map = {}


class VIF(Record, frozen=True, gc=False, kw_only=True):
    VM: VmRef = VmRef(NULL)
    network: NetworkRef = NetworkRef(NULL)
    MAC: str = ""
    device: str = ""
    currently_attached: bool = False


class Network(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    bridge: str = ""
    PIFs: list[PifRef] = []
    VIFs: list[VifRef] = []
    managed: bool = True
    other_config: Map = {}
    tags: list[str] = []


class PIF(Record, frozen=True, gc=False, kw_only=True):
    network: NetworkRef = NetworkRef(NULL)
    host: HostRef = HostRef(NULL)
    device: str = ""
    MAC: str = ""
    VLAN: int = -1
    management: bool = False
    currently_attached: bool = False
    ip_configuration_mode: str = "None"
    ipv6_configuration_mode: str = "None"
    primary_address_type: str = "IPv4"
    IP: str = ""
    IPv6: list[str] = []
    bond_slave_of: str = NULL
    physical: bool = False
    metrics: PifMetricsRef = PifMetricsRef(NULL)
    sriov_logical_PIF_of: list[str] = []


class PifMetrics(Record, frozen=True, gc=False, kw_only=True):
    carrier: bool = False
    speed: int = 0


class VGPU(Record, frozen=True, gc=False, kw_only=True):
    VM: VmRef = VmRef(NULL)
    type: str = NULL
    resident_on: str = NULL
    PCI: str = NULL


class VgpuType(Record, frozen=True, gc=False, kw_only=True):
    model_name: str = ""
    framebuffer_size: int = 0
    implementation: str = ""


class PGPU(Record, frozen=True, gc=False, kw_only=True):
    host: HostRef = HostRef(NULL)
    compatibility_metadata: Map = {}


class PoolUpdate(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    hosts: list[HostRef] = []


class Task(Record, frozen=True, gc=False, kw_only=True):
    name_label: str = ""
    name_description: str = ""
    status: str = "pending"
    progress: float = 0.0
    created: str = ""
    finished: str = ""
    result: str = ""
    error_info: list[str] = []
    allowed_operations: list[str] = []
    current_operations: Map = {}
    resident_on: HostRef = HostRef(NULL)
    subtask_of: TaskRef = TaskRef(NULL)
    other_config: Map = {}


CLASSES: Final[dict[str, type[Record]]] = {
    "pool": Pool,
    "host": Host,
    "host_metrics": HostMetrics,
    "SM": SM,
    "SR": SR,
    "PBD": PBD,
    "network": Network,
    "PIF": PIF,
    "PIF_metrics": PifMetrics,
    "VM": VM,
    "VM_metrics": VmMetrics,
    "VM_guest_metrics": GuestMetrics,
    "VBD": VBD,
    "VDI": VDI,
    "VIF": VIF,
    "VGPU": VGPU,
    "VGPU_type": VgpuType,
    "PGPU": PGPU,
    "pool_update": PoolUpdate,
    "task": Task,
}
"""The classes that the inventory holds, by the API's name, in the order in which they are fetched."""

EVENT_CLASSES: Final[dict[str, str]] = {name.lower(): name for name in CLASSES}
"""Events name classes in lower case (xapi_event.ml)."""
