"""How objects stand, in tree, header and menus alike: VMs that arrive, pools that are lost, several selected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from tests.e2e.serving import Simulator
from tests.holding import Hold, until
from tests.simulated import Simulated
from tests.ui.driving import driven, windows
from tests.ui.programs import add_by_hand, by_name, connected, next_page, ready, running, select, vm_key, wizard_on
from xsmigui.app import Program
from xsmigui.core.outline_nodes import Link, Node
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.ui.wizard.wizard import MigrateWizard


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def nodes(program: Program, label: str) -> dict[ObjectId, Node]:
    return {key: node for key, node in program.window.bridge.outline.nodes.items() if node.label == label}


@driven
async def test_a_vm_that_is_arriving_has_no_actions(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        old = vm_key(program, "web-01")
        wizard = await wizard_on(program, "web-01")
        by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
        while wizard.next.isVisible():
            await next_page(wizard)
        await ready(wizard)
        hold = Hold(site, free=8)
        wizard.finish.click()
        uuid = program.store.site().pools[old.pool].VM[old.ref].uuid  # type: ignore[index]
        for _pause in range(100):
            await hold.until_held()
            if uuid in site.run(lambda: {vm["uuid"] for vm in site["Lisboa"].pool.db.table("VM").values()}):
                break
            hold.step(1)
        await until(lambda: len(nodes(program, "web-01")) == 2)
        (new,) = [key for key in nodes(program, "web-01") if key != old]
        await until(lambda: "arriving from Madrid" in nodes(program, "web-01")[new].state)
        assert nodes(program, "web-01")[new].dimmed
        assert not nodes(program, "web-01")[old].dimmed
        await select(program, new)
        await until(lambda: "arriving from Madrid" in window.object.place.text())
        assert not window.object.migrate.isVisible()
        for name in ("actionMigrateVm", "actionMoveVm", "actionCopyVm"):
            assert not window._actions[name].isEnabled()
            assert "arriving" in window._actions[name].toolTip()
        assert not window.to_server.isEnabled()
        index = window.tree.resources.index_of(new)
        assert not window.tree.resources.flags(index) & Qt.ItemFlag.ItemIsDragEnabled
        await select(program, old)
        assert "already being moved" in window.object.move_line.text()
        assert not window._actions["actionMigrateVm"].isEnabled()
        hold.release()
        await until(lambda: program.jobs.all()[0].has_ended)
        await until(lambda: not any(node.dimmed for node in nodes(program, "web-01").values()))
        assert len(nodes(program, "web-01")) == 1


@driven
async def test_a_lost_pool_looks_lost(qapp: QApplication, home: Path, expected_errors: list[str]) -> None:
    with Simulator(seed=12) as site:
        async with running(qapp, home) as program:
            for pool in site.pools:
                await add_by_hand(program, pool)
            window = program.window
            key = vm_key(program, "db-postgres")
            await select(program, key)
            assert not window.object.header.notice.isVisible()
            site.kill()
            await until(lambda: all(s.link is Link.waiting for s in program.connections.servers()))
            await until(window.object.header.notice.isVisible)
            assert all(node.dimmed for node in window.bridge.outline.nodes.values())
            (top,) = [node for node in nodes(program, "Madrid").values() if node.parent is None]
            assert top.state.startswith("retry ")
            assert len(top.state) < 12
            assert "trying again in" in window.object.header.notice.words.text()
            assert "is unknown" in window.object.move_line.text()
            assert "yes" not in window.object.move_line.text()
            connect = window._actions["actionConnect"]
            assert connect.isEnabled()
            assert "already" not in connect.toolTip()
            window.object.header.notice.button.click()
            await until(lambda: program.connections.servers()[0].link in (Link.connecting, Link.waiting))
            program.window.close()
            await until(lambda: not program.window.isVisible())


@driven
async def test_running_and_halted_vms_share_a_wizard(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        keys = [vm_key(program, name) for name in ("web-01", "web-02", "erp-test")]
        await select(program, keys[0])
        chosen = window.tree.selectionModel()
        for key in keys[1:]:
            chosen.select(window.tree.resources.index_of(key), chosen.SelectionFlag.Select)
        pane = window.object
        assert pane.name.text() == "3 VMs selected"
        await until(lambda: pane.several.rows.rowCount() == 3)
        assert "2 running" in pane.move_line.text()
        assert "1 halted" in pane.move_line.text()
        assert pane.below.currentWidget() is pane.several
        assert pane.selected_disks() == (None, ())
        menu = pane.header.more.menu()
        assert isinstance(menu, QMenu)
        menu.aboutToShow.emit()
        assert window._actions["actionMigrateVm"] in menu.actions()
        assert window._actions["actionMigrateVm"].isEnabled()
        assert not window._actions["actionMoveVm"].isEnabled()
        assert "is halted" in window.to_server.menuAction().toolTip()
        window._actions["actionMigrateVm"].trigger()
        await until(lambda: windows(MigrateWizard))
        wizard = windows(MigrateWizard)[0]
        assert wizard.windowTitle() == "Migrate VM: 3 VMs"
        wizard.reject()


@driven
async def test_enter_opens_the_wizard_of_a_vm(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "web-01"))
        program.window.tree.setFocus()
        QTest.keyClick(program.window.tree, Qt.Key.Key_Return)
        await until(lambda: windows(MigrateWizard))
        windows(MigrateWizard)[0].reject()
        await select(program, vm_key(program, "build-paused"))
        assert "paused" in program.window.object.move_line.text()
        assert not program.window.object.migrate.isEnabled()
        QTest.keyClick(program.window.tree, Qt.Key.Key_Return)
        assert not windows(MigrateWizard)
