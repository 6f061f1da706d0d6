"""The list of the rules as a document: what docs/rules.md holds."""

from collections.abc import Callable
from typing import Final

from xsmigui.core.errors import ENTRIES
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.rules import BATCH_RULES, RULES

HEAD: Final = """\
# The rules: what is checked before anything moves

Generated from the list of rules in `xsmigui/core/migration/rules` by `rules_document()`; a test keeps it current.

Kinds of move: **L** live inside a pool, no disk changes its SR; **S** storage live migration of a running or suspended
VM; **H** halted VM; **D** single disks of a VM that stays. A rule of *batch* looks at all VMs of a draft together.
*Page* is where the problem is shown and can be fixed. *Codes* are the server's own errors that the rule foresees: they
are shown under its id. Files (`.ml`) and functions are of the servers' daemon: [xapi.md](xapi.md) has all of them.

| Rule | What it looks at | Kinds | Page | Codes |
| --- | --- | --- | --- | --- |
"""


def rules_document() -> str:
    """The whole document, by id; rules that share an id stand below each other."""
    rows = [(r.id, _said(r.title, r.check), _kinds(r.kinds), r.page.value) for r in RULES]
    rows += [(r.id, _said(r.title, r.check), "batch", r.page.value) for r in BATCH_RULES]
    codes: dict[str, list[str]] = {}
    for code, entry in ENTRIES.items():
        codes.setdefault(entry.rule, []).append(f"`{code}`")
    lines = []
    told: set[str] = set()
    for id, what, kinds, page in sorted(rows, key=lambda row: row[0]):
        own = "" if id in told else ", ".join(sorted(codes.get(id, ())))
        told.add(id)
        lines.append(f"| {id} | {what} | {kinds} | {page} | {own} |")
    others = sorted({entry.rule for entry in ENTRIES.values()} - told - {""})
    tail = [f"| {id} | **asked of the server** | | | {', '.join(sorted(codes[id]))} |" for id in others]
    return HEAD + "\n".join(lines + tail) + "\n"


def _said(title: str, check: Callable[..., object]) -> str:
    said = " ".join((check.__doc__ or "").split())
    return f"**{title}**" + (f": {said}" if said else "")


def _kinds(kinds: frozenset[Kind]) -> str:
    return "".join(kind.value for kind in Kind if kind in kinds)
