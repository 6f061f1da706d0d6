"""Rules about single disks and what lies around them: kinds, chains, coalescing, backups."""

from collections.abc import Iterator
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Message, Size, Text, listed, m_, mn_
from xsmigui.core.migration.fixes import DeleteSnapshots
from xsmigui.core.migration.holders import Hold, Holder, holders, other_holders
from xsmigui.core.migration.moves import Kind, LooseDisk, Move, OfVm, Sent, own_disks
from xsmigui.core.migration.rules.base import Problems, found, rule
from xsmigui.core.migration.rules.networks import host_attaches, pinned_elsewhere
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import VDI
from xsmigui.core.refs import HostRef, SrRef, VdiRef
from xsmigui.core.releases import Since, pool_knows
from xsmigui.core.text import N_
from xsmigui.core.units import whole

STORAGE: Final = Page.storage

KINDS: Final = {
    "ha_statefile": N_("the state file of high availability"),
    "redo_log": N_("a redo log"),
    "metadata": N_("metadata of the pool"),
    "pvs_cache": N_("a cache of provisioning services"),
    "rrd": N_("statistics of the server"),
    "cbt_metadata": N_("metadata of changed block tracking"),
}
"""Kinds of disk that the server keeps for itself."""


def unmovable(inventory: Inventory, vdi: VDI) -> Text:
    """Why a disk cannot move because of what it is; empty where it can."""
    sr = inventory.SR.get(vdi.SR)
    if vdi.type in KINDS:
        return m_(KINDS[vdi.type])
    if vdi.is_tools_iso:
        return m_("the tools' CD")
    if sr is not None and sr.type == "udev":
        return m_("a physical device")
    if vdi.missing:
        return m_("missing from its SR")
    if not vdi.managed:
        return m_("a hidden part of other disks")
    if vdi.sharable:
        return m_("shared by several VMs")
    return ""


def _moving(move: Move) -> Iterator[tuple[VdiRef, VDI]]:
    for ref in move.moving:
        yield ref, move.source.VDI[ref]


def _name(move: Move, vdi: VDI) -> Text:
    return vdi.name_label or m_("a disk of {vm}", vm=move.name)


@rule("R61", "kind of disk", "SHD", STORAGE)
def kind_of_disk(move: Move) -> Problems:
    """What the server keeps for itself, physical devices, disks that are missing, hidden or shared (xapi_vdi.ml,
    check_operation_error: VDI_INCOMPATIBLE_TYPE, VDI_IS_SHARABLE, VDI_IS_A_PHYSICAL_DEVICE, VDI_NOT_MANAGED,
    VDI_MISSING)."""
    for ref, vdi in _moving(move):
        if vdi.sharable and any(_losing(move, ref)):
            continue  # the next rule names who else has it
        reason = unmovable(move.source, vdi)
        if not reason and move.kind is Kind.disk and vdi.is_a_snapshot:
            reason = m_("a snapshot")
        if reason:
            message = m_("{disk} cannot be moved: it is {reason}.", disk=_name(move, vdi), reason=reason)
            hint = m_("Leave it where it is, or detach it from {vm} first.", vm=move.name)
            if isinstance(move, LooseDisk):
                hint = m_("Leave it where it is.")
            if vdi.missing:
                hint = m_("Rescan its SR, or detach it from {vm} first.", vm=move.name)
            yield found("R61", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)


def _losing(move: Move, disk: VdiRef) -> Iterator[Holder]:
    """Who would lose a disk of this move. A copy to another pool leaves it with everybody, and is spoiled only by one
    who may write meanwhile. Of a control domain that uses it at this moment R06 speaks. Snapshots keep what they have
    where this program copies the disks itself."""
    if isinstance(move, LooseDisk):
        others = tuple(h for h in holders(move.source, disk) if h.hold not in (Hold.memory, Hold.job))
    else:
        others = other_holders(move.source, disk, move.ref, with_snapshots=move.kind is not Kind.disk)
    for holder in others:
        in_use = holder.active and not holder.read_only
        if holder.hold is Hold.control_domain and holder.active:
            continue
        if in_use or not move.draft.copy:
            yield holder


