"""What stands badly in a pool, and what would stop if one of its hosts failed. All of it is read from the records; of
what the hardware does, a client knows nothing."""

from collections.abc import Iterator
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.pages.pools import hosts, version_of
from xsmigui.core.pages.rows import Risk
from xsmigui.core.records import VM
from xsmigui.core.refs import HostRef, SrRef, VmRef, is_null
from xsmigui.core.text import _, joined, n_
from xsmigui.core.units import natural, percent, size

FULL: Final = 0.9
"""An SR of which more than this is used is named."""

MANY_COALESCE: Final = 5
"""So many disks that wait to be coalesced on one SR are named."""

SEVERITIES: Final = ("block", "warn", "info")


def risks(inventory: Inventory) -> tuple[Risk, ...]:
    """All of a pool, the worst first."""
    found = [
        *_of_hosts(inventory),
        *_if_a_host_fails(inventory),
        *_of_availability(inventory),
        *_of_storage(inventory),
        *_of_networks(inventory),
        *_of_differences(inventory),
    ]
    return tuple(sorted(found, key=lambda risk: SEVERITIES.index(risk.severity)))


def _about(inventory: Inventory, cls: str, ref: str, severity: str, sentence: str) -> Risk:
    name = inventory.name if cls == "pool" else inventory.name_of(cls, ref)
    return Risk(inventory.object_id(cls, ref), name, severity, sentence)


def _of_hosts(inventory: Inventory) -> Iterator[Risk]:
    for ref in inventory.hosts_in_order:
        if not inventory.is_live(ref):
            yield _about(inventory, "host", ref, "block", _("The coordinator cannot reach it."))
        elif not inventory.host[ref].enabled:
            yield _about(inventory, "host", ref, "info", _("It is in maintenance mode and takes no VMs."))


def _if_a_host_fails(inventory: Inventory) -> Iterator[Risk]:
    """The memory that the others would need, and the VMs that no other host could start."""
    live = [ref for ref in inventory.hosts_in_order if inventory.is_live(ref) and inventory.host[ref].enabled]
    for ref in inventory.hosts_in_order:
        vms = _running(inventory, ref)
        if not vms:
            continue
        bound = [vm.name_label for one, vm in vms.items() if _is_bound(inventory, one, ref)]
        if bound and len(inventory.host) > 1:
            yield _about(
                inventory,
                "host",
                ref,
                "warn",
                n_(
                    "If it fails, {vms} stops with it: a disk is on its local storage, or a device of it is passed"
                    " through.",
                    "If it fails, {n} VMs stop with it, whose disks are on its local storage or who use its devices:"
                    " {vms}.",
                    len(bound),
                    vms=joined(sorted(bound, key=natural)),
                ),
            )
        others = [host for host in live if host != ref]
        need = sum(vm.memory_dynamic_min + vm.memory_overhead for vm in vms.values())
        free = sum(inventory.free_memory(host) for host in others)
        if others and need > free:
            text = _(
                "If it fails, its VMs need {need} of memory and the other hosts have {free}.",
                need=size(need),
                free=size(free),
            )
            yield _about(inventory, "host", ref, "warn", text)
    if len(inventory.host) > 1 and len(live) == 1:
        text = _("It is the only host that takes VMs at present.")
        yield _about(inventory, "host", live[0], "warn", text)


def _running(inventory: Inventory, host: HostRef) -> dict[VmRef, VM]:
    found = {ref: inventory.VM[ref] for ref in inventory.host[host].resident_VMs if ref in inventory.VM}
    return {ref: vm for ref, vm in found.items() if not vm.is_control_domain}


def _is_bound(inventory: Inventory, vm: VmRef, host: HostRef) -> bool:
    """No other host could start the VM as it is: a disk on an SR of this host alone, or a device of the host."""
    record = inventory.VM[vm]
    if record.attached_PCIs or record.VUSBs or any(not is_null(vgpu.PCI) for vgpu in inventory.vgpus(vm)):
        return True
    return any(inventory.storage_host(vdi.SR) == host for _vbd, _ref, vdi in inventory.disks(vm))


