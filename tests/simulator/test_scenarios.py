"""The scenarios: what they promise, the same every time, and quickly."""

from __future__ import annotations

import time

import pytest

from tests.simulator.inside import clients
from xsmigui.simulator.command import Options, build
from xsmigui.simulator.scenarios import SCENARIOS


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_same_seed_gives_the_same_site(name: str) -> None:
    first, second, other = (build(Options(scenario=name, vms=30, seed=s)) for s in (1, 1, 2))
    for a, b, c in zip(first.pools, second.pools, other.pools, strict=True):
        assert list(a.db.table("VM")) == list(b.db.table("VM"))
        assert list(a.db.table("VM")) != list(c.db.table("VM"))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_is_sound(name: str) -> None:
    for pool in build(Options(scenario=name, vms=30)).pools:
        db = pool.db
        for sr in db.table("SR").values():
            assert sr["physical_utilisation"] <= sr["physical_size"]
            assert all(db.row("PBD", p)["SR"] for p in sr["PBDs"])
        for host in db.table("host").values():
            metrics = db.row("host_metrics", host["metrics"])
            assert 0 <= metrics["memory_free"] < metrics["memory_total"]
        for cls, described in pool.schema.classes.items():
            for row in db.table(cls).values():
                assert set(row) == set(described.fields)


async def test_the_demonstration_has_something_of_everything() -> None:
    one, two = await clients()
    vms = [v for v in one.pool.db.table("VM").values() if not v["is_a_template"]]
    assert {v["power_state"] for v in vms} == {"Running", "Halted", "Suspended", "Paused"}
    assert any(d["cbt_enabled"] for d in one.pool.db.table("VDI").values())
    assert any(v["type"] == "CD" and not v["empty"] for v in one.pool.db.table("VBD").values())
    assert {len(c.pool.db.table("host")) for c in (one, two)} == {3, 2}
    names = [{n["name_label"] for n in c.pool.db.table("network").values()} for c in (one, two)]
    assert {"Management", "Storage", "Guests"} <= names[0] & names[1]
    assert names[0] - names[1]


def test_thousands_of_vms_are_built_quickly() -> None:
    started = time.process_time()
    site = build(Options(scenario="scale", vms=2000))
    assert time.process_time() - started < 3
    assert sum(not v["is_control_domain"] for v in site.pools[0].db.table("VM").values()) == 2000
    assert sum(not v["is_control_domain"] for v in site.pools[1].db.table("VM").values()) == 200
