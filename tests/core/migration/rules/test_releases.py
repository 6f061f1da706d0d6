"""Rules that know the release of both sides: each fact on the release before it came and on the one that has it."""

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import gate_question
from xsmigui.core.problems import Severity
from xsmigui.core.releases import Since, knows, pool_knows, version_of
from xsmigui.core.units import GiB, MiB

DISK = "OpaqueRef:Madrid/VDI/web 0"


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def run(pool: PoolBuilder, xapi: str) -> None:
    """All hosts of a pool run this xapi."""
    for host in pool.hosts:
        pool.set(host, software_version={**pool.get(host).software_version, "xapi_build": xapi})


def everywhere(site: TwoPools, xapi: str) -> TwoPools:
    run(site.madrid, xapi)
    run(site.lisboa, xapi)
    return site


def severity(found: Evaluation, rule: str) -> Severity | None:
    return max((p.severity for p in found.problems if p.rule == rule), default=None)


@pytest.mark.parametrize("change", list(Since))
def test_a_release_has_what_came_with_it_and_one_before_has_not(change: Since) -> None:
    first = version_of(change.value)
    before = f"{first[0]}.{first[1] - 1}.99"
    assert knows({"xapi_build": change.value}, change)
    assert knows({"xapi_build": f"{change.value}-1.xs9"}, change)
    assert not knows({"xapi_build": before}, change)
    assert not knows({"xapi_build": "1.249.38"}, change)  # 8.2: its numbers are older than all of these
    assert not knows({}, change)


def test_a_pool_speaks_with_its_coordinator_s_release(site: TwoPools) -> None:
    run(site.madrid, "24.10.0")
    site.madrid.set(site.m1, software_version={"xapi_build": "26.17.0"})
    assert pool_knows(site.madrid.inventory(), Since.SENDS_WITHOUT_ROOM)
    site.madrid.set(site.madrid.ref, master="OpaqueRef:gone")
    assert not pool_knows(site.madrid.inventory(), Since.SENDS_WITHOUT_ROOM)


@pytest.mark.parametrize(
    ("source", "target", "halted", "expected"),
    [
        ("24.40.0", "24.40.0", False, Severity.block),
        ("24.39.1", "24.40.0", False, Severity.warn),  # the source checks the VM alone
        ("24.40.0", "24.40.0", True, Severity.warn),  # nobody checks a halted VM
    ],
)
def test_r31_snapshots_with_memory(site: TwoPools, source: str, target: str, halted: bool, expected: Severity) -> None:
    run(site.madrid, source)
    run(site.lisboa, target)
    vm = site.files if halted else site.db
    snapshot = site.madrid.snapshot(vm, "with memory", memory_on=site.m_nfs)
    site.madrid.set(snapshot, last_boot_CPU_flags={"vendor": "AuthenticAMD"})
    assert severity(evaluate(site.site, away(site, vm)), "R31") is expected


@pytest.mark.parametrize(
    ("xapi", "features", "allowed"),
    [
        ("25.2.0", ["VDI_SNAPSHOT", "VDI_MIRROR_IN"], False),
        ("25.3.0", ["VDI_SNAPSHOT", "VDI_MIRROR_IN"], True),
        ("25.2.0", ["VDI_SNAPSHOT", "VDI_MIRROR"], True),
        ("25.3.0", ["VDI_SNAPSHOT", "VDI_MIRROR"], True),
        ("25.3.0", ["VDI_SNAPSHOT"], False),
    ],
)
def test_r52_what_the_receiving_driver_must_know(site: TwoPools, xapi: str, features: list[str], allowed: bool) -> None:
    run(site.madrid, xapi)  # the sender asks; the destination is newer
    there = site.lisboa.sr("new", "smapiv3", features=features)
    found = evaluate(site.site, away(site, site.web).on_same_sr(there))
    assert ("R52" not in blocks(found)) is allowed


