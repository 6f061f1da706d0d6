"""Rules about a move with a short stop: a running VM whose disks this program copies and exchanges."""

from collections.abc import Iterable, Iterator
from typing import Final

from xsmigui.core.messages import Duration, Message, Size, Text, m_, mn_, sentences
from xsmigui.core.migration.difference import why_no_difference, why_no_target
from xsmigui.core.migration.estimates import stop_estimate
from xsmigui.core.migration.moves import Copied, LooseDisk, OfVm, Sent
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import SrRef, VdiRef
from xsmigui.core.units import MiB

STORAGE: Final = Page.storage

LEAST: Final = 64 * MiB
"""Bytes that the snapshot of a disk takes at least."""


@rule("R77", "short stop", "D", STORAGE)
def short_stop(move: Copied | LooseDisk) -> Problems:
    if isinstance(move, Copied) and move.stops:
        yield from obstacles(move)
        yield from _devices(move)


def obstacles(move: OfVm) -> Problems:
    """The reasons against moving this running VM with a short stop, whether or not the operator has chosen that."""
    yield from _images(move)
    for message, hint in _why_not_stopped(move):
        yield found("R77", Severity.block, move.source, "VM", move.ref, message, hint, page=STORAGE)
    yield from _unseen(move)


def or_short_stop(move: OfVm, hint: Text) -> Text:
    """A hint, with the short stop as the other way where there is one."""
    is_possible = move.is_running and move.moving and not move.crosses and not move.draft.copy
    if not is_possible or any(obstacles(move)):
        return hint
    return sentences(hint, m_("Or move {vm} with a short stop.", vm=move.name))


def why_no_short_stop(moves: Iterable[OfVm]) -> str:
    """Why none of these running VMs can be moved with a short stop, of the first of them; empty where one can."""
    first = ""
    for move in moves:
        problem = next(obstacles(move), None)
        if problem is None:
            return ""
        first = first or problem.sentence()
    return first


def _images(move: OfVm) -> Problems:
    """Only between images in VHD does the server copy a difference (`core.migration.difference`)."""
    hint = m_("Shut {vm} down and move it, or choose another SR.", vm=move.name)
    for ref, sr in move.moving.items():
        vdi = move.source.VDI[ref]
        here, there = move.source.SR.get(vdi.SR), move.target.SR.get(sr) if sr is not None else None
        name = vdi.name_label or m_("a disk of {vm}", vm=move.name)
        why = why_no_difference(here.type, here.sm_config, vdi.sm_config) if here is not None else ""
        if why:
            message = m_("{disk} cannot be moved with a short stop, because {reason}.", disk=name, reason=why)
            yield found("R77", Severity.block, move.source, "VDI", ref, message, hint, page=STORAGE)
        why = why_no_target(there.type, there.sm_config) if there is not None else ""
        if why and sr is not None:
            where = move.target.name_of("SR", sr)
            message = m_("{sr} cannot take disks moved with a short stop, because {reason}.", sr=where, reason=why)
            yield found("R77", Severity.block, move.target, "SR", sr, message, hint, page=STORAGE)


def _why_not_stopped(move: OfVm) -> Iterator[tuple[Message, Message]]:
    """Why the VM cannot be stopped for a short time, whatever its disks are, and what to do."""
    vm, name = move.vm, move.name
    for operation in ("clean_shutdown", "snapshot", "start", "start_on"):
        if operation in vm.blocked_operations:
            reason = vm.blocked_operations[operation] or "–"
            message = m_(
                "Somebody has blocked {operation} of {vm}: “{reason}”.", operation=operation, vm=name, reason=reason
            )
            yield message, m_("Ask whoever set the block.")
        elif not operation.startswith("start") and operation not in vm.allowed_operations and not vm.current_operations:
            if operation == "snapshot":
                yield (
                    m_("The server does not take a snapshot of {vm}.", vm=name),
                    m_("Shut {vm} down and move it.", vm=name),
                )
            else:
                message = m_("The server cannot ask the guest of {vm} to shut down.", vm=name)
                yield message, m_("Install the VM Tools in it, or shut it down from inside and move it halted.")
    if not move.source.is_live(vm.resident_on):
        yield m_("The host on which {vm} runs does not answer.", vm=name), m_("Wait until the host is back.")
    if move.source.pool.ha_enabled and (vm.ha_always_run or vm.ha_restart_priority):
        message = m_("{vm} is protected by high availability, which could start it in the middle of its stop.", vm=name)
        yield message, m_("Remove its protection for the duration of the move.")
    if move.draft.hosts.get(move.ref, move.vm.resident_on) != move.vm.resident_on:
        message = m_("After a short stop {vm} starts on the host that it runs on.", vm=name)
        yield message, m_("Leave it on its host, and migrate it before or afterwards.")


