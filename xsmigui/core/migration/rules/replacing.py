"""Rules about disks that this program copies itself, while their VM is halted or there is none."""

from typing import Final

from xsmigui.core.messages import Size, Text, m_, mn_
from xsmigui.core.migration.marked import blocked_text, hint_and_fix, marked
from xsmigui.core.migration.moves import Copied, LooseDisk, following_disks
from xsmigui.core.migration.rules.base import Problems, found, rule
from xsmigui.core.migration.rules.repositories import sr_creates
from xsmigui.core.problems import Page, Severity

STORAGE: Final = Page.storage


@rule("R07", "another job works on the disks", "D", STORAGE)
def other_job(move: Copied | LooseDisk) -> Problems:
    """Two jobs at the same disks would exchange each other's copies."""
    ours = marked(move)
    if not (ours.blocks or ours.job):
        return
    message: Text = blocked_text(move.name, ours)
    if not ours.blocks:
        message = m_("Job {job} works on {name}, or has left its mark there.", job=ours.job, name=move.name)
    hint, fix = hint_and_fix(move, ours)
    cls = "VDI" if isinstance(move, LooseDisk) else "VM"
    yield found("R07", Severity.block, move.source, cls, move.ref, message, hint, page=STORAGE, remedy=fix)


@rule("R12", "the disk is there already", "D", STORAGE)
def there_already(move: Copied | LooseDisk) -> Problems:
    if isinstance(move, LooseDisk) and not move.moving:
        message = m_("{disk} is already on that SR.", disk=move.name)
        hint = m_("Choose another SR.")
        yield found("R12", Severity.block, move.source, "VDI", move.ref, message, hint, page=STORAGE)


@rule("R52", "SR takes new disks", "D", STORAGE)
def takes_disks(move: Copied | LooseDisk) -> Problems:
    """A copy needs no more than VDI_CREATE of its SR; the source, unless it is kept, VDI_DELETE of its own."""
    for sr in dict.fromkeys(sr for sr in move.moving.values() if sr is not None):
        yield from sr_creates(move.target, sr)
    for sr in dict.fromkeys(move.source.VDI[ref].SR for ref in move.moving) if not move.draft.keep_days else ():
        if "VDI_DELETE" not in move.source.sr_features(sr):
            message = m_("No virtual disk can be removed from {sr}.", sr=move.source.name_of("SR", sr))
            hint = m_("Keep the source.")
            yield found("R52", Severity.block, move.source, "SR", sr, message, hint, page=STORAGE)


@rule("R53", "changed block tracking ends", "D", STORAGE)
def tracking(move: Copied | LooseDisk) -> Problems:
    for ref in move.moving:
        vdi = move.source.VDI[ref]
        if vdi.cbt_enabled:
            message = m_("Changed block tracking is on for {disk}; its copy starts without it.", disk=vdi.name_label)
            hint = m_("The next backup will be a full one; enable it again afterwards.")
            yield found("R53", Severity.warn, move.source, "VDI", ref, message, hint, page=STORAGE)


@rule("R54", "a disk that resets cannot be copied", "D", STORAGE)
def resets(move: Copied | LooseDisk) -> Problems:
    """The server refuses it (xapi_vdi.ml, check_operation_error: VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION)."""
    for ref in move.moving:
        vdi = move.source.VDI[ref]
        if vdi.on_boot == "reset":
            message = m_("{disk} is reset at each boot; such disks cannot be copied.", disk=vdi.name_label)
            hint = m_("Make the disk persistent first.")
            yield found("R54", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)


@rule("R56", "a host sees both SRs", "D", STORAGE)
def copier(move: Copied | LooseDisk) -> Problems:
    """The server copies on a host that sees both SRs (message_forwarding.ml, VDI.copy)."""
    seen = {host: move.source.visible_srs.get(host, frozenset()) for host in move.source.host}
    seen = {host: srs for host, srs in seen.items() if move.source.is_live(host)}
    for ref, sr in move.moving.items():
        vdi = move.source.VDI[ref]
        if sr is not None and not any({sr, vdi.SR} <= srs for srs in seen.values()):
            names = {"source": move.source.name_of("SR", vdi.SR), "sr": move.source.name_of("SR", sr)}
            message = m_("No host sees both {source} and {sr}, so none can copy {disk}.", disk=vdi.name_label, **names)
            hint = m_("Choose another SR, or attach both to one host.")
            yield found("R56", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)


@rule("R56", "the home server sees the disks", "D", STORAGE)
def home(move: Copied | LooseDisk) -> Problems:
    """A halted VM whose home server does not see its disks starts on another host."""
    if isinstance(move, LooseDisk) or move.host is None:
        return
    for sr in dict.fromkeys(sr for sr in move.moving.values() if sr is not None):
        if sr in move.target.SR and move.target.sr_hosts.get(sr) and not move.target.sees(move.host, sr):
            names = {"host": move.target.name_of("host", move.host), "sr": move.target.name_of("SR", sr)}
            message = m_("{host}, the home server of {vm}, cannot see {sr}.", vm=move.name, **names)
            hint = m_("{vm} will start on another host.", vm=move.name)
            yield found("R56", Severity.warn, move.source, "SR", sr, message, hint, page=STORAGE)


@rule("R60", "snapshots stay behind", "D", STORAGE)
def staying(move: Copied | LooseDisk) -> Problems:
    if isinstance(move, LooseDisk):
        behind = [v for v in move.source.VDI.values() if v.is_a_snapshot and v.snapshot_of == move.ref and v.managed]
    else:
        behind = [vdi for _ref, vdi, leader in following_disks(move.source, move.ref) if leader in move.moving]
    for sr in dict.fromkeys(vdi.SR for vdi in behind):
        there = [vdi for vdi in behind if sr == vdi.SR]
        message = mn_(
            "{n} disk of snapshots ({total}) stays on {sr}.",
            "{n} disks of snapshots ({total}) stay on {sr}.",
            len(there),
            total=Size(sum(vdi.virtual_size for vdi in there)),
            sr=move.source.name_of("SR", sr),
        )
        hint = m_("Reverting to a snapshot puts the VM's disks back on that SR.")
        yield found("R60", Severity.info, move.source, "SR", sr, message, hint, page=STORAGE)


@rule("R61", "memory of a suspended VM", "D", STORAGE)
def image(move: Copied | LooseDisk) -> Problems:
    if isinstance(move, LooseDisk) and move.source.VDI[move.ref].type == "suspend":
        message = m_("{disk} holds the memory of a suspended VM.", disk=move.name)
        hint = m_("Resume the VM first, or move the whole VM.")
        yield found("R61", Severity.block, move.source, "VDI", move.ref, message, hint, page=STORAGE)
