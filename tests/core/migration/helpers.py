"""Asking for evaluations and their problems in few words."""

from tests.core.site import TwoPools
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer, Facts
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.refs import VmRef


def answered(site: Site, draft: Draft) -> Evaluation:
    """The evaluation once the servers have said yes to every question."""
    facts: dict[object, Answer] = {}
    while True:
        found = evaluate(site, draft, facts)  # type: ignore[arg-type]
        if not found.questions:
            return found
        facts.update(dict.fromkeys(found.questions, Answer()))


def yes(evaluation: Evaluation) -> Facts:
    return dict.fromkeys(evaluation.questions, Answer())


ALWAYS = ("R19", "R20", "R59")
"""Rules that say something of every move that they look at."""


def rules(evaluation: Evaluation, severity: Severity | None = None) -> list[str]:
    """The ids of the rules that speak, without those that always do."""
    found = [p for p in evaluation.problems if p.rule not in ALWAYS]
    return [p.rule for p in found if severity is None or p.severity is severity]


def blocks(evaluation: Evaluation) -> list[str]:
    return rules(evaluation, Severity.block)


def problem(evaluation: Evaluation, rule: str) -> Problem:
    """The only problem of this rule."""
    (found,) = [p for p in evaluation.problems if p.rule == rule]
    return found


def away(site: TwoPools, *vms: VmRef) -> Draft:
    """To Lisboa, on l1."""
    draft = site.madrid.move(*vms, destination=site.lisboa.id)
    for vm in vms:
        draft = draft.on(vm, site.l1)
    return draft


def inside(site: TwoPools, vm: VmRef) -> Draft:
    """To m3 in the same pool."""
    return site.madrid.move(vm, destination=site.madrid.id).on(vm, site.m3)
