"""Quit while work is left: the queue goes on without the window, and the next window follows it and takes it over."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from tests.core import test_progress as progress
from tests.e2e.serving import Simulator
from tests.holding import Hold, until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, settled, windows
from tests.ui.programs import add_by_hand, connected, running
from tests.ui.window.test_main import act, site
from xsmigui.app import Options, Program
from xsmigui.core.jobs import State
from xsmigui.core.journal import Elsewhere
from xsmigui.core.migration.selection import Asked, draft_from
from xsmigui.core.ports import Address
from xsmigui.core.preferences import Settings
from xsmigui.local.journal import JournalFile
from xsmigui.local.successor import Successor
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.window import quitting

__all__ = ["site"]

NAMES = ("web-01", "web-02", "web-03")


@pytest.fixture(autouse=True)
def successors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that was started to outlive the window does not outlive its test."""
    left: list[subprocess.Popen[bytes]] = []
    leave = Successor.leave

    def leaving(successor: Successor) -> None:
        assert successor._process is not None
        left.append(successor._process)
        leave(successor)

    monkeypatch.setattr(Successor, "leave", leaving)
    yield
    for process in left:
        process.returncode = None
        process.kill()
        process.wait()


async def carried_on(home: Path, job: str) -> None:
    """Wait until the process without a window has the job; a window that is open before would simply take it up."""
    journal = JournalFile(home)
    try:
        found: list[Elsewhere] = []
        while job not in {each.job.id for each in found}:
            found = await journal.elsewhere() or found
            await settled()
    finally:
        await journal.close()


async def batch(program: Program) -> str:
    """Three VMs to the other pool, one after the other, of which the last is on hold."""
    draft = draft_from(program.store.site(), Asked(vms=NAMES, to="Lisboa", sr="NFS Lisboa"))
    evaluation = await program.window._services.desk.settled(draft)
    assert evaluation.plan is not None
    program.jobs.limit = 1
    job = program.jobs.start(evaluation.plan)
    program.jobs.hold(job.id, 2)
    return job.id


