"""VM_appliance and VMSS: VMs that are started, stopped and snapshotted together (xapi 24.10 and 26.17:
xapi_vm_appliance.ml, xapi_vmss.ml, map_check.ml)."""

from __future__ import annotations

import asyncio
from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import Failure, internal
from xsmigui.simulator.gates import appliances as gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.tables import Row


@method("VM_appliance.start")
@method("VM_appliance.clean_shutdown")
@method("VM_appliance.hard_shutdown")
@method("VM_appliance.shutdown")
async def appliance(call: Call, ref: str, paused: bool = False) -> None:
    """All VMs that are not yet as they should be, one order after the other: upwards to start, downwards to stop."""
    db, op = call.db, call.message.name
    starting = op == "start"
    if starting:
        features.assert_enabled(call.pool, "VM_appliance_start")
    wanted = ("Paused" if paused else "Running") if starting else "Halted"

    def elsewhere(vms: list[str]) -> list[str]:
        return [vm for vm in vms if db.has("VM", vm) and db.get("VM", vm, "power_state") != wanted]

    def check() -> None:
        gate.assert_valid(call.pool, ref, op, ignore=call.task)

    async with operation(call, "VM_appliance", ref, op, check):
        vms = elsewhere(db.get("VM_appliance", ref, "VMs"))
        for order in sorted({db.get("VM", vm, "order") for vm in vms}, reverse=not starting):
            more = [paused, False] if starting else []
            together = [child(call, f"VM.{op}", [vm, *more]) for vm in vms if db.get("VM", vm, "order") == order]
            await asyncio.gather(*together, return_exceptions=True)
        left = elsewhere(vms)
        if left:
            raise Failure("OPERATION_PARTIALLY_FAILED", call.message.full, *left)


# -- schedules ---------------------------------------------------------------------------------------------------------

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MINUTES: Final = ("0", "15", "30", "45")
# What each frequency says, and its first value
_KEYS: Final = {
    "hourly": {"min": "0"}, "daily": {"hour": "0", "min": "0"}, "weekly": {"hour": "0", "min": "0", "days": "Monday"},
}  # fmt: skip


def _invalid(key: str, value: str) -> Failure:
    return Failure("INVALID_VALUE", f"schedule:{key}" if key else "schedule", value)


def _checked(key: str, value: str) -> str:
    """The value as xapi writes it: hours 0 to 23, quarters of an hour, days separated by commas."""
    match key:
        case "min":
            if value not in _MINUTES:
                raise _invalid(key, value)
            return value
        case "hour":
            if not value.lstrip("-").isdecimal() or int(value) not in range(24):
                raise _invalid(key, value)
            return value
        case "days":
            known = {day.lower(): day for day in _DAYS}
            days: list[str] = []
            for word in reversed(value.split(",")):
                day = known.get(word.lower())
                if day is None:
                    raise _invalid(key, word)
                if day in days:
                    raise _invalid(key, value)
                days.insert(0, day)
            return ",".join(days)
    raise _invalid(key, value)


def _fitting(frequency: str, schedule: dict[str, str]) -> dict[str, str]:
    """The keys of a frequency: what is missing is added, what it does not know is left out."""
    return {key: _checked(key, schedule.get(key, first)) for key, first in _KEYS[frequency].items()}


def _assert_retained(count: int) -> None:
    if count not in range(1, 11):
        raise Failure("INVALID_VALUE", "retained_snapshots", count)


def _licensed(call: Call, quiesced: bool = False) -> None:
    features.assert_enabled(call.pool, "VMSS")
    if quiesced:
        features.assert_enabled(call.pool, "VSS")


@method("VMSS.create")
def create(call: Call, struct: Row) -> str:
    values = constructor_values(call.db, "VMSS", struct)
    _licensed(call, values["type"] == "snapshot_with_quiesce")
    frequency, schedule = values["frequency"], values.get("schedule", {})
    for key, value in schedule.items():
        if key not in _KEYS[frequency]:
            raise _invalid(key, value)
        _checked(key, value)
    values["schedule"] = _fitting(frequency, schedule)
    _assert_retained(values.get("retained_snapshots", 7))
    return call.db.create("VMSS", values)


