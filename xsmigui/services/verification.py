"""Reading back: where a VM is and what became of its disks, asked of the servers and compared with the plan.

Nothing is called done before this (trust rule 4). Records are fetched by calls, not taken from the inventory, whose
events may be a moment behind.
"""

from dataclasses import dataclass
from typing import Any, Final

from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import DiskResult
from xsmigui.core.migration.plan import Plan, VifMove, VmMove
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
    home = record["resident_on"]
    if record["power_state"] in ("Running", "Paused") and home != move.host.ref and not is_null(home):
        host = await target.call("host.get_name_label", home)
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
    """Interfaces by their device number: a copy has MAC addresses of its own. Those of the VM come before those of its
    snapshots."""
    planned: dict[str, VifMove] = {}
    for wish in move.vifs:
        planned.setdefault(wish.vif.name, wish)
    if not planned:
        return
    there = {}
    for ref in record["VIFs"]:
        vif = await target.call("VIF.get_record", ref)
        there[vif["device"]] = vif
    for device, wish in planned.items():
        found = there.get(device)
        if found is not None and found["network"] != wish.target.ref:
            message = _("The interface {mac} of {vm} is not on {network}.")
            message = message.format(mac=found["MAC"], vm=move.vm.name, network=wish.target.name)
            differences.append(_difference(move, message))


async def look(plan: Plan, move: VmMove, source: Gateway | None, target: Gateway | None = None) -> str:
    """Where a VM is, asked of the servers, in one sentence; empty where those that answer do not have it. Raises the
    wire's errors."""
    for pool, gateway in ((plan.source, source), (plan.target, target)):
        found = await find_vm(gateway, move.vm.uuid) if gateway is not None else None
        if found is None or gateway is None:
            continue
        home = found[1]["resident_on"]
        host = "" if is_null(home) else await gateway.call("host.get_name_label", home)
        return _place(move.vm.name, pool.name, found[1]["power_state"], host)
    return ""


def _place(vm: str, pool: str, state: str, host: str) -> str:
    """``mail is in Madrid, running on madrid-02.``"""
    if state == "Halted":
        return _("{vm} is in {pool}, halted.", vm=vm, pool=pool)
    if state == "Suspended":
        return _("{vm} is in {pool}, suspended.", vm=vm, pool=pool)
    if host and state == "Running":
        return _("{vm} is in {pool}, running on {host}.", vm=vm, pool=pool, host=host)
    return _("{vm} is in {pool}.", vm=vm, pool=pool)


def whereabouts(plan: Plan, move: VmMove, source: Inventory | None, target: Inventory | None) -> str:
    """Where a VM is as far as the inventories know, in one sentence: said when a move did not end as it should."""
    for pool, inventory in ((plan.source, source), (plan.target, target)):
        if inventory is None:
            continue
        for ref in inventory.find("VM", move.vm.uuid):
            vm = inventory.VM[VmRef(ref)]
            if vm.uuid != move.vm.uuid:
                continue
            host = "" if is_null(vm.resident_on) else inventory.name_of("host", vm.resident_on)
            return _place(move.vm.name, pool.name, vm.power_state, host)
    return _("It is not known where {vm} is: look at both pools before you do anything else.", vm=move.vm.name)
