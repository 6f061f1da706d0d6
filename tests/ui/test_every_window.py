"""What holds in every window: text of servers neither sizes it nor is markup, and the wheel changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QTextDocument, QWheelEvent
from PySide6.QtGui import Qt as RichText
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import dialog, driven, gone
from tests.ui.programs import connected, ready, running, select
from xsmigui.app import Program
from xsmigui.core.failures import CertificateUnknown
from xsmigui.core.ports import Address
from xsmigui.core.refs import ObjectId, SrRef
from xsmigui.simulator.site import Site
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.dialogs.certificates import ask_trust
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.dialogs.servers import ask_password

EVIL = "<b>B</b><table><tr><td>&amp; \x1b[31m\x07 a&b\n" + "W" * 4096 + " ‮"
CONTROLS = "\x1b\x07\r\t‮"

Check = Callable[[QWidget], None]


def hostile(site: Site) -> None:
    """Give everything on the pools a name and a description that no widget may take at its word."""
    for pool in site.pools:
        for table in ("VM", "host", "SR", "VDI", "network", "pool"):
            for row in pool.db.table(table).values():
                row["name_label"] = EVIL + str(row["name_label"])
                row["name_description"] = EVIL
        for vm in pool.db.table("VM").values():
            vm["tags"] = [EVIL]


def named(program: Program, cls: str, name: str) -> ObjectId:
    for inventory in program.store.site().pools.values():
        for ref in inventory.tables[cls]:
            record = inventory.record(cls, ref)
            if getattr(record, "name_label", "").endswith(name):
                return inventory.object_id(cls, ref)
    raise AssertionError(name)


@asynccontextmanager
async def everything(program: Program, check: Check) -> AsyncIterator[None]:
    """Every window and dialog in turn, each given to `check`."""
    window = program.window
    for cls, name in (("pool", "Madrid"), ("host", "madrid-01"), ("SR", "NFS Madrid"), ("VM", "web-01")):
        await select(program, named(program, cls, name))
        tabs = window.object.tabs
        for tab in [number for number in range(tabs.count()) if tabs.isTabVisible(number)]:
            tabs.setCurrentIndex(tab)
            await until(lambda: not window.object.lists.is_busy)
            check(window)
    window.to_server.aboutToShow.emit()
    check(window)
    wizard = window.vms.open_wizard()
    assert wizard is not None
    await ready(wizard)
    target = next(i.id for i in program.store.site().pools.values() if i.name.endswith("Lisboa"))
    wizard.choose(lambda draft: draft.to(target))
    await ready(wizard)
    for page in wizard.pages.values():
        page.show_evaluation(wizard._drafting.evaluation)
        wizard.stack.setCurrentWidget(page)
        check(wizard)
    wizard.reject()
    await select(program, named(program, "SR", "NFS Madrid"))
    moving = window.disks.empty_sr()
    assert moving is not None
    await until(lambda: not moving.is_busy)
    check(moving)
    moving.choose(SrRef(named(program, "SR", "iSCSI Madrid").ref))
    await until(lambda: not moving.is_busy)
    moving.schedule.click()
    schedule = await dialog("scheduleDialog")
    check(schedule)
    schedule.close()
    await gone("scheduleDialog")
    moving.each.setChecked(True)
    check(moving)
    moving.reject()
    await select(program, named(program, "host", "madrid-01"))
    window.pools.enter_or_leave()
    maintenance = await dialog("maintenanceDialog", MaintenanceDialog)
    await until(lambda: not maintenance.is_busy)
    check(maintenance)
    maintenance.reject()
    kept = window.disks.kept_sources()
    check(kept)
    kept.reject()
    questions: dict[str, Any] = {
        "messageDialog": tell(window, EVIL, EVIL, EVIL),
        "questionDialog": ask(window, EVIL, EVIL, "Aye", "Nay"),
        "certificateDialog": ask_trust(window, CertificateUnknown("https://madrid", ":".join(["00"] * 32))),
        "passwordDialog": ask_password(window, Address("https://madrid"), EVIL),
    }
    for name, question in questions.items():
        task = window._scope.spawn(question)
        sheet = await dialog(name)
        check(sheet)
        sheet.reject()
        await task
    for action, name in (
        ("actionAddServer", "addServerDialog"),
        ("actionPreferences", "preferencesDialog"),
        ("actionLeftovers", "leftoversDialog"),
        ("actionGuide", "guideDialog"),
    ):
        window._actions[action].trigger()
        sheet = await dialog(name)
        check(sheet)
        sheet.close()
        await gone(name)
    await select(program, named(program, "VM", "web-01"))
    plan = await planned(program)
    job = program.jobs.start(plan)
    window.activity.refresh()
    check(window)
    await until(lambda: program.jobs.get(job.id).has_ended)
    window.activity.refresh()
    check(window)
    yield


async def planned(program: Program) -> Any:
    """A plan that brings web-01 to another host."""
    wizard = program.window.vms.open_wizard()
    assert wizard is not None
    await ready(wizard)
    plan = wizard._drafting.evaluation.plan
    wizard.reject()
    assert plan is not None
    return plan


# Text of servers.


def as_shown(text: str) -> str:
    """What Qt makes of a tooltip or a label's text."""
    if not RichText.mightBeRichText(text):
        return text
    page = QTextDocument()
    page.setHtml(text)
    return page.toPlainText()


