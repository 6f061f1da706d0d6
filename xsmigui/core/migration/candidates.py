"""What may be offered for each choice, every target with its reasons.

Nothing is hidden that an operator would look for: what cannot be chosen is offered greyed, with the problems that the
rules' own checks found.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.moves import Move, following_disks, own_disks
from xsmigui.core.migration.rules import RULES, networks, storage
from xsmigui.core.problems import Page, Problem
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, PoolId, SrRef, VdiRef, VmRef, is_null
from xsmigui.core.text import _
from xsmigui.core.units import natural, size


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that may be chosen. `detail` and `note` are said beside it; `problems` say why it cannot be (or should
    not), `bar` does where no rule speaks of it."""

    ref: str
    name: str
    detail: str = ""
    problems: tuple[Problem, ...] = ()
    note: str = ""
    bar: str = ""

    @property
    def usable(self) -> bool:
        return not self.bar and not any(p.blocks for p in self.problems)

    @property
    def reason(self) -> str:
        """The first thing that stands against it, as a sentence."""
        return self.bar or next((p.message for p in self.problems if p.blocks), "")


def destinations(site: Site, draft: Draft) -> tuple[Candidate, ...]:
    """Pools and standalone hosts, the VMs' own first."""
    found = []
    for pool, inventory in site.pools.items():
        own = pool == draft.source
        here = _("the VMs are here already")
        bar = ""
        if pool not in site.connected:
            bar = _("not connected")
        elif not any(inventory.is_live(h) and inventory.host[h].enabled for h in inventory.host):
            bar = _("no host takes VMs at present")
        elif (own and draft.copy) or (own and len(inventory.host) < 2 and len(_disk_srs(inventory)) < 2):
            bar = here
        candidate = Candidate(pool, inventory.name, _("this pool") if own else "", bar=bar)
        found.append((not own, natural(inventory.name), candidate))
    return tuple(candidate for _own, _name, candidate in sorted(found, key=lambda row: row[:2]))


def _disk_srs(inventory: Inventory) -> list[SrRef]:
    return [sr for sr in inventory.SR if not any(storage.sr_health(inventory, sr))]


def hosts(site: Site, draft: Draft, vm: VmRef) -> tuple[Candidate, ...]:
    """The destination's hosts for one VM, with what stands against each; the current server carries a note."""
    target = site.pools.get(draft.destination) if draft.destination else None
    source = site.pools.get(draft.source)
    if target is None or source is None or vm not in source.VM:
        return ()
    home = source.home(vm) if not draft.crosses else None
    found = []
    for ref in target.hosts_in_order:
        trial = bare_move(site, draft, source, target, vm, ref)
        problems = tuple(
            p
            for r in RULES
            if r.page is Page.home_server and r.id != "R12" and trial.kind in r.kinds
            for p in r.check(trial)
        )
        detail = _("{free} of memory free", free=size(target.free_memory(ref)))
        note = _("current server") if ref == home else ""
        found.append(Candidate(ref, target.host[ref].name_label, detail, problems, note))
    return tuple(found)


def bare_move(site: Site, draft: Draft, source: Inventory, target: Inventory, vm: VmRef, host: HostRef | None) -> Move:
    return Move(site, draft, vm, source.VM[vm], source, target, host, {}, {}, {}, None)


def srs(
    target: Inventory, at: Iterable[HostRef], disks: Mapping[VdiRef, VDI], draft: Draft, staying: SrRef | None = None
) -> tuple[Candidate, ...]:
    """The destination's SRs for these disks together, seen from all these hosts. `staying` is the SR on which a single
    disk is now, in the same pool: always usable where it is seen."""
    hosts_of_all = tuple(dict.fromkeys(at))
    found = []
    for ref, sr in target.SR.items():
        if sr.content_type == "iso" or sr.is_tools_sr or sr.type in ("iso", "udev", "tmpfs"):
            continue
        problems: list[Problem] = list(storage.sr_health(target, ref))
        for host in hosts_of_all if not problems else ():
            problems += storage.sr_visible(target, host, ref)
        moving = [vdi for vdi in disks.values() if draft.crosses or ref != vdi.SR]
        if moving:
            problems += storage.sr_receives(target, ref)
            problems += storage.sr_space(target, ref, storage.needs(target, ref, moving))
        kind = _("shared") if sr.shared else _("local")
        detail = _("{kind} · {free} free", kind=kind, free=size(target.free_space(ref)))
        note = _("current SR") if ref == staying else ""
        found.append(Candidate(ref, sr.name_label, detail, tuple(problems), note))
    return tuple(sorted(found, key=lambda c: (not c.usable, natural(c.name), c.ref)))


