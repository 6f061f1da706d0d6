"""The other calls: a VM's life, its disks and devices, storage, hosts, messages, queries."""

from __future__ import annotations

import pytest

from tests.simulator.inside import clients, migration
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.records import Records
from xsmigui.simulator.scenarios.builder import GIB


async def test_the_life_of_a_vm() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")

    async def state() -> str:
        return str(await one("VM.get_power_state", vm))

    await one("VM.start", vm, True, False)
    assert await state() == "Paused"
    await one("VM.unpause", vm)
    assert one.pool.db.has("VM_guest_metrics", await one("VM.get_guest_metrics", vm))
    await one("VM.clean_reboot", vm)
    await one("VM.hard_reboot", vm)
    await one("VM.suspend", vm)
    image = await one("VM.get_suspend_VDI", vm)
    assert (await state(), await one("VDI.get_type", image)) == ("Suspended", "suspend")
    host = await one.named("host", "madrid-02")
    await one("VM.resume_on", vm, host, False, False)
    assert not one.pool.db.has("VDI", image)
    assert await one("VM.get_resident_on", vm) == host
    await one("VM.clean_shutdown", vm)
    assert await one("VM.get_guest_metrics", vm) == NULL
    await one("VM.start_on", vm, host, False, False)
    assert await one.refused("VM.power_state_reset", vm) == ["HOST_IS_LIVE", host]
    await one("VM.hard_shutdown", vm)
    assert await state() == "Halted"
    assert await one("VM.get_possible_hosts", vm) == list(one.pool.db.table("host"))
    await one("VM.set_affinity", vm, host)
    await one("VM.start", vm, False, False)
    assert await one("VM.get_resident_on", vm) == host


async def test_snapshots_checkpoints_and_the_way_back() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "web-01")
    sr = await one.named("SR", "NFS Madrid")
    before = one.pool.db.get("SR", sr, "physical_utilisation")
    snap = await one("VM.snapshot", vm, "now", [])
    check = await one("VM.checkpoint", vm, "with memory")
    assert await one("VM.get_snapshots", vm) == [snap, check]
    assert await one("VM.get_power_state", check) == "Suspended"
    (disk,) = await one.disks(vm)
    await one("VM.revert", snap)
    (again,) = await one.disks(vm)
    assert again != disk
    assert await one("VM.get_power_state", vm) == "Halted"
    for one_of_them in (snap, check):
        disks = await one.disks(one_of_them)
        image = await one("VM.get_suspend_VDI", one_of_them)
        disks += [image] if image != NULL else []
        await one("VM.destroy", one_of_them)
        for vdi in disks:
            await one("VDI.destroy", vdi)
    assert one.pool.db.get("SR", sr, "physical_utilisation") == before
    assert await one("VM.get_snapshots", vm) == []
    assert (await one.refused("VM.revert", vm))[0] in {"REVERT_ONLY_ALLOWED_ON_SNAPSHOT"}


async def test_templates_clones_and_copies() -> None:
    one, _ = await clients()
    golden = await one.named("VM", "Debian 12 (golden image)")
    vm = await one("VM.clone", golden, "new")
    await one("VM.provision", vm)
    assert await one("VM.get_is_a_template", vm) is False
    target = await one.named("SR", "iSCSI Madrid")
    copy = await one("VM.copy", vm, "copied", target)
    assert {one.pool.db.get("VDI", d, "SR") for d in await one.disks(copy)} == {target}
    isos = await one.named("SR", "ISO library")
    assert (await one.refused("VM.copy", vm, "x", isos))[0] == "OPERATION_NOT_ALLOWED"
    one.pool.db.set("SR", target, physical_size=one.pool.db.get("SR", target, "physical_utilisation"))
    assert (await one.refused("VM.copy", vm, "x", target))[0] == "SR_BACKEND_FAILURE_44"
    await one("VM.set_is_a_template", vm, True)
    assert (await one.refused("VM.start", vm, False, False))[0] == "VM_IS_TEMPLATE"


