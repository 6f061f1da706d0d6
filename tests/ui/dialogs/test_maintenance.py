"""Maintenance mode from the menu, with the real program and a simulated site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, message
from tests.ui.programs import by_name, connected, running, select
from xsmigui.app import Program
from xsmigui.core.inventory import Inventory
from xsmigui.core.job_texts import title
from xsmigui.core.jobs import Job, State
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


def journeys(program: Program) -> list[Job]:
    """The jobs that move VMs; entering and leaving maintenance are jobs too."""
    return [job for job in program.jobs.all() if job.plan.moves[0].fix is None]


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
        assert "move too" in sheet.manner.text()
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
        await until(lambda: journeys(program) and journeys(program)[0].has_ended)
        (job,) = journeys(program)
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
        await until(lambda: len(journeys(program)) == 2 and journeys(program)[0].has_ended)
        assert {vm.state for vm in journeys(program)[0].vms} == {State.done}
        assert set(evacuation.residents(pool_of(program, "Lisboa"), host)) == before
        await until(lambda: action(program).text() == "Enter &maintenance mode…")


def reboot(site: Simulated, host: str) -> None:
    site.call(site["Lisboa"], "host.reboot", host)


def bring_back(program: Program) -> QAction:
    return program.window._actions["actionBringBack"]


@driven
async def test_the_list_survives_a_reboot_with_and_without_the_window(
    qapp: QApplication, home: Path, site: Simulated
) -> None:
    """Emptied; the host is restarted and comes back enabled while the program is closed; filled by the next one."""
    async with running(qapp, home) as program:
        await connected(program, site)
        assert not bring_back(program).isEnabled()
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        await until(sheet.enter_button.isEnabled)
        vms = set(sheet._drafting.draft.vms)
        sheet.enter_button.click()
        await gone("maintenanceDialog")
        await until(lambda: journeys(program) and journeys(program)[0].has_ended)
        host = await on(program, "Lisboa", "lisboa-02")
    reboot(site, host)
    async with running(qapp, home) as program:
        await connected(program, site)
        await on(program, "Lisboa", "lisboa-02")
        inventory = pool_of(program, "Lisboa")
        assert evacuation.accepts_vms(inventory, host)
        await until(lambda: action(program).text() == "Leave &maintenance mode…")
        await until(bring_back(program).isEnabled)
        bring_back(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        assert any("already" in label.text() for label in question.findChildren(QLabel))
        child(question, QPushButton, "goButton").click()
        await gone("leaveMaintenanceDialog")
        await until(lambda: set(evacuation.residents(pool_of(program, "Lisboa"), host)) == vms)
        await until(lambda: action(program).text() == "Enter &maintenance mode…")
        await until(lambda: not bring_back(program).isEnabled())
        await until(lambda: "MAINTENANCE_MODE" not in str(pool_of(program, "Lisboa").host[host].other_config))


@driven
async def test_what_cannot_come_back_is_named_and_stays_listed(qapp: QApplication, home: Path, site: Simulated) -> None:
    db = site["Lisboa"].pool.db
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        await until(sheet.enter_button.isEnabled)
        sheet.enter_button.click()
        await gone("maintenanceDialog")
        await until(lambda: journeys(program) and journeys(program)[0].has_ended)
        host = await on(program, "Lisboa", "lisboa-02")

        def shrink() -> None:
            db.set("host_metrics", db.get("host", host, "metrics"), memory_total=1)

        site.run(shrink)
        await until(lambda: pool_of(program, "Lisboa").free_memory(host) == 0)
        await until(lambda: action(program).text() == "Leave &maintenance mode…")
        action(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        texts = [label.text() for label in question.findChildren(QLabel, "stuckText")]
        assert len(texts) == 2
        assert all("memory" in text for text in texts)
        child(question, QPushButton, "goButton").click()
        told = await dialog("messageDialog")
        assert "These stay on the list of lisboa-02" in message(told)
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")
        assert len(journeys(program)) == 1
        await until(lambda: action(program).text() == "Enter &maintenance mode…")
        assert bring_back(program).isEnabled()
        bring_back(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        assert question.windowTitle() == "Bring VMs back"
        child(question, QPushButton, "forgetListButton").click()
        await gone("leaveMaintenanceDialog")
        await until(lambda: not bring_back(program).isEnabled())
        assert "There is no VM to bring back to lisboa-02." in bring_back(program).toolTip()


@driven
async def test_what_was_shut_down_for_it_is_started_again(qapp: QApplication, home: Path, site: Simulated) -> None:
    lisboa = site["Lisboa"]
    vm = site.vm(lisboa, "dns-lx")
    host = site.run(lambda: lisboa.pool.db.get("VM", vm, "resident_on"))
    site.call(lisboa, "VM.clean_shutdown", vm)
    uuid = site.run(lambda: lisboa.pool.db.get("VM", vm, "uuid"))
    site.call(lisboa, "host.add_to_other_config", host, "MAINTENANCE_MODE_EVACUATED_VMS_HALTED", uuid)
    site.call(lisboa, "host.add_to_other_config", host, "MAINTENANCE_MODE", "true")
    async with running(qapp, home) as program:
        await connected(program, site)
        await on(program, "Lisboa", "lisboa-02")
        await until(lambda: action(program).text() == "Leave &maintenance mode…")
        action(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        assert child(question, QCheckBox, "startCheck").text() == "Start 1 VM that was shut down for it"
        assert not question.findChild(QCheckBox, "bringBackCheck").isVisible()
        child(question, QPushButton, "goButton").click()
        await gone("leaveMaintenanceDialog")
        await until(lambda: pool_of(program, "Lisboa").VM[vm].resident_on == host)  # type: ignore[index]
        await until(lambda: not bring_back(program).isEnabled())
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
        await until(lambda: [job.state for job in program.jobs.all()] == [State.done])
        assert program.jobs.all()[0].vms[0].message == "node-a is halted."


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
        assert journeys(program) == []
        action(program).trigger()
        question = await dialog("leaveMaintenanceDialog")
        assert not question.findChild(QCheckBox, "bringBackCheck").isVisible()
        child(question, QPushButton, "leaveButton").click()
        await gone("leaveMaintenanceDialog")
        assert not evacuation.accepts_vms(pool_of(program, "Lisboa"), await on(program, "Lisboa", "lisboa-02"))


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
        await until(lambda: journeys(program) and journeys(program)[0].has_ended)
        assert evacuation.residents(pool_of(program, "Lisboa"), host) == ()
        assert not evacuation.accepts_vms(pool_of(program, "Lisboa"), host)


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
        assert journeys(program) == []
        (refused,) = program.jobs.all()  # what was tried is in Activity and in the journal
        assert title(refused.vms[0]) == "lisboa-02 · Enter maintenance mode"
        assert refused.state is State.failed


@driven
async def test_what_cannot_move_is_left_out(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        vms = evacuation.residents(pool_of(program, "Lisboa"), await on(program, "Lisboa", "lisboa-02"))
        blocks = {"pool_migrate": "backup", "migrate_send": "backup"}
        site.call(site["Lisboa"], "VM.set_blocked_operations", vms[0], blocks)
        sheet = await opened_on(program, "Lisboa", "lisboa-02")
        await until(lambda: not sheet.is_busy and sheet.leave_out.isVisible())
        assert sheet.can_go.text() == f"{len(vms) - 1} of {len(vms)} can move"
        assert not sheet.enter_button.isEnabled()
        sheet.leave_out.click()
        await until(lambda: not sheet.is_busy and sheet.enter_button.isEnabled())
        assert "1 is left out" in sheet.can_go.text() or sheet.can_go.text() == "1 is left out"
        assert "stay on it" in sheet.manner.text()
        sheet.enter_button.click()
        await gone("maintenanceDialog")
        await until(lambda: journeys(program) and journeys(program)[0].has_ended)
        assert len(journeys(program)[0].vms) == len(vms) - 1


@driven
async def test_sentences_and_rows_lead_to_each_other(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        sheet = await opened_on(program, "Madrid", "madrid-02")
        await until(lambda: not sheet.is_busy)
        stuck = set(sheet._drafting.evaluation.stuck)
        assert 0 < len(stuck) < sheet.table.rowCount()
        sheet.filter.setCurrentIndex(sheet.filter.findData("blocked"))
        assert set(sheet.table.shown_keys) == stuck
        sheet.filter.setCurrentIndex(sheet.filter.findData("all"))
        assert len(sheet.table.shown_keys) == sheet.table.rowCount()
        show = sheet.panel.findChildren(QPushButton, "showRowButton")
        assert show
        show[0].click()
        assert sheet.table._marked in stuck
        sheet.table.row_clicked.emit(sheet.table._marked)  # the way back: its sentence is in sight
        assert sheet.table._marked in sheet.panel._by_ref
        sheet.reject()
