"""Rules about the journey of a whole batch: its turn in the queue, how long it takes, what may become of it."""

from typing import Final

from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.messages import Duration, Size, Text, m_, mn_, sentences
from xsmigui.core.migration.estimates import estimate, total
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found
from xsmigui.core.problems import Severity
from xsmigui.core.releases import Since, pool_knows


@batch_rule("R04", "three at once")
def queue(batch: Batch) -> Problems:
    """The vendor allows three storage migrations out of a pool, and a host refuses more; those of our jobs and of other
    clients count."""
    ours = [move for move in batch.of_vms if move.kind is not Kind.live and move.host is not None]
    if not ours:
        return
    source = ours[0].source
    own = {move.vm.uuid for move in ours}
    queued = {claim.vm for claim in batch.site.claims if claim.storage and claim.source == source.id} - own
    others = {
        vm.uuid
        for vm in source.VM.values()
        if vm.current_operations and "migrate_send" in vm.current_operations.values() and vm.uuid not in own
    }
    before = len(queued | others)
    waiting = len(ours) - max(0, MOST_STORAGE_MIGRATIONS - before)
    if waiting > 0:
        message: Text = mn_(
            "{n} VM will wait in the queue: at most {most} storage migrations leave {pool} at once.",
            "{n} VMs will wait in the queue: at most {most} storage migrations leave {pool} at once.",
            waiting,
            most=MOST_STORAGE_MIGRATIONS,
            pool=source.name,
        )
        if before:
            first = mn_("{n} other storage migration comes first.", "{n} other storage migrations come first.", before)
            message = sentences(message, first)
        yield found("R04", Severity.info, source, "pool", source.pool_ref, message)


@batch_rule("R19", "how long it takes")
def how_long(batch: Batch) -> Problems:
    """An estimate from disk sizes, memory, the speed of the link and how fast the guests write; a running VM is slower
    meanwhile and pauses at the end."""
    moves = [move for move in batch.of_vms if move.host is not None]
    whole = total(estimate(move, batch.writes.get(move.ref, 0.0)) for move in moves)
    if not whole.disks and not whole.memory:
        return
    gbit = f"{whole.speed / 1000:g}" if whole.speed else ""
    name = {
        "low": Duration(max(1.0, whole.low)),
        "high": Duration(max(1.0, whole.high)),
        "disks": Size(whole.disks),
        "memory": Size(whole.memory),
        "speed": m_("{gbit} Gbit/s", gbit=gbit) if gbit else m_("an unknown speed"),
        "pause": Duration(max(1.0, whole.pause_high)),
    }
    message: Text
    if whole.memory:
        message = m_(
            "Estimate: {low} to {high} in total, for {disks} of disks and {memory} of memory at {speed}. "
            "Running VMs are slower meanwhile, and each pauses for up to {pause} at the end.",
            **name,
        )
    else:
        message = m_("Estimate: {low} to {high} in total, for {disks} of disks at {speed}.", **name)
    if batch.writes:
        rate = Size(int(sum(batch.writes.values())))
        message = sentences(
            message, m_("The guests are writing {rate} per second, which the estimate includes.", rate=rate)
        )
    elif whole.memory and whole.disks:
        message = sentences(message, m_("The write rate of the guests is not known."))
    yield found("R19", Severity.info, batch.target, "pool", batch.target.pool_ref, message)


SESSION_HOURS: Final = 24
CAREFUL_HOURS: Final = 20


@batch_rule("R19", "longer than a session lives")
def too_long(batch: Batch) -> Problems:
    """The session that the destination gives to a migration ends after 24 hours without a call; senders refresh it
    since 26.6. An estimate may be wrong by some hours."""
    for move in batch.of_vms:
        if move.host is None or move.kind not in (Kind.storage, Kind.halted):
            continue
        high = estimate(move, batch.writes.get(move.ref, 0.0)).high
        if high > CAREFUL_HOURS * 3600 and not pool_knows(move.source, Since.REFRESHED_SESSIONS):
            message = m_(
                "{vm} may take up to {high}: servers before xapi 26.6 abort a migration after {hours} hours.",
                vm=move.vm.name_label,
                high=Duration(high),
                hours=SESSION_HOURS,
            )
            hint = m_("Use a faster network, move its disks one by one, or update {pool} first.", pool=move.source.name)
            yield found("R19", Severity.warn, move.source, "VM", move.ref, message, hint)


@batch_rule("R20", "what a failure may leave")
def may_stop(batch: Batch) -> Problems:
    """A live migration that fails (the network breaks) can leave the VM halted on the source."""
    if any(
        move.is_running and not move.stops and move.host is not None and (move.moving or not move.runs_on)
        for move in batch.of_vms
    ):
        message = m_(
            "A live migration that fails, for example because the network breaks, can leave the VM halted at "
            "the source."
        )
        yield found("R20", Severity.info, batch.target, "pool", batch.target.pool_ref, message)
