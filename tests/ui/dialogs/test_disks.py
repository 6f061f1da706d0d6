"""Moving virtual disks from the Storage tab, with the real program and a simulated site."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import dialog, driven, gone, message
from tests.ui.programs import connected, running, select, vm_key
from xsmigui.app import Program
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.diskdraft import movable_disks
from xsmigui.core.refs import ObjectId
from xsmigui.simulator.failures import Failure
from xsmigui.ui.dialogs.disks import MoveDiskDialog
from xsmigui.ui.dialogs.kept import KeptSourcesDialog


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def sr_key(program: Program, name: str) -> ObjectId:
    pool = next(i for i in program.store.site().pools.values() if i.name == "Madrid")
    return ObjectId(pool.id, "SR", next(ref for ref, sr in pool.SR.items() if sr.name_label == name))


def mark(program: Program, *names: str, snapshots: bool = False) -> None:
    """Select the disks (or snapshots) of these names on the Storage tab."""
    tab = program.window.object.storage
    tab.table.clearSelection()
    for number in range(tab.rows.rowCount()):
        row = tab.rows.row(number)
        if row.name in names and row.of_snapshot is snapshots:
            flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
            tab.table.selectionModel().select(tab.rows.index(number, 0), flags)


def choose(opened: MoveDiskDialog, name: str) -> None:
    row = next(n for n in range(opened.rows.rowCount()) if opened.rows.row(n).name == name)
    assert opened.rows.flags(opened.rows.index(row, 0)) & Qt.ItemFlag.ItemIsSelectable
    opened.table.selectRow(row)


async def opened_on(program: Program, vm: str, *disks: str) -> MoveDiskDialog:
    await select(program, vm_key(program, vm))
    mark(program, *disks)
    program.window.object.tabs.setCurrentWidget(program.window.object.storage)
    assert program.window.object.storage.move_disks.isEnabled(), program.window.object.storage.move_disks.toolTip()
    program.window.object.storage.move_disks.click()
    return await dialog("moveDiskDialog", MoveDiskDialog)


@driven
async def test_a_disk_of_a_running_vm(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        opened = await opened_on(program, "db-postgres", "db-postgres data")
        assert opened.windowTitle() == "Move virtual disk: db-postgres data"
        assert "Live, and slower meanwhile: db-postgres." in opened.manner.text()
        assert not opened.move_button.isEnabled()
        assert "Choose an SR" in opened.move_button.toolTip()
        rows = {opened.rows.row(n).name: opened.rows.row(n) for n in range(opened.rows.rowCount())}
        assert rows["NFS Madrid"].reason == "the disks are on it already"
        assert not rows["Local storage on madrid-02"].usable  # the VM's host does not see it
        there = rows["iSCSI Madrid"]
        assert there.free - there.after >= 3 * 20 * 2**30  # a thick SR takes all of it, two snapshots included
        choose(opened, "iSCSI Madrid")
        await until(opened.move_button.isEnabled)
        assert "3 disks with 60.0 GiB" in opened.total.text()
        opened.move_button.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        (vm,) = program.jobs.all()[0].vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert "iSCSI Madrid" in {d.sr for d in vm.disks if d.old != d.new}
        await gone("moveDiskDialog")


@driven
async def test_what_stands_against_it_is_said(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "backup-cbt"))
        names = [program.window.object.storage.rows.row(0).name]
        opened = await opened_on(program, "backup-cbt", *names)
        choose(opened, "iSCSI Madrid")
        await until(lambda: any("hanged block tracking" in text for text in opened.panel.sentences()))
        await asyncio.sleep(0)
        assert not opened.move_button.isEnabled()
        assert opened.move_button.toolTip()
        opened.cancel.click()
        await gone("moveDiskDialog")
        assert program.jobs.all() == []


@driven
async def test_what_cannot_be_mirrored_moves_with_a_short_stop(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "backup-cbt"))
        opened = await opened_on(program, "backup-cbt", program.window.object.storage.rows.row(0).name)
        choose(opened, "iSCSI Madrid")
        await until(lambda: any("hanged block tracking" in text for text in opened.panel.sentences()))
        assert not opened.move_button.isEnabled()
        assert opened.stopping.check.isVisible()
        assert opened.stopping.check.isEnabled()
        opened.stopping.check.click()
        await until(opened.move_button.isEnabled)
        opened.stopping.minutes.setValue(1)
        await until(lambda: opened.move_button.isEnabled() and program.window is not None and not opened.is_busy)
        assert "then down for a short time: backup-cbt" in opened.manner.text()
        opened.move_button.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        job = program.jobs.all()[0]
        assert job.plan.short_stop == 1
        (vm,) = job.vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        await gone("moveDiskDialog")


@driven
async def test_several_disks_of_an_sr(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        pane = program.window.object
        action = program.window._actions["actionMoveDisk"]
        await select(program, sr_key(program, "iSCSI Madrid"))
        assert not pane.storage.move_disks.isEnabled()
        assert pane.storage.move_disks.toolTip() == action.toolTip() == "Select a virtual disk first."
        assert program.window.disks.move_disks() is None
        tab = pane.storage
        rows = [tab.rows.row(n) for n in range(tab.rows.rowCount())]
        snapshots = [row.name for row in rows if row.of_snapshot]
        own = [row.name for row in rows if not row.of_snapshot and row.vms in ("intranet-old", "db-postgres")]
        assert len(own) >= 2
        mark(program, *snapshots, snapshots=True)
        assert "snapshot" in pane.storage.move_disks.toolTip()
        assert not action.isEnabled()
        mark(program, *own)
        assert action.isEnabled(), action.toolTip()
        action.trigger()
        opened = await dialog("moveDiskDialog", MoveDiskDialog)
        assert "virtual disks" in opened.windowTitle()
        choose(opened, "NFS Madrid")
        await until(opened.move_button.isEnabled)
        opened.move_button.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        job = program.jobs.all()[0]
        assert [vm.state for vm in job.vms] == [State.done] * len(job.vms)
        assert len(job.vms) >= 2


@driven
async def test_an_sr_is_emptied(qapp: QApplication, home: Path, site: Simulated) -> None:
    """All disks of VMs go, never more than three at a time, and what cannot go is named."""
    async with running(qapp, home) as program:
        await connected(program, site)
        action = program.window._actions["actionEmptySr"]
        await select(program, vm_key(program, "web-01"))
        assert (action.isEnabled(), action.toolTip()) == (False, "Select an SR first.")
        key = sr_key(program, "iSCSI Madrid")
        await select(program, key)
        assert action.isEnabled(), action.toolTip()
        most = 0

        def count(job: Job) -> None:
            nonlocal most
            most = max(most, sum(vm.state is State.running for vm in job.vms))

        program.jobs.subscribe(count)
        action.trigger()
        opened = await dialog("moveDiskDialog", MoveDiskDialog)
        choose(opened, "NFS Madrid")
        await until(lambda: not opened.is_busy)
        assert not opened.leave_out.isVisible()
        await until(opened.move_button.isEnabled)
        opened.move_button.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        assert {vm.state for vm in program.jobs.all()[0].vms} == {State.done}
        assert 1 <= most <= 3
        inventory = program.store.site().pools[key.pool]
        left, _staying = movable_disks(inventory, key.ref)  # type: ignore[arg-type]
        assert left == ()


@driven
async def test_what_cannot_move_is_left_out(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, sr_key(program, "NFS Madrid"))
        program.window._actions["actionEmptySr"].trigger()
        opened = await dialog("moveDiskDialog", MoveDiskDialog)
        assert "Suspend image (1.0 GiB): It holds the memory of a suspended VM" in opened.staying.toPlainText()
        assert not opened.leave_out.isVisible()  # nothing is chosen yet
        choose(opened, "iSCSI Madrid")
        await until(opened.leave_out.isVisible)
        assert not opened.move_button.isEnabled()
        opened.leave_out.click()
        await until(opened.move_button.isEnabled)
        text = opened.staying.toPlainText()
        for reason in ("build-paused is paused", "VM Tools are not running in appliance-no-tools", "Backup is running"):
            assert reason in text
        assert "changed block tracking is on" in text
        opened.move_button.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        job = program.jobs.all()[0]
        assert [(vm.message, vm.problems) for vm in job.vms if vm.state is not State.done] == []
        assert len(job.vms) > 8
        assert not {"build-paused", "backup-cbt", "locked-by-backup"} & {vm.move.vm.name for vm in job.vms}


@driven
async def test_the_storage_tab_of_an_sr(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        pane = program.window.object
        await select(program, sr_key(program, "NFS Madrid"))
        pane.tabs.setCurrentWidget(pane.storage)
        tab = pane.storage
        everything = tab.rows.rowCount()
        assert pane.storage.filter.isVisible()
        assert pane.storage.rescan.isVisible()
        assert tab.table.isColumnHidden(0)
        pane.storage.filter.setText("MAIL disk")
        assert {tab.rows.row(n).vms for n in range(tab.rows.rowCount())} == {"mail"}
        pane.storage.filter.setText("nothing at all")
        assert tab.rows.rowCount() == 0
        assert tab.empty.text() == "Nothing matches the filter."
        pane.storage.filter.clear()
        assert tab.rows.rowCount() == everything
        scans = site.run(lambda: site["Madrid"].pool.faults.add("SR.scan", times=0))
        pane.storage.rescan.click()
        await until(lambda: site.run(lambda: scans.seen) == 1)
        broken = Failure("SR_BACKEND_FAILURE_46", "", "The VDI is not available", "")
        site.run(lambda: site["Madrid"].pool.faults.add("SR.scan", failure=broken, times=0))
        pane.storage.rescan.click()
        told = await dialog("messageDialog")
        assert message(told).startswith("The driver of the SR failed: The VDI is not available")
        told.accept()
        await gone("messageDialog")
        await select(program, vm_key(program, "web-01"))
        assert not pane.storage.filter.isVisible()
        assert not pane.storage.rescan.isVisible()
        assert not tab.table.isColumnHidden(0)


async def moved_offline(program: Program, *disks: str, days: int = 7) -> Job:
    """Disks of the halted erp-test copied to iSCSI Madrid through the dialog."""
    opened = await opened_on(program, "erp-test", *disks)
    assert "Copied and exchanged while halted: erp-test." in opened.manner.text()
    assert opened.copying.check.isChecked()
    assert not opened.network.isVisible()
    choose(opened, "iSCSI Madrid")
    opened.copying.days.setValue(days)
    await until(opened.move_button.isEnabled)
    count = len(program.jobs.all())
    opened.move_button.click()
    await until(lambda: len(program.jobs.all()) > count and program.jobs.all()[0].has_ended)
    await gone("moveDiskDialog")
    return program.jobs.all()[0]


def sr_of_disk(program: Program, uuid: str) -> str:
    for inventory in program.store.site().pools.values():
        for vdi in inventory.VDI.values():
            if vdi.uuid == uuid:
                return inventory.SR[vdi.SR].name_label
    return ""


@driven
async def test_kept_and_reverted(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "erp-test"))
        name = program.window.object.storage.rows.row(0).name
        job = await moved_offline(program, name)
        (vm,) = job.vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert "Their sources are kept until" in vm.message
        (disk,) = vm.disks
        assert (disk.sr, sr_of_disk(program, disk.old)) == ("iSCSI Madrid", "NFS Madrid")
        program.window._actions["actionKeptSources"].trigger()
        kept = await dialog("keptSourcesDialog", KeptSourcesDialog)
        await until(lambda: kept.rows.rowCount() == 1)
        row = kept.rows.row(0)[2]
        assert (row.uuid, row.vm, row.note.by) == (disk.old, "erp-test", disk.new)
        assert not kept.revert_button.isEnabled()
        assert kept.revert_button.toolTip() == "Select a kept source first."
        kept.table.selectRow(0)
        assert kept.revert_button.isEnabled(), kept.revert_button.toolTip()
        kept.revert_button.click()
        (await dialog("questionDialog")).accept()
        await until(lambda: program.jobs.all()[0].id != job.id and program.jobs.all()[0].has_ended)
        (back,) = program.jobs.all()[0].vms
        assert (back.state, back.disks[0].new, back.disks[0].sr) == (State.done, disk.old, "NFS Madrid"), back.message
        await until(lambda: kept.rows.rowCount() == 1 and kept.rows.row(0)[2].uuid == disk.new)  # kept in turn
        kept.table.selectRow(0)
        kept.purge_button.click()
        (await dialog("questionDialog")).reject()
        await gone("questionDialog")
        assert sr_of_disk(program, disk.new) == "iSCSI Madrid"
        kept.purge_button.click()
        (await dialog("questionDialog")).accept()
        await until(lambda: not sr_of_disk(program, disk.new))
        await until(lambda: kept.total.text() == "There are none.")
        kept.close()
        await gone("keptSourcesDialog")


@driven
async def test_removed_at_once(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "erp-test"))
        names = [program.window.object.storage.rows.row(n).name for n in range(2)]
        job = await moved_offline(program, *names, days=0)
        (vm,) = job.vms
        assert (vm.state, len(vm.disks)) == (State.done, 2), vm.message
        await until(lambda: not any(sr_of_disk(program, d.old) for d in vm.disks))


@driven
async def test_a_reverted_vm_that_runs_again(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "erp-test"))
        await moved_offline(program, program.window.object.storage.rows.row(0).name)
        program.window._actions["actionKeptSources"].trigger()
        kept = await dialog("keptSourcesDialog", KeptSourcesDialog)
        await until(lambda: kept.rows.rowCount() == 1)
        kept.table.selectRow(0)
        madrid = site["Madrid"]
        site.call(madrid, "VM.start", site.vm(madrid, "erp-test"), False, False)
        await until(lambda: not kept.revert_button.isEnabled())
        assert "erp-test is not halted" in kept.revert_button.toolTip()
        kept.close()
        await gone("keptSourcesDialog")


@driven
async def test_the_storage_tab_of_a_vm(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        tab = program.window.object.storage
        await select(program, sr_key(program, "NFS Madrid"))
        program.window.object.tabs.setCurrentWidget(program.window.object.storage)
        assert tab.bar.isVisible()
        assert tab.space.text().startswith("Used ")
        assert not tab.eject.isVisible()
        await select(program, vm_key(program, "install-in-progress"))
        assert not tab.bar.isVisible()
        row = next(n for n in range(tab.rows.rowCount()) if tab.rows.row(n).drive)
        assert (tab.eject.isEnabled(), tab.eject.toolTip()) == (False, "Select a drive with a CD first.")
        tab.table.selectRow(row)
        assert tab.eject.isEnabled()
        assert not tab.move_disks.isEnabled()
        tab.eject.click()
        await until(lambda: not any(tab.rows.row(n).drive for n in range(tab.rows.rowCount())))
        assert not tab.eject.isEnabled()


@driven
async def test_an_sr_for_each_disk(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "erp-test"))
        names = [program.window.object.storage.rows.row(n).name for n in range(2)]
        opened = await opened_on(program, "erp-test", *names)
        assert opened.each.isVisible()
        opened.each.click()
        await until(opened.each_table.isVisible)
        assert not opened.table.isVisible()
        assert opened.each_table.text(0, 4) == "copied, then exchanged"
        assert not opened.move_button.isEnabled()
        pool = next(i for i in program.store.site().pools.values() if i.name == "Madrid")
        srs = {sr.name_label: ref for ref, sr in pool.SR.items()}
        first, second = opened._disks
        opened.each_table.combo(first).choose(srs["iSCSI Madrid"])
        opened.each_table.combo(second).choose(srs["Local storage on madrid-01"])
        await until(opened.move_button.isEnabled)
        assert {pool.VDI[first].name_label, pool.VDI[second].name_label} == set(names)
        opened.move_button.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        (vm,) = program.jobs.all()[0].vms
        assert vm.state is State.done, vm.message
        assert {d.sr for d in vm.disks} == {"iSCSI Madrid", "Local storage on madrid-01"}


@driven
async def test_one_disk_has_no_table_of_its_own(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        opened = await opened_on(program, "db-postgres", "db-postgres data")
        assert not opened.each.isVisible()
        opened.cancel.click()
        await gone("moveDiskDialog")
