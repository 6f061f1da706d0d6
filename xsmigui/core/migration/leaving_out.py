"""Which VMs of a draft block it, so that the others can go without them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.moves import Move
from xsmigui.core.migration.rules.storage import flow_of
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.refs import HostRef, SrRef, VmRef


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A VM that does not go, and why."""

    vm: VmRef
    uuid: str
    name: str
    problem: Problem


def blocked(evaluation: Evaluation) -> Mapping[VmRef, Problem]:
    """The VMs without which the draft has fewer problems, each with the reasons against it. What blocks a VM by itself
    comes first; where only all together are too many for a host or an SR, the one that needs most there stays. Empty
    where nothing blocks, or what blocks has nothing to do with single VMs."""
    found = {vm: p for vm, p in evaluation.reasons.items() if evaluation.verdicts.get(vm) is Severity.block}
    if found:
        return found
    for problem in evaluation.problems:
        crowd = [move for move in evaluation.resolved.moves if _need(move, problem)]
        if problem.blocks and len(crowd) > 1:
            largest = max(crowd, key=lambda move: (_need(move, problem), move.ref))
            return {largest.ref: problem}
    return {}


def _need(move: Move, problem: Problem) -> int:
    """Bytes that a VM wants of the host or the SR that a problem of the whole batch is about."""
    if problem.about is None:
        return 0
    flow, ref = flow_of(move), problem.about.ref
    return flow.memory.get(HostRef(ref), 0) or flow.space.get(SrRef(ref), 0)


def without(draft: Draft, vms: Mapping[VmRef, Problem]) -> Draft:
    """The draft of the others; their own choices stay."""
    return replace(draft, vms=tuple(vm for vm in draft.vms if vm not in vms))


def left_out(evaluation: Evaluation, vms: Mapping[VmRef, Problem]) -> tuple[LeftOut, ...]:
    """Those VMs with their names, for a reader."""
    records = evaluation.site.pools[evaluation.draft.source].VM
    return tuple(LeftOut(vm, records[vm].uuid, records[vm].name_label, p) for vm, p in vms.items() if vm in records)
