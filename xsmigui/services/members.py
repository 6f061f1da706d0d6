"""The hosts of a pool as ways to it: their addresses, and the certificates that the pool itself says they show.

Asked while the pool is well, over a connection that is trusted: when its coordinator is gone, another host can be
trusted without a question. What one pool says counts for that pool alone.
"""

import base64
import hashlib
import logging
from typing import Final

from xsmigui.core.addresses import BadAddress, beside
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.ports import Gateway

log = logging.getLogger(__name__)

Members = dict[str, str]
"""By each host's url the SHA-256 of its certificate: hexadecimal, lower case, with colons; empty where unknown."""

DEADLINE: Final = 15.0
"""Seconds for a host's certificate; a host that does not answer holds up nobody else."""

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def addresses(inventory: Inventory, url: str) -> dict[str, str]:
    """The hosts' urls by their references, for a pool that is reached at `url`; the coordinator's first."""
    found = {}
    for ref in sorted(inventory.host, key=lambda host: host != inventory.pool.master):
        try:
            found[str(ref)] = beside(url, inventory.host[ref].address)
        except BadAddress:
            log.info("%s: no address of a host: %s", url, inventory.host[ref].address)
    return found


async def learn(gateway: Gateway, inventory: Inventory) -> Members:
    """What the pool says of its hosts. Raises the wire's errors where it cannot be asked at all."""
    known = addresses(inventory, gateway.url)
    if not gateway.fingerprint:
        return dict.fromkeys(known.values(), "")
    shown = await _recorded(gateway)
    for ref in known:
        if ref not in shown:
            shown[ref] = await _told_by(gateway, ref)
    return {url: shown.get(ref, "") for ref, url in known.items()}


async def _recorded(gateway: Gateway) -> dict[str, str]:
    """By the hosts' references, from the class Certificate; nothing from releases before it (stockholm, 8.2)."""
    try:
        rows = await gateway.call("Certificate.get_all_records", deadline=DEADLINE)
    except ServerFailure as failure:
        log.info("%s: no certificates on record: %s", gateway.url, failure)
        return {}
    found = {}
    for row in rows.values() if isinstance(rows, dict) else ():
        # Certificates for users are of the type `host`; `host_internal` is what hosts show each other (1.294).
        if isinstance(row, dict) and row.get("type", "host") == "host":
            digits = str(row.get("fingerprint_sha256") or row.get("fingerprint") or "")
            found[str(row.get("host"))] = _spelled(digits.replace(":", ""))
    return {host: fingerprint for host, fingerprint in found.items() if fingerprint}


async def _told_by(gateway: Gateway, host: str) -> str:
    """From the host's own file (xapi 1.14 as 26.17); empty where it does not tell."""
    try:
        text = str(await gateway.call("host.get_server_certificate", host, deadline=DEADLINE))
        body = "".join(text.partition(BEGIN)[2].partition(END)[0].split())
        return _spelled(hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest()) if body else ""
    except WIRE_ERRORS as failure:
        log.info("%s: a host's certificate: %s", gateway.url, failure)
    except ValueError:
        log.info("%s: a host's certificate cannot be read", gateway.url)
    return ""


def _spelled(digits: str) -> str:
    """As the wire spells fingerprints; empty where these are not 64 hexadecimal digits."""
    digits = digits.lower()
    if len(digits) != 64 or any(c not in "0123456789abcdef" for c in digits):
        return ""
    return ":".join(digits[i : i + 2] for i in range(0, 64, 2))
