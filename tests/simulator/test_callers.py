"""Callers, limits and repositories; what high availability and clusters ask of drives, interfaces and SRs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client, clients
from tests.simulator.test_schema_walk import newest

_NAMES: dict[str, Any] = {"name_label": "n", "name_description": ""}


async def test_callers_and_their_groups() -> None:
    one = await newest()

    def caller(agent: str, address: str) -> dict[str, Any]:
        return {**_NAMES, "user_agent": agent, "client_ip": address}

    pair = "user_agent/client_ip"
    for agent, address, reason in (
        ("", "", "at least one of user_agent or client_ip must be set"), ("*", "", "all-wildcard pattern not allowed"),
    ):  # fmt: skip
        refused = await one.refused("Caller.create", caller(agent, address))
        assert refused == ["INVALID_VALUE", pair, reason]
    ref = await one("Caller.create", caller("xe*", ""))
    assert await one("Caller.create", {**caller("xe*", ""), "name_label": "renamed"}) == ref
    assert await one("Caller.get_name_label", ref) == "renamed"
    for group, reason in (
        ("", "empty group name"), ("x" * 65, "group name must be at most 64 characters"),
        ("a b", "group name may only contain alphanumerics and '_', '-' or '.' characters"),
    ):  # fmt: skip
        assert await one.refused("Caller.add_group", ref, group) == ["INVALID_VALUE", "group", reason]
    await one("Caller.add_group", ref, "backup")
    assert await one("Caller.get_groups", ref) == ["backup"]
    assert await one("Caller.query_call_count", ref) == 0
    assert await one.refused("Caller.query_group_call_count", "") == ["INVALID_VALUE", "group", "empty group name"]
    assert (await one("Caller.query_all_usage"))[0][1:] == ["renamed", "0.000", "0"]
    await one("Caller.remove_group", ref, "backup")
    assert await one("Caller.get_groups", ref) == []
    limit = {**_NAMES, "burst_size": 1.0, "fill_rate": 2.0}
    assert await one.refused("Rate_limit.create", {**limit, "fill_rate": 0.0}) == ["INVALID_VALUE", "fill_rate", "0."]
    made = await one("Rate_limit.create", limit)
    assert await one.refused("Rate_limit.set_burst_size", made, -1.5) == ["INVALID_VALUE", "burst_size", "-1.5"]
    await one("Rate_limit.add_caller", made, ref)
    assert await one("Rate_limit.get_callers", made) == [ref]
    await one("Rate_limit.remove_caller", made, ref)
    assert await one("Rate_limit.get_callers", made) == []


async def test_repositories() -> None:
    one = await newest()
    good = ["a", "", "https://updates.example.org/a", "https://updates.example.org/s", True, ""]

    def changed(place: int, value: Any) -> list[Any]:
        return [value if n == place else given for n, given in enumerate(good)]

    for place, value, wanted in (
        (2, "ftp://x", ["INVALID_BASE_URL", "ftp://x"]), (3, "nothing", ["INVALID_BASE_URL", "nothing"]),
        (5, "../key", ["INVALID_GPGKEY_PATH", "../key"]),
    ):  # fmt: skip
        assert await one.refused("Repository.introduce", *changed(place, value)) == wanted
    ref = await one("Repository.introduce", *good)
    assert await one.refused("Repository.introduce", *changed(2, "https://b")) == ["REPOSITORY_ALREADY_EXISTS", ref]
    assert await one.refused("Repository.set_gpgkey_path", ref, "a/b") == ["INVALID_GPGKEY_PATH", "a/b"]
    bundle = await one("Repository.introduce_bundle", "bundle", "")
    refused = await one.refused("Repository.introduce_bundle", "other", "")
    assert refused == ["BUNDLE_REPOSITORY_ALREADY_EXISTS", bundle]
    for url in ("https://host/repository/enabled", "https://10.0.0.1/", "http://10.0.0.1/repository/enabled"):
        assert await one.refused("Repository.introduce_remote_pool", "p", "", url, "") == ["INVALID_BASE_URL", url]
    await one("Repository.introduce_remote_pool", "p", "", "https://10.0.0.1/repository/enabled", "")
    pool = one.pool.ref
    assert await one.refused("pool.set_update_sync_enabled", pool, True) == ["NO_REPOSITORIES_CONFIGURED"]
    assert await one.refused("pool.set_repositories", pool, [ref, bundle]) == ["REPO_SHOULD_BE_SINGLE_ONE_ENABLED"]
    await one("pool.set_repositories", pool, [bundle])
    assert await one.refused("pool.set_update_sync_enabled", pool, True) == ["CAN_NOT_PERIODIC_SYNC_UPDATES"]
    assert await one.refused("Repository.forget", bundle) == ["REPOSITORY_IS_IN_USE"]


async def _protected() -> tuple[Client, str, str]:
    """A running VM that high availability protects, and an SR of one host only."""
    one, _ = await clients()
    db = one.pool.db
    vm = next(ref for ref, row in db.table("VM").items() if row["power_state"] == "Running" and row["VIFs"]
              and not row["is_control_domain"])  # fmt: skip
    db.set("VM", vm, ha_always_run=True, ha_restart_priority="restart")
    db.set("pool", one.pool.ref, ha_enabled=True)
    return one, vm, await one.named("SR", "Local storage on madrid-01")


def _drive(vm: str, vdi: str) -> dict[str, Any]:
    return {
        "VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk",
        "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}, "unpluggable": True,
    }  # fmt: skip


async def test_protected_vms_stay_agile() -> None:
    one, vm, local = await _protected()
    db = one.pool.db
    disk = db.create("VDI", {"SR": local, "type": "user", "managed": True, "virtual_size": 1 << 20})
    wanted = ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", local]
    assert await one.refused("VBD.create", _drive(vm, disk)) == wanted
    network = db.create("network", {"name_label": "nowhere", "managed": True})
    card = {**db.row("VIF", db.get("VM", vm, "VIFs")[0]), "network": network, "device": "6", "MAC": ""}
    refused = await one.refused("VIF.create", card)
    assert refused == ["HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network]
    used = db.get("VDI", db.get("VBD", next(
        v for v in db.get("VM", vm, "VBDs") if not db.get("VBD", v, "empty")
    ), "VDI"), "SR")  # fmt: skip
    pbd = db.get("SR", used, "PBDs")[0]
    assert await one.refused("PBD.unplug", pbd) == ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", used]
    db.set("pool", one.pool.ref, ha_allow_overcommit=True)
    await one("VBD.create", _drive(vm, disk))
    await one("VIF.create", card)


async def test_disks_say_how_they_are_attached() -> None:
    one, _ = await clients()
    vm, sr = await one.named("VM", "erp-test"), await one.named("SR", "NFS Madrid")
    db = one.pool.db
    disk = db.create("VDI", {"SR": sr, "type": "user", "managed": True, "sm_config": {"backend-kind": "vbd3"}})
    vbd = await one("VBD.create", _drive(vm, disk))
    assert await one("VBD.get_other_config", vbd) == {"backend-kind": "vbd3"}


async def test_srs_of_clusters_and_of_one_host() -> None:
    one, _ = await clients()
    db = one.pool.db
    local = await one.named("SR", "Local storage on madrid-01")
    other = next(h for h in db.table("host") if h != db.get("PBD", db.get("SR", local, "PBDs")[0], "host"))
    second = await one("PBD.create", {"SR": local, "host": other, "device_config": {}, "other_config": {}})
    home = db.get("PBD", db.get("SR", local, "PBDs")[0], "host")
    assert await one.refused("PBD.plug", second) == ["SR_NOT_SHARABLE", local, home]
    kind = db.get("SR", local, "type")
    for ref, sm in db.table("SM").items():
        if sm["type"] == kind:
            db.set("SM", ref, required_cluster_stack=["corosync"])
    assert await one.refused("PBD.plug", second) == ["NO_COMPATIBLE_CLUSTER_HOST", other]
    cluster = db.create("Cluster", {"cluster_stack": "corosync"})
    member = db.create("Cluster_host", {"cluster": cluster, "host": other, "enabled": False, "joined": True})
    assert await one.refused("PBD.plug", second) == ["CLUSTERING_DISABLED", member]
    db.set("Cluster_host", member, enabled=True)
    assert await one.refused("PBD.plug", second) == ["SR_NOT_SHARABLE", local, home]
    made = await one.refused("SR.create", home, {}, 0, "n", "", kind, "", False, {})
    assert made == ["NO_COMPATIBLE_CLUSTER_HOST", home]


@pytest.mark.parametrize("attached", [True, False])
async def test_a_disk_grows_only_where_its_sr_is_attached(attached: bool) -> None:
    """allowed_operations follow the PBD."""
    one, _ = await clients()
    db = one.pool.db
    sr = await one.named("SR", "Local storage on madrid-01")
    disk = db.create("VDI", {"SR": sr, "type": "user", "managed": True, "virtual_size": 1 << 20})
    (pbd,) = db.get("SR", sr, "PBDs")
    before = await one("VDI.get_allowed_operations", disk)
    db.set("PBD", pbd, currently_attached=attached)
    after = await one("VDI.get_allowed_operations", disk)
    assert "resize" in before
    assert (after == before) is attached
