"""OTHER_OPERATION_IN_PROGRESS: how each class names what is under way.

Since 25.27 class, reference, operation and task. Before, VMs join the class and the operation, and disks and pools do
not say which operation it is (xapi 24.10 and 26.17: xapi_vm_lifecycle.ml, report_concurrent_operations_error;
xapi_vdi.ml, check_operation_error; valid_operations of xapi_host_helpers.ml, xapi_sr_operations.ml,
xapi_vbd_helpers.ml, xapi_vif_helpers.ml, xapi_vusb_helpers.ml).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from xsmigui.simulator.failures import Failure
from xsmigui.simulator.profiles import Profile

# record_util.ml: what operations of VMs and hosts are called in errors
_UNNAMED: Final = frozenset({"changing_VCPUs", "changing_memory_limits", "query_services", "create_template"})
_OTHERWISE: Final = {"data_source_op": "data_sources_op", "assert_operation_valid": "assertoperationvalid"}
_OF_HOSTS: Final = {"vm_start": "VM.start", "vm_resume": "VM.resume", "vm_migrate": "VM.migrate"}


def vm_operation(profile: Profile, op: str) -> str:
    """What an error calls an operation of a VM; `shutdown` has had a name since 24.18."""
    if op in _UNNAMED or (op == "shutdown" and not profile.at_least("24.18.0")):
        return "(unknown operation)"
    return _OTHERWISE.get(op, op)


def other_operation(profile: Profile, cls: str, ref: str, current: Mapping[str, str]) -> Failure:
    """`current` maps tasks to operations; where only one can be named it is the first."""
    tasks = list(current)
    names = [_name(profile, cls, op) for op in current.values()]
    if profile.names_other_operations:
        return Failure("OTHER_OPERATION_IN_PROGRESS", cls, ref, *_named(cls, names, tasks))
    if cls == "VM":
        return Failure("OTHER_OPERATION_IN_PROGRESS", f"VM.{names[0] if len(names) == 1 else _set(names, ',')}", ref)
    if cls in {"VDI", "pool"}:
        return Failure("OTHER_OPERATION_IN_PROGRESS", cls, ref)
    return Failure("OTHER_OPERATION_IN_PROGRESS", cls, ref, names[0])


def _name(profile: Profile, cls: str, op: str) -> str:
    if cls == "VM":
        return vm_operation(profile, op)
    return _OF_HOSTS.get(op, op) if cls == "host" else op


def _named(cls: str, names: list[str], tasks: list[str]) -> tuple[str, str]:
    if cls in {"VIF", "VUSB"}:  # folded into lists, the latest first
        return _set(reversed(names), "; "), _set(reversed(tasks), "; ")
    if cls == "VM" and len(names) > 1:
        return _set(names, ","), _set(tasks, ",")
    return names[0], tasks[0]


def _set(words: Iterable[str], separator: str) -> str:
    return "{" + separator.join(words) + "}"
