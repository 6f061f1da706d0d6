"""VM and host while they run: live changes of memory and processors, keys, plug-ins, measurements, appliances."""

from __future__ import annotations

import math
from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure, internal
from xsmigui.simulator.gates.vdi import reach_sr
from xsmigui.simulator.methods.guests import gate
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.tables import Row


@method("VM.get_cooperative")
def cooperative(call: Call, vm: str) -> bool:
    return vm not in call.pool.faults.unresponsive


@method("host.get_uncooperative_resident_VMs")
def uncooperative(call: Call, host: str) -> list[str]:
    return [v for v in call.db.get("host", host, "resident_VMs") if v in call.pool.faults.unresponsive]


@method("VM.get_boot_record")
async def boot_record(call: Call, vm: str) -> Row:
    async with operation(call, "VM", vm, "get_boot_record", lambda: gate(call, vm, "get_boot_record")):
        return call.db.tables["VM"].shown(vm)


@method("VM.get_secureboot_readiness")
def secureboot_readiness(call: Call, vm: str) -> str:
    """Of guests that start with UEFI (xapi_vm.ml, since 24.17)."""
    row = call.db.row("VM", vm)
    if row["HVM_boot_params"].get("firmware", "bios") != "uefi":
        return "not_supported"
    if row["platform"].get("secureboot", "").lower() not in {"true", "1"}:
        return "disabled"
    return "ready" if "EFI-variables" in row["NVRAM"] else "first_boot"


@method("VM.send_sysrq")
@method("VM.send_trigger")
def send_key(call: Call, vm: str, key: str) -> None:
    gate(call, vm, call.message.name)
    raise Failure("NOT_IMPLEMENTED", call.message.full)


@method("VM.call_plugin")
def vm_plugin(call: Call, vm: str, plugin: str, function: str, args: dict[str, str]) -> str:
    gate(call, vm, "call_plugin")
    raise _no_plugin(plugin, function)


@method("host.call_plugin")
def host_plugin(call: Call, host: str, plugin: str, function: str, args: dict[str, str]) -> str:
    """No plug-in is installed."""
    call.db.row("host", host)
    call.pool.reach(host)
    raise _no_plugin(plugin, function)


def _no_plugin(plugin: str, function: str) -> Failure:
    return Failure("XENAPI_MISSING_PLUGIN", plugin)


WRITES: Final = 256 << 10
"""Bytes a second that a running guest writes to each disk unless `set_write_rate` says otherwise."""


def _measured(call: Call, vm: str) -> dict[str, float]:
    """What is measured of a running VM: the rates of its disks, as rrdd names them."""
    row = call.db.row("VM", vm)
    if row["power_state"] != "Running":
        return {}
    rate = call.pool.faults.writing.get(vm, float(WRITES))
    devices = [call.db.get("VBD", v, "device") for v in row["VBDs"] if call.db.get("VBD", v, "type") == "Disk"]
    return {f"vbd_{d}_{way}": rate for d in devices if d for way in ("read", "write")}


@method("VM.get_data_sources")
async def vm_data_sources(call: Call, vm: str) -> list[Row]:
    async with operation(call, "VM", vm, "data_source_op", lambda: gate(call, vm, "data_source_op")):
        return [
            {"name_label": name, "name_description": "", "enabled": True, "standard": True, "units": "B/s", "min": 0.0,
             "max": math.inf, "value": value}
            for name, value in _measured(call, vm).items()
        ]  # fmt: skip


@method("VM.query_data_source")
def query_data_source(call: Call, vm: str, name: str) -> float:
    state = str(call.db.get("VM", vm, "power_state"))
    if state not in {"Running", "Paused"}:
        raise Failure("VM_BAD_POWER_STATE", vm, "running;paused", state.lower())
    found = _measured(call, vm)
    if name not in found:
        raise internal(f'Rrd.Invalid_data_source("{name}")')
    return found[name]


@method("VM.record_data_source")
@method("VM.forget_data_source_archives")
async def data_source(call: Call, vm: str, name: str) -> None:
    """Everything that can be measured is, and nothing is kept."""
    async with operation(call, "VM", vm, "data_source_op", lambda: gate(call, vm, "data_source_op")):
        pass


@method("host.get_data_sources")
@method("SR.get_data_sources")
def data_sources(call: Call, ref: str) -> list[Row]:
    """Nothing is measured."""
    if call.message.cls == "host":
        call.pool.reach(ref)
    else:
        reach_sr(call.pool, ref)
    return []
