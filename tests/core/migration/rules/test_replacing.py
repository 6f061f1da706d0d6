"""Rules about disks that this program copies itself, both ways."""

from typing import Any

import pytest

from tests.core.migration.helpers import answered, blocks, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.migration.calls import Call
from xsmigui.core.migration.diskdraft import draft_of_disks
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.exchange import JOB, KEPT
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import draft_of
from xsmigui.core.migration.summary import summarize, xe_script
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import SrRef, VdiRef
from xsmigui.core.units import GiB, TiB

DISK = VdiRef("OpaqueRef:Madrid/VDI/files 0")


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def draft(site: TwoPools, disk: VdiRef = DISK, sr: SrRef | None = None, days: int = 7) -> Draft:
    return draft_of_disks(site.site, site.madrid.id, [disk], sr or site.m_iscsi).copying(True, days)


def judged(site: TwoPools, **how: Any) -> Evaluation:
    return answered(site.site, draft(site, **how))


def test_a_plan_of_copies(site: TwoPools) -> None:
    found = judged(site)
    assert found.plan is not None, [p.sentence() for p in found.problems]
    (move,) = found.plan.moves
    assert move.kind is Kind.disk
    assert move.calls == (Call(site.madrid.id, "VDI.copy", (DISK, site.m_iscsi)),)
    assert Page.storage_network not in found.pages
    assert "R42" not in rules(found)
    assert draft_of(found.plan, site.site).copies
    assert answered(site.site, draft_of(found.plan, site.site)).plan == found.plan
    (vm,) = summarize(found.plan)
    assert vm.sentence.endswith("The sources are kept for 7 days.")
    assert "xe vdi-copy" in xe_script(found.plan)
    assert "vdi-destroy" not in xe_script(found.plan)
    site.madrid.driver("nfs", ["VDI_CREATE", "VDI_DELETE"])
    at_once = judged(site, days=0)
    assert at_once.plan is not None
    assert [call.method for call in at_once.plan.moves[0].calls] == ["VDI.copy", "VDI.destroy"]
    assert summarize(at_once.plan)[0].sentence.endswith("removed when that has worked.")
    assert "vdi-destroy" in xe_script(at_once.plan)


def test_the_other_disks_stay(site: TwoPools) -> None:
    """Also where no host is known that sees them, and another SR is the default."""
    second = site.madrid.disk(site.m1_local, name="scratch")
    site.madrid.attach(site.files, second)
    found = judged(site, sr=site.m2_local)
    (move,) = found.resolved.moves
    assert move.placement[second] == site.m1_local
    assert set(move.moving) == {DISK}


def test_left_to_the_server(site: TwoPools) -> None:
    found = answered(site.site, draft(site).copying(False))
    assert found.plan is not None
    assert [call.method for call in found.plan.moves[0].calls] == ["host.migrate_receive", "VM.migrate_send"]


def test_a_disk_of_no_vm(site: TwoPools) -> None:
    disk = site.madrid.disk(site.m_nfs, name="archive")
    found = judged(site, disk=disk)
    assert found.plan is not None, [p.sentence() for p in found.problems]
    (move,) = found.plan.moves
    assert (move.is_loose, move.vm.name, move.host.uuid) == (True, "archive", "")
    assert answered(site.site, draft_of(found.plan, site.site)).plan == found.plan
    (shown,) = summarize(found.plan)
    assert shown.rows == (("archive", "m-nfs → m-iscsi · 10.0 GiB"),)
    assert "vbd-create" not in xe_script(found.plan)
    there = judged(site, disk=disk, sr=site.m_nfs)
    assert "R12" in blocks(there)
    nowhere = answered(site.site, draft_of_disks(site.site, site.madrid.id, [disk], None))
    assert "R67" in blocks(nowhere)


def test_r07_another_job(site: TwoPools) -> None:
    assert "R07" not in rules(judged(site))
    site.madrid.set(site.files, blocked_operations={"start": "xsmigui: its virtual disks are being moved (job 1)"})
    assert "job 1" in problem(judged(site), "R07").message
    site.madrid.set(site.files, blocked_operations={"start": "maintenance"})
    assert "R07" not in rules(judged(site))


