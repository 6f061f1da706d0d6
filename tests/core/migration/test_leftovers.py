"""What failed migrations leave: named with its proof, and never what may be the only copy."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import answered, away, inside
from tests.core.site import GiB, TwoPools, site_of
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.draft import Site
from xsmigui.core.migration.exchange import JOB, KEPT
from xsmigui.core.migration.leftovers import Leftover, leftovers, seen_before
from xsmigui.core.refs import VdiRef

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


class Scene:
    """web should have gone to Lisboa, failed, and left a disk there."""

    def __init__(self) -> None:
        self.site = TwoPools()
        s = self.site
        plan = answered(s.site, away(s, s.web).placing_all(dict.fromkeys(disks_of(s), s.l_nfs))).plan
        assert plan is not None
        (self.move,) = plan.moves
        self.job = Job(id="j", plan=plan, created=NOW, vms=(VmJob(move=self.move, state=State.failed),))
        self.job = self.with_before(seen_before(self.move, s.lisboa.inventory()))
        name, size = s.madrid.get(disks_of(s)[1]).name_label, s.madrid.get(disks_of(s)[1]).virtual_size
        self.left = s.lisboa.disk(s.l_nfs, size, name)
        self.job = replace(
            self.job, vms=(replace(self.job.vms[0], after=seen_before(self.move, s.lisboa.inventory())),)
        )

    def with_before(self, before: tuple[str, ...] | None, state: State = State.failed) -> Job:
        return replace(self.job, vms=(replace(self.job.vms[0], before=before, state=state),))

    def found(self, *jobs: Job) -> tuple[Leftover, ...]:
        return leftovers(jobs or (self.job,), self.site.site)


def disks_of(site: TwoPools) -> list[VdiRef]:
    return [vdi for _vbd, vdi, _record in site.madrid.inventory().disks(site.web)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_disk_that_was_left(scene: Scene) -> None:
    (left,) = scene.found()
    s = scene.site
    assert (left.ref, left.pool, left.source) == (scene.left, s.lisboa.id, s.madrid.id)
    assert (left.vm, left.job, left.sr, left.size) == ("web", "j", "l-nfs", 40 * GiB)
    assert left.like == s.madrid.uuid(disks_of(s)[1])
    assert "while job j was running" in left.proof
    assert "web" in left.proof


def test_what_was_there_before_is_not_ours(scene: Scene) -> None:
    s = scene.site
    own = seen_before(scene.move, s.lisboa.inventory())
    assert s.lisboa.uuid(scene.left) in own
    assert scene.found(scene.with_before(own)) == ()
    nobody_looked = replace(scene.job.vms[0], after=None)
    assert scene.found(replace(scene.job, vms=(nobody_looked,))) == ()
    other = s.lisboa.disk(s.l1_local, 40 * GiB, s.madrid.get(disks_of(s)[1]).name_label)
    assert s.lisboa.uuid(other) not in seen_before(scene.move, s.lisboa.inventory())  # another SR


@pytest.mark.parametrize("state", [State.done, State.running, State.waiting, State.lost])
def test_only_what_has_failed_leaves_anything(scene: Scene, state: State) -> None:
    assert scene.found(scene.with_before(scene.job.vms[0].before, state)) == ()


@pytest.mark.parametrize("state", [State.failed, State.cancelled, State.interrupted])
def test_each_way_to_fail(scene: Scene, state: State) -> None:
    assert len(scene.found(scene.with_before(scene.job.vms[0].before, state))) == 1


CHANGES: dict[str, Callable[[Scene], object]] = {
    "connected to a VM": lambda s: s.site.lisboa.attach(s.site.l_vm, s.left),
    "the memory of a VM": lambda s: s.site.lisboa.set(s.site.l_vm, suspend_VDI=s.left),
    "marked by a job": lambda s: s.site.lisboa.set(s.left, other_config={JOB: "another-job"}),
    "another size": lambda s: s.site.lisboa.set(s.left, virtual_size=41 * GiB),
    "another name": lambda s: s.site.lisboa.set(s.left, name_label="mine"),
    "a memory image": lambda s: s.site.lisboa.set(s.left, type="suspend"),
    "busy": lambda s: s.site.lisboa.set(s.left, current_operations={"OpaqueRef:task": "copy"}),
    "a kept source": lambda s: s.site.lisboa.set(s.left, other_config={KEPT: "{}"}),
    "the VM is on its way": lambda s: s.site.madrid.set(s.site.web, current_operations={"t": "migrate_send"}),
    "the source's disk is gone": lambda s: s.site.madrid.remove(disks_of(s.site)[1]),
    "the source's disk is missing": lambda s: s.site.madrid.set(disks_of(s.site)[1], missing=True),
    "the source's VM is gone": lambda s: s.site.madrid.remove(s.site.web),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_never_named(scene: Scene, change: str) -> None:
    CHANGES[change](scene)
    assert scene.found() == ()


def test_a_disk_that_was_made_later_is_not_ours(scene: Scene) -> None:
    s = scene.site
    record = s.lisboa.get(scene.left)
    later = s.lisboa.disk(s.l_nfs, record.virtual_size, record.name_label)
    assert [left.ref for left in scene.found()] == [scene.left]
    assert later != scene.left


def test_after_a_retry_that_succeeded_the_first_attempts_disks_are_still_named(scene: Scene) -> None:
    """The VM is at the destination with disks of its own; what the first attempt has left is nobody's."""
    s = scene.site
    uuid, record = s.madrid.uuid(s.web), s.lisboa.get(scene.left)
    disks = [s.madrid.get(ref) for ref in disks_of(s)]
    s.madrid.remove(s.web)
    arrived = s.lisboa.vm("web", on=s.l1)
    s.lisboa.set(arrived, uuid=uuid)
    for at, disk in enumerate(disks):
        s.lisboa.attach(arrived, s.lisboa.disk(s.l_nfs, disk.virtual_size, disk.name_label), userdevice=str(at))
    assert [left.ref for left in scene.found()] == [scene.left]
    assert scene.found()[0].source == s.lisboa.id
    assert record.name_label == scene.found()[0].name


