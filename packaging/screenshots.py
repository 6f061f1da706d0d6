"""Takes the pictures of README and docs from the demo: `python packaging/screenshots.py docs/images [--lang es]`;
`python packaging/screenshots.py guide` takes those of the operators' guide, in every language and theme;
`python packaging/screenshots.py gallery FOLDER` takes every window and state, in both themes and
languages, at another size of the text with `--scale 150`."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialog, QTabWidget, QWidget

from xsmigui.app import Options, Program
from xsmigui.core.failures import Certificate, CertificateChanged
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.local.languages import LANGUAGES
from xsmigui.ui import style
from xsmigui.ui.dialogs.certificates import ask_trust
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.wizard.wizard import MigrateWizard

VM, POOL, SOURCE = "db-postgres", "Lisboa", "Madrid"
BATCH = ("web-01", "web-02", "mail", "db-postgres")
"""Four VMs of one pool, which leave it together; no more than three of them at once."""
BLOCKED = "backup-cbt"
"""A VM that cannot leave before its changed block tracking is disabled."""
SHOWN = (Page.home_server, Page.storage, Page.summary)
"""The wizard's pages that README shows."""
SHOWN_PRINT, TRUSTED_PRINT = (":".join(f"{(n * step + 7) % 256:02x}" for n in range(32)) for step in (37, 91))
"""Fingerprints that nobody has."""
HOST = "madrid-02"
"""A host that is emptied for its maintenance."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - looks at widgets, which tell nobody
            await asyncio.sleep(0.05)


class Photographer:
    """Walks through the demo and keeps a picture of what an operator sees."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._window = program.window
        self._folder = folder

    async def keep(self, widget: QWidget, name: str) -> None:
        await asyncio.sleep(0.4)  # what is animated comes to rest
        widget.grab().save(str(self._folder / f"{name}.png"))

    def find(self, cls: str, name: str) -> ObjectId:
        for inventory in self._program.store.site().pools.values():
            for ref, record in getattr(inventory, cls).items():
                if record.name_label == name and not getattr(record, "is_a_template", False):
                    return inventory.object_id(cls, ref)
        raise LookupError(name)

    async def select(self, cls: str, *names: str) -> None:
        """Select objects in the tree, the first one as current."""
        tree = self._window.tree
        indexes = []
        for name in reversed(names):
            key = self.find(cls, name)
            await until(lambda key=key: tree.select(key))  # type: ignore[misc]
            indexes.append(tree.currentIndex())
        for index in indexes:
            tree.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select)

    async def wizard(self) -> MigrateWizard:
        """A wizard on what is selected, its destination chosen."""
        wizard = self._window.vms.open_wizard()
        assert wizard is not None
        pools = self._program.store.site().pools
        target = next(pool for pool, inventory in pools.items() if inventory.name == POOL)
        wizard.pages[Page.destination].findChild(QWidget, "destinationCombo").choose(target)  # type: ignore[union-attr]
        await until(lambda: not wizard.is_busy)
        return wizard

    async def disks(self) -> None:
        await self.select("VM", VM)
        self._window.object.tabs.setCurrentWidget(self._window.object.storage)
        self._window.object.storage.table.selectRow(1)
        moving = self._window.disks.move_disks()
        assert moving is not None
        free = next(n for n in range(moving.rows.rowCount()) if moving.rows.row(n).usable)
        moving.table.selectRow(free)
        await until(lambda: moving.move_button.isEnabled() or bool(moving.move_button.toolTip()))
        await until(lambda: not moving.is_busy)
        await self.keep(moving, "move-disk")
        moving.reject()

    async def blocked(self) -> None:
        """What stands against a move, with its fix."""
        await self.select("VM", BLOCKED)
        wizard = await self.wizard()
        await self.keep(wizard, "blocked")
        wizard.reject()

    async def batch(self) -> None:
        """Several VMs, page by page, and at work."""
        await self.select("VM", *BATCH)
        wizard = await self.wizard()
        while True:
            await until(lambda: not wizard.is_busy)
            if wizard.page in SHOWN:
                await self.keep(wizard, str(wizard.page))
            if not wizard.next.isVisible():
                break
            wizard.next.click()
        wizard.finish.click()
        jobs = self._program.jobs
        await until(lambda: any((vm.progress or 0) > 0.3 for job in jobs.all() for vm in job.vms))
        self._window.activity.tree.expandAll()
        self._window.splitter.widget(1).setSizes([500, 260])  # type: ignore[union-attr]
        await self.keep(self._window, "activity")
        for job in jobs.running:
            jobs.cancel(job.id)
        await until(lambda: not jobs.running)

    async def maintenance(self) -> None:
        """A host is emptied."""
        await self.select("host", HOST)
        self._window._actions["actionMaintenanceMode"].trigger()
        await until(lambda: bool(self._window.findChildren(MaintenanceDialog)))
        (dialog,) = self._window.findChildren(MaintenanceDialog)
        await until(lambda: not dialog.is_busy)
        await self.keep(dialog, "maintenance")
        dialog.reject()


