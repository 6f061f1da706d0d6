"""What may be offered for each choice, every target with its reasons.

Nothing is hidden that an operator would look for: what cannot be chosen is offered greyed, with the problems that the
rules' own checks found.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from xsmigui.core.capacity import load
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Text, m_, render
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.moves import Kind, Move, Sent, following_disks, image_formats, is_copied, own_disks
from xsmigui.core.migration.rules import RULES, networks, repositories
from xsmigui.core.problems import Page, Problem
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, NetworkRef, SrRef, VdiRef, VmRef
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
    bar: Text = ""

    @property
    def usable(self) -> bool:
        return not self.bar and not any(p.blocks for p in self.problems)

    @property
    def reason(self) -> str:
        """The first reason against it, as a sentence."""
        return render(self.bar or next((p.finding for p in self.problems if p.blocks), ""))


def destinations(site: Site, draft: Draft) -> tuple[Candidate, ...]:
    """Pools and standalone hosts, the VMs' own first."""
    found = []
    for pool, inventory in site.pools.items():
        own = pool == draft.source
        here = m_("the VMs are here already")
        bar: Text = ""
        if pool not in site.connected:
            bar = m_("not connected")
        elif not any(inventory.is_live(h) and inventory.host[h].enabled for h in inventory.host):
            bar = m_("no host takes VMs at present")
        elif (own and draft.copy) or (own and len(inventory.host) < 2 and len(_disk_srs(inventory)) < 2):
            bar = here
        elif not draft.loose and draft.leaves is None:
            bar = why_nobody(site, draft.to(pool))
        candidate = Candidate(pool, inventory.name, _("this pool") if own else "", bar=bar)
        found.append((not own, natural(inventory.name), candidate))
    return tuple(candidate for _own, _name, candidate in sorted(found, key=lambda row: row[:2]))


def unmovable(site: Site, draft: Draft, vm: VmRef) -> Iterator[Problem]:
    """The reasons against a VM whatever the host of the draft's destination would be."""
    source, target = (
        site.pools[draft.source],
        site.pools[draft.target],
    )
    trial = bare_move(site, draft, source, target, vm, None)
    for rule in VM_RULES:
        if trial.kind in rule.kinds:
            yield from (problem for problem in rule.check(trial) if problem.blocks)


def why_nobody(site: Site, draft: Draft) -> Text:
    """Why no host of the destination can take any of the VMs, by the first VM's first reason; empty where one can take
    one of them. What a fix at the spot would help with does not count."""
    source, target = (
        site.pools.get(draft.source),
        site.pools[draft.target],
    )
    if source is None:
        return ""  # the evaluation says so
    first: Text = ""
    for vm in draft.vms:
        if vm not in source.VM:
            continue
        if source.VM[vm].power_state == "Halted" and not draft.crosses:
            return ""  # its disks may move, wherever it will run
        for ref in target.hosts_in_order:
            trial = bare_move(site, draft, source, target, vm, ref)
            blocks = (problem for problem in host_problems(trial) if problem.blocks and problem.remedy is None)
            found = next(blocks, None)
            if found is None:
                return ""
            first = first or found.finding
    return first


def _disk_srs(inventory: Inventory) -> list[SrRef]:
    return [sr for sr in inventory.SR if not any(repositories.sr_health(inventory, sr))]


HOST_RULES: Final = tuple(rule for rule in RULES if rule.page is Page.home_server and rule.id != "R12")
"""The rules that can tell of a VM and a host alone whether they suit each other."""


VM_RULES: Final = tuple(rule for rule in RULES if rule.page is Page.destination)
"""The rules that speak of a VM wherever it goes."""


def host_problems(trial: Move) -> Iterator[Problem]:
    """The reasons against the host of a bare move."""
    for rule in HOST_RULES:
        if trial.kind in rule.kinds:
            yield from rule.check(trial)


def hosts(site: Site, draft: Draft, vm: VmRef) -> tuple[Candidate, ...]:
    """The destination's hosts for one VM, with the reasons against each; the current server carries a note."""
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    source = site.pools.get(draft.source)
    if target is None or source is None or vm not in source.VM:
        return ()
    return tuple(found for ref in target.hosts_in_order if (found := host(site, draft, vm, ref)) is not None)


def host(site: Site, draft: Draft, vm: VmRef, ref: HostRef | None) -> Candidate | None:
    """One host of the destination for one VM; None if one of them is gone."""
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    source = site.pools.get(draft.source)
    if target is None or source is None or vm not in source.VM or ref is None or ref not in target.host:
        return None
    problems = tuple(host_problems(bare_move(site, draft, source, target, vm, ref)))
    detail = _("{free} of free memory", free=size(target.free_memory(ref)))
    here = not draft.crosses and ref == source.home(vm)
    return Candidate(ref, target.host[ref].name_label, detail, problems, _("current server") if here else "")


