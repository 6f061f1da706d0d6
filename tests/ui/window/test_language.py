"""Another language at once: the new window shows what the old one did."""

from __future__ import annotations

from gettext import NullTranslations
from pathlib import Path

from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QPushButton, QWidget

from tests.english import english_in
from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, windows
from tests.ui.programs import connected, names_of, next_page, ready, running, vm_key
from tests.ui.test_every_window import named as named_object
from tests.ui.test_every_window import planned
from xsmigui.app import Program
from xsmigui.core.problems import Page
from xsmigui.core.refs import HostRef, ObjectId, SrRef
from xsmigui.core.text import use
from xsmigui.ui.dialogs.disks import MoveDiskDialog
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.dialogs.guide import GuideDialog
from xsmigui.ui.dialogs.kept import KeptSourcesDialog
from xsmigui.ui.dialogs.leftovers import LeftoversDialog
from xsmigui.ui.fields import Combo
from xsmigui.ui.wizard.wizard import MigrateWizard


async def speak(program: Program, language: str) -> None:
    """Choose another language in the preferences."""
    before = program.window
    before.preferences()
    sheet = await dialog("preferencesDialog")
    combo = child(sheet, Combo, "languageCombo")
    combo.setCurrentIndex(combo.findData(language))
    child(sheet, QPushButton, "savePreferencesButton").click()
    await until(lambda: program.window is not before)
    await until(lambda: len(windows(QMainWindow)) == 1)


def sr_key(program: Program, name: str) -> ObjectId:
    return named_object(program, "SR", name)


@driven
async def test_selection_scroll_and_expansion_stay(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            window = program.window
            window.resize(1024, 640)
            keys = [vm_key(program, name) for name in ("web-01", "db-postgres", "mail", "erp-test")]
            await until(lambda: window.tree.select(keys[-1]))
            chosen = window.tree.selectionModel()
            for key in keys[:-1]:
                chosen.select(window.tree.resources.index_of(key), chosen.SelectionFlag.Select)
            first = window.tree.selected()[0]
            closed = next(key for key, node in window.bridge.outline.nodes.items() if node.label == "lisboa-01")
            window.tree.collapse(window.tree.resources.index_of(closed))
            window.right.setSizes([200, 300])
            bar = window.tree.verticalScrollBar()
            await until(lambda: bar.maximum() > 3)
            bar.setValue(3)
            sizes = window.right.sizes()
            try:
                await speak(program, "es")
                window = program.window
                await until(lambda: len(window.tree.selected()) == len(keys))
                assert set(window.tree.selected()) == set(keys)
                assert window.tree.selected()[0] == first
                assert window.object.name.text() == "4 máquinas virtuales seleccionadas"
                await until(lambda: window.tree.verticalScrollBar().value() == 3)
                assert not window.tree.isExpanded(window.tree.resources.index_of(closed))
                assert abs(window.right.sizes()[0] - sizes[0]) <= 12
                window.search.setText("web")
                await until(lambda: window.bridge.shown.search == "web")
                await speak(program, "en")
                await until(lambda: program.window.bridge.shown.search == "web")
                assert program.window.search.text() == "web"
            finally:
                use(NullTranslations())


@driven
async def test_open_dialogs_go_on_where_they_were(qapp: QApplication, home: Path) -> None:
    """The wizard on its page with what was left out, the maintenance without whom it leaves, the disk with its SR, and
    the guide at its place."""
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            window = program.window
            names = ("web-01", "locked-by-backup", "mail")
            keys = [vm_key(program, name) for name in names]
            pool, inventory = keys[0].pool, program.store.site().pools[keys[0].pool]
            await until(lambda: window.tree.select(keys[0]))
            job = program.jobs.start(await planned(program))
            program.jobs.cancel(job.id)
            await until(lambda: program.jobs.get(job.id).has_ended)
            chosen = window.tree.selectionModel()
            for key in keys[1:]:
                chosen.select(window.tree.resources.index_of(key), chosen.SelectionFlag.Select)
            wizard = window.vms.open_wizard()
            assert wizard is not None
            lisboa = next(key for key, other in program.store.site().pools.items() if other.name == "Lisboa")
            wizard.choose(lambda draft: draft.to(lisboa))
            await until(lambda: wizard.leave_out.isVisible())
            wizard.leave_out.click()
            await next_page(wizard, Page.home_server)
            await next_page(wizard, Page.storage)
            emptying = window.pools.empty(pool, HostRef(next(iter(inventory.find("host", "madrid-02")))))
            await until(lambda: emptying.leave_out.isVisible())
            emptying.leave_out.click()
            emptying.at_once.setValue(4)
            left_out = emptying._drafting.draft
            disk = next(vdi for _vbd, vdi, _record in inventory.disks(keys[0].ref))  # type: ignore[arg-type]
            moving = window.planner.open_disks(pool, (disk,))
            sr = next(row.ref for row in map(moving.rows.row, range(moving.rows.rowCount())) if row.usable)
            moving.choose(sr)
            await until(lambda: window.tree.select(sr_key(program, "NFS Madrid")))
            emptied_sr = window.disks.empty_sr()
            assert emptied_sr is not None
            emptied_sr.choose(SrRef(sr_key(program, "iSCSI Madrid").ref))
            await until(lambda: not emptied_sr.is_busy and emptied_sr.leave_out.isVisible())
            emptied_sr.leave_out.click()
            await until(lambda: not emptied_sr.is_busy)
            window.disks.kept_sources()
            window.disks.leftovers()
            window.help.guide("kept-sources")
            await until(lambda: windows(GuideDialog))
            try:
                await speak(program, "es")
                (again,) = windows(MigrateWizard)
                assert again.page is Page.storage
                assert again.windowTitle() == "Migrar máquina virtual: 2 máquinas virtuales"
                assert "1" in again.can_go.text()
                assert [left.name for left in again._left] == ["locked-by-backup"]
                (emptied,) = windows(MaintenanceDialog)
                assert emptied._drafting.draft.vms == left_out.vms
                assert emptied.at_once.value() == 4
                assert "locked-by-backup" in emptied.manner.text()
                disks, draining = sorted(windows(MoveDiskDialog), key=lambda shown: len(shown._disks))
                stays = draining.staying.toPlainText()
                assert "Imagen" in stays or "Suspend image (1,0 GiB): Contiene la memoria" in stays, stays
                assert "Backup is running" in stays
                await until(lambda: windows(LeftoversDialog) and windows(KeptSourcesDialog))
                assert disks._chosen == sr
                assert disks._drafting.draft.disks == {disk: sr}
                await until(lambda: [g for g in windows(GuideDialog) if g.parent() is program.window])
                (guide,) = windows(GuideDialog)
                assert guide.shown == "kept-sources"
                assert "Originales" in guide.view.toPlainText()
                await ready(again)
                await until(lambda: not (emptied.is_busy or disks.is_busy or draining.is_busy))
                names = names_of(program)
                for top in windows(QWidget):
                    assert not english_in(top, names)
                for each in windows(QDialog):
                    each.reject()
            finally:
                use(NullTranslations())
