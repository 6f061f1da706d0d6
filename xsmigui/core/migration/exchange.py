"""Copy and exchange: how a disk of a halted VM, or of none, goes to another SR without ever being the only one.

The server's own storage migration ends by removing the source. Here the program makes the copy itself and puts it in
the place of the disk, which then stays behind, renamed and marked, until the operator lets it go.

What is to be done next is a pure function of what the job has noted and what the server shows. So it does not matter
where an earlier run was cut off, nor whether a call whose answer was lost was carried out. The order is such that at
each moment the VM has a complete disk, and each step but the removal of the source can be undone. A copy takes a disk's
place only while the signs of sameness stand (`core.migration.sameness`): our blocks present at every look, the VM not
started, nobody else connected, and either watched without a gap or proved equal by sums of the server.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from xsmigui.core.migration.sameness import (
    OtherConnection,
    Record,
    Signs,
    difference,
    is_free,
    is_whole,
    may_differ,
    signs_of,
)
from xsmigui.core.migration.steps import ANSWER, Done, Note, Pending, Request, RollBack, Step, Stop, Wait
from xsmigui.core.records import Task
from xsmigui.core.refs import NULL, is_null
from xsmigui.core.text import _

JOB: Final = "xsmigui-job"
"""The key of `other_config` by which VMs and disks are marked that a job works on; its value is the job's name. The
server refuses to add a key that is there already (MAP_DUPLICATE_KEY), so of two jobs one gets it."""

KEPT: Final = "xsmigui-kept"
"""The key of `other_config` of a source that was kept; its value is a `Kept` as JSON."""

TAG: Final = "xsmigui: kept source"

BLOCKED: Final = (
    "start",
    "start_on",
    "migrate_send",
    "snapshot",
    "checkpoint",
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
CHECKSUM: Final = "VDI.checksum"
BLOCK: Final = "VM.set_blocked_operations"

MOST_COPIES: Final = 3
"""How often a disk is copied whose copy turns out to be void, before the job gives up."""

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

    `old` and `new` are references; `vdi`, `vbd` and `spare` the records of the disk, its connection (empty if it has
    none) and the disk that takes its place, as they were at first. `spare` is empty if a copy is made on `sr`.

    `signs` and `watch` are what the disk showed, and the time of watching in which it was noted, before its copy began;
    `copied` and `scanned` that the server has made the copy and its SR was asked for it, `complete` that the copy was
    checked, `placed` that it was seen in the disk's place with all signs standing. `void` says that the copy must be
    thrown away, `copies` how many were. `unwatched` says that the job had stopped, and that the operator has resumed it
    since; `written` that the VM may have run on the new disk before it was seen in place. `sum_…` are the server's sums of disk and copy, both made in the time of watching
    `summed`; `proven` is that time if they were equal, and `unprovable` the reason why there are none.
    """

    old: str
    sr: str
    vdi: dict[str, Any]
    vbd: dict[str, Any] = {}
    spare: dict[str, Any] = {}
    new: str = ""
    complete: bool = False
    signs: Signs | None = None
    watch: str = ""
    copied: bool = False
    scanned: bool = False
    placed: bool = False
    void: bool = False
    unwatched: bool = False
    written: bool = False
    copies: int = 0
    sum_old: str = ""
    sum_new: str = ""
    summed: str = ""
    proven: str = ""
    unprovable: str = ""

    @property
    def name(self) -> str:
        return str(self.vdi["name_label"] or self.vdi["uuid"])

    @property
    def is_copied(self) -> bool:
        return not self.spare

    @property
    def is_proven(self) -> bool:
        """The sums of source and copy were equal when the copy took the disk's place."""
        return bool(self.proven and self.sum_old and self.sum_old == self.sum_new)


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


