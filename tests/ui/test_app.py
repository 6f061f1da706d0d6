"""The composition root: the demo, its end, and what is imported when."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialog, QLabel

from tests.holding import PATIENCE, Hold, until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, message, windows
from tests.ui.programs import by_name, connected, next_page, ready, running, wizard_on
from xsmigui import app as module
from xsmigui.app import Options
from xsmigui.core.ports import Address
from xsmigui.local.demo import DemoSite, NoKeyring
from xsmigui.local.unhurried import PatientNames
from xsmigui.ui.wizard.choice import ChoiceCombo


@driven
async def test_the_demo(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home, Options(demo=True, language="en")) as program:
        assert "demo" in program.window.windowTitle()
        assert child(program.window, QLabel, "demoLabel").isVisible()
        await until(lambda: len(program.connections.servers()) == 2 and program.is_connected())
        assert not windows(QDialog)
        demo = program._demo
        assert demo is not None
        process = demo._process
        assert process is not None
        await until(lambda: {"Madrid", "Lisboa"} <= {n.label for n in program.window.bridge.outline.nodes.values()})
    assert process.returncode is not None


@driven
async def test_only_the_demo_says_that_it_is_one(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home) as program:
        assert program.window.windowTitle() == "xsmigui"
        assert program.window.findChild(QLabel, "demoLabel") is None


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools", speed=0) as own:
        yield own


@pytest.fixture
def signals() -> Iterator[None]:
    """Python's own handlers come back afterwards."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [(number, signal.getsignal(number)) for number in numbers]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@driven
@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends the process there")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 0), ("SIGHUP", 0), ("SIGINT", 130)])
@pytest.mark.usefixtures("signals")
async def test_a_signal_ends_it_without_a_question_while_work_is_under_way(
    name: str, status: int, qapp: QApplication, home: Path, site: Simulated
) -> None:
    hold = Hold(site, free=2)
    async with running(qapp, home) as program:
        module._end_by_signal(program)
        await connected(program, site)
        wizard = await wizard_on(program, "web-01")
        by_name(child(wizard, ChoiceCombo, "destinationCombo"), "Lisboa")
        while wizard.next.isVisible():
            await next_page(wizard)
        await ready(wizard)
        wizard.finish.click()
        await hold.until_held()
        os.kill(os.getpid(), getattr(signal, name))
        await until(lambda: not program.window.isVisible())
        assert not windows(QDialog)
        hold.release()
    assert program.status == status


@driven
@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends the process there")
@pytest.mark.usefixtures("signals")
async def test_a_signal_ends_it_while_a_question_is_open(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        module._end_by_signal(program)
        program.window._actions["actionAddServer"].trigger()
        await dialog("addServerDialog")
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: not program.window.isVisible())


@driven
async def test_a_picture_of_a_screen_that_nobody_sees(
    qapp: QApplication, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PICTURE_EVERY", 0.01)
    file = tmp_path / "window.png"
    async with running(qapp, home, Options(demo=True, language="en", picture=file)) as program:
        await until(file.exists)
        assert len(program.connections.servers()) == 2
        assert program.is_connected()
        first = file.stat().st_mtime_ns
        await until(lambda: file.stat().st_mtime_ns != first)
        assert QImage(str(file)).width() > 600
    assert capsys.readouterr().err == f"A picture of the window: {file}\n"
    assert os.listdir(tmp_path) == ["window.png"]


@driven
async def test_a_demo_that_does_not_start_says_so(
    qapp: QApplication, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_self: DemoSite) -> list[object]:
        raise OSError("there is no room")

    monkeypatch.setattr(DemoSite, "start", fails)
    async with running(qapp, home, Options(demo=True, language="en")):
        box = await dialog("messageDialog")
        assert "there is no room" in message(box)
        box.reject()
        await gone("messageDialog")


@driven
async def test_the_demo_s_passwords_are_not_kept() -> None:
    keyring = NoKeyring()
    address = Address("https://madrid")
    assert not await keyring.available()
    assert await keyring.get(address) is None
    assert not await keyring.put(address, "secret")
    await keyring.forget(address)


@driven
async def test_an_error_that_nobody_caught_is_presented(
    qapp: QApplication, home: Path, expected_errors: list[str]
) -> None:
    expected_errors.append("unforeseen")
    async with running(qapp, home) as program:
        module._unforeseen(program, {"exception": ValueError("a surprise"), "message": "m"})
        box = await dialog("messageDialog")
        box.reject()
        await gone("messageDialog")
        module._unforeseen(program, {"message": "only words"})
        await asyncio.sleep(0)


def test_the_window_comes_before_the_wire() -> None:
    """A quarter of a second of imports is spared until the first server is spoken to."""
    program = (
        "import sys, xsmigui.app; print([m for m in ('aiohttp', 'XenAPI', 'xsmigui.simulator') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.strip() == "[]"


def test_the_window_s_loop_does_not_wait_for_name_servers() -> None:
    assert module._Loop.getaddrinfo is PatientNames.getaddrinfo
