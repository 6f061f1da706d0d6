"""VM: snapshots, clones and copies of one, and the way back to a snapshot (xapi 24.10 and 26.17: xapi_vm_clone.ml,
xapi_vm_snapshot.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.vdi import sr_host
from xsmigui.simulator.guests import add_vdi, halt, remove_vdi, room, space_for
from xsmigui.simulator.methods.guests import DISK_SPEED, EPOCH, gate, suspend_image
from xsmigui.simulator.methods.interfaces import generated_mac
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.methods.notices import leave_message
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

Way = str  # clone, copy, snapshot, checkpoint
_OWN: Final = frozenset({"uuid", "current_operations", "allowed_operations", "metrics"})
_NOT_KEPT: Final = frozenset({
    "uuid", "VBDs", "VIFs", "VTPMs", "VGPUs", "VUSBs", "snapshots", "children", "consoles", "crash_dumps", "blobs",
    "attached_PCIs", "metrics", "guest_metrics", "current_operations", "allowed_operations", "blocked_operations",
    "suspend_VDI", "suspend_SR", "resident_on", "scheduled_to_be_resident_on", "domid", "domarch", "appliance",
    "groups", "snapshot_schedule", "protection_policy", "start_delay", "shutdown_delay", "order", "version",
    "requires_reboot", "pending_guidances", "pending_guidances_recommended", "pending_guidances_full",
    "recommended_guidances", "snapshot_metadata", "transportable_snapshot_id", "is_snapshot_from_vmpp",
    "is_vmss_snapshot",
})  # fmt: skip
# What a revert leaves as it is (xapi_vm_snapshot.ml, extended_do_not_copy)
_STAYS: Final = _NOT_KEPT - {
    "blocked_operations", "suspend_SR", "domarch", "appliance", "start_delay", "shutdown_delay", "order", "version",
    "requires_reboot", "pending_guidances", "pending_guidances_recommended", "pending_guidances_full",
    "recommended_guidances",
} | {
    "name_label", "is_a_snapshot", "is_a_template", "is_default_template", "snapshot_of", "snapshot_time", "parent",
    "power_state", "tags", "affinity", "snapshot_info", "other_config", "ha_always_run",
}  # fmt: skip


def fork(pool: Pool, vm: str, name: str, disks: dict[str, str], way: Way, image: str = NULL) -> str:
    """A second VM like the first, with `disks` in the place of its own; CDs stay in both."""
    db = pool.db
    row = db.row("VM", vm)
    snapshot = way in {"snapshot", "checkpoint"}
    state = _state(row["power_state"], way)
    values: Row = {
        **{k: v for k, v in row.items() if k not in _NOT_KEPT}, "name_label": name, "power_state": state, "domid": -1,
        "is_a_template": snapshot or row["is_a_template"], "is_default_template": False, "is_a_snapshot": snapshot,
        "snapshot_of": vm if snapshot else NULL, "snapshot_time": pool.clock.date() if snapshot else EPOCH,
        "snapshot_info": _info(row, snapshot), "parent": row["parent"] if snapshot else NULL, "ha_always_run": False,
        "other_config": _other_config(pool, row, snapshot), "metrics": db.create("VM_metrics", _metrics(pool, row)),
        "guest_metrics": _guest_metrics(pool, row), "suspend_VDI": image,
    }  # fmt: skip
    new = db.create("VM", {k: v for k, v in values.items() if k in pool.schema.classes["VM"].fields})
    if snapshot:
        db.set("VM", vm, parent=new)
    for ref in row["VBDs"]:
        if db.has("VBD", ref):
            _copy_drive(pool, ref, new, disks, attached=state == "Suspended")
    for ref in row["VIFs"]:
        if db.has("VIF", ref):
            copy_interface(pool, ref, new, keep=snapshot, attached=state == "Suspended")
    for ref in row["VGPUs"]:
        vgpu = db.row("VGPU", ref)
        kept = {k: v for k, v in vgpu.items() if k not in {"uuid", "resident_on", "scheduled_to_be_resident_on", "PCI"}}
        db.create("VGPU", {**kept, "VM": new, "currently_attached": False})
    for ref in row["VTPMs"]:
        db.create("VTPM", {**{k: v for k, v in db.row("VTPM", ref).items() if k not in _OWN}, "VM": new})
    return new


def _state(state: str, way: Way) -> str:
    """Only a checkpoint of a running VM, and whatever else is made from a suspended one, has a memory image."""
    if way == "checkpoint":
        return "Suspended" if state in {"Running", "Suspended"} else "Halted"
    return "Suspended" if state == "Suspended" and way != "snapshot" else "Halted"


def _info(row: Row, snapshot: bool) -> dict[str, str]:
    state = {"power-state-at-snapshot": row["power_state"]}
    return {"disk-snapshot-type": "crash_consistent", **state} if snapshot else state


def _other_config(pool: Pool, row: Row, snapshot: bool) -> dict[str, str]:
    """A copy has addresses of its own; what came from a template says from which."""
    found = {k: v for k, v in row["other_config"].items() if k not in {"default_template", "xensource_internal"}}
    if not snapshot:
        found = {**found, "mac_seed": pool.db.new_uuid()}
    if row["is_a_template"]:
        found.setdefault("base_template_name", row["name_label"])
    return found


def _metrics(pool: Pool, row: Row) -> Row:
    return {k: v for k, v in (pool.db.find("VM_metrics", row["metrics"]) or {}).items() if k != "uuid"}


def _guest_metrics(pool: Pool, row: Row) -> str:
    guest = pool.db.find("VM_guest_metrics", row["guest_metrics"])
    return (
        NULL if guest is None else pool.db.create("VM_guest_metrics", {k: v for k, v in guest.items() if k != "uuid"})
    )


def _copy_drive(pool: Pool, vbd: str, vm: str, disks: dict[str, str], *, attached: bool) -> None:
    row = pool.db.row("VBD", vbd)
    vdi = disks.get(row["VDI"], row["VDI"])
    config = dict(row["other_config"])
    if row["type"] == "Disk":
        config.setdefault("owner", "")  # these disks go with their VM (CA-58405)
    pool.db.create("VBD", {
        **{k: v for k, v in row.items() if k not in _OWN}, "VM": vm, "VDI": vdi, "empty": row["empty"] or vdi == NULL,
        "currently_attached": attached and row["currently_attached"], "other_config": config,
    })  # fmt: skip


def copy_interface(pool: Pool, vif: str, vm: str, *, keep: bool, attached: bool = False) -> str:
    row = pool.db.row("VIF", vif)
    values = {k: v for k, v in row.items() if k not in _OWN}
    seed = pool.db.get("VM", vm, "other_config").get("mac_seed")
    if not keep and seed is not None:
        number = int(row["device"]) if row["device"].isdecimal() else 0
        values |= {"MAC": generated_mac(number, seed), "MAC_autogenerated": True}
    return pool.db.create("VIF", {**values, "VM": vm, "currently_attached": attached and row["currently_attached"]})


# -- disks -------------------------------------------------------------------------------------------------------------


def snapshot_vdi(pool: Pool, vdi: str) -> str:
    """A snapshot of a disk: as large as it, and what has been written so far belongs to it."""
    row = pool.db.row("VDI", vdi)
    kept = ("name_label", "name_description", "SR", "virtual_size", "type", "sharable", "read_only", "tags", "on_boot")
    return add_vdi(pool, {
        **{k: row[k] for k in kept}, "is_a_snapshot": True, "snapshot_of": vdi, "snapshot_time": pool.clock.date(),
        "physical_utilisation": min(row["physical_utilisation"], space_for(pool, row["SR"], 0, 64 << 20)),
        "cbt_enabled": row["cbt_enabled"], "other_config": dict(row["other_config"]),
    }, pool.contents.read(pool, vdi))  # fmt: skip


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


def _check_room(pool: Pool, disks: list[str]) -> None:
    for vdi in disks:
        sr = pool.db.get("VDI", vdi, "SR")
        if room(pool, sr) < space_for(pool, sr, 0, 64 << 20):
            raise _full()


def _full() -> Failure:
    return Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")


def _image_of(pool: Pool, row: Row) -> str:
    """A copy of the memory image of a suspended VM."""
    image = row["suspend_VDI"]
    if not pool.db.has("VDI", image):
        return NULL
    return duplicate(pool, image, pool.db.get("VDI", image, "SR"), type="suspend")


# -- calls -------------------------------------------------------------------------------------------------------------


@method("VM.snapshot")
async def snapshot(call: Call, vm: str, name: str, ignore_vdis: list[str] | None = None) -> str:
    async with operation(call, "VM", vm, "snapshot", lambda: gate(call, vm, "snapshot")):
        await call.pause(1)
        left_out = set(ignore_vdis or [])
        disks = [d for d in vm_gate.disk_refs(call.pool, call.db.row("VM", vm)) if d not in left_out]
        _check_room(call.pool, disks)
        new = fork(call.pool, vm, name, {d: snapshot_vdi(call.pool, d) for d in disks}, "snapshot")
        for ref in call.db.get("VM", new, "VBDs"):
            if call.db.get("VBD", ref, "VDI") in left_out:
                call.db.delete("VBD", ref)
    leave_message(call, "VM_SNAPSHOTTED", vm, f"snapshotted, snapshot name: {name}")
    return new


@method("VM.checkpoint")
async def checkpoint(call: Call, vm: str, name: str) -> str:
    async with operation(call, "VM", vm, "checkpoint", lambda: gate(call, vm, "checkpoint")):
        features.assert_enabled(call.pool, "Checkpoint")
        row = call.db.row("VM", vm)
        running = row["power_state"] == "Running"
        await call.pause(row["memory_target"] / DISK_SPEED if running else 1)
        disks = vm_gate.disk_refs(call.pool, row)
        image = add_vdi(call.pool, suspend_image(call.pool, vm)) if running else _image_of(call.pool, row)
        new = fork(call.pool, vm, name, {d: snapshot_vdi(call.pool, d) for d in disks}, "checkpoint", image)
    leave_message(call, "VM_CHECKPOINTED", vm, f"checkpointed, snapshot name: {name}")
    return new


@method("VM.clone")
async def clone(call: Call, vm: str, name: str) -> str:
    async with operation(call, "VM", vm, "clone", lambda: gate(call, vm, "clone")):
        await call.pause(1)
        row = call.db.row("VM", vm)
        disks = {d: duplicate(call.pool, d, call.db.get("VDI", d, "SR")) for d in vm_gate.disk_refs(call.pool, row)}
        new = fork(call.pool, vm, name, disks, "clone", _image_of(call.pool, row))
        if row["is_a_snapshot"]:  # a clone of a checkpoint starts from the disks alone
            halt(call.pool, new)
        return new


@method("VM.csvm")
async def clone_suspended(call: Call, vm: str) -> str:
    """Its memory image is looked for before anything else."""
    call.db.get("VDI", call.db.get("VM", vm, "suspend_VDI"), "SR")
    async with operation(call, "VM", vm, "csvm", lambda: gate(call, vm, "csvm")):
        row = call.db.row("VM", vm)
        disks = {d: duplicate(call.pool, d, call.db.get("VDI", d, "SR")) for d in vm_gate.disk_refs(call.pool, row)}
        name = f"{row['name_label']}-cloned-suspended"
        new = fork(call.pool, vm, name, disks, "clone", _image_of(call.pool, row))
    leave_message(call, "VM_CLONED", vm, f"cloned (new uuid: {call.db.get('VM', new, 'uuid')})")
    return new


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
                    raise _full()
                for step in range(10):
                    await call.pause(source["physical_utilisation"] / DISK_SPEED / 10)
                    if pool.faults.fills(place, (step + 1) / 10):
                        raise _full()
                    call.progress((n + (step + 1) / 10) / len(disks))
                made[disk] = duplicate(pool, disk, place)
        except BaseException:
            for disk in made.values():
                remove_vdi(pool, disk)
            raise
        new = fork(pool, vm, name, made, "copy", _image_of(pool, row))
        if row["is_a_snapshot"] and db.get("VM", new, "power_state") != "Halted":
            halt(pool, new)
            leave_message(call, "VM_SHUTDOWN", new, "shutdown forcibly")
        return new


# -- back to a snapshot ------------------------------------------------------------------------------------------------


@method("VM.revert")
async def revert(call: Call, snap: str) -> None:
    """The VM is switched off first, whatever it does; from a checkpoint it comes back suspended. One that is gone is
    made again."""
    vm = call.db.get("VM", snap, "snapshot_of")
    if not call.db.has("VM", vm):
        vm = _from_snapshot(call.pool, snap)
    async with (
        operation(call, "VM", snap, "revert", lambda: gate(call, snap, "revert")),
        operation(call, "VM", vm, "reverting", lambda: gate(call, vm, "reverting")),
    ):
        _assert_image_in_sight(call, snap)
        if call.db.get("VM", vm, "power_state") != "Halted":
            gate(call, vm, "hard_shutdown")
            leave_message(call, "VM_SHUTDOWN", vm, "shutdown forcibly")
        await call.pause(2, cancellable=False)
        _revert(call.pool, vm, snap)
    row = call.db.row("VM", snap)
    leave_message(call, "VM_SNAPSHOT_REVERTED", vm, f"reverted to snapshot: {row['name_label']} (uuid {row['uuid']})")


def _assert_image_in_sight(call: Call, snap: str) -> None:
    """The memory image of a checkpoint must be there before the VM's disks are given up."""
    row = call.db.row("VM", snap)
    if row["power_state"] != "Suspended":
        return
    host = sr_host(call.pool, call.db.get("VDI", row["suspend_VDI"], "SR"))
    if not call.pool.live(host):
        raise Failure("HOST_NOT_LIVE", host)


