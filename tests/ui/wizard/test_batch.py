"""A batch in the wizard: what cannot go is left out, choices are made once, and rows cost only where they are seen."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.core.site import TwoPools
from tests.holding import PATIENCE, until
from tests.ui.driving import child, driven, settled
from tests.ui.wizard.desk import Desk
from xsmigui.core.migration import candidates
from xsmigui.core.migration.defaults import default_storage_network
from xsmigui.core.migration.draft import StorageMode
from xsmigui.core.problems import Page
from xsmigui.core.refs import VmRef
from xsmigui.ui.wizard import pages
from xsmigui.ui.wizard.bulk import Rows
from xsmigui.ui.wizard.choice import ChoiceCombo
from xsmigui.ui.wizard.mapping import NetworksPage
from xsmigui.ui.wizard.pages import HomeServerPage
from xsmigui.ui.wizard.placement import StoragePage


def crowd(site: TwoPools, number: int) -> list[VmRef]:
    """Running VMs on m1, each with a disk and an interface."""
    return [
        site.madrid.vm(f"vm {n:03}", on=site.m1, disks=[site.m_nfs], networks=[site.m_lan], memory=1 << 28)
        for n in range(number)
    ]


def only(rows: Rows, page: HomeServerPage | NetworksPage | StoragePage) -> tuple[str, ...]:
    page.filter.setCurrentIndex(page.filter.findData(str(rows)))
    return page.table.shown_keys


@driven
async def test_what_cannot_go_is_left_out() -> None:
    site = TwoPools()
    vms = crowd(site, 8)
    for vm in vms[:3]:
        site.madrid.set(vm, blocked_operations={"migrate_send": "backup", "pool_migrate": "backup"})
    desk = Desk(site, *vms, destination=site.lisboa.id)
    await desk.answered()
    wizard = desk.wizard
    assert wizard.can_go.text() == "5 of 8 can move"
    assert wizard.leave_out.isVisible()
    assert not wizard.finish.isEnabled()
    page = wizard.pages[Page.home_server]
    assert isinstance(page, HomeServerPage)
    page.show_evaluation(desk.drafting.evaluation)
    assert page.table.text(0, 2).startswith("no · ")
    assert "backup" in page.table.text(0, 2)
    assert page.table.text(7, 2) == "yes"
    wizard.leave_out.click()
    await desk.answered()
    assert wizard.can_go.text() == "5 of 5 can move · 3 are left out"
    assert "vm 000: " in wizard.can_go.toolTip()
    assert not wizard.leave_out.isVisible()
    assert desk.drafting.draft.vms == tuple(vms[3:])
    assert wizard.windowTitle() == "Migrate VM: 5 VMs"
    assert desk.drafting.evaluation.plan is not None
    desk.close()


@driven
async def test_one_vm_has_nothing_to_be_left_out() -> None:
    site = TwoPools()
    site.madrid.set(site.web, blocked_operations={"migrate_send": "backup", "pool_migrate": "backup"})
    desk = Desk(site, site.web, destination=site.lisboa.id)
    assert desk.wizard.can_go.text() == ""
    assert not desk.wizard.leave_out.isVisible()
    desk.close()


@driven
async def test_problems_of_one_rule_are_folded_and_lead_to_their_rows() -> None:
    site = TwoPools()
    vms = crowd(site, 6)
    for ref in site.madrid.get_all("VDI"):
        if site.madrid.get(ref).name_label.startswith("vm 00"):
            site.madrid.set(ref, cbt_enabled=True)
    desk = Desk(site, *vms, destination=site.lisboa.id)
    await desk.answered()
    panel = desk.wizard.panel
    tracked = [text for text in panel.sentences() if "tracking" in text]
    assert len(tracked) == 1
    assert "5 more of this kind." in panel.sentences()
    child(panel, QPushButton, "unfold-R53").click()
    await settled()
    assert len([text for text in panel.sentences() if "tracking" in text]) == 6
    shows = [b for b in panel.findChildren(QPushButton, "showRowButton") if b.isVisible()]
    desk.wizard._visited.add(Page.storage)
    shows[-1].click()
    assert desk.page is Page.storage
    storage = desk.front()
    assert isinstance(storage, StoragePage)
    assert storage.table._marked
    last = storage.table._made(storage.table._places[storage.table._marked])
    last.cells[0]._clicked()  # and back
    desk.close()


@driven
async def test_networks_are_mapped_once() -> None:
    site = TwoPools()
    site.lisboa.remove(site.l_lan)
    vms = crowd(site, 5)
    desk = Desk(site, *vms, destination=site.lisboa.id)
    page = desk.wizard.pages[Page.networks]
    assert isinstance(page, NetworksPage)
    page.show_evaluation(desk.drafting.evaluation)
    assert page.sources.rowCount() == 1
    assert page.sources.text(0, 0) == "LAN · VLAN 20"
    assert page.sources.text(0, 1) == "5"
    assert len(only(Rows.open, page)) == 5
    assert only(Rows.blocked, page) == ()
    page.sources.combo(site.m_lan).choose(site.l_storage_net)
    page.show_evaluation(desk.drafting.evaluation)
    vifs = [vif for vm in vms for vif in site.madrid.get_all("VIF", VM=vm)]
    assert desk.drafting.draft.networks == dict.fromkeys(vifs, site.l_storage_net)
    assert only(Rows.open, page) == ()
    only(Rows.all, page)
    page.table.combo(vifs[0]).choose(site.l_management)
    page.show_evaluation(desk.drafting.evaluation)
    assert page.sources.combo(site.m_lan).placeholderText() == "Various networks"
    assert page.sources.combo(site.m_lan).currentIndex() == -1
    desk.close()


@driven
async def test_one_choice_for_all_that_is_shown() -> None:
    site = TwoPools()
    vms = crowd(site, 4)
    site.madrid.set(vms[0], blocked_operations={"migrate_send": "backup", "pool_migrate": "backup"})
    desk = Desk(site, *vms, destination=site.lisboa.id)
    home = desk.wizard.pages[Page.home_server]
    assert isinstance(home, HomeServerPage)
    home.show_evaluation(desk.drafting.evaluation)
    assert only(Rows.blocked, home) == (vms[0],)
    home.all.choose(site.l2)
    assert desk.drafting.draft.hosts == {vms[0]: site.l2}
    only(Rows.all, home)
    home.show_evaluation(desk.drafting.evaluation)
    home.all.choose(site.l1)
    assert desk.drafting.draft.hosts == dict.fromkeys(vms, site.l1)
    storage = desk.wizard.pages[Page.storage]
    assert isinstance(storage, StoragePage)
    desk.wizard.choose(lambda draft: draft.each_disk())
    storage.show_evaluation(desk.drafting.evaluation)
    storage.all.choose(site.l_nfs)
    assert desk.drafting.draft.storage is StorageMode.each
    assert set(desk.drafting.draft.disks.values()) == {site.l_nfs}
    assert len(desk.drafting.draft.disks) == 4
    desk.close()


@driven
async def test_widgets_are_made_for_the_rows_in_sight() -> None:
    site = TwoPools()
    vms = crowd(site, 150)
    desk = Desk(site, *vms, destination=site.lisboa.id)
    await desk.answered()
    await desk.go_to(Page.home_server)
    page = desk.front()
    assert isinstance(page, HomeServerPage)
    table = page.table
    await until(lambda: table.findChildren(ChoiceCombo))
    assert table.rowCount() == 150
    assert len(table.findChildren(ChoiceCombo)) < 40
    bar = table.verticalScrollBar()
    assert bar.maximum() > 2000
    bar.setValue(bar.maximum())
    assert table._rows[149].combo is not None
    assert len(table._rows) < 100
    other = site.l1 if table.combo(vms[149]).currentText().startswith("l2") else site.l2
    table.combo(vms[149]).choose(other)
    assert desk.drafting.draft.hosts == {vms[149]: other}
    await desk.answered()
    made = table._rows[149].combo
    assert made is not None
    assert made.currentData() == other
    assert table.reveal(vms[0])
    assert bar.value() < 100
    assert not table.reveal("nobody")
    desk.close()


@driven
async def test_a_list_is_made_when_it_is_opened() -> None:
    site = TwoPools()
    desk = Desk(site, site.web, site.db, destination=site.madrid.id)
    await desk.go_to(Page.home_server)
    combo = desk.front().table.combo(site.web)
    assert combo.count() == 1
    combo.showPopup()
    await until(combo.view().isVisible)
    assert combo.count() == 3
    combo.hidePopup()
    other = desk.front().table.combo(site.db)
    assert other.count() == 1
    QTest.keyClick(other, "m")
    assert other.count() == 3
    desk.close()


def test_a_pools_own_network_for_migrations() -> None:
    site = TwoPools()
    lisboa = site.site.pools[site.lisboa.id]
    assert default_storage_network(lisboa, [site.l1]) == site.l_storage_net
    uuid = site.lisboa.get(site.l_management).uuid
    site.lisboa.set(lisboa.pool_ref, other_config={"xo:migrationNetwork": uuid})
    lisboa = site.site.pools[site.lisboa.id]
    assert default_storage_network(lisboa, [site.l1]) == site.l_management
    site.lisboa.set(lisboa.pool_ref, other_config={"xo:migrationNetwork": "unknown"})
    assert default_storage_network(site.site.pools[site.lisboa.id], [site.l1]) == site.l_storage_net


@driven
async def test_a_list_that_takes_long_is_made_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MANY_PAIRS", 0)
    site = TwoPools()
    vms = crowd(site, 4)
    desk = Desk(site, *vms, destination=site.lisboa.id)
    await desk.answered()
    desk.wizard._visited.add(Page.home_server)
    desk.wizard.go_to(Page.home_server)
    home = desk.front()
    assert isinstance(home, HomeServerPage)
    gate = threading.Event()
    threads: list[threading.Thread] = []
    inner = candidates.hosts

    def slow(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        assert gate.wait(PATIENCE)
        return inner(*arguments)

    monkeypatch.setattr(candidates, "hosts", slow)
    home.all.showPopup()
    assert [text for _ref, text, _usable in home.all._items] == ["Checking…"]
    gate.set()
    await until(lambda: len(home.all._items) == 2)
    assert home.all.view().isVisible()
    assert threading.main_thread() not in threads
    home.all.hidePopup()
    home.all.choose(site.l2)
    assert desk.drafting.draft.hosts == dict.fromkeys(vms, site.l2)
    QTest.keyClick(home.all, Qt.Key.Key_Down)
    assert [text for _ref, text, _usable in home.all._items] == ["Checking…"]
    desk.wizard.choose(lambda draft: draft.on(vms[0], site.l1))
    home.all.hidePopup()
    await settled()
    assert home.all._items == (), "what was asked for before the choice is not shown after it"
    desk.close()
