"""Tables of the research sheet, row by row: the gates (4), the host gate (4.1), memory (4.2), processors (4.3),
versions (4.4), disks (7.3), and the vectors of section 10. The ids of the rows stand in the names of the tests."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulator.inside import Client, clients, watching
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import availability
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.methods.motion_checks import infer_vif_map
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import GIB, SECOND_FEATURES
from xsmigui.simulator.schema import release

BOTH = ("pool_migrate", "migrate_send")


class Site:
    """Madrid, with the VM `web-01` that runs on madrid-01 and may do everything."""

    def __init__(self, one: Client, two: Client, vm: str, hosts: list[str]) -> None:
        self.one, self.two, self.vm, self.hosts = one, two, vm, hosts
        self.pool, self.db = one.pool, one.pool.db

    @property
    def row(self) -> Any:
        return self.db.row("VM", self.vm)

    def set(self, **fields: Any) -> None:
        self.db.set("VM", self.vm, **fields)

    def metrics(self, **fields: Any) -> None:
        self.db.set("VM_metrics", self.row["metrics"], **fields)

    def told(self, **fields: Any) -> None:
        self.db.set("VM_guest_metrics", self.row["guest_metrics"], **fields)

    def why(self, op: str, *, strict: bool = True) -> list[str] | None:
        failure = vm_gate.error(vm_gate.Subject.of(self.pool, self.vm), op, strict=strict)
        return None if failure is None else [p if p != self.vm else "vm" for p in failure.description]

    def boots(self, host: int = 1, **checks: bool) -> list[str] | None:
        names = {self.vm: "vm", self.hosts[host]: "host"}
        try:
            host_gate.assert_can_boot_here(self.pool, self.vm, self.hosts[host], **checks)
        except Failure as failure:
            return [names.get(p, p) for p in failure.description]
        return None

    def gpu(self, implementation: str, *, metadata: bool = True, group_on: int = 0) -> str:
        """Gives the VM a virtual GPU on a GPU of its host; returns the GPU."""
        db = self.db
        kind = db.create("VGPU_type", {"vendor_name": "V", "model_name": "M", "implementation": implementation})
        group = db.create("GPU_group", {})
        gpu = db.create("PGPU", {
            "host": self.hosts[group_on], "GPU_group": group, "supported_VGPU_types": [kind],
            "enabled_VGPU_types": [kind], "compatibility_metadata": {"version": "1"} if metadata else {},
        })  # fmt: skip
        db.create("VGPU", {
            "VM": self.vm, "GPU_group": group, "type": kind, "resident_on": gpu if group_on == 0 else NULL,
            "currently_attached": True, "compatibility_metadata": {"version": "1"},
        })  # fmt: skip
        return gpu


@pytest.fixture
async def site() -> Site:
    one, two = await clients()
    hosts = [await one.named("host", f"madrid-0{n}") for n in (1, 2, 3)]
    return Site(one, two, await one.named("VM", "web-01"), hosts)


# -- 4: the gate of VM operations --------------------------------------------------------------------------------------


def _state(state: str) -> Callable[[Site], None]:
    return lambda s: s.set(power_state=state)


GATE: dict[str, tuple[Callable[[Site], Any], tuple[str, ...], list[str]]] = {
    "4-#1 blocked": (lambda s: s.set(blocked_operations=dict.fromkeys(BOTH, "why")), BOTH,
                     ["OPERATION_BLOCKED", "vm", "why"]),
    "4-#2 pool_migrate of a halted VM": (_state("Halted"), ("pool_migrate",),
                                         ["VM_BAD_POWER_STATE", "vm", "running", "halted"]),
    "4-#2 pool_migrate of a suspended VM": (_state("Suspended"), ("pool_migrate",),
                                            ["VM_BAD_POWER_STATE", "vm", "running", "suspended"]),
    "4-#2 migrate_send of a paused VM": (_state("Paused"), ("migrate_send",),
                                         ["VM_BAD_POWER_STATE", "vm", "halted, suspended, running", "paused"]),
    "4-#3 one operation": (lambda s: s.set(current_operations={"OpaqueRef:t": "snapshot"}), BOTH,
                           ["OTHER_OPERATION_IN_PROGRESS", "VM.snapshot", "vm"]),
    "4-#3 two operations": (lambda s: s.set(current_operations={"t1": "clone", "t2": "copy"}), BOTH,
                            ["OTHER_OPERATION_IN_PROGRESS", "VM.{clone,copy}", "vm"]),
    "4-#4 default template, migrate_send": (lambda s: s.set(is_a_template=True, is_default_template=True),
                                            ("migrate_send",), ["VM_IS_TEMPLATE", "vm", "migrate_send"]),
    "4-#4 any template, pool_migrate": (lambda s: s.set(is_a_template=True), ("pool_migrate",),
                                        ["VM_IS_TEMPLATE", "vm", "pool_migrate"]),
    "4-#5 snapshot": (lambda s: s.set(is_a_snapshot=True, is_a_template=True), ("migrate_send",),
                      ["VM_IS_SNAPSHOT", "vm", "migrate_send"]),
    "4-#6 nomigrate": (lambda s: s.metrics(nomigrate=True), BOTH, ["VM_IS_IMMOBILE", "vm"]),
    "4-#6 nested virtualisation": (lambda s: s.metrics(nested_virt=True), BOTH, ["VM_IS_IMMOBILE", "vm"]),
    "4-#6 platform, where there are no metrics": (
        lambda s: s.set(metrics=NULL, platform={"nomigrate": "true"}), BOTH, ["VM_IS_IMMOBILE", "vm"]),
    "4-#7 control domain": (lambda s: s.set(is_control_domain=True), BOTH,
                            ["OPERATION_NOT_ALLOWED", "This operation is not allowed on a control domain"]),
    "4-#9 no tools": (lambda s: s.set(guest_metrics=NULL), BOTH, ["VM_LACKS_FEATURE", "vm"]),
    "4-#9 tools without feature-suspend": (lambda s: s.told(other={}, PV_drivers_version={}), BOTH,
                                           ["VM_LACKS_FEATURE", "vm"]),
    "4-#11 PCI device": (lambda s: s.set(attached_PCIs=[s.db.create("PCI", {"host": s.hosts[0]})]), BOTH,
                         ["VM_HAS_PCI_ATTACHED", "vm"]),
    "4-#12 passthrough GPU": (lambda s: s.gpu("passthrough"), BOTH, ["VM_HAS_VGPU", "vm"]),
    "4-#12 NVIDIA without metadata": (lambda s: s.gpu("nvidia", metadata=False), BOTH, ["VM_HAS_VGPU", "vm"]),
    "4-#13 virtual USB": (lambda s: s.db.create("VUSB", {"VM": s.vm}), BOTH, ["VM_HAS_VUSBS", "vm"]),
}  # fmt: skip


@pytest.mark.parametrize("row", GATE)
async def test_gate(site: Site, row: str) -> None:
    change, operations, refusal = GATE[row]
    for op in operations:
        assert site.why(op) is None
    change(site)
    for op in operations:
        assert site.why(op) == refusal
        assert op not in await site.one("VM.get_allowed_operations", site.vm)
        assert [p if p != site.vm else "vm" for p in await site.one.refused("VM.assert_operation_valid", site.vm, op)] \
            == refusal  # fmt: skip


PASSES: dict[str, Callable[[Site], Any]] = {
    "4-#9 booted PV": lambda s: (s.set(guest_metrics=NULL), s.metrics(current_domain_type="pv")),
    "4-#9 booted PVH": lambda s: (s.set(guest_metrics=NULL), s.metrics(current_domain_type="pvh")),
    "4-#9 any PV driver": lambda s: s.told(other={}, PV_drivers_version={"major": "7", "minor": "0"}),
    "4-#12 NVIDIA with metadata": lambda s: s.gpu("nvidia"),
    "4-#12 NVIDIA SR-IOV and its own PCI": lambda s: _sriov_gpu(s),
    "4-#14 rolling upgrade": lambda s: _upgrading(Disk(s)),
}  # fmt: skip


def _sriov_gpu(site: Site) -> None:
    site.gpu("nvidia_sriov")
    pci = site.db.create("PCI", {"host": site.hosts[0]})
    site.db.set("VGPU", site.row["VGPUs"][0], PCI=pci)
    site.set(attached_PCIs=[pci])


@pytest.mark.parametrize("row", PASSES)
async def test_gate_lets_pass(site: Site, row: str) -> None:
    PASSES[row](site)
    for op in BOTH:
        assert site.why(op) is None


async def test_gate_4_8_and_its_release(site: Site) -> None:
    site.told(other={**site.db.row("VM_guest_metrics", site.row["guest_metrics"])["other"],
                     "data-cant-suspend-reason": "busy"})  # fmt: skip
    assert site.why("pool_migrate") is None  # before 25.24
    site.pool.profile = PROFILES["25.33"]
    for strict in (True, False):  # force does not help
        assert site.why("pool_migrate", strict=strict) == ["VM_NON_SUSPENDABLE", "vm", "busy"]
    site.set(power_state="Halted")
    assert site.why("migrate_send") == ["VM_NON_SUSPENDABLE", "vm", "busy"]  # until 26.13
    site.pool.profile = PROFILES["26.17"]
    assert site.why("migrate_send") is None


async def test_gate_4_10_disk_that_resets_and_is_cached(site: Site) -> None:
    (disk,) = await site.one.disks(site.vm)
    site.db.set("VDI", disk, sm_config={"on_boot": "reset", "caching": "true"})
    assert site.why("pool_migrate") == ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]
    assert site.why("migrate_send") is None


async def test_gate_4_12_halted_with_any_gpu(site: Site) -> None:
    await site.one("VM.hard_shutdown", site.vm)
    site.gpu("passthrough")
    assert site.why("migrate_send") is None


@pytest.mark.parametrize("state", ["Halted", "Suspended", "Running"])
async def test_gate_4_4_custom_templates_may_be_sent(site: Site, state: str) -> None:
    site.set(is_a_template=True, power_state=state)
    assert site.why("migrate_send") is None


# -- 4.1: the host gate ------------------------------------------------------------------------------------------------


def _no_pif(site: Site) -> None:
    """The VM's network loses its PIF on the second host."""
    vif = site.db.row("VIF", site.row["VIFs"][0])
    pif = host_gate.pif_on(site.pool, vif["network"], site.hosts[1])
    assert pif is not None
    site.db.delete("PIF", pif)


