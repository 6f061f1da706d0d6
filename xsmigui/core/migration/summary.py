"""A plan in words: sentences first, then tables, and the same as an equivalent `xe` script."""

import shlex
from dataclasses import dataclass
from typing import Final

from xsmigui.core.capacity import load
from xsmigui.core.migration.calls import Call
from xsmigui.core.migration.estimates import proof_seconds
from xsmigui.core.migration.evaluation import Evaluation, to_choose
from xsmigui.core.migration.exchange import BLOCKED, JOB, TAG
from xsmigui.core.migration.moves import Kind, LooseDisk, Move
from xsmigui.core.migration.plan import DiskMove, Plan, VmMove
from xsmigui.core.migration.rules.stopping import when_proved
from xsmigui.core.problems import Page, Problem, Severity
from xsmigui.core.refs import MoverRef
from xsmigui.core.text import _, n_
from xsmigui.core.units import size

OPENING: Final = ("R19", "R04")
"""The rules about the whole batch whose sentences open the summary: how long it takes, and what waits in the queue."""


@dataclass(frozen=True, slots=True)
class VmSummary:
    """One VM's part of the summary: a sentence, and rows of label and value."""

    name: str
    sentence: str
    rows: tuple[tuple[str, str], ...]


def summarize(plan: Plan) -> tuple[VmSummary, ...]:
    return tuple(VmSummary(move.vm.name, sentence(plan, move), tuple(_rows(plan, move))) for move in plan.moves)


def sentence(plan: Plan, move: VmMove) -> str:
    """``db-primary moves, running, from host-03 in Madrid to host-11 in Lisboa.``"""
    state = {"Running": _("running"), "Suspended": _("suspended"), "Halted": _("halted")}.get(move.power_state, "")
    name = {
        "vm": move.vm.name,
        "state": state,
        "from_host": move.source_host.name if move.source_host else plan.source.name,
        "from_pool": plan.source.name,
        "host": move.host.name,
        "pool": plan.target.name,
    }
    if plan.copy:
        return _("{vm} is copied to {host} in {pool}; the original stays in {from_pool}.", **name)
    if move.kind is Kind.disk:
        return _copied(plan, move)
    if plan.crosses:
        return _("{vm} moves, {state}, from {from_host} in {from_pool} to {host} in {pool}.", **name)
    if move.kind is Kind.live:
        return _("{vm} moves, {state}, from {from_host} to {host}; its disks stay where they are.", **name)
    if move.source_host is not None and move.source_host.uuid == move.host.uuid:
        return _("The disks of {vm} move, while it is {state} on {host}.", **name)
    return _("{vm} moves, {state}, from {from_host} to {host}, with its disks.", **name)


def _rows(plan: Plan, move: VmMove) -> list[tuple[str, str]]:
    rows = [] if move.kind is Kind.disk else [(_("Host"), move.host.name)]
    rows += [(disk.disk.name, _way(disk)) for disk in move.disks if not disk.follows or move.is_loose]
    rows += _followers(move) if not move.is_loose else []
    # A snapshot's interface has the MAC of the VM's own, and goes to the same network.
    rows += dict.fromkeys((_("Network, {mac}", mac=v.mac), f"{v.source.name} → {v.target.name}") for v in move.vifs)
    if move.storage_network is not None:
        rows.append((_("Storage network") if move.travelling else _("Network"), move.storage_network.name))
    if plan.set_home and not plan.copy and move.host.uuid:
        rows.append((_("Home server afterwards"), move.host.name))
    if plan.start_after and move.power_state == "Halted":
        rows.append((_("Afterwards"), _("started on {host}", host=move.host.name)))
    return rows


def _way(disk: DiskMove) -> str:
    if disk.stays:
        return _("stays on {sr}", sr=disk.source.name)
    return f"{disk.source.name} → {disk.target.name} · {size(disk.size)}"


def _followers(move: VmMove) -> list[tuple[str, str]]:
    """The disks of snapshots and the suspend images, those of one way in one row."""
    ways: dict[tuple[str, str, bool], list[DiskMove]] = {}
    for disk in move.disks:
        if disk.follows:
            ways.setdefault((disk.source.name, disk.target.name, disk.stays), []).append(disk)
    rows = []
    for (source, target, stays), disks in ways.items():
        label = n_("{n} disk that follows", "{n} disks that follow", len(disks))
        bytes_ = size(sum(disk.size for disk in disks))
        rows.append((label, _("stays on {sr}", sr=source) if stays else f"{source} → {target} · {bytes_}"))
    return rows


