"""The wizard before a simulated site: what happens there while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import appears, child, dialog, driven, gone
from tests.ui.programs import by_name, connected, next_page, ready, running, vm_key, wizard_on
from xsmigui.app import Program
from xsmigui.core.jobs import State
from xsmigui.core.outline_nodes import Link
from xsmigui.core.problems import Page
from xsmigui.ui.wizard.wizard import MigrateWizard


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


async def to_lisboa(program: Program, vm: str) -> MigrateWizard:
    wizard = await wizard_on(program, vm)
    by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
    return wizard


async def finished(program: Program, wizard: MigrateWizard) -> State:
    """Go on to the end, press the last button, and wait what becomes of it."""
    while wizard.next.isVisible():
        await next_page(wizard)
    await ready(wizard)
    assert wizard.finish.isEnabled(), wizard.finish.toolTip()
    wizard.finish.click()
    await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
    return program.jobs.all()[0].state


@driven
async def test_tracking_is_disabled_and_the_vm_goes(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        wizard = await to_lisboa(program, "backup-cbt")
        await next_page(wizard, Page.home_server)
        await next_page(wizard, Page.storage)
        assert not wizard.next.isEnabled()
        assert "tracking" in wizard.next.toolTip()
        (await appears(wizard.panel, QPushButton, "fix-disable-cbt")).click()
        child(await dialog("questionDialog"), QPushButton, "goButton").click()
        await until(lambda: wizard.next.isEnabled())
        assert await finished(program, wizard) is State.done


@pytest.mark.parametrize("vm", ["test-suspended", "erp-test"])
@driven
async def test_vms_that_do_not_run(qapp: QApplication, home: Path, site: Simulated, vm: str) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        old = vm_key(program, vm)
        wizard = await to_lisboa(program, vm)
        await next_page(wizard, Page.home_server)
        await next_page(wizard, Page.storage)
        await next_page(wizard, Page.networks)
        for vif in site.call(site["Madrid"], "VM.get_VIFs", old.ref):
            by_name(wizard.pages[Page.networks].table.combo(vif), "Guests")  # type: ignore[attr-defined]
        assert await finished(program, wizard) is State.done
        await until(lambda: vm_key(program, vm).pool != old.pool)


@driven
async def test_the_destination_goes_away_and_comes_back(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        wizard = await to_lisboa(program, "web-01")
        while wizard.next.isVisible():
            await next_page(wizard)
        await until(lambda: wizard.finish.isEnabled())
        seen: list[str] = []

        def heard(_evaluation: object) -> None:
            if not wizard.finish.isEnabled():
                seen.append(wizard.finish.toolTip())

        program.connections.subscribe(heard)
        wizard._drafting.subscribe(heard)
        site.fault(site["Lisboa"], "restart", seconds=0.3)
        await until(lambda: seen)
        await until(lambda: program.is_connected() and wizard.finish.isEnabled())
        assert wizard.isVisible()
        assert wizard.page is Page.summary
        assert await finished(program, wizard) is State.done


@driven
async def test_the_chosen_host_goes_down(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        wizard = await to_lisboa(program, "web-01")
        await next_page(wizard, Page.home_server)
        combo = wizard.pages[Page.home_server].table.combo(vm_key(program, "web-01").ref)  # type: ignore[attr-defined]
        by_name(combo, "lisboa-02")
        while wizard.next.isVisible():
            await next_page(wizard)
        await until(lambda: wizard.finish.isEnabled())
        site.fault(site["Lisboa"], "lose_host", host="lisboa-02")
        await until(lambda: not wizard.finish.isEnabled() and "lisboa-02" in wizard.finish.toolTip())
        wizard.go_to(Page.home_server)
        assert any(text.startswith("lisboa-02") and text.count("·") > 1 for text in combo.texts())
        wizard.reject()


@driven
async def test_the_vm_is_taken_away_by_somebody_else(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        wizard = await to_lisboa(program, "erp-test")
        await next_page(wizard, Page.home_server)
        site.call(site["Madrid"], "VM.destroy", site.vm(site["Madrid"], "erp-test"))
        await until(lambda: not wizard.next.isEnabled())
        await until(lambda: any("no longer exists" in text for text in wizard.panel.sentences()))
        wizard.reject()


@driven
async def test_a_certificate_that_changes_stops_the_connection(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        lisboa = site["Lisboa"]
        site.call(lisboa, "VM.set_name_label", site.vm(lisboa, "dns-lx"), "dns")
        await until(lambda: has_vm(program, "dns"))  # the connection of the events stands
        new = site.fault(lisboa, "exchange_certificate")["fingerprint"]
        site.fault(lisboa, "hang_up")
        question = await dialog("certificateDialog")
        assert "changed" in question.windowTitle()
        leave = child(question, QPushButton, "leaveButton")
        assert leave.isDefault()
        leave.click()
        await gone("certificateDialog")
        await until(lambda: state_of(program, lisboa.url) is Link.failed)
        assert program.trust.trusted(lisboa.url) == lisboa.fingerprint
        program.connections.open(lisboa.url)
        child(await dialog("certificateDialog"), QPushButton, "trustButton").click()
        await until(lambda: state_of(program, lisboa.url) is Link.connected)
        assert program.trust.trusted(lisboa.url) == new


def state_of(program: Program, url: str) -> Link:
    return next(server.link for server in program.connections.servers() if server.address.url == url)


def has_vm(program: Program, name: str) -> bool:
    pools = program.store.site().pools.values()
    return any(vm.name_label == name for pool in pools for _ref, vm in pool.user_vms())