class GuidePhotographer(Photographer):
    """Takes the pictures of the guide: smaller windows, in few colours, so that the packages stay small. What their
    names end with tells the theme."""

    suffix = ""

    async def keep(self, widget: QWidget, name: str) -> None:
        await asyncio.sleep(0.4)  # what is animated comes to rest
        plain = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
        whole = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        colours = [colour for colour, _n in Counter(memoryview(whole.constBits()).cast("I")).most_common(256)]
        picture = whole.convertToFormat(QImage.Format.Format_Indexed8, colours, plain)
        picture.save(str(self._folder / f"{name}{self.suffix}.png"), quality=0)

    def find(self, cls: str, name: str) -> ObjectId:
        if cls != "pool":
            return super().find(cls, name)
        pools = self._program.store.site().pools.values()
        return next(pool.object_id("pool", pool.pool_ref) for pool in pools if pool.name == name)

    async def window(self) -> None:
        self._window.resize(1024, 640)
        for cls, name, picture in (("VM", VM, "window"), ("pool", SOURCE, "pool")):
            await self.select(cls, name)
            await until(lambda: not self._window.object.lists.is_busy)
            await self.keep(self._window, picture)

    async def dialogs(self) -> None:
        about = Certificate("CN=madrid-01", "CN=madrid-01", "2026-01-02", "2036-01-02")
        changed = CertificateChanged("https://madrid-01", SHOWN_PRINT, TRUSTED_PRINT, about=about)
        asking = asyncio.create_task(ask_trust(self._window, changed))
        await self._dialog("certificateDialog", "certificate")
        await asking
        self._window.preferences()
        await until(lambda: bool(self._window.findChildren(QDialog, "preferencesDialog")))
        (tabs,) = self._window.findChildren(QTabWidget, "preferencesTabs")
        tabs.setCurrentIndex(1)
        await self._dialog("preferencesDialog", "preferences")

    async def _dialog(self, object_name: str, picture: str) -> None:
        await until(lambda: bool(self._window.findChildren(QDialog, object_name)))
        (sheet,) = self._window.findChildren(QDialog, object_name)
        await self.keep(sheet, picture)
        sheet.reject()


async def take_guide(app: QApplication, folder: Path, language: str, home: Path, theme: str) -> None:
    """The pictures of the guide in one language and theme."""
    program = Program(app, Options(demo=True, language=language), home)
    style.apply(app, theme)
    program.window.show()
    running = asyncio.create_task(program.run())
    await until(lambda: len(program.connections.servers()) == 2 and program.is_connected())
    photographer = GuidePhotographer(program, folder)
    photographer.suffix = "-dark" if theme == "dark" else ""
    for step in (
        photographer.window,
        photographer.dialogs,
        photographer.disks,
        photographer.blocked,
        photographer.maintenance,
        photographer.batch,
    ):
        await step()
    program.window.end()
    await running


async def take(app: QApplication, folder: Path, language: str, home: Path) -> None:
    program = Program(app, Options(demo=True, language=language), home)
    program.window.show()
    running = asyncio.create_task(program.run())
    await until(lambda: len(program.connections.servers()) == 2 and program.is_connected())
    photographer = Photographer(program, folder)
    await photographer.disks()
    await photographer.blocked()
    await photographer.maintenance()
    await photographer.batch()
    program.window.end()
    await running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="gallery and a folder, or a folder alone")
    parser.add_argument("--lang", default="", help="this language alone")
    parser.add_argument("--scale", type=int, default=100, help="size of the text in per cent, for the gallery")
    options = parser.parse_args()
    is_gallery, is_guide = options.what[0] == "gallery", options.what[0] == "guide"
    folder = Path("resources/guide/images") if is_guide else Path(options.what[-1])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_FONT_DPI"] = str(96 * options.scale // 100)
    app = QApplication(["xsmigui"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as home, loop:
        if is_guide:
            for language in LANGUAGES:
                (folder / language).mkdir(exist_ok=True)
                for theme in ("light", "dark"):
                    own = Path(home) / language / theme
                    own.mkdir(parents=True)
                    loop.run_until_complete(take_guide(app, folder / language, language, own, theme))
            return
        if not is_gallery:
            loop.run_until_complete(take(app, folder, options.lang or "en", Path(home)))
            return
        sys.modules["screenshots"] = sys.modules[__name__]
        from gallery import take_gallery

        for language in [options.lang] if options.lang else LANGUAGES:
            (Path(home) / language).mkdir()
            loop.run_until_complete(take_gallery(app, folder, language, Path(home) / language))


if __name__ == "__main__":
    main()
