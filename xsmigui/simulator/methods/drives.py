"""VBD: drives of VMs (xapi 24.10 and 26.17: xapi_vbd.ml, xapi_vbd_helpers.ml, the locks of message_forwarding.ml)."""

from __future__ import annotations

import re
from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import attached
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.guests import device_name
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.tables import Row

_FOR_GUESTS: Final = frozenset({
    "system", "user", "ephemeral", "suspend", "crashdump", "metadata", "rrd", "pvs_cache",
})  # fmt: skip
_NO_FLOPPY: Final = "VBD of type 'floppy' is not supported on PV domain"
_MOTIONS: Final = frozenset({"migrate_send", "pool_migrate"})
_NAMED: Final = re.compile(r"(xvd|hd|sd|fd)([a-z]{1,2})\d*|d(\d+)(?:p\d+)?")
_WHOLE: Final = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|\d+)")
BACKEND: Final = "backend-kind"  # how storage wants its disks attached

Place = tuple[str, int]


def places(text: str) -> set[Place]:
    """What a device may mean: `0` is the first disk for Xen and for IDE (device_number.ml, of_string)."""
    if text.isdecimal():
        number = int(text)
        return {("xvd", number), ("hd" if number < 4 else "xvd", number)}
    found = _NAMED.fullmatch(text)
    if found is None:
        return set()
    if found[3] is not None:
        return {("xvd", int(found[3]))}
    number = 0
    for letter in found[2]:
        number = number * 26 + ord(letter) - ord("a") + 1
    return {(found[1], number - 1)}


def taken(call: Call, vm: Row) -> set[Place]:
    rows = [call.db.row("VBD", v) for v in vm["VBDs"]]
    return {place for row in rows for text in (row["device"], row["userdevice"]) for place in places(text)}


def _free(call: Call, vm: Row) -> list[str]:
    used = taken(call, vm)
    ide = vm["domain_type"] == "hvm"
    most = 256 if vm["is_control_domain"] and not ide else 255
    kind = {n: ("hd" if ide and n < 4 else "xvd", n) for n in range(most)}
    return [str(n) for n, place in kind.items() if place not in used]


@method("VM.get_allowed_VBD_devices")
def vbd_devices(call: Call, vm: str) -> list[str]:
    return _free(call, call.db.row("VM", vm))


@method("VBD.create")
def create(call: Call, struct: Row) -> str:
    db = call.db
    values = constructor_values(db, "VBD", struct)
    vm = db.row("VM", values["VM"])
    kind, mode, empty = values["type"], values["mode"], values["empty"]
    suspended = vm["power_state"] == "Suspended"
    if not empty and db.get("VDI", values["VDI"], "type") not in _FOR_GUESTS:
        raise Failure("VDI_INCOMPATIBLE_TYPE", values["VDI"], db.get("VDI", values["VDI"], "type"))
    if kind == "CD" and mode != "RO":
        raise Failure("VBD_CDS_MUST_BE_READONLY")
    if kind != "CD" and empty:
        raise Failure("VBD_NOT_REMOVABLE_MEDIA", "in constructor")
    if mode == "RW" and db.get("VDI", values["VDI"], "read_only"):
        raise Failure("VDI_READONLY", values["VDI"])
    moving = {task: op for task, op in vm["current_operations"].items() if op in _MOTIONS}
    if moving:
        raise other_operation(call.pool.profile, "VM", values["VM"], moving)
    values["userdevice"] = _device(call, vm, values["userdevice"], kind)
    if not empty:
        host_gate.assert_stays_agile(call.pool, values["VM"], sr=db.get("VDI", values["VDI"], "SR"))
        kept = db.get("VDI", values["VDI"], "sm_config")
        if BACKEND in kept:
            values["other_config"] = {BACKEND: kept[BACKEND], **values["other_config"]}
    if not suspended:
        values |= {"device": "", "currently_attached": False}
    return db.create("VBD", values)


def _device(call: Call, vm: Row, wanted: str, kind: str) -> str:
    if kind == "Floppy" and vm["domain_type"] != "hvm":
        raise Failure("NOT_IMPLEMENTED", _NO_FLOPPY)
    if wanted == "autodetect":
        free = _free(call, vm)
        if not free:
            raise Failure("INVALID_DEVICE", wanted)
        return free[0]
    if not places(wanted) and (kind == "Floppy" or not _WHOLE.fullmatch(wanted)):
        raise Failure("INVALID_DEVICE", wanted)
    if places(wanted) & taken(call, vm):
        raise Failure("DEVICE_ALREADY_EXISTS", wanted)
    return wanted


