"""How the parts of a job stand when another process takes the job up."""

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from xsmigui.core.jobs import State, Step, VmJob, resumed, upgraded
from xsmigui.core.messages import Duration, m_

RESUME_UNASKED_WITHIN: Final = timedelta(minutes=5)
"""A job that was left no longer than this ago goes on without a question."""


def as_left(vm: VmJob, now: datetime, away: timedelta, chosen: bool, handed: bool = False) -> VmJob:
    """How a VM's part stands when another process takes it up, `away` after the last line in the journal. `chosen`: the
    operator has asked for this job; `handed`: the process before this one has handed it over, so that what the
    operator has wished goes on."""
    if vm.is_over:
        return vm
    if not vm.has_begun and handed:
        return replace(vm, state=State.waiting, step=Step.queued, begun=0, status="", cancelling=False)
    if not vm.has_begun:
        text = m_("This program ended before it was started; nothing was changed.")
        return replace(vm, state=State.waiting, step=Step.queued, held=True, begun=0, status=text, cancelling=False)
    if vm.state is State.interrupted:
        vm = replace(resumed(vm), held=not chosen)
    elif vm.move.fix is not None and not chosen and not handed:
        text = m_("This program ended while it was doing this: continue or cancel it.")
        vm = replace(vm, held=True, status=text, state=State.waiting)
    elif (
        vm.replacements
        and away > RESUME_UNASKED_WITHIN
        and not chosen
        and not handed
        and not (vm.stop is not None and vm.stop.is_under_way)
    ):
        text = m_(
            "Disks were being copied when this program ended, {time} ago. Nothing has watched them since. "
            "Continue, and everything that has changed is copied again; or roll back.",
            time=Duration(away.total_seconds()),
        )
        vm = replace(vm, held=True, status=text, state=State.waiting)
    return upgraded(vm, now)
