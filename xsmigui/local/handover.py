"""How one process of this program gives its jobs to another: small files beside the journal, named after the giver.

The marker `.gives` says that the process would give its jobs away, `.asked` that another one wants them, `.waits` which
servers it waits for, and `.queue` that it has left its jobs in good order, and in which. Nothing in them is secret.
Files of a process that has ended say something only while its jobs have not been taken over.
"""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from xsmigui.core.journal import Waiting

GOES_ON_WITHIN: Final = timedelta(minutes=5)
"""What was handed over longer ago than this has been left: nobody has watched it meanwhile."""

GIVES, ASKED, QUEUE, WAITS = "gives", "asked", "queue", "waits"

Queue = list[tuple[str, int]]
"""Jobs by id, and the places of their VMs, in the order in which they are to start."""


def put(folder: Path, owner: str, what: str, text: str = "") -> None:
    """Write a marker; on disk when this returns, whole or not at all. Raises `OSError`."""
    path = _path(folder, owner, what)
    fresh = path.with_suffix(f".{what}-new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def is_put(folder: Path, owner: str, what: str) -> bool:
    return _path(folder, owner, what).exists()


def put_queue(folder: Path, owner: str, queue: Queue, now: datetime) -> None:
    """Leave the jobs of this owner to whoever takes them over now. Raises `OSError`."""
    put(folder, owner, QUEUE, json.dumps({"at": now.isoformat(), "queue": queue}))


def queue(folder: Path, owner: str, now: datetime) -> Queue | None:
    """The order in which an owner has just left its jobs; None if it has not (it crashed, or simply ended)."""
    try:
        read = json.loads(_path(folder, owner, QUEUE).read_text(encoding="utf-8"))
        at = datetime.fromisoformat(read["at"])
        if not timedelta() <= now - at <= GOES_ON_WITHIN:
            return None
        return [(str(job), int(place)) for job, place in read["queue"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def put_waiting(folder: Path, owner: str, waits: Waiting | None) -> None:
    """Say what this owner waits for; None if for nothing. Raises `OSError`."""
    if waits is None:
        _path(folder, owner, WAITS).unlink(missing_ok=True)
    else:
        put(folder, owner, WAITS, msgspec.json.encode(waits).decode())


def waiting(folder: Path, owner: str) -> Waiting | None:
    """What an owner waits for; None if for nothing, or if that cannot be read."""
    try:
        return msgspec.json.decode(_path(folder, owner, WAITS).read_bytes(), type=Waiting)
    except (OSError, msgspec.DecodeError):
        return None


def clear(folder: Path, owner: str, *, queue: bool = True) -> None:
    """Take the markers of an owner away; its queue only if that is wanted."""
    for what in (GIVES, ASKED, WAITS, QUEUE) if queue else (GIVES, ASKED, WAITS):
        _path(folder, owner, what).unlink(missing_ok=True)


def _path(folder: Path, owner: str, what: str) -> Path:
    return folder / f"journal-{owner}.{what}"
