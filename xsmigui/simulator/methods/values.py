"""VM: what is set of it by calls that look at more than the value (xapi 24.10 and 26.17: xapi_vm.ml,
xapi_vm_helpers.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.methods.appliances import assert_quiesces
from xsmigui.simulator.methods.copies import vdi_checksum
from xsmigui.simulator.methods.guests import domain_type, gate, update_hardware
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.tables import Row

_NO_APPLIANCE: Final = "Control domains, templates and snapshots cannot be assigned to appliances."
_NO_GROUP: Final = "Control domains, templates, and snapshots cannot be added to VM groups."
LONGEST_BIOS_STRING: Final = 512
BIOS_STRINGS: Final = {
    "bios-vendor": "Xen", "bios-version": "", "system-manufacturer": "Xen", "system-product-name": "HVM domU",
    "system-version": "", "system-serial-number": "", "baseboard-manufacturer": "", "baseboard-product-name": "",
    "baseboard-version": "", "baseboard-serial-number": "", "baseboard-asset-tag": "",
    "baseboard-location-in-chassis": "", "enclosure-asset-tag": "", "hp-rombios": "", "oem-1": "Xen",
    "oem-2": "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d",
}  # fmt: skip
_NOT_SETTABLE: Final = frozenset({"hp-rombios", "oem-1", "oem-2"})


@method("VM.set_is_a_template")
async def set_is_a_template(call: Call, vm: str, value: bool) -> None:
    """What becomes a template has no groups, USB devices and measurements any more; what is none any more counts as
    installed now."""
    if not value:
        metrics = call.db.get("VM", vm, "metrics")
        if call.db.has("VM_metrics", metrics):
            call.db.set("VM_metrics", metrics, install_time=call.pool.clock.date())
        call.db.set("VM", vm, is_a_template=False)
        return
    async with operation(call, "VM", vm, "make_into_template", lambda: gate(call, vm, "make_into_template")):
        _into_template(call, vm)


def _into_template(call: Call, vm: str) -> None:
    row = call.db.row("VM", vm)
    if call.pool.row["ha_enabled"] and row["ha_always_run"] and row["ha_restart_priority"] == "restart":
        raise Failure("VM_IS_PROTECTED", vm)
    for usb in list(row["VUSBs"]):
        call.db.delete("VUSB", usb)
    if call.db.has("VM_metrics", row["metrics"]):
        call.db.delete("VM_metrics", row["metrics"])
    gone: Row = {"groups": []} if "groups" in call.pool.schema.classes["VM"].fields else {}
    call.db.set("VM", vm, is_a_template=True, ha_always_run=False, metrics=NULL, **gone)


@method("VM.set_is_default_template")
async def set_is_default_template(call: Call, vm: str, value: bool) -> None:
    if value and not call.db.get("VM", vm, "is_a_template"):
        await set_is_a_template(call, vm, value)
    config = {**call.db.get("VM", vm, "other_config"), "default_template": str(value).lower()}
    call.db.set("VM", vm, is_default_template=value, other_config=config)


@method("VM.set_suspend_VDI")
async def set_suspend_vdi(call: Call, vm: str, vdi: str) -> None:
    """Only one with the same content takes the place of a memory image, and only where a host sees it and the VM's
    disks; both are read (xapi_vm.ml, set_suspend_VDI)."""
    row = call.db.row("VM", vm)
    state = str(row["power_state"]).lower()
    if state != "suspended":
        raise Failure("VM_BAD_POWER_STATE", vm, "suspended", state)
    if call.db.get("VDI", vdi, "type") == "cbt_metadata":
        raise Failure("VDI_INCOMPATIBLE_TYPE", vm, "cbt_metadata")
    present = row["suspend_VDI"]
    if present != vdi:
        drives = (call.db.row("VBD", v) for v in row["VBDs"])
        needed = {call.db.get("VDI", d, "SR") for d in [vdi, *(v["VDI"] for v in drives if not v["empty"])]}
        hosts = (h for h in call.db.table("host") if call.pool.live(h))
        if not any(all(host_gate.sees(call.pool, host, sr) for sr in needed) for host in hosts):
            raise Failure("NO_HOSTS_AVAILABLE")
        sums = [await vdi_checksum(call, disk) for disk in (present, vdi)]
        if sums[0] != sums[1]:
            told = [f"{call.db.get('VDI', d, 'uuid')} : {s}" for d, s in zip((present, vdi), sums, strict=True)]
            raise Failure("SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", *told)
    call.db.set("VM", vm, suspend_VDI=vdi)


@method("VM.set_start_delay")
@method("VM.set_shutdown_delay")
@method("VM.set_order")
def set_sequence(call: Call, vm: str, value: int) -> None:
    field = call.message.name.removeprefix("set_")
    if value < 0:
        raise Failure("INVALID_VALUE", f"{field} must be non-negative", value)
    call.db.set("VM", vm, **{field: value})


@method("VM.set_domain_type")
def set_domain_type(call: Call, vm: str, value: str) -> None:
    if value == "unspecified":
        raise Failure("INVALID_VALUE", "domain_type", value)
    call.db.set("VM", vm, domain_type=value, HVM_boot_policy="BIOS order" if value == "hvm" else "")


@method("VM.set_HVM_boot_policy")
def set_boot_policy(call: Call, vm: str, value: str) -> None:
    call.db.set("VM", vm, domain_type=domain_type(value), HVM_boot_policy=value)


@method("VM.set_has_vendor_device")
def set_vendor_device(call: Call, vm: str, value: bool) -> None:
    state = str(call.db.get("VM", vm, "power_state")).lower()
    if state != "halted":
        raise Failure("VM_BAD_POWER_STATE", vm, "halted", state)
    call.db.set("VM", vm, has_vendor_device=value)
    update_hardware(call, vm)


@method("VM.set_bios_strings")
def set_bios_strings(call: Call, vm: str, value: dict[str, str]) -> None:
    """Once, and only what is known."""
    if call.db.get("VM", vm, "bios_strings"):
        raise Failure("VM_BIOS_STRINGS_ALREADY_SET")
    for key, text in value.items():
        if key not in BIOS_STRINGS or key in _NOT_SETTABLE:
            raise Failure("INVALID_VALUE", key, "Unknown key")
        if not text:
            raise Failure("INVALID_VALUE", key, "Value provided is empty")
        if len(text.encode()) > LONGEST_BIOS_STRING:
            raise Failure("INVALID_VALUE", key, f"{text} has length more than {LONGEST_BIOS_STRING} characters")
        if any(not " " <= c < "\x7f" for c in text):
            raise Failure("INVALID_VALUE", key, f"{text} has non-printable ASCII characters")
    call.db.set("VM", vm, bios_strings=BIOS_STRINGS | value)


@method("VM.copy_bios_strings")
def copy_bios_strings(call: Call, vm: str, host: str) -> None:
    """They bind the VM to the host that they come from."""
    if call.db.get("VM", vm, "bios_strings"):
        raise Failure("VM_BIOS_STRINGS_ALREADY_SET")
    call.db.set("VM", vm, bios_strings=dict(call.db.get("host", host, "bios_strings")), affinity=host)


@method("VM.set_snapshot_schedule")
def set_snapshot_schedule(call: Call, vm: str, value: str) -> None:
    features.assert_enabled(call.pool, "VMSS")
    known = call.db.has("VMSS", value)
    if not known and value not in {NULL, ""}:
        raise Failure("INVALID_VALUE", value)
    row = call.db.row("VM", vm)
    if known:
        _assert_scheduled(call, vm, row, value)
    call.db.set("VM", vm, snapshot_schedule=value)


def _assert_scheduled(call: Call, vm: str, row: Row, schedule: str) -> None:
    if row["is_control_domain"]:
        raise Failure("INVALID_VALUE", schedule)
    if row["is_a_template"]:
        raise Failure("VM_IS_TEMPLATE", vm)
    if call.db.get("VMSS", schedule, "type") == "snapshot_with_quiesce":
        features.assert_enabled(call.pool, "VSS")
        assert_quiesces(call, vm)


def _assert_ordinary(row: Row, refusal: str) -> None:
    if row["is_control_domain"] or row["is_a_template"] or row["is_a_snapshot"]:
        raise Failure("OPERATION_NOT_ALLOWED", refusal)


@method("VM.set_appliance")
def set_appliance(call: Call, vm: str, appliance: str) -> None:
    _assert_ordinary(call.db.row("VM", vm), _NO_APPLIANCE)
    call.db.set("VM", vm, appliance=appliance)


@method("VM.set_groups")
def set_groups(call: Call, vm: str, groups: list[str]) -> None:
    """At most one group a VM (since 24.19.1)."""
    features.assert_enabled(call.pool, "VM_groups")
    _assert_ordinary(call.db.row("VM", vm), _NO_GROUP)
    if len(groups) > 1:
        raise Failure("TOO_MANY_GROUPS")
    for group in groups:
        call.db.row("VM_group", group)
    call.db.set("VM", vm, groups=list(groups))


@method("VM.set_actions_after_crash")
def set_crash_action(call: Call, vm: str, value: str) -> None:
    host_gate.assert_crash_action(call.db.row("VM", vm), value)
    call.db.set("VM", vm, actions_after_crash=value)


@method("VM.set_NVRAM")
async def set_nvram(call: Call, vm: str, value: dict[str, str]) -> None:
    async with operation(call, "VM", vm, "changing_NVRAM", lambda: gate(call, vm, "changing_NVRAM")):
        call.db.set("VM", vm, NVRAM=value)


@method("VM.add_to_NVRAM")
async def add_to_nvram(call: Call, vm: str, key: str, value: str) -> None:
    async with operation(call, "VM", vm, "changing_NVRAM", lambda: gate(call, vm, "changing_NVRAM")):
        call.db.add_to("VM", vm, "NVRAM", key, value)


@method("VM.remove_from_NVRAM")
async def remove_from_nvram(call: Call, vm: str, key: str) -> None:
    async with operation(call, "VM", vm, "changing_NVRAM", lambda: gate(call, vm, "changing_NVRAM")):
        call.db.remove_from("VM", vm, "NVRAM", key)


@method("VM.update_secureboot_certificates_on_boot")
def mark_certificates(call: Call, vm: str, mark: bool) -> None:
    """Only where new certificates are there, or are to come already (since 26.15)."""
    state = call.db.get("VM", vm, "secureboot_certificates_state")
    if state not in {"update_available", "update_on_boot"}:
        text = f"Cannot {'set' if mark else 'clear'} update_on_boot: VM.secureboot_certificates_state "
        raise Failure("OPERATION_NOT_ALLOWED", text + "is not in a valid state")
    call.db.set("VM", vm, secureboot_certificates_state="update_on_boot" if mark else "update_available")


@method("VM.query_services")
def query_services(call: Call, vm: str) -> dict[str, str]:
    gate(call, vm, "query_services")
    raise Failure("NOT_IMPLEMENTED", "query_services")
