"""Rules about the storage that the disks leave and reach."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from xsmigui.core.capacity import Flow, load, written
from xsmigui.core.messages import Size, Text, listed, m_, mn_
from xsmigui.core.migration.fixes import DisableCbt, EjectCd, SetDefaultSr
from xsmigui.core.migration.moves import Kind, LooseDisk, Move, Sent, following_disks, own_disks
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found, rule
from xsmigui.core.migration.rules.repositories import (
    SNAPSHOT_OVERHEAD_BYTES,
    sr_health,
    sr_receives,
    sr_sends,
    sr_space,
    sr_visible,
)
from xsmigui.core.migration.rules.stopping import or_short_stop
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import VDI
from xsmigui.core.refs import SrRef, VdiRef
from xsmigui.core.releases import Since, pool_knows
from xsmigui.core.units import TiB, natural

STORAGE: Final = Page.storage


def _moving(move: Move) -> Iterator[tuple[VdiRef, VDI, SrRef]]:
    """The disks that change their SR and have a place."""
    for ref, sr in move.moving.items():
        if sr is not None:
            yield ref, move.source.VDI[ref], sr


def _disk(move: Move, vdi: VDI) -> Text:
    """A disk in a sentence: its own name, else its VM's."""
    return vdi.name_label or m_("a disk of {vm}", vm=move.name)


@batch_rule("R50", "space at the destination", STORAGE)
def space(batch: Batch) -> Problems:
    for sr, account in batch.ledger.space.items():
        if account.incoming:
            yield from sr_space(batch.target, sr, account.incoming, account.running)


@batch_rule("R50", "disks of other clients", STORAGE)
def space_of_others(batch: Batch) -> Problems:
    """How much the migrations of other clients will still write no record tells."""
    known = {claim.vm for claim in batch.site.claims} | {move.vm.uuid for move in batch.of_vms}
    pools = dict.fromkeys([batch.target, *(move.source for move in batch.of_vms)])
    others = [
        vm
        for pool in pools
        for vm in pool.VM.values()
        if vm.current_operations and "migrate_send" in vm.current_operations.values() and vm.uuid not in known
    ]
    names = sorted((vm.name_label for vm in others), key=natural)
    if names and any(move.moving for move in batch.of_vms):
        message = m_(
            "Other clients are moving {vms} with their disks; the space that those will still use is not counted.",
            vms=listed(names),
        )
        yield found("R50", Severity.info, batch.target, "pool", batch.target.pool_ref, message, page=STORAGE)


@rule("R51", "space at the source", "SH", STORAGE)
def source_space(move: Sent) -> Problems:
    """A temporary snapshot of each disk grows while the VM writes, in the worst case to the disk's size; the server
    finds out only when it is full. Disks of VMs that do not run are mirrored too (xapi_vm_migrate.ml,
    vdi_copy_fun)."""
    by_sr: dict[SrRef, list[VDI]] = {}
    own = own_disks(move.source, move.ref)
    for ref, vdi, _sr in _moving(move):
        if ref in own and vdi.SR in move.source.SR:
            by_sr.setdefault(vdi.SR, []).append(vdi)
    for sr, disks in by_sr.items():
        free, needed = move.source.free_space(sr), sum(vdi.virtual_size for vdi in disks)
        name = {"sr": move.source.name_of("SR", sr), "vm": move.vm.name_label, "free": Size(free)}
        if free < SNAPSHOT_OVERHEAD_BYTES * len(disks):
            message = m_("{sr}, the source SR of {vm}, does not have enough space for the temporary snapshots.", **name)
            severity = Severity.block
        elif move.is_running and free < needed:
            message = m_(
                "{sr}, the source SR of {vm}, has {free} free; the temporary snapshots may need up to {need}.",
                need=Size(needed),
                **name,
            )
            severity = Severity.warn
        else:
            continue
        hint = m_("Free some space there first.")
        yield found("R51", severity, move.source, "SR", sr, message, hint, page=STORAGE)


@rule("R52", "SR can migrate", "SH", STORAGE)
def can_migrate(move: Sent) -> Problems:
    sources = dict.fromkeys(vdi.SR for _ref, vdi, _sr in _moving(move))
    targets = dict.fromkeys(sr for _ref, _vdi, sr in _moving(move))
    sends = (problem for sr in sources for problem in sr_sends(move.source, sr))
    receives = (problem for sr in targets for problem in sr_receives(move.target, sr, move.source))
    for problem in (*sends, *receives):
        yield replace(problem, advice=or_short_stop(move, problem.advice)) if problem.blocks else problem


