"""VM.pool_migrate and host.evacuate (message_forwarding.ml, xapi_host.ml)."""

from __future__ import annotations

import asyncio
from typing import Final

from xsmigui.simulator import guests
from xsmigui.simulator.dispatch import Call, child, method
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.faults import Moving
from xsmigui.simulator.gates import availability
from xsmigui.simulator.gates import devices as gpus
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.methods.guests import gate, suspend_image
from xsmigui.simulator.methods.lifecycle import schedule
from xsmigui.simulator.methods.locking import enter, leave, operation
from xsmigui.simulator.methods.motion_checks import assert_gpu_fits
from xsmigui.simulator.methods.notices import leave_migrated
from xsmigui.simulator.pool import Pool

NETWORK_SPEED: Final = 118e6  # bytes a second on a gigabit link
BATCH: Final = 10
STEPS: Final = 40


def truth(options: dict[str, str], name: str) -> bool:
    return options.get(name) == "true"


@method("VM.pool_migrate")
async def pool_migrate(call: Call, vm: str, host: str, options: dict[str, str]) -> None:
    pool, db = call.pool, call.db
    force = truth(options, "force")
    row = db.row("VM", vm)
    if not force and row["power_state"] != "Halted":
        booted = host_gate.booted_as(pool, row)
        if row["power_state"] == "Running" and not pool.live(host) and db.has("host", host):
            gate(call, vm, "pool_migrate")
            raise Failure("HOST_NOT_LIVE")
        failure = host_gate.cpu_error(vm, row, booted, host, db.row("host", host))
        if failure:
            raise failure
    async with operation(call, "VM", vm, "pool_migrate", lambda: gate(call, vm, "pool_migrate", strict=not force)):
        source = db.get("VM", vm, "resident_on")
        if pool.rolling_upgrade() and not host_gate.not_older(pool, db.row("host", source), db.row("host", host)):
            raise Failure("NOT_SUPPORTED_DURING_UPGRADE")
        host_gate.assert_can_boot_here(pool, vm, host, cpu=False)
        availability.assert_plan_with(pool, vm, host)
        host_gate.assert_host_operation(pool, host, "vm_migrate")
        if pool.row["restrictions"].get("restrict_xen_motion") == "true":
            raise Failure("LICENCE_RESTRICTION", "Xen_motion")
        if "network" in options:
            assert_network(call, options["network"], host)
        for ref in row["VGPUs"]:
            vgpu = db.row("VGPU", ref)
            gpu = gpus.gpu_for(pool, vgpu["GPU_group"], vgpu["type"], host, ignore=ref)
            if gpu is not None:
                assert_gpu_fits(pool, ref, vgpu, gpu, host)
        pool.reach(source)
        db.set("task", call.task, resident_on=source)
        enter(call, "host", host, "vm_migrate")
        schedule(call, vm, host)
        moving = Moving(call, vm, pool, source, pool, host)
        pool.faults.moving.add(moving)
        try:
            await move_memory(call, vm, host)
        except BaseException:
            schedule(call, vm, NULL)
            raise
        finally:
            pool.faults.moving.discard(moving)
            leave(call, "host", host)
    leave_migrated(call, vm, source, host)


def assert_network(call: Call, network: str, host: str) -> None:
    pif = host_gate.pif_on(call.pool, network, host)
    if pif is None:
        raise Failure("PIF_NOT_PRESENT", host, network)
    row = call.db.row("PIF", pif)
    if not row["currently_attached"]:
        raise Failure("REQUIRED_PIF_IS_UNPLUGGED", pif)
    if not row["IP"] and not row["IPv6"]:
        raise Failure("INTERFACE_HAS_NO_IP", pif)


TRIES: Final = 3
"""A guest that reboots while its memory crosses is moved again, up to so many tries (xapi_vm_migrate.ml,
migrate_with_retries)."""


class Rebooted(Exception):
    """The guest has rebooted while its memory crossed: the domain that was being moved is no more."""


def reboot(call: Call, vm: str) -> None:
    """A fault: the guest reboots, and gets another domain on its host."""
    left = call.pool.faults.rebooting.get(vm, 0)
    if left <= 0:
        return
    call.pool.faults.rebooting[vm] = left - 1
    guests.boot(call.pool, vm, call.db.get("VM", vm, "resident_on"))
    raise Rebooted


def refuse_memory(call: Call, vm: str) -> None:
    """A fault: xenopsd fails."""
    failure = call.pool.faults.memory.pop(vm, None)
    if failure is not None:
        raise failure


async def move_memory(call: Call, vm: str, host: str) -> None:
    """The guest's memory crosses, again where the guest has rebooted meanwhile."""
    for _try in range(TRIES):
        try:
            await _move_memory(call, vm, host)
            return
        except Rebooted:
            continue
    raise internal("xenopsd internal error: the domain has rebooted")


async def _move_memory(call: Call, vm: str, host: str) -> None:
    """Progress to 10/11, then the clean-up's own series begins again below."""
    pool, db = call.pool, call.db
    if vm in pool.faults.unresponsive:
        await call.pause(60)
        raise Failure("VM_FAILED_SUSPEND_ACKNOWLEDGMENT", vm)
    refuse_memory(call, vm)
    seconds = db.get("VM", vm, "memory_target") / NETWORK_SPEED
    call.cancellable(True)
    for step in range(STEPS):
        await call.pause(seconds / STEPS)
        call.progress(10 / 11 * (step + 1) / STEPS)
        if step == STEPS // 2:
            end_early(call, vm)
            reboot(call, vm)
        if not db.has("VM", vm) or db.get("VM", vm, "power_state") != "Running":
            raise Failure("VM_BAD_POWER_STATE", vm, "Running", db.get("VM", vm, "power_state"))
    call.cancellable(False)
    arrive(call, vm, pool, vm, host)
    for progress in (1.0, 0.4, 0.8):
        await call.pause(0.3, cancellable=False)
        call.progress(progress)


