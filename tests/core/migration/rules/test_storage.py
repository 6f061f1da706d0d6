"""Rules about disks and storage, from both sides."""

import pytest

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import MIGRATES, TwoPools
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.fixes import DisableCbt, EjectCd
from xsmigui.core.problems import Severity
from xsmigui.core.refs import HostRef, SrRef, VdiRef
from xsmigui.core.units import GiB, MiB, TiB

DISK = VdiRef("OpaqueRef:Madrid/VDI/web 0")


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_r50_space(site: TwoPools) -> None:
    """db has a disk of 100 GiB and its snapshot; they go to a thick SR."""
    draft = away(site, site.db).on_same_sr(site.l1_local)
    assert "R50" not in rules(evaluate(site.site, draft))
    site.lisboa.set(site.l1_local, physical_size=400 * GiB)
    found = evaluate(site.site, draft)
    assert problem(found, "R50").severity is Severity.warn
    assert problem(found, "R50").message == (
        "l1 local has 400.0 GiB free, less than three times the 200.8 GiB that the disks need."
    )
    site.lisboa.set(site.l1_local, physical_utilisation=250 * GiB)
    found = evaluate(site.site, draft)
    assert problem(found, "R50").severity is Severity.block
    assert problem(found, "R50").message == "l1 local has 150.0 GiB free; the disks need 200.8 GiB."


def test_r50_is_the_sum_of_a_batch(site: TwoPools) -> None:
    site.lisboa.set(site.l1_local, physical_size=110 * GiB)
    both = away(site, site.web, site.files).on_same_sr(site.l1_local)
    assert blocks(evaluate(site.site, both)) == []
    site.lisboa.set(site.l1_local, physical_size=60 * GiB)
    for vm in (site.web, site.files):
        assert blocks(evaluate(site.site, away(site, vm).on_same_sr(site.l1_local))) == []
    assert blocks(evaluate(site.site, both)) == ["R50"]


def test_r50_counts_the_hidden_disk_below_a_thin_one(site: TwoPools) -> None:
    """A disk with a snapshot has written nearly nothing itself."""
    base = site.madrid.disk(site.m_nfs, 100 * GiB, "base", physical_utilisation=90 * GiB, managed=False)
    leaf = VdiRef("OpaqueRef:Madrid/VDI/files 0")
    site.madrid.set(
        leaf, virtual_size=100 * GiB, physical_utilisation=GiB, sm_config={"vhd-parent": site.madrid.uuid(base)}
    )
    site.lisboa.set(site.l_nfs, physical_size=50 * GiB)
    draft = away(site, site.files).on_same_sr(site.l_nfs)
    assert "the disks need 91.0 GiB" in problem(evaluate(site.site, draft), "R50").message


def test_r51_space_at_the_source(site: TwoPools) -> None:
    draft = away(site, site.web)
    assert "R51" not in rules(evaluate(site.site, draft))
    site.madrid.set(site.m_nfs, physical_size=40 * GiB)
    found = evaluate(site.site, draft)
    assert problem(found, "R51").severity is Severity.warn
    assert "has 40.0 GiB free; the temporary snapshots may need up to 50.0 GiB" in problem(found, "R51").message
    site.madrid.set(site.m_nfs, physical_utilisation=40 * GiB - 10 * MiB)
    assert blocks(evaluate(site.site, draft)) == ["R51"]
    assert blocks(evaluate(site.site, away(site, site.files))) == ["R51"]  # halted VMs are mirrored too
    site.madrid.set(site.m_nfs, physical_utilisation=39 * GiB)
    assert "R51" not in rules(evaluate(site.site, away(site, site.files)))
    assert "R51" not in rules(evaluate(site.site, away(site, site.sleeper)))


@pytest.mark.parametrize(
    ("free", "two", "one"), [(63, True, True), (100, True, False), (127, True, False), (128, False, False)]
)
def test_r51_every_disk_needs_its_own_room(site: TwoPools, free: int, two: bool, one: bool) -> None:
    """Two disks of one SR want two temporary snapshots at the same time."""
    site.madrid.set(site.m_nfs, physical_size=40 * GiB, physical_utilisation=40 * GiB - free * MiB)
    assert ("R51" in blocks(evaluate(site.site, away(site, site.web)))) is two
    assert ("R51" in blocks(evaluate(site.site, away(site, site.files)))) is one


def test_r52_both_sides(site: TwoPools) -> None:
    site.madrid.driver("nfs", [f for f in MIGRATES if f != "VDI_MIRROR"])
    found = evaluate(site.site, away(site, site.web).on_same_sr(site.l1_local))
    assert problem(found, "R52").message == "m-nfs cannot send disks away: its driver “nfs” lacks VDI_MIRROR."
    site.madrid.driver("nfs", MIGRATES)
    site.lisboa.driver("lvm", ["VDI_CREATE"])
    found = evaluate(site.site, away(site, site.web).on_same_sr(site.l1_local))
    assert problem(found, "R52").message == (
        "l1 local cannot take migrated disks: its driver “lvm” lacks VDI_SNAPSHOT and VDI_MIRROR_IN."
    )
    site.lisboa.driver("lvm", ["VDI_SNAPSHOT", "VDI_MIRROR"])
    assert "R52" not in rules(evaluate(site.site, away(site, site.web).on_same_sr(site.l1_local)))
    site.madrid.driver("nfs", [])
    assert "R52" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r53_cbt(site: TwoPools) -> None:
    site.madrid.set(DISK, cbt_enabled=True)
    found = evaluate(site.site, away(site, site.web))
    assert blocks(found) == ["R53"]
    assert problem(found, "R53").remedy == DisableCbt(pool=site.madrid.id, vdi=VdiRef(DISK), disk="web 0")
    assert problem(found, "R53").subject.name == "web 0"
    assert rules(evaluate(site.site, inside(site, site.web))) == []
    other = VdiRef("OpaqueRef:Madrid/VDI/web 1")
    moves_other = inside(site, site.web).placing(other, site.m_iscsi)
    assert "R53" not in rules(evaluate(site.site, moves_other))


