"""A job that ends while the window is behind others calls the operator, once."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QApplication, QWidget

from tests.core.test_progress import at, job
from tests.ui.driving import driven
from xsmigui.core.jobs import State
from xsmigui.local.paths import resources
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.notices import Notices, notice


def test_what_a_notice_tells() -> None:
    assert notice(at(job("web"), state=State.done)) == ("The job is done", "web: done")
    two = at(at(job("web", "db"), state=State.done), 1, state=State.failed)
    title, text = notice(two)
    assert title == "A job needs attention"
    assert text.endswith(": 1 done · 1 failed")


def test_names_are_no_markup_and_no_longer_than_a_notice() -> None:
    done = at(job("web"), state=State.done)
    vm = done.vms[0]
    move = replace(vm.move, vm=replace(vm.move.vm, name="<b>web</b> & " + "W" * 4096))
    _title, text = notice(replace(done, vms=(replace(vm, move=move),)))
    assert len(text) <= 160
    assert not {"<", ">", "&"} & set(text)


@pytest.mark.parametrize("behind", [True, False])
@driven
async def test_a_job_that_has_ended_is_told_once(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    window = QWidget()
    alerts: list[Any] = []
    monkeypatch.setattr(QApplication, "alert", lambda *what: alerts.append(what))
    told: list[tuple[str, ...]] = []

    async def notify(*what: str) -> bool:
        told.append(what)
        return True

    scope = Scope(window, lambda error: pytest.fail(repr(error)))
    shown: list[str] = []
    notices = Notices(window, Icons(resources() / "icons"), scope, notify, shown.append)
    monkeypatch.setattr(notices, "_is_behind", lambda: behind)
    running = at(job("web"), state=State.running)
    done = replace(running, vms=tuple(replace(vm, state=State.done) for vm in running.vms))
    for one in (running, done, done):
        notices.job_changed(one)
    await scope.finished()
    assert len(alerts) == (1 if behind else 0)
    assert told == ([("The job is done", "web: done", done.id)] if behind else [])
    window.showMinimized()
    notices.come(done.id)
    assert shown == [done.id]
    assert not window.isMinimized()
    assert notices._tray is None
    window.deleteLater()


@driven
async def test_without_a_desktop_and_a_tray_there_is_no_icon(qapp: QApplication) -> None:
    window = QWidget()
    scope = Scope(window, lambda error: pytest.fail(repr(error)))

    async def nobody(*_what: str) -> bool:
        return False

    notices = Notices(window, Icons(resources() / "icons"), scope, nobody, lambda _job: None)
    await notices._notify("title", "text", "job")
    assert notices._tray is None
    window.deleteLater()
