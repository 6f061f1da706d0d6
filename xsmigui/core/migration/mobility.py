"""Whether a VM may move at present, and inside its pool where to: one judgement for header, menus, drag and wizard."""

from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.arriving import coming_from, is_moving
from xsmigui.core.migration.candidates import Candidate, host, hosts, unmovable
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.records import VM
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.text import _, n_


def why_not(site: Site, pool: PoolId, ref: VmRef) -> str:
    """Why a VM cannot be moved anywhere as it stands at this moment; empty where it can, or where the wizard offers
    what helps."""
    inventory = site.pools.get(pool)
    vm = inventory.VM.get(ref) if inventory is not None else None
    if inventory is None or vm is None:
        return _("A selected VM no longer exists.")
    if pool not in site.connected:
        return _("{pool} is not connected.", pool=inventory.name)
    if source := coming_from(site, pool, ref):
        return _("{vm} is just arriving from {pool}.", vm=vm.name_label, pool=source)
    if is_moving(vm):
        return _("{vm} is already being moved.", vm=vm.name_label)
    if vm.power_state == "Paused":
        return _("{vm} is paused: resume it or shut it down first.", vm=vm.name_label)
    if vm.is_a_snapshot:
        return _("{vm} is a snapshot; it moves with its VM.", vm=vm.name_label)
    if vm.comes_with_server:
        return _("{vm} is one of the templates that come with the server.", vm=vm.name_label)
    return ""


def why_stuck(site: Site, pool: PoolId, ref: VmRef) -> str:
    """Why a VM cannot be moved anywhere: as it stands, or because of what its records tell wherever it would go."""
    if reason := why_not(site, pool, ref):
        return reason
    return next((problem.message for problem in unmovable(site, Draft(pool, (ref,), pool), ref)), "")


def why_nowhere(site: Site, pool: PoolId, ref: VmRef) -> str:
    """Why no other host of its pool can take a VM that is not stuck, as `Mobility.sentence` has it; empty where one
    can, where there is none, and for halted VMs, which belong to no host. Looks at hosts up to the first usable one."""
    inventory = site.pools[pool]
    if not _has_a_host(inventory.VM[ref]):
        return ""
    first = ""
    for other in _others(inventory, ref):
        found = host(site, Draft(pool, (ref,), pool), ref, other)
        if found is None or found.usable:
            return ""
        first = first or found.reason
    return _not_inside(first) if first else ""


def _has_a_host(vm: VM) -> bool:
    return vm.power_state != "Halted" and not vm.is_a_template and not vm.is_a_snapshot


def _others(inventory: Inventory, ref: VmRef) -> list[HostRef]:
    home = inventory.home(ref)
    return [host for host in inventory.hosts_in_order if host != home]


def _not_inside(reason: str) -> str:
    return _("Not inside this pool: {reason}", reason=reason)


@dataclass(frozen=True, slots=True)
class Mobility:
    """Whether a VM can move inside its pool: `reason` says why it cannot at all; `hosts` are the others of the pool
    with the reasons against each; `known` is False where its pool does not answer."""

    reason: str = ""
    hosts: tuple[Candidate, ...] = ()
    known: bool = True

    @property
    def usable(self) -> tuple[Candidate, ...]:
        return () if self.reason else tuple(host for host in self.hosts if host.usable)

    def sentence(self) -> str:
        """One line: where it can go, or the reason why it cannot."""
        if not self.known:
            return _("Whether it can move is unknown while its pool is not connected.")
        if self.reason:
            return self.reason
        if not self.hosts:
            return _("There is no other host in this pool; another pool may be able to take it.")
        usable = self.usable
        if not usable:
            return _not_inside(self.hosts[0].reason)
        if len(usable) == 1 and len(self.hosts) == 1:
            return _("Inside this pool: yes, to {host}.", host=usable[0].name)
        return n_(
            "Inside this pool: yes, to {usable} of {n} other host.",
            "Inside this pool: yes, to {usable} of {n} other hosts.",
            len(self.hosts),
            usable=len(usable),
        )

    def reasons(self) -> str:
        """The hosts that cannot take it, a line each."""
        return "\n".join(f"{host.name}: {host.reason}" for host in self.hosts if not host.usable)


def mobility(site: Site, pool: PoolId, ref: VmRef) -> Mobility | None:
    """The judgement of a VM inside its pool, as far as the records tell; None for templates, snapshots, and halted VMs
    that nothing keeps from moving."""
    inventory = site.pools.get(pool)
    vm = inventory.VM.get(ref) if inventory is not None else None
    if inventory is None or vm is None or vm.is_a_template or vm.is_a_snapshot:
        return None
    if pool not in site.connected:
        return Mobility(known=False)
    if reason := why_stuck(site, pool, ref):
        return Mobility(reason)
    if not _has_a_host(vm):
        return None
    home = inventory.home(ref)
    return Mobility("", tuple(c for c in hosts(site, Draft(pool, (ref,), pool), ref) if c.ref != home))
