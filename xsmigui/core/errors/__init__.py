"""The error codes of the servers, by what they are about: what is wrong, what to do, and the rule that foresees it."""

from typing import Final

from xsmigui.core.errors.access import ACCESS
from xsmigui.core.errors.devices import DEVICES
from xsmigui.core.errors.entry import Entry
from xsmigui.core.errors.hosts import HOSTS
from xsmigui.core.errors.networks import NETWORKS
from xsmigui.core.errors.pools import POOLS
from xsmigui.core.errors.storage import STORAGE
from xsmigui.core.errors.transfer import TRANSFER
from xsmigui.core.errors.vms import VMS

ENTRIES: Final[dict[str, Entry]] = {
    **ACCESS,
    **DEVICES,
    **HOSTS,
    **NETWORKS,
    **POOLS,
    **STORAGE,
    **TRANSFER,
    **VMS,
}
