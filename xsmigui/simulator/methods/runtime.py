"""VM and host while they run: live changes of memory and processors, keys, plug-ins, measurements, appliances."""

from __future__ import annotations

import math
from typing import Final

from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import Failure, float_text, internal
from xsmigui.simulator.gates.platform import boots_uefi
from xsmigui.simulator.gates.vdi import reach_sr
from xsmigui.simulator.methods.guests import gate
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.permissions import at_least
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
    if not boots_uefi(row):
        return "not_supported"
    if row["platform"].get("secureboot", "").lower() not in {"true", "1"}:
        return "disabled"
    return "ready" if "EFI-variables" in row["NVRAM"] else "first_boot"


@method("VM.send_sysrq")
@method("VM.send_trigger")
async def send_key(call: Call, vm: str, key: str) -> None:
    """No release has it (xapi_vm.ml)."""
    name = call.message.name
    async with operation(call, "VM", vm, name, lambda: gate(call, vm, name)):
        reach_home(call, vm)
        raise Failure("NOT_IMPLEMENTED", name)


def reach_home(call: Call, vm: str) -> None:
    """What is done to a domain is done by its host."""
    row = call.db.row("VM", vm)
    if row["power_state"] in {"Running", "Paused"}:
        call.pool.reach(row["resident_on"])


# -- plug-ins ----------------------------------------------------------------------------------------------------------

AGENT: Final = "guest-agent-operation"
_KNOWN: Final = frozenset({"request-rdp-on", "request-rdp-off", "run-script"})
_OF_A_SCRIPT: Final = ("username", "password", "script")
LONGEST_SCRIPT: Final = 1024  # bytes
PLUGIN_INTERVAL_S: Final = 10.0
"""Between two calls for one VM (xapi_globs.ml, vm_call_plugin_interval)."""


@method("VM.call_plugin")
async def vm_plugin(call: Call, vm: str, plugin: str, function: str, args: dict[str, str]) -> str:
    """The only one asks something of the guest's agent, which here does nothing of the kind; it does not wait for other
    operations."""
    gate(call, vm, "call_plugin")
    reach_home(call, vm)
    if plugin != AGENT:
        raise Failure("XENAPI_MISSING_PLUGIN", plugin)
    _throttle(call, vm)
    if function not in _KNOWN:
        text = f'The requested fn "{function}" could not be found in plugin "{plugin}".'
        raise Failure("XENAPI_PLUGIN_FAILURE", "failed to find fn", text, text)
    if function == "run-script":
        _assert_script(call, args)
    text = f'The requested fn "{function}" of plugin "{plugin}" could not be executed for lack of guest agent '
    raise Failure("XENAPI_PLUGIN_FAILURE", "failed to execute fn", text + "control feature.", text + "control feature.")


def _throttle(call: Call, vm: str) -> None:
    """One call in a while, answered or not (xapi_vm.ml, record_call_plugin_latest)."""
    latest, now = call.pool.plugin_calls, call.pool.clock.now()
    left = latest[vm] + PLUGIN_INTERVAL_S - now if vm in latest else 0.0
    if left > 0:
        raise Failure("VM_CALL_PLUGIN_RATE_LIMIT", vm, float_text(PLUGIN_INTERVAL_S), float_text(left))
    latest[vm] = now


def _assert_script(call: Call, args: dict[str, str]) -> None:
    """Only where the pool allows it, and by an administrator of VMs (xapi_vm.ml, run_script)."""
    if call.pool.row["other_config"].get("allow_guest_agent_run_script") != "true":
        raise Failure("FEATURE_RESTRICTED")
    for name in _OF_A_SCRIPT:
        if name not in args:
            raise Failure("XENAPI_PLUGIN_FAILURE", "missing argument", "", f"Argument {name} is required.")
    live = call.live
    if live is not None and not (live.superuser or live.roles & set(at_least("vm-power-admin"))):
        text = "No permission to run script, must have VM power admin role or higher."
        raise Failure("RBAC_PERMISSION_DENIED", "vm.call_plugin", text)
    if len(args["script"].encode()) > LONGEST_SCRIPT:
        text = f"The script length must not exceed {LONGEST_SCRIPT} bytes"
        raise Failure("XENAPI_PLUGIN_FAILURE", "length restriction", "", text)


@method("VM.call_host_plugin")
def plugin_beside_vm(call: Call, vm: str, plugin: str, function: str, args: dict[str, str]) -> str:
    state = call.db.get("VM", vm, "power_state")
    if state != "Running":
        raise Failure("VM_BAD_POWER_STATE", vm, "Running", state)
    gate(call, vm, "call_plugin")
    reach_home(call, vm)
    raise Failure("XENAPI_MISSING_PLUGIN", plugin)


@method("host.call_plugin")
def host_plugin(call: Call, host: str, plugin: str, function: str, args: dict[str, str]) -> str:
    """No plug-in is installed."""
    call.pool.reach(host)
    raise Failure("XENAPI_MISSING_PLUGIN", plugin)


@method("VM.import_convert")
def import_convert(call: Call, kind: str, user: str, password: str, sr: str, config: dict[str, str]) -> None:
    """A plug-in would do it."""
    raise Failure("XENAPI_MISSING_PLUGIN", "conversion")


# -- device models, preparation for cloning ----------------------------------------------------------------------------


@method("VM.restart_device_models")
async def restart_device_models(call: Call, vm: str) -> None:
    """A migration to the host where the VM is."""
    row = call.db.row("VM", vm)
    if row["power_state"] != "Running":
        raise Failure("VM_BAD_POWER_STATE", vm, "Running", row["power_state"])
    await child(call, "VM.pool_migrate", [vm, row["resident_on"], {"live": "true"}])


@method("VM.set_uefi_mode")
def set_uefi_mode(call: Call, vm: str, mode: str) -> str:
    call.db.row("VM", vm)
    return ""


LONGEST_ANSWER_FILE: Final = 32 << 10


@method("VM.sysprep")
def sysprep(call: Call, vm: str, unattend: str, timeout: float = 180.0) -> None:
    """Guests here say that they cannot (since 25.25, vm_sysprep.ml); it does not wait for other operations."""
    gate(call, vm, "sysprep")
    reach_home(call, vm)
    if timeout < 0:
        raise Failure("INVALID_VALUE", "timeout", float_text(timeout))
    row = call.db.row("VM", vm)
    reason = "VM driver does not support sysprep"
    if row["domid"] <= 0:
        reason = "VM is not running"
    elif len(unattend.encode()) > LONGEST_ANSWER_FILE:
        reason = "unattend.xml file too large"
    raise Failure("SYSPREP", row["uuid"], reason)


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
    _reach_measured(call, ref)
    return []


@method("host.query_data_source")
@method("SR.query_data_source")
def query_nothing(call: Call, ref: str, name: str) -> float:
    _reach_measured(call, ref)
    raise internal(f'Rrd.Invalid_data_source("{name}")')


@method("host.record_data_source")
@method("host.forget_data_source_archives")
@method("SR.record_data_source")
@method("SR.forget_data_source_archives")
def keep_nothing(call: Call, ref: str, name: str) -> None:
    _reach_measured(call, ref)


def _reach_measured(call: Call, ref: str) -> None:
    if call.message.cls == "host":
        call.pool.reach(ref)
    else:
        reach_sr(call.pool, ref)
