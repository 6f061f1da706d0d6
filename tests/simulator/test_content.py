"""What is on the simulated disks: who moves it on, what carries it, and what VDI.checksum says of it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.simulator.inside import Client, clients, migration, turns, watching
from xsmigui.simulator.content import Observer, checksum
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.pool import Pool


def total(pool: Pool, vdi: str) -> str:
    return checksum(pool.contents.read(pool, vdi), pool.db.get("VDI", vdi, "virtual_size"))


def write(pool: Pool, vdi: str) -> str:
    pool.contents.write(pool, vdi)
    return total(pool, vdi)


async def scene(vm: str = "erp-test") -> tuple[Client, str, str]:
    """Madrid, a VM and its first disk."""
    one, _two = await clients()
    ref = await one.named("VM", vm)
    return one, ref, (await one.disks(ref))[0]


# -- VDI.checksum ------------------------------------------------------------------------------------------------------


async def test_the_sum_is_an_md5_and_stays_while_nobody_writes() -> None:
    one, _vm, disk = await scene()
    first = await one("VDI.checksum", disk)
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert await one("VDI.checksum", disk) == first
    write(one.pool, disk)
    assert await one("VDI.checksum", disk) != first


async def test_the_same_disk_has_the_same_sum_in_the_next_run() -> None:
    one, _vm, disk = await scene()
    again, _vm, _disk = await scene()
    assert await one("VDI.checksum", disk) == await again("VDI.checksum", disk)


async def test_the_sum_as_a_task() -> None:
    one, _vm, disk = await scene()
    row = await one.finished(await one("Async.VDI.checksum", disk))
    assert (row["status"], row["result"]) == ("success", f"<value>{total(one.pool, disk)}</value>")


async def standing(one: Client, disk: str) -> tuple[str, asyncio.Event]:
    """A sum that stands still while it reads."""
    go = asyncio.Event()

    async def wait(_seconds: float) -> None:
        await go.wait()

    one.pool.clock.sleep = wait  # type: ignore[method-assign]
    task = await one("Async.VDI.checksum", disk)
    await turns()
    return task, go


async def test_while_it_reads_the_disk_is_in_a_control_domain_and_the_task_says_nothing_and_cannot_be_cancelled() -> (
    None
):
    one, _vm, disk = await scene()
    task, go = await standing(one, disk)
    drives = [one.pool.db.row("VBD", v) for v in await one("VDI.get_VBDs", disk)]
    (drive,) = [d for d in drives if one.pool.db.get("VM", d["VM"], "is_control_domain")]
    assert (drive["currently_attached"], drive["mode"]) == (True, "RO")
    assert (await one.refused("VDI.destroy", disk))[0] == "VDI_IN_USE"
    await one("task.cancel", task)
    await turns()
    row = one.pool.db.row("task", task)
    assert (row["status"], row["progress"], row["allowed_operations"]) == ("pending", 0.0, [])
    go.set()
    assert (await one.finished(task))["status"] == "success"
    assert len(await one("VDI.get_VBDs", disk)) == len(drives) - 1


async def test_it_takes_as_long_as_the_disk_is_large() -> None:
    one, _vm, disk = await scene()
    size = await one("VDI.get_virtual_size", disk)
    begun = one.pool.clock.now()
    await one("VDI.checksum", disk)
    once = one.pool.clock.now() - begun
    await one("VDI.resize", disk, 2 * size)
    begun = one.pool.clock.now()
    await one("VDI.checksum", disk)
    assert once > 0
    assert one.pool.clock.now() - begun == pytest.approx(2 * once)


async def test_what_is_written_while_it_reads_makes_a_sum_of_neither() -> None:
    one, _vm, disk = await scene()
    before = total(one.pool, disk)
    task, go = await standing(one, disk)
    for _ in range(8):  # every block
        after = write(one.pool, disk)
    go.set()
    result = (await one.finished(task))["result"]
    assert before not in result
    assert after not in result


async def test_another_size_is_another_sum() -> None:
    one, _vm, disk = await scene()
    size = await one("VDI.get_virtual_size", disk)
    first = await one("VDI.checksum", disk)
    into = await blank(one, await one("VDI.get_SR", disk), size + (2 << 20))
    await one("VDI.copy", disk, NULL, NULL, into)
    assert one.pool.contents.read(one.pool, into) == one.pool.contents.read(one.pool, disk)
    assert await one("VDI.checksum", into) != first


async def test_a_disk_that_a_running_vm_writes_to_is_not_read_and_its_snapshot_is() -> None:
    one, _vm, disk = await scene("web-01")
    assert await one.refused("VDI.checksum", disk) == ["VDI_IN_USE", disk, "attach"]
    snapshot = await one("VDI.snapshot", disk)
    assert await one("VDI.checksum", snapshot) == await one("VDI.checksum", snapshot)


async def test_it_waits_for_what_else_is_done_to_the_disk() -> None:
    one, _vm, disk = await scene()
    one.pool.db.set("VDI", disk, current_operations={"OpaqueRef:other": "resize"})
    one.pool.lock_timeout_s = 0
    assert await one.refused("VDI.checksum", disk) == ["OTHER_OPERATION_IN_PROGRESS", "VDI", disk, "resize"]


async def test_refusals_of_the_sum() -> None:
    one, _vm, disk = await scene()
    assert (await one.refused("VDI.checksum", NULL))[0] == "HANDLE_INVALID"
    one.pool.db.set("VDI", disk, managed=False)
    assert await one.refused("VDI.checksum", disk) == ["VDI_NOT_MANAGED", disk]
    for pbd in one.pool.db.get("SR", one.pool.db.get("VDI", disk, "SR"), "PBDs"):
        one.pool.db.set("PBD", pbd, currently_attached=False)
    assert await one.refused("VDI.checksum", disk) == ["NO_HOSTS_AVAILABLE"]


@pytest.mark.parametrize(("role", "may"), [("vm-admin", True), ("pool-operator", True), ("vm-operator", False)])
async def test_the_role(role: str, may: bool) -> None:
    one, _vm, disk = await scene()
    one.pool.account("somebody", "secret", role)
    session = await one.raw("session.login_with_password", "somebody", "secret", "1.1", "test")
    guest = Client(one.pool)
    guest.session = session
    if may:
        assert await guest("VDI.checksum", disk)
    else:
        assert (await guest.refused("VDI.checksum", disk))[0] == "RBAC_PERMISSION_DENIED"


async def test_it_is_read_where_the_sr_is_seen() -> None:
    one, _two = await clients()
    sr = await one.named("SR", "Local storage on madrid-02")
    disk = await blank(one, sr, 1 << 30)
    _task, go = await standing(one, disk)
    (drive,) = await one("VDI.get_VBDs", disk)
    host = one.pool.db.get("VM", one.pool.db.get("VBD", drive, "VM"), "resident_on")
    assert one.pool.db.get("host", host, "name_label") == "madrid-02"
    go.set()


@pytest.mark.parametrize("scenario", ["mixed-versions"])
async def test_every_release_has_it(scenario: str) -> None:
    for one in await clients(scenario):
        disk = next(v for v, row in one.pool.db.table("VDI").items() if not row["VBDs"] or _idle(one, row))
        assert await one("VDI.checksum", disk)


def _idle(one: Client, row: dict[str, Any]) -> bool:
    return not any(one.pool.db.get("VBD", v, "currently_attached") for v in row["VBDs"])


# -- who moves it on ---------------------------------------------------------------------------------------------------


async def test_a_guest_writes_while_it_runs_and_not_while_it_does_not() -> None:
    one, vm, disk = await scene()
    before = total(one.pool, disk)
    await one("VM.start", vm, False, False)
    started = total(one.pool, disk)
    await one("VM.clean_shutdown", vm)
    stopped = total(one.pool, disk)
    assert len({before, started, stopped}) == 3
    assert total(one.pool, disk) == stopped


async def test_two_snapshots_of_a_running_vm_differ_and_stay() -> None:
    one, _vm, disk = await scene("web-01")
    first, second = await one("VDI.snapshot", disk), await one("VDI.snapshot", disk)
    sums = [await one("VDI.checksum", s) for s in (first, second)]
    assert sums[0] != sums[1]
    assert [await one("VDI.checksum", s) for s in (first, second)] == sums


async def test_a_read_only_connection_changes_nothing() -> None:
    one, _vm, disk = await scene()
    vm = await one.named("VM", "web-01")
    before = total(one.pool, disk)
    vbd = await one("VBD.create", {
        "VM": vm, "VDI": disk, "userdevice": "9", "bootable": False, "mode": "RO", "type": "Disk", "empty": False,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    await one("VBD.plug", vbd)
    assert total(one.pool, disk) == before


async def test_another_vm_writes_until_it_lets_go() -> None:
    one, _vm, disk = await scene()
    vm = await one.named("VM", "web-01")
    before = total(one.pool, disk)
    vbd = await one("VBD.create", {
        "VM": vm, "VDI": disk, "userdevice": "9", "bootable": False, "mode": "RW", "type": "Disk", "empty": False,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    assert total(one.pool, disk) == before
    await one("VBD.plug", vbd)
    plugged = total(one.pool, disk)
    await one("VBD.unplug", vbd)
    assert len({before, plugged, total(one.pool, disk)}) == 3


# -- what carries it ---------------------------------------------------------------------------------------------------


async def test_snapshot_clone_and_copy_hold_the_same() -> None:
    one, _vm, disk = await scene()
    wanted = write(one.pool, disk)
    sr = await one.named("SR", "iSCSI Madrid")
    for new in (await one("VDI.snapshot", disk), await one("VDI.clone", disk), await one("VDI.copy", disk, sr)):
        assert await one("VDI.checksum", new) == wanted
    write(one.pool, disk)
    assert await one("VDI.checksum", new) == wanted


async def test_revert_brings_the_old_content_back() -> None:
    one, vm, disk = await scene()
    wanted = write(one.pool, disk)
    snapshot = await one("VM.snapshot", vm, "before")
    write(one.pool, disk)
    await one("VM.revert", snapshot)
    (new, *_) = await one.disks(vm)
    assert (total(one.pool, new), new != disk) == (wanted, True)


async def test_a_copied_vm_holds_the_same() -> None:
    one, vm, disk = await scene()
    wanted = write(one.pool, disk)
    for new in (await one("VM.clone", vm, "a"), await one("VM.copy", vm, "b", await one.named("SR", "iSCSI Madrid"))):
        assert total(one.pool, (await one.disks(new))[0]) == wanted


async def test_a_new_disk_is_empty() -> None:
    one, _vm, disk = await scene()
    sr = await one("VDI.get_SR", disk)
    first, second = await blank(one, sr, 1 << 30), await blank(one, sr, 1 << 30)
    assert await one("VDI.checksum", first) == await one("VDI.checksum", second)


async def test_a_disk_of_a_running_vm_arrives_with_what_was_written_meanwhile() -> None:
    one, _vm, disk = await scene("web-01")
    seen: list[tuple[Any, ...]] = []
    witness = one.pool.contents.observer
    assert witness is not None
    one.pool.contents.observer = Recorder(await one("VDI.get_uuid", disk), seen, witness)
    new = await one("VDI.pool_migrate", disk, await one.named("SR", "iSCSI Madrid"), {})
    assert new != disk
    assert len(seen) > 1
    one.pool.contents.observer = witness
    arrived = one.pool.contents.at_rest(one.pool.db.row("VDI", new))
    # The guest has written once more, on the new disk: to two blocks.
    assert sum(a != b for a, b in zip(seen[-1], arrived, strict=True)) <= 2


class Recorder:
    """Keeps what is written to one disk, and passes everything on."""

    def __init__(self, uuid: str, seen: list[tuple[Any, ...]], to: Observer) -> None:
        self.uuid = uuid
        self.seen = seen
        self.to = to

    def changed(self, pool: Pool, vdi: Any, before: Any, after: Any) -> None:
        if vdi["uuid"] == self.uuid:
            self.seen.append(after)
        self.to.changed(pool, vdi, before, after)

    def reverted(self, pool: Pool, vm: Any) -> None:
        self.to.reverted(pool, vm)


async def test_a_halted_vm_takes_its_content_to_another_pool() -> None:
    one, two = await clients()
    vm = await one.named("VM", "erp-test")
    wanted = [write(one.pool, d) for d in await one.disks(vm)]
    uuid = await one("VM.get_uuid", vm)
    await one("VM.migrate_send", *await migration(one, two, "erp-test", "NFS Lisboa"))
    arrived = await two("VM.get_by_uuid", uuid)
    assert [total(two.pool, d) for d in await two.disks(arrived)] == wanted


# -- copies into disks that are there ----------------------------------------------------------------------------------


async def blank(one: Client, sr: str, size: int, **fields: Any) -> str:
    record = {"SR": sr, "virtual_size": size, "type": "user", "sharable": False, "read_only": False, "other_config": {},
              "name_label": "blank", **fields}  # fmt: skip
    return str(await one("VDI.create", record))


async def two_passes(one: Client, disk: str, sr: str, *, base: bool = True) -> tuple[str, str]:
    """A first pass of a snapshot, then the guest's work (zeroes among it), then the second pass; the sums of both."""
    size = await one("VDI.get_virtual_size", disk)
    into = await blank(one, sr, size)
    snapshot = await one("VDI.snapshot", disk)
    await one("VDI.copy", snapshot, NULL, NULL, into)
    write(one.pool, disk)
    await one("VDI.copy", disk, NULL, snapshot if base else NULL, into)
    return await one("VDI.checksum", disk), await one("VDI.checksum", into)


