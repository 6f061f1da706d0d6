"""VMs that no host of the destination can take, and what helps where a host is to be emptied of them."""

from typing import Final

from msgspec.structs import replace

from xsmigui.core.messages import Text, m_, mn_, sentences
from xsmigui.core.migration.candidates import bare_move, host_problems
from xsmigui.core.migration.fixes import ShutDown, ShutDownHere
from xsmigui.core.migration.moves import Copied, Move, Sent
from xsmigui.core.problems import Page, Problem, Severity, Subject

MOST: Final = 4
"""Hosts whose reasons are shown if none can take a VM."""


def homeless(moves: tuple[Move, ...]) -> list[Problem]:
    """VMs for which no host of the destination passes, with the reason of each host."""
    problems = []
    for move in moves:
        if not isinstance(move, Sent) or move.host is not None or move.draft.destination not in move.site.pools:
            continue
        if move.ref in move.draft.hosts:
            continue  # the chosen host is gone, which _missing says
        message = m_("No host of {pool} can take {vm}.", pool=move.target.name, vm=move.vm.name_label)
        told: list[Problem] = []
        others = [host for host in move.target.hosts_in_order if host != move.draft.leaves]
        for host in others[:MOST]:
            trial = bare_move(move.site, move.draft, move.source, move.target, move.ref, host)
            told += [p for p in host_problems(trial) if p.blocks][:1]
        reasons = list(dict.fromkeys(p.finding for p in told))
        rest = len(others) - MOST
        if rest > 0:
            reasons.append(mn_("{n} more host cannot either.", "{n} more hosts cannot either.", rest))
        subject = Subject("VM", move.vm.uuid, move.vm.name_label)
        rule = told[0].rule if told else "R05"
        remedy = next((p.remedy for p in told if p.remedy is not None), None)
        problems.append(
            Problem(
                rule=rule,
                severity=Severity.block,
                subject=subject,
                finding=sentences(message, *reasons),
                advice=m_("Choose another destination."),
                page=Page.home_server,
                remedy=remedy,
            )
        )
    return problems


def or_shut_down(problem: Problem, moves: tuple[Sent | Copied, ...]) -> Problem:
    """A host can be emptied of a VM that cannot leave it by shutting that down: where nothing better is offered, and
    the server would let the guest be shut down."""
    if not problem.blocks or not isinstance(problem.remedy, ShutDown | None) or problem.subject.cls != "VM":
        return problem
    move = next((move for move in moves if move.vm.uuid == problem.subject.uuid), None)
    if move is None or "clean_shutdown" not in move.vm.allowed_operations:
        return problem
    hint: Text = m_("Fix that, or shut {vm} down so that the host can be emptied.", vm=move.vm.name_label)
    if problem.remedy is not None or problem.page is not Page.home_server:
        hint = problem.advice
    host = move.draft.leaves
    assert host is not None
    remedy = ShutDownHere(pool=move.source.id, host=host, vm=move.ref, vm_name=move.vm.name_label)
    return replace(problem, remedy=remedy, advice=hint)
