"""VDI: create, destroy, snapshot, resize, changed block tracking, introduce."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xsmigui.simulator import features
from xsmigui.simulator.content import EMPTY, rounded
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import vdi as gate
from xsmigui.simulator.guests import account, add_vdi, remove_vdi, room, space_for
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import enter, leave, operation
from xsmigui.simulator.methods.snapshots import duplicate, snapshot_vdi
from xsmigui.simulator.methods.srs import on_sr
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
    """The disk becomes what it was at the snapshot (since 26.16), where the SR's plug-in can do that."""
    leaf = call.db.get("VDI", snapshot, "snapshot_of")
    async with (
        on_disk(call, snapshot, "revert_to", "vdi_revert"),
        operation(call, "VDI", leaf, "revert_from", lambda: check(call, leaf, "revert_from")),
    ):
        _assert_managed(call, snapshot)
        await call.pause(1)
        call.pool.contents.set(call.pool, leaf, call.pool.contents.read(call.pool, snapshot))
