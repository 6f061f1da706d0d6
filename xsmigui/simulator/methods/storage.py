"""VDI and SR: create, destroy, snapshot, resize, changed block tracking, scan."""

from __future__ import annotations

from xsmigui.simulator.content import EMPTY, rounded
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as gate
from xsmigui.simulator.guests import account, add_vdi, remove_vdi, room, space_for, thick
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.methods.snapshots import duplicate, snapshot_vdi
from xsmigui.simulator.tables import Row


def check(call: Call, vdi: str, op: str) -> None:
    gate.assert_valid(call.pool, vdi, op, ignore=call.task)


def full() -> Failure:
    return Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")


@method("VDI.create")
async def create(call: Call, struct: Row) -> str:
    values = constructor_values(call.db, "VDI", struct)
    sr = values["SR"]
    call.db.row("SR", sr)
    if "VDI_CREATE" not in gate.features(call.pool, sr):
        raise Failure("SR_OPERATION_NOT_SUPPORTED", sr)
    space = space_for(call.pool, sr, values["virtual_size"], 0)
    if room(call.pool, sr) < space:
        raise full()
    await call.pause(0.5)
    return add_vdi(call.pool, {**values, "physical_utilisation": space}, EMPTY)


@method("VDI.destroy")
async def destroy(call: Call, vdi: str) -> None:
    async with operation(call, "VDI", vdi, "destroy", lambda: check(call, vdi, "destroy")):
        await call.pause(0.5, cancellable=False)
    remove_vdi(call.pool, vdi)


@method("VDI.forget")
def forget(call: Call, vdi: str) -> None:
    check(call, vdi, "forget")
    remove_vdi(call.pool, vdi)


@method("VDI.snapshot")
async def snapshot(call: Call, vdi: str, driver_params: dict[str, str] | None = None) -> str:
    async with operation(call, "VDI", vdi, "snapshot", lambda: check(call, vdi, "snapshot")):
        await call.pause(0.5)
        return snapshot_vdi(call.pool, vdi)


@method("VDI.clone")
async def clone(call: Call, vdi: str, driver_params: dict[str, str] | None = None) -> str:
    async with operation(call, "VDI", vdi, "clone", lambda: check(call, vdi, "clone")):
        await call.pause(0.5)
        return duplicate(call.pool, vdi, call.db.get("VDI", vdi, "SR"))


@method("VDI.resize")
@method("VDI.resize_online")
def resize(call: Call, vdi: str, size: int) -> None:
    check(call, vdi, call.message.name)
    row = call.db.row("VDI", vdi)
    if size < row["virtual_size"]:
        raise Failure("VDI_TOO_SMALL", vdi, row["virtual_size"])
    size = rounded(call.db.get("SR", row["SR"], "type"), row["sm_config"], size)
    grown = space_for(call.pool, row["SR"], size, row["physical_utilisation"])
    account(call.pool, row["SR"], grown - row["physical_utilisation"], size - row["virtual_size"])
    call.db.set("VDI", vdi, virtual_size=size, physical_utilisation=grown)
    call.pool.contents.extended(call.pool, vdi)


@method("VDI.enable_cbt")
def enable_cbt(call: Call, vdi: str) -> None:
    check(call, vdi, "enable_cbt")
    call.db.set("VDI", vdi, cbt_enabled=True)


@method("VDI.disable_cbt")
def disable_cbt(call: Call, vdi: str) -> None:
    check(call, vdi, "disable_cbt")
    call.db.set("VDI", vdi, cbt_enabled=False)


@method("VDI.data_destroy")
def data_destroy(call: Call, vdi: str) -> None:
    check(call, vdi, "data_destroy")
    call.db.set("VDI", vdi, type="cbt_metadata")
    call.pool.contents.set(call.pool, vdi, EMPTY)


@method("VDI.list_changed_blocks")
def list_changed_blocks(call: Call, vdi: str, other: str) -> str:
    """What has changed up to `other`: its own state and SR count (message_forwarding.ml, VDI.list_changed_blocks)."""
    gate.assert_sr(call.pool, call.db.get("VDI", other, "SR"), "vdi_list_changed_blocks")
    check(call, other, "list_changed_blocks")
    call.db.row("VDI", vdi)
    return ""


@method("VDI.update")
def update(call: Call, vdi: str) -> None:
    check(call, vdi, "update")


@method("VDI.set_name_label")
def set_name_label(call: Call, vdi: str, value: str) -> None:
    call.db.set("VDI", vdi, name_label=value)


@method("VDI.set_name_description")
def set_name_description(call: Call, vdi: str, value: str) -> None:
    call.db.set("VDI", vdi, name_description=value)


@method("VDI.set_on_boot")
def set_on_boot(call: Call, vdi: str, value: str) -> None:
    check(call, vdi, "set_on_boot")
    call.db.set("VDI", vdi, on_boot=value)


@method("VDI.set_allow_caching")
def set_allow_caching(call: Call, vdi: str, value: bool) -> None:
    call.db.set("VDI", vdi, allow_caching=value)


@method("VDI.set_sharable")
def set_sharable(call: Call, vdi: str, value: bool) -> None:
    call.db.set("VDI", vdi, sharable=value)


