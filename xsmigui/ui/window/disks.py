"""What may be done with virtual disks and SRs from the window."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from xsmigui.core.migration.disk_reasons import DiskReasons
from xsmigui.core.migration.diskdraft import has_movable_disks, movable_disks
from xsmigui.core.migration.fixes import EjectCd
from xsmigui.core.refs import PoolId, SrRef, VbdRef
from xsmigui.core.text import _
from xsmigui.ui.columns import remember_tables
from xsmigui.ui.dialogs.base import tell
from xsmigui.ui.dialogs.disks import MoveDiskDialog
from xsmigui.ui.dialogs.kept import KeptSourcesDialog
from xsmigui.ui.dialogs.leftovers import LeftoversDialog
from xsmigui.ui.window.objects import ObjectPane
from xsmigui.ui.window.planning import Planner
from xsmigui.ui.window.pools import doing
from xsmigui.ui.window.tree import ResourceTree


class DiskCommands:
    """The commands of the Storage menu, on what is selected in the tree and in the tables of `pane`."""

    def __init__(self, planner: Planner, tree: ResourceTree, pane: ObjectPane) -> None:
        self._planner = planner
        self._services = planner.services
        self._tree = tree
        self._pane = pane
        self._reasons = DiskReasons()

    def why_not_move(self) -> str:
        """Why the selected virtual disks cannot be moved; empty if they can."""
        return self._reasons.why_not(
            self._services.store.site(), *self._pane.selected_disks(), self._pane.touched_disks()
        )

    def why_not_empty(self) -> str:
        """Why the selected SR cannot be emptied; empty if it can."""
        found = self._sr()
        if isinstance(found, str):
            return found
        pool, ref = found
        is_any = has_movable_disks(self._services.store.site().pools[pool], ref)
        return "" if is_any else _("There is no virtual disk of a VM on it.")

    def move_disks(self) -> MoveDiskDialog | None:
        """Open the dialog on the selected virtual disks."""
        pool, disks = self._pane.selected_disks()
        if pool is None or self.why_not_move():
            return None
        return self._planner.open_disks(pool, disks)

    def rescan(self) -> None:
        keys = self._tree.selected()
        if len(keys) == 1 and keys[0].cls == "SR":
            self._planner.scope.spawn(
                self._rescan(keys[0].pool, SrRef(keys[0].ref)),
                "rescan",
            )

    async def _rescan(self, pool: PoolId, sr: SrRef) -> None:
        services = self._services
        await doing(self._planner.window, _("Rescan"), services, pool, services.desk.rescan(pool, sr))

    def eject(self) -> None:
        """The CDs that are shown, and none that somebody has inserted in their place by now."""
        pool, drives = self._pane.selected_drives()
        inventory = self._services.store.inventory(pool) if pool is not None else None
        for drive in drives if inventory is not None else ():
            vbd = inventory.VBD.get(VbdRef(drive)) if inventory is not None else None
            if vbd is not None and inventory is not None and not vbd.empty:
                names = {"vm_name": inventory.name_of("VM", vbd.VM), "cd": inventory.name_of("VDI", vbd.VDI)}
                fix = EjectCd(pool=inventory.id, vm=vbd.VM, vbd=VbdRef(drive), vdi=vbd.VDI, **names)
                services, window = self._services, self._planner.window
                ejecting = doing(window, _("Eject"), services, inventory.id, services.desk.done(fix))
                self._planner.scope.spawn(ejecting, "eject")

    def _sr(self) -> tuple[PoolId, SrRef] | str:
        """The selected SR with its pool; or why there is none."""
        site = self._services.store.site()
        keys = self._tree.selected()
        if len(keys) != 1 or keys[0].cls != "SR":
            return _("Select an SR first.")
        pool, ref = keys[0].pool, SrRef(keys[0].ref)
        if pool not in site.connected or ref not in site.pools[pool].SR:
            return _("The SR is not connected.")
        return pool, ref

    def empty_sr(self) -> MoveDiskDialog | None:
        """Open the dialog on all virtual disks of the selected SR."""
        found = self._sr()
        if isinstance(found, str):
            return None
        pool, ref = found
        going, staying = movable_disks(self._services.store.site().pools[pool], ref)
        return self._planner.open_disks(pool, going, staying, copies=False) if going else None

    def kept_sources(self) -> KeptSourcesDialog:
        """Open the list of sources that were kept."""
        services = self._services
        dialog = KeptSourcesDialog(
            self._planner.window, services.store, services.desk, self._planner.icons, self._planner.present
        )
        dialog.planned.connect(self._planner.start)
        remember_tables(dialog, self._services.preferences)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        return dialog

    def take_over(self, other: QWidget) -> None:
        """Open here the lists that are open in another window, and close them there: they follow the servers."""
        for kind, again in ((KeptSourcesDialog, self.kept_sources), (LeftoversDialog, self.leftovers)):
            dialogs = [dialog for dialog in other.findChildren(kind) if dialog.isVisible()]
            for dialog in dialogs:
                dialog.close()
            if dialogs:
                again()

    def leftovers(self) -> None:
        self._planner.scope.spawn(self._show_leftovers(), "leftovers")

    async def _show_leftovers(self) -> None:
        """Open the list of what failed migrations have left; which ones there were is in the journal."""
        services = self._services
        try:
            jobs = await services.jobs.past_and_present()
        except OSError as error:
            reason = _("The journal cannot be read: {reason}", reason=str(error))
            await tell(self._planner.window, _("Leftovers of failed migrations"), reason)
            return
        dialog = LeftoversDialog(
            self._planner.window, jobs, services.store, services.desk, self._planner.icons, self._planner.present
        )
        remember_tables(dialog, self._services.preferences)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