@dataclass(frozen=True, slots=True)
class ExchangeSpec:
    """What a job does to the disks of one VM (`vm` is empty if they have none), and how far it has come. `keeps` says
    that the sources stay, to be kept until the day `until`; `on` is the day of the job; both are ISO dates. `blocks` is
    what `blocked_operations` said of the operations that we need blocked, noted when we had set our own."""

    job: str
    vm: str
    vm_uuid: str
    replacements: tuple[Replacement, ...]
    keeps: bool
    on: str
    until: str
    blocks: Mapping[str, str] | None = None
    rolling_back: bool = False
    prove: bool = False
    settled: bool = False
    pending: Pending | None = None

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
    """The note on a kept source: which job moved it, out of which place, what took its place, and until when it is to
    be kept. `vm` is empty if the disk had none. `uuid` is the source's own: copies of a kept source carry its note
    along, and are none (empty in notes of earlier versions). `sum` is its content's, if it was proved."""

    job: str
    vm: str
    position: str
    by: str
    name: str
    until: str
    uuid: str = ""
    sum: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """What the server shows: the VM, when it was started last, the disks by reference (those that are gone are not in
    it), the VM's connections of disks by reference, who else has each disk connected, the positions that are free, the
    disks that bear the name of a copy in the making (by the number of the disk that it is of), and the record of the
    pending call's task. `watch` names the time during which this program has watched the pool without a gap."""

    vm: Record | None
    vdis: Mapping[str, Record]
    vbds: Mapping[str, Record]
    free: tuple[str, ...]
    started: str = ""
    holders: Mapping[str, tuple[OtherConnection, ...]] = field(default_factory=dict)
    named: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    task: Task | None = None
    watch: str = ""

    def connections(self, vdi: str) -> list[str]:
        """The VM's connections to a disk."""
        return [ref for ref, vbd in self.vbds.items() if vdi and vbd["VDI"] == vdi and vbd["type"] != "CD"]

    def connection(self, vdi: str) -> str:
        """The VM's connection to a disk; empty if there is none."""
        return next(iter(self.connections(vdi)), "")

    def at(self, position: str) -> list[str]:
        """The VM's connections at a position."""
        return [ref for ref, vbd in self.vbds.items() if vbd["userdevice"] == position]

    def signs(self, it: Replacement) -> Signs:
        return signs_of(self.vdis[it.old], self.started)


def next_step(spec: ExchangeSpec, state: ExchangeState) -> Step:
    """The next thing to do."""
    return next(_back(spec, state) if spec.rolling_back else _forward(spec, state), Done())


def can_roll_back(spec: ExchangeSpec, state: ExchangeState) -> bool:
    """Every source is still there, and nothing can have been written to what took their places."""
    return not _why_no_way_back(spec, state)


def _why_no_way_back(spec: ExchangeSpec, state: ExchangeState) -> str:
    for it in spec.replacements:
        if not is_whole(state.vdis.get(it.old)):
            return _("{disk} is gone, so its copy stays.", disk=it.name)
    if _may_be_written(spec, state):
        return _("The new disks may have been written to, so they stay.")
    return ""


def _may_be_written(spec: ExchangeSpec, state: ExchangeState) -> bool:
    """The VM has new disks connected, and runs, was started, or could have been: our blocks were lifted. A disk of no
    VM is everybody's as soon as it has its name."""
    if state.vm is None:
        return spec.settled and all(_is_dismissed(state, r) for r in spec.replacements)
    taken = [r for r in spec.replacements if state.connection(r.new)]
    if not taken:
        return False
    if state.vm["power_state"] != "Halted" or "start" not in state.vm["blocked_operations"]:
        return True
    if _is_released(spec, state) or any(r.signs and r.signs.started != state.started for r in taken):
        return True
    return any(r.unwatched or r.written for r in taken)


def _is_dismissed(state: ExchangeState, it: Replacement) -> bool:
    """The source was kept or removed: what follows only takes away our own marks."""
    old = state.vdis.get(it.old)
    return old is None or (KEPT in old["other_config"] and JOB not in old["other_config"])


def _is_released(spec: ExchangeSpec, state: ExchangeState) -> bool:
    """Somebody has lifted a block that we had noted."""
    if spec.blocks is None or state.vm is None:
        return False
    now = state.vm["blocked_operations"]
    return any(now.get(operation) != reason for operation, reason in spec.blocks.items())


