"""What may be done with the selected VMs: open the wizard, or migrate them to a server at once."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QMenu

from xsmigui.core.migration import candidates
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.draft import Draft, StorageMode
from xsmigui.core.refs import HostRef, ObjectId, PoolId, VmRef
from xsmigui.core.text import _, joined
from xsmigui.core.units import natural
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.window.planning import Planner
from xsmigui.ui.window.selection import Selection, selection
from xsmigui.ui.wizard.wizard import MigrateWizard
from xsmigui.ui.words import entry, explain


class VmCommands:
    """The commands of the VM menu. `selected` returns the selection of the moment."""

    def __init__(self, planner: Planner, selected: Callable[[], Selection]) -> None:
        self._planner = planner
        self._services = planner.services
        self._selected = selected

    def open_wizard(self, copy: bool = False) -> MigrateWizard | None:
        """Open the wizard on the selected VMs."""
        chosen = self._selected()
        if chosen.pool is None or not chosen.vms:
            return None
        vms = self._by_name(chosen.pool, chosen.vms)
        return self._planner.open_wizard(self._draft(Draft(chosen.pool, vms, copy=copy, copies=not copy)))

    def _by_name(self, pool: PoolId, vms: tuple[VmRef, ...]) -> tuple[VmRef, ...]:
        """In the order of their names, in which they start unless the operator says otherwise; the line that was
        selected last is nobody's wish to have that one move first."""
        inventory = self._services.store.inventory(pool)
        return tuple(sorted(vms, key=lambda vm: natural(inventory.name_of("VM", vm)))) if inventory else vms

    def _draft(self, draft: Draft) -> Draft:
        """The draft with what the operator wants every one to begin with."""
        now = self._services.preferences.now
        return replace(draft, keep_days=now.days_kept, prove=now.prove)

    def dropped(self, keys: list[ObjectId], target: ObjectId) -> None:
        """VMs were dropped on a host or a pool: the wizard opens with that chosen, and nothing has begun."""
        chosen = selection(self._services.store.site(), keys)
        if chosen.pool is None or not chosen.vms:
            self._planner.scope.spawn(tell(self._planner.window, _("Migrate"), chosen.migrate))
            return
        hosts = dict.fromkeys(chosen.vms, HostRef(target.ref)) if target.cls == "host" else {}
        self._planner.open_wizard(self._draft(Draft(chosen.pool, chosen.vms, target.pool, hosts, copies=True)))

    def fill_to_server(self, menu: QMenu) -> None:
        """One entry for each host, the unusable ones with their reason."""
        pool = self._selected().pool
        if pool is not None:
            for candidate in self._hosts_for_all(pool):
                action = menu.addAction(self._planner.icons("host"), entry(candidate.name, 50))
                explain(action, candidate.reason or candidate.name)
                if not candidate.usable:
                    action.setText(f"{entry(candidate.name, 50)} · {entry(candidate.reason)}")
                    action.setEnabled(False)
                host = HostRef(candidate.ref)
                action.triggered.connect(lambda _checked=False, host=host: self.migrate_to(host))
            menu.addSeparator()

    def _hosts_for_all(self, pool: PoolId) -> list[Candidate]:
        """The hosts, each with the first reason why one of the selected VMs cannot go there."""
        site = self._services.store.site()
        draft = Draft(pool, self._selected().vms, pool, storage=StorageMode.keep)
        home = {vm: site.pools[pool].home(vm) for vm in draft.vms}
        found: dict[str, Candidate] = {}
        for vm in draft.vms:
            for candidate in candidates.hosts(site, draft, vm):
                if candidate.ref == home[vm]:
                    candidate = replace(candidate, bar=_("current server"))
                if candidate.ref not in found or not candidate.usable:
                    found[candidate.ref] = candidate
        return list(found.values())

    def migrate_to(self, host: HostRef) -> None:
        chosen = self._selected()
        if chosen.pool is not None:
            draft = Draft(chosen.pool, chosen.vms, chosen.pool, dict.fromkeys(chosen.vms, host), StorageMode.keep)
            self._planner.scope.spawn(self._migrate_at_once(draft, host))

    async def _migrate_at_once(self, draft: Draft, host: HostRef) -> None:
        """Where the operator wants to be asked first, the question comes first."""
        if self._services.preferences.now.ask_to_migrate:
            inventory = self._services.store.site().pools[draft.source]
            names = joined([inventory.name_of("VM", vm) for vm in draft.vms])
            question = _("{vms} will be migrated to {host} now.", vms=names, host=inventory.name_of("host", host))
            if not await ask(self._planner.window, _("Migrate"), question, _("Migrate"), _("Don't migrate")):
                return
        await self._planner.migrate_at_once(draft)
