"""Jobs in words, in the reader's language of the moment."""

from collections.abc import Iterable

from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.moves import Kind
from xsmigui.core.text import N_, _, joined, n_

STEP_TEXTS = {
    Step.queued: N_("waiting for its turn"),
    Step.checking: N_("checking again"),
    Step.preparing: N_("preparing the destination"),
    Step.disks: N_("copying disks"),
    Step.proving: N_("comparing contents"),
    Step.stopping: N_("stopped while the difference is copied"),
    Step.exchanging: N_("putting the copies in place"),
    Step.undoing: N_("rolling back"),
    Step.memory: N_("copying memory"),
    Step.fixing: N_("carrying out the fix"),
    Step.finishing: N_("finishing"),
    Step.verifying: N_("verifying the result"),
    Step.ended: "",
}


def title(vm: VmJob) -> str:
    """``mail → host-02``; where the VM stays on its host, the SRs that its disks go to."""
    move = vm.move
    if move.fix is not None:
        return f"{move.vm.name} · {offer(move.fix).title}"
    goals = [move.host.name]
    if move.kind is Kind.disk or (move.source_host is not None and move.source_host.uuid == move.host.uuid):
        goals = list(dict.fromkeys(disk.target.name for disk in move.disks if not disk.stays)) or goals
    return f"{move.vm.name} → {', '.join(goals)}"


def going_on(jobs: Iterable[Job]) -> str:
    """What happens to the jobs that have not ended if they go on without a window."""
    left = [vm for job in jobs for vm in job.vms if not vm.state.has_ended]
    text = n_(
        "{n} VM is left to do. xsmigui can continue in the background and ends when nothing is left; the next window "
        "shows the progress and can take the jobs over.",
        "{n} VMs are left to do. xsmigui can continue in the background and ends when nothing is left; the next window "
        "shows the progress and can take the jobs over.",
        len(left),
    )
    sleeps = _(
        "While this computer sleeps or is off, nothing new starts and disks that xsmigui exchanges wait; what the "
        "servers have already started goes on there."
    )
    held = sum(vm.held for vm in left)
    rest = n_("{n} VM that is on hold stays on hold.", "{n} VMs that are on hold stay on hold.", held) if held else ""
    return " ".join(part for part in (text, sleeps, rest) if part)


def leaving(jobs: Iterable[Job]) -> str:
    """What closing the program means for the jobs that have not ended; empty where there are none."""
    left = [vm for job in jobs for vm in job.vms if not vm.state.has_ended]
    under_way = [vm for vm in left if vm.state is not State.waiting]
    waiting = len(left) - len(under_way)
    copied = [vm.move.vm.name for vm in under_way if vm.move.kind is Kind.disk]
    carried = [vm.move.vm.name for vm in under_way if vm.move.kind is not Kind.disk]
    parts = []
    if carried:
        text = _(
            "These are still running: {names}. The servers carry on by themselves; xsmigui no longer watches them."
        )
        parts.append(text.format(names=joined(carried)))
    if copied:
        text = _(
            "Disks of these VMs are being copied: {names}. The job stops where it is and continues when xsmigui"
            " is started again; until then the VMs keep their disks and cannot be started."
        )
        parts.append(text.format(names=joined(copied)))
    stopped = [vm.move.vm.name for vm in under_way if vm.stop is not None and vm.stop.is_under_way]
    if stopped:
        text = _("These are down for the exchange of their disks until xsmigui is started again: {names}.")
        parts.append(text.format(names=joined(stopped)))
    if waiting:
        text = n_(
            "{n} waiting VM is on hold until you continue it.",
            "{n} waiting VMs are on hold until you continue them.",
            waiting,
        )
        parts.append(text)
    return " ".join(parts)


def disconnecting(jobs: Iterable[Job], server: str) -> str:
    """What disconnecting a server means for the jobs that are under way there; empty if there are none."""
    under_way = [vm for job in jobs for vm in job.vms if vm.has_begun and not vm.state.has_ended]
    if not under_way:
        return ""
    text = _(
        "These are running: {names}. The servers carry on by themselves, but copies made by xsmigui stop where "
        "they are; nothing is watched or can be cancelled until {server} is connected again.",
        names=joined([vm.move.vm.name for vm in under_way]),
        server=server,
    )
    return text


def step_text(vm: VmJob) -> str:
    """What is being done, or how it ended, in a few words."""
    if vm.state is State.lost:
        return _("connection lost; continues on the server")
    if vm.held and not vm.state.has_ended:
        return _("on hold until you continue it")
    if vm.cancelling and not vm.state.has_ended:
        return _("cancelling")
    if vm.state is State.done and vm.verified:
        return _("done, and verified")
    return job_text(vm.state) or _(STEP_TEXTS[vm.step])


def job_text(state: State) -> str:
    """How something ended, in a word; empty for what has not."""
    return {
        State.done: _("done"),
        State.failed: _("failed"),
        State.cancelled: _("cancelled"),
        State.interrupted: _("interrupted"),
    }.get(state, "")
