"""What became of a VM whose job did not succeed, and what may safely be done next, in order. Facts; the sentences of
them are made here too, when somebody reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from xsmigui.core.jobs import CHANGED, Job, State, VmJob, differs_afterwards
from xsmigui.core.messages import Text, m_, render, sentences
from xsmigui.core.migration.draft import Site
from xsmigui.core.migration.exchange import blocking_job, job_on
from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.migration.leftovers import leftovers
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.undoing import undoing
from xsmigui.core.refs import PoolId, VmRef, is_null
from xsmigui.core.text import N_, _, joined


class Do(StrEnum):
    """A next step. The names are those of the options of `xsmigui jobs`."""

    accept = "accept"
    """Keep the new disks of a VM though their content was found to differ, and finish."""
    resume = "resume"
    """Go on with the job where it stopped."""
    revert = "revert"
    """Put back what the job has copied and exchanged, or changed by a fix."""
    leftovers = "leftovers"
    """Look at the disks that it has left at its destination, and remove them."""
    allow_start = "allow-start"
    """Take the job's marks and blocks away, so that the VM can be started and changed."""
    retry = "retry"
    """Plan the same once more, as everything stands now."""
    forget = "forget"
    """Take the job out of the journal."""


WORDS: Final = {
    Do.accept: N_("Accept the new disks…"),
    Do.resume: N_("Resume"),
    Do.revert: N_("Roll back"),
    Do.leftovers: N_("Remove leftovers…"),
    Do.allow_start: N_("Allow start again…"),
    Do.retry: N_("Retry…"),
    Do.forget: N_("Forget…"),
}

