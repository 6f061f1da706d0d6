"""Names of widgets: the contract of product.md, section 6, and a name for everything that can be used."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QTabWidget,
    QTextEdit,
    QWidget,
)

from tests.simulated import Simulated
from tests.ui.driving import dialog, driven, gone, windows
from tests.ui.programs import by_name, connected, next_page, ready, running, select, vm_key, wizard_on
from xsmigui.core.failures import CertificateUnknown
from xsmigui.core.ports import Address
from xsmigui.core.problems import Page
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.dialogs.certificates import ask_trust
from xsmigui.ui.dialogs.servers import ask_password

USED = (
    QAbstractButton, QComboBox, QLineEdit, QAbstractItemView, QTextEdit, QPlainTextEdit, QTabWidget, QAbstractSpinBox,
)  # fmt: skip

OF_QT = ("qt_", "_q_", "Scroll", "QComboBoxListView", "QLineEditIconButton")
"""Beginnings of the names of parts that Qt makes inside its own widgets."""

WINDOW = {
    "mainWindow", "resourceTree", "searchBox", "objectTabs", "generalTab", "storageTab", "diskTable", "activityView",
    "actionMigrateVm", "actionMoveVm", "actionCopyVm", "actionAddServer", "actionPreferences",
}  # fmt: skip
WIZARD = {
    "migrateWizard", "wizardSteps", "problemPanel", "nextButton", "backButton", "finishButton", "cancelButton",
    "destinationPage", "homeServerPage", "storagePage", "networksPage", "storageNetworkPage", "summaryPage",
    "destinationCombo", "homeServerTable", "sameSrRadio", "sameSrCombo", "perDiskRadio", "diskPlacementTable",
    "vifTable", "storageNetworkCombo", "summaryView",
}  # fmt: skip
SERVER = {"addServerDialog", "serverEdit", "userEdit", "passwordEdit", "connectButton"}


def names(top: QWidget) -> set[str]:
    """All object names of a window, actions included."""
    return {one.objectName() for one in (top, *top.findChildren(QWidget), *top.findChildren(QAction))}


def nameless(top: QWidget) -> list[str]:
    """What can be used in a window, and lacks one of its names."""
    found = []
    for widget in top.findChildren(QWidget):
        inner = widget.objectName().startswith(OF_QT) or type(widget).__name__.startswith(OF_QT)
        if not isinstance(widget, USED) or inner or isinstance(widget.parent(), QComboBox | QLineEdit):
            continue
        if isinstance(widget, QAbstractItemView) and type(widget).__name__ == "QHeaderView":
            continue
        said = QAccessible.queryAccessibleInterface(widget)
        spoken = widget.accessibleName() or (said.text(QAccessible.Text.Name) if said is not None else "")
        if not widget.objectName() or not spoken:
            found.append(f"{type(widget).__name__} {widget.objectName()!r} {spoken!r}")
    return found


@driven
async def test_every_window(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            window = program.window
            assert not nameless(window)
            await connected(program, site)
            await select(program, vm_key(program, "db-postgres"))
            assert names(window) >= WINDOW
            assert not nameless(window)

            wizard = await wizard_on(program, "backup-cbt")
            by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
            for page in (Page.destination, Page.home_server, Page.storage):
                if page is not Page.destination:
                    await next_page(wizard, page)
                assert not nameless(wizard)
            assert names(wizard) >= WIZARD
            wizard.reject()
            wizard = await wizard_on(program, "web-01")
            by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
            while wizard.next.isVisible():
                await next_page(wizard)
                assert not nameless(wizard)
            await ready(wizard)
            wizard.finish.click()

            window.servers.add()
            sheet = await dialog("addServerDialog")
            assert names(sheet) >= SERVER
            assert not nameless(sheet)
            sheet.reject()
            await gone("addServerDialog")
            window.preferences()
            sheet = await dialog("preferencesDialog")
            assert not nameless(sheet)
            sheet.reject()
            await gone("preferencesDialog")
            window.activity.refresh()
            assert not nameless(window)


@driven
async def test_every_question(qapp: QApplication) -> None:
    fingerprint = ":".join(["00"] * 32)
    questions = {
        "certificateDialog": ask_trust(None, CertificateUnknown("https://madrid", fingerprint)),
        "passwordDialog": ask_password(None, Address("https://madrid"), "Enter it."),
        "questionDialog": ask(None, "Title", "Question", "Go", "Stay"),
        "messageDialog": tell(None, "Title", "It did not work.", "RAW"),
    }
    for name, question in questions.items():
        asked = asyncio.create_task(question)
        sheet = await dialog(name)
        assert not nameless(sheet), name
        sheet.reject()
        await asked
        assert not windows(QDialog)
