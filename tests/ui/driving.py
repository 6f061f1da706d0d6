"""Tests with windows: a loop on the application, one coroutine driven to its end, and nothing left afterwards.

@driven
async def test_something(qapp): ...

The decorated test is an ordinary function for pytest; it takes the fixture `drive` besides its own.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QMainWindow, QMenu, QTabWidget, QWidget

from tests.holding import until
from xsmigui.ui import style
from xsmigui.ui.loop import EventLoop

T = TypeVar("T")
W = TypeVar("W", bound=QWidget)
DEADLINE = 180.0
"""Seconds that a test may take."""

Drive = Callable[[Coroutine[Any, Any, T]], T]


def driven(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make an asynchronous test one that runs in the loop of `drive`."""

    @functools.wraps(test)
    def run(drive: Drive[None], **fixtures: Any) -> None:
        drive(test(**fixtures))

    mine = inspect.signature(test)
    drive = inspect.Parameter("drive", inspect.Parameter.KEYWORD_ONLY)
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in mine.parameters.values()]
    run.__signature__ = mine.replace(parameters=[drive, *own])  # type: ignore[attr-defined]
    del run.__wrapped__  # type: ignore[attr-defined]
    return run


@pytest.fixture
def drive(qapp: QApplication) -> Iterator[Drive[Any]]:
    """Drives a coroutine to its end, within a deadline; fails on tasks and windows that outlive it."""
    qapp.setQuitOnLastWindowClosed(False)
    style.apply(qapp)
    before = set(_windows(qapp))
    loop = EventLoop(qapp)
    asyncio.set_event_loop(loop)
    unforeseen: list[str] = []
    loop.set_exception_handler(lambda _loop, context: unforeseen.append(str(context)))

    def run(work: Coroutine[Any, Any, T]) -> T:
        return loop.run_until_complete(_driven(work))  # type: ignore[no-any-return]

    try:
        yield run
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        left = [f"{type(w).__name__} {w.objectName()!r}" for w in _windows(qapp) if w not in before]
        assert not left, f"windows are left: {left}"
        assert not unforeseen, unforeseen
    finally:
        for window in _windows(qapp):
            if window not in before:
                window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        asyncio.set_event_loop(None)
        loop.close()


async def _driven(work: Coroutine[Any, Any, T]) -> T:
    mine = asyncio.current_task()
    try:
        async with asyncio.timeout(DEADLINE):
            result = await work

            def left() -> list[asyncio.Task[Any]]:
                return [task for task in asyncio.all_tasks() if task is not mine]

            try:
                await until(lambda: not left(), 2.0)
            except AssertionError:
                raise AssertionError(f"tasks are left: {left()}") from None
            return result
    finally:
        rest = [task for task in asyncio.all_tasks() if task is not mine]
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=5)


def _windows(app: QApplication) -> list[QWidget]:
    return [w for w in app.topLevelWidgets() if isinstance(w, QDialog | QMainWindow) or w.isVisible()]


async def settled(turns: int = 3) -> None:
    """Let what is due in the loop happen."""
    for _turn in range(turns):
        await asyncio.sleep(0)


def windows(kind: type[W], name: str = "") -> list[W]:
    """The visible top-level windows of a kind, by name."""
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]
    return [w for w in found if not name or w.objectName() == name]


async def dialog(name: str, kind: type[W] = QDialog) -> W:  # type: ignore[assignment]
    """The dialog of this name, once it is open."""
    await until(lambda: windows(kind, name))
    return windows(kind, name)[0]


async def press(widget: QWidget, key: Qt.Key) -> None:
    """Press a key, as soon as the widget's window is the active one: until then it may be another window's shortcut."""
    window = widget.window()
    window.activateWindow()
    await until(window.isActiveWindow)
    QTest.keyClick(widget, key)


async def gone(name: str) -> None:
    """Wait until no dialog of this name is open."""
    await until(lambda: not windows(QWidget, name))


def child(parent: QWidget, kind: type[W], name: str) -> W:
    """The widget of this name below another; there must be exactly one."""
    found = [w for w in parent.findChildren(kind, name) if w.isVisible() or not (parent.isVisible() or w.isHidden())]
    assert len(found) == 1, f"{len(found)} widgets {name!r}"
    return found[0]


async def appears(parent: QWidget, kind: type[W], name: str) -> W:
    """The widget of this name below another, once it is in sight."""
    await until(lambda: any(w.isVisible() for w in parent.findChildren(kind, name)))
    return child(parent, kind, name)


def leaf(sheet: QWidget, name: str) -> None:
    """Turn to a page of a dialog with tabs."""
    tabs = sheet.findChild(QTabWidget)
    assert isinstance(tabs, QTabWidget)
    tabs.setCurrentWidget(sheet.findChild(QWidget, name))


def message(box: QWidget) -> str:
    """What a message dialog says."""
    return child(box, QLabel, "messageText").text()


def menus() -> list[QMenu]:
    return windows(QMenu)
