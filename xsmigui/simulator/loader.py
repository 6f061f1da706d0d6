"""A pool from xapi's own database, the XML file of `xe pool-dump-database`, as it is or in gzip (db_xml.ml).

Dumps of old releases lack what today's clients and checks read; `_modernise` fills it in, and says so field by field.
"""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import IO, Final, cast
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import parse

from xsmigui.simulator.clock import Clock
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.profiles import DEFAULT, Profile
from xsmigui.simulator.schema import EVENTLESS, release
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.tables import Row

GIB: Final = 1 << 30
RECENT: Final = 700  # schema minor from which on a dump has all fields of a modern release
_PROTECTED: Final = re.compile("%[.tnr%_]")
_PLAIN: Final = {"%.": " ", "%t": "\t", "%n": "\n", "%r": "\r", "%%": "%", "%_": "  "}
_NOT_KEPT: Final = frozenset(
    {"session", "task", "message", "event", "VBD_metrics", "VIF_metrics", "data_source", "auth"}
)
# What xapi makes of an empty column while it starts
_EMPTY: Final = {("VDI", "metadata_of_pool"): "", ("VM", "snapshot_metadata"): "()", ("VM", "last_booted_record"): "()"}
# What SM plug-ins can do that dumps of before Tampa list only in part
_STORAGE: Final = (
    "SR_PROBE", "SR_UPDATE", "VDI_CREATE", "VDI_DELETE", "VDI_ATTACH", "VDI_DETACH", "VDI_CLONE", "VDI_SNAPSHOT",
    "VDI_RESIZE", "VDI_RESIZE_ONLINE", "VDI_MIRROR", "VDI_GENERATE_CONFIG", "VDI_RESET_ON_BOOT", "VDI_UPDATE",
    "VDI_CONFIG_CBT",
)  # fmt: skip
_MOVING: Final = frozenset({"lvm", "ext", "nfs", "lvmoiscsi", "lvmohba", "smb", "lvmofcoe"})


class UnreadableDatabase(Exception):
    """A file that is no database of xapi; its text is a sentence for the operator."""


Table = tuple[str, list[tuple[str, dict[str, str]]]]


def load(path: str, clock: Clock, seed: int | str = 0) -> XapiPool:
    """The pool that `path` holds, in today's form."""
    minor, generation, tables = _read(path)
    profile = _profile(tables)
    pool = XapiPool(profile, clock, f"{seed}/{Path(path).name}")
    pool.db.load(_rows(pool, tables), generation)
    if not pool.db.table("pool") or not pool.db.table("host"):
        raise UnreadableDatabase(f"{path} holds no pool and no host: it is not a database of xapi.")
    _tidy(pool)
    recent = minor >= RECENT
    booted = _modernise(pool, recent=recent)
    pool.keeps_addresses = True
    if not recent:
        _move_here(pool)
    pool.db.relink()
    pool.db.dirty = {(cls, ref) for cls, table in pool.db.tables.items() for ref in table.rows}
    pool.refresh()
    for vm, kind in booted.items():
        _booted_as(pool, vm, kind)
    return pool


def _move_here(pool: XapiPool) -> None:
    """A dump of an old release does not come from this xapi: its hosts get addresses of this computer, and none of its
    bridges is the management interface that xapi's own inventory names."""
    hosts = [pool.master, *(h for h in pool.db.table("host") if h != pool.master)]
    for number, ref in enumerate(hosts, start=1):
        if ref in pool.db.table("host"):
            pool.db.row("host", ref).update(address=f"127.0.0.{number}", ssl_legacy=False)
    pool.management_known = False


def _booted_as(pool: XapiPool, vm: str, kind: str) -> None:
    """What kind of domain a VM runs as becomes known after xapi has worked out what may be done with it; that stays as
    it is until something is done (seen on 24.10: it listed less than it allowed)."""
    metrics = pool.db.find("VM_metrics", pool.db.get("VM", vm, "metrics"))
    if metrics is not None:
        metrics["current_domain_type"] = kind
        metrics["hvm"] = kind == "hvm"
        pool.stale.add(vm)


def _opened(path: str) -> IO[bytes]:
    """The file, unpacked where it is in gzip, as bug reports hold it."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if packed else open(path, "rb")


LARGEST: Final = 1 << 30
"""Bytes of an unpacked dump; one of a pool of 5,000 VMs has some 60 MB."""


class _Bounded:
    """Reads no more than the largest dump: a small file may unpack to anything."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = LARGEST

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {LARGEST} bytes")
        return data


