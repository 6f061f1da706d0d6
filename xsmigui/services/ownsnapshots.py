"""What a server shows of a move with a short stop besides disks: its clock, and the snapshots that the job has made."""

from datetime import UTC, datetime
from typing import Any, Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.exchange import ExchangeSpec, OwnSnapshot, job_on
from xsmigui.core.ports import Gateway
from xsmigui.services.verification import fresh_record

_FORMS: Final = ("%Y%m%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H:%M:%S")
"""How xapi writes a time, without dashes before 24.3 and in UTC always (xapi-stdext-date)."""


def seconds_of(date: object) -> float:
    """A server's time in seconds since 1970; 0 where it is none."""
    for form in _FORMS:
        try:
            return datetime.strptime(str(date), form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return 0.0


async def read_time(gateway: Gateway, inventory: Inventory | None, spec: ExchangeSpec) -> float:
    """The time by the clock of the pool's coordinator (of the VM's host, where that is not known)."""
    assert spec.stop is not None
    host = inventory.pool.master if inventory is not None else spec.stop.host
    return seconds_of(await gateway.call("host.get_servertime", host))


async def read_snapshots(gateway: Gateway, spec: ExchangeSpec) -> dict[str, OwnSnapshot]:
    """The snapshots of the VM that bear a name and the mark of this job, by reference."""
    assert spec.stop is not None
    found: dict[str, OwnSnapshot] = {}
    for number in range(spec.stop.number + 1):
        name = spec.snapshot_name(number)
        for ref in await gateway.call("VM.get_by_name_label", name):
            record = await fresh_record(gateway, "VM", ref)
            if record is None or not record["is_a_snapshot"] or record["snapshot_of"] != spec.vm:
                continue
            if job_on(record["other_config"], spec.vm_uuid) == spec.job:  # the VM's own mark
                disks = await _disks(gateway, record)
                found[ref] = OwnSnapshot(ref, name, disks, seconds_of(record["snapshot_time"]))
    return found


async def _disks(gateway: Gateway, snapshot: dict[str, Any]) -> dict[str, str]:
    disks = {}
    for ref in snapshot["VBDs"]:
        vbd = await fresh_record(gateway, "VBD", ref)
        vdi = await fresh_record(gateway, "VDI", vbd["VDI"]) if vbd is not None and vbd["type"] != "CD" else None
        if vbd is not None and vdi is not None and vdi["is_a_snapshot"]:
            disks[vdi["snapshot_of"]] = vbd["VDI"]
    return disks
