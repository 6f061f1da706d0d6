"""What a rule is; `core.migration.rules` names all of them in one table.

A rule is a small pure function from a `Move` (or a `Batch` of moves) to problems. It is asked at each choice, at Next
and before each run. Checks of a single target (a host, an SR, a network) are functions of their own, because the same
check greys out a target on a page and refuses a draft that chose it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from xsmigui.core.capacity import Ledger
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Text
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.fixes import Fix, ShutDown
from xsmigui.core.migration.moves import Copied, Kind, LooseDisk, Move, OfVm, Sent
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.refs import VmRef

Problems = Iterator[Problem]


@dataclass(frozen=True, slots=True)
class Batch:
    """All moves of a draft with what they take together."""

    site: Site
    draft: Draft
    target: Inventory
    moves: tuple[Move, ...]
    ledger: Ledger
    writes: Mapping[VmRef, float] = field(default_factory=dict)
    """Bytes a second that the VMs write, where that is known."""

    @property
    def of_vms(self) -> tuple[Sent | Copied, ...]:
        """The moves of VMs, without disks that belong to none."""
        return tuple(move for move in self.moves if not isinstance(move, LooseDisk))


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: the id that rules.md gives it, the kinds of move it looks at, and the page it speaks on."""

    id: str
    title: str
    kinds: frozenset[Kind]
    page: Page
    check: Callable[[Any], Problems]


@dataclass(frozen=True, slots=True)
class BatchRule:
    id: str
    title: str
    page: Page
    check: Callable[[Batch], Problems]


EVERY: Final = "LSH"

M = TypeVar("M", bound=Move)
Check = Callable[[M], Problems]
BatchCheck = Callable[[Batch], Problems]


def rule(id: str, title: str, kinds: str = EVERY, page: Page = Page.summary) -> Callable[[Check[M]], Rule]:
    """Make a rule of a check of one move, of the type that `kinds` are of."""
    return lambda check: Rule(id, title, frozenset(Kind(k) for k in kinds), page, check)


def batch_rule(id: str, title: str, page: Page = Page.summary) -> Callable[[BatchCheck], BatchRule]:
    """Make a rule of a check of all moves together."""
    return lambda check: BatchRule(id, title, page, check)


def found(
    rule_id: str,
    severity: Severity,
    inventory: Inventory,
    cls: str,
    ref: str,
    finding: Text,
    advice: Text = "",
    *,
    page: Page = Page.summary,
    remedy: Fix | None = None,
) -> Problem:
    """A problem about an object of this inventory."""
    record = inventory.record(cls, ref)
    return Problem(
        rule=rule_id,
        severity=severity,
        subject=Subject(cls, record.uuid if record else "", inventory.name_of(cls, ref)),
        finding=finding,
        advice=advice,
        page=page,
        about=inventory.object_id(cls, ref),
        remedy=remedy,
    )


def offer_shut_down(move: OfVm, problem: Problem) -> Problem:
    """With the fix “shut down and move”, where the server would let the guest be shut down."""
    if "clean_shutdown" not in move.vm.allowed_operations:
        return problem
    return replace(problem, remedy=ShutDown(pool=move.source.id, vm=move.ref, vm_name=move.vm.name_label))
