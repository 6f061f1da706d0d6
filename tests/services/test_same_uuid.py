"""A VM of the same uuid that somebody has restored from an export: it is another VM, whatever its uuid says."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import Engine
from tests.services.motions import end
from tests.services.test_exchange import quiet
from xsmigui.core.jobs import State
from xsmigui.core.migration.plan import Plan
from xsmigui.core.verified import Outcome, What
from xsmigui.simulator.content import EMPTY
from xsmigui.simulator.guests import add_vdi
from xsmigui.simulator.methods.arrival import _LOCAL
from xsmigui.simulator.methods.guests import bury

__all__ = ["quiet"]

VM = "intranet-old"


async def plan_of(two: Engine) -> Plan:
    """Of the VM without its snapshot, so that one that was exported lacks nothing."""
    other = Somebody.at(two.site, "Madrid")
    (snapshot,) = other.call("VM.get_snapshots", other.vm(VM))
    other.call("VM.destroy", snapshot)
    await until(lambda: snapshot not in two.inventory("Madrid").VM)
    return await two.plan(VM, to="Lisboa")


def exported(two: Engine, plan: Plan) -> Callable[[], str]:
    """The VM as an export holds it; the answer restores it at the plan's destination, uuid and addresses preserved,
    with disks and interfaces where the plan wants them."""
    madrid, lisboa = two.served("Madrid").pool, two.served("Lisboa").pool
    move = plan.moves[0]
    places = {disk.disk.ref: disk.target.ref for disk in move.disks}
    networks = {wish.mac.lower(): wish.target.ref for wish in move.vifs}

    def export() -> tuple[dict[str, Any], list[Any], list[dict[str, Any]]]:
        vm = dict(madrid.db.row("VM", move.vm.ref))
        drives = [d for v in vm["VBDs"] if (d := dict(madrid.db.row("VBD", v)))["type"] == "Disk"]
        vifs = [dict(madrid.db.row("VIF", v)) for v in vm["VIFs"]]
        return vm, [(v, dict(madrid.db.row("VDI", v["VDI"]))) for v in drives], vifs

    vm, drives, vifs = two.site.run(export)

    def restore() -> str:
        db = lisboa.db
        for ref, row in list(db.table("VM").items()):
            if row["uuid"] == vm["uuid"]:
                bury(lisboa, ref)
        local = {*_LOCAL, "metrics", "guest_metrics"}
        new = db.create("VM", {k: v for k, v in vm.items() if k not in local} | {"affinity": move.host.ref})
        named = ("name_label", "name_description", "virtual_size", "type", "sharable", "read_only", "other_config")
        for vbd, vdi in drives:
            row = {k: vdi[k] for k in named} | {"SR": places[vbd["VDI"]], "physical_utilisation": 1 << 20}
            disk = add_vdi(lisboa, row, EMPTY)
            fields = {k: v for k, v in vbd.items() if k not in ("uuid", "metrics", "current_operations")}
            db.create("VBD", fields | {"VM": new, "VDI": disk})
        for vif in vifs:
            fields = {k: v for k, v in vif.items() if k not in ("uuid", "metrics", "current_operations")}
            db.create("VIF", fields | {"VM": new, "network": networks[vif["MAC"].lower()]})
        return str(new)

    two.site.lets_go_of(VM)
    return lambda: two.site.run(restore)


def outcome(vm: Any, what: What) -> list[Outcome]:
    return [item.outcome for item in vm.items if item.what is what]


@pytest.mark.parametrize("leaves", ["its disks", "nothing"])
async def test_restored_at_the_destination_while_nobody_watched(two: Engine, leaves: str) -> None:
    """The source is restarted, which ends the migration; somebody deletes the VM there and restores it at the
    destination. Nothing tells that one from a VM that has arrived."""
    plan = await plan_of(two)
    restore = exported(two, plan)
    hold = Hold(two.site, 5)
    job = two.jobs.start(plan)
    await until(lambda: two.vm(job).task)
    for proxy in two.proxies.values():
        proxy.down()
    await until(lambda: two.vm(job).state is State.lost)
    two.site.fault(two.served("Madrid"), "restart", seconds=0.0)
    hold.release()
    other = Somebody.at(two.site, "Madrid")
    ref = other.vm(VM)
    disks = other.disks(ref).values()
    other.call("VM.destroy", ref)
    for disk in disks if leaves == "nothing" else ():
        other.destroy(disk)
    there = restore()
    for proxy in two.proxies.values():
        proxy.up()
    (vm,) = await end(two, job)
    assert not vm.verified, vm.message
    assert vm.arrived == there
    assert outcome(vm, What.identity) == [Outcome.unknown]
    if leaves == "nothing":
        assert vm.state is State.done, vm.message
        assert "Could not read: whether it is the VM that was sent" in vm.message
    else:
        assert vm.state is State.failed, vm.message
        assert "source of the disk" in vm.message
    assert all(disk in other.call("VDI.get_all") for disk in disks) is (leaves != "nothing")


async def test_restored_at_the_destination_after_the_server_has_answered(two: Engine) -> None:
    """What the server has brought is gone, and another VM of its uuid is there."""
    plan = await plan_of(two)
    restore = exported(two, plan)
    fault = two.site.run(lambda: two.served("Lisboa").pool.faults.add("VM.set_affinity", delay=0.5))
    job = two.jobs.start(plan)
    await until(lambda: fault.seen)
    restore()
    (vm,) = await end(two, job)
    assert (vm.state, vm.verified) == (State.failed, False), vm.message
    assert "cannot be read in Lisboa" in vm.message


async def test_restored_at_its_source_while_it_leaves(two: Engine) -> None:
    """It is in both pools then, and the answer says so."""
    plan = await plan_of(two)
    madrid = two.served("Madrid").pool
    vm_row = two.row("Madrid", "VM", VM)
    two.site.lets_go_of(VM)
    fault = two.site.run(lambda: two.served("Lisboa").pool.faults.add("VM.set_affinity", delay=0.5))
    job = two.jobs.start(plan)
    await until(lambda: fault.seen)
    fields = {k: v for k, v in vm_row.items() if k not in {*_LOCAL, "metrics", "guest_metrics"}}
    two.site.run(lambda: madrid.db.create("VM", fields))
    (vm,) = await end(two, job)
    assert (vm.state, vm.verified) == (State.failed, False), vm.message
    assert "still in Madrid" in vm.message
    assert "use the same identity" in vm.message


async def test_a_source_that_is_left_behind_is_not_called_verified(two: Engine) -> None:
    """The server has answered that the VM has moved, and a disk of it is still in the old pool."""
    plan = await plan_of(two)
    pool = two.served("Madrid").pool
    (one, *_rest) = plan.moves[0].disks
    kept = dict(two.site.run(lambda: dict(pool.db.row("VDI", one.disk.ref))))
    fault = two.site.run(lambda: two.served("Lisboa").pool.faults.add("VM.set_affinity", delay=0.5))
    job = two.jobs.start(plan)
    await until(lambda: fault.seen)
    fields = ("uuid", "name_label", "SR", "virtual_size", "physical_utilisation", "type")
    two.site.run(lambda: add_vdi(pool, {k: kept[k] for k in fields}, EMPTY) and None)
    (vm,) = await end(two, job)
    assert (vm.state, vm.verified) == (State.done, False), vm.message
    assert "source of the disk" in vm.message
