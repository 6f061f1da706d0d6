"""Rules about a move with a short stop, from both sides."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.judged import Judge
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.rules.stopping import LEAST, obstacles, why_no_short_stop
from xsmigui.core.migration.summary import summarize, xe_script
from xsmigui.core.problems import Severity
from xsmigui.core.refs import HostRef, SrRef, VmRef
from xsmigui.simulator.command import Options, build

VM, SR = "backup-cbt", "iSCSI Madrid"


class Scene:
    """The pool Madrid, and a draft that moves the disks of a running VM."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.pool = next(way.pool for way in judge.ways.values() if way.pool.name == "Madrid")

    def find(self, cls: str, name: str) -> str:
        return next(ref for ref, row in self.pool.db.table(cls).items() if row["name_label"] == name)

    def edit(self, cls: str, name: str, **fields: Any) -> None:
        self.pool.db.set(cls, self.find(cls, name), **fields)

    @property
    def disk(self) -> str:
        return next(ref for ref, row in self.pool.db.table("VDI").items() if row["name_label"].startswith(f"{VM} disk"))

    def draft(self, site: Site, minutes: int = 15) -> Draft:
        pool = next(p for p, inventory in site.pools.items() if inventory.name == "Madrid")
        draft = Draft(source=pool, vms=(VmRef(self.find("VM", VM)),), destination=pool)
        return draft.on_same_sr(SrRef(self.find("SR", SR))).with_short_stop(minutes)

    async def judged(self, change: Any = lambda draft: draft) -> Evaluation:
        site = self.judge.site()
        return await self.judge.judged(change(self.draft(site)), site)


@pytest.fixture
async def scene() -> Scene:
    return Scene(await Judge.of(build(Options(scenario="two-pools", speed=0, seed=1))))


def blocks(found: Evaluation) -> list[str]:
    return [f"{p.rule} {p.message}" for p in found.problems if p.blocks]


async def test_what_the_server_cannot_mirror_moves_with_a_short_stop(scene: Scene) -> None:
    """Changed block tracking is on: without the stop the server refuses."""
    found = await scene.judged(lambda draft: replace(draft, short_stop=0))
    (tracked,) = [p for p in found.problems if p.blocks]
    assert (tracked.rule, tracked.hint) == (
        "R53", "Disabling it makes the next backup a full one. Or move backup-cbt with a short stop.",
    )  # fmt: skip
    found = await scene.judged()
    assert blocks(found) == []
    assert found.plan is not None
    (move,) = found.plan.moves
    assert move.kind is Kind.disk
    assert found.plan.stops(move)
    assert [call.method for call in move.calls] == [
        "VM.snapshot", "VDI.copy", "VM.clean_shutdown", "VDI.copy", "VM.start_on", "VM.set_affinity",
    ]  # fmt: skip
    (said,) = [p.message for p in found.problems if p.rule == "R77"]
    assert "is down for" in said
    assert "longer than 15 minutes" in said
    assert "Contents are compared while it is down" in said
    (summary,) = summarize(found.plan)
    assert "for at most 15 minutes" in summary.sentence
    assert "Contents are compared while it is down" in summary.sentence
    script = xe_script(found.plan)
    assert script.index("xe vm-snapshot") < script.index("xe vm-shutdown") < script.index("base-vdi-uuid=")
    assert script.index("base-vdi-uuid=") < script.index("xe vm-start") < script.index("snapshot-uninstall")
    assert script.count("xe vm-start") == 1


async def test_a_proof_that_does_not_fit_into_the_stop_comes_afterwards(scene: Scene) -> None:
    found = await scene.judged(lambda draft: draft.with_short_stop(1))
    assert found.plan is not None
    (said,) = [p.message for p in found.problems if p.rule == "R77"]
    assert "Contents are compared after it has started again" in said
    assert "Contents are compared after it has started again" in summarize(found.plan)[0].sentence


async def test_an_sr_that_cannot_mirror_is_left_with_a_short_stop_too(scene: Scene) -> None:
    scene.edit("VDI", f"{VM} disk 0", cbt_enabled=False)
    manager = next(ref for ref, row in scene.pool.db.table("SM").items() if row["type"] == "nfs")
    kept = {k: v for k, v in scene.pool.db.get("SM", manager, "features").items() if not k.startswith("VDI_MIRROR")}
    scene.pool.db.set("SM", manager, features=kept, capabilities=list(kept))
    found = await scene.judged(lambda draft: replace(draft, short_stop=0))
    (refused,) = [p for p in found.problems if p.blocks]
    assert refused.rule == "R52"
    assert refused.hint.endswith(f"Or move {VM} with a short stop.")
    assert blocks(await scene.judged()) == []


CONFIGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "source on GFS2": ("NFS Madrid", {"type": "gfs2"}, "of the type gfs2 may not be in VHD format"),
    "target on GFS2": (SR, {"type": "gfs2"}, "cannot take disks moved with a short stop"),
    "source of an unknown driver": ("NFS Madrid", {"type": "linstor"}, "may not be in VHD format"),
    "target of raw volumes": (SR, {"sm_config": {}}, "its SR holds raw volumes"),
}


