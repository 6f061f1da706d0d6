"""While the VM still runs, in a move with a short stop: its disks are copied of a snapshot, the copies compared with
it, and what the guest has written meanwhile is estimated. Only when the stop will be as short as the operator wants it
is the VM stopped; the rest is in `stopping`."""

from collections.abc import Iterator
from typing import Final

from xsmigui.core.messages import Duration, m_, sentences
from xsmigui.core.migration.difference import why_no_difference, why_no_target
from xsmigui.core.migration.exchange.checks import check, give_up
from xsmigui.core.migration.exchange.copying import blank, is_in_use, name_in_mark, pending_call, sizes_differ
from xsmigui.core.migration.exchange.placing import block, mark, stray_copies
from xsmigui.core.migration.exchange.snapshots import remove_snapshot, take_snapshot
from xsmigui.core.migration.exchange.values import (
    CHECKSUM,
    COPY,
    CREATE,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    ShortStop,
)
from xsmigui.core.migration.sameness import is_whole
from xsmigui.core.migration.steps import ANSWER, Note, Request, Step, Wait
from xsmigui.core.refs import NULL
from xsmigui.core.units import MiB

SHUT_DOWN_S: Final = 30.0
"""Seconds that a guest is expected to take to shut down."""

START_S: Final = 20.0
"""Seconds for putting the copies in place and starting the VM."""

WORTH_S: Final = 30.0
"""A difference that takes longer than so many seconds is worth a further pass while the VM runs."""

MOST_PASSES: Final = 4
"""Snapshots that are copied at most: where the guest writes that fast, more would not help."""

GUESSED_WRITES: Final = 5 * MiB
"""Bytes a second that a guest is taken to write where its host does not tell."""

BEST_PACE: Final = 200 * MiB
"""Bytes a second that are never expected: of a disk on a thick SR less is copied than it occupies there."""


