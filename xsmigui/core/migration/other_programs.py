"""What other programs of ours, at other computers, are doing in a pool, as far as their marks show."""

from collections.abc import Iterable

from xsmigui.core.capacity import load, written
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.exchange import INCOMPLETE, job_on
from xsmigui.core.refs import SrRef


def copies_of_others(
    pool: Inventory, srs: Iterable[SrRef], jobs: Iterable[str]
) -> tuple[tuple[tuple[SrRef, int], ...], ...]:
    """What copies will still take that other programs of ours are making on these SRs, from other computers, and whose
    jobs are not among `jobs`: what their sources have written and they have not. On thick SRs they have it already."""
    thin, known = {sr for sr in srs if pool.is_thin(sr)}, set(jobs)
    found: list[tuple[tuple[SrRef, int], ...]] = []
    for vdi in pool.VDI.values() if thin else ():
        job = job_on(vdi.other_config, vdi.uuid) if vdi.SR in thin else ""
        made = INCOMPLETE.search(vdi.name_label) if job and job not in known else None
        if made is None:
            continue
        sources = ((ref, source) for ref, source in pool.VDI.items() if source.uuid.startswith(made[1]))
        needed = sum(load(pool, {ref: source}, thin=True) for ref, source in sources)
        found.append(((vdi.SR, max(0, needed - written(vdi))),))
    return tuple(found)
