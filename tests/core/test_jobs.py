"""What jobs under way will still take."""

from dataclasses import replace as replace_draft
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import answered, away, inside
from tests.core.site import TwoPools
from xsmigui.core.inventory import Inventory
from xsmigui.core.job_claims import claims
from xsmigui.core.job_texts import leaving
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.draft import Claim, Draft
from xsmigui.core.refs import PoolId, VdiRef
from xsmigui.core.units import GiB


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def job(site: TwoPools, draft: Draft, **fields: object) -> Job:
    plan = answered(site.site, draft).plan
    assert plan is not None
    vms = tuple(VmJob(move=move, **fields) for move in plan.moves)  # type: ignore[arg-type]
    return Job(id="job", plan=plan, created=datetime(2026, 8, 21, tzinfo=UTC), vms=vms)


def taken(site: TwoPools, *jobs: Job) -> tuple[Claim, ...]:
    pools = site.site.pools

    def inventory(pool: PoolId) -> Inventory | None:
        return pools.get(pool)

    return claims(jobs, inventory)


def test_what_waits_takes_all_of_it(site: TwoPools) -> None:
    (claim,) = taken(site, job(site, away(site, site.web)))
    assert (claim.source, claim.pool, claim.host) == (site.madrid.id, site.lisboa.id, site.l1)
    assert claim.vm == site.madrid.uuid(site.web)
    assert (claim.memory, claim.space, claim.storage) == (2 * GiB, ((site.l_nfs, 25 * GiB),), True)


def test_what_has_been_copied_no_longer_counts(site: TwoPools) -> None:
    draft = away(site, site.web)
    (half,) = taken(site, job(site, draft, state=State.running, step=Step.disks, progress=0.5))
    assert half.space == ((site.l_nfs, 25 * GiB // 2),)
    (memory,) = taken(site, job(site, draft, state=State.running, step=Step.memory, progress=0.5))
    assert (memory.memory, memory.space) == (2 * GiB, ())
    (last,) = taken(site, job(site, draft, state=State.running, step=Step.verifying))
    assert (last.memory, last.space) == (0, ())


def test_the_server_s_own_reservation_is_not_counted_twice(site: TwoPools) -> None:
    running = job(site, inside(site, site.web), state=State.running, step=Step.memory)
    (claim,) = taken(site, running)
    assert (claim.memory, claim.space, claim.storage) == (2 * GiB, (), False)
    site.madrid.set(site.web, scheduled_to_be_resident_on=site.m3)
    assert [c.memory for c in taken(site, running)] == [0]


def test_what_has_ended_or_is_gone_takes_nothing(site: TwoPools) -> None:
    ended = job(site, away(site, site.web), state=State.done)
    assert taken(site, ended) == ()
    gone = job(site, away(site, site.web))
    plan = replace(gone.plan, target=replace(gone.plan.target, uuid="gone"))
    assert taken(site, replace(gone, plan=plan)) == ()
    for ref in (site.web, "OpaqueRef:Madrid/VDI/web 0", "OpaqueRef:Madrid/VDI/web 1"):
        site.madrid.remove(ref)
    assert [(c.memory, c.space) for c in taken(site, gone)] == [(0, ())]


def test_a_vm_that_is_started_takes_memory_until_it_runs(site: TwoPools) -> None:
    starting = job(site, replace_draft(away(site, site.files), start_after=True), state=State.running)
    (claim,) = taken(site, starting)
    assert claim.memory == site.madrid.inventory().VM[site.files].memory_dynamic_min
    moving = [replace(vm, step=Step.finishing) for vm in starting.vms]
    assert taken(site, replace(starting, vms=tuple(moving)))[0].memory == claim.memory
    assert [c.memory for c in taken(site, job(site, away(site, site.files)))] == [0]


def test_a_job_out_of_a_pool_that_is_not_known_here_takes_what_its_plan_says(site: TwoPools) -> None:
    """Another process moves VMs to the same SR, out of a pool that this one is not connected to."""
    others = job(site, away(site, site.web))
    pools = {site.lisboa.id: site.site.pools[site.lisboa.id]}
    (claim,) = claims([others], pools.get)
    size = sum(disk.size for disk in others.plan.moves[0].disks)
    assert (claim.pool, claim.space) == (site.lisboa.id, ((site.l_nfs, size),))
    half = replace(others, vms=tuple(replace(vm, step=Step.disks, progress=0.5) for vm in others.vms))
    assert claims([half], pools.get)[0].space == ((site.l_nfs, size // 2),)


def test_what_closing_the_program_means(site: TwoPools) -> None:
    assert leaving([]) == ""
    carried = job(site, away(site, site.web), state=State.running)
    copied = job(
        site,
        draft_of_disks(site.site, site.madrid.id, [VdiRef("OpaqueRef:Madrid/VDI/files 0")], site.m_iscsi),
        state=State.running,
    )
    waiting = job(site, away(site, site.db))
    ended = job(site, away(site, site.db), state=State.done)
    assert leaving([ended]) == ""
    assert "The servers carry on by themselves" in leaving([carried, ended])
    assert "web" in leaving([carried])
    assert leaving([copied]).startswith("Disks of these VMs are being copied: files.")
    assert "by themselves" not in leaving([copied])
    assert leaving([waiting]) == "1 waiting VM is on hold until you continue it."
