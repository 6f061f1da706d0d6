"""What jobs leave on servers to be known by: marks on VMs and disks, notes on kept sources, and blocks on VMs.

Servers copy all of it to whatever is made of a marked thing (xapi 24.10: `VDI.copy`, `VDI.snapshot`, `VM.clone`,
`VM.copy`, `VM.snapshot` and export carry `other_config` along, an import the blocked operations too). So a mark names
what it was put on, by its uuid, and one that names something else is inherited: no job works there, and it goes when a
job of ours needs its place. Marks of earlier versions name nothing, and count wherever they stand.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from xsmigui.core.migration.sameness import Record

JOB: Final = "xsmigui-job"
"""The key of `other_config` by which VMs and disks are marked that a job works on; its value is `mark_of`. The server
refuses to add a key that is there already (MAP_DUPLICATE_KEY), so of two jobs one gets it."""


KEPT: Final = "xsmigui-kept"
"""The key of `other_config` of a source that was kept; its value is a `Kept` as JSON."""


TAG: Final = "xsmigui: kept source"


OUR_BLOCK: Final = "xsmigui"
"""How the reasons of the blocks begin that this program sets itself."""


def mark_of(job: str, uuid: str) -> str:
    """The mark of a job on the VM or disk of this uuid."""
    return f"{job} {uuid}"


def job_on(other_config: Mapping[str, str], uuid: str) -> str:
    """The job that works on a VM or disk, by its mark; empty if it bears none, or one that it has inherited."""
    job, _space, of = other_config.get(JOB, "").partition(" ")
    return job if of in ("", uuid) else ""


def has_inherited_mark(other_config: Mapping[str, str], uuid: str) -> bool:
    """A VM or disk bears the mark of something else that it was made from."""
    return JOB in other_config and not job_on(other_config, uuid)


def block_reason(job: str) -> str:
    """Stands beside every operation that a job blocks."""
    return f"{OUR_BLOCK}: its virtual disks are being moved (job {job})"


def blocking_job(reason: str) -> str:
    """The job that has set a block, by its reason; empty if it is none of ours."""
    head, found, job = reason.rpartition("(job ")
    return job.rstrip(")") if found and head.startswith(OUR_BLOCK) else ""


class Kept(msgspec.Struct, frozen=True):
    """The note on a kept source: which job moved it, out of which place, what took its place, and until when it is to
    be kept. `vm` is empty if the disk had none. `uuid` is the source's own: copies of a kept source carry its note
    along, and are none (empty in notes of earlier versions). `sum` is its content's, if it was computed; `used` is what
    it occupied, in bytes (-1: not noted)."""

    job: str
    vm: str
    position: str
    by: str
    name: str
    until: str
    uuid: str = ""
    sum: str = ""
    used: int = -1


def kept_note(other_config: Mapping[str, str], uuid: str) -> Kept | None:
    """The note on a kept source, by its `other_config` and its uuid; None if the disk is none: it has no note, one that
    somebody has spoiled, or one that a copy of a kept source has carried along (VDI.copy and VDI.snapshot do)."""
    try:
        note = msgspec.json.decode(other_config.get(KEPT, ""), type=Kept)
    except msgspec.MsgspecError:
        return None
    return note if note.uuid in ("", uuid) else None


def is_kept(other_config: Mapping[str, str], uuid: str) -> bool:
    """A kept source, also one whose note cannot be read: it is left alone all the same. A note of another disk, which
    came along with a copy, does not count."""
    if KEPT not in other_config or kept_note(other_config, uuid) is not None:
        return KEPT in other_config
    try:
        return not msgspec.json.decode(other_config[KEPT], type=Kept).uuid
    except msgspec.MsgspecError:
        return True


def job_of_record(record: Record) -> str:
    """`job_on` of a VM or disk as the API gives it."""
    return job_on(record["other_config"], str(record["uuid"]))


def is_kept_record(record: Record) -> bool:
    """`is_kept` of a disk as the API gives it."""
    return is_kept(record["other_config"], str(record["uuid"]))
