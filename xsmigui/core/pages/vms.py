"""The VMs of a host, of a selection and of an SR; the snapshots of a VM, and the hosts that can take it."""

from collections.abc import Iterable

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import render
from xsmigui.core.migration import mobility
from xsmigui.core.migration.candidates import Candidate, unmovable
from xsmigui.core.migration.candidates import hosts as host_candidates
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.outline_nodes import vm_standing, vm_state
from xsmigui.core.pages.rows import MoveRow, SnapshotRow, UserRow, VmRow
from xsmigui.core.records import VM
from xsmigui.core.refs import HostRef, ObjectId, PoolId, SrRef, VdiRef, VmRef, is_null
from xsmigui.core.text import _
from xsmigui.core.units import moment, natural, size


def selected(site: Site, keys: Iterable[ObjectId]) -> tuple[VmRow, ...]:
    """The VMs of a selection, by name."""
    rows = []
    for key in keys:
        inventory = site.pools.get(key.pool)
        if inventory is not None and key.cls == "VM" and VmRef(key.ref) in inventory.VM:
            rows.append(_row(site, inventory, VmRef(key.ref)))
    return tuple(sorted(rows, key=lambda row: (natural(row.name), row.key.ref)))


def of_host(site: Site, pool: PoolId, host: HostRef) -> tuple[VmRow, ...]:
    """The VMs that run on a host, and those that belong to it, by name."""
    inventory = site.pools[pool]
    refs = [ref for ref, _vm in inventory.user_vms() if inventory.home(ref) == host]
    return selected(site, (inventory.object_id("VM", ref) for ref in refs))


def _row(site: Site, inventory: Inventory, ref: VmRef) -> VmRow:
    vm = inventory.VM[ref]
    icon, state = vm_state(inventory, vm)
    home = inventory.home(ref)
    disks = [vdi for _vbd, _ref, vdi in inventory.disks(ref)]
    stuck = mobility.why_stuck(site, inventory.id, ref)
    return VmRow(
        inventory.object_id("VM", ref),
        vm.name_label,
        icon,
        state,
        vm_standing(vm)[1],
        inventory.name_of("host", home) if home is not None else "–",
        vm.memory_dynamic_max,
        vm.VCPUs_at_startup,
        len(disks),
        sum(vdi.virtual_size for vdi in disks),
        stuck or mobility.why_nowhere(site, inventory.id, ref),
        bool(stuck),
    )


def users(inventory: Inventory, sr: SrRef) -> tuple[UserRow, ...]:
    """Who has disks on an SR: VMs and templates with their snapshots' disks counted apart, by name. A suspend image
    counts as a disk of its VM."""
    record = inventory.SR.get(sr)
    disks: dict[VmRef, dict[VdiRef, None]] = {}
    for vdi in record.VDIs if record is not None else ():
        if vdi not in inventory.VDI:
            continue
        for vbd in inventory.vbds_by_vdi.get(vdi, ()):
            disks.setdefault(inventory.VBD[vbd].VM, {})[vdi] = None
        for vm in inventory.vms_by_suspend_image.get(vdi, ()):
            disks.setdefault(vm, {})[vdi] = None
    owners: dict[VmRef, list[VmRef]] = {}
    for ref in disks:
        vm_record = inventory.VM.get(ref)
        if vm_record is None or vm_record.is_control_domain:
            continue
        is_kept = vm_record.is_a_snapshot and vm_record.snapshot_of in inventory.VM
        owners.setdefault(vm_record.snapshot_of if is_kept else ref, []).append(ref)
    rows = [_user(inventory, ref, disks, sharing) for ref, sharing in owners.items()]
    return tuple(sorted(rows, key=lambda row: (natural(row.name), row.key.ref)))


def _user(inventory: Inventory, ref: VmRef, disks: dict[VmRef, dict[VdiRef, None]], sharing: list[VmRef]) -> UserRow:
    vm = inventory.VM[ref]
    icon, state = vm_state(inventory, vm)
    if vm.is_a_template:
        icon, state = "template", _("template")
    home = inventory.home(ref)
    own = [inventory.VDI[vdi] for vdi in disks.get(ref, ())]
    kept = {vdi: inventory.VDI[vdi] for one in sharing if one != ref for vdi in disks[one]}
    return UserRow(
        inventory.object_id("VM", ref),
        icon,
        vm.name_label,
        state,
        inventory.name_of("host", home) if home is not None else "–",
        len(own),
        sum(vdi.virtual_size for vdi in own),
        sum(vdi.physical_utilisation for vdi in (*own, *kept.values())),
        len(kept),
    )


def snapshots(inventory: Inventory, vm: VmRef) -> tuple[SnapshotRow, ...]:
    """The snapshots of a VM, the latest first."""
    rows = [_snapshot(inventory, ref, inventory.VM[ref]) for ref in inventory.snapshots(vm)]
    return tuple(sorted(rows, key=lambda row: (row.time, row.key.ref), reverse=True))


def _snapshot(inventory: Inventory, ref: VmRef, snapshot: VM) -> SnapshotRow:
    disks = [vdi for _vbd, _ref, vdi in inventory.disks(ref)]
    image = inventory.VDI.get(snapshot.suspend_VDI) if not is_null(snapshot.suspend_VDI) else None
    srs = dict.fromkeys(inventory.name_of("SR", vdi.SR) for vdi in disks)
    lines = [f"{vdi.name_label}: {size(vdi.virtual_size)}, {inventory.name_of('SR', vdi.SR)}" for vdi in disks]
    return SnapshotRow(
        inventory.object_id("VM", ref),
        snapshot.name_label,
        snapshot.name_description,
        moment(snapshot.snapshot_time),
        snapshot.snapshot_time,
        len(disks),
        "\n".join(lines),
        ", ".join(sorted(srs, key=natural)),
        sum(vdi.virtual_size for vdi in disks),
        sum(vdi.physical_utilisation for vdi in disks) + (image.physical_utilisation if image else 0),
        image.virtual_size if image else 0,
    )


def moves(site: Site, pool: PoolId, vm: VmRef) -> tuple[MoveRow, ...]:
    """For each host of its pool whether it can take the VM, and every reason why not."""
    inventory = site.pools[pool]
    if vm not in inventory.VM:
        return ()
    home = inventory.home(vm)
    draft = Draft(pool, (vm,), pool)
    stuck = mobility.why_not(site, pool, vm) or "\n".join(problem.message for problem in unmovable(site, draft, vm))
    found = host_candidates(site, draft, vm)
    return tuple(_move(inventory, candidate, candidate.ref == home, stuck) for candidate in found)


def _move(inventory: Inventory, host: Candidate, is_home: bool, stuck: str) -> MoveRow:
    reasons = [problem.message for problem in host.problems if problem.blocks]
    if host.bar:
        reasons.insert(0, render(host.bar))
    if stuck:
        reasons = [stuck]
    if is_home:
        reasons = []
    return MoveRow(
        inventory.object_id("host", host.ref),
        host.name,
        is_home,
        not reasons and not is_home,
        host.detail,
        "\n".join(dict.fromkeys(reasons)),
    )
