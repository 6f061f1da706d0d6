"""Emptying a host for maintenance, and bringing its VMs back.

The VMs leave by the same plans, queue and reading back as any others; nothing is left to `host.evacuate`, which fails
as a whole for one VM and leaves disks on the host's own SRs. Those move along here, to an SR that their new host sees.
The host is disabled first, so that nothing is started on it meanwhile, and keeps in `other_config` which VMs left it,
under the keys that XenCenter uses: either program can bring them back.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.text import _

MODE: Final = "MAINTENANCE_MODE"
MOVED: Final = "MAINTENANCE_MODE_EVACUATED_VMS_MIGRATED"
"""The uuids of the VMs that have left, with commas between."""

METHODS: Final = ("host.disable", "host.add_to_other_config", "host.remove_from_other_config")
"""What a session must be allowed besides the migrations."""


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
    draft = Draft(pool, vms, pool, set_home=False, leaves=host, at_once=AT_ONCE)
    return draft.each_disk()


AT_ONCE: Final = 10
"""VMs that leave a host at once unless the operator says otherwise (xapi 25.22: evacuation-batch-size)."""


def following(draft: Draft, inventory: Inventory) -> Draft:
    """The draft for the VMs that are on the host now: one was shut down meanwhile, another was started."""
    assert draft.leaves is not None
    vms = residents(inventory, draft.leaves)
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


def evacuated(inventory: Inventory, host: HostRef) -> tuple[VmRef, ...]:
    """The VMs that have left the host for its maintenance and run elsewhere at present."""
    uuids = inventory.host[host].other_config.get(MOVED, "").split(",")
    by_uuid = {inventory.VM[ref].uuid: ref for ref in inventory.VM}
    known = [by_uuid[uuid.strip()] for uuid in uuids if uuid.strip() in by_uuid]
    return tuple(
        ref for ref in known if inventory.VM[ref].power_state == "Running" and inventory.VM[ref].resident_on != host
    )


def back(site: Site, pool: PoolId, host: HostRef, vms: tuple[VmRef, ...]) -> Draft:
    """These VMs return to the host. Their disks stay where they are now: what was moved off the host's own SRs does not
    come back by itself."""
    draft = Draft(pool, vms, pool, dict.fromkeys(vms, host), set_home=False, at_once=AT_ONCE)
    return draft.each_disk()


def takes(inventory: Inventory | None, host: HostRef) -> bool:
    """The host is there and takes VMs."""
    return inventory is not None and host in inventory.host and inventory.host[host].enabled


def notes(inventory: Inventory, host: HostRef) -> Iterator[str]:
    """What an operator should know before the host goes."""
    if inventory.pool.master == host and len(inventory.host) > 1:
        yield _(
            "{host} coordinates {pool}: while it is off, the pool cannot be managed. Let another host coordinate it"
            " first.",
            host=inventory.name_of("host", host),
            pool=inventory.name,
        )
