"""The gate in front of every VM operation: the first check that fails names the error.

Source: xapi 24.10–26.17, xapi_vm_lifecycle.ml:439-760; research sheet, section 4 (the numbers in the docstrings).
The same checks, strict, fill `VM.allowed_operations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.tables import Row

if TYPE_CHECKING:
    from xsmigui.simulator.pool import Pool

ANY: Final = ("halted", "suspended", "running", "paused")
_RUNNING: Final = ("running",)

# LC, allowed_power_states: in the order in which the refusal lists them
POWER_STATES: Final[dict[str, tuple[str, ...]]] = {
    "start": ("halted",), "start_on": ("halted",), "provision": ("halted",), "make_into_template": ("halted",),
    "clone": ("halted",), "copy": ("halted",), "changing_static_range": ("halted",),
    "changing_shadow_memory": ("halted",), "changing_NVRAM": ("halted",), "changing_VCPUs": ("halted", "suspended"),
    "create_vtpm": ("halted",), "set_suspend_VDI": ("suspended",),
    "export": ("halted", "suspended"), "destroy": ("halted", "suspended"),
    "resume": ("suspended",), "resume_on": ("suspended",), "csvm": ("suspended",), "unpause": ("paused",),
    "pause": _RUNNING, "suspend": _RUNNING, "checkpoint": _RUNNING, "clean_shutdown": _RUNNING,
    "clean_reboot": _RUNNING, "pool_migrate": _RUNNING, "changing_VCPUs_live": _RUNNING, "send_sysrq": _RUNNING,
    "send_trigger": _RUNNING, "call_plugin": _RUNNING, "data_source_op": ("running", "paused"),
    "changing_memory_live": _RUNNING, "awaiting_memory_live": _RUNNING, "changing_shadow_memory_live": _RUNNING,
    "snapshot_with_quiesce": _RUNNING, "changing_dynamic_range": ("halted", "running"),
    "changing_memory_limits": ("halted", "running"), "hard_reboot": ("paused", "running"),
    "hard_shutdown": ("paused", "suspended", "running"), "shutdown": ("paused", "suspended", "running"),
    "migrate_send": ("halted", "suspended", "running"), "sysprep": _RUNNING,
}  # fmt: skip

# What allowed_operations may list at all (LC, update_allowed_operations).
LISTED: Final = (
    "create_vtpm", "changing_NVRAM", "changing_dynamic_range", "changing_shadow_memory", "changing_static_range",
    "make_into_template", "migrate_send", "pool_migrate", "destroy", "export", "changing_VCPUs_live", "suspend",
    "hard_reboot", "hard_shutdown", "clean_reboot", "clean_shutdown", "pause", "unpause", "resume", "resume_on",
    "start_on", "start", "provision", "clone", "copy", "checkpoint", "revert", "snapshot",
)  # fmt: skip

_TEMPLATE: Final = frozenset({
    "changing_NVRAM", "changing_dynamic_range", "changing_shadow_memory", "changing_static_range", "provision",
    "export", "clone", "copy", "destroy", "metadata_export", "changing_memory_limits", "changing_VCPUs",
    "assert_operation_valid", "update_allowed_operations", "get_boot_record",
})  # fmt: skip
_SNAPSHOT: Final = frozenset({
    "destroy", "clone", "copy", "export", "revert", "provision", "metadata_export", "update_allowed_operations",
    "assert_operation_valid",
})  # fmt: skip
_DOM0_ALLOWED: Final = frozenset({
    "changing_dynamic_range", "changing_static_range", "changing_memory_limits", "changing_VCPUs",
    "assert_operation_valid", "update_allowed_operations", "metadata_export", "data_source_op",
})  # fmt: skip
_MOBILE: Final = frozenset({"suspend", "checkpoint", "pool_migrate", "migrate_send"})
_FEATURE_OF: Final = {
    "clean_shutdown": ("feature-shutdown", "VM_LACKS_FEATURE_SHUTDOWN"),
    "clean_reboot": ("feature-reboot", "VM_LACKS_FEATURE_SHUTDOWN"),
    "suspend": ("feature-suspend", "VM_LACKS_FEATURE_SUSPEND"),
    "checkpoint": ("feature-suspend", "VM_LACKS_FEATURE_SUSPEND"),
    "pool_migrate": ("feature-suspend", "VM_LACKS_FEATURE_SUSPEND"),
    "migrate_send": ("feature-suspend", "VM_LACKS_FEATURE_SUSPEND"),
    "changing_VCPUs_live": ("feature-vcpu-hotplug", "VM_LACKS_FEATURE_VCPU_HOTPLUG"),
}
_LONG_COPIES: Final = frozenset({"clone", "copy", "export"})
_SNAPSHOTS: Final = frozenset({"snapshot", "checkpoint"})
# Helpers.rpu_allowed_vm_operations
DURING_UPGRADE: Final = frozenset({
    "assert_operation_valid", "changing_memory_live", "awaiting_memory_live", "clean_reboot", "clean_shutdown", "clone",
    "copy", "destroy", "export", "hard_reboot", "hard_shutdown", "import", "make_into_template", "metadata_export",
    "pause", "pool_migrate", "migrate_send", "resume", "resume_on", "start", "start_on", "suspend", "unpause",
    "update_allowed_operations", "changing_dynamic_range", "changing_static_range", "changing_memory_limits",
})  # fmt: skip


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
    def implicitly_able(self) -> bool:
        """Booted PV or PVH, or any PV driver seen (VM_metrics.current_domain_type, PV_drivers_version)."""
        booted = self.metrics["current_domain_type"] if self.metrics else "unspecified"
        if booted in {"pv", "pvh", "pv_in_pvh"}:
            return True
        drivers = self.guest["PV_drivers_version"] if self.guest else {}
        return "major" in drivers and "minor" in drivers


Check = Callable[[Subject, str, bool], Failure | None]


def _blocked(vm: Subject, op: str, strict: bool) -> Failure | None:
    """1. blocked_operations has the operation."""
    blocked = vm.row["blocked_operations"]
    return Failure("OPERATION_BLOCKED", vm.ref, blocked[op]) if op in blocked else None


def _power_state(vm: Subject, op: str, strict: bool) -> Failure | None:
    """2. Power state; both sides in lower case, the expected ones joined with a comma and a blank."""
    wanted = POWER_STATES.get(op, ANY)
    if op == "changing_static_range" and vm.row["is_control_domain"]:
        wanted = ("halted", "running")
    if vm.row["is_a_snapshot"] and op in {"clone", "copy", "export"}:
        wanted = ("halted", "suspended")  # a checkpoint has memory and can be copied
    return None if vm.state in wanted else Failure("VM_BAD_POWER_STATE", vm.ref, ", ".join(wanted), vm.state)


def allowed_concurrently(op: str, current: list[str]) -> bool:
    """What may run beside what (LC:115-165)."""
    if not current:
        return True
    if op == "hard_shutdown":
        return "hard_shutdown" not in current
    if op == "hard_reboot":
        return not {"hard_shutdown", "hard_reboot"} & set(current)
    if op in {"metadata_export", "clean_shutdown", "clean_reboot"}:
        return current == ["migrate_send"]
    family = next((f for f in (_LONG_COPIES, _SNAPSHOTS) if op in f), frozenset())
    return bool(family) and set(current) <= family


def _busy(vm: Subject, op: str, strict: bool) -> Failure | None:
    """3. Another operation is under way: class, reference, operation and task, several in braces."""
    current = vm.current
    if not current or allowed_concurrently(op, list(current.values())):
        return None
    return other_operation("VM", vm.ref, current)


def other_operation(cls: str, ref: str, current: dict[str, str]) -> Failure:
    names, tasks = list(current.values()), list(current)
    shown = (names[0], tasks[0]) if len(names) == 1 else (f"{{{','.join(names)}}}", f"{{{','.join(tasks)}}}")
    return Failure("OTHER_OPERATION_IN_PROGRESS", cls, ref, *shown)


def _template(vm: Subject, op: str, strict: bool) -> Failure | None:
    """4. Templates (not snapshots); only default ones refuse migrate_send."""
    row = vm.row
    if not row["is_a_template"] or row["is_a_snapshot"]:
        # A VM that is none cannot be provisioned.
        return Failure("ONLY_PROVISION_TEMPLATE") if op == "provision" and not row["is_a_snapshot"] else None
    default = row["is_default_template"] or row["other_config"].get("default_template") == "true"
    custom = not default and op in {"migrate_send", "snapshot"}
    if default and op == "destroy":
        return Failure("VM_IS_TEMPLATE", vm.ref, op)
    return None if op in _TEMPLATE or custom else Failure("VM_IS_TEMPLATE", vm.ref, op)


def _snapshot(vm: Subject, op: str, strict: bool) -> Failure | None:
    """5. Snapshots can be destroyed, copied, exported and reverted to."""
    if vm.row["is_a_snapshot"]:
        return None if op in _SNAPSHOT else Failure("VM_IS_SNAPSHOT", vm.ref, op)
    return Failure("ONLY_REVERT_SNAPSHOT") if op == "revert" else None


def _immobile(vm: Subject, op: str, strict: bool) -> Failure | None:
    """6. nomigrate or nested virtualisation; not asked where force made the gate lenient."""
    if not strict or op not in _MOBILE:
        return None
    if vm.metrics is not None:
        fixed = vm.metrics["nomigrate"] or vm.metrics["nested_virt"]
    else:
        platform = vm.row["platform"]
        fixed = platform.get("nomigrate") == "true" or platform.get("nested-virt") == "true"
    return Failure("VM_IS_IMMOBILE", vm.ref) if fixed else None


def _control_domain(vm: Subject, op: str, strict: bool) -> Failure | None:
    """7. dom0."""
    if not vm.row["is_control_domain"] or op in _DOM0_ALLOWED:
        return None
    return Failure("OPERATION_NOT_ALLOWED", "This operation is not allowed on a control domain")


def _cannot_suspend(vm: Subject, op: str, strict: bool) -> Failure | None:
    """8. The guest says why it cannot be suspended (since 25.24); force does not help."""
    profile = vm.pool.profile
    if op not in _MOBILE or vm.guest is None or not profile.knows_cant_suspend:
        return None
    if not vm.live and profile.tools_matter_only_live:
        return None
    reason = vm.guest["other"].get("data-cant-suspend-reason")
    return Failure("VM_NON_SUSPENDABLE", vm.ref, reason) if reason is not None else None


def _lacks_feature(vm: Subject, op: str, strict: bool) -> Failure | None:
    """9. A live HVM guest without tools; strict only."""
    wanted = _FEATURE_OF.get(op)
    if wanted is None or not strict or not vm.live or vm.implicitly_able or vm.row["is_control_domain"]:
        return None
    feature, old_code = wanted
    if vm.feature(feature):
        return None
    code = "VM_LACKS_FEATURE" if vm.pool.profile.at_least("1.250.0") else old_code
    return Failure(code, vm.ref)


def _on_boot_cached(vm: Subject, op: str, strict: bool) -> Failure | None:
    """10. A disk that resets at boot and is cached; both are read from sm_config (pool_migrate only)."""
    if op not in {"pool_migrate", "suspend", "checkpoint", "snapshot"}:
        return None
    for vdi in disks(vm.pool, vm.row):
        config = vdi["sm_config"]
        if config.get("on_boot") == "reset" and "caching" in config:
            return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    return None


def _pci(vm: Subject, op: str, strict: bool) -> Failure | None:
    """11. PCI devices in the domain, other than those of NVIDIA SR-IOV vGPUs."""
    if op not in _MOBILE or not vm.row["attached_PCIs"]:
        return None
    own = {g["PCI"] for g in _vgpus(vm) if _nvidia(vm, g) == "nvidia_sriov"}
    return Failure("VM_HAS_PCI_ATTACHED", vm.ref) if set(vm.row["attached_PCIs"]) - own else None


def _vgpu(vm: Subject, op: str, strict: bool) -> Failure | None:
    """12. vGPUs: NVIDIA's move where their metadata is known; any do in a halted VM."""
    if op not in _MOBILE or not vm.row["VGPUs"] or (op == "migrate_send" and vm.state == "halted"):
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
    """13. Virtual USB devices."""
    return Failure("VM_HAS_VUSBS", vm.ref) if op in _MOBILE | {"snapshot"} and vm.row["VUSBs"] else None


