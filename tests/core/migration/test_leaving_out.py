"""What of a batch is left out so that the others can go."""

from __future__ import annotations

from dataclasses import replace

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


def test_every_host_that_has_too_many_is_relieved_at_once() -> None:
    site = TwoPools()
    vms = [
        site.madrid.vm(f"vm {n}", on=site.m1, memory=8 * GiB, disks=[site.m_nfs], networks=[site.m_lan])
        for n in range(24)
    ]
    hosts = {vm: (site.l1, site.l2)[n % 2] for n, vm in enumerate(vms)}
    draft = replace(away(site, *vms), hosts=hosts)
    before = evaluate(site.site, draft)
    assert blocks(before).count("R40") == 2
    left = blocked(before)
    assert {hosts[vm] for vm in left} == {site.l1, site.l2}
    after = evaluate(site.site, without(draft, left))
    assert "R40" not in blocks(after)
