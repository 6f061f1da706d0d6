"""What undoes a fix that was done, where that can be: a fix of its own, asked for and carried out like any other.

Not undone are deleted snapshots, which are gone; a block of a job that is no longer there to need it; and what a host's
list of VMs to bring back has lost because they wait no longer.
"""

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.fixes import (
    DisableCbt,
    EjectCd,
    EnableCbt,
    EnterMaintenance,
    Fix,
    InsertCd,
    LeaveMaintenance,
    SetCompression,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    StartVm,
)


def undoing(fix: Fix, inventory: Inventory | None) -> Fix | None:
    """What undoes a fix in its pool, whose records are `inventory` (None: not known); None if nothing does."""
    match fix:
        case DisableCbt():
            return EnableCbt(pool=fix.pool, vdi=fix.vdi, disk=fix.disk)
        case EnableCbt():
            return DisableCbt(pool=fix.pool, vdi=fix.vdi, disk=fix.disk)
        case EjectCd():
            return InsertCd(pool=fix.pool, vm=fix.vm, vbd=fix.vbd, vdi=fix.vdi, vm_name=fix.vm_name, cd=fix.cd)
        case InsertCd():
            return EjectCd(pool=fix.pool, vm=fix.vm, vbd=fix.vbd, vdi=fix.vdi, vm_name=fix.vm_name, cd=fix.cd)
        case SetDefaultSr():
            return _former_default(fix, inventory)
        case ShutDown() | ShutDownHere():
            return StartVm(pool=fix.pool, vm=fix.vm, vm_name=fix.vm_name)
        case SetCompression():
            return SetCompression(pool=fix.pool, pool_ref=fix.pool_ref, pool_name=fix.pool_name, on=not fix.on)
        case EnterMaintenance():
            return LeaveMaintenance(pool=fix.pool, host=fix.host, host_name=fix.host_name)
        case LeaveMaintenance():
            return EnterMaintenance(pool=fix.pool, host=fix.host, host_name=fix.host_name)
    return None


def _former_default(fix: SetDefaultSr, inventory: Inventory | None) -> SetDefaultSr | None:
    """The SR that was the default before, if it is known and still there."""
    if inventory is None or fix.instead_of is None or fix.instead_of not in inventory.SR:
        return None
    name = inventory.name_of("SR", fix.instead_of)
    return SetDefaultSr(
        pool=fix.pool,
        pool_ref=fix.pool_ref,
        sr=fix.instead_of,
        pool_name=fix.pool_name,
        sr_name=name,
        instead_of=fix.sr,
    )