@rule("R53", "changed block tracking", "SH", STORAGE)
def cbt(move: Sent) -> Problems:
    """On every disk that really moves, its snapshots' included; before 25.15 on the VM's disks that stay, too
    (xapi_vm_migrate.ml, assert_can_migrate: VDI_CBT_ENABLED)."""
    disks = {ref: vdi for ref, vdi, _sr in _moving(move)}
    if move.host is not None and not pool_knows(move.source, Since.CBT_ONLY_WHERE_MOVING):
        disks |= own_disks(move.source, move.ref)
    for ref, vdi in disks.items():
        if vdi.cbt_enabled:
            message = m_("{disk}: changed block tracking is on.", disk=_disk(move, vdi))
            if ref not in move.moving:
                message = m_(
                    "{disk} stays where it is, and changed block tracking is on: servers before xapi 25.15 refuse that"
                    " too.",
                    disk=_disk(move, vdi),
                )
            hint = or_short_stop(move, m_("Disabling it makes the next backup a full one."))
            fix = DisableCbt(pool=move.source.id, vdi=ref, disk=_disk(move, vdi))
            yield found("R53", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE, remedy=fix)


@rule("R54", "disk resets at boot", "SH", STORAGE)
def on_boot(move: Sent) -> Problems:
    """On any disk of the VM, also one that would stay (xapi_vm_migrate.ml, migrate_send')."""
    disks = {ref: vdi for ref, vdi, _sr in _moving(move)} | own_disks(move.source, move.ref)
    for ref, vdi in disks.items():
        if vdi.on_boot == "reset":
            name = {"disk": _disk(move, vdi), "vm": move.vm.name_label}
            message = m_("{disk} is reset at each boot of {vm}; such disks cannot be migrated.", **name)
            hint = m_("Shut the VM down and make its disk persistent first.")
            yield found("R54", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)


@rule("R55", "encrypted disk", "SHD", STORAGE)
def encrypted(move: Move) -> Problems:
    for ref, vdi, _sr in _moving(move):
        if "key_hash" in vdi.sm_config:
            message = m_("{disk} is encrypted; encrypted disks cannot be migrated.", disk=_disk(move, vdi))
            hint = m_("Leave it where it is, or copy its contents inside the guest.")
            yield found("R55", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)


@rule("R56", "the host sees the storage", page=STORAGE)
def visible(move: Sent) -> Problems:
    """Every SR that the VM's disks will lie on (xapi_vm_helpers.ml, assert_can_see_SRs:
    VM_REQUIRES_SR; R63 looks at the CDs)."""
    if move.host is None:
        return
    places = dict.fromkeys([sr for sr in move.placement.values() if sr is not None])
    for sr in places:
        yield from sr_visible(move.target, move.host, sr)


@rule("R57", "only one host sees the disks", "HD", STORAGE)
def stranded(move: Move) -> Problems:
    """After the move of a halted VM inside a pool of several hosts. Where this program copies the disks no host must
    see them, and the VM could no longer start if none did; else R56 sees to it that there is one."""
    places = {sr for sr in move.placement.values() if sr is not None}
    if isinstance(move, LooseDisk) or move.crosses or not move.moving or not places or len(move.target.host) < 2:
        return
    seeing = [host for host in move.target.host if places <= move.target.visible_srs.get(host, frozenset())]
    if not seeing and move.kind is Kind.disk:
        message = m_("Afterwards no host would see all disks of {vm}, so that it could not start.", vm=move.name)
        hint = m_("Choose SRs that a single host can see together.")
        yield found("R57", Severity.block, move.source, "VM", move.ref, message, hint, page=STORAGE)
    elif len(seeing) == 1:
        message = m_(
            "Afterwards {host} is the only host that sees all disks of {vm}.",
            host=move.target.name_of("host", seeing[0]),
            vm=move.vm.name_label,
        )
        hint = m_("Choose shared storage if {vm} should be able to run on other hosts.", vm=move.vm.name_label)
        yield found("R57", Severity.warn, move.source, "VM", move.ref, message, hint, page=STORAGE)


@rule("R60", "snapshots come along", "SH", STORAGE)
def snapshots(move: Sent) -> Problems:
    following = [(ref, vdi) for ref, vdi, _leader in following_disks(move.source, move.ref) if ref in move.moving]
    if following:
        total = Size(sum(vdi.virtual_size for _ref, vdi in following))
        message = mn_(
            "{n} disk of snapshots and suspend images ({total}) moves with {vm}.",
            "{n} disks of snapshots and suspend images ({total}) move with {vm}.",
            len(following),
            total=total,
            vm=move.vm.name_label,
        )
        yield found("R60", Severity.info, move.source, "VM", move.ref, message, page=STORAGE)


@rule("R62", "size limit", "SHD", STORAGE)
def size_limit(move: Move) -> Problems:
    for ref, vdi, sr in _moving(move):
        if vdi.virtual_size > 2 * TiB and sr in move.target.SR and "LARGE_VDI" not in move.target.sr_features(sr):
            name = {"disk": _disk(move, vdi), "sr": move.target.name_of("SR", sr)}
            message = m_("{disk} is larger than 2 TiB, which {sr} cannot hold.", **name)
            yield found("R62", Severity.block, move.source, "VDI", ref, message, m_("Choose another SR."), page=STORAGE)


