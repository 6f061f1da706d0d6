"""The operator disconnects a server that jobs are at work with: nothing is lost, the job says how it stands and takes
wishes, and connected again it ends truthfully."""

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import Engine
from tests.services.test_exchange import VM, assert_as_before, assert_moved, disks_of, ended, own_plan, quiet
from xsmigui.core.jobs import Job, State, VmJob

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")


async def disconnect(two: Engine, pool: str) -> str:
    """The server's address."""
    server = two.connections.server_of(two.pool(pool))
    assert server is not None
    await two.connections.close(server.address.url)
    return server.address.url


async def connect(two: Engine, url: str, pool: str) -> None:
    two.connections.open(url)
    await until(lambda: two.is_connected(pool))


async def to_the_end(two: Engine, job: Job) -> VmJob:
    (vm,) = (await ended(two, job)).vms
    return vm


async def away(two: Engine) -> tuple[Hold, Job]:
    """A migration to another pool that stands still in the middle."""
    plan = await two.plan("web-01", to="Lisboa")
    hold = Hold(two.site, 5)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    return hold, job


async def test_cancelled_while_the_destination_is_disconnected(two: Engine) -> None:
    """The server that carries it out is there, and hears of it."""
    hold, job = await away(two)
    await disconnect(two, "Lisboa")
    two.jobs.cancel(job.id)
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: any(work.cancel.is_set() for work in running.values())))
    hold.release()
    vm = await to_the_end(two, job)
    assert vm.state is State.cancelled, vm.message
    assert two.has("Madrid", "web-01")
    assert not two.has("Lisboa", "web-01")


async def test_it_arrives_while_the_destination_is_disconnected(two: Engine) -> None:
    hold, job = await away(two)
    url = await disconnect(two, "Lisboa")
    hold.release()
    await until(lambda: two.vm(job).state is State.lost)
    assert not two.vm(job).verified
    two.jobs.cancel(job.id)  # too late: it has arrived, and that cannot be seen
    vm = await to_the_end(two, job)
    assert (vm.state, vm.verified) == (State.interrupted, False), vm.message
    assert "is not connected" in vm.message
    await connect(two, url, "Lisboa")
    two.jobs.resume(job.id)
    vm = await to_the_end(two, job)
    assert (vm.state, vm.verified) == (State.done, True), vm.message


async def test_the_source_is_disconnected_and_the_job_resumed(two: Engine) -> None:
    hold, job = await away(two)
    url = await disconnect(two, "Madrid")
    await until(lambda: two.vm(job).state is State.lost)
    two.jobs.cancel(job.id)
    vm = await to_the_end(two, job)
    assert vm.state is State.interrupted, vm.message
    hold.release()
    await connect(two, url, "Madrid")
    two.jobs.resume(job.id)
    vm = await to_the_end(two, job)
    assert vm.state is State.done, vm.message
    assert two.has("Lisboa", "web-01")


@pytest.mark.parametrize("undo", [True, False])
async def test_disconnected_while_everything_is_put_back(two: Engine, undo: bool) -> None:
    before, plan = disks_of(two), await own_plan(two)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    two.jobs.cancel(job.id)
    await until(lambda: two.vm(job).undoing)
    url = await disconnect(two, "Madrid")
    await until(lambda: two.vm(job).state is State.lost)
    two.jobs.cancel(job.id)
    vm = await to_the_end(two, job)
    assert vm.state is State.interrupted, vm.message
    hold.release()
    await connect(two, url, "Madrid")
    two.jobs.resume(job.id, undo=undo)
    vm = await to_the_end(two, job)
    if undo:
        assert vm.state is State.cancelled, vm.message
    assert vm.state in (State.cancelled, State.failed, State.done), vm.message
    if vm.state is State.done:
        assert_moved(two, before)
    else:
        assert_as_before(two, before)


async def test_what_had_not_begun_is_cancelled_without_its_server(two: Engine) -> None:
    before, plan = disks_of(two), await own_plan(two)
    url = await disconnect(two, "Madrid")
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).state is State.lost)
    two.jobs.cancel(job.id)
    vm = await to_the_end(two, job)
    assert vm.state is State.cancelled, vm.message
    assert "before anything was changed" in vm.message
    await connect(two, url, "Madrid")
    assert_as_before(two, before)


async def test_somebody_works_in_the_vm_while_its_server_is_disconnected(two: Engine) -> None:
    """Connected again the job does not put the old copy in its place."""
    plan = await own_plan(two, keep_days=0)
    hold = Hold(two.site, 4)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    url = await disconnect(two, "Madrid")
    hold.release()
    other = Somebody.at(two.site, "Madrid")
    running = two.served("Madrid").pool.tasks.running
    await until(lambda: two.site.run(lambda: not running))
    other.lift_blocks(other.vm(VM))
    other.work(other.vm(VM))
    newest = {at: other.sum(disk) for at, disk in other.disks(other.vm(VM)).items()}
    await connect(two, url, "Madrid")
    vm = await to_the_end(two, job)
    assert vm.state is State.failed, vm.message
    assert {at: other.sum(disk) for at, disk in other.disks(other.vm(VM)).items()} == newest
