"""Adding a server: errors stay in the dialog, certificates are asked about, the safe answer is the default."""

import asyncio
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from tests.holding import until
from tests.ui.driving import child, dialog, driven, settled
from xsmigui.core.failures import Certificate, CertificateChanged, CertificateUnknown, ServerFailure, Unreachable
from xsmigui.core.ports import Address
from xsmigui.services.server_states import AlreadyConnected, Declined
from xsmigui.ui.dialogs.base import opened
from xsmigui.ui.dialogs.certificates import ask_trust
from xsmigui.ui.dialogs.decisions import WindowDecisions
from xsmigui.ui.dialogs.servers import AddServerDialog, ask_password

URL = "https://madrid.example"
ONE = ":".join(f"{n:02x}" for n in range(32))
OTHER = ":".join(f"{n:02x}" for n in range(32, 64))


class Door:
    """Connects as a test says."""

    def __init__(self, outcome: Callable[[], object] = object) -> None:
        self.outcome = outcome
        self.asked: list[tuple[Address, str]] = []

    async def __call__(self, address: Address, password: str) -> object:
        self.asked.append((address, password))
        await asyncio.sleep(0)
        return self.outcome()


def failing(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def texts(parent: AddServerDialog) -> str:
    return " ".join(label.text() for label in parent.findChildren(QLabel) if not label.isHidden())


@driven
async def test_a_server_is_added() -> None:
    door = Door()
    sheet = AddServerDialog(None, door, keyring=True)
    waiting = asyncio.create_task(opened(sheet))
    await settled()
    assert "keyring" in texts(sheet)
    connect = child(sheet, QPushButton, "connectButton")
    assert not connect.isEnabled()
    assert connect.toolTip()
    QTest.keyClicks(child(sheet, QLineEdit, "serverEdit"), "madrid.example")
    assert child(sheet, QLineEdit, "userEdit").text() == "root"
    QTest.keyClicks(child(sheet, QLineEdit, "passwordEdit"), "secret")
    assert child(sheet, QLineEdit, "passwordEdit").echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClick(sheet, Qt.Key.Key_Return)
    assert await waiting == 1
    assert door.asked == [(Address(URL, "root"), "secret")]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Declined(), "not trusted"),
        (AlreadyConnected("Madrid"), "Madrid is already connected"),
        (Unreachable(URL, "connection refused"), "refused"),
        (ServerFailure("SESSION_AUTHENTICATION_FAILED", ("root", "bad"), "session.login_with_password"), "password"),
        (ValueError("a surprise"), "surprise"),
    ],
)
@driven
async def test_an_error_is_said_inside_and_may_be_mended(error: Exception, said: str) -> None:
    door = Door(failing(error))
    sheet = AddServerDialog(None, door, keyring=False, url=URL)
    waiting = asyncio.create_task(opened(sheet))
    await settled()
    child(sheet, QLineEdit, "passwordEdit").setText("secret")
    connect = child(sheet, QPushButton, "connectButton")
    connect.click()
    assert not connect.isEnabled()
    await until(connect.isEnabled)
    assert said in sheet.state.text()
    assert sheet.isVisible()
    assert sheet.password.selectedText() == "secret"
    assert sheet.server.height() >= sheet.server.sizeHint().height()
    door.outcome = object
    connect.click()
    assert await waiting == 1


@driven
async def test_closing_it_stops_the_attempt() -> None:
    never = asyncio.Event()
    stopped: list[bool] = []

    async def connect(address: Address, password: str) -> object:
        try:
            await never.wait()
        finally:
            stopped.append(True)
        return None

    sheet = AddServerDialog(None, connect, keyring=True, url=URL)
    waiting = asyncio.create_task(opened(sheet))
    await settled()
    child(sheet, QPushButton, "connectButton").click()
    await settled()
    assert "Connecting" in sheet.state.text()
    child(sheet, QPushButton, "leaveButton").click()
    assert await waiting == 0
    await until(lambda: stopped)


@driven
async def test_an_unknown_certificate() -> None:
    asked = asyncio.create_task(ask_trust(None, CertificateUnknown(URL, ONE)))
    sheet = await dialog("certificateDialog")
    words = "".join(label.text() for label in sheet.findChildren(QLabel))
    assert ONE in words.replace("\n", "")
    assert child(sheet, QPushButton, "leaveButton").isDefault()
    child(sheet, QPushButton, "trustButton").click()
    assert await asked is True


@driven
async def test_a_changed_certificate_is_not_trusted_by_return() -> None:
    about = Certificate("CN=<b>host</b>", "CN=<b>host</b>", "2026-01-02", "2036-01-02")
    asked = asyncio.create_task(ask_trust(None, CertificateChanged(URL, ONE, OTHER, about=about)))
    sheet = await dialog("certificateDialog")
    words = "".join(label.text() for label in sheet.findChildren(QLabel)).replace("\n", "")
    assert ONE in words
    assert OTHER in words
    assert "CN=<b>host</b>" in words
    assert "itself" in words
    assert "2036-01-02" in words
    one, other = sorted(sheet.findChildren(QLabel, "fingerprint"), key=lambda label: label.x())
    assert one.font().family() == QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
    assert one.y() == other.y()
    assert one.geometry().right() < other.x()
    assert "changed" in sheet.windowTitle()
    QTest.keyClick(sheet, Qt.Key.Key_Return)
    assert await asked is False


@driven
async def test_a_password_is_asked_for() -> None:
    asked = asyncio.create_task(ask_password(None, Address(URL), "The password was not accepted."))
    sheet = await dialog("passwordDialog")
    assert "not accepted" in " ".join(label.text() for label in sheet.findChildren(QLabel))
    QTest.keyClicks(child(sheet, QLineEdit, "passwordEdit"), "secret")
    QTest.keyClick(child(sheet, QLineEdit, "passwordEdit"), Qt.Key.Key_Return)
    assert await asked == "secret"
    asked = asyncio.create_task(ask_password(None, Address(URL), ""))
    (await dialog("passwordDialog")).reject()
    assert await asked is None


@driven
async def test_questions_come_one_after_the_other() -> None:
    decisions = WindowDecisions()
    trust = asyncio.create_task(decisions.trust(CertificateUnknown(URL, ONE)))
    password = asyncio.create_task(decisions.password(Address(URL), "Enter it."))
    sheet = await dialog("certificateDialog")
    await settled()
    assert not password.done()
    child(sheet, QPushButton, "trustButton").click()
    assert await trust
    (await dialog("passwordDialog")).reject()
    assert await password is None
