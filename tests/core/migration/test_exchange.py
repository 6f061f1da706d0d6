"""Copy and exchange as a table: what is noted, what the server shows, and what is next. No server, no loop."""

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as noted

from xsmigui.core.migration.exchange import (
    BLOCKED,
    JOB,
    KEPT,
    TAG,
    ExchangeSpec,
    ExchangeState,
    Replacement,
    can_roll_back,
    next_step,
)
from xsmigui.core.migration.sameness import OtherConnection, Signs, is_whole
from xsmigui.core.migration.steps import ANSWER, Done, Note, Pending, Request, RollBack, Step, Stop, Wait

NAME = "20260101-000000-abcd"
SIZE = 8 << 30


def vdi(uuid: str, **fields: Any) -> dict[str, Any]:
    """A disk's record; it is free."""
    record = {
        "uuid": uuid, "name_label": "data", "name_description": "", "virtual_size": SIZE,
        "physical_utilisation": 1 << 30,
        "managed": True, "missing": False, "VBDs": [], "other_config": {}, "tags": [], "type": "user", "snapshots": [],
        "is_a_snapshot": False, "current_operations": {}, "SR": "old SR",
    }  # fmt: skip
    return record | fields


def vbd(disk: str, position: str = "0") -> dict[str, Any]:
    return {
        "VDI": disk, "userdevice": position, "type": "Disk", "empty": False, "VM": "vm", "mode": "RW", "device": "",
        "bootable": False, "unpluggable": True, "other_config": {}, "qos_algorithm_type": "",
        "qos_algorithm_params": {},
    }  # fmt: skip


SIGNS = Signs(uuid="old", size=SIZE, used=1 << 30, started="never")
REASON = f"xsmigui: its virtual disks are being moved (job {NAME})"
IT = Replacement(old="old", sr="new SR", vdi=vdi("old"), vbd=vbd("old"))
COPIED = noted(IT, new="new", complete=True, copied=True, scanned=True, signs=SIGNS, watch="1")
SPEC = ExchangeSpec(NAME, "vm", "vm-uuid", (COPIED,), True, "2026-01-01", "2026-01-08", blocks={})


def vm(**fields: Any) -> dict[str, Any]:
    record = {
        "uuid": "vm-uuid",
        "power_state": "Halted",
        "other_config": {JOB: NAME},
        "blocked_operations": dict.fromkeys(BLOCKED, REASON),
    }
    return record | fields


MARKED = {"other_config": {JOB: NAME}}


def state(**fields: Any) -> ExchangeState:
    """The copy is complete and connected to nothing; the disk is at its position."""
    known: dict[str, Any] = {
        "vm": vm(),
        "vdis": {"old": vdi("old", VBDs=["v0"], **MARKED), "new": vdi("new", SR="new SR", **MARKED)},
        "vbds": {"v0": vbd("old")},
        "free": ("1", "2"),
        "started": "never",
        "watch": "1",
    }
    return ExchangeState(**(known | fields))


def swapped(**fields: Any) -> ExchangeState:
    """The copy is in the disk's place, and the disk is released."""
    disks = {"old": vdi("old", **MARKED), "new": vdi("new", SR="new SR", VBDs=["v1"], **MARKED)}
    return state(**({"vdis": disks, "vbds": {"v1": vbd("new")}} | fields))


def asks(step: Step, method: str) -> bool:
    return isinstance(step, Request) and step.method == method


def gives_up(step: Step) -> bool:
    return isinstance(step, RollBack | Stop)


def with_disk(found: ExchangeState, ref: str, **fields: Any) -> ExchangeState:
    return replace(found, vdis={**found.vdis, ref: {**found.vdis[ref], **fields}})


def test_all_is_well() -> None:
    assert asks(next_step(SPEC, state()), "VBD.create")


# Whole, or not.


@pytest.mark.parametrize(("fields", "whole"), [
    ({}, True), ({"missing": True}, False), ({"managed": False}, False), ({"managed": False, "missing": True}, False),
])  # fmt: skip
def test_a_disk_is_whole(fields: dict[str, bool], whole: bool) -> None:
    assert is_whole(vdi("x", **fields)) is whole
    assert not is_whole(None)