@pytest.mark.parametrize("case", CONFIGS)
async def test_no_difference_where_the_server_would_not_compute_one(scene: Scene, case: str) -> None:
    name, fields, said = CONFIGS[case]
    scene.edit("SR", name, **fields)
    site = scene.judge.site()
    found = await scene.judge.judged(scene.draft(site), site)
    told = [p.message for p in found.problems if p.rule == "R77" and p.blocks]
    assert any(said in message for message in told), told
    assert found.plan is None


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"type": "raw"}, "it is a raw volume"),
        ({"vdi_type": "aio"}, "it is a raw volume"),
        ({"image-format": "qcow2"}, "it is a QCOW2 image"),
        ({"vdi_type": "vhd"}, ""),
        ({"image-format": "vhd"}, ""),
        ({}, ""),
    ],
)
async def test_the_form_of_the_source(scene: Scene, config: dict[str, str], said: str) -> None:
    scene.pool.db.set("VDI", scene.disk, sm_config=config)
    told = [p.message for p in (await scene.judged()).problems if p.rule == "R77" and p.blocks]
    assert any(said in message for message in told) if said else told == []


async def test_other_obstacles(scene: Scene) -> None:
    vm = scene.find("VM", VM)
    others: dict[str, tuple[dict[str, Any], str]] = {
        "the shutdown is blocked": ({"blocked_operations": {"clean_shutdown": "no"}}, "blocked clean_shutdown"),
        "the start is blocked": ({"blocked_operations": {"start": "no"}}, "blocked start"),
        "no tools": ({"allowed_operations": ["snapshot"]}, "cannot ask the guest"),
        "no snapshots": ({"allowed_operations": ["clean_shutdown"]}, "does not take a snapshot"),
    }
    before = {key: scene.pool.db.get("VM", vm, key) for key in ("blocked_operations", "allowed_operations")}
    for name, (fields, said) in others.items():
        scene.pool.db.set("VM", vm, **before | fields)
        site = scene.judge.site()
        (move,) = (await scene.judge.judged(scene.draft(site), site)).resolved.moves
        assert any(said in p.message for p in obstacles(move)), name
        assert why_no_short_stop([move])


async def test_high_availability_could_start_it(scene: Scene) -> None:
    scene.edit("VM", VM, ha_restart_priority="restart", ha_always_run=True)
    assert blocks(await scene.judged()) == []
    scene.pool.db.set("pool", pool_ref(scene), ha_enabled=True)
    assert any("protected by high availability" in text for text in blocks(await scene.judged()))


def pool_ref(scene: Scene) -> str:
    return next(iter(scene.pool.db.table("pool")))


async def test_it_starts_where_it_ran(scene: Scene) -> None:
    """Another host, or an SR that its own host does not see, is another move."""
    vm = VmRef(scene.find("VM", VM))
    other = HostRef(scene.find("host", "madrid-02"))
    assert any("starts on the host that it runs on" in t for t in blocks(await scene.judged(lambda d: d.on(vm, other))))
    local = SrRef(scene.find("SR", "Local storage on madrid-02"))
    assert any("cannot see" in text for text in blocks(await scene.judged(lambda d: d.on_same_sr(local))))


async def test_room_for_the_snapshot(scene: Scene) -> None:
    sr = scene.find("SR", "NFS Madrid")
    size = scene.pool.db.get("SR", sr, "physical_size")
    scene.pool.db.set("SR", sr, physical_utilisation=size - (1 << 20))
    assert any(text.startswith("R51") for text in blocks(await scene.judged()))


@pytest.mark.parametrize(("vm", "is_enough"), [(VM, True), ("mail", False)])
async def test_room_for_the_snapshot_of_one_disk_is_not_enough_for_two(scene: Scene, vm: str, is_enough: bool) -> None:
    free = LEAST + LEAST // 2
    for sr in ("NFS Madrid", "iSCSI Madrid"):
        size = scene.pool.db.get("SR", scene.find("SR", sr), "physical_size")
        scene.edit("SR", sr, physical_utilisation=size - free)
    found = await scene.judged(lambda draft: replace(draft, vms=(VmRef(scene.find("VM", vm)),)))
    told = [p for p in found.problems if p.rule == "R51" and p.blocks and p.subject.cls == "SR"]
    assert any("for a snapshot of" in p.message for p in told) is not is_enough


@pytest.mark.parametrize("fields", [{"VGPUs": ["OpaqueRef:gpu"]}, {"attached_PCIs": ["OpaqueRef:card"]}])
async def test_a_device_of_the_host_may_be_taken_while_it_is_down(scene: Scene, fields: dict[str, Any]) -> None:
    assert not any("PCI device" in p.message for p in (await scene.judged()).problems)
    site = scene.judge.site()
    draft = scene.draft(site)
    (pool,) = (p for p in site.pools.values() if p.name == "Madrid")
    vm = draft.vms[0]
    changed = pool.with_record("VM", vm, msgspec.structs.replace(pool.VM[vm], **fields))
    found = evaluate(replace(site, pools={**site.pools, pool.id: changed}), draft)
    (told,) = [p for p in found.problems if "PCI device" in p.message]
    assert (told.rule, told.severity) == ("R77", Severity.warn)


async def test_halted_and_suspended_vms_have_no_stop(scene: Scene) -> None:
    site = scene.judge.site()
    for name in ("erp-test", "test-suspended"):
        draft = replace(scene.draft(site), vms=(VmRef(scene.find("VM", name)),))
        (move,) = (await scene.judge.judged(draft, site)).resolved.moves
        assert not move.stops
        found = await scene.judge.judged(draft, site)
        assert "R77" not in {p.rule for p in found.problems}
