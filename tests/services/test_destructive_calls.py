"""Every call of the program that takes something away, and by what it is seen, immediately before, that this is still
the same thing and nobody else's.

`SIGNS` names them all; a call that the sources make and the table does not know fails. Below, what happens when a night
lies between two calls of a job and somebody works meanwhile.

A server compares nothing itself: between the look and the call lies one round trip, in which only what the server
refuses by itself is safe (a disk that is attached: VDI_IN_USE).
"""

import ast
import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

import xsmigui
from tests.foreign import Somebody
from tests.holding import until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import VM, ended, own_plan, quiet
from tests.services.test_fixes import delete
from tests.simulated import Simulated
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.migration.fixing import fix_plan
from xsmigui.core.migration.plan import Plan
from xsmigui.core.refs import VmRef
from xsmigui.simulator.faults import Dropped

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

SIGNS: Final[dict[tuple[str, str], str]] = {
    # Copies and their sources (core.migration.exchange).
    ("exchange/copying", "VDI.destroy"): "void copy: our mark on it, held by nobody, connected to nothing",
    (
        "exchange/copying",
        "VDI.set_other_config",
    ): "the new disk, before it holds anything; its keys of the same look stay",
    (
        "exchange/placing",
        "VDI.destroy",
    ): "source: its uuid, held by nobody, its copy whole, proven and in its place, and "
    "no write since: watched all the time, or summed once more; stray copy: name, mark, never a snapshot",
    (
        "exchange/placing",
        "VBD.destroy",
    ): "release of the source: all signs stand, and the events have caught up; "
    "release of the new disk or of a void copy: the source is connected again, or somebody else has released it",
    ("exchange/placing", "VDI.set_name_label"): "source: its uuid; it was seen replaced",
    ("exchange/placing", "VDI.set_tags"): "the new disk, before it is in place",
    (
        "exchange/placing",
        "VDI.set_{}",
    ): "the new disk, before it is in place; what it is called is read in the same look",
    ("exchange/placing", "VDI.remove_from_other_config"): "the mark is this job's, or names another disk",
    ("exchange/placing", "VM.remove_from_other_config"): "the mark is this job's, or names another VM",
    ("exchange/values", "VM.set_blocked_operations"): "what others block is read in the same look and kept",
    ("exchange/rollback", "VDI.destroy"): "copy: our mark on it, held by nobody, connected to nothing",
    ("exchange/rollback", "VDI.set_name_label"): "only the name that this job has given",
    ("exchange/rollback", "VDI.set_tags"): "the kept source that was to be put back",
    ("exchange/rollback", "VDI.set_{}"): "the kept source that was to be put back",
    ("exchange/rollback", "VDI.remove_tags"): "only the tag that this job has set",
    ("exchange/rollback", "task.cancel"): "the reference of our own task",
    ("exchange/rollback", "VM.clean_shutdown"): "no call: names the task that is cancelled",
    ("exchange/snapshots", "VM.destroy"): "name, mark and VM of a snapshot of this job",
    (
        "exchange/snapshots",
        "VDI.destroy",
    ): "noted disk of such a snapshot that is gone, still a snapshot, held by nobody",
    ("exchange/stopping", "VM.clean_shutdown"): "running since the same start as when the stop was decided",
    # Fixes (core.migration.fixing), each look anew before each call.
    ("fixing", "VM.destroy"): "a snapshot, of the VM that was named, which still exists",
    ("fixing", "VDI.destroy"): "uuid, kind and what it occupies as before its snapshot went; held by nobody",
    ("fixing", "VBD.eject"): "the same CD in the same drive of the same VM",
    ("fixing", "VDI.disable_cbt"): "the disk; nothing is lost by it but a backup's increment",
    ("fixing", "VM.remove_from_blocked_operations"): "the reason is the one that was shown",
    ("fixing", "{}.remove_from_other_config"): "the mark is the one that was shown",
    ("fixing", "pool.set_default_SR"): "the default is what it was when this was offered",
    ("fixing", "pool.set_migration_compression"): "the pool that was named, set otherwise",
    ("fixing", "VM.clean_shutdown"): "not halted; for maintenance: still on that host",
    # Plans and motions.
    ("calls", "VDI.destroy"): "no call: what the preview tells of a move by copying",
    ("calls", "VM.clean_shutdown"): "no call: what the preview tells of a short stop",
    ("calls", "VM.set_affinity"): "the VM that has arrived",
    ("sending", "task.cancel"): "the reference of our own task",
    ("carrier", "task.cancel"): "the reference of our own task",
    ("carrier", "task.destroy"): "our own task, when it was seen ended",
    ("exchange", "VBD.destroy"): "no call: the step before which the events must have caught up",
    ("exchange", "VM.clean_shutdown"): "no call: how its refusal is read",
    ("exchange", "VM.set_affinity"): "the VM of the job",
    ("summary", "VM.set_affinity"): "no call: its xe form",
    # On request.
    (
        "holding",
        "VDI.destroy",
    ): "kept: note with its own uuid, successor whole, not written to, held by nobody; leftover: "
    "uuid, name, size, what it occupies, whole copy elsewhere, VM not on its way, held by nobody",
    ("kept", "task.destroy"): "our own task, when it was seen ended",
    ("releasing", "{}.remove_from_other_config"): "the mark's value is this job",
    ("host_fixes", "host.disable"): "the host that was named, still enabled",
    ("host_fixes", "host.remove_from_other_config"): "our own keys; what they are to be is in the journal",
    ("evacuation", "host.remove_from_other_config"): "no call: what a session must be allowed to do",
    ("evacuation", "host.disable"): "no call: what a session must be allowed to do",
}
"""By module and method."""