@pytest.mark.parametrize("ref", ["old", "new"])
@pytest.mark.parametrize("fields", [{"missing": True}, {"managed": False}])
def test_a_disk_that_its_sr_no_longer_has(ref: str, fields: dict[str, bool]) -> None:
    assert gives_up(next_step(SPEC, with_disk(state(), ref, **fields)))


def test_a_source_that_is_missing_is_no_way_back() -> None:
    assert can_roll_back(SPEC, state())
    assert not can_roll_back(SPEC, with_disk(state(), "old", missing=True))


def test_a_source_is_not_removed_for_a_copy_that_is_missing() -> None:
    spec = replace(SPEC, keeps=False, settled=True, replacements=(noted(COPIED, placed=True),))
    assert asks(next_step(spec, swapped()), "VDI.destroy")
    assert next_step(spec, with_disk(swapped(), "new", missing=True)) == Note({"keeps": True})


# Written to, or not.


@pytest.mark.parametrize(("changed", "safe"), [
    ({}, True),
    ({"power_state": "Running"}, False),
    ({"blocked_operations": {}}, False),
    ({"blocked_operations": dict.fromkeys(set(BLOCKED) - {"start"}, REASON)}, False),
    ({"blocked_operations": dict.fromkeys(set(BLOCKED) - {"clone"}, REASON)}, True),
])  # fmt: skip
def test_a_vm_that_may_have_run_on_its_new_disk_keeps_it(changed: dict[str, Any], safe: bool) -> None:
    assert can_roll_back(replace(SPEC, blocks=None), swapped(vm=vm(**changed))) is safe
    assert can_roll_back(replace(SPEC, blocks=None), state(vm=vm(**changed)))  # nothing new is connected


@pytest.mark.parametrize("operation", BLOCKED)
def test_a_block_that_was_lifted(operation: str) -> None:
    spec = replace(SPEC, blocks={"destroy": "somebody's"})
    blocks = dict.fromkeys(BLOCKED, REASON) | {"destroy": "somebody's"}
    assert not gives_up(next_step(spec, state(vm=vm(blocked_operations=blocks))))
    lifted = {name: reason for name, reason in blocks.items() if name != operation}
    found = next_step(replace(spec, blocks=blocks), state(vm=vm(blocked_operations=lifted)))
    assert gives_up(found)


def test_the_vm_was_started_meanwhile() -> None:
    assert gives_up(next_step(SPEC, state(started="today")))
    assert not can_roll_back(SPEC, swapped(started="today"))


@pytest.mark.parametrize("gap", [{"unwatched": True}, {"written": True}])
def test_a_new_disk_that_nobody_watched_stays(gap: dict[str, bool]) -> None:
    """The VM may have run on it and been shut down since: nothing that the server shows would be different."""
    spec = replace(SPEC, replacements=(noted(COPIED, **gap),))
    assert not can_roll_back(spec, swapped())
    assert can_roll_back(spec, state())  # the VM has its old disk


@pytest.mark.parametrize(("config", "back"), [
    ({JOB: NAME}, True),
    ({JOB: NAME, KEPT: "{}"}, True),  # kept, but the mark is still there: so are those of the other disks
    ({KEPT: "{}"}, False),
    ({}, True),
])  # fmt: skip
def test_a_new_disk_of_no_vm_may_be_used_once_its_source_is_dismissed(config: dict[str, str], back: bool) -> None:
    loose = replace(SPEC, vm="", settled=True, replacements=(noted(COPIED, vbd={}, placed=True),))
    disks = {"old": vdi("old", other_config=config), "new": vdi("new", **MARKED)}
    assert can_roll_back(loose, state(vm=None, vdis=disks, vbds={})) is back


def test_the_disk_has_become_larger() -> None:
    assert next_step(SPEC, with_disk(state(), "old", virtual_size=2 * SIZE)) == Note({"void": True}, 0)


def test_another_disk_under_the_same_reference() -> None:
    assert gives_up(next_step(SPEC, with_disk(state(), "old", uuid="other")))


# Copies.