def all_disks(source: Inventory, vms: Iterable[VmRef]) -> dict[VdiRef, VDI]:
    """Every disk that has to have a place: the VMs' own, their snapshots' and the suspend images."""
    found: dict[VdiRef, VDI] = {}
    for vm in vms:
        if vm in source.VM:
            found.update(own_disks(source, vm))
            found.update({ref: vdi for ref, vdi, _leader in following_disks(source, vm)})
    return found


def same_srs(site: Site, draft: Draft, at: Mapping[VmRef, HostRef | None]) -> tuple[Candidate, ...]:
    """The SRs on which all disks of all VMs may be placed together."""
    target = site.pools.get(draft.destination) if draft.destination else None
    if target is None:
        return ()
    hosts_of_all = [host for host in at.values() if host is not None]
    return srs(target, hosts_of_all, all_disks(site.pools[draft.source], at), draft)


def disk_srs(site: Site, draft: Draft, vm: VmRef, host: HostRef | None, disk: VdiRef) -> tuple[Candidate, ...]:
    """The SRs on which one disk, with what follows it, may be placed."""
    source, target = site.pools[draft.source], site.pools.get(draft.destination or PoolId(""))
    if target is None or disk not in source.VDI:
        return ()
    group = {disk: source.VDI[disk]}
    group.update({ref: vdi for ref, vdi, leader in following_disks(source, vm) if leader == disk})
    staying = None if draft.crosses else source.VDI[disk].SR
    return srs(target, [host] if host is not None else [], group, draft, staying)


def network_candidates(target: Inventory, host: HostRef | None) -> tuple[Candidate, ...]:
    """The destination's networks for a VIF: greyed where the host is not on them. Networks hidden by the server's own
    mark and members of bonds are left out, as XenCenter does."""
    found = []
    for ref, network in target.network.items():
        hidden = network.other_config.get("HideFromXenCenter") == "true"
        guest_installer = network.other_config.get("is_guest_installer_network") == "true"
        member = any(not is_null(target.PIF[p].bond_slave_of) for p in network.PIFs if p in target.PIF)
        if hidden or guest_installer or member:
            continue
        vlans = sorted({target.PIF[p].VLAN for p in network.PIFs if p in target.PIF and target.PIF[p].VLAN >= 0})
        detail = _("VLAN {id}", id=vlans[0]) if vlans else "" if network.PIFs else _("internal")
        bar = "" if host is None or networks.host_attaches(target, host, ref) else _("the host is not on it")
        found.append(Candidate(ref, network.name_label, detail, bar=bar))
    return tuple(sorted(found, key=lambda c: (not c.usable, natural(c.name), c.ref)))


def storage_networks(target: Inventory, at: Iterable[HostRef]) -> tuple[Candidate, ...]:
    """The networks that can carry disks to all these hosts: the management network last and marked; greyed where a
    host has no plugged interface with an address on it. Networks on which no host has an address are left out."""
    at = tuple(dict.fromkeys(at))
    found = []
    for ref, network in target.network.items():
        pifs = [target.PIF[p] for p in network.PIFs if p in target.PIF]
        if not any(networks.has_address(pif) for pif in pifs):
            continue
        problems = tuple(p for host in at for p in networks.carries(target, host, ref))
        management = target.is_management(ref)
        detail = ", ".join(pif.IP for host in at if (pif := target.pif(host, ref)) and pif.IP)
        note = _("management, not recommended for performance") if management else ""
        found.append((management, Candidate(ref, network.name_label, detail, problems, note)))
    ordered = sorted(found, key=lambda row: (not row[1].usable, row[0], natural(row[1].name)))
    return tuple(candidate for _management, candidate in ordered)