@rule("R63", "inserted CDs", page=STORAGE)
def cds(move: Sent) -> Problems:
    """A CD on an SR that the host does not see stops a plain migration; storage motion ejects what is not mapped."""
    if move.host is None:
        return
    for vbd_ref, vbd, vdi in move.source.cds(move.ref):
        name = {"cd": vdi.name_label, "vm": move.vm.name_label}
        stays = not move.crosses and move.target.sees(move.host, vdi.SR)
        if stays:
            continue
        if move.operation == "pool_migrate":
            message = m_("{vm} has the CD {cd} in its drive, which the host cannot see.", **name)
            fix = EjectCd(pool=move.source.id, vm=move.ref, vbd=vbd_ref, vdi=vbd.VDI, vm_name=name["vm"], cd=name["cd"])
            hint = m_("Eject the CD first.")
            yield found("R63", Severity.block, move.source, "VDI", vbd.VDI, message, hint, page=STORAGE, remedy=fix)
        else:
            message = m_("The CD {cd} in the drive of {vm} will be ejected.", **name)
            hint = m_("Insert a CD from the destination afterwards if one is needed.")
            yield found("R63", Severity.warn, move.source, "VDI", vbd.VDI, message, hint, page=STORAGE)


@rule("R67", "every disk has a place", "LSHD", STORAGE)
def placed(move: Move) -> Problems:
    loose = isinstance(move, LooseDisk)
    host = None if isinstance(move, LooseDisk) else move.host
    own = {} if isinstance(move, LooseDisk) else own_disks(move.source, move.ref)
    for ref, sr in move.placement.items():
        if sr is None and (host is not None or loose):
            name = {"disk": _disk(move, move.source.VDI[ref]), "vm": move.name}
            if loose:
                message = m_("No SR has been chosen for {disk} yet.", **name)
            elif ref in own:
                message = m_("No SR has been chosen for {disk} of {vm} yet.", **name)
            else:
                message = m_("No SR has been chosen for {disk}, which moves with {vm}.", **name)
            hint = m_("Choose an SR for it.")
            yield found("R67", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)
    homeless = any(sr is None for sr in move.placement.values())
    if homeless and host is not None and move.target.pool.default_SR not in move.target.SR:
        message = m_("{pool} has no default SR.", pool=move.target.name)
        hint = m_("Set one: suspend images and snapshot disks go there unless another SR is chosen.")
        able = [sr for sr in move.target.srs_by_space if move.target.SR[sr].shared]
        best = next((sr for sr in able if not any(sr_health(move.target, sr))), None)
        pool = move.target.pool_ref
        fix = best and SetDefaultSr(
            pool=move.target.id,
            pool_ref=pool,
            sr=best,
            pool_name=move.target.name,
            sr_name=move.target.name_of("SR", best),
            instead_of=move.target.pool.default_SR,
        )
        yield found("R67", Severity.warn, move.target, "pool", pool, message, hint, page=STORAGE, remedy=fix or None)


@rule("R68", "health of the SRs", "LSHD", STORAGE)
def health(move: Move) -> Problems:
    for sr in dict.fromkeys(sr for sr in move.placement.values() if sr is not None):
        yield from sr_health(move.target, sr)


def flow_of(move: Move) -> Flow:
    """What a move takes and frees at its destination's pool, for the ledger."""
    if isinstance(move, Sent) and move.host is None:
        return Flow()
    by_sr: dict[SrRef, dict[VdiRef, VDI]] = {}
    leaving: dict[SrRef, int] = {}
    passing: dict[SrRef, int] = {}
    own = own_disks(move.source, move.ref) if isinstance(move, Sent) else {}
    for ref, vdi, sr in _moving(move):
        if sr in move.target.SR:
            by_sr.setdefault(sr, {})[ref] = vdi
        if not move.crosses and vdi.SR in move.target.SR:
            thin = move.source.is_thin(vdi.SR)
            leaving[vdi.SR] = leaving.get(vdi.SR, 0) + (written(vdi) if thin else vdi.virtual_size)
            if ref in own:
                passing[vdi.SR] = passing.get(vdi.SR, 0) + SNAPSHOT_OVERHEAD_BYTES
    memory, twice, freed = {}, {}, {}
    stays = move.kind is Kind.disk and move.draft.keep_days > 0
    if isinstance(move, LooseDisk) or move.host is None:
        pass
    elif move.is_running and move.runs_on:
        twice = {move.host: move.memory} if move.moving and not move.stops else {}
    elif move.is_running or move.starts:
        memory = {move.host: move.memory_there}
        if move.is_running and not move.crosses and move.vm.resident_on in move.target.host:
            freed = {move.vm.resident_on: move.memory}
    return Flow(
        storage=move.kind is not Kind.live,
        memory=memory,
        passing_memory=twice,
        leaving_memory=freed,
        space={sr: load(move.source, disks, move.target.is_thin(sr)) for sr, disks in by_sr.items()},
        passing_space=passing,
        leaving_space={} if move.draft.copy or stays else leaving,
    )
