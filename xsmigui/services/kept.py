"""Letting kept sources go: removed on request only, and never what is in use again or has changed since it was kept."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.exchange import CHECKSUM, kept_note
from xsmigui.core.migration.holders import Hold
from xsmigui.core.migration.sameness import is_whole
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import VdiRef
from xsmigui.core.text import _, joined
from xsmigui.services.carrying import result_of
from xsmigui.services.holding import DESTROY, Disk, read_disk
from xsmigui.services.verification import GONE

log = logging.getLogger(__name__)

DEADLINE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Purged:
    """How many kept sources were removed, why others were left alone (a sentence each), and those that may have been
    written to since they were kept, which are removed only if the operator wants it all the same."""

    removed: int
    left: tuple[str, ...]
    doubtful: tuple[VdiRef, ...] = ()


async def purge(gateway: Gateway, sources: Iterable[VdiRef], *, doubtful_too: bool = False) -> Purged:
    """Remove kept sources, each looked at once more. Raises the wire's errors."""
    removed, left, doubtful = 0, [], []
    for ref in sources:
        try:
            record = await gateway.call("VDI.get_record", ref)
            if not doubtful_too and await _may_have_changed(gateway, ref, record):
                doubtful.append(ref)
                continue
            disk = await read_disk(gateway, ref)  # once more: a sum may have taken hours
            reason = await _why_not(gateway, ref, disk)
            if reason or disk is None:
                left.append(f"{record['name_label']}: {reason}")
                continue
            if not doubtful_too and disk.record["physical_utilisation"] != record["physical_utilisation"]:
                doubtful.append(ref)
                continue
            await gateway.call(DESTROY, ref, deadline=DEADLINE_S)
            removed += 1
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
    return Purged(removed, tuple(left), tuple(doubtful))


async def _why_not(gateway: Gateway, ref: VdiRef, disk: Disk | None) -> str:
    """Why a kept source must stay; empty if it may go."""
    record = disk.record if disk is not None else {}
    note = kept_note(record["other_config"], record["uuid"]) if disk is not None else None
    if disk is None or note is None:
        return _("it is not a kept source.")
    others = [holder for holder in disk.holders if holder.hold is not Hold.kept]
    if any(holder.hold is Hold.job for holder in others):
        return _("another job of this program is working on it: {job}.", job=joined([o.name for o in others]))
    if others or record["current_operations"]:
        return _("it is in use again.")
    if not note.uuid and await _has_double(gateway, ref, record):
        return _("another disk carries the same note, so the source cannot be told from its copy.")
    try:
        successor = await gateway.call("VDI.get_record", await gateway.call("VDI.get_by_uuid", note.by))
    except ServerFailure as failure:
        if failure.code not in GONE:
            raise
        successor = None
    if not is_whole(successor):
        return _("the disk that replaced it no longer exists.")
    return ""


async def _has_double(gateway: Gateway, ref: VdiRef, record: dict[str, Any]) -> bool:
    """A copy of the source carries its note and its name along."""
    same = await gateway.call("VDI.get_by_name_label", record["name_label"])
    others = [await gateway.call("VDI.get_other_config", other) for other in same if other != ref]
    return any(kept_note(config, record["uuid"]) is not None for config in others)


async def _may_have_changed(gateway: Gateway, ref: VdiRef, record: dict[str, Any]) -> bool:
    """Its content may not be what was kept any more: by its sum if that is known, else by what it occupies, which the
    server's own tidying up may change too."""
    note = kept_note(record["other_config"], record["uuid"])
    if note is not None and note.sum:
        task = await gateway.call(f"Async.{CHECKSUM}", ref)
        ended = await gateway.wait_for_task(task)
        await gateway.call("task.destroy", task)
        if ended.status == "success":
            return result_of(ended) != note.sum
        log.info("%s: %s", CHECKSUM, ended.error_info)
    return note is not None and note.used >= 0 and int(record["physical_utilisation"]) != note.used
