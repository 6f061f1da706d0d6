"""What may be done with a selection, and why not: plain values, so that nothing is greyed out without its reason."""

from dataclasses import dataclass

from xsmigui.core.migration import mobility
from xsmigui.core.migration.draft import Site
from xsmigui.core.records import VM
from xsmigui.core.refs import ObjectId, PoolId, VmRef
from xsmigui.core.text import _


@dataclass(frozen=True, slots=True)
class Selection:
    """The VMs of a selection and what may be done with them; a reason is empty where it may be done.

    Running and halted VMs of one selection share a wizard (`migrate`); `to_server` is for those that run alone.
    """

    pool: PoolId | None = None
    vms: tuple[VmRef, ...] = ()
    migrate: str = ""
    move: str = ""
    copy: str = ""
    to_server: str = ""

    @property
    def button(self) -> tuple[str, str]:
        """The header's button: what most people want to do, and why it cannot be done."""
        if not self.vms:
            return "", ""
        if not self.move:
            return _("Move…"), ""
        return _("Migrate…"), self.migrate


def _nothing(reason: str, pool: PoolId | None = None, vms: tuple[VmRef, ...] = ()) -> Selection:
    return Selection(pool, vms, reason, reason, reason, reason)


def selection(site: Site, keys: list[ObjectId]) -> Selection:
    """Judge a selection by its kinds of objects and how its VMs stand; the wizard judges the rest."""
    if not keys:
        return _nothing(_("Select a VM first."))
    if any(key.cls != "VM" for key in keys):
        if len(keys) == 1:
            return _nothing(_("Only VMs can be moved; this is something else."))
        return _nothing(_("Only VMs can be moved; something else is selected too."))
    if len({key.pool for key in keys}) > 1:
        return _nothing(_("The selected VMs belong to several pools: move them pool by pool."))
    pool = keys[0].pool
    inventory = site.pools.get(pool)
    records = [inventory.VM.get(VmRef(key.ref)) for key in keys] if inventory is not None else []
    vms = [vm for vm in records if vm is not None]
    if inventory is None or len(vms) < len(keys):
        return _nothing(_("A selected VM no longer exists."))
    refs = tuple(VmRef(key.ref) for key in keys)
    reasons = [mobility.why_not(site, pool, ref) for ref in refs]
    if all(reasons):
        return _nothing(reasons[0], pool, refs)
    stuck = next((reason for reason in reasons if reason), "")  # the wizard leaves those out
    live, halted, copied = _not_live(vms), _not_halted(vms), _not_copied(vms)
    return Selection(pool, refs, live, halted, copied, stuck or _not_to_server(vms))


def _not_live(vms: list[VM]) -> str:
    if all(vm.power_state == "Halted" for vm in vms):
        return _("{vm} is halted: choose “Move VM…” for it.", vm=vms[0].name_label)
    return ""


def _not_to_server(vms: list[VM]) -> str:
    """A host is chosen for VMs that run; halted ones belong to none."""
    for vm in vms:
        if vm.power_state == "Halted":
            return _("{vm} is halted: choose the wizard for it.", vm=vm.name_label)
    return ""


def _not_halted(vms: list[VM]) -> str:
    for vm in vms:
        if vm.power_state != "Halted":
            return _("{vm} is not halted: choose “Migrate VM wizard…” for it.", vm=vm.name_label)
    return ""


def _not_copied(vms: list[VM]) -> str:
    for vm in vms:
        if vm.power_state != "Halted":
            return _("{vm} is not halted; only halted VMs can be copied to another pool.", vm=vm.name_label)
    return ""
