"""event.from and its older brothers (xapi_event.ml)."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.simulator.inside import clients, turns
from xsmigui.simulator.failures import Failure


async def _now(client, *classes: str) -> str:
    return str((await client("event.from", list(classes), "", 1.0))["token"])


async def test_the_first_batch_adds_everything() -> None:
    one, _ = await clients()
    batch = await one("event.from", ["vm", "host"], "", 5.0)
    assert {e["operation"] for e in batch["events"]} == {"add"}
    assert len(batch["events"]) == batch["valid_ref_counts"]["vm"] + batch["valid_ref_counts"]["host"]
    assert all(e["timestamp"] == "0.0" and e["snapshot"]["uuid"] for e in batch["events"])


async def test_changes_of_one_object_coalesce() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    token = await _now(one, "vm")
    for name in ("a", "b", "c"):
        await one("VM.set_name_label", vm, name)
    batch = await one("event.from", ["vm"], token, 5.0)
    assert [(e["operation"], e["ref"], e["snapshot"]["name_label"]) for e in batch["events"]] == [("mod", vm, "c")]


async def test_a_new_drive_changes_its_vm_and_a_removed_one_too() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    token = await _now(one, "vm", "vbd")
    vbd = await one("VBD.create", {
        "VM": vm, "VDI": "OpaqueRef:NULL", "userdevice": "9", "bootable": False, "mode": "RO", "type": "CD",
        "empty": True, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })  # fmt: skip
    batch = await one("event.from", ["vm", "vbd"], token, 5.0)
    assert [(e["class"], e["operation"], e["ref"]) for e in batch["events"]] == [("vbd", "add", vbd), ("vm", "mod", vm)]
    await one("VBD.destroy", vbd)
    batch = await one("event.from", ["vm", "vbd"], batch["token"], 5.0)
    assert [(e["class"], e["operation"]) for e in batch["events"]] == [("vm", "mod"), ("vbd", "del")]
    assert "snapshot" not in batch["events"][-1]


async def test_what_comes_and_goes_between_two_calls_is_never_told() -> None:
    one, _ = await clients()
    token = await _now(one, "task")
    task = await one("task.create", "short", "")
    await one("task.destroy", task)
    batch = await one("event.from", ["task"], token, 0.05)
    assert task not in {e["ref"] for e in batch["events"]}


async def test_an_idle_call_ends_with_its_timeout_and_a_token() -> None:
    one, _ = await clients()
    token = await _now(one, "vm")
    started = time.monotonic()
    batch = await one("event.from", ["vm"], token, 0.2)
    assert batch["events"] == []
    assert time.monotonic() - started >= 0.19
    assert batch["token"] == token


async def test_one_object_can_be_watched() -> None:
    one, _ = await clients()
    first, other = await one.named("VM", "erp-test"), await one.named("VM", "mail")
    token = await _now(one, f"vm/{first}")
    await one("VM.set_name_label", other, "x")
    assert (await one("event.from", [f"vm/{first}"], token, 0.05))["events"] == []
    await one("VM.set_name_label", first, "y")
    assert [e["ref"] for e in (await one("event.from", [f"vm/{first}"], token, 5.0))["events"]] == [first]


async def test_a_bad_token_is_refused() -> None:
    one, _ = await clients()
    assert await one.refused("event.from", ["vm"], "1,x", 1.0) == ["EVENT_FROM_TOKEN_PARSE_FAILURE", "1,x"]


async def test_logout_wakes_whoever_waits() -> None:
    one, _ = await clients()
    token = await _now(one, "vm")
    waiting = asyncio.ensure_future(one("event.from", ["vm"], token, 30.0))
    await turns()
    await one("session.logout")
    with pytest.raises(Failure, match="SESSION_INVALID"):
        await waiting


async def test_inject_wakes_and_its_token_lies_before() -> None:
    one, _ = await clients()
    pool = one.pool.ref
    token = await _now(one, "pool")
    waiting = asyncio.ensure_future(one("event.from", ["pool"], token, 30.0))
    await turns()
    injected = await one("event.inject", "pool", pool)
    batch = await waiting
    assert [e["ref"] for e in batch["events"]] == [pool]
    assert injected < batch["token"]
    assert await one.refused("event.inject", "Pool", pool) == ["HANDLE_INVALID", "Pool", pool]


async def test_messages_are_added_and_deleted() -> None:
    one, _ = await clients()
    token = await _now(one, "message")
    uuid = one.pool.row["uuid"]
    first = await one("message.create", "one", 5, "pool", uuid, "")
    batch = await one("event.from", ["message"], token, 5.0)
    assert [(e["operation"], e["ref"], e["id"]) for e in batch["events"]] == [("add", first, "0")]
    await one("message.destroy", first)
    batch = await one("event.from", ["message"], batch["token"], 5.0)
    assert [(e["operation"], e["ref"]) for e in batch["events"]] == [("del", first)]
    assert first not in await one("message.get_all")


async def test_next_blocks_until_something_registered_changes() -> None:
    one, _ = await clients()
    assert (await one.refused("event.next"))[0] == "SESSION_NOT_REGISTERED"
    await one("event.register", ["pool"])
    waiting = asyncio.ensure_future(one("event.next"))
    await turns()
    await one("pool.add_to_other_config", one.pool.ref, "key", "value")
    events = await waiting
    assert [(e["class"], e["operation"]) for e in events] == [("pool", "mod")]


async def test_lost_deletions_show_in_the_counts_only() -> None:
    one, _ = await clients()
    token = await _now(one, "task")
    tasks = [await one("task.create", str(n), "") for n in range(3)]
    token = (await one("event.from", ["task"], token, 5.0))["token"]
    one.pool.events.losing = True
    for task in tasks:
        await one("task.destroy", task)
    batch = await one("event.from", ["task"], token, 0.05)
    assert batch["events"] == []
    assert batch["valid_ref_counts"]["task"] == 0