def _devices(move: OfVm) -> Problems:
    """Devices of the host are free while the VM is down, and it starts on that host only with them. A vTPM is its own:
    snapshots carry it along (xapi 24.10, xapi_vm_snapshot.ml)."""
    if move.vm.VGPUs or move.vm.attached_PCIs:
        message = m_(
            "{vm} uses a GPU or another PCI device of its host: a VM that is started while {vm} is down could take it.",
            vm=move.name,
        )
        hint = m_("Start no other VM with such a device there in the meantime.")
        yield found("R77", Severity.warn, move.source, "VM", move.ref, message, hint, page=STORAGE)


def _unseen(move: OfVm) -> Problems:
    host = move.vm.resident_on
    for sr in dict.fromkeys(sr for sr in move.moving.values() if sr is not None):
        if sr in move.target.SR and move.target.sr_hosts.get(sr) and not move.target.sees(host, sr):
            names = {"host": move.target.name_of("host", host), "sr": move.target.name_of("SR", sr)}
            message = m_("{host}, on which {vm} runs, cannot see {sr}.", vm=move.name, **names)
            yield found("R77", Severity.block, move.target, "SR", sr, message, m_("Choose another SR."), page=STORAGE)


@rule("R51", "short stop: space at the source", "D", STORAGE)
def space(move: Copied | LooseDisk) -> Problems:
    """The snapshot of each of the VM's disks, also of those that stay, grows while the VM writes."""
    if isinstance(move, LooseDisk) or not move.stops:
        return
    by_sr: dict[SrRef, list[VdiRef]] = {}
    for _vbd, ref, vdi in move.source.disks(move.ref):
        by_sr.setdefault(vdi.SR, []).append(ref)
    for sr, disks in by_sr.items():
        if sr not in move.source.SR:
            continue
        free, needed = move.source.free_space(sr), sum(move.source.VDI[ref].virtual_size for ref in disks)
        name = {"sr": move.source.name_of("SR", sr), "vm": move.name, "free": Size(free), "need": Size(needed)}
        if free < LEAST * len(disks):
            message = m_("{sr} does not have enough space for a snapshot of {vm}.", **name)
            severity = Severity.block
        elif free < needed:
            message = m_("{sr} has {free} free; a snapshot of {vm} may need up to {need}.", **name)
            severity = Severity.warn
        else:
            continue
        hint = m_("Free some space there first.")
        yield found("R51", severity, move.source, "SR", sr, message, hint, page=STORAGE)


@batch_rule("R77", "how long the stop is")
def how_long(batch: Batch) -> Problems:
    """An estimate: what the guest writes while its disks are copied is copied while it is down."""
    for move in batch.of_vms:
        if isinstance(move, Sent) or not move.stops:
            continue
        stop = stop_estimate(move, batch.writes.get(move.ref))
        allowed = batch.draft.short_stop
        names = {"vm": move.name, "low": Duration(max(1.0, stop.low)), "high": Duration(max(1.0, stop.high))}
        message = sentences(
            m_("Estimate: {vm} is down for {low} to {high}.", **names),
            mn_(
                "If the stop takes longer than {n} minute, everything is rolled back and the VM starts on its "
                "own disks.",
                "If the stop takes longer than {n} minutes, everything is rolled back and the VM starts on its "
                "own disks.",
                allowed,
            ),
            when_proved(stop.proof, allowed),
        )
        yield found("R77", Severity.info, move.source, "VM", move.ref, message)


def when_proved(seconds: float, minutes: int) -> Message:
    """When contents will be compared, as far as can be said beforehand: `seconds` is how long that takes."""
    names = {"time": Duration(max(1.0, seconds))}
    if seconds < minutes * 60 / 2:
        return m_(
            "Contents are compared while it is down (≈ {time}), unless that no longer fits into the stop.", **names
        )
    return m_(
        "Contents are compared after it has started again (≈ {time}), by a snapshot of the new disks from before; their"
        " sources stay until then.",
        **names,
    )
