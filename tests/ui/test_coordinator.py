"""The coordinator dies in the middle of a batch of twenty: the window finds the new one, and asks nobody."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QDialog

from tests.holding import until
from tests.simulated import Simulated
from tests.twenty import NAMES, twenty
from tests.ui.driving import driven, windows
from tests.ui.programs import add_by_hand, by_name, next_page, ready, running, select, vm_key
from xsmigui.core.jobs import State
from xsmigui.core.outline_nodes import Link
from xsmigui.core.problems import Page
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.site import Site
from xsmigui.ui.wizard.pages import HomeServerPage
from xsmigui.ui.wizard.placement import StoragePage
from xsmigui.ui.wizard.wizard import MigrateWizard


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulated]:
    # A request whose answer was lost may still start in the server; nobody waits a quarter of an hour for that here.
    monkeypatch.setattr("xsmigui.core.migration.sending.REQUEST_LIFETIME_S", 3.0)
    made = Site(Clock(0))
    twenty(made)
    with Simulated.start(site=made) as served:
        yield served


@pytest.mark.parametrize("way", ["live", "storage"])
@driven
async def test_everything_ends_without_a_person(qapp: QApplication, home: Path, ports: Simulated, way: str) -> None:
    pool = ports["Ports"]
    async with running(qapp, home) as program:
        await add_by_hand(program, pool)
        (server,) = program.connections.servers()
        await until(lambda: all(program.connections.servers()[0].members.values()) and server.pool)
        await until(lambda: len(program.connections.servers()[0].members) == 4)
        keys = [vm_key(program, name) for name in NAMES]
        await select(program, keys[0])
        chosen = program.window.tree.selectionModel()
        for key in keys[1:]:
            chosen.select(program.window.tree.resources.index_of(key), chosen.SelectionFlag.Select)
        method = "VM.pool_migrate" if way == "live" else "VM.migrate_send"
        seen = ports.run(lambda: pool.pool.faults.add(method, nth=3, delay=0.2))
        if way == "live":
            menu = program.window.to_server
            menu.aboutToShow.emit()
            next(a for a in menu.actions() if a.text().replace("&", "").startswith("port-4")).trigger()
        else:
            program.window._actions["actionMigrateVm"].trigger()
            await until(lambda: windows(MigrateWizard))
            (wizard,) = windows(MigrateWizard)
            by_name(wizard.pages[Page.destination].combo, "Ports")  # type: ignore[attr-defined]
            while wizard.next.isVisible():
                await next_page(wizard)
                front = wizard.pages[wizard.page]
                if isinstance(front, HomeServerPage):
                    by_name(front.all, "port-4")
                if isinstance(front, StoragePage):
                    by_name(front.combo, "NFS 2")
            await ready(wizard)
            wizard.finish.click()
        await until(lambda: seen.seen >= 3)

        def die() -> None:
            ports.fault(pool, "lose_host", host="port-1")
            ports.fault(pool, "move_coordinator", host="port-2")

        await asyncio.to_thread(die)
        (job,) = program.jobs.all()
        await until(lambda: program.jobs.get(job.id).has_ended)
        assert not windows(QDialog)  # nobody was asked
        assert program.connections.servers()[0].link is Link.connected
        gateway = program.connections.gateway(server.pool)  # type: ignore[arg-type]
        assert gateway is not None
        assert gateway.url in pool.member_urls
        ended = program.jobs.get(job.id).vms
        assert {vm.state for vm in ended} <= {State.done, State.failed, State.interrupted}
        assert sum(vm.state is State.done for vm in ended) >= (1 if way == "live" else 14)
        inventory = program.store.inventory(server.pool)  # type: ignore[arg-type]
        assert inventory is not None
        for vm in ended:
            record = inventory.VM[vm.move.vm.ref]  # type: ignore[index]
            assert record.power_state == "Running"
            there = inventory.name_of("host", record.resident_on) == "port-4"
            assert there or vm.state is not State.done, vm.message
            assert way == "storage" or not there or vm.state is State.done, vm.message
