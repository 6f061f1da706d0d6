"""What became of jobs, as a page to keep or to send: HTML in one file, with nothing loaded from anywhere."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape as in_html
from typing import Final

from xsmigui.core.job_texts import job_text, title
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.moves import Kind
from xsmigui.core.text import LINE, _, middle, n_, printable
from xsmigui.core.units import duration, size
from xsmigui.core.verified import Outcome
from xsmigui.core.verified import text as item_text

STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1c1c1c;background:#fff}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35em .8em .35em 0}
th{border-bottom:1px solid #999;font-weight:600}tr+tr td{border-top:1px solid #ddd}
code{font-size:.88em;color:#444}.good{color:#1d6f36}.bad{color:#a3261c}.plain{color:#555}
p.raw{color:#555;margin:.2em 0 0;font-size:.88em;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none}}
"""

WAYS: Final = {State.done: "good", State.failed: "bad", State.interrupted: "bad"}


def escape(text: str) -> str:
    """A text as part of the page: no markup, nothing that browsers obey, of bounded length."""
    return in_html(printable(middle(text, LINE), "\n"))


def html_report(jobs: Sequence[Job], written: datetime) -> str:
    """The page; `written` says when it was made. It names every VM, how it ended, whether that was read back, and each
    disk's uuid before and after."""
    heading = _("What was moved")
    parts = [
        "<!DOCTYPE html>",
        '<html><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(heading)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(heading)}</h1>",
        _paragraph(_("Written by xsmigui on {moment}.", moment=_moment(written))),
    ]
    for job in jobs:
        parts += _job(job)
    return "\n".join([*parts, "</body></html>", ""])


def _job(job: Job) -> Iterable[str]:
    yield f"<h2>{escape(_where(job))}</h2>"
    ended = [vm.ended for vm in job.vms if vm.ended is not None]
    facts = [
        _("Job {job}", job=job.id),
        _("begun {moment}", moment=_moment(job.created)),
        *([_("ended {moment}", moment=_moment(max(ended)))] if job.has_ended and ended else []),
        job_text(job.state),
    ]
    yield _paragraph(", ".join(facts) + ".")
    done = sum(1 for vm in job.vms if vm.state is State.done)
    verified = sum(1 for vm in job.vms if vm.verified)
    yield _paragraph(
        n_("{done} of {n} is done", "{done} of {n} are done", len(job.vms), done=done)
        + "; "
        + _("{verified} read back from the servers and found as planned.", verified=verified)
    )
    for pool in job.old_encryption:
        text = _("{pool} was reached over old encryption: whoever gets its key later can read what was recorded.")
        yield _paragraph(text.format(pool=pool))
    heads = (_("VM"), _("Result"), _("Verification"), _("Disks: before, after, SR"))
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
    yield f"<table><thead><tr>{cells}</tr></thead><tbody>"
    yield from (_vm(vm) for vm in job.vms)
    yield "</tbody></table>"


def _where(job: Job) -> str:
    plan = job.plan
    if plan.evacuates is not None:
        return _("{host} was emptied", host=plan.evacuates.name)
    if plan.crosses:
        return f"{plan.source.name} → {plan.target.name}"
    return plan.source.name


def _vm(vm: VmJob) -> str:
    name = f"{escape(title(vm))}<br><code>{escape(vm.move.vm.uuid)}</code>"
    way = WAYS.get(vm.state, "plain")
    words = job_text(vm.state)
    if vm.started is not None and vm.ended is not None:
        words += f" · {duration((vm.ended - vm.started).total_seconds())}"
    result = f'<span class="{way}">{escape(words)}</span>'
    result += _paragraph(vm.message) if vm.message else ""
    for problem in vm.problems:
        result += _paragraph(problem.sentence()) if problem.message not in vm.message else ""
        result += f'<p class="raw">{escape(problem.raw)}</p>' if problem.raw else ""
    read = '<span class="plain">–</span>'
    if vm.verified:
        words = _("as planned")
        read = f'<span class="good">✓ {escape(words)}</span>'
    elif vm.state is State.done:
        words = (
            _("not as planned") if any(i.outcome is Outcome.differs for i in vm.items) else _("not everything was read")
        )
        read = f'<span class="bad">✗ {escape(words)}</span>'
    if vm.items:
        lines = "".join(f"<li>{escape(item_text(item))}</li>" for item in vm.items)
        heading = n_("{n} item", "{n} items", len(vm.items))
        read += f"<details><summary>{escape(heading)}</summary><ul>{lines}</ul></details>"
    return f"<tr><td>{name}</td><td>{result}</td><td>{read}</td><td>{_disks(vm)}</td></tr>"


def _disks(vm: VmJob) -> str:
    names = {disk.disk.uuid: disk for disk in vm.move.disks}
    rows = []
    for disk in vm.disks:
        known = names.get(disk.old)
        label = f"{known.disk.name} · {size(known.size)}" if known is not None else ""
        new = disk.new if disk.new != disk.old else _("the same")
        rows.append(
            f"{escape(label)}<br><code>{escape(disk.old)}</code> → <code>{escape(new)}</code> · {escape(disk.sr)}"
        )
    if not rows and vm.move.kind is Kind.live:
        return escape(_("stay where they are"))
    return "<br>".join(rows) or "–"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %z}"


__all__ = ["html_report"]