# Forward.


def _forward(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    if spec.pending is not None and spec.pending.task:
        yield Wait("", spec.pending.task)
    if not spec.settled:
        yield from _check(spec, state)
        yield from _mark(spec, state)
        yield from _block(spec, state)
        for at, it in enumerate(spec.replacements):
            if it.is_copied and not it.placed:
                yield from _copied(spec, state, at, it)
        for at, it in enumerate(spec.replacements):
            if not it.placed:
                yield from _proved(spec, state, at, it)
        for at, it in enumerate(spec.replacements):
            if not it.placed:
                yield from _exchanged(spec, state, at, it)
                yield Note({"placed": True}, at)
        yield Note({"settled": True})
    yield from _clean_up(spec, state)


def _give_up(spec: ExchangeSpec, state: ExchangeState, reason: str) -> Step:
    """Put everything back where that is safe, else stop and say which disk holds what."""
    if not spec.rolling_back and can_roll_back(spec, state):
        return RollBack(reason)
    return Stop(" ".join([reason, *_account(spec, state)]))


def _account(spec: ExchangeSpec, state: ExchangeState) -> Iterator[str]:
    """Which disk holds what, for the operator who must decide."""
    for it in spec.replacements:
        old, new = state.vdis.get(it.old), state.vdis.get(it.new)
        if new is not None and (it.placed or (state.connection(it.new) and not state.connection(it.old))):
            text = _("{disk}: the VM has the new disk {new}; the old one, {old}, holds the content from before.")
        elif old is not None:
            text = _("{disk}: the disk in use is still {old}; what was copied to {new} may be older.")
        else:
            text = _("{disk}: {old} is gone.")
        yield text.format(disk=it.name, old=it.vdi["uuid"], new=new["uuid"] if new is not None else "–")


def _check(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """What was true when the job looked first must still be true."""
    if spec.vm and state.vm is None:
        yield _give_up(spec, state, _("The VM is gone."))
        return
    owner = _other_job(spec, state)
    if owner:
        text = _("Another job of xsmigui works on it: {job}. Let that one end, or revert it first.", job=owner)
        yield _give_up(spec, state, text)
    if state.vm is not None and state.vm["power_state"] != "Halted":
        yield _give_up(spec, state, _("The VM is no longer halted."))
    if _is_released(spec, state):
        yield _give_up(spec, state, _("Somebody has lifted the blocks that this job had set on the VM."))
    for at, it in enumerate(spec.replacements):
        if it.unwatched:
            yield from _resumed(state, at, it)
        if not it.placed:
            yield from _check_disk(spec, state, at, it)


def _check_disk(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    if not is_whole(state.vdis.get(it.old)):
        yield _give_up(spec, state, _("{disk} is gone, or its SR no longer has it.", disk=it.name))
        return
    if (it.complete or it.spare) and not is_whole(state.vdis.get(it.new)):
        yield _give_up(spec, state, _("What is to take the place of {disk} is gone.", disk=it.name))
    if it.vbd and not _is_connected_as_left(state, it):
        text = _("The connections of {disk} to its VM are not as this job left them.", disk=it.name)
        yield _give_up(spec, state, text)
    for ref, name in ((it.old, it.name), (it.new if it.spare or it.complete else "", _("the new disk"))):
        other = next((h for h in state.holders.get(ref, ()) if h.writes or not h.is_control_domain), None)
        if other is not None:
            text = _("{disk} is connected to another VM, {holder}.", disk=name, holder=other.name)
            yield _give_up(spec, state, text)
    changed = difference(it.signs, state.signs(it)) if it.signs is not None else ""
    if changed and not it.void:
        if it.is_copied and it.signs is not None and it.signs.started == state.started and _same_disk(state, it):
            yield Note({"void": True}, at)
        text = _("{disk} is not what it was when its copy began. {reason}", disk=it.name, reason=changed)
        yield _give_up(spec, state, text)


def _same_disk(state: ExchangeState, it: Replacement) -> bool:
    return bool(state.vdis[it.old]["uuid"] == it.vdi["uuid"])


def _is_connected_as_left(state: ExchangeState, it: Replacement) -> bool:
    """The disk is at its position, alone; or a complete copy is connected, the position free or its own."""
    mine, theirs = state.connections(it.new), state.connections(it.old)
    here = state.at(it.vbd["userdevice"])
    if len(mine) > 1 or len(theirs) > 1:
        return False
    if theirs:
        return here == theirs
    return bool(mine) and (it.complete or bool(it.spare)) and here in ([], mine)


def _other_job(spec: ExchangeSpec, state: ExchangeState) -> str:
    """The job whose marks or blocks stand on the VM or on one of its disks, if it is not this one."""
    marked = [state.vm] if state.vm is not None else []
    marked += [state.vdis[ref] for it in spec.replacements for ref in (it.old, it.new) if ref in state.vdis]
    for record in marked:
        if record["other_config"].get(JOB, spec.job) != spec.job:
            return str(record["other_config"][JOB])
    for reason in (state.vm or {"blocked_operations": {}})["blocked_operations"].values():
        if reason.startswith(_OUR_BLOCK) and reason != spec.reason:
            return str(reason).rpartition("(job ")[2].rstrip(")")
    return ""


_OUR_BLOCK: Final = "xsmigui: its virtual disks are being moved"


def _mark(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    if state.vm is not None and JOB not in state.vm["other_config"]:
        yield Request("VM.add_to_other_config", (spec.vm, JOB, spec.job), _("mark the VM"))
    for at, it in enumerate(spec.replacements):
        if it.placed:
            continue
        for ref in (it.old, it.new) if it.spare else (it.old,):
            if JOB not in state.vdis[ref]["other_config"]:
                yield Request("VDI.add_to_other_config", (ref, JOB, spec.job), _("mark {disk}", disk=it.name), at)


def _block(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """Somebody else's block serves as well as ours and is left alone. Ours are set once, never again."""
    if state.vm is None or spec.blocks is not None:
        return
    now = dict(state.vm["blocked_operations"])
    wanted = {operation: spec.reason for operation in BLOCKED if operation not in now}
    if wanted:
        yield Request(BLOCK, (spec.vm, now | wanted), _("prevent the VM from being started or changed"))
    yield Note({"blocks": {operation: now[operation] for operation in BLOCKED if operation in now}})


def _resumed(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """A job that had stopped goes on. Nobody knows what happened meanwhile: where the disk is in its place, its copy is
    void. Where it was released and the copy is what the VM has, the VM may have run on that, and it stays."""
    has_new = bool(state.connection(it.new)) and not state.connection(it.old)
    is_void = bool(it.is_copied and it.new and not has_new)
    yield Note({"unwatched": False, "written": has_new, "void": is_void, "signs": None}, at)


def _copied(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    pending = _pending(spec, COPY, at)
    if pending is not None:
        if _is_in_use(state, it):
            yield Wait(_("The server may still be copying {disk}; its end is waited for.", disk=it.name))
        yield Note({"void": True}, at)
    if it.void:
        yield from _thrown_away(spec, state, at, it)
    if it.complete:
        return
    if it.new and it.new not in state.vdis:
        yield Note({**_AFRESH, "copies": it.copies + 1}, at)
    if it.copies >= MOST_COPIES:
        text = _("{disk} was copied {n} times and changed each time meanwhile.", disk=it.name, n=it.copies)
        yield _give_up(spec, state, text)
    if not it.copied:
        now = state.signs(it)
        if it.signs != now or it.watch != state.watch:
            yield Note({"signs": now, "watch": state.watch}, at)
        found = state.named.get(at, ())
        if not it.new and found:
            yield Note({"new": found[0]}, at)
        if not it.new:
            does = _("make room for a copy of {disk}", disk=it.name)
            yield Request("VDI.create", (_blank(spec, it, state.vdis[it.old]),), does, at, then={"new": ANSWER})
        params = (it.old, NULL, NULL, it.new)
        yield Request(COPY, params, _("copy {disk}", disk=it.name), at, is_task=True, then={"copied": True})
    if not it.scanned:
        yield Request("SR.scan", (it.sr,), _("check the copy of {disk}", disk=it.name), at, then={"scanned": True})
    copy = state.vdis[it.new]
    if not is_whole(copy):
        yield _give_up(spec, state, _("The SR does not show the copy of {disk}.", disk=it.name))
    if int(copy["virtual_size"]) < int(state.vdis[it.old]["virtual_size"]):
        yield _give_up(spec, state, _("The copy of {disk} is smaller than the disk.", disk=it.name))
    yield Note({"complete": True}, at)


def _thrown_away(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """A void copy goes, and the disk is copied anew."""
    mine, copy = state.connection(it.new), state.vdis.get(it.new)
    if mine:
        yield Request("VBD.destroy", (mine,), _("release the copy of {disk}", disk=it.name), at)
    if copy is not None:
        if not is_free(copy):
            yield Wait(_("The copy of {disk} is still in use.", disk=it.name))
        does = _("throw away the copy of {disk}", disk=it.name)
        yield Request("VDI.destroy", (it.new,), does, at, then={**_AFRESH, "copies": it.copies + 1})
    yield Note({**_AFRESH, "copies": it.copies + 1}, at)


def _pending(spec: ExchangeSpec, method: str, at: int) -> Pending | None:
    pending = spec.pending
    return pending if pending is not None and (pending.method, pending.disk) == (method, at) else None


def _is_in_use(state: ExchangeState, it: Replacement) -> bool:
    """The server works with the copy: while it is written and for a moment after, the control domain has it connected
    (xapi 24.10, xapi_vdi.ml `copy`: the data go through a VBD of the control domain)."""
    copy = state.vdis.get(it.new)
    if copy is None:
        return False
    return not is_free(copy) or "copy" in state.vdis[it.old]["current_operations"].values()


def _blank(spec: ExchangeSpec, it: Replacement, source: Record) -> dict[str, Any]:
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


def _proved(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """Nothing may have been written to the disk since its copy began, nor to a kept source since it was kept: either
    all signs stand and this program has watched all the time, or the contents are compared."""
    if it.written:
        return  # it is the VM's disk already
    doubt = _doubt(state, it)
    if it.proven == state.watch and not doubt:
        return
    if not (spec.prove or doubt):
        return
    why = it.unprovable or _sizes_differ(state, it)
    if why:
        if doubt and it.is_copied:
            yield Note({"void": True}, at)
        elif not it.unprovable:
            yield Note({"unprovable": why}, at)
        return
    if it.summed != state.watch:
        yield Note({"sum_old": "", "sum_new": "", "summed": state.watch}, at)
    for key, ref in (("sum_old", it.old), ("sum_new", it.new)) if it.is_copied else (("sum_new", it.new),):
        if not getattr(it, key):
            does = _("compare the contents of {disk} and its copy", disk=it.name)
            yield Request(CHECKSUM, (ref,), does, at, is_task=True, then={key: ANSWER})
    expected = it.sum_old if it.is_copied else _noted_sum(it)
    if it.sum_new == expected:
        yield Note({"proven": state.watch, "watch": state.watch, "signs": state.signs(it), "sum_old": expected}, at)
    elif it.is_copied and doubt:
        yield Note({"void": True}, at)
    elif it.is_copied:
        yield _give_up(spec, state, _("The copy of {disk} does not have the content of the disk.", disk=it.name))
    else:
        yield _give_up(spec, state, _("{disk} was written to since it was kept.", disk=it.name))


def _doubt(state: ExchangeState, it: Replacement) -> bool:
    """Something may have been written that only a comparison of the contents shows."""
    if not it.is_copied:
        return bool(_noted_sum(it)) and it.proven != state.watch
    return it.watch != state.watch or it.signs is None or may_differ(it.signs, state.signs(it))


def _noted_sum(it: Replacement) -> str:
    note = kept_of(it.spare["other_config"]) if it.spare else None
    return note.sum if note is not None else ""


def _sizes_differ(state: ExchangeState, it: Replacement) -> str:
    """Sums are of the whole virtual size (xapi 24.10, xapi_vdi.ml `checksum`), and SRs round sizes up differently."""
    if it.is_copied and state.vdis[it.old]["virtual_size"] != state.vdis[it.new]["virtual_size"]:
        return _("The SRs round sizes differently, so that the contents cannot be compared.")
    return ""


def _exchanged(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    mine, theirs = state.connection(it.new), state.connection(it.old)
    if it.vbd and not mine:
        if not state.free:
            yield _give_up(spec, state, _("The VM has no free position for another disk."))
            return
        does = _("connect the new disk of {disk} to a free position", disk=it.name)
        yield Request("VBD.create", (_connection(it, it.new, state.free[0]),), does, at)
    yield from _copy_metadata(state, at, it)
    if it.vbd:
        if theirs:
            yield Request("VBD.destroy", (theirs,), _("release {disk}", disk=it.name), at)
        if state.vbds[mine]["userdevice"] != it.vbd["userdevice"]:
            does = _("put the new disk at position {position}", position=it.vbd["userdevice"])
            yield Request("VBD.set_userdevice", (mine, it.vbd["userdevice"]), does, at)


def _connection(it: Replacement, vdi: str, position: str) -> dict[str, Any]:
    return {field: it.vbd[field] for field in _CONNECTION if field in it.vbd} | {"VDI": vdi, "userdevice": position}


def _copy_metadata(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The new disk gets what people know the old one by."""
    new = state.vdis[it.new]
    does = _("give the new disk the name of {disk}", disk=it.name)
    for name in ("name_label", "name_description"):
        if new[name] != it.vdi[name]:
            yield Request(f"VDI.set_{name}", (it.new, it.vdi[name]), does, at)
    if sorted(new["tags"]) != sorted(it.vdi["tags"]):
        yield Request("VDI.set_tags", (it.new, list(it.vdi["tags"])), does, at)
    if it.is_copied and it.vdi["read_only"] and not new["read_only"]:
        yield Request("VDI.set_read_only", (it.new, True), does, at)
    yield from _without(state, it.new, KEPT, at)
    for key, value in it.vdi["other_config"].items():
        if key not in (JOB, KEPT) and new["other_config"].get(key) != value:
            yield from _without(state, it.new, key, at)
            yield Request("VDI.add_to_other_config", (it.new, key, value), does, at)


def _is_in_place(state: ExchangeState, it: Replacement) -> bool:
    """The new disk has taken the old one's place, and nothing else is there."""
    if it.new not in state.vdis or not (it.complete or it.spare):
        return False
    if not it.vbd:
        return bool(state.vdis[it.new]["name_label"] == it.vdi["name_label"])
    mine = state.connections(it.new)
    return len(mine) == 1 and not state.connections(it.old) and state.at(it.vbd["userdevice"]) == mine


def _clean_up(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """All new disks were seen in their places: the sources are kept or removed, and our marks and blocks go."""
    for at, it in enumerate(spec.replacements):
        old = state.vdis.get(it.old)
        if old is None or old["uuid"] != it.vdi["uuid"]:
            continue
        if spec.keeps:
            yield from _kept(spec, state, at, it)
        elif _may_be_removed(spec, state, it):
            does = _("remove {disk} from its old SR", disk=it.name)
            yield Request("VDI.destroy", (it.old,), does, at)
        else:
            yield Note({"keeps": True})
    for at, it in enumerate(spec.replacements):
        yield from _unmark(spec, state, at, it.new)
        yield from _stray_copies(spec, state, at, it)
    yield from _unblock(spec, state)


def _may_be_removed(spec: ExchangeSpec, state: ExchangeState, it: Replacement) -> bool:
    """Nobody has anything connected to the source, and what took its place is whole and there. A source whose copy was
    to be proved and could not be stays."""
    if not is_free(state.vdis[it.old]) or _is_released(spec, state):
        return False
    return is_whole(state.vdis.get(it.new)) and _is_in_place(state, it) and (it.is_proven or not spec.prove)


def _kept(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    old, does = state.vdis[it.old], _("keep the source of {disk}", disk=it.name)
    if old["name_label"] != spec.kept_name(it):
        yield Request("VDI.set_name_label", (it.old, spec.kept_name(it)), does, at)
    if TAG not in old["tags"]:
        yield Request("VDI.add_tags", (it.old, TAG), does, at)
    if KEPT not in old["other_config"] and it.new in state.vdis:
        kept = Kept(
            job=spec.job,
            vm=spec.vm_uuid,
            position=it.vbd.get("userdevice", ""),
            by=state.vdis[it.new]["uuid"],
            name=it.vdi["name_label"],
            until=spec.until,
            uuid=it.vdi["uuid"],
            sum=it.sum_old if it.is_copied and it.is_proven else "",
        )
        yield Request("VDI.add_to_other_config", (it.old, KEPT, json.dumps(msgspec.to_builtins(kept))), does, at)
    yield from _unmark(spec, state, at, it.old)


def _stray_copies(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """What a `VDI.create` has made whose answer was lost and which was carried out late."""
    for ref in state.named.get(at, ()):
        vdi = state.vdis.get(ref)
        if ref not in (it.old, it.new) and vdi is not None and is_free(vdi):
            yield Request("VDI.destroy", (ref,), _("remove an empty copy of {disk}", disk=it.name), at)


def _unmark(spec: ExchangeSpec, state: ExchangeState, at: int, vdi: str) -> Iterator[Step]:
    if vdi in state.vdis and state.vdis[vdi]["other_config"].get(JOB) == spec.job:
        yield from _without(state, vdi, JOB, at)


def _without(state: ExchangeState, vdi: str, key: str, at: int) -> Iterator[Step]:
    if key in state.vdis[vdi]["other_config"]:
        does = _("remove the mark “{key}”", key=key)
        yield Request("VDI.remove_from_other_config", (vdi, key), does, at)


def _unblock(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """What lets the VM run comes last."""
    if state.vm is None:
        return
    if state.vm["other_config"].get(JOB) == spec.job:
        yield Request("VM.remove_from_other_config", (spec.vm, JOB), _("remove the mark from the VM"))
    now = state.vm["blocked_operations"]
    others = {operation: reason for operation, reason in now.items() if reason != spec.reason}
    if others != dict(now):
        yield Request(BLOCK, (spec.vm, others), _("allow the VM to be started and changed again"))


# Back.


def _back(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    why_not = _why_no_way_back(spec, state)
    if why_not:
        yield Stop(" ".join([why_not, *_account(spec, state)]))
    if _other_job(spec, state) and not _has_marked(spec, state):
        return  # the other job had it first, and nothing was changed by this one
    yield from _ended(spec, state)
    for at, it in reversed(list(enumerate(spec.replacements))):
        yield from _restored(spec, state, at, it)
        if it.vbd and state.vm is not None:
            yield from _reconnected(state, at, it)
        new = state.vdis.get(it.new)
        if new is not None and it.spare:
            yield from _spared(state, at, it)
            yield from _unmark(spec, state, at, it.new)
        elif new is not None:
            if not is_free(new):
                yield Wait(_("The copy of {disk} is still in use.", disk=it.name))
            yield Request("VDI.destroy", (it.new,), _("remove the copy of {disk}", disk=it.name), at, then={"new": ""})
        yield from _stray_copies(spec, state, at, it)
    for at, it in enumerate(spec.replacements):
        yield from _unmark(spec, state, at, it.old)
    yield from _unblock(spec, state)


def _has_marked(spec: ExchangeSpec, state: ExchangeState) -> bool:
    if state.vm is not None and spec.reason in state.vm["blocked_operations"].values():
        return True
    marked = [state.vm] if state.vm is not None else []
    marked += [state.vdis[ref] for it in spec.replacements for ref in (it.old, it.new) if ref in state.vdis]
    return any(record["other_config"].get(JOB) == spec.job for record in marked)


def _ended(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """A copy that the server still makes is cancelled and its end waited for, as long as it takes."""
    pending = spec.pending
    if pending is None or pending.disk < 0:
        return
    it = spec.replacements[pending.disk]
    waiting = Wait(_("The server still works on the copy of {disk}.", disk=it.name), pending.task)
    if pending.method == COPY and not pending.task and _is_in_use(state, it):
        running = [task for task, what in state.vdis[it.old]["current_operations"].items() if what == "copy"]
        if len(running) == 1:
            yield Note({"pending": msgspec.structs.replace(pending, task=running[0])})
        yield waiting
    if pending.task:
        if pending.method == COPY and _can_be_cancelled(state.task):
            yield Request("task.cancel", (pending.task,), _("cancel the copy of {disk}", disk=it.name), pending.disk)
        yield waiting


def _can_be_cancelled(task: Task | None) -> bool:
    """It runs, and the server has not taken up a wish to cancel it."""
    return task is not None and task.status == "pending" and "cancel" not in task.current_operations.values()


def _restored(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The source gets its name back."""
    old, does = state.vdis[it.old], _("give {disk} its name back", disk=it.name)
    if old["name_label"] == spec.kept_name(it):
        yield Request("VDI.set_name_label", (it.old, it.vdi["name_label"]), does, at)
    if TAG in old["tags"] and TAG not in it.vdi["tags"]:
        yield Request("VDI.remove_tags", (it.old, TAG), does, at)
    if KEPT not in it.vdi["other_config"]:
        yield from _without(state, it.old, KEPT, at)


def _reconnected(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """The source is connected again before its copy is released. If neither is connected, somebody else has released
    the disk, and it stays released."""
    mine, theirs, position = state.connection(it.new), state.connection(it.old), it.vbd["userdevice"]
    if mine and not theirs:
        if state.vbds[mine]["userdevice"] == position:
            if not state.free:
                yield Stop(_("The VM has no free position for another disk."))
                return
            does = _("move the new disk to a free position")
            yield Request("VBD.set_userdevice", (mine, state.free[0]), does, at)
        does = _("connect {disk} again", disk=it.name)
        yield Request("VBD.create", (_connection(it, it.old, position),), does, at)
    if mine:
        yield Request("VBD.destroy", (mine,), _("release the new disk"), at)


def _spared(state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """What took the place becomes a kept source again."""
    new, does = state.vdis[it.new], _("give the kept source its name back")
    for name in ("name_label", "name_description"):
        if new[name] != it.spare[name]:
            yield Request(f"VDI.set_{name}", (it.new, it.spare[name]), does, at)
    if sorted(new["tags"]) != sorted(it.spare["tags"]):
        yield Request("VDI.set_tags", (it.new, list(it.spare["tags"])), does, at)
    for key, value in it.spare["other_config"].items():
        if new["other_config"].get(key) != value:
            yield from _without(state, it.new, key, at)
            yield Request("VDI.add_to_other_config", (it.new, key, value), does, at)


def kept(record: Record) -> Kept | None:
    """The note on a kept source; None if the disk is none: it has no note, one that somebody has spoiled, or one that
    a copy of a kept source has carried along."""
    note = kept_of(record["other_config"])
    return note if note is not None and note.uuid in ("", record["uuid"]) else None


def kept_of(other_config: Mapping[str, str]) -> Kept | None:
    """The note as it stands in a disk's `other_config`."""
    try:
        return msgspec.json.decode(other_config.get(KEPT, ""), type=Kept)
    except msgspec.MsgspecError:
        return None


def connected(vbds: Iterable[tuple[str, Record]]) -> dict[str, Record]:
    """The connections of disks among a VM's VBDs."""
    return {ref: vbd for ref, vbd in vbds if vbd["type"] != "CD" and not vbd["empty"]}


def is_connected_to(vdi: Record) -> list[str]:
    """The references of what is connected to a disk."""
    return [vbd for vbd in vdi["VBDs"] if not is_null(vbd)]
