"""Vectors of the research sheet about events and messages (10.5), the codec (10.9, 10.10) and clients (10.8)."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.simulator.inside import Client, clients, turns
from xsmigui.simulator import codec_json
from xsmigui.simulator.codec_json import Malformed
from xsmigui.simulator.failures import NULL, Failure

CD = {
    "VDI": NULL, "userdevice": "9", "bootable": False, "mode": "RO", "type": "CD", "empty": True, "other_config": {},
    "qos_algorithm_type": "", "qos_algorithm_params": {},
}  # fmt: skip


async def token(client: Client, *classes: str) -> str:
    return str((await client("event.from", list(classes), "", 1.0))["token"])


async def test_10_5_a_new_vm_is_one_event() -> None:
    one, _ = await clients()
    before = await token(one, "vm")
    vm = await one("VM.clone", await one.named("VM", "intranet-old"), "x")
    batch = await one("event.from", ["vm"], before, 5.0)
    assert [e["ref"] for e in batch["events"] if e["operation"] == "add"] == [vm]


async def test_10_5_drives_come_and_go_with_their_vm() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "erp-test")
    at = await token(one, "vm", "vbd")
    for change in ("add", "del"):
        if change == "add":
            vbd = await one("VBD.create", {**CD, "VM": vm})
        else:
            await one("VBD.destroy", vbd)
        batch = await one("event.from", ["vm", "vbd"], at, 5.0)
        at = batch["token"]
        assert {(e["class"], e["operation"], e["ref"]) for e in batch["events"]} == {
            ("vm", "mod", vm), ("vbd", change, vbd),
        }  # fmt: skip


async def test_10_5_an_idle_call_takes_its_timeout() -> None:
    one, _ = await clients()
    at = await token(one, "vm")
    began = time.monotonic()
    assert (await one("event.from", ["vm"], at, 1.0))["events"] == []
    assert 0.99 < time.monotonic() - began < 2.0


@pytest.mark.parametrize("method", ["from", "next"])
async def test_10_5_both_ways_see_the_pool_change(method: str) -> None:
    one, _ = await clients()
    at = await token(one, "pool")
    await one("event.register", ["pool"])
    waiting = asyncio.ensure_future(
        one("event.from", ["pool"], at, 5.0) if method == "from" else one("event.next")
    )  # fmt: skip
    await turns()
    await one("pool.add_to_other_config", one.pool.ref, "k", "v")
    got = await waiting
    events = got["events"] if method == "from" else got
    assert [e["ref"] for e in events] == [one.pool.ref]


@pytest.mark.parametrize("method", ["from", "next"])
async def test_10_5_the_end_of_the_session_unblocks(method: str) -> None:
    one, _ = await clients()
    at = await token(one, "vm")
    await one("event.register", ["vm"])
    waiting = asyncio.ensure_future(one("event.from", ["vm"], at, 30.0) if method == "from" else one("event.next"))
    await turns()
    await one("session.logout")
    with pytest.raises(Failure, match="SESSION_INVALID"):
        await waiting


async def test_10_5_parallel_calls_do_not_disturb_each_other() -> None:
    one, _ = await clients()
    at = await token(one, "vm")
    short = asyncio.ensure_future(one("event.from", [], at, 0.2))
    long = asyncio.ensure_future(one("event.from", ["vm"], at, 10.0))
    assert (await short)["events"] == []
    assert not long.done()
    await one("VM.set_name_description", await one.named("VM", "mail"), "x")
    assert len((await long)["events"]) == 1


async def test_10_5_messages_by_successive_tokens() -> None:
    one, _ = await clients()
    at = await token(one, "message")
    uuid = one.pool.row["uuid"]
    first = [await one("message.create", f"m{n}", 5, "Pool", uuid, "") for n in (1, 2)]
    batch = await one("event.from", ["message"], at, 5.0)
    assert {e["ref"] for e in batch["events"]} == set(first)
    third = await one("message.create", "m3", 5, "Pool", uuid, "")
    batch = await one("event.from", ["message"], batch["token"], 5.0)
    assert {e["ref"] for e in batch["events"]} == {third}
    assert set(await one("message.get", "Pool", uuid, "19700101T00:00:00Z")) == {*first, third}
    await one("message.destroy", first[0])
    again = await one("event.from", ["message"], "", 5.0)
    assert first[0] not in {e["ref"] for e in again["events"] if e["operation"] != "del"}


@pytest.mark.parametrize(
    ("text", "found"),
    [('field "name"="m"', 1), ('field "priority"="5"', 1), ('field "cls"="Pool"', 1), ('field "nothing"="m"', None),
     ('field "name"="m" and field "priority"="4"', 0), ('field "name"="x" or field "priority"="5"', 1)],
    ids=[f"10.5-where-{n}" for n in range(6)],
)  # fmt: skip
async def test_messages_where(text: str, found: int | None) -> None:
    one, _ = await clients()
    await one("message.create", "m", 5, "Pool", one.pool.row["uuid"], "")
    if found is None:
        wanted = ["INTERNAL_ERROR", "missing field", "nothing", ""]
        assert await one.refused("message.get_all_records_where", text) == wanted
    else:
        assert len(await one("message.get_all_records_where", text)) == found


@pytest.mark.parametrize(
    "since",
    ["2026-08-20T10:00:00Z", "2026-08-20T10:00:00", "20260820T10:00:00Z", "20260820T10:00:00",
     "2026-08-20T10:00:00-12:00"],
    ids=[f"10.5-since-{n}" for n in range(5)],
)  # fmt: skip
async def test_dates_of_get_since(since: str) -> None:
    one, _ = await clients()
    await one("message.create", "m", 5, "Pool", one.pool.row["uuid"], "")
    assert isinstance(await one("message.get_since", since), dict)


async def test_10_8_a_client_sees_its_tasks() -> None:
    one, _ = await clients()
    made = [await one("task.create", f"t{n}", "") for n in range(4)]
    assert set(made) <= set(await one("task.get_all"))
    assert set(made) <= set(await one("task.get_all_records"))
    assert await one("task.get_name_label", made[0]) == "t0"


async def test_10_8_async_copies_name_their_result_or_their_error() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "intranet-old")
    (disk,) = await one.disks(vm)
    sr = await one.named("SR", "NFS Madrid")
    record = await one.finished(await one("Async.VDI.copy", disk, sr))
    assert one.pool.db.has("VDI", record["result"].removeprefix("<value>").removesuffix("</value>"))
    record = await one.finished(await one("Async.VDI.copy", "OpaqueRef:none", sr))
    assert (record["status"], record["error_info"]) == ("failure", ["HANDLE_INVALID", "VDI", "OpaqueRef:none"])


CODEC: dict[str, tuple[bytes, bool]] = {
    "10.10-2.0": (b'{"jsonrpc":"2.0","method":"m","params":[],"id":1}', True),
    "10.10-1.0": (b'{"method":"m","params":[],"id":1}', True),
    "10.10-string id": (b'{"jsonrpc":"2.0","method":"m","params":[],"id":"a"}', True),
    "10.10-null id": (b'{"jsonrpc":"2.0","method":"m","params":[],"id":null}', False),
    "10.10-list id": (b'{"jsonrpc":"2.0","method":"m","params":[],"id":[1]}', False),
    "10.10-missing params in 2.0": (b'{"jsonrpc":"2.0","method":"m","id":1}', True),
    "10.10-missing params in 1.0": (b'{"method":"m","id":1}', False),
    "10.10-missing method": (b'{"jsonrpc":"2.0","params":[],"id":1}', False),
    "10.10-version 1.0 written": (b'{"jsonrpc":"1.0","method":"m","params":[],"id":1}', False),
    "10.10-version is a number": (b'{"jsonrpc":2.0,"method":"m","params":[],"id":1}', False),
    "10.10-junk behind": (b'{"jsonrpc":"2.0","method":"m","params":[],"id":1} x', False),
    "10.10-batch": (b"[]", False),
    "10.10-one object": (b'{"jsonrpc":"2.0","method":"m","params":{"a":1},"id":1}', True),
}


@pytest.mark.parametrize("row", CODEC)
def test_requests(row: str) -> None:
    body, fine = CODEC[row]
    if fine:
        assert codec_json.decode(body).method == "m"
    else:
        with pytest.raises(Malformed):
            codec_json.decode(body)


def test_10_9_odd_floats_are_bare_words() -> None:
    assert codec_json.encode([float("inf"), float("-inf"), float("nan")]) == b"[Infinity,-Infinity,NaN]"
