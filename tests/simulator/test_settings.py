"""Roles and subjects, repositories, provisioning services and other settings: what is kept, told and refused."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest

from tests.simulator.inside import Client, clients
from tests.simulator.test_schema_walk import newest
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.permissions import ROLES, at_least

POOL_ADMIN = "OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba"  # of any server


async def test_roles_are_made_of_permissions() -> None:
    one = await newest()
    records = await one("role.get_all_records")
    assert [row["name_label"] for row in records.values()][-len(ROLES) :] == list(ROLES)
    assert set(await one("role.get_all")) == set(records)
    assert records[POOL_ADMIN]["name_label"] == "pool-admin"
    by_name = {row["name_label"]: ref for ref, row in records.items()}
    admin = set(await one("role.get_permissions_name_label", POOL_ADMIN))
    reader = set(await one("role.get_permissions_name_label", by_name["read-only"]))
    assert reader < admin
    assert "vm.migrate_send" in admin - reader
    (permission,) = await one("role.get_by_name_label", "vm.migrate_send")
    able = {by_name[r] for r in ("pool-admin", "pool-operator", "vm-power-admin")}
    assert set(await one("role.get_by_permission", permission)) == able
    assert set(await one("role.get_by_permission_name_label", "vm.migrate_send")) == able
    for call, name in (("name_label", "Pool-Admin"), ("permission_name_label", "VM.migrate_send")):
        assert await one(f"role.get_by_{call}", name) == []  # names are written small
    assert permission in await one("role.get_permissions", POOL_ADMIN)
    assert await one("role.get_subroles", permission) == []
    assert await one("role.get_by_uuid", records[POOL_ADMIN]["uuid"]) == POOL_ADMIN
    assert await one("role.get_record", POOL_ADMIN) == records[POOL_ADMIN]
    permissions = {ref: row for ref, row in records.items() if row["subroles"] == []}
    assert set(permissions) == set(records[POOL_ADMIN]["subroles"])  # a row for each call
    assert all(row["is_internal"] and row["name_description"] == "A basic permission" for row in permissions.values())
    roles = {ref: row for ref, row in records.items() if row["subroles"]}
    assert [row["name_label"] for row in roles.values()] == list(ROLES)
    assert [row["name_label"] for row in roles.values() if row["is_internal"]] == ["client-cert"]
    # Names are written small, UUIDs are made of them as the calls are spelt.
    assert permission == "OpaqueRef:" + str(UUID(hashlib.md5(b"VM.migrate_send").hexdigest()))
    for name, least in (
        ("http/get_services", "read-only"), ("http/put_import", "vm-admin"), ("http/connect_console", "vm-operator"),
        ("http/connect_console/host_console", "pool-admin"), ("task.destroy/any", "pool-operator"),
        ("vm.add_to_other_config/key:pci", "pool-admin"), ("vm.remove_from_platform/key:hvm_serial", "pool-admin"),
        ("network.add_to_other_config/key:xencentercreateinprogress", "vm-operator"),
        ("task.add_to_other_config/key:applies_to", "vm-operator"), ("session.logout", "read-only"),
    ):  # fmt: skip
        able = await one("role.get_by_permission_name_label", name)
        assert [records[ref]["name_label"] for ref in able] == list(at_least(least)), name
    assert len(await one("role.get_by_permission_name_label", "http/get_host_updates")) == 3
    # Of expressions two are known, letter by letter; all others mean everything.
    for expression, meant in (
        ("subroles<>[]", roles), ("subroles=[]", permissions), ('field "name__label" = "vm-admin"', records),
        ("no expression", records),
    ):  # fmt: skip
        assert await one("role.get_all_records_where", expression) == meant
        assert await one("role.get_all_where", expression) == list(meant)
    assert await one.refused("role.get_uuid", "OpaqueRef:no") == ["HANDLE_INVALID", "role", "OpaqueRef:no"]
    assert await one.refused("role.get_by_uuid", "no") == ["UUID_INVALID", "role", "no"]


async def test_what_a_role_permits_is_what_its_session_may() -> None:
    one = await newest()
    one.pool.account("ana", "pw", "vm-operator")
    session = await one.raw("session.login_with_password", "ana", "pw")
    (role,) = await one("role.get_by_name_label", "vm-operator")
    told = await one("session.get_rbac_permissions", session)
    assert set(await one("role.get_permissions_name_label", role)) <= set(told)


async def test_subjects_have_roles() -> None:
    one = await newest()
    subject = await one("subject.create", {"subject_identifier": "S-1-5-21", "other_config": {}})
    assert await one("subject.get_roles", subject) == [POOL_ADMIN]  # the schema's default
    await one("subject.remove_from_roles", subject, POOL_ADMIN)
    assert await one("subject.get_permissions_name_label", subject) == []
    assert await one.refused("subject.add_to_roles", subject, "OpaqueRef:no") == ["ROLE_NOT_FOUND"]
    await one("subject.add_to_roles", subject, POOL_ADMIN)
    assert await one.refused("subject.add_to_roles", subject, POOL_ADMIN) == ["ROLE_ALREADY_EXISTS"]
    assert "host.evacuate" in await one("subject.get_permissions_name_label", subject)
    await one("subject.remove_from_roles", subject, POOL_ADMIN)
    assert await one.refused("subject.remove_from_roles", subject, POOL_ADMIN) == ["ROLE_NOT_FOUND"]
    assert await one.refused("auth.get_subject_identifier", "ana") == ["AUTH_IS_DISABLED"]


async def test_repositories() -> None:
    one = await newest()
    pool = one.pool.ref
    arguments: list[Any] = ["base", "", "https://example.invalid/base", "https://example.invalid/src", False, ""]
    ref = await one("Repository.introduce", *arguments)
    assert await one.refused("Repository.introduce", *arguments) == ["REPOSITORY_ALREADY_EXISTS", ref]
    await one("pool.add_repository", pool, ref)
    assert await one("pool.get_repositories", pool) == [ref]
    assert await one.refused("Repository.forget", ref) == ["REPOSITORY_IS_IN_USE"]
    await one("pool.remove_repository", pool, ref)
    await one("Repository.forget", ref)
    assert await one("Repository.get_all") == []


async def test_a_repositorys_proxy_and_its_password() -> None:
    one = await newest()
    pool = one.pool.ref
    assert (await one.refused("pool.configure_repository_proxy", pool, "proxy", "", ""))[
        0
    ] == "INVALID_REPOSITORY_PROXY_URL"
    refusal = await one.refused("pool.configure_repository_proxy", pool, "http://p", "ana", "")
    assert refusal == ["INVALID_REPOSITORY_PROXY_CREDENTIAL"]
    before = len(one.pool.db.table("secret"))
    for password in ("a", "b"):
        await one("pool.configure_repository_proxy", pool, "http://p", "ana", password)
    secret = await one("pool.get_repository_proxy_password", pool)
    assert await one("secret.get_value", secret) == "b"
    assert len(one.pool.db.table("secret")) == before + 1
    await one("pool.disable_repository_proxy", pool)
    assert await one("pool.get_repository_proxy_password", pool) == NULL
    assert len(one.pool.db.table("secret")) == before
    await one("pool.configure_update_sync", pool, "weekly", 6)
    assert (await one.refused("pool.configure_update_sync", pool, "weekly", 7)) == ["INVALID_UPDATE_SYNC_DAY", "7"]
    await one("pool.configure_update_sync", pool, "daily", 9)
    assert await one("pool.get_update_sync_day", pool) == 0
    await one("pool.reset_telemetry_uuid", pool)
    first = await one("pool.get_telemetry_uuid", pool)
    await one("pool.reset_telemetry_uuid", pool)
    assert await one("pool.get_telemetry_uuid", pool) != first
    assert not one.pool.db.has("secret", first)


async def test_provisioning_services_and_controllers() -> None:
    one = await newest()
    site = await one("PVS_site.introduce", "farm", "", "id")
    server = await one("PVS_server.introduce", ["10.0.0.9"], 6901, 6930, site)
    refusal = await one.refused("PVS_server.introduce", ["10.0.0.9"], 1, 2, site)
    assert refusal == ["PVS_SERVER_ADDRESS_IN_USE", "10.0.0.9"]
    assert await one.refused("PVS_site.forget", site) == ["PVS_SITE_CONTAINS_SERVERS", server]
    await one("PVS_server.forget", server)
    await one("PVS_site.forget", site)
    assert await one("PVS_site.get_all") == []
    controller = await one("SDN_controller.introduce", "ssl", "10.0.0.8", 6640)
    assert await one.refused("SDN_controller.introduce", "ssl", "10.0.0.7", 6640) == ["SDN_CONTROLLER_ALREADY_EXISTS"]
    await one("SDN_controller.forget", controller)


@pytest.mark.parametrize(("start", "on", "off"), [
    ("enabled", "enabled", "disable_on_reboot"), ("disable_on_reboot", "enabled", "disable_on_reboot"),
    ("disabled", "enable_on_reboot", "disabled"), ("enable_on_reboot", "enable_on_reboot", "disabled"),
])  # fmt: skip
async def test_a_display_is_switched_at_the_next_start(start: str, on: str, off: str) -> None:
    one = await newest()
    host = one.pool.master
    for call, wanted in (("host.enable_display", on), ("host.disable_display", off)):
        one.pool.db.set("host", host, display=start)
        assert await one(call, host) == wanted
        assert await one("host.get_display", host) == wanted


async def _first(one: Client, name: str) -> str:
    return await one.named("SR", name)


async def test_a_hosts_local_cache() -> None:
    """On an SR of its own, while nothing runs there."""
    one, _ = await clients()
    host = await one.named("host", "madrid-03")
    shared, local = await _first(one, "NFS Madrid"), await _first(one, "Local storage on madrid-03")
    other = await _first(one, "Local storage on madrid-02")
    call = "host.enable_local_storage_caching"
    assert await one.refused(call, host, local) == ["HOST_NOT_DISABLED"]
    await one("host.disable", host)
    running = [v for v in await one("host.get_resident_VMs", host) if not await one("VM.get_is_control_domain", v)]
    assert await one.refused(call, host, local) == ["HOST_IN_USE", host, "vm", running[0]]
    for vm in running:
        await one("VM.hard_shutdown", vm)
    for kind in one.pool.db.table("SM").values():
        if kind["type"] == one.pool.db.get("SR", local, "type"):
            kind["features"]["SR_SUPPORTS_LOCAL_CACHING"] = 1
    one.pool.forget_plugins()
    assert await one.refused(call, host, shared) == ["SR_OPERATION_NOT_SUPPORTED"]
    assert await one.refused(call, host, other) == ["HOST_CANNOT_SEE_SR", host, other]
    await one(call, host, local)
    assert await one("host.get_local_cache_sr", host) == local
    assert await one("SR.get_local_cache_enabled", local) is True
    hosts = set(one.pool.db.table("host"))
    refused = await one.refused("pool.disable_local_storage_caching", one.pool.ref)
    assert (refused[0], set(refused[1:])) == ("HOSTS_FAILED_TO_DISABLE_CACHING", hosts - {host})
    assert await one("host.get_local_cache_sr", host) == NULL
    assert await one("SR.get_local_cache_enabled", local) is False


async def test_tasks_of_others_and_keys_of_their_own_roles() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    users = {}
    for name, role in (("ana", "vm-admin"), ("leo", "vm-admin"), ("eva", "pool-operator")):
        one.pool.account(name, "x", role)
        users[name] = Client(one.pool)
        users[name].session = await users[name].raw("session.login_with_password", name, "x", "1", "t")
    task = await users["ana"]("task.create", "mine", "")
    await users["ana"]("task.set_progress", task, 0.5)
    text = "No permission in user session. (Roles with this permission: pool-admin, pool-operator)"
    for call, *values in (
        ("set_progress", 0.6), ("set_status", "success"), ("cancel",), ("destroy",),
    ):  # fmt: skip
        refused = await users["leo"].refused(f"task.{call}", task, *values)
        assert refused == ["RBAC_PERMISSION_DENIED", "task.destroy/any", text]
    await users["eva"]("task.destroy", task)
    key = await users["ana"].refused("VM.add_to_other_config", vm, "pci", "0/0000:00:1f.2")
    wanted = "No permission in user session. (Roles with this permission: pool-admin)"
    assert key == ["RBAC_PERMISSION_DENIED", "vm.add_to_other_config/key:pci", wanted]
    assert (await users["eva"].refused("VM.add_to_platform", vm, "hvm_serial", "pty"))[0] == "RBAC_PERMISSION_DENIED"
    await one("VM.add_to_other_config", vm, "pci", "0/0000:00:1f.2")


async def test_a_whole_map_wants_the_roles_of_its_keys() -> None:
    """What stays as it is wants nothing."""
    one = await newest()
    vm = next(iter(one.pool.db.table("VM")))
    one.pool.db.set("VM", vm, other_config={"pci": "0/0000:00:1f.2", "k": "v"}, platform={"hvm_serial": "pty"})
    one.pool.account("eva", "x", "pool-operator")
    eva = Client(one.pool)
    eva.session = await eva.raw("session.login_with_password", "eva", "x", "1", "t")
    await eva("VM.set_other_config", vm, {"pci": "0/0000:00:1f.2", "k": "w", "folder": "/f"})
    text = "No permission in user session. (Roles with this permission: pool-admin)"
    for call, value, permission in (
        ("other_config", {"pci": "1"}, "vm.add_to_other_config/key:pci"),
        ("other_config", {}, "vm.remove_from_other_config/key:pci"),
        ("platform", {}, "vm.remove_from_platform/key:hvm_serial"),
    ):  # fmt: skip
        refused = await eva.refused(f"VM.set_{call}", vm, value)
        assert refused == ["RBAC_PERMISSION_DENIED", permission, text]
    await one("VM.set_other_config", vm, {})


async def test_observers() -> None:
    one = await newest()
    host = one.pool.master
    good = {
        "name_label": "n", "name_description": "", "hosts": [host], "attributes": {"team": "a"},
        "endpoints": ["bugtool"], "components": ["xapi", "smapi"], "enabled": False,
    }  # fmt: skip
    observer = await one("Observer.create", good)
    for field, value, wanted in (
        ("components", ["xapi", "no"], ["component", "no"]), ("endpoints", ["ftp://x"], ["endpoint", "ftp://x"]),
        ("endpoints", ["https://10.0.0.1/"], ["endpoint", "https://10.0.0.1/"]),
        ("hosts", ["OpaqueRef:no"], ["host", "OpaqueRef:no"]), ("attributes", {"A b": "1"}, ["attributes", "A b:1"]),
        ("attributes", {"a": "x" * 4096}, ["attributes", "a:" + "x" * 4096]),
    ):  # fmt: skip
        assert await one.refused("Observer.create", {**good, field: value}) == ["INVALID_VALUE", *wanted]
        assert await one.refused(f"Observer.set_{field}", observer, value) == ["INVALID_VALUE", *wanted]
    await one("Observer.set_hosts", observer, [])
    assert await one("Observer.get_hosts", observer) == []
