"""Letting a VM go that a job has blocked and left: its marks and blocks are taken away, and nothing else is changed."""

from xsmigui.core.failures import ServerFailure
from xsmigui.core.jobs import VmJob
from xsmigui.core.migration.exchange import BLOCK, JOB, blocking_job, job_on
from xsmigui.core.ports import Gateway
from xsmigui.services.verification import GONE, find_vm


async def release(gateway: Gateway, job: str, vm: VmJob) -> bool:
    """Take away what this job has set on a VM and its disks; False if there was nothing. The VM keeps the disks that
    are connected now. Raises the wire's errors."""
    marked = [("VDI", ref) for it in vm.replacements for ref in (it.old, it.new) if ref]
    found = await find_vm(gateway, vm.move.vm.uuid) if vm.move.vm.uuid else None
    changed = False
    if found is not None:
        marked.append(("VM", str(found[0])))
    for cls, ref in marked:
        try:
            config = await gateway.call(f"{cls}.get_other_config", ref)
            if job_on(config, await gateway.call(f"{cls}.get_uuid", ref)) == job:
                await gateway.call(f"{cls}.remove_from_other_config", ref, JOB)
                changed = True
        except ServerFailure as failure:
            if failure.code not in GONE:
                raise
    if found is not None:  # what lets it be started comes last
        blocked = dict(found[1]["blocked_operations"])
        others = {operation: reason for operation, reason in blocked.items() if blocking_job(reason) != job}
        if others != blocked:
            await gateway.call(BLOCK, found[0], others)
            changed = True
    return changed
