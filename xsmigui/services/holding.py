"""Who holds a disk, asked of the server at the moment before something is done to it that cannot be taken back.

The answer is that of `core.migration.holders`, of fresh records: what the events have told may be a moment behind, and
after a lost connection or a night it may be anything.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.holders import Holder, holders
from xsmigui.core.ports import Gateway
from xsmigui.core.records import CLASSES, Record
from xsmigui.core.refs import VdiRef
from xsmigui.services.verification import fresh_record

DESTROY: Final = "VDI.destroy"


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk as the server has it now: its record as the API gives it, and everybody who holds it."""

    record: dict[str, Any]
    holders: tuple[Holder, ...]


async def read_disk(gateway: Gateway, ref: str) -> Disk | None:
    """A disk with its holders; None if it is gone. Raises the wire's errors."""
    vdi = await fresh_record(gateway, "VDI", ref)
    if vdi is None:
        return None
    tables: dict[str, dict[str, Record]] = {"VDI": {ref: _typed("VDI", vdi)}, "VBD": {}, "VM": {}}
    images = await gateway.call("VM.get_all_records_where", f'field "suspend_VDI" = "{ref}"')
    for vm, record in images.items():
        tables["VM"][vm] = _typed("VM", record)
    for vbd in vdi["VBDs"]:
        connection = await fresh_record(gateway, "VBD", vbd)
        if connection is None:
            continue
        tables["VBD"][vbd] = _typed("VBD", connection)
        owner = connection["VM"]
        found = await fresh_record(gateway, "VM", owner) if owner not in tables["VM"] else None
        if found is not None:
            tables["VM"][owner] = _typed("VM", found)
    return Disk(vdi, holders(Inventory(tables), VdiRef(ref)))


def _typed(cls: str, record: dict[str, Any]) -> Record:
    typed: Record = msgspec.convert(record, CLASSES[cls], strict=False)
    return typed
