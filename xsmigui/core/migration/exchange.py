"""Copy and exchange: how a disk of a halted VM, or of none, goes to another SR without ever being the only one.

The server's own storage migration ends by removing the source. Here the program makes the copy itself and puts it in
the place of the disk, which then stays behind, renamed and marked, until the operator lets it go.

What is to be done next is a pure function of what the server shows: `forward` and `back` name the first thing that
lacks. So it does not matter where an earlier run was cut off, nor whether a call whose answer was lost was carried out.
The order is such that at each moment the VM has a complete disk, and that each step but the removal of the source can
be undone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from xsmigui.core.refs import NULL, is_null
from xsmigui.core.text import _

Record = Mapping[str, Any]

JOB: Final = "xsmigui-job"
"""The key of `other_config` by which disks are marked that a job works on; its value is the job's name."""

KEPT: Final = "xsmigui-kept"
"""The key of `other_config` of a source that was kept; its value is a `Kept` as JSON."""

TAG: Final = "xsmigui: kept source"

BLOCKED: Final = (
    "start",
    "start_on",
    "migrate_send",
    "snapshot",
    "clone",
    "copy",
    "export",
    "revert",
    "destroy",
    "make_into_template",
    "provision",
)
"""What nobody may do with the VM meanwhile."""

COPY: Final = "VDI.copy"
CHECK: Final = "SR.scan"

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


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """A disk and what takes its place, as far as it has come.

    `old` and `new` are references; `vdi`, `vbd` and `spare` the records of the disk, its connection (empty where it has
    none) and the disk that takes its place, as they were at first. `spare` is empty where a copy is made on `sr`.
    `complete` says that the copy was made and checked.
    """

    old: str
    sr: str
    vdi: dict[str, Any]
    vbd: dict[str, Any] = {}
    spare: dict[str, Any] = {}
    new: str = ""
    complete: bool = False

    @property
    def name(self) -> str:
        return str(self.vdi["name_label"] or self.vdi["uuid"])

    @property
    def is_copied(self) -> bool:
        return not self.spare


@dataclass(frozen=True, slots=True)
class Deed:
    """What a job does to the disks of one VM (`vm` is empty where they have none). `keeps` says that the sources stay,
    to be kept until the day `until`; `on` is today. Both are ISO dates."""

    job: str
    vm: str
    vm_uuid: str
    replacements: tuple[Replacement, ...]
    keeps: bool
    on: str
    until: str

    @property
    def reason(self) -> str:
        """Stands beside every operation that is blocked."""
        return f"xsmigui: its virtual disks are being moved (job {self.job})"

    def incomplete_name(self, replacement: Replacement) -> str:
        """The name of a copy while it is made: unique, so that it is found again."""
        return f"[incomplete copy] {replacement.name} (xsmigui {self.job} {replacement.vdi['uuid'][:8]})"

    def kept_name(self, replacement: Replacement) -> str:
        return f"{replacement.name} [moved on {self.on}, kept]"


class Kept(msgspec.Struct, frozen=True):
    """What stands with a kept source: which job moved it, out of which place, what took its place, and until when it
    shall be kept. `vm` is empty where the disk had none."""

    job: str
    vm: str
    position: str
    by: str
    name: str
    until: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What the server shows: the VM, the disks by reference (those that are gone are not in it), the VM's connections
    by reference, and the positions that are free."""

    vm: Record | None
    vdis: Mapping[str, Record]
    vbds: Mapping[str, Record]
    free: tuple[str, ...]

    def connection(self, vdi: str) -> str:
        """The VM's connection to a disk; empty where there is none."""
        return next((ref for ref, vbd in self.vbds.items() if vbd["VDI"] == vdi and vbd["type"] != "CD"), "")


@dataclass(frozen=True, slots=True)
class Act:
    """The next call. `says` tells it to a person; `at` is the replacement that it is about."""

    method: str
    params: tuple[Any, ...]
    says: str
    at: int = -1


class CannotGoOn(Exception):
    """The server shows what must not be; the text says what. Nothing more may be done in this direction."""


class NotYet(Exception):
    """Something that the server still does must end first; the text says what."""


def forward(deed: Deed, sight: Sight) -> Act | None:
    """The next thing to do; None when all is done. Raises `CannotGoOn`, `NotYet`."""
    return next(_forward(deed, sight), None)


def back(deed: Deed, sight: Sight) -> Act | None:
    """The next thing to undo; None when all is as it was. Raises `CannotGoOn`, `NotYet`."""
    return next(_back(deed, sight), None)


