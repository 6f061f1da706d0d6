"""How long a job is waited for that nobody watches: until it cannot go on without a person, or nothing moved for long.

What runs in the servers goes on there; the journal has it, and another process takes it up.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.calls import MOTIONS
from xsmigui.core.ports import Clock
from xsmigui.core.text import _, n_
from xsmigui.services.jobs import Jobs
from xsmigui.services.server_states import Trouble

GIVE_UP_AFTER_S: Final = 300.0
"""Seconds without a word of a server, or in which nothing moves. High availability takes some three minutes until
another host coordinates."""

LOOK_INTERVAL_S: Final = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a job is no longer waited for, as a sentence and as a code for programs."""

    reason: str
    code: Literal["no-connection", "no-answer", "on-hold", "stalled", "interrupted"]
    trouble: Trouble | None = None
    """The pool that does not answer."""

    @property
    def refused(self) -> bool:
        """The connection was refused (a certificate, a password), so that waiting longer would not help."""
        return self.code == "no-connection"


async def until_hopeless(jobs: Jobs, job: str, clock: Clock, patience: float = GIVE_UP_AFTER_S) -> Hopeless:
    """Wait until a job has no hope of going on by itself; without end if it has."""
    still = 0.0
    while True:
        trouble = jobs.trouble(job)
        if trouble is not None and trouble.given_up:
            return Hopeless(trouble.reason, "no-connection", trouble)
        is_silent = _is_silent(jobs.get(job))
        if is_silent or _is_stalled(jobs, job, clock.now()):
            still += LOOK_INTERVAL_S
        elif _moves(jobs, job):
            still = 0.0
        if _is_on_hold(jobs.get(job)):
            return Hopeless(_("The rest is on hold."), "on-hold")
        if trouble is not None and max(still, trouble.seconds) >= patience:
            return Hopeless(_silence(patience, trouble.reason), "no-answer", trouble)
        if still >= patience and is_silent:
            return Hopeless(_silence(patience, _message(jobs.get(job))), "no-answer")
        if still >= patience:
            return Hopeless(_stillness(patience, _message(jobs.get(job))), "stalled")
        await clock.sleep(LOOK_INTERVAL_S)


def _is_silent(job: Job) -> bool:
    """Nothing of it moves: some VMs are out of sight, and the others wait for them."""
    left = _left(job)
    return any(map(_is_out_of_sight, left)) and all(_is_out_of_sight(vm) or vm.state is State.waiting for vm in left)


def _is_stalled(jobs: Jobs, name: str, now: datetime) -> bool:
    """All that is left of it waits, for room or for its turn, and nothing moves that could make either."""
    job = jobs.get(name)
    left = _left(job)
    waits = bool(left) and all(vm.state is State.waiting for vm in left)
    is_early = job.plan.not_before is not None and now < job.plan.not_before
    return waits and not is_early and not _moves(jobs, name)


def _moves(jobs: Jobs, name: str) -> bool:
    """Something is under way that this job goes on with, or may wait for: of our jobs, or another client's storage
    migration out of its pool. A VM that is checked once more has not begun to move."""
    under_way = (vm for job in jobs.running for vm in _left(job) if vm.state is State.running and vm.has_begun)
    return any(not _is_out_of_sight(vm) for vm in under_way) or jobs.others_leave(name)


def _left(job: Job) -> list[VmJob]:
    return [vm for vm in job.vms if not vm.state.has_ended]


def _is_on_hold(job: Job) -> bool:
    """Everything that is left waits until the operator continues it."""
    left = _left(job)
    return bool(left) and all(vm.held for vm in left)


def _is_out_of_sight(vm: VmJob) -> bool:
    """Its servers do not answer, or the answer to its start was lost: no task is known that could be followed."""
    pending = vm.pending
    is_unanswered = pending is not None and pending.method in MOTIONS and not pending.task and not pending.gone
    return vm.state is State.lost or (vm.state is State.running and is_unanswered)


def _message(job: Job) -> str:
    """What those say that it waits for, or else those that wait."""
    left = sorted(_left(job), key=_is_out_of_sight, reverse=True)
    return next((vm.message for vm in left if vm.message), "")


def _silence(seconds: float, why: str) -> str:
    minutes = _minutes(seconds)
    text = n_("No answer for {n} minute.", "No answer for {n} minutes.", minutes)
    return f"{text} {why}" if why else text


def _stillness(seconds: float, why: str) -> str:
    minutes = _minutes(seconds)
    text = n_("Nothing has moved for {n} minute.", "Nothing has moved for {n} minutes.", minutes)
    rest = _("The rest waits for its turn.")
    return f"{text} {why or rest}"


def _minutes(seconds: float) -> int:
    return max(1, round(seconds / 60))