@method("VMSS.destroy")
def destroy(call: Call, schedule: str) -> None:
    """With the messages about it."""
    _licensed(call)
    row = call.db.row("VMSS", schedule)
    if row["VMs"]:
        raise Failure("VMSS_HAS_VM")
    messages = call.pool.messages
    for ref in [ref for ref, message in messages.rows.items() if message["obj_uuid"] == row["uuid"]]:
        messages.remove(ref)
    call.db.delete("VMSS", schedule)


@method("VMSS.set_frequency")
def set_frequency(call: Call, schedule: str, value: str) -> None:
    _licensed(call)
    fitting = _fitting(value, call.db.get("VMSS", schedule, "schedule"))
    call.db.set("VMSS", schedule, frequency=value, schedule=fitting)


@method("VMSS.set_schedule")
def set_schedule(call: Call, schedule: str, value: dict[str, str]) -> None:
    """What is not given stays."""
    _licensed(call)
    merged = {**call.db.get("VMSS", schedule, "schedule"), **value}
    call.db.set("VMSS", schedule, schedule={key: _checked(key, text) for key, text in merged.items()})


@method("VMSS.remove_from_schedule")
def remove_from_schedule(call: Call, schedule: str, key: str) -> None:
    _licensed(call)
    call.pool.last_schedule = dict(call.db.get("VMSS", schedule, "schedule"))
    call.db.remove_from("VMSS", schedule, "schedule", key)


@method("VMSS.add_to_schedule")
def add_to_schedule(call: Call, schedule: str, key: str, value: str) -> None:
    """What cannot be added leaves the value that was taken away last, so that `xe` loses none; where there is none,
    that fails in turn."""
    _licensed(call)
    present = call.db.get("VMSS", schedule, "schedule")
    try:
        checked = {name: _checked(name, text) for name, text in ({key: value} | present | {key: value}).items()}
        call.db.add_to("VMSS", schedule, "schedule", key, checked[key])
    except Failure:
        if key not in call.pool.last_schedule:
            raise internal("Not_found") from None
        call.db.add_to("VMSS", schedule, "schedule", key, call.pool.last_schedule[key])
        raise


@method("VMSS.set_type")
def set_type(call: Call, schedule: str, value: str) -> None:
    _licensed(call, value == "snapshot_with_quiesce")
    if value == "snapshot_with_quiesce":
        for vm in call.db.get("VMSS", schedule, "VMs"):
            assert_quiesces(call, vm)
    call.db.set("VMSS", schedule, type=value)


def assert_quiesces(call: Call, vm: str) -> None:
    """What the guest would have to say, though no release makes such snapshots any more (xapi_vm_helpers.ml)."""
    row = call.db.row("VM", vm)
    if any(disk["sm_config"].get("on_boot") == "reset" for disk in vm_gate.disks(call.pool, row, cds=True)):
        raise Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
    guest = call.db.find("VM_guest_metrics", row["guest_metrics"])
    if guest is None or "1" not in {guest["other"].get(f"feature-{word}") for word in ("snapshot", "quiesce")}:
        raise Failure("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm)


@method("VMSS.set_last_run_time")
def set_last_run_time(call: Call, schedule: str, value: str) -> None:
    _licensed(call)
    call.db.set("VMSS", schedule, last_run_time=value)


@method("VMSS.set_retained_snapshots")
def set_retained(call: Call, schedule: str, value: int) -> None:
    _licensed(call)
    _assert_retained(value)
    call.db.set("VMSS", schedule, retained_snapshots=value)


@method("VMSS.snapshot_now")
async def snapshot_now(call: Call, schedule: str) -> str:
    """A snapshot (or checkpoint) of each VM of the schedule, one after the other."""
    _licensed(call)
    row = call.db.row("VMSS", schedule)
    name = "VM.checkpoint" if row["type"] == "checkpoint" else "VM.snapshot"
    moment = call.pool.clock.date()
    for vm in row["VMs"]:
        await child(call, name, [vm, f"{row['name_label']}-{moment}"])
    call.db.set("VMSS", schedule, last_run_time=moment)
    return ""
