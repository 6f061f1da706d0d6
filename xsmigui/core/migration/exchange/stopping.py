"""A move with a short stop: a running VM's disks go to another SR inside its pool though the server cannot mirror them.

They are copied of a snapshot while the VM runs (`running`). Then the VM is shut down, only what differs from the
snapshot is copied, the copies take their places, and the VM starts. Contents are compared in any case: before the
exchange if that fits into what is left of the stop, else after the start, between two disks that nobody writes to: the
source, and a snapshot of the new disk that was taken before the VM started. No source is let go before.

If the stop gets longer than the operator allowed, and at every refusal, everything is put back and the VM starts on its
own disks.
"""

from collections.abc import Iterator
from typing import Final

from xsmigui.core.messages import Duration, m_, sentences
from xsmigui.core.migration.exchange.checks import account, check, give_up, is_released
from xsmigui.core.migration.exchange.copying import (
    MOST_COPIES,
    is_in_use,
    pending_call,
    prove,
    sizes_differ,
)
from xsmigui.core.migration.exchange.placing import block, clean_up, exchange_disk
from xsmigui.core.migration.exchange.running import START_S, while_it_runs
from xsmigui.core.migration.exchange.snapshots import remove_snapshots, take_last_snapshot
from xsmigui.core.migration.exchange.values import (
    BLOCK,
    CHECKSUM,
    COPY,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    ShortStop,
)
from xsmigui.core.migration.sameness import is_whole, may_differ
from xsmigui.core.migration.steps import ANSWER, Note, Request, Step, Stop, Wait
from xsmigui.core.refs import NULL

LOOK_S: Final = 15.0
"""Seconds between two looks at the clock while the VM is down."""

PROMPT_S: Final = 60.0
"""A VM that still runs so many seconds after it was to be shut down has a larger difference than was estimated."""

SHUTTING_DOWN: Final = frozenset({"clean_shutdown", "shutdown", "hard_shutdown"})
STARTING: Final = frozenset({"start", "start_on"})


