"""The research sheet's section 7.4, row by row: VDI.copy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.simulator.inside import Client, clients, turns
from xsmigui.simulator.failures import NULL

KEPT = ("name_label", "name_description", "virtual_size", "type", "sharable", "other_config", "xenstore_data", "tags",
        "on_boot", "allow_caching")  # fmt: skip


async def scene() -> tuple[Client, str, str]:
    """Madrid, a disk of a halted VM, and another SR."""
    one, _two = await clients()
    disk = (await one.disks(await one.named("VM", "erp-test")))[0]
    await one("VDI.add_to_other_config", disk, "owner", "ops")
    await one("VDI.add_tags", disk, "gold")
    return one, disk, await one.named("SR", "iSCSI Madrid")


async def held(one: Client, *params: Any) -> tuple[str, asyncio.Event]:
    """A copy that stands still at its first step, until the event is set."""
    go = asyncio.Event()
    clock = one.pool.clock

    async def wait(_seconds: float) -> None:
        await go.wait()

    clock.sleep = wait  # type: ignore[method-assign]
    task = await one("Async.VDI.copy", *params)
    await turns()
    return task, go


async def test_7_4_what_the_copy_takes_along() -> None:
    one, disk, sr = await scene()
    copy = await one("VDI.copy", disk, sr)
    old, new = await one("VDI.get_record", disk), await one("VDI.get_record", copy)
    assert {k: new[k] for k in KEPT} == {k: old[k] for k in KEPT}
    assert (new["SR"], new["read_only"], new["is_a_snapshot"]) == (sr, False, False)
    assert new["uuid"] != old["uuid"]


async def test_7_4_it_is_there_from_the_beginning_and_both_are_in_the_control_domain() -> None:
    one, disk, sr = await scene()
    before = set(await one("VDI.get_all"))
    task, go = await held(one, disk, sr)
    (copy,) = set(await one("VDI.get_all")) - before
    assert "copy" in (await one("VDI.get_current_operations", disk)).values()
    modes = {}
    for vdi in (disk, copy):
        for vbd in await one("VDI.get_VBDs", vdi):
            record = await one("VBD.get_record", vbd)
            if await one("VM.get_is_control_domain", record["VM"]):
                assert record["currently_attached"]
                modes[vdi] = record["mode"]
    assert modes == {disk: "RO", copy: "RW"}
    assert (await one.refused("VDI.destroy", copy))[0] == "VDI_IN_USE"
    go.set()
    assert (await one.finished(task))["status"] == "success"
    assert await one("VDI.get_VBDs", copy) == []


async def test_7_4_a_copy_that_fails_is_removed() -> None:
    one, disk, sr = await scene()
    before = sorted(await one("VDI.get_all"))
    vbds = sorted(await one("VBD.get_all"))
    free = await one("SR.get_physical_utilisation", sr)
    one.pool.faults.broken_mirrors.add(disk)
    assert await one.refused("VDI.copy", disk, sr) == ["VDI_IO_ERROR", "Device I/O errors"]
    assert sorted(await one("VDI.get_all")) == before
    assert sorted(await one("VBD.get_all")) == vbds
    assert await one("SR.get_physical_utilisation", sr) == free


async def test_7_4_cancelled() -> None:
    one, disk, sr = await scene()
    before = sorted(await one("VDI.get_all"))
    task, go = await held(one, disk, sr)
    await one("task.cancel", task)
    go.set()
    assert (await one.finished(task))["status"] == "cancelled"
    assert sorted(await one("VDI.get_all")) == before


async def blank(one: Client, sr: str, size: int, **fields: Any) -> str:
    record = {"SR": sr, "virtual_size": size, "type": "user", "sharable": False, "read_only": False, "other_config": {},
              "name_label": "blank", **fields}  # fmt: skip
    return str(await one("VDI.create", record))


async def test_7_4_into_a_disk_that_is_there() -> None:
    one, disk, sr = await scene()
    size = await one("VDI.get_virtual_size", disk)
    into = await blank(one, sr, size)
    assert await one("VDI.copy", disk, NULL, NULL, into) == into
    assert await one("VDI.get_name_label", into) == "blank"
    used = await one("SR.get_physical_utilisation", sr)
    again = await one("VDI.copy", disk, NULL, NULL, into)
    assert (again, await one("SR.get_physical_utilisation", sr)) == (into, used)
    one.pool.faults.broken_mirrors.add(disk)
    assert (await one.refused("VDI.copy", disk, NULL, NULL, into))[0] == "VDI_IO_ERROR"
    assert await one("VDI.get_uuid", into)  # what was given stays


@pytest.mark.parametrize("row", ["read-only", "too small", "not managed"])
async def test_7_4_refusals(row: str) -> None:
    one, disk, sr = await scene()
    size = await one("VDI.get_virtual_size", disk)
    if row == "read-only":
        into = await blank(one, sr, size, read_only=True)
        assert await one.refused("VDI.copy", disk, NULL, NULL, into) == ["VDI_READONLY", into]
    elif row == "too small":
        into = await blank(one, sr, size - (2 << 20))
        assert await one.refused("VDI.copy", disk, NULL, NULL, into) == ["VDI_TOO_SMALL", into, str(size)]
    else:
        one.pool.db.set("VDI", disk, managed=False)
        assert await one.refused("VDI.copy", disk, sr) == ["VDI_NOT_MANAGED", disk]


async def test_7_3_copies_of_one_disk_do_not_disturb_each_other() -> None:
    one, disk, sr = await scene()
    first, go = await held(one, disk, sr)
    second = await one("Async.VDI.copy", disk, sr)
    await turns()
    assert sorted((await one("VDI.get_current_operations", disk)).values()) == ["copy", "copy"]
    assert (await one.refused("VDI.destroy", disk))[0] in ("OTHER_OPERATION_IN_PROGRESS", "VDI_IN_USE")
    go.set()
    assert (await one.finished(first))["status"] == (await one.finished(second))["status"] == "success"
