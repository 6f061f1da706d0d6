"""The gate in front of an appliance: what may be done to its VMs together (xapi 24.10 and 26.17,
xapi_vm_appliance_lifecycle.ml)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.pool import Pool

# Which VMs an operation is for, and the text if there is none
_FOR: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "start": (lambda state: state == "Halted", "There are no halted VMs in this appliance."),
    "clean_shutdown": (lambda state: state == "Running", "There are no running VMs in this appliance."),
    "hard_shutdown": (lambda state: state != "Halted", "All VMs in this appliance are halted."),
    "shutdown": (lambda state: state != "Halted", "All VMs in this appliance are halted."),
}


def error(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> Failure | None:
    row = pool.db.row("VM_appliance", ref)
    current = {task: running for task, running in row["current_operations"].items() if task != ignore}
    if current:
        return other_operation(pool.profile, "VM_appliance", ref, current)
    if not row["VMs"]:
        return Failure("OPERATION_NOT_ALLOWED", "Appliance has no VMs.")
    concerned, refusal = _FOR[op]
    if any(concerned(pool.db.get("VM", vm, "power_state")) for vm in row["VMs"]):
        return None
    return Failure("OPERATION_NOT_ALLOWED", refusal)


def assert_valid(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> None:
    failure = error(pool, ref, op, ignore=ignore)
    if failure is not None:
        raise failure


def allowed(pool: Pool, ref: str) -> list[str]:
    return [op for op in _FOR if error(pool, ref, op) is None]
