"""Fixes at the spot, carried out. They are asked for, never done silently; what is gone meanwhile needs no fix."""

from collections.abc import Callable
from typing import Final

from xsmigui.core.failures import ServerFailure, Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    EjectCd,
    Fix,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    Unblock,
)
from xsmigui.core.migration.holders import Hold, holders
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.migration.rules.general import OUR_BLOCK
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import PoolId, VdiRef, VmRef
from xsmigui.core.text import _
from xsmigui.services.maintenance import note_halted

SHUTDOWN_DEADLINE: Final = 900.0
"""Seconds that a guest is given to shut down."""


async def apply(
    fix: Fix,
    inventory: Callable[[PoolId], Inventory | None],
    gateway: Callable[[PoolId], Gateway | None],
) -> None:
    """Carry the fix out, on what it names and nothing else. Raises the wire's errors."""
    way = gateway(fix.pool)
    pool = inventory(fix.pool)
    if way is None or pool is None:
        raise Unreachable(_("the pool"), _("not connected"))
    match fix:
        case DisableCbt():
            await way.call("VDI.disable_cbt", fix.vdi)
        case EjectCd():
            drive = pool.VBD.get(fix.vbd)
            if drive is not None and (drive.VM, drive.VDI, drive.type) == (fix.vm, fix.vdi, "CD"):
                await way.call("VBD.eject", fix.vbd)
        case SetDefaultSr():
            await way.call("pool.set_default_SR", fix.pool_ref, fix.sr)
        case DeleteSnapshots():
            for snapshot in fix.snapshots:
                if snapshot in pool.VM and fix.vm == pool.VM[snapshot].snapshot_of:
                    await _delete(way, pool, snapshot)
        case Unblock():
            vm = pool.VM.get(fix.vm)
            for operation, reason in vm.blocked_operations.items() if vm is not None else ():
                if operation in fix.operations and reason.startswith(OUR_BLOCK):
                    await way.call("VM.remove_from_blocked_operations", fix.vm, operation)
        case ShutDownHere():
            if fix.vm in pool.VM and fix.host in pool.host:
                await note_halted(way, pool, fix.host, fix.vm)
                await way.call("VM.clean_shutdown", fix.vm, deadline=SHUTDOWN_DEADLINE)
        case ShutDown():
            await way.call("VM.clean_shutdown", fix.vm, deadline=SHUTDOWN_DEADLINE)


async def _delete(way: Gateway, pool: Inventory, snapshot: VmRef) -> None:
    """A snapshot with its disks and its memory. The server keeps the disks of a VM that it destroys; some may be gone
    all the same. A disk that is no snapshot, or that anybody else holds, is never touched: a VM may share one with its
    snapshots, where it is read only say."""
    disks = [
        ref for ref, vdi in own_disks(pool, snapshot).items() if vdi.is_a_snapshot and _is_alone(pool, ref, snapshot)
    ]
    image = pool.VM[snapshot].suspend_VDI
    if image in pool.VDI and _is_alone(pool, image, snapshot):
        disks.append(image)
    await way.call("VM.destroy", snapshot)
    for disk in disks:
        try:
            await way.call("VDI.destroy", disk)
        except ServerFailure as failure:
            if failure.code != "HANDLE_INVALID":
                raise


def _is_alone(pool: Inventory, disk: VdiRef, vm: VmRef) -> bool:
    """Nobody but this VM holds the disk; a connection that is not known might be anybody's."""
    return all(holder.vm == vm and holder.hold is not Hold.unknown for holder in holders(pool, disk))