def _upgrade(vm: Subject, op: str, strict: bool) -> Failure | None:
    """14. During a rolling upgrade only some operations go on."""
    if op in DURING_UPGRADE or not vm.pool.rolling_upgrade():
        return None
    return Failure("NOT_SUPPORTED_DURING_UPGRADE")


CHECKS: Final[tuple[Check, ...]] = (
    _blocked, _power_state, _busy, _template, _snapshot, _immobile, _control_domain, _cannot_suspend, _lacks_feature,
    _on_boot_cached, _pci, _vgpu, _vusb, _upgrade,
)  # fmt: skip
_ALWAYS: Final = frozenset({"assert_operation_valid", "update_allowed_operations"})


def error(vm: Subject, op: str, *, strict: bool) -> Failure | None:
    """Why `op` may not begin now; None if it may."""
    if op in _ALWAYS:
        return None
    for check in CHECKS:
        failure = check(vm, op, strict)
        if failure is not None:
            return failure
    return None


def assert_valid(pool: Pool, ref: str, op: str, *, strict: bool = True, ignore: str = NULL) -> None:
    failure = error(Subject.of(pool, ref, ignore), op, strict=strict)
    if failure is not None:
        raise failure


def allowed(pool: Pool, ref: str) -> list[str]:
    vm = Subject.of(pool, ref)
    return [op for op in LISTED if error(vm, op, strict=True) is None]


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
