"""When each VM of a batch is to move, and why not earlier: the queue worked out beforehand, as an estimate.

It begins what `services.jobs` would begin: in the order of the draft, no more storage migrations out of a pool than are
allowed, no more VMs than the operator lets go at once. What leaves the pool already, or comes first in the queue, takes
its places too; nobody can tell for how long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.messages import Text, m_, mn_
from xsmigui.core.migration.estimates import estimate
from xsmigui.core.migration.moves import Kind, Move
from xsmigui.core.refs import MoverRef


@dataclass(frozen=True, slots=True)
class Turn:
    """A VM's turn. `wave` counts from 1: those of the first begin at once, those of the next when one of the wave
    before has ended. `begins` and `ends` are seconds after the start, in the middle of what is estimated; `waits_for`
    is the VM whose end makes room, `reason` why it is waited for (empty if it is not). With `after_others` it begins
    after migrations that are no part of the batch, so that its time is not known."""

    vm: MoverRef
    name: str
    wave: int
    begins: float
    ends: float
    waits_for: str = ""
    reason: Text = ""
    after_others: bool = False


@dataclass(slots=True)
class _Running:
    turn: Turn
    storage: bool


def turns(
    moves: Sequence[Move],
    at_once: int = 0,
    limit: int = MOST_STORAGE_MIGRATIONS,
    writes: Mapping[MoverRef, float] = {},
    ahead: int = 0,
) -> tuple[Turn, ...]:
    """The turns of these moves, in their order.

    `at_once` is how many may move at the same time (0: as many as there are), `limit` how many storage migrations may
    leave the pool at once, `writes` how fast guests write, in bytes a second; `ahead` is how many storage migrations
    that are no part of the batch leave the pool already or come first.
    """
    running: list[_Running] = []
    waiting = list(moves)
    found: dict[int, Turn] = {}
    now = 0.0
    ended: Turn | None = None
    after_others = False
    while waiting:
        for move in list(waiting):
            is_storage = move.kind is not Kind.live
            is_full = bool(at_once) and len(running) >= at_once
            is_crowded = is_storage and ahead + sum(each.storage for each in running) >= limit
            if is_full or is_crowded:
                continue
            guess = estimate(move, writes.get(move.ref, 0.0))
            end = now + max(1.0, (guess.low + guess.high) / 2)
            wave = ended.wave + 1 if ended is not None else 1
            why: Text = ""
            if after_others and is_storage:
                why = m_("after migrations that leave the pool already, or come first")
            elif ended is not None:
                why = _why(at_once, limit, is_storage, ended.name)
            waits_for = ended.name if ended is not None else ""
            turn = Turn(move.ref, move.name, wave, now, end, waits_for, why, after_others and is_storage)
            running.append(_Running(turn, is_storage))
            found[id(move)] = turn
            waiting.remove(move)
        if not waiting:
            break
        if not running:  # all places are others', until one of theirs has ended
            ahead, after_others = min(ahead, limit) - 1, True
            continue
        first = min(running, key=lambda each: each.turn.ends)
        running.remove(first)
        now, ended = first.turn.ends, first.turn
    return tuple(found[id(move)] for move in moves)


def _why(at_once: int, limit: int, is_storage: bool, ended: str) -> Text:
    if at_once and (not is_storage or at_once <= limit):
        return mn_("after {vm}: {n} VM moves at once", "after {vm}: {n} VMs move at once", at_once, vm=ended)
    return mn_(
        "after {vm}: {n} storage migration leaves the pool at once",
        "after {vm}: {n} storage migrations leave the pool at once",
        limit,
        vm=ended,
    )


def moved(order: Sequence[MoverRef], vms: Sequence[MoverRef], steps: int) -> tuple[MoverRef, ...]:
    """The order with these VMs earlier (negative) or later by so many places, as one block; they stay together."""
    chosen = [vm for vm in order if vm in set(vms)]
    if not chosen:
        return tuple(order)
    rest = [vm for vm in order if vm not in set(vms)]
    place = sum(1 for vm in order[: order.index(chosen[0])] if vm in set(rest))
    place = min(max(0, place + steps), len(rest))
    return (*rest[:place], *chosen, *rest[place:])
