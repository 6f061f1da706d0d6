"""The composition root: the demo, its end, and what is imported when."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QDialog

from tests.holding import until
from tests.ui.driving import dialog, driven, gone, message, windows
from tests.ui.programs import running
from xsmigui import app as module
from xsmigui.app import DemoSite, NoKeyring, Options
from xsmigui.core.ports import Address


@driven
async def test_the_demo(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home, Options(demo=True, language="en")) as program:
        await until(lambda: len(program.connections.servers()) == 2 and program.is_connected(), 40)
        assert not windows(QDialog)
        demo = program._demo
        assert demo is not None
        process = demo._process
        assert process is not None
        await until(lambda: {"Madrid", "Lisboa"} <= {n.label for n in program.window.bridge.outline.nodes.values()})
    assert process.returncode is not None


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
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
