"""Older releases show what they had: their fields, calls and classes."""

from __future__ import annotations

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator import codec_json, codec_xml
from xsmigui.simulator.records import record_json


async def pools() -> dict[str, Client]:
    return {c.pool.name: c for c in await clients("mixed-versions")}


@pytest.mark.parametrize(
    ("pool", "cls", "field", "known"),
    [
        ("Old 7.1", "VDI", "cbt_enabled", False), ("Legacy 8.2", "VDI", "cbt_enabled", True),
        ("Old 7.1", "VM", "domain_type", False), ("Legacy 8.2", "VM", "domain_type", True),
        ("Legacy 8.2", "pool", "migration_compression", False), ("Current 8.4", "pool", "migration_compression", True),
        ("Legacy 8.2", "host", "https_only", False), ("Current 8.4", "host", "https_only", True),
        ("Current 8.4", "VM", "groups", False), ("New 9", "VM", "groups", True),
        ("Current 8.4", "SM", "supported_image_formats", False), ("New 9", "SM", "supported_image_formats", True),
    ],
)  # fmt: skip
async def test_fields(pool: str, cls: str, field: str, known: bool) -> None:
    one = (await pools())[pool]
    ref = (await one(f"{cls}.get_all"))[0]
    records = await one(f"{cls}.get_all_records")
    assert (field in await one(f"{cls}.get_record", ref)) is known
    assert (field in records[ref]) is known
    batch = await one("event.from", [cls], "", 1.0)
    assert all((field in e["snapshot"]) is known for e in batch["events"])
    assert (f'"{field}"'.encode() in record_json(one.pool.db.tables[cls], ref)) is known
    if known:
        await one(f"{cls}.get_{field}", ref)
    else:
        assert await one.refused(f"{cls}.get_{field}", ref) == ["MESSAGE_METHOD_UNKNOWN", f"{cls}.get_{field}"]
    message = one.pool.schema.message(f"{cls}.get_record")
    assert message is not None
    text = codec_xml.encode(await one(f"{cls}.get_record", ref), message.result, one.pool.schema)
    assert (f"<name>{field}</name>" in text) is known
    assert codec_json.encode(records)


async def test_classes_and_calls_that_came_later() -> None:
    old = (await pools())["Old 7.1"]
    for method in ("VUSB.get_all_records", "Cluster.get_all", "VDI.enable_cbt", "PUSB.get_all"):
        assert await old.refused(method, "OpaqueRef:x") == ["MESSAGE_METHOD_UNKNOWN", method]
    batch = await old("event.from", ["*"], "", 1.0)
    assert "vusb" not in batch["valid_ref_counts"]
    assert "vm" in batch["valid_ref_counts"]
