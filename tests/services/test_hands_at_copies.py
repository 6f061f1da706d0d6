"""Somebody's hands at a disk and its copy while this program copies and exchanges them, at each step, told of in time
or late: the VM has the newest content in the end, or the disk that holds it still lies there and nothing is called
done."""

import asyncio
import contextlib
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.foreign import Somebody
from tests.holding import LateEvents, until
from tests.services.engine import engine
from tests.services.motions import MOTIONS, end
from tests.services.test_exchange import quiet
from tests.simulated import Simulated
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.refs import VbdRef
from xsmigui.services import exchange, verification
from xsmigui.simulator.failures import Failure

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

GUEST = "node-a"
"""A running VM of the pool that has other disks for a while."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Somebody at the pool, the VM, its disk in position 0, and the copy of that (empty: there is none yet). `is_told`
    returns once the program has heard of a VBD: `event.from` never reports one that comes and goes between two of its
    answers."""

    site: Simulated
    other: Somebody
    vm: str
    disk: str
    copy: str
    is_told: Callable[[str], None]

    def borrow(self, disk: str) -> None:
        """Another VM has it for a moment, and writes."""
        if disk:
            vbd = self.other.connect(disk, self.other.vm(GUEST))
            self.is_told(vbd)
            self.other.write(disk)
            self.other.disconnect(vbd)

    def writes_to_the_copy(self) -> None:
        self.borrow(self.copy)

    def writes_to_the_copy_by_hand(self) -> None:
        """In the control domain, seen by what it occupies alone."""
        if self.copy:
            self.other.write(self.copy)
            self.other.grow(self.copy)

    def keeps_the_copy(self) -> None:
        if self.copy:
            self.other.connect(self.copy, self.other.vm(GUEST))
            self.other.write(self.copy)

    def writes_to_the_disk(self) -> None:
        self.borrow(self.disk)

    def gives_the_disk_away(self) -> None:
        """It is a disk of another VM now, in the same position there."""
        vbds = [self.other.call("VBD.get_record", v) | {"ref": v} for v in self.other.call("VM.get_VBDs", self.vm)]
        self.other.disconnect(next(v["ref"] for v in vbds if v["VDI"] == self.disk))
        self.other.connect(self.disk, self.other.vm("intranet-old"), position="7")
        self.other.write(self.disk)

    def swaps_names(self) -> None:
        """Of the VM's two disks."""
        one, two = [disk for _at, disk in sorted(self.other.disks(self.vm).items())][:2]
        names = [self.other.call("VDI.get_name_label", disk) for disk in (one, two)]
        self.other.rename(one, names[1])
        self.other.rename(two, names[0])

    def clones_and_deletes(self) -> None:
        """The clone takes the VM's place."""
        self.other.lift_blocks(self.vm)
        self.other.call("VM.clone", self.vm, "the clone")
        self.other.call("VM.destroy", self.vm)

    def reverts(self) -> None:
        self.other.lift_blocks(self.vm)
        snapshot = self.other.snapshot(self.vm)
        self.other.write(self.disk)
        self.other.call("VM.revert", snapshot)

    def unplugs_the_sr(self) -> None:
        """And plugs it again, on each host that has nothing running on it."""
        sr = self.other.call("VDI.get_SR", self.disk)
        self._shuts_down_vms_on(sr)
        unplugged = []
        for pbd in self.other.call("SR.get_PBDs", sr):
            with contextlib.suppress(Failure):
                self.other.call("PBD.unplug", pbd)
                unplugged.append(pbd)
        assert unplugged
        for pbd in unplugged:
            self.other.call("PBD.plug", pbd)

    def copies_firmware_strings(self) -> None:
        self.other.call("VM.copy_bios_strings", self.vm, self.other.call("host.get_all")[0])

    def moves_it_himself(self) -> None:
        """Another client moves the disk on: the VM has another one then."""
        self.other.lift_blocks(self.vm)
        sr = next(r for r, s in self.other.call("SR.get_all_records").items() if s["name_label"] == "NFS Madrid")
        self.other.start(self.vm)
        with contextlib.suppress(Failure):
            self.other.call("VDI.pool_migrate", self.disk, sr, {})
        self.other.stop(self.vm)

    def _sets(self, **fields: bool) -> None:
        """In the control domain: the API lets nobody else set them."""
        self.site.run(lambda: self.site["Madrid"].pool.db.set("VDI", self.disk, **fields))

    def makes_it_read_only(self) -> None:
        self._sets(read_only=True)

    def shares_it(self) -> None:
        self._sets(sharable=True)
        self.other.connect(self.disk, self.other.vm("intranet-old"), position="7")

    def puts_it_elsewhere(self) -> None:
        """The disk is the VM's last one now."""
        vbds = {v: self.other.call("VBD.get_VDI", v) for v in self.other.call("VM.get_VBDs", self.vm)}
        vbd = next(ref for ref, disk in vbds.items() if disk == self.disk)
        self.other.call("VBD.set_userdevice", vbd, "9")

    def puts_another_in_its_place(self) -> None:
        vbds = {v: self.other.call("VBD.get_VDI", v) for v in self.other.call("VM.get_VBDs", self.vm)}
        self.other.disconnect(next(ref for ref, disk in vbds.items() if disk == self.disk))
        theirs = self.other.copy(self.disk, self.other.call("VDI.get_SR", self.disk))
        self.other.write(theirs)
        self.other.connect(theirs, self.vm, position="0")

    def snapshots_the_disk(self) -> None:
        self.other.call("VDI.snapshot", self.disk, {})

    def rescues_the_copy(self) -> None:
        """A copy of the copy has its name and its mark, and is somebody's."""
        if self.copy:
            rescue = self.other.copy(self.copy, self.other.call("VDI.get_SR", self.copy))
            self.other.write(rescue)

    def forgets_the_copy(self) -> None:
        if self.copy:
            self.other.call("VDI.forget", self.copy)

    def makes_a_template(self) -> None:
        self.other.lift_blocks(self.vm)
        self.other.call("VM.set_is_a_template", self.vm, True)

    def copies_the_vm(self) -> None:
        self.other.lift_blocks(self.vm)
        nfs = self.other.call("SR.get_by_name_label", "NFS Madrid")[0]
        self.other.call("VM.copy", self.vm, "a copy", nfs)

    def starts_it_by_force(self) -> None:
        """HA and schedules do not mind what is blocked; an administrator lifts one block alone."""
        self.other.call("VM.remove_from_blocked_operations", self.vm, "start")
        self.other.work(self.vm)

    def resets_its_power_state(self) -> None:
        self.other.call("VM.power_state_reset", self.vm)

    def moves_the_coordinator(self) -> None:
        hosts = [r for r, h in self.other.call("host.get_all_records").items() if h["hostname"] == "madrid-02"]
        self.other.order("move_coordinator", host=hosts[0])

    def sets_the_clock_back(self) -> None:
        self.other.order("skew_clock", seconds=-86400)
        self.other.lift_blocks(self.vm)
        self.other.work(self.vm)

    def imports_it_again(self) -> None:
        """Exported, deleted, and imported with the same uuid: another record, with other disks."""
        uuid, name = (self.other.call(f"VM.get_{field}", self.vm) for field in ("uuid", "name_label"))
        self.other.lift_blocks(self.vm)
        new = self.other.call("VM.clone", self.vm, name)
        self.other.call("VM.destroy", self.vm)
        self.site.run(lambda: self.site["Madrid"].pool.db.set("VM", new, uuid=uuid, other_config={}))

    def _detaches(self, disk: str) -> str:
        """The SR of a disk, which is no longer attached to any host."""
        sr = str(self.other.call("VDI.get_SR", disk))
        self._shuts_down_vms_on(sr)
        for pbd in self.other.call("SR.get_PBDs", sr):
            self.other.call("PBD.unplug", pbd)
            self.other.call("PBD.destroy", pbd)
        return sr

    def _shuts_down_vms_on(self, sr: str) -> None:
        """Those that run with a disk of it, which cannot be unplugged before."""
        drives = [v for vdi in self.other.call("SR.get_VDIs", sr) for v in self.other.call("VDI.get_VBDs", vdi)]
        for vm in {self.other.call("VBD.get_VM", drive) for drive in drives}:
            is_guest = not self.other.call("VM.get_is_control_domain", vm)
            if is_guest and self.other.call("VM.get_power_state", vm) == "Running":
                self.other.stop(vm)

    def loses_the_storage_of_the_copy(self) -> None:
        if self.copy:
            self._detaches(self.copy)

    def forgets_the_storage_of_the_copy(self) -> None:
        """With every disk on it: what other VMs had there is gone for them on purpose."""
        if self.copy:
            self.other.call("SR.forget", self._detaches(self.copy))