@rule("R61", "a disk that others hold", "SHD", STORAGE)
def held(move: Move) -> Problems:
    """The server looks at connections in use only; a halted VM, a template, a snapshot of another VM or a control
    domain that holds the disk too would have lost it."""
    for ref, vdi in _moving(move):
        by_hold: dict[Hold, list[str]] = {}
        for holder in _losing(move, ref):
            by_hold.setdefault(holder.hold, []).append(holder.name)
        for hold, names in by_hold.items():
            message, hint = _loss(move, _name(move, vdi), hold, listed(list(dict.fromkeys(names))))
            yield found("R61", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)


def _loss(move: Move, disk: Text, hold: Hold, holder: Text) -> tuple[Text, Text]:
    """What one kind of holder would lose, and what to do about it."""
    name = {"disk": disk, "vm": move.name, "holder": holder}
    hint = m_("Detach it from {holder} first, or leave it where it is.", **name)
    match hold:
        case Hold.control_domain:
            message = m_("{disk} is also attached to {holder}, a control domain, which would lose it.", **name)
            hint = m_("A backup or an import may have left it there: detach it from the control domain first.")
        case Hold.memory:
            message = m_("{disk} also holds the memory of {holder}, which could then no longer be resumed.", **name)
            hint = m_("Leave it where it is.")
        case Hold.kept:
            message = m_("{disk} is the kept source of a move of {holder}.", **name)
            hint = m_("Revert that move, or remove the kept source.")
        case Hold.unknown:
            message = m_(
                "{disk} has an attachment that is not known here; whatever uses it would lose the disk.", **name
            )
            hint = m_("Wait until the server shows what it belongs to.")
        case Hold.snapshot:
            message = m_("{disk} is also attached to the snapshot {holder}, which would lose it.", **name)
            hint = m_("Delete the snapshot if it is no longer needed, or leave the disk where it is.")
        case _:
            message = m_("{disk} is also attached to {holder}, which would lose it.", **name)
    return message, hint


def _needed_srs(move: OfVm) -> set[SrRef]:
    """The SRs that a host needs to hold the VM as it is: of its disks, its CDs and its suspend image."""
    needed = {vdi.SR for _vbd, _ref, vdi in move.source.disks(move.ref)}
    needed |= {vdi.SR for _ref, _vbd, vdi in move.source.cds(move.ref)}
    image = move.source.VDI.get(move.vm.suspend_VDI)
    return needed | ({image.SR} if image else set())


def _lacks(move: OfVm, host: HostRef) -> tuple[list[Message], int]:
    """What a host lacks to start the VM where it is now, and the bytes of memory that are missing (xapi_vm_helpers.ml,
    assert_can_boot_here without the processor's features)."""
    record, source = move.source.host[host], move.source
    lacking, short = [], max(0, move.memory - source.free_memory(host))
    if not record.enabled:
        lacking.append(m_("it is in maintenance mode"))
    unseen = _needed_srs(move) - source.visible_srs.get(host, frozenset())
    lacking += [m_("it does not see {sr}", sr=source.name_of("SR", sr)) for sr in sorted(unseen)]
    versions = record.virtual_hardware_platform_versions
    if versions and move.vm.hardware_platform_version not in versions:
        lacking.append(m_("it does not offer the VM's virtual hardware"))
    count = whole(record.cpu_info.get("cpu_count", ""))
    if count is not None and move.vm.VCPUs_max > count and move.vm.platform.get("vcpu-unrestricted") != "true":
        lacking.append(
            mn_(
                "it has {n} processor for {vcpus} vCPUs",
                "it has {n} processors for {vcpus} vCPUs",
                count,
                vcpus=move.vm.VCPUs_max,
            )
        )
    for network in dict.fromkeys(vif.network for _ref, vif in source.vifs(move.ref)):
        if network in source.network and (
            not host_attaches(source, host, network) or pinned_elsewhere(source, host, network)
        ):
            lacking.append(m_("it is not on {network}", network=source.name_of("network", network)))
    if short:
        lacking.append(m_("it lacks {size} of memory", size=Size(short)))
    return lacking, short


