"""Which VMs leave their pools by storage migration: counted once for each change of a pool, not for each question."""

from xsmigui.core.inventory import Inventory
from xsmigui.core.records import VM
from xsmigui.core.refs import PoolId, VmRef
from xsmigui.services.store import Change, Store


class Movers:
    """The VMs of each pool that a storage migration runs for, whoever has started it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uuids: dict[PoolId, dict[VmRef, str]] = {}

    def heard(self, change: Change) -> bool:
        """A pool has changed; True where storage migrations began or ended there."""
        before = self._uuids.get(change.pool, {})
        after = self._counted(change, before)
        self._uuids[change.pool] = after
        return after != before

    def others(self, pool: PoolId, ours: set[str]) -> int:
        """How many of a pool are not those with these uuids."""
        return sum(1 for uuid in self._of(pool).values() if uuid not in ours)

    def moves(self, pool: PoolId, uuid: str) -> bool:
        """This VM is one of them."""
        return uuid in self._of(pool).values()

    def _of(self, pool: PoolId) -> dict[VmRef, str]:
        if pool not in self._uuids and (inventory := self._store.inventory(pool)) is not None:
            self._uuids[pool] = _moving(inventory)
        return self._uuids.get(pool, {})

    def _counted(self, change: Change, before: dict[VmRef, str]) -> dict[VmRef, str]:
        inventory = change.after
        if inventory is None:
            return {}
        if change.delta.whole or change.pool not in self._uuids:
            return _moving(inventory)
        touched = change.delta.refs("VM")
        if not touched:
            return before
        kept = {ref: uuid for ref, uuid in before.items() if ref not in touched}
        records = ((VmRef(ref), inventory.VM.get(VmRef(ref))) for ref in touched)
        return kept | {ref: vm.uuid for ref, vm in records if vm is not None and _leaves(vm)}


def _moving(inventory: Inventory) -> dict[VmRef, str]:
    return {ref: vm.uuid for ref, vm in inventory.VM.items() if _leaves(vm)}


def _leaves(vm: VM) -> bool:
    return bool(vm.current_operations) and "migrate_send" in vm.current_operations.values()