@pytest.mark.parametrize("heard", ["both sides", "disk", "connection"])
def test_a_disk_of_the_vm_that_has_arrived_is_never_named(heard: str) -> None:
    """Of a new connection a client may have heard from one side only."""
    scene = Scene()
    s = scene.site
    uuid = s.madrid.uuid(s.web)
    s.madrid.remove(s.web)
    arrived = s.lisboa.vm("web", on=s.l1)
    s.lisboa.set(arrived, uuid=uuid)
    vbd = s.lisboa.attach(arrived, scene.left, userdevice="1")
    known = s.lisboa.inventory()
    if heard == "connection":
        known = known.with_record("VDI", scene.left, replace(known.VDI[scene.left], VBDs=[]))
    elif heard == "disk":
        again = s.lisboa.attach(arrived, s.lisboa.disk(s.l_nfs, name="another"), userdevice="1")
        known = s.lisboa.inventory()
        known = known.replaced({"VBD": {ref: record for ref, record in known.VBD.items() if ref != vbd}})
        assert again in known.VBD
    pools = {**s.site.pools, s.lisboa.id: known}
    assert leftovers([scene.job], Site(pools, s.site.connected)) == ()


def test_another_vms_disk_of_that_name_may_be_arriving(scene: Scene) -> None:
    s = scene.site
    name = s.madrid.get(disks_of(s)[1]).name_label
    twin = s.madrid.vm("twin", on=s.m2)
    s.madrid.attach(twin, s.madrid.disk(s.m_nfs, 40 * GiB, name))
    assert len(scene.found()) == 1
    s.madrid.set(twin, current_operations={"t": "migrate_send"})
    assert scene.found() == ()


def test_its_disk_was_renamed_and_it_is_on_its_way_again(scene: Scene) -> None:
    """What is just being copied may still bear the name that the disk had."""
    s = scene.site
    s.madrid.set(disks_of(s)[1], name_label="renamed meanwhile")
    assert len(scene.found()) == 1
    s.madrid.set(s.web, current_operations={"t": "migrate_send"})
    assert scene.found() == ()


def test_without_both_pools_nothing_is_known(scene: Scene) -> None:
    s = scene.site
    for connected in ([s.madrid], [s.lisboa]):
        assert leftovers([scene.job], site_of(s.madrid, s.lisboa, connected=connected)) == ()
    assert leftovers([scene.job], site_of(s.madrid)) == ()


def test_a_new_attempt_is_no_time_to_clear_up(scene: Scene) -> None:
    again = scene.with_before((), State.running)
    assert scene.found(scene.job, replace(again, id="k")) == ()


def test_two_attempts_that_left_the_same_disk(scene: Scene) -> None:
    assert len(scene.found(scene.job, replace(scene.job, id="k"))) == 1


def test_inside_a_pool() -> None:
    s = TwoPools()
    disk = disks_of(s)[0]
    plan = answered(s.site, inside(s, s.web).placing(disk, s.m_iscsi)).plan
    assert plan is not None
    move = plan.moves[0]
    before = seen_before(move, s.madrid.inventory())
    failed = VmJob(move=move, state=State.failed, before=before, after=before)
    job = Job(id="j", plan=plan, created=NOW, vms=(failed,))
    assert leftovers([job], s.site) == ()  # the disk itself is none
    record = s.madrid.get(disk)
    left = s.madrid.disk(s.m_iscsi, record.virtual_size, record.name_label)
    assert leftovers([job], s.site) == ()  # it came after the end: it may be anybody's
    job = replace(job, vms=(replace(failed, after=seen_before(move, s.madrid.inventory())),))
    assert [found.ref for found in leftovers([job], s.site)] == [left]
