"""From selected virtual disks to a draft that moves them and leaves their VMs where they are.

A disk of a running VM is moved by `VM.migrate_send` to the VM's own host with this disk alone on another SR: what
`VDI.pool_migrate` does inside the server (xapi 24.10), with three advantages: the storage network can be chosen, the
disk's snapshots come along, and several disks of a VM move in one go. So all rules, the queue and the reading back are
those of VMs. Disks of halted VMs, and of none, are copied by this program and exchanged, unless the operator leaves it
to the server.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xsmigui.core.capacity import load
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Text, listed, m_, render
from xsmigui.core.migration.candidates import Candidate, Load, disk_srs
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.exchange import is_kept
from xsmigui.core.migration.holders import Hold, holders
from xsmigui.core.migration.moves import following_disks, is_copied, stops
from xsmigui.core.migration.rules.disks import unmovable
from xsmigui.core.migration.rules.repositories import holds_no_disks
from xsmigui.core.records import VDI
from xsmigui.core.refs import PoolId, SrRef, VdiRef, VmRef
from xsmigui.core.text import _, joined
from xsmigui.core.units import natural, size


@dataclass(frozen=True, slots=True)
class Owner:
    """The VM that a disk belongs to, or the reason why it cannot move. A disk of no VM has neither: it moves by
    itself."""

    vm: VmRef | None
    reason: Text = ""


@dataclass(frozen=True, slots=True)
class Staying:
    """A disk that does not move off its SR with the others, its size in bytes, and why. Its text is a line for a reader
    of the moment."""

    name: str
    size: int
    reason: Text

    def __str__(self) -> str:
        return f"{self.name} ({size(self.size)}): {render(self.reason)}"


def owner(inventory: Inventory, disk: VdiRef) -> Owner:
    """Which VM carries a disk: the one to which it is connected, and no other; none for a disk of no VM."""
    vdi = inventory.VDI[disk]
    if vdi.is_a_snapshot:
        return Owner(None, m_("It is a snapshot: it moves with the disk that it was taken of."))
    if vdi.type == "suspend":
        return Owner(None, m_("It holds the memory of a suspended VM: resume the VM first, or move the whole VM."))
    if is_kept(vdi.other_config, vdi.uuid):
        return Owner(None, m_("It is the kept source of a disk that was moved: revert the move, or remove it."))
    vm = _only_user(inventory, disk, vdi)
    if vm is not None:
        return Owner(vm)
    holding = holders(inventory, disk)
    if any(holder.hold is Hold.control_domain for holder in holding):
        return Owner(None, m_("The server itself is using it, for a backup or a copy."))
    own = list(dict.fromkeys(h.vm for h in holding if h.hold is Hold.vm and not h.is_cd))
    if len(own) > 1:
        names = listed([inventory.VM[vm].name_label for vm in own])
        return Owner(None, m_("It belongs to several VMs: {names}.", names=names))
    if not own:
        if holds_no_disks(inventory, vdi.SR):
            return Owner(None, m_("It is a CD of an ISO library, not a virtual disk."))
        what = unmovable(inventory, vdi)
        return Owner(None, m_("It cannot be moved: it is {reason}.", reason=what) if what else "")
    return Owner(own[0])


def _only_user(inventory: Inventory, disk: VdiRef, vdi: VDI) -> VmRef | None:
    """The VM that a disk belongs to if it has a single connection, as most disks have."""
    listed = inventory.vbds_by_vdi.get(disk, ())
    if len(listed) != 1 or vdi.VBDs != list(listed):
        return None
    vbd = inventory.VBD.get(listed[0])
    vm = inventory.VM.get(vbd.VM) if vbd is not None else None
    if vbd is None or vm is None or vbd.type == "CD" or vm.is_control_domain or vm.is_a_snapshot:
        return None
    return vbd.VM


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
    loose: list[VdiRef] = []
    placed = list(dict.fromkeys(disks))
    for disk in placed:
        if disk not in inventory.VDI:
            refused.append(_("A selected disk no longer exists."))
            continue
        found = owner(inventory, disk)
        if found.vm is None and not found.reason:
            loose.append(disk)
        elif found.vm is None:
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
        loose=tuple(loose),
        copies=True,
    ).each_disk()
    if sr is not None:
        draft = draft.placing_all(dict.fromkeys(placed, sr))
    return draft


def has_movable_disks(inventory: Inventory, sr: SrRef) -> bool:
    """There is something on an SR that can be moved off it."""
    disks = (inventory.VDI.get(ref) for ref in inventory.SR[sr].VDIs)
    return any(
        vdi is not None and vdi.managed and not owner(inventory, ref).reason
        for ref, vdi in zip(inventory.SR[sr].VDIs, disks, strict=True)
    )


def movable_disks(inventory: Inventory, sr: SrRef) -> tuple[tuple[VdiRef, ...], tuple[Staying, ...]]:
    """The disks that can be moved off an SR, and what stays behind, each with its reason. Snapshots follow their disk;
    one whose disk is elsewhere or gone stays."""
    found = {
        ref: owner(inventory, ref)
        for ref in inventory.SR[sr].VDIs
        if ref in inventory.VDI and inventory.VDI[ref].managed
    }
    going = [ref for ref, its in found.items() if not its.reason]
    carriers = {ref: its.vm for ref, its in found.items() if its.vm is not None}
    moving = set(going)
    for vm in dict.fromkeys(carriers.values()):
        moving |= {ref for ref, _vdi, leader in following_disks(inventory, vm) if leader in carriers}
    staying = []
    for ref, its in found.items():
        if ref not in moving:
            vdi = inventory.VDI[ref]
            reason = m_("It is a snapshot of a disk that does not move.") if vdi.is_a_snapshot else its.reason
            staying.append(Staying(vdi.name_label or vdi.uuid, vdi.virtual_size, reason))
    return tuple(going), tuple(sorted(staying, key=lambda disk: natural(disk.name)))


@dataclass(frozen=True, slots=True)
class SrTarget:
    """An SR as a target of the selected disks. Sizes in bytes; `after` is what is free when they have arrived; `reason`
    why it cannot be chosen, empty where it can."""

    ref: SrRef
    name: str
    type: str
    shared: bool
    total: int
    free: int
    after: int
    reason: str = ""

    @property
    def usable(self) -> bool:
        return not self.reason


def targets(site: Site, draft: Draft, disks: Iterable[VdiRef]) -> tuple[SrTarget, ...]:
    """Every SR of the pool that holds disks at all, the usable ones first, for disks that go to one SR together with
    the snapshots that follow them."""
    inventory = site.pools[draft.source]
    selected = [disk for disk in disks if disk in inventory.VDI]
    group: dict[VdiRef, VDI] = {disk: inventory.VDI[disk] for disk in selected}
    for vm in draft.vms:
        if vm in inventory.VM and not is_copied(draft, inventory.VM[vm]):
            group.update({ref: vdi for ref, vdi, leader in following_disks(inventory, vm) if leader in selected})
    hosts = tuple(dict.fromkeys(draft.hosts.values()))
    copied = all(is_copied(draft, inventory.VM[vm]) for vm in draft.vms if vm in inventory.VM)
    places = Load(inventory, inventory, hosts, group, crosses=False, copied=copied)
    found = []
    for candidate in places.candidates():
        ref = SrRef(candidate.ref)
        sr = inventory.SR[ref]
        coming = {disk: vdi for disk, vdi in group.items() if ref != vdi.SR}
        free = inventory.free_space(ref)
        after = free - load(inventory, coming, inventory.is_thin(ref))
        reason = "" if candidate.usable else candidate.reason
        if not coming:
            reason = _("the disks are on it already")
        found.append(SrTarget(ref, sr.name_label, sr.type, sr.shared, sr.physical_size, free, after, reason))
    return tuple(sorted(found, key=lambda t: (not t.usable, inventory.is_hidden(t.ref), natural(t.name), t.ref)))


def how_moved(inventory: Inventory, draft: Draft) -> str:
    """How the disks will be moved, in a sentence for each state of their VMs."""
    by_state: dict[str, list[str]] = {}
    for vm in draft.vms:
        if vm in inventory.VM:
            by_state.setdefault(inventory.VM[vm].power_state, []).append(inventory.VM[vm].name_label)
    parts = []
    for state, names in sorted(by_state.items()):
        vms = joined(names)
        match state:
            case "Running" if draft.short_stop:
                parts.append(_("Copied while running, then down for a short time: {vms}.", vms=vms))
            case "Running":
                parts.append(_("Live, and slower meanwhile: {vms}.", vms=vms))
            case "Suspended":
                parts.append(_("Suspended, not to be resumed meanwhile: {vms}.", vms=vms))
            case "Halted" if draft.copies:
                parts.append(_("Copied and exchanged while halted: {vms}.", vms=vms))
            case "Halted":
                parts.append(_("Halted, not to be started meanwhile: {vms}.", vms=vms))
            case _:
                parts.append(_("Paused: {vms}.", vms=vms))
    loose = [inventory.VDI[disk].name_label for disk in draft.loose if disk in inventory.VDI]
    if loose:
        parts.append(_("Of no VM, copied and exchanged: {disks}.", disks=joined(loose)))
    return " ".join(parts)


def places(site: Site, draft: Draft, disk: VdiRef) -> tuple[Candidate, ...]:
    """The SRs on which one of the disks may be placed, each with the reasons against it."""
    inventory = site.pools[draft.source]
    if disk not in inventory.VDI:
        return ()
    vm = owner(inventory, disk).vm
    if vm is not None:
        return disk_srs(site, draft, vm, draft.hosts.get(vm), disk)
    vdi = inventory.VDI[disk]
    return Load(inventory, inventory, (), {disk: vdi}, crosses=False, copied=True).candidates(vdi.SR)


def way(inventory: Inventory, draft: Draft, disk: VdiRef) -> str:
    """How one of the disks will be moved, in a few words."""
    vm = owner(inventory, disk).vm
    if vm is not None and stops(draft, inventory.VM[vm]):
        return _("with a short stop")
    if vm is None or is_copied(draft, inventory.VM[vm]):
        return _("copied, then exchanged")
    state = inventory.VM[vm].power_state
    return {"Running": _("live"), "Suspended": _("while it is suspended")}.get(state, _("by the server"))
