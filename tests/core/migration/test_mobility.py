"""Whether a VM may move: one judgement, in a sentence, for whoever asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.site import TwoPools
from xsmigui.core.migration import mobility
from xsmigui.core.migration.arriving import arriving, coming_from
from xsmigui.core.migration.candidates import destinations
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.summary import verdict
from xsmigui.core.problems import Page
from xsmigui.core.refs import ObjectId, TaskRef, VmRef


def of(site: TwoPools, ref: str) -> mobility.Mobility:
    found = mobility.mobility(site.site, site.madrid.id, VmRef(ref))
    assert found is not None
    return found


def test_a_vm_that_can_go_elsewhere() -> None:
    site = TwoPools()
    found = of(site, site.web)
    assert found.reason == ""
    assert found.usable
    assert found.sentence().startswith("Inside this pool: yes, to ")
    assert mobility.why_not(site.site, site.madrid.id, VmRef(site.web)) == ""
    assert mobility.mobility(site.site, site.madrid.id, VmRef(site.files)) is None


def test_a_host_that_takes_nobody() -> None:
    site = TwoPools()
    site.madrid.set(site.m2, enabled=False)
    found = of(site, site.web)
    if found.usable:
        assert "m2: " in found.reasons()
    else:
        assert found.sentence().startswith("Not inside this pool: ")
        assert len(found.sentence()) > len("Not inside this pool: ")


def test_a_paused_vm_cannot_move() -> None:
    site = TwoPools()
    site.madrid.set(site.web, power_state="Paused")
    assert "is paused" in of(site, site.web).sentence()
    assert "is paused" in mobility.why_not(site.site, site.madrid.id, VmRef(site.web))


def moving(site: TwoPools, operation: str = "migrate_send") -> TaskRef:
    task = site.madrid.task(f"Async.VM.{operation}", status="pending", progress=0.25)
    site.madrid.set(site.web, current_operations={task: operation})
    return task


@pytest.mark.parametrize("operation", ["pool_migrate", "migrate_send"])
def test_a_vm_that_moves_is_moving(operation: str) -> None:
    site = TwoPools()
    moving(site, operation)
    assert "already being moved" in of(site, site.web).sentence()
    assert "already being moved" in mobility.why_not(site.site, site.madrid.id, VmRef(site.web))


def test_what_is_not_connected_is_not_known() -> None:
    site = TwoPools()
    lost = Site(site.site.pools, frozenset())
    found = mobility.mobility(lost, site.madrid.id, VmRef(site.web))
    assert found is not None
    assert not found.known
    assert "yes" not in found.sentence()
    assert "not connected" in mobility.why_not(lost, site.madrid.id, VmRef(site.web))


def twin(site: TwoPools) -> ObjectId:
    """The record of web at its destination, while it moves there."""
    ref = site.lisboa.vm("web")
    site.lisboa.set(ref, uuid=site.madrid.get(site.web).uuid)
    return ObjectId(site.lisboa.id, "VM", ref)


def test_a_vm_that_is_arriving() -> None:
    site = TwoPools()
    key = twin(site)
    assert arriving(site.site) == {}
    moving(site)
    assert arriving(site.site) == {key: "Madrid"}
    assert coming_from(site.site, key.pool, VmRef(key.ref)) == "Madrid"
    assert coming_from(site.site, site.madrid.id, VmRef(site.web)) == ""
    assert "arriving from Madrid" in mobility.why_not(site.site, key.pool, VmRef(key.ref))
    found = evaluate(site.site, Draft(key.pool, (VmRef(key.ref),), site.madrid.id))
    assert any("just arriving from Madrid" in p.message for p in found.problems if p.blocks)


def test_a_move_inside_its_pool_lets_nobody_arrive() -> None:
    """Two pools may have a VM of one uuid: a backup was restored."""
    site = TwoPools()
    twin(site)
    moving(site)
    site.madrid.set(site.web, scheduled_to_be_resident_on=site.m2)
    assert arriving(site.site) == {}
    site = TwoPools()
    key = twin(site)
    moving(site)
    site.lisboa.set(key.ref, power_state="Running", resident_on=site.l1)
    assert arriving(site.site) == {}


# What is offered.


def test_a_pool_that_can_take_nobody_is_greyed_with_the_reason() -> None:
    site = TwoPools()
    for host in (site.l1, site.l2):
        site.lisboa.set(host, software_version={"product_version": "5.0.0", "platform_version": "1.0.0"})
    draft = site.madrid.move(site.web)
    offered = {c.ref: c for c in destinations(site.site, draft)}
    assert offered[site.madrid.id].usable
    assert not offered[site.lisboa.id].usable
    assert "older" in offered[site.lisboa.id].reason


def test_a_network_to_choose_is_no_no() -> None:
    site = TwoPools()
    site.lisboa.remove(site.l_lan)
    found = evaluate(site.site, site.madrid.move(site.web, destination=site.lisboa.id))
    assert found.blocked(Page.networks) is not None
    assert verdict(found, VmRef(site.web)) == "choose a network"
    assert found.stuck == ()
    site.madrid.set("OpaqueRef:Madrid/VDI/web 0", cbt_enabled=True)
    found = evaluate(site.site, site.madrid.move(site.web, destination=site.lisboa.id))
    assert verdict(found, VmRef(site.web)) == "no"
    assert found.stuck == (site.web,)
    assert found.worst[VmRef(site.web)].rule == "R53"


def test_the_worst_of_each_vm() -> None:
    site = TwoPools()
    site.madrid.set(site.db, power_state="Paused")
    found = evaluate(site.site, site.madrid.move(site.web, site.db, destination=site.lisboa.id))
    assert found.stuck == (site.db,)
    assert "paused" in found.worst[VmRef(site.db)].message
    assert replace(found).worst == found.worst
