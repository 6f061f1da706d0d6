"""Dialogs are opened and awaited; never executed (a nested loop would lose tasks)."""

import asyncio

import shiboken6
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.catalogue import sentence
from xsmigui.core.inventory import Inventory
from xsmigui.core.text import _, printable
from xsmigui.ui.asking_help import ask_help, asks_help
from xsmigui.ui.screens import sized
from xsmigui.ui.style import STEP, named, primary, spaced
from xsmigui.ui.words import Paragraph, heading
from xsmigui.ui.words import title as window_title


async def opened(dialog: QDialog, beside: bool = False) -> int:
    """Open a dialog and wait for its end; the answer is its result. A cancelled wait closes the dialog; one that goes
    away with its parent counts as left. With `beside` the other windows can be used meanwhile."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def finish(result: int) -> None:
        if not ended.done():
            ended.set_result(result)

    dialog.finished.connect(finish)
    dialog.destroyed.connect(lambda: finish(QDialog.DialogCode.Rejected.value))
    dialog.show() if beside else dialog.open()
    try:
        return await ended
    finally:
        if shiboken6.isValid(dialog):
            dialog.finished.disconnect(finish)
            dialog.close()
            dialog.deleteLater()


class Sheet(QDialog):
    """A dialog of the house: a heading, a body, and buttons that are verbs."""

    def __init__(self, parent: QWidget | None, title: str, object_name: str) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self.setAccessibleName(printable(title))
        self.setWindowTitle(window_title(title))
        self.body = QVBoxLayout(self)
        spaced(self.body, 3, 2)
        self.heading = heading(title)
        self.body.addWidget(self.heading)
        self.buttons = QDialogButtonBox(self)

    def showEvent(self, event: QShowEvent) -> None:
        """Where a small screen makes it narrower than it would be, its sentences need more lines."""
        super().showEvent(event)
        self.grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F1 opens the guide at what it says of this dialog."""
        if asks_help(event):
            ask_help(self, self.objectName())
        else:
            super().keyPressEvent(event)

    def text(self, words: str, selectable: bool = False) -> Paragraph:
        """Add a paragraph."""
        label = Paragraph(words, selectable=selectable)
        self.body.addWidget(label)
        return label

    def grow(self) -> None:
        """Make room for what has just been shown; nothing else is pressed together for it."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            width = self.width()
            wanted = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.sizeHint().height()
            sized(self, width, max(self.height(), wanted))

    def finish(self, go: str, leave: str, name: str = "", *, dangerous: bool = False) -> QPushButton:
        """Add the buttons. With `dangerous` the one that leaves is the default. The answer is the one that goes on."""
        goes = self.buttons.addButton(go, QDialogButtonBox.ButtonRole.AcceptRole)
        goes.setObjectName(name)
        leaves = self.buttons.addButton(leave, QDialogButtonBox.ButtonRole.RejectRole)
        leaves.setObjectName("leaveButton")
        if dangerous:
            goes.setAutoDefault(False)
            primary(leaves)
            leaves.setFocus()
        else:
            primary(goes)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)
        return goes


async def ask(parent: QWidget | None, title: str, question: str, go: str, leave: str) -> bool:
    """Ask before something that changes what an operator would miss; the safe answer is the default."""
    sheet = Sheet(parent, title, "questionDialog")
    sheet.setMinimumWidth(420)
    sheet.text(question)
    sheet.finish(go, leave, "goButton", dangerous=True)
    return await opened(sheet) == QDialog.DialogCode.Accepted


async def choose(parent: QWidget | None, title: str, question: str, answers: dict[str, str], leave: str) -> str:
    """Ask which of several ways to go; its name is the answer, empty where nothing is to be done, which is the default.
    `answers` are the words on the buttons by name: a button is called by its name and ``Button``."""
    sheet = Sheet(parent, title, "questionDialog")
    sheet.setMinimumWidth(480)
    sheet.text(question)
    chosen = ""

    def choosing(name: str) -> None:
        nonlocal chosen
        chosen = name
        sheet.accept()

    for name, words in answers.items():
        button = sheet.buttons.addButton(words, QDialogButtonBox.ButtonRole.ActionRole)
        button.setObjectName(f"{name}Button")
        button.clicked.connect(lambda _checked=False, name=name: choosing(name))
        button.setAutoDefault(False)
    leaves = sheet.buttons.addButton(leave, QDialogButtonBox.ButtonRole.RejectRole)
    leaves.setObjectName("leaveButton")
    primary(leaves)
    leaves.setFocus()
    sheet.buttons.rejected.connect(sheet.reject)
    sheet.body.addWidget(sheet.buttons)
    return chosen if await opened(sheet) == QDialog.DialogCode.Accepted else ""


async def tell_failure(
    parent: QWidget | None, title: str, failure: Exception, inventory: Inventory | None, more: str = ""
) -> None:
    """Say what a server or the way to it has answered, in a sentence and raw; and what else follows from it."""
    known = [inventory] if inventory is not None else []
    text = " ".join(part for part in (*sentence(failure, *known), more) if part)
    await tell(parent, title, text, str(failure))


async def tell(parent: QWidget | None, title: str, text: str, raw: str = "") -> None:
    """Say something that has to be read; the raw error is one click away."""
    sheet = Sheet(parent, title, "messageDialog")
    sheet.setMinimumWidth(420)
    sheet.text(text, selectable=True).setObjectName("messageText")
    close = sheet.buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.AcceptRole)
    close.setObjectName("closeButton")
    primary(close)
    sheet.buttons.accepted.connect(sheet.accept)
    if raw:
        error = QPlainTextEdit(printable(raw, "\n"))
        named(error, "rawError", _("Raw error"))
        error.setReadOnly(True)
        error.setMaximumHeight(20 * STEP)
        error.hide()
        show = sheet.buttons.addButton(_("Show the raw error"), QDialogButtonBox.ButtonRole.ActionRole)
        show.setObjectName("rawErrorButton")
        show.setCheckable(True)
        show.toggled.connect(error.setVisible)
        show.toggled.connect(sheet.grow)
        sheet.body.addWidget(error)
    sheet.body.addWidget(sheet.buttons)
    close.setFocus()
    await opened(sheet)
