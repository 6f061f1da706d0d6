"""Why selected disks cannot be moved: judged once for a selection, and again for those that have changed."""

from collections.abc import Collection
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import render
from xsmigui.core.migration.diskdraft import owner
from xsmigui.core.migration.draft import Site
from xsmigui.core.refs import PoolId, VdiRef
from xsmigui.core.text import _

SHOWN: Final = 5
"""Reasons that are shown; of more the first."""


class DiskReasons:
    """Remembers what was found of the disks that are selected."""

    def __init__(self) -> None:
        self._pool: PoolId | None = None
        self._disks: tuple[VdiRef, ...] = ()
        self._known: frozenset[VdiRef] = frozenset()
        self._refused: dict[VdiRef, str] = {}

    def why_not(
        self, site: Site, pool: PoolId | None, disks: tuple[VdiRef, ...], touched: Collection[VdiRef] | None = None
    ) -> str:
        """Why these disks cannot be moved, as far as their kinds tell; empty if they can. `touched` are those that may
        have changed since the last time, None if all may have."""
        if pool is None or not disks:
            return _("Select a virtual disk first.")
        if pool not in site.connected:
            return _("{pool} is not connected.", pool=site.pools[pool].name if pool in site.pools else "")
        inventory = site.pools[pool]
        if touched is None or disks is not self._disks or pool != self._pool:
            self._pool, self._disks, self._known, self._refused = pool, disks, frozenset(disks), {}
            touched = disks
        for disk in touched:
            self._refused.pop(disk, None)
            if disk in self._known and (reason := _reason(inventory, disk)):
                self._refused[disk] = reason
        if not self._refused:
            return ""
        return " ".join([self._refused[disk] for disk in disks if disk in self._refused][:SHOWN])


def _reason(inventory: Inventory, disk: VdiRef) -> str:
    if disk not in inventory.VDI:
        return _("A selected disk no longer exists.")
    found = owner(inventory, disk)
    return f"{inventory.VDI[disk].name_label}: {render(found.reason)}" if found.vm is None and found.reason else ""
