"""Work that belongs to a widget: it is cancelled with it, and every exception ends in one presenter."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QObject

log = logging.getLogger(__name__)

Presenter = Callable[[BaseException], None]


class Scope:
    """The tasks of one owner. Work of a named group is exclusive: starting it cancels what ran in the group before."""

    def __init__(self, owner: QObject, present: Presenter) -> None:
        self._present = present
        self._tasks: set[asyncio.Task[Any]] = set()
        self._groups: dict[str, asyncio.Task[Any]] = {}
        owner.destroyed.connect(self.cancel)

    def spawn(self, work: Coroutine[Any, Any, Any], group: str = "") -> asyncio.Task[Any]:
        """Run a coroutine on the loop."""
        if group and group in self._groups:
            self._groups[group].cancel()
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        if group:
            self._groups[group] = task
        task.add_done_callback(lambda done: self._ended(done, group))
        return task

    def _ended(self, task: "asyncio.Task[Any]", group: str) -> None:
        self._tasks.discard(task)
        if group and self._groups.get(group) is task:
            del self._groups[group]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._present(error)

    def cancel(self) -> None:
        """End everything that is under way."""
        for task in tuple(self._tasks):
            task.cancel()

    async def finished(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))
