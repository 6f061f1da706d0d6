"""Which VMs of a draft block it, so that the others can go without them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from xsmigui.core.capacity import Flow, Ledger
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.problems import Problem, Severity
from xsmigui.core.refs import HostRef, MoverRef, PoolId, SrRef, VdiRef, VmRef


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A VM that does not go, and why."""

    vm: MoverRef
    uuid: str
    name: str
    problem: Problem


def blocked(evaluation: Evaluation) -> Mapping[MoverRef, Problem]:
    """The VMs without which the draft has fewer problems, each with the reasons against it. What blocks a VM by itself
    comes first; where only all together are too many for a host or an SR, those that need most there stay, as few as
    make the others fit. Empty where nothing blocks, or what blocks has nothing to do with single VMs."""
    found = {vm: p for vm, p in evaluation.reasons.items() if evaluation.verdicts.get(vm) is Severity.block}
    if found:
        return found
    for problem in evaluation.problems:
        if not problem.blocks or problem.about is None:
            continue
        needs = {vm: need for vm, flow in evaluation.flows.items() if (need := _need(flow, problem.about.ref))}
        gone = sum(need for vm, need in needs.items() if vm in found)
        excess = _excess(evaluation.ledger, problem.about.ref) - gone
        staying = {vm: need for vm, need in needs.items() if vm not in found}
        if len(staying) > 1 and (excess > 0 or not found):
            found |= dict.fromkeys(_too_many(staying, excess), problem)
    return found


def _excess(ledger: Ledger, ref: str) -> int:
    """Bytes of a batch for which a host or an SR has no room."""
    account = ledger.memory.get(HostRef(ref)) or ledger.space.get(SrRef(ref))
    return account.incoming - account.room if account is not None else 0


def _too_many(needs: Mapping[MoverRef, int], excess: int) -> Iterator[MoverRef]:
    """Those that need most, until what is too much is gone; one at least, but never the last one of them."""
    for vm in sorted(needs, key=lambda vm: (needs[vm], vm), reverse=True)[:-1]:
        yield vm
        excess -= needs[vm]
        if excess <= 0:
            return


def _need(flow: Flow, ref: str) -> int:
    """Bytes that a VM wants of a host or an SR."""
    return flow.memory.get(HostRef(ref), 0) or flow.space.get(SrRef(ref), 0)


def without(draft: Draft, vms: Mapping[MoverRef, Problem]) -> Draft:
    """The draft of the others, disks of no VM among them; their own choices stay."""
    return replace(
        draft,
        vms=tuple(vm for vm in draft.vms if vm not in vms),
        loose=tuple(disk for disk in draft.loose if disk not in vms),
    )


def left_out(evaluation: Evaluation, vms: Mapping[MoverRef, Problem]) -> tuple[LeftOut, ...]:
    """Those VMs, or disks of none, with their names, for a reader."""
    inventory = evaluation.site.pools[evaluation.draft.source]
    found = ((vm, inventory.VM.get(VmRef(vm)) or inventory.VDI.get(VdiRef(vm)), p) for vm, p in vms.items())
    return tuple(LeftOut(vm, record.uuid, record.name_label, p) for vm, record, p in found if record is not None)


def cannot_come_back(site: Site, pool: PoolId, host: HostRef) -> tuple[LeftOut, ...]:
    """Who could not come back to the host if it took VMs again, as far as the records tell. Nothing is changed."""
    vms = evacuation.returning(site.pools[pool], host).run
    draft = evacuation.back(site, pool, host, vms)
    out: tuple[LeftOut, ...] = ()
    while draft.vms:
        evaluation = evaluate(evacuation.as_enabled(site, pool, host), draft)
        stuck = blocked(evaluation)
        if not stuck:
            break
        out += left_out(evaluation, stuck)
        draft = without(draft, stuck)
    return out
