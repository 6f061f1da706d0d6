"""Emptying a host for maintenance, and bringing its VMs back.

The VMs leave by the same plans, queue and reading back as any others; nothing is left to `host.evacuate`, which fails
as a whole for one VM and leaves disks on the host's own SRs. Those move along here, to an SR that their new host sees.
The host is disabled first, so that nothing is started on it meanwhile, and keeps in `other_config` that it is in
maintenance and which VMs it has lost for that, under the keys that XenCenter uses: either program can bring them back.

A host comes back from its reboot enabled (servers before xapi 25.31, and those whose maintenance another program has
begun), so it is the keys that tell, not whether the host takes VMs. Nothing is taken off the lists before a VM is back.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from msgspec.structs import replace as replace_struct

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.text import _

MODE: Final = "MAINTENANCE_MODE"
MOVED: Final = "MAINTENANCE_MODE_EVACUATED_VMS_MIGRATED"
SUSPENDED: Final = "MAINTENANCE_MODE_EVACUATED_VMS_SUSPENDED"
HALTED: Final = "MAINTENANCE_MODE_EVACUATED_VMS_HALTED"
LISTS: Final = {MOVED: "Running", SUSPENDED: "Suspended", HALTED: "Halted"}
"""The keys with the uuids of the VMs that the host has lost, with commas between, and the power state in which each
waits to come back."""

METHODS: Final = ("host.disable", "host.add_to_other_config", "host.remove_from_other_config")
"""What a session must be allowed besides the migrations."""

DEFAULT_BATCH_SIZE: Final = 10
"""VMs that leave a host at once unless the operator says otherwise (xapi 25.22: evacuation-batch-size)."""


def residents(inventory: Inventory, host: HostRef) -> tuple[VmRef, ...]:
    """The VMs that keep a host from being empty: all that run or are paused on it, by name."""
    found = [
        ref
        for ref, vm in inventory.VM.items()
        if vm.resident_on == host and vm.power_state in ("Running", "Paused") and not vm.is_control_domain
    ]
    return tuple(sorted(found, key=lambda ref: (inventory.VM[ref].name_label, ref)))


def evacuation(site: Site, pool: PoolId, host: HostRef) -> Draft:
    """All VMs leave the host. Disks stay where they are wherever the new host sees them; home servers stay too, so that
    the VMs know where they belong."""
    vms = residents(site.pools[pool], host)
    draft = Draft(pool, vms, pool, set_home=False, leaves=host, at_once=DEFAULT_BATCH_SIZE)
    return draft.each_disk()


def following(draft: Draft, inventory: Inventory, staying: Collection[str] = ()) -> Draft:
    """The draft for the VMs that are on the host now: one was shut down meanwhile, another was started, and comes last.
    Those that are left out stay so."""
    assert draft.leaves is not None
    there = [vm for vm in residents(inventory, draft.leaves) if vm not in staying]
    vms = (*(vm for vm in draft.vms if vm in there), *(vm for vm in there if vm not in draft.vms))
    if vms == draft.vms:
        return draft
    return replace(draft, vms=vms, hosts={vm: host for vm, host in draft.hosts.items() if vm in vms})


def why_not(site: Site, pool: PoolId | None, host: HostRef | None) -> str:
    """Why maintenance mode of the host can be neither entered nor left; empty where it can."""
    if pool is None or host is None:
        return _("Select a host first.")
    inventory = site.pools.get(pool)
    if inventory is None or pool not in site.connected or host not in inventory.host:
        return _("The host's pool is not connected.")
    if not inventory.is_live(host):
        return _("{host} cannot be reached by its coordinator.", host=inventory.name_of("host", host))
    return ""


def accepts_vms(inventory: Inventory | None, host: HostRef) -> bool:
    """The host is there and takes VMs."""
    return inventory is not None and host in inventory.host and inventory.host[host].enabled


def in_maintenance(inventory: Inventory | None, host: HostRef | None) -> bool:
    """The host is marked as in maintenance (a reboot does not take the mark away), or it takes no VMs."""
    if inventory is None or host is None or host not in inventory.host:
        return False
    record = inventory.host[host]
    return record.other_config.get(MODE) == "true" or not record.enabled


def is_ready(inventory: Inventory, host: HostRef) -> bool:
    """The host is empty, takes no VMs, and is marked as in maintenance: nothing is left to do before it."""
    record = inventory.host[host]
    return not record.enabled and record.other_config.get(MODE) == "true" and not residents(inventory, host)


def is_finished(inventory: Inventory, host: HostRef) -> bool:
    """The host takes VMs, is not marked as in maintenance, and has nobody on its lists: nothing is left to do after
    it."""
    return not in_maintenance(inventory, host) and not any(listed(inventory, host).values())


def notes(inventory: Inventory, host: HostRef) -> Iterator[str]:
    """What an operator should know before the host goes."""
    if inventory.pool.master == host and len(inventory.host) > 1:
        yield _(
            "{host} coordinates {pool}: while it is off, the pool cannot be managed. Let another host coordinate it"
            " first.",
            host=inventory.name_of("host", host),
            pool=inventory.name,
        )


# The VMs that the host has lost.


def listed(inventory: Inventory, host: HostRef) -> dict[str, tuple[str, ...]]:
    """By key the uuids that stand on the host's lists."""
    config = inventory.host[host].other_config
    texts = {key: config.get(key, "").split(",") for key in LISTS}
    return {key: tuple(dict.fromkeys(u.strip() for u in text if u.strip())) for key, text in texts.items()}


