"""The gates in front of drives, interfaces and USB devices: what may be done to them, and why not.

Source: xapi 24.10 and 26.17, valid_operations of xapi_vbd_helpers.ml, xapi_vif_helpers.ml and xapi_vusb_helpers.ml. The
first reason that is found for an operation stays; allowed_operations are those without any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xsmigui.simulator.failures import Failure
from xsmigui.simulator.gates.busy import other_operation, vm_operation
from xsmigui.simulator.gates.devices import is_sriov
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

VBD_OPERATIONS: Final = ("attach", "eject", "unplug", "unplug_force", "insert", "plug", "pause", "unpause")
VIF_OPERATIONS: Final = ("attach", "plug", "unplug")
_PLUGS: Final = ("plug", "unplug", "unplug_force")
_USES: Final = ("attach", "insert", "plug")
_PARALLEL: Final = frozenset({"pause", "unpause"})
_VM_STOPS: Final = frozenset({"clean_shutdown", "hard_shutdown", "suspend", "pause"})
_NO_CD_HOTPLUG: Final = "HVM CDROMs cannot be hotplugged/unplugged, only inserted or ejected"

Reasons = dict[str, Failure | None]


class _Table:
    """Operations and the first reason against each."""

    def __init__(self, operations: Iterable[str]) -> None:
        self.reasons: Reasons = dict.fromkeys(operations)

    def refuse(self, failure: Failure, operations: Iterable[str]) -> None:
        for op in operations:
            if op in self.reasons and self.reasons[op] is None:
                self.reasons[op] = failure


def vbd(pool: Pool, ref: str, *, sharing: bool = True) -> Reasons:
    """Of a drive; without `sharing` as allowed_operations are computed, where who else uses the disk does not count."""
    db, profile = pool.db, pool.profile
    row = db.row("VBD", ref)
    vm = db.row("VM", row["VM"])
    table = _Table(VBD_OPERATIONS)
    current = row["current_operations"]
    if current:
        busy = other_operation(profile, "VBD", ref, current)
        table.refuse(busy, [op for op in VBD_OPERATIONS if op not in _PARALLEL])
        for op, beside in (("pause", _PARALLEL), ("unpause", _PARALLEL | {"attach"})):
            conflicting = {t: o for t, o in current.items() if o not in beside}
            if conflicting:
                table.refuse(other_operation(profile, "VBD", ref, conflicting), [op])
    if not row["unpluggable"]:
        table.refuse(Failure("VBD_NOT_UNPLUGGABLE", ref), ("unplug", "unplug_force"))
    if row["type"] != "CD":
        table.refuse(Failure("VBD_NOT_REMOVABLE_MEDIA", ref), ("insert", "eject"))
    if row["empty"]:
        table.refuse(Failure("VBD_IS_EMPTY", ref), ["eject"])
    else:
        table.refuse(Failure("VBD_NOT_EMPTY", ref), ["insert"])
    state = str(vm["power_state"])
    frozen = () if state == "Paused" else ("pause", "unpause")
    _plugged(table, ref, row, vm, (*_PLUGS, *frozen))
    _vm_busy(pool, table, row["VM"], vm)
    if state == "Running" and domain_type(pool, vm) == "hvm":
        _drivers(pool, table, row["VM"], vm, "VBD", _PLUGS)
        if row["type"] == "CD":
            table.refuse(Failure("OPERATION_NOT_ALLOWED", _NO_CD_HOTPLUG), _PLUGS)
    if row["type"] == "CD" and state == "Suspended":
        table.refuse(Failure("VM_BAD_POWER_STATE", row["VM"], "halted, running", "suspended"), ("insert", "eject"))
    disk = db.find("VDI", row["VDI"])
    if not row["empty"] and disk is not None:
        _disk(pool, table, ref, row, disk, sharing=sharing)
    return table.reasons


def _plugged(table: _Table, ref: str, row: Row, vm: Row, not_running: Iterable[str]) -> None:
    if vm["power_state"] != "Running":
        state = str(vm["power_state"]).lower()
        table.refuse(Failure("VM_BAD_POWER_STATE", row["VM"], "running", state), not_running)
    elif row["currently_attached"]:
        table.refuse(Failure("DEVICE_ALREADY_ATTACHED", ref), ["plug"])
    else:
        table.refuse(Failure("DEVICE_ALREADY_DETACHED", ref), ("unplug", "unplug_force"))


def _vm_busy(pool: Pool, table: _Table, ref: str, vm: Row) -> None:
    for op in vm["current_operations"].values():
        if op in _VM_STOPS:
            text = f"Current operation on VM:{ref} is {vm_operation(pool.profile, op)}"
            table.refuse(Failure("OPERATION_NOT_ALLOWED", text), ("plug", "unplug"))


def domain_type(pool: Pool, vm: Row) -> str:
    """What runs, or would (helpers.ml, domain_type)."""
    if vm["power_state"] == "Halted":
        return str(vm["domain_type"])
    metrics = pool.db.find("VM_metrics", vm["metrics"])
    return str(metrics["current_domain_type"]) if metrics else "unspecified"


def _drivers(pool: Pool, table: _Table, ref: str, vm: Row, cls: str, operations: Iterable[str]) -> None:
    """HVM guests say whether their devices can come and go; else a driver that was seen will do."""
    guest = pool.db.find("VM_guest_metrics", vm["guest_metrics"])
    claim = guest[f"can_use_hotplug_{cls.lower()}"] if guest else "unspecified"
    if claim == "no":
        table.refuse(Failure("OPERATION_NOT_ALLOWED", f"VM states it does not support {cls} hotplug."), operations)
    elif claim == "unspecified":
        versions = guest["PV_drivers_version"] if guest else {}
        if not (guest and guest["PV_drivers_detected"]) and not {"major", "minor"} <= set(versions):
            table.refuse(Failure("VM_MISSING_PV_DRIVERS", ref), operations)


def _disk(pool: Pool, table: _Table, ref: str, row: Row, disk: Row, *, sharing: bool) -> None:
    if not disk["managed"]:
        table.refuse(Failure("VDI_NOT_MANAGED", ref), VBD_OPERATIONS)
    busy = {t: op for t, op in disk["current_operations"].items() if op not in {"mirror", "copy"}}
    if busy:
        table.refuse(disk_busy(pool, row["VDI"], disk["current_operations"], busy), _USES)
    if row["currently_attached"] or not sharing:
        return
    writes = row["mode"] == "RW"
    others = [v for r in disk["VBDs"] if r != ref and (v := pool.db.find("VBD", r)) and _uses(pool, v)]
    shared = disk["sharable"] or pool.db.get("VM", row["VM"], "is_control_domain")
    if not shared and (any(v["mode"] == "RW" for v in others) or (writes and others)):
        table.refuse(Failure("VDI_IN_USE", row["VDI"]), _USES)
    if writes and disk["read_only"]:
        table.refuse(Failure("VDI_READONLY", row["VDI"]), _USES)


def disk_busy(pool: Pool, ref: str, current: dict[str, str], busy: dict[str, str]) -> Failure:
    """Before 25.27 the first operation is named, whatever it is."""
    if pool.profile.names_other_operations:
        return other_operation(pool.profile, "VDI", ref, busy)
    return Failure("OTHER_OPERATION_IN_PROGRESS", "VDI", ref, next(iter(current.values())))


def _uses(pool: Pool, other: Row) -> bool:
    vm = pool.db.find("VM", other["VM"])
    if vm is None or vm["power_state"] == "Suspended" or vm["is_control_domain"]:
        return False
    return bool(other["currently_attached"] or other["current_operations"])


def vif(pool: Pool, ref: str) -> Reasons:
    """Of an interface."""
    row = pool.db.row("VIF", ref)
    vm = pool.db.row("VM", row["VM"])
    table = _Table(VIF_OPERATIONS)
    if row["current_operations"]:
        table.refuse(other_operation(pool.profile, "VIF", ref, row["current_operations"]), VIF_OPERATIONS)
    host = pool.db.find("host", vm["resident_on"])
    if vm["is_control_domain"] and host is not None and host["control_domain"] == row["VM"]:
        table.refuse(Failure("OPERATION_NOT_ALLOWED", "Control domain does not support hotplug"), ["plug"])
    if is_sriov(pool, row["network"]):
        table.refuse(Failure("OPERATION_NOT_ALLOWED", "Network SR-IOV VIF plug/unplug not allowed"), ("plug", "unplug"))
    _plugged(table, ref, row, vm, ("plug", "unplug"))
    _vm_busy(pool, table, row["VM"], vm)
    if vm["power_state"] == "Running" and domain_type(pool, vm) == "hvm":
        _drivers(pool, table, row["VM"], vm, "VIF", ("plug", "unplug"))
    return table.reasons


def vusb(pool: Pool, ref: str) -> Reasons:
    """Of a USB device."""
    row = pool.db.row("VUSB", ref)
    vm = pool.db.row("VM", row["VM"])
    table = _Table(VIF_OPERATIONS)
    if row["current_operations"]:
        table.refuse(other_operation(pool.profile, "VUSB", ref, row["current_operations"]), VIF_OPERATIONS)
    _plugged(table, ref, row, vm, ("plug", "unplug"))
    _vm_busy(pool, table, row["VM"], vm)
    return table.reasons


def allowed(reasons: Reasons) -> list[str]:
    return [op for op, failure in reasons.items() if failure is None]


def assert_valid(reasons: Reasons, op: str) -> None:
    failure = reasons[op]
    if failure is not None:
        raise failure
