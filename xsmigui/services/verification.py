"""Reading back: where a VM is and what became of its disks, asked of the servers and compared with the plan.

Nothing is called done before this (trust rule 4). Records are fetched by calls, not taken from the inventory, whose
events may be a moment behind.
"""

from dataclasses import dataclass
from typing import Any, Final

from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import DiskResult
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.refs import VmRef, is_null
from xsmigui.core.text import _

GONE: Final = ("HANDLE_INVALID", "UUID_INVALID")


@dataclass(frozen=True, slots=True)
class Found:
    """What was read back: where the VM is, its disks, and what differs from the plan."""

    arrived: VmRef
    host: str
    disks: tuple[DiskResult, ...]
    differences: tuple[Problem, ...]


def _difference(move: VmMove, message: str, hint: str = "") -> Problem:
    subject = Subject("VM", move.vm.uuid, move.vm.name)
    return Problem(rule="verify", severity=Severity.block, subject=subject, message=message, hint=hint, source="server")


async def find_vm(gateway: Gateway, uuid: str) -> tuple[VmRef, dict[str, Any]] | None:
    """A VM by its uuid with its fresh record; None where the pool does not have it."""
    try:
        ref = await gateway.call("VM.get_by_uuid", uuid)
        return VmRef(ref), await gateway.call("VM.get_record", ref)
    except ServerFailure as failure:
        if failure.code in GONE:
            return None
        raise


async def read_back(plan: Plan, move: VmMove, source: Gateway, target: Gateway, arrived: VmRef) -> Found:
    """Compare a finished move with its plan: power state, host, disks, networks, and that the source let go of it.

    Raises the wire's errors; `HANDLE_INVALID` where the VM is not at its destination.
    """
    record = await target.call("VM.get_record", arrived)
    name = move.vm.name
    differences = []
    expected = "Running" if plan.start_after and move.power_state == "Halted" else move.power_state
    if record["power_state"] != expected:
        message = _(
            "{vm} is now {state}; it should be {expected}.", vm=name, state=record["power_state"], expected=expected
        )
        differences.append(_difference(move, message, _("Look at the VM's console before you start it again.")))
    host = move.host.name
    if record["power_state"] in ("Running", "Paused") and record["resident_on"] != move.host.ref:
        host = await target.call("host.get_name_label", record["resident_on"])
        message = _("{vm} runs on {host}, and not on {planned}.", vm=name, host=host, planned=move.host.name)
        differences.append(_difference(move, message))
    disks = await _disks(move, target, record, differences)
    await _networks(move, target, record, differences)
    if plan.crosses and not plan.copy and await find_vm(source, move.vm.uuid) is not None:
        message = _("{pool} still has {vm} as well.", pool=plan.source.name, vm=name)
        hint = _("Don't start it there: both use the same identity. Compare them, then remove the older one.")
        differences.append(_difference(move, message, hint))
    return Found(arrived, host, disks, tuple(differences))


async def _disks(
    move: VmMove, target: Gateway, record: dict[str, Any], differences: list[Problem]
) -> tuple[DiskResult, ...]:
    at: dict[str, dict[str, Any]] = {}
    for ref in record["VBDs"]:
        vbd = await target.call("VBD.get_record", ref)
        if vbd["type"] != "CD" and not vbd["empty"] and not is_null(vbd["VDI"]):
            at[vbd["userdevice"]] = await target.call("VDI.get_record", vbd["VDI"])
    found = []
    for disk in move.disks:
        if disk.follows:
            continue
        vdi = at.get(disk.position)
        if vdi is None:
            message = _("The disk {disk} of {vm} is missing at its destination.", disk=disk.disk.name, vm=move.vm.name)
            differences.append(_difference(move, message))
            continue
        if vdi["SR"] != disk.target.ref:
            sr = await target.call("SR.get_name_label", vdi["SR"])
            message = _("The disk {disk} of {vm} lies on {sr}, and not on {planned}.")
            message = message.format(disk=disk.disk.name, vm=move.vm.name, sr=sr, planned=disk.target.name)
            differences.append(_difference(move, message))
        else:
            sr = disk.target.name
        if int(vdi["virtual_size"]) < disk.size:
            message = _("The disk {disk} of {vm} is smaller than it was.", disk=disk.disk.name, vm=move.vm.name)
            differences.append(_difference(move, message, _("Don't use it before you have found out why.")))
        found.append(DiskResult(disk.disk.uuid, vdi["uuid"], sr))
    return tuple(found)


async def _networks(move: VmMove, target: Gateway, record: dict[str, Any], differences: list[Problem]) -> None:
    planned = {vif.mac.lower(): vif for vif in move.vifs}
    if not planned:
        return
    for ref in record["VIFs"]:
        vif = await target.call("VIF.get_record", ref)
        wish = planned.get(vif["MAC"].lower())
        if wish is not None and vif["network"] != wish.target.ref:
            message = _("The interface {mac} of {vm} is not on {network}.")
            message = message.format(mac=vif["MAC"], vm=move.vm.name, network=wish.target.name)
            differences.append(_difference(move, message))


def whereabouts(plan: Plan, move: VmMove, source: Inventory | None, target: Inventory | None) -> str:
    """Where a VM is as far as the inventories know, in one sentence: said when a move did not end as it should."""
    for pool, inventory in ((plan.source, source), (plan.target, target)):
        if inventory is None:
            continue
        for ref in inventory.find("VM", move.vm.uuid):
            vm = inventory.VM[VmRef(ref)]
            if vm.uuid != move.vm.uuid:
                continue
            name = {"vm": move.vm.name, "pool": pool.name, "state": vm.power_state.lower()}
            if not is_null(vm.resident_on):
                host = inventory.name_of("host", vm.resident_on)
                return _("{vm} is in {pool}, running on {host}.", host=host, **name)
            return {
                "halted": _("{vm} is in {pool}, halted.", **name),
                "suspended": _("{vm} is in {pool}, suspended.", **name),
            }.get(name["state"], _("{vm} is in {pool}.", **name))
    return _("It is not known where {vm} is: look at both pools before you do anything else.", vm=move.vm.name)