async def test_only_the_difference_of_an_image_in_vhd() -> None:
    one, _vm, disk = await scene()
    disk_sum, copy_sum = await two_passes(one, disk, await one.named("SR", "iSCSI Madrid"))
    assert disk_sum == copy_sum


async def test_the_difference_is_quick() -> None:
    one, _vm, disk = await scene()
    sr = await one.named("SR", "iSCSI Madrid")
    into = await blank(one, sr, await one("VDI.get_virtual_size", disk))
    snapshot = await one("VDI.snapshot", disk)
    begun = one.pool.clock.now()
    await one("VDI.copy", disk, NULL, NULL, into)
    whole = one.pool.clock.now() - begun
    write(one.pool, disk)
    begun = one.pool.clock.now()
    await one("VDI.copy", disk, NULL, snapshot, into)
    assert one.pool.clock.now() - begun < whole / 20


async def on_gfs2() -> tuple[Client, str, str]:
    (one, *_) = await clients("blockers")
    one.pool.db.set("SM", next(r for r, s in one.pool.db.table("SM").items() if s["type"] == "gfs2"),
                    features={"VDI_CREATE": 1, "VDI_DELETE": 1, "VDI_ATTACH": 1, "VDI_SNAPSHOT": 1})  # fmt: skip
    one.pool.forget_plugins()
    sr = await one.named("SR", "R52 cannot mirror")
    disk = await blank(one, sr, 1 << 30)
    for _ in range(16):
        write(one.pool, disk)
    return one, disk, sr