async def test_memory_and_processors() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    await one("VM.set_memory", vm, GIB)
    await one("VM.set_memory_dynamic_range", vm, GIB // 2, GIB)
    await one("VM.set_memory_static_range", vm, GIB // 4, 2 * GIB)
    row = one.pool.db.row("VM", vm)
    assert (row["memory_static_max"], row["memory_dynamic_min"]) == (2 * GIB, GIB // 2)
    assert await one("VM.compute_memory_overhead", vm) == row["memory_overhead"]
    refusal = await one.refused("VM.set_memory_dynamic_range", vm, 3 * GIB, 4 * GIB)
    assert refusal == ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]
    await one("VM.set_VCPUs_at_startup", vm, 1)
    await one("VM.set_VCPUs_max", vm, 2)
    assert (await one.refused("VM.set_VCPUs_max", vm, 0))[0] == "INVALID_VALUE"
    assert "3" not in await one("VM.get_allowed_VBD_devices", vm)
    assert await one("VM.get_allowed_VIF_devices", vm) == ["2", "3", "4", "5", "6"]


async def test_disks() -> None:
    one, _ = await clients()
    sr, other = await one.named("SR", "NFS Madrid"), await one.named("SR", "iSCSI Madrid")
    values = {
        "name_label": "d", "name_description": "", "SR": sr, "virtual_size": GIB, "type": "user", "sharable": False,
        "read_only": False, "other_config": {},
    }  # fmt: skip
    vdi = await one("VDI.create", values)
    assert (await one.refused("VDI.create", {**values, "virtual_size": 1 << 50, "SR": other}))[
        0
    ] == "SR_BACKEND_FAILURE_44"
    isos = await one.named("SR", "DVD drives")
    assert (await one.refused("VDI.create", {**values, "SR": isos}))[0] == "SR_OPERATION_NOT_SUPPORTED"
    await one("VDI.resize", vdi, 2 * GIB)
    assert (await one.refused("VDI.resize", vdi, GIB))[0] == "VDI_TOO_SMALL"
    copy = await one("VDI.copy", vdi, other)
    assert await one("VDI.get_virtual_size", copy) == 2 * GIB
    assert (await one("VDI.copy", vdi, NULL, NULL, copy)) == copy
    assert await one.refused("VDI.set_read_only", copy, True) == ["PERMISSION_DENIED", ""]
    one.pool.db.set("VDI", copy, read_only=True)
    assert await one.refused("VDI.copy", vdi, NULL, NULL, copy) == ["VDI_READONLY", copy]
    snap = await one("VDI.snapshot", vdi)
    assert await one("VDI.get_snapshot_of", snap) == vdi
    await one("VDI.clone", vdi)
    await one("VDI.enable_cbt", vdi)
    assert await one("VDI.list_changed_blocks", vdi, snap) == ""
    assert (await one.refused("VDI.enable_cbt", snap))[0] == "OPERATION_NOT_ALLOWED"
    assert (await one.refused("VDI.data_destroy", snap))[0] == "VDI_NO_CBT_METADATA"
    for name, value in (("name_label", "x"), ("name_description", "y"), ("allow_caching", True)):
        await one(f"VDI.set_{name}", vdi, value)
        assert await one(f"VDI.get_{name}", vdi) == value
    one.pool.db.set("VDI", vdi, sharable=True)
    assert (await one.refused("VDI.snapshot", vdi))[0] == "VDI_IS_SHARABLE"
    await one("SR.scan", sr)
    assert "nfs" in await one("SR.get_supported_types")


async def test_drives_and_interfaces() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "dc-windows")
    (drive,) = [v for v in await one("VM.get_VBDs", vm) if one.pool.db.get("VBD", v, "type") == "CD"]
    iso = await one("VBD.get_VDI", drive)
    assert (await one.refused("VBD.insert", drive, iso))[0] == "VBD_NOT_EMPTY"
    await one("VBD.eject", drive)
    assert (await one.refused("VBD.eject", drive))[0] == "VBD_IS_EMPTY"
    assert "insert" in await one("VBD.get_allowed_operations", drive)
    await one("VBD.insert", drive, iso)
    (disk,) = [v for v in await one("VM.get_VBDs", vm) if one.pool.db.get("VBD", v, "type") == "Disk"]
    assert (await one.refused("VBD.eject", disk))[0] == "VBD_NOT_REMOVABLE_MEDIA"
    assert (await one.refused("VBD.destroy", disk))[0] == "OPERATION_NOT_ALLOWED"
    for changed, refusal in (
        ({"type": "CD", "mode": "RW"}, ["VBD_CDS_MUST_BE_READONLY"]),
        ({"VDI": iso, "mode": "RW"}, ["VDI_READONLY", iso]),
        ({"VDI": "OpaqueRef:no"}, ["HANDLE_INVALID", "VDI", "OpaqueRef:no"]),
    ):
        struct = {
            "VM": vm, "VDI": iso, "userdevice": "9", "bootable": False, "mode": "RO", "type": "Disk", "empty": False,
            "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}, **changed,
        }  # fmt: skip
        assert await one.refused("VBD.create", struct) == refusal
    (vif,) = await one("VM.get_VIFs", vm)
    assert (await one.refused("VIF.plug", vif))[0] == "DEVICE_ALREADY_ATTACHED"
    assert (await one.refused("VIF.destroy", vif))[0] == "OPERATION_NOT_ALLOWED"
    await one("VIF.move", vif, await one.named("network", "Guests"))
    await one("VIF.unplug", vif)
    assert (await one.refused("VIF.unplug", vif))[0] == "DEVICE_ALREADY_DETACHED"
    network = await one("VIF.get_network", vif)
    await one("VIF.destroy", vif)
    values = {
        "device": "0", "network": network, "VM": vm, "MAC": "", "MTU": 1500, "other_config": {},
        "qos_algorithm_type": "", "qos_algorithm_params": {},
    }  # fmt: skip
    new = await one("VIF.create", values)
    assert await one("VIF.get_MAC_autogenerated", new) is True
    assert (await one.refused("VIF.create", values))[0] == "DEVICE_ALREADY_EXISTS"
    await one("VIF.plug", new)
    assert (await one.refused("VIF.create", {"device": "1"}))[0] == "INTERNAL_ERROR"


async def test_storage_is_unplugged_only_when_nobody_runs_from_it() -> None:
    one, _ = await clients()
    local = await one.named("SR", "Local storage on madrid-01")
    (pbd,) = await one("SR.get_PBDs", local)
    assert (await one.refused("PBD.unplug", pbd))[0] == "VDI_IN_USE"
    await one("VM.hard_shutdown", await one.named("VM", "ci-runner-1"))
    await one("PBD.unplug", pbd)
    assert await one.refused("SR.scan", local) == ["SR_HAS_NO_PBDS", local]
    assert "forget" in await one("SR.get_allowed_operations", local)
    assert await one("VM.get_possible_hosts", await one.named("VM", "ci-runner-1")) == []
    await one("PBD.plug", pbd)
    await one("PBD.unplug", pbd)
    await one("SR.forget", local)
    assert await one("SR.get_by_name_label", "Local storage on madrid-01") == []


async def test_hosts_go_down_and_come_back() -> None:
    one, _ = await clients()
    host = await one.named("host", "madrid-03")
    assert await one.refused("host.reboot", host) == ["HOST_NOT_DISABLED"]
    await one("host.disable", host)
    running = [v for v in await one("host.get_resident_VMs", host) if not await one("VM.get_is_control_domain", v)]
    await one("host.reboot", host)
    assert one.pool.live(host)
    assert running
    assert {await one("VM.get_power_state", vm) for vm in running} == {"Halted"}
    await one("host.disable", host)
    await one("host.shutdown", host)
    assert await one.refused("host.enable", host) == ["HOST_OFFLINE", host]
    await one("host.declare_dead", host)
    for call in ("host.destroy", "host.declare_dead"):
        assert await one.refused(call, one.pool.master) == ["HOST_IS_LIVE", one.pool.master]
    assert await one("host.get_management_interface", host)
    assert len(await one("host.get_servertime", host)) == len("20260101T00:00:00Z")


async def test_messages_and_queries() -> None:
    one, _ = await clients()
    uuid = one.pool.row["uuid"]
    ref = await one("message.create", "n", 3, "pool", uuid, "text")
    record = await one("message.get_record", ref)
    assert await one("message.get_by_uuid", record["uuid"]) == ref
    assert list(await one("message.get_all_records_where", 'field "name" = "n" and field "cls" = "Pool"')) == [ref]
    assert list(await one("message.get", "pool", uuid, "19700101T00:00:00Z")) == [ref]
    for since in ("1970-01-01T00:00:00Z", "19700101T00:00:00Z"):
        assert list(await one("message.get_since", since)) == [ref]
    running = await one("VM.get_all_records_where", 'field "power_state" = "Paused" or field "name__label" = "mail"')
    assert sorted(v["name_label"] for v in running.values()) == ["build-paused", "mail"]
    assert len(await one("VM.get_all_records_where", 'not (field "is_a_template" = "true")')) == 22
    wanted = ["INVALID_VALUE", "field", "Stdlib.Parsing.Parse_error"]
    assert await one.refused("VM.get_all_records_where", "field") == wanted


async def test_a_mirror_that_breaks_and_a_guest_that_does_not_answer() -> None:
    one, two = await clients()
    params = await migration(one, two, "mail", "NFS Lisboa")
    broken = list(params[3])[1]
    one.pool.faults.broken_mirrors.add(broken)
    before = len(two.pool.db.table("VDI"))
    record = await one.finished(await one("Async.VM.migrate_send", *params))
    assert record["error_info"] == ["MIRROR_FAILED", broken]
    assert "mirror_failed" in record["other_config"]
    one.pool.faults.clear()
    one.pool.faults.unresponsive.add(params[0])
    refusal = await one.refused("VM.migrate_send", *params)
    assert refusal[0] == "INTERNAL_ERROR"
    assert refusal[1].startswith("Xenops_interface.Xenopsd_error([S(Failed_to_acknowledge_suspend_request)")
    host = await one.named("host", "madrid-01")
    assert (await one.refused("VM.pool_migrate", params[0], host, {}))[0] == "VM_FAILED_SUSPEND_ACKNOWLEDGMENT"
    assert (await one.refused("VM.suspend", params[0]))[0] == "VM_FAILED_SUSPEND_ACKNOWLEDGMENT"
    assert len(two.pool.db.table("VDI")) == before
    assert await one("VM.get_power_state", params[0]) == "Running"


async def test_licences_networks_and_high_availability() -> None:
    one, two = await clients()
    vm, host = await one.named("VM", "web-01"), await one.named("host", "madrid-02")
    guests = await one.named("network", "Guests")
    assert (await one.refused("VM.pool_migrate", vm, host, {"network": guests}))[0] == "INTERFACE_HAS_NO_IP"
    private = await one.named("network", "Cluster heartbeat")
    assert await one.refused("VM.pool_migrate", vm, host, {"network": private}) == ["PIF_NOT_PRESENT", host, private]
    params = await migration(one, two, "web-01", "NFS Lisboa")
    limits = {"restrict_xen_motion": "true", "restrict_storage_xen_motion": "true"}
    one.pool.db.set("pool", one.pool.ref, restrictions=limits)
    assert await one.refused("VM.pool_migrate", vm, host, {}) == ["LICENCE_RESTRICTION", "Xen_motion"]
    assert await one.refused("VM.assert_can_migrate", *params) == ["LICENCE_RESTRICTION", "Storage_motion"]
    refusal = await one.refused("host.migrate_receive", host, guests, {})
    assert refusal == ["LICENCE_RESTRICTION", "Storage_motion"]
    one.pool.db.set("pool", one.pool.ref, restrictions={})
    await one("pool.enable_ha", [], {})
    await one("pool.set_ha_host_failures_to_tolerate", one.pool.ref, 1)
    stuck = await one("host.get_vms_which_prevent_evacuation", await one.named("host", "madrid-01"))
    assert stuck[vm] == ["HOST_NOT_ENOUGH_FREE_MEMORY", vm]
    one.pool.profile = PROFILES["26.17"]
    stuck = await one("host.get_vms_which_prevent_evacuation", await one.named("host", "madrid-01"))
    assert stuck[vm] == ["HOST_EVACUATE_VM_NOT_HA_PROTECTED", vm]
    await one("pool.disable_ha")


@pytest.mark.parametrize(("release", "more"), [("8.4", []), ("26.17", ["VDI_SNAPSHOT;VDI_MIRROR_IN"])])
async def test_what_a_release_says_of_an_sr_that_cannot_receive(release: str, more: list[str]) -> None:
    one, two = await clients()
    one.pool.profile = PROFILES[release]
    params = await migration(one, two, "web-01", "ISO library")
    two.pool.db.set("host", params[1]["host"], software_version=PROFILES[release].software_version)
    sr = await two.named("SR", "ISO library")
    assert await one.refused("VM.assert_can_migrate", *params) == ["SR_DOES_NOT_SUPPORT_MIGRATION", sr, *more]


async def test_the_namesake_at_the_destination() -> None:
    one, two = await clients()
    there = await one("VM.migrate_send", *await migration(one, two, "intranet-old", "NFS Lisboa"))
    uuid = await two("VM.get_uuid", there)
    old = one.pool.db.create("VM", {"uuid": uuid, "version": 5, "power_state": "Halted", "name_label": "twin"})
    guests = await two.named("network", "Guests")
    storage = await one.named("network", "Storage")
    back = await one("host.migrate_receive", one.pool.master, storage, {})
    place = await one.named("SR", "NFS Madrid")
    networks = dict.fromkeys(await two("VM.get_VIFs", there), await one.named("network", "Guests"))
    params = [there, back, True, dict.fromkeys(await two.disks(there), place), networks, {}]
    assert await two.refused("VM.assert_can_migrate", *params) == [
        "VM_TO_IMPORT_IS_NOT_NEWER_VERSION", old, "5", "1",
    ]  # fmt: skip
    one.pool.db.set("VM", old, version=0)
    returned = await two("VM.migrate_send", *params)
    assert not one.pool.db.has("VM", old)
    assert await one("VM.get_version", returned) == 2
    assert guests in two.pool.db.table("network")


async def test_calls_without_an_implementation_say_so() -> None:
    one, _ = await clients()
    wanted = ["NOT_IMPLEMENTED", "host.shutdown_agent"]
    assert await one.refused("host.shutdown_agent") == wanted
    assert await one.refused("VM.no_such_thing") == ["MESSAGE_METHOD_UNKNOWN", "VM.no_such_thing"]


async def test_image_formats_of_the_newest_release() -> None:
    pools = {c.pool.name: c for c in await clients("mixed-versions")}
    new = pools["New 9"]
    vm = await new.named("VM", "new-vm-1")
    (disk,) = await new.disks(vm)
    local = await new.named("SR", "Local storage")
    refusal = await new.refused("VDI.pool_migrate", disk, local, {"dest-img-format": "raw"})
    uuid = await new("SR.get_uuid", local)
    assert refusal == ["VDI_INCOMPATIBLE_TYPE", f"Image format raw is not supported by {uuid}"]
    assert await new("VDI.pool_migrate", disk, local, {"dest-img-format": "qcow2"}) != disk


async def test_releases_only_move_forward() -> None:
    pools = {c.pool.name: c for c in await clients("mixed-versions")}
    old, new = pools["Legacy 8.2"], pools["New 9"]
    assert await old("VM.assert_can_migrate", *await migration(old, new, "legacy-vm-1", "NFS New 9")) == ""
    params = await migration(new, old, "new-vm-1", "NFS Legacy 8.2")
    refusal = await new.refused("VM.assert_can_migrate", *params)
    assert refusal == ["VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", params[0], params[1]["host"]]


async def test_a_row_that_vanishes_before_the_answer_is_written_is_left_out() -> None:
    """The short-lived task of another call: no answer fails for it."""
    one, _two = await clients()
    table = one.pool.db.tables["task"]
    task = await one("task.create", "a", "b")
    kept = await one("task.create", "c", "d")
    answer = Records(table, [task, kept])
    await one("task.destroy", task)
    assert list(answer.as_dict()) == [kept]
    assert task.encode() not in answer.as_json()
    assert kept.encode() in answer.as_json()


@pytest.mark.parametrize("state", ["Running", "Suspended", "Halted"])
async def test_going_back_to_a_checkpoint_whatever_the_vm_does(state: str) -> None:
    """The VM is switched off first; the memory of its host is free then, and its image is its own."""
    one, _ = await clients()
    db = one.pool.db
    vm = await one.named("VM", "db-postgres")
    host = await one("VM.get_resident_on", vm)
    check = await one("VM.checkpoint", vm, "before")
    if state == "Suspended":
        await one("VM.suspend", vm)
    elif state == "Halted":
        await one("VM.hard_shutdown", vm)
    await one("VM.revert", check)
    assert await one("VM.get_power_state", vm) == "Suspended"
    assert await one("VM.get_resident_on", vm) == NULL
    image = await one("VM.get_suspend_VDI", vm)
    assert db.get("VDI", image, "type") == "suspend"
    assert image != await one("VM.get_suspend_VDI", check)
    assert db.get("host_metrics", db.get("host", host, "metrics"), "memory_free") == await one(
        "host.compute_free_memory", host
    )
    used = {db.get("VM", ref, "suspend_VDI") for ref in db.table("VM")}
    assert [ref for ref, row in db.table("VDI").items() if row["type"] == "suspend" and ref not in used] == []
    await one("VM.resume", vm, False, False)
    assert await one("VM.get_power_state", vm) == "Running"
    assert await one("VM.get_current_operations", vm) == {}
