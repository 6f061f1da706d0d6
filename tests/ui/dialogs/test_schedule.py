"""Order and times of a batch: seen before it starts, changed by hand, kept by the plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QDateTime
from PySide6.QtWidgets import QApplication, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.dialogs.test_maintenance import opened_on
from tests.ui.driving import child, dialog, driven, gone
from tests.ui.programs import connected, running, wizard_on
from xsmigui.core.jobs import State
from xsmigui.core.problems import Page
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.dialogs.schedule import ScheduleDialog


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


async def schedule_of(sheet: MaintenanceDialog) -> ScheduleDialog:
    await until(lambda: not sheet.is_busy and sheet.schedule.isVisible())
    sheet.schedule.click()
    return await dialog("scheduleDialog", ScheduleDialog)


def texts(schedule: ScheduleDialog, column: int) -> list[str]:
    model = schedule.table.model()
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


@driven
async def test_the_order_is_changed_and_stays(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Madrid", "madrid-01")
        schedule = await schedule_of(sheet)
        before = texts(schedule, 1)
        assert len(before) > 3
        assert texts(schedule, 0) == [str(n + 1) for n in range(len(before))]
        assert texts(schedule, 3)[0] == "at once"
        schedule.table.selectRow(2)
        child(schedule, QPushButton, "firstButton").click()
        await until(lambda: texts(schedule, 1)[0] == before[2])
        child(schedule, QPushButton, "laterButton").click()
        wanted = [before[0], before[2], before[1], *before[3:]]
        await until(lambda: texts(schedule, 1) == wanted)
        site.call(site["Madrid"], "VM.set_name_label", site.vm(site["Madrid"], before[0]), "renamed meanwhile")
        await until(lambda: texts(schedule, 1)[0] == "renamed meanwhile")  # nothing puts the old order back
        assert texts(schedule, 1)[1:] == wanted[1:]
        child(schedule, QPushButton, "closeButton").click()
        await gone("scheduleDialog")
        names = [
            program.store.site().pools[sheet._drafting.draft.source].VM[vm].name_label
            for vm in sheet._drafting.draft.vms
        ]
        assert names[1:] == wanted[1:]
        sheet.reject()


@driven
async def test_times_are_part_of_the_plan(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        schedule = await schedule_of(sheet)
        start = QDateTime.currentDateTime().addDays(1)
        for name, at in (("notBefore", start), ("pauseAt", start.addSecs(-3600))):
            check, when = schedule.times[name]
            assert not when.isEnabled()
            check.click()
            assert when.isEnabled()
            when.setDateTime(at)
        await until(lambda: not sheet.is_busy and sheet._drafting.evaluation.draft.not_before is not None)
        draft = sheet._drafting.draft
        assert draft.not_before == datetime.fromtimestamp(start.toSecsSinceEpoch(), UTC)
        assert draft.pause_at == draft.not_before + timedelta(hours=23)  # the next such time after the start
        assert all(text[-5:-3].isdigit() for text in texts(schedule, 3))
        schedule.close()
        assert "Starts at" in sheet.schedule.toolTip()
        await until(sheet.enter_button.isEnabled)
        sheet.enter_button.click()
        await until(lambda: program.jobs.running and program.jobs.running[0].plan.moves[0].fix is None)
        (job,) = program.jobs.running
        assert (job.plan.not_before, job.plan.pause_at) == (draft.not_before, draft.pause_at)
        assert {vm.state for vm in job.vms} == {State.waiting}
        assert "Starts at" in job.vms[0].message
        program.jobs.cancel(job.id)


@driven
async def test_what_comes_after_the_pause_is_said(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Madrid", "madrid-01")
        sheet.at_once.setValue(1)
        schedule = await schedule_of(sheet)
        soon = datetime.now(UTC) + timedelta(seconds=10)
        sheet._drafting.choose(lambda draft: draft.timed(None, soon))
        await until(lambda: "on hold" in texts(schedule, 3)[-1])
        assert "1 VM moves at once" in texts(schedule, 4)[-1]
        check, _when = schedule.times["pauseAt"]
        assert check.isChecked()
        check.click()
        await until(lambda: not any("on hold" in text for text in texts(schedule, 3)))
        schedule.close()
        sheet.reject()


@driven
async def test_the_wizard_has_it_on_its_last_page(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        wizard = await wizard_on(program, "web-01")
        button = child(wizard.pages[Page.summary], QPushButton, "scheduleButton")
        assert not button.isVisible()
        wizard.choose(lambda draft: draft.timed(datetime(2030, 1, 1, tzinfo=UTC), None))
        await until(lambda: wizard._drafting.evaluation.draft.not_before is not None)
        wizard.pages[Page.summary].show_evaluation(wizard._drafting.evaluation)
        assert "20" in button.toolTip()
        assert "Starts at" in button.toolTip()
        wizard.reject()
