"""What the wizard's pages show of an evaluation, as plain values: rows of tables, lines of the summary, sentences.

All of it is made once for each evaluation: with it, in its thread, where the draft is large (`prepare`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from xsmigui.core.migration import leaving_out
from xsmigui.core.migration.diskdraft import SrTarget, targets
from xsmigui.core.migration.evaluation import Evaluation, to_choose
from xsmigui.core.migration.moves import following_disks
from xsmigui.core.migration.summary import VmSummary, amount, beforehand, opening, summarize, verdict, written
from xsmigui.core.problems import Page, Problem, Severity
from xsmigui.core.refs import MoverRef, VdiRef, VifRef, VmRef
from xsmigui.core.text import _, n_
from xsmigui.core.units import size

T = TypeVar("T")

MEASURED: Final = 40
"""Texts of a column by which its width is measured: the longest ones."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table: their keys, the texts of each in the order of the columns, and of each column the longest."""

    keys: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()
    longest: tuple[tuple[str, ...], ...] = ()


def rows_of(rows: Iterable[tuple[str, tuple[str, ...]]]) -> Rows:
    """Rows by key."""
    found = tuple(rows)
    texts = tuple(row for _key, row in found)
    longest = tuple(tuple(sorted(set(column), key=len, reverse=True)[:MEASURED]) for column in zip(*texts, strict=True))
    return Rows(tuple(key for key, _row in found), texts, longest)


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A VM's line on the summary: its name, what becomes of it, how much data that is; and its details."""

    vm: str
    data: str
    summary: VmSummary


@dataclass(frozen=True, slots=True)
class Summary:
    """The last page: a paragraph on all of it, a line for each VM, and what is to be known beforehand."""

    opening: str
    lines: tuple[SummaryLine, ...]
    beforehand: tuple[tuple[str, int], ...]


def _once(evaluation: Evaluation, make: Callable[[Evaluation], T]) -> T:
    """The outcome for this evaluation, made once."""
    made: dict[Any, Any] = evaluation.made
    if make not in made:
        made[make] = make(evaluation)
    found: T = made[make]
    return found


def possible(evaluation: Evaluation, vm: MoverRef) -> str:
    """Whether a VM can go, with its worst problem."""
    worst = evaluation.worst.get(vm)
    said = verdict(evaluation, vm)
    return f"{said} · {worst.message}" if worst is not None and worst.severity is not Severity.info else said


def stuck(evaluation: Evaluation) -> Mapping[MoverRef, Problem]:
    """The VMs without which the others could go, with the reason against each."""
    return _once(evaluation, _stuck)


def _stuck(evaluation: Evaluation) -> Mapping[MoverRef, Problem]:
    found = {vm: evaluation.worst[vm] for vm in evaluation.stuck}
    if not found and not any(to_choose(problem) for problem in evaluation.worst.values()):
        found = dict(leaving_out.blocked(evaluation))
    return found


def state(power_state: str) -> str:
    """A VM's power state in words."""
    words = {
        "Running": _("running"),
        "Halted": _("halted"),
        "Suspended": _("suspended"),
        "Paused": _("paused"),
    }
    return words.get(power_state, power_state)


def vm_rows(evaluation: Evaluation) -> Rows:
    """The selected VMs: name, state, where they are now, and whether they can go."""
    return _once(evaluation, _vm_rows)


def _vm_rows(evaluation: Evaluation) -> Rows:
    source = evaluation.site.pools.get(evaluation.draft.source)
    rows = []
    for ref in evaluation.draft.vms:
        vm = source.VM.get(ref) if source is not None else None
        if source is None or vm is None:
            rows.append((ref, (_("(gone)"), "", "–", "")))
            continue
        home = source.home(ref)
        now_on = source.name_of("host", home) if home is not None else "–"
        rows.append((ref, (vm.name_label, state(vm.power_state), now_on, possible(evaluation, ref))))
    return rows_of(rows)


def host_rows(evaluation: Evaluation) -> Rows:
    """The VMs on Home server: name, memory, and whether they can go."""
    return _once(evaluation, _host_rows)


def _host_rows(evaluation: Evaluation) -> Rows:
    moves = evaluation.resolved.of_vms
    return rows_of((m.ref, (m.vm.name_label, size(m.memory), possible(evaluation, m.ref))) for m in moves)


def disk_rows(evaluation: Evaluation) -> Rows:
    """The disks on Storage: name (with the VM's if there are several), size, and the SR they are on."""
    return _once(evaluation, _disk_rows)