def test_a_copy_that_is_too_small() -> None:
    spec = replace(SPEC, replacements=(noted(COPIED, complete=False),))
    assert next_step(spec, state()) == Note({"complete": True}, 0)
    assert next_step(spec, with_disk(state(), "new", virtual_size=2 * SIZE)) == Note({"complete": True}, 0)
    assert gives_up(next_step(spec, with_disk(state(), "new", virtual_size=SIZE - 512)))


def test_no_copy_goes_into_a_disk_of_unknown_state() -> None:
    """The answer to the copy was lost: the server may still write, or has written something."""
    it = noted(IT, new="new", signs=SIGNS, watch="1")
    spec = replace(SPEC, replacements=(it,), pending=Pending(method="VDI.copy", disk=0))
    busy = with_disk(state(), "new", VBDs=["of the control domain"])
    assert isinstance(next_step(spec, busy), Wait)
    assert next_step(spec, state()) == Note({"void": True}, 0)
    void = replace(SPEC, replacements=(noted(it, void=True),))
    assert asks(next_step(void, state()), "VDI.destroy")
    gone = {"old": state().vdis["old"]}
    assert not asks(next_step(void, state(vdis=gone)), "VDI.copy")


def test_a_void_copy_that_somebody_holds_is_left_without_our_mark() -> None:
    """A snapshot was made of the VM while the copy was connected, say: it is copied anew beside it."""
    spec = replace(SPEC, replacements=(noted(COPIED, void=True, complete=False),))
    held = {"new": (OtherConnection("v9", "somebody", False, False),)}
    found = with_disk(state(holders=held), "new", VBDs=["v9"])
    step = next_step(spec, found)
    assert isinstance(step, Request)
    assert (step.method, step.params) == ("VDI.remove_from_other_config", ("new", JOB))
    after = next_step(spec, with_disk(found, "new", other_config={}))
    assert isinstance(after, Note)
    assert (after.changes["new"], after.changes["copies"]) == ("", 1)


@pytest.mark.parametrize("copied", [True, False])
def test_a_copy_in_the_making_that_is_gone_is_made_anew(copied: bool) -> None:
    spec = replace(SPEC, replacements=(noted(COPIED, complete=False, scanned=False, copied=copied),))
    found = next_step(spec, state(vdis={"old": state().vdis["old"]}))
    assert isinstance(found, Note)
    assert (found.changes["new"], found.changes["copied"], found.changes["copies"]) == ("", False, 1)


@pytest.mark.parametrize(("unprovable", "size"), [("refused", SIZE), ("", SIZE + (4 << 20))])
@pytest.mark.parametrize("doubt", [{"watch": "2"}, {"used": 1 << 31}])
def test_a_doubtful_copy_that_cannot_be_compared_is_void(unprovable: str, size: int, doubt: dict[str, Any]) -> None:
    spec = replace(SPEC, replacements=(noted(COPIED, unprovable=unprovable),))
    found = with_disk(state(watch=doubt.get("watch", "1")), "new", virtual_size=size)
    found = with_disk(found, "old", physical_utilisation=doubt.get("used", 1 << 30))
    assert next_step(spec, found) == Note({"void": True}, 0)


def putting_back(**fields: Any) -> ExchangeSpec:
    """A kept source goes back to its VM: nothing is copied."""
    it = noted(IT, new="new", spare=vdi("new", SR="new SR", **fields), signs=SIGNS, watch="1")
    return replace(SPEC, replacements=(it,))


@pytest.mark.parametrize(("used", "goes_on"), [(1 << 30, True), (2 << 30, False), (1 << 29, False)])
def test_a_kept_source_that_is_written_to_while_it_is_put_back(used: int, goes_on: bool) -> None:
    found = next_step(putting_back(), with_disk(state(), "new", physical_utilisation=used))
    assert asks(found, "VBD.create") is goes_on
    assert gives_up(found) is not goes_on


@pytest.mark.parametrize(("used", "prove", "method"), [
    (1 << 30, False, "VBD.create"), (1 << 31, False, "VDI.checksum"), (1 << 30, True, "VDI.checksum"),
])  # fmt: skip
def test_what_is_doubtful_is_compared(used: int, prove: bool, method: str) -> None:
    spec = replace(SPEC, prove=prove, replacements=(noted(COPIED, summed="1"),))
    assert asks(next_step(spec, with_disk(state(), "old", physical_utilisation=used)), method)


