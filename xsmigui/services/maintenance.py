"""Maintenance mode of a host: no VM is started on it any more, and it remembers which ones have left it."""

from collections.abc import Iterable
from contextlib import suppress

from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.evacuation import MODE, MOVED
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import HostRef, VmRef
from xsmigui.core.text import _


async def enter(gateway: Gateway, inventory: Inventory, host: HostRef, vms: Iterable[VmRef]) -> None:
    """Disable the host and write down which VMs are to leave it. Where that cannot be written the host is enabled
    again. Raises the wire's errors."""
    uuids = [inventory.VM[vm].uuid for vm in vms if vm in inventory.VM]
    record = inventory.host[host]
    earlier = [] if record.enabled else record.other_config.get(MOVED, "").split(",")  # else of another maintenance
    moved = ",".join(dict.fromkeys(uuid.strip() for uuid in (*earlier, *uuids) if uuid.strip()))
    await gateway.call("host.disable", host)
    try:
        await _write(gateway, host, MODE, "true")
        await _write(gateway, host, MOVED, moved)
    except WIRE_ERRORS:
        with suppress(*WIRE_ERRORS):  # what went wrong first is told
            await gateway.call("host.enable", host)
        raise


def uncertain(failure: Exception, inventory: Inventory, host: HostRef) -> str:
    """What is not known after a failure to enter or to leave: a lost answer may have been carried out."""
    if isinstance(failure, ServerFailure):
        return ""
    name = inventory.name_of("host", host)
    return _("It is not known whether {host} is in maintenance mode now: look when it is connected again.", host=name)


async def leave(gateway: Gateway, host: HostRef) -> None:
    """Enable the host, and take away what was written. Raises the wire's errors."""
    await gateway.call("host.enable", host)
    for key in (MODE, MOVED):
        await gateway.call("host.remove_from_other_config", host, key)


async def _write(gateway: Gateway, host: HostRef, key: str, value: str) -> None:
    """Set a key; one that is there must go first (MAP_DUPLICATE_KEY)."""
    await gateway.call("host.remove_from_other_config", host, key)
    if value:
        await gateway.call("host.add_to_other_config", host, key, value)
