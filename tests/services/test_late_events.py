"""The servers answer calls and tell of what happens late: what is verified, failed or left over is so all the same."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, LateEvents, until
from tests.services.engine import Engine, engine
from tests.services.motions import MOTIONS, end, wrong
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.core.migration.leftovers import leftovers
from xsmigui.core.verified import Outcome, What
from xsmigui.services import verification
from xsmigui.simulator.guests import add_vdi
from xsmigui.xapi import connection

GIB = 1 << 30


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what is late."""
    monkeypatch.setattr(verification, "CAUGHT_UP_WITHIN_S", 0.05)
    monkeypatch.setattr(connection, "LOOK_AGAIN", 0.2)


def at_call(site: Simulated, pool: str, method: str, does: Callable[[], Any]) -> None:
    """The first time that this method is called in this pool, something is done in the simulator right before it."""
    faults = site[pool].pool.faults
    strike = faults.strike

    async def struck(call: Any) -> None:
        if call.message.full == method:
            faults.strike = strike  # type: ignore[method-assign]
            does()
        await strike(call)

    site.run(lambda: setattr(faults, "strike", struck))


@pytest.mark.parametrize("kind", ["live", "with its disks", "its disks alone", "away, running", "away, halted", "copy"])
async def test_what_has_worked_is_not_called_failed(site: Simulated, kind: str) -> None:
    motion = MOTIONS[kind]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        late = LateEvents(site, *motion.pools)
        (vm,) = await end(made, made.jobs.start(plan))
        late.release()
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert wrong(site, plan, vm) == []


@pytest.mark.parametrize("kind", ["live", "with its disks", "away, running"])
async def test_what_somebody_changes_on_arrival_is_not_called_verified(site: Simulated, kind: str) -> None:
    """An interface is moved to another network: the record of the VM does not change by that."""
    motion = MOTIONS[kind]
    target = motion.pools[-1]
    db = site[target].pool.db
    networks = site.run(lambda: list(db.table("network")))

    def move_interface() -> None:
        vm = next(v for v in db.table("VM").values() if v["name_label"] == motion.vm and not v["is_a_snapshot"])
        now = db.get("VIF", vm["VIFs"][0], "network")
        db.set("VIF", vm["VIFs"][0], network=next(n for n in networks if n != now))

    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        late = LateEvents(site, *motion.pools)
        at_call(site, target, "VM.set_affinity" if plan.set_home else "VM.get_record", move_interface)
        (vm,) = await end(made, made.jobs.start(plan))
        late.release()
        assert not vm.verified
        assert any(item.what is What.vif and item.outcome is Outcome.differs for item in vm.items), vm.message


def portrait_size(made: Engine, job: str, position: str) -> int:
    found = made.jobs.get(job).vms[0].portrait
    return found.disks[position].size if found is not None else 0


@pytest.mark.parametrize("late_pools", [(), ("Madrid",), ("Madrid", "Lisboa")], ids=["in time", "source", "both"])
async def test_what_somebody_extends_while_it_moves_is_missed_afterwards(
    site: Simulated, late_pools: tuple[str, ...]
) -> None:
    """The server brings the disk as it was when it began to copy it."""
    motion = MOTIONS["away, halted"]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        other = Somebody.at(site, "Madrid")
        position, disk = sorted(other.disks(other.vm(motion.vm)).items())[0]
        size = int(other.call("VDI.get_virtual_size", disk))
        late = LateEvents(site, *late_pools)
        hold = Hold(site, 3)
        job = made.jobs.start(plan)
        await hold.until_held()
        other.extend(disk, 3 * GIB)
        await until(lambda: portrait_size(made, job.id, position) == size + 3 * GIB)
        hold.release()
        (vm,) = await end(made, job)
        late.release()
        assert (vm.state, vm.verified) == (State.failed, False), vm.message
        (item,) = [i for i in vm.items if i.what is What.size and i.outcome is Outcome.differs]
        assert (int(item.expected), int(item.found)) == (size + 3 * GIB, size)
    site.lets_go_of(motion.vm)


async def test_what_somebody_extends_before_it_is_sent_arrives_as_large(site: Simulated) -> None:
    motion = MOTIONS["away, halted"]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        other = Somebody.at(site, "Madrid")
        disk = sorted(other.disks(other.vm(motion.vm)).items())[0][1]
        late = LateEvents(site, *motion.pools)
        size = int(other.call("VDI.get_virtual_size", disk))
        at_call(
            site, "Madrid", "VM.migrate_send", lambda: site["Madrid"].pool.db.set("VDI", disk, virtual_size=2 * size)
        )
        (vm,) = await end(made, made.jobs.start(plan))
        late.release()
        assert vm.state is State.done, vm.message
        (item,) = [item for item in vm.items if item.outcome is not Outcome.same]
        assert (item.what, item.outcome) == (What.content, Outcome.unknown), "its sum was that of the shorter disk"
        there = Somebody.at(site, "Lisboa")
        arrived = sorted(there.disks(there.vm(motion.vm)).items())[0][1]
        assert int(there.call("VDI.get_virtual_size", arrived)) == 2 * size


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "late"])
async def test_a_disk_of_before_the_job_is_no_leftover_of_it(site: Simulated, is_late: bool) -> None:
    """Somebody has made a disk of the same name and size at the destination just before, and the migration fails."""
    motion = MOTIONS["away, running"]
    source, target = site["Madrid"].pool, site["Lisboa"].pool
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        disk = next(d for d in plan.moves[0].disks if not d.follows)
        late = LateEvents(site, "Lisboa") if is_late else None
        row = {"name_label": disk.disk.name, "SR": disk.target.ref, "virtual_size": disk.size}
        innocent = site.run(lambda: add_vdi(target, row))
        site.run(lambda: source.faults.broken_mirrors.add(disk.disk.ref))
        site.run(lambda: source.faults.messy.add("*"))
        (vm,) = await end(made, made.jobs.start(plan))
        assert vm.state is State.failed
        if late is not None:
            late.release()
        await until(lambda: innocent in made.inventory("Lisboa").VDI)
        found = leftovers(made.jobs.all(), made.store.site())
        assert len(found) == 1, "what the server has left"
        assert innocent not in {left.ref for left in found}


async def test_nothing_waits_for_events_that_never_come(site: Simulated) -> None:
    """Cancelled while the events are late, the move ends as ever."""
    motion = MOTIONS["away, running"]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        late = LateEvents(site, *motion.pools)
        hold = Hold(site, 2)
        job = made.jobs.start(plan)
        await hold.until_held()
        made.jobs.cancel(job.id)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(made.jobs.wait(job.id)), 0.3)
        hold.release()
        (vm,) = await end(made, job)
        late.release()
        assert vm.state in (State.cancelled, State.done), vm.message
