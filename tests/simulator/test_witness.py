"""The judgement at the end of every test that moves something can fail: each way of losing a disk is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.foreign import Somebody
from tests.simulated import Simulated
from tests.simulator.inside import Client, clients, migration, watching
from xsmigui.simulator.content import EMPTY
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.methods.transfer import Transfer


def complaints() -> list[str]:
    """What is wrong in the first site; the end of the test does not ask again."""
    found = watching[0].complaints()
    watching.clear()
    return found


async def scene() -> tuple[Client, str, str]:
    one, _two = await clients()
    vm = await one.named("VM", "erp-test")
    return one, vm, (await one.disks(vm))[0]


def drive(one: Client, disk: str) -> str:
    return str(one.pool.db.get("VDI", disk, "VBDs")[0])


async def test_nothing_is_wrong_at_first_and_after_ordinary_work() -> None:
    one, vm, disk = await scene()
    assert watching[0].complaints() == []
    await one("VM.start", vm, False, False)
    await one("VDI.pool_migrate", disk, await one.named("SR", "iSCSI Madrid"), {})
    await one("VM.hard_shutdown", vm)
    snapshot = await one("VM.snapshot", vm, "before")
    await one("VM.start", vm, False, False)
    await one("VM.revert", snapshot)
    await one("VM.destroy", await one("VM.clone", vm, "another"))
    assert watching[0].complaints() == []


@pytest.mark.parametrize("where", ["inside", "other pool"])
async def test_a_migration_whose_copy_is_broken(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await clients()
    monkeypatch.setattr(Transfer, "_fill", lambda self, vdi, new: None)
    if where == "inside":
        disk = (await one.disks(await one.named("VM", "web-01")))[0]
        await one("VDI.pool_migrate", disk, await one.named("SR", "iSCSI Madrid"), {})
        assert any("web-01 at position 0 was written to while it did not hold" in c for c in complaints())
    else:
        await one("VM.migrate_send", *await migration(one, two, "erp-test", "NFS Lisboa"))
        (complaint, *_) = complaints()
        assert complaint.startswith("erp-test at position 0: not the newest content")


async def test_a_copy_that_is_spoilt_without_an_error() -> None:
    one, two = await clients()
    for disk in await one.disks(await one.named("VM", "erp-test")):
        one.pool.faults.spoiling.add(disk)
    await one("VM.migrate_send", *await migration(one, two, "erp-test", "NFS Lisboa"))
    assert complaints()[0].startswith("erp-test at position 0: not the newest content")


async def exchanged(one: Client, vm: str, old: str, new: str) -> None:
    """What an exchange does: another disk takes the place."""
    vbd = one.pool.db.row("VBD", drive(one, old))
    position = vbd["userdevice"]
    one.pool.db.delete("VBD", drive(one, old))
    one.pool.db.create("VBD", {"VM": vm, "VDI": new, "userdevice": position, "mode": "RW", "type": "Disk"})


async def test_a_stale_copy_is_exchanged() -> None:
    one, vm, disk = await scene()
    copy = await one("VDI.copy", disk, await one.named("SR", "iSCSI Madrid"))
    await exchanged(one, vm, disk, copy)
    assert watching[0].complaints() == []  # nobody has written meanwhile
    await exchanged(one, vm, copy, disk)
    await one("VM.start", vm, False, False)
    await one("VM.hard_shutdown", vm)
    await exchanged(one, vm, disk, copy)
    assert [c.partition(":")[0] for c in watching[0].complaints()] == ["erp-test at position 0"]
    # Once the VM has run from the stale copy, there is no way back: it stays wrong.
    await one("VM.start", vm, False, False)
    assert complaints() == ["erp-test at position 0 was written to while it did not hold the newest content"]


async def test_another_vm_has_written_to_the_source() -> None:
    one, vm, disk = await scene()
    copy = await one("VDI.copy", disk, await one.named("SR", "iSCSI Madrid"))
    one.pool.contents.write(one.pool, disk)
    await exchanged(one, vm, disk, copy)
    assert complaints()[0].startswith("erp-test at position 0: not the newest content")


async def test_a_disk_that_two_vms_have_goes_away_with_one() -> None:
    one, vm, disk = await scene()
    other = await one.named("VM", "web-01")
    await one("VBD.create", {
        "VM": other, "VDI": disk, "userdevice": "7", "bootable": False, "mode": "RO", "type": "Disk", "empty": False,
        "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    watching[0].watch()
    new = await one("VDI.copy", disk, await one.named("SR", "iSCSI Madrid"))
    await exchanged(one, vm, disk, new)
    await one.raw("VDI.destroy", one.session, disk)
    assert complaints() == ["web-01 at position 7: 0 disks"]


async def test_two_disks_at_one_position() -> None:
    one, vm, disk = await scene()
    copy = await one("VDI.copy", disk, await one.named("SR", "iSCSI Madrid"))
    one.pool.db.create("VBD", {"VM": vm, "VDI": copy, "userdevice": "0", "mode": "RW", "type": "Disk"})
    assert complaints() == ["erp-test at position 0: 2 disks", "erp-test at position 0: 2 drives"]


async def test_a_vm_or_a_disk_of_nobody_is_gone() -> None:
    one, vm, disk = await scene()
    sr = await one("VDI.get_SR", disk)
    loose = await one("VDI.clone", disk)
    one.pool.contents.write(one.pool, loose)
    watching[0].watch()
    uuid = await one("VDI.get_uuid", loose)
    await one.raw("VM.destroy", one.session, vm)
    await one.raw("VDI.destroy", one.session, loose)
    assert complaints() == ["erp-test is gone", f"the content of the disk {uuid} is nowhere"]
    assert sr


async def test_a_disk_that_has_been_extended_is_not_replaced_by_a_shorter_one() -> None:
    one, vm, disk = await scene()
    copy = await one("VDI.copy", disk, await one.named("SR", "iSCSI Madrid"))
    await one("VDI.resize", disk, 2 * await one("VDI.get_virtual_size", disk))
    await exchanged(one, vm, disk, copy)
    (complaint,) = complaints()
    assert "bytes of" in complaint


async def test_a_suspended_vm_loses_its_memory() -> None:
    one, _two = await clients()
    vm, row = next((v, r) for v, r in one.pool.db.table("VM").items() if r["power_state"] == "Suspended")
    one.pool.contents.set(one.pool, row["suspend_VDI"], EMPTY)
    assert [c.partition(":")[0] for c in complaints()] == [f"{row['name_label']} at position suspend image"]
    assert await one("VM.get_power_state", vm) == "Suspended"


# -- over the network, and somebody else -------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as own:
        yield own


def test_a_site_in_a_thread_is_judged_when_it_ends() -> None:
    own = Simulated.start("two-pools")
    vm = own.vm(0, "erp-test")
    db = own.pools[0].pool.db
    own.run(lambda: db.delete("VBD", db.get("VM", vm, "VBDs")[0]))
    with pytest.raises(AssertionError, match="erp-test at position 0: 0 disks"):
        own.stop()
    own.stop()  # it has ended all the same


def test_the_control_interface_judges_too(site: Simulated) -> None:
    site.fault(0, "watch_disks")
    assert site.fault(0, "check_disks")["wrong"] == []
    vm = site.vm(0, "erp-test")
    site.fault(0, "expect_loss", method="VM.destroy", params=[vm])
    site.call(0, "VM.destroy", vm)
    assert site.fault(0, "check_disks")["wrong"] == []
    gone = site.vm(0, "web-01")
    site.run(lambda: site.pools[0].pool.db.delete("VM", gone))
    assert site.fault(0, "check_disks")["wrong"] == ["web-01 is gone"]
    assert site.complaints() == ["web-01 is gone"]
    site.lets_go_of("web-01")
    assert site.complaints() == []


def test_what_somebody_else_does(site: Simulated) -> None:
    other = Somebody.at(site, "Madrid")
    vm = other.vm("erp-test")
    disk = other.disks(vm)["0"]
    sums = [other.sum(disk), other.write(disk)]
    other.work(vm)
    sums.append(other.sum(disk))
    vbd = other.connect(disk, other.vm("web-01"))
    other.disconnect(vbd)
    sums.append(other.sum(disk))
    other.extend(disk, 2 << 20)
    sums.append(other.sum(disk))
    assert len(set(sums)) == 5
    other.rename(disk, "renamed")
    assert site.call(0, "VDI.get_name_label", disk) == "renamed"
    site.call(0, "VM.set_blocked_operations", vm, {"start": "because"})
    other.lift_blocks(vm)
    assert site.call(0, "VM.get_blocked_operations", vm) == {}
    other.snapshot(vm)
    copy = other.copy(disk, site.call(0, "VDI.get_SR", disk))
    assert other.sum(copy) == other.sum(disk)
    other.destroy(copy)
    other.start(vm, site.pools[0].pool.master)
    other.stop(vm)
    assert site.call(0, "VM.get_resident_on", vm) == NULL
