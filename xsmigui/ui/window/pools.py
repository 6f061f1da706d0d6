"""What may be done with hosts and pools from the window: maintenance mode, and the pool's compression."""

from collections.abc import Callable, Coroutine

from PySide6.QtWidgets import QWidget

from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation, leaving_out
from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import SetCompression
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.text import _
from xsmigui.services.desk import NotDone
from xsmigui.ui.dialogs.base import ask, tell, tell_failure
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.dialogs.returning import Leaving, leaving
from xsmigui.ui.window.planning import Planner
from xsmigui.ui.window.services import Services
from xsmigui.ui.window.tree import ResourceTree


async def doing(
    window: QWidget, title: str, services: Services, pool: PoolId, work: Coroutine[object, object, object]
) -> bool:
    """Do something of the desk; False where it failed, and that was shown."""
    try:
        await work
    except NotDone as failed:
        await tell(window, title, str(failed), failed.raw)
        return False
    except WIRE_ERRORS as failure:
        await tell_failure(window, title, failure, services.store.inventory(pool))
        return False
    return True


class PoolCommands:
    """Enters maintenance mode of the selected host, or leaves it; changes the selected pool's setting. `on_click` shows
    the actions again as the servers have them."""

    def __init__(self, planner: Planner, tree: ResourceTree, on_click: Callable[[], object]) -> None:
        self._planner = planner
        self._window = planner.window
        self._services = planner.services
        self._scope = planner.scope
        self._tree = tree
        self._on_click = on_click

    def why_not(self) -> str:
        """Why there is nothing to do; empty where there is."""
        return evacuation.why_not(self._services.store.site(), *self._selected())

    def text(self) -> str:
        """What the menu says, by how the host stands."""
        pool, host = self._selected()
        inventory = self._services.store.inventory(pool) if pool is not None else None
        if evacuation.in_maintenance(inventory, host):
            return _("Leave &maintenance mode…")
        return _("Enter &maintenance mode…")

    def why_nobody_comes_back(self) -> str:
        """Why there is nobody to be brought back to the selected host; empty where there is."""
        pool, host = self._selected()
        reason = self.why_not()
        if not reason and pool is not None and host is not None:
            inventory = self._services.store.site().pools[pool]
            if not evacuation.returning(inventory, host):
                reason = _("There is no VM to bring back to {host}.", host=inventory.name_of("host", host))
        return reason

    def bring_back(self) -> None:
        """Ask who of those that the host has lost for its maintenance comes back."""
        pool, host = self._selected()
        if pool is not None and host is not None and not self.why_nobody_comes_back():
            self._scope.spawn(self._leave(pool, host), "maintenance")

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
            self._on_click()  # the click has changed the mark
            self._scope.spawn(self._compress_after_asking(pool), "compression")

    async def _compress_after_asking(self, pool: Inventory) -> None:
        wanted = not pool.pool.migration_compression
        fix = SetCompression(pool=pool.id, pool_ref=pool.pool_ref, pool_name=pool.name, on=wanted)
        asked = offer(fix)
        if await ask(self._window, asked.title, asked.question, asked.go, asked.leave):
            await doing(self._window, asked.title, self._services, pool.id, self._services.desk.done(fix))

    def enter_or_leave(self) -> MaintenanceDialog | None:
        """Open the dialog on the selected host; or ask whether its maintenance is over."""
        site = self._services.store.site()
        pool, host = self._selected()
        if pool is None or host is None or self.why_not():
            return None
        if evacuation.in_maintenance(site.pools[pool], host):
            self._scope.spawn(self._leave(pool, host), "maintenance")
            return None
        return self.empty(pool, host)

    def empty(self, pool: PoolId, host: HostRef) -> MaintenanceDialog:
        """Open the dialog on a host that its VMs are to leave."""
        services = self._services
        draft = evacuation.evacuation(services.store.site(), pool, host)
        draft = draft.batched(services.preferences.now.leaving_at_once)
        drafting, planner = self._planner.drafting(draft), self._planner
        dialog = MaintenanceDialog(
            self._window, drafting, services.store, services.jobs, services.desk, planner.icons, planner.present
        )
        dialog.entered.connect(lambda plan: self._scope.spawn(self._enter(pool, host, plan), "maintenance"))
        planner.keep(dialog, drafting)
        dialog.show()
        return dialog

    async def _enter(self, pool: PoolId, host: HostRef, plan: Plan | None) -> None:
        """Disable the host, then let the VMs leave."""
        vms = [VmRef(move.vm.ref) for move in plan.moves] if plan is not None else []
        entering = self._services.desk.enter_maintenance(pool, host, vms)
        if await doing(self._window, _("Maintenance mode"), self._services, pool, entering) and plan is not None:
            self._planner.start(plan)

    async def _leave(self, pool: PoolId, host: HostRef) -> None:
        """End the maintenance, and let the VMs return that the operator wants back."""
        store = self._services.store
        inventory = store.site().pools[pool]
        stuck = leaving_out.cannot_come_back(store.site(), pool, host)
        agreed = await leaving(self._window, inventory, host, stuck, lambda: self.empty(pool, host))
        if agreed is not None:
            await doing(self._window, _("Maintenance mode"), self._services, pool, self._left(pool, host, agreed))

    async def _left(self, pool: PoolId, host: HostRef, agreed: Leaving) -> None:
        """Whoever can come back does; the others stay on the list, and the reasons are shown."""
        desk, jobs = self._services.desk, self._services.jobs
        is_enabled = await desk.leave_maintenance(pool, host)
        if agreed.forget:
            await desk.discard_list(pool, host)
        if not agreed.waiting or not is_enabled:
            return
        evaluation, refused = await desk.coming_back(pool, host, agreed.waiting.run)
        if evaluation.plan is not None:
            job = desk.start(evaluation.plan)
            self._planner.on_change()
            await jobs.wait(job.id)
        _started, others = await desk.start_again(pool, host, agreed.waiting)
        if reasons := [f"{vm.name}: {vm.reason}" for vm in (*refused, *others)]:
            name = self._services.store.site().pools[pool].name_of("host", host)
            heading = _("These stay on the list of {host}:", host=name)
            await tell(self._window, _("Maintenance mode"), "\n\n".join([heading, *reasons]))
