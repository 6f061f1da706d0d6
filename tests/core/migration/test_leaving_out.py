"""What of a batch is left out so that the others can go."""

from __future__ import annotations

from tests.core.migration.helpers import away, blocks
from tests.core.site import TwoPools
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.leaving_out import blocked, without
from xsmigui.core.units import GiB


def test_as_many_stay_as_an_sr_has_no_room_for_and_no_more() -> None:
    """At once: a batch of two hundred is not made smaller one by one."""
    site = TwoPools()
    vms = [
        site.madrid.vm(f"vm {n}", on=site.m1, memory=GiB, disks=[(site.m_nfs, (n + 1) * GiB)], networks=[site.m_lan])
        for n in range(20)
    ]
    site.lisboa.set(site.l_nfs, physical_size=60 * GiB, physical_utilisation=0)
    site.lisboa.remove(site.l1_local)
    known = site.site
    draft = away(site, *vms)
    before = evaluate(known, draft)
    assert "R50" in blocks(before)
    left = blocked(before)
    assert 1 < len(left) < len(vms)
    after = evaluate(known, without(draft, left))
    assert "R50" not in blocks(after)
    spared = min(left, key=lambda vm: before.flows[vm].space[site.l_nfs])
    one_more = evaluate(known, without(draft, {vm: problem for vm, problem in left.items() if vm != spared}))
    assert "R50" in blocks(one_more)