@pytest.mark.parametrize(("xapi", "sends"), [("25.19.0", False), ("25.20.0", True)])
def test_r52_clustered_srs_send_since_they_can(site: TwoPools, xapi: str, sends: bool) -> None:
    everywhere(site, xapi)
    gfs2 = site.madrid.sr("cluster", "gfs2")
    site.madrid.set(DISK, SR=gfs2)
    assert ("R52" not in blocks(evaluate(site.site, away(site, site.web)))) is sends


@pytest.mark.parametrize(("xapi", "refused"), [("25.14.0", True), ("25.15.0", False)])
def test_r53_tracked_disks_that_stay(site: TwoPools, xapi: str, refused: bool) -> None:
    everywhere(site, xapi)
    site.madrid.set(DISK, cbt_enabled=True)
    draft = inside(site, site.web).placing("OpaqueRef:Madrid/VDI/web 1", site.m_iscsi)  # type: ignore[arg-type]
    found = evaluate(site.site, draft)
    assert (blocks(found) == ["R53"]) is refused
    if refused:
        assert "stays where it is" in problem(found, "R53").message
    assert rules(evaluate(site.site, inside(site, site.web))) == []  # a plain live migration asks for nothing


@pytest.mark.parametrize(("xapi", "expected"), [("25.17.0", None), ("25.18.0", Severity.warn)])
def test_r42_a_guest_that_keeps_its_memory_at_home(site: TwoPools, xapi: str, expected: Severity | None) -> None:
    """16 GiB at present, and 4 counted: 64 GiB of the host are 2 dom0's, 4 db's, 52 another's, and 6 are free."""
    everywhere(site, xapi)
    a = site.madrid
    a.set(site.db, memory_dynamic_min=4 * GiB)
    a.vm("neighbour", on=site.m2, memory=52 * GiB)
    draft = a.move(site.db, destination=a.id).on(site.db, site.m2).on_same_sr(site.m_nfs)
    assert severity(evaluate(site.site, draft), "R42") is expected
    a.set(site.db, memory_dynamic_min=16 * GiB)
    assert severity(evaluate(site.site, draft), "R42") is Severity.block


@pytest.mark.parametrize(
    ("xapi", "blocked"), [("25.23.0", False), ("25.24.0", True), ("25.26.0", True), ("25.27.0", False)]
)
def test_r02_whether_a_driver_that_was_seen_is_enough(site: TwoPools, xapi: str, blocked: bool) -> None:
    everywhere(site, xapi)
    site.madrid.set(site.madrid.get(site.web).guest_metrics, other={})
    assert ("R02" in blocks(evaluate(site.site, inside(site, site.web)))) is blocked


@pytest.mark.parametrize(
    ("xapi", "running", "suspended"),
    [
        ("24.10.0", Severity.warn, None),
        ("25.24.0", Severity.block, None),
        ("25.27.0", Severity.block, Severity.block),
        ("26.12.0", Severity.block, Severity.block),
        ("26.13.0", Severity.block, None),
    ],
)
def test_r76_the_guest_s_reason(
    site: TwoPools, xapi: str, running: Severity | None, suspended: Severity | None
) -> None:
    everywhere(site, xapi)
    reason = {"feature-suspend": "1", "data-cant-suspend-reason": "A driver refuses"}
    site.madrid.set(site.madrid.get(site.web).guest_metrics, other=reason)
    site.madrid.set(site.sleeper, guest_metrics=site.madrid.get(site.web).guest_metrics)
    assert severity(evaluate(site.site, away(site, site.web)), "R76") is running
    assert severity(evaluate(site.site, away(site, site.sleeper)), "R76") is suspended