def _from_snapshot(pool: Pool, snap: str) -> str:
    """A VM that was destroyed, out of one of its snapshots, which all belong to it again."""
    db = pool.db
    row = db.row("VM", snap)
    lost = row["snapshot_of"]
    kept = {k: v for k, v in row.items() if k not in _NOT_KEPT | {"parent"}}
    vm = db.create("VM", {
        **kept, "power_state": "Halted", "is_a_template": False, "is_a_snapshot": False, "is_default_template": False,
        "snapshot_of": NULL, "snapshot_time": EPOCH, "snapshot_info": {}, "domid": -1,
        "metrics": db.create("VM_metrics", {}),
    })  # fmt: skip
    for ref in [
        ref for ref, other in db.table("VM").items() if other["snapshot_of"] == lost and other["is_a_snapshot"]
    ]:
        db.set("VM", ref, snapshot_of=vm)
    return vm


def _revert(pool: Pool, vm: str, snap: str) -> None:
    db = pool.db
    if db.get("VM", vm, "power_state") != "Halted":
        halt(pool, vm)
    source = db.row("VM", snap)
    fields = pool.schema.classes["VM"].fields
    db.set("VM", vm, **{k: v for k, v in source.items() if k in fields and k not in _STAYS}, ha_always_run=False)
    _revert_drives(pool, vm, snap)
    for ref in list(db.get("VM", vm, "VIFs")):
        db.delete("VIF", ref)
    for ref in source["VIFs"]:
        if db.has("VIF", ref):
            copy_interface(pool, ref, vm, keep=True, attached=source["power_state"] == "Suspended")
    for ref in list(db.get("VM", vm, "VUSBs")):
        db.delete("VUSB", ref)
    db.set("VM", vm, parent=snap, power_state=source["power_state"], suspend_VDI=_image_of(pool, source))
    pool.contents.reverted(pool, db.row("VM", vm))


def _revert_drives(pool: Pool, vm: str, snap: str) -> None:
    db = pool.db
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
