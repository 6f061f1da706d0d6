"""From a draft to a started plan: the dialogs in which it is made, and the way without a dialog."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from xsmigui.core.migration.diskdraft import Staying, draft_of_disks
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import HostRef, PoolId, VdiRef
from xsmigui.core.text import _
from xsmigui.services.drafting import Drafting
from xsmigui.ui.columns import remember_tables
from xsmigui.ui.dialogs.base import tell
from xsmigui.ui.dialogs.disks import MoveDiskDialog
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.lost import LostPools
from xsmigui.ui.window.services import Services
from xsmigui.ui.wizard.wizard import MigrateWizard

Planning = MigrateWizard | MoveDiskDialog | MaintenanceDialog
"""The dialogs that end in a plan."""


Again = Callable[["Planner", Draft], Planning]
"""Opens a dialog once more, with another planner and a draft."""


class Planner:
    """Opens the dialogs that end in a plan and starts their plans; `on_change` is called when a job has been started,
    `present` with errors that nobody foresaw."""

    def __init__(
        self,
        window: QWidget,
        services: Services,
        scope: Scope,
        icons: Icons,
        present: Callable[[BaseException], None],
        on_change: Callable[[], object],
        on_add_server: Callable[[], object],
    ) -> None:
        self.window = window
        self.services = services
        self.scope = scope
        self.icons = icons
        self.present = present
        self.on_change = on_change
        self._on_add_server = on_add_server
        self._dialogs: dict[Planning, tuple[Drafting, Again | None]] = {}

    def drafting(self, draft: Draft) -> Drafting:
        return self.services.desk.drafting(draft)

    def open_wizard(self, draft: Draft) -> MigrateWizard:
        services = self.services
        drafting = self.drafting(draft)
        wizard = MigrateWizard(
            self.window, drafting, services.store, services.jobs, services.desk, self.icons, self.present
        )
        wizard.planned.connect(self.start)
        wizard.add_server.connect(self._on_add_server)
        self.keep(wizard, drafting, lambda other, draft: other.open_wizard(draft))
        wizard.show()
        return wizard

    def open_disks(
        self, pool: PoolId, disks: tuple[VdiRef, ...], left: tuple[Staying, ...] = (), copies: bool = True
    ) -> MoveDiskDialog:
        """Whoever empties an SR wants the snapshots to leave it too, which only the server's own move does."""
        now = self.services.preferences.now
        draft = draft_of_disks(self.services.store.site(), pool, disks, None).copying(copies, now.days_kept)
        return self._open_disks(draft.proving(now.prove), disks, left)

    def _open_disks(self, draft: Draft, disks: tuple[VdiRef, ...], left: tuple[Staying, ...]) -> MoveDiskDialog:
        services = self.services
        drafting = self.drafting(draft)
        moving = MoveDiskDialog(
            self.window, drafting, disks, services.store, services.jobs, services.desk, self.icons, self.present, left
        )
        moving.planned.connect(self.start)
        remember_tables(moving, services.preferences)
        self.keep(moving, drafting, lambda other, draft: other._open_disks(draft, disks, left))
        moving.show()
        return moving

    def keep(self, dialog: Planning, drafting: Drafting, again: Again | None = None) -> None:
        """Remember a dialog until it ends, so that it is closed with the window; `again` opens it in another one."""
        dialog.finished.connect(lambda _result: self._dialogs.pop(dialog, None))
        self._dialogs[dialog] = drafting, again
        pools = lambda: (drafting.draft.source, drafting.draft.destination)  # noqa: E731
        lost = LostPools(dialog, self.icons, self.services.connections, pools)
        drafting.subscribe(lambda _evaluation: lost.refresh())

    def close(self) -> None:
        """Close the dialogs that are open."""
        for dialog in list(self._dialogs):
            dialog.close()

    def take_over(self, other: "Planner", empty: Callable[[PoolId, HostRef], MaintenanceDialog]) -> None:
        """Open here what is open elsewhere, with what was chosen there, and close it there. `empty` opens the dialog
        on a host that is emptied."""
        for dialog, (drafting, again) in list(other._dialogs.items()):
            draft = drafting.draft
            if again is not None:
                again(self, draft).take_over(dialog)
            elif draft.leaves is not None:
                empty(draft.source, draft.leaves).take_over(dialog)
        other.close()

    def start(self, plan: Plan) -> None:
        """Start a plan."""
        self.services.desk.start(plan)
        self.on_change()

    async def migrate_at_once(self, draft: Draft) -> None:
        """Judge a draft without a wizard, and start it or say why not."""
        evaluation = await self.services.desk.settled(draft)
        if evaluation.plan is not None:
            self.start(evaluation.plan)
            return
        blocks = [problem for problem in evaluation.problems if problem.blocks]
        raw = "\n".join(problem.raw for problem in blocks if problem.raw)
        await tell(self.window, _("Not started"), "\n\n".join(problem.sentence() for problem in blocks), raw)
