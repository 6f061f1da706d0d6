"""What comes next for a host's maintenance, of what its record shows; and what undoes a fix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.site import TwoPools
from xsmigui.core.migration.evacuation import HALTED, LISTS, MODE, MOVED
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    EjectCd,
    EnableCbt,
    EnterMaintenance,
    Fix,
    InsertCd,
    LeaveMaintenance,
    SetCompression,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    StartVm,
    StrikeOff,
    Unblock,
)
from xsmigui.core.migration.fixing import can_roll_back, fixes_plan, looked_at, next_step, next_step_back
from xsmigui.core.migration.host_fixes import settled
from xsmigui.core.migration.steps import Done, Request
from xsmigui.core.migration.undoing import undoing
from xsmigui.core.refs import HostRef, PoolId, PoolRef, SrRef, VbdRef, VdiRef, VmRef

P, H, VM = PoolId("p"), HostRef("h"), VmRef("vm")
ENTER = EnterMaintenance(pool=P, host=H, host_name="m1", lists={MOVED: "a,b", HALTED: ""}, was_enabled=True)
FOR_GOOD = EnterMaintenance(pool=P, host=H, host_name="m1", lists={}, for_good=True)
LEAVE = LeaveMaintenance(pool=P, host=H, host_name="m1")
STRIKE = StrikeOff(pool=P, host=H, host_name="m1", lists={MOVED: "", HALTED: "c"})
START = StartVm(pool=P, vm=VM, vm_name="web")
THERE = StartVm(pool=P, vm=VM, vm_name="web", host=H, host_name="m1")
HERE = ShutDownHere(pool=P, host=H, vm=VM, vm_name="web", lists={HALTED: "a"})
ON = SetCompression(pool=P, pool_ref=PoolRef("pool"), pool_name="Madrid", on=True)
CBT = EnableCbt(pool=P, vdi=VdiRef("d"), disk="web 0")
INSERT = InsertCd(pool=P, vm=VM, vbd=VbdRef("b"), vdi=VdiRef("cd"), vm_name="web", cd="tools")

DRIVE = {"VM": VM, "type": "CD", "empty": True}
RUNS = {"power_state": "Running", "current_operations": {}, "resident_on": "h"}


def host(enabled: bool, **config: str) -> dict[str, dict[str, Any]]:
    return {"h": {"enabled": enabled, "other_config": config}}


@pytest.mark.parametrize(
    ("fix", "records", "call"),
    [
        (ENTER, host(True), ("host.disable", "h")),
        (FOR_GOOD, host(True), ("host.disable", "h", False)),
        (ENTER, host(False), ("host.add_to_other_config", "h", MODE, "true")),
        (ENTER, host(False, **{MODE: "false"}), ("host.remove_from_other_config", "h", MODE)),
        (ENTER, host(False, **{MODE: "true", MOVED: "a"}), ("host.remove_from_other_config", "h", MOVED)),
        (ENTER, host(False, **{MODE: "true"}), ("host.add_to_other_config", "h", MOVED, "a,b")),
        (ENTER, host(False, **{MODE: "true", MOVED: "a,b", HALTED: "x"}),
         ("host.remove_from_other_config", "h", HALTED)),
        (ENTER, host(False, **{MODE: "true", MOVED: "a,b"}), None),
        (ENTER, {}, None),
        (LEAVE, host(False, **{MODE: "true"}), ("host.enable", "h")),
        (LEAVE, host(True, **{MODE: "true"}), ("host.remove_from_other_config", "h", MODE)),
        (LEAVE, host(True, **{MOVED: "a"}), None),
        (STRIKE, host(True, **{MOVED: "a", HALTED: "c"}), ("host.remove_from_other_config", "h", MOVED)),
        (STRIKE, host(True, **{HALTED: "c"}), None),
        (HERE, {"vm": RUNS, **host(True)}, ("host.add_to_other_config", "h", HALTED, "a")),
        (HERE, {"vm": RUNS, **host(True, **{HALTED: "a"})}, ("VM.clean_shutdown", "vm")),
        (START, {"vm": {"power_state": "Halted"}}, ("VM.start", "vm", False, False)),
        (START, {"vm": {"power_state": "Suspended"}}, ("VM.resume", "vm", False, False)),
        (THERE, {"vm": {"power_state": "Halted"}}, ("VM.start_on", "vm", "h", False, False)),
        (THERE, {"vm": {"power_state": "Suspended"}}, ("VM.resume_on", "vm", "h", False, False)),
        (START, {"vm": {"power_state": "Running"}}, None),
        (START, {"vm": {"power_state": "Paused"}}, None),
        (START, {}, None),
        (ON, {"pool": {"migration_compression": False}}, ("pool.set_migration_compression", "pool", True)),
        (ON, {"pool": {"migration_compression": True}}, None),
        (ON, {}, None),
        (CBT, {"d": {"cbt_enabled": False}}, ("VDI.enable_cbt", "d")),
        (CBT, {"d": {"cbt_enabled": True}}, None),
        (CBT, {}, None),
        (INSERT, {"b": DRIVE}, ("VBD.insert", "b", "cd")),
        (INSERT, {"b": DRIVE | {"empty": False}}, None),
        (INSERT, {"b": DRIVE | {"VM": "another"}}, None),
        (INSERT, {"b": DRIVE | {"type": "Disk"}}, None),
    ],
)  # fmt: skip
def test_what_comes_next(fix: Fix, records: dict[str, Any], call: tuple[Any, ...] | None) -> None:
    assert {ref for _cls, ref in looked_at(fix)} >= set(records)
    step = next_step(fix, (), records)
    if call is None:
        assert isinstance(step, Done)
    else:
        assert isinstance(step, Request)
        assert (step.method, *step.params) == call


def test_a_start_is_asked_for_once() -> None:
    assert isinstance(next_step(START, (), {"vm": {"power_state": "Halted"}}, calls=1), Done)


@pytest.mark.parametrize(
    ("fix", "records", "call"),
    [
        (ENTER, host(False, **{MODE: "true"}), ("host.enable", "h")),
        (ENTER, host(True, **{MODE: "true"}), ("host.remove_from_other_config", "h", MODE)),
        (ENTER, host(True), None),
        (ENTER, {}, None),
        (FOR_GOOD, host(False), None),  # it was disabled before
    ],
)
def test_the_way_back(fix: Fix, records: dict[str, Any], call: tuple[Any, ...] | None) -> None:
    assert can_roll_back(fix)
    step = next_step_back(fix, records)
    if call is None:
        assert isinstance(step, Done)
    else:
        assert isinstance(step, Request)
        assert (step.method, *step.params) == call


def test_what_was_marked_before_stays_marked() -> None:
    marked = EnterMaintenance(pool=P, host=H, host_name="m1", lists={}, was_enabled=True, was_marked=True)
    assert isinstance(next_step_back(marked, host(True, **{MODE: "true"})), Done)
    assert not can_roll_back(LEAVE)


def test_what_a_host_is_to_hold_is_noted_as_its_server_has_it_now() -> None:
    """The events of what was written last may still be on their way."""
    site = TwoPools()
    inventory = site.madrid.inventory()
    waits = inventory.VM[site.web].uuid  # runs on m1
    record = {"enabled": True, "other_config": {MOVED: waits, MODE: "true"}}
    entering = EnterMaintenance(pool=inventory.id, host=site.m2, host_name="m2", leaving=())
    found = settled(entering, record, inventory)
    assert isinstance(found, EnterMaintenance)
    assert found.lists == dict.fromkeys(LISTS, "") | {MOVED: waits}
    assert (found.was_enabled, found.was_marked) == (True, True)
    back = StrikeOff(pool=inventory.id, host=site.m1, host_name="m1")
    struck = settled(back, record, inventory)
    assert isinstance(struck, StrikeOff)
    assert struck.lists == dict.fromkeys(LISTS, "")  # it runs there, so it waits no longer
    everybody = settled(StrikeOff(pool=inventory.id, host=site.m2, host_name="m2", everybody=True), record, inventory)
    assert isinstance(everybody, StrikeOff)
    assert everybody.lists == dict.fromkeys(LISTS, "")
    assert settled(LEAVE, record, inventory) is LEAVE


def test_who_is_shut_down_for_the_maintenance_is_noted_with_those_before() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    record = {"enabled": True, "other_config": {HALTED: "earlier"}}
    fix = ShutDownHere(pool=inventory.id, host=site.m1, vm=site.web, vm_name="web")
    found = settled(fix, record, inventory)
    assert isinstance(found, ShutDownHere)
    assert found.lists[HALTED] == f"earlier,{inventory.VM[site.web].uuid}"
    gone = ShutDownHere(pool=inventory.id, host=site.m1, vm=VmRef("gone"), vm_name="web")
    assert settled(gone, record, inventory) is gone


def test_several_are_done_one_after_the_other() -> None:
    inventory = TwoPools().madrid.inventory()
    assert fixes_plan((START, THERE), inventory).at_once == 1
    assert fixes_plan((START,), inventory).at_once == 0


@pytest.mark.parametrize(
    ("fix", "undo"),
    [
        (DisableCbt(pool=P, vdi=VdiRef("d"), disk="web 0"), CBT),
        (CBT, DisableCbt(pool=P, vdi=VdiRef("d"), disk="web 0")),
        (EjectCd(pool=P, vm=VM, vbd=VbdRef("b"), vdi=VdiRef("cd"), vm_name="web", cd="tools"), INSERT),
        (INSERT, EjectCd(pool=P, vm=VM, vbd=VbdRef("b"), vdi=VdiRef("cd"), vm_name="web", cd="tools")),
        (ShutDown(pool=P, vm=VM, vm_name="web"), START),
        (HERE, START),
        (ON, SetCompression(pool=P, pool_ref=PoolRef("pool"), pool_name="Madrid", on=False)),
        (ENTER, LEAVE),
        (LEAVE, EnterMaintenance(pool=P, host=H, host_name="m1")),
        (STRIKE, None),
        (START, None),
        (DeleteSnapshots(pool=P, vm=VM, snapshots=(), vm_name="web"), None),
        (Unblock(pool=P, vm=VM, operations=(), vm_name="web"), None),
    ],
)
def test_what_undoes_a_fix(fix: Fix, undo: Fix | None) -> None:
    assert undoing(fix, None) == undo


def test_the_former_default_sr_is_set_again_if_it_is_there() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()

    def set_default(before: SrRef | None) -> SetDefaultSr:
        return SetDefaultSr(
            pool=inventory.id,
            pool_ref=inventory.pool_ref,
            sr=site.m_iscsi,
            pool_name="Madrid",
            sr_name="iSCSI",
            instead_of=before,
        )

    back = undoing(set_default(site.m_nfs), inventory)
    assert isinstance(back, SetDefaultSr)
    assert (back.sr, back.instead_of) == (site.m_nfs, site.m_iscsi)
    assert undoing(set_default(site.m_nfs), None) is None
    assert undoing(set_default(None), inventory) is None
    assert undoing(set_default(SrRef("gone")), inventory) is None