def _bonded(site: Site) -> None:
    vif = site.db.row("VIF", site.row["VIFs"][0])
    pif = host_gate.pif_on(site.pool, vif["network"], site.hosts[1])
    site.db.set("PIF", str(pif), bond_slave_of=site.db.create("Bond", {}))


def _sriov(site: Site, functions: int) -> None:
    vif = site.db.row("VIF", site.row["VIFs"][0])
    pif = host_gate.pif_on(site.pool, vif["network"], site.hosts[1])
    made = site.db.create("network_sriov", {"logical_PIF": pif, "physical_PIF": pif})
    site.pool.sriov_functions[made] = functions


def _usb(site: Site) -> None:
    group = site.db.create("USB_group", {})
    site.db.create("PUSB", {"host": site.hosts[0], "USB_group": group})
    site.db.create("VUSB", {"VM": site.vm, "USB_group": group}, "OpaqueRef:usb")


def _host(site: Site, **fields: Any) -> None:
    site.db.set("host", site.hosts[1], **fields)


HOST_GATE: dict[str, tuple[Callable[[Site], Any], list[str]]] = {
    "4.1-#1 legacy vGPU": (lambda s: s.gpu("gvt_g"), ["VGPU_TYPE_NO_LONGER_SUPPORTED", "V: M"]),
    "4.1-#2 no VCPUs": (lambda s: s.set(VCPUs_max=0), ["INVALID_VALUE", "VCPUs_max", "0"]),
    "4.1-#2 none at startup": (lambda s: s.set(VCPUs_at_startup=0), ["INVALID_VALUE", "VCPUs-at-startup", "0"]),
    "4.1-#2 more at startup": (lambda s: s.set(VCPUs_at_startup=9), [
        "VALUE_NOT_SUPPORTED", "VCPUs-at-startup", "9", "value greater than VCPUs-max"]),
    "4.1-#3 memory": (lambda s: s.set(memory_dynamic_min=2 * GIB, memory_dynamic_max=GIB),
                      ["MEMORY_CONSTRAINT_VIOLATION"]),
    "4.1-#4 shadow": (lambda s: s.set(HVM_shadow_multiplier=0.5), ["INVALID_VALUE", "HVM_shadow_multiplier", "0.5"]),
    "4.1-#5 after a crash": (lambda s: s.set(actions_after_crash="rename_restart"), [
        "VALUE_NOT_SUPPORTED", "VM.actions_after_crash", "rename_restart",
        "option would leak a domain; VMs and not domains are managed by this API"]),
    "4.1-#6 not live": (lambda s: s.db.set("host_metrics", s.db.get("host", s.hosts[1], "metrics"), live=False),
                        ["HOST_NOT_LIVE"]),
    "4.1-#8 disabled": (lambda s: _host(s, enabled=False), ["HOST_DISABLED", "host"]),
    "4.1-#9 hardware platform": (lambda s: s.set(hardware_platform_version=7), [
        "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", "host", "[0; 1; 2]", "vm", "7"]),
    "4.1-#10 processor": (lambda s: s.set(last_boot_CPU_flags={"vendor": "AuthenticAMD"}), [
        "VM_INCOMPATIBLE_WITH_THIS_HOST", "vm", "host",
        "VM last booted on a host which had a CPU from a different vendor."]),
    "4.1-#12 network": (_no_pif, ["VM_REQUIRES_NETWORK", "vm", "network"]),
    "4.1-#12 bond slave": (_bonded, ["HOST_CANNOT_ATTACH_NETWORK", "host", "network"]),
    "4.1-#13 IOMMU": (lambda s: (s.gpu("passthrough", group_on=1), _host(s, chipset_info={"iommu": "false"})),
                      ["VM_REQUIRES_IOMMU", "host"]),
    "4.1-#14 passthrough GPU": (lambda s: s.gpu("passthrough"), ["VM_REQUIRES_GPU", "vm", "group"]),
    "4.1-#14 virtual GPU": (lambda s: s.gpu("nvidia"), ["VM_REQUIRES_VGPU", "vm", "group", "type"]),
    "4.1-#15 USB": (_usb, ["OPERATION_NOT_ALLOWED", "VUSB OpaqueRef:usb is not available on Host {host}"]),
    "4.1-#16 SR-IOV": (lambda s: _sriov(s, 0), ["NETWORK_SRIOV_INSUFFICIENT_CAPACITY", "network"]),
    "4.1-#17 hvm": (lambda s: _host(s, capabilities=["xen-3.0-x86_64"]), ["VM_HVM_REQUIRED", "vm"]),
    "4.1-#18 memory": (lambda s: s.db.set("host_metrics", s.db.get("host", s.hosts[1], "metrics"), memory_total=GIB), [
        "HOST_NOT_ENOUGH_FREE_MEMORY", "{needed}", "0"]),
    "4.1-#19 processors": (lambda s: s.set(VCPUs_max=64), ["HOST_NOT_ENOUGH_PCPUS", "64", "16"]),
}  # fmt: skip


