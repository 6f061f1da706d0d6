"""The end of a host's maintenance: who comes back to it, and who cannot at present."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QWidget

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.evacuation import Returning
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.refs import HostRef, VmRef
from xsmigui.core.text import _, joined, n_
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.fields import Check
from xsmigui.ui.style import named


@dataclass(frozen=True, slots=True)
class Leaving:
    """What the operator has agreed to: these VMs come back. `forget` takes the others off the host's lists."""

    waiting: Returning
    forget: bool = False


async def leaving(
    parent: QWidget | None,
    inventory: Inventory,
    host: HostRef,
    stuck: tuple[LeftOut, ...],
    empty: Callable[[], object],
) -> Leaving | None:
    """Ask whether maintenance mode is to end and who comes back; None if the host stays as it is. `stuck` cannot
    come back at present. Where VMs are on the host, `empty` goes on to move them off."""
    waiting = evacuation.returning(inventory, host)
    leaves = evacuation.in_maintenance(inventory, host)
    title = _("Leave maintenance mode") if leaves else _("Bring VMs back")
    sheet = Sheet(parent, title, "leaveMaintenanceDialog")
    sheet.setMinimumWidth(560)  # several buttons, and Spanish words
    name = inventory.name_of("host", host)
    if not inventory.host[host].enabled:
        sheet.text(_("{host} accepts VMs again.", host=name))
    elif leaves:
        sheet.text(_("{host} already accepts VMs again.", host=name))

    def box(vms: tuple[VmRef, ...], text: str, object_name: str) -> Check:
        check = Check(text)
        named(check, object_name, text)
        check.setChecked(True)
        check.setVisible(bool(vms))
        sheet.body.addWidget(check)
        if vms:
            sheet.text(joined([inventory.VM[vm].name_label for vm in vms]))
        return check

    count = len(waiting.run)
    run = box(
        waiting.run, n_("Bring {n} VM back that left it", "Bring {n} VMs back that left it", count), "bringBackCheck"
    )
    count = len(waiting.suspended)
    suspended = box(
        waiting.suspended,
        n_("Resume {n} VM that was suspended for it", "Resume {n} VMs that were suspended for it", count),
        "resumeCheck",
    )
    count = len(waiting.halted)
    halted = box(
        waiting.halted,
        n_("Start {n} VM that was shut down for it", "Start {n} VMs that were shut down for it", count),
        "startCheck",
    )
    if stuck:
        sheet.text(_("Cannot come back now:"))
        for vm in stuck:
            sheet.text(f"{vm.name}: {vm.problem.sentence()}").setObjectName("stuckText")
    if waiting:
        sheet.text(_("VMs that do not come back now stay on the list, to be brought back later."))
    left = evacuation.residents(inventory, host)
    if left and leaves:
        names = joined([inventory.VM[vm].name_label for vm in left])
        sheet.text(_("Still on it: {vms}.", vms=names))
        rest = sheet.buttons.addButton(_("Move them off…"), QDialogButtonBox.ButtonRole.ActionRole)
        rest.setObjectName("moveRestButton")
        rest.clicked.connect(sheet.reject)
        rest.clicked.connect(lambda: empty())
    forgotten = []
    if waiting:
        forget = sheet.buttons.addButton(_("Discard the list"), QDialogButtonBox.ButtonRole.ActionRole)
        forget.setObjectName("forgetListButton")
        forget.clicked.connect(lambda: forgotten.append(True))
        forget.clicked.connect(sheet.accept)
    sheet.finish(title, _("Stay in it") if leaves else _("Leave them where they are"), "goButton")
    if await opened(sheet) != QDialog.DialogCode.Accepted:
        return None
    if forgotten:
        return Leaving(Returning(), forget=True)
    chosen = Returning(
        waiting.run if run.isChecked() else (),
        waiting.suspended if suspended.isChecked() else (),
        waiting.halted if halted.isChecked() else (),
    )
    return Leaving(chosen)
