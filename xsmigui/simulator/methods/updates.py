"""pool_update, pool_patch, host_patch, host_crashdump: updates of releases before 8.4 (xapi 24.10 and 26.17:
xapi_pool_update.ml, xapi_pool_patch.ml; forwarded by message_forwarding.ml). Rows say what is installed where; no disk
here holds an update, and no program of one is run."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import vdi as gate
from xsmigui.simulator.guests import remove_vdi

_NO_DOCUMENT: Final = "missing update document (update.xml) in the package."


@method("pool_update.introduce")
def introduce(call: Call, vdi: str) -> str:
    gate.reach_sr(call.pool, call.db.get("VDI", vdi, "SR"))
    if call.db.get("VDI", vdi, "type") == "cbt_metadata":
        raise Failure("VDI_INCOMPATIBLE_TYPE", vdi, "cbt_metadata")
    raise Failure("INVALID_UPDATE", _NO_DOCUMENT)


@method("pool_update.precheck")
@method("pool_update.apply")
def apply(call: Call, update: str, host: str) -> None:
    call.db.row("pool_update", update)
    call.pool.reach(host)
    raise Failure("NOT_IMPLEMENTED", f"pool_update.{call.message.name}")


@method("pool_update.pool_apply")
def apply_everywhere(call: Call, update: str) -> None:
    """On the hosts that lack it; those on which it failed are named."""
    lacking = set(call.db.table("host")) - set(call.db.get("pool_update", update, "hosts"))
    if not lacking:
        raise Failure("UPDATE_ALREADY_APPLIED_IN_POOL", update)
    raise Failure("UPDATE_POOL_APPLY_FAILED", *sorted(lacking, reverse=True))


@method("pool_update.pool_clean")
def clean_everywhere(call: Call, update: str) -> None:
    """Its disk goes, if there still is one."""
    vdi = call.db.get("pool_update", update, "vdi")
    if call.db.has("VDI", vdi):
        gate.reach_sr(call.pool, call.db.get("VDI", vdi, "SR"))
        gate.assert_valid(call.pool, vdi, "destroy")
        remove_vdi(call.pool, vdi)
        call.db.set("pool_update", update, vdi=NULL)


@method("pool_update.destroy")
def destroy(call: Call, update: str) -> None:
    """Only what is installed nowhere."""
    if call.db.get("pool_update", update, "hosts"):
        raise Failure("UPDATE_IS_APPLIED")
    for ref in [ref for ref, row in call.db.table("pool_patch").items() if row["pool_update"] == update]:
        call.db.delete("pool_patch", ref)
    call.db.delete("pool_update", update)


# -- the older name of the same ----------------------------------------------------------------------------------------


@method("pool_patch.precheck")
@method("pool_patch.apply")
def apply_patch(call: Call, patch: str, host: str) -> str:
    call.pool.reach(host)
    apply(call, call.db.get("pool_patch", patch, "pool_update"), host)
    return ""


@method("pool_patch.pool_apply")
def apply_patch_everywhere(call: Call, patch: str) -> None:
    for host in call.db.table("host"):
        apply_patch(call, patch, host)


@method("pool_patch.clean")
def clean_patch(call: Call, patch: str) -> None:
    """Nothing is left to clean up, and nobody looks whether there is such a patch."""


@method("pool_patch.clean_on_host")
def clean_patch_on_host(call: Call, patch: str, host: str) -> None:
    call.pool.reach(host)


@method("pool_patch.pool_clean")
def clean_patch_everywhere(call: Call, patch: str) -> None:
    clean_everywhere(call, call.db.get("pool_patch", patch, "pool_update"))


@method("pool_patch.destroy")
def destroy_patch(call: Call, patch: str) -> None:
    destroy(call, call.db.get("pool_patch", patch, "pool_update"))


@method("host_patch.apply")
def apply_host_patch(call: Call, patch: str) -> str:
    call.pool.reach(call.db.get("host_patch", patch, "host"))
    raise Failure("MESSAGE_DEPRECATED")


@method("host_crashdump.upload")
def upload(call: Call, dump: str, url: str, options: dict[str, str]) -> None:
    call.pool.reach(call.db.get("host_crashdump", dump, "host"))
    raise Failure("NOT_IMPLEMENTED", call.message.full)


@method("host_crashdump.destroy")
def destroy_dump(call: Call, dump: str) -> None:
    """The host that has the file does it."""
    call.pool.reach(call.db.get("host_crashdump", dump, "host"))
    call.db.delete("host_crashdump", dump)