def harmless(text: str, where: object) -> None:
    assert not any(control in text for control in CONTROLS), f"{where}: {text[:200]!r}"


def tooltip(text: str, where: object) -> None:
    harmless(as_shown(text), where)
    if "B</b>" in text:  # the whole name: its tags are shown as well
        assert "<b>B</b>" in as_shown(text), where
    assert max(len(line) for line in as_shown(text).split("\n")) <= 170, where
    assert len(as_shown(text).split("\n")) <= 40, where


def text_is_harmless(top: QWidget) -> None:
    """No label, tooltip, title, name, entry or cell obeys what a server's text says."""
    for widget in (top, *top.findChildren(QWidget)):
        where = f"{type(widget).__name__} {widget.objectName()}"
        tooltip(widget.toolTip(), where)
        for text in (widget.accessibleName(), widget.accessibleDescription(), widget.windowTitle()):
            harmless(text, where)
        if isinstance(widget, QLabel):
            assert widget.textFormat() is Qt.TextFormat.PlainText or "WWW" not in widget.text(), where
            harmless(widget.text(), where)
        if isinstance(widget, QMenu):
            for action in widget.actions():
                harmless(action.text(), where)
                assert len(action.text()) < 250, where
        if isinstance(widget, QComboBox):
            for row in range(widget.count()):
                harmless(widget.itemText(row), where)
                tooltip(str(widget.itemData(row, Qt.ItemDataRole.ToolTipRole) or ""), where)
        if isinstance(widget, QTextEdit | QPlainTextEdit):
            text = widget.toPlainText()
            harmless(text, where)
            assert "WWW" not in text or "<b>" in text, where
        if isinstance(widget, QAbstractItemView):
            cells(widget)
    for action in top.findChildren(QAction):
        tooltip(action.toolTip(), action.objectName())


def cells(view: QAbstractItemView) -> None:
    model = view.model()
    for row in range(min(20, model.rowCount()) if model is not None else 0):
        for column in range(1 if isinstance(model, QAbstractListModel) else model.columnCount()):
            index = model.index(row, column)
            for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
                harmless(str(index.data(role) or ""), view.objectName())
            tooltip(str(index.data(Qt.ItemDataRole.ToolTipRole) or ""), view.objectName())


def sizes_are_bounded(top: QWidget) -> None:
    """It asks for no more than the smallest screen has, and can be made smaller than it is."""
    assert top.minimumSizeHint().width() <= 1024, top.objectName()
    assert top.minimumSizeHint().height() <= 640, top.objectName()
    assert top.width() <= 1290, top.objectName()
    if isinstance(top, QDialog):
        assert top.sizeHint().width() <= 1290, (top.objectName(), top.sizeHint())


@driven
async def test_text_of_servers(qapp: QApplication, home: Path) -> None:
    def check(top: QWidget) -> None:
        text_is_harmless(top)
        sizes_are_bounded(top)

    with Simulated.start("two-pools", prepare=hostile) as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            async with everything(program, check):
                pass


# The mouse wheel.


def value(widget: QWidget) -> object:
    if isinstance(widget, QComboBox):
        return widget.currentIndex()
    assert isinstance(widget, QAbstractSpinBox | QAbstractSlider)
    return widget.property("value")


def turned(widget: QWidget, by: int) -> bool:
    """Turn the wheel over a widget; whether it took the event."""
    place = QPointF(widget.rect().center())
    event = QWheelEvent(
        place, QPointF(widget.mapToGlobal(place.toPoint())), QPoint(0, 0), QPoint(0, by),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@driven
async def test_the_wheel_changes_nothing(qapp: QApplication, home: Path) -> None:
    seen: set[str] = set()

    def check(top: QWidget) -> None:
        for widget in top.findChildren(QWidget):
            if not isinstance(widget, QComboBox | QAbstractSpinBox | QAbstractSlider) or isinstance(widget, QScrollBar):
                continue
            seen.add(widget.objectName().split("-")[0])
            assert not widget.focusPolicy() & Qt.FocusPolicy.WheelFocus & ~Qt.FocusPolicy.StrongFocus
            for by in (120, -120):
                before = value(widget)
                turned(widget, by)
                assert value(widget) == before, widget.objectName()

    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            async with everything(program, check):
                pass
    assert seen >= {
        "storageLimit", "destinationCombo", "homeServerCombo", "sameSrCombo", "diskCombo", "networkCombo",
        "storageNetworkCombo", "keepDaysSpin", "evacuationHost", "evacuationNetworkCombo", "atOnceSpin",
        "languageCombo", "diskNetworkCombo",
    }  # fmt: skip
