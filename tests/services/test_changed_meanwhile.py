"""Somebody changes the VM or its disk while they move: whatever the move ends with, what it says is so.

A move that is called verified has brought everything that the VM had when it left, what others had added included.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.foreign import Somebody
from tests.holding import Hold, until
from tests.services.engine import engine
from tests.services.motions import MOTIONS, Motion, end, wrong
from tests.services.test_short_stop import Gate
from tests.simulated import Simulated
from xsmigui.core.jobs import State, VmJob
from xsmigui.core.refs import VdiRef
from xsmigui.core.verified import Outcome, What
from xsmigui.simulator.failures import Failure

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Had:
    """What a VM has: sizes of its disks by position, MAC addresses of its interfaces by device, its name."""

    sizes: dict[str, int] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    name: str = ""

    @classmethod
    def of(cls, other: Somebody, vm: str) -> "Had":
        sizes = {at: int(other.call("VDI.get_virtual_size", disk)) for at, disk in other.disks(vm).items()}
        vifs = [other.call("VIF.get_record", vif) for vif in other.call("VM.get_VIFs", vm)]
        return cls(sizes, {vif["device"]: vif["MAC"] for vif in vifs}, other.call("VM.get_name_label", vm))


class Meddler:
    """Somebody at the source, and the VM that moves with its first disk."""

    def __init__(self, site: Simulated, motion: Motion) -> None:
        self.other = Somebody.at(site, motion.pools[0])
        self.site = site
        self.vm = self.other.vm(motion.vm)
        self.disk = sorted(self.other.disks(self.vm).items())[0][1]

    def extend(self) -> None:
        self.other.extend(self.disk, 3 * GIB)

    def shrink(self) -> None:
        self.other.call("VDI.resize", self.disk, GIB)

    def make_read_only(self) -> None:
        self.other.call("VDI.set_read_only", self.disk, True)

    def share(self) -> None:
        self.other.call("VDI.set_sharable", self.disk, True)

    def rename_disk(self) -> None:
        self.other.rename(self.disk, "somebody's name")

    def track(self) -> None:
        enabled = self.other.call("VDI.get_cbt_enabled", self.disk)
        self.other.call("VDI.disable_cbt" if enabled else "VDI.enable_cbt", self.disk)

    def snapshot_disk(self) -> None:
        self.other.call("VDI.snapshot", self.disk, {})

    def snapshot(self) -> None:
        self.other.lift_blocks(self.vm)
        self.other.snapshot(self.vm)

    def rename(self) -> None:
        self.other.call("VM.set_name_label", self.vm, "renamed")

    def more_processors(self) -> None:
        self.other.call("VM.set_VCPUs_max", self.vm, 8)

    def add_interface(self) -> None:
        network = self.other.call("VIF.get_network", self.other.call("VM.get_VIFs", self.vm)[0])
        self.other.call("VIF.create", {
            "VM": self.vm, "network": network, "device": "6", "MAC": "", "MTU": 1500, "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        })  # fmt: skip

    def remove_interface(self) -> None:
        vif = self.other.call("VM.get_VIFs", self.vm)[0]
        if self.other.call("VIF.get_currently_attached", vif):
            self.other.call("VIF.unplug", vif)
        self.other.call("VIF.destroy", vif)

    def insert_cd(self) -> None:
        for vbd in self.other.call("VM.get_VBDs", self.vm):
            record = self.other.call("VBD.get_record", vbd)
            cds = [ref for ref, vdi in self.other.call("VDI.get_all_records").items() if vdi["read_only"]]
            if record["type"] == "CD" and record["empty"] and cds:
                self.other.call("VBD.insert", vbd, cds[0])

    def attach(self) -> None:
        """A new disk of this VM, on the SR of its first one."""
        disk = self.other.call("VDI.create", {
            "name_label": "added", "name_description": "", "SR": self.other.call("VDI.get_SR", self.disk),
            "virtual_size": GIB, "type": "user", "sharable": False, "read_only": False, "other_config": {},
            "xenstore_data": {}, "sm_config": {}, "tags": [],
        })  # fmt: skip
        self.other.connect(disk, self.vm, position="12")


HANDS: dict[str, Callable[[Meddler], None]] = {
    name: does for name, does in vars(Meddler).items() if callable(does) and not name.startswith("_")
}

IN_MID_MOVE = {"copied, kept": 4, "away, halted": 3, "with its disks": 2, "away, running": 2}
"""Motions, each with the pauses of the simulator until it is in the middle."""


@pytest.mark.parametrize("kind", IN_MID_MOVE)
@pytest.mark.parametrize("name", HANDS)
async def test_somebody_changes_it_in_mid_move(site: Simulated, kind: str, name: str) -> None:
    motion = MOTIONS[kind]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        hold = Hold(site, IN_MID_MOVE[kind])
        job = made.jobs.start(plan)
        await until(lambda: hold.is_held or made.jobs.get(job.id).has_ended)
        meddler = Meddler(site, motion)

        def meddle() -> bool:
            with contextlib.suppress(Failure):
                HANDS[name](meddler)
                return True
            return False

        doing = asyncio.ensure_future(asyncio.to_thread(meddle))
        await asyncio.wait([doing], timeout=1.0)  # the site stands still: what takes its time there waits too
        had = Had.of(meddler.other, meddler.vm)
        if (kind, name) == ("away, halted", "extend"):  # what nobody has looked at since is gone with the VM
            await until(lambda: sizes_known(made.jobs.get(job.id).vms[0]) == had.sizes)
        hold.release()
        was_done = await doing
        (vm,) = await end(made, job)
        told = f"{kind}, {name} ({was_done}): {vm.state} {vm.verified} {vm.message}"
        assert "internal error" not in vm.message, told
        if vm.verified:
            assert vm.state is State.done, told
            assert wrong_since(site, motion, vm, had) == [], told
            if name != "rename":
                assert wrong(site, plan, vm) == [], told
    site.lets_go_of(motion.vm)  # judged here: a server may lose what it was given in mid-move
    site.lets_go_of("renamed")


def sizes_known(vm: VmJob) -> dict[str, int]:
    """The sizes of the VM's disks as the job has seen them last, by position."""
    return {at: disk.size for at, disk in vm.portrait.disks.items()} if vm.portrait is not None else {}


