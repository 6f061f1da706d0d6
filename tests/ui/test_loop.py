"""The window's loop: what is cancelled is gone, what waits comes in its order, errors are reported."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from xsmigui.ui.loop import EventLoop


@pytest.fixture
def loop(qapp: QApplication) -> Any:
    with EventLoop(qapp) as made:
        yield made


def test_a_cancelled_timer_is_gone_at_once(loop: EventLoop) -> None:
    class Held:
        pass

    held = Held()
    kept = weakref.ref(held)
    handles = [loop.call_later(60, lambda _held: None, held) for _n in range(1000)]
    assert loop.waiting == 1000
    del held
    for handle in handles:
        handle.cancel()
        handle.cancel()  # a second time changes nothing
    del handle, handles
    gc.collect()
    assert loop.waiting == 0
    assert kept() is None


def test_deadlines_that_were_kept_leave_nothing(loop: EventLoop) -> None:
    """As each call to a server has one."""

    async def calls() -> None:
        for _n in range(200):
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.sleep(0), 100)

    loop.run_until_complete(calls())
    assert loop.waiting == 0


def test_what_waits_comes_in_its_order(loop: EventLoop) -> None:
    came: list[str] = []

    async def wait() -> None:
        loop.call_at(loop.time() + 0.06, came.append, "later")
        loop.call_later(0.02, came.append, "sooner")
        loop.call_later(0, came.append, "now")
        loop.call_later(-1, came.append, "past")
        loop.call_soon(came.append, "soon")
        gone = loop.call_later(0.01, came.append, "never")
        gone.cancel()
        await asyncio.sleep(0.12)

    loop.run_until_complete(wait())
    assert sorted(came[:3]) == ["now", "past", "soon"]
    assert came[3:] == ["sooner", "later"]


def test_a_deadline_that_passes(loop: EventLoop) -> None:
    async def hang() -> None:
        async with asyncio.timeout(0.02):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        loop.run_until_complete(hang())
    assert loop.waiting == 0


def test_an_error_in_a_callback_is_reported(loop: EventLoop) -> None:
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context))

    async def wait() -> None:
        loop.call_later(0.01, lambda: 1 / 0)
        await asyncio.sleep(0.05)

    loop.run_until_complete(wait())
    assert isinstance(told[0]["exception"], ZeroDivisionError)


def test_a_closed_loop_takes_nothing(qapp: QApplication) -> None:
    with EventLoop(qapp) as made:
        made.call_later(60, print)
    assert made.waiting == 0
    with pytest.raises(RuntimeError):
        made.call_later(1, print)
