"""Saving a report from the Activity menu."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, message
from tests.ui.programs import connected, running, select, vm_key
from xsmigui.app import Program
from xsmigui.core.migration.draft import Draft, StorageMode
from xsmigui.core.refs import HostRef, VmRef
from xsmigui.ui.window.work import _harmless


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


async def moved(program: Program) -> None:
    """web-01 moves to another host."""
    key = vm_key(program, "web-01")
    inventory = program.store.site().pools[key.pool]
    host = HostRef(inventory.find("host", "madrid-03")[0])
    vm = VmRef(key.ref)
    await select(program, key)
    await program.window.planner.migrate_at_once(Draft(key.pool, (vm,), key.pool, {vm: host}, StorageMode.keep))
    await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)


@driven
async def test_a_report_is_saved_where_the_operator_wants_it(
    qapp: QApplication, home: Path, site: Simulated, tmp_path: Path
) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        action = program.window._actions["actionSaveReport"]
        action.trigger()
        told = await dialog("messageDialog")
        assert "Nothing has ended yet" in message(told)
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")
        await moved(program)
        action.trigger()
        choice = await dialog("reportDialog", QFileDialog)
        child(choice, QLineEdit, "fileNameEdit").setText(str(tmp_path / "night.html"))
        choice.accept()
        await gone("reportDialog")
        page = tmp_path / "night.html"
        await until(page.exists)
        await until(lambda: page.read_text(encoding="utf-8").endswith("</html>\n"))
        assert "web-01 → madrid-03" in page.read_text(encoding="utf-8")


@driven
async def test_a_report_that_cannot_be_written(qapp: QApplication, home: Path, site: Simulated, tmp_path: Path) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await moved(program)
        program.window._actions["actionSaveReport"].trigger()
        choice = await dialog("reportDialog", QFileDialog)
        choice.fileSelected.emit(str(tmp_path / "no" / "such.html"))
        choice.done(QFileDialog.DialogCode.Accepted)
        told = await dialog("messageDialog")
        assert "cannot be written" in message(told)
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")


@driven
async def test_a_support_bundle_is_saved(qapp: QApplication, home: Path, site: Simulated, tmp_path: Path) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await moved(program)
        program.window._actions["actionSupportBundle"].trigger()
        choice = await dialog("supportDialog", QFileDialog)
        file = tmp_path / "fault.zip"
        child(choice, QLineEdit, "fileNameEdit").setText(str(file))
        choice.accept()
        await gone("supportDialog")
        await until(lambda: file.exists() and zipfile.is_zipfile(file))
        with zipfile.ZipFile(file) as bundle:
            assert "web-01" in bundle.read("xsmigui-support/journal.json").decode()


@driven
async def test_activity_is_exported_as_a_table(qapp: QApplication, home: Path, site: Simulated, tmp_path: Path) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await moved(program)
        program.window._actions["actionExportActivity"].trigger()
        choice = await dialog("exportDialog", QFileDialog)
        child(choice, QLineEdit, "fileNameEdit").setText(str(tmp_path / "night.csv"))
        choice.accept()
        await gone("exportDialog")
        table = tmp_path / "night.csv"
        await until(table.exists)
        await until(lambda: "web-01 → madrid-03" in table.read_text(encoding="utf-8-sig"))
        assert _harmless("=1+1") == "'=1+1"
        assert _harmless("a\x1b") == "a␛"