def wrong_since(site: Simulated, motion: Motion, vm: VmJob, had: Had) -> list[str]:
    """What a verified VM lacks of what it had when somebody had changed it."""
    there = Somebody.at(site, motion.pools[-1])
    (ref,) = [r for name in {motion.vm, had.name} for r in there.call("VM.get_by_name_label", name)]
    now = Had.of(there, ref)
    told = [f"{at}: {now.sizes.get(at)} bytes, not {size}" for at, size in had.sizes.items()
            if now.sizes.get(at, 0) < size]  # fmt: skip
    return told + [f"interface {at} is not there" for at in had.macs if at not in now.macs]


async def test_what_the_server_moves_and_somebody_extends_is_found_too_small(site: Simulated) -> None:
    motion = MOTIONS["away, halted"]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        hold = Hold(site, IN_MID_MOVE["away, halted"])
        job = made.jobs.start(plan)
        await hold.until_held()
        meddler = Meddler(site, motion)
        size = meddler.other.call("VDI.get_virtual_size", meddler.disk)
        pool, disk = site["Madrid"].pool, VdiRef(meddler.disk)
        site.run(lambda: pool.db.set("VDI", disk, virtual_size=int(size) + GIB))  # simulated time stands still
        await until(lambda: made.inventory("Madrid").VDI[disk].virtual_size > int(size))
        hold.release()
        (vm,) = await end(made, job)
        there = Somebody.at(site, motion.pools[-1])
        arrived = sorted(there.disks(there.vm(motion.vm)).items())[0][1]
        assert there.call("VDI.get_virtual_size", arrived) == size
        assert (vm.state, vm.verified) == (State.failed, False), vm.message
        assert any(item.what is What.size and item.outcome is Outcome.differs for item in vm.items)
    site.lets_go_of(motion.vm)


@pytest.mark.parametrize("nth", [6, 7, 9, 10, 11, 12, 13, 14, 15])
async def test_what_this_program_copies_and_somebody_extends_has_its_new_size_or_goes_back(
    site: Simulated, nth: int
) -> None:
    """Between a look and any call after it, the one that releases the disk included."""
    motion = MOTIONS["copied, kept"]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        meddler = Meddler(site, motion)
        other = meddler.other
        sources = other.disks(meddler.vm)
        before = other.call("VDI.get_virtual_size", meddler.disk)
        gate = Gate(made, nth)
        job = made.jobs.start(plan)
        await until(lambda: gate.is_reached)
        is_its_disk = meddler.disk in other.disks(meddler.vm).values()
        meddler.extend()
        gate.open()
        (vm,) = await end(made, job)
        told = f"{gate.made[nth - 1]}: {vm.state} {vm.message}"
        now = other.disks(meddler.vm)
        assert set(now) == set(sources), told
        if vm.state is State.done:
            size = other.call("VDI.get_virtual_size", now["0"])
            assert size == before + 3 * GIB or (size == before and not is_its_disk), told
        else:
            assert (vm.state, now) == (State.failed, sources), told