def can_go_back(deed: Deed, sight: Sight) -> bool:
    """Every source is still there, and nothing can have been written to what took their places."""
    return all(_is_whole(sight.vdis.get(r.old)) for r in deed.replacements) and not _may_be_written(deed, sight)


def _may_be_written(deed: Deed, sight: Sight) -> bool:
    """The VM has new disks and runs, or could be started: our block of that is lifted last, when all is done, or
    somebody has lifted it. A disk of no VM is everybody's as soon as it has its name."""
    if sight.vm is None:
        return bool(deed.replacements) and all(_is_done(deed, sight, r) for r in deed.replacements)
    if not any(r.new and sight.connection(r.new) for r in deed.replacements):
        return False
    return sight.vm["power_state"] != "Halted" or "start" not in sight.vm["blocked_operations"]


def _is_whole(vdi: Record | None) -> bool:
    return vdi is not None and vdi["managed"] and not vdi["missing"]


def _forward(deed: Deed, sight: Sight) -> Iterator[Act]:
    _look_out(deed, sight)
    yield from _block(deed, sight)
    for at, replacement in enumerate(deed.replacements):
        if replacement.is_copied:
            yield from _copied(deed, sight, at, replacement)
    _look_for_others(deed, sight)
    for at, replacement in enumerate(deed.replacements):
        yield from _exchanged(deed, sight, at, replacement)
    if any(not _is_in_place(sight, r) for r in deed.replacements):
        raise CannotGoOn(_("A disk is not where it was put."))
    for at, replacement in enumerate(deed.replacements):
        yield from _dismissed(deed, sight, at, replacement)
    for at, replacement in enumerate(deed.replacements):
        yield from _unmark(deed, sight, at, replacement.new)
    yield from _unblock(deed, sight)


def _look_out(deed: Deed, sight: Sight) -> None:
    if deed.vm and sight.vm is None:
        raise CannotGoOn(_("The VM is gone."))
    if sight.vm is not None and sight.vm["power_state"] != "Halted":
        raise CannotGoOn(_("The VM is no longer halted."))
    for replacement in deed.replacements:
        placed = _is_in_place(sight, replacement)
        if not placed and not _is_whole(sight.vdis.get(replacement.old)):
            raise CannotGoOn(_("{disk} is gone, or its SR no longer has it.", disk=replacement.name))
        if (replacement.complete or replacement.spare) and not _is_whole(sight.vdis.get(replacement.new)):
            raise CannotGoOn(_("What shall take the place of {disk} is gone.", disk=replacement.name))


def _look_for_others(deed: Deed, sight: Sight) -> None:
    """Somebody else has connected a source meanwhile: what they write is not on the copy."""
    for it in deed.replacements:
        old = sight.vdis.get(it.old)
        if old is not None and any(not is_null(vbd) and vbd not in sight.vbds for vbd in old["VBDs"]):
            raise NotYet(_("{disk} is connected to another VM.", disk=it.name))


def _block(deed: Deed, sight: Sight) -> Iterator[Act]:
    """Somebody else's block serves as well as ours and is left alone."""
    if sight.vm is None or all(_is_done(deed, sight, r) for r in deed.replacements):
        return
    for operation in BLOCKED:
        if operation not in sight.vm["blocked_operations"]:
            says = _("block {operation} of the VM", operation=operation)
            yield Act("VM.add_to_blocked_operations", (deed.vm, operation, deed.reason), says)


def _unblock(deed: Deed, sight: Sight) -> Iterator[Act]:
    """What lets the VM run comes last."""
    blocked = sight.vm["blocked_operations"] if sight.vm is not None else {}
    ours = [operation for operation, reason in blocked.items() if reason == deed.reason]
    for operation in sorted(ours, key=lambda op: (op == "start", op == "start_on")):
        says = _("allow {operation} of the VM again", operation=operation)
        yield Act("VM.remove_from_blocked_operations", (deed.vm, operation), says)


