"""VMs that are just arriving in a pool: while one moves between pools its record stands in both, halted at the
destination, with the same uuid (xapi 24.10 import.ml)."""

from xsmigui.core.changes import Delta
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.calls import MOVING
from xsmigui.core.migration.draft import Site
from xsmigui.core.records import VM
from xsmigui.core.refs import ObjectId, PoolId, VmRef


def is_moving(vm: VM) -> bool:
    return not MOVING.isdisjoint(vm.current_operations.values())


def _leaves_its_pool(inventory: Inventory, vm: VM) -> bool:
    """A storage migration that has no host of its own pool before it (xapi 24.10 xapi_vm_migrate.ml: inside a pool
    `scheduled_to_be_resident_on` is the destination meanwhile)."""
    return "migrate_send" in vm.current_operations.values() and vm.scheduled_to_be_resident_on not in inventory.host


def may_tell(site: Site, pool: PoolId, delta: Delta) -> bool:
    """A change may be the sign of a VM that arrives: VMs came or went, or one of those that changed is at work."""
    inventory = site.pools.get(pool)
    if delta.whole or inventory is None or "VM" in delta.added or "VM" in delta.removed:
        return True
    changed = (inventory.VM.get(VmRef(ref)) for ref in delta.changed.get("VM", ()))
    return any(vm is not None and vm.current_operations for vm in changed)


def coming_from(site: Site, pool: PoolId, ref: VmRef) -> str:
    """The pool from which a VM is just arriving; empty where it does not."""
    vm = site.pools[pool].VM[ref]
    if vm.power_state != "Halted" or vm.is_a_snapshot or vm.is_a_template:
        return ""
    for other, inventory in site.pools.items():
        if other == pool:
            continue
        for twin in inventory.vms_by_identity.get(vm.uuid, ()):
            if _leaves_its_pool(inventory, inventory.VM[twin]):
                return inventory.name
    return ""


def arriving(site: Site) -> dict[ObjectId, str]:
    """Every VM that is just arriving in a pool, with the name of the pool it comes from."""
    found = {}
    for pool, inventory in site.pools.items():
        for leaver in inventory.moving_vms:
            if not _leaves_its_pool(inventory, inventory.VM[leaver]):
                continue
            uuid = inventory.VM[leaver].uuid
            for other, there in site.pools.items():
                for ref in there.vms_by_identity.get(uuid, ()) if other != pool else ():
                    if coming_from(site, other, ref):
                        found[there.object_id("VM", ref)] = inventory.name
    return found
