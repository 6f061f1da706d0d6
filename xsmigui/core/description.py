"""What the General, Storage and Networking tabs say of an object: plain rows, ready to be shown or printed."""

from dataclasses import dataclass, replace

from xsmigui.core import records
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.evacuation import in_maintenance, listed
from xsmigui.core.outline_nodes import vm_state
from xsmigui.core.refs import HostRef, NetworkRef, ObjectId, SrRef, VdiRef, VmRef, is_null
from xsmigui.core.text import _, n_
from xsmigui.core.units import duration, moment, natural, percent, size


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of label and value; `links` has the objects that values name, or with `by_label` labels, by
    label."""

    title: str
    rows: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, ObjectId], ...] = ()
    by_label: bool = False


@dataclass(frozen=True, slots=True)
class DiskRow:
    """A virtual disk in a table, on an SR's tab or (with its connection: `position`, `device`, `read_only`)
    on a VM's. Sizes are bytes; `vms` names who uses it; `of_snapshot` marks snapshots' disks, and `snapshot_of` names
    the disk that one was taken of. `drive` is the connection of an inserted CD, empty elsewhere."""

    ref: VdiRef
    position: str
    name: str
    description: str
    sr: str
    virtual_size: int
    used: int
    cbt: bool
    vms: str
    state: str
    of_snapshot: bool = False
    snapshot_of: str = ""
    type: str = ""
    device: str = ""
    read_only: bool = False
    drive: str = ""


@dataclass(frozen=True, slots=True)
class Space:
    """An SR's space in bytes, and what its disks could grow to (`allocated`)."""

    total: int
    used: int
    allocated: int

    def sentence(self) -> str:
        """``Used 3.2 GiB of 400.0 GiB (1 %); 268.0 GiB allocated to disks.``"""
        share = percent(self.used / self.total)
        text = _("Used {used} of {total} ({share})", used=size(self.used), total=size(self.total), share=share)
        if self.allocated > 0:
            text += "; " + _("{size} allocated to disks", size=size(self.allocated))
        return f"{text}."


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A VIF of a VM, or a PIF of a host, in a table."""

    device: str
    network: str
    mac: str
    addresses: str
    state: str


def general(inventory: Inventory, key: ObjectId) -> tuple[Section, ...]:
    """The sections of the General tab; empty where the object is gone."""
    record = inventory.record(key.cls, key.ref)
    if isinstance(record, records.VM):
        return _vm(inventory, VmRef(key.ref), record)
    if isinstance(record, records.Host):
        return _host(inventory, HostRef(key.ref), record)
    if isinstance(record, records.SR):
        return _sr(inventory, SrRef(key.ref), record)
    if isinstance(record, records.Pool):
        return _pool(inventory, record)
    return ()


def _section(title: str, *rows: tuple[str, str] | tuple[str, str, ObjectId | None]) -> Section:
    """Rows without a value are left out; the third of a row is the object that its value names."""
    shown = [row for row in rows if row[1]]
    links = tuple((row[0], row[2]) for row in shown if len(row) == 3 and row[2] is not None)
    return Section(title, tuple((row[0], row[1]) for row in shown), links)


def _link(inventory: Inventory, cls: str, ref: str) -> ObjectId | None:
    return inventory.object_id(cls, ref) if inventory.record(cls, ref) is not None else None


def _yes(value: bool) -> str:
    return _("yes") if value else _("no")


def _vm(inventory: Inventory, ref: VmRef, vm: records.VM) -> tuple[Section, ...]:
    guest = inventory.VM_guest_metrics.get(vm.guest_metrics)
    metrics = inventory.VM_metrics.get(vm.metrics)
    tools = _("not installed")
    if guest and guest.PV_drivers_version:
        version = ".".join(guest.PV_drivers_version.get(k, "0") for k in ("major", "minor", "micro"))
        tools = version if guest.PV_drivers_up_to_date else _("{version}, out of date", version=version)
    addresses = sorted({a for k, a in guest.networks.items() if "/ip" in k}, key=natural) if guest else []
    dynamic = f"{size(vm.memory_dynamic_min)} – {size(vm.memory_dynamic_max)}"
    affinity = _("none") if is_null(vm.affinity) else inventory.name_of("host", vm.affinity)
    return (
        _section(
            _("General"),
            (_("Name"), vm.name_label),
            (_("Description"), vm.name_description),
            (_("State"), vm_state(inventory, vm)[1]),
            (
                _("Snapshot of"),
                inventory.name_of("VM", vm.snapshot_of) if vm.is_a_snapshot else "",
                _link(inventory, "VM", vm.snapshot_of),
            ),
            (_("Taken"), moment(vm.snapshot_time) if vm.is_a_snapshot else ""),
            (
                _("Runs on"),
                inventory.name_of("host", vm.resident_on) if not is_null(vm.resident_on) else "",
                _link(inventory, "host", vm.resident_on),
            ),
            (_("Home server"), affinity, _link(inventory, "host", vm.affinity)),
            (_("Tags"), ", ".join(vm.tags)),
            (_("UUID"), vm.uuid),
        ),
        _section(
            _("Guest"),
            (_("Operating system"), guest.os_version.get("name", "").split("|")[0] if guest else ""),
            (_("VM Tools"), tools if vm.power_state == "Running" else ""),
            (_("Addresses"), ", ".join(addresses)),
            (_("Running since"), moment(metrics.start_time) if metrics and vm.power_state == "Running" else ""),
        ),
        _section(
            _("Processor and memory"),
            (_("vCPUs"), str(vm.VCPUs_at_startup)),
            (_("Memory"), size(vm.memory_dynamic_max) if vm.memory_dynamic_min == vm.memory_dynamic_max else dynamic),
            (_("Largest memory"), size(vm.memory_static_max)),
        ),
        _section(
            _("High availability"),
            (_("Restart priority"), _restart_priority(vm)),
            (_("Start order"), str(vm.order) if vm.order else ""),
            (_("Start delay"), duration(vm.start_delay) if vm.start_delay else ""),
            (_("Shutdown delay"), duration(vm.shutdown_delay) if vm.shutdown_delay else ""),
        ),
        _section(
            _("Blocked operations"),
            *((operation, reason or _("blocked")) for operation, reason in sorted(vm.blocked_operations.items())),
        ),
    )


def _restart_priority(vm: records.VM) -> str:
    """What becomes of the VM when its host fails (xapi 25.17: datamodel_vm.ml, ha_restart_priority)."""
    if vm.is_a_template or not (vm.ha_restart_priority or vm.ha_always_run):
        return ""
    return {"restart": _("restarted"), "best-effort": _("restarted if there is room")}.get(
        vm.ha_restart_priority, vm.ha_restart_priority or _("restarted")
    )


def _host(inventory: Inventory, ref: HostRef, host: records.Host) -> tuple[Section, ...]:
    total = inventory.total_memory(ref)
    version = host.software_version
    return (
        _section(
            _("General"),
            (_("Name"), host.name_label),
            (_("Description"), host.name_description),
            (_("Address"), host.address),
            (_("Coordinator"), _yes(ref == inventory.pool.master)),
            (_("Encryption"), _encryption(inventory) if ref == inventory.pool.master else ""),
            (_("Enabled"), _yes(host.enabled)),
            (_("Maintenance"), _maintenance(inventory, ref)),
            (_("Reachable"), _yes(inventory.is_live(ref))),
            (_("Tags"), ", ".join(host.tags)),
            (_("UUID"), host.uuid),
        ),
        _section(
            _("Version"),
            (_("Product"), f"{version.get('product_brand', '')} {version.get('product_version', '')}".strip()),
            (_("Platform"), version.get("platform_version", "")),
            (_("xapi"), version.get("xapi_build", "") or version.get("xapi", "")),
            (_("Edition"), host.edition),
        ),
        _section(
            _("Processor and memory"),
            (_("Processor"), " ".join(host.cpu_info.get("modelname", "").split())),
            (_("CPUs"), host.cpu_info.get("cpu_count", "")),
            (_("Memory"), size(total) if total else ""),
            (_("Free memory"), size(inventory.free_memory(ref)) if total else ""),
            (_("VMs"), str(sum(1 for vm in host.resident_VMs if _is_user_vm(inventory, vm)))),
        ),
    )


def _maintenance(inventory: Inventory, ref: HostRef) -> str:
    """In maintenance, and how many VMs have left the host for it."""
    if not in_maintenance(inventory, ref):
        return ""
    away = sum(len(uuids) for uuids in listed(inventory, ref).values())
    if not away:
        return _("in maintenance mode")
    return n_("in maintenance mode; {n} VM is to come back", "in maintenance mode; {n} VMs are to come back", away)


def _encryption(inventory: Inventory) -> str:
    """Of the connection to the coordinator; empty where there is nothing to be said about it."""
    return _("old (TLS 1.2 with RSA key exchange); updates of the host end it") if inventory.old_encryption else ""


def _is_user_vm(inventory: Inventory, ref: VmRef) -> bool:
    return ref in inventory.VM and not inventory.VM[ref].is_control_domain


def _sr(inventory: Inventory, ref: SrRef, sr: records.SR) -> tuple[Section, ...]:
    states = []
    for pbd_ref in sr.PBDs:
        pbd = inventory.PBD.get(pbd_ref)
        if pbd and pbd.host in inventory.host:
            attached = _("attached") if pbd.currently_attached else _("not attached")
            host = inventory.object_id("host", pbd.host)
            states.append((inventory.name_of("host", pbd.host), attached, host))
    used = sr.physical_utilisation
    return (
        _section(
            _("General"),
            (_("Name"), sr.name_label),
            (_("Description"), sr.name_description),
            (_("Type"), sr.type),
            (_("Shared"), _yes(sr.shared)),
            (_("Default SR"), _yes(True) if inventory.pool.default_SR == ref else ""),
            (_("Tags"), ", ".join(sr.tags)),
            (_("UUID"), sr.uuid),
        ),
        _section(
            _("Space"),
            (_("Size"), size(sr.physical_size) if sr.physical_size > 0 else ""),
            (_("Used"), f"{size(used)} ({percent(used / sr.physical_size)})" if sr.physical_size > 0 else ""),
            (_("Free"), size(inventory.free_space(ref)) if sr.physical_size > 0 else ""),
            (_("Allocated to disks"), size(sr.virtual_allocation) if sr.virtual_allocation > 0 else ""),
            (_("Coalescing"), _coalescing(inventory, ref)),
        ),
        replace(_section(_("Hosts that see it"), *sorted(states, key=lambda row: natural(row[0]))), by_label=True),
    )


def _coalescing(inventory: Inventory, sr: SrRef) -> str:
    """How many hidden disks wait to be merged into others, and what they occupy."""
    waiting = inventory.coalescing.get(sr, ())
    if not waiting:
        return ""
    occupied = size(sum(inventory.VDI[ref].physical_utilisation for ref in waiting))
    return n_("{n} hidden disk with {size} waits", "{n} hidden disks with {size} wait", len(waiting), size=occupied)


def _pool(inventory: Inventory, pool: records.Pool) -> tuple[Section, ...]:
    return (
        _section(
            _("General"),
            (_("Name"), inventory.name),
            (_("Description"), pool.name_description),
            (_("Coordinator"), inventory.name_of("host", pool.master), _link(inventory, "host", pool.master)),
            (_("Encryption"), _encryption(inventory)),
            (
                _("Default SR"),
                _("none") if is_null(pool.default_SR) else inventory.name_of("SR", pool.default_SR),
                _link(inventory, "SR", pool.default_SR),
            ),
            (_("High availability"), _availability(pool)),
            (_("Compress live migrations"), _yes(pool.migration_compression)),
            (_("UUID"), pool.uuid),
        ),
    )


def _availability(pool: records.Pool) -> str:
    if not pool.ha_enabled:
        return _("off")
    stands = pool.ha_plan_exists_for
    return n_("on; it stands the failure of {n} host", "on; it stands the failure of {n} hosts", stands)


def vm_disks(inventory: Inventory, ref: VmRef) -> tuple[DiskRow, ...]:
    """The rows of a VM's Storage tab, by position. CD drives are listed with what is in them."""
    rows = []
    for vbd_ref, vbd in inventory.vbds(ref):
        vdi = inventory.VDI.get(vbd.VDI)
        attached = _("attached") if vbd.currently_attached else _("not attached")
        state = _("CD drive") if vbd.type == "CD" else attached
        if vdi is None and vbd.type != "CD":
            continue
        row = _disk_row(inventory, vbd.VDI, vdi or records.VDI(), vbd.userdevice, state)
        drive = vbd_ref if vbd.type == "CD" and vdi is not None else ""
        read_only = vbd.mode == "RO" and vbd.type != "CD"
        row = replace(row, device=vbd.device, read_only=read_only, drive=drive)
        rows.append(row if vdi is not None else replace(row, name=_("CD drive"), state=_("empty")))
    return tuple(rows)