TAKES_AWAY: Final = re.compile(
    r"(\w+|\{\})\.(destroy|forget|data_destroy|eject|unplug|\w+_shutdown|cancel|disable|disable_cbt|remove_\w+|set_[\w{}]+)"
)
NO_CALLS: Final = ("facts", "lines")
"""Modules that only name methods: what a session may call, how tasks are called."""


def named(tree: ast.AST) -> set[str]:
    """The methods that a module names, those whose class or field is put in at run time with `{}`."""
    found = set()
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
        if TAKES_AWAY.fullmatch(text) and text[0] in "VSPHhpt{":
            found.add(text)
    return found


def test_every_call_that_takes_something_away_has_its_sign() -> None:
    home = Path(xsmigui.__file__).parent
    found = set()
    for room in ("core", "services", "ui", "cli"):
        for file in sorted((home / room).rglob("*.py")):
            if "errors" in file.parts or file.stem in NO_CALLS:
                continue
            module = f"exchange/{file.stem}" if file.parent.name == "exchange" else file.stem
            found |= {(module, method) for method in named(ast.parse(file.read_text("utf-8")))}
    unknown = {(m, c) for m, c in found - set(SIGNS) if c not in ("VBD.set_userdevice",)}
    assert unknown == set(), "name the sign of sameness that is looked at before it"
    assert set(SIGNS) - found == set()


class Door:
    """Holds the n-th call of a method by the program at the server's door."""

    def __init__(self, site: Simulated, pool: str, method: str, nth: int = 1) -> None:
        self._site = site
        self._reached = threading.Event()
        self._go: asyncio.Event | None = None
        self._lost = False
        faults = site[pool].pool.faults
        strike, seen = faults.strike, 0

        async def watched(call: Any) -> None:
            nonlocal seen
            if call.message.full == method and call.pool.db.get("session", call.session, "originator") != "test":
                seen += 1
                if seen == nth:
                    self._go = asyncio.Event()
                    self._reached.set()
                    await self._go.wait()
                    if self._lost:
                        raise Dropped(method)
            await strike(call)

        site.run(lambda: setattr(faults, "strike", watched))

    async def reached(self) -> None:
        await until(self._reached.is_set)

    def open(self, *, lost: bool = False) -> None:
        """Let it in; `lost`: it never arrives."""
        self._lost = lost
        if self._go is not None:
            self._site.run(self._go.set)


# What somebody may do in the night to a disk that is about to be removed.


def borrow(other: Somebody, disk: str) -> None:
    """A VM has it, works, and lets it go."""
    vbd = other.connect(disk, other.vm("intranet-old"))
    other.write(disk)
    other.grow(disk)
    other.disconnect(vbd)


def keep(other: Somebody, disk: str) -> None:
    """A halted VM has it now."""
    other.connect(disk, other.vm("intranet-old"))


def use(other: Somebody, disk: str) -> None:
    """A VM that runs has it now."""
    other.connect(disk, other.vm("node-a"))


def claim(other: Somebody, disk: str) -> None:
    """Another job of this program, from another computer, works on it."""
    config = {k: v for k, v in other.call("VDI.get_other_config", disk).items() if k != "xsmigui-job"}
    other.call("VDI.set_other_config", disk, {**config, "xsmigui-job": "20260101-000000-ffff"})