@pytest.mark.parametrize("row", HOST_GATE)
async def test_host_gate(site: Site, row: str) -> None:
    change, wanted = HOST_GATE[row]
    assert site.boots() is None
    change(site)
    network = site.db.row("VIF", site.row["VIFs"][0])["network"]
    vgpu = site.db.row("VGPU", site.row["VGPUs"][0]) if site.row["VGPUs"] else {"GPU_group": "", "type": ""}
    names = {"network": network, "group": vgpu["GPU_group"], "type": vgpu["type"]}
    needed = str(needed_memory(site.pool, site.row))
    filled = [names.get(p, p).replace("{host}", site.hosts[1]).replace("{needed}", needed) for p in wanted]
    assert site.boots() == filled


async def test_host_gate_4_1_7_control_domain(site: Site) -> None:
    dom0 = site.db.get("host", site.hosts[0], "control_domain")
    site.vm = dom0
    assert (site.boots() or [""])[0] == "OPERATION_NOT_ALLOWED"


async def test_host_gate_4_1_11_storage(site: Site) -> None:
    site.vm = await site.one.named("VM", "ci-runner-1")
    local = await site.one.named("SR", "Local storage on madrid-01")
    assert site.boots() == ["VM_REQUIRES_SR", "vm", local]
    assert site.boots(sr=False) is None
    site.vm = await site.one.named("VM", "dc-windows")
    iso = await site.one.named("SR", "ISO library")
    pbd = next(p for p in site.db.get("SR", iso, "PBDs") if site.db.get("PBD", p, "host") == site.hosts[2])
    site.db.set("PBD", pbd, currently_attached=False)
    assert site.boots(2) == ["VM_REQUIRES_SR", "vm", iso]  # CDs count


async def test_host_gate_4_1_12_networks_without_interfaces(site: Site) -> None:
    site.vm = await site.one.named("VM", "node-a")  # on an internal network and on madrid-01
    network = await site.one.named("network", "Cluster heartbeat")
    assert site.boots() == ["VM_REQUIRES_NETWORK", "vm", network]
    site.db.set("network", network, other_config={"assume_network_is_shared": "true"})
    assert site.boots() is None
    site.db.set("network", network, other_config={})
    site.set(power_state="Halted", resident_on=NULL)
    assert site.boots() is None  # nobody uses it elsewhere


