"""What was true when a job looked first must still be true: whose disks they are, who has them, what is where."""

from collections.abc import Iterator
from typing import Any

from xsmigui.core.messages import Text, m_, sentences
from xsmigui.core.migration.exchange.marks import blocking_job, is_kept_record, job_of_record
from xsmigui.core.migration.exchange.values import ExchangeSpec, ExchangeState, Replacement
from xsmigui.core.migration.sameness import difference, is_whole
from xsmigui.core.migration.steps import Note, RollBack, Step, Stop


def can_roll_back(spec: ExchangeSpec, state: ExchangeState) -> bool:
    """Every source is still there, and nothing can have been written to what took their places."""
    return not why_no_way_back(spec, state)


def why_no_way_back(spec: ExchangeSpec, state: ExchangeState) -> Text:
    for it in spec.replacements:
        if not is_whole(state.vdis.get(it.old)):
            return m_("{disk} no longer exists, so its copy is kept.", disk=it.name)
    if _may_be_written(spec, state):
        return m_("The new disks may have been written to, so they are kept.")
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
    if is_released(spec, state) or any(r.signs and r.signs.started != state.started for r in taken):
        return True
    return any(r.unwatched or r.written for r in taken)


def _is_dismissed(state: ExchangeState, it: Replacement) -> bool:
    """The source was kept or removed: what follows only takes away our own marks."""
    old = state.vdis.get(it.old)
    return old is None or (is_kept_record(old) and not job_of_record(old))


def is_released(spec: ExchangeSpec, state: ExchangeState) -> bool:
    """Somebody has lifted a block that we had noted."""
    if spec.blocks is None or state.vm is None:
        return False
    now = state.vm["blocked_operations"]
    return any(now.get(operation) != reason for operation, reason in spec.blocks.items())


def give_up(spec: ExchangeSpec, state: ExchangeState, reason: Text) -> Step:
    """Put everything back where that is safe, else stop and say which disk holds what."""
    if not spec.rolling_back and can_roll_back(spec, state):
        return RollBack(reason)
    return Stop(sentences(reason, *account(spec, state)))


def account(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Text]:
    """Which disk holds what, for the operator who must decide."""
    for it in spec.replacements:
        old, new = state.vdis.get(it.old), state.vdis.get(it.new)
        names = {"disk": it.name, "old": it.vdi["uuid"], "new": new["uuid"] if new is not None else "–"}
        if new is not None and (it.placed or (state.connection(it.new) and not state.connection(it.old))):
            yield m_(
                "{disk}: the VM has the new disk {new}; the old one, {old}, holds the content from before.", **names
            )
        elif old is not None:
            yield m_("{disk}: the disk in use is still {old}; what was copied to {new} may be older.", **names)
        else:
            yield m_("{disk}: {old} no longer exists.", **names)


def check(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    """What was true when the job looked first must still be true."""
    if spec.vm and state.vm is None:
        yield give_up(spec, state, m_("The VM no longer exists."))
        return
    owner = other_job(spec, state)
    if owner:
        text = m_(
            "Another job of xsmigui is working on it: {job}. Wait for that job to end, or revert it first.", job=owner
        )
        yield give_up(spec, state, text)
    still_runs = spec.stop is not None and not spec.stop.stopping
    if state.vm is not None and still_runs and state.vm["power_state"] != "Running":
        yield give_up(spec, state, m_("The VM is no longer running."))
    if state.vm is not None and not still_runs and state.vm["power_state"] != "Halted":
        yield give_up(spec, state, m_("The VM is no longer halted."))
    if is_released(spec, state):
        yield give_up(spec, state, m_("Somebody has lifted the blocks that this job had set on the VM."))
    for at, it in enumerate(spec.replacements):
        if it.unwatched:
            yield from _resumed(spec, state, at, it)
        if not it.placed:
            yield from _check_disk(spec, state, at, it)


def _check_disk(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    if not is_whole(state.vdis.get(it.old)):
        yield give_up(spec, state, m_("{disk} no longer exists, or its SR no longer has it.", disk=it.name))
        return
    if (it.complete or it.spare) and not is_whole(state.vdis.get(it.new)):
        yield give_up(spec, state, m_("The disk that should replace {disk} no longer exists.", disk=it.name))
    if it.vbd and not _is_connected_as_left(state, it):
        text = m_("{disk} is no longer attached to its VM as this job left it.", disk=it.name)
        yield give_up(spec, state, text)
    for ref, name in ((it.old, it.name), (it.new if it.spare or it.complete else "", m_("the new disk"))):
        other = next((h for h in state.holders.get(ref, ()) if h.writes or not h.is_control_domain), None)
        if other is not None:
            text = m_("{disk} is connected to another VM, {holder}.", disk=name, holder=other.name)
            yield give_up(spec, state, text)
    changed = difference(it.signs, state.signs(it)) if it.signs is not None else ""
    if changed and not it.void:
        is_there = not it.vbd or bool(state.connection(it.old))
        never_ran = it.signs is not None and it.signs.started == state.started
        if it.is_copied and is_there and never_ran and _same_disk(state, it):
            yield Note({"void": True}, at)
        text = m_("{disk} has changed since its copy was started. {reason}", disk=it.name, reason=changed)
        yield give_up(spec, state, text)


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
    return bool(mine) and (it.complete or bool(it.spare) or bool(it.base)) and here in ([], mine)


def other_job(spec: ExchangeSpec, state: ExchangeState) -> str:
    """The job whose marks or blocks stand on the VM or on one of its disks, if it is not this one."""
    marked = [state.vm] if state.vm is not None else []
    marked += [state.vdis[ref] for it in spec.replacements for ref in (it.old, it.new) if ref in state.vdis]
    for record in marked:
        job = job_of_record(record)
        if job not in ("", spec.job):
            return job
    for reason in (state.vm or {"blocked_operations": {}})["blocked_operations"].values():
        job = blocking_job(reason)
        if job not in ("", spec.job):
            return job
    return ""


def _resumed(spec: ExchangeSpec, state: ExchangeState, at: int, it: Replacement) -> Iterator[Step]:
    """A job that had stopped goes on. Nobody knows what happened meanwhile: where the disk is in its place, its copy is
    void (of a move with a short stop the difference is copied anew). Where it was released and the copy is what the VM
    has, the VM may have run on that, and it stays."""
    has_new = bool(state.connection(it.new)) and not state.connection(it.old)
    is_void = bool(it.is_copied and it.new and not has_new and spec.stop is None)
    again: dict[str, Any] = {"copied": False, "complete": False} if spec.stop is not None and not has_new else {}
    if has_new and not it.placed and not it.is_proven:
        again["unprovable"] = m_("The job had stopped before the new disk was seen in place.")
    yield Note({"unwatched": False, "written": has_new, "void": is_void, "signs": None, **again}, at)


def is_in_place(state: ExchangeState, it: Replacement) -> bool:
    """The new disk has taken the old one's place, and nothing else is there."""
    if it.new not in state.vdis or not (it.complete or it.spare):
        return False
    if not it.vbd:
        return bool(state.vdis[it.new]["name_label"] == it.vdi["name_label"])
    mine = state.connections(it.new)
    return len(mine) == 1 and not state.connections(it.old) and state.at(it.vbd["userdevice"]) == mine
