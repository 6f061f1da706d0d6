"""Content proof: contents are called the same only where the servers' sums say so."""

import pytest
from msgspec.structs import replace

from tests.foreign import Somebody
from tests.services.engine import Engine
from tests.services.test_exchange import assert_as_before, disks_of, ended, own_plan, quiet, refuse
from tests.simulated import Simulated
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.migration.plan import Plan
from xsmigui.core.verified import Outcome, What
from xsmigui.simulator.dispatch import METHODS
from xsmigui.simulator.failures import Failure

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def other(site: Simulated) -> Somebody:
    return Somebody.at(site, "Madrid")


async def run(two: Engine, plan: Plan) -> VmJob:
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    return vm


def contents(vm: VmJob) -> list[Outcome]:
    return [item.outcome for item in vm.items if item.what is What.content]


@pytest.mark.parametrize("keep_days", [0, 7])
async def test_copies_are_compared_before_the_exchange(two: Engine, keep_days: int) -> None:
    vm = await run(two, replace(await own_plan(two, keep_days), prove=True))
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert contents(vm) == [Outcome.same, Outcome.same]


async def test_where_sources_are_removed_contents_are_compared_unasked(two: Engine) -> None:
    vm = await run(two, await own_plan(two, 0))
    assert contents(vm) == [Outcome.same, Outcome.same]


async def test_without_a_proof_nothing_is_called_proven(two: Engine) -> None:
    vm = await run(two, await own_plan(two))
    assert vm.verified
    assert contents(vm) == []


@pytest.mark.parametrize("keep_days", [0, 7])
async def test_a_copy_that_differs_stops_everything(two: Engine, other: Somebody, keep_days: int) -> None:
    before = disks_of(two)
    plan = replace(await own_plan(two, keep_days), prove=True)
    other.order("spoil_copy", vdi=plan.moves[0].disks[1].disk.ref)
    vm = await run(two, plan)
    assert vm.state is State.failed, vm.message
    assert "does not have the content of the disk" in vm.message
    assert_as_before(two, before)


REFUSALS = ("MESSAGE_METHOD_UNKNOWN", "RBAC_PERMISSION_DENIED", "INTERNAL_ERROR")


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("keep_days", [0, 7])
async def test_a_server_that_makes_no_sums(two: Engine, code: str, keep_days: int) -> None:
    """It moves all the same, nothing is called proven, and no source is removed without a proof."""
    plan = replace(await own_plan(two, keep_days), prove=True)
    refuse(two, "VDI.checksum", 1, 0, failure=Failure(code, "VDI.checksum"))
    vm = await run(two, plan)
    assert vm.state is State.done, vm.message
    assert not vm.verified
    assert contents(vm) == [Outcome.unknown, Outcome.unknown]
    assert vm.keeps
    assert "Could not read" in vm.message


@pytest.mark.parametrize("keep_days", [0, 7])
async def test_a_server_that_begins_a_sum_and_fails_is_asked_three_times(
    two: Engine, keep_days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task is made, and ends with a failure."""
    asked: list[object] = []

    def fail(_call: object, disk: str) -> str:
        asked.append(disk)
        raise Failure("SR_BACKEND_FAILURE_46", "", "The VDI is not available", "")

    monkeypatch.setitem(METHODS, "VDI.checksum", fail)
    vm = await run(two, replace(await own_plan(two, keep_days), prove=True))
    assert (vm.state, vm.verified, vm.keeps) == (State.done, False, True), vm.message
    assert contents(vm) == [Outcome.unknown, Outcome.unknown]
    assert [asked.count(disk) for disk in dict.fromkeys(asked)] == [3, 3]


@pytest.mark.parametrize("copy", [False, True])
async def test_a_halted_vm_that_goes_to_another_pool(two: Engine, copy: bool) -> None:
    plan = await two.plan("intranet-old", to="Lisboa", copy=copy, prove=True)
    vm = await run(two, plan)
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert contents(vm) == [Outcome.same]
    assert two.tasks("Madrid") == two.tasks("Lisboa") == []


async def test_a_running_vm_cannot_be_summed_up(two: Engine) -> None:
    vm = await run(two, await two.plan("web-01", to="Lisboa", prove=True))
    assert vm.state is State.done
    assert contents(vm) == [Outcome.unknown]
    assert not vm.verified


async def test_a_halted_vm_is_summed_up_before_it_is_started(two: Engine) -> None:
    plan = await two.plan("intranet-old", to="Lisboa", prove=True, start_after=True)
    vm = await run(two, plan)
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert contents(vm) == [Outcome.same]