@pytest.mark.parametrize("base", [True, False], ids=["with a base", "without"])
async def test_the_trap_what_the_guest_has_zeroed_stays_on_the_copy(base: bool) -> None:
    one, disk, _sr = await on_gfs2()
    disk_sum, copy_sum = await two_passes(one, disk, await one.named("SR", "NFS"), base=base)
    assert disk_sum != copy_sum
    new = await one("VDI.copy", disk, await one.named("SR", "NFS"))
    assert await one("VDI.checksum", new) == disk_sum


async def test_the_trap_of_a_raw_volume() -> None:
    one, _vm, disk = await scene()
    one.pool.db.set("VDI", disk, sm_config={"type": "raw", "vdi_type": "aio"})
    snapshot_sums = await two_passes(one, disk, await one.named("SR", "NFS Madrid"))
    assert snapshot_sums[0] != snapshot_sums[1]


async def test_a_target_whose_zeroes_must_be_written_takes_no_difference() -> None:
    one, _vm, disk = await scene()
    sr = await one.named("SR", "iSCSI Madrid")
    one.pool.db.set("SR", sr, sm_config={"allocation": "thick"})
    into = await blank(one, sr, await one("VDI.get_virtual_size", disk))
    snapshot = await one("VDI.snapshot", disk)
    assert await one.refused("VDI.copy", disk, NULL, snapshot, into) == ["VDI_NOT_SPARSE", into]
    before = set(await one("VDI.get_all"))
    assert (await one.refused("VDI.copy", disk, sr, snapshot))[0] == "VDI_NOT_SPARSE"
    assert set(await one("VDI.get_all")) == before
    write(one.pool, into)
    await one("VDI.copy", disk, NULL, NULL, into)  # and everything is written, zeroes too
    assert await one("VDI.checksum", into) == await one("VDI.checksum", disk)