def bare_move(site: Site, draft: Draft, source: Inventory, target: Inventory, vm: VmRef, host: HostRef | None) -> Sent:
    return Sent(site, draft, source, target, {}, vm, source.VM[vm], host)


@dataclass(frozen=True)
class Load:
    """Disks that need a place together, and the hosts that must see it."""

    source: Inventory
    target: Inventory
    at: tuple[HostRef, ...]
    disks: Mapping[VdiRef, VDI]
    crosses: bool
    copied: bool = False
    """This program copies them itself, for which an SR needs less."""

    @cached_property
    def _needs(self) -> dict[bool, int]:
        """What all disks take on a thin and on a thick SR."""
        return {thin: load(self.source, self.disks, thin) for thin in (False, True)}

    @cached_property
    def _srs(self) -> set[SrRef]:
        return {vdi.SR for vdi in self.disks.values()}

    def offered(self, sr: SrRef) -> bool:
        """The SR is of a kind that holds virtual disks at all."""
        return not repositories.holds_no_disks(self.target, sr)

    def problems(self, sr: SrRef) -> Iterator[Problem]:
        """The reasons against the SR; disks that are on it already ask for nothing but that the hosts see it."""
        sick = tuple(repositories.sr_health(self.target, sr))
        yield from sick
        for host in self.at if not sick and not self.copied else ():
            yield from repositories.sr_visible(self.target, host, sr)
        thin = self.target.is_thin(sr)
        if self.crosses or sr not in self._srs:
            need = self._needs[thin]
        else:
            coming = {ref: vdi for ref, vdi in self.disks.items() if sr != vdi.SR}
            if not coming:
                return
            need = load(self.source, coming, thin)
        yield from (
            repositories.sr_creates(self.target, sr)
            if self.copied
            else repositories.sr_receives(self.target, sr, self.source)
        )
        yield from repositories.sr_space(self.target, sr, need)

    def suits(self, sr: SrRef) -> bool:
        return self.offered(sr) and not any(problem.blocks for problem in self.problems(sr))

    def best(self) -> SrRef | None:
        """The pool's default SR if it is shared and suits, else the suitable SR with the most free space. Where none
        has the space, the one that has the most, so that what is missing can be said."""
        default = self.target.SR.get(self.target.pool.default_SR)
        if default and default.shared and self.suits(self.target.pool.default_SR):
            return self.target.pool.default_SR
        suitable = next((sr for sr in self.target.srs_by_space if self.suits(sr)), None)
        return suitable or next((sr for sr in self.target.srs_by_space if self._only_too_small(sr)), None)

    def _only_too_small(self, sr: SrRef) -> bool:
        return self.offered(sr) and {p.rule for p in self.problems(sr) if p.blocks} == {"R50"}

    def candidates(self, staying: SrRef | None = None) -> tuple[Candidate, ...]:
        """Every SR with the reasons against it. `staying` is the SR on which a single disk is now."""
        found = [self.candidate(ref, staying) for ref in self.target.SR if self.offered(ref)]
        return tuple(
            sorted(found, key=lambda c: (not c.usable, self.target.is_hidden(SrRef(c.ref)), natural(c.name), c.ref))
        )

    def candidate(self, ref: SrRef, staying: SrRef | None = None) -> Candidate:
        """One SR with the reasons against it."""
        sr = self.target.SR[ref]
        kind = _("shared") if sr.shared else _("local")
        detail = _("{kind} · {free} free", kind=kind, free=size(self.target.free_space(ref)))
        note = _("current SR") if ref == staying else ""
        return Candidate(ref, sr.name_label, detail, tuple(self.problems(ref)), note)


def all_disks(source: Inventory, vms: Iterable[VmRef]) -> dict[VdiRef, VDI]:
    """Every disk that has to have a place: the VMs' own, their snapshots' and the suspend images."""
    found: dict[VdiRef, VDI] = {}
    for vm in vms:
        if vm in source.VM:
            found.update(own_disks(source, vm))
            found.update({ref: vdi for ref, vdi, _leader in following_disks(source, vm)})
    return found


def whole_load(site: Site, draft: Draft, at: Mapping[VmRef, HostRef | None]) -> Load | None:
    """All disks of all VMs together; None without a destination."""
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    source = site.pools[draft.source]
    if target is None:
        return None
    hosts_of_all = tuple(dict.fromkeys(host for host in at.values() if host is not None))
    copied = {vm for vm in at if vm in source.VM and is_copied(draft, source.VM[vm])}
    disks = all_disks(source, (vm for vm in at if vm not in copied))
    for vm in copied:
        disks.update(own_disks(source, vm))
    return Load(source, target, hosts_of_all, disks, draft.crosses, len(copied) == len(at))


