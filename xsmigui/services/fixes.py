"""Fixes at the spot: what can be mended from the wizard, each with what it costs. Asked for, never done silently."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xsmigui.core.failures import ServerFailure, Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.migration.rules.general import OUR_BLOCK
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem
from xsmigui.core.records import VDI
from xsmigui.core.refs import PoolId, VmRef
from xsmigui.core.text import _


@dataclass(frozen=True, slots=True)
class Offer:
    """A fix as a question: what it does, what it costs, and the words on its buttons."""

    title: str
    question: str
    go: str
    leave: str


def offer(problem: Problem) -> Offer | None:
    """The question to ask before the fix; None where there is none."""
    match problem.fix:
        case "disable-cbt":
            return Offer(
                _("Disable changed block tracking"),
                _(
                    "Changed block tracking of {disk} will be disabled. The next backup of this disk will be a full"
                    " one.",
                    disk=problem.subject.name,
                ),
                _("Disable tracking"),
                _("Keep it"),
            )
        case "eject-cd":
            return Offer(
                _("Eject the CD"),
                _("{cd} will be ejected from the VM's drive.", cd=problem.subject.name),
                _("Eject"),
                _("Leave it"),
            )
        case "set-default-sr":
            return Offer(
                _("Set the default SR"),
                _(
                    "{sr} becomes the default SR of {pool}, for every client: new disks, suspend images and crash dumps"
                    " go there where nothing else is said.",
                    sr=problem.mends_name,
                    pool=problem.subject.name,
                ),
                _("Set default SR"),
                _("Leave it"),
            )
        case "delete-snapshots":
            return Offer(
                _("Delete snapshots"),
                _(
                    "All snapshots of {vm} will be deleted with their disks and their memory. This cannot be undone."
                    " The SR frees the space only some time later.",
                    vm=problem.mends_name or problem.subject.name,
                ),
                _("Delete snapshots"),
                _("Keep them"),
            )
        case "clear-block":
            return Offer(
                _("Remove the block"),
                _(
                    "The block of the migration of {vm} that this program has set will be removed. Do this only if"
                    " nothing that set it goes on any more, in another window or on another computer.",
                    vm=problem.subject.name,
                ),
                _("Remove block"),
                _("Leave it"),
            )
        case "shut-down":
            return Offer(
                _("Shut down and move"),
                _(
                    "{vm} will be shut down: its guest is asked to, and its services end. It moves halted then; whether"
                    " it is started afterwards is chosen on the last page.",
                    vm=problem.mends_name or problem.subject.name,
                ),
                _("Shut down"),
                _("Leave it running"),
            )
        case "shut-down-here":
            return Offer(
                _("Shut down"),
                _(
                    "{vm} will be shut down: its guest is asked to, and its services end. It stays halted, so that the"
                    " host can be emptied.",
                    vm=problem.mends_name or problem.subject.name,
                ),
                _("Shut down"),
                _("Leave it running"),
            )
    return None


SHUTDOWN_DEADLINE: Final = 900.0
"""Seconds that a guest is given to shut down."""


async def apply(
    problem: Problem,
    inventory: Callable[[PoolId], Inventory | None],
    gateway: Callable[[PoolId], Gateway | None],
) -> None:
    """Carry the fix out. Raises the wire's errors."""
    target = problem.mends or problem.about
    if target is None:
        return
    way = gateway(target.pool)
    pool = inventory(target.pool)
    if way is None or pool is None:
        raise Unreachable(_("the pool"), _("not connected"))
    match problem.fix:
        case "disable-cbt":
            await way.call("VDI.disable_cbt", target.ref)
        case "eject-cd":
            for ref in _drives(pool, problem):
                await way.call("VBD.eject", ref)
        case "set-default-sr":
            await way.call("pool.set_default_SR", pool.pool_ref, target.ref)
        case "delete-snapshots":
            for snapshot in pool.snapshots(VmRef(target.ref)):
                await _delete(way, pool, snapshot)
        case "clear-block":
            vm = pool.VM.get(VmRef(target.ref))
            for operation, reason in vm.blocked_operations.items() if vm is not None else ():
                if reason.startswith(OUR_BLOCK):
                    await way.call("VM.remove_from_blocked_operations", target.ref, operation)
        case "shut-down" | "shut-down-here":
            await way.call("VM.clean_shutdown", target.ref, deadline=SHUTDOWN_DEADLINE)


async def _delete(way: Gateway, pool: Inventory, snapshot: VmRef) -> None:
    """A snapshot with its disks and its memory. The server keeps the disks of a VM that it destroys; some may be gone
    all the same. A disk that is no snapshot, or that anybody else uses, is never touched: a VM may share one with its
    snapshots, where it is read only say."""
    disks = [
        ref for ref, vdi in own_disks(pool, snapshot).items() if vdi.is_a_snapshot and _is_alone(pool, vdi, snapshot)
    ]
    image = pool.VM[snapshot].suspend_VDI
    if image in pool.VDI and sum(vm.suspend_VDI == image for vm in pool.VM.values()) == 1:
        disks.append(image)
    await way.call("VM.destroy", snapshot)
    for disk in disks:
        try:
            await way.call("VDI.destroy", disk)
        except ServerFailure as failure:
            if failure.code != "HANDLE_INVALID":
                raise


def _is_alone(pool: Inventory, vdi: VDI, vm: VmRef) -> bool:
    """Nobody but this VM has the disk; a VBD that is not known might be anybody's."""
    return all(ref in pool.VBD and vm == pool.VBD[ref].VM for ref in vdi.VBDs)


def _drives(pool: Inventory, problem: Problem) -> list[str]:
    """The drives with this CD of the VM that the problem speaks of (a CD may be in several drives): of the longest name
    in its message, since “db” stands in “db test” too."""
    assert problem.about is not None
    vdi = pool.tables["VDI"].get(problem.about.ref)
    found: dict[str, list[str]] = {}
    for ref in getattr(vdi, "VBDs", ()):
        vbd = pool.VBD.get(ref)
        if vbd is None or vbd.type != "CD" or vbd.empty:
            continue
        name = pool.name_of("VM", vbd.VM)
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", problem.message):
            found.setdefault(name, []).append(ref)
    return found[max(found, key=len)] if found else []