def overview(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """The VMs of a draft as a table, with its heads: who goes where with how much, and whether it can."""
    states = {"Running": _("running"), "Suspended": _("suspended"), "Halted": _("halted"), "Paused": _("paused")}
    rows: list[tuple[str, ...]] = [(_("VM"), _("State"), _("From"), _("To"), _("Disks that move"), _("Possible"))]
    for move in evaluation.resolved.moves:
        state, home, host = "–", None, None
        if not isinstance(move, LooseDisk):
            state = states.get(move.vm.power_state, move.vm.power_state)
            home, host = move.source.home(move.ref), move.host
        travelling = sum(move.source.VDI[ref].virtual_size for ref in move.moving)
        rows.append(
            (
                move.name,
                state,
                move.source.name_of("host", home) if home is not None else "–",
                move.target.name_of("host", host) if host is not None else "–",
                size(travelling) if travelling else "–",
                verdict(evaluation, move.ref),
            )
        )
    return rows


def verdict(evaluation: Evaluation, vm: MoverRef) -> str:
    """Whether a VM of the draft can do what is planned, as far as that is known."""
    if vm not in evaluation.verdicts:
        return "…"
    worst = evaluation.verdicts[vm]
    if (problem := evaluation.worst.get(vm)) is not None and to_choose(problem):
        return _("choose a network") if problem.page is Page.networks else _("choose an SR")
    return {Severity.block: _("no"), Severity.warn: _("yes, with warnings")}.get(worst or Severity.info, _("yes"))


def total(plan: Plan) -> str:
    """How much travels, in one sentence."""
    vms = n_("{n} VM", "{n} VMs", len(plan.moves))
    travelling = sum(move.travelling for move in plan.moves)
    if not travelling:
        return _("{vms}; no disk changes its SR.", vms=vms)
    disks = n_("{n} disk", "{n} disks", sum(1 for move in plan.moves for d in move.disks if not d.stays))
    return _("{vms}; {disks} with {size} in total.", vms=vms, disks=disks, size=size(travelling))


def written(move: Move) -> int:
    """Bytes that the disks of a move have written, as far as their SR tells; at most their sizes."""
    return load(move.source, {ref: move.source.VDI[ref] for ref in move.moving}, thin=True)


def amount(size_: int, written_: int) -> str:
    """``150.0 GiB, 61.0 GiB of it written``: how large disks are, and how much of that holds data."""
    return _("{size}, {written} of it written", size=size(size_), written=size(written_))


def opening(plan: Plan, evaluation: Evaluation) -> list[str]:
    """The first paragraph on a batch: how many VMs, how much data, how long, what waits in the queue."""
    vms = n_("{n} VM", "{n} VMs", len(plan.moves))
    travelling = sum(move.travelling for move in plan.moves)
    if travelling:
        disks = n_("{n} disk", "{n} disks", sum(1 for move in plan.moves for d in move.disks if not d.stays))
        data = amount(travelling, sum(written(move) for move in evaluation.resolved.moves))
        first = _("{vms} → {pool}; {disks}: {amount}.", vms=vms, pool=plan.target.name, disks=disks, amount=data)
    else:
        first = _("{vms} → {pool}; no disk changes its SR.", vms=vms, pool=plan.target.name)
    return [first, *(p.sentence() for rule in OPENING for p in evaluation.problems if _opens(p) and p.rule == rule)]


def beforehand(evaluation: Evaluation) -> list[tuple[str, int]]:
    """What else is to be known before the start, and what could not be checked: the first sentence of each rule, with
    the number of those that say the same of other VMs."""
    by_rule: dict[str, list[str]] = {}
    for problem in evaluation.problems:
        if problem.page is Page.summary and problem.severity is Severity.info and problem.rule not in OPENING:
            by_rule.setdefault(problem.rule, []).append(problem.sentence())
    return [(sentences[0], len(sentences) - 1) for sentences in by_rule.values()]


def _opens(problem: Problem) -> bool:
    return problem.page is Page.summary and problem.severity is Severity.info


def xe_script(plan: Plan) -> str:
    """The plan as shell commands of the servers' own tool, for whoever wants to see or keep them. Run them on the
    coordinator of the source pool; passwords are asked for, not written."""
    lines = ["#!/bin/sh", "set -e"]
    if any(call.method == "VM.migrate_send" for move in plan.moves for call in move.calls):
        # xe takes this way, with maps of disks, only if it is told a destination, even inside a pool.
        lines += [
            f"printf %s {shlex.quote(f'coordinator of {plan.target.name}: ')}; read -r REMOTE",
            "printf 'password: '; stty -echo; read -r PASSWORD; stty echo; echo",
        ]
    if plan.evacuates is not None:
        lines.append(f"xe host-disable uuid={shlex.quote(plan.evacuates.uuid)}")
    for move in plan.moves:
        lines.append("# " + " ".join(move.vm.name.split()))
        if move.kind is Kind.disk:
            lines += _xe_copy(plan, move)
        lines += [line for call in move.calls if (line := _xe(plan, move, call))]
    return "\n".join(lines) + "\n"


def _copied(plan: Plan, move: VmMove) -> str:
    """``The disks of erp-test are copied and exchanged while it is halted; their sources are kept for 7 days.``"""
    if plan.stops(move):
        return _with_short_stop(plan, move)
    if move.is_loose:
        first = _("{disk}, which belongs to no VM, is copied and replaced by its copy.", disk=move.vm.name)
    else:
        first = _("The disks of {vm} are copied while it is halted, and replaced by their copies.", vm=move.vm.name)
    if not move.is_loose:
        first += " " + _(
            "Meanwhile {vm} and its disks are marked with this job, and the server lets nobody start or change {vm}.",
            vm=move.vm.name,
        )
    if plan.proves:
        first += " " + _("Contents are compared before the copies are put in place.")
    return f"{first} {_sources(plan)}"


def _with_short_stop(plan: Plan, move: VmMove) -> str:
    name = {"vm": move.vm.name, "host": move.host.name}
    parts = [
        _("The disks of {vm} are copied from a snapshot while it is running.", **name),
        n_(
            "It is then shut down, for at most {n} minute; the data written meanwhile is copied, the copies "
            "replace the disks, and it starts on {host}.",
            "It is then shut down, for at most {n} minutes; the data written meanwhile is copied, the copies "
            "replace the disks, and it starts on {host}.",
            plan.short_stop,
            **name,
        ),
        str(when_proved(proof_seconds(disk.size for disk in move.disks if not disk.stays)[1] / 2, plan.short_stop)),
        _(
            "Meanwhile {vm} and its disks are marked with this job, its snapshot carries the job's name, and "
            "while it is down the server lets nobody start or change it.",
            **name,
        ),
        _sources(plan),
    ]
    return " ".join(parts)


def _sources(plan: Plan) -> str:
    days = plan.keep_days
    if not days:
        return _("The sources are removed when that has worked.")
    return n_("The sources are kept for {n} day.", "The sources are kept for {n} days.", days)


def _xe_with_stop(plan: Plan, move: VmMove) -> list[str]:
    """A move with a short stop, as the program does it but for its marks and blocks, its looks and its comparisons."""
    vm, host = shlex.quote(move.vm.uuid), shlex.quote(move.host.uuid)
    disks = [disk for disk in move.disks if not disk.stays]
    lines = [f"SNAPSHOT=$(xe vm-snapshot uuid={vm} new-name-label=short-stop)"]
    for n, disk in enumerate(disks):
        old, sr = shlex.quote(disk.disk.uuid), shlex.quote(disk.target.uuid)
        lines += [
            f'BASE{n}=$(xe vbd-list vm-uuid="$SNAPSHOT" userdevice={shlex.quote(disk.position)}'
            " params=vdi-uuid --minimal)",
            f'NEW{n}=$(xe vdi-create sr-uuid={sr} virtual-size="$(xe vdi-param-get uuid={old} param-name=virtual-size)"'
            f" type=user name-label={shlex.quote(disk.disk.name)})",
            f'xe vdi-copy uuid="$BASE{n}" into-vdi-uuid="$NEW{n}"',
        ]
    lines.append(f"xe vm-shutdown uuid={vm}")
    for n, disk in enumerate(disks):
        old = shlex.quote(disk.disk.uuid)
        lines.append(f'xe vdi-copy uuid={old} base-vdi-uuid="$BASE{n}" into-vdi-uuid="$NEW{n}"')
    for n, disk in enumerate(disks):
        lines += _xe_exchange(plan, move, disk, f"$NEW{n}")
    return [*lines, f"xe vm-start uuid={vm} on={host}", 'xe snapshot-uninstall uuid="$SNAPSHOT" force=true']


def _xe_copy(plan: Plan, move: VmMove) -> list[str]:
    """The disks of a VM copied and exchanged as the program does it, marks and blocks included; the sources stay,
    renamed and tagged, where they are to be kept."""
    if plan.stops(move):
        return _xe_with_stop(plan, move)
    vm = shlex.quote(move.vm.uuid)
    disks = [disk for disk in move.disks if not disk.stays]
    lines = []
    if not move.is_loose:
        lines.append(f"xe vm-param-set uuid={vm} other-config:{JOB}=by-hand")
        lines += [f"xe vm-param-set uuid={vm} blocked-operations:{operation}=moving" for operation in BLOCKED]
    lines += [f"xe vdi-param-set uuid={shlex.quote(disk.disk.uuid)} other-config:{JOB}=by-hand" for disk in disks]
    for disk in disks:
        lines += _xe_disk(plan, move, disk)
    if not move.is_loose:
        lines.append(f"xe vm-param-remove uuid={vm} param-name=other-config param-key={JOB}")
        lines += [
            f"xe vm-param-remove uuid={vm} param-name=blocked-operations param-key={operation}" for operation in BLOCKED
        ]
    return lines


def _xe_disk(plan: Plan, move: VmMove, disk: DiskMove) -> list[str]:
    old, sr = shlex.quote(disk.disk.uuid), shlex.quote(disk.target.uuid)
    name = shlex.quote(disk.disk.name)
    lines = [
        f'NEW=$(xe vdi-create sr-uuid={sr} virtual-size="$(xe vdi-param-get uuid={old} param-name=virtual-size)"'
        f" type=user name-label={name})",
        f'xe vdi-copy uuid={old} into-vdi-uuid="$NEW"',
        f"xe sr-scan uuid={sr}",
    ]
    return lines + _xe_exchange(plan, move, disk, "$NEW")


def _xe_exchange(plan: Plan, move: VmMove, disk: DiskMove, new: str) -> list[str]:
    """The copy in the disk's place, and what becomes of the disk."""
    old, vm = shlex.quote(disk.disk.uuid), shlex.quote(move.vm.uuid)
    lines: list[str] = []
    if not move.is_loose:
        lines += [
            f"OLD=$(xe vbd-list vm-uuid={vm} vdi-uuid={old} --minimal)",
            f'VBD=$(xe vbd-create vm-uuid={vm} vdi-uuid="{new}" device=autodetect'
            ' bootable="$(xe vbd-param-get uuid="$OLD" param-name=bootable)"'
            ' mode="$(xe vbd-param-get uuid="$OLD" param-name=mode)" type=Disk)',
            'xe vbd-destroy uuid="$OLD"',
            f'xe vbd-param-set uuid="$VBD" userdevice={shlex.quote(disk.position)}',
        ]
    if not plan.keep_days:
        return [*lines, f"xe vdi-destroy uuid={old}"]
    kept = shlex.quote(f"{disk.disk.name} [kept]")
    return [
        *lines,
        f"xe vdi-param-set uuid={old} name-label={kept}",
        f"xe vdi-param-add uuid={old} param-name=tags param-key={shlex.quote(TAG)}",
        f"xe vdi-param-remove uuid={old} param-name=other-config param-key={JOB}",
    ]


def _xe(plan: Plan, move: VmMove, call: Call) -> str:
    """One call as an xe command; `host.migrate_receive` is part of `xe vm-migrate`."""
    vm, host = shlex.quote(move.vm.uuid), shlex.quote(move.host.uuid)
    there = '-s "$REMOTE" -u root -pw "$PASSWORD" ' if plan.crosses else ""
    compress = "" if plan.compress is None else f" compress={str(plan.compress).lower()}"
    match call.method:
        case "VM.pool_migrate":
            # xe has no parameter for the network of a migration inside the pool.
            note = f"  # over {' '.join(move.storage_network.name.split())}" if move.storage_network else ""
            return f"xe vm-migrate uuid={vm} host={host} live=true{compress}{note}"
        case "VM.migrate_send":
            pairs = [("vdi", d.disk.uuid, d.target.uuid) for d in (*move.disks, *move.cds)]
            pairs += [("vif", v.vif.uuid, v.target.uuid) for v in move.vifs]
            maps = "".join(" " + shlex.quote(f"{kind}:{what}={where}") for kind, what, where in pairs)
            remote = ' remote-master="$REMOTE" remote-username=root remote-password="$PASSWORD"'
            network = f" remote-network={shlex.quote(move.storage_network.uuid)}" if move.storage_network else ""
            options = (" copy=true" if plan.copy else "") + compress
            # A copy has another uuid, which xe prints.
            before, after = ("COPY=$(", " | tail -n 1)") if plan.copy else ("", "")
            return f"{before}xe vm-migrate uuid={vm} host={host} live=true{remote}{network}{maps}{options}{after}"
        case "VM.set_affinity":
            return f"xe {there}vm-param-set uuid={vm} affinity={host}"
        case "VM.start_on" if not plan.stops(move):
            moved = '"$COPY"' if plan.copy else vm
            return f"xe {there}vm-start uuid={moved} on={host}"
        case _:
            return ""
