"""The window's loop: qasync's, with timers that are gone when they are cancelled.

qasync (0.28) keeps a cancelled timer until its time comes: the Qt timer, the handle and its context. Each call to a
server has a deadline of a minute and is over after a moment, so a day of events would keep thousands of them.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

import qasync
from PySide6.QtCore import QObject, QTimer, QTimerEvent


class _Handle(asyncio.TimerHandle):
    """A handle that knows its Qt timer."""

    __slots__ = ("timer",)

    timer: int


class _Timers(QObject):
    """Qt's timers of the callbacks that wait."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, _Handle] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self, handle: _Handle, delay: float) -> None:
        handle.timer = self.startTimer(int(delay * 1000))
        self._waiting[handle.timer] = handle

    def drop(self, timer: int) -> None:
        if self._waiting.pop(timer, None) is not None:
            self.killTimer(timer)

    def clear(self) -> None:
        for timer in list(self._waiting):
            self.drop(timer)

    def timerEvent(self, event: QTimerEvent) -> None:
        handle = self._waiting.get(event.timerId())
        self.drop(event.timerId())
        if handle is not None and not handle.cancelled():
            handle._run()


class EventLoop(qasync.QEventLoop):  # type: ignore[misc]
    """asyncio on Qt's loop."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self._delayed = _Timers()
        super().__init__(*args, **more)

    @property
    def waiting(self) -> int:
        """Callbacks whose time has not come."""
        return len(self._delayed)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if delay <= 0:
            return super().call_later(0, callback, *args, context=context)  # type: ignore[no-any-return]
        self._check_closed()
        handle = _Handle(self.time() + delay, callback, args, self, context)
        self._delayed.start(handle, delay)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio tells of it when a handle is cancelled."""
        if isinstance(handle, _Handle):
            self._delayed.drop(handle.timer)

    def close(self) -> None:
        self._delayed.clear()
        super().close()


def every(milliseconds: int, owner: QObject, do: Callable[[], object]) -> None:
    """Do something again and again while its owner is there."""
    timer = QTimer(owner)
    timer.setInterval(milliseconds)
    timer.timeout.connect(do)
    timer.start()
