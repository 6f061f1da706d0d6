"""What may be done with a selection, and why not: plain values, so that nothing is greyed out without its reason."""

from dataclasses import dataclass

from xsmigui.core.migration.draft import Site
from xsmigui.core.records import VM
from xsmigui.core.refs import ObjectId, PoolId, VmRef
from xsmigui.core.text import _


@dataclass(frozen=True, slots=True)
class Selection:
    """The VMs of a selection and what may be done with them; a reason is empty where it may be done."""

    pool: PoolId | None = None
    vms: tuple[VmRef, ...] = ()
    migrate: str = ""
    move: str = ""
    copy: str = ""

    @property
    def button(self) -> tuple[str, str]:
        """The header's button: what most people want to do, and why it cannot be done."""
        if not self.vms:
            return "", ""
        if not self.move:
            return _("Move…"), ""
        return _("Migrate…"), self.migrate


def selection(site: Site, keys: list[ObjectId]) -> Selection:
    """Judge a selection by its kinds of objects and their power states; the wizard judges the rest."""
    if not keys:
        nothing = _("Select a VM first.")
        return Selection(None, (), nothing, nothing, nothing)
    if any(key.cls != "VM" for key in keys):
        other = _("Only VMs can be moved; something else is selected too.")
        if len(keys) == 1:
            other = _("Only VMs can be moved; this is something else.")
        return Selection(None, (), other, other, other)
    pools = {key.pool for key in keys}
    if len(pools) > 1:
        several = _("The selected VMs belong to several pools: move them pool by pool.")
        return Selection(None, (), several, several, several)
    pool = keys[0].pool
    inventory = site.pools.get(pool)
    records = [inventory.VM.get(VmRef(key.ref)) for key in keys] if inventory is not None else []
    vms = [vm for vm in records if vm is not None]
    if inventory is None or len(vms) < len(keys):
        gone = _("A selected VM is gone.")
        return Selection(None, (), gone, gone, gone)
    refs = tuple(VmRef(key.ref) for key in keys)
    if pool not in site.connected:
        away = _("{pool} is not connected.", pool=inventory.name)
        return Selection(pool, refs, away, away, away)
    return Selection(pool, refs, _not_live(vms), _not_halted(vms), _not_copied(vms))


def _kind(vms: list[VM]) -> str:
    for vm in vms:
        if vm.is_a_snapshot:
            return _("{vm} is a snapshot; it moves with its VM.", vm=vm.name_label)
        if vm.is_default_template:
            return _("{vm} is one of the templates that come with the server.", vm=vm.name_label)
    return ""


def _not_live(vms: list[VM]) -> str:
    for vm in vms:
        if vm.power_state == "Halted":
            return _("{vm} is halted: choose “Move VM…” for it.", vm=vm.name_label)
        if vm.power_state == "Paused":
            return _("{vm} is paused: resume it first.", vm=vm.name_label)
    return _kind(vms)


def _not_halted(vms: list[VM]) -> str:
    for vm in vms:
        if vm.power_state == "Paused":
            return _("{vm} is paused: resume it or shut it down first.", vm=vm.name_label)
        if vm.power_state != "Halted":
            return _("{vm} is not halted: choose “Migrate VM wizard…” for it.", vm=vm.name_label)
    return _kind(vms)


def _not_copied(vms: list[VM]) -> str:
    for vm in vms:
        if vm.power_state != "Halted":
            return _("{vm} is not halted; only halted VMs can be copied to another pool.", vm=vm.name_label)
    return _kind(vms)
