"""Servers behind an HTTP proxy: set in Preferences, with exceptions, and used from then on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton

from tests.holding import until
from tests.proxying import HttpProxy
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, leaf
from tests.ui.programs import add_by_hand, running
from xsmigui.app import Program
from xsmigui.local.settings import SettingsFile
from xsmigui.ui.fields import Combo

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def set_proxy(program: Program, way: str, address: str = "", exceptions: str = "") -> None:
    """Choose it in Preferences, as an operator does."""
    program.window.preferences()
    sheet = await dialog("preferencesDialog")
    leaf(sheet, "networkPage")
    combo = child(sheet, Combo, "proxyCombo")
    combo.setCurrentIndex(combo.findText(way))
    for name, text in (("proxyEdit", address), ("proxyExceptionsEdit", exceptions)):
        edit = child(sheet, QLineEdit, name)
        assert edit.isEnabled() is (way == "This HTTP proxy")
        edit.setText(text)
    child(sheet, QPushButton, "savePreferencesButton").click()
    await gone("preferencesDialog")


@driven
async def test_what_is_set_is_used_from_then_on(qapp: QApplication, home: Path, site: Simulated) -> None:
    with HttpProxy() as proxy:
        async with running(qapp, home) as program:
            await set_proxy(program, "This HTTP proxy", proxy.url)
            await add_by_hand(program, site["Madrid"])
            await until(lambda: site["Madrid"].url.removeprefix("https://") in proxy.log)
            await set_proxy(program, "None")
            await add_by_hand(program, site["Lisboa"])
            assert site["Lisboa"].url.removeprefix("https://") not in proxy.log
    assert SettingsFile(home).now.proxy == "direct"


@driven
async def test_a_proxy_that_is_not_there_and_servers_that_do_without(
    qapp: QApplication, home: Path, site: Simulated
) -> None:
    async with running(qapp, home) as program:
        await set_proxy(program, "This HTTP proxy", NOBODY)
        program.window._actions["actionAddServer"].trigger()
        sheet = await dialog("addServerDialog")
        child(sheet, QLineEdit, "serverEdit").setText(site["Madrid"].url)
        connect = child(sheet, QPushButton, "connectButton")
        connect.click()
        await until(connect.isEnabled)
        said = " ".join(label.text() for label in sheet.findChildren(QLabel))
        assert NOBODY in said
        assert "except this server" in said
        child(sheet, QPushButton, "leaveButton").click()
        await gone("addServerDialog")
        await set_proxy(program, "This HTTP proxy", NOBODY, "10.0.0.0/8, 127.0.0.1")
        await add_by_hand(program, site["Madrid"])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "not the address"),
        ("http://", "not the address"),
        ("socks5://proxy:1080", "only HTTP proxies"),
        ("http://proxy:99999", "65535"),
        ("http://ada:hunter2@proxy", "HTTPS_PROXY"),
        ("proxy/pac", "path"),
    ],
)
@driven
async def test_what_is_no_proxy_is_said_and_not_kept(qapp: QApplication, home: Path, address: str, said: str) -> None:
    async with running(qapp, home) as program:
        program.window.preferences()
        sheet = await dialog("preferencesDialog")
        leaf(sheet, "networkPage")
        combo = child(sheet, Combo, "proxyCombo")
        combo.setCurrentIndex(combo.findText("This HTTP proxy"))
        child(sheet, QLineEdit, "proxyEdit").setText(address)
        child(sheet, QPushButton, "savePreferencesButton").click()
        state = child(sheet, QLabel, "proxyState")
        await until(state.isVisible)
        assert said in state.text()
        assert "hunter2" not in state.text()
        child(sheet, QPushButton, "leaveButton").click()
        await gone("preferencesDialog")
        assert program.settings.now.proxy == ""
