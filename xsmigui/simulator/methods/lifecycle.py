"""VM: start, stop, suspend, resume, pause."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator import features, guests
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import devices, platform
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.methods.guests import DISK_SPEED, gate, suspend_image
from xsmigui.simulator.methods.locking import operation
from xsmigui.simulator.methods.notices import leave_message, on_host

BOOT = 3.0  # seconds


@method("VM.start")
async def start(call: Call, vm: str, paused: bool, force: bool) -> None:
    features.assert_enabled(call.pool, "VM_start")
    devices.assert_known_types(call.pool, call.db.row("VM", vm))
    async with operation(call, "VM", vm, "start", lambda: gate(call, vm, "start")):
        await _start(call, vm, host_gate.choose(call.pool, vm), paused, force)
    leave_message(call, "VM_STARTED", vm, f"started {on_host(call, vm)}")


@method("VM.start_on")
async def start_on(call: Call, vm: str, host: str, paused: bool, force: bool) -> None:
    _assert_upgraded(call, host)
    features.assert_enabled(call.pool, "VM_start")
    row = call.db.row("VM", vm)
    host_gate.assert_affinity(row, host)
    if "evacuate" in call.db.get("host", host, "current_operations").values():
        raise Failure("HOST_EVACUATE_IN_PROGRESS", host)
    devices.assert_known_types(call.pool, row)
    async with operation(call, "VM", vm, "start_on", lambda: gate(call, vm, "start_on")):
        host_gate.assert_can_boot_here(call.pool, vm, host)
        await _start(call, vm, host, paused, force)
    leave_message(call, "VM_STARTED", vm, f"started {on_host(call, vm)}")


async def _start(call: Call, vm: str, host: str, paused: bool, force: bool) -> None:
    _protect(call, vm)
    platform.assert_startable(call.pool, call.db.row("VM", vm), force=force)
    await _boot(call, vm, host, paused)


def _protect(call: Call, vm: str) -> None:
    """Who is started or resumed is kept running from then on, where that was wished for."""
    if call.db.get("VM", vm, "ha_restart_priority") == "restart":
        call.db.set("VM", vm, ha_always_run=True)


def _assert_upgraded(call: Call, host: str) -> None:
    """In a rolling upgrade nothing begins on a host that has it before it."""
    if call.pool.rolling_upgrade() and not host_gate.newest_in_pool(call.pool, call.db.row("host", host)):
        raise Failure("NOT_SUPPORTED_DURING_UPGRADE")


async def _boot(call: Call, vm: str, host: str, paused: bool, *, fresh: bool = True, seconds: float = BOOT) -> None:
    host_gate.assert_host_operation(call.pool, host, "vm_start")
    schedule(call, vm, host)
    try:
        await call.pause(seconds)
    except BaseException:
        schedule(call, vm, NULL)
        raise
    guests.boot(call.pool, vm, host, paused=paused, fresh=fresh)


def schedule(call: Call, vm: str, host: str) -> None:
    """scheduled_to_be_resident_on, which counts against the host's memory."""
    if host == NULL:
        call.pool.scheduled.discard(vm)
    else:
        call.pool.scheduled.add(vm)
    if call.db.has("VM", vm):
        call.db.set("VM", vm, scheduled_to_be_resident_on=host)


@method("VM.pause")
async def pause(call: Call, vm: str) -> None:
    async with operation(call, "VM", vm, "pause", lambda: gate(call, vm, "pause")):
        _reach(call, vm)
        call.db.set("VM", vm, power_state="Paused")
    leave_message(call, "VM_PAUSED", vm, "paused")


@method("VM.unpause")
async def unpause(call: Call, vm: str) -> None:
    async with operation(call, "VM", vm, "unpause", lambda: gate(call, vm, "unpause")):
        _reach(call, vm)
        call.db.set("VM", vm, power_state="Running")
    leave_message(call, "VM_UNPAUSED", vm, "unpaused")


def _reach(call: Call, vm: str) -> None:
    host = call.db.get("VM", vm, "resident_on")
    if call.db.has("host", host):
        call.pool.reach(host)


@method("VM.clean_shutdown")
async def clean_shutdown(call: Call, vm: str) -> None:
    await _stop(call, vm, "clean_shutdown", 5.0)


@method("VM.hard_shutdown")
async def hard_shutdown(call: Call, vm: str) -> None:
    await _stop(call, vm, "hard_shutdown", 0.5)


@method("VM.shutdown")
async def shutdown(call: Call, vm: str) -> None:
    await _stop(call, vm, "shutdown", 5.0)


# What is called off first; a migration that moves disks is not (message_forwarding.ml)
_CANCELS: Final = {
    "hard_shutdown": frozenset({"clean_shutdown", "clean_reboot", "hard_reboot", "pool_migrate", "call_plugin",
                                "shutdown", "suspend"}),
    "hard_reboot": frozenset({"clean_shutdown", "clean_reboot", "pool_migrate", "call_plugin", "suspend"}),
}  # fmt: skip


def _cancel_others(call: Call, vm: str, op: str) -> None:
    for task, running in call.db.get("VM", vm, "current_operations").items():
        if running in _CANCELS.get(op, ()):
            call.pool.tasks.request_cancel(task, call.task)


