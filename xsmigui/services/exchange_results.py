"""What has become of disks that were exchanged, read back from the servers."""

from xsmigui.core.jobs import DiskResult, VmJob
from xsmigui.core.migration.exchange import Replacement
from xsmigui.core.migration.plan import Plan
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import VmRef
from xsmigui.core.verified import Item, What, differs, same, unknown
from xsmigui.services.exchange_state import fresh_record
from xsmigui.services.verification import read_back


async def read_results(gateway: Gateway, plan: Plan, job: VmJob) -> tuple[tuple[DiskResult, ...], tuple[Item, ...]]:
    """Each disk before and after, and what was compared: the VM with its portrait, each disk with its source."""
    disks: list[DiskResult] = []
    items: list[Item] = []
    if job.move.vm.uuid:
        vm = VmRef(job.move.vm.ref)
        found = await read_back(plan, job.move, job.portrait, gateway, gateway, vm)
        items += found.items
    for it in job.replacements:
        new = await gateway.call("VDI.get_record", it.new)
        sr = await gateway.call("SR.get_name_label", new["SR"])
        disks.append(DiskResult(it.vdi["uuid"], new["uuid"], sr))
        if not job.move.vm.uuid:
            items.append(_item(What.disk, it.name, it.sr, new["SR"], sr))
            items.append(_item(What.size, it.name, str(it.vdi["virtual_size"]), str(new["virtual_size"])))
        items += await _source_item(gateway, plan, job, it)
    return tuple(disks), tuple(items)


async def _source_item(gateway: Gateway, plan: Plan, job: VmJob, it: Replacement) -> list[Item]:
    old = await fresh_record(gateway, "VDI", it.old)
    is_there = old is not None and old["uuid"] == it.vdi["uuid"]
    words = {True: "kept", False: "removed"}
    found = [_item(What.source, it.name, words[job.keeps], words[is_there])]
    if it.is_proven:
        found.append(same(What.content, it.name, "same"))
    elif plan.proves:
        found.append(unknown(What.content, it.name, it.unprovable))
    return found


def _item(what: What, subject: str, expected: str, found: str, told: str = "") -> Item:
    return same(what, subject, told or found) if expected == found else differs(what, subject, expected, told or found)