def test_a_gap_in_the_watch_is_a_doubt() -> None:
    spec = replace(SPEC, replacements=(noted(COPIED, summed="2"),))
    assert asks(next_step(spec, state(watch="2")), "VDI.checksum")


def test_sums_that_differ() -> None:
    it = noted(COPIED, summed="1", sum_old="a", sum_new="b")
    assert gives_up(next_step(replace(SPEC, prove=True, replacements=(it,)), state()))
    same = noted(it, sum_new="a")
    found = next_step(replace(SPEC, prove=True, replacements=(same,)), state())
    assert isinstance(found, Note)
    assert found.changes["proven"] == "1"


def test_sums_of_different_sizes_prove_nothing() -> None:
    spec = replace(SPEC, prove=True, replacements=(noted(COPIED, summed="1"),))
    found = next_step(spec, with_disk(state(), "new", virtual_size=SIZE + (4 << 20)))
    assert isinstance(found, Note)
    assert "unprovable" in found.changes


# Whose it is.


def test_another_vm_has_the_disk() -> None:
    other = {"old": (OtherConnection("v9", "backup", False, False),)}
    assert gives_up(next_step(SPEC, state(holders=other)))
    control = {"old": (OtherConnection("v9", "Control domain", True, False),)}
    assert not gives_up(next_step(SPEC, state(holders=control)))


@pytest.mark.parametrize("where", ["vm", "old", "new"])
def test_the_mark_of_another_job(where: str) -> None:
    theirs = {JOB: "20260101-000000-ffff"}
    found = state(vm=vm(other_config=theirs)) if where == "vm" else with_disk(state(), where, other_config=theirs)
    step = next_step(SPEC, found)
    assert gives_up(step)
    assert "20260101-000000-ffff" in str(getattr(step, "reason", ""))


@pytest.mark.parametrize("position", ["0", "1"])
def test_exactly_one_connection_is_in_place(position: str) -> None:
    twice = {"v0": vbd("old"), "v9": vbd("old", position)}
    assert gives_up(next_step(SPEC, state(vbds=twice)))


def test_a_copy_that_is_connected_twice_is_not_as_the_job_left_it() -> None:
    once = {"v0": vbd("old"), "v1": vbd("new", "1")}
    assert asks(next_step(SPEC, state(vbds=once)), "VBD.destroy")
    assert gives_up(next_step(SPEC, state(vbds={**once, "v2": vbd("new", "2")})))


def test_somebody_else_s_disk_at_the_position() -> None:
    assert gives_up(next_step(SPEC, state(vbds={"v9": vbd("foreign")})))


# What becomes of the source.


@pytest.mark.parametrize(("changed", "removed"), [({}, True), ({"VBDs": ["v9"]}, False)])
def test_a_source_that_somebody_uses_is_not_removed(changed: dict[str, Any], removed: bool) -> None:
    spec = replace(SPEC, keeps=False, settled=True, replacements=(noted(COPIED, placed=True),))
    assert asks(next_step(spec, with_disk(swapped(), "old", **changed)), "VDI.destroy") is removed


def test_no_source_is_removed_once_somebody_has_lifted_a_block() -> None:
    """The VM may be started in the next moment, and the source is what the operator would return to."""
    spec = replace(removing(), blocks=dict.fromkeys(BLOCKED, REASON))
    assert asks(next_step(spec, swapped()), "VDI.destroy")
    lifted = vm(blocked_operations=dict.fromkeys(set(BLOCKED) - {"start"}, REASON))
    assert next_step(spec, swapped(vm=lifted)) == Note({"keeps": True})