def sr_disks(inventory: Inventory, ref: SrRef) -> tuple[DiskRow, ...]:
    """The rows of an SR's Storage tab, in natural order of names. Unmanaged, missing and intermediate mirror disks are
    left out as XenCenter does."""
    sr = inventory.SR.get(ref)
    rows = [row for disk in (sr.VDIs if sr else ()) if (row := sr_disk(inventory, ref, disk)) is not None]
    return tuple(sorted(rows, key=row_order))


def row_order(row: DiskRow) -> tuple[object, str]:
    """By what disks are sorted."""
    return natural(row.name), row.ref


def sr_disk(inventory: Inventory, sr: SrRef, ref: VdiRef) -> DiskRow | None:
    """The row of one of an SR's disks; None if it is not listed there."""
    vdi = inventory.VDI.get(ref)
    if vdi is None or sr != vdi.SR or not vdi.managed or vdi.missing or "base_mirror" in vdi.sm_config:
        return None
    attached = any(inventory.VBD[b].currently_attached for b in vdi.VBDs if b in inventory.VBD)
    return _disk_row(inventory, ref, vdi, "", _("attached") if attached else "")


def _disk_row(inventory: Inventory, ref: VdiRef, vdi: records.VDI, position: str, state: str) -> DiskRow:
    users = sorted({inventory.name_of("VM", inventory.VBD[b].VM) for b in vdi.VBDs if b in inventory.VBD}, key=natural)
    if vdi.current_operations:
        state = ", ".join(sorted(set(vdi.current_operations.values())))
    return DiskRow(
        ref,
        position,
        vdi.name_label,
        vdi.name_description,
        inventory.name_of("SR", vdi.SR) if vdi.SR in inventory.SR else "",
        vdi.virtual_size,
        vdi.physical_utilisation,
        vdi.cbt_enabled,
        ", ".join(users),
        state,
        vdi.is_a_snapshot,
        inventory.name_of("VDI", vdi.snapshot_of) if vdi.snapshot_of in inventory.VDI else "",
        vdi.type,
    )


