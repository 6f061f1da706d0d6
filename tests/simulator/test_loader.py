"""Databases of real pools, old and new, in today's form."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.simulator.inside import SHARED, Client
from xsmigui.simulator import loader
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.loader import UnreadableDatabase, load
from xsmigui.simulator.site import Site

POOLS = SHARED / "data" / "pools"
NAMES = (
    "two-hosts-modern.xml", "two-hosts-2410.xml", "pair-a-2410.xml", "boston-db.xml", "state3.xml",
    "tampa_livevdimove_xapi-db.xml", "TampaTwoHostPoolSelectioniSCSI.xml",
)  # fmt: skip
SMALL = """<?xml version="1.0"?>
<database><manifest><pair key="schema_minor_vsn" value="66"/><pair key="generation_count" value="77"/></manifest>
<table name="pool"><row ref="OpaqueRef:p" uuid="p" name_label="A%.name%.%%" master="OpaqueRef:h"/></table>
<table name="host"><row ref="OpaqueRef:h" uuid="h" name__label="h" metrics="OpaqueRef:gone" enabled="true"
 cpu_info="(('vendor' 'It\\'s') ('cpu_count' '4'))" resident_VMs="('OpaqueRef:wrong')"/></table>
<table name="SR"><row ref="OpaqueRef:s" uuid="s" type="nfs" physical_size="100"/></table>
<table name="SM"><row ref="OpaqueRef:m" uuid="m" type="nfs" capabilities="('VDI_CREATE')"/></table>
<table name="VDI"><row ref="OpaqueRef:d" uuid="d" SR="OpaqueRef:s"/>
<row ref="OpaqueRef:lost" uuid="l" SR="OpaqueRef:gone"/></table>
<table name="VM"><row ref="OpaqueRef:v" uuid="v" name__label="v" power_state="Running" resident_on="OpaqueRef:h"
 HVM__boot_policy="BIOS order" memory__dynamic_min="1073741824" VBDs="()"
 current_operations="(('OpaqueRef:t' 'start'))"/></table>
<table name="VBD"><row ref="OpaqueRef:b" uuid="b" VM="OpaqueRef:v" VDI="OpaqueRef:d" type="Disk" __ctime="5"/>
<row ref="OpaqueRef:c" uuid="c" VM="OpaqueRef:v" VDI="OpaqueRef:none" type="CD"/></table>
</database>"""


def test_a_small_dump_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "small.xml"
    path.write_text(SMALL)
    pool = load(str(path), Clock(0))
    db = pool.db
    assert pool.name == "A name %"
    host, vm = db.row("host", "OpaqueRef:h"), db.row("VM", "OpaqueRef:v")
    assert host["cpu_info"]["vendor"] == "It's"
    assert {"features_hvm", "features_pv", "features_hvm_host", "features_pv_host"} <= set(host["cpu_info"])
    assert host["virtual_hardware_platform_versions"] == [0, 1, 2]
    assert host["resident_VMs"] == ["OpaqueRef:v"]
    assert pool.live("OpaqueRef:h")
    assert db.row("host_metrics", host["metrics"])["memory_total"] > 1 << 30
    assert vm["domain_type"] == "hvm"
    assert vm["current_operations"] == {}
    assert sorted(vm["VBDs"]) == ["OpaqueRef:b", "OpaqueRef:c"]
    assert db.row("VBD", "OpaqueRef:c")["empty"]
    assert "VDI_MIRROR" in db.row("SM", "OpaqueRef:m")["features"]
    assert not db.has("VDI", "OpaqueRef:lost")
    assert db.tables["VBD"].created["OpaqueRef:b"] == 5


def test_a_dump_in_gzip_is_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "small.xml", tmp_path / "small.xml.gz"
    plain.write_text(SMALL)
    packed.write_bytes(gzip.compress(SMALL.encode()))
    one, other = load(str(plain), Clock(0)), load(str(packed), Clock(0))
    assert one.db.row("pool", "OpaqueRef:p") == other.db.row("pool", "OpaqueRef:p")
    assert set(one.db.table("VM")) == set(other.db.table("VM"))


@pytest.mark.parametrize("data", [b"\x1f\x8b", b"\x1f\x8bnonsense", gzip.compress(SMALL.encode())[:200]])
def test_gzip_that_is_broken(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(data)
    with pytest.raises(UnreadableDatabase, match=r"broken\.gz"):
        load(str(path), Clock(0))


def test_gzip_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "LARGEST", 1000)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(SMALL.encode() + b" " * 10_000))
    with pytest.raises(UnreadableDatabase, match="unpacks to more"):
        load(str(path), Clock(0))


@pytest.mark.parametrize("text", ["", "<database>", "<other/>", "<database></database>"])
def test_what_is_no_database(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(UnreadableDatabase, match=r"bad\.xml"):
        load(str(path), Clock(0))
    with pytest.raises(UnreadableDatabase, match="cannot be read"):
        load(str(tmp_path / "missing.xml"), Clock(0))


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif(not POOLS.is_dir(), reason="no databases beside the checkout")
async def test_real_databases(name: str) -> None:
    site = Site(Clock(0))
    pool = site.add(load(str(POOLS / name), site.clock))
    client = await Client(pool).login()
    for cls in ("VM", "VDI", "SR", "host", "VBD", "VIF", "PIF", "network", "PBD", "SM", "host_metrics", "pool"):
        records = await client(f"{cls}.get_all_records")
        assert records
        assert all(set(r) == set(pool.schema.classes[cls].fields) for r in records.values())
    for host in pool.db.table("host"):
        assert await client("host.compute_free_memory", host) >= 0
    for vm, row in list(pool.db.table("VM").items()):
        if row["power_state"] == "Running" and not row["is_control_domain"]:
            # The list is as old as the start; it catches up when it is asked to.
            await client("VM.update_allowed_operations", vm)
            failure = vm_gate.error(vm_gate.Subject.of(pool, vm), "migrate_send", strict=True)
            assert ("migrate_send" in await client("VM.get_allowed_operations", vm)) is (failure is None)
            assert vm not in pool.stale
    addresses = [row["address"] for row in pool.db.table("host").values()]
    assert all(a.startswith(("127.0.0.", "10.99.0.")) for a in addresses)
