"""VM: what a VM is (memory, CPUs, template), questions about it, copies and snapshots of it, and its end."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.memory import memory_overhead
from xsmigui.simulator.guests import add_vdi, halt, remove_vdi, room, space_for
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

DISK_SPEED: Final = 200e6  # bytes a second
GIB: Final = 1 << 30


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
    row, there = call.db.row("VM", vm), call.db.row("host", host)
    if call.pool.rolling_upgrade():
        home = row["resident_on"] if call.db.has("host", row["resident_on"]) else call.pool.master
        if not host_gate.not_older(call.pool, call.db.row("host", home), there):
            raise Failure("VM_HOST_INCOMPATIBLE_VERSION", host, vm)
    host_gate.assert_can_boot_here(call.pool, vm, host)


@method("VM.get_possible_hosts")
def possible_hosts(call: Call, vm: str) -> list[str]:
    return host_gate.possible(call.pool, vm)


@method("VM.assert_agile")
def assert_agile(call: Call, vm: str) -> None:
    host_gate.assert_agile(call.pool, vm)


@method("VM.compute_memory_overhead")
def compute_overhead(call: Call, vm: str) -> int:
    return memory_overhead(call.pool.profile, call.db.row("VM", vm))


@method("VM.get_allowed_VBD_devices")
def vbd_devices(call: Call, vm: str) -> list[str]:
    taken = {call.db.get("VBD", v, "userdevice") for v in call.db.get("VM", vm, "VBDs")}
    return [str(n) for n in range(255) if str(n) not in taken]


@method("VM.get_allowed_VIF_devices")
def vif_devices(call: Call, vm: str) -> list[str]:
    taken = {call.db.get("VIF", v, "device") for v in call.db.get("VM", vm, "VIFs")}
    most = 16 if call.pool.profile.at_least("25.29.0") else 7  # xapi_vm_helpers.ml, allowed_VIF_devices_HVM
    return [str(n) for n in range(most) if str(n) not in taken]


# -- what a VM is ------------------------------------------------------------------------------------------------------


@method("VM.set_memory_limits")
def set_memory_limits(call: Call, vm: str, static_min: int, static_max: int, dyn_min: int, dyn_max: int) -> None:
    if not static_min <= dyn_min <= dyn_max <= static_max:
        raise Failure("MEMORY_CONSTRAINT_VIOLATION_ORDER")
    gate(call, vm, "changing_memory_limits")
    call.db.set(
        "VM", vm, memory_static_min=static_min, memory_static_max=static_max, memory_dynamic_min=dyn_min,
        memory_dynamic_max=dyn_max, memory_target=dyn_max,
    )  # fmt: skip
    _overhead(call, vm)


def _overhead(call: Call, vm: str) -> None:
    call.db.set("VM", vm, memory_overhead=memory_overhead(call.pool.profile, call.db.row("VM", vm)))


@method("VM.set_memory")
def set_memory(call: Call, vm: str, value: int) -> None:
    set_memory_limits(call, vm, call.db.get("VM", vm, "memory_static_min"), value, value, value)


@method("VM.set_memory_dynamic_range")
def set_dynamic_range(call: Call, vm: str, low: int, high: int) -> None:
    gate(call, vm, "changing_dynamic_range")
    row = call.db.row("VM", vm)
    if not row["memory_static_min"] <= low <= high <= row["memory_static_max"]:
        raise Failure("MEMORY_CONSTRAINT_VIOLATION_ORDER")
    call.db.set("VM", vm, memory_dynamic_min=low, memory_dynamic_max=high, memory_target=high)


@method("VM.set_memory_static_range")
def set_static_range(call: Call, vm: str, low: int, high: int) -> None:
    gate(call, vm, "changing_static_range")
    row = call.db.row("VM", vm)
    set_memory_limits(call, vm, low, high, max(low, row["memory_dynamic_min"]), min(high, row["memory_dynamic_max"]))


@method("VM.set_VCPUs_max")
def set_vcpus_max(call: Call, vm: str, value: int) -> None:
    gate(call, vm, "changing_VCPUs")
    if value < call.db.get("VM", vm, "VCPUs_at_startup"):
        raise Failure("INVALID_VALUE", "VCPU values must satisfy: 0 < VCPUs_at_startup <= VCPUs_max", value)
    call.db.set("VM", vm, VCPUs_max=value)
    _overhead(call, vm)


@method("VM.set_VCPUs_at_startup")
def set_vcpus_at_startup(call: Call, vm: str, value: int) -> None:
    gate(call, vm, "changing_VCPUs")
    call.db.set("VM", vm, VCPUs_at_startup=value)


@method("VM.set_is_a_template")
def set_is_a_template(call: Call, vm: str, value: bool) -> None:
    if value:
        gate(call, vm, "make_into_template")
    call.db.set("VM", vm, is_a_template=value)


@method("VM.set_suspend_VDI")
def set_suspend_vdi(call: Call, vm: str, vdi: str) -> None:
    gate(call, vm, "set_suspend_VDI")
    call.db.set("VM", vm, suspend_VDI=vdi)


@method("VM.create")
def create(call: Call, struct: Row) -> str:
    values = constructor_values(call.db, "VM", struct)
    values["power_state"] = "Halted"
    values.setdefault("other_config", {})
    values["other_config"] = {"mac_seed": call.db.new_uuid(), **values["other_config"]}
    values["metrics"] = call.db.create("VM_metrics", {})
    values["domid"] = -1
    if values.get("domain_type", "unspecified") == "unspecified":
        values["domain_type"] = "hvm" if values.get("HVM_boot_policy") else "pv"
    vm = call.db.create("VM", values)
    _overhead(call, vm)
    return vm


@method("VM.provision")
async def provision(call: Call, vm: str) -> None:
    gate(call, vm, "provision")
    async with operation(call, "VM", vm, "provision", lambda: gate(call, vm, "provision")):
        await call.pause(2)
        call.db.set("VM", vm, is_a_template=False)


# -- snapshots, clones and copies --------------------------------------------------------------------------------------


def fork(pool: Pool, vm: str, name: str, disks: dict[str, str], *, snapshot: bool, overrides: Row | None = None) -> str:
    """A second VM like the first, with `disks` in the place of its own; CDs stay in both."""
    db = pool.db
    row = db.row("VM", vm)
    drop = {
        "uuid", "VBDs", "VIFs", "snapshots", "children", "consoles", "VTPMs", "VGPUs", "VUSBs", "attached_PCIs",
        "crash_dumps", "blobs", "metrics", "guest_metrics", "current_operations", "allowed_operations", "suspend_VDI",
        "resident_on", "scheduled_to_be_resident_on", "domid", "snapshot_of", "parent", "appliance", "groups",
    }  # fmt: skip
    copied = {k: v for k, v in row.items() if k not in drop}
    metrics = {k: v for k, v in (db.find("VM_metrics", row["metrics"]) or {}).items() if k != "uuid"}
    role: Row = {"other_config": {**row["other_config"], "mac_seed": db.new_uuid()}, "is_default_template": False}
    if snapshot:
        role = {"is_a_snapshot": True, "is_a_template": True, "snapshot_of": vm, "snapshot_time": pool.clock.date()}
    new = db.create("VM", {
        **copied, "name_label": name, "power_state": "Halted", "domid": -1, "blocked_operations": {},
        "metrics": db.create("VM_metrics", metrics), "ha_always_run": False,
        **role, **(overrides or {}),
    })  # fmt: skip
    for ref in row["VBDs"]:
        vbd = db.row("VBD", ref)
        db.create("VBD", {
            **{k: v for k, v in vbd.items() if k not in _OWN}, "VM": new, "VDI": disks.get(vbd["VDI"], vbd["VDI"]),
            "currently_attached": False,
        })  # fmt: skip
    for ref in row["VIFs"]:
        vif = db.row("VIF", ref)
        mac = vif["MAC"] if snapshot else new_mac(pool)
        db.create("VIF", {
            **{k: v for k, v in vif.items() if k not in _OWN}, "VM": new, "MAC": mac, "currently_attached": False,
        })  # fmt: skip
    return new


_OWN: Final = frozenset({"uuid", "current_operations", "allowed_operations"})


def new_mac(pool: Pool) -> str:
    return ":".join(f"{b:02x}" for b in (0x52 & 0xFE | 0x02, *pool.db.random.randbytes(5)))


def snapshot_vdi(pool: Pool, vdi: str) -> str:
    """A snapshot of a disk: as large as it, and what has been written so far belongs to it."""
    row = pool.db.row("VDI", vdi)
    kept = ("name_label", "name_description", "SR", "virtual_size", "type", "sharable", "read_only", "tags", "on_boot")
    return add_vdi(pool, {
        **{k: row[k] for k in kept}, "is_a_snapshot": True, "snapshot_of": vdi, "snapshot_time": pool.clock.date(),
        "physical_utilisation": min(row["physical_utilisation"], space_for(pool, row["SR"], 0, 64 << 20)),
        "cbt_enabled": row["cbt_enabled"], "other_config": dict(row["other_config"]),
    }, pool.contents.read(pool, vdi))  # fmt: skip


def _check_room(pool: Pool, disks: list[str]) -> None:
    for vdi in disks:
        sr = pool.db.get("VDI", vdi, "SR")
        if room(pool, sr) < space_for(pool, sr, 0, 64 << 20):
            raise Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")


@method("VM.snapshot")
async def snapshot(call: Call, vm: str, name: str, ignore_vdis: list[str] | None = None) -> str:
    async with operation(call, "VM", vm, "snapshot", lambda: gate(call, vm, "snapshot")):
        await call.pause(1)
        disks = [d for d in vm_gate.disk_refs(call.pool, call.db.row("VM", vm)) if d not in (ignore_vdis or [])]
        _check_room(call.pool, disks)
        return fork(call.pool, vm, name, {d: snapshot_vdi(call.pool, d) for d in disks}, snapshot=True)


@method("VM.checkpoint")
async def checkpoint(call: Call, vm: str, name: str) -> str:
    async with operation(call, "VM", vm, "checkpoint", lambda: gate(call, vm, "checkpoint")):
        row = call.db.row("VM", vm)
        await call.pause(row["memory_target"] / DISK_SPEED)
        disks = vm_gate.disk_refs(call.pool, row)
        image = add_vdi(call.pool, suspend_image(call.pool, vm))
        new = fork(call.pool, vm, name, {d: snapshot_vdi(call.pool, d) for d in disks}, snapshot=True)
        call.db.set("VM", new, power_state="Suspended", suspend_VDI=image)
        return new


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


@method("VM.revert")
async def revert(call: Call, snap: str) -> None:
    """The VM is switched off first, whatever it does; from a checkpoint it comes back suspended."""
    vm = call.db.get("VM", snap, "snapshot_of")
    async with (
        operation(call, "VM", snap, "revert", lambda: gate(call, snap, "revert")),
        operation(call, "VM", vm, "reverting", lambda: gate(call, vm, "reverting")),
    ):
        await call.pause(2)
        _revert(call.pool, vm, snap)


def _revert(pool: Pool, vm: str, snap: str) -> None:
    db = pool.db
    if db.get("VM", vm, "power_state") != "Halted":
        halt(pool, vm)
    row, source = db.row("VM", vm), db.row("VM", snap)
    written = {d: db.get("VDI", d, "physical_utilisation") for d in vm_gate.disk_refs(pool, row)}
    for ref in list(row["VBDs"]):
        vbd = db.row("VBD", ref)
        if vbd["type"] != "CD" and db.has("VDI", vbd["VDI"]):
            remove_vdi(pool, vbd["VDI"])
        else:
            db.delete("VBD", ref)
    for ref in source["VBDs"]:
        vbd = db.row("VBD", ref)
        disk = vbd["VDI"]
        if vbd["type"] != "CD" and db.has("VDI", disk):
            origin = db.get("VDI", disk, "snapshot_of")
            space = written.get(origin, db.get("VDI", disk, "physical_utilisation"))
            new = duplicate(pool, disk, db.get("VDI", disk, "SR"), physical_utilisation=space)
            for other in [v for v, d in db.table("VDI").items() if origin != NULL and d["snapshot_of"] == origin]:
                db.set("VDI", other, snapshot_of=new)
            disk = new
        db.create("VBD", {**{k: v for k, v in vbd.items() if k not in _OWN}, "VM": vm, "VDI": disk})
    image = source["suspend_VDI"]
    if source["power_state"] == "Suspended" and db.has("VDI", image):
        copy_of = duplicate(pool, image, db.get("VDI", image, "SR"), type="suspend")
        db.set("VM", vm, power_state="Suspended", suspend_VDI=copy_of)
    db.set(
        "VM", vm, memory_static_max=source["memory_static_max"], memory_dynamic_min=source["memory_dynamic_min"],
        memory_dynamic_max=source["memory_dynamic_max"],
    )  # fmt: skip


def duplicate(pool: Pool, vdi: str, sr: str, **overrides: object) -> str:
    """A full copy of a disk on `sr`."""
    row = pool.db.row("VDI", vdi)
    kept = (
        "name_label", "name_description", "virtual_size", "type", "sharable", "other_config", "xenstore_data", "tags",
        "on_boot", "allow_caching",
    )  # fmt: skip
    return add_vdi(pool, {
        **{k: row[k] for k in kept}, "SR": sr, "read_only": False, "is_a_snapshot": False,
        "physical_utilisation": space_for(pool, sr, row["virtual_size"], row["physical_utilisation"]), **overrides,
    }, pool.contents.read(pool, vdi))  # fmt: skip


@method("VM.clone")
async def clone(call: Call, vm: str, name: str) -> str:
    async with operation(call, "VM", vm, "clone", lambda: gate(call, vm, "clone")):
        await call.pause(1)
        row = call.db.row("VM", vm)
        disks = {d: duplicate(call.pool, d, call.db.get("VDI", d, "SR")) for d in vm_gate.disk_refs(call.pool, row)}
        return fork(call.pool, vm, name, disks, snapshot=False, overrides=_no_snapshot(row))


def _no_snapshot(row: Row) -> Row:
    if not row["is_a_snapshot"]:
        return {}
    return {"is_a_snapshot": False, "is_a_template": False, "snapshot_of": NULL, "snapshot_time": "19700101T00:00:00Z"}


@method("VM.copy")
async def copy(call: Call, vm: str, name: str, sr: str) -> str:
    db, pool = call.db, call.pool
    async with operation(call, "VM", vm, "copy", lambda: gate(call, vm, "copy")):
        row = db.row("VM", vm)
        wanted = sr if db.has("SR", sr) else NULL
        if wanted != NULL and db.get("SR", wanted, "content_type") == "iso":
            raise Failure("OPERATION_NOT_ALLOWED", "Cannot copy a VM's disks to an ISO SR")
        made: dict[str, str] = {}
        disks = vm_gate.disk_refs(pool, row)
        call.cancellable(True)
        try:
            for n, disk in enumerate(disks):
                source = db.row("VDI", disk)
                place = wanted if wanted != NULL else source["SR"]
                space = space_for(pool, place, source["virtual_size"], source["physical_utilisation"])
                if room(pool, place) < space:
                    raise Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")
                for step in range(10):
                    await call.pause(source["physical_utilisation"] / DISK_SPEED / 10)
                    if pool.faults.fills(place, (step + 1) / 10):
                        raise Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")
                    call.progress((n + (step + 1) / 10) / len(disks))
                made[disk] = duplicate(pool, disk, place)
        except BaseException:
            for disk in made.values():
                remove_vdi(pool, disk)
            raise
        return fork(pool, vm, name, made, snapshot=False, overrides=_no_snapshot(row))


@method("VM.destroy")
async def destroy(call: Call, vm: str) -> None:
    async with operation(call, "VM", vm, "destroy", lambda: gate(call, vm, "destroy")):
        await call.pause(0.5, cancellable=False)
    bury(call.pool, vm)


def bury(pool: Pool, vm: str) -> None:
    """Removes a VM with its drives and interfaces, and the suspend image; its disks stay."""
    db = pool.db
    row = db.row("VM", vm)
    if db.has("VDI", row["suspend_VDI"]):
        remove_vdi(pool, row["suspend_VDI"])
    for cls, field in (("VBD", "VBDs"), ("VIF", "VIFs"), ("VTPM", "VTPMs"), ("VGPU", "VGPUs"), ("console", "consoles")):
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
