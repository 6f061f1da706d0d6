"""Every call of the schema answers: with a result of its type, or with a failure that xapi knows."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.simulator.inside import Client, clients, watching
from xsmigui.simulator import codec_xml
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.schema import EVENTLESS, schema

# These end the session, or wait for something that does not happen here.
APART = {"session.logout", "session.local_logout", "event.next", "event.from"}
NEWEST = schema(PROFILES["26.17"].release)
CLASSES = sorted(NEWEST.classes)


def has_rows(cls: str) -> bool:
    """Not `role`: test_roles_are_made_of_permissions."""
    read = NEWEST.classes[cls].messages.get("get_record")
    return cls not in (*EVENTLESS, "role") and read is not None and not read.removed


async def newest() -> Client:
    pools = {c.pool.name: c for c in await clients("mixed-versions")}
    return pools["New 9"]


def arguments(client: Client, cls: str, ref: str, params: Any) -> list[Any]:
    values: list[Any] = []
    for param in params:
        word = param.type.word
        if word == f"{cls} ref":
            values.append(ref)
        elif word.endswith(" ref"):
            values.append(next(iter(client.pool.db.tables[word[:-4]].rows), NULL))
        elif word.endswith(" record"):
            values.append({})
        elif param.name == "expr":
            values.append("true")
        else:
            default = param.type.default
            values.append(default.copy() if isinstance(default, list | dict) else default)
    return values


@pytest.mark.parametrize("cls", CLASSES)
async def test_all_calls_of(cls: str, caplog: pytest.LogCaptureFixture) -> None:
    one = await newest()
    watching.clear()  # drives get other positions and types here, with their disks in them
    pool = one.pool
    unforeseen = []
    for message in list(pool.schema.classes[cls].messages.values()):
        if message.full in APART:
            continue
        if message.removed:
            given = arguments(one, cls, NULL, message.params)
            assert await one.refused(message.full, *given) == ["MESSAGE_REMOVED"]
            continue
        ref = one.session if cls == "session" else next(iter(pool.db.table(cls)), None)
        if ref is None:
            ref = "OpaqueRef:none" if cls in EVENTLESS else pool.db.create(cls, {})
        try:
            async with asyncio.timeout(10):
                value = await one(message.full, *arguments(one, cls, ref, message.params))
        except Failure as failure:
            if failure.code == "INTERNAL_ERROR" and "Error(" in failure.params[0]:
                unforeseen.append((message.full, failure.params[0]))
        else:
            codec_xml.encode(value, message.result, pool.schema)
    assert not unforeseen
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if has_rows(cls)])
async def test_fields_of(cls: str) -> None:
    """What a setter writes, a getter reads; maps and sets grow and shrink by one; records hold every field."""
    one = await newest()
    db, described = one.pool.db, one.pool.schema.classes[cls]
    ref = next(iter(db.table(cls)), None) or db.create(cls, {})
    assert set(await one(f"{cls}.get_record", ref)) == set(described.fields)
    if "get_all" in described.messages:
        assert ref in await one(f"{cls}.get_all")
    if "get_by_uuid" in described.messages:
        assert await one(f"{cls}.get_by_uuid", db.get(cls, ref, "uuid")) == ref
        assert await one.refused(f"{cls}.get_by_uuid", "none") == ["UUID_INVALID", cls, "none"]
    for name, field in described.fields.items():
        kind = field.type.word
        getter = described.messages.get(f"get_{name}")
        if getter is not None and not getter.removed:
            assert await one(f"{cls}.get_{name}", ref) == db.get(cls, ref, name)
            assert await one.refused(f"{cls}.get_{name}", "OpaqueRef:no") == ["HANDLE_INVALID", cls, "OpaqueRef:no"]
        adder = described.messages.get(f"add_to_{name}")
        plain = adder is not None and adder.implicit and not adder.removed
        if plain and kind == "(string -> string) map":
            await one(f"{cls}.add_to_{name}", ref, "walk", "1")
            assert db.get(cls, ref, name)["walk"] == "1"
            refusal = await one.refused(f"{cls}.add_to_{name}", ref, "walk", "2")
            assert refusal == ["MAP_DUPLICATE_KEY", cls, name, ref, "walk"]
            await one(f"{cls}.remove_from_{name}", ref, "walk")
            assert "walk" not in db.get(cls, ref, name)
        if f"add_{name}" in described.messages and kind == "string set":
            word = {"ipv4_allowed": "192.0.2.1", "ipv6_allowed": "2001:db8::1"}.get(name, "walk")
            await one(f"{cls}.add_{name}", ref, word)
            assert word in db.get(cls, ref, name)
            await one(f"{cls}.remove_{name}", ref, word)
            assert word not in db.get(cls, ref, name)


async def test_what_is_not_simulated_answers_one_way() -> None:
    one = await newest()
    for method in ("pool.send_test_post", "host.shutdown_agent", "pool.sync_updates", "VM.s3_suspend"):
        message = one.pool.schema.message(method)
        assert message is not None
        refusal = await one.refused(method, *arguments(one, message.cls, "OpaqueRef:none", message.params))
        assert refusal == ["NOT_IMPLEMENTED", method]
        if message.asynchronous:
            task = await one(f"Async.{method}", *arguments(one, message.cls, "OpaqueRef:none", message.params))
            assert (await one.finished(task))["error_info"] == refusal


async def test_roles_of_several_users() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    outcomes = {}
    for role in ("read-only", "vm-operator", "vm-admin", "vm-power-admin", "pool-operator", "pool-admin"):
        one.pool.account(role, "x", role)
        user = Client(one.pool)
        user.session = await user.raw("session.login_with_password", role, "x", "1", "t")
        may: list[str] = []
        wrong: list[str] = []
        for method, *params in (
            ("VM.get_record", vm), ("VM.start", vm, True, False), ("VM.hard_shutdown", vm),
            ("VM.set_name_label", vm, "erp-test"), ("VM.assert_can_migrate", vm, {}, True, {}, {}, {}),
            ("host.disable", one.pool.master), ("host.enable", one.pool.master),
            ("VM.add_to_other_config", vm, "k", ""),
            ("VM.remove_from_other_config", vm, "k"), ("VM.add_to_other_config", vm, "folder", "/f"),
            ("VM.remove_from_other_config", vm, "folder"), ("event.from", ["vm"], "", 0.0),
        ):  # fmt: skip
            try:
                await user(method, *params)
                may.append(method)
            except Failure as failure:
                if failure.code != "RBAC_PERMISSION_DENIED":
                    may.append(method)
                else:
                    key = "/key:folder" if "folder" in params else ""
                    wrong += [failure.params[0]] if failure.params[0] != method.lower() + key else []
        assert not wrong
        outcomes[role] = may
    assert outcomes["read-only"] == ["VM.get_record", "event.from"]
    assert outcomes["vm-operator"][:3] == ["VM.get_record", "VM.start", "VM.hard_shutdown"]
    assert outcomes["vm-operator"][-3:-1] == ["VM.add_to_other_config", "VM.remove_from_other_config"]
    assert "VM.set_name_label" in outcomes["vm-admin"]
    assert "VM.assert_can_migrate" not in outcomes["vm-admin"]
    assert "VM.assert_can_migrate" in outcomes["vm-power-admin"]
    assert "host.disable" not in outcomes["vm-power-admin"]
    assert "host.disable" in outcomes["pool-operator"]
    assert len(outcomes["pool-admin"]) == 12


async def test_parameters_are_counted_and_typed() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    assert await one.refused("VM.start", vm) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.start", "3", "1"]
    assert await one.refused("VM.start", vm, True, False, 1) == [
        "MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.start", "3", "4",
    ]  # fmt: skip
    refusal = await one.refused("VM.start", vm, "true", False)
    assert refusal == ["INTERNAL_ERROR", "Failure(\"Expected bool, got 'S(true)'\")"]
    # Where the last parameters have defaults, more than all of them are ignored.
    assert (await one.refused("host.evacuate", "OpaqueRef:none", NULL, 0, 0, "more"))[0] == "HANDLE_INVALID"