@method("VBD.destroy")
def destroy(call: Call, vbd: str) -> None:
    row = call.db.row("VBD", vbd)
    if row["currently_attached"]:
        owner = call.db.get("VM", row["VM"], "uuid")
        raise Failure("OPERATION_NOT_ALLOWED", f"VBD '{row['uuid']}' still attached to '{owner}'")
    call.db.delete("VBD", vbd)


def _check(call: Call, vbd: str, op: str) -> None:
    attached.assert_valid(attached.vbd(call.pool, vbd), op)


def _reach(call: Call, row: Row) -> None:
    """What is done to a domain is done by its host."""
    host = call.db.get("VM", row["VM"], "resident_on")
    if call.db.has("host", host):
        call.pool.reach(host)


@method("VBD.plug")
async def plug(call: Call, vbd: str) -> None:
    async with operation(call, "VBD", vbd, "plug", lambda: _check(call, vbd, "plug")):
        row = call.db.row("VBD", vbd)
        _reach(call, row)
        await call.pause(0.5)
        call.db.set("VBD", vbd, currently_attached=True, device=device_name(row["userdevice"]))
        _touch_disk(call, row)


@method("VBD.unplug")
@method("VBD.unplug_force")
@method("VBD.unplug_force_no_safety_check")
async def unplug(call: Call, vbd: str) -> None:
    op = "unplug" if call.message.name == "unplug" else "unplug_force"
    async with operation(call, "VBD", vbd, op, lambda: _check(call, vbd, op)):
        row = call.db.row("VBD", vbd)
        _reach(call, row)
        await call.pause(0.5)
        _touch_disk(call, row)
        call.db.set("VBD", vbd, currently_attached=False)


def _touch_disk(call: Call, vbd: Row) -> None:
    """A guest writes to a disk when it gets it, and until it lets it go."""
    if call.db.has("VDI", vbd["VDI"]):
        call.pool.contents.read(call.pool, vbd["VDI"])


@method("VBD.eject")
async def eject(call: Call, vbd: str) -> None:
    async with operation(call, "VBD", vbd, "eject", lambda: _check(call, vbd, "eject")):
        _reach(call, call.db.row("VBD", vbd))
        await call.pause(0.5)
        call.db.set("VBD", vbd, VDI=NULL, empty=True)


@method("VBD.insert")
async def insert(call: Call, vbd: str, vdi: str) -> None:
    async with operation(call, "VBD", vbd, "insert", lambda: _check(call, vbd, "insert")):
        if not call.db.get("VDI", vdi, "managed"):
            raise Failure("VDI_NOT_MANAGED", vdi)
        owner = call.db.get("VBD", vbd, "VM")
        host_gate.assert_stays_agile(call.pool, owner, sr=call.db.get("VDI", vdi, "SR"))
        _reach(call, call.db.row("VBD", vbd))
        await call.pause(0.5)
        call.db.set("VBD", vbd, VDI=vdi, empty=False)


@method("VBD.set_mode")
def set_mode(call: Call, vbd: str, value: str) -> None:
    """While the VM is halted."""
    vm = call.db.get("VBD", vbd, "VM")
    state = str(call.db.get("VM", vm, "power_state")).lower()
    if state != "halted":
        raise Failure("VM_BAD_POWER_STATE", vm, "halted", state)
    call.db.set("VBD", vbd, mode=value)


@method("VBD.pause")
@method("VBD.unpause")
async def pause(call: Call, vbd: str, token: str = "") -> str:
    """Storage that could be paused beneath a guest is no longer supported."""
    op = call.message.name
    async with operation(call, "VBD", vbd, op, lambda: _check(call, vbd, op)):
        raise Failure("SR_OPERATION_NOT_SUPPORTED", call.db.get("VDI", call.db.get("VBD", vbd, "VDI"), "SR"))


@method("VBD.assert_attachable")
def assert_attachable(call: Call, vbd: str) -> None:
    _check(call, vbd, "attach")
