"""The gate in front of every VM operation: the first check that fails names the error.

Source: xapi 24.10 and 26.17, xapi_vm_lifecycle.ml, check_operation_error and what it calls; other releases where a
profile says so. The same checks, strict, fill `VM.allowed_operations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.busy import other_operation, vm_operation
from xsmigui.simulator.gates.vm_tables import (
    ANY,
    BOOT_RECORD,
    CONTROL_DOMAIN,
    DURING_UPGRADE,
    FEATURES,
    LISTED,
    LONG_COPIES,
    MOBILE,
    NEVER_LISTED,
    POWER_STATES,
    RESETS,
    RUNNING_TOO,
    SNAPSHOT,
    SNAPSHOTS,
    TEMPLATE,
)
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row


@dataclass(slots=True)
class Subject:
    """A VM with everything that the checks look at, read once."""

    pool: Pool
    ref: str
    row: Row
    metrics: Row | None
    guest: Row | None
    ignore: str = NULL  # the task whose own operation does not count

    @classmethod
    def of(cls, pool: Pool, ref: str, ignore: str = NULL) -> Subject:
        row = pool.db.row("VM", ref)
        guest = pool.db.find("VM_guest_metrics", row["guest_metrics"])
        return cls(pool, ref, row, pool.db.find("VM_metrics", row["metrics"]), guest, ignore)

    @property
    def state(self) -> str:
        return str(self.row["power_state"]).lower()

    @property
    def live(self) -> bool:
        return self.row["power_state"] in {"Running", "Paused"}

    @property
    def current(self) -> dict[str, str]:
        return {task: op for task, op in self.row["current_operations"].items() if task != self.ignore}

    def feature(self, name: str) -> bool:
        return self.guest is not None and self.guest["other"].get(name) == "1"

    @property
    def booted_pv(self) -> bool:
        """Nobody knows what a VM without metrics has booted as (has_definitely_booted_pv)."""
        return self.metrics is not None and self.metrics["current_domain_type"] in {"pv", "pvh", "pv_in_pvh"}

    @property
    def has_drivers(self) -> bool:
        """A PV driver was seen (xapi_pv_driver_version.ml, of_guest_metrics)."""
        versions = self.guest["PV_drivers_version"] if self.guest else {}
        return "major" in versions and "minor" in versions

    @property
    def implicitly_able(self) -> bool:
        """Whatever the guest says it can do: booted PV or PVH, or a PV driver seen where the release goes by it."""
        return self.booted_pv or (self.has_drivers and self.pool.profile.drivers_imply_features)

    @property
    def needs_features(self) -> bool:
        """Running and not booted PV: the guest's own words count (25.24 to 25.26)."""
        return self.state == "running" and not self.booted_pv

    def says(self, field: str, key: str) -> bool:
        """What the running domain was started with; where nobody knows, what the VM would start with."""
        if self.metrics is not None:
            return bool(self.metrics[field])
        return self.row["platform"].get(key, "").lower() in {"true", "1"}


Check = Callable[[Subject, str, bool], Failure | None]


def power_states(vm: Subject, op: str) -> tuple[str, ...]:
    """The states that an operation takes (allowed_power_states)."""
    wanted = POWER_STATES.get(op, ANY)
    if op in RUNNING_TOO and vm.row["is_control_domain"]:
        return ("halted", "running")
    if op in {"clone", "copy"}:
        suspended_too = vm.pool.row["other_config"].get("allow_clone_suspended_vm") == "true"
        return ("halted", "suspended") if vm.row["is_a_snapshot"] or suspended_too else wanted
    return wanted


def _blocked(vm: Subject, op: str, strict: bool) -> Failure | None:
    blocked = vm.row["blocked_operations"]
    return Failure("OPERATION_BLOCKED", vm.ref, blocked[op]) if op in blocked else None


def _power_state(vm: Subject, op: str, strict: bool) -> Failure | None:
    """Both sides in lower case, the expected states joined with a comma and a blank."""
    wanted = power_states(vm, op)
    return None if vm.state in wanted else Failure("VM_BAD_POWER_STATE", vm.ref, ", ".join(wanted), vm.state)


def allowed_concurrently(op: str, current: list[str]) -> bool:
    """What may run beside what (is_allowed_concurrently)."""
    if not current:
        return True
    for family in (LONG_COPIES, SNAPSHOTS, BOOT_RECORD):
        if op in family and set(current) <= family:
            return True
    if op == "hard_shutdown":
        return "hard_shutdown" not in current
    if op == "hard_reboot":
        return not {"hard_shutdown", "hard_reboot"} & set(current)
    if op == "snapshot":
        return current == ["snapshot_with_quiesce"]
    return op in {"metadata_export", "clean_shutdown", "clean_reboot"} and current == ["migrate_send"]


