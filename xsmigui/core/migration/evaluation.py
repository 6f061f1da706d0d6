"""The evaluation of a draft: its pages, every problem, what is still to be asked, and the plan if nothing blocks.

Pure: the same site, draft and facts give the same evaluation. Pages render it; nobody else decides.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from xsmigui.core.capacity import Flow, Ledger, ledger
from xsmigui.core.messages import Text, m_
from xsmigui.core.migration.defaults import Resolved, default_destination, resolve
from xsmigui.core.migration.draft import Draft, Site, StorageMode
from xsmigui.core.migration.facts import (
    Facts,
    Question,
    WriteRate,
    assertion,
    denied,
    finding,
    gate_question,
    rights,
    write_rate,
)
from xsmigui.core.migration.homeless import homeless, or_shut_down
from xsmigui.core.migration.moves import Copied, Kind, LooseDisk, Move, Sent
from xsmigui.core.migration.offers import Offers
from xsmigui.core.migration.other_programs import copies_of_others
from xsmigui.core.migration.plan import Plan, make_plan
from xsmigui.core.migration.rules import BATCH_RULES, RULES, Batch
from xsmigui.core.migration.rules.storage import flow_of
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.refs import NULL, HostRef, MoverRef, VmRef
from xsmigui.core.text import in_use

CHOICES: Final = ("R67", "R80")
"""The rules of disks without an SR and interfaces without a network."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A draft judged. `draft` has its destination filled in; `questions` are to be asked now; `pending` says that some
    answer that is needed is still due. `plan` is there exactly if nothing blocks and nothing is pending."""

    site: Site
    draft: Draft
    resolved: Resolved
    pages: tuple[Page, ...]
    problems: tuple[Problem, ...]
    questions: tuple[Question, ...]
    ledger: Ledger
    plan: Plan | None
    verdicts: Mapping[MoverRef, Severity | None] = field(default_factory=dict)
    """For each VM its worst problem; None if it has none."""
    worst: Mapping[MoverRef, Problem] = field(default_factory=dict)
    """For each VM of which anything is said the worst of it; what only waits for a choice comes after what forbids."""
    flows: Mapping[MoverRef, Flow] = field(default_factory=dict)
    """What each move takes and frees at the destination, for the ledger."""
    basis: "Basis | None" = field(default=None, compare=False, repr=False)
    """What does not depend on the servers' answers."""
    made: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What pages show of it, made once (`core.migration.sheets`)."""

    @property
    def offers(self) -> Offers:
        """What may be chosen instead, with the reasons against each."""
        if self.basis is not None:
            return self.basis.offers
        offers: Offers = self.made.setdefault(Offers, Offers(self.site, self.draft, self.resolved))
        return offers

    @property
    def reasons(self) -> Mapping[MoverRef, Problem]:
        """For each VM that cannot go the problem that blocks it."""
        return {ref: problem for ref, problem in self.worst.items() if problem.blocks}

    @property
    def stuck(self) -> tuple[MoverRef, ...]:
        """The VMs (and disks of no VM) that cannot go, whatever is still chosen."""
        blocked = (move.ref for move in self.resolved.moves if (found := self.worst.get(move.ref)) and found.blocks)
        return tuple(ref for ref in blocked if not to_choose(self.worst[ref]))

    @property
    def pending(self) -> bool:
        return bool(self.needed)

    @property
    def needed(self) -> tuple[Question, ...]:
        """The questions without whose answers there is no plan; the others only make the estimate better."""
        return needed(self.questions)

    def on(self, page: Page) -> tuple[Problem, ...]:
        """The problems that belong to a page."""
        return tuple(p for p in self.problems if p.page is page)

    def blocked(self, page: Page) -> Problem | None:
        """The first problem that keeps a page from being left; None if it may be left."""
        return next((p for p in self.problems if p.page is page and p.blocks), None)

    def as_json(self) -> dict[str, object]:
        """The form that `preflight --json` promises."""
        return {
            "possible": self.plan is not None,
            "problems": [p.as_json() for p in self.problems],
            "plan": msgspec.to_builtins(self.plan) if self.plan is not None else None,
            "capacity": self.ledger.as_json(),
        }


def needed(questions: Iterable[Question]) -> tuple[Question, ...]:
    return tuple(question for question in questions if not isinstance(question, WriteRate))


def to_choose(problem: Problem) -> bool:
    """The problem only waits for the operator's choice of a network or an SR."""
    return problem.blocks and problem.rule in CHOICES and problem.page in (Page.networks, Page.storage)


def _weight(problem: Problem) -> tuple[int, bool]:
    return int(problem.severity), not to_choose(problem)


def _always(_draft: Draft, _moves: tuple[Move, ...]) -> bool:
    return True


def _crosses(draft: Draft, _moves: tuple[Move, ...]) -> bool:
    return draft.crosses


