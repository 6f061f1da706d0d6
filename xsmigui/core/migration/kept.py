"""Sources of moved disks that were kept: which there are, and the plan that puts them back."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.draft import KEEP_DAYS
from xsmigui.core.migration.exchange import KEPT, Kept, kept_note
from xsmigui.core.migration.holders import Hold, holders
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import DiskMove, Plan, Thing, VmMove
from xsmigui.core.refs import SrRef, VdiRef, VmRef
from xsmigui.core.text import _, joined
from xsmigui.core.units import natural


@dataclass(frozen=True, slots=True)
class KeptSource:
    """A kept source: the disk, what is noted on it, its SR's and its VM's names (empty: no VM), and its virtual size
    and what it has written, in bytes."""

    ref: VdiRef
    uuid: str
    note: Kept
    sr: str
    vm: str
    size: int
    written: int

    @property
    def may_have_changed(self) -> bool:
        """Somebody may have written to it since it was kept, and no sum can tell."""
        return not self.note.sum and self.note.used >= 0 and self.written != self.note.used

    def is_due(self, today: date) -> bool:
        """The days for which it was to be kept are over."""
        return self.note.until < today.isoformat()


def kept_sources(inventory: Inventory) -> tuple[KeptSource, ...]:
    """Every kept source of a pool, by name. Copies of one carry its note along and are none; where a note of an earlier
    version, which does not name its disk, stands on several, nobody can tell, and none of them is named."""
    found = []
    for ref, vdi in inventory.VDI.items():
        note = kept_note(vdi.other_config, vdi.uuid) if KEPT in vdi.other_config else None
        if note is not None:
            vms = inventory.find("VM", note.vm) if note.vm else []
            vm = inventory.name_of("VM", vms[0]) if vms else ""
            sr = inventory.name_of("SR", vdi.SR)
            found.append(KeptSource(ref, vdi.uuid, note, sr, vm, vdi.virtual_size, max(0, vdi.physical_utilisation)))
    several = Counter(kept.note for kept in found)
    sure = [kept for kept in found if several[kept.note] == 1]
    return tuple(sorted(sure, key=lambda k: (natural(k.vm), natural(k.note.name), k.ref)))


def may_have_changed(inventory: Inventory, sources: Iterable[VdiRef]) -> tuple[str, ...]:
    """The names of those kept sources that may have been written to since they were kept: they occupy something else
    than then, and there is no sum of their content by which the server could tell."""
    chosen = set(sources)
    return tuple(kept.note.name for kept in kept_sources(inventory) if kept.ref in chosen and kept.may_have_changed)


def doubtful_question(names: Iterable[str]) -> str:
    """What the operator is asked before such sources are put back."""
    return _(
        "These may have been written to since they were kept, and there is no checksum by which that could be seen: "
        "{names}. Put them back anyway?",
        names=joined(list(names)),
    )


def revert_plan(inventory: Inventory, sources: Iterable[VdiRef], *, doubtful_too: bool = False) -> Plan:
    """The plan that puts kept sources back in their places, those that `may_have_changed` only if the operator wants it
    all the same. What has taken their places is kept in turn.

    Raises:
        DisksRefused: something of it is not as the job left it, with the reason for each source.
    """
    chosen = set(sources)
    by_vm: dict[str, list[DiskMove]] = {}
    refused = []
    for kept in kept_sources(inventory):
        if kept.ref not in chosen:
            continue
        chosen.discard(kept.ref)
        current = inventory.find("VDI", kept.note.by)
        reason = _why_not(inventory, kept, VdiRef(current[0]) if current else None)
        if not reason and kept.may_have_changed and not doubtful_too:
            reason = _("it may have been written to since it was kept.")
        if reason:
            refused.append(f"{kept.note.name}: {reason}")
            continue
        now = inventory.VDI[VdiRef(current[0])]
        by_vm.setdefault(kept.note.vm or kept.uuid, []).append(
            DiskMove(
                disk=Thing(now.uuid, now.name_label, current[0]),
                position=kept.note.position,
                size=now.virtual_size,
                source=_sr(inventory, now.SR),
                target=_sr(inventory, inventory.VDI[kept.ref].SR),
                stays=False,
                ready=kept.uuid,
            )
        )
    if chosen:
        refused.append(_("A selected disk no longer exists, or is not a kept source."))
    if refused:
        raise DisksRefused(" ".join(refused))
    pool = Thing(inventory.id, inventory.name, inventory.pool_ref)
    moves = []
    for owner, disks in by_vm.items():
        vms = inventory.find("VM", owner)
        vm = Thing("", disks[0].disk.name, "")
        if vms:
            vm = Thing(owner, inventory.name_of("VM", vms[0]), vms[0])
        moves.append(
            VmMove(
                vm=vm,
                kind=Kind.disk,
                power_state="Halted",
                source_host=None,
                host=Thing("", "", ""),
                disks=tuple(disks),
                vifs=(),
                storage_network=None,
                calls=(),
            )
        )
    return Plan(source=pool, target=pool, moves=tuple(moves), set_home=False, keep_days=KEEP_DAYS)


def _sr(inventory: Inventory, ref: SrRef) -> Thing:
    record = inventory.SR.get(ref)
    return Thing(record.uuid if record else "", inventory.name_of("SR", ref), ref)


def _why_not(inventory: Inventory, kept: KeptSource, current: VdiRef | None) -> str:
    """Why a kept source cannot be put back; empty where it can."""
    if current is None:
        return _("the disk that replaced it no longer exists.")
    source = inventory.VDI[kept.ref]
    if source.missing or not source.managed:
        return _("its SR no longer has it.")
    others = [holder.name for holder in holders(inventory, kept.ref) if holder.hold is not Hold.kept]
    if others:
        return _("It is now used by {holders}.", holders=joined(others))
    if not kept.note.vm:
        return ""
    vms = inventory.find("VM", kept.note.vm)
    if not vms:
        return _("its VM no longer exists.")
    vm = VmRef(vms[0])
    if inventory.VM[vm].power_state != "Halted":
        return _("{vm} is not halted: shut it down first.", vm=kept.vm)
    at = {vbd.VDI: vbd.userdevice for _ref, vbd in inventory.vbds(vm) if vbd.type != "CD"}
    if at.get(current) != kept.note.position:
        return _(
            "the disk that replaced it is no longer at position {position} of {vm}.",
            position=kept.note.position,
            vm=kept.vm,
        )
    return ""