def _of_availability(inventory: Inventory) -> Iterator[Risk]:
    pool = inventory.pool
    if not pool.ha_enabled:
        return
    if pool.ha_plan_exists_for < pool.ha_host_failures_to_tolerate:
        wanted = n_(
            "High availability is to stand the failure of {n} host",
            "High availability is to stand the failure of {n} hosts",
            pool.ha_host_failures_to_tolerate,
        )
        planned = pool.ha_plan_exists_for
        text = (
            _("{wanted} and has a plan for {n} only.", wanted=wanted, n=planned)
            if planned
            else _("{wanted} and has no plan for that.", wanted=wanted)
        )
        yield _about(inventory, "pool", inventory.pool_ref, "block", text)


def _of_storage(inventory: Inventory) -> Iterator[Risk]:
    for ref, sr in sorted(inventory.SR.items(), key=lambda item: (natural(item[1].name_label), item[0])):
        if sr.content_type == "iso" or sr.is_tools_sr or inventory.is_hidden(ref):
            continue
        yield from _of_sr(inventory, ref)
    if is_null(inventory.pool.default_SR) or inventory.pool.default_SR not in inventory.SR:
        text = _("There is no default SR: what is created without naming an SR fails.")
        yield _about(inventory, "pool", inventory.pool_ref, "info", text)


def _of_sr(inventory: Inventory, ref: SrRef) -> Iterator[Risk]:
    sr = inventory.SR[ref]
    attached = set(inventory.sr_hosts.get(ref, ()))
    if not attached:
        yield _about(inventory, "SR", ref, "warn", _("It is attached on no host: its disks cannot be used."))
    elif sr.shared and (absent := [host for host in inventory.hosts_in_order if host not in attached]):
        names = joined([inventory.name_of("host", host) for host in absent])
        text = _("It is not attached on {hosts}: VMs with disks on it cannot run there.", hosts=names)
        yield _about(inventory, "SR", ref, "warn", text)
    if sr.physical_size > 0 and sr.physical_utilisation > FULL * sr.physical_size:
        free = size(inventory.free_space(ref))
        share = percent(sr.physical_utilisation / sr.physical_size)
        yield _about(inventory, "SR", ref, "warn", _("{share} of it is used; {free} are free.", share=share, free=free))
    if (number := len(inventory.coalescing.get(ref, ()))) >= MANY_COALESCE:
        text = n_(
            "{n} hidden disk waits to be coalesced: its space is free only afterwards.",
            "{n} hidden disks wait to be coalesced: their space is free only afterwards.",
            number,
        )
        yield _about(inventory, "SR", ref, "info", text)


def _of_networks(inventory: Inventory) -> Iterator[Risk]:
    """Networks with VMs that some hosts are not on, and management without a link."""
    vms = {ref for ref, _vm in inventory.user_vms()}
    for ref in inventory.guest_networks:
        net = inventory.network[ref]
        used = any((vif := inventory.VIF.get(one)) and vif.VM in vms for one in net.VIFs)
        here = {pif.host for one in net.PIFs if (pif := inventory.PIF.get(one))}
        absent = [host for host in inventory.hosts_in_order if host not in here]
        if used and net.PIFs and absent:
            names = joined([inventory.name_of("host", host) for host in absent])
            text = _("{network} is not on {hosts}: VMs on it cannot run there.", network=net.name_label, hosts=names)
            yield _about(inventory, "pool", inventory.pool_ref, "warn", text)


def _of_differences(inventory: Inventory) -> Iterator[Risk]:
    """Hosts of one pool that are not alike."""
    versions: dict[str, list[str]] = {}
    for ref in inventory.hosts_in_order:
        versions.setdefault(version_of(inventory.host[ref]), []).append(inventory.name_of("host", ref))
    if len(versions) > 1:
        parts = "; ".join(f"{version}: {joined(names)}" for version, names in versions.items())
        text = _("Its hosts have different versions ({versions}): VMs move to the newer ones only.", versions=parts)
        yield _about(inventory, "pool", inventory.pool_ref, "warn", text)
    uneven = [row.name for row in hosts(inventory) if row.features]
    if uneven:
        text = n_(
            "Its processors are not alike: {hosts} has features that others lack. VMs get what all hosts have; one"
            " that was started before a lesser host joined may not move to that.",
            "Its processors are not alike: {hosts} have features that others lack. VMs get what all hosts have; one"
            " that was started before a lesser host joined may not move to that.",
            len(uneven),
            hosts=joined(uneven),
        )
        yield _about(inventory, "pool", inventory.pool_ref, "info", text)
