"""What may be done with a selection: everything greyed has its reason."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.core.site import PoolBuilder, TwoPools, site_of
from xsmigui.core.migration.draft import Draft
from xsmigui.core.preferences import Settings
from xsmigui.core.refs import ObjectId
from xsmigui.ui.window.selection import Selection, selection
from xsmigui.ui.window.vms import VmCommands


def vm(pool: PoolBuilder, *refs: str) -> list[ObjectId]:
    return [ObjectId(pool.id, "VM", ref) for ref in refs]


def of(site: TwoPools, *refs: str) -> Selection:
    return selection(site.site, vm(site.madrid, *refs))


def test_a_running_vm_migrates_and_a_halted_one_moves() -> None:
    site = TwoPools()
    running = of(site, site.web)
    assert (running.pool, running.vms, running.migrate) == (site.madrid.id, (site.web,), "")
    assert "not halted" in running.move
    assert "not halted" in running.copy
    assert running.button == ("Migrate…", "")
    halted = of(site, site.files)
    assert halted.move == halted.copy == ""
    assert "halted" in halted.migrate
    assert halted.button == ("Move…", "")
    assert of(site, site.sleeper).migrate == ""


@pytest.mark.parametrize("change", ["paused", "snapshot", "template"])
def test_kinds_that_stay(change: str) -> None:
    site = TwoPools()
    ref = site.files
    if change == "paused":
        site.madrid.set(ref, power_state="Paused")
    elif change == "snapshot":
        ref = site.db_snapshot
    else:
        site.madrid.set(ref, is_a_template=True, is_default_template=True)
    chosen = of(site, ref)
    assert chosen.migrate
    assert chosen.move
    assert chosen.copy


def test_mixed_selections() -> None:
    site = TwoPools()
    both = of(site, site.web, site.files)
    assert both.migrate == ""
    assert "not halted" in both.move
    assert "is halted" in both.to_server
    assert both.button == ("Migrate…", "")
    halted = of(site, site.files, site.sleeper)
    assert halted.migrate == ""
    other = ObjectId(site.madrid.id, "SR", site.m_nfs)
    assert "something else" in selection(site.site, [other]).migrate
    assert "too" in selection(site.site, [*vm(site.madrid, site.web), other]).migrate
    several = selection(site.site, vm(site.madrid, site.web) + vm(site.lisboa, site.l_vm))
    assert "several pools" in several.move
    assert several.button == ("", "")


def test_nothing_gone_and_not_connected() -> None:
    site = TwoPools()
    assert "Select a VM" in selection(site.site, []).copy
    assert "no longer exists" in of(site, site.web, "OpaqueRef:nowhere").migrate
    away = site_of(site.madrid, connected=[])
    chosen = selection(away, vm(site.madrid, site.web))
    assert chosen.vms
    assert "not connected" in chosen.migrate
    unknown = selection(site_of(site.lisboa), vm(site.madrid, site.web))
    assert "no longer exists" in unknown.migrate


def test_vms_of_a_wizard_stand_in_the_order_of_their_names() -> None:
    """The tree names the line first that was selected last; nobody wishes that one to move first."""
    site = TwoPools()
    opened: list[Draft] = []
    store = SimpleNamespace(inventory=lambda _pool: site.madrid.inventory())
    services = SimpleNamespace(store=store, preferences=SimpleNamespace(now=Settings()))
    planner: Any = SimpleNamespace(services=services, open_wizard=opened.append)
    chosen = Selection(site.madrid.id, (site.web, site.db, site.files))
    VmCommands(planner, lambda: chosen).open_wizard()
    assert opened[0].vms == (site.db, site.files, site.web)
