"""What a draft may be changed to, made once for each draft and site: hosts, SRs and networks with their reasons.

The evaluation carries them. What pages show at first is made with the evaluation, in its thread; the list of a box is
made when somebody opens it, and then kept as long as the draft and its pools stay the same.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, TypeVar

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import candidates
from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.migration.defaults import Resolved, can_keep
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.moves import OfVm, chosen_vifs, own_disks
from xsmigui.core.migration.rules.stopping import why_no_short_stop
from xsmigui.core.refs import HostRef, NetworkRef, VdiRef, VifRef, VmRef
from xsmigui.core.text import _

T = TypeVar("T")

SHOWN: Final = (
    "destinations", "can_keep", "same_sr", "same_srs", "formats", "why_no_short_stop", "storage_networks",
)  # fmt: skip
"""What pages show whatever rows are in sight."""


@dataclass(frozen=True, slots=True)
class Source:
    """A network of the source with the interfaces on it that are to be connected elsewhere."""

    network: NetworkRef
    name: str
    vifs: tuple[VifRef, ...]
    targets: frozenset[NetworkRef | None]
    target: Inventory
    hosts: tuple[HostRef | None, ...]

    @property
    def chosen(self) -> NetworkRef | None:
        """The network for all of them, if it is one."""
        return next(iter(self.targets)) if len(self.targets) == 1 else None


class Offers:
    """Each answer is made when it is first asked for, and kept."""

    def __init__(self, site: Site, draft: Draft, resolved: Resolved) -> None:
        self._site = site
        self._draft = draft
        self._resolved = resolved
        self._made: dict[Hashable, Any] = {}

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    @cached_property
    def _known(self) -> bool:
        """Both pools are there."""
        return self._draft.source in self._site.pools and self._draft.destination in self._site.pools

    @cached_property
    def _moves(self) -> dict[VmRef, OfVm]:
        return {move.ref: move for move in self._resolved.of_vms}

    @cached_property
    def _at(self) -> dict[VmRef, HostRef | None]:
        return {move.ref: move.host for move in self._resolved.of_vms}

    def prepare(self) -> None:
        """Make what pages show whatever rows are in sight."""
        for name in SHOWN:
            getattr(self, name)

    # Pools and hosts.

    @cached_property
    def destinations(self) -> tuple[Candidate, ...]:
        """Pools and standalone hosts."""
        return candidates.destinations(self._site, self._draft)

    def host(self, vm: VmRef) -> Candidate | None:
        """The host that a VM goes to at present."""
        return self._once(("host", vm), lambda: candidates.host(self._site, self._draft, vm, self._moves[vm].host))

    def hosts(self, vm: VmRef) -> tuple[Candidate, ...]:
        """The hosts for one VM."""
        return self._once(("hosts", vm), lambda: candidates.hosts(self._site, self._draft, vm))

    def hosts_for_all(self, vms: Sequence[VmRef]) -> tuple[Candidate, ...]:
        """The hosts for several VMs together, each with the first reason why one of them cannot go there."""
        return self._once(("hosts for all", tuple(vms)), lambda: self._hosts_for_all(vms))

    def _hosts_for_all(self, vms: Sequence[VmRef]) -> tuple[Candidate, ...]:
        found: dict[str, Candidate] = {}
        for vm in vms:
            for candidate in candidates.hosts(self._site, self._draft, vm):
                if candidate.ref not in found or (found[candidate.ref].usable and not candidate.usable):
                    found[candidate.ref] = candidate
        return tuple(replace(candidate, note="") for candidate in found.values())

    # Disks.

    @cached_property
    def can_keep(self) -> bool:
        """Every disk can stay on its SR."""
        return self._known and can_keep(self._site, self._draft, self._at)

    @cached_property
    def same_sr(self) -> Candidate | None:
        """The SR for all disks together."""
        return candidates.same_sr(self._site, self._draft, self._at, self._resolved.same_sr) if self._known else None

    @cached_property
    def same_srs(self) -> tuple[Candidate, ...]:
        """The SRs on which all disks of all VMs may be placed together."""
        return candidates.same_srs(self._site, self._draft, self._at) if self._known else ()

    @cached_property
    def disks(self) -> tuple[tuple[OfVm, VdiRef], ...]:
        """The VMs' own disks, for each of which an SR can be chosen."""
        return tuple((move, ref) for move in self._resolved.of_vms for ref in own_disks(move.source, move.ref))

    @cached_property
    def _mover(self) -> dict[VdiRef, OfVm]:
        return {ref: move for move, ref in self.disks}

    def disk_sr(self, disk: VdiRef) -> Candidate | None:
        """The SR that a disk goes to at present."""
        return self._once(("disk", disk), lambda: self._disk_sr(self._mover[disk], disk))

    def _disk_sr(self, move: OfVm, disk: VdiRef) -> Candidate | None:
        if not self._known:
            return None
        return candidates.disk_sr(self._site, self._draft, move.ref, move.host, disk, move.placement.get(disk))

    def disk_srs(self, disk: VdiRef) -> tuple[Candidate, ...]:
        """The SRs for one disk."""
        return self._once(("disks", disk), lambda: self._disk_srs(self._mover[disk], disk))

    def _disk_srs(self, move: OfVm, disk: VdiRef) -> tuple[Candidate, ...]:
        return candidates.disk_srs(self._site, self._draft, move.ref, move.host, disk) if self._known else ()

    @cached_property
    def formats(self) -> tuple[Candidate, ...]:
        """The image formats for all disks that move."""
        return candidates.formats(self._resolved.moves, self._draft.image_format) if self._known else ()

    @cached_property
    def why_no_short_stop(self) -> str:
        """Why none of the running VMs can be moved with a short stop; empty if one can."""
        return why_no_short_stop(m for m in self._resolved.of_vms if m.is_running)

    # Networks.

    @cached_property
    def vifs(self) -> tuple[tuple[OfVm, VifRef], ...]:
        """The interfaces for which a network is chosen."""
        moves = self._resolved.of_vms if self._draft.crosses else ()
        return tuple((move, ref) for move in moves for ref in chosen_vifs(move.source, move.ref))

    @cached_property
    def _owner(self) -> dict[VifRef, OfVm]:
        return {ref: move for move, ref in self.vifs}

    def network(self, vif: VifRef) -> Candidate | None:
        """The network that an interface goes to at present."""
        chosen = self._owner[vif].networks.get(vif)
        return next((c for c in self.networks(vif) if c.ref == chosen), None)

    def networks(self, vif: VifRef) -> tuple[Candidate, ...]:
        """The networks for one interface."""
        move = self._owner[vif]
        return self._networks_at(move.target, move.host)

    def _networks_at(self, target: Inventory, host: HostRef | None) -> tuple[Candidate, ...]:
        return self._once(("networks", host), lambda: candidates.network_candidates(target, host))

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The source networks of the interfaces, in the order in which they come."""
        groups: dict[NetworkRef, list[tuple[OfVm, VifRef]]] = {}
        for move, ref in self.vifs:
            groups.setdefault(move.source.VIF[ref].network, []).append((move, ref))
        found = []
        for network, some in groups.items():
            first = some[0][0]
            name = first.source.name_of("network", network)
            if vlans := sorted(first.source.vlans.get(network, ())):
                name = _("{network} · VLAN {id}", network=name, id=vlans[0])
            targets = frozenset(move.networks.get(ref) for move, ref in some)
            hosts = tuple(dict.fromkeys(move.host for move, _ref in some))
            found.append(Source(network, name, tuple(ref for _move, ref in some), targets, first.target, hosts))
        return tuple(found)

    def networks_for(self, source: Source) -> tuple[Candidate, ...]:
        """The networks for all interfaces of a source network: greyed where one of the hosts is not on it."""
        return self._once(("source", source.network), lambda: self._networks_for(source))

    def _networks_for(self, source: Source) -> tuple[Candidate, ...]:
        found: dict[str, Candidate] = {}
        for host in source.hosts:
            for candidate in self._networks_at(source.target, host):
                if candidate.ref not in found or not candidate.usable:
                    found[candidate.ref] = candidate
        return tuple(found.values())

    @cached_property
    def storage_networks(self) -> tuple[Candidate, ...]:
        """The networks that can carry the disks."""
        target = self._site.pools.get(self._draft.destination) if self._draft.destination is not None else None
        at = [host for host in self._at.values() if host is not None]
        return candidates.storage_networks(target, at) if target is not None else ()
