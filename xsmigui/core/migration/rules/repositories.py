"""What can be said of an SR alone: its health, what it can do, whether it has room. Rules and offers both ask."""

from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Size, Text, listed, m_
from xsmigui.core.migration.rules.base import Problems, found
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import HostRef, SrRef
from xsmigui.core.releases import Since, pool_knows
from xsmigui.core.units import MiB

DISKLESS: Final = frozenset({"iso", "udev", "tmpfs"})


SNAPSHOT_OVERHEAD_BYTES: Final = 64 * MiB
"""What a temporary snapshot takes at least for each disk that is mirrored, whether the VM runs or not."""


WANTED_SPACE_FACTOR: Final = 3
"""The vendor asks for up to three times the disks' size at the destination."""


def holds_no_disks(inventory: Inventory, sr: SrRef) -> bool:
    """ISO libraries, removable media and the tools' SR."""
    record = inventory.SR.get(sr)
    return record is not None and (record.content_type == "iso" or record.is_tools_sr or record.type in DISKLESS)


def sr_health(inventory: Inventory, sr: SrRef) -> Problems:
    """R68: an SR that holds no disks, is gone, or is attached nowhere."""
    record = inventory.SR.get(sr)
    if record is None:
        message, hint = m_("The chosen SR no longer exists."), m_("Choose another SR.")
    elif holds_no_disks(inventory, sr):
        message, hint = m_("{sr} holds no virtual disks.", sr=record.name_label), m_("Choose another SR.")
    elif not inventory.sr_hosts.get(sr):
        message = m_("{sr} is detached.", sr=record.name_label)
        hint = m_("Repair it, or choose another SR.")
    else:
        return
    yield found("R68", Severity.block, inventory, "SR", sr, message, hint, page=Page.storage)


def sr_visible(inventory: Inventory, host: HostRef, sr: SrRef) -> Problems:
    """R56: the host sees the SR (an attached PBD). Of an SR that no host sees R68 speaks."""
    if sr in inventory.SR and inventory.sr_hosts.get(sr) and not inventory.sees(host, sr):
        message = m_("{host} cannot see {sr}.", host=inventory.name_of("host", host), sr=inventory.name_of("SR", sr))
        hint = m_("Choose another SR or another host, or attach the SR there.")
        yield found("R56", Severity.block, inventory, "SR", sr, message, hint, page=Page.storage)


def sr_receives(inventory: Inventory, sr: SrRef, sender: Inventory) -> Problems:
    """R52, the receiving side, as the sending server asks for it: VDI_SNAPSHOT and since 25.3 VDI_MIRROR_IN, for which
    VDI_MIRROR counts; before, VDI_MIRROR itself."""
    newer = pool_knows(sender, Since.MIRRORS_INTO_NEWER_DRIVERS)
    lacking = _lacks(inventory, sr, "VDI_SNAPSHOT", "VDI_MIRROR_IN" if newer else "VDI_MIRROR")
    yield from _sr_can(inventory, sr, m_("take migrated disks"), lacking, not newer)


def sr_sends(inventory: Inventory, sr: SrRef) -> Problems:
    """R52, the sending side: VDI_SNAPSHOT and VDI_MIRROR."""
    lacking = _lacks(inventory, sr, "VDI_SNAPSHOT", "VDI_MIRROR")
    older = not pool_knows(inventory, Since.MIRRORS_FROM_NEWER_DRIVERS)
    yield from _sr_can(inventory, sr, m_("send disks away"), lacking, older)


def sr_creates(inventory: Inventory, sr: SrRef) -> Problems:
    """R52 for disks that this program copies: VDI_CREATE."""
    if sr in inventory.SR and "VDI_CREATE" not in inventory.sr_features(sr):
        message = m_("No virtual disk can be created on {sr}.", sr=inventory.name_of("SR", sr))
        yield found("R52", Severity.block, inventory, "SR", sr, message, m_("Choose another SR."), page=Page.storage)


def _lacks(inventory: Inventory, sr: SrRef, *needed: str) -> list[str]:
    has = set(inventory.sr_features(sr))
    if "VDI_MIRROR" in has:
        has.add("VDI_MIRROR_IN")
    return [feature for feature in needed if feature not in has]


CLUSTERED: Final = frozenset({"gfs2", "xfs"})
"""SR types for which the vendor rules storage migration out, until a release that mirrors them."""


def _sr_can(inventory: Inventory, sr: SrRef, what: Text, lacking: list[str], ruled_out: bool) -> Problems:
    record = inventory.SR.get(sr)
    if record is not None and not lacking and ruled_out and record.type in CLUSTERED:
        message = m_(
            "{sr} cannot {what}: the vendor does not support it for “{type}”.",
            sr=record.name_label,
            what=what,
            type=record.type,
        )
        hint = m_("Choose another SR, or halt the VM and copy the disks.")
        yield found("R52", Severity.block, inventory, "SR", sr, message, hint, page=Page.storage)
    if record is not None and lacking:
        message = m_(
            "{sr} cannot {what}: its driver “{type}” lacks {features}.",
            sr=record.name_label,
            what=what,
            type=record.type,
            features=listed(lacking),
        )
        hint = m_("Choose another SR, or halt the VM and copy the disks.")
        yield found("R52", Severity.block, inventory, "SR", sr, message, hint, page=Page.storage)


def sr_space(inventory: Inventory, sr: SrRef, incoming: int, running: int = 0) -> Problems:
    """R50: less than the disks need blocks, less than three times that warns. `running` is what jobs under way will
    take."""
    free, name = inventory.free_space(sr), inventory.name_of("SR", sr)
    if running and incoming > free - running:
        message = m_(
            "{sr} has {free} free, of which running jobs will use {running}; the disks need {need}.",
            sr=name,
            free=Size(free),
            running=Size(running),
            need=Size(incoming),
        )
        hint = m_("Choose another SR, or wait until the jobs have ended.")
        yield found("R50", Severity.block, inventory, "SR", sr, message, hint, page=Page.storage)
    elif incoming > free:
        message = m_("{sr} has {free} free; the disks need {need}.", sr=name, free=Size(free), need=Size(incoming))
        hint = m_("Choose another SR, or delete snapshots that are no longer needed.")
        yield found("R50", Severity.block, inventory, "SR", sr, message, hint, page=Page.storage)
    elif incoming * WANTED_SPACE_FACTOR > free - running:
        message = m_(
            "{sr} has {free} free, less than three times the {need} that the disks need.",
            sr=name,
            free=Size(free),
            need=Size(incoming),
        )
        hint = m_("The vendor advises this much, because a move may need room for snapshots meanwhile.")
        yield found("R50", Severity.warn, inventory, "SR", sr, message, hint, page=Page.storage)
