"""Checks of VMs against the memory of hosts: the target's, the source's, and twice on the same one."""

from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Size, listed, m_, mn_
from xsmigui.core.migration.moves import Kind, OfVm, Sent
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found, rule
from xsmigui.core.migration.rules.stopping import or_short_stop
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import HostRef
from xsmigui.core.releases import Since, pool_knows

HOME: Final = Page.home_server


def lacks_memory(target: Inventory, host: HostRef, vm_name: str, need: int, free: int) -> Problems:
    """R40 for one host and what must fit on it."""
    if need > free:
        message = m_(
            "{host} has {free} of free memory; {vm} needs {need}.",
            host=target.name_of("host", host),
            free=Size(free),
            vm=vm_name,
            need=Size(need),
        )
        hint = m_("Choose another host, or lower the VM's minimum memory.")
        yield found("R40", Severity.block, target, "host", host, message, hint, page=HOME)


@rule("R40", "memory", page=HOME)
def memory(move: Sent) -> Problems:
    """One VM against what is free now; R42 looks at VMs that stay on their host. Inside a pool the server asks for the
    memory of VMs that do not run too (xapi_vm_migrate.ml, assert_can_migrate); a suspended one that goes to another
    pool could not be resumed there. Servers from 26.3 on count more for each vCPU than older ones."""
    if move.host is None or move.runs_on or (move.crosses and move.kind is Kind.halted and not move.starts):
        return
    free, need = move.target.free_memory(move.host), move.memory_there
    if move.is_running or move.starts or not move.crosses:
        yield from lacks_memory(move.target, move.host, move.vm.name_label, need, free)
    elif need > free:
        message = m_(
            "{host} has {free} of free memory; {vm} needs {need} when it is resumed.",
            host=move.target.name_of("host", move.host),
            free=Size(free),
            vm=move.vm.name_label,
            need=Size(need),
        )
        hint = m_("Choose another host, or make room there before you resume it.")
        yield found("R40", Severity.warn, move.target, "host", move.host, message, hint, page=HOME)


def _held(move: OfVm) -> int:
    """Bytes that the VM holds at present beyond what the server counts for it (`memory_dynamic_min`)."""
    metrics = move.source.VM_metrics.get(move.vm.metrics)
    actual = min(metrics.memory_actual, move.vm.memory_dynamic_max) if metrics else 0
    return max(0, actual - move.vm.memory_dynamic_min)


@rule("R42", "memory twice", "S", HOME)
def memory_twice(move: Sent) -> Problems:
    """Disks that move while the VM runs and stays on its host: a second domain is built beside the first. Before 25.18
    the guest gave memory back for that, down to its dynamic minimum; since then it keeps what it has (xenops_server.ml,
    localhost_migration), which the server's own check does not count."""
    if move.host is None or not move.runs_on or not move.moving:
        return
    free, keeps = move.target.free_memory(move.host), _held(move)
    more = 2 * keeps if pool_knows(move.source, Since.NO_BALLOONING_AT_HOME) else 0
    if move.memory + more <= free:
        return
    name = {
        "vm": move.vm.name_label,
        "host": move.target.name_of("host", move.host),
        "need": Size(move.memory + (keeps if more else 0)),
        "free": Size(max(0, free - (keeps if more else 0))),
    }
    message = m_(
        "While its disks move, {vm} needs its memory a second time on {host}: {need}, but only {free} is free.", **name
    )
    hint = m_("Choose another host for {vm}, or shut it down and move its disks then.", vm=move.vm.name_label)
    severity = Severity.block if move.memory > free else Severity.warn
    other = or_short_stop(move, hint)
    yield found("R42", severity, move.target, "host", move.host, message, other, page=HOME)


@rule("R41", "room at the source", "S", HOME)
def room_at_the_source(move: Sent) -> Problems:
    """If the VM stops meanwhile it has to be started at the source again."""
    if not move.is_running or move.host is None or not move.moving:
        return
    able = [h for h in move.source.host if move.source.is_live(h) and move.source.host[h].enabled]
    free = max((move.source.free_memory(host) for host in able), default=0)
    if move.memory > free:
        message = m_(
            "If {vm} stops while it moves and another VM takes its memory, no host of {pool} could start it "
            "again: it needs {need}, but only {free} is free.",
            vm=move.vm.name_label,
            pool=move.source.name,
            need=Size(move.memory),
            free=Size(free),
        )
        hint = m_("Start no other VM there until the move has ended.")
        yield found("R41", Severity.warn, move.source, "VM", move.ref, message, hint, page=HOME)


@rule("R43", "dynamic memory", "LS", HOME)
def dynamic_memory(move: Sent) -> Problems:
    """Without its licence the destination wants a fixed size (`restrict_dmc`)."""
    fixed = move.vm.memory_dynamic_min == move.vm.memory_dynamic_max == move.vm.memory_static_max
    if move.host is None or fixed or move.target.pool.restrictions.get("restrict_dmc") != "true":
        return
    message = m_(
        "The licence of {pool} does not include dynamic memory, and {vm} has a range: {low} to {high}.",
        pool=move.target.name,
        vm=move.vm.name_label,
        low=Size(move.vm.memory_dynamic_min),
        high=Size(move.vm.memory_static_max),
    )
    hint = m_("Set a fixed amount of memory for {vm} first.", vm=move.vm.name_label)
    yield found("R43", Severity.block, move.source, "VM", move.ref, message, hint, page=HOME)


@batch_rule("R40", "memory", HOME)
def memory_of_batch(batch: Batch) -> Problems:
    """Several VMs that each fit alone, and not together."""
    for host, account in batch.ledger.memory.items():
        coming = [m for m in batch.of_vms if m.host == host and (m.is_running or m.starts) and not m.runs_on]
        name = {
            "host": batch.target.name_of("host", host),
            "free": Size(account.free),
            "running": Size(account.running),
            "vms": listed([m.vm.name_label for m in coming]),
            "need": Size(account.incoming),
        }
        if not coming or account.incoming <= account.room or any(m.memory_there > account.free for m in coming):
            continue
        if account.running:
            message = mn_(
                "{host} has {free} of free memory, of which running jobs will use {running}; {vms} needs {need}.",
                "{host} has {free} of free memory, of which running jobs will use {running}; {vms} need {need}.",
                len(coming),
                **name,
            )
            hint = m_("Choose another host, or wait until the jobs have ended.")
        else:
            message = m_("{host} has {free} of free memory; {vms} need {need} together.", **name)
            hint = m_("Choose another host for some of them.")
        yield found("R40", Severity.block, batch.target, "host", host, message, hint, page=HOME)