@pytest.mark.parametrize(("vcpus", "mib"), [(1, 1), (6, 1), (7, 2), (64, 10)])
def test_r40_newer_servers_count_more_for_each_vcpu(site: TwoPools, vcpus: int, mib: int) -> None:
    run(site.madrid, "26.2.0")
    run(site.lisboa, "26.3.0")
    site.madrid.set(site.web, VCPUs_max=vcpus, memory_overhead=0)
    for host in (site.l1, site.l2):
        site.lisboa.set(host, cpu_info={**site.lisboa.get(host).cpu_info, "cpu_count": "64"})
    (move,) = evaluate(site.site, away(site, site.web)).resolved.moves
    assert move.memory_there - move.memory == mib * MiB
    room = 2 * GiB + 2 * GiB + 2 * GiB  # dom0, lisboa-web, and web without the new part
    site.lisboa.set(site.lisboa.get(site.l1).metrics, memory_total=room)
    assert "R40" in blocks(evaluate(site.site, away(site, site.web)))
    run(site.madrid, "26.3.0")  # the record holds it already
    assert "R40" not in blocks(evaluate(site.site, away(site, site.web)))


@pytest.mark.parametrize(("xapi", "warned"), [("26.5.0", True), ("26.6.0", False)])
def test_r19_longer_than_a_session_lives(site: TwoPools, xapi: str, warned: bool) -> None:
    everywhere(site, xapi)
    site.madrid.set(DISK, virtual_size=1900 * GiB)
    assert severity(evaluate(site.site, away(site, site.web)), "R19") is Severity.info
    for ref, row in list(site.madrid.tables["PIF_metrics"].items()):
        site.madrid.tables["PIF_metrics"][ref] = replace(row, speed=100)
    for ref, row in list(site.lisboa.tables["PIF_metrics"].items()):
        site.lisboa.tables["PIF_metrics"][ref] = replace(row, speed=100)
    found = evaluate(site.site, away(site, site.web))
    assert (severity(found, "R19") is Severity.warn) is warned


def test_r06_metadata_export_is_no_operation_that_one_waits_for(site: TwoPools) -> None:
    """It stands there for 50 ms whenever anybody asks; the server allows nothing meanwhile."""
    site.madrid.set(
        site.web, current_operations={"OpaqueRef:task": "metadata_export"}, allowed_operations=["clean_shutdown"]
    )
    found = evaluate(site.site, away(site, site.web))
    assert "R06" not in rules(found)
    (move,) = found.resolved.moves
    assert gate_question(move) is None
    site.madrid.set(site.web, current_operations={"OpaqueRef:task": "snapshot"})
    found = evaluate(site.site, away(site, site.web))
    assert "R06" in blocks(found)
    (move,) = found.resolved.moves
    assert gate_question(move) is not None


@pytest.mark.parametrize(("xapi", "refused"), [("1.249.38", True), ("1.300.0", True), ("1.301.0", False)])
def test_r05_disks_of_a_vm_on_a_disabled_host(site: TwoPools, xapi: str, refused: bool) -> None:
    """Its own host, which stays: the server asked whether it takes VMs until 1.301."""
    everywhere(site, xapi)
    a = site.madrid
    host = a.get(site.web).resident_on
    a.set(host, enabled=False)
    draft = a.move(site.web, destination=a.id).on(site.web, host).on_same_sr(a.sr("other", "nfs"))
    assert ("R05" in blocks(evaluate(site.site, draft))) is refused


@pytest.mark.parametrize("xapi", ["24.10.0", "24.39.1", "24.40.0", "26.17.0"])
@pytest.mark.parametrize("sender", ["24.39.1", "24.40.0"])
def test_r30_r31_a_halted_vm_starts_anew_on_any_processor(site: TwoPools, sender: str, xapi: str) -> None:
    """No release compares processors for it, whichever side would (cpuid_helpers.ml, assert_vm_is_compatible)."""
    run(site.madrid, sender)
    run(site.lisboa, xapi)
    for vm in (site.files, site.web):
        site.madrid.set(vm, last_boot_CPU_flags={"vendor": "AuthenticAMD", "features": "ffffffff-ffffffff"})
    assert not {"R30", "R31"} & set(rules(evaluate(site.site, away(site, site.files))))
    assert {"R30", "R31"} & set(blocks(evaluate(site.site, away(site, site.web))))
