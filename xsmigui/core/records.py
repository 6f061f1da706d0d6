"""Records: what the server says exists.

One frozen struct for each API class that the program uses, with the API's own field names and only the fields that
something reads (a VM record of the wire has some 90 fields, 3.4 KB). Every field has a default, since old servers lack
some. Sizes are bytes, times are the server's text (``20260821T02:00:23Z``), maps and sets are the API's.

Decoding skips unknown fields in C, so a record costs microseconds (0.32 s for a pool of 5,000 VMs).
"""

from typing import Annotated, Final

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

TEXT_LIMIT: Final = 1 << 20
"""Characters of one text (a description, a value of `other_config`). xapi sets no limit; the largest that were seen are
some 10 KB (the recommendations of templates)."""

Text = Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT)]

Int = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""The API's numbers have 64 bits; XML-RPC's texts could have any."""

Fraction = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
"""A task's progress: near 0 to 1, and neither infinite nor no number at all."""

Map = dict[Text, Text]


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=False):
    """A row of the server's database, as of the event that brought it. Never edited, only replaced."""

    uuid: Text = ""


class Pool(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    master: HostRef = HostRef(NULL)
    default_SR: SrRef = SrRef(NULL)
    suspend_image_SR: SrRef = SrRef(NULL)
    other_config: Map = {}
    restrictions: Map = {}
    ha_enabled: bool = False
    ha_allow_overcommit: bool = False
    ha_plan_exists_for: Int = 0
    ha_host_failures_to_tolerate: Int = 0
    migration_compression: bool = False
    wlb_enabled: bool = False
    tags: list[Text] = []
    cpu_info: Map = {}


class Host(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    address: Text = ""
    hostname: Text = ""
    enabled: bool = False
    metrics: HostMetricsRef = HostMetricsRef(NULL)
    memory_overhead: Int = 0
    resident_VMs: list[VmRef] = []
    PBDs: list[PbdRef] = []
    PIFs: list[PifRef] = []
    allowed_operations: list[Text] = []
    current_operations: Map = {}
    software_version: Map = {}
    API_version_major: Int = 0
    API_version_minor: Int = 0
    other_config: Map = {}
    capabilities: list[Text] = []
    cpu_info: Map = {}
    license_params: Map = {}
    edition: Text = ""
    suspend_image_sr: SrRef = SrRef(NULL)
    virtual_hardware_platform_versions: list[Int] = []
    https_only: bool = False
    multipathing: bool = False
    iscsi_iqn: Text = ""
    tags: list[Text] = []


class HostMetrics(Record, frozen=True, gc=False, kw_only=True):
    memory_total: Int = 0
    live: bool = False


class VM(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    power_state: Text = "Halted"
    is_a_template: bool = False
    is_default_template: bool = False
    is_a_snapshot: bool = False
    is_control_domain: bool = False
    snapshot_of: VmRef = VmRef(NULL)
    snapshots: list[VmRef] = []
    snapshot_time: Text = ""
    resident_on: HostRef = HostRef(NULL)
    scheduled_to_be_resident_on: HostRef = HostRef(NULL)
    affinity: HostRef = HostRef(NULL)
    allowed_operations: list[Text] = []
    current_operations: Map = {}
    blocked_operations: Map = {}
    memory_overhead: Int = 0
    memory_static_max: Int = 0
    memory_static_min: Int = 0
    memory_dynamic_max: Int = 0
    memory_dynamic_min: Int = 0
    VCPUs_max: Int = 0
    VCPUs_at_startup: Int = 0
    VBDs: list[VbdRef] = []
    VIFs: list[VifRef] = []
    VUSBs: list[Text] = []
    VGPUs: list[Text] = []
    VTPMs: list[Text] = []
    attached_PCIs: list[Text] = []
    suspend_VDI: VdiRef = VdiRef(NULL)
    suspend_SR: SrRef = SrRef(NULL)
    metrics: VmMetricsRef = VmMetricsRef(NULL)
    guest_metrics: GuestMetricsRef = GuestMetricsRef(NULL)
    other_config: Map = {}
    platform: Map = {}
    last_boot_CPU_flags: Map = {}
    HVM_boot_policy: Text = ""
    domain_type: Text = "unspecified"
    hardware_platform_version: Int = 0
    ha_always_run: bool = False
    ha_restart_priority: Text = ""
    order: Int = 0
    start_delay: Int = 0
    shutdown_delay: Int = 0
    version: Int = 0
    appliance: Text = NULL
    snapshot_schedule: Text = NULL
    groups: list[Text] = []
    tags: list[Text] = []

    @property
    def comes_with_server(self) -> bool:
        """One of the server's own templates. The field is there since xapi 1.20, and xapi 24.10 leaves it false in an
        upgraded database; the key of `other_config` is there in every release."""
        return self.is_default_template or (self.is_a_template and self.other_config.get("default_template") == "true")


class VmMetrics(Record, frozen=True, gc=False, kw_only=True):
    memory_actual: Int = 0
    start_time: Text = ""
    nested_virt: bool = False
    nomigrate: bool = False
    current_domain_type: Text = "unspecified"


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
    userdevice: Text = ""
    device: Text = ""
    bootable: bool = False
    mode: Text = "RW"
    type: Text = "Disk"
    empty: bool = False
    currently_attached: bool = False
    current_operations: Map = {}
    allowed_operations: list[Text] = []
    other_config: Map = {}


class VDI(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    SR: SrRef = SrRef(NULL)
    VBDs: list[VbdRef] = []
    virtual_size: Int = 0
    physical_utilisation: Int = 0
    type: Text = "user"
    sharable: bool = False
    read_only: bool = False
    managed: bool = True
    missing: bool = False
    is_a_snapshot: bool = False
    is_tools_iso: bool = False
    snapshot_of: VdiRef = VdiRef(NULL)
    snapshots: list[VdiRef] = []
    on_boot: Text = "persist"
    cbt_enabled: bool = False
    sm_config: Map = {}
    other_config: Map = {}
    allowed_operations: list[Text] = []
    current_operations: Map = {}
    tags: list[Text] = []


class SR(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    type: Text = ""
    content_type: Text = ""
    shared: bool = False
    physical_size: Int = 0
    physical_utilisation: Int = 0
    virtual_allocation: Int = 0
    PBDs: list[PbdRef] = []
    VDIs: list[VdiRef] = []
    is_tools_sr: bool = False
    introduced_by: Text = NULL
    other_config: Map = {}
    sm_config: Map = {}
    allowed_operations: list[Text] = []
    current_operations: Map = {}
    tags: list[Text] = []


class SM(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    type: Text = ""
    capabilities: list[Text] = []
    features: dict[Text, Int] = {}
    supported_image_formats: list[Text] | None = None


class PBD(Record, frozen=True, gc=False, kw_only=True):
    host: HostRef = HostRef(NULL)
    SR: SrRef = SrRef(NULL)
    currently_attached: bool = False
    device_config: Map = {}


class VIF(Record, frozen=True, gc=False, kw_only=True):
    VM: VmRef = VmRef(NULL)
    network: NetworkRef = NetworkRef(NULL)
    MAC: Text = ""
    device: Text = ""
    currently_attached: bool = False
    locking_mode: Text = "network_default"
    ipv4_allowed: list[Text] = []
    ipv6_allowed: list[Text] = []


class Network(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    bridge: Text = ""
    PIFs: list[PifRef] = []
    VIFs: list[VifRef] = []
    managed: bool = True
    other_config: Map = {}
    tags: list[Text] = []


class PIF(Record, frozen=True, gc=False, kw_only=True):
    network: NetworkRef = NetworkRef(NULL)
    host: HostRef = HostRef(NULL)
    device: Text = ""
    MAC: Text = ""
    VLAN: Int = -1
    management: bool = False
    currently_attached: bool = False
    ip_configuration_mode: Text = "None"
    ipv6_configuration_mode: Text = "None"
    primary_address_type: Text = "IPv4"
    IP: Text = ""
    IPv6: list[Text] = []
    bond_slave_of: Text = NULL
    MTU: Int = 0
    physical: bool = False
    metrics: PifMetricsRef = PifMetricsRef(NULL)
    sriov_logical_PIF_of: list[Text] = []


class PifMetrics(Record, frozen=True, gc=False, kw_only=True):
    carrier: bool = False
    speed: Int = 0


class VGPU(Record, frozen=True, gc=False, kw_only=True):
    VM: VmRef = VmRef(NULL)
    type: Text = NULL
    resident_on: Text = NULL
    PCI: Text = NULL


class VgpuType(Record, frozen=True, gc=False, kw_only=True):
    model_name: Text = ""
    framebuffer_size: Int = 0
    implementation: Text = ""


class PGPU(Record, frozen=True, gc=False, kw_only=True):
    host: HostRef = HostRef(NULL)
    compatibility_metadata: Map = {}


class Appliance(Record, frozen=True, gc=False, kw_only=True):
    """A vApp."""

    name_label: Text = ""


class SnapshotSchedule(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""


class VmGroup(Record, frozen=True, gc=False, kw_only=True):
    """VMs that belong together, or are to be kept apart (since xapi 24.19)."""

    name_label: Text = ""
    placement: Text = "normal"
    VMs: list[VmRef] = []


class PoolUpdate(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    hosts: list[HostRef] = []


class Task(Record, frozen=True, gc=False, kw_only=True):
    name_label: Text = ""
    name_description: Text = ""
    status: Text = "pending"
    progress: Fraction = 0.0
    created: Text = ""
    finished: Text = ""
    result: Text = ""
    error_info: list[Text] = []
    allowed_operations: list[Text] = []
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
    "VM_appliance": Appliance,
    "VMSS": SnapshotSchedule,
    "VM_group": VmGroup,
    "task": Task,
}
"""The classes that the inventory holds, by the API's name, in the order in which they are fetched."""

EVENT_CLASSES: Final[dict[str, str]] = {name.lower(): name for name in CLASSES}
"""Events name classes in lower case (xapi_event.ml)."""