@dataclass(frozen=True, slots=True)
class Returning:
    """The VMs that can come back to a host: those that `run` elsewhere migrate, those that are `suspended` are resumed
    there, those that are `halted` are started there."""

    run: tuple[VmRef, ...] = ()
    suspended: tuple[VmRef, ...] = ()
    halted: tuple[VmRef, ...] = ()

    @property
    def vms(self) -> tuple[VmRef, ...]:
        return (*self.run, *self.suspended, *self.halted)

    def __bool__(self) -> bool:
        return bool(self.vms)


def returning(inventory: Inventory, host: HostRef) -> Returning:
    """The VMs of the host's lists that still wait in the state in which they left, as XenCenter looks at them: one that
    was started, shut down or brought back by somebody since is not touched."""
    waiting: dict[str, list[VmRef]] = {key: [] for key in LISTS}
    for key, uuids in listed(inventory, host).items():
        for uuid in uuids:
            vm = _vm(inventory, uuid)
            if vm is not None and _waits(inventory, host, vm, key):
                waiting[key].append(vm)
    return Returning(tuple(waiting[MOVED]), tuple(waiting[SUSPENDED]), tuple(waiting[HALTED]))


def _vm(inventory: Inventory, uuid: str) -> VmRef | None:
    found = [VmRef(ref) for ref in inventory.vms_by_identity.get(uuid, ())]
    return found[0] if found else None


def _waits(inventory: Inventory, host: HostRef, vm: VmRef, key: str) -> bool:
    record = inventory.VM[vm]
    return record.power_state == LISTS[key] and record.resident_on != host


def lists_of_leaving(inventory: Inventory, host: HostRef, vms: tuple[VmRef, ...]) -> dict[str, tuple[str, ...]]:
    """The lists when these VMs leave the host, whichever others it has lost before and not got back: a second
    maintenance, or one that was broken off, forgets nobody."""
    leaving = tuple(inventory.VM[vm].uuid for vm in vms if vm in inventory.VM)
    earlier = lists_of_waiting(inventory, host)
    earlier = {key: tuple(uuid for uuid in uuids if uuid not in leaving) for key, uuids in earlier.items()}
    return earlier | {MOVED: (*earlier[MOVED], *leaving)}


def lists_of_waiting(inventory: Inventory, host: HostRef) -> dict[str, tuple[str, ...]]:
    """The lists without those that are back on the host, that are gone, or that no longer wait."""
    found = {}
    for key, uuids in listed(inventory, host).items():
        vms = {uuid: _vm(inventory, uuid) for uuid in uuids}
        found[key] = tuple(u for u, vm in vms.items() if vm is not None and _waits(inventory, host, vm, key))
    return found


def no_longer_waiting(inventory: Inventory, host: HostRef) -> tuple[VmRef, ...]:
    """VMs on the lists that somebody has shut down, suspended or started since, elsewhere: they are left as they are,
    and are taken off."""
    waiting = lists_of_waiting(inventory, host)
    gone = [uuid for key, uuids in listed(inventory, host).items() for uuid in uuids if uuid not in waiting[key]]
    vms = [vm for uuid in gone if (vm := _vm(inventory, uuid)) is not None]
    return tuple(vm for vm in vms if inventory.VM[vm].resident_on != host)


def with_halted(inventory: Inventory, host: HostRef, vm: VmRef) -> dict[str, tuple[str, ...]]:
    """The lists when this VM is shut down for the maintenance, to be started again after it. It is still running, so
    the others are taken as they are."""
    uuid = inventory.VM[vm].uuid
    lists = listed(inventory, host)
    return lists | {HALTED: tuple(dict.fromkeys((*lists[HALTED], uuid)))}


def back(site: Site, pool: PoolId, host: HostRef, vms: tuple[VmRef, ...]) -> Draft:
    """These VMs return to the host. Their disks stay where they are now: what was moved off the host's own SRs does not
    come back by itself."""
    draft = Draft(pool, vms, pool, dict.fromkeys(vms, host), set_home=False, at_once=DEFAULT_BATCH_SIZE)
    return draft.each_disk()


def as_enabled(site: Site, pool: PoolId, host: HostRef) -> Site:
    """The site as it will be once the host takes VMs again: what may come back is judged before anything is changed."""
    inventory = site.pools[pool]
    record = inventory.host[host]
    if record.enabled:
        return site
    enabled = inventory.with_record("host", host, replace_struct(record, enabled=True))
    return replace(site, pools={**site.pools, pool: enabled})