@rule("R05", "a host can send", "SH", STORAGE)
def sender(move: Sent) -> Problems:
    """A VM that does not run is sent by a host of its pool that could start it now; no assertion tells
    (NO_HOSTS_AVAILABLE). To another pool one that only sees its disks, its CDs and its suspend image does since 26.14
    (message_forwarding.ml, migrate_send)."""
    if move.is_running or move.host is None or not (move.crosses or move.moving):
        return
    needed = _needed_srs(move)
    live = [host for host in move.source.hosts_in_order if move.source.is_live(host)]
    name = {"pool": move.source.name, "vm": move.vm.name_label, "memory": Size(move.memory)}
    if not any(needed <= move.source.visible_srs.get(host, frozenset()) for host in live):
        message = m_("No host of {pool} sees everything that {vm} needs, so none can send it.", **name)
        hint = m_("Attach its SRs to one common host, or eject its CD.")
        yield found("R05", Severity.block, move.source, "VM", move.ref, message, hint, page=STORAGE)
        return
    if move.crosses and pool_knows(move.source, Since.SENDS_WITHOUT_ROOM):
        return
    lacks = {host: _lacks(move, host) for host in live}
    if not all(lacking for lacking, _short in lacks.values()):
        return
    nearest = min(lacks, key=lambda host: (len(lacks[host][0]), lacks[host][1]))
    name |= {"host": move.source.name_of("host", nearest), "lacks": listed(lacks[nearest][0])}
    if move.crosses:
        message = m_(
            "{vm} can leave {pool} only if a host there could start it, which servers before xapi 26.14 "
            "require; it needs {memory} of memory. {host} comes closest: {lacks}.",
            **name,
        )
    else:
        message = m_(
            "No host of {pool} could hold {vm} while its disks move; it needs {memory} of memory. {host} comes "
            "closest: {lacks}.",
            **name,
        )
    hint = m_("Free memory on a host that sees its disks and is on its networks.")
    yield found("R05", Severity.block, move.source, "VM", move.ref, message, hint, page=STORAGE)


@rule("R58", "local disk comes along", "LS", STORAGE)
def local_disk(move: Sent) -> Problems:
    """The host cannot see a disk's SR, so that the disk moves too instead of stopping the migration."""
    if move.crosses or not move.is_running or move.host is None or move.stays_on_host:
        return
    own = own_disks(move.source, move.ref)
    for ref, vdi in _moving(move):
        if ref in own and not move.target.sees(move.host, vdi.SR):
            message = m_(
                "{host} cannot see {sr}, so {disk} moves too.",
                host=move.target.name_of("host", move.host),
                sr=move.source.name_of("SR", vdi.SR),
                disk=_name(move, vdi),
            )
            yield found("R58", Severity.info, move.source, "VDI", ref, message, page=STORAGE)


@rule("R59", "shared storage ends at the pool", "SH", STORAGE)
def shared_storage(move: Sent) -> Problems:
    """Why disks on shared storage are copied all the same."""
    shared = dict.fromkeys(
        vdi.SR for _ref, vdi in _moving(move) if getattr(move.source.SR.get(vdi.SR), "shared", False)
    )
    if move.crosses:
        for sr in shared:
            message = m_(
                "Shared storage cannot span pools: disks on {sr} are copied to {pool}.",
                sr=move.source.name_of("SR", sr),
                pool=move.target.name,
            )
            yield found("R59", Severity.info, move.source, "SR", sr, message, page=STORAGE)


