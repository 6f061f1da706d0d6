"""Databases as real pools dump them: what xapi leaves lying about in years, made from a scenario's pools.

References to what is gone, disks and SRs that use more than their size, dates with dashes and without, in gzip.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from xsmigui.simulator.command import Options, build
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.query import stored
from xsmigui.simulator.tables import Row

NOWHERE: Final = "OpaqueRef:00000000-0000-4000-8000-000000000000"
_LOST: Final = {
    "VM": ("appliance", "suspend_VDI", "suspend_SR", "guest_metrics", "snapshot_schedule"),
    "VDI": ("parent",), "host": ("crash_dump_sr", "suspend_image_sr", "local_cache_sr"),
    "pool": ("crash_dump_SR", "suspend_image_SR"), "PIF": ("metrics",), "SR": ("introduced_by",),
}  # fmt: skip


def dumps(folder: Path, scenario: str = "two-pools", *, packed: bool = True) -> list[Path]:
    """One file for each pool of the scenario."""
    found = []
    for number, pool in enumerate(build(Options(scenario=scenario, speed=0, seed=1)).pools):
        text = _xml(pool).encode()
        path = folder / f"pool-{number}.xml{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(text) if packed else text)
        found.append(path)
    return found


def _xml(pool: Pool) -> str:
    tables = []
    for cls, table in pool.db.tables.items():
        rows = [_row(pool, cls, ref, row, n) for n, (ref, row) in enumerate(table.rows.items())]
        tables.append(f'<table name="{cls}">{"".join(rows)}</table>')
    manifest = '<pair key="schema_major_vsn" value="5"/><pair key="schema_minor_vsn" value="790"/>'
    return f'<?xml version="1.0"?>\n<database><manifest>{manifest}</manifest>{"".join(tables)}</database>'


def _row(pool: Pool, cls: str, ref: str, row: Row, number: int) -> str:
    values = {field: stored(value) for field, value in row.items()}
    halted = row.get("power_state") not in {"Running", "Suspended", "Paused"}
    for field in _LOST.get(cls, ()):
        if field in values and (cls != "VM" or halted):
            values[field] = NOWHERE
    if cls == "VM" and number % 3 == 0:
        values["affinity"] = NOWHERE
    if cls == "VDI":
        values["physical_utilisation"] = str(row["virtual_size"] + (64 << 20))
    if cls == "SR" and number == 0:
        values["physical_utilisation"] = str(row["physical_size"] + (1 << 30))
    for field, kind in pool.schema.classes[cls].fields.items():
        if kind.type.word == "datetime" and number % 2:
            day = values[field]
            values[field] = f"{day[:4]}-{day[4:6]}-{day[6:]}" if day[:8].isdecimal() else day
    text = " ".join(f"{f}={quoteattr(_protected(v))}" for f, v in values.items())
    return f'<row ref="{ref}" {text}/>'


def _protected(text: str) -> str:
    return text.replace("%", "%%").replace("\n", "%n").replace("\t", "%t").replace("\r", "%r").replace("  ", "%_")
