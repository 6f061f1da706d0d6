"""Which side's release decides: each fact with both pools on either side of the boundary, in all four ways."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.core.migration.helpers import away, blocks, inside, rules
from tests.core.migration.rules.test_releases import DISK, run, severity
from tests.core.site import TwoPools
from xsmigui.core.migration.candidates import formats
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.problems import Severity
from xsmigui.core.releases import Since, version_of
from xsmigui.core.units import GiB

Effect = Callable[[TwoPools], bool]


def _receives(site: TwoPools) -> bool:
    there = site.lisboa.sr("new", "smapiv3", features=["VDI_SNAPSHOT", "VDI_MIRROR_IN"])
    return "R52" not in blocks(evaluate(site.site, away(site, site.web).on_same_sr(there)))


def _sends(site: TwoPools) -> bool:
    site.madrid.set(DISK, SR=site.madrid.sr("cluster", "gfs2"))
    return "R52" not in blocks(evaluate(site.site, away(site, site.web)))


def _reason(site: TwoPools) -> None:
    reason = {"feature-suspend": "1", "data-cant-suspend-reason": "A driver refuses"}
    site.madrid.set(site.madrid.get(site.web).guest_metrics, other=reason)
    site.madrid.set(site.sleeper, guest_metrics=site.madrid.get(site.web).guest_metrics)


def _guest_refuses(site: TwoPools) -> bool:
    _reason(site)
    return severity(evaluate(site.site, away(site, site.web)), "R76") is Severity.block


def _only_live(site: TwoPools) -> bool:
    _reason(site)
    return severity(evaluate(site.site, away(site, site.sleeper)), "R76") is None


def _driver_is_enough(site: TwoPools) -> bool:
    site.madrid.set(site.madrid.get(site.web).guest_metrics, other={})
    return "R02" not in blocks(evaluate(site.site, away(site, site.web)))


def _stays_logged_in(site: TwoPools) -> bool:
    site.madrid.set(DISK, virtual_size=1900 * GiB)
    for pool in (site.madrid, site.lisboa):
        for ref, row in list(pool.tables["PIF_metrics"].items()):
            pool.tables["PIF_metrics"][ref] = replace(row, speed=100)
    return severity(evaluate(site.site, away(site, site.web)), "R19") is not Severity.warn


def _any_host_sends(site: TwoPools) -> bool:
    for host in site.madrid.hosts:
        metrics = site.madrid.get(host).metrics
        site.madrid.set(metrics, memory_total=2 * GiB)
    return "R05" not in blocks(evaluate(site.site, away(site, site.files)))


def _tracked_may_stay(site: TwoPools) -> bool:
    site.madrid.set(DISK, cbt_enabled=True)
    draft = inside(site, site.web).placing("OpaqueRef:Madrid/VDI/web 1", site.m_iscsi)  # type: ignore[arg-type]
    return "R53" not in blocks(evaluate(site.site, draft))


def _moves_while_disabled(site: TwoPools) -> bool:
    host = site.madrid.get(site.web).resident_on
    site.madrid.set(host, enabled=False)
    draft = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, host)
    return "R05" not in blocks(evaluate(site.site, draft.on_same_sr(site.madrid.sr("other", "nfs"))))


def _compares_snapshots(site: TwoPools) -> bool:
    snapshot = site.madrid.snapshot(site.db, "with memory", memory_on=site.m_nfs)
    site.madrid.set(snapshot, last_boot_CPU_flags={"vendor": "AuthenticAMD"})
    return severity(evaluate(site.site, away(site, site.db)), "R31") is Severity.block


def _counts_vcpus(site: TwoPools) -> bool:
    """More than the record says, which a source of that release has counted itself."""
    site.madrid.set(site.web, VCPUs_max=7, memory_overhead=0)
    (move,) = evaluate(site.site, away(site, site.web)).resolved.moves
    return move.memory_there > move.memory


def _keeps_memory_at_home(site: TwoPools) -> bool:
    """The disks move, the VM stays on its host, where there is room for what it must have but not for what it holds."""
    host, pool = site.madrid.get(site.web).resident_on, site.madrid
    pool.set(site.web, memory_dynamic_min=GiB, memory_dynamic_max=8 * GiB)
    pool.set(pool.get(site.web).metrics, memory_actual=8 * GiB)
    draft = pool.move(site.web, destination=pool.id).on(site.web, host).on_same_sr(pool.sr("other", "nfs"))
    (move,) = evaluate(site.site, draft).resolved.moves
    metrics = pool.get(host).metrics
    surplus = pool.inventory().free_memory(host) - move.memory - GiB
    pool.set(metrics, memory_total=pool.get(metrics).memory_total - surplus)
    return severity(evaluate(site.site, draft), "R42") is Severity.warn


def _offers_formats(site: TwoPools) -> bool:
    driver, *_rest = site.lisboa.get_all("SM", type="nfs")
    site.lisboa.set(driver, supported_image_formats=["vhd", "qcow2"])
    return formats(evaluate(site.site, away(site, site.web)).resolved.moves) != ()


def _needs_no_port_80(site: TwoPools) -> bool:
    for host in site.lisboa.hosts:
        site.lisboa.set(host, https_only=True)
    return "R17" not in blocks(evaluate(site.site, away(site, site.web)))


_SIDES: list[tuple[Since, Effect, str, str]] = [
    (Since.HTTPS_DISKS, _needs_no_port_80, "22.31.0", "source"),
    (Since.MOVES_DISKS_WHILE_DISABLED, _moves_while_disabled, "1.300.0", "source"),
    (Since.IMPORT_CHECKS_PROCESSOR, _compares_snapshots, "24.39.0", "both"),
    (Since.MIRRORS_INTO_NEWER_DRIVERS, _receives, "25.2.0", "source"),
    (Since.CBT_ONLY_WHERE_MOVING, _tracked_may_stay, "25.14.0", "source"),
    (Since.NO_BALLOONING_AT_HOME, _keeps_memory_at_home, "25.17.0", "source"),
    (Since.MIRRORS_FROM_NEWER_DRIVERS, _sends, "25.19.0", "source"),
    (Since.REASONS_OF_GUESTS, _guest_refuses, "25.23.0", "source"),
    (Since.DRIVERS_COUNT_AGAIN, _driver_is_enough, "25.26.0", "source"),
    (Since.MEMORY_PER_VCPU, _counts_vcpus, "26.2.0", "destination alone"),
    (Since.REFRESHED_SESSIONS, _stays_logged_in, "26.5.0", "source"),
    (Since.GUESTS_MATTER_LIVE, _only_live, "26.12.0", "source"),
    (Since.SENDS_WITHOUT_ROOM, _any_host_sends, "26.13.0", "source"),
    (Since.CHOOSES_FORMATS, _offers_formats, "26.14.0", "both"),
]
_DECIDES = {
    "source": lambda source, _target: source,
    "both": lambda source, target: source and target,
    "destination alone": lambda source, target: target and not source,
}


@pytest.mark.parametrize("newer", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    ("change", "effect", "before", "decides"), _SIDES, ids=lambda value: getattr(value, "name", "")
)
def test_the_side_that_decides(
    change: Since, effect: Effect, before: str, decides: str, newer: tuple[bool, bool]
) -> None:
    site = TwoPools()
    for pool, is_newer in ((site.madrid, newer[0]), (site.lisboa, newer[1])):
        run(pool, change.value if is_newer else before)
    assert effect(site) is _DECIDES[decides](*newer)


def test_the_release_before_is_the_one_before() -> None:
    for change, _effect, before, _decides in _SIDES:
        (major, minor, *_), first = version_of(before), version_of(change.value)
        assert (major, minor + 1) == first[:2]


@pytest.mark.parametrize("operation", ["metadata_export", "snapshot"])
def test_an_export_of_metadata_is_nowhere_called_busy(operation: str) -> None:
    """It passes by itself, whatever release there is on either side."""
    for release in ("24.10.0", "25.26.0", "25.27.0", "26.17.0"):
        site = TwoPools()
        run(site.madrid, release)
        run(site.lisboa, release)
        site.madrid.set(site.web, current_operations={"OpaqueRef:task": operation})
        for draft in (inside(site, site.web), away(site, site.web)):
            assert ("R06" in rules(evaluate(site.site, draft))) is (operation == "snapshot")


def test_a_halted_vm_that_still_names_a_host_is_halted() -> None:
    """Only for a moment while it goes down: nothing follows from where it was."""
    for release in ("24.10.0", "26.17.0"):
        plain, still = TwoPools(), TwoPools()
        for site in (plain, still):
            run(site.madrid, release)
            run(site.lisboa, release)
            home = site.madrid.get(site.web).resident_on
            site.madrid.set(site.web, power_state="Halted", resident_on="OpaqueRef:NULL")
        still.madrid.set(still.web, resident_on=home)
        for draft in (inside, away):
            expected = evaluate(plain.site, draft(plain, plain.web))
            found = evaluate(still.site, draft(still, still.web))
            assert rules(found) == rules(expected)
            (move,) = found.resolved.moves
            assert not move.runs_on
            assert not move.is_running