@pytest.mark.parametrize("where", ["nowhere", "at another position", "beside another disk"])
def test_a_source_is_not_removed_unless_the_new_disk_is_in_its_place(where: str) -> None:
    """Somebody has released it, moved it, or put another one there since everything was seen in its place."""
    spec = replace(SPEC, keeps=False, settled=True, replacements=(noted(COPIED, placed=True),))
    assert asks(next_step(spec, swapped()), "VDI.destroy")
    there = {
        "nowhere": {},
        "at another position": {"v1": vbd("new", "3")},
        "beside another disk": {"v1": vbd("new"), "v2": vbd("another")},
    }
    assert next_step(spec, swapped(vbds=there[where])) == Note({"keeps": True})


def test_a_source_without_its_proof_is_not_removed() -> None:
    it = noted(COPIED, placed=True, unprovable="no such call")
    spec = replace(SPEC, keeps=False, settled=True, prove=True, replacements=(it,))
    assert next_step(spec, swapped()) == Note({"keeps": True})


def test_the_source_of_another_disk_is_left_alone() -> None:
    """A reference may be given again after the server's restart from another database."""
    spec = replace(SPEC, keeps=False, settled=True, replacements=(noted(COPIED, placed=True),))
    assert not asks(next_step(spec, with_disk(swapped(), "old", uuid="another")), "VDI.destroy")


def removing(**it: Any) -> ExchangeSpec:
    return replace(SPEC, keeps=False, settled=True, replacements=(noted(COPIED, placed=True, **it),))


PROVEN: dict[str, Any] = {"sum_old": "a", "sum_new": "a", "proven": "1", "summed": "1"}


def test_a_source_that_anybody_holds_is_not_removed() -> None:
    """The suspend image of some VM, or a disk on which another job works."""
    assert asks(next_step(removing(), swapped(held={"old": ()})), "VDI.destroy")
    assert next_step(removing(), swapped(held={"old": ("memory",)})) == Note({"keeps": True})


@pytest.mark.parametrize(("watch", "used"), [("2", 1 << 30), ("1", 1 << 31), ("2", 1 << 31)])
def test_before_a_source_is_removed_after_a_gap_its_content_is_looked_at_again(watch: str, used: int) -> None:
    """Somebody may have worked on it in the night between the exchange and its removal."""
    found = with_disk(swapped(watch=watch), "old", physical_utilisation=used)
    assert next_step(removing(), found) == Note({"keeps": True})
    assert next_step(removing(**PROVEN), found) == Note({"sum_last": "", "summed_last": watch}, 0)
    asked = next_step(removing(**PROVEN, summed_last=watch), found)
    assert isinstance(asked, Request)
    assert (asked.method, asked.params, asked.then) == ("VDI.checksum", ("old",), {"sum_last": ANSWER})
    assert asks(next_step(removing(**PROVEN, summed_last=watch, sum_last="a"), found), "VDI.destroy")
    assert next_step(removing(**PROVEN, summed_last=watch, sum_last="b"), found) == Note({"keeps": True})
    assert next_step(removing(**PROVEN, unprovable="refused"), found) == Note({"keeps": True})


@pytest.mark.parametrize("proven", [{}, PROVEN])
def test_a_source_that_was_watched_all_the_time_is_removed(proven: dict[str, Any]) -> None:
    assert asks(next_step(removing(**proven), swapped()), "VDI.destroy")


def test_a_kept_source_notes_what_it_occupied_when_it_was_copied() -> None:
    """Not what it occupies by now: somebody may have written to it since."""
    spec = replace(SPEC, settled=True, replacements=(noted(COPIED, placed=True),))
    kept = with_disk(swapped(), "old", name_label=spec.kept_name(COPIED), tags=[TAG], physical_utilisation=9 << 30)
    step = next_step(spec, kept)
    assert isinstance(step, Request)
    assert json.loads(step.params[2])["used"] == SIGNS.used


# Others work meanwhile.


def test_a_disk_that_was_extended_at_the_last_moment_is_put_back() -> None:
    """Between the look and the call that released it: its copy is all that the VM has, and is too small."""
    spec = replace(SPEC, replacements=(COPIED,))
    assert isinstance(next_step(spec, with_disk(swapped(), "old", virtual_size=2 * SIZE)), RollBack)