def while_it_runs(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """Ends with the moment of the stop noted."""
    stop = spec.stop
    assert stop is not None
    yield from check(spec, state)
    yield from mark(spec, state)
    for at, it in enumerate(spec.replacements):
        yield from _make_room(spec, state, at, it)
    yield from take_snapshot(spec, state)
    for at, it in enumerate(spec.replacements):
        yield from _copy_snapshot(spec, state, stop, at, it)
    if not stop.copied_at:
        yield Note({"copied_at": state.now, "pace": stop.pace or _pace(spec, state, stop)})
    if not stop.proof:
        yield from _compare(spec, state, stop)
    if stop.earlier:
        yield from remove_snapshot(spec, state, stop.earlier)
        yield Note({"earlier": ""})
    yield from _decide(spec, state, stop)
    yield from block(spec, state)
    yield Note({"stopping": state.now, "was_started": state.started, "proves_after": None})


def _make_room(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """An empty disk for the copy, known to be an image in VHD as its source is (`core.migration.difference`)."""
    if it.new and it.new not in state.vdis:
        yield Note({"new": "", "base": "", "scanned": False}, at)
        return
    source = state.vdis[it.old]
    why = why_no_difference(*_sr_of(state, source["SR"]), source["sm_config"])
    if why:
        text = m_("{disk} cannot be moved with a short stop, because {reason}.", disk=it.name, reason=why)
        yield give_up(spec, state, text)
    if not it.new:
        yield from stray_copies(spec, state, at, it)
        does = m_("create a disk for the copy of {disk}", disk=it.name)
        yield Request(CREATE, (blank(spec, it, source),), does, at, then={"new": ANSWER})
        return
    copy = state.vdis[it.new]
    why = why_no_target(*_sr_of(state, copy["SR"]), copy["sm_config"])
    if why:
        names = {"disk": it.name, "reason": why}
        yield give_up(
            spec, state, m_("No difference can be copied into the new disk of {disk}, because {reason}.", **names)
        )
    if int(copy["virtual_size"]) < int(source["virtual_size"]):
        yield give_up(spec, state, m_("{disk} has become larger than its copy.", disk=it.name))


def _sr_of(state: ExchangeState, ref: str) -> tuple[str, dict[str, str]]:
    record = state.srs.get(ref)
    return (str(record["type"]), dict(record["sm_config"])) if record is not None else ("", {})


def _copy_snapshot(
    spec: ExchangeSpec, state: ExchangeState, stop: ShortStop, at: int, it: Replacement
) -> Iterator[Step]:
    """The content of the present snapshot into the copy: all of it, or what differs from the snapshot before. A
    snapshot never changes, so a pass that broke off is simply made once more."""
    if pending_call(spec, COPY, at) is not None:
        if is_in_use(state, it):
            yield Wait(m_("The server may still be copying {disk}; waiting for it to end.", disk=it.name))
        yield Note({"copied": False}, at)
    snapshot = state.snapshots[stop.snapshot].disks.get(it.old)
    if snapshot is None or not is_whole(state.vdis.get(snapshot)):
        yield give_up(spec, state, m_("The snapshot of {disk} no longer exists.", disk=it.name))
        return
    if it.base != snapshot:
        if it.base and it.base not in state.vdis:
            yield give_up(spec, state, m_("The snapshot of {disk} no longer exists.", disk=it.name))
        yield from name_in_mark(spec, state, at, it)
        does = m_("copy {disk} while its VM runs", disk=it.name)
        params = (snapshot, NULL, it.base or NULL, it.new)
        yield Request(COPY, params, does, at, is_task=True, then={"base": snapshot, "scanned": False})
    if not it.scanned:
        yield Request("SR.scan", (it.sr,), m_("check the copy of {disk}", disk=it.name), at, then={"scanned": True})
    if not is_whole(state.vdis.get(it.new)):
        yield give_up(spec, state, m_("The SR does not show the copy of {disk}.", disk=it.name))


def _pace(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> float:
    written = sum(int(it.vdi["physical_utilisation"]) or int(it.vdi["virtual_size"]) for it in spec.replacements)
    return min(BEST_PACE, max(1.0, written / max(1.0, state.now - stop.taken)))


def _compare(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    """The copies hold what the snapshot does: without that the difference would be worth nothing."""
    if not stop.summing:
        yield Note({"summing": state.now})
    for at, it in enumerate(spec.replacements):
        why = it.unprovable or sizes_differ(state, it.base, it.new)
        if why:
            text = m_("The copy of {disk} cannot be compared with the disk, so its VM is not stopped.", disk=it.name)
            yield give_up(spec, state, sentences(text, why))
        does = m_("compare the contents of {disk} and its copy", disk=it.name)
        for key, ref in (("base_sum_old", it.base), ("base_sum_new", it.new)):
            if not getattr(it, key):
                yield Request(CHECKSUM, (ref,), does, at, is_task=True, then={key: ANSWER})
        if it.base_sum_old != it.base_sum_new:
            yield give_up(spec, state, m_("The copy of {disk} does not have the content of the disk.", disk=it.name))
    yield Note({"proof": max(1.0, state.now - stop.summing)})


def _decide(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    """Stop now, make one more pass while the VM runs, or put everything back because the stop would get too long."""
    total = sum(int(it.vdi["virtual_size"]) for it in spec.replacements)
    writes = GUESSED_WRITES if state.writes is None else state.writes
    seconds = min(total, writes * max(0.0, state.now - stop.taken)) / stop.pace
    expected = SHUT_DOWN_S + seconds + START_S
    is_long = expected > stop.allowed or seconds > WORTH_S
    if is_long and seconds > 1.0 and stop.number < MOST_PASSES and writes < stop.pace / 2:
        yield Note(
            {"number": stop.number + 1, "earlier": stop.snapshot, "snapshot": "", "taken": 0.0, "copied_at": 0.0}
        )
    if expected > stop.allowed:
        text = m_(
            "The stop would take about {expected} (estimated), longer than the {allowed} allowed; the VM was "
            "not stopped.",
            expected=Duration(expected),
            allowed=Duration(stop.allowed),
        )
        yield give_up(spec, state, text)
