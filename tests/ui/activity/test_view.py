"""Activity: lines of jobs and of others' tasks, and the rows that show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from tests.core.site import TwoPools
from tests.holding import until
from tests.ui.driving import driven
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.facts import Answer
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.ui.activity.view import ActivityView, Line, Order, foreign_lines, headline, job_lines, times
from xsmigui.ui.icons import Icons

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def job(*vms: str) -> Job:
    """A job of some VMs of the usual site to Lisboa."""
    site = TwoPools()
    refs = [getattr(site, name) for name in vms or ("web",)]
    facts: dict[object, Answer] = {}
    draft = site.madrid.move(*refs, destination=site.lisboa.id)
    evaluation = evaluate(site.site, draft, facts)  # type: ignore[arg-type]
    while evaluation.questions:
        facts.update(dict.fromkeys(evaluation.questions, Answer()))
        evaluation = evaluate(site.site, draft, facts)  # type: ignore[arg-type]
    assert evaluation.plan is not None, evaluation.problems
    plan = evaluation.plan
    return Job(id="one", plan=plan, created=NOW, vms=tuple(VmJob(move=move) for move in plan.moves))


def at(job: Job, **fields: object) -> Job:
    return replace(job, vms=(replace(job.vms[0], **fields), *job.vms[1:]))  # type: ignore[arg-type]


def test_a_line_of_a_running_vm() -> None:
    started = NOW - timedelta(seconds=100)
    running = at(job(), state=State.running, step=Step.disks, progress=0.5, started=started, step_started=started)
    (line,) = job_lines(running, NOW)
    assert line.title.startswith("web → ")
    assert "copying disks" in line.state
    assert "50" in line.state
    assert "≈" in line.times
    assert line.progress == 0.5
    assert line.running
    assert line.cancel


@pytest.mark.parametrize("state", [s for s in State if s.has_ended])
def test_a_line_of_one_that_has_ended(state: State) -> None:
    problem = Problem(
        rule="R05", severity=Severity.block, subject=Subject("VM", "", "web"), message="no", hint="", page=Page.summary
    )
    ended = at(
        job(), state=state, step=Step.ended, started=NOW - timedelta(seconds=90), ended=NOW, problems=(problem,),
        message="What became of it.",
    )  # fmt: skip
    (line,) = job_lines(ended, NOW + timedelta(hours=1))
    assert not line.running
    assert not line.cancel
    assert line.progress is None
    assert line.details
    assert line.message
    assert line.times
    assert line.times == times(ended.vms[0], NOW)


def test_others_tasks() -> None:
    site = TwoPools()
    task = site.madrid.task("Async.VM.migrate_send", status="pending", progress=0.25)
    site.madrid.set(site.db, current_operations={task: "migrate_send"})
    site.madrid.task("SR.scan", status="pending")
    site.madrid.task("Async.VM.pool_migrate", status="success")
    below = site.madrid.task("VM.pool_migrate", status="pending", subtask_of=task)
    inventory = site.madrid.inventory()
    (line,) = foreign_lines(inventory, lambda _task: False)
    assert line.title.startswith("db")
    assert "Madrid" in line.state
    assert line.progress == 0.25
    assert line.key == ("task", task)
    assert below
    assert not foreign_lines(inventory, lambda one: one == task)


def test_the_headline() -> None:
    assert headline([]) == ""
    two = job("web", "db")
    assert headline([at(two, state=State.running)]) == "1 running · 1 waiting"
    both = replace(two, vms=tuple(replace(vm, state=State.done) for vm in two.vms))
    assert headline([both]) == "2 done"
    assert headline([at(both, state=State.failed)]) == "1 done · 1 failed"


class Desk:
    """A view with lines as a test wants them."""

    def __init__(self, icons: Icons) -> None:
        self.lines: list[Line] = []
        self.cancelled: list[Line] = []
        self.detailed: list[Line] = []
        self.cleared = 0
        self.ordered: list[tuple[Line, Order]] = []
        self.limits: list[int] = []
        self.view = ActivityView(
            icons,
            lambda: self.lines,
            lambda: "a headline",
            self.cancelled.append,
            self.detailed.append,
            self._clear,
            lambda line, order: self.ordered.append((line, order)),
            self.limits.append,
            3,
        )
        self.view.resize(700, 300)
        self.view.show()

    def _clear(self) -> None:
        self.cleared += 1


@pytest.fixture
def desk(qapp: QApplication, icons: Icons) -> Iterator[Desk]:
    made = Desk(icons)
    yield made
    made.view.deleteLater()
    QCoreApplication.sendPostedEvents(made.view, QEvent.Type.DeferredDelete.value)


def line(number: int, **fields: object) -> Line:
    given = {"running": True, "progress": 0.1, **fields}
    return Line(("job", str(number)), "vm-moving", f"vm {number}", "copying", "1 min", **given)  # type: ignore[arg-type]


def test_rows_come_change_and_go(desk: Desk) -> None:
    assert desk.view.empty.isVisible()
    desk.lines = [line(1, cancel="Cancel"), line(2, progress=None, message="What is known.")]
    desk.view.refresh()
    assert not desk.view.empty.isVisible()
    assert desk.view.summary.text() == "a headline"
    one, two = desk.view._rows.values()
    assert one.bar.value() == 100
    assert two.bar.maximum() == 0
    assert two.message.text() == "What is known."
    assert one.accessibleName() == "vm 1: copying"
    one.cancel.click()
    assert desk.cancelled == [desk.lines[0]]
    assert desk.view._tick.isActive()
    assert not desk.view.clear.isVisible()
    desk.lines = [line(1, running=False, progress=None, details=True)]
    desk.view.refresh()
    assert list(desk.view._rows.values()) == [one]
    assert not one.bar.isVisible()
    one.details.click()
    assert desk.detailed == desk.lines
    assert not desk.view._tick.isActive()
    desk.view.clear.click()
    assert desk.cleared == 1
    desk.lines = []
    desk.view.refresh()
    assert not desk.view._rows


@driven
async def test_the_latest_stands_first(qapp: QApplication, icons: Icons) -> None:
    desk = Desk(icons)
    desk.lines = [line(1)]
    desk.view.refresh()
    desk.lines = [line(2), line(1)]
    desk.view.refresh()

    def place(name: str) -> int:
        return next(row.y() for row in desk.view._rows.values() if row.title.text() == name)

    await until(lambda: place("vm 2") < place("vm 1"))
    desk.view._tick.stop()
    desk.view.deleteLater()


@driven
async def test_many_changes_cost_one_refresh(qapp: QApplication, icons: Icons) -> None:
    desk = Desk(icons)
    asked: list[bool] = []

    def lines() -> list[Line]:
        asked.append(True)
        return [line(1)]

    desk.view._lines = lines
    for _change in range(50):
        desk.view.refresh_soon()
    await until(lambda: asked)
    assert len(asked) == 1
    desk.view._tick.stop()
    desk.view.deleteLater()


def test_what_waits_can_be_held_continued_and_put_first(desk: Desk) -> None:
    waiting, held = line(1, running=False, waiting=True), line(1, running=False, waiting=True, held=True)
    desk.lines = [waiting]
    desk.view.refresh()
    row = desk.view.findChild(QWidget, "activityRow")
    assert row is not None

    def buttons() -> dict[str, QPushButton]:
        return {b.objectName(): b for b in row.findChildren(QPushButton) if not b.isHidden()}

    assert set(buttons()) == {"activityFirstButton", "activityHoldButton"}  # Cancel and Details are for others
    assert not desk.view.clear.isVisible()  # nothing has finished
    buttons()["activityFirstButton"].click()
    buttons()["activityHoldButton"].click()
    desk.lines = [held]
    desk.view.refresh()
    assert set(buttons()) == {"activityContinueButton"}
    buttons()["activityContinueButton"].click()
    assert desk.ordered == [(waiting, Order.first), (waiting, Order.hold), (held, Order.proceed)]
    desk.lines = [line(1)]
    desk.view.refresh()
    assert buttons() == {}


def test_the_number_at_once_is_lowered(desk: Desk) -> None:
    assert (desk.view.limit.minimum(), desk.view.limit.maximum(), desk.view.limit.value()) == (1, 3, 3)
    desk.view.limit.setValue(2)
    assert desk.limits == [2]
