"""Rules about single disks, what the scenario does not show."""

from typing import Any

import pytest

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.migration.defaults import resolve
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.rules.disks import kind_of_disk, unmovable
from xsmigui.core.problems import Severity
from xsmigui.core.units import GiB

DISK = "OpaqueRef:Madrid/VDI/web 0"


def release(pool: PoolBuilder, xapi: str) -> None:
    """All hosts of a pool run this xapi."""
    for host in pool.hosts:
        pool.set(host, software_version={**pool.get(host).software_version, "xapi_build": xapi})


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "ha_statefile"}, "the state file of high availability"),
        ({"type": "redo_log"}, "a redo log"),
        ({"type": "metadata"}, "metadata of the pool"),
        ({"type": "cbt_metadata"}, "metadata of changed block tracking"),
        ({"is_tools_iso": True}, "the tools' CD"),
        ({"missing": True}, "missing from its SR"),
        ({"managed": False}, "a hidden part of other disks"),
        ({"sharable": True}, "shared by several VMs"),
        ({}, ""),
    ],
)
def test_r61_kinds_of_disks(site: TwoPools, fields: dict[str, Any], reason: str) -> None:
    site.madrid.set(DISK, **fields)
    inventory = site.madrid.inventory()
    assert str(unmovable(inventory, inventory.VDI[DISK])) == reason  # type: ignore[index]
    found = evaluate(site.site, away(site, site.web))
    assert ("R61" in blocks(found)) is bool(reason)
    if reason:
        assert reason in problem(found, "R61").message


def test_r61_physical_devices_and_snapshots(site: TwoPools) -> None:
    usb = site.madrid.sr("usb", "udev")
    site.madrid.set(DISK, SR=usb)
    inventory = site.madrid.inventory()
    assert str(unmovable(inventory, inventory.VDI[DISK])) == "a physical device"  # type: ignore[index]
    site.madrid.set("OpaqueRef:Madrid/VDI/files 0", is_a_snapshot=True)
    (move,) = resolve(site.site, away(site, site.files)).moves
    assert list(kind_of_disk.check(move)) == []
    object.__setattr__(move, "kind", Kind.disk)  # a single disk is moved
    assert ["it is a snapshot" in p.message for p in kind_of_disk.check(move)] == [True]


def test_r58_a_local_disk_comes_along(site: TwoPools) -> None:
    site.madrid.set(DISK, SR=site.m1_local)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R58").message == "m3 cannot see m1 local, so web 0 moves too."
    assert problem(found, "R58").severity is Severity.info


def test_r62_image_formats(site: TwoPools) -> None:
    site.madrid.set(DISK, sm_config={"image-format": "qcow2"})
    assert "R62" not in rules(evaluate(site.site, away(site, site.web)))
    driver = site.lisboa.get_all("SM", type="nfs")[0]
    site.lisboa.set(driver, supported_image_formats=["vhd", "raw"])
    found = problem(evaluate(site.site, away(site, site.web)), "R62")
    assert (found.severity, "a qcow2 image, which l-nfs does not know" in found.message) == (Severity.warn, True)
    site.lisboa.set(driver, supported_image_formats=["vhd", "qcow2"])
    assert "R62" not in rules(evaluate(site.site, away(site, site.web)))


def test_r05_somebody_must_be_able_to_send(site: TwoPools) -> None:
    """The halted VM's disk is on an SR that no live host sees; then it lacks the memory to be held in its pool."""
    assert "R05" not in rules(evaluate(site.site, away(site, site.files)))
    for pbd in site.madrid.get_all("PBD", SR=site.m_nfs):
        site.madrid.set(pbd, currently_attached=False)
    found = evaluate(site.site, away(site, site.files))
    assert "sees everything that files needs" in problem(found, "R05").message
    assert "R05" in blocks(evaluate(site.site, away(site, site.sleeper)))
    for pbd in site.madrid.get_all("PBD", SR=site.m_nfs):
        site.madrid.set(pbd, currently_attached=True)
    site.madrid.set(site.files, memory_dynamic_min=100 * GiB)
    draft = inside(site, site.files).on_same_sr(site.m_iscsi)
    assert "could hold files while its disks move" in problem(evaluate(site.site, draft), "R05").message


@pytest.mark.parametrize("suspended", [False, True])
def test_r05_what_does_not_run_leaves_only_if_it_could_start(site: TwoPools, suspended: bool) -> None:
    """Before 26.14; the host that lacks least is named with what it lacks."""
    a, vm = site.madrid, site.sleeper if suspended else site.files
    a.set(vm, memory_dynamic_min=100 * GiB)
    a.set(a.get(site.m2).metrics, memory_total=80 * GiB)
    a.vm("small", on=site.m2, memory=4 * GiB)
    found = problem(evaluate(site.site, away(site, vm)), "R05")
    assert found.blocks
    assert "only if a host there could start it" in found.message
    assert "m1 comes nearest" not in found.message
    assert "it lacks" in found.message
    a.set(vm, memory_dynamic_min=2 * GiB, VCPUs_max=64)
    message = problem(evaluate(site.site, away(site, vm)), "R05").message
    assert "m1 comes closest: it has 16 processors for 64 vCPUs." in message
    a.set(vm, VCPUs_max=2)
    assert "R05" not in rules(evaluate(site.site, away(site, vm)))
    for host in a.hosts:
        a.set(host, enabled=False)
    assert "it is in maintenance mode" in problem(evaluate(site.site, away(site, vm)), "R05").message
    release(a, "26.14.0")
    release(site.lisboa, "26.14.0")
    assert "R05" not in rules(evaluate(site.site, away(site, vm)))


def test_r66_marks_of_backups_on_snapshots_and_disks(site: TwoPools) -> None:
    assert "R66" not in rules(evaluate(site.site, away(site, site.db)))
    site.madrid.set(site.db_snapshot, other_config={"xo:backup:job": "1"})
    site.madrid.set("OpaqueRef:Madrid/VDI/db 0", tags=["Veeam"])
    found = problem(evaluate(site.site, away(site, site.db)), "R66")
    assert "(Veeam and xo:backup:job)" in found.message
    assert "R66" not in rules(evaluate(site.site, inside(site, site.db)))
