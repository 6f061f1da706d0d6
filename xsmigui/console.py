"""What the command line says: to a person on stderr and in tables, as one JSON document on stdout, in reports."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from xsmigui.core.job_texts import job_text, step_text, title
from xsmigui.core.jobs import Entry, Job
from xsmigui.core.messages import render, sentences
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.migration.summary import overview, summarize
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.report import html_report
from xsmigui.core.text import _, escaped, middle, printable
from xsmigui.core.triage import Do, Triage, counting_text, counts, step_sentence, triage, where_text
from xsmigui.local.clock import SystemClock
from xsmigui.local.unhurried import at_a_terminal, typed_line

DONE: Final = 0
REFUSED: Final = 1
BAD_ARGUMENTS: Final = 2
NO_CONNECTION: Final = 3
FAILED: Final = 4
NOT_AGREED: Final = 5
INTERRUPTED: Final = 130


class BadArguments(Exception):
    """What is wrong with the arguments, as a sentence."""


CELL: Final = 100
"""Characters of a cell: a column is as wide as its widest one."""


def say(text: str) -> None:
    print(printable(text, "\n\t"), file=sys.stderr, flush=True)


def print_document(document: Any, as_json: bool) -> None:
    """A document on stdout: compact JSON, or indented for a person. JSON is UTF-8, whatever the terminal's characters
    are (RFC 8259)."""
    data = msgspec.json.encode(document)
    text = (data if as_json else msgspec.json.format(data, indent=2)).decode()
    sys.stdout.flush()
    sys.stdout.buffer.write(escaped(text).encode() + b"\n")
    sys.stdout.flush()


def print_table(rows: list[tuple[str, ...]], file: TextIO | None = None) -> None:
    """Columns as wide as their widest cell, the last one open."""
    rows = [tuple(printable(middle(cell, CELL)) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), file=file)
    print(file=file)


def print_problems(problems: Iterable[Problem], file: TextIO | None = None) -> None:
    words = {Severity.block: _("prevents the move"), Severity.warn: _("warning"), Severity.info: _("note")}
    for problem in problems:
        raw = f" [{problem.raw}]" if problem.raw else ""
        print(f"{problem.rule} {words[problem.severity]}: {problem.sentence()}{raw}", file=file)


def show_evaluation(evaluation: Evaluation, file: TextIO | None = None, left_out: Sequence[LeftOut] = ()) -> None:
    """The plan and the problems, for a person, on stdout or `file`; several VMs as a table first, and at the end who is
    left out."""
    if len(evaluation.resolved.moves) > 1:
        print_table(overview(evaluation), file)
    if evaluation.plan is not None:
        for vm in summarize(evaluation.plan):
            print(vm.sentence, file=file)
            for label, value in vm.rows:
                print(f"  {label}: {value}", file=file)
    print_problems(evaluation.problems, file)
    for left in left_out:
        print(_("{vm} is left out:", vm=left.name), file=file)
        print_problems([left.problem], file)
    print(_("It is possible.") if evaluation.plan is not None else _("It is not possible."), file=file)


async def agreed() -> bool:
    """Ask for a yes; where nobody sits at a terminal there is none."""
    if not at_a_terminal():
        say(_("Nothing was started: add --yes to start it."))
        return False
    print(_("Start it? Type “yes”: "), end="", file=sys.stderr, flush=True)
    try:
        answer = await typed_line()
    except asyncio.CancelledError:
        print(file=sys.stderr)
        say(_("Nothing was started."))
        raise
    if answer.strip().casefold() in ("yes", _("yes")):
        return True
    say(_("Nothing was started."))
    return False


def show_outcome(job: Job) -> None:
    """What became of each VM."""
    for vm in job.vms:
        print(f"{title(vm)}: {step_text(vm)}. {vm.message}")


def state_word(job: Job) -> str:
    """How a job of the journal stands, in a word."""
    return job_text(job.state) if job.has_ended else _("unfinished")


def job_document(job: Job) -> dict[str, object]:
    return {"created": job.created.isoformat(), "finished": job.has_ended, **job.as_json()}


def triage_document(found: Triage, line: Callable[[Do], str]) -> dict[str, object]:
    """Where a VM is, which copy counts, the servers' words, and the next steps, safest first, each with the line that
    does it."""
    which = counts(found.places)
    return {
        "places": [
            {"pool": place.pool, "power_state": place.power_state, "host": place.host, "counts": which in (None, at)}
            for at, place in enumerate(found.places)
        ],
        "why": render(sentences(*counting_text(found.places))),
        "words": list(found.words),
        "steps": [{"do": str(do), "text": step_sentence(do, found.undo), "command": line(do)} for do in found.steps],
    }


def _show_triage(found: Triage, line: Callable[[Do], str]) -> None:
    for text in filter(None, (where_text(found), *found.words)):
        print(f"  {text}")
    for number, do in enumerate(found.steps, 1):
        print(f"  {number}. {step_sentence(do, found.undo)}")
        print(f"     {line(do)}")


def show_job(job: Job, history: list[Entry], as_json: bool, line: Callable[[Do], str]) -> None:
    """All that is known of a job, with the next steps of what did not succeed; `line` is the command of a step."""
    triages = [triage(job, index) for index in range(len(job.vms))]
    if as_json:
        document = job_document(job)
        vms = [
            vm.as_json() | ({"triage": triage_document(found, line)} if found is not None else {})
            for vm, found in zip(job.vms, triages, strict=True)
        ]
        print_document(document | {"vms": vms, "history": msgspec.to_builtins(history)}, True)
        return
    print(f"{job.id}: {state_word(job)}")
    for vm, found in zip(job.vms, triages, strict=True):
        print(f"{title(vm)}: {step_text(vm)}. {vm.message}")
        for disk in vm.disks:
            print(f"  {disk.old} → {disk.new} ({disk.sr})")
        if found is not None:
            _show_triage(found, line)
    for entry in history:
        start = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}  {entry.vm}: {entry.state}, {entry.step}"
        print("  ".join(part for part in (start, entry.task, entry.message) if part))


def write_report(job: Job, folder: Path) -> bool:
    """What became of a job, as JSON and as a page, named after the job; False, with the reason said, where that could
    not be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = escaped(json.dumps(job.as_json(), ensure_ascii=False, indent=2))
        (folder / f"{job.id}.json").write_text(text + "\n", encoding="utf-8")
        page = html_report([job], SystemClock().now())
        (folder / f"{job.id}.html").write_text(page, encoding="utf-8")
    except OSError as error:
        say(_("The report was not written: {reason}", reason=error.strerror or str(error)))
        return False
    return True
