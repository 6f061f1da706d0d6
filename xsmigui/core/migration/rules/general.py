"""Rules about the VM itself: may it move at all, and would anything move."""

from typing import Final

from xsmigui.core.messages import Text, m_
from xsmigui.core.migration import arriving
from xsmigui.core.migration.exchange import OUR_BLOCK
from xsmigui.core.migration.marked import blocked_text, hint_and_fix, marked
from xsmigui.core.migration.moves import Kind, LooseDisk, Move, Sent
from xsmigui.core.migration.rules.base import Problems, found, rule
from xsmigui.core.problems import Page, Severity

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


@rule("R05", "the VM's host answers", page=DESTINATION)
def source_host(move: Sent) -> Problems:
    """A VM still counts as running on a host that is down; nothing but `host_metrics.live` tells (recorded of
    24.10.0)."""
    host = move.vm.resident_on
    if not move.is_running or move.source.is_live(host):
        return
    message = m_("The host on which {vm} runs is no longer known.", vm=move.vm.name_label)
    if host in move.source.host:
        message = m_(
            "{host}, on which {vm} runs, cannot be reached by its coordinator.",
            host=move.source.name_of("host", host),
            vm=move.vm.name_label,
        )
    hint = m_("Wait until the host is back.")
    yield found("R05", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R05", "copies go to another pool", page=DESTINATION)
def copied_inside(move: Sent) -> Problems:
    """The server refuses `copy` inside a pool (xapi_vm_migrate.ml, migrate_send')."""
    if move.draft.copy and move.draft.destination == move.draft.source:
        message = m_(
            "{vm} is already in {pool}; this copies to another pool.", vm=move.vm.name_label, pool=move.target.name
        )
        hint = m_("Choose another destination.")
        yield found("R05", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R07", "operation blocked", page=DESTINATION)
def blocked(move: Sent) -> Problems:
    reason = move.vm.blocked_operations.get(move.operation)
    if reason is not None:
        message: Text = m_(
            "Somebody has blocked the migration of {vm}: “{reason}”.", vm=move.vm.name_label, reason=reason or "–"
        )
        hint: Text = m_(
            "Ask whoever set the block, then remove “{operation}” from the VM's blocked operations.",
            operation=move.operation,
        )
        fix = None
        if reason.startswith(OUR_BLOCK):
            ours = marked(move)
            message = m_(
                "This program has blocked the migration of {vm}: “{reason}”.", vm=move.vm.name_label, reason=reason
            )
            if ours.inherited:
                message = blocked_text(move.name, ours)
            hint, fix = hint_and_fix(move, ours)
        yield found("R07", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION, remedy=fix)


@rule("R10", "power state", page=DESTINATION)
def power(move: Sent) -> Problems:
    """Paused VMs never migrate; a live migration needs a running VM (xapi_vm_lifecycle.ml,
    allowed_power_states: VM_BAD_POWER_STATE)."""
    name = move.vm.name_label
    if move.vm.power_state == "Paused":
        message = m_("{vm} is paused; paused VMs cannot be migrated.", vm=name)
        hint = m_("Resume {vm} or shut it down first.", vm=name)
        yield found("R10", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
    elif move.draft.copy and move.crosses and move.vm.power_state != "Halted":
        message = m_("{vm} is not halted; only halted VMs can be copied to another pool.", vm=name)
        hint = m_("Shut {vm} down, or migrate it instead of copying it.", vm=name)
        yield found("R10", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
    elif move.vm.power_state == "Suspended" and move.kind is Kind.live and move.host is not None:
        # pool_migrate is for running VMs; a suspended one has no host that could change.
        message = m_("{vm} is suspended and none of its disks would move.", vm=name)
        hint = m_("Resume it on the other host instead, or choose another SR for its disks.")
        yield found("R10", Severity.block, move.source, "VM", move.ref, message, hint, page=Page.storage)


@rule("R11", "templates and snapshots", "LSHD", DESTINATION)
def template(move: Move) -> Problems:
    """Snapshots never move by themselves, default templates never, custom ones only to another pool
    (xapi_vm_lifecycle.ml, check_template and check_snapshot)."""
    if isinstance(move, LooseDisk):
        return
    name = move.vm.name_label
    if move.vm.is_control_domain:
        message = m_("{vm} is a control domain, which belongs to its host.", vm=name)
    elif move.vm.is_a_snapshot:
        message = m_("{vm} is a snapshot; it moves with its VM.", vm=name)
    elif move.vm.is_default_template or move.vm.other_config.get("default_template") == "true":
        message = m_("{vm} is one of the templates that come with the server.", vm=name)
    else:
        return
    hint = m_("Leave {vm} out of the selection.", vm=name)
    yield found("R11", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R06", "arriving", "LSHD", DESTINATION)
def arrives(move: Move) -> Problems:
    source = "" if isinstance(move, LooseDisk) else arriving.coming_from(move.site, move.source.id, move.ref)
    if source:
        message = m_("{vm} is just arriving from {pool}.", vm=move.name, pool=source)
        hint = m_("Wait until it is here.")
        yield found("R06", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R06", "busy", "LSHD", DESTINATION)
def busy(move: Move) -> Problems:
    """A conflicting operation would make the server wait silently, for up to two hours (helpers.ml,
    retry)."""
    inventory = move.source
    for task, operation in () if isinstance(move, LooseDisk) else move.vm.current_operations.items():
        if operation in CONFLICTING:
            message = m_("{vm} is busy: {operation} is running.", vm=move.name, operation=operation)
            hint = m_("Wait until it has ended.")
            if task in inventory.tables["task"]:
                hint = m_("Wait until “{task}” has ended.", task=inventory.name_of("task", task))
            yield found("R06", Severity.block, inventory, "VM", move.ref, message, hint, page=DESTINATION)
    for vdi_ref in move.moving:
        vdi = inventory.VDI[vdi_ref]
        for operation in sorted(set(vdi.current_operations.values())):
            names = {"disk": vdi.name_label, "vm": move.name, "operation": operation}
            message = m_("{disk} of {vm} is busy: {operation} is running.", **names)
            hint = m_("Wait until it has ended.")
            yield found("R06", Severity.block, inventory, "VDI", vdi_ref, message, hint, page=Page.storage)
        holders = [
            vbd.VM
            for ref in vdi.VBDs
            if (vbd := inventory.VBD.get(ref)) and vbd.currently_attached and move.ref != vbd.VM
        ]
        backups = [v for v in holders if v in inventory.VM and inventory.VM[v].is_control_domain]
        if backups:
            message = m_("{disk} of {vm} is attached to the control domain.", disk=vdi.name_label, vm=move.name)
            hint = m_("This is what a running backup or import does; wait until it has ended.")
            yield found("R06", Severity.block, inventory, "VDI", vdi_ref, message, hint, page=Page.storage)


@rule("R12", "nothing would move")
def same_place(move: Sent) -> Problems:
    """Host, SRs and pool are all the present ones."""
    if move.crosses or move.host is None or move.moving:
        return
    names = {"vm": move.vm.name_label, "host": move.target.name_of("host", move.host)}
    if move.vm.power_state == "Halted":
        message = m_("{vm} is halted and all its disks would stay where they are, so nothing would move.", **names)
        hint = m_("Choose another SR for its disks, or start {vm} on {host}.", **names)
        page = Page.storage
    elif move.runs_on:
        message = m_("{vm} already runs on {host} and all its disks would stay where they are.", **names)
        hint = m_("Choose another host, or another SR for its disks.")
        page = Page.home_server
    else:
        return
    yield found("R12", Severity.block, move.source, "VM", move.ref, message, hint, page=page)


@rule("R14", "rolling upgrade", "LSHD", DESTINATION)
def upgrading(move: Move) -> Problems:
    """The server refuses only what would go to an older host, which R01 says."""
    for inventory in dict.fromkeys((move.source, move.target)):
        if "rolling_upgrade_in_progress" in inventory.pool.other_config:
            message = m_("{pool} is being upgraded: its hosts may differ.", pool=inventory.name)
            hint = m_("Finish the upgrade first if it can wait.")
            yield found("R14", Severity.warn, inventory, "pool", inventory.pool_ref, message, hint, page=DESTINATION)


@rule("R15", "high availability", page=DESTINATION)
def protection(move: Sent) -> Problems:
    if move.crosses and not move.draft.copy and (move.vm.ha_always_run or move.vm.ha_restart_priority):
        if move.target.pool.ha_enabled:
            return
        name = {"vm": move.vm.name_label, "source": move.source.name, "target": move.target.name}
        message = m_("High availability restarts {vm} in {source}; it is off in {target}.", **name)
        severity = Severity.warn
        if not move.source.pool.ha_enabled:
            message = m_("{vm} is marked to be restarted by high availability, which is off in {target} too.", **name)
            severity = Severity.info
        hint = m_("Nothing will restart {vm} there automatically.", vm=move.vm.name_label)
        yield found("R15", severity, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R15", "the plan of high availability", "LS", DESTINATION)
def failover_plan(move: Sent) -> Problems:
    """The server refuses a live migration after which the protected VMs could no longer all be restarted
    (xapi_ha_vm_failover.ml, assert_vm_placement_preserves_ha_plan);
    only it can tell."""
    pool = move.target.pool
    if move.crosses or not move.is_running or move.host is None or move.runs_on:
        return
    if pool.ha_enabled and not pool.ha_allow_overcommit and pool.ha_plan_exists_for > 0:
        message = m_(
            "Not checked: whether high availability of {pool} could still restart every VM.", pool=move.target.name
        )
        hint = m_("The server decides when the move starts.")
        yield found("R15", Severity.info, move.target, "pool", move.target.pool_ref, message, hint, page=DESTINATION)


def _may(move: Sent, restriction: str, what: Text) -> Problems:
    for inventory in dict.fromkeys((move.source, move.target)):
        if inventory.pool.restrictions.get(restriction) == "true":
            message = m_("The licence of {pool} does not include {what}.", pool=inventory.name, what=what)
            hint = m_("Assign a licence that does.")
            yield found("R09", Severity.block, inventory, "pool", inventory.pool_ref, message, hint, page=DESTINATION)


@rule("R09", "licence", page=DESTINATION)
def licence(move: Sent) -> Problems:
    """`restrict_xen_motion` for moves in memory, `restrict_storage_xen_motion` for disks (xapi_vm_migrate.ml,
    pool_migrate and assert_licensed_storage_motion)."""
    if move.kind is Kind.live:
        yield from _may(move, "restrict_xen_motion", m_("live migration"))
    elif move.crosses or move.moving:
        yield from _may(move, "restrict_storage_xen_motion", m_("migration of storage"))