def _disks_travel(draft: Draft, moves: tuple[Move, ...]) -> bool:
    return draft.crosses or any(move.carries_disks and move.kind is not Kind.disk for move in moves)


PAGES: Final[dict[Page, Callable[[Draft, tuple[Move, ...]], bool]]] = {
    Page.destination: _always,
    Page.home_server: _always,
    Page.storage: _always,
    Page.networks: _crosses,
    Page.storage_network: _disks_travel,
    Page.summary: _always,
}
"""The wizard's pages in their order, each with when it is shown. Next and Back go to the neighbours of those shown."""


def flow(draft: Draft, moves: tuple[Move, ...]) -> tuple[Page, ...]:
    """The wizard's pages for a draft, in order."""
    return tuple(page for page, is_shown in PAGES.items() if is_shown(draft, moves))


@dataclass(frozen=True, slots=True)
class Basis:
    """What is found of a draft without asking a server: while only answers come in, it stays as it is. `asked` is the
    draft as it was given, `draft` the same with its destination filled in; `problems` are those of the moves, `told`
    each move's own."""

    site: Site
    asked: Draft
    draft: Draft
    resolved: Resolved
    problems: tuple[Problem, ...]
    told: Mapping[MoverRef, tuple[Problem, ...]]
    flows: Mapping[MoverRef, Flow]
    ledger: Ledger
    offers: Offers
    language: object

    def holds(self, site: Site, draft: Draft) -> bool:
        """The draft and everything that is known of the servers are the same."""
        before, now = self.site, site
        return (
            draft in (self.asked, self.draft)
            and self.language is in_use()
            and before.connected == now.connected
            and before.claims == now.claims
            and before.pools.keys() == now.pools.keys()
            and all(before.pools[pool] is inventory for pool, inventory in now.pools.items())
        )


def _basis(site: Site, asked: Draft) -> Basis:
    draft = asked
    if draft.destination is None:
        chosen = default_destination(site, draft)
        draft = draft.to(chosen) if chosen is not None else draft
    resolved = resolve(site, draft)
    moves = resolved.moves
    problems = [*_missing(site, draft), *_unreachable(site, draft), *homeless(moves)]
    flows = {move.ref: flow_of(move) for move in moves}
    told: dict[MoverRef, tuple[Problem, ...]] = {}
    for move in moves:
        told[move.ref] = tuple(problem for rule in RULES if move.kind in rule.kinds for problem in rule.check(move))
        problems += told[move.ref]
    books = _ledger(site, draft, moves, flows)
    offers = Offers(site, draft, resolved)
    return Basis(site, asked, draft, resolved, tuple(problems), told, flows, books, offers, in_use())


def evaluate(site: Site, draft: Draft, facts: Facts | None = None, before: Evaluation | None = None) -> Evaluation:
    """Judge a draft. The VMs of the draft may be gone, its pools unreachable: that is a problem like any other. Of the
    evaluation `before` is kept what still holds."""
    facts = facts or {}
    if draft.source not in site.pools:
        message, hint = m_("The pool of the selected VMs is no longer connected."), m_("Connect it again.")
        gone = (_gone("pool", draft.source, message, hint),)
        empty = Resolved((), StorageMode.same, None, None)
        return Evaluation(site, draft, empty, flow(draft, ()), gone, (), Ledger({}, {}), None)
    basis = before.basis if before is not None else None
    if basis is None or not basis.holds(site, draft):
        basis = _basis(site, draft)
    draft, moves = basis.draft, basis.resolved.moves
    problems = list(basis.problems)
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    if target is not None:
        batch = Batch(site, draft, target, moves, basis.ledger, _writes(basis.resolved.of_vms, facts))
        for batch_rule in BATCH_RULES:
            problems += batch_rule.check(batch)
    problems, questions = _with_facts(moves, problems, facts)
    if draft.leaves is not None:
        problems = [or_shut_down(problem, basis.resolved.of_vms) for problem in problems]
    by_uuid: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.subject.cls == "VM":
            by_uuid.setdefault(problem.subject.uuid, []).append(problem)
    of_vms: dict[MoverRef, list[Problem]] = {move.ref: by_uuid.get(move.vm.uuid, []) for move in basis.resolved.of_vms}
    all_of = {move.ref: (*of_vms.get(move.ref, ()), *basis.told[move.ref]) for move in moves}
    worst_of = {ref: max(said, key=_weight) for ref, said in all_of.items() if said}
    verdicts = {move.ref: worst_of[move.ref].severity if move.ref in worst_of else None for move in moves}
    pages = flow(draft, moves)
    problems = [p if p.page in pages else replace(p, page=Page.summary) for p in dict.fromkeys(problems)]
    done = not needed(questions) and not any(p.blocks for p in problems) and bool(moves)
    ordered = sorted(problems, key=lambda p: (pages.index(p.page), -p.severity))
    return Evaluation(
        site=site,
        draft=draft,
        resolved=basis.resolved,
        pages=pages,
        problems=tuple(ordered),
        questions=tuple(questions),
        ledger=basis.ledger,
        plan=make_plan(draft, moves) if done else None,
        verdicts=verdicts,
        worst=worst_of,
        flows=basis.flows,
        basis=basis,
    )


