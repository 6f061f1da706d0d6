"""What comes next in a fix, of what the server shows."""

from typing import Any

import pytest

from tests.core.site import TwoPools
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    EjectCd,
    Fix,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    Unblock,
)
from xsmigui.core.migration.fixing import fix_plan, looked_at, next_step, outcome
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.rules.general import OUR_BLOCK
from xsmigui.core.migration.steps import Done, Request, Wait
from xsmigui.core.refs import HostRef, PoolId, PoolRef, SrRef, VbdRef, VdiRef, VmRef

P = PoolId("p")
VM, SNAP, CD, BLOCKED = VmRef("vm"), VmRef("snap"), VdiRef("cd"), ("migrate_send",)
CBT = DisableCbt(pool=P, vdi=VdiRef("d"), disk="web 0")
EJECT = EjectCd(pool=P, vm=VM, vbd=VbdRef("b"), vdi=CD, vm_name="web", cd="tools")
DEFAULT = SetDefaultSr(pool=P, pool_ref=PoolRef("pool"), sr=SrRef("s"), pool_name="Madrid", sr_name="NFS")
DELETE = DeleteSnapshots(pool=P, vm=VM, snapshots=(SNAP,), vm_name="web")
UNBLOCK = Unblock(pool=P, vm=VM, operations=BLOCKED, vm_name="web")
DOWN = ShutDown(pool=P, vm=VM, vm_name="web")
HERE = ShutDownHere(pool=P, host=HostRef("h"), vm=VM, vm_name="web")
EVERY: tuple[Fix, ...] = (CBT, EJECT, DEFAULT, DELETE, UNBLOCK, DOWN, HERE)

IN_DRIVE = {"VM": VM, "VDI": CD, "type": "CD"}
OURS = {"migrate_send": f"{OUR_BLOCK} job", "start": f"{OUR_BLOCK} job"}
OTHERS = {"migrate_send": "a backup", "start": f"{OUR_BLOCK} job"}
RUNS = {"power_state": "Running", "current_operations": {}}


@pytest.mark.parametrize(
    ("fix", "records", "call"),
    [
        (CBT, {"d": {"cbt_enabled": True}}, ("VDI.disable_cbt", "d")),
        (EJECT, {"b": IN_DRIVE}, ("VBD.eject", "b")),
        (DEFAULT, {"pool": {"default_SR": "other"}}, ("pool.set_default_SR", "pool", "s")),
        (DELETE, {"snap": {"snapshot_of": VM, "name_label": "before"}}, ("VM.destroy", "snap")),
        (DELETE, {"s0": {"VBDs": [], "name_label": "web 0"}}, ("VDI.destroy", "s0")),
        (UNBLOCK, {"vm": {"blocked_operations": OURS}}, ("VM.remove_from_blocked_operations", "vm", "migrate_send")),
        (DOWN, {"vm": RUNS}, ("VM.clean_shutdown", "vm")),
        (HERE, {"vm": RUNS}, ("VM.clean_shutdown", "vm")),
    ],
)
def test_what_is_not_so_yet_is_called_for(fix: Fix, records: dict[str, Any], call: tuple[str, ...]) -> None:
    step = next_step(fix, ("s0",), records)
    assert isinstance(step, Request)
    assert (step.method, *step.params) == call


@pytest.mark.parametrize(
    ("fix", "records"),
    [
        (CBT, {"d": {"cbt_enabled": False}}),
        (EJECT, {"b": IN_DRIVE | {"VDI": "another"}}),
        (EJECT, {"b": IN_DRIVE | {"VM": "another"}}),
        (EJECT, {"b": IN_DRIVE | {"type": "Disk"}}),
        (DEFAULT, {"pool": {"default_SR": "s"}}),
        (DELETE, {"snap": {"snapshot_of": "another", "name_label": "before"}}),
        (DELETE, {"s0": {"VBDs": ["somebody"], "name_label": "web 0"}}),
        (UNBLOCK, {"vm": {"blocked_operations": OTHERS}}),
        (DOWN, {"vm": RUNS | {"power_state": "Halted"}}),
    ],
)
def test_what_is_as_it_should_be_or_somebody_elses_stays(fix: Fix, records: dict[str, Any]) -> None:
    assert next_step(fix, ("s0",), records) == Done()


@pytest.mark.parametrize("fix", EVERY, ids=lambda fix: fix.name)
def test_what_is_gone_needs_no_call(fix: Fix) -> None:
    assert next_step(fix, (), {}) == Done()
    assert looked_at(fix)
    assert str(outcome(fix)).endswith(".")


def test_a_shutdown_is_waited_for_and_asked_for_once() -> None:
    """A VM may be set to start again by itself."""
    assert isinstance(next_step(DOWN, (), {"vm": RUNS | {"current_operations": {"t": "clean_shutdown"}}}), Wait)
    assert next_step(DOWN, (), {"vm": RUNS}, calls=1) == Done()


def test_the_plan_of_a_fix_is_about_what_it_is_done_to() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    fix = ShutDown(pool=inventory.id, vm=site.web, vm_name="web")
    plan = fix_plan(fix, inventory)
    (move,) = plan.moves
    assert (move.kind, move.fix, move.calls) == (Kind.fix, fix, ())
    assert (move.vm.ref, move.vm.uuid, move.vm.name) == (site.web, inventory.VM[site.web].uuid, "web")
    assert not plan.crosses
