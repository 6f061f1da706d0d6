"""Reading back: what differs from the plan is found."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.services.engine import Engine
from xsmigui.core.failures import ServerFailure
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.migration.plan import Plan, Thing, VmMove
from xsmigui.core.refs import VmRef
from xsmigui.services.verification import Found, find_vm, look, read_back, whereabouts


async def moved(two: Engine, name: str = "web-01", **asked: Any) -> tuple[Plan, VmJob]:
    plan = await two.plan(name, to="Lisboa", sr="NFS Lisboa", **asked)
    vm = await two.run(plan)
    assert vm.state is State.done
    return plan, vm


async def found(two: Engine, plan: Plan, vm: VmJob, **changes: Any) -> Found:
    """Read the finished move back as if the plan had been another."""
    move: VmMove = replace(plan.moves[0], **changes)
    source, target = (two.connections.gateway(two.pool(name)) for name in ("Madrid", "Lisboa"))
    assert source is not None
    assert target is not None
    assert vm.arrived is not None
    return await read_back(plan, move, source, target, vm.arrived)


def elsewhere(thing: Thing, name: str) -> Thing:
    return replace(thing, ref="OpaqueRef:elsewhere", name=name)


async def test_as_planned(two: Engine) -> None:
    plan, vm = await moved(two)
    back = await found(two, plan, vm)
    assert back.differences == ()
    assert back.host == plan.moves[0].host.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: {"host": elsewhere(m.host, "lisboa-09")}, "web-01 runs on lisboa-01, and not on lisboa-09."),
        (
            lambda m: {"disks": (replace(m.disks[0], target=elsewhere(m.disks[0].target, "other")),)},
            "lies on NFS Lisboa, and not on other.",
        ),
        (lambda m: {"disks": (replace(m.disks[0], position="7"),)}, "is missing at its destination."),
        (lambda m: {"disks": (replace(m.disks[0], size=1 << 60),)}, "is smaller than it was."),
        (lambda m: {"power_state": "Suspended"}, "web-01 is now Running; it should be Suspended."),
        (
            lambda m: {"vifs": (replace(m.vifs[0], target=elsewhere(m.vifs[0].target, "LAN 7")),)},
            "is not on LAN 7.",
        ),
    ],
    ids=["host", "sr", "missing", "smaller", "power", "network"],
)
async def test_differences(two: Engine, change: Any, message: str) -> None:
    plan, vm = await moved(two, host="lisboa-01")
    (difference,) = (await found(two, plan, vm, **change(plan.moves[0]))).differences
    assert message in difference.message
    assert difference.blocks
    assert difference.subject.name == "web-01"


async def test_still_at_its_source(two: Engine) -> None:
    plan, vm = await moved(two, "intranet-old", copy=True)
    target = two.connections.gateway(two.pool("Lisboa"))
    assert target is not None
    copied = replace(plan, copy=False)  # as if it should have moved
    back = await read_back(copied, plan.moves[0], *[two.connections.gateway(two.pool(n)) for n in ("Madrid", "Lisboa")], vm.arrived)  # type: ignore[arg-type] # fmt: skip # noqa: E501
    assert [d.message for d in back.differences] == ["Madrid still has intranet-old as well."]


async def test_a_copys_interfaces_are_compared_although_their_addresses_are_new(two: Engine) -> None:
    plan, vm = await moved(two, "intranet-old", copy=True)
    vifs = tuple(replace(v, target=elsewhere(v.target, "LAN 7")) for v in plan.moves[0].vifs[:1])
    (difference,) = (await found(two, plan, vm, vifs=vifs)).differences
    assert "is not on LAN 7" in difference.message


async def test_a_job_that_differs_is_no_success(two: Engine) -> None:
    """Somebody moves the VM on before it is read back."""
    import asyncio

    from tests.holding import until

    plan = await two.plan("web-01", to="Lisboa", host="lisboa-01")
    lisboa = two.served("Lisboa")
    fault = two.site.run(lambda: lisboa.pool.faults.add("VM.get_record", delay=0.6))
    job = two.jobs.start(plan)
    await until(lambda: fault.seen)
    ref = two.site.vm(lisboa, "web-01")
    host = (await asyncio.to_thread(two.site.call, lisboa, "host.get_by_name_label", "lisboa-02"))[0]
    await asyncio.to_thread(two.site.call, lisboa, "VM.pool_migrate", ref, host, {})
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 20)).vms[0]
    assert vm.state is State.failed
    assert vm.message == "Moved, but not as planned. web-01 runs on lisboa-02, and not on lisboa-01."
    assert not vm.verified
    assert vm.host == "lisboa-02"


async def test_find_and_look(two: Engine) -> None:
    plan, vm = await moved(two)
    source, target = (two.connections.gateway(two.pool(name)) for name in ("Madrid", "Lisboa"))
    assert source is not None
    assert target is not None
    move = plan.moves[0]
    assert await find_vm(source, move.vm.uuid) is None
    there = await find_vm(target, move.vm.uuid)
    assert there is not None
    assert there[0] == vm.arrived
    two.site.run(
        lambda: two.served("Madrid").pool.faults.add("VM.get_by_uuid", failure=_failure("INTERNAL_ERROR"))
    )  # fmt: skip
    with pytest.raises(ServerFailure, match="INTERNAL_ERROR"):
        await find_vm(source, move.vm.uuid)
    assert (await look(plan, move, source, target)).startswith("web-01 is in Lisboa, running on ")
    assert await look(plan, move, source) == ""
    assert await look(plan, move, None, None) == ""


def _failure(code: str) -> Any:
    from xsmigui.simulator.failures import Failure

    return Failure(code)


async def test_whereabouts_as_far_as_we_know(two: Engine) -> None:
    madrid, lisboa = two.inventory("Madrid"), two.inventory("Lisboa")
    for name, text in (
        ("web-01", "web-01 is in Madrid, running on madrid-01."),
        ("intranet-old", "intranet-old is in Madrid, halted."),
        ("test-suspended", "test-suspended is in Madrid, suspended."),
    ):
        plan = await two.plan(name, to="Lisboa")
        assert whereabouts(plan, plan.moves[0], madrid, lisboa) == text
    assert whereabouts(plan, plan.moves[0], None, lisboa) == (
        "It is not known where test-suspended is: look at both pools before you do anything else."
    )
    other = replace(plan.moves[0], vm=Thing(two.row("Madrid", "VM", "build-paused")["uuid"], "build-paused", ""))
    assert whereabouts(plan, other, madrid, None) == "build-paused is in Madrid."


async def test_nothing_to_compare_is_nothing_different(two: Engine) -> None:
    plan, vm = await moved(two)
    assert (await found(two, plan, vm, vifs=(), disks=())).differences == ()
    assert VmRef(vm.arrived or "")
