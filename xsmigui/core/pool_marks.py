"""What a pool is known by, so that a job that was left is never gone on with in another one.

The uuid of a pool, its hosts and its VMs is the same in a copy of its database (a restored backup, a site for tests),
and so are all references. What a copy does not have is the private key of the coordinator: its certificate.
"""

from urllib.parse import urlsplit

import msgspec

from xsmigui.core.addresses import BadAddress, beside
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import PoolId


class PoolMark(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as it was connected. `fingerprint` is that of its coordinator (empty for plain HTTP), `members` are the
    addresses of the other hosts, any of which may become the coordinator; `old_encryption` as in `Inventory`."""

    pool: PoolId
    url: str
    fingerprint: str
    members: tuple[str, ...] = ()
    old_encryption: bool = False


def mark_of(url: str, fingerprint: str, inventory: Inventory) -> PoolMark:
    """What this pool is known by."""
    others = (host.address for ref, host in inventory.host.items() if ref != inventory.pool.master)
    return PoolMark(
        pool=inventory.id,
        url=url,
        fingerprint=fingerprint,
        members=tuple(sorted(filter(None, others))),
        old_encryption=inventory.old_encryption,
    )


def is_same(mark: PoolMark, url: str, fingerprint: str) -> bool:
    """The server is the pool of the mark: it has its certificate, or it is the member that has become its coordinator
    since. Without certificates the address has to do. Another certificate at another address is no proof against it
    either: whoever knows better decides."""
    if mark.fingerprint and fingerprint == mark.fingerprint:
        return True
    if url == mark.url:
        return fingerprint == mark.fingerprint
    return any(_is_at(url, address) for address in mark.members)


def _is_at(url: str, address: str) -> bool:
    """The url leads to this address, however that is written; an address without a port means any."""
    try:
        named = beside(url, address)
    except BadAddress:
        return False
    return named == url or (urlsplit(named).port is None and urlsplit(named).hostname == urlsplit(url).hostname)