@rule("R64", "coalescing", "SHD", STORAGE)
def coalescing(move: Move) -> Problems:
    """Hidden disks with a single disk resting on them are left by a deleted snapshot: the server joins them in the
    background, which slows a move and may make it fail."""
    for sr in dict.fromkeys(vdi.SR for _ref, vdi in _moving(move)):
        waiting = len(move.source.coalescing.get(sr, ()))
        if waiting:
            message = mn_(
                "{sr} is still coalescing deleted snapshots: {n} hidden disk has at most one child.",
                "{sr} is still coalescing deleted snapshots: {n} hidden disks have at most one child each.",
                waiting,
                sr=move.source.name_of("SR", sr),
            )
            hint = m_("Wait until it has ended if the move can wait.")
            yield found("R64", Severity.warn, move.source, "SR", sr, message, hint, page=STORAGE)


LOCK: Final = "host_"
"""How the keys of `sm_config` begin by which the storage driver notes on which host a disk is in use."""


@rule("R69", "a lock that was left", "HD", STORAGE)
def lock_left(move: Move) -> Problems:
    """A crash or a backup that broke off may leave a host's lock on a disk that nobody uses; the driver then takes it
    for in use, and the copy fails."""
    for ref, vdi in _moving(move):
        locked = any(key.startswith(LOCK) for key in vdi.sm_config)
        if locked and not any(holder.active for holder in holders(move.source, ref)):
            message = m_(
                "{disk} is not in use, but a host still holds a lock on it: copying it will fail.",
                disk=_name(move, vdi),
            )
            hint = m_("Start {vm} and shut it down again, or free the disk on the host.", vm=move.name)
            if isinstance(move, LooseDisk):
                hint = m_("Free the disk on the host.")
            yield found("R69", Severity.warn, move.source, "VDI", ref, message, hint, page=STORAGE)


LONGEST_CHAIN: Final = 30
"""Disks that a chain of snapshots may have."""
LONG: Final = 25


@rule("R65", "chain of snapshots", "S", STORAGE)
def chain(move: Sent) -> Problems:
    """The move makes a snapshot of its own, for which a chain near the limit has no room."""
    own = own_disks(move.source, move.ref)
    for ref, vdi in _moving(move):
        length = 1 + sum(1 for _ in move.source.ancestors(vdi)) if ref in own else 0
        if length >= LONG:
            message = m_(
                "{disk} is based on a chain of {length} disks; the maximum is {limit}.",
                disk=_name(move, vdi),
                length=length,
                limit=LONGEST_CHAIN,
            )
            hint = m_("Delete snapshots and wait until the SR has coalesced them.")
            snapshots = tuple(move.source.snapshots(move.ref))
            fix = DeleteSnapshots(pool=move.source.id, vm=move.ref, snapshots=snapshots, vm_name=move.vm.name_label)
            remedy = fix if snapshots else None
            yield found("R65", Severity.warn, move.source, "VDI", ref, message, hint, page=STORAGE, remedy=remedy)


BACKUPS: Final = ("xo:backup", "xo:copy_of", "xo:base_delta", "nakivo", "veeam", "commvault", "alike", "vinchin")
"""How the marks of backup programs begin."""


def _backup_signs(move: OfVm) -> Iterator[str]:
    snapshots = [move.source.VM[ref] for ref in move.source.snapshots(move.ref)]
    disks = own_disks(move.source, move.ref).values()
    marks = [key for vm in (move.vm, *snapshots) for key in (*vm.other_config, *vm.tags)]
    marks += [key for disk in disks for key in (*disk.other_config, *disk.tags)]
    yield from (key for key in marks if key.casefold().startswith(BACKUPS))


@rule("R66", "backups", "SHD", STORAGE)
def backups(move: Move) -> Problems:
    """A disk that moves gets another uuid, so that the next backup of it is a full one or fails."""
    if isinstance(move, LooseDisk):
        return
    signs = sorted(set(_backup_signs(move))) if move.moving and not move.draft.copy else []
    if signs:
        message = m_(
            "{vm} is backed up ({evidence}); its disks get new uuids, so incremental backups break.",
            vm=move.vm.name_label,
            evidence=listed(signs),
        )
        hint = m_("Plan a full backup after the move.")
        yield found("R66", Severity.warn, move.source, "VM", move.ref, message, hint, page=STORAGE)
