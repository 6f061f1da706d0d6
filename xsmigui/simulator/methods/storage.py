"""VDI and SR: create, destroy, snapshot, resize, changed block tracking, scan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xsmigui.simulator import features
from xsmigui.simulator.content import EMPTY, rounded
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import vdi as gate
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.guests import account, add_vdi, remove_vdi, room, space_for, thick
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import enter, leave, operation
from xsmigui.simulator.methods.snapshots import duplicate, snapshot_vdi
from xsmigui.simulator.tables import Row


def check(call: Call, vdi: str, op: str) -> None:
    gate.assert_valid(call.pool, vdi, op, ignore=call.task)


@asynccontextmanager
async def on_disk(call: Call, vdi: str, op: str, sr_op: str = "") -> AsyncIterator[None]:
    """The SR is asked first, then the disk; both say what is done, and the SR's host does it (message_forwarding.ml,
    with_sr_andor_vdi, forward_vdi_op)."""
    sr = call.db.get("VDI", vdi, "SR")

    def may() -> None:
        if sr_op:
            gate.assert_sr(call.pool, sr, sr_op, ignore=call.task)
        check(call, vdi, op)

    async with operation(call, "VDI", vdi, op, may):
        if sr_op:
            enter(call, "SR", sr, sr_op)
        try:
            gate.reach_sr(call.pool, sr)
            yield
        finally:
            if sr_op:
                leave(call, "SR", sr)


@asynccontextmanager
async def on_sr(call: Call, sr: str, op: str) -> AsyncIterator[None]:
    async with operation(call, "SR", sr, op, lambda: gate.assert_sr(call.pool, sr, op, ignore=call.task)):
        yield


def full() -> Failure:
    return Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")


def _assert_managed(call: Call, vdi: str) -> None:
    if not call.db.get("VDI", vdi, "managed"):
        raise Failure("VDI_NOT_MANAGED", vdi)


@method("VDI.create")
async def create(call: Call, struct: Row) -> str:
    values = constructor_values(call.db, "VDI", struct)
    sr = values["SR"]
    async with on_sr(call, sr, "vdi_create"):
        gate.reach_sr(call.pool, sr)
        if values["type"] == "cbt_metadata":
            raise Failure("VDI_INCOMPATIBLE_TYPE", "", "cbt_metadata")
        space = space_for(call.pool, sr, values["virtual_size"], 0)
        if room(call.pool, sr) < space:
            raise full()
        await call.pause(0.5)
        return add_vdi(call.pool, {**values, "physical_utilisation": space}, EMPTY)


@method("VDI.destroy")
async def destroy(call: Call, vdi: str) -> None:
    async with on_disk(call, vdi, "destroy", "vdi_destroy"):
        _assert_managed(call, vdi)
        await call.pause(0.5, cancellable=False)
        remove_vdi(call.pool, vdi)


@method("VDI.forget")
def forget(call: Call, vdi: str) -> None:
    check(call, vdi, "forget")
    remove_vdi(call.pool, vdi)


@method("VDI.snapshot")
async def snapshot(call: Call, vdi: str, driver_params: dict[str, str] | None = None) -> str:
    async with on_disk(call, vdi, "snapshot", "vdi_snapshot"):
        _assert_managed(call, vdi)
        await call.pause(0.5)
        return snapshot_vdi(call.pool, vdi)


@method("VDI.clone")
async def clone(call: Call, vdi: str, driver_params: dict[str, str] | None = None) -> str:
    async with on_disk(call, vdi, "clone", "vdi_clone"):
        _assert_managed(call, vdi)
        await call.pause(0.5)
        return duplicate(call.pool, vdi, call.db.get("VDI", vdi, "SR"))


@method("VDI.resize")
@method("VDI.resize_online")
async def resize(call: Call, vdi: str, size: int) -> None:
    async with on_disk(call, vdi, call.message.name, "vdi_resize"):
        _assert_managed(call, vdi)
        row = call.db.row("VDI", vdi)
        if size < row["virtual_size"]:
            raise Failure("VDI_TOO_SMALL", vdi, row["virtual_size"])
        size = rounded(call.db.get("SR", row["SR"], "type"), row["sm_config"], size)
        grown = space_for(call.pool, row["SR"], size, row["physical_utilisation"])
        account(call.pool, row["SR"], grown - row["physical_utilisation"], size - row["virtual_size"])
        call.db.set("VDI", vdi, virtual_size=size, physical_utilisation=grown)
        call.pool.contents.extended(call.pool, vdi)


@method("VDI.enable_cbt")
async def enable_cbt(call: Call, vdi: str) -> None:
    async with on_disk(call, vdi, "enable_cbt", "vdi_enable_cbt"):
        features.assert_enabled(call.pool, "CBT")
        call.db.set("VDI", vdi, cbt_enabled=True)


@method("VDI.disable_cbt")
async def disable_cbt(call: Call, vdi: str) -> None:
    async with on_disk(call, vdi, "disable_cbt", "vdi_disable_cbt"):
        call.db.set("VDI", vdi, cbt_enabled=False)


@method("VDI.data_destroy")
async def data_destroy(call: Call, vdi: str) -> None:
    async with on_disk(call, vdi, "data_destroy", "vdi_data_destroy"):
        call.db.set("VDI", vdi, type="cbt_metadata")
        call.pool.contents.set(call.pool, vdi, EMPTY)


@method("VDI.list_changed_blocks")
async def list_changed_blocks(call: Call, vdi: str, other: str) -> str:
    """What has changed up to `other`: its own state and SR count (message_forwarding.ml, VDI.list_changed_blocks)."""
    async with on_disk(call, other, "list_changed_blocks", "vdi_list_changed_blocks"):
        call.db.row("VDI", vdi)
        return ""


@method("VDI.update")
async def update(call: Call, vdi: str) -> None:
    async with on_disk(call, vdi, "update"):
        pass


@method("VDI.force_unlock")
async def force_unlock(call: Call, vdi: str) -> None:
    async with on_disk(call, vdi, "force_unlock"):
        raise Failure("MESSAGE_DEPRECATED")


@method("VDI.set_name_label")
@method("VDI.set_name_description")
def set_name(call: Call, vdi: str, value: str) -> None:
    gate.reach_sr(call.pool, call.db.get("VDI", vdi, "SR"))
    call.db.set("VDI", vdi, **{call.message.name.removeprefix("set_"): value})


def _assert_nobody_runs(call: Call, vdi: str) -> None:
    for vbd in call.db.get("VDI", vdi, "VBDs"):
        vm = call.db.get("VBD", vbd, "VM")
        state = str(call.db.get("VM", vm, "power_state")).lower()
        if state != "halted":
            raise Failure("VM_BAD_POWER_STATE", vm, "halted", state)


@method("VDI.set_on_boot")
async def set_on_boot(call: Call, vdi: str, value: str) -> None:
    _assert_nobody_runs(call, vdi)
    async with on_disk(call, vdi, "set_on_boot", "vdi_set_on_boot"):
        call.db.set("VDI", vdi, on_boot=value)


@method("VDI.set_allow_caching")
def set_allow_caching(call: Call, vdi: str, value: bool) -> None:
    _assert_nobody_runs(call, vdi)
    call.db.set("VDI", vdi, allow_caching=value)


@method("VDI.set_sharable")
@method("VDI.set_managed")
@method("VDI.set_read_only")
@method("VDI.set_missing")
@method("VDI.set_virtual_size")
@method("VDI.set_physical_utilisation")
@method("VDI.set_is_a_snapshot")
@method("VDI.set_snapshot_of")
@method("VDI.set_snapshot_time")
@method("VDI.set_metadata_of_pool")
@method("VDI.set_cbt_enabled")
@method("VDI.db_forget")
@method("SR.set_virtual_allocation")
@method("SR.set_physical_size")
@method("SR.set_physical_utilisation")
@method("PBD.set_device_config")
def only_for_plugins(call: Call, ref: str, *value: object) -> None:
    """Only the storage plug-in that xapi has called may say this (sm.ml, assert_session_has_internal_sr_access)."""
    call.db.row(call.message.cls, ref)
    raise Failure("PERMISSION_DENIED", "")


@method("VDI.db_introduce")
def introduce_row(call: Call, *values: object) -> str:
    raise Failure("PERMISSION_DENIED", "")


# -- SR ----------------------------------------------------------------------------------------------------------------


@method("SR.scan")
async def scan(call: Call, sr: str) -> None:
    async with on_sr(call, sr, "scan"):
        gate.reach_sr(call.pool, sr)
        await call.pause(1)
        disks = [call.db.row("VDI", v) for v in call.db.get("SR", sr, "VDIs")]
        call.db.set("SR", sr, virtual_allocation=sum(d["virtual_size"] for d in disks))


@method("SR.update")
def sr_update(call: Call, sr: str) -> None:
    gate.reach_sr(call.pool, sr)


@method("SR.get_supported_types")
def supported_types(call: Call) -> list[str]:
    return sorted({row["type"] for row in call.db.table("SM").values()})


@method("SR.set_name_label")
@method("SR.set_name_description")
def sr_name(call: Call, sr: str, value: str) -> None:
    gate.reach_sr(call.pool, sr)
    call.db.set("SR", sr, **{call.message.name.removeprefix("set_"): value})


@method("SR.forget")
async def sr_forget(call: Call, sr: str) -> None:
    async with on_sr(call, sr, "forget"):
        pass
    _forget(call, sr)


def _forget(call: Call, sr: str) -> None:
    row = call.db.row("SR", sr)
    for cls, refs in (("PBD", list(row["PBDs"])), ("VDI", list(row["VDIs"]))):
        for ref in refs:
            call.db.delete(cls, ref)
    call.db.delete("SR", sr)


@method("PBD.create")
async def pbd_create(call: Call, struct: Row) -> str:
    values = constructor_values(call.db, "PBD", struct)
    async with on_sr(call, values["SR"], "pbd_create"):
        for ref in call.db.get("SR", values["SR"], "PBDs"):
            if call.db.get("PBD", ref, "host") == values["host"]:
                raise Failure("PBD_EXISTS", values["SR"], values["host"], ref)
        config = values.get("device_config", {})
        if "SRmaster" in config:
            raise Failure("VALUE_NOT_SUPPORTED", "SRmaster", config["SRmaster"], "This key is for internal use only")
        return call.db.create("PBD", {**values, "currently_attached": False, "other_config": {}})


@method("PBD.destroy")
async def pbd_destroy(call: Call, pbd: str) -> None:
    async with on_sr(call, call.db.get("PBD", pbd, "SR"), "pbd_destroy"):
        if call.db.get("PBD", pbd, "currently_attached"):
            raise Failure("OPERATION_NOT_ALLOWED", "PBD is currently attached")
        call.db.delete("PBD", pbd)


@method("PBD.plug")
async def pbd_plug(call: Call, pbd: str) -> None:
    row = call.db.row("PBD", pbd)
    async with on_sr(call, row["SR"], "plug"):
        call.pool.reach(row["host"])
        if row["currently_attached"]:
            return
        await call.pause(0.5)
        call.pool.faults.forgotten.discard(row["SR"])
        call.db.set("PBD", pbd, currently_attached=True)


@method("PBD.unplug")
async def pbd_unplug(call: Call, pbd: str) -> None:
    """Not while running VMs of the host use disks on it (xapi_pbd.ml, get_active_vdis_by_pbd)."""
    db = call.db
    row = db.row("PBD", pbd)
    for vdi in db.get("SR", row["SR"], "VDIs"):
        busy = db.get("VDI", vdi, "current_operations")
        if busy:
            raise other_operation(call.pool.profile, "VDI", vdi, busy)
    async with on_sr(call, row["SR"], "unplug"):
        call.pool.reach(row["host"])
        if not row["currently_attached"]:
            return
        drives = [
            db.row("VBD", v) for vm in db.get("host", row["host"], "resident_VMs") for v in db.get("VM", vm, "VBDs")
        ]
        disks = [d["VDI"] for d in drives if d["currently_attached"] and not d["empty"]]
        used = [d for d in disks if (disk := db.row("VDI", d))["SR"] == row["SR"] and disk["type"] != "metadata"]
        if used:
            raise Failure("VDI_IN_USE", *used)
        await call.pause(0.5)
        db.set("PBD", pbd, currently_attached=False)


@method("SR.make")
def sr_make(call: Call, host: str, *values: object) -> str:
    call.pool.reach(host)
    raise Failure("MESSAGE_DEPRECATED")


@method("SR.create")
async def sr_create(
    call: Call, host: str, device_config: dict[str, str], size: int, name: str, description: str, kind: str,
    content: str, shared: bool = False, sm_config: dict[str, str] | None = None,
) -> str:  # fmt: skip
    """A new SR with a PBD for the host, or for all hosts where it is shared."""
    db, kind = call.db, kind.lower()
    if not shared:
        call.pool.reach(host)
    if call.pool.rolling_upgrade():
        raise Failure("NOT_SUPPORTED_DURING_UPGRADE")
    if "SRmaster" in device_config:
        master = device_config["SRmaster"]
        raise Failure("VALUE_NOT_SUPPORTED", "SRmaster", master, "This key is for internal use only")
    if kind not in call.pool.plugins():
        raise Failure("SR_UNKNOWN_DRIVER", kind)
    await call.pause(2)
    sr = db.create("SR", {
        "name_label": name, "name_description": description, "type": kind, "content_type": content,
        "physical_size": size, "shared": shared,
        "sm_config": {**(sm_config or {}), **({"allocation": "thick", "use_vhd": "true"} if thick(kind) else {})},
    })  # fmt: skip
    for one in db.table("host") if shared else [host]:
        db.create("PBD", {"host": one, "SR": sr, "device_config": device_config, "currently_attached": True})
    return sr


@method("SR.introduce")
def sr_introduce(
    call: Call, uuid: str, name: str, description: str, kind: str, content: str, shared: bool,
    sm_config: dict[str, str] | None = None,
) -> str:  # fmt: skip
    """Only a row: nobody looks whether there is such a plug-in (xapi_sr.ml, introduce)."""
    if any(row["uuid"] == uuid for row in call.db.table("SR").values()):
        raise Failure("SR_UUID_EXISTS", uuid)
    return call.db.create("SR", {
        "uuid": uuid or call.db.new_uuid(), "name_label": name, "name_description": description, "type": kind.lower(),
        "content_type": content, "shared": shared, "sm_config": sm_config or {}, "physical_size": -1,
        "physical_utilisation": -1,
    })  # fmt: skip


@method("SR.destroy")
async def sr_destroy(call: Call, sr: str) -> None:
    async with on_sr(call, sr, "destroy"):
        if call.db.get("SR", sr, "other_config").get("indestructible") == "true":
            raise Failure("SR_INDESTRUCTIBLE", sr)
        for host, row in call.db.table("host").items():
            if row["local_cache_sr"] == sr:
                raise Failure("SR_IS_CACHE_SR", host)
        gate.reach_sr(call.pool, sr, unplugged=True)
        await call.pause(0.5, cancellable=False)
    _forget(call, sr)


@method("SR.probe")
@method("SR.probe_ext")
def sr_probe(
    call: Call, host: str, device_config: dict[str, str], kind: str, sm_config: dict[str, str] | None = None
) -> object:
    call.pool.reach(host)
    if kind.lower() not in call.pool.plugins():
        raise Failure("SR_UNKNOWN_DRIVER", kind.lower())
    return "<SRlist></SRlist>" if call.message.name == "probe" else []


@method("SR.set_shared")
def sr_shared(call: Call, sr: str, value: bool) -> None:
    pbds = call.db.get("SR", sr, "PBDs")
    if not value and len(pbds) > 1:
        raise Failure("SR_HAS_MULTIPLE_PBDS", *pbds)
    call.db.set("SR", sr, shared=value)


@method("VDI.introduce")
async def vdi_introduce(
    call: Call, uuid: str, name: str, description: str, sr: str, kind: str, sharable: bool, read_only: bool,
    other_config: dict[str, str], location: str, *more: object,
) -> str:  # fmt: skip
    async with on_sr(call, sr, "vdi_introduce"):
        gate.reach_sr(call.pool, sr)
        for vdi in call.db.get("SR", sr, "VDIs"):
            row = call.db.row("VDI", vdi)
            if row["location"] == location and row["uuid"] != uuid:
                raise Failure("LOCATION_NOT_UNIQUE", sr, location)
        return add_vdi(call.pool, {
            "uuid": uuid, "name_label": name, "name_description": description, "SR": sr, "type": kind,
            "sharable": sharable, "read_only": read_only, "other_config": other_config, "location": location,
        })  # fmt: skip


@method("VDI.get_nbd_info")
def nbd_info(call: Call, vdi: str) -> list[Row]:
    """No network is meant for NBD."""
    call.db.row("VDI", vdi)
    return []


@method("VDI.revert")
async def vdi_revert(call: Call, snapshot: str) -> None:
    """The disk becomes what it was at the snapshot (since 26.16)."""
    async with operation(call, "VDI", snapshot, "revert_to", lambda: check(call, snapshot, "revert_to")):
        leaf = call.db.get("VDI", snapshot, "snapshot_of")
        if not call.db.has("VDI", leaf):
            raise Failure("REVERT_ONLY_ALLOWED_ON_SNAPSHOT")
        async with operation(call, "VDI", leaf, "revert_from", lambda: check(call, leaf, "revert_from")):
            await call.pause(1)
            call.pool.contents.set(call.pool, leaf, call.pool.contents.read(call.pool, snapshot))


@method("SR.create_new_blob")
@method("VM.create_new_blob")
@method("host.create_new_blob")
@method("pool.create_new_blob")
@method("network.create_new_blob")
def new_blob(call: Call, owner: str, name: str, mime: str, public: bool = False) -> str:
    blobs = call.db.get(call.message.cls, owner, "blobs")
    blob = call.db.create("blob", {"name_label": name, "mime_type": mime, "public": public, "size": 0})
    call.db.set(call.message.cls, owner, blobs={**blobs, name: blob})
    return blob