def arrive(call: Call, vm: str, there: Pool, new: str, host: str) -> None:
    """The guest goes on where it has arrived; a fault stops it at once, which the migration does not notice."""
    guests.boot(there, new, host, fresh=False)
    stopping = call.pool.faults.stopping
    if vm in stopping:
        stopping.discard(vm)
        guests.halt(there, new)


def end_early(call: Call, vm: str) -> None:
    """A fault: the memory does not arrive, and the guest is left halted or suspended where it was."""
    state = call.pool.faults.ending.pop(vm, None)
    if state is None:
        return
    if state == "Suspended":
        call.db.set("VM", vm, suspend_VDI=guests.add_vdi(call.pool, suspend_image(call.pool, vm)))
    guests.halt(call.pool, vm, state)
    text = 'Xenops_interface.Xenopsd_error([S(Internal_error);S(Xenops_migrate.Remote_failed("connection lost"))])'
    raise Failure("INTERNAL_ERROR", text)


# -- evacuation --------------------------------------------------------------------------------------------------------


def plan(call: Call, host: str) -> tuple[dict[str, str], dict[str, Failure]]:
    """For every VM that runs on `host` where it goes, or why it cannot."""
    pool, db = call.pool, call.db
    here = db.row("host", host)
    targets = [
        h
        for h, row in db.table("host").items()
        if h != host and row["enabled"] and pool.live(h) and host_gate.not_older(pool, here, row)
    ]
    free = {h: free_memory(pool, h) for h in targets}
    places: dict[str, str] = {}
    errors: dict[str, Failure] = {}
    residents = [v for v in here["resident_VMs"] if not db.get("VM", v, "is_control_domain")]
    for vm in sorted(residents, key=lambda v: -needed_memory(pool, db.row("VM", v))):
        failure = _why_not(call, vm, targets)
        if failure is not None:
            errors[vm] = failure
            continue
        needed = needed_memory(pool, db.row("VM", vm))
        best = max(targets, key=lambda h: (free[h], h))
        if needed > free[best]:
            errors[vm] = Failure("HOST_NOT_ENOUGH_FREE_MEMORY", vm)
            continue
        free[best] -= needed
        places[vm] = best
    return places, errors


def _why_not(call: Call, vm: str, targets: list[str]) -> Failure | None:
    pool, row = call.pool, call.db.row("VM", vm)
    if not targets:
        return Failure("NO_HOSTS_AVAILABLE", vm)
    found = None
    if pool.row["ha_enabled"] and not (row["ha_always_run"] or row["ha_restart_priority"]):
        named = pool.profile.names_unprotected_vm
        found = Failure("HOST_EVACUATE_VM_NOT_HA_PROTECTED" if named else "HOST_NOT_ENOUGH_FREE_MEMORY", vm)
    for target in targets:
        try:
            host_gate.assert_can_boot_here(pool, vm, target, memory=False)
        except Failure as failure:
            found = failure
    return vm_gate.error(vm_gate.Subject.of(pool, vm), "pool_migrate", strict=True) or found


@method("host.get_vms_which_prevent_evacuation")
def preventing(call: Call, host: str) -> dict[str, list[str]]:
    return {vm: failure.description for vm, failure in plan(call, host)[1].items()}


@method("host.assert_can_evacuate")
def assert_can_evacuate(call: Call, host: str) -> None:
    errors = plan(call, host)[1]
    if errors:
        raise Failure("CANNOT_EVACUATE_HOST", "|".join(",".join(f.description) for f in errors.values()))


@method("host.evacuate")
async def evacuate(call: Call, host: str, network: str = NULL, batch: int = 0) -> None:
    call.db.row("host", host)

    def free_to_go() -> None:
        host_gate.assert_host_operation(call.pool, host, "evacuate")

    availability.assert_plan_without(call.pool, host)
    async with operation(call, "host", host, "evacuate", free_to_go):
        places, errors = plan(call, host)
        if errors:
            raise next(iter(errors.values()))
        options = {"live": "true"}
        if call.db.has("network", network):
            for target in places.values():
                assert_network(call, network, target)
            options["network"] = network
        await _move_all(call, places, options, batch if batch > 0 else BATCH)
        left = [v for v in call.db.get("host", host, "resident_VMs") if not call.db.get("VM", v, "is_control_domain")]
        if left:
            raise Failure("INTERNAL_ERROR", f"evacuate: {len(left)} VMs are still resident on {host}")


async def _move_all(call: Call, places: dict[str, str], options: dict[str, str], at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)
    done = 0

    async def one(vm: str, target: str) -> None:
        nonlocal done
        async with slots:
            call.checkpoint()
            try:
                await child(call, "VM.pool_migrate", [vm, target, options])
            except Failure as failure:
                if failure.code != "VM_BAD_POWER_STATE":
                    raise
            done += 1
            call.progress(done / len(places))

    call.cancellable(True)
    moves = [asyncio.ensure_future(one(vm, target)) for vm, target in places.items()]
    if not moves:
        return
    for move in moves:
        move.add_done_callback(_heard)  # when one has failed the others go on, and nobody waits for them
        call.pool.spawn(move)
    done_moves, _ = await asyncio.wait(moves, return_when=asyncio.FIRST_EXCEPTION)
    for move in done_moves:
        failure = move.exception()
        if failure is not None:
            raise failure


def _heard(move: asyncio.Future[None]) -> None:
    """A failure that nobody waits for is in the move's own task."""
    if not move.cancelled():
        move.exception()
