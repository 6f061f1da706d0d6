"""What has become of disks that were exchanged, read back from the servers."""

from xsmigui.core.jobs import DiskResult, VmJob
from xsmigui.core.messages import Duration, Text, listed, m_, sentences
from xsmigui.core.migration.exchange import Replacement
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.portrait import Portrait, with_sizes
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import VmRef
from xsmigui.core.verified import Item, What, differs, same, unknown
from xsmigui.services.verification import fresh_record, read_back


async def read_results(gateway: Gateway, plan: Plan, job: VmJob) -> tuple[tuple[DiskResult, ...], tuple[Item, ...]]:
    """Each disk before and after, and what was compared: the VM with its portrait, each disk with its source."""
    disks: list[DiskResult] = []
    items: list[Item] = []
    if job.move.vm.uuid:
        vm = VmRef(job.move.vm.ref)
        found = await read_back(plan, job.move, _as_copied(job), gateway, gateway, vm)
        items += found.items
    for it in job.replacements:
        new = await gateway.call("VDI.get_record", it.new)
        sr = await gateway.call("SR.get_name_label", new["SR"])
        disks.append(DiskResult(it.vdi["uuid"], new["uuid"], sr))
        if not job.move.vm.uuid:
            items.append(_item(What.disk, it.name, it.sr, new["SR"], sr))
            size = it.signs.size if it.is_copied and it.signs is not None else int(it.vdi["virtual_size"])
            items.append(_size_item(it.name, size, int(new["virtual_size"])))
        items += await _source_item(gateway, plan, job, it)
    return tuple(disks), tuple(items)


def told_of_stop(job: VmJob) -> Text:
    """How long a VM was down, and when contents were compared; empty where it was not stopped for the move."""
    stop = job.stop
    if stop is None:
        return ""
    text = m_("{vm} was down for {time}.", vm=job.move.vm.name, time=Duration(max(1.0, stop.down)))
    if not all(it.is_proven for it in job.replacements):
        return text
    when = m_("Contents were compared before the exchange.")
    if stop.proves_after:
        when = m_("Contents were compared after it had started again, by a snapshot from before.")
    return sentences(text, when)


def told_of_sources(job: VmJob) -> Text:
    """Which kept sources were put back though nobody can tell whether they were written to; empty where there are
    none."""
    names = [it.name for it in job.replacements if it.spare and not it.proven]
    if not names:
        return ""
    return m_(
        "No checksum was made of the kept source of {disks}, so it cannot be seen whether somebody has written to it.",
        disks=listed(names, mark=", "),
    )


def _as_copied(job: VmJob) -> Portrait | None:
    """The VM as it was, its disks as large as they were when they were copied: somebody may have extended one."""
    if job.portrait is None:
        return None
    copied = [it for it in job.replacements if it.is_copied and it.signs is not None]
    return with_sizes(job.portrait, {it.vdi["uuid"]: it.signs.size for it in copied if it.signs is not None})


async def _source_item(gateway: Gateway, plan: Plan, job: VmJob, it: Replacement) -> list[Item]:
    old = await fresh_record(gateway, "VDI", it.old)
    is_there = old is not None and old["uuid"] == it.vdi["uuid"]
    words = {True: "kept", False: "removed"}
    found = [_item(What.source, it.name, words[job.keeps], words[is_there])]
    if it.is_proven:
        found.append(same(What.content, it.name, "same"))
    elif it.has_other_content:
        found.append(differs(What.content, it.name, "same", "other"))
    elif plan.proves or (it.written and it.unprovable):
        found.append(unknown(What.content, it.name, it.unprovable))
    elif it.spare:
        found.append(unknown(What.content, it.name, m_("No checksum was made when it was kept.")))
    return found


def _size_item(name: str, expected: int, found: int) -> Item:
    """SRs round sizes up."""
    if found < expected:
        return differs(What.size, name, str(expected), str(found))
    return same(What.size, name, str(found))


def _item(what: What, subject: str, expected: str, found: str, told: str = "") -> Item:
    return same(what, subject, told or found) if expected == found else differs(what, subject, expected, told or found)
