"""Tasks: their life in the order in which xapi writes it (taskHelper.ml, db_gc_util.ml)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from xsmigui.simulator import codec_xml
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.types import Type, Value

KEEP_FINISHED_S: Final = 3900.0  # seconds
KEEP_PENDING_S: Final = 86400.0
MOST_TASKS: Final = 200
OWNERS_KEPT: Final = 2 * MOST_TASKS


@dataclass(slots=True)
class Work:
    """A task that is being carried out: what its row does not hold."""

    ref: str
    session: str
    started: float
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    poke: asyncio.Event = field(default_factory=asyncio.Event)  # set with `cancel`, or when something has broken it
    stuck: bool = False  # a fault: never reaches its next check-point
    released: asyncio.Event = field(default_factory=asyncio.Event)  # ends that


class Tasks:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.running: dict[str, Work] = {}
        self.owners: dict[str, str] = {}  # the users (their auth_user_sid) who have begun tasks
        self._finished: dict[str, float] = {}  # when, in simulated seconds
        self._idle: dict[str, tuple[float, float]] = {}  # pending: progress at the last pass, and since when
        self._doomed: set[str] = set()  # destroyed while pending

    def create(self, name: str, session: str, *, description: str = "", parent: str = NULL, host: str = NULL) -> Work:
        db = self._pool.db
        ref = db.create("task", {
            "name_label": name, "name_description": description, "created": self._pool.clock.date(),
            "status": "pending", "resident_on": host if host != NULL else self._pool.master, "type": "<none/>",
            "subtask_of": parent, "backtrace": "()", "other_config": {}, "progress": 0.0,
        })  # fmt: skip
        row = db.find("session", session)
        if row is not None:
            self.owners[ref] = row["auth_user_sid"]
            if len(self.owners) > OWNERS_KEPT:
                self.owners = {task: who for task, who in self.owners.items() if db.has("task", task)}
        work = Work(ref, session, self._pool.clock.now())
        self.running[ref] = work
        return work

    def pending(self, ref: str) -> bool:
        row = self._pool.db.find("task", ref)
        return row is not None and row["status"] == "pending"

    def progress(self, ref: str, value: float) -> None:
        if self.pending(ref):
            self._pool.db.set("task", ref, progress=value)

    def cancellable(self, ref: str, yes: bool) -> None:
        if self.pending(ref):
            self._pool.db.set("task", ref, allowed_operations=["cancel"] if yes else [])

    def succeed(self, ref: str, value: Value, kind: Type) -> None:
        """Writes, in this order: allowed_operations, finished, progress, result, status."""
        if self.pending(ref):
            text = codec_xml.encode(value, kind, self._pool.schema)
            self._write(ref, allowed_operations=[], finished=self._now(), progress=1.0, result=text, status="success")
        self._ended(ref)

    def fail(self, ref: str, error: Failure) -> None:
        if error.code == "TASK_CANCELLED":
            self.cancelled(ref)
            return
        if self.pending(ref):
            self._write(
                ref, progress=1.0, error_info=error.description, backtrace="()", finished=self._now(),
                allowed_operations=[], status="failure",
            )  # fmt: skip
        self._ended(ref)

    def cancelled(self, ref: str) -> None:
        if self.pending(ref):
            self._write(ref, progress=1.0, finished=self._now(), status="cancelled", allowed_operations=[])
        self._ended(ref)

    def _now(self) -> str:
        return self._pool.clock.date()

    def _write(self, ref: str, **fields: Value) -> None:
        self._pool.db.set("task", ref, **fields)

    def _ended(self, ref: str) -> None:
        self.running.pop(ref, None)
        if ref in self._doomed:
            self.remove(ref)
        else:
            self._finished[ref] = self._pool.clock.now()

    def request_cancel(self, ref: str, by: str) -> None:
        """Marks the task and pokes its worker; succeeds for finished tasks too, without effect (xapi_task.ml)."""
        self._pool.db.row("task", ref)
        work = self.running.get(ref)
        if self.pending(ref):
            self._pool.db.set("task", ref, current_operations={by: "cancel"})
        if work is not None:
            work.cancel.set()
            work.poke.set()
            for child in list(self._pool.db.get("task", ref, "subtasks")):
                self.request_cancel(child, by)

    def destroy(self, ref: str) -> None:
        self._pool.db.row("task", ref)
        if self.pending(ref) and ref in self.running:
            self._doomed.add(ref)
            self._pool.db.set("task", ref, current_operations={"task": "destroy"})
        else:
            self.remove(ref)

    def remove(self, ref: str) -> None:
        self.running.pop(ref, None)
        self._finished.pop(ref, None)
        self._doomed.discard(ref)
        if self._pool.db.has("task", ref):
            self._pool.db.delete("task", ref)

    def forget(self) -> None:
        """All tasks are gone: xapi keeps none over a restart."""
        self.running.clear()
        for ref in list(self._pool.db.table("task")):
            self.remove(ref)

    def collect(self) -> None:
        """The garbage collector's pass (every 30 s): old finished tasks, pending ones that stood still for a day."""
        now = self._pool.clock.now()
        rows = self._pool.db.table("task")
        for ref, when in list(self._finished.items()):
            if ref not in rows:
                del self._finished[ref]
            elif now - when > KEEP_FINISHED_S:
                self.remove(ref)
        for ref in [r for r, row in rows.items() if row["status"] == "pending"]:
            progress = rows[ref]["progress"]
            before, since = self._idle.get(ref, (progress, now))
            self._idle[ref] = (progress, since if progress == before else now)
            if now - self._idle[ref][1] > KEEP_PENDING_S:
                self.remove(ref)
        self._idle = {ref: seen for ref, seen in self._idle.items() if ref in rows}
        too_many = len(rows) - MOST_TASKS
        if too_many > 0:
            oldest = sorted((r for r in self._finished if r in rows), key=lambda r: self._finished[r])
            for ref in oldest[:too_many]:
                self.remove(ref)
