"""VM: how much memory and how many processors it has (xapi 24.10 and 26.17: xapi_vm.ml, xapi_vm_memory_constraints.ml,
and the gates in message_forwarding.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure, float_text, internal
from xsmigui.simulator.gates.memory import free_memory, maximise, memory_overhead
from xsmigui.simulator.gates.vm import Subject
from xsmigui.simulator.methods.guests import gate
from xsmigui.simulator.methods.locking import operation

_AT_STARTUP: Final = "VCPU values must satisfy: 0 < VCPUs_at_startup \N{LESS-THAN OR EQUAL TO} VCPUs_max"
Limits = tuple[int, int, int, int]  # static_min, dynamic_min, dynamic_max, static_max


def _assert_in_order(call: Call, vm: str, limits: Limits) -> None:
    """static_min ≤ dynamic_min ≤ dynamic_max ≤ static_max; the last three are one where memory cannot be ballooned."""
    low, dynamic_min, dynamic_max, high = limits
    pinned = _pinned(call, vm)
    if pinned and not low <= dynamic_min == dynamic_max == high:
        raise Failure("MEMORY_CONSTRAINT_VIOLATION_MAXPIN", pinned)
    if not low <= dynamic_min <= dynamic_max <= high:
        raise Failure("MEMORY_CONSTRAINT_VIOLATION_ORDER")


def _pinned(call: Call, vm: str) -> str:
    if not features.enabled(call.pool, "DMC"):
        return "DMC disabled"
    if call.db.get("VM", vm, "is_control_domain"):
        return "control domain"
    return "nested virt" if Subject.of(call.pool, vm).says("nested_virt", "nested-virt") else ""


def _limits(call: Call, vm: str) -> Limits:
    row = call.db.row("VM", vm)
    return (
        row["memory_static_min"], row["memory_dynamic_min"], row["memory_dynamic_max"], row["memory_static_max"],
    )  # fmt: skip


def update_overhead(call: Call, vm: str) -> None:
    call.db.set("VM", vm, memory_overhead=memory_overhead(call.pool.profile, call.db.row("VM", vm)))


def _needs_reboot(call: Call, vm: str) -> None:
    """A running control domain has its new values after the next reboot of its host."""
    row = call.db.row("VM", vm)
    if row["is_control_domain"] and row["power_state"] == "Running":
        call.db.set("VM", vm, requires_reboot=True)


@method("VM.set_memory_limits")
async def set_limits(call: Call, vm: str, low: int, high: int, dynamic_min: int, dynamic_max: int) -> None:
    async with operation(call, "VM", vm, "changing_memory_limits", lambda: gate(call, vm, "changing_memory_limits")):
        _assert_in_order(call, vm, (low, dynamic_min, dynamic_max, high))
        call.db.set(
            "VM", vm, memory_static_min=low, memory_static_max=high, memory_dynamic_min=dynamic_min,
            memory_dynamic_max=dynamic_max, memory_target=dynamic_min,
        )  # fmt: skip
        update_overhead(call, vm)
        _needs_reboot(call, vm)


@method("VM.set_memory")
async def set_memory(call: Call, vm: str, value: int) -> None:
    await set_limits(call, vm, _limits(call, vm)[0], value, value, value)


@method("VM.set_memory_dynamic_range")
async def set_dynamic_range(call: Call, vm: str, low: int, high: int) -> None:
    async with operation(call, "VM", vm, "changing_dynamic_range", lambda: gate(call, vm, "changing_dynamic_range")):
        _reserve(call, vm, low)
        limits = _limits(call, vm)
        _assert_in_order(call, vm, (limits[0], low, high, limits[3]))
        call.db.set("VM", vm, memory_dynamic_min=low, memory_dynamic_max=high, memory_target=low)


def _reserve(call: Call, vm: str, low: int) -> None:
    """A running VM gets more only where its host has it (message_forwarding.ml, reserve_memory_for_dynamic_change)."""
    row = call.db.row("VM", vm)
    more = low - row["memory_dynamic_min"]
    if row["power_state"] == "Running" and more > 0:
        free = free_memory(call.pool, row["resident_on"])
        if more > free:
            raise Failure("HOST_NOT_ENOUGH_FREE_MEMORY", more // 1024, free // 1024)  # in KiB, here alone


@method("VM.set_memory_dynamic_min")
async def set_dynamic_min(call: Call, vm: str, value: int) -> None:
    await set_dynamic_range(call, vm, value, _limits(call, vm)[2])


@method("VM.set_memory_dynamic_max")
async def set_dynamic_max(call: Call, vm: str, value: int) -> None:
    await set_dynamic_range(call, vm, _limits(call, vm)[1], value)


@method("VM.set_memory_static_range")
async def set_static_range(call: Call, vm: str, low: int, high: int) -> None:
    async with operation(call, "VM", vm, "changing_static_range", lambda: gate(call, vm, "changing_static_range")):
        _, dynamic_min, dynamic_max, _ = _limits(call, vm)
        _assert_in_order(call, vm, (low, dynamic_min, dynamic_max, high))
        call.db.set("VM", vm, memory_static_min=low, memory_static_max=high)
        update_overhead(call, vm)
        _needs_reboot(call, vm)


@method("VM.set_memory_static_min")
async def set_static_min(call: Call, vm: str, value: int) -> None:
    await set_static_range(call, vm, value, _limits(call, vm)[3])


@method("VM.set_memory_static_max")
async def set_static_max(call: Call, vm: str, value: int) -> None:
    await set_static_range(call, vm, _limits(call, vm)[0], value)


@method("VM.set_memory_target_live")
def set_target_live(call: Call, vm: str, target: int) -> None:
    """Has no effect any more: VM.set_memory_dynamic_range took its place."""
    gate(call, vm, "changing_memory_live")


@method("VM.wait_memory_target_live")
async def wait_target_live(call: Call, vm: str) -> None:
    async with operation(call, "VM", vm, "awaiting_memory_live", lambda: gate(call, vm, "awaiting_memory_live")):
        await call.pause(1)


@method("VM.compute_memory_overhead")
def compute_overhead(call: Call, vm: str) -> int:
    return memory_overhead(call.pool.profile, call.db.row("VM", vm))


@method("VM.maximise_memory")
def maximise_memory(call: Call, vm: str, total: int, approximate: bool) -> int:
    return maximise(call.pool.profile, call.db.row("VM", vm), total, approximate=approximate)


@method("VM.set_HVM_shadow_multiplier")
async def set_shadow(call: Call, vm: str, value: float) -> None:
    async with operation(call, "VM", vm, "changing_shadow_memory", lambda: gate(call, vm, "changing_shadow_memory")):
        _assert_multiplier(value)
        call.db.set("VM", vm, HVM_shadow_multiplier=value)
        update_overhead(call, vm)


@method("VM.set_shadow_multiplier_live")
async def set_shadow_live(call: Call, vm: str, value: float) -> None:
    op = "changing_shadow_memory_live"
    async with operation(call, "VM", vm, op, lambda: gate(call, vm, op)):
        _assert_multiplier(value)
        call.db.set("VM", vm, HVM_shadow_multiplier=value)
        update_overhead(call, vm)


def _assert_multiplier(value: float) -> None:
    if value < 1.0:
        raise Failure("INVALID_VALUE", "multiplier", float_text(value))


# -- processors --------------------------------------------------------------------------------------------------------


def _is_dom0(call: Call, vm: str) -> bool:
    row = call.db.row("VM", vm)
    host = call.db.find("host", row["resident_on"])
    return bool(row["is_control_domain"]) and host is not None and host["control_domain"] == vm


@method("VM.set_VCPUs_max")
async def set_vcpus_max(call: Call, vm: str, value: int) -> None:
    async with operation(call, "VM", vm, "changing_VCPUs", lambda: gate(call, vm, "changing_VCPUs")):
        if value < max(1, call.db.get("VM", vm, "VCPUs_at_startup")):
            raise Failure("INVALID_VALUE", _AT_STARTUP, value)
        call.db.set("VM", vm, VCPUs_max=value)
        update_overhead(call, vm)
        _needs_reboot(call, vm)


@method("VM.set_VCPUs_at_startup")
def set_vcpus_at_startup(call: Call, vm: str, value: int) -> None:
    """In any power state: it counts when the VM starts."""
    if _is_dom0(call, vm):
        raise Failure("OPERATION_NOT_ALLOWED", "set_VCPUs_at_startup is not allowed on dom0")
    if not 1 <= value <= call.db.get("VM", vm, "VCPUs_max"):
        raise Failure("INVALID_VALUE", _AT_STARTUP, value)
    call.db.set("VM", vm, VCPUs_at_startup=value)
    update_overhead(call, vm)


@method("VM.set_VCPUs_number_live")
async def set_vcpus_live(call: Call, vm: str, count: int) -> None:
    async with operation(call, "VM", vm, "changing_VCPUs_live", lambda: gate(call, vm, "changing_VCPUs_live")):
        features.assert_enabled(call.pool, "Live_set_vcpus")
        row = call.db.row("VM", vm)
        if not 0 < count <= row["VCPUs_max"]:
            raise internal(f"Xenops_interface.Xenopsd_error([S(Maximum_vcpus);I({row['VCPUs_max']})])")
        call.db.set("VM", vm, VCPUs_at_startup=count)
        if call.db.has("VM_metrics", row["metrics"]):
            call.db.set("VM_metrics", row["metrics"], VCPUs_number=count)


@method("VM.add_to_VCPUs_params_live")
def add_vcpus_params(call: Call, vm: str, key: str, value: str) -> None:
    gate(call, vm, "changing_VCPUs_live")
    raise Failure("NOT_IMPLEMENTED", "add_to_VCPUs_params_live")
