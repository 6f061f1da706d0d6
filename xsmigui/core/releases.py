"""What changed with a release of xapi, as far as it decides what this program does or says.

A server's release is that of the host which answers: the coordinator's for its calls, the source's or the destination's
for what they do in a migration. While a pool is being upgraded its hosts differ.
"""

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

from xsmigui.core.inventory import Inventory
from xsmigui.core.units import whole


@lru_cache(maxsize=256)
def version_of(text: str) -> tuple[int, ...]:
    """A version as xapi compares it: integers split at dots and at the first dash, other parts dropped
    (xapi helpers.ml: ``4.17.5-20-d`` is 4.17.5.20)."""
    head, _sep, rest = text.partition("-")
    parts = [*head.split("."), *rest.split("-")[0].split(".")] if rest else head.split(".")
    return tuple(number for part in parts if (number := whole(part)) is not None)


class Since(Enum):
    """The first release that has a change, each with where it is in xapi's source."""

    DISABLED_FOR_GOOD = "25.31.0"
    """`host.disable` takes `auto_enable`; with false the host stays disabled after its reboot (xapi_host.ml)."""


def knows(software: Mapping[str, str], change: Since) -> bool:
    """A host with this `software_version` has the change; one that does not name its build is older than all."""
    return version_of(software.get("xapi_build", "")) >= version_of(change.value)


def pool_knows(inventory: Inventory, change: Since) -> bool:
    """The pool's coordinator has the change."""
    coordinator = inventory.host.get(inventory.pool.master)
    return coordinator is not None and knows(coordinator.software_version, change)
