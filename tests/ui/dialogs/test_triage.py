"""Details of a job that did not succeed: where the VM is, the server's words, the next steps, one click each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton

from tests.foreign import spoil_finished_copies
from tests.holding import until
from tests.simulated import Simulated
from tests.ui.dialogs.test_leftovers import failed
from tests.ui.driving import child, dialog, driven, gone
from tests.ui.programs import connected, running, vm_key
from xsmigui.app import Program
from xsmigui.core.jobs import State
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.kept import kept_sources
from xsmigui.core.refs import SrRef, VdiRef, VmRef
from xsmigui.core.triage import Do
from xsmigui.local.journalfile import FILE
from xsmigui.simulator.failures import Failure
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.dialogs.leftovers import LeftoversDialog
from xsmigui.ui.dialogs.triage import TriageDialog


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


async def details(program: Program) -> TriageDialog:
    activity = program.window.activity
    activity.refresh()
    await until(activity.buttons.all[Act.details].isVisible)
    activity.buttons.all[Act.details].click()
    return await dialog("triageDialog", TriageDialog)


@driven
async def test_a_failed_migration(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await failed(program, site)
        sheet = await details(program)
        assert list(sheet.steps) == [Do.leftovers, Do.retry, Do.forget]
        assert "db-postgres is in Madrid, running on madrid-01." in child(sheet, QLabel, "whereText").text()
        assert "MIRROR_FAILED" in child(sheet, QPlainTextEdit, "rawError").toPlainText()
        assert child(sheet, QPushButton, "triageForgetButton") is sheet.steps[Do.forget]
        sheet.steps[Do.leftovers].click()
        await gone("triageDialog")
        (await dialog("leftoversDialog", LeftoversDialog)).reject()
        await gone("leftoversDialog")
        (await details(program)).steps[Do.forget].click()
        child(await dialog("questionDialog"), QPushButton, "goButton").click()
        await until(lambda: not program.jobs.all())
        await until(program.window.activity.empty.isVisible)
        assert await program.jobs.past_and_present() == []


async def stopped(program: Program, site: Simulated) -> str:
    """The disk of intranet-old is copied, and neither way is open; the disk's uuid."""
    faults, no = site["Madrid"].pool.faults, Failure("INTERNAL_ERROR", "no")
    site.run(lambda: [faults.add(method, times=0, failure=no) for method in ("VBD.create", "VDI.destroy")])
    key = vm_key(program, "intranet-old")
    inventory = program.store.inventory(key.pool)
    assert inventory is not None
    ((_vbd, disk, record),) = inventory.disks(VmRef(key.ref))
    sr = SrRef(inventory.find("SR", "NFS Madrid")[0])
    draft = draft_of_disks(program.store.site(), key.pool, [VdiRef(disk)], sr).copying(True, 7)
    await program.window.planner.migrate_at_once(draft)
    await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
    assert program.jobs.all()[0].state is State.interrupted
    site.run(faults.clear)
    return record.uuid


@driven
@pytest.mark.parametrize("do", [Do.resume, Do.revert, Do.allow_start])
async def test_a_copy_that_has_stopped(qapp: QApplication, home: Path, site: Simulated, do: Do) -> None:
    madrid = site["Madrid"]
    async with running(qapp, home) as program:
        await connected(program, site)
        uuid = await stopped(program, site)
        sheet = await details(program)
        assert list(sheet.steps) == [Do.resume, Do.revert, Do.allow_start, Do.forget]
        sheet.steps[do].click()
        vm = site.vm(madrid, "intranet-old")
        if do is Do.allow_start:
            child(await dialog("questionDialog"), QPushButton, "goButton").click()
            await until(lambda: not site.call(madrid, "VM.get_blocked_operations", vm))
            return
        await until(lambda: program.jobs.all()[0].state in (State.done, State.cancelled))
        vbds = [site.call(madrid, "VBD.get_record", ref) for ref in site.call(madrid, "VM.get_VBDs", vm)]
        (disk,) = [v["VDI"] for v in vbds if v["type"] == "Disk"]
        assert (site.call(madrid, "VDI.get_uuid", disk) == uuid) is (do is Do.revert)
        assert not site.call(madrid, "VM.get_blocked_operations", vm)


@driven
async def test_disks_that_differ_are_accepted(qapp: QApplication, home: Path, site: Simulated) -> None:
    """The new disk, which the VM runs on, differs from the old one: accepted by hand it is done, and not verified."""
    madrid = site["Madrid"]
    async with running(qapp, home) as program:
        await connected(program, site)
        key = vm_key(program, "backup-cbt")
        inventory = program.store.inventory(key.pool)
        assert inventory is not None
        ((_vbd, disk, record),) = inventory.disks(VmRef(key.ref))
        sr = SrRef(inventory.find("SR", "iSCSI Madrid")[0])
        draft = draft_of_disks(program.store.site(), key.pool, [VdiRef(disk)], sr).copying(True, 0).with_short_stop(1)
        spoil_finished_copies(site, "Madrid")
        await program.window.planner.migrate_at_once(draft)
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        assert program.jobs.all()[0].state is State.interrupted
        sheet = await details(program)
        assert list(sheet.steps) == [Do.resume, Do.accept, Do.forget]
        child(sheet, QPushButton, "triageAcceptButton").click()
        question = await dialog("questionDialog")
        assert any("backup-cbt keeps its new disks" in label.text() for label in question.findChildren(QLabel))
        child(question, QPushButton, "goButton").click()
        await until(lambda: program.jobs.all()[0].state is State.done)
        (vm,) = program.jobs.all()[0].vms
        assert not vm.verified
        assert "content" in vm.message
        program.window.activity.refresh()
        line = program.window.activity.line()
        assert line is not None
        assert line.state == "done"  # "done, and verified" where it is
        assert "content" in line.message

        def kept() -> list[str]:
            now = program.store.inventory(key.pool)
            return [source.uuid for source in kept_sources(now)] if now is not None else []

        await until(lambda: kept() == [record.uuid])
        assert site.call(madrid, "VM.get_power_state", site.vm(madrid, "backup-cbt")) == "Running"
    site.fault(madrid, "watch_disks")  # what the guest had on the spoilt disk was lost on purpose


@driven
async def test_what_cannot_be_read_has_a_line_until_it_is_forgotten(
    qapp: QApplication, home: Path, site: Simulated
) -> None:
    """It is reported once, and not again at each start."""
    async with running(qapp, home) as program:
        await connected(program, site)
        await failed(program, site)
    with sqlite3.connect(home / FILE) as db:
        db.execute("update job set version = version + 1")
        db.execute("update vm set ended = 0")
    db.close()
    async with running(qapp, home) as program:
        box = await dialog("messageDialog")
        assert "cannot be read" in child(box, QLabel, "messageText").text()
        box.reject()
        await gone("messageDialog")
    async with running(qapp, home) as program:
        activity = program.window.activity
        await until(lambda: activity.line() is not None)
        line = activity.line()
        assert line is not None
        assert (line.title, line.state) == ("db-postgres", "cannot be read")
        assert "later version" in line.message
        assert activity.current_acts() == (Act.forget, Act.copy)
        activity.buttons.all[Act.forget].click()
        child(await dialog("questionDialog"), QPushButton, "goButton").click()
        await until(lambda: activity.line() is None)
        assert await program.jobs.unreadable() == []
