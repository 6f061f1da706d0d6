"""From selected virtual disks to a draft that moves them and leaves their VMs where they are.

A disk of a VM is moved by `VM.migrate_send` to the VM's own host with this disk alone on another SR: what
`VDI.pool_migrate` does inside the server (xapi 24.10), with three advantages: the storage network can be chosen, the
disk's snapshots come along, and several disks of a VM move in one go. So all rules, the queue and the reading back are
those of VMs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.refs import PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.text import _, joined


@dataclass(frozen=True, slots=True)
class Owner:
    """The VM that a disk belongs to, or the reason why there is none that could carry it."""

    vm: VmRef | None
    reason: str = ""


def owner(inventory: Inventory, disk: VdiRef) -> Owner:
    """Which VM carries a disk: the one to which it is connected, and no other."""
    vdi = inventory.VDI[disk]
    if vdi.is_a_snapshot:
        return Owner(None, _("It is a snapshot: it moves with the disk that it was taken of."))
    own: list[VmRef] = []
    for ref in vdi.VBDs:
        vbd = inventory.VBD.get(ref)
        if vbd is None or vbd.type == "CD" or vbd.VM not in inventory.VM:
            continue
        vm = inventory.VM[vbd.VM]
        if vm.is_control_domain:
            return Owner(None, _("The server itself uses it at present, for a backup or a copy."))
        if not vm.is_a_snapshot and vbd.VM not in own:
            own.append(vbd.VM)
    if len(own) > 1:
        names = joined([inventory.VM[vm].name_label for vm in own])
        return Owner(None, _("It belongs to several VMs: {names}.", names=names))
    if not own:
        return Owner(None, _("It belongs to no VM, and only a VM's disk can be moved."))
    return Owner(own[0])


class DisksRefused(ValueError):
    """Disks that cannot be moved, each with its reason; the text says all of them."""


def draft_of_disks(site: Site, pool: PoolId, disks: Iterable[VdiRef], sr: SrRef | None) -> Draft:
    """The draft that places these disks on one SR. VMs keep their host and their home server.

    Raises:
        DisksRefused: a disk is gone, or has no VM that could carry it.
    """
    inventory = site.pools[pool]
    refused = []
    vms: dict[VmRef, None] = {}
    placed = list(dict.fromkeys(disks))
    for disk in placed:
        if disk not in inventory.VDI:
            refused.append(_("A selected disk is gone."))
            continue
        found = owner(inventory, disk)
        if found.vm is None:
            refused.append(f"{inventory.VDI[disk].name_label}: {found.reason}")
        else:
            vms[found.vm] = None
    if refused:
        raise DisksRefused(" ".join(refused))
    homes = {vm: inventory.home(vm) for vm in vms}
    draft = Draft(
        source=pool,
        vms=tuple(vms),
        destination=pool,
        hosts={vm: home for vm, home in homes.items() if home is not None},
        set_home=False,
    ).each_disk()
    if sr is not None:
        for disk in placed:
            draft = draft.placing(disk, sr)
    return draft