async def test_host_gate_order_is_kept(site: Site) -> None:
    """Each fault added comes from an earlier row and hides the one before it."""
    site.set(VCPUs_max=64)
    steps: list[tuple[Callable[[], Any], str]] = [
        (lambda: site.db.set("host_metrics", site.db.get("host", site.hosts[1], "metrics"), memory_total=1),
         "HOST_NOT_ENOUGH_FREE_MEMORY"),
        (lambda: _host(site, capabilities=[]), "VM_HVM_REQUIRED"),
        (lambda: _sriov(site, 0), "NETWORK_SRIOV_INSUFFICIENT_CAPACITY"),
        (lambda: _no_pif(site), "VM_REQUIRES_NETWORK"),
        (lambda: site.set(last_boot_CPU_flags={"vendor": "x"}), "VM_INCOMPATIBLE_WITH_THIS_HOST"),
        (lambda: site.set(hardware_platform_version=9), "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION"),
        (lambda: _host(site, enabled=False), "HOST_DISABLED"),
        (lambda: site.pool.lose_host(site.hosts[1]), "HOST_NOT_LIVE"),
        (lambda: site.set(HVM_shadow_multiplier=0.1), "INVALID_VALUE"),
        (lambda: site.gpu("gvt_g"), "VGPU_TYPE_NO_LONGER_SUPPORTED"),
    ]  # fmt: skip
    assert (site.boots() or [""])[0] == "HOST_NOT_ENOUGH_PCPUS"
    for change, code in steps:
        change()
        assert (site.boots() or [""])[0] == code


# -- 4.2 to 4.4 --------------------------------------------------------------------------------------------------------


async def test_memory_4_2(site: Site) -> None:
    host, db = site.hosts[1], site.db
    residents = [db.row("VM", v) for v in db.get("host", host, "resident_VMs")]
    used = db.get("host", host, "memory_overhead") + sum(
        v["memory_dynamic_min"] + v["memory_overhead"] for v in residents
    )
    total = db.get("host_metrics", db.get("host", host, "metrics"), "memory_total")
    assert any(v["is_control_domain"] for v in residents)  # dom0 counts like any other
    assert free_memory(site.pool, host) == total - used
    db.set("host_metrics", db.get("host", host, "metrics"), memory_free=1)
    assert await site.one("host.compute_free_memory", host) == total - used  # memory_free is not looked at
    # A VM that is here already is needed a second time.
    free = free_memory(site.pool, site.hosts[0])
    site.set(memory_dynamic_min=free, memory_dynamic_max=free, memory_static_max=free)
    assert (site.boots(0) or [""])[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"


@pytest.mark.parametrize(
    ("ours", "theirs", "subset"),
    [
        ("", "", True), ("1-2-3", "", True), ("", "1-2-3", True), ("7-3", "5", False), ("5", "7-3", True),
        ("1", "1-0", True),
        ("07cbfbff-04082201-2fd3fbff-00000001-00000100-00000000-00000000-00000000-00000000",
         "07c9cbf5-80082201-2fd3fbff-00000001-00000100-00000000-00000000-00000000-00000000", False),
    ],
    ids=[f"4.3/10.6-{n}" for n in range(7)],
)  # fmt: skip
def test_feature_sets(ours: str, theirs: str, subset: bool) -> None:
    assert host_gate.subset(ours, theirs) is subset


async def test_processors_4_3_field_vendor_and_missing_keys(site: Site) -> None:
    host = site.db.row("host", site.hosts[1])
    info = host["cpu_info"]
    _host(site, cpu_info={**info, "features_pv": "1", "features_hvm": "3"})
    site.set(last_boot_CPU_flags={"vendor": "GenuineIntel", "features": "2"})
    assert site.boots() is None
    site.metrics(current_domain_type="pv")
    assert "features this host's CPU does not have" in (site.boots() or [""])[-1]
    _host(site, cpu_info={k: v for k, v in info.items() if k not in {"features_pv", "features_hvm"}})
    assert (site.boots() or [""])[-1] == ("Host does not have new leveling feature keys - not comparing VM's flags")
    site.set(last_boot_CPU_flags={})
    assert site.boots() is None
    site.set(last_boot_CPU_flags={"vendor": "AuthenticAMD", "features": SECOND_FEATURES}, power_state="Halted")
    assert site.boots() is None  # halted VMs take what they get


VERSIONS = {
    "10.7 newer platform, same xen": (("3.4.0", "25.33.0", "4.17"), ("3.5.0", "25.33.0", "4.17"), True),
    "10.7 same": (("3.4.0", "25.33.0", "4.17"), ("3.4.0", "25.33.0", "4.17"), True),
    "10.7 older": (("3.4.0", "25.33.0", "4.17"), ("3.3.0", "25.33.0", "4.17"), False),
    "10.7 newer platform but older xen": (("3.4.0", "25.33.0", "4.17"), ("3.5.0", "25.33.0", "4.16"), False),
    "10.7 older platform but newer xen": (("3.4.0", "25.33.0", "4.17"), ("3.3.0", "25.33.0", "4.18"), False),
    "10.7 missing key is lowest": (("3.4.0", "25.33.0", ""), ("3.4.0", "25.33.0", "4.17"), True),
    "10.7 both missing": (("3.4.0", "", ""), ("3.4.0", "", ""), True),
}


@pytest.mark.parametrize("row", VERSIONS)
async def test_versions_4_4(site: Site, row: str) -> None:
    source, target, fine = VERSIONS[row]
    site.pool.profile = PROFILES["25.33"]
    keys = ("platform_version", "xapi_build", "xen")
    rows = [{"software_version": dict(zip(keys, v, strict=True))} for v in (source, target)]
    assert host_gate.not_older(site.pool, rows[0], rows[1]) is fine


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("25.30.0", (25, 30, 0)), ("25.30.0.6.gb239bd75a", (25, 30, 0, 6)), ("25.15.0-13", (25, 15, 0)),
     ("4.17.5-20-d", (4, 17, 5)), ("4.17.5-20.abcd", (4, 17, 5))],
)  # fmt: skip
def test_versions_are_read_10_7(text: str, numbers: tuple[int, ...]) -> None:
    assert release(text)[: len(numbers)] == numbers


async def test_rolling_upgrade_of_assert_can_boot_here_4_1(site: Site) -> None:
    old = {**site.db.get("host", site.hosts[1], "software_version"), "platform_version": "1.0"}
    _host(site, software_version=old)
    assert await site.one("VM.assert_can_boot_here", site.vm, site.hosts[1]) == ""
    await site.one("pool.add_to_other_config", site.pool.ref, "rolling_upgrade_in_progress", "")
    refusal = await site.one.refused("VM.assert_can_boot_here", site.vm, site.hosts[1])
    assert refusal == ["VM_HOST_INCOMPATIBLE_VERSION", site.hosts[1], site.vm]


