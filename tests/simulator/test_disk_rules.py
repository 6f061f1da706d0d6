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


# -- SRs and their PBDs ------------------------------------------------------------------------------------------------


async def test_passwords_of_storage_are_secrets() -> None:
    """Of each PBD its own, and they go with it (xapi_secret.ml)."""
    one, _ = await clients()
    db, host = one.pool.db, one.pool.master
    before = dict(db.table("secret"))
    config = {"server": "10.0.0.1", "chappassword": "hush", "username": "ana"}
    sr = await one("SR.create", host, config, 0, "n", "", "nfs", "", True, {})
    pbds = await one("SR.get_PBDs", sr)
    uuids = set()
    for pbd in pbds:
        kept = await one("PBD.get_device_config", pbd)
        assert {key: kept[key] for key in ("server", "username")} == {"server": "10.0.0.1", "username": "ana"}
        assert set(kept) == {"server", "username", "chappassword_secret"}
        secret = await one("secret.get_by_uuid", kept["chappassword_secret"])
        assert await one("secret.get_value", secret) == "hush"
        uuids.add(kept["chappassword_secret"])
    assert len(uuids) == len(pbds) > 1
    first = pbds[0]
    struct = {"SR": sr, "host": await one("PBD.get_host", first), "device_config": dict(kept), "other_config": {}}
    assert await one.refused("PBD.create", struct) == ["PBD_EXISTS", sr, struct["host"], first]
    await one("PBD.unplug", first)
    own = (await one("PBD.get_device_config", first))["chappassword_secret"]
    await one("PBD.destroy", first)
    assert await one.refused("secret.get_by_uuid", own) == ["UUID_INVALID", "secret", own]
    wrong = {**struct, "device_config": {"password_secret": "no such"}}
    assert await one.refused("PBD.create", wrong) == ["UUID_INVALID", "secret", "no such"]
    master = {**struct, "device_config": {"SRmaster": "true"}}
    internal = ["VALUE_NOT_SUPPORTED", "SRmaster", "true", "This key is for internal use only"]
    assert await one.refused("PBD.create", master) == internal
    for pbd in pbds[1:]:
        await one("PBD.unplug", pbd)
    await one("SR.forget", sr)
    left = {row["uuid"] for row in db.table("secret").values()} - {row["uuid"] for row in before.values()}
    assert not left & uuids


async def test_which_disks_a_pbd_waits_for() -> None:
    """Those of an SR that its coordinator is in charge of: a shared one, or its own (helpers.ml, get_srmaster); of a
    local one with several PBDs nobody is."""
    one, _ = await clients()
    watching.clear()
    one.pool.lock_timeout_s = 0.0
    db = one.pool.db
    host = next(h for h in db.table("host") if h != one.pool.master)
    for sr, waits in ((await one.named("SR", "NFS Madrid"), True), (_local(one, host), False), (_local(one), True)):
        pbd = db.get("SR", sr, "PBDs")[0]
        disk = db.create("VDI", {"SR": sr, "current_operations": {"OpaqueRef:t": "clone"}, "managed": True})
        answer = await told(one, "PBD.unplug", pbd)
        assert (answer[:1] == ["OTHER_OPERATION_IN_PROGRESS"]) is waits, answer
        db.delete("VDI", disk)
    local = _local(one)
    db.create("PBD", {"SR": local, "host": host, "currently_attached": False})
    pbds = [db.get("PBD", p, "uuid") for p in db.get("SR", local, "PBDs")]
    assert await one.refused("PBD.unplug", db.get("SR", local, "PBDs")[0]) == ["SR_HAS_MULTIPLE_PBDS", *pbds]


def _local(one: Client, host: str = "") -> str:
    db = one.pool.db
    pbds = [row for row in db.table("PBD").values() if row["host"] == (host or one.pool.master)]
    return str(next(r["SR"] for r in pbds if not db.get("SR", r["SR"], "shared") and
                    db.get("SR", r["SR"], "type") in {"ext", "lvm"}))  # fmt: skip


async def test_a_uuid_is_one_objects_alone() -> None:
    one, _ = await clients()
    for taken in (await one("SR.get_uuid", _local(one)), await one("host.get_uuid", one.pool.master)):
        assert await one.refused("SR.introduce", taken, "n", "", "nfs", "", False, {}) == ["SR_UUID_EXISTS", taken]


# -- hosts: back into service, and out of the pool ---------------------------------------------------------------------


async def test_what_a_host_must_have_before_it_is_enabled_again() -> None:
    """xapi_host.ml, assert_safe_to_reenable: guidance first, then storage, then networks."""
    one, _ = await clients()
    watching.clear()
    db = one.pool.db
    vm = await one.named("VM", "web-01")
    host = next(h for h in db.table("host") if h != db.get("VM", vm, "resident_on"))
    (disk,) = await one.disks(vm)
    sr = db.get("VDI", disk, "SR")
    (pbd,) = [p for p in db.get("host", host, "PBDs") if db.get("PBD", p, "SR") == sr]
    network = db.get("VIF", db.get("VM", vm, "VIFs")[0], "network")
    (pif,) = [p for p in db.get("host", host, "PIFs") if db.get("PIF", p, "network") == network]
    db.set("VM", vm, ha_restart_priority="restart", ha_always_run=True)
    db.set("host", host, enabled=False, pending_guidances=["reboot_host"])
    db.set("PBD", pbd, currently_attached=False)
    db.set("PIF", pif, bond_slave_of=db.create("Bond", {}), physical=True)

    async def refused() -> list[str]:
        return await told(one, "host.enable", host)

    db.set("pool", one.pool.ref, ha_enabled=True, ha_allow_overcommit=False)
    assert await refused() == ["HOST_PENDING_MANDATORY_GUIDANCES_NOT_EMPTY", host]
    db.set("host", host, pending_guidances=[])
    assert await refused() == ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr]
    db.set("PBD", pbd, currently_attached=True)
    assert await refused() == ["HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network]
    for change in ({"ha_allow_overcommit": True}, {"ha_enabled": False, "ha_allow_overcommit": False}):
        db.set("pool", one.pool.ref, **change)
        assert await refused() == []
        db.set("host", host, enabled=False)


async def test_a_host_leaves_its_pool_with_its_own_domain_alone() -> None:
    """xapi_pool.ml, eject_self: another control domain counts as a VM while it runs."""
    one, _ = await clients()
    watching.clear()
    db = one.pool.db
    host = next(h for h in db.table("host") if h != one.pool.master)
    for vm in list(db.get("host", host, "resident_VMs")):
        if vm != db.get("host", host, "control_domain"):
            db.set("VM", vm, power_state="Halted", resident_on=NULL)
    driver = db.create(
        "VM", {"name_label": "driver", "is_control_domain": True, "resident_on": host, "power_state": "Running"}
    )
    assert await one.refused("pool.eject", host) == ["OPERATION_NOT_ALLOWED", "VM resident on host"]
    db.set("VM", driver, power_state="Halted")
    await one("pool.eject", host)
    assert not db.has("host", host)
    assert await one.refused("pool.eject", one.pool.master) == ["INTERNAL_ERROR", "Xapi_pool.Cannot_eject_master"]
