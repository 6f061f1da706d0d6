"""Kept sources: put back and removed only while they are what was kept, and nobody else's."""

import json
from pathlib import Path

import pytest

from tests.foreign import Somebody
from tests.holding import until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import VM, disks_of, ended, marked, own_plan, quiet, rows
from tests.services.test_short_stop import Gate
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.exchange import KEPT
from xsmigui.core.migration.kept import KeptSource, kept_sources, may_have_changed, revert_plan
from xsmigui.core.ports import Gateway
from xsmigui.core.verified import Outcome, What
from xsmigui.services.kept import purge

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def other(site: Simulated) -> Somebody:
    return Somebody.at(site, "Madrid")


async def moved(two: Engine, *, prove: bool = False) -> list[KeptSource]:
    """The sources that a move has kept."""
    import msgspec

    plan = msgspec.structs.replace(await own_plan(two), prove=prove)
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    await until(lambda: len(kept_sources(two.inventory("Madrid"))) == 2)
    return list(kept_sources(two.inventory("Madrid")))


def gateway(two: Engine) -> Gateway:
    found = two.connections.gateway(two.pool("Madrid"))
    assert found is not None
    return found


async def test_a_copy_of_a_kept_source_is_none(two: Engine, other: Somebody) -> None:
    """VDI.copy carries other_config and tags along: a rescue copy is not offered, not reverted and not removed."""
    sources = await moved(two)
    sr = rows(two, "VDI")[sources[0].ref]["SR"]
    rescue = other.copy(sources[0].ref, sr)
    assert KEPT in rows(two, "VDI")[rescue]["other_config"]
    await until(lambda: rescue in two.inventory("Madrid").VDI)
    assert [kept.ref for kept in kept_sources(two.inventory("Madrid"))] == [kept.ref for kept in sources]
    gone = await purge(gateway(two), [rescue, *(kept.ref for kept in sources)])
    assert gone.removed == 2
    assert rescue in rows(two, "VDI")


async def test_a_note_of_an_earlier_version_on_two_disks_is_none(two: Engine, other: Somebody) -> None:
    sources = await moved(two)
    for ref in (sources[0].ref,):
        config = rows(two, "VDI")[ref]["other_config"]
        note = config[KEPT].replace(sources[0].uuid, "")
        other.call("VDI.set_other_config", ref, {**config, KEPT: note})
    rescue = other.copy(sources[0].ref, rows(two, "VDI")[sources[0].ref]["SR"])
    await until(lambda: rescue in two.inventory("Madrid").VDI)
    assert [kept.ref for kept in kept_sources(two.inventory("Madrid"))] == [sources[1].ref]
    gone = await purge(gateway(two), [sources[0].ref, rescue])
    assert gone.removed == 0
    assert len(gone.left) == 2


async def test_a_source_that_another_vm_uses_is_not_put_back(two: Engine, other: Somebody) -> None:
    sources = await moved(two)
    other.connect(sources[0].ref, other.vm("intranet-old"))
    await until(lambda: two.inventory("Madrid").VDI[sources[0].ref].VBDs)
    with pytest.raises(DisksRefused, match="now used by intranet-old"):
        revert_plan(two.inventory("Madrid"), [sources[0].ref])
    gone = await purge(gateway(two), [sources[0].ref])
    assert (gone.removed, len(gone.left)) == (0, 1)


async def test_a_source_that_another_vm_uses_since_the_plan_was_made_is_not_put_back(
    two: Engine, other: Somebody
) -> None:
    sources = await moved(two)
    plan = revert_plan(two.inventory("Madrid"), [kept.ref for kept in sources])
    before = disks_of(two)
    other.connect(sources[0].ref, other.vm("intranet-old"))
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed
    assert "intranet-old" in vm.message
    assert {p: d["uuid"] for p, d in disks_of(two).items()} == {p: d["uuid"] for p, d in before.items()}


async def test_a_proved_source_that_was_written_to_is_not_put_back(two: Engine, other: Somebody) -> None:
    sources = await moved(two, prove=True)
    assert all(kept.note.sum for kept in sources)
    other.write(sources[0].ref)
    before = {p: d["uuid"] for p, d in disks_of(two).items()}
    plan = revert_plan(two.inventory("Madrid"), [kept.ref for kept in sources])
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.failed
    assert "was written to since it was kept" in vm.message
    assert {p: d["uuid"] for p, d in disks_of(two).items()} == before


async def test_a_source_that_was_written_to_is_removed_only_if_it_is_wanted_all_the_same(
    two: Engine, other: Somebody
) -> None:
    sources = await moved(two, prove=True)
    other.write(sources[0].ref)
    gone = await purge(gateway(two), [kept.ref for kept in sources])
    assert (gone.removed, gone.doubtful) == (1, (sources[0].ref,))
    assert (await purge(gateway(two), gone.doubtful, doubtful_too=True)).removed == 1


async def test_a_source_without_a_sum_that_may_have_been_written_to_is_put_back_only_if_it_is_wanted_all_the_same(
    two: Engine, other: Somebody
) -> None:
    sources = await moved(two)
    assert not any(kept.note.sum for kept in sources)
    wanted = [kept.ref for kept in sources]
    other.write(sources[0].ref)
    other.grow(sources[0].ref)
    await until(lambda: may_have_changed(two.inventory("Madrid"), wanted))
    assert may_have_changed(two.inventory("Madrid"), wanted) == (sources[0].note.name,)
    with pytest.raises(DisksRefused, match="may have been written to since it was kept"):
        revert_plan(two.inventory("Madrid"), wanted)
    revert_plan(two.inventory("Madrid"), wanted[1:])  # the other one may
    plan = revert_plan(two.inventory("Madrid"), wanted, doubtful_too=True)
    (vm,) = (await ended(two, two.jobs.start(plan))).vms
    assert vm.state is State.done, vm.message
    assert "No checksum was made" in vm.message
    assert not vm.verified
    unknown = {(item.what, item.subject) for item in vm.items if item.outcome is Outcome.unknown}
    assert unknown == {(What.content, kept.note.name) for kept in sources}
    two.site.lets_go_of(VM)


