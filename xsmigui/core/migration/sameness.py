"""Signs of sameness: what a server shows of a disk that would be different if something had been written to it.

They are noted before a copy begins and compared at every later look. None of them proves that the content is the same;
each proves that it may not be. What they cannot show is covered in two ways: somebody who connects the disk while this
program watches is seen, and after a time in which it did not watch, contents are compared by sums of the server
(`VDI.checksum`) or the copy is made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from xsmigui.core.messages import Text, m_
from xsmigui.core.refs import is_null

Record = Mapping[str, Any]


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """Of a disk: its uuid, its virtual size and what it occupies, in bytes; of its VM: when it was started last
    (`VM_metrics.start_time`, which xapi sets at each start of the domain; empty for a disk of no VM)."""

    uuid: str
    size: int
    used: int
    started: str = ""


@dataclass(frozen=True, slots=True)
class OtherConnection:
    """Somebody who has a disk connected besides the VM that the job is about. `writes` says that it could write."""

    vbd: str
    name: str
    is_control_domain: bool
    writes: bool


def signs_of(vdi: Record, started: str) -> Signs:
    """The signs that a disk's record shows now."""
    return Signs(
        uuid=vdi["uuid"], size=int(vdi["virtual_size"]), used=int(vdi["physical_utilisation"]), started=started
    )


def difference(before: Signs, now: Signs) -> Text:
    """What shows that the disk is no longer what it was, as a sentence; empty if nothing does."""
    if now.uuid != before.uuid:
        return m_("Another disk is in its place.")
    if now.size != before.size:
        return m_("Its size has changed.")
    if now.started != before.started:
        return m_("Its VM was started meanwhile.")
    return ""


def may_differ(before: Signs, now: Signs) -> bool:
    """What the disk occupies has changed: somebody may have written to it, or the server has tidied up. Only a
    comparison of the contents can tell."""
    return now.used != before.used


def is_whole(vdi: Record | None) -> bool:
    """The server knows the disk and its SR has it."""
    return vdi is not None and bool(vdi["managed"]) and not vdi["missing"]


def is_free(vdi: Record) -> bool:
    """Nothing at all is connected to the disk."""
    return all(is_null(vbd) for vbd in vdi["VBDs"])
