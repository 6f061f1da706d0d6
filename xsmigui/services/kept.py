"""Letting kept sources go: removed on request only, and never what is in use again."""

from collections.abc import Iterable

from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.exchange import kept
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import VdiRef, is_null
from xsmigui.services.verification import GONE


async def purge(gateway: Gateway, sources: Iterable[VdiRef]) -> int:
    """Remove kept sources; how many were. One that somebody has connected again, or whose successor is gone, is left
    alone. Raises the wire's errors."""
    removed = 0
    for ref in sources:
        try:
            record = await gateway.call("VDI.get_record", ref)
            note = kept(record)
            if note is None or not all(is_null(vbd) for vbd in record["VBDs"]):
                continue
            successor = await gateway.call("VDI.get_record", await gateway.call("VDI.get_by_uuid", note.by))
            if successor["missing"] or not successor["managed"]:
                continue
            await gateway.call("VDI.destroy", ref, deadline=300.0)
            removed += 1
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
    return removed