async def test_a_source_that_is_written_to_while_it_is_put_back(two: Engine, other: Somebody) -> None:
    sources = await moved(two)
    before = {p: d["uuid"] for p, d in disks_of(two).items()}
    plan = revert_plan(two.inventory("Madrid"), [kept.ref for kept in sources])
    gate = Gate(two, 4)
    job = two.jobs.start(plan)
    await until(lambda: gate.is_reached)
    other.grow(sources[0].ref)
    gate.open()
    (vm,) = (await ended(two, job)).vms
    assert vm.state is State.failed, vm.message
    assert {p: d["uuid"] for p, d in disks_of(two).items()} == before


async def test_a_source_that_a_revert_has_taken_in_hand_is_not_removed(two: Engine, other: Somebody) -> None:
    """Nothing is connected to it yet, and it is about to become the VM's disk."""
    sources = await moved(two)
    gate = Gate(two, 6)
    job = two.jobs.start(revert_plan(two.inventory("Madrid"), [kept.ref for kept in sources]))
    await until(lambda: gate.is_reached)
    gone = await purge(gateway(two), [kept.ref for kept in sources], doubtful_too=True)
    assert (gone.removed, len(gone.left)) == (0, 2)
    assert job.id in gone.left[0]
    gate.open()
    assert (await ended(two, job)).state is State.done


async def test_a_source_that_is_the_memory_of_a_vm_is_not_removed(two: Engine, other: Somebody) -> None:
    sources = await moved(two)
    db = two.served("Madrid").pool.db
    vm = other.vm("test-suspended")
    image = two.site.run(lambda: db.get("VM", vm, "suspend_VDI"))
    two.site.run(lambda: db.set("VM", vm, suspend_VDI=sources[0].ref))
    gone = await purge(gateway(two), [sources[0].ref])
    assert (gone.removed, len(gone.left)) == (0, 1)
    two.site.run(lambda: db.set("VM", vm, suspend_VDI=image))


async def test_reverted_with_its_content(two: Engine, other: Somebody) -> None:
    vm = other.vm(VM)
    first = {p: other.sum(d) for p, d in other.disks(vm).items()}
    sources = await moved(two, prove=True)
    plan = revert_plan(two.inventory("Madrid"), [kept.ref for kept in sources])
    (job,) = (await ended(two, two.jobs.start(plan))).vms
    assert (job.state, job.verified) == (State.done, True), job.message
    assert "No checksum" not in job.message
    assert {p: other.sum(d) for p, d in other.disks(vm).items()} == first


@pytest.mark.parametrize("used", [True, False], ids=["with what it occupies", "as first written"])
async def test_a_note_of_an_earlier_version_on_one_disk_is_removed_with_it(
    two: Engine, other: Somebody, used: bool
) -> None:
    """Earlier versions noted neither the disk's own uuid nor, at first, what it occupied."""
    sources = await moved(two)
    config = rows(two, "VDI")[sources[0].ref]["other_config"]
    note = {key: value for key, value in json.loads(config[KEPT]).items() if key not in ("uuid", "sum")}
    if not used:
        del note["used"]
    other.call("VDI.set_other_config", sources[0].ref, {**config, KEPT: json.dumps(note)})
    await until(lambda: any(not kept.note.uuid for kept in kept_sources(two.inventory("Madrid"))))
    assert len(kept_sources(two.inventory("Madrid"))) == 2
    assert (await purge(gateway(two), [sources[0].ref])).removed == 1
    assert sources[0].ref not in rows(two, "VDI")


@pytest.mark.parametrize(("nth", "undo"), [
    (1, False), (3, True), (6, False), (7, True), (8, False), (10, True), (11, False), (12, True), (13, False),
    (15, False), (17, True), (20, False), (24, False),
])  # fmt: skip
async def test_a_revert_that_is_killed(site: Simulated, tmp_path: Path, nth: int, undo: bool) -> None:
    """At any of its calls, carried out or lost: the next program ends it, or puts back what was there before."""
    other = Somebody.at(site, "Madrid")
    vm = other.vm(VM)
    async with engine(site, "Madrid", home=tmp_path) as first:
        sources = await moved(first, prove=True)
        before, content = other.disks(vm), {p: other.sum(d) for p, d in other.disks(vm).items()}
        gate = Gate(first, nth)
        job = first.jobs.start(revert_plan(first.inventory("Madrid"), [kept.ref for kept in sources]))
        await until(lambda: gate.is_reached)
    gate.open(lost=nth % 2 == 0)
    async with engine(site, "Madrid", home=tmp_path) as second:
        await second.jobs.take_up()
        if undo:
            second.jobs.undo(job.id)
        else:
            second.jobs.proceed(job.id)
        (ending,) = (await ended(second, job)).vms
        now = other.disks(vm)
        assert ending.state is (State.cancelled if undo else State.done), ending.message
        assert (now == before) is undo, ending.message
        assert {p: other.sum(d) for p, d in now.items()} == content
        assert marked(second) == []
        inventory = second.inventory("Madrid")
        await until(lambda: len(kept_sources(second.inventory("Madrid"))) == 2)
        assert not {kept.ref for kept in kept_sources(inventory)} & set(now.values())
    site.lets_go_of(VM)  # judged here: a disk is connected beside the others for a time
