"""The real program in a test: its windows, its services, and the operator's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPushButton

from tests.holding import until
from tests.simulated import ServedPool, Simulated
from tests.ui.driving import child, dialog, gone, settled, windows
from xsmigui.app import Options, Program
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.ui.wizard.choice import ChoiceCombo
from xsmigui.ui.wizard.wizard import MigrateWizard


class Served(Protocol):
    """A pool on the network, of a thread or of a process."""

    @property
    def url(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


@asynccontextmanager
async def running(
    qapp: QApplication,
    home: Path,
    options: Options = Options(language="en"),  # noqa: B008
) -> AsyncIterator[Program]:
    """The program from its window's first sight to its end. Whatever is still under way is left to the servers."""
    program = Program(qapp, options, home)
    program.window.show()
    ending = asyncio.create_task(program.run())
    try:
        yield program
    finally:
        for job in program.jobs.running:
            program.jobs.cancel(job.id)
        if program.window.isVisible():
            program.window.close()
            await until(lambda: not program.window.isVisible() or windows(QDialog, "questionDialog"))
            for question in windows(QDialog, "questionDialog"):
                child(question, QPushButton, "goButton").click()
        await ending
        window = program.window
        window.deleteLater()
        del window, program.window
        await settled()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


async def connected(program: Program, site: Simulated | Iterable[ServedPool]) -> None:
    """Connect to the pools, their certificates trusted."""
    pools = site.pools if isinstance(site, Simulated) else list(site)
    for pool in pools:
        program.trust.trust(pool.url, pool.fingerprint)
    for pool in pools:
        await program.connections.add(Address(pool.url, pool.user), pool.password, keep=False)
    program.window.bridge.flush()


async def add_by_hand(program: Program, pool: Served) -> None:
    """Add a server as an operator does: the dialog, its certificate, its password."""
    program.window.findChild(type(program.window._actions["actionAddServer"]), "actionAddServer").trigger()
    sheet = await dialog("addServerDialog")
    child(sheet, QLineEdit, "serverEdit").setText(pool.url)
    child(sheet, QLineEdit, "userEdit").setText(pool.user)
    child(sheet, QLineEdit, "passwordEdit").setText(pool.password)
    child(sheet, QPushButton, "connectButton").click()
    question = await dialog("certificateDialog")
    shown = "".join(label.text().replace("\n", "") for label in question.findChildren(QLabel))
    assert pool.fingerprint in shown
    child(question, QPushButton, "trustButton").click()
    await gone("addServerDialog")
    server = program.connections.server_of(PoolId(pool_uuid(program, pool)))
    assert server is not None
    assert server.link is Link.connected


def pool_uuid(program: Program, pool: Served) -> str:
    """The identity of a connected pool."""
    return next(str(s.pool) for s in program.connections.servers() if s.address.url == pool.url)


def vm_key(program: Program, name: str) -> ObjectId:
    """A VM's identity, by its name."""
    for pool in program.store.site().pools.values():
        for ref, vm in pool.user_vms():
            if vm.name_label == name:
                return pool.object_id("VM", ref)
    raise AssertionError(name)


def names_of(program: Program) -> set[str]:
    """How the servers call what they have."""
    found = set()
    for pool in program.store.site().pools.values():
        for table in pool.tables.values():
            for record in table.values():
                found |= {str(getattr(record, field, "")) for field in ("name_label", "name_description", "hostname")}
    return found


async def select(program: Program, key: ObjectId) -> None:
    """Select an object in the tree, once it is there."""
    await until(lambda: program.window.tree.select(key))


async def wizard_on(program: Program, name: str) -> MigrateWizard:
    """The wizard on a VM, as the menu opens it."""
    await select(program, vm_key(program, name))
    actions = program.window._actions
    action = next(a for n in ("actionMigrateVm", "actionMoveVm") if (a := actions[n]).isEnabled())
    action.trigger()
    await until(lambda: windows(MigrateWizard))
    return windows(MigrateWizard)[0]


def by_name(combo: ChoiceCombo, name: str) -> str:
    """Choose the entry whose line begins with this name; answers its reference."""
    ref = next(ref for ref, text, usable in combo._shown if usable and text.split(" · ")[0] == name)
    combo.choose(ref)
    return ref


async def next_page(wizard: MigrateWizard, to: Page | None = None) -> None:
    """Press Next, as soon as it may be pressed."""
    before = wizard.page
    await until(lambda: wizard.next.isEnabled())
    wizard.next.click()
    await until(lambda: wizard.page is not before)
    assert to is None or wizard.page is to, wizard.page


async def ready(wizard: MigrateWizard) -> None:
    """Wait until every answer is there."""
    await until(lambda: not wizard.is_busy)