async def test_agility_4_1_and_10_8(site: Site) -> None:
    one, db = site.one, site.db
    assert await one("VM.assert_agile", site.vm) == ""
    local = await one.named("VM", "ci-runner-1")
    sr = await one.named("SR", "Local storage on madrid-01")
    assert await one.refused("VM.assert_agile", local) == ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr]
    _no_pif(site)
    network = db.row("VIF", site.row["VIFs"][0])["network"]
    refusal = await one.refused("VM.assert_agile", site.vm)
    assert refusal == ["HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network]
    await one("host.disable", site.hosts[1])  # only enabled hosts count
    assert await one("VM.assert_agile", site.vm) == ""
    db.create("VUSB", {"VM": site.vm})
    assert await one.refused("VM.assert_agile", site.vm) == ["VM_HAS_VUSBS", site.vm]
    site.gpu("nvidia")
    assert await one.refused("VM.assert_agile", site.vm) == ["VM_HAS_VGPU", site.vm]


async def test_agility_sriov_4_1(site: Site) -> None:
    _sriov(site, 4)
    assert await site.one.refused("VM.assert_agile", site.vm) == ["VM_HAS_SRIOV_VIF", site.vm]


# -- 10.1 to 10.3 ------------------------------------------------------------------------------------------------------


VIF_MAPS: dict[str, tuple[list[str], list[str], list[str], str]] = {
    # MACs of the VM's VIFs, of its snapshot's, which of the first are mapped, and which VIF is then missing
    "10.1-1 no VIFs": ([], [], [], ""),
    "10.1-2 all mapped": (["m1"], [], ["m1"], ""),
    "10.1-3 second is missing": (["m1", "m2"], [], ["m1"], "vm-m2"),
    "10.1-4 snapshot by MAC": (["m1"], ["m1"], ["m1"], ""),
    "10.1-5 snapshot's other MAC": (["m1"], ["m1", "m2"], ["m1"], "snap-m2"),
}


@pytest.mark.parametrize("row", VIF_MAPS)
async def test_vif_map(site: Site, row: str) -> None:
    own, snapped, mapped, missing = VIF_MAPS[row]
    db = site.db
    vm = db.create("VM", {"name_label": "x"})
    snap = db.create("VM", {"name_label": "s", "snapshot_of": vm, "is_a_snapshot": True})
    for owner, macs, prefix in ((vm, own, "vm-"), (snap, snapped, "snap-")):
        for mac in macs:
            db.create("VIF", {"VM": owner, "MAC": mac}, prefix + mac)
    asked = {f"vm-{m}": "net" for m in mapped}
    if missing:
        with pytest.raises(Failure) as caught:
            infer_vif_map(site.pool, db.row("VM", vm), asked)
        assert caught.value.description == ["VIF_NOT_IN_MAP", missing]
    else:
        whole = infer_vif_map(site.pool, db.row("VM", vm), asked)
        assert whole == {**asked, **{f"snap-{m}": "net" for m in snapped}}


async def test_bare_vms_raise_nothing_10_2(site: Site) -> None:
    db = site.db
    vm = db.create("VM", {"name_label": "bare"})
    db.create("VBD", {"VM": vm, "VDI": NULL, "empty": True, "type": "CD", "mode": "RO"})
    for op in site.pool.schema.enums["vm_operations"]:
        vm_gate.error(vm_gate.Subject.of(site.pool, vm), op, strict=True)
    for op in ("assert_operation_valid", "update_allowed_operations"):
        assert vm_gate.error(vm_gate.Subject.of(site.pool, vm), op, strict=True) is None


async def test_cbt_is_judged_later_10_2(site: Site) -> None:
    vm = await site.one.named("VM", "intranet-old")
    (disk,) = await site.one.disks(vm)
    await site.one("VDI.enable_cbt", disk)
    assert await site.one("VM.assert_operation_valid", vm, "migrate_send") == ""


async def test_nvram_10_2(site: Site) -> None:
    refusal = await site.one.refused("VM.set_NVRAM", site.vm, {"a": "b"})
    assert refusal == ["VM_BAD_POWER_STATE", site.vm, "halted", "running"]
    assert site.row["NVRAM"] == {}
    await site.one("VM.hard_shutdown", site.vm)
    await site.one("VM.set_NVRAM", site.vm, {"EFI-variables": "x"})
    assert site.row["NVRAM"] == {"EFI-variables": "x"}


def test_what_runs_beside_what_10_2() -> None:
    every = ("snapshot", "checkpoint", "clone", "copy", "start", "migrate_send", "pool_migrate", "clean_shutdown",
             "clean_reboot", "hard_shutdown", "hard_reboot", "suspend", "resume")  # fmt: skip
    for running in every:
        assert vm_gate.allowed_concurrently("hard_shutdown", [running]) is (running != "hard_shutdown")
        assert vm_gate.allowed_concurrently("hard_reboot", [running]) is (
            running not in {"hard_shutdown", "hard_reboot"}
        )
        assert vm_gate.allowed_concurrently("clean_shutdown", [running]) is (running == "migrate_send")


@pytest.mark.parametrize(("nested", "fixed", "force"), list(itertools.product((False, True), repeat=3)))
async def test_immobile_10_3(site: Site, nested: bool, fixed: bool, force: bool) -> None:
    site.metrics(nested_virt=nested, nomigrate=fixed, current_domain_type="pv")
    for op in ("suspend", "checkpoint", "pool_migrate", "migrate_send"):
        wanted = ["VM_IS_IMMOBILE", "vm"] if (nested or fixed) and not force else None
        assert site.why(op, strict=not force) == wanted


# -- 7.3 and 10.4: disks -----------------------------------------------------------------------------------------------


class Disk:
    """A disk on NFS Madrid with drives as wanted."""

    def __init__(self, site: Site, **fields: Any) -> None:
        self.site, db = site, site.db
        self.sr = next(r for r, row in db.table("SR").items() if row["name_label"] == "NFS Madrid")
        self.ref = db.create("VDI", {"SR": self.sr, "virtual_size": GIB, "managed": True, "type": "user", **fields})

    def drive(self, mode: str = "RW", *, attached: bool = True, op: str = "", live: bool = True, **fields: Any) -> str:
        vm = self.site.vm if live else self.site.db.create("VM", {"is_a_snapshot": True})
        return self.site.db.create("VBD", {
            "VM": vm, "VDI": self.ref, "mode": mode, "type": "Disk", "currently_attached": attached,
            "current_operations": {"OpaqueRef:t": op} if op else {}, **fields,
        })  # fmt: skip

    def why(self, op: str) -> str | None:
        failure = vdi_gate.error(self.site.pool, self.ref, op)
        return failure.code if failure else None

    def set(self, **fields: Any) -> None:
        self.site.db.set("VDI", self.ref, **fields)

    def able(self, *features: str) -> None:
        for ref, row in self.site.db.table("SM").items():
            if row["type"] == "nfs":
                self.site.db.set("SM", ref, features=dict.fromkeys(features, 1))
        self.site.pool.forget_plugins()


DISKS: dict[str, tuple[dict[str, Any], Callable[[Disk], Any], tuple[str, ...], str | None]] = {
    "7.3-#2 other operation": ({}, lambda d: d.set(current_operations={"t": "snapshot"}), ("clone", "mirror"),
                               "OTHER_OPERATION_IN_PROGRESS"),
    "7.3-#2 destroy beside mirror": ({}, lambda d: d.set(current_operations={"t": "mirror"}), ("destroy",), None),
    "7.3-#4 in use": ({}, lambda d: d.drive(), ("destroy", "resize", "forget", "update", "copy", "set_on_boot"),
                      "VDI_IN_USE"),
    "7.3-#4 live operations": ({}, lambda d: d.drive(), ("snapshot", "clone", "mirror", "enable_cbt", "disable_cbt"),
                               None),
    "7.3-#5 busy drive": ({}, lambda d: d.drive(attached=False, op="attach"), ("update", "snapshot"),
                          "OTHER_OPERATION_IN_PROGRESS"),
    "7.3-#6 no capability": ({}, lambda d: d.able(), ("snapshot", "destroy", "resize_online", "clone", "mirror"),
                             "SR_OPERATION_NOT_SUPPORTED"),
    "7.3-#6 needs none": ({}, lambda d: d.able(), ("copy", "forget"), None),
    "7.3-#7 cbt_metadata": ({"type": "cbt_metadata"}, lambda d: None, ("clone", "copy", "snapshot", "mirror"),
                            "VDI_INCOMPATIBLE_TYPE"),
    "7.3-#9 rrd": ({"type": "rrd"}, lambda d: None, ("destroy",), "VDI_HAS_RRDS"),
    "7.3-#9 sharable": ({"sharable": True}, lambda d: None, ("snapshot",), "VDI_IS_SHARABLE"),
    "7.3-#9 redo log": ({"type": "redo_log"}, lambda d: None, ("copy",), "OPERATION_NOT_ALLOWED"),
    "7.3-#9 resets": ({"on_boot": "reset"}, lambda d: None, ("snapshot", "copy"),
                      "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"),
    "10.4-update-attached": ({}, lambda d: d.drive(op="attach"), ("update",), "VDI_IN_USE"),
    "10.4-update-busy": ({}, lambda d: d.drive(attached=False, op="attach"), ("update",),
                         "OTHER_OPERATION_IN_PROGRESS"),
    "10.4-forget-idle": ({}, lambda d: d.drive(attached=False), ("forget",), None),
    "10.4-copy-rw": ({}, lambda d: d.drive("RW"), ("copy",), "VDI_IN_USE"),
    "10.4-copy-ro": ({}, lambda d: d.drive("RO"), ("copy",), None),
    "10.4-copy-unattached": ({}, lambda d: d.drive(attached=False), ("copy",), None),
    "10.4-copy-rw-and-ro": ({}, lambda d: (d.drive("RW"), d.drive("RO")), ("copy",), "VDI_IN_USE"),
    "10.4-copy-while-copy": ({}, lambda d: (d.drive("RO"), d.set(current_operations={"t": "copy"})),
                             ("copy", "clone"), None),
    "10.4-snapshot-while-copy": ({}, lambda d: d.set(current_operations={"t": "copy"}), ("snapshot",),
                                 "OPERATION_NOT_ALLOWED"),
    "10.4-cbt-capability": ({}, lambda d: d.able("VDI_SNAPSHOT"),
                            ("enable_cbt", "disable_cbt", "data_destroy", "list_changed_blocks"),
                            "SR_OPERATION_NOT_SUPPORTED"),
    "10.4-cbt-snapshot": ({"is_a_snapshot": True}, lambda d: None, ("enable_cbt", "disable_cbt"),
                          "OPERATION_NOT_ALLOWED"),
    "10.4-cbt-metadata": ({"type": "metadata"}, lambda d: None, ("enable_cbt", "disable_cbt"),
                          "VDI_INCOMPATIBLE_TYPE"),
    "10.4-cbt-redo-log": ({"type": "redo_log"}, lambda d: None, ("enable_cbt",), "VDI_INCOMPATIBLE_TYPE"),
    "10.4-cbt-system": ({"type": "system"}, lambda d: None, ("enable_cbt", "disable_cbt"), None),
    "10.4-cbt-reset": ({"on_boot": "reset"}, lambda d: None, ("enable_cbt",),
                       "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"),
    "10.4-cbt-attached": ({}, lambda d: d.drive(), ("enable_cbt", "disable_cbt"), None),
    "10.4-metadata-ops": ({"type": "cbt_metadata"}, lambda d: _everything(d),
                          ("snapshot", "clone", "resize", "resize_online", "copy", "set_on_boot"),
                          "VDI_INCOMPATIBLE_TYPE"),
    "10.4-cbt-mirror": ({"cbt_enabled": True}, lambda d: _everything(d), ("mirror", "set_on_boot"),
                        "VDI_CBT_ENABLED"),
    "10.4-data-destroy": ({"is_a_snapshot": True, "cbt_enabled": True}, lambda d: None, ("data_destroy",), None),
    "10.4-data-destroy-leaf": ({"cbt_enabled": True}, lambda d: None, ("data_destroy",), "OPERATION_NOT_ALLOWED"),
    "10.4-data-destroy-off": ({"is_a_snapshot": True}, lambda d: None, ("data_destroy",), "VDI_NO_CBT_METADATA"),
    "10.4-data-destroy-metadata": ({"is_a_snapshot": True, "type": "cbt_metadata", "cbt_enabled": True},
                                   lambda d: None, ("data_destroy",), None),
    "10.4-data-destroy-attached": ({"is_a_snapshot": True, "cbt_enabled": True}, lambda d: d.drive(),
                                   ("data_destroy",), None),
    "10.4-list-attached": ({}, lambda d: d.drive(), ("list_changed_blocks",), "VDI_IN_USE"),
    "10.4-list-metadata": ({"type": "cbt_metadata"}, lambda d: None, ("list_changed_blocks",), None),
    "10.4-list-snapshot-vm": ({}, lambda d: d.drive(live=False), ("list_changed_blocks",), None),
    "10.4-rpu-mirror": ({}, lambda d: _upgrading(d), ("mirror",), "NOT_SUPPORTED_DURING_UPGRADE"),
    "10.4-null-vm": ({}, lambda d: d.drive(VM=NULL), ("snapshot",), None),
    "10.4-revert-to-snapshot": ({"is_a_snapshot": True}, lambda d: None, ("revert_to",), None),
    "10.4-revert-to-checkpoint": ({"is_a_snapshot": True}, lambda d: d.drive(), ("revert_to",), None),
    "10.4-revert-to-leaf": ({}, lambda d: None, ("revert_to",), "REVERT_ONLY_ALLOWED_ON_SNAPSHOT"),
    "10.4-revert-from-attached": ({}, lambda d: d.drive(), ("revert_from",), "VDI_IN_USE"),
    "10.4-resize-attached": ({}, lambda d: d.drive(), ("resize",), "VDI_IN_USE"),
    "10.4-resize-online-without": ({}, lambda d: d.drive(), ("resize_online",), "SR_OPERATION_NOT_SUPPORTED"),
    "10.4-resize-online-with": ({}, lambda d: (d.drive(), _everything(d)), ("resize_online",), None),
}  # fmt: skip


def _everything(disk: Disk) -> None:
    disk.able(*{v for v in vdi_gate.FEATURE_OF.values() if v})


def _upgrading(disk: Disk) -> None:
    disk.site.db.add_to("pool", disk.site.pool.ref, "other_config", "rolling_upgrade_in_progress", "")


@pytest.mark.parametrize("row", DISKS)
async def test_disk(site: Site, row: str) -> None:
    fields, change, operations, code = DISKS[row]
    disk = Disk(site, **fields)
    change(disk)
    for op in operations:
        assert (op, disk.why(op)) == (op, code)


async def test_disk_7_3_resize_and_tools(site: Site) -> None:
    disk = Disk(site)
    tools = await site.one.named("SR", "XenServer Tools")
    udev = await site.one.named("SR", "DVD drives")
    for ref in site.db.get("SR", disk.sr, "PBDs"):
        site.db.set("PBD", ref, currently_attached=False)
    assert disk.why("resize") == "SR_HAS_NO_PBDS"
    disk.set(SR=tools)
    assert disk.why("destroy") == "SR_OPERATION_NOT_SUPPORTED"
    disk.set(SR=udev)
    assert disk.why("destroy") in {"VDI_IS_A_PHYSICAL_DEVICE", "SR_OPERATION_NOT_SUPPORTED"}


async def test_disk_10_4_what_is_listed(site: Site) -> None:
    disk = Disk(site)
    disk.drive("RO")
    assert set(vdi_gate.allowed(site.pool, disk.ref)) == {"snapshot", "clone", "copy"}
    free = Disk(site)
    assert set(vdi_gate.allowed(site.pool, free.ref)) == {
        "generate_config", "update", "forget", "destroy", "snapshot", "resize", "copy", "clone",
    }  # fmt: skip
    assert "mirror" not in vdi_gate.LISTED


@pytest.mark.parametrize(
    ("op", "fine"),
    [("resize", False), ("destroy", False), ("forget", False), ("update", False), ("force_unlock", False),
     ("generate_config", False), ("snapshot", False), ("resize_online", False), ("blocked", False), ("clone", False),
     ("mirror", True), ("copy", True)],
    ids=lambda v: f"10.8-{v}",
)  # fmt: skip
async def test_attach_while(site: Site, op: str, fine: bool) -> None:
    disk = Disk(site, current_operations={"OpaqueRef:t": op})
    vbd = disk.drive("RO", attached=False)
    if fine:
        assert await site.one("VBD.assert_attachable", vbd) == ""
    else:
        assert (await site.one.refused("VBD.assert_attachable", vbd))[0] == "OTHER_OPERATION_IN_PROGRESS"


# -- 10.8: plans of high availability ----------------------------------------------------------------------------------


async def _big_pool(count: int) -> tuple[Client, list[str], Callable[[float, int], Awaitable[str]]]:
    """Hosts of 256 GiB, empty but for their control domains; `add(gib, host)` puts a protected VM on one."""
    one, _ = await clients("scale", vms=1)
    watching.clear()  # its VMs go, out of the tables
    db = one.pool.db
    for vm in [v for v, r in db.table("VM").items() if not r["is_control_domain"]]:
        db.delete("VM", vm)
    hosts = list(db.table("host"))[:count]
    for host in hosts:
        db.set("host_metrics", db.get("host", host, "metrics"), memory_total=256 * GIB)

    async def add(gib: float, host: int) -> str:
        size = int(gib * GIB)
        return db.create("VM", {
            "power_state": "Running", "resident_on": hosts[host], "memory_static_max": size, "VCPUs_max": 1,
            "memory_dynamic_min": size, "memory_dynamic_max": size, "ha_restart_priority": "restart",
            "domain_type": "hvm",
        })  # fmt: skip

    await one("pool.enable_ha", [], {})
    await one("pool.set_ha_host_failures_to_tolerate", one.pool.ref, 1)
    return one, hosts, add


@pytest.mark.parametrize(("before", "fine"), [(1, True), (2, False), (3, True)], ids=lambda v: f"10.8-HA-{v}")
async def test_a_new_vm_keeps_the_plan(before: int, fine: bool) -> None:
    """One of 120 GiB and another: fits; two and another: does not; already overcommitted: cannot get worse."""
    one, hosts, add = await _big_pool(2)
    for n in range(before):
        await add(120, n % 2)
    new = await add(120, 0)
    one.pool.db.set("VM", new, resident_on=NULL)
    if fine:
        availability.assert_plan(one.pool, {new: hosts[0]})
    else:
        with pytest.raises(Failure, match="HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"):
            availability.assert_plan(one.pool, {new: hosts[0]})


async def test_plans_for_n_failures_10_8() -> None:
    one, _, add = await _big_pool(2)
    assert await one("pool.ha_failover_plan_exists", 1) is True
    for host in (0, 1):
        await add(100, host)
    assert await one("pool.ha_compute_max_host_failures_to_tolerate") == 1
    vm = await add(100, 0)
    assert await one("pool.ha_failover_plan_exists", 1) is False
    await one("pool.set_ha_host_failures_to_tolerate", one.pool.ref, 1)  # there is no plan that this could break
    assert (one.pool.row["ha_plan_exists_for"], one.pool.row["ha_overcommitted"]) == (0, True)
    await one("VM.set_ha_restart_priority", vm, "best-effort")
    assert await one("pool.ha_failover_plan_exists", 1) is False or one.pool.row["ha_plan_exists_for"] >= 0
    plan = await one("pool.ha_compute_vm_failover_plan", [], [vm])
    assert set(plan[vm]) <= {"host", "error_code"}


@pytest.mark.parametrize("spread", [True, False])
async def test_anti_affinity_10_8(spread: bool) -> None:
    pools = {c.pool.name: c for c in await clients("mixed-versions")}
    new = pools["New 9"]
    group = await new("VM_group.create", {"name_label": "apart", "placement": "anti_affinity" if spread else "normal"})
    vms = [await new.named("VM", f"new-vm-{n}") for n in (1, 3)]
    for vm in vms:
        await new("VM.set_groups", vm, [group])
    home = await new("VM.get_resident_on", vms[0])
    other = next(h for h in new.pool.db.table("host") if h != home)
    metrics = new.pool.db.get("host", home, "metrics")
    new.pool.db.set("host_metrics", metrics, memory_total=1 << 40)  # it would be chosen for its memory
    await new("VM.start", vms[1], False, False)
    assert await new("VM.get_resident_on", vms[1]) == (other if spread else home)


# What a rolling upgrade compares, and what a migration: (release, key that is older, upgrade minds, migration minds)
OLDER_KEYS = [
    ("8.4", "platform_version", True, True), ("8.4", "xapi_build", False, False), ("8.4", "xen", False, False),
    ("8.4", "xapi", False, False), ("25.31", "xapi_build", True, True), ("25.31", "xen", True, True),
    ("25.31", "xapi", False, False), ("25.33", "platform_version", True, True), ("25.33", "xapi_build", False, True),
    ("25.33", "xen", False, True), ("25.33", "xapi", True, False),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "key", "upgrade", "migration"), OLDER_KEYS)
