"""The tabs of a pool, and the SRs of a host."""

from collections.abc import Iterable

from xsmigui.core import records
from xsmigui.core.features import missing, words
from xsmigui.core.inventory import Inventory
from xsmigui.core.outline_nodes import View, sr_node
from xsmigui.core.pages.rows import HostRow, PoolNetworkRow, SrRow, Use
from xsmigui.core.refs import HostRef, NetworkRef, SrRef, VmRef, is_null
from xsmigui.core.text import _, n_
from xsmigui.core.units import natural, whole

EVERY_SR = View()


def hosts(inventory: Inventory) -> tuple[HostRow, ...]:
    """The hosts of a pool, the coordinator first."""
    common = _common_features(inventory)
    return tuple(_host(inventory, ref, common) for ref in inventory.hosts_in_order)


def _host(inventory: Inventory, ref: HostRef, common: str) -> HostRow:
    host = inventory.host[ref]
    icon, state = host_standing(inventory, ref)
    if icon == "host" and ref != inventory.pool.master:
        state = ""
    more = missing(host.cpu_info.get("features_hvm_host", ""), common) if common else []
    level = _("unknown")
    if common and host.cpu_info.get("features_hvm_host"):
        level = n_("{n} feature more than others", "{n} features more than others", len(more)) if more else _("common")
    running = [vm for vm in map(inventory.VM.get, host.resident_VMs) if vm is not None and not vm.is_control_domain]
    total = inventory.total_memory(ref)
    return HostRow(
        inventory.object_id("host", ref),
        icon,
        host.name_label,
        state,
        Use(total - inventory.free_memory(ref), total),
        Use(sum(vm.VCPUs_at_startup for vm in running), whole(host.cpu_info.get("cpu_count", "")) or 0),
        len(running),
        version_of(host),
        level,
        ", ".join(more),
        " ".join(host.cpu_info.get("modelname", "").split()),
    )


def host_standing(inventory: Inventory, ref: HostRef) -> tuple[str, str]:
    """The picture and the words for how a host stands."""
    if not inventory.is_live(ref):
        return "host-unreachable", _("unreachable")
    if not inventory.host[ref].enabled:
        return "host-disabled", _("maintenance mode")
    if ref == inventory.pool.master and not inventory.is_standalone:
        return "host", _("coordinator")
    return "host", _("enabled")


def version_of(host: records.Host) -> str:
    """``XCP-ng 8.3.0``"""
    version = host.software_version
    product = version.get("product_version_text_short") or version.get("product_version", "")
    return f"{version.get('product_brand', '')} {product}".strip() or version.get("xapi_build", "")


def _common_features(inventory: Inventory) -> str:
    """The features that all hosts of a pool have, spelled as a host spells its own; empty where one does not say."""
    sets = [words(text) for text in inventory.feature_sets]
    if not sets or any(not one for one in sets):
        return ""
    least = min(len(one) for one in sets if one)
    shared = [0xFFFFFFFF] * least
    for one in sets:
        shared = [a & b for a, b in zip(shared, one or [], strict=False)]
    return "-".join(f"{word:08x}" for word in shared)


def repositories(inventory: Inventory, refs: Iterable[SrRef]) -> tuple[SrRow, ...]:
    """SRs as the tree shows them, shared ones first, each kind by name."""
    rows = []
    for ref in refs:
        sr, node = inventory.SR.get(ref), None
        if sr is not None:
            node = sr_node(inventory, ref, EVERY_SR)
        if sr is None or node is None:
            continue
        state = _("detached") if not inventory.sr_hosts.get(ref) else ""
        if inventory.pool.default_SR == ref:
            state = ", ".join(filter(None, (_("default"), state)))
        rows.append(
            SrRow(
                node.id,
                node.icon,
                sr.name_label,
                sr.type,
                sr.shared,
                state,
                Use(sr.physical_utilisation, sr.physical_size if sr.content_type != "iso" else 0),
                max(0, sr.virtual_allocation),
                Use(len(inventory.sr_hosts.get(ref, ())), len(sr.PBDs)),
                len(sr.VDIs),
            )
        )
    return tuple(sorted(rows, key=lambda row: (not row.shared, natural(row.name), row.key.ref)))


def pool_repositories(inventory: Inventory) -> tuple[SrRow, ...]:
    return repositories(inventory, inventory.SR)


def host_repositories(inventory: Inventory, ref: HostRef) -> tuple[SrRow, ...]:
    """The SRs that a host has, attached there or not."""
    host = inventory.host.get(ref)
    pbds = [inventory.PBD.get(pbd) for pbd in (host.PBDs if host else ())]
    return repositories(inventory, dict.fromkeys(pbd.SR for pbd in pbds if pbd is not None))


def networks(inventory: Inventory) -> tuple[PoolNetworkRow, ...]:
    """The networks of a pool that VMs may be put on, by name."""
    vms = {ref for ref, _vm in inventory.user_vms()}
    rows = [_network(inventory, ref, vms) for ref in inventory.guest_networks]
    return tuple(sorted(rows, key=lambda row: (natural(row.name), row.ref)))


def _network(inventory: Inventory, ref: NetworkRef, vms: set[VmRef]) -> PoolNetworkRow:
    net = inventory.network[ref]
    pifs = [pif for one in net.PIFs if (pif := inventory.PIF.get(one)) and pif.host in inventory.host]
    here = {pif.host for pif in pifs}
    notes = []
    if not net.PIFs:
        notes.append(_("internal: VMs on it reach only each other, on one host"))
    elif len(here) < len(inventory.host):
        absent = [inventory.name_of("host", host) for host in inventory.hosts_in_order if host not in here]
        notes.append(_("not on {hosts}", hosts=", ".join(absent)))
    down = sorted({inventory.name_of("host", pif.host) for pif in pifs if not _has_link(inventory, pif)}, key=natural)
    if down:
        notes.append(_("no link on {hosts}", hosts=", ".join(down)))
    if inventory.is_management(ref):
        notes.append(_("management"))
    vifs = [vif for one in net.VIFs if (vif := inventory.VIF.get(one)) and vif.VM in vms]
    return PoolNetworkRow(
        ref,
        net.name_label,
        ", ".join(str(vlan) for vlan in sorted(inventory.vlans.get(ref, ()))),
        Use(len(here), len(inventory.host)),
        len(vifs),
        max((pif.MTU for pif in pifs), default=0),
        "; ".join(notes),
    )


def _has_link(inventory: Inventory, pif: records.PIF) -> bool:
    metrics = inventory.PIF_metrics.get(pif.metrics)
    return metrics is None or is_null(pif.metrics) or metrics.carrier