def test_a_void_copy_that_no_longer_bears_our_mark_is_somebody_s() -> None:
    spec = replace(SPEC, replacements=(noted(COPIED, complete=False, void=True),))
    assert asks(next_step(spec, state()), "VDI.destroy")
    assert not asks(next_step(spec, with_disk(state(), "new", other_config={})), "VDI.destroy")
    assert not asks(next_step(spec, state(held={"new": ("another job",)})), "VDI.destroy")


def test_a_void_copy_that_is_all_the_vm_has_gives_the_place_back_first() -> None:
    """Its content cannot be compared, say, since its SR is no longer attached to any host."""
    spec = replace(SPEC, replacements=(noted(COPIED, void=True),))
    found = swapped()
    step = next_step(spec, found)
    assert isinstance(step, Request)
    assert (step.method, step.params) == ("VBD.set_userdevice", ("v1", "1"))
    aside = {"v1": found.vbds["v1"] | {"userdevice": "1"}}
    step = next_step(spec, replace(found, vbds=aside))
    assert isinstance(step, Request)
    assert (step.method, step.params[0]["VDI"], step.params[0]["userdevice"]) == ("VBD.create", "old", "0")
    both = replace(found, vbds=aside | {"v0": vbd("old")})
    assert asks(next_step(spec, both), "VBD.destroy")
    of_none = replace(spec, vm="", vm_uuid="", replacements=(noted(COPIED, void=True, vbd={}),))
    assert asks(next_step(of_none, state(vm=None, vbds={})), "VDI.destroy")


@pytest.mark.parametrize("field", ["name_label", "name_description"])
def test_what_people_called_the_disk_meanwhile_its_successor_is_called(field: str) -> None:
    step = next_step(SPEC, with_disk(state(), "old", **{field: "by somebody"}))
    assert isinstance(step, Note)
    assert step.changes["vdi"][field] == "by somebody"
    spec = replace(SPEC, replacements=(noted(COPIED, **step.changes),))
    assert asks(next_step(spec, with_disk(state(), "old", **{field: "by somebody"})), "VBD.create")


# The way back.


def test_back_a_copy_without_our_mark_is_not_removed() -> None:
    spec = replace(SPEC, rolling_back=True)
    assert not asks(next_step(spec, with_disk(state(), "new", other_config={})), "VDI.destroy")
    assert not asks(next_step(spec, state(held={"new": ("memory",)})), "VDI.destroy")


def test_back_a_copy_whose_mark_went_when_all_was_settled_is_still_ours() -> None:
    spec = replace(SPEC, rolling_back=True, settled=True)
    step = next_step(spec, with_disk(swapped(), "new", other_config={}))
    assert isinstance(step, Request)
    assert (step.method, step.params) == ("VDI.add_to_other_config", ("new", JOB, f"{NAME} new"))


def test_back_where_the_copy_is_gone_and_its_connection_is_not() -> None:
    """Somebody has forgotten the destination's SR: the disk is connected again all the same."""
    gone = swapped(vdis={"old": vdi("old", **MARKED)})
    assert asks(next_step(replace(SPEC, rolling_back=True), gone), "VBD.set_userdevice")


def test_back_the_disk_is_connected_before_its_copy_is_released() -> None:
    spec = replace(SPEC, rolling_back=True)
    assert asks(next_step(spec, swapped()), "VBD.set_userdevice")
    moved = swapped(vbds={"v1": vbd("new", "1")})
    assert asks(next_step(spec, moved), "VBD.create")
    both = state(vbds={"v0": vbd("old"), "v1": vbd("new", "1")})
    assert asks(next_step(spec, both), "VBD.destroy")
    assert asks(next_step(spec, state()), "VDI.destroy")


def test_back_a_copy_that_somebody_holds_stays_without_our_mark() -> None:
    held = {"new": (OtherConnection("v9", "somebody", False, True),)}
    found = with_disk(state(holders=held), "new", VBDs=["v9"])
    step = next_step(replace(SPEC, rolling_back=True), found)
    assert asks(step, "VDI.remove_from_other_config")
    assert isinstance(step, Request)
    assert step.params == ("new", JOB)


THEIRS = {JOB: "20260101-000000-ffff"}


