"""The way back: everything as it was, each step the reverse of one forward."""

from collections.abc import Iterator
from typing import Final

import msgspec

from xsmigui.core.messages import m_, sentences
from xsmigui.core.migration.exchange.checks import account, other_job, why_no_way_back
from xsmigui.core.migration.exchange.copying import is_in_use
from xsmigui.core.migration.exchange.marks import JOB, KEPT, TAG, is_kept_record
from xsmigui.core.migration.exchange.placing import (
    is_held,
    mark_disk,
    reconnected,
    stray_copies,
    unblock,
    unmark,
    without_mark,
)
from xsmigui.core.migration.exchange.snapshots import remove_snapshots
from xsmigui.core.migration.exchange.stopping import SHUTTING_DOWN, STARTING, has_run_since, start, was_shut_down
from xsmigui.core.migration.exchange.values import (
    COPY,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    is_of_job,
)
from xsmigui.core.migration.sameness import is_free
from xsmigui.core.migration.steps import Note, Request, Step, Stop, Wait
from xsmigui.core.records import Task


def roll_back(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    why_not = why_no_way_back(spec, state)
    if why_not:
        yield Stop(sentences(why_not, *account(spec, state)))
    if other_job(spec, state) and not _has_marked(spec, state):
        return  # the other job had it first, and nothing was changed by this one
    yield from _end_copy(spec, state)
    yield from _the_vm_first(spec, state)
    for at, it in reversed(list(enumerate(spec.replacements))):
        yield from _restored(spec, state, at, it)
        if it.vbd and state.vm is not None:
            yield from _marked_again(spec, state, at, it)
            yield from reconnected(state, at, it)
        new = state.vdis.get(it.new)
        if new is not None and it.spare:
            yield from _spared(state, at, it)
            yield from unmark(spec, state, at, it.new)
        elif new is not None and is_held(state, it.new):
            yield from unmark(spec, state, at, it.new)
        elif new is not None and is_of_job(spec, new):
            if not is_free(new):
                yield Wait(m_("The copy of {disk} is still in use.", disk=it.name))
            yield Request("VDI.destroy", (it.new,), m_("remove the copy of {disk}", disk=it.name), at, then={"new": ""})
        yield from stray_copies(spec, state, at, it)
    yield from remove_snapshots(spec, state)
    for at, it in enumerate(spec.replacements):
        yield from unmark(spec, state, at, it.old)
    yield from unblock(spec, state)


def _marked_again(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """A copy whose mark was taken away when all was settled is still ours as long as it is the VM's disk."""
    if state.connection(it.new) and it.is_copied and it.new in state.vdis:
        yield from mark_disk(spec, state, at, it.new)


def _the_vm_first(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """A VM that a move with a short stop has shut down runs again on its own disks before anything is tidied up."""
    if spec.stop is not None:
        yield from was_shut_down(state, spec.stop)
    if spec.stop is None or not spec.stop.is_under_way or state.vm is None or has_run_since(state, spec.stop):
        return
    for at, it in reversed(list(enumerate(spec.replacements))):
        yield from _restored(spec, state, at, it)
        yield from reconnected(state, at, it)
    yield from start(spec, state, spec.stop)


def _has_marked(spec: ExchangeSpec, state: ExchangeState) -> bool:
    if state.vm is not None and spec.reason in state.vm["blocked_operations"].values():
        return True
    marked = [state.vm] if state.vm is not None else []
    marked += [state.vdis[ref] for it in spec.replacements for ref in (it.old, it.new) if ref in state.vdis]
    return any(is_of_job(spec, record) for record in marked)


def _end_copy(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """A copy that the server still makes is cancelled and its end waited for, as long as it takes."""
    pending = spec.pending
    if pending is None:
        return
    if pending.disk < 0:
        if pending.task:
            if pending.method == "VM.clean_shutdown" and _can_be_cancelled(state.task):
                yield Request("task.cancel", (pending.task,), m_("cancel the shutdown of the VM"))
            yield Wait("", pending.task)
        elif state.vm is not None and UNFINISHED & set(state.vm["current_operations"].values()):
            yield Wait(m_("The server is still working on the VM."))
        return
    it = spec.replacements[pending.disk]
    waiting = Wait(m_("The server is still working on the copy of {disk}.", disk=it.name), pending.task)
    if pending.method == COPY and not pending.task and is_in_use(state, it):
        source = state.vdis.get(str(pending.params[0])) if pending.params else None
        working = (source or state.vdis[it.old])["current_operations"]
        running = [task for task, what in working.items() if what == "copy"]
        if len(running) == 1:
            yield Note({"pending": msgspec.structs.replace(pending, task=running[0])})
        yield waiting
    if pending.task:
        if pending.method == COPY and _can_be_cancelled(state.task):
            yield Request("task.cancel", (pending.task,), m_("cancel the copy of {disk}", disk=it.name), pending.disk)
        yield waiting


UNFINISHED: Final = frozenset({"snapshot", *SHUTTING_DOWN, *STARTING})
"""What a request of ours may still be doing with the VM whose answer was lost."""


def _can_be_cancelled(task: Task | None) -> bool:
    """It runs, and the server has not taken up a wish to cancel it."""
    return task is not None and task.status == "pending" and "cancel" not in task.current_operations.values()


def _restored(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The source gets its name back."""
    old, does = state.vdis[it.old], m_("give {disk} its name back", disk=it.name)
    if old["name_label"] == spec.kept_name(it):
        yield Request("VDI.set_name_label", (it.old, it.vdi["name_label"]), does, at)
    if TAG in old["tags"] and TAG not in it.vdi["tags"]:
        yield Request("VDI.remove_tags", (it.old, TAG), does, at)
    if is_kept_record(old) and not is_kept_record(it.vdi):
        yield from without_mark(state, it.old, KEPT, at)


def _spared(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """What took the place becomes a kept source again."""
    new, does = state.vdis[it.new], m_("give the kept source its name back")
    for name in ("name_label", "name_description"):
        if new[name] != it.spare[name]:
            yield Request(f"VDI.set_{name}", (it.new, it.spare[name]), does, at)
    if sorted(new["tags"]) != sorted(it.spare["tags"]):
        yield Request("VDI.set_tags", (it.new, list(it.spare["tags"])), does, at)
    for key, value in it.spare["other_config"].items():
        if key != JOB and new["other_config"].get(key) != value:
            yield from without_mark(state, it.new, key, at)
            yield Request("VDI.add_to_other_config", (it.new, key, value), does, at)
