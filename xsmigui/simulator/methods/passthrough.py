"""VGPU, GPU_group, PGPU, PCI, PUSB, USB_group: what a VM gets of its host's devices (xapi 24.10 and 26.17:
xapi_vgpu.ml, xapi_gpu_group.ml, xapi_pgpu.ml, xapi_pci.ml, xapi_pusb.ml, xapi_usb_group.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.gates import devices
from xsmigui.simulator.guests import remove_vdi

LAST_DEVICE: Final = 20  # the guest's PCI bus has no more slots


# -- virtual GPUs ------------------------------------------------------------------------------------------------------


@method("VGPU.create")
def create_vgpu(
    call: Call, vm: str, group: str, device: str = "0", other_config: dict[str, str] | None = None, kind: str = NULL
) -> str:
    """Device 0 means the first that is free. Several in one VM are of types that go together."""
    db = call.db
    row = db.row("VM", vm)
    if not features.enabled(call.pool, "GPU"):
        raise Failure("FEATURE_RESTRICTED")
    state = str(row["power_state"]).lower()
    if not row["is_a_snapshot"] and state != "halted":
        raise Failure("VM_BAD_POWER_STATE", vm, "halted", state)
    if kind == NULL:
        kind = _whole_gpu(call)
    elif not db.has("VGPU_type", kind):
        raise Failure("INVALID_VALUE", "type", kind)
    beside = [db.row("VGPU", ref) for ref in row["VGPUs"]]
    if any(kind not in db.get("VGPU_type", other["type"], "compatible_types_in_vm") for other in beside):
        raise Failure("VGPU_TYPE_NOT_COMPATIBLE", kind)
    values = {"VM": vm, "GPU_group": group, "type": kind, "other_config": other_config or {}}
    return db.create("VGPU", {**values, "device": _device(vm, device, {int(v["device"]) for v in beside})})


def _whole_gpu(call: Call) -> str:
    """The type that stands for a GPU which a VM gets as it is."""
    for ref, row in call.db.table("VGPU_type").items():
        if row["implementation"] == "passthrough":
            return ref
    return call.db.create("VGPU_type", {
        "model_name": "passthrough", "implementation": "passthrough", "identifier": "0001:0000,0000,0000,00",
    })  # fmt: skip


def _device(vm: str, wanted: str, taken: set[int]) -> str:
    try:
        number = int(wanted, 0)
    except ValueError:
        raise internal('Failure("int_of_string")') from None
    if number == 0:
        free = next((n for n in range(LAST_DEVICE + 1) if n not in taken), None)
        if free is None:
            raise Failure("VM_PCI_BUS_FULL", vm)
        return str(free)
    if number in taken:
        raise Failure("DEVICE_ALREADY_EXISTS", wanted)
    if not 0 <= number <= LAST_DEVICE:
        raise Failure("INVALID_DEVICE", wanted)
    return wanted


@method("VGPU.destroy")
def destroy_vgpu(call: Call, vgpu: str) -> None:
    vm = call.db.get("VGPU", vgpu, "VM")
    if call.db.get("VM", vm, "power_state") in {"Running", "Paused"}:
        raise Failure("OPERATION_NOT_ALLOWED", "vGPU currently attached to a running VM")
    call.db.delete("VGPU", vgpu)


# -- groups ------------------------------------------------------------------------------------------------------------


@method("GPU_group.create")
@method("USB_group.create")
def create_group(call: Call, name: str = "", about: str = "", other_config: dict[str, str] | None = None) -> str:
    values = {"name_label": name, "name_description": about, "other_config": other_config or {}}
    more = {"allocation_algorithm": "depth_first"} if call.message.cls == "GPU_group" else {}
    return call.db.create(call.message.cls, {**values, **more})


@method("GPU_group.destroy")
@method("USB_group.destroy")
def destroy_group(call: Call, group: str) -> None:
    """With the virtual devices that wait for one of it."""
    cls, kind = call.message.cls, call.message.cls.partition("_")[0]
    row = call.db.row(cls, group)
    virtual, physical = list(row[f"V{kind}s"]), row[f"P{kind}s"]
    connected = [ref for ref in virtual if call.db.get(f"V{kind}", ref, "currently_attached")]
    if connected:
        raise Failure(f"{kind}_GROUP_CONTAINS_V{kind}", *connected)
    if physical:
        raise Failure(f"{kind}_GROUP_CONTAINS_P{kind}", *physical)
    for ref in virtual:
        call.db.delete(f"V{kind}", ref)
    call.db.delete(cls, group)


def _refresh_group(call: Call, group: str) -> None:
    """What its GPUs can do is what the group can."""
    if not call.db.has("GPU_group", group):
        return
    gpus = [call.db.row("PGPU", ref) for ref in call.db.get("GPU_group", group, "PGPUs")]
    fields = ("enabled_VGPU_types", "supported_VGPU_types")
    call.db.set("GPU_group", group, **{f: sorted({kind for gpu in gpus for kind in gpu[f]}) for f in fields})


# -- GPUs --------------------------------------------------------------------------------------------------------------


def _assert_supported(call: Call, gpu: str, kind: str) -> None:
    known = call.db.get("PGPU", gpu, "supported_VGPU_types")
    if kind not in known:
        raise Failure("VGPU_TYPE_NOT_SUPPORTED", kind, *known)


def _assert_not_in_use(call: Call, gpu: str, kind: str) -> None:
    resident = [call.db.row("VGPU", ref) for ref in call.db.get("PGPU", gpu, "resident_VGPUs")]
    vms = [vgpu["VM"] for vgpu in resident if vgpu["type"] == kind]
    if vms:
        raise Failure("PGPU_IN_USE_BY_VM", *vms)


def _set_types(call: Call, gpu: str, kinds: list[str]) -> None:
    call.db.set("PGPU", gpu, enabled_VGPU_types=kinds)
    _refresh_group(call, call.db.get("PGPU", gpu, "GPU_group"))


@method("PGPU.set_enabled_VGPU_types")
def set_types(call: Call, gpu: str, kinds: list[str]) -> None:
    present = call.db.get("PGPU", gpu, "enabled_VGPU_types")
    for kind in (k for k in kinds if k not in present):
        _assert_supported(call, gpu, kind)
    for kind in (k for k in present if k not in kinds):
        _assert_not_in_use(call, gpu, kind)
    _set_types(call, gpu, list(dict.fromkeys(kinds)))


@method("PGPU.add_enabled_VGPU_types")
def add_type(call: Call, gpu: str, kind: str) -> None:
    _assert_supported(call, gpu, kind)
    present = call.db.get("PGPU", gpu, "enabled_VGPU_types")
    _set_types(call, gpu, [*(k for k in present if k != kind), kind])


@method("PGPU.remove_enabled_VGPU_types")
def remove_type(call: Call, gpu: str, kind: str) -> None:
    _assert_not_in_use(call, gpu, kind)
    _set_types(call, gpu, [k for k in call.db.get("PGPU", gpu, "enabled_VGPU_types") if k != kind])


@method("PGPU.set_GPU_group")
def set_group(call: Call, gpu: str, group: str) -> None:
    """Only into a group of the same kind; an empty one becomes of that kind."""
    db = call.db
    row, there = db.row("PGPU", gpu), db.row("GPU_group", group)
    if row["resident_VGPUs"]:
        raise Failure("PGPU_IN_USE_BY_VM", *(db.get("VGPU", ref, "VM") for ref in row["resident_VGPUs"]))
    pci = db.row("PCI", row["PCI"])
    ids = [pci.get("vendor_id") or pci["vendor_name"], pci.get("device_id") or pci["device_name"]]
    kind = "/".join(ids)
    kinds = there["GPU_types"]
    if kinds and kind not in kinds:
        raise Failure("PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", kind, f"[{', '.join(kinds)}]")
    old = row["GPU_group"]
    db.set("PGPU", gpu, GPU_group=group)
    db.set("GPU_group", group, GPU_types=kinds or [kind])
    for one in (old, group):
        _refresh_group(call, one)


_ON: Final = {"disabled": "enable_on_reboot", "disable_on_reboot": "enabled"}
_OFF: Final = {"enabled": "disable_on_reboot", "enable_on_reboot": "disabled"}


def switched(name: str, present: str) -> str:
    """On or off at the next start of the host, by the name of the call; what was to change then stays as it is."""
    return (_ON if name.startswith("enable") else _OFF).get(present, present)


@method("PGPU.enable_dom0_access")
@method("PGPU.disable_dom0_access")
def switch_gpu(call: Call, gpu: str) -> str:
    row = call.db.row("PGPU", gpu)
    call.pool.reach(row["host"])
    if call.message.name == "disable_dom0_access" and not features.enabled(call.pool, "Integrated_GPU"):
        raise Failure("FEATURE_RESTRICTED")
    return _switch(call, row["PCI"], row["dom0_access"])


@method("PCI.enable_dom0_access")
@method("PCI.disable_dom0_access")
def switch_pci(call: Call, pci: str) -> str:
    call.pool.reach(call.db.get("PCI", pci, "host"))
    return _switch(call, pci, access(call, pci))


@method("PCI.get_dom0_access_status")
def access_status(call: Call, pci: str) -> str:
    call.db.row("PCI", pci)
    return access(call, pci)


def access(call: Call, pci: str) -> str:
    known = [gpu["dom0_access"] for gpu in call.db.table("PGPU").values() if gpu["PCI"] == pci]
    return str(call.pool.hidden_devices.get(pci) or (known[0] if known else "enabled"))


def _switch(call: Call, pci: str, present: str) -> str:
    """A GPU's own field says the same."""
    now = switched(call.message.name, present)
    call.pool.hidden_devices[pci] = now
    for ref, row in call.db.table("PGPU").items():
        if row["PCI"] == pci:
            call.db.set("PGPU", ref, dom0_access=now)
    return now