HANDS: dict[str, Callable[[Hands], None]] = {
    name: does for name, does in vars(Hands).items() if callable(does) and not name.startswith("_") and name != "borrow"
}

MOMENTS = ["SR.scan", "VBD.create", "VBD.destroy", "VBD.set_userdevice"]
"""Calls that are under way when it happens: the copy is made, compared, connected, and put in the disk's place."""


OFTEN = list(HANDS).index("makes_it_read_only")
"""Those before this one are tried at every fourth moment, the rest at every eighth; `XSMIGUI_SEEDS` tries all."""

LEAVES = ("rescues_the_copy", "snapshots_the_disk")
"""What somebody has made there is his, and stays."""

AT_ITS_PLACE = ("gives_the_disk_away", "puts_it_elsewhere", "puts_another_in_its_place")
"""They need the disk where it was, which is released by the last moment. All other hands take effect at each moment
that is tried; with `XSMIGUI_SEEDS` at those too where the server refuses some."""

TAKES = ("clones_and_deletes", "gives_the_disk_away", "imports_it_again", "puts_it_elsewhere", "reverts")
"""The VM has fewer disks, other ones or none then, and somebody wants it so. In all other cases it has as many."""

ALL = "XSMIGUI_SEEDS" in os.environ

CASES = [
    (name, moment, told)
    for number, name in enumerate(HANDS)
    for at, moment in enumerate(MOMENTS)
    for order, told in enumerate(("in time", "late"))
    if (ALL or "writes" in name or (number + 2 * at + order) % (4 if number < OFTEN else 8) == 1)
    # What is written by hand before the copy was looked at first is seen by a comparison of the contents alone.
    and (name, moment) != ("writes_to_the_copy_by_hand", "SR.scan")
] + [(name, moment, "at once") for name in ("writes_to_the_disk", "writes_to_the_copy") for moment in MOMENTS]
CASES += [("loses_the_storage_of_the_copy", "VBD.destroy", "late")]  # the copy is all that the VM has by then
CASES = list(dict.fromkeys(CASES))