def _gone(cls: str, ref: str, finding: Text, advice: Text, page: Page = Page.destination) -> Problem:
    subject = Subject(cls, "", ref)
    return Problem(rule="R05", severity=Severity.block, subject=subject, finding=finding, advice=advice, page=page)


def _missing(site: Site, draft: Draft) -> list[Problem]:
    """VMs of the draft that are no longer there, and a destination that nobody has chosen."""
    source = site.pools[draft.source]
    problems = [
        _gone(
            "VM",
            ref,
            m_("A selected VM no longer exists: it was removed, or moved by somebody else."),
            m_("Close this and select again."),
        )
        for ref in draft.vms
        if ref not in source.VM
    ]
    if draft.destination is None:
        problems.append(_gone("pool", "", m_("No destination is chosen yet."), m_("Choose where the VMs should go.")))
    elif draft.destination not in site.pools:
        message, hint = m_("The destination is no longer connected."), m_("Connect it again, or choose another.")
        problems.append(_gone("pool", draft.destination, message, hint))
    else:
        at = site.pools[draft.destination]
        for ref, host in draft.hosts.items():
            if host not in at.host and ref in source.VM:
                message = m_("The host chosen for {vm} no longer exists.", vm=source.VM[ref].name_label)
                problems.append(_gone("host", host, message, m_("Choose another host."), Page.home_server))
    return problems


def _unreachable(site: Site, draft: Draft) -> list[Problem]:
    problems = []
    for pool in dict.fromkeys((draft.source, draft.destination)):
        if pool is not None and pool in site.pools and pool not in site.connected:
            name = site.pools[pool].name
            message = m_("The connection to {pool} is lost; showing the last known state.", pool=name)
            hint = m_("Wait until it is back, or connect again.")
            subject = Subject("pool", site.pools[pool].pool.uuid, name)
            problems.append(replace(_gone("pool", name, message, hint), subject=subject))
    return problems


def _ledger(site: Site, draft: Draft, moves: tuple[Move, ...], flows: Mapping[MoverRef, Flow]) -> Ledger:
    target = site.pools.get(draft.destination) if draft.destination is not None else None
    if target is None:
        return Ledger({}, {})
    own = [(_uuid_of_vm(move), frozenset(move.source.VDI[ref].uuid for ref in move.moving)) for move in moves]
    claims = [
        (claim.host, claim.memory, claim.space)
        for claim in site.claims
        if claim.pool == draft.destination
        and not (claim.source == draft.source and any(claim.is_about(vm, disks) for vm, disks in own))
    ]
    srs = {sr for move in moves for sr in move.moving.values() if sr is not None}
    claims += [(HostRef(NULL), 0, space) for space in copies_of_others(target, srs, {c.job for c in site.claims})]
    return ledger(target, flows.values(), claims)


def _uuid_of_vm(move: Move) -> str:
    return "" if isinstance(move, LooseDisk) else move.vm.uuid


def _writes(moves: tuple[Sent | Copied, ...], facts: Facts) -> dict[VmRef, float]:
    """How fast the VMs write, as far as the servers have told."""
    asked = {move.ref: write_rate(move) for move in moves}
    told = {vm: facts.get(question) for vm, question in asked.items() if question is not None}
    return {vm: answer.value for vm, answer in told.items() if answer is not None and answer.value is not None}


def _with_facts(moves: tuple[Move, ...], problems: list[Problem], facts: Facts) -> tuple[list[Problem], list[Question]]:
    """Add what the server said. The gate's reason is asked for where we have none of our own; assertions are asked
    only where nothing blocks."""
    questions: list[Question] = []
    found = list(problems)
    sent = [move for move in moves if isinstance(move, Sent)]
    for move in sent:
        gate = gate_question(move)
        vm = move.source.object_id("VM", move.ref)
        if gate is None or any(p.blocks and p.about == vm for p in problems):
            continue
        found += finding(move, gate, facts.get(gate))
        if gate not in facts:
            questions.append(gate)
    if any(p.blocks for p in found):
        return found, questions
    for right in rights(moves):
        found += denied(right, facts.get(right), moves[0].site.pools[right.pool])
        if right not in facts:
            questions.append(right)
    if any(p.blocks for p in found):
        return found, questions
    for move, question in [(move, asked) for move in sent if (asked := assertion(move)) is not None]:
        found += finding(move, question, facts.get(question))
        if question not in facts:
            questions.append(question)
    rates = [write_rate(move) for move in moves if not isinstance(move, LooseDisk)]
    questions += [rate for rate in rates if rate is not None and rate not in facts]
    return found, questions
