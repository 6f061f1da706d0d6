"""Takes the pictures of README and docs from the demo: `python packaging/screenshots.py docs/images [--lang es]`;
`python packaging/screenshots.py gallery FOLDER` takes every window and state, in both themes and languages."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtCore import QItemSelectionModel
from PySide6.QtWidgets import QApplication, QWidget

from xsmigui.app import Options, Program
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.ui import style
from xsmigui.ui.dialogs.evacuation import MaintenanceDialog
from xsmigui.ui.wizard.wizard import MigrateWizard

VM, POOL = "db-postgres", "Lisboa"
BATCH = ("web-01", "web-02", "mail", "db-postgres")
"""Four VMs of one pool, which leave it together; no more than three of them at once."""
BLOCKED = "backup-cbt"
"""A VM that cannot leave before its changed block tracking is disabled."""
SHOWN = (Page.home_server, Page.storage, Page.summary)
"""The wizard's pages that README shows."""
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
    parser.add_argument("--lang", default="en")
    options = parser.parse_args()
    is_gallery = options.what[0] == "gallery"
    folder = Path(options.what[-1])
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication(["xsmigui"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as home, loop:
        if not is_gallery:
            loop.run_until_complete(take(app, folder, options.lang, Path(home)))
            return
        sys.modules["screenshots"] = sys.modules[__name__]
        from gallery import LANGUAGES, take_gallery

        for language in LANGUAGES:
            (Path(home) / language).mkdir()
            loop.run_until_complete(take_gallery(app, folder, language, Path(home) / language))


if __name__ == "__main__":
    main()