def disk_load(site: Site, draft: Draft, vm: VmRef, host: HostRef | None, disk: VdiRef) -> Load | None:
    """One disk with what follows it; None if it is gone or there is no destination."""
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    source = site.pools[draft.source]
    if target is None or disk not in source.VDI:
        return None
    group = {disk: source.VDI[disk]}
    copied = is_copied(draft, source.VM[vm])
    if not copied:
        group.update({ref: vdi for ref, vdi, leader in following_disks(source, vm) if leader == disk})
    return Load(source, target, (host,) if host is not None else (), group, draft.crosses, copied)


def same_srs(site: Site, draft: Draft, at: Mapping[VmRef, HostRef | None]) -> tuple[Candidate, ...]:
    """The SRs on which all disks of all VMs may be placed together."""
    load = whole_load(site, draft, at)
    return load.candidates() if load else ()


def same_sr(site: Site, draft: Draft, at: Mapping[VmRef, HostRef | None], sr: SrRef | None) -> Candidate | None:
    """One SR for all disks of all VMs; None if there is none."""
    load = whole_load(site, draft, at) if sr is not None else None
    return load.candidate(sr) if load is not None and sr is not None and sr in load.target.SR else None


def disk_srs(site: Site, draft: Draft, vm: VmRef, host: HostRef | None, disk: VdiRef) -> tuple[Candidate, ...]:
    """The SRs on which one disk, with what follows it, may be placed."""
    load = disk_load(site, draft, vm, host, disk)
    return load.candidates(None if draft.crosses else load.disks[disk].SR) if load else ()


def disk_sr(
    site: Site, draft: Draft, vm: VmRef, host: HostRef | None, disk: VdiRef, sr: SrRef | None
) -> Candidate | None:
    """One SR for one disk; None if one of them is gone."""
    load = disk_load(site, draft, vm, host, disk)
    if load is None or sr is None or sr not in load.target.SR:
        return None
    return load.candidate(sr, None if draft.crosses else load.disks[disk].SR)


def network(target: Inventory, host: HostRef | None, ref: NetworkRef | None) -> Candidate | None:
    """One of the destination's networks for a VIF."""
    return next((c for c in network_candidates(target, host) if c.ref == ref), None)


def formats(moves: Iterable[Move], chosen: str = "") -> tuple[Candidate, ...]:
    """The image formats that may be chosen for all disks that move, after leaving it to their SRs; none if there is
    no choice. What was `chosen` and suits no more stays, greyed, so that it can be taken back."""
    places = {
        (move.source, move.target, sr)
        for move in moves
        if move.kind is not Kind.disk
        for sr in move.moving.values()
        if sr is not None
    }
    offered = [image_formats(source, target, sr) for source, target, sr in places]
    common = [form for form in offered[0] if all(form in others for others in offered)] if offered else []
    found = [Candidate(form, form) for form in common]
    if chosen and chosen not in common:
        found.append(Candidate(chosen, chosen, bar=m_("not known to every SR that the disks go to")))
    return (Candidate("", _("As the SR decides")), *found) if found else ()


def network_candidates(target: Inventory, host: HostRef | None) -> tuple[Candidate, ...]:
    """The destination's networks for a VIF: greyed where the host is not on them."""
    found = []
    for ref in target.guest_networks:
        network = target.network[ref]
        vlans = sorted(target.vlans.get(ref, ()))
        detail = _("VLAN {id}", id=vlans[0]) if vlans else "" if network.PIFs else _("internal")
        if len(target.networks_by_name[network.name_label]) > 1:  # nothing else tells them apart for certain
            detail = " · ".join(part for part in (detail, network.bridge) if part)
        bar = "" if host is None or networks.host_attaches(target, host, ref) else m_("the host is not on it")
        found.append(Candidate(ref, network.name_label, detail, bar=bar))
    return tuple(sorted(found, key=lambda c: (not c.usable, natural(c.name), c.ref)))


def migration_network(target: Inventory) -> NetworkRef | None:
    """The network that a pool names for its migrations (`pool.other_config["xo:migrationNetwork"]`, a uuid that Xen
    Orchestra sets)."""
    uuid = target.pool.other_config.get("xo:migrationNetwork", "")
    return next((ref for ref, network in target.network.items() if uuid and network.uuid == uuid), None)


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
        if ref == migration_network(target):
            note = _("the pool's own choice for migrations")
        found.append((management, Candidate(ref, network.name_label, detail, problems, note)))
    ordered = sorted(found, key=lambda row: (not row[1].usable, row[0], natural(row[1].name), row[1].ref))
    return tuple(candidate for _management, candidate in ordered)
