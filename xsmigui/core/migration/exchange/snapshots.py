"""The snapshots that a move with a short stop makes of its VM: taken, found again by their name and mark, removed."""

from collections.abc import Iterator

from xsmigui.core.messages import m_
from xsmigui.core.migration.exchange.checks import give_up
from xsmigui.core.migration.exchange.placing import is_held
from xsmigui.core.migration.exchange.values import ExchangeSpec, ExchangeState, OwnSnapshot, ShortStop
from xsmigui.core.migration.sameness import is_free
from xsmigui.core.migration.steps import ANSWER, Note, Request, Step, Wait

AFTER = 0
"""The number of the snapshot that is taken when the copies are in place; those before count from 1."""


def take_snapshot(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """The snapshot of the present pass, of which the disks are copied while the VM runs."""
    stop = spec.stop
    assert stop is not None
    yield from _take(spec, state, stop.snapshot, stop.number, "snapshot")
    snapshot = state.snapshots.get(stop.snapshot)
    if snapshot is None:
        yield give_up(spec, state, m_("The snapshot that this job took of the VM no longer exists."))
        return
    yield from _note_disks(stop, snapshot)
    if not stop.taken:
        yield Note({"taken": snapshot.taken or state.now})


def take_last_snapshot(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """A snapshot of the new disks before the VM writes to them: what is compared with the sources afterwards."""
    stop = spec.stop
    assert stop is not None
    yield from _take(spec, state, stop.after, AFTER, "after")
    snapshot = state.snapshots.get(stop.after)
    if snapshot is None:
        yield give_up(spec, state, m_("The snapshot that this job took of the VM no longer exists."))
        return
    yield from _note_disks(stop, snapshot)
    for at, it in enumerate(spec.replacements):
        if not it.after:
            yield Note({"after": snapshot.disks.get(it.new, "")}, at)


def _take(spec: ExchangeSpec, state: ExchangeState, known: str, number: int, key: str) -> Iterator[Step]:
    if known:
        return
    name = spec.snapshot_name(number)
    found = next((ref for ref, snapshot in state.snapshots.items() if snapshot.name == name), "")
    if found:
        yield Note({key: found})
    if state.vm is not None and "snapshot" in state.vm["current_operations"].values():
        yield Wait(m_("The server may still be taking the snapshot; waiting for it to end."))
    does = m_("take a snapshot of the VM")
    yield Request("VM.snapshot", (spec.vm, name), does, is_task=True, then={key: ANSWER})


def _note_disks(stop: ShortStop, snapshot: OwnSnapshot) -> Iterator[Step]:
    """So that they are found again when the snapshot itself is gone."""
    litter = tuple(dict.fromkeys([*stop.litter, *snapshot.disks.values()]))
    if litter != stop.litter:
        yield Note({"litter": litter})


def remove_snapshot(spec: ExchangeSpec, state: ExchangeState, ref: str) -> Iterator[Step]:
    """One snapshot with its disks."""
    snapshot = state.snapshots.get(ref)
    if spec.stop is None or snapshot is None:
        return
    yield from _note_disks(spec.stop, snapshot)
    yield Request("VM.destroy", (ref,), m_("remove the snapshot that this job had made"))


def remove_snapshots(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """All of them, and disks of theirs that are left."""
    stop = spec.stop
    if stop is None:
        return
    for ref in state.snapshots:
        yield from remove_snapshot(spec, state, ref)
    yield from remove_litter(spec, state)


def remove_litter(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """Disks of snapshots of ours that are gone. One that somebody has connected meanwhile is theirs, and stays."""
    stop = spec.stop
    assert stop is not None
    held = {disk for snapshot in state.snapshots.values() for disk in snapshot.disks.values()}
    for ref in stop.litter:
        vdi = state.vdis.get(ref)
        if vdi is None or ref in held or is_held(state, ref):
            continue
        if vdi["is_a_snapshot"] and is_free(vdi):
            yield Request("VDI.destroy", (ref,), m_("remove a disk of the snapshot that this job had made"))