@pytest.mark.parametrize(("ours", "goes_back"), [
    ({}, False),
    ({"vm": vm(blocked_operations={})}, True),
    ({"vm": vm(other_config={})}, True),
    ({"new": MARKED["other_config"]}, True),
])  # fmt: skip
def test_back_where_another_job_has_marked_the_disk(ours: dict[str, Any], goes_back: bool) -> None:
    """What is ours goes; a job that came too late has changed nothing, and calls nothing."""
    disks = {"old": vdi("old", VBDs=["v0"], other_config=THEIRS), "new": vdi("new", other_config=ours.get("new", {}))}
    clean = vm(other_config={}, blocked_operations={})
    found = next_step(replace(SPEC, rolling_back=True), state(vdis=disks, vm=ours.get("vm", clean)))
    assert (found != Done()) is goes_back
    assert "old" not in getattr(found, "params", ())


def test_back_what_another_job_has_put_in_place_stays_there() -> None:
    """Two jobs were to put the same kept source back, and this one came too late."""
    disks = {"old": vdi("old", other_config=THEIRS), "new": vdi("new", VBDs=["v1"], name_label="web")}
    found = state(vdis=disks, vbds={"v1": vbd("new")}, vm=vm(other_config=THEIRS))
    spec = replace(putting_back(), rolling_back=True, blocks=None)
    assert next_step(spec, replace(found, vm=vm(other_config=THEIRS, blocked_operations={"start": "theirs"}))) == Done()


def calls_back(spec: ExchangeSpec, found: ExchangeState) -> list[tuple[str, ...]]:
    """The calls about the marks of disks on the way back."""
    made: list[tuple[str, ...]] = []
    while isinstance(step := next_step(replace(spec, rolling_back=True), found), Request) and len(made) < 9:
        made.append((step.method, *(str(param) for param in step.params)))
        if step.method == "VDI.remove_from_other_config":
            found = after(found, step)
        elif step.method == "VDI.add_to_other_config":
            ref, key, value = step.params
            found = with_disk(found, ref, other_config={**found.vdis[ref]["other_config"], key: value})
        else:
            break
    return [call for call in made if call[0].startswith("VDI.") and "other_config" in call[0]]


def test_back_a_kept_source_gets_its_note_again_and_no_mark_of_a_job() -> None:
    """It was the copy of a disk on which an earlier version worked, and has lost that mark when it got ours."""
    spec = putting_back(other_config={**THEIRS, KEPT: "its note"})
    assert calls_back(spec, state()) == [
        ("VDI.add_to_other_config", "new", KEPT, "its note"),
        ("VDI.remove_from_other_config", "new", JOB),
        ("VDI.remove_from_other_config", "old", JOB),
    ]


@pytest.mark.parametrize(("at_first", "now", "goes"), [
    ("", "old", True),
    ("inherited", "old", True),
    ("inherited", "inherited", False),  # it came along with a copy
    ("old", "old", False),  # a kept source that somebody has attached by hand
])  # fmt: skip
def test_back_the_note_goes_that_the_job_has_written(at_first: str, now: str, goes: bool) -> None:
    def note(uuid: str) -> dict[str, str]:
        fields = {"job": NAME, "vm": "", "position": "0", "by": "x", "name": "data", "until": "2026-01-08"}
        return {KEPT: json.dumps(fields | {"uuid": uuid})} if uuid else {}

    it = noted(COPIED, vdi=vdi("old", other_config=note(at_first)), new="")
    disks = {"old": vdi("old", VBDs=["v0"], other_config={**note(now), JOB: NAME})}
    called = calls_back(replace(SPEC, replacements=(it,)), state(vdis=disks))
    assert (("VDI.remove_from_other_config", "old", KEPT) in called) is goes


def test_back_nothing_is_left_to_do() -> None:
    clean = {"old": vdi("old", VBDs=["v0"])}
    spec = replace(SPEC, rolling_back=True, replacements=(noted(COPIED, new=""),))
    assert next_step(spec, state(vdis=clean, vm=vm(other_config={}, blocked_operations={}))) == Done()


# A job that had stopped goes on.


