"""Activity: lines of jobs and of others' tasks, and the view that shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QAbstractItemModel, QCoreApplication, QEvent, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu

from tests.core.site import TwoPools
from tests.core.test_progress import NOW, at, job
from tests.holding import until
from tests.ui.driving import driven, menus
from xsmigui.core.jobs import Job, State, Step
from xsmigui.core.journal import Waiting
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.progress import PARTS
from xsmigui.core.units import moment
from xsmigui.ui.activity.acts import Act, acts
from xsmigui.ui.activity.choosing import Period, as_csv, begin, concerning, filtered, servers_of, since
from xsmigui.ui.activity.lines import Group, Kind, Line, Lines, elsewhere, foreign_groups, headline
from xsmigui.ui.activity.tree import BAR
from xsmigui.ui.activity.view import ActivityView, Source
from xsmigui.ui.columns import Columns
from xsmigui.ui.icons import Icons

PROBLEM = Problem(
    rule="R05", severity=Severity.block, subject=Subject("VM", "", "web"), finding="no", advice="", page=Page.summary
)


def of(*jobs: Job, seconds: float = 0) -> list[Group]:
    return Lines().groups(list(jobs), NOW + timedelta(seconds=seconds))


# Lines.


def test_a_line_of_a_running_vm() -> None:
    lines = Lines()
    running = at(job(), state=State.running, step=Step.disks, progress=0.1, started=NOW)
    lines.groups([running], NOW)
    (group,) = lines.groups([at(running, progress=0.5)], NOW + timedelta(seconds=100))
    line = group.line
    assert line.title.startswith("web → ")
    assert "copying disks" in line.state
    assert "≈" in line.times
    assert "/s" in line.throughput
    assert "/s" in line.sentence()
    assert len(line.speeds) == PARTS
    assert line.speeds[0] == pytest.approx(line.speed)
    assert line.progress is not None
    assert 0 < line.progress <= 0.5
    assert line.kind is Kind.running
    assert acts(line) == (Act.cancel, Act.go_to, Act.copy)
    assert f"{round(line.progress * 100)} %" in line.sentence()


@pytest.mark.parametrize("state", [s for s in State if s.has_ended])
def test_a_line_of_one_that_has_ended(state: State) -> None:
    ended = at(
        job(), state=state, step=Step.ended, started=NOW - timedelta(seconds=90), ended=NOW, problems=(PROBLEM,),
        status="What became of it.",
    )  # fmt: skip
    (group,) = of(ended, seconds=3600)
    line = group.line
    assert line.has_ended
    assert line.progress is None
    assert line.times == f"{moment(NOW.isoformat())} · 2 min"
    assert Act.report in acts(line)
    assert "What became of it." in line.sentence()
    assert Act.cancel not in acts(line)
    assert Act.details in acts(line)
    assert (Act.retry in acts(line)) is (state is not State.done)


def test_a_job_of_several_is_a_group() -> None:
    two = job("web", "db")
    two = at(two, state=State.running, step=Step.disks, progress=0.2, started=NOW)
    (group,) = of(two)
    assert group.line.title == "2 VMs → Lisboa"
    assert group.line.state == "0 of 2"
    assert group.line.progress is not None
    assert [line.kind for line in group.below] == [Kind.running, Kind.waiting]
    two = at(at(two, state=State.failed), 1, state=State.done)
    (group,) = of(two)
    assert group.line.state == "failed · 1 failed"
    assert [line.kind for line in group.below] == [Kind.failed, Kind.done]
    assert acts(group.line) == (Act.retry, Act.report, Act.copy)


def test_what_runs_stands_before_what_waits_and_what_failed_before_what_is_done() -> None:
    states = (State.done, State.failed, State.waiting, State.running, State.lost)
    jobs = [replace(at(job(), state=state, started=NOW), id=str(state)) for state in states]
    assert [group.line.kind for group in of(*jobs)] == [
        Kind.running, Kind.running, Kind.waiting, Kind.failed, Kind.done,
    ]  # fmt: skip


def test_what_has_ended_is_not_made_again() -> None:
    lines = Lines()
    ended, running = at(job(), state=State.done), replace(at(job(), state=State.running, started=NOW), id="two")
    first = lines.groups([ended, running], NOW)
    second = lines.groups([ended, running], NOW + timedelta(seconds=5))
    assert second[1] is first[1]
    assert second[0].line.times != first[0].line.times
    assert lines.groups([running], NOW + timedelta(seconds=5))[0].line == second[0].line


def test_others_tasks_in_words() -> None:
    site = TwoPools()
    task = site.madrid.task("Async.VM.migrate_send", status="pending", progress=0.25)
    site.madrid.set(site.db, current_operations={task: "migrate_send"})
    site.madrid.task("SR.scan", status="pending")
    site.madrid.task("Async.VM.pool_migrate", status="success")
    below = site.madrid.task("VM.pool_migrate", status="pending", subtask_of=task)
    inventory = site.madrid.inventory()
    (group,) = foreign_groups(inventory, lambda _task: False)
    assert group.line.title == "db: migration with disks"
    assert "Madrid" in group.line.state
    assert group.line.progress == 0.25
    assert group.line.key == ("task", task)
    assert below
    assert not foreign_groups(inventory, lambda one: one == task)


def test_a_job_of_another_process_says_which_servers_that_one_waits_for() -> None:
    (group,) = of(at(job(), state=State.lost, started=NOW))
    seen = elsewhere(group, True, Waiting(("Madrid", "Lisboa"), NOW))
    assert seen.line.message.startswith("continues without a window · waits for Madrid and Lisboa, which do not answer")
    assert Act.take_over in acts(seen.line)
    assert "waits" not in elsewhere(group, True).line.message


def test_the_headline() -> None:
    assert headline([]) == ""
    two = job("web", "db")
    assert headline([at(two, state=State.running)]) == "1 running · 1 waiting"
    both = replace(two, vms=tuple(replace(vm, state=State.done) for vm in two.vms))
    assert headline([both]) == "2 done"
    assert headline([at(both, state=State.failed)]) == "1 done · 1 failed"
    assert headline([at(both, state=State.cancelled)]) == "1 done · 1 cancelled"


def test_filters_and_tables() -> None:
    two = at(at(job("web", "db"), state=State.failed, status="It failed."), 1, state=State.done)
    groups = of(two)
    assert filtered(groups, None) is groups
    (left,) = filtered(groups, Kind.done)
    assert [line.kind for line in left.below] == [Kind.done]
    assert filtered(groups, Kind.running) == []
    assert servers_of(groups) == ("Lisboa", "Madrid")
    assert filtered(groups, None, "Madrid") == groups
    assert filtered(groups, None, "Sevilla") == []
    assert since(groups, NOW) == []
    ended = replace(two, vms=tuple(replace(vm, ended=NOW) for vm in two.vms))
    assert since(of(ended), NOW) == of(ended)
    assert since(of(ended), NOW + timedelta(seconds=1)) == []
    heads, *rows = as_csv(groups)
    assert len(heads) == 6
    assert [row[5] for row in rows] == ["It failed.", ""]


def test_what_concerns_an_object() -> None:
    two = job("web", "db")
    groups = of(two, replace(job("files"), id="other"))
    web, db = two.vms
    assert concerning(groups, frozenset()) == []
    (group,) = concerning(groups, frozenset([web.move.vm.uuid]))
    assert [line.title for line in group.below] == [groups[0].below[0].title]
    assert web.move.source_host is not None
    for uuid in (two.plan.source.uuid, two.plan.target.uuid):
        assert concerning(groups, frozenset([uuid])) == groups
    for uuid in (web.move.source_host.uuid, web.move.host.uuid, web.move.disks[0].source.uuid):
        assert any(line.key == ("one", "0") for group in concerning(groups, frozenset([uuid])) for line in group.below)
    arrived = at(two, 1, arrived="OpaqueRef:new")
    (group,) = concerning(of(arrived), frozenset(["OpaqueRef:new"]))
    assert [line.key for line in group.below] == [("one", "1")]
    assert db.move.vm.uuid not in groups[1].line.about


@pytest.mark.parametrize(
    ("period", "expected"), [(Period.today, "11-26"), (Period.week, "11-20"), (Period.month, "10-28")]
)
def test_a_period_begins_at_midnight(period: Period, expected: str) -> None:
    now = datetime(2026, 11, 26, 15, 30, tzinfo=timezone(timedelta(hours=2)))
    assert begin(period, now).isoformat() == f"2026-{expected}T00:00:00+02:00"


# The view.


class Desk:
    """A view with groups as a test wants them."""

    def __init__(self, icons: Icons) -> None:
        self.groups: list[Group] = []
        self.done: list[tuple[Act, Line]] = []
        self.cleared = 0
        self.limits: list[int] = []
        self.asked = 0
        source = Source(
            self._groups, lambda: "a headline", lambda act, line: self.done.append((act, line)), self._clear,
            self.limits.append, lambda: NOW,
        )  # fmt: skip
        self.view = ActivityView(icons, source, 3)
        self.tester = QAbstractItemModelTester(self.view.rows, QAbstractItemModelTester.FailureReportingMode.Warning)
        self.view.resize(1000, 300)
        self.view.show()

    def _groups(self) -> list[Group]:
        self.asked += 1
        return self.groups

    def _clear(self) -> None:
        self.cleared += 1

    def show(self, *groups: Group | Line) -> None:
        self.groups = [group if isinstance(group, Group) else Group(group) for group in groups]
        self.view.refresh()

    def offered(self) -> set[Act]:
        return {act for act, button in self.view.buttons.all.items() if not button.isHidden()}

    def titles(self) -> list[str]:
        model: QAbstractItemModel = self.view.rows
        return [model.index(row, 0).data() for row in range(model.rowCount())]


@pytest.fixture
def desk(qapp: QApplication, icons: Icons) -> Iterator[Desk]:
    made = Desk(icons)
    yield made
    made.view._tick.stop()
    made.view._soon.stop()
    made.view.deleteLater()
    QCoreApplication.sendPostedEvents(made.view, QEvent.Type.DeferredDelete.value)


def line(number: int, kind: Kind = Kind.running, **fields: object) -> Line:
    given = {"progress": 0.1 if kind is Kind.running else None, **fields}
    return Line(("job", str(number)), kind, "vm-moving", f"vm {number}", "copying", "1 min", **given)  # type: ignore[arg-type]


def test_rows_come_change_and_go(desk: Desk) -> None:
    assert desk.view.empty.isVisible()
    desk.show(line(1, cancel=True), line(2, progress=None, message="What is known."))
    assert not desk.view.empty.isVisible()
    assert desk.view.summary.text() == "a headline"
    model = desk.view.rows
    assert model.index(0, 2).data() == "10 %"
    assert model.index(1, 2).data() == ""
    assert model.index(1, 5).data() == "What is known."
    assert model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "vm 1: copying 10 % · 1 min"
    assert desk.offered() == {Act.cancel}
    desk.view.buttons.all[Act.cancel].click()
    assert desk.done == [(Act.cancel, desk.groups[0].line)]
    assert desk.view._tick.isActive()
    assert not desk.view.clear.isVisible()
    desk.show(line(1, Kind.failed, details=True, retry=True))
    assert desk.titles() == ["vm 1"]
    assert desk.offered() == {Act.details, Act.retry}
    assert not desk.view._tick.isActive()
    desk.view.clear.click()
    assert desk.cleared == 1
    desk.show()
    assert desk.titles() == []
    assert desk.offered() == set()


def test_the_choice_of_a_server_gives_way_in_a_narrow_window(desk: Desk) -> None:
    desk.show(*of(job("web")))
    assert desk.view.servers.isVisible()
    desk.view.resize(650, 300)
    QCoreApplication.sendPostedEvents()
    assert not desk.view.servers.isVisible()
    desk.view.resize(1000, 300)
    QCoreApplication.sendPostedEvents()
    desk.view.servers.setCurrentIndex(1)
    desk.view.resize(650, 300)
    QCoreApplication.sendPostedEvents()
    assert desk.view.servers.isVisible()  # else rows would be hidden without a reason that is seen


def test_the_selected_line_stays_selected(desk: Desk) -> None:
    desk.show(line(1), line(2), line(3))
    desk.view.tree.setCurrentIndex(desk.view.rows.index(1, 0))
    desk.show(line(4), line(3), line(2))
    assert desk.titles() == ["vm 4", "vm 3", "vm 2"]
    chosen = desk.view.line()
    assert chosen is not None
    assert chosen.title == "vm 2"


def test_groups_open_and_stay_open(desk: Desk) -> None:
    whole = Line(("job", ""), Kind.running, "vm-moving", "3 VMs → Lisboa", "0 of 3")
    desk.show(Group(whole, (line(1), line(2, Kind.waiting), line(3, Kind.waiting))))
    model, tree = desk.view.rows, desk.view.tree
    top = model.index(0, 0)
    assert model.rowCount(top) == 3
    assert not tree.isExpanded(top)
    tree.expand(top)
    tree.setCurrentIndex(model.index(1, 0, top))
    desk.show(line(9), Group(whole, (line(2), line(1, Kind.done))))
    top = model.index(1, 0)
    assert tree.isExpanded(top)
    chosen = desk.view.line()
    assert chosen is not None
    assert chosen.title == "vm 2"
    assert [model.index(row, 0, top).data() for row in range(model.rowCount(top))] == ["vm 2", "vm 1"]
    desk.show(line(9))
    assert model.rowCount(model.index(0, 0)) == 0


@driven
async def test_many_changes_cost_one_refresh(qapp: QApplication, icons: Icons) -> None:
    desk = Desk(icons)
    before = desk.asked
    for _change in range(50):
        desk.view.refresh_soon()
    await until(lambda: desk.asked > before)
    assert desk.asked == before + 1
    desk.view.deleteLater()


def test_what_waits_can_be_held_continued_and_put_first(desk: Desk) -> None:
    waiting, held = line(1, Kind.waiting, order=True), line(1, Kind.waiting, proceed=True)
    desk.show(waiting)
    assert desk.offered() == {Act.first, Act.hold}
    assert not desk.view.clear.isVisible()  # nothing has finished
    desk.view.buttons.all[Act.first].click()
    desk.view.buttons.all[Act.hold].click()
    desk.show(held)
    assert desk.offered() == {Act.proceed}
    desk.view.buttons.all[Act.proceed].click()
    assert desk.done == [(Act.first, waiting), (Act.hold, waiting), (Act.proceed, held)]


@driven
async def test_the_context_menu(qapp: QApplication, icons: Icons) -> None:
    desk = Desk(icons)
    desk.show(line(1, cancel=True))
    tree = desk.view.tree
    tree.customContextMenuRequested.emit(tree.visualRect(desk.view.rows.index(0, 0)).center())
    await until(menus)
    menu: QMenu = menus()[0]
    usable = [action.objectName() for action in menu.actions() if action.isEnabled()]
    assert usable == ["activity-cancel", "activity-copy"]
    assert all(action.toolTip() for action in menu.actions())
    menu.actions()[0].trigger()
    menu.close()
    assert [act for act, _line in desk.done] == [Act.cancel]
    desk.view._tick.stop()
    desk.view.deleteLater()


def test_a_filter(desk: Desk) -> None:
    desk.show(line(1), line(2, Kind.failed), line(3, Kind.done))
    desk.view.filter.setCurrentIndex(desk.view.filter.findData(Kind.failed))
    assert desk.titles() == ["vm 2"]
    desk.view.filter.setCurrentIndex(desk.view.filter.findData(Kind.waiting))
    assert desk.titles() == []
    assert "All" in desk.view.empty.text()
    desk.view.filter.setCurrentIndex(0)
    assert desk.titles() == ["vm 1", "vm 2", "vm 3"]


def test_the_number_at_once_is_lowered(desk: Desk) -> None:
    assert (desk.view.limit.minimum(), desk.view.limit.maximum(), desk.view.limit.value()) == (1, 3, 3)
    desk.view.limit.setValue(2)
    assert desk.limits == [2]


def test_names_are_whole_while_there_is_room(desk: Desk) -> None:
    desk.view.resize(760, 240)
    desk.view.show()
    desk.show(dataclasses.replace(line(1), title="db-postgres → lisboa-02"))
    desk.view.tree.findChildren(Columns)[0].fit()
    wide = desk.view.tree.fontMetrics().horizontalAdvance("db-postgres → lisboa-02")
    assert desk.view.tree.columnWidth(0) >= wide + 16
    assert desk.view.tree.columnWidth(2) >= BAR
    desk.view.hide()


@driven
async def test_what_unfolds_is_measured(qapp: QApplication, icons: Icons) -> None:
    """At first the line of the job alone is in sight, whose state is short."""
    desk = Desk(icons)
    desk.view.resize(700, 240)
    desk.show(*of(at(job("web", "db"), state=State.running, step=Step.disks, started=NOW)))
    tree = desk.view.tree
    tree.findChildren(Columns)[0].fit()
    wanted = tree.fontMetrics().horizontalAdvance("waiting for its")
    assert tree.columnWidth(1) < wanted
    desk.view._tick.stop()  # it would measure anew
    tree.expandAll()
    await until(lambda: tree.columnWidth(1) >= wanted)
    desk.view.close()
    desk.view.deleteLater()
