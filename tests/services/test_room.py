"""The check before a run counts what our other jobs will still take: in this program and in others, under way, waiting,
held and taken up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.holding import PATIENCE, Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import settled
from tests.services.test_jobs import disk_of, plan_for, room_for
from tests.simulated import Simulated
from tests.test_cli import at, only, process
from xsmigui.core.capacity import full
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import VmRef
from xsmigui.core.units import GiB


async def done(made: Engine, job: Job) -> Job:
    return await asyncio.wait_for(made.jobs.wait(job.id), PATIENCE)


async def away(made: Engine, *vms: str) -> Plan:
    return await made.plan(*vms, to="Lisboa", sr="iSCSI Lisboa")


async def room_at_lisboa(made: Engine, *vms: str) -> None:
    """Room on the thick SR there for the disks of these VMs and 1 GiB more."""
    lisboa = made.served("Lisboa").pool
    sizes = [full(made.inventory("Madrid").VDI[disk_of(made, vm)]) for vm in vms]
    sr = next(ref for ref, record in made.inventory("Lisboa").SR.items() if record.name_label == "iSCSI Lisboa")
    taken = made.inventory("Lisboa").SR[sr].physical_size - sum(sizes) - GiB
    made.site.run(lambda: lisboa.db.set("SR", sr, physical_utilisation=taken, virtual_allocation=taken))
    await until(lambda: made.inventory("Lisboa").free_space(sr) == sum(sizes) + GiB)


async def is_not_begun(made: Engine, job: Job) -> None:
    """It waits for the truth, or was refused where the server has given the room away already."""
    await until(lambda: "Waiting for room" in made.vm(job).message or made.jobs.get(job.id).has_ended)
    vm = made.vm(job)
    assert not vm.has_begun, vm.message
    assert "of which running jobs will use" in vm.message


@pytest.mark.parametrize("other_process", [False, True], ids=["in one program", "in two"])
async def test_a_migration_under_way_has_its_room(site: Simulated, tmp_path: Path, other_process: bool) -> None:
    """Its server has taken nothing there yet, and will."""
    async with engine(site, home=tmp_path) as first, engine(site, home=tmp_path) as second:
        late = second if other_process else first
        plans = await away(first, "web-01"), await away(late, "web-02")
        await room_at_lisboa(first, "web-01")
        await until(lambda: late.inventory("Lisboa").SR == first.inventory("Lisboa").SR)
        hold = Hold(site, 0)
        one = first.jobs.start(plans[0])
        await until(lambda: first.vm(one).task)
        two = late.jobs.start(plans[1])
        await is_not_begun(late, two)
        hold.release()
        assert (await done(first, one)).vms[0].state is State.done
        ended = (await done(late, two)).vms[0]
        assert (ended.state, ended.has_begun) == (State.failed, False), ended.message
        assert "Not started" in ended.message


async def test_a_migration_that_was_taken_up_has_its_room(site: Simulated, tmp_path: Path) -> None:
    async with engine(site, home=tmp_path) as first:
        plan = await away(first, "web-01")
        late = await away(first, "web-02")
        await room_at_lisboa(first, "web-01")
        hold = Hold(site, 0)
        one = first.jobs.start(plan)
        await until(lambda: first.vm(one).task)
    async with engine(site, home=tmp_path) as second:
        await second.jobs.take_up()
        two = second.jobs.start(late)
        await is_not_begun(second, two)
        hold.release()
        assert (await done(second, one)).vms[0].state is State.done
        assert (await done(second, two)).vms[0].state is State.failed


async def test_a_check_on_the_command_line_counts_other_processes(site: Simulated, home: Path) -> None:
    """Of the same journal, as the check before the run does."""
    async with engine(site, home=home) as first:
        plan = await away(first, "web-01")
        await room_at_lisboa(first, "web-01")
        ask = ["preflight", *at(*site.pools), "--vm", "web-02", "--to", "Lisboa", "--sr", "iSCSI Lisboa", "--json"]

        def checked() -> dict[str, Any]:
            with process(home, *ask) as started:
                document: dict[str, Any] = only(started.communicate(b"secret\n", timeout=PATIENCE)[0].decode())
            return document

        hold = Hold(site, 0)
        assert (await asyncio.to_thread(checked))["possible"]
        one = first.jobs.start(plan)
        await until(lambda: first.vm(one).task)
        found = await asyncio.to_thread(checked)
        assert not found["possible"]
        (problem,) = [p for p in found["problems"] if p["rule"] == "R50"]
        assert "of which running jobs will use" in problem["message"]
        hold.release()
        assert (await done(first, one)).vms[0].state is State.done


async def test_jobs_out_of_several_pools_share_one_sr(site: Simulated, tmp_path: Path) -> None:
    """The other process moves a VM out of a pool that this one is not connected to."""
    async with engine(site, home=tmp_path) as first, engine(site, "Lisboa", home=tmp_path) as second:
        plan = await away(first, "web-01")
        await room_at_lisboa(first, "web-01")
        vm = VmRef(site.vm(site["Lisboa"], "dns-lx"))
        sr = next(ref for ref, record in second.inventory("Lisboa").SR.items() if record.name_label == "iSCSI Lisboa")
        disks = [ref for _vbd, ref, _vdi in second.inventory("Lisboa").disks(vm)]
        draft = draft_of_disks(second.store.site(), second.pool("Lisboa"), disks, sr)
        second_plan = await settled(second, draft)
        hold = Hold(site, 0)
        one = first.jobs.start(plan)
        await until(lambda: first.vm(one).task)
        late = second.jobs.start(second_plan)
        await is_not_begun(second, late)
        hold.release()
        assert (await done(first, one)).vms[0].state is State.done
        await done(second, late)


async def test_a_copy_and_a_migration_share_one_sr(two: Engine) -> None:
    """One is copied by this program, the other moved by the server."""
    plan = await two.plan("web-02", to="Madrid", sr="iSCSI Madrid")
    copied = await plan_for(two, disk_of(two, "web-01"))
    await room_for(two, "iSCSI Madrid", disk_of(two, "web-01"))
    hold = Hold(two.site, 0)
    one = two.jobs.start(copied)
    await until(lambda: two.vm(one).has_begun)
    late = two.jobs.start(plan)
    await is_not_begun(two, late)
    hold.release()
    assert (await done(two, one)).vms[0].state is State.done, two.vm(one).message
    assert (await done(two, late)).vms[0].state is State.failed


async def test_what_is_held_takes_nothing(two: Engine) -> None:
    """Nobody knows whether it is continued at all; when it is, it is checked."""
    plans = await away(two, "web-01"), await away(two, "web-02")
    await room_at_lisboa(two, "web-01")
    two.jobs.limit = 1
    hold = Hold(two.site, 0)
    busy = two.jobs.start(await two.plan("monitoring", to="Madrid", host="madrid-01", sr="NFS Madrid"))
    await until(lambda: two.vm(busy).task)
    held, late = [two.jobs.start(plan) for plan in plans]
    two.jobs.hold(held.id, 0)
    hold.release()
    assert (await done(two, late)).vms[0].state is State.done, two.vm(late).message
    two.jobs.proceed(held.id)
    ended = (await done(two, held)).vms[0]
    assert (ended.state, ended.has_begun) == (State.failed, False), ended.message
