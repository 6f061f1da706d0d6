"""Copy and exchange: how a disk goes to another SR without ever being the only one. Begin reading in `following`."""

from xsmigui.core.migration.exchange.checks import can_roll_back
from xsmigui.core.migration.exchange.following import next_step
from xsmigui.core.migration.exchange.values import (
    BLOCK,
    BLOCKED,
    CHECKSUM,
    COPY,
    INCOMPLETE,
    JOB,
    KEPT,
    OWN_SNAPSHOT,
    TAG,
    ExchangeSpec,
    ExchangeState,
    Kept,
    OwnSnapshot,
    Replacement,
    ShortStop,
    connected,
    is_connected_to,
    kept_note,
)

__all__ = [
    "BLOCK",
    "BLOCKED",
    "CHECKSUM",
    "COPY",
    "INCOMPLETE",
    "JOB",
    "KEPT",
    "OWN_SNAPSHOT",
    "TAG",
    "ExchangeSpec",
    "ExchangeState",
    "Kept",
    "OwnSnapshot",
    "Replacement",
    "ShortStop",
    "can_roll_back",
    "connected",
    "is_connected_to",
    "kept_note",
    "next_step",
]