@driven
async def test_it_goes_on_without_the_window(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        hold = Hold(site, free=2)
        job = await batch(program)
        await hold.until_held()
        await until(lambda: program.jobs.get(job).vms[0].task)
        act(program, "actionQuit").trigger()
        question = await dialog("questionDialog")
        words = " ".join(label.text() for label in question.findChildren(QLabel))
        assert "3 VMs are left to do" in words
        assert "sleeps" in words
        assert "1 VM that is on hold stays on hold" in words
        child(question, QPushButton, "goOnButton").click()
        await until(lambda: not program.window.isVisible() and not program.jobs._queue)
    await carried_on(home, job)
    async with running(qapp, home) as program:
        await connected(program, site)
        await until(lambda: job in program.jobs.elsewhere)
        assert [vm.held for vm in program.jobs.get(job).vms] == [False, False, True]
        await until(lambda: program.jobs.get(job).vms[0].state is State.running)
        activity = program.window.activity
        await until(lambda: activity.line() is not None)
        assert Act.cancel in activity.current_acts()
        assert Act.hold not in activity.current_acts()
        await until(lambda: activity.buttons.all[Act.take_over].isVisible())
        activity.buttons.all[Act.take_over].click()
        await until(lambda: not program.jobs.elsewhere and program.jobs.running)
        hold.release()
        await until(lambda: program.jobs.get(job).vms[1].state is State.done)
        assert program.jobs.get(job).vms[2].held
        program.jobs.proceed(job)
        ended = await program.jobs.wait(job)
        assert [vm.verified for vm in ended.vms] == [True] * 3


@driven
async def test_cancel_while_the_servers_are_gone(qapp: QApplication, home: Path, expected_errors: list[str]) -> None:
    """The next window says what the process without one waits for; Cancel takes the job over, ends what had not begun,
    and reaches the server when that is back."""
    with Simulator(seed=3) as away:
        async with running(qapp, home) as program:
            for pool in away.pools:
                await add_by_hand(program, pool)
            job = await batch(program)
            await until(lambda: program.jobs.get(job).vms[0].task)
            act(program, "actionQuit").trigger()
            child(await dialog("questionDialog"), QPushButton, "goOnButton").click()
            await until(lambda: not program.window.isVisible() and not program.jobs._queue)
        await carried_on(home, job)
        away.kill()
        async with running(qapp, home) as program:
            await until(lambda: job in program.jobs.elsewhere)
            activity = program.window.activity
            await until(lambda: (line := activity.line()) is not None and "Madrid" in line.message)
            line = activity.line()
            assert line is not None
            assert "continues without a window" in line.message
            await until(lambda: activity.buttons.all[Act.cancel].isVisible())
            activity.buttons.all[Act.cancel].click()
            question = await dialog("questionDialog")
            assert any("takes over first" in label.text() for label in question.findChildren(QLabel))
            child(question, QPushButton, "goButton").click()
            await until(lambda: not program.jobs.elsewhere)
            await until(lambda: [vm.state for vm in program.jobs.get(job).vms[1:]] == [State.cancelled] * 2)
            assert not program.jobs.get(job).vms[0].state.has_ended
            away.start()
            for pool in away.pools:
                server = next(s for s in program.connections.servers() if s.address.url == pool.url)
                await program.connections.close(server.address.url)
                await program.connections.add(Address(pool.url, pool.user), pool.password, keep=False)
            ended = await program.jobs.wait(job)
            assert ended.vms[0].state.has_ended  # what became of it in a server that was killed, nobody knows


@driven
async def test_what_ended_meanwhile_is_seen_by_the_next_window(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        hold = Hold(site, free=2)
        job = await batch(program)
        program.jobs.proceed(job)
        await hold.until_held()
        act(program, "actionQuit").trigger()
        child(await dialog("questionDialog"), QPushButton, "goOnButton").click()
        await until(lambda: not program.window.isVisible() and not program.jobs._queue)
    await carried_on(home, job)
    async with running(qapp, home) as program:
        await until(lambda: job in program.jobs.elsewhere)
        hold.release()
        await until(lambda: job not in program.jobs.elsewhere)
        (ended,) = program.jobs.all()
        assert [(vm.state, vm.verified) for vm in ended.vms] == [(State.done, True)] * 3


@driven
async def test_a_reason_against_it_is_told_and_the_window_stays(
    qapp: QApplication, home: Path, site: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        hold = Hold(site, free=2)
        job = await batch(program)
        await hold.until_held()
        program.connections._login.passwords = dict.fromkeys(program.connections._login.passwords, "another by now")
        act(program, "actionQuit").trigger()
        child(await dialog("questionDialog"), QPushButton, "goOnButton").click()
        said = await dialog("messageDialog")
        assert "cannot continue without the window" in child(said, QLabel, "messageText").text()
        child(said, QPushButton, "closeButton").click()
        await gone("messageDialog")
        assert program.window.isVisible()
        assert not program.jobs.get(job).has_ended
        hold.release()
        await until(lambda: program.jobs.get(job).vms[1].state is State.done)
        program.jobs.cancel(job)


@driven
async def test_the_demo_does_not_offer_it(qapp: QApplication, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its servers end with the window."""
    monkeypatch.setattr(quitting, "leaving", lambda _jobs: "Something is left.")
    async with running(qapp, home, Options(demo=True, language="en")) as program:
        await until(program.is_connected)
        act(program, "actionQuit").trigger()
        question = await dialog("questionDialog")
        assert not question.findChild(QPushButton, "goOnButton")
        child(question, QPushButton, "leaveButton").click()
        await gone("questionDialog")
        assert not windows(QLabel, "questionDialog")
        monkeypatch.setattr(quitting, "leaving", lambda _jobs: "")


@pytest.mark.parametrize(
    ("wish", "reason", "answer", "closes", "asked", "begun"),
    [
        ("", "", "goOn", True, 1, 1),
        ("", "", "go", True, 1, 0),
        ("", "", "", False, 1, 0),
        ("", "No.", "goOn", False, 1, 1),
        ("goOn", "", "", True, 0, 1),
        ("goOn", "No.", "go", True, 1, 1),  # nobody is locked in by a choice of earlier
        ("goOn", "No.", "", False, 1, 1),
        ("go", "", "", True, 0, 0),
        ("something of a later version", "", "go", True, 1, 0),
    ],
)
def test_what_was_chosen_once_is_done_again(
    monkeypatch: pytest.MonkeyPatch, wish: str, reason: str, answer: str, closes: bool, asked: int, begun: int
) -> None:
    """Without the question the choice is the operator's still: not even then does work stop without a word."""
    said: list[str] = []
    starts: list[int] = []

    async def choosing(_window: object, _title: str, question: str, answers: dict[str, str], _leave: str) -> str:
        said.append(question)
        assert set(answers) == {"goOn", "go"}
        return answer

    async def telling(_window: object, _title: str, text: str) -> None:
        assert reason in text

    async def succeed() -> str:
        starts.append(1)
        return reason

    monkeypatch.setattr(quitting, "choose", choosing)
    monkeypatch.setattr(quitting, "tell", telling)
    services = SimpleNamespace(
        jobs=SimpleNamespace(running=[progress.job("web")]),
        preferences=SimpleNamespace(now=Settings(on_quit=wish)),
        succeed=succeed,
    )
    assert asyncio.run(quitting.may_quit(None, services)) is closes  # type: ignore[arg-type]
    assert (len(said), len(starts)) == (asked, begun)
