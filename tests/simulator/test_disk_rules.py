"""Disks of the pool itself, the order of VDI.revert, copies of checkpoints, and what is measured (xapi 24.10 and 26.17:
xapi_vdi.ml, check_destroy and revert; message_forwarding.ml; xapi_vm_clone.ml; rrdd)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client, clients, watching
from tests.simulator.test_schema_walk import newest
from tests.simulator.test_setters import STALE, told
from xsmigui.simulator.failures import NULL

# -- disks that high availability keeps --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ha_statefile", "redo_log", "user"])
@pytest.mark.parametrize(("enabled", "running", "code"), [
    (True, "", "HA_IS_ENABLED"), (False, "ha_enable", "HA_ENABLE_IN_PROGRESS"),
    (False, "ha_disable", "HA_DISABLE_IN_PROGRESS"), (True, "ha_disable", "HA_IS_ENABLED"), (False, "", ""),
])  # fmt: skip
async def test_disks_that_high_availability_keeps(kind: str, enabled: bool, running: str, code: str) -> None:
    """Not destroyed while it is on or about to be; forgotten and resized only while it is off. All others may."""
    one, _ = await clients()
    watching.clear()
    db, pool = one.pool.db, one.pool.ref
    disk = (await one.disks(await one.named("VM", "erp-test")))[0]
    db.set("VDI", disk, type=kind)
    db.set("pool", pool, ha_enabled=enabled, current_operations={"OpaqueRef:t": running} if running else {})
    one.pool.refresh()
    kept = kind != "user" and bool(code)
    listed = await one("VDI.get_allowed_operations", disk)
    assert ("destroy" in listed) is not kept
    assert ("forget" in listed) is not (kept and enabled)
    assert await told(one, "VDI.resize", disk, 1 << 41) == (["HA_IS_ENABLED"] if kept and enabled else [])
    assert await told(one, "VDI.destroy", disk) == ([code] if kept else [])


# -- back to a snapshot ------------------------------------------------------------------------------------------------


async def test_the_order_of_reverting_a_disk() -> None:
    """Snapshot, then the SR's capability, the snapshot's gate, the gate of the disk that is to change, the SR's PBDs,
    and whether the snapshot is managed; then the disk has the old content."""
    one = await newest()
    watching.clear()
    db, pool = one.pool.db, one.pool
    vm = next(r for r, v in db.table("VM").items() if v["power_state"] == "Halted" and not v["is_control_domain"])
    (disk,) = await one.disks(vm)
    sr = db.get("VDI", disk, "SR")
    snapshot = await one("VDI.snapshot", disk, {})
    before = await one("VDI.checksum", disk)

    async def refused() -> list[str]:
        return await told(one, "VDI.revert", snapshot)

    assert await told(one, "VDI.revert", STALE) == ["HANDLE_INVALID", "VDI", STALE]
    assert await told(one, "VDI.revert", disk) != []
    plugins = [(ref, dict(row["features"])) for ref, row in db.table("SM").items() if row["type"] == "nfs"]

    def able(yes: bool) -> None:
        for ref, known in plugins:
            features = {k: v for k, v in known.items() if k != "VDI_REVERT"} | ({"VDI_REVERT": 1} if yes else {})
            db.set("SM", ref, features=features)
        pool.forget_plugins()

    able(False)
    assert await refused() == ["SR_OPERATION_NOT_SUPPORTED", sr]
    able(True)
    db.set("VDI", snapshot, is_a_snapshot=False)
    assert await refused() == ["REVERT_ONLY_ALLOWED_ON_SNAPSHOT"]
    db.set("VDI", snapshot, is_a_snapshot=True)
    vbd = next(v for v in db.get("VDI", disk, "VBDs"))
    db.set("VBD", vbd, currently_attached=True)
    assert await refused() == ["VDI_IN_USE", disk, "revert_from"]
    db.set("VBD", vbd, currently_attached=False)
    db.set("VDI", disk, type="rrd")
    assert await refused() == ["VDI_HAS_RRDS", disk]
    db.set("VDI", disk, type="user")
    db.set("VDI", snapshot, managed=False)
    assert await refused() == ["VDI_NOT_MANAGED", snapshot]
    for pbd in db.get("SR", sr, "PBDs"):
        db.set("PBD", pbd, currently_attached=False)
    assert await refused() == ["SR_HAS_NO_PBDS", sr]  # before it is looked at whether the snapshot is managed
    for pbd in db.get("SR", sr, "PBDs"):
        db.set("PBD", pbd, currently_attached=True)
    db.set("VDI", snapshot, managed=True)
    pool.contents.set(pool, disk, pool.contents.read(pool, (await one.disks(await _other(one, vm)))[0]))
    assert await one("VDI.checksum", disk) != before
    assert await refused() == []
    assert await one("VDI.checksum", disk) == before


async def _other(one: Client, vm: str) -> str:
    rows = one.pool.db.table("VM").items()
    return next(r for r, v in rows if r != vm and v["VBDs"] and not v["is_control_domain"] and not v["is_a_snapshot"])


# -- copies of checkpoints ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["VM.copy", "VM.clone"])
async def test_what_comes_of_a_checkpoint(way: str) -> None:
    """A template that does not run and has no memory image, with disks of its own (xapi_vm_clone.ml); `VM.copy` shuts
    the new one down and says so."""
    one, _ = await clients()
    db = one.pool.db
    vm = await one.named("VM", "web-01")
    checkpoint = await one("VM.checkpoint", vm, "with memory")
    assert await one("VM.get_power_state", checkpoint) == "Suspended"
    images = sum(row["type"] == "suspend" for row in db.table("VDI").values())
    new = await one(way, checkpoint, "from it", *([NULL] if way == "VM.copy" else []))
    record = await one("VM.get_record", new)
    assert (record["power_state"], record["suspend_VDI"]) == ("Halted", NULL)
    assert (record["is_a_template"], record["is_a_snapshot"], record["snapshot_of"]) == (True, False, NULL)
    assert not any(db.get("VBD", v, "currently_attached") for v in record["VBDs"])
    assert not any(db.get("VIF", v, "currently_attached") for v in record["VIFs"])
    assert not set(await one.disks(new)) & set(await one.disks(checkpoint))
    assert sum(row["type"] == "suspend" for row in db.table("VDI").values()) == images  # its own image is gone again
    told_of = [m["name"] for m in (await one("message.get_all_records")).values() if m["obj_uuid"] == record["uuid"]]
    assert ("VM_SHUTDOWN" in told_of) is (way == "VM.copy")
    assert await one("VM.get_power_state", checkpoint) == "Suspended"
    assert await one("VM.get_suspend_VDI", checkpoint) != NULL
    await one("VM.provision", new)


# -- what is measured --------------------------------------------------------------------------------------------------

BAD_STATE: dict[str, Any] = {"Halted": "halted", "Suspended": "suspended"}


@pytest.mark.parametrize("state", ["Running", "Paused", "Halted", "Suspended"])
async def test_data_sources_of_a_vm(state: str) -> None:
    """They are listed, recorded and forgotten while it runs, and read while it runs or is paused."""
    one, _ = await clients()
    watching.clear()
    vm = await one.named("VM", "web-01")
    one.pool.db.set("VM", vm, power_state=state)
    wrong = ["VM_BAD_POWER_STATE", vm, "running", state.lower()]
    for method, *params in (
        ("VM.get_data_sources",), ("VM.record_data_source", "cpu0"), ("VM.forget_data_source_archives", "cpu0"),
    ):  # fmt: skip
        assert await told(one, method, vm, *params) == ([] if state == "Running" else wrong)
    answer = await told(one, "VM.query_data_source", vm, "no such")
    if state in BAD_STATE:
        assert answer == ["VM_BAD_POWER_STATE", vm, "running;paused", BAD_STATE[state]]
    else:
        assert answer == ["INTERNAL_ERROR", 'Rrd.Invalid_data_source("no such")']
    if state == "Running":
        sources = await one("VM.get_data_sources", vm)
        assert {source["name_label"] for source in sources} == {"vbd_xvda_read", "vbd_xvda_write"}
        for source in sources:
            assert await one("VM.query_data_source", vm, source["name_label"]) == source["value"]


@pytest.mark.parametrize("cls", ["host", "SR"])
async def test_data_sources_of_hosts_and_srs(cls: str) -> None:
    one, _ = await clients()
    ref = one.pool.master if cls == "host" else await one.named("SR", "NFS Madrid")
    assert await one(f"{cls}.get_data_sources", ref) == []
    for name in ("record_data_source", "forget_data_source_archives"):
        assert await told(one, f"{cls}.{name}", ref, "x") == []
    assert await told(one, f"{cls}.query_data_source", ref, "x") == ["INTERNAL_ERROR", 'Rrd.Invalid_data_source("x")']
    due = ["HOST_OFFLINE", STALE] if cls == "host" else ["HANDLE_INVALID", "SR", STALE]
    for name, *params in (("get_data_sources",), ("query_data_source", "x"), ("record_data_source", "x")):
        assert await told(one, f"{cls}.{name}", STALE, *params) == due
