"""Several objects that are selected together: their sums."""

from xsmigui.core.pages.rows import VmRow
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _, n_
from xsmigui.core.units import size


def sums(rows: tuple[VmRow, ...]) -> str:
    """``2 running · 1 halted · 12.0 GiB of memory · 5 disks with 310.0 GiB``"""
    states: dict[str, int] = {}
    for row in rows:
        states[row.standing] = states.get(row.standing, 0) + 1
    parts = [f"{number} {standing}" for standing, number in sorted(states.items(), key=lambda item: -item[1])]
    parts.append(_("{size} of memory", size=size(sum(row.memory for row in rows))))
    disks = sum(row.disks for row in rows)
    bytes_ = size(sum(row.size for row in rows))
    parts.append(n_("{n} disk with {size}", "{n} disks with {size}", disks, size=bytes_))
    return " · ".join(parts)


def title(keys: list[ObjectId], rows: tuple[VmRow, ...]) -> str:
    """``3 VMs selected``"""
    if len(rows) == len(keys):
        return n_("{n} VM selected", "{n} VMs selected", len(rows))
    return n_("{n} object selected", "{n} objects selected", len(keys))
