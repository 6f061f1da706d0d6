"""What a VM's operations leave behind beside what they do, and what they ask before (xapi 24.10 and 26.17:
message_forwarding.ml, xapi_vm.ml, vm_platform.ml, xapi_templates.ml)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.platform import assert_startable
from xsmigui.simulator.methods.runtime import PLUGIN_INTERVAL_S
from xsmigui.simulator.tables import Row

RUNNING, HALTED = "web-01", "erp-test"


async def _vm(state: str = "Halted", **fields: Any) -> tuple[Client, str]:
    """A VM in this state, on the host that is no coordinator where it runs."""
    one, _ = await clients()
    vm = await one.named("VM", HALTED)
    one.pool.db.set("VM", vm, **fields)
    if state != "Halted":
        await one("VM.start_on", vm, await one.named("host", "madrid-02"), state == "Paused", False)
    if state == "Suspended":
        await one("VM.suspend", vm)
    one.pool.messages.rows.clear()
    return one, vm


def _host(one: Client, vm: str) -> str:
    row = one.pool.db.row("host", one.pool.db.get("VM", vm, "resident_on"))
    return f"{row['name_label']} (uuid: {row['uuid']})"


# -- messages ----------------------------------------------------------------------------------------------------------

# The call, the state that it starts from, its further parameters, the message, and what it says after the VM's name
LEFT = [
    ("VM.start", "Halted", (False, False), "VM_STARTED", "started on host: {host}"),
    ("VM.start_on", "Halted", ("madrid-02", False, False), "VM_STARTED", "started on host: {host}"),
    ("VM.resume", "Suspended", (False, False), "VM_RESUMED", "resumed on host: {host}"),
    ("VM.resume_on", "Suspended", ("madrid-02", False, False), "VM_RESUMED", "resumed on host: {host}"),
    ("VM.suspend", "Running", (), "VM_SUSPENDED", "suspended"),
    ("VM.pause", "Running", (), "VM_PAUSED", "paused"),
    ("VM.unpause", "Paused", (), "VM_UNPAUSED", "unpaused"),
    ("VM.clean_shutdown", "Running", (), "VM_SHUTDOWN", "shutdown"),
    ("VM.shutdown", "Running", (), "VM_SHUTDOWN", "shutdown"),
    ("VM.hard_shutdown", "Running", (), "VM_SHUTDOWN", "shutdown forcibly"),
    ("VM.hard_shutdown", "Suspended", (), "VM_SHUTDOWN", "shutdown forcibly"),
    ("VM.clean_reboot", "Running", (), "VM_REBOOTED", "rebooted cleanly"),
    ("VM.hard_reboot", "Running", (), "VM_REBOOTED", "rebooted forcibly"),
    ("VM.snapshot", "Halted", ("before",), "VM_SNAPSHOTTED", "snapshotted, snapshot name: before"),
    ("VM.checkpoint", "Running", ("before",), "VM_CHECKPOINTED", "checkpointed, snapshot name: before"),
    ("VM.clone", "Halted", ("twin",), None, ""),
    ("VM.copy", "Halted", ("twin", NULL), None, ""),
    ("VM.power_state_reset", "Suspended", (), None, ""),
]


@pytest.mark.parametrize(("method", "state", "params", "name", "text"), LEFT)
async def test_message_of_an_operation(
    method: str, state: str, params: tuple[Any, ...], name: str | None, text: str
) -> None:
    one, vm = await _vm(state)
    values = [await one.named("host", p) if p == "madrid-02" else p for p in params]
    await one(method, vm, *values)
    row = one.pool.db.row("VM", vm)
    left = [m for m in one.pool.messages.rows.values() if m["obj_uuid"] == row["uuid"]]
    if name is None:
        assert left == []
        return
    (message,) = left
    told = text.format(host=_host(one, vm) if "{host}" in text else "")
    assert (message["name"], message["priority"], message["cls"]) == (name, 5, "VM")
    assert message["body"] == f"VM '{row['name_label']}' (uuid: {row['uuid']}) {told}"


async def test_message_of_a_live_migration_and_of_a_revert() -> None:
    one, vm = await _vm("Running")
    source = one.pool.db.row("host", one.pool.db.get("VM", vm, "resident_on"))
    target = await one.named("host", "madrid-03")
    await one("VM.pool_migrate", vm, target, {})
    row, there = one.pool.db.row("VM", vm), one.pool.db.row("host", target)
    (message,) = one.pool.messages.rows.values()
    begins = f"VM '{row['name_label']}' (uuid: {row['uuid']})"
    assert message["body"] == (
        f"{begins} migrated from host '{source['name_label']}' (uuid: {source['uuid']})"
        f" to host '{there['name_label']}' (uuid: {there['uuid']})"
    )
    snap = await one("VM.snapshot", vm, "before")
    one.pool.messages.rows.clear()
    await one("VM.revert", snap)
    uuid = one.pool.db.get("VM", snap, "uuid")
    assert [m["body"] for m in one.pool.messages.rows.values()] == [
        f"{begins} shutdown forcibly", f"{begins} reverted to snapshot: before (uuid {uuid})",
    ]  # fmt: skip


# -- who is kept running -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "state", "params", "always"), [
    ("VM.start", "Halted", (False, False), True), ("VM.resume", "Suspended", (False, False), True),
    ("VM.suspend", "Running", (), False), ("VM.clean_shutdown", "Running", (), False),
    ("VM.shutdown", "Running", (), False), ("VM.hard_shutdown", "Running", (), False),
    ("VM.hard_shutdown", "Suspended", (), False), ("VM.clean_reboot", "Running", (), True),
    ("VM.pause", "Running", (), True),
])  # fmt: skip
@pytest.mark.parametrize("priority", ["restart", "best-effort", ""])
async def test_ha_always_run_follows_the_wish(
    method: str, state: str, params: tuple[Any, ...], always: bool, priority: str
) -> None:
    one, vm = await _vm(state, ha_restart_priority=priority)
    await one(method, vm, *params)
    assert one.pool.db.get("VM", vm, "ha_always_run") is (always and priority == "restart")


# -- power_state_reset -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("host", "state", "live", "refused"), [
    ("madrid-01", "Running", True, "DOMAIN_EXISTS {vm}"), ("madrid-01", "Paused", True, ""),
    ("madrid-02", "Running", True, "HOST_IS_LIVE {host}"), ("madrid-02", "Paused", True, "HOST_IS_LIVE {host}"),
    ("madrid-02", "Running", False, ""), ("madrid-02", "Paused", False, ""), ("", "Suspended", True, ""),
    ("", "Halted", True, ""),
])  # fmt: skip
async def test_power_state_is_reset_only_where_nobody_can_tell(host: str, state: str, live: bool, refused: str) -> None:
    one, vm = await _vm()
    place = await one.named("host", host) if host else NULL
    assert place == NULL or (place == one.pool.master) is (host == "madrid-01")
    one.pool.db.set("VM", vm, power_state=state, resident_on=place)
    if not live:
        one.pool.lose_host(place)
    if refused:
        assert await one.refused("VM.power_state_reset", vm) == refused.format(vm=vm, host=place).split()
    else:
        await one("VM.power_state_reset", vm)
    assert await one("VM.get_power_state", vm) == (state if refused else "Halted")


async def test_a_control_domain_is_never_reset() -> None:
    one, _ = await clients()
    domain = next(ref for ref, row in one.pool.db.table("VM").items() if row["is_control_domain"])
    assert await one.refused("VM.power_state_reset", domain) == ["CANNOT_RESET_CONTROL_DOMAIN", domain]


async def test_nothing_starts_on_a_host_that_is_being_evacuated() -> None:
    one, vm = await _vm()
    host = await one.named("host", "madrid-02")
    one.pool.db.set("host", host, current_operations={"OpaqueRef:task": "evacuate"})
    assert await one.refused("VM.start_on", vm, host, False, False) == ["HOST_EVACUATE_IN_PROGRESS", host]


# -- what a VM must be to start ----------------------------------------------------------------------------------------

UEFI = {"firmware": "uefi"}


@pytest.mark.parametrize(("fields", "refused"), [
    ({"platform": {"nested-virt": "perhaps"}}, ["INVALID_VALUE", "platform:nested-virt", "perhaps"]),
    ({"platform": {"nested-virt": "1"}, "memory_static_min": 0, "memory_dynamic_min": 1 << 28},
     ["MEMORY_CONSTRAINT_VIOLATION_MAXPIN", "nested virt"]),
    ({"platform": {"cores-per-socket": "3"}, "VCPUs_max": 4}, ["VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", "4", "3"]),
    ({"platform": {"cores-per-socket": "0"}, "VCPUs_max": 4}, ["VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE", "4", "0"]),
    ({"platform": {"cores-per-socket": "two"}}, ["INVALID_VALUE", "platform:cores-per-socket", "two"]),
    ({"platform": {"cores-per-socket": "2"}, "VCPUs_max": 4}, []),
    ({"platform": {"cores-per-socket": "3"}, "VCPUs_max": 4, "domain_type": "pv"}, []),
    ({"HVM_boot_params": {"firmware": "coreboot"}}, ["INVALID_VALUE", "HVM-boot-params['firmware']", "coreboot"]),
    ({"HVM_boot_params": UEFI, "platform": {"device-model": "qemu-trad"}},
     ["INVALID_VALUE", "platform:device-model", "UEFI boot is not supported with qemu-trad"]),
    ({"platform": {"device-model": "qemu-upstream-uefi"}},
     ["INVALID_VALUE", "platform:device-model", "BIOS boot is not supported with qemu-upstream-uefi"]),
    ({"HVM_boot_params": UEFI, "platform": {"device-model": "qemu-upstream-uefi"}}, []),
])  # fmt: skip
async def test_platform_of_a_vm_that_starts(fields: Row, refused: list[str]) -> None:
    one, vm = await _vm(**{"domain_type": "hvm", "HVM_boot_params": {}, **fields})
    if refused:
        assert await one.refused("VM.start", vm, False, False) == refused
    else:
        await one("VM.start", vm, False, False)


@pytest.mark.parametrize("model", [None, "qemu-trad", "qemu-none"])
async def test_usb_devices_want_a_new_device_model(model: str | None) -> None:
    one, vm = await _vm(platform={"device-model": model} if model else {})
    row = {**one.pool.db.row("VM", vm), "VUSBs": ["OpaqueRef:usb"]}
    with pytest.raises(Failure) as refused:
        assert_startable(one.pool, row, force=False)
    text = "platform:device-model when vm has VUSBs"
    assert refused.value.description == ["INVALID_VALUE", text, model or "undefined"]


# -- provision ---------------------------------------------------------------------------------------------------------


async def _template(disks: str, **more: str) -> tuple[Client, str]:
    one, vm = await _vm(is_a_template=True)
    config = {"disks": disks, **more}
    one.pool.db.set("VM", vm, other_config={**one.pool.db.get("VM", vm, "other_config"), **config})
    return one, vm


async def test_provision_makes_the_disks_that_a_template_asks_for() -> None:
    one, _ = await clients()
    uuid = one.pool.db.get("SR", await one.named("SR", "NFS Madrid"), "uuid")
    wanted = f'<disk device="7" size="8589934592" sr="{uuid}" bootable="true" type="user"/>'
    one, vm = await _template(f"<provision>{wanted}</provision>")
    await one("VM.provision", vm)
    (vbd,) = [v for v in one.pool.db.table("VBD").values() if v["VM"] == vm and v["userdevice"] == "7"]
    vdi = one.pool.db.row("VDI", vbd["VDI"])
    assert (vdi["name_label"], vdi["virtual_size"], vdi["type"]) == ("7", 8 << 30, "user")
    assert (vbd["bootable"], vbd["unpluggable"], vbd["other_config"]) == (True, True, {"owner": ""})
    row = one.pool.db.row("VM", vm)
    assert "disks" not in row["other_config"]
    assert row["is_a_template"] is False


@pytest.mark.parametrize(("disks", "more", "refused"), [
    ('<provision><disk device="7" size="1" sr="" bootable="true"/></provision>', {}, ["UUID_INVALID", "sr", ""]),
    ("<provision/>", {"postinstall": "/bin/sh"}, ["PERMISSION_DENIED", "illegal provision script /bin/sh"]),
    ('<provision><disk device="7"/></provision>', {}, ["INTERNAL_ERROR", "Xapi_templates.Parse_failure"]),
    ("<disks/>", {}, ["INTERNAL_ERROR", "Xapi_templates.Parse_failure"]),
])  # fmt: skip
async def test_what_provision_refuses(disks: str, more: dict[str, str], refused: list[str]) -> None:
    one, vm = await _template(disks, **more)
    assert await one.refused("VM.provision", vm) == refused
    understood = refused[0] != "INTERNAL_ERROR"
    assert one.pool.db.get("VM", vm, "is_a_template") is not understood


# -- the guest's agent -------------------------------------------------------------------------------------------------


async def test_the_guest_agent_is_asked_once_in_a_while() -> None:
    one, vm = await _vm("Running")
    ask = ("VM.call_plugin", vm, "guest-agent-operation", "request-rdp-on", {})
    one.pool.clock.now = lambda: 1000.0  # type: ignore[method-assign]
    assert (await one.refused(*ask))[0] == "XENAPI_PLUGIN_FAILURE"
    one.pool.clock.now = lambda: 1002.5  # type: ignore[method-assign]
    assert await one.refused(*ask) == ["VM_CALL_PLUGIN_RATE_LIMIT", vm, "10.", "7.5"]
    one.pool.clock.now = lambda: 1000.0 + PLUGIN_INTERVAL_S  # type: ignore[method-assign]
    assert (await one.refused(*ask))[0] == "XENAPI_PLUGIN_FAILURE"


ALL = {"username": "u", "password": "p", "script": "true"}


@pytest.mark.parametrize(("allowed", "args", "refused"), [
    (False, ALL, ["FEATURE_RESTRICTED"]),
    (True, {"username": "u"}, ["XENAPI_PLUGIN_FAILURE", "missing argument", "", "Argument password is required."]),
    (True, {**ALL, "script": "x" * 1025},
     ["XENAPI_PLUGIN_FAILURE", "length restriction", "", "The script length must not exceed 1024 bytes"]),
])  # fmt: skip
async def test_scripts_run_only_where_the_pool_allows_it(
    allowed: bool, args: dict[str, str], refused: list[str]
) -> None:
    one, vm = await _vm("Running")
    if allowed:
        await one("pool.add_to_other_config", one.pool.ref, "allow_guest_agent_run_script", "true")
    assert await one.refused("VM.call_plugin", vm, "guest-agent-operation", "run-script", args) == refused
