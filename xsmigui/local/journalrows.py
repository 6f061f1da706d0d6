"""The rows of the journal, read: jobs, their history, what cannot be read of them; and old ones, folded."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final

from xsmigui.core.jobs import Entry, Job, VmJob
from xsmigui.core.journal import Unreadable
from xsmigui.core.text import _
from xsmigui.local.documents import (
    VERSION,
    Undecodable,
    decode_part,
    decode_plan,
    decode_text,
    encode,
    folded_part,
    folded_plan,
    moment,
    unreadable_part,
)
from xsmigui.local.journalfile import transaction

FOLDED_AFTER: Final = timedelta(days=365)
"""Jobs that ended longer ago than this are folded into what a report tells of them."""

_FORGET_LINES: Final = (
    "delete from entry where job = ? and number not in (select max(number) from entry where job = ? group by place)"
)
"""All lines of a job but the last of each VM."""

JOB: Final = "select id, created, owner, plan, version, folded from job"


def all_jobs(db: sqlite3.Connection) -> tuple[list[Job], list[Unreadable]]:
    """Every job that can be read, and what cannot be, the latest first."""
    jobs, unreadable = [], []
    for row in db.execute(f"{JOB} order by created desc, id desc").fetchall():
        job, bad = read_job(db, row)
        if job is not None:
            jobs.append(job)
        unreadable += bad
    orphans = "select job, min(ended) from vm where job not in (select id from job) group by job order by job desc"
    for name, ended in db.execute(orphans).fetchall():
        unreadable.append(_unreadable_job(db, name, None, _("the row of the job is missing"), bool(ended)))
    return jobs, unreadable


def ended_jobs(db: sqlite3.Connection, most: int, most_vms: int) -> list[Job]:
    """The latest jobs that have ended and can be read, but those that were folded, the latest first; no more is read
    than is wanted."""
    part = "exists (select 1 from vm where job = id"
    over = f"where not folded and {part}) and not {part} and not ended)"
    found: list[Job] = []
    vms = 0
    for row in db.execute(f"{JOB} {over} order by created desc, id desc limit ?", (most,)).fetchall():
        job, bad = read_job(db, row)
        if job is None or bad:
            continue
        vms += len(job.vms)
        if found and vms > most_vms:
            break
        found.append(job)
    return found


def read_job(db: sqlite3.Connection, row: tuple[object, ...]) -> tuple[Job | None, list[Unreadable]]:
    """A job, None if it cannot be read, and what cannot be read of it. Of a job whose plan can be read, parts that
    cannot are stood in for."""
    name, at, _owner, raw, version, folded = row
    created = moment(at)
    rows = db.execute("select place, ended, document, version from vm where job = ? order by place", (name,)).fetchall()
    over = bool(rows) and all(ended for _place, ended, _document, _version in rows)
    try:
        plan = decode_plan(raw, version)
        if created is None:
            raise Undecodable(_("its date is damaged"))
    except Undecodable as error:
        return None, [_unreadable_job(db, name, created, str(error), over)]
    parts: dict[int, VmJob] = {}
    problems: dict[int, tuple[str, bool]] = {}
    for place, ended, document, written in rows:
        if not isinstance(place, int):
            continue
        try:
            parts[place] = decode_part(document, written)
        except Undecodable as error:
            problems[place] = str(error), bool(ended)
    if folded:
        vms = tuple(parts[place] for place in sorted(parts))
    else:
        for place in range(len(plan.moves)):
            if place not in parts:
                reason, _over = problems.setdefault(place, (_("the row is missing"), False))
                parts[place] = unreadable_part(plan.moves[place], reason)
        vms = tuple(parts[place] for place in range(len(plan.moves)))
    names = {place: move.vm.name for place, move in enumerate(plan.moves)}
    unreadable = [
        Unreadable(str(name), created, (names.get(place, ""),), reason, ended)
        for place, (reason, ended) in sorted(problems.items())
    ]
    return Job(id=str(name), plan=plan, created=created, vms=vms), unreadable


def _unreadable_job(
    db: sqlite3.Connection, name: object, created: datetime | None, reason: str, ended: bool
) -> Unreadable:
    """A job that cannot be read; the names of its VMs are in its history."""
    vms = db.execute("select distinct vm from entry where job = ? order by place", (name,)).fetchall()
    return Unreadable(str(name), created, tuple(str(vm) for (vm,) in vms), reason, ended)


def history(db: sqlite3.Connection, job: str) -> list[Entry]:
    """What was written of a job, in its order."""
    rows = db.execute("select at, vm, state, step, task, message from entry where job = ? order by number", (job,))
    found: list[Entry] = []
    for at, vm, state, step, task, text in rows:
        known = moment(at)
        if known is None:
            known = found[-1].at if found else datetime.fromtimestamp(0, UTC)
        found.append(Entry(known, str(vm), str(state), str(step), str(task), decode_text(str(text))))
    return found


def fold(db: sqlite3.Connection, now: datetime) -> int:
    """Fold the jobs that ended more than a year before `now`; returns how many there were."""
    before = now - FOLDED_AFTER
    old = "where not folded and created < ? and not exists (select 1 from vm where job = id and not ended)"
    if not db.execute(f"select 1 from job {old} limit 1", (before.isoformat(),)).fetchone():  # noqa: S608
        return 0
    count = 0
    with transaction(db):
        for row in db.execute(f"{JOB} {old}", (before.isoformat(),)).fetchall():
            job, bad = read_job(db, row)
            if job is None or bad or any(vm.ended is None or vm.ended > before for vm in job.vms):
                continue
            plan = encode(folded_plan(job.plan))
            db.execute("update job set plan = ?, version = ?, folded = 1 where id = ?", (plan, VERSION, job.id))
            for place, vm in enumerate(job.vms):
                values = (encode(folded_part(vm)), VERSION, job.id, place)
                db.execute("update vm set document = ?, version = ? where job = ? and place = ?", values)
            db.execute(_FORGET_LINES, (job.id, job.id))
            count += 1
    return count


def owner_of(db: sqlite3.Connection, job: str) -> str:
    """The process that carries a job out, or did; empty if there is no such job."""
    row = db.execute("select owner from job where id = ?", (job,)).fetchone()
    return str(row[0]) if row is not None else ""
