"""Marks and blocks, the exchange itself, and what becomes of the source."""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from xsmigui.core.messages import m_, sentences
from xsmigui.core.migration.exchange.checks import account, give_up, is_in_place, is_released
from xsmigui.core.migration.exchange.marks import (
    JOB,
    KEPT,
    TAG,
    Kept,
    has_inherited_mark,
    is_kept_record,
    job_of_record,
    mark_of,
)
from xsmigui.core.migration.exchange.values import (
    BLOCK,
    BLOCKED,
    CHECKSUM,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    is_of_job,
)
from xsmigui.core.migration.sameness import is_free, is_whole, may_differ
from xsmigui.core.migration.steps import ANSWER, Note, Request, Step, Stop

_CONNECTION: Final = (
    "VM",
    "userdevice",
    "bootable",
    "mode",
    "type",
    "unpluggable",
    "empty",
    "other_config",
    "qos_algorithm_type",
    "qos_algorithm_params",
)
"""The fields of a VBD that are given when it is created."""


def mark(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    if state.vm is not None and not job_of_record(state.vm):
        if has_inherited_mark(state.vm["other_config"], state.vm["uuid"]):
            does = m_("remove the mark of another VM, which this one was made from")
            yield Request("VM.remove_from_other_config", (spec.vm, JOB), does)
        params = (spec.vm, JOB, mark_of(spec.job, state.vm["uuid"]))
        yield Request("VM.add_to_other_config", params, m_("mark the VM"))
    for at, it in enumerate(spec.replacements):
        if it.placed:
            continue
        for ref in (it.old, it.new) if it.spare else (it.old,):
            yield from mark_disk(spec, state, at, ref)


def mark_disk(spec: ExchangeSpec, state: ExchangeState, at: int, ref: str) -> Iterator[Step]:
    """A disk gets the job's mark, in the place of one that it has inherited from a disk it was copied of."""
    vdi = state.vdis[ref]
    if not job_of_record(vdi):
        yield from without_mark(state, ref, JOB, at)
        does = m_("mark {disk}", disk=spec.replacements[at].name)
        yield Request("VDI.add_to_other_config", (ref, JOB, mark_of(spec.job, vdi["uuid"])), does, at)


def block(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """Somebody else's block serves as well as ours and is left alone. Ours are set once, never again."""
    if state.vm is None or spec.blocks is not None:
        return
    now = dict(state.vm["blocked_operations"])
    blocked = [operation for operation in BLOCKED if operation != "snapshot" or spec.stop is None]  # ours may be due
    wanted = {operation: spec.reason for operation in blocked if operation not in now}
    if wanted:
        yield Request(BLOCK, (spec.vm, now | wanted), m_("prevent the VM from being started or changed"))
    yield Note({"blocks": {operation: now[operation] for operation in BLOCKED if operation in now}})


def exchange_disk(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    yield from _known_by(state, at, it)
    mine, theirs = state.connection(it.new), state.connection(it.old)
    if it.vbd and not mine:
        if not state.free_position:
            yield give_up(spec, state, m_("The VM has no free position for another disk."))
            return
        does = m_("attach the new disk of {disk} at a free position", disk=it.name)
        yield Request("VBD.create", (connection_of(it, it.new, state.free_position),), does, at)
    yield from _copy_metadata(state, at, it)
    if it.vbd:
        if theirs:
            yield Request("VBD.destroy", (theirs,), m_("release {disk}", disk=it.name), at)
        if state.vbds[mine]["userdevice"] != it.vbd["userdevice"]:
            does = m_("put the new disk at position {position}", position=it.vbd["userdevice"])
            yield Request("VBD.set_userdevice", (mine, it.vbd["userdevice"]), does, at)


def connection_of(it: Replacement, vdi: str, position: str) -> dict[str, Any]:
    return {field: it.vbd[field] for field in _CONNECTION if field in it.vbd} | {"VDI": vdi, "userdevice": position}


def reconnected(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The source is connected again before its copy is released. If neither is connected, somebody else has released
    the disk, and it stays released."""
    mine, theirs, position = state.connection(it.new), state.connection(it.old), it.vbd["userdevice"]
    if mine and not theirs:
        if state.vbds[mine]["userdevice"] == position:
            if not state.free_position:
                yield Stop(m_("The VM has no free position for another disk."))
                return
            does = m_("move the new disk to a free position")
            yield Request("VBD.set_userdevice", (mine, state.free_position), does, at)
        does = m_("attach {disk} again", disk=it.name)
        yield Request("VBD.create", (connection_of(it, it.old, position),), does, at)
    if mine:
        yield Request("VBD.destroy", (mine,), m_("release the new disk"), at)


_KNOWN_BY: Final = ("name_label", "name_description", "tags")


def _known_by(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """People may have named the disk otherwise while it was copied: that is what its successor is to be called."""
    if it.is_copied and (not it.vbd or state.connection(it.old)):
        now = {name: state.vdis[it.old][name] for name in _KNOWN_BY}
        if any(now[name] != it.vdi[name] for name in _KNOWN_BY):
            yield Note({"vdi": {**it.vdi, **now}}, at)


def _copy_metadata(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The new disk gets what people know the old one by."""
    new = state.vdis[it.new]
    does = m_("give the new disk the name of {disk}", disk=it.name)
    for name in ("name_label", "name_description"):
        if new[name] != it.vdi[name]:
            yield Request(f"VDI.set_{name}", (it.new, it.vdi[name]), does, at)
    tags = [tag for tag in it.vdi["tags"] if tag != TAG]  # a copy of a kept source has inherited it
    if sorted(new["tags"]) != sorted(tags):
        yield Request("VDI.set_tags", (it.new, tags), does, at)
    yield from without_mark(state, it.new, KEPT, at)
    for key, value in it.vdi["other_config"].items():
        if key not in (JOB, KEPT) and new["other_config"].get(key) != value:
            yield from without_mark(state, it.new, key, at)
            yield Request("VDI.add_to_other_config", (it.new, key, value), does, at)


def clean_up(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """All new disks were seen in their places: the sources are kept or removed, and our marks and blocks go."""
    for at, it in enumerate(spec.replacements):
        old = state.vdis.get(it.old)
        if old is None or old["uuid"] != it.vdi["uuid"]:
            continue
        if state.connection(it.old):
            text = m_("{disk} is attached to its VM again, and is left as it is.", disk=it.name)
            yield Stop(sentences(text, *account(spec, state)))
        if spec.keeps:
            yield from _keep_source(spec, state, at, it)
        elif _may_be_removed(spec, state, it):
            yield from _look_at_source(state, at, it)
            does = m_("remove {disk} from its old SR", disk=it.name)
            yield Request("VDI.destroy", (it.old,), does, at)
        else:
            yield Note({"keeps": True})
    for at, it in enumerate(spec.replacements):
        yield from unmark(spec, state, at, it.new)
        yield from stray_copies(spec, state, at, it)
    yield from unblock(spec, state)


def _may_be_removed(spec: ExchangeSpec, state: ExchangeState, it: Replacement) -> bool:
    """Nobody has anything connected to the source, and what took its place is whole and there. A source whose copy was
    to be proved and could not be stays."""
    if not is_free(state.vdis[it.old]) or is_held(state, it.old) or is_released(spec, state):
        return False
    return is_whole(state.vdis.get(it.new)) and is_in_place(state, it) and (it.is_proven or not spec.prove)


def _look_at_source(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """Somebody may have written to the source since its copy was compared with it: as long as this program has watched
    it all the time, and it occupies what it did, nobody has. Else its sum tells, and without one it is kept."""
    watched = it.summed if it.is_proven else it.watch
    is_doubtful = it.signs is None or may_differ(it.signs, state.signs(it))
    if watched == state.watch and not is_doubtful:
        return
    if not it.is_proven or it.unprovable:
        yield Note({"keeps": True})
    if it.summed_last != state.watch:
        yield Note({"sum_last": "", "summed_last": state.watch}, at)
    if not it.sum_last:
        does = m_("look whether {disk} was written to since", disk=it.name)
        yield Request(CHECKSUM, (it.old,), does, at, is_task=True, then={"sum_last": ANSWER})
    if it.sum_last != it.sum_old:
        yield Note({"keeps": True})


def _keep_source(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    old, does = state.vdis[it.old], m_("keep the source of {disk}", disk=it.name)
    if old["name_label"] != spec.kept_name(it):
        yield Request("VDI.set_name_label", (it.old, spec.kept_name(it)), does, at)
    if TAG not in old["tags"]:
        yield Request("VDI.add_tags", (it.old, TAG), does, at)
    if not is_kept_record(old) and it.new in state.vdis:
        yield from without_mark(state, it.old, KEPT, at)
        kept = Kept(
            job=spec.job,
            vm=spec.vm_uuid,
            position=it.vbd.get("userdevice", ""),
            by=state.vdis[it.new]["uuid"],
            name=it.vdi["name_label"],
            until=spec.until,
            uuid=it.vdi["uuid"],
            sum=it.sum_old if it.is_copied else "",
            used=it.signs.used if it.is_copied and it.signs is not None else int(old["physical_utilisation"]),
        )
        yield Request("VDI.add_to_other_config", (it.old, KEPT, json.dumps(msgspec.to_builtins(kept))), does, at)
    yield from unmark(spec, state, at, it.old)


def stray_copies(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """What a `VDI.create` of this job has made whose answer was lost. Where none was lost nothing is ours: snapshots
    and copies of a copy in the making bear its name and its mark too (xapi: VDI.copy and VDI.snapshot carry both
    along), and are somebody's."""
    if not it.astray:
        return
    for ref in state.named.get(at, ()):
        vdi = state.vdis.get(ref)
        if vdi is None or ref in (it.old, it.new) or vdi["is_a_snapshot"]:
            continue
        if is_free(vdi) and not vdi["snapshots"] and is_of_job(spec, vdi) and not is_held(state, ref):
            yield Request("VDI.destroy", (ref,), m_("remove an empty copy of {disk}", disk=it.name), at)


def is_held(state: ExchangeState, ref: str) -> bool:
    """Somebody else has the disk by now (a snapshot, say): it is theirs, and stays."""
    return bool(state.held.get(ref)) or any(not other.is_control_domain for other in state.holders.get(ref, ()))


def unmark(spec: ExchangeSpec, state: ExchangeState, at: int, vdi: str) -> Iterator[Step]:
    if vdi in state.vdis and is_of_job(spec, state.vdis[vdi]):
        yield from without_mark(state, vdi, JOB, at)


def without_mark(state: ExchangeState, vdi: str, key: str, at: int) -> Iterator[Step]:
    if key in state.vdis[vdi]["other_config"]:
        does = m_("remove the mark “{key}”", key=key)
        yield Request("VDI.remove_from_other_config", (vdi, key), does, at)


def unblock(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """What lets the VM run comes last."""
    if state.vm is None:
        return
    if is_of_job(spec, state.vm):
        yield Request("VM.remove_from_other_config", (spec.vm, JOB), m_("remove the mark from the VM"))
    now = state.vm["blocked_operations"]
    others = {operation: reason for operation, reason in now.items() if reason != spec.reason}
    if others != dict(now):
        yield Request(BLOCK, (spec.vm, others), m_("allow the VM to be started and changed again"))
