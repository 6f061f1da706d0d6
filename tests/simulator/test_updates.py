"""Updates of older releases: what is refused before anything is installed (xapi_pool_update.ml, xapi_pool_patch.ml)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator.failures import NULL

NONE = "OpaqueRef:none"


async def _site(**fields: Any) -> tuple[Client, str, str]:
    one, _ = await clients()
    update = one.pool.db.create("pool_update", {"name_label": "XS1", **fields})
    return one, update, one.pool.db.create("pool_patch", {"pool_update": update})


async def test_no_disk_holds_an_update() -> None:
    one, _, _ = await _site()
    sr = await one.named("SR", "NFS Madrid")
    vdi = one.pool.db.create("VDI", {"SR": sr, "type": "user"})
    text = "missing update document (update.xml) in the package."
    assert await one.refused("pool_update.introduce", vdi) == ["INVALID_UPDATE", text]
    one.pool.db.row("VDI", vdi)["type"] = "cbt_metadata"
    assert await one.refused("pool_update.introduce", vdi) == ["VDI_INCOMPATIBLE_TYPE", vdi, "cbt_metadata"]
    assert await one.refused("pool_update.introduce", NONE) == ["HANDLE_INVALID", "VDI", NONE]


@pytest.mark.parametrize(
    "call", ["pool_update.precheck", "pool_update.apply", "pool_patch.precheck", "pool_patch.apply"]
)
async def test_an_update_is_installed_by_a_host_that_is_there(call: str) -> None:
    one, update, patch = await _site()
    ref, cls = (update, "pool_update") if call.startswith("pool_update") else (patch, "pool_patch")
    host = one.pool.master
    name = call.partition(".")[2]
    assert await one.refused(call, ref, host) == ["NOT_IMPLEMENTED", f"pool_update.{name}"]
    assert await one.refused(call, NONE, host) == ["HANDLE_INVALID", cls, NONE]
    assert await one.refused(call, ref, NONE) == ["HOST_OFFLINE", NONE]


async def test_an_update_that_is_everywhere() -> None:
    one, update, _ = await _site()
    hosts = list(one.pool.db.table("host"))
    assert await one.refused("pool_update.pool_apply", update) == [
        "UPDATE_POOL_APPLY_FAILED", *sorted(hosts, reverse=True),
    ]  # fmt: skip
    one.pool.db.row("pool_update", update)["hosts"] = hosts
    assert await one.refused("pool_update.pool_apply", update) == ["UPDATE_ALREADY_APPLIED_IN_POOL", update]
    assert await one.refused("pool_update.destroy", update) == ["UPDATE_IS_APPLIED"]
    assert await one.refused("pool_update.pool_apply", NONE) == ["HANDLE_INVALID", "pool_update", NONE]


@pytest.mark.parametrize("cls", ["pool_update", "pool_patch"])
async def test_what_is_installed_nowhere_is_destroyed_with_its_other_name(cls: str) -> None:
    one, update, patch = await _site()
    await one(f"{cls}.destroy", update if cls == "pool_update" else patch)
    assert (one.pool.db.has("pool_update", update), one.pool.db.has("pool_patch", patch)) == (False, False)


async def test_cleaning_removes_the_disk_of_an_update() -> None:
    one, update, patch = await _site()
    await one("pool_update.pool_clean", update)  # there is none
    vdi = one.pool.db.create("VDI", {"SR": await one.named("SR", "NFS Madrid"), "type": "user", "managed": True})
    one.pool.db.row("pool_update", update)["vdi"] = vdi
    await one("pool_patch.pool_clean", patch)
    assert (one.pool.db.has("VDI", vdi), one.pool.db.get("pool_update", update, "vdi")) == (False, NULL)
    await one("pool_patch.clean", NONE)
    assert await one.refused("pool_patch.clean_on_host", patch, NONE) == ["HOST_OFFLINE", NONE]


async def test_what_hosts_do_with_their_files() -> None:
    one, _, patch = await _site()
    dump = one.pool.db.create("host_crashdump", {"host": one.pool.master})
    await one("host_crashdump.destroy", dump)
    assert not one.pool.db.has("host_crashdump", dump)
    assert await one.refused("host_crashdump.destroy", NONE) == ["HANDLE_INVALID", "host_crashdump", NONE]
    ref = one.pool.db.create("host_patch", {"host": one.pool.master, "pool_patch": patch})
    assert await one.refused("host_patch.apply", ref) == ["MESSAGE_DEPRECATED"]