def forward_with_stop(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    stop = spec.stop
    assert stop is not None
    if spec.pending is not None and spec.pending.task:
        yield from _too_long(spec, state, stop)
        yield Wait("", spec.pending.task, seconds=LOOK_S if stop.is_under_way else 0.0)
    if not spec.settled:
        if not stop.stopping:
            yield from while_it_runs(spec, state)
        yield from _while_it_is_down(spec, state, stop)
    yield from _back_to_work(spec, state, stop)
    if stop.proves_after:
        for at, it in enumerate(spec.replacements):
            yield from _prove_afterwards(spec, state, stop, at, it)
    yield from remove_snapshots(spec, state)
    yield from clean_up(spec, state)


def _too_long(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    """The way back is quicker as long as no copy is connected; from then on forward is."""
    if spec.settled or not stop.is_under_way or any(state.connection(it.new) for it in spec.replacements):
        return
    if state.now - stop.stopping > stop.allowed:
        text = m_("The stop took longer than the {allowed} allowed.", allowed=Duration(stop.allowed))
        yield give_up(spec, state, text)


def _while_it_is_down(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    yield from _shut_down(spec, state, stop)
    yield from check(spec, state)
    yield from block(spec, state)
    yield from _too_long(spec, state, stop)
    for at, it in enumerate(spec.replacements):
        if not it.placed:
            yield from _copy_difference(spec, state, at, it)
    if stop.proves_after is None:
        left = stop.allowed - (state.now - stop.stopping) - START_S
        yield Note({"proves_after": stop.proof > left})
    for at, it in enumerate(spec.replacements):
        if not it.placed and not stop.proves_after:
            yield from prove(spec, state, at, it)
    for at, it in enumerate(spec.replacements):
        if not it.placed:
            yield from exchange_disk(spec, state, at, it)
            yield Note({"placed": True}, at)
    if stop.proves_after:
        yield from take_last_snapshot(spec, state)
    yield Note({"settled": True})


def _shut_down(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    """The VM that was running when the stop was decided is asked to shut down, once."""
    yield from was_shut_down(state, stop)
    vm = state.vm
    if vm is None or vm["power_state"] != "Running" or state.started != stop.was_started:
        return
    yield from _too_long(spec, state, stop)
    if SHUTTING_DOWN & set(vm["current_operations"].values()):
        yield Wait(m_("The VM is shutting down."))
    if is_released(spec, state):
        yield give_up(spec, state, m_("Somebody has lifted the blocks that this job had set on the VM."))
    if state.now - stop.stopping > PROMPT_S:
        yield Note({"stopping": 0.0})
    yield Request("VM.clean_shutdown", (spec.vm,), m_("shut the VM down"), is_task=True, then={"shut": True})


def was_shut_down(state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    """The first look after our shutdown: it ended whatever start was the last, also one that came between the decision
    and the shutdown (the guest rebooted, or its host died and another one has started it)."""
    if stop.shut and state.vm is not None:
        is_down = state.vm["power_state"] == "Halted"
        yield Note({"shut": False, "was_started": state.started if is_down else stop.was_started})


def _copy_difference(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """What the guest has written since the snapshot. Copied once more, it writes the same blocks and those that came
    since: so whenever there is a doubt it is copied anew."""
    if it.written:
        return  # it is the VM's disk already
    if it.void:
        yield give_up(spec, state, m_("{disk} was changed while its VM was down.", disk=it.name))
    again = {"copied": False, "complete": False, "sum_old": "", "sum_new": "", "summed": "", "proven": ""}
    if pending_call(spec, COPY, at) is not None:
        if is_in_use(state, it):
            yield Wait(m_("The server may still be copying {disk}; waiting for it to end.", disk=it.name))
        yield Note(again, at)
    now = state.signs(it)
    if it.complete and (it.watch != state.watch or it.signs is None or may_differ(it.signs, now)):
        yield Note({**again, "copies": it.copies + 1}, at)
    if it.complete:
        return
    if it.copies >= MOST_COPIES:
        text = m_("{disk} was copied {n} times and changed during each copy.", disk=it.name, n=it.copies)
        yield give_up(spec, state, text)
    base = state.vdis.get(it.base)
    if base is None or not is_whole(base) or not it.base:
        yield give_up(spec, state, m_("The snapshot of {disk} no longer exists.", disk=it.name))
    if not is_whole(state.vdis.get(it.new)):
        yield give_up(spec, state, m_("The disk that should replace {disk} no longer exists.", disk=it.name))
    if not it.copied:
        if it.signs != now or it.watch != state.watch:
            yield Note({"signs": now, "watch": state.watch}, at)
        does = m_("copy what has changed on {disk}", disk=it.name)
        yield Request(COPY, (it.old, NULL, it.base, it.new), does, at, is_task=True, then={"copied": True})
    yield Note({"complete": True}, at)


def has_run_since(state: ExchangeState, stop: ShortStop) -> bool:
    """The VM runs, or was started since it was stopped, by us or by somebody."""
    return state.vm is not None and (state.vm["power_state"] != "Halted" or state.started != stop.was_started)


def start(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    """Our blocks go, and the VM starts where it ran; elsewhere if that host cannot take it any more."""
    yield from was_shut_down(state, stop)
    if state.vm is None or has_run_since(state, stop):
        return
    now = state.vm["blocked_operations"]
    others = {operation: reason for operation, reason in now.items() if reason != spec.reason}
    if others != dict(now):
        yield Request(BLOCK, (spec.vm, others), m_("allow the VM to be started and changed again"))
    if STARTING & set(state.vm["current_operations"].values()):
        yield Wait(m_("The VM is starting."))
    does = m_("start the VM")
    if stop.host:
        yield Request("VM.start_on", (spec.vm, stop.host, False, False), does, is_task=True)
    yield Request("VM.start", (spec.vm, False, False), does, is_task=True)


def _back_to_work(spec: ExchangeSpec, state: ExchangeState, stop: ShortStop) -> Iterator[Step]:
    if stop.up:
        return
    yield from start(spec, state, stop)
    yield Note({"up": state.now, "down": max(0.0, state.now - stop.stopping), "blocks": {}})


def _prove_afterwards(
    spec: ExchangeSpec, state: ExchangeState, stop: ShortStop, at: int, it: Replacement
) -> Iterator[Step]:
    """The source, which nobody has had since, and the snapshot of the new disk from before the start."""
    if it.proven or it.unprovable:
        return
    if not is_whole(state.vdis.get(it.old)) or not is_whole(state.vdis.get(it.after)):
        yield Note({"unprovable": m_("One of the two disks no longer exists.")}, at)
        return
    why = sizes_differ(state, it.old, it.after)
    if why:
        yield Note({"unprovable": why}, at)
    if it.summed != state.watch and not it.sum_old:
        yield Note({"summed": state.watch}, at)
    does = m_("compare the contents of {disk} and its copy", disk=it.name)
    for key, ref in (("sum_old", it.old), ("sum_new", it.after)):
        if not getattr(it, key):
            yield Request(CHECKSUM, (ref,), does, at, is_task=True, then={key: ANSWER})
    if it.sum_old == it.sum_new:
        yield Note({"proven": "afterwards"}, at)
    if stop.accepted:
        yield Note({"unprovable": m_("Its content differs; the new disk was accepted.")}, at)
    text = m_("The new disk of {disk} does not have the content of the old one.", disk=it.name)
    yield Stop(sentences(text, m_("Nothing was removed."), *account(spec, state)))
