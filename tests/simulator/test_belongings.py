"""What hangs on VMs and groups them: appliances, schedules, GPUs, USB devices, TPMs, blobs (xapi 26.17:
xapi_vm_appliance.ml, xapi_vmss.ml, xapi_vgpu.ml, xapi_gpu_group.ml, xapi_pgpu.ml, xapi_pusb.ml, xapi_vtpm.ml,
xapi_blob.ml)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client
from tests.simulator.test_schema_walk import newest
from xsmigui.simulator.failures import NULL


@pytest.fixture
async def one() -> Client:
    return await newest()


def vms(one: Client, state: str) -> list[str]:
    return [ref for ref, row in one.pool.db.table("VM").items() if row["power_state"] == state
            and not (row["is_a_template"] or row["is_control_domain"])]  # fmt: skip


def restrict(one: Client, *names: str) -> None:
    one.pool.db.set("pool", one.pool.ref, restrictions={f"restrict_{name}": "true" for name in names})


# -- appliances --------------------------------------------------------------------------------------------------------

OPERATIONS = ("start", "clean_shutdown", "hard_shutdown", "shutdown")
NOTHING = {
    "start": "There are no halted VMs in this appliance.",
    "clean_shutdown": "There are no running VMs in this appliance.",
    "hard_shutdown": "All VMs in this appliance are halted.",
    "shutdown": "All VMs in this appliance are halted.",
}


@pytest.mark.parametrize(("states", "allowed"), [
    ((), ()), (("Halted",), ("start",)), (("Running",), ("clean_shutdown", "hard_shutdown", "shutdown")),
    (("Suspended",), ("hard_shutdown", "shutdown")), (("Paused",), ("hard_shutdown", "shutdown")),
    (("Halted", "Running"), OPERATIONS), (("Halted", "Suspended"), ("start", "hard_shutdown", "shutdown")),
])  # fmt: skip
async def test_what_an_appliance_allows(one: Client, states: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    appliance = await one("VM_appliance.create", {"name_label": "shop"})
    rows = [ref for ref, row in one.pool.db.table("VM").items() if not row["is_control_domain"]]
    for vm, state in zip(rows, states, strict=False):
        one.pool.db.set("VM", vm, power_state=state, appliance=appliance)
    assert set(await one("VM_appliance.get_allowed_operations", appliance)) == set(allowed)
    for op in set(OPERATIONS) - set(allowed):
        told = await one.refused(f"VM_appliance.{op}", appliance, *([False] if op == "start" else []))
        assert told == ["OPERATION_NOT_ALLOWED", NOTHING[op] if states else "Appliance has no VMs."]
    one.pool.db.set("VM_appliance", appliance, current_operations={"OpaqueRef:t": "shutdown"})
    assert await one("VM_appliance.get_allowed_operations", appliance) == []


async def test_an_appliance_starts_what_it_can_and_names_the_rest(one: Client) -> None:
    appliance = await one("VM_appliance.create", {"name_label": "shop"})
    running, halted = vms(one, "Running")[0], vms(one, "Halted")[0]
    for vm in (running, halted):
        await one("VM.set_appliance", vm, appliance)
    await one("VM.add_to_blocked_operations", halted, "start", "no")
    assert await one.refused("VM_appliance.start", appliance, False) == [
        "OPERATION_PARTIALLY_FAILED", "VM_appliance.start", halted,
    ]  # fmt: skip
    await one("VM.remove_from_blocked_operations", halted, "start")
    await one("VM_appliance.start", appliance, False)
    assert await one("VM.get_power_state", halted) == "Running"
    await one("VM_appliance.hard_shutdown", appliance)
    assert {await one("VM.get_power_state", vm) for vm in (running, halted)} == {"Halted"}
    restrict(one, "vm_appliance_start")
    told = await one.refused("VM_appliance.start", appliance, False)
    assert told == ["LICENCE_RESTRICTION", "VM_appliance_start"]


# -- schedules ---------------------------------------------------------------------------------------------------------


async def schedule(one: Client, **values: Any) -> str:
    named = {"name_label": "nightly", "type": "snapshot", "frequency": "daily", **values}
    return str(await one("VMSS.create", named))


@pytest.mark.parametrize(("values", "refusal"), [
    ({"schedule": {"hour": "24"}}, ["schedule:hour", "24"]), ({"schedule": {"hour": "x"}}, ["schedule:hour", "x"]),
    ({"schedule": {"min": "7"}}, ["schedule:min", "7"]),
    ({"schedule": {"days": "Monday"}}, ["schedule:days", "Monday"]),
    ({"retained_snapshots": 0}, ["retained_snapshots", "0"]),
    ({"retained_snapshots": 11}, ["retained_snapshots", "11"]),
    ({"frequency": "weekly", "schedule": {"days": "Monday,Someday"}}, ["schedule:days", "Someday"]),
    ({"frequency": "weekly", "schedule": {"days": "Monday,Monday"}}, ["schedule:days", "Monday,Monday"]),
    ({"frequency": "hourly", "schedule": {"hour": "1"}}, ["schedule:hour", "1"]),
])  # fmt: skip
async def test_schedules_that_cannot_be(one: Client, values: dict[str, Any], refusal: list[str]) -> None:
    named = {"name_label": "nightly", "type": "snapshot", "frequency": "daily", **values}
    assert await one.refused("VMSS.create", named) == ["INVALID_VALUE", *refusal]


async def test_a_schedule_has_the_keys_of_its_frequency(one: Client) -> None:
    ref = await schedule(one, frequency="weekly", schedule={"days": "monday,Friday"})
    assert await one("VMSS.get_schedule", ref) == {"hour": "0", "min": "0", "days": "Monday,Friday"}
    await one("VMSS.set_frequency", ref, "hourly")
    assert await one("VMSS.get_schedule", ref) == {"min": "0"}
    await one("VMSS.set_schedule", ref, {"hour": "3"})
    assert await one("VMSS.get_schedule", ref) == {"min": "0", "hour": "3"}
    assert await one.refused("VMSS.add_to_schedule", ref, "days", "No") == ["INTERNAL_ERROR", "Not_found"]
    await one("VMSS.remove_from_schedule", ref, "hour")
    assert await one.refused("VMSS.add_to_schedule", ref, "hour", "30") == ["INVALID_VALUE", "schedule:hour", "30"]
    assert await one("VMSS.get_schedule", ref) == {"min": "0", "hour": "3"}  # what was taken away is back
    assert await one.refused("VMSS.set_retained_snapshots", ref, 12) == ["INVALID_VALUE", "retained_snapshots", "12"]
    vm = vms(one, "Halted")[0]
    await one("VM.set_snapshot_schedule", vm, ref)
    told = await one.refused("VMSS.set_type", ref, "snapshot_with_quiesce")
    assert told == ["VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm]
    assert await one.refused("VMSS.destroy", ref) == ["VMSS_HAS_VM"]
    await one("VM.set_snapshot_schedule", vm, NULL)
    await one("VMSS.destroy", ref)


async def test_schedules_want_a_licence(one: Client) -> None:
    ref = await schedule(one)
    restrict(one, "vmss")
    for method, *more in (
        ("set_frequency", "daily"), ("set_schedule", {}), ("remove_from_schedule", "min"), ("set_type", "checkpoint"),
        ("add_to_schedule", "min", "0"), ("set_last_run_time", "20260101T00:00:00Z"), ("set_retained_snapshots", 1),
        ("snapshot_now",), ("destroy",),
    ):  # fmt: skip
        assert await one.refused(f"VMSS.{method}", ref, *more) == ["LICENCE_RESTRICTION", "VMSS"], method


async def test_a_schedule_takes_its_snapshots_now(one: Client) -> None:
    vm, ref = vms(one, "Halted")[0], await schedule(one)
    await one("VM.set_snapshot_schedule", vm, ref)
    assert await one("VMSS.snapshot_now", ref) == ""
    assert len(await one("VM.get_snapshots", vm)) == 1
    assert await one("VMSS.get_last_run_time", ref) != "19700101T00:00:00Z"


# -- GPUs --------------------------------------------------------------------------------------------------------------


async def test_virtual_gpus(one: Client) -> None:
    db, vm = one.pool.db, vms(one, "Halted")[0]
    group = await one("GPU_group.create", "cards", "", {})
    kinds = [db.create("VGPU_type", {"model_name": n, "implementation": "nvidia"}) for n in ("a", "b")]
    running = vms(one, "Running")[0]
    create = "VGPU.create"
    assert await one.refused(create, running, group, "0", {}, kinds[0]) == [
        "VM_BAD_POWER_STATE", running, "halted", "running",
    ]  # fmt: skip
    assert await one.refused(create, vm, group, "0", {}, "OpaqueRef:no") == ["INVALID_VALUE", "type", "OpaqueRef:no"]
    assert await one.refused(create, vm, group, "x", {}, kinds[0]) == ["INTERNAL_ERROR", 'Failure("int_of_string")']
    assert await one.refused(create, vm, group, "21", {}, kinds[0]) == ["INVALID_DEVICE", "21"]
    first = await one(create, vm, group, "0", {}, kinds[0])
    assert await one("VGPU.get_device", first) == "0"
    assert await one.refused(create, vm, group, "0", {}, kinds[1]) == ["VGPU_TYPE_NOT_COMPATIBLE", kinds[1]]
    db.set("VGPU_type", kinds[0], compatible_types_in_vm=list(kinds))
    second = await one(create, vm, group, "0", {}, kinds[1])
    assert await one("VGPU.get_device", second) == "1"
    await one("VGPU.destroy", second)
    told = await one.refused(create, vm, group, "1", {}, NULL)
    whole = next(ref for ref, kind in db.table("VGPU_type").items() if kind["implementation"] == "passthrough")
    assert told == ["VGPU_TYPE_NOT_COMPATIBLE", whole]
    db.set("VGPU", first, currently_attached=True)
    assert await one.refused("GPU_group.destroy", group) == ["GPU_GROUP_CONTAINS_VGPU", first]
    db.set("VM", vm, power_state="Running")
    told = await one.refused("VGPU.destroy", first)
    assert told == ["OPERATION_NOT_ALLOWED", "vGPU currently attached to a running VM"]
    db.set("VM", vm, power_state="Halted")
    db.set("VGPU", first, currently_attached=False)
    await one("GPU_group.destroy", group)
    assert not db.has("VGPU", first)
    restrict(one, "gpu")
    assert await one.refused(create, vm, group, "0", {}, kinds[0]) == ["FEATURE_RESTRICTED"]


async def test_gpus_and_their_groups(one: Client) -> None:
    db, host = one.pool.db, one.pool.master
    known, other = (db.create("VGPU_type", {"model_name": n}) for n in ("a", "b"))
    pci = db.create("PCI", {"host": host, "vendor_id": "10de", "device_id": "1eb8"})
    gpu = db.create("PGPU", {"host": host, "PCI": pci, "supported_VGPU_types": [known], "enabled_VGPU_types": []})
    mine, theirs = [await one("GPU_group.create", name, "", {}) for name in ("mine", "theirs")]
    db.set("GPU_group", theirs, GPU_types=["10de/ffff"])
    refusal = ["VGPU_TYPE_NOT_SUPPORTED", other, known]
    assert await one.refused("PGPU.add_enabled_VGPU_types", gpu, other) == refusal
    assert await one.refused("PGPU.set_enabled_VGPU_types", gpu, [other]) == refusal
    told = await one.refused("PGPU.set_GPU_group", gpu, theirs)
    assert told == ["PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP", "10de/1eb8", "[10de/ffff]"]
    await one("PGPU.set_GPU_group", gpu, mine)
    await one("PGPU.add_enabled_VGPU_types", gpu, known)
    assert await one("GPU_group.get_GPU_types", mine) == ["10de/1eb8"]
    assert await one("GPU_group.get_enabled_VGPU_types", mine) == [known]
    assert await one.refused("GPU_group.destroy", mine) == ["GPU_GROUP_CONTAINS_PGPU", gpu]
    vm = vms(one, "Running")[0]
    db.create("VGPU", {"VM": vm, "type": known, "resident_on": gpu, "GPU_group": mine, "device": "0"})
    for method, value in (
        ("remove_enabled_VGPU_types", known),
        ("set_enabled_VGPU_types", []),
        ("set_GPU_group", mine),
    ):
        assert await one.refused(f"PGPU.{method}", gpu, value) == ["PGPU_IN_USE_BY_VM", vm]
    assert await one("PGPU.disable_dom0_access", gpu) == "disable_on_reboot"
    assert await one("PCI.get_dom0_access_status", pci) == "disable_on_reboot"
    assert await one("PCI.enable_dom0_access", pci) == "enabled"
    assert await one("PGPU.get_dom0_access", gpu) == "enabled"
    restrict(one, "integrated_gpu_passthrough")
    for method, ref in (("PGPU.disable_dom0_access", gpu), ("host.disable_display", host)):
        assert await one.refused(method, ref) == ["FEATURE_RESTRICTED"]


# -- USB, TPM, blobs ---------------------------------------------------------------------------------------------------


async def test_usb(one: Client) -> None:
    db, vm = one.pool.db, vms(one, "Halted")[0]
    group = await one("USB_group.create", "sticks", "", {})
    pusb = db.create("PUSB", {"host": one.pool.master, "USB_group": group, "path": "1-2"})
    sr = db.create("SR", {"type": "udev", "name_label": "Removable"})
    disk = db.create("VDI", {"SR": sr, "sm_config": {"usb_path": "1-2"}, "managed": True, "type": "user"})
    vbd = db.create("VBD", {"VM": vm, "VDI": disk, "userdevice": "9", "type": "Disk", "mode": "RO"})
    assert await one.refused("PUSB.set_passthrough_enabled", pusb, True) == ["PUSB_VDI_CONFLICT", pusb, disk]
    db.delete("VBD", vbd)
    await one("PUSB.set_passthrough_enabled", pusb, True)
    assert not db.has("VDI", disk)
    vusb = await one("VUSB.create", vm, group, {})
    assert await one.refused("VUSB.create", vm, group, {}) == ["USB_GROUP_CONFLICT", group]
    assert await one.refused("USB_group.destroy", group) == ["USB_GROUP_CONTAINS_PUSB", pusb]
    db.set("VUSB", vusb, currently_attached=True)
    assert await one.refused("PUSB.set_passthrough_enabled", pusb, False) == ["USB_ALREADY_ATTACHED", pusb, vm]
    assert await one.refused("USB_group.destroy", group) == ["USB_GROUP_CONTAINS_VUSB", vusb]
    db.set("VUSB", vusb, currently_attached=False)
    await one("PUSB.set_passthrough_enabled", pusb, False)
    assert not db.has("VUSB", vusb)


async def test_tpms(one: Client) -> None:
    vm, running = vms(one, "Halted")[0], vms(one, "Running")[0]
    assert (await one.refused("VTPM.create", running, False))[0] == "VM_BAD_POWER_STATE"
    vtpm = await one("VTPM.create", vm, False)
    assert await one("VTPM.get_allowed_operations", vtpm) == ["destroy"]
    assert await one.refused("VTPM.create", vm, False) == ["VTPM_MAX_AMOUNT_REACHED", "1"]
    one.pool.db.set("VM", vm, power_state="Running")
    assert await one("VTPM.get_allowed_operations", vtpm) == []
    assert await one.refused("VTPM.destroy", vtpm) == ["VM_BAD_POWER_STATE", vm, "halted;suspended", "running"]
    one.pool.db.set("VM", vm, power_state="Halted")
    await one("VTPM.destroy", vtpm)
    one.pool.db.set("pool", one.pool.ref, restrictions={})
    assert await one.refused("VTPM.create", vm, False) == ["FEATURE_RESTRICTED", "restrict_vtpm"]


async def test_blobs(one: Client) -> None:
    vm = vms(one, "Halted")[0]
    blob = await one("VM.create_new_blob", vm, "photo", "", False)
    row = await one("blob.get_record", blob)
    assert (row["mime_type"], row["name_label"]) == ("application/octet-stream", "")
    assert await one.refused("VM.create_new_blob", vm, "photo", "", False) == [
        "MAP_DUPLICATE_KEY", "VM", "blobs", vm, "photo",
    ]  # fmt: skip
    await one("blob.destroy", blob)
    assert await one("VM.get_blobs", vm) == {}
    assert await one("blob.get_mime_type", await one("blob.create", "text/plain", True)) == "text/plain"


async def test_recovery_and_proxies_want_what_xapi_wants(one: Client) -> None:
    told = await one.refused("DR_task.create", "nfs", {}, [])
    assert told == ["OPERATION_NOT_ALLOWED", "Disaster recovery not supported on SRs of type nfs"]
    assert await one.refused("DR_task.create", "no", {}, []) == ["SR_UNKNOWN_DRIVER", "no"]
    site = await one("PVS_site.introduce", "farm", "", "id")
    vm = vms(one, "Running")[0]
    vif = (await one("VM.get_VIFs", vm))[0]
    assert await one.refused("PVS_proxy.create", "OpaqueRef:no", vif) == ["INVALID_VALUE", "site", "OpaqueRef:no"]
    proxy = await one("PVS_proxy.create", site, vif)
    assert await one.refused("PVS_proxy.create", site, vif) == ["PVS_PROXY_ALREADY_PRESENT", proxy]
    await one("PVS_proxy.destroy", proxy)
    second = one.pool.db.create("VIF", {**one.pool.db.row("VIF", vif), "device": "3", "uuid": "second"})
    assert await one.refused("PVS_proxy.create", site, second) == ["PVS_VIF_MUST_BE_FIRST_DEVICE"]
    restrict(one, "dr", "pvs_proxy")
    assert await one.refused("DR_task.create", "nfs", {}, []) == ["LICENCE_RESTRICTION", "DR"]
    assert await one.refused("PVS_proxy.create", site, vif) == ["LICENCE_RESTRICTION", "PVS_proxy"]
