"""Making a copy, throwing a void one away, and proving that a copy is one."""

from collections.abc import Iterator
from typing import Any, Final

from xsmigui.core.messages import Text, m_, sentences
from xsmigui.core.migration.exchange.checks import give_up
from xsmigui.core.migration.exchange.marks import JOB, kept_note, mark_of
from xsmigui.core.migration.exchange.placing import is_held, reconnected, stray_copies, unmark
from xsmigui.core.migration.exchange.values import (
    CHECKSUM,
    COPY,
    CREATE,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    is_of_job,
)
from xsmigui.core.migration.sameness import Record, is_free, is_whole, may_differ
from xsmigui.core.migration.steps import ANSWER, Note, Pending, Request, Step, Wait
from xsmigui.core.refs import NULL

MOST_COPIES: Final = 3
"""How often a disk is copied whose copy turns out to be void, before the job gives up."""


_AFRESH: Final[dict[str, Any]] = {
    "new": "",
    "written": False,
    "complete": False,
    "signs": None,
    "watch": "",
    "copied": False,
    "scanned": False,
    "void": False,
    "sum_old": "",
    "sum_new": "",
    "summed": "",
    "proven": "",
    "unprovable": "",
}
"""What is noted of a disk whose copy was thrown away."""


def copy_disk(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    pending = pending_call(spec, COPY, at)
    if pending is not None:
        if is_in_use(state, it):
            yield Wait(m_("The server may still be copying {disk}; waiting for it to end.", disk=it.name))
        yield Note({"void": True}, at)
    if it.void:
        yield from _thrown_away(spec, state, at, it)
    if it.complete:
        return
    if it.new and it.new not in state.vdis:
        yield Note({**_AFRESH, "copies": it.copies + 1}, at)
    if it.copies >= MOST_COPIES:
        text = m_("{disk} was copied {n} times and changed during each copy.", disk=it.name, n=it.copies)
        yield give_up(spec, state, text)
    if not it.copied:
        now = state.signs(it)
        if it.signs != now or it.watch != state.watch:
            yield Note({"signs": now, "watch": state.watch}, at)
        if not it.new:
            yield from stray_copies(spec, state, at, it)
        if not it.new:
            does = m_("create a disk for the copy of {disk}", disk=it.name)
            yield Request(CREATE, (blank(spec, it, state.vdis[it.old]),), does, at, then={"new": ANSWER})
        yield from name_in_mark(spec, state, at, it)
        params = (it.old, NULL, NULL, it.new)
        yield Request(COPY, params, m_("copy {disk}", disk=it.name), at, is_task=True, then={"copied": True})
    if not it.scanned:
        yield Request("SR.scan", (it.sr,), m_("check the copy of {disk}", disk=it.name), at, then={"scanned": True})
    copy = state.vdis[it.new]
    if not is_whole(copy):
        yield give_up(spec, state, m_("The SR does not show the copy of {disk}.", disk=it.name))
    if int(copy["virtual_size"]) < int(state.vdis[it.old]["virtual_size"]):
        yield give_up(spec, state, m_("The copy of {disk} is smaller than the disk.", disk=it.name))
    yield Note({"complete": True}, at)


def name_in_mark(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The mark of the new disk, which nobody could name before it was there, names it before it holds anything: a copy
    that somebody makes of it from now on is not ours."""
    new = state.vdis[it.new]
    mark = mark_of(spec.job, new["uuid"])
    if is_of_job(spec, new) and new["other_config"][JOB] != mark:
        does = m_("mark the copy of {disk}", disk=it.name)
        yield Request("VDI.set_other_config", (it.new, {**new["other_config"], JOB: mark}), does, at)


def _thrown_away(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """A void copy goes, and the disk is copied anew. Where it has taken the disk's place already, the disk is connected
    again first. A copy that no longer bears our mark, or that somebody holds, is theirs."""
    if it.vbd:
        yield from reconnected(state, at, it)
    copy = state.vdis.get(it.new)
    if copy is not None and is_of_job(spec, copy) and not is_held(state, it.new):
        if not is_free(copy):
            yield Wait(m_("The copy of {disk} is still in use.", disk=it.name))
        does = m_("discard the copy of {disk}", disk=it.name)
        yield Request("VDI.destroy", (it.new,), does, at, then={**_AFRESH, "copies": it.copies + 1})
    yield from unmark(spec, state, at, it.new)  # it is somebody else's by now
    yield Note({**_AFRESH, "copies": it.copies + 1}, at)


def pending_call(spec: ExchangeSpec, method: str, at: int) -> Pending | None:
    pending = spec.pending
    return pending if pending is not None and (pending.method, pending.disk) == (method, at) else None


def is_in_use(state: ExchangeState, it: Replacement) -> bool:
    """The server works with the copy: while it is written and for a moment after, the control domain has it connected
    (xapi 24.10, xapi_vdi.ml `copy`: the data go through a VBD of the control domain)."""
    copy = state.vdis.get(it.new)
    if copy is None:
        return False
    return not is_free(copy) or "copy" in state.vdis[it.old]["current_operations"].values()


def blank(spec: ExchangeSpec, it: Replacement, source: Record) -> dict[str, Any]:
    return {
        "name_label": spec.incomplete_name(it),
        "name_description": source["name_description"],
        "SR": it.sr,
        "virtual_size": source["virtual_size"],
        "type": source["type"],
        "sharable": False,
        "read_only": False,
        "other_config": {JOB: spec.job},
        "xenstore_data": source.get("xenstore_data", {}),
        "sm_config": {},
        "tags": [],
    }


def prove(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """Nothing may have been written to the disk since its copy began, nor to a kept source since it was kept: either
    all signs stand and this program has watched all the time, or the contents are compared."""
    if it.written:
        return  # it is the VM's disk already
    doubt = _doubt(state, it)
    if it.spare and _was_written(state, it):
        text = m_("{disk} was written to while it was to be put back.", disk=it.name)
        yield give_up(spec, state, text)
    if it.proven == state.watch and not doubt:
        return
    if not (spec.prove or doubt):
        return
    why = it.unprovable or _sizes_of_copy_differ(state, it)
    if why:
        if doubt and it.is_copied:
            yield Note({"void": True}, at)
        elif it.spare and _occupies_more(it):
            text = m_(
                "{disk} may have been written to since it was kept, and its content cannot be compared.", disk=it.name
            )
            yield give_up(spec, state, sentences(text, why))
        elif not it.unprovable:
            yield Note({"unprovable": why}, at)
        return
    if it.summed != state.watch:
        yield Note({"sum_old": "", "sum_new": "", "summed": state.watch}, at)
    for key, ref in (("sum_old", it.old), ("sum_new", it.new)) if it.is_copied else (("sum_new", it.new),):
        if not getattr(it, key):
            does = m_("compare the contents of {disk} and its copy", disk=it.name)
            yield Request(CHECKSUM, (ref,), does, at, is_task=True, then={key: ANSWER})
    expected = it.sum_old if it.is_copied else _noted_sum(it)
    if it.sum_new == expected:
        yield Note({"proven": state.watch, "watch": state.watch, "signs": state.signs(it), "sum_old": expected}, at)
    elif it.is_copied and doubt:
        yield Note({"void": True}, at)
    elif it.is_copied:
        yield give_up(spec, state, m_("The copy of {disk} does not have the content of the disk.", disk=it.name))
    else:
        yield give_up(spec, state, m_("{disk} was written to since it was kept.", disk=it.name))


def _doubt(state: ExchangeState, it: Replacement) -> bool:
    """Something may have been written that only a comparison of the contents shows."""
    if not it.is_copied:
        return bool(_noted_sum(it)) and it.proven != state.watch
    return it.watch != state.watch or it.signs is None or may_differ(it.signs, state.signs(it))


def _was_written(state: ExchangeState, it: Replacement) -> bool:
    """A kept source occupies something else than when it was about to be put back."""
    return bool(state.vdis[it.new]["physical_utilisation"] != it.spare["physical_utilisation"])


def _occupies_more(it: Replacement) -> bool:
    """A kept source occupies something else than when it was kept."""
    note = kept_note(it.spare["other_config"], it.spare["uuid"])
    return note is not None and note.used >= 0 and int(it.spare["physical_utilisation"]) != note.used


def _noted_sum(it: Replacement) -> str:
    note = kept_note(it.spare["other_config"], it.spare["uuid"]) if it.spare else None
    return note.sum if note is not None else ""


def _sizes_of_copy_differ(state: ExchangeState, it: Replacement) -> Text:
    return sizes_differ(state, it.old, it.new) if it.is_copied else ""


def sizes_differ(state: ExchangeState, one: str, other: str) -> Text:
    """Sums are of the whole virtual size (xapi 24.10, xapi_vdi.ml `checksum`), and SRs round sizes up differently."""
    if state.vdis[one]["virtual_size"] != state.vdis[other]["virtual_size"]:
        return m_("The SRs round sizes differently, so that the contents cannot be compared.")
    return ""
