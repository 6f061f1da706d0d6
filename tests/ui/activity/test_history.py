"""What ended in earlier runs is listed again, and the Activity tab of an object."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from tests.core.site import TwoPools
from tests.core.test_progress import NOW, at, job
from tests.holding import until
from tests.ui.driving import driven
from tests.ui.programs import running
from xsmigui.core.jobs import Job, State, Step
from xsmigui.core.refs import ObjectId
from xsmigui.local.journal import JournalFile
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.activity.lines import Group, Lines
from xsmigui.ui.icons import Icons
from xsmigui.ui.window.activity_tab import ActivityTab


def ended(name: str, days: int, state: State) -> Job:
    """A job that ended so many days ago."""
    then = NOW - timedelta(days=days)
    done = at(job(), state=state, step=Step.ended, started=then, ended=then, verified=state is State.done, status="So.")
    return replace(done, id=name, created=then)


@driven
async def test_what_ended_before_is_listed_again(qapp: QApplication, home: Path) -> None:
    journal = JournalFile(home)
    for each in (ended("old", 3, State.done), ended("bad", 2, State.failed), ended("new", 1, State.done)):
        await journal.write(each, 0)
    await journal.close()

    async with running(qapp, home) as program:
        view = program.window.activity

        def listed() -> list[str]:
            return [view.rows.row(view.rows.index(n, 0)).key[0] for n in range(view.rows.rowCount())]  # type: ignore[union-attr]

        await until(lambda: listed() == ["bad", "new", "old"])
        assert view.summary.text() == ""  # nothing of it is news
        assert {Act.details, Act.retry} <= set(view.current_acts())
        program.window._actions["actionClearActivity"].trigger()
        assert listed() == []
    async with running(qapp, home) as program:
        view = program.window.activity
        await until(lambda: program.settings.now.cleared_at is not None and not view.rows.rowCount())
        program.window._actions["actionShowCleared"].trigger()
        await until(lambda: listed() == ["bad", "new", "old"])
        await program.jobs.forget("bad")
        program.history.drop("bad")
        view.refresh()
        assert listed() == ["new", "old"]


@pytest.fixture
def tab(qapp: QApplication, icons: Icons) -> Iterator[ActivityTab]:
    made = ActivityTab(icons, lambda _act, _line: None)
    made.resize(700, 300)
    made.show()
    yield made
    made.deleteLater()
    QCoreApplication.sendPostedEvents(made, QEvent.Type.DeferredDelete.value)


def test_the_tab_shows_what_concerns_its_object(tab: ActivityTab) -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    groups: list[Group] = Lines().groups([job("web", "db"), replace(job("files"), id="other")], NOW)
    tab.show_groups(groups)
    assert tab.empty.isVisible()

    def shown(cls: str, ref: str) -> list[str]:
        tab.show_object(inventory, ObjectId(site.madrid.id, cls, ref))
        rows, model = tab.tree.rows, tab.tree.rows
        return [rows.row(model.index(n, 0)).key[0] for n in range(model.rowCount())]  # type: ignore[union-attr]

    assert shown("VM", site.web) == ["one"]
    assert tab.tree.rows.rowCount(tab.tree.rows.index(0, 0)) == 1
    assert tab.tree.isExpanded(tab.tree.rows.index(0, 0))
    assert shown("VM", site.files) == ["other"]
    assert tab.buttons.all[Act.cancel].isVisible()
    assert shown("pool", site.madrid.ref) == ["one", "other"]
    assert shown("host", site.m3) == []
    assert not tab.tree.isVisible()
    assert not tab.buttons.all[Act.cancel].isVisible()
