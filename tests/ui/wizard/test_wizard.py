"""The wizard on built sites: each page, what is greyed and why, and everything that may happen while it is open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton

from tests.core.site import TwoPools
from tests.holding import until
from tests.ui.driving import appears, child, dialog, driven, gone, message, settled, windows
from tests.ui.wizard.desk import Desk
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.draft import StorageMode
from xsmigui.core.migration.facts import Answer
from xsmigui.core.problems import Page
from xsmigui.core.units import GiB
from xsmigui.ui.wizard.wizard import MigrateWizard


@driven
async def test_every_page_of_a_running_vm_to_another_pool() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    wizard = desk.wizard
    assert wizard.windowTitle() == "Migrate VM: web"
    assert desk.page is Page.destination
    desk.front().combo.choose(site.lisboa.id)
    assert desk.steps() == ["Destination", "Home server", "Storage", "Networks", "Storage network", "Summary"]
    assert not wizard.back.isEnabled()
    assert wizard.next.isVisible()
    assert not wizard.finish.isVisible()
    await desk.go_to(Page.home_server)
    desk.front().table.combo(site.web).choose(site.l1)
    assert desk.drafting.draft.hosts == {site.web: site.l1}
    await desk.go_to(Page.storage)
    storage = desk.front()
    assert storage.same.isChecked()
    assert storage.combo.isEnabled()
    storage.each.click()
    assert not storage.combo.isEnabled()
    disks = [d for d in site.madrid.get_all("VDI") if site.madrid.get(d).name_label.startswith("web")]
    for disk in disks:
        assert storage.table.combo(disk).isEnabled()
        storage.table.combo(disk).choose(site.l_nfs)
    assert desk.drafting.draft.storage is StorageMode.each
    storage.same.click()
    storage.combo.choose(site.l_nfs)
    assert not storage.table.combo(disks[0]).isEnabled()
    await desk.go_to(Page.networks)
    vif = site.madrid.get_all("VIF", VM=site.web)[0]
    assert desk.front().table.combo(vif).currentText().startswith("LAN")
    desk.front().table.combo(vif).choose(site.l_management)
    await desk.go_to(Page.storage_network)
    combo = desk.front().combo
    assert combo.currentText().startswith("Storage")
    assert any("not recommended" in text for text in combo.texts())
    combo.choose(site.l_storage_net)
    await desk.go_to(Page.summary)
    await desk.answered()
    text = desk.front().view.toPlainText()
    for word in ("web", "l1", "l-nfs", "Lisboa", "Storage"):
        assert word in text
    assert wizard.finish.isVisible()
    assert wizard.finish.text() == "Migrate"
    assert not wizard.next.isVisible()
    wizard.finish.click()
    assert [move.host.name for plan in desk.planned for move in plan.moves] == ["l1"]
    assert not wizard.isVisible()
    await settled()


@driven
async def test_a_move_of_a_halted_vm_and_its_options() -> None:
    site = TwoPools()
    desk = Desk(site, site.files)
    assert desk.wizard.windowTitle() == "Move VM: files"
    assert desk.wizard.finish.text() == "Move"
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.summary)
    await desk.answered()
    options = desk.front().options
    assert options["set_home"].isChecked()
    assert options["start_after"].isVisible()
    assert not options["compress"].isVisible()
    options["start_after"].click()
    options["set_home"].click()
    assert desk.drafting.draft.start_after
    assert not desk.drafting.draft.set_home
    await desk.answered()
    desk.front().script.click()
    assert "xe " in desk.front().view.toPlainText()
    desk.front().script.click()
    assert "xe " not in desk.front().view.toPlainText()
    desk.close()


@driven
async def test_copying() -> None:
    site = TwoPools()
    desk = Desk(site, site.files, copy=True)
    assert desk.wizard.windowTitle() == "Copy VM: files"
    assert desk.wizard.finish.text() == "Copy"
    desk.close()


@driven
async def test_compression_of_a_running_vm() -> None:
    site = TwoPools()
    desk = Desk(site, site.web, site.db)
    assert desk.wizard.windowTitle() == "Migrate VM: 2 VMs"
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.summary)
    box = desk.front().options["compress"]
    assert box.isVisible()
    box.click()
    assert desk.drafting.draft.compress is True
    box.click()
    assert desk.drafting.draft.compress is None
    desk.close()


@driven
async def test_a_greyed_target_carries_its_reason() -> None:
    site = TwoPools()
    site.madrid.set(site.m2, enabled=False)
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.madrid.id)
    await desk.go_to(Page.home_server)
    combo = desk.front().table.combo(site.web)
    line = next(text for text in combo.texts() if text.startswith("m2"))
    assert "maintenance" in line
    row = combo.findText(line)
    assert not combo.model().item(row).isEnabled()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        combo.choose(site.m2)
    desk.store.disconnected(site.lisboa.id)
    desk.wizard.go_to(Page.destination)
    await until(lambda: any("not connected" in text for text in desk.front().combo.texts()))
    desk.close()


@driven
async def test_next_and_finish_say_why_not() -> None:
    site = TwoPools()
    site.lisboa.remove(site.l_lan)
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.networks)
    wizard = desk.wizard
    assert not wizard.next.isEnabled()
    assert wizard.next.toolTip()
    assert desk.wizard.panel.sentences()[0] == wizard.next.toolTip()
    item = wizard.steps.item(wizard.steps.count() - 1)
    assert item.flags() == Qt.ItemFlag.NoItemFlags
    assert item.toolTip()
    vif = site.madrid.get_all("VIF", VM=site.web)[0]
    desk.front().table.combo(vif).choose(site.l_management)
    assert wizard.next.isEnabled()
    assert not wizard.next.toolTip()
    desk.oracle.gate.clear()
    desk.oracle.say = lambda _q: Answer(ServerFailure("HOST_NOT_ENOUGH_FREE_MEMORY", ("1", "2"), "VM.assert"))
    desk.front().table.combo(vif).choose(site.l_storage_net)
    await desk.go_to(Page.summary)
    await until(lambda: desk.oracle.asked)
    assert not wizard.finish.isEnabled()
    assert "Asking" in wizard.finish.toolTip()
    assert any("Asking" in text for text in wizard.panel.sentences())
    desk.oracle.gate.set()
    await desk.answered()
    assert not wizard.finish.isEnabled()
    assert "memory" in wizard.finish.toolTip()
    desk.close()


@driven
async def test_steps_can_be_clicked() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    steps = desk.wizard.steps

    def click(row: int) -> None:
        where = steps.visualItemRect(steps.item(row)).center()
        QTest.mouseClick(steps.viewport(), Qt.MouseButton.LeftButton, pos=where)

    click(2)
    assert desk.page is Page.storage
    click(0)
    assert desk.page is Page.destination
    assert [steps.item(n).data(Qt.ItemDataRole.AccessibleTextRole) for n in (0, 1, 2)] == [
        "Destination, current",
        "Home server, still to come",
        "Storage, done",
    ]
    click(1)
    assert desk.page is Page.home_server
    desk.wizard.back.click()
    assert desk.page is Page.destination
    desk.close()


@driven
async def test_steps_by_keyboard() -> None:
    """The arrows walk along the steps, and a step that is come to is shown."""
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    steps = desk.wizard.steps
    steps.setFocus()
    QTest.keyClick(steps, Qt.Key.Key_Down)
    QTest.keyClick(steps, Qt.Key.Key_Return)
    assert desk.page is Page.home_server
    desk.close()


@driven
async def test_problems_of_this_page_come_first() -> None:
    site = TwoPools()
    site.lisboa.remove(site.l_lan)
    disk = next(d for d in site.madrid.get_all("VDI") if site.madrid.get(d).name_label == "web 0")
    site.madrid.set(disk, cbt_enabled=True)
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    tracking = "changed block tracking"
    await desk.go_to(Page.storage)
    assert tracking in desk.wizard.panel.sentences()[0]
    evaluation = desk.drafting.evaluation
    networks = next(p for p in evaluation.problems if p.page is Page.networks)
    order = desk.wizard.panel.sentences()
    assert order.index(networks.sentence()) > 0
    desk.close()


@driven
async def test_a_fix_is_asked_for_and_the_check_runs_again() -> None:
    site = TwoPools()
    disk = next(d for d in site.madrid.get_all("VDI") if site.madrid.get(d).name_label == "web 0")
    site.madrid.set(disk, cbt_enabled=True)
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.storage)

    def mended() -> None:
        site.madrid.set(disk, cbt_enabled=False)
        desk.publish(disk)

    desk.wire.then = mended
    assert not desk.wizard.next.isEnabled()
    (await appears(desk.wizard.panel, QPushButton, "fix-disable-cbt")).click()
    question = await dialog("questionDialog")
    assert not desk.wire.calls
    child(question, QPushButton, "leaveButton").click()
    await gone("questionDialog")
    await settled()
    assert not desk.wire.calls
    (await appears(desk.wizard.panel, QPushButton, "fix-disable-cbt")).click()
    child(await dialog("questionDialog"), QPushButton, "goButton").click()
    await until(lambda: desk.wire.calls == [("VDI.disable_cbt", disk)])
    await until(lambda: desk.wizard.next.isEnabled())
    assert not any("tracking" in text for text in desk.wizard.panel.sentences())
    desk.close()


@driven
async def test_a_question_goes_with_its_wizard() -> None:
    site = TwoPools()
    disk = next(d for d in site.madrid.get_all("VDI") if site.madrid.get(d).name_label == "web 0")
    site.madrid.set(disk, cbt_enabled=True)
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.storage)
    (await appears(desk.wizard.panel, QPushButton, "fix-disable-cbt")).click()
    await dialog("questionDialog")
    desk.close()
    await gone("questionDialog")
    assert not desk.wire.calls


@driven
async def test_a_vm_vanishes() -> None:
    site = TwoPools()
    desk = Desk(site, site.web, site.db)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.home_server)
    site.madrid.remove(site.web)
    desk.publish(site.web)
    await until(lambda: desk.wizard.panel.sentences() and "no longer exists" in " ".join(desk.wizard.panel.sentences()))
    assert desk.front().table.rowCount() == 1
    await until(lambda: desk.drafting.evaluation.plan is None)
    site.madrid.remove(site.db)
    desk.publish(site.db)
    await until(lambda: desk.front().table.rowCount() == 0)
    for page in desk.drafting.evaluation.pages:
        desk.wizard.go_to(page)
    assert not desk.wizard.next.isEnabled()
    assert not desk.wizard.finish.isEnabled()
    desk.close()


@driven
async def test_a_host_goes_down() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.home_server)
    desk.front().table.combo(site.web).choose(site.l1)
    await desk.go_to(Page.summary)
    await desk.answered()
    assert desk.wizard.finish.isEnabled()
    metrics = site.lisboa.get(site.l1).metrics
    site.lisboa.set(metrics, live=False)
    desk.publish(metrics)
    await until(lambda: not desk.wizard.finish.isEnabled())
    assert "l1" in desk.wizard.finish.toolTip()
    assert desk.page is Page.summary
    desk.close()


@driven
async def test_a_connection_drops_and_comes_back() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.summary)
    await desk.answered()
    assert desk.wizard.finish.isEnabled()
    desk.store.disconnected(site.lisboa.id)
    await until(lambda: not desk.wizard.finish.isEnabled())
    assert any("is lost" in text for text in desk.wizard.panel.sentences())
    assert "no plan" in desk.front().view.toPlainText()
    desk.publish()
    await until(lambda: desk.wizard.finish.isEnabled())
    desk.store.remove(site.madrid.id)
    await until(lambda: not desk.wizard.finish.isEnabled())
    assert any("no longer connected" in text for text in desk.wizard.panel.sentences())
    for page in desk.drafting.evaluation.pages:
        desk.wizard.go_to(page)
    desk.close()


@driven
async def test_an_open_list_is_not_disturbed() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.home_server)
    combo = desk.front().table.combo(site.web)
    before = combo.texts()
    combo.showPopup()
    await until(combo.view().isVisible)
    metrics = site.lisboa.get(site.l1).metrics
    site.lisboa.set(metrics, live=False)
    desk.publish(metrics)
    await until(lambda: any("l1" in p.message for p in desk.drafting.evaluation.problems) or True)
    await until(lambda: combo._later is not None)
    assert combo.view().isVisible()
    assert combo.texts() == before
    combo.hidePopup()
    assert combo.texts() != before
    desk.close()


@driven
async def test_a_choice_that_no_longer_suits_is_not_sent_by_itself() -> None:
    """What events change is shown; nothing is chosen by that."""
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.home_server)
    draft = desk.drafting.draft
    site.lisboa.vm("newcomer", on=site.l1, memory=8 * GiB)
    desk.publish()
    await settled(20)
    assert desk.drafting.draft == draft
    desk.close()


@driven
async def test_pages_go_when_the_draft_needs_them_no_more() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.networks)
    desk.wizard.choose(lambda draft: draft.to(site.madrid.id))
    assert desk.page is Page.storage
    assert desk.steps() == ["Destination", "Home server", "Storage", "Summary"]
    desk.close()


@driven
async def test_adding_a_server_from_the_destination() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    wanted: list[bool] = []
    desk.wizard.add_server.connect(lambda: wanted.append(True))
    combo = desk.front().combo
    before = combo.currentText()
    combo.choose("add-server")
    assert wanted
    assert desk.front().combo.currentText() == before
    desk.close()


@driven
async def test_a_plan_is_saved(tmp_path: Path) -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.summary)
    await desk.answered()
    page = desk.front()
    page.save.click()
    await until(lambda: windows(QFileDialog) or desk.wizard.findChildren(QFileDialog))
    chooser = desk.wizard.findChildren(QFileDialog)[0]
    chooser.fileSelected.emit(str(tmp_path / "plan.json"))
    chooser.reject()
    assert (tmp_path / "plan.json").read_bytes().startswith(b"{")
    plan = desk.drafting.evaluation.plan
    assert plan is not None
    desk.wizard._save_plan(plan, tmp_path / "nowhere" / "plan.json")
    box = await dialog("messageDialog")
    assert "not saved" in message(box)
    box.reject()
    await gone("messageDialog")
    desk.close()


@driven
async def test_the_window_s_own_close_button() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.oracle.gate.clear()
    desk.front().combo.choose(site.lisboa.id)
    desk.wizard.close()
    await gone("migrateWizard")
    site.madrid.remove(site.web)
    desk.publish(site.web)
    await asyncio.sleep(0.15)
    assert not windows(MigrateWizard)


@driven
async def test_escape_asks_only_where_choices_would_be_lost() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    QTest.keyClick(desk.wizard, Qt.Key.Key_Escape)
    await settled()
    assert not windows(MigrateWizard)
    desk = Desk(site, site.web)
    desk.front().combo.choose(site.lisboa.id)
    QTest.keyClick(desk.wizard, Qt.Key.Key_Escape)
    child(await dialog("questionDialog"), QPushButton, "leaveButton").click()
    await gone("questionDialog")
    assert desk.wizard.isVisible()
    QTest.keyClick(desk.wizard, Qt.Key.Key_Escape)
    child(await dialog("questionDialog"), QPushButton, "goButton").click()
    await gone("questionDialog")
    await until(lambda: not windows(MigrateWizard))


@driven
async def test_the_keyboard_stands_on_the_first_choice_of_a_page() -> None:
    site = TwoPools()
    desk = Desk(site, site.web)
    desk.wizard.activateWindow()
    desk.front().combo.choose(site.lisboa.id)
    await desk.go_to(Page.home_server)
    await until(lambda: desk.front().table.combo(site.web).hasFocus())
    await desk.go_to(Page.storage)
    await until(lambda: desk.front().same.hasFocus() or desk.front().each.hasFocus())
    desk.close()
