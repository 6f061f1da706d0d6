"""Several objects that are selected together: a table of the VMs among them, and their sums."""

from dataclasses import dataclass

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import mobility
from xsmigui.core.migration.draft import Site
from xsmigui.core.outline_nodes import vm_standing, vm_state
from xsmigui.core.refs import ObjectId, VmRef
from xsmigui.core.text import _, n_
from xsmigui.core.units import natural, size
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column
from xsmigui.ui.window.tables import RowsTab


@dataclass(frozen=True, slots=True)
class SelectedVm:
    """A row. Sizes are bytes; `standing` is the state without
    its progress, which VMs are counted by; `reason` says why it cannot be moved as it stands, empty where it can."""

    key: ObjectId
    name: str
    icon: str
    state: str
    standing: str
    host: str
    memory: int
    disks: int
    size: int
    reason: str


def selected_vms(site: Site, keys: list[ObjectId]) -> tuple[SelectedVm, ...]:
    """The VMs of a selection, by name."""
    rows = []
    for key in keys:
        inventory = site.pools.get(key.pool)
        vm = inventory.VM.get(VmRef(key.ref)) if inventory is not None and key.cls == "VM" else None
        if inventory is not None and vm is not None:
            rows.append(_row(site, inventory, key))
    return tuple(sorted(rows, key=lambda row: (natural(row.name), row.key.ref)))


def _row(site: Site, inventory: Inventory, key: ObjectId) -> SelectedVm:
    ref = VmRef(key.ref)
    vm = inventory.VM[ref]
    icon, state = vm_state(inventory, vm)
    home = inventory.home(ref)
    disks = [vdi for _vbd, _ref, vdi in inventory.disks(ref)]
    return SelectedVm(
        key,
        vm.name_label,
        icon,
        state,
        vm_standing(vm)[1],
        inventory.name_of("host", home) if home is not None else "–",
        vm.memory_dynamic_max,
        len(disks),
        sum(vdi.virtual_size for vdi in disks),
        mobility.why_not(site, key.pool, ref),
    )


def sums(rows: tuple[SelectedVm, ...]) -> str:
    """``2 running · 1 halted · 12.0 GiB of memory · 5 disks with 310.0 GiB``"""
    states: dict[str, int] = {}
    for row in rows:
        states[row.standing] = states.get(row.standing, 0) + 1
    parts = [f"{number} {standing}" for standing, number in sorted(states.items(), key=lambda item: -item[1])]
    parts.append(_("{size} of memory", size=size(sum(row.memory for row in rows))))
    disks = sum(row.disks for row in rows)
    bytes_ = size(sum(row.size for row in rows))
    parts.append(n_("{n} disk with {size}", "{n} disks with {size}", disks, size=bytes_))
    return " · ".join(parts)


def title(keys: list[ObjectId], rows: tuple[SelectedVm, ...]) -> str:
    """``3 VMs selected``"""
    if len(rows) == len(keys):
        return n_("{n} VM selected", "{n} VMs selected", len(rows))
    return n_("{n} object selected", "{n} objects selected", len(keys))


def several_tab(icons: Icons) -> RowsTab:
    columns: list[Column[SelectedVm]] = [
        Column(_("VM"), lambda r: r.name, icon=lambda r: icons(r.icon)),
        Column(_("State"), lambda r: r.state),
        Column(_("Host"), lambda r: r.host),
        Column(_("Memory"), lambda r: size(r.memory), lambda r: r.memory, right=True),
        Column(_("Disks"), lambda r: str(r.disks), lambda r: r.disks, right=True),
        Column(_("Size of the disks"), lambda r: size(r.size), lambda r: r.size, right=True),
        Column(_("Cannot be moved because"), lambda r: r.reason or "–"),
    ]
    empty = _("There is no VM among what is selected.")
    return RowsTab("severalTab", "severalTable", _("Selected VMs"), empty, columns, lambda r: r.key)
