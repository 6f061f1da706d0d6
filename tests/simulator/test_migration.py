"""Migrations: their checks, their phases, what they leave in both pools, and how they end early (sheet, 5 to 7)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.simulator.inside import Client, clients, migration, until
from xsmigui.simulator.gates.memory import free_memory
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import GIB


def _space(client: Client) -> dict[str, tuple[int, int]]:
    rows = client.pool.db.table("SR").values()
    return {r["name_label"]: (r["physical_utilisation"], r["virtual_allocation"]) for r in rows}


def _counts(client: Client) -> dict[str, int]:
    names = ("VM", "VDI", "VBD", "VIF", "VM_metrics", "VM_guest_metrics")
    return {name: len(client.pool.db.table(name)) for name in names}


def _consistent(client: Client) -> None:
    """Every reference between VMs, drives and disks is answered from the other side; SRs know their sum."""
    db = client.pool.db
    for ref, vbd in db.table("VBD").items():
        assert ref in db.row("VM", vbd["VM"])["VBDs"]
        if not vbd["empty"]:
            assert ref in db.row("VDI", vbd["VDI"])["VBDs"]
    for ref, vdi in db.table("VDI").items():
        assert ref in db.row("SR", vdi["SR"])["VDIs"]
    for sr in db.table("SR").values():
        assert sr["physical_utilisation"] == sum(db.row("VDI", v)["physical_utilisation"] for v in sr["VDIs"])
    for vm in db.table("VM").values():
        assert vm["current_operations"] == {}
        assert vm["scheduled_to_be_resident_on"] == "OpaqueRef:NULL"
    for host in db.table("host").values():
        assert host["current_operations"] == {}
    assert not +client.pool.storage_motions


async def test_a_running_vm_moves_with_its_snapshots_to_another_pool() -> None:
    one, two = await clients()
    params = await migration(one, two, "db-postgres", "NFS Lisboa")
    vm = params[0]
    old = dict(one.pool.db.row("VM", vm))
    disks = {one.pool.db.row("VDI", v)["uuid"] for v in await one.disks(vm)}
    await one("message.create", "note", 3, "VM", old["uuid"], "kept")
    before = _space(one)["NFS Madrid"]
    assert await one("VM.assert_can_migrate", *params) == ""
    record = await one.finished(await one("Async.VM.migrate_send", *params))
    assert (record["status"], record["progress"], record["error_info"]) == ("success", 1.0, [])
    new = record["result"].removeprefix("<value>").removesuffix("</value>")
    arrived = await two("VM.get_record", new)
    assert (arrived["uuid"], arrived["version"], arrived["power_state"]) == (old["uuid"], old["version"] + 1, "Running")
    assert arrived["resident_on"] == two.pool.master
    assert [two.pool.db.row("VM", s)["name_label"] for s in arrived["snapshots"]] == ["before upgrade to 16", "nightly"]
    moved = await two.disks(new)
    assert not {two.pool.db.row("VDI", v)["uuid"] for v in moved} & disks
    for snap in arrived["snapshots"]:
        assert {two.pool.db.row("VDI", v)["snapshot_of"] for v in await two.disks(snap)} == set(moved)
    assert not await one("VM.get_by_name_label", "db-postgres")
    assert _space(one)["NFS Madrid"] < before
    assert [m["name"] for m in (await two("message.get_all_records")).values()] == ["note"]
    for client in (one, two):
        _consistent(client)


async def test_a_copy_leaves_the_original_and_has_names_of_its_own() -> None:
    one, two = await clients()
    params = await migration(one, two, "intranet-old", "iSCSI Lisboa")
    params[5] = {"copy": "true"}
    before = _counts(one)
    new = await two("VM.get_record", await one("VM.migrate_send", *params))
    old = one.pool.db.row("VM", params[0])
    assert new["uuid"] != old["uuid"]
    assert new["version"] == 0
    assert new["snapshots"] == []
    assert new["other_config"]["mac_seed"] != old["other_config"]["mac_seed"]
    assert {two.pool.db.row("VIF", v)["MAC"] for v in new["VIFs"]}.isdisjoint(
        one.pool.db.row("VIF", v)["MAC"] for v in old["VIFs"]
    )
    assert _counts(one) == before
    assert all("maps_to" not in v["other_config"] for v in one.pool.db.table("VDI").values())


async def test_what_maps_to_what_is_told_while_the_metadata_are_on_their_way() -> None:
    one, two = await clients()
    params = await migration(one, two, "intranet-old", "iSCSI Lisboa")
    seen: dict[str, set[str]] = {"vif": set(), "vdi": set()}
    original = one.pool.db.set

    def watched(cls: str, ref: str, **values: Any) -> None:
        original(cls, ref, **values)
        if "maps_to" in values.get("other_config", {}):
            seen[cls.lower()].add(values["other_config"]["maps_to"])

    one.pool.db.set = watched  # type: ignore[method-assign]
    new = await one("VM.migrate_send", *params)
    assert seen["vif"] == {two.pool.db.get("VIF", v, "network") for v in two.pool.db.get("VM", new, "VIFs")}
    assert seen["vdi"] >= set(await two.disks(new))
    assert seen["vif"]
    for client in (one, two):
        for cls in ("VDI", "VIF"):
            assert all("maps_to" not in row["other_config"] for row in client.pool.db.table(cls).values())


async def test_inside_the_pool_disks_get_new_names_and_the_vm_stays_the_same() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "dc-windows")
    target = await one.named("host", "madrid-03")
    network = await one.named("network", "Storage")
    dest = await one("host.migrate_receive", target, network, {})
    old = await one.disks(vm)
    place = await one.named("SR", "NFS Madrid")
    assert await one("VM.migrate_send", vm, dest, True, dict.fromkeys(old, place), {}, {}) == vm
    (new,) = await one.disks(vm)
    assert new not in old
    assert not one.pool.db.has("VDI", old[0])
    assert await one("VM.get_resident_on", vm) == target
    drives = [one.pool.db.row("VBD", v) for v in await one("VM.get_VBDs", vm)]
    assert [v["empty"] for v in drives if v["type"] == "CD"] == [True]
    assert "VM_MIGRATED" in {m["name"] for m in (await one("message.get_all_records")).values()}
    _consistent(one)


async def test_progress_of_storage_then_memory_and_a_child_for_other_hosts() -> None:
    one, two = await clients(speed=0)
    params = await migration(one, two, "dc-windows", "NFS Lisboa")
    seen: list[float] = []
    children: set[str] = set()
    write = one.pool.tasks.progress
    task = ""

    def watch(ref: str, value: float) -> None:
        if ref == task:
            seen.append(value)
        else:
            children.add(one.pool.db.get("task", ref, "name_label"))
            assert one.pool.db.get("task", ref, "subtask_of") == task
        write(ref, value)

    one.pool.tasks.progress = watch  # type: ignore[method-assign]
    task = await one("Async.VM.migrate_send", *params)
    await one.finished(task)
    assert children == {"InternalAsync.VM.migrate_send"}
    assert [r["name_label"] for r in one.pool.db.table("task").values()] == ["Async.VM.migrate_send"]
    memory = seen.index(0.0)
    storage, rest = seen[:memory], seen[memory:]
    assert storage == sorted(storage)
    assert storage[-1] == 1.0
    assert max(rest[:-4]) < 0.92
    assert rest != sorted(rest)


@pytest.mark.parametrize("when", [0.2, 0.9])
async def test_cancelled_on_the_way_the_vm_stays_and_nothing_is_left(when: float) -> None:
    one, two = await clients()
    params = await migration(one, two, "mail", "NFS Lisboa")
    before = (_counts(one), _counts(two), _space(one), _space(two))
    task = await one("Async.VM.migrate_send", *params)
    await until(lambda: one.pool.db.get("task", task, "progress") > when, one.pool)
    await one("task.cancel", task)
    record = await one.finished(task)
    assert (record["status"], record["error_info"], record["result"]) == ("cancelled", [], "")
    assert (_counts(one), _counts(two), _space(one), _space(two)) == before
    assert await one("VM.get_power_state", params[0]) == "Running"
    for client in (one, two):
        _consistent(client)


async def test_cancelled_in_the_memory_phase_the_stale_vm_goes() -> None:
    one, two = await clients()
    params = await migration(one, two, "web-01", "NFS Lisboa")
    before = (_counts(one), _counts(two), _space(two))
    task = await one("Async.VM.migrate_send", *params)
    await until(lambda: len(two.pool.db.table("VM")) > before[1]["VM"], two.pool)
    await one("task.cancel", task)
    assert (await one.finished(task))["status"] == "cancelled"
    assert (_counts(one), _counts(two), _space(two)) == before
    _consistent(two)


async def test_what_a_vm_shows_while_it_moves() -> None:
    one, _ = await clients()
    vm, target = await one.named("VM", "web-01"), await one.named("host", "madrid-02")
    free = free_memory(one.pool, target)
    task = await one("Async.VM.pool_migrate", vm, target, {})
    await until(lambda: one.pool.db.get("task", task, "progress") > 0.1, one.pool)
    assert await one("VM.get_current_operations", vm) == {task: "pool_migrate"}
    assert await one("VM.get_scheduled_to_be_resident_on", vm) == target
    assert await one("host.get_current_operations", target) == {task: "vm_migrate"}
    assert set(await one("VM.get_allowed_operations", vm)) == {"hard_shutdown", "hard_reboot"}
    assert free_memory(one.pool, target) < free
    assert (await one.finished(task))["status"] == "success"
    assert await one("VM.get_resident_on", vm) == target
    _consistent(one)


async def test_a_second_operation_waits_for_the_first() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "web-01")
    hosts = [await one.named("host", n) for n in ("madrid-02", "madrid-03")]
    tasks = [await one("Async.VM.pool_migrate", vm, h, {}) for h in hosts]
    assert [(await one.finished(t))["status"] for t in tasks] == ["success", "success"]
    assert await one("VM.get_resident_on", vm) == hosts[1]
    one.pool.lock_timeout_s = 0
    first = await one("Async.VM.pool_migrate", vm, hosts[0], {})
    await until(lambda: one.pool.db.get("VM", vm, "current_operations"), one.pool)
    refusal = await one.refused("VM.snapshot", vm, "now")
    assert refusal == ["OTHER_OPERATION_IN_PROGRESS", "VM.pool_migrate", vm]
    await one.finished(first)


async def test_three_storage_motions_per_sending_host() -> None:
    one, two = await clients()
    names = ("intranet-old", "erp-test", "install-in-progress", "Debian 12 (golden image)")
    everything = [await migration(one, two, name, "NFS Lisboa") for name in names]
    outcomes = await asyncio.gather(*(one("VM.migrate_send", *p) for p in everything), return_exceptions=True)
    failed = [o for o in outcomes if isinstance(o, BaseException)]
    assert [o.description for o in failed] == [["TOO_MANY_STORAGE_MIGRATES", "3"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("profile", "code"), [("8.4", "SR_BACKEND_FAILURE_44"), ("26.17", "INTERNAL_ERROR")])
async def test_a_full_destination_is_noticed_by_nobody_beforehand(profile: str, code: str) -> None:
    one, two = await clients()
    one.pool.profile = replace(PROFILES[profile], platform="3.4.0")
    params = await migration(one, two, "mail", "NFS Lisboa")
    sr = params[3][next(iter(params[3]))]
    two.pool.db.set("SR", sr, physical_size=two.pool.db.get("SR", sr, "physical_utilisation") + GIB)
    before = _counts(two)
    assert await one("VM.assert_can_migrate", *params) == ""
    refusal = await one.refused("VM.migrate_send", *params)
    assert refusal[0] == code
    assert "44" in " ".join(refusal)
    assert _counts(two) == before
    _consistent(two)


async def test_checks_before_anything_moves() -> None:
    one, two = await clients()
    params = await migration(one, two, "web-01", "NFS Lisboa")
    vm, dest, live, vdis, vifs, _ = params
    (disk,), (vif,) = vdis, vifs

    async def why(*, dest: Any = dest, vdis: Any = vdis, vifs: Any = vifs, options: Any = None) -> list[str]:
        return await one.refused("VM.assert_can_migrate", vm, dest, live, vdis, vifs, options or {})

    assert await why(vdis={}) == ["VDI_NOT_IN_MAP", disk]
    assert await why(vifs={}) == ["VIF_NOT_IN_MAP", vif]
    assert await why(options={"copy": "true"}) == ["VM_BAD_POWER_STATE", vm, "halted", "running"]
    assert await why(dest={k: v for k, v in dest.items() if k != "xenops"}) == ["INTERNAL_ERROR", "Not_found"]
    assert await why(dest={**dest, "session_id": "OpaqueRef:gone"}) == ["SESSION_INVALID", "OpaqueRef:gone"]
    isos = await two.named("SR", "ISO library")
    assert await why(vdis={disk: isos}) == ["SR_DOES_NOT_SUPPORT_MIGRATION", isos]
    await two("host.disable", dest["host"])
    assert await why() == ["HOST_DISABLED", dest["host"]]
    await two("host.enable", dest["host"])
    await one("VDI.enable_cbt", disk)
    assert await why() == ["VDI_CBT_ENABLED", disk]


async def test_an_evacuation_empties_the_host_and_says_what_stops_it() -> None:
    one, _ = await clients("scale", vms=20)
    host = next(h for h in one.pool.db.table("host") if h != one.pool.master)
    await one("host.disable", host)
    assert await one("host.get_vms_which_prevent_evacuation", host) == {}
    assert await one("host.assert_can_evacuate", host) == ""
    await one("host.evacuate", host)
    left = [v for v in await one("host.get_resident_VMs", host) if not one.pool.db.get("VM", v, "is_control_domain")]
    assert left == []
    _consistent(one)
    madrid, _ = await clients()
    stuck = await madrid("host.get_vms_which_prevent_evacuation", await madrid.named("host", "madrid-03"))
    assert {e[0] for e in stuck.values()} == {"VM_REQUIRES_SR", "VM_BAD_POWER_STATE", "VM_LACKS_FEATURE"}


async def test_one_disk_moves_under_its_running_vm() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "web-01")
    (disk,) = await one.disks(vm)
    home = await one("VM.get_resident_on", vm)
    target = await one.named("SR", "iSCSI Madrid")
    new = await one("VDI.pool_migrate", disk, target, {})
    assert await one("VDI.get_SR", new) == target
    assert await one.disks(vm) == [new]
    assert await one("VM.get_resident_on", vm) == home
    assert not one.pool.db.has("VDI", disk)
    free = await one("VDI.snapshot", new, {})
    assert await one.refused("VDI.pool_migrate", free, target, {}) == ["VDI_NEEDS_VM_FOR_MIGRATE", free]
    _consistent(one)


async def test_a_suspended_vm_takes_its_image_along_and_resumes() -> None:
    one, two = await clients()
    new = await one("VM.migrate_send", *await migration(one, two, "test-suspended", "NFS Lisboa"))
    assert two.pool.db.has("VDI", await two("VM.get_suspend_VDI", new))
    await two("VM.resume", new, False, False)
    assert await two("VM.get_power_state", new) == "Running"
    for client in (one, two):
        _consistent(client)


async def test_migrate_receive_names_what_is_wrong_with_the_network() -> None:
    one, _ = await clients()
    host, guests = one.pool.master, await one.named("network", "Guests")
    private = await one.named("network", "Cluster heartbeat")
    before = len(one.pool.sessions.live)
    assert (await one.refused("host.migrate_receive", host, guests, {}))[0] == "PIF_HAS_NO_NETWORK_CONFIGURATION"
    assert await one.refused("host.migrate_receive", host, private, {}) == ["HOST_CANNOT_ATTACH_NETWORK", host, private]
    assert len(one.pool.sessions.live) == before + 2


async def test_a_copy_that_somebody_destroys_breaks_its_mirror() -> None:
    one, two = await clients()
    params = await migration(one, two, "db-postgres", "NFS Lisboa")
    vm = params[0]
    before, there = await one.disks(vm), set(two.pool.db.table("VDI"))
    task = await one("Async.VM.migrate_send", *params)
    await until(lambda: set(two.pool.db.table("VDI")) - there, two.pool)
    (copied,) = set(two.pool.db.table("VDI")) - there
    await two("VDI.destroy", copied)
    record = await one.finished(task)
    assert (record["status"], record["error_info"][0]) == ("failure", "MIRROR_FAILED")
    assert await one.disks(vm) == before
    assert one.pool.db.get("VM", vm, "power_state") == "Running"
    assert set(two.pool.db.table("VDI")) == there  # nothing is left behind
    for client in (one, two):
        _consistent(client)