@method("PGPU.get_remaining_capacity")
def gpu_capacity(call: Call, gpu: str, kind: str) -> int:
    call.db.row("VGPU_type", kind)
    return devices.gpu_capacity(call.pool, call.db.row("PGPU", gpu), kind)


@method("GPU_group.get_remaining_capacity")
def group_capacity(call: Call, group: str, kind: str) -> int:
    gpus = call.db.get("GPU_group", group, "PGPUs")
    return sum(devices.gpu_capacity(call.pool, call.db.row("PGPU", g), kind) for g in gpus)


@method("network_sriov.get_remaining_capacity")
def sriov_capacity(call: Call, sriov: str) -> int:
    return devices.sriov_capacity(call.pool, sriov)


# -- USB ---------------------------------------------------------------------------------------------------------------


@method("PUSB.set_passthrough_enabled")
def set_passthrough(call: Call, pusb: str, value: bool) -> None:
    """A device that is for VMs is no disk of the host any more; none is taken back while a VM has it."""
    db = call.db
    row = db.row("PUSB", pusb)
    if value:
        udev = {ref for ref, sr in db.table("SR").items() if sr["type"] == "udev"}
        for ref, vdi in list(db.table("VDI").items()):
            if vdi["SR"] in udev and vdi["sm_config"].get("usb_path", "") == row["path"]:
                if vdi["VBDs"]:
                    raise Failure("PUSB_VDI_CONFLICT", pusb, ref)
                remove_vdi(call.pool, ref)
    else:
        vusbs = list(db.get("USB_group", row["USB_group"], "VUSBs"))
        if len(vusbs) > 1:
            raise internal(f"too many vusb on the USB_group: {row['USB_group']}")
        for vusb in vusbs:
            if db.get("VUSB", vusb, "currently_attached"):
                raise Failure("USB_ALREADY_ATTACHED", pusb, db.get("VUSB", vusb, "VM"))
            db.delete("VUSB", vusb)
    db.set("PUSB", pusb, passthrough_enabled=value)
