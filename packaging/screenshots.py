"""Takes the screenshots of README from the demo: `python packaging/screenshots.py docs/images [--lang es]`."""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtWidgets import QApplication, QWidget

from xsmigui.app import Options, Program
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.ui import style

VM, POOL = "db-postgres", "Lisboa"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - looks at widgets, which tell nobody
            await asyncio.sleep(0.05)


def find(program: Program, name: str) -> ObjectId:
    """The VM of this name."""
    for inventory in program.store.site().pools.values():
        for ref, vm in inventory.user_vms():
            if vm.name_label == name:
                return inventory.object_id("VM", ref)
    raise LookupError(name)


async def take(app: QApplication, folder: Path, language: str, home: Path) -> None:
    program = Program(app, Options(demo=True, language=language), home)
    window = program.window
    window.show()
    running = asyncio.create_task(program.run())

    async def keep(widget: QWidget, name: str) -> None:
        await asyncio.sleep(0.4)  # what is animated comes to rest
        widget.grab().save(str(folder / f"{name}.png"))

    await until(lambda: len(program.connections.servers()) == 2 and program.is_connected())
    key = find(program, VM)
    await until(lambda: window.tree.select(key))
    window.object.tabs.setCurrentWidget(window.object.storage)
    await keep(window, "window")
    window.object.storage.table.selectRow(1)
    moving = window.move_disks()
    assert moving is not None
    free = next(n for n in range(moving.rows.rowCount()) if moving.rows.row(n).usable)
    moving.table.selectRow(free)
    await until(lambda: moving.move_button.isEnabled() or bool(moving.move_button.toolTip()))
    await until(lambda: not moving.is_busy)
    await keep(moving, "move-disk")
    moving.reject()
    wizard = window.open_wizard()
    assert wizard is not None
    target = next(pool for pool, inventory in program.store.site().pools.items() if inventory.name == POOL)
    page = wizard.pages[Page.destination]
    page.findChild(QWidget, "destinationCombo").choose(target)  # type: ignore[attr-defined]
    while True:
        await until(lambda: not wizard.is_busy)
        await keep(wizard, str(wizard.page))
        if not wizard.next.isVisible():
            break
        wizard.next.click()
    wizard.finish.click()
    await until(lambda: any((vm.progress or 0) > 0.2 for job in program.jobs.all() for vm in job.vms))
    await keep(window, "activity")
    program.jobs.cancel(program.jobs.all()[0].id)
    await until(lambda: not program.jobs.running)
    window.close()
    await running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lang", default="en")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    app = QApplication(["xsmigui"])
    app.setQuitOnLastWindowClosed(False)
    style.apply(app)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as home, loop:
        loop.run_until_complete(take(app, options.folder, options.lang, Path(home)))


if __name__ == "__main__":
    main()
