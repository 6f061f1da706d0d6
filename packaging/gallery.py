"""The gallery: a picture of every window and state of the demo, in both themes, both languages and two sizes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtWidgets import QApplication, QDialog, QTabWidget, QWidget
from screenshots import BATCH, BLOCKED, HOST, POOL, SHOWN_PRINT, TRUSTED_PRINT, VM, Photographer, until

from xsmigui.app import Options, Program
from xsmigui.core.failures import Certificate, CertificateChanged, CertificateUnknown
from xsmigui.core.jobs import Job
from xsmigui.core.ports import Address
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _
from xsmigui.ui import style
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.dialogs.base import ask, choose, tell
from xsmigui.ui.dialogs.certificates import ask_trust
from xsmigui.ui.dialogs.servers import ask_password
from xsmigui.ui.window.quitting import quit_question

SIZES: Final = ((1280, 800), (1024, 640))
THEMES: Final = ("light", "dark")

DIALOGS: Final = (
    "actionAddServer", "actionPreferences", "actionLeftovers", "actionGuide", "actionKeptSources", "actionAbout",
    "actionPalette",
)  # fmt: skip
"""Actions that open a dialog of their own."""


class Gallery(Photographer):
    """Keeps each picture in each theme and size."""

    def __init__(self, program: Program, folder: Path, app: QApplication, language: str) -> None:
        super().__init__(program, folder)
        self._app = app
        self._language = language
        self._number = 0

    async def keep(self, widget: QWidget, name: str) -> None:
        self._number += 1
        before = widget.size()
        for theme in THEMES:
            style.apply(self._app, theme)
            for width, height in SIZES:
                whole = widget is self._window
                widget.resize(
                    *((width, height) if whole else (min(before.width(), width), min(before.height(), height)))
                )
                await asyncio.sleep(0.05)  # the layout comes to rest
                file = f"{self._number:02}-{name}-{self._language}-{theme}-{width}.png"
                widget.grab().save(str(self._folder / file))
        widget.resize(before)

    def find(self, cls: str, name: str) -> ObjectId:
        if cls != "pool":
            return super().find(cls, name)
        pools = self._program.store.site().pools.values()
        return next(pool.object_id("pool", pool.pool_ref) for pool in pools if pool.name == name)

    async def objects(self) -> None:
        """Every tab of an object of each kind, and several VMs together."""
        for cls, name in (("pool", "Madrid"), ("host", HOST), ("SR", "NFS Madrid"), ("VM", VM)):
            await self.select(cls, name)
            tabs = self._window.object.tabs
            for place in range(tabs.count()):
                if tabs.isTabVisible(place):
                    tabs.setCurrentIndex(place)
                    await until(lambda: not self._window.object.lists.is_busy)
                    await self.keep(self._window, f"{cls}-{place}")
        await self.select("VM", *BATCH)
        await until(lambda: not self._window.object.selected.is_busy)
        await self.keep(self._window, "several")

    async def pages(self, name: str, *vms: str) -> None:
        """Every page of the wizard on some VMs."""
        await self.select("VM", *vms)
        wizard = await self.wizard()
        wizard._visited.update(wizard.pages)  # pages after one that blocks are shown too
        for page in wizard.pages.values():
            wizard.go_to(page.page)
            await self.keep(wizard, f"wizard-{name}-{page.page}")
            if page.page is Page.storage:
                wizard.choose(lambda draft: draft.each_disk())
                await until(lambda: not wizard.is_busy)
                await self.keep(wizard, f"wizard-{name}-{page.page}-each")
        wizard.reject()

    async def order_and_times(self, *vms: str) -> None:
        """The turns of a batch, with times chosen."""
        await self.select("VM", *vms)
        wizard = await self.wizard()
        while wizard.next.isVisible():
            await until(lambda: not wizard.is_busy)
            wizard.next.click()
        await until(lambda: not wizard.is_busy)
        wizard.findChild(QWidget, "scheduleButton").click()  # type: ignore[union-attr]
        (sheet,) = [dialog for dialog in self._dialogs() if dialog.objectName() == "scheduleDialog"]
        for name in ("notBeforeCheck", "pauseAtCheck"):
            sheet.findChild(QWidget, name).click()  # type: ignore[union-attr]
        await until(lambda: not wizard.is_busy)
        await self.keep(sheet, "order-and-times")
        sheet.reject()
        wizard.reject()

    async def dialogs(self) -> None:
        """The dialogs that an action opens."""
        for action in DIALOGS:
            known = set(self._dialogs())
            self._window._actions[action].trigger()
            await until(lambda known=known: bool(set(self._dialogs()) - known))  # type: ignore[misc]
            (dialog,) = set(self._dialogs()) - known
            await self.keep(dialog, action.removeprefix("action").lower())
            dialog.reject()

    async def questions(self) -> None:
        """Questions: a certificate, new and changed, a password, whether to disconnect; and an error."""
        window = self._window
        about = Certificate("CN=madrid-01", "CN=madrid-01", "2026-01-02", "2036-01-02")
        asked = {
            "certificate": ask_trust(window, CertificateUnknown("https://madrid-01", SHOWN_PRINT, about=about)),
            "certificate-changed": ask_trust(
                window, CertificateChanged("https://madrid-01", SHOWN_PRINT, TRUSTED_PRINT, about=about)
            ),
            "password": ask_password(window, Address("https://madrid-01"), _("The password was not accepted.")),
            "disconnect": ask(window, _("Disconnect"), "Madrid", _("Disconnect"), _("Stay connected")),
            "error": tell(window, _("This did not work"), "NFS Madrid", "SR_BACKEND_FAILURE_44(…)"),
        }
        for name, question in asked.items():
            asking = asyncio.create_task(question)
            await until(lambda: bool(self._dialogs()))
            (dialog,) = self._dialogs()
            await self.keep(dialog, name)
            dialog.reject()
            await asking

    async def _quitting(self, left: list[Job]) -> None:
        """The question that is asked where the servers outlive the window, which those of the demo do not."""
        answers = {"goOn": _("Continue without the window"), "go": _("Quit")}
        await choose(self._window, _("Quit xsmigui"), quit_question(left), answers, _("Stay"))

    async def preferences(self) -> None:
        """Every page of the preferences."""
        self._window.preferences()
        await until(lambda: bool(self._dialogs()))
        (dialog,) = self._dialogs()
        (tabs,) = dialog.findChildren(QTabWidget)
        for place in range(tabs.count()):
            tabs.setCurrentIndex(place)
            await self.keep(dialog, f"preferences-{place}")
        dialog.reject()

    async def tree(self) -> None:
        """A search that finds something and one that does not, and the tree by type."""
        for name, text in (("search", "web"), ("search-nothing", "nothing like it")):
            self._window.search.setText(text)
            await until(lambda text=text: self._window.bridge.shown.search == text)  # type: ignore[misc]
            await self.keep(self._window, name)
        self._window.search.clear()
        await until(lambda: not self._window.bridge.shown.search)
        self._window._actions["actionByType"].trigger()
        await self.keep(self._window, "by-type")
        self._window._actions["actionByType"].trigger()

    async def left_out(self, *vms: str) -> None:
        """A batch without those that cannot move, and the disks that stay on an SR that is emptied."""
        await self.select("VM", *vms)
        wizard = await self.wizard()
        await until(wizard.leave_out.isVisible)
        wizard.leave_out.click()
        await until(lambda: not wizard.is_busy)
        await self.keep(wizard, "left-out")
        wizard.reject()
        await self.select("SR", "NFS Madrid")
        moving: Any = self._window.disks.empty_sr()
        usable = next(n for n in range(moving.rows.rowCount()) if moving.rows.row(n).usable)
        moving.table.selectRow(usable)
        await until(lambda: not moving.is_busy)
        if moving.leave_out.isVisible():
            moving.leave_out.click()
            await until(lambda: not moving.is_busy)
        await self.keep(moving, "stays-behind")
        moving.reject()

    async def details(self) -> None:
        """What became of a VM whose job did not succeed."""
        line = next(line for group in self._window.work.groups() for line in group.below if line.details)
        self._window.work.do(Act.details, line)
        await until(lambda: bool(self._dialogs()))
        (dialog,) = self._dialogs()
        await self.keep(dialog, "details")
        dialog.reject()

    async def lost(self) -> None:
        """The demo's servers are gone, with a wizard open and a job under way: the last step."""
        await self.select("VM", BATCH[0])
        wizard = await self.wizard()
        while wizard.next.isVisible():
            await until(lambda: not wizard.is_busy)
            wizard.next.click()
        await until(lambda: not wizard.is_busy)
        wizard.finish.click()
        jobs = self._program.jobs
        await until(lambda: any((vm.progress or 0) > 0.05 for job in jobs.running for vm in job.vms))
        await self.select("VM", VM)
        wizard = await self.wizard()
        demo: Any = self._program._demo
        await demo.stop()
        await until(self._window.object.header.notice.isVisible)
        self._window.activity.refresh()
        await self.keep(self._window, "lost")
        await self.keep(wizard, "lost-wizard")
        wizard.reject()

    def _dialogs(self) -> list[QDialog]:
        return [dialog for dialog in self._window.findChildren(QDialog) if dialog.isVisible()]

    async def disk_dialog(self) -> None:
        """Move virtual disk, and what it offers beside the way of the server."""
        for vm, check in ((VM, "stopping"), (self._halted(), "copying")):
            await self.select("VM", vm)
            self._window.object.tabs.setCurrentWidget(self._window.object.storage)
            self._window.object.storage.table.selectRow(0)
            moving: Any = self._window.disks.move_disks()
            if moving is None:
                continue
            usable = [n for n in range(moving.rows.rowCount()) if moving.rows.row(n).usable]
            if usable:
                moving.table.selectRow(usable[0])
            await until(lambda moving=moving: not moving.is_busy)  # type: ignore[misc]
            box = getattr(moving, check)
            if box.check.isVisible() and box.check.isEnabled():
                box.check.click()
                await until(lambda moving=moving: not moving.is_busy)  # type: ignore[misc]
            await self.keep(moving, f"disk-{check}")
            moving.reject()

    def _halted(self) -> str:
        """A halted VM with disks."""
        return next(
            vm.name_label
            for inventory in self._program.store.site().pools.values()
            if inventory.name != POOL
            for ref, vm in inventory.user_vms()
            if vm.power_state == "Halted" and inventory.disks(ref)
        )

    async def at_work(self) -> None:
        """Activity while a batch runs, with one selected that waits, and when it was cancelled."""
        await self.select("VM", *BATCH)
        wizard = await self.wizard()
        while wizard.next.isVisible():
            await until(lambda: not wizard.is_busy)
            wizard.next.click()
        await until(lambda: not wizard.is_busy)
        wizard.finish.click()
        jobs = self._program.jobs
        await until(lambda: any((vm.progress or 0) > 0.1 for job in jobs.all() for vm in job.vms))
        self._window.activity.tree.expandAll()
        self._window.splitter.widget(1).setSizes([400, 300])  # type: ignore[union-attr]
        await until(lambda: any(group.line.speeds for group in self._window.work.groups()))
        await self.keep(self._window, "activity-running")
        await self.select("VM", BATCH[0])
        self._window.object.tabs.setCurrentWidget(self._window.object.activity)
        await self.keep(self._window, "activity-of-a-vm")
        quitting = asyncio.create_task(self._quitting(jobs.running))
        await until(lambda: bool(self._dialogs()))
        (question,) = self._dialogs()
        await self.keep(question, "quit")
        question.reject()
        await quitting
        for job in jobs.running:
            jobs.cancel(job.id)
        await until(lambda: not jobs.running)
        self._window.activity.refresh()
        await self.keep(self._window, "activity-ended")


async def _steps(gallery: Gallery) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    many = [
        vm.name_label
        for inventory in gallery._program.store.site().pools.values()
        if inventory.name != POOL
        for _ref, vm in inventory.user_vms()
    ]
    yield gallery.at_work
    yield gallery.details
    yield gallery.objects
    yield lambda: gallery.pages("one", VM)
    yield lambda: gallery.pages("many", *many)
    yield lambda: gallery.pages("blocked", BLOCKED)
    yield lambda: gallery.left_out(*many)
    yield lambda: gallery.order_and_times(*BATCH)
    yield gallery.maintenance
    yield gallery.disk_dialog
    yield gallery.dialogs
    yield gallery.preferences
    yield gallery.questions
    yield gallery.tree
    yield gallery.lost


async def take_gallery(app: QApplication, folder: Path, language: str, home: Path) -> None:
    """All pictures in one language."""
    program = Program(app, Options(demo=True, language=language), home)
    program.window.show()
    running = asyncio.create_task(program.run())
    await until(lambda: len(program.connections.servers()) == 2 and program.is_connected())
    gallery = Gallery(program, folder, app, language)
    async for step in _steps(gallery):
        await step()
    program.window.end()
    await running