@method("VDI.set_read_only")
def set_read_only(call: Call, vdi: str, value: bool) -> None:
    call.db.set("VDI", vdi, read_only=value)


# -- SR ----------------------------------------------------------------------------------------------------------------


@method("SR.scan")
async def scan(call: Call, sr: str) -> None:
    row = call.db.row("SR", sr)
    if not any(call.db.get("PBD", p, "currently_attached") for p in row["PBDs"]):
        raise Failure("SR_HAS_NO_PBDS", sr)
    await call.pause(1)
    disks = [call.db.row("VDI", v) for v in row["VDIs"]]
    call.db.set("SR", sr, virtual_allocation=sum(d["virtual_size"] for d in disks))


@method("SR.update")
def sr_update(call: Call, sr: str) -> None:
    call.db.row("SR", sr)


@method("SR.get_supported_types")
def supported_types(call: Call) -> list[str]:
    return sorted({row["type"] for row in call.db.table("SM").values()})


@method("SR.set_name_label")
def sr_name_label(call: Call, sr: str, value: str) -> None:
    call.db.set("SR", sr, name_label=value)


@method("SR.set_name_description")
def sr_name_description(call: Call, sr: str, value: str) -> None:
    call.db.set("SR", sr, name_description=value)


@method("SR.set_physical_size")
def sr_physical_size(call: Call, sr: str, value: int) -> None:
    call.db.set("SR", sr, physical_size=value)


@method("SR.forget")
def sr_forget(call: Call, sr: str) -> None:
    row = call.db.row("SR", sr)
    for pbd in list(row["PBDs"]):
        if call.db.get("PBD", pbd, "currently_attached"):
            raise Failure("SR_HAS_PBD", sr)
    for cls, refs in (("PBD", list(row["PBDs"])), ("VDI", list(row["VDIs"]))):
        for ref in refs:
            call.db.delete(cls, ref)
    call.db.delete("SR", sr)


@method("PBD.plug")
async def pbd_plug(call: Call, pbd: str) -> None:
    row = call.db.row("PBD", pbd)
    call.pool.reach(row["host"])
    await call.pause(0.5)
    call.db.set("PBD", pbd, currently_attached=True)


@method("PBD.unplug")
async def pbd_unplug(call: Call, pbd: str) -> None:
    db = call.db
    row = db.row("PBD", pbd)
    call.pool.reach(row["host"])
    for vm in db.get("host", row["host"], "resident_VMs"):
        running = db.row("VM", vm)
        if not running["is_control_domain"] and row["SR"] in host_gate.required_srs(call.pool, running):
            disk = next(v for v in db.get("SR", row["SR"], "VDIs"))
            raise Failure("VDI_IN_USE", disk, "detach")
    await call.pause(0.5)
    db.set("PBD", pbd, currently_attached=False)


@method("SR.create")
@method("SR.make")
async def sr_create(
    call: Call, host: str, device_config: dict[str, str], size: int, name: str, description: str, kind: str,
    content: str, shared: bool = False, sm_config: dict[str, str] | None = None,
) -> str:  # fmt: skip
    """A new SR with a PBD for the host, or for all hosts where it is shared."""
    db = call.db
    db.row("host", host)
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
    return sr if call.message.name == "create" else str(db.get("SR", sr, "uuid"))


@method("SR.introduce")
def sr_introduce(
    call: Call, uuid: str, name: str, description: str, kind: str, content: str, shared: bool,
    sm_config: dict[str, str] | None = None,
) -> str:  # fmt: skip
    if kind not in call.pool.plugins():
        raise Failure("SR_UNKNOWN_DRIVER", kind)
    return call.db.create("SR", {
        "uuid": uuid or call.db.new_uuid(), "name_label": name, "name_description": description, "type": kind,
        "content_type": content, "shared": shared, "sm_config": sm_config or {},
    })  # fmt: skip


@method("SR.destroy")
async def sr_destroy(call: Call, sr: str) -> None:
    sr_forget(call, sr)


@method("SR.probe")
@method("SR.probe_ext")
def sr_probe(
    call: Call, host: str, device_config: dict[str, str], kind: str, sm_config: dict[str, str] | None = None
) -> object:
    call.db.row("host", host)
    if kind not in call.pool.plugins():
        raise Failure("SR_UNKNOWN_DRIVER", kind)
    return "<SRlist></SRlist>" if call.message.name == "probe" else []


@method("SR.set_shared")
def sr_shared(call: Call, sr: str, value: bool) -> None:
    call.db.set("SR", sr, shared=value)


@method("VDI.introduce")
def vdi_introduce(
    call: Call, uuid: str, name: str, description: str, sr: str, kind: str, sharable: bool, read_only: bool,
    other_config: dict[str, str], location: str, *more: object,
) -> str:  # fmt: skip
    if "VDI_INTRODUCE" not in gate.features(call.pool, sr) and call.db.row("SR", sr):
        raise Failure("SR_OPERATION_NOT_SUPPORTED", sr)
    if any(v["location"] == location and v["SR"] == sr for v in call.db.table("VDI").values()):
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
