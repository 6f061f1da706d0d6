"""Reading back: what differs from the plan is found."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.core.site import TwoPools
from tests.services.engine import Engine
from xsmigui.core.changes import Event
from xsmigui.core.failures import ServerFailure
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.messages import render
from xsmigui.core.migration.plan import Plan, Thing, VmMove
from xsmigui.core.refs import VmRef
from xsmigui.core.verified import Outcome, What, are_verified, differs, same, text, unknown
from xsmigui.services.store import Store
from xsmigui.services.verification import (
    Found,
    Known,
    find_vm,
    look,
    portrait_before,
    problems,
    read_back,
    read_portrait,
    whereabouts,
)


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
    return await read_back(plan, move, vm.portrait, source, target, vm.arrived)


def elsewhere(thing: Thing, name: str) -> Thing:
    return replace(thing, ref="OpaqueRef:elsewhere", name=name)


async def test_as_planned(two: Engine) -> None:
    plan, vm = await moved(two)
    back = await found(two, plan, vm)
    assert are_verified(back.items)
    assert {item.what for item in back.items} >= {
        What.power_state,
        What.host,
        What.disk,
        What.vif,
        What.tags,
        What.gone,
    }
    assert back.host == plan.moves[0].host.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: {"host": elsewhere(m.host, "lisboa-09")}, "host: lisboa-01, not lisboa-09"),
        (
            lambda m: {"disks": (replace(m.disks[0], target=elsewhere(m.disks[0].target, "other")),)},
            "place of the disk web-01 disk 0: NFS Lisboa, not other",
        ),
        (
            lambda m: {"disks": (replace(m.disks[0], position="7"),)},
            "place of the disk web-01 disk 0: nothing, not NFS Lisboa",
        ),
        (
            lambda m: {"disks": (replace(m.disks[0], size=1 << 44),)},
            "size of the disk web-01 disk 0: 8.0 GiB, not 16.0 TiB",
        ),
        (lambda m: {"power_state": "Suspended"}, "power state: Running, not Suspended"),
        (
            lambda m: {"vifs": (replace(m.vifs[0], target=elsewhere(m.vifs[0].target, "LAN 7")),)},
            ", not LAN 7",
        ),
    ],
    ids=["host", "sr", "missing", "smaller", "power", "network"],
)
async def test_differences(two: Engine, change: Any, message: str) -> None:
    plan, vm = await moved(two, host="lisboa-01")
    move = replace(plan.moves[0], **change(plan.moves[0]))
    different = problems(move, (await found(two, plan, vm, **change(plan.moves[0]))).items)
    assert message in " ".join(difference.message for difference in different)
    assert any(difference.blocks for difference in different)
    assert {difference.subject.name for difference in different} == {"web-01"}


async def test_still_at_its_source(two: Engine) -> None:
    plan, vm = await moved(two, "intranet-old", copy=True)
    target = two.connections.gateway(two.pool("Lisboa"))
    assert target is not None
    copied = replace(plan, copy=False)  # as if it should have moved
    back = await read_back(copied, plan.moves[0], None, *[two.connections.gateway(two.pool(n)) for n in ("Madrid", "Lisboa")], vm.arrived)  # type: ignore[arg-type] # fmt: skip # noqa: E501
    assert [text(item) for item in back.items if item.outcome is Outcome.differs] == [
        "the VM in its old pool: still in Madrid, not gone"
    ]


async def test_a_copys_interfaces_are_compared_although_their_addresses_are_new(two: Engine) -> None:
    plan, vm = await moved(two, "intranet-old", copy=True)
    vifs = tuple(replace(v, target=elsewhere(v.target, "LAN 7")) for v in plan.moves[0].vifs[:1])
    items = (await found(two, plan, vm, vifs=vifs)).items
    assert [item.expected for item in items if item.what is What.vif and item.outcome is Outcome.differs] == ["LAN 7"]


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
    vm = (await asyncio.wait_for(two.jobs.wait(job.id), 100)).vms[0]
    assert vm.state is State.failed
    assert (
        vm.message
        == "Moved, but not as planned. host: lisboa-02, not lisboa-01. web-01 is in Lisboa, running on lisboa-02."
    )
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
    assert render(await look(plan, move, source, target)).startswith("web-01 is in Lisboa, running on ")
    assert await look(plan, move, source) == ""
    assert await look(plan, move, None, None) == ""


def _failure(code: str) -> Any:
    from xsmigui.simulator.failures import Failure

    return Failure(code)


async def test_whereabouts_as_far_as_we_know(two: Engine) -> None:
    madrid, lisboa = two.inventory("Madrid"), two.inventory("Lisboa")
    for name, place in (
        ("web-01", "web-01 is in Madrid, running on madrid-01."),
        ("intranet-old", "intranet-old is in Madrid, halted."),
        ("test-suspended", "test-suspended is in Madrid, suspended."),
    ):
        plan = await two.plan(name, to="Lisboa")
        assert render(whereabouts(plan, plan.moves[0], madrid, lisboa)) == place
    assert render(whereabouts(plan, plan.moves[0], None, lisboa)) == (
        "It is not known where test-suspended is: look at both pools before you do anything else."
    )
    other = replace(plan.moves[0], vm=Thing(two.row("Madrid", "VM", "build-paused")["uuid"], "build-paused", ""))
    assert render(whereabouts(plan, other, madrid, None)) == "build-paused is in Madrid."


async def test_what_is_lacking_at_the_destination_is_no_success(two: Engine) -> None:
    """Every interface gone, or the snapshots and their disks: nothing of it is called verified."""
    plan, vm = await moved(two, "db-postgres")
    assert vm.portrait is not None
    assert vm.portrait.snapshots
    assert vm.portrait.vifs
    lisboa = two.served("Lisboa").pool.db
    ref = vm.arrived or ""
    for snapshot in vm.portrait.snapshots.values():
        two.site.lets_go_of(snapshot.name)
    two.site.run(lambda: [lisboa.delete("VIF", v) for v in list(lisboa.get("VM", ref, "VIFs"))])
    two.site.run(lambda: [lisboa.delete("VM", v) for v in list(lisboa.get("VM", ref, "snapshots"))])
    items = (await found(two, plan, vm)).items
    wrong = {item.what for item in items if item.outcome is Outcome.differs}
    assert wrong >= {What.vif, What.snapshot}


async def test_a_running_vm_without_a_host_is_no_success(two: Engine) -> None:
    plan, vm = await moved(two)
    lisboa = two.served("Lisboa").pool.db
    two.site.run(lambda: lisboa.set("VM", vm.arrived or "", resident_on="OpaqueRef:NULL"))
    items = (await found(two, plan, vm)).items
    assert [i.what for i in items if i.outcome is Outcome.differs] == [What.host]


async def test_inside_a_pool_networks_and_settings_are_compared(two: Engine) -> None:
    plan = await two.plan("web-01", to="Madrid", host="madrid-02")
    vm = await two.run(plan)
    assert vm.verified
    madrid = two.served("Madrid").pool.db
    ref = plan.moves[0].vm.ref
    network = two.site.run(
        lambda: next(
            r for r in madrid.table("network") if r != madrid.get("VIF", madrid.get("VM", ref, "VIFs")[0], "network")
        )
    )
    two.site.run(lambda: madrid.set("VIF", madrid.get("VM", ref, "VIFs")[0], network=network))
    two.site.run(lambda: madrid.set("VM", ref, tags=["other"], order=7))
    source = two.connections.gateway(two.pool("Madrid"))
    assert source is not None
    items = (await read_back(plan, plan.moves[0], vm.portrait, source, source, VmRef(ref))).items
    assert {i.what for i in items if i.outcome is Outcome.differs} == {What.vif, What.tags, What.order}


def test_verified_is_said_of_something() -> None:
    assert not are_verified(())
    assert are_verified([same(What.host, "", "h")])
    assert not are_verified([same(What.host, "", "h"), unknown(What.addresses, "", "10.0.0.1")])
    assert not are_verified([same(What.host, "", "h"), differs(What.host, "", "h", "i")])


# What the events tell.


class Gate:
    """A gateway that knows one VM, and counts what is asked."""

    def __init__(self, record: dict[str, Any], is_told: bool = True) -> None:
        self.record = record
        self.is_told = is_told
        self.asked: list[str] = []

    async def call(self, method: str, *_params: Any, **_options: Any) -> Any:
        self.asked.append(method)
        if method == "VM.get_record":
            return self.record
        raise ServerFailure("HANDLE_INVALID", ("x",), method)

    async def catch_up(self, _within: float) -> bool:
        return self.is_told


@pytest.mark.parametrize("behind", ["a field", "an operation", "a disk", "the connection", "the events", ""])
async def test_events_are_believed_only_if_they_have_come_as_far_as_the_server(behind: str) -> None:
    site = TwoPools()
    store = Store()
    inventory = site.madrid.inventory()
    fresh = msgspec.to_builtins(inventory.VM[site.web])
    if behind == "a field":
        fresh["resident_on"] = site.m3
    elif behind == "an operation":
        fresh["current_operations"] = {"OpaqueRef:t": "pool_migrate"}
    elif behind == "a disk":
        disk = next(vbd.VDI for vbd in inventory.VBD.values() if site.web == vbd.VM)
        inventory = inventory.replaced({"VDI": {r: v for r, v in inventory.VDI.items() if r != disk}})
    store.put(inventory)
    if behind == "the connection":
        store.disconnected(site.madrid.id)
    gate = Gate(fresh, is_told=behind != "the events")
    found = await read_portrait(gate, site.web, Known(store, site.madrid.id, gate))  # type: ignore[arg-type]
    if behind:
        assert len(gate.asked) > 2, "records are read one by one"
    else:
        assert gate.asked == ["VM.get_record"]
        assert found == portrait_before(inventory, site.web)


async def test_a_vm_has_left_once_the_events_say_so() -> None:
    site = TwoPools()
    store = Store()
    gate = Gate({})
    known = Known(store, site.madrid.id, gate)  # type: ignore[arg-type]
    uuid = site.madrid.uuid(site.web)
    assert not await known.has_lost(uuid), "nothing is known"
    store.put(site.madrid.inventory())
    assert not await known.has_lost(uuid)
    store.apply(site.madrid.id, [Event("VM", site.web, None)])
    assert await known.has_lost(uuid)
    gate.is_told = False
    assert not await known.has_lost(uuid), "it may have come back"
    gate.is_told = True
    store.disconnected(site.madrid.id)
    assert not await known.has_lost(uuid)