def _busy(vm: Subject, op: str, strict: bool) -> Failure | None:
    current = vm.current
    if allowed_concurrently(op, list(current.values())):
        return None
    return other_operation(vm.pool.profile, "VM", vm.ref, current)


def _template(vm: Subject, op: str, strict: bool) -> Failure | None:
    """Templates that are no snapshots; default ones are neither destroyed nor sent elsewhere (check_template)."""
    row = vm.row
    if not row["is_a_template"] or row["is_a_snapshot"] or op in TEMPLATE:
        return None
    default = row["is_default_template"] or _yes(row["other_config"].get("default_template", ""))
    if op in {"destroy", "migrate_send"} and not default:
        return None
    return Failure("VM_IS_TEMPLATE", vm.ref, vm_operation(vm.pool.profile, op))


def _snapshot(vm: Subject, op: str, strict: bool) -> Failure | None:
    if not vm.row["is_a_snapshot"] or op in SNAPSHOT:
        return None
    return Failure("VM_IS_SNAPSHOT", vm.ref, vm_operation(vm.pool.profile, op))


def _kind(vm: Subject, op: str, strict: bool) -> Failure | None:
    if op == "provision" and not vm.row["is_a_template"]:
        return Failure("PROVISION_ONLY_ALLOWED_ON_TEMPLATE")
    if op == "revert" and not vm.row["is_a_snapshot"]:
        return Failure("REVERT_ONLY_ALLOWED_ON_SNAPSHOT")
    return None


def _immobile(vm: Subject, op: str, strict: bool) -> Failure | None:
    """nomigrate or nested virtualisation; not asked where force made the gate lenient."""
    if not strict:
        return None
    if op in MOBILE and (vm.says("nomigrate", "nomigrate") or vm.says("nested_virt", "nested-virt")):
        return Failure("VM_IS_IMMOBILE", vm.ref)
    if op == "changing_dynamic_range" and vm.says("nested_virt", "nested-virt"):
        return Failure("VM_IS_USING_NESTED_VIRT", vm.ref)
    return None


def _control_domain(vm: Subject, op: str, strict: bool) -> Failure | None:
    if not vm.row["is_control_domain"]:
        return None
    host = vm.pool.db.find("host", vm.row["resident_on"])
    if op in {"changing_VCPUs", "destroy"} and host is not None and host["control_domain"] == vm.ref:
        return Failure("OPERATION_NOT_ALLOWED", "This operation is not allowed on dom0")
    if op in CONTROL_DOMAIN:
        return None
    return Failure("OPERATION_NOT_ALLOWED", "This operation is not allowed on a control domain")


def _feature(vm: Subject, op: str, strict: bool) -> Failure | None:
    """What the guest says of itself (check_op_for_feature): a reason against being suspended (since 25.24; force does
    not help), or a feature that a live HVM guest lacks."""
    profile = vm.pool.profile
    asked = vm.live if profile.tools_matter_only_live else vm.state == "running"
    if op in MOBILE and profile.knows_cant_suspend and vm.guest is not None:
        relevant = vm.live if profile.tools_matter_only_live else profile.drivers_imply_features or vm.needs_features
        reason = vm.guest["other"].get("data-cant-suspend-reason")
        if relevant and reason is not None:
            return Failure("VM_NON_SUSPENDABLE", vm.ref, reason)
    if op not in FEATURES or not asked or vm.implicitly_able:
        return None
    if not strict and op != "changing_VCPUs_live":
        return None
    if any(vm.feature(name) for name in FEATURES[op]):
        return None
    return Failure("VM_LACKS_FEATURE", vm.ref)


