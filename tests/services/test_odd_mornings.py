"""What nobody expects in the morning: a server with the database of the day before, a home that was cloned with its
journal, clocks that jump. Nothing newest is lost, and nothing is called verified that is not."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.services.engine import engine
from tests.services.test_destructive_calls import Door
from tests.services.test_exchange import VM, ended, own_plan, quiet
from tests.services.test_same_copy import one_disk_at_each_position, sums
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.simulator.tables import Row

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")


def backup(site: Simulated) -> Callable[[], None]:
    """The pool's database as it is now; what is answered restores it: the server is started again from it. Disks that
    its SRs have and it does not know come back only with a scan of the SR, under other references."""
    db = site["Madrid"].pool.db
    classes = ("VBD", "VM", "VDI")

    def take() -> dict[str, dict[str, Row]]:
        return {cls: {ref: deepcopy(dict(row)) for ref, row in db.table(cls).items()} for cls in classes}

    saved = site.run(take)

    def restore() -> None:
        for cls in reversed(classes):
            for ref in [ref for ref in db.table(cls) if ref not in saved[cls]]:
                db.delete(cls, ref)
        for cls in classes:
            for ref, row in saved[cls].items():
                if ref in db.table(cls):
                    fields = {k: v for k, v in row.items() if db.get(cls, ref, k) != v and k not in ("uuid",)}
                    db.set(cls, ref, **fields)
                else:
                    db.create(cls, row, ref=ref)

    return lambda: site.run(restore)


async def left_at(site: Simulated, home: Path, method: str, keep_days: int) -> tuple[str, Callable[[], None]]:
    """A job whose program ended at the server's door, and what restores the database from before it."""
    async with engine(site, "Madrid", home=home) as first:
        plan = await own_plan(first, keep_days)
        restore = backup(site)
        door = Door(site, "Madrid", method)
        job = first.jobs.start(plan)
        await door.reached()
    door.open(lost=True)
    return job.id, restore


@pytest.mark.parametrize(("method", "keep_days"), [
    ("VBD.create", 7), ("VBD.set_userdevice", 7), ("VDI.add_tags", 7), ("VDI.destroy", 0),
])  # fmt: skip
async def test_a_server_that_was_started_from_an_older_database(
    site: Simulated, tmp_path: Path, method: str, keep_days: int
) -> None:
    """The VM has its own disks again, nothing is marked or blocked, and the copies are unknown."""
    other = Somebody.at(site, "Madrid")
    vm = other.vm(VM)
    disks, names = other.disks(vm), {d: other.call("VDI.get_name_label", d) for d in other.disks(vm).values()}
    newest = sums(other)
    job, restore = await left_at(site, tmp_path, method, keep_days)
    restore()
    async with engine(site, "Madrid", home=tmp_path) as second:
        (found,) = await second.jobs.take_up(job)
        second.jobs.proceed(job)
        (ending,) = (await ended(second, found)).vms
        told = f"{ending.state} {ending.message}"
        assert ending.state in (State.failed, State.interrupted), told
        assert not ending.verified, told
        assert other.disks(vm) == disks, told
        assert {d: other.call("VDI.get_name_label", d) for d in disks.values()} == names, told
        assert sums(other) == newest, told


@pytest.mark.parametrize("method", ["VDI.copy", "VBD.create", "VBD.destroy", "VDI.add_tags"])
async def test_a_home_that_was_cloned_with_its_journal(site: Simulated, tmp_path: Path, method: str) -> None:
    """Two computers go on with one job, each taking the other's marks for its own."""
    other = Somebody.at(site, "Madrid")
    newest = sums(other)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    job, _restore = await left_at(site, one, method, 7)
    shutil.copytree(one, two)
    async with engine(site, "Madrid", home=one) as here, engine(site, "Madrid", home=two) as there:
        found: list[Any] = []
        for program in (here, there):
            found += [(program, left) for left in await program.jobs.take_up(job)]
            program.jobs.proceed(job)
        ends = [(await ended(program, left)).vms[0] for program, left in found]
        told = str([(vm.state, vm.verified, vm.message) for vm in ends])
        assert sums(other) == newest, told
        one_disk_at_each_position(here)
        assert all(vm.state.has_ended for vm in ends), told
    site.lets_go_of(VM)  # judged here


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
async def test_a_clock_that_has_jumped_meanwhile(
    site: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """How long a job was left comes from this computer's clock; what is exchanged does not depend on it."""
    other = Somebody.at(site, "Madrid")
    job, _restore = await left_at(site, tmp_path, "VBD.create", 7)
    other.write(other.disks(other.vm(VM))["0"])
    newest = sums(other)
    async with engine(site, "Madrid", home=tmp_path) as second:
        now = second.clock.now
        monkeypatch.setattr(second.clock, "now", lambda: now() + timedelta(days=days))
        (found,) = await second.jobs.take_up()
        if second.vm(found).held:
            second.jobs.proceed(job)
        (ending,) = (await ended(second, found)).vms
        assert (ending.state, ending.verified) == (State.done, True), ending.message
        assert sums(other) == newest


async def test_an_sr_that_was_forgotten_and_introduced_again(site: Simulated, tmp_path: Path) -> None:
    """Its disks have other references: the disk of the job is gone, and nothing else is taken for it."""
    other = Somebody.at(site, "Madrid")
    vm = other.vm(VM)
    job, _restore = await left_at(site, tmp_path, "VBD.create", 7)
    db = site["Madrid"].pool.db
    disk = other.disks(vm)["0"]

    def under_another_reference() -> None:
        row = deepcopy(dict(db.row("VDI", disk)))
        vbds = list(row["VBDs"])
        db.delete("VDI", disk)
        new = db.create("VDI", {**row, "VBDs": [], "other_config": {}})
        for vbd in vbds:
            db.set("VBD", vbd, VDI=new)

    newest = sums(other)
    site.run(under_another_reference)
    async with engine(site, "Madrid", home=tmp_path) as second:
        (found,) = await second.jobs.take_up(job)
        second.jobs.proceed(job)
        (ending,) = (await ended(second, found)).vms
        assert ending.state in (State.failed, State.interrupted), ending.message
        assert sums(other) == newest, ending.message
    site.lets_go_of(VM)
