"""Removing what failed migrations have left: on request only, each disk looked at once more."""

from collections.abc import Iterable, Mapping

from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.calls import MOVING
from xsmigui.core.migration.leftovers import DISKS, Leftover
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import PoolId
from xsmigui.services.holding import DESTROY, read_disk
from xsmigui.services.verification import GONE, find_vm


async def remove(found: Iterable[Leftover], gateways: Mapping[PoolId, Gateway]) -> int:
    """Remove leftovers; how many were. One that something has been connected to, whose source is not seen whole, or
    whose VM is on its way in any of the pools, is left alone. Raises the wire's errors."""
    removed = 0
    for left in found:
        target, source = gateways.get(left.pool), gateways.get(left.source)
        if target is None or source is None or left.uuid == left.like:
            continue
        try:
            if await _is_under_way(left, gateways.values()):
                continue
            if await _has_source(left, source) and await _is_loose(left, target):
                await target.call(DESTROY, left.ref, deadline=300.0)
                removed += 1
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
    return removed


async def _is_under_way(left: Leftover, gateways: Iterable[Gateway]) -> bool:
    for gateway in gateways:
        found = await find_vm(gateway, left.vm_uuid)
        if found is not None and MOVING & set(found[1]["current_operations"].values()):
            return True
    return False


async def _has_source(left: Leftover, gateway: Gateway) -> bool:
    """The VM and the disk that was to be copied are there: what goes is not the only copy."""
    if await find_vm(gateway, left.vm_uuid) is None:
        return False
    record = await gateway.call("VDI.get_record", await gateway.call("VDI.get_by_uuid", left.like))
    return bool(record["managed"]) and not record["missing"]


async def _is_loose(left: Leftover, gateway: Gateway) -> bool:
    """It is what was shown, nobody holds it, and nothing was written to it since."""
    disk = await read_disk(gateway, left.ref)
    if disk is None:
        return False
    record = disk.record
    same = record["uuid"] == left.uuid and record["name_label"] == left.name and record["type"] in DISKS
    same &= int(record["virtual_size"]) == left.size and max(0, int(record["physical_utilisation"])) == left.written
    return same and not disk.holders and not record["current_operations"]
