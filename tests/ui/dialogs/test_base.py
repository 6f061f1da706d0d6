"""Dialogs are opened and awaited, and their safe answer is the default."""

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QPushButton, QWidget

from tests.ui.driving import child, dialog, driven, gone, settled
from xsmigui.ui.dialogs.base import Sheet, ask, opened, tell


@driven
async def test_asking_has_a_safe_default() -> None:
    for press, expected in ((Qt.Key.Key_Return, False), (Qt.Key.Key_Escape, False)):
        asked = asyncio.create_task(ask(None, "Title", "The disk is let go.", "Let it go", "Keep it"))
        sheet = await dialog("questionDialog")
        go, leave = child(sheet, QPushButton, "goButton"), child(sheet, QPushButton, "leaveButton")
        assert (go.text(), leave.text()) == ("Let it go", "Keep it")
        assert leave.isDefault()
        assert not go.isDefault()
        QTest.keyClick(sheet, press)
        assert await asked is expected
        await gone("questionDialog")


@driven
async def test_the_button_that_goes_on() -> None:
    asked = asyncio.create_task(ask(None, "Title", "Question", "Go", "Stay"))
    child(await dialog("questionDialog"), QPushButton, "goButton").click()
    assert await asked


@driven
async def test_a_cancelled_wait_closes_the_dialog() -> None:
    asked = asyncio.create_task(ask(None, "Title", "Question", "Go", "Stay"))
    await dialog("questionDialog")
    asked.cancel()
    await asyncio.wait([asked])
    await gone("questionDialog")


@driven
async def test_a_parent_that_goes_away_ends_the_wait() -> None:
    """A wizard may be closed while one of its questions is open; nobody may wait for it for ever."""
    parent = QWidget()
    parent.show()
    asked = asyncio.create_task(ask(parent, "Title", "Question", "Go", "Stay"))
    await dialog("questionDialog")
    parent.deleteLater()
    done, _pending = await asyncio.wait([asked], timeout=5)
    assert done
    assert asked.result() is False


@driven
async def test_telling_shows_the_raw_error_on_request() -> None:
    told = asyncio.create_task(tell(None, "Title", "It did not work.", "SR_BACKEND_FAILURE_44"))
    box = await dialog("messageDialog")
    assert child(box, QLabel, "messageText").text() == "It did not work."
    error = box.findChild(QPlainTextEdit, "rawError")
    assert isinstance(error, QPlainTextEdit)
    assert not error.isVisible()
    child(box, QPushButton, "rawErrorButton").click()
    assert error.isVisible()
    assert error.toPlainText() == "SR_BACKEND_FAILURE_44"
    QTest.keyClick(box, Qt.Key.Key_Return)
    await told


@driven
async def test_a_plain_sheet_goes_on_with_return() -> None:
    sheet = Sheet(None, "A title", "aSheet")
    assert sheet.text("words", selectable=True).textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    sheet.finish("Go on", "Leave", "goButton")
    waiting = asyncio.create_task(opened(sheet))
    await settled()
    QTest.keyClick(sheet, Qt.Key.Key_Return)
    assert await waiting == QDialog.DialogCode.Accepted
    assert isinstance(sheet.buttons, QDialogButtonBox)


@driven
async def test_a_narrow_dialog_shows_all_of_its_sentences(qapp: QApplication) -> None:
    """As on a small screen: Qt makes it narrower than it would be, and leaves the height."""
    sheet = Sheet(None, "Quit", "questionDialog")
    label = sheet.text("These are still running, and the servers carry on by themselves. " * 8)
    sheet.finish("Quit", "Stay")
    sheet.resize(300, 120)
    sheet.show()
    await settled()
    assert label.height() >= label.heightForWidth(label.width())
    sheet.close()
    sheet.deleteLater()