async def test_a_raw_volume_on_lvm_takes_no_difference() -> None:
    one, _vm, disk = await scene()
    into = await blank(one, await one.named("SR", "iSCSI Madrid"), await one("VDI.get_virtual_size", disk))
    one.pool.db.set("VDI", into, sm_config={"type": "raw"})
    assert await one.refused("VDI.copy", disk, NULL, await one("VDI.snapshot", disk), into) == ["VDI_NOT_SPARSE", into]


async def test_what_breaks_off_half_way_leaves_half() -> None:
    one, _vm, disk = await scene()
    into = await blank(one, await one.named("SR", "iSCSI Madrid"), await one("VDI.get_virtual_size", disk))
    empty = await one("VDI.checksum", into)
    one.pool.faults.broken_mirrors.add(disk)
    assert (await one.refused("VDI.copy", disk, NULL, NULL, into))[0] == "VDI_IO_ERROR"
    assert await one("VDI.checksum", into) not in {empty, await one("VDI.checksum", disk)}


async def test_a_copy_between_local_srs_of_two_hosts() -> None:
    one, _two = await clients()
    first, second = [await one.named("SR", f"Local storage on madrid-0{n}") for n in (2, 3)]
    disk = await blank(one, first, 1 << 30)
    write(one.pool, disk)
    go = asyncio.Event()

    async def wait(_seconds: float) -> None:
        await go.wait()

    one.pool.clock.sleep = wait  # type: ignore[method-assign]
    task = await one("Async.VDI.copy", disk, second)
    await turns()
    (new,) = [v for v in await one("SR.get_VDIs", second) if one.pool.db.get("VDI", v, "name_label") == "blank"]
    where = []
    for vdi in (disk, new):
        (drive,) = await one("VDI.get_VBDs", vdi)
        host = one.pool.db.get("VM", one.pool.db.get("VBD", drive, "VM"), "resident_on")
        where.append(one.pool.db.get("host", host, "name_label"))
    assert where == ["madrid-02", "madrid-03"]
    go.set()
    await one.finished(task)
    assert total(one.pool, new) == total(one.pool, disk)