def _quiesce(vm: Subject, op: str, strict: bool) -> Failure | None:
    """Support for it was removed with 8.1."""
    if op == "snapshot_with_quiesce" and vm.pool.profile.at_least("1.214.0"):
        return Failure("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm.ref)
    return None


def _on_boot(vm: Subject, op: str, strict: bool) -> Failure | None:
    """Disks that reset at boot, read from sm_config; moving minds only those that are cached as well."""
    if op not in RESETS and op != "pool_migrate":
        return None
    for vdi in disks(vm.pool, vm.row, cds=True):
        config = vdi["sm_config"]
        if config.get("on_boot") == "reset" and (op in RESETS or _yes(config.get("caching", ""))):
            return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    return None


def _pci(vm: Subject, op: str, strict: bool) -> Failure | None:
    """PCI devices in the domain, other than those of NVIDIA SR-IOV vGPUs."""
    if op not in MOBILE or not vm.row["attached_PCIs"]:
        return None
    own = {g["PCI"] for g in _vgpus(vm) if _nvidia(vm, g) == "nvidia_sriov"}
    return Failure("VM_HAS_PCI_ATTACHED", vm.ref) if set(vm.row["attached_PCIs"]) - own else None


def _vgpu(vm: Subject, op: str, strict: bool) -> Failure | None:
    """NVIDIA's vGPUs move where their metadata is known; any do in a halted VM (check_vgpu)."""
    if op not in MOBILE or not vm.row["VGPUs"]:
        return None
    if (op, vm.state) in {("migrate_send", "halted"), ("checkpoint", "suspended")}:
        return None
    movable = all(_nvidia(vm, g) in {"nvidia", "nvidia_sriov"} and _has_metadata(vm, g) for g in _vgpus(vm))
    return None if movable else Failure("VM_HAS_VGPU", vm.ref)


def _vgpus(vm: Subject) -> list[Row]:
    return [row for ref in vm.row["VGPUs"] if (row := vm.pool.db.find("VGPU", ref))]


def _nvidia(vm: Subject, vgpu: Row) -> str:
    kind = vm.pool.db.find("VGPU_type", vgpu["type"])
    return str(kind["implementation"]) if kind else "passthrough"


def _has_metadata(vm: Subject, vgpu: Row) -> bool:
    gpu = vm.pool.db.find("PGPU", vgpu["resident_on"])
    return gpu is not None and bool(gpu["compatibility_metadata"])


def _vusb(vm: Subject, op: str, strict: bool) -> Failure | None:
    return Failure("VM_HAS_VUSBS", vm.ref) if op in MOBILE | {"snapshot"} and vm.row["VUSBs"] else None


def _bound(vm: Subject, op: str, strict: bool) -> Failure | None:
    """What belongs to an appliance, a policy or a schedule does not become a template."""
    if op != "make_into_template":
        return None
    for cls, field, code in (
        ("VM_appliance", "appliance", "VM_IS_PART_OF_AN_APPLIANCE"),
        ("VMPP", "protection_policy", "VM_ASSIGNED_TO_PROTECTION_POLICY"),
        ("VMSS", "snapshot_schedule", "VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE"),
    ):
        if vm.pool.db.has(cls, vm.row[field]):
            return Failure(code, vm.ref, vm.row[field])
    return None


def _system_domain(vm: Subject, op: str, strict: bool) -> Failure | None:
    if op != "query_services" or _yes(vm.row["other_config"].get("is_system_domain", "")):
        return None
    return Failure("NOT_SYSTEM_DOMAIN", vm.ref)


def _upgrade(vm: Subject, op: str, strict: bool) -> Failure | None:
    """During a rolling upgrade only some operations go on."""
    if op in DURING_UPGRADE or not vm.pool.rolling_upgrade():
        return None
    return Failure("NOT_SUPPORTED_DURING_UPGRADE")


def _vtpm(vm: Subject, op: str, strict: bool) -> Failure | None:
    count = len(vm.row["VTPMs"])
    return Failure("VTPM_MAX_AMOUNT_REACHED", count) if op == "create_vtpm" and count else None


def _yes(text: str) -> bool:
    return text == "1" or text.lower() == "true"


CHECKS: Final[tuple[Check, ...]] = (
    _blocked, _power_state, _busy, _template, _snapshot, _kind, _immobile, _control_domain, _feature, _quiesce,
    _on_boot, _pci, _vgpu, _vusb, _bound, _system_domain, _upgrade, _vtpm,
)  # fmt: skip


def error(vm: Subject, op: str, *, strict: bool) -> Failure | None:
    """Why `op` may not begin now; None if it may."""
    for check in CHECKS:
        failure = check(vm, op, strict)
        if failure is not None:
            return failure
    return None


def assert_valid(pool: Pool, ref: str, op: str, *, strict: bool = True, ignore: str = NULL) -> None:
    failure = error(Subject.of(pool, ref, ignore), op, strict=strict)
    if failure is not None:
        raise failure


def listed(pool: Pool) -> list[str]:
    """What allowed_operations of this release may name."""
    words = pool.schema.enums["vm_operations"]
    if not pool.profile.at_least("24.14.0"):
        return [op for op in LISTED if op in words]
    return [op for op in words if op not in NEVER_LISTED]


def allowed(pool: Pool, ref: str) -> list[str]:
    vm = Subject.of(pool, ref)
    return [op for op in listed(pool) if error(vm, op, strict=True) is None]


def disks(pool: Pool, vm: Row, *, cds: bool = False) -> list[Row]:
    """The VDIs of a VM's non-empty VBDs, without those of its CD drives unless asked for."""
    return [pool.db.row("VDI", ref) for ref in disk_refs(pool, vm, cds=cds)]


def disk_refs(pool: Pool, vm: Row, *, cds: bool = False) -> list[str]:
    refs = []
    for ref in vm["VBDs"]:
        vbd = pool.db.find("VBD", ref)
        if vbd and not vbd["empty"] and (cds or vbd["type"] != "CD") and pool.db.has("VDI", vbd["VDI"]):
            refs.append(vbd["VDI"])
    return refs
