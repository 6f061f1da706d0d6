"""Work that belongs to a widget."""

import asyncio

from PySide6.QtCore import QCoreApplication, QEvent, QObject

from tests.ui.driving import driven
from xsmigui.ui.scope import Scope


class Owner(QObject):
    """Owns work and keeps what its presenter heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[BaseException] = []
        self.scope = Scope(self, self.heard.append)


@driven
async def test_work_is_cancelled_with_its_owner() -> None:
    owner = Owner()
    heard = owner.heard
    task = owner.scope.spawn(asyncio.Event().wait())
    await asyncio.sleep(0)
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(owner, QEvent.Type.DeferredDelete.value)
    await asyncio.wait([task])
    assert task.cancelled()
    assert not heard


@driven
async def test_a_group_is_exclusive() -> None:
    owner = Owner()
    first = owner.scope.spawn(asyncio.Event().wait(), "search")
    other = owner.scope.spawn(asyncio.Event().wait(), "other")
    second = owner.scope.spawn(asyncio.Event().wait(), "search")
    await asyncio.wait([first])
    assert first.cancelled()
    assert not other.done()
    assert not second.done()
    third = owner.scope.spawn(asyncio.sleep(0, "third"), "search")
    await asyncio.wait([second])
    assert second.cancelled()
    assert await third == "third"
    owner.scope.cancel()
    await owner.scope.finished()
    assert other.cancelled()


@driven
async def test_every_exception_ends_in_the_presenter() -> None:
    owner = Owner()

    async def fails() -> None:
        raise ValueError("what went wrong")

    owner.scope.spawn(fails(), "group")
    await owner.scope.finished()
    await asyncio.sleep(0)
    assert [str(error) for error in owner.heard] == ["what went wrong"]
    assert await owner.scope.spawn(asyncio.sleep(0, "again"), "group") == "again"
