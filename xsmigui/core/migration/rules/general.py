"""Rules about the VM itself: may it move at all, and would anything move."""

from typing import Final

from xsmigui.core.migration.moves import Kind, Move
from xsmigui.core.migration.rules.base import Problems, found, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.text import _, joined

DESTINATION: Final = Page.destination

CONFLICTING: Final = frozenset(
    {
        "migrate_send",
        "pool_migrate",
        "snapshot",
        "checkpoint",
        "suspend",
        "resume",
        "start",
        "clean_shutdown",
        "hard_shutdown",
        "clean_reboot",
        "hard_reboot",
        "export",
        "copy",
        "clone",
        "revert",
        "import",
        "destroy",
    }
)


@rule("R07", "operation blocked", page=DESTINATION)
def blocked(move: Move) -> Problems:
    reason = move.vm.blocked_operations.get(move.operation)
    if reason is not None:
        message = _(
            "Somebody has blocked the migration of {vm}: “{reason}”.", vm=move.vm.name_label, reason=reason or "–"
        )
        hint = _("Ask whoever set the block, then remove “{operation}” from the VM's blocked operations.")
        hint = hint.format(operation=move.operation)
        yield found("R07", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R10", "power state", page=DESTINATION)
def power(move: Move) -> Problems:
    """Paused VMs never migrate; a live migration needs a running VM (xapi 4 #2: VM_BAD_POWER_STATE)."""
    name = move.vm.name_label
    if move.vm.power_state == "Paused":
        message = _("{vm} is paused; paused VMs cannot be migrated.", vm=name)
        hint = _("Resume {vm} or shut it down first.", vm=name)
        yield found("R10", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
    elif move.draft.copy and move.crosses and move.vm.power_state != "Halted":
        message = _("{vm} is not halted; only halted VMs can be copied to another pool.", vm=name)
        hint = _("Shut {vm} down, or migrate it instead of copying it.", vm=name)
        yield found("R10", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
    elif move.vm.power_state == "Suspended" and move.kind is Kind.live and move.host is not None:
        message = _("{vm} is suspended and none of its disks would move.", vm=name)
        hint = _("Resume it on the other host instead, or choose another SR for its disks.")
        yield found("R10", Severity.block, move.source, "VM", move.ref, message, hint, page=Page.storage)


@rule("R11", "templates and snapshots", page=DESTINATION)
def template(move: Move) -> Problems:
    """Snapshots never move by themselves, default templates never, custom ones only to another pool (xapi 4 #4, #5)."""
    name = move.vm.name_label
    if move.vm.is_control_domain:
        message = _("{vm} is a control domain, which belongs to its host.", vm=name)
    elif move.vm.is_a_snapshot:
        message = _("{vm} is a snapshot; it moves with its VM.", vm=name)
    elif move.vm.is_default_template:
        message = _("{vm} is one of the templates that come with the server.", vm=name)
    else:
        return
    yield found("R11", Severity.block, move.source, "VM", move.ref, message, page=DESTINATION)


@rule("R06", "busy", page=DESTINATION)
def busy(move: Move) -> Problems:
    """A conflicting operation would make the server wait silently, for up to two hours (xapi 3.4)."""
    inventory = move.source
    for task, operation in move.vm.current_operations.items():
        if operation in CONFLICTING:
            message = _("{vm} is busy: {operation} is running.", vm=move.vm.name_label, operation=operation)
            hint = _("Wait until it has ended.")
            if task in inventory.tables["task"]:
                hint = _("Wait until “{task}” has ended.", task=inventory.name_of("task", task))
            yield found("R06", Severity.block, inventory, "VM", move.ref, message, hint, page=DESTINATION)
    for vdi_ref in move.moving:
        vdi = inventory.VDI.get(vdi_ref)
        holders = [
            vbd.VM
            for ref in (vdi.VBDs if vdi else ())
            if (vbd := inventory.VBD.get(ref)) and vbd.currently_attached and move.ref != vbd.VM
        ]
        backups = [v for v in holders if v in inventory.VM and inventory.VM[v].is_control_domain]
        if vdi and backups:
            message = _("{disk} of {vm} is attached to the control domain.", disk=vdi.name_label, vm=move.vm.name_label)
            hint = _("This is what a running backup or import does; wait until it has ended.")
            yield found("R06", Severity.block, inventory, "VDI", vdi_ref, message, hint, page=Page.storage)


@rule("R12", "nothing would move")
def same_place(move: Move) -> Problems:
    """Host, SRs and pool are all the present ones."""
    if move.crosses or move.host is None or move.moving:
        return
    if move.vm.power_state == "Halted":
        message = _("{vm} is halted and all its disks would stay where they are, so nothing would move.")
        hint = _("Choose another SR for its disks, or start {vm} on {host}.")
    elif move.stays_on_host:
        message = _("{vm} already runs on {host} and all its disks would stay where they are.")
        hint = _("Choose another host, or another SR for its disks.")
    else:
        return
    names = {"vm": move.vm.name_label, "host": move.target.name_of("host", move.host)}
    yield found(
        "R12",
        Severity.block,
        move.source,
        "VM",
        move.ref,
        message.format(**names),
        hint.format(**names),
        page=Page.storage if move.vm.power_state == "Halted" else Page.home_server,
    )


@rule("R13", "a VM of the same identity at the destination", page=DESTINATION)
def duplicate(move: Move) -> Problems:
    """The import there refuses a VM with a uuid that is in use, or with the mac_seed of another VM (xapi 6.2)."""
    if not move.crosses or move.draft.copy:
        return
    seed = move.vm.other_config.get("mac_seed")
    for ref, other in move.target.VM.items():
        name = {"vm": move.vm.name_label, "other": other.name_label, "pool": move.target.name}
        if other.uuid == move.vm.uuid:
            if other.power_state == "Halted" and other.version < move.vm.version:
                continue
            message = _("{pool} already has a VM with the identity of {vm}: {other}.", **name)
        elif seed and other.other_config.get("mac_seed") == seed and not other.is_a_snapshot:
            message = _("{other} in {pool} makes its MAC addresses from the same seed as {vm}.", **name)
        else:
            continue
        hint = _("Remove {other} there if it is a leftover, or copy {vm} instead of moving it.", **name)
        yield found("R13", Severity.block, move.target, "VM", ref, message, hint, page=DESTINATION)


@rule("R70", "PCI devices", "LS", DESTINATION)
def pci(move: Move) -> Problems:
    if move.is_running and move.vm.attached_PCIs:
        message = _("{vm} uses a PCI device of its host, which cannot move with it.", vm=move.vm.name_label)
        hint = _("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        yield found("R70", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R71", "USB devices", page=DESTINATION)
def usb(move: Move) -> Problems:
    if move.vm.VUSBs:
        message = _("{vm} has a USB device of its host attached.", vm=move.vm.name_label)
        yield found(
            "R71", Severity.block, move.source, "VM", move.ref, message, _("Detach it first."), page=DESTINATION
        )


@rule("R73", "immobile", "LS", DESTINATION)
def immobile(move: Move) -> Problems:
    """`nomigrate` or nested virtualisation (xapi 4 #6: VM_IS_IMMOBILE)."""
    metrics = move.source.VM_metrics.get(move.vm.metrics)
    reasons = []
    if metrics and metrics.nomigrate:
        reasons.append(_("it is marked as not to be migrated"))
    if metrics and metrics.nested_virt:
        reasons.append(_("it uses nested virtualisation"))
    if reasons and move.is_running:
        message = _("{vm} cannot be migrated live: {reasons}.", vm=move.vm.name_label, reasons=joined(reasons))
        hint = _("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        yield found("R73", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