@pytest.mark.parametrize(("found", "placed", "proven", "unprovable"), [
    (swapped, False, False, True),
    (swapped, True, False, False),  # it was seen in place before
    (swapped, False, True, False),
    (state, False, False, False),  # the copy is void, and made anew
])  # fmt: skip
def test_what_was_not_seen_in_place_before_the_job_stopped_is_not_called_compared(
    found: Any, placed: bool, proven: bool, unprovable: bool
) -> None:
    sums = {"proven": "1", "sum_old": "s", "sum_new": "s"} if proven else {}
    it = noted(COPIED, unwatched=True, placed=placed, **sums)
    step = next_step(replace(SPEC, replacements=(it,)), found())
    assert isinstance(step, Note)
    assert bool(step.changes.get("unprovable")) is unprovable
    assert step.changes["written"] is (found is swapped)
    assert step.changes["void"] is (found is state)


# Disks of the name of a copy in the making.


def with_stray(found: ExchangeState, **fields: Any) -> ExchangeState:
    stray = vdi("stray", SR="new SR", **(MARKED | fields))
    return replace(found, vdis={**found.vdis, "stray": stray}, named={0: ("stray",)})


DONE = replace(SPEC, settled=True, replacements=(noted(COPIED, placed=True),))
KEPT_BY_NOW = {"old": vdi("old", name_label="data [moved on 2026-01-01, kept]", tags=[TAG], other_config={KEPT: "{}"})}


@pytest.mark.parametrize("rolling_back", [False, True])
@pytest.mark.parametrize(("fields", "astray", "removed"), [
    ({}, True, True),
    ({}, False, False),  # no answer was lost: it is a copy of the copy, which bears its name and its mark
    ({"is_a_snapshot": True}, True, False),
    ({"VBDs": ["of a VM"]}, True, False),
    ({"snapshots": ["its snapshot"]}, True, False),
    ({"other_config": {}}, True, False),
    ({"other_config": {JOB: "another job"}}, True, False),
])  # fmt: skip
def test_only_what_a_lost_answer_has_left_is_removed(
    fields: dict[str, Any], astray: bool, removed: bool, rolling_back: bool
) -> None:
    found = swapped() if not rolling_back else state(vdis={"old": state().vdis["old"]})
    spec = replace(DONE, rolling_back=rolling_back, settled=not rolling_back)
    spec = replace(spec, replacements=(noted(spec.replacements[0], astray=astray),))
    found = with_stray(replace(found, vdis={**found.vdis, **({} if rolling_back else KEPT_BY_NOW)}), **fields)
    steps = []
    for _round in range(20):
        step = next_step(spec, found)
        if not isinstance(step, Request) or step in steps:
            break
        steps.append(step)
        if step.method == "VDI.destroy":
            break
        found = after(found, step)
    destroyed = [step.params[0] for step in steps if step.method == "VDI.destroy"]
    assert ("stray" in destroyed) is removed


def test_what_somebody_holds_is_not_removed_as_an_empty_copy() -> None:
    """The memory of a VM, say: it is connected to nothing then."""
    found = with_stray(state(vdis={"old": state().vdis["old"]}))
    spec = replace(SPEC, rolling_back=True)
    assert asks(next_step(spec, found), "VDI.destroy")
    assert not asks(next_step(spec, replace(found, held={"stray": ("somebody",)})), "VDI.destroy")


def after(found: ExchangeState, step: Request) -> ExchangeState:
    """What the server shows when a mark was taken away."""
    ref = step.params[0]
    if step.method == "VDI.remove_from_other_config":
        config = {k: v for k, v in found.vdis[ref]["other_config"].items() if k != step.params[1]}
        return with_disk(found, ref, other_config=config)
    return found


@pytest.mark.parametrize("rolling_back", [False, True])
def test_that_an_answer_was_lost_is_noted_before_anything_else(rolling_back: bool) -> None:
    it = noted(IT, astray=False)
    pending = Pending(method="VDI.create", disk=0)
    spec = replace(SPEC, replacements=(it,), pending=pending, rolling_back=rolling_back)
    assert next_step(spec, state()) == Note({"astray": True}, 0)
    known = replace(spec, replacements=(noted(it, astray=True),))
    assert next_step(known, state()) != Note({"astray": True}, 0)