def _read(path: str) -> tuple[int, int, list[Table]]:
    try:
        with _opened(path) as file:
            root = parse(_Bounded(file), forbid_dtd=True).getroot()
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableDatabase(f"{path} cannot be read: {reason}.") from None
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableDatabase(f"{path} is not an XML database of xapi: {error}.") from None
    if root is None or root.tag != "database":
        raise UnreadableDatabase(f"{path} is not a database of xapi: its root element is not 'database'.")
    manifest = {p.get("key", ""): p.get("value", "") for p in root.iterfind("manifest/pair")}
    tables: list[Table] = []
    for table in root.iterfind("table"):
        rows = []
        for row in table.iterfind("row"):
            ref = row.get("ref") or row.get("_ref")
            if ref:
                rows.append((ref, {_field(k): _text(v) for k, v in row.attrib.items()}))
        tables.append((table.get("name", ""), rows))

    def number(key: str) -> int:
        return int(manifest[key]) if manifest.get(key, "").isdigit() else 0

    return number("schema_minor_vsn"), number("generation_count"), tables


def _field(column: str) -> str:
    return column if column.startswith("_") else column.replace("__", "_")


def _text(value: str) -> str:
    return _PROTECTED.sub(lambda m: _PLAIN[m.group()], value) if "%" in value else value


def _profile(tables: list[Table]) -> Profile:
    """The release that the dump's hosts run, if it is one that the schema covers, else today's."""
    for name, rows in tables:
        if name == "host" and rows:
            found = re.search(r"'xapi_build' '([^']+)'", rows[0][1].get("software_version", ""))
            if found and release(found[1]) >= (24, 10):
                return Profile(found[1], "8.4.0", "3.4.0", found[1], "4.17.3-6")
    return DEFAULT


def _rows(pool: XapiPool, tables: list[Table]) -> list[tuple[str, str, Row, int, int]]:
    known = pool.schema.classes
    loaded = []
    for name, rows in tables:
        if name not in known or name in _NOT_KEPT:
            continue
        fields = known[name].fields
        for ref, columns in rows:
            row: Row = {}
            for field in fields.values():
                if field.name in columns:
                    try:
                        row[field.name] = field.type.parse(columns[field.name])
                        if (name, field.name) in _EMPTY and not columns[field.name]:
                            row[field.name] = _EMPTY[name, field.name]
                        continue
                    except ValueError:
                        pass
                row[field.name] = field.default.copy() if isinstance(field.default, list | dict) else field.default
            loaded.append((name, ref, row, int(columns.get("__ctime", "0")), int(columns.get("__mtime", "0"))))
    return loaded


def _tidy(pool: XapiPool) -> None:
    """What xapi's start does: nothing is under way, and rows that hang in the air go."""
    db = pool.db
    for cls, described in pool.schema.classes.items():
        if "current_operations" in described.fields and cls not in EVENTLESS:
            for row in db.table(cls).values():
                row["current_operations"] = {}
    for row in db.table("VM").values():
        row["scheduled_to_be_resident_on"] = NULL
    for cls, field, other in (
        ("VDI", "SR", "SR"), ("PBD", "SR", "SR"), ("PBD", "host", "host"), ("PIF", "host", "host"),
        ("PIF", "network", "network"), ("VIF", "VM", "VM"), ("VIF", "network", "network"), ("VBD", "VM", "VM"),
        ("console", "VM", "VM"),
    ):  # fmt: skip
        for ref in [r for r, row in db.table(cls).items() if not db.has(other, row[field])]:
            db.delete(cls, ref)
    for cls in ("VBD", "VIF"):
        for row in db.table(cls).values():
            row["metrics"] = NULL
    for ref, row in list(db.table("VBD").items()):
        if row["empty"] or db.has("VDI", row["VDI"]):
            continue
        if row["type"] == "CD":
            row["VDI"], row["empty"] = NULL, True
        else:
            db.delete("VBD", ref)


