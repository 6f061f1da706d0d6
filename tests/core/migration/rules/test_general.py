"""Rules about the VM itself, from both sides."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.migration.draft import Claim, Draft, StorageMode
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.fixes import Unblock
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import HostRef


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_nothing_is_said_of_a_plain_move(site: TwoPools) -> None:
    assert rules(evaluate(site.site, inside(site, site.web))) == []
    assert blocks(evaluate(site.site, away(site, site.web))) == []


def changed(site: TwoPools, draft: Draft, ref: str, **fields: Any) -> Evaluation:
    """The evaluation after a change of a record of Madrid."""
    site.madrid.set(ref, **fields)
    return evaluate(site.site, draft)


def test_r02_tools(site: TwoPools) -> None:
    guest = site.madrid.get(site.web).guest_metrics
    draft = inside(site, site.web)
    found = changed(site, draft, guest, PV_drivers_version={}, other={})
    assert blocks(found) == ["R02"]
    assert problem(found, "R02").message == "VM Tools are not running in web."
    assert blocks(changed(site, draft, guest, PV_drivers_version={}, other={"feature-suspend": "1"})) == []
    assert blocks(changed(site, draft, guest, PV_drivers_version={"major": "9"}, other={})) == ["R02"]
    assert blocks(changed(site, draft, guest, PV_drivers_version={"major": "9", "minor": "4"}, other={})) == []
    site.madrid.remove(guest)
    assert blocks(evaluate(site.site, draft)) == ["R02"]
    metrics = site.madrid.get(site.web).metrics
    assert blocks(changed(site, draft, metrics, current_domain_type="pv")) == []
    site.madrid.remove(metrics)
    assert blocks(evaluate(site.site, draft)) == []


def test_r03_age_of_tools(site: TwoPools) -> None:
    guest = site.madrid.get(site.web).guest_metrics
    found = changed(site, inside(site, site.web), guest, PV_drivers_up_to_date=False)
    assert rules(found) == ["R03"]
    assert problem(found, "R03").severity is Severity.warn


def test_r05_the_vm_s_host_is_down(site: TwoPools) -> None:
    site.madrid.set(site.madrid.get(site.m1).metrics, live=False)
    found = evaluate(site.site, inside(site, site.web))
    assert "m1, on which web runs, cannot be reached" in problem(found, "R05").message
    assert "R05" not in rules(evaluate(site.site, inside(site, site.db)))
    site.madrid.set(site.web, resident_on="OpaqueRef:gone")
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R05").message == "The host on which web runs is no longer known."


def test_r05_copy_inside_a_pool(site: TwoPools) -> None:
    draft = (
        Draft(site.madrid.id, (site.files,), site.madrid.id, copy=True).on(site.files, site.m1).on_same_sr(site.m_iscsi)
    )
    assert blocks(evaluate(site.site, draft)) == ["R05"]
    there = Draft(site.madrid.id, (site.files,), site.lisboa.id, copy=True)
    assert blocks(evaluate(site.site, there)) == []


def test_r06_busy(site: TwoPools) -> None:
    task = site.madrid.task("nightly backup")
    found = changed(site, inside(site, site.web), site.web, current_operations={task: "snapshot"})
    assert problem(found, "R06").hint == "Wait until “nightly backup” has ended."
    found = changed(site, inside(site, site.web), site.web, current_operations={"unknown": "export"})
    assert problem(found, "R06").hint == "Wait until it has ended."
    assert rules(changed(site, inside(site, site.web), site.web, current_operations={task: "data_source_op"})) == []


def test_r06_busy_disks(site: TwoPools) -> None:
    disk = "OpaqueRef:Madrid/VDI/web 0"
    site.madrid.set(disk, current_operations={"t": "copy"})
    assert problem(evaluate(site.site, away(site, site.web)), "R06").message == "web 0 of web is busy: copy is running."
    assert rules(evaluate(site.site, inside(site, site.web))) == []


def test_r06_a_backup_holds_a_disk(site: TwoPools) -> None:
    disk = "OpaqueRef:Madrid/VDI/web 0"
    dom0 = "OpaqueRef:Madrid/VM/dom0 on m1"
    vbd = site.madrid.attach(dom0, disk)  # type: ignore[arg-type]
    found = evaluate(site.site, away(site, site.web))
    assert "web 0 of web is attached to the control domain." in problem(found, "R06").message
    assert "R06" not in rules(changed(site, away(site, site.web), vbd, currently_attached=False))
    site.madrid.set(vbd, currently_attached=True, VM=site.db)
    assert "R06" not in rules(evaluate(site.site, away(site, site.web)))


def test_r07_blocked(site: TwoPools) -> None:
    found = changed(site, inside(site, site.web), site.web, blocked_operations={"pool_migrate": "do not touch"})
    assert problem(found, "R07").message == "Somebody has blocked the migration of web: “do not touch”."
    assert "“pool_migrate”" in problem(found, "R07").hint
    found = changed(site, inside(site, site.web), site.web, blocked_operations={"pool_migrate": ""})
    assert "“–”" in problem(found, "R07").message
    assert "R07" not in rules(evaluate(site.site, away(site, site.web)))


OURS = "xsmigui: its virtual disks are being moved (job 1)"


def test_r07_a_block_of_our_own(site: TwoPools) -> None:
    """Cleared on the spot, but not under the feet of a job that is under way."""
    site.madrid.set(site.web, blocked_operations={"pool_migrate": OURS})
    left = problem(evaluate(site.site, inside(site, site.web)), "R07")
    assert left.remedy == Unblock(
        pool=site.madrid.id, vm=site.web, operations=("pool_migrate",), vm_name="web", reasons=(OURS,)
    )
    claim = Claim(
        vm=site.madrid.uuid(site.web),
        source=site.madrid.id,
        pool=site.madrid.id,
        host=HostRef(""),
        memory=0,
        space=(),
        storage=True,
    )
    busy = replace(site.site, claims=(claim,))
    held = problem(evaluate(busy, inside(site, site.web)), "R07")
    assert (held.fix, held.blocks) == ("", True)


def test_r09_licence(site: TwoPools) -> None:
    pool = site.madrid.ref
    live, storage = inside(site, site.web), inside(site, site.web).on_same_sr(site.m_iscsi)
    site.madrid.set(pool, restrictions={"restrict_xen_motion": "true"})
    found = evaluate(site.site, live)
    assert problem(found, "R09").message == "The licence of Madrid does not include live migration."
    assert "R09" not in rules(evaluate(site.site, storage))
    site.madrid.set(pool, restrictions={"restrict_storage_xen_motion": "true", "restrict_xen_motion": "false"})
    assert blocks(evaluate(site.site, storage)) == ["R09"]
    assert "R09" not in rules(evaluate(site.site, live))
    assert "R09" in blocks(evaluate(site.site, away(site, site.web)))
    assert "R09" not in rules(evaluate(site.site, site.madrid.move(site.files, destination=site.madrid.id)))


def test_r10_power(site: TwoPools) -> None:
    found = changed(site, inside(site, site.web), site.web, power_state="Paused")
    assert "paused VMs cannot be migrated" in problem(found, "R10").message
    asleep = inside(site, site.sleeper)
    asleep = Draft(asleep.source, asleep.vms, asleep.destination, asleep.hosts, StorageMode.keep)
    assert problem(evaluate(site.site, asleep), "R10").page is Page.storage
    assert "R10" not in rules(evaluate(site.site, inside(site, site.sleeper).on_same_sr(site.m_iscsi)))
    assert "R10" not in rules(evaluate(site.site, away(site, site.sleeper)))


def test_r10_only_halted_vms_are_copied(site: TwoPools) -> None:
    draft = Draft(site.madrid.id, (site.db,), site.lisboa.id, copy=True)
    assert "only halted VMs can be copied" in problem(evaluate(site.site, draft), "R10").message


def test_r11_templates(site: TwoPools) -> None:
    dom0 = "OpaqueRef:Madrid/VM/dom0 on m1"
    default = site.madrid.template("default", is_default_template=True)
    custom = site.madrid.template("custom", disks=[site.m_nfs])
    for vm, word in (
        (dom0, "control domain"),
        (site.db_snapshot, "moves with its VM"),
        (default, "come with the server"),
    ):
        found = evaluate(site.site, away(site, vm))  # type: ignore[arg-type]
        assert word in problem(found, "R11").message
    assert blocks(evaluate(site.site, away(site, custom))) == []


def test_r12_nothing_would_move(site: TwoPools) -> None:
    pool = site.madrid.id
    stays = site.madrid.move(site.web, destination=pool).on(site.web, site.m1)
    found = evaluate(site.site, stays)
    assert blocks(found) == ["R12"]
    assert problem(found, "R12").message == "web already runs on m1 and all its disks would stay where they are."
    assert problem(found, "R12").page is Page.home_server
    halted = site.madrid.move(site.files, destination=pool).on(site.files, site.m1)
    found = evaluate(site.site, halted)
    assert blocks(found) == ["R12"]
    assert problem(found, "R12").page is Page.storage
    assert blocks(evaluate(site.site, stays.on_same_sr(site.m_iscsi))) == []
    assert "R12" not in rules(evaluate(site.site, inside(site, site.web)))
    assert "R12" not in rules(evaluate(site.site, away(site, site.files)))


def test_r13_the_same_identity_at_the_destination(site: TwoPools) -> None:
    twin = site.lisboa.vm("twin", uuid=site.madrid.uuid(site.web))
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R13").message == "Lisboa already has a VM with the identity of web: twin."
    assert problem(found, "R13").severity is Severity.block
    site.madrid.set(site.web, version=1)
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R13").severity is Severity.warn
    assert "the move replaces it" in problem(found, "R13").message
    site.lisboa.set(twin, power_state="Running")
    assert "R13" in blocks(evaluate(site.site, away(site, site.web)))
    copy = Draft(site.madrid.id, (site.web,), site.lisboa.id, copy=True)
    assert "R13" not in rules(evaluate(site.site, copy))
    assert "R13" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r13_the_same_mac_seed(site: TwoPools) -> None:
    site.madrid.set(site.web, other_config={"mac_seed": "s"})
    other = site.lisboa.vm("other", other_config={"mac_seed": "s"})
    assert "from the same seed as web" in problem(evaluate(site.site, away(site, site.web)), "R13").message
    site.lisboa.set(other, uuid=site.madrid.uuid(site.web))
    site.madrid.set(site.web, version=5)
    assert problem(evaluate(site.site, away(site, site.web)), "R13").severity is Severity.warn
    site.lisboa.set(other, other_config={"mac_seed": "t"}, uuid="else")
    assert "R13" not in rules(evaluate(site.site, away(site, site.web)))


def test_r14_rolling_upgrade(site: TwoPools) -> None:
    site.lisboa.set(site.lisboa.ref, other_config={"rolling_upgrade_in_progress": "true"})
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R14").message.startswith("Lisboa is being upgraded")
    assert "R14" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r15_high_availability(site: TwoPools) -> None:
    site.madrid.set(site.madrid.ref, ha_enabled=True)
    site.madrid.set(site.web, ha_restart_priority="restart")
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R15").severity is Severity.warn
    assert "R15" not in rules(evaluate(site.site, inside(site, site.web)))
    assert "R15" not in rules(evaluate(site.site, away(site, site.db)))
    site.lisboa.set(site.lisboa.ref, ha_enabled=True)
    assert "R15" not in rules(evaluate(site.site, away(site, site.web)))
    site.lisboa.set(site.lisboa.ref, ha_enabled=False)
    site.madrid.set(site.madrid.ref, ha_enabled=False)
    marked = problem(evaluate(site.site, away(site, site.web)), "R15")
    assert (marked.severity, "marked to be restarted" in marked.message) == (Severity.info, True)
    assert "R15" not in rules(evaluate(site.site, away(site, site.db)))


def test_r15_only_the_server_knows_the_plan(site: TwoPools) -> None:
    site.madrid.set(site.madrid.ref, ha_enabled=True, ha_plan_exists_for=1)
    assert problem(evaluate(site.site, inside(site, site.web)), "R15").severity is Severity.info
    assert "R15" not in rules(evaluate(site.site, inside(site, site.files)))
    site.madrid.set(site.madrid.ref, ha_allow_overcommit=True)
    assert "R15" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r70_r71_devices(site: TwoPools) -> None:
    assert blocks(changed(site, inside(site, site.web), site.web, attached_PCIs=["OpaqueRef:p"])) == ["R70"]
    assert blocks(changed(site, inside(site, site.web), site.web, attached_PCIs=[], VUSBs=["OpaqueRef:u"])) == ["R71"]
    assert "R71" in blocks(
        changed(site, away(site, site.files), site.files, VUSBs=["OpaqueRef:u"], attached_PCIs=["p"])
    )
    assert "R70" not in rules(evaluate(site.site, away(site, site.files)))


def test_r73_immobile(site: TwoPools) -> None:
    metrics = site.madrid.get(site.sleeper).metrics
    found = changed(site, away(site, site.sleeper), metrics, nomigrate=True, nested_virt=True)
    assert "marked as not to be migrated and it uses nested virtualisation" in problem(found, "R73").message
    site.madrid.remove(metrics)
    assert "R73" not in rules(evaluate(site.site, away(site, site.sleeper)))
    found = changed(site, away(site, site.sleeper), site.sleeper, platform={"nomigrate": "true"})
    assert "marked" in problem(found, "R73").message
    found = changed(site, away(site, site.sleeper), site.sleeper, platform={"nested-virt": "true"})
    assert "nested" in problem(found, "R73").message


def test_r76_the_guest_cannot_be_suspended(site: TwoPools) -> None:
    guest = site.madrid.get(site.web).guest_metrics
    found = changed(site, inside(site, site.web), guest, other={"data-cant-suspend-reason": "busy GPU"})
    assert "“busy GPU”" in problem(found, "R76").message
