"""Operations under way: entered in current_operations, and waited for where they conflict (helpers.ml, retry)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from xsmigui.simulator.dispatch import Call
from xsmigui.simulator.failures import Failure

LOOK_AGAIN: Final = 1.0  # seconds of real time, where no write wakes the one who waits


async def admitted(call: Call, check: Callable[[], None]) -> None:
    """Waits while `check` fails with OTHER_OPERATION_IN_PROGRESS; the task can be cancelled meanwhile."""
    deadline = call.pool.clock.now() + call.pool.lock_timeout_s
    waited = False
    while True:
        try:
            check()
            break
        except Failure as failure:
            if failure.code != "OTHER_OPERATION_IN_PROGRESS" or call.pool.clock.now() >= deadline:
                raise
        if not waited:
            call.cancellable(True)
            waited = True
        call.checkpoint()
        await call.db.changed(LOOK_AGAIN)
    if waited:
        call.cancellable(False)


def enter(call: Call, cls: str, ref: str, op: str) -> None:
    call.pool.stale.discard(ref)
    call.db.set(cls, ref, current_operations={**call.db.get(cls, ref, "current_operations"), call.task: op})


def leave(call: Call, cls: str, ref: str) -> None:
    row = call.db.find(cls, ref)
    if row is not None and call.task in row["current_operations"]:
        call.db.set(cls, ref, current_operations={k: v for k, v in row["current_operations"].items() if k != call.task})


@asynccontextmanager
async def operation(call: Call, cls: str, ref: str, op: str, check: Callable[[], None]) -> AsyncIterator[None]:
    """`check` is the gate; while the body runs, the object says what is done to it."""
    await admitted(call, check)
    enter(call, cls, ref, op)
    try:
        yield
    finally:
        leave(call, cls, ref)
