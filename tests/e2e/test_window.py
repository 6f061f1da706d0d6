"""The program as an operator uses it: real windows, the real wire, simulated pools."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests.e2e.serving import Simulator
from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import driven
from tests.ui.programs import add_by_hand, by_name, next_page, ready, running, vm_key, wizard_on
from xsmigui.app import Program
from xsmigui.core.jobs import State
from xsmigui.core.outline_nodes import Link, Node
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId
from xsmigui.ui.wizard.mapping import NetworksPage
from xsmigui.ui.wizard.pages import DestinationPage, HomeServerPage, StorageNetworkPage
from xsmigui.ui.wizard.placement import StoragePage
from xsmigui.ui.wizard.summary import SummaryPage

POOLS = Path(__file__).parents[3] / "shared" / "data" / "pools"


@dataclass(frozen=True)
class Journey:
    """A VM, where it goes, and what the wizard shall be told."""

    vm: str
    source: str
    target: str
    host: str
    sr: str
    network: str
    storage_network: str


async def travel(qapp: QApplication, home: Path, site: Simulated, journey: Journey) -> None:
    """Connect to both pools, migrate by the wizard, and look what has become of it."""
    source, target = site[journey.source], site[journey.target]
    async with running(qapp, home) as program:
        await add_by_hand(program, source)
        await add_by_hand(program, target)
        tree = program.window.tree.resources
        old = vm_key(program, journey.vm)
        await until(lambda: tree.index_of(old).isValid())
        uuid = site.call(source, "VM.get_uuid", old.ref)
        wizard = await wizard_on(program, journey.vm)

        destination = wizard.pages[Page.destination]
        assert isinstance(destination, DestinationPage)
        by_name(destination.combo, journey.target)
        await next_page(wizard, Page.home_server)
        home_page = wizard.pages[Page.home_server]
        assert isinstance(home_page, HomeServerPage)
        by_name(home_page.table.combo(old.ref), journey.host)
        await next_page(wizard, Page.storage)
        storage = wizard.pages[Page.storage]
        assert isinstance(storage, StoragePage)
        storage.same.click()
        sr = by_name(storage.combo, journey.sr)
        assert storage.same.isChecked()
        await next_page(wizard, Page.networks)
        networks = wizard.pages[Page.networks]
        assert isinstance(networks, NetworksPage)
        vifs = site.call(source, "VM.get_VIFs", old.ref)
        for vif in vifs:
            by_name(networks.table.combo(vif), journey.network)
        await next_page(wizard, Page.storage_network)
        carrier = wizard.pages[Page.storage_network]
        assert isinstance(carrier, StorageNetworkPage)
        by_name(carrier.combo, journey.storage_network)
        await next_page(wizard, Page.summary)
        await ready(wizard)
        summary = wizard.pages[Page.summary]
        assert isinstance(summary, SummaryPage)
        text = summary.view.toPlainText()
        for name in (journey.vm, journey.host, journey.sr, journey.target, journey.storage_network):
            assert name in text
        assert wizard.finish.isEnabled(), wizard.finish.toolTip()

        resets: list[bool] = []
        tree.modelReset.connect(lambda: resets.append(True))
        wizard.finish.click()
        await until(lambda: program.jobs.all() and program.jobs.all()[0].has_ended)
        done = program.jobs.all()[0].vms[0]
        assert done.state is State.done, done
        assert done.verified

        arrived = site.call(target, "VM.get_by_uuid", uuid)
        assert site.call(target, "VM.get_power_state", arrived) == "Running"
        resident = site.call(target, "VM.get_resident_on", arrived)
        assert site.call(target, "host.get_name_label", resident) == journey.host
        vbds = site.call(target, "VM.get_VBDs", arrived)
        disks = [site.call(target, "VBD.get_VDI", v) for v in vbds if site.call(target, "VBD.get_type", v) == "Disk"]
        assert {site.call(target, "VDI.get_SR", disk) for disk in disks} == {sr}
        for vif in site.call(target, "VM.get_VIFs", arrived):
            network = site.call(target, "VIF.get_network", vif)
            assert site.call(target, "network.get_name_label", network) == journey.network
        left = [ref for ref in site.call(source, "VM.get_all") if site.call(source, "VM.get_uuid", ref) == uuid]
        assert not left

        activity = program.window.activity
        activity.refresh()
        row = activity.line()
        assert row is not None
        assert "done" in row.state
        assert row.title.startswith(journey.vm)
        new = vm_key(program, journey.vm)
        await until(lambda: tree.index_of(new).isValid() and not tree.index_of(old).isValid())
        assert new.pool != old.pool
        node = tree.outline.nodes[new]
        assert node.parent == ObjectId(new.pool, "host", resident)
        assert not resets
        await until(lambda: program.window.tree.selected() == [new])


@driven
async def test_a_running_vm_goes_to_the_other_pool(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        journey = Journey("web-01", "Madrid", "Lisboa", "lisboa-02", "iSCSI Lisboa", "Guests", "Storage")
        await travel(qapp, home, site, journey)


@pytest.mark.shared
@pytest.mark.skipif(not POOLS.is_dir(), reason="the databases of real pools are not beside the checkout")
@driven
async def test_a_running_vm_of_a_real_database(qapp: QApplication, home: Path) -> None:
    with Simulated.start(databases=[str(POOLS / "two-hosts-modern.xml"), str(POOLS / "boston-db.xml")]) as site:
        eth0, eth1 = (f"Pool-wide network associated with eth{n}" for n in (0, 1))
        source, target = (pool.name for pool in site.pools)
        host, sr = "incubus", "iSCSI virtual disk storage"
        await travel(qapp, home, site, Journey("OnMasterShared", source, target, host, sr, eth1, eth0))


@driven
async def test_a_pool_that_dies_in_the_middle_comes_back(
    qapp: QApplication, home: Path, expected_errors: list[str]
) -> None:
    """The window says what is known and what is not, connects again by itself, and says where the VM is."""
    with Simulator(seed=11) as site:
        async with running(qapp, home) as program:
            for pool in site.pools:
                await add_by_hand(program, pool)
            wizard = await wizard_on(program, "web-01")
            destination = wizard.pages[Page.destination]
            assert isinstance(destination, DestinationPage)
            by_name(destination.combo, "Lisboa")
            while wizard.next.isVisible():
                await next_page(wizard)
            await until(lambda: wizard.finish.isEnabled())
            wizard.finish.click()
            await until(lambda: (program.jobs.all()[0].vms[0].progress or 0) > 0.05)
            old = vm_key(program, "web-01")

            site.kill()
            await until(lambda: all(s.link is Link.waiting for s in program.connections.servers()))
            await until(lambda: program.jobs.all()[0].vms[0].state is State.lost)
            activity, window = program.window.activity, program.window
            activity.refresh()
            row = activity.line()
            assert row is not None
            assert "connection lost" in row.state
            await until(lambda: all(n.dimmed for n in tops(program)) and "retry" in tops(program)[0].state)
            assert window.tree.selected() == [old]
            assert "last known state" in window.object.place.text()
            assert not window._actions["actionMigrateVm"].isEnabled()
            assert "not connected" in window._actions["actionMigrateVm"].toolTip()

            await asyncio.to_thread(site.start)
            await until(lambda: all(s.link is Link.connected for s in program.connections.servers()))
            await until(lambda: program.jobs.all()[0].has_ended)
            vm = program.jobs.all()[0].vms[0]
            assert vm.state in (State.failed, State.interrupted)
            assert "Madrid" in vm.message, vm.message
            activity.refresh()
            row = activity.line()
            assert row is not None
            assert row.message == vm.message
            await until(lambda: not any(n.dimmed for n in tops(program)))
            await until(lambda: "last known state" not in window.object.place.text())
            assert window.tree.selected() == [old]
            assert window._actions["actionMigrateVm"].isEnabled()


def tops(program: Program) -> list[Node]:
    """The uppermost lines of the tree."""
    outline = program.window.tree.resources.outline
    return [outline.nodes[key] for key in outline.children.get(None, ())]