_SENTENCES: Final = {
    Do.accept: N_("Keep the new disks, which the VM runs on, and finish. The old ones are kept: to get back to them, "
                  "shut the VM down and revert the move."),
    Do.resume: N_("Continue where it stopped, after checking what has changed meanwhile."),
    Do.revert: N_("Roll everything back: the VM gets its previous disks."),
    Do.leftovers: N_("Look at the disks that were left at the destination, and remove them."),
    Do.allow_start: N_("Remove the job's blocks and marks so that the VM can be started. It keeps the disks "
                       "that are attached now."),
    Do.retry: N_("Plan the same move again for the current state; nothing starts without asking."),
    Do.forget: N_("Remove the job from the journal. Nothing changes on the servers."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a VM is: names of pool and host (empty: on none), and its power state."""

    pool: str
    power_state: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class Triage:
    """`places` is where the VM is, as far as the pools are connected; the source comes first. `words` is what the
    servers said, raw. `steps` are safe in this order. `undo` is what undoes it, if it is a fix that can be undone."""

    vm: str
    places: tuple[Place, ...]
    words: tuple[str, ...]
    steps: tuple[Do, ...]
    undo: Fix | None = None


def counts(places: Sequence[Place]) -> int | None:
    """Which of two copies of a VM counts; None if there are not two. The server removes the source last, when
    everything has arrived (xapi 24.10, xapi_vm_migrate.ml `migrate_send'`): as long as it is there it is whole, unless
    the VM runs at the destination."""
    if len(places) < 2:
        return None
    here, there = places
    return 1 if there.power_state == "Running" and here.power_state != "Running" else 0


def triage(job: Job, index: int, site: Site | None = None) -> Triage | None:
    """What may be done about a VM of a job; None if nothing has to be. Without a `site` no server was asked."""
    vm = job.vms[index]
    site = site if site is not None else Site({}, frozenset())
    undo = undoing_of(vm, site)
    if not vm.state.has_ended or (vm.state is State.done and vm.verified and undo is None):
        return None
    if vm.move.fix is not None:
        steps = [] if vm.is_over else [Do.resume]
        steps += [Do.revert] if undo is not None else []
        return Triage(vm.move.vm.name, (), _words(vm), (*steps, Do.forget), undo)
    places = _places(job, vm, site)
    return Triage(vm.move.vm.name, places, _words(vm), tuple(_steps(job, vm, site, places)))


def undoing_of(vm: VmJob, site: Site) -> Fix | None:
    """What undoes a fix that was done and has changed something; None if nothing has to be or can be undone."""
    fix = vm.move.fix
    if fix is None or vm.state is not State.done or vm.begun < CHANGED:
        return None
    return undoing(fix, site.pools.get(fix.pool))


def _words(vm: VmJob) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problem.raw for problem in vm.problems if problem.raw))


def _places(job: Job, vm: VmJob, site: Site) -> tuple[Place, ...]:
    found = []
    for pool in dict.fromkeys((PoolId(job.plan.source.uuid), PoolId(job.plan.target.uuid))):
        inventory = site.pools.get(pool)
        if inventory is None or pool not in site.connected or not vm.move.vm.uuid:
            continue
        for ref in inventory.find("VM", vm.move.vm.uuid):
            record = inventory.VM[VmRef(ref)]
            host = "" if is_null(record.resident_on) else inventory.name_of("host", record.resident_on)
            found.append(Place(inventory.name, record.power_state, host))
    return tuple(found)


def _steps(job: Job, vm: VmJob, site: Site, places: tuple[Place, ...]) -> list[Do]:
    if not vm.is_over and differs_afterwards(vm):
        return [Do.resume, Do.accept, Do.forget]
    if not vm.is_over:
        steps = [Do.resume]
        if vm.replacements:
            steps += [Do.revert, Do.allow_start]
        return [*steps, Do.forget]
    steps = []
    if vm.state is State.done and vm.replacements and vm.keeps:
        steps.append(Do.revert)
    if _has_left(job, vm, site):
        steps.append(Do.leftovers)
    if _is_marked(job, vm, site):
        steps.append(Do.allow_start)
    if vm.state is not State.done and vm.arrived is None and len(places) < 2:
        steps.append(Do.retry)
    return [*steps, Do.forget]


def _has_left(job: Job, vm: VmJob, site: Site) -> bool:
    """Disks came to the destination while it ran; where both pools are seen, those that can be removed count."""
    if vm.move.kind is Kind.disk or vm.after is None or not set(vm.after) - set(vm.before or ()):
        return False
    both = {PoolId(job.plan.source.uuid), PoolId(job.plan.target.uuid)}
    return not both <= site.connected or any(left.vm_uuid == vm.move.vm.uuid for left in leftovers([job], site))


def _is_marked(job: Job, vm: VmJob, site: Site) -> bool:
    """The VM still bears the job's mark or blocks."""
    inventory = site.pools.get(PoolId(job.plan.source.uuid))
    for ref in inventory.find("VM", vm.move.vm.uuid) if inventory is not None and vm.move.vm.uuid else ():
        record = inventory.VM[VmRef(ref)] if inventory is not None else None
        if record is None:
            continue
        blocks = record.blocked_operations.values()
        if job_on(record.other_config, record.uuid) == job.id or any(blocking_job(why) == job.id for why in blocks):
            return True
    return False


# In words.


def place_text(vm: str, place: Place) -> Text:
    """``mail is in Madrid, running on madrid-02.``"""
    names = {"vm": vm, "pool": place.pool, "host": place.host}
    if place.power_state == "Halted":
        return m_("{vm} is in {pool}, halted.", **names)
    if place.power_state == "Suspended":
        return m_("{vm} is in {pool}, suspended.", **names)
    if place.host and place.power_state == "Running":
        return m_("{vm} is in {pool}, running on {host}.", **names)
    return m_("{vm} is in {pool}.", **names)


def counting_text(places: Sequence[Place]) -> list[Text]:
    """Which of two copies counts, why, and what to do; empty where there are not two."""
    which = counts(places)
    if which is None:
        return []
    good, stale = places[which].pool, places[1 - which].pool
    why = (
        m_("The server removes the source last, so the disks there are complete.")
        if which == 0
        else m_("It is running there, and not at its source.")
    )
    return [
        m_("The one in {good} counts; the one in {stale} is what the migration has left.", good=good, stale=stale),
        why,
        m_("Don't start it there: both use the same identity. Compare them, then remove it with its disks."),
    ]


def where_text(found: Triage) -> str:
    """Where the VM is, and which copy counts; empty where no server was asked."""
    return render(sentences(*(place_text(found.vm, place) for place in found.places), *counting_text(found.places)))


def step_sentence(do: Do, undo: Fix | None = None) -> str:
    """What a step does, and what it does not; `undo` as in `Triage`."""
    if do is Do.revert and undo is not None:
        return offer(undo).question
    return _(_SENTENCES[do])


def accept_question(vms: Iterable[str]) -> str:
    """What the operator is asked before VMs keep new disks whose content was found to differ."""
    return _(
        "{vms} keeps its new disks, whose content was found to differ from that of the old ones. The old ones are "
        "kept: to get back to them, shut it down and revert the move. What it has written since is not on them.",
        vms=joined(list(vms)),
    )