def _disk_rows(evaluation: Evaluation) -> Rows:
    several = len(evaluation.resolved.moves) > 1
    rows = []
    for move, ref in evaluation.offers.disks:
        vdi = move.source.VDI[ref]
        name = vdi.name_label or _("(no name)")
        shown = f"{move.vm.name_label} · {name}" if several else name
        rows.append((ref, (shown, size(vdi.virtual_size), move.source.name_of("SR", vdi.SR))))
    return rows_of(rows)


def following(evaluation: Evaluation) -> str:
    """``2 disks of snapshots and suspend images, 61 GiB, follow.``"""
    return _once(evaluation, _following)


def _following(evaluation: Evaluation) -> str:
    moves = evaluation.resolved.of_vms
    disks = [vdi for move in moves for _ref, vdi, _leader in following_disks(move.source, move.ref)]
    if not disks:
        return ""
    return n_(
        "{n} disk of snapshots and suspend images, {size}, follows.",
        "{n} disks of snapshots and suspend images, {size}, follow.",
        len(disks),
        size=size(sum(vdi.virtual_size for vdi in disks)),
    )


def vif_rows(evaluation: Evaluation) -> Rows:
    """The interfaces on Networks: VM, device with MAC, and the network they are on."""
    return _once(evaluation, _vif_rows)


def _vif_rows(evaluation: Evaluation) -> Rows:
    rows = []
    for move, ref in evaluation.offers.vifs:
        vif = move.source.VIF[ref]
        now_on = move.source.name_of("network", vif.network)
        rows.append((ref, (move.vm.name_label, f"{vif.device} · {vif.MAC}", now_on)))
    return rows_of(rows)


def source_rows(evaluation: Evaluation) -> Rows:
    """The source networks on Networks: name, and how many interfaces are on it."""
    return _once(evaluation, _source_rows)


def _source_rows(evaluation: Evaluation) -> Rows:
    return rows_of((source.network, (source.name, str(len(source.vifs)))) for source in evaluation.offers.sources)


def summary(evaluation: Evaluation) -> Summary | None:
    """The last page; None as long as there is no plan."""
    return _once(evaluation, _summary)


def _summary(evaluation: Evaluation) -> Summary | None:
    plan = evaluation.plan
    if plan is None:
        return None
    several = len(plan.moves) > 1
    sizes = {move.ref: written(move) for move in evaluation.resolved.moves} if several else {}
    lines = []
    for move, vm in zip(plan.moves, summarize(plan), strict=True):
        data = amount(move.travelling, sizes.get(VmRef(move.vm.ref), 0)) if several and move.travelling else ""
        lines.append(SummaryLine(move.vm.uuid, data, vm))
    return Summary(" ".join(opening(plan, evaluation)), tuple(lines), tuple(beforehand(evaluation)))


def disk_targets(evaluation: Evaluation, disks: tuple[VdiRef, ...]) -> tuple[SrTarget, ...]:
    """The SRs for disks that move together."""
    made = evaluation.made
    if (disk_targets, disks) not in made:
        made[disk_targets, disks] = tuple(targets(evaluation.site, evaluation.draft, disks))
    found: tuple[SrTarget, ...] = made[disk_targets, disks]
    return found


def prepare_disks(evaluation: Evaluation, *, disks: tuple[VdiRef, ...]) -> None:
    """Make in this thread what the dialog for disks will show."""
    disk_targets(evaluation, disks)
    evaluation.offers.prepare()


def prepare(evaluation: Evaluation, *, asked: Collection[str], lists: bool) -> None:
    """Make in this thread what the pages will show: everything but what only rows out of sight need. `asked` has the
    keys of the rows that are shown at present; with `lists` the lists of their boxes are made too."""
    offers = evaluation.offers
    for make in (stuck, vm_rows, host_rows, disk_rows, following, vif_rows, source_rows, summary):
        make(evaluation)
    offers.prepare()
    for source in offers.sources:
        offers.networks_for(source)
    if Page.home_server not in evaluation.pages:
        return
    for move in evaluation.resolved.of_vms:
        if move.ref in asked:
            offers.host(move.ref)
            if lists:
                offers.hosts(move.ref)
    for _move, disk in offers.disks:
        if disk in asked:
            offers.disk_sr(VdiRef(disk))
            if lists:
                offers.disk_srs(VdiRef(disk))
    for _move, vif in offers.vifs:
        if vif in asked:
            offers.network(VifRef(vif))