HANDS: dict[str, Callable[[Somebody, str], None]] = {
    "borrowed": borrow, "kept": keep, "in use": use, "claimed": claim,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A job, and the call that is about to remove a disk when the program ends."""

    begin: Callable[[Engine], Any]
    method: str
    nth: int = 1


async def moving(two: Engine) -> Plan:
    return await own_plan(two, 0)


async def deleting(two: Engine) -> Plan:
    fix = delete(two, VmRef(two.site.vm(two.served("Madrid"), "db-postgres")))
    return fix_plan(fix, two.inventory("Madrid"))


CASES = {"source": Case(moving, "VDI.destroy"), "snapshot": Case(deleting, "VDI.destroy")}


@pytest.mark.parametrize("name", HANDS)
@pytest.mark.parametrize("kind", CASES)
async def test_a_night_before_a_disk_is_removed(site: Simulated, tmp_path: Path, kind: str, name: str) -> None:
    """The program ends at the server's door, somebody works, and the next program goes on."""
    case, other = CASES[kind], Somebody.at(site, "Madrid")
    async with engine(site, "Madrid", home=tmp_path) as first:
        plan = await case.begin(first)
        door = Door(site, "Madrid", case.method, case.nth)
        job = first.jobs.start(plan)
        await door.reached()
        disk = doomed_of(first.vm(job))
    HANDS[name](other, disk)
    content = other.sum(disk) if name != "in use" else ""  # a guest goes on writing
    door.open(lost=True)
    async with engine(site, "Madrid", home=tmp_path) as second:
        await second.jobs.take_up(job.id)
        second.jobs.proceed(job.id)
        (vm,) = (await ended(second, job)).vms
        told = f"{kind}, {name}: {vm.state} {vm.message}"
        assert disk in other.call("VDI.get_all"), told
        assert content in ("", other.sum(disk)), told
        assert vm.state in (State.done, State.failed, State.interrupted), told
        if kind == "snapshot":
            assert (vm.state, vm.verified) == (State.done, False), told
            assert "Left alone" in vm.message, told
        elif name == "borrowed":
            assert vm.state is State.done, told
            assert "kept until" in vm.message, told
    for each in ("intranet-old", "node-a", VM, "db-postgres", "nightly", "before upgrade to 16"):
        site.lets_go_of(each)


def doomed_of(vm: VmJob) -> str:
    """The disk that is about to be removed."""
    assert vm.pending is not None
    return str(vm.pending.params[0])


@pytest.mark.parametrize("kind", CASES)
async def test_a_quiet_night_changes_nothing(site: Simulated, tmp_path: Path, kind: str) -> None:
    case, other = CASES[kind], Somebody.at(site, "Madrid")
    async with engine(site, "Madrid", home=tmp_path) as first:
        plan = await case.begin(first)
        door = Door(site, "Madrid", case.method, case.nth)
        job = first.jobs.start(plan)
        await door.reached()
        disk = doomed_of(first.vm(job))
    door.open(lost=True)
    async with engine(site, "Madrid", home=tmp_path) as second:
        await second.jobs.take_up(job.id)
        second.jobs.proceed(job.id)
        (vm,) = (await ended(second, job)).vms
        assert (vm.state, vm.verified) == (State.done, True), vm.message
        assert disk not in other.call("VDI.get_all")
    for each in ("nightly", "before upgrade to 16"):
        site.lets_go_of(each)


@pytest.mark.parametrize("kind", CASES)
async def test_a_disk_that_is_attached_between_look_and_call(site: Simulated, tmp_path: Path, kind: str) -> None:
    """The server refuses it, and it stays."""
    case, other = CASES[kind], Somebody.at(site, "Madrid")
    async with engine(site, "Madrid", home=tmp_path) as two:
        two.clock.factor = 0.0001
        plan = await case.begin(two)
        door = Door(site, "Madrid", case.method, case.nth)
        job = two.jobs.start(plan)
        await door.reached()
        disk = doomed_of(two.vm(job))
        use(other, disk)
        door.open()
        (vm,) = (await ended(two, job)).vms
        assert disk in other.call("VDI.get_all"), vm.message
        assert vm.state is State.done or "in use" in vm.message, vm.message
    for each in ("node-a", VM, "db-postgres", "nightly", "before upgrade to 16"):
        site.lets_go_of(each)


async def test_snapshots_of_a_vm_that_is_gone_in_the_morning_stay(site: Simulated, tmp_path: Path) -> None:
    """They are all that is left of its disks."""
    other = Somebody.at(site, "Madrid")
    async with engine(site, "Madrid", home=tmp_path) as first:
        plan = await deleting(first)
        door = Door(site, "Madrid", "VM.destroy")
        job = first.jobs.start(plan)
        await door.reached()
    vm = other.vm("db-postgres")
    snapshots = other.call("VM.get_snapshots", vm)
    for each in ("db-postgres", "nightly", "before upgrade to 16"):
        site.lets_go_of(each)
    other.stop(vm)
    for disk in other.disks(vm).values():
        other.destroy(disk)
    other.call("VM.destroy", vm)
    door.open(lost=True)
    async with engine(site, "Madrid", home=tmp_path) as second:
        await second.jobs.take_up(job.id)
        second.jobs.proceed(job.id)
        (vm_job,) = (await ended(second, job)).vms
        assert vm_job.state is State.failed, vm_job.message
        assert "only copies" in vm_job.message
        assert set(snapshots) <= set(other.call("VM.get_all"))
