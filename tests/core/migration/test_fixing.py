"""What comes next in a fix, of what the server shows."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.core.site import TwoPools
from xsmigui.core.migration.exchange import JOB, OWN_SNAPSHOT
from xsmigui.core.migration.fixes import (
    DeleteSnapshots,
    DisableCbt,
    Doomed,
    EjectCd,
    Fix,
    SetDefaultSr,
    ShutDown,
    ShutDownHere,
    Unblock,
)
from xsmigui.core.migration.fixing import (
    doomed_disks,
    fix_plan,
    left_alone,
    looked_at,
    next_step,
    noted,
    outcome,
)
from xsmigui.core.migration.holders import Hold, Holder
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.rules.general import OUR_BLOCK
from xsmigui.core.migration.steps import Done, Request, RollBack, Wait
from xsmigui.core.refs import HostRef, PoolId, PoolRef, SrRef, VbdRef, VdiRef, VmRef

P = PoolId("p")
VM, SNAP, CD, BLOCKED = VmRef("vm"), VmRef("snap"), VdiRef("cd"), ("migrate_send",)
CBT = DisableCbt(pool=P, vdi=VdiRef("d"), disk="web 0")
EJECT = EjectCd(pool=P, vm=VM, vbd=VbdRef("b"), vdi=CD, vm_name="web", cd="tools")
DEFAULT = SetDefaultSr(pool=P, pool_ref=PoolRef("pool"), sr=SrRef("s"), pool_name="Madrid", sr_name="NFS")
DELETE = DeleteSnapshots(pool=P, vm=VM, snapshots=(SNAP,), vm_name="web")
UNBLOCK = Unblock(pool=P, vm=VM, operations=BLOCKED, vm_name="web")
UNBLOCK_NOTED = Unblock(pool=P, vm=VM, operations=BLOCKED, vm_name="web", reasons=(f"{OUR_BLOCK} job",))
DEFAULT_NOTED = SetDefaultSr(
    pool=P, pool_ref=PoolRef("pool"), sr=SrRef("s"), pool_name="Madrid", sr_name="NFS", instead_of=SrRef("before")
)
DOWN = ShutDown(pool=P, vm=VM, vm_name="web")
HERE = ShutDownHere(pool=P, host=HostRef("h"), vm=VM, vm_name="web")
EVERY: tuple[Fix, ...] = (CBT, EJECT, DEFAULT, DELETE, UNBLOCK, DOWN, HERE)

GOES = Doomed(ref=VdiRef("s0"), uuid="uuid of s0", name="web 0", is_memory=False, used=1)
"""A disk of a snapshot that is deleted."""
DISK = {"uuid": "uuid of s0", "is_a_snapshot": True, "physical_utilisation": "1", "name_label": "web 0"}
TAKEN = {"uuid": "s", "snapshot_of": VM, "is_a_snapshot": True, "name_label": "before", "other_config": {}}

IN_DRIVE = {"VM": VM, "VDI": CD, "type": "CD"}
OURS = {"migrate_send": f"{OUR_BLOCK} job", "start": f"{OUR_BLOCK} job"}
OTHERS = {"migrate_send": "a backup", "start": f"{OUR_BLOCK} job"}
RUNS = {"uuid": "v", "power_state": "Running", "current_operations": {}, "resident_on": "h", "other_config": {}}


@pytest.mark.parametrize(
    ("fix", "records", "call"),
    [
        (CBT, {"d": {"cbt_enabled": True}}, ("VDI.disable_cbt", "d")),
        (EJECT, {"b": IN_DRIVE}, ("VBD.eject", "b")),
        (DEFAULT, {"pool": {"default_SR": "other"}}, ("pool.set_default_SR", "pool", "s")),
        (DELETE, {"vm": RUNS, "snap": TAKEN}, ("VM.destroy", "snap")),
        (DELETE, {"s0": DISK}, ("VDI.destroy", "s0")),
        (DELETE, {"vm": RUNS, "snap": TAKEN | {"snapshot_of": "another"}, "s0": DISK}, ("VDI.destroy", "s0")),
        (UNBLOCK, {"vm": {"blocked_operations": OURS}}, ("VM.remove_from_blocked_operations", "vm", "migrate_send")),
        (DOWN, {"vm": RUNS}, ("VM.clean_shutdown", "vm")),
        (HERE, {"vm": RUNS}, ("VM.clean_shutdown", "vm")),
    ],
)
def test_what_is_not_so_yet_is_called_for(fix: Fix, records: dict[str, Any], call: tuple[str, ...]) -> None:
    step = next_step(fix, (GOES,), records)
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
        (DELETE, {"vm": RUNS, "snap": TAKEN | {"snapshot_of": "another"}}),
        (DELETE, {"vm": RUNS, "snap": TAKEN | {"is_a_snapshot": False}}),
        (DELETE, {"s0": DISK | {"uuid": "another"}}),
        (DELETE, {"s0": DISK | {"is_a_snapshot": False}}),
        (DELETE, {"s0": DISK | {"physical_utilisation": "2"}}),
        (UNBLOCK_NOTED, {"vm": {"blocked_operations": {"migrate_send": f"{OUR_BLOCK} later job"}}}),
        (UNBLOCK, {"vm": {"blocked_operations": OTHERS}}),
        (DOWN, {"vm": RUNS | {"power_state": "Halted"}}),
    ],
)
def test_what_is_as_it_should_be_or_somebody_elses_stays(fix: Fix, records: dict[str, Any]) -> None:
    assert next_step(fix, (GOES,), records) == Done()


@pytest.mark.parametrize("hold", [hold for hold in Hold if hold is not Hold.unknown])
def test_a_disk_of_a_snapshot_that_anybody_holds_stays_and_is_named(hold: Hold) -> None:
    held = {"s0": (Holder(hold, name="somebody"),)}
    assert next_step(DELETE, (GOES,), {"s0": DISK}, held=held) == Done()
    assert [str(reason) for reason in left_alone(DELETE, (GOES,), {"s0": DISK}, held)] == ["web 0 is used by somebody."]


@pytest.mark.parametrize(("name", "of_vm", "is_needed"), [
    (f"{OWN_SNAPSHOT} j 1", "j", True),
    (f"{OWN_SNAPSHOT} j 1", "", False),  # the job has ended
    (f"{OWN_SNAPSHOT} j 1", "later", False),
    ("somebody's, taken meanwhile", "j", False),
])  # fmt: skip
def test_a_snapshot_that_a_job_needs_stays(name: str, of_vm: str, is_needed: bool) -> None:
    snapshot = TAKEN | {"name_label": name, "other_config": {JOB: "j"}}
    records = {"vm": RUNS | {"other_config": {JOB: of_vm} if of_vm else {}}, "snap": snapshot}
    assert isinstance(next_step(DELETE, (), records), Done) is is_needed
    told = [str(reason) for reason in left_alone(DELETE, (), records, {})]
    assert told == ([f"{name} is needed by job j."] if is_needed else [])


def test_what_is_left_is_named_with_the_reason() -> None:
    assert left_alone(DELETE, (GOES,), {"s0": DISK}, {}) == ()
    for changed, told in (({"uuid": "x"}, "another disk"), ({"physical_utilisation": "2"}, "written to since")):
        (reason,) = left_alone(DELETE, (GOES,), {"s0": DISK | changed}, {})
        assert told in str(reason)
    (reason,) = left_alone(DELETE, (GOES,), {"vm": RUNS, "snap": TAKEN | {"is_a_snapshot": False}}, {})
    assert str(reason) == "before is no snapshot of web any more."
    assert left_alone(DELETE, (), {"snap": TAKEN}, {}) == ()  # its VM is gone, of which the job itself speaks


SNAPSHOTS: dict[str, tuple[Callable[[TwoPools, VmRef], object], set[str]]] = {
    "as it was made": (lambda s, snap: None, {"disk", "memory"}),
    "of another VM": (lambda s, snap: s.madrid.set(snap, snapshot_of=s.db), set()),
    "gone": (lambda s, snap: s.madrid.remove(snap), set()),
    "without memory": (lambda s, snap: s.madrid.set(snap, suspend_VDI="OpaqueRef:NULL"), {"disk"}),
    "its memory is gone": (lambda s, snap: s.madrid.remove(s.madrid.get(snap).suspend_VDI), {"disk"}),
    "its memory is another's too": (
        lambda s, snap: s.madrid.set(s.sleeper, suspend_VDI=s.madrid.get(snap).suspend_VDI), {"disk"},
    ),
    "its disk is another's too": (lambda s, snap: s.madrid.attach(s.db, disk_of(s, snap)), {"memory"}),
    "its disk is its VM's own": (lambda s, snap: s.madrid.set(disk_of(s, snap), is_a_snapshot=False), {"memory"}),
}  # fmt: skip


def disk_of(site: TwoPools, vm: VmRef) -> VdiRef:
    return VdiRef(next(site.madrid.get(vbd).VDI for vbd in site.madrid.get_all("VBD", VM=vm)))


@pytest.mark.parametrize("what", SNAPSHOTS)
def test_the_disks_that_go_with_a_snapshot_are_its_own(what: str) -> None:
    change, named = SNAPSHOTS[what]
    site = TwoPools()
    snap = site.madrid.snapshot(site.files, "before", memory_on=site.m_nfs)
    refs = {disk_of(site, snap): "disk", site.madrid.get(snap).suspend_VDI: "memory"}
    change(site, snap)
    fix = DeleteSnapshots(pool=P, vm=site.files, snapshots=(snap,), vm_name="files")
    found = doomed_disks(fix, site.madrid.inventory())
    assert {refs[ref] for ref in found} == named
    assert doomed_disks(DOWN, site.madrid.inventory()) == ()


def test_a_connection_that_is_not_known_might_be_anybody_s() -> None:
    site = TwoPools()
    snap = site.madrid.snapshot(site.files, "before")
    disk = disk_of(site, snap)
    fix = DeleteSnapshots(pool=P, vm=site.files, snapshots=(snap,), vm_name="files")
    known = site.madrid.inventory()
    assert doomed_disks(fix, known) == (disk,)
    record = known.VDI[disk]
    more = known.with_record("VDI", disk, replace(record, VBDs=[*record.VBDs, VbdRef("OpaqueRef:not heard of yet")]))
    assert doomed_disks(fix, more) == ()


@pytest.mark.parametrize(
    ("fix", "records", "why"),
    [
        (DELETE, {"snap": TAKEN}, "no longer exists"),
        (HERE, {"vm": RUNS | {"resident_on": "another"}}, "no longer on the host"),
        (DEFAULT_NOTED, {"pool": {"default_SR": "a third"}}, "another default SR"),
    ],
)
def test_what_is_no_longer_what_it_was_offered_for_is_refused(fix: Fix, records: dict[str, Any], why: str) -> None:
    step = next_step(fix, (), records)
    assert isinstance(step, RollBack)
    assert why in str(step.reason)


def test_what_stands_as_it_did_is_done() -> None:
    pool, vm = {"pool": {"default_SR": "before"}}, {"vm": {"blocked_operations": OURS}}
    assert isinstance(next_step(DEFAULT_NOTED, (), pool), Request)
    assert isinstance(next_step(UNBLOCK_NOTED, (), vm), Request)


@pytest.mark.parametrize("fix", EVERY, ids=lambda fix: fix.name)
def test_what_is_gone_needs_no_call(fix: Fix) -> None:
    assert next_step(fix, (), {}) == Done()
    assert looked_at(fix)
    assert str(outcome(fix)).endswith(".")


def test_a_shutdown_is_waited_for_and_asked_for_once() -> None:
    """A VM may be set to start again by itself."""
    assert isinstance(next_step(DOWN, (), {"vm": RUNS | {"current_operations": {"t": "clean_shutdown"}}}), Wait)
    for fix in (DOWN, HERE):
        asked = next_step(fix, (), {"vm": RUNS})
        assert isinstance(asked, Request)
        assert (asked.is_task, asked.then) == (True, {"followed": 1})  # which `calls` is counted by
        assert next_step(fix, (), {"vm": RUNS}, calls=1) == Done()


def test_the_plan_of_a_fix_is_about_what_it_is_done_to() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    fix = ShutDown(pool=inventory.id, vm=site.web, vm_name="web")
    plan = fix_plan(fix, inventory)
    (move,) = plan.moves
    assert (move.kind, move.fix, move.calls) == (Kind.fix, fix, ())
    assert (move.vm.ref, move.vm.uuid, move.vm.name) == (site.web, inventory.VM[site.web].uuid, "web")
    assert not plan.crosses


@pytest.mark.parametrize("is_a_snapshot", [True, False])
def test_a_disk_that_is_to_go_is_noted_as_it_is(is_a_snapshot: bool) -> None:
    """One that is no snapshot is the image of a snapshot's memory."""
    record = DISK | {"is_a_snapshot": is_a_snapshot, "physical_utilisation": "7"}
    found = noted(VdiRef("s0"), record)
    assert (found.ref, found.uuid, found.name) == ("s0", "uuid of s0", "web 0")
    assert (found.is_memory, found.used) == (not is_a_snapshot, 7)