def _modernise(pool: XapiPool, *, recent: bool) -> dict[str, str]:
    """Fills in what old dumps lack; returns the VMs of which it turns out later as what kind of domain they run."""
    for ref, row in pool.db.table("host").items():
        _host(pool, ref, row, recent=recent)
    for row in pool.db.table("SM").values():
        _plugin(row)
    for row in pool.db.table("PIF").values():
        if row["physical"] and not row["properties"]:
            row["properties"] = {"gro": "on"}
    booted = {ref: vm["domain_type"] for ref, vm in pool.db.table("VM").items() if _vm(pool, vm)}
    _restrictions(pool)
    _memory(pool, recent=recent)
    return booted


def _host(pool: XapiPool, ref: str, row: Row, *, recent: bool) -> None:
    db = pool.db
    if not db.has("host_metrics", row["metrics"]):
        row["metrics"] = db.create("host_metrics", {"live": True, "memory_total": 0})
    if not recent:
        db.row("host_metrics", row["metrics"])["live"] = True
    info = row["cpu_info"]
    if not info:
        cpus = [c for c in db.table("host_cpu").values() if c["host"] == ref]
        first = cpus[0] if cpus else {}
        info = {
            "cpu_count": str(len(cpus) or 4), "socket_count": "1", "vendor": first.get("vendor", "GenuineIntel"),
            "modelname": first.get("modelname", ""), "flags": first.get("flags", ""),
        }  # fmt: skip
    policy = ("features_pv", "features_hvm", "features_pv_host", "features_hvm_host")
    features = dict.fromkeys(policy, pool.profile.features)
    row["cpu_info"] = {"socket_count": "1", **info, **{k: v for k, v in features.items() if k not in info}}
    software = row["software_version"]
    if "xapi_build" not in software:
        row["software_version"] = {**software, **pool.profile.software_version}
    if not recent and row["virtual_hardware_platform_versions"] in ([], [0]):
        row["virtual_hardware_platform_versions"] = [0, 1, 2]
    if not any("hvm" in c for c in row["capabilities"]):
        row["capabilities"] = [*row["capabilities"], "hvm-3.0-x86_64"]
    if ref == pool.master:  # the host that xapi starts on writes its own version
        row["API_version_major"], row["API_version_minor"] = 2, 21
    if recent:
        return
    if ref == pool.master:  # the others write theirs when they start
        row["control_domain"] = next(
            (v for v, vm in db.table("VM").items() if vm["is_control_domain"] and vm["resident_on"] == ref), NULL
        )


def _plugin(row: Row) -> None:
    if not row["features"]:
        names = dict.fromkeys([*row["capabilities"], *(_STORAGE if row["type"] in _MOVING else ())])
        row["features"] = dict.fromkeys(names, 1)
        row["capabilities"] = list(names)


def _vm(pool: XapiPool, vm: Row) -> bool:
    """Completes a VM; True where it runs and nobody knows yet as what."""
    if vm["domain_type"] == "unspecified":
        vm["domain_type"] = "hvm" if vm["HVM_boot_policy"] else "pv"
    metrics = pool.db.find("VM_metrics", vm["metrics"])
    if metrics is not None:
        metrics["VCPUs_utilisation"] = {}  # measured, never kept
    if vm["power_state"] in {"Running", "Paused"}:
        if not pool.db.has("host", vm["resident_on"]):
            vm["power_state"], vm["resident_on"], vm["domid"] = "Halted", NULL, -1
        elif metrics is not None and metrics["current_domain_type"] == "unspecified":
            return True
    return False


def _restrictions(pool: XapiPool) -> None:
    row = pool.row
    row["restrictions"] = {
        "restrict_storage_xen_motion": "false",
        "restrict_xen_motion": "false",
        **row["restrictions"],
    }


def _memory(pool: XapiPool, *, recent: bool) -> None:
    """Hosts without metrics have as much memory as their guests need, and half of it again."""
    pool.db.relink()
    for row in pool.db.table("host").values():
        metrics = pool.db.row("host_metrics", row["metrics"])
        guests = (pool.db.row("VM", v) for v in row["resident_VMs"])
        used = row["memory_overhead"] + sum(g["memory_dynamic_min"] + g["memory_overhead"] for g in guests)
        if not recent and metrics["memory_total"] < used:
            metrics["memory_total"] = -(-(used + used // 2) // GIB) * GIB
        if not metrics["memory_free"]:
            metrics["memory_free"] = max(0, metrics["memory_total"] - used) if metrics["live"] else 0


__all__ = ["UnreadableDatabase", "load"]
