"""How long a job is waited for that nobody watches: until it cannot go on without a person, or nothing moved for long.

What runs in the servers goes on there; the journal has it, and another process takes it up.
"""

from dataclasses import dataclass
from typing import Final

from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.calls import MOTIONS
from xsmigui.core.ports import Clock
from xsmigui.core.text import _, n_
from xsmigui.services.jobs import Jobs
from xsmigui.services.server_states import Trouble

GIVE_UP_AFTER_S: Final = 300.0
"""Seconds without a word of a server. High availability takes some three minutes until another host coordinates."""

LOOK_INTERVAL_S: Final = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Why a job is no longer waited for; `refused` says that the connection was (a certificate, a password), so that
    waiting longer would not help."""

    reason: str
    refused: bool
    trouble: Trouble | None = None
    """The pool that does not answer."""


async def until_hopeless(jobs: Jobs, job: str, clock: Clock, patience: float = GIVE_UP_AFTER_S) -> Hopeless:
    """Wait until a job has no hope of going on by itself; without end if it has."""
    silent = 0.0
    while True:
        trouble = jobs.trouble(job)
        if trouble is not None and trouble.given_up:
            return Hopeless(trouble.reason, refused=True, trouble=trouble)
        silent = silent + LOOK_INTERVAL_S if _stands(jobs.get(job)) else 0.0
        if _is_on_hold(jobs.get(job)):
            return Hopeless(_("The rest is on hold."), refused=False)
        if trouble is not None and max(silent, trouble.seconds) >= patience:
            return Hopeless(_silence(patience, trouble.reason), refused=False, trouble=trouble)
        if silent >= patience:
            return Hopeless(_silence(patience, _message(jobs.get(job))), refused=False)
        await clock.sleep(LOOK_INTERVAL_S)


def _stands(job: Job) -> bool:
    """Nothing of it moves: some VMs are out of sight, and the others wait for them."""
    left = [vm for vm in job.vms if not vm.state.has_ended]
    return any(map(_is_out_of_sight, left)) and all(_is_out_of_sight(vm) or vm.state is State.waiting for vm in left)


def _is_on_hold(job: Job) -> bool:
    """Everything that is left waits until the operator continues it."""
    left = [vm for vm in job.vms if not vm.state.has_ended]
    return bool(left) and all(vm.held for vm in left)


def _is_out_of_sight(vm: VmJob) -> bool:
    """Its servers do not answer, or the answer to its start was lost: no task is known that could be followed."""
    pending = vm.pending
    is_unanswered = pending is not None and pending.method in MOTIONS and not pending.task and not pending.gone
    return vm.state is State.lost or (vm.state is State.running and is_unanswered)


def _message(job: Job) -> str:
    return next((vm.message for vm in job.vms if not vm.state.has_ended and _is_out_of_sight(vm)), "")


def _silence(seconds: float, why: str) -> str:
    minutes = max(1, round(seconds / 60))
    text = n_("No answer for {n} minute.", "No answer for {n} minutes.", minutes)
    return f"{text} {why}" if why else text
