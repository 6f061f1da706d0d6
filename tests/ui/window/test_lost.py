"""A pool that is lost while a dialog makes a plan: it says so, starts nothing, and goes on when the pool is back."""

from __future__ import annotations

from gettext import NullTranslations
from pathlib import Path

from PySide6.QtWidgets import QApplication, QDialog

from tests.e2e.serving import Simulator
from tests.english import is_english
from tests.holding import until
from tests.ui.driving import driven
from tests.ui.programs import add_by_hand, by_name, next_page, ready, running, vm_key, wizard_on
from xsmigui.core.outline_nodes import Link
from xsmigui.core.problems import Page
from xsmigui.core.refs import HostRef, VdiRef
from xsmigui.core.text import use
from xsmigui.local.languages import catalogue
from xsmigui.local.paths import resources
from xsmigui.ui.window.lost import LostPools


def notice(dialog: QDialog) -> LostPools:
    (found,) = dialog.findChildren(LostPools)
    return found


@driven
async def test_dialogs_wait_for_a_lost_pool(qapp: QApplication, home: Path, expected_errors: list[str]) -> None:
    with Simulator(seed=12) as site:
        async with running(qapp, home) as program:
            for pool in site.pools:
                await add_by_hand(program, pool)
            key = vm_key(program, "web-01")
            inventory = program.store.site().pools[key.pool]
            wizard = await wizard_on(program, "web-01")
            by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
            while wizard.next.isVisible():
                await next_page(wizard)
            await ready(wizard)
            host = HostRef(next(iter(inventory.find("host", "madrid-02"))))
            emptying = program.window.pools.empty(key.pool, host)
            disk = VdiRef(next(vdi for _vbd, vdi, _record in inventory.disks(key.ref)))  # type: ignore[arg-type]
            moving = program.window.planner.open_disks(key.pool, (disk,))
            moving.choose(next(row.ref for row in map(moving.rows.row, range(moving.rows.rowCount())) if row.usable))
            dialogs: tuple[tuple[QDialog, QApplication | object], ...] = (
                (wizard, wizard.finish),
                (emptying, emptying.enter_button),
                (moving, moving.move_button),
            )
            await until(lambda: wizard.finish.isEnabled() and moving.move_button.isEnabled())
            assert not any(notice(dialog).isVisible() for dialog, _go in dialogs)
            chosen = wizard._drafting.draft

            site.kill()
            await until(lambda: all(s.link is Link.waiting for s in program.connections.servers()))
            for dialog, go in dialogs:
                await until(notice(dialog).isVisible)
                words = notice(dialog).words.text()
                assert words.startswith("Madrid is not connected: retry "), words
                assert "your choices stay" in words
                await until(lambda go=go: not go.isEnabled())  # type: ignore[misc]
            assert "Lisboa is not connected" in notice(wizard).words.text()
            assert "Lisboa" not in notice(moving).words.text()
            assert wizard.page is Page.summary
            assert "lost" in wizard.finish.toolTip()
            use(catalogue("es", resources()))  # what is kept of a connection is in no language
            try:
                for server in program.connections.servers():
                    assert not is_english(server.detail), server.detail
                    assert server.short.startswith("reintento"), server.short
            finally:
                use(NullTranslations())

            site.start()
            notice(wizard).button.click()
            await until(program.is_connected)
            await until(lambda: wizard.finish.isEnabled() and moving.move_button.isEnabled())
            assert not any(notice(dialog).isVisible() for dialog, _go in dialogs)
            assert wizard._drafting.draft == chosen
            assert wizard.page is Page.summary
            for dialog, _go in dialogs:
                dialog.reject()