async def test_what_counts_as_older(site: Site, profile: str, key: str, upgrade: bool, migration: bool) -> None:
    known = PROFILES.get(profile) or replace(PROFILES["25.33"], xapi_build=f"{profile}.0")
    site.pool.profile = known
    for host in site.hosts:
        site.db.set("host", host, software_version=dict(known.software_version))
    old, new = site.hosts[1], site.pool.master
    site.db.set("host", old, software_version={**known.software_version, key: "1.0"})
    rows = {host: site.db.row("host", host) for host in (old, new)}
    assert host_gate.not_older(site.pool, rows[new], rows[old]) is not migration
    assert host_gate.not_older(site.pool, rows[old], rows[new])
    await site.one("pool.add_to_other_config", site.pool.ref, "rolling_upgrade_in_progress", "")
    assert host_gate.newest_in_pool(site.pool, rows[old]) is not upgrade
    assert host_gate.newest_in_pool(site.pool, rows[new])
    site.db.set("VM", site.vm, power_state="Halted", resident_on=NULL)
    assert (old in host_gate.possible(site.pool, site.vm)) is not upgrade
    if upgrade:
        for method in ("VM.start_on", "VM.resume_on"):
            assert await site.one.refused(method, site.vm, old, False, False) == ["NOT_SUPPORTED_DURING_UPGRADE"]
        refusal = ["VM_HOST_INCOMPATIBLE_VERSION", old, site.vm]
        assert await site.one.refused("VM.assert_can_boot_here", site.vm, old) == refusal


@pytest.mark.parametrize(("profile", "text", "numbers"), [
    ("8.4", "3.4.0", (3, 4, 0)), ("25.31", "4.17.5-20", (4, 17, 5, 20)), ("25.31", "4.17.5-20.2", (4, 17, 5)),
    ("25.31", "4.17.5-20-d", (0, 0, 0)), ("25.33", "4.17.5-20.2-d", (4, 17, 5, 20, 2)),
    ("25.33", "25.30.0.6.gb239", (25, 30, 0, 6)),
])  # fmt: skip
async def test_how_versions_are_read(site: Site, profile: str, text: str, numbers: tuple[int, ...]) -> None:
    site.pool.profile = PROFILES.get(profile) or replace(PROFILES["25.33"], xapi_build=f"{profile}.0")
    row = {"software_version": {"xen": text}}
    assert host_gate._version(site.pool, row, "xen") == numbers


async def test_hosts_that_are_being_emptied_take_nothing(site: Site) -> None:
    site.db.set("VM", site.vm, power_state="Halted", resident_on=NULL)
    before = host_gate.possible(site.pool, site.vm)
    site.db.set("host", before[0], current_operations={"OpaqueRef:t": "evacuate"})
    assert host_gate.possible(site.pool, site.vm) == before[1:]