def test_r53_on_snapshots(site: TwoPools) -> None:
    snapshot = "OpaqueRef:Madrid/VDI/db 0 at before the update"
    site.madrid.set(snapshot, cbt_enabled=True, name_label="")
    found = evaluate(site.site, away(site, site.db))
    assert problem(found, "R53").message == "a disk of db: changed block tracking is on."


def test_r54_on_boot(site: TwoPools) -> None:
    site.madrid.set(DISK, on_boot="reset")
    assert blocks(evaluate(site.site, away(site, site.web))) == ["R54"]
    # also where only the other disk moves
    other = VdiRef("OpaqueRef:Madrid/VDI/web 1")
    assert blocks(evaluate(site.site, inside(site, site.web).placing(other, site.m_iscsi))) == ["R54"]
    assert rules(evaluate(site.site, inside(site, site.web))) == []


def test_r55_encrypted(site: TwoPools) -> None:
    site.madrid.set(DISK, sm_config={"key_hash": "x"})
    assert blocks(evaluate(site.site, away(site, site.web))) == ["R55"]
    assert rules(evaluate(site.site, inside(site, site.web))) == []


def test_r56_visible(site: TwoPools) -> None:
    draft = inside(site, site.web).on_same_sr(site.m1_local)
    found = evaluate(site.site, draft)
    assert problem(found, "R56").message == "m3 cannot see m1 local."
    assert blocks(evaluate(site.site, draft.on(site.web, site.m1))) == []


def test_r57_stranded(site: TwoPools) -> None:
    draft = site.madrid.move(site.files, destination=site.madrid.id).on(site.files, site.m1)
    found = evaluate(site.site, draft.on_same_sr(site.m1_local))
    assert problem(found, "R57").message == "Afterwards m1 is the only host that sees all disks of files."
    assert problem(found, "R57").severity is Severity.warn
    assert "R57" not in rules(evaluate(site.site, draft.on_same_sr(site.m_iscsi)))
    assert "R57" not in rules(evaluate(site.site, draft))
    assert "R57" not in rules(evaluate(site.site, away(site, site.files)))


def test_r60_snapshots_are_told(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.db))
    assert problem(found, "R60").severity is Severity.info
    assert problem(found, "R60").message == "1 disk of snapshots and suspend images (100.0 GiB) moves with db."
    assert "R60" not in rules(evaluate(site.site, inside(site, site.db)))
    assert "R60" not in rules(evaluate(site.site, away(site, site.web)))


def test_r62_size_limit(site: TwoPools) -> None:
    site.madrid.set(DISK, virtual_size=3 * TiB)
    assert "web 0 is larger than 2 TiB, which l-nfs cannot hold." in [
        p.message for p in evaluate(site.site, away(site, site.web)).problems
    ]
    site.lisboa.driver("nfs", [*MIGRATES, "LARGE_VDI"])
    assert "R62" not in rules(evaluate(site.site, away(site, site.web)))
    assert "R62" not in rules(evaluate(site.site, away(site, site.web).on_same_sr(SrRef("gone"))))


def test_r63_cds(site: TwoPools) -> None:
    """debian.iso is in web's drive."""
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R63").severity is Severity.warn
    assert "R63" not in rules(evaluate(site.site, inside(site, site.web)))
    pbd = next(ref for ref in site.madrid.tables["PBD"] if "m-iso of m3" in ref)
    site.madrid.set(pbd, currently_attached=False)
    found = evaluate(site.site, inside(site, site.web))
    assert blocks(found) == ["R63"]
    fix = problem(found, "R63").remedy
    drive = site.madrid.get_all("VBD", VM=site.web, VDI=site.cd)[0]
    assert fix == EjectCd(pool=site.madrid.id, vm=site.web, vbd=drive, vdi=site.cd, vm_name="web", cd="debian.iso")
    found = evaluate(site.site, inside(site, site.web).on_same_sr(site.m_iscsi))
    assert problem(found, "R63").severity is Severity.warn


def test_r67_places(site: TwoPools) -> None:
    for sr in (site.l_nfs, site.l1_local):
        site.lisboa.set(sr, content_type="iso")
    found = evaluate(site.site, away(site, site.db))
    assert [p.message for p in found.problems if p.rule == "R67"] == [
        "No SR has been chosen for db 0 of db yet.",
        "No SR has been chosen for db 0 at before the update, which moves with db.",
    ]
    assert "R67" not in rules(evaluate(site.site, inside(site, site.db)))


def test_r68_health(site: TwoPools) -> None:
    gone = away(site, site.web).on_same_sr(SrRef("OpaqueRef:gone"))
    assert problem(evaluate(site.site, gone), "R68").message == "The chosen SR no longer exists."
    assert "OpaqueRef" not in " ".join(p.message for p in evaluate(site.site, gone).problems)
    for pbd in site.lisboa.tables["PBD"]:
        site.lisboa.set(pbd, currently_attached=False)
    found = evaluate(site.site, away(site, site.web).on_same_sr(site.l_nfs))
    assert problem(found, "R68").message == "l-nfs is detached."
    iso = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m3).on_same_sr(site.m_iso)
    assert problem(evaluate(site.site, iso), "R68").message == "m-iso holds no virtual disks."


def test_without_a_host_nothing_is_said_of_storage(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.web).on(site.web, HostRef("gone")))
    assert {"R56", "R63", "R67"}.isdisjoint(rules(found))