async def test_a_copy_may_be_longer_than_its_source() -> None:
    one, _vm, disk = await scene()
    one.pool.db.set("VDI", disk, virtual_size=(1 << 30) + 512)
    watching[0].watch()
    copy = await one("VDI.copy", disk, await one.named("SR", "iSCSI Madrid"))
    assert await one("VDI.get_virtual_size", copy) == (1 << 30) + (2 << 20)
    assert await one("VDI.checksum", copy) != await one("VDI.checksum", disk)
    assert one.pool.contents.read(one.pool, copy) == one.pool.contents.read(one.pool, disk)


@pytest.mark.parametrize(
    ("sr", "config", "size", "kept"),
    [
        ("NFS Madrid", {}, 1, 2 << 20), ("iSCSI Madrid", {"type": "raw"}, (2 << 20) + 1, 4 << 20),
        ("NFS Madrid", {}, 1 << 30, 1 << 30),
    ],
)  # fmt: skip
async def test_new_disks_are_rounded_up(sr: str, config: dict[str, str], size: int, kept: int) -> None:
    one, _two = await clients()
    disk = await blank(one, await one.named("SR", sr), size, sm_config=config)
    row = await one("VDI.get_record", disk)
    assert (row["virtual_size"], row["sm_config"]["vdi_type"]) == (kept, "aio" if config else "vhd")
    await one("VDI.resize", disk, kept + 1)
    assert await one("VDI.get_virtual_size", disk) == kept + (4 << 20 if config else 2 << 20)