def _copied(deed: Deed, sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    if it.complete:
        return
    source, copy = sight.vdis[it.old], sight.vdis.get(it.new)
    if source["other_config"].get(JOB) != deed.job:
        yield from _without(sight, it.old, JOB, at)
        says = _("mark {disk}", disk=it.name)
        yield Act("VDI.add_to_other_config", (it.old, JOB, deed.job), says, at)
    if copy is None:
        yield Act("VDI.create", (_blank(deed, it, source),), _("make room for a copy of {disk}", disk=it.name), at)
    yield Act(COPY, (it.old, NULL, NULL, it.new), _("copy {disk}", disk=it.name), at)


def _blank(deed: Deed, it: Replacement, source: Record) -> dict[str, Any]:
    return {
        "name_label": deed.incomplete_name(it),
        "name_description": source["name_description"],
        "SR": it.sr,
        "virtual_size": source["virtual_size"],
        "type": source["type"],
        "sharable": False,
        "read_only": False,
        "other_config": {JOB: deed.job},
        "xenstore_data": source.get("xenstore_data", {}),
        "sm_config": {},
        "tags": [],
    }


def _exchanged(deed: Deed, sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    mine, theirs = sight.connection(it.new), sight.connection(it.old)
    if it.vbd and not mine:
        says = _("connect the new disk of {disk} to a free position", disk=it.name)
        yield Act("VBD.create", (_connection(it, it.new, _free(sight)),), says, at)
    yield from _dressed(sight, at, it)
    if it.vbd:
        if theirs:
            yield Act("VBD.destroy", (theirs,), _("release {disk}", disk=it.name), at)
        if sight.vbds[mine]["userdevice"] != it.vbd["userdevice"]:
            says = _("put the new disk at position {position}", position=it.vbd["userdevice"])
            yield Act("VBD.set_userdevice", (mine, it.vbd["userdevice"]), says, at)


def _free(sight: Sight) -> str:
    if not sight.free:
        raise CannotGoOn(_("The VM has no free position for another disk."))
    return sight.free[0]


def _connection(it: Replacement, vdi: str, position: str) -> dict[str, Any]:
    return {field: it.vbd[field] for field in _CONNECTION} | {"VDI": vdi, "userdevice": position}


def _dressed(sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    """The new disk gets what people know the old one by."""
    new = sight.vdis[it.new]
    says = _("give the new disk the name of {disk}", disk=it.name)
    for field in ("name_label", "name_description"):
        if new[field] != it.vdi[field]:
            yield Act(f"VDI.set_{field}", (it.new, it.vdi[field]), says, at)
    if sorted(new["tags"]) != sorted(it.vdi["tags"]):
        yield Act("VDI.set_tags", (it.new, list(it.vdi["tags"])), says, at)
    if it.is_copied and it.vdi["read_only"] and not new["read_only"]:
        yield Act("VDI.set_read_only", (it.new, True), says, at)
    yield from _without(sight, it.new, KEPT, at)
    for key, value in it.vdi["other_config"].items():
        if key not in (JOB, KEPT) and new["other_config"].get(key) != value:
            yield from _without(sight, it.new, key, at)
            yield Act("VDI.add_to_other_config", (it.new, key, value), says, at)


def _is_in_place(sight: Sight, it: Replacement) -> bool:
    """The new disk has taken the old one's place."""
    if it.new not in sight.vdis or not (it.complete or it.spare):
        return False
    if not it.vbd:
        return bool(sight.vdis[it.new]["name_label"] == it.vdi["name_label"])
    mine = sight.connection(it.new)
    return bool(mine and not sight.connection(it.old) and sight.vbds[mine]["userdevice"] == it.vbd["userdevice"])


def _is_done(deed: Deed, sight: Sight, it: Replacement) -> bool:
    """It is in place, and the source was dealt with: what follows only takes away our own marks."""
    old = sight.vdis.get(it.old)
    dismissed = old is None or (deed.keeps and KEPT in old["other_config"] and JOB not in old["other_config"])
    return _is_in_place(sight, it) and dismissed


def _dismissed(deed: Deed, sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    old = sight.vdis.get(it.old)
    if old is None:
        return
    if not deed.keeps:
        yield Act("VDI.destroy", (it.old,), _("remove {disk} from its old SR", disk=it.name), at)
    says = _("keep the source of {disk}", disk=it.name)
    if old["name_label"] != deed.kept_name(it):
        yield Act("VDI.set_name_label", (it.old, deed.kept_name(it)), says, at)
    if TAG not in old["tags"]:
        yield Act("VDI.add_tags", (it.old, TAG), says, at)
    if KEPT not in old["other_config"]:
        position = it.vbd.get("userdevice", "")
        kept = Kept(deed.job, deed.vm_uuid, position, sight.vdis[it.new]["uuid"], it.vdi["name_label"], deed.until)
        text = json.dumps(msgspec.to_builtins(kept))
        yield Act("VDI.add_to_other_config", (it.old, KEPT, text), says, at)
    yield from _unmark(deed, sight, at, it.old)


def _unmark(deed: Deed, sight: Sight, at: int, vdi: str) -> Iterator[Act]:
    if vdi in sight.vdis and sight.vdis[vdi]["other_config"].get(JOB) == deed.job:
        yield from _without(sight, vdi, JOB, at)


def _without(sight: Sight, vdi: str, key: str, at: int) -> Iterator[Act]:
    if key in sight.vdis[vdi]["other_config"]:
        yield Act("VDI.remove_from_other_config", (vdi, key), _("take away the mark “{key}”", key=key), at)


def _back(deed: Deed, sight: Sight) -> Iterator[Act]:
    for it in deed.replacements:
        if not _is_whole(sight.vdis.get(it.old)):
            raise CannotGoOn(_("{disk} is gone, so its copy stays.", disk=it.name))
    if _may_be_written(deed, sight):
        raise CannotGoOn(_("The new disks may have been written to, so they stay."))
    for at, it in reversed(list(enumerate(deed.replacements))):
        yield from _restored(sight, at, it)
        if it.vbd and sight.vm is not None:
            yield from _reconnected(sight, at, it)
        new = sight.vdis.get(it.new)
        if new is None:
            continue
        if it.spare:
            yield from _spared(sight, at, it)
        elif not all(is_null(vbd) for vbd in new["VBDs"]):
            # While a copy runs, and for a moment after, the control domain holds the disk (xapi 7.4).
            raise NotYet(_("The copy of {disk} is still in use.", disk=it.name))
        else:
            yield Act("VDI.destroy", (it.new,), _("remove the copy of {disk}", disk=it.name), at)
    for at, it in enumerate(deed.replacements):
        yield from _unmark(deed, sight, at, it.old)
    yield from _unblock(deed, sight)


def _restored(sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    """The source gets its name back."""
    old, says = sight.vdis[it.old], _("give {disk} its name back", disk=it.name)
    if old["name_label"] != it.vdi["name_label"]:
        yield Act("VDI.set_name_label", (it.old, it.vdi["name_label"]), says, at)
    if TAG in old["tags"] and TAG not in it.vdi["tags"]:
        yield Act("VDI.remove_tags", (it.old, TAG), says, at)
    if KEPT not in it.vdi["other_config"]:
        yield from _without(sight, it.old, KEPT, at)


def _reconnected(sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    """The source is connected again before its copy is released."""
    mine, theirs, position = sight.connection(it.new) if it.new else "", sight.connection(it.old), it.vbd["userdevice"]
    if not theirs:
        if mine and sight.vbds[mine]["userdevice"] == position:
            yield Act("VBD.set_userdevice", (mine, _free(sight)), _("move the new disk to a free position"), at)
        yield Act("VBD.create", (_connection(it, it.old, position),), _("connect {disk} again", disk=it.name), at)
    if mine:
        yield Act("VBD.destroy", (mine,), _("release the new disk"), at)


def _spared(sight: Sight, at: int, it: Replacement) -> Iterator[Act]:
    """What took the place becomes a kept source again."""
    new, says = sight.vdis[it.new], _("give the kept source its name back")
    for field in ("name_label", "name_description"):
        if new[field] != it.spare[field]:
            yield Act(f"VDI.set_{field}", (it.new, it.spare[field]), says, at)
    if sorted(new["tags"]) != sorted(it.spare["tags"]):
        yield Act("VDI.set_tags", (it.new, list(it.spare["tags"])), says, at)
    for key, value in it.spare["other_config"].items():
        if new["other_config"].get(key) != value:
            yield from _without(sight, it.new, key, at)
            yield Act("VDI.add_to_other_config", (it.new, key, value), says, at)


def kept(record: Record) -> Kept | None:
    """What stands with a kept source; None where the disk is none, or somebody has spoiled it."""
    return kept_of(record["other_config"])


def kept_of(other_config: Mapping[str, str]) -> Kept | None:
    """The same, of a disk's `other_config`."""
    try:
        return msgspec.json.decode(other_config.get(KEPT, ""), type=Kept)
    except msgspec.MsgspecError:
        return None


def connected(vbds: Iterable[tuple[str, Record]]) -> dict[str, Record]:
    """The connections of disks among a VM's VBDs."""
    return {ref: vbd for ref, vbd in vbds if vbd["type"] != "CD" and not vbd["empty"]}
