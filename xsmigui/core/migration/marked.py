"""What jobs of this program have left on a VM or on a disk of none, and the fix that takes it away.

A job that was broken off for good, or whose journal is lost, leaves its marks and blocks; an exported VM takes them
along. Nobody but the operator can tell whether the job of another computer still runs, so all of it is named and
removed on request only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from xsmigui.core.messages import Text, m_
from xsmigui.core.migration.exchange import JOB, OUR_BLOCK, blocking_job, has_inherited_mark, job_on
from xsmigui.core.migration.fixes import Unblock
from xsmigui.core.migration.moves import LooseDisk, Move
from xsmigui.core.refs import NULL, VdiRef, VmRef


@dataclass(frozen=True, slots=True)
class Marked:
    """Blocks of ours by operation, the VM's mark (empty: none), and the marks of those disks that would move, each
    with the job that it names. `inherited` says that the VM was made from one that the job worked on: it does not
    work on this one."""

    blocks: Mapping[str, str]
    mark: str
    disks: Mapping[VdiRef, str]
    inherited: bool

    @property
    def reason(self) -> str:
        """What stands beside the first blocked operation; empty if nothing is blocked."""
        return next(iter(self.blocks.values()), "")

    @property
    def job(self) -> str:
        """The job that has left it; empty if there is nothing."""
        if self.blocks:
            return blocking_job(self.reason)
        return next((mark.partition(" ")[0] for mark in (self.mark, *self.disks.values()) if mark), "")


def marked(move: Move) -> Marked:
    """What stands on a VM and on those of its disks that move. Inherited marks alone count for nothing."""
    disks = {}
    for ref in move.moving:
        vdi = move.source.VDI[ref]
        if job_on(vdi.other_config, vdi.uuid):
            disks[ref] = vdi.other_config[JOB]
    if isinstance(move, LooseDisk):
        return Marked({}, "", disks, inherited=False)
    vm = move.vm
    blocks = {op: why for op, why in vm.blocked_operations.items() if why.startswith(OUR_BLOCK)}
    mark = vm.other_config.get(JOB, "")
    theirs = has_inherited_mark(vm.other_config, vm.uuid)
    inherited = theirs and all(blocking_job(why) == mark.partition(" ")[0] for why in blocks.values())
    return Marked(blocks, mark if blocks or not theirs else "", disks, inherited and bool(blocks))


def blocked_text(vm: str, found: Marked) -> Text:
    """That a VM is blocked, and by which job."""
    if found.inherited:
        return m_(
            "{vm} was made from a VM that job {job} was working on, and has inherited its blocks: “{reason}”.",
            vm=vm,
            job=found.job,
            reason=found.reason,
        )
    return m_("{vm} is blocked by another job of this program: “{reason}”.", vm=vm, reason=found.reason)


def hint_and_fix(move: Move, found: Marked) -> tuple[Text, Unblock | None]:
    """What to do about it; the fix is not offered while a job that we know of goes on with it."""
    is_loose = isinstance(move, LooseDisk)
    uuid = "" if isinstance(move, LooseDisk) else move.vm.uuid
    disks = {move.source.VDI[ref].uuid for ref in found.disks}
    if any((uuid and claim.vm == uuid) or not disks.isdisjoint(claim.disks) for claim in move.site.claims):
        return m_("Wait for that job to end, or revert it."), None
    fix = Unblock(
        pool=move.source.id,
        vm=VmRef(NULL) if is_loose else VmRef(move.ref),
        operations=tuple(found.blocks),
        vm_name=move.name,
        reasons=tuple(dict.fromkeys(found.blocks.values())),
        mark=found.mark,
        disks=tuple(found.disks.items()),
        inherited=found.inherited,
    )
    if found.inherited:
        return m_("Remove the blocks: they belong to another VM."), fix
    return m_("Wait for that job to end, or revert it. If it runs nowhere any more, remove what it has left."), fix
