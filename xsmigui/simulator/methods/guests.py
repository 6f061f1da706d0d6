"""VM: what a VM is (memory, CPUs, template), questions about it, copies and snapshots of it, and its end."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.memory import memory_overhead
from xsmigui.simulator.guests import remove_vdi, room, space_for
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

DISK_SPEED: Final = 200e6  # bytes a second
EPOCH: Final = "19700101T00:00:00Z"


def gate(call: Call, vm: str, op: str, *, strict: bool = True) -> None:
    vm_gate.assert_valid(call.pool, vm, op, strict=strict, ignore=call.task)


@method("VM.assert_operation_valid")
def assert_operation_valid(call: Call, vm: str, op: str) -> None:
    vm_gate.assert_valid(call.pool, vm, op, strict=True)


@method("VM.update_allowed_operations")
def update_allowed(call: Call, vm: str) -> None:
    call.db.row("VM", vm)
    call.pool.stale.discard(vm)
    call.db.dirty.add(("VM", vm))


@method("VM.assert_can_boot_here")
def assert_can_boot_here(call: Call, vm: str, host: str) -> None:
    row = call.db.row("VM", vm)
    if row["power_state"] == "Halted":
        features.assert_enabled(call.pool, "VM_start")
    if call.pool.rolling_upgrade() and not host_gate.same_as_coordinator(call.pool, call.db.row("host", host)):
        raise Failure("VM_HOST_INCOMPATIBLE_VERSION", host, vm)
    host_gate.assert_can_boot_here(call.pool, vm, host)


@method("VM.get_possible_hosts")
def possible_hosts(call: Call, vm: str) -> list[str]:
    return host_gate.possible(call.pool, vm)


@method("VM.assert_agile")
def assert_agile(call: Call, vm: str) -> None:
    host_gate.assert_agile(call.pool, vm)


# -- beginning and end -------------------------------------------------------------------------------------------------


@method("VM.destroy")
async def destroy(call: Call, vm: str) -> None:
    async with operation(call, "VM", vm, "destroy", lambda: gate(call, vm, "destroy")):
        if call.db.get("VM", vm, "other_config").get("default_template") == "true":
            raise Failure("VM_CANNOT_DELETE_DEFAULT_TEMPLATE")
        await call.pause(0.5, cancellable=False)
    bury(call.pool, vm, image=False)


@method("VM.create")
def create(call: Call, struct: Row) -> str:
    db = call.db
    values = constructor_values(db, "VM", struct)
    suspended = values.get("power_state") == "Suspended"
    image = values.get("suspend_VDI", NULL)
    if suspended and (not values.get("last_boot_CPU_flags") or not values.get("last_booted_record") or image == NULL):
        raise Failure("VM_BAD_POWER_STATE", db.new_ref(), "halted", "suspended")
    values |= {"power_state": "Suspended" if suspended else "Halted", "suspend_VDI": image if suspended else NULL}
    values["other_config"] = {"mac_seed": db.new_uuid(), **values.get("other_config", {})}
    kind = values.get("domain_type", "unspecified")
    if kind == "unspecified":
        kind = domain_type(values.get("HVM_boot_policy", ""))
    values |= {
        "domid": -1, "domain_type": kind, "blocked_operations": {}, "is_default_template": False,
        "metrics": db.create("VM_metrics", {"VCPUs_utilisation": {0: 0.0}} | (
            {"current_domain_type": kind} if suspended else {}
        )),
    }  # fmt: skip
    vm = db.create("VM", values)
    update_hardware(call, vm)
    return vm


def domain_type(policy: str) -> str:
    return "hvm" if policy else "pv"


def update_hardware(call: Call, vm: str) -> None:
    row = call.db.row("VM", vm)
    least = HARDWARE_OF_VENDOR_DEVICE if row["has_vendor_device"] else 0
    version = max(row["hardware_platform_version"], least)
    call.db.set("VM", vm, hardware_platform_version=version, memory_overhead=memory_overhead(call.pool.profile, row))


HARDWARE_OF_VENDOR_DEVICE: Final = 2  # xapi_globs.ml, has_vendor_device


def bury(pool: Pool, vm: str, *, image: bool = True) -> None:
    """Removes a VM with its drives and interfaces, and its memory image if it is asked for; its disks stay."""
    db = pool.db
    row = db.row("VM", vm)
    if image and db.has("VDI", row["suspend_VDI"]):
        remove_vdi(pool, row["suspend_VDI"])
    for child in row["children"]:
        if db.has("VM", child):
            db.set("VM", child, parent=row["parent"])
    for cls, field in (
        ("VBD", "VBDs"),
        ("VIF", "VIFs"),
        ("VTPM", "VTPMs"),
        ("VGPU", "VGPUs"),
        ("VUSB", "VUSBs"),
        ("console", "consoles"),
    ):
        for ref in list(row[field]):
            if db.has(cls, ref):
                db.delete(cls, ref)
    for snap in list(row["snapshots"]):
        db.set("VM", snap, snapshot_of=NULL)
    for cls, field in (("VM_metrics", "metrics"), ("VM_guest_metrics", "guest_metrics")):
        if db.has(cls, row[field]):
            db.delete(cls, row[field])
    db.delete("VM", vm)
    pool.scheduled.discard(vm)


def suspend_image(pool: Pool, vm: str) -> Row:
    """The disk that takes a guest's memory, on the SR that is meant for it."""
    row = pool.db.row("VM", vm)
    host = pool.db.find("host", row["resident_on"])
    candidates = [row["suspend_SR"], pool.row["suspend_image_SR"], host["suspend_image_sr"] if host else NULL]
    sr = next((s for s in candidates if pool.db.has("SR", s)), None) or pool.row["default_SR"]
    if not pool.db.has("SR", sr):
        raise Failure("VM_NO_SUSPEND_SR", vm)
    size = row["memory_static_max"] + row["memory_overhead"]
    space = space_for(pool, sr, size, row["memory_target"])
    if room(pool, sr) < space:
        raise Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")
    return {
        "name_label": "Suspend image", "name_description": "Memory of a suspended VM", "SR": sr, "virtual_size": size,
        "physical_utilisation": space, "type": "suspend", "sharable": False, "read_only": False,
    }  # fmt: skip
