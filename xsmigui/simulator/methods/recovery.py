"""VM, VM_appliance and DR_task: recovery from a database that storage has kept (xapi 24.10 and 26.17: xapi_dr.ml,
xapi_dr_task.ml, xapi_vm_helpers.ml)."""

from __future__ import annotations

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import NULL, Failure


def _required(call: Call, vm: str) -> list[str]:
    """SRs of the drives, without CDs and ISO libraries, in the order of their references."""
    db = call.db
    drives = [db.row("VBD", v) for v in db.get("VM", vm, "VBDs")]
    found = {db.get("VDI", d["VDI"], "SR") for d in drives if d["type"] != "CD"}
    return sorted(sr for sr in found if db.get("SR", sr, "content_type") != "iso")


def _attached(call: Call, sr: str, session: str) -> str | None:
    """The SR with the same uuid where that session belongs, if a host has it attached."""
    assert call.pool.site is not None
    there = call.pool.site.by_session(session).db
    uuid = call.db.get("SR", sr, "uuid")
    for ref, row in there.table("SR").items():
        if row["uuid"] == uuid:
            return ref if any(there.get("PBD", p, "currently_attached") for p in row["PBDs"]) else None
    return None


@method("VM.get_SRs_required_for_recovery")
def missing_srs(call: Call, vm: str, session: str) -> list[str]:
    return [sr for sr in _required(call, vm) if _attached(call, sr, session) is None]


@method("VM.assert_can_be_recovered")
def assert_recoverable(call: Call, vm: str, session: str) -> None:
    for sr in _required(call, vm):
        if _attached(call, sr, session) is None:
            raise Failure("VM_REQUIRES_SR", vm, sr)


@method("VM_appliance.get_SRs_required_for_recovery")
def missing_srs_of_appliance(call: Call, appliance: str, session: str) -> list[str]:
    vms = call.db.get("VM_appliance", appliance, "VMs")
    return sorted({sr for vm in vms for sr in missing_srs(call, vm, session)})


@method("VM_appliance.assert_can_be_recovered")
def assert_appliance_recoverable(call: Call, appliance: str, session: str) -> None:
    for vm in call.db.get("VM_appliance", appliance, "VMs"):
        assert_recoverable(call, vm, session)


@method("VM.recover")
def recover(call: Call, vm: str, session: str, force: bool) -> None:
    appliance = call.db.get("VM", vm, "appliance")
    if appliance != NULL and call.db.has("VM_appliance", appliance):
        raise Failure("VM_IS_PART_OF_AN_APPLIANCE", vm, appliance)
    _assert_allowed(call, session)
    assert_recoverable(call, vm, session)
    raise Failure("NOT_IMPLEMENTED", call.message.full)


@method("VM_appliance.recover")
def recover_appliance(call: Call, appliance: str, session: str, force: bool) -> None:
    _assert_allowed(call, session)
    assert_appliance_recoverable(call, appliance, session)
    raise Failure("NOT_IMPLEMENTED", call.message.full)


def _assert_allowed(call: Call, session: str) -> None:
    """Where the other session belongs, the edition must allow it."""
    assert call.pool.site is not None
    there = call.pool.site.by_session(session)
    features.assert_enabled(there, "DR")


@method("DR_task.create")
def create_task(call: Call, kind: str, device_config: dict[str, str], srs: list[str]) -> str:
    """Brings in the SRs that a probe finds: here it finds none."""
    features.assert_enabled(call.pool, "DR")
    plugins = call.pool.plugins().get(kind.lower())
    if plugins is None:
        raise Failure("SR_UNKNOWN_DRIVER", kind.lower())
    if "SR_METADATA" not in plugins[0]:
        raise Failure("OPERATION_NOT_ALLOWED", f"Disaster recovery not supported on SRs of type {kind}")
    return call.db.create("DR_task", {})


@method("DR_task.destroy")
async def destroy_task(call: Call, task: str) -> None:
    """Its SRs are let go."""
    for sr in list(call.db.get("DR_task", task, "introduced_SRs")):
        for pbd in call.db.get("SR", sr, "PBDs"):
            await child(call, "PBD.unplug", [pbd])
        await child(call, "SR.forget", [sr])
    call.db.delete("DR_task", task)
