"""Maintenance mode from the menu, with the real program and a simulated site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, message
from tests.ui.programs import by_name, connected, running, select
from xsmigui.app import Program
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import State
from xsmigui.core.migration import evacuation
from xsmigui.core.refs import HostRef, ObjectId
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def pool_of(program: Program, name: str) -> Inventory:
    return next(i for i in program.store.site().pools.values() if i.name == name)


async def on(program: Program, pool: str, host: str) -> HostRef:
    """Select a host."""
    inventory = pool_of(program, pool)
    ref = HostRef(inventory.find("host", host)[0])
    await select(program, ObjectId(inventory.id, "host", ref))
    return ref


def action(program: Program) -> QAction:
    return program.window._actions["actionMaintenanceMode"]


async def opened_on(program: Program, pool: str, host: str) -> MaintenanceDialog:
    await on(program, pool, host)
    await until(action(program).isEnabled)
    assert action(program).text() == "Enter &maintenance mode…"
    action(program).trigger()
    return await dialog("maintenanceDialog", MaintenanceDialog)


@driven
async def test_a_host_is_emptied_and_filled_again(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        assert not action(program).isEnabled()
        assert action(program).toolTip() == "Select a host first."
        await connected(program, site)
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        assert sheet.windowTitle() == "Maintenance mode: lisboa-02"
        await until(sheet.enter_button.isEnabled)
        names = {sheet.table.text(row, 0): row for row in range(sheet.table.rowCount())}
        assert {"web-lx-02", "dns-lx"} <= set(names)
        assert sheet.table.text(names["web-lx-02"], 2) == "–"
        assert sheet.table.text(names["dns-lx"], 2) == "4.0 GiB"  # its disk is on the host's own SR
        assert "move along" in sheet.manner.text()
        before = set(sheet._drafting.draft.vms)
        for vm in before:
            combo = sheet.table.combo(vm)
            assert [text for text in combo.texts() if text.startswith("lisboa-02")] == []
            assert combo.currentText().startswith("lisboa-01")
        sheet.at_once.setValue(1)
        by_name(sheet.network, "Storage")
        await until(lambda: sheet.enter_button.isEnabled() and sheet._drafting.draft.at_once == 1)
        sheet.enter_button.click()
        await gone("maintenanceDialog")
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        (job,) = program.jobs.all()
        assert {vm.state for vm in job.vms} == {State.done}
        live = next(vm.move for vm in job.vms if vm.move.vm.name == "web-lx-02")
        assert "network" in live.calls[0].params[2]  # type: ignore[operator]
        host = await on(program, "Lisboa", "lisboa-02")
        inventory = pool_of(program, "Lisboa")
        assert evacuation.residents(inventory, host) == ()
        await until(lambda: action(program).text() == "Leave &maintenance mode…")

        action(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        assert child(question, QCheckBox, "bringBackCheck").text() == f"Bring {len(before)} VMs back that left it"
        child(question, QPushButton, "goButton").click()
        await gone("leaveMaintenanceDialog")
        await until(lambda: len(program.jobs.all()) == 2 and program.jobs.all()[0].has_ended)
        assert {vm.state for vm in program.jobs.all()[0].vms} == {State.done}
        assert set(evacuation.residents(pool_of(program, "Lisboa"), host)) == before
        await until(lambda: action(program).text() == "Enter &maintenance mode…")


@driven
async def test_what_stands_against_it_is_mended_at_the_spot(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Madrid", "madrid-01")
        await until(lambda: not sheet.is_busy)
        assert not sheet.enter_button.isEnabled()
        assert any("No host of Madrid can take node-a." in text for text in sheet.panel.sentences())
        assert "node-a" in sheet.enter_button.toolTip()
        assert any("coordinates Madrid" in text for text in [sheet.manner.text()])
        rows = [sheet.table.text(row, 0) for row in range(sheet.table.rowCount())]
        assert "node-a" in rows
        child(sheet, QPushButton, "fix-shut-down-here").click()
        question = await dialog("questionDialog")
        child(question, QPushButton, "goButton").click()
        await gone("questionDialog")
        await until(lambda: "node-a" not in [sheet.table.text(r, 0) for r in range(sheet.table.rowCount())])
        sheet.reject()
        await gone("maintenanceDialog")
        assert program.jobs.all() == []


@driven
async def test_nothing_runs_on_the_host(qapp: QApplication, home: Path, site: Simulated) -> None:
    lisboa = site["Lisboa"]

    def clear() -> None:
        db = lisboa.pool.db
        host = next(r for r, h in db.table("host").items() if h["name_label"] == "lisboa-02")
        for ref, vm in list(db.table("VM").items()):
            if vm["resident_on"] == host and not vm["is_control_domain"]:
                db.set("VM", ref, power_state="Halted", resident_on="OpaqueRef:NULL")

    site.run(clear)
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        await until(sheet.enter_button.isEnabled)
        assert "No VM runs on it." in sheet.manner.text()
        sheet.enter_button.click()
        await gone("maintenanceDialog")
        await until(lambda: action(program).text() == "Leave &maintenance mode…")
        assert program.jobs.all() == []
        action(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        assert not question.findChild(QCheckBox, "bringBackCheck").isVisible()
        child(question, QPushButton, "leaveButton").click()
        await gone("leaveMaintenanceDialog")
        assert not evacuation.takes(pool_of(program, "Lisboa"), await on(program, "Lisboa", "lisboa-02"))


@driven
async def test_what_is_left_on_the_host_is_moved_off_later(qapp: QApplication, home: Path, site: Simulated) -> None:
    """The program may have ended, or a migration failed, after the host was disabled."""
    db = site["Lisboa"].pool.db

    def disable() -> None:
        host = next(r for r, h in db.table("host").items() if h["name_label"] == "lisboa-02")
        db.set("host", host, enabled=False)

    site.run(disable)
    async with running(qapp, home) as program:
        await connected(program, site)
        host = await on(program, "Lisboa", "lisboa-02")
        await until(lambda: action(program).text() == "Leave &maintenance mode…")
        action(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        child(question, QPushButton, "moveRestButton").click()
        await gone("leaveMaintenanceDialog")
        sheet = await dialog("maintenanceDialog", MaintenanceDialog)
        by_name(sheet.network, "Storage")
        await until(lambda: sheet._drafting.draft.storage_network is not None and sheet.enter_button.isEnabled())
        sheet.network.choose("")
        await until(lambda: sheet._drafting.draft.storage_network is None and sheet.enter_button.isEnabled())
        sheet.enter_button.click()
        await gone("maintenanceDialog")
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        assert evacuation.residents(pool_of(program, "Lisboa"), host) == ()
        assert not evacuation.takes(pool_of(program, "Lisboa"), host)


@driven
async def test_a_server_that_refuses_is_heard(qapp: QApplication, home: Path, site: Simulated) -> None:
    site.fault(site["Lisboa"], "refuse", method="host.disable", failure=["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"])
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        await until(sheet.enter_button.isEnabled)
        sheet.enter_button.click()
        told = await dialog("messageDialog")
        assert "vailability" in message(told)
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")
        assert program.jobs.all() == []