@pytest.mark.parametrize(
    ("fields", "rule", "severity"),
    [
        ({"cbt_enabled": True}, "R53", Severity.warn),
        ({"on_boot": "reset"}, "R54", Severity.block),
        ({"sm_config": {"key_hash": "1"}}, "R55", Severity.block),
        ({"type": "redo_log"}, "R61", Severity.block),
        ({"virtual_size": 3 * TiB}, "R62", Severity.block),
        ({"virtual_size": 900 * TiB}, "R50", Severity.block),
        ({"current_operations": {"task": "copy"}}, "R06", Severity.block),
    ],
)
def test_what_the_disk_is(site: TwoPools, fields: dict[str, Any], rule: str, severity: Severity) -> None:
    before = {p.rule: p.severity for p in judged(site).problems}
    assert before.get(rule) is not severity
    site.madrid.set(DISK, **fields)
    assert problem(judged(site), rule).severity is severity


def test_r52_srs(site: TwoPools) -> None:
    """No mirror is needed, only a new disk; and one that can be removed where the source is not kept."""
    site.madrid.driver("lvmoiscsi", ["VDI_CREATE"])
    assert "R52" not in rules(judged(site))
    assert "R52" in blocks(answered(site.site, draft(site).copying(False)))
    site.madrid.driver("lvmoiscsi", ["VDI_SNAPSHOT", "VDI_MIRROR"])
    assert "R52" in blocks(judged(site))
    site.madrid.driver("lvmoiscsi", ["VDI_CREATE"])
    site.madrid.driver("nfs", ["VDI_CREATE"])
    assert "R52" not in rules(judged(site))
    assert "R52" in blocks(judged(site, days=0))


def test_r56_a_host_sees_both(site: TwoPools) -> None:
    disk = site.madrid.disk(site.m1_local, name="scratch")
    assert "R56" not in rules(judged(site, disk=disk))
    assert "R56" in blocks(judged(site, disk=disk, sr=site.m2_local))


def test_r57_one_host(site: TwoPools) -> None:
    assert "R57" not in rules(judged(site))
    assert problem(judged(site, sr=site.m1_local), "R57").severity is Severity.warn


def test_r56_r57_where_it_can_start(site: TwoPools) -> None:
    site.madrid.set(site.files, affinity=site.m2)
    assert "R56" not in rules(judged(site, sr=site.m2_local))
    assert problem(judged(site, sr=site.m1_local), "R56").severity is Severity.warn
    second = site.madrid.disk(site.m2_local, name="scratch")
    site.madrid.attach(site.files, second)
    assert "R57" in blocks(judged(site, sr=site.m1_local))
    assert "R57" not in blocks(judged(site, sr=site.m2_local))


def test_r60_snapshots_stay(site: TwoPools) -> None:
    assert "R60" not in rules(judged(site))
    site.madrid.snapshot(site.files, "before")
    assert problem(judged(site), "R60").message == "1 disk of snapshots (20.0 GiB) stays on m-nfs."


def test_r61_images_and_kept_sources_are_no_loose_disks(site: TwoPools) -> None:
    for fields in ({"type": "suspend"}, {"other_config": {KEPT: "{}"}}):
        disk = site.madrid.disk(site.m_nfs, name="x", **fields)
        with pytest.raises(ValueError, match=r"\w"):
            draft(site, disk=disk)
    marked = site.madrid.disk(site.m_nfs, name="y", other_config={JOB: "1 another disk"})
    assert judged(site, disk=marked).plan is not None


def test_space_is_counted(site: TwoPools) -> None:
    found = judged(site)
    account = found.ledger.space[site.m_iscsi]
    assert account.incoming >= 20 * GiB
    assert site.m_nfs not in found.ledger.space  # the source stays
    assert found.ledger.space.keys() == {site.m_iscsi}
    assert judged(site, days=0).ledger.space[site.m_nfs].outgoing > 0
