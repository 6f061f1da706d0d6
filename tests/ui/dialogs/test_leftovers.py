"""The list of what failed migrations have left, in the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone
from tests.ui.programs import connected, running, vm_key
from xsmigui.app import Program
from xsmigui.core.jobs import State
from xsmigui.core.migration.draft import Draft
from xsmigui.core.refs import PoolId, SrRef, VmRef
from xsmigui.ui.dialogs.leftovers import LeftoversDialog


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


async def failed(program: Program, site: Simulated) -> None:
    """db-postgres is to go to Lisboa, the mirror breaks, and nobody clears up."""
    pools = {i.name: i for i in program.store.site().pools.values()}
    key = vm_key(program, "db-postgres")
    vm, lisboa = VmRef(key.ref), pools["Lisboa"]
    disks = [vdi for _vbd, vdi, _record in pools["Madrid"].disks(vm)]
    site.fault(site["Madrid"], "leave_mess", vm="db-postgres")
    site.fault(site["Madrid"], "break_mirror", vdi=disks[-1])
    draft = Draft(key.pool, (vm,), PoolId(lisboa.id)).on_same_sr(SrRef(lisboa.find("SR", "NFS Lisboa")[0]))
    await program.window.planner.migrate_at_once(draft)
    await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
    assert program.jobs.all()[0].vms[0].state is State.failed


async def opened(program: Program) -> LeftoversDialog:
    program.window._actions["actionLeftovers"].trigger()
    return await dialog("leftoversDialog", LeftoversDialog)


@driven
async def test_leftovers_are_shown_and_removed(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened(program)
        assert sheet.total.text() == "There are none."
        assert not sheet.remove_button.isEnabled()
        sheet.reject()
        await gone("leftoversDialog")
        await failed(program, site)
        sheet = await opened(program)
        await until(lambda: sheet.rows.rowCount() > 0)
        row = sheet.rows.row(0)
        assert (row.vm, row.sr, row.pool_name) == ("db-postgres", "NFS Lisboa", "Lisboa")
        assert "db-postgres, which has its own complete copy elsewhere" in row.proof
        assert not sheet.proof.isVisible()
        sheet.table.selectAll()
        assert "db-postgres, which has its own complete copy elsewhere" in sheet.proof.text()
        assert sheet.remove_button.isEnabled()
        sheet.remove_button.click()
        question = await dialog("questionDialog")
        child(question, QPushButton, "leaveButton").click()
        await gone("questionDialog")
        assert sheet.rows.rowCount() > 0
        sheet.remove_button.click()
        question = await dialog("questionDialog")
        child(question, QPushButton, "goButton").click()
        await gone("questionDialog")
        await until(lambda: sheet.rows.rowCount() == 0)
        assert sheet.total.text() == "There are none."
        sheet.reject()
        await gone("leftoversDialog")


@driven
async def test_a_journal_that_cannot_be_read(
    qapp: QApplication, home: Path, site: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(qapp, home) as program:

        async def broken() -> None:
            raise OSError("no such disk")

        monkeypatch.setattr(program.jobs, "past_and_present", broken)
        program.window._actions["actionLeftovers"].trigger()
        told = await dialog("messageDialog")
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")
