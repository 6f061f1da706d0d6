"""VTPM, blob, crashdump: what belongs to a VM beside its drives and interfaces (xapi 24.10 and 26.17: xapi_vtpm.ml,
xapi_blob.ml, xapi_crashdump.ml)."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import EPOCH, Failure
from xsmigui.simulator.methods.guests import gate
from xsmigui.simulator.methods.locking import operation

# -- trusted platform modules ------------------------------------------------------------------------------------------


@method("VTPM.create")
async def create_vtpm(call: Call, vm: str, is_unique: bool) -> str:
    """One for a halted VM; only where the edition says that they are not restricted."""
    async with operation(call, "VM", vm, "create_vtpm", lambda: gate(call, vm, "create_vtpm")):
        if call.pool.row["restrictions"].get("restrict_vtpm") != "false":
            raise Failure("FEATURE_RESTRICTED", "restrict_vtpm")
        values = {"VM": vm, "persistence_backend": "xapi", "is_unique": is_unique, "is_protected": False}
        return call.db.create("VTPM", values)


@method("VTPM.destroy")
def destroy_vtpm(call: Call, vtpm: str) -> None:
    vm = call.db.get("VTPM", vtpm, "VM")
    state = str(call.db.get("VM", vm, "power_state")).lower()
    if state not in {"halted", "suspended"}:
        raise Failure("VM_BAD_POWER_STATE", vm, "halted;suspended", state)
    call.db.delete("VTPM", vtpm)


# -- blobs -------------------------------------------------------------------------------------------------------------


@method("blob.create")
def create_blob(call: Call, mime: str, public: bool = False) -> str:
    return call.db.create("blob", {
        "mime_type": mime or "application/octet-stream", "public": public, "size": 0, "last_updated": EPOCH,
    })  # fmt: skip


@method("SR.create_new_blob")
@method("VM.create_new_blob")
@method("host.create_new_blob")
@method("pool.create_new_blob")
@method("network.create_new_blob")
def new_blob(call: Call, owner: str, name: str, mime: str, public: bool = False) -> str:
    blob: str = create_blob(call, mime, public)
    call.db.add_to(call.message.cls, owner, "blobs", name, blob)
    return blob


@method("blob.destroy")
def destroy_blob(call: Call, blob: str) -> None:
    """VMs no longer name it."""
    call.db.row("blob", blob)
    for ref, row in call.db.table("VM").items():
        if blob in row["blobs"].values():
            call.db.set("VM", ref, blobs={name: other for name, other in row["blobs"].items() if other != blob})
    call.db.delete("blob", blob)


# -- crash dumps -------------------------------------------------------------------------------------------------------


@method("crashdump.destroy")
async def destroy_crashdump(call: Call, dump: str) -> None:
    """With its disk, if that can be destroyed."""
    vdi = call.db.get("crashdump", dump, "VDI")
    try:
        await child(call, "VDI.destroy", [vdi])
    except Failure:
        pass
    call.db.delete("crashdump", dump)