async def _stop(call: Call, vm: str, op: str, seconds: float) -> None:
    async with operation(call, "VM", vm, op, lambda: gate(call, vm, op)):
        _cancel_others(call, vm, op)
        if call.db.get("VM", vm, "power_state") == "Suspended":
            _assert_image_in_sight(call, vm)
        _reach(call, vm)
        call.db.set("VM", vm, ha_always_run=False)
        await call.pause(seconds)
        guests.halt(call.pool, vm)
    leave_message(call, "VM_SHUTDOWN", vm, "shutdown forcibly" if op == "hard_shutdown" else "shutdown")


def _assert_image_in_sight(call: Call, vm: str) -> None:
    """A suspended VM is switched off by a host that sees its memory image, which goes."""
    image = call.db.find("VDI", call.db.get("VM", vm, "suspend_VDI"))
    hosts = (host for host in call.db.table("host") if call.pool.live(host))
    if image is not None and not any(host_gate.sees(call.pool, host, image["SR"]) for host in hosts):
        raise Failure("NO_HOSTS_AVAILABLE")


@method("VM.clean_reboot")
async def clean_reboot(call: Call, vm: str) -> None:
    await _reboot(call, vm, "clean_reboot", 8.0)


@method("VM.hard_reboot")
async def hard_reboot(call: Call, vm: str) -> None:
    await _reboot(call, vm, "hard_reboot", BOOT)


async def _reboot(call: Call, vm: str, op: str, seconds: float) -> None:
    async with operation(call, "VM", vm, op, lambda: gate(call, vm, op)):
        _cancel_others(call, vm, op)
        _reach(call, vm)
        host = call.db.get("VM", vm, "resident_on")
        await call.pause(seconds)
        guests.boot(call.pool, vm, host)
    leave_message(call, "VM_REBOOTED", vm, f"rebooted {'forcibly' if op == 'hard_reboot' else 'cleanly'}")


@method("VM.power_state_reset")
def power_state_reset(call: Call, vm: str) -> None:
    """For what ran on a host that is dead: where the guest still runs, or its host can say whether it does, it is
    refused."""
    row = call.db.row("VM", vm)
    if row["is_control_domain"]:
        raise Failure("CANNOT_RESET_CONTROL_DOMAIN", vm)
    state, host = row["power_state"], row["resident_on"]
    if host == call.pool.master and state == "Running":
        raise Failure("DOMAIN_EXISTS", vm)
    if host != call.pool.master and state in {"Running", "Paused"} and call.pool.live(host):
        raise Failure("HOST_IS_LIVE", host)
    call.db.set("VM", vm, current_operations={})
    guests.halt(call.pool, vm)


@method("VM.suspend")
async def suspend(call: Call, vm: str) -> None:
    async with operation(call, "VM", vm, "suspend", lambda: gate(call, vm, "suspend")):
        _reach(call, vm)
        call.db.set("VM", vm, ha_always_run=False)
        if vm in call.pool.faults.unresponsive:
            await call.pause(60)
            raise Failure("VM_FAILED_SUSPEND_ACKNOWLEDGMENT", vm)
        image = suspend_image(call.pool, vm)
        seconds = call.db.get("VM", vm, "memory_target") / DISK_SPEED
        for step in range(10):
            await call.pause(seconds / 10)
            call.progress((step + 1) / 10)
        call.db.set("VM", vm, suspend_VDI=guests.add_vdi(call.pool, image))
        guests.halt(call.pool, vm, "Suspended")
    leave_message(call, "VM_SUSPENDED", vm, "suspended")


@method("VM.resume")
async def resume(call: Call, vm: str, paused: bool, force: bool) -> None:
    devices.assert_known_types(call.pool, call.db.row("VM", vm))
    async with operation(call, "VM", vm, "resume", lambda: gate(call, vm, "resume")):
        await _resume(call, vm, host_gate.choose(call.pool, vm), paused)
    leave_message(call, "VM_RESUMED", vm, f"resumed {on_host(call, vm)}")


@method("VM.resume_on")
async def resume_on(call: Call, vm: str, host: str, paused: bool, force: bool) -> None:
    _assert_upgraded(call, host)
    devices.assert_known_types(call.pool, call.db.row("VM", vm))
    async with operation(call, "VM", vm, "resume_on", lambda: gate(call, vm, "resume_on")):
        host_gate.assert_can_boot_here(call.pool, vm, host)
        await _resume(call, vm, host, paused)
    leave_message(call, "VM_RESUMED", vm, f"resumed {on_host(call, vm)}")


async def _resume(call: Call, vm: str, host: str, paused: bool) -> None:
    _protect(call, vm)
    seconds = call.db.get("VM", vm, "memory_target") / DISK_SPEED
    image = call.db.get("VM", vm, "suspend_VDI")
    await _boot(call, vm, host, paused, fresh=False, seconds=seconds)
    call.db.set("VM", vm, suspend_VDI=NULL)
    if call.db.has("VDI", image):
        guests.remove_vdi(call.pool, image)
