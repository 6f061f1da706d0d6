"""Leftovers of a migration that failed in the simulator: found by the journal, and removed only when all is well."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.core.migration.leftovers import Leftover, leftovers
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import PoolId
from xsmigui.services.leftovers import remove


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


async def failed(made: Engine, site: Simulated) -> tuple[Leftover, ...]:
    """db-postgres is to go to Lisboa, the mirror breaks, and nobody clears up."""
    madrid = site["Madrid"]
    plan = await made.plan("db-postgres", to="Lisboa", sr="NFS Lisboa")
    disks = [d.disk.ref for d in plan.moves[0].disks]
    site.fault(madrid, "leave_mess", vm="db-postgres")
    site.fault(madrid, "break_mirror", vdi=disks[-1])
    job = await made.run(plan)
    assert job.state is State.failed, job.message
    for _look in range(200):
        found = leftovers(await made.jobs.past_and_present(), made.store.site())
        if found:
            return found
        await made.clock.sleep(1)
    raise AssertionError("nothing was left")


def gateways(made: Engine) -> dict[PoolId, Gateway]:
    found = {pool: made.connections.gateway(pool) for pool in made.store.site().connected}
    return {pool: gateway for pool, gateway in found.items() if gateway is not None}


def rows(site: Simulated, pool: str) -> dict[str, Any]:
    return site.run(lambda: {row["uuid"]: dict(row) for row in site[pool].pool.db.table("VDI").values()})


async def test_what_a_migration_left_is_found_and_removed(site: Simulated) -> None:
    before = set(rows(site, "Lisboa"))
    source = rows(site, "Madrid")
    async with engine(site) as made:
        found = await failed(made, site)
        new = set(rows(site, "Lisboa")) - before
        assert {left.uuid for left in found} <= new
        assert {left.sr for left in found} == {"NFS Lisboa"}
        assert {left.vm for left in found} == {"db-postgres"}
        assert await remove(found, gateways(made)) == len(found)
        assert not {left.uuid for left in found} & set(rows(site, "Lisboa"))
        assert set(rows(site, "Madrid")) == set(source)  # nothing else went
        assert await remove(found, gateways(made)) == 0  # they are gone


async def test_another_process_knows_them_from_the_journal(site: Simulated, tmp_path: Any) -> None:
    async with engine(site, home=tmp_path) as made:
        found = await failed(made, site)
    async with engine(site, home=tmp_path) as later:
        again = leftovers(await later.jobs.past_and_present(), later.store.site())
        assert {left.uuid for left in again} == {left.uuid for left in found}


async def test_what_has_changed_since_is_left_alone(site: Simulated) -> None:
    async with engine(site) as made:
        found = await failed(made, site)
        first = found[0]
        lisboa, madrid = site["Lisboa"].pool.db, site["Madrid"].pool.db
        vm = site.vm(site["Lisboa"], "web-lx-01")
        site.run(lambda: lisboa.create("VBD", {"VM": vm, "VDI": first.ref, "userdevice": "9", "type": "Disk"}))
        assert await remove([first], gateways(made)) == 0  # somebody uses it
        await asyncio.sleep(0)
        rest = found[1:]
        assert rest
        assert await remove(rest, {}) == 0  # nobody is connected
        only = {pool: gateway for pool, gateway in gateways(made).items() if pool == first.pool}
        assert await remove(rest, only) == 0  # the source is not seen
        moving = site.vm(site["Madrid"], "db-postgres")
        site.run(lambda: madrid.set("VM", moving, current_operations={"OpaqueRef:t": "migrate_send"}))
        assert await remove(rest, gateways(made)) == 0  # it is on its way
        site.run(lambda: madrid.set("VM", moving, current_operations={}))
        for left in rest:
            ref = next(r for r, v in madrid.table("VDI").items() if v["uuid"] == left.like)
            site.run(lambda ref=ref: madrid.set("VDI", ref, missing=True))
        assert await remove(rest, gateways(made)) == 0  # its source is not whole
        assert {left.uuid for left in found} <= set(rows(site, "Lisboa"))


async def test_what_somebody_works_with_meanwhile_is_left_alone(site: Simulated) -> None:
    """Written to and let go again, extended, the memory of a VM, or in the hands of another job of this program."""
    async with engine(site) as made:
        found = await failed(made, site)
        other, lisboa, first = Somebody.at(site, "Lisboa"), site["Lisboa"].pool.db, found[0]
        before = site.run(lambda: dict(lisboa.row("VDI", first.ref)))
        vm = site.vm(site["Lisboa"], "web-lx-01")
        changes: list[tuple[str, str, dict[str, Any]]] = [
            ("VDI", first.ref, {"physical_utilisation": before["physical_utilisation"] + 1}),
            ("VDI", first.ref, {"virtual_size": before["virtual_size"] + (1 << 30)}),
            ("VDI", first.ref, {"other_config": {"xsmigui-job": "20260101-000000-ffff"}}),
            ("VDI", first.ref, {"current_operations": {"OpaqueRef:t": "copy"}}),
            ("VM", vm, {"suspend_VDI": first.ref}),
        ]
        for cls, ref, fields in changes:
            was = site.run(lambda cls=cls, ref=ref: dict(lisboa.row(cls, ref)))
            site.run(lambda cls=cls, ref=ref, fields=fields: lisboa.set(cls, ref, **fields))
            assert await remove([first], gateways(made)) == 0, fields
            back = {name: was[name] for name in fields}
            site.run(lambda cls=cls, ref=ref, back=back: lisboa.set(cls, ref, **back))
        assert other.call("VDI.get_uuid", first.ref) == first.uuid
        assert await remove([first], gateways(made)) == 1
