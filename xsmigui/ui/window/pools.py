"""What may be done with hosts and pools from the window: maintenance mode, and the pool's compression."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.text import _
from xsmigui.services import maintenance
from xsmigui.services.drafting import Drafting
from xsmigui.ui.dialogs.base import ask, tell, tell_failure
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog, leaving
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.given import Services
from xsmigui.ui.window.tree import ResourceTree

if TYPE_CHECKING:
    from xsmigui.ui.window.main import MainWindow


async def call_server(
    window: QWidget, services: Services, pool: PoolId, title: str, method: str, *params: object
) -> None:
    """Ask a server for something small. What comes of it comes back as events."""
    gateway = services.connections.gateway(pool)
    if gateway is None:
        await tell(window, title, _("The pool is not connected."))
        return
    try:
        await gateway.call(method, *params, deadline=600.0)
    except WIRE_ERRORS as failure:
        await tell_failure(window, title, failure, services.store.inventory(pool))


class PoolCommands:
    """Enters maintenance mode of the selected host, or leaves it; changes the selected pool's setting."""

    def __init__(
        self, window: "MainWindow", services: Services, scope: Scope, tree: ResourceTree, icons: Icons
    ) -> None:
        self._window = window
        self._services = services
        self._scope = scope
        self._tree = tree
        self._icons = icons

    def why_not(self) -> str:
        """Why there is nothing to do; empty where there is."""
        return evacuation.why_not(self._services.store.site(), *self._selected())

    def text(self) -> str:
        """What the menu says, by how the host stands."""
        pool, host = self._selected()
        inventory = self._services.store.inventory(pool) if pool is not None else None
        if inventory is None or host is None or host not in inventory.host or evacuation.takes(inventory, host):
            return _("Enter &maintenance mode…")
        return _("Leave &maintenance mode…")

    def _selected(self) -> tuple[PoolId | None, HostRef | None]:
        keys = self._tree.selected()
        if len(keys) == 1 and keys[0].cls == "host":
            return keys[0].pool, HostRef(keys[0].ref)
        return None, None

    def _pool(self) -> Inventory | None:
        """The connected pool of what is selected."""
        site, keys = self._services.store.site(), self._tree.selected()
        return site.pools.get(keys[0].pool) if keys and keys[0].pool in site.connected else None

    def why_no_pool(self) -> str:
        return "" if self._pool() is not None else _("Select a pool or something of it first.")

    def compresses(self) -> bool:
        """The selected pool compresses the memory of live migrations."""
        pool = self._pool()
        return pool is not None and pool.pool.migration_compression

    def compress(self) -> None:
        """Change that, after a question; what the menu shows comes from the server."""
        pool = self._pool()
        if pool is not None:
            self._window.enable()  # the click has changed the mark
            self._scope.spawn(self._compress_after_asking(pool), "compression")

    async def _compress_after_asking(self, pool: Inventory) -> None:
        wanted = not pool.pool.migration_compression
        title = _("Compress live migrations")
        question = _("Memory of every live migration in {pool} will be compressed, whoever starts it.", pool=pool.name)
        go, leave = _("Compress"), _("Leave it uncompressed")
        if not wanted:
            question = _("Memory of live migrations in {pool} will no longer be compressed.", pool=pool.name)
            go, leave = _("Do not compress"), _("Leave it compressed")
        if await ask(self._window, title, question, go, leave):
            method = "pool.set_migration_compression"
            await call_server(self._window, self._services, pool.id, title, method, pool.pool_ref, wanted)

    def enter_or_leave(self) -> MaintenanceDialog | None:
        """Open the dialog on the selected host; or ask whether its maintenance is over."""
        site = self._services.store.site()
        pool, host = self._selected()
        if pool is None or host is None or self.why_not():
            return None
        if not evacuation.takes(site.pools[pool], host):
            self._scope.spawn(self._leave(pool, host), "maintenance")
            return None
        return self._empty(pool, host)

    def _empty(self, pool: PoolId, host: HostRef) -> MaintenanceDialog:
        services = self._services
        draft = evacuation.evacuation(services.store.site(), pool, host)
        drafting = Drafting(services.store, services.asker, services.clock, draft)
        dialog = MaintenanceDialog(
            self._window, drafting, services.store, services.connections, self._icons, self._window.present
        )
        dialog.entered.connect(lambda plan: self._scope.spawn(self._enter(pool, host, plan), "maintenance"))
        self._window.keep(dialog)
        dialog.show()
        return dialog

    async def _enter(self, pool: PoolId, host: HostRef, plan: Plan | None) -> None:
        """Disable the host, then let the VMs leave."""
        gateway, inventory = self._services.connections.gateway(pool), self._services.store.inventory(pool)
        if gateway is None or inventory is None:
            await tell(self._window, _("Maintenance mode"), _("The pool is not connected."))
            return
        vms = [VmRef(move.vm.ref) for move in plan.moves] if plan is not None else []
        try:
            await maintenance.enter(gateway, inventory, host, vms)
        except WIRE_ERRORS as failure:
            unsure = maintenance.uncertain(failure, inventory, host)
            await tell_failure(self._window, _("Maintenance mode"), failure, inventory, unsure)
            return
        if plan is not None:
            self._window.start(plan)

    async def _leave(self, pool: PoolId, host: HostRef) -> None:
        """Enable the host, then let the VMs return that the operator wants back."""
        store = self._services.store
        inventory = store.site().pools[pool]
        vms = await leaving(self._window, inventory, host, lambda: self._empty(pool, host))
        gateway = self._services.connections.gateway(pool)
        if vms is None:
            return
        if gateway is None:
            await tell(self._window, _("Maintenance mode"), _("The pool is not connected."))
            return
        try:
            await maintenance.leave(gateway, host)
        except WIRE_ERRORS as failure:
            unsure = maintenance.uncertain(failure, inventory, host)
            await tell_failure(self._window, _("Maintenance mode"), failure, inventory, unsure)
            return
        if vms and await store.until(lambda: evacuation.takes(store.inventory(pool), host)):
            site = store.site()
            back = tuple(vm for vm in vms if vm in site.pools[pool].VM)
            await self._window.migrate_at_once(evacuation.back(site, pool, host, back))
