"""An inventory as a document: what `xsmigui inventory --json` prints. Sizes are bytes."""

from collections.abc import Mapping
from typing import Any

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Site
from xsmigui.core.refs import HostRef, PoolId, SrRef, VmRef, is_null
from xsmigui.core.units import natural


def survey(site: Site, urls: Mapping[PoolId, str]) -> dict[str, Any]:
    """All pools, by name."""
    pools = sorted(site.pools.items(), key=lambda item: natural(item[1].name))
    return {"pools": [_pool(inventory, urls.get(pool, "")) for pool, inventory in pools]}


def _pool(inventory: Inventory, url: str) -> dict[str, Any]:
    coordinator = inventory.host.get(inventory.pool.master)
    version = coordinator.software_version if coordinator else {}
    vms = sorted(inventory.user_vms(), key=lambda item: (natural(item[1].name_label), item[0]))
    srs = sorted(inventory.SR, key=lambda ref: (natural(inventory.SR[ref].name_label), ref))
    return {
        "name": inventory.name,
        "uuid": inventory.pool.uuid,
        "url": url,
        "version": version.get("product_version", ""),
        "old_encryption": inventory.old_encryption,
        "hosts": [_host(inventory, ref) for ref in inventory.hosts_in_order],
        "vms": [_vm(inventory, ref) for ref, _record in vms],
        "srs": [_sr(inventory, ref) for ref in srs],
    }


def _host(inventory: Inventory, ref: HostRef) -> dict[str, Any]:
    host = inventory.host[ref]
    return {
        "name": host.name_label,
        "uuid": host.uuid,
        "enabled": host.enabled,
        "live": inventory.is_live(ref),
        "memory_free": inventory.free_memory(ref),
    }


def _name(inventory: Inventory, host: HostRef) -> str | None:
    return None if is_null(host) or host not in inventory.host else inventory.host[host].name_label


def _vm(inventory: Inventory, ref: VmRef) -> dict[str, Any]:
    vm = inventory.VM[ref]
    return {
        "name": vm.name_label,
        "uuid": vm.uuid,
        "power_state": vm.power_state,
        "host": _name(inventory, vm.resident_on),
        "home_server": _name(inventory, vm.affinity),
        "disks": [
            {
                "uuid": vdi.uuid,
                "name": vdi.name_label,
                "sr": inventory.name_of("SR", vdi.SR),
                "size": vdi.virtual_size,
            }
            for _vbd, _ref, vdi in inventory.disks(ref)
        ],
        "networks": [
            {"mac": vif.MAC, "device": vif.device, "network": inventory.name_of("network", vif.network)}
            for _ref, vif in inventory.vifs(ref)
        ],
    }


def _sr(inventory: Inventory, ref: SrRef) -> dict[str, Any]:
    sr = inventory.SR[ref]
    return {
        "name": sr.name_label,
        "uuid": sr.uuid,
        "type": sr.type,
        "shared": sr.shared,
        "size": sr.physical_size,
        "free": inventory.free_space(ref),
        "hosts": [inventory.name_of("host", host) for host in inventory.sr_hosts.get(ref, ())],
    }
