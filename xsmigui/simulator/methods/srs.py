"""SR and PBD: create, introduce, attach, detach, forget, destroy, scan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates import availability
from xsmigui.simulator.gates import vdi as gate
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.guests import thick
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.clusters import assert_in_cluster
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.methods.secrets import clean_out, duplicated, moved_to_secrets
from xsmigui.simulator.tables import Row


@asynccontextmanager
async def on_sr(call: Call, sr: str, op: str) -> AsyncIterator[None]:
    async with operation(call, "SR", sr, op, lambda: gate.assert_sr(call.pool, sr, op, ignore=call.task)):
        yield


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
    for pbd in list(row["PBDs"]):
        _forget_pbd(call, pbd)
    for vdi in list(row["VDIs"]):
        call.db.delete("VDI", vdi)
    call.db.delete("SR", sr)


def _forget_pbd(call: Call, pbd: str) -> None:
    config = call.db.get("PBD", pbd, "device_config")
    call.db.delete("PBD", pbd)
    clean_out(call, config)


@method("PBD.create")
async def pbd_create(call: Call, struct: Row) -> str:
    values = constructor_values(call.db, "PBD", struct)
    config = moved_to_secrets(call, values.get("device_config", {}))
    async with on_sr(call, values["SR"], "pbd_create"):
        for ref in call.db.get("SR", values["SR"], "PBDs"):
            if call.db.get("PBD", ref, "host") == values["host"]:
                raise Failure("PBD_EXISTS", values["SR"], values["host"], ref)
        _assert_no_master_key(config)
        own = {"device_config": duplicated(call, config), "currently_attached": False, "other_config": {}}
        return call.db.create("PBD", {**values, **own})


def _assert_no_master_key(config: dict[str, str]) -> None:
    if "SRmaster" in config:
        raise Failure("VALUE_NOT_SUPPORTED", "SRmaster", config["SRmaster"], "This key is for internal use only")


@method("PBD.destroy")
async def pbd_destroy(call: Call, pbd: str) -> None:
    async with on_sr(call, call.db.get("PBD", pbd, "SR"), "pbd_destroy"):
        if call.db.get("PBD", pbd, "currently_attached"):
            raise Failure("OPERATION_NOT_ALLOWED", "PBD is currently attached")
        _forget_pbd(call, pbd)


def _assert_alone(call: Call, pbd: Row) -> None:
    """An SR that is not shared is attached to one host."""
    if not call.db.get("SR", pbd["SR"], "shared"):
        for ref in call.db.get("SR", pbd["SR"], "PBDs"):
            other = call.db.row("PBD", ref)
            if other["currently_attached"] and other["host"] != pbd["host"]:
                raise Failure("SR_NOT_SHARABLE", pbd["SR"], other["host"])


def _assert_spare(call: Call, pbd: Row) -> None:
    """With high availability protected VMs keep their disks, and the pool its state file."""
    db, pool = call.db, call.pool.row
    if not pool["ha_enabled"]:
        return
    if db.get("host", pbd["host"], "enabled"):
        availability.assert_no_protected_disks(call.pool, pbd["SR"])
    if any(db.has("VDI", vdi) and db.get("VDI", vdi, "SR") == pbd["SR"] for vdi in pool["ha_statefiles"]):
        raise Failure("HA_IS_ENABLED")


@method("PBD.plug")
async def pbd_plug(call: Call, pbd: str) -> None:
    row = call.db.row("PBD", pbd)
    async with on_sr(call, row["SR"], "plug"):
        call.pool.reach(row["host"])
        if row["currently_attached"]:
            return
        assert_in_cluster(call, row["host"], call.db.get("SR", row["SR"], "type"))
        _assert_alone(call, row)
        await call.pause(0.5)
        call.pool.faults.forgotten.discard(row["SR"])
        call.db.set("PBD", pbd, currently_attached=True)


@method("PBD.unplug")
async def pbd_unplug(call: Call, pbd: str) -> None:
    """Not while running VMs of the host use disks on it (xapi_pbd.ml, get_active_vdis_by_pbd)."""
    db = call.db
    row = db.row("PBD", pbd)
    sr = db.row("SR", row["SR"])
    if not sr["shared"] and len(sr["PBDs"]) > 1:  # no host is in charge of it (helpers.ml, get_srmaster)
        raise Failure("SR_HAS_MULTIPLE_PBDS", *(db.get("PBD", other, "uuid") for other in sr["PBDs"]))
    for vdi in sr["VDIs"] if sr["shared"] or row["host"] == call.pool.master else ():
        busy = db.get("VDI", vdi, "current_operations")
        if busy:
            raise other_operation(call.pool.profile, "VDI", vdi, busy)
    async with on_sr(call, row["SR"], "unplug"):
        call.pool.reach(row["host"])
        if not row["currently_attached"]:
            return
        _assert_spare(call, row)
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
    assert_in_cluster(call, host, kind)
    if call.pool.rolling_upgrade():
        raise Failure("NOT_SUPPORTED_DURING_UPGRADE")
    _assert_no_master_key(device_config)
    config = moved_to_secrets(call, device_config)
    if kind not in call.pool.plugins():
        raise Failure("SR_UNKNOWN_DRIVER", kind)
    await call.pause(2)
    sr = db.create("SR", {
        "name_label": name, "name_description": description, "type": kind, "content_type": content,
        "physical_size": size, "shared": shared,
        "sm_config": {**(sm_config or {}), **({"allocation": "thick", "use_vhd": "true"} if thick(kind) else {})},
    })  # fmt: skip
    for one in db.table("host") if shared else [host]:
        own = duplicated(call, config)
        db.create("PBD", {"host": one, "SR": sr, "device_config": own, "currently_attached": True})
    return sr


@method("SR.introduce")
def sr_introduce(
    call: Call, uuid: str, name: str, description: str, kind: str, content: str, shared: bool,
    sm_config: dict[str, str] | None = None,
) -> str:  # fmt: skip
    """Only a row: nobody looks whether there is such a plug-in (xapi_sr.ml, introduce). A UUID is one object's alone,
    whatever its class (db_cache_types.ml, KeyMap)."""
    if any(row.get("uuid") == uuid for cls in call.db.tables for row in call.db.table(cls).values()):
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
