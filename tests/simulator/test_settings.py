"""Roles and subjects, repositories, provisioning services and other settings: what is kept, told and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client, clients
from tests.simulator.test_schema_walk import newest
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.sessions import ORDER

POOL_ADMIN = "OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba"  # of any server


async def test_roles_are_made_of_permissions() -> None:
    one = await newest()
    records = await one("role.get_all_records")
    assert [row["name_label"] for row in records.values()][-len(ORDER) :] == list(ORDER)
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
    assert set(await one("role.get_by_permission_name_label", "VM.migrate_send")) == able
    assert permission in await one("role.get_permissions", POOL_ADMIN)
    assert await one("role.get_subroles", permission) == []
    assert await one("role.get_by_uuid", records[POOL_ADMIN]["uuid"]) == POOL_ADMIN
    assert await one("role.get_record", POOL_ADMIN) == records[POOL_ADMIN]
    permissions = {ref: row for ref, row in records.items() if row["subroles"] == []}
    assert set(permissions) == set(records[POOL_ADMIN]["subroles"])  # a row for each call
    assert all(row["is_internal"] and row["name_description"] == "A basic permission" for row in permissions.values())
    roles = {ref: row for ref, row in records.items() if row["subroles"]}
    assert [row["name_label"] for row in roles.values()] == list(ORDER)
    assert not any(row["is_internal"] for row in roles.values())
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
    assert (await one.refused("pool.configure_update_sync", pool, "daily", 1)) == ["INVALID_UPDATE_SYNC_DAY", "1"]
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
    one, _ = await clients()
    host = one.pool.master
    shared = await _first(one, "NFS Madrid")
    assert await one.refused("host.enable_local_storage_caching", host, shared) == [
        "SR_OPERATION_NOT_SUPPORTED",
        shared,
    ]
    local = next(
        ref for ref, row in one.pool.db.table("SR").items() if row["type"] in {"ext", "lvm"} and not row["shared"]
    )
    await one("host.enable_local_storage_caching", host, local)
    assert await one("host.get_local_cache_sr", host) == local
    assert await one("SR.get_local_cache_enabled", local) is True
    await one("pool.disable_local_storage_caching", one.pool.ref)
    assert await one("host.get_local_cache_sr", host) == NULL
    assert await one("SR.get_local_cache_enabled", local) is False