class Gate:
    """The first call of this method waits at the server's door until `open`."""

    def __init__(self, site: Simulated, method: str) -> None:
        self._site, self._reached = site, threading.Event()
        self._go: asyncio.Event | None = None
        faults = site["Madrid"].pool.faults
        strike = faults.strike

        async def watched(call: Any) -> None:
            if call.message.full.removeprefix("Async.") == method and self._go is None and call.live is not None:
                self._go = asyncio.Event()
                self._reached.set()
                await self._go.wait()
            await strike(call)

        site.run(lambda: setattr(faults, "strike", watched))

    async def until_reached(self) -> None:
        await until(self._reached.is_set)

    def open(self) -> None:
        assert self._go is not None
        self._site.run(self._go.set)


@pytest.mark.parametrize(("name", "moment", "told"), CASES)
async def test_a_hand_between_two_calls(
    site: Simulated, name: str, moment: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "SEEN_WITHIN_S", 0.2)
    monkeypatch.setattr(verification, "CAUGHT_UP_WITHIN_S", 0.2)
    chance = random.Random(f"{name} {moment}")
    motion = MOTIONS[chance.choice(["copied, kept", "copied, removed"])]
    other = Somebody.at(site, "Madrid")
    vm = other.vm(motion.vm)
    disks = other.disks(vm)
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        gate = Gate(site, moment)
        job = made.jobs.start(plan)
        await gate.until_reached()
        late = LateEvents(site, "Madrid") if told != "in time" else None
        copies = [r for r, v in other.call("VDI.get_all_records").items() if v["name_label"].startswith("[incomplete")]
        loop = asyncio.get_running_loop()

        def is_told(vbd: str) -> None:
            if late is None:
                heard = until(lambda: VbdRef(vbd) in made.inventory("Madrid").VBD)
                asyncio.run_coroutine_threadsafe(heard, loop).result()

        refusals: list[type[Exception]] = [Failure] if ALL else []
        if name in AT_ITS_PLACE and moment == "VBD.set_userdevice":
            refusals.append(StopIteration)

        def act() -> None:
            with contextlib.suppress(*refusals):
                HANDS[name](Hands(site, other, vm, disks["0"], copies[0] if copies else "", is_told))

        there = set(other.call("VDI.get_all"))
        await asyncio.to_thread(act)
        taken_by_hand = there - set(other.call("VDI.get_all"))
        made_by_hand = set(other.call("VDI.get_all")) - there if name in LEAVES else set()
        if told == "at once" and late is not None:  # what came and went is not reported
            late.release()
            late = None
        if name == "reverts" and other.call("VM.get_uuid", vm):  # it has other disks then
            disks |= {at: ref for at, ref in other.disks(vm).items() if at in disks}
        newest = {at: other.sum(ref) for at, ref in disks.items()}
        gate.open()
        await until(lambda: made.jobs.get(job.id).has_ended, 60)
        if late is not None:
            late.release()
        (ending,) = await end(made, job)
    site.lets_go_of(motion.vm)  # judged here
    site.lets_go_of(GUEST)
    assert_nothing_lost(other, ending, disks, newest, taken_by_hand)
    if name not in TAKES:
        assert len(other.disks(vm)) >= len(disks), ending.message
    assert made_by_hand <= set(other.call("VDI.get_all")), ending.message


def assert_nothing_lost(
    other: Somebody, vm: VmJob, disks: dict[str, str], newest: dict[str, str], taken: set[str]
) -> None:
    told = f"{vm.state} {vm.verified}: {vm.message}"
    left = other.call("VDI.get_all_records")
    now = [other.disks(ref) for ref in other.call("VM.get_by_name_label", vm.move.vm.name)]
    for at, disk in disks.items():
        its = [other.sum(here[at]) for here in now if at in here]
        if vm.state is State.done or vm.verified:
            assert its == [newest[at]], told
        assert newest[at] in its or (disk in left and other.sum(disk) == newest[at]), told
    for vbd in other.call("VBD.get_all_records").values():
        assert vbd["empty"] or vbd["VDI"] in {*left, *taken}, f"a disk of somebody is gone; {told}"
