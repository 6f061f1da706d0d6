"""The window with the real program behind it and a simulated site before it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMenu, QPlainTextEdit, QPushButton, QTextBrowser

from tests.holding import Hold, until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, message, settled, windows
from tests.ui.programs import by_name, connected, next_page, ready, running, select, vm_key, wizard_on
from xsmigui.app import Options, Program
from xsmigui.core.jobs import State
from xsmigui.core.outline_nodes import Link
from xsmigui.core.outline_types import heading
from xsmigui.core.preferences import Server as Remembered
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.links import Link as NameLink
from xsmigui.ui.wizard.wizard import MigrateWizard


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


def act(program: Program, name: str) -> QAction:
    return program.window._actions[name]


def trail(program: Program) -> list[str]:
    """The names that lead to what is selected."""
    links = program.window.object.header.trail.findChildren(NameLink)
    return [link.accessibleName() for link in links if link.isVisible()]


async def started(program: Program, vm: str = "web-01") -> None:
    """Start a migration of a VM to Lisboa."""
    wizard = await wizard_on(program, vm)
    by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
    while wizard.next.isVisible():
        await next_page(wizard)
    await ready(wizard)
    assert wizard.finish.isEnabled(), wizard.finish.toolTip()
    wizard.finish.click()
    await until(lambda: program.jobs.running)


@driven
async def test_an_empty_window_offers_the_first_step(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home) as program:
        window = program.window
        assert window.object.add.isVisible()
        window.object.add.click()
        (await dialog("addServerDialog")).reject()
        await gone("addServerDialog")
        for name in ("actionMigrateVm", "actionMoveVm", "actionCopyVm", "actionConnect", "actionRemoveServer"):
            assert not act(program, name).isEnabled()
            assert len(act(program, name).toolTip()) > 10
        assert window.vms.open_wizard() is None


@driven
async def test_what_is_selected_is_shown(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        key = vm_key(program, "db-postgres")
        await select(program, key)
        pane = window.object
        assert pane.name.text() == "db-postgres"
        assert trail(program) == ["Madrid", "madrid-01"]
        assert pane.migrate.isVisible()
        assert pane.migrate.text() == "Migrate…"
        assert "Inside this pool" in pane.move_line.text()
        assert pane.storage.rows.rowCount() >= 3
        assert pane.networking.rows.rowCount() == 2
        inventory = program.store.site().pools[key.pool]
        nfs = next(ref for ref, sr in inventory.SR.items() if sr.name_label == "NFS Madrid")
        await select(program, ObjectId(key.pool, "SR", nfs))
        assert pane.storage.rows.rowCount() > 5
        assert not pane.shows(pane.networking)
        assert pane.migrate.text() == "Move all disks off this SR…"
        await select(program, ObjectId(key.pool, "host", next(iter(inventory.host))))
        assert pane.shows(pane.networking)
        assert not pane.shows(pane.storage)
        await select(program, ObjectId(key.pool, "pool", inventory.pool_ref))
        assert pane.name.text() == "Madrid"
        await select(program, vm_key(program, "erp-test"))
        assert pane.migrate.text() == "Move…"
        site.call(site["Madrid"], "VM.set_name_label", site.vm(site["Madrid"], "erp-test"), "erp-new")
        await until(lambda: pane.name.text() == "erp-new")


@driven
async def test_a_selected_vm_that_vanishes(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "erp-test"))
        site.call(site["Madrid"], "VM.destroy", site.vm(site["Madrid"], "erp-test"))
        await until(lambda: program.window.object.name.text() != "erp-test" or not program.window.tree.selected())
        await until(lambda: not act(program, "actionMoveVm").isEnabled())
        assert program.window.object.stack.currentIndex() == 0


@driven
async def test_search(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        before = len(window.bridge.outline.nodes)
        act(program, "actionSearch").trigger()
        QTest.keyClicks(window.search, "web-0")
        await until(lambda: 0 < len(window.bridge.outline.nodes) < before)
        labels = {node.label for node in window.bridge.outline.nodes.values()}
        assert {"web-01", "web-02", "web-03", "Madrid"} <= labels
        assert "mail" not in labels
        pane = window.tree_pane
        found = sum(1 for node in window.bridge.outline.nodes.values() if node.hit)
        assert pane.found.text() == f"{found} of {before}"
        QTest.keyClick(window.search, Qt.Key.Key_Down)
        assert window.tree.hasFocus()
        assert window.object.name.text() == "web-01"
        window.search.setFocus()
        QTest.keyClicks(window.search, "3")
        QTest.keyClick(window.search, Qt.Key.Key_Return)  # at once: the search is carried out first
        await until(lambda: window.object.name.text() == "web-03")
        window.search.setFocus()
        QTest.keyClicks(window.search, "nothing like it")
        await until(pane.nothing.isVisible)
        assert "web-03nothing like it" in pane.nothing.text()
        assert pane.found.text() == f"0 of {before}"
        assert not window.tree.isVisible()
        QTest.keyClick(window.search, Qt.Key.Key_Escape)
        await until(lambda: len(window.bridge.outline.nodes) == before)
        assert not pane.found.isVisible()
        assert window.tree.isVisible()


@driven
async def test_the_tree_by_type(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        await select(program, vm_key(program, "web-01"))
        act(program, "actionByType").trigger()

        def tops() -> list[str]:
            model = window.tree.resources
            return [str(model.index(row, 0).data()) for row in range(model.rowCount())]

        assert tops() == ["Pools", "Hosts", "VMs", "SRs"]
        assert window.tree.selected() == [vm_key(program, "web-01")]
        site.call(site["Madrid"], "VM.set_name_label", site.vm(site["Madrid"], "web-01"), "zzz")
        await until(lambda: window.object.name.text() == "zzz")
        model = window.tree.resources
        vms = model.index(2, 0)
        assert window.tree.selected() == [vm_key(program, "zzz")]
        await until(lambda: model.index(model.rowCount(vms) - 1, 0, vms).data() == "zzz")
        assert program.settings.now.by_type
        await select(program, heading("SR"))
        assert window.object.stack.currentIndex() == 0
        act(program, "actionByType").trigger()
        assert "Madrid" in tops()


@driven
async def test_what_the_tree_shows(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        nodes = program.window.bridge.outline.nodes

        def labels() -> set[str]:
            return {node.label for node in program.window.bridge.outline.nodes.values()}

        assert any("Local storage" in node.label for node in nodes.values())
        act(program, "actionShowLocalSrs").trigger()
        assert not any("Local storage" in label for label in labels())
        act(program, "actionShowTemplates").trigger()
        assert "Debian 12 (golden image)" in labels()
        act(program, "actionShowSnapshots").trigger()
        assert "nightly" in labels()
        assert program.settings.now.show_snapshots
        program.window.preferences()
        sheet = await dialog("preferencesDialog")
        child(sheet, QPushButton, "savePreferencesButton").click()
        await gone("preferencesDialog")


@driven
async def test_migrate_to_server(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        await select(program, vm_key(program, "web-01"))
        window.to_server.aboutToShow.emit()
        entries = {action.text(): action for action in window.to_server.actions() if action.text()}
        here = next(action for text, action in entries.items() if text.startswith("madrid-01"))
        assert not here.isEnabled()
        assert "current server" in here.text()
        assert window.to_server.actions()[-1] is act(program, "actionMigrateVm")
        there = entries["madrid-03"]
        assert there.isEnabled()
        there.trigger()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        assert program.jobs.all()[0].state is State.done
        await until(lambda: trail(program) == ["Madrid", "madrid-03"])
        assert window.tree.selected() == [vm_key(program, "web-01")]


@driven
async def test_migrating_at_once_says_why_not(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        await select(program, vm_key(program, "locked-by-backup"))
        hosts = program.store.site().pools[vm_key(program, "web-01").pool].host
        third = next(ref for ref, host in hosts.items() if host.name_label == "madrid-03")
        program.window.vms.migrate_to(third)
        box = await dialog("messageDialog")
        assert "locked-by-backup" in message(box)
        assert not program.jobs.all()
        box.reject()
        await gone("messageDialog")


@driven
async def test_the_context_menu(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        for key, expected in (
            (vm_key(program, "web-01"), "actionMigrateVm"),
            (next(k for k in window.bridge.outline.nodes if k.cls == "pool"), "actionDisconnect"),
        ):
            await select(program, key)
            where = window.tree.visualRect(window.tree.currentIndex()).center()
            window.tree.customContextMenuRequested.emit(where)
            await until(lambda: windows(QMenu))
            menu = windows(QMenu)[0]
            assert expected in [action.objectName() for action in menu.actions()]
            assert "actionAddServer" in [action.objectName() for action in menu.actions()]
            menu.close()
            await until(lambda: not windows(QMenu))
        window.tree.clearSelection()
        window._context_menu(QPoint(0, 0))
        await until(lambda: windows(QMenu))
        windows(QMenu)[0].close()
        await settled()


@driven
async def test_disconnecting_connecting_and_removing(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site.pools[:1])
        window = program.window
        url = site.pools[0].url
        assert [s.url for s in program.settings.now.servers] == [url]
        await select(program, next(k for k in window.bridge.outline.nodes if k.cls == "pool"))
        assert not act(program, "actionConnect").isEnabled()
        act(program, "actionDisconnect").trigger()
        await until(lambda: program.connections.servers()[0].link is Link.closed)
        assert not program.settings.now.servers[0].connect
        top = await until_only(program, "server")
        await select(program, top)
        await until(lambda: "Not connected" in window.object.welcome_text.text())
        assert not act(program, "actionDisconnect").isEnabled()
        QTest.keyClick(window.tree, Qt.Key.Key_Return)
        # No keyring: the password is asked for again, or still known.
        await until(lambda: windows(QDialog, "passwordDialog") or program.is_connected())
        for sheet in windows(QDialog, "passwordDialog"):
            sheet.findChild(type(window.search), "passwordEdit").setText(site.pools[0].password)
            child(sheet, QPushButton, "connectButton").click()
        await until(program.is_connected)
        await select(program, await until_only(program, "pool"))
        act(program, "actionRemoveServer").trigger()
        question = await dialog("questionDialog")
        assert child(question, QPushButton, "leaveButton").isDefault()
        child(question, QPushButton, "goButton").click()
        await until(lambda: not program.connections.servers())
        await until(lambda: not program.settings.now.servers)
        await until(lambda: window.object.add.isVisible())


async def until_only(program: Program, cls: str) -> ObjectId:
    """The only uppermost line, once it is of this class."""

    def tops() -> list[ObjectId]:
        return [k for k in program.window.bridge.outline.children.get(None, ()) if k.cls == cls]

    await until(lambda: len(tops()) == 1)
    return tops()[0]


@driven
async def test_servers_of_last_time_are_connected_again(qapp: QApplication, home: Path, site: Simulated) -> None:
    from xsmigui.local.settings import SettingsFile
    from xsmigui.local.trust import TrustFile

    pool = site.pools[0]
    SettingsFile(home).remember(Remembered(pool.url, pool.user, pool.name, True))
    SettingsFile(home).remember(Remembered(site.pools[1].url, pool.user, "Lisboa", False))
    TrustFile(home).trust(pool.url, pool.fingerprint)
    async with running(qapp, home) as program:
        sheet = await dialog("passwordDialog")
        nodes = program.window.bridge
        await until(lambda: {"Madrid", "Lisboa"} <= {node.label for node in nodes.outline.nodes.values()})
        sheet.findChild(QLineEdit, "passwordEdit").setText(pool.password)
        child(sheet, QPushButton, "connectButton").click()
        await until(lambda: any(s.link is Link.connected for s in program.connections.servers()))
        assert [s.link for s in program.connections.servers() if s.name == "Lisboa"] == [Link.closed]


@driven
async def test_quitting_with_running_jobs_asks(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        hold = Hold(site, free=2)
        await started(program)
        await hold.until_held()
        act(program, "actionQuit").trigger()
        question = await dialog("questionDialog")
        words = " ".join(label.text() for label in question.findChildren(QLabel))
        assert "web-01" in words
        assert child(question, QPushButton, "leaveButton").isDefault()
        child(question, QPushButton, "leaveButton").click()
        await gone("questionDialog")
        assert program.window.isVisible()
        wizard = await wizard_on(program, "web-02")
        program.window.close()
        child(await dialog("questionDialog"), QPushButton, "goButton").click()
        await until(lambda: not program.window.isVisible())
        assert not windows(type(wizard))
        assert program.settings.now.window
        assert program.settings.now.splitter
        hold.release()


@driven
async def test_cancelling_asks_and_details_are_told(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        hold = Hold(site, free=2)
        await started(program)
        await hold.until_held()
        activity = program.window.activity
        activity.refresh()
        cancel = activity.buttons.all[Act.cancel]
        await until(cancel.isVisible)
        cancel.click()
        question = await dialog("questionDialog")
        child(question, QPushButton, "leaveButton").click()
        await gone("questionDialog")
        assert program.jobs.running
        cancel.click()
        child(await dialog("questionDialog"), QPushButton, "goButton").click()
        running_tasks = site["Madrid"].pool.tasks.running
        # Before the server has it the migration could still win.
        await until(lambda: site.run(lambda: any(work.cancel.is_set() for work in running_tasks.values())))
        hold.release()
        await until(lambda: program.jobs.all()[0].has_ended)
        assert program.jobs.all()[0].state is State.cancelled
        activity.refresh()
        line = activity.line()
        assert line is not None
        assert "cancelled" in line.state
        assert activity.clear.isVisible()
        activity.clear.click()
        assert activity.line() is None
        assert activity.empty.isVisible()


@driven
async def test_an_unforeseen_error_is_presented(qapp: QApplication, home: Path, expected_errors: list[str]) -> None:
    expected_errors.append("unforeseen")
    async with running(qapp, home) as program:
        program.window.present(ValueError("a surprise"))
        box = await dialog("messageDialog")
        assert "ValueError" in box.findChild(QPlainTextEdit).toPlainText()
        box.reject()
        await gone("messageDialog")
        act(program, "actionAbout").trigger()
        about = await dialog("aboutDialog")
        assert "Apache" in message(about)
        about.reject()
        await gone("aboutDialog")


@driven
async def test_the_window_is_as_it_was(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home) as program:
        program.window.resize(780, 560)  # as small as the screen that is not there
        program.window.splitter.setSizes([260, 520])
        await settled()
        size, sizes = program.window.size(), program.window.splitter.sizes()
    async with running(qapp, home) as program:
        assert program.window.size() == size
        assert program.window.splitter.sizes() == sizes


@driven
async def test_shortcuts_do_not_clash(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home) as program:
        seen: dict[str, str] = {}
        for name, action in program.window._actions.items():
            text = action.shortcut().toString()
            assert not text or text not in seen, (name, seen.get(text))
            seen[text] = name


@driven
async def test_a_dialog_in_the_way_does_not_keep_the_program(qapp: QApplication, home: Path) -> None:
    """At the end of a session the window is closed although a dialog stands before it."""
    program = Program(qapp, Options(language="en"), home)
    program.window.show()
    ending = asyncio.create_task(program.run())
    program.window.servers.add()
    await dialog("addServerDialog")
    program.window.close()
    assert await ending == 0
    assert not windows(QDialog)
    mine = asyncio.current_task()
    await until(lambda: not [task for task in asyncio.all_tasks() if task is not mine], 2)
    program.window.deleteLater()
    del program


@driven
async def test_the_guide_is_at_hand(qapp: QApplication, home: Path) -> None:
    for language, word in (("es", "Primeros pasos"), ("en", "First steps")):
        async with running(qapp, home, Options(language=language)) as program:
            act(program, "actionGuide").trigger()
            guide = await dialog("guideDialog")
            assert word in child(guide, QTextBrowser, "guideView").toPlainText()
            child(guide, QPushButton, "closeButton").click()
            await gone("guideDialog")


@driven
async def test_vms_that_are_dropped_on_a_host(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window, model = program.window, program.window.tree.resources
        web, mail = vm_key(program, "web-01"), vm_key(program, "mail")
        pools = {i.name: i for i in program.store.site().pools.values()}
        there = pools["Madrid"].object_id("host", pools["Madrid"].find("host", "madrid-03")[0])
        data = model.mimeData([model.index_of(web), model.index_of(mail)])
        assert not model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index_of(there))
        wizard = await dialog("migrateWizard", MigrateWizard)
        draft = wizard._drafting.draft
        assert draft.destination == there.pool
        assert {str(vm): str(host) for vm, host in draft.hosts.items()} == {web.ref: there.ref, mail.ref: there.ref}
        assert program.jobs.all() == []
        wizard.reject()
        await gone("migrateWizard")

        other = next(key for key in model.outline.nodes if key.cls == "pool" and key.pool == pools["Lisboa"].id)
        data = model.mimeData([model.index_of(web)])
        model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index_of(other))
        wizard = await dialog("migrateWizard", MigrateWizard)
        assert (wizard._drafting.draft.destination, dict(wizard._drafting.draft.hosts)) == (other.pool, {})
        wizard.reject()
        await gone("migrateWizard")

        far = vm_key(program, "web-lx-01")
        data = model.mimeData([model.index_of(web), model.index_of(far)])
        model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index_of(there))
        told = await dialog("messageDialog")
        assert "several pools" in message(told)
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")
        assert window.isVisible()


@driven
async def test_a_pools_compression(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        action = act(program, "actionPoolCompression")
        assert not action.isEnabled()
        await connected(program, site)
        await select(program, vm_key(program, "web-01"))
        await until(action.isEnabled)
        before = action.isChecked()
        madrid = site["Madrid"]

        def compresses() -> bool:
            return bool(site.run(lambda: madrid.pool.row["migration_compression"]))

        assert compresses() is before
        action.trigger()
        question = await dialog("questionDialog")
        assert action.isChecked() is before  # as the server has it
        child(question, QPushButton, "leaveButton").click()
        await gone("questionDialog")
        assert compresses() is before
        for wanted in (not before, before):
            action.trigger()
            question = await dialog("questionDialog")
            child(question, QPushButton, "goButton").click()
            await gone("questionDialog")
            await until(lambda wanted=wanted: action.isChecked() is wanted)  # type: ignore[misc]
            assert compresses() is wanted
        site.fault(madrid, "refuse", method="pool.set_migration_compression", failure=["MESSAGE_METHOD_UNKNOWN", "x"])
        action.trigger()
        question = await dialog("questionDialog")
        child(question, QPushButton, "goButton").click()
        told = await dialog("messageDialog")
        assert message(told)
        child(told, QPushButton, "closeButton").click()
        await gone("messageDialog")
        assert action.isChecked() is before
