"""Results that are whole records: handed to the codecs without being copied, so that JSON can use the rows' cache."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from xsmigui.simulator.tables import Row, Table
from xsmigui.simulator.types import Value

_encode = msgspec.json.Encoder().encode


def record_json(table: Table, ref: str) -> bytes:
    """The row as JSON, encoded once for each change."""
    cached = table.encoded.get(ref)
    if cached is None:
        cached = table.encoded[ref] = _encode(table.shown(ref))
    return cached


class Records:
    """A map from reference to record of one table, as get_all_records answers it."""

    def __init__(self, table: Table, refs: Iterable[str]) -> None:
        self.table = table
        self._refs = list(refs)

    @property
    def refs(self) -> list[str]:
        """Those that are still there: tasks of calls that have ended are gone before the answer is written."""
        return [ref for ref in self._refs if ref in self.table.rows]

    def as_json(self) -> bytes:
        return b"{" + b",".join(b'"%s":%s' % (ref.encode(), record_json(self.table, ref)) for ref in self.refs) + b"}"

    def as_dict(self) -> dict[str, Row]:
        return {ref: self.table.shown(ref) for ref in self.refs}


class EventBatch:
    """The answer of event.from: changes with their snapshots, counts of all rows, and the next token.

    `events` holds (id, class in lower case, operation, reference, table of the snapshot or None for a deletion);
    message events carry their record in `messages`.
    """

    def __init__(
        self,
        events: list[tuple[int, str, str, str, Table | None]],
        messages: dict[str, Row],
        counts: dict[str, int],
        token: str,
    ) -> None:
        self.events = events
        self.messages = messages
        self.counts = counts
        self.token = token

    def left(self) -> list[tuple[int, str, str, str, Table | None]]:
        """What vanished since the changes were collected is left out without a word, as xapi does."""
        return [e for e in self.events if e[4] is None or e[3] in e[4].rows or e[3] in self.messages]

    def as_json(self) -> bytes:
        parts = []
        for generation, cls, operation, ref, table in self.left():
            head = {
                "id": str(generation), "timestamp": "0.0", "class": cls, "operation": operation, "ref": ref,
            }  # fmt: skip
            encoded = _encode(head)
            snapshot = self.snapshot_json(ref, table)
            parts.append(encoded if snapshot is None else encoded[:-1] + b',"snapshot":' + snapshot + b"}")
        return (
            b'{"events":[' + b",".join(parts) + b'],"valid_ref_counts":' + _encode(self.counts)
            + b',"token":' + _encode(self.token) + b"}"
        )  # fmt: skip

    def snapshot_json(self, ref: str, table: Table | None) -> bytes | None:
        if ref in self.messages:
            return _encode(self.messages[ref])
        return None if table is None else record_json(table, ref)

    def as_dict(self) -> dict[str, Value]:
        events = []
        for generation, cls, operation, ref, table in self.left():
            event: Row = {
                "id": str(generation), "timestamp": "0.0", "class": cls, "operation": operation, "ref": ref,
            }  # fmt: skip
            if ref in self.messages:
                event["snapshot"] = self.messages[ref]
            elif table is not None:
                event["snapshot"] = table.shown(ref)
            events.append(event)
        return {"events": events, "valid_ref_counts": self.counts, "token": self.token}
