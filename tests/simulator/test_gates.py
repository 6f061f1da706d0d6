"""What may be done with a VM, a disk, a host, and why not (xapi_vm_lifecycle.ml, xapi_vdi.ml)."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from tests.simulator.inside import clients
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.profiles import PROFILES


@pytest.mark.parametrize(
    ("op", "current", "allowed"),
    [
        ("snapshot", [], True),
        ("snapshot", ["checkpoint"], True),
        ("migrate_send", ["clean_reboot"], False),
        ("clean_reboot", ["migrate_send"], True),
        ("clean_shutdown", ["migrate_send"], True),
        ("clean_shutdown", ["pool_migrate"], False),
        ("hard_shutdown", ["pool_migrate"], True),
        ("hard_shutdown", ["hard_shutdown"], False),
        ("hard_reboot", ["hard_shutdown"], False),
    ],
)
def test_what_may_run_beside_what(op: str, current: list[str], allowed: bool) -> None:
    assert vm_gate.allowed_concurrently(op, current) is allowed


@pytest.mark.parametrize(("nested", "fixed", "force"), list(itertools.product((False, True), repeat=3)))
async def test_immobile_vms(nested: bool, fixed: bool, force: bool) -> None:
    one, _ = await clients()
    vm = await one.named("VM", "web-01")
    metrics = one.pool.db.get("VM", vm, "metrics")
    one.pool.db.set("VM_metrics", metrics, nested_virt=nested, nomigrate=fixed)
    for op in ("suspend", "checkpoint", "pool_migrate", "migrate_send"):
        failure = vm_gate.error(vm_gate.Subject.of(one.pool, vm), op, strict=not force)
        assert (failure.code if failure else None) == ("VM_IS_IMMOBILE" if (nested or fixed) and not force else None)


async def test_reasons_in_their_order() -> None:
    one, _ = await clients()

    async def why(name: str, op: str) -> list[str]:
        vm = await one.named("VM", name)
        refusal = await one.refused("VM.assert_operation_valid", vm, op)
        return [p if p != vm else "vm" for p in refusal]

    assert await why("locked-by-backup", "migrate_send") == ["OPERATION_BLOCKED", "vm", "Backup is running"]
    assert await why("build-paused", "migrate_send") == [
        "VM_BAD_POWER_STATE", "vm", "halted, suspended, running", "paused",
    ]  # fmt: skip
    assert await why("appliance-no-tools", "pool_migrate") == ["VM_LACKS_FEATURE", "vm"]
    assert await why("Other install media", "migrate_send") == ["VM_IS_TEMPLATE", "vm", "migrate_send"]
    assert await why("nightly", "migrate_send") == ["VM_IS_SNAPSHOT", "vm", "migrate_send"]
    assert (await why("Control domain on host: madrid-01", "migrate_send"))[0] == "OPERATION_NOT_ALLOWED"
    golden = await one.named("VM", "Debian 12 (golden image)")
    assert await one("VM.assert_operation_valid", golden, "migrate_send") == ""


async def test_allowed_operations_follow_writes() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "web-01")
    assert "migrate_send" in await one("VM.get_allowed_operations", vm)
    await one("VM.add_to_blocked_operations", vm, "migrate_send", "no")
    assert "migrate_send" not in await one("VM.get_allowed_operations", vm)
    await one("VM.remove_from_blocked_operations", vm, "migrate_send")
    await one("VM.hard_shutdown", vm)
    assert {"start", "migrate_send"} <= set(await one("VM.get_allowed_operations", vm))
    (disk,) = await one.disks(vm)
    assert "copy" in await one("VDI.get_allowed_operations", disk)
    assert "mirror" not in await one("VDI.get_allowed_operations", disk)
    await one("VM.start", vm, False, False)
    assert "copy" not in await one("VDI.get_allowed_operations", disk)


async def test_disks_in_use_with_cbt_and_of_a_kind() -> None:
    one, _ = await clients()

    def why(vdi: str, op: str) -> str | None:
        failure = vdi_gate.error(one.pool, vdi, op)
        return failure.code if failure else None

    (used,) = await one.disks(await one.named("VM", "web-01"))
    assert [why(used, op) for op in ("destroy", "copy", "resize", "snapshot", "mirror", "enable_cbt")] == [
        "VDI_IN_USE", "VDI_IN_USE", "VDI_IN_USE", None, None, None,
    ]  # fmt: skip
    (tracked,) = await one.disks(await one.named("VM", "backup-cbt"))
    assert why(tracked, "mirror") == "VDI_CBT_ENABLED"
    await one("VDI.disable_cbt", tracked)
    assert why(tracked, "mirror") is None
    free = (await one.disks(await one.named("VM", "erp-test")))[0]
    one.pool.db.set("VDI", free, type="cbt_metadata")
    for op in ("snapshot", "clone", "resize", "copy"):
        assert why(free, op) == "VDI_INCOMPATIBLE_TYPE"
    one.pool.db.set("VDI", free, type="user", on_boot="reset")
    assert why(free, "enable_cbt") == why(free, "snapshot") == "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"
    assert why(free, "revert_to") == "REVERT_ONLY_ALLOWED_ON_SNAPSHOT"
    assert why(free, "resize_online") == "SR_OPERATION_NOT_SUPPORTED"
    await one("pool.add_to_other_config", one.pool.ref, "rolling_upgrade_in_progress", "")
    assert why(used, "mirror") == "NOT_SUPPORTED_DURING_UPGRADE"
    assert why(used, "snapshot") is None


async def test_the_host_gate() -> None:
    one, _ = await clients()
    db = one.pool.db
    vm, other = await one.named("VM", "web-01"), await one.named("host", "madrid-02")
    assert await one("VM.assert_can_boot_here", vm, other) == ""

    async def why() -> str:
        return (await one.refused("VM.assert_can_boot_here", vm, other))[0]

    await one("host.disable", other)
    assert await why() == "HOST_DISABLED"
    await one("host.enable", other)
    db.set("VM", vm, hardware_platform_version=9)
    refusal = await one.refused("VM.assert_can_boot_here", vm, other)
    expected = ["VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", other, "[0; 1; 2]", vm, "9"]
    assert refusal == expected
    db.set("VM", vm, hardware_platform_version=0, last_boot_CPU_flags={"vendor": "AuthenticAMD"})
    assert await why() == "VM_INCOMPATIBLE_WITH_THIS_HOST"
    db.set("VM", vm, last_boot_CPU_flags={"vendor": "GenuineIntel", "features": "ffffffff-ffffffff"})
    assert "features" in (await one.refused("VM.assert_can_boot_here", vm, other))[3]
    db.set("VM", vm, last_boot_CPU_flags={}, VCPUs_max=400, VCPUs_at_startup=2)
    assert await one.refused("VM.assert_can_boot_here", vm, other) == ["HOST_NOT_ENOUGH_PCPUS", "400", "16"]
    db.set("VM", vm, memory_static_max=1 << 40, memory_dynamic_max=1 << 40, memory_dynamic_min=1 << 40)
    assert await why() == "HOST_NOT_ENOUGH_FREE_MEMORY"
    db.set("host_metrics", db.get("host", other, "metrics"), live=False)
    assert await one.refused("VM.assert_can_boot_here", vm, other) == ["HOST_NOT_LIVE"]
    local = await one.named("VM", "ci-runner-1")
    assert (await one.refused("VM.assert_can_boot_here", local, await one.named("host", "madrid-03")))[
        0
    ] == "VM_REQUIRES_SR"
    private = await one.named("VM", "node-a")
    refusal = await one.refused("VM.assert_can_boot_here", private, await one.named("host", "madrid-03"))
    assert refusal[0] == "VM_REQUIRES_NETWORK"


async def test_memory_counts_what_is_here_and_on_its_way() -> None:
    one, _ = await clients()
    host = await one.named("host", "madrid-01")
    vm = await one.named("VM", "erp-test")
    before = await one("host.compute_free_memory", host)
    await one("VM.start_on", vm, host, False, False)
    row = one.pool.db.row("VM", vm)
    assert await one("host.compute_free_memory", host) == before - row["memory_dynamic_min"] - row["memory_overhead"]


@pytest.mark.parametrize(
    ("ours", "theirs", "fits"),
    [("1", "3", True), ("4", "3", False), ("1-0", "1", True), ("1", "1-1", True), ("7-3", "5", False), ("", "", True)],
)
def test_feature_sets(ours: str, theirs: str, fits: bool) -> None:
    assert host_gate.subset(ours, theirs) is fits


def test_versions_never_go_back() -> None:
    def version(platform: str, build: str, xen: str) -> dict[str, object]:
        return {"software_version": {"platform_version": platform, "xapi_build": build, "xen": xen}}

    pool = SimpleNamespace(profile=PROFILES["26.17"])
    source = version("3.4.0", "25.33.0", "4.17.5-20")
    for target, fine in (
        (version("3.4.0", "25.33.0", "4.17.5-20-d"), True), (version("3.5.0", "25.34.0", "4.17.5-21"), True),
        (version("3.5.0", "25.34.0", "4.17.5"), False),
        (version("3.5.0", "25.34.0", "4.16.9"), False), (version("3.3.9", "26.0.0", "4.18"), False),
    ):  # fmt: skip
        assert host_gate.not_older(pool, source, target) is fine  # type: ignore[arg-type]