def sr_space(inventory: Inventory, ref: SrRef) -> Space | None:
    """An SR's space; None if it has none of its own (drives, some ISO libraries)."""
    sr = inventory.SR.get(ref)
    if sr is None or sr.physical_size <= 0:
        return None
    return Space(sr.physical_size, max(0, sr.physical_utilisation), max(0, sr.virtual_allocation))


def vm_networks(inventory: Inventory, ref: VmRef) -> tuple[NetworkRow, ...]:
    vm = inventory.VM.get(ref)
    guest = inventory.VM_guest_metrics.get(vm.guest_metrics) if vm else None
    rows = []
    for _ref, vif in inventory.vifs(ref):
        prefix = f"{vif.device}/"
        found = [a for k, a in sorted(guest.networks.items()) if k.startswith(prefix)] if guest else []
        addresses = list(dict.fromkeys(found))  # old tools tell an address under two names
        state = _("attached") if vif.currently_attached else _("not attached")
        rows.append(
            NetworkRow(vif.device, inventory.name_of("network", vif.network), vif.MAC, ", ".join(addresses), state)
        )
    return tuple(rows)


def host_networks(inventory: Inventory, ref: HostRef) -> tuple[NetworkRow, ...]:
    rows = []
    for network, pif in inventory.pifs_by_host.get(ref, {}).items():
        metrics = inventory.PIF_metrics.get(pif.metrics)
        state = _("connected") if metrics and metrics.carrier else _("no link")
        if pif.management:
            state = _("{state}, management", state=state)
        device = f"{pif.device} · VLAN {pif.VLAN}" if pif.VLAN >= 0 else pif.device
        addresses = ", ".join([pif.IP, *pif.IPv6] if pif.IP else pif.IPv6)
        rows.append(NetworkRow(device, inventory.name_of("network", NetworkRef(network)), pif.MAC, addresses, state))
    return tuple(sorted(rows, key=lambda row: natural(row.device)))
